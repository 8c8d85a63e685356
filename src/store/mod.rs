//! The writer's side: batches in, snapshots out.
//!
//! What it costs, first. **One writer.** A [`Store`] is not `Clone`, so whoever owns it
//! is the one writer; two writers share a mutex around it. **A commit builds a
//! segment.** Its tickets are indexed before it returns, and the rows that they replace
//! are marked dead, not erased: their memory goes when their segment is merged, or with the
//! last live row of it. **A patch
//! that leaves the searchable texts of a ticket in a large segment alone indexes nothing:** it
//! keeps the new values beside the old row ([`Revision`]), and the first reader who asks for a
//! field makes its column, which merges carry from then on. **Now and
//! then a commit merges** small segments, up to 16,384 rows of them, and takes as long as
//! that takes; readers do not notice. **Large merges are the caller's to schedule:** until a
//! [`MergeJob`] is run and installed, large segments gather, and many segments are slower
//! to read than one. **What is dead stays while as much is live:** see [`Store`] for the bound.
//! A held snapshot, and an answer from it, keeps what it names alive.
//!
//! What it buys: a [`Reader`] takes a [`Snapshot`] without waiting, also in the middle
//! of a commit, and sees all of a batch or nothing of it. A commit becomes visible in one
//! atomic swap, when `commit` returns at the latest; a refused batch changes nothing,
//! not even the list of custom names. A batch sees its own earlier lines. A snapshot
//! held through any number of commits answers as it did. A store that was opened on a
//! [`Journal`] publishes only what the journal has committed.
//!
//! **Commits are numbered** from 1, each row with the number of its own, and what a commit removes goes
//! into a log that snapshots share ([`Snapshot::removed_since`]). So what changed since a number can be
//! asked for like anything else. A number that a journal has seen is not given again.
//!
//! # Invariants
//!
//! * A tid is live in at most one row of the published snapshot.
//! * Names enter the list in the order of the records, and never leave.
//! * Only checked tickets reach a segment.
//!
//! # Cost
//!
//! A commit is linear in its batch, plus a look-up of each tid in each segment, plus a
//! copy of the tombstone blocks that it marks, plus adding its rows to what readers keep of dead ones,
//! plus its share of the merges that it brings
//! on: a ticket is rewritten a few times by commits and again by jobs (see [`tiers`] for how
//! often, and for how many segments there are). The worst commit merges 16,384 rows, and as
//! many revised ones of each large segment. While a merge runs it holds its result beside its
//! inputs. Taking a snapshot is one atomic load.

mod changes;
mod committer;
mod group;
mod job;
mod loaded;
mod maintainer;
mod publisher;
mod replay;
#[cfg(feature = "durable")]
mod restore;
mod tiers;
mod written;

use std::fmt;
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use crate::import::{Import, ImportBlock, Imported};
use crate::journal::{Change, Journal};
use crate::model::batch::Batch;
use crate::model::error::{Error, ErrorKind};
use crate::model::sync::ArcSwap;
use crate::model::{Texts, Ticket};
use crate::segment::builder::SegmentBuilder;
use crate::segment::packed_texts::PACKED_BYTES_MIN;
#[cfg(doc)]
use crate::segment::revision::Revision;
use crate::snapshot::{LiveSegment, Parts, Snapshot};
use changes::{Changes, enter_names};
use job::merge_live;
use loaded::what_is_left;
use publisher::Publisher;
use replay::Replay;
use tiers::COMMIT_ROWS_MAX;
use written::{append_forgotten, append_names, begin, write_changes};

pub use committer::Committer;
pub use job::{MergeJob, Merged};
pub use maintainer::Maintainer;

/// How a store behaves.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Options, Store, Ticket};
///
/// let mut store = Store::new(Options::default().memory_bytes_max(1 << 20));
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 1, summary: "word ".repeat(1 << 20), ..Ticket::default() });
/// let error = store.commit(batch).unwrap_err();
/// assert_eq!((error.code(), error.is_request()), ("too_much_memory", false));
/// assert_eq!(store.snapshot().tickets_count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    memory_bytes_max: Option<usize>,
    texts: Texts,
    packed_bytes_min: usize,
    threads: usize,
    commit_rows_max: u32,
    removals_max: usize,
}

/// The removals that a store tells of unless that is set.
const REMOVALS_MAX: usize = 1_000_000;

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_bytes_max: None,
            texts: Texts::default(),
            packed_bytes_min: PACKED_BYTES_MIN,
            threads: 1,
            commit_rows_max: COMMIT_ROWS_MAX,
            removals_max: REMOVALS_MAX,
        }
    }
}

impl Options {
    /// Sets the most heap bytes that the published snapshot may take, as
    /// [`Snapshot::memory`] counts them; without this there is no limit.
    ///
    /// A commit or a load that would exceed it fails, and no ticket changes. What readers keep
    /// for the next request counts too: past the limit the rows of a term are found, used and
    /// dropped, and orders that are not there yet are not made, so that requests are answered
    /// in slower ways. A commit, a load or a merge that has room without what they keep, and
    /// not with it, drops all of it but the orders, and what a merge makes has none of it: readers
    /// ask again. Outside of the limit are a batch or a load until
    /// it is sealed, a merge until it is installed (at most the size of its inputs again), and
    /// what held snapshots keep alive. A patch costs what putting the whole ticket does, as
    /// everything is made by the commit that counts it.
    #[must_use]
    pub fn memory_bytes_max(mut self, bytes: usize) -> Options {
        self.memory_bytes_max = Some(bytes);
        self
    }

    /// Sets how long texts are kept: [fast](Texts::Fast) unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Options, Store, Texts};
    ///
    /// let store = Store::new(Options::default().texts(Texts::Compact));
    /// assert_eq!(store.snapshot().tickets_count(), 0);
    /// ```
    #[must_use]
    pub fn texts(mut self, texts: Texts) -> Options {
        self.texts = texts;
        self
    }

    /// Sets how many removals [`Snapshot::removed_since`] can tell of; a million unless set.
    ///
    /// Past that whole commits are forgotten, the oldest first, so the removals of a commit that
    /// alone has more are forgotten at once. Each takes 16 bytes, which count as
    /// [`Memory::removals`](crate::Memory::removals), and about as many in the file of a durable store.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Options, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default().removals_max(1));
    /// store.commit((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }).collect())?;
    /// for tid in [4, 7] {
    ///     let mut batch = Batch::new();
    ///     batch.remove(tid);
    ///     store.commit(batch)?;
    /// }
    /// let snapshot = store.snapshot();
    /// assert_eq!(snapshot.removed_since(2)?.next().unwrap().tid, 7);
    /// let error = snapshot.removed_since(1).unwrap_err();
    /// assert_eq!(error.code(), "version_too_old");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn removals_max(mut self, count: usize) -> Options {
        self.removals_max = count;
        self
    }

    /// Sets how many threads [`Store::open`] may use, with the caller's own; two are of use.
    ///
    /// A load goes by [`Import::threads`] instead; commits start none.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Options {
        self.threads = count;
        self
    }

    /// Sets from how many bytes on a segment's subjects or summaries are packed, so that small stores
    /// pack too.
    #[doc(hidden)]
    #[must_use]
    pub fn packed_bytes_min(mut self, bytes: usize) -> Options {
        self.packed_bytes_min = bytes;
        self
    }

    /// Returns from how many bytes on long texts are packed; the greatest number is never.
    fn packed_from(&self) -> usize {
        match self.texts {
            Texts::Fast => usize::MAX,
            Texts::Compact => self.packed_bytes_min,
        }
    }

    /// Sets how many rows a commit may merge, so that small stores merge too, or never.
    #[doc(hidden)]
    #[must_use]
    pub fn commit_rows_max(mut self, rows: u32) -> Options {
        self.commit_rows_max = rows;
        self
    }
}

/// What a commit came to.
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
    /// The tickets of that snapshot.
    pub tickets_count: u64,
}

/// What a load came to.
///
/// ```
/// use ticketdex::{Import, ImportFormat, Options, Store};
///
/// let mut store = Store::new(Options::default());
/// let import = Import::new(ImportFormat::JsonLines, "{\"tid\":7}\nno\n".as_bytes());
/// let loaded = store.load(import.skip_bad(true))?;
/// assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (1, 1));
/// assert_eq!(loaded.commit.tickets_count, 1);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The tickets, records skipped, and bytes read.
    pub imported: Imported,
    /// The commit that published them.
    pub commit: Commit,
}

/// Tickets, and the one right to change them.
///
/// # Memory
///
/// What is replaced or removed is marked dead, and goes when its segment is merged, or at once
/// when nothing of the segment is live. A segment is due to be merged when less than half of it
/// is live, by its rows or by the bytes that these take: a small one (up to 8,192 rows) is merged
/// by a commit, a larger one by a job. So when [`merge_job`](Store::merge_job) returns none, at
/// most as many rows are dead as there are tickets, and at most as many bytes of subjects and
/// summaries, but for small segments that the next commits merge. Texts of other fields are kept
/// once for all rows that have them, and are not weighed. With the last ticket goes everything
/// but the names of custom fields and the log of removals, which has a
/// [bound](Options::removals_max).
///
/// Snapshots, answers and chunks that are held keep what they were made from, as do a
/// [`MergeJob`] and its result. What is let go is the allocator's, which may keep it for what
/// comes next: the README says how much that is.
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
    /// The version at which a merge was refused for want of memory.
    merges_stopped_at: Option<u64>,
    /// Never locked, only borrowed by the one writer: a journal need not be `Sync`, a store is.
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
        reason = "options are of no use to a caller whose store has them"
    )]
    pub fn new(options: Options) -> Store {
        Store {
            publisher: Publisher::new(&options),
            merges_stopped_at: None,
            journal: None,
        }
    }

    /// Makes a store in memory of these tickets, as one segment; of a tid that stands twice the
    /// last counts.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Store::commit).
    ///
    /// # Cost
    ///
    /// That of a commit that puts them all: they are held twice until it returns. A
    /// [`load`](Store::load) is for what comes from a stream.
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

    /// Makes a store of what a journal has committed, which commits to it from now on.
    ///
    /// Everything is published at once, as one segment, and as the version of the last commit.
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

    /// Waits until every commit is out of danger, where the store's [`Journal`] may lose some.
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

    /// Applies a batch in order and as a whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidTicket`] or [`ErrorKind::InvalidValue`] where a ticket or a
    /// patch breaks a rule, [`ErrorKind::UnknownTicket`] where a patched ticket is not
    /// there, [`ErrorKind::TooManyCustomFields`], [`ErrorKind::TooMuchMemory`], and those
    /// of the store's [`Journal`]. After an error every answer is as before.
    ///
    /// # Cost
    ///
    /// See the module: the batch, a look-up a segment, and the tombstone blocks marked.
    pub fn commit(&mut self, batch: Batch) -> Result<Commit, Error> {
        let snapshot = self.snapshot();
        let changes = Changes::of(batch, &snapshot, &self.publisher)?;
        write_changes(&changes, &snapshot, &self.publisher, &mut self.journal)
    }

    /// Applies several batches, each as a whole or not at all, as one commit.
    ///
    /// The outcomes are those of the batches, in their order. A later batch sees what an earlier
    /// one did. One that breaks a rule is refused alone, and the others are as if it had not been
    /// there. Those that are applied have one version, become visible together, and in a
    /// durable store wait for the disk together: that is what this call is for.
    /// [`Committer`] makes such groups of what threads commit at the same time.
    ///
    /// # Errors
    ///
    /// Of each batch those of [`commit`](Store::commit). One of the store's [`Journal`] is that of
    /// every batch that no rule refuses, and none of them is applied. Where the memory budget has no room
    /// for all together, each is committed alone, in its order.
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

    /// Adds the tickets of an import, replacing those whose tids are there already.
    ///
    /// All of them become one segment and visible at once, when the whole input has been
    /// read. Where the import skips bad records, a ticket with one custom name too many
    /// is skipped too.
    ///
    /// # Errors
    ///
    /// Those of [`Import::for_each_block`], [`ErrorKind::TooManyTickets`] past the 2^32 − 2
    /// rows of a segment, [`ErrorKind::TooMuchMemory`], and those of the store's [`Journal`];
    /// the store is then as it was.
    ///
    /// # Cost
    ///
    /// Linear in the input; at most a few blocks of tickets are held as such. With
    /// [`Import::threads`] above 1, one of the threads indexes words, which is about half of
    /// the work, and the others read and parse.
    pub fn load<R: BufRead>(&mut self, import: Import<R>) -> Result<Loaded, Error> {
        self.load_onto(import, true)
    }

    /// Puts the tickets of an import in the place of all that the store holds.
    ///
    /// The custom names stay: a name never leaves a store. Errors and cost are those of
    /// [`load`](Store::load).
    ///
    /// ```
    /// use ticketdex::{Import, ImportFormat, Options, Store};
    ///
    /// let mut store = Store::new(Options::default());
    /// store.load(Import::new(ImportFormat::JsonLines, "{\"tid\":1}".as_bytes()))?;
    /// store.replace(Import::new(ImportFormat::JsonLines, "{\"tid\":2}".as_bytes()))?;
    /// let snapshot = store.snapshot();
    /// assert!(snapshot.get(1).is_none() && snapshot.get(2).is_some());
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn replace<R: BufRead>(&mut self, import: Import<R>) -> Result<Loaded, Error> {
        self.load_onto(import, false)
    }

    fn load_onto<R: BufRead>(
        &mut self,
        import: Import<R>,
        keeps_others: bool,
    ) -> Result<Loaded, Error> {
        let (publisher, snapshot) = (&self.publisher, self.publisher.snapshot());
        let skips_bad = import.skips_bad();
        let version = snapshot.next_version();
        let mut transaction = begin(&mut self.journal);
        transaction.append(Change::Commit(version))?;
        if !keeps_others {
            transaction.append(Change::RemoveAll)?;
        }
        let mut names = Arc::clone(&snapshot.parts().names);
        let threads = import.threads_count();
        let mut builder = SegmentBuilder::with_threads(threads);
        builder.enter_commit(version);
        // One of the threads is the builder's.
        let import = import.threads(threads.saturating_sub(1));
        let imported = import.for_each_located(|block| {
            let ImportBlock {
                tickets,
                positions,
                refused,
            } = block;
            let mut taken = 0;
            let names_before = names.as_slice().len();
            for (at, position) in positions.iter().enumerate() {
                match enter_names(&mut names, &tickets[at]) {
                    Ok(()) => {
                        tickets.swap(taken, at);
                        taken += 1;
                    }
                    Err(error) if skips_bad => refused.push(error.at(*position)),
                    Err(error) => return Err(error.at(*position)),
                }
            }
            publisher.check_room(&builder, taken)?;
            append_names(&mut transaction, &names.as_slice()[names_before..])?;
            transaction.append(Change::Put(&tickets[..taken]))?;
            builder.insert(&tickets[..taken], &names);
            Ok(())
        })?;
        let (mut segments, removed) = what_is_left(&snapshot, builder.tids(), keeps_others);
        segments.extend(publisher.seal(builder));
        let parts = publisher.next(&snapshot, segments, names, removed.iter().copied());
        let forgotten = parts.forgotten_since(&snapshot);
        let prepared = publisher.prepare(parts)?;
        if transaction.is_journaled() {
            // Those of a commit that alone has too many are forgotten at once.
            let mut told = removed.iter().filter(|_| forgotten != Some(version));
            told.try_for_each(|&tid| transaction.append(Change::Remove(tid)))?;
            append_forgotten(&mut transaction, forgotten)?;
        }
        transaction.commit()?;
        let commit = prepared.publish();
        Ok(Loaded { imported, commit })
    }

    /// Returns the most urgent merge that is too large for a commit, if one is due.
    ///
    /// The caller runs it where it likes, also while this store goes on, and hands the
    /// result to [`install`](Store::install). Without such merges a store answers as well,
    /// but ever slower: each segment that waits adds a few microseconds to a request.
    /// Taking a second job before the first is installed gives the same merge again.
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

    /// Publishes a merge; what was replaced or removed since the job was taken stays so.
    ///
    /// No answer changes, so the version does not either. Where the segments that were
    /// merged are no longer there, by another merge, by [`replace`](Store::replace) or because
    /// their last ticket went, the merge is dropped and no answer changes. So it is where the
    /// memory budget has no room for it; then no job is offered until the next commit.
    ///
    /// # Cost
    ///
    /// A look-up for each ticket that was replaced or removed meanwhile.
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

    /// Merges all segments into one, now and on the calling thread.
    ///
    /// For after a load, or before a long time of reading: nothing answers faster than one
    /// segment. Nothing happens where there is one already, without dead rows. What is past
    /// the 2^32 − 2 rows of a segment stays in others.
    ///
    /// # Cost
    ///
    /// That of a merge job of every ticket.
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
        let places = choose(snapshot.segments());
        let inputs = places.iter().map(|&at| snapshot.segments()[at].clone());
        let budget = self.publisher.budget();
        (!places.is_empty()).then(|| MergeJob::new(inputs.collect(), budget))
    }
}

#[cfg(test)]
mod dead_rows;
#[cfg(all(test, loom))]
mod interleavings;
#[cfg(test)]
mod tests;
