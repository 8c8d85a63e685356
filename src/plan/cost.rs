//! What each strategy is estimated to cost.
//!
//! Costs are nanoseconds of the machine that the strategies were measured on; only their
//! ratios matter. `benches/regret.rs` holds the choices made by them to the best ones.

use super::Strategy;
use super::cursor::{Need, Task, walk_span};
use super::found::Found;
use super::order::Key;
use crate::segment::{Segment, Slot};

const VISIT_COST: u64 = 4;
/// Of a position of a walk, beside asking its row.
pub(super) const ASKED_COST: u64 = 3;
/// Of so many positions that are counted by a bitmap.
const COUNTED_POSITIONS: u64 = 2;
const COMPARE_COST: u64 = 8;
const KEY_COST: u64 = 10;
const TEXT_KEY_COST: u64 = 1_000;
const MAKE_BY_CODES_COST: u64 = 50;
const MAKE_BY_TEXTS_COST: u64 = 1_500;
/// An order is made once answers have missed it by this part of what it costs.
const MISSES: u64 = 16;

/// A bucket for each of more values than this is no longer cheaper than a walk.
const BUCKETS_MAX: u64 = 256;

/// Returns the estimated cost of a strategy; none where it cannot serve the order.
pub(super) fn cost(strategy: Strategy, found: &Found, task: Task<'_>) -> Option<u64> {
    let matches = found.count().max(1);
    let list_cost = match found.rows {
        Some(_) => 0,
        None => found.conjunction.cost(),
    };
    let need = task.need;
    match (strategy, task.order.keys.first()) {
        (Strategy::RowOrder, None) => Some(row_order_cost(found, need).0),
        (Strategy::RowOrder, Some(_)) | (Strategy::Walk | Strategy::Bucket, None) => None,
        (Strategy::Walk, Some(key)) => walk_cost(found, task, *key),
        (Strategy::Bucket, Some(key)) => bucket_cost(found, task, *key),
        (Strategy::TopK, first) => {
            let buffer = need.most * COMPARE_COST * 2;
            Some(list_cost + matches * (VISIT_COST + key_cost(task, first)) + buffer)
        }
        (Strategy::Sort, first) => {
            let levels = u64::from(need.take.max(1).ilog2()) + 1;
            let sorted = need.take * COMPARE_COST * levels / 2;
            let row_cost = VISIT_COST + key_cost(task, first) + COMPARE_COST;
            Some(list_cost + matches * row_cost + sorted)
        }
    }
}

/// Returns the estimated cost of packing the keys of a row.
fn key_cost(task: Task<'_>, first: Option<&Key>) -> u64 {
    match first {
        None => 0,
        Some(key) if task.live.segment.text_column(key.slot).is_some() => TEXT_KEY_COST,
        Some(_) => KEY_COST * task.order.keys.len() as u64,
    }
}

/// Returns the estimated cost of row order, and whether it is by listing all rows of a filter.
pub(super) fn row_order_cost(found: &Found, need: Need) -> (u64, bool) {
    let conjunction = &found.conjunction;
    let given = need.take * VISIT_COST;
    if found.rows.is_some() || conjunction.is_range() {
        return (given, false);
    }
    let matches = u128::from(found.count().max(1));
    let share = u128::from(conjunction.blocks_cost()) * u128::from(need.skip + need.take);
    let blocks = (share / matches) as u64 + given;
    match conjunction.drive_cost() {
        Some(drive) if drive < blocks => (drive, true),
        _ => (blocks, false),
    }
}

/// Returns what an answer bears at most of the cost of making an order that is kept.
pub(super) fn order_cost(segment: &Segment, slot: Slot) -> u64 {
    let cost = match segment.column(slot) {
        Some(_) => MAKE_BY_CODES_COST,
        None => MAKE_BY_TEXTS_COST,
    };
    u64::from(segment.rows_count()) * cost / MISSES
}

/// Returns the estimated cost of a walk along an order that is there.
fn walk_cost(found: &Found, task: Task<'_>, key: Key) -> Option<u64> {
    let segment = &*task.live.segment;
    let rows = u64::from(segment.rows_count());
    let classes = match (segment.column(key.slot), segment.text_column(key.slot)) {
        (Some(column), _) => column.classes_count().clamp(1, rows.max(1)),
        (None, Some(_)) => rows.max(1),
        (None, None) => return None,
    };
    let has_order = segment.has_order(key.slot);
    if !has_order && !task.mode.may_build() {
        return None;
    }
    let conjunction = &found.conjunction;
    let span = if has_order {
        walk_span(found, segment, key.slot).len() as u64
    } else {
        rows
    };
    let places = |matches: u64| span * matches / found.count().max(1);
    let mut visited = places(task.need.take);
    if span == rows && conjunction.is_part(segment) {
        // Most fields nearly follow tid, so the rows of a tid range lie together and a walk
        // may pass all others first.
        visited = (visited * 16).max(span / 4);
    }
    let group = if task.order.is_plain() {
        0
    } else {
        rows / classes
    };
    let visited = visited.max(group) + 1;
    if conjunction.is_class_range(key.slot, segment) {
        return Some(visited * ASKED_COST);
    }
    let made = if found.rows.is_some() {
        rows / 64
    } else {
        conjunction.blocks_cost()
    };
    let asked = conjunction.probes_cost(visited).min(made);
    let passed = match places(task.need.skip) {
        0 => 0,
        positions => made + positions / COUNTED_POSITIONS,
    };
    Some(visited * ASKED_COST + asked + passed)
}

fn bucket_cost(found: &Found, task: Task<'_>, key: Key) -> Option<u64> {
    let Slot::Field(field) = key.slot else {
        return None;
    };
    let matches = found.count().max(1);
    let need = task.need;
    let sets = task.live.segment.posting_sets(field)?.len() as u64;
    if sets == 0 || sets > BUCKETS_MAX {
        return None;
    }
    let blocks = found.conjunction.block_indexes().len() as u64;
    let share = ((need.skip + need.take) * sets / matches).clamp(1, sets);
    let in_group = if task.order.is_plain() {
        need.take
    } else {
        matches / sets
    };
    let pass = found.conjunction.blocks_cost() + blocks * 40;
    Some(pass * share + in_group * COMPARE_COST)
}
