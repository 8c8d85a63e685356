//! The pieces of an XML response: its bytes, counted and bounded, its tags, texts and references.
//!
//! What each may be is decided here; which of them may stand where is [`xml`](super::xml)'s to say.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart};

use super::source::Counted;
use super::start::Started;
use crate::model::error::{Error, ErrorKind, Position, shorten};

/// Ends the input at a bound that each record moves on, and counts lines.
#[derive(Debug)]
pub(super) struct Metered<R> {
    /// None once the bytes were handed to another parser.
    pub(super) reader: Option<Started<R>>,
    pub(super) counted: Counted,
    /// Whether nothing was read. The parser would take a mark away too, a second one then;
    /// shown one byte at first, it sees none.
    pub(super) is_at_start: bool,
    pub(super) bytes_left: usize,
}

impl<R: BufRead> Metered<R> {
    pub(super) fn new(reader: Started<R>, bytes_left: usize) -> Metered<R> {
        Metered {
            reader: Some(reader),
            counted: Counted::default(),
            is_at_start: true,
            bytes_left,
        }
    }

    /// Takes the rest of the input, for another parser to go on with.
    pub(super) fn take(&mut self) -> Metered<R> {
        Metered {
            reader: self.reader.take(),
            ..*self
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.as_ref().map_or(0, |reader| reader.bytes_read)
    }

    /// Passes over the bytes before the next `<`, and over the first byte whatever it is, where that is asked
    /// for.
    pub(super) fn skip_text(&mut self, mut skips_first: bool) -> io::Result<()> {
        loop {
            let chunk = match self.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            let start = usize::from(skips_first).min(chunk.len());
            let text = memchr::memchr(b'<', &chunk[start..]).map(|at| start + at);
            let count = text.unwrap_or(chunk.len());
            self.consume(count);
            skips_first = false;
            if text.is_some() || count == 0 {
                return Ok(());
            }
        }
    }
}

/// Makes a parser that goes by the rules of the format.
pub(super) fn parser<R: BufRead>(input: Metered<R>) -> Reader<Metered<R>> {
    let mut parser = Reader::from_reader(input);
    let config = parser.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    config.trim_markup_names_in_closing_tags = true;
    parser
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = if self.is_at_start { 1 } else { usize::MAX };
        let Some(reader) = &mut self.reader else {
            return Ok(&[]);
        };
        let chunk = reader.fill_buf()?;
        let count = chunk.len().min(self.bytes_left).min(most);
        Ok(&chunk[..count])
    }

    fn consume(&mut self, count: usize) {
        let Some(reader) = self.reader.as_mut().filter(|_| count > 0) else {
            return;
        };
        // What is consumed was filled before, so that filling again gives it once more.
        if let Ok(chunk) = reader.fill_buf() {
            self.counted.add(&chunk[..count.min(chunk.len())]);
        }
        reader.consume(count);
        self.is_at_start = false;
        self.bytes_left -= count;
    }
}

/// The start tag of an element.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) start: Counted,
    /// What is wrong with its attributes.
    pub(super) fault: Option<Error>,
    /// Whether it says that the element has no value.
    pub(super) is_nil: bool,
}

impl Tag {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// An event, with its text taken out of the buffer.
pub(super) enum Step {
    Start(Tag),
    /// The end of an element, and whether it is that of the tickets.
    End(bool),
    Text,
    Nothing,
    Eof,
}

/// Makes the error of an input that is not well formed, with what stands there.
pub(super) fn syntax_of(expected: &'static str, detail: &str) -> Error {
    ErrorKind::InvalidSyntax {
        expected,
        detail: detail.to_owned(),
    }
    .into()
}

/// What attributes an element may have.
const ATTRIBUTES_EXPECTED: &str = "no attributes but xmlns, xmlns:…, …:schemaLocation, \
    …:noNamespaceSchemaLocation and …:nil=\"true\"";

/// Reads a start tag; attributes are passed over where other programs add them to any document.
pub(super) fn read_tag(element: &BytesStart<'_>, start: Counted) -> Tag {
    let name = element.name().as_ref().to_owned();
    let mut tag = Tag {
        name,
        start,
        fault: None,
        is_nil: false,
    };
    if element.attributes_raw().trim().is_empty() {
        return tag;
    }
    for attribute in element.attributes() {
        let wrong = match attribute {
            Ok(attribute) => {
                let key = attribute.key.as_ref();
                match key.split_once(':') {
                    None if key == "xmlns" => continue,
                    Some(("xmlns", _) | (_, "schemaLocation" | "noNamespaceSchemaLocation")) => {
                        continue;
                    }
                    Some((_, "nil")) if &*attribute.value == "true" => {
                        tag.is_nil = true;
                        continue;
                    }
                    _ => format!("the attribute {key}=\"{}\"", shorten(&attribute.value)),
                }
            }
            Err(error) => {
                let raw = element.attributes_raw();
                let named = attribute_at_fault(tag.name.len(), raw, &error);
                format!("the attribute {named}: {error}")
            }
        };
        let detail = shorten(&format!("{} has {wrong}", tag.name));
        let error = syntax_of(ATTRIBUTES_EXPECTED, &detail);
        tag.fault = Some(error);
        break;
    }
    tag
}

/// Returns the name of the attribute that an error is of; `raw` is what follows the element's name, and
/// errors count bytes from the start of that name.
fn attribute_at_fault<'a>(name_bytes: usize, raw: &'a str, error: &AttrError) -> &'a str {
    let from = |at: usize| at.saturating_sub(name_bytes).min(raw.len());
    let end = match *error {
        AttrError::Duplicated(start, _) => {
            let rest = raw.get(from(start)..).unwrap_or_default();
            let is_past = |c: char| c == '=' || c.is_ascii_whitespace();
            return &rest[..rest.find(is_past).unwrap_or(rest.len())];
        }
        // Of a value that does not end only the last byte is told: its quote is the last one.
        AttrError::ExpectedQuote(_, quote) => raw.rfind(char::from(quote)).unwrap_or(raw.len()),
        AttrError::ExpectedEq(at) | AttrError::ExpectedValue(at) | AttrError::UnquotedValue(at) => {
            from(at)
        }
    };
    let before = raw.get(..end).unwrap_or(raw).trim_ascii_end();
    let before = before.strip_suffix('=').unwrap_or(before).trim_ascii_end();
    let start = before.rfind(|c: char| c.is_ascii_whitespace());
    &before[start.map_or(0, |at| at + 1)..]
}

pub(super) fn check_declaration(declaration: &BytesDecl<'_>) -> Result<Step, Error> {
    match declaration.encoding() {
        Some(Ok(name)) => {
            let known = ["utf-8", "utf8", "us-ascii"];
            if !known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                let found = format!("the declared encoding {}", shorten(&name));
                return Err(ErrorKind::InvalidEncoding { found }.into());
            }
        }
        Some(Err(error)) => {
            return Err(syntax_of("an XML declaration", &error.to_string()));
        }
        None => {}
    }
    Ok(Step::Nothing)
}

pub(super) fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Whether XML 1.0 allows the character.
fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')
}

/// Appends a text; the error of a character that XML does not allow is placed at it.
pub(super) fn push_text(
    content: &str,
    text: &mut String,
    mut start: Counted,
    position: Position,
) -> Result<Step, Error> {
    if let Some((at, c)) = content.char_indices().find(|&(_, c)| !is_xml_char(c)) {
        start.add(&content.as_bytes()[..at]);
        let detail = format!("there is U+{:04X}", u32::from(c));
        let error = syntax_of("characters that XML allows", &detail);
        return Err(error.at(start.position(position.record)));
    }
    text.push_str(content);
    Ok(Step::Text)
}

pub(super) fn resolve(reference: &BytesRef<'_>) -> Result<char, Error> {
    let wrong = || {
        let detail = format!("there is &{};", shorten(reference.as_ref()));
        syntax_of(
            "a character reference or one of &amp; &lt; &gt; &apos; &quot;",
            &detail,
        )
    };
    let c = match reference.resolve_char_ref() {
        Ok(Some(c)) => c,
        Err(_) => return Err(wrong()),
        Ok(None) => match reference.as_ref() {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            _ => return Err(wrong()),
        },
    };
    is_xml_char(c).then_some(c).ok_or_else(wrong)
}

/// Makes the error of text where elements stand.
pub(super) fn between(text: &str) -> Error {
    let detail = format!("there is \"{}\"", shorten(text.trim()));
    syntax_of("no text between elements", &detail)
}

/// Makes the error of an element that says it is nil and is not empty.
pub(super) fn nil_has_content(name: &str) -> Error {
    let detail = format!("{} has content", shorten(name));
    syntax_of("no content in an element that is nil", &detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_an_attribute_names_it() {
        for (attributes, expected) in [
            ("a=b", "cid has the attribute a: "),
            ("xmlns:x=\"1\" bc = d e=\"f\"", "cid has the attribute bc: "),
            ("a", "cid has the attribute a: "),
            ("a b=\"1\"", "cid has the attribute a: "),
            ("xmlns=\"1\" abc=", "cid has the attribute abc: "),
            ("xmlns:i=\"é", "cid has the attribute xmlns:i: "),
            (
                "xmlns:a=\"1\" xmlns:a='2'",
                "cid has the attribute xmlns:a: ",
            ),
            ("é=b", "cid has the attribute é: "),
            ("lang=\"en\"", "cid has the attribute lang=\"en\""),
        ] {
            let element = BytesStart::from_content(format!("cid {attributes}"), 3);
            let tag = read_tag(&element, Counted::default());
            let told = tag
                .fault
                .map_or_else(String::new, |error| error.to_string());
            assert!(told.contains(expected), "{attributes}: {told}");
        }
    }
}
