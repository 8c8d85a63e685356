//! Sets of rows, as the indexes keep them.
//!
//! A [`RowSet`] is what a filter with an index evaluates to: the rows of one segment that
//! satisfy it. How a set is stored follows from how dense it is, and this is the only file
//! that knows: few rows are a sorted list, many a plain bitmap of `u64` words, those
//! between places of two bytes, found by block. A plan combines sets a [`Block`] at a time.
//!
//! # Invariants
//!
//! * Every row of a set is below the row count of the segment it came from. A set
//!   does not carry its segment; `plan` keeps sets of two segments apart.
//! * A set knows nothing of tombstones: they are subtracted once a request, never per
//!   filter.
//!
//! # Cost
//!
//! Combining a dense set into a block is 64 word operations; a sparse one costs its
//! rows inside the block. A probe is constant on dense sets and logarithmic elsewhere, in the
//! rows of one block where there are many. A row takes a bit a row of the segment where
//! one in 32 or more are in the set, else two bytes.

use std::ops::Range;

use super::block::{
    BLOCK_ROWS, BLOCK_WORDS, Block, EMPTY_BLOCK, block_of, blocks_count, empty_words,
    intersect_blocks, is_set, range_block, unite_blocks,
};

/// A set of rows of one segment.
#[derive(Clone, Debug)]
pub(crate) enum RowSet {
    /// Rows one after the other.
    Range(Range<u32>),
    /// A few rows, ascending.
    Sorted(Box<[u32]>),
    /// Many rows: one bit a row, a multiple of [`BLOCK_WORDS`] words.
    Words { words: Box<[u64]>, count: u32 },
    /// Rows too many for a list and too few for one bit a row.
    Sparse(SparseRows),
}

/// Ascending rows, found by block, in two bytes each.
#[derive(Clone, Debug)]
pub(crate) struct SparseRows {
    /// Where the rows of each block start, and the end.
    starts: Box<[u32]>,
    /// The places of rows within their blocks.
    places: Box<[u16]>,
}

impl SparseRows {
    fn new(rows: &[u32], rows_count: u32) -> SparseRows {
        let mut starts = vec![0; blocks_count(rows_count) as usize + 1];
        for row in rows {
            starts[(row / BLOCK_ROWS) as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        SparseRows {
            starts: starts.into(),
            places: rows.iter().map(|row| (row % BLOCK_ROWS) as u16).collect(),
        }
    }

    /// Returns the places of the rows of one block, ascending.
    fn block(&self, block_index: u32) -> &[u16] {
        let index = block_index as usize;
        match self.starts.get(index..index + 2) {
            Some(&[start, end]) => &self.places[start as usize..end as usize],
            _ => &[],
        }
    }

    fn for_each(&self, mut each: impl FnMut(u32)) {
        for (index, ends) in (0u32..).zip(self.starts.windows(2)) {
            let base = index * BLOCK_ROWS;
            for &place in &self.places[ends[0] as usize..ends[1] as usize] {
                each(base + u32::from(place));
            }
        }
    }
}

/// At most so many rows are kept as a list, whatever the segment's size.
const SORTED_ROWS_MAX: usize = 64;

/// At most so many rows a block are kept as a list: then it is no larger than places by block.
const SORTED_ROWS_A_BLOCK_MAX: usize = 2;

/// A set of at least one row in so many is kept as words: then they cost no more than a list.
const WORDS_SPARSITY: u32 = 32;

impl RowSet {
    /// Makes a set of ascending rows of a segment with so many rows.
    pub(crate) fn from_sorted(rows: &[u32], rows_count: u32) -> RowSet {
        debug_assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        if let [first, .., last] = *rows
            && (last - first) as usize == rows.len() - 1
        {
            return RowSet::Range(first..last + 1);
        }
        let is_dense = rows.len() as u64 * u64::from(WORDS_SPARSITY) >= u64::from(rows_count);
        if is_dense && rows.len() > SORTED_ROWS_MAX {
            let mut words = empty_words(rows_count);
            for &row in rows {
                words[(row / 64) as usize] |= 1 << (row % 64);
            }
            return RowSet::Words {
                words: words.into(),
                count: rows.len() as u32,
            };
        }
        let listed = blocks_count(rows_count) as usize * SORTED_ROWS_A_BLOCK_MAX;
        if rows.len() <= listed.max(SORTED_ROWS_MAX) {
            return RowSet::Sorted(rows.into());
        }
        RowSet::Sparse(SparseRows::new(rows, rows_count))
    }

    /// Makes a set of a bitmap, one bit a row, which may end early.
    pub(crate) fn from_words(mut words: Vec<u64>, rows_count: u32) -> RowSet {
        let count: u32 = words.iter().map(|word| word.count_ones()).sum();
        if count == rows_count {
            return RowSet::Range(0..rows_count);
        }
        if u64::from(count) * u64::from(WORDS_SPARSITY) < u64::from(rows_count)
            || count as usize <= SORTED_ROWS_MAX
        {
            let mut rows = Vec::with_capacity(count as usize);
            for (index, &word) in words.iter().enumerate() {
                let mut rest = word;
                while rest != 0 {
                    rows.push(index as u32 * 64 + rest.trailing_zeros());
                    rest &= rest - 1;
                }
            }
            return RowSet::from_sorted(&rows, rows_count);
        }
        words.resize(blocks_count(rows_count) as usize * BLOCK_WORDS, 0);
        RowSet::Words {
            words: words.into(),
            count,
        }
    }

    /// Returns how many rows the set has.
    pub(crate) fn count(&self) -> u32 {
        match self {
            RowSet::Range(range) => range.len() as u32,
            RowSet::Sorted(rows) => rows.len() as u32,
            RowSet::Words { count, .. } => *count,
            RowSet::Sparse(rows) => rows.places.len() as u32,
        }
    }

    /// Returns how the set is stored, for `explain`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            RowSet::Range(_) => "row range",
            RowSet::Sorted(_) => "sorted rows",
            RowSet::Words { .. } => "words",
            RowSet::Sparse(_) => "places by block",
        }
    }

    /// Returns whether combining the set into a block costs words rather than rows.
    pub(crate) fn is_dense(&self) -> bool {
        matches!(self, RowSet::Words { .. } | RowSet::Range(_))
    }

    /// Returns the set as one bit a row, if it is kept so.
    pub(crate) fn words(&self) -> Option<&[u64]> {
        match self {
            RowSet::Words { words, .. } => Some(words),
            _ => None,
        }
    }

    /// Returns whether a row is in the set.
    pub(crate) fn contains(&self, row: u32) -> bool {
        match self {
            RowSet::Range(range) => range.contains(&row),
            RowSet::Sorted(rows) => rows.binary_search(&row).is_ok(),
            RowSet::Words { words, .. } => is_set(words, row),
            RowSet::Sparse(rows) => {
                let place = (row % BLOCK_ROWS) as u16;
                rows.block(row / BLOCK_ROWS).binary_search(&place).is_ok()
            }
        }
    }

    /// Calls `each` with the places of the rows within one block, where rows are listed.
    fn for_each_place(&self, block_index: u32, mut each: impl FnMut(u32)) {
        let base = block_index * BLOCK_ROWS;
        match self {
            RowSet::Sorted(rows) => {
                let from = rows.partition_point(|&row| row < base);
                let places = rows[from..].iter().map(|row| row - base);
                for place in places.take_while(|&place| place < BLOCK_ROWS) {
                    each(place);
                }
            }
            RowSet::Sparse(rows) => {
                for &place in rows.block(block_index) {
                    each(u32::from(place));
                }
            }
            RowSet::Range(_) | RowSet::Words { .. } => {}
        }
    }

    /// Adds the set's rows of one block to `out`.
    pub(crate) fn union_into(&self, block_index: u32, out: &mut Block) {
        match self {
            RowSet::Range(range) => unite_blocks(out, &range_block(range, block_index)),
            RowSet::Words { words, .. } => unite_blocks(out, block_of(words, block_index)),
            RowSet::Sorted(_) | RowSet::Sparse(_) => self.for_each_place(block_index, |place| {
                out[(place / 64) as usize] |= 1 << (place % 64);
            }),
        }
    }

    /// Keeps of `out` the rows that the set has too.
    pub(crate) fn intersect_into(&self, block_index: u32, out: &mut Block) {
        match self {
            RowSet::Range(range) => intersect_blocks(out, &range_block(range, block_index)),
            RowSet::Words { words, .. } => intersect_blocks(out, block_of(words, block_index)),
            RowSet::Sorted(_) | RowSet::Sparse(_) => {
                let mut both = EMPTY_BLOCK;
                self.for_each_place(block_index, |place| {
                    let index = (place / 64) as usize;
                    both[index] |= out[index] & 1 << (place % 64);
                });
                *out = both;
            }
        }
    }

    /// Calls `each` with every row, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32)) {
        match self {
            RowSet::Range(range) => range.clone().for_each(each),
            RowSet::Sorted(rows) => rows.iter().copied().for_each(each),
            RowSet::Sparse(rows) => rows.for_each(each),
            RowSet::Words { words, .. } => {
                for (index, &word) in words.iter().enumerate() {
                    let mut rest = word;
                    while rest != 0 {
                        each(index as u32 * 64 + rest.trailing_zeros());
                        rest &= rest - 1;
                    }
                }
            }
        }
    }

    /// Returns the heap bytes of the set.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            RowSet::Range(_) => 0,
            RowSet::Sorted(rows) => size_of_val::<[u32]>(rows),
            RowSet::Words { words, .. } => size_of_val::<[u64]>(words),
            RowSet::Sparse(rows) => {
                size_of_val::<[u32]>(&rows.starts) + size_of_val::<[u16]>(&rows.places)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{block_count, for_each_row};
    use super::*;

    fn samples(rows_count: u32) -> Vec<Vec<u32>> {
        let every = |step: u32| (0..rows_count).step_by(step as usize).collect::<Vec<_>>();
        vec![
            vec![],
            vec![0],
            vec![rows_count - 1],
            every(1),
            every(2),
            every(31),
            every(40),
            every(999),
        ]
    }

    fn rows_of(set: &RowSet) -> Vec<u32> {
        let mut rows = Vec::new();
        set.for_each(|row| rows.push(row));
        rows
    }

    #[test]
    fn every_form_holds_the_same_rows() {
        for rows_count in [1, 63, 64, 65, 4095, 4096, 4097, 100_000] {
            for rows in samples(rows_count) {
                let mut words = vec![0u64; rows_count.div_ceil(64) as usize];
                for row in &rows {
                    words[(row / 64) as usize] |= 1 << (row % 64);
                }
                for set in [
                    RowSet::from_sorted(&rows, rows_count),
                    RowSet::from_words(words, rows_count),
                ] {
                    assert_eq!(rows_of(&set), rows);
                    assert_eq!(set.count() as usize, rows.len());
                    let mut seen = Vec::new();
                    for index in 0..blocks_count(rows_count) {
                        let mut union = EMPTY_BLOCK;
                        set.union_into(index, &mut union);
                        let mut intersection = range_block(&(0..rows_count), index);
                        set.intersect_into(index, &mut intersection);
                        assert_eq!(union, intersection);
                        let before = seen.len();
                        for_each_row(&union, index, |row| seen.push(row));
                        assert_eq!(block_count(&union) as usize, seen.len() - before);
                    }
                    assert_eq!(seen, rows);
                    for row in 0..rows_count.min(5000) {
                        assert_eq!(set.contains(row), rows.binary_search(&row).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn density_chooses_the_form() {
        let every = |step: usize| (0..100_000).step_by(step).collect::<Vec<u32>>();
        assert_eq!(RowSet::from_sorted(&every(2), 100_000).kind_name(), "words");
        assert_eq!(
            RowSet::from_sorted(&every(100), 100_000).kind_name(),
            "places by block"
        );
        assert_eq!(
            RowSet::from_sorted(&every(5000), 100_000).kind_name(),
            "sorted rows"
        );
    }
}
