//! Commits from many threads, which wait for the disk together.
//!
//! A durable commit is as quick as the disk syncs, so threads that take turns at a store commit
//! together no faster than one alone. A [`Committer`] lets them share the wait: while one thread
//! commits, the batches of the others gather, and the next one commits them all by
//! [`Store::commit_together`].
//!
//! # Invariants
//!
//! * A call returns when its own batch is committed, in a durable store on disk, or refused.
//! * Which batches are committed together depends on when they come, and no outcome but the number
//!   of the commit depends on that: each is applied after those that came before it, and whole.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::group::Group;
use super::{Commit, Store};
use crate::model::batch::Batch;
use crate::model::error::{Error, ErrorKind};

const PANICKED: &str = "the thread that committed the batch for this one panicked; what the store \
                        holds tells whether the commit was made";

/// Commits batches to a shared store, those of several threads at once.
///
/// A clone is another handle to the same. What else the store is for goes by its mutex, which a
/// commit holds for as long as it takes: loads, or a [`Maintainer`](super::Maintainer) of the same
/// store, which runs its merges.
///
/// No thread is started: of the threads that wait one commits for all. For a single thread it is
/// [`Store::commit`].
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
    /// One is enough for all threads: only batches that go by the same committer, or by a clone of it, are
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
    /// It returns when the batch is committed: every snapshot that is taken from then on shows it, and a
    /// durable store has it on disk. The version is that of the commit which the batch became a part
    /// of, so several calls may return the same one.
    ///
    /// # Errors
    ///
    /// Those of [`Store::commit`]. A batch that breaks a rule is refused alone; an error of the store's
    /// [`Journal`](crate::Journal) is that of every batch which was to be committed together.
    /// [`ErrorKind::Storage`] also where another thread committed for this one and panicked.
    ///
    /// # Cost
    ///
    /// That of the commit that is under way when it comes, and of the next, which is its own.
    pub fn commit(&self, batch: Batch) -> Result<Commit, Error> {
        let Shared { store, group } = &*self.shared;
        let outcome = group.run(
            batch,
            // A commit that panicked has changed nothing, or has been published.
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

/// Prints nothing of the store, which a commit may hold.
impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}
