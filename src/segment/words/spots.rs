//! The spots of the pieces of cut words: where each piece occurs.
//!
//! The occurrences of pieces in a segment are numbered row by row and word by word, with one or two numbers
//! left out after each word; the number of an occurrence is its spot. So pieces are adjacent in a word
//! exactly where their spots are consecutive, and a term that was cut is found by its pieces at the spots
//! that they have in it.
//!
//! # Invariants
//!
//! * All spots of a stretch, which are [`STRETCH_SPOTS`], belong to one row. Stretches are in the order of
//!   their rows, and spots in the order in which pieces occur in a row.

#[cfg(feature = "durable")]
use std::io;

use super::bits::{count_bits, set_bit, stride};
use super::lexicon::Lexicon;
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// The number of spots in a stretch. More would leave more spots unused, fewer would take more memory.
const STRETCH_SPOTS: u32 = 32;

/// The most stretches in a segment: room for 8.6 GB of words that the fine rule cuts. One less than there are
/// numbers for, so that the end of a window past the last spot is a number too.
pub(super) const STRETCHES_MAX: u32 = u32::MAX / STRETCH_SPOTS - 1;

/// The most spots in a segment.
pub(super) const SPOTS_MAX: u32 = STRETCHES_MAX * STRETCH_SPOTS;

/// The rows of the spots.
#[derive(Clone, Debug, Default)]
pub(super) struct Spots {
    /// The row of each stretch of spots.
    rows: Vec<u32>,
    /// The pieces that are in many rows, ascending. They have bitmaps because they occur many times in
    /// most of these rows.
    frequent: Vec<u32>,
    /// The bitmaps of their rows, one after another.
    bitmaps: Vec<u64>,
}

/// Returns how many stretches a number of spots take.
pub(super) fn stretches_of(spots_count: u32) -> u32 {
    spots_count.div_ceil(STRETCH_SPOTS)
}

/// Returns the first spot of a stretch.
pub(super) fn first_of(stretch: u32) -> u32 {
    stretch * STRETCH_SPOTS
}

/// Returns the stretch of a spot, and the spot's index in it.
pub(super) fn split(spot: u32) -> (u32, u32) {
    (spot / STRETCH_SPOTS, spot % STRETCH_SPOTS)
}

impl Spots {
    /// Makes spots of the row of each stretch, without bitmaps.
    pub(super) fn new(rows: Vec<u32>) -> Spots {
        Spots {
            rows,
            ..Spots::default()
        }
    }

    /// Makes spots of the row of each stretch, with bitmaps of the pieces in more than `frequent_min` rows.
    pub(super) fn with_frequent(
        rows: Vec<u32>,
        pieces: &Lexicon,
        rows_count: u32,
        frequent_min: u32,
    ) -> Spots {
        let mut spots = Spots::new(rows);
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

    /// Visits the rows of the spots whose bits are set, ascending; a row may come again. The first bit is that
    /// of the first spot of a stretch.
    pub(super) fn for_each_row(&self, first_spot: u32, bits: &[u64], mut visit: impl FnMut(u32)) {
        // The bits of a stretch are half an integer, and stretches are looked at 64 at a time: a branch for
        // each would take longer than all else.
        const { assert!(STRETCH_SPOTS == u32::BITS) };
        let (first_stretch, _) = split(first_spot);
        let rows = self.rows[first_stretch as usize..].chunks(64);
        for (rows, bits) in rows.zip(bits.chunks(32)) {
            let mut stretches = bits.iter().enumerate().fold(0, |all, (index, &both)| {
                let [low, high] =
                    [both as u32, (both >> 32) as u32].map(|half| u64::from(half != 0));
                all | (low | high << 1) << (2 * index)
            });
            while stretches != 0 {
                if let Some(&row) = rows.get(stretches.trailing_zeros() as usize) {
                    visit(row);
                }
                stretches &= stretches - 1;
            }
        }
    }

    /// Returns the number of spots, including unused ones.
    pub(super) fn count(&self) -> u32 {
        first_of(self.rows.len() as u32)
    }

    /// Returns the row of each stretch of spots.
    pub(super) fn stretch_rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the bitmap of a piece that is in many rows.
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
