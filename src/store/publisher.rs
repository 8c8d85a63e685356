//! Where the next snapshot is made, checked against the memory budget, and published.
//!
//! A [`Publisher`] has the one pointer that readers load. Everything that the writer publishes goes
//! through two steps. [`prepare`](Publisher::prepare) drops empty segments, merges small ones and asks
//! the memory budget ([`prepare_again`](Publisher::prepare_again), for installed merges, only asks the
//! budget). [`Prepared::publish`] swaps the pointer and cannot fail. The journal commits between the two
//! and may fail: then the prepared snapshot is dropped, and the budget counts the published one again.
//! Until then it counts the larger of the two.

use std::sync::Arc;

use super::{Commit, Options, Reader, merge_live, tiers};
use crate::model::error::{Error, ErrorKind};
use crate::model::names::CustomNames;
use crate::model::sync::ArcSwap;
use crate::segment::{Budget, ROWS_MAX, RevisedRow, Segment, SegmentBuilder};
use crate::snapshot::{LiveSegment, Parts, Removal, Snapshot, drop_empty};

/// The pointer to the published snapshot, and what the writer needs to make the next.
#[derive(Debug)]
pub(super) struct Publisher {
    published: Arc<ArcSwap<Parts>>,
    budget: Arc<Budget>,
    commit_rows_max: u32,
    removals_max: usize,
}

/// A snapshot within the budget that nobody has seen yet.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    publisher: &'a Publisher,
    parts: Option<Parts>,
}

impl Publisher {
    pub(super) fn new(options: &Options) -> Publisher {
        Publisher {
            published: Arc::default(),
            budget: Budget::with_packing(options.memory_bytes_max, options.packed_from()),
            commit_rows_max: options.commit_rows_max,
            removals_max: options.removals_max,
        }
    }

    pub(super) fn reader(&self) -> Reader {
        Reader {
            published: Arc::clone(&self.published),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.reader().snapshot()
    }

    /// Returns the version and the number of tickets of the published snapshot.
    pub(super) fn current(&self) -> Commit {
        let snapshot = self.snapshot();
        Commit {
            version: snapshot.version(),
            tickets_count: snapshot.tickets_count(),
        }
    }

    /// Returns how many rows a commit may merge.
    pub(super) fn commit_rows_max(&self) -> u32 {
        self.commit_rows_max
    }

    /// Returns how many removals the log may hold.
    pub(super) fn removals_max(&self) -> usize {
        self.removals_max
    }

    /// Returns the budget of everything that is published here.
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Checks that a segment being built has room for more rows, and that the budget
    /// has room for the texts that it holds already.
    pub(super) fn check_room(
        &self,
        builder: &SegmentBuilder,
        rows_count: usize,
    ) -> Result<(), Error> {
        if builder.rows_count() + rows_count > ROWS_MAX as usize {
            let rows_max = ROWS_MAX.into();
            return Err(ErrorKind::TooManyTickets { rows_max }.into());
        }
        if self.budget.is_unlimited() {
            return Ok(());
        }
        let bytes = builder.texts_bytes(self.budget.packed_bytes_min());
        if bytes > self.budget.bytes_max() {
            return Err(self.too_much(bytes));
        }
        Ok(())
    }

    /// Seals a segment, unless it has no rows.
    pub(super) fn seal(&self, builder: SegmentBuilder) -> Option<LiveSegment> {
        (builder.rows_count() > 0).then(|| LiveSegment::new(builder.seal(&self.budget)))
    }

    /// Returns whether a patch may revise rows of a segment instead of putting whole tickets.
    ///
    /// Rows of a small segment may not be revised: a commit may merge it without its revisions. With a
    /// memory limit no row may be revised: readers would make columns that the budget has not counted.
    pub(super) fn may_revise(&self, segment: &Segment) -> bool {
        let is_large = tiers::is_large(segment.rows_count(), self.commit_rows_max);
        self.budget.is_unlimited() && (segment.revision().is_some() || is_large)
    }

    /// Adds a segment of the rows of a base that a commit revises, given in ascending order. Where the
    /// base has a revision on the lowest level with room for them, the new segment replaces it and has
    /// its rows too.
    pub(super) fn revise(
        &self,
        segments: &mut Vec<LiveSegment>,
        base: &Arc<Segment>,
        rows: &[RevisedRow],
        version: u64,
    ) {
        let lowest = tiers::choose_lowest(segments, base, rows.len(), self.commit_rows_max);
        let with_rows = lowest.and_then(|at| {
            let live = segments.remove(at);
            live.segment.with_revised(&live.dead, rows, version)
        });
        let revised =
            with_rows.unwrap_or_else(|| Segment::of_revised(base, rows, version, &self.budget));
        segments.push(LiveSegment::new(revised));
    }

    /// Returns the parts of the snapshot that a commit makes after another; `removed` are the tids that
    /// the commit removes, ascending.
    pub(super) fn next(
        &self,
        snapshot: &Snapshot,
        segments: Vec<LiveSegment>,
        names: Arc<CustomNames>,
        removed: impl Iterator<Item = u64>,
    ) -> Parts {
        let version = snapshot.next_version();
        let mut removals = snapshot.parts().removals.clone();
        for tid in removed {
            removals.push(Removal { tid, version });
        }
        removals.shorten(self.removals_max);
        Parts {
            store: snapshot.parts().store.clone(),
            version,
            segments,
            names,
            removals,
        }
    }

    /// Makes a snapshot of parts, with small segments merged.
    pub(super) fn prepare(&self, mut parts: Parts) -> Result<Prepared<'_>, Error> {
        let segments = &mut parts.segments;
        drop_empty(segments);
        for base in tiers::bases(segments) {
            let indexes = tiers::choose_small(segments, base.as_ref(), self.commit_rows_max);
            if !indexes.is_empty() {
                let inputs = indexes.iter().rev().map(|&at| segments.swap_remove(at));
                let inputs: Vec<LiveSegment> = inputs.collect();
                segments.push(LiveSegment::new(merge_live(&inputs, &self.budget)));
            }
        }
        self.admit(parts)
    }

    /// Prepares the published snapshot again, with other segments of the same tickets.
    pub(super) fn prepare_again(&self, segments: Vec<LiveSegment>) -> Result<Prepared<'_>, Error> {
        let snapshot = self.snapshot();
        self.admit(Parts {
            store: snapshot.parts().store.clone(),
            version: snapshot.version(),
            segments,
            names: Arc::clone(&snapshot.parts().names),
            removals: snapshot.parts().removals.clone(),
        })
    }

    /// Asks the budget for room for a snapshot. What readers keep serves speed only, so it is dropped
    /// where that makes enough room.
    fn admit(&self, parts: Parts) -> Result<Prepared<'_>, Error> {
        while let Err(bytes) = self.budget.admit(|| parts.bytes()) {
            let kept_bytes = parts.kept_bytes();
            // A further round follows only where a reader has kept something again in between.
            if kept_bytes == 0 || bytes - kept_bytes.min(bytes) > self.budget.bytes_max() {
                self.settle();
                return Err(self.too_much(bytes));
            }
            parts.drop_kept();
        }
        Ok(Prepared {
            publisher: self,
            parts: Some(parts),
        })
    }

    /// Sets the budget's count to the bytes of the published snapshot.
    fn settle(&self) {
        let published = self.snapshot();
        self.budget.settle(|| published.parts().bytes());
    }

    fn too_much(&self, bytes: usize) -> Error {
        ErrorKind::TooMuchMemory {
            bytes: bytes as u64,
            bytes_max: self.budget.bytes_max() as u64,
        }
        .into()
    }
}

impl Prepared<'_> {
    /// Makes the snapshot the one that readers take.
    pub(super) fn publish(mut self) -> Commit {
        if let Some(parts) = self.parts.take() {
            // Updates what readers keep about dead rows, so that the first reader need not.
            for live in &parts.segments {
                live.segment.carry_dead(&live.dead);
            }
            self.publisher.published.store(Arc::new(parts));
            // Until this call the budget also covered the snapshot that was published before.
            self.publisher.settle();
        }
        self.publisher.current()
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if self.parts.is_some() {
            self.publisher.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ticket;

    #[test]
    fn a_segment_that_is_built_has_its_limits() {
        let mut builder = SegmentBuilder::new();
        let ticket = Ticket {
            tid: 1,
            summary: "a summary".into(),
            ..Ticket::default()
        };
        builder.insert(&[ticket], &CustomNames::default());
        let bytes = builder.texts_bytes(usize::MAX);
        assert!(bytes > 0);
        for (bytes_max, has_room) in [(bytes - 1, false), (bytes, true), (bytes + 1, true)] {
            let publisher = Publisher::new(&Options::default().memory_bytes_max(bytes_max));
            let outcome = publisher.check_room(&builder, 1);
            assert_eq!(outcome.is_ok(), has_room, "{bytes_max} bytes");
        }
        let publisher = Publisher::new(&Options::default());
        let rows_max = ROWS_MAX as usize;
        for (rows_count, has_room) in [
            (rows_max - 2, true),
            (rows_max - 1, true),
            (rows_max, false),
        ] {
            let outcome = publisher.check_room(&builder, rows_count);
            let code = outcome.map_err(|error| error.code());
            let expected = if has_room {
                Ok(())
            } else {
                Err("too_many_tickets")
            };
            assert_eq!(code, expected, "{rows_count} rows");
        }
    }
}
