//! The image of a durable store: when the commands write it.
//!
//! An image only saves the next opening its time, so where it cannot be written that is told and fails
//! nothing.

use ticketdex::durable::{self, ImageJob};
use ticketdex::{Error, Store};

use crate::{describe, say};

/// An image is written again once so many tickets would have to be indexed beside it, which takes some
/// hundredths of a second.
const CHANGED_MIN: u64 = 8_192;

/// Returns what writes the image of a store, once enough has changed.
pub(crate) fn due(store: &Store) -> Option<ImageJob> {
    let job = durable::image_job(store);
    job.filter(|job| job.changed_count() >= CHANGED_MIN)
}

/// Writes an image; false where it could not be written.
pub(crate) fn run(job: ImageJob) -> bool {
    let tell = |error: Error| say(&describe(&error));
    job.run().map_err(tell).is_ok()
}

/// Writes the image of a store, unless it is there.
pub(crate) fn write(store: &Store) {
    if let Some(job) = durable::image_job(store) {
        run(job);
    }
}
