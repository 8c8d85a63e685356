//! Loads: all tickets of an import as one segment, visible at once.
//!
//! A load does not go through a batch, which would hold all of its tickets: they go from the parser to
//! the columns a block at a time, and the tickets that they replace are found once all are in.

use std::io::BufRead;
use std::sync::Arc;

use super::changes::enter_names;
use super::written::{append_forgotten, append_names, begin, bury};
use super::{Commit, Store};
use crate::import::{Import, ImportBlock, Imported};
use crate::journal::Change;
#[cfg(doc)]
use crate::journal::Journal;
use crate::model::error::Error;
#[cfg(doc)]
use crate::model::error::ErrorKind;
use crate::segment::SegmentBuilder;
use crate::snapshot::{LiveSegment, Snapshot};

/// The outcome of a load.
///
/// ```
/// use ticketdex::{Import, ImportFormat, Options, Store};
///
/// let mut store = Store::new(Options::default());
/// let import = Import::new(ImportFormat::JsonLines, "{\"tid\":7}\nno\n".as_bytes());
/// let loaded = store.load(import.skip_bad(true))?;
/// assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (1, 1));
/// assert_eq!(loaded.commit.tickets_count, 1);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The tickets, records skipped, and bytes read.
    pub imported: Imported,
    /// The commit that published them.
    pub commit: Commit,
}

impl Store {
    /// Adds the tickets of an import, replacing those whose tids are there already.
    ///
    /// They become one segment, and become visible together once the whole input has been read. Where the
    /// import skips bad records, a ticket with one custom name too many is skipped too.
    ///
    /// # Errors
    ///
    /// Those of [`Import::for_each_block`], [`ErrorKind::TooManyTickets`] past the 2^32 − 4,096
    /// rows of a segment, [`ErrorKind::TooMuchMemory`], and those of the store's [`Journal`];
    /// the store is then as it was.
    ///
    /// # Cost
    ///
    /// Linear in the input; only a few blocks of tickets are held unindexed. With [`Import::threads`]
    /// above 1, one of the threads indexes words and encodes long texts, which is about half of the
    /// work; the others read and parse, and help it where it lags behind. Measured with a million tickets
    /// of several kinds of help desk, the process takes at most 1.2 to 1.3 times the memory that the store
    /// then holds, and twice where long texts are [packed](crate::Texts::Compact), as that is done at the end.
    pub fn load<R: BufRead>(&mut self, import: Import<R>) -> Result<Loaded, Error> {
        self.load_onto(import, true)
    }

    /// Replaces all tickets of the store by those of an import.
    ///
    /// The names of custom fields stay, as a name never leaves a store. Errors and cost are those of
    /// [`load`](Store::load).
    ///
    /// ```
    /// use ticketdex::{Import, ImportFormat, Options, Store};
    ///
    /// let mut store = Store::new(Options::default());
    /// store.load(Import::new(ImportFormat::JsonLines, "{\"tid\":1}".as_bytes()))?;
    /// store.replace(Import::new(ImportFormat::JsonLines, "{\"tid\":2}".as_bytes()))?;
    /// let snapshot = store.snapshot();
    /// assert!(snapshot.get(1).is_none() && snapshot.get(2).is_some());
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn replace<R: BufRead>(&mut self, import: Import<R>) -> Result<Loaded, Error> {
        self.load_onto(import, false)
    }

    fn load_onto<R: BufRead>(
        &mut self,
        import: Import<R>,
        keeps_others: bool,
    ) -> Result<Loaded, Error> {
        let (publisher, snapshot) = (&self.publisher, self.publisher.snapshot());
        let skips_bad = import.skips_bad();
        let version = snapshot.next_version();
        let mut transaction = begin(&mut self.journal);
        transaction.append(Change::Commit(version))?;
        if !keeps_others {
            transaction.append(Change::RemoveAll)?;
        }
        let mut names = Arc::clone(&snapshot.parts().names);
        let threads = import.threads_count();
        let mut builder = SegmentBuilder::with_threads(threads);
        builder.enter_commit(version);
        // One of the threads is the builder's.
        let import = import.threads(threads.saturating_sub(1));
        let imported = import.for_each_located(|block| {
            let ImportBlock {
                tickets,
                positions,
                refused,
            } = block;
            let mut taken = 0;
            let names_before = names.as_slice().len();
            for (at, position) in positions.iter().enumerate() {
                match enter_names(&mut names, &tickets[at]) {
                    Ok(()) => {
                        if taken != at {
                            tickets.swap(taken, at);
                        }
                        taken += 1;
                    }
                    Err(error) if skips_bad => refused.push(error.at(*position)),
                    Err(error) => return Err(error.at(*position)),
                }
            }
            publisher.check_room(&builder, taken)?;
            append_names(&mut transaction, &names.as_slice()[names_before..])?;
            transaction.append(Change::Put(&tickets[..taken]))?;
            builder.insert(&tickets[..taken], &names);
            Ok(())
        })?;
        let (mut segments, removed) = what_is_left(&snapshot, builder.tids(), keeps_others);
        segments.extend(publisher.seal(builder));
        let parts = publisher.next(&snapshot, segments, names, removed.iter().copied());
        let forgotten = parts.forgotten_since(&snapshot);
        let prepared = publisher.prepare(parts)?;
        if transaction.is_journaled() {
            // Where this commit alone has more removals than the log may hold, they are forgotten at once.
            let mut told = removed.iter().filter(|_| forgotten != Some(version));
            told.try_for_each(|&tid| transaction.append(Change::Remove(tid)))?;
            append_forgotten(&mut transaction, forgotten)?;
        }
        transaction.commit()?;
        let commit = prepared.publish();
        Ok(Loaded { imported, commit })
    }
}

/// Returns what a load leaves of a snapshot, and the tids that it removes, ascending.
///
/// Where the load keeps other tickets, those are the segments with replaced rows marked dead, and no
/// removals. Otherwise no segment is left, and every ticket that is not loaded again is removed.
fn what_is_left(
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

/// Returns the tids of a snapshot that are not among some ascending tids, ascending.
///
/// Cost: a step for each ticket, up to one for each of the others in each segment, and a sort.
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
