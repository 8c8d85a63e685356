//! What each strategy is estimated to cost.
//!
//! Costs are nanoseconds of the machine that the strategies were measured on; only their
//! ratios matter. `benches/regret.rs` holds the choices made by them to the best ones.

use super::Strategy;
use super::conjunction::Found;
use super::cursor::Task;
use super::order::Key;
use crate::segment::Slot;

const VISIT_COST: u64 = 4;
const WALK_COST: u64 = 15;
const COUNT_COST: u64 = 1;
const COMPARE_COST: u64 = 8;
const KEY_COST: u64 = 6;
const BUILD_CODES_COST: u64 = 4;
const BUILD_TEXTS_COST: u64 = 100;

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
        (Strategy::RowOrder, None) if found.conjunction.is_range() => Some(need.take * VISIT_COST),
        (Strategy::RowOrder, None) => {
            let share = u128::from(list_cost) * u128::from(need.skip + need.take);
            Some((share / u128::from(matches)) as u64 + need.take * VISIT_COST)
        }
        (Strategy::RowOrder, Some(_)) | (Strategy::Walk | Strategy::Bucket, None) => None,
        (Strategy::Walk, Some(key)) => walk_cost(found, task, *key),
        (Strategy::Bucket, Some(key)) => bucket_cost(found, task, *key),
        (Strategy::TopK, _) => {
            let buffer = need.most * COMPARE_COST * 2;
            Some(list_cost + matches * (VISIT_COST + KEY_COST) + buffer)
        }
        (Strategy::Sort, _) => {
            let levels = u64::from(need.take.max(1).ilog2()) + 1;
            let sorted = need.take * COMPARE_COST * levels / 2;
            Some(list_cost + matches * (VISIT_COST + KEY_COST + COMPARE_COST) + sorted)
        }
    }
}

fn walk_cost(found: &Found, task: Task<'_>, key: Key) -> Option<u64> {
    let segment = &*task.live.segment;
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
    } else if task.mode.may_build() {
        // The order is kept, so one request bears only a part of what it costs.
        rows * cost / 16
    } else {
        return None;
    };
    let conjunction = &found.conjunction;
    // Rows that can match lie within a range filter on the same column, if there is one.
    let span = conjunction
        .class_range(key.slot)
        .map_or(rows, |_| conjunction.estimate());
    let places = |matches: u64| span * matches / found.count().max(1);
    let mut visited = places(task.need.take);
    if conjunction.is_part(segment) {
        // Most fields nearly follow tid, so the rows of a tid range lie together and a walk
        // may pass all others first.
        visited = (visited * 16).max(span / 4);
    }
    let group = if task.order.is_plain() {
        0
    } else {
        rows / classes
    };
    let passed = if conjunction.is_class_range(key.slot, segment) {
        0
    } else {
        places(task.need.skip) * COUNT_COST
    };
    Some(build + passed + (visited.max(group) + 1) * WALK_COST)
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
    let pass = found.conjunction.cost() + blocks * 40;
    Some(pass * share + in_group * COMPARE_COST)
}
