//! Fields by their names, which every record and every request spells out.
//!
//! The variables of a request are found by their names in the same way, by [`NameLengths`].
//!
//! # Cost
//!
//! A name is compared with those of its length, of which there are a few.

use super::Field;

/// What stands before the name of a custom field, in a request and in the header of CSV.
pub(crate) const CUSTOM_PREFIX: &str = "custom_fields.";

/// Returns the NAME of `custom_fields.NAME`, which may be no valid one.
pub(crate) fn split_custom(name: &str) -> Option<&str> {
    let (prefix, name) = name.split_at_checked(CUSTOM_PREFIX.len())?;
    prefix.eq_ignore_ascii_case(CUSTOM_PREFIX).then_some(name)
}

/// Names by their lengths: for each length a bit for the index of every name that is as long.
///
/// The names themselves stand where they are listed, and are compared there.
pub(crate) struct NameLengths([u64; NAME_BYTES_MAX + 1]);

/// The bytes of the longest name of a field. A variable with a longer one would not compile.
const NAME_BYTES_MAX: usize = Field::AssignedGroupName.name().len();

/// The indexes of fields by the lengths of their names and aliases.
static FIELDS: NameLengths = {
    let mut lengths = NameLengths::EMPTY;
    let mut index = 0;
    while index < Field::ALL.len() {
        lengths = lengths.with(index, Field::ALL[index].name());
        if let Some(alias) = Field::ALL[index].alias() {
            lengths = lengths.with(index, alias);
        }
        index += 1;
    }
    lengths
};

impl NameLengths {
    pub(crate) const EMPTY: NameLengths = NameLengths([0; NAME_BYTES_MAX + 1]);

    /// Adds a name of an index, which is below 64.
    pub(crate) const fn with(mut self, index: usize, name: &str) -> NameLengths {
        self.0[name.len()] |= 1 << index;
        self
    }

    /// Returns the indexes of the names that are as long as this one, in ascending order.
    pub(crate) fn as_long_as(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let mut indexes = self.0.get(name.len()).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let index = indexes.trailing_zeros() as usize;
            indexes &= indexes.checked_sub(1)?;
            Some(index)
        })
    }
}

impl Field {
    /// Returns the field of an output variable's name or of an alias, in any ASCII case; none for any
    /// other text.
    ///
    /// Cost: a comparison with the few names that are as long.
    pub fn from_name(name: &str) -> Option<Field> {
        // Most names are written in lower case, which is compared many bytes at a time.
        let is_name = |own: &str| own == name || own.eq_ignore_ascii_case(name);
        let mut fields = FIELDS.as_long_as(name).map(|index| Field::ALL[index]);
        fields.find(|field| is_name(field.name()) || field.alias().is_some_and(is_name))
    }

    /// Returns the field of an output variable's name, in any ASCII case; no alias counts.
    pub(crate) fn from_output_name(name: &str) -> Option<Field> {
        let mut fields = FIELDS.as_long_as(name).map(|index| Field::ALL[index]);
        fields.find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_no_other() {
        for field in Field::ALL {
            for name in [field.name().to_owned(), field.name().to_uppercase()] {
                assert_eq!(Field::from_output_name(&name), Some(field));
                assert_eq!(Field::from_output_name(&name[1..]), None);
                assert_eq!(Field::from_output_name(&format!("{name}_")), None);
            }
        }
        for field in Field::ALL {
            for name in [Some(field.name()), field.alias()].into_iter().flatten() {
                assert_eq!(Field::from_name(&name.to_uppercase()), Some(field));
                assert_eq!(Field::from_name(&name[1..]), None);
            }
        }
        assert_eq!(Field::from_name(""), None);
        assert_eq!(Field::from_name(&"n".repeat(1000)), None);
        assert_eq!(Field::from_output_name(""), None);
        assert_eq!(Field::from_output_name("uid"), None);
    }
}
