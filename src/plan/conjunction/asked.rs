//! The filters that may be asked of each row: terms of keywords, and tests that no index answers.
//!
//! Each becomes a row set if that set is kept or the other filters leave many rows, and a question to
//! each row if they leave few.

use std::sync::Arc;

use super::Conjunction;
use crate::plan::bind::{Bound, bound_rows, complement};
use crate::plan::segment_filter::SegmentFilter;
use crate::segment::{RowTest, Segment, TermMatches};

/// Where more rows are left, the words that hold a term are found without a look at what that costs.
const ASKED_ROWS_MAX: u64 = 1_024;

/// The words that were found for the terms of a request, for all segments that share them: a segment
/// and its revisions.
#[derive(Debug, Default)]
pub(in crate::plan) struct FoundTerms<'a>(Vec<FoundTerm<'a>>);

#[derive(Debug)]
struct FoundTerm<'a> {
    segment: &'a Segment,
    /// The index of the term's filter.
    index: usize,
    matches: Arc<TermMatches>,
}

impl<'a> FoundTerms<'a> {
    /// Returns whether no words were looked for.
    #[cfg(test)]
    pub(in crate::plan) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the words of a segment, or of the base that it revises, that hold a term.
    fn find(&mut self, segment: &'a Segment, (index, term): (usize, &str)) -> Arc<TermMatches> {
        let segment = segment.revision().map_or(segment, |it| it.base());
        let is_it = |it: &&FoundTerm<'_>| std::ptr::eq(it.segment, segment) && it.index == index;
        if let Some(found) = self.0.iter().find(is_it) {
            return Arc::clone(&found.matches);
        }
        let matches = Arc::new(segment.find_term(term));
        self.0.push(FoundTerm {
            segment,
            index,
            matches: Arc::clone(&matches),
        });
        matches
    }
}

impl Conjunction {
    /// Adds a filter or its complement; returns whether no row is left.
    fn add_turned(
        &mut self,
        index: usize,
        bound: Bound,
        is_complement: bool,
        segment: &Segment,
    ) -> bool {
        let bound = if is_complement {
            complement(bound, segment)
        } else {
            bound
        };
        self.add(index, bound)
    }

    /// Adds a test of rows: as a row set, or as a question where few rows are left to ask.
    pub(super) fn add_test(
        &mut self,
        index: usize,
        test: RowTest,
        is_complement: bool,
        segment: &Segment,
    ) -> bool {
        let may_keep = !self.mode.is_cold;
        let kept = self.mode.may_build().then(|| segment.kept_test(&test));
        let is_asked = self.asks_every_row()
            || self.estimate().saturating_mul(test.probe_cost(segment)) < test.rows_cost(segment);
        let bound = match kept.flatten() {
            Some(rows) => bound_rows(rows),
            None if is_asked => {
                let rows_count = u64::from(segment.rows_count());
                (SegmentFilter::Asked(test.into()), rows_count)
            }
            None => bound_rows(segment.test_rows(&test, may_keep)),
        };
        self.add_turned(index, bound, is_complement, segment)
    }

    /// Returns whether asking each row that the other filters leave for a term costs less than finding the words
    /// that hold it.
    fn asks_before_finding(&self, segment: &Segment, term: &str) -> bool {
        let rows_count = self.estimate();
        rows_count <= ASKED_ROWS_MAX
            && rows_count * segment.holds_term_cost() < segment.find_term_cost(term)
    }

    /// Adds the keyword's terms, as row sets, or as questions where few rows are left to ask; returns whether no
    /// row is left.
    pub(super) fn add_terms<'a>(
        &mut self,
        terms: &[(usize, &str, bool)],
        found: &mut FoundTerms<'a>,
        segment: &'a Segment,
    ) -> bool {
        let may_keep = !self.mode.is_cold;
        let rows_count = u64::from(segment.rows_count());
        let texts = |term: &str| SegmentFilter::Texts(term.into());
        let kept = |term: &str| may_keep.then(|| segment.kept_term(term)).flatten();
        let mut sought = Vec::new();
        for &(index, term, is_excluded) in terms {
            let bound = if self.asks_every_row() {
                (texts(term), rows_count)
            } else if let Some(rows) = kept(term) {
                bound_rows(rows)
            } else if self.asks_before_finding(segment, term) {
                (texts(term), rows_count)
            } else {
                let matches = found.find(segment, (index, term));
                if matches.postings_count() > 0 {
                    sought.push((matches.rows_cost(), matches, (index, term, is_excluded)));
                    continue;
                }
                (SegmentFilter::Nothing, 0)
            };
            if self.add_turned(index, bound, is_excluded, segment) {
                return true;
            }
        }
        sought.sort_by_key(|(cost, ..)| *cost);
        for (cost, matches, (index, term, is_excluded)) in sought {
            let probe_cost = self.estimate().saturating_mul(segment.holds_term_cost());
            let bound = if probe_cost < cost {
                (texts(term), matches.postings_count().min(rows_count))
            } else {
                bound_rows(segment.term_rows(term, &matches, may_keep))
            };
            if self.add_turned(index, bound, is_excluded, segment) {
                return true;
            }
        }
        false
    }
}
