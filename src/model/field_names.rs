//! Fields by the names of output variables, which every record spells out.
//!
//! # Cost
//!
//! A name is compared with those of its length, of which there are a few.

use super::Field;

/// By the length of a name: a bit for each field whose name is as long.
const FIELDS_BY_LENGTH: [u64; NAME_BYTES_MAX + 1] = {
    let mut fields = [0; NAME_BYTES_MAX + 1];
    let mut index = 0;
    while index < Field::ALL.len() {
        fields[Field::ALL[index].name().len()] |= 1 << index;
        index += 1;
    }
    fields
};

/// The bytes of the longest name.
const NAME_BYTES_MAX: usize = Field::AssignedGroupName.name().len();

impl Field {
    /// Returns the field of an output variable's name, in any ASCII case; no alias counts.
    pub(crate) fn from_output_name(name: &str) -> Option<Field> {
        let mut fields = *FIELDS_BY_LENGTH.get(name.len())?;
        while fields != 0 {
            let field = Field::ALL[fields.trailing_zeros() as usize];
            if field.name().eq_ignore_ascii_case(name) {
                return Some(field);
            }
            fields &= fields - 1;
        }
        None
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
        assert_eq!(Field::from_output_name(""), None);
        assert_eq!(Field::from_output_name("uid"), None);
    }
}
