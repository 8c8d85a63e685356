//! Distinct texts on their way to a dictionary, numbered as they come.
//!
//! # Invariants
//!
//! * The empty text is there and has ordinal 0.

use std::hash::BuildHasher;

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

impl DistinctTexts {
    /// Returns the ordinal of a text, which is new if the text is.
    ///
    /// All texts are hashed alike, by `hasher`.
    pub(super) fn insert(&mut self, text: &str, hasher: &DefaultHashBuilder) -> u32 {
        if text.is_empty() {
            return 0;
        }
        self.insert_hashed(text, hasher.hash_one(text) as u32)
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

    /// Appends the ordinal of each of some texts, as [`insert`](DistinctTexts::insert) gives it.
    ///
    /// A look-up waits for memory: of many at once, the waits are at the same time.
    pub(super) fn insert_all(
        &mut self,
        texts: &[&str],
        hasher: &DefaultHashBuilder,
        ordinals: &mut Vec<u32>,
    ) {
        for texts in texts.chunks(LOOKUP_TEXTS) {
            let (mut halves, mut found) = ([0; LOOKUP_TEXTS], [0; LOOKUP_TEXTS]);
            for (text, half) in texts.iter().zip(&mut halves) {
                *half = hasher.hash_one(text) as u32;
            }
            for (half, found) in halves[..texts.len()].iter().zip(&mut found) {
                let same = self.table.find(spread(*half), |(other, _)| other == half);
                // The empty text stands for one that is not known.
                *found = same.map_or(0, |&(_, ordinal)| ordinal);
            }
            for (text, found) in texts.iter().zip(&mut found) {
                if !self.texts.holds(*found as usize, text) {
                    *found = 0;
                }
            }
            for ((text, &half), &found) in texts.iter().zip(&halves).zip(&found) {
                ordinals.push(if found == 0 && !text.is_empty() {
                    self.insert_hashed(text, half)
                } else {
                    found
                });
            }
        }
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
