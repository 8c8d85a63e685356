//! The n-grams of a lexicon's texts: which texts hold a short run of bytes.
//!
//! Every byte of a text starts one key, which is that byte and the two that follow, with [`END`] after
//! the last byte of the text. So a text holds a run of one, two or three bytes exactly where one of its
//! keys starts with the run. The texts of a short term are therefore listed by a range of the sorted
//! keys, and only longer terms need a look at the texts.
//!
//! # Cost
//!
//! At most one posting for each byte of the texts, of one or two bytes as a rule. Building takes one pass
//! over the texts that measures the lists, with a look-up and two to four bytes of log for each byte, and
//! one over the log that writes the lists.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use hashbrown::HashTable;

use super::log::Log;
use super::packed::{Cursor, Gauge, Lists};
#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// How many bytes a key holds.
pub(super) const GRAM_BYTES: usize = 3;

/// The byte that follows the last byte of a text in its keys; it never occurs in UTF-8.
pub(super) const END: u8 = 0xFF;

/// Keys in ascending order, and the texts of each. A gram is the index of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Grams {
    keys: Vec<u32>,
    texts_counts: Vec<u32>,
    lists: Lists,
}

impl Grams {
    /// Indexes texts, which are numbered in the given order.
    pub(super) fn build<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Grams {
        let bytes: usize = texts.clone().map(<[u8]>::len).sum();
        let mut found = Found::for_bytes(bytes);
        // The number of the key that each byte starts, so that the second pass needs no look-up.
        let mut log = Log::default();
        for (at, text) in texts.enumerate() {
            for_each_key(text, |key| {
                let number = found.number(key);
                log.push(number);
                // A key that a text holds twice is one posting.
                found.gauges[number as usize].add(at as u32);
            });
            log.end_row();
        }
        let order = found.order();
        let gauges = order.iter().map(|&number| found.gauges[number as usize]);
        let mut lists = Lists::with_sizes(gauges.clone().map(Gauge::bytes));
        let mut cursors = vec![Cursor::default(); order.len()];
        for (gram, &number) in order.iter().enumerate() {
            cursors[number as usize] = lists.cursor(gram);
        }
        for at in 0..log.rows_count() {
            log.for_each(at, |number| {
                let cursor = &mut cursors[number as usize];
                if !cursor.is_last(at as u32) {
                    lists.write(cursor, at as u32);
                }
            });
        }
        Grams {
            texts_counts: gauges.map(|gauge| gauge.count).collect(),
            keys: order.iter().map(|&it| found.keys[it as usize]).collect(),
            lists,
        }
    }

    /// Returns whether there are no grams, because there are no texts or they were not indexed.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the grams whose keys start with a run of at most three bytes.
    pub(super) fn starting_with(&self, run: &[u8]) -> Range<usize> {
        let shift = 8 * (GRAM_BYTES - run.len());
        let first = key_of(run) << shift;
        let start = self.keys.partition_point(|&key| key < first);
        let count = match run.len() {
            GRAM_BYTES => usize::from(self.keys.get(start) == Some(&first)),
            _ => self.keys[start..].partition_point(|&key| key - first < 1 << shift),
        };
        start..start + count
    }

    /// Returns the gram that starts with the first byte of a non-empty text.
    pub(super) fn first_of(&self, text: &[u8]) -> Option<usize> {
        let ends = [END; GRAM_BYTES - 1];
        let bytes = text.iter().chain(&ends).take(GRAM_BYTES);
        self.keys.binary_search(&key_of(bytes)).ok()
    }

    /// Returns how many texts a gram is in.
    pub(super) fn texts_count(&self, gram: usize) -> u32 {
        self.texts_counts[gram]
    }

    /// Visits the texts of a gram, ascending.
    #[inline]
    pub(super) fn for_each_text(&self, gram: usize, visit: impl FnMut(u32)) {
        self.lists.for_each(gram, visit);
    }

    /// Visits the runs of one, two and three bytes that are UTF-8, as terms are, with their grams.
    pub(super) fn for_each_run(&self, mut visit: impl FnMut(&[u8], Range<usize>)) {
        for length in 1..=GRAM_BYTES {
            let shift = 8 * (GRAM_BYTES - length);
            let mut start = 0;
            for group in self.keys.chunk_by(|a, b| a >> shift == b >> shift) {
                let grams = start..start + group.len();
                start = grams.end;
                let run = &group[0].to_be_bytes()[1..=length];
                if std::str::from_utf8(run).is_ok() {
                    visit(run, grams);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        (self.keys.capacity() + self.texts_counts.capacity()) * size_of::<u32>()
            + self.lists.bytes()
    }
}

/// The keys met while building, numbered in the order in which they were met.
#[derive(Default)]
struct Found {
    /// For each key of ASCII, by [`place_of`], its number plus one, or 0. None where there are too few
    /// texts for a table of that size.
    ascii: Option<Vec<u32>>,
    /// The other keys with their numbers.
    table: HashTable<(u32, u32)>,
    keys: Vec<u32>,
    gauges: Vec<Gauge>,
}

impl Found {
    /// Starts without keys, for texts that have a number of bytes in all.
    fn for_bytes(bytes: usize) -> Found {
        let is_large = bytes >= PLACED_BYTES_MIN;
        Found {
            ascii: is_large.then(|| vec![0; PLACES.pow(GRAM_BYTES as u32)]),
            ..Found::default()
        }
    }

    #[inline]
    fn number(&mut self, key: u32) -> u32 {
        let next = self.keys.len() as u32;
        if let Some(ascii) = &mut self.ascii
            && let Some(number) = ascii.get_mut(place_of(key))
        {
            if *number == 0 {
                *number = next + 1;
                self.keys.push(key);
                self.gauges.push(Gauge::default());
            }
            return *number - 1;
        }
        let &(_, number) = self
            .table
            .entry(
                hash(key),
                |&(other, _)| other == key,
                |&(other, _)| hash(other),
            )
            .or_insert((key, next))
            .get();
        if number == next {
            self.keys.push(key);
            self.gauges.push(Gauge::default());
        }
        number
    }

    /// Returns the numbers of the keys, ascending by key.
    fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        order.sort_unstable_by_key(|&number| self.keys[number as usize]);
        order
    }
}

/// The least number of bytes in all texts at which keys of ASCII get a table of their own. Most of its
/// 8 MiB are never touched, but the rest must still pay.
const PLACED_BYTES_MIN: usize = 256 << 10;

/// The number of distinct bytes in keys of ASCII: 128 and [`END`].
const PLACES: usize = 129;

/// Returns the index of a key of ASCII in its table, and one past the table for any other key.
#[inline]
fn place_of(key: u32) -> usize {
    const OF_BYTES: [u8; 256] = {
        let mut places = [PLACES as u8; 256];
        let mut byte = 0;
        while byte < 128 {
            places[byte] = byte as u8;
            byte += 1;
        }
        places[END as usize] = 128;
        places
    };
    let [_, bytes @ ..] = key.to_be_bytes();
    let [first, second, third] = bytes.map(|byte| usize::from(OF_BYTES[usize::from(byte)]));
    if first.max(second).max(third) < PLACES {
        (first * PLACES + second) * PLACES + third
    } else {
        PLACES.pow(GRAM_BYTES as u32)
    }
}

/// Spreads a key over 64 bits. Keys are three bytes, so no text can make many collide.
#[inline]
fn hash(key: u32) -> u64 {
    let spread = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ spread >> 32
}

/// Returns a run of at most three bytes as a number.
fn key_of<'a>(run: impl IntoIterator<Item = &'a u8>) -> u32 {
    run.into_iter()
        .fold(0, |key, &byte| key << 8 | u32::from(byte))
}

/// Visits the keys of a text, one for each of its bytes.
#[inline]
fn for_each_key(text: &[u8], mut visit: impl FnMut(u32)) {
    let mut key = 0;
    for (position, &byte) in text.iter().chain(&[END; GRAM_BYTES - 1]).enumerate() {
        key = (key << 8 | u32::from(byte)) & 0xFF_FFFF;
        if position >= GRAM_BYTES - 1 {
            visit(key);
        }
    }
}

#[cfg(feature = "durable")]
impl Stored for Grams {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.keys)?;
        out.slice(&self.texts_counts)?;
        self.lists.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Grams> {
        Ok(Grams {
            keys: input.vec()?,
            texts_counts: input.vec()?,
            lists: Lists::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_ascii_have_a_place_each() {
        let mut places = std::collections::HashSet::new();
        for key in 0..1 << 24 {
            let [_, bytes @ ..] = u32::to_be_bytes(key);
            let is_ascii = bytes.iter().all(|&byte| byte.is_ascii() || byte == END);
            let place = place_of(key);
            assert_eq!(is_ascii, place < PLACES.pow(3), "{key:x}");
            assert!(!is_ascii || places.insert(place), "{key:x}");
        }
    }

    #[test]
    fn many_words_have_the_grams_of_few() {
        let word = |number: usize| format!("{}{}\u{e9}\0", number * number, "x".repeat(number % 9));
        let words: Vec<String> = (0..PLACED_BYTES_MIN / 4).map(word).collect();
        let many = Grams::build(words.iter().map(String::as_bytes));
        for run in ["12", "xx", "x\u{e9}", "\u{e9}", "\0", "999"] {
            let mut found = Vec::new();
            for gram in many.starting_with(run.as_bytes()) {
                many.for_each_text(gram, |number| found.push(number as usize));
            }
            found.sort_unstable();
            found.dedup();
            let expected = (0..words.len()).filter(|&number| words[number].contains(run));
            assert!(found == expected.collect::<Vec<_>>(), "{run:?}");
        }
    }

    #[test]
    fn keys_are_spread() {
        // There are as many keys as places; at random, 63 % of the places would have a key.
        for bits in [8, 12, 16] {
            let mask = (1 << bits) - 1;
            let keys = (0..1 << bits).map(|key| hash(key * 256) & mask);
            let places: std::collections::HashSet<u64> = keys.collect();
            assert!(
                places.len() * 2 > 1 << bits,
                "{} of {bits} bits",
                places.len()
            );
        }
    }
}
