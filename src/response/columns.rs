//! Which variables a response shows, resolved for a snapshot.

use crate::model::Field;
use crate::model::names::CustomNames;
use crate::query::Fields;

/// The variables of every record of a response, in their order.
pub(super) struct Columns {
    /// One bit a field, by its index.
    bits: u64,
    /// The indexes of the custom fields that are shown, ascending; none is all of them.
    custom: Option<Box<[u32]>>,
}

impl Columns {
    /// Resolves the variables that a request asks for; without any, all are shown.
    ///
    /// Cost: a look at each custom field that is named.
    pub(super) fn of(fields: Option<&Fields>, names: &CustomNames) -> Columns {
        let Some(fields) = fields else {
            let bits = u64::MAX;
            return Columns { bits, custom: None };
        };
        let bits = fields.iter().map(|field| 1 << field.index());
        let custom = (!fields.has_all_custom()).then(|| {
            let own = fields.custom_names().iter();
            let mut indexes: Vec<u32> = own.filter_map(|name| names.find(name)).collect();
            indexes.sort_unstable();
            indexes.into()
        });
        Columns {
            bits: bits.fold(0, |bits, bit: u64| bits | bit),
            custom,
        }
    }

    /// Returns the fields that are shown.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> {
        let all = Field::ALL.into_iter();
        all.filter(|field| self.bits >> field.index() & 1 == 1)
    }

    /// Returns the custom fields that are shown, of a store with these names, with their indexes.
    pub(super) fn custom<'a>(
        &'a self,
        names: &'a [String],
    ) -> impl Iterator<Item = (u32, &'a str)> {
        let (all, chosen) = match &self.custom {
            None => (names, &[][..]),
            Some(indexes) => (&[][..], &**indexes),
        };
        let all = (0..).zip(all.iter().map(String::as_str));
        let chosen = chosen
            .iter()
            .map(|&index| (index, names[index as usize].as_str()));
        all.chain(chosen)
    }
}
