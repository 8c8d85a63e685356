//! The start of an input: its byte order mark, and what the input looks like.
//!
//! Whoever mirrors an installation feeds in what it sent, which may be a login page, an error or
//! another form of the tickets. A parser would say what character it expected; the first bytes tell
//! what the input is instead, so that the message can name it.
//!
//! # Cost
//!
//! The first 1 KiB is held until it is read on; of an error response, 64 KiB.

use std::io::{self, BufRead, ErrorKind as IoErrorKind, Read};

use quick_xml::events::Event;
use serde::Deserialize;

use super::ImportFormat;
use crate::model::error::{Error, ErrorKind, Position, shorten};
use crate::model::{Field, Format, is_custom_name};

/// The bytes that are looked at.
const START_BYTES: usize = 1 << 10;

/// The bytes of an error response that are looked at.
const ERROR_BYTES: usize = 64 << 10;

/// The characters of an error response's message that are kept.
const MESSAGE_CHARS_MAX: usize = 1000;

/// The byte order mark, in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An input of which the start was read ahead, without the byte order mark that it may have.
#[derive(Debug)]
pub(super) struct Started<R> {
    start: Vec<u8>,
    /// The bytes of the start that were handed out.
    at: usize,
    /// What ended reading ahead.
    failure: Option<io::Error>,
    reader: R,
    pub(super) bytes_read: u64,
}

impl<R: BufRead> Started<R> {
    pub(super) fn new(reader: R) -> Started<R> {
        let mut started = Started {
            start: Vec::new(),
            at: 0,
            failure: None,
            reader,
            bytes_read: 0,
        };
        started.read_ahead(START_BYTES);
        if started.start.starts_with(BOM) {
            started.consume(BOM.len());
        }
        started
    }

    /// Reads until the start has this many bytes, or the input ends or fails.
    fn read_ahead(&mut self, bytes: usize) {
        while self.start.len() < bytes && self.failure.is_none() {
            match self.reader.fill_buf() {
                Ok([]) => return,
                Ok(chunk) => {
                    let count = chunk.len().min(bytes - self.start.len());
                    self.start.extend_from_slice(&chunk[..count]);
                    self.reader.consume(count);
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
    }

    /// Returns the error of an input that is no input of this format.
    ///
    /// Where bad records are skipped, what could be one bad record is left to be skipped.
    pub(super) fn fault(&mut self, format: ImportFormat, skips_bad: bool) -> Option<Error> {
        let looks = Looks::of(&self.start[self.at..])?;
        if let Looks::Error(form) = looks {
            self.read_ahead(ERROR_BYTES);
            let (code, message) = read_error(form, &self.start[self.at..])?;
            return Some(first(ErrorKind::ErrorResponse { code, message }));
        }
        looks.fault(format, skips_bad)
    }
}

impl<R: BufRead> Read for Started<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Started<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.start.len() {
            return Ok(&self.start[self.at..]);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.reader.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.bytes_read += count as u64;
        if self.at < self.start.len() {
            self.at += count;
        } else {
            self.reader.consume(count);
        }
    }
}

/// What an input looks like by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Tickets in a form.
    Like(ImportFormat),
    /// CSV, whether or not it can be read.
    Csv,
    /// An error response in a form.
    Error(Format),
    /// Text in another encoding than UTF-8.
    Encoded(&'static str),
    /// Something else, by name; no line of it is a ticket.
    Other(&'static str),
}

impl Looks {
    /// Returns what the start of an input tells, if it tells anything.
    fn of(start: &[u8]) -> Option<Looks> {
        match start {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                return Some(Looks::Encoded("UTF-16 with a byte order mark"));
            }
            [1..=0xFF, 0, 1..=0xFF, 0, ..] => {
                return Some(Looks::Encoded("UTF-16LE without a byte order mark"));
            }
            [0, 1..=0xFF, 0, 1..=0xFF, ..] => {
                return Some(Looks::Encoded("UTF-16BE without a byte order mark"));
            }
            [0x1F, 0x8B, ..] => return Some(Looks::Other("a gzip file")),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => return Some(Looks::Other("a zstd file")),
            [0xFD, b'7', b'z', b'X', b'Z', ..] => return Some(Looks::Other("an xz file")),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Some(Looks::Other("a bzip2 file")),
            [b'P', b'K', 3, 4, ..] => return Some(Looks::Other("a zip file")),
            [0xD0, 0xCF, 0x11, 0xE0, ..] => {
                return Some(Looks::Other("a workbook of an older Excel"));
            }
            _ => {}
        }
        let start = start.trim_ascii_start();
        match start.first()? {
            b'<' => Looks::of_markup(start),
            b'{' => Looks::of_object(start[1..].trim_ascii_start()),
            b'[' if start[1..].trim_ascii_start().starts_with(b"{") => {
                Some(Looks::Other("a JSON array"))
            }
            _ => Looks::of_pairs(start).or_else(|| Looks::of_header(start)),
        }
    }

    fn of_markup(mut start: &[u8]) -> Option<Looks> {
        let mut is_declared = false;
        for (open, close) in [("<?xml", "?>"), ("<!--", "-->"), ("<!--", "-->")] {
            if begins(start, open) {
                let end = memchr::memmem::find(start, close.as_bytes())?;
                is_declared |= open == "<?xml";
                start = start[end + close.len()..].trim_ascii_start();
            }
        }
        let pages = [
            "<!doctype html",
            "<html",
            "<head",
            "<body",
            "<script",
            "<meta",
            "<title",
        ];
        if pages.iter().any(|page| begins(start, page)) {
            return Some(Looks::Other("an HTML page"));
        }
        if begins(start, "<error") && !start.get(6).is_some_and(u8::is_ascii_alphanumeric) {
            return Some(Looks::Error(Format::Xml));
        }
        let is_response = is_declared || begins(start, "<tickets");
        is_response.then_some(Looks::Like(ImportFormat::Xml))
    }

    /// Returns what an object looks like by what stands behind its brace.
    fn of_object(members: &[u8]) -> Option<Looks> {
        let name = members.strip_prefix(b"\"")?;
        let name = &name[..memchr::memchr(b'"', name)?];
        let value = members[name.len() + 2..].trim_ascii_start();
        let value = value.strip_prefix(b":")?.trim_ascii_start();
        let name = str::from_utf8(name).ok()?;
        if name.eq_ignore_ascii_case("tickets") {
            Some(Looks::Like(ImportFormat::Json))
        } else if name.eq_ignore_ascii_case("error") && value.starts_with(b"{") {
            Some(Looks::Error(Format::Json))
        } else {
            Field::from_output_name(name)?;
            Some(Looks::Like(ImportFormat::JsonLines))
        }
    }

    fn of_pairs(start: &[u8]) -> Option<Looks> {
        let name = str::from_utf8(&start[..memchr::memchr(b'=', start)?]).ok()?;
        if name == "error" && memchr::memmem::find(start, b"&message=").is_some() {
            return Some(Looks::Error(Format::Delimited));
        }
        Field::from_output_name(name)?;
        Some(Looks::Like(ImportFormat::Delimited))
    }

    /// Returns what a first line of names looks like.
    fn of_header(start: &[u8]) -> Option<Looks> {
        let text = start.utf8_chunks().next()?.valid();
        let line = text.lines().next()?;
        if line.eq_ignore_ascii_case("error,message") {
            return Some(Looks::Error(Format::Csv));
        }
        let mut names: Vec<&str> = line.split(',').collect();
        if line.len() == text.len() {
            // The last name may be cut.
            names.pop();
        }
        let is_column = |name: &&str| {
            let name = name.trim_matches('"');
            let own = name
                .split_once('.')
                .filter(|(list, _)| list.eq_ignore_ascii_case(Field::CustomFields.name()));
            Field::from_output_name(name).is_some()
                || own.is_some_and(|(_, own)| is_custom_name(own))
        };
        (names.len() > 1 && names.iter().all(is_column)).then_some(Looks::Csv)
    }

    /// Returns the error of reading what looks so as a format, if it cannot be of it.
    fn fault(self, format: ImportFormat, skips_bad: bool) -> Option<Error> {
        use ImportFormat::{Delimited, Json, JsonLines, Xml};
        let looks = match self {
            Looks::Other("a JSON array") if skips_bad && format == JsonLines => return None,
            Looks::Encoded(found) => {
                let found = found.to_owned();
                return Some(first(ErrorKind::InvalidEncoding { found }));
            }
            Looks::Other(name) => name,
            Looks::Error(_) => return None,
            Looks::Like(own) if own == format => return None,
            #[cfg(feature = "csv")]
            Looks::Csv if format == ImportFormat::Csv => return None,
            Looks::Csv => "CSV under a header",
            // The first line may be broken, and be skipped.
            Looks::Like(JsonLines | Delimited)
                if skips_bad && matches!(format, JsonLines | Delimited) =>
            {
                return None;
            }
            Looks::Like(other) => describe(other),
        };
        let expected = match format {
            Xml => "an XML response with tickets",
            Json => "a JSON response with tickets",
            JsonLines => "JSON Lines, one ticket a line",
            Delimited => "a delimited response, one ticket a line",
            #[cfg(feature = "csv")]
            ImportFormat::Csv => "CSV under a header",
        };
        let detail = format!("the input looks like {looks}");
        Some(first(ErrorKind::InvalidSyntax { expected, detail }))
    }
}

fn describe(format: ImportFormat) -> &'static str {
    match format {
        ImportFormat::Xml => "an XML response",
        ImportFormat::Json => "a JSON response",
        ImportFormat::JsonLines => "JSON Lines",
        ImportFormat::Delimited => "a delimited response",
        #[cfg(feature = "csv")]
        ImportFormat::Csv => "CSV under a header",
    }
}

/// Makes an error at the first character of an input.
fn first(kind: ErrorKind) -> Error {
    Error::from(kind).at(Position {
        line: Some(1),
        column: Some(1),
        record: 1,
    })
}

/// Returns whether bytes begin with a word, in any ASCII case.
fn begins(bytes: &[u8], word: &str) -> bool {
    let start = bytes.get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Reads code and message of an error response; none where it is no such response.
fn read_error(form: Format, bytes: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "Error")]
        error: Members,
    }
    #[derive(Deserialize)]
    struct Members {
        code: String,
        message: String,
    }
    let (code, message) = match form {
        Format::Xml => read_xml_error(str::from_utf8(bytes).ok()?)?,
        Format::Json => {
            let body: Body = serde_json::from_slice(bytes).ok()?;
            (body.error.code, body.error.message)
        }
        Format::Delimited => {
            let line = bytes.split(|&byte| byte == b'\n').next()?;
            let find = |wanted: &str| {
                let mut pairs = form_urlencoded::parse(line.trim_ascii());
                let (_, value) = pairs.find(|(name, _)| name == wanted)?;
                Some(value.into_owned())
            };
            (find("error")?, find("message")?)
        }
        Format::Csv => {
            let mut lines = str::from_utf8(bytes).ok()?.lines().skip(1);
            let (code, message) = lines.next()?.split_once(',')?;
            let message = match message.strip_prefix('"') {
                Some(message) => message.strip_suffix('"')?.replace("\"\"", "\""),
                None => message.to_owned(),
            };
            (code.to_owned(), message)
        }
    };
    let message = message.chars().take(MESSAGE_CHARS_MAX).collect();
    Some((shorten(&code), message))
}

fn read_xml_error(text: &str) -> Option<(String, String)> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut element = String::new();
    let (mut code, mut message) = (None, None);
    loop {
        let piece = match reader.read_event().ok()? {
            Event::Start(start) => {
                start.name().as_ref().clone_into(&mut element);
                continue;
            }
            Event::Text(text) => text.xml10_content().into_owned(),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => c.to_string(),
                _ => quick_xml::escape::resolve_predefined_entity(reference.as_ref())?.to_owned(),
            },
            Event::End(_) => {
                element.clear();
                continue;
            }
            Event::Eof => return Some((code?, message.unwrap_or_default())),
            _ => continue,
        };
        let part: &mut Option<String> = match &*element {
            "code" => &mut code,
            "message" => &mut message,
            _ => continue,
        };
        part.get_or_insert_default().push_str(&piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn the_first_bytes_tell_what_an_input_is() {
        use ImportFormat::{Delimited, Json, JsonLines, Xml};
        for (start, looks) in [
            (" \n<?xml version='1.0'?><tickets>", Some(Looks::Like(Xml))),
            ("<TICKETS/>", Some(Looks::Like(Xml))),
            ("<ticket>", None),
            ("{\"tickets\": [", Some(Looks::Like(Json))),
            ("{ \"TID\" : 1", Some(Looks::Like(JsonLines))),
            ("{\"other\":1}", None),
            ("{}", None),
            ("tid=1&cid=2", Some(Looks::Like(Delimited))),
            ("a=b", None),
            ("", None),
            (
                "<!-- a --><!DOCTYPE HTML>",
                Some(Looks::Other("an HTML page")),
            ),
            (
                "<?xml version='1.0'?>\n<html>",
                Some(Looks::Other("an HTML page")),
            ),
            ("[ {\"tid\":1}]", Some(Looks::Other("a JSON array"))),
            ("<error>", Some(Looks::Error(Format::Xml))),
            ("<errors>", None),
            ("{\"error\":{\"code\":1", Some(Looks::Error(Format::Json))),
            ("error=a&message=b", Some(Looks::Error(Format::Delimited))),
            ("error,message\r\na,b\r\n", Some(Looks::Error(Format::Csv))),
            ("tid,cid\r\n", Some(Looks::Csv)),
            ("\"TID\",custom_fields.a,subj", Some(Looks::Csv)),
            ("tid,cid,other\n", None),
            ("tid\n1\n", None),
            ("tid,custom_fields.é\n", None),
        ] {
            assert_eq!(Looks::of(start.as_bytes()), looks, "{start}");
        }
    }

    #[test]
    fn the_mark_is_dropped_and_the_rest_comes_as_it_is() {
        for (input, rest) in [
            (&b"\xEF\xBB\xBFab"[..], &b"ab"[..]),
            (b"\xEF\xBB", b"\xEF\xBB"),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF", b"\xEF\xBB\xBF"),
            (b"", b""),
        ] {
            for piece in [1, 2, 100] {
                let mut started = Started::new(BufReader::with_capacity(piece, input));
                let mut read = Vec::new();
                started.read_to_end(&mut read).unwrap();
                assert_eq!((&*read, started.bytes_read), (rest, input.len() as u64));
            }
        }
    }
}
