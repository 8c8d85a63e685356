//! Parts of a segment as the bytes of an image.
//!
//! An image is read in a fraction of the time that indexing takes because its bytes are those that
//! the columns have in memory: a vector of integers is written as it lies there, in the byte order
//! of the machine, and read straight into the vector that the column keeps. Each type says beside its own
//! definition which parts it has, by [`Stored`]; what readers make on first use is no part.
//!
//! # Invariants
//!
//! * What [`Stored::write_to`] writes, [`Stored::read_from`] reads back as an equal value.
//! * Reading takes any bytes: it is an error or a value, allocates in proportion to the bytes that are
//!   left, and never panics. Whether the value is what was written is known only once
//!   [`StoredReader::hash`] is the one of the writer; until then nobody looks into it.
//!
//! # Cost
//!
//! A copy of the bytes and a pass over them for the hash, in pieces that stay in cache.

use std::hash::Hasher;
use std::io::{self, Read, Write};

use bytemuck::Pod;
use twox_hash::XxHash3_64;

/// The bytes that are read and hashed at once.
const PIECE_BYTES: usize = 128 << 10;

/// Something that an image holds.
pub(crate) trait Stored: Sized {
    /// Writes the parts, in the order in which they are read.
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()>;

    /// Reads the parts.
    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Self>;
}

/// Writes parts, and hashes what is written.
pub(crate) struct StoredWriter<'a> {
    out: &'a mut dyn Write,
    hasher: XxHash3_64,
    bytes: u64,
}

impl<'a> StoredWriter<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> StoredWriter<'a> {
        StoredWriter {
            out,
            hasher: XxHash3_64::new(),
            bytes: 0,
        }
    }

    /// Returns how many bytes were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the hash of what was written.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.hasher.write(piece);
            self.out.write_all(piece)?;
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes an integer.
    pub(crate) fn number(&mut self, number: impl Into<u64>) -> io::Result<()> {
        self.raw(&number.into().to_ne_bytes())
    }

    /// Writes how long a list is.
    pub(crate) fn count(&mut self, count: usize) -> io::Result<()> {
        self.number(count as u64)
    }

    /// Writes a vector of integers.
    pub(crate) fn slice<T: Pod>(&mut self, values: &[T]) -> io::Result<()> {
        self.count(values.len())?;
        self.raw(bytemuck::cast_slice(values))
    }

    /// Writes a list of parts.
    pub(crate) fn list<T: Stored>(&mut self, values: &[T]) -> io::Result<()> {
        self.count(values.len())?;
        values.iter().try_for_each(|value| value.write_to(self))
    }

    /// Writes a part that may be missing.
    pub(crate) fn option<T: Stored>(&mut self, value: Option<&T>) -> io::Result<()> {
        self.number(value.is_some())?;
        value.map_or(Ok(()), |value| value.write_to(self))
    }
}

/// Reads parts, and hashes what is read.
pub(crate) struct StoredReader<'a> {
    input: &'a mut dyn Read,
    hasher: XxHash3_64,
    /// The bytes that may still come.
    left: u64,
}

impl<'a> StoredReader<'a> {
    /// Reads from an input that has a number of bytes.
    pub(crate) fn new(input: &'a mut dyn Read, bytes: u64) -> StoredReader<'a> {
        StoredReader {
            input,
            hasher: XxHash3_64::new(),
            left: bytes,
        }
    }

    /// Returns the hash of what was read.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Returns whether everything was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.left == 0
    }

    fn raw(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(malformed)?;
        for piece in bytes.chunks_mut(PIECE_BYTES) {
            self.input.read_exact(piece)?;
            self.hasher.write(piece);
        }
        Ok(())
    }

    /// Reads an integer.
    pub(crate) fn number<T: TryFrom<u64>>(&mut self) -> io::Result<T> {
        let mut bytes = [0; 8];
        self.raw(&mut bytes)?;
        u64::from_ne_bytes(bytes)
            .try_into()
            .map_err(|_| malformed())
    }

    /// Reads a truth value.
    pub(crate) fn flag(&mut self) -> io::Result<bool> {
        match self.number::<u64>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed()),
        }
    }

    /// Reads how many values follow, each of at least `value_bytes` bytes.
    fn count(&mut self, value_bytes: usize) -> io::Result<usize> {
        let count: usize = self.number()?;
        let bytes = (count as u64).checked_mul(value_bytes as u64);
        match bytes {
            Some(bytes) if bytes <= self.left => Ok(count),
            _ => Err(malformed()),
        }
    }

    /// Reads a vector of integers.
    pub(crate) fn vec<T: Pod>(&mut self) -> io::Result<Vec<T>> {
        let count = self.count(size_of::<T>())?;
        let mut values = vec![T::zeroed(); count];
        self.raw(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    /// Reads a vector of integers that does not grow.
    pub(crate) fn boxed<T: Pod>(&mut self) -> io::Result<Box<[T]>> {
        Ok(self.vec()?.into())
    }

    /// Reads a text.
    pub(crate) fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.vec()?).map_err(|_| malformed())
    }

    /// Reads a list of parts.
    pub(crate) fn list<T: Stored>(&mut self) -> io::Result<Vec<T>> {
        // Each part begins with a number.
        let count = self.count(size_of::<u64>())?;
        let mut values = Vec::new();
        for _ in 0..count {
            if values.len() == values.capacity() {
                // What a wrong count promises need not come.
                let room = (count - values.len()).min(values.len().max(64));
                values.reserve_exact(room);
            }
            values.push(T::read_from(self)?);
        }
        values.shrink_to_fit();
        Ok(values)
    }

    /// Reads a part that may be missing.
    pub(crate) fn option<T: Stored>(&mut self) -> io::Result<Option<T>> {
        self.flag()?.then(|| T::read_from(self)).transpose()
    }
}

/// Makes the error of bytes that are no part.
pub(crate) fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_no_count_is_believed() {
        let mut bytes = Vec::new();
        let mut out = StoredWriter::new(&mut bytes);
        out.number(7u32).unwrap();
        out.slice(&[1u16, 2, 3]).unwrap();
        out.slice("ä".as_bytes()).unwrap();
        out.number(true).unwrap();
        let hash = out.hash();
        let length = out.bytes();
        assert_eq!(length, bytes.len() as u64);
        let read = |bytes: &[u8]| -> io::Result<u64> {
            let mut input = bytes;
            let mut input = StoredReader::new(&mut input, bytes.len() as u64);
            input.number::<u32>()?;
            input.vec::<u16>()?;
            input.text()?;
            input.flag()?;
            assert!(input.is_at_end());
            Ok(input.hash())
        };
        assert_eq!(read(&bytes).unwrap(), hash);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).ok() != Some(hash), "byte {at}, bit {bit}");
            }
            assert!(read(&bytes[..at]).is_err());
        }
    }
}
