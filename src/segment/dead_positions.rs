//! The positions at which an order has dead rows.
//!
//! Dead rows shift positions: the nth live row of an order is not at position n. So the positions of
//! dead rows are marked like the rows themselves. They are kept for the next snapshot, whose tombstones
//! differ by a few rows.
//!
//! # Invariants
//!
//! * What is kept was made of the tombstones that it names, and no others; those of another snapshot are
//!   made from it or by a pass.
//!
//! # Cost
//!
//! The first positions take a pass over the rows, later ones a search for each row by which the tombstones
//! differ. Memory is that of [`Marks`], and of the tombstones while no snapshot has them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use super::budget::Budget;
use super::marks::{Marks, Tombstones};
use crate::model::memory::ARC_BYTES;

/// After this many commits without a reader, the positions of dead rows are dropped.
const UNUSED_COMMITS_MAX: u64 = 4096;

/// The rows of a segment in an order, and how one is found in it.
pub(super) struct PlacedRows<'a, F> {
    /// All rows in order.
    pub(super) rows: &'a [u32],
    /// Returns the position of a row, found by a search.
    pub(super) position_of: F,
    /// The most searches that take no longer than a pass over all rows.
    pub(super) searches_max: usize,
    /// The most searches that a commit makes; it drops the positions rather than make more, or a pass. None where a
    /// commit does whatever it takes.
    pub(super) commit_searches_max: Option<usize>,
}

/// The positions of the dead rows of some tombstones.
#[derive(Debug)]
struct Positions {
    of: Arc<Tombstones>,
    positions: Arc<Marks>,
}

impl Positions {
    /// Returns the heap bytes; the tombstones may be an older snapshot's and held here alone.
    fn bytes(&self) -> usize {
        let frame = size_of::<Positions>() + 3 * ARC_BYTES + 2 * size_of::<Marks>();
        frame + self.of.bytes() + self.positions.bytes()
    }

    /// Makes the positions as of other tombstones; none if these differ by too many rows.
    fn moved(
        &self,
        order: &PlacedRows<'_, impl Fn(u32) -> usize>,
        dead: &Tombstones,
    ) -> Option<Marks> {
        let mut positions = Marks::clone(&self.positions);
        let is_all = dead.for_each_difference(&self.of, order.searches_max as u32, |row| {
            positions.toggle((order.position_of)(row) as u32);
        });
        is_all.then_some(positions)
    }
}

/// The positions at which an order has the dead rows, as of the snapshot that asked last.
#[derive(Debug, Default)]
pub(super) struct DeadPositions {
    last: ArcSwapOption<Positions>,
    /// How many commits have carried the positions since a reader asked for them.
    unused_commits: AtomicU64,
}

impl DeadPositions {
    /// Returns the positions of the rows that are marked in `dead`.
    ///
    /// They are kept for the next call in place of those of the last, if the budget has room for them.
    ///
    /// Cost: nothing if the last call had the same tombstones; a search for each row by which they
    /// differ, if these are few; else a pass over the rows.
    pub(super) fn get(
        &self,
        order: &PlacedRows<'_, impl Fn(u32) -> usize>,
        dead: &Arc<Tombstones>,
        budget: &Budget,
    ) -> Arc<Marks> {
        self.unused_commits.store(0, Ordering::Relaxed);
        self.positions_of(order, dead, budget)
    }

    /// Brings the kept positions up to the tombstones that a commit is about to publish, or drops them
    /// if that takes too long for a commit, or no reader has asked for them in a long time.
    pub(super) fn carry(
        &self,
        order: &PlacedRows<'_, impl Fn(u32) -> usize>,
        dead: &Arc<Tombstones>,
        budget: &Budget,
    ) {
        let Some(last) = self.last.load_full() else {
            return;
        };
        let is_cheap = order
            .commit_searches_max
            .is_none_or(|rows_max| dead.for_each_difference(&last.of, rows_max as u32, |_| ()));
        let unused = self.unused_commits.fetch_add(1, Ordering::Relaxed);
        if is_cheap && unused < UNUSED_COMMITS_MAX {
            self.positions_of(order, dead, budget);
        } else {
            self.clear();
        }
    }

    fn positions_of(
        &self,
        order: &PlacedRows<'_, impl Fn(u32) -> usize>,
        dead: &Arc<Tombstones>,
        budget: &Budget,
    ) -> Arc<Marks> {
        let last = self.last.load_full();
        if let Some(last) = last.as_ref().filter(|last| Arc::ptr_eq(&last.of, dead)) {
            return Arc::clone(&last.positions);
        }
        let moved = last.as_ref().and_then(|last| last.moved(order, dead));
        let positions = Arc::new(moved.unwrap_or_else(|| {
            let mut positions = Marks::default();
            for (position, &row) in (0u32..).zip(order.rows) {
                if dead.contains(row) {
                    positions.insert(position);
                }
            }
            positions
        }));
        let kept = Positions {
            of: Arc::clone(dead),
            positions: Arc::clone(&positions),
        };
        let last_bytes = last.as_ref().map_or(0, |last| last.bytes());
        if let Some(reservation) = budget.reserve(kept.bytes().saturating_sub(last_bytes)) {
            let replaced = self.last.compare_and_swap(&last, Some(Arc::new(kept)));
            // Where another reader was first, its positions stay.
            if replaced.as_ref().map(Arc::as_ptr) == last.as_ref().map(Arc::as_ptr) {
                reservation.keep();
            }
        }
        positions
    }

    /// Returns the heap bytes of what is kept.
    pub(super) fn bytes(&self) -> usize {
        self.last.load().as_ref().map_or(0, |kept| kept.bytes())
    }

    /// Drops what is kept.
    pub(super) fn clear(&self) {
        self.last.store(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS_COUNT: u32 = 9000;

    /// Makes an order: the row at each position, and the position of each row.
    fn shuffled() -> (Vec<u32>, Vec<usize>) {
        let rows: Vec<u32> = (0..ROWS_COUNT).map(|n| n * 7919 % ROWS_COUNT).collect();
        let mut positions = vec![0; rows.len()];
        for (position, &row) in rows.iter().enumerate() {
            positions[row as usize] = position;
        }
        (rows, positions)
    }

    #[test]
    fn positions_follow_the_tombstones() {
        let (rows, positions) = shuffled();
        let (dead_positions, budget) = (DeadPositions::default(), Budget::new(None));
        let mut dead = Tombstones::default();
        for died in [1, 3, 2000, 1, 0] {
            let earlier = Arc::new(dead.clone());
            for n in 0..died {
                dead.insert((n * 4357 + died) % ROWS_COUNT);
            }
            // Of the same tombstones, of later ones, and of earlier ones again.
            for dead in [&Arc::new(dead.clone()), &earlier] {
                for searches_max in [1000, 0] {
                    let order = PlacedRows {
                        rows: &rows,
                        position_of: |row: u32| positions[row as usize],
                        searches_max,
                        commit_searches_max: None,
                    };
                    let found = dead_positions.get(&order, dead, &budget);
                    assert_eq!(found.count(), dead.count());
                    for (position, &row) in (0..).zip(&rows) {
                        assert_eq!(found.contains(position), dead.contains(row));
                    }
                    let again = dead_positions.get(&order, dead, &budget);
                    assert!(Arc::ptr_eq(&found, &again));
                    assert!(dead_positions.bytes() > dead.bytes() + found.bytes());
                }
            }
        }
    }

    #[test]
    fn commits_carry_positions_that_are_asked_for() {
        let (rows, positions) = shuffled();
        let order = PlacedRows {
            rows: &rows,
            position_of: |row: u32| positions[row as usize],
            searches_max: 1000,
            commit_searches_max: Some(2),
        };
        let (dead_positions, budget) = (DeadPositions::default(), Budget::new(None));
        let mut dead = Tombstones::default();
        dead.insert(7);
        dead_positions.carry(&order, &Arc::new(dead.clone()), &budget);
        assert!(dead_positions.last.load().is_none(), "nobody has asked");
        dead_positions.get(&order, &Arc::new(dead.clone()), &budget);
        for _ in 0..UNUSED_COMMITS_MAX {
            dead.insert(8);
            dead_positions.carry(&order, &Arc::new(dead.clone()), &budget);
        }
        let kept = dead_positions.last.load_full().unwrap();
        assert_eq!(kept.of.count(), 2);
        dead_positions.carry(&order, &kept.of, &budget);
        assert!(dead_positions.last.load().is_none(), "nobody asks any more");
        dead_positions.get(&order, &kept.of, &budget);
        (10..13).for_each(|row| _ = dead.insert(row));
        dead_positions.carry(&order, &Arc::new(dead), &budget);
        assert!(dead_positions.last.load().is_none(), "too many have died");
    }
}
