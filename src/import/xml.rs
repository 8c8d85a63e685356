//! XML responses, read ticket by ticket.
//!
//! Strict: the five entities and character references, no DOCTYPE, no processing instructions, and
//! no attributes but those that other programs add to any document: namespaces, the place of a
//! schema, and `nil="true"` on an element without content. Comments and white space between
//! elements are skipped. A CDATA section is text. Line ends inside a value become `\n`, as XML 1.0
//! rules. Names compare without ASCII case, but an end tag must match its start tag exactly.
//!
//! An unknown or misplaced element, text between elements, an attribute or a bad value is the fault
//! of its ticket alone. What is not well formed ends the input or, where bad records are skipped,
//! costs the tickets up to the next `<ticket>`.
//!
//! # Cost
//!
//! One pass; one buffer, reused, as long as the longest text.

use std::io::{self, BufRead};

use quick_xml::Reader;
use quick_xml::errors::IllFormedError;
use quick_xml::events::Event;

use super::Fault;
use super::markup::{
    Metered, Step, Tag, between, check_declaration, is_blank, nil_has_content, parser, push_text,
    read_tag, resolve, syntax_of,
};
use super::source::{Counted, syntax, too_long};
use super::start::Started;
use crate::model::draft::{Draft, Encoding, RECORD_NAMES};
use crate::model::error::{Error, ErrorKind, Position, shorten, unknown_variable};
use crate::model::{Field, Ticket};

/// Where in the response the next event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Tickets,
    /// In an element of the tickets that says it has no value.
    NilTickets,
    /// Behind the end tag of the tickets.
    Closed,
    End,
}

/// What is wrong where a start tag has no name.
const NAMELESS: &str = "no name follows the <, and a < in a text is written &lt;";

/// What a ticket came to, with the place of its start tag.
type Outcome = (Position, Result<Ticket, Fault>);

/// How a parser stopped that cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// Behind what is not UTF-8.
    BehindText,
    /// At markup that it does not know.
    AtMarkup,
}

/// Reads tickets out of an XML response.
#[derive(Debug)]
pub(super) struct XmlTickets<R> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    record_bytes_max: usize,
    skips_bad: bool,
    place: Place,
    /// Whether something other than white space was read.
    is_begun: bool,
    /// Where the last event starts.
    event_start: Counted,
    /// The name of an end tag without its start tag, which the last event was.
    unmatched_end: Option<String>,
    /// The start tag at which reading goes on after a ticket that was not well formed.
    next_ticket: Option<Tag>,
    /// A ticket that was read before the fault of the one before it was told.
    read_ahead: Option<Outcome>,
    /// Whether elements may be open that will never be closed.
    is_unbalanced: bool,
    /// How the parser stopped, where another must go on.
    lost: Option<Lost>,
    record: u64,
}

impl<R: BufRead> XmlTickets<R> {
    pub(super) fn new(
        reader: Started<R>,
        skips_bad: bool,
        record_bytes_max: usize,
    ) -> XmlTickets<R> {
        XmlTickets {
            reader: parser(Metered::new(reader, record_bytes_max + 1)),
            buffer: Vec::new(),
            record_bytes_max,
            skips_bad,
            place: Place::Start,
            is_begun: false,
            event_start: Counted::default(),
            unmatched_end: None,
            next_ticket: None,
            read_ahead: None,
            is_unbalanced: false,
            lost: None,
            record: 0,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.get_ref().bytes_read()
    }

    /// Returns where the last event starts.
    pub(super) fn position(&self) -> Position {
        self.event_start.position(self.record)
    }

    /// Reads the next ticket, with the place of its start tag; none at the end of the response.
    pub(super) fn next_ticket(&mut self) -> Option<Outcome> {
        if let Some(outcome) = self.read_ahead.take() {
            self.record += 1;
            return Some(outcome);
        }
        if self.place == Place::End {
            return None;
        }
        let error = match self.open_ticket() {
            Ok(Some(tag)) => {
                self.record += 1;
                let position = tag.start.position(self.record);
                match self.read_ticket(tag, self.skips_bad) {
                    Err(Fault::Input(error)) => error,
                    outcome => return Some((position, outcome)),
                }
            }
            Ok(None) => {
                self.place = Place::End;
                return None;
            }
            Err(error) => error,
        };
        let (error, position) = (error.at(self.position()), self.position());
        if self.skips_bad && error.is_request() {
            match self.find_ticket() {
                Ok(true) => return Some((position, Err(Fault::Record(error)))),
                Ok(false) => {}
                // The reader's failure ends the import, and is told behind the ticket before it.
                Err(failure) => {
                    self.place = Place::End;
                    let failure = failure.at(self.position());
                    self.read_ahead = Some((self.position(), Err(Fault::Input(failure))));
                    return Some((position, Err(Fault::Record(error))));
                }
            }
        }
        self.place = Place::End;
        Some((position, Err(Fault::Input(error))))
    }

    /// Goes on after what is not well formed, to the next start of a ticket or to the end of the
    /// tickets; false where neither comes.
    fn find_ticket(&mut self) -> Result<bool, Error> {
        if self.place != Place::Tickets || self.has_passed_bound() {
            return Ok(false);
        }
        self.is_unbalanced = true;
        if self.ends_tickets() {
            self.place = Place::Closed;
            return Ok(true);
        }
        let mut text = String::new();
        while self.next_ticket.is_none() {
            self.move_bound();
            self.restart()?;
            text.clear();
            let is_end = match self.step(&mut text) {
                Ok(Step::Start(tag)) => {
                    self.next_ticket = Some(tag).filter(|tag| tag.is_named("ticket"));
                    false
                }
                Ok(Step::End(is_tickets)) => is_tickets,
                Ok(Step::Text | Step::Nothing) => false,
                Ok(Step::Eof) => return Ok(false),
                Err(error) if !error.is_request() => return Err(error),
                Err(_) if self.has_passed_bound() => return Ok(false),
                Err(_) => self.ends_tickets(),
            };
            if is_end {
                self.place = Place::Closed;
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// Lets another parser go on where one has stopped for good.
    fn restart(&mut self) -> io::Result<()> {
        let Some(lost) = self.lost.take() else {
            return Ok(());
        };
        let mut rest = self.reader.get_mut().take();
        let skipped = rest.skip_text(lost == Lost::AtMarkup);
        self.reader = parser(rest);
        skipped
    }

    /// Returns whether the last event was the end tag of the tickets, without its start tag.
    fn ends_tickets(&self) -> bool {
        let name = self.unmatched_end.as_deref();
        name.is_some_and(|name| name.eq_ignore_ascii_case("tickets"))
    }

    fn move_bound(&mut self) {
        self.reader.get_mut().bytes_left = self.record_bytes_max + 1;
    }

    /// Returns whether a record is longer than the bound: a byte past it shows as an end.
    fn has_passed_bound(&self) -> bool {
        self.reader.get_ref().bytes_left == 0
    }

    /// Reads up to the start of a ticket; none at the end of the response.
    fn open_ticket(&mut self) -> Result<Option<Tag>, Error> {
        self.move_bound();
        if let Some(tag) = self.next_ticket.take() {
            return Ok(Some(tag));
        }
        let mut text = String::new();
        loop {
            let step = match self.step(&mut text) {
                // The start tag may belong to a ticket that was skipped.
                Err(_) if self.is_unbalanced && self.unmatched_end.is_some() => {
                    Step::End(self.ends_tickets())
                }
                step => step?,
            };
            if !is_blank(&text) {
                return Err(between(&text));
            }
            text.clear();
            match step {
                Step::Start(_) if self.place == Place::Closed => {
                    return Err(syntax("nothing after the response"));
                }
                Step::Start(_) if self.place == Place::NilTickets => {
                    return Err(nil_has_content("tickets"));
                }
                Step::Start(tag) if self.place == Place::Tickets && tag.is_named("ticket") => {
                    return Ok(Some(tag));
                }
                Step::Start(tag) if self.place == Place::Start && tag.is_named("tickets") => {
                    tag.fault.map_or(Ok(()), Err)?;
                    self.place = [Place::Tickets, Place::NilTickets][usize::from(tag.is_nil)];
                }
                Step::Start(tag) if self.place == Place::Start => {
                    return Err(unknown_variable(&tag.name, "the element tickets"));
                }
                Step::Start(tag) => {
                    return Err(unknown_variable(&tag.name, "the element ticket"));
                }
                Step::End(is_tickets) if is_tickets || !self.is_unbalanced => {
                    self.place = Place::Closed;
                }
                Step::Eof if self.place == Place::Closed => return Ok(None),
                Step::Eof if self.place != Place::Start => {
                    return Err(syntax("the end tag of the tickets"));
                }
                Step::Eof => return Err(syntax("an XML response with tickets")),
                Step::End(_) | Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads a ticket to its end tag, also where it is at fault before.
    ///
    /// A ticket inside of it belongs to it and makes it a bad one, unless `may_lack_end`: where another
    /// ticket or the end of all follows the inner one, it is the end tag that is missing.
    fn read_ticket(&mut self, tag: Tag, may_lack_end: bool) -> Result<Ticket, Fault> {
        let mut draft = Draft::new(Encoding::Response);
        let (start, mut refused) = (tag.start, tag.fault);
        let mut inner: Option<Outcome> = None;
        let mut text = String::new();
        loop {
            let step = match self.step(&mut text) {
                Err(_) if inner.is_some() && self.ends_tickets() => {
                    self.place = Place::Closed;
                    break;
                }
                Err(error) => return Err(self.broken(error, refused, start, draft.tid())),
                Ok(step) => step,
            };
            let is_ticket = |tag: &Tag| may_lack_end && tag.is_named("ticket");
            match step {
                Step::Start(next) if inner.is_some() && is_ticket(&next) => {
                    self.next_ticket = Some(next);
                    break;
                }
                Step::Start(next) if is_ticket(&next) => {
                    inner = Some(self.read_inner_ticket(next, &mut refused)?);
                    text.clear();
                    continue;
                }
                Step::Start(element) => {
                    if tag.is_nil {
                        refused.get_or_insert_with(|| self.here(nil_has_content(&tag.name)));
                    }
                    text.clear();
                    let read = self.read_element(element, &mut text, &mut draft, &mut refused);
                    if let Err(error) = read {
                        return Err(self.broken(error, refused, start, draft.tid()));
                    }
                    text.clear();
                }
                Step::Text | Step::Nothing if is_blank(&text) => continue,
                Step::Text => {
                    refused.get_or_insert_with(|| self.here(between(&text)));
                }
                Step::Nothing => {}
                Step::End(_) => {
                    let tid = draft.tid();
                    let outcome = refused.map_or_else(|| draft.finish(), Err);
                    return outcome.map_err(|error| Fault::Record(error.of_ticket(tid)));
                }
                Step::Eof => {
                    let error = syntax("the rest of the ticket");
                    return Err(self.broken(error, refused, start, draft.tid()));
                }
            }
            inner = None;
        }
        self.is_unbalanced = true;
        self.read_ahead = inner;
        let error = refused.unwrap_or_else(|| syntax("the end of the ticket"));
        Err(Fault::Record(error.of_ticket(draft.tid())))
    }

    /// Reads a ticket inside of another to its end tag; the other is refused for it.
    fn read_inner_ticket(
        &mut self,
        tag: Tag,
        refused: &mut Option<Error>,
    ) -> Result<Outcome, Fault> {
        let error = self.here(unknown_variable(&tag.name, RECORD_NAMES));
        refused.get_or_insert(error);
        let position = tag.start.position(self.record + 1);
        match self.read_ticket(tag, false) {
            Err(fault @ Fault::Input(_)) => Err(fault),
            outcome => Ok((position, outcome)),
        }
    }

    /// Makes the fault of a ticket, begun at a place, that is not well formed.
    ///
    /// Where the start of another ticket was met in it, its end tag is probably missing: then that start
    /// is told, and not the end of the response, where the tags do not match.
    fn broken(&self, error: Error, first: Option<Error>, start: Counted, tid: u64) -> Fault {
        let is_ticket = |first: &Error| match first.kind() {
            ErrorKind::UnknownVariable { variable, .. } => variable.eq_ignore_ascii_case("ticket"),
            _ => false,
        };
        let is_told = !self.skips_bad && error.is_request();
        let error = match first.filter(|first| is_told && is_ticket(first)) {
            Some(first) => first.at(start.position(self.record)),
            None => error,
        };
        Fault::Input(error.of_ticket(tid))
    }

    /// Places an error at the last event.
    fn here(&self, error: Error) -> Error {
        error.at(self.position())
    }

    /// Reads an element of a ticket to its end. `refused` takes what is well formed but not
    /// of the format; what was named before is not looked at, nor what follows a fault.
    fn read_element(
        &mut self,
        tag: Tag,
        text: &mut String,
        draft: &mut Draft,
        refused: &mut Option<Error>,
    ) -> Result<(), Error> {
        let field = Field::from_output_name(&tag.name);
        if refused.is_some() || field.is_some_and(|field| !draft.name_field(field)) {
            return self.skip();
        }
        let Some(field) = field else {
            *refused = Some(self.here(unknown_variable(&tag.name, RECORD_NAMES)));
            return self.skip();
        };
        if field == Field::CustomFields {
            return self.read_custom(tag, draft, refused);
        }
        let position = tag.start.position(self.record);
        self.read_leaf(tag, text, refused)?;
        if refused.is_none() {
            let outcome = draft.set_text(field, text);
            *refused = outcome.err().map(|error| error.at(position));
        }
        Ok(())
    }

    /// Reads the custom fields to the end of their element.
    fn read_custom(
        &mut self,
        tag: Tag,
        draft: &mut Draft,
        refused: &mut Option<Error>,
    ) -> Result<(), Error> {
        *refused = tag.fault;
        let mut text = String::new();
        loop {
            match self.step(&mut text)? {
                Step::Start(element) => {
                    text.clear();
                    if tag.is_nil {
                        refused.get_or_insert_with(|| self.here(nil_has_content(&tag.name)));
                    }
                    if refused.is_some() {
                        self.skip()?;
                        continue;
                    }
                    let position = element.start.position(self.record);
                    let place = draft.add_custom(&element.name).unwrap_or_else(|error| {
                        refused.get_or_insert(error.at(position));
                        None
                    });
                    let Some(place) = place.filter(|_| refused.is_none()) else {
                        self.skip()?;
                        continue;
                    };
                    self.read_leaf(element, &mut text, refused)?;
                    if refused.is_none() {
                        let outcome = draft.set_custom(place, &text);
                        *refused = outcome.err().map(|error| error.at(position));
                    }
                    text.clear();
                }
                Step::End(_) => return Ok(()),
                Step::Eof => return Err(syntax("the rest of the custom fields")),
                Step::Text if !is_blank(&text) => {
                    refused.get_or_insert_with(|| self.here(between(&text)));
                }
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads the text of an element without children, to its end.
    fn read_leaf(
        &mut self,
        tag: Tag,
        text: &mut String,
        refused: &mut Option<Error>,
    ) -> Result<(), Error> {
        *refused = tag.fault;
        loop {
            match self.step(text)? {
                Step::Start(child) => {
                    let (own, child) = (shorten(&tag.name), shorten(&child.name));
                    let detail = format!("{own} has the child {child}");
                    let error = syntax_of("an element without children", &detail);
                    refused.get_or_insert_with(|| self.here(error));
                    self.skip()?;
                }
                Step::End(_) if tag.is_nil && !text.is_empty() => {
                    refused.get_or_insert_with(|| self.here(nil_has_content(&tag.name)));
                    return Ok(());
                }
                Step::End(_) => return Ok(()),
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
                Step::End(_) if depth == 0 => return Ok(()),
                Step::End(_) => depth -= 1,
                Step::Eof => return Err(syntax("the rest of an element")),
                Step::Text | Step::Nothing => {}
            }
        }
    }

    /// Reads one event, and appends the text that it holds; an error is placed where it is.
    fn step(&mut self, text: &mut String) -> Result<Step, Error> {
        self.event_start = self.reader.get_ref().counted;
        self.unmatched_end = None;
        self.lost = None;
        let step = self.read_event(text);
        step.map_err(|error| error.at(self.position()))
    }

    fn read_event(&mut self, text: &mut String) -> Result<Step, Error> {
        self.buffer.clear();
        let is_begun = self.is_begun;
        self.is_begun = true;
        let start = self.event_start;
        let position = start.position(self.record);
        let event = self.reader.read_event_into(&mut self.buffer);
        let step = match event {
            Ok(Event::Start(element)) if element.name().as_ref().is_empty() => {
                return Err(syntax_of("well-formed XML", NAMELESS));
            }
            Ok(Event::Start(element)) => Step::Start(read_tag(&element, start)),
            Ok(Event::End(end)) => Step::End(end.name().as_ref().eq_ignore_ascii_case("tickets")),
            Ok(Event::Text(content)) => {
                let content = content.xml10_content();
                self.is_begun = is_begun || !is_blank(&content);
                push_text(&content, text, start, position)?
            }
            Ok(Event::CData(content)) if self.place == Place::Tickets => {
                push_text(&content.xml10_content(), text, start, position)?
            }
            Ok(Event::GeneralRef(reference)) => {
                text.push(resolve(&reference)?);
                Step::Text
            }
            Ok(Event::Comment(_)) => Step::Nothing,
            Ok(Event::Decl(declaration)) if !is_begun => check_declaration(&declaration)?,
            Ok(Event::Eof) => Step::Eof,
            Ok(Event::DocType(_)) => return Err(syntax("no DOCTYPE")),
            Ok(Event::Decl(_) | Event::PI(_) | Event::CData(_) | Event::Empty(_)) => {
                return Err(syntax("elements and comments only"));
            }
            Err(error) => return Err(self.explain(error)),
        };
        if self.has_passed_bound() {
            return Err(too_long(self.record_bytes_max));
        }
        Ok(step)
    }

    fn explain(&mut self, error: quick_xml::Error) -> Error {
        if self.has_passed_bound() {
            return too_long(self.record_bytes_max);
        }
        match error {
            quick_xml::Error::Io(error) => {
                let error = std::sync::Arc::try_unwrap(error)
                    .unwrap_or_else(|shared| io::Error::new(shared.kind(), shared.to_string()));
                error.into()
            }
            quick_xml::Error::Encoding(_) => {
                self.lost = Some(Lost::BehindText);
                let mut start = self.event_start;
                let valid = str::from_utf8(&self.buffer)
                    .err()
                    .map(|it| it.valid_up_to());
                let (valid, rest) = self.buffer.split_at(valid.unwrap_or(0));
                start.add(valid);
                let found = match rest.first() {
                    Some(byte) => format!("the byte 0x{byte:02X}"),
                    None => "bytes that are not UTF-8".to_owned(),
                };
                let error = Error::from(ErrorKind::InvalidEncoding { found });
                error.at(start.position(self.record))
            }
            other => {
                if !matches!(other, quick_xml::Error::IllFormed(_)) {
                    self.lost = Some(Lost::AtMarkup);
                }
                let detail = shorten(&other.to_string());
                if let quick_xml::Error::IllFormed(
                    IllFormedError::MismatchedEndTag { found: name, .. }
                    | IllFormedError::UnmatchedEndTag(name),
                ) = other
                {
                    self.unmatched_end = Some(name);
                }
                syntax_of("well-formed XML", &detail)
            }
        }
    }
}

#[cfg(test)]
mod tests;
