//! A copy of a store in a file of its own, made while the store goes on.
//!
//! A file cannot be copied while a database writes to it: the copy would hold pages of several moments. A
//! [`Snapshot`] holds the tickets, versions, names and log of removals of one moment and never changes,
//! so a backup is a new file written from a snapshot. Commits do not wait for it and do not show in it.
//! It does not read the store's own file, so it works for a store in memory too.
//!
//! # Invariants
//!
//! * The path names nothing or the whole copy, which is written under another name in the same folder
//!   and gets its own name once it is on disk. An existing file is never replaced.
//! * The copy opens as a store with the snapshot's version, tickets, their versions, names in the same
//!   order, and removals.
//!
//! # Cost
//!
//! Each ticket is encoded once and put at the end of the table, so the pages are full, and the copy is
//! often smaller than a file that has been in use for long. One ticket is held in memory, beside the
//! cache of the database and what the snapshot keeps.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use redb::{Builder, WriteTransaction};

use super::fault::{NOT_MADE, explain, storage};
use super::journal::{NAMES, TICKETS};
use super::numbers::Numbers;
use super::record::Encoder;
use super::{CACHE_BYTES, file};
use crate::model::Ticket;
use crate::model::error::Error;
use crate::query::Query;
use crate::snapshot::Snapshot;

const THERE: &str = "something is there already, and a backup replaces nothing";

/// The number of tickets between two reports of progress.
const REPORTED_TICKETS: u64 = 4096;

/// A backup that is to be written. See [`backup`](backup()) for what that is.
///
/// # Examples
///
/// ```
/// use ticketdex::{Store, Ticket, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-backup-of-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// let store = Store::from_tickets((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }))?;
/// let mut reports = Vec::new();
/// let backup = durable::Backup::of(&store.snapshot())
///     .on_progress(|progress| {
///         reports.push((progress.tickets, progress.tickets_all));
///         Ok(()) // an error would end the backup, and leave nothing of it
///     })
///     .write(&path)?;
/// assert_eq!((backup.tickets, backup.version), (9, 1));
/// assert_eq!(reports, [(9, 9)]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[must_use]
pub struct Backup<'a> {
    snapshot: Snapshot,
    on_progress: Option<Hear<'a>>,
}

type Hear<'a> = Box<dyn FnMut(BackupProgress) -> Result<(), Error> + 'a>;

/// How far a backup has come.
///
/// ```
/// use ticketdex::{Store, durable};
///
/// let seen = |progress: durable::BackupProgress| {
///     println!("{} of {} tickets", progress.tickets, progress.tickets_all);
///     Ok(())
/// };
/// let backup = durable::Backup::of(&Store::default().snapshot()).on_progress(seen);
/// # drop(backup);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProgress {
    /// The number of tickets written so far.
    pub tickets: u64,
    /// The number of tickets of the whole backup.
    pub tickets_all: u64,
}

/// The outcome of a backup.
///
/// ```
/// use ticketdex::{Store, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-backed-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// let backed_up = durable::backup(&Store::default().snapshot(), &path)?;
/// assert_eq!((backed_up.tickets, backed_up.version), (0, 0));
/// assert_eq!(backed_up.bytes, std::fs::metadata(&path).unwrap().len());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackedUp {
    /// The number of tickets in the backup.
    pub tickets: u64,
    /// The number of the last commit that is in it.
    pub version: u64,
    /// The size of the file, in bytes.
    pub bytes: u64,
}

/// Writes a snapshot into a file, which opens as a store equal to the one that the snapshot is of.
///
/// The store may be written to meanwhile: the backup is of the moment of the snapshot, and no commit
/// waits for it. It may also be a store in memory. A store that is restored from a backup numbers its
/// commits from the version of the backup on, so numbers that the old store gave afterwards are given
/// again: whoever has followed the old store beyond the backup must start over.
///
/// # Errors
///
/// [`Storage`](crate::ErrorKind::Storage) where the path names something already, which stays as it is,
/// and where the file cannot be made, written or synced; then nothing is left under the path.
///
/// # Cost
///
/// Linear in the tickets, each of which is encoded and written once, on the calling thread. The snapshot
/// is held until the end, and with it the memory of tickets that commits replace.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Ticket, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-backup-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let (path, copy) = (folder.join("tickets.redb"), folder.join("copy.redb"));
/// let mut store = durable::Options::new().create(true).open(&path)?;
/// store.commit([Ticket { tid: 7, ..Ticket::default() }].into_iter().collect())?;
/// let snapshot = store.snapshot();
/// store.commit([Ticket { tid: 8, ..Ticket::default() }].into_iter().collect())?;
///
/// durable::backup(&snapshot, &copy)?; // the store is open
/// let copied = durable::open_read_only(&copy)?;
/// assert_eq!((copied.version(), copied.tickets_count()), (1, 1));
/// assert_eq!(durable::backup(&snapshot, &copy).unwrap_err().code(), "storage"); // it is there
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn backup(snapshot: &Snapshot, path: impl AsRef<Path>) -> Result<BackedUp, Error> {
    Backup::of(snapshot).write(path)
}

impl<'a> Backup<'a> {
    /// Prepares the backup of a snapshot; [`write`](Backup::write) writes it.
    pub fn of(snapshot: &Snapshot) -> Backup<'a> {
        Backup {
            snapshot: snapshot.clone(),
            on_progress: None,
        }
    }

    /// Sets a function that is called with the progress after every 4,096 tickets and after the last.
    ///
    /// An error that it returns ends the backup and is returned; nothing is left under the path.
    pub fn on_progress(
        mut self,
        hear: impl FnMut(BackupProgress) -> Result<(), Error> + 'a,
    ) -> Backup<'a> {
        self.on_progress = Some(Box::new(hear));
        self
    }

    /// Writes the backup. See [`backup`](backup()).
    pub fn write(mut self, path: impl AsRef<Path>) -> Result<BackedUp, Error> {
        let path = path.as_ref();
        let there = || storage(path, THERE, io::Error::from(io::ErrorKind::AlreadyExists));
        // Checked here as well as at the end, so that it is found before the time is spent on writing.
        if fs::symlink_metadata(path).is_ok() {
            return Err(there());
        }
        let mut bytes = 0;
        let published = file::create(path, |aside| {
            self.write_aside(aside)?;
            bytes = fs::metadata(aside)?.len();
            Ok(())
        });
        match published {
            Ok(true) => Ok(BackedUp {
                tickets: self.snapshot.tickets_count(),
                version: self.snapshot.version(),
                bytes,
            }),
            Ok(false) => Err(there()),
            Err(NotWritten::Ended(error)) => Err(error),
            Err(NotWritten::Database(error)) => Err(explain(path, NOT_MADE, error)),
            Err(NotWritten::Io(error)) => Err(storage(path, NOT_MADE, error)),
        }
    }

    fn write_aside(&mut self, path: &Path) -> Result<(), NotWritten> {
        let database = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        let removals = &self.snapshot.parts().removals;
        let forgotten = removals.forgotten();
        // The log can list all removals after the last commit that it has forgotten.
        let removed = self.snapshot.removed_since(forgotten);
        let removed = removed.map_err(NotWritten::Ended)?;
        Numbers::make_as_of(&transaction, self.snapshot.version(), forgotten, removed)?;
        self.write_names(&transaction)?;
        self.write_tickets(&transaction)?;
        transaction.commit()?;
        Ok(database.close()?)
    }

    fn write_names(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut names = transaction.open_table(NAMES)?;
        for (place, name) in (0..).zip(self.snapshot.custom_names()) {
            names.insert(place, name.as_str())?;
        }
        Ok(())
    }

    fn write_tickets(&mut self, transaction: &WriteTransaction) -> Result<(), NotWritten> {
        let mut tickets = transaction.open_table(TICKETS)?;
        let tickets_all = self.snapshot.tickets_count();
        let answer = self.snapshot.answer(&Query::default());
        let mut encoder = Encoder::default();
        let mut record_bytes = Vec::new();
        for (tickets_before, record) in (0..).zip(answer.records()) {
            record_bytes.clear();
            let version = record.version();
            encoder.encode(&Ticket::from(record), version, &mut record_bytes);
            tickets.insert(record.tid(), record_bytes.as_slice())?;
            let count = tickets_before + 1;
            if let Some(hear) = &mut self.on_progress
                && (count == tickets_all || count % REPORTED_TICKETS == 0)
            {
                let progress = BackupProgress {
                    tickets: count,
                    tickets_all,
                };
                hear(progress).map_err(NotWritten::Ended)?;
            }
        }
        Ok(())
    }
}

/// Prints the snapshot as it prints itself.
impl fmt::Debug for Backup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// Why a backup was not written.
enum NotWritten {
    /// The snapshot or the caller's progress function returned an error.
    Ended(Error),
    Database(redb::Error),
    Io(io::Error),
}

impl<E: Into<redb::Error>> From<E> for NotWritten {
    fn from(error: E) -> NotWritten {
        match error.into() {
            redb::Error::Io(error) => NotWritten::Io(error),
            error => NotWritten::Database(error),
        }
    }
}
