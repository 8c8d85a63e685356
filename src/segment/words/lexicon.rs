//! A dictionary of texts, with a substring index and the ids of each text.
//!
//! The ids are rows where the texts are whole words, and spots where they are pieces of words that were
//! cut. [`Lexicon::find`] finds the texts that hold a term; three other look-ups find those that equal
//! it, start with it or end with it.
//!
//! # Invariants
//!
//! * Texts are numbered by kind, and within a kind in byte order: first those of many ids, which have a
//!   bitmap each, then those of several ids, which have a packed list each, then those of one id. So the
//!   largest postings come first in any union, and the many texts of one id share one vector.
//! * Every text has at least one id. An id is below the number of rows, or of spots.
//! * A bitmap has bit i % 64 of integer i / 64 set for row i, and no bit past the last row. Only rows have
//!   bitmaps: with a bit for each spot, a bitmap would be larger than the list of almost any piece.
//!
//! # Cost
//!
//! A text of one id takes four bytes for the id, four for its offset, its own bytes, and one to two bytes of
//! grams for each of these. A posting in a list takes one to two bytes as a rule, and a bitmap is at most
//! four times as large as the list that it replaces.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use memchr::memmem;
use smallvec::SmallVec;

use super::bits::{for_each_bit, set_bit, stride};
use super::grams::{END, GRAM_BYTES, Grams};
use super::packed::{ListReader, Lists, Offsets};
use crate::segment::search::partition_point;
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// A text that is in more than one row in this many has a bitmap instead of a list.
pub(super) const DENSE_ROWS_SHARE: u32 = 32;

/// Up to this number of bytes, texts are searched one after the other: grams would cost more than they
/// save, most of all where each commit makes and merges them.
const SCANNED_BYTES_MAX: usize = 8 << 10;

/// The most grams of a long term whose lists are read.
const GRAMS_READ_MAX: usize = 3;

/// Where a gram lists up to this many texts, these are compared one by one instead of searching all texts.
const COMPARED_TEXTS_MAX: u32 = 4;

/// The most grams of a long term whose texts are counted to say what finding it costs.
const GRAMS_PRICED_MAX: usize = 16;

/// The bytes that a pass over all texts searches for a term in the time of a posting.
const SCANNED_BYTES_A_POSTING: u64 = 32;

/// The cost of searching a text for a term, in postings of a gram.
const VERIFY_COST: u64 = 8;

/// The cost of coming to a list, in postings of it.
pub(super) const LIST_COST: u64 = 48;

/// What the ids of a lexicon are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    /// Rows of a segment, of which there are this many.
    Rows(u32),
    /// Spots of pieces.
    Spots,
}

impl Ids {
    /// Returns the most ids of a text that are kept as a list.
    fn listed_max(self) -> u32 {
        match self {
            Ids::Rows(rows_count) => rows_count / DENSE_ROWS_SHARE,
            Ids::Spots => u32::MAX,
        }
    }

    /// Returns the number of rows; 0 where the ids are spots.
    pub(super) fn rows_count(self) -> u32 {
        match self {
            Ids::Rows(rows_count) => rows_count,
            Ids::Spots => 0,
        }
    }

    /// Returns the number of 64-bit integers in a bitmap; 0 where there are no bitmaps.
    pub(super) fn stride(self) -> usize {
        stride(self.rows_count())
    }
}

/// The kind of a text, by how many ids it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dense,
    Several,
    Single,
}

impl Kind {
    /// Every kind, in the order in which texts are numbered.
    pub(super) const ALL: [Kind; 3] = [Kind::Dense, Kind::Several, Kind::Single];

    /// Returns the kind of a text that has `count` ids; none for 0.
    pub(super) fn of(count: u32, ids: Ids) -> Option<Kind> {
        match count {
            0 => None,
            1 => Some(Kind::Single),
            _ if count > ids.listed_max() => Some(Kind::Dense),
            _ => Some(Kind::Several),
        }
    }
}

/// The ids of every text, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Postings {
    pub(super) dense_counts: Vec<u32>,
    /// The bitmaps one after another.
    pub(super) dense: Vec<u64>,
    pub(super) several_counts: Vec<u32>,
    pub(super) several: Lists,
    pub(super) single: Vec<u32>,
}

/// Texts, each with the ids that it is found at.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    pub(super) ids: Ids,
    /// The texts one after another.
    text: Vec<u8>,
    ends: Offsets,
    /// The length of the longest text, in bytes.
    text_bytes_max: usize,
    pub(super) postings: Postings,
    pub(super) grams: Grams,
}

/// Some of the texts, by number.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    /// Few numbers, ascending.
    Sorted(Vec<u32>),
    /// Many numbers: a bit for each text.
    Set(Vec<u64>),
}

impl Numbers {
    pub(super) fn none() -> Numbers {
        Numbers::Sorted(Vec::new())
    }

    /// Returns whether there are none; a set may be taken for one that has some.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Numbers::Sorted(numbers) if numbers.is_empty())
    }

    /// Visits the numbers within a range, ascending.
    pub(super) fn for_each_in(&self, range: Range<u32>, mut visit: impl FnMut(u32)) {
        match self {
            Numbers::Sorted(numbers) => {
                let start = numbers.partition_point(|&number| number < range.start);
                let inside = numbers[start..].iter();
                inside
                    .take_while(|&&number| number < range.end)
                    .for_each(|&number| visit(number));
            }
            Numbers::Set(bits) => for_each_bit(bits, range, visit),
        }
    }
}

impl Lexicon {
    /// Joins the parts, and indexes the texts.
    pub(super) fn finish(ids: Ids, text: Vec<u8>, ends: Offsets, postings: Postings) -> Lexicon {
        let lexicon = Lexicon::of_texts(ids, text, ends);
        Lexicon {
            postings,
            ..lexicon
        }
    }

    /// Indexes texts, whose ids are to be added.
    pub(super) fn of_texts(ids: Ids, text: Vec<u8>, ends: Offsets) -> Lexicon {
        let lengths = (0..ends.count()).map(|number| ends.before(number).len());
        let mut lexicon = Lexicon {
            text_bytes_max: lengths.max().unwrap_or(0),
            ids,
            text,
            ends,
            postings: Postings::default(),
            grams: Grams::default(),
        };
        if lexicon.text.len() > SCANNED_BYTES_MAX {
            lexicon.index_grams();
        }
        lexicon
    }

    pub(super) fn index_grams(&mut self) {
        self.grams = Grams::build((0..self.count()).map(|number| self.text_of(number)));
    }

    /// Returns how many texts there are.
    pub(super) fn count(&self) -> u32 {
        self.ends.count() as u32
    }

    /// Returns the bytes of heap that the lexicon holds.
    pub(super) fn bytes(&self) -> usize {
        let postings = &self.postings;
        let counts = postings.dense_counts.capacity() + postings.several_counts.capacity();
        self.text.capacity()
            + self.ends.bytes()
            + postings.dense.capacity() * size_of::<u64>()
            + (counts + postings.single.capacity()) * size_of::<u32>()
            + postings.several.bytes()
            + self.grams.bytes()
    }

    /// Returns the texts that hold a non-empty term.
    ///
    /// Cost: for a term of up to three bytes, the postings of its grams; for a longer one, those of its
    /// rarest grams and a search in each text that is left. Where the texts are few, a pass over them.
    pub(super) fn find(&self, term: &[u8]) -> Numbers {
        if self.grams.is_empty() {
            self.scan(term)
        } else if term.len() <= GRAM_BYTES {
            self.find_short(term)
        } else {
            self.find_long(term)
        }
    }

    /// Returns about what [`find`](Lexicon::find) costs, in postings of a list.
    ///
    /// Cost: a search for some grams of the term, of one or two bytes for all that start with it.
    pub(super) fn find_cost(&self, term: &[u8]) -> u64 {
        let count = |gram| u64::from(self.grams.texts_count(gram));
        if self.grams.is_empty() {
            self.text.len() as u64 / SCANNED_BYTES_A_POSTING
        } else if term.len() <= GRAM_BYTES {
            self.grams.starting_with(term).map(count).sum()
        } else {
            let runs = term.windows(GRAM_BYTES).take(GRAMS_PRICED_MAX);
            let counts = runs.map(|run| self.grams.starting_with(run).next().map_or(0, count));
            counts.min().unwrap_or(0) * VERIFY_COST
        }
    }

    /// Finds a term by a pass over all texts.
    fn scan(&self, term: &[u8]) -> Numbers {
        let finder = memmem::Finder::new(term);
        let mut numbers = Vec::new();
        let (mut start, mut number) = (0, 0);
        while let Some(at) = finder.find(&self.text[start..]).map(|at| start + at) {
            while self.ends.get(number) <= at {
                number += 1;
            }
            let end = self.ends.get(number);
            // A match that crosses the end of a text is in no text.
            let is_held = at + term.len() <= end;
            numbers.extend(is_held.then_some(number as u32));
            start = if is_held { end } else { at + 1 };
        }
        Numbers::Sorted(numbers)
    }

    /// Finds a term of up to three bytes: the texts that its grams list.
    fn find_short(&self, term: &[u8]) -> Numbers {
        let grams = self.grams.starting_with(term);
        let listed: u64 = grams
            .clone()
            .map(|gram| u64::from(self.grams.texts_count(gram)))
            .sum();
        // Below this a vector is smaller than a bit for every text.
        if listed < u64::from(self.count()) / 32 {
            return Numbers::Sorted(self.listed_in(grams, listed));
        }
        let mut bits = vec![0; stride(self.count())];
        for gram in grams {
            self.grams
                .for_each_text(gram, |number| set_bit(&mut bits, number));
        }
        Numbers::Set(bits)
    }

    /// Returns the texts that some grams list, ascending, each once.
    fn listed_in(&self, grams: Range<usize>, listed: u64) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(listed as usize);
        let several_grams = grams.len() > 1;
        for gram in grams {
            self.grams
                .for_each_text(gram, |number| numbers.push(number));
        }
        if several_grams {
            numbers.sort_unstable();
            numbers.dedup();
        }
        numbers
    }

    /// Finds a longer term: a search in each text that its rarest grams list.
    fn find_long(&self, term: &[u8]) -> Numbers {
        if term.len() > self.text_bytes_max {
            return Numbers::none();
        }
        let mut numbers = self.listed_by_all(term);
        if !numbers.is_empty() {
            let finder = memmem::Finder::new(term);
            numbers.retain(|&number| finder.find(self.text_of(number)).is_some());
        }
        Numbers::Sorted(numbers)
    }

    /// Returns texts that the rarest grams of a run list, ascending.
    ///
    /// Every text that holds the run is among them. The run may end with [`END`], which stands for the end
    /// of a text.
    fn listed_by_all(&self, run: &[u8]) -> Vec<u32> {
        let mut rarest = SmallVec::<[(u32, usize); GRAMS_READ_MAX + 1]>::new();
        for run in run.windows(GRAM_BYTES) {
            let Some(gram) = self.grams.starting_with(run).next() else {
                return Vec::new();
            };
            let candidate = (self.grams.texts_count(gram), gram);
            if let Err(at) = rarest.binary_search(&candidate) {
                rarest.insert(at, candidate);
                rarest.truncate(GRAMS_READ_MAX);
            }
        }
        let Some((&(first_count, first), others)) = rarest.split_first() else {
            return Vec::new();
        };
        let mut numbers = Vec::with_capacity(first_count as usize);
        self.grams
            .for_each_text(first, |number| numbers.push(number));
        for &(count, gram) in others {
            if u64::from(count) > numbers.len() as u64 * VERIFY_COST {
                break;
            }
            self.retain_listed(&mut numbers, gram);
        }
        numbers
    }

    /// Keeps the texts, which ascend, that a gram lists.
    fn retain_listed(&self, numbers: &mut Vec<u32>, gram: usize) {
        let (mut read, mut kept) = (0, 0);
        self.grams.for_each_text(gram, |number| {
            while numbers.get(read).is_some_and(|&other| other < number) {
                read += 1;
            }
            if numbers.get(read) == Some(&number) {
                numbers[kept] = number;
                kept += 1;
            }
        });
        numbers.truncate(kept);
    }

    /// Returns the texts that start with a prefix, ascending.
    ///
    /// Cost: a binary search in the texts of each kind, and a step for each text that is found.
    pub(super) fn starting_with(&self, prefix: &[u8]) -> Vec<u32> {
        let head = |number: u32| {
            let text = self.text_of(number);
            &text[..text.len().min(prefix.len())]
        };
        let mut numbers = Vec::new();
        for run in self.kinds() {
            let start = partition_point(run.clone(), |number| head(number) < prefix);
            let end = partition_point(start..run.end, |number| head(number) == prefix);
            numbers.extend(start..end);
        }
        numbers
    }

    /// Returns the numbers of the texts that equal a text; there is at most one of each kind.
    ///
    /// Cost: a binary search among the grams, and where the first gram of the text is in many texts, one
    /// among the texts of each kind.
    pub(super) fn equal_to(&self, text: &[u8]) -> Vec<u32> {
        if !self.grams.is_empty() {
            let Some(gram) = self.grams.first_of(text) else {
                return Vec::new();
            };
            let texts_count = self.grams.texts_count(gram);
            if texts_count <= COMPARED_TEXTS_MAX {
                let mut numbers = self.listed_in(gram..gram + 1, texts_count.into());
                numbers.retain(|&number| self.text_of(number) == text);
                return numbers;
            }
        }
        let starts = self.kinds().map(|run| {
            let start = partition_point(run.clone(), |number| self.text_of(number) < text);
            (start < run.end && self.text_of(start) == text).then_some(start)
        });
        starts.into_iter().flatten().collect()
    }

    /// Returns the texts that end with a suffix, ascending.
    ///
    /// Cost: that of [`find`](Lexicon::find) for a term of one byte more, which stands for the end.
    pub(super) fn ending_with(&self, suffix: &[u8]) -> Vec<u32> {
        let ends = |number: &u32| self.text_of(*number).ends_with(suffix);
        if self.grams.is_empty() {
            return (0..self.count()).filter(ends).collect();
        }
        let mut run = suffix.to_vec();
        run.push(END);
        if run.len() < GRAM_BYTES {
            let grams = self.grams.starting_with(&run);
            return self.listed_in(grams, 0);
        }
        let mut numbers = self.listed_by_all(&run);
        numbers.retain(ends);
        numbers
    }

    /// Returns the range of numbers of each kind.
    pub(super) fn kinds(&self) -> [Range<u32>; Kind::ALL.len()] {
        let dense = self.postings.dense_counts.len() as u32;
        let several = dense + self.postings.several_counts.len() as u32;
        [0..dense, dense..several, several..self.count()]
    }

    pub(super) fn text_of(&self, number: u32) -> &[u8] {
        &self.text[self.ends.before(number as usize)]
    }

    /// Returns how many ids a text has.
    pub(super) fn ids_count(&self, number: u32) -> u32 {
        let Postings {
            dense_counts,
            several_counts,
            ..
        } = &self.postings;
        let number = number as usize;
        let counts = dense_counts.get(number);
        let counts = counts.or_else(|| several_counts.get(number - dense_counts.len()));
        counts.copied().unwrap_or(1)
    }

    /// Returns the cost of reading a text's ids, in postings of a list.
    pub(super) fn cost(&self, number: u32) -> u64 {
        let [dense, several, _] = self.kinds();
        if dense.contains(&number) {
            bitmap_cost(self.ids.stride())
        } else if several.contains(&number) {
            LIST_COST + u64::from(self.ids_count(number))
        } else {
            1
        }
    }

    /// Returns the bitmap of a text that has many ids.
    pub(super) fn dense(&self, number: u32) -> &[u64] {
        let stride = self.ids.stride();
        &self.postings.dense[number as usize * stride..][..stride]
    }

    /// Visits the ids of a text, ascending.
    pub(super) fn for_each_id(&self, number: u32, mut visit: impl FnMut(u32)) {
        let [dense, several, single] = self.kinds();
        if dense.contains(&number) {
            let bits = self.dense(number);
            for_each_bit(bits, 0..bits.len() as u32 * u64::BITS, visit);
        } else if several.contains(&number) {
            let list = (number - several.start) as usize;
            self.postings.several.for_each(list, visit);
        } else {
            visit(self.postings.single[(number - single.start) as usize]);
        }
    }
}

impl Lexicon {
    /// Returns a reader of the spots of a piece.
    pub(super) fn read_spots(&self, number: u32) -> ListReader<'_> {
        let [dense, several, single] = self.kinds();
        debug_assert!(dense.is_empty(), "only rows have bitmaps");
        if several.contains(&number) {
            self.postings
                .several
                .read((number - several.start) as usize)
        } else {
            ListReader::single(self.postings.single[(number - single.start) as usize])
        }
    }
}

/// Returns the cost of reading a bitmap, in postings of a list: a quarter for each integer of 64 rows.
pub(super) fn bitmap_cost(stride: usize) -> u64 {
    stride as u64 / 4
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
impl Lexicon {
    pub(super) fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.text)?;
        self.ends.write_to(out)?;
        out.count(self.text_bytes_max)?;
        self.postings.write_to(out)?;
        self.grams.write_to(out)
    }

    pub(super) fn read_from(ids: Ids, input: &mut StoredReader<'_>) -> io::Result<Lexicon> {
        Ok(Lexicon {
            ids,
            text: input.vec()?,
            ends: Offsets::read_from(input)?,
            text_bytes_max: input.number()?,
            postings: Postings::read_from(input)?,
            grams: Grams::read_from(input)?,
        })
    }
}
