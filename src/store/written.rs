//! The part of a commit that follows once its changes are gathered: segments, the journal, the swap.
//!
//! It is the same for one batch and for several. Nothing is published that the journal has not
//! committed, and nothing is appended to the journal before the snapshot is prepared, so an error leaves
//! the store as it was. Loads and restored images share the helpers below.

use std::sync::{Arc, Mutex, PoisonError};
use std::{iter, slice};

use super::Commit;
use super::changes::Changes;
use super::publisher::Publisher;
use crate::journal::{Change, Journal, Transaction};
use crate::model::error::Error;
use crate::segment::SegmentBuilder;
use crate::snapshot::{LiveSegment, RowId, Snapshot};

/// Makes the next version of a snapshot from changes, writes them to the journal and publishes it.
///
/// # Errors
///
/// Those of the memory budget and of the journal; the store is then as it was.
pub(super) fn write_changes(
    changes: &Changes<'_>,
    snapshot: &Snapshot,
    publisher: &Publisher,
    journal: &mut Option<Mutex<Box<dyn Journal>>>,
) -> Result<Commit, Error> {
    let version = snapshot.next_version();
    // A builder has parts for every field, which are not worth making where all changes are revisions.
    let mut builder = None;
    for ticket in changes.puts() {
        let builder = builder.get_or_insert_with(|| {
            let mut builder = SegmentBuilder::new();
            builder.enter_commit(version);
            builder
        });
        publisher.check_room(builder, 1)?;
        builder.insert(slice::from_ref(ticket), &changes.names);
    }
    let mut segments = snapshot.segments().to_vec();
    let mut removed = Vec::new();
    let replaced = changes.replaced().map(|(id, removed_tid)| {
        removed.extend(removed_tid);
        id
    });
    bury(&mut segments, replaced);
    for id in changes.revised_rows() {
        segments[id.segment as usize].mark_dead(id.row);
    }
    for (base, rows) in &changes.revisions() {
        publisher.revise(&mut segments, base, rows, version);
    }
    segments.extend(builder.and_then(|builder| publisher.seal(builder)));
    let parts = publisher.next(
        snapshot,
        segments,
        Arc::clone(&changes.names),
        removed.iter().copied(),
    );
    let forgotten = parts.forgotten_since(snapshot);
    let prepared = publisher.prepare(parts)?;
    let mut transaction = begin(journal);
    if transaction.is_journaled() {
        transaction.append(Change::Commit(version))?;
        let names_before = snapshot.custom_names().len();
        append_names(&mut transaction, &changes.names.as_slice()[names_before..])?;
        changes.for_each_ticket(|tid, ticket| match ticket {
            Some(ticket) => transaction.append(Change::Put(slice::from_ref(ticket))),
            // A removal of a ticket that was not there is left out.
            None if removed.binary_search(&tid).is_err() => Ok(()),
            None => transaction.append(Change::Remove(tid)),
        })?;
        append_forgotten(&mut transaction, forgotten)?;
    }
    transaction.commit()?;
    Ok(prepared.publish())
}

/// Begins a transaction on a store's journal, if it has one.
pub(super) fn begin(journal: &mut Option<Mutex<Box<dyn Journal>>>) -> Transaction<'_> {
    Transaction::begin(journal.as_mut().map(|journal| {
        let journal = journal.get_mut().unwrap_or_else(PoisonError::into_inner);
        &mut **journal
    }))
}

/// Appends the custom names that entered the list.
pub(super) fn append_names(
    transaction: &mut Transaction<'_>,
    entered: &[String],
) -> Result<(), Error> {
    entered
        .iter()
        .try_for_each(|name| transaction.append(Change::Name(name)))
}

/// Appends the last commit whose removals are forgotten, where this commit makes the log forget more.
pub(super) fn append_forgotten(
    transaction: &mut Transaction<'_>,
    forgotten: Option<u64>,
) -> Result<(), Error> {
    forgotten.map_or(Ok(()), |number| transaction.append(Change::Forget(number)))
}

/// Marks rows dead, and counts their long texts as dead in the segments that hold them.
pub(super) fn bury(segments: &mut [LiveSegment], rows: impl Iterator<Item = RowId>) {
    for RowId { segment, row } in rows {
        let live = &mut segments[segment as usize];
        live.mark_dead(row);
        let Some(revision) = live.segment.revision() else {
            live.bury_texts(iter::once(row));
            continue;
        };
        let (base, row) = (Arc::clone(revision.base()), revision.rows()[row as usize]);
        let mut bases = segments.iter_mut();
        if let Some(live) = bases.find(|live| Arc::ptr_eq(&live.segment, &base)) {
            live.bury_texts(iter::once(row));
        }
    }
}
