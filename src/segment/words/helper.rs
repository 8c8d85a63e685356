//! A second thread for parts of a sealing.
//!
//! Whoever waits for an index to be sealed has nothing else to do, and may as well [help](Helper::help).
//! A part that nobody has taken by the time that it is needed is done by who has put it up, so one thread is
//! enough for everything.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Part = Box<dyn FnOnce() + Send>;

/// Where one part waits for who takes it.
#[derive(Default)]
struct Slot {
    part: Option<Part>,
    /// How many parts were put up; the number of the last one.
    count: u64,
    is_closed: bool,
}

/// The way of parts from one thread to another; clones are of the same way.
#[derive(Clone, Default)]
pub(super) struct Helper(Arc<(Mutex<Slot>, Condvar)>);

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper").finish_non_exhaustive()
    }
}

impl Helper {
    /// No part runs while the slot is locked, so a panic leaves it as it was.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does parts that others put up, until [`close`](Helper::close).
    pub(super) fn help(&self) {
        let mut slot = self.slot();
        while !slot.is_closed {
            if let Some(part) = slot.part.take() {
                drop(slot);
                part();
                slot = self.slot();
            } else {
                let woken = self.0.1.wait(slot);
                slot = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Sends who helps away.
    pub(super) fn close(&self) {
        self.slot().is_closed = true;
        self.0.1.notify_all();
    }

    /// Puts a part up and returns its number, or the part where another is waiting.
    fn put_up(&self, part: Part) -> Result<u64, Part> {
        let mut slot = self.slot();
        if slot.part.is_some() {
            return Err(part);
        }
        slot.part = Some(part);
        slot.count += 1;
        self.0.1.notify_one();
        Ok(slot.count)
    }

    /// Returns the part of a number, unless it was taken.
    fn take_back(&self, number: u64) -> Option<Part> {
        let mut slot = self.slot();
        let is_last = slot.count == number;
        is_last.then(|| slot.part.take()).flatten()
    }

    /// Does two parts, at the same time where somebody helps.
    pub(super) fn join<A, B: Send + 'static>(
        &self,
        own: impl FnOnce() -> A,
        other: impl FnOnce() -> B + Send + 'static,
    ) -> (A, B) {
        let (outbox, inbox) = channel();
        let other: Part = Box::new(move || {
            // A panic shows where the result is waited for, and the helper goes on.
            let outcome = panic::catch_unwind(AssertUnwindSafe(other));
            // Who waits is gone only where it panicked itself.
            let _ = outbox.send(outcome);
        });
        let number = self.put_up(other);
        let own = own();
        // Nobody has taken it, or there was no place for it.
        let left = match number {
            Ok(number) => self.take_back(number),
            Err(other) => Some(other),
        };
        if let Some(part) = left {
            part();
        }
        match inbox.recv() {
            Ok(Ok(other)) => (own, other),
            Ok(Err(cause)) => panic::resume_unwind(cause),
            Err(_) => unreachable!("a part sends what it comes to"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn sum(helper: &Helper, numbers: std::ops::Range<u64>) -> u64 {
        let middle = numbers.start.midpoint(numbers.end);
        if middle == numbers.start {
            return numbers.sum();
        }
        let (own, other) = (numbers.start..middle, middle..numbers.end);
        let clone = helper.clone();
        let (own, other) = helper.join(|| sum(helper, own), move || sum(&clone, other));
        own + other
    }

    #[test]
    fn parts_are_done_with_help_and_without() {
        let helper = Helper::default();
        assert_eq!(sum(&helper, 0..100), 4950);
        let outcome = thread::scope(|scope| {
            scope.spawn(|| helper.help());
            let outcome = (0..100).all(|_| sum(&helper, 0..100) == 4950);
            helper.close();
            outcome
        });
        assert!(outcome);
    }
}
