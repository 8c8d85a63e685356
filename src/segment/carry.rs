//! What a new revision takes over from those that it replaces, so that readers need not make it again.
//!
//! A revision has no column, posting or order before a reader asks for it, and commits replace
//! revisions all the time. What was asked for once is asked for again, so the base notes which fields
//! those are. A commit that adds rows to a small revision copies those columns and orders that plans have
//! asked for, with the rows that come. A merge of revisions makes the same for its result out of
//! what the revisions have: it moves ordinals and merges orders. A small result gets what plans asked
//! for, and not what was read of single tickets.
//!
//! # Cost
//!
//! Noting a field that is noted already is an atomic load. Copying a column with some rows more takes as
//! long as copying its bytes, and a look-up for each value that comes. Carrying a column or a posting to
//! a merge is a few nanoseconds a row, an order some ten.

use std::sync::Arc;

use smallvec::SmallVec;

use super::budget::Budget;
use super::changes::{NewValueRef, RevisedRow};
use super::column::Column;
use super::insertion::Insertion;
use super::marks::Tombstones;
use super::revision::Revision;
use super::sorted::SortedRows;
use super::words::MOVE_DROPPED;
use super::zones::zones_pay;
use super::{FieldColumn, Segment, Slot};
use crate::model::{Field, FieldKind};

/// In revisions of up to this many rows, the columns and orders that plans have asked for are made before
/// a reader comes.
const MADE_ROWS_MAX: u32 = 16;

/// In revisions of up to this many rows, filters look at the ordinals of all rows, and merges carry only
/// the columns that a plan asked for.
const SCANNED_ROWS_MAX: u32 = 512;

/// The segments that were merged, and the row of the result that each of their rows became.
struct Sources<'a> {
    segments: &'a [(&'a Segment, &'a Tombstones)],
    moves: &'a [Vec<u32>],
    rows_count: usize,
    /// The index of the segment with the most rows.
    largest: usize,
    /// How the rows of the others come to those of the largest.
    insertion: Insertion,
    /// The rows of the others in the order of the result, each with the index of its segment.
    inserted: Vec<(usize, u32)>,
}

impl<'a> Sources<'a> {
    fn new(
        segments: &'a [(&'a Segment, &'a Tombstones)],
        moves: &'a [Vec<u32>],
        rows_count: u32,
    ) -> Sources<'a> {
        let largest = (0..moves.len()).max_by_key(|&at| moves[at].len());
        let largest = largest.unwrap_or(0);
        let others = (0..).zip(moves).filter(|&(at, _)| at != largest);
        let rows = others.flat_map(|(at, moves)| {
            let rows = (0..).zip(moves).filter(|&(_, &to)| to != MOVE_DROPPED);
            rows.map(move |(row, &to)| (to, at, row))
        });
        let mut inserted: Vec<(u32, usize, u32)> = rows.collect();
        inserted.sort_unstable();
        Sources {
            segments,
            moves,
            rows_count: rows_count as usize,
            largest,
            insertion: Insertion::of_moves(&moves[largest], rows_count),
            inserted: inserted.into_iter().map(|(_, at, row)| (at, row)).collect(),
        }
    }

    /// Calls `each` with every row of the result and its ordinal in a field's column of its source.
    fn for_each_ordinal(&self, field: Field, mut each: impl FnMut(&Column, u32, u64)) {
        let mut ordinals = Vec::new();
        for ((segment, _), moves) in self.segments.iter().zip(self.moves) {
            let Some(column) = segment.column(Slot::Field(field)) else {
                continue;
            };
            ordinals.clear();
            column.append_ordinals_to(0..segment.rows_count(), &mut ordinals);
            let moved = moves.iter().zip(&ordinals);
            for (&to, &ordinal) in moved.filter(|&(&to, _)| to != MOVE_DROPPED) {
                each(column, to, ordinal);
            }
        }
    }

    /// Makes the column of a field out of those of the sources; none where its texts are not
    /// all the base's.
    fn column(&self, field: Field, of_base: &Column) -> Option<Column> {
        let slot = Slot::Field(field);
        let columns = self.segments.iter().map(|(segment, _)| {
            let column = segment.column(slot);
            column.filter(|column| column.has_values_of(of_base))
        });
        let columns: Option<SmallVec<[&Column; 4]>> = columns.collect();
        let has_zones = of_base.zones_overlap().is_some() && zones_pay(self.rows_count as u32);
        match columns {
            Some(columns) if !has_zones => {
                let ordinal = |&(at, row): &(usize, u32)| columns[at].ordinal(row);
                let ordinals: Vec<u64> = self.inserted.iter().map(ordinal).collect();
                return Some(columns[self.largest].with_rows(&self.insertion, &ordinals));
            }
            Some(_) => {
                let mut ordinals = vec![0; self.rows_count];
                self.for_each_ordinal(field, |_, to, ordinal| ordinals[to as usize] = ordinal);
                return Some(of_base.with_ordinals(&ordinals));
            }
            None => {}
        }
        if of_base.dictionary().is_some() {
            return None;
        }
        let mut numbers = vec![None; self.rows_count];
        self.for_each_ordinal(field, |column, to, ordinal| {
            numbers[to as usize] = column.number_of(ordinal);
        });
        let with_zones = field.kind() == FieldKind::Date && zones_pay(self.rows_count as u32);
        Some(Column::of_close_numbers(&numbers, with_zones))
    }

    /// Returns the rows of the result, those of each source in the order of a field as far as
    /// it has it.
    fn ordered(&self, field: Field) -> Vec<u32> {
        let mut ordered = Vec::with_capacity(self.rows_count);
        for ((segment, _), moves) in self.segments.iter().zip(self.moves) {
            let is_live = |to: &u32| *to != MOVE_DROPPED;
            match segment.orders[field.index()].get() {
                Some(order) => {
                    let moved = order.rows().iter().map(|&row| moves[row as usize]);
                    ordered.extend(moved.filter(is_live));
                }
                None => ordered.extend(moves.iter().copied().filter(is_live)),
            }
        }
        ordered
    }
}

impl Segment {
    /// Merges the live rows of revisions of one base; none where one of the segments is no revision.
    pub(crate) fn of_revisions(
        segments: &[(&Segment, &Tombstones)],
        budget: &Arc<Budget>,
    ) -> Option<Segment> {
        let revisions = segments
            .iter()
            .map(|(segment, dead)| Some((segment.revision()?, *dead)));
        let revisions: Vec<(&Revision, &Tombstones)> = revisions.collect::<Option<_>>()?;
        let base = revisions.first()?.0.base();
        let (revision, moves) = Revision::merge(base, &revisions);
        let merged = Segment::of_revision(revision, budget);
        merged.carry(&Sources::new(segments, &moves, merged.rows_count));
        Some(merged)
    }

    /// Adds rows of the base, which the commit of a number revises, to the live rows of a revision, with
    /// the columns that plans have asked for; none where the segment is no revision.
    pub(crate) fn with_revised(
        &self,
        dead: &Tombstones,
        revised: &[RevisedRow],
        number: u64,
    ) -> Option<Segment> {
        let base = self.revision()?.base();
        let (revision, insertion) = self.revision()?.with_rows(dead, revised, number);
        let inserted = |field: Field| {
            let column = self.made_column(field)?;
            let of_base = base.column(Slot::Field(field))?;
            let is_of_base = column.has_values_of(of_base);
            let ordinal = |row: &RevisedRow| match row.value(field) {
                Some(value) => value.ordinal_in(column),
                None if is_of_base => Some(of_base.ordinal(row.base_row)),
                None => NewValueRef::in_row(of_base, row.base_row).ordinal_in(column),
            };
            let ordinals: Option<SmallVec<[u64; 4]>> = revised.iter().map(ordinal).collect();
            Some(column.with_rows(&insertion, &ordinals?))
        };
        let tids = inserted(Field::Tid);
        let segment = Segment::of_revision_with(revision, tids, &self.budget);
        let moves = insertion.moves(self.rows_count as usize);
        for field in base.findings.asked.keys.fields() {
            let Some(column) = inserted(field) else {
                continue;
            };
            let order = self.orders[field.index()].get();
            if let Some(order) = order.and_then(|order| order.with_rows(&column, &moves)) {
                segment.orders[field.index()].make(|| order);
            }
            segment.columns[field.index()].get_or_init(|| FieldColumn::Ordinals(column));
        }
        segment.make_keys();
        Some(segment)
    }

    /// Makes a revision of rows of a base, which the commit of a number revises.
    pub(crate) fn of_revised(
        base: &Arc<Segment>,
        revised: &[RevisedRow],
        number: u64,
        budget: &Arc<Budget>,
    ) -> Segment {
        let revision = Revision::new(base, revised, number);
        let segment = Segment::of_revision(revision, budget);
        segment.make_keys();
        segment
    }

    /// Makes the columns and orders that plans have asked for, if that is so little work that it is best
    /// done before rows are added: from then on they are copied.
    fn make_keys(&self) {
        let Some(base) = self.revision().map(Revision::base) else {
            return;
        };
        if self.rows_count <= MADE_ROWS_MAX {
            let asked = &base.findings.asked;
            let is_of_ordinals = |slot: &Slot| base.column(*slot).is_some();
            let keys = asked.keys.fields().map(Slot::Field);
            keys.filter(is_of_ordinals)
                .for_each(|slot| _ = self.column(slot));
            let orders = asked.orders.fields().map(Slot::Field);
            orders
                .filter(is_of_ordinals)
                .for_each(|slot| _ = self.make_order(slot));
        }
    }

    /// Returns the column of a field where it is one of ordinals and was made already.
    fn made_column(&self, field: Field) -> Option<&Column> {
        match self.columns[field.index()].get()? {
            FieldColumn::Ordinals(column) => Some(column),
            FieldColumn::Long(_) | FieldColumn::Custom => None,
        }
    }

    /// Returns whether the rows revise others and are few enough that filters do best to look at all.
    pub(crate) fn is_scanned(&self) -> bool {
        self.rows_count <= SCANNED_ROWS_MAX && self.revision().is_some()
    }

    /// Makes of a merged revision what readers have asked of the base's.
    fn carry(&self, sources: &Sources<'_>) {
        let Some(base) = self.revision().map(Revision::base) else {
            return;
        };
        let asked = if self.is_scanned() {
            &base.findings.asked.keys
        } else {
            &base.findings.asked.columns
        };
        for field in asked.fields() {
            if let FieldColumn::Ordinals(of_base) = base.field(field)
                && field != Field::Tid
            {
                let column = sources.column(field, of_base).map(FieldColumn::Ordinals);
                self.columns[field.index()].get_or_init(|| {
                    let made = || self.revision().map(|revision| revision.column(field));
                    column.or_else(made).unwrap_or(FieldColumn::Custom)
                });
            }
        }
        if !self.is_scanned() {
            for field in base.findings.asked.postings.fields() {
                self.posting_sets(field);
            }
        }
        for field in base.findings.asked.orders.fields() {
            if let Some(column) = self.column(Slot::Field(field)) {
                let order = &self.orders[field.index()];
                order.make(|| SortedRows::by_class_of_runs(column, &sources.ordered(field)));
            }
        }
    }
}
