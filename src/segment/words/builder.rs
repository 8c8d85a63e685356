//! The words of a segment being built: hash tables of the texts, and logs of the texts of each row.
//!
//! [`feed`](super::feed) inserts rows here, and sealing turns the tables and logs into
//! [`Words`].
//!
//! # Cost
//!
//! Inserting is one look into a table for each word or piece. A new text takes its bytes and some 45
//! more; one that was met before takes two to four bytes of log, or a bit where it is
//! [frequent](super::frequent). Sealing sorts the texts once and reads the log to write the postings;
//! with another order of rows, it reads the log once more to measure them.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::super::spread;
use super::super::text_order::{HEAD_BYTES, sort_heads};
use super::adjacent::AdjacentBytes;
use super::bits::set_bit;
use super::cut::Rule;
use super::frequent::{Frequent, for_each_row};
use super::hashed::{HashedRows, HashedText, HashedTexts};
use super::helper::Helper;
use super::lexicon::{Ids, Kind, Lexicon, Postings};
use super::log::{Log, NUMBER_MAX};
use super::packed::{Cursor, Gauge, Lists, Offsets};
use super::spots::{SPOTS_MAX, first_of, stretches_of};
use super::{CutWords, Words};

/// The size of the table of texts that occurred recently.
const RECENT_COUNT: usize = 1 << 16;

/// The number that the log of pieces has for a spot that is left out; no piece has it.
const GAP: u32 = 0;

/// The words of rows being inserted.
#[derive(Debug, Default)]
pub(crate) struct WordsBuilder {
    hasher: DefaultHashBuilder,
    whole: Collector,
    /// The pieces of words that are cut, by [`Rule`].
    cut: [PieceCollector; Rule::ALL.len()],
}

impl WordsBuilder {
    /// Returns the hasher that inserted words must be hashed with.
    pub(super) fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    /// Inserts the words of the next rows, hashed by the builder's own hasher.
    ///
    /// Cost: one look-up in a table for each word or piece.
    pub(super) fn insert(&mut self, rows: &mut HashedRows) {
        let is_allowed = Rule::ALL.map(|rule| {
            let pieces = &rows.cut[rule as usize];
            self.cut[rule as usize].has_room(pieces)
        });
        if is_allowed.contains(&false) {
            rows.find_words(is_allowed, &self.hasher);
        }
        let text = rows.text.as_bytes();
        self.whole.insert_rows(text, &rows.whole);
        for rule in Rule::ALL.map(|rule| rule as usize) {
            self.cut[rule].insert_rows(text, &rows.cut[rule]);
            self.cut[rule].adjacent.unite(&rows.adjacent[rule]);
        }
    }

    /// Returns how many rows have ended.
    pub(crate) fn rows_count(&self) -> u32 {
        self.whole.log.rows_count() as u32
    }

    /// Makes the index. Its row i is the inserted row `order[i]`, or row i without an order.
    ///
    /// Inserted rows that the order leaves out are dropped, and so are words that only
    /// they held. No row may be named twice.
    ///
    /// Cost: O(w log w + postings + bytes of the words) for w words, shared with a thread that helps.
    pub(super) fn seal(self, order: Option<&Arc<[u32]>>, helper: &Helper) -> Words {
        let rows_count = order.map_or(self.rows_count(), |order| order.len() as u32);
        let [coarse, fine, pairs] = self.cut;
        let seal_cut = {
            let (helper, order) = (helper.clone(), order.cloned());
            move || {
                let cut = [
                    (Rule::Coarse, coarse),
                    (Rule::Fine, fine),
                    (Rule::Pairs, pairs),
                ];
                let order = order.as_deref();
                cut.map(|(rule, pieces)| pieces.seal(rule, rows_count, order, &helper))
            }
        };
        let ids = Ids::Rows(rows_count);
        let seal_whole = || {
            self.whole
                .seal(ids, order.map(|order| &**order), None, helper)
        };
        let (whole, cut) = helper.join(seal_whole, seal_cut);
        Words::finish(rows_count, whole, cut)
    }
}

/// The pieces of the words that a rule cuts, and their spots.
#[derive(Debug)]
struct PieceCollector {
    pieces: Collector,
    adjacent: AdjacentBytes,
    /// The number of spots that the pieces of each row take.
    spots_counts: Vec<u32>,
    /// The spot of the next piece in the order of insertion; sealing may number spots again.
    next_spot: u32,
}

impl Default for PieceCollector {
    fn default() -> PieceCollector {
        let mut pieces = Collector::default();
        // The entry with the number of gaps, so that no text gets that number.
        pieces.entries.push(Entry::default());
        PieceCollector {
            pieces,
            adjacent: AdjacentBytes::default(),
            spots_counts: Vec::new(),
            next_spot: 0,
        }
    }
}

impl PieceCollector {
    /// Returns whether there are enough spots left for the pieces of some rows.
    fn has_room(&self, pieces: &HashedTexts) -> bool {
        let stretches_count = pieces.row_ends.len() + pieces.texts.len() / first_of(1) as usize;
        stretches_count < stretches_of(SPOTS_MAX - self.next_spot) as usize
    }

    /// Inserts the pieces of rows, each at a spot of its own.
    fn insert_rows(&mut self, text: &[u8], rows: &HashedTexts) {
        let mut found = Lookup::default();
        let mut at = 0;
        for &end in &rows.row_ends {
            let start = self.next_spot;
            for index in at..end {
                let piece = &rows.texts[index];
                let number = found.number(&mut self.pieces, text, rows, index);
                if piece.length == 0 {
                    self.pieces.log.push(GAP);
                } else {
                    self.pieces.insert(self.next_spot, text, piece, number);
                }
                self.next_spot += 1;
            }
            at = end;
            self.pieces.log.end_row();
            self.spots_counts.push(self.next_spot - start);
            self.next_spot = first_of(stretches_of(self.next_spot));
        }
    }

    fn seal(self, rule: Rule, rows_count: u32, order: Option<&[u32]>, helper: &Helper) -> CutWords {
        let mut stretch_rows = Vec::new();
        let mut starts = Vec::with_capacity(rows_count as usize);
        for row in 0..rows_count {
            let inserted = order.map_or(row, |order| order[row as usize]);
            starts.push(first_of(stretch_rows.len() as u32));
            let stretches_count = stretches_of(self.spots_counts[inserted as usize]);
            stretch_rows.extend((0..stretches_count).map(|_| row));
        }
        stretch_rows.shrink_to_fit();
        let pieces = self.pieces.seal(Ids::Spots, order, Some(&starts), helper);
        CutWords::new(rule, pieces, self.adjacent, stretch_rows, rows_count)
    }
}

/// Texts, with the rows or the spots that each is met at.
#[derive(Debug, Default)]
struct Collector {
    /// The lower half of each text's hash, and the text's number.
    table: HashTable<(u32, u32)>,
    /// The numbers of texts met lately, by a part of their hashes. It keeps the frequent ones in the
    /// processor's cache when the table has outgrown that; none before.
    recent: Option<Box<[u32; RECENT_COUNT]>>,
    entries: Vec<Entry>,
    /// The texts one after another, as first met.
    text: Vec<u8>,
    /// The numbers of the texts of each row, but for the frequent ones.
    log: Log,
    /// The words that many rows have; empty for pieces.
    frequent: Frequent,
}

/// How many texts are looked up at once, so that their waits for memory overlap.
const LOOKUP_TEXTS: usize = 64;

/// The number of a text that is not known.
const UNKNOWN: u32 = u32::MAX;

/// Returns the index of a hash among the recent texts.
fn recent_index(half: u32) -> usize {
    half as usize % RECENT_COUNT
}

/// The numbers of the next texts of some rows.
struct Lookup([u32; LOOKUP_TEXTS]);

impl Default for Lookup {
    fn default() -> Lookup {
        Lookup([UNKNOWN; LOOKUP_TEXTS])
    }
}

impl Lookup {
    /// Returns the number of a text, or [`UNKNOWN`]; callers go through the texts in order.
    #[inline]
    fn number(
        &mut self,
        collector: &mut Collector,
        text: &[u8],
        rows: &HashedTexts,
        index: usize,
    ) -> u32 {
        let within = index % LOOKUP_TEXTS;
        if within == 0 {
            let end = rows.texts.len().min(index + LOOKUP_TEXTS);
            self.read(collector, text, &rows.texts[index..end]);
        }
        self.0[within]
    }

    /// Looks texts up; each step is done for all of them before the next, so that waits overlap.
    fn read(&mut self, collector: &mut Collector, text: &[u8], texts: &[HashedText]) {
        let mut missed = [0u8; LOOKUP_TEXTS];
        let mut missed_count = 0;
        let numbers = &mut self.0;
        if let Some(recent) = collector.recent.as_deref() {
            for (hashed, number) in texts.iter().zip(&mut *numbers) {
                *number = recent[recent_index(hashed.half)];
            }
        }
        for (index, (hashed, number)) in texts.iter().zip(&mut *numbers).enumerate() {
            let is_gap = hashed.length == 0;
            let is_found = is_gap || collector.is_own(*number, text, hashed);
            missed[missed_count % LOOKUP_TEXTS] = index as u8;
            missed_count += usize::from(!is_found);
        }
        let missed = &missed[..missed_count];
        for &index in missed {
            let half = texts[usize::from(index)].half;
            let found = collector
                .table
                .find(spread(half), |&(other, _)| other == half);
            numbers[usize::from(index)] = found.map_or(UNKNOWN, |&(_, number)| number);
        }
        for &index in missed {
            let (hashed, number) = (&texts[usize::from(index)], &mut numbers[usize::from(index)]);
            if !collector.is_own(*number, text, hashed) {
                *number = UNKNOWN;
            } else if let Some(recent) = collector.recent.as_deref_mut() {
                recent[recent_index(hashed.half)] = *number;
            }
        }
    }
}

/// Returns whether two texts are the same after their heads; they have one length, which is more than
/// a head's.
#[inline]
fn has_end(own: &[u8], other: &[u8]) -> bool {
    own.last_chunk::<HEAD_BYTES>() == other.last_chunk()
        && (own.len() <= 2 * HEAD_BYTES || own[HEAD_BYTES..] == other[HEAD_BYTES..])
}

/// What is known of a text; its number is the index of its entry.
#[derive(Debug, Default)]
struct Entry {
    /// The first bytes, so that few look-ups have to read the text.
    head: u64,
    start: usize,
    length: u32,
    /// The size of the list of its rows or spots.
    ids: Gauge,
}

impl Entry {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.length as usize
    }
}

impl Collector {
    /// Inserts the words of rows.
    fn insert_rows(&mut self, text: &[u8], rows: &HashedTexts) {
        let mut found = Lookup::default();
        let mut at = 0;
        for &end in &rows.row_ends {
            let row = self.log.rows_count() as u32;
            for index in at..end {
                let number = found.number(self, text, rows, index);
                self.insert(row, text, &rows.texts[index], number);
            }
            at = end;
            self.log.end_row();
        }
        self.find_frequent();
    }

    /// Moves the words that have become frequent out of the log, if it is time to look for them.
    fn find_frequent(&mut self) {
        let rows_count = self.log.rows_count() as u32;
        if !self.frequent.is_due(rows_count) {
            return;
        }
        let counts = self.entries.iter().map(|entry| entry.ids.count);
        if !self.frequent.choose(rows_count, counts) {
            return;
        }
        let log = std::mem::take(&mut self.log);
        for row in 0..rows_count {
            log.for_each(row as usize, |number| {
                if !self.frequent.insert(number, row) {
                    self.log.push(number);
                }
            });
            self.log.end_row();
        }
    }

    /// Returns whether a number is that of a text in a portion.
    #[inline]
    fn is_own(&self, number: u32, text: &[u8], hashed: &HashedText) -> bool {
        let Some(entry) = self.entries.get(number as usize) else {
            return false;
        };
        let length = hashed.length as usize;
        if entry.head != hashed.head || entry.length != hashed.length {
            return false;
        }
        length <= HEAD_BYTES || has_end(&self.text[entry.range()], &text[hashed.start..][..length])
    }

    /// Adds an id, which is no less than earlier ones, to a text; `number` is what the look-up found.
    #[inline]
    fn insert(&mut self, id: u32, text: &[u8], hashed: &HashedText, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            self.insert_unknown(id, text, hashed);
            return;
        };
        if entry.ids.add(id) && !self.frequent.insert(number, id) {
            self.log.push(number);
        }
    }

    /// Adds an id to a text that the look-up did not find; it may have been inserted since.
    #[cold]
    fn insert_unknown(&mut self, id: u32, text: &[u8], hashed: &HashedText) {
        if let Some(number) = self.find(text, hashed) {
            self.insert(id, text, hashed, number);
        } else {
            self.insert_new(id, text, hashed);
        }
    }

    /// Returns the number of a text.
    fn find(&self, text: &[u8], hashed: &HashedText) -> Option<u32> {
        let is_same =
            |&(half, number): &(u32, u32)| half == hashed.half && self.is_own(number, text, hashed);
        let found = self.table.find(spread(hashed.half), is_same);
        found.map(|&(_, number)| number)
    }

    /// Inserts a text that was not met before.
    fn insert_new(&mut self, id: u32, text: &[u8], hashed: &HashedText) {
        let number = u32::try_from(self.entries.len())
            .ok()
            .filter(|&number| number <= NUMBER_MAX)
            .expect("2^31 distinct words and their entries take more than 100 GB");
        let (own, length) = (&text[hashed.start..], hashed.length as usize);
        let mut ids = Gauge::default();
        ids.add(id);
        self.entries.push(Entry {
            head: hashed.head,
            start: self.text.len(),
            length: hashed.length,
            ids,
        });
        if self.entries.len() == RECENT_COUNT {
            self.recent = vec![0; RECENT_COUNT].try_into().ok();
        }
        self.text.extend_from_slice(&own[..length]);
        self.log.push(number);
        let hash_of = |&(half, _): &(u32, u32)| spread(half);
        let half = hashed.half;
        self.table
            .insert_unique(spread(half), (half, number), hash_of);
    }

    /// Makes the lexicon: of rows, or of spots where the first spot of each row is given.
    fn seal(
        mut self,
        ids: Ids,
        order: Option<&[u32]>,
        starts: Option<&[u32]>,
        helper: &Helper,
    ) -> Lexicon {
        self.table = HashTable::new();
        self.recent = None;
        if let Some(order) = order {
            self.frequent.reorder(order);
            self.measure(order, starts);
        }
        let numbers = self.sort_texts(ids);
        let (text, ends) = self.take_texts(&numbers);
        let (postings, mut lexicon) = helper.join(
            || self.write_postings(ids, order, starts, &numbers),
            move || Lexicon::of_texts(ids, text, ends),
        );
        lexicon.postings = postings;
        lexicon
    }

    /// Measures the lists of ids again, since another order of rows changes them.
    fn measure(&mut self, order: &[u32], starts: Option<&[u32]>) {
        let mut entries = std::mem::take(&mut self.entries);
        for entry in &mut entries {
            entry.ids = Gauge::default();
        }
        self.for_each_posting(Some(order), starts, |id, number| {
            entries[number as usize].ids.add(id);
        });
        for (number, rows) in self.frequent.words() {
            let ids = &mut entries[number as usize].ids;
            for_each_row(rows, |row| {
                ids.add(row);
            });
        }
        self.entries = entries;
    }

    /// Returns the numbers of the texts of each kind, in byte order, without texts that have no id left.
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

    /// Moves the texts into one byte string, in the given order; returns it and where each text ends.
    fn take_texts(&mut self, numbers: &[Vec<u32>; Kind::ALL.len()]) -> (Vec<u8>, Offsets) {
        let unsorted = std::mem::take(&mut self.text);
        let (mut text, mut ends) = (Vec::with_capacity(unsorted.len()), Offsets::default());
        for &number in numbers.iter().flatten() {
            text.extend_from_slice(&unsorted[self.entries[number as usize].range()]);
            ends.push(text.len());
        }
        text.shrink_to_fit();
        ends.shrink();
        (text, ends)
    }

    /// Transposes the log: from the texts of each row to the ids of each text.
    fn write_postings(
        mut self,
        ids: Ids,
        order: Option<&[u32]>,
        starts: Option<&[u32]>,
        numbers: &[Vec<u32>; Kind::ALL.len()],
    ) -> Postings {
        let mut writer = PostingsWriter::new(&std::mem::take(&mut self.entries), ids, numbers);
        self.for_each_posting(order, starts, |id, number| writer.write(number, id));
        // The log is freed before the rows of frequent words are written.
        self.log = Log::default();
        for (number, rows) in self.frequent.into_words() {
            writer.write_all(number, &rows);
        }
        writer.postings
    }

    /// Visits every id in the log with the number of its text; ids ascend in the given order.
    #[inline]
    fn for_each_posting(
        &self,
        order: Option<&[u32]>,
        starts: Option<&[u32]>,
        mut visit: impl FnMut(u32, u32),
    ) {
        let rows_count = order.map_or(self.log.rows_count(), <[u32]>::len);
        for row in 0..rows_count {
            let inserted = order.map_or(row, |order| order[row] as usize);
            let mut id = starts.map_or(row as u32, |starts| starts[row]);
            self.log.for_each(inserted, |number| {
                // A spot that is left out is in the log too, with the number of no text.
                if starts.is_none() {
                    visit(id, number);
                } else {
                    if number != GAP {
                        visit(id, number);
                    }
                    id += 1;
                }
            });
        }
    }
}

/// Postings being written, the ids of each text ascending.
struct PostingsWriter {
    postings: Postings,
    /// The index of each text in the lexicon, by its number in the builder: first the texts with
    /// bitmaps, then those with lists, then those with one id.
    indexes: Vec<u32>,
    /// The end of what is written of each list.
    cursors: Vec<Cursor>,
    /// The number of integers in a bitmap.
    stride: usize,
}

/// The index of a text that only dropped rows have.
const ABSENT: u32 = u32::MAX;

impl PostingsWriter {
    fn new(entries: &[Entry], ids: Ids, numbers: &[Vec<u32>; Kind::ALL.len()]) -> PostingsWriter {
        let [dense, several, single] = numbers;
        let entry = |&number: &u32| &entries[number as usize];
        let counts = |numbers: &[u32]| numbers.iter().map(|n| entry(n).ids.count).collect();
        let sizes = several.iter().map(|number| entry(number).ids.bytes());
        let postings = Postings {
            dense_counts: counts(dense),
            dense: vec![0; dense.len() * ids.stride()],
            several_counts: counts(several),
            several: Lists::with_sizes(sizes),
            single: vec![0; single.len()],
        };
        let mut indexes = vec![ABSENT; entries.len()];
        for (index, &number) in (0..).zip(numbers.iter().flatten()) {
            indexes[number as usize] = index;
        }
        let cursors = (0..several.len()).map(|list| postings.several.cursor(list));
        PostingsWriter {
            cursors: cursors.collect(),
            postings,
            indexes,
            stride: ids.stride(),
        }
    }

    /// Adds an id to a text; the ids of one text come in ascending order.
    #[inline]
    fn write(&mut self, number: u32, id: u32) {
        let index = self.indexes[number as usize] as usize;
        let dense_count = self.postings.dense_counts.len();
        if index < dense_count {
            return set_bit(&mut self.postings.dense[index * self.stride..], id);
        }
        let list = index - dense_count;
        if let Some(cursor) = self.cursors.get_mut(list) {
            self.postings.several.write(cursor, id);
        } else if let Some(single) = self.postings.single.get_mut(list - self.cursors.len()) {
            *single = id;
        }
    }

    /// Writes all rows of a text from a bitmap.
    fn write_all(&mut self, number: u32, rows: &[u64]) {
        let index = self.indexes[number as usize] as usize;
        if index < self.postings.dense_counts.len() {
            let own = &mut self.postings.dense[index * self.stride..][..rows.len()];
            own.copy_from_slice(rows);
        } else {
            for_each_row(rows, |row| self.write(number, row));
        }
    }
}
