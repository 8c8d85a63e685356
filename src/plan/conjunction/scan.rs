//! Matches among few rows: those of a small revision, all of which are looked at.
//!
//! What commits have just revised has no index, and is replaced before one would pay. Its rows are so few
//! that deciding how to look at them takes longer than looking: each filter keeps the bits of 64 rows at a
//! time, from the ordinals of its column where it has one.

use super::Conjunction;
use crate::plan::explain::Work;
use crate::snapshot::LiveSegment;

impl Conjunction {
    /// Returns the matching rows, ascending, by a look at all rows of the tid range.
    pub(super) fn scan(&self, live: &LiveSegment, work: &mut Work) -> Vec<u32> {
        let segment = &*live.segment;
        let mut matches = Vec::new();
        let first = self.rows.start / 64 * 64;
        for start in (first..self.rows.end).step_by(64) {
            let rows = start..segment.rows_count().min(start + 64);
            let mut bits = bits_through(self.rows.end - start)
                & !bits_through(self.rows.start.saturating_sub(start));
            for part in self.active() {
                if bits == 0 {
                    break;
                }
                work.rows_touched += u64::from(bits.count_ones());
                bits = part.filter.keep_bits(segment, rows.clone(), bits);
            }
            while bits != 0 {
                let row = start + bits.trailing_zeros();
                if !live.dead.contains(row) {
                    matches.push(row);
                }
                bits &= bits - 1;
            }
        }
        matches
    }
}

/// Returns as many bits, from the lowest on, but at most 64.
fn bits_through(count: u32) -> u64 {
    match count {
        0..64 => (1 << count) - 1,
        _ => u64::MAX,
    }
}
