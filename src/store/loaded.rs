//! What a load leaves of the tickets that were there before it.

use super::written::bury;
use crate::snapshot::{LiveSegment, Snapshot};

/// Returns the segments of a snapshot with the tickets that a load replaces marked dead; where it
/// keeps no others, none, and the tickets that go and do not come again, ascending.
pub(super) fn what_is_left(
    snapshot: &Snapshot,
    loaded: &[u64],
    keeps_others: bool,
) -> (Vec<LiveSegment>, Vec<u64>) {
    if snapshot.segments().is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut tids = loaded.to_vec();
    tids.sort_unstable();
    tids.dedup();
    if !keeps_others {
        return (Vec::new(), tids_without(snapshot, &tids));
    }
    let mut segments = snapshot.segments().to_vec();
    let live = tids.into_iter().filter_map(|tid| snapshot.find(tid));
    bury(&mut segments, live);
    (segments, Vec::new())
}

/// Returns the tickets of a snapshot that are not among some, which ascend; ascending too.
///
/// Cost: a step a ticket, and a sort where there are several segments.
fn tids_without(snapshot: &Snapshot, others: &[u64]) -> Vec<u64> {
    let mut left = Vec::new();
    for live in snapshot.segments() {
        let mut others = others.iter().copied().peekable();
        let rows = 0..live.segment.rows_count();
        for row in rows.filter(|&row| !live.dead.contains(row)) {
            let tid = live.segment.tid(row);
            while others.next_if(|&other| other < tid).is_some() {}
            if others.peek() != Some(&tid) {
                left.push(tid);
            }
        }
    }
    left.sort_unstable();
    left
}
