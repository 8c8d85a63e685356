//! What the filters of a request came to in one segment.
//!
//! [`Found`] says how many rows match and, if they were visited on the way, which.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::conjunction::{Conjunction, Scope};
use super::explain::{Access, Counted, Work};
use super::order::Key;
use super::sample::Sample;
use crate::segment::{Segment, Slot, blocks_count, for_each_row};
use crate::snapshot::LiveSegment;

/// The matches of a conjunction in one segment: counted, and listed if that was the way.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) conjunction: Arc<Conjunction>,
    count: u64,
    pub(super) counted: Counted,
    /// The rows, ascending, where they were visited one by one.
    pub(super) rows: Option<Vec<u32>>,
    /// A sample in the order's first key, once an estimate has asked for it.
    sample: OnceCell<Option<Sample>>,
}

/// Counts the matches of a conjunction, without listing them where bitmaps allow; returns the rows where they
/// were visited one by one.
pub(super) fn find(
    conjunction: &Conjunction,
    live: &LiveSegment,
    work: &mut Work,
) -> (u64, Counted, Option<Vec<u32>>) {
    let known = conjunction.known_count(live);
    if let (Some((count, counted)), false) = (known, conjunction.asks_every_row()) {
        return (count, counted, None);
    }
    if let Some(rows) = conjunction.list(live, work) {
        let counted = match conjunction.access() {
            Access::Scan => Counted::Scan,
            _ => Counted::Drive,
        };
        return (rows.len() as u64, counted, Some(rows));
    }
    let scope = conjunction.scope(live);
    let indexes = conjunction.block_indexes();
    let counts = indexes.map(|index| conjunction.count_block(scope, index, None, work));
    (counts.map(u64::from).sum(), Counted::Blocks, None)
}

impl Found {
    /// Counts the matches, without listing them where bitmaps allow.
    pub(super) fn new(conjunction: Arc<Conjunction>, live: &LiveSegment, work: &mut Work) -> Found {
        let (count, counted, rows) = find(&conjunction, live, work);
        Found {
            conjunction,
            count,
            counted,
            rows,
            sample: OnceCell::new(),
        }
    }

    /// Returns how many rows match.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns a sample of the matches in the order's first key, if one can be had.
    pub(super) fn sample(&self, live: &LiveSegment, key: Key) -> Option<&Sample> {
        let sample = self.sample.get_or_init(|| {
            let rows = self.rows.as_deref();
            Sample::of(rows, self.count, self.scope(live), key)
        });
        sample.as_ref()
    }

    /// Returns the segment and the filters in it.
    pub(super) fn scope<'a>(&'a self, live: &'a LiveSegment) -> Scope<'a> {
        self.conjunction.scope(live)
    }

    /// Calls `each` with every matching row, ascending.
    pub(super) fn for_each(&self, live: &LiveSegment, work: &mut Work, mut each: impl FnMut(u32)) {
        if let Some(rows) = &self.rows {
            return rows.iter().copied().for_each(each);
        }
        let conjunction = &self.conjunction;
        if let Some(rows) = conjunction.list(live, work) {
            return rows.into_iter().for_each(each);
        }
        for index in conjunction.block_indexes() {
            let block = self.scope(live).block(index, work);
            for_each_row(&block, index, &mut each);
        }
    }

    /// Returns the positions of a slot's order that matches can be at.
    ///
    /// They are narrowed by a range filter on the slot and, where tids or other ranges leave only some
    /// blocks, by the zones of these blocks.
    pub(super) fn span(&self, segment: &Segment, slot: Slot) -> Range<usize> {
        let Some(sorted) = segment.order(slot) else {
            return 0..0;
        };
        let Some(column) = segment.column(slot) else {
            return 0..sorted.rows().len();
        };
        let conjunction = &self.conjunction;
        let range = conjunction.class_range(slot);
        let blocks = conjunction.block_indexes();
        let is_cut = blocks.len() < blocks_count(segment.rows_count()) as usize;
        let zones = is_cut.then(|| column.zone_classes(blocks)).flatten();
        let classes = match (range, zones) {
            (Some(range), Some(zones)) => range.start.max(zones.start)..range.end.min(zones.end),
            (Some(classes), None) | (None, Some(classes)) => classes,
            (None, None) => return 0..sorted.rows().len(),
        };
        sorted.positions(column, &classes)
    }
}
