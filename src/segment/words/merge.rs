//! Several word indexes made one.
//!
//! Each input lists its words in byte order and their rows ascending, and rows move
//! without passing one another. So words are merged and never sorted or hashed; only
//! the rows of a word that several inputs hold have to be put in order.
//!
//! # Cost
//!
//! O(postings + w · inputs) for w words, then the grams and kept rows as at sealing.
//! Beside the result no more than one word's rows are held.

use super::packed::Offsets;
use super::{Kind, Postings, Word, Words, set_bit, stride};

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
    /// Merges indexes into one of so many rows.
    ///
    /// No two rows may move to one place. Words that only dropped rows held are gone.
    pub(crate) fn merge(inputs: &[MergeInput<'_>], rows_count: u32) -> Words {
        let mut assembly = Assembly::new(rows_count);
        let mut heads: Vec<_> = inputs
            .iter()
            .map(|input| (input.moves, input.words.iter().peekable()))
            .collect();
        let mut rows = Vec::new();
        while let Some(text) = heads
            .iter_mut()
            .filter_map(|(_, words)| words.peek().copied().map(Word::text))
            .min()
        {
            rows.clear();
            let mut holders_count = 0;
            for (moves, words) in &mut heads {
                if let Some(word) = words.next_if(|word| word.text() == text) {
                    holders_count += 1;
                    word.for_each_row(|row| match moves[row as usize] {
                        MOVE_DROPPED => {}
                        moved => rows.push(moved),
                    });
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
