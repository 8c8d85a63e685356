//! Rows that differ from rows of another segment in a few fields.
//!
//! Most updates of a help desk change a status, a technician or a date and no text. Copying the ticket
//! for that and indexing its words again takes a hundred times as long as the change. Instead a
//! [`Revision`] names rows of a *base* segment and lists what differs in them. The segment around it
//! makes the column of a field when a reader first asks for it, from the ordinals of the base. It uses
//! the words of the base, so no searchable field ever differs.
//!
//! # Invariants
//!
//! * The base is no revision; its rows ascend, so those of the revision ascend by tid.
//! * No searchable field, no custom field and no tid is changed.
//! * The changes of a field are of rows that ascend, without duplicates.
//!
//! # Cost
//!
//! Making a revision is linear in rows and changes, and so is merging revisions of one base. Memory is
//! four bytes a row and a few a change, and an ordinal a row for each field that readers ask for. The
//! base is kept whole as long as rows of it are revised.

#[cfg(feature = "durable")]
use std::io;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::blob::Blob;
use super::builder::number_of;
use super::column::{Column, zones_pay};
use super::distinct::DistinctTexts;
use super::marks::Tombstones;
use super::rowset::RowSet;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::versions::Versions;
use super::words::MOVE_DROPPED;
use super::{CustomColumn, FieldColumn, Segment};
use crate::model::memory::ARC_BYTES;
use crate::model::value::seconds_to_date;
use crate::model::{Cell, CellMut, Field, FieldKind, Ticket};

/// Returns whether a revision can change a field.
pub(crate) fn is_revisable(field: Field) -> bool {
    !field.is_searchable() && !matches!(field, Field::Tid | Field::CustomFields)
}

/// A value that a revision gives to a field of a row, as columns keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewValue {
    /// Of integers and dates; none is none.
    Number(Option<u64>),
    /// Of texts, identifiers and flags; a flag in upper case.
    Text(String),
}

impl NewValue {
    /// Makes the value of a ticket's field.
    pub(crate) fn of(ticket: &Ticket, field: Field) -> NewValue {
        match ticket.cell(field) {
            Cell::Text(text) if field.kind() == FieldKind::Flag => {
                NewValue::Text(text.to_ascii_uppercase())
            }
            Cell::Text(text) => NewValue::Text(text.to_owned()),
            cell => NewValue::Number(number_of(cell)),
        }
    }

    /// Gives the value to a ticket's field.
    pub(crate) fn put_into(&self, ticket: &mut Ticket, field: Field) {
        match (ticket.cell_mut(field), self) {
            (CellMut::Text(own), NewValue::Text(text)) => text.clone_into(own),
            (CellMut::Integer(own), NewValue::Number(number)) => *own = number.unwrap_or(0),
            (CellMut::OptionalInteger(own), NewValue::Number(number)) => *own = *number,
            (CellMut::Date(own), NewValue::Number(number)) => *own = number.map(seconds_to_date),
            // A value was made of a field of the same kind.
            _ => {}
        }
    }
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewValueRef<'a> {
    Number(Option<u64>),
    Text(&'a str),
}

/// A row of a base, with what differs; each field once.
#[derive(Clone, Debug)]
pub(crate) struct RevisedRow {
    pub(crate) base_row: u32,
    pub(crate) values: Vec<(Field, NewValue)>,
}

impl RevisedRow {
    /// Gives a field another value.
    pub(crate) fn set(&mut self, field: Field, value: NewValue) {
        match self.values.iter_mut().find(|(own, _)| *own == field) {
            Some((_, own)) => *own = value,
            None => self.values.push((field, value)),
        }
    }
}

/// The new values of one field.
#[derive(Debug)]
pub(super) struct Changes {
    field: Field,
    /// Rows of the revision, ascending.
    rows: Vec<u32>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers(Vec<Option<u64>>),
    Texts(Blob),
}

impl Changes {
    fn new(field: Field) -> Changes {
        let values = match field.kind() {
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date => {
                Values::Numbers(Vec::new())
            }
            FieldKind::Text | FieldKind::Identifier | FieldKind::Flag | FieldKind::CustomFields => {
                Values::Texts(Blob::default())
            }
        };
        Changes {
            field,
            rows: Vec::new(),
            values,
        }
    }

    /// Returns the rows that are changed, ascending.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the nth new number; none for a field of another kind.
    pub(super) fn number(&self, at: usize) -> Option<u64> {
        match &self.values {
            Values::Numbers(numbers) => numbers[at],
            Values::Texts(_) => None,
        }
    }

    /// Returns the nth new text; empty for a field of another kind.
    pub(super) fn text(&self, at: usize) -> &str {
        match &self.values {
            Values::Numbers(_) => "",
            Values::Texts(texts) => texts.get(at),
        }
    }

    /// Returns what is new for a row, if it is changed.
    fn find(&self, row: u32) -> Option<usize> {
        self.rows.binary_search(&row).ok()
    }

    fn push_number(&mut self, row: u32, number: Option<u64>) {
        if let Values::Numbers(numbers) = &mut self.values {
            self.rows.push(row);
            numbers.push(number);
        }
    }

    fn push_text(&mut self, row: u32, text: &str) {
        if let Values::Texts(texts) = &mut self.values {
            self.rows.push(row);
            texts.push(text);
        }
    }

    fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        match &mut self.values {
            Values::Numbers(numbers) => numbers.shrink_to_fit(),
            Values::Texts(texts) => texts.shrink(),
        }
    }

    fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Numbers(numbers) => numbers.capacity() * size_of::<Option<u64>>(),
            Values::Texts(texts) => texts.bytes(),
        };
        values + self.rows.capacity() * 4
    }
}

/// A row of a revision, on its way to another.
#[derive(Clone, Copy, Debug)]
struct Pick {
    base_row: u32,
    source: u32,
    row: u32,
}

/// Rows of a base, and what differs in them.
#[derive(Debug)]
pub(crate) struct Revision {
    base: Arc<Segment>,
    /// Rows of the base, ascending.
    rows: Arc<[u32]>,
    changes: Vec<Changes>,
    /// The commits that revised the rows.
    versions: Versions,
}

impl Revision {
    /// Makes a revision of rows of a base, which ascend, by the commit of a number.
    pub(crate) fn new(base: &Arc<Segment>, revised: &[RevisedRow], number: u64) -> Revision {
        let mut changes: Vec<Changes> = Vec::new();
        for (row, revised) in (0..).zip(revised) {
            for (field, value) in &revised.values {
                let at = changes.iter().position(|own| own.field == *field);
                let at = at.unwrap_or_else(|| {
                    changes.push(Changes::new(*field));
                    changes.len() - 1
                });
                match value {
                    NewValue::Number(number) => changes[at].push_number(row, *number),
                    NewValue::Text(text) => changes[at].push_text(row, text),
                }
            }
        }
        changes.iter_mut().for_each(Changes::shrink);
        changes.shrink_to_fit();
        Revision {
            base: Arc::clone(base),
            rows: revised.iter().map(|revised| revised.base_row).collect(),
            changes,
            versions: Versions::of_commit(number, revised.len() as u32),
        }
    }

    /// Merges the live rows of revisions of one base; returns too which row each row of each source
    /// has become, [`MOVE_DROPPED`] where it is dead.
    pub(super) fn merge(
        base: &Arc<Segment>,
        sources: &[(&Revision, &Tombstones)],
    ) -> (Revision, Vec<Vec<u32>>) {
        let mut picks = Vec::new();
        for (source, (revision, dead)) in (0..).zip(sources) {
            let rows = (0..).zip(&*revision.rows);
            let live = rows.filter(|&(row, _)| !dead.contains(row));
            picks.extend(live.map(|(row, &base_row)| Pick {
                base_row,
                source,
                row,
            }));
        }
        let sources: Vec<&Revision> = sources.iter().map(|(revision, _)| *revision).collect();
        Revision::gather(base, picks, &sources)
    }

    /// Adds the live rows of another revision of the base, none of which is among these.
    pub(crate) fn after(self, segment: &Segment, dead: &Tombstones) -> Revision {
        let Some(other) = segment.revision() else {
            return self;
        };
        let none_dead = Tombstones::default();
        Revision::merge(&self.base, &[(other, dead), (&self, &none_dead)]).0
    }

    /// Makes a revision of the same live tickets with another base, which must have them all.
    pub(crate) fn rebase(&self, dead: &Tombstones, base: &Arc<Segment>) -> Revision {
        let live = (0..)
            .zip(&*self.rows)
            .filter(|&(row, _)| !dead.contains(row));
        let picks = live.filter_map(|(row, &base_row)| {
            let base_row = base.row_of(self.base.tid(base_row));
            debug_assert!(base_row.is_some(), "the new base has every live ticket");
            Some(Pick {
                base_row: base_row?,
                source: 0,
                row,
            })
        });
        Revision::gather(base, picks.collect(), &[self]).0
    }

    fn gather(
        base: &Arc<Segment>,
        mut picks: Vec<Pick>,
        sources: &[&Revision],
    ) -> (Revision, Vec<Vec<u32>>) {
        // Each source ascends, and a stable sort merges runs.
        picks.sort_by_key(|pick| pick.base_row);
        let rows_counts = sources.iter().map(|source| source.rows.len());
        let mut moves: Vec<Vec<u32>> = rows_counts.map(|count| vec![MOVE_DROPPED; count]).collect();
        for (to, pick) in (0..).zip(&picks) {
            moves[pick.source as usize][pick.row as usize] = to;
        }
        let all = sources.iter().flat_map(|source| &source.changes);
        let mut fields: Vec<Field> = all.map(|changes| changes.field).collect();
        fields.sort_unstable_by_key(|field| field.index());
        fields.dedup();
        let mut changes = Vec::with_capacity(fields.len());
        let mut found: Vec<(u32, &Changes, usize)> = Vec::new();
        for field in fields {
            found.clear();
            for (source, moves) in sources.iter().zip(&moves) {
                let Some(changes) = source.changes(field) else {
                    continue;
                };
                let to = changes.rows.iter().map(|&row| moves[row as usize]);
                let live = to.enumerate().filter(|&(_, to)| to != MOVE_DROPPED);
                found.extend(live.map(|(at, to)| (to, changes, at)));
            }
            found.sort_by_key(|&(to, ..)| to);
            let mut merged = Changes::new(field);
            merged.rows.reserve_exact(found.len());
            for &(to, changes, at) in &found {
                match &changes.values {
                    Values::Numbers(numbers) => merged.push_number(to, numbers[at]),
                    Values::Texts(texts) => merged.push_text(to, texts.get(at)),
                }
            }
            merged.shrink();
            changes.extend((!merged.rows.is_empty()).then_some(merged));
        }
        changes.shrink_to_fit();
        let number = |pick: &Pick| sources[pick.source as usize].versions.number(pick.row);
        let numbers = picks.iter().map(number);
        let revision = Revision {
            base: Arc::clone(base),
            rows: picks.iter().map(|pick| pick.base_row).collect(),
            changes,
            versions: Versions::of_rows(&numbers.collect::<Vec<u64>>()),
        };
        (revision, moves)
    }

    /// Returns the segment whose rows these are.
    pub(crate) fn base(&self) -> &Arc<Segment> {
        &self.base
    }

    /// Returns the row of the base that each row is.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Returns the numbers of the commits that revised the rows.
    pub(super) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Returns a row with what differs, to be changed further.
    pub(crate) fn row(&self, row: u32) -> RevisedRow {
        let values = self.changes.iter().filter_map(|changes| {
            let at = changes.find(row)?;
            let value = match &changes.values {
                Values::Numbers(numbers) => NewValue::Number(numbers[at]),
                Values::Texts(texts) => NewValue::Text(texts.get(at).to_owned()),
            };
            Some((changes.field, value))
        });
        RevisedRow {
            base_row: self.rows[row as usize],
            values: values.collect(),
        }
    }

    /// Returns the fields in which a row may differ from the base's.
    pub(crate) fn changed_fields(&self) -> impl Iterator<Item = Field> {
        self.changes.iter().map(|changes| changes.field)
    }

    /// Returns the value that a row has in place of the base's, if it has one in a field.
    ///
    /// Cost: a binary search, where asking for the field's column would make it.
    pub(crate) fn new_value(&self, field: Field, row: u32) -> Option<NewValueRef<'_>> {
        let changes = self.changes(field)?;
        let at = changes.find(row)?;
        Some(match &changes.values {
            Values::Numbers(numbers) => NewValueRef::Number(numbers[at]),
            Values::Texts(texts) => NewValueRef::Text(texts.get(at)),
        })
    }

    /// Returns what differs in a field, if anything does.
    pub(super) fn changes(&self, field: Field) -> Option<&Changes> {
        self.changes.iter().find(|changes| changes.field == field)
    }

    /// Makes the column of a field. Cost: a look at the base for each row; where a value is new
    /// to the base, a look at each value.
    pub(super) fn column(&self, field: Field) -> FieldColumn {
        match self.base.field(field) {
            FieldColumn::Long(column) => FieldColumn::Long(column.with_rows(&self.rows)),
            FieldColumn::Custom => FieldColumn::Custom,
            FieldColumn::Ordinals(column) => FieldColumn::Ordinals(match self.changes(field) {
                None => column.with_ordinals(&self.ordinals(column)),
                Some(changes) => self.changed(column, changes),
            }),
        }
    }

    /// Makes the columns of the custom fields that a row has a value in.
    pub(super) fn custom_columns(&self) -> Vec<CustomColumn> {
        let columns = self
            .base
            .custom_columns()
            .filter_map(|(name_index, column)| {
                let column = column.with_ordinals(&self.ordinals(column));
                column
                    .has_values()
                    .then(|| CustomColumn::new(name_index, column))
            });
        columns.collect()
    }

    /// Returns the ordinals of the rows in a column of the base.
    fn ordinals(&self, column: &Column) -> Vec<u64> {
        let mut ordinals = vec![0; self.rows.len()];
        column.gather_ordinals(&self.rows, &mut ordinals);
        ordinals
    }

    fn changed(&self, column: &Column, changes: &Changes) -> Column {
        let mut ordinals = self.ordinals(column);
        let ordinal = |at: usize| match &changes.values {
            Values::Numbers(numbers) => column.ordinal_of_number(numbers[at]),
            Values::Texts(texts) => {
                let ordinal = column.dictionary()?.ordinal_of(texts.get(at));
                ordinal.map(u64::from)
            }
        };
        for (at, &row) in changes.rows.iter().enumerate() {
            match ordinal(at) {
                Some(ordinal) => ordinals[row as usize] = ordinal,
                None => return self.made_again(column, &ordinals, changes),
            }
        }
        column.with_ordinals(&ordinals)
    }

    /// Makes a changed column with a value that the base does not have.
    fn made_again(&self, column: &Column, ordinals: &[u64], changes: &Changes) -> Column {
        let field = changes.field;
        match &changes.values {
            Values::Numbers(new) => {
                let numbers = ordinals.iter().map(|&ordinal| column.number_of(ordinal));
                let mut numbers: Vec<Option<u64>> = numbers.collect();
                for (&row, &number) in changes.rows.iter().zip(new) {
                    numbers[row as usize] = number;
                }
                let is_date = field.kind() == FieldKind::Date;
                Column::of_close_numbers(&numbers, is_date && zones_pay(self.rows.len() as u32))
            }
            Values::Texts(new) => {
                let texts = ordinals.iter().map(|&ordinal| column.text_of(ordinal));
                let mut texts: Vec<&str> = texts.collect();
                for (at, &row) in changes.rows.iter().enumerate() {
                    texts[row as usize] = new.get(at);
                }
                let hasher = DefaultHashBuilder::default();
                let mut distinct = DistinctTexts::default();
                let ordinals = texts.iter().map(|text| distinct.insert(text, &hasher));
                let provisional: Vec<u32> = ordinals.collect();
                let (dictionary, ordinals) = distinct.sort(field.is_url_encoded());
                let ordinal = |&at: &u32| u64::from(ordinals[at as usize]);
                let ordinals: Vec<u64> = provisional.iter().map(ordinal).collect();
                Column::of_texts(&ordinals, dictionary)
            }
        }
    }

    /// Returns the rows whose base rows are in a set. Cost: a look-up for each row.
    pub(super) fn project(&self, of_base: &RowSet) -> RowSet {
        let rows = (0..).zip(&*self.rows);
        let held = rows.filter(|&(_, &base_row)| of_base.contains(base_row));
        let held: Vec<u32> = held.map(|(row, _)| row).collect();
        RowSet::from_sorted(&held, self.rows.len() as u32)
    }

    /// Returns the heap bytes, without the base.
    pub(super) fn bytes(&self) -> usize {
        let changes: usize = self.changes.iter().map(Changes::bytes).sum();
        changes
            + self.changes.capacity() * size_of::<Changes>()
            + ARC_BYTES
            + size_of_val::<[u32]>(&self.rows)
            + self.versions.bytes()
    }

    /// Checks what must always be true, and returns what is not.
    pub(super) fn check_invariants(&self) -> Result<(), String> {
        if self.base.revision().is_some() {
            return Err("a revision has a revision as its base".to_owned());
        }
        if !self.rows.is_sorted_by(|a, b| a < b)
            || self
                .rows
                .last()
                .is_some_and(|&row| row >= self.base.rows_count())
        {
            return Err("the rows of a revision are not of its base".to_owned());
        }
        for Changes { field, rows, .. } in &self.changes {
            let is_right = rows.is_sorted_by(|a, b| a < b)
                && rows
                    .last()
                    .is_some_and(|&row| (row as usize) < self.rows.len());
            if !is_right || !is_revisable(*field) {
                return Err(format!("the changes of {} are wrong", field.name()));
            }
        }
        Ok(())
    }
}
#[cfg(feature = "durable")]
impl Stored for Changes {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.field.index() as u64)?;
        out.slice(&self.rows)?;
        match &self.values {
            Values::Numbers(numbers) => {
                let held: Vec<u8> = numbers.iter().map(|it| it.is_some().into()).collect();
                let numbers: Vec<u64> = numbers.iter().map(|it| it.unwrap_or(0)).collect();
                out.slice(&held)?;
                out.slice(&numbers)
            }
            Values::Texts(texts) => texts.write_to(out),
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Changes> {
        let field = Field::ALL.get(input.number::<usize>()?).copied();
        let mut changes = Changes::new(field.ok_or_else(malformed)?);
        changes.rows = input.vec()?;
        changes.values = match changes.values {
            Values::Numbers(_) => {
                let (held, numbers): (Vec<u8>, Vec<u64>) = (input.vec()?, input.vec()?);
                let pairs = held.iter().zip(numbers);
                Values::Numbers(pairs.map(|(&held, it)| (held > 0).then_some(it)).collect())
            }
            Values::Texts(_) => Values::Texts(Blob::read_from(input)?),
        };
        Ok(changes)
    }
}

#[cfg(feature = "durable")]
impl Revision {
    /// Writes which rows of the base these are, and what differs; the base is a segment of its own.
    pub(super) fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.rows)?;
        out.list(&self.changes)?;
        self.versions.write_to(out)
    }

    /// Reads a revision of a base.
    pub(super) fn read_from(
        input: &mut StoredReader<'_>,
        base: &Arc<Segment>,
    ) -> io::Result<Revision> {
        Ok(Revision {
            base: Arc::clone(base),
            rows: input.vec()?.into(),
            changes: input.list()?,
            versions: Versions::read_from(input)?,
        })
    }
}
