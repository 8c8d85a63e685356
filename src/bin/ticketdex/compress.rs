//! Bytes on their way into a file, packed as [`decompress`](crate::decompress) reads them.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::decompress::Compression;

/// The bytes of one zstd frame before they are packed; the encoder finds nothing farther back.
const FRAME_BYTES: usize = 1 << 20;

/// More than the encoder of gzip takes, which is a third of a MiB.
const GZIP_BYTES: usize = 1 << 20;

/// Packs what is written to it.
///
/// # Invariants
///
/// * A zstd file is a row of frames, each with its checksum, and at least one.
/// * Memory is the encoder's window, and for zstd one frame before and after packing.
pub(crate) enum Packer<W: Write> {
    Plain(W),
    Gzip(Box<GzEncoder<W>>),
    Zstd { frame: Vec<u8>, writer: W },
}

impl<W: Write> Packer<W> {
    /// Starts a file; an error where there is no memory for the encoder.
    pub(crate) fn new(writer: W, compression: Option<Compression>) -> io::Result<Packer<W>> {
        Ok(match compression {
            None => Packer::Plain(writer),
            Some(Compression::Gzip) => {
                // The encoder of gzip panics where it gets no memory, so the room is asked for before.
                Vec::<u8>::new().try_reserve_exact(GZIP_BYTES)?;
                let level = flate2::Compression::default();
                Packer::Gzip(Box::new(GzEncoder::new(writer, level)))
            }
            Some(Compression::Zstd) => Packer::Zstd {
                frame: Vec::new(),
                writer,
            },
        })
    }

    /// Writes what is left, and returns the writer.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Packer::Plain(writer) => Ok(writer),
            Packer::Gzip(encoder) => encoder.finish(),
            Packer::Zstd { frame, mut writer } => {
                writer.write_all(&pack(&frame))?;
                Ok(writer)
            }
        }
    }
}

fn pack(frame: &[u8]) -> Vec<u8> {
    compress_to_vec(frame, CompressionLevel::Fastest)
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packer::Plain(writer) => writer.write(bytes),
            Packer::Gzip(encoder) => encoder.write(bytes),
            Packer::Zstd { frame, writer } => {
                if frame.len() == FRAME_BYTES {
                    writer.write_all(&pack(frame))?;
                    frame.clear();
                }
                let count = bytes.len().min(FRAME_BYTES - frame.len());
                frame.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packer::Plain(writer) | Packer::Zstd { writer, .. } => writer.flush(),
            Packer::Gzip(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;
    use crate::decompress;

    #[test]
    fn what_is_packed_is_read_again() {
        let numbers = (0..FRAME_BYTES as u64 / 4).map(|number| (number * number).to_string());
        let text: String = numbers.collect();
        assert!(text.len() > 2 * FRAME_BYTES);
        for compression in [None, Some(Compression::Gzip), Some(Compression::Zstd)] {
            for length in [0, 1, FRAME_BYTES, FRAME_BYTES + 1, text.len()] {
                let mut packer = Packer::new(Vec::new(), compression).unwrap();
                for part in text.as_bytes()[..length].chunks(70_000) {
                    packer.write_all(part).unwrap();
                }
                packer.flush().unwrap();
                let bytes = Cursor::new(packer.finish().unwrap());
                let mut read = String::new();
                let mut input = decompress::open(bytes, compression).unwrap();
                input.read_to_string(&mut read).unwrap();
                assert!(read == text[..length], "{compression:?} of {length} bytes");
            }
        }
    }
}
