//! The job that writes an image, which the caller runs on any thread.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::manifest::{Files, Manifest, SegmentFile};
use super::part;
use crate::durable::log::Marks;
use crate::model::error::{Error, ErrorKind};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::store::Store;

const NOT_WRITTEN: &str = "the image of the store cannot be written; the store itself is whole, \
                           and opens without one";

/// What a store's journal and the jobs that write its image share.
#[derive(Clone, Debug)]
pub(in crate::durable) struct Images {
    folder: PathBuf,
    marks: Marks,
    /// The files of the present image.
    files: Arc<Mutex<Files>>,
}

impl Images {
    /// Begins without knowledge of an image in the folder.
    pub(in crate::durable) fn new(folder: PathBuf, marks: Marks) -> Images {
        Images {
            folder,
            marks,
            files: Arc::default(),
        }
    }

    /// Takes note of the files of the image that the store was opened from.
    pub(in crate::durable) fn opened(&self, files: Files) {
        *self.lock() = files;
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        // A file that a panic left unfinished is not listed.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that writes the image of a store, or brings it up to date.
///
/// It owns what it needs, so it can run on another thread while the store goes on. Dropping a job writes no
/// image, but commits go on listing their tickets for one.
pub struct ImageJob {
    snapshot: Snapshot,
    chain: u64,
    changed_count: u64,
    /// The number of tickets that entries had listed so far.
    listed_ever: usize,
    images: Images,
}

impl fmt::Debug for ImageJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageJob")
            .field("version", &self.snapshot.version())
            .field("changed_count", &self.changed_count)
            .finish_non_exhaustive()
    }
}

/// The outcome of writing an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageWritten {
    /// The version of the snapshot that the image holds.
    pub version: u64,
    /// The number of segments whose files were written; the other segments had files already.
    pub segments_count: usize,
    /// The number of bytes that were written.
    pub bytes: u64,
}

/// Returns a job that writes the image of a store as of its present version.
///
/// An image is a copy of the segments beside the store's file, in a folder of the same name with `.image`
/// appended. A store that has one opens in a fraction of the time: it reads the copy, and indexes only
/// what has changed since. An image may be deleted at any time without a loss; one that is incomplete, or
/// not of an earlier state of the store, is not used.
///
/// Returns none for a store in memory, for one that has an image of its version, and for one that has
/// had no commit since it was made or since an earlier version of the crate wrote its file.
///
/// # Cost
///
/// Taking the job is constant. See [`ImageJob::run`].
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Ticket, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-image-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// let mut store = durable::Options::new().create(true).open(&path)?;
/// store.commit((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }).collect::<Batch>())?;
/// if let Some(job) = durable::image_job(&store) {
///     job.run()?; // on this thread or another
/// }
/// drop(store);
///
/// let (store, opened) = durable::Options::new().open_told(&path)?;
/// assert!(opened.from_image && opened.replayed == 0);
/// assert!(durable::image_job(&store).is_none());
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn image_job(store: &Store) -> Option<ImageJob> {
    let images: Images = store.journal_part()?;
    let snapshot = store.snapshot();
    let mut mark = images.marks.lock();
    let chain = mark.chain?;
    let image = mark.image.filter(|_| Manifest::is_there(&images.folder));
    if image == Some(snapshot.version()) {
        return None;
    }
    // Until the job has run, commits must list their tickets for the present image, if there is one; if
    // not, only for the image that the job writes.
    let is_connected = mark.listed_after.is_some();
    mark.listed_after.get_or_insert(snapshot.version());
    let listed_ever = mark.listed_ever;
    let changed_count = if is_connected && image.is_some() {
        listed_ever.saturating_sub(mark.listed_before) as u64
    } else {
        snapshot.tickets_count()
    };
    drop(mark);
    Some(ImageJob {
        snapshot,
        chain,
        changed_count,
        listed_ever,
        images,
    })
}

impl ImageJob {
    /// Returns how many tickets would be indexed if the store were opened at this moment: those that
    /// changed since the present image, each counted once for every change, or all where there is none.
    ///
    /// To keep an image up to date, run the job once this is some thousands, which take some tens of
    /// milliseconds to index. Where they and the commits after the image are together more than 262,144,
    /// the image is not used.
    pub fn changed_count(&self) -> u64 {
        self.changed_count
    }

    /// Writes the segments that have no file yet, and then the manifest, which makes the image valid.
    ///
    /// Jobs of one store wait for each other; one that finds an image of its version or a later one does
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`] where the files cannot be written. The store is as it was, and so is the
    /// image, if there was one.
    ///
    /// # Cost
    ///
    /// Linear in the new segments, which are written as they lie in memory, and in dead rows, names and
    /// removals; waits for the disk.
    pub fn run(self) -> Result<ImageWritten, Error> {
        let mut files = self.images.lock();
        let version = self.snapshot.version();
        let there = self.images.marks.lock().image;
        let there = there.filter(|_| Manifest::is_there(&self.images.folder));
        if let Some(version) = there.filter(|&there| there >= version) {
            return Ok(ImageWritten {
                version,
                segments_count: 0,
                bytes: 0,
            });
        }
        let written = self.write(&mut files).map_err(|error| {
            Error::from(ErrorKind::Storage {
                path: Some(self.images.folder.clone()),
                reason: NOT_WRITTEN,
                source: error.into(),
            })
        })?;
        let mut mark = self.images.marks.lock();
        // Where too much has changed meanwhile, commits do not list their tickets, and the store cannot be
        // opened from this image.
        let is_connected = mark.listed_after.is_some_and(|after| after <= version);
        mark.image = is_connected.then_some(version);
        mark.listed_before = self.listed_ever;
        mark.listed_after = mark.listed_after.map(|after| version.max(after));
        Ok(written)
    }

    fn write(&self, files: &mut Files) -> std::io::Result<ImageWritten> {
        let folder = &*self.images.folder;
        fs::create_dir_all(folder)?;
        // The folder may have been deleted since.
        files.retain(|(segment, file)| {
            segment.strong_count() > 0 && SegmentFile::path(folder, file.number).is_file()
        });
        let mut written = ImageWritten {
            version: self.snapshot.version(),
            segments_count: 0,
            bytes: 0,
        };
        let mut own = Vec::new();
        for live in self.snapshot.segments() {
            let is_own = |(segment, _): &&(Weak<Segment>, SegmentFile)| {
                segment.as_ptr() == Arc::as_ptr(&live.segment)
            };
            if let Some((_, file)) = files.iter().find(is_own) {
                own.push(*file);
                continue;
            }
            let number = super::new_number();
            let path = SegmentFile::path(folder, number);
            let part = part::write(&path, |out| live.segment.write_to(out));
            // A file that is cut off, as by a full disk, is removed.
            let part = part.inspect_err(|_| drop(fs::remove_file(&path)))?;
            let file = SegmentFile {
                number,
                written: part,
            };
            written.segments_count += 1;
            written.bytes += part.bytes;
            own.push(file);
            files.push((Arc::downgrade(&live.segment), file));
        }
        let manifest = Manifest::of(&self.snapshot, self.chain, &own);
        written.bytes += manifest.write(folder)?;
        clear(folder, &manifest);
        let is_kept = |file: &SegmentFile| own.contains(file);
        files.retain(|(_, file)| is_kept(file));
        Ok(written)
    }
}

/// Removes the files of segments that do not belong to the image.
fn clear(folder: &Path, manifest: &Manifest) {
    let kept: Vec<PathBuf> = manifest
        .numbers()
        .map(|number| SegmentFile::path(folder, number))
        .collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_segment = path.extension().is_some_and(|it| it == "segment");
        if is_segment && !kept.contains(&path) {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(path);
        }
    }
}
