//! Several segments into one, without sorting again.
//!
//! The rows of every input ascend by tid, its dictionaries by (folded, raw) text and its words by
//! bytes. So rows, texts and words get new numbers without changing their order, and all inputs are
//! read in step: what a row holds is looked up in a table of new numbers, never hashed. Long texts are
//! copied as they are kept, or packed again.
//!
//! The result is the segment that a builder would make of the live tickets, down to the
//! ordinals: texts and words that only dead rows held are gone. Without a memory budget it has the
//! orders and the kept term sets that an input had, so that no reader pays for a merge.
//!
//! A [`Revision`] among the inputs has no rows of its own to read in step: its live rows count as rows
//! of its base that live again, and its changes are written into the columns.
//!
//! # Invariants
//!
//! * No two live rows of the inputs have the same tid.
//! * The base of every revision is an input too.
//!
//! # Cost
//!
//! Linear in the inputs' cells and postings; each distinct text and word takes a step for each input,
//! and the grams of the words are made again. Beside inputs and result it holds four bytes a row for
//! where rows go and, for the column being merged, eight bytes a row, or about 32 where it is one of
//! numbers. Each run of rows of one input takes 16 bytes, and 24 more while long texts are merged; a row may
//! be a run where the numbers of two inputs alternate.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::budget::Budget;
use super::changes::Changes;
use super::column::Column;
use super::dictionary::Dictionary;
use super::distinct::DistinctTexts;
use super::integers::Integers;
use super::marks::Tombstones;
use super::parts::SegmentParts;
use super::revision::Revision;
use super::text_column::TextColumn;
use super::versions::Versions;
use super::words::{MOVE_DROPPED, MergeInput, Words};
use super::zones::zones_pay;
use super::{FieldColumn, Segment, Slot};
use crate::model::{Field, FieldKind};

/// A segment to be merged, with the marks of its dead rows.
pub(crate) type Source<'a> = (&'a Segment, &'a Tombstones);

impl Segment {
    /// Merges the live rows of segments into one segment.
    pub(crate) fn merge(sources: &[Source<'_>], budget: &Arc<Budget>) -> Segment {
        let merge = Merge::new(sources, budget.packed_bytes_min());
        let columns = Field::ALL.map(|field| merge.field(field));
        let parts = SegmentParts {
            rows_count: merge.rows_count,
            columns: columns.into(),
            custom: merge.custom(),
            versions: merge.versions(),
        };
        let segment = parts.assemble(budget, || merge.words());
        // With a budget, readers ask for room themselves once the merge is published: what was made for
        // them here could take the room that the merge, or a commit beside it, needs.
        if budget.is_unlimited() {
            for slot in merge.orders() {
                segment.order(slot);
            }
            for source in &merge.sources {
                source.findings.terms.for_each(|term| {
                    // Several sources may have kept it.
                    if segment.kept_term(term).is_none() {
                        let matches = segment.find_term(term);
                        segment.term_rows(term, &matches, true);
                    }
                });
            }
        }
        segment
    }
}

/// Rows of one source that come one after the other in the result too.
#[derive(Clone, Debug)]
struct Run {
    source: usize,
    rows: Range<u32>,
}

/// A revision to be merged, with the marks of its dead rows and the place of its base.
struct Revised<'a> {
    revision: &'a Revision,
    dead: &'a Tombstones,
    source: usize,
}

impl Revised<'_> {
    /// Returns the rows of the base that live in the revision.
    fn live_rows(&self) -> impl Iterator<Item = u32> {
        let rows = (0..).zip(self.revision.rows());
        let live = rows.filter(|&(row, _)| !self.dead.contains(row));
        live.map(|(_, &base_row)| base_row)
    }
}

/// Where the rows of the result come from.
struct Merge<'a> {
    /// All but the revisions.
    sources: Vec<&'a Segment>,
    revised: Vec<Revised<'a>>,
    runs: Vec<Run>,
    /// By source: where each row goes, or that it does not.
    moves: Vec<Vec<u32>>,
    rows_count: u32,
    /// The bytes of long texts from which a column packs them.
    packed_bytes_min: usize,
}

impl<'a> Merge<'a> {
    fn new(sources: &[Source<'a>], packed_bytes_min: usize) -> Merge<'a> {
        let is_whole = |source: &&Source<'a>| source.0.revision().is_none();
        let whole: Vec<Source<'a>> = sources.iter().filter(is_whole).copied().collect();
        let revised = sources.iter().filter_map(|&(segment, dead)| {
            let revision = segment.revision()?;
            let base: &Segment = revision.base();
            let is_base = |source: &Source<'a>| std::ptr::eq(source.0, base);
            Some(Revised {
                revision,
                dead,
                source: whole.iter().position(is_base)?,
            })
        });
        let revised: Vec<Revised> = revised.collect();
        let mut dead: Vec<_> = whole.iter().map(|&(_, dead)| Cow::Borrowed(dead)).collect();
        for revised in &revised {
            let dead = dead[revised.source].to_mut();
            for row in revised
                .live_rows()
                .filter(|&row| dead.contains(row))
                .collect::<Vec<_>>()
            {
                dead.toggle(row);
            }
        }
        let heads = whole
            .iter()
            .zip(&dead)
            .map(|(&(segment, _), dead)| (segment, &**dead));
        let runs = merge_rows(&heads.collect::<Vec<_>>());
        let sources: Vec<&Segment> = whole.iter().map(|(segment, _)| *segment).collect();
        let (moves, rows_count) = moves_of(&runs, &sources);
        Merge {
            sources,
            revised,
            runs,
            moves,
            rows_count,
            packed_bytes_min,
        }
    }

    /// Visits what revisions change in a field: the row of the result, the changes, and which.
    fn for_each_change(&self, field: Field, mut visit: impl FnMut(usize, &Changes, usize)) {
        for revised in &self.revised {
            let Some(changes) = revised.revision.changes(field) else {
                continue;
            };
            let rows = changes.rows().iter().enumerate();
            for (at, &row) in rows.filter(|&(_, &row)| !revised.dead.contains(row)) {
                let base_row = revised.revision.rows()[row as usize];
                let to = self.moves[revised.source][base_row as usize];
                visit(to as usize, changes, at);
            }
        }
    }

    fn field(&self, field: Field) -> FieldColumn {
        let slot = Slot::Field(field);
        match field.kind() {
            FieldKind::CustomFields => FieldColumn::Custom,
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date => {
                let with_zones = field.kind() == FieldKind::Date && zones_pay(self.rows_count);
                FieldColumn::Ordinals(self.numbers(slot, with_zones))
            }
            FieldKind::Text | FieldKind::Identifier | FieldKind::Flag => {
                let texts = self.sources.iter().map(|it| it.text_column(slot));
                match texts.collect::<Option<Vec<&TextColumn>>>() {
                    Some(columns) => FieldColumn::Long(self.long_texts(&columns)),
                    None => FieldColumn::Ordinals(self.texts(slot, field.is_url_encoded())),
                }
            }
        }
    }

    /// Returns the ordinals of a slot, as they are in the sources; 0 where one lacks it.
    fn ordinals(&self, slot: Slot) -> Vec<u64> {
        let mut ordinals = Vec::with_capacity(self.rows_count as usize);
        for Run { source, rows } in &self.runs {
            match self.sources[*source].column(slot) {
                Some(column) => column.append_ordinals_to(rows.clone(), &mut ordinals),
                None => ordinals.resize(ordinals.len() + rows.len(), 0),
            }
        }
        ordinals
    }

    /// Visits the parts of a vector of the result's rows with the source of each.
    fn for_each_run<T>(&self, mut values: &mut [T], mut visit: impl FnMut(usize, &mut [T])) {
        for run in &self.runs {
            let (own, rest) = values.split_at_mut(run.rows.len());
            visit(run.source, own);
            values = rest;
        }
    }

    fn numbers(&self, slot: Slot, with_zones: bool) -> Column {
        let columns: Vec<_> = self.sources.iter().map(|it| it.column(slot)).collect();
        let mut numbers = Vec::with_capacity(self.rows_count as usize);
        self.for_each_run(&mut self.ordinals(slot), |source, ordinals| {
            let column = columns[source];
            numbers.extend(ordinals.iter().map(|&ordinal| column?.number_of(ordinal)));
        });
        if let Slot::Field(field) = slot {
            self.for_each_change(field, |row, changes, at| numbers[row] = changes.number(at));
        }
        Column::of_numbers(&numbers, with_zones)
    }

    /// Returns the texts that revisions give a slot, and for each row that gets one the ordinal.
    fn changed_texts(&self, slot: Slot) -> (Dictionary, Vec<(usize, u32)>) {
        let Slot::Field(field) = slot else {
            return (Dictionary::empty(), Vec::new());
        };
        let (mut texts, hasher) = (DistinctTexts::default(), DefaultHashBuilder::default());
        let mut changed = Vec::new();
        self.for_each_change(field, |row, changes, at| {
            changed.push((row, texts.insert(changes.text(at), &hasher)));
        });
        let (dictionary, renumbered) = texts.sort(field.is_url_encoded());
        for (_, ordinal) in &mut changed {
            *ordinal = renumbered[*ordinal as usize];
        }
        (dictionary, changed)
    }

    fn texts(&self, slot: Slot, is_url_encoded: bool) -> Column {
        let empty = Dictionary::empty();
        let (changed_texts, changed) = self.changed_texts(slot);
        let dictionaries = self.sources.iter().map(|source| {
            let column = source.column(slot);
            column.and_then(Column::dictionary).unwrap_or(&empty)
        });
        let mut inputs: Vec<(&Dictionary, Vec<bool>)> = dictionaries
            .map(|texts| (texts, vec![false; texts.count() as usize]))
            .collect();
        let mut ordinals = self.ordinals(slot);
        // What is changed takes the empty text for now, which every dictionary has.
        for &(row, _) in &changed {
            ordinals[row] = 0;
        }
        self.for_each_run(&mut ordinals, |source, ordinals| {
            let is_used = &mut inputs[source].1;
            for &ordinal in &*ordinals {
                is_used[ordinal as usize] = true;
            }
        });
        if !changed.is_empty() {
            inputs.push((&changed_texts, vec![true; changed_texts.count() as usize]));
        }
        let (dictionary, renumbered) = Dictionary::merge(&inputs, is_url_encoded);
        self.for_each_run(&mut ordinals, |source, ordinals| {
            let renumbered = &renumbered[source];
            for ordinal in ordinals {
                *ordinal = u64::from(renumbered[*ordinal as usize]);
            }
        });
        if let Some(renumbered) = renumbered.get(self.sources.len()) {
            for (row, ordinal) in changed {
                ordinals[row] = u64::from(renumbered[ordinal as usize]);
            }
        }
        Column::of_texts(Integers::pack(&ordinals), dictionary)
    }

    fn long_texts(&self, columns: &[&TextColumn]) -> TextColumn {
        let run = |run: &Run| (columns[run.source], run.rows.clone());
        let runs: Vec<_> = self.runs.iter().map(run).collect();
        TextColumn::merge(&runs, self.packed_bytes_min)
    }

    fn custom(&self) -> Vec<(u32, Column)> {
        let names = self.sources.iter().flat_map(|it| it.custom_columns());
        let mut indexes: Vec<u32> = names.map(|(name_index, _)| name_index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes
            .into_iter()
            .map(|index| (index, self.custom_texts(index)))
            .filter(|(_, column)| column.has_values())
            .collect()
    }

    /// Merges the columns of a custom field, which no revision changes.
    ///
    /// There may be thousands of them, most of them nearly empty: where all sources leave out the rows without
    /// a value, only the others are visited and sorted by their rows of the result.
    fn custom_texts(&self, name_index: u32) -> Column {
        let (slot, empty) = (Slot::Custom(name_index), Dictionary::empty());
        let columns: Vec<_> = self.sources.iter().map(|it| it.column(slot)).collect();
        if !columns.iter().flatten().all(|it| it.is_mostly_empty()) {
            return self.texts(slot, true);
        }
        let dictionaries = columns.iter();
        let dictionaries =
            dictionaries.map(|column| column.and_then(Column::dictionary).unwrap_or(&empty));
        let mut inputs: Vec<(&Dictionary, Vec<bool>)> = dictionaries
            .map(|texts| (texts, vec![false; texts.count() as usize]))
            .collect();
        let mut held = Vec::new();
        for (source, column) in columns.iter().enumerate() {
            let (moves, is_used) = (&self.moves[source], &mut inputs[source].1);
            let Some(column) = column else {
                continue;
            };
            column.for_each_value(|row, ordinal| {
                let to = moves[row as usize];
                if to != MOVE_DROPPED {
                    is_used[ordinal as usize] = true;
                    held.push((to, source, ordinal as u32));
                }
            });
        }
        // The rows of each source ascend already, and this sort merges such runs.
        held.sort_by_key(|&(row, ..)| row);
        let (dictionary, renumbered) = Dictionary::merge(&inputs, true);
        let renumbered = |&(_, source, ordinal): &(u32, usize, u32)| {
            u64::from(renumbered[source][ordinal as usize])
        };
        let ordinals: Vec<u64> = held.iter().map(renumbered).collect();
        let rows = held.iter().map(|&(row, ..)| row).collect();
        let ordinals = Integers::pack_listed(rows, &ordinals, self.rows_count);
        Column::of_texts(ordinals, dictionary)
    }

    fn words(&self) -> Words {
        let inputs: Vec<MergeInput> = self
            .sources
            .iter()
            .zip(&self.moves)
            .filter_map(|(source, moves)| {
                let words = source.words()?;
                Some(MergeInput { words, moves })
            })
            .collect();
        Words::merge(&inputs, self.rows_count)
    }

    /// Returns the numbers that the rows bring along.
    fn versions(&self) -> Versions {
        let revisions = self.revised.iter().map(|it| it.revision.versions());
        let mut all = self.sources.iter().map(|it| it.versions()).chain(revisions);
        let first = all.next().and_then(Versions::one);
        if let Some(number) = first.filter(|&first| all.all(|it| it.one() == Some(first))) {
            return Versions::of_commit(number, self.rows_count);
        }
        let mut numbers = Vec::with_capacity(self.rows_count as usize);
        for Run { source, rows } in &self.runs {
            let versions = self.sources[*source].versions();
            versions.append_to(rows.clone(), &mut numbers);
        }
        for revised in &self.revised {
            let rows = (0..).zip(revised.revision.rows());
            for (row, &base_row) in rows.filter(|&(row, _)| !revised.dead.contains(row)) {
                let to = self.moves[revised.source][base_row as usize];
                numbers[to as usize] = revised.revision.versions().number(row);
            }
        }
        Versions::of_rows(&numbers)
    }

    /// Returns the slots that readers of a source asked an order of.
    fn orders(&self) -> Vec<Slot> {
        let fields = Field::ALL.into_iter().map(Slot::Field);
        let custom = self.sources.iter().flat_map(|it| it.custom_columns());
        let mut slots: Vec<Slot> = fields
            .chain(custom.map(|(name_index, _)| Slot::Custom(name_index)))
            .chain([Slot::Version])
            .collect();
        let was_asked_for =
            |source: &&Segment, slot: Slot| source.has_order(slot) && !source.seals_order(slot);
        slots.retain(|&slot| self.sources.iter().any(|it| was_asked_for(it, slot)));
        slots
    }
}

/// Returns where each row of each source goes, and how many rows there are.
fn moves_of(runs: &[Run], sources: &[&Segment]) -> (Vec<Vec<u32>>, u32) {
    let rows_counts = sources.iter().map(|it| it.rows_count() as usize);
    let mut moves: Vec<Vec<u32>> = rows_counts.map(|rows| vec![MOVE_DROPPED; rows]).collect();
    let mut next = 0;
    for Run { source, rows } in runs {
        for to in &mut moves[*source][rows.start as usize..rows.end as usize] {
            *to = next;
            next += 1;
        }
    }
    (moves, next)
}

/// Returns the live rows of all sources by tid.
fn merge_rows(sources: &[Source<'_>]) -> Vec<Run> {
    let mut heads: Vec<Head> = sources.iter().map(Head::new).collect();
    let mut queue: BinaryHeap<Reverse<(u64, usize)>> = (0..heads.len())
        .filter_map(|source| Some(Reverse((heads[source].tid()?, source))))
        .collect();
    let mut runs: Vec<Run> = Vec::new();
    while let Some(Reverse((_, source))) = queue.pop() {
        let head = &mut heads[source];
        let bound = queue.peek().map_or(u64::MAX, |Reverse((tid, _))| *tid);
        // Until another source has the least tid.
        let next = loop {
            match runs.last_mut() {
                Some(run) if run.source == source && run.rows.end == head.row => {
                    run.rows.end += 1;
                }
                _ => runs.push(Run {
                    source,
                    rows: head.row..head.row + 1,
                }),
            }
            head.advance(head.row + 1);
            match head.tid() {
                Some(tid) if tid < bound => {}
                next => break next,
            }
        };
        queue.extend(next.map(|tid| Reverse((tid, source))));
    }
    runs
}

/// The next live row of a source.
struct Head<'a> {
    segment: &'a Segment,
    dead: &'a Tombstones,
    /// The count of rows at the end.
    row: u32,
}

impl<'a> Head<'a> {
    fn new(&(segment, dead): &Source<'a>) -> Head<'a> {
        let mut head = Head {
            segment,
            dead,
            row: 0,
        };
        head.advance(0);
        head
    }

    /// Passes to the first live row from one on.
    fn advance(&mut self, from: u32) {
        let mut left = from..self.segment.rows_count();
        let live = left.find(|&row| !self.dead.contains(row));
        self.row = live.unwrap_or(self.segment.rows_count());
    }

    fn tid(&self) -> Option<u64> {
        (self.row < self.segment.rows_count()).then(|| self.segment.tid(self.row))
    }
}

#[cfg(test)]
mod tests;
