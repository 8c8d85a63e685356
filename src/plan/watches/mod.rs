//! Standing queries: thousands of them, and what each commit means to each.
//!
//! [`Watches`] are plain values: they start no thread, own no channel and hold no snapshot. Whoever
//! commits, or is told of a commit, calls [`Watches::changes`] with the snapshots before and after, and
//! gets for each watch that is concerned what [`Snapshot::changes_since`] would tell. An [`index`] leads
//! from the values of a changed ticket to the watches that it could concern, so most are never looked
//! at.
//!
//! # Invariants
//!
//! * An id is given once.
//! * Each watch is in the index under the key that it names.

mod index;
mod ranges;

use std::collections::HashMap;
use std::fmt;

use super::changes::{Changes, Comparison, Conditions, Subject, TouchedTicket};
use crate::model::error::Error;
#[cfg(doc)]
use crate::model::error::ErrorKind;
use crate::query::Query;
use crate::snapshot::Snapshot;
use index::{Index, Key};

/// The number of a watch, given by [`Watches::insert`]; none is given twice.
///
/// Later watches have greater ids. An id belongs to the [`Watches`] that gave it, and others may have
/// given the same.
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

/// A query that stands, read and indexed.
#[derive(Debug)]
struct Watch {
    id: WatchId,
    query: Query,
    conditions: Conditions,
    key: Key,
}

/// Queries that stand, with an index that tells which of them a changed ticket could concern.
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
    /// The watches that are there, and places that are free.
    slots: Vec<Option<Watch>>,
    free: Vec<u32>,
    places: HashMap<WatchId, u32>,
    index: Index,
    last_id: u64,
}

/// Prints how many there are.
impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Watches {
    /// Makes a set without watches.
    pub fn new() -> Watches {
        Watches::default()
    }

    /// Returns how many watches there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Lets a query stand, and returns the number by which it is told of.
    ///
    /// Whoever also wants what matches already asks for it as of the snapshot that is the older one of
    /// the next call of [`changes`](Watches::changes): then nothing is missing or told twice.
    ///
    /// Cost: a look at the query's filters, whatever the number of watches; some hundred bytes and
    /// twice the query's texts.
    ///
    /// # Panics
    ///
    /// Where there are 2^32 watches already.
    pub fn insert(&mut self, query: Query) -> WatchId {
        self.last_id += 1;
        let id = WatchId(self.last_id);
        let place = self.free.pop().unwrap_or_else(|| {
            let place = u32::try_from(self.slots.len());
            self.slots.push(None);
            // A watch takes some hundred bytes, so that this many are past a TiB.
            place.expect("there is no memory for as many watches")
        });
        self.places.insert(id, place);
        self.put(place, id, query);
        id
    }

    /// Lets a query stand in the place of a watch's, which is returned; none where there is no such
    /// watch, and then nothing is done.
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
        let place = *self.places.get(&id)?;
        let replaced = self.take(place);
        self.put(place, id, query);
        replaced
    }

    /// Removes a watch, and returns its query; none where there is no such watch.
    ///
    /// Cost: a look at the watches that are kept under the same values.
    pub fn remove(&mut self, id: WatchId) -> Option<Query> {
        let place = self.places.remove(&id)?;
        self.free.push(place);
        self.take(place)
    }

    /// Returns the query of a watch, if it is there.
    pub fn query(&self, id: WatchId) -> Option<&Query> {
        let place = *self.places.get(&id)?;
        self.slots[place as usize].as_ref().map(|it| &it.query)
    }

    /// Returns all watches, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (WatchId, &Query)> {
        let watches = self.slots.iter().flatten();
        watches.map(|watch| (watch.id, &watch.query))
    }

    fn put(&mut self, place: u32, id: WatchId, query: Query) {
        let conditions = Conditions::of(&query);
        let key = self.index.insert(&conditions, place);
        self.slots[place as usize] = Some(Watch {
            id,
            query,
            conditions,
            key,
        });
    }

    fn take(&mut self, place: u32) -> Option<Query> {
        let watch = self.slots[place as usize].take()?;
        self.index.remove(&watch.conditions, &watch.key, place);
        Some(watch.query)
    }

    /// Returns for each watch whose answer changed between two snapshots what changed in it, by
    /// ascending id.
    ///
    /// For each watch that is [`Snapshot::changes_since`] of its query, which says what counts; those
    /// for which it is empty are left out. The snapshots are those before and after a commit, or after
    /// several: what is told is the same as when nobody looked in between.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OtherStore`] and [`ErrorKind::VersionTooNew`], as `changes_since` has them.
    ///
    /// # Cost
    ///
    /// A look-up in both snapshots for each ticket that was written or removed, a look into the index
    /// for each field that a watch is kept under, and a comparison for each watch that is found there.
    /// A watch is kept under one filter by value (`=`, `empty`), else under a range of integers or
    /// dates, else under one of ticket numbers. One that has none of these is compared with every
    /// ticket: it has terms, complements, patterns or bounds of customer ids alone, or nothing.
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
    ///     Ok(concerned.len()) // here each is told
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

    /// Returns the same with how many times a watch was compared with a ticket as it was or is.
    #[doc(hidden)]
    pub fn changes_counted(
        &self,
        older: &Snapshot,
        newer: &Snapshot,
    ) -> Result<(Vec<(WatchId, Changes)>, u64), Error> {
        let touched = newer.touched_since(older)?;
        let mut compared_count = 0;
        let mut comparisons: HashMap<u32, Comparison<'_>> = HashMap::new();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for touched in &touched {
            let ticket = TouchedTicket::new(older, newer, touched);
            let mut find = |subject: &Option<Subject<'_>>, found: &mut Vec<u32>| {
                found.clear();
                let Some(subject) = subject else {
                    return;
                };
                self.index.find(subject, found);
                found.sort_unstable();
                found.dedup();
                compared_count += found.len() as u64;
                found.retain(|&place| {
                    let watch = self.slots[place as usize].as_ref();
                    watch.is_some_and(|watch| {
                        watch.conditions.hold(subject) && {
                            let new = || Comparison::new(older, newer, &watch.query);
                            let comparison = comparisons.entry(place).or_insert_with(new);
                            comparison.is_on_side(subject.row)
                        }
                    })
                });
            };
            find(&ticket.before, &mut before);
            find(&ticket.after, &mut after);
            for_each_of_either(&before, &after, |place, was, is| {
                if let Some(comparison) = comparisons.get_mut(&place) {
                    comparison.add(&ticket, was, is);
                }
            });
        }
        let changes = comparisons.into_iter().filter_map(|(place, comparison)| {
            let watch = self.slots[place as usize].as_ref()?;
            let changes = comparison.finish();
            (!changes.is_empty()).then_some((watch.id, changes))
        });
        let mut changes: Vec<(WatchId, Changes)> = changes.collect();
        changes.sort_unstable_by_key(|(id, _)| *id);
        Ok((changes, compared_count))
    }
}

/// Calls `each` with what is in either of two ascending lists, and in which.
fn for_each_of_either(own: &[u32], others: &[u32], mut each: impl FnMut(u32, bool, bool)) {
    let (mut own, mut others) = (own.iter().peekable(), others.iter().peekable());
    loop {
        let next = [own.peek(), others.peek()].into_iter().flatten();
        let Some(next) = next.map(|place| **place).min() else {
            return;
        };
        let is_next = |place: &&u32| **place == next;
        let is_own = own.next_if(is_next).is_some();
        each(next, is_own, others.next_if(is_next).is_some());
    }
}
