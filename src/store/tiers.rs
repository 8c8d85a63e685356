//! Which segments to merge, by their sizes alone.
//!
//! Segments need no order among themselves, since tombstones say which row of a tid
//! counts; so the smallest are merged, wherever they are. A segment is *small* if it has
//! at most half the rows that a commit may merge, and *large* else. Commits merge small
//! segments and jobs large ones, so neither takes the other's inputs away. That is told
//! by all rows, dead ones too, which never change; the sizes that follow are live rows.
//!
//! The rule: sorted by size, merge the longest run of the smallest segments that comes to
//! [`GROWTH`] times its greatest. What stays is then a row of sizes that grow
//! geometrically; what is merged finds itself in a segment at least that much larger.
//! Where a small segment no longer fits in what a commit may merge, those before it are
//! merged too: together they are large, and a job's from now on.
//!
//! # Invariants
//!
//! * What a commit merges has at most its limit of rows, dead ones too.
//! * Jobs that are run one after the other come to an end: each leaves fewer segments, or
//!   as many with fewer dead rows.
//!
//! # Cost
//!
//! Commits rewrite a ticket at most once for each power of [`GROWTH`] below the rows that
//! a commit may merge, and once more: eight times for 4 and 16,384. Jobs rewrite it once
//! for each power of it between those rows and all tickets. A removed or replaced ticket
//! adds two at most. Commits alike leave at most three small segments a power, 21; sizes
//! chosen to be as bad as can be, where each is a third of all smaller ones, leave 34.

use crate::segment::ROWS_MAX;
use crate::snapshot::LiveSegment;

/// The rows that one commit may merge.
pub(super) const COMMIT_ROWS_MAX: u32 = 16_384;

/// A merge makes so many of the greatest of its segments.
const GROWTH: u64 = 4;

/// A segment by its place in the snapshot.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    index: usize,
    live: u64,
    rows: u64,
}

/// Returns the segments of a kind, the smallest first.
fn candidates(segments: &[LiveSegment], is_kind: impl Fn(u32) -> bool) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = segments
        .iter()
        .enumerate()
        .filter(|(_, live)| is_kind(live.segment.rows_count()))
        .map(|(index, live)| Candidate {
            index,
            live: live.live_count().into(),
            rows: live.segment.rows_count().into(),
        })
        .collect();
    candidates.sort_unstable_by_key(|candidate| candidate.live);
    candidates
}

/// Returns how many of the smallest come to [`GROWTH`] times the greatest of them, at most.
fn growing_count(candidates: &[Candidate]) -> usize {
    let (mut total, mut count) = (0, 0);
    for (at, candidate) in candidates.iter().enumerate() {
        total += candidate.live;
        if at > 0 && total >= candidate.live * GROWTH {
            count = at + 1;
        }
    }
    count
}

/// Returns the places of the first candidates, ascending.
fn places(candidates: &[Candidate], count: usize) -> Vec<usize> {
    let first = candidates[..count].iter();
    let mut places: Vec<usize> = first.map(|candidate| candidate.index).collect();
    places.sort_unstable();
    places
}

/// Returns the places of the small segments that a commit is to merge, ascending; often none.
pub(super) fn choose_small(segments: &[LiveSegment], rows_max: u32) -> Vec<usize> {
    let small = candidates(segments, |rows| rows <= rows_max / 2);
    let mut rows = 0;
    let fitting = small.iter().take_while(|candidate| {
        rows += candidate.rows;
        rows <= u64::from(rows_max)
    });
    let fitting_count = fitting.count();
    if fitting_count < small.len() {
        return places(&small, fitting_count);
    }
    places(&small, growing_count(&small))
}

/// Returns the places of the large segments that a job is to merge, ascending; often none.
pub(super) fn choose_large(segments: &[LiveSegment], rows_max: u32) -> Vec<usize> {
    let mut large = candidates(segments, |rows| rows > rows_max / 2);
    large.truncate(one_segment_count(&large));
    let count = growing_count(&large);
    if count > 0 {
        return places(&large, count);
    }
    let is_mostly_dead = |it: &&Candidate| it.live * 2 < it.rows;
    let mostly_dead = large.iter().find(is_mostly_dead);
    mostly_dead.map(|it| it.index).into_iter().collect()
}

/// Returns the places of as many segments as become one, ascending; none where they are.
pub(super) fn choose_all(segments: &[LiveSegment]) -> Vec<usize> {
    let all = candidates(segments, |_| true);
    match one_segment_count(&all) {
        1 if all[0].live == all[0].rows => Vec::new(),
        count => places(&all, count),
    }
}

/// Returns how many of the smallest have no more live rows than a segment can.
fn one_segment_count(candidates: &[Candidate]) -> usize {
    let mut live = 0;
    let fitting = candidates.iter().take_while(|candidate| {
        live += candidate.live;
        live <= u64::from(ROWS_MAX)
    });
    fitting.count()
}
