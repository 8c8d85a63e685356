//! The matching rows of a segment, in a form that can be counted.
//!
//! The rows are found when a way to count first needs them, and then shared by all keys that have the
//! same filters. Some ways need only what the filters say, and then no row is found.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use crate::plan::explain::{Access, Work};
use crate::plan::found::Found;
use crate::segment::{
    BLOCK_ROWS, Bitmap, Column, EMPTY_BLOCK, RowSet, Tally, count_common, for_each_row,
    intersect_blocks,
};
use crate::snapshot::LiveSegment;

/// The rows of a segment that match the filters of a request.
pub(super) struct Matches<'f, 's: 'f> {
    pub(super) found: &'f Found,
    pub(super) live: &'s LiveSegment,
    rows: OnceCell<Rows<'f>>,
}

enum Rows<'a> {
    /// All rows of a range.
    Range(Range<u32>),
    /// Rows in a list, ascending.
    Listed(Cow<'a, [u32]>),
    /// Rows in a bitmap.
    Bits(Cow<'a, Bitmap>),
}

impl<'f, 's: 'f> Matches<'f, 's> {
    pub(super) fn new(found: &'f Found, live: &'s LiveSegment) -> Matches<'f, 's> {
        Matches {
            found,
            live,
            rows: OnceCell::new(),
        }
    }

    fn rows(&self) -> &Rows<'f> {
        self.rows.get_or_init(|| self.find_rows())
    }

    fn find_rows(&self) -> Rows<'f> {
        let (live, conjunction) = (self.live, &self.found.conjunction);
        if conjunction.is_range() && live.dead.count() == 0 {
            return Rows::Range(conjunction.rows());
        }
        if let Some(rows) = &self.found.rows {
            return Rows::Listed(rows.into());
        }
        let asks_every_row = conjunction.asks_every_row();
        if let Some(bits) = conjunction.bitmap(live).filter(|_| !asks_every_row) {
            return Rows::Bits(Cow::Borrowed(bits));
        }
        let mut work = Work::default();
        if !asks_every_row && let Some(rows) = conjunction.list(live, &mut work) {
            return Rows::Listed(rows.into());
        }
        let mut bits = Bitmap::new(live.segment.rows_count());
        for index in conjunction.block_indexes() {
            bits.set_block(index, &self.found.scope(live).block(index, &mut work));
        }
        Rows::Bits(Cow::Owned(bits))
    }

    /// Returns whether the rows are found one by one, which means that they are few.
    pub(super) fn are_listed(&self) -> bool {
        self.found.rows.is_some() || self.found.conjunction.access() != Access::Blocks
    }

    /// Adds the rows to tallies.
    pub(super) fn count_into(&self, tallies: &mut [Tally<'_>]) {
        let mut add = |rows: &[u32]| tallies.iter_mut().for_each(|tally| tally.add(rows));
        match self.rows() {
            Rows::Range(rows) => {
                for tally in tallies {
                    tally.add_range(rows.clone());
                }
            }
            Rows::Listed(rows) => rows.chunks(BLOCK_ROWS as usize).for_each(add),
            Rows::Bits(bits) => {
                let mut buffer = [0; BLOCK_ROWS as usize];
                for index in self.found.conjunction.block_indexes() {
                    let mut count = 0;
                    for_each_row(bits.block(index), index, |row| {
                        buffer[count] = row;
                        count += 1;
                    });
                    if count > 0 {
                        add(&buffer[..count]);
                    }
                }
            }
        }
    }

    /// Returns how many of the rows are in a row set.
    pub(super) fn count_in(&self, set: &RowSet) -> u64 {
        let bits = match self.rows() {
            Rows::Range(rows) => {
                let mut count = 0;
                set.for_each(|row| count += u64::from(rows.contains(&row)));
                return count;
            }
            Rows::Listed(rows) => {
                return rows.iter().filter(|&&row| set.contains(row)).count() as u64;
            }
            Rows::Bits(bits) => bits,
        };
        if let Some(others) = set.bitmap() {
            let indexes = self.found.conjunction.block_indexes();
            let common = |index| count_common(&[bits.block(index), others.block(index)]);
            return indexes.map(|index| u64::from(common(index))).sum();
        }
        let mut count = 0;
        set.for_each(|row| count += u64::from(bits.contains(row)));
        count
    }

    /// Returns whether a row is one of the rows.
    fn has(&self, row: u32) -> bool {
        match self.rows() {
            Rows::Range(rows) => rows.contains(&row),
            Rows::Listed(rows) => rows.binary_search(&row).is_ok(),
            Rows::Bits(bits) => bits.contains(row),
        }
    }

    /// Returns the least ordinal among the matching rows of a set, where no row of the set has one below
    /// `first`.
    ///
    /// Cost: a look at each row of the set; of a bitmap or a range, at its blocks up to that in which a
    /// row has `first`.
    pub(super) fn least_ordinal(&self, column: &Column, set: &RowSet, first: u64) -> Option<u64> {
        let mut least: Option<u64> = None;
        if !set.is_dense() {
            set.for_each(|row| {
                if self.has(row) {
                    let ordinal = column.ordinal(row);
                    least = Some(least.map_or(ordinal, |least| least.min(ordinal)));
                }
            });
            return least;
        }
        for index in self.found.conjunction.block_indexes() {
            let mut block = EMPTY_BLOCK;
            set.union_into(index, &mut block);
            match self.rows() {
                Rows::Bits(bits) => intersect_blocks(&mut block, bits.block(index)),
                Rows::Range(_) | Rows::Listed(_) => {}
            }
            for_each_row(&block, index, |row| {
                if self.has(row) {
                    let ordinal = column.ordinal(row);
                    least = Some(least.map_or(ordinal, |least| least.min(ordinal)));
                }
            });
            if least == Some(first) {
                break;
            }
        }
        least
    }
}
