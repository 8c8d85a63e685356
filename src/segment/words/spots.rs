//! The spots of the pieces of cut words: where each occurs.
//!
//! The pieces that a rule cuts are numbered through, row by row and word by word, with a number
//! left out after each word; the number of one occurrence of a piece is its spot. So pieces are
//! next to each other in a word exactly where their spots are, and a term that was cut is found by
//! its pieces at spots that follow each other.
//!
//! # Invariants
//!
//! * A stretch of [`STRETCH_SPOTS`] spots is of one row, stretches ascend with their rows, and
//!   so do the spots of a row's pieces.

#[cfg(feature = "durable")]
use std::io;

use super::bits::{count_bits, set_bit, stride};
use super::lexicon::{DENSE_ROWS_SHARE, Lexicon};
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// The spots that are of one row; more would leave more of them empty, fewer take more memory.
const STRETCH_SPOTS: u32 = 32;

/// The most stretches of spots that a segment has room for: more than 10 GB of words that are cut.
pub(super) const STRETCHES_MAX: u32 = u32::MAX / STRETCH_SPOTS;

/// The most spots likewise.
pub(super) const SPOTS_MAX: u32 = STRETCHES_MAX * STRETCH_SPOTS;

/// The rows of the spots.
#[derive(Clone, Debug, Default)]
pub(super) struct Spots {
    /// The row of each stretch of spots.
    rows: Vec<u32>,
    /// The pieces that are in many rows, ascending, and the bitmaps of their rows: they
    /// come many times in most of these.
    frequent: Vec<u32>,
    bitmaps: Vec<u64>,
}

/// Returns the stretches that a number of spots take.
pub(super) fn stretches_of(spots_count: u32) -> u32 {
    spots_count.div_ceil(STRETCH_SPOTS)
}

/// Returns the first spot of a stretch.
pub(super) fn first_of(stretch: u32) -> u32 {
    stretch * STRETCH_SPOTS
}

/// Returns the stretch of a spot, and its number within.
pub(super) fn split(spot: u32) -> (u32, u32) {
    (spot / STRETCH_SPOTS, spot % STRETCH_SPOTS)
}

impl Spots {
    /// Takes the row of each stretch.
    pub(super) fn new(rows: Vec<u32>) -> Spots {
        Spots {
            rows,
            ..Spots::default()
        }
    }

    /// Finds the rows of the frequent pieces.
    pub(super) fn with_frequent(rows: Vec<u32>, pieces: &Lexicon, rows_count: u32) -> Spots {
        let mut spots = Spots::new(rows);
        let frequent_min = rows_count / DENSE_ROWS_SHARE;
        let [_, several, _] = pieces.kinds();
        let mut bits = vec![0; stride(rows_count)];
        for piece in several.filter(|&piece| pieces.ids_count(piece) > frequent_min) {
            bits.fill(0);
            pieces.for_each_id(piece, |spot| set_bit(&mut bits, spots.row(spot)));
            if count_bits(&bits) > frequent_min {
                spots.frequent.push(piece);
                spots.bitmaps.extend_from_slice(&bits);
            }
        }
        spots.frequent.shrink_to_fit();
        spots.bitmaps.shrink_to_fit();
        spots
    }

    /// Returns the row of a spot.
    #[inline]
    pub(super) fn row(&self, spot: u32) -> u32 {
        self.rows[(spot / STRETCH_SPOTS) as usize]
    }

    /// Returns how many spots there are, with those that are left out.
    pub(super) fn count(&self) -> u32 {
        first_of(self.rows.len() as u32)
    }

    /// Returns the row of each stretch of spots.
    pub(super) fn stretch_rows(&self) -> &[u32] {
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
impl Stored for Spots {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.rows)?;
        out.slice(&self.frequent)?;
        out.slice(&self.bitmaps)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Spots> {
        Ok(Spots {
            rows: input.vec()?,
            frequent: input.vec()?,
            bitmaps: input.vec()?,
        })
    }
}
