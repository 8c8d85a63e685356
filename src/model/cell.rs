//! The values of a ticket, field by field, to be read or to be changed.
//!
//! How a text becomes a value of each kind stands here once, for imports and patches alike.

use chrono::NaiveDateTime;

use super::error::{Error, invalid_value};
use super::value::{Moment, parse_integer};
use super::{Field, FieldKind, Ticket};

/// One value of a ticket, borrowed.
///
/// # Examples
///
/// ```
/// use ticketdex::{Cell, Field, Ticket};
///
/// let ticket = Ticket { tid: 34, status: "Open".into(), ..Ticket::default() };
/// assert_eq!(ticket.cell(Field::Status), Cell::Text("Open"));
/// assert_eq!(ticket.cell(Field::Tid), Cell::Integer(34));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// A text, an identifier or a flag.
    Text(&'a str),
    /// An integer that uses 0 for none.
    Integer(u64),
    /// An integer or none.
    OptionalInteger(Option<u64>),
    /// A date/time or none.
    Date(Option<NaiveDateTime>),
    /// The custom fields that the ticket holds itself, in its own order.
    CustomFields(&'a [(String, String)]),
}

/// One value of a ticket, to be changed.
#[derive(Debug)]
pub(crate) enum CellMut<'a> {
    Text(&'a mut String),
    Integer(&'a mut u64),
    OptionalInteger(&'a mut Option<u64>),
    Date(&'a mut Option<NaiveDateTime>),
    CustomFields(&'a mut Vec<(String, String)>),
}

impl Ticket {
    /// Gives a field the value of a decoded text: dates in any form that requests know, integers
    /// as digits, flags in any case. An empty text is none or empty.
    pub(crate) fn set_text(&mut self, field: Field, text: &str) -> Result<(), Error> {
        let wrong = || invalid_value(field.name(), text, expected(field));
        let is_flag = field.kind() == FieldKind::Flag;
        match self.cell_mut(field) {
            CellMut::Text(cell) => {
                cell.clear();
                cell.push_str(text);
                // `check` refuses what is no flag, and shows it as it was given.
                if is_flag && cell.len() == 1 {
                    cell.make_ascii_uppercase();
                }
            }
            CellMut::Integer(cell) if text.is_empty() => *cell = 0,
            CellMut::Integer(cell) => *cell = parse_integer(text).ok_or_else(wrong)?,
            CellMut::OptionalInteger(cell) if text.is_empty() => *cell = None,
            CellMut::OptionalInteger(cell) => {
                *cell = Some(parse_integer(text).ok_or_else(wrong)?);
            }
            CellMut::Date(cell) if text.is_empty() => *cell = None,
            CellMut::Date(cell) => {
                *cell = Some(Moment::parse(text).ok_or_else(wrong)?.first_second());
            }
            CellMut::CustomFields(_) => return Err(wrong()),
        }
        Ok(())
    }

    /// Removes every value and keeps the memory of the fields' texts, but for that of custom fields;
    /// returns the bytes that are kept.
    pub(crate) fn clear(&mut self) -> usize {
        let mut bytes = 0;
        self.for_each_cell(|cell| match cell {
            CellMut::Text(cell) => {
                cell.clear();
                bytes += cell.capacity();
            }
            CellMut::Integer(cell) => *cell = 0,
            CellMut::OptionalInteger(cell) => *cell = None,
            CellMut::Date(cell) => *cell = None,
            CellMut::CustomFields(cell) => *cell = Vec::new(),
        });
        bytes
    }

    /// Gives an integer field a number; an error for any other field.
    pub(crate) fn set_integer(&mut self, field: Field, number: u64) -> Result<(), Error> {
        match self.cell_mut(field) {
            CellMut::Integer(cell) => *cell = number,
            CellMut::OptionalInteger(cell) => *cell = Some(number),
            CellMut::Text(_) | CellMut::Date(_) | CellMut::CustomFields(_) => {
                let number = number.to_string();
                return Err(invalid_value(field.name(), &number, expected(field)));
            }
        }
        Ok(())
    }
}

/// What a field's value must be in a record, as a noun phrase.
pub(crate) fn expected(field: Field) -> &'static str {
    match field.kind() {
        FieldKind::Text | FieldKind::Identifier | FieldKind::Flag => "a text",
        FieldKind::Integer | FieldKind::OptionalInteger => {
            "an integer below 2^64 without sign, fraction or exponent"
        }
        FieldKind::Date => "a date like 2014-04-24T10:42:43 or 4/24/2014 10:42:43 AM",
        FieldKind::CustomFields => "custom names with texts",
    }
}
