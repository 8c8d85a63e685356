//! The words of a portion of rows, found, cut and hashed.
//!
//! Finding words needs nothing but the text, so any thread can do it before
//! [`WordsBuilder`](super::WordsBuilder) looks them up in its tables. Each look-up there waits for memory;
//! because the hashes of many words are known in advance, their waits overlap.
//!
//! # Cost
//!
//! Linear in the text. It takes 24 bytes for each word or piece, and one copy of the text.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::DefaultHashBuilder;

use super::super::text_order::{HEAD_BYTES, head_at};
use super::adjacent::AdjacentBytes;
use super::cut::{CUT_BYTES_MIN, Rule};
use crate::model::value::fold_into;

/// A word or a piece of one in the text of a portion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashedText {
    /// The first bytes, as [`head_of`] has them.
    pub(super) head: u64,
    pub(super) start: usize,
    /// The length in bytes; 0 for a spot that is left out after the pieces of a word.
    pub(super) length: u32,
    /// The lower half of the hash.
    pub(super) half: u32,
}

/// Stands for a spot that is left out.
const GAP: HashedText = HashedText {
    head: 0,
    start: 0,
    length: 0,
    half: 0,
};

/// The words or pieces of rows, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct HashedTexts {
    pub(super) texts: Vec<HashedText>,
    /// How many texts there are up to the end of each row.
    pub(super) row_ends: Vec<usize>,
}

impl HashedTexts {
    fn clear(&mut self) {
        self.texts.clear();
        self.row_ends.clear();
    }

    /// Adds the text that is `length` bytes of a longer one, from `start` on.
    #[inline]
    fn push(&mut self, all: &[u8], start: usize, length: usize, hasher: &DefaultHashBuilder) {
        let rest = &all[start..];
        let head = head_of(rest, length);
        self.texts.push(HashedText {
            head,
            start,
            // It fits: a text has at most 16 MiB.
            length: length as u32,
            half: hash(hasher, head, &rest[..length]) as u32,
        });
    }
}

/// The words of whole rows.
#[derive(Clone, Debug, Default)]
pub(super) struct HashedRows {
    /// All rows end to end, folded.
    pub(super) text: String,
    /// Where each row ends in the text.
    row_ends: Vec<usize>,
    pub(super) whole: HashedTexts,
    /// The pieces of words that are cut, by [`Rule`].
    pub(super) cut: [HashedTexts; Rule::ALL.len()],
    /// The adjacent bytes of the words that are cut, by [`Rule`].
    pub(super) adjacent: [AdjacentBytes; Rule::ALL.len()],
}

impl HashedRows {
    /// Replaces the rows by those of a text. `hasher` must be that of the tables in which the words will be
    /// looked up.
    ///
    /// `row_ends` are the ends of the rows in the text. White space separates the words of a row, and
    /// ends each row.
    pub(super) fn read(&mut self, text: &str, row_ends: &[usize], hasher: &DefaultHashBuilder) {
        self.text.clear();
        self.row_ends.clear();
        let mut start = 0;
        for &end in row_ends {
            let row = &text[start..end];
            if row.is_ascii() {
                let from = self.text.len();
                self.text.push_str(row);
                self.text[from..].make_ascii_lowercase();
            } else {
                fold_into(row, &mut self.text);
            }
            self.row_ends.push(self.text.len());
            start = end;
        }
        self.find_words([true; Rule::ALL.len()], hasher);
    }

    /// Finds the words of the text, and cuts them by the rules that are allowed; a word of another rule
    /// stays whole.
    pub(super) fn find_words(
        &mut self,
        is_allowed: [bool; Rule::ALL.len()],
        hasher: &DefaultHashBuilder,
    ) {
        let HashedRows {
            text,
            row_ends,
            whole,
            cut,
            adjacent,
        } = self;
        whole.clear();
        cut.iter_mut().for_each(HashedTexts::clear);
        adjacent.iter_mut().for_each(AdjacentBytes::clear);
        let bytes = text.as_bytes();
        let mut start = 0;
        for &end in &*row_ends {
            for_each_word(text, start..end, |word| {
                if word.len() < CUT_BYTES_MIN {
                    return whole.push(bytes, word.start, word.len(), hasher);
                }
                let own = &text[word.clone()];
                let rule = Rule::of(own).filter(|&rule| is_allowed[rule as usize]);
                let Some(rule) = rule else {
                    return whole.push(bytes, word.start, word.len(), hasher);
                };
                adjacent[rule as usize].insert(own.as_bytes());
                let pieces = &mut cut[rule as usize];
                rule.for_each_piece(own, |piece| {
                    pieces.push(bytes, word.start + piece.start, piece.len(), hasher);
                });
                let gaps = std::iter::repeat_n(GAP, rule.spots_between_words());
                pieces.texts.extend(gaps);
            });
            start = end;
            whole.row_ends.push(whole.texts.len());
            for pieces in &mut *cut {
                pieces.row_ends.push(pieces.texts.len());
            }
        }
    }
}

/// Visits each word of a row of a folded text.
#[inline]
fn for_each_word(text: &str, row: Range<usize>, mut visit: impl FnMut(Range<usize>)) {
    let bytes = &text.as_bytes()[..row.end];
    let is_ascii = bytes[row.start..].is_ascii();
    let mut visit = |word: Range<usize>| {
        if is_ascii || bytes[word.clone()].is_ascii() {
            visit(word);
        } else {
            for_each_part(text, word, &mut visit);
        }
    };
    let mut start = row.start;
    for base in (row.start..row.end).step_by(CHUNK_BYTES) {
        let mut low = low_bits(&bytes[base..]);
        while low != 0 {
            let at = base + low.trailing_zeros() as usize;
            low &= low - 1;
            if is_ascii_space(bytes[at]) {
                if start < at {
                    visit(start..at);
                }
                start = at + 1;
            }
        }
    }
    if start < row.end {
        visit(start..row.end);
    }
}

/// Visits the parts of a range of text that white space beyond ASCII separates.
fn for_each_part(text: &str, range: Range<usize>, visit: &mut impl FnMut(Range<usize>)) {
    let mut start = range.start;
    for part in text[range].split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        if !word.is_empty() {
            visit(start..start + word.len());
        }
        start += part.len();
    }
}

/// The number of bytes that are searched for white space at once.
const CHUNK_BYTES: usize = 64;

/// Returns a bit for each of the first [`CHUNK_BYTES`] bytes, which is set if the byte is at most a blank.
#[inline]
fn low_bits(bytes: &[u8]) -> u64 {
    let mut padded = [u8::MAX; CHUNK_BYTES];
    let chunk = bytes.first_chunk::<CHUNK_BYTES>().unwrap_or_else(|| {
        padded[..bytes.len()].copy_from_slice(bytes);
        &padded
    });
    let (integers, _) = chunk.as_chunks::<8>();
    let bits = |integer: &[u8; 8]| low_bits_of(u64::from_le_bytes(*integer));
    let shifted = integers.iter().enumerate();
    shifted.fold(0, |all, (index, integer)| {
        all | bits(integer) << (index * 8)
    })
}

/// Returns a bit for each of the eight bytes of an integer, the lowest first, which is set if the byte is at
/// most a blank.
#[inline]
fn low_bits_of(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Multiplying by this moves the lowest bit of each byte to its place in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let above = (bytes | HIGHS) - ONES * (u64::from(b' ') + 1);
    let low = !(above | bytes) & HIGHS;
    (low >> 7).wrapping_mul(GATHER) >> 56
}

/// Returns whether a byte of ASCII is white space by `char::is_whitespace`.
#[inline]
fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Returns the hash of a text whose head is known.
#[inline]
fn hash(hasher: &DefaultHashBuilder, head: u64, text: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write_u64(head);
    if text.len() > HEAD_BYTES {
        hasher.write(&text[HEAD_BYTES..]);
    }
    hasher.finish()
}

/// Returns the first bytes of a word as a big-endian number, padded with NULs.
///
/// The word is the first `length` bytes of the text. Where the text goes on after the word, the head is
/// read with one load.
#[inline]
pub(super) fn head_of(text: &[u8], length: usize) -> u64 {
    if let Some(&chunk) = text.first_chunk::<HEAD_BYTES>() {
        let past = HEAD_BYTES.saturating_sub(length) as u32 * u8::BITS;
        return u64::from_be_bytes(chunk) >> past << past;
    }
    head_at(&text[..length], 0)
}
