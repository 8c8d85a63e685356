//! One file of an image: parts behind a head that says what wrote them.
//!
//! # Invariants
//!
//! * A file is read only if its head is the one that this build of the crate writes on this machine:
//!   the format, the versions of the crate and of Unicode, the byte order and the width of a pointer.
//! * What is read is handed on only once its hash is the expected one.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::segment::{StoredReader, StoredWriter, malformed};

/// The form of images; it changes with every change to what a part writes.
const FORMAT: u32 = 2;

/// What a number looks like that tells the byte order.
const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;

/// The bytes of a buffer between parts and a file.
const BUFFER_BYTES: usize = 64 << 10;

/// Why an image is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::durable) enum Unusable {
    /// There is no such file.
    Missing,
    /// The file is of another version of the crate, of another machine, or no part at all.
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

/// What is known of a file that was written.
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
    // What folds alike, and so the order of texts, is the standard library's to say.
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

/// Opens a file behind its head, and returns how many bytes follow.
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

/// Reads a file, if it has what was written.
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

/// Writes a file that says itself what it holds.
pub(super) fn write_sealed(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, |out| {
        out.slice(content)?;
        let hash = out.hash();
        out.number(hash)
    })
    .map(drop)
}

/// Reads such a file.
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
