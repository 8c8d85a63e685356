//! A copy of a store in a file of its own, made while the store goes on.
//!
//! A file that a database writes to cannot be copied: the copy holds pages of several moments. A
//! [`Snapshot`] holds one moment whole, tickets, numbers, names and log of removals, and never changes;
//! so a backup is a new file that is written from one, and commits do not wait for it nor show in it.
//! It needs nothing of the store's own file, and makes a file of a store in memory as well.
//!
//! # Invariants
//!
//! * The path names nothing, or the whole copy: it is written under another name, in the same folder,
//!   and takes its own when it is on disk. What is there is never replaced.
//! * The copy opens as a store with the same tickets, each of the same version, the same names in the same order, the
//!   same removals, and the version of the snapshot.
//!
//! # Cost
//!
//! Each ticket is encoded once and put at the end of the table, so the pages are full and the copy
//! is often smaller than a file that has been written to for long. Beside the cache of the database and
//! what the snapshot keeps alive, one ticket is held.

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

/// The tickets between two reports of progress.
const REPORTED_TICKETS: u64 = 4096;

/// A backup that is about to be written. See [`backup`](backup()) for what it is.
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
    /// The tickets that are written.
    pub tickets: u64,
    /// The tickets of the whole backup.
    pub tickets_all: u64,
}

/// What a backup came to.
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
    /// The tickets in the backup.
    pub tickets: u64,
    /// The number of the last commit that is in it.
    pub version: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

/// Writes a snapshot into a file that opens as a store equal to the one that it was taken of.
///
/// The store may be open and written to meanwhile: the backup is of the moment of the snapshot, and
/// commits wait for nothing. Any store will do, one in memory too. What is put back from a backup
/// counts on from its version, so a copy that has followed the store further must
/// start over: numbers that the store gave after the backup are given again.
///
/// # Errors
///
/// [`Storage`](crate::ErrorKind::Storage) where something has the path already, which stays as it is, and
/// where the file cannot be made, written or synced; then nothing is left under the path.
///
/// # Cost
///
/// Linear in the tickets, each encoded and written once, on the calling thread. The snapshot is held until
/// then, with the memory of what commits replace.
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
    /// Makes a backup of a snapshot, which is written by [`write`](Backup::write).
    pub fn of(snapshot: &Snapshot) -> Backup<'a> {
        Backup {
            snapshot: snapshot.clone(),
            on_progress: None,
        }
    }

    /// Sets what hears how far the backup has come, after every 4,096 tickets and at the end of them.
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
        // Before a long time of writing, not only after it.
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
        // What is forgotten can be asked for up to its own number.
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

/// Why a backup is not there.
enum NotWritten {
    /// The caller's hearing of progress ended it.
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
