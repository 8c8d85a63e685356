//! Which watches ask for a term that a text holds.
//!
//! A term is kept under one of its runs of three bytes, that under which the fewest terms are. A text is
//! passed over once, whatever the number of watches: at each of its runs the terms that are kept under it
//! are compared with what stands around.
//!
//! # Invariants
//!
//! * Every run under which terms are kept is in the filter; others may be.
//!
//! # Cost
//!
//! A look at the filter, which stays in the processor's cache, for each byte of a text; a look-up for the
//! few runs that it lets through.

use hashbrown::HashMap;

use super::seats::{Seats, remove_seat};

/// The bytes of a run.
const GRAM_BYTES: usize = 3;

type Gram = [u8; GRAM_BYTES];

/// A term, where in it the run is under which it is kept, and the watches that ask for it.
#[derive(Debug)]
struct Entry {
    term: Box<str>,
    at: u32,
    seats: Seats,
}

/// The watches by runs of bytes in what they ask for.
#[derive(Debug, Default)]
pub(super) struct Grams {
    entries: HashMap<Gram, Vec<Entry>>,
    filter: GramFilter,
}

/// Returns the runs of a text, with where each starts.
fn grams_of(text: &str) -> impl Iterator<Item = (u32, Gram)> {
    let runs = text.as_bytes().array_windows();
    (0..).zip(runs.copied())
}

impl Grams {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many watches ask for a term, and where in it the run starts under which the fewest
    /// terms are; none of a term that is shorter than a run.
    pub(super) fn rarest(&self, term: &str) -> Option<(usize, u32)> {
        let counts = grams_of(term).map(|(at, gram)| {
            let entries = self.entries.get(&gram);
            (entries.map_or(0, Vec::len), at)
        });
        let (_, at) = counts.min()?;
        let mut all = grams_of(term).filter_map(|(_, gram)| self.entries.get(&gram));
        let own = all.find_map(|entries| entries.iter().find(|entry| *entry.term == *term));
        Some((own.map_or(0, |entry| entry.seats.len()), at))
    }

    /// Adds the watch of a seat under the run of a term that starts at `at`.
    pub(super) fn insert(&mut self, term: &str, at: u32, seat: u32) {
        let Some((_, gram)) = grams_of(term).nth(at as usize) else {
            return;
        };
        self.filter.insert(gram);
        let entries = self.entries.entry(gram).or_default();
        let mut own = entries.iter_mut();
        match own.find(|entry| entry.at == at && *entry.term == *term) {
            Some(entry) => entry.seats.push(seat),
            None => entries.push(Entry {
                term: term.into(),
                at,
                seats: [seat].into_iter().collect(),
            }),
        }
    }

    /// Removes a watch likewise.
    pub(super) fn remove(&mut self, term: &str, at: u32, seat: u32) {
        let Some((_, gram)) = grams_of(term).nth(at as usize) else {
            return;
        };
        let Some(entries) = self.entries.get_mut(&gram) else {
            return;
        };
        let mut own = entries.iter();
        if let Some(index) = own.position(|entry| entry.at == at && *entry.term == *term)
            && remove_seat(&mut entries[index].seats, seat)
        {
            entries.swap_remove(index);
        }
        if entries.is_empty() {
            self.entries.remove(&gram);
        }
        if self.entries.is_empty() {
            self.filter = GramFilter::default();
        }
    }

    /// Appends the watches that ask for a term that a text holds.
    pub(super) fn find(&self, text: &str, out: &mut Vec<u32>) {
        if self.is_empty() {
            return;
        }
        let mut held: Vec<(Gram, u32)> = Vec::new();
        for (start, gram) in grams_of(text).filter(|(_, gram)| self.filter.may_hold(*gram)) {
            for (index, entry) in (0..).zip(self.entries.get(&gram).into_iter().flatten()) {
                let from = start.checked_sub(entry.at);
                let rest = from.map(|from| &text.as_bytes()[from as usize..]);
                if rest.is_some_and(|rest| rest.starts_with(entry.term.as_bytes())) {
                    held.push((gram, index));
                }
            }
        }
        held.sort_unstable();
        held.dedup();
        for (gram, index) in held {
            out.extend(&self.entries[&gram][index as usize].seats);
        }
    }
}

/// A bit for the hash of each run that may be there.
#[derive(Debug, Default)]
struct GramFilter {
    /// Empty until a run is added.
    words: Vec<u64>,
}

impl GramFilter {
    /// 8 KiB, a quarter of the fastest cache: of some thousand runs one in twenty bits is set.
    const BITS_LOG2: u32 = 16;

    fn bit(gram: Gram) -> u32 {
        let [first, second, third] = gram;
        let number = u32::from_le_bytes([first, second, third, 0]);
        number.wrapping_mul(0x9E37_79B1) >> (u32::BITS - GramFilter::BITS_LOG2)
    }

    fn insert(&mut self, gram: Gram) {
        if self.words.is_empty() {
            self.words = vec![0; 1 << GramFilter::BITS_LOG2 >> 6];
        }
        let bit = GramFilter::bit(gram);
        self.words[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    #[inline]
    fn may_hold(&self, gram: Gram) -> bool {
        let bit = GramFilter::bit(gram);
        let word = self.words.get((bit / 64) as usize);
        word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_leads_to_the_terms_that_it_holds() {
        let terms = [
            "abc",
            "bcd",
            "abcd",
            "ß東",
            "aaa",
            "aaaaaa",
            "x\u{301}y",
            "abc",
        ];
        let mut grams = Grams::default();
        assert_eq!(grams.rarest("ab"), None);
        let mut keys = Vec::new();
        for (seat, term) in (0..).zip(terms) {
            let (_, at) = grams.rarest(term).unwrap();
            grams.insert(term, at, seat);
            keys.push(at);
        }
        assert_eq!(grams.rarest("abc"), Some((2, 0)));
        assert_eq!(grams.rarest("abce"), Some((0, 1)));
        for text in [
            "",
            "ab",
            "abcd",
            "an aaaaaaaa",
            "ß東\nx\u{301}y",
            "bcda",
            "xabcab",
        ] {
            let mut found = Vec::new();
            grams.find(text, &mut found);
            for (seat, term) in (0..).zip(terms) {
                assert_eq!(
                    text.contains(term),
                    found.contains(&seat),
                    "{term} in {text}"
                );
            }
        }
        for ((seat, term), at) in (0..).zip(terms).zip(keys) {
            grams.remove(term, at, seat);
        }
        assert!(grams.is_empty() && grams.filter.words.is_empty());
    }
}
