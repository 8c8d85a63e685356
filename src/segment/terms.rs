//! The row sets of keyword terms and of tests that were asked for, kept while they are worth it.
//!
//! A segment never changes, so the rows of a term stay the same for as long as the segment lives. A
//! user who pages asks for the same term on every page; an expensive one is united once. The sets are
//! kept within a number of bytes. Beyond it a new set is used and dropped, unless it is more expensive
//! to find than the cheapest that are kept, which then go. A commit that needs room drops all of them.
//! Readers share the sets through one atomic pointer and never wait.
//!
//! # Invariants
//!
//! * A kept set is exactly the rows whose searchable texts hold the term. A key that begins with a
//!   capital letter, as no folded term does, is that of a [`RowTest`](super::scan::RowTest), and the
//!   set is exactly the rows that pass.
//! * The bytes of all kept sets are at most [`KEPT_BYTES_MAX`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::budget::Budget;
use super::rowset::RowSet;
use crate::model::memory::{ARC_BYTES, table_bytes};

/// The most bytes of row sets that one segment keeps.
pub(crate) const KEPT_BYTES_MAX: usize = 32 << 20;

/// The most terms that one segment keeps. Adding one copies their table, which takes some microseconds;
/// the bytes allow as many bitmaps of a million rows.
const KEPT_TERMS_MAX: usize = 256;

/// Row sets that were found in fewer steps from posting to posting are not worth keeping: a step takes
/// about two nanoseconds, and finding the words takes some hundred in any case.
const KEPT_COST_MIN: u64 = 128;

/// Returns whether a row set that took `cost` steps from posting to posting is worth keeping.
pub(super) fn is_expensive(cost: u64) -> bool {
    cost >= KEPT_COST_MIN
}

/// The bytes of an entry of the hash table.
const ENTRY_BYTES: usize = size_of::<(Box<str>, KeptSet)>();

/// A row set, and the steps that finding it again would take.
#[derive(Clone, Debug)]
struct KeptSet {
    rows: Arc<RowSet>,
    cost: u64,
}

/// Returns the heap bytes of a set without its entry in the table.
fn set_bytes(term: &str, rows: &RowSet) -> usize {
    term.len() + ARC_BYTES + size_of::<RowSet>() + rows.bytes()
}

/// Row sets by folded term.
#[derive(Debug, Default)]
pub(super) struct TermSets {
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

    /// Keeps the set of a term that took `cost` steps to find, if the segment's share and the
    /// store's budget allow.
    ///
    /// Cost: a look at the sets; a copy of their table where there is room.
    pub(super) fn insert(&self, term: &str, rows: &Arc<RowSet>, cost: u64, budget: &Budget) {
        loop {
            let kept = self.kept.load_full();
            if kept.sets.contains_key(term) {
                return;
            }
            let rows = Arc::clone(rows);
            let reserve = |bytes| budget.reserve(bytes);
            let Some((next, reservation)) = kept.with(term, KeptSet { rows, cost }, reserve) else {
                return;
            };
            // Room was asked for beside this table, so no other may be replaced.
            let replaced = self.kept.compare_and_swap(&kept, Arc::new(next));
            if Arc::ptr_eq(&replaced, &kept) {
                reservation.keep();
                return;
            }
        }
    }

    /// Drops all kept sets.
    pub(super) fn clear(&self) {
        self.kept.store(Arc::default());
    }

    /// Visits the terms whose sets are kept, without the tests of rows.
    pub(super) fn for_each(&self, visit: impl FnMut(&str)) {
        let kept = self.kept.load();
        let keys = kept.sets.keys().map(|key| &**key);
        let is_term = |key: &&str| !key.starts_with(|c: char| c.is_ascii_uppercase());
        keys.filter(is_term).for_each(visit);
    }

    /// Returns the heap bytes of the kept sets.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.load().heap_bytes()
    }
}

impl Kept {
    fn heap_bytes(&self) -> usize {
        self.bytes + table_bytes(self.sets.capacity(), ENTRY_BYTES)
    }

    /// Returns a copy with one more set, without the cheaper ones that have to go for it, and the room
    /// that `reserve` gives for the additional bytes; none if there is no room.
    fn with<R>(
        &self,
        term: &str,
        set: KeptSet,
        reserve: impl FnOnce(usize) -> Option<R>,
    ) -> Option<(Kept, R)> {
        let more = set_bytes(term, &set.rows);
        let has_room =
            |bytes: usize, count: usize| bytes + more <= KEPT_BYTES_MAX && count < KEPT_TERMS_MAX;
        let (mut bytes, mut count) = (self.bytes, self.sets.len());
        let mut gone: HashSet<&str> = HashSet::new();
        if !has_room(bytes, count) {
            let cheaper = self.sets.iter().filter(|(_, kept)| kept.cost < set.cost);
            let mut cheaper: Vec<_> = cheaper.collect();
            cheaper.sort_unstable_by_key(|(_, kept)| kept.cost);
            let mut cheaper = cheaper.into_iter();
            while !has_room(bytes, count) {
                let (term, kept) = cheaper.next()?;
                bytes -= set_bytes(term, &kept.rows);
                count -= 1;
                gone.insert(term);
            }
        }
        bytes += more;
        // What goes counts until the writer counts again.
        let heap_bytes = bytes + table_bytes(count + 1, ENTRY_BYTES);
        let room = reserve(heap_bytes.saturating_sub(self.heap_bytes()))?;
        // A new table: what is removed from one leaves places that are not counted.
        let mut sets = HashMap::with_capacity(count + 1);
        let stay = self
            .sets
            .iter()
            .filter(|(term, _)| !gone.contains(&***term));
        sets.extend(stay.map(|(term, kept)| (term.clone(), kept.clone())));
        sets.insert(term.into(), set);
        Some((Kept { sets, bytes }, room))
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Bitmap;
    use super::*;

    #[test]
    fn sets_are_kept_within_the_budget() {
        let terms = TermSets::default();
        let large = Arc::new(RowSet::from_bitmap(
            Bitmap::from_bits(vec![0x5555; 1 << 21], 1 << 27),
            1 << 27,
        ));
        assert!(large.bytes() <= KEPT_BYTES_MAX / 2 + 64);
        let budget = Budget::new(None);
        for term in ["a", "b", "c"] {
            terms.insert(term, &large, 1, &budget);
        }
        assert!(terms.get("a").is_some() && terms.get("c").is_none());
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        terms.insert("a", &large, 1, &budget);
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        // What is more expensive to find takes the place of what is cheaper.
        terms.insert("d", &large, 2, &budget);
        assert!(terms.get("d").is_some() && terms.get("a").is_none());
        assert!(terms.bytes() <= KEPT_BYTES_MAX);
        // Of what takes a little over a quarter of the room three are kept.
        let quarter = Arc::new(RowSet::from_bitmap(
            Bitmap::from_bits(vec![0x5555; 1 << 20], 1 << 26),
            1 << 26,
        ));
        let quarters = TermSets::default();
        for term in ["a", "b", "c", "d"] {
            quarters.insert(term, &quarter, 1, &budget);
        }
        let kept = ["a", "b", "c", "d"].map(|term| quarters.get(term).is_some());
        assert_eq!(kept, [true, true, true, false]);
        let small = TermSets::default();
        small.insert("a", &large, 1, &Budget::new(Some(large.bytes())));
        assert!(small.get("a").is_none());
        small.insert("a", &large, 1, &Budget::new(Some(large.bytes() * 2)));
        assert!(small.get("a").is_some());
    }

    #[test]
    fn a_table_that_grows_is_within_the_budget() {
        let terms = TermSets::default();
        let rows = Arc::new(RowSet::from_bitmap(Bitmap::from_bits(vec![1], 64), 64));
        // A byte more for each of the term's.
        assert_eq!(set_bytes("abc", &rows), 2 + set_bytes("a", &rows));
        let of_rows = ARC_BYTES + size_of_val(&*rows) + rows.bytes();
        assert_eq!(set_bytes("", &rows), of_rows);
        for count in 1..=60 {
            let term = format!("{count:02}");
            let before = terms.bytes();
            // One byte too few, and just enough.
            let mut more = set_bytes(&term, &rows) - 1;
            while terms.get(&term).is_none() {
                more += 1;
                assert!(more < 1 << 20, "it is never kept");
                let budget = Budget::new(Some(before + more));
                budget.admit(|| terms.bytes()).unwrap();
                terms.insert(&term, &rows, 1, &budget);
                assert!(terms.bytes() <= budget.bytes_max(), "{count} terms");
            }
            assert_eq!(terms.bytes(), before + more);
        }
    }

    #[test]
    fn a_table_that_has_lost_sets_is_within_the_budget() {
        let terms = TermSets::default();
        let rows = Arc::new(RowSet::from_bitmap(Bitmap::from_bits(vec![1], 64), 64));
        let ample = Budget::new(None);
        for count in 0..KEPT_TERMS_MAX {
            terms.insert(&format!("{count:04}"), &rows, 1, &ample);
        }
        let full = terms.bytes();
        // Each takes the place of a cheaper one of the same length, in no more bytes.
        for count in 0..200 {
            let budget = Budget::new(Some(full));
            budget.admit(|| terms.bytes()).unwrap();
            let term = format!("x{count:03}");
            terms.insert(&term, &rows, 2, &budget);
            assert!(terms.get(&term).is_some());
            let kept = terms.kept.load();
            assert_eq!(terms.bytes(), full);
            let places = table_bytes(kept.sets.len(), ENTRY_BYTES);
            assert_eq!(table_bytes(kept.sets.capacity(), ENTRY_BYTES), places);
        }
        // What is not more expensive than any takes nobody's place.
        terms.insert("last", &rows, 1, &ample);
        assert!(terms.get("last").is_none());
    }
}
