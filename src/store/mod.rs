//! The writer's side: batches in, snapshots out.
//!
//! The costs first. **There is one writer.** A [`Store`] is not `Clone`, so whoever owns it is the
//! writer; several writers share a mutex around it. **A commit builds a segment.** Its tickets are
//! indexed before it returns. The rows that they replace are marked dead and not erased: their memory
//! is freed when their segment is merged or has lost its last live row. **A patch indexes nothing**
//! where the ticket is in a large segment and keeps its searchable texts: the new values are kept
//! beside the old row ([`Revision`]), and the first reader who needs a field makes its column, which
//! merges then carry along. **Some commits merge** small segments, up to 16,384 rows of them, and take
//! correspondingly longer; readers do not notice. **The caller schedules large merges:** until a [`MergeJob`]
//! is run and installed, large segments accumulate, and many segments are slower to read than one.
//! **Dead rows stay** as long as there are more live ones; [`Store`] states the bound. A snapshot that
//! is held, or an answer from it, keeps its segments in memory.
//!
//! The benefits: a [`Reader`] takes a [`Snapshot`] without waiting, also in the middle of a commit, and
//! sees all of a batch or nothing of it. A commit becomes visible in one atomic swap, at the latest when
//! `commit` returns; a refused batch changes nothing, not even the list of custom names. A batch sees its
//! own earlier lines. A snapshot gives the same answers however many commits follow it. A store that was
//! opened on a [`Journal`] publishes only what the journal has committed.
//!
//! **Commits are numbered** from 1. Each row has the number of its commit, and the tickets that a commit
//! removes go into a log that snapshots share ([`Snapshot::removed_since`]), so a request can ask for
//! what changed since a number. A number that a journal has seen is not given again.
//!
//! # Invariants
//!
//! * A tid is live in at most one row of the published snapshot.
//! * Custom names enter the list in the order of the records, and never leave it.
//! * Only checked tickets reach a segment.
//!
//! # Cost
//!
//! A commit costs time linear in its batch, a look-up of each tid in each segment, a copy of the
//! tombstone blocks that it changes, an update of what readers keep about dead rows, and its share of
//! merges: a ticket is rewritten a few times by commits and again by jobs ([`tiers`] says how often, and
//! how many segments there are). The worst commit merges 16,384 rows, and as many revised rows of each
//! large segment. A merge holds its result beside its inputs. Taking a snapshot is one atomic load.

mod changes;
mod committer;
mod group;
mod job;
mod load;
mod maintainer;
mod options;
mod publisher;
mod replay;
#[cfg(feature = "durable")]
mod restore;
mod tiers;
mod written;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(doc)]
use crate::import::Import;
use crate::journal::Journal;
use crate::model::Ticket;
use crate::model::batch::Batch;
use crate::model::error::{Error, ErrorKind};
use crate::model::sync::ArcSwap;
#[cfg(doc)]
use crate::segment::Revision;
use crate::snapshot::{LiveSegment, Parts, Snapshot};
use changes::Changes;
use job::merge_live;
use publisher::Publisher;
use replay::Replay;
use written::write_changes;

pub use committer::Committer;
pub use job::{MergeJob, Merged};
pub use load::Loaded;
pub use maintainer::Maintainer;
pub use options::Options;

/// The outcome of a commit.
///
/// ```
/// use ticketdex::{Batch, Options, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 1, ..Ticket::default() });
/// let commit = store.commit(batch)?;
/// assert_eq!((commit.version, commit.tickets_count), (1, 1));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// The number of the commit, which is the version of the snapshot that it published.
    pub version: u64,
    /// The number of tickets in that snapshot.
    pub tickets_count: u64,
}

/// The tickets, and the only right to change them.
///
/// # Memory
///
/// The row of a replaced or removed ticket is marked dead. It is freed when its segment is merged, or
/// at once when the segment has no live row left. A segment is due to be merged when less than half of
/// it is live, by rows or by the bytes that they take: a small one (up to 8,192 rows) is merged by a
/// commit, a larger one by a job. So when [`merge_job`](Store::merge_job) returns none, there are at
/// most as many dead rows as tickets, and at most as many dead bytes of subjects and summaries as live
/// ones, except in small segments that the next commits merge. Texts of other fields are kept once for
/// all rows that have them, and are not weighed. When the last ticket is removed, everything is freed
/// except the names of custom fields and the log of removals, which has a
/// [bound](Options::removals_max).
///
/// Snapshots, answers and chunks keep the segments that they were made from for as long as they are
/// held, as do a [`MergeJob`] and its result. Freed memory goes to the allocator, which may keep it for
/// later use; the README says how much that is.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Options, Patch, Query, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let reader = store.reader();
/// let mut batch = Batch::new();
/// batch
///     .put(Ticket { tid: 7, status: "Open".into(), ..Ticket::default() })
///     .patch(7, Patch::new().set(Field::Status, "Closed"));
/// store.commit(batch)?;
///
/// let query: Query = "status=closed".parse()?;
/// assert_eq!(reader.snapshot().answer(&query).total(), 1);
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub struct Store {
    publisher: Publisher,
    /// The version at which the memory budget refused a merge.
    merges_stopped_at: Option<u64>,
    /// The mutex makes the store `Sync`, which a journal need not be; the writer borrows it and hardly
    /// ever locks it.
    journal: Option<Mutex<Box<dyn Journal>>>,
}

/// Prints the snapshot as it prints itself, and whether there is a journal.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("snapshot", &self.snapshot())
            .field("has_journal", &self.journal.is_some())
            .finish_non_exhaustive()
    }
}

/// The readers' side of a store: takes snapshots, from any thread, without waiting.
///
/// # Examples
///
/// ```
/// use ticketdex::{Options, Store};
///
/// let store = Store::new(Options::default());
/// let reader = store.reader();
/// let version = std::thread::spawn(move || reader.snapshot().version()).join();
/// assert_eq!(version.unwrap(), 0);
/// ```
#[derive(Clone)]
pub struct Reader {
    published: Arc<ArcSwap<Parts>>,
}

/// Prints the snapshot that the reader would take.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("snapshot", &self.snapshot())
            .finish()
    }
}

impl Reader {
    /// Returns the tickets as of the last commit. Cost: one atomic load.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.published.load_full())
    }
}

/// An empty store of the default options.
impl Default for Store {
    fn default() -> Store {
        Store::new(Options::default())
    }
}

impl Store {
    /// Makes an empty store.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a caller has no use for options once the store has them"
    )]
    pub fn new(options: Options) -> Store {
        Store {
            publisher: Publisher::new(&options),
            merges_stopped_at: None,
            journal: None,
        }
    }

    /// Makes a store in memory of these tickets, as one segment; of several tickets with one tid the last
    /// is kept.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Store::commit).
    ///
    /// # Cost
    ///
    /// That of one commit of all tickets, which are in memory twice until it returns. For tickets from a
    /// stream, use [`load`](Store::load).
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Store, Ticket};
    ///
    /// let store = Store::from_tickets((1..=3).map(|tid| Ticket { tid, ..Ticket::default() }))?;
    /// assert_eq!(store.snapshot().tickets_count(), 3);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn from_tickets(tickets: impl IntoIterator<Item = Ticket>) -> Result<Store, Error> {
        let mut store = Store::default();
        store.commit(tickets.into_iter().collect())?;
        Ok(store)
    }

    /// Makes a store of what a journal has committed; its own commits go to the same journal.
    ///
    /// All tickets are published at once, as one segment, with the number of the last commit as version.
    ///
    /// # Errors
    ///
    /// Those of [`Journal::replay`] and, for what it hands over, those of
    /// [`commit`](Store::commit).
    ///
    /// # Cost
    ///
    /// That of a [`load`](Store::load) of all the tickets that the journal hands over.
    pub fn open(options: Options, mut journal: impl Journal + 'static) -> Result<Store, Error> {
        let threads = options.threads;
        let mut store = Store::new(options);
        let mut replay = Replay::new(&store.publisher, threads);
        journal.replay(&mut |change| replay.take(change))?;
        let parts = replay.finish();
        store.journal = Some(Mutex::new(Box::new(journal)));
        store.publisher.prepare(parts)?.publish();
        Ok(store)
    }

    /// Waits until every commit is on disk, where the store's [`Journal`] lets commits return earlier.
    ///
    /// Does nothing for a store in memory.
    ///
    /// # Errors
    ///
    /// Those of [`Journal::sync`].
    pub fn sync(&mut self) -> Result<(), Error> {
        match &mut self.journal {
            Some(journal) => {
                let journal = journal.get_mut().unwrap_or_else(PoisonError::into_inner);
                journal.sync()
            }
            None => Ok(()),
        }
    }

    /// Returns a handle that takes snapshots.
    pub fn reader(&self) -> Reader {
        self.publisher.reader()
    }

    /// Returns the tickets as of the last commit.
    pub fn snapshot(&self) -> Snapshot {
        self.publisher.snapshot()
    }

    /// Applies the lines of a batch in order, all of them or none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidTicket`] or [`ErrorKind::InvalidValue`] where a ticket or a
    /// patch breaks a rule, [`ErrorKind::UnknownTicket`] where a patched ticket is not
    /// there, [`ErrorKind::TooManyCustomFields`], [`ErrorKind::TooMuchMemory`], and those
    /// of the store's [`Journal`]. After an error, the store answers as before.
    ///
    /// # Cost
    ///
    /// Linear in the batch, plus a look-up of each tid in each segment and a copy of the blocks in which
    /// replaced rows are marked dead. Some commits also merge small segments, up to 16,384 rows.
    pub fn commit(&mut self, batch: Batch) -> Result<Commit, Error> {
        let snapshot = self.snapshot();
        let changes = Changes::of(batch, &snapshot, &self.publisher)?;
        write_changes(&changes, &snapshot, &self.publisher, &mut self.journal)
    }

    /// Applies several batches, each as a whole or not at all, as one commit.
    ///
    /// Returns one outcome for each batch, in order. A later batch sees what an earlier one did. A batch
    /// that breaks a rule is refused alone, and the others are applied as if it had not been there. The
    /// applied batches have one version, become visible together, and in a durable store wait for the
    /// disk together, which is the purpose of this call. A [`Committer`] makes such groups of the
    /// batches that several threads commit at the same time.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Store::commit), for each batch. An error of the store's [`Journal`] is returned
    /// for every batch that breaks no rule, and none of them is applied. Where the memory budget has no
    /// room for all together, each is committed alone, in order.
    ///
    /// # Cost
    ///
    /// That of one commit of all their changes. With a memory budget, a copy of the batches.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Field, Patch, Store, Ticket};
    ///
    /// let mut store = Store::default();
    /// let mut refused = Batch::new();
    /// refused.remove(1).patch(7, Patch::new().set(Field::Status, "Closed"));
    /// let batches = vec![[Ticket { tid: 1, ..Ticket::default() }].into_iter().collect(), refused];
    ///
    /// let outcomes = store.commit_together(batches);
    /// assert_eq!(outcomes[0].as_ref().unwrap().version, 1);
    /// assert_eq!(outcomes[1].as_ref().unwrap_err().code(), "unknown_ticket");
    /// assert!(store.snapshot().get(1).is_some());
    /// ```
    pub fn commit_together(&mut self, batches: Vec<Batch>) -> Vec<Result<Commit, Error>> {
        if batches.len() <= 1 {
            return batches.into_iter().map(|it| self.commit(it)).collect();
        }
        let again = (!self.publisher.budget().is_unlimited()).then(|| batches.clone());
        let (outcomes, written) = {
            let snapshot = self.snapshot();
            let mut changes = Changes::none(&snapshot, &self.publisher);
            let added = batches.into_iter().map(|batch| changes.add(batch));
            let outcomes: Vec<Result<(), Error>> = added.collect();
            if outcomes.iter().all(Result::is_err) {
                let refused = outcomes.into_iter().filter_map(Result::err);
                return refused.map(Err).collect();
            }
            let journal = &mut self.journal;
            let written = write_changes(&changes, &snapshot, &self.publisher, journal);
            (outcomes, written)
        };
        let is_full = |error: &Error| matches!(error.kind(), ErrorKind::TooMuchMemory { .. });
        match (again, &written) {
            (Some(batches), Err(error)) if is_full(error) => {
                batches.into_iter().map(|it| self.commit(it)).collect()
            }
            _ => {
                let outcomes = outcomes.into_iter();
                outcomes
                    .map(|it| it.and_then(|()| written.clone()))
                    .collect()
            }
        }
    }

    /// Returns the most urgent merge that is too large for a commit, if one is due.
    ///
    /// The caller runs it on any thread, while the store goes on, and hands the result to
    /// [`install`](Store::install). A store that is never merged gives the same answers but gets slower:
    /// each further segment adds a few microseconds to a request. Taking a second job before the first is
    /// installed usually gives the same merge again.
    ///
    /// # Cost
    ///
    /// Taking one is a look at each segment. Running it is linear in its tickets; while it
    /// runs it holds its result beside its inputs, and they stay until the last snapshot
    /// that names them is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Options, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default());
    /// for first in [1, 9_001, 18_001, 27_001] {
    ///     let mut batch = Batch::new();
    ///     for tid in first..first + 9_000 {
    ///         batch.put(Ticket { tid, ..Ticket::default() });
    ///     }
    ///     store.commit(batch)?;
    /// }
    /// let job = store.merge_job().unwrap();
    /// assert_eq!(job.tickets_count(), 36_000);
    /// let mut removal = Batch::new();
    /// removal.remove(7); // meanwhile
    /// store.commit(removal)?;
    /// let commit = store.install(job.run());
    /// assert_eq!((commit.version, commit.tickets_count), (5, 35_999));
    /// assert!(store.merge_job().is_none());
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn merge_job(&self) -> Option<MergeJob> {
        self.job(|segments| tiers::choose_large(segments, self.publisher.commit_rows_max()))
    }

    /// Publishes the result of a merge; tickets that were replaced or removed since the job was taken stay
    /// so.
    ///
    /// No answer changes, so the version does not change either. The result is dropped where the merged
    /// segments are gone: by another merge, by [`replace`](Store::replace), or because their last ticket
    /// was removed. It is also dropped where the memory budget has no room for it; then no job is offered
    /// until the next commit.
    ///
    /// # Cost
    ///
    /// A look-up for each ticket that was replaced or removed since the job was taken.
    pub fn install(&mut self, merged: Merged) -> Commit {
        let snapshot = self.snapshot();
        if let Some(segments) = merged.put_into(&snapshot) {
            match self.publisher.prepare_again(segments) {
                Ok(prepared) => return prepared.publish(),
                Err(_) => self.merges_stopped_at = Some(snapshot.version()),
            }
        }
        self.publisher.current()
    }

    /// Merges all segments into one, on the calling thread.
    ///
    /// This is useful after a load, or before a long period of reads, since one segment answers fastest.
    /// Nothing happens where there is only one segment without dead rows. Segments that do not fit into
    /// the 2^32 − 4,096 rows of one stay apart.
    ///
    /// # Cost
    ///
    /// That of running a merge job of all tickets.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Options, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default());
    /// for tid in [1, 2] {
    ///     let mut batch = Batch::new();
    ///     batch.put(Ticket { tid, ..Ticket::default() });
    ///     store.commit(batch)?;
    /// }
    /// assert_eq!(store.merge_all().tickets_count, 2);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn merge_all(&mut self) -> Commit {
        match self.job(tiers::choose_all) {
            Some(job) => self.install(job.run()),
            None => self.publisher.current(),
        }
    }

    fn job(&self, choose: impl Fn(&[LiveSegment]) -> Vec<usize>) -> Option<MergeJob> {
        let snapshot = self.snapshot();
        if self.merges_stopped_at == Some(snapshot.version()) {
            return None;
        }
        let indexes = choose(snapshot.segments());
        let inputs = indexes.iter().map(|&at| snapshot.segments()[at].clone());
        let budget = self.publisher.budget();
        (!indexes.is_empty()).then(|| MergeJob::new(inputs.collect(), budget))
    }
}

#[cfg(test)]
mod dead_rows;
#[cfg(all(test, loom))]
mod interleavings;
#[cfg(test)]
mod tests;
