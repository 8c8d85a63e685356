//! Sets of rows, and the operations a plan performs on them.
//!
//! A [`RowSet`] is what a filter with an index evaluates to: the rows of one segment
//! that satisfy it. How a set is stored follows from how dense it is, and this is the
//! only file that knows: few rows are a sorted list, many a plain bitmap of `u64`
//! words, those between compressed, so it is also the only file that names the bitmap
//! crate. A plan combines sets a [`Block`] at a time: 4,096 rows as 64 words on the
//! stack, so that a conjunction of dense sets never materialises and stays in cache.
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
//! rows inside the block. A probe is constant on dense sets and logarithmic elsewhere.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;

/// The rows that one [`Block`] covers.
pub(crate) const BLOCK_ROWS: u32 = 4096;

/// The words of one [`Block`].
pub(crate) const BLOCK_WORDS: usize = (BLOCK_ROWS / 64) as usize;

/// A bitmap of the 4,096 rows from a multiple of 4,096 on.
pub(crate) type Block = [u64; BLOCK_WORDS];

/// The block without rows.
pub(crate) const EMPTY_BLOCK: Block = [0; BLOCK_WORDS];

/// Returns how many blocks a segment of so many rows has.
pub(crate) fn blocks_count(rows_count: u32) -> u32 {
    rows_count.div_ceil(BLOCK_ROWS)
}

/// Returns how many rows a block holds.
pub(crate) fn block_count(block: &Block) -> u32 {
    block.iter().map(|word| word.count_ones()).sum()
}

/// Makes a block of the rows of `range` that are in it.
pub(crate) fn range_block(range: &Range<u32>, block_index: u32) -> Block {
    let base = block_index * BLOCK_ROWS;
    let from = range.start.saturating_sub(base).min(BLOCK_ROWS);
    let to = range.end.saturating_sub(base).min(BLOCK_ROWS);
    let mut block = EMPTY_BLOCK;
    for (index, word) in block.iter_mut().enumerate() {
        let word_base = index as u32 * 64;
        let low = from.saturating_sub(word_base).min(64);
        let high = to.saturating_sub(word_base).min(64);
        if low < high {
            *word = (u64::MAX << low) & (u64::MAX >> (64 - high));
        }
    }
    block
}

/// Calls `each` with the rows of a block, ascending.
pub(crate) fn for_each_row(block: &Block, block_index: u32, mut each: impl FnMut(u32)) {
    let mut base = block_index * BLOCK_ROWS;
    for &word in block {
        let mut rest = word;
        while rest != 0 {
            each(base + rest.trailing_zeros());
            rest &= rest - 1;
        }
        base = base.wrapping_add(64);
    }
}

/// Returns the row of the `nth` bit of a block, counted from 0, if it has so many.
pub(crate) fn select_in_block(block: &Block, block_index: u32, nth: u32) -> Option<u32> {
    let mut left = nth;
    for (index, &word) in block.iter().enumerate() {
        let ones = word.count_ones();
        if left < ones {
            let mut rest = word;
            for _ in 0..left {
                rest &= rest - 1;
            }
            return Some(block_index * BLOCK_ROWS + index as u32 * 64 + rest.trailing_zeros());
        }
        left -= ones;
    }
    None
}

/// Returns how many of the first `bits_count` bits of a block are set.
pub(crate) fn rank_in_block(block: &Block, bits_count: u32) -> u32 {
    let (whole, rest) = ((bits_count / 64) as usize, bits_count % 64);
    let before: u32 = block[..whole].iter().map(|word| word.count_ones()).sum();
    match block.get(whole) {
        Some(word) if rest > 0 => before + (word & ((1 << rest) - 1)).count_ones(),
        _ => before,
    }
}

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
    Compressed(Box<RoaringBitmap>),
}

/// At most so many rows are kept as a list, whatever the segment's size.
const SORTED_ROWS_MAX: usize = 64;

/// What a compressed bitmap holds for each 65,536 rows beside the rows themselves.
const CONTAINER_BYTES: usize = 40;

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
        if rows.len() <= SORTED_ROWS_MAX {
            return RowSet::Sorted(rows.into());
        }
        let mut bitmap = RoaringBitmap::new();
        bitmap.extend(rows.iter().copied());
        // A clone reserves nothing ahead.
        RowSet::Compressed(Box::new(bitmap.clone()))
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
        words.resize(words_count(rows_count), 0);
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
            RowSet::Compressed(bitmap) => bitmap.len() as u32,
        }
    }

    /// Returns how the set is stored, for `explain`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            RowSet::Range(_) => "row range",
            RowSet::Sorted(_) => "sorted rows",
            RowSet::Words { .. } => "words",
            RowSet::Compressed(_) => "roaring",
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
            RowSet::Words { words, .. } => words
                .get((row / 64) as usize)
                .is_some_and(|word| word >> (row % 64) & 1 == 1),
            RowSet::Compressed(bitmap) => bitmap.contains(row),
        }
    }

    /// Adds the set's rows of one block to `out`.
    pub(crate) fn union_into(&self, block_index: u32, out: &mut Block) {
        let base = block_index * BLOCK_ROWS;
        let mut set = |row: u32| {
            let bit = row - base;
            out[(bit / 64) as usize] |= 1 << (bit % 64);
        };
        match self {
            RowSet::Range(range) => {
                for (word, own) in out.iter_mut().zip(range_block(range, block_index)) {
                    *word |= own;
                }
            }
            RowSet::Sorted(rows) => {
                let from = rows.partition_point(|&row| row < base);
                rows[from..]
                    .iter()
                    .take_while(|&&row| row - base < BLOCK_ROWS)
                    .copied()
                    .for_each(set);
            }
            RowSet::Words { words, .. } => {
                let from = block_index as usize * BLOCK_WORDS;
                for (word, own) in out.iter_mut().zip(&words[from..from + BLOCK_WORDS]) {
                    *word |= own;
                }
            }
            RowSet::Compressed(bitmap) => {
                let end = base + (BLOCK_ROWS - 1);
                for row in bitmap.range(base..=end) {
                    set(row);
                }
            }
        }
    }

    /// Keeps of `out` the rows that the set has too.
    pub(crate) fn intersect_into(&self, block_index: u32, out: &mut Block) {
        if let RowSet::Words { words, .. } = self {
            let from = block_index as usize * BLOCK_WORDS;
            for (word, own) in out.iter_mut().zip(&words[from..from + BLOCK_WORDS]) {
                *word &= own;
            }
            return;
        }
        let mut own = EMPTY_BLOCK;
        self.union_into(block_index, &mut own);
        for (word, own) in out.iter_mut().zip(own) {
            *word &= own;
        }
    }

    /// Calls `each` with every row, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32)) {
        match self {
            RowSet::Range(range) => range.clone().for_each(each),
            RowSet::Sorted(rows) => rows.iter().copied().for_each(each),
            RowSet::Compressed(bitmap) => bitmap.iter().for_each(each),
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
            RowSet::Compressed(bitmap) => {
                let parts = bitmap.statistics();
                let bytes = parts.n_bytes_array_containers
                    + parts.n_bytes_bitset_containers
                    + parts.n_bytes_run_containers;
                let headers = parts.n_containers as usize * CONTAINER_BYTES;
                size_of::<RoaringBitmap>() + headers + bytes as usize
            }
        }
    }
}

fn words_count(rows_count: u32) -> usize {
    blocks_count(rows_count) as usize * BLOCK_WORDS
}

/// Makes a bitmap without rows, as long as a segment of so many rows needs.
pub(crate) fn empty_words(rows_count: u32) -> Vec<u64> {
    vec![0; words_count(rows_count)]
}

/// Marked rows, or marked positions of an order: copied on write, a block at a time.
///
/// The marks of a segment's replaced and removed rows are its tombstones. A clone shares every
/// block, so a commit that marks a few rows of a large segment copies only their blocks, and a
/// pointer and a count for each other block. The counts make room between marks addressable:
/// how many are marked before a row, and which is the nth that is not, cost a pass over counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tombstones {
    blocks: Vec<Option<Arc<Block>>>,
    /// How many are marked in each block.
    counts: Vec<u16>,
    count: u32,
}

impl Tombstones {
    /// Marks a row; returns whether it was live before.
    pub(crate) fn insert(&mut self, row: u32) -> bool {
        let is_new = !self.contains(row);
        if is_new {
            self.toggle(row);
        }
        is_new
    }

    /// Marks a row, or takes its mark away.
    pub(crate) fn toggle(&mut self, row: u32) {
        let index = (row / BLOCK_ROWS) as usize;
        if index >= self.blocks.len() {
            self.blocks.resize(index + 1, None);
            self.counts.resize(index + 1, 0);
        }
        let block = self.blocks[index].get_or_insert_with(|| Arc::new(EMPTY_BLOCK));
        let bit = row % BLOCK_ROWS;
        let word = &mut Arc::make_mut(block)[(bit / 64) as usize];
        *word ^= 1 << (bit % 64);
        if *word >> (bit % 64) & 1 == 1 {
            self.counts[index] += 1;
            self.count += 1;
        } else {
            self.counts[index] -= 1;
            self.count -= 1;
        }
    }

    /// Returns how many rows are marked.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns whether a row is marked.
    pub(crate) fn contains(&self, row: u32) -> bool {
        let bit = row % BLOCK_ROWS;
        match self.blocks.get((row / BLOCK_ROWS) as usize) {
            Some(Some(block)) => block[(bit / 64) as usize] >> (bit % 64) & 1 == 1,
            _ => false,
        }
    }

    /// Returns how many rows before a row are marked.
    ///
    /// Cost: an addition for each block before, and one block.
    pub(crate) fn rank(&self, row: u32) -> u32 {
        let index = (row / BLOCK_ROWS) as usize;
        let before = &self.counts[..index.min(self.counts.len())];
        let before: u32 = before.iter().map(|&count| u32::from(count)).sum();
        match self.blocks.get(index) {
            Some(Some(block)) => before + rank_in_block(block, row % BLOCK_ROWS),
            _ => before,
        }
    }

    /// Returns the nth row that is not marked, counted from 0, though it may be past the last.
    ///
    /// Cost: that of [`rank`](Tombstones::rank).
    pub(crate) fn select_unmarked(&self, nth: u32) -> u32 {
        let mut left = nth;
        for (index, &count) in (0u32..).zip(&self.counts) {
            let unmarked = BLOCK_ROWS - u32::from(count);
            if left < unmarked {
                let base = index * BLOCK_ROWS;
                let Some(block) = &self.blocks[index as usize] else {
                    return base + left;
                };
                let live = block.map(|word| !word);
                // The block has more unmarked rows than are left to pass.
                return select_in_block(&live, index, left).unwrap_or(base);
            }
            left -= unmarked;
        }
        self.counts.len() as u32 * BLOCK_ROWS + left
    }

    /// Removes the marked rows of one block from `out`.
    pub(crate) fn subtract_from(&self, block_index: u32, out: &mut Block) {
        if let Some(Some(block)) = self.blocks.get(block_index as usize) {
            for (word, dead) in out.iter_mut().zip(block.iter()) {
                *word &= !dead;
            }
        }
    }

    /// Returns how many rows of a set are marked.
    ///
    /// Cost: the words of the marks where the set is dense, else its rows.
    pub(crate) fn count_in(&self, set: &RowSet) -> u32 {
        if self.count == 0 {
            return 0;
        }
        match set {
            RowSet::Range(range) => self.rank(range.end) - self.rank(range.start),
            RowSet::Words { words, .. } => {
                let blocks = self.blocks.iter().zip(words.chunks_exact(BLOCK_WORDS));
                let pairs = blocks.filter_map(|(block, own)| Some((block.as_ref()?, own)));
                pairs
                    .map(|(block, own)| {
                        let both = block.iter().zip(own).map(|(dead, own)| dead & own);
                        both.map(u64::count_ones).sum::<u32>()
                    })
                    .sum()
            }
            _ => {
                let mut count = 0;
                set.for_each(|row| count += u32::from(self.contains(row)));
                count
            }
        }
    }

    /// Calls `each` with the rows that are marked in one of two but not in both; false, with
    /// some of them left out, once they are more than `rows_max`.
    ///
    /// Cost: a comparison of pointers for each block that both share, as one that was cloned
    /// from the other does.
    pub(crate) fn for_each_difference(
        &self,
        other: &Tombstones,
        rows_max: u32,
        mut each: impl FnMut(u32),
    ) -> bool {
        let mut left = rows_max;
        for index in 0..self.blocks.len().max(other.blocks.len()) {
            let own = self.blocks.get(index).and_then(Option::as_ref);
            let others = other.blocks.get(index).and_then(Option::as_ref);
            if let (Some(own), Some(others)) = (own, others)
                && Arc::ptr_eq(own, others)
            {
                continue;
            }
            let mut differing = own.map_or(EMPTY_BLOCK, |block| **block);
            for (word, others) in differing
                .iter_mut()
                .zip(others.map_or(&EMPTY_BLOCK, |it| it))
            {
                *word ^= others;
            }
            let count = block_count(&differing);
            if count > left {
                return false;
            }
            left -= count;
            for_each_row(&differing, index as u32, &mut each);
        }
        true
    }

    /// Returns the heap bytes, counting shared blocks as its own.
    pub(crate) fn bytes(&self) -> usize {
        let own = self.blocks.iter().flatten().count();
        self.blocks.capacity() * size_of::<Option<Arc<Block>>>()
            + self.counts.capacity() * size_of::<u16>()
            + own * (size_of::<Block>() + 16)
    }
}

#[cfg(test)]
mod tests {
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
                        for (nth, &row) in seen[before..].iter().enumerate() {
                            assert_eq!(select_in_block(&union, index, nth as u32), Some(row));
                        }
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
            "roaring"
        );
        assert_eq!(
            RowSet::from_sorted(&every(5000), 100_000).kind_name(),
            "sorted rows"
        );
    }

    #[test]
    fn ranges_become_blocks() {
        for range in [0..0, 0..1, 5..64, 63..65, 64..128, 4000..9000, 4096..8192] {
            for index in 0..3 {
                let mut rows = Vec::new();
                for_each_row(&range_block(&range, index), index, |row| rows.push(row));
                let base = index * BLOCK_ROWS;
                let expected: Vec<u32> = range
                    .clone()
                    .filter(|row| (base..base + BLOCK_ROWS).contains(row))
                    .collect();
                assert_eq!(rows, expected);
            }
        }
    }

    #[test]
    fn marks_are_counted_and_stepped_over() {
        for step in [1, 2, 3, 63, 64, 65, 4096, 5000] {
            let mut marks = Tombstones::default();
            let rows: Vec<u32> = (0..20_000).step_by(step).skip(step % 2).collect();
            assert!(rows.iter().all(|&row| marks.insert(row)));
            let mut before = 0;
            let mut unmarked = 0;
            for row in 0..25_000 {
                assert_eq!(marks.rank(row), before);
                if rows.binary_search(&row).is_ok() {
                    before += 1;
                } else {
                    assert_eq!(marks.select_unmarked(unmarked), row);
                    unmarked += 1;
                }
            }
            for other in [1u32, 7, 50] {
                let rows: Vec<u32> = (0..30_000).step_by(other as usize).collect();
                let set = RowSet::from_sorted(&rows, 30_000);
                let marked = rows.iter().filter(|&&row| marks.contains(row)).count();
                assert_eq!(marks.count_in(&set) as usize, marked);
            }
            let all = RowSet::from_sorted(&[5, 6, 7, 8], 30_000);
            assert_eq!(
                marks.count_in(&all),
                (5..9).filter(|&row| marks.contains(row)).count() as u32
            );
        }
    }

    #[test]
    fn differences_are_the_rows_of_one() {
        let mut first = Tombstones::default();
        for row in [3, 5000, 9000] {
            first.insert(row);
        }
        let mut second = first.clone();
        for row in [4, 5001, 30_000] {
            second.insert(row);
        }
        second.toggle(9000);
        assert_eq!((second.count(), second.rank(40_000)), (5, 5));
        for (a, b) in [(&first, &second), (&second, &first)] {
            let mut rows = Vec::new();
            assert!(a.for_each_difference(b, 4, |row| rows.push(row)));
            assert_eq!(rows, [4, 5001, 9000, 30_000]);
            assert!(!a.for_each_difference(b, 3, |_| {}));
        }
        assert!(first.for_each_difference(&first.clone(), 0, |_| {}));
    }

    #[test]
    fn tombstones_share_what_they_do_not_touch() {
        let mut first = Tombstones::default();
        assert!(first.insert(5000) && first.insert(0) && !first.insert(5000));
        let mut second = first.clone();
        second.insert(1);
        assert!(!first.contains(1) && second.contains(1) && second.contains(5000));
        assert_eq!((first.count(), second.count()), (2, 3));
        let mut block = range_block(&(0..10_000), 1);
        second.subtract_from(1, &mut block);
        assert_eq!(block_count(&block), BLOCK_ROWS - 1);
    }
}
