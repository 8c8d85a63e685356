//! The course of a walk: positions of a key's order, and where on it the matches are.
//!
//! A position on the course is found without giving the rows before it. Where every live row matches,
//! the positions of dead rows tell it; elsewhere a bitmap of the matches is counted along the order,
//! some hundred positions at a time, so that the way there is counted once and later positions on it
//! are found by a search.
//!
//! # Invariants
//!
//! * Offsets count positions from where the walk begins: from the front of the span where
//!   the key ascends, from its back where it descends.
//!
//! # Cost
//!
//! About a nanosecond a position by a bitmap, and next to nothing without filters.

use std::ops::Range;
use std::sync::Arc;

use super::conjunction::Scope;
use super::explain::Work;
use super::matcher::Matcher;
use super::order::Key;
use crate::segment::{Bitmap, Column, Marks, SortedRows};

/// Matches are counted up to each multiple of this many positions.
const RANK_MARK_POSITIONS: usize = 256;

/// Where a walk leads: positions of a key's order, and which of their rows match.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) key: Key,
    /// Whether ties come by descending row.
    pub(super) ties_descend: bool,
    pub(super) matcher: Matcher,
    /// The positions that matches can be at.
    pub(super) span: Range<usize>,
}

/// The matches at the offsets below each multiple of [`RANK_MARK_POSITIONS`], as far as counted.
#[derive(Clone, Debug, Default)]
pub(super) struct RankMarks(Vec<u64>);

impl Course {
    /// Returns whether ties come the other way round than the walk passes them.
    pub(super) fn turns_ties(&self) -> bool {
        self.key.descends != self.ties_descend
    }

    pub(super) fn sorted<'a>(&self, scope: Scope<'a>) -> Option<&'a SortedRows> {
        scope.live.segment.order(self.key.slot)
    }

    pub(super) fn column<'a>(&self, scope: Scope<'a>) -> Option<&'a Column> {
        scope.live.segment.column(self.key.slot)
    }

    /// Returns the rows of the whole order, by position.
    pub(super) fn rows<'a>(&self, scope: Scope<'a>) -> &'a [u32] {
        self.sorted(scope).map_or(&[], SortedRows::rows)
    }

    /// Returns the matches as a bitmap, where they are known as one.
    pub(super) fn bitmap<'a>(&'a self, scope: Scope<'a>) -> Option<&'a Bitmap> {
        match &self.matcher {
            Matcher::Bits(bits) => Some(bits),
            Matcher::Set => scope.conjunction.bitmap(scope.live),
            Matcher::Live | Matcher::Asked(_) => None,
        }
    }

    /// Returns the positions of dead rows, if there are any.
    fn dead_positions(&self, scope: Scope<'_>) -> Option<Arc<Marks>> {
        let dead = &scope.live.dead;
        let sorted = self.sorted(scope).filter(|_| dead.count() > 0)?;
        let segment = &scope.live.segment;
        Some(segment.dead_positions(self.key.slot, sorted, dead))
    }

    /// Returns the position at an offset.
    pub(super) fn position(&self, offset: usize) -> usize {
        if self.key.descends {
            self.span.end - 1 - offset
        } else {
            self.span.start + offset
        }
    }

    /// Returns the positions at a range of offsets.
    fn positions(&self, offsets: &Range<usize>) -> Range<usize> {
        if self.key.descends {
            self.span.end - offsets.end..self.span.end - offsets.start
        } else {
            self.span.start + offsets.start..self.span.start + offsets.end
        }
    }

    /// Returns the offsets of a range of positions.
    pub(super) fn offsets(&self, positions: &Range<usize>) -> Range<usize> {
        if self.key.descends {
            self.span.end - positions.end..self.span.end - positions.start
        } else {
            positions.start - self.span.start..positions.end - self.span.start
        }
    }

    /// Returns the offset of the nth live row; past the last, the end of the span.
    fn offset_of_live(&self, scope: Scope<'_>, nth: u64) -> usize {
        let Some(dead) = self.dead_positions(scope) else {
            return usize::try_from(nth)
                .unwrap_or(usize::MAX)
                .min(self.span.len());
        };
        let live_before = |position: usize| position as u64 - u64::from(dead.rank(position as u32));
        let (before, through) = (live_before(self.span.start), live_before(self.span.end));
        if through - before <= nth {
            return self.span.len();
        }
        let nth = if self.key.descends {
            through - 1 - nth
        } else {
            before + nth
        };
        let position = dead.select_unmarked(nth as u32) as usize;
        self.offsets(&(position..position + 1)).start
    }
}

impl RankMarks {
    fn before(&self, index: usize) -> u64 {
        match index {
            0 => 0,
            _ => self.0[index - 1],
        }
    }

    /// Returns the offsets between two marks.
    fn offsets(index: usize, course: &Course) -> Range<usize> {
        let start = index * RANK_MARK_POSITIONS;
        start..(start + RANK_MARK_POSITIONS).min(course.span.len())
    }

    /// Counts the matches through some hundred offsets more; false at the end of the course.
    fn extend(&mut self, course: &Course, bits: &Bitmap, rows: &[u32], work: &mut Work) -> bool {
        let offsets = RankMarks::offsets(self.0.len(), course);
        if offsets.is_empty() {
            return false;
        }
        work.rows_touched += offsets.len() as u64;
        let count = count_where_set(bits, &rows[course.positions(&offsets)]);
        self.0.push(self.before(self.0.len()) + count);
        true
    }

    /// Returns how many matches are at the offsets before one.
    pub(super) fn passed(
        &mut self,
        course: &Course,
        scope: Scope<'_>,
        offsets_count: usize,
        work: &mut Work,
    ) -> u64 {
        let Some(bits) = course.bitmap(scope) else {
            let Some(dead) = course.dead_positions(scope) else {
                return offsets_count as u64;
            };
            let positions = course.positions(&(0..offsets_count));
            let (start, end) = (positions.start as u32, positions.end as u32);
            return offsets_count as u64 - u64::from(dead.rank(end) - dead.rank(start));
        };
        let rows = course.rows(scope);
        let marks_count = offsets_count / RANK_MARK_POSITIONS;
        while self.0.len() < marks_count && self.extend(course, bits, rows, work) {}
        let rest = marks_count * RANK_MARK_POSITIONS..offsets_count;
        work.rows_touched += rest.len() as u64;
        self.before(marks_count) + count_where_set(bits, &rows[course.positions(&rest)])
    }

    /// Returns the offset of the nth match; past the last match, the end of the span.
    pub(super) fn offset_of(
        &mut self,
        course: &Course,
        scope: Scope<'_>,
        nth: u64,
        work: &mut Work,
    ) -> usize {
        let Some(bits) = course.bitmap(scope) else {
            return course.offset_of_live(scope, nth);
        };
        let rows = course.rows(scope);
        while self.0.last().is_none_or(|&matches| matches <= nth) {
            if !self.extend(course, bits, rows, work) {
                return course.span.len();
            }
        }
        let at = self.0.partition_point(|&matches| matches <= nth);
        let offsets = RankMarks::offsets(at, course);
        let rows = &rows[course.positions(&offsets)];
        let mut left = nth - self.before(at);
        let mut is_nth = |&row: &u32| {
            let is_match = bits.contains(row);
            let is_found = is_match && left == 0;
            left -= u64::from(is_match && !is_found);
            is_found
        };
        let found = if course.key.descends {
            rows.iter().rev().position(&mut is_nth)
        } else {
            rows.iter().position(&mut is_nth)
        };
        found.map_or(course.span.len(), |at| offsets.start + at)
    }
}

/// Returns how many of some rows have their bit set.
fn count_where_set(bits: &Bitmap, rows: &[u32]) -> u64 {
    rows.iter().map(|&row| u64::from(bits.contains(row))).sum()
}
