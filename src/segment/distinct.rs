//! Distinct texts on their way to a dictionary, numbered as they come.
//!
//! # Invariants
//!
//! * The empty text is there and has ordinal 0.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::blob::Blob;
use super::dictionary::Dictionary;
use super::spread;

/// How many texts are looked up at once.
const LOOKUP_TEXTS: usize = 32;

/// Texts by provisional ordinal, and a table that finds them.
#[derive(Debug)]
pub(super) struct DistinctTexts {
    texts: Blob,
    /// Half of the hash of each text, and its ordinal.
    table: HashTable<(u32, u32)>,
}

impl Default for DistinctTexts {
    fn default() -> DistinctTexts {
        let mut texts = Blob::default();
        texts.push("");
        DistinctTexts {
            texts,
            table: HashTable::new(),
        }
    }
}

/// Returns half of the hash of a text.
#[inline]
fn hash(text: &str, hasher: &DefaultHashBuilder) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish() as u32
}

impl DistinctTexts {
    /// Returns the ordinal of a text, which is new if the text is.
    ///
    /// All texts are hashed alike, by `hasher`.
    pub(super) fn insert(&mut self, text: &str, hasher: &DefaultHashBuilder) -> u32 {
        if text.is_empty() {
            return 0;
        }
        self.insert_hashed(text, hash(text, hasher))
    }

    fn insert_hashed(&mut self, text: &str, half: u32) -> u32 {
        let texts = &mut self.texts;
        let is_text = |&(other, at): &(u32, u32)| other == half && texts.holds(at as usize, text);
        if let Some(&(_, ordinal)) = self.table.find(spread(half), is_text) {
            return ordinal;
        }
        let ordinal = texts.count() as u32;
        texts.push(text);
        let hash_of = |&(half, _): &(u32, u32)| spread(half);
        self.table
            .insert_unique(spread(half), (half, ordinal), hash_of);
        ordinal
    }

    /// Returns the ordinal of each of some texts, as [`insert`](DistinctTexts::insert) gives it.
    ///
    /// A look-up waits for memory: of many at once, the waits are at the same time.
    pub(super) fn insert_all(&mut self, texts: &[&str], hasher: &DefaultHashBuilder) -> Vec<u32> {
        let mut ordinals = Vec::with_capacity(texts.len());
        for texts in texts.chunks(LOOKUP_TEXTS) {
            let mut halves = [0; LOOKUP_TEXTS];
            for (text, half) in texts.iter().zip(&mut halves) {
                *half = hash(text, hasher);
            }
            let known = self.look_up(texts, &halves);
            for ((text, &half), &ordinal) in texts.iter().zip(&halves).zip(&known) {
                ordinals.push(if ordinal == 0 && !text.is_empty() {
                    self.insert_hashed(text, half)
                } else {
                    ordinal
                });
            }
        }
        ordinals
    }

    /// Returns the ordinals of those texts that are known, and 0 for the others; each step is
    /// done for all of them before the next.
    fn look_up(&self, texts: &[&str], halves: &[u32; LOOKUP_TEXTS]) -> [u32; LOOKUP_TEXTS] {
        let mut ordinals = [0; LOOKUP_TEXTS];
        let mut starts = [0; LOOKUP_TEXTS];
        let mut firsts = [0; LOOKUP_TEXTS];
        for (ordinal, half) in ordinals[..texts.len()].iter_mut().zip(halves) {
            let same = self.table.find(spread(*half), |(other, _)| other == half);
            *ordinal = same.map_or(0, |&(_, ordinal)| ordinal);
        }
        for ((text, ordinal), start) in texts.iter().zip(&mut ordinals).zip(&mut starts) {
            let range = self.texts.range(*ordinal as usize);
            if range.len() != text.len() {
                *ordinal = 0;
            }
            *start = range.start;
        }
        // A look at the first byte brings the text near.
        for (first, &start) in firsts[..texts.len()].iter_mut().zip(&starts) {
            *first = self.texts.bytes_from(start).first().copied().unwrap_or(0);
        }
        for ((text, ordinal), first) in texts.iter().zip(&mut ordinals).zip(firsts) {
            let is_same = text.as_bytes().first() == Some(&first)
                && self.texts.holds(*ordinal as usize, text);
            if !is_same {
                *ordinal = 0;
            }
        }
        ordinals
    }

    /// Returns the bytes of the texts alone.
    pub(super) fn bytes(&self) -> usize {
        self.texts.text_bytes()
    }

    /// Makes the dictionary of the texts; returns it and the final ordinal of each.
    pub(super) fn sort(mut self, is_url_encoded: bool) -> (Dictionary, Vec<u32>) {
        // Gone before the sort takes memory of its own.
        self.table = HashTable::new();
        Dictionary::build(&self.texts, is_url_encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        const HALF: u32 = 77;
        // One length and one first byte, and others.
        let texts = ["open", "oven", "opening", "shut", "o", "x"];
        let mut distinct = DistinctTexts::default();
        for round in 0..2 {
            for (expected, text) in (1..).zip(texts) {
                assert_eq!(
                    distinct.insert_hashed(text, HALF),
                    expected,
                    "{round}: {text}"
                );
            }
        }
        assert_eq!(distinct.texts.count(), texts.len() + 1);
        // A look at many finds the text that is there, and takes no other for it.
        for text in texts {
            let mut distinct = DistinctTexts::default();
            assert_eq!(distinct.insert_hashed(text, HALF), 1);
            let known = distinct.look_up(&texts, &[HALF; LOOKUP_TEXTS]);
            for (own, ordinal) in texts.iter().zip(known) {
                assert_eq!(ordinal, u32::from(*own == text), "{own} beside {text}");
            }
        }
    }
}
