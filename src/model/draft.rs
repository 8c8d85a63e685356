//! A ticket while it is being read, variable by variable.
//!
//! A [`Draft`] keeps the rules that every form of a ticket shares:
//! how a text becomes a value, that the first of a repeated variable counts, and
//! that a finished ticket keeps the rules of [`Ticket::check`]. Serde, the importers and
//! [`Patch::from_json`](crate::Patch::from_json) read through it, so no two of them differ.
//!
//! # Invariants
//!
//! * No two custom names of a draft are equal without ASCII case.
//!
//! # Cost
//!
//! Linear in the record; repeated custom names are found by hashing.

use std::borrow::Cow;
use std::collections::HashSet;

#[cfg(feature = "csv")]
use super::CellMut;
use super::batch::{Patch, Value};
use super::error::{Error, ErrorKind, invalid_value, shorten};
use super::value::{Plus, decode};
use super::{CUSTOM_NAMES_MAX, Cell, Field, Ticket};

/// How the values of a record are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are: JSON Lines, CSV and serde.
    Plain,
    /// URL-encoded where the variable is: XML and JSON responses.
    Response,
    /// As in a response, and `%XX` in every other variable: delimited responses.
    Delimited,
}

/// The most custom names for which a scan is cheaper than a hash set.
const SCANNED_NAMES_MAX: usize = 16;

/// A ticket of which some variables have been read.
#[derive(Debug)]
pub(crate) struct Draft {
    encoding: Encoding,
    ticket: Ticket,
    /// Bit `index` is set once the field of that index was named.
    named: u64,
    /// The custom names in lower case, once there are many.
    custom_names: HashSet<String>,
}

impl Draft {
    pub(crate) fn new(encoding: Encoding) -> Draft {
        Draft::of(encoding, Ticket::default())
    }

    /// Starts with a ticket without values, whose room is used.
    pub(crate) fn of(encoding: Encoding, ticket: Ticket) -> Draft {
        Draft {
            encoding,
            ticket,
            named: 0,
            custom_names: HashSet::new(),
        }
    }

    /// Notes that a variable was named; false where it was before.
    pub(crate) fn name_field(&mut self, field: Field) -> bool {
        let bit = 1 << field.index();
        let first = self.named & bit == 0;
        self.named |= bit;
        first
    }

    /// Gives a field a text as the record has it. An empty one leaves none or empty.
    pub(crate) fn set_text(&mut self, field: Field, raw: &str) -> Result<(), Error> {
        if raw.is_empty() {
            return Ok(());
        }
        let text = self.decode(field, field.name(), raw)?;
        self.ticket.set_text(field, &text)
    }

    /// Gives an integer field a number; an error for any other field.
    pub(crate) fn set_integer(&mut self, field: Field, number: u64) -> Result<(), Error> {
        self.ticket.set_integer(field, number)
    }

    /// Gives a date field a date/time, which [`finish`](Draft::finish) checks.
    #[cfg(feature = "csv")]
    pub(crate) fn set_date(&mut self, field: Field, date: chrono::NaiveDateTime) {
        if let CellMut::Date(cell) = self.ticket.cell_mut(field) {
            *cell = Some(date);
        }
    }

    /// Adds a custom field, and returns its place; none where the name was there before.
    pub(crate) fn add_custom(&mut self, name: &str) -> Result<Option<usize>, Error> {
        let pairs = &mut self.ticket.custom_fields;
        if pairs.len() < SCANNED_NAMES_MAX {
            if pairs.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                return Ok(None);
            }
        } else {
            if self.custom_names.is_empty() {
                let names = pairs.iter().map(|(own, _)| own.to_ascii_lowercase());
                self.custom_names.extend(names);
            }
            if !self.custom_names.insert(name.to_ascii_lowercase()) {
                return Ok(None);
            }
        }
        if pairs.len() == CUSTOM_NAMES_MAX {
            let name = shorten(name);
            let tid = Some(self.ticket.tid).filter(|&tid| tid > 0);
            return Err(ErrorKind::TooManyCustomFields { name, tid }.into());
        }
        pairs.push((name.to_owned(), String::new()));
        Ok(Some(pairs.len() - 1))
    }

    /// Gives the custom field at a place of [`add_custom`](Draft::add_custom) its text.
    pub(crate) fn set_custom(&mut self, place: usize, raw: &str) -> Result<(), Error> {
        let name = &self.ticket.custom_fields[place].0;
        let text = self.decode(Field::CustomFields, name, raw)?.into_owned();
        self.ticket.custom_fields[place].1 = text;
        Ok(())
    }

    /// Returns the ticket's number; 0 while it is not known.
    pub(crate) fn tid(&self) -> u64 {
        self.ticket.tid
    }

    /// Returns the name of the custom field at a place.
    pub(crate) fn custom_name(&self, place: usize) -> &str {
        &self.ticket.custom_fields[place].0
    }

    /// Returns the ticket if it keeps every rule of [`Ticket::check`].
    pub(crate) fn finish(self) -> Result<Ticket, Error> {
        self.check_tid()?;
        self.ticket.check()?;
        Ok(self.ticket)
    }

    /// Appends the ticket to others if it keeps every rule of [`Ticket::check`].
    ///
    /// It is a large value, and so moves once.
    pub(crate) fn finish_into(self, tickets: &mut Vec<Ticket>) -> Result<(), Error> {
        self.check_tid()?;
        self.ticket.check()?;
        tickets.push(self.ticket);
        Ok(())
    }

    /// Returns what was named as a patch, and the ticket that it is for.
    pub(crate) fn into_patch(self) -> Result<(u64, Patch), Error> {
        self.check_tid()?;
        let is_named = |field: &Field| self.named & (1 << field.index()) != 0;
        let mut patch = Patch::new();
        for field in Field::ALL.into_iter().filter(is_named) {
            let value = match self.ticket.cell(field) {
                Cell::Integer(_) if field == Field::Tid => continue,
                Cell::CustomFields(_) => continue,
                Cell::Text(text) => Value::from(text),
                Cell::Integer(integer) => Value::Integer(integer),
                Cell::OptionalInteger(integer) => integer.map_or(Value::None, Value::Integer),
                Cell::Date(date) => date.map_or(Value::None, Value::Date),
            };
            patch = patch.set(field, value);
        }
        for (name, text) in self.ticket.custom_fields {
            patch = patch.set_custom(name, text);
        }
        Ok((self.ticket.tid, patch))
    }

    fn check_tid(&self) -> Result<(), Error> {
        if self.ticket.tid == 0 {
            return Err(ErrorKind::InvalidTicket {
                tid: None,
                field: Field::Tid.name().to_owned(),
                value: String::new(),
                rule: "must be given, and be 1 or more",
            }
            .into());
        }
        Ok(())
    }

    /// Returns the ticket as it is.
    pub(crate) fn into_unchecked(self) -> Ticket {
        self.ticket
    }

    fn decode<'a>(&self, field: Field, name: &str, raw: &'a str) -> Result<Cow<'a, str>, Error> {
        let plus = match (self.encoding, field.is_url_encoded()) {
            (Encoding::Response | Encoding::Delimited, true) => Plus::Space,
            (Encoding::Delimited, false) => Plus::Itself,
            (Encoding::Plain, _) | (Encoding::Response, false) => return Ok(Cow::Borrowed(raw)),
        };
        decode(raw, plus).ok_or_else(|| invalid_value(name, raw, "URL-encoded UTF-8"))
    }
}

/// The names that a record may have.
pub(crate) const RECORD_NAMES: &str = "one of the 38 output variables of a ticket, from tid to \
    summary, or a custom field inside custom_fields";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::Moment;

    #[test]
    fn the_first_custom_name_counts_among_few_and_many() {
        let mut draft = Draft::new(Encoding::Plain);
        for n in 0..CUSTOM_NAMES_MAX {
            assert_eq!(draft.add_custom(&format!("N{n}")).unwrap(), Some(n));
            assert_eq!(draft.add_custom(&format!("n{}", n / 2)).unwrap(), None);
        }
        let error = draft.add_custom("one_more").unwrap_err();
        assert_eq!(error.code(), "too_many_custom_fields");
        assert_eq!(draft.custom_name(4), "N4");
    }

    #[test]
    fn encodings_decode_what_is_encoded() {
        let cases = [
            (Encoding::Plain, "a+%41", "a+%41"),
            (Encoding::Response, "a A", "a+%41"),
            (Encoding::Delimited, "a A", "a+A"),
        ];
        for (encoding, text, identifier) in cases {
            let mut draft = Draft::new(encoding);
            draft.set_text(Field::Tid, "7").unwrap();
            draft.set_text(Field::Subject, "a+%41").unwrap();
            draft.set_text(Field::OpenedBy, "a+%41").unwrap();
            draft.set_text(Field::Locked, "y").unwrap();
            let ticket = draft.finish().unwrap();
            assert_eq!(
                (&*ticket.subject, &*ticket.opened_by, &*ticket.locked),
                (text, identifier, "Y")
            );
        }
    }

    #[test]
    fn a_patch_sets_what_was_named_and_nothing_else() {
        let mut draft = Draft::new(Encoding::Plain);
        for (field, text) in [
            (Field::Tid, "7"),
            (Field::Status, ""),
            (Field::CompanyId, ""),
            (Field::MergedTo, "0"),
            (Field::DueDate, "2/1/2014"),
            (Field::Locked, "y"),
            (Field::CustomFields, ""),
        ] {
            assert!(draft.name_field(field));
            draft.set_text(field, text).unwrap();
        }
        let place = draft.add_custom("Serial").unwrap().unwrap();
        draft.set_custom(place, "X1").unwrap();
        let date = Moment::parse("2/1/2014").unwrap().first_second();
        let expected = Patch::new()
            .set(Field::Status, "")
            .set(Field::DueDate, date)
            .set(Field::Locked, "Y")
            .set(Field::CompanyId, 0)
            .set(Field::MergedTo, 0)
            .set_custom("Serial", "X1");
        let (tid, patch) = draft.into_patch().unwrap();
        let mut ticket = Ticket {
            status: "Open".into(),
            company_id: 4,
            cid: "stays".into(),
            ..Ticket::default()
        };
        let mut other = ticket.clone();
        patch.apply(&mut ticket).unwrap();
        expected.apply(&mut other).unwrap();
        assert_eq!((tid, &ticket), (7, &other));
        assert_eq!((&*ticket.cid, ticket.company_id), ("stays", 0));
    }

    #[test]
    fn a_tid_must_be_given() {
        let error = Draft::new(Encoding::Plain).finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a ticket's tid must be given, and be 1 or more"
        );
        assert!(Draft::new(Encoding::Plain).into_patch().is_err());
    }
}
