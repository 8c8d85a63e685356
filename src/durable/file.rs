//! The file of a durable store: how it is opened without a change to it, and how a new one is made.
//!
//! A database writes to its file as soon as it is opened: it marks the file as open, and repairs what a
//! crash left unfinished. A file that turns out to be damaged or no store must stay as it is, and so must
//! one that is only read. The database therefore works on a [`StoreFile`], which holds the writes in
//! memory until the caller knows that the file is a whole store and has a commit to write.
//!
//! # Invariants
//!
//! * Nothing is written to a file before [`StoreFile::release`].
//! * Held writes and syncs are carried out in the order in which the database made them, so that a crash
//!   meanwhile leaves the file as a crash of the database would.
//! * A path names a whole store or nothing: a new store is made under another name first, a random one that
//!   no other process uses.
//! * A writer has an exclusive lock on the file, and a reader a shared one.
//!
//! # Cost
//!
//! The memory of what opening writes: a few pages, or after a crash the pages of the repair.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::image::new_number;

/// The first bytes of any database.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// How many bytes of a file are shown in the error where it is no store.
const SHOWN_BYTES: usize = 16;

/// Why a file cannot be the file of a store.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// No file has the path.
    Missing,
    /// The file is no database; what it is instead, as a clause.
    Foreign(String),
    /// Another process or store has the file open.
    InUse,
    Io(io::Error),
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> NotOpened {
        if error.kind() == io::ErrorKind::NotFound {
            NotOpened::Missing
        } else {
            NotOpened::Io(error)
        }
    }
}

/// A file that a database uses, and the writes of the database that are held back from it.
#[derive(Debug)]
pub(super) struct StoreFile {
    backend: FileBackend,
    /// The handle whose shared lock keeps writers away from a file that is only read. The database's own
    /// locks need a file that is open for writing.
    reader_lock: Option<File>,
    /// The handle that locks a file that is written, before the database takes its own lock.
    writer_lock: Option<File>,
    is_held: AtomicBool,
    held: Mutex<Held>,
}

impl StoreFile {
    /// Opens the existing file of a store, and checks that it begins as a database does.
    ///
    /// This does not change the file; where `writes` is false, nothing ever will.
    pub(super) fn open(path: &Path, writes: bool) -> Result<Arc<StoreFile>, NotOpened> {
        let metadata = fs::metadata(path)?;
        // Opening a pipe would wait for its other end.
        if !metadata.is_file() {
            let kind = if metadata.is_dir() {
                "it is a folder"
            } else {
                "it is not a regular file"
            };
            return Err(NotOpened::Foreign(kind.to_owned()));
        }
        let mut file = open_unmarked(path)?;
        look(&mut file, metadata.len())?;
        if writes {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            return StoreFile::of(file, writes).map_err(NotOpened::Io);
        }
        lock_shared(&file)?;
        StoreFile::of(file, writes).map_err(NotOpened::Io)
    }

    fn of(file: File, writes: bool) -> io::Result<Arc<StoreFile>> {
        let lock = file.try_clone()?;
        let (reader_lock, writer_lock) = if writes {
            (None, Some(lock))
        } else {
            (Some(lock), None)
        };
        let bytes = file.metadata()?.len();
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Arc::new(StoreFile {
            backend,
            reader_lock,
            writer_lock,
            is_held: AtomicBool::new(true),
            held: Mutex::new(Held {
                pages: BTreeMap::new(),
                file_bytes: bytes,
                bytes,
                writes: Vec::new(),
            }),
        }))
    }

    /// Carries out the held writes; later writes go to the file directly.
    ///
    /// Where that fails, all writes are still held, and the next call repeats them.
    pub(super) fn release(&self) -> io::Result<()> {
        if !self.is_held() {
            return Ok(());
        }
        let mut held = self.held();
        for write in &held.writes {
            match write {
                Write::Bytes(at, bytes) => self.backend.write(*at, bytes),
                Write::Length(bytes) => self.backend.set_len(*bytes),
                Write::Sync => self.backend.sync_data(),
            }?;
        }
        held.writes = Vec::new();
        held.pages = BTreeMap::new();
        self.is_held.store(false, Ordering::Release);
        Ok(())
    }

    /// Locks the file as a writing database does; false where another process or store has it open.
    pub(super) fn lock(&self) -> bool {
        let Some(lock) = &self.writer_lock else {
            return true;
        };
        // Readers lock the whole file, and databases ranges of it. Where the file system has no locks,
        // the database does without them too.
        let whole = (Bound::Unbounded, Bound::Unbounded);
        let range = || self.backend.try_lock_range(whole.0, whole.1);
        !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && !matches!(range(), Ok(false))
    }

    /// Releases the lock on systems where the database could not take its own beside it.
    pub(super) fn hand_lock_over(&self) {
        if cfg!(windows) {
            self.unlock();
        }
    }

    fn unlock(&self) {
        // Where unlocking fails, closing the file unlocks it.
        let _ = self.backend.close();
        let locks = [&self.reader_lock, &self.writer_lock];
        for lock in locks.into_iter().flatten() {
            let _ = lock.unlock();
        }
    }

    /// Reads bytes of the file itself, without held writes.
    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(at, out)
    }

    /// Returns the length of the file itself, in bytes.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Only this file and plain file access run while it is locked, so a panic elsewhere leaves it
        // whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Acquire)
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        // Closing would not be enough: a child process that is being started may still hold the file.
        self.unlock();
    }
}

/// The writes that are held back from a file, and the content that the database sees by them.
#[derive(Debug)]
struct Held {
    /// The whole pages that the database has written to, by their index.
    pages: BTreeMap<u64, Box<[u8]>>,
    /// The number of bytes at the start that are read from the file, unless a page covers them.
    file_bytes: u64,
    /// The length that the database sees, in bytes.
    bytes: u64,
    /// The writes in order.
    writes: Vec<Write>,
}

#[derive(Debug)]
enum Write {
    /// Bytes at an offset.
    Bytes(u64, Vec<u8>),
    /// A new length of the file, in bytes.
    Length(u64),
    Sync,
}

const PAGE_BYTES: u64 = 4096;

impl Held {
    fn read(&self, backend: &FileBackend, at: u64, out: &mut [u8]) -> io::Result<()> {
        if at + out.len() as u64 > self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let in_file = self.file_bytes.saturating_sub(at).min(out.len() as u64) as usize;
        let (kept, rest) = out.split_at_mut(in_file);
        rest.fill(0);
        if !kept.is_empty() {
            backend.read(at, kept)?;
        }
        let end = at + out.len() as u64;
        for (&page, bytes) in self.pages.range(at / PAGE_BYTES..end.div_ceil(PAGE_BYTES)) {
            let page_start = page * PAGE_BYTES;
            let start = page_start.max(at);
            let end = (page_start + PAGE_BYTES).min(end);
            let source = &bytes[(start - page_start) as usize..(end - page_start) as usize];
            out[(start - at) as usize..(end - at) as usize].copy_from_slice(source);
        }
        Ok(())
    }

    fn write(&mut self, backend: &FileBackend, at: u64, data: &[u8]) -> io::Result<()> {
        let end = at + data.len() as u64;
        for page in at / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            let page_start = page * PAGE_BYTES;
            if !self.pages.contains_key(&page) {
                let mut bytes = vec![0; PAGE_BYTES as usize].into_boxed_slice();
                let there = self.bytes.saturating_sub(page_start).min(PAGE_BYTES);
                self.read(backend, page_start, &mut bytes[..there as usize])?;
                self.pages.insert(page, bytes);
            }
            let start = page_start.max(at);
            let end = (page_start + PAGE_BYTES).min(end);
            if let Some(bytes) = self.pages.get_mut(&page) {
                bytes[(start - page_start) as usize..(end - page_start) as usize]
                    .copy_from_slice(&data[(start - at) as usize..(end - at) as usize]);
            }
        }
        self.bytes = self.bytes.max(end);
        self.writes.push(Write::Bytes(at, data.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, bytes: u64) {
        // Bytes that are cut off read as zeros if the file grows again.
        self.file_bytes = self.file_bytes.min(bytes);
        let cut = self.pages.split_off(&bytes.div_ceil(PAGE_BYTES));
        drop(cut);
        if let Some(page) = self.pages.get_mut(&(bytes / PAGE_BYTES)) {
            page[(bytes % PAGE_BYTES) as usize..].fill(0);
        }
        self.bytes = bytes;
        self.writes.push(Write::Length(bytes));
    }
}

/// The handle of a [`StoreFile`] that a database owns.
#[derive(Debug)]
pub(super) struct Backend(pub(super) Arc<StoreFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        if self.0.is_held() {
            return Ok(self.0.held().bytes);
        }
        self.0.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.0.is_held() {
            return self.0.held().read(&self.0.backend, offset, out);
        }
        self.0.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.0.is_held() {
            self.0.held().set_len(len);
            return Ok(());
        }
        self.0.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.is_held() {
            self.0.held().writes.push(Write::Sync);
            return Ok(());
        }
        self.0.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.is_held() {
            return self.0.held().write(&self.0.backend, offset, data);
        }
        self.0.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        // Unlocks at once, since a child process that is being started may still hold the file.
        match &self.0.reader_lock {
            Some(lock) => lock.unlock(),
            None => self.0.backend.close(),
        }
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(true);
        }
        self.0.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(true);
        }
        self.0.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(());
        }
        self.0.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(());
        }
        self.0.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(());
        }
        self.0.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.0.reader_lock.is_some() {
            return Ok(false);
        }
        self.0.backend.query_lock_range(start, end)
    }
}

/// Opens a file for reading without a change of its access time, where the system allows it.
fn open_unmarked(path: &Path) -> io::Result<File> {
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "x86")
    ))]
    {
        use std::os::unix::fs::OpenOptionsExt;

        // `O_NOATIME`, which only the owner of the file may ask for.
        let mut options = OpenOptions::new();
        if let Ok(file) = options.read(true).custom_flags(0o1_000_000).open(path) {
            return Ok(file);
        }
    }
    File::open(path)
}

/// Keeps writers away from a file for as long as the handle is open.
fn lock_shared(file: &File) -> Result<(), NotOpened> {
    match file.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(NotOpened::InUse),
        // Without locks, checksums still detect what a writer changes meanwhile.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(NotOpened::Io(error)),
    }
}

/// Refuses a file that does not begin as a database does.
fn look(file: &mut File, bytes: u64) -> Result<(), NotOpened> {
    let mut start = Vec::new();
    file.take(PAGE_BYTES).read_to_end(&mut start)?;
    if start.starts_with(MAGIC) {
        return Ok(());
    }
    let zeros = start.iter().take_while(|&&byte| byte == 0).count();
    Err(NotOpened::Foreign(if start.is_empty() {
        "it is empty".to_owned()
    } else if zeros == start.len() {
        format!("it begins with {zeros} zero bytes, of {bytes} bytes in all")
    } else {
        let shown = start[..start.len().min(SHOWN_BYTES)].escape_ascii();
        format!("it begins with \"{shown}\"")
    }))
}

/// The age at which an unfinished file that a killed process left is removed.
const LEFT_AGE: Duration = Duration::from_hours(1);

/// Makes a file by `make` under another name, then gives it the path; false where the path is taken.
///
/// `make` finds an empty file under that name. The name is random, as processes that share the folder may
/// have the same process id: containers number their processes apart.
///
/// An existing file is never replaced, even one that appeared while `make` ran. (On a file system without
/// hard links, one that appears between the last look and the renaming is.) A process that is killed
/// leaves the path as it was.
pub(super) fn create<E: From<io::Error>>(
    path: &Path,
    make: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<bool, E> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let prefix = format!(".{}.new-", name.to_string_lossy());
    clear_left(folder, &prefix);
    let aside = folder.join(format!("{prefix}{:016x}", new_number()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).open(&aside)?;
    let published = make(&aside).and_then(|()| Ok(publish(&aside, path, folder)?));
    let _ = fs::remove_file(&aside);
    published
}

/// Gives a whole file its name, unless that is taken, and syncs the folder that has the name.
fn publish(aside: &Path, path: &Path, folder: &Path) -> io::Result<bool> {
    // The folder is opened first, so that no name is given that could not be synced.
    let folder = cfg!(unix).then(|| File::open(here(folder))).transpose()?;
    let is_published = match fs::hard_link(aside, path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        // The file system may have no links, so the file is renamed.
        Err(_) if fs::symlink_metadata(path).is_ok() => false,
        Err(_) => fs::rename(aside, path).map(|()| true)?,
    };
    if let Some(folder) = folder {
        // Syncing the file does not promise its name. What fails leaves none.
        folder.sync_all().inspect_err(|_| {
            if is_published {
                let _ = fs::remove_file(path);
            }
        })?;
    }
    Ok(is_published)
}

/// Returns a folder's path, which is the empty text for the folder of a mere file name.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// Removes unfinished files of this name that killed processes left some time ago.
fn clear_left(folder: &Path, prefix: &str) {
    let is_left = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let age = || {
            let changed = fs::symlink_metadata(path).ok()?.modified().ok()?;
            SystemTime::now().duration_since(changed).ok()
        };
        name.is_some_and(|name| name.starts_with(prefix)) && age().is_some_and(|it| it > LEFT_AGE)
    };
    let entries = fs::read_dir(here(folder)).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(is_left) {
        // A file that cannot be removed does no harm.
        let _ = fs::remove_file(path);
    }
}
