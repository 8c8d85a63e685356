//! Bitmaps as blocks of 64 bits, one after another.

use std::ops::Range;

/// Returns how many blocks of 64 bits hold a number of bits.
pub(super) fn stride(bits_count: u32) -> usize {
    bits_count.div_ceil(u64::BITS) as usize
}

#[inline]
pub(super) fn set_bit(blocks: &mut [u64], bit: u32) {
    blocks[(bit / u64::BITS) as usize] |= 1 << (bit % u64::BITS);
}

pub(super) fn count_bits(blocks: &[u64]) -> u32 {
    blocks.iter().map(|block| block.count_ones()).sum()
}

/// Adds a bitmap to another; returns how many bits are then set.
pub(super) fn unite_blocks(blocks: &mut [u64], others: &[u64]) -> u32 {
    let mut count = 0;
    for (block, other) in blocks.iter_mut().zip(others) {
        *block |= other;
        count += block.count_ones();
    }
    count
}

/// Visits the bits that are set within a range, ascending.
pub(super) fn for_each_bit(blocks: &[u64], range: Range<u32>, mut visit: impl FnMut(u32)) {
    if range.is_empty() {
        return;
    }
    let first = range.start / u64::BITS;
    let mut block = blocks[first as usize] & u64::MAX << (range.start % u64::BITS);
    let mut base = first * u64::BITS;
    for &next in &blocks[first as usize + 1..stride(range.end)] {
        visit_block(block, base, &mut visit);
        block = next;
        base += u64::BITS;
    }
    let past = (u64::BITS - range.end % u64::BITS) % u64::BITS;
    visit_block(block & u64::MAX >> past, base, &mut visit);
}

#[inline]
fn visit_block(mut block: u64, base: u32, visit: &mut impl FnMut(u32)) {
    while block != 0 {
        visit(base + block.trailing_zeros());
        block &= block - 1;
    }
}
