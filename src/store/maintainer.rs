//! The loop that runs the merges of a store that several threads share.
//!
//! A store offers the merges that are too large for a commit, and its caller decides when and where they
//! run. Most services need the same loop for that: look at intervals, run what is due without locking the
//! store, install the result, and stop when told. This module is that loop. It starts no thread: the
//! thread that calls [`run`](Maintainer::run) does the merging.
//!
//! # Invariants
//!
//! * The store is locked while a job is taken and while its result is installed, and never while the
//!   job runs, so writers wait no longer than for another commit.
//! * Each call of [`run`](Maintainer::run) runs one merge at a time, so only one result is held beside
//!   the store.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Store;

/// The time between two looks at a store that has nothing to merge.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the merges of a shared store on the caller's thread until it is stopped.
///
/// A clone is another handle to the same maintainer: one is moved to the thread that calls
/// [`run`](Maintainer::run), another stays where [`stop`](Maintainer::stop) is called. In an
/// asynchronous program `run` belongs on a thread for blocking work, such as tokio's
/// `spawn_blocking`.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::thread;
/// use ticketdex::{Batch, Maintainer, Store, Ticket};
///
/// let store = Arc::new(Mutex::new(Store::default()));
/// let maintainer = Maintainer::new(Arc::clone(&store));
/// let merging = thread::spawn({
///     let maintainer = maintainer.clone();
///     move || maintainer.run()
/// });
///
/// let batch: Batch = (1..=9).map(|tid| Ticket { tid, ..Ticket::default() }).collect();
/// store.lock().unwrap().commit(batch)?;
///
/// maintainer.stop();
/// merging.join().unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Maintainer {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Mutex<Store>>,
    is_stopped: Mutex<bool>,
    stopped: Condvar,
}

impl Maintainer {
    /// Makes the maintainer of a store. Nothing runs yet.
    pub fn new(store: Arc<Mutex<Store>>) -> Maintainer {
        Maintainer {
            shared: Arc::new(Shared {
                store,
                is_stopped: Mutex::new(false),
                stopped: Condvar::new(),
            }),
        }
    }

    /// Runs every merge as it becomes due, on the calling thread; returns once it is stopped.
    ///
    /// A merge that runs when `stop` is called is finished and installed first. Where the store's
    /// mutex is poisoned by a writer that panicked, merging goes on: its commit has changed nothing, or
    /// was published whole. Several threads may run one maintainer, but they would repeat each other's
    /// merges.
    ///
    /// # Cost
    ///
    /// A look at the store ten times a second, and the merges (see [`Store::merge_job`]).
    pub fn run(&self) {
        while !self.pause() {
            // A finished merge may make the next one due.
            while self.merge() && !self.is_stopped() {}
        }
    }

    /// Runs the merge that is due, if one is, and installs it; false where none was due.
    ///
    /// This is for callers that have a loop of their own and do not call [`run`](Maintainer::run).
    pub fn merge(&self) -> bool {
        let job = lock(&self.shared.store).merge_job();
        let Some(job) = job else {
            return false;
        };
        let merged = job.run();
        lock(&self.shared.store).install(merged);
        true
    }

    /// Makes every [`run`](Maintainer::run) of this maintainer return, including later calls.
    pub fn stop(&self) {
        *lock(&self.shared.is_stopped) = true;
        self.shared.stopped.notify_all();
    }

    fn is_stopped(&self) -> bool {
        *lock(&self.shared.is_stopped)
    }

    /// Waits until it is time to look again; true where the maintainer is stopped.
    fn pause(&self) -> bool {
        let is_stopped = lock(&self.shared.is_stopped);
        let waited = self
            .shared
            .stopped
            .wait_timeout_while(is_stopped, PAUSE, |is_stopped| !*is_stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Locks a mutex, also a poisoned one: what it guards stays whole where a thread panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Maintainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maintainer")
            .field("is_stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::model::Ticket;
    use crate::model::batch::Batch;
    use crate::store::Options;

    fn commit(store: &Mutex<Store>, tids: std::ops::Range<u64>) {
        let tickets = tids.map(|tid| Ticket {
            tid,
            ..Ticket::default()
        });
        lock(store).commit(tickets.collect::<Batch>()).unwrap();
    }

    #[test]
    fn what_is_due_is_merged_until_it_is_stopped() {
        let options = Options::default().commit_rows_max(0);
        let store = Arc::new(Mutex::new(Store::new(options)));
        for first in 0..8 {
            commit(&store, first * 10 + 1..first * 10 + 11);
        }
        let segments_count = || lock(&store).snapshot().segments().len();
        assert_eq!(segments_count(), 8);
        let maintainer = Maintainer::new(Arc::clone(&store));
        let running = thread::spawn({
            let maintainer = maintainer.clone();
            move || maintainer.run()
        });
        while lock(&store).merge_job().is_some() {
            thread::yield_now();
        }
        maintainer.stop();
        running.join().unwrap();
        assert!(segments_count() < 8);
        assert_eq!(lock(&store).snapshot().tickets_count(), 80);
        // It stays stopped.
        maintainer.run();
        assert!(!maintainer.merge());
    }

    #[test]
    fn a_writer_that_panicked_does_not_end_the_merging() {
        let options = Options::default().commit_rows_max(0);
        let store = Arc::new(Mutex::new(Store::new(options)));
        for first in 0..8 {
            commit(&store, first * 10 + 1..first * 10 + 11);
        }
        let poisoned = Arc::clone(&store);
        let panicked = thread::spawn(move || {
            let _store = poisoned.lock();
            panic!("planted");
        });
        assert!(panicked.join().is_err() && store.is_poisoned());
        assert!(Maintainer::new(Arc::clone(&store)).merge());
    }
}
