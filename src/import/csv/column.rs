//! What a column of CSV stands for: a variable, a custom field, or nothing that is read.

use crate::model::{Field, is_custom_name};

/// What a column stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Field(Field),
    /// The custom field of a name.
    Custom(Box<str>),
    /// It is not read.
    Skipped,
}

impl Column {
    /// Returns the column of an output variable, of the request's name for it, or of
    /// `custom_fields.NAME`.
    pub(super) fn of_variable(name: &str) -> Option<Column> {
        match Field::from_name(name) {
            Some(Field::CustomFields) => None,
            Some(field) => Some(Column::Field(field)),
            None => custom_name(name).map(Column::Custom),
        }
    }
}

/// Returns NAME of `custom_fields.NAME`, if a custom field can have it.
pub(super) fn custom_name(name: &str) -> Option<Box<str>> {
    let (list, own) = name.split_once('.')?;
    let is_custom = list.eq_ignore_ascii_case(Field::CustomFields.name()) && is_custom_name(own);
    is_custom.then(|| own.into())
}
