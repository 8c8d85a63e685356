//! From tickets, a block at a time, to a sealed segment.
//!
//! A [`SegmentBuilder`] copies what it needs of tickets, so a load never holds more than a
//! few blocks of them. Texts get provisional ordinals from hash tables;
//! [`seal`](SegmentBuilder::seal) sorts the dictionaries, gives the final ordinals and puts
//! the rows in tid order, without a copy where they came so. Columns and words know nothing
//! of each other until then, so the words may be another thread's.
//!
//! # Invariants
//!
//! * The last ticket of a tid wins; the earlier ones leave no row and no word.
//! * The tickets were checked: identifiers, dates and names are valid.
//!
//! # Cost
//!
//! A hash look-up a text and one a word; sealing sorts distinct texts, not rows.

use std::cell::OnceCell;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::budget::Budget;
use super::column::Column;
use super::distinct::DistinctTexts;
use super::growing::{GrowingIntegers, GrowingNumbers};
use super::integers::Integers;
use super::parts::SegmentParts;
use super::text_column::TextColumn;
use super::versions::Versions;
use super::words::WordsFeed;
use super::zones::zones_pay;
use super::{FieldColumn, LONG_FIELDS, Segment};
use crate::model::names::CustomNames;
use crate::model::value::date_to_seconds;
use crate::model::{Cell, Field, FieldKind, Ticket};

/// The distinct texts of one column being built, and the ordinal of each row.
#[derive(Debug, Default)]
struct TextsBuilder {
    texts: DistinctTexts,
    /// One a row; rows past the end have ordinal 0, the empty text.
    ordinals: GrowingIntegers,
}

impl TextsBuilder {
    /// Gives a row a text; rows come in ascending order.
    fn insert(&mut self, row: u32, text: &str, hasher: &DefaultHashBuilder) {
        if !text.is_empty() {
            self.ordinals.pad(row as usize);
            self.ordinals.extend(&[self.texts.insert(text, hasher)]);
        }
    }

    /// Gives rows from one on, which come after those before, a text each.
    fn insert_all(&mut self, first_row: u32, texts: &[&str], hasher: &DefaultHashBuilder) {
        if texts.iter().any(|text| !text.is_empty()) {
            let ordinals = self.texts.insert_all(texts, hasher);
            self.ordinals.pad(first_row as usize);
            self.ordinals.extend(&ordinals);
        }
    }

    /// Sorts the texts and makes the column of the rows in their final order.
    ///
    /// Cost: a step a row; where most rows have no text and were never spread, one for each that has one, and
    /// a sort of these where tickets did not come in the order of their numbers.
    fn seal(self, rows: &RowOrder, is_url_encoded: bool) -> Column {
        let (dictionary, ordinals) = self.texts.sort(is_url_encoded);
        let sorted = |ordinal: u64| u64::from(ordinals[ordinal as usize]);
        let ordinals = match self.ordinals.listed() {
            Some(listed) => {
                let placed =
                    rows.move_to_final(listed.map(|(row, ordinal)| (row, sorted(ordinal))));
                let (held, nonzero): (Vec<u32>, Vec<u64>) = placed.into_iter().unzip();
                Integers::pack_listed(held, &nonzero, rows.rows_count)
            }
            None => Integers::pack(&rows.map(|row| sorted(self.ordinals.get(row)))),
        };
        Column::of_texts(ordinals, dictionary)
    }
}

/// The final order of the rows that came in.
struct RowOrder {
    rows_count: u32,
    /// The row that came in, for each final row; none where they are the same.
    order: Option<Arc<[u32]>>,
    /// The final row of each row that came in, [`REPLACED`] where it has none; made when it is asked
    /// for, and only where there is an order.
    final_rows: OnceCell<Vec<u32>>,
}

/// The final row of a ticket that a later one replaced.
const REPLACED: u32 = u32::MAX;

impl RowOrder {
    fn of_tids(tids: &[u64]) -> RowOrder {
        if tids.is_sorted_by(|a, b| a < b) {
            return RowOrder {
                rows_count: tids.len() as u32,
                order: None,
                final_rows: OnceCell::new(),
            };
        }
        let mut order: Vec<u32> = (0..tids.len() as u32).collect();
        // Of equal tids the last row comes first, and is the one that stays.
        order.sort_unstable_by_key(|&row| (tids[row as usize], u32::MAX - row));
        order.dedup_by_key(|row| tids[*row as usize]);
        RowOrder {
            rows_count: order.len() as u32,
            order: Some(order.into()),
            final_rows: OnceCell::new(),
        }
    }

    /// Moves integers of rows, given in the order of insertion, to their final rows, ascending; those of
    /// replaced tickets are left out.
    fn move_to_final(&self, held: impl Iterator<Item = (u32, u64)>) -> Vec<(u32, u64)> {
        let Some(order) = &self.order else {
            return held.collect();
        };
        let final_rows = self.final_rows.get_or_init(|| {
            // The last row that came in is the last of its tid, and stays.
            let rows_count = order.iter().max().map_or(0, |&row| row as usize + 1);
            let mut final_rows = vec![REPLACED; rows_count];
            for (final_row, &row) in (0..).zip(&**order) {
                final_rows[row as usize] = final_row;
            }
            final_rows
        });
        let placed = held.map(|(row, integer)| (final_rows[row as usize], integer));
        let mut placed: Vec<(u32, u64)> = placed.filter(|&(row, _)| row != REPLACED).collect();
        placed.sort_unstable_by_key(|&(row, _)| row);
        placed
    }

    /// Returns what `value` gives for each row, in the final order.
    fn map<T>(&self, value: impl Fn(u32) -> T) -> Vec<T> {
        match &self.order {
            None => (0..self.rows_count).map(value).collect(),
            Some(order) => order.iter().copied().map(value).collect(),
        }
    }
}

/// What one field's values are collected in.
#[derive(Debug)]
enum FieldBuilder {
    Texts(TextsBuilder),
    Numbers(GrowingNumbers),
    /// With the words, as both are made from long texts.
    Long,
    Custom,
}

impl FieldBuilder {
    /// Takes the field's values of rows from one on.
    fn insert<'a>(
        &mut self,
        first_row: u32,
        field: Field,
        cells: impl Iterator<Item = Cell<'a>>,
        hasher: &DefaultHashBuilder,
    ) {
        let texts = |cell| match cell {
            // A flag is kept in upper case.
            Cell::Text("y") if field.kind() == FieldKind::Flag => "Y",
            Cell::Text("n") if field.kind() == FieldKind::Flag => "N",
            Cell::Text(text) => text,
            _ => "",
        };
        match self {
            FieldBuilder::Texts(builder) => {
                let texts: Vec<&str> = cells.map(texts).collect();
                builder.insert_all(first_row, &texts, hasher);
            }
            FieldBuilder::Numbers(numbers) => {
                numbers.extend(first_row, &cells.map(number_of).collect::<Vec<_>>());
            }
            FieldBuilder::Long | FieldBuilder::Custom => {}
        }
    }
}

/// Tickets going into a segment.
#[derive(Debug)]
pub(crate) struct SegmentBuilder {
    tids: Vec<u64>,
    /// The number of each commit that tickets came from, and the first row of it.
    commits: Vec<(u32, u64)>,
    fields: Vec<FieldBuilder>,
    /// By the index of the name.
    custom: Vec<Option<TextsBuilder>>,
    words: WordsFeed,
    hasher: DefaultHashBuilder,
}

impl SegmentBuilder {
    /// Starts a segment without rows, on the caller's thread alone.
    pub(crate) fn new() -> SegmentBuilder {
        SegmentBuilder::with_threads(1)
    }

    /// Starts a segment without rows; with two threads, one of them takes the words in.
    pub(crate) fn with_threads(count: usize) -> SegmentBuilder {
        let builder = |field: Field| match field.kind() {
            _ if LONG_FIELDS.contains(&field) => FieldBuilder::Long,
            FieldKind::Text | FieldKind::Identifier | FieldKind::Flag => {
                FieldBuilder::Texts(TextsBuilder::default())
            }
            FieldKind::CustomFields => FieldBuilder::Custom,
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date => {
                FieldBuilder::Numbers(GrowingNumbers::default())
            }
        };
        SegmentBuilder {
            tids: Vec::new(),
            commits: vec![(0, 1)],
            fields: Field::ALL.map(builder).into(),
            custom: Vec::new(),
            words: WordsFeed::new(count > 1),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Returns how many tickets came in, replaced ones too.
    pub(crate) fn rows_count(&self) -> usize {
        self.tids.len()
    }

    /// Returns the numbers of the tickets that came in, in their order.
    pub(crate) fn tids(&self) -> &[u64] {
        &self.tids
    }

    /// Returns a lower bound of the bytes that the texts so far will take if no ticket is replaced; long
    /// texts are packed from `packed_bytes_min` bytes on.
    pub(crate) fn texts_bytes(&self, packed_bytes_min: usize) -> usize {
        let of_field = |builder: &FieldBuilder| match builder {
            FieldBuilder::Texts(texts) => texts.texts.bytes(),
            FieldBuilder::Long | FieldBuilder::Numbers(_) | FieldBuilder::Custom => 0,
        };
        let long = TextColumn::least_bytes(self.words.long_bytes(), packed_bytes_min);
        let custom = self.custom.iter().flatten();
        let custom: usize = custom.map(|texts| texts.texts.bytes()).sum();
        custom + long + self.fields.iter().map(of_field).sum::<usize>()
    }

    /// Sets the commit of the tickets that come in from now on; those before the first call are of
    /// commit 1.
    pub(crate) fn enter_commit(&mut self, number: u64) {
        let row = self.tids.len() as u32;
        if self.commits.last().is_some_and(|last| last.0 == row) {
            self.commits.pop();
        }
        if self.commits.last().is_none_or(|last| last.1 != number) {
            self.commits.push((row, number));
        }
    }

    /// Takes checked tickets in, whose custom names have entered `names`.
    ///
    /// Field by field, so that one column after the other has the processor's cache.
    pub(crate) fn insert(&mut self, tickets: &[Ticket], names: &CustomNames) {
        let first_row = self.tids.len() as u32;
        self.tids.extend(tickets.iter().map(|ticket| ticket.tid));
        for (field, builder) in Field::ALL.into_iter().zip(&mut self.fields) {
            let cells = tickets.iter().map(|ticket| ticket.cell(field));
            builder.insert(first_row, field, cells, &self.hasher);
        }
        for (row, ticket) in (first_row..).zip(tickets) {
            for field in Field::ALL.into_iter().filter(|field| field.is_searchable()) {
                if let Cell::Text(text) = ticket.cell(field) {
                    if LONG_FIELDS.contains(&field) {
                        self.words.insert_long(text);
                    } else {
                        self.words.insert_text(text);
                    }
                }
            }
            self.insert_custom(row, &ticket.custom_fields, names);
            self.words.end_row();
        }
    }

    fn insert_custom(&mut self, row: u32, pairs: &[(String, String)], names: &CustomNames) {
        for (name, text) in pairs {
            let Some(index) = names.find(name).map(|index| index as usize) else {
                debug_assert!(false, "names enter before their ticket");
                continue;
            };
            if self.custom.len() <= index {
                self.custom.resize_with(index + 1, || None);
            }
            let texts = self.custom[index].get_or_insert_default();
            // The first of a repeated name counts, also when it is empty.
            let is_repeated = texts.ordinals.count() > row as usize;
            if is_repeated {
                continue;
            }
            self.words.insert_text(text);
            texts.insert(row, text, &self.hasher);
            texts.ordinals.pad(row as usize + 1);
        }
    }

    /// Makes the segment; `budget` is that of its store.
    pub(crate) fn seal(self, budget: &Arc<Budget>) -> Segment {
        let rows = RowOrder::of_tids(&self.tids);
        let mut words = self.words.seal(rows.order.clone());
        let mut long = None;
        let with_zones = zones_pay(rows.rows_count);
        let mut columns = Vec::with_capacity(self.fields.len());
        for (field, builder) in Field::ALL.into_iter().zip(self.fields) {
            columns.push(match builder {
                FieldBuilder::Texts(texts) => {
                    FieldColumn::Ordinals(texts.seal(&rows, field.is_url_encoded()))
                }
                FieldBuilder::Numbers(mut numbers) => {
                    numbers.spread();
                    let number = |row: u32| numbers.get(row);
                    let is_date = field.kind() == FieldKind::Date;
                    FieldColumn::Ordinals(Column::of_numbers(
                        &rows.map(number),
                        is_date && with_zones,
                    ))
                }
                FieldBuilder::Long => {
                    let long = long.get_or_insert_with(|| words.long_texts().into_iter());
                    let mut texts = long.next().unwrap_or_default();
                    if let Some(order) = &rows.order {
                        texts = texts.reordered(order);
                    }
                    FieldColumn::Long(TextColumn::seal(texts, budget.packed_bytes_min()))
                }
                FieldBuilder::Custom => FieldColumn::Custom,
            });
        }
        let custom = (0u32..).zip(self.custom).filter_map(|(name_index, texts)| {
            let column = texts?.seal(&rows, true);
            column.has_values().then_some((name_index, column))
        });
        let custom = custom.collect();
        let versions = seal_versions(&self.commits, &rows);
        SegmentParts {
            rows_count: rows.rows_count,
            columns,
            custom,
            versions,
        }
        .assemble(budget, || words.finish())
    }
}

/// Gives each row, in the final order, the number of the commit that it came from.
fn seal_versions(commits: &[(u32, u64)], rows: &RowOrder) -> Versions {
    if let [(_, number)] = *commits {
        return Versions::of_commit(number, rows.rows_count);
    }
    let number = |row: u32| commits[commits.partition_point(|own| own.0 <= row) - 1].1;
    Versions::of_rows(&rows.map(number))
}

/// Returns a numeric cell as the number that columns hold; none is none.
pub(super) fn number_of(cell: Cell<'_>) -> Option<u64> {
    match cell {
        Cell::Integer(0) | Cell::Text(_) | Cell::CustomFields(_) => None,
        Cell::Integer(integer) => Some(integer),
        Cell::OptionalInteger(integer) => integer,
        Cell::Date(date) => date.map(date_to_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Posting, Slot};
    use super::*;

    fn ticket(tid: u64, status: &str) -> Ticket {
        let custom_fields = vec![
            ("A".into(), status.to_uppercase()),
            ("a".into(), "no".into()),
        ];
        let summary = format!("summary {tid}");
        Ticket {
            tid,
            status: status.into(),
            summary,
            custom_fields,
            ..Ticket::default()
        }
    }

    #[test]
    fn rows_are_in_tid_order_and_the_last_of_a_tid_wins() {
        let mut builder = SegmentBuilder::new();
        let mut names = CustomNames::default();
        names.enter(None, ["A"]).unwrap();
        for (tid, status) in [(5, "open"), (3, "gone"), (9, ""), (3, "Open")] {
            builder.insert(&[ticket(tid, status)], &names);
        }
        let segment = builder.seal(&Budget::new(None));
        assert_eq!(segment.rows_count(), 3);
        let tids: Vec<u64> = (0..3).map(|row| segment.tid(row)).collect();
        assert_eq!(tids, [3, 5, 9]);
        let status = segment.column(Slot::Field(Field::Status)).unwrap();
        let texts: Vec<&str> = (0..3).map(|row| status.text(row)).collect();
        assert_eq!(texts, ["Open", "open", ""]);
        let class = status.dictionary().unwrap().find("open").unwrap();
        assert_eq!(segment.posting(Field::Status, class).count(), 2);
        let custom = segment.column(Slot::Custom(0)).unwrap();
        assert_eq!((custom.text(0), custom.text(2)), ("OPEN", ""));
        assert_eq!(names.as_slice(), ["A"]);
        assert_eq!((segment.row_of(5), segment.row_of(4)), (Some(1), None));
        assert_eq!(segment.tid_rows(4, u64::MAX), 1..3);
        assert!(
            segment
                .text_column(Slot::Field(Field::Summary))
                .unwrap()
                .text(1)
                == "summary 5"
        );
    }

    #[test]
    fn the_few_values_of_a_field_come_to_their_tickets_in_any_order() {
        let mut builder = SegmentBuilder::new();
        let mut names = CustomNames::default();
        names.enter(None, ["A"]).unwrap();
        let text = |tid: u64| if tid.is_multiple_of(16) { tid } else { 0 };
        let mut insert = |tid: u64, text: u64| {
            let text = if text == 0 {
                String::new()
            } else {
                text.to_string()
            };
            builder.insert(&[ticket(tid, &text)], &names);
        };
        // Tickets whose values are replaced, then all from the last to the first.
        (1..=9).for_each(|tid| insert(tid * 30, 1_000 + tid));
        (1..=300).rev().for_each(|tid| insert(tid, text(tid)));
        let segment = builder.seal(&Budget::new(None));
        assert_eq!(segment.rows_count(), 300);
        for slot in [Slot::Field(Field::Status), Slot::Custom(0)] {
            let column = segment.column(slot).unwrap();
            for (row, tid) in (0..).zip(1..=300) {
                let expected = Some(text(tid)).filter(|&text| text > 0);
                let expected = expected.map_or(String::new(), |text| text.to_string());
                assert_eq!(column.text(row), expected, "{slot:?}, {tid}");
            }
        }
    }

    #[test]
    fn a_field_of_many_values_has_a_sorted_vector_for_postings() {
        let mut builder = SegmentBuilder::new();
        let mut names = CustomNames::default();
        names.enter(None, ["A"]).unwrap();
        for tid in 1..=100 {
            builder.insert(&[ticket(tid, &format!("s{}", tid % 50))], &names);
        }
        let segment = builder.seal(&Budget::new(None));
        assert!(segment.posting_sets(Field::Status).is_none());
        let column = segment.column(Slot::Field(Field::Status)).unwrap();
        let class = column.dictionary().unwrap().find("s7").unwrap();
        assert!(matches!(
            segment.posting(Field::Status, class),
            Posting::Rows(&[6, 56])
        ));
    }

    #[test]
    fn an_order_takes_its_room_once() {
        const BYTES_MAX: usize = 1 << 20;
        let budget = Budget::new(Some(BYTES_MAX));
        let mut builder = SegmentBuilder::new();
        let mut names = CustomNames::default();
        names.enter(None, ["A"]).unwrap();
        let tickets: Vec<Ticket> = (1..=64).map(|tid| ticket(tid, "open")).collect();
        builder.insert(&tickets, &names);
        let segment = builder.seal(&budget);
        let takes = |bytes: usize| {
            let left = BYTES_MAX - bytes;
            budget.reserve(left).is_some() && budget.reserve(left + 1).is_none()
        };
        let sealed = segment.bytes();
        budget.admit(|| sealed).unwrap();
        assert!(takes(sealed));
        // Another reader, which has asked for the room already, is about to make the order.
        let slot = Slot::Field(Field::Summary);
        assert!(segment.order_cell(slot).unwrap().claim());
        assert!(segment.order(slot).is_some());
        assert!(segment.bytes() > sealed && takes(sealed));
        // Who is first keeps the room, and is not asked for more.
        let (slot, before) = (Slot::Field(Field::Status), segment.bytes());
        for _ in 0..2 {
            assert!(segment.order(slot).is_some());
            assert!(takes(sealed + segment.bytes() - before));
        }
        assert!(segment.bytes() > before);
    }
}
