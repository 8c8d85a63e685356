//! What a command shows of a record where no response is written: columns, and values as plain text.

use std::borrow::Cow;

use ticketdex::chrono::NaiveDateTime;
use ticketdex::{AnyField, Field, FieldKind, Fields, Record};

use crate::table::ColumnKind;

/// Returns the columns that a request's `fields` chooses, in the order of a response.
///
/// `custom_fields` stands for those of the store's names that the request shows.
pub(crate) fn chosen(fields: &Fields, names: &[String]) -> Vec<AnyField> {
    columns(
        fields.iter(),
        names.iter().filter(|name| fields.has_custom(name)),
    )
}

/// Returns all columns, in the order of a response.
pub(crate) fn all(names: &[String]) -> Vec<AnyField> {
    columns(Field::ALL.into_iter(), names.iter())
}

fn columns<'a>(
    fields: impl Iterator<Item = Field>,
    names: impl Iterator<Item = &'a String>,
) -> Vec<AnyField> {
    let custom: Vec<AnyField> = names.cloned().map(AnyField::Custom).collect();
    let mut columns = Vec::new();
    for field in fields {
        if field == Field::CustomFields {
            columns.extend_from_slice(&custom);
        } else {
            columns.push(field.into());
        }
    }
    columns
}

/// Returns how a table shows the values of a column.
pub(crate) fn kind(column: &AnyField) -> ColumnKind {
    match column.field().map(Field::kind) {
        Some(FieldKind::Integer | FieldKind::OptionalInteger) => ColumnKind::Number,
        Some(FieldKind::Date) => ColumnKind::Date,
        _ => ColumnKind::Text,
    }
}

/// Returns a value as plain text, not URL-encoded: a date as `YYYY-MM-DD HH:MM:SS`, none as
/// nothing, and nothing too for a 0 that stands for none.
pub(crate) fn text<'a>(record: &Record<'a>, column: &AnyField) -> Cow<'a, str> {
    let field = match column {
        AnyField::Custom(name) => return Cow::Borrowed(record.custom(name)),
        AnyField::Field(field) => *field,
        _ => return Cow::Borrowed(""),
    };
    match field.kind() {
        FieldKind::Integer | FieldKind::OptionalInteger => {
            let number = record.integer(field);
            let is_none = field.kind() == FieldKind::Integer && number == Some(0);
            let shown = number.filter(|_| !is_none).map(|number| number.to_string());
            Cow::Owned(shown.unwrap_or_default())
        }
        FieldKind::Date => Cow::Owned(record.date(field).map(date).unwrap_or_default()),
        _ => record.text(field),
    }
}

fn date(date: NaiveDateTime) -> String {
    // Of whole seconds, so this shows no fraction.
    format!("{} {}", date.date(), date.time())
}
