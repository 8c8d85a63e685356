//! The plan of a segment as an answer keeps it, until somebody asks for it.
//!
//! Most answers are never explained, so that a [`SegmentSketch`] holds what was made anyway, and only
//! [`explain`](super::explain) asks it for names. An answer with rows has its filters compiled for as long as
//! it lives; a count has no other use for them, and notes what they were instead.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Strategy;
use super::conjunction::Conjunction;
use super::explain::{Counted, FilterPlan, SegmentPlan};
use super::filter::Filters;
use super::part::Part;
use crate::segment::Segment;

/// A plan whose filters have no names.
#[derive(Debug)]
pub(super) struct SegmentSketch {
    pub(super) filtering: Filtering,
    /// The plan without its filters.
    pub(super) plan: SegmentPlan,
}

/// The filters of a plan.
#[derive(Debug)]
pub(super) enum Filtering {
    /// As they were compiled, shared with the paths of the answer.
    Compiled(Arc<Conjunction>),
    /// What is told of them.
    Noted(SmallVec<[FilterSketch; 2]>),
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

/// Returns the plan without filters of a segment whose matches were counted, and of which none is asked for.
pub(super) fn counting_plan(
    conjunction: &Conjunction,
    segment: &Segment,
    (matches_count, counted): (u64, Counted),
) -> SegmentPlan {
    SegmentPlan {
        rows_count: segment.rows_count().into(),
        matches_count,
        filters: Vec::new(),
        access: conjunction.access(),
        counted,
        strategy: Strategy::RowOrder,
        is_listed: false,
        matching: None,
        positions_max: None,
        cost: 0,
        fell_back_from: None,
    }
}

impl SegmentSketch {
    /// Notes how matches were counted that nobody asks for.
    pub(super) fn of_count(
        conjunction: &Conjunction,
        segment: &Segment,
        counted: (u64, Counted),
    ) -> SegmentSketch {
        let parts = conjunction.parts().iter();
        let filters = parts.map(|part| FilterSketch::of(part, segment)).collect();
        SegmentSketch {
            filtering: Filtering::Noted(filters),
            plan: counting_plan(conjunction, segment, counted),
        }
    }

    /// Returns the plan, given the filters of the request and the segment.
    pub(super) fn plan(&self, filters: &Filters, segment: &Segment) -> SegmentPlan {
        let plans = match &self.filtering {
            Filtering::Compiled(conjunction) => {
                let parts = conjunction.parts().iter();
                let plans = parts.map(|part| FilterSketch::of(part, segment).plan(filters));
                plans.collect()
            }
            Filtering::Noted(sketches) => sketches.iter().map(|it| it.plan(filters)).collect(),
        };
        SegmentPlan {
            filters: plans,
            ..self.plan.clone()
        }
    }
}
