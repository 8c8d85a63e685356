//! A merge that waits for its caller: taken from a store, run anywhere, installed.

use std::sync::Arc;

use crate::segment::Segment;
use crate::segment::budget::Budget;
use crate::segment::merge::merge;
use crate::segment::tombstones::Tombstones;
use crate::snapshot::{LiveSegment, Snapshot};

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
#[derive(Debug)]
pub struct MergeJob {
    inputs: Vec<LiveSegment>,
    budget: Arc<Budget>,
}

/// What a [`MergeJob`] made, for [`Store::install`](crate::Store::install).
#[derive(Debug)]
pub struct Merged {
    /// As they were when the job was taken.
    inputs: Vec<LiveSegment>,
    segment: Arc<Segment>,
}

impl MergeJob {
    pub(super) fn new(inputs: Vec<LiveSegment>, budget: &Arc<Budget>) -> MergeJob {
        MergeJob {
            inputs,
            budget: Arc::clone(budget),
        }
    }

    /// Returns how many tickets the merge takes over.
    ///
    /// Its time is nearly in proportion.
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
    /// Returns the segments of a snapshot with this one in the place of its inputs.
    ///
    /// Rows that died since the job was taken are dead here too. None where an input is
    /// no longer in the snapshot: then its rows are elsewhere, or nowhere.
    pub(super) fn put_into(self, snapshot: &Snapshot) -> Option<Vec<LiveSegment>> {
        let mut segments = snapshot.segments().to_vec();
        let mut dead = Tombstones::default();
        for input in &self.inputs {
            let is_input = |live: &LiveSegment| Arc::ptr_eq(&live.segment, &input.segment);
            let now = segments.swap_remove(segments.iter().position(is_input)?);
            // Rows only die, so what differs has died meanwhile.
            now.dead.for_each_difference(&input.dead, u32::MAX, |row| {
                if let Some(moved) = self.segment.row_of(input.segment.tid(row)) {
                    dead.insert(moved);
                }
            });
        }
        let merged = LiveSegment {
            segment: self.segment,
            dead: Arc::new(dead),
        };
        segments.extend((merged.live_count() > 0).then_some(merged));
        Some(segments)
    }
}

/// Merges the live rows of segments.
pub(super) fn merge_live(inputs: &[LiveSegment], budget: &Arc<Budget>) -> Arc<Segment> {
    let sources: Vec<_> = inputs.iter().map(|it| (&*it.segment, &*it.dead)).collect();
    Arc::new(merge(&sources, budget))
}
