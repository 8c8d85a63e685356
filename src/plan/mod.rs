//! From a query to its rows in order.
//!
//! The query's filters are read once ([`filter`]). Then each segment gets a plan of its own:
//!
//! 1. The filters are bound to the segment ([`bind`]) and compiled into a [`conjunction`].
//! 2. The matches are counted, without listing them where bitmaps allow ([`found`]).
//! 3. Each strategy is priced as a [`path`] to the order, and the cheapest is chosen.
//! 4. Its [`path_rows`] give the rows as they are asked for. Where many rows tie in the first of several keys,
//!    those of each value may be planned as a request of their own.
//!
//! [`rows`] merges the segments by key, then tid. [`selection`] finds where a deep page begins in each of
//! them, and a [`place`] is where a cursor stands in the order. [`explain`] shows the plan of each segment.
//!
//! What changed in an answer needs no plan: [`changes`] asks the few tickets that were written between
//! two snapshots, and [`watches`] do so for many queries at once.
//!
//! # Invariants
//!
//! * Every plan gives the same rows in the same order; [`PlanMode`] exists to hold them to it.
//! * An answer's total is known before `answer` returns, and so are its rows if they are few; more are
//!   found as they are read.
//! * Nothing is kept for a request as such: only row sets of terms and of tests, orders, counts, and the
//!   first bytes of long texts.

mod answer;
mod bind;
mod blocks;
mod bucket;
mod changes;
mod conjunction;
mod cost;
mod count;
mod course;
mod due;
mod explain;
mod filter;
mod found;
mod keys;
mod matcher;
mod nested_price;
mod order;
mod part;
mod path;
mod path_rows;
mod place;
mod probe;
mod rows;
mod sample;
mod segment_filter;
mod selection;
mod sets;
mod sketch;
mod steps;
mod task;
mod top;
mod walk;
mod walk_price;
mod warm;
mod watches;

use std::cmp;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::query::{Cursor, OrderKey, Query};
use crate::snapshot::Snapshot;
use answer::{Body, Explained, Page, Sides};
use conjunction::{Conjunction, FoundTerms};
use filter::Filters;
use found::{Found, find};
use keys::RowKeys;
use order::{Order, filtered_by};
use path::Choice;
use path_rows::PathRows;
use place::{PackedPlace, Place};
use selection::Member;
use sketch::SegmentSketch;
use task::{Task, Window};

pub use answer::{Answer, Records};
pub use changes::{ChangeKind, ChangedTicket, Changes};
#[doc(hidden)]
pub use count::{CountMode, CountWay};
pub use count::{Counts, Group, KeyCounts};
pub use explain::{Access, Counted, Explain, FilterPlan, SegmentPlan, WalkMatching, Work};
pub(crate) use rows::Rows;
pub use watches::{WatchId, Watches};

/// The way to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// Rows are in tid order: take them as they come.
    RowOrder,
    /// Walk the rows in the order of the first key, probing each.
    Walk,
    /// Value by value of the first key: its posting and the filters as bitmaps.
    Bucket,
    /// Value by value of the first key, and the rows of each in order by a plan of their own.
    Nested,
    /// A bounded buffer of the best of all matches.
    TopK,
    /// The same, block by block as the zones of the first key allow, until no block has better.
    Zones,
    /// All matches, sorted.
    Sort,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 7] = [
        Strategy::RowOrder,
        Strategy::Walk,
        Strategy::Bucket,
        Strategy::Nested,
        Strategy::TopK,
        Strategy::Zones,
        Strategy::Sort,
    ];
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::RowOrder => "row order",
            Strategy::Walk => "walk",
            Strategy::Bucket => "bucket",
            Strategy::Nested => "nested",
            Strategy::TopK => "top-k",
            Strategy::Zones => "top-k by zones",
            Strategy::Sort => "sort",
        })
    }
}

/// How the filters of a plan are applied.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FilterMode {
    /// As estimated: the smallest first.
    #[default]
    Planned,
    /// The largest first.
    Reversed,
    /// Every row of the tid range is asked every filter, one by one; rows are never found by an index.
    Scan,
}

/// A plan made otherwise than the planner would, so that tests can compare all of them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PlanMode {
    /// How filters are applied.
    pub filters: FilterMode,
    /// The strategy to take where it can serve the order.
    pub strategy: Option<Strategy>,
    /// Whether the kept row sets of terms and tests are left unused, and no order, term or test is made
    /// or kept, but for the orders of rows that patches have revised.
    pub is_cold: bool,
}

impl PlanMode {
    /// Every mode.
    pub fn all() -> impl Iterator<Item = PlanMode> {
        let filters = [FilterMode::Planned, FilterMode::Reversed, FilterMode::Scan];
        filters.into_iter().flat_map(|filters| {
            let strategies = Strategy::ALL.into_iter().map(Some).chain([None]);
            strategies.flat_map(move |strategy| {
                [false, true].map(|is_cold| PlanMode {
                    filters,
                    strategy,
                    is_cold,
                })
            })
        })
    }

    /// Returns whether orders and term sets may be built and kept.
    fn may_build(self) -> bool {
        !self.is_cold && self.filters != FilterMode::Scan
    }
}

/// An answer of up to this many rows is found whole; a larger one is found as it is read, unless it is
/// beside a place.
const LISTED_ROWS_MAX: u64 = 4096;

/// A page of up to this many rows beside a place is found whole by a search from the place. For a larger
/// one the matches on the other side are counted, which makes it a window of the order.
const SOUGHT_ROWS_MAX: u64 = 65_536;

impl Snapshot {
    /// Answers a query.
    ///
    /// It cannot fail: whatever could be wrong with a request is found when the
    /// [`Query`] is made. The answer owns a clone of the snapshot.
    ///
    /// Cost: see [`Strategy`]; [`Answer::explain`] tells which was taken and what it did.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Options, Query, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default());
    /// let mut batch = Batch::new();
    /// for tid in 1..=9 {
    ///     batch.put(Ticket { tid, status: "Open".into(), ..Ticket::default() });
    /// }
    /// store.commit(batch)?;
    /// let query: Query = "status=open&tid=*&count=2&page=2".parse()?;
    /// let answer = store.reader().snapshot().answer(&query);
    /// assert_eq!((answer.total(), answer.count()), (9, 2));
    /// assert_eq!(answer.records().map(|record| record.tid()).collect::<Vec<_>>(), [3, 4]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn answer(&self, query: &Query) -> Answer {
        self.answer_with(query, PlanMode::default())
    }

    /// Answers a query and returns the plan with the work that it took.
    ///
    /// Cost: that of [`answer`](Snapshot::answer).
    pub fn explain(&self, query: &Query) -> Explain {
        self.answer(query).explain()
    }

    /// Answers a query by a demanded plan.
    #[doc(hidden)]
    pub fn answer_with(&self, query: &Query, mode: PlanMode) -> Answer {
        self.answer_of(query, Filters::of(query, self.names()), mode)
    }

    /// Answers a query whose filters were read.
    fn answer_of(&self, query: &Query, filters: Filters, mode: PlanMode) -> Answer {
        let mut explained = Explained::of(filters);
        let body = if query.is_count_only() {
            self.count(&mut explained, mode);
            Body::Count
        } else {
            Body::Records(self.page(query, &mut explained, mode))
        };
        Answer {
            snapshot: self.clone(),
            body,
            explain: explained.into(),
        }
    }

    /// Finds the rows of the page that a query asks for.
    fn page(&self, query: &Query, explained: &mut Explained, mode: PlanMode) -> Page {
        let found = self.find_matches(&explained.filters, mode, &mut explained.work);
        explained.total = found.iter().map(Found::count).sum();
        let beside = match (query.after(), query.before()) {
            (Some(cursor), _) => Some((cursor, false)),
            (None, cursor) => cursor.map(|cursor| (cursor, true)),
        };
        let (rows, sides) = if let Some((cursor, is_before)) = beside {
            self.arrange_beside(found, query, (cursor, is_before), mode, explained)
        } else {
            let order = Order::resolve(query.order(), false, self, filtered_by(query)).0;
            self.arrange_window(found, order, query.window(), mode, explained)
        };
        Page {
            count: rows.left(),
            rows,
            order: query.order().into(),
            fields: query.fields().cloned().map(Arc::new),
            sides,
        }
    }

    /// Finds what matches in each segment.
    fn find_matches(&self, filters: &Filters, mode: PlanMode, work: &mut Work) -> Vec<Found> {
        let mut terms = FoundTerms::default();
        let find = |(index, live)| {
            let conjunction = Conjunction::compile(filters, index, live, mode, &mut terms);
            Found::new(conjunction, live, work)
        };
        self.segments().iter().enumerate().map(find).collect()
    }

    /// Finds the rows nearest to a cursor, on one side of it, as many as the query takes.
    fn arrange_beside(
        &self,
        found: Vec<Found>,
        query: &Query,
        (cursor, is_before): (&Cursor, bool),
        mode: PlanMode,
        explained: &mut Explained,
    ) -> (Rows, Sides) {
        let (order, filtered, take) = (query.order(), filtered_by(query), query.window().1);
        if take > SOUGHT_ROWS_MAX {
            // An answer of that many rows finds them as it is read: the place becomes a window, for which the
            // matches before it are counted.
            let (order, place) = Place::resolve(cursor, order, false, self, filtered);
            let work = &mut explained.work;
            let (before, through) = self.ranks(&found, &order, &place, work);
            let window = if is_before {
                let taken = take.min(before);
                (before - taken, taken)
            } else {
                (through, take)
            };
            return self.arrange_window(found, order, window, mode, explained);
        }
        let (order, place) = Place::resolve(cursor, order, is_before, self, filtered);
        // One more row tells whether more follow.
        let window = Window::at_place(take + 1, explained.total);
        let mut rows = self.arrange(found, order, &window, Some(&place), mode, explained);
        let has_more = Some(rows.truncate(take));
        let sides = if is_before {
            rows.reverse();
            Sides {
                has_before: has_more,
                has_after: None,
            }
        } else {
            Sides {
                has_before: None,
                has_after: has_more,
            }
        };
        (rows, sides)
    }

    /// Finds the rows of a page, given how many rows it skips and takes.
    fn arrange_window(
        &self,
        found: Vec<Found>,
        order: Order,
        (skip, take): (u64, u64),
        mode: PlanMode,
        explained: &mut Explained,
    ) -> (Rows, Sides) {
        let window = Window::new((skip, take), &found, mode);
        let sides = Sides {
            has_before: Some(skip > 0),
            has_after: Some(window.total - window.count > skip),
        };
        (
            self.arrange(found, order, &window, None, mode, explained),
            sides,
        )
    }

    /// Chooses a path in each segment and starts it; finds the rows now if they are few.
    fn arrange(
        &self,
        found: Vec<Found>,
        order: Order,
        window: &Window,
        place: Option<&Place>,
        mode: PlanMode,
        explained: &mut Explained,
    ) -> Rows {
        let Explained { plans, work, .. } = explained;
        let mut members = Vec::with_capacity(if window.count > 0 { found.len() } else { 0 });
        for (index, (live, found)) in (0..).zip(self.segments().iter().zip(found)) {
            let need = window.need(found.count());
            if need.most == 0 {
                plans.push(Choice::NOTHING.sketch(&found, &live.segment));
                continue;
            }
            let within = order.within(&live.segment);
            let place = place.map(|place| place.within(&order, &live.segment));
            let task = Task {
                live,
                order: &within,
                need,
                place: place.as_ref(),
                mode,
            };
            let choice = Choice::new(&found, task).settle(task);
            plans.push(choice.sketch(&found, &live.segment));
            let matches_count = found.count();
            // The rows are too large to be moved about, so what they can give is asked where they stay.
            members.push(Member {
                segment: index,
                count: matches_count,
                path_rows: PathRows::new(choice.path(), found, task, work),
            });
            if let Some(member) = members.last_mut() {
                member.count = member.path_rows.count(matches_count);
            }
        }
        let mut rows = Rows::new(members, order, window.count);
        if window.count > 0 {
            rows.skip(self, window.skip, window.few);
        }
        let listed_max = match place {
            Some(_) => SOUGHT_ROWS_MAX + 1,
            None => LISTED_ROWS_MAX,
        };
        if (1..=listed_max).contains(&window.count) {
            let (listed, listing) = rows.listed(self);
            rows = listed;
            work.add(&listing);
        } else {
            work.add(&rows.work());
        }
        rows
    }

    /// Returns how many of the matches come before a place, and how many through it.
    fn ranks(&self, found: &[Found], order: &Order, place: &Place, work: &mut Work) -> (u64, u64) {
        let (mut before, mut through) = (0, 0);
        for (live, found) in self.segments().iter().zip(found) {
            if found.count() == 0 {
                continue;
            }
            let within = order.within(&live.segment);
            let place = place.within(order, &live.segment);
            let keys = RowKeys::new(&live.segment, &within);
            keys.expect(found.count());
            let place = PackedPlace::new(&place, &live.segment, &within, &keys);
            found.for_each(live, work, |row| {
                let side = place.compare((keys.packed(row), row));
                before += u64::from(side == cmp::Ordering::Less);
                through += u64::from(side != cmp::Ordering::Greater);
            });
        }
        (before, through)
    }

    /// Returns whether anything matches on a side of a place.
    fn has_match(
        &self,
        filters: &Filters,
        order: &[OrderKey],
        cursor: &Cursor,
        is_before: bool,
    ) -> bool {
        let mode = PlanMode::default();
        let found = self.find_matches(filters, mode, &mut Work::default());
        let (order, place) = Place::resolve(cursor, order, is_before, self, |_| None);
        let window = Window::at_place(1, found.iter().map(Found::count).sum());
        let mut explained = Explained::of(filters.clone());
        let rows = self.arrange(found, order, &window, Some(&place), mode, &mut explained);
        rows.left() > 0
    }

    /// Counts what matches: no order is resolved, and no row asked for.
    fn count(&self, explained: &mut Explained, mode: PlanMode) {
        let mut terms = FoundTerms::default();
        for (index, live) in self.segments().iter().enumerate() {
            let (filters, segment) = (&explained.filters, &live.segment);
            let mut conjunction = Conjunction::new(filters, segment, mode);
            let known = conjunction.add_to_count(filters, index, live, &mut terms);
            let (count, counted) = known.unwrap_or_else(|| {
                let (count, counted, _) = find(&conjunction, live, &mut explained.work);
                (count, counted)
            });
            explained.total += count;
            let plan = SegmentSketch::of_count(&conjunction, segment, (count, counted));
            explained.plans.push(plan);
        }
    }
}

impl Work {
    fn add(&mut self, other: &Work) {
        self.rows_touched += other.rows_touched;
        self.rows_probed += other.rows_probed;
        self.blocks += other.blocks;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::names::CustomNames;
    use crate::model::{Field, Ticket};
    use crate::plan::task::Need;
    use crate::segment::{Budget, SegmentBuilder, Slot};
    use crate::snapshot::LiveSegment;

    /// Makes a segment of tickets whose tids ascend.
    pub(super) fn live_of(tickets: &[Ticket]) -> LiveSegment {
        let mut builder = SegmentBuilder::new();
        builder.insert(tickets, &CustomNames::default());
        LiveSegment::new(builder.seal(&Budget::new(None)))
    }

    /// Finds every row of a segment.
    pub(super) fn find_all(live: &LiveSegment) -> Found {
        let (filters, mode) = (
            Filters::of(&Query::default(), &CustomNames::default()),
            PlanMode::default(),
        );
        let mut terms = FoundTerms::default();
        let conjunction = Conjunction::compile(&filters, 0, live, mode, &mut terms);
        Found::new(conjunction, live, &mut Work::default())
    }

    /// Makes the order by a field.
    pub(super) fn order_by(field: Field) -> Order {
        let key = order::Key {
            slot: Slot::Field(field),
            descends: false,
        };
        Order {
            keys: [key].into(),
            tid_descends: false,
        }
    }

    /// Makes the task of giving the first `count` rows.
    pub(super) fn give_first<'a>(live: &'a LiveSegment, order: &'a Order, count: u64) -> Task<'a> {
        let need = Need {
            take: count,
            share: count,
            most: count,
            ..Need::default()
        };
        Task {
            live,
            order,
            need,
            place: None,
            mode: PlanMode::default(),
        }
    }

    #[test]
    fn every_mode_is_there_once_and_every_strategy_has_a_name() {
        let modes: HashSet<PlanMode> = PlanMode::all().collect();
        assert_eq!((modes.len(), PlanMode::all().count()), (48, 48));
        assert!(modes.contains(&PlanMode::default()));
        let names = Strategy::ALL.map(|strategy| strategy.to_string());
        assert_eq!(
            names,
            [
                "row order",
                "walk",
                "bucket",
                "nested",
                "top-k",
                "top-k by zones",
                "sort",
            ]
        );
    }
}
