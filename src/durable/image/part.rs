//! One file of an image: its content behind a head that says which build of the crate wrote it.
//!
//! # Invariants
//!
//! * A file is read only if its head is the one that this build of the crate writes on this machine:
//!   the format, the versions of the crate and of Unicode, the byte order and the width of a pointer.
//! * The content of a file is returned only if it has the expected hash.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::segment::{StoredReader, StoredWriter, malformed};

/// The number of the format of images, which increases with every change to what a file holds.
const FORMAT: u32 = 4;

/// A number whose bytes show the byte order.
const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;

/// The size of the buffer in front of a file, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Why an image is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::durable) enum Unusable {
    /// There is no such file.
    Missing,
    /// The file is of another version of the crate or another kind of machine, or not of an image.
    Foreign,
    /// The bytes are not those that were written.
    Damaged,
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Unusable {
        match error.kind() {
            io::ErrorKind::NotFound => Unusable::Missing,
            _ => Unusable::Damaged,
        }
    }
}

/// The length and the hash of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

/// Returns the first bytes of every file.
fn head() -> Vec<u8> {
    let mut head = b"ticketdex image\n".to_vec();
    head.extend_from_slice(&BYTE_ORDER.to_ne_bytes());
    head.extend_from_slice(&FORMAT.to_le_bytes());
    head.extend_from_slice(&usize::BITS.to_le_bytes());
    // Folding, and so the order of texts, depends on the standard library's version of Unicode.
    let (major, minor, update) = char::UNICODE_VERSION;
    head.extend_from_slice(&[major, minor, update]);
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    head.push(version.len() as u8);
    head.extend_from_slice(version);
    head
}

/// Writes a file, and waits until it is on disk.
pub(super) fn write(
    path: &Path,
    write: impl FnOnce(&mut StoredWriter<'_>) -> io::Result<()>,
) -> io::Result<Written> {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
    file.write_all(&head())?;
    let mut out = StoredWriter::new(&mut file);
    write(&mut out)?;
    let written = Written {
        bytes: out.bytes(),
        hash: out.hash(),
    };
    file.into_inner()?.sync_all()?;
    Ok(written)
}

/// Opens a file at the end of its head, and returns how many bytes follow.
fn open(path: &Path) -> Result<(BufReader<File>, u64), Unusable> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let expected = head();
    let mut found = vec![0; expected.len()];
    file.read_exact(&mut found).map_err(|_| Unusable::Foreign)?;
    if found != expected {
        return Err(Unusable::Foreign);
    }
    Ok((file, bytes.saturating_sub(expected.len() as u64)))
}

/// Reads a file, if its content has the length and the hash that were written.
pub(super) fn read<T>(
    path: &Path,
    written: Written,
    read: impl FnOnce(&mut StoredReader<'_>) -> io::Result<T>,
) -> Result<T, Unusable> {
    let (mut file, bytes) = open(path)?;
    if bytes != written.bytes {
        return Err(Unusable::Damaged);
    }
    let mut input = StoredReader::new(&mut file, bytes);
    let value = read(&mut input)?;
    if !input.is_at_end() || input.hash() != written.hash {
        return Err(Unusable::Damaged);
    }
    Ok(value)
}

/// Writes a file with the hash of its content at its end.
pub(super) fn write_sealed(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, |out| {
        out.slice(content)?;
        let hash = out.hash();
        out.number(hash)
    })
    .map(drop)
}

/// Reads a file that [`write_sealed`] wrote.
pub(super) fn read_sealed(path: &Path) -> Result<Vec<u8>, Unusable> {
    let (mut file, bytes) = open(path)?;
    let mut input = StoredReader::new(&mut file, bytes);
    let content = input.vec()?;
    let hash = input.hash();
    if input.number::<u64>()? != hash || !input.is_at_end() {
        return Err(malformed().into());
    }
    Ok(content)
}
