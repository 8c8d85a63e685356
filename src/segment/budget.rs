//! The heap bytes that a store may take and those that it takes.
//!
//! The one writer counts what its next snapshot would take before it publishes. Readers ask for room
//! before they keep an order, the positions of dead rows in one, or the rows of a term. Both meet here,
//! so that the published snapshot never takes more than the budget. Nobody waits, but the writer counts
//! again if readers keep or give back something while it counts.
//!
//! # Invariants
//!
//! * `used` is at least what the published snapshot takes, and what is about to be published. It may be
//!   more: a reader announces what it will keep before it asks for room, and the writer reads that
//!   before it counts. So what is kept or given back meanwhile may be counted twice until the next
//!   count, but is never missed; the same goes for what a reader replaces.
//! * Readers are given room up to the budget and no further.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use crate::model::sync::{AtomicU64, AtomicUsize};

/// The bits of `used` that are bytes, up to 256 TiB. The bits above count its changes, so that the
/// writer also sees changes that add up to no bytes. It would miss exactly 65,536 changes, or a
/// multiple, during one count.
const BYTES_BITS: u32 = 48;
const BYTES_MASK: u64 = (1 << BYTES_BITS) - 1;

/// The heap bytes that a store may take, and how it spends them.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    /// The bytes of texts from which on a column packs them.
    packed_bytes_min: usize,
    /// The bytes, and in the bits above them the count of changes.
    used: AtomicU64,
    /// The bytes that readers are about to keep.
    pending: AtomicUsize,
}

/// Room for something that a reader is about to keep; given back unless it is kept.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    bytes: usize,
    is_kept: bool,
}

impl Budget {
    /// Makes a budget of a number of bytes, or one without a limit, of a store that packs no texts.
    #[cfg(test)]
    pub(crate) fn new(bytes_max: Option<usize>) -> Arc<Budget> {
        Budget::with_packing(bytes_max, usize::MAX)
    }

    /// Makes a budget of a number of bytes, or one without a limit, of a store whose columns pack
    /// their long texts from a number of bytes on.
    pub(crate) fn with_packing(bytes_max: Option<usize>, packed_bytes_min: usize) -> Arc<Budget> {
        Arc::new(Budget {
            bytes_max: bytes_max.unwrap_or(usize::MAX),
            packed_bytes_min,
            used: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
        })
    }

    /// Asks for room for something to keep.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation<'_>> {
        let mut reservation = Reservation {
            budget: self,
            bytes: 0,
            is_kept: true,
        };
        if self.is_unlimited() {
            return Some(reservation);
        }
        let more = |used: u64| {
            let sum = bytes_of(used).checked_add(bytes);
            sum.filter(|&sum| sum <= self.bytes_max)
                .map(|sum| changed(used, sum))
        };
        // Asked before it is announced, so that what is refused is rarely pending.
        more(self.used.load(SeqCst))?;
        self.pending.fetch_add(bytes, SeqCst);
        reservation.bytes = bytes;
        // What is refused here is not in `used`, so it has nothing to give back there.
        self.used.fetch_update(SeqCst, SeqCst, more).ok()?;
        reservation.is_kept = false;
        Some(reservation)
    }

    /// Raises the count to what the writer is about to publish, if that is within the budget.
    ///
    /// `count_bytes` counts it, with all that readers keep in it by now. The count still covers what is
    /// published so far, as readers go on filling that; call [`settle`](Budget::settle) once it is
    /// replaced.
    ///
    /// # Errors
    ///
    /// The bytes that it would take, with those that readers are about to keep; the count is left as it
    /// was.
    pub(crate) fn admit(&self, count_bytes: impl Fn() -> usize) -> Result<(), usize> {
        self.count(count_bytes, |used, bytes| {
            (bytes <= self.bytes_max).then(|| used.max(bytes))
        })
    }

    /// Sets the count to what is published, once that has changed or what was admitted is given up.
    pub(crate) fn settle(&self, count_bytes: impl Fn() -> usize) {
        // It is never refused.
        let _ = self.count(count_bytes, |_, bytes| Some(bytes));
    }

    /// Counts the bytes, and stores what `choose` makes of the bytes so far and those counted.
    fn count(
        &self,
        count_bytes: impl Fn() -> usize,
        choose: impl Fn(usize, usize) -> Option<usize>,
    ) -> Result<(), usize> {
        if self.is_unlimited() {
            return Ok(());
        }
        loop {
            let seen = self.used.load(SeqCst);
            let pending = self.pending.load(SeqCst);
            let bytes = count_bytes().saturating_add(pending);
            let chosen = choose(bytes_of(seen), bytes).ok_or(bytes)?;
            let counted = changed(seen, chosen);
            let swapped = self.used.compare_exchange(seen, counted, SeqCst, SeqCst);
            if swapped.is_ok() {
                return Ok(());
            }
        }
    }

    /// Returns whether the budget has no limit.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.bytes_max == usize::MAX
    }

    /// Returns the bytes of long texts from which on a column packs them; `usize::MAX` for never.
    pub(crate) fn packed_bytes_min(&self) -> usize {
        self.packed_bytes_min
    }

    /// Returns the bytes that may be taken.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }
}

fn bytes_of(used: u64) -> usize {
    // On machines with shorter integers no budget is as large as what does not fit.
    usize::try_from(used & BYTES_MASK).unwrap_or(usize::MAX)
}

/// Returns the value of `used` after a change to a number of bytes.
fn changed(used: u64, bytes: usize) -> u64 {
    let changes_count = (used >> BYTES_BITS).wrapping_add(1);
    changes_count << BYTES_BITS | (bytes as u64).min(BYTES_MASK)
}

impl Reservation<'_> {
    /// Notes that the bytes are now kept where the writer counts them.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let less = |used: u64| Some(changed(used, bytes_of(used).saturating_sub(self.bytes)));
            // It cannot fail: there is always a next value.
            let _ = self.budget.used.fetch_update(SeqCst, SeqCst, less);
        }
        if self.bytes > 0 {
            self.budget.pending.fetch_sub(self.bytes, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_and_the_writer_share_what_there_is() {
        let budget = Budget::new(Some(100));
        assert_eq!(budget.admit(|| 101), Err(101));
        assert_eq!(budget.admit(|| 60), Ok(()));
        // What is published until then takes as much, whatever is to come.
        assert_eq!(budget.admit(|| 10), Ok(()));
        assert!(budget.reserve(41).is_none());
        let kept = budget.reserve(30).unwrap();
        assert!(budget.reserve(11).is_none());
        // What is being kept counts beside what is there.
        assert_eq!(budget.admit(|| 71), Err(101));
        kept.keep();
        drop(budget.reserve(10).unwrap());
        assert_eq!(budget.admit(|| 95), Ok(()));
        budget.settle(|| 95);
        assert!(budget.reserve(6).is_none());
        assert!(budget.reserve(5).is_some());
        assert!(budget.reserve(usize::MAX).is_none());
    }

    #[test]
    fn a_count_that_was_overtaken_is_made_again() {
        let budget = Budget::new(Some(100));
        budget.admit(|| 50).unwrap();
        let first = std::cell::Cell::new(budget.reserve(30));
        let (counts, kept) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let count = || {
            let bytes = 50 + kept.get();
            counts.set(counts.get() + 1);
            if counts.get() == 1 {
                // Given back and reserved again, and kept once it was counted.
                drop(first.take());
                budget.reserve(30).unwrap().keep();
                kept.set(30);
            }
            bytes
        };
        budget.admit(count).unwrap();
        assert_eq!(counts.get(), 2);
        assert!(budget.reserve(21).is_none());
        assert!(budget.reserve(20).is_some());
    }

    #[test]
    fn without_a_budget_there_is_room() {
        let budget = Budget::new(None);
        assert_eq!(budget.admit(|| usize::MAX), Ok(()));
        assert!(budget.reserve(usize::MAX).is_some());
    }
}
