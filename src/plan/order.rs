//! The strategies for an order in one segment, as cursors.
//!
//! A [`Cursor`] gives the matching rows of a segment in order. It holds positions and
//! small buffers, never a borrow, and finds rows as they are asked for: a page of fifty
//! costs what fifty rows cost, and an export never holds more than one group of ties.
//!
//! # Invariants
//!
//! * Whatever the strategy, rows come by key, then by tid in the order's direction for tid.
//! * A cursor made for `needed` rows is not asked for more.
//!
//! # Cost
//!
//! Row order and bucket cost their blocks; walk the rows visited, page ÷ selectivity; top-k and
//! sort all matches.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::conjunction::{Access, Conjunction};
use super::explain::Work;
use super::{FilterMode, Key, Order, PlanMode, Strategy};
use crate::model::value::fold;
use crate::segment::column::{Column, TextColumn};
use crate::segment::rowset::{BLOCK_ROWS, BLOCK_WORDS, block_count, for_each_row};
use crate::segment::sorted::text_prefix;
use crate::segment::{Segment, Slot};
use crate::snapshot::LiveSegment;

/// The matches of a conjunction in one segment: counted, and listed if that was the way.
#[derive(Clone, Debug)]
pub(super) struct Found {
    conjunction: Conjunction,
    mode: FilterMode,
    count: u64,
    /// The rows, ascending, where they were visited one by one.
    rows: Option<Vec<u32>>,
}

impl Found {
    /// Counts the matches, without listing them where bitmaps allow.
    pub(super) fn new(
        conjunction: Conjunction,
        live: &LiveSegment,
        mode: PlanMode,
        work: &mut Work,
    ) -> Found {
        let mode = mode.filters;
        let mut found = Found {
            conjunction,
            mode,
            count: 0,
            rows: None,
        };
        let known = found.conjunction.known_count(live);
        if let (Some(count), true) = (known, mode != FilterMode::Scan) {
            found.count = count;
        } else if found.conjunction.access() == Access::Drive {
            let rows = found.conjunction.drive(live, work);
            found.count = rows.len() as u64;
            found.rows = Some(rows);
        } else {
            found.count = found
                .conjunction
                .block_indexes()
                .map(|index| found.conjunction.block(live, index, mode, work))
                .map(|block| u64::from(block_count(&block)))
                .sum();
        }
        found
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn conjunction(&self) -> &Conjunction {
        &self.conjunction
    }

    /// Calls `each` with every matching row, ascending.
    fn for_each(&self, live: &LiveSegment, work: &mut Work, mut each: impl FnMut(u32)) {
        if let Some(rows) = &self.rows {
            return rows.iter().copied().for_each(each);
        }
        if self.conjunction.access() == Access::Drive {
            return self
                .conjunction
                .drive(live, work)
                .into_iter()
                .for_each(each);
        }
        for index in self.conjunction.block_indexes() {
            let block = self.conjunction.block(live, index, self.mode, work);
            for_each_row(&block, index, &mut each);
        }
    }
}

// Costs in nanoseconds of the machine that the strategies were measured on; only their
// ratios matter.
const VISIT_COST: u64 = 4;
const WALK_COST: u64 = 15;
const COMPARE_COST: u64 = 8;
const BUILD_CODES_COST: u64 = 4;
const BUILD_TEXTS_COST: u64 = 100;

/// A bucket for each of more values than this is no longer cheaper than a walk.
const BUCKETS_MAX: u64 = 256;

/// Returns the estimated cost of a strategy for the first `needed` rows; none where it cannot serve.
pub(super) fn cost(
    strategy: Strategy,
    found: &Found,
    live: &LiveSegment,
    order: &Order,
    needed: u64,
    mode: PlanMode,
) -> Option<u64> {
    let segment = &*live.segment;
    let matches = found.count.max(1);
    let list_cost = match found.rows {
        Some(_) => 0,
        None => found.conjunction.cost(),
    };
    match (strategy, order.keys.first()) {
        (Strategy::RowOrder, None) => Some(list_cost * needed / matches + needed * VISIT_COST),
        (Strategy::RowOrder, Some(_)) | (Strategy::Walk | Strategy::Bucket, None) => None,
        (Strategy::Walk, Some(key)) => walk_cost(found, segment, order, *key, needed, mode),
        (Strategy::Bucket, Some(key)) => {
            let Slot::Field(field) = key.slot else {
                return None;
            };
            let sets = segment.posting_sets(field)?.len() as u64;
            let blocks = found.conjunction.block_indexes().len() as u64;
            let share = (needed * sets / matches).clamp(1, sets);
            let in_group = if is_plain(order) {
                needed
            } else {
                matches / sets.max(1)
            };
            let pass = found.conjunction.cost() + blocks * 40;
            (sets <= BUCKETS_MAX).then_some(pass * share + in_group * COMPARE_COST)
        }
        (Strategy::TopK, _) => {
            let buffer = needed * COMPARE_COST * 2;
            Some(list_cost + matches * (VISIT_COST + COMPARE_COST / 2) + buffer)
        }
        (Strategy::Sort, _) => {
            let levels = u64::from(matches.ilog2()) + 1;
            Some(list_cost + matches * (VISIT_COST + COMPARE_COST * levels / 2))
        }
    }
}

/// Returns whether rows that tie in the first key come by ascending tid.
fn is_plain(order: &Order) -> bool {
    order.keys.len() == 1 && !order.tid_descends
}

fn walk_cost(
    found: &Found,
    segment: &Segment,
    order: &Order,
    key: Key,
    needed: u64,
    mode: PlanMode,
) -> Option<u64> {
    let rows = u64::from(segment.rows_count());
    let is_long = segment.text_column(key.slot).is_some();
    let (cost, classes) = match segment.column(key.slot) {
        Some(column) => (
            BUILD_CODES_COST,
            column.classes_count().clamp(1, rows.max(1)),
        ),
        None if is_long => (BUILD_TEXTS_COST, rows.max(1)),
        None => return None,
    };
    let build = if segment.has_order(key.slot) {
        0
    } else if mode.may_build() {
        // The order is kept, so one request bears only a part of what it costs.
        rows * cost / 16
    } else {
        return None;
    };
    // Rows that can match lie within a range filter on the same column, if there is one.
    let span = found
        .conjunction
        .class_range(key.slot)
        .map_or(rows, |_| found.conjunction.estimate());
    let mut visited = span * needed / found.count.max(1);
    if found.conjunction.is_part(segment) {
        // Most fields nearly follow tid, so the rows of a tid range lie together and a walk
        // may pass all others first.
        visited = (visited * 16).max(span / 4);
    }
    let group = if is_plain(order) { 0 } else { rows / classes };
    Some(build + (visited.max(group) + 1) * WALK_COST)
}

/// The matching rows of one segment, in order.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    source: Source,
    conjunction: Option<Arc<Conjunction>>,
    mode: FilterMode,
    /// Every match as one bit a row, where many rows will be probed.
    bitmap: Option<Arc<[u64]>>,
    /// Rows found but not given yet, from `next` on.
    rows: Vec<u32>,
    next: usize,
    needed: u64,
    work: Work,
}

/// Where a cursor finds more rows.
#[derive(Clone, Debug)]
enum Source {
    /// Nowhere: all are found.
    Done,
    /// In the blocks left, from the front or from the back.
    Blocks { left: Range<u32>, descends: bool },
    /// In the positions left of the first key's order, group of ties by group.
    Walk {
        key: Key,
        left: Range<usize>,
        group: Range<usize>,
    },
    /// In the classes left of the first key.
    Bucket {
        key: Key,
        left: Range<u32>,
        class: u32,
        blocks: Range<u32>,
    },
}

/// The least rows that a walk finds at once.
const WALK_ROWS: usize = 32;

impl Cursor {
    /// Makes a cursor that gives nothing.
    pub(super) fn empty() -> Cursor {
        Cursor {
            source: Source::Done,
            conjunction: None,
            mode: FilterMode::Planned,
            bitmap: None,
            rows: Vec::new(),
            next: 0,
            needed: 0,
            work: Work::default(),
        }
    }

    /// Makes a cursor for the first `needed` rows.
    pub(super) fn new(
        strategy: Strategy,
        found: Found,
        live: &LiveSegment,
        order: &Order,
        needed: u64,
        work: &mut Work,
    ) -> Cursor {
        let segment = &*live.segment;
        let mut cursor = Cursor {
            needed,
            mode: found.mode,
            ..Cursor::empty()
        };
        match (strategy, order.keys.first()) {
            (Strategy::RowOrder, _) if found.rows.is_some() => {
                cursor.rows = found.rows.unwrap_or_default();
                if order.tid_descends {
                    cursor.rows.reverse();
                }
                return cursor;
            }
            (Strategy::RowOrder, _) => {
                let left = found.conjunction.block_indexes();
                cursor.source = Source::Blocks {
                    left,
                    descends: order.tid_descends,
                };
            }
            (Strategy::Walk, Some(&key)) => {
                let left = walk_positions(&found, segment, key);
                let visited = left.len() as u64 * needed / found.count.max(1);
                cursor.bitmap = walk_bitmap(&found, live, visited, work);
                cursor.source = Source::Walk {
                    key,
                    left,
                    group: 0..0,
                };
            }
            (Strategy::Bucket, Some(&key)) => {
                let classes = segment.column(key.slot).map_or(0, Column::classes_count) as u32;
                cursor.source = Source::Bucket {
                    key,
                    left: 0..classes,
                    class: 0,
                    blocks: 0..0,
                };
            }
            (Strategy::TopK, _) => {
                cursor.rows = top_rows(&found, live, order, needed, work);
                return cursor;
            }
            (Strategy::Walk | Strategy::Bucket, None) | (Strategy::Sort, _) => {
                let mut rows = Vec::with_capacity(usize::try_from(found.count).unwrap_or(0));
                found.for_each(live, work, |row| rows.push(row));
                RowKeys::new(segment, order).select(&mut rows, u64::MAX);
                cursor.rows = rows;
                return cursor;
            }
        }
        cursor.conjunction = Some(Arc::new(found.conjunction));
        cursor
    }

    /// Returns the next row and passes on.
    pub(super) fn next(&mut self, live: &LiveSegment, order: &Order) -> Option<u32> {
        let row = self.peek(live, order)?;
        self.next += 1;
        Some(row)
    }

    /// Returns the next row.
    pub(super) fn peek(&mut self, live: &LiveSegment, order: &Order) -> Option<u32> {
        while self.next == self.rows.len() {
            if matches!(self.source, Source::Done) {
                return None;
            }
            self.needed = self.needed.saturating_sub(self.rows.len() as u64);
            self.rows.clear();
            self.next = 0;
            self.refill(live, order);
        }
        Some(self.rows[self.next])
    }

    /// Passes over rows.
    pub(super) fn skip(&mut self, live: &LiveSegment, order: &Order, count: u64) {
        let mut left = count - self.skip_by_position(live, order, count);
        while left > 0 && self.peek(live, order).is_some() {
            let found = (self.rows.len() - self.next) as u64;
            let passed = found.min(left);
            self.next += passed as usize;
            left -= passed;
        }
    }

    /// Passes over rows without looking at them, where every row is one; returns how many.
    fn skip_by_position(&mut self, live: &LiveSegment, order: &Order, count: u64) -> u64 {
        let Some(conjunction) = &self.conjunction else {
            return 0;
        };
        let is_whole = live.dead.count() == 0 && conjunction.is_everything(&live.segment);
        let count_rows = usize::try_from(count).unwrap_or(usize::MAX);
        match &mut self.source {
            Source::Walk { key, left, .. } if is_whole && is_plain(order) && !key.descends => {
                let passed = count_rows.min(left.len());
                left.start += passed;
                self.needed = self.needed.saturating_sub(passed as u64);
                passed as u64
            }
            Source::Walk { key, left, group } if is_whole && is_plain(order) => {
                // Whole groups from the back; the last is entered from its front.
                let target = left.end - count_rows.min(left.len());
                let (Some(sorted), true) = (live.segment.order(key.slot), target > 0) else {
                    return 0;
                };
                let column = live.segment.column(key.slot);
                let start = sorted.group_start(column, target - 1).max(left.start);
                let end = sorted.group_end(column, target - 1).min(left.end);
                let past_groups = left.end - end;
                let inside = count_rows - past_groups;
                *group = start + inside..end;
                left.end = start;
                self.needed = self.needed.saturating_sub(count);
                count
            }
            Source::Blocks { left, descends } if is_whole => {
                let blocks = (count / u64::from(BLOCK_ROWS)).min(left.len() as u64) as u32;
                if *descends {
                    // The last block may be a part of one.
                    return 0;
                }
                left.start += blocks;
                self.needed = self.needed.saturating_sub(u64::from(blocks * BLOCK_ROWS));
                u64::from(blocks) * u64::from(BLOCK_ROWS)
            }
            _ => 0,
        }
    }

    /// Returns the work done so far.
    pub(super) fn work(&self) -> Work {
        self.work
    }

    /// Finds more rows, or that there are none; may find none and not be done.
    fn refill(&mut self, live: &LiveSegment, order: &Order) {
        let Some(conjunction) = self.conjunction.clone() else {
            self.source = Source::Done;
            return;
        };
        match &mut self.source {
            Source::Done => {}
            Source::Blocks { left, descends } => {
                let index = if *descends {
                    left.next_back()
                } else {
                    left.next()
                };
                let Some(index) = index else {
                    self.source = Source::Done;
                    return;
                };
                let descends = *descends;
                let block = conjunction.block(live, index, self.mode, &mut self.work);
                for_each_row(&block, index, |row| self.rows.push(row));
                if descends {
                    self.rows.reverse();
                }
            }
            Source::Walk { .. } => self.refill_by_walk(&conjunction, live, order),
            Source::Bucket { .. } => self.refill_by_bucket(&conjunction, live, order),
        }
    }

    fn refill_by_walk(&mut self, conjunction: &Conjunction, live: &LiveSegment, order: &Order) {
        let segment = &*live.segment;
        let Source::Walk { key, left, group } = &mut self.source else {
            return;
        };
        let Some(sorted) = segment.order(key.slot) else {
            self.source = Source::Done;
            return;
        };
        let column = segment.column(key.slot);
        let wanted = WALK_ROWS.max(usize::try_from(self.needed.min(256)).unwrap_or(WALK_ROWS));
        while self.rows.len() < wanted {
            if Range::is_empty(group) {
                if Range::is_empty(left) {
                    break;
                }
                if key.descends {
                    let start = sorted.group_start(column, left.end - 1).max(left.start);
                    *group = start..left.end;
                    left.end = start;
                } else if is_plain(order) {
                    // Groups follow one another as they lie.
                    *group = std::mem::replace(left, 0..0);
                } else {
                    let end = sorted.group_end(column, left.start).min(left.end);
                    *group = left.start..end;
                    left.start = end;
                }
            }
            let is_whole_group = !is_plain(order);
            for position in group.by_ref() {
                let row = sorted.rows()[position];
                self.work.rows_touched += 1;
                let is_match = if let Some(bitmap) = &self.bitmap {
                    bitmap[(row / 64) as usize] >> (row % 64) & 1 == 1
                } else {
                    self.work.rows_probed += 1;
                    conjunction.probe(live, row)
                };
                if is_match {
                    self.rows.push(row);
                    if !is_whole_group && self.rows.len() >= wanted {
                        break;
                    }
                }
            }
            if is_whole_group && !self.rows.is_empty() {
                RowKeys::new(segment, order).select(&mut self.rows, self.needed);
                return;
            }
        }
        if Range::is_empty(left) && Range::is_empty(group) {
            self.source = Source::Done;
        }
    }

    fn refill_by_bucket(&mut self, conjunction: &Conjunction, live: &LiveSegment, order: &Order) {
        let segment = &*live.segment;
        let Source::Bucket {
            key,
            left,
            class,
            blocks,
        } = &mut self.source
        else {
            return;
        };
        let Slot::Field(field) = key.slot else {
            return;
        };
        let sets = segment.posting_sets(field).unwrap_or_default();
        if Range::is_empty(blocks) {
            let next = if key.descends {
                left.next_back()
            } else {
                left.next()
            };
            let Some(next) = next else {
                self.source = Source::Done;
                return;
            };
            *class = next;
            *blocks = conjunction.block_indexes();
        }
        let set = &sets[*class as usize];
        for index in blocks.by_ref() {
            let mut block = conjunction.block(live, index, self.mode, &mut self.work);
            set.intersect_into(index, &mut block);
            for_each_row(&block, index, |row| self.rows.push(row));
            if is_plain(order) && !self.rows.is_empty() {
                return;
            }
        }
        if !is_plain(order) {
            RowKeys::new(segment, order).select(&mut self.rows, self.needed);
        }
    }
}

/// Returns the positions of a key's order that matches can be at.
fn walk_positions(found: &Found, segment: &Segment, key: Key) -> Range<usize> {
    let Some(sorted) = segment.order(key.slot) else {
        return 0..0;
    };
    match (
        found.conjunction.class_range(key.slot),
        segment.column(key.slot),
    ) {
        (Some(classes), Some(column)) => sorted.positions(column, &classes),
        _ => 0..sorted.rows().len(),
    }
}

/// Makes a bitmap of all matches where it costs less than probing so many rows.
fn walk_bitmap(
    found: &Found,
    live: &LiveSegment,
    visited: u64,
    work: &mut Work,
) -> Option<Arc<[u64]>> {
    const PROBE_COST: u64 = 8;
    let conjunction = &found.conjunction;
    let is_everything = live.dead.count() == 0 && conjunction.is_everything(&live.segment);
    let fill_cost = u64::from(live.segment.rows_count()) / 64;
    let list_cost = if found.rows.is_some() {
        0
    } else {
        conjunction.cost()
    };
    if is_everything || visited * PROBE_COST < list_cost + fill_cost {
        return None;
    }
    let mut words = crate::segment::rowset::empty_words(live.segment.rows_count());
    match &found.rows {
        Some(rows) => {
            for row in rows {
                words[(row / 64) as usize] |= 1 << (row % 64);
            }
        }
        None => {
            for index in conjunction.block_indexes() {
                let block = conjunction.block(live, index, found.mode, work);
                let start = index as usize * BLOCK_WORDS;
                words[start..start + BLOCK_WORDS].copy_from_slice(&block);
            }
        }
    }
    Some(words.into())
}

/// Returns the first `needed` of all matches, in order, through a bounded buffer.
fn top_rows(
    found: &Found,
    live: &LiveSegment,
    order: &Order,
    needed: u64,
    work: &mut Work,
) -> Vec<u32> {
    let keys = RowKeys::new(&live.segment, order);
    let needed = usize::try_from(needed).unwrap_or(usize::MAX);
    let room = needed.saturating_mul(2).max(64);
    let mut buffer: Vec<(u64, u32)> = Vec::new();
    // Once the buffer was cut, only what sorts before its worst can still enter.
    let mut worst: Option<u64> = None;
    let mut touched = 0;
    found.for_each(live, work, |row| {
        touched += 1;
        let first = keys.first(row);
        if worst.is_some_and(|worst| first > worst) {
            return;
        }
        buffer.push((first, row));
        if buffer.len() >= room && needed > 0 {
            buffer.select_nth_unstable_by(needed - 1, |a, b| keys.compare(*a, *b));
            buffer.truncate(needed);
            worst = buffer.last().map(|last| last.0);
        }
    });
    work.rows_touched += touched;
    buffer.sort_unstable_by(|a, b| keys.compare(*a, *b));
    buffer.truncate(needed);
    buffer.into_iter().map(|(_, row)| row).collect()
}

/// What one key compares in one segment.
enum KeyColumn<'a> {
    Coded(&'a Column),
    Long(&'a TextColumn),
}

/// The keys of an order in one segment, for comparing rows.
///
/// As many of the first keys as fit are packed into one integer, which decides most pairs.
struct RowKeys<'a> {
    keys: Vec<(KeyColumn<'a>, bool)>,
    /// The bits of each packed key's classes.
    packed_bits: Vec<u32>,
    tid_descends: bool,
}

impl<'a> RowKeys<'a> {
    fn new(segment: &'a Segment, order: &Order) -> RowKeys<'a> {
        let column = |key: &Key| {
            let column = match segment.column(key.slot) {
                Some(column) => KeyColumn::Coded(column),
                // A custom name that the segment lacks is empty in every row.
                None => KeyColumn::Long(segment.text_column(key.slot)?),
            };
            Some((column, key.descends))
        };
        let keys: Vec<_> = order.keys.iter().filter_map(column).collect();
        let mut left = u64::BITS;
        let mut packed_bits = Vec::new();
        for (key, _) in &keys {
            let KeyColumn::Coded(column) = key else {
                break;
            };
            let bits = u64::BITS - (column.classes_count().max(1) - 1).leading_zeros();
            let Some(rest) = left.checked_sub(bits) else {
                break;
            };
            left = rest;
            packed_bits.push(bits);
        }
        RowKeys {
            keys,
            packed_bits,
            tid_descends: order.tid_descends,
        }
    }

    /// Returns an integer that sorts as the first keys do, as far as it decides.
    fn first(&self, row: u32) -> u64 {
        match self.keys.first() {
            None if self.tid_descends => !u64::from(row),
            None => u64::from(row),
            Some((KeyColumn::Long(column), descends)) => {
                let prefix = text_prefix(&fold(&column.text(row)));
                if *descends { !prefix } else { prefix }
            }
            Some(_) => {
                let mut packed = 0u64;
                for ((key, descends), &bits) in self.keys.iter().zip(&self.packed_bits) {
                    let KeyColumn::Coded(column) = key else {
                        break;
                    };
                    let class = column.class(row);
                    let greatest = u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0);
                    let digit = if *descends { greatest - class } else { class };
                    packed = packed.checked_shl(bits).unwrap_or(0) | digit;
                }
                packed
            }
        }
    }

    /// Compares two rows, given what [`first`](Self::first) gave for them.
    fn compare(&self, a: (u64, u32), b: (u64, u32)) -> Ordering {
        a.0.cmp(&b.0).then_with(|| self.compare_rows(a.1, b.1))
    }

    /// Compares two rows by the keys that are not packed, then by tid.
    fn compare_rows(&self, a: u32, b: u32) -> Ordering {
        for (key, descends) in &self.keys[self.packed_bits.len()..] {
            let by_key = match key {
                KeyColumn::Coded(column) => column.class(a).cmp(&column.class(b)),
                KeyColumn::Long(column) => fold(&column.text(a)).cmp(&fold(&column.text(b))),
            };
            if by_key != Ordering::Equal {
                return if *descends { by_key.reverse() } else { by_key };
            }
        }
        if self.tid_descends {
            b.cmp(&a)
        } else {
            a.cmp(&b)
        }
    }

    /// Sorts ascending rows, and keeps the first `needed`.
    fn select(&self, rows: &mut Vec<u32>, needed: u64) {
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        if self.keys.is_empty() {
            if self.tid_descends {
                rows.reverse();
            }
            return rows.truncate(needed);
        }
        let mut keyed: Vec<(u64, u32)> = rows.iter().map(|&row| (self.first(row), row)).collect();
        if needed > 0 && needed < keyed.len() / 2 {
            keyed.select_nth_unstable_by(needed - 1, |a, b| self.compare(*a, *b));
            keyed.truncate(needed);
        }
        keyed.sort_unstable_by(|a, b| self.compare(*a, *b));
        rows.clear();
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }
}
