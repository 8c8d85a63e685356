//! What changed in the answer to one query between two snapshots of a store.
//!
//! The snapshots list the tickets that were written or removed in between ([`Touched`]). Each of these
//! is tested against the query as of both snapshots. No other ticket can have entered or left, so no
//! other is looked at. A [`Row`] reads values without making columns, [`Filters::hold`] asks one ticket the
//! filters of a query, and a [`Comparison`] gathers the changes of one query. Standing
//! queries (the module `watches`) run many comparisons over the same touched tickets.
//!
//! # Invariants
//!
//! * A ticket makes at most one entry. One that matches in exactly one of the snapshots always makes one.

mod asked;
mod row;

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::filter::Filters;
use super::order::{Order, Value, directed};
use super::place::Place;
use crate::model::error::Error;
#[cfg(doc)]
use crate::model::error::ErrorKind;
use crate::query::{AnyField, Fields, Query};
use crate::snapshot::{Record, RowId, Snapshot, Touched};

pub(super) use asked::is_empty;
pub(super) use row::Subject;
use row::{Differences, Row};

/// What became of a ticket in the answer to a query.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, ChangeKind, Field, Patch, Query, Store, Ticket};
///
/// let ticket = |tid| Ticket { tid, status: "Open".into(), ..Ticket::default() };
/// let mut store = Store::from_tickets((1..=9).map(ticket))?;
/// let older = store.snapshot();
/// let mut batch = Batch::new();
/// batch.patch(7, Patch::new().set(Field::Status, "Closed"));
/// store.commit(batch)?;
/// let kind = |request: &str| {
///     let changes = store.snapshot().changes_since(&older, &request.parse::<Query>()?)?;
///     Ok::<_, ticketdex::Error>(changes.tickets().next().map(|ticket| ticket.kind()))
/// };
/// assert_eq!(kind("status=closed")?, Some(ChangeKind::Entered));
/// assert_eq!(kind("status=open")?, Some(ChangeKind::Left));
/// assert_eq!(kind("tid=7")?, Some(ChangeKind::Changed));
/// assert_eq!(kind("tid=7&fields=subject&order=status")?, Some(ChangeKind::Moved));
/// assert_eq!(kind("tid=7&fields=subject")?, None);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It did not match and does: it was put, or changed so that it matches.
    Entered,
    /// It matched and does not: it was removed, or changed so that it does not match.
    Left,
    /// It matches in both snapshots, and a variable that the query shows has another value. It may have
    /// moved too.
    Changed,
    /// It matches in both snapshots and shows the same values, but has another place in the order.
    Moved,
}

/// A ticket that entered, left, changed or moved.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tid: u64,
    before: Option<RowId>,
    after: Option<RowId>,
    kind: ChangeKind,
    is_moved: bool,
}

/// What changed in the answer to a query between two snapshots of a store.
///
/// Made by [`Snapshot::changes_since`], which says what counts as a change, and by
/// [`Watches::changes`]. It holds both snapshots: their tickets can be read for as long as it is kept,
/// and stay in memory until then.
///
/// [`Watches::changes`]: crate::Watches::changes
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Changes, Query, Store, Ticket};
///
/// let mut store = Store::default();
/// let older = store.snapshot();
/// store.commit((1..=3).map(|tid| Ticket { tid, ..Ticket::default() }).collect())?;
/// let newer = store.snapshot();
/// let query: Query = "order=tid DESC".parse()?;
/// let changes = newer.changes_since(&older, &query)?;
/// let tids = changes.entered().map(|ticket| ticket.tid());
/// assert_eq!(tids.collect::<Vec<_>>(), [3, 2, 1]);
/// assert_eq!((changes.count(), changes.left().count()), (3, 0));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Changes {
    older: Snapshot,
    newer: Snapshot,
    fields: Option<Arc<Fields>>,
    /// The tickets that entered, then those that left, then those that match in both snapshots; each
    /// group in the query's order.
    entries: Vec<Entry>,
}

/// Prints the versions and how many tickets changed, but no values, which may not belong in a log.
impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("older", &self.older.version())
            .field("newer", &self.newer.version())
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// Returns the older snapshot.
    pub fn older(&self) -> &Snapshot {
        &self.older
    }

    /// Returns the newer snapshot.
    pub fn newer(&self) -> &Snapshot {
        &self.newer
    }

    /// Returns how many tickets entered, left, changed or moved.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether nothing entered, left, changed or moved.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns every ticket that entered, left, changed or moved, once each and in this order of kinds;
    /// those that changed or moved are one group.
    pub fn tickets(&self) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.entries.iter().map(|entry| ChangedTicket {
            changes: self,
            entry,
        })
    }

    /// Returns the tickets that match and did not match before, in the query's order.
    pub fn entered(&self) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.of_kind(ChangeKind::Entered)
    }

    /// Returns the tickets that matched and do not any more, in the query's order as of the older
    /// snapshot.
    pub fn left(&self) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.of_kind(ChangeKind::Left)
    }

    /// Returns the tickets that match in both snapshots and show another value, in the query's order.
    pub fn changed(&self) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.of_kind(ChangeKind::Changed)
    }

    /// Returns the tickets that match in both snapshots and have another place in the query's order, in
    /// that order.
    ///
    /// Those among them that show another value are also among [`changed`](Changes::changed).
    pub fn moved(&self) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.tickets().filter(ChangedTicket::is_moved)
    }

    fn of_kind(&self, kind: ChangeKind) -> impl Iterator<Item = ChangedTicket<'_>> {
        self.tickets().filter(move |ticket| ticket.kind() == kind)
    }
}

/// A ticket of [`Changes`]: what became of it, and what it was and is.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Patch, Query, Store, Ticket};
///
/// let mut store = Store::from_tickets((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }))?;
/// let older = store.snapshot();
/// let mut batch = Batch::new();
/// batch.patch(7, Patch::new().set(Field::Status, "Open").set_custom("Room", "4"));
/// batch.remove(8);
/// store.commit(batch)?;
///
/// let changes = store.snapshot().changes_since(&older, &Query::default())?;
/// let changed = changes.changed().next().unwrap();
/// let names: Vec<String> = changed.fields().iter().map(ToString::to_string).collect();
/// assert_eq!((changed.tid(), names), (7, vec!["status".into(), "custom_fields.Room".into()]));
/// assert_eq!(changed.before().unwrap().text(Field::Status), "");
/// assert_eq!(changed.after().unwrap().text(Field::Status), "Open");
/// let left = changes.left().next().unwrap();
/// assert_eq!((left.tid(), left.after().is_none()), (8, true));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ChangedTicket<'a> {
    changes: &'a Changes,
    entry: &'a Entry,
}

/// Prints the ticket's number and what became of it.
impl fmt::Debug for ChangedTicket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangedTicket")
            .field("tid", &self.tid())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

impl<'a> ChangedTicket<'a> {
    /// Returns the ticket's number.
    pub fn tid(&self) -> u64 {
        self.entry.tid
    }

    /// Returns what became of it.
    pub fn kind(&self) -> ChangeKind {
        self.entry.kind
    }

    /// Returns whether it matches in both snapshots and has another value in a key of the query's order,
    /// letter case aside.
    pub fn is_moved(&self) -> bool {
        self.entry.is_moved
    }

    /// Returns the ticket as of the older snapshot, whether or not it matched there; none where that
    /// snapshot does not have it.
    pub fn before(&self) -> Option<Record<'a>> {
        let id = self.entry.before?;
        Some(self.changes.older.record(id))
    }

    /// Returns the ticket as of the newer snapshot, whether or not it matches there; none where it was
    /// removed.
    pub fn after(&self) -> Option<Record<'a>> {
        let id = self.entry.after?;
        Some(self.changes.newer.record(id))
    }

    /// Returns the variables that differ between the snapshots, among those that the query shows, in the
    /// order of the output variables.
    ///
    /// A custom field is listed by its name, as the store spells it. The list is empty where the ticket
    /// is not in both snapshots.
    ///
    /// Cost: a comparison of each field; where both are patches of one row, of each patched field.
    pub fn fields(&self) -> Vec<AnyField> {
        let (Some(before), Some(after)) = (self.entry.before, self.entry.after) else {
            return Vec::new();
        };
        let (older, newer) = (&self.changes.older, &self.changes.newer);
        let differences = Row::new(newer, after).differences(Row::new(older, before));
        let shown = self.changes.fields.as_deref();
        let fields = differences.fields(newer.names());
        fields.filter(|field| is_shown(field, shown)).collect()
    }
}

/// Returns whether a query shows a field.
fn is_shown(field: &AnyField, shown: Option<&Fields>) -> bool {
    shown.is_none_or(|shown| match field {
        AnyField::Field(field) => shown.contains(*field),
        AnyField::Custom(name) => shown.has_custom(name),
    })
}

impl Snapshot {
    /// Returns what entered, left, changed and moved in the answer to a query since an older snapshot
    /// of the same store.
    ///
    /// The result is what a comparison of the two answers would find:
    ///
    /// * A ticket **entered** where it matches and did not match, and **left** where it matched and does
    ///   not, whether by its values, by being put or by being removed.
    /// * A ticket that matches in both snapshots **changed** where a variable that it shows has another
    ///   value, or the same in another spelling. `fields` names the variables that are compared; without
    ///   it all are. A ticket that was put again with the same values did not change, although it has
    ///   another version ([`Record::version`]).
    /// * It **moved** where it has another value in a key of `order`, as orders compare: `open` in place
    ///   of `Open` is another value at the same place. Tickets that come or go around it do not move
    ///   it. Without `order`, and by `tid` alone, nothing moves.
    /// * `count`, `page` and `count_only` are ignored: the changes are those of all matching tickets. On
    ///   one page, tickets would come and go that nobody has touched.
    /// * `after` and `before` are filters here: only tickets on that side of the place match, and a
    ///   ticket that moves past the place enters or leaves.
    /// * `changed_since` is a filter as elsewhere, and each snapshot is filtered by its own versions.
    ///
    /// Merges in between do not show, and neither does what was undone: a ticket that was removed and
    /// put again, or patched back, counts as unchanged. Whoever has the answer of the older snapshot can
    /// therefore bring it up to date by what left, entered, changed and moved.
    ///
    /// The older snapshot may be of any age. Where the log of removals does not reach back to it
    /// ([`Options::removals_max`](crate::Options::removals_max)), all of its tickets are looked up
    /// instead, and nothing is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OtherStore`] where the snapshots are of different stores, also of one store that was
    /// opened twice; [`ErrorKind::VersionTooNew`] where the given snapshot is the newer one.
    ///
    /// # Cost
    ///
    /// For each ticket that was put, patched or removed in between, two look-ups, a comparison with the
    /// filters and, where it matches in both, of the fields; then the changes are sorted. Where large
    /// segments were merged in between, also a look at the versions in the blocks that hold such
    /// tickets; where the log of removals does not reach back, also a look-up for each ticket in the
    /// segments that were merged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Field, Patch, Query, Store, Ticket};
    ///
    /// let ticket = |tid| Ticket { tid, status: "Open".into(), ..Ticket::default() };
    /// let mut store = Store::from_tickets((1..=9).map(ticket))?;
    /// let older = store.snapshot();
    /// let mut batch = Batch::new();
    /// batch.put(ticket(10)).remove(1);
    /// batch.patch(2, Patch::new().set(Field::Status, "Closed"));
    /// batch.patch(3, Patch::new().set(Field::Priority, "High"));
    /// store.commit(batch)?;
    ///
    /// let query: Query = "status=open&order=priority DESC&count=50".parse()?;
    /// let changes = store.snapshot().changes_since(&older, &query)?;
    /// let tids = |tickets: &mut dyn Iterator<Item = ticketdex::ChangedTicket<'_>>| {
    ///     tickets.map(|ticket| ticket.tid()).collect::<Vec<_>>()
    /// };
    /// assert_eq!(tids(&mut changes.entered()), [10]);
    /// assert_eq!(tids(&mut changes.left()), [1, 2]);
    /// assert_eq!(tids(&mut changes.changed()), [3]);
    /// assert_eq!(tids(&mut changes.moved()), [3]);
    /// assert_eq!(changes.changed().next().unwrap().fields(), [Field::Priority.into()]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn changes_since(&self, older: &Snapshot, query: &Query) -> Result<Changes, Error> {
        let filters = Filters::to_ask(query);
        let mut comparison = Comparison::new(older, self, query);
        for touched in self.touched_since(older)? {
            let ticket = TouchedTicket::new(older, self, &touched);
            let matches = |subject: &Option<Subject<'_>>| {
                subject.as_ref().is_some_and(|subject| {
                    filters.hold(subject) && comparison.is_on_side(subject.row)
                })
            };
            let (was, is) = (matches(&ticket.before), matches(&ticket.after));
            comparison.add(&ticket, was, is);
        }
        Ok(comparison.finish())
    }
}

/// A touched ticket, as it was and as it is.
pub(super) struct TouchedTicket<'a> {
    touched: Touched,
    pub(super) before: Option<Subject<'a>>,
    pub(super) after: Option<Subject<'a>>,
    differences: OnceCell<Differences>,
}

impl<'a> TouchedTicket<'a> {
    pub(super) fn new(
        older: &'a Snapshot,
        newer: &'a Snapshot,
        touched: &Touched,
    ) -> TouchedTicket<'a> {
        let names = newer.names();
        let before = touched.before.map(|id| Row::new(older, id));
        let before = before.map(|row| Subject::new(row, names));
        let after = touched.after.map(|id| Row::new(newer, id));
        let after = after.map(|row| match &before {
            Some(before) if row.shares_texts(before.row) => before.patched(row),
            _ => Subject::new(row, names),
        });
        TouchedTicket {
            touched: *touched,
            before,
            after,
            differences: OnceCell::new(),
        }
    }

    /// Returns whether the ticket is in both snapshots, and known to have the same searchable texts.
    pub(super) fn shares_texts(&self) -> bool {
        let rows = self.before.as_ref().zip(self.after.as_ref());
        rows.is_some_and(|(before, after)| after.row.shares_texts(before.row))
    }
}

/// The values that a row has in the keys of an order.
type KeyValues<'a> = SmallVec<[Value<'a>; 2]>;

/// One query between two snapshots, with the changes that were found so far.
pub(super) struct Comparison<'a> {
    older: &'a Snapshot,
    newer: &'a Snapshot,
    query: &'a Query,
    /// Resolved for the newer snapshot, which has every custom name of the older one at the same index.
    order: Order,
    place: Option<Place>,
    entries: Vec<Entry>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        older: &'a Snapshot,
        newer: &'a Snapshot,
        query: &'a Query,
    ) -> Comparison<'a> {
        let cursor = query.after().or(query.before());
        let keys = query.order();
        let place = cursor.map(|cursor| Place::resolve(cursor, keys, false, newer, |_| None).1);
        Comparison {
            older,
            newer,
            query,
            order: Order::resolve(keys, false, newer, |_| None).0,
            place,
            entries: Vec::new(),
        }
    }

    /// Returns whether a row is on the side of the cursor that the query asks for; true without one.
    pub(super) fn is_on_side(&self, row: Row<'_>) -> bool {
        let Some(place) = &self.place else {
            return true;
        };
        let values = self.order.keys.iter().map(|key| row.value(key.slot));
        let side = place.compare_values(&self.order, values, row.tid());
        if self.query.after().is_some() {
            side == Ordering::Greater
        } else {
            side == Ordering::Less
        }
    }

    /// Notes what became of a ticket, given whether it matched before and whether it matches after.
    pub(super) fn add(&mut self, ticket: &TouchedTicket<'_>, was: bool, is: bool) {
        let mut is_moved = false;
        let kind = match (was, is, &ticket.before, &ticket.after) {
            (false, true, ..) => ChangeKind::Entered,
            (true, false, ..) => ChangeKind::Left,
            (true, true, Some(before), Some(after)) => {
                let differences = ticket
                    .differences
                    .get_or_init(|| after.row.differences(before.row));
                if differences.is_empty() {
                    return;
                }
                is_moved = self.is_moved(before.row, after.row);
                let shown = self.query.fields();
                let mut fields = differences.fields(self.newer.names());
                if shown.is_none() || fields.any(|field| is_shown(&field, shown)) {
                    ChangeKind::Changed
                } else if is_moved {
                    ChangeKind::Moved
                } else {
                    return;
                }
            }
            _ => return,
        };
        self.entries.push(Entry {
            tid: ticket.touched.tid,
            before: ticket.touched.before,
            after: ticket.touched.after,
            kind,
            is_moved,
        });
    }

    fn is_moved(&self, before: Row<'_>, after: Row<'_>) -> bool {
        let mut keys = self.order.keys.iter();
        keys.any(|key| before.value(key.slot).cmp(&after.value(key.slot)) != Ordering::Equal)
    }

    fn key_values(&self, entry: &Entry) -> KeyValues<'a> {
        let row = match (entry.kind, entry.before, entry.after) {
            (ChangeKind::Left, Some(id), _) => Row::new(self.older, id),
            (_, _, Some(id)) => Row::new(self.newer, id),
            // A ticket that did not leave is in the newer snapshot.
            _ => return SmallVec::new(),
        };
        let keys = self.order.keys.iter();
        keys.map(|key| row.value(key.slot)).collect()
    }

    /// Compares by the order's keys, then by tid.
    fn compare(&self, own: &(KeyValues<'_>, Entry), other: &(KeyValues<'_>, Entry)) -> Ordering {
        let keys = self.order.keys.iter();
        for (key, (own, other)) in keys.zip(own.0.iter().zip(&other.0)) {
            let by_key = own.cmp(other);
            if by_key != Ordering::Equal {
                return directed(by_key, key.descends);
            }
        }
        directed(own.1.tid.cmp(&other.1.tid), self.order.tid_descends)
    }

    /// Sorts the entries and returns them as changes.
    pub(super) fn finish(mut self) -> Changes {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let mut keyed: Vec<_> = entries.map(|it| (self.key_values(&it), it)).collect();
        let group = |kind: ChangeKind| kind.min(ChangeKind::Changed);
        keyed.sort_by(|own, other| {
            let by_group = group(own.1.kind).cmp(&group(other.1.kind));
            by_group.then_with(|| self.compare(own, other))
        });
        Changes {
            older: self.older.clone(),
            newer: self.newer.clone(),
            fields: self.query.fields().cloned().map(Arc::new),
            entries: keyed.into_iter().map(|(_, entry)| entry).collect(),
        }
    }
}
