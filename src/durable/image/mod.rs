//! The image of a store: its segments as files beside the database, so that opening need not index.
//!
//! Only the database is authoritative; an image is a cache of the segments that indexing made as of one
//! commit. It is used only where each file was written by this build and has the hash that the manifest
//! expects, and where the manifest has the chain of an earlier state of the database
//! ([`log`](super::log)). The tickets that have changed since are then read from the database.
//! Otherwise all tickets are indexed again, and [`Opened`](super::Opened) says why.
//!
//! * [`part`]: one file, with its head and its hash.
//! * [`manifest`]: the list of the files, and the parts of a snapshot that are not in segments.
//! * [`job`]: writing an image.
//!
//! [`restore`](mod@super::restore) makes a store of an image and of what has changed since.
//!
//! # Invariants
//!
//! * A file that a manifest names is never written again, and new files get new names. So after a crash at
//!   any moment, the manifest names whole files.
//! * Only the holder of the database's lock writes its image, except for a job that outlives its store.
//!   Such a job may run beside one of another writer; then the manifest may name a file that the other
//!   job has removed, and the image is not used.
//!
//! # Cost
//!
//! An image takes as much disk as the store takes memory.

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

/// Returns the folder of the image of the store in a file; links to the file are followed.
pub(super) fn folder(path: &Path) -> PathBuf {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".image");
    path.with_file_name(name)
}

/// Returns a random number, which no file has.
pub(super) fn new_number() -> u64 {
    // Each hasher that this makes has other keys.
    RandomState::new().hash_one(std::process::id())
}

/// Waits until the names in a folder are on disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
