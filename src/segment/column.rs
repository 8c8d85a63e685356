//! Typed columns: one field's values in one segment.
//!
//! Every column but the long texts is a vector of *codes* whose order is the order of
//! the values, and a way from codes to values: a dictionary for texts, a frame of
//! reference or the distinct values for numbers and dates. So filters, orders and
//! zone maps work on small integers and need not know what they stand for. The long
//! texts (subject, summary) are kept URL-encoded, the form in which all formats but CSV
//! write them.
//!
//! # Invariants
//!
//! * Code order is value order; none and empty have the least code. Texts that fold
//!   alike have different codes but one [`class`](Column::class).
//! * [`Codes`] take the narrowest form that holds them; a column of one value throughout takes
//!   no memory a row.
//! * A column of some rows of another shares what codes stand for, so some of it may be unused.
//!
//! # Cost
//!
//! A code is found in constant time, but for columns where fewer than one row in 256
//! has a value: there by a binary search among those rows.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::block::{BLOCK_ROWS, blocks_count};
use super::dictionary::{Blob, Dictionary};
use crate::model::memory::ARC_BYTES;
use crate::model::value::{Plus, decode};

/// A vector of integers in the narrowest form that holds them.
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// The same everywhere.
    Constant(u64, u32),
    U8(Box<[u8]>),
    U16(Box<[u16]>),
    U32(Box<[u32]>),
    U64(Box<[u64]>),
    /// Mostly zero: one bit a row, and the codes of the rows whose bit is set.
    Ranked {
        bits: Box<[u64]>,
        ranks: Box<[u32]>,
        codes: Box<Codes>,
        rows_count: u32,
    },
    /// Nearly all zero: the other rows, and their codes.
    Listed {
        rows: Box<[u32]>,
        codes: Box<Codes>,
        rows_count: u32,
    },
}

/// At most one row in so many has a code, for bits and ranks to pay.
const RANKED_SPARSITY: usize = 8;

/// At most one row in so many has a code, for a list of rows to pay.
const LISTED_SPARSITY: usize = 256;

impl Codes {
    /// Packs integers, one a row.
    pub(crate) fn pack(values: &[u64]) -> Codes {
        let first = values.first().copied().unwrap_or(0);
        if values.iter().all(|&value| value == first) {
            return Codes::Constant(first, values.len() as u32);
        }
        let held = values.iter().filter(|&&value| value != 0).count();
        if held * RANKED_SPARSITY > values.len() || values.len() < 64 {
            return Codes::pack_narrow(values);
        }
        let rows = || (0u32..).zip(values).filter(|&(_, &value)| value != 0);
        let codes = Box::new(Codes::pack(
            &rows().map(|(_, &value)| value).collect::<Vec<_>>(),
        ));
        let rows_count = values.len() as u32;
        if held * LISTED_SPARSITY <= values.len() {
            return Codes::Listed {
                rows: rows().map(|(row, _)| row).collect(),
                codes,
                rows_count,
            };
        }
        let mut bits = vec![0u64; values.len().div_ceil(64)];
        rows().for_each(|(row, _)| bits[(row / 64) as usize] |= 1 << (row % 64));
        let mut before = 0;
        let ranks = bits.iter().map(|word| {
            let rank = before;
            before += word.count_ones();
            rank
        });
        Codes::Ranked {
            ranks: ranks.collect(),
            bits: bits.into(),
            codes,
            rows_count,
        }
    }

    fn pack_narrow(values: &[u64]) -> Codes {
        match values.iter().copied().max().unwrap_or(0) {
            0..=0xFF => Codes::U8(values.iter().map(|&value| value as u8).collect()),
            0x100..=0xFFFF => Codes::U16(values.iter().map(|&value| value as u16).collect()),
            0x1_0000..=0xFFFF_FFFF => {
                Codes::U32(values.iter().map(|&value| value as u32).collect())
            }
            _ => Codes::U64(values.into()),
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        match self {
            Codes::Constant(_, rows_count)
            | Codes::Ranked { rows_count, .. }
            | Codes::Listed { rows_count, .. } => *rows_count,
            Codes::U8(codes) => codes.len() as u32,
            Codes::U16(codes) => codes.len() as u32,
            Codes::U32(codes) => codes.len() as u32,
            Codes::U64(codes) => codes.len() as u32,
        }
    }

    /// Returns the code of a row, which must be below the row count.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> u64 {
        let index = row as usize;
        match self {
            Codes::Constant(code, _) => *code,
            Codes::U8(codes) => u64::from(codes[index]),
            Codes::U16(codes) => u64::from(codes[index]),
            Codes::U32(codes) => u64::from(codes[index]),
            Codes::U64(codes) => codes[index],
            Codes::Ranked {
                bits, ranks, codes, ..
            } => {
                let word = bits[index / 64];
                if word >> (row % 64) & 1 == 0 {
                    return 0;
                }
                let below = (word & ((1 << (row % 64)) - 1)).count_ones();
                codes.get(ranks[index / 64] + below)
            }
            Codes::Listed { rows, codes, .. } => rows
                .binary_search(&row)
                .map_or(0, |at| codes.get(at as u32)),
        }
    }

    /// Writes the codes of some rows, in any order.
    ///
    /// The form is looked at once, so that one row's memory is asked for while another's is
    /// on its way.
    #[inline]
    fn gather(&self, rows: &[u32], out: &mut [u64]) {
        #[inline]
        fn widen<T: Copy + Into<u64>>(codes: &[T], rows: &[u32], out: &mut [u64]) {
            for (out, &row) in out.iter_mut().zip(rows) {
                *out = codes[row as usize].into();
            }
        }
        match self {
            Codes::Constant(code, _) => out.fill(*code),
            Codes::U8(codes) => widen(codes, rows, out),
            Codes::U16(codes) => widen(codes, rows, out),
            Codes::U32(codes) => widen(codes, rows, out),
            Codes::U64(codes) => widen(codes, rows, out),
            Codes::Listed { rows: listed, .. } => {
                out.fill(0);
                let (first, last) = (rows.iter().min(), rows.iter().max());
                let (Some(first), Some(last)) = (first, last) else {
                    return;
                };
                let next = listed.partition_point(|row| row < first);
                if listed.get(next).is_some_and(|row| row <= last) {
                    for (out, &row) in out.iter_mut().zip(rows) {
                        *out = self.get(row);
                    }
                }
            }
            Codes::Ranked { .. } => {
                for (out, &row) in out.iter_mut().zip(rows) {
                    *out = self.get(row);
                }
            }
        }
    }

    /// Appends the codes of some rows.
    fn append_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
        fn widen<T: Copy + Into<u64>>(codes: &[T], out: &mut Vec<u64>) {
            out.extend(codes.iter().map(|&code| code.into()));
        }
        let span = rows.start as usize..rows.end as usize;
        match self {
            Codes::Constant(code, _) => out.resize(out.len() + span.len(), *code),
            Codes::U8(codes) => widen(&codes[span], out),
            Codes::U16(codes) => widen(&codes[span], out),
            Codes::U32(codes) => widen(&codes[span], out),
            Codes::U64(codes) => out.extend_from_slice(&codes[span]),
            Codes::Ranked { .. } | Codes::Listed { .. } => {
                out.extend(rows.map(|row| self.get(row)));
            }
        }
    }

    /// Sets in `out` the bits of the rows of `rows` whose code is in `codes`.
    ///
    /// `rows` is at most 64 rows from a multiple of 64 on. Written so that the
    /// compiler vectorises the narrow forms.
    fn word_in(&self, rows: Range<u32>, codes: &Range<u64>) -> u64 {
        fn word<T: Copy + Into<u64>>(values: &[T], codes: &Range<u64>) -> u64 {
            let mut bits = 0;
            for (at, &value) in values.iter().enumerate() {
                let value: u64 = value.into();
                bits |= u64::from(codes.start <= value && value < codes.end) << at;
            }
            bits
        }
        let span = rows.start as usize..rows.end as usize;
        match self {
            Codes::U8(values) => word(&values[span], codes),
            Codes::U16(values) => word(&values[span], codes),
            Codes::U32(values) => word(&values[span], codes),
            Codes::U64(values) => word(&values[span], codes),
            _ => rows.enumerate().fold(0, |bits, (at, row)| {
                bits | u64::from(codes.contains(&self.get(row))) << at
            }),
        }
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Codes::Constant(..) => 0,
            Codes::U8(codes) => codes.len(),
            Codes::U16(codes) => codes.len() * 2,
            Codes::U32(codes) => codes.len() * 4,
            Codes::U64(codes) => codes.len() * 8,
            Codes::Ranked {
                bits, ranks, codes, ..
            } => bits.len() * 8 + ranks.len() * 4 + size_of::<Codes>() + codes.bytes(),
            Codes::Listed { rows, codes, .. } => {
                rows.len() * 4 + size_of::<Codes>() + codes.bytes()
            }
        }
    }
}

/// What the codes of a column stand for.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// Code = ordinal.
    Texts(Arc<Dictionary>),
    /// Code 0 is none; else value = `base` + code − 1. No code is greater than `codes_max`.
    Frame { base: u64, codes_max: u64 },
    /// Code 0 is none; else value = `values[code − 1]`.
    Distinct(Arc<[u64]>),
}

/// One field's values in one segment, by code.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    codes: Codes,
    values: Values,
    /// The class of each ordinal; none where they are the same numbers.
    classes: Option<Arc<Codes>>,
    /// Whether values and classes are another column's, whose bytes they count to.
    is_shared: bool,
    /// The least and the greatest class of each block; only where they can exclude blocks.
    zones: Option<Box<[(u64, u64)]>>,
}

impl Column {
    /// Makes a column of texts from the ordinals of a dictionary, one a row.
    pub(crate) fn of_texts(ordinals: &[u64], dictionary: Dictionary) -> Column {
        Column {
            codes: Codes::pack(ordinals),
            classes: dictionary.classes().map(Arc::new),
            values: Values::Texts(Arc::new(dictionary)),
            is_shared: false,
            zones: None,
        }
    }

    /// Makes a column of other rows with the values of this one, from a code a row.
    pub(super) fn with_codes(&self, codes: &[u64]) -> Column {
        let has_zones = self.zones.is_some() && zones_pay(codes.len() as u32);
        Column {
            codes: Codes::pack(codes),
            values: self.values.clone(),
            classes: self.classes.clone(),
            is_shared: true,
            zones: has_zones.then(|| zones_of(codes)),
        }
    }

    /// Makes a column of numbers or none, one a row, with zone maps if they are wanted.
    pub(crate) fn of_numbers(numbers: &[Option<u64>], with_zones: bool) -> Column {
        let mut distinct: Vec<u64> = numbers.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let first = distinct.first().copied().unwrap_or(0);
        let span = distinct.last().map_or(0, |last| last - first);
        let width = |codes_max: u64| match codes_max {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        };
        let rows = numbers.len() as u64;
        let distinct_cost = distinct.len() as u64 * (8 + 1) + rows * width(distinct.len() as u64);
        // Two codes are kept free: that of none, and the one past a range's end.
        let is_frame = span < u64::MAX - 1 && rows * width(span + 1) <= distinct_cost;
        let code = |number: &Option<u64>| match *number {
            None => 0,
            Some(number) if is_frame => number - first + 1,
            // Every number was put into the list above.
            Some(number) => distinct.partition_point(|&own| own < number) as u64 + 1,
        };
        let codes: Vec<u64> = numbers.iter().map(code).collect();
        let zones = with_zones.then(|| zones_of(&codes));
        let values = if is_frame {
            Values::Frame {
                base: first,
                codes_max: codes.iter().copied().max().unwrap_or(0),
            }
        } else {
            Values::Distinct(distinct.into())
        };
        Column {
            codes: Codes::pack(&codes),
            values,
            classes: None,
            is_shared: false,
            zones,
        }
    }

    /// Appends the codes of some rows.
    pub(super) fn append_codes_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
        self.codes.append_to(rows, out);
    }

    /// Returns the class of a row: its order among the values as requests compare them.
    #[inline]
    pub(crate) fn class(&self, row: u32) -> u64 {
        self.class_of(self.codes.get(row))
    }

    /// Returns the class of a code.
    #[inline]
    pub(super) fn class_of(&self, code: u64) -> u64 {
        match &self.classes {
            None => code,
            Some(classes) => classes.get(code as u32),
        }
    }

    /// Returns how many classes the column can have: one more than the greatest.
    pub(crate) fn classes_count(&self) -> u64 {
        match &self.values {
            Values::Texts(dictionary) => u64::from(dictionary.classes_count()),
            Values::Distinct(values) => values.len() as u64 + 1,
            Values::Frame { codes_max, .. } => codes_max + 1,
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
        self.number_of(self.codes.get(row))
    }

    /// Returns the number of a code, in a column of numbers.
    #[inline]
    pub(crate) fn number_of(&self, code: u64) -> Option<u64> {
        let index = code.checked_sub(1)?;
        match &self.values {
            Values::Frame { base, .. } => Some(base + index),
            Values::Distinct(values) => Some(values[index as usize]),
            Values::Texts(_) => None,
        }
    }

    /// Returns the code of a number or none, if there is one, in a column of numbers.
    pub(super) fn code_of_number(&self, number: Option<u64>) -> Option<u64> {
        let Some(number) = number else {
            return Some(0);
        };
        match &self.values {
            Values::Frame { base, codes_max } => {
                let code = number.checked_sub(*base)?.checked_add(1)?;
                (code <= *codes_max).then_some(code)
            }
            Values::Distinct(values) => Some(values.binary_search(&number).ok()? as u64 + 1),
            Values::Texts(_) => None,
        }
    }

    /// Returns the raw text of a row, in a column of texts; empty elsewhere.
    pub(crate) fn text(&self, row: u32) -> &str {
        self.text_of(self.codes.get(row))
    }

    /// Returns the raw text of a code likewise.
    pub(super) fn text_of(&self, code: u64) -> &str {
        self.dictionary()
            .map_or("", |dictionary| dictionary.text(code as u32))
    }

    /// Returns whether all rows have one value.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.codes, Codes::Constant(..))
    }

    /// Returns whether a row has a value: anything but none and empty.
    pub(crate) fn has_values(&self) -> bool {
        !matches!(self.codes, Codes::Constant(0, _))
    }

    /// Returns the code of a row.
    pub(crate) fn code(&self, row: u32) -> u64 {
        self.codes.get(row)
    }

    /// Writes the codes of as many rows, in any order, as `out` has room for.
    #[inline]
    pub(crate) fn gather_codes(&self, rows: &[u32], out: &mut [u64]) {
        self.codes.gather(rows, out);
    }

    /// Returns the texts by code, in a column of texts.
    pub(crate) fn texts(&self) -> Option<&Blob> {
        self.dictionary().map(Dictionary::texts)
    }

    /// Returns the URL-encoded texts by code likewise.
    pub(crate) fn encoded_texts(&self) -> Option<&Blob> {
        self.dictionary().map(Dictionary::encoded_texts)
    }

    /// Returns the classes of the numbers between two, both inclusive; none matches nothing.
    pub(crate) fn number_classes(&self, first: u64, last: u64) -> Range<u64> {
        let range = match &self.values {
            Values::Frame { base, .. } => {
                // Codes start at 1 for `base`; what is below it has none.
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
        let Some(zones) = &self.zones else {
            return Zone::Some;
        };
        let (least, greatest) = zones[block_index as usize];
        if greatest < classes.start || least >= classes.end {
            Zone::None
        } else if classes.contains(&least) && classes.contains(&greatest) {
            Zone::All
        } else {
            Zone::Some
        }
    }

    /// Returns the blocks from the first to the last that can hold a row of the classes, and
    /// how many of them may hold others too; none where there are no zones.
    pub(crate) fn zone_span(&self, classes: &Range<u64>) -> Option<(Range<u32>, u32)> {
        let zones = self.zones.as_ref()?;
        let mut span = 0..0;
        let mut mixed_count = 0;
        for index in 0..zones.len() as u32 {
            let zone = self.zone(index, classes);
            if zone != Zone::None {
                if Range::is_empty(&span) {
                    span.start = index;
                }
                span.end = index + 1;
                mixed_count += u32::from(zone == Zone::Some);
            }
        }
        Some((span, mixed_count))
    }

    /// Returns the least and the greatest class of some blocks; none where there are no zones.
    pub(crate) fn zone_classes(&self, blocks: Range<u32>) -> Option<Range<u64>> {
        let zones = self.zones.as_ref()?;
        let zones = zones.get(blocks.start as usize..blocks.end as usize)?;
        let least = zones.iter().map(|zone| zone.0).min()?;
        let greatest = zones.iter().map(|zone| zone.1).max()?;
        Some(least..greatest + 1)
    }

    /// Returns the bits of up to 64 rows, from a multiple of 64 on, whose class is in a range.
    pub(crate) fn word_in(&self, rows: Range<u32>, classes: &Range<u64>) -> u64 {
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
                self.codes
                    .word_in(rows, &(first(classes.start)..first(classes.end)))
            }
            _ => self.codes.word_in(rows, classes),
        }
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
            ARC_BYTES + size_of::<Codes>() + classes.bytes()
        });
        let zones = self
            .zones
            .as_ref()
            .map_or(0, |zones| size_of_val::<[(u64, u64)]>(zones));
        self.codes.bytes() + values + zones + classes
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        self.codes.rows_count()
    }
}

/// What a zone map says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// No row can match.
    None,
    /// Some may.
    Some,
    /// Every row does.
    All,
}

/// Long texts, one a row, kept URL-encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextColumn {
    encoded: Arc<Blob>,
    /// Where the texts are another column's: the row there of each row here.
    rows: Option<Arc<[u32]>>,
}

impl TextColumn {
    /// Makes a column of texts that are URL-encoded.
    pub(super) fn of_encoded(mut encoded: Blob) -> TextColumn {
        encoded.shrink();
        TextColumn {
            encoded: Arc::new(encoded),
            rows: None,
        }
    }

    /// Makes a column of some rows, which shares the texts.
    pub(super) fn with_rows(&self, rows: &Arc<[u32]>) -> TextColumn {
        debug_assert!(
            self.rows.is_none(),
            "only a column with own texts is shared"
        );
        TextColumn {
            encoded: Arc::clone(&self.encoded),
            rows: Some(Arc::clone(rows)),
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        match &self.rows {
            Some(rows) => rows.len() as u32,
            None => self.encoded.count() as u32,
        }
    }

    /// Returns the texts by [`index`](TextColumn::index) as responses write them.
    pub(crate) fn encoded_texts(&self) -> &Blob {
        &self.encoded
    }

    /// Returns the index of a row's text.
    #[inline]
    pub(crate) fn index(&self, row: u32) -> usize {
        let own = self.rows.as_ref().map_or(row, |rows| rows[row as usize]);
        own as usize
    }

    /// Returns the text of a row as responses write it.
    pub(crate) fn encoded(&self, row: u32) -> &str {
        self.encoded.get(self.index(row))
    }

    /// Returns the text of a row.
    pub(crate) fn text(&self, row: u32) -> Cow<'_, str> {
        // What was encoded from a text decodes to it.
        decode(self.encoded(row), Plus::Space).unwrap_or_default()
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.rows {
            // The texts and the list of rows are others'.
            Some(_) => 0,
            None => ARC_BYTES + size_of::<Blob>() + self.encoded.bytes(),
        }
    }
}

/// Returns the least and the greatest code of each block.
fn zones_of(codes: &[u64]) -> Box<[(u64, u64)]> {
    let zone = |block: &[u64]| {
        let least = block.iter().copied().min().unwrap_or(0);
        (least, block.iter().copied().max().unwrap_or(0))
    };
    codes.chunks(BLOCK_ROWS as usize).map(zone).collect()
}

/// Returns whether zone maps can pay: there is more than one block to exclude.
pub(crate) fn zones_pay(rows_count: u32) -> bool {
    blocks_count(rows_count) > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_in_every_form() {
        for rows_count in [0usize, 1, 63, 64, 65, 1000, 5000] {
            for step in [1usize, 2, 9, 100, 400] {
                for scale in [1u64, 200, 70_000, 1 << 40] {
                    let values: Vec<u64> = (0..rows_count)
                        .map(|row| {
                            if row % step == 0 {
                                (row as u64 % 3 + 1) * scale
                            } else {
                                0
                            }
                        })
                        .collect();
                    let codes = Codes::pack(&values);
                    assert_eq!(codes.rows_count() as usize, rows_count);
                    if let Codes::Ranked {
                        bits,
                        ranks,
                        codes: inner,
                        ..
                    } = &codes
                    {
                        let lists = size_of_val(&bits[..]) + size_of_val(&ranks[..]);
                        assert_eq!(codes.bytes() - inner.bytes(), lists + size_of::<Codes>());
                    }
                    for (row, &value) in values.iter().enumerate() {
                        assert_eq!(codes.get(row as u32), value);
                    }
                    for start in (0..rows_count).step_by(64) {
                        let end = rows_count.min(start + 64);
                        let word = codes.word_in(start as u32..end as u32, &(1..scale * 2 + 1));
                        for (bit, value) in values[start..end].iter().enumerate() {
                            let expected = (1..scale * 2 + 1).contains(value);
                            assert_eq!(word >> bit & 1 == 1, expected);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_read_back_and_ranges_hold() {
        let extremes = vec![Some(0), None, Some(u64::MAX), Some(5), Some(u64::MAX - 1)];
        let close: Vec<_> = (0..500)
            .map(|n| (n % 7 != 0).then_some(1_000_000 + n * 3))
            .collect();
        let few: Vec<_> = (0..500)
            .map(|n| Some(if n % 2 == 0 { 1 } else { 1 << 60 }))
            .collect();
        for numbers in [extremes, close, few, vec![None; 3], vec![]] {
            let column = Column::of_numbers(&numbers, true);
            for (row, &number) in numbers.iter().enumerate() {
                assert_eq!(column.number(row as u32), number);
            }
            let bounds = [
                0,
                1,
                4,
                5,
                6,
                999_999,
                1_000_003,
                1_001_497,
                1 << 60,
                u64::MAX - 1,
                u64::MAX,
            ];
            for first in bounds {
                for last in bounds {
                    let classes = column.number_classes(first, last);
                    for (row, &number) in numbers.iter().enumerate() {
                        let expected = number.is_some_and(|n| first <= n && n <= last);
                        assert_eq!(classes.contains(&column.class(row as u32)), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn long_texts_are_kept_encoded() {
        let mut encoded = Blob::default();
        let mut scratch = Vec::new();
        for text in ["a b", "", "100% é\r\n", "plain"] {
            encoded.push_encoded(text, &mut scratch);
        }
        let column = TextColumn::of_encoded(encoded.clone());
        assert_eq!(column.encoded(2), "100%25+%C3%A9%0D%0A");
        assert_eq!(column.text(2), "100% é\r\n");
        let reordered = encoded.reordered(&[3, 0]);
        assert_eq!((reordered.get(0), reordered.get(1)), ("plain", "a+b"));
        let some = column.with_rows(&Arc::from([0, 3]));
        assert_eq!((&*some.text(0), &*some.text(1)), ("a b", "plain"));
        assert_eq!((some.rows_count(), some.bytes()), (2, 0));
    }
}
