//! What revisions change: the new values of rows of a base, by field.
//!
//! A commit hands over each row that it revises as a [`RevisedRow`], with all its new values. A
//! [`Revision`](super::revision::Revision) keeps them by field, as [`Changes`], since readers ask for one
//! field of many rows.
//!
//! # Invariants
//!
//! * The changes of a field are of rows that ascend, without duplicates, and of the field's kind.
//!
//! # Cost
//!
//! Memory is four bytes a changed row and field, and the value.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::blob::Blob;
use super::builder::number_of;
use super::column::Column;
use super::insertion::{Insertion, Step};
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use crate::model::value::seconds_to_date;
use crate::model::{Cell, CellMut, Field, FieldKind, Ticket};

/// Returns whether a revision can change a field.
pub(crate) fn is_revisable(field: Field) -> bool {
    !field.is_searchable() && !matches!(field, Field::Tid | Field::CustomFields)
}

/// A value that a revision gives to a field of a row, as columns keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewValue {
    /// Of integers and dates; none is none.
    Number(Option<u64>),
    /// Of texts, identifiers and flags; a flag in upper case.
    Text(String),
}

impl NewValue {
    /// Makes the value of a ticket's field.
    pub(crate) fn of(ticket: &Ticket, field: Field) -> NewValue {
        match ticket.cell(field) {
            Cell::Text(text) if field.kind() == FieldKind::Flag => {
                NewValue::Text(text.to_ascii_uppercase())
            }
            Cell::Text(text) => NewValue::Text(text.to_owned()),
            cell => NewValue::Number(number_of(cell)),
        }
    }

    /// Borrows the value.
    pub(super) fn borrowed(&self) -> NewValueRef<'_> {
        match self {
            NewValue::Number(number) => NewValueRef::Number(*number),
            NewValue::Text(text) => NewValueRef::Text(text),
        }
    }

    /// Gives the value to a ticket's field.
    pub(crate) fn put_into(&self, ticket: &mut Ticket, field: Field) {
        match (ticket.cell_mut(field), self) {
            (CellMut::Text(own), NewValue::Text(text)) => text.clone_into(own),
            (CellMut::Integer(own), NewValue::Number(number)) => *own = number.unwrap_or(0),
            (CellMut::OptionalInteger(own), NewValue::Number(number)) => *own = *number,
            (CellMut::Date(own), NewValue::Number(number)) => *own = number.map(seconds_to_date),
            // A value was made of a field of the same kind.
            _ => {}
        }
    }
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewValueRef<'a> {
    Number(Option<u64>),
    Text(&'a str),
}

impl<'a> NewValueRef<'a> {
    /// Returns what a row has in a column.
    pub(super) fn in_row(column: &'a Column, row: u32) -> NewValueRef<'a> {
        match column.dictionary() {
            Some(_) => NewValueRef::Text(column.text(row)),
            None => NewValueRef::Number(column.number(row)),
        }
    }

    /// Returns the ordinal that the value has or would have in a column of the field, if it could have one.
    pub(super) fn ordinal_in(self, column: &Column) -> Option<u64> {
        match self {
            NewValueRef::Number(number) => column.ordinal_of_number(number),
            NewValueRef::Text(text) => {
                let ordinal = column.dictionary()?.ordinal_of(text)?;
                Some(u64::from(ordinal))
            }
        }
    }

    /// Copies the value.
    pub(super) fn to_owned(self) -> NewValue {
        match self {
            NewValueRef::Number(number) => NewValue::Number(number),
            NewValueRef::Text(text) => NewValue::Text(text.to_owned()),
        }
    }
}

/// A row of a base, with what differs; each field once.
#[derive(Clone, Debug)]
pub(crate) struct RevisedRow {
    pub(crate) base_row: u32,
    pub(crate) values: Vec<(Field, NewValue)>,
}

impl RevisedRow {
    /// Gives a field another value.
    pub(crate) fn set(&mut self, field: Field, value: NewValue) {
        match self.values.iter_mut().find(|(own, _)| *own == field) {
            Some((_, own)) => *own = value,
            None => self.values.push((field, value)),
        }
    }

    /// Returns the value that the row has in place of the base's, if it has one in a field.
    pub(super) fn value(&self, field: Field) -> Option<NewValueRef<'_>> {
        let value = self.values.iter().find(|(own, _)| *own == field);
        value.map(|(_, value)| value.borrowed())
    }
}

/// The new values of one field.
#[derive(Debug)]
pub(super) struct Changes {
    field: Field,
    /// Rows of the revision, ascending.
    rows: Vec<u32>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers(Vec<Option<u64>>),
    Texts(Blob),
}

impl Changes {
    /// Makes the changes of a field, none so far.
    pub(super) fn new(field: Field) -> Changes {
        let values = match field.kind() {
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date => {
                Values::Numbers(Vec::new())
            }
            FieldKind::Text | FieldKind::Identifier | FieldKind::Flag | FieldKind::CustomFields => {
                Values::Texts(Blob::default())
            }
        };
        Changes {
            field,
            rows: Vec::new(),
            values,
        }
    }

    /// Returns the field.
    pub(super) fn field(&self) -> Field {
        self.field
    }

    /// Returns the rows that are changed, ascending.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the nth new number; none for a field of another kind.
    pub(super) fn number(&self, at: usize) -> Option<u64> {
        match &self.values {
            Values::Numbers(numbers) => numbers[at],
            Values::Texts(_) => None,
        }
    }

    /// Returns the nth new text; empty for a field of another kind.
    pub(super) fn text(&self, at: usize) -> &str {
        match &self.values {
            Values::Numbers(_) => "",
            Values::Texts(texts) => texts.get(at),
        }
    }

    /// Returns the place of a row among those that are changed, if it is one.
    pub(super) fn find(&self, row: u32) -> Option<usize> {
        self.rows.binary_search(&row).ok()
    }

    /// Returns the nth new value.
    pub(super) fn value(&self, at: usize) -> NewValueRef<'_> {
        match &self.values {
            Values::Numbers(numbers) => NewValueRef::Number(numbers[at]),
            Values::Texts(texts) => NewValueRef::Text(texts.get(at)),
        }
    }

    /// Adds the value of a row after all others; it is of the field's kind.
    pub(super) fn push(&mut self, row: u32, value: NewValueRef<'_>) {
        match (&mut self.values, value) {
            (Values::Numbers(numbers), NewValueRef::Number(number)) => numbers.push(number),
            (Values::Texts(texts), NewValueRef::Text(text)) => texts.push(text),
            _ => return debug_assert!(false, "a value is of the kind of its field"),
        }
        self.rows.push(row);
    }

    /// Returns the changes of the field once rows have come, those that come included.
    pub(super) fn with_rows(&self, insertion: &Insertion, revised: &[RevisedRow]) -> Changes {
        let mut all = Changes::new(self.field);
        all.rows.reserve(self.rows.len() + revised.len());
        match (&mut all.values, &self.values) {
            (Values::Numbers(all), Values::Numbers(own)) => all.reserve(own.len() + revised.len()),
            (Values::Texts(all), Values::Texts(own)) => {
                all.reserve(own.count() + revised.len(), own.text_bytes());
            }
            _ => {}
        }
        let (mut from, mut row) = (0, 0);
        for step in insertion.steps() {
            match step {
                Step::Keep(rows) => {
                    from += self.rows[from..].partition_point(|&own| own < rows.start);
                    let end = from + self.rows[from..].partition_point(|&own| own < rows.end);
                    all.append(self, from..end, (rows.start, row));
                    from = end;
                    row += rows.end - rows.start;
                }
                Step::Insert(nth) => {
                    if let Some(value) = revised[*nth].value(self.field) {
                        all.push(row, value);
                    }
                    row += 1;
                }
            }
        }
        all
    }

    /// Appends some of other changes of the field, of which one row is renumbered to another and those
    /// after it likewise.
    fn append(&mut self, other: &Changes, places: Range<usize>, (from, to): (u32, u32)) {
        let rows = other.rows[places.clone()].iter();
        self.rows.extend(rows.map(|row| row - from + to));
        match (&mut self.values, &other.values) {
            (Values::Numbers(all), Values::Numbers(own)) => all.extend_from_slice(&own[places]),
            (Values::Texts(all), Values::Texts(own)) => all.append(own, places),
            _ => {}
        }
    }

    /// Gives back what growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        match &mut self.values {
            Values::Numbers(numbers) => numbers.shrink_to_fit(),
            Values::Texts(texts) => texts.shrink(),
        }
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Numbers(numbers) => numbers.capacity() * size_of::<Option<u64>>(),
            Values::Texts(texts) => texts.bytes(),
        };
        values + self.rows.capacity() * 4
    }
}

#[cfg(feature = "durable")]
impl Stored for Changes {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.field.index() as u64)?;
        out.slice(&self.rows)?;
        match &self.values {
            Values::Numbers(numbers) => {
                let held: Vec<u8> = numbers.iter().map(|it| it.is_some().into()).collect();
                let numbers: Vec<u64> = numbers.iter().map(|it| it.unwrap_or(0)).collect();
                out.slice(&held)?;
                out.slice(&numbers)
            }
            Values::Texts(texts) => texts.write_to(out),
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Changes> {
        let field = Field::ALL.get(input.number::<usize>()?).copied();
        let mut changes = Changes::new(field.ok_or_else(malformed)?);
        changes.rows = input.vec()?;
        changes.values = match changes.values {
            Values::Numbers(_) => {
                let (held, numbers): (Vec<u8>, Vec<u64>) = (input.vec()?, input.vec()?);
                let pairs = held.iter().zip(numbers);
                Values::Numbers(pairs.map(|(&held, it)| (held > 0).then_some(it)).collect())
            }
            Values::Texts(_) => Values::Texts(Blob::read_from(input)?),
        };
        Ok(changes)
    }
}
