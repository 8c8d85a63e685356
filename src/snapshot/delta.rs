//! Which tickets were written or removed between two snapshots of a store.
//!
//! A segment that both snapshots have holds nothing that was written between them, so only the others
//! are looked at, and of these the rows with a number above the older snapshot's; zones pass over
//! blocks without any. What merges moved bears the number that it bore, so merges do not show. What is
//! gone is told by the log of removals, and where that does not reach back by a look at what the older
//! snapshot holds: both are in memory, so there is never a gap.
//!
//! # Invariants
//!
//! * A ticket that is not touched is live in both snapshots with the same values, or in neither.
//! * Touched tickets ascend by tid, without duplicates.
//!
//! # Cost
//!
//! For each ticket touched a look-up in both snapshots; for each large segment that merges made between
//! them, a look at the zone of each block and at the numbers of the blocks that were touched. Where the
//! log does not reach back, also a look-up for each ticket of the older snapshot's segments that the
//! newer one has no more.

use std::sync::Arc;

use super::{LiveSegment, RowId, Snapshot};
use crate::model::error::{Error, ErrorKind};

/// A ticket that was put, patched or removed between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) tid: u64,
    /// Where it is in the older snapshot, if it is there.
    pub(crate) before: Option<RowId>,
    /// Where it is in the newer one; none only where it is there before.
    pub(crate) after: Option<RowId>,
}

impl LiveSegment {
    /// Calls `each` with the live rows that commits after one put or patched.
    fn for_each_written(&self, version: u64, mut each: impl FnMut(u32)) {
        self.segment.for_each_written(version, |row| {
            if !self.dead.contains(row) {
                each(row);
            }
        });
    }

    /// Calls `each` with the live rows that a later snapshot of the store may not have any more,
    /// given the same segment there, if it is there.
    fn for_each_doubtful(&self, later: Option<&LiveSegment>, mut each: impl FnMut(u32)) {
        if let Some(later) = later {
            later.dead.for_each_difference(&self.dead, u32::MAX, each);
        } else {
            let rows = 0..self.segment.rows_count();
            let live = rows.filter(|&row| !self.dead.contains(row));
            live.for_each(&mut each);
        }
    }
}

impl Snapshot {
    /// Returns the tickets that were put, patched or removed since an older snapshot of the store,
    /// ascending.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OtherStore`] where the snapshots are of different stores, and
    /// [`ErrorKind::VersionTooNew`] where the one that is given is newer.
    pub(crate) fn touched_since(&self, older: &Snapshot) -> Result<Vec<Touched>, Error> {
        if !self.0.store.is_of(&older.0.store) {
            return Err(ErrorKind::OtherStore {
                older: older.version(),
                newer: self.version(),
            }
            .into());
        }
        if older.version() > self.version() {
            return Err(ErrorKind::VersionTooNew {
                version: older.version(),
                newest: self.version(),
            }
            .into());
        }
        if older.version() == self.version() {
            return Ok(Vec::new());
        }
        let mut touched = self.written_since(older);
        let gone = self.gone_since(older).into_iter();
        touched.extend(gone.map(|(tid, before)| Touched {
            tid,
            before: Some(before),
            after: None,
        }));
        touched.sort_unstable_by_key(|it| it.tid);
        Ok(touched)
    }

    /// Returns the tickets that are here and were put or patched since.
    fn written_since(&self, older: &Snapshot) -> Vec<Touched> {
        let mut written = Vec::new();
        for (segment, live) in (0..).zip(self.segments()) {
            if older.counterpart(live).is_some() {
                continue;
            }
            live.for_each_written(older.version(), |row| {
                let tid = live.segment.tid(row);
                written.push(Touched {
                    tid,
                    before: older.find(tid),
                    after: Some(RowId { segment, row }),
                });
            });
        }
        written
    }

    /// Returns the tickets that an older snapshot has and this one does not, with where they are there.
    fn gone_since(&self, older: &Snapshot) -> Vec<(u64, RowId)> {
        let mut gone: Vec<(u64, RowId)> = Vec::new();
        if let Ok(removed) = self.removed_since(older.version()) {
            let rows = removed.filter_map(|it| Some((it.tid, older.find(it.tid)?)));
            gone.extend(rows.filter(|(tid, _)| self.find(*tid).is_none()));
        } else {
            for (segment, live) in (0..).zip(older.segments()) {
                live.for_each_doubtful(self.counterpart(live), |row| {
                    let tid = live.segment.tid(row);
                    if self.find(tid).is_none() {
                        gone.push((tid, RowId { segment, row }));
                    }
                });
            }
        }
        // One that was removed, put and removed again is in the log twice.
        gone.sort_unstable_by_key(|(tid, _)| *tid);
        gone.dedup_by_key(|(tid, _)| *tid);
        gone
    }

    /// Returns the same segment as another snapshot's, with the marks that it has here.
    fn counterpart(&self, live: &LiveSegment) -> Option<&LiveSegment> {
        let mut own = self.segments().iter();
        own.find(|own| Arc::ptr_eq(&own.segment, &live.segment))
    }
}
