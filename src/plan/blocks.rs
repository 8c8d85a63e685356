//! Row order: the matches of a segment block by block, ascending or descending.
//!
//! Counting a block is cheaper than giving its rows, so what is passed over is counted, and
//! only the block in which a page begins is taken apart. Where every live row matches, no block is
//! counted: the row is found by the counts of tombstones.

use std::ops::Range;

use super::conjunction::{Conjunction, Scope};
use super::cost::VISIT_COST;
use super::explain::Work;
use super::found::Found;
use super::task::Need;
use crate::model::Field;
use crate::segment::{BLOCK_ROWS, Block, RowSet, for_each_row, rank_in_block, select_in_block};

/// The matches of a segment, or those of one class, in row order.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// The class whose rows alone are given.
    class: Option<(Field, u32)>,
    span: Range<u32>,
    left: Range<u32>,
    /// The rows after the place that was sought.
    sought: Range<u32>,
    descends: bool,
    /// How many matches there are through each block of the span, as far as counted.
    through: Vec<u64>,
}

/// Up to this many rows of a block are asked one by one whether they are dead.
const ASKED_ROWS_MAX: u32 = 64;

impl Blocks {
    /// Starts at the first of the matches, or at the last.
    pub(super) fn new(conjunction: &Conjunction, descends: bool) -> Blocks {
        let span = conjunction.block_indexes();
        Blocks {
            class: None,
            left: span.clone(),
            span,
            sought: 0..u32::MAX,
            descends,
            through: Vec::new(),
        }
    }

    /// Starts at the first of the matches in one class of a field that has a set for each.
    pub(super) fn of_class(conjunction: &Conjunction, field: Field, class: u32) -> Blocks {
        Blocks {
            class: Some((field, class)),
            ..Blocks::new(conjunction, false)
        }
    }

    /// Starts at the last of them instead.
    pub(super) fn descending(self) -> Blocks {
        Blocks {
            descends: true,
            ..self
        }
    }

    /// Appends the rows of the next block, which may have none; false where none is left.
    pub(super) fn take(&mut self, scope: Scope<'_>, out: &mut Vec<u32>, work: &mut Work) -> bool {
        let next = if self.descends {
            self.left.next_back()
        } else {
            self.left.next()
        };
        let Some(index) = next else {
            return false;
        };
        let start = out.len();
        let (sought, rows) = (&self.sought, index * BLOCK_ROWS..(index + 1) * BLOCK_ROWS);
        if let Some(all) = self.all_rows(scope, &rows) {
            work.blocks += 1;
            out.extend(all.filter(|&row| !scope.live.dead.contains(row)));
            if self.descends {
                out[start..].reverse();
            }
            return true;
        }
        let block = self.block(scope, index, work);
        if sought.start <= rows.start && rows.end <= sought.end {
            for_each_row(&block, index, |row| out.push(row));
        } else {
            for_each_row(&block, index, |row| {
                if sought.contains(&row) {
                    out.push(row);
                }
            });
        }
        if self.descends {
            out[start..].reverse();
        }
        true
    }

    /// Returns the rows of a block that are sought, where every one that lives matches, if they are few or none
    /// is dead: then asking each whether it is dead is cheaper than making bits of them.
    fn all_rows(&self, scope: Scope<'_>, rows: &Range<u32>) -> Option<Range<u32>> {
        if self.class.is_some() || !scope.conjunction.is_range() {
            return None;
        }
        let all = scope.conjunction.rows();
        let start = all.start.max(rows.start).max(self.sought.start);
        let end = all.end.min(rows.end).min(self.sought.end).max(start);
        let is_few = end - start <= ASKED_ROWS_MAX || scope.live.dead.count() == 0;
        is_few.then_some(start..end)
    }

    /// Leaves only the matches among some rows, before any is taken or counted.
    pub(super) fn seek(&mut self, rows: Range<u32>) {
        let start = self.left.start.max(rows.start / BLOCK_ROWS);
        let end = self.left.end.min(rows.end.div_ceil(BLOCK_ROWS));
        self.left = start..end.max(start);
        self.sought = rows;
    }

    /// Passes over the first `count` of all matches; appends the rest of the block then begun.
    pub(super) fn skip(
        &mut self,
        scope: Scope<'_>,
        count: u64,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) {
        let nth = if self.descends {
            self.count(scope, work).checked_sub(count + 1)
        } else {
            Some(count)
        };
        let Some(row) = nth.and_then(|nth| self.nth(scope, nth, work)) else {
            self.left = 0..0;
            return;
        };
        let index = row / BLOCK_ROWS;
        let block = self.block(scope, index, work);
        let descends = self.descends;
        for_each_row(&block, index, |other| {
            if (descends && other <= row) || (!descends && other >= row) {
                out.push(other);
            }
        });
        if descends {
            out.reverse();
            self.left.end = index;
        } else {
            self.left.start = index + 1;
        }
    }

    /// Returns how many matches there are.
    pub(super) fn count(&mut self, scope: Scope<'_>, work: &mut Work) -> u64 {
        self.rank(scope, scope.conjunction.rows().end, work)
    }

    /// Returns how many matches are before a row.
    pub(super) fn rank(&mut self, scope: Scope<'_>, row: u32, work: &mut Work) -> u64 {
        if let Some(live_before) = self.live_before(scope) {
            let rows = scope.conjunction.rows();
            let row = row.clamp(rows.start, rows.end);
            return u64::from(row - scope.live.dead.rank(row)) - live_before;
        }
        let index = row / BLOCK_ROWS;
        if index < self.span.start {
            return 0;
        }
        let blocks_before = (index.min(self.span.end) - self.span.start) as usize;
        while self.through.len() < blocks_before {
            self.count_block(scope, work);
        }
        let before = match blocks_before {
            0 => 0,
            count => self.through[count - 1],
        };
        if index >= self.span.end || row.is_multiple_of(BLOCK_ROWS) {
            return before;
        }
        let block = self.block(scope, index, work);
        before + u64::from(rank_in_block(&block, row % BLOCK_ROWS))
    }

    /// Returns the nth match, counted from 0; none past the last.
    pub(super) fn nth(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> Option<u32> {
        if let Some(live_before) = self.live_before(scope) {
            let nth = u32::try_from(live_before + nth).ok()?;
            let row = scope.live.dead.select_unmarked(nth);
            return (row < scope.conjunction.rows().end).then_some(row);
        }
        while self.through.last().is_none_or(|&through| through <= nth) {
            if self.through.len() == self.span.len() {
                return None;
            }
            self.count_block(scope, work);
        }
        let at = self.through.partition_point(|&through| through <= nth);
        let before = match at {
            0 => 0,
            at => self.through[at - 1],
        };
        let index = self.span.start + at as u32;
        let block = self.block(scope, index, work);
        select_in_block(&block, index, (nth - before) as u32)
    }

    /// Counts one block more.
    fn count_block(&mut self, scope: Scope<'_>, work: &mut Work) {
        let index = self.span.start + self.through.len() as u32;
        let before = self.through.last().copied().unwrap_or(0);
        let set = self.set(scope);
        let count = scope.conjunction.count_block(scope, index, set, work);
        self.through.push(before + u64::from(count));
    }

    /// Returns how many live rows are before the tid range, where all live rows of it match.
    fn live_before(&self, scope: Scope<'_>) -> Option<u64> {
        let is_all = self.class.is_none() && scope.conjunction.is_range();
        let start = scope.conjunction.rows().start;
        is_all.then(|| u64::from(start - scope.live.dead.rank(start)))
    }

    /// Returns the matches of one block.
    fn block(&self, scope: Scope<'_>, index: u32, work: &mut Work) -> Block {
        let set = self.set(scope);
        scope.conjunction.block(scope, index, set, work)
    }

    fn set<'a>(&self, scope: Scope<'a>) -> Option<&'a RowSet> {
        let (field, class) = self.class?;
        let sets = scope.live.segment.posting_sets(field)?;
        sets.get(class as usize)
    }
}

/// Returns the estimated cost of row order, and whether it is by listing all rows of a filter.
pub(super) fn cost(found: &Found, need: Need) -> (u64, bool) {
    let conjunction = &found.conjunction;
    let given = need.take * VISIT_COST;
    if found.rows.is_some() || conjunction.is_range() {
        return (given, found.rows.is_some());
    }
    let matches = u128::from(found.count().max(1));
    let share = u128::from(conjunction.blocks_cost()) * u128::from(need.skip + need.take);
    let blocks = (share / matches) as u64 + given;
    match conjunction.drive_cost() {
        Some(drive) if drive < blocks => (drive, true),
        _ => (blocks, false),
    }
}
