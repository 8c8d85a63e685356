//! Commits from many threads, which wait for the disk together.
//!
//! A durable commit takes as long as the disk takes to sync, so threads that commit to a store in turn
//! are together no faster than one alone. A [`Committer`] lets them share the wait: while one thread
//! commits, the batches of the others gather, and the next thread commits them all by
//! [`Store::commit_together`]. A `Group` decides which thread that is.
//!
//! # Invariants
//!
//! * A call returns once its own batch is committed (in a durable store, as [`Store::commit`] is) or
//!   refused.
//! * Which batches are committed together depends on when they come, but their outcomes differ in the
//!   number of the commit only: each is applied whole, after those that came before it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::group::Group;
use super::{Commit, Store};
use crate::model::batch::Batch;
use crate::model::error::{Error, ErrorKind};

const PANICKED: &str = "the thread that committed the batch for this one panicked; what the store \
                        holds tells whether the commit was made";

/// Commits batches to a shared store; batches of several threads can share one commit.
///
/// A clone is another handle to the same committer. For anything else, such as loads, lock the store's
/// mutex, which each commit holds while it runs; a [`Maintainer`](super::Maintainer) of the same store
/// runs its merges.
///
/// No thread is started: one of the threads that wait commits for all. With a single thread, a call is
/// the same as [`Store::commit`].
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::thread;
/// use ticketdex::{Batch, Committer, Store, Ticket};
///
/// let store = Arc::new(Mutex::new(Store::default()));
/// let committer = Committer::new(Arc::clone(&store));
/// thread::scope(|scope| {
///     for tid in 1..=8 {
///         let committer = &committer;
///         scope.spawn(move || {
///             let mut batch = Batch::new();
///             batch.put(Ticket { tid, ..Ticket::default() });
///             let commit = committer.commit(batch).unwrap();
///             assert!((1..=8).contains(&commit.version)); // of its own, or shared with others
///         });
///     }
/// });
/// assert_eq!(store.lock().unwrap().snapshot().tickets_count(), 8);
/// ```
#[derive(Clone)]
pub struct Committer {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Mutex<Store>>,
    group: Group<Batch, Result<Commit, Error>>,
}

impl Committer {
    /// Makes a committer to a store.
    ///
    /// All threads should share one: only batches given to the same committer, or to a clone of it, are
    /// committed together.
    pub fn new(store: Arc<Mutex<Store>>) -> Committer {
        Committer {
            shared: Arc::new(Shared {
                store,
                group: Group::default(),
            }),
        }
    }

    /// Commits a batch, alone or together with those of other threads.
    ///
    /// It returns once the batch is committed: every snapshot that is taken afterwards shows it, and a
    /// durable store has it on disk (unless its options let commits return earlier). The version is that
    /// of the commit which the batch became a part of, so several calls may return the same one.
    ///
    /// # Errors
    ///
    /// Those of [`Store::commit`]. A batch that breaks a rule is refused alone; an error of the store's
    /// [`Journal`](crate::Journal) is returned for every batch of the group. [`ErrorKind::Storage`] also
    /// where another thread committed for this one and panicked.
    ///
    /// # Cost
    ///
    /// The rest of the commit that is under way when the call is made, and then its own.
    pub fn commit(&self, batch: Batch) -> Result<Commit, Error> {
        let Shared { store, group } = &*self.shared;
        let outcome = group.run(
            batch,
            // The commit of a thread that panicked has changed nothing, or has been published whole.
            || store.lock().unwrap_or_else(PoisonError::into_inner),
            |mut store, batches| store.commit_together(batches),
        );
        outcome.unwrap_or_else(|| {
            let storage = ErrorKind::Storage {
                path: None,
                reason: PANICKED,
                source: "a panic".into(),
            };
            Err(storage.into())
        })
    }

    /// Returns the store that it commits to.
    pub fn store(&self) -> &Arc<Mutex<Store>> {
        &self.shared.store
    }
}

/// Prints nothing of the store, which a commit may have locked.
impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}
