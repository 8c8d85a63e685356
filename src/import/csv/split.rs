//! A record of CSV, taken apart into values.
//!
//! The parser accepts any bytes: it takes a quote inside an unquoted value, or text behind a closing
//! quote, for a part of the value. The program that wrote such a record may have meant something
//! else, so the record is checked first. The check also finds where each value starts, which errors
//! tell.

use memchr::{memchr, memchr3};

use crate::import::source::{decode_utf8, place_after, syntax_found};
use crate::model::error::{Error, ErrorKind};

/// Takes records apart; its memory is used again for the next.
#[derive(Debug)]
pub(in crate::import) struct Splitter {
    parser: csv_core::Reader,
    delimiter: u8,
    /// The values of the record, end to end.
    text: Vec<u8>,
    /// Where in the text each value ends.
    ends: Vec<usize>,
    /// Where in the record each value starts.
    starts: Vec<usize>,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Splitter {
        let mut parser = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(csv_core::Terminator::Any(b'\n'))
            .build();
        // What it reads first may begin with a byte order mark, which no record does.
        parser.read_record(b"\n", &mut [], &mut []);
        Splitter {
            parser,
            delimiter,
            text: Vec::new(),
            ends: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Takes a record apart, whose end of line is cut off, and which has this many values at most.
    ///
    /// Errors stand at what is forbidden, or at the first value that is one too many.
    pub(super) fn split(&mut self, record: &[u8], values_max: usize) -> Result<(), Error> {
        decode_utf8(record)?;
        self.find_starts(record, values_max)?;
        // A value is never longer than what stands for it; the parser stops where no room is left.
        if self.text.len() <= record.len() {
            self.text.resize(record.len() + 1, 0);
        }
        self.ends.clear();
        self.ends.resize(self.starts.len(), 0);
        let (_, _, written, ended) =
            self.parser
                .read_record(record, &mut self.text, &mut self.ends);
        let (text, ends) = (&mut self.text[written..], &mut self.ends[ended..]);
        let (outcome, ..) = self.parser.read_record(b"\n", text, ends);
        debug_assert_eq!(outcome, csv_core::ReadRecordResult::Record);
        Ok(())
    }

    /// Returns the values of the last record, each with the byte of the record at which it starts.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = (usize, &str)> {
        let mut end = 0;
        self.starts
            .iter()
            .zip(&self.ends)
            .map(move |(&start, &next)| {
                let value = &self.text[std::mem::replace(&mut end, next)..next];
                // The record is UTF-8, and is taken apart at ASCII.
                (start, str::from_utf8(value).unwrap_or_default())
            })
    }

    fn find_starts(&mut self, record: &[u8], values_max: usize) -> Result<(), Error> {
        let wrong = |at: usize, expected| {
            let error = syntax_found(expected, "", &record[at..]);
            Err(place_after(error, &record[..at]))
        };
        self.starts.clear();
        self.starts.reserve_exact(values_max);
        let mut at = 0;
        loop {
            if self.starts.len() == values_max {
                return Err(place_after(too_many(values_max), &record[..at]));
            }
            self.starts.push(at);
            if record.get(at) == Some(&b'"') {
                let Some(end) = quoted_end(&record[at..]) else {
                    return wrong(at, "a value with a closing quote");
                };
                at += end;
                match record.get(at) {
                    None => return Ok(()),
                    Some(&byte) if byte == self.delimiter => at += 1,
                    Some(_) => {
                        return wrong(at, "the end of the value behind its closing quote");
                    }
                }
                continue;
            }
            let Some(found) = memchr3(self.delimiter, b'"', b'\r', &record[at..]) else {
                return Ok(());
            };
            at += found;
            match record[at] {
                b'"' => return wrong(at, "a value in quotes, with each quote in it doubled"),
                b'\r' => return wrong(at, "LF behind CR outside of quotes"),
                _ => at += 1,
            }
        }
    }
}

/// Returns the bytes of a quoted value, which begins with its quote; none where it is not closed.
fn quoted_end(value: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', &value[at..])? + 1;
        if value.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// Makes the error of a record with too few values.
pub(super) fn too_few(values_count: usize, columns_count: usize) -> Error {
    ErrorKind::InvalidSyntax {
        expected: VALUES_EXPECTED,
        detail: format!("the header has {columns_count}, the record {values_count}"),
    }
    .into()
}

fn too_many(columns_count: usize) -> Error {
    ErrorKind::InvalidSyntax {
        expected: VALUES_EXPECTED,
        detail: format!("the header has {columns_count}, the record more"),
    }
    .into()
}

const VALUES_EXPECTED: &str = "as many values as the header has names";

#[cfg(test)]
mod tests {
    use super::*;

    fn split(splitter: &mut Splitter, record: &str) -> Result<Vec<(usize, String)>, (u64, String)> {
        match splitter.split(record.as_bytes(), 9) {
            Ok(()) => Ok(splitter
                .values()
                .map(|(start, value)| (start, value.to_owned()))
                .collect()),
            Err(error) => {
                let column = error.position().and_then(|it| it.column);
                Err((column.unwrap(), error.to_string()))
            }
        }
    }

    #[test]
    fn values_come_with_their_places() {
        let mut splitter = Splitter::new(b';');
        for _ in 0..2 {
            for (record, values) in [
                ("a", &[(0, "a")][..]),
                ("\"\"", &[(0, "")]),
                (";", &[(0, ""), (1, "")]),
                ("\u{FEFF}a; b ", &[(0, "\u{FEFF}a"), (5, " b ")]),
                (
                    "\"a;\r\n\"\"\"\"b\";\"\";c,",
                    &[(0, "a;\r\n\"\"b"), (12, ""), (15, "c,")],
                ),
                ("\"\u{e9}\";", &[(0, "\u{e9}"), (5, "")]),
            ] {
                let values = values
                    .iter()
                    .map(|&(start, value)| (start, value.to_owned()));
                assert_eq!(
                    split(&mut splitter, record),
                    Ok(values.collect()),
                    "{record:?}"
                );
            }
            for (record, column, expected) in [
                ("é;a\"b", 4, "a value in quotes"),
                ("a;\"b\"c", 6, "behind its closing quote"),
                ("\"a\" ;b", 4, "behind its closing quote"),
                ("\"a\"\r", 4, "behind its closing quote"),
                ("a;\"b\"\"", 3, "a value with a closing quote"),
                ("a\rb", 2, "LF behind CR"),
            ] {
                let (at, message) = split(&mut splitter, record).unwrap_err();
                assert_eq!(at, column, "{record:?}");
                assert!(message.contains(expected), "{message}");
            }
        }
        let error = splitter.split(b"a;b;c", 2).unwrap_err();
        assert_eq!(error.position().and_then(|it| it.column), Some(5));
    }
}
