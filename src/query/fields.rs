//! Which variables each record of a response shows.

use std::collections::HashSet;
use std::fmt;

use super::filter::AnyField;
use crate::model::Field;
use crate::model::field_names::CUSTOM_PREFIX;

/// The variables that each record of a response shows, in the order of the output variables.
///
/// A name that is given again changes nothing, and so does a custom field's beside
/// [`Field::CustomFields`], which stands for all of them. Of the custom fields that are named a
/// response shows those that the store has, in the store's order.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, Query};
///
/// let query: Query = "fields=subject,tid,uid,custom_fields.Room".parse()?;
/// let fields = query.fields().expect("a list of variables");
/// let shown: Vec<Field> = fields.iter().collect();
/// assert_eq!(shown, [Field::Tid, Field::AssignedTech, Field::CustomFields, Field::Subject]);
/// assert!(fields.has_custom("ROOM") && !fields.has_custom("Floor"));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fields {
    /// One bit a field, by its index.
    bits: u64,
    /// The custom fields, where not all of them are shown.
    custom_names: Vec<String>,
}

impl Fields {
    /// Makes the list of some fields; cost: linear in them.
    pub(super) fn new(listed: impl IntoIterator<Item = AnyField>) -> Fields {
        let mut fields = Fields::default();
        let mut seen = HashSet::new();
        for field in listed {
            match field {
                AnyField::Field(field) => fields.bits |= 1 << field.index(),
                AnyField::Custom(name) => {
                    if seen.insert(name.to_ascii_lowercase()) {
                        fields.custom_names.push(name);
                    }
                }
            }
        }
        if fields.has_all_custom() {
            fields.custom_names.clear();
        }
        fields
    }

    /// Returns whether all custom fields are shown.
    pub fn has_all_custom(&self) -> bool {
        self.bits >> Field::CustomFields.index() & 1 == 1
    }

    /// Returns the custom fields that are named one by one, as spelled in the request.
    pub fn custom_names(&self) -> &[String] {
        &self.custom_names
    }

    /// Returns whether a custom field is shown, by its name in any ASCII case.
    ///
    /// Cost: linear in the custom fields that are named.
    pub fn has_custom(&self, name: &str) -> bool {
        let mut names = self.custom_names.iter();
        self.has_all_custom() || names.any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Returns whether a variable is shown; of [`Field::CustomFields`], whether its part is.
    pub fn contains(&self, field: Field) -> bool {
        let is_custom = field == Field::CustomFields && !self.custom_names.is_empty();
        is_custom || self.bits >> field.index() & 1 == 1
    }

    /// Returns the variables that are shown, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(|&field| self.contains(field))
    }
}

/// Prints the list as `fields` gives it.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for field in Field::ALL {
            if self.bits >> field.index() & 1 == 1 {
                write!(f, "{between}{}", field.name())?;
                between = ",";
            }
        }
        for name in &self.custom_names {
            write!(f, "{between}{CUSTOM_PREFIX}{name}")?;
            between = ",";
        }
        Ok(())
    }
}
