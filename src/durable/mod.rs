//! A store whose tickets outlive the process: in a file, kept by an embedded database.
//!
//! What it promises. **A commit that returned is on disk**: its bytes and the file's name have been
//! synced, and survive a crash of the process or the system and a loss of power. **Half a batch is never
//! found**: a commit is there whole or not at all, and so is a load of any size. **Damage is detected**:
//! opening reads the whole file and checks every page against its checksum, so a torn, changed or
//! foreign file is an error and never a wrong answer. (Opening from an image checks what it reads, and
//! the whole file before the first commit. After a crash, one bit of the file says whether its last
//! commit was finished; no checksum covers that bit.) **A failed write does not affect readers**:
//! snapshots answer as before. The store refuses further commits until it is opened again, because only
//! the file can tell whether the failed commit is in it.
//!
//! **A file that is not a whole store is never written to**, nor is one that is only read: an empty file,
//! a file of zeros, a damaged store and a file of another program are errors that say what was found,
//! and stay as they are. A store is made only where that is asked for ([`Options::create`]), under
//! another name first, so that a path names a whole store or nothing.
//!
//! What it costs. **A commit waits for the disk** twice: once for its pages, and once for the byte that
//! makes them valid. A commit takes as long as these syncs; the tickets of a batch share the wait, and
//! so do threads that commit by a [`Committer`](crate::Committer). [`Options::may_lose`] gives up the
//! first promise for commits that do not wait, and says how much is at risk. **Opening reads
//! everything** and indexes it, since the file holds tickets and no index, unless the store has an
//! image. **One process at a time** has a store open to write it; any number may read it while nobody
//! writes. **The file grows** by what a commit writes: replaced pages are reused, but the file does not
//! shrink.
//!
//! **Copying the file is no backup while the store is open**: a copy made beside a writer holds pages of
//! several moments and is often damaged. [`backup`](backup()) writes a snapshot into a file of its own
//! while commits go on. That is also how another process can read what this one writes: the database
//! locks its file as a whole, so while a writer has it open [`open_read_only`] is the error
//! `store_in_use`.
//!
//! redb has a mode in which processes may read what another one writes. It is not used: a reader in
//! that mode cannot check the pages first, and a damaged page may make it panic; each commit writes one
//! time more; and no commit may return before it is on disk, which [`Options::may_lose`] allows.
//!
//! # The image
//!
//! [`image_job`] returns a job that writes the segments of a store, as they are in memory, to files beside
//! the database, in a folder of the same name with `.image` appended. Opening then reads these and
//! indexes only the tickets that have changed since; each commit lists its tickets in the database for
//! this. An image takes as much disk as the store takes memory, and the lists 16 bytes for each ticket
//! that a commit changes.
//!
//! **The image is a cache**: it may be deleted at any time, and a crash while it is written does no harm.
//! It is used only where every file has the hash that it was written with, by this version of the crate
//! on this kind of machine, and where a chain of hashes over all commits shows that it is of an earlier
//! state of the same database. [`Options::open_told`] tells whether it was used, and if not, why.
//!
//! **The whole database is checked later**: opening from an image reads few of its pages and compares
//! each record with a hash; all of it is checked before the first commit. With [`Options::threads`]
//! above one, a thread begins the check at once, and a commit waits for its end; otherwise the first
//! commit does it. A damaged database then takes no commit and stays as it is. Reading the few pages of
//! a damaged database may make it panic. The panic is caught (unless panics abort the process), but its
//! message still goes to standard error.
//!
//! # Which database
//!
//! It is [redb](https://docs.rs/redb), a copy-on-write B-tree in one file, because it has what a store
//! of tickets needs: a load of any size is one transaction that need not fit in memory; every page has a
//! checksum, and opening can check them all; it is one file, starts no thread and depends on no other
//! package. The other candidate was a log-structured tree:
//!
//! | a million records of 700 bytes, on two cores | redb, two phases | fjall 3.1 |
//! |---|---:|---:|
//! | loaded: one transaction, or batches of 4,096 and one sync | 162,000 /s | 239,000 /s |
//! | single commits, each synced | 2,240 /s | 5,090 /s |
//! | commits of 1,000, each synced | 23,100 /s | 198,000 /s |
//! | opened after a kill | 1.3 s, all checksums | 0.1 s, none checked |
//! | all records read | 0.66 s | 1.06 s |
//! | size after 141,000 replacements | 1,112 MB | 809 MB |
//!
//! fjall commits faster, but holds a batch in memory, and takes damage near the end of its journal for
//! the place where a crash cut it off, so that commits are lost without an error. What a help desk
//! writes in a second is far below the rates of both.
//!
//! # Invariants
//!
//! * The file holds: the number of its format, that of the last commit, and the latest removals (module
//!   `numbers`); the names of custom fields in the order in which they entered; one record for each
//!   ticket, by tid, with the number of the commit that put it (`record`); and lists of what the commits
//!   after the image changed (`log`).
//! * No commit number is given twice, whatever crashes. Where a crash may have lost commits, some numbers
//!   are skipped, and the log of removals starts over behind them.
//! * Each commit is one transaction of the database, in two phases, so that damage to the last commit
//!   that returned is never taken for a commit that a crash cut off.
//!
//! # Older files
//!
//! A file of format 1, which has no commit numbers, opens with all tickets as of commit 1. The first
//! commit to it is number 2 and turns it into a file of the present format. A file of a format later
//! than this version knows is the error `newer_store`, and stays as it is.
//!
//! # Cost
//!
//! Opening is linear in the file: it is read twice, then indexed. Opening from an image reads the
//! segments and indexes what has changed since. A commit encodes its tickets and rewrites the pages that
//! they are on, 4 KiB each.

mod backup;
mod check;
mod fault;
mod file;
mod image;
mod journal;
mod late;
mod log;
mod numbers;
mod peek;
mod record;
mod restore;
mod syncer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::error::Error;
use crate::snapshot::Snapshot;
use crate::store::{self, Store};
use journal::FileJournal;
use late::{LateJournal, Unchecked};
use restore::{Refused, Restored, restore};

pub use image::{ImageJob, ImageWritten, image_job};

pub use backup::{BackedUp, Backup, BackupProgress, backup};
pub use check::{Checked, check};

/// The options of a durable store.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ticketdex::durable;
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-options-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// let options = durable::Options::new()
///     .create(true)
///     .may_lose(Duration::from_millis(200))
///     .threads(2);
/// let store = options.open(&path)?;
/// assert_eq!(store.snapshot().tickets_count(), 0);
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    store: store::Options,
    at_risk: Option<Duration>,
    threads: usize,
    cache_bytes: usize,
    creates: bool,
}

/// How a store was opened.
///
/// ```
/// use ticketdex::durable;
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-opened-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// let (store, opened) = durable::Options::new().create(true).open_told(&path)?;
/// assert_eq!((opened.from_image, opened.replayed), (false, 0));
/// assert_eq!(opened.refused, Some("there is none"));
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// Whether the segments are those of the image; else every ticket was indexed.
    pub from_image: bool,
    /// The number of tickets that were read from the database: those that changed since the image,
    /// removed ones included, or all.
    pub replayed: u64,
    /// Why the image was not used, as a clause about it; none where it was.
    pub refused: Option<&'static str>,
}

impl Opened {
    fn with_image(replayed: u64) -> Opened {
        Opened {
            from_image: true,
            replayed,
            refused: None,
        }
    }

    fn without_image(snapshot: &Snapshot, Refused(reason): Refused) -> Opened {
        Opened {
            from_image: false,
            replayed: snapshot.tickets_count(),
            refused: Some(reason),
        }
    }
}

/// The default size of the database's cache; a larger one makes no measurable difference.
const CACHE_BYTES: usize = 16 << 20;

impl Default for Options {
    fn default() -> Options {
        Options {
            store: store::Options::default(),
            at_risk: None,
            threads: 1,
            cache_bytes: CACHE_BYTES,
            creates: false,
        }
    }
}

impl Options {
    /// Returns the options of [`open`]: every commit is synced, no thread started and no store made.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets the options of the store in memory; [`threads`](Options::threads) here replaces the number of
    /// threads that they have.
    #[must_use]
    pub fn store(mut self, options: store::Options) -> Options {
        self.store = options;
        self
    }

    /// Sets whether a store is made where the path names nothing; by default that is an error.
    ///
    /// An existing file is not replaced, whatever it holds; only on a file system without hard links a file
    /// that another process makes at the same moment may be.
    #[must_use]
    pub fn create(mut self, creates: bool) -> Options {
        self.creates = creates;
        self
    }

    /// Lets commits return before they are on disk; they are synced `time` after the first of them.
    ///
    /// A crash, even of the process alone, loses the commits of about the last `time`: the newest ones,
    /// each of them whole. Their numbers are not given again, and the log of removals
    /// ([`removed_since`](Snapshot::removed_since)) starts over behind them, so that whoever has seen a
    /// lost commit must start over too. A load, or a commit of more than a MiB, waits until earlier
    /// commits are on disk, as they cannot be synced while it lasts. [`Store::sync`] waits until no commit is at risk, as does dropping the store,
    /// which cannot report a failure. One thread does the syncing and ends with the store; if it fails, the
    /// next commit returns the error.
    #[must_use]
    pub fn may_lose(mut self, time: Duration) -> Options {
        self.at_risk = Some(time);
        self
    }

    /// Sets how many threads opening may use, including the caller's own; 0 and 1 start none.
    ///
    /// More than three are of no use: one indexes columns, one words, and one reads the file. After
    /// opening from an image, one of them checks the database, and may go on after the call has
    /// returned: a commit waits for its end, and so does dropping the store.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Options {
        self.threads = count;
        self
    }

    /// Sets how many bytes of the file the database may hold in memory; 16 MiB unless set.
    ///
    /// Requests never read the file, so this serves opening and commits only.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Options {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the store in a file, to read and to write it. See [`open`](open()).
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        Ok(self.open_told(path)?.0)
    }

    /// Opens the store as [`open`](Options::open) does, and tells whether its image was used.
    ///
    /// Errors and cost are those of [`open`](open()).
    pub fn open_told(self, path: impl AsRef<Path>) -> Result<(Store, Opened), Error> {
        let path = path.as_ref();
        let refused = match restore(path, &self, true) {
            Ok(restored) => return Ok(self.open_restored(path.to_owned(), restored)),
            Err(refused) => refused,
        };
        let store_options = self.store.clone().threads(self.threads);
        let store = Store::open(store_options, FileJournal::open(path, &self)?)?;
        let opened = Opened::without_image(&store.snapshot(), refused);
        Ok((store, opened))
    }

    fn open_restored(self, path: PathBuf, restored: Restored) -> (Store, Opened) {
        let Restored {
            mut store,
            file,
            marks,
            images,
            replayed,
        } = restored;
        store.attach(LateJournal::new(Unchecked {
            path,
            options: self,
            file,
            marks,
            images,
        }));
        (store, Opened::with_image(replayed))
    }

    /// Reads the tickets of a store without changing its file. See [`open_read_only`].
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<Snapshot, Error> {
        if let Ok(restored) = restore(path.as_ref(), &self, false) {
            return Ok(restored.store.snapshot());
        }
        let store_options = self.store.clone().threads(self.threads);
        let journal = FileJournal::open_read_only(path.as_ref(), &self)?;
        Ok(Store::open(store_options, journal)?.snapshot())
    }
}

/// Opens the store in a file, to read and to write it.
///
/// Where the path names nothing, [`Options::create`] makes an empty store.
///
/// # Errors
///
/// [`InvalidStore`](crate::ErrorKind::InvalidStore) where there is no file, or it is damaged or no store,
/// and [`NewerStore`](crate::ErrorKind::NewerStore) where a later version has written it; the file stays
/// as it is, to the byte.
/// [`StoreInUse`](crate::ErrorKind::StoreInUse) while the store is open elsewhere.
/// [`Storage`](crate::ErrorKind::Storage) where the file cannot be made, read or written. Also
/// those of [`Store::open`].
///
/// # Cost
///
/// Linear in the file, which is read twice, then indexed. Where the store has an image ([`image_job`]),
/// opening reads that instead, and the first commit checks the whole file.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Patch, Ticket, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-open-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// assert_eq!(durable::open(&path).unwrap_err().code(), "invalid_store"); // none is there
///
/// let mut store = durable::Options::new().create(true).open(&path)?;
/// let mut batch = Batch::new();
/// batch
///     .put(Ticket { tid: 7, status: "Open".into(), ..Ticket::default() })
///     .patch(7, Patch::new().set(Field::Status, "Closed"));
/// store.commit(batch)?;
/// drop(store);
///
/// let store = durable::open(&path)?;
/// assert_eq!(store.snapshot().get(7).unwrap().text(Field::Status), "Closed");
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Store, Error> {
    Options::new().open(path)
}

/// Reads the tickets of a store without changing its file or the time at which that was modified.
///
/// The file may be read-only, and so may its file system. What a crash left unfinished is repaired in
/// memory only. The file is read before this returns and not used afterwards: the snapshot keeps the
/// tickets of this moment, and others may open the store.
///
/// # Errors
///
/// Those of [`open`](open()); [`StoreInUse`](crate::ErrorKind::StoreInUse) while another process or store
/// has the file open to write it, since the database then locks the whole file. Meanwhile a
/// [`backup`](backup()) that the writer made can be read.
///
/// # Cost
///
/// That of [`open`](open()).
///
/// # Examples
///
/// ```
/// use ticketdex::durable;
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-read-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// drop(durable::Options::new().create(true).open(&path)?);
/// let before = std::fs::read(&path).unwrap();
///
/// let snapshot = durable::open_read_only(&path)?;
/// assert_eq!(snapshot.tickets_count(), 0);
/// assert!(std::fs::read(&path).unwrap() == before);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn open_read_only(path: impl AsRef<Path>) -> Result<Snapshot, Error> {
    Options::new().open_read_only(path)
}
