//! The body of a response: what is there when it begins, then the chunks that are still to be made.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::served::Report;
use super::stream::ChunkStream;

/// The body of a response of an [`Api`](super::Api).
///
/// Its length is known where the whole of it was made before the response began.
pub struct Body {
    ready: VecDeque<Bytes>,
    rest: Option<ChunkStream>,
    /// Whether the body was left out, so that what is there says nothing of its length.
    is_left_out: bool,
    report: Report,
}

impl Body {
    pub(super) fn new(ready: Vec<Bytes>, rest: Option<ChunkStream>, report: Report) -> Body {
        let mut body = Body {
            ready: ready.into(),
            rest,
            is_left_out: false,
            report,
        };
        body.report.served.is_whole = body.is_through();
        body
    }

    /// Returns the length of the whole body, where it is known.
    pub(super) fn length(&self) -> Option<u64> {
        let bytes = self.ready.iter().map(|chunk| chunk.len() as u64).sum();
        (self.rest.is_none() && !self.is_left_out).then_some(bytes)
    }

    /// Drops what would be sent: the response to `HEAD` has none of it.
    pub(super) fn clear(&mut self) {
        self.ready.clear();
        self.rest = None;
        self.is_left_out = true;
        self.report.served.is_whole = true;
    }

    fn is_through(&self) -> bool {
        self.ready.is_empty() && self.rest.is_none()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let chunk = match (this.ready.pop_front(), &mut this.rest) {
            (Some(chunk), _) => Some(Ok(Frame::data(chunk))),
            (None, Some(rest)) => ready!(Pin::new(rest).poll_frame(cx)),
            (None, None) => None,
        };
        if let Some(Ok(frame)) = &chunk {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            this.report.served.bytes += bytes as u64;
        } else {
            this.rest = None;
        }
        if !matches!(chunk, Some(Err(_))) {
            this.report.served.is_whole = this.is_through();
        }
        Poll::Ready(chunk)
    }

    fn is_end_stream(&self) -> bool {
        self.is_through()
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("length", &self.length())
            .field("bytes_sent", &self.report.served.bytes)
            .finish_non_exhaustive()
    }
}
