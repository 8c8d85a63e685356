//! The errors of a durable store: errors of the database and the file system as errors of the crate.
//!
//! The database has an error for each of its own layers. A caller needs to know only whether the file is
//! in use, is no store, is damaged, or could not be read or written this time.

use std::io;
use std::path::Path;

use super::file::NotOpened;
use crate::model::error::{Error, ErrorKind};

pub(super) const NOT_OPENED: &str = "the store cannot be opened";
pub(super) const NOT_READ: &str = "the store cannot be read";
pub(super) const NOT_WRITTEN: &str = "the commit cannot be written to the store, which takes no more \
                           until it is opened again; check that its disk has room and works";
pub(super) const REFUSED: &str = "the store takes no commits since one failed; it can be read, and must be \
                       opened again to be written";
pub(super) const NOT_MADE: &str = "the store cannot be made";
pub(super) const MISSING: &str = "is not there, and a store is made only where that is asked for";
pub(super) const NO_STORE: &str = "is not a ticketdex store";
pub(super) const OTHER_FORMAT: &str = "is a store of a format that this version does not know";
pub(super) const DAMAGED: &str = "is damaged; put a copy in its place, or import its tickets again";

/// Turns an error of the database into the crate's; `reason` is for those that are not about the file's
/// content.
pub(super) fn explain(path: &Path, reason: &'static str, error: redb::Error) -> Error {
    use redb::Error as E;
    match error {
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch => in_use(path),
        E::Corrupted(detail) => invalid(path, DAMAGED, &detail),
        E::UpgradeRequired(version) => {
            invalid(path, OTHER_FORMAT, &format!("database version {version}"))
        }
        E::TableDoesNotExist(_)
        | E::TableTypeMismatch { .. }
        | E::TableIsMultimap(_)
        | E::TypeDefinitionChanged { .. } => {
            invalid(path, NO_STORE, "it is a database of something else")
        }
        E::Io(error) if is_damage(&error) => invalid(path, DAMAGED, &error.to_string()),
        E::PreviousIo => storage(path, REFUSED, E::PreviousIo),
        E::Io(error) => storage(path, reason, error),
        error => storage(path, reason, error),
    }
}

/// Returns whether an error means that a file which begins as a database is cut off or damaged.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

pub(super) fn in_use(path: &Path) -> Error {
    ErrorKind::StoreInUse {
        path: path.to_owned(),
    }
    .into()
}

pub(super) fn storage(
    path: &Path,
    reason: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    ErrorKind::Storage {
        path: Some(path.to_owned()),
        reason,
        source: source.into(),
    }
    .into()
}

pub(super) fn invalid(path: &Path, reason: &'static str, detail: &str) -> Error {
    ErrorKind::InvalidStore {
        path: path.to_owned(),
        reason,
        detail: detail.to_owned(),
    }
    .into()
}

/// Why a store could not be made.
pub(super) enum Made {
    Failed(redb::Error),
    Io(io::Error),
}

impl From<io::Error> for Made {
    fn from(error: io::Error) -> Made {
        Made::Io(error)
    }
}

impl Made {
    pub(super) fn explain(self, path: &Path) -> Error {
        match self {
            Made::Failed(error) => explain(path, NOT_MADE, error),
            Made::Io(error) => storage(path, NOT_MADE, error),
        }
    }
}

/// Turns the reason why a file was not opened into the crate's error.
pub(super) fn refuse(path: &Path, reason: NotOpened) -> Error {
    match reason {
        NotOpened::Missing => invalid(path, MISSING, ""),
        NotOpened::Foreign(found) => invalid(path, NO_STORE, &found),
        NotOpened::InUse => in_use(path),
        NotOpened::Io(error) => storage(path, NOT_OPENED, error),
    }
}
