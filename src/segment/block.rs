//! Blocks: 4,096 rows of a segment as 64 integers of 64 bits, the unit in which sets are combined.
//!
//! A [`Block`] lives on the stack, so that a conjunction of dense sets never materialises
//! and stays in cache. What is not about one set or another is here: ranges, counts, the
//! place of the nth row.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};

#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};

/// The rows that one [`Block`] covers.
pub(crate) const BLOCK_ROWS: u32 = 4096;

/// The integers of one [`Block`].
pub(super) const BLOCK_STRIDE: usize = (BLOCK_ROWS / 64) as usize;

/// A bitmap of the 4,096 rows from a multiple of 4,096 on.
pub(crate) type Block = [u64; BLOCK_STRIDE];

/// The block without rows.
pub(crate) const EMPTY_BLOCK: Block = [0; BLOCK_STRIDE];

/// Returns how many blocks a segment of a number of rows has.
pub(crate) fn blocks_count(rows_count: u32) -> u32 {
    rows_count.div_ceil(BLOCK_ROWS)
}

/// Returns how many rows a block holds.
pub(crate) fn block_count(block: &Block) -> u32 {
    count_common(&[block])
}

/// Returns how many rows some blocks have in common; of no blocks, none.
///
/// The first few are combined and counted in one pass, by the widest instructions there are.
pub(crate) fn count_common(blocks: &[&Block]) -> u32 {
    let level = Level::new();
    dispatch!(level, simd => simd.vectorize(#[inline(always)] || count_common_inline(blocks)))
}

#[inline(always)]
fn count_common_inline(blocks: &[&Block]) -> u32 {
    #[expect(
        clippy::inline_always,
        reason = "compiled for the caller's instructions"
    )]
    #[inline(always)]
    fn count<const N: usize>(blocks: [&Block; N]) -> u32 {
        (0..BLOCK_STRIDE)
            .map(|index| common_bits(blocks, index).count_ones())
            .sum()
    }
    match *blocks {
        [] => 0,
        [only] => count([only]),
        [first, second] => count([first, second]),
        [first, second, third] => count([first, second, third]),
        [first, second, third, fourth] => count([first, second, third, fourth]),
        [first, second, third, ref others @ ..] => {
            let mut common = EMPTY_BLOCK;
            intersect_all(others, &mut common);
            count([first, second, third, &common])
        }
    }
}

/// Returns the bits that some blocks have in common, of one integer.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the caller's instructions"
)]
fn common_bits<const N: usize>(blocks: [&Block; N], index: usize) -> u64 {
    blocks
        .iter()
        .fold(u64::MAX, |bits, block| bits & block[index])
}

/// Puts the rows that some blocks have in common into a block; of no blocks, all.
///
/// The first few are combined in one pass.
#[inline]
pub(crate) fn intersect_all(blocks: &[&Block], common: &mut Block) {
    fn put<const N: usize>(blocks: [&Block; N], common: &mut Block) {
        for (index, bits) in common.iter_mut().enumerate() {
            *bits = common_bits(blocks, index);
        }
    }
    match *blocks {
        [] => common.fill(u64::MAX),
        [only] => *common = *only,
        [first, second] => put([first, second], common),
        [first, second, third, ref others @ ..] => {
            put([first, second, third], common);
            for block in others {
                intersect_blocks(common, block);
            }
        }
    }
}

/// Returns whether every row that a block covers is in a range.
pub(crate) fn covers_block(range: &Range<u32>, block_index: u32) -> bool {
    let base = block_index * BLOCK_ROWS;
    range.start <= base && range.end.saturating_sub(base) >= BLOCK_ROWS
}

/// Makes a block of the rows of `range` that are in it.
pub(crate) fn range_block(range: &Range<u32>, block_index: u32) -> Block {
    let base = block_index * BLOCK_ROWS;
    if covers_block(range, block_index) {
        return [u64::MAX; BLOCK_STRIDE];
    }
    let from = range.start.saturating_sub(base).min(BLOCK_ROWS);
    let to = range.end.saturating_sub(base).min(BLOCK_ROWS);
    let mut block = EMPTY_BLOCK;
    for (index, bits) in block.iter_mut().enumerate() {
        let first_bit = index as u32 * 64;
        let low = from.saturating_sub(first_bit).min(64);
        let high = to.saturating_sub(first_bit).min(64);
        if low < high {
            *bits = (u64::MAX << low) & (u64::MAX >> (64 - high));
        }
    }
    block
}

/// Calls `each` with the rows of a block, ascending.
pub(crate) fn for_each_row(block: &Block, block_index: u32, mut each: impl FnMut(u32)) {
    let mut base = block_index * BLOCK_ROWS;
    for &bits in block {
        let mut rest = bits;
        while rest != 0 {
            each(base + rest.trailing_zeros());
            rest &= rest - 1;
        }
        base = base.wrapping_add(64);
    }
}

/// Returns the row of the `nth` bit that is set in a block, counted from 0; none past the last.
pub(crate) fn select_in_block(block: &Block, block_index: u32, nth: u32) -> Option<u32> {
    let mut left = nth;
    for (index, &bits) in block.iter().enumerate() {
        let ones = bits.count_ones();
        if left < ones {
            let mut rest = bits;
            for _ in 0..left {
                rest &= rest - 1;
            }
            return Some(block_index * BLOCK_ROWS + index as u32 * 64 + rest.trailing_zeros());
        }
        left -= ones;
    }
    None
}

/// Returns how many of the first `bits_count` bits of a block are set.
pub(crate) fn rank_in_block(block: &Block, bits_count: u32) -> u32 {
    let (whole, rest) = ((bits_count / 64) as usize, bits_count % 64);
    let before: u32 = block[..whole].iter().map(|bits| bits.count_ones()).sum();
    match block.get(whole) {
        Some(bits) if rest > 0 => before + (bits & ((1 << rest) - 1)).count_ones(),
        _ => before,
    }
}

/// Keeps of a block the rows that another has too.
#[inline]
pub(crate) fn intersect_blocks(block: &mut Block, other: &Block) {
    for (bits, other) in block.iter_mut().zip(other) {
        *bits &= other;
    }
}

/// Takes the rows of another block out of one.
#[inline]
pub(super) fn subtract_block(block: &mut Block, other: &Block) {
    for (bits, other) in block.iter_mut().zip(other) {
        *bits &= !other;
    }
}

/// Adds the rows of another block to one.
#[inline]
pub(super) fn unite_blocks(block: &mut Block, other: &Block) {
    for (bits, other) in block.iter_mut().zip(other) {
        *bits |= other;
    }
}

/// Returns whether a bit of a block is set.
#[inline]
pub(crate) fn is_set(block: &Block, bit: u32) -> bool {
    block[(bit / 64) as usize] >> (bit % 64) & 1 == 1
}

/// One bit for each row of a segment, in whole blocks.
#[derive(Clone, Debug)]
pub(crate) struct Bitmap(Box<[u64]>);

impl Bitmap {
    /// Makes a bitmap without rows for a segment of a number of rows.
    pub(crate) fn new(rows_count: u32) -> Bitmap {
        Bitmap::from_bits(Vec::new(), rows_count)
    }

    /// Takes the bits of a segment's rows, which may end early.
    pub(super) fn from_bits(mut bits: Vec<u64>, rows_count: u32) -> Bitmap {
        let length = blocks_count(rows_count) as usize * BLOCK_STRIDE;
        if bits.is_empty() {
            return Bitmap(vec![0; length].into());
        }
        bits.resize(length, 0);
        Bitmap(bits.into())
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn insert(&mut self, row: u32) {
        self.0[(row / 64) as usize] |= 1 << (row % 64);
    }

    /// Returns whether a row is in the bitmap.
    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        self.0[(row / 64) as usize] >> (row % 64) & 1 == 1
    }

    /// Returns one block of the bitmap.
    #[inline]
    pub(crate) fn block(&self, block_index: u32) -> &Block {
        let from = block_index as usize * BLOCK_STRIDE;
        self.0[from..].first_chunk().unwrap_or(&EMPTY_BLOCK)
    }

    /// Replaces one block of the bitmap.
    pub(crate) fn set_block(&mut self, block_index: u32, block: &Block) {
        let from = block_index as usize * BLOCK_STRIDE;
        self.0[from..from + BLOCK_STRIDE].copy_from_slice(block);
    }

    /// Returns the bits of all rows, 64 in each integer.
    pub(super) fn bits(&self) -> &[u64] {
        &self.0
    }

    /// Returns the bits likewise, to be changed.
    pub(super) fn bits_mut(&mut self) -> &mut [u64] {
        &mut self.0
    }

    /// Returns how many rows there are.
    pub(super) fn count(&self) -> u32 {
        self.0.iter().map(|bits| bits.count_ones()).sum()
    }

    /// Calls `each` with every row, ascending.
    pub(super) fn for_each(&self, mut each: impl FnMut(u32)) {
        for (index, &bits) in self.0.iter().enumerate() {
            let mut rest = bits;
            while rest != 0 {
                each(index as u32 * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
    }
}

#[cfg(feature = "durable")]
impl Stored for Bitmap {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.0)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Bitmap> {
        Ok(Bitmap(input.boxed()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_is_counted() {
        let block = |seed: u64| -> Block {
            std::array::from_fn(|index| {
                let mixed = (index as u64 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                mixed ^ mixed >> 29 | mixed.rotate_left(seed as u32)
            })
        };
        let blocks: Vec<Block> = (1..9).map(block).collect();
        for count in 1..=blocks.len() {
            let some: Vec<&Block> = blocks[..count].iter().collect();
            let mut common = EMPTY_BLOCK;
            intersect_all(&some, &mut common);
            let mut rows = 0;
            for_each_row(&common, 0, |row| {
                let has = |block: &&Block| block[(row / 64) as usize] >> (row % 64) & 1 == 1;
                rows += u32::from(some.iter().all(has));
            });
            assert_eq!((count_common(&some), block_count(&common)), (rows, rows));
        }
        assert_eq!(count_common(&[]), 0);
    }

    #[test]
    fn ranges_become_blocks() {
        for range in [0..0, 0..1, 5..64, 63..65, 64..128, 4000..9000, 4096..8192] {
            for index in 0..3 {
                let mut rows = Vec::new();
                for_each_row(&range_block(&range, index), index, |row| rows.push(row));
                let base = index * BLOCK_ROWS;
                let expected: Vec<u32> = range
                    .clone()
                    .filter(|row| (base..base + BLOCK_ROWS).contains(row))
                    .collect();
                assert_eq!(rows, expected);
                let block = range_block(&range, index);
                for (nth, &row) in rows.iter().enumerate() {
                    assert_eq!(select_in_block(&block, index, nth as u32), Some(row));
                    assert_eq!(rank_in_block(&block, row - base), nth as u32);
                }
                assert_eq!(rank_in_block(&block, BLOCK_ROWS), block_count(&block));
                assert_eq!(select_in_block(&block, index, rows.len() as u32), None);
            }
        }
    }
}
