//! Two threads that share the work of sealing an index.
//!
//! The thread that waits for an index has nothing else to do, so it [helps](Helper::help): it does tasks
//! that the sealing thread offers. A task that nobody has taken when its result is needed is done by the
//! thread that offered it, so that one thread is enough.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Task = Box<dyn FnOnce() + Send>;

/// The task that is on offer.
#[derive(Default)]
struct Slot {
    task: Option<Task>,
    /// The number of tasks that were offered; the last one has this number.
    count: u64,
    is_closed: bool,
}

/// A slot in which one thread offers tasks and another takes them. Clones share the slot.
#[derive(Clone, Default)]
pub(super) struct Helper(Arc<(Mutex<Slot>, Condvar)>);

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper").finish_non_exhaustive()
    }
}

impl Helper {
    /// Locks the slot. No task runs while it is locked, so a panic leaves it whole.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the tasks that other threads offer, until [`close`](Helper::close) is called.
    pub(super) fn help(&self) {
        let mut slot = self.slot();
        while !slot.is_closed {
            if let Some(task) = slot.task.take() {
                drop(slot);
                task();
                slot = self.slot();
            } else {
                let woken = self.0.1.wait(slot);
                slot = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Ends [`help`](Helper::help) in every thread.
    pub(super) fn close(&self) {
        self.slot().is_closed = true;
        self.0.1.notify_all();
    }

    /// Offers a task and returns its number; returns the task where another one is on offer.
    fn offer(&self, task: Task) -> Result<u64, Task> {
        let mut slot = self.slot();
        if slot.task.is_some() {
            return Err(task);
        }
        slot.task = Some(task);
        slot.count += 1;
        self.0.1.notify_one();
        Ok(slot.count)
    }

    /// Takes back the task of a number, unless another thread has taken it.
    fn withdraw(&self, number: u64) -> Option<Task> {
        let mut slot = self.slot();
        let is_last = slot.count == number;
        is_last.then(|| slot.task.take()).flatten()
    }

    /// Runs two functions, at the same time where another thread helps.
    pub(super) fn join<A, B: Send + 'static>(
        &self,
        own: impl FnOnce() -> A,
        other: impl FnOnce() -> B + Send + 'static,
    ) -> (A, B) {
        let (outbox, inbox) = channel();
        let other: Task = Box::new(move || {
            // A panic goes on in the thread that waits for the result; the helping thread goes on to help.
            let outcome = panic::catch_unwind(AssertUnwindSafe(other));
            // The receiver is gone only where its own thread panicked.
            let _ = outbox.send(outcome);
        });
        let number = self.offer(other);
        let own = own();
        // A task is left where nobody has taken it, or another one was on offer.
        let left = match number {
            Ok(number) => self.withdraw(number),
            Err(other) => Some(other),
        };
        if let Some(task) = left {
            task();
        }
        match inbox.recv() {
            Ok(Ok(other)) => (own, other),
            Ok(Err(cause)) => panic::resume_unwind(cause),
            Err(_) => unreachable!("every task sends its outcome"),
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
    fn tasks_are_done_with_help_and_without() {
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
