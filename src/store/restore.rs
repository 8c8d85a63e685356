//! A store that is made of an image: segments that were read from files, and what has changed since.
//!
//! The module `durable` reads the image and the changes; only the store may publish them.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use super::Store;
use super::replay::Replay;
use super::written::bury;
use crate::journal::{Change, Journal};
use crate::model::error::Error;
use crate::segment::Budget;
use crate::snapshot::{Parts, Snapshot};

impl Store {
    /// Returns the memory budget that segments of the store are to be read with.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        self.publisher.budget()
    }

    /// Publishes the parts of an image together with what has changed since. `replay` hands that over as
    /// a journal does: the commits since the image, and each changed ticket in its present state.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    ///
    /// # Cost
    ///
    /// That of a commit of the changed tickets.
    pub(crate) fn restore(
        &mut self,
        base: Parts,
        threads: usize,
        replay: impl FnOnce(&mut dyn FnMut(Change<'_>) -> Result<(), Error>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut since = Replay::onto(&self.publisher, threads, &base);
        let mut tids = Vec::new();
        replay(&mut |change| {
            match change {
                Change::Put(tickets) => tids.extend(tickets.iter().map(|ticket| ticket.tid)),
                Change::Remove(tid) => tids.push(tid),
                _ => {}
            }
            since.take(change)
        })?;
        tids.sort_unstable();
        tids.dedup();
        let since = since.finish();
        let removals_max = self.publisher.removals_max();
        let mut removals = base.removals.clone();
        since.removals.all().for_each(|it| removals.push(it));
        removals.forget(since.removals.forgotten());
        removals.shorten(removals_max);
        let base = Snapshot::new(Arc::new(base));
        let mut segments = base.segments().to_vec();
        bury(&mut segments, tids.iter().filter_map(|&tid| base.find(tid)));
        segments.extend(since.segments);
        let parts = Parts {
            store: since.store,
            version: since.version.max(base.version()),
            segments,
            names: since.names,
            removals,
        };
        self.publisher.prepare(parts)?.publish();
        Ok(())
    }

    /// Gives the store the journal to commit to, which must hold the same tickets.
    pub(crate) fn attach(&mut self, journal: impl Journal + 'static) {
        self.journal = Some(Mutex::new(Box::new(journal)));
    }

    /// Returns the part of the journal that has a given type ([`Journal::part`]).
    pub(crate) fn journal_part<T: Any + Clone>(&self) -> Option<T> {
        let journal = self.journal.as_ref()?.lock();
        let journal = journal.unwrap_or_else(PoisonError::into_inner);
        journal.part()?.downcast_ref().cloned()
    }
}
