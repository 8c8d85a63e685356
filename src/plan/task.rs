//! What is asked of one segment: an order, and the part of it that a page needs.
//!
//! Costs are estimated for a [`Task`], and the path that is chosen carries it out.

use super::PlanMode;
use super::order::Order;
use crate::snapshot::LiveSegment;

/// What a page needs of one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Need {
    /// The matches of the segment that come before the page, about.
    pub(super) skip: u64,
    /// The most matches that the page takes of the segment.
    pub(super) take: u64,
    /// What the page takes of it if matches are spread alike over the segments.
    pub(super) share: u64,
    /// The most matches that come before the page or are in it.
    pub(super) most: u64,
    /// Whether the page lies deep in several segments, so that matches must be countable by place.
    pub(super) is_shared: bool,
}

/// What a strategy is to do in one segment.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) live: &'a LiveSegment,
    /// The order within the segment.
    pub(super) order: &'a Order,
    pub(super) need: Need,
    pub(super) mode: PlanMode,
}
