//! The rows of short terms whose union is expensive, made once, at sealing.
//!
//! A letter or a pair of letters is in thousands of words, each in some thousands of rows. A union reads
//! most of all postings, and cannot end early while a few rows are missing. Yet all such unions together
//! cost little more than one: a single pass over the postings collects, for each row, a bit for each of
//! [`PASS_TERMS`] terms, the most expensive ones first.
//!
//! # Cost
//!
//! A bitmap for each term, which is at most 16 bytes for each row and pass, and 16 bytes more for each row
//! while they are made. A term that is not kept costs at most half a posting for each row to unite, or no
//! more than any kept term. Prose has terms for one pass. With random text, most pairs of characters are
//! in very many pieces, and cost more than [`COST_OF_MORE`] postings for each row.

use std::collections::HashMap;
#[cfg(feature = "durable")]
use std::io;

use super::Words;
use super::bits::{count_bits, set_bit, stride, unite_bits};
use super::cut::Rule;
use super::grams::GRAM_BYTES;
use super::lexicon::Lexicon;
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// How many terms a pass collects: the bits of a [`Mask`].
const PASS_TERMS: usize = Mask::BITS as usize;

/// Terms beyond the first pass are kept only if they cost more than this many postings for each row.
const COST_OF_MORE: u64 = 2;

/// The most terms that are kept.
const KEPT_MAX: usize = 4 * PASS_TERMS;

/// With fewer rows than this, no union is expensive and no term is kept.
const ROWS_MIN: u32 = 16_384;

/// A bit for each term of a pass.
type Mask = u128;

/// The kept terms, the most expensive first, and their rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// One to three bytes each.
    terms: Vec<Box<[u8]>>,
    rows_counts: Vec<u32>,
    /// The bitmaps one after another.
    bits: Vec<u64>,
}

impl Kept {
    /// Chooses the most expensive terms of finished words, and unites their rows.
    ///
    /// Cost: O(postings) for each pass, and meanwhile 16 bytes for each row and each word.
    pub(super) fn make(words: &Words) -> Kept {
        let rows_count = words.rows_count;
        if rows_count < ROWS_MIN {
            return Kept::default();
        }
        let terms = choose(words);
        let mut bits = Vec::with_capacity(terms.len() * stride(rows_count));
        for terms in terms.chunks(PASS_TERMS) {
            let mut of_pass = transpose(&collect_rows(words, terms), terms.len());
            for (rank, term) in terms.iter().enumerate() {
                unite_others(words, term, bitmap_mut(&mut of_pass, rank, rows_count));
            }
            bits.extend_from_slice(&of_pass);
        }
        let rows_counts = bits.chunks(stride(rows_count)).map(count_bits).collect();
        Kept {
            terms,
            rows_counts,
            bits,
        }
    }

    /// Returns the rank of a kept term, and how many rows hold it.
    pub(super) fn find(&self, term: &[u8]) -> Option<(u32, u32)> {
        if term.len() > GRAM_BYTES {
            return None;
        }
        let rank = self.terms.iter().position(|kept| **kept == *term)?;
        Some((rank as u32, self.rows_counts[rank]))
    }

    /// Returns the bitmap of a kept term, and the number of its rows.
    pub(super) fn rows(&self, rank: u32, rows_count: u32) -> (&[u64], u32) {
        let stride = stride(rows_count);
        let rank = rank as usize;
        (
            &self.bits[rank * stride..][..stride],
            self.rows_counts[rank],
        )
    }

    pub(super) fn bytes(&self) -> usize {
        let terms: usize = self.terms.iter().map(|term| term.len()).sum();
        self.terms.capacity() * size_of::<Box<[u8]>>()
            + terms
            + self.rows_counts.capacity() * size_of::<u32>()
            + self.bits.capacity() * size_of::<u64>()
    }
}

/// Returns the most expensive short terms, the most expensive first.
fn choose(words: &Words) -> Vec<Box<[u8]>> {
    let mut costs: HashMap<Box<[u8]>, u64> = HashMap::new();
    add_costs(&words.whole, |word| words.whole.cost(word), &mut costs);
    for cut in &words.cut {
        add_costs(&cut.pieces, |piece| cut.piece_cost(piece), &mut costs);
    }
    let cost_min = u64::from(words.rows_count / 2);
    let expensive = costs.into_iter().filter(|(_, cost)| *cost > cost_min);
    let mut chosen: Vec<(Box<[u8]>, u64)> = expensive.collect();
    chosen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more_min = u64::from(words.rows_count) * COST_OF_MORE;
    let more = chosen.iter().take_while(|(_, cost)| *cost > more_min);
    let count = more.count().clamp(PASS_TERMS, KEPT_MAX);
    chosen.truncate(count);
    chosen.into_iter().map(|(term, _)| term).collect()
}

/// Adds the cost of uniting the ids in a lexicon, for each short term.
fn add_costs(lexicon: &Lexicon, cost_of: impl Fn(u32) -> u64, costs: &mut HashMap<Box<[u8]>, u64>) {
    let mut of_grams: Vec<u64> = Vec::new();
    for gram in lexicon.grams.starting_with(b"") {
        let mut cost = 0;
        let add = |number| cost += cost_of(number);
        lexicon.grams.for_each_text(gram, add);
        of_grams.push(cost);
    }
    lexicon.grams.for_each_run(|term, grams| {
        let cost: u64 = of_grams[grams].iter().sum();
        if cost > 0 {
            *costs.entry(term.into()).or_default() += cost;
        }
    });
}

/// Returns, for each text of a lexicon, a mask of the terms that it holds.
fn mark_texts(lexicon: &Lexicon, terms: &[Box<[u8]>]) -> Vec<Mask> {
    let mut masks = vec![0; lexicon.count() as usize];
    if !lexicon.grams.is_empty() {
        let mut of_grams: Vec<Mask> = vec![0; lexicon.grams.starting_with(b"").len()];
        for (rank, term) in terms.iter().enumerate() {
            let own = &mut of_grams[lexicon.grams.starting_with(term)];
            for mask in own {
                *mask |= 1 << rank;
            }
        }
        for (gram, &mask) in of_grams.iter().enumerate() {
            if mask != 0 {
                let mark = |number: u32| masks[number as usize] |= mask;
                lexicon.grams.for_each_text(gram, mark);
            }
        }
        return masks;
    }
    for (rank, term) in terms.iter().enumerate() {
        let mark = |number: u32| masks[number as usize] |= 1 << rank;
        lexicon.find(term).for_each_in(0..lexicon.count(), mark);
    }
    masks
}

/// Returns, for each row, a mask of the terms that its words and pieces hold, without those that have
/// bitmaps.
fn collect_rows(words: &Words, terms: &[Box<[u8]>]) -> Vec<Mask> {
    let mut rows: Vec<Mask> = vec![0; words.rows_count as usize];
    let whole = &words.whole;
    let [dense, several, single] = whole.kinds();
    let masks = mark_texts(whole, terms);
    for word in several.start..single.end {
        let mask = masks[word as usize];
        if mask != 0 {
            whole.for_each_id(word, |row| rows[row as usize] |= mask);
        }
    }
    debug_assert_eq!(dense.end, several.start);
    for cut in &words.cut {
        let masks = mark_texts(&cut.pieces, terms);
        for (piece, &mask) in (0..).zip(&masks) {
            if mask != 0 && cut.frequent(piece).is_none() {
                cut.for_each_row_of(piece, |row| rows[row as usize] |= mask);
            }
        }
    }
    rows
}

/// Adds the rows of the words and pieces with bitmaps that hold a term, and those where it is cut.
fn unite_others(words: &Words, term: &[u8], bits: &mut [u64]) {
    let [dense, ..] = words.whole.kinds();
    let held_by = words.whole.find(term);
    held_by.for_each_in(dense, |word| {
        unite_bits(bits, words.whole.dense(word));
    });
    // Only runs that are UTF-8 are chosen as terms.
    let term = std::str::from_utf8(term).unwrap_or_default();
    for (rule, cut) in Rule::ALL.into_iter().zip(&words.cut) {
        let Some(held) = cut.find(rule, term) else {
            continue;
        };
        held.pieces.for_each_in(0..cut.pieces.count(), |piece| {
            if let Some(others) = cut.frequent(piece) {
                unite_bits(bits, others);
            }
        });
        for chain in &held.chains {
            let add = |row| set_bit(bits, row);
            chain.for_each_row(&cut.pieces, &cut.spots, None, add);
        }
    }
}

/// Turns a mask of terms for each row into a bitmap of rows for each term.
fn transpose(rows: &[Mask], terms_count: usize) -> Vec<u64> {
    let stride = stride(rows.len() as u32);
    let mut bits = vec![0; terms_count * stride];
    for (index, rows) in rows.chunks(64).enumerate() {
        for first in (0..terms_count).step_by(64) {
            let mut square = [0; 64];
            for (own, mask) in square.iter_mut().zip(rows) {
                *own = (mask >> first) as u64;
            }
            turn(&mut square);
            for (rank, &own) in (first..terms_count).zip(&square) {
                bits[rank * stride + index] = own;
            }
        }
    }
    bits
}

/// Transposes a square of bits: bit j of number i becomes bit i of number j.
fn turn(bits: &mut [u64; 64]) {
    // Swaps squares of this width across the diagonal, then the smaller squares within them.
    let (mut width, mut lows) = (32, u64::MAX >> 32);
    while width > 0 {
        for at in (0..64).filter(|at| at & width == 0) {
            let changed = (bits[at] >> width ^ bits[at + width]) & lows;
            bits[at] ^= changed << width;
            bits[at + width] ^= changed;
        }
        width /= 2;
        lows ^= lows << width;
    }
}

fn bitmap_mut(bits: &mut [u64], rank: usize, rows_count: u32) -> &mut [u64] {
    let stride = stride(rows_count);
    &mut bits[rank * stride..][..stride]
}

#[cfg(feature = "durable")]
impl Stored for Kept {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.count(self.terms.len())?;
        self.terms.iter().try_for_each(|term| out.slice(term))?;
        out.slice(&self.rows_counts)?;
        out.slice(&self.bits)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Kept> {
        let count = input.number::<usize>()?;
        let terms = (0..count.min(KEPT_MAX)).map(|_| input.boxed());
        Ok(Kept {
            terms: terms.collect::<io::Result<_>>()?,
            rows_counts: input.vec()?,
            bits: input.vec()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_turn_about_the_diagonal() {
        let bit = |i: u64, j: u64| (i * 77 + j * j * 13) % 5 % 2;
        let mut bits: [u64; 64] =
            std::array::from_fn(|i| (0..64).map(|j| bit(i as u64, j) << j).sum());
        turn(&mut bits);
        for (j, bits) in (0..).zip(bits) {
            assert!((0..64).all(|i| bits >> i & 1 == bit(i, j)));
        }
    }

    #[test]
    fn terms_as_long_as_a_gram_are_found() {
        let kept = Kept {
            terms: vec![Box::from(*b"ab"), Box::from(*b"abc")],
            rows_counts: vec![7, 5],
            bits: vec![0; 10],
        };
        assert_eq!(kept.find(b"ab"), Some((0, 7)));
        assert_eq!(kept.find(b"abc"), Some((1, 5)));
        assert_eq!((kept.find(b"abcd"), kept.find(b"b")), (None, None));
        let boxes = size_of_val(&kept.terms[..]) + 5;
        assert_eq!(kept.bytes(), boxes + 2 * 4 + 10 * 8);
    }
}
