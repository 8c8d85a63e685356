//! Which watches a text could concern, by the terms that they ask for.
//!
//! A term that is in a text has all its runs of three bytes in it, so a watch is kept under one of
//! these, that under which the fewest are. A text is passed over once, whatever the number of watches.
//!
//! # Cost
//!
//! A look-up for each byte of a text.

use hashbrown::HashMap;

use super::places::{Places, remove_place};

/// The bytes of a run.
const GRAM_BYTES: usize = 3;

/// The watches by runs of bytes in what they ask for.
#[derive(Debug, Default)]
pub(super) struct Grams {
    places: HashMap<[u8; GRAM_BYTES], Places>,
}

/// Returns the runs of a text, with where each starts.
fn grams_of(text: &str) -> impl Iterator<Item = (u32, [u8; GRAM_BYTES])> {
    let runs = text.as_bytes().array_windows();
    (0..).zip(runs.copied())
}

impl Grams {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns where in a term the run starts under which the fewest watches are, and how many; none
    /// in a term that is shorter than a run.
    pub(super) fn rarest(&self, term: &str) -> Option<(usize, u32)> {
        let counts = grams_of(term).map(|(at, gram)| {
            let places = self.places.get(&gram);
            (places.map_or(0, Places::len), at)
        });
        counts.min()
    }

    /// Adds a watch under the run of a term that starts at a place.
    pub(super) fn insert(&mut self, term: &str, at: u32, place: u32) {
        if let Some((_, gram)) = grams_of(term).nth(at as usize) {
            self.places.entry(gram).or_default().push(place);
        }
    }

    /// Removes a watch likewise.
    pub(super) fn remove(&mut self, term: &str, at: u32, place: u32) {
        if let Some((_, gram)) = grams_of(term).nth(at as usize)
            && let Some(places) = self.places.get_mut(&gram)
            && remove_place(places, place)
        {
            self.places.remove(&gram);
        }
    }

    /// Appends the watches under the runs of a text.
    pub(super) fn find(&self, text: &str, out: &mut Vec<u32>) {
        if self.is_empty() {
            return;
        }
        let held = grams_of(text).filter(|(_, gram)| self.places.contains_key(gram));
        let mut held: Vec<_> = held.map(|(_, gram)| gram).collect();
        held.sort_unstable();
        held.dedup();
        for gram in held {
            out.extend(self.places.get(&gram).into_iter().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_leads_to_the_terms_that_it_holds() {
        let terms = ["abc", "bcd", "abcd", "ß東", "aaa", "aaaaaa", "x\u{301}y"];
        let mut grams = Grams::default();
        assert_eq!(grams.rarest("ab"), None);
        let mut keys = Vec::new();
        for (place, term) in (0..).zip(terms) {
            let (_, at) = grams.rarest(term).unwrap();
            grams.insert(term, at, place);
            keys.push(at);
        }
        assert_eq!(grams.rarest("abcd").unwrap().0, 1);
        for text in ["", "ab", "abcd", "an aaaaaaaa", "ß東\nx\u{301}y", "bcda"] {
            let mut found = Vec::new();
            grams.find(text, &mut found);
            for (place, term) in (0..).zip(terms) {
                assert!(
                    !text.contains(term) || found.contains(&place),
                    "{term} in {text}"
                );
            }
            assert!(text.len() > 2 || found.is_empty());
        }
        for ((place, term), at) in (0..).zip(terms).zip(keys) {
            grams.remove(term, at, place);
        }
        assert!(grams.is_empty());
    }
}
