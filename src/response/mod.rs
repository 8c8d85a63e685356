//! The record walk: from rows in order to the bytes of a response, chunk by chunk.
//!
//! A format says once how a record looks, as *glue* and values in between
//! ([`Style::record`]); for each segment this becomes a [`Template`] in which runs of
//! glue, and of values that are the same in the whole segment, are one piece of text.
//! The walk then copies: a piece of glue, a value, the next piece. It knows nothing of
//! the formats, and they know nothing of rows; a new format is one file and one line.
//!
//! # Invariants
//!
//! * A chunk holds at most [`CHUNK_BYTES_MAX`] bytes, whatever the records hold: any
//!   text, and glue too, is cut where a chunk ends, and goes on in the next.
//! * Nothing here borrows the snapshot between two chunks, so [`Chunks`] owns all it
//!   needs and can be sent to another thread.
//!
//! # Cost
//!
//! One copy of every byte of the response. Memory is one chunk, and for each segment
//! that an answer touches a template: the names of the fields and some 1 KiB.

mod delimited;
mod json;
mod xml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use crate::model::error::Error;
use crate::model::value::write_date_seconds;
use crate::model::{FieldKind, Format, is_identifier_char};
use crate::plan::{Answer, Rows};
use crate::segment::column::Column;
use crate::segment::dictionary::Dictionary;
use crate::segment::{Segment, Slot};
use crate::snapshot::RowId;

/// The most bytes that one chunk holds.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// The bytes of an answer's first chunk; each later one may have four times as many.
///
/// A page of one ticket does not pay for touching 64 KiB of memory.
const FIRST_CHUNK_BYTES: usize = 4 << 10;

/// What a buffer has beyond its chunk, so that short texts are copied at a fixed length.
const SLACK_BYTES: usize = 64;

/// The longest value that becomes glue where a whole segment shares it.
const FUSED_BYTES_MAX: usize = 1 << 10;

/// How each byte of a raw value is written; an empty text is the byte itself.
type Escapes = [&'static str; 256];

const fn make_escapes(pairs: &[(u8, &'static str)]) -> Escapes {
    let mut escapes = [""; 256];
    let mut at = 0;
    while at < pairs.len() {
        escapes[pairs[at].0 as usize] = pairs[at].1;
        at += 1;
    }
    escapes
}

/// Returns a text with the escapes of a format.
fn escape(text: &str, escapes: &Escapes) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(c).map_or("", |byte| escapes[usize::from(byte)]) {
            "" => out.push(c),
            instead => out.push_str(instead),
        }
    }
    out
}

/// What makes a format: all that the three files differ in.
struct Style {
    /// What stands before the first record.
    head: &'static str,
    /// What stands between two records.
    between: &'static str,
    /// What stands after the last record, or after the head where there is none.
    foot: &'static str,
    escapes: &'static Escapes,
    /// Writes glue and values of a record with these custom names into a template.
    record: fn(&mut Template<'_>, &[String]),
    /// Makes the body of a count.
    count: fn(u64) -> String,
    /// Makes the body of an error, of its code and its message without control characters.
    error: fn(&str, &str) -> String,
}

impl Style {
    fn of(format: Format) -> &'static Style {
        match format {
            Format::Xml => &xml::STYLE,
            Format::Json => &json::STYLE,
            Format::Delimited => &delimited::STYLE,
        }
    }
}

/// How a value is made into bytes.
#[derive(Clone, Copy, Debug)]
enum Writing {
    /// A dictionary's URL-encoded text.
    Encoded,
    /// A dictionary's text, which needs no escape.
    Plain,
    /// A dictionary's text, escaped as the format does.
    Escaped,
    /// A number; none is 0.
    Integer,
    /// A number; none is empty.
    OptionalInteger,
    Date,
    /// A long text, which is kept URL-encoded.
    Long,
}

/// A run of glue, and the value behind it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    glue_start: usize,
    glue_bytes: usize,
    value: Option<(Slot, Writing)>,
}

/// The glue of every record of one segment in one format, and the places of its values.
struct Glue {
    /// The runs end to end, then [`SLACK_BYTES`] more.
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

/// A [`Glue`] being made: what a format writes a record into, once a segment.
struct Template<'a> {
    segment: &'a Segment,
    style: &'a Style,
    glue: Glue,
    /// Where the run that is being written starts.
    run_start: usize,
}

impl Template<'_> {
    fn make(segment: &Segment, style: &Style, names: &[String]) -> Glue {
        let glue = Glue {
            text: Vec::new(),
            pieces: Vec::new(),
        };
        let mut template = Template {
            segment,
            style,
            glue,
            run_start: 0,
        };
        template.glue(style.between);
        (style.record)(&mut template, names);
        template.end_run(None);
        let mut glue = template.glue;
        glue.text.extend_from_slice(&[0; SLACK_BYTES]);
        glue
    }

    /// Appends a text that every record has.
    fn glue(&mut self, text: &str) {
        self.glue.text.extend_from_slice(text.as_bytes());
    }

    /// Appends texts that every record has.
    fn glues(&mut self, texts: &[&str]) {
        for text in texts {
            self.glue(text);
        }
    }

    /// Appends the value of a slot.
    fn value(&mut self, slot: Slot) {
        if self.segment.text_column(slot).is_some() {
            return self.end_run(Some((slot, Writing::Long)));
        }
        // A name that no ticket of the segment has is empty throughout.
        let Some(column) = self.segment.column(slot) else {
            return;
        };
        let writing = writing_of(slot, column);
        if column.is_constant() && self.fuse(column, writing) {
            return;
        }
        self.end_run(Some((slot, writing)));
    }

    /// Makes the one value of a column a part of the glue, unless it is long.
    fn fuse(&mut self, column: &Column, writing: Writing) -> bool {
        let mut buffer = [0; FUSED_BYTES_MAX + SLACK_BYTES];
        let mut window = Window::new(&mut buffer);
        let cut = window.put_value(column, writing, 0, 0, self.style.escapes);
        let at = window.at;
        if cut.is_none() {
            self.glue.text.extend_from_slice(&buffer[..at]);
        }
        cut.is_none()
    }

    fn end_run(&mut self, value: Option<(Slot, Writing)>) {
        let end = self.glue.text.len();
        self.glue.pieces.push(Piece {
            glue_start: self.run_start,
            glue_bytes: end - self.run_start,
            value,
        });
        self.run_start = end;
    }
}

fn writing_of(slot: Slot, column: &Column) -> Writing {
    let kind = match slot {
        Slot::Field(field) => field.kind(),
        Slot::Custom(_) => FieldKind::Text,
    };
    match kind {
        FieldKind::Text | FieldKind::CustomFields => Writing::Encoded,
        FieldKind::Identifier | FieldKind::Flag => {
            let is_plain = column.dictionary().is_some_and(Dictionary::is_plain);
            if is_plain {
                Writing::Plain
            } else {
                Writing::Escaped
            }
        }
        FieldKind::Integer => Writing::Integer,
        FieldKind::OptionalInteger => Writing::OptionalInteger,
        FieldKind::Date => Writing::Date,
    }
}

/// A chunk being filled: where in it the next byte goes.
struct Window<'a> {
    /// The chunk and [`SLACK_BYTES`] beyond, which copies of fixed length may touch.
    bytes: &'a mut [u8],
    at: usize,
    end: usize,
}

impl Window<'_> {
    /// Makes an empty chunk of all but the last [`SLACK_BYTES`] of a buffer.
    fn new(bytes: &mut [u8]) -> Window<'_> {
        let end = bytes.len().saturating_sub(SLACK_BYTES);
        Window { bytes, at: 0, end }
    }

    /// Copies the first `count` bytes of a text, or as many as fit; returns how many.
    ///
    /// A short text is copied as `N` bytes, whatever follows it in memory: that is a few
    /// instructions where a copy of unknown length is a call. `N` is at most the slack.
    #[inline]
    fn put<const N: usize>(&mut self, text: &[u8], count: usize) -> usize {
        if count <= N
            && self.at + count <= self.end
            && let Some(from) = text.first_chunk::<N>()
            && let Some(to) = self.bytes.get_mut(self.at..self.at + N)
        {
            to.copy_from_slice(from);
            self.at += count;
            return count;
        }
        let count = count.min(self.end - self.at);
        self.bytes[self.at..self.at + count].copy_from_slice(&text[..count]);
        self.at += count;
        count
    }

    /// Copies a text from `from` on; returns where it goes on if it did not fit.
    #[inline]
    fn put_from<const N: usize>(
        &mut self,
        text: &[u8],
        count: usize,
        from: usize,
    ) -> Option<usize> {
        let copied = self.put::<N>(&text[from..], count - from);
        (from + copied < count).then_some(from + copied)
    }

    /// Copies a text with its escapes, from its byte `from` on; likewise.
    fn put_escaped(&mut self, text: &[u8], mut from: usize, escapes: &Escapes) -> Option<usize> {
        while from < text.len() {
            let rest = &text[from..];
            let is_escaped = |&byte: &u8| !escapes[usize::from(byte)].is_empty();
            let run = rest.iter().position(is_escaped).unwrap_or(rest.len());
            from += self.put::<16>(rest, run);
            if run < rest.len() {
                let escape = escapes[usize::from(rest[run])].as_bytes();
                if self.end - self.at < escape.len() {
                    return Some(from);
                }
                self.put::<16>(escape, escape.len());
                from += 1;
            } else if from < text.len() {
                return Some(from);
            }
        }
        None
    }

    /// Writes a row's value from `from` on; returns where it goes on if it did not fit.
    ///
    /// `from` counts bytes of the value as written, of an escaped one as it is kept.
    #[inline]
    fn put_value(
        &mut self,
        column: &Column,
        writing: Writing,
        row: u32,
        from: usize,
        escapes: &Escapes,
    ) -> Option<usize> {
        let number = match writing {
            Writing::Encoded => {
                let (text, count) = column.encoded_tail(row);
                return self.put_from::<32>(text, count, from);
            }
            Writing::Plain => {
                let (text, count) = column.text_tail(row);
                return self.put_from::<16>(text, count, from);
            }
            Writing::Escaped => {
                let text = column.text(row).as_bytes();
                return self.put_escaped(text, from, escapes);
            }
            Writing::Date => {
                let seconds = column.number(row)?;
                let (text, count) = write_date_seconds(seconds);
                return self.put_from::<32>(&text, count, from);
            }
            // Long texts are in no column of codes.
            Writing::Long => return None,
            Writing::Integer => column.number(row).unwrap_or(0),
            Writing::OptionalInteger => column.number(row)?,
        };
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        self.put_from::<1>(digits, digits.len(), from)
    }
}

/// How far a record has been written.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    piece_index: usize,
    /// Bytes of the piece's glue, then bytes of its value.
    offset: usize,
}

/// Writes a record from a place on; returns the place where it goes on if it did not fit.
fn write_record(
    glue: &Glue,
    segment: &Segment,
    (row, place): (u32, Place),
    escapes: &Escapes,
    window: &mut Window<'_>,
) -> Option<Place> {
    let mut offset = place.offset;
    for (index, piece) in (place.piece_index..).zip(&glue.pieces[place.piece_index..]) {
        let cut = |offset| {
            Some(Place {
                piece_index: index,
                offset,
            })
        };
        if offset < piece.glue_bytes {
            let text = &glue.text[piece.glue_start..];
            if let Some(offset) = window.put_from::<SLACK_BYTES>(text, piece.glue_bytes, offset) {
                return cut(offset);
            }
            offset = piece.glue_bytes;
        }
        let from = offset - piece.glue_bytes;
        let rest = match piece.value {
            None => None,
            Some((slot, Writing::Long)) => segment.text_column(slot).and_then(|column| {
                let text = column.encoded(row).as_bytes();
                window.put_from::<SLACK_BYTES>(text, text.len(), from)
            }),
            Some((slot, writing)) => segment
                .column(slot)
                .and_then(|column| window.put_value(column, writing, row, from, escapes)),
        };
        if let Some(rest) = rest {
            return cut(piece.glue_bytes + rest);
        }
        offset = 0;
    }
    None
}

/// What of a response is written next.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The head, or the whole body of a count, from a byte on.
    Head(usize),
    /// The record of the next row, from a place on.
    Records(Place),
    /// The foot, from a byte on.
    Foot(usize),
    Done,
}

/// The bytes of a response, pulled chunk by chunk; owns its snapshot.
///
/// A chunk holds at most 64 KiB, whatever the records hold; the first of an answer
/// fewer. As an iterator every chunk is a new `Vec`, which costs the first touch of its
/// memory; [`fill`](Chunks::fill) writes into the caller's.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Format, Options, Query, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 7, ..Ticket::default() });
/// store.commit(batch)?;
///
/// let answer = store.reader().snapshot().answer(&Query::default());
/// let mut chunks = answer.into_chunks(Format::Delimited);
/// let mut chunk = Vec::new();
/// let mut body = Vec::new();
/// while chunks.fill(&mut chunk) {
///     body.extend_from_slice(&chunk);
/// }
/// assert!(body.starts_with(b"tid=7&cid=&company_id=0&"));
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub struct Chunks {
    answer: Answer,
    style: &'static Style,
    rows: Rows,
    /// Rows that are fetched, and how many of them are written.
    ids: Vec<RowId>,
    ids_written: usize,
    is_first: bool,
    /// By segment, made when the first of its rows comes.
    glues: Vec<Option<Glue>>,
    head: Vec<u8>,
    foot: &'static str,
    stage: Stage,
    chunk_bytes: usize,
}

impl Chunks {
    fn new(answer: Answer, format: Format) -> Chunks {
        let style = Style::of(format);
        let (head, foot) = if answer.is_count_only() {
            ((style.count)(answer.total()).into_bytes(), "")
        } else {
            (style.head.as_bytes().to_vec(), style.foot)
        };
        let segments = answer.snapshot().segments();
        Chunks {
            style,
            rows: answer.rows().clone(),
            glues: segments.iter().map(|_| None).collect(),
            ids: Vec::new(),
            ids_written: 0,
            is_first: true,
            answer,
            head,
            foot,
            stage: Stage::Head(0),
            chunk_bytes: FIRST_CHUNK_BYTES,
        }
    }

    /// Overwrites the buffer with the next chunk; false, with an empty buffer, at the end.
    ///
    /// The buffer keeps its memory, so a caller that hands the same one in each time
    /// pays for touching it once. Cost: one copy of each byte.
    pub fn fill(&mut self, chunk: &mut Vec<u8>) -> bool {
        let held = chunk.capacity().saturating_sub(SLACK_BYTES);
        let bytes = self.chunk_bytes.max(held).min(CHUNK_BYTES_MAX);
        self.chunk_bytes = (self.chunk_bytes * 4).min(CHUNK_BYTES_MAX);
        // What the buffer held is overwritten, so only what is new of it is made zero.
        chunk.resize(bytes + SLACK_BYTES, 0);
        let mut window = Window::new(chunk);
        while window.at < window.end && self.advance(&mut window) {}
        let at = window.at;
        chunk.truncate(at);
        self.answer.add_bytes_written(at as u64);
        at > 0
    }

    /// Writes until the stage is through or the chunk is full; false where nothing more can be.
    fn advance(&mut self, window: &mut Window<'_>) -> bool {
        let cut = match self.stage {
            Stage::Head(from) => {
                let cut = window.put_from::<16>(&self.head, self.head.len(), from);
                self.stage = cut.map_or(Stage::Records(Place::default()), Stage::Head);
                cut.is_some()
            }
            Stage::Records(place) => {
                let cut = self.write_records(place, window);
                self.stage = cut.map_or(Stage::Foot(0), Stage::Records);
                cut.is_some()
            }
            Stage::Foot(from) => {
                let foot = self.foot.as_bytes();
                let cut = window.put_from::<16>(foot, foot.len(), from);
                self.stage = cut.map_or(Stage::Done, Stage::Foot);
                cut.is_some()
            }
            Stage::Done => true,
        };
        !cut
    }
}

impl Chunks {
    /// Writes records, the first from a place on, until the chunk is full or all are through;
    /// returns the place where the next goes on.
    fn write_records(&mut self, mut place: Place, window: &mut Window<'_>) -> Option<Place> {
        loop {
            let Some(&id) = self.ids.get(self.ids_written) else {
                if !self.fetch() {
                    return None;
                }
                continue;
            };
            let segment = &self.answer.snapshot().segments()[id.segment as usize].segment;
            let names = self.answer.snapshot().custom_names();
            let glue = self.glues[id.segment as usize]
                .get_or_insert_with(|| Template::make(segment, self.style, names));
            if self.is_first {
                // Nothing stands before the first record.
                place.offset = self.style.between.len();
                self.is_first = false;
            }
            let cut = write_record(glue, segment, (id.row, place), self.style.escapes, window);
            if cut.is_some() {
                return cut;
            }
            self.ids_written += 1;
            place = Place::default();
            if window.at == window.end {
                return Some(place);
            }
        }
    }

    /// Fetches the next rows; false where there are none.
    fn fetch(&mut self) -> bool {
        self.ids.clear();
        self.ids_written = 0;
        if !self.answer.is_count_only() {
            self.rows.fill(self.answer.snapshot(), &mut self.ids);
        }
        !self.ids.is_empty()
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = Vec::new();
        self.fill(&mut chunk).then_some(chunk)
    }
}

impl std::iter::FusedIterator for Chunks {}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("answer", &self.answer)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

// A response may be written by another thread than the one that asked.
const _: () = {
    const fn is_owned_and_send<T: Send + 'static>() {}
    is_owned_and_send::<Chunks>();
};

impl Answer {
    /// Writes the response in a format (spec section 4); returns how many bytes it has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the writer fails; a part of the
    /// response is written then.
    ///
    /// # Cost
    ///
    /// Linear in the response. Memory is one chunk of 64 KiB, so a writer needs no
    /// buffer of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Format, Options, Query, Store};
    ///
    /// let answer = Store::new(Options::default()).reader().snapshot().answer(&Query::default());
    /// let mut body = Vec::new();
    /// assert_eq!(answer.write_to(Format::Xml, &mut body)?, 43);
    /// assert_eq!(body, b"<?xml version=\"1.0\"?>\n<tickets>\n</tickets>\n");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn write_to<W: io::Write>(&self, format: Format, mut writer: W) -> Result<u64, Error> {
        let mut chunks = Chunks::new(self.clone(), format);
        let mut chunk = Vec::new();
        let mut written = 0;
        while chunks.fill(&mut chunk) {
            writer.write_all(&chunk)?;
            written += chunk.len() as u64;
        }
        Ok(written)
    }

    /// Returns the response in a format as chunks that own the answer's snapshot.
    ///
    /// An answer can be written many times; `answer.clone().into_chunks(format)` costs
    /// a few reference counts.
    pub fn into_chunks(self, format: Format) -> Chunks {
        Chunks::new(self, format)
    }
}

impl Error {
    /// Returns the body of an error response in a format (spec section 4).
    ///
    /// Its message is what `Display` says, with control characters, U+FFFE and U+FFFF
    /// shown as `char::escape_default` does, so that every format can carry it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Format, Query};
    ///
    /// let error = "page=1".parse::<Query>().unwrap_err();
    /// let body = error.to_response(Format::Delimited);
    /// assert!(body.starts_with(b"error=page_needs_count&message=page+is+"));
    /// ```
    pub fn to_response(&self, format: Format) -> Vec<u8> {
        let mut shown = String::new();
        for c in self.to_string().chars() {
            if is_identifier_char(c) {
                shown.push(c);
            } else {
                shown.extend(c.escape_default());
            }
        }
        (Style::of(format).error)(self.code(), &shown).into_bytes()
    }
}
