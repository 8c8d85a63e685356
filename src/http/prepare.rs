//! From what is asked to the beginning of its response: what is done before the first byte goes out.

use std::io;

use bytes::Bytes;

use super::negotiate::Coding;
use super::refusal::Refusal;
use super::stream::{ChunkStream, Source};
use crate::model::Format;
use crate::query::{Action, Cursor, TidFilter};
use crate::response::Chunks;
use crate::snapshot::Snapshot;
use crate::store::Reader;

/// The bytes of a body that are made before the response begins, give or take one chunk.
///
/// A shorter body has its length in the response, and is made without a second look at it.
const READY_BYTES: usize = 64 << 10;

/// What is asked for, and how it shall be sent.
pub(super) struct Task {
    pub(super) reader: Reader,
    pub(super) action: Action,
    pub(super) format: Format,
    /// Whether texts of CSV are made harmless.
    pub(super) csv_safe: bool,
    pub(super) coding: Option<Coding>,
    pub(super) records_max: Option<u64>,
}

/// The beginning of a response.
pub(super) struct Prepared {
    pub(super) total: u64,
    /// The version of the snapshot that was asked.
    pub(super) version: u64,
    /// The places after which and before which more records come.
    pub(super) next: Option<Cursor>,
    pub(super) previous: Option<Cursor>,
    pub(super) coding: Option<Coding>,
    pub(super) ready: Vec<Bytes>,
    /// What is still to be made.
    pub(super) rest: Option<ChunkStream>,
}

impl Task {
    /// Returns whether the task takes so little time that a thread of the executor can do it.
    ///
    /// It looks at the query alone. Without a keyword, a pattern and an order, what matches is
    /// found in indexes that are there, in microseconds as a rule; an order or a term may have to
    /// be made first, which takes up to seconds in a large store, and compressing takes longer
    /// than finding. Counting by a value may look at every ticket.
    pub(super) fn is_short(&self) -> bool {
        let query = match &self.action {
            Action::GetTickets(query) => query,
            Action::CountTickets(query) if query.keys().is_empty() => query.matching(),
            Action::CountTickets(_) => return false,
        };
        self.coding.is_none()
            && query.terms().is_empty()
            && query.excluded_terms().is_empty()
            && query.order().is_empty()
            && !matches!(query.tid(), Some(TidFilter::Pattern(_)))
    }

    /// Finds the answer and makes the beginning of its body.
    pub(super) fn run(self) -> Result<Prepared, Refusal> {
        let snapshot = self.reader.snapshot();
        let found = self.find(&snapshot);
        if let Some(records_max) = self.records_max.filter(|&max| found.records_count > max) {
            let refuse = match self.action {
                Action::GetTickets(_) => Refusal::too_many_records,
                Action::CountTickets(_) => Refusal::too_many_groups,
            };
            return Err(refuse(found.records_count, records_max));
        }
        // Without records the body is a few lines, which only grow by a compressor's frame.
        let coding = self.coding.filter(|_| found.records_count > 0);
        let mut prepared = Prepared {
            total: found.total,
            version: snapshot.version(),
            next: found.next,
            previous: found.previous,
            coding,
            ready: Vec::new(),
            rest: None,
        };
        let source = Source::new(found.chunks.csv_safe(self.csv_safe), coding);
        match prepared.begin(source) {
            Ok(()) => Ok(prepared),
            Err(_) => Err(Refusal::internal()),
        }
    }

    fn find(&self, snapshot: &Snapshot) -> Found {
        match &self.action {
            Action::GetTickets(query) => {
                let answer = snapshot.answer(query);
                Found {
                    total: answer.total(),
                    records_count: answer.count(),
                    next: answer.next(),
                    previous: answer.previous(),
                    chunks: answer.into_chunks(self.format),
                }
            }
            Action::CountTickets(query) => {
                let counts = snapshot.count_by(query);
                let groups = counts.by().iter().map(|key| key.groups().len() as u64);
                Found {
                    total: counts.total(),
                    records_count: groups.sum(),
                    next: None,
                    previous: None,
                    chunks: counts.into_chunks(self.format),
                }
            }
        }
    }
}

/// What a task came to, before any of it is written.
struct Found {
    total: u64,
    /// The tickets, or the groups of all keys.
    records_count: u64,
    next: Option<Cursor>,
    previous: Option<Cursor>,
    chunks: Chunks,
}

impl Prepared {
    fn begin(&mut self, mut source: Source) -> io::Result<()> {
        let mut bytes = 0;
        while bytes < READY_BYTES {
            match source.next_chunk()? {
                Some(chunk) => {
                    bytes += chunk.len();
                    self.ready.push(chunk);
                }
                None => return Ok(()),
            }
        }
        self.rest = Some(ChunkStream::of(source));
        Ok(())
    }
}
