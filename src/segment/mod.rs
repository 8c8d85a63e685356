//! An immutable, columnar, indexed run of tickets.
//!
//! A [`Segment`] is what a batch or a load becomes: rows in tid order, a column for each field, and
//! what makes requests cheap: postings of the filtered fields, sorted vectors of cid and open date, the
//! words of the searchable texts. It offers these to `plan`, which decides what a request means; a
//! segment knows nothing of requests.
//!
//! # Invariants
//!
//! * Rows ascend by tid, without duplicates; a row number is below 2^32 − 4,096.
//! * Nothing that a reader can see ever changes. What is built on first use (orders, the row sets of
//!   terms, all columns and postings of a [`Revision`]) is a function of the rows, kept to save
//!   building it again.
//!
//! # Cost
//!
//! Memory is a few bytes for each row and field, each distinct text once, the long texts, and the words
//! with their rows.

mod asked;
mod blob;
mod block;
mod budget;
mod builder;
mod carry;
mod changes;
mod check;
mod column;
mod cube;
mod custom_columns;
mod dead_counts;
mod dead_positions;
mod dictionary;
mod digit_pattern;
mod distinct;
mod ends;
mod folded;
mod growing;
#[cfg(feature = "durable")]
mod image;
mod insertion;
mod integers;
mod kept_leads;
mod kept_text;
mod leads;
mod marks;
mod merge;
mod orders;
mod packed_texts;
mod packer;
mod parts;
mod range_bits;
mod ready_texts;
mod revision;
mod rowset;
mod scan;
mod search;
mod sizes;
mod slot_column;
mod sorted;
mod splitters;
#[cfg(feature = "durable")]
mod stored;
mod symbols;
mod tally;
mod term_rows;
mod terms;
mod text_column;
mod text_order;
mod text_rows;
mod ties;
mod versions;
mod words;
mod zones;

use std::sync::{Arc, OnceLock};

// What the layers above see of a segment besides the segment itself. All of it is here: they import
// from this module and from none below it, which `tests/layering.rs` holds them to.

// How a segment is made: of tickets, of other segments, of changes to one; and the memory for it.
pub(crate) use budget::Budget;
pub(crate) use builder::SegmentBuilder;
pub(crate) use changes::{NewValue, NewValueRef, RevisedRow, is_revisable};
pub(crate) use packed_texts::PACKED_BYTES_MIN;
pub(crate) use revision::Revision;

// The values of rows: columns of ordinals with what these stand for, and columns of long texts in
// the forms in which responses write them.
pub(crate) use blob::Blob;
pub(crate) use column::Column;
pub(crate) use dictionary::Dictionary;
pub(crate) use kept_text::{Form, KeptText};
pub(crate) use packed_texts::PackedTexts;
pub(crate) use ready_texts::ReadyTexts;
pub(crate) use slot_column::SlotColumn;
pub(crate) use symbols::Symbols;
pub(crate) use text_column::{TextColumn, Texts};
pub(crate) use zones::Zone;

// Which rows: sets as the indexes keep them, rows that are dead, and the bits of rows, 4,096 at a
// time, by which plans combine them.
pub(crate) use block::{
    BLOCK_ROWS, Bitmap, Block, EMPTY_BLOCK, block_count, blocks_count, count_common, covers_block,
    for_each_row, intersect_all, intersect_blocks, is_set, range_block, rank_in_block,
    select_in_block,
};
pub(crate) use marks::{Marks, Tombstones};
pub(crate) use rowset::RowSet;

// What no index answers: tests that are asked of rows.
pub(crate) use digit_pattern::DigitPattern;
pub(crate) use scan::RowTest;

// The words that were found for a term of a keyword.
pub(crate) use words::Matches as TermMatches;

// Rows in order: by one column, and by further keys where rows tie in the first.
pub(crate) use leads::Leads;
pub(crate) use sorted::SortedRows;
pub(crate) use ties::{KeyKind, TieKeys, TiedRow, order_ties};

// How many rows have each value: classes selected from a cube, and rows that are counted.
pub(crate) use cube::Selected;
pub(crate) use tally::{Counted, Tally, Unit, by_class};

// Segments in an image on disk.
#[cfg(feature = "durable")]
pub(crate) use image::ReadSegment;
#[cfg(feature = "durable")]
pub(crate) use stored::{Stored, StoredReader, StoredWriter, malformed};

use crate::model::Field;
use crate::model::memory::ARC_BYTES;
use asked::{Asked, FieldSet};
use cube::Cube;
use custom_columns::{CustomColumn, RevisedColumns};
use dead_counts::KeptDead;
use parts::make_postings;
use search::partition_point;
use sorted::LazyRows;
use tally::KeptCounts;
use terms::TermSets;
use versions::Versions;
use words::Words;

/// The most rows that one segment can have: whole blocks, so that the row past the end of a block is a number
/// too.
pub(crate) const ROWS_MAX: u32 = u32::MAX / BLOCK_ROWS * BLOCK_ROWS;

/// The heap bytes of a segment itself, without its parts.
pub(crate) const FRAME_BYTES: usize = ARC_BYTES + size_of::<Segment>();

/// The fields of long texts: each row has its own, however often a text occurs.
pub(crate) const LONG_FIELDS: [Field; 2] = [Field::Subject, Field::Summary];

/// Returns whether a field has a posting for each class. All fields that are filtered by value have, but cid:
/// it has too many values for that, and one sorted vector serves it better.
pub(crate) fn has_postings(field: Field) -> bool {
    Field::FILTERS.contains(&field) && field != Field::Cid
}

/// Expands the 32-bit half of a hash, which a table keeps beside an ordinal, to the 64 bits that the
/// table expects.
///
/// With the half at hand the table grows without reading texts, and rarely compares a wrong one.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The column of one field.
#[derive(Debug)]
enum FieldColumn {
    /// Ordinals and what they stand for.
    Ordinals(Column),
    /// Long texts.
    Long(TextColumn),
    /// The custom fields: a column for each name, kept apart.
    Custom,
}

/// Rows that ascend by tid, with their columns and indexes.
#[derive(Debug)]
pub(crate) struct Segment {
    rows_count: u32,
    /// By field; those of a revision are made on first use.
    columns: Vec<OnceLock<FieldColumn>>,
    /// Ascending by the index of the name; none in a revision.
    custom: Vec<CustomColumn>,
    /// Those of a revision.
    revised_custom: RevisedColumns,
    /// By field: the rows of each class, for the fields of [`has_postings`] with few classes.
    postings: Vec<OnceLock<Option<Vec<RowSet>>>>,
    /// Counts by fields with few classes; none in a revision and where rows are few.
    cubes: Vec<Cube>,
    /// By field: rows in the field's order.
    orders: Vec<LazyRows>,
    /// Rows in the order of the commits that put them.
    versions_order: LazyRows,
    origin: Origin,
    findings: Findings,
    /// The store's, as what readers keep here counts too.
    budget: Arc<Budget>,
    /// The heap bytes of what is built at seal.
    fixed_bytes: usize,
    /// The bytes of the rows' long texts; 0 in a revision, which shares its base's.
    text_bytes: u64,
}

/// What readers have found or asked for, kept for the next; empty in a new segment.
#[derive(Debug, Default)]
struct Findings {
    terms: TermSets,
    counts: KeptCounts,
    /// What was asked of the revisions of these rows.
    asked: Asked,
    dead_counts: KeptDead,
    /// The fields in whose order the dead rows are kept.
    dead_orders: FieldSet,
}

/// What the rows of a segment are: its own, with the words of their texts and the commits that wrote them,
/// or rows of a base.
#[derive(Debug)]
enum Origin {
    Own(Box<Words>, Versions),
    /// Rows of the base, changed in some fields.
    Base(Revision),
}

/// What an order or a filter compares in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// A field's column.
    Field(Field),
    /// The custom column of a name's index in the store's list.
    Custom(u32),
    /// The numbers of the commits that put or patched the rows last.
    Version,
}

/// The rows of one class of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Posting<'a> {
    /// A set made at seal.
    Set(&'a RowSet),
    /// A part of a sorted vector; ascending.
    Rows(&'a [u32]),
}

impl Posting<'_> {
    /// Returns how many rows there are.
    pub(crate) fn count(self) -> u32 {
        match self {
            Posting::Set(set) => set.count(),
            Posting::Rows(rows) => rows.len() as u32,
        }
    }
}

impl Segment {
    /// Returns how many rows there are, dead ones too.
    pub(crate) fn rows_count(&self) -> u32 {
        self.rows_count
    }

    /// Makes the segment of a revision, with the column of tids and no other column or index.
    ///
    /// What readers make of it later asks no budget for room, so a store with a budget makes no
    /// revisions.
    pub(crate) fn of_revision(revision: Revision, budget: &Arc<Budget>) -> Segment {
        Segment::of_revision_with(revision, None, budget)
    }

    /// Makes the segment of a revision likewise, with a column of tids if there is one already.
    fn of_revision_with(revision: Revision, tids: Option<Column>, budget: &Arc<Budget>) -> Segment {
        let mut columns: Vec<_> = Field::ALL.map(|_| OnceLock::new()).into();
        let tids = tids.map(FieldColumn::Ordinals);
        let tids = tids.unwrap_or_else(|| revision.column(Field::Tid));
        columns[Field::Tid.index()] = OnceLock::from(tids);
        Segment {
            rows_count: revision.rows().len() as u32,
            columns,
            custom: Vec::new(),
            revised_custom: RevisedColumns::default(),
            postings: Field::ALL.map(|_| OnceLock::new()).into(),
            cubes: Vec::new(),
            orders: Field::ALL.map(|_| LazyRows::default()).into(),
            versions_order: LazyRows::default(),
            findings: Findings::default(),
            budget: Arc::clone(budget),
            fixed_bytes: FRAME_BYTES + revision.bytes(),
            text_bytes: 0,
            origin: Origin::Base(revision),
        }
    }

    /// Returns the budget of the segment's store.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns the revision that the segment is, if it is one.
    pub(crate) fn revision(&self) -> Option<&Revision> {
        match &self.origin {
            Origin::Base(revision) => Some(revision),
            Origin::Own(..) => None,
        }
    }

    /// Returns the column of a field.
    fn field(&self, field: Field) -> &FieldColumn {
        let column = &self.columns[field.index()];
        match &self.origin {
            Origin::Base(revision) => column.get_or_init(|| {
                revision.base().findings.asked.columns.insert(field);
                revision.column(field)
            }),
            Origin::Own(..) => column.get().unwrap_or(&FieldColumn::Custom),
        }
    }

    /// Returns the column of a slot.
    pub(crate) fn slot_column(&self, slot: Slot) -> SlotColumn<'_> {
        match slot {
            Slot::Field(field) => match self.field(field) {
                FieldColumn::Ordinals(column) => SlotColumn::Ordinals(column),
                FieldColumn::Long(column) => SlotColumn::Long(column),
                FieldColumn::Custom => SlotColumn::Absent,
            },
            Slot::Custom(name_index) => match self.custom_column(name_index) {
                Some(custom) => SlotColumn::Ordinals(&custom.column),
                None => SlotColumn::Absent,
            },
            Slot::Version => SlotColumn::Ordinals(self.versions().column()),
        }
    }

    /// Returns the column of a slot where it is one of ordinals: not for long texts, nor for custom
    /// names that no ticket of the segment has.
    #[inline]
    pub(crate) fn column(&self, slot: Slot) -> Option<&Column> {
        match self.slot_column(slot) {
            SlotColumn::Ordinals(column) => Some(column),
            SlotColumn::Long(_) | SlotColumn::Absent => None,
        }
    }

    /// Returns the column of long texts of a slot, if it is one.
    fn text_column(&self, slot: Slot) -> Option<&TextColumn> {
        match self.slot_column(slot) {
            SlotColumn::Long(column) => Some(column),
            SlotColumn::Ordinals(_) | SlotColumn::Absent => None,
        }
    }

    /// Returns the bytes of a row's long texts as they are kept, without reading them.
    pub(crate) fn row_text_bytes(&self, row: u32) -> u64 {
        let columns = LONG_FIELDS.map(|field| self.text_column(Slot::Field(field)));
        let columns = columns.iter().flatten();
        columns.map(|column| column.text_bytes(row) as u64).sum()
    }

    /// Returns the bytes of all rows' long texts, dead ones included; 0 for a revision.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Returns the number of a row's ticket.
    pub(crate) fn tid(&self, row: u32) -> u64 {
        self.tids().number(row).unwrap_or(0)
    }

    /// Returns the column of ticket numbers, whose ordinals ascend.
    pub(crate) fn tids(&self) -> &Column {
        match self.field(Field::Tid) {
            FieldColumn::Ordinals(column) => column,
            FieldColumn::Long(_) | FieldColumn::Custom => unreachable!("tid is made of ordinals"),
        }
    }

    /// Returns the rows whose ticket numbers lie between two, both inclusive.
    ///
    /// Cost: two binary searches.
    pub(crate) fn tid_rows(&self, first: u64, last: u64) -> std::ops::Range<u32> {
        let tids = self.tids();
        let classes = tids.number_classes(first, last);
        let row_of =
            |class: u64| partition_point(0..self.rows_count, |row| tids.class(row) < class);
        let start = row_of(classes.start);
        start..row_of(classes.end).max(start)
    }

    /// Returns the row of a ticket number, dead or live.
    pub(crate) fn row_of(&self, tid: u64) -> Option<u32> {
        let rows = self.tid_rows(tid, tid);
        (!rows.is_empty()).then_some(rows.start)
    }

    /// Returns the rows of a class of a filtered field.
    pub(crate) fn posting(&self, field: Field, class: u32) -> Posting<'_> {
        if let Some(sets) = self.posting_sets(field) {
            return Posting::Set(&sets[class as usize]);
        }
        let slot = Slot::Field(field);
        let (Some(order), Some(column)) = (self.order(slot), self.column(slot)) else {
            return Posting::Rows(&[]);
        };
        let class = u64::from(class);
        Posting::Rows(&order.rows()[order.positions(column, &(class..class + 1))])
    }

    /// Returns the sets of every class of a field, where it has them.
    pub(crate) fn posting_sets(&self, field: Field) -> Option<&[RowSet]> {
        let sets = &self.postings[field.index()];
        let sets = sets.get_or_init(|| {
            if let Origin::Base(revision) = &self.origin {
                revision.base().findings.asked.postings.insert(field);
                revision.base().findings.asked.keys.insert(field);
            }
            make_postings(field, self.field(field))
        });
        sets.as_deref()
    }

    /// Returns the cube that counts the rows of the selected classes by the fewest cells, and
    /// how many that are; none where there is no cube of all these fields.
    pub(crate) fn cube(&self, selected: &[Selected<'_>]) -> Option<(u64, &Cube)> {
        let cubes = self.cubes.iter();
        let fit = cubes.filter_map(|cube| Some((cube.cells_count(selected)?, cube)));
        fit.min_by_key(|(cells_count, _)| *cells_count)
    }
}
