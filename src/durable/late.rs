//! The journal of a store that was opened from its image: the check of the database comes later.
//!
//! Opening from an image reads a few records of the database. Before anything is written to it all of
//! it must be checked, as it is where there is no image: a page that is damaged must not become part
//! of what is written. That takes longer than the whole opening, so it is done by the first commit, or,
//! where the caller allows threads, on one that begins at once and ends with the check; a commit that comes
//! first waits for it.
//!
//! # Invariants
//!
//! * The file is locked from before the first look at it until the store is dropped.
//! * A database that turns out to be damaged, or another than it was, takes no commit.

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

const REFUSED: &str = "takes no commits, since it was found damaged, or could not be checked, before the first; \
                       the store can be read";

/// What is needed to check a database and to open it.
#[derive(Clone)]
pub(super) struct Unchecked {
    pub(super) path: PathBuf,
    pub(super) options: Options,
    pub(super) file: Arc<StoreFile>,
    pub(super) marks: Marks,
    pub(super) images: Images,
}

impl Unchecked {
    /// Checks the whole database, and opens it if it is the one that was looked at.
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
        // Another process has written it, where locks cannot be handed over.
        Err(ErrorKind::StoreInUse { path }.into())
    }
}

/// A journal whose database is yet to be checked, or has been.
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
    /// Begins the check at once, if there may be a thread for it.
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
            // Without a thread the first commit checks.
            Some(Err(_)) | None => State::Unchecked(unchecked),
        };
        LateJournal {
            images,
            path,
            state,
        }
    }

    /// Returns the journal of the checked database, once it is.
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
            // Nothing was committed.
            _ => Ok(()),
        }
    }

    fn part(&self) -> Option<&dyn Any> {
        Some(&self.images)
    }
}

impl Drop for LateJournal {
    fn drop(&mut self) {
        // The thread holds the lock, which must be free once the store is gone.
        if let State::Checking(thread) = std::mem::replace(&mut self.state, State::Refused) {
            let _ = thread.join();
        }
    }
}
