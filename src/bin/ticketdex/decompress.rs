//! Bytes of an input without its compression, whichever that is.
//!
//! Both decoders are in Rust, and both are strict: a checksum that does not match, or an
//! input that ends too early, is an error of the reader and ends the load.
//!
//! # Cost
//!
//! Memory is the decoder's window: 32 KiB for gzip, at most 128 MiB for zstd, which is
//! also what the `zstd` tool allows unasked.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// So much is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// How the bytes of an input are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Returns the compression of a file extension: `gz` or `zst`.
    pub(crate) fn from_extension(extension: &str) -> Option<Compression> {
        match extension.to_ascii_lowercase().as_str() {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// Returns the compression that the first bytes of an input tell.
    ///
    /// No form of tickets begins with such bytes.
    fn from_magic(start: &[u8]) -> Option<Compression> {
        match start {
            [0x1F, 0x8B, ..] => Some(Compression::Gzip),
            // A frame, or one of the sixteen kinds that a decoder skips.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
                Some(Compression::Zstd)
            }
            _ => None,
        }
    }
}

/// Returns the bytes of an input without its compression.
///
/// Where the name of the input does not tell that, its first bytes do.
pub(crate) fn open<'a>(
    mut input: impl Read + 'a,
    named: Option<Compression>,
) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut start = Vec::new();
    input.by_ref().take(4).read_to_end(&mut start)?;
    let compression = named.or_else(|| Compression::from_magic(&start));
    let input = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start).chain(input));
    Ok(match compression {
        None => Box::new(input),
        Some(Compression::Gzip) => Box::new(buffered(MultiGzDecoder::new(input))),
        Some(Compression::Zstd) => Box::new(buffered(ZstdFrames::new(input))),
    })
}

fn buffered<R: Read>(input: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, input)
}

/// The content of all zstd frames of an input, one after the other.
struct ZstdFrames<R> {
    input: R,
    frame: FrameDecoder,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(input: R) -> ZstdFrames<R> {
        ZstdFrames {
            input,
            frame: FrameDecoder::new(),
        }
    }

    /// Checks the frame that was read to its end, and starts the next; false where none is.
    fn next_frame(&mut self) -> io::Result<bool> {
        let promised = self.frame.get_checksum_from_data();
        if promised.is_some() && promised != self.frame.get_calculated_checksum() {
            return Err(invalid("the checksum of a zstd frame does not match"));
        }
        while !self.input.fill_buf()?.is_empty() {
            match self.frame.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 {
            if !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(invalid)?;
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
        self.frame.read(buffer)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
