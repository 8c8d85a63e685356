//! The numbers that the generators draw.
//!
//! `SplitMix64`: integers only, so one seed gives one sequence on every machine, and a
//! sequence may start at any ticket without the ones before it.

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Starts the sequence of a seed and of a number within it: a ticket's, a customer's.
    pub(super) fn new(seed: u64, number: u64) -> Random {
        Random(mix(seed ^ mix(number)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Returns a number below `end`, each as often as any other.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        scale(self.next(), end)
    }

    /// Returns a number below `end`, the small ones far more often.
    ///
    /// The chance to be below a share `x` of `end` is the square root of `x`.
    pub(super) fn below_skewed(&mut self, end: u64) -> u64 {
        let uniform = self.next();
        scale(scale(uniform, uniform), end)
    }

    /// Returns true as often as given, in a million times.
    pub(super) fn is_one_of_million(&mut self, times: u64) -> bool {
        self.below(1_000_000) < times
    }

    /// Returns one of some values, each as often as any other.
    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// Returns one of some values, the first ones far more often.
    pub(super) fn pick_skewed<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below_skewed(values.len() as u64) as usize]
    }

    /// Returns one of some values by weights that add up to 10,000.
    pub(super) fn weigh<T: Copy>(&mut self, weighed: &[(T, u64)]) -> T {
        let mut left = self.below(10_000);
        for &(value, weight) in weighed {
            if left < weight {
                return value;
            }
            left -= weight;
        }
        weighed[0].0
    }
}

pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Maps a number of 64 bits onto those below `end`, in order.
fn scale(number: u64, end: u64) -> u64 {
    ((u128::from(number) * u128::from(end)) >> 64) as u64
}
