//! Words on their way into a segment: a hash table, and a log of what each row holds.
//!
//! # Cost
//!
//! Inserting is one look into the table a word. A new word costs its bytes and some
//! 30 more; a word that a row holds once more costs one to three bytes of log, the
//! frequent ones least, since words are numbered as they come. Sealing sorts the
//! words once and reads the log twice: to measure every word's rows, and to write
//! them.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::super::spread;
use super::super::text_order::{HEAD_BYTES, head_at, sort_heads};
use super::packed::{Cursor, Gauge, Lists, Offsets};
use super::{Kind, Postings, Words, set_bit, stride};
use crate::model::value::fold_into;

/// How many words met lately are at hand.
const RECENT_COUNT: usize = 1 << 16;

/// Marks the first of two parts of a number.
const NUMBER_MARK: u32 = 1 << 15;

/// The greatest number of a word that two parts hold.
const NUMBER_MAX: u32 = (1 << 31) - 1;

/// The words of rows being inserted.
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    hasher: DefaultHashBuilder,
    /// Half of each word's hash, and its number.
    table: HashTable<(u32, u32)>,
    /// Numbers of words met lately, by parts of their hashes: the frequent words stay in
    /// the processor's cache here, when the table has outgrown it. Empty until then.
    recent: Vec<u32>,
    entries: Vec<Entry>,
    /// The words one after another, as first met.
    text: Vec<u8>,
    /// The numbers of the words of each row, as [`push_number`] writes them.
    log: Vec<u16>,
    /// Where each row's part of the log ends.
    row_ends: Offsets,
    /// The row being read, folded; kept for its room.
    folded: String,
}

/// One word, in the order of first meeting.
#[derive(Debug)]
struct Entry {
    /// The first bytes, so that few look-ups have to read the text.
    head: u64,
    start: usize,
    length: u32,
    rows: Gauge,
}

impl Entry {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.length as usize
    }
}

impl WordsBuilder {
    /// Starts without rows.
    pub(crate) fn new() -> WordsBuilder {
        WordsBuilder::default()
    }

    /// Takes the words of the next row, whose texts are parted by white space; folds in place.
    ///
    /// Cost: O(text), one table look-up a word.
    pub(crate) fn insert_row(&mut self, text: &mut str) {
        if text.is_ascii() {
            text.make_ascii_lowercase();
            let text = text.as_bytes();
            // The same split as below, without decoding chars.
            let mut start = 0;
            while start < text.len() {
                let word = text[start..].iter().position(|&byte| is_ascii_space(byte));
                let length = word.unwrap_or(text.len() - start);
                self.insert_word(&text[start..], length);
                start += length + 1;
            }
        } else {
            let mut folded = std::mem::take(&mut self.folded);
            folded.clear();
            fold_into(text, &mut folded);
            for word in folded.split(char::is_whitespace) {
                self.insert_word(word.as_bytes(), word.len());
            }
            self.folded = folded;
        }
        self.row_ends.push(self.log.len());
    }

    /// Returns how many rows have ended.
    pub(crate) fn rows_count(&self) -> u32 {
        self.row_ends.count() as u32
    }

    /// Takes the word that is the first `length` bytes of a text, if any.
    ///
    /// The text goes on past the word where it can, so that its head is one load.
    #[inline]
    fn insert_word(&mut self, text: &[u8], length: usize) {
        if length == 0 {
            return;
        }
        let row = self.rows_count();
        let (word, head) = (&text[..length], head_of(text, length));
        let half = hash(&self.hasher, head, word) as u32;
        let recent = half as usize % RECENT_COUNT;
        let (entries, text) = (&self.entries, &self.text);
        let is_word = |number: u32| {
            let entry = &entries[number as usize];
            entry.head == head
                && entry.length as usize == length
                && (length <= HEAD_BYTES || &text[entry.range()] == word)
        };
        let known = match self.recent.get(recent) {
            Some(&number) if is_word(number) => Some(number),
            _ => {
                let is_same = |&(other, number): &(u32, u32)| other == half && is_word(number);
                let found = self.table.find(spread(half), is_same);
                found.map(|&(_, number)| number)
            }
        };
        let Some(number) = known else {
            self.insert_new(word, head, half);
            return;
        };
        if let Some(place) = self.recent.get_mut(recent) {
            *place = number;
        }
        if self.entries[number as usize].rows.add(row) {
            push_number(number, &mut self.log);
        }
    }

    /// Takes a word that no row held before.
    #[cold]
    fn insert_new(&mut self, word: &[u8], head: u64, half: u32) {
        let number = u32::try_from(self.entries.len())
            .ok()
            .filter(|&number| number <= NUMBER_MAX)
            .expect("2^31 distinct words and their entries take more than 100 GB");
        let mut rows = Gauge::default();
        rows.add(self.rows_count());
        self.entries.push(Entry {
            head,
            start: self.text.len(),
            length: u32::try_from(word.len()).expect("a text is at most 16 MiB"),
            rows,
        });
        if self.entries.len() == RECENT_COUNT {
            self.recent = vec![0; RECENT_COUNT];
        }
        self.text.extend_from_slice(word);
        push_number(number, &mut self.log);
        let hash_of = |&(half, _): &(u32, u32)| spread(half);
        self.table
            .insert_unique(spread(half), (half, number), hash_of);
    }

    /// Makes the index: row i of it is the inserted row `order[i]`, or i without an order.
    ///
    /// Inserted rows that the order leaves out are dropped, and so are words that only
    /// they held. No row may be named twice.
    ///
    /// Cost: O(w log w + postings + bytes of the words) for w words.
    pub(crate) fn seal(mut self, order: Option<&[u32]>) -> Words {
        self.table = HashTable::new();
        let rows_count = match order {
            None => self.rows_count(),
            Some(order) => {
                self.measure(order);
                order.len() as u32
            }
        };
        let numbers = self.sort_words(rows_count);
        let mut text = Vec::with_capacity(self.text.len());
        let mut ends = Offsets::default();
        for &number in numbers.iter().flatten() {
            text.extend_from_slice(&self.text[self.entries[number as usize].range()]);
            ends.push(text.len());
        }
        text.shrink_to_fit();
        ends.shrink();
        self.text = Vec::new();
        let postings = self.write_postings(rows_count, order, &numbers);
        drop(self);
        Words::finish(rows_count, text, ends, postings)
    }

    /// Measures the rows of each word again, since they are others now.
    fn measure(&mut self, order: &[u32]) {
        let mut entries = std::mem::take(&mut self.entries);
        for entry in &mut entries {
            entry.rows = Gauge::default();
        }
        self.for_each_posting(Some(order), |row, number| {
            entries[number as usize].rows.add(row);
        });
        self.entries = entries;
    }

    /// Returns the words of each kind that some row holds, in byte order.
    fn sort_words(&self, rows_count: u32) -> [Vec<u32>; Kind::ALL.len()] {
        Kind::ALL.map(|kind| {
            let mut sorted: Vec<(u64, u32)> = Vec::new();
            for (number, entry) in self.entries.iter().enumerate() {
                if Kind::of(entry.rows.count, rows_count) == Some(kind) {
                    sorted.push((entry.head, number as u32));
                }
            }
            sort_heads(&mut sorted, &|number| {
                &self.text[self.entries[number as usize].range()]
            });
            sorted.into_iter().map(|(_, number)| number).collect()
        })
    }

    /// Transposes the log: from the words of each row to the rows of each word.
    fn write_postings(
        &self,
        rows_count: u32,
        order: Option<&[u32]>,
        numbers: &[Vec<u32>; Kind::ALL.len()],
    ) -> Postings {
        let [dense, several, single] = numbers;
        let entry = |&number: &u32| &self.entries[number as usize];
        let counts = |numbers: &[u32]| numbers.iter().map(|n| entry(n).rows.count).collect();
        let sizes = several.iter().map(|number| entry(number).rows.bytes());
        let stride = stride(rows_count);
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
        self.for_each_posting(order, |row, number| match &mut slots[number as usize] {
            Slot::Dense(start) => set_bit(&mut postings.dense[*start..], row),
            Slot::Several(cursor) => postings.several.write(cursor, row),
            Slot::Single(rank) => postings.single[*rank] = row,
            Slot::Absent => {}
        });
        postings
    }

    /// Visits every row and number of a word that it holds, rows ascending as ordered.
    #[inline]
    fn for_each_posting(&self, order: Option<&[u32]>, mut visit: impl FnMut(u32, u32)) {
        let mut visit_row = |row: u32, inserted: usize| {
            let mut rest = &self.log[self.row_ends.before(inserted)];
            while let Some(number) = take_number(&mut rest) {
                visit(row, number);
            }
        };
        match order {
            None => (0..self.rows_count()).for_each(|row| visit_row(row, row as usize)),
            Some(order) => {
                for (row, &inserted) in order.iter().enumerate() {
                    visit_row(row as u32, inserted as usize);
                }
            }
        }
    }
}

/// Where the next row of a word goes.
#[derive(Clone, Copy)]
enum Slot {
    /// Only dropped rows hold the word.
    Absent,
    /// A bit of the bitmap that starts at that block.
    Dense(usize),
    Several(Cursor),
    /// That place among the single rows.
    Single(usize),
}

/// Returns the hash of a word whose head is known.
#[inline]
fn hash(hasher: &DefaultHashBuilder, head: u64, word: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write_u64(head);
    if let Some((_, rest)) = word.split_at_checked(HEAD_BYTES) {
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

/// Appends the number of a word: 15 bits, or 31 in two parts, the upper part marked.
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
