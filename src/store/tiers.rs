//! Which segments to merge, by their sizes and by what is dead in them.
//!
//! Segments need no order among themselves, since tombstones say which row of a tid counts, so any of
//! them may be merged. A segment is *small* if it has at most half the rows that a commit may merge, and
//! *large* otherwise. Commits merge small segments and jobs merge large ones, so that neither takes the
//! other's inputs away. For this all rows count, also dead ones, so that a segment never changes from one
//! to the other; all other sizes below are live rows. A segment that others revise belongs to the jobs
//! even if it is small.
//!
//! The rule: sorted by size, merge the longest run of the smallest segments whose sum is at least
//! [`GROWTH`] times the greatest of them. The sizes that remain grow geometrically, and a merged row is
//! then in a segment at least that many times larger. Where the small segments together have more rows
//! than a commit may merge, as many of the smallest as fit are merged in any case; the result is
//! usually large, and left to jobs.
//!
//! Where that rule merges nothing, segments that are mostly dead are merged, large ones one at a time.
//! That is, less than half of their rows are live, or less than half of their bytes: a few long texts
//! may be most of a segment.
//!
//! Revisions of one base are merged among themselves, without their base, and more often: merging a
//! revised row costs only some ten nanoseconds, while each segment costs every request. Commits leave at
//! most one revision on each of two *levels*, of up to 256 and 8,192 rows. The rows that a commit
//! revises join the revision on the lower level, which is copied for them. Once it has no room for them, it
//! is merged into the next level. Large revisions are merged by jobs once the smaller ones add up to an
//! eighth of the next.
//! A base counts together with all its revisions, and is merged together with them. It is mostly dead by
//! the same rule, but the long texts of a revised row count as live, since the revision shares them.
//!
//! # Invariants
//!
//! * A commit merges at most its limit of rows, dead ones included: once for whole segments, and once
//!   for the revisions of each base.
//! * Jobs that are run one after the other come to an end: each leaves fewer segments, or
//!   as many with fewer dead rows.
//! * Where a base is merged, so are all of its revisions.
//! * When no job is due, at least half of each large segment is live. After a commit the same is true of
//!   small segments, unless they have more rows than the commit may merge.
//!
//! # Cost
//!
//! Commits rewrite a ticket at most once for each power of [`GROWTH`] below the rows that a commit may
//! merge, and once more: eight times for 4 and 16,384. Jobs rewrite it once for each power of it between
//! those rows and all tickets. A removed or replaced ticket causes at most three rows more to be
//! rewritten, and its long texts three times their bytes. Commits of equal size leave at most three
//! small segments for each power, 21 in all; the worst choice of sizes, where each is a third of all
//! smaller ones, leaves 34. A base has at most two small revisions and, after jobs, one for each power
//! of eight above 8,192 rows. Commits merge a revised row about thirty times, and copy it with each of up
//! to 256 rows that are revised after it.

use std::sync::Arc;

use crate::segment::{ROWS_MAX, Segment};
use crate::snapshot::LiveSegment;

/// The rows that one commit may merge.
pub(super) const COMMIT_ROWS_MAX: u32 = 16_384;

/// The least size of a merge, as a multiple of the greatest of its segments.
const GROWTH: u64 = 4;

/// The most rows of a revision on each level: the rows that a commit may merge, divided by this.
const LEVEL_SHARES: [u32; 2] = [64, 2];

/// The most rows of a revision on the lowest level, which is copied with each commit.
const LOWEST_ROWS_MAX: u32 = 256;

/// A large revision is merged with the smaller ones once these have one row for this many of its rows.
const REVISED_SHARE: u64 = 8;

/// About how many bytes a row takes beside its long texts: a few for each field, and words and postings.
const ROW_BYTES: u64 = 256;

/// A segment that may be merged, or a base together with its revisions.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The index of the segment, or of the base, in the snapshot.
    index: usize,
    /// The number of live rows.
    live: u64,
    /// The number of all rows.
    rows: u64,
    /// The room that its long words take, of which a segment has [`Segment::WORD_STRETCHES_MAX`].
    word_stretches: u64,
    is_mostly_dead: bool,
}

/// Returns about how many bytes rows take, given those of their long texts.
fn bytes(rows_count: u64, text_bytes: u64) -> u64 {
    rows_count * ROW_BYTES + text_bytes
}

/// Returns whether less than half of a segment is live, by its rows or by their bytes; `revised_count`
/// dead rows count as live by their bytes, since revisions share them.
fn is_mostly_dead(live: &LiveSegment, revised_count: u64) -> bool {
    let live_count = u64::from(live.live_count());
    let rows_count = u64::from(live.segment.rows_count());
    let live_bytes = bytes(live_count + revised_count, live.live_text_bytes());
    live_count * 2 < rows_count || live_bytes * 2 < bytes(rows_count, live.segment.text_bytes())
}

/// Returns whether a segment of a number of rows is merged by jobs.
pub(super) fn is_large(rows_count: u32, rows_max: u32) -> bool {
    rows_count > rows_max / 2
}

/// Returns whether a segment is merged by jobs: a large one, and one that others revise.
fn is_of_jobs(segments: &[LiveSegment], live: &LiveSegment, rows_max: u32) -> bool {
    let is_revised = || segments.iter().any(|other| other.revises(&live.segment));
    is_large(live.segment.rows_count(), rows_max) || is_revised()
}

/// Returns none, which stands for segments that revise nothing, and then each segment that others revise.
pub(super) fn bases(segments: &[LiveSegment]) -> Vec<Option<Arc<Segment>>> {
    let mut bases: Vec<Option<Arc<Segment>>> = vec![None];
    for base in segments
        .iter()
        .filter_map(|live| Some(live.segment.revision()?.base()))
    {
        let is_base =
            |own: &Option<Arc<Segment>>| own.as_ref().is_some_and(|own| Arc::ptr_eq(own, base));
        if !bases.iter().any(is_base) {
            bases.push(Some(Arc::clone(base)));
        }
    }
    bases
}

/// Returns whether a segment is a revision of a base, or of nothing where there is none.
fn is_of(live: &LiveSegment, base: Option<&Arc<Segment>>) -> bool {
    match base {
        Some(base) => live.revises(base),
        None => live.segment.revision().is_none(),
    }
}

/// Returns the segments of a kind, the smallest first.
fn candidates(segments: &[LiveSegment], is_kind: impl Fn(&LiveSegment) -> bool) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = segments
        .iter()
        .enumerate()
        .filter(|(_, live)| is_kind(live))
        .map(|(index, live)| Candidate {
            index,
            live: live.live_count().into(),
            rows: live.segment.rows_count().into(),
            word_stretches: live.segment.word_stretches(),
            is_mostly_dead: is_mostly_dead(live, 0),
        })
        .collect();
    candidates.sort_unstable_by_key(|candidate| candidate.live);
    candidates
}

/// Returns the segments of a kind that revise nothing, each counted together with its revisions; the
/// smallest first.
fn families(segments: &[LiveSegment], is_kind: impl Fn(&LiveSegment) -> bool) -> Vec<Candidate> {
    let mut families = candidates(segments, |live| is_of(live, None) && is_kind(live));
    for family in &mut families {
        let base = &segments[family.index];
        let base_live = family.live;
        for revision in segments.iter().filter(|live| live.revises(&base.segment)) {
            family.live += u64::from(revision.live_count());
            family.rows += u64::from(revision.segment.rows_count());
        }
        family.is_mostly_dead = is_mostly_dead(base, family.live - base_live);
    }
    families.sort_unstable_by_key(|family| family.live);
    families
}

/// Returns as many of the smallest candidates as fit into one segment.
fn fitting(candidates: &[Candidate]) -> &[Candidate] {
    let (mut live, mut word_stretches) = (0, 0);
    let are_fitting = candidates.iter().take_while(|candidate| {
        live += candidate.live;
        word_stretches += candidate.word_stretches;
        live <= u64::from(ROWS_MAX) && word_stretches <= Segment::WORD_STRETCHES_MAX
    });
    &candidates[..are_fitting.count()]
}

/// Returns the length of the longest run of the smallest candidates whose sum is at least [`GROWTH`]
/// times the greatest of them; 0 if there is none.
fn growing_count(candidates: &[Candidate]) -> usize {
    let (mut total, mut count) = (0, 0);
    for (at, candidate) in fitting(candidates).iter().enumerate() {
        total += candidate.live;
        if at > 0 && total >= candidate.live * GROWTH {
            count = at + 1;
        }
    }
    count
}

/// Returns the level of a revision with a number of rows.
fn level(rows: u64, rows_max: u32) -> usize {
    let [lowest, next] = LEVEL_SHARES.map(|share| (rows_max / share).max(1));
    let levels = [lowest.min(LOWEST_ROWS_MAX), next];
    let found = levels.iter().position(|&most| rows <= u64::from(most));
    found.unwrap_or(levels.len())
}

/// Returns the index of a revision of a base that stays on the lowest level with `rows_count` rows more.
pub(super) fn choose_lowest(
    segments: &[LiveSegment],
    base: &Arc<Segment>,
    rows_count: usize,
    rows_max: u32,
) -> Option<usize> {
    let is_lowest = |live: &LiveSegment| {
        let rows = u64::from(live.segment.rows_count()) + rows_count as u64;
        live.revises(base) && level(rows, rows_max) == 0
    };
    segments.iter().position(is_lowest)
}

/// Returns how many of the smallest revisions of a base must be merged so that each level has at most
/// one.
fn leveled_count(candidates: &[Candidate], rows_max: u32) -> usize {
    let level = |rows: u64| level(rows, rows_max);
    let (mut total, mut count) = (0, 0);
    for (at, candidate) in candidates.iter().enumerate() {
        if at > 0 && level(candidate.live) <= level(total) {
            total += candidate.live;
            count = at + 1;
        } else {
            total = candidate.live;
        }
    }
    count
}

/// Returns how many of the smallest large revisions of a base a job is to merge.
fn revised_count(candidates: &[Candidate]) -> usize {
    let (mut total, mut count) = (0, 0);
    for (at, candidate) in candidates.iter().enumerate() {
        if at > 0 && total * REVISED_SHARE >= candidate.live {
            count = at + 1;
        }
        total += candidate.live;
    }
    count
}

/// Returns the indexes of the first candidates, ascending.
fn indexes(candidates: &[Candidate], count: usize) -> Vec<usize> {
    let first = candidates[..count].iter();
    let mut indexes: Vec<usize> = first.map(|candidate| candidate.index).collect();
    indexes.sort_unstable();
    indexes
}

/// Returns the indexes of the first families and of all their revisions, ascending.
fn family_indexes(segments: &[LiveSegment], families: &[Candidate], count: usize) -> Vec<usize> {
    let bases = indexes(families, count);
    let is_inside = |index: &usize| {
        let live = &segments[*index];
        let revises = |&base: &usize| live.revises(&segments[base].segment);
        bases.binary_search(index).is_ok() || bases.iter().any(revises)
    };
    (0..segments.len()).filter(is_inside).collect()
}

/// Returns the indexes of the small revisions of a base that a commit is to merge, or without a base of
/// the small segments that revise nothing; ascending, and often none.
pub(super) fn choose_small(
    segments: &[LiveSegment],
    base: Option<&Arc<Segment>>,
    rows_max: u32,
) -> Vec<usize> {
    let is_small = |live: &LiveSegment| !is_of_jobs(segments, live, rows_max);
    let small = candidates(segments, |live| is_of(live, base) && is_small(live));
    let chosen = choose_of_small(&small, base.is_some(), rows_max);
    indexes(&chosen, chosen.len())
}

/// Returns those small candidates that a commit is to merge; they fit into one segment.
fn choose_of_small(small: &[Candidate], are_revisions: bool, rows_max: u32) -> Vec<Candidate> {
    let mut rows = 0;
    let is_within = |candidate: &&Candidate| {
        rows += candidate.rows;
        rows <= u64::from(rows_max)
    };
    let within = &small[..small.iter().take_while(is_within).count()];
    let own = fitting(within);
    // One alone would only be copied.
    if within.len() < small.len() && own.len() > 1 {
        return own.to_vec();
    }
    let count = if are_revisions {
        leveled_count(own, rows_max)
    } else {
        growing_count(own)
    };
    if count > 0 {
        return own[..count].to_vec();
    }
    let dead = within.iter().copied().filter(|it| it.is_mostly_dead);
    fitting(&dead.collect::<Vec<_>>()).to_vec()
}

/// Returns the indexes of the large segments that a job is to merge, ascending; often none.
pub(super) fn choose_large(segments: &[LiveSegment], rows_max: u32) -> Vec<usize> {
    let is_large = |live: &LiveSegment| is_of_jobs(segments, live, rows_max);
    let large = families(segments, is_large);
    let count = growing_count(&large);
    if count > 0 {
        return family_indexes(segments, &large, count);
    }
    if let Some(family) = large.iter().find(|it| it.is_mostly_dead) {
        return family_indexes(segments, &[*family], 1);
    }
    for base in bases(segments).iter().flatten() {
        let revisions = candidates(segments, |live| live.revises(base) && is_large(live));
        let count = revised_count(&revisions);
        if count > 0 {
            return indexes(&revisions, count);
        }
        if let Some(revision) = revisions.iter().find(|it| it.is_mostly_dead) {
            return indexes(&[*revision], 1);
        }
    }
    Vec::new()
}

/// Returns the indexes of as many segments as fit into one, ascending; none where there is one already
/// without dead rows.
pub(super) fn choose_all(segments: &[LiveSegment]) -> Vec<usize> {
    let all = families(segments, |_| true);
    match fitting(&all).len() {
        1 if all[0].live == all[0].rows => Vec::new(),
        count => family_indexes(segments, &all, count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS_MAX_OF_COMMIT: u32 = 16_384;

    fn candidate(index: usize, rows: u64, word_stretches: u64) -> Candidate {
        Candidate {
            index,
            live: rows,
            rows,
            word_stretches,
            is_mostly_dead: false,
        }
    }

    fn chosen(small: &[Candidate]) -> Vec<usize> {
        let chosen = choose_of_small(small, false, ROWS_MAX_OF_COMMIT);
        chosen.iter().map(|candidate| candidate.index).collect()
    }

    #[test]
    fn what_a_commit_merges_fits_into_one_segment() {
        let (third, half) = (
            Segment::WORD_STRETCHES_MAX / 3,
            Segment::WORD_STRETCHES_MAX / 2 + 1,
        );
        let three = |stretches: u64| [0, 1, 2].map(|index| candidate(index, 8_000, stretches));
        // By their rows two fit, and by their words as many, or one, which is left as it is.
        assert_eq!(chosen(&three(0)), [0, 1]);
        assert_eq!(chosen(&three(third)), [0, 1]);
        assert_eq!(chosen(&three(half)), [0; 0]);
        // Of five that grow by rows alone.
        let five = |stretches: u64| [0, 1, 2, 3, 4].map(|index| candidate(index, 100, stretches));
        assert_eq!(chosen(&five(0)), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(&five(third)), [0; 0]);
        // Those that are mostly dead.
        let dead = |stretches: u64| {
            [0, 1, 2].map(|index| Candidate {
                is_mostly_dead: true,
                ..candidate(index, 10 << (4 * index), stretches)
            })
        };
        assert_eq!(chosen(&dead(0)), [0, 1, 2]);
        assert_eq!(chosen(&dead(half)), [0]);
    }
}
