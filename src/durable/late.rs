//! The journal of a store that was opened from its image, whose database is checked later.
//!
//! Opening from an image reads a few records of the database. Before anything is written to it, all of it
//! must be checked, as opening without an image does: a damaged page must not become part of what is
//! written. The check takes longer than the rest of the opening. Where the caller allows threads, one
//! does it at once, and a commit waits for its end; otherwise the first commit does it.
//!
//! # Invariants
//!
//! * The file is locked from before it is first read until the store is dropped.
//! * A database that turns out to be damaged, or was changed since it was first read, takes no commit.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::Options;
use super::file::StoreFile;
use super::image::Images;
use super::journal::FileJournal;
use super::log::Marks;
use crate::journal::{Change, Journal};
use crate::model::error::{Error, ErrorKind};

const REFUSED: &str = "takes no commits, since the check before the first one failed or found damage; \
                       the store can be read";

/// Everything that checking and opening a database needs.
#[derive(Clone)]
pub(super) struct Unchecked {
    pub(super) path: PathBuf,
    pub(super) options: Options,
    pub(super) file: Arc<StoreFile>,
    pub(super) marks: Marks,
    pub(super) images: Images,
}

impl Unchecked {
    /// Checks the whole database, and opens it if it has not changed since it was first read.
    fn open(self) -> Result<FileJournal, Error> {
        let seen = *self.marks.lock();
        let Unchecked {
            path,
            options,
            file,
            marks,
            images,
        } = self;
        let journal = FileJournal::open_locked(&path, &options, file, marks.clone(), images)?;
        let found = *marks.lock();
        if (found.number, found.chain) == (seen.number, seen.chain) {
            return Ok(journal);
        }
        // Where the lock had to be released first, another process has written to the database.
        Err(ErrorKind::StoreInUse { path }.into())
    }
}

/// A journal whose database is checked before the first change.
pub(super) struct LateJournal {
    images: Images,
    path: PathBuf,
    state: State,
}

enum State {
    Unchecked(Unchecked),
    Checking(JoinHandle<Result<FileJournal, Error>>),
    Open(Box<FileJournal>),
    Refused,
}

impl fmt::Debug for LateJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateJournal")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl LateJournal {
    /// Begins the check at once, if the options allow a thread for it.
    pub(super) fn new(unchecked: Unchecked) -> LateJournal {
        let (images, path) = (unchecked.images.clone(), unchecked.path.clone());
        let may_start = unchecked.options.threads > 1;
        let checking = may_start.then(|| {
            let own = unchecked.clone();
            let thread = thread::Builder::new().name("ticketdex-check".to_owned());
            thread.spawn(move || own.open())
        });
        let state = match checking {
            Some(Ok(thread)) => State::Checking(thread),
            // Without a thread, the first commit does the check.
            Some(Err(_)) | None => State::Unchecked(unchecked),
        };
        LateJournal {
            images,
            path,
            state,
        }
    }

    /// Returns the journal of the checked database; waits for the check, or does it.
    fn open(&mut self) -> Result<&mut FileJournal, Error> {
        let opened = match std::mem::replace(&mut self.state, State::Refused) {
            State::Open(journal) => Ok(*journal),
            State::Unchecked(unchecked) => unchecked.open(),
            State::Checking(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            State::Refused => Err(ErrorKind::InvalidStore {
                path: self.path.clone(),
                reason: REFUSED,
                detail: String::new(),
            }
            .into()),
        };
        self.state = State::Open(Box::new(opened?));
        match &mut self.state {
            State::Open(journal) => Ok(journal),
            _ => unreachable!("the state was set above"),
        }
    }
}

impl Journal for LateJournal {
    fn replay(
        &mut self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.open()?.replay(take)
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), Error> {
        self.open()?.append(change)
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.open()?.commit()
    }

    fn rollback(&mut self) {
        if let State::Open(journal) = &mut self.state {
            journal.rollback();
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        match &mut self.state {
            State::Open(journal) => journal.sync(),
            // Nothing was committed yet.
            _ => Ok(()),
        }
    }

    fn part(&self) -> Option<&dyn Any> {
        Some(&self.images)
    }
}

impl Drop for LateJournal {
    fn drop(&mut self) {
        // The thread keeps the file locked, and the lock must be free once the store is dropped.
        if let State::Checking(thread) = std::mem::replace(&mut self.state, State::Refused) {
            let _ = thread.join();
        }
    }
}
