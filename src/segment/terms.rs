//! The row sets of keyword terms that were asked for, kept while they are worth it.
//!
//! A segment never changes, so what was found for a term holds for as long as the
//! segment does. A user who pages asks for the same term on every page; a dear one is
//! united once. The sets are kept within a budget of bytes; past it a set is made,
//! used and dropped. Readers share the sets through one atomic pointer and never wait.
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

/// The most terms that one segment keeps: keeping one more copies their table.
const KEPT_TERMS_MAX: usize = 1024;

/// Row sets that were found in fewer steps from posting to posting are not worth keeping.
const KEPT_COST_MIN: u64 = 2048;

/// Returns whether a row set that took so many steps from posting to posting is worth keeping.
pub(super) fn is_dear(cost: u64) -> bool {
    cost >= KEPT_COST_MIN
}

/// What a hash table holds for a term.
const ENTRY_BYTES: usize = size_of::<(Box<str>, Arc<RowSet>)>();

/// Row sets by folded term.
#[derive(Debug, Default)]
pub(crate) struct TermSets {
    kept: ArcSwap<Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    sets: HashMap<Box<str>, Arc<RowSet>>,
    bytes: usize,
}

impl TermSets {
    /// Returns the set of a term, if it is kept.
    pub(crate) fn get(&self, term: &str) -> Option<Arc<RowSet>> {
        self.kept.load().sets.get(term).cloned()
    }

    /// Keeps the set of a term, if the segment's share and the store's budget allow.
    ///
    /// Cost: a copy of the table; a term is inserted once.
    pub(super) fn insert(&self, term: &str, set: &Arc<RowSet>, budget: &Budget) {
        let bytes = term.len() + ARC_BYTES + size_of::<RowSet>() + set.bytes();
        // A table has room for twice its entries at most.
        let Some(reservation) = budget.reserve(bytes + ENTRY_BYTES * 2) else {
            return;
        };
        self.kept.rcu(|kept| {
            let mut kept = Kept::clone(kept);
            let has_room = kept.bytes + bytes <= KEPT_BYTES_MAX && kept.sets.len() < KEPT_TERMS_MAX;
            if has_room && !kept.sets.contains_key(term) {
                kept.sets.insert(term.into(), Arc::clone(set));
                kept.bytes += bytes;
            }
            kept
        });
        let kept = self.get(term);
        if kept.is_some_and(|kept| Arc::ptr_eq(&kept, set)) {
            reservation.keep();
        }
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
            terms.insert(term, &large, &budget);
        }
        assert!(terms.get("a").is_some() && terms.get("c").is_none());
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        terms.insert("a", &large, &budget);
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        let small = TermSets::default();
        small.insert("a", &large, &Budget::new(Some(large.bytes())));
        assert!(small.get("a").is_none());
        small.insert("a", &large, &Budget::new(Some(large.bytes() * 2)));
        assert!(small.get("a").is_some());
    }
}
