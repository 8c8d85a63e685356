//! The rows of short terms whose union is expensive, made once, at sealing.
//!
//! A letter or a pair of letters is in thousands of words, each in some thousands of
//! rows: a union reads most postings there are, and cannot end early while a few rows
//! hold none. Yet all such unions together cost little more
//! than one: a pass over the postings collects, for each row, a bit for each of the
//! [`KEPT_MAX`] most expensive terms.
//!
//! # Cost
//!
//! A bitmap a term: 16 bytes a row at most, and the same again while they are made.
//! What is left out costs less to unite than anything kept, or than half a posting
//! a row.

#[cfg(feature = "durable")]
use std::io;

use super::grams::GRAM_BYTES;
use super::{Words, count_bits, for_each_bit, set_bit, stride, unite_blocks};
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// How many terms are kept at most: the bits of a [`Mask`].
const KEPT_MAX: usize = Mask::BITS as usize;

/// The rows below which no union is expensive.
const ROWS_MIN: u32 = 16_384;

/// A bit for each kept term.
type Mask = u128;

/// The kept terms, the most expensive first, and their rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// One to three bytes each.
    terms: Vec<Box<[u8]>>,
    rows_counts: Vec<u32>,
    /// The bitmaps one after another.
    blocks: Vec<u64>,
}

/// A short term, and what its union would cost in postings.
struct Expensive {
    cost: u64,
    term: Box<[u8]>,
    grams: std::ops::Range<usize>,
}

impl Kept {
    /// Chooses the most expensive terms of finished words, and unites their rows.
    ///
    /// Cost: O(postings), and 16 bytes a row and a word while it lasts.
    pub(super) fn make(words: &Words) -> Kept {
        let rows_count = words.rows_count;
        if rows_count < ROWS_MIN {
            return Kept::default();
        }
        let chosen = choose(words);
        let masks = mark_words(words, &chosen);
        let mut blocks = transpose(&collect_rows(words, &masks), chosen.len());
        let [dense, ..] = words.kinds();
        for word in dense {
            for_each_term(masks[word as usize], |rank| {
                unite_blocks(bitmap_mut(&mut blocks, rank, rows_count), words.dense(word));
            });
        }
        let rows_counts = blocks.chunks(stride(rows_count)).map(count_bits).collect();
        Kept {
            terms: chosen.into_iter().map(|term| term.term).collect(),
            rows_counts,
            blocks,
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

    /// Returns the bitmap of a kept term and its count.
    pub(super) fn rows(&self, rank: u32, rows_count: u32) -> (&[u64], u32) {
        let stride = stride(rows_count);
        let rank = rank as usize;
        (
            &self.blocks[rank * stride..][..stride],
            self.rows_counts[rank],
        )
    }

    pub(super) fn bytes(&self) -> usize {
        let terms: usize = self.terms.iter().map(|term| term.len()).sum();
        self.terms.capacity() * size_of::<Box<[u8]>>()
            + terms
            + self.rows_counts.capacity() * size_of::<u32>()
            + self.blocks.capacity() * size_of::<u64>()
    }
}

/// Returns the most expensive short terms, the most expensive first.
fn choose(words: &Words) -> Vec<Expensive> {
    let mut costs: Vec<u64> = Vec::new();
    for gram in words.grams.starting_with(b"") {
        let mut cost = 0;
        words
            .grams
            .for_each_word(gram, |word| cost += words.word_cost(word));
        costs.push(cost);
    }
    let mut chosen = Vec::new();
    words.grams.for_each_run(|term, grams| {
        let cost = costs[grams.clone()].iter().sum();
        if cost > u64::from(words.rows_count / 2) {
            let term = term.into();
            chosen.push(Expensive { cost, term, grams });
        }
    });
    chosen.sort_by(|a, b| b.cost.cmp(&a.cost).then_with(|| a.term.cmp(&b.term)));
    chosen.truncate(KEPT_MAX);
    chosen
}

/// Returns, for each word, which of the terms it holds.
fn mark_words(words: &Words, chosen: &[Expensive]) -> Vec<Mask> {
    let mut masks = vec![0; words.words_count() as usize];
    for (rank, term) in chosen.iter().enumerate() {
        for gram in term.grams.clone() {
            words
                .grams
                .for_each_word(gram, |word| masks[word as usize] |= 1 << rank);
        }
    }
    masks
}

/// Returns, for each row, the terms of its words but the frequent ones.
fn collect_rows(words: &Words, masks: &[Mask]) -> Vec<Mask> {
    let mut rows: Vec<Mask> = vec![0; words.rows_count as usize];
    let [_, several, single] = words.kinds();
    for (list, word) in several.enumerate() {
        let mask = masks[word as usize];
        if mask != 0 {
            let visit = |row: u32| rows[row as usize] |= mask;
            words.postings.several.for_each(list, visit);
        }
    }
    for (&row, word) in words.postings.single.iter().zip(single) {
        rows[row as usize] |= masks[word as usize];
    }
    rows
}

/// Turns a mask of terms for each row into a bitmap of rows for each term.
fn transpose(rows: &[Mask], terms_count: usize) -> Vec<u64> {
    let rows_count = rows.len() as u32;
    let mut blocks = vec![0; terms_count * stride(rows_count)];
    for (row, &mask) in rows.iter().enumerate() {
        for_each_term(mask, |rank| {
            set_bit(bitmap_mut(&mut blocks, rank, rows_count), row as u32);
        });
    }
    blocks
}

fn bitmap_mut(blocks: &mut [u64], rank: usize, rows_count: u32) -> &mut [u64] {
    let stride = stride(rows_count);
    &mut blocks[rank * stride..][..stride]
}

/// Visits the ranks of the terms of a mask.
fn for_each_term(mask: Mask, mut visit: impl FnMut(usize)) {
    let halves = [mask as u64, (mask >> 64) as u64];
    for_each_bit(&halves, 0..Mask::BITS, |rank| visit(rank as usize));
}

#[cfg(feature = "durable")]
impl Stored for Kept {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.count(self.terms.len())?;
        self.terms.iter().try_for_each(|term| out.slice(term))?;
        out.slice(&self.rows_counts)?;
        out.slice(&self.blocks)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Kept> {
        let count = input.number::<usize>()?;
        let terms = (0..count.min(KEPT_MAX)).map(|_| input.boxed());
        Ok(Kept {
            terms: terms.collect::<io::Result<_>>()?,
            rows_counts: input.vec()?,
            blocks: input.vec()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_as_long_as_a_gram_are_found() {
        let kept = Kept {
            terms: vec![Box::from(*b"ab"), Box::from(*b"abc")],
            rows_counts: vec![7, 5],
            blocks: vec![0; 10],
        };
        assert_eq!(kept.find(b"ab"), Some((0, 7)));
        assert_eq!(kept.find(b"abc"), Some((1, 5)));
        assert_eq!((kept.find(b"abcd"), kept.find(b"b")), (None, None));
        let boxes = size_of_val(&kept.terms[..]) + 5;
        assert_eq!(kept.bytes(), boxes + 2 * 4 + 10 * 8);
    }
}
