//! From a query to rows in order: filters to row sets, the choice of a strategy, the answer.
//!
//! Each segment gets a plan of its own. Its filters are compiled into a
//! [`conjunction`]; the number of matches is found without listing them where bitmaps
//! allow; then the strategy for the order with the least estimated cost is chosen here
//! and carried out by [`order`]. Several segments are merged by key, then tid, in
//! [`rows`]. [`explain`] shows all of it.
//!
//! # Invariants
//!
//! * Every plan gives the same rows in the same order; [`PlanMode`] exists to hold them to it.
//! * An answer's total is known, and for a page its rows are, before `answer` returns; an
//!   export is found as it is read.
//! * Nothing is kept by request: what is kept is row sets of terms and orders of fields.

mod bind;
mod blocks;
mod bucket;
mod conjunction;
mod cost;
mod count;
mod cursor;
mod due;
mod explain;
mod filter;
mod found;
mod keys;
mod matcher;
mod order;
mod part;
mod probe;
mod rows;
mod sample;
mod segment_filter;
mod selection;
mod sets;
mod task;
mod top;
mod walk;
mod warm;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use smallvec::SmallVec;

use crate::query::{Fields, Query};
use crate::snapshot::{LiveSegment, Record, RowId, Snapshot};
use conjunction::Conjunction;
use cost::cost;
use cursor::Cursor;
use due::order_cost;
use filter::Filters;
use found::Found;
use order::Order;
use selection::{MERGED_ROWS_MAX, Member};
use task::{Need, Task};

#[doc(hidden)]
pub use count::{CountMode, CountWay};
pub use count::{Counts, Group, KeyCounts};
use explain::SegmentSketch;
pub use explain::{Access, Counted, Explain, FilterPlan, SegmentPlan, Work};
pub(crate) use rows::Rows;

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
    /// A bounded buffer of the best of all matches.
    TopK,
    /// The same, block by block as the zones of the first key allow, until no block has better.
    Zones,
    /// All matches, sorted.
    Sort,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 6] = [
        Strategy::RowOrder,
        Strategy::Walk,
        Strategy::Bucket,
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
    /// Every row of the tid range is asked everything; no index is used.
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
    /// Whether what is kept between requests is neither used nor made.
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

/// The most rows of an answer that is found whole; a larger one is found as it is read.
const LISTED_ROWS_MAX: u64 = 4096;

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
        if query.is_count_only() {
            return self.count(filters, mode);
        }
        let mut work = Work::default();
        let order = Order::resolve(query, self);
        let find = |(index, live)| {
            let conjunction = Conjunction::compile(&filters, index, live, mode);
            Found::new(conjunction, live, mode, &mut work)
        };
        let found: Vec<Found> = self.segments().iter().enumerate().map(find).collect();
        let total = found.iter().map(Found::count).sum::<u64>();
        let (skip, take) = query.window();
        let count = total.saturating_sub(skip).min(take);
        let is_shared = found.iter().filter(|found| found.count() > 0).count() > 1;
        let window = Window {
            skip,
            count,
            total,
            // So few rows are passed by merging them, unless a plan is demanded.
            few: if is_shared && mode.strategy.is_none() {
                MERGED_ROWS_MAX
            } else {
                0
            },
            is_shared,
        };
        let mut plans = SmallVec::with_capacity(found.len());
        let mut members = Vec::with_capacity(if count > 0 { found.len() } else { 0 });
        for (index, (live, found)) in (0..).zip(self.segments().iter().zip(found)) {
            let within = order.within(&live.segment);
            let task = Task {
                live,
                order: &within,
                need: window.need(found.count()),
                mode,
            };
            let choice = if task.need.most > 0 {
                choose(&found, task)
            } else {
                Choice::NOTHING
            };
            plans.push(choice.sketch(&found, live));
            if task.need.most > 0 {
                let matches_count = found.count();
                let cursor = Cursor::new(choice.strategy, found, task, &mut work);
                members.push(Member {
                    segment: index,
                    count: cursor.count(matches_count),
                    cursor,
                });
            }
        }
        let mut rows = Rows::new(members, order, count);
        if count > 0 {
            rows.skip(self, skip, window.few);
        }
        if (1..=LISTED_ROWS_MAX).contains(&count) {
            let (listed, listing) = rows.listed(self);
            rows = listed;
            work.add(&listing);
        } else {
            work.add(&rows.work());
        }
        Answer {
            snapshot: self.clone(),
            count,
            is_count_only: false,
            filters,
            fields: query.fields().cloned().map(Arc::new),
            rows,
            explain: Explained::new(total, plans, work),
        }
    }

    /// Counts what matches: no order is resolved, and no row asked for.
    fn count(&self, filters: Filters, mode: PlanMode) -> Answer {
        let mut work = Work::default();
        let mut total = 0;
        let plan = |(index, live): (usize, &LiveSegment)| {
            let conjunction = Conjunction::compile(&filters, index, live, mode);
            let found = Found::new(conjunction, live, mode, &mut work);
            total += found.count();
            Choice::NOTHING.sketch(&found, live)
        };
        let plans = self.segments().iter().enumerate().map(plan).collect();
        Answer {
            snapshot: self.clone(),
            count: 0,
            is_count_only: true,
            filters,
            fields: None,
            rows: Rows::none(),
            explain: Explained::new(total, plans, work),
        }
    }
}

/// The part of the order that is asked for, over all segments.
struct Window {
    skip: u64,
    count: u64,
    total: u64,
    /// The most rows before a page that are merged and passed; past more, a search finds the page.
    few: u64,
    /// Whether more than one segment has matches.
    is_shared: bool,
}

impl Window {
    /// Returns what a segment with a number of matches has to do with it.
    fn need(&self, matches: u64) -> Need {
        if self.count == 0 || matches == 0 {
            return Need::default();
        }
        // A page is not past the end, so it skips less than there is.
        let share = |rows: u64| {
            let share = u128::from(rows) * u128::from(matches) / u128::from(self.total);
            share as u64
        };
        let few = if self.skip > 0 { self.few } else { 0 };
        let take = matches.min(self.count + few);
        Need {
            skip: share(self.skip),
            take,
            share: take.min(share(self.count + few).saturating_add(1)),
            most: matches.min(self.skip + self.count),
            is_shared: self.is_shared && self.skip > self.few,
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

/// A strategy with its estimated cost.
struct Choice {
    strategy: Strategy,
    cost: u64,
    fell_back_from: Option<Strategy>,
}

impl Choice {
    /// No row is asked for, so none is put in order.
    const NOTHING: Choice = Choice {
        strategy: Strategy::RowOrder,
        cost: 0,
        fell_back_from: None,
    };

    /// Returns the plan of a segment as `explain` needs it.
    fn sketch(&self, found: &Found, live: &LiveSegment) -> SegmentSketch {
        SegmentSketch {
            rows_count: live.segment.rows_count().into(),
            matches_count: found.count(),
            filters: found.conjunction.describe(&live.segment),
            access: found.conjunction.access(),
            counted: found.counted,
            strategy: self.strategy,
            cost: self.cost,
            fell_back_from: self.fell_back_from,
        }
    }
}

/// Takes the strategy with the least cost of those that can serve the order.
fn choose(found: &Found, task: Task<'_>) -> Choice {
    let demanded = task.mode.strategy;
    let cost_of = |strategy: Strategy| Some((cost(strategy, found, task)?, strategy));
    // The memory budget may have no room for an order that is not there yet.
    let has_order = || {
        let key = task.order.keys.first();
        key.is_some_and(|key| task.live.segment.order(key.slot).is_some())
    };
    let serving = demanded
        .and_then(cost_of)
        .filter(|&(_, strategy)| strategy != Strategy::Walk || has_order());
    if let Some((cost, strategy)) = serving {
        return Choice {
            strategy,
            cost,
            fell_back_from: None,
        };
    }
    let least = |is_meant: fn(Strategy) -> bool| {
        let costs = Strategy::ALL.into_iter().filter(|&it| is_meant(it));
        // Sorting serves every order, so there is always a least.
        let costs = costs.filter_map(cost_of);
        costs.min().unwrap_or((u64::MAX, Strategy::Sort))
    };
    let mut chosen = least(|_| true);
    if let ((walk, Strategy::Walk), Some(key)) = (chosen, task.order.keys.first())
        && !task.live.segment.has_order(key.slot)
    {
        // The order is worth making once answers without it have lost enough.
        let second = least(|strategy| strategy != Strategy::Walk);
        let segment = &task.live.segment;
        let missed = segment.miss_order(key.slot, second.0 - walk);
        let is_due = order_cost(segment, key.slot).is_some_and(|cost| missed >= cost);
        if !is_due || !has_order() {
            chosen = second;
        }
    }
    Choice {
        strategy: chosen.1,
        cost: chosen.0,
        fell_back_from: demanded,
    }
}

/// What a request matched: the total, and the rows of the page in order.
///
/// Owns its snapshot and is `Send + 'static`, so it can be written on another thread
/// while the store goes on. Total and count are known before the first byte is written.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Format, Options, Query, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 34, ..Ticket::default() });
/// store.commit(batch)?;
/// let answer = store.reader().snapshot().answer(&"count_only=Y".parse::<Query>()?);
/// let mut body = Vec::new();
/// answer.write_to(Format::Delimited, &mut body)?;
/// assert_eq!(body, b"count=1\n");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Answer {
    snapshot: Snapshot,
    count: u64,
    is_count_only: bool,
    filters: Filters,
    /// What each record shows in a response, where that is not all.
    fields: Option<Arc<Fields>>,
    rows: Rows,
    /// Shared by all clones, and with it what they write.
    explain: Arc<Explained>,
}

/// The plan of an answer, and how many bytes were written of it.
#[derive(Debug)]
struct Explained {
    total: u64,
    plans: SmallVec<[SegmentSketch; 1]>,
    work: Work,
    bytes_written: AtomicU64,
}

impl Explained {
    fn new(total: u64, plans: SmallVec<[SegmentSketch; 1]>, work: Work) -> Arc<Explained> {
        Arc::new(Explained {
            total,
            plans,
            work,
            bytes_written: AtomicU64::new(0),
        })
    }
}

/// Prints the figures of the answer and none of its tickets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("total", &self.total())
            .field("count", &self.count())
            .field("is_count_only", &self.is_count_only)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns the number of matching tickets, before `count` and `page`.
    pub fn total(&self) -> u64 {
        self.explain.total
    }

    /// Returns the number of records in the response; 0 where only the total is asked for.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the records in order, as views.
    pub fn records(&self) -> Records<'_> {
        Records {
            snapshot: &self.snapshot,
            rows: self.rows.clone(),
            ids: Vec::new().into_iter(),
        }
    }

    /// Returns the plan, with the work done so far.
    pub fn explain(&self) -> Explain {
        let Explained {
            total, plans, work, ..
        } = &*self.explain;
        Explain {
            total: *total,
            segments: plans.iter().map(|plan| plan.plan(&self.filters)).collect(),
            work: Work {
                bytes_written: self.explain.bytes_written.load(Ordering::Relaxed),
                ..*work
            },
        }
    }

    /// Returns the variables that each record shows in a response; none is all of them.
    pub(crate) fn fields(&self) -> Option<&Fields> {
        self.fields.as_deref()
    }

    pub(crate) fn is_count_only(&self) -> bool {
        self.is_count_only
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns the cursor over the rows, at their start.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Notes bytes of response that were written.
    pub(crate) fn add_bytes_written(&self, bytes: u64) {
        let written = &self.explain.bytes_written;
        written.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The records of an answer, in order.
pub struct Records<'a> {
    snapshot: &'a Snapshot,
    rows: Rows,
    ids: std::vec::IntoIter<RowId>,
}

/// Prints how many records are still to come.
impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

impl Records<'_> {
    fn left(&self) -> u64 {
        self.rows.left() + self.ids.len() as u64
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.ids.len() == 0 {
            let mut ids = Vec::new();
            self.rows.fill(self.snapshot, &mut ids);
            self.ids = ids.into_iter();
        }
        self.ids.next().map(|id| self.snapshot.record(id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left());
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

/// Exact where `usize` can count the tickets, which takes more than 2^32 of them to fail.
impl ExactSizeIterator for Records<'_> {}

impl std::iter::FusedIterator for Records<'_> {}

// An answer can travel to the thread that writes it.
const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Answer>();
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::names::CustomNames;
    use crate::model::{Field, Ticket};
    use crate::segment::Slot;
    use crate::segment::budget::Budget;
    use crate::segment::builder::SegmentBuilder;

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
        let conjunction = Conjunction::compile(&filters, 0, live, mode);
        Found::new(conjunction, live, mode, &mut Work::default())
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
            mode: PlanMode::default(),
        }
    }

    #[test]
    fn every_mode_is_there_once_and_every_strategy_has_a_name() {
        let modes: HashSet<PlanMode> = PlanMode::all().collect();
        assert_eq!((modes.len(), PlanMode::all().count()), (42, 42));
        assert!(modes.contains(&PlanMode::default()));
        let names = Strategy::ALL.map(|strategy| strategy.to_string());
        assert_eq!(
            names,
            [
                "row order",
                "walk",
                "bucket",
                "top-k",
                "top-k by zones",
                "sort",
            ]
        );
    }
}
