//! The matching rows of one segment in order, found along a path.
//!
//! A [`PathRows`] never holds a borrow, and finds rows as they are asked for. A walk, buckets or row
//! order find few rows at a time, so a page costs about what its rows cost. Sort, top-k and zones collect
//! their candidates first, and hold them. Rows before a page are counted where that is cheaper than giving
//! them.
//!
//! # Invariants
//!
//! * Whatever the strategy, rows come by key, then by tid in the order's direction for tid.
//! * A [`PathRows`] that was made for `needed` rows is not asked for more, and passes over rows only before
//!   it gives the first.
//!
//! # Cost
//!
//! Row order and buckets cost the blocks that they combine; a walk the rows that it visits, the page ÷ the
//! selectivity; a nested path what the page costs among the rows of one value; zones the matches of the
//! blocks that can have the best; top-k and sort all matches.

mod nested;

use std::cmp::Ordering;
use std::sync::Arc;

use super::blocks::Blocks;
use super::bucket::Bucket;
use super::conjunction::{Conjunction, Scope};
use super::explain::Work;
use super::found::Found;
use super::keys::RowKeys;
use super::matcher::make_matcher;
use super::nested_price::NestedPath;
use super::order::Order;
use super::path::{Path, without_walk};
use super::place::{PackedPlace, Place};
use super::steps::Steps;
use super::task::Task;
use super::top::{all_rows, top_rows, zone_rows};
use super::walk::Walk;
use super::walk_price::WalkPath;
use crate::snapshot::LiveSegment;
use nested::Nested;
pub(super) use nested::ToPass;

/// The matching rows of one segment, in order; by default there are none.
#[derive(Clone, Debug, Default)]
pub(super) struct PathRows {
    pub(super) steps: Steps,
    /// What puts the rows of each bucket in order, if that has a path of its own.
    nested: Option<Box<Nested>>,
    conjunction: Option<Arc<Conjunction>>,
    /// The order within the segment.
    pub(super) order: Order,
    /// Rows found but not given yet, from `next` on.
    rows: Vec<u32>,
    next: usize,
    /// The count of unsorted matches that are passed.
    passed: u64,
    /// The most rows that are still asked for.
    needed: u64,
    /// The rows to find at once: as many as are likely to be given, then more each time.
    batch: u64,
    pub(super) work: Work,
}

/// A walk finds at least this many rows at once.
const WALK_ROWS: u64 = 8;

/// A walk finds at most this many rows at once.
const WALK_ROWS_MAX: u64 = 256;

impl PathRows {
    /// Stands before the first of the matches, or before the first after the task's place.
    pub(super) fn new(path: Path, mut found: Found, task: Task<'_>, work: &mut Work) -> PathRows {
        let is_nested = matches!(path, Path::Nested(_));
        let mut rows = Vec::new();
        let live = task.live;
        let ties_descend = task.order.tid_descends;
        let steps = match path {
            Path::Listed => {
                let listed = found.rows.take();
                rows = listed.unwrap_or_else(|| found.conjunction.drive(live, work));
                if task.order.tid_descends {
                    rows.reverse();
                }
                Steps::Done
            }
            Path::Blocks => Steps::Blocks(Blocks::new(&found.conjunction, task.order.tid_descends)),
            Path::Walk(WalkPath {
                key,
                span,
                matching,
                positions_max,
            }) => {
                let span = span.unwrap_or_else(|| found.span(&live.segment, key.slot));
                let matcher = make_matcher(&found, live, matching, work);
                let mut walk = Walk::new(key, ties_descend, span, matcher);
                if let Some(positions_max) = positions_max {
                    let wanted = task.need.skip.saturating_add(task.need.share) as usize;
                    if !walk.is_short(found.scope(live), wanted, positions_max as usize, work) {
                        let path = without_walk(&found, task);
                        return PathRows::new(path, found, task, work);
                    }
                }
                Steps::Walk(walk)
            }
            Path::Bucket(key) | Path::Nested(NestedPath { key, .. }) => {
                let bucket = Bucket::new(found.scope(live), key, ties_descend);
                bucket.map_or(Steps::Done, Steps::Bucket)
            }
            Path::TopK => Steps::Keyed(top_rows(&found, task, work)),
            Path::Zones(key) => Steps::Keyed(zone_rows(&found, task, key, work)),
            Path::Sort => Steps::Keyed(all_rows(&found, task, work)),
        };
        let mut path_rows = PathRows {
            steps,
            nested: is_nested.then(|| Box::new(Nested::new(task))),
            conjunction: Some(found.conjunction),
            order: task.order.clone(),
            rows,
            next: 0,
            passed: 0,
            needed: task.need.take,
            batch: task.need.share,
            work: Work::default(),
        };
        if let Some(place) = task.place {
            path_rows.seek(task.live, place);
        }
        path_rows
    }

    /// Passes over all matches that do not come after a place. What is keyed is after it already.
    fn seek(&mut self, live: &LiveSegment, place: &Place) {
        let segment = &live.segment;
        let after = place.rows_after(segment, self.order.tid_descends);
        let (rows, order) = (&mut self.rows, &self.order);
        let Some(conjunction) = self.conjunction.clone() else {
            return;
        };
        let scope = conjunction.scope(live);
        if matches!(self.steps, Steps::Done) {
            rows.retain(|row| after.contains(row));
        }
        if self.nested.is_some() {
            return self.seek_nested(scope, place);
        }
        let after = (after, order.is_plain());
        self.steps.seek(scope, place, after, rows, &mut self.work);
        if !order.keys.is_empty() && !rows.is_empty() {
            let keys = RowKeys::new(segment, order);
            let place = PackedPlace::new(place, segment, order, &keys);
            let mut keyed = keys.keyed(rows.drain(..));
            keyed.retain(|&row| place.compare(row) == Ordering::Greater);
            keys.select(&mut keyed, 0..self.needed);
            rows.extend(keyed.into_iter().map(|(_, row)| row));
        }
    }

    /// Returns how many rows the rows can give, of a number of matches.
    pub(super) fn count(&self, matches_count: u64) -> u64 {
        match &self.steps {
            Steps::Keyed(keyed) => keyed.len() as u64,
            Steps::Walk(_) | Steps::Bucket(_) | Steps::Blocks(_) | Steps::Done => matches_count,
        }
    }

    /// Returns the next row and passes on.
    pub(super) fn next(&mut self, live: &LiveSegment) -> Option<u32> {
        let row = self.peek(live)?;
        self.next += 1;
        Some(row)
    }

    /// Returns the next row.
    pub(super) fn peek(&mut self, live: &LiveSegment) -> Option<u32> {
        while self.next == self.rows.len() {
            if matches!(self.steps, Steps::Done) {
                return None;
            }
            self.needed = self.needed.saturating_sub(self.rows.len() as u64);
            self.rows.clear();
            self.next = 0;
            self.refill(live);
        }
        Some(self.rows[self.next])
    }

    /// Returns the rows that are found and not given.
    pub(super) fn found_rows(&self) -> &[u32] {
        &self.rows[self.next..]
    }

    /// Passes over the first `count` matches.
    pub(super) fn skip(&mut self, live: &LiveSegment, count: u64) {
        if count == 0 {
            return;
        }
        let Some(conjunction) = self.conjunction.clone() else {
            return;
        };
        let scope = conjunction.scope(live);
        let (rows, work) = (&mut self.rows, &mut self.work);
        let is_plain = self.order.is_plain();
        let before = match &mut self.steps {
            Steps::Done => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                self.next = self.next.saturating_add(count).min(rows.len());
                return;
            }
            Steps::Keyed(_) => {
                self.passed = count;
                return;
            }
            Steps::Blocks(blocks) => return blocks.skip(scope, count, rows, work),
            Steps::Walk(walk) if !walk.is_countable() => return self.pass(live, count),
            Steps::Walk(walk) if is_plain => return walk.skip(scope, count, work),
            Steps::Bucket(bucket) if is_plain => return bucket.skip(scope, count, rows, work),
            _ if self.nested.is_some() => return self.skip_nested(scope, count),
            Steps::Walk(walk) => {
                let before = walk.skip_groups(scope, count, work);
                walk.take_group(scope, rows, work);
                before
            }
            Steps::Bucket(bucket) => {
                let before = bucket.skip_groups(scope, count, work);
                bucket.take_group(scope, rows, work);
                before
            }
        };
        let start = count - before;
        RowKeys::new(&live.segment, &self.order).select_rows(rows, start..start + self.needed);
    }

    /// Passes over rows by finding them.
    fn pass(&mut self, live: &LiveSegment, count: u64) {
        self.needed = self.needed.saturating_add(count);
        let mut left = count;
        while left > 0 && self.peek(live).is_some() {
            let passed = left.min(self.found_rows().len() as u64);
            self.next += passed as usize;
            left -= passed;
        }
    }

    /// Passes over the first `count` matches, which are whole groups of ties in the order's
    /// first key, and puts rows before those that are left.
    pub(super) fn enter(&mut self, live: &LiveSegment, count: u64, rows: Vec<u32>) {
        if count == 0 {
            debug_assert!(rows.is_empty(), "a group that is put back was passed");
            return;
        }
        self.with_steps(live, |steps, scope, work| steps.enter(scope, count, work));
        self.passed = count;
        self.rows = rows;
        self.next = 0;
    }

    /// Returns how many rows are still asked for at most.
    pub(super) fn needed(&self) -> u64 {
        self.needed
    }

    /// Gives all rows that are left.
    pub(super) fn drain(&mut self, live: &LiveSegment) -> Vec<u32> {
        self.needed = u64::MAX;
        std::iter::from_fn(|| self.next(live)).collect()
    }

    /// Calls `act` with the steps that find the rows; none for the default rows, which have
    /// no filters.
    pub(super) fn with_steps<T>(
        &mut self,
        live: &LiveSegment,
        act: impl FnOnce(&mut Steps, Scope<'_>, &mut Work) -> T,
    ) -> Option<T> {
        let conjunction = self.conjunction.clone()?;
        let scope = conjunction.scope(live);
        Some(act(&mut self.steps, scope, &mut self.work))
    }

    /// Returns whether the rows come from a walk along an order.
    pub(super) fn is_walk(&self) -> bool {
        matches!(self.steps, Steps::Walk(_))
    }

    /// Finds more rows, or that there are none; may find none and not be done.
    fn refill(&mut self, live: &LiveSegment) {
        let Some(conjunction) = self.conjunction.clone() else {
            self.steps = Steps::Done;
            return;
        };
        let scope = conjunction.scope(live);
        let wanted = self.needed.min(self.batch);
        let wanted = wanted.clamp(WALK_ROWS, WALK_ROWS_MAX) as usize;
        self.batch = self.batch.saturating_mul(2);
        let (rows, work) = (&mut self.rows, &mut self.work);
        let is_plain = self.order.is_plain();
        let has_more = match &mut self.steps {
            Steps::Done => false,
            Steps::Blocks(blocks) => blocks.take(scope, rows, work),
            Steps::Walk(walk) if is_plain => walk.take(scope, wanted, rows, work),
            Steps::Bucket(bucket) if is_plain => bucket.take(scope, rows, work),
            Steps::Keyed(keyed) => {
                let window = self.passed..self.passed.saturating_add(self.needed);
                RowKeys::new(&live.segment, &self.order).select(keyed, window);
                rows.extend(keyed.iter().map(|&(_, row)| row));
                false
            }
            _ if self.nested.is_some() => self.refill_nested(scope, wanted),
            Steps::Walk(_) | Steps::Bucket(_) => self.refill_by_groups(scope, wanted),
        };
        if !has_more {
            self.steps = Steps::Done;
        }
    }

    /// Finds the rows of the next groups of ties, each sorted by the other keys.
    fn refill_by_groups(&mut self, scope: Scope<'_>, wanted: usize) -> bool {
        let keys = RowKeys::new(&scope.live.segment, &self.order);
        // A group is cut to what is needed, so no more than that ever comes together.
        let needed = usize::try_from(self.needed).unwrap_or(usize::MAX);
        let wanted = wanted.min(needed).max(1);
        let put_in_order = |ties: &mut Vec<u32>, given: usize| {
            keys.select_rows(ties, 0..needed.saturating_sub(given) as u64);
        };
        let (rows, work) = (&mut self.rows, &mut self.work);
        match &mut self.steps {
            Steps::Walk(walk) => {
                let mut groups = walk.groups(scope);
                let take_group = |out: &mut Vec<u32>, work: &mut Work| groups.take(out, work);
                fill_by_groups((rows, wanted), work, put_in_order, take_group)
            }
            Steps::Bucket(bucket) => {
                let take_group =
                    |out: &mut Vec<u32>, work: &mut Work| bucket.take_group(scope, out, work);
                fill_by_groups((rows, wanted), work, put_in_order, take_group)
            }
            _ => false,
        }
    }
}

/// Appends groups of ties, each put in order, until there are enough rows; false once none is left.
///
/// `put_in_order` is handed the rows of a group, and how many rows come before them.
fn fill_by_groups(
    (rows, wanted): (&mut Vec<u32>, usize),
    work: &mut Work,
    put_in_order: impl Fn(&mut Vec<u32>, usize),
    mut take_group: impl FnMut(&mut Vec<u32>, &mut Work) -> bool,
) -> bool {
    let mut ties = Vec::new();
    while rows.len() < wanted {
        let given = rows.len();
        let has_more = take_group(rows, work);
        let count = rows.len() - given;
        if count > 1 {
            work.rows_touched += count as u64;
            ties.extend(rows.drain(given..));
            put_in_order(&mut ties, given);
            rows.append(&mut ties);
        }
        if !has_more {
            return false;
        }
    }
    true
}
