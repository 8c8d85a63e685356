//! The plan of a segment as an answer keeps it, until somebody asks for it.
//!
//! Most answers are never explained, so that a [`SegmentSketch`] holds what was made anyway, and only
//! [`explain`](super::explain) asks it for names. An answer with rows has its filters compiled for as long as
//! it lives; a count has no other use for them, and notes what they were instead.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Strategy;
use super::conjunction::Conjunction;
use super::explain::{Access, Counted, FilterPlan, SegmentPlan, WalkMatching};
use super::filter::Filters;
use super::part::Part;
use crate::segment::Segment;

/// A [`SegmentPlan`] without what can be read from the filters and the segment.
#[derive(Debug)]
pub(super) struct SegmentSketch {
    pub(super) filtering: Filtering,
    pub(super) matches_count: u64,
    pub(super) counted: Counted,
    pub(super) strategy: Strategy,
    pub(super) is_listed: bool,
    pub(super) matching: Option<WalkMatching>,
    pub(super) positions_max: Option<u64>,
    pub(super) cost: u64,
    pub(super) fell_back_from: Option<Strategy>,
}

/// The filters of a plan.
#[derive(Debug)]
pub(super) enum Filtering {
    /// As they were compiled, shared with the paths of the answer.
    Compiled(Arc<Conjunction>),
    /// What is told of them, and how they were combined.
    Noted(Access, SmallVec<[FilterSketch; 2]>),
}

/// A filter of a plan without its name.
#[derive(Debug)]
pub(super) struct FilterSketch {
    /// The index among the filters of the request.
    index: usize,
    kind: &'static str,
    estimate: u64,
}

impl FilterSketch {
    fn of(part: &Part, segment: &Segment) -> FilterSketch {
        FilterSketch {
            index: part.index,
            kind: part.filter.kind_name(segment),
            estimate: part.estimate,
        }
    }

    fn plan(&self, filters: &Filters) -> FilterPlan {
        FilterPlan {
            name: filters.name(self.index),
            kind: self.kind,
            estimate: self.estimate,
        }
    }
}

impl SegmentSketch {
    /// Notes how matches were counted that nobody asks for.
    pub(super) fn of_count(
        conjunction: &Conjunction,
        segment: &Segment,
        matches_count: u64,
        counted: Counted,
    ) -> SegmentSketch {
        let parts = conjunction.parts().iter();
        let filters = parts.map(|part| FilterSketch::of(part, segment)).collect();
        SegmentSketch {
            filtering: Filtering::Noted(conjunction.access(), filters),
            matches_count,
            counted,
            strategy: Strategy::RowOrder,
            is_listed: false,
            matching: None,
            positions_max: None,
            cost: 0,
            fell_back_from: None,
        }
    }

    /// Returns the plan, given the filters of the request and the segment.
    pub(super) fn plan(&self, filters: &Filters, segment: &Segment) -> SegmentPlan {
        let (access, plans) = match &self.filtering {
            Filtering::Compiled(conjunction) => {
                let parts = conjunction.parts().iter();
                let plans = parts.map(|part| FilterSketch::of(part, segment).plan(filters));
                (conjunction.access(), plans.collect())
            }
            Filtering::Noted(access, sketches) => {
                let plans = sketches.iter().map(|sketch| sketch.plan(filters));
                (*access, plans.collect())
            }
        };
        SegmentPlan {
            rows_count: segment.rows_count().into(),
            matches_count: self.matches_count,
            filters: plans,
            access,
            counted: self.counted,
            strategy: self.strategy,
            is_listed: self.is_listed,
            matching: self.matching,
            positions_max: self.positions_max,
            cost: self.cost,
            fell_back_from: self.fell_back_from,
        }
    }
}
