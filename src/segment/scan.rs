//! Tests of rows that no index answers: elements of lists, long texts, patterns of ticket numbers,
//! whether there is any value.
//!
//! A [`RowTest`] can be asked of one row or of all rows at once. The rows that pass are kept like those
//! of a keyword's term, so asking a test again costs a look into a table.
//!
//! # Cost
//!
//! For all rows: a list takes a look at each distinct text and a pass over the ordinals; a long text, a
//! pass over the texts, which are decoded and folded; custom fields, a pass over their ordinals; a
//! pattern, a pass over the ticket numbers that begin as it does, or a search for each number that ends as
//! it does, where these are few.

use std::ops::Range;
use std::sync::Arc;

use super::block::Bitmap;
use super::column::Column;
use super::digit_pattern::DigitPattern;
use super::rowset::RowSet;
use super::search::partition_point;
use super::text_column::TextColumn;
use super::{Segment, Slot, terms};
use crate::model::Field;
use crate::model::compare::{elements, is_among};

/// A test of a row; its texts are folded and ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowTest {
    /// An element of the list is one of these.
    Elements(Field, Box<[String]>),
    /// The list has an element.
    AnyElement(Field),
    /// The long text is one of these.
    Texts(Slot, Box<[String]>),
    /// The long text is not empty.
    AnyText(Slot),
    /// A custom field has a value.
    AnyCustom,
    /// The decimal form of the ticket number matches.
    Tid(Arc<DigitPattern>),
}

// Costs are steps of about two nanoseconds.
/// Testing a distinct text of a list.
const ELEMENTS_COST: u64 = 50;
/// Looking at a row.
const ROW_COST: u64 = 1;
/// Decoding and folding a long text, in addition to half a step for each byte.
const TEXT_COST: u64 = 20;
/// Comparing a ticket number with a pattern.
const TID_COST: u64 = 5;
/// Searching the row of a ticket number after that of a lower one.
const TID_SEARCH_COST: u64 = 20;

/// Returns whether a list of elements passes: with one of these, or with any.
fn passes(list: &str, folded: Option<&[String]>) -> bool {
    let mut elements = elements(list);
    match folded {
        Some(folded) => elements.any(|element| is_among(element, folded)),
        None => elements.next().is_some(),
    }
}

impl RowTest {
    /// Makes the test whether an element is one of these folded texts.
    pub(crate) fn elements(field: Field, folded: &[String]) -> RowTest {
        RowTest::Elements(field, ascending(folded))
    }

    /// Makes the test whether a long text is one of these folded texts.
    pub(crate) fn texts(slot: Slot, folded: &[String]) -> RowTest {
        RowTest::Texts(slot, ascending(folded))
    }

    /// Returns whether a row passes.
    pub(crate) fn holds(&self, segment: &Segment, row: u32) -> bool {
        let list = |field: &Field| {
            let column = segment.column(Slot::Field(*field));
            column.map_or("", |column| column.text(row))
        };
        match self {
            RowTest::Elements(field, folded) => passes(list(field), Some(folded)),
            RowTest::AnyElement(field) => passes(list(field), None),
            RowTest::Texts(slot, folded) => segment
                .text_column(*slot)
                .is_some_and(|column| is_among(&column.text(row), folded)),
            RowTest::AnyText(slot) => segment
                .text_column(*slot)
                .is_some_and(|column| column.text_bytes(row) > 0),
            RowTest::AnyCustom => segment.custom_slots().any(|slot| {
                let column = segment.column(slot);
                column.is_some_and(|column| column.ordinal(row) != 0)
            }),
            RowTest::Tid(pattern) => pattern.matches(segment.tid(row)),
        }
    }

    /// Returns about how many steps it takes to find all rows that pass.
    pub(crate) fn rows_cost(&self, segment: &Segment) -> u64 {
        let rows_count = u64::from(segment.rows_count()) * ROW_COST;
        match self {
            RowTest::Elements(field, _) | RowTest::AnyElement(field) => {
                let column = segment.column(Slot::Field(*field));
                let dictionary = column.and_then(Column::dictionary);
                let texts_count = dictionary.map_or(0, |it| u64::from(it.count()));
                rows_count + texts_count * ELEMENTS_COST
            }
            RowTest::Texts(..) | RowTest::AnyText(_) => rows_count * self.probe_cost(segment),
            RowTest::AnyCustom => {
                let columns = segment.custom_columns();
                let costs = columns.map(|(_, column)| column.values_cost());
                rows_count / 64 + costs.sum::<u64>()
            }
            RowTest::Tid(pattern) => {
                let ranges = tid_ranges(pattern, segment);
                let costs = ranges.map(|rows| match Candidates::of(pattern, segment, &rows) {
                    _ if pattern.is_prefix() => 0,
                    Some(candidates) => candidates.cost(),
                    None => rows.len() as u64 * TID_COST,
                });
                rows_count / 64 + costs.sum::<u64>()
            }
        }
    }

    /// Returns about how many steps it takes to test one row.
    pub(crate) fn probe_cost(&self, segment: &Segment) -> u64 {
        match self {
            RowTest::Elements(..) | RowTest::AnyElement(_) => ELEMENTS_COST,
            RowTest::Texts(slot, _) => {
                let column = segment.text_column(*slot);
                let bytes = column.map_or(0, TextColumn::texts_bytes) as u64;
                TEXT_COST + bytes / u64::from(segment.rows_count().max(1)) / 2
            }
            RowTest::AnyText(_) => 2 * ROW_COST,
            RowTest::AnyCustom => 1 + 3 * segment.custom_slots().count() as u64,
            RowTest::Tid(_) => TID_COST + ROW_COST,
        }
    }

    /// Finds the rows that pass.
    fn find_rows(&self, segment: &Segment) -> RowSet {
        let rows_count = segment.rows_count();
        let mut bits = Bitmap::new(rows_count);
        match self {
            RowTest::Elements(field, _) | RowTest::AnyElement(field) => {
                if let Some(column) = segment.column(Slot::Field(*field)) {
                    self.add_lists(column, &mut bits);
                }
            }
            RowTest::AnyCustom => {
                let columns = segment
                    .custom_slots()
                    .filter_map(|slot| segment.column(slot));
                let bits = bits.bits_mut();
                for column in columns {
                    column.for_each_value(|row, _| bits[(row / 64) as usize] |= 1 << (row % 64));
                }
            }
            RowTest::Texts(..) | RowTest::AnyText(_) => self.add_rows(segment, &mut bits),
            RowTest::Tid(pattern) => add_tids(pattern, segment, &mut bits),
        }
        RowSet::from_bitmap(bits, rows_count)
    }

    /// Adds the rows that pass, by asking each.
    fn add_rows(&self, segment: &Segment, bits: &mut Bitmap) {
        for row in 0..segment.rows_count() {
            if self.holds(segment, row) {
                bits.insert(row);
            }
        }
    }

    /// Adds the rows whose list passes, after a look at each distinct list.
    fn add_lists(&self, column: &Column, bits: &mut Bitmap) {
        let Some(dictionary) = column.dictionary() else {
            return;
        };
        let folded = match self {
            RowTest::Elements(_, folded) => Some(&**folded),
            _ => None,
        };
        let texts = (0..dictionary.count()).map(|ordinal| dictionary.text(ordinal));
        let passing: Vec<bool> = texts.map(|list| passes(list, folded)).collect();
        if !passing.contains(&true) {
            return;
        }
        for row in 0..column.rows_count() {
            if passing[column.ordinal(row) as usize] {
                bits.insert(row);
            }
        }
    }
}

/// Returns the rows whose ticket numbers begin as a pattern does, as ranges that ascend.
fn tid_ranges(pattern: &DigitPattern, segment: &Segment) -> impl Iterator<Item = Range<u32>> {
    let ranges = pattern.ranges();
    ranges.map(|(first, last)| segment.tid_rows(first, last))
}

/// Adds the rows whose ticket number matches a pattern.
fn add_tids(pattern: &DigitPattern, segment: &Segment, bits: &mut Bitmap) {
    for rows in tid_ranges(pattern, segment) {
        if let Some(candidates) = Candidates::of(pattern, segment, &rows) {
            candidates.for_each_row(segment, |row, tid| {
                if pattern.matches(tid) {
                    bits.insert(row);
                }
            });
            continue;
        }
        let (mut start, end) = (rows.start, rows.end);
        while start < end {
            let past = (start / 64 + 1).saturating_mul(64);
            let own = start..past.min(end);
            bits.bits_mut()[(start / 64) as usize] |= if pattern.is_prefix() {
                u64::MAX >> (64 - own.len()) << (start % 64)
            } else {
                own.fold(0, |bits, row| {
                    bits | u64::from(pattern.matches(segment.tid(row))) << (row % 64)
                })
            };
            start = past;
        }
    }
}

/// The ticket numbers that end in the digits of a pattern, where it takes less to search the rows of these
/// than to compare all numbers of some rows.
struct Candidates {
    rows: Range<u32>,
    /// The numbers from the first to the last, each this much above the one before.
    first: u64,
    last: u64,
    step: u64,
}

impl Candidates {
    fn of(pattern: &DigitPattern, segment: &Segment, rows: &Range<u32>) -> Option<Candidates> {
        let (rest, step) = pattern.suffix()?;
        let last_row = rows.end.checked_sub(1).filter(|&row| row >= rows.start)?;
        let (start, last) = (segment.tid(rows.start), segment.tid(last_row));
        let of_start = start % step;
        let above = if rest >= of_start {
            rest - of_start
        } else {
            step - (of_start - rest)
        };
        let candidates = Candidates {
            rows: rows.clone(),
            first: start.checked_add(above)?,
            last,
            step,
        };
        (candidates.cost() < rows.len() as u64 * TID_COST).then_some(candidates)
    }

    /// Returns about how many steps it takes to search the rows.
    fn cost(&self) -> u64 {
        let count = match self.last.checked_sub(self.first) {
            Some(span) => span / self.step + 1,
            None => 0,
        };
        count.saturating_mul(TID_SEARCH_COST)
    }

    /// Visits the rows that have one of the numbers, with it, ascending.
    ///
    /// Numbers ascend with rows and none comes twice, so the row of a number is at most as many rows after
    /// an earlier one as the number is greater.
    fn for_each_row(&self, segment: &Segment, mut visit: impl FnMut(u32, u64)) {
        let mut row = self.rows.start;
        let mut wanted = Some(self.first);
        while let Some(tid) = wanted.filter(|&tid| tid <= self.last) {
            let gap = tid.saturating_sub(segment.tid(row));
            let farthest = u64::from(row).saturating_add(gap);
            let farthest = farthest.min(u64::from(self.rows.end - 1)) as u32;
            // Without gaps between the numbers it is that one.
            row = if segment.tid(farthest) == tid {
                farthest
            } else {
                partition_point(row..farthest, |row| segment.tid(row) < tid)
            };
            if segment.tid(row) == tid {
                visit(row, tid);
            }
            wanted = tid.checked_add(self.step);
        }
    }
}

fn ascending(folded: &[String]) -> Box<[String]> {
    let mut folded = folded.to_vec();
    folded.sort_unstable();
    folded.dedup();
    folded.into()
}

impl Segment {
    /// Returns the slots of the custom fields that the segment has values of.
    fn custom_slots(&self) -> impl Iterator<Item = Slot> {
        let custom = self.custom_columns();
        custom.map(|(name_index, _)| Slot::Custom(name_index))
    }

    /// Returns the rows that pass a test, and keeps them if they are worth it, there is room, and
    /// the caller wishes it.
    pub(crate) fn test_rows(&self, test: &RowTest, keeps: bool) -> Arc<RowSet> {
        let rows = Arc::new(test.find_rows(self));
        let cost = test.rows_cost(self);
        if keeps && terms::is_expensive(cost) {
            self.findings
                .terms
                .insert(&test.key(), &rows, cost, &self.budget);
        }
        rows
    }

    /// Returns the rows that pass a test that was asked before, if they were kept.
    pub(crate) fn kept_test(&self, test: &RowTest) -> Option<Arc<RowSet>> {
        self.findings.terms.get(&test.key())
    }
}

impl RowTest {
    /// Returns the text by which the rows are kept: it begins with a capital letter, as no folded
    /// term does.
    fn key(&self) -> String {
        format!("{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ticket;
    use crate::model::names::CustomNames;
    use crate::segment::budget::Budget;
    use crate::segment::builder::SegmentBuilder;

    fn segment_of(tickets: &[Ticket]) -> Arc<Segment> {
        let mut names = CustomNames::default();
        for ticket in tickets {
            let own = ticket.custom_fields.iter().map(|(name, _)| name.as_str());
            names.enter(Some(ticket.tid), own).unwrap();
        }
        let mut builder = SegmentBuilder::new();
        builder.insert(tickets, &names);
        builder.seal(&Budget::new(None)).into()
    }

    #[test]
    fn rows_that_are_asked_and_rows_that_are_found_are_the_same() {
        let lists = ["", ",,", " A-1 ,b", "a-1", "B", "\u{3000}b\u{a0},c", "a-1b"];
        let tickets: Vec<Ticket> = (0..500_u64)
            .map(|at| Ticket {
                tid: at + 1,
                linked_asset: lists[at as usize % lists.len()].to_owned(),
                summary: ["", "x", "a, b"][at as usize % 3].to_owned(),
                custom_fields: vec![(
                    "Room".to_owned(),
                    if at % 50 == 3 { "1" } else { "" }.to_owned(),
                )],
                ..Ticket::default()
            })
            .collect();
        let segment = segment_of(&tickets);
        let summary = Slot::Field(Field::Summary);
        let pattern = |text| RowTest::Tid(DigitPattern::new(text).into());
        let owned = |texts: &[&str]| texts.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
        let tests = [
            (
                RowTest::elements(Field::LinkedAsset, &owned(&["b", "a-1"])),
                285,
            ),
            (RowTest::elements(Field::LinkedAsset, &owned(&["c"])), 71),
            (RowTest::AnyElement(Field::LinkedAsset), 356),
            (RowTest::AnyElement(Field::LinkedCalls), 0),
            (RowTest::texts(summary, &owned(&["a, b"])), 166),
            (RowTest::AnyText(summary), 333),
            (RowTest::AnyCustom, 10),
            (pattern("*7"), 50),
            (pattern("1*5"), 11),
            (pattern("4*"), 111),
            (pattern("*23*"), 15),
            (pattern("0*"), 0),
        ];
        for (test, count) in tests {
            let rows = segment.test_rows(&test, true);
            let asked = (0..500).filter(|&row| test.holds(&segment, row));
            let mut found = Vec::new();
            rows.for_each(|row| found.push(row));
            assert_eq!(found, asked.collect::<Vec<u32>>(), "{test:?}");
            assert_eq!(rows.count(), count, "{test:?}");
            if terms::is_expensive(test.rows_cost(&segment)) {
                let kept = segment.kept_test(&test).expect("it was worth keeping");
                assert!(Arc::ptr_eq(&kept, &rows));
            }
        }
    }

    #[test]
    fn numbers_with_a_suffix_are_searched_where_they_are_few() {
        let near_end = u64::MAX - 3_000..=u64::MAX;
        // Without gaps, with some, with ever wider ones, and up to the greatest number.
        let all: [Vec<u64>; 4] = [
            (777..4_000).collect(),
            (1..9_000)
                .filter(|tid| tid % 7 < 3 || tid % 1_000 == 55)
                .collect(),
            (1..3_000).map(|at| at * at).collect(),
            near_end.collect(),
        ];
        for tids in all {
            let tickets = tids.iter().map(|&tid| Ticket {
                tid,
                ..Ticket::default()
            });
            let segment = segment_of(&tickets.collect::<Vec<_>>());
            for text in [
                "*055",
                "*55",
                "*615",
                "1*615",
                "18*5",
                "*0",
                "*18446744073709551615",
                "*9*00",
            ] {
                let pattern = DigitPattern::new(text);
                let test = RowTest::Tid(pattern.clone().into());
                let mut found = Vec::new();
                test.find_rows(&segment)
                    .for_each(|row| found.push(segment.tid(row)));
                let expected = tids.iter().copied().filter(|&tid| pattern.matches(tid));
                assert_eq!(found, expected.collect::<Vec<_>>(), "{text}");
            }
            let all = 0..segment.rows_count();
            let is_searched =
                |text| Candidates::of(&DigitPattern::new(text), &segment, &all).is_some();
            assert_eq!(is_searched("*055"), tids[tids.len() - 1] - tids[0] < 10_000);
            assert!(!is_searched("5*") && !is_searched("*5*"));
        }
    }
}
