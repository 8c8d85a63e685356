//! Columns of ordinals: one field's values in one segment.
//!
//! Each row has the *ordinal* of its value, the value's number among those of the column in order.
//! What ordinals stand for is a dictionary for texts, and for numbers and dates a list of the distinct
//! ones or the least, from which they are counted. So filters, orders and zones work on small integers
//! and need not know the values. Only long texts are kept otherwise, in a
//! [`TextColumn`](super::text_column::TextColumn).
//!
//! # Invariants
//!
//! * Ordinals ascend as the values do; none and empty have the least, 0. Texts that fold alike have
//!   different ordinals but one [`class`](Column::class).
//! * A column of some rows of another shares the values of that one, so that some may be in no row.
//!
//! # Cost
//!
//! That of [`Integers`].

#[cfg(feature = "durable")]
use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::blob::Blob;
use super::dictionary::Dictionary;
use super::insertion::Insertion;
use super::integers::Integers;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::zones::{Zone, Zones, zones_pay};
use crate::model::memory::ARC_BYTES;

/// Numbers that come to a column of a frame have ordinals up to this one, so that they take four bytes a row.
const FRAME_ORDINALS: u64 = u32::MAX as u64 - 1;

/// What the ordinals of a column stand for.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// The dictionary's text of the ordinal.
    Texts(Arc<Dictionary>),
    /// Ordinal 0 is none; else value = `base` + ordinal − 1. No ordinal is greater than `ordinals_max`.
    Frame { base: u64, ordinals_max: u64 },
    /// Ordinal 0 is none; else value = `values[ordinal − 1]`.
    Distinct(Arc<[u64]>),
}

impl Values {
    /// Returns the same values, those of some ordinals among them.
    fn through(&self, ordinals: &[u64]) -> Values {
        match self {
            Values::Frame { base, ordinals_max } => Values::Frame {
                base: *base,
                ordinals_max: ordinals.iter().copied().fold(*ordinals_max, u64::max),
            },
            other => other.clone(),
        }
    }
}

/// One field's values in one segment, by ordinal.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    ordinals: Integers,
    values: Values,
    /// The class of each ordinal; none where they are the same numbers.
    classes: Option<Arc<Integers>>,
    /// Whether values and classes are another column's, whose bytes they count to.
    is_shared: bool,
    /// The least and the greatest class of each block; only where they can exclude blocks.
    zones: Option<Zones>,
}

impl Column {
    /// Makes a column of texts from the ordinals of a dictionary, one a row.
    pub(super) fn of_texts(ordinals: Integers, dictionary: Dictionary) -> Column {
        Column {
            ordinals,
            classes: dictionary.classes().map(Arc::new),
            values: Values::Texts(Arc::new(dictionary)),
            is_shared: false,
            zones: None,
        }
    }

    /// Makes a column of other rows with the values of this one, from an ordinal a row.
    pub(super) fn with_ordinals(&self, ordinals: &[u64]) -> Column {
        let has_zones = self.zones.is_some() && zones_pay(ordinals.len() as u32);
        Column {
            ordinals: Integers::pack(ordinals),
            values: self.values.through(ordinals),
            classes: self.classes.clone(),
            is_shared: true,
            zones: has_zones.then(|| Zones::of_ordinals(ordinals)),
        }
    }

    /// Makes a column of rows that stay and of rows that come, given the ordinals of these.
    pub(super) fn with_rows(&self, insertion: &Insertion, inserted: &[u64]) -> Column {
        Column {
            ordinals: self.ordinals.with_rows(insertion, inserted),
            values: self.values.through(inserted),
            classes: self.classes.clone(),
            is_shared: self.is_shared,
            zones: None,
        }
    }

    /// Makes a column of numbers or none, one a row, with zone maps if they are wanted.
    pub(super) fn of_numbers(numbers: &[Option<u64>], with_zones: bool) -> Column {
        let mut distinct: Vec<u64> = numbers.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let first = distinct.first().copied().unwrap_or(0);
        let span = distinct.last().map_or(0, |last| last - first);
        let width = |ordinals_max: u64| match ordinals_max {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        };
        let rows = numbers.len() as u64;
        let distinct_cost = distinct.len() as u64 * (8 + 1) + rows * width(distinct.len() as u64);
        // Two ordinals are kept free: that of none, and the one past a range's end.
        let is_frame = span < u64::MAX - 1 && rows * width(span + 1) <= distinct_cost;
        let ordinal = |number: &Option<u64>| match *number {
            None => 0,
            Some(number) if is_frame => number - first + 1,
            // Every number was put into the list above.
            Some(number) => distinct.partition_point(|&own| own < number) as u64 + 1,
        };
        let ordinals: Vec<u64> = numbers.iter().map(ordinal).collect();
        let zones = with_zones.then(|| Zones::of_ordinals(&ordinals));
        let values = if is_frame {
            Values::Frame {
                base: first,
                ordinals_max: ordinals.iter().copied().max().unwrap_or(0),
            }
        } else {
            Values::Distinct(distinct.into())
        };
        Column {
            ordinals: Integers::pack(&ordinals),
            values,
            classes: None,
            is_shared: false,
            zones,
        }
    }

    /// Makes a column of numbers or none likewise, by their distance from the least where that is
    /// below 2^32: without a look at how many are distinct, which takes sorting them.
    pub(super) fn of_close_numbers(numbers: &[Option<u64>], with_zones: bool) -> Column {
        let held = numbers.iter().flatten();
        let least = held.clone().copied().min().unwrap_or(0);
        let span = held.copied().max().map_or(0, |greatest| greatest - least);
        if span >= u64::from(u32::MAX) {
            return Column::of_numbers(numbers, with_zones);
        }
        let ordinal = |number: &Option<u64>| number.map_or(0, |number| number - least + 1);
        let ordinals: Vec<u64> = numbers.iter().map(ordinal).collect();
        Column::of_frame(least, &ordinals, with_zones)
    }

    /// Returns whether ordinals stand for the same values in both columns.
    pub(crate) fn has_values_of(&self, other: &Column) -> bool {
        match (&self.values, &other.values) {
            (Values::Texts(own), Values::Texts(other)) => Arc::ptr_eq(own, other),
            (Values::Distinct(own), Values::Distinct(other)) => Arc::ptr_eq(own, other),
            (Values::Frame { base: own, .. }, Values::Frame { base: other, .. }) => own == other,
            _ => false,
        }
    }

    /// Makes a column of numbers whose rows have none.
    pub(super) fn without_numbers(rows_count: u32) -> Column {
        Column {
            ordinals: Integers::Constant(0, rows_count),
            values: Values::Frame {
                base: 0,
                ordinals_max: 0,
            },
            classes: None,
            is_shared: false,
            zones: None,
        }
    }

    /// Makes a column of numbers from the ordinal of each row: 0 is none, 1 is `base`, 2 the next.
    pub(super) fn of_frame(base: u64, ordinals: &[u64], with_zones: bool) -> Column {
        Column {
            ordinals: Integers::pack(ordinals),
            values: Values::Frame {
                base,
                ordinals_max: ordinals.iter().copied().max().unwrap_or(0),
            },
            classes: None,
            is_shared: false,
            zones: with_zones.then(|| Zones::of_ordinals(ordinals)),
        }
    }

    /// Appends the ordinals of some rows.
    pub(super) fn append_ordinals_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
        self.ordinals.append_to(rows, out);
    }

    /// Counts the ordinals of some ascending rows, each in the counter of its number; there must be
    /// [`ordinals_count`](Column::ordinals_count) of them.
    pub(super) fn tally(&self, rows: &[u32], counts: &mut [u32]) {
        self.ordinals.tally(rows, counts);
    }

    /// Counts the ordinals of all rows of a range likewise.
    pub(super) fn tally_range(&self, rows: Range<u32>, counts: &mut [u32]) {
        self.ordinals.tally_range(rows, counts);
    }

    /// Returns how many ordinals the column can have: one more than the greatest.
    pub(crate) fn ordinals_count(&self) -> u64 {
        match &self.values {
            Values::Texts(dictionary) => u64::from(dictionary.count()),
            Values::Distinct(_) | Values::Frame { .. } => self.classes_count(),
        }
    }

    /// Returns whether each ordinal is the number of its class, as no two texts fold alike.
    pub(super) fn has_class_each(&self) -> bool {
        self.classes.is_none()
    }

    /// Returns the least and the greatest number that a row can have, in a column of numbers.
    pub(super) fn numbers(&self) -> Option<RangeInclusive<u64>> {
        match &self.values {
            Values::Frame { base, ordinals_max } => {
                Some(*base..=base + ordinals_max.checked_sub(1)?)
            }
            Values::Distinct(values) => Some(*values.first()?..=*values.last()?),
            Values::Texts(_) => None,
        }
    }

    /// Returns the class of a row: its order among the values as requests compare them.
    #[inline]
    pub(crate) fn class(&self, row: u32) -> u64 {
        self.class_of(self.ordinals.get(row))
    }

    /// Returns the class of an ordinal.
    #[inline]
    pub(super) fn class_of(&self, ordinal: u64) -> u64 {
        match &self.classes {
            None => ordinal,
            Some(classes) => classes.get(ordinal as u32),
        }
    }

    /// Returns how many classes the column can have: one more than the greatest.
    pub(crate) fn classes_count(&self) -> u64 {
        match &self.values {
            Values::Texts(dictionary) => u64::from(dictionary.classes_count()),
            Values::Distinct(values) => values.len() as u64 + 1,
            Values::Frame { ordinals_max, .. } => ordinals_max + 1,
        }
    }

    /// Returns the dictionary of a column of texts.
    pub(crate) fn dictionary(&self) -> Option<&Dictionary> {
        match &self.values {
            Values::Texts(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    /// Returns the number of a row, in a column of numbers.
    #[inline]
    pub(crate) fn number(&self, row: u32) -> Option<u64> {
        self.number_of(self.ordinals.get(row))
    }

    /// Returns the number of an ordinal, in a column of numbers.
    #[inline]
    pub(crate) fn number_of(&self, ordinal: u64) -> Option<u64> {
        let index = ordinal.checked_sub(1)?;
        match &self.values {
            Values::Frame { base, .. } => Some(base + index),
            Values::Distinct(values) => Some(values[index as usize]),
            Values::Texts(_) => None,
        }
    }

    /// Returns the ordinal that a number or none has in a column of numbers, or would have in a column
    /// with the values of this one; none if it could have none.
    pub(super) fn ordinal_of_number(&self, number: Option<u64>) -> Option<u64> {
        let Some(number) = number else {
            return Some(0);
        };
        match &self.values {
            Values::Frame { base, ordinals_max } => {
                let ordinal = number.checked_sub(*base)?.checked_add(1)?;
                (ordinal <= (*ordinals_max).max(FRAME_ORDINALS)).then_some(ordinal)
            }
            Values::Distinct(values) => Some(values.binary_search(&number).ok()? as u64 + 1),
            Values::Texts(_) => None,
        }
    }

    /// Returns the raw text of a row, in a column of texts; empty elsewhere.
    pub(crate) fn text(&self, row: u32) -> &str {
        self.text_of(self.ordinals.get(row))
    }

    /// Returns the raw text of an ordinal likewise.
    pub(crate) fn text_of(&self, ordinal: u64) -> &str {
        self.dictionary()
            .map_or("", |dictionary| dictionary.text(ordinal as u32))
    }

    /// Returns whether all rows have one value.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.ordinals, Integers::Constant(..))
    }

    /// Returns whether any row has a value other than none or empty.
    pub(super) fn has_values(&self) -> bool {
        !matches!(self.ordinals, Integers::Constant(0, _))
    }

    /// Returns the ordinal of a row.
    pub(crate) fn ordinal(&self, row: u32) -> u64 {
        self.ordinals.get(row)
    }

    /// Writes the ordinals of as many rows, in any order, as `out` has room for.
    #[inline]
    pub(crate) fn gather_ordinals(&self, rows: &[u32], out: &mut [u64]) {
        self.ordinals.gather(rows, out);
    }

    /// Returns the texts by ordinal, in a column of texts.
    pub(crate) fn texts(&self) -> Option<&Blob> {
        self.dictionary().map(Dictionary::texts)
    }

    /// Returns the URL-encoded texts by ordinal likewise.
    pub(crate) fn encoded_texts(&self) -> Option<&Blob> {
        self.dictionary().map(Dictionary::encoded_texts)
    }

    /// Returns the classes of the numbers between two, both inclusive; none matches nothing.
    pub(crate) fn number_classes(&self, first: u64, last: u64) -> Range<u64> {
        let range = match &self.values {
            Values::Frame { base, .. } => {
                // Ordinals start at 1 for `base`; what is below it has none.
                let first = (first.max(*base) - base).saturating_add(1);
                let last = last
                    .checked_sub(*base)
                    .map_or(0, |last| last.saturating_add(1));
                first..last.saturating_add(1)
            }
            Values::Distinct(values) => {
                let below = values.partition_point(|&value| value < first) as u64;
                let through = values.partition_point(|&value| value <= last) as u64;
                below + 1..through + 1
            }
            Values::Texts(_) => 0..0,
        };
        range.start..range.end.max(range.start)
    }

    /// Returns whether a block can hold a row of the classes, and whether it must hold only such.
    pub(crate) fn zone(&self, block_index: u32, classes: &Range<u64>) -> Zone {
        let zones = self.zones.as_ref();
        zones.map_or(Zone::Some, |zones| zones.zone(block_index, classes))
    }

    /// Returns the blocks from the first to the last that can hold a row of the classes, and
    /// how many of them may hold others too; none where there are no zones.
    pub(crate) fn zone_span(&self, classes: &Range<u64>) -> Option<(Range<u32>, u32)> {
        Some(self.zones.as_ref()?.span(classes))
    }

    /// Returns the least and the greatest class of some blocks; none where there are no zones.
    pub(crate) fn zone_classes(&self, blocks: Range<u32>) -> Option<Range<u64>> {
        self.zones.as_ref()?.classes(blocks)
    }

    /// Returns about how many blocks can hold the same value; none where there are no zones.
    ///
    /// 1 where the zones do not overlap, so that the column ascends or descends block by block.
    pub(crate) fn zones_overlap(&self) -> Option<u64> {
        self.zones.as_ref().map(Zones::overlap)
    }

    /// Returns the bits of up to 64 rows, from a multiple of 64 on, whose class is in a range.
    pub(crate) fn bits_in(&self, rows: Range<u32>, classes: &Range<u64>) -> u64 {
        match &self.values {
            Values::Texts(dictionary) => {
                // Classes are contiguous in ordinals, so a range of one is a range of the other.
                let first = |class: u64| {
                    if class >= u64::from(dictionary.classes_count()) {
                        u64::from(dictionary.count())
                    } else {
                        u64::from(dictionary.ordinals(class as u32).start)
                    }
                };
                self.ordinals
                    .bits_in(rows, &(first(classes.start)..first(classes.end)))
            }
            _ => self.ordinals.bits_in(rows, classes),
        }
    }

    /// Returns whether visiting the rows that have a value passes over no other.
    pub(super) fn is_mostly_empty(&self) -> bool {
        self.ordinals.leaves_out_zeros()
    }

    /// Returns about how many steps [`for_each_value`](Column::for_each_value) takes.
    pub(super) fn values_cost(&self) -> u64 {
        self.ordinals.nonzero_cost()
    }

    /// Visits the rows that have a value, ascending, with its ordinal.
    ///
    /// Cost: that of [`Integers::for_each_nonzero`].
    pub(super) fn for_each_value(&self, visit: impl FnMut(u32, u64)) {
        // The first ordinal is that of no value, or of the empty text, which folds as no other.
        self.ordinals.for_each_nonzero(visit);
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        let values = match &self.values {
            _ if self.is_shared => 0,
            Values::Texts(dictionary) => ARC_BYTES + size_of::<Dictionary>() + dictionary.bytes(),
            Values::Distinct(values) => ARC_BYTES + values.len() * 8,
            Values::Frame { .. } => 0,
        };
        let classes = self.classes.as_ref().filter(|_| !self.is_shared);
        let classes = classes.map_or(0, |classes| {
            ARC_BYTES + size_of::<Integers>() + classes.bytes()
        });
        let zones = self.zones.as_ref().map_or(0, Zones::bytes);
        self.ordinals.bytes() + values + zones + classes
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        self.ordinals.rows_count()
    }
}

/// The kinds of [`Values`] in an image.
#[cfg(feature = "durable")]
const TEXTS: u64 = 0;
#[cfg(feature = "durable")]
const FRAME: u64 = 1;
#[cfg(feature = "durable")]
const DISTINCT: u64 = 2;

/// Columns that share their values with another are not in images: their segment is read as what
/// it revises and how.
#[cfg(feature = "durable")]
impl Stored for Column {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.ordinals.write_to(out)?;
        match &self.values {
            Values::Texts(dictionary) => {
                out.number(TEXTS)?;
                dictionary.write_to(out)?;
            }
            Values::Frame { base, ordinals_max } => {
                out.number(FRAME)?;
                out.number(*base)?;
                out.number(*ordinals_max)?;
            }
            Values::Distinct(values) => {
                out.number(DISTINCT)?;
                out.slice(values)?;
            }
        }
        out.option(self.classes.as_deref())?;
        out.option(self.zones.as_ref())
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Column> {
        let ordinals = Integers::read_from(input)?;
        let values = match input.number::<u64>()? {
            TEXTS => Values::Texts(Arc::new(Dictionary::read_from(input)?)),
            FRAME => Values::Frame {
                base: input.number()?,
                ordinals_max: input.number()?,
            },
            DISTINCT => Values::Distinct(input.vec()?.into()),
            _ => return Err(malformed()),
        };
        Ok(Column {
            ordinals,
            values,
            classes: input.option()?.map(Arc::new),
            is_shared: false,
            zones: input.option()?,
        })
    }
}

#[cfg(test)]
mod tests;
