//! The row sets of keyword terms that were asked for, kept while they are worth it.
//!
//! A segment never changes, so what was found for a term holds for as long as the
//! segment does. A user who pages asks for the same term on every page; a dear one is
//! united once. The sets are kept within a budget of bytes; past it a set is made,
//! used and dropped, unless it is dearer than what is kept, whose cheapest then goes.
//! Readers share the sets through one atomic pointer and never wait.
//!
//! # Invariants
//!
//! * A kept set is exactly the rows whose searchable texts hold the term.
//! * The bytes of all kept sets are within the budget.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::budget::Budget;
use super::rowset::RowSet;
use crate::model::memory::{ARC_BYTES, table_bytes};

/// The most bytes of row sets that one segment keeps.
pub(crate) const KEPT_BYTES_MAX: usize = 32 << 20;

/// The most terms that one segment keeps: keeping one more copies their table, which takes some
/// microseconds. So many bitmaps of a million rows are what the bytes allow.
const KEPT_TERMS_MAX: usize = 256;

/// Row sets that were found in fewer steps from posting to posting are not worth keeping:
/// a step is about two nanoseconds, and finding the words again some hundred.
const KEPT_COST_MIN: u64 = 128;

/// Returns whether a row set that took so many steps from posting to posting is worth keeping.
pub(super) fn is_dear(cost: u64) -> bool {
    cost >= KEPT_COST_MIN
}

/// What a hash table holds for a term.
const ENTRY_BYTES: usize = size_of::<(Box<str>, KeptSet)>();

/// A row set, and what it takes to find it again.
#[derive(Clone, Debug)]
struct KeptSet {
    rows: Arc<RowSet>,
    cost: u64,
}

/// Returns what a set takes beside its entry in the table.
fn set_bytes(term: &str, rows: &RowSet) -> usize {
    term.len() + ARC_BYTES + size_of::<RowSet>() + rows.bytes()
}

/// Row sets by folded term.
#[derive(Debug, Default)]
pub(crate) struct TermSets {
    kept: ArcSwap<Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    sets: HashMap<Box<str>, KeptSet>,
    bytes: usize,
}

impl TermSets {
    /// Returns the set of a term, if it is kept.
    pub(crate) fn get(&self, term: &str) -> Option<Arc<RowSet>> {
        let kept = self.kept.load();
        kept.sets.get(term).map(|set| Arc::clone(&set.rows))
    }

    /// Keeps the set of a term that took so many steps to find, if the segment's share and the
    /// store's budget allow.
    ///
    /// Cost: a copy of the table; a term is inserted once.
    pub(super) fn insert(&self, term: &str, rows: &Arc<RowSet>, cost: u64, budget: &Budget) {
        let bytes = set_bytes(term, rows);
        loop {
            let kept = self.kept.load_full();
            if kept.sets.contains_key(term) {
                return;
            }
            let Some(reservation) = budget.reserve(bytes + kept.growth_bytes()) else {
                return;
            };
            let mut next = Kept::clone(&kept);
            if !next.make_room(bytes, cost) {
                return;
            }
            let rows = Arc::clone(rows);
            next.sets.insert(term.into(), KeptSet { rows, cost });
            next.bytes += bytes;
            // Room was asked for beside this table, so no other may be replaced.
            let replaced = self.kept.compare_and_swap(&kept, Arc::new(next));
            if Arc::ptr_eq(&replaced, &kept) {
                reservation.keep();
                return;
            }
        }
    }

    /// Drops what is kept. Cost: a set each.
    pub(super) fn clear(&self) {
        self.kept.store(Arc::default());
    }

    /// Visits the terms whose sets are kept.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&str)) {
        self.kept.load().sets.keys().for_each(|term| visit(term));
    }

    /// Returns the heap bytes of the kept sets.
    pub(crate) fn bytes(&self) -> usize {
        let kept = self.kept.load();
        kept.bytes + table_bytes(kept.sets.capacity(), ENTRY_BYTES)
    }
}

impl Kept {
    /// Returns the bytes by which the table grows for one entry more.
    fn growth_bytes(&self) -> usize {
        let (count, capacity) = (self.sets.len(), self.sets.capacity());
        let grown = table_bytes(capacity.max(count + 1), ENTRY_BYTES);
        grown - table_bytes(capacity, ENTRY_BYTES)
    }

    /// Drops sets that are cheaper to find than one of so many bytes until that has room;
    /// returns whether it has.
    fn make_room(&mut self, bytes: usize, cost: u64) -> bool {
        while self.bytes + bytes > KEPT_BYTES_MAX || self.sets.len() >= KEPT_TERMS_MAX {
            let sets = self.sets.iter().filter(|(_, set)| set.cost < cost);
            let Some((term, _)) = sets.min_by_key(|(_, set)| set.cost) else {
                return false;
            };
            let term = term.clone();
            if let Some(set) = self.sets.remove(&term) {
                self.bytes -= set_bytes(&term, &set.rows);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_kept_within_the_budget() {
        let terms = TermSets::default();
        let large = Arc::new(RowSet::from_words(vec![0x5555; 1 << 21], 1 << 27));
        assert!(large.bytes() <= KEPT_BYTES_MAX / 2 + 64);
        let budget = Budget::new(None);
        for term in ["a", "b", "c"] {
            terms.insert(term, &large, 1, &budget);
        }
        assert!(terms.get("a").is_some() && terms.get("c").is_none());
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        terms.insert("a", &large, 1, &budget);
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        // What is dearer to find takes the place of what is cheaper.
        terms.insert("d", &large, 2, &budget);
        assert!(terms.get("d").is_some() && terms.get("a").is_none());
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        let small = TermSets::default();
        small.insert("a", &large, 1, &Budget::new(Some(large.bytes())));
        assert!(small.get("a").is_none());
        small.insert("a", &large, 1, &Budget::new(Some(large.bytes() * 2)));
        assert!(small.get("a").is_some());
    }

    #[test]
    fn a_table_that_grows_is_within_the_budget() {
        let terms = TermSets::default();
        let rows = Arc::new(RowSet::from_words(vec![1], 64));
        for count in 1..=60 {
            let term = format!("{count:02}");
            let before = terms.bytes();
            // One byte too few, and just enough.
            let mut more = set_bytes(&term, &rows) - 1;
            while terms.get(&term).is_none() {
                more += 1;
                let budget = Budget::new(Some(before + more));
                budget.admit(|| terms.bytes()).unwrap();
                terms.insert(&term, &rows, 1, &budget);
                assert!(terms.bytes() <= budget.bytes_max(), "{count} terms");
            }
            assert_eq!(terms.bytes(), before + more);
        }
    }
}
