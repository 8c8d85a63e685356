//! What a walk along the order of a first key costs, and how it knows which rows match.

use std::ops::Range;

use super::conjunction::Conjunction;
use super::cost::{
    ASKED_COST, CLEARED_ROWS, COMPARE_COST, COUNTED_POSITIONS, GUESSED_WALK_MAX, SAMPLE_COST,
    SPARSE,
};
use super::explain::WalkMatching;
use super::found::Found;
use super::order::Key;
use super::task::{Need, Task};
use super::top::top_cost;
use crate::segment::{Segment, SlotColumn};
use crate::snapshot::LiveSegment;

/// A walk, decided and not begun.
#[derive(Clone, Debug)]
pub(super) struct WalkPath {
    pub(super) key: Key,
    /// The positions of the key's order that matches can be at; none where it is not there yet.
    pub(super) span: Option<Range<usize>>,
    pub(super) matching: WalkMatching,
    /// The positions after which the walk is given up for another path, where how long it is can only be
    /// guessed: matches that are few may all be at its end.
    pub(super) positions_max: Option<u64>,
}

/// Chooses how a walk knows which rows match.
fn matching(found: &Found, task: Task<'_>, key: Key, extent: &Extent) -> WalkMatching {
    let (need, live, conjunction) = (task.need, task.live, &found.conjunction);
    let is_countable = live.dead.count() == 0 || task.mode.may_build();
    if conjunction.is_class_range(key.slot, &live.segment)
        && (is_countable || need.skip == 0 && !need.is_shared)
    {
        return WalkMatching::Live;
    }
    if !conjunction.asks_every_row() && conjunction.bitmap(live).is_some() {
        return WalkMatching::Set;
    }
    if found.rows.is_some() {
        return WalkMatching::Listed;
    }
    let asked = conjunction.probes_cost(extent.asked()) + extent.passed * ASKED_COST;
    if need.is_shared || asked > bitmap_cost(conjunction, live) {
        WalkMatching::Counted
    } else {
        WalkMatching::Asked
    }
}

/// Returns the estimated cost of a bitmap of all matches.
fn bitmap_cost(conjunction: &Conjunction, live: &LiveSegment) -> u64 {
    conjunction.bits_cost() + u64::from(live.segment.rows_count()) / CLEARED_ROWS
}

/// How far a walk goes, in positions.
struct Extent {
    /// The positions before the page.
    passed: u64,
    /// The positions of the page.
    visited: u64,
    /// The positions that tie with the last of the page.
    ties: u64,
    /// Whether no sample of the matches tells it for certain.
    is_guess: bool,
}

impl Extent {
    /// Returns how many rows have to be asked where nothing else says whether they match.
    fn asked(&self) -> u64 {
        self.passed + self.visited
    }
}

/// Returns the walk along a key's order with its estimated cost; none where there is no such order
/// and none may be made.
pub(super) fn price(found: &Found, task: Task<'_>, key: Key) -> Option<(WalkPath, u64)> {
    let segment = &*task.live.segment;
    let rows = u64::from(segment.rows_count());
    let has_order = segment.ensure_sealed_order(key.slot);
    if !has_order && !task.mode.may_build() {
        return None;
    }
    let span = has_order.then(|| found.span(segment, key.slot));
    let positions = span.clone().unwrap_or(0..rows as usize);
    let extent = extent(found, task, key, &positions, has_order)?;
    let matching = matching(found, task, key, &extent);
    let cost = cost(found, task, key, &extent, matching);
    let need = task.need;
    // Where matches are known by bits, those before a page are counted, however far it is.
    let is_passed = need.skip == 0 || matching == WalkMatching::Asked;
    let is_given_up = extent.is_guess
        && matching != WalkMatching::Live
        && is_passed
        && is_sparse(found, segment)
        && task.place.is_none()
        && task.mode.strategy.is_none();
    // Of several segments each is tried for its share of the page alone.
    let rows_tried = share_of(extent.asked(), need);
    let positions_max = rows_tried.saturating_mul(GUESSED_WALK_MAX);
    let walk = WalkPath {
        key,
        positions_max: (is_given_up && positions_max < positions.len() as u64)
            .then_some(positions_max),
        span,
        matching,
    };
    Some((walk, cost))
}

/// Returns what a walk of an extent costs.
fn cost(found: &Found, task: Task<'_>, key: Key, extent: &Extent, matching: WalkMatching) -> u64 {
    let (conjunction, need) = (&found.conjunction, task.need);
    let rows = u64::from(task.live.segment.rows_count());
    let made = match matching {
        WalkMatching::Live | WalkMatching::Set | WalkMatching::Asked => 0,
        WalkMatching::Listed => rows / 64 + rows / CLEARED_ROWS,
        WalkMatching::Counted => bitmap_cost(conjunction, task.live),
    };
    let counted = match matching {
        _ if need.skip == 0 => 0,
        // The positions of dead rows say how many matches come before one.
        WalkMatching::Live => 0,
        WalkMatching::Asked => extent.passed * ASKED_COST,
        _ if counts_ties(task, key) => (extent.passed + extent.ties) / COUNTED_POSITIONS,
        _ => extent.passed / COUNTED_POSITIONS,
    };
    let asked = match matching {
        WalkMatching::Asked => conjunction.probes_cost(extent.asked()),
        _ => 0,
    };
    // What ties is put in order by the other keys together.
    let put_in_order = if task.order.is_plain() {
        0
    } else {
        extent.ties * COMPARE_COST
    };
    extent.visited * ASKED_COST + made + counted + asked + put_in_order
}

/// Returns how many of the positions that a walk passes are for a segment's share of the page.
fn share_of(positions: u64, need: Need) -> u64 {
    let through = |matches: u64| u128::from(need.skip.saturating_add(matches));
    let share = u128::from(positions) * through(need.share) / through(need.take).max(1);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Estimates how far a walk goes; none where no order is by the key.
fn extent(
    found: &Found,
    task: Task<'_>,
    key: Key,
    span: &Range<usize>,
    has_order: bool,
) -> Option<Extent> {
    let segment = &*task.live.segment;
    let rows = u64::from(segment.rows_count());
    let classes = match segment.slot_column(key.slot) {
        SlotColumn::Ordinals(column) => column.classes_count().clamp(1, rows.max(1)),
        SlotColumn::Long(_) => rows.max(1),
        SlotColumn::Absent => return None,
    };
    let counts_first = has_order && (!task.order.is_plain() || counts_ties(task, key));
    let first_ties = counts_first.then(|| first_ties(segment, key, span));
    let group = first_ties.unwrap_or_default().max(rows / classes);
    let (conjunction, need) = (&found.conjunction, task.need);
    let even = |matches: u64| span.len() as u64 * matches / found.count().max(1);
    let is_spread = conjunction.is_class_range(key.slot, segment);
    // A sample mostly shows that a walk is longer, so a walk that is too long anyway needs none.
    let is_short = even(need.take) * ASKED_COST < top_cost(found, task, Some(&key));
    // It shows where the first matches are, not those after a place.
    let is_sampled = has_order && !is_spread && is_short && task.place.is_none();
    let is_sampled = is_sampled && is_worth_sampling(found, task, key);
    let sample = is_sampled.then(|| found.sample(task.live, key)).flatten();
    let walked = |matches: u64| {
        sample.and_then(|it| it.walked(task.live, key, span, (matches, even(matches))))
    };
    let last = walked(need.skip + need.take);
    let is_guess = last.as_ref().is_none_or(|last| last.is_guess);
    let (passed, through, ties) = match last {
        Some(last) if need.skip > 0 => {
            let passed = walked(need.skip).map_or(0, |it| it.positions);
            (passed, last.positions, last.ties)
        }
        Some(last) => (0, last.positions, last.ties),
        None => (even(need.skip), even(need.skip + need.take), group),
    };
    let mut visited = through.saturating_sub(passed);
    if !task.order.is_plain() {
        visited = visited.max(ties);
    }
    if conjunction.is_part(segment) && span.len() as u64 == rows {
        if sample.is_none() {
            // Most fields nearly follow tid, so the rows of a tid range lie together, and a walk may
            // pass all others first.
            visited = (visited * 16).max(rows / 4).min(rows);
        }
        // Ties come by tid, so those before the range are passed first.
        visited += ties * u64::from(conjunction.rows().start) / rows.max(1);
    }
    Some(Extent {
        passed,
        visited: visited + 1,
        ties,
        is_guess,
    })
}

/// Returns whether a walk counts all ties of a match to pass over some: they come in the other direction than the
/// positions do.
fn counts_ties(task: Task<'_>, key: Key) -> bool {
    task.need.skip > 0 && key.descends != task.order.tid_descends
}

/// Returns how many positions of a span tie in the key with the first that a walk comes to.
///
/// Cost: a binary search. Of fields that are often empty, most rows tie there.
fn first_ties(segment: &Segment, key: Key, span: &Range<usize>) -> u64 {
    // Equal long texts are told by a step for each, so they are not counted.
    let column = segment.column(key.slot);
    let sorted = segment.order(key.slot).filter(|_| column.is_some());
    let Some(sorted) = sorted.filter(|_| !span.is_empty()) else {
        return 0;
    };
    let ties = if key.descends {
        span.end - sorted.group_start(column, span.end - 1).max(span.start)
    } else {
        sorted.group_end(column, span.start).min(span.end) - span.start
    };
    ties as u64
}

/// Returns whether matches are sparse: an order may keep a walk from them for long.
fn is_sparse(found: &Found, segment: &Segment) -> bool {
    found.count() * SPARSE < u64::from(segment.rows_count())
}

/// Returns whether a better estimate may save more than a sample costs.
pub(super) fn is_worth_sampling(found: &Found, task: Task<'_>, key: Key) -> bool {
    is_sparse(found, &task.live.segment) && top_cost(found, task, Some(&key)) > SAMPLE_COST * 4
}
