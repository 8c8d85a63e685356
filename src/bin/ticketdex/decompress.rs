//! Bytes of an input without its compression, whichever that is.
//!
//! Both decoders are in Rust, and both are strict: a checksum that does not match, or an
//! input that ends too early, is an error of the reader and ends the load. Decoding takes
//! a third to a half as long as loading, and goes on beside it, on a thread of its own.
//!
//! # Cost
//!
//! Memory is the decoder's window (32 KiB for gzip, at most 128 MiB for zstd, which is also
//! what the `zstd` tool allows unasked) and six buffers of [`BUFFER_BYTES`].

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// So much is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// The decoded buffers that may wait to be read.
const BUFFERS_AHEAD: usize = 4;

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

    fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
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
/// Its first bytes tell which that is. What the name says instead is an error where the input is
/// not compressed at all, since then it may be cut or be another file.
pub(crate) fn open(
    mut input: impl Read + Send + 'static,
    named: Option<Compression>,
) -> io::Result<Box<dyn BufRead>> {
    let mut start = Vec::new();
    input.by_ref().take(4).read_to_end(&mut start)?;
    let compression = Compression::from_magic(&start);
    if let Some(named) = named.filter(|_| compression.is_none()) {
        let found = match &*start {
            [] => "it is empty".to_owned(),
            start => format!("it begins with \"{}\"", start.escape_ascii()),
        };
        let name = named.name();
        return Err(invalid(format!(
            "the name ends like that of a {name} file, but {found}"
        )));
    }
    let input = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start).chain(input));
    Ok(match compression {
        None => Box::new(input),
        Some(Compression::Gzip) => read_ahead(GzipMembers::new(input)),
        Some(Compression::Zstd) => read_ahead(ZstdFrames::new(input)),
    })
}

/// The bytes of a reader, which a thread of its own reads some buffers ahead.
struct Ahead {
    /// An empty buffer is the end; none after it means that the thread fell.
    buffers: Receiver<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    at: usize,
    is_ended: bool,
}

/// Reads an input some buffers ahead, or only when asked where no thread can be started.
fn read_ahead(input: impl Read + Send + 'static) -> Box<dyn BufRead> {
    let (outbox, buffers) = sync_channel(BUFFERS_AHEAD);
    // A thread that is not started drops what it was given.
    let shared = Arc::new(Mutex::new(Some(input)));
    let taken = Arc::clone(&shared);
    let take = |input: &Mutex<Option<_>>| input.lock().ok().and_then(|mut input| input.take());
    let thread = thread::Builder::new().name("decompress".to_owned());
    let started = thread.spawn(move || {
        if let Some(input) = take(&taken) {
            send_all(input, &outbox);
        }
    });
    match started {
        Ok(_) => Box::new(Ahead {
            buffers,
            buffer: Vec::new(),
            at: 0,
            is_ended: false,
        }),
        Err(error) => match take(&shared) {
            Some(input) => Box::new(BufReader::with_capacity(BUFFER_BYTES, input)),
            None => Box::new(BufReader::new(Failed(Some(error)))),
        },
    }
}

/// A reader that only fails.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Sends the bytes of a reader, up to its end, its first error, or the loss of who hears.
fn send_all(mut input: impl Read, outbox: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let read = input
            .by_ref()
            .take(BUFFER_BYTES as u64)
            .read_to_end(&mut buffer);
        let is_last = read.is_err() || buffer.is_empty();
        // What was read before an error is data as well.
        let sent = match read {
            Err(error) if buffer.is_empty() => outbox.send(Err(error)),
            Err(error) => outbox
                .send(Ok(buffer))
                .and_then(|()| outbox.send(Err(error))),
            Ok(_) => outbox.send(Ok(buffer)),
        };
        if is_last || sent.is_err() {
            return;
        }
    }
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() && !self.is_ended {
            let fell = |_| io::Error::other("the decoder did not come to an end");
            self.buffer = self.buffers.recv().map_err(fell)??;
            self.at = 0;
            self.is_ended = self.buffer.is_empty();
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Passes over zero bytes, with which tapes and block devices fill up the last block of a file;
/// false where the input ends.
fn skip_padding(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let chunk = input.fill_buf()?;
        let zeros = chunk.iter().take_while(|&&byte| byte == 0).count();
        if zeros < chunk.len() || zeros == 0 {
            let has_more = zeros < chunk.len();
            input.consume(zeros);
            return Ok(has_more);
        }
        input.consume(zeros);
    }
}

/// The content of all gzip members of an input, one after the other.
struct GzipMembers<R> {
    /// The member that is being read; none once the input has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(input: R) -> GzipMembers<R> {
        GzipMembers {
            member: Some(GzDecoder::new(input)),
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.member = Some(member);
                return Ok(count);
            }
            let mut input = member.into_inner();
            if skip_padding(&mut input)? {
                if input.fill_buf()?.first() != Some(&0x1F) {
                    return Err(invalid("there is something else behind the gzip data"));
                }
                self.member = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
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
        while skip_padding(&mut self.input)? {
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
