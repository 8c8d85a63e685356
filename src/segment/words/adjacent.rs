//! Which bytes follow each other in the words that a rule cuts.
//!
//! A word holds a term only if it holds each pair of the term's adjacent bytes. Most terms that no word
//! holds have a pair that no word has, so they are missed without being cut and looked up piece by piece.
//! The pieces alone do not tell, since a word may be cut between the two bytes.

#[cfg(feature = "durable")]
use std::io;

#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter, malformed};

/// The number of classes of bytes. A byte's class is its lowest six bits, which tell all letters of folded
/// ASCII apart; the letters from p to y share theirs with the digits.
const CLASSES: usize = 64;

/// The pairs of classes of adjacent bytes that were met, and perhaps more, as nothing is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AdjacentBytes {
    /// For each class, a bit for each class that follows it; empty until a word is inserted.
    followers: Vec<u64>,
}

impl AdjacentBytes {
    /// Adds the pairs of a word.
    #[inline]
    pub(super) fn insert(&mut self, word: &[u8]) {
        self.followers.resize(CLASSES, 0);
        for &[first, second] in word.array_windows() {
            self.followers[class(first)] |= 1 << class(second);
        }
    }

    /// Adds the pairs of other words.
    pub(super) fn unite(&mut self, other: &AdjacentBytes) {
        let size = self.followers.len().max(other.followers.len());
        self.followers.resize(size, 0);
        for (own, other) in self.followers.iter_mut().zip(&other.followers) {
            *own |= other;
        }
    }

    /// Returns whether a word may hold a term: `false` only if none does.
    ///
    /// Cost: a look for each pair, up to the first that no word has.
    #[inline]
    pub(super) fn may_hold(&self, term: &[u8]) -> bool {
        let mut pairs = term.array_windows();
        pairs.all(|&[first, second]| {
            let followers = self.followers.get(class(first)).copied().unwrap_or(0);
            followers >> class(second) & 1 == 1
        })
    }

    pub(super) fn clear(&mut self) {
        self.followers.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        self.followers.capacity() * size_of::<u64>()
    }
}

fn class(byte: u8) -> usize {
    usize::from(byte) % CLASSES
}

#[cfg(feature = "durable")]
impl Stored for AdjacentBytes {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.followers)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<AdjacentBytes> {
        let followers: Vec<u64> = input.vec()?;
        match followers.len() {
            0 | CLASSES => Ok(AdjacentBytes { followers }),
            _ => Err(malformed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> AdjacentBytes {
        let mut adjacent = AdjacentBytes::default();
        for word in words {
            adjacent.insert(word.as_bytes());
        }
        adjacent
    }

    #[test]
    fn a_term_may_be_held_where_each_of_its_pairs_was_met() {
        let adjacent = of(&["abcd", "x7/ü", "q"]);
        for held in ["ab", "bcd", "7/", "ü", "a", "z", ""] {
            assert!(adjacent.may_hold(held.as_bytes()), "{held}");
        }
        for missed in ["ba", "abd", "dx", "7x", "qa", "ab ", "/u"] {
            assert!(!adjacent.may_hold(missed.as_bytes()), "{missed}");
        }
        // Pairs of several words may be taken for those of one.
        assert!(of(&["ab", "bc"]).may_hold(b"abc"));
        assert!(!AdjacentBytes::default().may_hold(b"ab"));
    }

    #[test]
    fn united_pairs_are_those_of_all_words() {
        for (own, other) in [
            (of(&["abc"]), of(&["cde", "x1"])),
            (of(&["abc"]), AdjacentBytes::default()),
            (AdjacentBytes::default(), of(&["abc"])),
        ] {
            let mut all = own.clone();
            all.unite(&other);
            for term in ["ab", "bc", "cd", "de", "x1", "1x", "ea"] {
                let is_held = [&own, &other].map(|it| it.may_hold(term.as_bytes()));
                assert_eq!(
                    all.may_hold(term.as_bytes()),
                    is_held.contains(&true),
                    "{term}"
                );
            }
        }
    }
}
