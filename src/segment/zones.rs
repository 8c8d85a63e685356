//! Zones: the least and the greatest class of each block of a column.
//!
//! A range that lies outside a block's zone excludes all of its rows without a look at them, and one that
//! encloses the zone includes them all. Dates and the numbers of commits have zones, as they nearly follow
//! the order of the rows.
//!
//! # Invariants
//!
//! * There is a zone for every block of [`BLOCK_ROWS`] rows, the last of which may be shorter.
//! * Each zone is exact: its block has a row of the least class and one of the greatest.
//!
//! # Cost
//!
//! Memory is 16 bytes a block. Finding the zones is a pass over the ordinals.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::block::{BLOCK_ROWS, blocks_count};
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};

/// What a zone map says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// No row can match.
    None,
    /// Some may.
    Some,
    /// Every row does.
    All,
}

/// What is known of the classes in each block.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    /// The least and the greatest.
    spans: Box<[(u64, u64)]>,
    /// See [`Zones::overlap`].
    overlap: u64,
}

impl Zones {
    /// Finds the zones of a column of ordinals that are classes.
    pub(super) fn of_ordinals(ordinals: &[u64]) -> Zones {
        let zone = |block: &[u64]| {
            let least = block.iter().copied().min().unwrap_or(0);
            (least, block.iter().copied().max().unwrap_or(0))
        };
        let spans: Box<[(u64, u64)]> = ordinals.chunks(BLOCK_ROWS as usize).map(zone).collect();
        // None is the least everywhere that it stands, which says nothing of how the others lie.
        let held = ordinals.chunks(BLOCK_ROWS as usize).zip(&spans);
        let held = held.filter_map(|(block, span)| {
            let least = block.iter().copied().filter(|&ordinal| ordinal > 0).min()?;
            Some((least, span.1))
        });
        let (mut widths, mut least, mut greatest) = (0, u64::MAX, 0);
        for span in held {
            widths += u128::from(span.1 - span.0) + 1;
            least = least.min(span.0);
            greatest = greatest.max(span.1);
        }
        let whole = u128::from(greatest.saturating_sub(least)) + 1;
        Zones {
            overlap: (widths.div_ceil(whole) as u64).max(1),
            spans,
        }
    }

    /// Returns whether a block can hold a row of the classes, and whether it must hold only such.
    pub(super) fn zone(&self, block_index: u32, classes: &Range<u64>) -> Zone {
        let (least, greatest) = self.spans[block_index as usize];
        if greatest < classes.start || least >= classes.end {
            Zone::None
        } else if classes.contains(&least) && classes.contains(&greatest) {
            Zone::All
        } else {
            Zone::Some
        }
    }

    /// Returns the blocks from the first to the last that can hold a row of the classes, and
    /// how many of them may hold others too.
    pub(super) fn span(&self, classes: &Range<u64>) -> (Range<u32>, u32) {
        let mut span = 0..0;
        let mut mixed_count = 0;
        for index in 0..self.spans.len() as u32 {
            let zone = self.zone(index, classes);
            if zone != Zone::None {
                if Range::is_empty(&span) {
                    span.start = index;
                }
                span.end = index + 1;
                mixed_count += u32::from(zone == Zone::Some);
            }
        }
        (span, mixed_count)
    }

    /// Returns the least and the greatest class of some blocks; none where there are no blocks.
    pub(super) fn classes(&self, blocks: Range<u32>) -> Option<Range<u64>> {
        let zones = self.spans.get(blocks.start as usize..blocks.end as usize)?;
        let least = zones.iter().map(|zone| zone.0).min()?;
        let greatest = zones.iter().map(|zone| zone.1).max()?;
        Some(least..greatest + 1)
    }

    /// Returns about how many blocks can hold the same value.
    ///
    /// 1 where the zones do not overlap, so that the column ascends or descends block by block.
    pub(super) fn overlap(&self) -> u64 {
        self.overlap
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val::<[(u64, u64)]>(&self.spans)
    }
}

/// Returns whether zone maps can pay: there is more than one block to exclude.
pub(super) fn zones_pay(rows_count: u32) -> bool {
    blocks_count(rows_count) > 1
}

#[cfg(feature = "durable")]
impl Stored for Zones {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        let flat = self.spans.iter().flat_map(|span| [span.0, span.1]);
        out.slice(&flat.collect::<Vec<u64>>())?;
        out.number(self.overlap)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Zones> {
        let flat: Vec<u64> = input.vec()?;
        let spans = flat.chunks_exact(2).map(|span| (span[0], span[1]));
        Ok(Zones {
            spans: spans.collect(),
            overlap: input.number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_tell_what_their_blocks_hold() {
        // Three blocks: 0 among 101 to 200, 201 to 300, and a last one of 250 alone.
        let first = (0..BLOCK_ROWS).map(|row| if row == 7 { 0 } else { 101 + row % 100 });
        let second = (0..BLOCK_ROWS).map(|row| 201 + row % 100);
        let ordinals: Vec<u64> = first.chain(second).chain([250]).map(u64::from).collect();
        let zones = Zones::of_ordinals(&ordinals);
        let of_blocks = |classes| [0, 1, 2].map(|block| zones.zone(block, &classes));
        assert_eq!(of_blocks(301..400), [Zone::None, Zone::None, Zone::None]);
        assert_eq!(of_blocks(200..301), [Zone::Some, Zone::All, Zone::All]);
        assert_eq!(of_blocks(0..250), [Zone::All, Zone::Some, Zone::None]);
        assert_eq!(zones.span(&(250..400)), (1..3, 1));
        assert_eq!(zones.span(&(301..400)), (0..0, 0));
        assert_eq!(zones.classes(0..3), Some(0..301));
        assert_eq!(zones.classes(2..3), Some(250..251));
        assert_eq!(zones.classes(3..3), None);
        // Without the 0 the widths are 100, 100 and 1 of 200.
        assert_eq!(zones.overlap(), 2);
        assert_eq!(zones.bytes(), 3 * 16);
    }
}
