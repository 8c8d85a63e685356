//! The first bytes of long texts, kept side by side.
//!
//! In an order by a long text the first bytes decide between most rows. Each text is elsewhere in memory,
//! so that reading the first bytes of many texts mostly waits for memory. Once requests have read as many
//! as a column has texts, those of all texts are kept beside each other, and a row takes a few nanoseconds.
//!
//! # Cost
//!
//! Eight bytes a text, and about 50 ns for each of them, once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::budget::Budget;

/// The first bytes of the texts of a column, as soon as they are kept.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    kept: OnceLock<Box<[u64]>>,
    /// Whether a reader is making them. Others read the texts meanwhile.
    is_claimed: AtomicBool,
    /// How many texts requests have read.
    reads: AtomicU64,
}

impl Prefixes {
    /// Returns the first bytes of each text, where they are kept.
    pub(super) fn get(&self) -> Option<&[u64]> {
        self.kept.get().map(|kept| &**kept)
    }

    /// Notes that a request is about to read the first bytes of some texts, and keeps those of all texts
    /// from now on, where as many reads as there are texts were noted and the budget has room.
    pub(super) fn expect(
        &self,
        reads: u64,
        texts_count: usize,
        budget: &Budget,
        make: impl FnOnce() -> Box<[u64]>,
    ) {
        if self.kept.get().is_some() {
            return;
        }
        // A reader may see a little less; then the bytes are kept a little later.
        let before = self.reads.fetch_add(reads, Ordering::Relaxed);
        let is_worth = before.saturating_add(reads) >= texts_count as u64;
        if !is_worth || self.is_claimed.swap(true, Ordering::SeqCst) {
            return;
        }
        match budget.reserve(texts_count * size_of::<u64>()) {
            Some(reservation) => {
                self.kept.get_or_init(make);
                reservation.keep();
            }
            None => self.is_claimed.store(false, Ordering::SeqCst),
        }
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        self.get().map_or(0, size_of_val)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_once_as_many_were_read_and_there_is_room() {
        let prefixes = Prefixes::default();
        let expect = |reads, bytes_max| {
            let budget = Budget::new(Some(bytes_max));
            prefixes.expect(reads, 9, &budget, || (0..9).collect());
            prefixes.get().is_some()
        };
        assert!(!expect(8, 72));
        assert!(!expect(1, 71), "no room");
        assert_eq!(prefixes.bytes(), 0);
        assert!(expect(0, 72));
        assert_eq!(prefixes.get().unwrap()[8], 8);
        assert_eq!(prefixes.bytes(), 72);
    }
}
