//! A large merge as a job of the caller's: taken from a store, run on any thread, installed.
//!
//! A job holds the segments as they were when it was taken. Installing its result must therefore bring in
//! what commits did to them since: rows that died, and revisions of rows.

use std::fmt;
use std::sync::Arc;

use crate::segment::{Budget, Segment};
use crate::snapshot::{LiveSegment, Snapshot, drop_empty};

/// A merge of segments that is too large for a commit to do.
///
/// Owns what it needs and knows nothing of its store, so it can be run on another thread
/// while the store goes on. A job that is dropped changes nothing; the store offers it
/// again.
///
/// # Examples
///
/// ```
/// use ticketdex::{Options, Store};
///
/// let mut store = Store::new(Options::default());
/// while let Some(job) = store.merge_job() {
///     let merged = std::thread::spawn(|| job.run()).join().unwrap();
///     store.install(merged);
/// }
/// ```
pub struct MergeJob {
    inputs: Vec<LiveSegment>,
    budget: Arc<Budget>,
}

impl fmt::Debug for MergeJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeJob")
            .field("segments_count", &self.inputs.len())
            .field("tickets_count", &self.tickets_count())
            .finish_non_exhaustive()
    }
}

/// The result of a [`MergeJob`], for [`Store::install`](crate::Store::install).
pub struct Merged {
    /// The merged segments, as they were when the job was taken.
    inputs: Vec<LiveSegment>,
    segment: Arc<Segment>,
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged")
            .field("segments_count", &self.inputs.len())
            .field("rows_count", &self.segment.rows_count())
            .finish_non_exhaustive()
    }
}

impl MergeJob {
    pub(super) fn new(inputs: Vec<LiveSegment>, budget: &Arc<Budget>) -> MergeJob {
        MergeJob {
            inputs,
            budget: Arc::clone(budget),
        }
    }

    /// Returns how many tickets the merge copies; its time is nearly in proportion.
    pub fn tickets_count(&self) -> u64 {
        let live_counts = self.inputs.iter().map(LiveSegment::live_count);
        live_counts.map(u64::from).sum()
    }

    /// Does the work, on the calling thread.
    ///
    /// Cost: see [`Store::merge_job`](crate::Store::merge_job).
    pub fn run(self) -> Merged {
        let segment = merge_live(&self.inputs, &self.budget);
        Merged {
            inputs: self.inputs,
            segment,
        }
    }
}

impl Merged {
    /// Returns the segments of a snapshot with the result in place of the job's inputs.
    ///
    /// Rows that died since the job was taken are marked dead in the result. Where a base was merged,
    /// commits may have revised more of its rows since; such revisions become revisions of the result.
    /// None where an input is missing from the snapshot and no newer revision has taken its place:
    /// then the result is of no use, since the rows of that input are in other segments or gone.
    pub(super) fn put_into(self, snapshot: &Snapshot) -> Option<Vec<LiveSegment>> {
        let mut segments = snapshot.segments().to_vec();
        let mut merged = LiveSegment::new(Arc::clone(&self.segment));
        let mut bury = |input: &LiveSegment, row: u32| {
            if let Some(moved) = self.segment.row_of(input.segment.tid(row)) {
                merged.mark_dead(moved);
            }
        };
        for input in &self.inputs {
            let is_input = |live: &LiveSegment| Arc::ptr_eq(&live.segment, &input.segment);
            match segments.iter().position(is_input) {
                Some(at) => {
                    let now = segments.swap_remove(at);
                    // Rows never come to life again, so the rows that differ have died since.
                    now.dead
                        .for_each_difference(&input.dead, u32::MAX, |row| bury(input, row));
                }
                // A newer revision of the same base has taken over its live rows.
                None if self.has_base_of(input) => {
                    let rows = 0..input.segment.rows_count();
                    rows.filter(|&row| !input.dead.contains(row))
                        .for_each(|row| bury(input, row));
                }
                None => return None,
            }
        }
        for live in &mut segments {
            if self.has_base_of(live) {
                *live = self.rebase(live);
            }
        }
        self.count_texts(&mut merged, &segments);
        segments.push(merged);
        drop_empty(&mut segments);
        Some(segments)
    }

    /// Counts the long texts of the rows that have died since the job was taken, except for rows that a
    /// revision still shares.
    fn count_texts(&self, merged: &mut LiveSegment, segments: &[LiveSegment]) {
        if self.segment.revision().is_some() {
            // The texts belong to the base, and the commits have counted them there.
            return;
        }
        let mut gone = (*merged.dead).clone();
        let revisions = segments.iter().filter(|live| live.revises(&self.segment));
        for revision in revisions.filter_map(|live| live.segment.revision()) {
            revision.rows().iter().for_each(|&row| gone.toggle(row));
        }
        let mut rows = Vec::with_capacity(gone.count() as usize);
        gone.for_each(|row| rows.push(row));
        merged.bury_texts(rows.into_iter());
    }

    /// Returns whether a segment revises one of the inputs.
    fn has_base_of(&self, live: &LiveSegment) -> bool {
        self.inputs.iter().any(|input| live.revises(&input.segment))
    }

    /// Turns the revision of a merged base into a revision of the result.
    fn rebase(&self, live: &LiveSegment) -> LiveSegment {
        let Some(revision) = live.segment.revision() else {
            return live.clone();
        };
        let revision = revision.rebase(&live.dead, &self.segment);
        LiveSegment::new(Segment::of_revision(revision, live.segment.budget()))
    }
}

/// Merges the live rows of segments. Revisions of one base become one revision of it; otherwise the
/// result is a whole segment, and the inputs must include the base of each revision.
pub(super) fn merge_live(inputs: &[LiveSegment], budget: &Arc<Budget>) -> Arc<Segment> {
    let sources: Vec<_> = inputs.iter().map(|it| (&*it.segment, &*it.dead)).collect();
    let merged = Segment::of_revisions(&sources, budget);
    Arc::new(merged.unwrap_or_else(|| Segment::merge(&sources, budget)))
}
