//! Standing queries: thousands of them, and what a commit changes in the answer to each.
//!
//! [`Watches`] are a plain value that starts no thread, owns no channel and holds no snapshot. Whoever
//! commits, or learns of a commit, calls [`Watches::changes`] with the snapshots before and after, and
//! gets for each watch whose answer changed what [`Snapshot::changes_since`] would return. The [`index`]
//! leads from the values of a changed ticket to the watches that it could concern, so that most watches
//! are never looked at.
//!
//! # Invariants
//!
//! * No id is given twice.
//! * Each watch is in the index under its [`Key`], and nowhere else.

mod grams;
mod index;
mod ranges;
mod seats;

use std::fmt;

use hashbrown::HashMap;

use super::changes::{Changes, Comparison, Subject, TouchedTicket};
use super::filter::Filters;
use crate::model::error::Error;
#[cfg(doc)]
use crate::model::error::ErrorKind;
use crate::query::Query;
use crate::snapshot::Snapshot;
use index::{Index, Key};

/// The number of a watch, given by [`Watches::insert`]; none is given twice.
///
/// Later watches have greater ids. An id is meaningful only to the [`Watches`] that gave it; another
/// `Watches` may give the same id.
///
/// # Examples
///
/// ```
/// use ticketdex::{Query, Watches};
///
/// let mut watches = Watches::new();
/// let first = watches.insert(Query::default());
/// watches.remove(first);
/// assert!(watches.insert(Query::default()) > first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(u64);

/// Prints the number.
impl fmt::Display for WatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A standing query, prepared and indexed.
#[derive(Debug)]
struct Watch {
    id: WatchId,
    query: Query,
    filters: Filters,
    key: Key,
}

/// Standing queries, with an index that tells which of them a changed ticket could concern.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Patch, Query, Store, Ticket, Watches};
///
/// let mut watches = Watches::new();
/// let mine = watches.insert("uid=lisa&status=open".parse()?);
/// let all = watches.insert(Query::default());
///
/// let ticket = |tid| Ticket { tid, status: "Open".into(), ..Ticket::default() };
/// let mut store = Store::from_tickets((1..=9).map(ticket))?;
/// let older = store.snapshot();
/// let mut batch = Batch::new();
/// batch.patch(7, Patch::new().set(Field::AssignedTech, "lisa"));
/// store.commit(batch)?;
///
/// let concerned = watches.changes(&older, &store.snapshot())?;
/// assert_eq!(concerned.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [mine, all]);
/// let (_, changes) = &concerned[0];
/// assert_eq!(changes.entered().next().unwrap().tid(), 7);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Default)]
pub struct Watches {
    /// The watches by seat; none at the seats that are free.
    slots: Vec<Option<Watch>>,
    free: Vec<u32>,
    seats: HashMap<WatchId, u32>,
    index: Index,
    last_id: u64,
}

/// Prints how many watches there are.
impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Watches {
    /// Makes an empty set of watches.
    pub fn new() -> Watches {
        Watches::default()
    }

    /// Returns how many watches there are.
    pub fn count(&self) -> usize {
        self.seats.len()
    }

    /// Adds a standing query and returns its id.
    ///
    /// Whoever also needs the tickets that match already should query the snapshot that will be the
    /// older one in the next call of [`changes`](Watches::changes): then no change is missed or
    /// reported twice.
    ///
    /// Cost: a look at the query's filters, and for each of its terms at the terms of other watches that
    /// are kept under three bytes of it; some hundred bytes of memory and twice the query's texts.
    ///
    /// # Panics
    ///
    /// Where there are 2^32 watches already.
    pub fn insert(&mut self, query: Query) -> WatchId {
        self.last_id += 1;
        let id = WatchId(self.last_id);
        let seat = self.free.pop().unwrap_or_else(|| {
            let seat = u32::try_from(self.slots.len());
            self.slots.push(None);
            // A watch takes more than a hundred bytes, so that 2^32 of them take hundreds of GiB.
            seat.expect("2^32 watches take hundreds of GiB of memory")
        });
        self.seats.insert(id, seat);
        self.put(seat, id, query);
        id
    }

    /// Replaces the query of a watch and returns the old one; does nothing and returns none where there
    /// is no such watch.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Query, Watches};
    ///
    /// let mut watches = Watches::new();
    /// let id = watches.insert("status=open".parse()?);
    /// let query: Query = "status=closed".parse()?;
    /// assert_eq!(watches.replace(id, query.clone()), Some("status=open".parse()?));
    /// assert_eq!(watches.query(id), Some(&query));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn replace(&mut self, id: WatchId, query: Query) -> Option<Query> {
        let seat = *self.seats.get(&id)?;
        let replaced = self.take(seat);
        self.put(seat, id, query);
        replaced
    }

    /// Removes a watch, and returns its query; none where there is no such watch.
    ///
    /// Cost: a look at the watches that are kept under the same values.
    pub fn remove(&mut self, id: WatchId) -> Option<Query> {
        let seat = self.seats.remove(&id)?;
        self.free.push(seat);
        self.take(seat)
    }

    /// Returns the query of a watch, if it is there.
    pub fn query(&self, id: WatchId) -> Option<&Query> {
        let seat = *self.seats.get(&id)?;
        self.slots[seat as usize].as_ref().map(|it| &it.query)
    }

    /// Returns all watches, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (WatchId, &Query)> {
        let watches = self.slots.iter().flatten();
        watches.map(|watch| (watch.id, &watch.query))
    }

    fn put(&mut self, seat: u32, id: WatchId, query: Query) {
        let filters = Filters::to_ask(&query);
        let key = self.index.insert(&filters, seat);
        self.slots[seat as usize] = Some(Watch {
            id,
            query,
            filters,
            key,
        });
    }

    fn take(&mut self, seat: u32) -> Option<Query> {
        let watch = self.slots[seat as usize].take()?;
        self.index.remove(&watch.filters, &watch.key, seat);
        Some(watch.query)
    }

    /// Returns the watches whose answers changed between two snapshots, and what changed in each, by
    /// ascending id.
    ///
    /// The changes of a watch are [`Snapshot::changes_since`] of its query, which says what counts as a
    /// change; watches without changes are left out. The snapshots may be one commit apart or several:
    /// only their tickets count, not what was committed in between.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OtherStore`] and [`ErrorKind::VersionTooNew`], as `changes_since` has them.
    ///
    /// # Cost
    ///
    /// For each ticket that was written or removed, a look-up in both snapshots, a look into the index
    /// for each field that a watch is kept under, and a comparison for each watch that is found there.
    /// A watch is kept under one filter by value (`=`, `empty`) or one term of three bytes or more, else
    /// under a range of integers or dates, else under one of ticket numbers. Where watches are kept under
    /// terms, one pass over the texts of each ticket finds them all. A watch that has none of these, but
    /// only complements, patterns, shorter terms, bounds of customer ids, `changed_since` or no filter,
    /// is compared with every ticket.
    ///
    /// # Examples
    ///
    /// One call a commit:
    ///
    /// ```
    /// use ticketdex::{Batch, Error, Store, Ticket, Watches};
    ///
    /// fn commit(store: &mut Store, watches: &Watches, batch: Batch) -> Result<usize, Error> {
    ///     let older = store.snapshot();
    ///     store.commit(batch)?;
    ///     let concerned = watches.changes(&older, &store.snapshot())?;
    ///     Ok(concerned.len()) // a service would notify each of these
    /// }
    ///
    /// let mut watches = Watches::new();
    /// watches.insert("tid=7".parse()?);
    /// let mut store = Store::default();
    /// for (tid, expected) in [(6, 0), (7, 1)] {
    ///     let batch = [Ticket { tid, ..Ticket::default() }].into_iter().collect();
    ///     assert_eq!(commit(&mut store, &watches, batch)?, expected);
    /// }
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn changes(
        &self,
        older: &Snapshot,
        newer: &Snapshot,
    ) -> Result<Vec<(WatchId, Changes)>, Error> {
        Ok(self.changes_counted(older, newer)?.0)
    }

    /// Returns [`changes`](Watches::changes), and how many times a watch was compared with a ticket.
    #[doc(hidden)]
    pub fn changes_counted(
        &self,
        older: &Snapshot,
        newer: &Snapshot,
    ) -> Result<(Vec<(WatchId, Changes)>, u64), Error> {
        let mut round = Round {
            watches: self,
            older,
            newer,
            comparisons: HashMap::new(),
            by_texts: Vec::new(),
            held: HashMap::new(),
            compared_count: 0,
        };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for touched in &newer.touched_since(older)? {
            let ticket = TouchedTicket::new(older, newer, touched);
            round.find(ticket.before.as_ref(), false, &mut before);
            round.find(ticket.after.as_ref(), ticket.shares_texts(), &mut after);
            round.add(&ticket, &before, &after);
        }
        let compared_count = round.compared_count;
        Ok((round.finish(), compared_count))
    }
}

/// One call of [`Watches::changes`]: all watches between two snapshots, with the changes so far.
struct Round<'a> {
    watches: &'a Watches,
    older: &'a Snapshot,
    newer: &'a Snapshot,
    /// The comparisons of the watches that a ticket has matched, by seat.
    comparisons: HashMap<u32, Comparison<'a>>,
    /// The watches that the texts of the last subject lead to.
    by_texts: Vec<u32>,
    /// Whether the texts of the last subject hold each term that was asked for: many watches ask for the
    /// same terms.
    held: HashMap<&'a str, bool>,
    compared_count: u64,
}

impl Round<'_> {
    /// Finds the seats of the watches that a ticket matches, ascending; none without a subject.
    ///
    /// `has_same_texts` says that the subject has the same texts as the last one.
    fn find(&mut self, subject: Option<&Subject<'_>>, has_same_texts: bool, found: &mut Vec<u32>) {
        found.clear();
        let Some(subject) = subject else {
            return;
        };
        let index = &self.watches.index;
        if !has_same_texts {
            self.held.clear();
            self.by_texts.clear();
            index.find_by_texts(subject, &mut self.by_texts);
        }
        found.extend(&self.by_texts);
        index.find(subject, found);
        found.sort_unstable();
        found.dedup();
        self.compared_count += found.len() as u64;
        let held = &mut self.held;
        let mut has_term = |term| *held.entry(term).or_insert_with(|| subject.has_term(term));
        let slots = &self.watches.slots;
        found.retain(|&seat| {
            let Some(watch) = &slots[seat as usize] else {
                return false;
            };
            if !watch.filters.hold_by(subject, &mut has_term) {
                return false;
            }
            let new = || Comparison::new(self.older, self.newer, &watch.query);
            let comparison = self.comparisons.entry(seat).or_insert_with(new);
            comparison.is_on_side(subject.row)
        });
    }

    /// Notes a ticket, given the watches that it matches in the older and in the newer snapshot.
    fn add(&mut self, ticket: &TouchedTicket<'_>, before: &[u32], after: &[u32]) {
        for_each_of_either(before, after, |seat, was, is| {
            if let Some(comparison) = self.comparisons.get_mut(&seat) {
                comparison.add(ticket, was, is);
            }
        });
    }

    /// Returns the changes of each watch that has any.
    fn finish(self) -> Vec<(WatchId, Changes)> {
        let slots = &self.watches.slots;
        let changes = self.comparisons.into_iter();
        let changes = changes.filter_map(|(seat, comparison)| {
            let watch = slots[seat as usize].as_ref()?;
            let changes = comparison.finish();
            (!changes.is_empty()).then_some((watch.id, changes))
        });
        let mut changes: Vec<_> = changes.collect();
        changes.sort_unstable_by_key(|(id, _)| *id);
        changes
    }
}

/// Calls `each` with every value of two ascending lists, and whether it is in each of them.
fn for_each_of_either(own: &[u32], others: &[u32], mut each: impl FnMut(u32, bool, bool)) {
    let (mut own, mut others) = (own.iter().peekable(), others.iter().peekable());
    loop {
        let next = [own.peek(), others.peek()].into_iter().flatten();
        let Some(next) = next.map(|seat| **seat).min() else {
            return;
        };
        let is_next = |seat: &&u32| **seat == next;
        let is_own = own.next_if(is_next).is_some();
        each(next, is_own, others.next_if(is_next).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;
    use crate::plan::filter::Filter;

    const REQUESTS: [&str; 14] = [
        "",
        "tid=7",
        "tid=7&start_tid=8",
        "tid=1*",
        "start_tid=7&end_tid=70",
        "status=open&uid=lisa&uid=tom",
        "linked_asset=a&linked_asset=b",
        "company_id=7&company_id=8",
        "due_date=2014-02-01&status!=open",
        "last_updated>=2014-02-01",
        "empty=uid,company_id,custom_fields.Room,linked_asset",
        "empty=custom_fields&present=uid",
        "custom_fields.Room=4",
        "start_cid=a&end_cid=b&keyword=printer",
    ];

    #[test]
    fn what_is_removed_or_replaced_leaves_nothing_in_the_index() {
        let mut watches = Watches::new();
        let queries = REQUESTS.map(|request| request.parse::<Query>().unwrap());
        for query in &queries {
            // Inserted twice, so that a value has several seats.
            let ids = [0, 1].map(|_| watches.insert(query.clone()));
            for other in &queries {
                assert_eq!(
                    watches.replace(ids[0], other.clone()).as_ref(),
                    watches.query(ids[1])
                );
                let _ = watches.replace(ids[1], other.clone());
            }
            assert_eq!(ids.map(|id| watches.remove(id).is_some()), [true, true]);
            assert!(watches.index.is_unused(), "{query}");
        }
    }

    /// Watches that share a filter are kept under their other filters.
    #[test]
    fn the_key_of_a_watch_is_the_filter_with_the_fewest_watches() {
        let mut watches = Watches::new();
        for at in 0..100 {
            let request = format!("status=open&uid=agent{at}&priority=high");
            watches.insert(request.parse().unwrap());
        }
        let is_by_technician = |watch: &&Watch| {
            let Key::Filter(at) = watch.key else {
                return false;
            };
            matches!(
                &watch.filters.all[at as usize],
                Filter::Value(Field::AssignedTech, _)
            )
        };
        let by_technician = watches
            .slots
            .iter()
            .flatten()
            .filter(is_by_technician)
            .count();
        assert!(by_technician >= 98, "{by_technician}");
    }
}
