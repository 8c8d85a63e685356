//! Words that many rows have, while rows come in: a bit a row instead of a number in the log.
//!
//! In texts of people a few hundred words make most of the log. A sealed index has a bitmap for each of
//! these, so they are given theirs as soon as they stand out: that is what they end as, the log is a
//! fraction of what it were, and sealing has little to transpose.
//!
//! # Invariants
//!
//! * A frequent word has all its rows here and none in the log. It stays frequent, also where later rows
//!   have it no more.
//!
//! # Cost
//!
//! A bit a row for each word. Words are looked for each time that the rows have doubled, so all looks
//! together read the log twice at most.

use super::bits::{for_each_bit, set_bit};
use super::lexicon::DENSE_ROWS_SHARE;

/// The rows from which on words are looked for: with fewer, chance decides what stands out.
const ROWS_MIN: u32 = 4096;

/// The numbers among which frequent words are: those of the first words that came.
const NUMBERS_MAX: usize = 1 << 15;

/// What stands for a word that is not frequent.
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
    /// How many rows there were when words were looked for.
    looked_rows: u32,
}

impl Frequent {
    /// Returns whether words are to be looked for again.
    pub(super) fn is_due(&self, rows_count: u32) -> bool {
        rows_count >= ROWS_MIN && rows_count / 2 >= self.looked_rows
    }

    /// Chooses the words that are frequent from now on, by how many rows each has; returns whether there
    /// are new ones. The caller inserts what rows these have already.
    pub(super) fn choose(&mut self, rows_count: u32, counts: impl Iterator<Item = u32>) -> bool {
        self.looked_rows = rows_count;
        let words_before = self.words.len();
        let counts = counts.take(NUMBERS_MAX);
        for (number, _) in (0..)
            .zip(counts)
            .filter(|&(_, count)| count > rows_count / DENSE_ROWS_SHARE)
        {
            if self.rank(number).is_none() {
                self.ranks
                    .resize(self.ranks.len().max(number as usize + 1), NONE);
                // There are fewer than numbers.
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

    /// Gives a row to a word; returns false, and does nothing, where the word is not frequent.
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

    /// Returns the number of each word, and its rows, and keeps neither.
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
