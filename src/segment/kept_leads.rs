//! The leads of long texts, kept side by side.
//!
//! A lead is an [integer](Splitters::lead) that orders a text, as far as it decides. In an order by a long text it
//! decides between most rows. Each text is elsewhere in memory, so that reading the first bytes of many texts mostly
//! waits for memory. Once requests have read as many as a column has texts, the leads of all texts are kept beside
//! each other, and a row takes a few nanoseconds.
//!
//! # Cost
//!
//! Eight bytes a text. To make them takes about 50 ns a text, and up to 300 where many texts begin alike.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::budget::Budget;
use super::splitters::{Splitters, splitters_bytes_max};

/// The leads of the texts of a column, and how they are made.
#[derive(Debug)]
pub(super) struct TextLeads {
    pub(super) splitters: Splitters,
    /// By the index of the text.
    pub(super) leads: Box<[u64]>,
}

/// The leads of the texts of a column, as soon as they are kept.
#[derive(Debug, Default)]
pub(super) struct KeptLeads {
    kept: OnceLock<TextLeads>,
    /// Whether a reader is making them. Others read the texts meanwhile.
    is_claimed: AtomicBool,
    /// How many texts requests have read.
    reads: AtomicU64,
}

impl KeptLeads {
    /// Returns the leads, where they are kept.
    pub(super) fn get(&self) -> Option<&TextLeads> {
        self.kept.get()
    }

    /// Notes that a request is about to read the first bytes of some texts, and keeps the leads of all texts
    /// from now on, where as many reads as there are texts were noted and the budget has room.
    pub(super) fn expect(
        &self,
        reads: u64,
        texts_count: usize,
        budget: &Budget,
        make: impl FnOnce() -> TextLeads,
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
        match budget.reserve(texts_count * size_of::<u64>() + splitters_bytes_max(texts_count)) {
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
            .map_or(0, |kept| size_of_val(&*kept.leads) + kept.splitters.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_once_as_many_were_read_and_there_is_room() {
        let kept = KeptLeads::default();
        let room = 72 + splitters_bytes_max(9);
        let expect = |reads, bytes_max| {
            let budget = Budget::new(Some(bytes_max));
            kept.expect(reads, 9, &budget, || TextLeads {
                splitters: Splitters::default(),
                leads: (0..9).collect(),
            });
            kept.get().is_some()
        };
        assert!(!expect(8, room));
        assert!(!expect(1, room - 1), "no room");
        assert_eq!(kept.bytes(), 0);
        assert!(expect(0, room));
        assert_eq!(kept.get().unwrap().leads[8], 8);
        assert_eq!(kept.bytes(), 72);
    }
}
