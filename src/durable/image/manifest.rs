//! The manifest of an image: the file that says which files belong to it.
//!
//! A manifest names the files of the segments with their hashes, and holds the rest of the snapshot: dead
//! rows, names of custom fields, and the log of removals. It is written last and replaces the previous
//! manifest by a rename, so that there is always either the whole old image or the whole new one.
//!
//! # Cost
//!
//! Reading and writing are linear in dead rows, names and removals. Loading reads every segment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::part::{self, Unusable, Written};
use crate::model::names::CustomNames;
use crate::segment::{
    Budget, ReadSegment, Segment, Stored, StoredReader, StoredWriter, Tombstones, malformed,
};
use crate::snapshot::{LiveSegment, Parts, Removal, Removals, Snapshot, StoreMark};

/// The name of the manifest, and of a new one before it is renamed to that.
const NAME: &str = "manifest";
const NEW_NAME: &str = "manifest.new";

/// Stands for no base in the file.
const NO_BASE: u64 = u64::MAX;

/// The file of a segment: its number, and what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::durable) struct SegmentFile {
    pub(super) number: u64,
    pub(super) written: Written,
}

impl SegmentFile {
    /// Returns the path of the file of a number.
    pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
        folder.join(format!("{number:016x}.segment"))
    }
}

/// Segments and their files.
pub(in crate::durable) type Files = Vec<(Weak<Segment>, SegmentFile)>;

/// The entry of a segment in a manifest.
#[derive(Debug)]
struct SegmentPart {
    file: SegmentFile,
    /// The index of the segment that it revises, if any.
    base: Option<usize>,
    /// The dead rows, ascending.
    dead: Vec<u32>,
    dead_text_bytes: u64,
}

/// The content of a manifest.
#[derive(Debug)]
pub(in crate::durable) struct Manifest {
    /// The number of the commit that the image is of.
    pub(in crate::durable) version: u64,
    /// The chain after that commit.
    pub(in crate::durable) chain: u64,
    names: Vec<String>,
    /// The last commit whose removals are forgotten.
    forgotten: u64,
    /// For each removal, the number of its commit and the tid, one after the other.
    removals: Vec<u64>,
    segments: Vec<SegmentPart>,
}

impl Stored for SegmentPart {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.file.number)?;
        out.number(self.file.written.bytes)?;
        out.number(self.file.written.hash)?;
        out.number(self.base.map_or(NO_BASE, |base| base as u64))?;
        out.slice(&self.dead)?;
        out.number(self.dead_text_bytes)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<SegmentPart> {
        Ok(SegmentPart {
            file: SegmentFile {
                number: input.number()?,
                written: Written {
                    bytes: input.number()?,
                    hash: input.number()?,
                },
            },
            base: match input.number()? {
                NO_BASE => None,
                base => Some(usize::try_from(base).map_err(|_| malformed())?),
            },
            dead: input.vec()?,
            dead_text_bytes: input.number()?,
        })
    }
}

impl Manifest {
    /// Describes a snapshot whose segments are in files, in the same order.
    pub(super) fn of(snapshot: &Snapshot, chain: u64, files: &[SegmentFile]) -> Manifest {
        let segments = snapshot.segments();
        let part = |(live, &file): (&LiveSegment, &SegmentFile)| {
            let mut dead = Vec::with_capacity(live.dead.count() as usize);
            live.dead.for_each(|row| dead.push(row));
            SegmentPart {
                file,
                base: segments
                    .iter()
                    .position(|other| live.revises(&other.segment)),
                dead,
                dead_text_bytes: live.dead_text_bytes(),
            }
        };
        let forgotten = snapshot.parts().removals.forgotten();
        let removals = snapshot.removed_since(forgotten).into_iter().flatten();
        Manifest {
            version: snapshot.version(),
            chain,
            names: snapshot.custom_names().to_vec(),
            forgotten,
            removals: removals.flat_map(|it| [it.version, it.tid]).collect(),
            segments: segments.iter().zip(files).map(part).collect(),
        }
    }

    /// Returns the numbers of the files that belong to the image.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.segments.iter().map(|part| part.file.number)
    }

    /// Returns whether a segment revises another; readers would then make columns that no budget counts.
    pub(in crate::durable) fn has_revisions(&self) -> bool {
        self.segments.iter().any(|part| part.base.is_some())
    }

    /// Returns whether a folder has a manifest, which may be any.
    pub(super) fn is_there(folder: &Path) -> bool {
        folder.join(NAME).is_file()
    }

    /// Writes the manifest, which replaces the previous one; returns its bytes.
    pub(super) fn write(&self, folder: &Path) -> io::Result<u64> {
        let mut content = Vec::new();
        let mut out = StoredWriter::new(&mut content);
        out.number(self.version)?;
        out.number(self.chain)?;
        out.count(self.names.len())?;
        let mut names = self.names.iter();
        names.try_for_each(|name| out.slice(name.as_bytes()))?;
        out.number(self.forgotten)?;
        out.slice(&self.removals)?;
        out.list(&self.segments)?;
        let new = folder.join(NEW_NAME);
        part::write_sealed(&new, &content)?;
        std::fs::rename(new, folder.join(NAME))?;
        super::sync_folder(folder)?;
        Ok(content.len() as u64)
    }

    /// Reads the manifest of a folder.
    pub(in crate::durable) fn read(folder: &Path) -> Result<Manifest, Unusable> {
        let content = part::read_sealed(&folder.join(NAME))?;
        let mut bytes = &*content;
        let mut input = StoredReader::new(&mut bytes, content.len() as u64);
        let version = input.number()?;
        let chain = input.number()?;
        let count = input.number::<u64>()?;
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(input.text()?);
        }
        Ok(Manifest {
            version,
            chain,
            names,
            forgotten: input.number()?,
            removals: input.vec()?,
            segments: input.list()?,
        })
    }

    /// Reads the segments; returns the parts of the snapshot that was written, and the file of each
    /// segment.
    pub(in crate::durable) fn load(
        self,
        folder: &Path,
        budget: &Arc<Budget>,
    ) -> Result<(Parts, Files), Unusable> {
        let mut read: Vec<Option<LiveSegment>> = Vec::new();
        read.resize_with(self.segments.len(), || None);
        // Bases are read before their revisions.
        let (bases, revisions): (Vec<_>, Vec<_>) =
            (0..self.segments.len()).partition(|&at| self.segments[at].base.is_none());
        for at in bases.into_iter().chain(revisions) {
            let part = &self.segments[at];
            let base = part.base.map(|base| {
                let base = read.get(base).and_then(Option::as_ref);
                base.map(|live| Arc::clone(&live.segment))
                    .ok_or(Unusable::Damaged)
            });
            let segment = read_segment(folder, part.file, base.transpose()?.as_ref(), budget)?;
            let mut dead = Tombstones::default();
            for &row in &part.dead {
                dead.insert(row);
            }
            let segment = segment.trust(budget);
            read[at] = Some(LiveSegment::restored(segment, dead, part.dead_text_bytes));
        }
        let segments: Vec<LiveSegment> = read.into_iter().flatten().collect();
        let of_file =
            |(live, part): (&LiveSegment, &SegmentPart)| (Arc::downgrade(&live.segment), part.file);
        let files = segments.iter().zip(&self.segments).map(of_file).collect();
        let parts = Parts {
            // The store that takes the parts over sets its own mark.
            store: StoreMark::default(),
            version: self.version,
            segments,
            names: Arc::new(self.custom_names()?),
            removals: self.removals(),
        };
        Ok((parts, files))
    }

    fn custom_names(&self) -> Result<CustomNames, Unusable> {
        let mut names = CustomNames::default();
        let entered = names.enter(None, self.names.iter().map(String::as_str));
        entered.map_err(|_| Unusable::Damaged)?;
        Ok(names)
    }

    fn removals(&self) -> Removals {
        let mut removals = Removals::default();
        removals.forget(self.forgotten);
        for pair in self.removals.chunks_exact(2) {
            let (version, tid) = (pair[0], pair[1]);
            removals.push(Removal { tid, version });
        }
        removals
    }
}

fn read_segment(
    folder: &Path,
    file: SegmentFile,
    base: Option<&Arc<Segment>>,
    budget: &Arc<Budget>,
) -> Result<ReadSegment, Unusable> {
    let path = SegmentFile::path(folder, file.number);
    let read = part::read(&path, file.written, |input| {
        Segment::read_from(input, base, budget)
    });
    read.map_err(|unusable| match unusable {
        // The manifest is there, and a file that it names is not.
        Unusable::Missing => Unusable::Damaged,
        unusable => unusable,
    })
}
