//! Reads a few records of a database without checking all of it.
//!
//! Opening a database for writing checks every page, which takes longer than reading an image. What has
//! changed since the image can be read without that check: every commit is made in two phases, so the
//! newest one in the file is whole, however the process ended, and what is read is compared with hashes
//! that the commits left ([`log`](mod@log)). The whole check comes before the first write
//! ([`late`](super::late)).
//!
//! # Invariants
//!
//! * Nothing is written to the file, and no lock is taken: the caller has one.
//! * The database may be damaged. Reading it may then give wrong values, an error or a panic, and the
//!   caller must be prepared for each.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{
    BackendError, Builder, ConcurrencyMode, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase,
    StorageBackend,
};

use super::file::StoreFile;
use super::journal::TICKETS;
use super::log::{self, Entry};
use super::numbers::Numbers;

/// The offset of the byte of flags that say how the last writer left the file.
const STATE_AT: u64 = 9;
/// The flag of a file that its writer has not closed.
const STATE_OPEN: u8 = 2;
/// The flag of a file whose newest commit was made in two phases.
const STATE_TWO_PHASE: u8 = 4;

/// A database that is read without a check.
pub(super) struct Peek {
    database: ReadOnlyDatabase,
    tickets: ReadOnlyTable<u64, &'static [u8]>,
}

impl fmt::Debug for Peek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek").finish_non_exhaustive()
    }
}

impl Peek {
    /// Opens the database in a file, which the caller has locked, with a cache of a number of bytes; none
    /// where it would need a repair.
    pub(super) fn open(
        file: &Arc<StoreFile>,
        cache_bytes: usize,
    ) -> Result<Option<Peek>, redb::Error> {
        let mut state = [0];
        file.read(STATE_AT, &mut state)?;
        if state[0] & STATE_TWO_PHASE == 0 {
            return Ok(None);
        }
        // In this mode reading does not depend on what a crash leaves to be repaired.
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .open_read_only_with_backend(Shown(Arc::clone(file)))?;
        let tickets = database.begin_read()?.open_table(TICKETS)?;
        Ok(Some(Peek { database, tickets }))
    }

    /// Returns the format and the numbers of the file; none where it is no store.
    pub(super) fn numbers(&self) -> Result<Option<Numbers>, redb::Error> {
        Numbers::read(&self.database)
    }

    /// Returns the entry of the last commit that left one.
    pub(super) fn last(&self) -> Result<Option<(u64, Entry)>, redb::Error> {
        log::last(&self.database)
    }

    /// Returns the entries after a commit; none where one of them is no entry.
    pub(super) fn after(&self, number: u64) -> Result<Option<Vec<(u64, Entry)>>, redb::Error> {
        log::after(&self.database, number)
    }

    /// Hands the record of a ticket to `read`, if it is there.
    pub(super) fn with_record<T>(
        &self,
        tid: u64,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, redb::Error> {
        let record = self.tickets.get(tid)?;
        Ok(record.and_then(|record| read(record.value())))
    }
}

/// A file as the database is to see it: closed by its last writer, and locked by nobody.
#[derive(Debug)]
struct Shown(Arc<StoreFile>);

impl StorageBackend for Shown {
    fn len(&self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)?;
        let at = STATE_AT.checked_sub(offset);
        let state = at.and_then(|at| out.get_mut(usize::try_from(at).ok()?));
        if let Some(state) = state {
            *state &= !STATE_OPEN;
        }
        Ok(())
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}
