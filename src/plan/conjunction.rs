//! The filters of a request in one segment together, and the ways to find the rows of them all.
//!
//! A [`Conjunction`] is compiled for each segment: every filter becomes a [`SegmentFilter`] with the
//! number of rows that it lets through. Once one lets none through the rest is left alone, so that a
//! small segment without a value costs one look into a dictionary.
//!
//! Three ways lead to the rows. *Drive*: visit the rows of the filter that lets the fewest
//! through and probe the others, row by row. *Blocks*: combine 4,096 rows at a time as
//! bitmaps. The first is for few rows, the second for many. *Scan*: ask all rows, 64 at a time, of a small
//! revision.
//!
//! # Invariants
//!
//! * The planner orders filters by estimate; those that read texts come after the others, and those
//!   that leave no row out come last. An estimate is exact, tombstones aside, except that it is an upper
//!   bound where each row is asked, where a column has no order, and for the complement of either.
//! * Filters know nothing of tombstones. Whoever turns filters into rows or counts subtracts them: this
//!   module, and the paths that pass or count rows without it.

mod asked;
mod compile;
mod counted;
mod listed;

use std::ops::Range;

use smallvec::SmallVec;

use super::bind::Bound;
use super::explain::{Access, Counted, Work};
use super::part::{BLOCK_COST, MIXED_BLOCK_COST, Part, SORT_COST, VISIT_COST, WRITTEN_BLOCK_COST};
use super::segment_filter::SegmentFilter;
use super::{FilterMode, PlanMode};
use crate::segment::{
    BLOCK_ROWS, Bitmap, Block, EMPTY_BLOCK, RowSet, Segment, Slot, block_count, blocks_count,
    count_common, covers_block, intersect_all, range_block,
};
use crate::snapshot::LiveSegment;

pub(super) use super::probe::Probes;
pub(super) use asked::FoundTerms;

/// The filters of a request, compiled for one segment.
#[derive(Clone, Debug)]
pub(super) struct Conjunction {
    /// How the filters are applied, and what may be made for them.
    mode: PlanMode,
    /// The rows within the request's tid range.
    rows: Range<u32>,
    /// The blocks that can hold matching rows, as far as tids and zones tell.
    blocks: Range<u32>,
    parts: SmallVec<[Part; 4]>,
    /// The least estimate of a part.
    least: u64,
    /// The count of parts that leave rows out; the others come after them.
    active_count: usize,
    /// Whether a filter may have to ask the rows of a block one by one.
    is_expensive: bool,
    /// Whether all rows are looked at, as they are few and have no index.
    is_scanned: bool,
    /// The cost of asking one row, in half nanoseconds.
    row_cost: u64,
    drive_cost: Option<u64>,
    blocks_cost: u64,
}

/// A segment and the filters in it: what a path is handed at each step.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) live: &'a LiveSegment,
    pub(super) conjunction: &'a Conjunction,
}

impl Scope<'_> {
    /// Returns the matching rows of one block.
    pub(super) fn block(self, index: u32, work: &mut Work) -> Block {
        self.conjunction.block(self, index, None, work)
    }
}

/// Looking at the zone of a block, in nanoseconds. Measured: 2.4 µs for 2,444 blocks.
const ZONE_COST: u64 = 1;

/// The most blocks that are combined at once.
const COMMON_MAX: usize = 8;

impl Conjunction {
    /// Adds a filter; returns whether it leaves no row, so that no other matters.
    fn add(&mut self, index: usize, (filter, estimate): Bound) -> bool {
        let part = Part {
            filter,
            estimate,
            index,
        };
        self.parts.push(part);
        self.least = self.least.min(estimate);
        if estimate == 0 {
            self.rows = 0..0;
            self.blocks = 0..0;
        }
        estimate == 0
    }

    /// Puts the filters in their order and estimates the ways to find the rows.
    fn settle(&mut self, segment: &Segment) {
        self.sort(segment);
        self.estimate_ways(segment);
    }

    /// Puts the filters in their order, and takes all ways to the rows to cost the least that one can.
    fn sort(&mut self, segment: &Segment) {
        let rows_count = u64::from(segment.rows_count());
        let is_idle = |part: &Part| part.estimate == rows_count && part.filter.is_enumerable();
        self.active_count = self.parts.len();
        if self.mode.filters == FilterMode::Planned {
            // A row's texts are the most expensive to ask, however few rows they leave.
            self.parts
                .sort_by_key(|part| (is_idle(part), part.filter.reads_texts(), part.estimate));
            self.active_count -= self.parts.iter().filter(|part| is_idle(part)).count();
        } else {
            self.parts.sort_by_key(|part| part.estimate);
        }
        if self.mode.filters == FilterMode::Reversed {
            self.parts.reverse();
        }
        self.blocks_cost = self.blocks.len() as u64 * BLOCK_COST;
        self.drive_cost = Some((self.estimate() * VISIT_COST) >> 1);
    }

    /// Estimates the ways to find the rows.
    fn estimate_ways(&mut self, segment: &Segment) {
        self.drive_cost = None;
        self.is_expensive = self.active().iter().any(|part| part.filter.is_expensive());
        let first = self.active().first();
        let is_enumerable = first.is_some_and(|part| part.filter.is_enumerable());
        let mode = self.mode.filters;
        if mode == FilterMode::Planned && segment.is_scanned() && !is_enumerable {
            self.is_scanned = true;
            self.estimate_scan(segment);
            return;
        }
        if mode != FilterMode::Scan {
            self.estimate_drive(segment);
        }
        let mixed_count = match mode {
            FilterMode::Scan => 0,
            _ if !self.is_expensive => 0,
            _ if self.is_driven_before_zones() => self.blocks.len() as u64,
            _ => self.narrow_by_zones(segment),
        };
        self.estimate_blocks(segment, mixed_count);
    }

    /// Returns whether all rows are found before the zones of the blocks are looked at.
    fn is_driven_before_zones(&self) -> bool {
        let zones_cost = self.blocks.len() as u64 * ZONE_COST;
        self.drive_cost.is_some_and(|cost| cost < zones_cost)
    }

    /// Leaves out the blocks that can hold no row of a range; returns how many of the others have to be
    /// looked into.
    fn narrow_by_zones(&mut self, segment: &Segment) -> u64 {
        let active = self.active().iter();
        let spans = active.filter_map(|part| part.zone_span(segment));
        let mut mixed_share = 0;
        self.blocks = spans.fold(self.blocks.clone(), |blocks, (span, count)| {
            mixed_share += u64::from(count) * 1024 / (span.len() as u64).max(1);
            let start = blocks.start.max(span.start);
            start..blocks.end.min(span.end).max(start)
        });
        // The share of mixed blocks among those left is taken to be that among all.
        mixed_share * self.blocks.len() as u64 / 1024
    }

    /// Estimates what visiting the rows of the first filter costs.
    fn estimate_drive(&mut self, segment: &Segment) {
        let active = self.active().split_first();
        let drive = active.filter(|(first, _)| first.filter.is_enumerable());
        self.drive_cost = drive.map(|(first, others)| {
            let probes: u64 = others.iter().map(|part| part.probe_cost(segment)).sum();
            let sort = match first.filter.inner() {
                SegmentFilter::Range { .. } | SegmentFilter::Ranges { .. } => {
                    SORT_COST * self.expected(segment)
                }
                // The rows that are left of a block ascend; each block is looked at.
                _ if first.filter.is_complement() => first.all_blocks_cost(segment) * 2,
                SegmentFilter::Classes(..) => SORT_COST * self.expected(segment),
                _ => 0,
            };
            // What is outside the tid range is not asked further.
            let rows_count = u64::from(segment.rows_count()).max(1);
            let inside = u128::from(first.estimate) * self.rows.len() as u128;
            let asked = (inside / u128::from(rows_count)) as u64;
            (first.estimate * VISIT_COST + asked * probes + sort) >> 1
        });
    }

    /// Estimates what blocks cost, given how many have to be looked into for a range.
    fn estimate_blocks(&mut self, segment: &Segment, mixed_count: u64) {
        let active = &self.parts[..self.active_count];
        let blocks = self.blocks.len() as u64;
        let all_blocks = u64::from(blocks_count(segment.rows_count())).max(1);
        let cost = |part: &Part| part.block_cost(segment, blocks, all_blocks);
        let mut of_blocks: u64 = active.iter().map(cost).sum();
        let asked = active.iter().filter(|part| part.filter.asks_rows());
        let asked_cost: u64 = asked.map(|part| part.probe_cost(segment)).sum();
        if asked_cost > 0 {
            // These ask what the others leave of the blocks.
            let left = self.expected_of(segment, |part| !part.filter.asks_rows());
            of_blocks += left.min(blocks * u64::from(BLOCK_ROWS)) * asked_cost / 2;
        }
        self.row_cost = active.iter().map(|part| part.probe_cost(segment)).sum();
        self.blocks_cost = blocks * BLOCK_COST + of_blocks + mixed_count * MIXED_BLOCK_COST;
    }

    /// Returns about how many rows match if the filters are independent.
    fn expected(&self, segment: &Segment) -> u64 {
        self.expected_of(segment, |_| true)
    }

    /// Returns about how many rows some of the filters leave.
    fn expected_of(&self, segment: &Segment, is_meant: impl Fn(&Part) -> bool) -> u64 {
        let rows_count = u128::from(segment.rows_count().max(1));
        let active = self.active().iter().filter(|part| is_meant(part));
        let expected = active.fold(u128::from(self.rows.len() as u64), |rows, part| {
            rows * u128::from(part.estimate) / rows_count
        });
        expected as u64
    }

    /// Returns the segment with the filters in it.
    pub(super) fn scope<'a>(&'a self, live: &'a LiveSegment) -> Scope<'a> {
        Scope {
            live,
            conjunction: self,
        }
    }

    /// Returns whether every row is asked every filter, as a test demands.
    pub(super) fn asks_every_row(&self) -> bool {
        self.mode.filters == FilterMode::Scan
    }

    /// Returns whether a filter has no set of rows and asks each row instead.
    pub(super) fn is_asked(&self) -> bool {
        self.active().iter().any(|part| part.filter.asks_rows())
    }

    /// Returns the filters that leave rows out.
    fn active(&self) -> &[Part] {
        &self.parts[..self.active_count]
    }

    /// Returns how all rows are found.
    pub(super) fn access(&self) -> Access {
        match self.drive_cost {
            _ if self.is_scanned => Access::Scan,
            Some(cost) if cost <= self.blocks_cost => Access::Drive,
            _ => Access::Blocks,
        }
    }

    /// Returns the estimated cost of finding all rows, in nanoseconds.
    pub(super) fn cost(&self) -> u64 {
        self.bits_cost().min(self.drive_cost.unwrap_or(u64::MAX))
    }

    /// Returns the estimated cost of counting all rows by blocks, in nanoseconds.
    pub(super) fn blocks_cost(&self) -> u64 {
        self.blocks_cost
    }

    /// Returns the estimated cost of finding all rows by blocks, in nanoseconds.
    pub(super) fn bits_cost(&self) -> u64 {
        self.blocks_cost + self.blocks.len() as u64 * WRITTEN_BLOCK_COST
    }

    /// Returns the estimated cost of listing all rows by those of one filter, in nanoseconds.
    pub(super) fn drive_cost(&self) -> Option<u64> {
        self.drive_cost
    }

    /// Returns the estimated cost of asking a number of rows, in nanoseconds.
    pub(super) fn probes_cost(&self, rows_count: u64) -> u64 {
        rows_count * self.row_cost / 2
    }

    /// Returns an upper bound of the rows that match.
    pub(super) fn estimate(&self) -> u64 {
        self.least.min(self.rows.len() as u64)
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

    /// Returns whether the filters are at most one range of the field's classes, so that every live row
    /// of `class_range` matches.
    pub(super) fn is_class_range(&self, slot: Slot, segment: &Segment) -> bool {
        let is_of_slot = match self.active() {
            [] => true,
            [only] => only.class_range(slot).is_some(),
            _ => false,
        };
        is_of_slot && !self.is_part(segment)
    }

    /// Returns the classes that a range filter leaves of a field, if the segment has the field's order.
    pub(super) fn class_range(&self, slot: Slot) -> Option<Range<u64>> {
        self.parts.iter().find_map(|part| part.class_range(slot))
    }

    /// Returns the matches as one bit a row, where a filter has them so.
    pub(super) fn bitmap<'a>(&'a self, live: &'a LiveSegment) -> Option<&'a Bitmap> {
        match self.active() {
            [only] if live.dead.count() == 0 && !self.is_part(&live.segment) => {
                only.filter.row_set(&live.segment)?.bitmap()
            }
            _ => None,
        }
    }

    /// Returns all filters, in the order in which they are applied.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the question whether a row is live and satisfies every filter.
    pub(super) fn probes<'a>(&'a self, live: &'a LiveSegment) -> Probes<'a> {
        self.probes_of(self.active(), live)
    }

    fn probes_of<'a>(&'a self, parts: &'a [Part], live: &'a LiveSegment) -> Probes<'a> {
        let filters = parts.iter().map(|part| part.filter.probe(&live.segment));
        Probes {
            rows: self.is_part(&live.segment).then(|| self.rows.clone()),
            dead: (live.dead.count() > 0).then_some(&*live.dead),
            filters: filters.collect(),
        }
    }

    /// Returns the matching rows of one block, those of a set alone if one is given.
    pub(super) fn block(
        &self,
        scope: Scope<'_>,
        index: u32,
        set: Option<&RowSet>,
        work: &mut Work,
    ) -> Block {
        let segment = &*scope.live.segment;
        if self.asks_every_row() {
            work.blocks += 1;
            let mut block = range_block(&self.rows, index);
            scope.live.dead.subtract_from(index, &mut block);
            for part in self.active() {
                part.filter.probe_block(segment, index, &mut block, work);
            }
            if let Some(set) = set {
                set.intersect_into(index, &mut block);
            }
            return block;
        }
        let mut block = EMPTY_BLOCK;
        self.with_common(scope, index, set, work, |blocks| {
            intersect_all(blocks, &mut block);
        });
        if self.is_expensive {
            for part in self.active() {
                if part.filter.is_expensive() && block != EMPTY_BLOCK {
                    part.filter
                        .intersect_expensive(segment, index, &mut block, work);
                }
            }
        }
        block
    }

    /// Returns how many rows of one block match, those of a set alone if one is given.
    pub(super) fn count_block(
        &self,
        scope: Scope<'_>,
        index: u32,
        set: Option<&RowSet>,
        work: &mut Work,
    ) -> u32 {
        if self.is_expensive || self.asks_every_row() {
            return block_count(&self.block(scope, index, set, work));
        }
        self.with_common(scope, index, set, work, count_common)
            .unwrap_or(0)
    }

    /// Calls `act` with blocks whose intersection is the matches, expensive filters aside; none where
    /// no row can match.
    ///
    /// Blocks of bitmaps are handed on as they are; all else is combined in one block.
    fn with_common<T>(
        &self,
        scope: Scope<'_>,
        index: u32,
        set: Option<&RowSet>,
        work: &mut Work,
        act: impl FnOnce(&[&Block]) -> T,
    ) -> Option<T> {
        work.blocks += 1;
        let segment = &*scope.live.segment;
        let dead = &scope.live.dead;
        let mut is_own_needed = dead.has_block(index) || !covers_block(&self.rows, index);
        // Made only where it is needed: in most blocks, bitmaps tell all.
        let mut own = None;
        let live_rows = || {
            let mut rows = range_block(&self.rows, index);
            dead.subtract_from(index, &mut rows);
            rows
        };
        let mut blocks = [&EMPTY_BLOCK; COMMON_MAX];
        let mut count = 1;
        for part in self.active() {
            let bits = part.filter.row_set(segment).and_then(RowSet::bitmap);
            if let (Some(bits), Some(block)) = (bits, blocks.get_mut(count)) {
                *block = bits.block(index);
                count += 1;
            } else if !part.filter.is_expensive() {
                let own = own.get_or_insert_with(live_rows);
                part.filter.intersect_into(segment, index, own, work);
                is_own_needed = true;
            } else if !part.filter.zone_allows(segment, index) {
                return None;
            }
        }
        if let Some(set) = set {
            if let (Some(bits), Some(block)) = (set.bitmap(), blocks.get_mut(count)) {
                *block = bits.block(index);
                count += 1;
            } else {
                set.intersect_into(index, own.get_or_insert_with(live_rows));
                is_own_needed = true;
            }
        }
        if !is_own_needed && count > 1 {
            return Some(act(&blocks[1..count]));
        }
        blocks[0] = own.get_or_insert_with(live_rows);
        Some(act(&blocks[..count]))
    }

    /// Returns the indexes of the blocks that can hold matching rows.
    pub(super) fn block_indexes(&self) -> Range<u32> {
        self.blocks.clone()
    }

    /// Returns the number of matching rows where no row has to be looked at for it, but for dead
    /// ones, and how it is known.
    pub(super) fn known_count(&self, live: &LiveSegment) -> Option<(u64, Counted)> {
        if self.rows.is_empty() {
            return Some((0, Counted::Index));
        }
        let count = match self.active() {
            [] => {
                let dead = live.dead.rank(self.rows.end) - live.dead.rank(self.rows.start);
                self.rows.len() as u64 - u64::from(dead)
            }
            _ if self.is_part(&live.segment) => return None,
            [only] if only.filter.is_enumerable() => {
                only.estimate - only.dead_count(live, self.mode)
            }
            // Tests compare plans, so they must not all count in one way.
            _ if self.mode.filters == FilterMode::Reversed => return None,
            _ => return Some((self.cube_count(live)?, Counted::Cube)),
        };
        Some((count, Counted::Index))
    }
}

#[cfg(test)]
mod tests;
