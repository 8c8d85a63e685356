//! The replay of a journal: its changes become the first snapshot of a store.
//!
//! The changes may come in any order of commits, since a journal may keep the resulting tickets rather
//! than the changes themselves. The tickets become one segment, and the removals are sorted into the log.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;

use super::publisher::Publisher;
use crate::journal::Change;
use crate::model::Ticket;
use crate::model::error::Error;
use crate::model::names::CustomNames;
use crate::segment::SegmentBuilder;
use crate::snapshot::{Parts, Removal, Removals};

/// The changes of a journal so far.
pub(super) struct Replay<'a> {
    publisher: &'a Publisher,
    threads: usize,
    names: CustomNames,
    builder: SegmentBuilder,
    /// Tickets that were removed after the first put, and not put again since.
    removed: BTreeSet<u64>,
    removals: Vec<Removal>,
    /// The last commit whose removals are forgotten.
    forgotten: u64,
    /// The number of the commit that the next change belongs to; 0 before the first.
    number: u64,
    /// The greatest number so far.
    last: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn new(publisher: &'a Publisher, threads: usize) -> Replay<'a> {
        Replay {
            publisher,
            threads,
            names: CustomNames::default(),
            builder: SegmentBuilder::with_threads(threads),
            removed: BTreeSet::new(),
            removals: Vec::new(),
            forgotten: 0,
            number: 0,
            last: 0,
        }
    }

    /// Begins a replay of what came after a snapshot, with its custom names.
    #[cfg(feature = "durable")]
    pub(super) fn onto(publisher: &'a Publisher, threads: usize, base: &Parts) -> Replay<'a> {
        Replay {
            names: (*base.names).clone(),
            ..Replay::new(publisher, threads)
        }
    }

    /// Applies a change.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`](super::Store::open) that a change may cause.
    pub(super) fn take(&mut self, change: Change<'_>) -> Result<(), Error> {
        match change {
            Change::Commit(number) => self.enter_commit(number),
            Change::Name(name) => self.names.enter(None, [name])?,
            Change::Put(tickets) => self.put(tickets)?,
            Change::Remove(tid) => {
                self.enter_first_commit();
                let version = self.number;
                self.removals.push(Removal { tid, version });
                // Before the first ticket, a removal only goes into the log.
                if self.builder.rows_count() > 0 {
                    self.removed.insert(tid);
                }
            }
            Change::RemoveAll => {
                self.builder = SegmentBuilder::with_threads(self.threads);
                self.builder.enter_commit(self.number);
            }
            Change::Forget(number) => {
                self.forgotten = self.forgotten.max(number);
                self.last = self.last.max(number);
            }
        }
        Ok(())
    }

    fn enter_commit(&mut self, number: u64) {
        self.number = number;
        self.last = self.last.max(number);
        self.builder.enter_commit(number);
    }

    /// Numbers the commit 1 where a journal has given no number.
    fn enter_first_commit(&mut self) {
        if self.number == 0 {
            self.enter_commit(1);
        }
    }

    fn put(&mut self, tickets: &[Ticket]) -> Result<(), Error> {
        self.enter_first_commit();
        for ticket in tickets {
            ticket.check()?;
            let held = ticket.custom_fields.iter().map(|(name, _)| name.as_str());
            self.names.enter(Some(ticket.tid), held)?;
            self.removed.remove(&ticket.tid);
        }
        self.publisher.check_room(&self.builder, tickets.len())?;
        self.builder.insert(tickets, &self.names);
        Ok(())
    }

    /// Makes the snapshot that all changes result in.
    pub(super) fn finish(mut self) -> Parts {
        let mut sealed = self.publisher.seal(self.builder);
        if let Some(live) = &mut sealed {
            let rows = self.removed.iter();
            let rows = rows.filter_map(|&tid| live.segment.row_of(tid));
            for row in rows.collect::<Vec<u32>>() {
                live.mark_dead(row);
                live.bury_texts(iter::once(row));
            }
        }
        let mut removals = Removals::default();
        removals.forget(self.forgotten);
        self.removals
            .sort_unstable_by_key(|it| (it.version, it.tid));
        self.removals.dedup();
        let told = self
            .removals
            .iter()
            .filter(|it| it.version > self.forgotten);
        told.for_each(|&removal| removals.push(removal));
        removals.shorten(self.publisher.removals_max());
        Parts {
            store: self.publisher.snapshot().parts().store.clone(),
            version: self.last,
            segments: sealed.into_iter().collect(),
            names: Arc::new(self.names),
            removals,
        }
    }
}
