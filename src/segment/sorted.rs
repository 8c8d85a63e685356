//! Rows by key: a range is a slice, an order is a walk.
//!
//! A [`SortedRows`] has a segment's rows in the order of one column, equal keys by row. It is made at
//! seal for cid and open date, which requests range over, and on first use for any other field that is
//! ordered by.
//!
//! # Invariants
//!
//! * Rows ascend by (class, row); since rows ascend by tid, ties ascend by tid.
//!
//! # Cost
//!
//! Building is a sort: by counting where classes are few, by comparison elsewhere. Memory is 4 bytes a
//! row, and 4 bytes a class where classes are few.

use std::cmp::Ordering;
#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;
use std::sync::atomic::{self, AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use super::budget::Budget;
use super::column::Column;
use super::dead_positions::{DeadPositions, PlacedRows};
use super::insertion::Moves;
use super::kept_text::KeptText;
use super::leads::Leads;
use super::marks::{Marks, Tombstones};
use super::slot_column::SlotColumn;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use super::text_column::TextColumn;
use super::text_rows::sort_rows;
use super::words::MOVE_DROPPED;

/// How many ties are stepped over one by one before their end is found by a search.
const TIES_STEPPED_MAX: usize = 8;

/// The class at every position that is a multiple of this is kept beside the rows. The samples of a
/// million rows take 31 KB, which stay in cache, so that a search waits for memory 16 times, not 40.
const SAMPLED_ROWS: usize = 256;

/// How many rows a pass over the order looks at in the time in which a search finds the position of one.
const ROWS_A_SEARCH: usize = 128;

/// The same where the order is by a long text, so that a search compares texts; and a row more for each byte of a
/// text, as it may have to be unpacked.
const ROWS_A_TEXT_SEARCH: usize = 1024;

/// The most searches that a commit makes in an order by a long text. One takes some microseconds.
const COMMIT_TEXT_SEARCHES_MAX: usize = 16;

/// In small segments up to this many positions are searched for, though a pass may be faster.
const SEARCHES_MIN: usize = 1024;

/// An order that is made on first use and kept.
#[derive(Debug, Default)]
pub(super) struct LazyRows {
    sorted: OnceLock<SortedRows>,
    /// Whether a reader has reserved room for it.
    is_claimed: AtomicBool,
    /// The nanoseconds that requests would have saved with it so far.
    missed: AtomicU64,
}

impl LazyRows {
    /// Returns the order, if it was made.
    pub(crate) fn get(&self) -> Option<&SortedRows> {
        self.sorted.get()
    }

    /// Makes the order, unless it is there.
    pub(crate) fn make(&self, make: impl FnOnce() -> SortedRows) {
        self.sorted.get_or_init(make);
    }

    /// Returns whether this call is the first that says it has room for the order.
    pub(crate) fn claim(&self) -> bool {
        !self.is_claimed.swap(true, atomic::Ordering::SeqCst)
    }

    /// Returns how many nanoseconds requests would have saved by the order so far.
    pub(crate) fn missed(&self) -> u64 {
        // A reader may see a little less; then the order is made a little later.
        self.missed.load(atomic::Ordering::Relaxed)
    }

    /// Adds to what requests would have saved by the order.
    pub(super) fn miss(&self, nanoseconds: u64) {
        self.missed
            .fetch_add(nanoseconds, atomic::Ordering::Relaxed);
    }
}

/// The rows of a segment in the order of one column.
#[derive(Debug)]
pub(crate) struct SortedRows {
    rows: Box<[u32]>,
    /// The position at which each class starts, then the end; only where classes are few.
    starts: Option<Box<[u32]>>,
    /// Where classes are many: the class at every 256th position.
    samples: Box<[u64]>,
    /// Where the column is one of long texts, which have no classes: the bit of a position is set if its
    /// text folds as the one before.
    ties: Option<Box<[u64]>>,
    /// The positions of dead rows as of the snapshot that asked last.
    dead: DeadPositions,
}

impl SortedRows {
    /// Sorts the rows by a column's classes.
    pub(crate) fn by_class(column: &Column) -> SortedRows {
        let rows_count = column.rows_count();
        if has_few_classes(column) {
            return SortedRows::by_counting(column, column.classes_count() as usize);
        }
        let rows: Vec<u32> = if column.classes_count() <= 1 << 32 {
            // Class and row in one integer sort faster than pairs.
            let mut keys: Vec<u64> = (0..rows_count)
                .map(|row| column.class(row) << 32 | u64::from(row))
                .collect();
            keys.sort_unstable();
            keys.into_iter().map(|key| key as u32).collect()
        } else {
            // The classes stand beside the rows, as a look at a row's class waits for memory.
            let keys = (0..rows_count).map(|row| (column.class(row), row));
            let mut keys: Vec<(u64, u32)> = keys.collect();
            keys.sort_unstable();
            keys.into_iter().map(|(_, row)| row).collect()
        };
        let sampled = rows.iter().step_by(SAMPLED_ROWS);
        SortedRows {
            samples: sampled.map(|&row| column.class(row)).collect(),
            ..SortedRows::of_rows(rows)
        }
    }

    /// Sorts the rows by a column's classes, given all rows in an order that is sorted in long runs.
    ///
    /// Cost: linear where the runs are few.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "a stable sort merges runs, where the other looks at one alone"
    )]
    pub(super) fn by_class_of_runs(column: &Column, rows: &[u32]) -> SortedRows {
        if has_few_classes(column) || column.classes_count() > 1 << 32 {
            return SortedRows::by_class(column);
        }
        let key = |&row: &u32| column.class(row) << 32 | u64::from(row);
        let mut keys: Vec<u64> = rows.iter().map(key).collect();
        keys.sort();
        let sampled = keys.iter().step_by(SAMPLED_ROWS);
        SortedRows {
            samples: sampled.map(|key| key >> 32).collect(),
            ..SortedRows::of_rows(keys.into_iter().map(|key| key as u32).collect())
        }
    }

    /// Returns this order without the rows that go and with those that come, as `moves` says; `column` has
    /// the same values as the column that this order was made by. None where classes are few.
    ///
    /// Cost: a step for each row that stays, and for each that comes a search and a move of the rows
    /// after it.
    pub(super) fn with_rows(&self, column: &Column, moves: &Moves) -> Option<SortedRows> {
        if has_few_classes(column) {
            return None;
        }
        let kept = self.rows.iter().map(|&row| moves.kept[row as usize]);
        let mut rows = Vec::with_capacity(column.rows_count() as usize);
        rows.extend(kept.filter(|&to| to != MOVE_DROPPED));
        for &row in &moves.inserted {
            let key = (column.class(row), row);
            let place = rows.partition_point(|&other| (column.class(other), other) < key);
            rows.insert(place, row);
        }
        let sampled = rows.iter().step_by(SAMPLED_ROWS);
        Some(SortedRows {
            samples: sampled.map(|&row| column.class(row)).collect(),
            ..SortedRows::of_rows(rows)
        })
    }

    /// Makes an order of rows, without what finds classes and ties in it.
    fn of_rows(rows: Vec<u32>) -> SortedRows {
        SortedRows {
            rows: rows.into(),
            starts: None,
            samples: Box::default(),
            ties: None,
            dead: DeadPositions::default(),
        }
    }

    fn by_counting(column: &Column, classes_count: usize) -> SortedRows {
        let mut starts = vec![0u32; classes_count + 1];
        for row in 0..column.rows_count() {
            starts[column.class(row) as usize + 1] += 1;
        }
        for class in 0..classes_count {
            starts[class + 1] += starts[class];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; column.rows_count() as usize];
        for row in 0..column.rows_count() {
            let at = &mut next[column.class(row) as usize];
            rows[*at as usize] = row;
            *at += 1;
        }
        SortedRows {
            starts: Some(starts.into()),
            ..SortedRows::of_rows(rows)
        }
    }

    /// Sorts the rows by their folded texts.
    ///
    /// Cost: linear in the rows and in the bytes that texts share with others. Building takes at most as
    /// much memory again as the order.
    pub(super) fn by_text(column: &TextColumn, rows_count: u32) -> SortedRows {
        let rows = sort_rows(column, rows_count);
        let mut ties = vec![0u64; rows.len().div_ceil(64)];
        let mut before = None;
        for (at, &row) in rows.iter().enumerate() {
            let text = column.kept(row);
            let is_tie = |before: KeptText<'_>| before.cmp_folded(&text) == Ordering::Equal;
            if before.is_some_and(is_tie) {
                ties[at / 64] |= 1 << (at % 64);
            }
            before = Some(text);
        }
        SortedRows {
            ties: Some(ties.into()),
            ..SortedRows::of_rows(rows)
        }
    }

    /// Returns the heap bytes that the rows of a column, sorted, will take.
    pub(super) fn bytes_by_class(column: &Column) -> usize {
        let rows_count = column.rows_count() as usize;
        let found_by = if has_few_classes(column) {
            (column.classes_count() as usize + 1) * 4
        } else {
            rows_count.div_ceil(SAMPLED_ROWS) * 8
        };
        rows_count * 4 + found_by
    }

    /// Returns the heap bytes that rows, sorted by text, will take.
    pub(super) fn bytes_by_text(rows_count: u32) -> usize {
        rows_count as usize * 4 + (rows_count as usize).div_ceil(64) * 8
    }

    /// Returns the rows in order.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the positions of the rows whose class is in a range.
    pub(crate) fn positions(&self, column: &Column, classes: &Range<u64>) -> Range<usize> {
        let position = |class: u64| {
            if let Some(starts) = &self.starts {
                return starts[(class as usize).min(starts.len() - 1)] as usize;
            }
            let near = self.near(&(class..class));
            let is_before = |&row: &u32| column.class(row) < class;
            near.start + self.rows[near].partition_point(is_before)
        };
        let start = position(classes.start);
        start..position(classes.end).max(start)
    }

    /// Returns a range of positions, found by the samples, in which some classes start and end.
    fn near(&self, classes: &Range<u64>) -> Range<usize> {
        let first = self.samples.partition_point(|&own| own < classes.start);
        let past = self.samples.partition_point(|&own| own < classes.end);
        let start = first.saturating_sub(1) * SAMPLED_ROWS;
        start..(past * SAMPLED_ROWS).min(self.rows.len())
    }

    /// Returns whether the row at a position has the key of the one before it.
    ///
    /// `column` is the column sorted by, where it is one of ordinals.
    pub(super) fn is_tie(&self, column: Option<&Column>, position: usize) -> bool {
        if position == 0 {
            return false;
        }
        match (&self.ties, column) {
            (Some(ties), _) => ties[position / 64] >> (position % 64) & 1 == 1,
            (None, Some(column)) => {
                column.class(self.rows[position - 1]) == column.class(self.rows[position])
            }
            (None, None) => true,
        }
    }

    /// Returns the first position of the ties that a position belongs to.
    ///
    /// Cost: constant where few rows tie or classes are few, else a binary search; in an order by a long
    /// text, a step for each tie.
    pub(crate) fn group_start(&self, column: Option<&Column>, position: usize) -> usize {
        let mut start = position;
        while self.is_tie(column, start) {
            start -= 1;
            if let (Some(column), true) = (column, position - start == TIES_STEPPED_MAX) {
                let class = column.class(self.rows[position]);
                return self.positions(column, &(class..class + 1)).start;
            }
        }
        start
    }

    /// Returns the position past the ties that a position belongs to.
    ///
    /// Cost: that of [`group_start`](SortedRows::group_start).
    pub(crate) fn group_end(&self, column: Option<&Column>, position: usize) -> usize {
        let mut end = position + 1;
        while end < self.rows.len() && self.is_tie(column, end) {
            end += 1;
            if let (Some(column), true) = (column, end - position == TIES_STEPPED_MAX) {
                let class = column.class(self.rows[position]);
                return self.positions(column, &(class..class + 1)).end;
            }
        }
        end
    }

    /// Returns the positions of the rows that are marked in `dead`.
    ///
    /// `column` is the column sorted by. The positions are kept for the next call; see
    /// [`DeadPositions::get`].
    pub(super) fn dead_positions(
        &self,
        column: SlotColumn<'_>,
        dead: &Arc<Tombstones>,
        budget: &Budget,
    ) -> Arc<Marks> {
        self.dead.get(&self.placed(column), dead, budget)
    }

    /// Brings the kept positions of dead rows up to the tombstones that a commit is about to publish;
    /// see [`DeadPositions::carry`].
    pub(super) fn carry_dead_positions(
        &self,
        column: SlotColumn<'_>,
        dead: &Arc<Tombstones>,
        budget: &Budget,
    ) {
        self.dead.carry(&self.placed(column), dead, budget);
    }

    /// Returns the heap bytes of the positions of dead rows that are kept.
    pub(super) fn dead_bytes(&self) -> usize {
        self.dead.bytes()
    }

    /// Drops the positions of dead rows that are kept.
    pub(super) fn drop_dead_positions(&self) {
        self.dead.clear();
    }

    fn placed<'a>(&'a self, column: SlotColumn<'a>) -> PlacedRows<'a, impl Fn(u32) -> usize> {
        let rows_count = self.rows.len();
        let (searches_max, commit_searches_max) = match column {
            SlotColumn::Long(column) => {
                let text_bytes = column.bytes() / rows_count.max(1);
                let searches_max = rows_count / (ROWS_A_TEXT_SEARCH + text_bytes);
                (
                    searches_max,
                    Some(searches_max.min(COMMIT_TEXT_SEARCHES_MAX)),
                )
            }
            SlotColumn::Ordinals(_) | SlotColumn::Absent => {
                ((rows_count / ROWS_A_SEARCH).max(SEARCHES_MIN), None)
            }
        };
        PlacedRows {
            rows: &self.rows,
            position_of: move |row| match column {
                SlotColumn::Ordinals(column) => self.position_of(column, row),
                SlotColumn::Long(column) => self.position_by_text(column, row),
                // All rows tie.
                SlotColumn::Absent => row as usize,
            },
            searches_max,
            commit_searches_max,
        }
    }

    /// Returns the position of a row.
    fn position_of(&self, column: &Column, row: u32) -> usize {
        let class = column.class(row);
        if self.starts.is_none() {
            // One search instead of three: for both ends of the ties, and among them.
            let near = self.near(&(class..class + 1));
            let is_before = |&other: &u32| (column.class(other), other) < (class, row);
            return near.start + self.rows[near].partition_point(is_before);
        }
        let ties = self.positions(column, &(class..class + 1));
        ties.start + self.rows[ties].partition_point(|&other| other < row)
    }

    /// Returns the position of a row in an order by a long text.
    fn position_by_text(&self, column: &TextColumn, row: u32) -> usize {
        let leads = Leads::of(column);
        let (lead, text) = (leads.of_row(row), column.kept(row));
        self.rows.partition_point(|&other| {
            let order = leads.of_row(other).cmp(&lead);
            let order = order.then_with(|| column.kept(other).cmp_folded(&text));
            order.then(other.cmp(&row)) == Ordering::Less
        })
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * 4
            + self.starts.as_ref().map_or(0, |starts| starts.len() * 4)
            + self.samples.len() * 8
            + self.ties.as_ref().map_or(0, |ties| ties.len() * 8)
            + self.dead.bytes()
    }
}

/// Returns whether rows are sorted by counting, and where each class starts is kept.
fn has_few_classes(column: &Column) -> bool {
    column.classes_count() <= u64::from(column.rows_count() / 4).max(256)
}

/// The positions of dead rows are not stored.
#[cfg(feature = "durable")]
impl Stored for SortedRows {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.rows)?;
        out.slice(&self.samples)?;
        out.number(self.starts.is_some())?;
        if let Some(starts) = &self.starts {
            out.slice(starts)?;
        }
        out.number(self.ties.is_some())?;
        self.ties.as_ref().map_or(Ok(()), |ties| out.slice(ties))
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<SortedRows> {
        let (rows, samples) = (input.boxed()?, input.boxed()?);
        let has_starts = input.flag()?;
        let starts = has_starts.then(|| input.boxed()).transpose()?;
        let has_ties = input.flag()?;
        Ok(SortedRows {
            rows,
            starts,
            samples,
            ties: has_ties.then(|| input.boxed()).transpose()?,
            dead: DeadPositions::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ready_texts::ReadyTexts;
    use super::*;

    #[test]
    fn rows_ascend_by_class_then_row() {
        let few: Vec<_> = (0..1000).map(|n| (n % 5 != 0).then_some(n % 7)).collect();
        let many: Vec<_> = (0..1000)
            .map(|n| Some(n * 7919 % 1009 * 1_000_003))
            .collect();
        for numbers in [few, many] {
            let column = Column::of_numbers(&numbers, false);
            let sorted = SortedRows::by_class(&column);
            let mut expected: Vec<u32> = (0..1000).collect();
            expected.sort_by_key(|&row| numbers[row as usize]);
            assert_eq!(sorted.rows(), expected);
            for position in 1..1000 {
                let same = numbers[expected[position - 1] as usize]
                    == numbers[expected[position] as usize];
                assert_eq!(sorted.is_tie(Some(&column), position), same);
            }
            let classes = column.number_classes(2, 4_000_000);
            let slice = &sorted.rows()[sorted.positions(&column, &classes)];
            let in_range =
                |row: &&u32| numbers[**row as usize].is_some_and(|n| (2..=4_000_000).contains(&n));
            assert!(slice.iter().eq(expected.iter().filter(in_range)));
        }
    }

    #[test]
    fn each_row_is_found_at_its_position() {
        // Few classes, whose starts are kept; many, which are searched; and many beside one that
        // is longer than what lies between two samples.
        let few = |n| n * 7919 % 251;
        let many = |n| n * 7919 % 8999;
        let one_long = |n| if n % 3 == 0 { 500 } else { n };
        for number in [few, many, one_long] {
            let numbers: Vec<Option<u64>> = (0..9000).map(|n| Some(number(n))).collect();
            let column = Column::of_numbers(&numbers, false);
            let sorted = SortedRows::by_class(&column);
            assert_eq!(sorted.bytes(), SortedRows::bytes_by_class(&column));
            for (position, &row) in sorted.rows().iter().enumerate() {
                assert_eq!(sorted.position_of(&column, row), position);
            }
            let mut dead = Tombstones::default();
            dead.insert(7);
            let (dead, budget) = (Arc::new(dead), Budget::new(None));
            let positions = sorted.dead_positions(SlotColumn::Ordinals(&column), &dead, &budget);
            assert!(positions.contains(sorted.position_of(&column, 7) as u32));
            assert!(sorted.bytes() > SortedRows::bytes_by_class(&column) + positions.bytes());
        }
    }

    #[test]
    fn texts_sort_by_folded_bytes_with_ties() {
        let texts = [
            "Zebra",
            "",
            "same prefix 2",
            "same prefix 1",
            "É",
            "zebra",
            "SAME prefix 1",
            "a\0",
            "a",
        ];
        let mut ready = ReadyTexts::default();
        for text in texts {
            ready.push(text);
        }
        let column = TextColumn::seal(ready, usize::MAX);
        let sorted = SortedRows::by_text(&column, 9);
        assert_eq!(sorted.rows(), [1, 8, 7, 3, 6, 2, 0, 5, 4]);
        assert_eq!(sorted.bytes(), 9 * 4 + size_of::<u64>());
        let ties: Vec<usize> = (0..9).filter(|&at| sorted.is_tie(None, at)).collect();
        assert_eq!(ties, [4, 7]);
        let placed = sorted.placed(SlotColumn::Long(&column));
        for (position, &row) in sorted.rows().iter().enumerate() {
            assert_eq!((placed.position_of)(row), position);
        }
    }
}
