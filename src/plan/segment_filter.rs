//! What a filter of a request is in one segment.
//!
//! A [`SegmentFilter`] is a filter in the ordinals of a segment, and knows the ways to apply it: ask one
//! row, keep of a block the rows that satisfy it, or, where it is enumerable, visit its rows. It holds
//! numbers and shared parts only, never a borrow, so that an answer can own its snapshot; whoever uses it
//! hands the segment in.

use std::ops::Range;
use std::sync::Arc;

use super::explain::Work;
use super::probe::{Probe, is_in};
use crate::model::Field;
use crate::segment::{
    BLOCK_ROWS, Block, Column, EMPTY_BLOCK, Posting, RowSet, RowTest, Segment, Selected, Slot,
    SortedRows, Zone, block_count, blocks_count, for_each_row, intersect_blocks, range_block,
};

/// Up to this many ranges of classes are compared with a block's ordinals one after the other, 64 rows
/// at a time; more ranges are searched for each row.
const RANGES_IN_TURN_MAX: usize = 4;

/// A filter in the ordinals of one segment.
#[derive(Clone, Debug)]
pub(super) enum SegmentFilter {
    /// No row.
    Nothing,
    /// The field's class is this one.
    Class(Field, u32),
    /// The field's class is one of these, ascending.
    Classes(Field, Box<[u32]>),
    /// The field's class is in a range; `is_sorted` if the segment has the field's order.
    Range {
        slot: Slot,
        classes: Range<u64>,
        is_sorted: bool,
    },
    /// The field's class is in one of several ranges, which ascend; `is_sorted` as above.
    Ranges {
        slot: Slot,
        ranges: Box<[Range<u64>]>,
        is_sorted: bool,
    },
    /// The row is in the set of a term or of a test.
    Rows(Arc<RowSet>),
    /// The row's searchable texts hold the term: asked of the texts themselves.
    Texts(Arc<str>),
    /// The row passes a test: asked of the row itself.
    Asked(Arc<RowTest>),
    /// The row does not satisfy the inner filter; `kept` are the classes of the field that are left, if
    /// the inner filter goes by postings and they are few.
    Not {
        inner: Box<SegmentFilter>,
        kept: Box<[u32]>,
    },
}

impl SegmentFilter {
    /// Returns the classes of its field that the filter leaves, where it is one by value.
    pub(super) fn selected(&self) -> Option<Selected<'_>> {
        match self {
            SegmentFilter::Class(field, class) => Some((*field, std::slice::from_ref(class))),
            SegmentFilter::Classes(field, classes) => Some((*field, classes)),
            SegmentFilter::Not { inner, kept } if !kept.is_empty() => {
                inner.selected().map(|(field, _)| (field, &**kept))
            }
            _ => None,
        }
    }

    /// Returns the ranges of classes of its slot that the filter lets through, where it is one by ranges.
    pub(super) fn ranges(&self) -> Option<(Slot, &[Range<u64>])> {
        match self {
            SegmentFilter::Range { slot, classes, .. } => {
                Some((*slot, std::slice::from_ref(classes)))
            }
            SegmentFilter::Ranges { slot, ranges, .. } => Some((*slot, ranges)),
            _ => None,
        }
    }

    /// Returns the filter, or what it is the complement of.
    pub(super) fn inner(&self) -> &SegmentFilter {
        match self {
            SegmentFilter::Not { inner, .. } => inner,
            own => own,
        }
    }

    /// Returns whether it is the complement of another.
    pub(super) fn is_complement(&self) -> bool {
        matches!(self, SegmentFilter::Not { .. })
    }

    /// Returns how the filter's rows are found or asked for, for `explain`.
    pub(super) fn kind_name(&self, segment: &Segment) -> &'static str {
        match self {
            SegmentFilter::Class(field, class) => match segment.posting(*field, *class) {
                Posting::Set(set) => set.kind_name(),
                Posting::Rows(_) => "a sorted vector",
            },
            SegmentFilter::Nothing => "no rows",
            SegmentFilter::Classes(..) => "a union of postings",
            SegmentFilter::Range {
                is_sorted: true, ..
            }
            | SegmentFilter::Ranges {
                is_sorted: true, ..
            } => "a sorted vector",
            SegmentFilter::Range { .. } => "a column and its zones",
            SegmentFilter::Ranges { .. } => "a column",
            SegmentFilter::Rows(rows) => rows.kind_name(),
            SegmentFilter::Texts(_) => "asking each row for its texts",
            SegmentFilter::Asked(_) => "asking each row for its value",
            SegmentFilter::Not { inner, .. } => complement_name(inner.kind_name(segment)),
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
            SegmentFilter::Range { is_sorted, .. } | SegmentFilter::Ranges { is_sorted, .. } => {
                *is_sorted
            }
            SegmentFilter::Texts(_) | SegmentFilter::Asked(_) => false,
            SegmentFilter::Not { inner, .. } => inner.is_enumerable(),
        }
    }

    /// Returns whether the filter has no rows of its own, so that each must be asked.
    pub(super) fn asks_rows(&self) -> bool {
        matches!(
            self.inner(),
            SegmentFilter::Texts(_) | SegmentFilter::Asked(_)
        )
    }

    /// Returns whether asking a row reads its texts.
    pub(super) fn reads_texts(&self) -> bool {
        matches!(self.inner(), SegmentFilter::Texts(_))
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
            if let Some(bits) = set.bitmap() {
                return Probe::Bits(bits);
            }
            if let SegmentFilter::Rows(_) = self {
                return Probe::Rows(set);
            }
        }
        let column = |slot: Slot| segment.column(slot);
        match self {
            SegmentFilter::Class(field, class) => column(Slot::Field(*field))
                .map_or(Probe::Nothing, |column| {
                    Probe::Classes(column, u64::from(*class)..u64::from(*class) + 1)
                }),
            SegmentFilter::Classes(field, classes) => {
                let column = column(Slot::Field(*field));
                column.map_or(Probe::Nothing, |column| Probe::AnyOf(column, classes))
            }
            SegmentFilter::Range { slot, classes, .. } => column(*slot)
                .map_or(Probe::Nothing, |column| {
                    Probe::Classes(column, classes.clone())
                }),
            SegmentFilter::Ranges { slot, ranges, .. } => {
                column(*slot).map_or(Probe::Nothing, |column| Probe::InRanges(column, ranges))
            }
            SegmentFilter::Asked(test) => Probe::Asked(test, segment),
            SegmentFilter::Not { inner, .. } => Probe::Not(Box::new(inner.probe(segment))),
            SegmentFilter::Texts(term) => Probe::Texts(term, segment),
            SegmentFilter::Nothing | SegmentFilter::Rows(_) => Probe::Nothing,
        }
    }

    /// Returns whether combining a block with the filter may ask its rows one by one.
    pub(super) fn is_expensive(&self) -> bool {
        self.inner().ranges().is_some() || self.asks_rows()
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

    /// Returns whether a block can hold rows that satisfy the filter, as far as its zone tells.
    pub(super) fn zone_allows(&self, segment: &Segment, block_index: u32) -> bool {
        let SegmentFilter::Range { slot, classes, .. } = self.inner() else {
            return true;
        };
        let none = if self.is_complement() {
            Zone::All
        } else {
            Zone::None
        };
        let column = segment.column(*slot);
        column.is_some_and(|column| column.zone(block_index, classes) != none)
    }

    /// Keeps of a block the rows that satisfy a filter that is not expensive, 64 rows or more at a time.
    pub(super) fn intersect_into(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        if let Some(set) = self.inner().row_set(segment) {
            if self.is_complement() {
                set.subtract_from(block_index, block);
            } else {
                set.intersect_into(block_index, block);
            }
            return;
        }
        // What is neither leaves all rows, or is expensive and not handed here.
        if let Some((field, classes)) = self.inner().selected() {
            self.combine_classes((segment, field), classes, block_index, block, work);
        } else if let SegmentFilter::Nothing = self {
            *block = EMPTY_BLOCK;
        }
    }

    /// Keeps of a block the rows of some classes, or takes them out of it.
    fn combine_classes(
        &self,
        (segment, field): (&Segment, Field),
        classes: &[u32],
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        let mut union = unite_classes(segment, field, classes, block_index);
        if segment.posting_sets(field).is_none() {
            work.rows_touched += u64::from(block_count(&union));
        }
        if self.is_complement() {
            for bits in &mut union {
                *bits = !*bits;
            }
        }
        intersect_blocks(block, &union);
    }

    /// Keeps of the bits of up to 64 rows, from a multiple of 64 on, those whose row satisfies the
    /// filter.
    pub(super) fn keep_bits(&self, segment: &Segment, rows: Range<u32>, bits: u64) -> u64 {
        let Some((slot, ranges)) = self.inner().ranges() else {
            let probe = self.probe(segment);
            let (mut left, mut kept) = (bits, 0);
            while left != 0 {
                let at = left.trailing_zeros();
                kept |= u64::from(probe.holds(rows.start + at)) << at;
                left &= left - 1;
            }
            return kept;
        };
        let held = segment
            .column(slot)
            .map_or(0, |column| bits_in(column, rows, ranges));
        if self.is_complement() {
            bits & !held
        } else {
            bits & held
        }
    }

    /// Keeps of a block the rows that satisfy an expensive filter.
    pub(super) fn intersect_expensive(
        &self,
        segment: &Segment,
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        match self.inner() {
            SegmentFilter::Range { slot, classes, .. } => {
                if let Some(column) = segment.column(*slot)
                    && column.zone(block_index, classes) == Zone::Some
                {
                    let ranges = std::slice::from_ref(classes);
                    self.intersect_ranges(column, ranges, block_index, block, work);
                }
            }
            SegmentFilter::Ranges { slot, ranges, .. } => {
                if let Some(column) = segment.column(*slot) {
                    self.intersect_ranges(column, ranges, block_index, block, work);
                }
            }
            SegmentFilter::Texts(_) | SegmentFilter::Asked(_) => {
                self.probe_block(segment, block_index, block, work);
            }
            _ => {}
        }
    }

    /// Keeps of a block the rows whose class is in one of some ranges, or is in none.
    fn intersect_ranges(
        &self,
        column: &Column,
        ranges: &[Range<u64>],
        block_index: u32,
        block: &mut Block,
        work: &mut Work,
    ) {
        let first_row = block_index * BLOCK_ROWS;
        let turn = if self.is_complement() { u64::MAX } else { 0 };
        work.rows_touched += u64::from(block_count(block));
        for (index, bits) in (0u32..).zip(block.iter_mut()) {
            if *bits != 0 {
                let start = first_row + index * 64;
                let rows = start..(start + 64).min(column.rows_count());
                *bits &= bits_in(column, rows, ranges) ^ turn;
            }
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
            SegmentFilter::Range { .. } | SegmentFilter::Ranges { .. } => {
                if let Some((slot, ranges)) = self.ranges() {
                    for_each_sorted(segment, slot, ranges, each);
                }
                return false;
            }
            SegmentFilter::Not { .. } => return self.for_each_other(segment, each),
            SegmentFilter::Nothing | SegmentFilter::Texts(_) | SegmentFilter::Asked(_) => {}
        }
        true
    }

    /// Calls `each` with the rows of an enumerable complement; returns whether they ascend.
    fn for_each_other(&self, segment: &Segment, mut each: impl FnMut(u32)) -> bool {
        let Some((slot, ranges)) = self.inner().ranges() else {
            let all = 0..segment.rows_count();
            for index in 0..blocks_count(segment.rows_count()) {
                let mut block = range_block(&all, index);
                // The caller counts the rows that it visits.
                self.intersect_into(segment, index, &mut block, &mut Work::default());
                for_each_row(&block, index, &mut each);
            }
            return true;
        };
        let mut start = 0;
        let mut others = Vec::with_capacity(ranges.len() + 1);
        for range in ranges {
            others.push(start..range.start);
            start = range.end;
        }
        others.push(start..u64::MAX);
        for_each_sorted(segment, slot, &others, each);
        false
    }
}

/// Calls `each` with the rows of some ranges of classes, from the order of a slot.
fn for_each_sorted(
    segment: &Segment,
    slot: Slot,
    ranges: &[Range<u64>],
    mut each: impl FnMut(u32),
) {
    if let Some((order, column)) = sorted(segment, slot) {
        for range in ranges {
            let rows = &order.rows()[order.positions(column, range)];
            rows.iter().copied().for_each(&mut each);
        }
    }
}

/// Returns the bits of up to 64 rows whose class is in one of some ranges.
fn bits_in(column: &Column, rows: Range<u32>, ranges: &[Range<u64>]) -> u64 {
    if ranges.len() <= RANGES_IN_TURN_MAX {
        let found = ranges
            .iter()
            .map(|range| column.bits_in(rows.clone(), range));
        return found.fold(0, |bits, other| bits | other);
    }
    rows.enumerate().fold(0, |bits, (at, row)| {
        bits | u64::from(is_in(ranges, column.class(row))) << at
    })
}

/// Returns how `explain` calls the complement of a kind of filter.
fn complement_name(kind: &'static str) -> &'static str {
    match kind {
        "a range of rows" => "all but a range of rows",
        "a list of rows" => "all but a list of rows",
        "a bitmap" => "all but a bitmap",
        "a roaring bitmap" => "all but a roaring bitmap",
        "a sorted vector" => "all but a sorted vector",
        "no rows" => "all rows",
        "a union of postings" => "all but a union of postings",
        "a column and its zones" | "a column" => "all but some of a column",
        other => other,
    }
}

/// Returns the order of a slot and its column, where there is one.
pub(super) fn sorted(segment: &Segment, slot: Slot) -> Option<(&SortedRows, &Column)> {
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
