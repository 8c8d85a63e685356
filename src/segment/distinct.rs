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
        let texts = &mut self.texts;
        let half = hasher.hash_one(text) as u32;
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
