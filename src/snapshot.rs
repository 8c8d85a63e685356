//! What a reader holds: segments, their tombstones and the custom names, as of one commit.
//!
//! A [`Snapshot`] never changes. The store publishes a new one with each commit, in one
//! atomic swap; whoever holds the old one keeps it, whole, for as long as they like,
//! and what it costs is the memory of the segments that only it still names. Looking
//! one ticket up lives here; answering a request lives in `plan`.
//!
//! # Invariants
//!
//! * A tid has at most one live row over all segments.
//! * The custom columns of a segment go by indexes of this snapshot's list of names.
//! * What a revision revises is among the segments, though it may have no live row left.

mod delta;
mod memory;
mod record;
mod removals;
mod stats;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::model::Field;
use crate::model::error::Error;
#[cfg(doc)]
use crate::model::error::ErrorKind;
use crate::model::memory::ARC_BYTES;
use crate::model::names::CustomNames;
use crate::segment::{FRAME_BYTES, Revision, Segment, Tombstones};

pub(crate) use delta::Touched;
pub use memory::Memory;
pub use record::Record;
pub(crate) use removals::Removals;
pub use removals::{Removal, Removed};
pub use stats::FieldStats;

/// A segment with the marks of its dead rows.
#[derive(Clone, Debug)]
pub(crate) struct LiveSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) dead: Arc<Tombstones>,
    /// The bytes of long texts that no ticket has any more; none of a revision's rows, which
    /// count where the texts are.
    dead_text_bytes: u64,
}

impl LiveSegment {
    /// Takes a segment all of whose rows are live.
    pub(crate) fn new(segment: impl Into<Arc<Segment>>) -> LiveSegment {
        LiveSegment {
            segment: segment.into(),
            dead: Arc::default(),
            dead_text_bytes: 0,
        }
    }

    /// Takes a segment with the dead rows, and the bytes of dead texts, that an image has of it.
    #[cfg(feature = "durable")]
    pub(crate) fn restored(
        segment: Segment,
        dead: Tombstones,
        dead_text_bytes: u64,
    ) -> LiveSegment {
        LiveSegment {
            segment: Arc::new(segment),
            dead: Arc::new(dead),
            dead_text_bytes,
        }
    }

    /// Returns the bytes of long texts that no ticket has any more.
    #[cfg(feature = "durable")]
    pub(crate) fn dead_text_bytes(&self) -> u64 {
        self.dead_text_bytes
    }

    /// Marks a row dead. Its long texts are not counted as dead, since those of a revised row still belong
    /// to the ticket; the caller [counts](Self::bury_texts) those of other rows.
    pub(crate) fn mark_dead(&mut self, row: u32) {
        Arc::make_mut(&mut self.dead).insert(row);
    }

    /// Counts the long texts of rows as dead.
    pub(crate) fn bury_texts(&mut self, rows: impl Iterator<Item = u32>) {
        let bytes = rows.map(|row| self.segment.row_text_bytes(row));
        self.dead_text_bytes += bytes.sum::<u64>();
    }

    /// Returns the bytes of the long texts that tickets have.
    pub(crate) fn live_text_bytes(&self) -> u64 {
        self.segment.text_bytes() - self.dead_text_bytes
    }

    /// Returns how many rows are live.
    pub(crate) fn live_count(&self) -> u32 {
        self.segment.rows_count() - self.dead.count()
    }

    /// Returns whether the rows revise those of a segment.
    pub(crate) fn revises(&self, base: &Arc<Segment>) -> bool {
        let revision = self.segment.revision();
        revision.is_some_and(|revision| Arc::ptr_eq(revision.base(), base))
    }
}

/// Drops segments without a live row, but for those that live rows of others revise.
pub(crate) fn drop_empty(segments: &mut Vec<LiveSegment>) {
    segments.retain(|live| live.live_count() > 0 || live.segment.revision().is_none());
    let is_used = |segments: &[LiveSegment], at: usize| {
        let own: &LiveSegment = &segments[at];
        own.live_count() > 0 || segments.iter().any(|live| live.revises(&own.segment))
    };
    for at in (0..segments.len()).rev() {
        if !is_used(segments, at) {
            segments.remove(at);
        }
    }
}

/// Where a ticket is: a segment of a snapshot, and a row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowId {
    pub(crate) segment: u32,
    pub(crate) row: u32,
}

/// The tickets of a store as of one commit; cheap to clone, and unchanged while held.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Options, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let before = store.reader().snapshot();
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 7, subject: "Printer".into(), ..Ticket::default() });
/// store.commit(batch)?;
///
/// assert_eq!(before.tickets_count(), 0);
/// let after = store.reader().snapshot();
/// assert_eq!(after.tickets_count(), 1);
/// assert_eq!(after.get(7).unwrap().text(ticketdex::Field::Subject), "Printer");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot(Arc<Parts>);

/// Prints the version and how much there is; tickets may hold what no log should.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("version", &self.version())
            .field("tickets_count", &self.tickets_count())
            .field("segments_count", &self.segments_count())
            .finish_non_exhaustive()
    }
}

/// Tells the snapshots of one store from those of others; a store that is opened again is another.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreMark(Arc<()>);

impl StoreMark {
    /// Returns whether both are of one store.
    fn is_of(&self, other: &StoreMark) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What a snapshot is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// What all snapshots of a store share, and no two stores do.
    pub(crate) store: StoreMark,
    pub(crate) version: u64,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) names: Arc<CustomNames>,
    pub(crate) removals: Removals,
}

impl Parts {
    /// Returns the heap bytes, as [`Snapshot::memory`] counts them. Cost: a look at each order.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |live: &LiveSegment| live.segment.bytes() + live.dead.bytes();
        let segments: usize = self.segments.iter().map(bytes).sum();
        segments + self.names.bytes() + self.removals.bytes() + self.frame_bytes()
    }

    /// Returns the last commit whose removals are forgotten, where it is another than a snapshot's.
    pub(crate) fn forgotten_since(&self, snapshot: &Snapshot) -> Option<u64> {
        let forgotten = self.removals.forgotten();
        (forgotten != snapshot.0.removals.forgotten()).then_some(forgotten)
    }

    /// Returns the bytes that [`drop_kept`](Parts::drop_kept) gives back.
    pub(crate) fn kept_bytes(&self) -> usize {
        let bytes = |live: &LiveSegment| live.segment.kept_bytes();
        self.segments.iter().map(bytes).sum()
    }

    /// Drops what readers keep in the segments and can find again.
    pub(crate) fn drop_kept(&self) {
        self.segments.iter().for_each(|it| it.segment.drop_kept());
    }

    /// Returns the heap bytes of what holds the parts together, segments aside.
    fn frame_bytes(&self) -> usize {
        let tombstones = self.segments.len() * (ARC_BYTES + size_of::<Tombstones>());
        let lists = self.segments.capacity() * size_of::<LiveSegment>() + tombstones;
        let names = ARC_BYTES + size_of::<CustomNames>();
        lists + ARC_BYTES + size_of::<Parts>() + names + ARC_BYTES
    }
}

impl Snapshot {
    pub(crate) fn new(parts: Arc<Parts>) -> Snapshot {
        Snapshot(parts)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    pub(crate) fn segments(&self) -> &[LiveSegment] {
        &self.0.segments
    }

    pub(crate) fn names(&self) -> &CustomNames {
        &self.0.names
    }

    /// Returns the number of the commit that made the snapshot; 0 is the empty store.
    ///
    /// Commits are numbered from 1, and a load is one. A store on a [`Journal`](crate::Journal) goes
    /// on counting when it is opened again, and gives no number twice.
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// Returns the number of the commit that comes next.
    pub(crate) fn next_version(&self) -> u64 {
        self.version().saturating_add(1)
    }

    /// Returns how many tickets there are. Cost: one addition a segment.
    pub fn tickets_count(&self) -> u64 {
        self.0
            .segments
            .iter()
            .map(|live| u64::from(live.live_count()))
            .sum()
    }

    /// Returns how many segments hold the tickets: the fewer, the faster are answers.
    ///
    /// ```
    /// use ticketdex::{Options, Store};
    ///
    /// assert_eq!(Store::new(Options::default()).snapshot().segments_count(), 0);
    /// ```
    pub fn segments_count(&self) -> usize {
        self.0.segments.len()
    }

    /// Returns the names of the custom fields, in the order in which they came in.
    pub fn custom_names(&self) -> &[String] {
        self.0.names.as_slice()
    }

    /// Returns the ticket of a number. Cost: two binary searches a segment.
    pub fn get(&self, tid: u64) -> Option<Record<'_>> {
        self.find(tid).map(|id| self.record(id))
    }

    /// Returns the number of the commit that last put or patched a ticket, whether or not a value
    /// differed; none where the ticket is not there.
    ///
    /// Cost: two binary searches a segment.
    ///
    /// ```
    /// use ticketdex::{Batch, Patch, Store, Ticket};
    ///
    /// let mut store = Store::from_tickets((1..=2).map(|tid| Ticket { tid, ..Ticket::default() }))?;
    /// let mut batch = Batch::new();
    /// batch.patch(2, Patch::new());
    /// store.commit(batch)?;
    /// let snapshot = store.snapshot();
    /// assert_eq!([1, 2, 3].map(|tid| snapshot.version_of(tid)), [Some(1), Some(2), None]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn version_of(&self, tid: u64) -> Option<u64> {
        self.get(tid).map(|record| record.version())
    }

    /// Returns the tickets that were removed by commits after the one of a number, in the order in
    /// which that was done; those among them too that were put again.
    ///
    /// Together with `changed_since` it is all that changed, so a copy of the tickets as of version
    /// `n` becomes one as of this snapshot in this order: first it removes what
    /// `removed_since(n)` tells, then it puts what matches `changed_since=n`, of the same snapshot.
    /// What was put again since its removal is among the latter. A batch counts by what it comes to:
    /// a ticket that it removes and puts again is put, one that it adds and removes is
    /// neither.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::VersionTooOld`] where removals after that number are forgotten, by
    /// [`Options::removals_max`](crate::Options::removals_max): it names the least number that can be
    /// asked for. The copy must then start over: empty, by `changed_since=0` alone.
    ///
    /// # Cost
    ///
    /// A binary search, and a step a removal.
    ///
    /// # Examples
    ///
    /// A mirror:
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use ticketdex::{Batch, Error, Query, Snapshot, Store, Ticket};
    ///
    /// fn follow(copy: &mut BTreeMap<u64, Ticket>, version: u64, now: &Snapshot) -> Result<u64, Error> {
    ///     if !copy.is_empty() {
    ///         // Where that is `version_too_old`, the copy starts over: empty, at 0.
    ///         now.removed_since(version)?.for_each(|removal| drop(copy.remove(&removal.tid)));
    ///     }
    ///     let changed = Query::builder().changed_since(version).build()?;
    ///     let tickets = now.answer(&changed);
    ///     copy.extend(tickets.records().map(|record| (record.tid(), record.into())));
    ///     Ok(now.version())
    /// }
    ///
    /// let mut store = Store::from_tickets((1..=3).map(|tid| Ticket { tid, ..Ticket::default() }))?;
    /// let mut copy = BTreeMap::new();
    /// let version = follow(&mut copy, 0, &store.snapshot())?;
    /// let mut batch = Batch::new();
    /// batch.remove(1).remove(2);
    /// store.commit(batch)?;
    /// let mut batch = Batch::new();
    /// batch.put(Ticket { tid: 2, status: "Open".into(), ..Ticket::default() });
    /// store.commit(batch)?;
    /// assert_eq!(follow(&mut copy, version, &store.snapshot())?, 3);
    /// assert_eq!(copy.keys().copied().collect::<Vec<u64>>(), [2, 3]);
    /// assert_eq!(copy[&2].status, "Open");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn removed_since(&self, version: u64) -> Result<Removed, Error> {
        self.0.removals.since(version)
    }

    /// Returns the heap bytes of what the snapshot holds, by part.
    ///
    /// What two snapshots share is counted in both; what readers keep for the next one, like
    /// orders made on first use, is counted as far as it is there. Cost: linear in columns and
    /// postings.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        memory.names = self.names().bytes();
        memory.removals = self.0.removals.bytes();
        memory.frame = self.0.frame_bytes();
        for live in self.segments() {
            let segment = &live.segment;
            for field in Field::ALL {
                memory.add_column(field, segment.column_bytes(field));
                memory.add_unpacked(field, segment.unpacked_bytes(field));
            }
            memory.postings += segment.postings_bytes();
            memory.orders += segment.orders_bytes();
            memory.words += segment.words_bytes();
            memory.revisions += segment.revision_bytes();
            memory.versions += segment.versions_bytes();
            memory.terms += segment.terms_bytes();
            memory.counts += segment.counts_bytes();
            memory.tombstones += live.dead.bytes();
            memory.frame += FRAME_BYTES;
        }
        memory
    }

    /// Checks what must always be true, and returns what is not.
    ///
    /// For tests: it looks at every row of every column. What a reader keeps between two sums of
    /// the bytes is a difference of them, so none may ask meanwhile.
    #[doc(hidden)]
    pub fn check_invariants(&self) -> Result<(), String> {
        let (counted, bytes) = (self.memory().total(), self.0.bytes());
        if counted != bytes {
            return Err(format!("{counted} bytes by part are {bytes} in all"));
        }
        self.0.removals.check_invariants(self.version())?;
        let mut live_tids = HashSet::new();
        for live in self.segments() {
            let segment = &live.segment;
            segment.check_invariants(self.custom_names().len())?;
            if let Some(revision) = segment.revision()
                && !self
                    .segments()
                    .iter()
                    .any(|it| Arc::ptr_eq(&it.segment, revision.base()))
            {
                return Err("a revision has no base".to_owned());
            }
            let dead = (0..segment.rows_count())
                .filter(|&row| live.dead.contains(row))
                .count();
            if dead != live.dead.count() as usize {
                return Err(format!(
                    "{dead} rows are dead, {} are counted",
                    live.dead.count()
                ));
            }
            self.check_texts(live)?;
            for row in (0..segment.rows_count()).filter(|&row| !live.dead.contains(row)) {
                if !live_tids.insert(segment.tid(row)) {
                    return Err(format!("ticket {} is live twice", segment.tid(row)));
                }
                if !(1..=self.version()).contains(&segment.version(row)) {
                    return Err(format!("ticket {} is of no commit", segment.tid(row)));
                }
            }
        }
        Ok(())
    }

    /// Checks that the bytes of a segment's live texts are those of its live and revised rows.
    fn check_texts(&self, live: &LiveSegment) -> Result<(), String> {
        let segment = &live.segment;
        if segment.revision().is_some() {
            return Ok(());
        }
        let rows = 0..segment.rows_count();
        let mut live_rows: Vec<u32> = rows.filter(|&row| !live.dead.contains(row)).collect();
        for other in self.segments().iter().filter(|it| it.revises(segment)) {
            let rows = other.segment.revision().map_or(&[][..], Revision::rows);
            let revised = (0..)
                .zip(rows)
                .filter(|&(row, _)| !other.dead.contains(row));
            live_rows.extend(revised.map(|(_, &base_row)| base_row));
        }
        let bytes: u64 = live_rows
            .iter()
            .map(|&row| segment.row_text_bytes(row))
            .sum();
        let counted = live.live_text_bytes();
        (bytes == counted)
            .then_some(())
            .ok_or_else(|| format!("live texts have {bytes} bytes, {counted} are counted"))
    }

    /// Returns where the live row of a tid is.
    pub(crate) fn find(&self, tid: u64) -> Option<RowId> {
        (0..).zip(self.segments()).find_map(|(segment, live)| {
            let row = live.segment.row_of(tid)?;
            (!live.dead.contains(row)).then_some(RowId { segment, row })
        })
    }

    pub(crate) fn record(&self, id: RowId) -> Record<'_> {
        Record {
            segment: &self.segments()[id.segment as usize].segment,
            names: self.names(),
            row: id.row,
        }
    }
}
