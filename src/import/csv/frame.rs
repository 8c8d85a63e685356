//! Records of CSV, cut out of an input without being understood.
//!
//! A record ends at the first line feed outside of quotes. Forbidden quotes and carriage returns are
//! found later, when the record is taken apart; here they are characters like any other. So the
//! record after a broken one starts on the next line, and only a quote that is never closed leaves
//! no next record.

use std::io::BufRead;

use memchr::{memchr, memchr_iter, memchr2};

use super::{Columns, CsvOptions};
use crate::import::source::{Block, Framer, place_after, syntax, syntax_found, too_long};
use crate::model::error::{Error, Position};

impl<R: BufRead> Framer<R> {
    /// Reads the header, which must be there, as the columns of the records after it.
    pub(in crate::import) fn read_header(
        &mut self,
        options: &CsvOptions,
    ) -> Result<Columns, Error> {
        let mut block = Block::default();
        while block.records().next().is_none() && !self.is_ended {
            let delimiter = options.delimiter_byte();
            let framed = self.frame_record(delimiter, 0, &mut block);
            self.is_ended = !framed.map_err(|error| error.at(self.position()))?;
        }
        let Some((header, position)) = block.records().next() else {
            let end = Position {
                column: Some(1),
                ..self.position()
            };
            return Err(syntax_found(HEADER_EXPECTED, "", b"").at(end));
        };
        let columns = Columns::read(header, options);
        columns.map_err(|error| error.at(position))
    }

    /// Adds the next record to the block, if its line holds something; false at the end.
    pub(in crate::import) fn frame_csv(
        &mut self,
        delimiter: u8,
        block: &mut Block,
    ) -> Result<bool, Error> {
        self.frame_record(delimiter, self.record + 1, block)
    }

    /// The same for a record of a number, which is 0 for the header.
    fn frame_record(
        &mut self,
        delimiter: u8,
        number: u64,
        block: &mut Block,
    ) -> Result<bool, Error> {
        let mut scan = RecordScan::new(delimiter);
        let mut scanned = 0;
        // A failure is told on the line on which the record starts.
        self.line += 1;
        let (end, is_last) = loop {
            let rest = &self.buffer[self.at + scanned..];
            if let Some(found) = scan.end(rest) {
                break (self.at + scanned + found, false);
            }
            scanned += rest.len();
            if !self.read_on()? {
                break (self.buffer.len(), true);
            }
        };
        let mut record = &self.buffer[self.at..end];
        if is_last && record.is_empty() {
            return Ok(false);
        }
        let position = Position {
            line: Some(self.line),
            column: Some(1),
            record: number,
        };
        if let Some(opened) = scan.open_quote().filter(|_| is_last) {
            let error = syntax("the closing quote of the value that begins here");
            return Err(place_after(error, &record[..opened]).at(position));
        }
        self.line += memchr_iter(b'\n', record).count() as u64;
        if !is_last {
            record = record.strip_suffix(b"\r").unwrap_or(record);
        }
        if record.len() > self.record_bytes_max {
            return Err(too_long(self.record_bytes_max).at(position));
        }
        if !record.is_empty() {
            self.record = number;
            block.push(record, position);
        }
        self.at = if is_last { end } else { end + 1 };
        Ok(!is_last)
    }
}

const HEADER_EXPECTED: &str = "a header, a record of the names of the columns";

/// What the next byte of a record is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    ValueStart,
    Unquoted,
    Quoted,
    /// Behind a quote that closes a value, or is the first of two.
    Closing,
}

/// Finds the end of a record over several pieces of it.
#[derive(Debug)]
struct RecordScan {
    delimiter: u8,
    state: State,
    /// The bytes of the pieces before.
    passed: usize,
    /// Where the last quoted value begins.
    opened: usize,
}

impl RecordScan {
    fn new(delimiter: u8) -> RecordScan {
        RecordScan {
            delimiter,
            state: State::ValueStart,
            passed: 0,
            opened: 0,
        }
    }

    /// Returns where in the next piece the line feed stands that ends the record, or none.
    fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            let rest = &piece[at..];
            match self.state {
                State::Quoted => {
                    let Some(found) = memchr(b'"', rest) else {
                        break;
                    };
                    self.state = State::Closing;
                    at += found + 1;
                }
                State::ValueStart | State::Closing if byte == b'"' => {
                    if self.state == State::ValueStart {
                        self.opened = self.passed + at;
                    }
                    self.state = State::Quoted;
                    at += 1;
                }
                State::ValueStart | State::Closing | State::Unquoted => {
                    self.state = State::Unquoted;
                    let Some(found) = memchr2(self.delimiter, b'\n', rest) else {
                        break;
                    };
                    at += found;
                    if piece[at] == b'\n' {
                        return Some(at);
                    }
                    self.state = State::ValueStart;
                    at += 1;
                }
            }
        }
        self.passed += piece.len();
        None
    }

    /// Returns where the value begins whose closing quote has not come.
    fn open_quote(&self) -> Option<usize> {
        (self.state == State::Quoted).then_some(self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::source::Framing;
    use crate::import::start::Started;
    use std::io::{BufReader, Read};

    fn framer<R: BufRead>(reader: R, bytes_max: usize) -> Framer<R> {
        let framing = Framing::Csv { delimiter: b',' };
        Framer::new(Started::new(reader), framing, false, bytes_max)
    }

    /// The records with their lines, and line and column of the fault at the end.
    type Framed = (Vec<(String, u64)>, Option<(u64, u64)>);

    fn frame(input: &str, piece: usize) -> Framed {
        let reader = BufReader::with_capacity(piece, input.as_bytes());
        let mut framer = framer(reader, 1 << 20);
        let mut block = Block::default();
        framer.fill(&mut block);
        let records = block.records().map(|(bytes, position)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            (text, position.line.unwrap())
        });
        let records = records.collect();
        let end = block.end.map(|error| error.position().unwrap());
        (
            records,
            end.map(|it| (it.line.unwrap(), it.column.unwrap())),
        )
    }

    #[test]
    fn pieces_of_any_size_give_the_same_records() {
        for piece in 1..20 {
            let input = "\u{FEFF}a,\"b\nc\"\r\n\r\n\n\"\"\"\n\"\"\"\"\",\"x\"y\n z\"w\",\"\n\"\n\" \"\na,\" \n";
            let (records, end) = frame(input, piece);
            let expected = [
                ("a,\"b\nc\"", 1),
                ("\"\"\"\n\"\"\"\"\",\"x\"y", 5),
                (" z\"w\",\"\n\"", 7),
                ("\" \"", 9),
            ];
            let expected = expected.map(|(text, line)| (text.to_owned(), line));
            assert_eq!(records, expected, "in pieces of {piece}");
            assert_eq!(end, Some((10, 3)), "the quote that stays open");
            assert_eq!(frame("a\r", piece).0, [("a\r".to_owned(), 1)]);
        }
    }

    #[test]
    fn a_record_past_the_bound_is_refused_without_being_held() {
        for byte in [b'x', b',', b'"'] {
            let reader = BufReader::new((&b"\""[..]).chain(std::io::repeat(byte).take(1 << 30)));
            let mut framer = framer(reader, 1 << 20);
            let mut block = Block::default();
            assert!(framer.fill(&mut block));
            assert_eq!(block.end.take().unwrap().code(), "invalid_syntax");
            assert!(block.bytes_read < 2 << 20);
            assert!(!framer.fill(&mut block));
        }
    }
}
