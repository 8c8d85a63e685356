//! The columns of a segment's custom fields, one a name.
//!
//! There may be hundreds of names, and a request looks at one or two of them. So a revision makes the column
//! of a name when a reader first asks for it, and not those of the other names.
//!
//! # Invariants
//!
//! * Columns ascend by the index of their name.
//! * A column holds a value. A name without one in the segment has no column.
//!
//! # Cost
//!
//! Finding a column is a binary search among the names that the segment has, or its base. The first column of
//! a revision takes 16 bytes for each name of the base besides its own.

use std::iter;
use std::sync::OnceLock;

use super::Segment;
use super::column::Column;
use super::sorted::LazyRows;

/// A custom field's column, by the index of its name in the store's list.
#[derive(Debug)]
pub(super) struct CustomColumn {
    pub(super) name_index: u32,
    pub(super) column: Column,
    pub(super) order: LazyRows,
}

impl CustomColumn {
    pub(super) fn new(name_index: u32, column: Column) -> CustomColumn {
        CustomColumn {
            name_index,
            column,
            order: LazyRows::default(),
        }
    }
}

/// The columns of a revision, one for each of the base's; made on first use, and none where no row has a value.
#[derive(Debug, Default)]
pub(super) struct RevisedColumns(OnceLock<Box<[RevisedColumn]>>);

type RevisedColumn = OnceLock<Option<Box<CustomColumn>>>;

impl RevisedColumns {
    /// Returns the column of a place among the base's, of which there are `count`.
    fn get_or_make(
        &self,
        at: usize,
        count: usize,
        make: impl FnOnce() -> Option<CustomColumn>,
    ) -> Option<&CustomColumn> {
        let columns = self.0.get_or_init(|| {
            let empty = iter::repeat_with(OnceLock::new);
            empty.take(count).collect()
        });
        columns
            .get(at)?
            .get_or_init(|| make().map(Box::new))
            .as_deref()
    }

    /// Returns the columns that were made.
    fn made(&self) -> impl Iterator<Item = &CustomColumn> {
        let columns = self.0.get().into_iter().flatten();
        columns.filter_map(|column| column.get()?.as_deref())
    }

    /// Returns the heap bytes without those of the columns.
    fn frame_bytes(&self) -> usize {
        let places = self
            .0
            .get()
            .map_or(0, |it| size_of_val::<[RevisedColumn]>(it));
        places + self.made().count() * size_of::<CustomColumn>()
    }
}

impl Segment {
    /// Returns the custom columns that are there, of the segment itself or of the base that it revises.
    fn sealed_custom(&self) -> &[CustomColumn] {
        let sealed = self.revision().map_or(self, |revision| revision.base());
        &sealed.custom
    }

    /// Returns the custom column of a place in [`sealed_custom`](Segment::sealed_custom).
    fn custom_column_at(&self, at: usize) -> Option<&CustomColumn> {
        let sealed = self.sealed_custom();
        let Some(revision) = self.revision() else {
            return sealed.get(at);
        };
        self.revised_custom.get_or_make(at, sealed.len(), || {
            let of_base = sealed.get(at)?;
            let column = revision.custom_column(&of_base.column)?;
            Some(CustomColumn::new(of_base.name_index, column))
        })
    }

    /// Returns the column of a name, by its index in the store's list.
    pub(super) fn custom_column(&self, name_index: u32) -> Option<&CustomColumn> {
        let sealed = self.sealed_custom();
        let at = sealed.binary_search_by_key(&name_index, |custom| custom.name_index);
        self.custom_column_at(at.ok()?)
    }

    /// Returns the custom columns with the index of their name, ascending by it.
    ///
    /// Cost: in a revision it makes all of them.
    pub(crate) fn custom_columns(&self) -> impl Iterator<Item = (u32, &Column)> {
        let columns = (0..self.sealed_custom().len()).filter_map(|at| self.custom_column_at(at));
        columns.map(|custom| (custom.name_index, &custom.column))
    }

    /// Returns the custom columns that are there without making any.
    pub(super) fn custom_there(&self) -> impl Iterator<Item = &CustomColumn> {
        self.custom.iter().chain(self.revised_custom.made())
    }

    /// Returns the heap bytes of the custom columns that are there, without their orders.
    pub(super) fn custom_bytes(&self) -> usize {
        let columns = self.custom_there().map(|custom| custom.column.bytes());
        let own = self.custom.capacity() * size_of::<CustomColumn>();
        columns.sum::<usize>() + own + self.revised_custom.frame_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::names::CustomNames;
    use crate::model::{Field, Ticket};
    use crate::segment::budget::Budget;
    use crate::segment::builder::SegmentBuilder;
    use crate::segment::{NewValue, RevisedRow, Slot};

    const NAMES: [&str; 3] = ["Serial", "Colour", "Rare"];

    /// Makes a revision of two tickets of three, of which the third alone has a value of the last name.
    fn revise() -> Segment {
        let mut names = CustomNames::default();
        names.enter(None, NAMES).unwrap();
        let mut builder = SegmentBuilder::new();
        for tid in 1..=3u64 {
            let held = NAMES.iter().take(if tid == 3 { 3 } else { 2 });
            let ticket = Ticket {
                tid,
                custom_fields: held
                    .map(|&name| (name.to_owned(), format!("{name} {tid}")))
                    .collect(),
                ..Ticket::default()
            };
            builder.insert(&[ticket], &names);
        }
        let budget = Budget::new(None);
        let base = Arc::new(builder.seal(&budget));
        let revised = [0, 1].map(|base_row| RevisedRow {
            base_row,
            values: vec![(Field::Status, NewValue::Text("Closed".into()))],
        });
        Segment::of_revised(&base, &revised, 2, &budget)
    }

    #[test]
    fn a_revision_makes_the_custom_columns_that_are_asked_for() {
        let segment = revise();
        let made = || segment.custom_there().map(|custom| custom.name_index);
        let bytes = |segment: &Segment| segment.column_bytes(Field::CustomFields);
        let bytes_before = bytes(&segment);
        assert_eq!(made().count(), 0);
        let column = segment.column(Slot::Custom(1)).unwrap();
        assert_eq!((column.text(0), column.text(1)), ("Colour 1", "Colour 2"));
        assert_eq!(made().collect::<Vec<_>>(), [1]);
        let bytes_of_one = bytes(&segment);
        assert!(bytes_of_one > bytes_before);

        // Names without a value have no column, nor have those that the base does not know.
        assert!(segment.column(Slot::Custom(2)).is_none());
        assert!(segment.column(Slot::Custom(3)).is_none());
        assert_eq!(made().collect::<Vec<_>>(), [1]);
        assert_eq!(bytes(&segment), bytes_of_one);

        let all = segment.custom_columns();
        let all = all.map(|(name_index, column)| (name_index, column.text(1)));
        assert_eq!(all.collect::<Vec<_>>(), [(0, "Serial 2"), (1, "Colour 2")]);
        assert_eq!(made().collect::<Vec<_>>(), [0, 1]);
        assert!(bytes(&segment) > bytes_of_one);
        assert_eq!(segment.check_invariants(NAMES.len()), Ok(()));
    }
}
