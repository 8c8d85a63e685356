//! Opening from an image: its segments, and on top of them the tickets that have changed since.
//!
//! The [`image`](mod@image) gives the segments of one commit, the entries of the [`log`](super::log) say
//! which tickets later commits changed, and a [`Peek`] reads these from the database. Nothing is used that
//! does not have the expected hash; the caller then opens the database without the image.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::Options;
use super::file::StoreFile;
use super::image::{self, Images, Manifest, Unusable};
use super::journal::BLOCK_TICKETS;
use super::journal::hand_over;
use super::log::{Entry, Listed, Mark, Marks};
use super::numbers::Numbers;
use super::peek::Peek;
use super::record::decode_into;
use crate::journal::Change;
use crate::model::Ticket;
use crate::model::error::Error;
use crate::store::Store;

/// Why an image was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str);

const NONE: Refused = Refused("there is none");
const FOREIGN: Refused = Refused("it is of another version or machine");
const DAMAGED: Refused = Refused("it is damaged");
const OTHER: Refused = Refused("it is of another store, or of a state that this one never had");
const OLD: Refused = Refused("too much has changed since");
const REVISED: Refused = Refused(
    "it holds patches apart from their tickets, which a store with a memory limit cannot use",
);
const UNREADABLE: Refused = Refused("the store needs to be checked first");

impl From<Unusable> for Refused {
    fn from(unusable: Unusable) -> Refused {
        match unusable {
            Unusable::Missing => NONE,
            Unusable::Foreign => FOREIGN,
            Unusable::Damaged => DAMAGED,
        }
    }
}

impl From<redb::Error> for Refused {
    fn from(_: redb::Error) -> Refused {
        UNREADABLE
    }
}

impl From<Error> for Refused {
    fn from(_: Error) -> Refused {
        UNREADABLE
    }
}

/// A store that was made of an image, with what its journal needs.
pub(super) struct Restored {
    pub(super) store: Store,
    pub(super) file: Arc<StoreFile>,
    pub(super) marks: Marks,
    pub(super) images: Images,
    /// The number of tickets that changed since the image, removed ones included.
    pub(super) replayed: u64,
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restored")
            .field("store", &self.store)
            .field("replayed", &self.replayed)
            .finish_non_exhaustive()
    }
}

/// Makes a store of its image and of what has changed since, if all hashes are as expected.
///
/// Otherwise the file is left unlocked and unchanged.
pub(super) fn restore(path: &Path, options: &Options, writes: bool) -> Result<Restored, Refused> {
    let folder = image::folder(path);
    let manifest = Manifest::read(&folder)?;
    // The caller opens the file next, and returns the error with its details.
    let file = StoreFile::open(path, writes).map_err(|_| UNREADABLE)?;
    if !file.lock() {
        return Err(UNREADABLE);
    }
    // Reading a damaged database may panic. The caller then opens it with a check, which tells the damage.
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let peek = Peek::open(&file, options.cache_bytes)?.ok_or(UNREADABLE)?;
        let tail = Tail::find(&peek, &manifest)?;
        restore_onto(&peek, manifest, &tail, &folder, options)
    }));
    let (store, marks, images, replayed) = looked.map_err(|_| UNREADABLE)??;
    Ok(Restored {
        store,
        file,
        marks,
        images,
        replayed,
    })
}

/// What has changed since the image, according to the entries of the commits.
struct Tail {
    numbers: Numbers,
    chain: u64,
    entries: Vec<(u64, Entry)>,
    listed: usize,
}

impl Tail {
    /// Reads the entries after the commit of an image; refuses the image if they do not lead from it to the
    /// last commit.
    fn find(peek: &Peek, manifest: &Manifest) -> Result<Tail, Refused> {
        let numbers = peek.numbers()?.filter(|numbers| numbers.is_numbered());
        let numbers = numbers.ok_or(UNREADABLE)?;
        let (number, last) = peek.last()?.ok_or(OTHER)?;
        if number != numbers.commit() || manifest.version > numbers.last() {
            return Err(OTHER);
        }
        let entries = peek.after(manifest.version)?.ok_or(UNREADABLE)?;
        let mut chain = manifest.chain;
        for (number, entry) in &entries {
            if entry.before != chain {
                // Entries in between were removed, or the image is not of this store at all.
                return Err(OLD);
            }
            if !entry.is_whole(*number) {
                return Err(OLD);
            }
            chain = entry.chain;
        }
        if chain != last.chain {
            return Err(OTHER);
        }
        let listed = entries
            .iter()
            .filter_map(|(_, entry)| entry.tickets.as_ref());
        Ok(Tail {
            numbers,
            chain,
            listed: listed.map(Vec::len).sum(),
            entries,
        })
    }

    /// Hands over the commits without the tickets that they put; returns the last change of each ticket,
    /// with the number of its commit.
    fn hand_over(
        &self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<BTreeMap<u64, (u64, Listed)>, Error> {
        let mut changed = BTreeMap::new();
        for (number, entry) in &self.entries {
            take(Change::Commit(*number))?;
            entry
                .names
                .iter()
                .try_for_each(|name| take(Change::Name(name)))?;
            for ticket in entry.tickets.iter().flatten() {
                if ticket.is_removed() {
                    take(Change::Remove(ticket.tid))?;
                }
                changed.insert(ticket.tid, (*number, *ticket));
            }
            if entry.forgotten > 0 {
                take(Change::Forget(entry.forgotten))?;
            }
        }
        if self.numbers.last() > self.numbers.commit() {
            // A crash has lost commits whose numbers may have been seen.
            take(Change::Commit(self.numbers.last()))?;
        }
        // No entry says what is forgotten because a crash has lost commits.
        take(Change::Forget(self.numbers.forgotten()))?;
        Ok(changed)
    }
}

/// Hands over the tickets that were put, as the database has them; false where a record does not have the
/// listed hash.
fn hand_over_puts(
    peek: &Peek,
    changed: &BTreeMap<u64, (u64, Listed)>,
    take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
) -> Result<bool, Error> {
    let mut puts = changed.iter().filter(|(_, it)| !it.1.is_removed());
    let (mut tickets, mut numbers) = (Vec::new(), Vec::new());
    loop {
        numbers.clear();
        for (&tid, &(number, listed)) in puts.by_ref().take(BLOCK_TICKETS) {
            if tickets.len() == numbers.len() {
                tickets.push(Ticket::default());
            }
            let ticket = &mut tickets[numbers.len()];
            let read = peek.with_record(tid, |record| {
                let is_right = listed.is_of(record);
                let read = is_right.then(|| decode_into(tid, record, ticket).ok())??;
                (read == number).then_some(())
            });
            if !matches!(read, Ok(Some(()))) {
                return Ok(false);
            }
            numbers.push(number);
        }
        if numbers.is_empty() {
            return Ok(true);
        }
        hand_over(&tickets[..numbers.len()], &numbers, take)?;
    }
}

/// Reads the segments of an image, and adds the tickets that have changed since.
fn restore_onto(
    peek: &Peek,
    manifest: Manifest,
    tail: &Tail,
    folder: &Path,
    options: &Options,
) -> Result<(Store, Marks, Images, u64), Refused> {
    let mut store = Store::new(options.store.clone());
    let version = manifest.version;
    if manifest.has_revisions() && !store.budget().is_unlimited() {
        return Err(REVISED);
    }
    let (parts, files) = manifest.load(folder, store.budget())?;
    let mut is_certain = false;
    let mut replayed = 0;
    store.restore(parts, options.threads, |take| {
        let changed = tail.hand_over(take)?;
        replayed = changed.len() as u64;
        is_certain = hand_over_puts(peek, &changed, take)?;
        Ok(())
    })?;
    if !is_certain {
        return Err(UNREADABLE);
    }
    let marks = Marks::default();
    *marks.lock() = Mark {
        number: tail.numbers.commit(),
        chain: Some(tail.chain),
        listed_after: Some(version),
        listed: tail.listed,
        listed_ever: tail.listed,
        listed_before: 0,
        image: Some(version),
    };
    let images = Images::new(folder.to_owned(), marks.clone());
    images.opened(files);
    Ok((store, marks, images, replayed))
}
