//! The words that one rule cuts: their pieces, and the search for a term inside them.

#[cfg(feature = "durable")]
use std::io;

use super::adjacent::AdjacentBytes;
use super::bits::{set_bit, stride, unite_bits};
use super::chain::{Chain, Holds};
use super::cut::{Rule, Way};
#[cfg(feature = "durable")]
use super::lexicon::Ids;
use super::lexicon::{DENSE_ROWS_SHARE, Lexicon, Numbers, bitmap_cost};
use super::spots::Spots;
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// A pair of characters that is in more than one row in this many has a bitmap. Of a rarer one, a hundred
/// thousand spots are read in less than half a millisecond, and there are many more such pairs.
const FREQUENT_PAIRS_SHARE: u32 = 8;

/// The pieces of words that one rule cuts, and their spots.
#[derive(Clone, Debug)]
pub(super) struct CutWords {
    pub(super) pieces: Lexicon,
    pub(super) adjacent: AdjacentBytes,
    pub(super) spots: Spots,
    rows_count: u32,
}

/// What holds a term inside words that are cut by one rule.
#[derive(Clone, Debug)]
pub(super) struct HeldInside {
    /// The pieces that hold the whole term.
    pub(super) pieces: Numbers,
    /// The parts of the term, for each way in which it may be cut.
    pub(super) chains: Vec<Chain>,
}

impl CutWords {
    /// Joins the pieces and adjacent bytes of words and the row of each stretch of spots.
    pub(super) fn new(
        rule: Rule,
        pieces: Lexicon,
        adjacent: AdjacentBytes,
        stretch_rows: Vec<u32>,
        rows_count: u32,
    ) -> CutWords {
        let with_frequent =
            |rows, share: u32| Spots::with_frequent(rows, &pieces, rows_count, rows_count / share);
        let spots = match rule {
            Rule::Coarse => with_frequent(stretch_rows, DENSE_ROWS_SHARE),
            // Only terms of one or two bytes are inside several pieces, and the rows of the expensive
            // ones among these are kept.
            Rule::Fine => Spots::new(stretch_rows),
            Rule::Pairs => with_frequent(stretch_rows, FREQUENT_PAIRS_SHARE),
        };
        CutWords {
            pieces,
            adjacent,
            spots,
            rows_count,
        }
    }

    /// Finds a term in the words; `rule` must be the one that cut them. None if no word holds it.
    pub(super) fn find(&self, rule: Rule, term: &str) -> Option<HeldInside> {
        if self.pieces.count() == 0 || !self.adjacent.may_hold(term.as_bytes()) {
            return None;
        }
        let (mut pieces, mut chains) = (Numbers::none(), Vec::new());
        rule.for_each_way(term, |way| match way {
            Way::Inside => pieces = self.pieces.find(term.as_bytes()),
            Way::Parts(parts) => chains.extend(Chain::find(&self.pieces, parts)),
        });
        let is_held = !(pieces.is_empty() && chains.is_empty());
        is_held.then_some(HeldInside { pieces, chains })
    }

    /// Returns an upper bound of the spots at which a term is, and the cost of finding its rows, in
    /// postings.
    pub(super) fn measure(&self, held: &HeldInside) -> (u64, u64) {
        let (mut count, mut cost) = (0, 0);
        held.pieces.for_each_in(0..self.pieces.count(), |piece| {
            count += u64::from(self.pieces.ids_count(piece));
            cost += self.piece_cost(piece);
        });
        for chain in &held.chains {
            count += chain.spots_count();
            cost += chain.cost(self.spots.count());
        }
        (count, cost)
    }

    /// Returns the cost of reading the rows of a piece, in postings.
    pub(super) fn piece_cost(&self, piece: u32) -> u64 {
        match self.frequent(piece) {
            Some(bits) => bitmap_cost(bits.len()),
            None => self.pieces.cost(piece),
        }
    }

    /// Returns the bitmap of the rows of a piece, if it has one.
    pub(super) fn frequent(&self, piece: u32) -> Option<&[u64]> {
        self.spots.frequent(piece, stride(self.rows_count))
    }

    /// Visits the rows of what holds a term, in any order; a row may come again.
    pub(super) fn for_each_row(
        &self,
        held: &HeldInside,
        holds: Holds<'_>,
        mut visit: impl FnMut(u32),
    ) {
        held.pieces.for_each_in(0..self.pieces.count(), |piece| {
            self.for_each_row_of(piece, &mut visit);
        });
        for chain in &held.chains {
            chain.for_each_row(&self.pieces, &self.spots, Some(holds), &mut visit);
        }
    }

    /// Visits the rows of a piece, ascending; a row may come again.
    #[inline]
    pub(super) fn for_each_row_of(&self, piece: u32, mut visit: impl FnMut(u32)) {
        let visit = |spot| visit(self.spots.row(spot));
        self.pieces.for_each_id(piece, visit);
    }

    /// Adds the rows of what holds a term to a bitmap.
    pub(super) fn unite(&self, held: &HeldInside, holds: Holds<'_>, bits: &mut [u64]) {
        held.pieces.for_each_in(0..self.pieces.count(), |piece| {
            if let Some(others) = self.frequent(piece) {
                unite_bits(bits, others);
            } else {
                self.for_each_row_of(piece, |row| set_bit(bits, row));
            }
        });
        for chain in &held.chains {
            let add = |row| set_bit(bits, row);
            chain.for_each_row(&self.pieces, &self.spots, Some(holds), add);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.pieces.bytes() + self.adjacent.bytes() + self.spots.bytes()
    }
}

#[cfg(feature = "durable")]
impl CutWords {
    pub(super) fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.pieces.write_to(out)?;
        self.adjacent.write_to(out)?;
        self.spots.write_to(out)
    }

    pub(super) fn read_from(rows_count: u32, input: &mut StoredReader<'_>) -> io::Result<CutWords> {
        Ok(CutWords {
            pieces: Lexicon::read_from(Ids::Spots, input)?,
            adjacent: AdjacentBytes::read_from(input)?,
            spots: Spots::read_from(input)?,
            rows_count,
        })
    }
}
