//! Which commit put or patched each row last.
//!
//! A segment of one commit needs no more than that commit's number, which takes no memory a row. What
//! merges bring together is a [`Column`] of ordinals over the least number, which is ordinal 0: where most
//! rows are of the oldest commit, as after a load and some updates, a row takes about a bit. It has
//! zones like a column of dates, so a request for what changed reads the blocks that changed.
//!
//! # Invariants
//!
//! * Every row has a number, and one of them has the least.
//!
//! # Cost
//!
//! That of [`Integers`](super::integers::Integers).

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::block::{BLOCK_ROWS, blocks_count};
use super::column::Column;
use super::insertion::Insertion;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use super::zones::{Zone, zones_pay};
use super::{Origin, Segment};

/// The number of the commit of each row.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    least: u64,
    /// The numbers above the least; a row without one has the least.
    column: Column,
}

impl Versions {
    /// Gives all rows the same number.
    pub(super) fn of_commit(number: u64, rows_count: u32) -> Versions {
        Versions {
            least: if rows_count == 0 { 0 } else { number },
            column: Column::without_numbers(rows_count),
        }
    }

    /// Takes a number a row.
    pub(super) fn of_rows(numbers: &[u64]) -> Versions {
        let least = numbers.iter().copied().min().unwrap_or(0);
        if numbers.iter().all(|&number| number == least) {
            return Versions::of_commit(least, numbers.len() as u32);
        }
        let ordinals: Vec<u64> = numbers.iter().map(|number| number - least).collect();
        Versions {
            least,
            column: Column::of_frame(least + 1, &ordinals, zones_pay(numbers.len() as u32)),
        }
    }

    /// Returns the numbers of rows that stay and of rows that come, which have the greatest number.
    pub(super) fn with_rows(&self, insertion: &Insertion, number: u64) -> Versions {
        let rows_count = self.column.rows_count();
        // Whether the least number is still that of a row is known where every row stays.
        if !self.column.is_constant() && insertion.keeps_all(rows_count as usize) {
            let inserted = insertion.rows_count() - rows_count;
            let ordinals: SmallVec<[u64; 4]> = smallvec![number - self.least; inserted as usize];
            return Versions {
                least: self.least,
                column: self.column.with_rows(insertion, &ordinals),
            };
        }
        let mut numbers = Vec::with_capacity(rows_count as usize);
        self.append_to(0..rows_count, &mut numbers);
        Versions::of_rows(&insertion.apply(&numbers, |_| number))
    }

    /// Returns the number of a row.
    pub(super) fn number(&self, row: u32) -> u64 {
        self.column.number(row).unwrap_or(self.least)
    }

    /// Returns the number of all rows, where it is the same.
    pub(super) fn one(&self) -> Option<u64> {
        self.column.is_constant().then_some(self.least)
    }

    /// Appends the numbers of some rows.
    pub(super) fn append_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
        let start = out.len();
        self.column.append_ordinals_to(rows, out);
        for number in &mut out[start..] {
            *number = self.column.number_of(*number).unwrap_or(self.least);
        }
    }

    /// Returns the classes of the numbers above one: none at all where no row has such a number,
    /// and from 0 on where every row has.
    fn classes_above(&self, number: u64) -> Range<u64> {
        let count = self.column.classes_count();
        if number < self.least {
            return 0..count;
        }
        let Some(first) = number.checked_add(1) else {
            return count..count;
        };
        let classes = self.column.number_classes(first, u64::MAX);
        classes.start.min(count)..count
    }

    /// Calls `each` with the rows of numbers above one, ascending.
    fn for_each_above(&self, number: u64, mut each: impl FnMut(u32)) {
        let classes = self.classes_above(number);
        let rows_count = self.column.rows_count();
        if classes.is_empty() {
            return;
        }
        if classes.start == 0 {
            return (0..rows_count).for_each(each);
        }
        for block_index in 0..blocks_count(rows_count) {
            if self.column.zone(block_index, &classes) == Zone::None {
                continue;
            }
            let first = block_index * BLOCK_ROWS;
            let end = rows_count.min(first.saturating_add(BLOCK_ROWS));
            for start in (first..end).step_by(64) {
                let mut left = self
                    .column
                    .bits_in(start..end.min(start.saturating_add(64)), &classes);
                while left != 0 {
                    each(start + left.trailing_zeros());
                    left &= left - 1;
                }
            }
        }
    }

    /// Returns the ordinals of the numbers.
    pub(super) fn column(&self) -> &Column {
        &self.column
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        self.column.bytes()
    }
}

impl Segment {
    /// Returns the numbers of the commits that put or patched the rows last.
    pub(super) fn versions(&self) -> &Versions {
        match &self.origin {
            Origin::Base(revision) => revision.versions(),
            Origin::Own(_, versions) => versions,
        }
    }

    /// Returns the number of the commit that put or patched a row last.
    pub(crate) fn version(&self, row: u32) -> u64 {
        self.versions().number(row)
    }

    /// Returns the classes that commits after one have in the column of [`Slot::Version`](super::Slot):
    /// none at all where no row is of such a commit, and from 0 on where every row is.
    pub(crate) fn classes_after(&self, version: u64) -> Range<u64> {
        self.versions().classes_above(version)
    }

    /// Calls `each` with the rows, dead ones too, that commits after one put or patched.
    pub(crate) fn for_each_written(&self, version: u64, each: impl FnMut(u32)) {
        self.versions().for_each_above(version, each);
    }
}

#[cfg(feature = "durable")]
impl Stored for Versions {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.least)?;
        self.column.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Versions> {
        Ok(Versions {
            least: input.number()?,
            column: Column::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_what_is_above_one_is_found() {
        let all_alike = vec![7; 100];
        let mostly_old: Vec<u64> = (0..10_000)
            .map(|row| if row % 300 == 0 { row + 2 } else { 1 })
            .collect();
        let far_apart = vec![u64::MAX, 3, u64::MAX - 1, 3, 4];
        for numbers in [all_alike, mostly_old, far_apart, vec![9], Vec::new()] {
            let versions = Versions::of_rows(&numbers);
            let mut read = vec![11];
            versions.append_to(0..numbers.len() as u32, &mut read);
            assert_eq!(read[1..], numbers);
            for (row, &number) in (0..).zip(&numbers) {
                assert_eq!(versions.number(row), number);
            }
            for number in [0, 1, 2, 3, 6, 7, 9_000, u64::MAX - 1, u64::MAX] {
                let classes = versions.classes_above(number);
                for (row, &own) in (0..).zip(&numbers) {
                    let is_above = classes.contains(&versions.column().class(row));
                    assert_eq!(is_above, own > number, "{own} above {number}");
                }
                let mut rows = Vec::new();
                versions.for_each_above(number, |row| rows.push(row));
                let above = (0..).zip(&numbers).filter(|&(_, &own)| own > number);
                assert_eq!(rows, above.map(|(row, _)| row).collect::<Vec<u32>>());
                let is_all = numbers.iter().all(|&own| own > number);
                assert!(numbers.is_empty() || is_all == (classes.start == 0));
            }
        }
    }

    #[test]
    fn one_commit_takes_no_memory_and_a_few_updates_few_bits_a_row() {
        assert_eq!(Versions::of_commit(1 << 40, 1_000_000).bytes(), 0);
        let with_updates = |every: u64| {
            let number = |row: u64| {
                if row.is_multiple_of(every) {
                    2 + row
                } else {
                    1
                }
            };
            Versions::of_rows(&(0..100_000).map(number).collect::<Vec<_>>()).bytes()
        };
        assert!(with_updates(1_000) < 100_000 / 32);
        assert!(with_updates(10) < 100_000);
    }
}
