//! Ranges of numbers, found by a number that they hold.
//!
//! This is an interval tree of fixed shape. A block is 2^n numbers that start at a multiple of 2^n, and
//! only blocks that have ranges get a node. A range is kept in the smallest block around it, so it holds
//! both numbers next to the middle of that block (or the only number, where the block has one). A number
//! is in 65 blocks, one of each size. Where it is before the middle of a block, the block's ranges that
//! hold it are those that start at or before it; where it is after the middle, those that end at or
//! after it. The shape needs no balancing, and ranges can come and go at any time.
//!
//! # Cost
//!
//! Adding or removing a range: a search in its block. Finding: a look-up for each size that some block
//! has, and a step for each range that is found.

use std::collections::{BTreeSet, HashMap};

/// The number of sizes that a block may have: 2^0 to 2^64 numbers.
const SIZES_COUNT: usize = 65;

/// The ranges of one block, by their first and by their last number, each with its owner.
#[derive(Debug, Default)]
struct Node {
    by_first: BTreeSet<(u64, u32)>,
    by_last: BTreeSet<(u64, u32)>,
}

/// Ranges of numbers, each with an owner.
#[derive(Debug)]
pub(super) struct Ranges {
    /// The nodes by their block: n for a size of 2^n, and the block's index among those of its size.
    nodes: HashMap<(u32, u64), Node>,
    /// How many nodes there are of each size.
    nodes_counts: [u32; SIZES_COUNT],
}

impl Default for Ranges {
    fn default() -> Ranges {
        Ranges {
            nodes: HashMap::new(),
            nodes_counts: [0; SIZES_COUNT],
        }
    }
}

/// Returns the index of the block that holds a number, among the blocks of 2^`bits` numbers.
fn block_of(number: u64, bits: u32) -> u64 {
    number.checked_shr(bits).unwrap_or(0)
}

/// Returns the smallest block that holds a range: n for a size of 2^n, and its index.
fn block_around(first: u64, last: u64) -> (u32, u64) {
    let bits = u64::BITS - (first ^ last).leading_zeros();
    (bits, block_of(first, bits))
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a range, both ends inclusive; one whose end is before its start is not kept.
    pub(super) fn insert(&mut self, (first, last): (u64, u64), owner: u32) {
        if first > last {
            return;
        }
        let block = block_around(first, last);
        let node = self.nodes.entry(block).or_insert_with(|| {
            self.nodes_counts[block.0 as usize] += 1;
            Node::default()
        });
        node.by_first.insert((first, owner));
        node.by_last.insert((last, owner));
    }

    /// Removes a range. An owner's ranges must all be removed together, as they may share an entry.
    pub(super) fn remove(&mut self, (first, last): (u64, u64), owner: u32) {
        let block = block_around(first, last);
        let Some(node) = self.nodes.get_mut(&block) else {
            return;
        };
        node.by_first.remove(&(first, owner));
        node.by_last.remove(&(last, owner));
        if node.by_first.is_empty() && node.by_last.is_empty() {
            self.nodes.remove(&block);
            self.nodes_counts[block.0 as usize] -= 1;
        }
    }

    /// Appends the owners of the ranges that hold a number; an owner of several may come several times.
    pub(super) fn find(&self, number: u64, out: &mut Vec<u32>) {
        for (bits, &count) in (0..).zip(&self.nodes_counts) {
            if count == 0 {
                continue;
            }
            let block = block_of(number, bits);
            let Some(node) = self.nodes.get(&(bits, block)) else {
                continue;
            };
            let is_in_first_half = bits > 0 && number >> (bits - 1) & 1 == 0;
            if is_in_first_half {
                let held = node.by_first.range(..=(number, u32::MAX));
                out.extend(held.map(|&(_, owner)| owner));
            } else {
                let held = node.by_last.range((number, 0)..);
                out.extend(held.map(|&(_, owner)| owner));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_number_is_found_while_ranges_come_and_go() {
        let ends = [
            0,
            1,
            2,
            7,
            8,
            9,
            1 << 31,
            (1 << 32) + 5,
            1 << 63,
            u64::MAX - 1,
            u64::MAX,
        ];
        let pairs = ends.map(|first| ends.map(|last| (first, last))).concat();
        let mut ranges = Ranges::default();
        let mut there = Vec::new();
        for step in 0..4 {
            for (owner, &range) in (0..).zip(&pairs) {
                if step % 2 == 0 {
                    ranges.insert(range, owner);
                    there.push((range, owner));
                } else if owner % 3 != step {
                    ranges.remove(range, owner);
                    there.retain(|own| *own != (range, owner));
                }
            }
            for number in ends.iter().flat_map(|&end| [end, end.wrapping_add(3)]) {
                let mut found = Vec::new();
                ranges.find(number, &mut found);
                found.sort_unstable();
                let holds = |range: (u64, u64)| (range.0..=range.1).contains(&number);
                let held = there.iter().filter(|(range, _)| holds(*range));
                let mut expected: Vec<u32> = held.map(|(_, owner)| *owner).collect();
                expected.sort_unstable();
                expected.dedup();
                assert_eq!(found, expected, "{number}");
            }
        }
        for (range, owner) in there {
            ranges.remove(range, owner);
        }
        assert!(ranges.is_empty() && ranges.nodes_counts == [0; SIZES_COUNT]);
    }
}
