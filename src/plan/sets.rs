//! Sets of tickets: answers within a set that the caller gives, and what matches as such a set.
//!
//! A service that shows each caller only some of the tickets keeps their numbers as a
//! [`RoaringTreemap`]. For an answer the set becomes a row set of each segment, which is one filter
//! more of the conjunction, so that totals, pages, counts and exports all stay within it.

use std::sync::Arc;

use roaring::RoaringTreemap;

use super::conjunction::{Conjunction, FoundTerms};
use super::explain::Work;
use super::filter::Filters;
use super::found::Found;
use super::{Answer, PlanMode};
use crate::query::Query;
use crate::segment::{RowSet, Segment};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Answers a query within a set of ticket numbers: only tickets in the set match.
    ///
    /// Numbers that no ticket has are no error, and an empty set matches nothing. Totals, pages,
    /// counts and exports are those of a store that holds the tickets of the set alone.
    ///
    /// # Cost
    ///
    /// That of [`answer`](Snapshot::answer), and for each segment the least of a search for each number
    /// of the set between its first ticket and its last, a look into the set for each of its rows, and
    /// a step through both.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::roaring::RoaringTreemap;
    /// use ticketdex::{Query, Store, Ticket};
    ///
    /// let store = Store::from_tickets((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }))?;
    /// let may_see = RoaringTreemap::from([2, 3, 5, 70]);
    /// let query: Query = "order_direction=DESC&count=2".parse()?;
    /// let answer = store.snapshot().answer_within(&query, &may_see);
    /// assert_eq!(answer.total(), 3);
    /// assert_eq!(answer.records().map(|record| record.tid()).collect::<Vec<_>>(), [5, 3]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn answer_within(&self, query: &Query, tids: &RoaringTreemap) -> Answer {
        self.answer_within_with(query, tids, PlanMode::default())
    }

    /// Answers a query within a set by a demanded plan.
    #[doc(hidden)]
    pub fn answer_within_with(
        &self,
        query: &Query,
        tids: &RoaringTreemap,
        mode: PlanMode,
    ) -> Answer {
        let mut filters = Filters::of(query, self.names());
        filters.within = self.rows_within(tids);
        self.answer_of(query, filters, mode)
    }

    /// Returns the rows of each segment whose tickets are in a set.
    pub(super) fn rows_within(&self, tids: &RoaringTreemap) -> Vec<Arc<RowSet>> {
        let segments = self.segments().iter();
        let rows = segments.map(|live| rows_within(&live.segment, tids).into());
        rows.collect()
    }
}

impl Answer {
    /// Returns the numbers of all tickets that match, whatever page of them the answer shows.
    ///
    /// # Cost
    ///
    /// The filters are applied again, and each match is inserted into the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Query, Store, Ticket};
    ///
    /// let ticket = |tid: u64| Ticket { tid, locked: ["N", "Y"][tid as usize % 2].into(), ..Ticket::default() };
    /// let snapshot = Store::from_tickets((1..=9).map(ticket))?.snapshot();
    /// let answer = snapshot.answer(&"start_tid=4&end_tid=7&count=1".parse::<Query>()?);
    /// assert_eq!(answer.tids().iter().collect::<Vec<_>>(), [4, 5, 6, 7]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn tids(&self) -> RoaringTreemap {
        let (filters, mode) = (&self.explain.filters, PlanMode::default());
        let mut tids = RoaringTreemap::new();
        let (mut terms, mut work) = (FoundTerms::default(), Work::default());
        for (index, live) in self.snapshot.segments().iter().enumerate() {
            let conjunction = Conjunction::compile(filters, index, live, mode, &mut terms);
            let found = Found::new(conjunction, live, &mut work);
            found.for_each(live, &mut work, |row| {
                tids.insert(live.segment.tid(row));
            });
        }
        tids
    }
}

/// Returns the rows of a segment whose tickets are in a set.
fn rows_within(segment: &Segment, tids: &RoaringTreemap) -> RowSet {
    let rows_count = segment.rows_count();
    let Some(last_row) = rows_count.checked_sub(1) else {
        return RowSet::from_sorted(&[], 0);
    };
    let (first, last) = (segment.tid(0), segment.tid(last_row));
    let members_count = tids.range_cardinality(first..=last);
    let members = || {
        let mut members = tids.iter();
        members.advance_to(first);
        members.take_while(move |&tid| tid <= last)
    };
    let mut rows = Vec::new();
    if last - first == u64::from(last_row) {
        // No number is missing, so a ticket's row is its distance from the first.
        rows.extend(members().map(|tid| (tid - first) as u32));
    } else if members_count * u64::from(rows_count.ilog2()) < u64::from(rows_count) {
        rows.extend(members().filter_map(|tid| segment.row_of(tid)));
    } else if u64::from(rows_count) * u64::from(members_count.ilog2()) < members_count {
        rows.extend((0..rows_count).filter(|&row| tids.contains(segment.tid(row))));
    } else {
        let mut members = members().peekable();
        for row in 0..rows_count {
            let tid = segment.tid(row);
            while members.next_if(|&member| member < tid).is_some() {}
            if members.next_if_eq(&tid).is_some() {
                rows.push(row);
            }
        }
    }
    RowSet::from_sorted(&rows, rows_count)
}
