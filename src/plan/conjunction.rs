//! The filters of a request in one segment, and the ways to find the rows of them all.
//!
//! A [`Conjunction`] is compiled from a query once a segment: every filter becomes a
//! row set, a run of classes or a question to ask of a row, with the number of rows
//! that it lets through. It holds names and numbers only, never a borrow, so that an
//! answer can own its snapshot; whoever uses it hands the segment in.
//!
//! Two ways lead to the rows. *Drive*: visit the rows of the filter that lets the
//! fewest through and probe the others, row by row. *Blocks*: combine 4,096 rows at a
//! time as bitmaps. The first is for few rows, the second for many.
//!
//! # Invariants
//!
//! * Filters ascend by estimate. Every estimate is exact or, for a tid pattern and a
//!   term that is probed, an upper bound.
//! * Tombstones are subtracted here and nowhere else.

use std::ops::Range;
use std::sync::Arc;

use super::explain::{FilterPlan, Work};
use super::{FilterMode, PlanMode};
use crate::model::Field;
use crate::model::value::{date_to_seconds, fold};
use crate::query::{Query, TidFilter, TidPattern};
use crate::segment::column::Zone;
use crate::segment::rowset::{
    BLOCK_ROWS, Block, EMPTY_BLOCK, RowSet, block_count, for_each_row, range_block,
};
use crate::segment::terms::is_dear;
use crate::segment::{Posting, Segment, Slot};
use crate::snapshot::LiveSegment;

/// One filter of a request in one segment.
#[derive(Clone, Debug)]
enum Filter {
    /// The field's class is one of these, ascending.
    Classes { field: Field, classes: Vec<u32> },
    /// The field's class is in a range; `is_sorted` where rows in the field's order are there.
    Range {
        field: Field,
        classes: Range<u64>,
        is_sorted: bool,
    },
    /// The decimal form of the tid matches.
    Pattern(TidPattern),
    /// The row is in the set of a term.
    Term { term: String, rows: Arc<RowSet> },
    /// The row's searchable texts hold the term: asked of the texts themselves.
    TermProbe { term: String },
}

/// A filter with how many rows it lets through.
#[derive(Clone, Debug)]
struct Estimated {
    filter: Filter,
    estimate: u64,
}

/// How the rows of a conjunction are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// By visiting the rows of the first filter and probing the others.
    Drive,
    /// By combining bitmaps, 4,096 rows at a time.
    Blocks,
}

/// The filters of a request, compiled for one segment.
#[derive(Clone, Debug)]
pub(super) struct Conjunction {
    /// The rows within the request's tid range.
    rows: Range<u32>,
    filters: Vec<Estimated>,
    access: Access,
    cost: u64,
}

/// What probing one row's texts for a term costs, in units of a posting.
const TEXT_PROBE_COST: u64 = 500;

// Costs in nanoseconds of the machine that the strategies were measured on; only their
// ratios matter.
const VISIT_COST: u64 = 3;
const PROBE_COST: u64 = 5;
const SORT_COST: u64 = 15;
const DENSE_BLOCK_COST: u64 = 20;
const RANGE_BLOCK_COST: u64 = 1500;

impl Conjunction {
    /// Compiles the filters of a query for a segment.
    pub(super) fn compile(query: &Query, live: &LiveSegment, mode: PlanMode) -> Conjunction {
        let segment = &*live.segment;
        let mut conjunction = Conjunction {
            rows: tid_rows(query, segment),
            filters: Vec::new(),
            access: Access::Blocks,
            cost: 0,
        };
        conjunction.add_values(query, segment);
        conjunction.add_ranges(query, segment, mode);
        if let Some(TidFilter::Pattern(pattern)) = query.tid() {
            let estimate = u64::from(segment.rows_count());
            conjunction.filters.push(Estimated {
                filter: Filter::Pattern(pattern.clone()),
                estimate,
            });
        }
        conjunction.add_terms(query, segment, mode);
        conjunction.filters.sort_by_key(|filter| filter.estimate);
        if mode.filters == FilterMode::Reversed {
            conjunction.filters.reverse();
        }
        if conjunction
            .filters
            .iter()
            .any(|filter| filter.estimate == 0)
        {
            conjunction.rows = 0..0;
        }
        conjunction.choose_access(segment, mode);
        conjunction
    }

    fn add_values(&mut self, query: &Query, segment: &Segment) {
        for field in Field::FILTERS {
            let values = query.values(field);
            let Some(column) = segment.column(Slot::Field(field)) else {
                continue;
            };
            if values.is_empty() {
                continue;
            }
            let dictionary = column.dictionary();
            let find = |value: &String| dictionary.and_then(|texts| texts.find(&fold(value)));
            let mut classes: Vec<u32> = values.iter().filter_map(find).collect();
            classes.sort_unstable();
            classes.dedup();
            let count = |&class: &u32| u64::from(segment.posting(field, class).count());
            let estimate = classes.iter().map(count).sum();
            self.filters.push(Estimated {
                filter: Filter::Classes { field, classes },
                estimate,
            });
        }
    }

    fn add_ranges(&mut self, query: &Query, segment: &Segment, mode: PlanMode) {
        let (start, end) = query.cid_range();
        if start.is_some() || end.is_some() {
            let (start, end) = (start.map(fold), end.map(fold));
            let cids = segment
                .column(Slot::Field(Field::Cid))
                .and_then(|cids| cids.dictionary());
            let classes = cids.map_or(0..0, |cids| {
                cids.find_range(start.as_deref(), end.as_deref())
            });
            let classes = u64::from(classes.start)..u64::from(classes.end);
            self.add_range(Field::Cid, classes, segment, mode);
        }
        let (start, end) = query.date_range();
        if start.is_some() || end.is_some() {
            let first = start.map_or(0, date_to_seconds);
            let last = end.map_or(u64::MAX, date_to_seconds);
            self.add_numbers(Field::DateOpened, first, last, segment, mode);
        }
        if let Some(due) = query.due() {
            let first = date_to_seconds(due.first_second());
            self.add_numbers(
                Field::DueDate,
                first,
                date_to_seconds(due.last_second()),
                segment,
                mode,
            );
        }
    }

    fn add_numbers(
        &mut self,
        field: Field,
        first: u64,
        last: u64,
        segment: &Segment,
        mode: PlanMode,
    ) {
        let column = segment.column(Slot::Field(field));
        let classes = column.map_or(0..0, |column| column.number_classes(first, last));
        self.add_range(field, classes, segment, mode);
    }

    fn add_range(&mut self, field: Field, classes: Range<u64>, segment: &Segment, mode: PlanMode) {
        let slot = Slot::Field(field);
        let is_sorted = mode.may_build() || segment.has_order(slot);
        let estimate = match (
            segment.column(slot),
            is_sorted.then(|| segment.order(slot)).flatten(),
        ) {
            (Some(column), Some(order)) => order.positions(column, &classes).len() as u64,
            _ if classes.is_empty() => 0,
            _ => u64::from(segment.rows_count()),
        };
        self.filters.push(Estimated {
            filter: Filter::Range {
                field,
                classes,
                is_sorted,
            },
            estimate,
        });
    }

    /// Adds the keyword's terms: as row sets, or as questions where few rows are left to ask.
    fn add_terms(&mut self, query: &Query, segment: &Segment, mode: PlanMode) {
        let rows_left = |filters: &[Estimated], rows: &Range<u32>| {
            let estimates = filters.iter().map(|filter| filter.estimate);
            estimates.min().unwrap_or(u64::MAX).min(rows.len() as u64)
        };
        let mut terms = Vec::new();
        for term in query.terms() {
            let term = fold(term);
            if mode.filters == FilterMode::Scan {
                let estimate = u64::from(segment.rows_count());
                self.filters.push(Estimated {
                    filter: Filter::TermProbe { term },
                    estimate,
                });
            } else if let (Some(rows), false) = (segment.terms().get(&term), mode.is_cold) {
                let estimate = u64::from(rows.count());
                self.filters.push(Estimated {
                    filter: Filter::Term { term, rows },
                    estimate,
                });
            } else {
                let matches = segment.words().find(&term);
                terms.push((matches.rows_cost(), matches, term));
            }
        }
        terms.sort_by_key(|(cost, ..)| *cost);
        for (cost, matches, term) in terms {
            let probe_cost = rows_left(&self.filters, &self.rows).saturating_mul(TEXT_PROBE_COST);
            let estimated = if probe_cost < cost {
                let estimate = matches
                    .postings_count()
                    .min(u64::from(segment.rows_count()));
                Estimated {
                    filter: Filter::TermProbe { term },
                    estimate,
                }
            } else {
                let rows = Arc::new(segment.term_rows(&matches));
                if !mode.is_cold && is_dear(cost) {
                    segment.terms().insert(&term, &rows);
                }
                let estimate = u64::from(rows.count());
                Estimated {
                    filter: Filter::Term { term, rows },
                    estimate,
                }
            };
            self.filters.push(estimated);
        }
    }

    fn choose_access(&mut self, segment: &Segment, mode: PlanMode) {
        let others = self.filters.len().saturating_sub(1) as u64;
        let blocks = u64::from(self.rows.len() as u32 / BLOCK_ROWS + 1);
        let dear =
            |filter: &Estimated| u64::from(matches!(filter.filter, Filter::TermProbe { .. }));
        let dear_probes: u64 = self.filters.iter().skip(1).map(dear).sum();
        let drive = self
            .filters
            .first()
            .filter(|first| first.filter.is_enumerable())
            .map(|first| {
                let sort = match first.filter {
                    Filter::Range { .. } => SORT_COST,
                    _ => 0,
                };
                let probes = PROBE_COST * others + TEXT_PROBE_COST * dear_probes;
                first.estimate * (VISIT_COST + sort + probes)
            });
        let block_cost = |filter: &Estimated| filter.block_cost(segment, blocks);
        let combine: u64 = self.filters.iter().map(block_cost).sum::<u64>() + blocks;
        (self.access, self.cost) = match drive {
            Some(drive) if drive <= combine && mode.filters != FilterMode::Scan => {
                (Access::Drive, drive)
            }
            _ => (Access::Blocks, combine),
        };
    }

    /// Returns how the rows are found.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Returns the estimated cost of finding all rows, in nanoseconds.
    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Returns an upper bound of the rows that match.
    pub(super) fn estimate(&self) -> u64 {
        let least = self.filters.iter().map(|filter| filter.estimate).min();
        least.unwrap_or(u64::MAX).min(self.rows.len() as u64)
    }

    /// Returns whether the tid range leaves only a part of the segment's rows.
    pub(super) fn is_part(&self, segment: &Segment) -> bool {
        self.rows.len() < segment.rows_count() as usize
    }

    /// Returns whether every live row of the segment matches.
    pub(super) fn is_everything(&self, segment: &Segment) -> bool {
        self.filters.is_empty() && !self.is_part(segment)
    }

    /// Returns the classes that a range filter leaves of a field in whose order rows are there.
    pub(super) fn class_range(&self, slot: Slot) -> Option<Range<u64>> {
        self.filters
            .iter()
            .find_map(|estimated| match &estimated.filter {
                Filter::Range { field, classes, .. } if Slot::Field(*field) == slot => {
                    Some(classes.clone())
                }
                _ => None,
            })
    }

    /// Returns the filters as `explain` shows them.
    pub(super) fn describe(&self, segment: &Segment) -> Vec<FilterPlan> {
        self.filters
            .iter()
            .map(|filter| filter.describe(segment))
            .collect()
    }

    /// Returns whether a row is live and satisfies every filter.
    pub(super) fn probe(&self, live: &LiveSegment, row: u32) -> bool {
        self.rows.contains(&row)
            && !live.dead.contains(row)
            && self
                .filters
                .iter()
                .all(|filter| filter.filter.probe(&live.segment, row))
    }

    /// Returns the matching rows of one block.
    pub(super) fn block(
        &self,
        live: &LiveSegment,
        block_index: u32,
        mode: FilterMode,
        work: &mut Work,
    ) -> Block {
        let mut block = range_block(&self.rows, block_index);
        live.dead.subtract_from(block_index, &mut block);
        work.blocks += 1;
        for filter in &self.filters {
            if block == EMPTY_BLOCK {
                break;
            }
            if mode == FilterMode::Scan {
                filter
                    .filter
                    .probe_block(&live.segment, block_index, &mut block, work);
            } else {
                filter
                    .filter
                    .intersect_into(&live.segment, block_index, &mut block, work);
            }
        }
        block
    }

    /// Returns the indexes of the blocks that can hold matching rows.
    pub(super) fn block_indexes(&self) -> Range<u32> {
        self.rows.start / BLOCK_ROWS..self.rows.end.div_ceil(BLOCK_ROWS)
    }

    /// Returns the number of matching rows where it is known without looking at any.
    pub(super) fn known_count(&self, live: &LiveSegment) -> Option<u64> {
        if self.rows.is_empty() {
            return Some(0);
        }
        if live.dead.count() > 0 {
            let everything = self.is_everything(&live.segment);
            return everything.then(|| u64::from(live.live_count()));
        }
        let is_whole = !self.is_part(&live.segment);
        match &self.filters[..] {
            [] => Some(self.rows.len() as u64),
            [only] if is_whole && only.filter.is_exact() => Some(only.estimate),
            _ => None,
        }
    }

    /// Returns the matching rows, ascending, by visiting those of the first filter.
    pub(super) fn drive(&self, live: &LiveSegment, work: &mut Work) -> Vec<u32> {
        let Some((first, others)) = self.filters.split_first() else {
            return Vec::new();
        };
        let mut matches = Vec::new();
        let segment = &*live.segment;
        let mut visit = |row: u32| {
            work.rows_touched += 1;
            if !self.rows.contains(&row) || live.dead.contains(row) {
                return;
            }
            work.rows_probed += u64::from(!others.is_empty());
            if others
                .iter()
                .all(|filter| filter.filter.probe(segment, row))
            {
                matches.push(row);
            }
        };
        let is_ascending = match &first.filter {
            Filter::Term { rows, .. } => {
                rows.for_each(visit);
                true
            }
            Filter::Classes { field, classes } => {
                for &class in classes {
                    match segment.posting(*field, class) {
                        Posting::Set(set) => set.for_each(&mut visit),
                        Posting::Rows(rows) => rows.iter().copied().for_each(&mut visit),
                    }
                }
                classes.len() <= 1
            }
            Filter::Range { field, classes, .. } => {
                let slot = Slot::Field(*field);
                if let (Some(order), Some(column)) = (segment.order(slot), segment.column(slot)) {
                    let rows = &order.rows()[order.positions(column, classes)];
                    rows.iter().copied().for_each(&mut visit);
                }
                false
            }
            Filter::Pattern(_) | Filter::TermProbe { .. } => {
                self.rows.clone().for_each(|row| {
                    if first.filter.probe(segment, row) {
                        visit(row);
                    }
                });
                true
            }
        };
        if !is_ascending {
            matches.sort_unstable();
        }
        matches
    }
}

impl Estimated {
    /// Returns the estimated cost of combining so many blocks with the filter.
    fn block_cost(&self, segment: &Segment, blocks: u64) -> u64 {
        let rows_share = |rows: u64| {
            let all = u64::from(segment.rows_count())
                .div_ceil(u64::from(BLOCK_ROWS))
                .max(1);
            rows * blocks.min(all) / all
        };
        match &self.filter {
            Filter::Classes { field, classes } => {
                let cost = |&class: &u32| match segment.posting(*field, class) {
                    Posting::Set(set) if set.is_dense() => blocks * DENSE_BLOCK_COST,
                    posting => {
                        blocks * DENSE_BLOCK_COST * 2 + rows_share(posting.count().into()) * 2
                    }
                };
                classes.iter().map(cost).sum()
            }
            Filter::Term { rows, .. } if rows.is_dense() => blocks * DENSE_BLOCK_COST,
            Filter::Term { rows, .. } => {
                blocks * DENSE_BLOCK_COST * 2 + rows_share(rows.count().into()) * 2
            }
            Filter::Range { .. } => blocks * RANGE_BLOCK_COST,
            Filter::Pattern(_) => blocks * u64::from(BLOCK_ROWS) * PROBE_COST * 4,
            Filter::TermProbe { .. } => blocks * u64::from(BLOCK_ROWS) * TEXT_PROBE_COST,
        }
    }

    fn describe(&self, segment: &Segment) -> FilterPlan {
        let (name, kind) = match &self.filter {
            Filter::Classes { field, classes } => {
                let kind = match classes[..] {
                    [] => "no rows",
                    [class] => match segment.posting(*field, class) {
                        Posting::Set(set) => set.kind_name(),
                        Posting::Rows(_) => "sorted vector",
                    },
                    _ => "union of postings",
                };
                (field.request_name().to_owned(), kind)
            }
            Filter::Range {
                field,
                is_sorted: true,
                ..
            } => (field.name().to_owned(), "sorted vector"),
            Filter::Range { field, .. } => (field.name().to_owned(), "column and zones"),
            Filter::Pattern(_) => ("tid".to_owned(), "probe of tid"),
            Filter::Term { term, rows } => (format!("keyword {term:?}"), rows.kind_name()),
            Filter::TermProbe { term } => (format!("keyword {term:?}"), "probe of texts"),
        };
        FilterPlan {
            name,
            kind,
            estimate: self.estimate,
        }
    }
}

impl Filter {
    /// Returns whether the filter's rows can be visited without asking every row.
    fn is_enumerable(&self) -> bool {
        match self {
            Filter::Classes { .. } | Filter::Term { .. } => true,
            Filter::Range { is_sorted, .. } => *is_sorted,
            Filter::Pattern(_) | Filter::TermProbe { .. } => false,
        }
    }

    /// Returns whether the estimate is the number of rows, dead ones too.
    fn is_exact(&self) -> bool {
        self.is_enumerable()
    }

    fn probe(&self, segment: &Segment, row: u32) -> bool {
        match self {
            Filter::Classes { field, classes } => {
                let class = segment
                    .column(Slot::Field(*field))
                    .map(|column| column.class(row));
                match (class, &classes[..]) {
                    (Some(class), [only]) => class == u64::from(*only),
                    (Some(class), _) => classes.binary_search(&(class as u32)).is_ok(),
                    (None, _) => false,
                }
            }
            Filter::Range { field, classes, .. } => segment
                .column(Slot::Field(*field))
                .is_some_and(|column| classes.contains(&column.class(row))),
            Filter::Pattern(pattern) => pattern.matches(segment.tid(row)),
            Filter::Term { rows, .. } => rows.contains(row),
            Filter::TermProbe { term } => segment.holds_term(row, term),
        }
    }

    /// Keeps of a block the rows that satisfy the filter, by asking each.
    fn probe_block(&self, segment: &Segment, block_index: u32, block: &mut Block, work: &mut Work) {
        let before = *block;
        work.rows_probed += u64::from(block_count(&before));
        work.rows_touched += u64::from(block_count(&before));
        for_each_row(&before, block_index, |row| {
            if !self.probe(segment, row) {
                let bit = row % BLOCK_ROWS;
                block[(bit / 64) as usize] &= !(1 << (bit % 64));
            }
        });
    }

    /// Keeps of a block the rows that satisfy the filter, a word or more at a time.
    fn intersect_into(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        match self {
            Filter::Classes { field, classes } => {
                if let ([class], Some(sets)) = (&classes[..], segment.posting_sets(*field)) {
                    return sets[*class as usize].intersect_into(block_index, block);
                }
                let mut union = EMPTY_BLOCK;
                for &class in classes {
                    match segment.posting(*field, class) {
                        Posting::Set(set) => set.union_into(block_index, &mut union),
                        Posting::Rows(rows) => union_rows(rows, block_index, &mut union, work),
                    }
                }
                for (word, own) in block.iter_mut().zip(union) {
                    *word &= own;
                }
            }
            Filter::Range { field, classes, .. } => {
                if let Some(column) = segment.column(Slot::Field(*field)) {
                    match column.zone(block_index, classes) {
                        Zone::None => *block = EMPTY_BLOCK,
                        Zone::All => {}
                        Zone::Some => {
                            let first_row = block_index * BLOCK_ROWS;
                            work.rows_touched += u64::from(block_count(block));
                            for (index, word) in (0u32..).zip(block.iter_mut()) {
                                if *word != 0 {
                                    let start = first_row + index * 64;
                                    let end = (start + 64).min(segment.rows_count());
                                    *word &= column.word_in(start..end, classes);
                                }
                            }
                        }
                    }
                }
            }
            Filter::Term { rows, .. } => rows.intersect_into(block_index, block),
            Filter::Pattern(_) | Filter::TermProbe { .. } => {
                self.probe_block(segment, block_index, block, work);
            }
        }
    }
}

/// Adds ascending rows to a block.
fn union_rows(rows: &[u32], block_index: u32, block: &mut Block, work: &mut Work) {
    let base = block_index * BLOCK_ROWS;
    let from = rows.partition_point(|&row| row < base);
    for &row in rows[from..]
        .iter()
        .take_while(|&&row| row - base < BLOCK_ROWS)
    {
        work.rows_touched += 1;
        let bit = row - base;
        block[(bit / 64) as usize] |= 1 << (bit % 64);
    }
}

/// Returns the rows that the query's exact tid and tid range leave.
fn tid_rows(query: &Query, segment: &Segment) -> Range<u32> {
    let (start, end) = query.tid_range();
    let (mut first, mut last) = (start.unwrap_or(0), end.unwrap_or(u64::MAX));
    if let Some(TidFilter::Exact(tid)) = query.tid() {
        first = first.max(*tid);
        last = last.min(*tid);
    }
    if first > last {
        return 0..0;
    }
    if (first, last) == (0, u64::MAX) {
        return 0..segment.rows_count();
    }
    segment.tid_rows(first, last)
}
