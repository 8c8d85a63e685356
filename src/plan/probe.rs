//! Filters as questions to many rows.
//!
//! What a question looks at is found once, and each row is a look at it.

use std::ops::Range;

use smallvec::SmallVec;

use crate::segment::{Bitmap, Column, RowSet, RowTest, Segment, Tombstones};

/// A filter as a question to many rows: what it looks at is found once.
pub(super) enum Probe<'a> {
    /// No row satisfies it.
    Nothing,
    /// The row is in a bitmap.
    Bits(&'a Bitmap),
    /// The row is in the set.
    Rows(&'a RowSet),
    /// The row's class is in a range.
    Classes(&'a Column, Range<u64>),
    /// The row's class is one of these, ascending.
    AnyOf(&'a Column, &'a [u32]),
    /// A searchable text holds the term.
    Texts(&'a str, &'a Segment),
    /// The row's class is in one of these ranges.
    InRanges(&'a Column, &'a [Range<u64>]),
    /// The row passes a test.
    Asked(&'a RowTest, &'a Segment),
    /// The row does not satisfy the other.
    Not(Box<Probe<'a>>),
}

impl Probe<'_> {
    /// Returns whether a row satisfies the filter.
    #[inline]
    pub(super) fn holds(&self, row: u32) -> bool {
        match self {
            Probe::Nothing => false,
            Probe::Bits(bits) => bits.contains(row),
            Probe::Rows(rows) => rows.contains(row),
            Probe::Classes(column, classes) => classes.contains(&column.class(row)),
            Probe::AnyOf(column, classes) => {
                classes.binary_search(&(column.class(row) as u32)).is_ok()
            }
            Probe::Texts(term, segment) => segment.holds_term(row, term),
            Probe::InRanges(column, ranges) => is_in(ranges, column.class(row)),
            Probe::Asked(test, segment) => test.holds(segment, row),
            Probe::Not(inner) => inner.fails(row),
        }
    }

    /// Returns whether a row does not satisfy the filter.
    ///
    /// Not inlined, so that [`holds`](Probe::holds) can be.
    #[inline(never)]
    fn fails(&self, row: u32) -> bool {
        !self.holds(row)
    }
}

/// The question whether a row is live and satisfies some filters.
pub(super) struct Probes<'a> {
    /// The tid range, if it leaves rows out.
    pub(super) rows: Option<Range<u32>>,
    pub(super) dead: Option<&'a Tombstones>,
    pub(super) filters: SmallVec<[Probe<'a>; 4]>,
}

impl Probes<'_> {
    /// Asks one row.
    #[inline]
    pub(super) fn hold(&self, row: u32) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.contains(&row))
            && self.filters.iter().all(|filter| filter.holds(row))
            && self.dead.is_none_or(|dead| !dead.contains(row))
    }
}

/// Returns whether a class is in one of some ranges, which ascend.
pub(super) fn is_in(ranges: &[Range<u64>], class: u64) -> bool {
    let after = ranges.partition_point(|range| range.start <= class);
    after > 0 && class < ranges[after - 1].end
}
