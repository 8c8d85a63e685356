//! XML responses, read ticket by ticket.
//!
//! Strict, as spec section 5 says: the five entities and character references, no
//! DOCTYPE, no processing instructions, no attributes; comments and white space between
//! elements are skipped. A CDATA section is text. Line ends inside a value become `\n`,
//! as XML 1.0 rules. Names compare without ASCII case, but an end tag must match its
//! start tag exactly.
//!
//! What is no well-formed XML ends the input; an unknown or misplaced element, text
//! between elements, an attribute or a bad value is the fault of its ticket alone.
//!
//! # Cost
//!
//! One pass; one buffer, reused, as long as the longest text.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::Fault;
use super::source::{Unmarked, syntax, too_long};
use crate::model::draft::{Draft, Encoding, unknown_variable};
use crate::model::error::{Error, ErrorKind};
use crate::model::{Field, Ticket};

/// Ends the input at a bound that each record moves on.
#[derive(Debug)]
struct Metered<R> {
    reader: Unmarked<R>,
    /// Whether nothing was read. The parser would take a mark away too, a second one then;
    /// shown one byte at first, it sees none.
    is_at_start: bool,
    bytes_left: usize,
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
        let chunk = self.reader.fill_buf()?;
        let count = chunk.len().min(self.bytes_left).min(most);
        Ok(&chunk[..count])
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        self.is_at_start &= count == 0;
        self.bytes_left -= count;
    }
}

/// Where in the response the next event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Tickets,
    End,
}

/// Reads tickets out of an XML response.
#[derive(Debug)]
pub(super) struct XmlTickets<R> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    record_bytes_max: usize,
    place: Place,
    is_first_event: bool,
    pub(super) record: u64,
}

/// The start tag of an element.
struct Tag {
    name: String,
    has_attributes: bool,
}

impl Tag {
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns what is wrong with a tag that is looked at.
    fn fault(&self) -> Option<Error> {
        self.has_attributes
            .then(|| syntax("elements without attributes"))
    }
}

/// An event, with its text taken out of the buffer.
enum Step {
    Start(Tag),
    End,
    Text,
    Nothing,
    Eof,
}

impl<R: BufRead> XmlTickets<R> {
    pub(super) fn new(reader: R, record_bytes_max: usize) -> XmlTickets<R> {
        let mut reader = Reader::from_reader(Metered {
            reader: Unmarked::new(reader),
            is_at_start: true,
            bytes_left: record_bytes_max + 1,
        });
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        config.trim_markup_names_in_closing_tags = true;
        XmlTickets {
            reader,
            buffer: Vec::new(),
            record_bytes_max,
            place: Place::Start,
            is_first_event: true,
            record: 0,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.get_ref().reader.bytes_read
    }

    /// Reads the next ticket; none at the end of the response.
    pub(super) fn next_ticket(&mut self) -> Option<Result<Ticket, Fault>> {
        if self.place == Place::End {
            return None;
        }
        match self.open_ticket() {
            Ok(Some(tag)) => {
                self.record += 1;
                let outcome = self.read_ticket(&tag);
                if matches!(outcome, Err(Fault::Input(_))) {
                    self.place = Place::End;
                }
                Some(outcome)
            }
            Ok(None) => {
                self.place = Place::End;
                None
            }
            Err(error) => {
                self.place = Place::End;
                Some(Err(Fault::Input(error)))
            }
        }
    }

    /// Reads up to the start of a ticket; none at the end of the response.
    fn open_ticket(&mut self) -> Result<Option<Tag>, Error> {
        self.reader.get_mut().bytes_left = self.record_bytes_max + 1;
        let mut text = String::new();
        let mut is_closed = false;
        loop {
            let step = self.step(&mut text)?;
            if !is_blank(&text) {
                return Err(syntax("no text between elements"));
            }
            text.clear();
            match step {
                Step::Start(_) if is_closed => {
                    return Err(syntax("nothing after the response"));
                }
                Step::Start(tag) if self.place == Place::Tickets && tag.is_named("ticket") => {
                    return Ok(Some(tag));
                }
                Step::Start(tag) if self.place == Place::Start && tag.is_named("tickets") => {
                    if let Some(error) = tag.fault() {
                        return Err(error);
                    }
                    self.place = Place::Tickets;
                }
                Step::Start(tag) => return Err(unknown_variable(&tag.name)),
                Step::End => is_closed = true,
                Step::Eof if is_closed => return Ok(None),
                Step::Eof => return Err(syntax("an XML response with tickets")),
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads a ticket to its end tag, also where it is at fault before.
    fn read_ticket(&mut self, tag: &Tag) -> Result<Ticket, Fault> {
        let mut draft = Draft::new(Encoding::Response);
        let mut refused = tag.fault();
        let mut text = String::new();
        loop {
            match self.step(&mut text).map_err(Fault::Input)? {
                Step::Start(tag) => {
                    text.clear();
                    self.read_element(&tag, &mut text, &mut draft, &mut refused)
                        .map_err(Fault::Input)?;
                    text.clear();
                }
                Step::End => break,
                Step::Eof => return Err(Fault::Input(syntax("the rest of the ticket"))),
                Step::Text if !is_blank(&text) => {
                    refused.get_or_insert_with(|| syntax("no text between elements"));
                }
                Step::Text | Step::Nothing => {}
            }
        }
        match refused {
            Some(error) => Err(Fault::Record(error)),
            None => draft.finish().map_err(Fault::Record),
        }
    }

    /// Reads an element of a ticket to its end. `refused` takes what is well formed but not
    /// of the format; what was named before is not looked at, nor what follows a fault.
    fn read_element(
        &mut self,
        tag: &Tag,
        text: &mut String,
        draft: &mut Draft,
        refused: &mut Option<Error>,
    ) -> Result<(), Error> {
        let field = Field::from_output_name(&tag.name);
        if refused.is_some() || field.is_some_and(|field| !draft.name_field(field)) {
            return self.skip();
        }
        *refused = match field {
            Some(_) => tag.fault(),
            None => Some(unknown_variable(&tag.name)),
        };
        match field {
            Some(Field::CustomFields) => self.read_custom(draft, refused),
            Some(field) => {
                self.read_leaf(text, refused)?;
                if refused.is_none() {
                    *refused = draft.set_text(field, text).err();
                }
                Ok(())
            }
            None => self.skip(),
        }
    }

    /// Reads the custom fields to the end of their element.
    fn read_custom(&mut self, draft: &mut Draft, refused: &mut Option<Error>) -> Result<(), Error> {
        let mut text = String::new();
        loop {
            match self.step(&mut text)? {
                Step::Start(tag) => {
                    text.clear();
                    let place = draft.add_custom(&tag.name).unwrap_or_else(|error| {
                        refused.get_or_insert(error);
                        None
                    });
                    let Some(place) = place.filter(|_| refused.is_none()) else {
                        self.skip()?;
                        continue;
                    };
                    *refused = tag.fault();
                    self.read_leaf(&mut text, refused)?;
                    if refused.is_none() {
                        *refused = draft.set_custom(place, &text).err();
                    }
                    text.clear();
                }
                Step::End => return Ok(()),
                Step::Eof => return Err(syntax("the rest of the custom fields")),
                Step::Text if !is_blank(&text) => {
                    refused.get_or_insert_with(|| syntax("no text between elements"));
                }
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads the text of an element without children, to its end.
    fn read_leaf(&mut self, text: &mut String, refused: &mut Option<Error>) -> Result<(), Error> {
        loop {
            match self.step(text)? {
                Step::Start(_) => {
                    refused.get_or_insert_with(|| syntax("an element without children"));
                    self.skip()?;
                }
                Step::End => return Ok(()),
                Step::Eof => return Err(syntax("the rest of an element")),
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads to the end of the element whatever it holds.
    fn skip(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        let mut depth = 0_u64;
        loop {
            text.clear();
            match self.step(&mut text)? {
                Step::Start(_) => depth += 1,
                Step::End if depth == 0 => return Ok(()),
                Step::End => depth -= 1,
                Step::Eof => return Err(syntax("the rest of an element")),
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads one event, and appends the text that it holds.
    fn step(&mut self, text: &mut String) -> Result<Step, Error> {
        self.buffer.clear();
        let is_first = std::mem::take(&mut self.is_first_event);
        let event = self.reader.read_event_into(&mut self.buffer);
        let step = match event {
            Ok(Event::Start(element)) => Step::Start(Tag {
                name: element.name().as_ref().to_owned(),
                has_attributes: !element.attributes_raw().trim().is_empty(),
            }),
            Ok(Event::End(_)) => Step::End,
            Ok(Event::Text(content)) => push_text(&content.xml10_content(), text)?,
            Ok(Event::CData(content)) if self.place == Place::Tickets => {
                push_text(&content.xml10_content(), text)?
            }
            Ok(Event::GeneralRef(reference)) => {
                text.push(resolve(&reference)?);
                Step::Text
            }
            Ok(Event::Comment(_)) => Step::Nothing,
            Ok(Event::Decl(declaration)) if is_first => {
                match declaration.encoding() {
                    Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => {
                        return Err(ErrorKind::InvalidEncoding.into());
                    }
                    Some(Err(_)) => return Err(syntax("an XML declaration")),
                    _ => {}
                }
                Step::Nothing
            }
            Ok(Event::Eof) => Step::Eof,
            Ok(Event::DocType(_)) => return Err(syntax("no DOCTYPE")),
            Ok(Event::Decl(_) | Event::PI(_) | Event::CData(_) | Event::Empty(_)) => {
                return Err(syntax("elements and comments only"));
            }
            Err(error) => return Err(self.explain(error)),
        };
        // A byte past the bound shows as an end of the input.
        if self.reader.get_ref().bytes_left == 0 {
            return Err(too_long());
        }
        Ok(step)
    }

    fn explain(&self, error: quick_xml::Error) -> Error {
        if self.reader.get_ref().bytes_left == 0 {
            return too_long();
        }
        match error {
            quick_xml::Error::Io(error) => {
                let error = std::sync::Arc::try_unwrap(error)
                    .unwrap_or_else(|shared| io::Error::new(shared.kind(), shared.to_string()));
                error.into()
            }
            quick_xml::Error::Encoding(_) => ErrorKind::InvalidEncoding.into(),
            other => ErrorKind::InvalidSyntax {
                expected: "well-formed XML",
                detail: crate::model::error::shorten(&other.to_string()),
            }
            .into(),
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Whether XML 1.0 allows the character.
fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')
}

fn push_text(content: &str, text: &mut String) -> Result<Step, Error> {
    if !content.chars().all(is_xml_char) {
        return Err(syntax("characters that XML allows"));
    }
    text.push_str(content);
    Ok(Step::Text)
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, Error> {
    let wrong = || syntax("a character reference or one of the five entities");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_white_space_and_lose_their_escapes() {
        let input = "<?xml version='1.0'?><!-- c --><TICKETS>\r\n<Ticket><tid>&#x37;</tid>\
            <subject> a\r\nb&amp;<!-- c --><![CDATA[<c>]]> </subject><cid/><CID>later</CID>\
            <custom_fields>\n<A>1+2</A><a>3</a></custom_fields></Ticket></TICKETS>\n";
        let mut tickets = XmlTickets::new(input.as_bytes(), 1 << 20);
        let ticket = tickets.next_ticket().unwrap().unwrap();
        let expected = Ticket {
            tid: 7,
            subject: " a\nb&<c> ".into(),
            custom_fields: vec![("A".into(), "1 2".into())],
            ..Ticket::default()
        };
        assert_eq!(ticket, expected);
        assert!(tickets.next_ticket().is_none());
    }

    #[test]
    fn the_bound_ends_the_input() {
        let mut metered = Metered {
            reader: Unmarked::new(&b"abcdef"[..]),
            is_at_start: true,
            bytes_left: 4,
        };
        let mut read = Vec::new();
        metered.read_to_end(&mut read).unwrap();
        assert_eq!((&*read, metered.bytes_left), (&b"abcd"[..], 0));
        // So it does inside of a name, a text and a comment; what an encoding breaks is told too.
        for (input, expected) in [
            ("<tickets><ticket><tid>", "bound"),
            ("<tickets><ticket><tid>123456789", "bound"),
            ("<tickets><!-- comment comment ", "bound"),
            (
                "<?xml version='1.0' encoding='latin-1'?><tickets/>",
                "UTF-8",
            ),
            (
                "<?xml version='1.0' encoding=latin?><tickets/>",
                "declaration",
            ),
        ] {
            let bound = if expected == "bound" {
                input.len() - 1
            } else {
                1 << 10
            };
            let mut tickets = XmlTickets::new(input.as_bytes(), bound);
            let Some(Err(Fault::Input(error))) = tickets.next_ticket() else {
                panic!("{input}");
            };
            assert!(error.to_string().contains(expected), "{input}: {error}");
        }
    }
}
