//! From the filters of a request to a conjunction in a segment.
//!
//! Filters by value and by range are bound first, in the order of [`Filters`].
//! The terms of keywords and the tests that no index answers come last, when it is known about how many rows
//! the others leave to ask.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Conjunction, FoundTerms};
use crate::model::Field;
use crate::plan::bind::{Binding, bind_filter, bound_rows};
use crate::plan::explain::Counted;
use crate::plan::filter::Filters;
use crate::plan::segment_filter::SegmentFilter;
use crate::plan::{FilterMode, PlanMode};
use crate::segment::{BLOCK_ROWS, Segment};
use crate::snapshot::LiveSegment;

impl Conjunction {
    /// Compiles the filters of a request for a segment, given its index in the snapshot.
    ///
    /// What is found for terms is kept in `found_terms` for the other segments of the snapshot.
    pub(in crate::plan) fn compile<'a>(
        filters: &Filters,
        segment_index: usize,
        live: &'a LiveSegment,
        mode: PlanMode,
        found_terms: &mut FoundTerms<'a>,
    ) -> Arc<Conjunction> {
        // It is filled where it stays: it is too large to be moved about.
        let mut conjunction = Arc::new(Conjunction::new(filters, &live.segment, mode));
        let own = Arc::make_mut(&mut conjunction);
        if own.bind(filters, segment_index, &live.segment, found_terms) {
            own.settle(&live.segment);
        }
        conjunction
    }

    /// Starts with the rows of the tid range and without filters.
    pub(in crate::plan) fn new(
        filters: &Filters,
        segment: &Segment,
        mode: PlanMode,
    ) -> Conjunction {
        let rows = tid_rows(filters.tids, segment);
        Conjunction {
            mode,
            blocks: rows.start / BLOCK_ROWS..rows.end.div_ceil(BLOCK_ROWS),
            rows,
            parts: SmallVec::new(),
            least: u64::MAX,
            active_count: 0,
            is_expensive: false,
            is_scanned: false,
            row_cost: 0,
            drive_cost: None,
            blocks_cost: 0,
        }
    }

    /// Adds the filters of a request to count their rows, and returns the number where it is known.
    ///
    /// The ways to the rows are estimated only where one of them has to be taken.
    pub(in crate::plan) fn add_to_count<'a>(
        &mut self,
        filters: &Filters,
        segment_index: usize,
        live: &'a LiveSegment,
        found_terms: &mut FoundTerms<'a>,
    ) -> Option<(u64, Counted)> {
        let segment = &*live.segment;
        if !self.bind(filters, segment_index, segment, found_terms) {
            return self.known_count(live);
        }
        self.sort(segment);
        // Dead rows may have to be asked one by one, and then other ways are compared with that.
        let is_at_once = self.mode.filters == FilterMode::Planned && live.dead.count() == 0;
        let known = is_at_once.then(|| self.known_count(live)).flatten();
        if known.is_none() {
            self.estimate_ways(segment);
        }
        known
    }

    /// Adds filters; returns whether they may leave rows.
    fn bind<'a>(
        &mut self,
        filters: &Filters,
        segment_index: usize,
        segment: &'a Segment,
        found_terms: &mut FoundTerms<'a>,
    ) -> bool {
        if let Some(rows) = filters.within.get(segment_index)
            && self.add(Filters::WITHIN, bound_rows(Arc::clone(rows)))
        {
            return false;
        }
        let (mut terms, mut tests) = (Vec::new(), Vec::new());
        for (index, filter) in filters.all.iter().enumerate() {
            let bound = match bind_filter(filter, segment, self.mode, self.estimate()) {
                Binding::Filter(bound) => bound,
                Binding::Rows(test, is_complement) => {
                    tests.push((index, test, is_complement));
                    continue;
                }
                Binding::Term(term, is_excluded) => {
                    terms.push((index, term, is_excluded));
                    continue;
                }
            };
            if self.add(index, bound) {
                return false;
            }
        }
        if self.rows.is_empty() {
            return false;
        }
        for (index, test, is_complement) in tests {
            if self.add_test(index, test, is_complement, segment) {
                return false;
            }
        }
        terms.is_empty() || !self.add_terms(&terms, found_terms, segment)
    }

    /// Returns the filters with one more: that a field has a class.
    pub(in crate::plan) fn and_class(
        &self,
        (field, class): (Field, u32),
        segment: &Segment,
    ) -> Arc<Conjunction> {
        let mut all = self.clone();
        let estimate = segment.posting(field, class).count().into();
        let filter = SegmentFilter::Class(field, class);
        if !all.add(Filters::ADDED, (filter, estimate)) {
            all.settle(segment);
        }
        Arc::new(all)
    }
}

/// Returns the rows that a range of tids leaves.
fn tid_rows(tids: Option<(u64, u64)>, segment: &Segment) -> Range<u32> {
    match tids {
        None => 0..0,
        Some((0, u64::MAX)) => 0..segment.rows_count(),
        Some((first, last)) => segment.tid_rows(first, last),
    }
}
