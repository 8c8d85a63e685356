//! From a filter of a request to a filter in the ordinals of one segment.
//!
//! Where a field has a column of ordinals, a test of its value selects some of the column's classes. These
//! become a posting, a union of postings, or ranges of classes, whichever the segment has for the field.
//! A test of any other field is a [`RowTest`]. It is handed back as it is: whether to ask rows or to find
//! all that pass depends on how few rows the other filters leave.
//!
//! A complement is the same filter turned around, and costs what the filter costs.

use std::ops::Range;
use std::sync::Arc;

use compact_str::CompactString;

use super::due::order_cost;
use super::filter::{Condition, Filter, ValueTest, has_zero_for_none};
use super::part::MIXED_BLOCK_COST;
use super::segment_filter::{SegmentFilter, sorted};
use super::{FilterMode, PlanMode};
use crate::model::Field;
use crate::segment::{
    BLOCK_ROWS, Column, Dictionary, RowSet, RowTest, Segment, Slot, SlotColumn, has_postings,
};

/// In fields of up to this many classes, a complement lists the classes that it leaves.
const KEPT_CLASSES_MAX: u32 = 256;

/// A filter with how many rows it lets through: exactly, or at most.
pub(super) type Bound = (SegmentFilter, u64);

/// What a filter is in a segment.
pub(super) enum Binding<'a> {
    /// A filter by classes.
    Filter(Bound),
    /// A test of rows, or the complement of one where the flag says so.
    Rows(RowTest, bool),
    /// A term of a keyword, and whether rows with it are left out.
    Term(&'a str, bool),
}

/// Binds a filter; `rows_left` is about how many rows other filters leave.
pub(super) fn bind_filter<'a>(
    filter: &'a Filter,
    segment: &Segment,
    mode: PlanMode,
    rows_left: u64,
) -> Binding<'a> {
    Binding::Filter(match filter {
        Filter::Value(field, value) => {
            bind_values(*field, std::slice::from_ref(value), segment, mode)
        }
        Filter::Values(field, values) => bind_values(*field, values, segment, mode),
        Filter::Cids(bounds) => {
            let (start, end) = &**bounds;
            let range = |it: &Dictionary| it.find_range(start.as_deref(), end.as_deref());
            let column = segment.column(Slot::Field(Field::Cid));
            let dictionary = column.and_then(Column::dictionary);
            let classes = dictionary.map_or(0..0, range);
            let classes = u64::from(classes.start)..u64::from(classes.end);
            bind_page_range(Field::Cid, classes, segment, mode)
        }
        Filter::Numbers(field, first, last) => {
            let column = segment.column(Slot::Field(*field));
            let classes = column.map_or(0..0, |it| it.number_classes(*first, *last));
            bind_page_range(*field, classes, segment, mode)
        }
        Filter::ChangedSince(number) => bind_changed(*number, segment, mode, rows_left),
        Filter::Pattern(pattern) => {
            return Binding::Rows(RowTest::Tid(Arc::clone(pattern)), false);
        }
        Filter::Term(term) => return Binding::Term(term, false),
        Filter::ExcludedTerm(term) => return Binding::Term(term, true),
        Filter::Test(test) => return bind_test(test, segment, mode, rows_left),
    })
}

/// Binds the test of a field's value.
fn bind_test(
    of: &Condition,
    segment: &Segment,
    mode: PlanMode,
    rows_left: u64,
) -> Binding<'static> {
    let rows_count = u64::from(segment.rows_count());
    let filter = match row_test(of, segment) {
        // A row test says that there is a value, where the request says that there is none.
        Some((test, is_turned)) => return Binding::Rows(test, of.is_complement != is_turned),
        None => match of.slot.and_then(|slot| Some((slot, segment.column(slot)?))) {
            Some((slot, column)) => {
                let classes = classes_of(slot, column, &of.test);
                bind_classes(slot, &classes, segment, mode, rows_left)
            }
            // Every row is empty, as one of a custom field that no ticket has.
            None if matches!(of.test, ValueTest::Empty) => complement(NOTHING, segment),
            None => NOTHING,
        },
    };
    let filter = if of.is_complement {
        complement(filter, segment)
    } else {
        filter
    };
    debug_assert!(
        filter.1 <= rows_count,
        "no filter lets more through than there is"
    );
    Binding::Filter(filter)
}

const NOTHING: Bound = (SegmentFilter::Nothing, 0);

/// Makes the filter of the rows in a set.
pub(super) fn bound_rows(rows: Arc<RowSet>) -> Bound {
    let estimate = rows.count().into();
    (SegmentFilter::Rows(rows), estimate)
}

/// Returns the test of rows that a test of a value is, if no column of ordinals answers it, and
/// whether it is turned around.
fn row_test(of: &Condition, segment: &Segment) -> Option<(RowTest, bool)> {
    let slot = of.slot?;
    let list = match slot {
        Slot::Field(field) if field.is_list() => Some(field),
        _ => None,
    };
    let is_long = matches!(segment.slot_column(slot), SlotColumn::Long(_));
    match (&of.test, list) {
        (ValueTest::Texts(texts), Some(field)) => Some((RowTest::elements(field, texts), false)),
        (ValueTest::Empty, Some(field)) => Some((RowTest::AnyElement(field), true)),
        (ValueTest::Empty, None) if slot == Slot::Field(Field::CustomFields) => {
            Some((RowTest::AnyCustom, true))
        }
        (ValueTest::Empty, None) if is_long => Some((RowTest::AnyText(slot), true)),
        (ValueTest::Texts(texts), None) if is_long => Some((RowTest::texts(slot, texts), false)),
        (ValueTest::Empty | ValueTest::Texts(_), None) | (ValueTest::Numbers(_), _) => None,
    }
}

/// Returns the classes of a column that pass a test, as ranges that ascend and do not touch.
fn classes_of(slot: Slot, column: &Column, test: &ValueTest) -> Vec<Range<u64>> {
    let one = |class: u32| u64::from(class)..u64::from(class) + 1;
    let mut classes: Vec<Range<u64>> = match test {
        ValueTest::Empty => match column.dictionary() {
            Some(dictionary) => dictionary.find("").map(one).into_iter().collect(),
            None => std::iter::once(0..1).collect(),
        },
        ValueTest::Texts(texts) => {
            let dictionary = column.dictionary();
            let find = |text: &String| dictionary.and_then(|dictionary| dictionary.find(text));
            texts.iter().filter_map(find).map(one).collect()
        }
        ValueTest::Numbers(pairs) => {
            let range = |&(first, last): &(u64, u64)| {
                let classes = column.number_classes(first, last);
                if first == 0 && has_zero_for_none(slot) {
                    // What is none is the integer 0, and has the class before all others.
                    return 0..classes.end.max(1);
                }
                classes
            };
            pairs
                .iter()
                .filter(|(first, last)| first <= last)
                .map(range)
                .collect()
        }
    };
    let end = column.classes_count();
    for range in &mut classes {
        range.end = range.end.min(end);
    }
    classes.retain(|range| range.start < range.end);
    classes.sort_unstable_by_key(|range| range.start);
    classes.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    classes
}

/// Makes the filter of the rows whose class is in one of some ranges, none of which is empty.
fn bind_classes(
    slot: Slot,
    ranges: &[Range<u64>],
    segment: &Segment,
    mode: PlanMode,
    rows_left: u64,
) -> Bound {
    if ranges.is_empty() {
        return NOTHING;
    }
    if is_scanned(segment, mode) {
        return scan(slot, ranges, segment);
    }
    if let Slot::Field(field) = slot
        && (has_postings(field) || field == Field::Cid)
    {
        let classes = ranges
            .iter()
            .flat_map(|range| range.start as u32..range.end as u32);
        return bind_postings(field, classes.collect(), segment);
    }
    let may_sort = has_sealed_order(slot, segment, mode)
        || mode.may_build() && is_worth_sorting(slot, ranges, segment, rows_left);
    bind_ranges(slot, ranges, segment, may_sort)
}

/// Makes the filter of one of the documented ranges, of `cid`, `date_opened` or `due_date`.
///
/// Unlike other ranges it always goes by the field's order, even if `cid` has few values in it: the orders of
/// `cid` and `date_opened` are there from the seal on, and that of `due_date` is made for the first such range.
fn bind_page_range(field: Field, classes: Range<u64>, segment: &Segment, mode: PlanMode) -> Bound {
    let (slot, ranges) = (Slot::Field(field), std::slice::from_ref(&classes));
    if is_scanned(segment, mode) {
        return if classes.is_empty() {
            NOTHING
        } else {
            scan(slot, ranges, segment)
        };
    }
    let may_sort = has_sealed_order(slot, segment, mode) || mode.may_build();
    bind_ranges(slot, ranges, segment, may_sort)
}

/// Makes the filter of the rows whose class is in one of some ranges, by the order of their slot if
/// that may be used: then its count is exact.
fn bind_ranges(slot: Slot, ranges: &[Range<u64>], segment: &Segment, may_sort: bool) -> Bound {
    let order = may_sort.then(|| sorted(segment, slot)).flatten();
    if ranges.iter().all(Range::is_empty) {
        return NOTHING;
    }
    let estimate = match order {
        Some((order, column)) => {
            let positions = ranges.iter().map(|range| order.positions(column, range));
            positions.map(|positions| positions.len() as u64).sum()
        }
        None => u64::from(segment.rows_count()),
    };
    (of_ranges(slot, ranges, order.is_some()), estimate)
}

/// Returns whether a segment is small enough for filters to look at the ordinals of all rows.
///
/// What a commit has just revised is asked once or twice before the next one takes its place, so
/// that no index of it is worth making.
fn is_scanned(segment: &Segment, mode: PlanMode) -> bool {
    segment.is_scanned() && mode.filters != FilterMode::Reversed
}

/// Makes the filter of the rows whose class is in one of some ranges, by a look at all ordinals.
fn scan(slot: Slot, ranges: &[Range<u64>], segment: &Segment) -> Bound {
    segment.note_key(slot);
    match ranges {
        [] => NOTHING,
        _ => (of_ranges(slot, ranges, false), segment.rows_count().into()),
    }
}

fn of_ranges(slot: Slot, ranges: &[Range<u64>], is_sorted: bool) -> SegmentFilter {
    match ranges {
        [classes] => SegmentFilter::Range {
            slot,
            classes: classes.clone(),
            is_sorted,
        },
        _ => SegmentFilter::Ranges {
            slot,
            ranges: ranges.into(),
            is_sorted,
        },
    }
}

/// Makes the filter of the rows that have one of some folded texts.
fn bind_values(field: Field, values: &[CompactString], segment: &Segment, mode: PlanMode) -> Bound {
    let column = segment.column(Slot::Field(field));
    let Some(dictionary) = column.and_then(|column| column.dictionary()) else {
        return NOTHING;
    };
    let count = |class: u32| u64::from(segment.posting(field, class).count());
    let scans = is_scanned(segment, mode);
    let one = |class: u32| u64::from(class)..u64::from(class) + 1;
    if let [value] = values {
        return match dictionary.find(value) {
            Some(class) if scans => scan(Slot::Field(field), &[one(class)], segment),
            Some(class) => (SegmentFilter::Class(field, class), count(class)),
            None => NOTHING,
        };
    }
    let found = values.iter().filter_map(|value| dictionary.find(value));
    let mut classes: Vec<u32> = found.collect();
    classes.sort_unstable();
    classes.dedup();
    if scans {
        let ranges: Vec<Range<u64>> = classes.into_iter().map(one).collect();
        return scan(Slot::Field(field), &ranges, segment);
    }
    bind_postings(field, classes, segment)
}

/// Makes the filter of the rows of some classes of a field with postings.
fn bind_postings(field: Field, classes: Vec<u32>, segment: &Segment) -> Bound {
    let count = |&class: &u32| u64::from(segment.posting(field, class).count());
    let estimate = classes.iter().map(count).sum();
    match classes[..] {
        [] => NOTHING,
        [class] => (SegmentFilter::Class(field, class), estimate),
        _ => (SegmentFilter::Classes(field, classes.into()), estimate),
    }
}

/// Binds a filter by the number of the commit that put a ticket.
///
/// Of most segments it lets all rows through or none: they are of one commit, or older.
fn bind_changed(number: u64, segment: &Segment, mode: PlanMode, rows_left: u64) -> Bound {
    let classes = segment.classes_after(number);
    match segment.column(Slot::Version) {
        // The least class is that of some row.
        Some(_) if classes.start == 0 => complement(NOTHING, segment),
        Some(_) if !classes.is_empty() => {
            bind_classes(Slot::Version, &[classes], segment, mode, rows_left)
        }
        _ => NOTHING,
    }
}

/// Returns whether a filter may use the order of a slot without making it.
fn has_sealed_order(slot: Slot, segment: &Segment, mode: PlanMode) -> bool {
    mode.filters != FilterMode::Scan && segment.ensure_sealed_order(slot)
}

/// Returns whether the order of a slot is worth making: filters by ranges of its classes have lost enough
/// without it, this one included, whose loss is noted.
fn is_worth_sorting(slot: Slot, ranges: &[Range<u64>], segment: &Segment, rows_left: u64) -> bool {
    // Only the rows of blocks whose zones do not tell are compared.
    let mixed = match (segment.column(slot), ranges) {
        (Some(column), [classes]) => column.zone_span(classes).map(|(_, mixed)| mixed),
        _ => None,
    };
    let compared = mixed.map_or(rows_left, |mixed| {
        rows_left.min(u64::from(mixed) * u64::from(BLOCK_ROWS))
    });
    let nanoseconds = compared * MIXED_BLOCK_COST / u64::from(BLOCK_ROWS);
    segment.miss_order(slot, nanoseconds);
    let missed = segment.missed_order(slot);
    order_cost(segment, slot).is_some_and(|cost| missed >= cost)
}

/// Turns a filter around: it lets through what it left out.
pub(super) fn complement((filter, estimate): Bound, segment: &Segment) -> Bound {
    let rows_count = u64::from(segment.rows_count());
    let left = if filter.is_enumerable() {
        rows_count.saturating_sub(estimate)
    } else {
        rows_count
    };
    let kept = kept_classes(&filter, segment);
    let turned = match filter {
        SegmentFilter::Not { inner, .. } => *inner,
        other => SegmentFilter::Not {
            inner: Box::new(other),
            kept,
        },
    };
    (turned, left)
}

/// Returns the classes that the complement of a filter by postings leaves, where they are few.
fn kept_classes(filter: &SegmentFilter, segment: &Segment) -> Box<[u32]> {
    let Some((field, left_out)) = filter.selected() else {
        return Box::default();
    };
    let column = segment.column(Slot::Field(field));
    let dictionary = column.and_then(Column::dictionary);
    let count = dictionary.map_or(0, Dictionary::classes_count);
    if count > KEPT_CLASSES_MAX {
        return Box::default();
    }
    let is_kept = |class: &u32| left_out.binary_search(class).is_err();
    (0..count).filter(is_kept).collect()
}
