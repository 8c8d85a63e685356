//! What each strategy is estimated to cost.
//!
//! Costs are nanoseconds of the machine that the strategies were measured on; only their
//! ratios matter. `benches/regret.rs` holds the choices made by them to the best ones.

use super::Strategy;
use super::found::Found;
use super::order::Key;
use super::task::{Need, Task};
use crate::segment::Slot;

const VISIT_COST: u64 = 4;
/// Of a position of a walk, beside asking its row.
pub(super) const ASKED_COST: u64 = 3;
/// Positions that are counted by a bitmap in a nanosecond.
const COUNTED_POSITIONS: u64 = 2;
/// Of a sample of the matches and their places in an order, most of it waiting for memory.
/// Measured: 2 to 11 µs with all of it in cache, the more the denser the matches.
const SAMPLE_COST: u64 = 10_000;
/// Matches are few where less than one row in this many is one. Measured where one in five to
/// eight is: a sample takes 7 to 11 µs, a walk for a page of 50 along one set 1 to 3.
const SPARSE: u64 = 8;
const COMPARE_COST: u64 = 8;
/// Measured: 8 ns a row with one key, 14 with two, of which a visit takes some.
const KEY_COST: u64 = 6;
/// The rows whose columns are mostly in cache; keys of more rows take longer in proportion.
/// Measured: 37 ns a row with two keys among ten million.
const CACHED_ROWS: u64 = 4_000_000;
/// Measured: the first bytes of a long text take 50 to 90 ns a row, most of it waiting for memory.
const TEXT_KEY_COST: u64 = 80;
/// Of putting the zone of a block where it belongs among the others.
const ZONE_ORDERED_COST: u64 = 5;

/// The rows whose bits are cleared in a nanosecond. Measured: 900 in cache; memory that comes from
/// elsewhere is cleared at its own pace, and is then read for the first time.
const CLEARED_ROWS: u64 = 256;

/// A bucket for each of more values than this is no longer cheaper than a walk.
const BUCKETS_MAX: u64 = 256;

/// Returns the estimated cost of a strategy; none where it cannot serve the order.
pub(super) fn cost(strategy: Strategy, found: &Found, task: Task<'_>) -> Option<u64> {
    let matches = found.count().max(1);
    let need = task.need;
    match (strategy, task.order.keys.first()) {
        (Strategy::RowOrder, None) => Some(row_order_cost(found, need).0),
        (Strategy::RowOrder, Some(_))
        | (Strategy::Walk | Strategy::Bucket | Strategy::Zones, None) => None,
        (Strategy::Walk, Some(key)) => walk_cost(found, task, *key),
        (Strategy::Bucket, Some(key)) => bucket_cost(found, task, *key),
        (Strategy::TopK, first) => Some(top_cost(found, task, first)),
        (Strategy::Zones, Some(key)) => zones_cost(found, task, key),
        (Strategy::Sort, first) => {
            let row_cost = VISIT_COST + key_cost(task, first) + COMPARE_COST;
            Some(list_cost(found) + matches * row_cost + sort_cost(need.take))
        }
    }
}

/// Returns the estimated cost of listing the matches.
fn list_cost(found: &Found) -> u64 {
    match found.rows {
        Some(_) => 0,
        None => found.conjunction.cost(),
    }
}

/// Returns the estimated cost of putting a number of rows in order.
fn sort_cost(rows: u64) -> u64 {
    let levels = u64::from(rows.max(1).ilog2()) + 1;
    rows * COMPARE_COST * levels / 2
}

/// Returns the estimated cost of finding the best of all matches.
fn top_cost(found: &Found, task: Task<'_>, first: Option<&Key>) -> u64 {
    let (matches, most) = (found.count().max(1), task.need.most);
    let cut = if matches > most {
        most * COMPARE_COST * 2
    } else {
        0
    };
    let row_cost = VISIT_COST + key_cost(task, first);
    list_cost(found) + matches * row_cost + cut + sort_cost(task.need.take)
}

/// Returns the estimated cost of finding the best of all matches by the zones of the first key.
///
/// As far as the zones tell, each block has its share of the matches, and those are spread evenly over
/// what the block has of the key. Then the best are in as many blocks as hold them, and in those that
/// overlap these.
fn zones_cost(found: &Found, task: Task<'_>, key: &Key) -> Option<u64> {
    let column = task.live.segment.column(key.slot)?;
    let overlap = column.zones_overlap()?;
    let all_blocks = (found.conjunction.block_indexes().len() as u64).max(1);
    let (matches, most) = (found.count().max(1), task.need.most);
    let filled = (most * all_blocks).div_ceil(matches);
    let blocks = (filled + overlap).min(all_blocks);
    let rows = (matches * blocks).div_ceil(all_blocks);
    let found_cost = match found.rows {
        Some(_) => 0,
        None => found.conjunction.bits_cost() * blocks / all_blocks,
    };
    let row_cost = VISIT_COST + key_cost(task, Some(key)) + COMPARE_COST;
    let cut = most.min(rows) * COMPARE_COST * blocks;
    let ordered = all_blocks * ZONE_ORDERED_COST;
    Some(found_cost + rows * row_cost + cut + ordered + sort_cost(task.need.take))
}

/// Returns the estimated cost of packing the keys of a row.
fn key_cost(task: Task<'_>, first: Option<&Key>) -> u64 {
    match first {
        None => 0,
        Some(key) if task.live.segment.text_column(key.slot).is_some() => TEXT_KEY_COST,
        Some(_) => {
            let rows_count = u64::from(task.live.segment.rows_count());
            let keys_count = task.order.keys.len() as u64;
            KEY_COST * keys_count * rows_count.max(CACHED_ROWS) / CACHED_ROWS
        }
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
        found.span(segment, key.slot)
    } else {
        0..segment.rows_count() as usize
    };
    let need = task.need;
    let even = |matches: u64| span.len() as u64 * matches / found.count().max(1);
    let is_spread = conjunction.is_class_range(key.slot, segment);
    // A sample mostly tells that a walk is longer, so one that is too long anyway needs none.
    let is_short = even(need.take) * ASKED_COST < top_cost(found, task, Some(&key));
    let sample = if has_order && !is_spread && is_short && is_worth_sampling(found, task, key) {
        found.sample(task.live, key)
    } else {
        None
    };
    let walked = |matches: u64| {
        sample.and_then(|it| it.walked(task.live, key, &span, (matches, even(matches))))
    };
    let (passed, (through, ties)) = match walked(need.skip + need.take) {
        Some(last) if need.skip > 0 => (walked(need.skip).map_or(0, |it| it.0), last),
        Some(last) => (0, last),
        None => (
            even(need.skip),
            (even(need.skip + need.take), rows / classes),
        ),
    };
    let mut visited = through.saturating_sub(passed);
    if !task.order.is_plain() {
        visited = visited.max(ties);
    }
    if sample.is_none() && span.len() as u64 == rows && conjunction.is_part(segment) {
        // Most fields nearly follow tid, so the rows of a tid range lie together and a walk
        // may pass all others first.
        visited = (visited * 16).max(rows / 4);
    }
    if conjunction.is_part(segment) && span.len() as u64 == rows {
        // Ties come by tid, so those before the range are passed first.
        visited += ties * u64::from(conjunction.rows().start) / rows.max(1);
    }
    let visited = visited + 1;
    if is_spread {
        return Some(visited * ASKED_COST);
    }
    let made = if conjunction.words(task.live).is_some() {
        0
    } else if found.rows.is_some() {
        rows / 64
    } else {
        conjunction.bits_cost()
    };
    let asked = conjunction.probes_cost(visited).min(made);
    let passed = match passed {
        _ if need.skip == 0 => 0,
        // Ties ascend by tid also where the key descends, so all of them are counted.
        positions if key.descends => made + (positions + ties) / COUNTED_POSITIONS,
        positions => made + positions / COUNTED_POSITIONS,
    };
    let bits = match conjunction.words(task.live) {
        Some(_) => 0,
        None if need.skip == 0 && !need.is_shared && found.rows.is_none() => 0,
        None => rows / CLEARED_ROWS,
    };
    Some(visited * ASKED_COST + asked + passed + bits)
}

/// Returns whether a better estimate may save more than a sample costs.
fn is_worth_sampling(found: &Found, task: Task<'_>, key: Key) -> bool {
    // Where one row in a few matches, no order keeps a walk from them for long.
    let is_sparse = found.count() * SPARSE < u64::from(task.live.segment.rows_count());
    is_sparse && top_cost(found, task, Some(&key)) > SAMPLE_COST * 4
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
    let last = need.skip + need.take;
    let even = (last * sets / matches, 1024);
    let sample = if is_worth_sampling(found, task, key) {
        found.sample(task.live, key)
    } else {
        None
    };
    let (passed, share) = sample.map_or(even, |it| it.classes_passed(sets, key, last));
    let passed = passed.min(sets - 1);
    let is_plain = task.order.is_plain();
    let in_group = if is_plain { need.take } else { matches / sets };
    // The last class is given as far as it is needed, if nothing has to be counted or sorted.
    let share = if is_plain && need.skip == 0 {
        share.max(1024 / blocks.max(1))
    } else if need.skip == 0 {
        1024
    } else {
        // Counted, then listed.
        2048
    };
    let pass = found.conjunction.bits_cost();
    Some(pass * passed + pass * share / 1024 + in_group * COMPARE_COST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Ticket};
    use crate::plan::tests::{find_all, give_first, live_of, order_by};

    /// Returns whether buckets serve a segment with a number of categories, the empty one too.
    fn is_for_buckets(categories_count: u64) -> bool {
        let ticket = |tid: u64| Ticket {
            tid,
            category: match tid % categories_count {
                0 => String::new(),
                other => other.to_string(),
            },
            ..Ticket::default()
        };
        let tickets: Vec<Ticket> = (1..=40_000).map(ticket).collect();
        let live = live_of(&tickets);
        let found = find_all(&live);
        let order = order_by(Field::Category);
        let task = give_first(&live, &order, 50);
        let sets = live.segment.posting_sets(Field::Category).unwrap();
        assert_eq!(sets.len() as u64, categories_count);
        cost(Strategy::Bucket, &found, task).is_some()
    }

    #[test]
    fn buckets_are_for_few_values() {
        assert!(is_for_buckets(BUCKETS_MAX - 1));
        assert!(is_for_buckets(BUCKETS_MAX));
        assert!(!is_for_buckets(BUCKETS_MAX + 1));
    }
}
