//! Responses: from rows in order, or counts, to bytes, chunk by chunk.
//!
//! A format says once how a record looks, as glue and values in between; for each segment
//! this becomes a [`Template`](template::Template). Rows are taken some at a time: a [`Block`](block::Block) puts their records
//! together column by column, and the [`Walk`] copies them out row by row. It knows nothing of
//! the formats, and they know nothing of rows; a new format is one file and one line. Counts by
//! value have a walk of their own, [`CountsWalk`].
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
//! A copy of every byte of the response, two of glue and short values; what that buys is
//! told in [`block`]. Memory is one chunk, one block, and for each segment that an answer
//! touches a template: the names of the fields, and the values of up to 1 KiB that all of its rows have.

mod block;
mod columns;
mod counts;
mod csv;
mod delimited;
mod json;
mod template;
mod walk;
mod xml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use crate::model::error::Error;
use crate::model::{Format, is_identifier_char};
use crate::plan::{Answer, Counts};
use columns::Columns;
use counts::{CountsStyle, CountsWalk};
use csv::Quoting;
use template::Layout;
use walk::Walk;

/// The most bytes that one chunk holds.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// The bytes of an answer's first chunk; each later one may have four times as many as the one before it,
/// up to 64 KiB.
///
/// A page of one ticket does not pay for touching 64 KiB of memory.
const FIRST_CHUNK_BYTES: usize = 4 << 10;

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

/// What makes a format: all that its files differ in.
struct Style {
    /// Makes what stands before the first record, for records that show some columns in a store with
    /// these custom names.
    head: fn(&Columns, &[String]) -> String,
    /// What stands between two records.
    between: &'static str,
    /// What stands after the last record, or after the head where there is none.
    foot: &'static str,
    escapes: &'static Escapes,
    /// How CSV puts texts in quotes; none of the other formats, which encode or escape them.
    quoting: Option<Quoting>,
    /// Lays out glue and values of a record that shows some columns, in a store with these custom
    /// names.
    record: fn(&mut Layout<'_>, &Columns, &[String]),
    /// Makes the body of a count.
    count: fn(u64) -> String,
    counts: CountsStyle,
    /// Makes the body of an error, of its code and its message without control characters.
    error: fn(&str, &str) -> String,
}

impl Style {
    fn of(format: Format) -> &'static Style {
        match format {
            Format::Xml => &xml::STYLE,
            Format::Json => &json::STYLE,
            Format::Delimited => &delimited::STYLE,
            Format::Csv => &csv::STYLE,
        }
    }

    /// Returns whether texts are written as they are, and dates in the form that sorts as text.
    fn is_csv(&self) -> bool {
        self.quoting.is_some()
    }
}

/// A chunk being filled.
struct Window<'a> {
    chunk: &'a mut Vec<u8>,
    /// How many bytes it may have.
    bytes_max: usize,
}

impl Window<'_> {
    fn left(&self) -> usize {
        self.bytes_max - self.chunk.len()
    }

    /// Appends a text from `from` on; returns where it goes on if it did not fit.
    #[inline]
    fn put(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let to = text.len().min(from + self.left());
        self.chunk.extend_from_slice(&text[from..to]);
        (to < text.len()).then_some(to)
    }

    /// Appends a text with its escapes, from its byte `from` on; likewise.
    ///
    /// An escape is never cut: the chunk ends before it.
    fn put_escaped(&mut self, text: &[u8], mut from: usize, escapes: &Escapes) -> Option<usize> {
        while from < text.len() {
            let is_escaped = |&byte: &u8| !escapes[usize::from(byte)].is_empty();
            let run = text[from..].iter().position(is_escaped);
            let end = run.map_or(text.len(), |run| from + run);
            if let Some(cut) = self.put(&text[..end], from) {
                return Some(cut);
            }
            from = end;
            if let Some(&byte) = text.get(end) {
                let escape = escapes[usize::from(byte)].as_bytes();
                if self.left() < escape.len() {
                    return Some(from);
                }
                self.put(escape, 0);
                from += 1;
            }
        }
        None
    }

    /// Appends what `convert` makes of a text, from its byte `from` on; likewise.
    ///
    /// `convert` makes as much as it has room for; it returns how many bytes it has read, and how
    /// many written.
    fn put_converted(
        &mut self,
        text: &[u8],
        mut from: usize,
        convert: impl Fn(&[u8], &mut [u8]) -> (usize, usize),
    ) -> Option<usize> {
        const PIECE_BYTES: usize = 512;
        let mut piece = [0; PIECE_BYTES];
        while from < text.len() {
            let room = self.left().min(PIECE_BYTES);
            let (read, written) = convert(&text[from..], &mut piece[..room]);
            if read == 0 {
                return Some(from);
            }
            self.chunk.extend_from_slice(&piece[..written]);
            from += read;
        }
        None
    }
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
    content: Content,
    chunk_bytes: usize,
}

/// What is written.
#[expect(
    clippy::large_enum_variant,
    reason = "a page of tickets is asked for most, and shall cost no allocation more"
)]
enum Content {
    Records(Walk),
    Counts(CountsWalk),
}

impl Chunks {
    fn new(content: Content) -> Chunks {
        Chunks {
            content,
            chunk_bytes: FIRST_CHUNK_BYTES,
        }
    }

    /// Sets whether CSV is made harmless to spreadsheets; to be called before the first chunk.
    ///
    /// A spreadsheet may run a cell that begins with `=`, `+`, `-`, `@`, a tab or CR, and tickets come from
    /// strangers. An apostrophe before each such text keeps it a
    /// text; what is read back has it too, so the default is to write texts as they are. Of no
    /// effect on the other formats. A spreadsheet that parts cells by semicolons takes a record
    /// apart elsewhere: import the file with the comma as its separator.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Format, Options, Query, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default());
    /// let mut batch = Batch::new();
    /// batch.put(Ticket { tid: 7, summary: "=1+1".into(), ..Ticket::default() });
    /// store.commit(batch)?;
    ///
    /// let answer = store.snapshot().answer(&Query::default());
    /// let mut body = Vec::new();
    /// answer.into_chunks(Format::Csv).csv_safe(true).write_to(&mut body)?;
    /// assert!(body.ends_with(b",'=1+1\r\n"));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn csv_safe(mut self, is_safe: bool) -> Chunks {
        let style = match &mut self.content {
            Content::Records(walk) => &mut walk.style,
            Content::Counts(walk) => &mut walk.style,
        };
        if style.is_csv() {
            *style = if is_safe {
                &csv::SAFE_STYLE
            } else {
                &csv::STYLE
            };
        }
        self
    }

    /// Writes all chunks that are left; returns how many bytes they have.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the writer fails; some chunks are written then.
    ///
    /// # Cost
    ///
    /// Linear in the chunks. Memory is one of them, so a writer needs no buffer of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Format, Options, Query, Store};
    ///
    /// let answer = Store::new(Options::default()).snapshot().answer(&Query::default());
    /// let mut body = Vec::new();
    /// assert_eq!(answer.into_chunks(Format::Json).write_to(&mut body)?, 21);
    /// assert_eq!(body, b"{\n\t\"tickets\": [\n\t]\n}\n");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn write_to<W: io::Write>(&mut self, mut writer: W) -> Result<u64, Error> {
        let mut chunk = Vec::new();
        let mut written = 0;
        while self.fill(&mut chunk) {
            writer.write_all(&chunk)?;
            written += chunk.len() as u64;
        }
        Ok(written)
    }

    /// Overwrites the buffer with the next chunk; false, with an empty buffer, at the end.
    ///
    /// The buffer keeps its memory, so a caller that hands the same one in each time
    /// pays for touching it once. Cost: linear in the chunk.
    pub fn fill(&mut self, chunk: &mut Vec<u8>) -> bool {
        let bytes_max = self.chunk_bytes.max(chunk.capacity()).min(CHUNK_BYTES_MAX);
        self.chunk_bytes = (self.chunk_bytes * 4).min(CHUNK_BYTES_MAX);
        chunk.clear();
        chunk.reserve_exact(bytes_max);
        let mut window = Window { chunk, bytes_max };
        match &mut self.content {
            Content::Records(walk) => walk.fill(&mut window),
            Content::Counts(walk) => walk.fill(&mut window),
        }
        !chunk.is_empty()
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
        let mut shown = f.debug_struct("Chunks");
        match &self.content {
            Content::Records(walk) => walk.show(&mut shown),
            Content::Counts(walk) => shown.field("counts", &walk.counts),
        };
        shown.finish_non_exhaustive()
    }
}

// A response may be written by another thread than the one that asked.
const _: () = {
    const fn is_owned_and_send<T: Send + 'static>() {}
    is_owned_and_send::<Chunks>();
};

impl Answer {
    /// Writes the response in a format; returns how many bytes it has.
    ///
    /// Each record shows the variables that the query's [`fields`](crate::Query::fields) name, or
    /// all of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the writer fails; a part of the
    /// response is written then.
    ///
    /// # Cost
    ///
    /// Linear in the response: variables that are not shown are not looked at. Memory is one chunk of 64 KiB, so a writer needs no
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
    pub fn write_to<W: io::Write>(&self, format: Format, writer: W) -> Result<u64, Error> {
        self.clone().into_chunks(format).write_to(writer)
    }

    /// Returns the response in a format as chunks that own the answer's snapshot.
    ///
    /// An answer can be written many times; `answer.clone().into_chunks(format)` costs
    /// a few reference counts.
    pub fn into_chunks(self, format: Format) -> Chunks {
        Chunks::new(Content::Records(Walk::new(self, format)))
    }
}

impl Counts {
    /// Writes the response in a format; returns how many bytes it has.
    ///
    /// A value is written as the variable is: URL-encoded, as custom values are too, or with the
    /// format's escapes; in CSV as it is. CSV has a record for each group, of the field, the value and
    /// the count, and before them one of the total alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the writer fails; a part of the
    /// response is written then.
    ///
    /// # Cost
    ///
    /// Linear in the response. Memory is one chunk of 64 KiB and one value.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{CountQuery, Format, Store, Ticket};
    ///
    /// let ticket = |tid: u64| Ticket { tid, status: "On hold".into(), ..Ticket::default() };
    /// let snapshot = Store::from_tickets((1..=4).map(ticket))?.snapshot();
    /// let counts = snapshot.count_by(&"action=count_tickets&by=status".parse::<CountQuery>()?);
    /// let mut body = Vec::new();
    /// counts.write_to(Format::Delimited, &mut body)?;
    /// assert_eq!(body, b"count=4\nfield=status&distinct=1\nfield=status&value=On+hold&count=4\n");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn write_to<W: io::Write>(&self, format: Format, writer: W) -> Result<u64, Error> {
        self.clone().into_chunks(format).write_to(writer)
    }

    /// Returns the response in a format as chunks that own the counts.
    pub fn into_chunks(self, format: Format) -> Chunks {
        Chunks::new(Content::Counts(CountsWalk::new(self, format)))
    }
}

impl Error {
    /// Returns the body of an error response in a format.
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
        error_response(self.code(), &self.to_string(), format)
    }
}

/// Returns the body of an error response in a format, for an error of a service's own.
///
/// `code` is a stable word such as `unknown_key`, lower-case letters and `_`. Control characters,
/// U+FFFE and U+FFFF of the message are shown as `char::escape_default` does, so that every format
/// can carry it; what each format escapes is escaped. Cost: linear in the message.
///
/// # Examples
///
/// ```
/// use ticketdex::{Format, error_response};
///
/// let body = error_response("no_such_page", "there is no <page> here", Format::Xml);
/// assert_eq!(
///     String::from_utf8_lossy(&body),
///     "<?xml version=\"1.0\"?>\n<error>\n\t<code>no_such_page</code>\n\
///      \t<message>there is no &lt;page&gt; here</message>\n</error>\n"
/// );
/// ```
pub fn error_response(code: &str, message: &str, format: Format) -> Vec<u8> {
    let mut shown = String::new();
    for c in message.chars() {
        if is_identifier_char(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    (Style::of(format).error)(code, &shown).into_bytes()
}
