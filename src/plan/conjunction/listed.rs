//! Matches that are found one by one, where they are few or few rows can match.
//!
//! *Drive* visits the rows of the filter that lets the fewest through and asks them the others. *Scan* looks
//! at all rows of a small revision. What commits have just revised has no index, and is replaced before
//! one would pay; deciding how to look at its few hundred rows would take longer than looking. There each
//! filter keeps the bits of 64 rows at a time, from the ordinals of its column where it has one.

use super::Conjunction;
use crate::plan::explain::{Access, Work};
use crate::segment::Segment;
use crate::snapshot::LiveSegment;

/// The most rows for which there is room in a list from the start.
const ROOM_ROWS_MAX: u64 = 1024;

impl Conjunction {
    /// Estimates what looking at all rows costs.
    pub(super) fn estimate_scan(&mut self, segment: &Segment) {
        let active = self.active().iter();
        self.row_cost = active.map(|part| part.probe_cost(segment)).sum();
        self.blocks_cost = self.probes_cost(self.rows.len() as u64);
    }

    /// Returns the matching rows, ascending, where they are found one by one; none where they are
    /// found by blocks.
    pub(in crate::plan) fn list(&self, live: &LiveSegment, work: &mut Work) -> Option<Vec<u32>> {
        match self.access() {
            Access::Drive => Some(self.drive(live, work)),
            Access::Scan => Some(self.scan(live, work)),
            Access::Blocks => None,
        }
    }

    /// Returns the matching rows, ascending, by visiting those of the first filter.
    pub(in crate::plan) fn drive(&self, live: &LiveSegment, work: &mut Work) -> Vec<u32> {
        let Some((first, others)) = self.active().split_first() else {
            return Vec::new();
        };
        let probes = self.probes_of(others, live);
        // A short list that grows row by row is moved several times.
        let room = self.estimate().min(ROOM_ROWS_MAX) as usize;
        let mut matches = Vec::with_capacity(room);
        let mut touched = 0;
        let is_ascending = first.filter.for_each(&live.segment, |row| {
            touched += 1;
            if probes.hold(row) {
                matches.push(row);
            }
        });
        work.rows_touched += touched;
        work.rows_probed += if others.is_empty() { 0 } else { touched };
        if !is_ascending {
            matches.sort_unstable();
        }
        matches
    }

    /// Returns the matching rows, ascending, by a look at all rows of the tid range.
    fn scan(&self, live: &LiveSegment, work: &mut Work) -> Vec<u32> {
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

/// Returns an integer with its lowest `count` bits set, at most 64.
fn bits_through(count: u32) -> u64 {
    match count {
        0..64 => (1 << count) - 1,
        _ => u64::MAX,
    }
}
