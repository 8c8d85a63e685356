//! Writing an image: a job that the caller runs.

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
    /// Those of the image that is there.
    files: Arc<Mutex<Files>>,
}

impl Images {
    /// Knows nothing of an image in the folder.
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
        // A file that a panic left is in no list.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an image that is to be written has more than the one that is there.
///
/// Owns what it needs and knows nothing of its store, so it can be run on another thread while the store
/// goes on. One that is dropped changes nothing.
pub struct ImageJob {
    snapshot: Snapshot,
    chain: u64,
    changed_count: u64,
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

/// What writing an image came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageWritten {
    /// The version of the snapshot that the image has.
    pub version: u64,
    /// The segments whose files were written; those of the others were there.
    pub segments_count: usize,
    /// The bytes that were written.
    pub bytes: u64,
}

/// Returns what writes the image of a store, where the one that is there is of an earlier version.
///
/// An image is a copy of the segments beside the store's file, in a folder of its name with `.image`
/// behind. A store that has one opens in a fraction of the time: it reads the copy, and indexes only
/// what has changed since. Nothing is lost with an image: it may be deleted at any time, and one that
/// is not whole, or is of another store or moment, is not used.
///
/// None is returned for a store in memory, for one that has the image of its version, and for one whose
/// file was written by an earlier version of the crate, until its first commit.
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
    if mark.image == Some(snapshot.version()) {
        return None;
    }
    // Until the job has run, an image that is there needs what changed since it, and this one what
    // changes from now on.
    let is_connected = mark.listed_after.is_some();
    mark.listed_after.get_or_insert(snapshot.version());
    let changed_count = if is_connected && mark.image.is_some() {
        mark.listed as u64
    } else {
        snapshot.tickets_count()
    };
    drop(mark);
    Some(ImageJob {
        snapshot,
        chain,
        changed_count,
        images,
    })
}

impl ImageJob {
    /// Returns how many tickets would be indexed if the store were opened now: those that changed since
    /// the image that is there, one as often as it did, or all where there is none.
    ///
    /// Whoever keeps an image fresh runs the job once this is some thousands, which take some tens of
    /// milliseconds to index. Past 262,144 the image is of no use.
    pub fn changed_count(&self) -> u64 {
        self.changed_count
    }

    /// Writes the segments that have no file yet, and then the manifest that makes the image count.
    ///
    /// Jobs of one store wait for each other; one that finds a later image there leaves it.
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
        mark.image = Some(version);
        // Where too much has changed meanwhile, nothing is listed that could follow this image.
        if let Some(after) = &mut mark.listed_after {
            *after = version.max(*after);
        }
        Ok(written)
    }

    fn write(&self, files: &mut Files) -> std::io::Result<ImageWritten> {
        let folder = &*self.images.folder;
        fs::create_dir_all(folder)?;
        files.retain(|(segment, _)| segment.strong_count() > 0);
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
            // What a full disk has of it is of no use.
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

/// Removes the files of segments that are none of an image's.
fn clear(folder: &Path, manifest: &Manifest) {
    let kept: Vec<PathBuf> = manifest
        .numbers()
        .map(|number| SegmentFile::path(folder, number))
        .collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_segment = path.extension().is_some_and(|it| it == "segment");
        if is_segment && !kept.contains(&path) {
            // Where it stays, it is in nobody's way.
            let _ = fs::remove_file(path);
        }
    }
}
