//! The terms that watches ask for, found in the texts of a ticket.
//!
//! A term is kept under one of its runs of three bytes: the run that has the fewest terms. One pass over
//! a text finds every term in it, whatever the number of watches: at each run of the text, the terms
//! that are kept under the run are compared with the text around it.
//!
//! # Invariants
//!
//! * Every run that has terms is in the filter; the filter may let other runs through. It holds no more
//!   runs that have lost their terms than runs that have some.
//!
//! # Cost
//!
//! A look at the filter, which stays in the processor's cache, for each byte of a text; a look-up for the
//! few runs that it lets through.

use hashbrown::HashMap;

use super::seats::{Seats, remove_seat};

/// The length of a run, in bytes.
const GRAM_BYTES: usize = 3;

type Gram = [u8; GRAM_BYTES];

/// A term, and the watches that ask for it.
#[derive(Debug)]
struct Entry {
    term: Box<str>,
    /// The byte of the term at which the run starts that it is kept under.
    at: u32,
    seats: Seats,
}

/// The terms of watches, by one run of each.
#[derive(Debug, Default)]
pub(super) struct Grams {
    entries: HashMap<Gram, Vec<Entry>>,
    filter: GramFilter,
    /// How many runs have lost their last term since the filter was made.
    gone_count: usize,
}

/// Returns the runs of a text, and the byte at which each starts.
fn grams_of(text: &str) -> impl Iterator<Item = (u32, Gram)> {
    let runs = text.as_bytes().array_windows();
    (0..).zip(runs.copied())
}

impl Grams {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many watches are kept under a term, and the byte of it at which the run starts that
    /// has the fewest terms; none for a term that is shorter than a run.
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

    /// Adds a watch under the run of a term that starts at byte `at`.
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

    /// Removes a watch from the run that it was added under.
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
            self.note_gone();
        }
    }

    /// Takes note that a run has lost its last term. When more runs have lost theirs than still have some,
    /// the filter is rebuilt, so that terms which come and go do not fill it.
    fn note_gone(&mut self) {
        self.gone_count += 1;
        if self.gone_count > self.entries.len() {
            self.filter = GramFilter::default();
            for gram in self.entries.keys() {
                self.filter.insert(*gram);
            }
            self.gone_count = 0;
        }
    }

    /// Appends the seats of the watches that are kept under a term which the text holds.
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

/// A Bloom filter of runs with one hash: a set bit for the hash of each run that has terms.
#[derive(Debug, Default)]
struct GramFilter {
    /// Empty until a run is added.
    bits: Vec<u64>,
}

impl GramFilter {
    /// The number of bits is 2 to this power. They take 8 KiB, a quarter of a usual first-level cache;
    /// 3,000 runs set one bit in twenty.
    const BITS_LOG2: u32 = 16;

    fn bit(gram: Gram) -> u32 {
        let [first, second, third] = gram;
        let number = u32::from_le_bytes([first, second, third, 0]);
        number.wrapping_mul(0x9E37_79B1) >> (u32::BITS - GramFilter::BITS_LOG2)
    }

    fn insert(&mut self, gram: Gram) {
        if self.bits.is_empty() {
            self.bits = vec![0; 1 << GramFilter::BITS_LOG2 >> 6];
        }
        let bit = GramFilter::bit(gram);
        self.bits[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    #[inline]
    fn may_hold(&self, gram: Gram) -> bool {
        let bit = GramFilter::bit(gram);
        let bits = self.bits.get((bit / 64) as usize);
        bits.is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
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
        assert!(grams.is_empty() && grams.filter.bits.is_empty());
    }

    #[test]
    fn terms_that_come_and_go_do_not_fill_the_filter() {
        let mut grams = Grams::default();
        grams.insert("stays", 0, 0);
        for number in 100..1_000 {
            let term = number.to_string();
            grams.insert(&term, 0, 1);
            grams.remove(&term, 0, 1);
        }
        let set = grams.filter.bits.iter().map(|bits| bits.count_ones());
        assert!(set.sum::<u32>() <= 3);
        let mut found = Vec::new();
        grams.find("100: it stays", &mut found);
        assert_eq!(found, [0]);
    }
}
