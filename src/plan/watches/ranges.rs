//! Ranges of numbers, found by a number that they hold.
//!
//! An interval tree whose shape is fixed: a node for each block of 2^n numbers from a multiple of 2^n
//! on, of which only those are there that hold a range. A range is kept in the least block that holds
//! all of it, so it holds the two numbers in the middle of that block. A number is in 65 blocks; in each
//! the ranges that hold it are the first ones by their start, where it is before the middle, and the
//! last ones by their end where it is after. So no tree is balanced, and ranges come and go at any time.
//!
//! # Cost
//!
//! Adding and removing one: a binary search. Finding: a look-up for each size of block that is there,
//! and a step a range that is found.

use std::collections::{BTreeSet, HashMap};

/// The sizes of blocks: of 2^0 to 2^64 numbers.
const SIZES_COUNT: usize = 65;

/// The ranges of one block, with whose they are.
#[derive(Debug, Default)]
struct Node {
    by_first: BTreeSet<(u64, u32)>,
    by_last: BTreeSet<(u64, u32)>,
}

/// Ranges, each of an owner.
#[derive(Debug)]
pub(super) struct Ranges {
    /// By the bits of a block's size, and the number of the block among those of its size.
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

/// Returns the number of the block that holds a number, among those of a size.
fn block_of(number: u64, bits: u32) -> u64 {
    number.checked_shr(bits).unwrap_or(0)
}

/// Returns the least block that holds a range.
fn block_around(first: u64, last: u64) -> (u32, u64) {
    let bits = u64::BITS - (first ^ last).leading_zeros();
    (bits, block_of(first, bits))
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a range, both ends inclusive; one whose end is before its start holds nothing.
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

    /// Removes a range; all of an owner's are removed together.
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

    /// Appends the owners of the ranges that hold a number, one once for each of its ranges.
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
