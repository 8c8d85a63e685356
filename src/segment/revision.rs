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

use super::changes::{Changes, NewValueRef, RevisedRow, is_revisable};
use super::column::Column;
use super::distinct::DistinctTexts;
use super::insertion::Insertion;
use super::integers::Integers;
use super::marks::Tombstones;
use super::rowset::RowSet;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use super::versions::Versions;
use super::words::MOVE_DROPPED;
use super::zones::zones_pay;
use super::{FieldColumn, Segment};
use crate::model::memory::ARC_BYTES;
use crate::model::{Field, FieldKind};

/// Where a column has a text that its base has not, it keeps the others of the base too if they are at
/// most this many: rows that come later are then found in it.
const KEPT_TEXTS_MAX: u32 = 256;

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
                let at = changes.iter().position(|own| own.field() == *field);
                let at = at.unwrap_or_else(|| {
                    changes.push(Changes::new(*field));
                    changes.len() - 1
                });
                changes[at].push(row, value.borrowed());
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

    /// Makes a revision with the live rows of this one and with rows of the base that the commit of a
    /// number revises, of which this one has none alive; returns too where these came.
    ///
    /// Cost: a copy of what the rows have, and a search for each row that comes.
    pub(super) fn with_rows(
        &self,
        dead: &Tombstones,
        revised: &[RevisedRow],
        number: u64,
    ) -> (Revision, Insertion) {
        let insertion = Insertion::new(&self.rows, dead, revised.iter().map(|it| it.base_row));
        let mut changes: Vec<Changes> = Vec::with_capacity(self.changes.len() + 1);
        for own in &self.changes {
            let with_rows = own.with_rows(&insertion, revised);
            changes.extend((!with_rows.rows().is_empty()).then_some(with_rows));
        }
        for (field, _) in revised.iter().flat_map(|row| &row.values) {
            if changes.iter().all(|own| own.field() != *field) {
                changes.push(Changes::new(*field).with_rows(&insertion, revised));
            }
        }
        let revision = Revision {
            base: Arc::clone(&self.base),
            rows: insertion
                .apply(&self.rows, |nth| revised[nth].base_row)
                .into(),
            changes,
            versions: self.versions.with_rows(&insertion, number),
        };
        (revision, insertion)
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
        let mut fields: Vec<Field> = all.map(Changes::field).collect();
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
                let to = changes.rows().iter().map(|&row| moves[row as usize]);
                let live = to.enumerate().filter(|&(_, to)| to != MOVE_DROPPED);
                found.extend(live.map(|(at, to)| (to, changes, at)));
            }
            found.sort_by_key(|&(to, ..)| to);
            let mut merged = Changes::new(field);
            for &(to, changes, at) in &found {
                merged.push(to, changes.value(at));
            }
            merged.shrink();
            changes.extend((!merged.rows().is_empty()).then_some(merged));
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
            let value = changes.value(changes.find(row)?);
            Some((changes.field(), value.to_owned()))
        });
        RevisedRow {
            base_row: self.rows[row as usize],
            values: values.collect(),
        }
    }

    /// Returns the fields in which a row may differ from the base's.
    pub(crate) fn changed_fields(&self) -> impl Iterator<Item = Field> {
        self.changes.iter().map(Changes::field)
    }

    /// Returns the value that a row has in place of the base's, if it has one in a field.
    ///
    /// Cost: a binary search, where asking for the field's column would make it.
    pub(crate) fn new_value(&self, field: Field, row: u32) -> Option<NewValueRef<'_>> {
        let changes = self.changes(field)?;
        Some(changes.value(changes.find(row)?))
    }

    /// Returns what differs in a field, if anything does.
    pub(super) fn changes(&self, field: Field) -> Option<&Changes> {
        self.changes.iter().find(|changes| changes.field() == field)
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

    /// Makes the column of a custom field out of the base's; none where no row has a value.
    pub(super) fn custom_column(&self, of_base: &Column) -> Option<Column> {
        let column = of_base.with_ordinals(&self.ordinals(of_base));
        column.has_values().then_some(column)
    }

    /// Returns the ordinals of the rows in a column of the base.
    fn ordinals(&self, column: &Column) -> Vec<u64> {
        let mut ordinals = vec![0; self.rows.len()];
        column.gather_ordinals(&self.rows, &mut ordinals);
        ordinals
    }

    fn changed(&self, column: &Column, changes: &Changes) -> Column {
        let mut ordinals = self.ordinals(column);
        for (at, &row) in changes.rows().iter().enumerate() {
            match changes.value(at).ordinal_in(column) {
                Some(ordinal) => ordinals[row as usize] = ordinal,
                None => return self.made_again(column, &ordinals, changes),
            }
        }
        column.with_ordinals(&ordinals)
    }

    /// Makes a changed column with a value that the base does not have.
    fn made_again(&self, column: &Column, ordinals: &[u64], changes: &Changes) -> Column {
        let field = changes.field();
        let new_rows = || changes.rows().iter().enumerate();
        let Some(of_base) = column.dictionary() else {
            let numbers = ordinals.iter().map(|&ordinal| column.number_of(ordinal));
            let mut numbers: Vec<Option<u64>> = numbers.collect();
            new_rows().for_each(|(at, &row)| numbers[row as usize] = changes.number(at));
            let is_date = field.kind() == FieldKind::Date;
            return Column::of_close_numbers(
                &numbers,
                is_date && zones_pay(self.rows.len() as u32),
            );
        };
        let texts = ordinals.iter().map(|&ordinal| column.text_of(ordinal));
        let mut texts: Vec<&str> = texts.collect();
        new_rows().for_each(|(at, &row)| texts[row as usize] = changes.text(at));
        let hasher = DefaultHashBuilder::default();
        let mut distinct = DistinctTexts::default();
        if of_base.count() <= KEPT_TEXTS_MAX {
            (0..of_base.count()).for_each(|ordinal| {
                distinct.insert(of_base.text(ordinal), &hasher);
            });
        }
        let ordinals = texts.iter().map(|text| distinct.insert(text, &hasher));
        let provisional: Vec<u32> = ordinals.collect();
        let (dictionary, ordinals) = distinct.sort(field.is_url_encoded());
        let ordinal = |&at: &u32| u64::from(ordinals[at as usize]);
        let ordinals: Vec<u64> = provisional.iter().map(ordinal).collect();
        Column::of_texts(Integers::pack(&ordinals), dictionary)
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
        for changes in &self.changes {
            let (field, rows) = (changes.field(), changes.rows());
            let is_right = rows.is_sorted_by(|a, b| a < b)
                && rows
                    .last()
                    .is_some_and(|&row| (row as usize) < self.rows.len());
            if !is_right || !is_revisable(field) {
                return Err(format!("the changes of {} are wrong", field.name()));
            }
        }
        Ok(())
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
