//! Words on their way into a segment: hash tables, and logs of what each row holds.
//!
//! # Cost
//!
//! Inserting is one look into a table a word, or a piece of one. A new one costs its bytes and
//! some 30 more; one that is met again costs two to four bytes of log, the
//! frequent ones least, since they are numbered as they come. Sealing sorts the
//! texts once and reads the log twice: to measure every text's rows, and to write
//! them.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::super::spread;
use super::super::text_order::{HEAD_BYTES, head_at, sort_heads};
use super::bits::set_bit;
use super::cut::Rule;
use super::lexicon::{Ids, Kind, Lexicon, Postings};
use super::packed::{Cursor, Gauge, Lists, Offsets};
use super::spots::{SPOTS_MAX, first_of, stretches_of};
use super::{CutWords, Words};
use crate::model::value::fold_into;

/// The size of the table of texts that occurred recently.
const RECENT_COUNT: usize = 1 << 16;

/// Marks the first of two parts of a number.
const NUMBER_MARK: u32 = 1 << 15;

/// The greatest number of a text that two parts hold.
const NUMBER_MAX: u32 = (1 << 31) - 1;

/// What the log of pieces has for a spot that is left out: no piece has this number.
const GAP: u32 = 0;

/// The words of rows being inserted.
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    whole: Collector,
    /// The pieces of words that are cut, by [`Rule`].
    cut: [PieceCollector; Rule::ALL.len()],
    /// The row being read, folded; kept for its room.
    folded: String,
}

impl WordsBuilder {
    /// Starts without rows.
    pub(crate) fn new() -> WordsBuilder {
        WordsBuilder::default()
    }

    /// Takes the words of the next row, whose texts are parted by white space; folds in place.
    ///
    /// Cost: O(text), one table look-up a word or piece.
    pub(crate) fn insert_row(&mut self, text: &mut str) {
        if text.is_ascii() {
            text.make_ascii_lowercase();
            // The same split as below, without decoding chars.
            let mut start = 0;
            while start < text.len() {
                let bytes = &text.as_bytes()[start..];
                let word = bytes.iter().position(|&byte| is_ascii_space(byte));
                let length = word.unwrap_or(bytes.len());
                self.insert_word(&text[start..], length);
                start += length + 1;
            }
        } else {
            let mut folded = std::mem::take(&mut self.folded);
            folded.clear();
            fold_into(text, &mut folded);
            for word in folded.split(char::is_whitespace) {
                self.insert_word(word, word.len());
            }
            self.folded = folded;
        }
        self.whole.end_row();
        self.cut.iter_mut().for_each(PieceCollector::end_row);
    }

    /// Returns how many rows have ended.
    pub(crate) fn rows_count(&self) -> u32 {
        self.whole.row_ends.count() as u32
    }

    /// Takes the word that is the first `length` bytes of a text, if any.
    ///
    /// The text goes on past the word where it can, so that its head is one load.
    #[inline]
    fn insert_word(&mut self, text: &str, length: usize) {
        if length == 0 {
            return;
        }
        let rule = Rule::of(&text[..length]);
        if let Some(rule) = rule
            && self.cut[rule as usize].has_room(length)
        {
            self.cut[rule as usize].insert_word(rule, text, length);
        } else {
            let row = self.rows_count();
            self.whole.insert(row, text.as_bytes(), length);
        }
    }

    /// Makes the index: row i of it is the inserted row `order[i]`, or i without an order.
    ///
    /// Inserted rows that the order leaves out are dropped, and so are words that only
    /// they held. No row may be named twice.
    ///
    /// Cost: O(w log w + postings + bytes of the words) for w words.
    pub(crate) fn seal(self, order: Option<&[u32]>) -> Words {
        let rows_count = order.map_or(self.rows_count(), |order| order.len() as u32);
        let whole = self.whole.seal(Ids::Rows(rows_count), order, None);
        let [coarse, fine] = self.cut;
        let cut = [(Rule::Coarse, coarse), (Rule::Fine, fine)];
        let cut = cut.map(|(rule, pieces)| pieces.seal(rule, rows_count, order));
        Words::finish(rows_count, whole, cut)
    }
}

/// The pieces of the words that a rule cuts, and their spots.
#[derive(Debug)]
struct PieceCollector {
    pieces: Collector,
    /// How many spots the pieces of each row take.
    spots_counts: Vec<u32>,
    /// The first spot of the row, and the spot of the next piece, while rows stay in this order.
    row_start: u32,
    next_spot: u32,
}

impl Default for PieceCollector {
    fn default() -> PieceCollector {
        let mut pieces = Collector::default();
        // That of the gaps: no text has its number.
        pieces.entries.push(Entry::default());
        PieceCollector {
            pieces,
            spots_counts: Vec::new(),
            row_start: 0,
            next_spot: 0,
        }
    }
}

impl PieceCollector {
    /// Returns whether there are spots for a word: one a byte and one after it, at most.
    fn has_room(&self, length: usize) -> bool {
        (SPOTS_MAX - self.next_spot) as usize > length + 1
    }

    #[inline]
    fn insert_word(&mut self, rule: Rule, text: &str, length: usize) {
        rule.for_each_piece(&text[..length], |piece| {
            let bytes = &text.as_bytes()[piece.start..];
            self.pieces.insert(self.next_spot, bytes, piece.len());
            self.next_spot += 1;
        });
        push_number(GAP, &mut self.pieces.log);
        self.next_spot += 1;
    }

    fn end_row(&mut self) {
        self.pieces.end_row();
        self.spots_counts.push(self.next_spot - self.row_start);
        self.next_spot = first_of(stretches_of(self.next_spot));
        self.row_start = self.next_spot;
    }

    fn seal(self, rule: Rule, rows_count: u32, order: Option<&[u32]>) -> CutWords {
        let mut stretch_rows = Vec::new();
        let mut starts = Vec::with_capacity(rows_count as usize);
        for row in 0..rows_count {
            let inserted = order.map_or(row, |order| order[row as usize]);
            starts.push(first_of(stretch_rows.len() as u32));
            let stretches_count = stretches_of(self.spots_counts[inserted as usize]);
            stretch_rows.extend((0..stretches_count).map(|_| row));
        }
        stretch_rows.shrink_to_fit();
        let pieces = self.pieces.seal(Ids::Spots, order, Some(&starts));
        CutWords::new(rule, pieces, stretch_rows, rows_count)
    }
}

/// Texts, with the rows or the spots that each is met at.
#[derive(Debug, Default)]
struct Collector {
    hasher: DefaultHashBuilder,
    /// Half of each text's hash, and its number.
    table: HashTable<(u32, u32)>,
    /// Numbers of texts met lately, by parts of their hashes: the frequent ones stay in
    /// the processor's cache here, when the table has outgrown it. Empty until then.
    recent: Vec<u32>,
    entries: Vec<Entry>,
    /// The texts one after another, as first met.
    text: Vec<u8>,
    /// The numbers of the texts of each row, as [`push_number`] writes them.
    log: Vec<u16>,
    /// Where each row's part of the log ends.
    row_ends: Offsets,
}

/// One text, in the order of first meeting.
#[derive(Debug, Default)]
struct Entry {
    /// The first bytes, so that few look-ups have to read the text.
    head: u64,
    start: usize,
    length: u32,
    ids: Gauge,
}

impl Entry {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.length as usize
    }
}

impl Collector {
    fn end_row(&mut self) {
        self.row_ends.push(self.log.len());
    }

    /// Takes the text that is the first `length` bytes of a longer one, at an id no less than
    /// those before.
    #[inline]
    fn insert(&mut self, id: u32, text: &[u8], length: usize) {
        let (own, head) = (&text[..length], head_of(text, length));
        let half = hash(&self.hasher, head, own) as u32;
        let recent = half as usize % RECENT_COUNT;
        let (entries, text) = (&self.entries, &self.text);
        let is_own = |number: u32| {
            let entry = &entries[number as usize];
            entry.head == head
                && entry.length as usize == length
                && (length <= HEAD_BYTES || &text[entry.range()] == own)
        };
        let known = match self.recent.get(recent) {
            Some(&number) if is_own(number) => Some(number),
            _ => {
                let is_same = |&(other, number): &(u32, u32)| other == half && is_own(number);
                let found = self.table.find(spread(half), is_same);
                found.map(|&(_, number)| number)
            }
        };
        let Some(number) = known else {
            self.insert_new(id, own, head, half);
            return;
        };
        if let Some(entry) = self.recent.get_mut(recent) {
            *entry = number;
        }
        if self.entries[number as usize].ids.add(id) {
            push_number(number, &mut self.log);
        }
    }

    /// Takes a text that was not met before.
    #[cold]
    fn insert_new(&mut self, id: u32, own: &[u8], head: u64, half: u32) {
        let number = u32::try_from(self.entries.len())
            .ok()
            .filter(|&number| number <= NUMBER_MAX)
            .expect("2^31 distinct words and their entries take more than 100 GB");
        let mut ids = Gauge::default();
        ids.add(id);
        self.entries.push(Entry {
            head,
            start: self.text.len(),
            length: u32::try_from(own.len()).expect("a text is at most 16 MiB"),
            ids,
        });
        if self.entries.len() == RECENT_COUNT {
            self.recent = vec![0; RECENT_COUNT];
        }
        self.text.extend_from_slice(own);
        push_number(number, &mut self.log);
        let hash_of = |&(half, _): &(u32, u32)| spread(half);
        self.table
            .insert_unique(spread(half), (half, number), hash_of);
    }

    /// Makes the lexicon: of rows, or of spots where the first spot of each row is given.
    fn seal(mut self, ids: Ids, order: Option<&[u32]>, starts: Option<&[u32]>) -> Lexicon {
        self.table = HashTable::new();
        self.recent = Vec::new();
        if order.is_some() {
            self.measure(order, starts);
        }
        let numbers = self.sort_texts(ids);
        let mut text = Vec::with_capacity(self.text.len());
        let mut ends = Offsets::default();
        for &number in numbers.iter().flatten() {
            text.extend_from_slice(&self.text[self.entries[number as usize].range()]);
            ends.push(text.len());
        }
        text.shrink_to_fit();
        ends.shrink();
        self.text = Vec::new();
        let postings = self.write_postings(ids, order, starts, &numbers);
        drop(self);
        Lexicon::finish(ids, text, ends, postings)
    }

    /// Measures the ids of each text again, since they are others now.
    fn measure(&mut self, order: Option<&[u32]>, starts: Option<&[u32]>) {
        let mut entries = std::mem::take(&mut self.entries);
        for entry in &mut entries {
            entry.ids = Gauge::default();
        }
        self.for_each_posting(order, starts, |id, number| {
            entries[number as usize].ids.add(id);
        });
        self.entries = entries;
    }

    /// Returns the texts of each kind that are left, in byte order.
    fn sort_texts(&self, ids: Ids) -> [Vec<u32>; Kind::ALL.len()] {
        Kind::ALL.map(|kind| {
            let mut sorted: Vec<(u64, u32)> = Vec::new();
            for (number, entry) in self.entries.iter().enumerate() {
                if Kind::of(entry.ids.count, ids) == Some(kind) {
                    sorted.push((entry.head, number as u32));
                }
            }
            sort_heads(&mut sorted, &|number| {
                &self.text[self.entries[number as usize].range()]
            });
            sorted.into_iter().map(|(_, number)| number).collect()
        })
    }

    /// Transposes the log: from the texts of each row to the ids of each text.
    fn write_postings(
        &self,
        ids: Ids,
        order: Option<&[u32]>,
        starts: Option<&[u32]>,
        numbers: &[Vec<u32>; Kind::ALL.len()],
    ) -> Postings {
        let [dense, several, single] = numbers;
        let entry = |&number: &u32| &self.entries[number as usize];
        let counts = |numbers: &[u32]| numbers.iter().map(|n| entry(n).ids.count).collect();
        let sizes = several.iter().map(|number| entry(number).ids.bytes());
        let stride = ids.stride();
        let mut postings = Postings {
            dense_counts: counts(dense),
            dense: vec![0; dense.len() * stride],
            several_counts: counts(several),
            several: Lists::with_sizes(sizes),
            single: vec![0; single.len()],
        };
        let mut slots = vec![Slot::Absent; self.entries.len()];
        for (rank, &number) in dense.iter().enumerate() {
            slots[number as usize] = Slot::Dense(rank * stride);
        }
        for (rank, &number) in several.iter().enumerate() {
            slots[number as usize] = Slot::Several(postings.several.cursor(rank));
        }
        for (rank, &number) in single.iter().enumerate() {
            slots[number as usize] = Slot::Single(rank);
        }
        self.for_each_posting(order, starts, |id, number| {
            match &mut slots[number as usize] {
                Slot::Dense(start) => set_bit(&mut postings.dense[*start..], id),
                Slot::Several(cursor) => postings.several.write(cursor, id),
                Slot::Single(rank) => postings.single[*rank] = id,
                Slot::Absent => {}
            }
        });
        postings
    }

    /// Visits every id and number of a text that it has, ids ascending as ordered.
    #[inline]
    fn for_each_posting(
        &self,
        order: Option<&[u32]>,
        starts: Option<&[u32]>,
        mut visit: impl FnMut(u32, u32),
    ) {
        let rows_count = order.map_or(self.row_ends.count(), <[u32]>::len);
        for row in 0..rows_count {
            let inserted = order.map_or(row, |order| order[row] as usize);
            let mut rest = &self.log[self.row_ends.before(inserted)];
            let mut id = starts.map_or(row as u32, |starts| starts[row]);
            while let Some(number) = take_number(&mut rest) {
                // A spot that is left out has a number too, of no text.
                if starts.is_none() {
                    visit(id, number);
                } else {
                    if number != GAP {
                        visit(id, number);
                    }
                    id += 1;
                }
            }
        }
    }
}

/// Where the next id of a text goes.
#[derive(Clone, Copy)]
enum Slot {
    /// Only dropped rows have the text.
    Absent,
    /// A bit of the bitmap that starts at that integer.
    Dense(usize),
    Several(Cursor),
    /// The index of the single id.
    Single(usize),
}

/// Returns the hash of a text whose head is known.
#[inline]
fn hash(hasher: &DefaultHashBuilder, head: u64, text: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write_u64(head);
    if let Some((_, rest)) = text.split_at_checked(HEAD_BYTES) {
        hasher.write(rest);
    }
    hasher.finish()
}

/// Returns the first bytes of a word as a number in their order, padded with NULs.
///
/// The word is the first `length` bytes of the text.
#[inline]
pub(super) fn head_of(text: &[u8], length: usize) -> u64 {
    if let Some(&chunk) = text.first_chunk::<HEAD_BYTES>() {
        let past = HEAD_BYTES.saturating_sub(length) as u32 * u8::BITS;
        return u64::from_be_bytes(chunk) >> past << past;
    }
    head_at(&text[..length], 0)
}

/// Appends the number of a text: 15 bits, or 31 in two parts, the upper part marked.
#[inline]
fn push_number(number: u32, log: &mut Vec<u16>) {
    if number >= NUMBER_MARK {
        log.push((number >> 16 | NUMBER_MARK) as u16);
    }
    log.push(number as u16);
}

/// Reads the next number; none at the end.
#[inline]
fn take_number(rest: &mut &[u16]) -> Option<u32> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    let first = u32::from(first);
    if first < NUMBER_MARK {
        return Some(first);
    }
    let (&second, after) = rest.split_first()?;
    *rest = after;
    Some((first ^ NUMBER_MARK) << 16 | u32::from(second))
}

/// Returns whether an ASCII char is white space in the sense of `char::is_whitespace`.
#[inline]
fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
