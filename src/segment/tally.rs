//! How many rows have each ordinal of a column.
//!
//! A [`Tally`] is handed rows, some thousand at a time, and counts how often each ordinal occurs, or
//! each day in a column of dates. Where few ordinals are possible it has a counter for each. Where they
//! are far more than the rows to count, it lists those that occur and sorts them in the end, so that
//! counting a handful of rows never costs as much as the whole segment.
//!
//! The counts of all rows of a segment never change, so they are kept: see [`KeptCounts`].
//!
//! # Cost
//!
//! A step for each row, and a counter for each ordinal or a sort of the rows.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::block::BLOCK_ROWS;
use super::budget::Budget;
use super::column::Column;
use super::rowset::RowSet;
use super::{Segment, Slot};
use crate::model::date_part::day_of;
use crate::model::memory::{ARC_BYTES, table_bytes};

/// The most counters for each row that is counted, in addition to [`COUNTERS_FREE`].
const COUNTERS_A_ROW: u64 = 8;
const COUNTERS_FREE: u64 = 1024;

/// The counts of all rows are kept if there is at most one ordinal for this many rows.
const KEPT_ROWS_AN_ORDINAL: u32 = 2;

/// Something with the count of its occurrences.
pub(crate) type Counted<T> = (T, u64);

/// What of a column is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Each ordinal; 0 is none.
    Ordinal,
    /// Each day of a column of dates, as one more than the number of the day; 0 is none.
    Day,
}

/// Rows by unit, being counted.
pub(crate) struct Tally<'a> {
    column: &'a Column,
    unit: Unit,
    counters: Counters,
    /// The ordinals of the rows that are being counted, to use the memory again.
    ordinals: Vec<u64>,
}

enum Counters {
    /// A counter for none, then one for each unit from `least` on.
    Each { least: u64, counts: Vec<u32> },
    /// The unit of each row.
    Listed(Vec<u64>),
}

impl<'a> Tally<'a> {
    /// Starts to count about `rows_count` rows of a column.
    pub(crate) fn new(column: &'a Column, unit: Unit, rows_count: u64) -> Tally<'a> {
        let (least, units_count) = match unit {
            Unit::Ordinal => (1, column.ordinals_count()),
            Unit::Day => column.numbers().map_or((1, 1), |numbers| {
                let days = day_of(*numbers.start())..=day_of(*numbers.end());
                (days.start() + 1, days.end() - days.start() + 2)
            }),
        };
        let is_few = units_count <= COUNTERS_FREE + rows_count.saturating_mul(COUNTERS_A_ROW);
        let counters = if is_few {
            let counts = vec![0; units_count as usize];
            Counters::Each { least, counts }
        } else {
            Counters::Listed(Vec::with_capacity(rows_count as usize))
        };
        Tally {
            column,
            unit,
            counters,
            ordinals: Vec::new(),
        }
    }

    /// Counts some rows, at most a block of them.
    pub(crate) fn add(&mut self, rows: &[u32]) {
        if let (Unit::Ordinal, Counters::Each { counts, .. }) = (self.unit, &mut self.counters) {
            return self.column.tally(rows, counts);
        }
        let mut ordinals = std::mem::take(&mut self.ordinals);
        ordinals.resize(rows.len(), 0);
        self.column.gather_ordinals(rows, &mut ordinals);
        self.add_ordinals(&mut ordinals);
        self.ordinals = ordinals;
    }

    /// Counts the rows of a range.
    pub(crate) fn add_range(&mut self, rows: Range<u32>) {
        if let (Unit::Ordinal, Counters::Each { counts, .. }) = (self.unit, &mut self.counters) {
            return self.column.tally_range(rows, counts);
        }
        let mut ordinals = std::mem::take(&mut self.ordinals);
        for start in rows.clone().step_by(BLOCK_ROWS as usize) {
            ordinals.clear();
            let end = rows.end.min(start.saturating_add(BLOCK_ROWS));
            self.column.append_ordinals_to(start..end, &mut ordinals);
            self.add_ordinals(&mut ordinals);
        }
    }

    fn add_ordinals(&mut self, ordinals: &mut [u64]) {
        if self.unit == Unit::Day {
            for ordinal in &mut *ordinals {
                let second = self.column.number_of(*ordinal);
                *ordinal = second.map_or(0, |second| day_of(second) + 1);
            }
        }
        match &mut self.counters {
            Counters::Each { least, counts } => {
                for &unit in &*ordinals {
                    let at = unit.saturating_sub(*least - 1);
                    counts[at as usize] += 1;
                }
            }
            Counters::Listed(units) => units.extend_from_slice(ordinals),
        }
    }

    /// Returns the units that occurred, ascending, with the count of each.
    pub(crate) fn finish(self) -> Vec<Counted<u64>> {
        match self.counters {
            Counters::Each { least, counts } => {
                let unit = |at: u64| if at == 0 { 0 } else { at + least - 1 };
                let came = (0..).zip(counts).filter(|&(_, count)| count > 0);
                came.map(|(at, count)| (unit(at), u64::from(count)))
                    .collect()
            }
            Counters::Listed(mut units) => {
                units.sort_unstable();
                let same = units.chunk_by(|a, b| a == b);
                same.map(|same| (same[0], same.len() as u64)).collect()
            }
        }
    }
}

/// Adds up counts of ordinals, which ascend, by class; returns the least ordinal of each class.
pub(crate) fn by_class(column: &Column, counted: Vec<Counted<u64>>) -> Vec<Counted<u64>> {
    if column.has_class_each() {
        return counted;
    }
    let mut classes: Vec<Counted<u64>> = Vec::with_capacity(counted.len());
    let mut last_class = None;
    for (ordinal, count) in counted {
        let class = column.class_of(ordinal);
        match classes.last_mut() {
            Some((_, sum)) if last_class == Some(class) => *sum += count,
            _ => classes.push((ordinal, count)),
        }
        last_class = Some(class);
    }
    classes
}

/// How many rows of a segment have each ordinal, by the column's slot.
///
/// They are made when tickets are first counted by a field without a filter, and kept within the
/// store's budget.
#[derive(Debug, Default)]
pub(super) struct KeptCounts {
    /// None until the first is made: most segments are small, and few are counted by.
    kept: ArcSwapOption<Table>,
}

type Table = HashMap<Slot, Arc<[u32]>>;

const ENTRY_BYTES: usize = size_of::<(Slot, Arc<[u32]>)>();

impl KeptCounts {
    fn get(&self, slot: Slot) -> Option<Arc<[u32]>> {
        let kept = self.kept.load();
        kept.as_ref()?.get(&slot).map(Arc::clone)
    }

    /// Keeps the counts of a slot, if there is room. Cost: a copy of the table.
    fn insert(&self, slot: Slot, counts: &Arc<[u32]>, budget: &Budget) {
        loop {
            let kept = self.kept.load_full();
            let own = kept.iter().flat_map(|table| table.iter());
            if own.clone().any(|(own, _)| *own == slot) {
                return;
            }
            let mut next = Table::with_capacity(own.clone().count() + 1);
            next.extend(own.map(|(&slot, counts)| (slot, Arc::clone(counts))));
            next.insert(slot, Arc::clone(counts));
            let more = heap_bytes(&next).saturating_sub(kept.as_deref().map_or(0, heap_bytes));
            let Some(reservation) = budget.reserve(more) else {
                return;
            };
            // Room was asked for beside this table, so no other may be replaced.
            let replaced = self.kept.compare_and_swap(&kept, Some(Arc::new(next)));
            if replaced.as_ref().map(Arc::as_ptr) == kept.as_ref().map(Arc::as_ptr) {
                reservation.keep();
                return;
            }
        }
    }

    /// Drops what is kept.
    pub(super) fn clear(&self) {
        self.kept.store(None);
    }

    /// Returns the heap bytes of what is kept.
    pub(super) fn bytes(&self) -> usize {
        self.kept.load().as_deref().map_or(0, heap_bytes)
    }
}

fn heap_bytes(kept: &Table) -> usize {
    let counts = kept.values();
    let counts = counts.map(|counts| ARC_BYTES + size_of_val::<[u32]>(counts));
    let frame = ARC_BYTES + size_of::<Table>();
    frame + counts.sum::<usize>() + table_bytes(kept.capacity(), ENTRY_BYTES)
}

impl Segment {
    /// Returns how many rows, dead ones included, have each ordinal of a slot's column; none where there
    /// are too many ordinals for that to be cheaper than counting rows.
    ///
    /// Cost: a pass over the ordinals, unless each has a set of rows or the counts are kept. They are kept
    /// for the next call if the caller wishes it and there is room.
    pub(crate) fn ordinal_counts(&self, slot: Slot, keeps: bool) -> Option<Arc<[u32]>> {
        let column = self.column(slot)?;
        let ordinals_max = u64::from(self.rows_count / KEPT_ROWS_AN_ORDINAL).max(COUNTERS_FREE);
        if column.ordinals_count() > ordinals_max {
            return None;
        }
        if let Some(counts) = self.findings.counts.get(slot).filter(|_| keeps) {
            return Some(counts);
        }
        if let Some(sets) = self.postings_by_ordinal(slot, column) {
            // Reading these is as fast as reading kept counts.
            return Some(sets.iter().map(RowSet::count).collect());
        }
        let mut counts = vec![0; column.ordinals_count() as usize];
        column.tally_range(0..self.rows_count, &mut counts);
        let counts: Arc<[u32]> = counts.into();
        if keeps {
            self.findings.counts.insert(slot, &counts, &self.budget);
        }
        Some(counts)
    }

    /// Returns the set of the rows of each ordinal, where a slot has them.
    fn postings_by_ordinal(&self, slot: Slot, column: &Column) -> Option<&[RowSet]> {
        match slot {
            Slot::Field(field) if column.has_class_each() => self.posting_sets(field),
            _ => None,
        }
    }

    /// Returns the heap bytes of the kept counts of rows by ordinal, and of the dead ones.
    pub(crate) fn counts_bytes(&self) -> usize {
        self.findings.counts.bytes() + self.findings.dead_counts.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let number = |row: u64| match row % 5 {
            0 => None,
            n => Some(n * 40_000 + row),
        };
        let dense = (0..6_000).map(number).collect::<Vec<_>>();
        let sparse: Vec<_> = (0..6_000)
            .map(|row| (row % 9 == 1).then_some(row))
            .collect();
        let rare: Vec<_> = (0..6_000)
            .map(|row| (row % 999 == 7).then_some(86_400))
            .collect();
        let wide: Vec<_> = (0..6_000).map(|row| Some(row << 40)).collect();
        let all = [
            dense,
            sparse,
            rare,
            wide,
            vec![None; 6_000],
            vec![Some(7); 6_000],
        ];
        all.iter().map(|it| Column::of_numbers(it, false)).collect()
    }

    #[test]
    fn rows_are_counted_as_they_are_one_by_one() {
        for column in columns() {
            for unit in [Unit::Ordinal, Unit::Day] {
                for rows in [0..6_000, 100..101, 64..4_200, 0..0, 5_000..5_500] {
                    let mut expected = std::collections::BTreeMap::new();
                    for row in rows.clone() {
                        let ordinal = column.ordinal(row);
                        let day = column.number(row).map_or(0, |it| day_of(it) + 1);
                        let own = if unit == Unit::Day { day } else { ordinal };
                        *expected.entry(own).or_insert(0) += 1;
                    }
                    let expected: Vec<Counted<u64>> = expected.into_iter().collect();
                    for expected_rows in [0, rows.len() as u64] {
                        let mut by_range = Tally::new(&column, unit, expected_rows);
                        by_range.add_range(rows.clone());
                        assert_eq!(by_range.finish(), expected);
                        let mut by_rows = Tally::new(&column, unit, expected_rows);
                        let listed: Vec<u32> = rows.clone().collect();
                        listed.chunks(4_096).for_each(|rows| by_rows.add(rows));
                        assert_eq!(by_rows.finish(), expected);
                    }
                }
            }
        }
    }
}
