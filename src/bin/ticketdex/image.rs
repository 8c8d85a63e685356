//! The image of a durable store: when the commands write it.
//!
//! An image only saves the next opening its time, so where it cannot be written that is told and fails
//! nothing.

use ticketdex::durable::{self, ImageJob};
use ticketdex::{Error, Store};

use crate::source::shown_phase;
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

/// Runs the merges that are due, which would be the same after the next opening, and writes the image.
///
/// A terminal is shown both.
pub(crate) fn settle(store: &mut Store) {
    let mut bar = None;
    while let Some(job) = store.merge_job() {
        bar.get_or_insert_with(|| shown_phase("merging segments"));
        store.install(job.run());
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    write(store);
}

/// Writes the image of a store, unless it is there; a terminal is shown that it is written.
pub(crate) fn write(store: &Store) {
    if let Some(job) = durable::image_job(store) {
        let bar = shown_phase("writing the image");
        run(job);
        bar.finish_and_clear();
    }
}
