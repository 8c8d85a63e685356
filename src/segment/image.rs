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
use super::revision::Revision;
use super::rowset::RowSet;
use super::sorted::{LazyRows, SortedRows};
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::tally::KeptCounts;
use super::terms::TermSets;
use super::text_column::TextColumn;
use super::versions::Versions;
use super::words::Words;
use super::{CustomColumn, FieldColumn, Segment, Slot, Texts};
use crate::model::Field;

/// The kinds of a [`FieldColumn`].
const CODED: u64 = 0;
const TEXT: u64 = 1;
const CUSTOM: u64 = 2;

impl Stored for FieldColumn {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match self {
            FieldColumn::Coded(column) => out.number(CODED).and_then(|()| column.write_to(out)),
            FieldColumn::Text(column) => out.number(TEXT).and_then(|()| column.write_to(out)),
            FieldColumn::Custom => out.number(CUSTOM),
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<FieldColumn> {
        Ok(match input.number::<u64>()? {
            CODED => FieldColumn::Coded(Column::read_from(input)?),
            TEXT => FieldColumn::Text(TextColumn::read_from(input)?),
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
        let (words, versions) = match &self.texts {
            Texts::Base(revision) => return revision.write_to(out),
            Texts::Own(words, versions) => (words, versions),
        };
        out.number(self.rows_count)?;
        for field in Field::ALL {
            self.field(field).write_to(out)?;
        }
        out.list(self.custom())?;
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
    /// The result is what was written if the hash is; then [`count_bytes`](Segment::count_bytes)
    /// makes it whole.
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
            custom: OnceLock::from(custom),
            postings,
            cubes,
            orders,
            versions_order: LazyRows::default(),
            texts: Texts::Own(words, versions),
            terms: TermSets::default(),
            counts: KeptCounts::default(),
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
