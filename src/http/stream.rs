//! The chunks of a response as a stream that is pulled by whoever sends it.
//!
//! A chunk is made when it is asked for, on a thread of tokio's for blocking work, and not before:
//! what a slow client has not taken is not there. In between nothing runs and nothing is locked;
//! what is held is the answer's snapshot and the one chunk that waits.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_core::Stream;
use http_body::Frame;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tokio::task::{self, JoinHandle};

use super::negotiate::Coding;
use crate::response::Chunks;

/// The chunks of a response as a [`Stream`] and as an [`http_body::Body`].
///
/// For services that bring their own framework: this is the body of any of them that takes one of
/// the two. At most one chunk of 64 KiB is held, and the next is made when the last was taken.
///
/// It must be polled within a tokio runtime, as each chunk is made by
/// [`spawn_blocking`](tokio::task::spawn_blocking). It fails only if the runtime ends or making a chunk panics.
///
/// # Examples
///
/// ```
/// use ticketdex::http::ChunkStream;
/// use ticketdex::{Format, Query, Store};
///
/// let answer = Store::default().snapshot().answer(&Query::default());
/// let body = axum::body::Body::new(ChunkStream::new(answer.into_chunks(Format::Json)));
/// # drop(body);
/// ```
pub struct ChunkStream {
    state: State,
}

enum State {
    /// Nobody has asked for the next chunk.
    Waiting(Box<Source>),
    Running(JoinHandle<(Box<Source>, io::Result<Option<Bytes>>)>),
    Ended,
}

impl ChunkStream {
    /// Makes a stream of chunks. Cost: none until it is polled.
    pub fn new(chunks: Chunks) -> ChunkStream {
        ChunkStream::of(Source::new(chunks, None))
    }

    pub(super) fn of(source: Source) -> ChunkStream {
        ChunkStream {
            state: State::Waiting(Box::new(source)),
        }
    }
}

impl Stream for ChunkStream {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if let State::Waiting(_) = this.state
            && let State::Waiting(mut source) = std::mem::replace(&mut this.state, State::Ended)
        {
            this.state = State::Running(task::spawn_blocking(move || {
                let chunk = source.next_chunk();
                (source, chunk)
            }));
        }
        let State::Running(running) = &mut this.state else {
            return Poll::Ready(None);
        };
        let outcome = ready!(Pin::new(running).poll(cx));
        this.state = State::Ended;
        Poll::Ready(match outcome {
            Ok((source, Ok(Some(chunk)))) => {
                this.state = State::Waiting(source);
                Some(Ok(chunk))
            }
            Ok((_, Ok(None))) => None,
            Ok((_, Err(error))) => Some(Err(error)),
            Err(ended) => Some(Err(io::Error::other(ended))),
        })
    }
}

impl http_body::Body for ChunkStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = ready!(self.poll_next(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting(_) => "waiting",
            State::Running(_) => "running",
            State::Ended => "ended",
        };
        f.debug_struct("ChunkStream")
            .field("state", &state)
            .finish()
    }
}

/// The chunks of a response, compressed where the client asks for it.
pub(super) struct Source {
    chunks: Chunks,
    encoder: Encoder,
    is_ended: bool,
}

impl Source {
    pub(super) fn new(chunks: Chunks, coding: Option<Coding>) -> Source {
        Source {
            chunks,
            encoder: Encoder::of(coding),
            is_ended: false,
        }
    }

    /// Makes the next chunk; none at the end.
    pub(super) fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        while !self.is_ended {
            let mut chunk = Vec::new();
            let encoded = if self.chunks.fill(&mut chunk) {
                self.encoder.encode(chunk)?
            } else {
                self.is_ended = true;
                self.encoder.finish()?
            };
            // A compressor may keep all of a chunk until the next.
            if !encoded.is_empty() {
                return Ok(Some(encoded.into()));
            }
        }
        Ok(None)
    }
}

/// One way to compress, between two chunks.
enum Encoder {
    Plain,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// Each chunk becomes a frame of its own: the encoder has no way to go on with one.
    Zstd,
}

impl Encoder {
    fn of(coding: Option<Coding>) -> Encoder {
        match coding {
            None => Encoder::Plain,
            Some(Coding::Gzip) => {
                let encoder = GzEncoder::new(Vec::new(), Compression::fast());
                Encoder::Gzip(Box::new(encoder))
            }
            Some(Coding::Zstd) => Encoder::Zstd,
        }
    }

    fn encode(&mut self, chunk: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Plain => Ok(chunk),
            Encoder::Gzip(encoder) => {
                encoder.write_all(&chunk)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Encoder::Zstd => Ok(compress_to_vec(chunk.as_slice(), CompressionLevel::Fastest)),
        }
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        match std::mem::replace(self, Encoder::Plain) {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Plain | Encoder::Zstd => Ok(Vec::new()),
        }
    }
}
