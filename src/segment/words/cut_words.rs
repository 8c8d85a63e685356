//! The words that one rule cuts: their pieces, and what of these holds a term.

#[cfg(feature = "durable")]
use std::io;

use super::bits::{set_bit, stride, unite_bits};
use super::chain::{Chain, Holds};
use super::cut::Rule;
#[cfg(feature = "durable")]
use super::lexicon::Ids;
use super::lexicon::{Lexicon, Numbers, bitmap_cost};
use super::spots::Spots;
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// The pieces of words that one rule cuts, and their spots.
#[derive(Clone, Debug)]
pub(super) struct CutWords {
    pub(super) pieces: Lexicon,
    pub(super) spots: Spots,
    rows_count: u32,
}

/// What holds a term inside of words that are cut.
#[derive(Clone, Debug)]
pub(super) struct HeldInside {
    pub(super) pieces: Numbers,
    /// For each way in which the term may be cut.
    pub(super) chains: Vec<Chain>,
}

impl CutWords {
    /// Joins pieces and the row of each stretch of their spots.
    pub(super) fn new(
        rule: Rule,
        pieces: Lexicon,
        stretch_rows: Vec<u32>,
        rows_count: u32,
    ) -> CutWords {
        let spots = match rule {
            Rule::Coarse => Spots::with_frequent(stretch_rows, &pieces, rows_count),
            // Only terms of one or two bytes are inside of several pieces, and of those the
            // expensive ones are kept.
            Rule::Fine => Spots::new(stretch_rows),
        };
        CutWords {
            pieces,
            spots,
            rows_count,
        }
    }

    /// Finds a term in words that are cut by a rule, which is the one of these.
    pub(super) fn find(&self, rule: Rule, term: &str) -> HeldInside {
        let mut held = HeldInside {
            pieces: Numbers::none(),
            chains: Vec::new(),
        };
        if self.pieces.count() > 0 {
            if rule.is_inside(term) {
                held.pieces = self.pieces.find(term.as_bytes());
            }
            let chains = rule.chains(term).into_iter();
            held.chains = chains
                .filter_map(|parts| Chain::find(&self.pieces, &parts))
                .collect();
        }
        held
    }

    /// Returns at how many spots a term is at most, and what finding its rows costs, in steps
    /// from posting to posting.
    pub(super) fn measure(&self, held: &HeldInside) -> (u64, u64) {
        let (mut count, mut cost) = (0, 0);
        held.pieces.for_each_in(0..self.pieces.count(), |piece| {
            count += u64::from(self.pieces.ids_count(piece));
            cost += self.piece_cost(piece);
        });
        for chain in &held.chains {
            count += chain.spots_count();
            cost += chain.cost();
        }
        (count, cost)
    }

    /// Returns what reading the rows of a piece costs, in steps from posting to posting.
    pub(super) fn piece_cost(&self, piece: u32) -> u64 {
        match self.frequent(piece) {
            Some(bits) => bitmap_cost(bits.len()),
            None => self.pieces.cost(piece),
        }
    }

    /// Returns the bitmap of the rows of a piece, if they are many.
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
        self.pieces.bytes() + self.spots.bytes()
    }
}

#[cfg(feature = "durable")]
impl CutWords {
    pub(super) fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.pieces.write_to(out)?;
        self.spots.write_to(out)
    }

    pub(super) fn read_from(rows_count: u32, input: &mut StoredReader<'_>) -> io::Result<CutWords> {
        Ok(CutWords {
            pieces: Lexicon::read_from(Ids::Spots, input)?,
            spots: Spots::read_from(input)?,
            rows_count,
        })
    }
}
