//! The plan of a segment as an answer keeps it, until somebody asks for it.
//!
//! Most answers are never explained, so that [`SegmentSketch`] holds what was compiled anyway, and only
//! [`explain`](super::explain) asks it for names and kinds.

use std::sync::Arc;

use super::Strategy;
use super::conjunction::Conjunction;
use super::explain::{Counted, SegmentPlan, WalkMatching};
use super::filter::Filters;
use crate::segment::Segment;

/// A [`SegmentPlan`] without what can be read from the filters and the segment.
#[derive(Debug)]
pub(super) struct SegmentSketch {
    pub(super) conjunction: Arc<Conjunction>,
    pub(super) matches_count: u64,
    pub(super) counted: Counted,
    pub(super) strategy: Strategy,
    pub(super) is_listed: bool,
    pub(super) matching: Option<WalkMatching>,
    pub(super) cost: u64,
    pub(super) fell_back_from: Option<Strategy>,
}

impl SegmentSketch {
    /// Returns the plan, given the filters of the request and the segment.
    pub(super) fn plan(&self, filters: &Filters, segment: &Segment) -> SegmentPlan {
        SegmentPlan {
            rows_count: segment.rows_count().into(),
            matches_count: self.matches_count,
            filters: self.conjunction.describe(filters, segment),
            access: self.conjunction.access(),
            counted: self.counted,
            strategy: self.strategy,
            is_listed: self.is_listed,
            matching: self.matching,
            cost: self.cost,
            fell_back_from: self.fell_back_from,
        }
    }
}
