//! The words of a segment: a substring index over them, and the rows of each.
//!
//! A word is a run without white space of a row's searchable texts, folded. A term of
//! a keyword has no white space either, so the texts that hold it are the texts with a
//! word that holds it: nothing is left to check in the texts themselves. A request
//! goes two steps: [`Words::find`] names the words that hold a term, and
//! [`Words::rows`] unites their rows.
//!
//! * [`builder`]: rows of texts on their way in.
//! * [`feed`]: their way there, in blocks, on a thread of their own if wanted.
//! * [`grams`]: runs of three bytes, and the words that hold them.
//! * [`kept`]: the rows of those short terms whose union is expensive, made at sealing.
//! * [`merge`]: several indexes into one, without hashing or sorting words again.
//! * [`packed`]: integers in few bytes.
//!
//! # Invariants
//!
//! * Words are numbered by kind, and within a kind in byte order: first those in many
//!   rows (a bitmap each), then those in several (a packed list each), then those in
//!   one row (that row). So the largest postings come first in any union, and the
//!   longest tail is one vector of rows.
//! * Every word has at least one row, and every row is below `rows_count`.
//! * A bitmap has bit r % 64 of block r / 64 set for row r, `rows_count / 64` blocks
//!   rounded up, and no bit past the last row.
//!
//! # Cost
//!
//! A word of one row weighs four bytes for the row, four for its place, its own bytes
//! once and one to two bytes of grams for each of these. A posting in a list is one to
//! two bytes as a rule, and a bitmap is at most four times the list it replaces.

mod builder;
mod feed;
mod grams;
mod kept;
mod merge;
mod packed;

use std::borrow::Cow;
#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use memchr::memmem;

use builder::WordsBuilder;
pub(crate) use feed::WordsFeed;
use grams::{GRAM_BYTES, Grams};
use kept::Kept;
pub(crate) use merge::{MOVE_DROPPED, MergeInput};
use packed::{Lists, Offsets};

#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// A bitmap takes the place of a list from one row in this many.
const DENSE_ROWS_SHARE: u32 = 32;

/// Words of so few bytes are searched one after the other; grams would cost more than they
/// save, most of all where each commit makes and merges them.
const SCANNED_BYTES_MAX: usize = 8 << 10;

/// How many grams of a long term are looked into at most.
const GRAMS_READ_MAX: usize = 3;

/// The postings of a gram that cost about as much as looking at a word.
const VERIFY_COST: u64 = 8;

/// The postings of a list that cost about as much as coming to it.
const LIST_COST: u64 = 48;

/// The most postings of which it is cheaper to sort rows than to fill a bitmap.
const SORTED_POSTINGS_MAX: u64 = 1_024;

/// The kind of a word, by how many rows hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dense,
    Several,
    Single,
}

impl Kind {
    /// Every kind, in the order in which words are numbered.
    const ALL: [Kind; 3] = [Kind::Dense, Kind::Several, Kind::Single];

    /// Returns the kind of a word that is in `word_rows` of `rows_count` rows; none where no row holds it.
    fn of(word_rows: u32, rows_count: u32) -> Option<Kind> {
        match word_rows {
            0 => None,
            1 => Some(Kind::Single),
            _ if word_rows > rows_count / DENSE_ROWS_SHARE => Some(Kind::Dense),
            _ => Some(Kind::Several),
        }
    }
}

/// The rows of every word.
#[derive(Clone, Debug, Default)]
struct Postings {
    dense_counts: Vec<u32>,
    /// The bitmaps one after another.
    dense: Vec<u64>,
    several_counts: Vec<u32>,
    several: Lists,
    single: Vec<u32>,
}

/// The words of a segment's rows.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    rows_count: u32,
    /// The words one after another.
    text: Vec<u8>,
    ends: Offsets,
    /// The length of the longest word, in bytes.
    word_bytes_max: usize,
    postings: Postings,
    grams: Grams,
    kept: Kept,
}

/// The words that hold a term.
#[derive(Clone, Debug)]
pub(crate) struct Matches {
    held_by: HeldBy,
    postings_count: u64,
    rows_cost: u64,
}

#[derive(Clone, Debug)]
enum HeldBy {
    /// Few words, ascending.
    Sorted(Vec<u32>),
    /// Many words: a bit each.
    Set(Vec<u64>),
    /// A short term whose rows are kept: its rank.
    Kept(u32),
}

impl Matches {
    /// Returns how many rows hold the term at most: the sum of the words' rows.
    ///
    /// Exact where one word matches or the term's rows are kept.
    pub(crate) fn postings_count(&self) -> u64 {
        self.postings_count
    }

    /// Estimates what [`Words::rows`] will cost, in steps from posting to posting.
    ///
    /// Far below the count of postings where rows are kept or most are in bitmaps.
    pub(crate) fn rows_cost(&self) -> u64 {
        self.rows_cost
    }

    /// Visits the matching words within a range, ascending.
    fn for_each_in(&self, range: Range<u32>, mut visit: impl FnMut(u32)) {
        match &self.held_by {
            HeldBy::Sorted(words) => {
                let start = words.partition_point(|&word| word < range.start);
                let inside = words[start..].iter().take_while(|&&word| word < range.end);
                inside.for_each(|&word| visit(word));
            }
            HeldBy::Set(blocks) => for_each_bit(blocks, range, visit),
            HeldBy::Kept(_) => {}
        }
    }
}

/// The rows that hold a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TermRows<'a> {
    /// Less than one row in 64: the rows, ascending.
    Sorted(Vec<u32>),
    /// Many rows: a bitmap of all rows, borrowed where it is kept, and its count.
    Bitmap(Cow<'a, [u64]>, u32),
}

impl Words {
    /// Joins the parts, and makes what derives from them.
    fn finish(rows_count: u32, text: Vec<u8>, ends: Offsets, postings: Postings) -> Words {
        let lengths = (0..ends.count()).map(|word| ends.before(word).len());
        let mut words = Words {
            word_bytes_max: lengths.max().unwrap_or(0),
            rows_count,
            text,
            ends,
            postings,
            grams: Grams::default(),
            kept: Kept::default(),
        };
        if words.text.len() > SCANNED_BYTES_MAX {
            words.index_grams();
        }
        words.kept = Kept::make(&words);
        words
    }

    fn index_grams(&mut self) {
        self.grams = Grams::build((0..self.words_count()).map(|word| self.word(word)));
    }

    /// Returns how many rows there are, with words or without.
    pub(crate) fn rows_count(&self) -> u32 {
        self.rows_count
    }

    /// Returns how many distinct words there are.
    pub(crate) fn words_count(&self) -> u32 {
        self.ends.count() as u32
    }

    /// Returns the bytes of heap that the index holds.
    pub(crate) fn bytes(&self) -> usize {
        let postings = &self.postings;
        let counts = postings.dense_counts.capacity() + postings.several_counts.capacity();
        self.text.capacity()
            + self.ends.bytes()
            + postings.dense.capacity() * size_of::<u64>()
            + (counts + postings.single.capacity()) * size_of::<u32>()
            + postings.several.bytes()
            + self.grams.bytes()
            + self.kept.bytes()
    }

    /// Returns the words that hold a folded, non-empty term without white space.
    ///
    /// Cost: for a term of up to three bytes the postings of its grams; for a longer
    /// one those of its rarest gram or grams, and a look at each word that is left; where
    /// the words are few, a pass over them.
    pub(crate) fn find(&self, term: &str) -> Matches {
        let term = term.as_bytes();
        if let Some((rank, rows_count)) = self.kept.find(term) {
            return Matches {
                held_by: HeldBy::Kept(rank),
                postings_count: u64::from(rows_count),
                rows_cost: self.dense_cost(),
            };
        }
        let held_by = if self.grams.is_empty() {
            self.scan(term)
        } else if term.len() <= GRAM_BYTES {
            self.find_short(term)
        } else {
            self.find_long(term)
        };
        let mut matches = Matches {
            held_by,
            postings_count: 0,
            rows_cost: 0,
        };
        let (mut postings_count, mut rows_cost) = (0, 0);
        matches.for_each_in(0..self.words_count(), |word| {
            postings_count += u64::from(self.word_rows_count(word));
            rows_cost += self.word_cost(word);
        });
        matches.postings_count = postings_count;
        matches.rows_cost = rows_cost;
        matches
    }

    /// Finds a term in few words, by a look at all of them.
    fn scan(&self, term: &[u8]) -> HeldBy {
        let finder = memmem::Finder::new(term);
        let mut words = Vec::new();
        let (mut start, mut word) = (0, 0);
        while let Some(at) = finder.find(&self.text[start..]).map(|at| start + at) {
            while self.ends.get(word) <= at {
                word += 1;
            }
            let end = self.ends.get(word);
            // What crosses the end of a word is in none.
            let is_held = at + term.len() <= end;
            words.extend(is_held.then_some(word as u32));
            start = if is_held { end } else { at + 1 };
        }
        HeldBy::Sorted(words)
    }

    /// Finds a term of up to three bytes: whatever its grams list.
    fn find_short(&self, term: &[u8]) -> HeldBy {
        let grams = self.grams.starting_with(term);
        let listed: u64 = grams
            .clone()
            .map(|gram| u64::from(self.grams.words_count(gram)))
            .sum();
        // Below this a vector is smaller than a bit for every word.
        if listed < u64::from(self.words_count()) / 32 {
            let mut words = Vec::with_capacity(listed as usize);
            let several_grams = grams.len() > 1;
            for gram in grams {
                self.grams.for_each_word(gram, |word| words.push(word));
            }
            if several_grams {
                words.sort_unstable();
                words.dedup();
            }
            return HeldBy::Sorted(words);
        }
        let mut blocks = vec![0; stride(self.words_count())];
        for gram in grams {
            self.grams
                .for_each_word(gram, |word| set_bit(&mut blocks, word));
        }
        HeldBy::Set(blocks)
    }

    /// Finds a longer term: the words of its rarest grams, then a look at each.
    fn find_long(&self, term: &[u8]) -> HeldBy {
        let none = HeldBy::Sorted(Vec::new());
        if term.len() > self.word_bytes_max {
            return none;
        }
        let mut rarest: Vec<(u32, usize)> = Vec::with_capacity(GRAMS_READ_MAX + 1);
        for run in term.windows(GRAM_BYTES) {
            let Some(gram) = self.grams.starting_with(run).next() else {
                return none;
            };
            let candidate = (self.grams.words_count(gram), gram);
            if !rarest.contains(&candidate) {
                rarest.push(candidate);
                rarest.sort_unstable();
                rarest.truncate(GRAMS_READ_MAX);
            }
        }
        let Some((&(first_count, first), others)) = rarest.split_first() else {
            return none;
        };
        let mut words = Vec::with_capacity(first_count as usize);
        self.grams.for_each_word(first, |word| words.push(word));
        for &(words_count, gram) in others {
            if u64::from(words_count) > words.len() as u64 * VERIFY_COST {
                break;
            }
            self.retain_listed(&mut words, gram);
        }
        let finder = memmem::Finder::new(term);
        words.retain(|&word| finder.find(self.word(word)).is_some());
        HeldBy::Sorted(words)
    }

    /// Keeps those of some ascending words that a gram lists too.
    fn retain_listed(&self, words: &mut Vec<u32>, gram: usize) {
        let (mut read, mut kept) = (0, 0);
        self.grams.for_each_word(gram, |word| {
            while words.get(read).is_some_and(|&other| other < word) {
                read += 1;
            }
            if words.get(read) == Some(&word) {
                words[kept] = word;
                kept += 1;
            }
        });
        words.truncate(kept);
    }

    /// Returns the rows of the words that were found here, each once.
    ///
    /// Cost: the bitmaps of the frequent words, then a step a posting of the others;
    /// it ends early once every row is in.
    pub(crate) fn rows(&self, matches: &Matches) -> TermRows<'_> {
        if let HeldBy::Kept(rank) = matches.held_by {
            let (blocks, count) = self.kept.rows(rank, self.rows_count);
            return TermRows::Bitmap(Cow::Borrowed(blocks), count);
        }
        if matches.postings_count <= SORTED_POSTINGS_MAX
            && matches.postings_count < u64::from(self.rows_count / 64)
        {
            return TermRows::Sorted(self.sort_rows(matches));
        }
        if let HeldBy::Sorted(words) = &matches.held_by
            && let [word] = words[..]
            && let Some(&count) = self.postings.dense_counts.get(word as usize)
        {
            return TermRows::Bitmap(Cow::Borrowed(self.dense(word)), count);
        }
        let (blocks, count) = self.unite(matches);
        if count < self.rows_count / 64 {
            let mut rows = Vec::with_capacity(count as usize);
            for_each_bit(&blocks, 0..self.rows_count, |row| rows.push(row));
            return TermRows::Sorted(rows);
        }
        TermRows::Bitmap(Cow::Owned(blocks), count)
    }

    /// Collects the rows of words with few postings.
    fn sort_rows(&self, matches: &Matches) -> Vec<u32> {
        let mut rows = Vec::with_capacity(matches.postings_count as usize);
        let mut words_count = 0;
        matches.for_each_in(0..self.words_count(), |word| {
            self.for_each_row(word, |row| rows.push(row));
            words_count += 1;
        });
        if words_count > 1 {
            rows.sort_unstable();
            rows.dedup();
        }
        rows
    }

    /// Unites the rows of words in a bitmap; returns it with its count.
    fn unite(&self, matches: &Matches) -> (Vec<u64>, u32) {
        let mut blocks = vec![0; stride(self.rows_count)];
        let [dense, several, single] = self.kinds();
        let mut largest_first = Vec::new();
        matches.for_each_in(dense, |word| largest_first.push(word));
        largest_first.sort_by_key(|&word| std::cmp::Reverse(self.word_rows_count(word)));
        for word in largest_first {
            let count = unite_blocks(&mut blocks, self.dense(word));
            if count == self.rows_count {
                return (blocks, count);
            }
        }
        // Counting is a fraction of what these postings cost.
        let (mut postings_count, mut is_full) = (0, false);
        matches.for_each_in(several.clone(), |word| {
            if is_full {
                return;
            }
            let list = (word - several.start) as usize;
            self.postings
                .several
                .for_each(list, |row| set_bit(&mut blocks, row));
            postings_count += self.postings.several_counts[list];
            if postings_count > self.rows_count / 4 {
                postings_count = 0;
                is_full = count_bits(&blocks) == self.rows_count;
            }
        });
        if !is_full {
            matches.for_each_in(single.clone(), |word| {
                let row = self.postings.single[(word - single.start) as usize];
                set_bit(&mut blocks, row);
            });
        }
        let count = count_bits(&blocks);
        (blocks, count)
    }

    /// Returns the words of each kind.
    fn kinds(&self) -> [Range<u32>; Kind::ALL.len()] {
        let dense = self.postings.dense_counts.len() as u32;
        let several = dense + self.postings.several_counts.len() as u32;
        [0..dense, dense..several, several..self.words_count()]
    }

    fn word(&self, word: u32) -> &[u8] {
        &self.text[self.ends.before(word as usize)]
    }

    fn word_rows_count(&self, word: u32) -> u32 {
        let Postings {
            dense_counts,
            several_counts,
            ..
        } = &self.postings;
        let word = word as usize;
        let counts = dense_counts.get(word);
        let counts = counts.or_else(|| several_counts.get(word - dense_counts.len()));
        counts.copied().unwrap_or(1)
    }

    /// Returns what reading a word's rows costs, in steps from posting to posting.
    fn word_cost(&self, word: u32) -> u64 {
        let [dense, several, _] = self.kinds();
        if dense.contains(&word) {
            self.dense_cost()
        } else if several.contains(&word) {
            LIST_COST + u64::from(self.word_rows_count(word))
        } else {
            1
        }
    }

    /// Returns what reading a bitmap costs: 64 rows a step, and a quarter of a list's step.
    fn dense_cost(&self) -> u64 {
        u64::from(self.rows_count / 256)
    }

    /// Returns the bitmap of a word in many rows.
    fn dense(&self, word: u32) -> &[u64] {
        let stride = stride(self.rows_count);
        &self.postings.dense[word as usize * stride..][..stride]
    }

    /// Visits the rows of a word, ascending.
    fn for_each_row(&self, word: u32, mut visit: impl FnMut(u32)) {
        let [dense, several, single] = self.kinds();
        if dense.contains(&word) {
            for_each_bit(self.dense(word), 0..self.rows_count, visit);
        } else if several.contains(&word) {
            let list = (word - several.start) as usize;
            self.postings.several.for_each(list, visit);
        } else {
            visit(self.postings.single[(word - single.start) as usize]);
        }
    }
}

/// Returns how many blocks of 64 bits hold a number of bits.
fn stride(bits_count: u32) -> usize {
    bits_count.div_ceil(u64::BITS) as usize
}

#[inline]
fn set_bit(blocks: &mut [u64], bit: u32) {
    blocks[(bit / u64::BITS) as usize] |= 1 << (bit % u64::BITS);
}

fn count_bits(blocks: &[u64]) -> u32 {
    blocks.iter().map(|block| block.count_ones()).sum()
}

/// Adds a bitmap to another; returns how many bits are then set.
fn unite_blocks(blocks: &mut [u64], others: &[u64]) -> u32 {
    let mut count = 0;
    for (block, other) in blocks.iter_mut().zip(others) {
        *block |= other;
        count += block.count_ones();
    }
    count
}

/// Visits the bits that are set within a range, ascending.
fn for_each_bit(blocks: &[u64], range: Range<u32>, mut visit: impl FnMut(u32)) {
    if range.is_empty() {
        return;
    }
    let first = range.start / u64::BITS;
    let mut block = blocks[first as usize] & u64::MAX << (range.start % u64::BITS);
    let mut base = first * u64::BITS;
    for &next in &blocks[first as usize + 1..stride(range.end)] {
        visit_block(block, base, &mut visit);
        block = next;
        base += u64::BITS;
    }
    let past = (u64::BITS - range.end % u64::BITS) % u64::BITS;
    visit_block(block & u64::MAX >> past, base, &mut visit);
}

#[inline]
fn visit_block(mut block: u64, base: u32, visit: &mut impl FnMut(u32)) {
    while block != 0 {
        visit(base + block.trailing_zeros());
        block &= block - 1;
    }
}

#[cfg(feature = "durable")]
impl Stored for Postings {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.dense_counts)?;
        out.slice(&self.dense)?;
        out.slice(&self.several_counts)?;
        self.several.write_to(out)?;
        out.slice(&self.single)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Postings> {
        Ok(Postings {
            dense_counts: input.vec()?,
            dense: input.vec()?,
            several_counts: input.vec()?,
            several: Lists::read_from(input)?,
            single: input.vec()?,
        })
    }
}

#[cfg(feature = "durable")]
impl Stored for Words {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.rows_count)?;
        out.slice(&self.text)?;
        self.ends.write_to(out)?;
        out.count(self.word_bytes_max)?;
        self.postings.write_to(out)?;
        self.grams.write_to(out)?;
        self.kept.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Words> {
        Ok(Words {
            rows_count: input.number()?,
            text: input.vec()?,
            ends: Offsets::read_from(input)?,
            word_bytes_max: input.number()?,
            postings: Postings::read_from(input)?,
            grams: Grams::read_from(input)?,
            kept: Kept::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests;
