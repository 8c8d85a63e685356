//! Sets of rows, as the indexes keep them.
//!
//! A [`RowSet`] is what a filter with an index evaluates to: the rows of one segment that
//! satisfy it. How a set is stored follows from how dense it is, which only this file decides:
//! few rows are a sorted list, many a plain [`Bitmap`], those
//! between a [`RoaringBitmap`]. Dense sets are plain bitmaps because a conjunction of them costs a tenth
//! of what it does through roaring's containers. A plan combines sets a [`Block`] at a time.
//!
//! # Invariants
//!
//! * Every row of a set is below the row count of the segment it came from. A set
//!   does not carry its segment; `plan` keeps sets of two segments apart.
//! * A set knows nothing of tombstones: they are subtracted once a request, never per
//!   filter.
//!
//! # Cost
//!
//! Combining a dense set into a block is 64 operations on integers; a sparse one costs its
//! rows inside the block. A probe is constant on dense sets and logarithmic elsewhere. A bitmap takes a
//! bit for each row of the segment, a list four bytes for each row of its own, a roaring bitmap about
//! two, a range nothing.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use roaring::RoaringBitmap;

use super::block::{
    BLOCK_ROWS, Bitmap, Block, EMPTY_BLOCK, blocks_count, intersect_blocks, range_block,
    subtract_block, unite_blocks,
};
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};

/// A set of rows of one segment.
#[derive(Clone, Debug)]
pub(crate) enum RowSet {
    /// Rows one after the other.
    Range(Range<u32>),
    /// A few rows, ascending.
    Sorted(Box<[u32]>),
    /// Many rows: one bit for each row of the segment.
    Bitmap { bits: Bitmap, count: u32 },
    /// Rows too many for a list and too few for one bit a row.
    Roaring(RoaringBitmap),
}

/// The most rows that are kept as a list, whatever the segment's size.
const SORTED_ROWS_MAX: usize = 64;

/// The most rows a block that are kept as a list, which is then no larger than containers are.
const SORTED_ROWS_A_BLOCK_MAX: usize = 2;

/// A set that has at least one row in this many is kept as a bitmap: that takes up to four times the
/// memory of a container then, but combining a block of it takes a fifth of the time.
const BITMAP_SPARSITY: u32 = 64;

/// What roaring keeps of a container beside its rows: its key, its form, and where the rows are.
const CONTAINER_BYTES: usize = 40;

/// The rows that are read from a [`RoaringBitmap`] at once.
const READ_ROWS: usize = 128;

impl RowSet {
    /// Makes a set of ascending rows of a segment with `rows_count` rows.
    pub(crate) fn from_sorted(rows: &[u32], rows_count: u32) -> RowSet {
        debug_assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        if let [first, .., last] = *rows
            && (last - first) as usize == rows.len() - 1
        {
            return RowSet::Range(first..last + 1);
        }
        let is_dense = rows.len() as u64 * u64::from(BITMAP_SPARSITY) >= u64::from(rows_count);
        if is_dense && rows.len() > SORTED_ROWS_MAX {
            let mut bits = Bitmap::new(rows_count);
            for &row in rows {
                bits.insert(row);
            }
            let count = rows.len() as u32;
            return RowSet::Bitmap { bits, count };
        }
        let listed = blocks_count(rows_count) as usize * SORTED_ROWS_A_BLOCK_MAX;
        if rows.len() <= listed.max(SORTED_ROWS_MAX) {
            return RowSet::Sorted(rows.into());
        }
        // A container that grows keeps room to spare, and a copy has none.
        let set: RoaringBitmap = rows.iter().copied().collect();
        RowSet::Roaring(set.clone())
    }

    /// Makes a set of a bitmap of a segment with `rows_count` rows.
    pub(super) fn from_bitmap(bits: Bitmap, rows_count: u32) -> RowSet {
        let count = bits.count();
        if count == rows_count {
            return RowSet::Range(0..rows_count);
        }
        if u64::from(count) * u64::from(BITMAP_SPARSITY) < u64::from(rows_count)
            || count as usize <= SORTED_ROWS_MAX
        {
            let mut rows = Vec::with_capacity(count as usize);
            bits.for_each(|row| rows.push(row));
            return RowSet::from_sorted(&rows, rows_count);
        }
        RowSet::Bitmap { bits, count }
    }

    /// Returns how many rows the set has.
    pub(crate) fn count(&self) -> u32 {
        match self {
            RowSet::Range(range) => range.len() as u32,
            RowSet::Sorted(rows) => rows.len() as u32,
            RowSet::Bitmap { count, .. } => *count,
            RowSet::Roaring(rows) => rows.len() as u32,
        }
    }

    /// Returns how the set is stored, for `explain`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            RowSet::Range(_) => "a range of rows",
            RowSet::Sorted(_) => "a list of rows",
            RowSet::Bitmap { .. } => "a bitmap",
            RowSet::Roaring(_) => "a roaring bitmap",
        }
    }

    /// Returns whether combining the set into a block costs the same however many rows it has there.
    pub(crate) fn is_dense(&self) -> bool {
        matches!(self, RowSet::Bitmap { .. } | RowSet::Range(_))
    }

    /// Returns the set as a bitmap, if it is kept as one.
    pub(crate) fn bitmap(&self) -> Option<&Bitmap> {
        match self {
            RowSet::Bitmap { bits, .. } => Some(bits),
            _ => None,
        }
    }

    /// Returns whether a row is in the set.
    pub(crate) fn contains(&self, row: u32) -> bool {
        match self {
            RowSet::Range(range) => range.contains(&row),
            RowSet::Sorted(rows) => rows.binary_search(&row).is_ok(),
            RowSet::Bitmap { bits, .. } => bits.contains(row),
            RowSet::Roaring(rows) => rows.contains(row),
        }
    }

    /// Calls `each` with the bits of a block that the set has, where its rows are listed.
    fn for_each_bit(&self, block_index: u32, mut each: impl FnMut(u32)) {
        let base = block_index * BLOCK_ROWS;
        match self {
            RowSet::Sorted(rows) => {
                let from = rows.partition_point(|&row| row < base);
                let bits = rows[from..].iter().map(|row| row - base);
                for bit in bits.take_while(|&bit| bit < BLOCK_ROWS) {
                    each(bit);
                }
            }
            RowSet::Roaring(rows) => {
                let mut iter = rows.iter();
                iter.advance_to(base);
                let mut buffer = [0; READ_ROWS];
                loop {
                    let read = iter.next_many(&mut buffer);
                    let is_end = read.len() < READ_ROWS;
                    for row in read {
                        let bit = *row - base;
                        if bit >= BLOCK_ROWS {
                            return;
                        }
                        each(bit);
                    }
                    if is_end {
                        return;
                    }
                }
            }
            RowSet::Range(_) | RowSet::Bitmap { .. } => {}
        }
    }

    /// Adds the set's rows of one block to `out`.
    pub(crate) fn union_into(&self, block_index: u32, out: &mut Block) {
        match self {
            RowSet::Range(range) => unite_blocks(out, &range_block(range, block_index)),
            RowSet::Bitmap { bits, .. } => unite_blocks(out, bits.block(block_index)),
            RowSet::Sorted(_) | RowSet::Roaring(_) => self.for_each_bit(block_index, |bit| {
                out[(bit / 64) as usize] |= 1 << (bit % 64);
            }),
        }
    }

    /// Keeps of `out` the rows that the set has too.
    pub(crate) fn intersect_into(&self, block_index: u32, out: &mut Block) {
        match self {
            RowSet::Range(range) => intersect_blocks(out, &range_block(range, block_index)),
            RowSet::Bitmap { bits, .. } => intersect_blocks(out, bits.block(block_index)),
            RowSet::Sorted(_) | RowSet::Roaring(_) => {
                let mut both = EMPTY_BLOCK;
                self.for_each_bit(block_index, |bit| {
                    let index = (bit / 64) as usize;
                    both[index] |= out[index] & 1 << (bit % 64);
                });
                *out = both;
            }
        }
    }

    /// Takes the set's rows of one block out of `out`.
    pub(crate) fn subtract_from(&self, block_index: u32, out: &mut Block) {
        match self {
            RowSet::Range(range) => subtract_block(out, &range_block(range, block_index)),
            RowSet::Bitmap { bits, .. } => subtract_block(out, bits.block(block_index)),
            RowSet::Sorted(_) | RowSet::Roaring(_) => self.for_each_bit(block_index, |bit| {
                out[(bit / 64) as usize] &= !(1 << (bit % 64));
            }),
        }
    }

    /// Calls `each` with every row, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32)) {
        match self {
            RowSet::Range(range) => range.clone().for_each(each),
            RowSet::Sorted(rows) => rows.iter().copied().for_each(each),
            RowSet::Roaring(rows) => {
                let mut iter = rows.iter();
                let mut buffer = [0; READ_ROWS];
                loop {
                    let read = iter.next_many(&mut buffer);
                    if read.is_empty() {
                        return;
                    }
                    read.iter().copied().for_each(&mut each);
                }
            }
            RowSet::Bitmap { bits, .. } => bits.for_each(each),
        }
    }

    /// Returns the heap bytes of the set.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            RowSet::Range(_) => 0,
            RowSet::Sorted(rows) => size_of_val::<[u32]>(rows),
            RowSet::Bitmap { bits, .. } => size_of_val(bits.bits()),
            RowSet::Roaring(rows) => {
                let own = rows.statistics();
                let containers = own.n_containers as usize * CONTAINER_BYTES;
                let listed = own.n_values_array_containers as usize * size_of::<u16>();
                let others = own.n_bytes_bitset_containers + own.n_bytes_run_containers;
                containers + listed + others as usize
            }
        }
    }
}

/// The forms of a [`RowSet`] in an image.
#[cfg(feature = "durable")]
const RANGE: u64 = 0;
#[cfg(feature = "durable")]
const SORTED: u64 = 1;
#[cfg(feature = "durable")]
const BITMAP: u64 = 2;
#[cfg(feature = "durable")]
const ROARING: u64 = 3;

#[cfg(feature = "durable")]
impl Stored for RowSet {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match self {
            RowSet::Range(range) => {
                out.number(RANGE)?;
                out.number(range.start)?;
                out.number(range.end)
            }
            RowSet::Sorted(rows) => out.number(SORTED).and_then(|()| out.slice(rows)),
            RowSet::Bitmap { bits, count } => {
                out.number(BITMAP)?;
                bits.write_to(out)?;
                out.number(*count)
            }
            RowSet::Roaring(rows) => {
                out.number(ROARING)?;
                out.slice(&rows.iter().collect::<Vec<u32>>())
            }
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<RowSet> {
        Ok(match input.number::<u64>()? {
            RANGE => RowSet::Range(input.number()?..input.number()?),
            SORTED => RowSet::Sorted(input.boxed()?),
            BITMAP => RowSet::Bitmap {
                bits: Bitmap::read_from(input)?,
                count: input.number()?,
            },
            ROARING => {
                let set = RoaringBitmap::from_sorted_iter(input.vec::<u32>()?);
                // A container that grows keeps room to spare, and a copy has none.
                RowSet::Roaring(set.map_err(|_| malformed())?.clone())
            }
            _ => return Err(malformed()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{block_count, for_each_row};
    use super::*;

    fn samples(rows_count: u32) -> Vec<Vec<u32>> {
        let every = |step: u32| (0..rows_count).step_by(step as usize).collect::<Vec<_>>();
        vec![
            vec![],
            vec![0],
            vec![rows_count - 1],
            every(1),
            every(2),
            every(31),
            every(40),
            every(999),
        ]
    }

    fn rows_of(set: &RowSet) -> Vec<u32> {
        let mut rows = Vec::new();
        set.for_each(|row| rows.push(row));
        rows
    }

    #[test]
    fn every_form_holds_the_same_rows() {
        for rows_count in [1, 63, 64, 65, 4095, 4096, 4097, 100_000] {
            for rows in samples(rows_count) {
                let mut bits = Bitmap::new(rows_count);
                for &row in &rows {
                    bits.insert(row);
                }
                for set in [
                    RowSet::from_sorted(&rows, rows_count),
                    RowSet::from_bitmap(bits, rows_count),
                ] {
                    assert_eq!(rows_of(&set), rows);
                    assert_eq!(set.count() as usize, rows.len());
                    let mut seen = Vec::new();
                    for index in 0..blocks_count(rows_count) {
                        let mut union = EMPTY_BLOCK;
                        set.union_into(index, &mut union);
                        let mut intersection = range_block(&(0..rows_count), index);
                        set.intersect_into(index, &mut intersection);
                        assert_eq!(union, intersection);
                        let before = seen.len();
                        for_each_row(&union, index, |row| seen.push(row));
                        assert_eq!(block_count(&union) as usize, seen.len() - before);
                    }
                    assert_eq!(seen, rows);
                    for row in 0..rows_count.min(5000) {
                        assert_eq!(set.contains(row), rows.binary_search(&row).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn density_chooses_the_form() {
        let every = |step: usize| (0..100_000).step_by(step).collect::<Vec<u32>>();
        assert_eq!(
            RowSet::from_sorted(&every(2), 100_000).kind_name(),
            "a bitmap"
        );
        assert_eq!(
            RowSet::from_sorted(&every(100), 100_000).kind_name(),
            "a roaring bitmap"
        );
        assert_eq!(
            RowSet::from_sorted(&every(5000), 100_000).kind_name(),
            "a list of rows"
        );
    }
}
