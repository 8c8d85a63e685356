//! The integers that order long texts, kept side by side.
//!
//! In an order by a long text the first bytes decide between most rows. Each text is elsewhere in memory,
//! so that reading the first bytes of many texts mostly waits for memory. Once requests have read as many
//! as a column has texts, an [integer](Splitters::key) for each text is kept, beside each other, and a row takes
//! a few nanoseconds.
//!
//! # Invariants
//!
//! * The integers that are kept are not the first bytes of the texts, so a request must not compare both. It
//!   takes [`Leads`](super::leads::Leads), which go on with what they began with.
//!
//! # Cost
//!
//! Eight bytes a text, and 50 ns for each of them, once; 150 where many texts begin alike.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::budget::Budget;
use super::splitters::{SPLITTERS_BYTES_MAX, Splitters};

/// An integer for each text of a column, and how it is made.
#[derive(Debug)]
pub(super) struct TextKeys {
    pub(super) splitters: Splitters,
    /// By the index of the text.
    pub(super) keys: Box<[u64]>,
}

/// The integers of the texts of a column, as soon as they are kept.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    kept: OnceLock<TextKeys>,
    /// Whether a reader is making them. Others read the texts meanwhile.
    is_claimed: AtomicBool,
    /// How many texts requests have read.
    reads: AtomicU64,
}

impl Prefixes {
    /// Returns the integers, where they are kept.
    pub(super) fn get(&self) -> Option<&TextKeys> {
        self.kept.get()
    }

    /// Notes that a request is about to read the first bytes of some texts, and keeps the integers of all texts
    /// from now on, where as many reads as there are texts were noted and the budget has room.
    pub(super) fn expect(
        &self,
        reads: u64,
        texts_count: usize,
        budget: &Budget,
        make: impl FnOnce() -> TextKeys,
    ) {
        if self.kept.get().is_some() {
            return;
        }
        // A reader may see a little less; then they are kept a little later.
        let before = self.reads.fetch_add(reads, Ordering::Relaxed);
        let is_worth = before.saturating_add(reads) >= texts_count as u64;
        if !is_worth || self.is_claimed.swap(true, Ordering::SeqCst) {
            return;
        }
        match budget.reserve(texts_count * size_of::<u64>() + SPLITTERS_BYTES_MAX) {
            Some(reservation) => {
                self.kept.get_or_init(make);
                reservation.keep();
            }
            None => self.is_claimed.store(false, Ordering::SeqCst),
        }
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        self.get()
            .map_or(0, |kept| size_of_val(&*kept.keys) + kept.splitters.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_once_as_many_were_read_and_there_is_room() {
        let prefixes = Prefixes::default();
        let room = 72 + SPLITTERS_BYTES_MAX;
        let expect = |reads, bytes_max| {
            let budget = Budget::new(Some(bytes_max));
            prefixes.expect(reads, 9, &budget, || TextKeys {
                splitters: Splitters::default(),
                keys: (0..9).collect(),
            });
            prefixes.get().is_some()
        };
        assert!(!expect(8, room));
        assert!(!expect(1, room - 1), "no room");
        assert_eq!(prefixes.bytes(), 0);
        assert!(expect(0, room));
        assert_eq!(prefixes.get().unwrap().keys[8], 8);
        assert_eq!(prefixes.bytes(), 72);
    }
}
