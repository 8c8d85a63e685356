//! What is asked for: a window on the order of all segments, and of one segment its share.
//!
//! Costs are estimated for a [`Task`], and the path that is chosen carries it out.

use super::PlanMode;
use super::found::Found;
use super::order::Order;
use super::place::Place;
use crate::snapshot::LiveSegment;

/// Up to this many skipped rows are merged; beyond it, selection finds the page.
const MERGED_ROWS_MAX: u64 = 48;

/// What a page needs of one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Need {
    /// About how many matches of the segment come before the page.
    pub(super) skip: u64,
    /// The most matches that the page takes of the segment.
    pub(super) take: u64,
    /// The matches that the page takes of it if matches are spread evenly over the segments.
    pub(super) share: u64,
    /// The most matches that come before the page or are in it.
    pub(super) most: u64,
    /// Whether the page lies deep in several segments, so that matches must be countable by rank.
    pub(super) is_shared: bool,
}

/// What a strategy is to do in one segment.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) live: &'a LiveSegment,
    /// The order within the segment.
    pub(super) order: &'a Order,
    pub(super) need: Need,
    /// The place after which rows are asked for; none for rows from the first on.
    pub(super) place: Option<&'a Place>,
    pub(super) mode: PlanMode,
}

/// The part of the order that is asked for, over all segments.
pub(super) struct Window {
    pub(super) skip: u64,
    pub(super) count: u64,
    pub(super) total: u64,
    /// The most skipped rows that are passed by merging; beyond it, a search finds the page.
    pub(super) few: u64,
    /// Whether more than one segment has matches.
    is_shared: bool,
}

impl Window {
    /// Cuts a window down to what matches.
    pub(super) fn new((skip, take): (u64, u64), found: &[Found], mode: PlanMode) -> Window {
        let total = found.iter().map(Found::count).sum::<u64>();
        let is_shared = found.iter().filter(|found| found.count() > 0).count() > 1;
        Window {
            skip,
            count: total.saturating_sub(skip).min(take),
            total,
            // So few rows are passed by merging them, unless a plan is demanded.
            few: if is_shared && mode.strategy.is_none() {
                MERGED_ROWS_MAX
            } else {
                0
            },
            is_shared,
        }
    }

    /// Takes the first rows after a place.
    pub(super) fn at_place(take: u64, total: u64) -> Window {
        Window {
            skip: 0,
            count: take.min(total),
            total,
            few: 0,
            is_shared: false,
        }
    }

    /// Returns what a segment with a number of matches has to do with it.
    pub(super) fn need(&self, matches: u64) -> Need {
        if self.count == 0 || matches == 0 {
            return Need::default();
        }
        // A page is not past the end, so it skips less than there is.
        let share = |rows: u64| {
            let share = u128::from(rows) * u128::from(matches) / u128::from(self.total);
            share as u64
        };
        let few = if self.skip > 0 { self.few } else { 0 };
        let take = matches.min(self.count + few);
        Need {
            skip: share(self.skip),
            take,
            share: take.min(share(self.count + few).saturating_add(1)),
            most: matches.min(self.skip + self.count),
            is_shared: self.is_shared && self.skip > self.few,
        }
    }
}
