//! What must be true of any segment, looked at cell by cell: for tests, and for anyone who doubts a store.

use super::{FieldColumn, Origin, Segment, Slot};
use crate::model::Field;

impl Segment {
    /// Checks what must always be true, and returns what is not.
    pub(crate) fn check_invariants(&self, names_count: usize) -> Result<(), String> {
        let rows = 0..self.rows_count;
        if !rows
            .clone()
            .is_sorted_by(|&a, &b| self.tid(a) < self.tid(b))
        {
            return Err("tids do not ascend".to_owned());
        }
        match &self.origin {
            Origin::Own(words, _) if words.rows_count() != self.rows_count => {
                return Err("the words have another number of rows".to_owned());
            }
            Origin::Own(..) => {}
            Origin::Base(revision) => revision.check_invariants()?,
        }
        if self.versions().column().rows_count() != self.rows_count {
            return Err("the versions have another number of rows".to_owned());
        }
        let indexes = || self.custom_columns().map(|(name_index, _)| name_index);
        if !indexes().is_sorted() || indexes().any(|index| index as usize >= names_count) {
            return Err("custom columns are not of the list of names".to_owned());
        }
        for field in Field::ALL {
            let rows_count = match self.field(field) {
                FieldColumn::Ordinals(column) => column.rows_count(),
                FieldColumn::Long(column) => column.rows_count(),
                FieldColumn::Custom => self.rows_count,
            };
            if rows_count != self.rows_count {
                return Err(format!("{} has {rows_count} rows", field.name()));
            }
            self.check_indexes(field)?;
        }
        Ok(())
    }

    /// Checks that postings and orders of a field hold each row once, where it belongs.
    fn check_indexes(&self, field: Field) -> Result<(), String> {
        let Some(column) = self.column(Slot::Field(field)) else {
            return Ok(());
        };
        if let Some(sets) = self.posting_sets(field) {
            let mut posted = 0;
            for (class, set) in (0u64..).zip(sets) {
                let mut is_right = true;
                set.for_each(|row| is_right &= column.class(row) == class);
                posted += set.count();
                let selected = [(field, &[class as u32][..])];
                let count = self.cube(&selected).map(|(_, cube)| cube.count(&selected));
                if count.is_some_and(|count| count != u64::from(set.count())) {
                    return Err(format!("a cube miscounts a class of {}", field.name()));
                }
                if !is_right {
                    return Err(format!(
                        "a posting of {} has a row of another",
                        field.name()
                    ));
                }
            }
            if posted != self.rows_count {
                return Err(format!(
                    "the postings of {} have {posted} rows",
                    field.name()
                ));
            }
        }
        if let Some(order) = self.orders[field.index()].get() {
            let key = |row: &u32| (column.class(*row), *row);
            if !order.rows().is_sorted_by(|a, b| key(a) < key(b))
                || order.rows().len() != self.rows_count as usize
            {
                return Err(format!("the order of {} is wrong", field.name()));
            }
        }
        Ok(())
    }
}
