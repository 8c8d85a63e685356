//! The words that many rows have, during inserts: a bit for each row instead of a number in the log.
//!
//! In texts written by people, a few hundred words make most of the log. The sealed index has a bitmap
//! for each of these anyway, so they get one as soon as they are found to be frequent. The log is then
//! much smaller, and sealing has little to transpose.
//!
//! # Invariants
//!
//! * A frequent word has all its rows here and none in the log. It stays frequent even if no later row
//!   has it.
//!
//! # Cost
//!
//! A bit for each row and word. The builder looks for frequent words each time that the number of rows
//! has doubled, so that all looks together read the log at most twice.

use super::bits::{for_each_bit, set_bit};
use super::lexicon::DENSE_ROWS_SHARE;

/// The least number of rows at which frequent words are looked for; with fewer, chance decides which are.
const ROWS_MIN: u32 = 4096;

/// Only words with numbers below this can be frequent: those that were met first.
const NUMBERS_MAX: usize = 1 << 15;

/// The most words that are frequent. A row takes a bit for each at most, even where words that were
/// frequent in the first rows come again only in the last.
const WORDS_MAX: usize = 1 << 10;

/// The rank of a word that is not frequent.
const NONE: u16 = u16::MAX;

/// Visits the rows of a frequent word, ascending.
pub(super) fn for_each_row(rows: &[u64], visit: impl FnMut(u32)) {
    let end = (rows.len() as u32).saturating_mul(u64::BITS);
    for_each_bit(rows, 0..end, visit);
}

/// The rows of each frequent word.
#[derive(Debug, Default)]
pub(super) struct Frequent {
    /// The rank of each word among the frequent ones, by its number.
    ranks: Vec<u16>,
    /// The number of each frequent word, and a bit for each row up to the last that has it.
    words: Vec<(u32, Vec<u64>)>,
    /// The number of rows when frequent words were last looked for.
    looked_rows: u32,
}

impl Frequent {
    /// Returns whether it is time to look for frequent words.
    pub(super) fn is_due(&self, rows_count: u32) -> bool {
        rows_count >= ROWS_MIN && rows_count / 2 >= self.looked_rows
    }

    /// Adds the words that are frequent, given the number of rows of each word; returns whether there are
    /// new ones. The caller then inserts the rows that these already have.
    pub(super) fn choose(&mut self, rows_count: u32, counts: impl Iterator<Item = u32>) -> bool {
        self.looked_rows = rows_count;
        let words_before = self.words.len();
        let counts = counts.take(NUMBERS_MAX);
        let is_frequent = |&(_, count): &(u32, u32)| count > rows_count / DENSE_ROWS_SHARE;
        for (number, _) in (0..).zip(counts).filter(is_frequent) {
            if self.words.len() == WORDS_MAX {
                break;
            }
            if self.rank(number).is_none() {
                let count = self.ranks.len().max(number as usize + 1);
                self.ranks.resize(count, NONE);
                // The rank fits: there are at most `WORDS_MAX` frequent words.
                self.ranks[number as usize] = self.words.len() as u16;
                self.words.push((number, Vec::new()));
            }
        }
        self.words.len() > words_before
    }

    #[inline]
    fn rank(&self, number: u32) -> Option<usize> {
        let rank = self
            .ranks
            .get(number as usize)
            .filter(|&&rank| rank != NONE)?;
        Some(usize::from(*rank))
    }

    /// Adds a row to a word; does nothing and returns false where the word is not frequent.
    #[inline]
    pub(super) fn insert(&mut self, number: u32, row: u32) -> bool {
        let Some(rank) = self.rank(number) else {
            return false;
        };
        let rows = &mut self.words[rank].1;
        let integer = (row / u64::BITS) as usize;
        if rows.len() <= integer {
            rows.resize(integer + 1, 0);
        }
        set_bit(rows, row);
        true
    }

    /// Returns the number of each word, and its rows.
    pub(super) fn words(&self) -> impl Iterator<Item = (u32, &[u64])> {
        self.words.iter().map(|(number, rows)| (*number, &rows[..]))
    }

    /// Returns the number of each word and its rows, by value.
    pub(super) fn into_words(self) -> impl Iterator<Item = (u32, Vec<u64>)> {
        self.words.into_iter()
    }

    /// Puts the rows in another order: row i becomes what row `order[i]` was.
    pub(super) fn reorder(&mut self, order: &[u32]) {
        for (_, rows) in &mut self.words {
            let bit = |row: u32| {
                let integer = rows.get((row / u64::BITS) as usize).copied().unwrap_or(0);
                integer >> (row % u64::BITS) & 1
            };
            let integer = |rows: &[u32]| {
                let bits = rows.iter().map(|&row| bit(row));
                bits.rev().fold(0, |integer, bit| integer << 1 | bit)
            };
            *rows = order.chunks(u64::BITS as usize).map(integer).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_a_bit_for_few_words() {
        let mut frequent = Frequent::default();
        assert!(!frequent.is_due(ROWS_MIN - 1) && frequent.is_due(ROWS_MIN));
        // A third of all words are frequent, which are more than there may be.
        let counts = (0..4 * WORDS_MAX as u32)
            .map(|number| ROWS_MIN / 32 + u32::from(number.is_multiple_of(3)));
        assert!(frequent.choose(ROWS_MIN, counts.clone()));
        assert!(!frequent.is_due(2 * ROWS_MIN - 1) && frequent.is_due(2 * ROWS_MIN));
        assert!(!frequent.choose(ROWS_MIN, counts));
        for number in 0..4 * WORDS_MAX as u32 {
            let is_frequent = number.is_multiple_of(3) && number / 3 < WORDS_MAX as u32;
            assert_eq!(frequent.insert(number, 9), is_frequent);
        }
        assert_eq!(frequent.words().count(), WORDS_MAX);
    }
}
