//! The filters of a request, and what each of them is in one segment.
//!
//! [`Filters`] are read from a query once a request: texts folded, dates as seconds, terms
//! apart. A [`SegmentFilter`] is one of them in the codes of a segment, and knows the two ways
//! to apply it: ask one row, or keep of a block of rows those that satisfy it. It holds numbers
//! and shared parts only, never a borrow, so that an answer can own its snapshot; whoever uses
//! it hands the segment in.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::explain::Work;
use crate::model::Field;
use crate::model::value::{date_to_seconds, fold};
use crate::query::{Query, TidFilter, TidPattern};
use crate::segment::block::{
    BLOCK_ROWS, Block, EMPTY_BLOCK, block_count, for_each_row, intersect_blocks, is_set,
};
use crate::segment::column::{Column, Zone};
use crate::segment::cube::Selected;
use crate::segment::rowset::RowSet;
use crate::segment::sorted::SortedRows;
use crate::segment::{Posting, Segment, Slot};

/// One filter of a request.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// The field equals this folded text.
    Value(Field, String),
    /// The field equals one of these folded texts.
    Values(Field, Vec<String>),
    /// The folded cid is between two texts.
    Cids(Option<String>, Option<String>),
    /// The number of the field is between two, both inclusive; none is not.
    Numbers(Field, u64, u64),
    /// The decimal form of the tid matches.
    Pattern(TidPattern),
    /// A searchable text holds this folded term.
    Term(String),
}

/// All filters of a request, read once.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    /// The least and the greatest tid that can match; none where nothing can.
    pub(super) tids: Option<(u64, u64)>,
    /// The others: by value, then by range, then those that are dear to apply.
    pub(super) all: Vec<Filter>,
    /// The rows of each segment that are in the set of tickets that the caller gave; none where
    /// no set was given.
    pub(super) within: Vec<Arc<RowSet>>,
}

impl Filters {
    /// The index of the set of tickets among the filters.
    pub(super) const WITHIN: usize = usize::MAX;

    /// Reads the filters of a query.
    pub(super) fn of(query: &Query) -> Filters {
        let mut all = Vec::new();
        for field in Field::FILTERS {
            match query.values(field) {
                [] => {}
                [value] => all.push(Filter::Value(field, fold(value))),
                values => {
                    let values = values.iter().map(|value| fold(value));
                    all.push(Filter::Values(field, values.collect()));
                }
            }
        }
        let (start, end) = query.cid_range();
        if start.is_some() || end.is_some() {
            all.push(Filter::Cids(start.map(fold), end.map(fold)));
        }
        let (start, end) = query.date_range();
        if start.is_some() || end.is_some() {
            let first = start.map_or(0, date_to_seconds);
            let last = end.map_or(u64::MAX, date_to_seconds);
            all.push(Filter::Numbers(Field::DateOpened, first, last));
        }
        if let Some(due) = query.due() {
            let first = date_to_seconds(due.first_second());
            let last = date_to_seconds(due.last_second());
            all.push(Filter::Numbers(Field::DueDate, first, last));
        }
        if let Some(TidFilter::Pattern(pattern)) = query.tid() {
            all.push(Filter::Pattern(pattern.clone()));
        }
        all.extend(query.terms().iter().map(|term| Filter::Term(fold(term))));
        let (start, end) = query.tid_range();
        let (mut first, mut last) = (start.unwrap_or(0), end.unwrap_or(u64::MAX));
        if let Some(TidFilter::Exact(tid)) = query.tid() {
            first = first.max(*tid);
            last = last.min(*tid);
        }
        Filters {
            tids: (first <= last).then_some((first, last)),
            all,
            within: Vec::new(),
        }
    }

    /// Returns how `explain` calls a filter.
    pub(super) fn name(&self, index: usize) -> Cow<'static, str> {
        let Some(filter) = self.all.get(index) else {
            return "tickets given".into();
        };
        let name = match filter {
            Filter::Value(field, _) | Filter::Values(field, _) => field.request_name(),
            Filter::Cids(..) => Field::Cid.name(),
            Filter::Numbers(field, ..) => field.name(),
            Filter::Pattern(_) => Field::Tid.name(),
            Filter::Term(term) => return format!("keyword {term:?}").into(),
        };
        name.into()
    }
}

/// A filter in the codes of one segment.
#[derive(Clone, Debug)]
pub(super) enum SegmentFilter {
    /// No row.
    Nothing,
    /// The field's class is this one.
    Class(Field, u32),
    /// The field's class is one of these, ascending.
    Classes(Field, Box<[u32]>),
    /// The field's class is in a range; `is_sorted` where rows in the field's order are there.
    Range {
        field: Field,
        classes: Range<u64>,
        is_sorted: bool,
    },
    /// The decimal form of the tid matches.
    Pattern(TidPattern),
    /// The row is in the set of a term.
    Rows(Arc<RowSet>),
    /// The row's searchable texts hold the term: asked of the texts themselves.
    Texts(Arc<str>),
}

impl SegmentFilter {
    /// Returns the classes of its field that the filter leaves, where it is one by value.
    pub(super) fn selected(&self) -> Option<Selected<'_>> {
        match self {
            SegmentFilter::Class(field, class) => Some((*field, std::slice::from_ref(class))),
            SegmentFilter::Classes(field, classes) => Some((*field, classes)),
            _ => None,
        }
    }

    /// Returns how the filter's rows are found or asked for, for `explain`.
    pub(super) fn kind_name(&self, segment: &Segment) -> &'static str {
        match self {
            SegmentFilter::Class(field, class) => match segment.posting(*field, *class) {
                Posting::Set(set) => set.kind_name(),
                Posting::Rows(_) => "sorted vector",
            },
            SegmentFilter::Nothing => "no rows",
            SegmentFilter::Classes(..) => "union of postings",
            SegmentFilter::Range {
                is_sorted: true, ..
            } => "sorted vector",
            SegmentFilter::Range { .. } => "column and zones",
            SegmentFilter::Pattern(_) => "probe of tid",
            SegmentFilter::Rows(rows) => rows.kind_name(),
            SegmentFilter::Texts(_) => "probe of texts",
        }
    }

    /// Returns whether the filter's rows can be visited without asking every row.
    ///
    /// Then it is known how many they are, too.
    pub(super) fn is_enumerable(&self) -> bool {
        match self {
            SegmentFilter::Nothing
            | SegmentFilter::Class(..)
            | SegmentFilter::Classes(..)
            | SegmentFilter::Rows(_) => true,
            SegmentFilter::Range { is_sorted, .. } => *is_sorted,
            SegmentFilter::Pattern(_) | SegmentFilter::Texts(_) => false,
        }
    }

    /// Returns whether the filter has no rows of its own, so that each must be asked.
    pub(super) fn asks_rows(&self) -> bool {
        matches!(self, SegmentFilter::Pattern(_) | SegmentFilter::Texts(_))
    }

    /// Returns whether asking a row reads its texts.
    pub(super) fn reads_texts(&self) -> bool {
        matches!(self, SegmentFilter::Texts(_))
    }

    /// Returns the one row set that the filter is, if it is one.
    pub(super) fn row_set<'a>(&'a self, segment: &'a Segment) -> Option<&'a RowSet> {
        match self {
            SegmentFilter::Class(field, class) => match segment.posting(*field, *class) {
                Posting::Set(set) => Some(set),
                Posting::Rows(_) => None,
            },
            SegmentFilter::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    /// Returns the filter as a question to many rows.
    pub(super) fn probe<'a>(&'a self, segment: &'a Segment) -> Probe<'a> {
        if let Some(set) = self.row_set(segment) {
            if let Some(words) = set.words() {
                return Probe::Words(words);
            }
            if let SegmentFilter::Rows(_) = self {
                return Probe::Rows(set);
            }
        }
        let column = |field: &Field| segment.column(Slot::Field(*field));
        match self {
            SegmentFilter::Class(field, class) => column(field).map_or(Probe::Nothing, |column| {
                Probe::Classes(column, u64::from(*class)..u64::from(*class) + 1)
            }),
            SegmentFilter::Classes(field, classes) => {
                column(field).map_or(Probe::Nothing, |column| Probe::AnyOf(column, classes))
            }
            SegmentFilter::Range { field, classes, .. } => column(field)
                .map_or(Probe::Nothing, |column| {
                    Probe::Classes(column, classes.clone())
                }),
            SegmentFilter::Pattern(pattern) => Probe::Pattern(pattern, segment),
            SegmentFilter::Texts(term) => Probe::Texts(term, segment),
            SegmentFilter::Nothing | SegmentFilter::Rows(_) => Probe::Nothing,
        }
    }

    /// Returns whether combining a block with the filter may ask its rows one by one.
    pub(super) fn is_dear(&self) -> bool {
        matches!(
            self,
            SegmentFilter::Range { .. } | SegmentFilter::Pattern(_) | SegmentFilter::Texts(_)
        )
    }

    /// Keeps of a block the rows that satisfy the filter, by asking each.
    pub(super) fn probe_block(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        let before = *block;
        work.rows_probed += u64::from(block_count(&before));
        work.rows_touched += u64::from(block_count(&before));
        let probe = self.probe(segment);
        for_each_row(&before, block_index, |row| {
            if !probe.holds(row) {
                let bit = row % BLOCK_ROWS;
                block[(bit / 64) as usize] &= !(1 << (bit % 64));
            }
        });
    }

    /// Keeps of a block the rows that satisfy a filter with postings, a word or more at a
    /// time; of a range, says no more than whether the block can hold any.
    pub(super) fn intersect_into(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) -> bool {
        if let Some(set) = self.row_set(segment) {
            set.intersect_into(block_index, block);
            return true;
        }
        let classes = match self {
            SegmentFilter::Class(_, class) => std::slice::from_ref(class),
            SegmentFilter::Classes(_, classes) => classes,
            _ => &[],
        };
        match self {
            SegmentFilter::Class(field, _) | SegmentFilter::Classes(field, _) => {
                let union = unite_classes(segment, *field, classes, block_index);
                if segment.posting_sets(*field).is_none() {
                    work.rows_touched += u64::from(block_count(&union));
                }
                intersect_blocks(block, &union);
                true
            }
            SegmentFilter::Range { field, classes, .. } => segment
                .column(Slot::Field(*field))
                .is_some_and(|column| column.zone(block_index, classes) != Zone::None),
            SegmentFilter::Pattern(_) | SegmentFilter::Texts(_) => true,
            SegmentFilter::Nothing | SegmentFilter::Rows(_) => false,
        }
    }

    /// Keeps of a block the rows that satisfy a dear filter.
    pub(super) fn intersect_dear(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        match self {
            SegmentFilter::Range { field, classes, .. } => {
                if let Some(column) = segment.column(Slot::Field(*field))
                    && column.zone(block_index, classes) == Zone::Some
                {
                    intersect_range(column, classes, block_index, block, work);
                }
            }
            SegmentFilter::Pattern(_) | SegmentFilter::Texts(_) => {
                self.probe_block(segment, block_index, block, work);
            }
            _ => {}
        }
    }

    /// Calls `each` with the rows of an enumerable filter; returns whether they ascend.
    pub(super) fn for_each(&self, segment: &Segment, mut each: impl FnMut(u32)) -> bool {
        let mut of_class = |field: Field, class: u32| match segment.posting(field, class) {
            Posting::Set(set) => set.for_each(&mut each),
            Posting::Rows(rows) => rows.iter().copied().for_each(&mut each),
        };
        match self {
            SegmentFilter::Class(field, class) => of_class(*field, *class),
            SegmentFilter::Classes(field, classes) => {
                classes.iter().for_each(|&class| of_class(*field, class));
                return false;
            }
            SegmentFilter::Rows(rows) => rows.for_each(each),
            SegmentFilter::Range { field, classes, .. } => {
                if let Some((order, column)) = sorted(segment, *field) {
                    let rows = &order.rows()[order.positions(column, classes)];
                    rows.iter().copied().for_each(each);
                }
                return false;
            }
            SegmentFilter::Nothing | SegmentFilter::Pattern(_) | SegmentFilter::Texts(_) => {}
        }
        true
    }
}

/// Returns the order of a field and its column, where there is one.
pub(super) fn sorted(segment: &Segment, field: Field) -> Option<(&SortedRows, &Column)> {
    let slot = Slot::Field(field);
    segment.order(slot).zip(segment.column(slot))
}

/// Returns the rows of some classes in one block.
fn unite_classes(segment: &Segment, field: Field, classes: &[u32], block_index: u32) -> Block {
    let base = block_index * BLOCK_ROWS;
    let mut union = EMPTY_BLOCK;
    for &class in classes {
        match segment.posting(field, class) {
            Posting::Set(set) => set.union_into(block_index, &mut union),
            Posting::Rows(rows) => {
                let from = rows.partition_point(|&row| row < base);
                let inside = rows[from..].iter().map(|&row| row - base);
                for bit in inside.take_while(|&bit| bit < BLOCK_ROWS) {
                    union[(bit / 64) as usize] |= 1 << (bit % 64);
                }
            }
        }
    }
    union
}

/// Keeps of a block the rows whose class is in a range.
fn intersect_range(
    column: &Column,
    classes: &Range<u64>,
    block_index: u32,
    block: &mut Block,
    work: &mut Work,
) {
    let first_row = block_index * BLOCK_ROWS;
    work.rows_touched += u64::from(block_count(block));
    for (index, word) in (0u32..).zip(block.iter_mut()) {
        if *word != 0 {
            let start = first_row + index * 64;
            let end = (start + 64).min(column.rows_count());
            *word &= column.word_in(start..end, classes);
        }
    }
}

/// A filter as a question to many rows: what it looks at is found once.
pub(super) enum Probe<'a> {
    /// No row satisfies it.
    Nothing,
    /// The bit of the row is set.
    Words(&'a [u64]),
    /// The row is in the set.
    Rows(&'a RowSet),
    /// The row's class is in a range.
    Classes(&'a Column, Range<u64>),
    /// The row's class is one of these, ascending.
    AnyOf(&'a Column, &'a [u32]),
    /// The decimal form of the tid matches.
    Pattern(&'a TidPattern, &'a Segment),
    /// A searchable text holds the term.
    Texts(&'a str, &'a Segment),
}

impl Probe<'_> {
    /// Returns whether a row satisfies the filter.
    #[inline]
    pub(super) fn holds(&self, row: u32) -> bool {
        match self {
            Probe::Nothing => false,
            Probe::Words(words) => is_set(words, row),
            Probe::Rows(rows) => rows.contains(row),
            Probe::Classes(column, classes) => classes.contains(&column.class(row)),
            Probe::AnyOf(column, classes) => {
                classes.binary_search(&(column.class(row) as u32)).is_ok()
            }
            Probe::Pattern(pattern, segment) => pattern.matches(segment.tid(row)),
            Probe::Texts(term, segment) => segment.holds_term(row, term),
        }
    }
}
