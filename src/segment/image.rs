//! A segment as the bytes of an image.
//!
//! Columns, postings, cubes, the orders that every segment has, words and numbers of commits are
//! written as they are; of a revision, which rows of its base it has and what differs. What readers
//! have made besides is left out, and is made again when it is asked for.
//!
//! # Invariants
//!
//! * A segment that was read is used only after its hash was found to be the one of its writing.
//!
//! # Cost
//!
//! That of [`stored`](super::stored): a copy of the segment.

use std::io;
use std::sync::{Arc, OnceLock};

use super::budget::Budget;
use super::column::Column;
use super::cube::Cube;
use super::custom_columns::{CustomColumn, RevisedColumns};
use super::revision::Revision;
use super::rowset::RowSet;
use super::sorted::{LazyRows, SortedRows};
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::text_column::TextColumn;
use super::versions::Versions;
use super::words::Words;
use super::{FieldColumn, Findings, Origin, Segment, Slot};
use crate::model::Field;

/// The kinds of a [`FieldColumn`].
const ORDINALS: u64 = 0;
const TEXT: u64 = 1;
const CUSTOM: u64 = 2;

impl Stored for FieldColumn {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match self {
            FieldColumn::Ordinals(column) => {
                out.number(ORDINALS).and_then(|()| column.write_to(out))
            }
            FieldColumn::Long(column) => out.number(TEXT).and_then(|()| column.write_to(out)),
            FieldColumn::Custom => out.number(CUSTOM),
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<FieldColumn> {
        Ok(match input.number::<u64>()? {
            ORDINALS => FieldColumn::Ordinals(Column::read_from(input)?),
            TEXT => FieldColumn::Long(TextColumn::read_from(input)?),
            CUSTOM => FieldColumn::Custom,
            _ => return Err(malformed()),
        })
    }
}

impl Stored for CustomColumn {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.name_index)?;
        self.column.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<CustomColumn> {
        Ok(CustomColumn::new(
            input.number()?,
            Column::read_from(input)?,
        ))
    }
}

impl Segment {
    /// Writes the segment; of a revision what is its own.
    pub(crate) fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        let (words, versions) = match &self.origin {
            Origin::Base(revision) => return revision.write_to(out),
            Origin::Own(words, versions) => (words, versions),
        };
        out.number(self.rows_count)?;
        for field in Field::ALL {
            self.field(field).write_to(out)?;
        }
        out.list(&self.custom)?;
        for field in Field::ALL {
            let sets = self.posting_sets(field);
            out.number(sets.is_some())?;
            sets.map_or(Ok(()), |sets| out.list(sets))?;
        }
        out.list(&self.cubes)?;
        for field in Field::ALL {
            let is_sealed = self.seals_order(Slot::Field(field));
            let order = self.orders[field.index()].get();
            out.option(order.filter(|_| is_sealed))?;
        }
        words.write_to(out)?;
        versions.write_to(out)
    }

    /// Reads what [`write_to`](Segment::write_to) wrote: a revision of `base`, where there is one.
    ///
    /// Whether it is what was written, only the hash tells; then [`trust`](ReadSegment::trust) makes the
    /// segment.
    pub(crate) fn read_from(
        input: &mut StoredReader<'_>,
        base: Option<&Arc<Segment>>,
        budget: &Arc<Budget>,
    ) -> io::Result<ReadSegment> {
        if let Some(base) = base {
            return Ok(ReadSegment::Revision(Revision::read_from(input, base)?));
        }
        let rows_count = input.number()?;
        let mut columns = Vec::with_capacity(Field::ALL.len());
        for _ in Field::ALL {
            columns.push(OnceLock::from(FieldColumn::read_from(input)?));
        }
        let custom: Vec<CustomColumn> = input.list()?;
        let mut postings = Vec::with_capacity(Field::ALL.len());
        for _ in Field::ALL {
            let sets: Option<Vec<RowSet>> = input.flag()?.then(|| input.list()).transpose()?;
            postings.push(OnceLock::from(sets));
        }
        let cubes: Vec<Cube> = input.list()?;
        let mut orders = Vec::with_capacity(Field::ALL.len());
        for _ in Field::ALL {
            let lazy = LazyRows::default();
            if let Some(order) = input.option::<SortedRows>()? {
                lazy.make(|| order);
            }
            orders.push(lazy);
        }
        let words = Box::new(Words::read_from(input)?);
        let versions = Versions::read_from(input)?;
        Ok(ReadSegment::Own(Box::new(Segment {
            rows_count,
            columns,
            custom,
            revised_custom: RevisedColumns::default(),
            postings,
            cubes,
            orders,
            versions_order: LazyRows::default(),
            origin: Origin::Own(words, versions),
            findings: Findings::default(),
            budget: Arc::clone(budget),
            fixed_bytes: 0,
            text_bytes: 0,
        })))
    }
}

/// A segment that was read, and may yet turn out not to be what was written.
pub(crate) enum ReadSegment {
    Own(Box<Segment>),
    Revision(Revision),
}

impl ReadSegment {
    /// Makes the segment, for whoever knows that it is what was written.
    pub(crate) fn trust(self, budget: &Arc<Budget>) -> Segment {
        match self {
            ReadSegment::Own(mut segment) => {
                segment.count_bytes();
                *segment
            }
            ReadSegment::Revision(revision) => Segment::of_revision(revision, budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ticket;
    use crate::model::names::CustomNames;
    use crate::segment::builder::SegmentBuilder;

    /// Makes a segment that has every form of column, set, posting and order.
    fn make(budget: &Arc<Budget>) -> Segment {
        let mut names = CustomNames::default();
        names.enter(None, ["Serial", "Rare"]).unwrap();
        let mut builder = SegmentBuilder::new();
        for tid in 1..=20_000u64 {
            let mut ticket = Ticket {
                tid: tid * 3,
                status: format!("Status {}", tid % 5),
                category: format!("category {}", tid % 900 / (1 + tid % 7)),
                subject: format!("printer {} is on fire, \u{e4}{}", tid % 321, tid),
                summary: format!("word{} and some that all rows have", tid % 50),
                ..Ticket::default()
            };
            let texts = [(tid % 9, "Serial"), (tid % 2_000, "Rare")];
            let held = texts.iter().filter(|(rest, _)| *rest == 0);
            ticket.custom_fields = held
                .map(|(_, name)| ((*name).to_owned(), format!("{name} {}", tid % 77)))
                .collect();
            builder.enter_commit(1 + tid % 2);
            builder.insert(&[ticket], &names);
        }
        builder.seal(budget)
    }

    fn write(segment: &Segment) -> (Vec<u8>, u64) {
        let mut bytes = Vec::new();
        let mut out = StoredWriter::new(&mut bytes);
        segment.write_to(&mut out).unwrap();
        let hash = out.hash();
        (bytes, hash)
    }

    fn read(bytes: &[u8], hash: u64, budget: &Arc<Budget>) -> io::Result<Segment> {
        let mut input = bytes;
        let mut input = StoredReader::new(&mut input, bytes.len() as u64);
        let read = Segment::read_from(&mut input, None, budget)?;
        let is_whole = input.is_at_end() && input.hash() == hash;
        is_whole.then(|| read.trust(budget)).ok_or_else(malformed)
    }

    #[test]
    fn a_segment_reads_back_as_it_was() {
        let budget = Budget::new(None);
        let segment = make(&budget);
        let (bytes, hash) = write(&segment);
        let same = read(&bytes, hash, &budget).unwrap();
        assert_eq!(same.check_invariants(2), Ok(()));
        // What grew has room to spare, and what is read has none.
        let (read_bytes, bytes_before) = (same.bytes(), segment.bytes());
        assert!(read_bytes <= bytes_before && read_bytes > bytes_before / 100 * 99);
        assert_eq!(same.text_bytes(), segment.text_bytes());
        assert!(write(&same) == (bytes, hash));
        let matches = same.find_term("fire");
        assert_eq!(matches.postings_count(), 20_000);
    }

    #[test]
    fn bytes_that_are_not_those_written_are_an_error() {
        let budget = Budget::new(None);
        let (mut bytes, hash) = write(&make(&budget));
        let step = bytes.len() / 150;
        for at in (0..bytes.len()).step_by(step).chain(0..64) {
            let bit = 1 << (at % 8);
            bytes[at] ^= bit;
            assert!(read(&bytes, hash, &budget).is_err(), "byte {at}");
            bytes[at] ^= bit;
            assert!(read(&bytes[..at], hash, &budget).is_err(), "{at} bytes");
        }
        assert!(read(&bytes, hash, &budget).is_ok());
    }
}
