//! Columns and words on their way to a segment, and what derives from them.
//!
//! A builder makes columns and words of tickets, a merge makes them of older segments; what follows from
//! them, postings and orders, is made here for both.
//!
//! # Invariants
//!
//! * A custom column holds a value; a name without one has no column.
//!
//! # Cost
//!
//! Postings are made by counting; orders by counting where classes are few, and by sorting integers
//! elsewhere.

use std::sync::{Arc, OnceLock};

use super::budget::Budget;
use super::column::Column;
use super::cube::Cube;
use super::custom_columns::{CustomColumn, RevisedColumns};
use super::rowset::RowSet;
use super::sorted::{LazyRows, SortedRows};
use super::versions::Versions;
use super::words::Words;
use super::{FRAME_BYTES, FieldColumn, Findings, LONG_FIELDS, Origin, Segment, Slot, has_postings};
use crate::model::Field;

/// A field with more classes than one in this many rows gets a sorted vector instead of sets.
const POSTINGS_ROWS_PER_CLASS: u32 = 8;

/// What a segment is made from, except its words; everything else follows.
#[derive(Debug)]
pub(super) struct SegmentParts {
    pub(super) rows_count: u32,
    /// By field.
    pub(super) columns: Vec<FieldColumn>,
    /// Ascending by the index of the name.
    pub(super) custom: Vec<(u32, Column)>,
    pub(super) versions: Versions,
}

impl SegmentParts {
    /// Makes the segment, with the orders that every segment has.
    ///
    /// The words are asked for last, as another thread may still be at them.
    pub(super) fn assemble(self, budget: &Arc<Budget>, words: impl FnOnce() -> Words) -> Segment {
        let SegmentParts {
            rows_count,
            columns,
            custom,
            versions,
        } = self;
        let postings = Field::ALL.map(|field| make_postings(field, &columns[field.index()]));
        let cubes = Cube::make_all(&columns, rows_count);
        let custom = custom
            .into_iter()
            .map(|(name_index, column)| CustomColumn::new(name_index, column));
        let mut segment = Segment {
            rows_count,
            columns: columns.into_iter().map(OnceLock::from).collect(),
            custom: custom.collect(),
            revised_custom: RevisedColumns::default(),
            orders: Field::ALL.map(|_| LazyRows::default()).into(),
            versions_order: LazyRows::default(),
            postings: postings.map(OnceLock::from).into(),
            cubes,
            origin: Origin::Own(Box::new(words()), versions),
            findings: Findings::default(),
            budget: Arc::clone(budget),
            fixed_bytes: 0,
            text_bytes: 0,
        };
        let fields = Field::ALL.into_iter().map(Slot::Field);
        for slot in fields.filter(|&slot| segment.seals_order(slot)) {
            segment.make_order(slot);
        }
        segment.count_bytes();
        segment
    }
}

impl Segment {
    /// Counts the bytes of what is built at seal, and of the long texts.
    pub(super) fn count_bytes(&mut self) {
        let texts = LONG_FIELDS.map(|field| self.text_column(Slot::Field(field)));
        let bytes = texts.iter().flatten();
        self.text_bytes = bytes.map(|it| it.texts_bytes() as u64).sum();
        self.fixed_bytes = self.columns_bytes() + self.words_bytes() + FRAME_BYTES;
        self.fixed_bytes += self.versions_bytes();
    }
}

/// Makes the row set of each class of a field, where it has few enough.
pub(super) fn make_postings(field: Field, column: &FieldColumn) -> Option<Vec<RowSet>> {
    let FieldColumn::Ordinals(column) = column else {
        return None;
    };
    let rows_count = column.rows_count();
    let classes_count = column.classes_count();
    let is_few = classes_count <= u64::from(rows_count / POSTINGS_ROWS_PER_CLASS).max(16);
    if !has_postings(field) || !is_few {
        return None;
    }
    let sorted = SortedRows::by_class(column);
    let set = |class: u64| {
        let positions = sorted.positions(column, &(class..class + 1));
        RowSet::from_sorted(&sorted.rows()[positions], rows_count)
    };
    Some((0..classes_count).map(set).collect())
}
