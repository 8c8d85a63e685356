//! Merges several word indexes into one.
//!
//! Each input has its words in byte order and their rows ascending, and the rows of one input keep their
//! order. So words are merged without being sorted or hashed again; only the rows of a word that several
//! inputs hold have to be sorted. Pieces and their spots are merged the same way: a stretch of spots
//! moves with its row.
//!
//! # Cost
//!
//! O(postings + w · log inputs) for w words, then the grams and kept rows as at sealing. Beside the
//! result it holds the rows of one word, four bytes for each row and for each stretch of spots, and at the
//! end the texts a second time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::adjacent::AdjacentBytes;
use super::bits::set_bit;
use super::cut::Rule;
use super::hashed::head_of;
use super::lexicon::{Ids, Kind, Lexicon, Postings};
use super::packed::Offsets;
use super::spots::{first_of, split};
use super::{CutWords, Words};

/// The move of a row that is dropped.
pub(crate) const MOVE_DROPPED: u32 = u32::MAX;

/// One input of a merge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergeInput<'a> {
    pub(crate) words: &'a Words,
    /// The new row of each row, ascending, or [`MOVE_DROPPED`].
    pub(crate) moves: &'a [u32],
}

impl Words {
    /// Merges indexes into one with a number of rows.
    ///
    /// No two rows may move to the same row, and the inputs' [`stretches_count`](Words::stretches_count)
    /// must add up to at most [`Words::STRETCHES_MAX`]. Words that only dropped rows have are dropped.
    pub(crate) fn merge(inputs: &[MergeInput<'_>], rows_count: u32) -> Words {
        let sources = inputs.iter().map(|input| Source {
            lexicon: &input.words.whole,
            moves: Moves::Rows(input.moves),
        });
        let whole = merge(&sources.collect::<Vec<_>>(), Ids::Rows(rows_count));
        let cut = Rule::ALL.map(|rule| merge_cut(inputs, rule, rows_count));
        Words::finish(rows_count, whole, cut)
    }
}

/// Merges the words that a rule cuts.
fn merge_cut(inputs: &[MergeInput<'_>], rule: Rule, rows_count: u32) -> CutWords {
    let (stretch_rows, moves) = move_stretches(inputs, rule, rows_count);
    let sources = inputs.iter().zip(&moves).map(|(input, moves)| Source {
        lexicon: &input.words.cut[rule as usize].pieces,
        moves: Moves::Stretches(moves),
    });
    let pieces = merge(&sources.collect::<Vec<_>>(), Ids::Spots);
    let mut adjacent = AdjacentBytes::default();
    for input in inputs {
        adjacent.unite(&input.words.cut[rule as usize].adjacent);
    }
    CutWords::new(rule, pieces, adjacent, stretch_rows, rows_count)
}

/// Returns the row of each stretch of spots of the result, and the new stretch of each input's stretches.
fn move_stretches(
    inputs: &[MergeInput<'_>],
    rule: Rule,
    rows_count: u32,
) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut nexts = vec![0; rows_count as usize];
    for input in inputs {
        for &row in input.words.cut[rule as usize].spots.stretch_rows() {
            let to = input.moves[row as usize];
            if to != MOVE_DROPPED {
                nexts[to as usize] += 1;
            }
        }
    }
    let mut stretch_rows = Vec::new();
    for (row, next) in (0..).zip(&mut nexts) {
        let start = stretch_rows.len() as u32;
        stretch_rows.extend((0..*next).map(|_| row));
        *next = start;
    }
    stretch_rows.shrink_to_fit();
    let mut move_of = |to: u32| {
        if to != MOVE_DROPPED {
            nexts[to as usize] += 1;
            return nexts[to as usize] - 1;
        }
        to
    };
    let mut moves = Vec::with_capacity(inputs.len());
    for input in inputs {
        let rows = input.words.cut[rule as usize].spots.stretch_rows().iter();
        let to = rows.map(|&row| move_of(input.moves[row as usize]));
        moves.push(to.collect());
    }
    (stretch_rows, moves)
}

/// A lexicon to be merged, and its new ids.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    lexicon: &'a Lexicon,
    moves: Moves<'a>,
}

/// The new ids, by row or by stretch of spots.
#[derive(Clone, Copy, Debug)]
enum Moves<'a> {
    Rows(&'a [u32]),
    Stretches(&'a [u32]),
}

impl Moves<'_> {
    /// Returns the new id of an id; none if it is dropped.
    #[inline]
    fn of(self, id: u32) -> Option<u32> {
        match self {
            Moves::Rows(moves) => Some(moves[id as usize]).filter(|&to| to != MOVE_DROPPED),
            Moves::Stretches(moves) => {
                let (stretch, within) = split(id);
                let to = Some(moves[stretch as usize]).filter(|&to| to != MOVE_DROPPED);
                to.map(|to| first_of(to) + within)
            }
        }
    }
}

/// Merges lexicons into one.
fn merge(sources: &[Source<'_>], ids: Ids) -> Lexicon {
    let mut assembly = Assembly::new(ids);
    let runs = sources.iter().flat_map(|source| {
        let runs = source.lexicon.kinds().into_iter();
        runs.filter_map(move |numbers| Head::new(source, numbers))
    });
    let mut heads: BinaryHeap<Reverse<Head>> = runs.map(Reverse).collect();
    let mut moved = Vec::new();
    while let Some(Reverse(first)) = heads.peek() {
        let text = first.text;
        moved.clear();
        let mut holders_count = 0;
        while let Some(mut head) = heads.peek_mut()
            && head.0.text == text
        {
            holders_count += 1;
            head.0.add_ids(&mut moved);
            match head.0.next() {
                Some(next) => head.0 = next,
                None => _ = PeekMut::pop(head),
            }
        }
        if holders_count > 1 {
            #[expect(clippy::stable_sort_primitive, reason = "it merges ascending runs")]
            moved.sort();
        }
        assembly.push(text, &moved);
    }
    assembly.finish()
}

/// The next text of one kind of one source; heads compare by their texts.
#[derive(Clone, Debug)]
struct Head<'a> {
    /// The first bytes of the text, which decide most comparisons.
    prefix: u64,
    text: &'a [u8],
    source: &'a Source<'a>,
    /// The numbers of this text and of those after it.
    left: Range<u32>,
}

impl<'a> Head<'a> {
    fn new(source: &'a Source<'a>, left: Range<u32>) -> Option<Head<'a>> {
        let text = source
            .lexicon
            .text_of((!left.is_empty()).then_some(left.start)?);
        Some(Head {
            prefix: head_of(text, text.len()),
            text,
            source,
            left,
        })
    }

    fn next(&self) -> Option<Head<'a>> {
        Head::new(self.source, self.left.start + 1..self.left.end)
    }

    /// Appends the text's new ids.
    fn add_ids(&self, ids: &mut Vec<u32>) {
        let Source { lexicon, moves } = self.source;
        lexicon.for_each_id(self.left.start, |id| ids.extend(moves.of(id)));
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

/// A lexicon in the making, whose texts come in byte order.
struct Assembly {
    ids: Ids,
    /// The texts of each kind and their ends.
    texts: [(Vec<u8>, Offsets); Kind::ALL.len()],
    postings: Postings,
}

impl Assembly {
    fn new(ids: Ids) -> Assembly {
        Assembly {
            ids,
            texts: Default::default(),
            postings: Postings::default(),
        }
    }

    /// Adds a text with its ids, which ascend; a text without ids is left out.
    fn push(&mut self, text: &[u8], ids: &[u32]) {
        let postings = &mut self.postings;
        let count = ids.len() as u32;
        let Some(kind) = Kind::of(count, self.ids) else {
            return;
        };
        match kind {
            Kind::Dense => {
                let start = postings.dense.len();
                postings.dense.resize(start + self.ids.stride(), 0);
                let bitmap = &mut postings.dense[start..];
                for &id in ids {
                    set_bit(bitmap, id);
                }
                postings.dense_counts.push(count);
            }
            Kind::Several => {
                postings.several.push(ids);
                postings.several_counts.push(count);
            }
            Kind::Single => postings.single.extend_from_slice(ids),
        }
        let (all, ends) = &mut self.texts[kind as usize];
        all.extend_from_slice(text);
        ends.push(all.len());
    }

    fn finish(self) -> Lexicon {
        let bytes = self.texts.iter().map(|(text, _)| text.len()).sum();
        let mut all = Vec::with_capacity(bytes);
        let mut all_ends = Offsets::default();
        for (text, ends) in self.texts {
            for number in 0..ends.count() {
                all_ends.push(all.len() + ends.get(number));
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
        Lexicon::finish(self.ids, all, all_ends, postings)
    }
}
