//! One filter of a conjunction in a segment: what it lets through, and what applying it costs.

use std::ops::Range;

use super::PlanMode;
use super::filter::Filters;
use super::segment_filter::{SegmentFilter, sorted};
use crate::model::Field;
use crate::segment::{Posting, RowSet, Segment, Slot, blocks_count};
use crate::snapshot::LiveSegment;

/// A filter with how many rows it lets through.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) filter: SegmentFilter,
    pub(super) estimate: u64,
    /// The index of the filter in the request.
    pub(super) index: usize,
}

/// Up to this many rows of an order are looked at one by one to see which are dead.
pub(super) const DEAD_LOOKED_AT_MAX: usize = 4096;

/// Up to this many dead rows are asked whether they are of a range.
const FEW_DEAD_MAX: u32 = 256;

/// Reading the kept count of a class is as cheap as looking at this many dead rows.
const DEAD_A_CLASS: usize = 256;

// Costs of a row in half nanoseconds, and of a block in nanoseconds, of the machine that the
// strategies were measured on; only their ratios matter.
/// Visiting a row of the first filter.
pub(super) const VISIT_COST: u64 = 3;
/// Probing a bitmap for a row.
pub(super) const BIT_PROBE_COST: u64 = 3;
/// Probing a column or a list for a row.
pub(super) const PROBE_COST: u64 = 10;
/// Sorting a row by its number.
pub(super) const SORT_COST: u64 = 30;
/// Combining a block, before what each filter adds. Measured: counting two dense sets takes 28 ns a
/// block, three take 39 to 41, and no more where memory is ten times the cache.
pub(super) const BLOCK_COST: u64 = 15;
/// What a dense set adds.
pub(super) const DENSE_BLOCK_COST: u64 = 8;
/// Writing the common rows of a block instead of counting them. Not measured apart.
pub(super) const WRITTEN_BLOCK_COST: u64 = 40;
/// What a list of rows adds, besides half a nanosecond a row. Measured: 30 ns a block with 16 rows, 56
/// with 49, 119 with 122; where rows are not kept by block, 71 to 82.
pub(super) const LISTED_BLOCK_COST: u64 = 40;
/// Comparing each ordinal of a block with a range. Measured: 520 ns of a column in the processor's cache, where
/// a dense set takes 17.
pub(super) const MIXED_BLOCK_COST: u64 = 600;

impl Part {
    /// Returns the range of classes of a field that the filter is, if the segment has the field's order.
    pub(super) fn class_range(&self, slot: Slot) -> Option<Range<u64>> {
        match &self.filter {
            SegmentFilter::Range {
                slot: own,
                classes,
                is_sorted: true,
            } if *own == slot => Some(classes.clone()),
            _ => None,
        }
    }

    /// Returns the blocks that can hold rows of a range, and how many of them hold others too.
    pub(super) fn zone_span(&self, segment: &Segment) -> Option<(Range<u32>, u32)> {
        let all = 0..blocks_count(segment.rows_count());
        let mixed_count = all.len() as u32;
        match (&self.filter, self.filter.inner()) {
            (SegmentFilter::Range { slot, classes, .. }, _) => {
                let column = segment.column(*slot)?;
                column.zone_span(classes).or(Some((all, mixed_count)))
            }
            (_, SegmentFilter::Range { .. } | SegmentFilter::Ranges { .. }) => {
                Some((all, mixed_count))
            }
            _ => None,
        }
    }

    /// Returns how many of the rows that an enumerable filter lets through are dead.
    pub(super) fn dead_count(&self, live: &LiveSegment, mode: PlanMode) -> u64 {
        let (segment, dead) = (&*live.segment, &live.dead);
        if dead.count() == 0 {
            return 0;
        }
        // A set that a caller gave for one request is not worth keeping counted.
        let keeps = mode.may_build() && self.index != Filters::WITHIN;
        let is_complement = self.filter.is_complement();
        let inner_rows = if is_complement {
            u64::from(segment.rows_count()) - self.estimate
        } else {
            self.estimate
        };
        let inner = inner_dead_count(self.filter.inner(), inner_rows, live, keeps);
        if is_complement {
            return u64::from(dead.count()) - inner;
        }
        inner
    }

    /// Returns the estimated cost of combining all blocks with the filter, in nanoseconds.
    pub(super) fn all_blocks_cost(&self, segment: &Segment) -> u64 {
        let blocks = u64::from(blocks_count(segment.rows_count())).max(1);
        blocks * BLOCK_COST + self.block_cost(segment, blocks, blocks)
    }

    /// Returns the estimated cost of asking a row, in half nanoseconds.
    pub(super) fn probe_cost(&self, segment: &Segment) -> u64 {
        if let SegmentFilter::Asked(test) = self.filter.inner() {
            return test.probe_cost(segment) * 4;
        }
        match self.filter.inner().row_set(segment) {
            _ if self.filter.reads_texts() => segment.holds_term_cost() * 2,
            Some(set) if set.bitmap().is_some() => BIT_PROBE_COST,
            _ => PROBE_COST,
        }
    }

    /// Returns the estimated cost of combining some of all blocks with the filter, but for
    /// those that hold a part of a range, and but for asking rows.
    pub(super) fn block_cost(&self, segment: &Segment, blocks: u64, all_blocks: u64) -> u64 {
        let set_cost = |set: &RowSet| {
            if set.is_dense() {
                blocks * DENSE_BLOCK_COST
            } else {
                let rows = u64::from(set.count()) * blocks / all_blocks;
                blocks * LISTED_BLOCK_COST + rows / 2
            }
        };
        let class_cost = |field: &Field, class: u32| match segment.posting(*field, class) {
            Posting::Set(set) => set_cost(set),
            Posting::Rows(rows) => {
                blocks * LISTED_BLOCK_COST * 2 + rows.len() as u64 * blocks / all_blocks * 2
            }
        };
        match self.filter.inner() {
            SegmentFilter::Nothing
            | SegmentFilter::Texts(_)
            | SegmentFilter::Asked(_)
            | SegmentFilter::Not { .. } => 0,
            SegmentFilter::Class(field, class) => class_cost(field, *class),
            SegmentFilter::Classes(field, classes) => {
                classes.iter().map(|&class| class_cost(field, class)).sum()
            }
            SegmentFilter::Rows(rows) => set_cost(rows),
            SegmentFilter::Range { .. } => blocks * DENSE_BLOCK_COST,
            SegmentFilter::Ranges { ranges, .. } => blocks * DENSE_BLOCK_COST * ranges.len() as u64,
        }
    }
}

/// Returns how many of the rows of an enumerable filter, which is no complement, are dead.
///
/// `rows_count` is how many rows it has, and `keeps` whether counts may be kept for the next request.
///
/// Cost: where no count is kept, a look at each block of a bitmap, or at each of its rows or at each dead
/// row, whichever are fewer.
fn inner_dead_count(
    filter: &SegmentFilter,
    rows_count: u64,
    live: &LiveSegment,
    keeps: bool,
) -> u64 {
    let (segment, dead) = (&*live.segment, &live.dead);
    let kept = if keeps {
        kept_dead_count(filter, live)
    } else {
        None
    };
    if let Some(count) = kept {
        return count;
    }
    if let Some(set) = filter.row_set(segment).filter(|set| set.is_dense()) {
        return dead.count_in(set).into();
    }
    let mut count = 0;
    if u64::from(dead.count()) < rows_count {
        let probe = filter.probe(segment);
        dead.for_each(|row| count += u64::from(probe.holds(row)));
    } else {
        filter.for_each(segment, |row| count += u64::from(dead.contains(row)));
    }
    count
}

/// Returns how many rows of a filter are dead, where that is kept counted for the next request; none where
/// it is not, or looking at rows is as cheap.
fn kept_dead_count(filter: &SegmentFilter, live: &LiveSegment) -> Option<u64> {
    let (segment, dead) = (&*live.segment, &live.dead);
    match filter {
        SegmentFilter::Class(field, class) => segment.dead_in_class((*field, *class), dead),
        SegmentFilter::Classes(field, classes)
            if classes.len() * DEAD_A_CLASS < dead.count() as usize =>
        {
            let kept = |class| segment.dead_in_class((*field, class), dead);
            let of_class = |&class| kept(class).or_else(|| dead_of_few(*field, class, live));
            classes.iter().map(of_class).sum()
        }
        SegmentFilter::Rows(set) => segment.dead_in_set(set, dead),
        SegmentFilter::Range { .. } | SegmentFilter::Ranges { .. } => {
            let (slot, ranges) = filter.ranges()?;
            dead_in_ranges(slot, ranges, live)
        }
        SegmentFilter::Classes(..)
        | SegmentFilter::Nothing
        | SegmentFilter::Texts(_)
        | SegmentFilter::Asked(_)
        | SegmentFilter::Not { .. } => None,
    }
}

/// Returns how many rows of a class are dead, by a look at each of them; none where they are many.
fn dead_of_few(field: Field, class: u32, live: &LiveSegment) -> Option<u64> {
    let posting = live.segment.posting(field, class);
    let is_few = posting.count() as usize <= DEAD_LOOKED_AT_MAX;
    is_few.then(|| match posting {
        Posting::Set(set) => live.dead.count_in(set).into(),
        Posting::Rows(rows) => {
            let dead = rows.iter().filter(|&&row| live.dead.contains(row));
            dead.count() as u64
        }
    })
}

/// Returns how many dead rows have a class of some ranges, by their positions in the order of the classes.
fn dead_in_ranges(slot: Slot, ranges: &[Range<u64>], live: &LiveSegment) -> Option<u64> {
    let segment = &*live.segment;
    let (order, column) = sorted(segment, slot)?;
    let positions = ranges.iter().map(|range| order.positions(column, range));
    let positions_count: usize = positions.clone().map(|it| it.len()).sum();
    if positions_count <= DEAD_LOOKED_AT_MAX || live.dead.count() <= FEW_DEAD_MAX {
        return None;
    }
    let dead = segment.dead_positions(slot, order, &live.dead);
    let count = |it: Range<usize>| dead.rank(it.end as u32) - dead.rank(it.start as u32);
    Some(positions.map(|it| u64::from(count(it))).sum())
}
