//! Several word indexes made one.
//!
//! Each input lists its words in byte order and their rows ascending, and rows move
//! without passing one another. So words are merged and never sorted or hashed; only
//! the rows of a word that several inputs hold have to be put in order.
//!
//! # Cost
//!
//! O(postings + w · log inputs) for w words, then the grams and kept rows as at sealing.
//! Beside the result no more than one word's rows are held.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::builder::head_of;
use super::packed::Offsets;
use super::{Kind, Postings, Words, set_bit, stride};

/// The move of a row that is not taken over.
pub(crate) const MOVE_DROPPED: u32 = u32::MAX;

/// A part of a merge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergeInput<'a> {
    pub(crate) words: &'a Words,
    /// The row in the result of each row, or [`MOVE_DROPPED`]; else ascending.
    pub(crate) moves: &'a [u32],
}

impl Words {
    /// Merges indexes into one of a number of rows.
    ///
    /// No two rows may move to one place. Words that only dropped rows held are gone.
    pub(crate) fn merge(inputs: &[MergeInput<'_>], rows_count: u32) -> Words {
        let mut assembly = Assembly::new(rows_count);
        let runs = inputs.iter().flat_map(|input| {
            let runs = input.words.kinds().into_iter();
            runs.filter_map(move |words| Head::new(input, words))
        });
        let mut heads: BinaryHeap<Reverse<Head>> = runs.map(Reverse).collect();
        let mut rows = Vec::new();
        while let Some(Reverse(first)) = heads.peek() {
            let text = first.text;
            rows.clear();
            let mut holders_count = 0;
            while let Some(mut head) = heads.peek_mut()
                && head.0.text == text
            {
                holders_count += 1;
                head.0.add_rows(&mut rows);
                match head.0.next() {
                    Some(next) => head.0 = next,
                    None => _ = PeekMut::pop(head),
                }
            }
            if holders_count > 1 {
                #[expect(clippy::stable_sort_primitive, reason = "it merges ascending runs")]
                rows.sort();
            }
            assembly.push(text, &rows);
        }
        assembly.finish()
    }
}

/// The next word of one kind of one input; heads are in the order of their words.
#[derive(Clone, Debug)]
struct Head<'a> {
    /// The first bytes of the word, which decide most comparisons.
    prefix: u64,
    text: &'a [u8],
    input: &'a MergeInput<'a>,
    /// The words after this one too.
    left: Range<u32>,
}

impl<'a> Head<'a> {
    fn new(input: &'a MergeInput<'a>, left: Range<u32>) -> Option<Head<'a>> {
        let text = input.words.word((!left.is_empty()).then_some(left.start)?);
        Some(Head {
            prefix: head_of(text, text.len()),
            text,
            input,
            left,
        })
    }

    fn next(&self) -> Option<Head<'a>> {
        Head::new(self.input, self.left.start + 1..self.left.end)
    }

    /// Appends the word's rows, moved.
    fn add_rows(&self, rows: &mut Vec<u32>) {
        let moves = self.input.moves;
        self.input.words.for_each_row(self.left.start, |row| {
            rows.extend(Some(moves[row as usize]).filter(|&to| to != MOVE_DROPPED));
        });
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_prefix = self.prefix.cmp(&other.prefix);
        by_prefix.then_with(|| self.text.cmp(other.text))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}

/// An index in the making, whose words come in byte order.
struct Assembly {
    rows_count: u32,
    /// The words of each kind and their ends.
    texts: [(Vec<u8>, Offsets); Kind::ALL.len()],
    postings: Postings,
}

impl Assembly {
    fn new(rows_count: u32) -> Assembly {
        Assembly {
            rows_count,
            texts: Default::default(),
            postings: Postings::default(),
        }
    }

    /// Takes a word and its rows, ascending; nothing where there are none.
    fn push(&mut self, word: &[u8], rows: &[u32]) {
        let postings = &mut self.postings;
        let count = rows.len() as u32;
        let Some(kind) = Kind::of(count, self.rows_count) else {
            return;
        };
        match kind {
            Kind::Dense => {
                let start = postings.dense.len();
                postings.dense.resize(start + stride(self.rows_count), 0);
                let bitmap = &mut postings.dense[start..];
                for &row in rows {
                    set_bit(bitmap, row);
                }
                postings.dense_counts.push(count);
            }
            Kind::Several => {
                postings.several.push(rows);
                postings.several_counts.push(count);
            }
            Kind::Single => postings.single.extend_from_slice(rows),
        }
        let (text, ends) = &mut self.texts[kind as usize];
        text.extend_from_slice(word);
        ends.push(text.len());
    }

    fn finish(self) -> Words {
        let bytes = self.texts.iter().map(|(text, _)| text.len()).sum();
        let mut all = Vec::with_capacity(bytes);
        let mut all_ends = Offsets::default();
        for (text, ends) in self.texts {
            for word in 0..ends.count() {
                all_ends.push(all.len() + ends.get(word));
            }
            all.extend_from_slice(&text);
        }
        all_ends.shrink();
        let mut postings = self.postings;
        postings.dense_counts.shrink_to_fit();
        postings.dense.shrink_to_fit();
        postings.several_counts.shrink_to_fit();
        postings.several.shrink();
        postings.single.shrink_to_fit();
        Words::finish(self.rows_count, all, all_ends, postings)
    }
}
