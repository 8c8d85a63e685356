//! The net effect of batches on each ticket, before anything is built or written.
//!
//! The lines of a batch apply in order, and later lines see what earlier ones did; for each ticket one
//! [`TicketChange`] is left. Where a patch changes no searchable text and the publisher may revise the
//! ticket's row, that is the row and its new values. Any other patch becomes the whole ticket that
//! results from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::publisher::Publisher;
use crate::model::Ticket;
use crate::model::batch::{Batch, BatchChange, Patch};
use crate::model::error::{Error, ErrorKind};
use crate::model::names::CustomNames;
use crate::segment::{NewValue, RevisedRow, Segment, is_revisable};
use crate::snapshot::{LiveSegment, RowId, Snapshot};

/// The change of one ticket.
#[derive(Debug)]
pub(super) enum TicketChange {
    Put(Box<Ticket>),
    Revise(Revised),
    Remove,
}

/// A live row, and the new values of its ticket.
#[derive(Debug)]
pub(super) struct Revised {
    id: RowId,
    /// A row of the segment, or of the base that the segment revises.
    row: RevisedRow,
}

/// The changes of one or several batches to a snapshot.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    snapshot: &'a Snapshot,
    publisher: &'a Publisher,
    pub(super) names: Arc<CustomNames>,
    by_tid: BTreeMap<u64, TicketChange>,
}

impl<'a> Changes<'a> {
    /// Makes an empty set of changes to a snapshot.
    pub(super) fn none(snapshot: &'a Snapshot, publisher: &'a Publisher) -> Changes<'a> {
        Changes {
            snapshot,
            publisher,
            names: Arc::clone(&snapshot.parts().names),
            by_tid: BTreeMap::new(),
        }
    }

    /// Makes the changes that a batch makes to a snapshot.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](super::Store::commit) that a ticket or a patch may cause.
    pub(super) fn of(
        batch: Batch,
        snapshot: &'a Snapshot,
        publisher: &'a Publisher,
    ) -> Result<Changes<'a>, Error> {
        // An error drops all of them, so what a line replaces need not be kept as it is by `add`.
        let mut changes = Changes::none(snapshot, publisher);
        for (index, line) in batch.into_changes().into_iter().enumerate() {
            changes
                .apply(line)
                .map_err(|error| error.of_change(index))?;
        }
        Ok(changes)
    }

    /// Applies the lines of one more batch, or none of them.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Changes::of); the changes are then as they were.
    pub(super) fn add(&mut self, batch: Batch) -> Result<(), Error> {
        let names = Arc::clone(&self.names);
        // What each ticket's change was before, and none of those that the batch itself replaces.
        let mut before = BTreeMap::new();
        for (index, line) in batch.into_changes().into_iter().enumerate() {
            match self.apply(line) {
                Ok((tid, replaced)) => {
                    before.entry(tid).or_insert(replaced);
                }
                Err(error) => {
                    self.names = names;
                    for (tid, change) in before {
                        match change {
                            Some(change) => self.by_tid.insert(tid, change),
                            None => self.by_tid.remove(&tid),
                        };
                    }
                    return Err(error.of_change(index));
                }
            }
        }
        Ok(())
    }

    /// Applies a line; returns the ticket's number and the earlier change that it replaces.
    fn apply(&mut self, line: BatchChange) -> Result<(u64, Option<TicketChange>), Error> {
        let (tid, change) = match line {
            BatchChange::Put(ticket) => {
                ticket.check()?;
                enter_names(&mut self.names, &ticket)?;
                (ticket.tid, TicketChange::Put(ticket))
            }
            BatchChange::Patch(tid, patch) => (tid, self.patched(tid, &patch)?),
            BatchChange::Remove(tid) => (tid, TicketChange::Remove),
        };
        Ok((tid, self.by_tid.insert(tid, change)))
    }

    fn patched(&mut self, tid: u64, patch: &Patch) -> Result<TicketChange, Error> {
        if let Some(revised) = self.revised(tid, patch)? {
            return Ok(TicketChange::Revise(revised));
        }
        let ticket = match self.by_tid.get(&tid) {
            Some(TicketChange::Put(ticket)) => Some(ticket.clone()),
            Some(TicketChange::Revise(revised)) => Some(self.ticket(revised)),
            Some(TicketChange::Remove) => None,
            None => self.snapshot.get(tid).map(|it| Box::new(it.into())),
        };
        let mut ticket = ticket.ok_or(ErrorKind::UnknownTicket { tid })?;
        patch.apply(&mut ticket)?;
        ticket.check()?;
        enter_names(&mut self.names, &ticket)?;
        Ok(TicketChange::Put(ticket))
    }

    /// Returns the row that a patch revises and its new values; none where the ticket must be put whole.
    fn revised(&self, tid: u64, patch: &Patch) -> Result<Option<Revised>, Error> {
        let changes_text = !patch.values().all(|(field, _)| is_revisable(field));
        if changes_text || patch.custom().next().is_some() {
            return Ok(None);
        }
        let revised = match self.by_tid.get(&tid) {
            Some(TicketChange::Revise(Revised { id, row })) => Some((*id, row.clone())),
            Some(TicketChange::Put(_) | TicketChange::Remove) => None,
            None => self
                .snapshot
                .find(tid)
                .and_then(|id| Some((id, self.row_of(id)?))),
        };
        let Some((id, mut row)) = revised else {
            return Ok(None);
        };
        // An empty ticket will do: the rules for a value do not depend on the ticket's other values.
        let mut ticket = Ticket {
            tid,
            ..Ticket::default()
        };
        patch.apply(&mut ticket)?;
        ticket.check()?;
        for (field, _) in patch.values() {
            row.set(field, NewValue::of(&ticket, field));
        }
        Ok(Some(Revised { id, row }))
    }

    /// Returns a row with the values that revisions gave it so far, if it may be revised.
    fn row_of(&self, id: RowId) -> Option<RevisedRow> {
        let segment = &self.segment(id).segment;
        self.publisher.may_revise(segment).then(|| {
            let whole = RevisedRow {
                base_row: id.row,
                values: Vec::new(),
            };
            let revision = segment.revision();
            revision.map_or(whole, |revision| revision.row(id.row))
        })
    }

    fn segment(&self, id: RowId) -> &LiveSegment {
        &self.snapshot.segments()[id.segment as usize]
    }

    /// Hands over each changed ticket as it is to be written, or none where it is removed, by tid.
    pub(super) fn for_each_ticket(
        &self,
        mut take: impl FnMut(u64, Option<&Ticket>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.by_tid
            .iter()
            .try_for_each(|(&tid, change)| match change {
                TicketChange::Put(ticket) => take(tid, Some(ticket)),
                TicketChange::Revise(revised) => take(tid, Some(&self.ticket(revised))),
                TicketChange::Remove => take(tid, None),
            })
    }

    /// Returns the whole ticket of a revised row.
    fn ticket(&self, revised: &Revised) -> Box<Ticket> {
        let mut ticket = Box::new(Ticket::from(self.snapshot.record(revised.id)));
        for (field, value) in &revised.row.values {
            value.put_into(&mut ticket, *field);
        }
        ticket
    }

    /// Returns the tickets that are put.
    pub(super) fn puts(&self) -> impl Iterator<Item = &Ticket> {
        self.by_tid.values().filter_map(|change| match change {
            TicketChange::Put(ticket) => Some(&**ticket),
            TicketChange::Revise(_) | TicketChange::Remove => None,
        })
    }

    /// Returns the revised rows of each base, ascending.
    pub(super) fn revisions(&self) -> Vec<(Arc<Segment>, Vec<RevisedRow>)> {
        let mut revisions: Vec<(Arc<Segment>, Vec<RevisedRow>)> = Vec::new();
        // Ascending by tid, as the rows of every base are.
        for change in self.by_tid.values() {
            let TicketChange::Revise(Revised { id, row }) = change else {
                continue;
            };
            let segment = &self.segment(*id).segment;
            let base = segment
                .revision()
                .map_or(segment, |revision| revision.base());
            match revisions.iter_mut().find(|(own, _)| Arc::ptr_eq(own, base)) {
                Some((_, rows)) => rows.push(row.clone()),
                None => revisions.push((Arc::clone(base), vec![row.clone()])),
            }
        }
        revisions
    }

    /// Returns the live rows that the changes replace as a whole or remove; those that are removed come
    /// with their tids, which ascend.
    pub(super) fn replaced(&self) -> impl Iterator<Item = (RowId, Option<u64>)> {
        self.by_tid
            .iter()
            .filter_map(|(&tid, change)| match change {
                TicketChange::Revise(_) => None,
                TicketChange::Put(_) => Some((self.snapshot.find(tid)?, None)),
                TicketChange::Remove => Some((self.snapshot.find(tid)?, Some(tid))),
            })
    }

    /// Returns the live rows that the changes revise.
    pub(super) fn revised_rows(&self) -> impl Iterator<Item = RowId> {
        self.by_tid.values().filter_map(|change| match change {
            TicketChange::Revise(revised) => Some(revised.id),
            TicketChange::Put(_) | TicketChange::Remove => None,
        })
    }
}

/// Adds a ticket's new custom names to the list; copies it only if there are any.
pub(super) fn enter_names(names: &mut Arc<CustomNames>, ticket: &Ticket) -> Result<(), Error> {
    let held = || ticket.custom_fields.iter().map(|(name, _)| name.as_str());
    if held().all(|name| names.find(name).is_some()) {
        return Ok(());
    }
    Arc::make_mut(names).enter(Some(ticket.tid), held())
}
