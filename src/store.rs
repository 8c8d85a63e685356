//! The writer's side: batches in, snapshots out.
//!
//! What it costs, first. **One writer.** A [`Store`] is not `Clone`, so whoever owns it
//! is the one writer; two writers share a mutex around it. **A commit builds a
//! segment.** Its tickets are indexed before it returns, and the rows that they replace
//! are marked dead, not erased: their memory goes when their segment does. **Many
//! segments are slower to read than one.** A held snapshot keeps what it names alive.
//!
//! What it buys: a [`Reader`] takes a [`Snapshot`] without waiting, also in the middle
//! of a commit, and sees all of a batch or nothing of it. A commit becomes visible in one
//! atomic swap, when `commit` returns at the latest; a refused batch changes nothing,
//! not even the list of custom names. A batch sees its own earlier lines. A snapshot
//! held through any number of commits answers as it did. A store that was opened on a
//! [`Journal`] publishes only what the journal has committed.
//!
//! # Invariants
//!
//! * A tid is live in at most one row of the published snapshot.
//! * Names enter the list in the order of the records, and never leave (spec section 1).
//! * Only checked tickets reach a segment.
//!
//! # Cost
//!
//! A commit is linear in its batch, plus a look-up of each tid in each segment, plus a
//! copy of the tombstone blocks that it marks. Taking a snapshot is one atomic load.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::import::{Import, Imported};
use crate::journal::{Change, Journal, Transaction};
use crate::model::Ticket;
use crate::model::batch::{Batch, BatchChange, Patch};
use crate::model::error::{Error, ErrorKind};
use crate::model::names::CustomNames;
use crate::segment::ROWS_MAX;
use crate::segment::builder::SegmentBuilder;
use crate::snapshot::{LiveSegment, Parts, Snapshot};

/// How a store behaves. There is nothing to choose yet; use `Options::default()`.
///
/// # Examples
///
/// ```
/// use ticketdex::{Options, Store};
///
/// assert_eq!(Store::new(Options::default()).snapshot().tickets_count(), 0);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {}

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
    /// The version of the snapshot that the commit published.
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
#[derive(Debug)]
pub struct Store {
    published: Arc<ArcSwap<Parts>>,
    /// Never locked, only borrowed by the one writer: a journal need not be `Sync`, a store is.
    journal: Option<Mutex<Box<dyn Journal>>>,
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
#[derive(Clone, Debug)]
pub struct Reader {
    published: Arc<ArcSwap<Parts>>,
}

impl Reader {
    /// Returns the tickets as of the last commit. Cost: one atomic load.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.published.load_full())
    }
}

impl Store {
    /// Makes an empty store.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "options will own what a store keeps"
    )]
    pub fn new(options: Options) -> Store {
        let Options {} = options;
        Store {
            published: Arc::default(),
            journal: None,
        }
    }

    /// Makes a store of what a journal has committed, which commits to it from now on.
    ///
    /// Everything is published at once, as one segment.
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
        let mut store = Store::new(options);
        let mut names = CustomNames::default();
        let mut builder = SegmentBuilder::new();
        let mut removed = BTreeSet::new();
        journal.replay(&mut |change| {
            match change {
                Change::Name(name) => names.enter([name])?,
                Change::Put(ticket) => {
                    ticket.check()?;
                    names.enter(ticket.custom_fields.iter().map(|(name, _)| name.as_str()))?;
                    insert(&mut builder, ticket, &names)?;
                    removed.remove(&ticket.tid);
                }
                Change::Remove(tid) => {
                    removed.insert(tid);
                }
                Change::RemoveAll => builder = SegmentBuilder::new(),
            }
            Ok(())
        })?;
        let mut sealed = seal(builder);
        if let Some(live) = &mut sealed {
            let dead = Arc::make_mut(&mut live.dead);
            for row in removed.iter().filter_map(|&tid| live.segment.row_of(tid)) {
                dead.insert(row);
            }
        }
        store.journal = Some(Mutex::new(Box::new(journal)));
        store.publish(Vec::new(), sealed, Arc::new(names));
        Ok(store)
    }

    /// Returns a handle that takes snapshots.
    pub fn reader(&self) -> Reader {
        Reader {
            published: Arc::clone(&self.published),
        }
    }

    /// Returns the tickets as of the last commit.
    pub fn snapshot(&self) -> Snapshot {
        self.reader().snapshot()
    }

    /// Applies a batch in order and as a whole (spec section 6).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidTicket`] or [`ErrorKind::InvalidValue`] where a ticket or a
    /// patch breaks a rule, [`ErrorKind::UnknownTicket`] where a patched ticket is not
    /// there, [`ErrorKind::TooManyCustomFields`], [`ErrorKind::TooManyTickets`], and those
    /// of the store's [`Journal`]. After an error nothing has changed.
    ///
    /// # Cost
    ///
    /// See the module: the batch, a look-up a segment, and the tombstone blocks marked.
    pub fn commit(&mut self, batch: Batch) -> Result<Commit, Error> {
        let snapshot = self.snapshot();
        let mut names = Arc::clone(&snapshot.parts().names);
        let mut changed: BTreeMap<u64, Option<Box<Ticket>>> = BTreeMap::new();
        for change in batch.into_changes() {
            match change {
                BatchChange::Put(ticket) => {
                    ticket.check()?;
                    enter_names(&mut names, &ticket)?;
                    changed.insert(ticket.tid, Some(ticket));
                }
                BatchChange::Patch(tid, patch) => {
                    let ticket = patched(&snapshot, changed.get(&tid), tid, &patch)?;
                    enter_names(&mut names, &ticket)?;
                    changed.insert(tid, Some(ticket));
                }
                BatchChange::Remove(tid) => {
                    changed.insert(tid, None);
                }
            }
        }
        let mut builder = SegmentBuilder::new();
        for ticket in changed.values().flatten() {
            builder.insert(ticket, &names);
        }
        let sealed = seal(builder);
        let mut segments = snapshot.segments().to_vec();
        mark_dead(&mut segments, &snapshot, changed.keys().copied());
        let mut transaction = self.begin();
        let names_before = snapshot.custom_names().len();
        append_names(&mut transaction, &names.as_slice()[names_before..])?;
        for (&tid, ticket) in &changed {
            let change = ticket.as_deref().map_or(Change::Remove(tid), Change::Put);
            transaction.append(change)?;
        }
        transaction.commit()?;
        Ok(self.publish(segments, sealed, names))
    }

    /// Adds the tickets of an import, replacing those whose tids are there already.
    ///
    /// All of them become one segment and visible at once, when the whole input has been
    /// read. Where the import skips bad records, a ticket with one custom name too many
    /// is skipped too.
    ///
    /// # Errors
    ///
    /// Those of [`Import::for_each_block`], and [`ErrorKind::TooManyTickets`]; the store is
    /// then as it was.
    ///
    /// # Cost
    ///
    /// Linear in the input; at most a few blocks of tickets are held as [`Ticket`]s.
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
        let snapshot = self.snapshot();
        let skips_bad = import.skips_bad();
        let mut transaction = self.begin();
        if !keeps_others {
            transaction.append(Change::RemoveAll)?;
        }
        let mut names = Arc::clone(&snapshot.parts().names);
        let mut builder = SegmentBuilder::new();
        let mut refused = 0;
        let mut imported = import.for_each_block(|tickets| {
            for ticket in tickets.drain(..) {
                let names_before = names.as_slice().len();
                match enter_names(&mut names, &ticket) {
                    Ok(()) => insert(&mut builder, &ticket, &names)?,
                    Err(_) if skips_bad => {
                        refused += 1;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                append_names(&mut transaction, &names.as_slice()[names_before..])?;
                transaction.append(Change::Put(&ticket))?;
            }
            Ok(())
        })?;
        imported.tickets -= refused;
        imported.skipped += refused;
        let mut segments = Vec::new();
        if keeps_others {
            segments = snapshot.segments().to_vec();
            if !segments.is_empty() {
                let mut tids = builder.tids().to_vec();
                tids.sort_unstable();
                tids.dedup();
                mark_dead(&mut segments, &snapshot, tids.into_iter());
            }
        }
        let sealed = seal(builder);
        transaction.commit()?;
        let commit = self.publish(segments, sealed, names);
        Ok(Loaded { imported, commit })
    }

    /// Begins a transaction on the journal, if there is one.
    fn begin(&mut self) -> Transaction<'_> {
        Transaction::begin(self.journal.as_mut().map(|journal| {
            let journal = journal.get_mut().unwrap_or_else(PoisonError::into_inner);
            &mut **journal
        }))
    }

    /// Publishes what was sealed beside the other segments.
    fn publish(
        &mut self,
        mut segments: Vec<LiveSegment>,
        sealed: Option<LiveSegment>,
        names: Arc<CustomNames>,
    ) -> Commit {
        segments.extend(sealed);
        segments.retain(|live| live.live_count() > 0);
        let version = self.published.load().version + 1;
        self.published.store(Arc::new(Parts {
            version,
            segments,
            names,
        }));
        Commit {
            version,
            tickets_count: self.snapshot().tickets_count(),
        }
    }
}

/// Adds a ticket to a segment being built, if there is room for its row.
fn insert(builder: &mut SegmentBuilder, ticket: &Ticket, names: &CustomNames) -> Result<(), Error> {
    if builder.rows_count() >= ROWS_MAX as usize {
        let rows_max = ROWS_MAX.into();
        return Err(ErrorKind::TooManyTickets { rows_max }.into());
    }
    builder.insert(ticket, names);
    Ok(())
}

/// Makes a segment of what was built, unless that is nothing.
fn seal(builder: SegmentBuilder) -> Option<LiveSegment> {
    (builder.rows_count() > 0).then(|| LiveSegment {
        segment: Arc::new(builder.seal()),
        dead: Arc::default(),
    })
}

/// Appends the names that entered the list.
fn append_names(transaction: &mut Transaction<'_>, entered: &[String]) -> Result<(), Error> {
    entered
        .iter()
        .try_for_each(|name| transaction.append(Change::Name(name)))
}

/// Returns a ticket as a patch leaves it: the batch's own earlier line, or the store's ticket.
fn patched(
    snapshot: &Snapshot,
    earlier: Option<&Option<Box<Ticket>>>,
    tid: u64,
    patch: &Patch,
) -> Result<Box<Ticket>, Error> {
    let ticket = match earlier {
        Some(earlier) => earlier.clone(),
        None => snapshot
            .get(tid)
            .map(|record| Box::new(Ticket::from(record))),
    };
    let mut ticket = ticket.ok_or(ErrorKind::UnknownTicket { tid })?;
    patch.apply(&mut ticket)?;
    ticket.check()?;
    Ok(ticket)
}

/// Adds a ticket's new custom names to the list; copies it only if there are any.
fn enter_names(names: &mut Arc<CustomNames>, ticket: &Ticket) -> Result<(), Error> {
    let held = || ticket.custom_fields.iter().map(|(name, _)| name.as_str());
    if held().all(|name| names.find(name).is_some()) {
        return Ok(());
    }
    Arc::make_mut(names).enter(held())
}

/// Marks the live rows of these tids, as they are in `snapshot`, dead in `segments`.
fn mark_dead(segments: &mut [LiveSegment], snapshot: &Snapshot, tids: impl Iterator<Item = u64>) {
    for id in tids.filter_map(|tid| snapshot.find(tid)) {
        Arc::make_mut(&mut segments[id.segment as usize].dead).insert(id.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ImportFormat;
    use crate::model::Field;

    fn ticket(tid: u64, status: &str) -> Ticket {
        let custom_fields = vec![(format!("c_{status}"), status.to_owned())];
        Ticket {
            tid,
            status: status.into(),
            custom_fields,
            ..Ticket::default()
        }
    }

    fn put(tickets: impl IntoIterator<Item = Ticket>) -> Batch {
        let mut batch = Batch::new();
        for ticket in tickets {
            batch.put(ticket);
        }
        batch
    }

    fn status(snapshot: &Snapshot, tid: u64) -> Option<String> {
        snapshot
            .get(tid)
            .map(|record| record.text(Field::Status).into_owned())
    }

    #[test]
    fn a_held_snapshot_answers_as_it_did() {
        let mut store = Store::new(Options::default());
        store.commit(put([ticket(1, "a"), ticket(2, "b")])).unwrap();
        let held = store.snapshot();
        let mut batch = put([ticket(1, "c")]);
        batch.remove(2);
        store.commit(batch).unwrap();
        assert_eq!(
            (held.tickets_count(), status(&held, 1).unwrap()),
            (2, "a".into())
        );
        let after = store.snapshot();
        assert_eq!(
            (after.tickets_count(), status(&after, 1).unwrap()),
            (1, "c".into())
        );
        assert_eq!(status(&after, 2), None);
        assert_eq!(held.check_invariants(), Ok(()));
        assert_eq!(after.check_invariants(), Ok(()));
    }

    #[test]
    fn a_refused_batch_changes_nothing() {
        let mut store = Store::new(Options::default());
        store.commit(put([ticket(1, "a")])).unwrap();
        let mut unknown = put([ticket(9, "x")]);
        unknown.patch(5, Patch::new());
        let mut removed = put([ticket(9, "x")]);
        removed.remove(9).patch(9, Patch::new());
        let mut bad_patch = put([ticket(9, "x")]);
        bad_patch.patch(9, Patch::new().set(Field::Locked, "maybe"));
        let names = (0..4096)
            .map(|n| (format!("n{n}"), String::new()))
            .collect();
        let many = put([Ticket {
            tid: 3,
            custom_fields: names,
            ..Ticket::default()
        }]);
        let invalid = put([ticket(9, "x"), Ticket::default()]);
        for batch in [unknown, removed, bad_patch, many, invalid] {
            assert!(store.commit(batch).is_err());
            let snapshot = store.snapshot();
            assert_eq!((snapshot.version(), snapshot.tickets_count()), (1, 1));
            assert_eq!(snapshot.custom_names(), ["c_a"]);
        }
    }

    #[test]
    fn a_batch_sees_its_own_earlier_lines() {
        let mut store = Store::new(Options::default());
        let mut batch = put([ticket(1, "a"), ticket(1, "b")]);
        batch.patch(
            1,
            Patch::new().set(Field::Subject, "s").set_custom("C_B", "B"),
        );
        batch.put(ticket(2, "gone")).remove(2);
        let commit = store.commit(batch).unwrap();
        assert_eq!(commit.tickets_count, 1);
        let snapshot = store.snapshot();
        let record = snapshot.get(1).unwrap();
        assert_eq!(
            (&*record.text(Field::Subject), record.custom("c_b")),
            ("s", "B")
        );
        // Names stay, also of tickets that were replaced or removed in the same batch.
        assert_eq!(snapshot.custom_names(), ["c_a", "c_b", "c_gone"]);
    }

    #[test]
    fn a_load_is_one_segment_or_nothing() {
        let mut store = Store::new(Options::default());
        store.commit(put([ticket(1, "a"), ticket(2, "b")])).unwrap();
        let lines =
            "{\"tid\":2,\"status\":\"x\"}\n{\"tid\":3}\n{\"tid\":0}\n{\"tid\":3,\"status\":\"y\"}";
        let import = || Import::new(ImportFormat::JsonLines, lines.as_bytes());
        assert!(store.load(import()).is_err());
        assert_eq!(store.snapshot().version(), 1);
        let loaded = store.load(import().skip_bad(true)).unwrap();
        assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (3, 1));
        let snapshot = store.snapshot();
        assert_eq!(
            (snapshot.segments().len(), snapshot.tickets_count()),
            (2, 3)
        );
        assert_eq!(status(&snapshot, 2).unwrap(), "x");
        assert_eq!(status(&snapshot, 3).unwrap(), "y");
        assert_eq!(snapshot.check_invariants(), Ok(()));
        store.replace(import().skip_bad(true)).unwrap();
        let replaced = store.snapshot();
        assert_eq!(
            (replaced.segments().len(), replaced.tickets_count()),
            (1, 2)
        );
        assert_eq!(replaced.custom_names(), ["c_a", "c_b"]);
    }

    #[test]
    fn a_skipped_ticket_adds_no_names() {
        let names: Vec<String> = (0..4095).map(|n| format!("\"n{n}\":\"\"")).collect();
        let lines = format!(
            "{{\"tid\":1,\"custom_fields\":{{{}}}}}\n{{\"tid\":2,\"custom_fields\":{{\"x\":\"\",\"y\":\"\"}}}}\n\
             {{\"tid\":3,\"custom_fields\":{{\"z\":\"\"}}}}",
            names.join(",")
        );
        let import = || Import::new(ImportFormat::JsonLines, lines.as_bytes());
        let mut store = Store::new(Options::default());
        assert_eq!(
            store.load(import()).unwrap_err().code(),
            "too_many_custom_fields"
        );
        let loaded = store.load(import().skip_bad(true)).unwrap();
        assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (2, 1));
        assert_eq!(store.snapshot().custom_names().last().unwrap(), "z");
    }

    #[test]
    fn segments_without_live_rows_go() {
        let mut store = Store::new(Options::default());
        store.commit(put([ticket(1, "a")])).unwrap();
        store.commit(put([ticket(1, "b")])).unwrap();
        assert_eq!(store.snapshot().segments().len(), 1);
        let mut batch = Batch::new();
        batch.remove(1).remove(77);
        assert_eq!(store.commit(batch).unwrap().tickets_count, 0);
        assert!(store.snapshot().segments().is_empty());
    }
}
