//! A thread that syncs commits to the disk some time after they returned.
//!
//! With [`Options::may_lose`](super::Options::may_lose), a commit returns before it is on disk, and many
//! commits share one sync of the file. The journal only tells this thread that there is something to
//! sync, so that a commit does not wait for the disk. A load and a commit of more than a MiB wait for earlier
//! commits, since nothing can be synced while they last.
//!
//! # Invariants
//!
//! * Once the syncer is dropped, every commit that was noted is on disk, unless a sync failed, which
//!   [`Syncer::check`] returns.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::Database;

use super::fault::{NOT_OPENED, NOT_WRITTEN, explain};
use crate::model::error::Error;

/// Syncs the database on a thread of its own, some time after a commit.
pub(super) struct Syncer {
    /// None once the thread is to end.
    commits: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<redb::Error>>>,
}

impl Syncer {
    pub(super) fn start(
        path: &Path,
        database: &Arc<Database>,
        time: Duration,
    ) -> Result<Syncer, Error> {
        // One message in the channel stands for any number of commits.
        let (commits, receiver) = sync_channel(1);
        let failure = Arc::default();
        let thread = thread::Builder::new().name("ticketdex-sync".to_owned());
        let (shared, slot) = (Arc::clone(database), Arc::clone(&failure));
        let thread = thread
            .spawn(move || keep_synced(&shared, &receiver, time, &slot))
            .map_err(|error| explain(path, NOT_OPENED, error.into()))?;
        Ok(Syncer {
            commits: Some(commits),
            thread: Some(thread),
            failure,
        })
    }

    /// Tells the thread that a commit is not on disk.
    pub(super) fn note_commit(&self) {
        if let Some(commits) = &self.commits {
            // Where the channel is full, the thread has yet to look; where it is closed, a sync failed.
            let _ = commits.try_send(());
        }
    }

    /// Returns the error of a failed sync, once: the database itself refuses commits after it.
    pub(super) fn check(&self, path: &Path) -> Result<(), Error> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.take() {
            Some(error) => Err(explain(path, NOT_WRITTEN, error)),
            None => Ok(()),
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.commits = None;
        if let Some(thread) = self.thread.take() {
            // The thread panics only where the database does, and then nothing can be synced.
            let _ = thread.join();
        }
    }
}

/// Syncs `time` after the first commit that is not synced yet, and at the end.
fn keep_synced(
    database: &Database,
    commits: &Receiver<()>,
    time: Duration,
    failure: &Mutex<Option<redb::Error>>,
) {
    while commits.recv().is_ok() {
        // A time beyond what the clock can tell never ends.
        let deadline = Instant::now().checked_add(time);
        let is_told = || match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                commits.recv_timeout(left).is_ok()
            }
            None => commits.recv().is_ok(),
        };
        while is_told() {}
        if let Err(error) = sync(database) {
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return;
        }
    }
}

/// Waits until every commit is on disk.
pub(super) fn sync(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Ok(transaction.commit()?)
}
