//! One ticket of a snapshot, read from its columns.

use std::borrow::Cow;
use std::fmt;

use chrono::NaiveDateTime;

#[cfg(doc)]
use super::Snapshot;
use crate::model::names::CustomNames;
use crate::model::value::seconds_to_date;
use crate::model::{CellMut, Field, FieldKind, Ticket};
use crate::segment::{Segment, Slot, SlotColumn};

/// A ticket of a snapshot, as a view: nothing is copied before it is asked for.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Options, Store, Ticket};
///
/// let ticket = Ticket {
///     tid: 7,
///     custom_fields: vec![("Serial".into(), "X1".into())],
///     ..Ticket::default()
/// };
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(ticket.clone());
/// store.commit(batch)?;
///
/// let snapshot = store.reader().snapshot();
/// let record = snapshot.get(7).unwrap();
/// assert_eq!(record.custom("serial"), "X1");
/// assert_eq!(Ticket::from(record), ticket);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub(super) segment: &'a Segment,
    pub(super) names: &'a CustomNames,
    pub(super) row: u32,
}

/// Prints the ticket's number alone; `Ticket::from(record)` prints the rest.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("tid", &self.tid())
            .finish_non_exhaustive()
    }
}

impl<'a> Record<'a> {
    /// Returns the ticket's number.
    pub fn tid(&self) -> u64 {
        self.segment.tid(self.row)
    }

    /// Returns the number of the commit that last put or patched the ticket, 1 or more; see
    /// [`Snapshot::version_of`].
    pub fn version(&self) -> u64 {
        self.segment.version(self.row)
    }

    /// Returns a text, an identifier or a flag; empty for a field of another kind.
    ///
    /// Subject and summary may be kept URL-encoded or packed, so these two may be copied.
    pub fn text(&self, field: Field) -> Cow<'a, str> {
        match self.segment.slot_column(Slot::Field(field)) {
            SlotColumn::Ordinals(column) => Cow::Borrowed(column.text(self.row)),
            SlotColumn::Long(column) => column.text(self.row),
            SlotColumn::Absent => Cow::Borrowed(""),
        }
    }

    /// Returns an integer, 0 where 0 stands for none; none for none and for a field of another kind.
    pub fn integer(&self, field: Field) -> Option<u64> {
        match field.kind() {
            FieldKind::Integer => Some(self.number(field).unwrap_or(0)),
            FieldKind::OptionalInteger => self.number(field),
            _ => None,
        }
    }

    /// Returns a date/time; none for none and for a field of another kind.
    pub fn date(&self, field: Field) -> Option<NaiveDateTime> {
        let is_date = field.kind() == FieldKind::Date;
        is_date
            .then(|| self.number(field).map(seconds_to_date))
            .flatten()
    }

    /// Returns the text of a custom field, by name in any ASCII case; empty where there is none.
    pub fn custom(&self, name: &str) -> &'a str {
        let index = self.names.find(name);
        let column = index.and_then(|index| self.segment.column(Slot::Custom(index)));
        column.map_or("", |column| column.text(self.row))
    }

    /// Returns every custom name of the store with the ticket's text, empty where it has none.
    pub fn custom_fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let Record {
            segment,
            names,
            row,
        } = *self;
        (0..).zip(names.as_slice()).map(move |(index, name)| {
            let column = segment.column(Slot::Custom(index));
            (name.as_str(), column.map_or("", |column| column.text(row)))
        })
    }

    /// Returns the number of an integer or a date; none also where 0 stands for none.
    pub(crate) fn number(&self, field: Field) -> Option<u64> {
        self.segment.column(Slot::Field(field))?.number(self.row)
    }
}

/// Copies a record; custom fields without a value are left out.
impl From<Record<'_>> for Ticket {
    fn from(record: Record<'_>) -> Ticket {
        let mut ticket = Ticket::default();
        for field in Field::ALL {
            match ticket.cell_mut(field) {
                CellMut::Text(text) => *text = record.text(field).into_owned(),
                CellMut::Integer(integer) => *integer = record.integer(field).unwrap_or(0),
                CellMut::OptionalInteger(integer) => *integer = record.integer(field),
                CellMut::Date(date) => *date = record.date(field),
                CellMut::CustomFields(pairs) => {
                    let held = record.custom_fields().filter(|(_, text)| !text.is_empty());
                    *pairs = held
                        .map(|(name, text)| (name.to_owned(), text.to_owned()))
                        .collect();
                }
            }
        }
        ticket
    }
}
