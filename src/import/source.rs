//! Bytes of an input, cut into records without being understood.
//!
//! A [`Framer`] finds where each record of a JSON Lines, delimited, CSV or JSON input
//! begins and ends, and hands out [`Block`]s of whole records, which can be parsed on
//! any thread. XML is not framed: its reader works event by event.
//!
//! # Invariants
//!
//! * Records leave in the order of the input, and none is longer than the bound.
//! * After an error nothing more comes, but the records before it do.
//!
//! # Cost
//!
//! One pass and one copy. Memory is a block and the longest record.

use std::io::{BufRead, ErrorKind as IoErrorKind};
use std::mem;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::RECORDS_MAX;
use super::start::Started;
use crate::model::error::{Error, ErrorKind, Position, unknown_variable};

/// The bytes at which a block is full: with its tickets it should fit into a processor's cache.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// The most bytes that are taken from the reader at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Whole records of an input, in order.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    records: Vec<(Range<usize>, Position)>,
    /// The bytes of the input up to the end of the block.
    pub(super) bytes_read: u64,
    /// What ended the input after these records, where that was an error.
    pub(super) end: Option<Error>,
}

impl Block {
    pub(super) fn records(&self) -> impl Iterator<Item = (&[u8], Position)> {
        let bytes = |range: &Range<usize>| &self.bytes[range.clone()];
        self.records
            .iter()
            .map(move |(range, position)| (bytes(range), *position))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.end = None;
    }

    pub(super) fn push(&mut self, record: &[u8], position: Position) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.records.push((start..self.bytes.len(), position));
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES || self.records.len() >= RECORDS_MAX
    }
}

/// How the records of an input are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Lines,
    Document,
    #[cfg(feature = "csv")]
    Csv {
        delimiter: u8,
    },
}

/// Where in a JSON response the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    FirstTicket,
    NextTicket,
    End,
}

/// Cuts an input into blocks of records.
#[derive(Debug)]
pub(super) struct Framer<R> {
    reader: Started<R>,
    framing: Framing,
    skips_bad: bool,
    pub(super) record_bytes_max: usize,
    pub(super) buffer: Vec<u8>,
    /// The bytes of the buffer before this one are done with.
    pub(super) at: usize,
    /// The lines and characters of a document up to a byte of the buffer.
    counted: Counted,
    counted_to: usize,
    /// The lines that were framed.
    pub(super) line: u64,
    pub(super) record: u64,
    place: Place,
    pub(super) is_ended: bool,
}

impl<R: BufRead> Framer<R> {
    pub(super) fn new(
        reader: Started<R>,
        framing: Framing,
        skips_bad: bool,
        record_bytes_max: usize,
    ) -> Framer<R> {
        Framer {
            reader,
            framing,
            skips_bad,
            record_bytes_max,
            buffer: Vec::new(),
            at: 0,
            counted: Counted::default(),
            counted_to: 0,
            line: 0,
            record: 0,
            place: Place::Start,
            is_ended: false,
        }
    }

    /// Fills a block; false where the input had ended before.
    pub(super) fn fill(&mut self, block: &mut Block) -> bool {
        block.clear();
        if self.is_ended {
            return false;
        }
        while !block.is_full() && !self.is_ended {
            let step = match self.framing {
                Framing::Lines => self.frame_line(block),
                Framing::Document => self.frame_ticket(block),
                #[cfg(feature = "csv")]
                Framing::Csv { delimiter } => self.frame_csv(delimiter, block),
            };
            match step {
                Ok(true) => {}
                Ok(false) => self.is_ended = true,
                Err(error) => {
                    self.is_ended = true;
                    let position = self.position();
                    block.end = Some(error.at(position));
                }
            }
        }
        block.bytes_read = self.reader.bytes_read;
        true
    }

    /// Returns where the next byte stands; of lines and CSV, only the last line that was framed.
    pub(super) fn position(&mut self) -> Position {
        if self.framing != Framing::Document {
            return Position {
                line: Some(self.line),
                column: None,
                record: self.record,
            };
        }
        self.count();
        self.counted.position(self.record)
    }

    /// Counts lines and characters up to the next byte.
    fn count(&mut self) {
        let bytes = &self.buffer[self.counted_to..self.at];
        self.counted.add(bytes);
        self.counted_to = self.at;
    }

    /// Reads on; false at the end of the input. Only `at` moves what is in the buffer.
    pub(super) fn read_on(&mut self) -> Result<bool, Error> {
        if self.at > 0 {
            if self.framing == Framing::Document {
                self.count();
            }
            self.buffer.drain(..self.at);
            (self.at, self.counted_to) = (0, 0);
        }
        // Two bytes more, for the end of the line.
        if self.buffer.len() > self.record_bytes_max + 2 {
            return Err(too_long(self.record_bytes_max));
        }
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let count = chunk.len().min(CHUNK_BYTES);
            self.buffer.extend_from_slice(&chunk[..count]);
            self.reader.consume(count);
            return Ok(count > 0);
        }
    }

    /// Adds the next line to the block, if it is not blank; false at the end.
    fn frame_line(&mut self, block: &mut Block) -> Result<bool, Error> {
        let mut scanned = 0;
        let (end, is_last) = loop {
            let rest = &self.buffer[self.at + scanned..];
            if let Some(found) = memchr(b'\n', rest) {
                break (self.at + scanned + found, false);
            }
            scanned += rest.len();
            let before = self.line;
            self.line += 1;
            let more = self.read_on()?;
            self.line = before;
            if !more {
                break (self.buffer.len(), true);
            }
        };
        let mut line = &self.buffer[self.at..end];
        if is_last && line.is_empty() {
            return Ok(false);
        }
        self.at = if is_last { end } else { end + 1 };
        self.line += 1;
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.record_bytes_max {
            return Err(too_long(self.record_bytes_max));
        }
        if !line.trim_ascii().is_empty() {
            self.record += 1;
            let position = Position {
                line: Some(self.line),
                column: Some(1),
                record: self.record,
            };
            block.push(line, position);
        }
        Ok(!is_last)
    }

    /// Adds the next ticket of a JSON response to the block; false at the end.
    fn frame_ticket(&mut self, block: &mut Block) -> Result<bool, Error> {
        if self.place == Place::Start {
            self.open()?;
            self.place = Place::FirstTicket;
        }
        let next = self.peek()?;
        match (self.place, next) {
            (_, Some(b']')) => {
                self.at += 1;
                self.close()?;
                self.place = Place::End;
                return Ok(false);
            }
            (Place::NextTicket, Some(b',')) => {
                self.at += 1;
                self.peek()?;
            }
            // Both tickets are whole, though the comma between them is missing.
            (Place::NextTicket, Some(b'{')) if self.skips_bad => {}
            (Place::NextTicket, _) => return Err(self.expected("`,` or `]` after a ticket")),
            _ => {}
        }
        self.place = Place::NextTicket;
        self.record += 1;
        let mut end = self.value_end()?;
        if self.skips_bad {
            end = self.junk_end(end)?;
        }
        let position = self.position();
        block.push(&self.buffer[self.at..self.at + end], position);
        self.at += end;
        Ok(true)
    }

    /// Reads `{ "tickets" : [`.
    fn open(&mut self) -> Result<(), Error> {
        self.expect(b'{', "a JSON object with tickets")?;
        let name = self.member_name()?;
        if !name.eq_ignore_ascii_case("tickets") {
            return Err(unknown_variable(&name, "the member tickets"));
        }
        self.expect(b':', "`:` after \"tickets\"")?;
        self.expect(b'[', "an array of tickets")
    }

    /// Reads `}` and white space up to the end of the input.
    fn close(&mut self) -> Result<(), Error> {
        if self.peek()? == Some(b',') {
            self.at += 1;
            let name = self.member_name()?;
            return Err(unknown_variable(&name, "the member tickets"));
        }
        self.expect(b'}', "`}` after the tickets")?;
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.expected("nothing after the response")),
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Error> {
        if self.peek()? != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// Makes the error of what stands next.
    fn expected(&self, expected: &'static str) -> Error {
        syntax_found(expected, "", &self.buffer[self.at..])
    }

    fn member_name(&mut self) -> Result<String, Error> {
        if self.peek()? != Some(b'"') {
            return Err(self.expected("a member's name"));
        }
        let end = self.value_end()?;
        let name = &self.buffer[self.at..self.at + end];
        let text = decode_utf8(name)?;
        let name = serde_json::from_str(text).map_err(|_| syntax("a member's name"))?;
        self.at += end;
        Ok(name)
    }

    /// Skips white space and returns the byte after it; none at the end of the input.
    fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            while let Some(&byte) = self.buffer.get(self.at) {
                if !is_json_space(byte) {
                    return Ok(Some(byte));
                }
                self.at += 1;
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Returns the length of the JSON value that starts here, by its brackets and strings.
    ///
    /// What is no JSON gets some end too, and is refused when it is parsed.
    fn value_end(&mut self) -> Result<usize, Error> {
        let mut scan = ValueScan::default();
        let mut scanned = 0;
        loop {
            let rest = &self.buffer[self.at + scanned..];
            if let Some(end) = scan.end(rest) {
                let end = scanned + end;
                if end > self.record_bytes_max {
                    return Err(too_long(self.record_bytes_max));
                }
                return Ok(end);
            }
            scanned += rest.len();
            if !self.read_on()? {
                return Err(syntax("the rest of the response"));
            }
        }
    }

    /// Returns the length of a value with what stands between it and the next ticket.
    ///
    /// That is nothing but white space where the value is whole; what else there is makes the
    /// record a bad one. A ticket starts at the next `{` outside of strings and arrays.
    fn junk_end(&mut self, value_end: usize) -> Result<usize, Error> {
        let mut end = value_end;
        loop {
            match self.buffer.get(self.at + end).copied() {
                Some(b',' | b']' | b'{') => return Ok(value_end),
                Some(byte) if is_json_space(byte) => end += 1,
                Some(_) => break,
                None if self.read_on()? => {}
                None => return Ok(value_end),
            }
        }
        let (mut depth, mut is_in_string) = (0, false);
        loop {
            let Some(&byte) = self.buffer.get(self.at + end) else {
                if self.read_on()? {
                    continue;
                }
                return Err(syntax("the rest of the response"));
            };
            match byte {
                b'\\' if is_in_string => end += 1,
                b'"' => is_in_string = !is_in_string,
                _ if is_in_string => {}
                b'{' | b']' if depth == 0 => return Ok(end),
                b'[' | b'{' => depth += 1,
                b']' | b'}' if depth > 0 => depth -= 1,
                _ => {}
            }
            end += 1;
        }
    }
}

/// Finds the end of a JSON value over several pieces of it.
#[derive(Debug, Default)]
struct ValueScan {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    is_begun: bool,
}

impl ValueScan {
    /// Returns where in the next piece the value ends, or none.
    fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if mem::take(&mut self.is_escaped) {
                at += 1;
                continue;
            }
            if self.is_in_string {
                at += memchr2(b'"', b'\\', &piece[at..])?;
                self.is_escaped = piece[at] == b'\\';
                self.is_in_string = self.is_escaped;
                at += 1;
                if !self.is_in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match piece[at] {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                byte if self.depth == 0 && self.is_begun && is_json_space(byte) => return Some(at),
                _ => {}
            }
            self.is_begun = true;
            at += 1;
        }
        None
    }
}

fn is_json_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Makes the error of an input that is not of its format.
pub(super) fn syntax(expected: &'static str) -> Error {
    ErrorKind::InvalidSyntax {
        expected,
        detail: String::new(),
    }
    .into()
}

/// Makes the error of an input that is not of its format, with what stands there instead.
pub(super) fn syntax_found(expected: &'static str, detail: &str, rest: &[u8]) -> Error {
    const CHARS_SHOWN: usize = 20;
    let shown = String::from_utf8_lossy(&rest[..rest.len().min(4 * CHARS_SHOWN)]);
    let shown: String = shown.chars().take(CHARS_SHOWN).collect();
    let found = match &*shown {
        "" => "found its end".to_owned(),
        shown => format!("found \"{shown}\""),
    };
    let detail = match detail {
        "" => found,
        detail => format!("{detail}, {found}"),
    };
    ErrorKind::InvalidSyntax { expected, detail }.into()
}

/// Makes the error of a record past the bound.
pub(super) fn too_long(bytes_max: usize) -> Error {
    ErrorKind::InvalidSyntax {
        expected: "a record within the bound on its bytes",
        detail: format!("it has more than {bytes_max} bytes"),
    }
    .into()
}

/// Lines and characters of an input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// The line feeds.
    lines: u64,
    /// The characters after the last line feed.
    chars: u64,
}

impl Counted {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.lines += memchr_iter(b'\n', bytes).count() as u64;
        let line_start = memrchr(b'\n', bytes).map(|at| at + 1);
        if line_start.is_some() {
            self.chars = 0;
        }
        let line = &bytes[line_start.unwrap_or(0)..];
        let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
        self.chars += line.iter().filter(is_first).count() as u64;
    }

    /// Returns where the next character stands.
    pub(super) fn position(self, record: u64) -> Position {
        Position {
            line: Some(self.lines + 1),
            column: Some(self.chars + 1),
            record,
        }
    }
}

/// Places an error in a record, at the end of the record's first bytes.
pub(super) fn place_after(error: Error, bytes: &[u8]) -> Error {
    let mut counted = Counted::default();
    counted.add(bytes);
    error.within(counted.lines + 1, counted.chars + 1)
}

/// Reads a record as UTF-8; the error shows the first byte that is none.
pub(super) fn decode_utf8(bytes: &[u8]) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        let found = match rest.first() {
            Some(byte) => format!("the byte 0x{byte:02X}"),
            None => "nothing".to_owned(),
        };
        place_after(ErrorKind::InvalidEncoding { found }.into(), valid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    fn frame(input: &[u8], framing: Framing, piece: usize) -> (Vec<String>, Option<&'static str>) {
        let mut framer = Framer::new(
            Started::new(BufReader::with_capacity(piece, input)),
            framing,
            false,
            64,
        );
        let mut records = Vec::new();
        let mut block = Block::default();
        while framer.fill(&mut block) {
            records.extend(
                block
                    .records()
                    .map(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned()),
            );
            if let Some(error) = block.end.take() {
                return (records, Some(error.code()));
            }
        }
        (records, None)
    }

    #[test]
    fn pieces_of_any_size_give_the_same_records() {
        for piece in 1..20 {
            let lines = frame(
                b"\xEF\xBB\xBFa\r\n\n \nbc\n\xEF\xBB\xBFd",
                Framing::Lines,
                piece,
            );
            assert_eq!(
                lines,
                (vec!["a".into(), "bc".into(), "\u{FEFF}d".into()], None)
            );
            let text = br#" {"tickets":[{"a":"]\"}\\"} , 12 ,[{}],"x\\"]} "#;
            let (records, code) = frame(text, Framing::Document, piece);
            assert_eq!(records, [r#"{"a":"]\"}\\"}"#, "12", "[{}]", r#""x\\""#]);
            assert_eq!(code, None);
        }
    }

    #[test]
    fn a_record_past_the_bound_is_refused_without_being_held() {
        for framing in [Framing::Lines, Framing::Document] {
            let start = &b"{\"tickets\":[\""[..usize::from(framing == Framing::Document) * 13];
            let reader = BufReader::new(start.chain(std::io::repeat(b'x').take(1 << 40)));
            let mut framer = Framer::new(Started::new(reader), framing, false, 1 << 20);
            let mut block = Block::default();
            assert!(framer.fill(&mut block));
            assert_eq!(block.end.take().unwrap().code(), "invalid_syntax");
            assert!(framer.reader.bytes_read < 2 << 20);
            assert!(!framer.fill(&mut block));
        }
    }
}
