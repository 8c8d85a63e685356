//! Marks of rows, which snapshots share and commits add to.
//!
//! The marks of a segment's replaced and removed rows are its tombstones; the positions at which an
//! order has these rows are marked likewise. A segment never changes, so its tombstones are kept
//! beside it, by the snapshot.
//!
//! # Invariants
//!
//! * The counts are those of the blocks and of the groups.

use std::sync::Arc;

use super::block::{
    BLOCK_ROWS, Block, EMPTY_BLOCK, block_count, count_common, for_each_row, rank_in_block,
    select_in_block, subtract_block,
};
use super::rowset::RowSet;

/// The blocks that are shared or copied together: their pointers, not their marks.
const GROUP_BLOCKS: usize = 16;

/// Blocks side by side; one without a mark is none.
type Group = [Option<Arc<Block>>; GROUP_BLOCKS];

/// The marks of a segment's replaced and removed rows.
pub(crate) type Tombstones = Marks;

/// Marked rows, or marked positions of an order: copied on write, a block at a time.
///
/// A clone shares every group of blocks, so a commit that marks a few rows of a large segment copies
/// their blocks, the pointers beside these, and a pointer for each other group: without groups, a
/// commit that removes one ticket of a million takes 4.8 µs instead of 3.3. How many rows are marked
/// before one, and which is the nth that is not marked, take a pass over the counts of the groups and
/// then over those of one group's blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    groups: Vec<Option<Arc<Group>>>,
    /// How many are marked in each block.
    counts: Vec<u16>,
    /// How many are marked in each group.
    group_counts: Vec<u32>,
    count: u32,
}

impl Marks {
    /// Marks a row; returns whether it was unmarked.
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
        if index >= self.counts.len() {
            self.groups.resize(index / GROUP_BLOCKS + 1, None);
            self.counts.resize(index + 1, 0);
            self.group_counts.resize(index / GROUP_BLOCKS + 1, 0);
        }
        let group_count = &mut self.group_counts[index / GROUP_BLOCKS];
        let group = self.groups[index / GROUP_BLOCKS].get_or_insert_default();
        let block = &mut Arc::make_mut(group)[index % GROUP_BLOCKS];
        let block = block.get_or_insert_with(|| Arc::new(EMPTY_BLOCK));
        let bit = row % BLOCK_ROWS;
        let bits = &mut Arc::make_mut(block)[(bit / 64) as usize];
        *bits ^= 1 << (bit % 64);
        if *bits >> (bit % 64) & 1 == 1 {
            self.counts[index] += 1;
            *group_count += 1;
            self.count += 1;
        } else {
            self.counts[index] -= 1;
            *group_count -= 1;
            self.count -= 1;
        }
    }

    /// Returns the marks of a block, if it has or had any.
    fn block(&self, index: usize) -> Option<&Arc<Block>> {
        let group = self.groups.get(index / GROUP_BLOCKS)?.as_ref()?;
        group[index % GROUP_BLOCKS].as_ref()
    }

    /// Returns how many rows are marked.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns whether a row is marked.
    pub(crate) fn contains(&self, row: u32) -> bool {
        let bit = row % BLOCK_ROWS;
        self.block((row / BLOCK_ROWS) as usize)
            .is_some_and(|block| block[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
    }

    /// Returns how many rows before a row are marked.
    ///
    /// Cost: an addition for each group before and for each block of one, and one block.
    pub(crate) fn rank(&self, row: u32) -> u32 {
        let index = (row / BLOCK_ROWS) as usize;
        let group = (index / GROUP_BLOCKS).min(self.group_counts.len());
        let groups: u32 = self.group_counts[..group].iter().sum();
        let end = index.min(self.counts.len());
        let blocks = &self.counts[(group * GROUP_BLOCKS).min(end)..end];
        let blocks: u32 = blocks.iter().map(|&count| u32::from(count)).sum();
        let block = self.block(index);
        groups + blocks + block.map_or(0, |block| rank_in_block(block, row % BLOCK_ROWS))
    }

    /// Returns the nth row that is not marked, counted from 0, though it may be past the last.
    ///
    /// Cost: that of [`rank`](Marks::rank).
    pub(crate) fn select_unmarked(&self, nth: u32) -> u32 {
        let mut left = nth;
        let mut groups_count = 0;
        for &count in &self.group_counts {
            let unmarked = GROUP_BLOCKS as u32 * BLOCK_ROWS - count;
            if left < unmarked {
                break;
            }
            left -= unmarked;
            groups_count += 1;
        }
        let first = groups_count * GROUP_BLOCKS;
        let rest = self.counts.get(first..).unwrap_or_default();
        for (index, &count) in (first as u32..).zip(rest) {
            let unmarked = BLOCK_ROWS - u32::from(count);
            if left < unmarked {
                let base = index * BLOCK_ROWS;
                let Some(block) = self.block(index as usize) else {
                    return base + left;
                };
                let live = block.map(|bits| !bits);
                // The block has more unmarked rows than are left to pass.
                return select_in_block(&live, index, left).unwrap_or(base);
            }
            left -= unmarked;
        }
        self.counts.len().max(first) as u32 * BLOCK_ROWS + left
    }

    /// Returns whether a block has or had marked rows.
    pub(crate) fn has_block(&self, index: u32) -> bool {
        self.block(index as usize).is_some()
    }

    /// Removes the marked rows of one block from `out`.
    pub(crate) fn subtract_from(&self, block_index: u32, out: &mut Block) {
        if let Some(block) = self.block(block_index as usize) {
            subtract_block(out, block);
        }
    }

    /// Calls `each` with every marked row, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32)) {
        for index in 0..self.counts.len() {
            if let Some(block) = self.block(index) {
                for_each_row(block, index as u32, &mut each);
            }
        }
    }

    /// Returns how many rows of a set are marked.
    ///
    /// Cost: a block at a time where the set is a bitmap, two ranks where it is a range, else a look at each
    /// of its rows.
    pub(crate) fn count_in(&self, set: &RowSet) -> u32 {
        if self.count == 0 {
            return 0;
        }
        match set {
            RowSet::Range(range) => self.rank(range.end) - self.rank(range.start),
            RowSet::Bitmap { bits, .. } => {
                let blocks = (0..self.counts.len()).filter_map(|at| Some((at, self.block(at)?)));
                let both = blocks.map(|(at, block)| count_common(&[block, bits.block(at as u32)]));
                both.sum()
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
    /// Cost: a comparison of pointers for each group that both share, as one that was cloned from the
    /// other does, and for each block of the other groups.
    pub(crate) fn for_each_difference(
        &self,
        other: &Marks,
        rows_max: u32,
        mut each: impl FnMut(u32),
    ) -> bool {
        let mut left = rows_max;
        let blocks_count = self.counts.len().max(other.counts.len());
        let mut index = 0;
        while index < blocks_count {
            let group = index / GROUP_BLOCKS;
            let groups = self.groups.get(group).zip(other.groups.get(group));
            if index % GROUP_BLOCKS == 0
                && groups.is_some_and(|(own, others)| is_same(own.as_ref(), others.as_ref()))
            {
                index += GROUP_BLOCKS;
                continue;
            }
            let at = index;
            index += 1;
            let (own, others) = (self.block(at), other.block(at));
            let blocks = own.zip(others);
            if blocks.is_some_and(|(own, others)| Arc::ptr_eq(own, others)) {
                continue;
            }
            let mut differing = own.map_or(EMPTY_BLOCK, |block| **block);
            for (bits, others) in differing
                .iter_mut()
                .zip(others.map_or(&EMPTY_BLOCK, |it| it))
            {
                *bits ^= others;
            }
            let count = block_count(&differing);
            if count > left {
                return false;
            }
            left -= count;
            for_each_row(&differing, at as u32, &mut each);
        }
        true
    }

    /// Returns the heap bytes, counting shared blocks as its own.
    pub(crate) fn bytes(&self) -> usize {
        let groups = self.groups.iter().flatten();
        let blocks = groups.clone().flat_map(|group| group.iter().flatten());
        self.groups.capacity() * size_of::<Option<Arc<Group>>>()
            + self.counts.capacity() * size_of::<u16>()
            + self.group_counts.capacity() * size_of::<u32>()
            + groups.count() * (size_of::<Group>() + 16)
            + blocks.count() * (size_of::<Block>() + 16)
    }
}

/// Returns whether both are one group.
fn is_same(left: Option<&Arc<Group>>, right: Option<&Arc<Group>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::range_block;
    use super::*;

    #[test]
    fn marks_of_several_groups_are_counted_and_stepped_over() {
        let group_rows = GROUP_BLOCKS as u32 * BLOCK_ROWS;
        let marked = [
            7,
            group_rows - 1,
            group_rows,
            3 * group_rows + 5_000,
            3 * group_rows + 5_001,
        ];
        let mut marks = Marks::default();
        assert!(marked.iter().all(|&row| marks.insert(row)));
        // Four blocks in three of four groups, each behind two counts of references.
        let lists = marks.groups.capacity() * size_of::<usize>()
            + marks.counts.capacity() * 2
            + marks.group_counts.capacity() * 4;
        let shared =
            3 * (GROUP_BLOCKS * size_of::<usize>() + 16) + 4 * (BLOCK_ROWS as usize / 8 + 16);
        assert_eq!(marks.bytes(), lists + shared);
        for row in (0..6 * group_rows).step_by(511).chain(marked) {
            let before = marked.iter().filter(|&&own| own < row).count() as u32;
            assert_eq!(marks.rank(row), before, "{row}");
            if !marked.contains(&row) {
                assert_eq!(marks.select_unmarked(row - before), row);
            }
        }
        marks.toggle(group_rows);
        assert_eq!((marks.rank(group_rows + 1), marks.count()), (2, 4));
    }

    #[test]
    fn marks_are_counted_and_stepped_over() {
        for step in [1, 2, 3, 63, 64, 65, 4096, 5000] {
            let mut marks = Marks::default();
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
        let mut first = Marks::default();
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
        let mut first = Marks::default();
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
