//! A store whose tickets outlive the process: in a file, kept by an embedded database.
//!
//! What is promised, first. **A commit that returned is on disk**: its bytes and the file
//! that names them have been synced, and a crash of the process, of the system or of the power
//! leaves them there. **Half a batch is never found**: whatever was being committed is
//! there whole or not at all, loads of any size included. **What is damaged is not
//! believed**: opening reads the whole file and checks every page against its checksum (from an image,
//! what it reads, and the whole file before the first commit), so
//! a torn, changed or foreign file is an error and never a wrong answer. (After a crash one
//! bit of the file tells whether its last commit was finished, and has only itself as a witness.) **A failed write
//! costs no reader anything**: snapshots answer as before; the store refuses further
//! commits until it is opened again, because only the file can tell what became of the one
//! that failed.
//!
//! **A file that is no whole store is never written to**, nor is one that is only read: an empty file, a
//! file of zeros, a damaged store and a file of another program are errors that say what was found,
//! and stay as they are. A store is made only where that is asked for ([`Options::create`]), under
//! another name first, so that a path names a whole store or none.
//!
//! What it costs. **A commit waits for the disk**, twice: once for its pages, once for the
//! byte that makes them count. Single commits are as quick as the disk syncs; batches
//! share the wait, and so do threads that commit by a [`Committer`](crate::Committer).
//! [`Options::may_lose`] trades the promise for not waiting, and says how much it puts at risk.
//! **Opening reads everything** and indexes it, since the file holds tickets and no index, unless the
//! store has an image. **One process at a time**
//! has a store open to write it; any number may read it while nobody writes. **The file grows** by
//! what a commit writes: a replaced page is reused, but not returned to the disk.
//!
//! **Copying the file is no backup while the store is open**: a copy that is made beside a writer holds
//! pages of several moments and is often damaged. [`backup`](backup()) writes a snapshot into a file
//! of its own, and commits go on meanwhile. That is also how another process reads what this one
//! writes: the database locks its file as a whole, so beside a writer [`open_read_only`] is the error
//! `store_in_use`.
//!
//! redb has a mode in which processes may read what another one writes. It is not used: who reads in
//! that mode cannot check the pages first, and a damaged one may end the process; a commit writes
//! once more; and none may return before it is on disk, which [`Options::may_lose`] is for.
//!
//! # The image
//!
//! [`image_job`] gives a job that writes the segments of a store as they lie in memory to files beside the
//! database, in a folder of its name with `.image` behind. Opening then reads these and indexes only
//! the tickets that have changed since, which commits list in the database for the purpose. It costs
//! disk as much as the store takes in memory, and a commit 16 bytes a ticket.
//!
//! **The image is a cache**: it may be deleted at any time, and a kill while it is written harms
//! nothing. It is used only where every file has the hash that it was written with, by this version of the
//! crate on this kind of machine, and where a hash over all that each commit did says that the
//! database has gone through the very moment that the image is of. [`Options::open_told`] tells
//! whether it was used, and why not.
//!
//! **The check of the database comes later**: opening from an image reads few of its pages, each
//! record compared with a hash, and all of it is checked before the first commit. With
//! [`Options::threads`] above one a thread does that at once, and a commit waits for its end; without, the
//! first commit does it. A damaged database then takes no commit and stays as it is. The look at the
//! few pages expects the database to panic where it is damaged, which is caught where panics unwind;
//! what such a panic prints goes to standard error all the same.
//!
//! # Which database
//!
//! [redb](https://docs.rs/redb), a copy-on-write B-tree in one file, for what a record of
//! tickets needs: a load of any size is one transaction that need not fit in memory; every
//! page carries a checksum, and opening can be made to check them all; one file, no thread
//! and no package besides. The other candidate was a log-structured tree:
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
//! It commits faster, but holds a batch in memory, and takes a damaged end of its journal for
//! the place where a crash cut it, so that commits go without a word. What a help desk
//! writes in a second is far below either.
//!
//! # Invariants
//!
//! * The file holds a record of its format's number, the names in the order in which they
//!   entered, one record a ticket (the folder's `record`), by tid, with the number of the commit
//!   that put it, the number of the last commit, and the latest removals (`numbers`), and what the
//!   commits after the image changed (`log`).
//! * No number of a commit is given twice, whatever crashes: where commits are at risk, some are
//!   passed over, and then no removal before is told of.
//! * Each commit is one transaction of the database, in two phases: the last one that
//!   returned is never silently taken for one that was torn.
//!
//! # Older files
//!
//! A file that was written before commits had numbers opens as one whose tickets are all of commit 1,
//! and becomes one of the present format with the first commit to it, which is number 2. A file of a later
//! format than this version knows is the error `newer_store`, and stays as it is.
//!
//! # Cost
//!
//! Opening is linear in the file: reading it twice, then indexing. From an image it is a copy of the
//! segments, and indexing what has changed since. A commit encodes its
//! tickets and rewrites the pages that they fall on, 4 KiB each.

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

/// How a durable store behaves.
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
    /// The tickets that were taken from the database: those that changed since the image, removed ones
    /// too, or all.
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

/// The default size of the cache; a larger one made no measurable difference.
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
    /// Returns the options of [`open`]: every commit synced, no threads, no store made.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets the options of the store in memory.
    #[must_use]
    pub fn store(mut self, options: store::Options) -> Options {
        self.store = options;
        self
    }

    /// Sets whether a store is made where the path names nothing; unless set, that is an error.
    ///
    /// A file that is there is never replaced, whatever it holds.
    #[must_use]
    pub fn create(mut self, creates: bool) -> Options {
        self.creates = creates;
        self
    }

    /// Lets a commit return before it is on disk, and syncs so long after the first such.
    ///
    /// A crash, of the process alone too, loses the commits of about the last `time`: the
    /// newest ones, and each of them whole. Their numbers are not given again, and
    /// [`removed_since`](Snapshot::removed_since) then tells of nothing before: who has followed the
    /// store up to a lost commit starts over. [`Store::sync`] waits until none is at risk, as
    /// does dropping the store, which cannot tell of a failure. Syncing is done by one
    /// thread, which ends with the store; if it fails, the next commit says so.
    #[must_use]
    pub fn may_lose(mut self, time: Duration) -> Options {
        self.at_risk = Some(time);
        self
    }

    /// Sets how many threads opening may use, with the caller's own; 0 and 1 start none.
    ///
    /// Three are of use: one indexes columns, one words, one reads the file. After an opening from an image
    /// one of them checks the database, and may still do so when this has returned: a commit waits
    /// for its end, and so does dropping the store.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Options {
        self.threads = count;
        self
    }

    /// Sets how many bytes of the file the database may hold in memory; 16 MiB unless set.
    ///
    /// Requests never read the file, so this serves commits alone.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Options {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the store in a file, to read and to write it. See [`open`](open()).
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        Ok(self.open_told(path)?.0)
    }

    /// Opens the store as [`open`](Options::open) does, and tells whether that was from its image.
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

    /// Reads the tickets of a store in a file that stays as it is. See [`open_read_only`].
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
/// [`InvalidStore`](crate::ErrorKind::InvalidStore) where there is no file, or one that is no store,
/// or is damaged, and [`NewerStore`](crate::ErrorKind::NewerStore) where a later version has written it; the
/// file stays as it is, to the byte.
/// [`StoreInUse`](crate::ErrorKind::StoreInUse) while the store is open elsewhere.
/// [`Storage`](crate::ErrorKind::Storage) where the file cannot be made, read or written. Those
/// of [`Store::open`].
///
/// # Cost
///
/// Linear in the file: it is read twice, then indexed. Where the store has an image ([`image_job`]) it is
/// a copy of that, and the first commit is linear in the file, which it checks.
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

/// Reads the tickets of a store in a file, which stays as it is to the byte and to the time stamp.
///
/// The file may be read-only, and so may what it lies on. What a crash left is repaired in memory.
/// The file is read whole before this returns, and not looked at afterwards: the snapshot holds
/// the tickets as of now, and others may open the store.
///
/// # Errors
///
/// Those of [`open`](open()); [`StoreInUse`](crate::ErrorKind::StoreInUse) while another has the store
/// open to write it, as the database locks the whole file then. A [`backup`](backup()) that the writer makes can
/// be read meanwhile, as of its moment.
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
