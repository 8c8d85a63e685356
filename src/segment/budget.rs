//! How many heap bytes a store may take, and how many it takes.
//!
//! The one writer counts what its next snapshot would take before it publishes; readers ask
//! for room before they keep an order or the rows of a term. Both meet here, so that the
//! published snapshot never takes more than the budget, and nobody waits.
//!
//! # Invariants
//!
//! * `used` is at least what the published snapshot takes, and at most the budget. It may be
//!   more: a reader says what it is about to keep before it asks, and the writer looks at
//!   that first, so what is kept in that moment may count twice, never not at all; and what
//!   a reader replaces by something newer counts until the writer counts anew.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use crate::model::sync::AtomicUsize;

/// The heap bytes that a store may take.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
    /// What readers keep in this moment.
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
    /// Makes a budget of so many bytes, or of any.
    pub(crate) fn new(bytes_max: Option<usize>) -> Arc<Budget> {
        Arc::new(Budget {
            bytes_max: bytes_max.unwrap_or(usize::MAX),
            used: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
        })
    }

    /// Asks for room for something to keep.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation<'_>> {
        self.pending.fetch_add(bytes, SeqCst);
        let mut reservation = Reservation {
            budget: self,
            bytes,
            is_kept: false,
        };
        let more = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.bytes_max);
        if self.used.fetch_update(SeqCst, SeqCst, more).is_err() {
            // Nothing was added that could be given back.
            reservation.is_kept = true;
            return None;
        }
        Some(reservation)
    }

    /// Makes what the writer is about to publish the count, if it is within the budget.
    ///
    /// `count_bytes` counts it, with all that readers keep in it by now.
    ///
    /// # Errors
    ///
    /// The bytes that it would take; the count is then as it was.
    pub(crate) fn admit(&self, count_bytes: impl Fn() -> usize) -> Result<(), usize> {
        self.count(count_bytes, self.bytes_max)
    }

    /// Makes what is published the count again, after what was admitted was not published.
    pub(crate) fn settle(&self, count_bytes: impl Fn() -> usize) {
        // Nothing exceeds what an integer can say.
        let _ = self.count(count_bytes, usize::MAX);
    }

    fn count(&self, count_bytes: impl Fn() -> usize, bytes_max: usize) -> Result<(), usize> {
        if self.is_unlimited() {
            return Ok(());
        }
        loop {
            let seen = self.used.load(SeqCst);
            let pending = self.pending.load(SeqCst);
            let bytes = count_bytes().saturating_add(pending);
            if bytes > bytes_max {
                return Err(bytes);
            }
            let swapped = self.used.compare_exchange(seen, bytes, SeqCst, SeqCst);
            if swapped.is_ok() {
                return Ok(());
            }
        }
    }

    /// Returns whether there is room for anything.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.bytes_max == usize::MAX
    }

    /// Returns the bytes that may be taken.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }
}

impl Reservation<'_> {
    /// Notes that what there was room for is kept where the writer counts it.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.budget.used.fetch_sub(self.bytes, SeqCst);
        }
        self.budget.pending.fetch_sub(self.bytes, SeqCst);
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
        let kept = budget.reserve(30).unwrap();
        assert!(budget.reserve(11).is_none());
        // What is being kept counts beside what is there.
        assert_eq!(budget.admit(|| 71), Err(101));
        kept.keep();
        drop(budget.reserve(10).unwrap());
        assert_eq!(budget.admit(|| 95), Ok(()));
        assert!(budget.reserve(6).is_none());
        assert!(budget.reserve(5).is_some());
    }

    #[test]
    fn without_a_budget_there_is_room() {
        let budget = Budget::new(None);
        assert_eq!(budget.admit(|| usize::MAX), Ok(()));
        assert!(budget.reserve(usize::MAX).is_some());
    }
}
