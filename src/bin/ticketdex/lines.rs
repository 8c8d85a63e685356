//! Tickets as JSON Lines, as `import` reads them.
//!
//! A record is written as [`Ticket`](ticketdex::Ticket) is by serde, but without a copy of its texts,
//! and with some of its variables where a request chooses some.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use ticketdex::{Answer, AnyField, Field, FieldKind, Record};

/// The bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes the records of an answer, one a line.
///
/// The first shows every custom field among the columns, also an empty one, so that what reads the lines
/// has the same names in the same order; the others show those that have a value. Memory is one
/// buffer and one record.
pub(crate) fn write(
    answer: &Answer,
    columns: &[AnyField],
    mut writer: impl Write,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    for (at, record) in answer.records().enumerate() {
        let line = Line::new(record, columns, at == 0);
        serde_json::to_writer(&mut buffer, &line)?;
        buffer.push(b'\n');
        if buffer.len() >= BUFFER_BYTES {
            writer.write_all(&buffer)?;
            buffer.clear();
        }
    }
    writer.write_all(&buffer)
}

/// One record, as an object.
pub(crate) struct Line<'a> {
    record: Record<'a>,
    columns: &'a [AnyField],
    shows_empty: bool,
}

impl<'a> Line<'a> {
    /// Makes the line of a record; `shows_empty` tells whether it shows custom fields without a value.
    pub(crate) fn new(record: Record<'a>, columns: &'a [AnyField], shows_empty: bool) -> Line<'a> {
        Line {
            record,
            columns,
            shows_empty,
        }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let is_custom = |column: &AnyField| column.field().is_none();
        // Custom fields stand side by side.
        for group in self.columns.chunk_by(|a, b| is_custom(a) && is_custom(b)) {
            if let AnyField::Field(field) = &group[0] {
                object.serialize_entry(field.name(), &Value(&self.record, *field))?;
                continue;
            }
            let custom = Custom(&Line {
                columns: group,
                ..*self
            });
            object.serialize_entry(Field::CustomFields.name(), &custom)?;
        }
        object.end()
    }
}

/// The value of a field.
struct Value<'a>(&'a Record<'a>, Field);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value(record, field) = *self;
        match field.kind() {
            FieldKind::Integer | FieldKind::OptionalInteger => {
                record.integer(field).serialize(serializer)
            }
            // Debug is the form with `T`.
            FieldKind::Date => {
                let date = record.date(field).map(|date| format!("{date:?}"));
                date.serialize(serializer)
            }
            _ => record.text(field).serialize(serializer),
        }
    }
}

/// The custom fields among the columns of a line.
struct Custom<'a>(&'a Line<'a>);

impl Serialize for Custom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for column in self.0.columns {
            if let AnyField::Custom(name) = column {
                let text = self.0.record.custom(name);
                if self.0.shows_empty || !text.is_empty() {
                    object.serialize_entry(name, text)?;
                }
            }
        }
        object.end()
    }
}
