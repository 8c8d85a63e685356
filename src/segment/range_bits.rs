//! Which of up to 64 integers are in a range, by the widest instructions of the machine.
//!
//! A filter by range looks at every ordinal of a block where no order and no zone tells which rows pass. The
//! compiler's own code for this loop takes seven times as long, as it compares one integer at a time.

use std::ops::Range;

use fearless_simd::{Level, Simd, SimdBase, SimdInt, SimdIntElement, SimdMask, dispatch};

/// An integer that vectors of the machine are made of.
pub(super) trait Lane: SimdIntElement + Copy + Into<u64> + TryFrom<u64> {
    const MAX: u64;

    type Vector<S: Simd>: SimdInt<S, Element = Self>;
}

macro_rules! lanes {
    ($($integer:ty: $vector:ident),*) => {
        $(impl Lane for $integer {
            const MAX: u64 = <$integer>::MAX as u64;

            type Vector<S: Simd> = S::$vector;
        })*
    };
}

lanes!(u8: u8s, u16: u16s, u32: u32s, u64: u64s);

/// Returns a bit for each of up to 64 integers, set where the integer is in a range.
///
/// Cost: for 64 integers, a comparison for each vector of the machine; for fewer, one for each integer.
#[inline]
pub(super) fn range_bits<T: Lane>(values: &[T], within: &Range<u64>) -> u64 {
    let last = within.end.saturating_sub(1).min(T::MAX);
    if within.is_empty() || within.start > last {
        return 0;
    }
    if let Ok(values) = <&[T; 64]>::try_from(values)
        && let (Ok(first), Ok(span)) = (T::try_from(within.start), T::try_from(last - within.start))
    {
        let level = Level::new();
        return dispatch!(level, simd => simd.vectorize(#[inline(always)] || bits_of_all(simd, values, first, span)));
    }
    values.iter().enumerate().fold(0, |bits, (at, &value)| {
        bits | u64::from(within.contains(&value.into())) << at
    })
}

/// Returns the bits of the integers that are at most `span` above `first`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the caller's instructions"
)]
fn bits_of_all<S: Simd, T: Lane>(simd: S, values: &[T; 64], first: T, span: T) -> u64 {
    let (first, span) = (T::Vector::splat(simd, first), T::Vector::splat(simd, span));
    let lanes = <T::Vector<S> as SimdBase<S>>::LEN;
    let mut bits = 0;
    for (index, chunk) in values.chunks_exact(lanes).enumerate() {
        // What is below the first wraps around to more than any span.
        let above = T::Vector::from_slice(simd, chunk) - first;
        bits |= above.simd_le(span).to_bitmask() << (index * lanes);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Lane>(values: &[T]) {
        let mut ends: Vec<u64> = values.iter().map(|&value| value.into()).collect();
        ends.extend([0, 1, T::MAX, T::MAX.saturating_add(1), u64::MAX]);
        for &start in &ends {
            for &end in &ends {
                let within = start..end;
                let expected = values.iter().enumerate().fold(0, |bits, (at, &value)| {
                    bits | u64::from(within.contains(&value.into())) << at
                });
                assert_eq!(range_bits(values, &within), expected, "{within:?}");
            }
        }
    }

    #[test]
    fn bits_are_those_of_the_integers_in_the_range() {
        for count in [0, 1, 7, 63, 64] {
            // Spread over all integers of the type, with its limits and with repeated ones.
            let spread = |at: u64| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (at % 7 * 8);
            let values: Vec<u64> = (0..count)
                .map(|at| match at % 5 {
                    0 => u64::MAX,
                    1 => 0,
                    _ => spread(at),
                })
                .collect();
            check(&values);
            check(&values.iter().map(|&it| it as u32).collect::<Vec<_>>());
            check(&values.iter().map(|&it| it as u16).collect::<Vec<_>>());
            check(&values.iter().map(|&it| it as u8).collect::<Vec<_>>());
        }
    }
}
