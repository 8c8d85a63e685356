//! The filters of a request in one segment together, and the ways to find the rows of them all.
//!
//! A [`Conjunction`] is compiled once a segment: every filter becomes a [`SegmentFilter`] with
//! the number of rows that it lets through. Where one lets none through the rest is not looked
//! at, so that a small segment without a value costs a look into a dictionary.
//!
//! Two ways lead to the rows. *Drive*: visit the rows of the filter that lets the fewest
//! through and probe the others, row by row. *Blocks*: combine 4,096 rows at a time as
//! bitmaps. The first is for few rows, the second for many.
//!
//! # Invariants
//!
//! * Filters ascend by estimate. Every estimate is exact but for tombstones or, for a tid
//!   pattern and a term that is probed, an upper bound.
//! * Tombstones are subtracted here and nowhere else.

use std::ops::Range;
use std::sync::Arc;

use super::explain::{FilterPlan, Work};
use super::filter::{Filter, Filters, SegmentFilter, sorted};
use super::{FilterMode, PlanMode};
use crate::model::Field;
use crate::segment::dictionary::Dictionary;
use crate::segment::rowset::{
    BLOCK_ROWS, Block, EMPTY_BLOCK, RowSet, block_count, for_each_row, range_block,
};
use crate::segment::{Posting, Segment, Slot};
use crate::snapshot::LiveSegment;

/// A filter with how many rows it lets through.
#[derive(Clone, Debug)]
struct Part {
    filter: SegmentFilter,
    estimate: u64,
    /// Of the request's filter.
    index: usize,
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
    parts: Vec<Part>,
    /// How many of the parts leave rows out; the others, which do not, come after them.
    active_count: usize,
    access: Access,
    cost: u64,
}

/// What probing one row's texts for a term costs, in units of a posting.
const TEXT_PROBE_COST: u64 = 500;

/// Up to so many rows of an order are looked at one by one to see which are dead.
const DEAD_LOOKED_AT_MAX: usize = 4096;

// Costs in nanoseconds of the machine that the strategies were measured on; only their
// ratios matter.
const VISIT_COST: u64 = 3;
const PROBE_COST: u64 = 5;
const SORT_COST: u64 = 15;
const DENSE_BLOCK_COST: u64 = 20;
const RANGE_BLOCK_COST: u64 = 1500;

impl Conjunction {
    /// Compiles the filters of a request for a segment.
    pub(super) fn compile(filters: &Filters, live: &LiveSegment, mode: PlanMode) -> Conjunction {
        let segment = &*live.segment;
        let mut conjunction = Conjunction {
            rows: tid_rows(filters.tids, segment),
            parts: Vec::with_capacity(filters.all.len()),
            active_count: 0,
            access: Access::Blocks,
            cost: 0,
        };
        let mut terms = Vec::new();
        for (index, filter) in filters.all.iter().enumerate() {
            let (filter, estimate) = match filter {
                Filter::Values(field, values) => bind_values(*field, values, segment),
                Filter::Cids(start, end) => {
                    let range =
                        |cids: &Dictionary| cids.find_range(start.as_deref(), end.as_deref());
                    let column = segment.column(Slot::Field(Field::Cid));
                    let classes = column
                        .and_then(|cids| cids.dictionary())
                        .map_or(0..0, range);
                    let classes = u64::from(classes.start)..u64::from(classes.end);
                    bind_range(Field::Cid, classes, segment, mode)
                }
                Filter::Numbers(field, first, last) => {
                    let column = segment.column(Slot::Field(*field));
                    let classes = column.map_or(0..0, |it| it.number_classes(*first, *last));
                    bind_range(*field, classes, segment, mode)
                }
                Filter::Pattern(pattern) => (
                    SegmentFilter::Pattern(pattern.clone()),
                    segment.rows_count().into(),
                ),
                Filter::Term(term) => {
                    terms.push((index, term));
                    continue;
                }
            };
            if conjunction.add(index, filter, estimate) {
                return conjunction;
            }
        }
        if conjunction.rows.is_empty() {
            return conjunction;
        }
        if !terms.is_empty() {
            conjunction.add_terms(&terms, segment, mode);
        }
        conjunction.settle(segment, mode);
        conjunction
    }

    /// Adds a filter; returns whether it leaves no row, so that no other matters.
    fn add(&mut self, index: usize, filter: SegmentFilter, estimate: u64) -> bool {
        let part = Part {
            filter,
            estimate,
            index,
        };
        self.parts.push(part);
        if estimate == 0 {
            self.rows = 0..0;
        }
        estimate == 0
    }

    /// Adds the keyword's terms: as row sets, or as questions where few rows are left to ask.
    fn add_terms(&mut self, terms: &[(usize, &String)], segment: &Segment, mode: PlanMode) {
        let rows_count = u64::from(segment.rows_count());
        let mut sought = Vec::new();
        for &(index, term) in terms {
            if mode.filters == FilterMode::Scan {
                self.add(
                    index,
                    SegmentFilter::Texts(term.as_str().into()),
                    rows_count,
                );
            } else if let (Some(rows), false) = (segment.terms().get(term), mode.is_cold) {
                let estimate = u64::from(rows.count());
                if self.add(index, SegmentFilter::Rows(rows), estimate) {
                    return;
                }
            } else {
                let matches = segment.words().find(term);
                if matches.postings_count() == 0 {
                    self.add(index, SegmentFilter::Nothing, 0);
                    return;
                }
                sought.push((matches.rows_cost(), matches, index, term));
            }
        }
        sought.sort_by_key(|(cost, ..)| *cost);
        for (cost, matches, index, term) in sought {
            let probe_cost = self.estimate().saturating_mul(TEXT_PROBE_COST);
            if probe_cost < cost {
                let estimate = matches.postings_count().min(rows_count);
                self.add(index, SegmentFilter::Texts(term.as_str().into()), estimate);
                continue;
            }
            let rows = Arc::new(segment.term_rows(&matches));
            if !mode.is_cold {
                segment.keep_term(term, &rows, cost);
            }
            let estimate = u64::from(rows.count());
            self.add(index, SegmentFilter::Rows(rows), estimate);
        }
    }

    /// Puts the filters in their order and chooses how to find the rows.
    fn settle(&mut self, segment: &Segment, mode: PlanMode) {
        let rows_count = u64::from(segment.rows_count());
        let is_idle = |part: &Part| part.estimate == rows_count && part.filter.is_enumerable();
        self.active_count = self.parts.len();
        if mode.filters == FilterMode::Planned {
            self.parts
                .sort_by_key(|part| (is_idle(part), part.estimate));
            self.active_count -= self.parts.iter().filter(|part| is_idle(part)).count();
        } else {
            self.parts.sort_by_key(|part| part.estimate);
        }
        if mode.filters == FilterMode::Reversed {
            self.parts.reverse();
        }
        self.choose_access(segment, mode);
    }

    fn choose_access(&mut self, segment: &Segment, mode: PlanMode) {
        let active = &self.parts[..self.active_count];
        let blocks = u64::from(self.rows.len() as u32 / BLOCK_ROWS + 1);
        let drive = active
            .split_first()
            .filter(|(first, _)| first.filter.is_enumerable());
        let drive = drive.map(|(first, others)| {
            let sort = match first.filter {
                SegmentFilter::Range { .. } => SORT_COST,
                _ => 0,
            };
            let probe = |part: &Part| {
                if part.filter.reads_texts() {
                    TEXT_PROBE_COST
                } else {
                    PROBE_COST
                }
            };
            let probes: u64 = others.iter().map(probe).sum();
            first.estimate * (VISIT_COST + sort + probes)
        });
        let block_cost = |part: &Part| part.block_cost(segment, blocks);
        let combine: u64 = active.iter().map(block_cost).sum::<u64>() + blocks;
        (self.access, self.cost) = match drive {
            Some(drive) if drive <= combine && mode.filters != FilterMode::Scan => {
                (Access::Drive, drive)
            }
            _ => (Access::Blocks, combine),
        };
    }

    /// Returns the filters that leave rows out.
    fn active(&self) -> &[Part] {
        &self.parts[..self.active_count]
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
        let least = self.parts.iter().map(|part| part.estimate).min();
        least.unwrap_or(u64::MAX).min(self.rows.len() as u64)
    }

    /// Returns the rows that the tid range leaves.
    pub(super) fn rows(&self) -> Range<u32> {
        self.rows.clone()
    }

    /// Returns whether the tid range leaves only a part of the segment's rows.
    pub(super) fn is_part(&self, segment: &Segment) -> bool {
        self.rows.len() < segment.rows_count() as usize
    }

    /// Returns whether every live row of the tid range matches.
    pub(super) fn is_range(&self) -> bool {
        self.active_count == 0
    }

    /// Returns whether every live row of the segment matches.
    pub(super) fn is_everything(&self, segment: &Segment) -> bool {
        self.is_range() && !self.is_part(segment)
    }

    /// Returns whether every live row among those that `class_range` leaves of a field matches.
    pub(super) fn is_class_range(&self, slot: Slot, segment: &Segment) -> bool {
        let is_of_slot = match self.active() {
            [] => true,
            [only] => only.class_range(slot).is_some(),
            _ => false,
        };
        is_of_slot && !self.is_part(segment)
    }

    /// Returns the classes that a range filter leaves of a field in whose order rows are there.
    pub(super) fn class_range(&self, slot: Slot) -> Option<Range<u64>> {
        self.parts.iter().find_map(|part| part.class_range(slot))
    }

    /// Returns the matches as one bit a row, where a filter has them so.
    pub(super) fn words<'a>(&'a self, live: &'a LiveSegment) -> Option<&'a [u64]> {
        match self.active() {
            [only] if live.dead.count() == 0 && !self.is_part(&live.segment) => {
                only.filter.row_set(&live.segment)?.words()
            }
            _ => None,
        }
    }

    /// Returns the filters as `explain` shows them: the index of the request's, kind, estimate.
    pub(super) fn describe(&self, filters: &Filters, segment: &Segment) -> Vec<FilterPlan> {
        let describe = |part: &Part| FilterPlan {
            name: filters.name(part.index),
            kind: part.filter.kind_name(segment),
            estimate: part.estimate,
        };
        self.parts.iter().map(describe).collect()
    }

    /// Returns whether a row is live and satisfies every filter.
    pub(super) fn probe(&self, live: &LiveSegment, row: u32) -> bool {
        let mut active = self.active().iter();
        self.rows.contains(&row)
            && !live.dead.contains(row)
            && active.all(|part| part.filter.probe(&live.segment, row))
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
        for part in self.active() {
            if block == EMPTY_BLOCK {
                break;
            }
            let (filter, segment) = (&part.filter, &live.segment);
            if mode == FilterMode::Scan {
                filter.probe_block(segment, block_index, &mut block, work);
            } else {
                filter.intersect_into(segment, block_index, &mut block, work);
            }
        }
        block
    }

    /// Returns the indexes of the blocks that can hold matching rows.
    pub(super) fn block_indexes(&self) -> Range<u32> {
        self.rows.start / BLOCK_ROWS..self.rows.end.div_ceil(BLOCK_ROWS)
    }

    /// Returns the number of matching rows where it is known without looking at them.
    fn known_count(&self, live: &LiveSegment, mode: PlanMode) -> Option<u64> {
        if self.rows.is_empty() {
            return Some(0);
        }
        match self.active() {
            [] => {
                let dead = live.dead.rank(self.rows.end) - live.dead.rank(self.rows.start);
                Some(self.rows.len() as u64 - u64::from(dead))
            }
            [only] if !self.is_part(&live.segment) && only.filter.is_enumerable() => {
                Some(only.estimate - only.dead_count(live, mode))
            }
            _ => None,
        }
    }

    /// Returns the matching rows, ascending, by visiting those of the first filter.
    fn drive(&self, live: &LiveSegment, work: &mut Work) -> Vec<u32> {
        let Some((first, others)) = self.active().split_first() else {
            return Vec::new();
        };
        let mut matches = Vec::new();
        let segment = &*live.segment;
        let visit = |row: u32| {
            work.rows_touched += 1;
            if !self.rows.contains(&row) || live.dead.contains(row) {
                return;
            }
            work.rows_probed += u64::from(!others.is_empty());
            let mut others = others.iter();
            if others.all(|part| part.filter.probe(segment, row)) {
                matches.push(row);
            }
        };
        let is_ascending = first.filter.for_each(segment, visit);
        if !is_ascending {
            matches.sort_unstable();
        }
        matches
    }
}

impl Part {
    /// Returns the classes of a field that the filter is, where rows in the field's order are there.
    fn class_range(&self, slot: Slot) -> Option<Range<u64>> {
        match &self.filter {
            SegmentFilter::Range {
                field,
                classes,
                is_sorted: true,
            } if Slot::Field(*field) == slot => Some(classes.clone()),
            _ => None,
        }
    }

    /// Returns how many of the rows that an enumerable filter lets through are dead.
    fn dead_count(&self, live: &LiveSegment, mode: PlanMode) -> u64 {
        let (segment, dead) = (&*live.segment, &live.dead);
        if dead.count() == 0 {
            return 0;
        }
        if let Some(set) = self.filter.row_set(segment) {
            return dead.count_in(set).into();
        }
        if let SegmentFilter::Range { field, classes, .. } = &self.filter
            && let Some((order, column)) = sorted(segment, *field)
        {
            let positions = order.positions(column, classes);
            if positions.len() > DEAD_LOOKED_AT_MAX && mode.may_build() {
                let dead = segment.dead_positions(Slot::Field(*field), order, dead);
                let (start, end) = (positions.start as u32, positions.end as u32);
                return (dead.rank(end) - dead.rank(start)).into();
            }
        }
        let mut count = 0;
        self.filter
            .for_each(segment, |row| count += u64::from(dead.contains(row)));
        count
    }

    /// Returns the estimated cost of combining so many blocks with the filter.
    fn block_cost(&self, segment: &Segment, blocks: u64) -> u64 {
        let rows_share = |rows: u64| {
            let all = u64::from(segment.rows_count())
                .div_ceil(u64::from(BLOCK_ROWS))
                .max(1);
            rows * blocks.min(all) / all
        };
        let rows_cost = |count: u32| blocks * DENSE_BLOCK_COST * 2 + rows_share(count.into()) * 2;
        let set_cost = |set: &RowSet| {
            if set.is_dense() {
                blocks * DENSE_BLOCK_COST
            } else {
                rows_cost(set.count())
            }
        };
        let class_cost = |field: &Field, class: u32| match segment.posting(*field, class) {
            Posting::Set(set) => set_cost(set),
            Posting::Rows(rows) => rows_cost(rows.len() as u32),
        };
        match &self.filter {
            SegmentFilter::Nothing => 0,
            SegmentFilter::Class(field, class) => class_cost(field, *class),
            SegmentFilter::Classes(field, classes) => {
                classes.iter().map(|&class| class_cost(field, class)).sum()
            }
            SegmentFilter::Rows(rows) => set_cost(rows),
            SegmentFilter::Range { .. } => blocks * RANGE_BLOCK_COST,
            SegmentFilter::Pattern(_) => blocks * u64::from(BLOCK_ROWS) * PROBE_COST * 4,
            SegmentFilter::Texts(_) => blocks * u64::from(BLOCK_ROWS) * TEXT_PROBE_COST,
        }
    }
}

/// Finds the classes of folded texts.
fn bind_values(field: Field, values: &[String], segment: &Segment) -> (SegmentFilter, u64) {
    let column = segment.column(Slot::Field(field));
    let Some(dictionary) = column.and_then(|column| column.dictionary()) else {
        return (SegmentFilter::Nothing, 0);
    };
    let count = |class: u32| u64::from(segment.posting(field, class).count());
    if let [value] = values {
        return match dictionary.find(value) {
            Some(class) => (SegmentFilter::Class(field, class), count(class)),
            None => (SegmentFilter::Nothing, 0),
        };
    }
    let found = values.iter().filter_map(|value| dictionary.find(value));
    let mut classes: Vec<u32> = found.collect();
    classes.sort_unstable();
    classes.dedup();
    let estimate = classes.iter().map(|&class| count(class)).sum();
    match classes[..] {
        [] => (SegmentFilter::Nothing, 0),
        [class] => (SegmentFilter::Class(field, class), estimate),
        _ => (SegmentFilter::Classes(field, classes.into()), estimate),
    }
}

/// Counts the rows of a range of classes, if an order to count them in is there or may be made.
fn bind_range(
    field: Field,
    classes: Range<u64>,
    segment: &Segment,
    mode: PlanMode,
) -> (SegmentFilter, u64) {
    let may_use = mode.filters != FilterMode::Scan && segment.has_order(Slot::Field(field));
    let may_sort = mode.may_build() || may_use;
    let sorted = may_sort.then(|| sorted(segment, field)).flatten();
    let is_sorted = sorted.is_some();
    let estimate = match sorted {
        _ if classes.is_empty() => return (SegmentFilter::Nothing, 0),
        Some((order, column)) => order.positions(column, &classes).len() as u64,
        None => u64::from(segment.rows_count()),
    };
    let filter = SegmentFilter::Range {
        field,
        classes,
        is_sorted,
    };
    (filter, estimate)
}

/// Returns the rows that a range of tids leaves.
fn tid_rows(tids: Option<(u64, u64)>, segment: &Segment) -> Range<u32> {
    match tids {
        None => 0..0,
        Some((0, u64::MAX)) => 0..segment.rows_count(),
        Some((first, last)) => segment.tid_rows(first, last),
    }
}

/// The matches of a conjunction in one segment: counted, and listed if that was the way.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) conjunction: Conjunction,
    pub(super) mode: FilterMode,
    count: u64,
    /// The rows, ascending, where they were visited one by one.
    pub(super) rows: Option<Vec<u32>>,
}

impl Found {
    /// Counts the matches, without listing them where bitmaps allow.
    pub(super) fn new(
        conjunction: Conjunction,
        live: &LiveSegment,
        mode: PlanMode,
        work: &mut Work,
    ) -> Found {
        let mut found = Found {
            conjunction,
            mode: mode.filters,
            count: 0,
            rows: None,
        };
        let conjunction = &found.conjunction;
        let known = conjunction.known_count(live, mode);
        if let (Some(count), true) = (known, mode.filters != FilterMode::Scan) {
            found.count = count;
        } else if conjunction.access() == Access::Drive {
            let rows = conjunction.drive(live, work);
            found.count = rows.len() as u64;
            found.rows = Some(rows);
        } else {
            let indexes = conjunction.block_indexes();
            let blocks = indexes.map(|index| conjunction.block(live, index, mode.filters, work));
            found.count = blocks.map(|block| u64::from(block_count(&block))).sum();
        }
        found
    }

    /// Returns how many rows match.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the segment and the filters in it.
    pub(super) fn scope<'a>(&'a self, live: &'a LiveSegment) -> Scope<'a> {
        Scope {
            live,
            conjunction: &self.conjunction,
            mode: self.mode,
        }
    }

    /// Calls `each` with every matching row, ascending.
    pub(super) fn for_each(&self, live: &LiveSegment, work: &mut Work, mut each: impl FnMut(u32)) {
        if let Some(rows) = &self.rows {
            return rows.iter().copied().for_each(each);
        }
        let conjunction = &self.conjunction;
        if conjunction.access() == Access::Drive {
            return conjunction.drive(live, work).into_iter().for_each(each);
        }
        for index in conjunction.block_indexes() {
            let block = conjunction.block(live, index, self.mode, work);
            for_each_row(&block, index, &mut each);
        }
    }
}

/// A segment and the filters in it: what a cursor is handed at each step.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) live: &'a LiveSegment,
    pub(super) conjunction: &'a Conjunction,
    pub(super) mode: FilterMode,
}

impl Scope<'_> {
    /// Returns the matching rows of one block.
    pub(super) fn block(self, index: u32, work: &mut Work) -> Block {
        self.conjunction.block(self.live, index, self.mode, work)
    }
}
