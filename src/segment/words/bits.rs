//! Bitmaps of rows, texts or spots, as slices of 64-bit integers.

use std::ops::Range;

/// Returns how many integers a bitmap of a number of bits has.
pub(super) fn stride(bits_count: u32) -> usize {
    bits_count.div_ceil(u64::BITS) as usize
}

#[inline]
pub(super) fn set_bit(bits: &mut [u64], bit: u32) {
    bits[(bit / u64::BITS) as usize] |= 1 << (bit % u64::BITS);
}

pub(super) fn count_bits(bits: &[u64]) -> u32 {
    bits.iter().map(|own| own.count_ones()).sum()
}

/// Adds a bitmap to another; returns how many bits are then set.
pub(super) fn unite_bits(bits: &mut [u64], others: &[u64]) -> u32 {
    let mut count = 0;
    for (own, other) in bits.iter_mut().zip(others) {
        *own |= other;
        count += own.count_ones();
    }
    count
}

/// Visits the bits that are set within a range, ascending.
pub(super) fn for_each_bit(bits: &[u64], range: Range<u32>, mut visit: impl FnMut(u32)) {
    if range.is_empty() {
        return;
    }
    let first = range.start / u64::BITS;
    let mut own = bits[first as usize] & u64::MAX << (range.start % u64::BITS);
    let mut base = first * u64::BITS;
    for &next in &bits[first as usize + 1..stride(range.end)] {
        visit_bits(own, base, &mut visit);
        own = next;
        base += u64::BITS;
    }
    let past = (u64::BITS - range.end % u64::BITS) % u64::BITS;
    visit_bits(own & u64::MAX >> past, base, &mut visit);
}

#[inline]
fn visit_bits(mut own: u64, base: u32, visit: &mut impl FnMut(u32)) {
    while own != 0 {
        visit(base + own.trailing_zeros());
        own &= own - 1;
    }
}
