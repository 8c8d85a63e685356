//! The image of a store: its segments as files beside the database, so that opening need not index.
//!
//! The database is the truth and an image a cache of what indexing made of it as of one commit. What it
//! says is used only where all of it is certain: each file says what wrote it and has the hash that the
//! manifest expects, and the chain of the manifest is the database's ([`log`](super::log)). Then what
//! has changed since is put on top, ticket by ticket, from the database. Anything else is told
//! ([`Opened`](super::Opened)) and the tickets are indexed again.
//!
//! * [`part`]: one file, with its head and its hash.
//! * [`manifest`]: which files make the image, and what a snapshot has besides segments.
//! * [`job`] writes one.
//!
//! The store is made of it, and of what has changed since, by [`restore`](mod@super::restore).
//!
//! # Invariants
//!
//! * A file that a manifest names is never written again; new ones get new names. So whatever a crash
//!   cuts short, the manifest that is there names whole files.
//! * Whoever holds the lock of the database is the only one who writes its image. A job that outlives
//!   its store may meet another writer; then one of the manifests names a file that the other has
//!   removed, and is not used.
//!
//! # Cost
//!
//! Disk as much as the store takes in memory.

mod job;
mod manifest;
mod part;

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use job::Images;
pub use job::{ImageJob, ImageWritten, image_job};
pub(super) use manifest::Manifest;
pub(super) use part::Unusable;

/// Returns the folder of the image of the store in a file, whatever links lead to that.
pub(super) fn folder(path: &Path) -> PathBuf {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".image");
    path.with_file_name(name)
}

/// Returns a number that no file has.
fn new_number() -> u64 {
    // Each state of this hasher has keys of its own.
    RandomState::new().hash_one(std::process::id())
}

/// Waits until the names in a folder are on disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
