//! The engine, asked as a service asks it: a request's text in, an answer or bytes out.

use std::time::Instant;

use ticketdex::{Counts, Format, Query, Snapshot};

use crate::measure;
use crate::peer::{Failure, Groups};
use crate::table::Row;

/// The bytes that a chunk of a response is pulled into, again and again.
const CHUNK_BYTES: usize = 64 << 10;

/// What the engine took for one row, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// The answer, the first time in a fresh store.
    pub first: f64,
    /// The answer: parse, plan and run, until the rows of the page and the total are known.
    pub again: f64,
    /// The answer, and the whole response in XML.
    pub with_xml: f64,
    /// The bytes of that response.
    pub xml_bytes: u64,
}

/// Answers a request; returns the total.
pub fn answer(snapshot: &Snapshot, request: &str) -> Result<u64, Failure> {
    let query: Query = request.parse()?;
    Ok(snapshot.answer(&query).total())
}

/// Returns the groups of each key.
pub fn groups_of(counts: &Counts) -> Groups {
    let groups = counts.by().iter().map(|counted| {
        let groups = counted.groups().iter();
        groups
            .map(|group| (group.value().to_owned(), group.count()))
            .collect()
    });
    groups.collect()
}

/// Answers a request and writes the response, chunk by chunk; returns the bytes.
pub fn respond(
    snapshot: &Snapshot,
    request: &str,
    format: Format,
    chunk: &mut Vec<u8>,
) -> Result<u64, Failure> {
    let query: Query = request.parse()?;
    let mut chunks = snapshot.answer(&query).into_chunks(format);
    let mut bytes = 0;
    while chunks.fill(chunk) {
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

/// Returns how long the first answer takes in a store that is fresh but for earlier rounds.
pub fn first(snapshot: &Snapshot, row: &Row) -> Result<f64, Failure> {
    Ok(measure::once(|| answer(snapshot, &row.request))?.0)
}

/// Measures a row that has been asked before.
pub fn again(snapshot: &Snapshot, row: &Row, first: f64) -> Result<Figures, Failure> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let xml_bytes = respond(snapshot, &row.request, Format::Xml, &mut chunk)?;
    Ok(Figures {
        first,
        again: measure::median(|| answer(snapshot, &row.request))?,
        with_xml: measure::median(|| respond(snapshot, &row.request, Format::Xml, &mut chunk))?,
        xml_bytes,
    })
}

/// Returns the gigabytes a second of writing everything.
pub fn export(snapshot: &Snapshot, format: Format) -> Result<f64, Failure> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut best = 0.0_f64;
    for _ in 0..3 {
        let start = Instant::now();
        let bytes = respond(snapshot, "", format, &mut chunk)?;
        best = best.max(bytes as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}
