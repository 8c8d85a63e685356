//! How a walk knows which rows match.
//!
//! A row is known to match because every live row does, by the only filter's set of rows, by a bitmap of
//! all matches, which is made where the walk is long or its matches are counted, or by asking the
//! filters.

use super::conjunction::{Probes, Scope};
use super::explain::{WalkMatching, Work};
use super::found::Found;
use crate::segment::{BLOCK_ROWS, Bitmap, Block, blocks_count, is_set};
use crate::snapshot::LiveSegment;

/// Makes what a walk takes to know which rows match.
pub(super) fn make_matcher(
    found: &Found,
    live: &LiveSegment,
    matching: WalkMatching,
    work: &mut Work,
) -> Matcher {
    match (matching, &found.rows) {
        (WalkMatching::Live, _) => Matcher::Live,
        (WalkMatching::Set, _) => Matcher::Set,
        (WalkMatching::Listed, Some(rows)) => {
            Matcher::Bits(bits_of_rows(live.segment.rows_count(), rows))
        }
        (WalkMatching::Counted | WalkMatching::Listed, _) => {
            Matcher::Bits(bits_of_matches(found.scope(live), work))
        }
        (WalkMatching::Asked, _) => Matcher::Asked(Asked::new(found.scope(live))),
    }
}

/// How a walk knows which rows match.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Every live row does.
    Live,
    /// The only filter's set of rows says so.
    Set,
    /// A bitmap of the matches says so.
    Bits(Bitmap),
    /// The filters say so, or bits of some blocks.
    Asked(Asked),
}

/// Makes a bitmap of listed rows.
fn bits_of_rows(rows_count: u32, rows: &[u32]) -> Bitmap {
    let mut bits = Bitmap::new(rows_count);
    for &row in rows {
        bits.insert(row);
    }
    bits
}

/// Makes a bitmap of the matches.
fn bits_of_matches(scope: Scope<'_>, work: &mut Work) -> Bitmap {
    let mut bits = Bitmap::new(scope.live.segment.rows_count());
    for index in scope.conjunction.block_indexes() {
        bits.set_block(index, &scope.block(index, work));
    }
    bits
}

/// What is known of the matches in each block.
///
/// A walk that is expected to ask many rows has a bitmap of all matches instead. Any other walk asks the filters
/// row by row. Once that has cost twice as much as combining a block, because more of its rows came than
/// expected, the bits of the block are made. Room is taken for these blocks alone, since clearing a bit for
/// each of ten million rows takes longer than most walks.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    blocks: Vec<AskedBlock>,
    /// The bits that were made, block after block.
    made: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
enum AskedBlock {
    /// The rows that may yet be asked.
    Chances(u8),
    /// The bits are this one of those made.
    Made(u32),
}

impl Asked {
    /// Starts with no row asked.
    fn new(scope: Scope<'_>) -> Asked {
        let conjunction = scope.conjunction;
        let block_cost = conjunction.bits_cost() / conjunction.block_indexes().len().max(1) as u64;
        let chances = 2 * block_cost / conjunction.probes_cost(1).max(1);
        let chances = AskedBlock::Chances(chances.clamp(1, 255) as u8);
        Asked {
            blocks: vec![chances; blocks_count(scope.live.segment.rows_count()) as usize],
            made: Vec::new(),
        }
    }

    /// Returns whether a row matches.
    #[inline]
    pub(super) fn holds(
        &mut self,
        scope: Scope<'_>,
        probes: &Probes<'_>,
        row: u32,
        work: &mut Work,
    ) -> bool {
        let index = row / BLOCK_ROWS;
        let made = match &mut self.blocks[index as usize] {
            AskedBlock::Chances(chances @ 2..) => {
                *chances -= 1;
                work.rows_probed += 1;
                return probes.hold(row);
            }
            block @ AskedBlock::Chances(_) => {
                let made = self.made.len() as u32;
                *block = AskedBlock::Made(made);
                self.made.push(scope.block(index, work));
                made
            }
            AskedBlock::Made(made) => *made,
        };
        is_set(&self.made[made as usize], row % BLOCK_ROWS)
    }
}
