//! The places of the pieces of cut words.
//!
//! The pieces that a rule cuts are numbered through, row by row and word by word, with a place
//! left out after each word. So pieces are next to each other in a word exactly where
//! their places are, and a term that was cut is found by its pieces at places that follow
//! each other.
//!
//! # Invariants
//!
//! * A block of [`BLOCK_PLACES`] places is of one row, blocks ascend with their rows, and
//!   so do the places of a row's pieces.

#[cfg(feature = "durable")]
use std::io;

use super::bits::{count_bits, set_bit, stride};
use super::lexicon::{DENSE_ROWS_SHARE, Lexicon};
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// The places that are of one row; more would leave more of them empty, fewer take more memory.
const BLOCK_PLACES: u32 = 32;

/// The most blocks of places that a segment has room for: more than 10 GB of words that are cut.
pub(super) const BLOCKS_MAX: u32 = u32::MAX / BLOCK_PLACES;

/// The most places likewise.
pub(super) const PLACES_MAX: u32 = BLOCKS_MAX * BLOCK_PLACES;

/// The rows of the places.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The row of each block of places.
    rows: Vec<u32>,
    /// The pieces that are in many rows, ascending, and the bitmaps of their rows: they
    /// come many times in most of these.
    frequent: Vec<u32>,
    bitmaps: Vec<u64>,
}

/// Returns the blocks that a number of places take.
pub(super) fn blocks_of(places_count: u32) -> u32 {
    places_count.div_ceil(BLOCK_PLACES)
}

/// Returns the first place of a block.
pub(super) fn first_of(block: u32) -> u32 {
    block * BLOCK_PLACES
}

/// Returns the block of a place, and its number within.
pub(super) fn split(place: u32) -> (u32, u32) {
    (place / BLOCK_PLACES, place % BLOCK_PLACES)
}

impl Places {
    /// Takes the row of each block.
    pub(super) fn new(rows: Vec<u32>) -> Places {
        Places {
            rows,
            ..Places::default()
        }
    }

    /// Finds the rows of the frequent pieces.
    pub(super) fn with_frequent(rows: Vec<u32>, pieces: &Lexicon, rows_count: u32) -> Places {
        let mut places = Places::new(rows);
        let frequent_min = rows_count / DENSE_ROWS_SHARE;
        let [_, several, _] = pieces.kinds();
        let mut blocks = vec![0; stride(rows_count)];
        for piece in several.filter(|&piece| pieces.ids_count(piece) > frequent_min) {
            blocks.fill(0);
            pieces.for_each_id(piece, |place| set_bit(&mut blocks, places.row(place)));
            if count_bits(&blocks) > frequent_min {
                places.frequent.push(piece);
                places.bitmaps.extend_from_slice(&blocks);
            }
        }
        places.frequent.shrink_to_fit();
        places.bitmaps.shrink_to_fit();
        places
    }

    /// Returns the row of a place.
    #[inline]
    pub(super) fn row(&self, place: u32) -> u32 {
        self.rows[(place / BLOCK_PLACES) as usize]
    }

    /// Returns how many places there are, with those that are left out.
    pub(super) fn count(&self) -> u32 {
        first_of(self.rows.len() as u32)
    }

    /// Returns the row of each block of places.
    pub(super) fn block_rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the rows of a piece that is in many, as a bitmap.
    pub(super) fn frequent(&self, piece: u32, stride: usize) -> Option<&[u64]> {
        let rank = self.frequent.binary_search(&piece).ok()?;
        Some(&self.bitmaps[rank * stride..][..stride])
    }

    pub(super) fn bytes(&self) -> usize {
        (self.rows.capacity() + self.frequent.capacity()) * size_of::<u32>()
            + self.bitmaps.capacity() * size_of::<u64>()
    }
}

#[cfg(feature = "durable")]
impl Stored for Places {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.rows)?;
        out.slice(&self.frequent)?;
        out.slice(&self.bitmaps)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Places> {
        Ok(Places {
            rows: input.vec()?,
            frequent: input.vec()?,
            bitmaps: input.vec()?,
        })
    }
}
