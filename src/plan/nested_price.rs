//! What it costs to order the rows of each value of a first key by a path of their own.

use super::bucket;
use super::cost::{ASKED_COST, CLEARED_ROWS, COMPARE_COST, COUNTED_POSITIONS, NESTED_COST};
use super::explain::Counted;
use super::found::Found;
use super::order::Key;
use super::place::Place;
use super::task::Task;
use crate::segment::{Column, Slot};

/// Paths within the values of a first key, decided and not begun.
#[derive(Clone, Debug)]
pub(super) struct NestedPath {
    pub(super) key: Key,
    /// The order that the rows of a value are walked along, if it is not there yet.
    pub(super) lacking: Option<Slot>,
}

/// What a page asks of the rows that tie in some keys.
#[derive(Clone, Copy)]
struct Share {
    /// The values of these keys that the page has rows of.
    values: u64,
    /// The matches that have these values.
    matches: u64,
    /// Those of them that come before the page.
    skip: u64,
    /// The matches that the page takes.
    take: u64,
}

/// Returns nested paths with their estimated cost; none where the first key is the only one, or its values
/// are many or have no sets.
pub(super) fn price(found: &Found, task: Task<'_>, key: Key) -> Option<(NestedPath, u64)> {
    let segment = &*task.live.segment;
    let second = *task.order.keys.get(1)?;
    let sets_count = bucket::sets_count(segment, key)?;
    let is_ready =
        segment.ensure_sealed_order(second.slot) || bucket::sets_count(segment, second).is_some();
    if !is_ready && !task.mode.may_build() {
        return None;
    }
    let path = NestedPath {
        key,
        lacking: (!is_ready).then_some(second.slot),
    };
    let (passed, share) = share(found, task, key, sets_count)?;
    let conjunction = &found.conjunction;
    let passed_cost = if conjunction.is_everything(segment) {
        0
    } else {
        passed * conjunction.blocks_cost()
    };
    let cost = passed_cost + values_cost(found, share) + ties_cost(found, task, 1, share);
    Some((path, cost))
}

/// Estimates in which values of the first key a page is, without counting; returns how many values
/// come before, and what the page asks of those that it is in.
fn share(found: &Found, task: Task<'_>, key: Key, sets_count: u64) -> Option<(u64, Share)> {
    let Slot::Field(field) = key.slot else {
        return None;
    };
    let segment = &*task.live.segment;
    let rows = u64::from(segment.rows_count()).max(1);
    let turned = |index: u64| {
        if key.descends {
            sets_count - 1 - index
        } else {
            index
        }
    };
    let matches_of = |index: u64| {
        let count = segment.posting(field, turned(index) as u32).count();
        u64::from(count) * found.count() / rows
    };
    let (mut index, mut skip) = (0, task.need.skip);
    if let Some(value) = task.place.and_then(Place::first) {
        let class = value.classes(segment.column(key.slot)?).start;
        index = turned(class.min(sets_count - 1));
    }
    let first = index;
    while index + 1 < sets_count && skip >= matches_of(index) {
        skip -= matches_of(index);
        index += 1;
    }
    let passed = index - first;
    let mut share = Share {
        values: 1,
        matches: matches_of(index),
        skip,
        take: task.need.take,
    };
    while index + 1 < sets_count && share.matches < skip + share.take {
        index += 1;
        share.values += 1;
        share.matches += matches_of(index);
    }
    share.matches = share.matches.max(1);
    Some((passed, share))
}

/// Estimates what it takes to begin the values that a page has rows of.
fn values_cost(found: &Found, share: Share) -> u64 {
    let count_cost = match found.counted {
        Counted::Index | Counted::Cube => 0,
        Counted::Drive | Counted::Blocks | Counted::Scan => found.conjunction.cost(),
    };
    share.values * (NESTED_COST + count_cost)
}

/// Estimates the order among rows that tie in the first `tied_count` keys.
///
/// Filters are taken to be independent of the keys. Where they are not, the loss is bounded: the path within
/// a value is chosen only when the value begins.
fn ties_cost(found: &Found, task: Task<'_>, tied_count: usize, share: Share) -> u64 {
    let conjunction = &found.conjunction;
    let read = conjunction.bits_cost() * share.values + share.matches * COMPARE_COST;
    let Some(&key) = task.order.keys.get(tied_count) else {
        return read;
    };
    let cost = read.min(walk_cost(found, task, key, tied_count, share));
    let segment = &task.live.segment;
    match bucket::sets_count(segment, key) {
        Some(sets_count) if tied_count + 1 < task.order.keys.len() => {
            let matches = (share.matches / (share.values * sets_count)).max(1);
            let values = 1 + share.take / matches;
            let share = Share {
                values,
                matches: matches * values,
                skip: share.skip % matches,
                take: share.take,
            };
            cost.min(values_cost(found, share) + ties_cost(found, task, tied_count + 1, share))
        }
        _ => cost,
    }
}

/// Estimates a walk along the order of a key among rows that tie in those before it, if these rows are
/// spread evenly over that order.
fn walk_cost(found: &Found, task: Task<'_>, key: Key, tied_count: usize, share: Share) -> u64 {
    let segment = &*task.live.segment;
    let rows = u64::from(segment.rows_count()).max(1);
    // At most all positions for each value; the products of many rows need more than 64 bits.
    let positions = u128::from(rows * share.values);
    let walked = |matches: u64| {
        let even = positions * u128::from(matches) / u128::from(share.matches);
        even.min(positions) as u64
    };
    let mut visited = walked(share.take);
    if tied_count + 1 < task.order.keys.len() {
        // Ties are put in order together.
        let classes = segment.column(key.slot).map(Column::classes_count);
        visited = visited.max(rows / classes.unwrap_or(rows).max(1));
    }
    let conjunction = &found.conjunction;
    let bits = conjunction.bits_cost() + rows / CLEARED_ROWS;
    let asked = match share.skip {
        _ if conjunction.is_everything(segment) && task.live.dead.count() == 0 => 0,
        0 => bits.min(conjunction.probes_cost(visited) + visited * ASKED_COST),
        _ => bits,
    };
    visited * ASKED_COST + walked(share.skip) / COUNTED_POSITIONS + asked
}
