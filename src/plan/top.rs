//! Top-k: the best of all matches, through a bounded buffer.
//!
//! Where the first key has zones, blocks are taken by the best value that each can have, and the search
//! ends once the last row of the buffer beats whatever the next block can have. Of an order that nearly
//! follows tid, as orders by dates mostly do, the best rows are in a few blocks.
//!
//! # Cost
//!
//! Top-k costs all matches. By zones it costs the matches of the blocks that are looked into, and some
//! nanoseconds for each other block.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

use smallvec::SmallVec;

use super::cost::{
    CACHED_ROWS, COMPARE_COST, KEY_COST, TEXT_KEY_COST, VISIT_COST, ZONE_ORDERED_COST, sort_cost,
};
use super::explain::Work;
use super::found::Found;
use super::keys::{KeyedRow, RowKeys, room};
use super::order::Key;
use super::place::PackedPlace;
use super::task::Task;
use crate::segment::{BLOCK_ROWS, SlotColumn, for_each_row};

/// Rows wait until there are this many, and are then looked at together.
const WAITING_ROWS: usize = 32;

/// The best rows so far, and perhaps some more.
struct Best<'a> {
    keys: RowKeys<'a>,
    rows: Vec<KeyedRow>,
    /// Rows that were taken and not yet looked at.
    waiting: SmallVec<[u32; WAITING_ROWS]>,
    /// The rows that are asked for.
    needed: usize,
    /// What the last of the rows asked for packs to, once there are enough. Only rows that pack to no more
    /// can still enter. Those that tie with it stay: their other keys are looked at once, at the end.
    worst: Option<u64>,
    /// The place after which rows are taken.
    place: Option<PackedPlace<'a>>,
    /// The rows at which the buffer is cut.
    room: usize,
    touched: u64,
}

impl<'a> Best<'a> {
    /// Starts without rows; about `rows_count` are going to be taken.
    fn new(task: Task<'a>, rows_count: u64) -> Best<'a> {
        let needed = usize::try_from(task.need.most).unwrap_or(usize::MAX);
        let keys = RowKeys::new(&task.live.segment, task.order);
        keys.expect(rows_count);
        Best {
            place: place_of(task, &keys),
            keys,
            rows: Vec::new(),
            waiting: SmallVec::new(),
            needed,
            worst: None,
            room: room(needed, 0),
            touched: 0,
        }
    }

    /// Takes a row.
    fn push(&mut self, row: u32) {
        self.waiting.push(row);
        if self.waiting.len() == WAITING_ROWS {
            self.look();
        }
    }

    /// Looks at the rows that wait.
    fn look(&mut self) {
        self.keys.touch(&self.waiting);
        self.touched += self.waiting.len() as u64;
        for row in std::mem::take(&mut self.waiting) {
            self.look_at(row);
        }
    }

    /// Keeps a row, unless as many others are better as are asked for.
    fn look_at(&mut self, row: u32) {
        let packed = self.keys.packed(row);
        if self.worst.is_some_and(|worst| packed > worst)
            || !is_after(self.place.as_ref(), (packed, row))
        {
            return;
        }
        self.rows.push((packed, row));
        if self.rows.len() >= self.room {
            self.cut();
        }
    }

    /// Drops what is not among the best, but not where many rows tie with the last of these: a cut looks at
    /// all of them and drops few.
    fn cut_few(&mut self) {
        if self.worst.is_none() || self.rows.len() <= self.needed + BLOCK_ROWS as usize {
            self.cut();
        }
    }

    /// Drops what is not among the best.
    fn cut(&mut self) {
        if self.needed == 0 || self.rows.len() < self.needed {
            return;
        }
        self.worst = self.keys.cut(&mut self.rows, self.needed);
        self.room = room(self.needed, self.rows.len());
    }

    /// Returns the best of all rows taken, and perhaps some more.
    fn finish(mut self, work: &mut Work) -> Vec<KeyedRow> {
        self.look();
        work.rows_touched += self.touched;
        self.rows
    }
}

/// Returns the best of all matches, and perhaps some more.
pub(super) fn top_rows(found: &Found, task: Task<'_>, work: &mut Work) -> Vec<KeyedRow> {
    let mut best = Best::new(task, found.count());
    found.for_each(task.live, work, |row| best.push(row));
    best.finish(work)
}

/// Returns all matches, in no order.
pub(super) fn all_rows(found: &Found, task: Task<'_>, work: &mut Work) -> Vec<KeyedRow> {
    let keys = RowKeys::new(&task.live.segment, task.order);
    keys.expect(found.count());
    let place = place_of(task, &keys);
    let mut keyed = Vec::with_capacity(usize::try_from(found.count()).unwrap_or(0));
    found.for_each(task.live, work, |row| {
        let row = (keys.packed(row), row);
        if is_after(place.as_ref(), row) {
            keyed.push(row);
        }
    });
    work.rows_touched += found.count();
    keyed
}

/// Returns the best of all matches, and perhaps some more, by the zones of the first key.
pub(super) fn zone_rows(found: &Found, task: Task<'_>, key: Key, work: &mut Work) -> Vec<KeyedRow> {
    let mut best = Best::new(task, 0);
    let Some(column) = task.live.segment.column(key.slot) else {
        return top_rows(found, task, work);
    };
    let blocks = found.conjunction.block_indexes().filter_map(|index| {
        // Where there are no zones every block can have the best.
        let Some(classes) = column.zone_classes(index..index + 1) else {
            return Some(Reverse((0, index)));
        };
        let (first, last) = if key.descends {
            (classes.end - 1, classes.start)
        } else {
            (classes.start, classes.end - 1)
        };
        let start = *best.keys.packed_of_class(first).start();
        let end = *best.keys.packed_of_class(last).end();
        Some(Reverse((
            least_after(best.place.as_ref(), &(start..=end))?,
            index,
        )))
    });
    let mut blocks: BinaryHeap<_> = blocks.collect();
    while let Some(Reverse((first, index))) = blocks.pop() {
        best.look();
        best.cut_few();
        if best.worst.is_some_and(|worst| worst < first) {
            break;
        }
        if let Some(rows) = &found.rows {
            let start = rows.partition_point(|&row| row / BLOCK_ROWS < index);
            let rows = rows[start..].iter();
            for &row in rows.take_while(|&&row| row / BLOCK_ROWS == index) {
                best.push(row);
            }
        } else {
            let block = found.scope(task.live).block(index, work);
            for_each_row(&block, index, |row| best.push(row));
        }
    }
    best.finish(work)
}

/// Returns the place after which rows are asked for, as the keys pack it.
fn place_of<'a>(task: Task<'a>, keys: &RowKeys<'_>) -> Option<PackedPlace<'a>> {
    let place = task.place?;
    Some(PackedPlace::new(
        place,
        &task.live.segment,
        task.order,
        keys,
    ))
}

fn is_after(place: Option<&PackedPlace<'_>>, row: KeyedRow) -> bool {
    place.is_none_or(|place| place.compare(row) == Ordering::Greater)
}

/// Returns the least that a row after a place packs to, of those that pack to a range; none where
/// no row of the range is after it.
fn least_after(place: Option<&PackedPlace<'_>>, packed: &RangeInclusive<u64>) -> Option<u64> {
    match place {
        Some(place) => place.least_after(packed),
        None => Some(*packed.start()),
    }
}

/// Returns the estimated cost of finding the best of all matches.
pub(super) fn top_cost(found: &Found, task: Task<'_>, first: Option<&Key>) -> u64 {
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
pub(super) fn zones_cost(found: &Found, task: Task<'_>, key: Key) -> Option<u64> {
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
    let row_cost = VISIT_COST + key_cost(task, Some(&key)) + COMPARE_COST;
    let cut = most.min(rows) * COMPARE_COST * blocks;
    let ordered = all_blocks * ZONE_ORDERED_COST;
    Some(found_cost + rows * row_cost + cut + ordered + sort_cost(task.need.take))
}

/// Returns the estimated cost of sorting all matches.
pub(super) fn sort_all_cost(found: &Found, task: Task<'_>, first: Option<&Key>) -> u64 {
    let row_cost = VISIT_COST + key_cost(task, first) + COMPARE_COST;
    list_cost(found) + found.count().max(1) * row_cost + sort_cost(task.need.take)
}

/// Returns the estimated cost of listing the matches.
fn list_cost(found: &Found) -> u64 {
    match found.rows {
        Some(_) => 0,
        None => found.conjunction.cost(),
    }
}

/// Returns whether a key is a long text whose first bytes have to be read where it is.
fn is_read(task: Task<'_>, key: Key) -> bool {
    match task.live.segment.slot_column(key.slot) {
        SlotColumn::Long(column) => !column.has_leads(),
        SlotColumn::Ordinals(_) | SlotColumn::Absent => false,
    }
}

/// Returns the estimated cost of packing the keys of a row.
fn key_cost(task: Task<'_>, first: Option<&Key>) -> u64 {
    match first {
        None => 0,
        Some(key) if is_read(task, *key) => TEXT_KEY_COST,
        Some(_) => {
            let rows_count = u64::from(task.live.segment.rows_count());
            let keys_count = task.order.keys.len() as u64;
            KEY_COST * keys_count * rows_count.max(CACHED_ROWS) / CACHED_ROWS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::seconds_to_date;
    use crate::model::{Field, Ticket};
    use crate::plan::order::Order;
    use crate::plan::tests::{find_all, give_first, live_of, order_by};

    #[test]
    fn the_best_rows_are_found_in_a_bounded_buffer() {
        const ROWS_COUNT: u64 = 5_000;
        let ticket = |tid: u64| Ticket {
            tid,
            // Each once, in no order.
            cid: format!("{:04}", tid * 2_347 % ROWS_COUNT),
            ..Ticket::default()
        };
        let tickets: Vec<Ticket> = (1..=ROWS_COUNT).map(ticket).collect();
        let live = live_of(&tickets);
        let found = find_all(&live);
        let order = order_by(Field::Cid);
        for most in [1, 31, 32, 33, 100] {
            let task = give_first(&live, &order, most);
            let mut rows = top_rows(&found, task, &mut Work::default());
            assert!(
                rows.len() < 64.max(2 * most as usize),
                "{} rows",
                rows.len()
            );
            rows.sort_unstable();
            let cids = rows.iter().map(|(_, row)| &*tickets[*row as usize].cid);
            let expected: Vec<String> = (0..most).map(|at| format!("{at:04}")).collect();
            assert_eq!(cids.take(most as usize).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn blocks_that_cannot_have_the_best_are_not_looked_at() {
        const ROWS_COUNT: u64 = 10 * 4096;
        // Dates follow tids but for a day or so, and every fourth ticket has none.
        let ticket = |tid: u64| Ticket {
            tid,
            status: ["Open", "Closed"][tid as usize % 2].to_owned(),
            date_opened: (tid % 4 != 1).then(|| seconds_to_date(tid * 60 + tid * 7919 % 86_400)),
            ..Ticket::default()
        };
        let tickets: Vec<Ticket> = (1..=ROWS_COUNT).map(ticket).collect();
        let live = live_of(&tickets);
        let found = find_all(&live);
        for descends in [false, true] {
            let mut order: Order = order_by(Field::DateOpened);
            let key = Key {
                descends,
                ..order.keys[0]
            };
            order.keys = [key].into();
            let task = give_first(&live, &order, 50);
            let mut work = Work::default();
            let mut zones = zone_rows(&found, task, key, &mut work);
            let mut all = top_rows(&found, task, &mut Work::default());
            zones.sort_unstable();
            all.sort_unstable();
            assert_eq!(zones[..50], all[..50]);
            // None comes first ascending, and every block has some.
            assert_eq!(work.blocks, if descends { 1 } else { 10 });
        }
    }
}
