//! Vectors of integers, one a row, in the narrowest form that holds them.
//!
//! The ordinals of a [`Column`](super::column::Column) are such a vector, and so are the classes of
//! these ordinals. Whoever reads one need not know in which form it is.
//!
//! # Cost
//!
//! An integer is found in constant time, except where at most one row in 256 has another than zero:
//! there by a binary search among those rows. A vector of one integer throughout takes no memory a row.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::insertion::Insertion;
use super::range_bits::range_bits;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};

/// A vector of integers in the narrowest form that holds them.
#[derive(Clone, Debug)]
pub(crate) enum Integers {
    /// The same everywhere.
    Constant(u64, u32),
    U8(Box<[u8]>),
    U16(Box<[u16]>),
    U32(Box<[u32]>),
    U64(Box<[u64]>),
    /// Mostly zero: one bit a row, set where it is not, and the integers of those rows. `ranks` counts
    /// the bits set before each 64.
    Ranked {
        bits: Box<[u64]>,
        ranks: Box<[u32]>,
        nonzero: Box<Integers>,
        rows_count: u32,
    },
    /// Nearly all zero: the other rows, and their integers.
    Listed {
        rows: Box<[u32]>,
        nonzero: Box<Integers>,
        rows_count: u32,
    },
}

/// Bits and ranks are kept where at most one row in this many has an integer other than zero.
const RANKED_SPARSITY: usize = 8;

/// A list of rows is kept where at most one row in this many has an integer other than zero.
const LISTED_SPARSITY: usize = 256;

/// Returns whether zeros are left out where that many rows of some have another integer.
fn is_sparse(held: usize, rows_count: usize) -> bool {
    held * RANKED_SPARSITY <= rows_count && rows_count >= 64
}

impl Integers {
    /// Packs integers, one a row.
    pub(crate) fn pack(values: &[u64]) -> Integers {
        let first = values.first().copied().unwrap_or(0);
        if values.iter().all(|&value| value == first) {
            return Integers::Constant(first, values.len() as u32);
        }
        let held = values.iter().filter(|&&value| value != 0).count();
        if !is_sparse(held, values.len()) {
            return Integers::pack_narrow(values);
        }
        let held = (0u32..).zip(values).filter(|&(_, &value)| value != 0);
        let (rows, nonzero): (Vec<u32>, Vec<u64>) = held.unzip();
        Integers::pack_listed(rows, &nonzero, values.len() as u32)
    }

    /// Packs integers that are zero but in some ascending rows, in the form that
    /// [`pack`](Integers::pack) gives them.
    ///
    /// Cost: a step for each of these rows and for each 64 of all, where zeros are left out.
    pub(super) fn pack_listed(rows: Vec<u32>, nonzero: &[u64], rows_count: u32) -> Integers {
        let held = rows.len();
        if held == 0 {
            return Integers::Constant(0, rows_count);
        }
        if !is_sparse(held, rows_count as usize) {
            let mut values = vec![0; rows_count as usize];
            for (&row, &integer) in rows.iter().zip(nonzero) {
                values[row as usize] = integer;
            }
            return Integers::pack(&values);
        }
        let nonzero = Box::new(Integers::pack(nonzero));
        if held * LISTED_SPARSITY <= rows_count as usize {
            return Integers::Listed {
                rows: rows.into(),
                nonzero,
                rows_count,
            };
        }
        let mut bits = vec![0u64; rows_count.div_ceil(64) as usize];
        for row in rows {
            bits[(row / 64) as usize] |= 1 << (row % 64);
        }
        let mut before = 0;
        let ranks = bits.iter().map(|bits| {
            let rank = before;
            before += bits.count_ones();
            rank
        });
        Integers::Ranked {
            ranks: ranks.collect(),
            bits: bits.into(),
            nonzero,
            rows_count,
        }
    }

    fn pack_narrow(values: &[u64]) -> Integers {
        match values.iter().copied().max().unwrap_or(0) {
            0..=0xFF => Integers::U8(values.iter().map(|&value| value as u8).collect()),
            0x100..=0xFFFF => Integers::U16(values.iter().map(|&value| value as u16).collect()),
            0x1_0000..=0xFFFF_FFFF => {
                Integers::U32(values.iter().map(|&value| value as u32).collect())
            }
            _ => Integers::U64(values.into()),
        }
    }

    /// Returns the integers of rows that stay and of rows that come, given those of these.
    pub(super) fn with_rows(&self, insertion: &Insertion, inserted: &[u64]) -> Integers {
        let most = inserted.iter().copied().max().unwrap_or(0);
        match self {
            Integers::Constant(value, _) if inserted.iter().all(|other| other == value) => {
                Integers::Constant(*value, insertion.rows_count())
            }
            Integers::U8(own) if most <= u8::MAX.into() => {
                Integers::U8(insertion.apply(own, |nth| inserted[nth] as u8).into())
            }
            Integers::U16(own) if most <= u16::MAX.into() => {
                Integers::U16(insertion.apply(own, |nth| inserted[nth] as u16).into())
            }
            Integers::U32(own) if most <= u32::MAX.into() => {
                Integers::U32(insertion.apply(own, |nth| inserted[nth] as u32).into())
            }
            other => {
                let mut own = Vec::new();
                other.append_to(0..other.rows_count(), &mut own);
                Integers::pack(&insertion.apply(&own, |nth| inserted[nth]))
            }
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        match self {
            Integers::Constant(_, rows_count)
            | Integers::Ranked { rows_count, .. }
            | Integers::Listed { rows_count, .. } => *rows_count,
            Integers::U8(values) => values.len() as u32,
            Integers::U16(values) => values.len() as u32,
            Integers::U32(values) => values.len() as u32,
            Integers::U64(values) => values.len() as u32,
        }
    }

    /// Returns the integer of a row, which must be below the row count.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> u64 {
        let index = row as usize;
        match self {
            Integers::Constant(value, _) => *value,
            Integers::U8(values) => u64::from(values[index]),
            Integers::U16(values) => u64::from(values[index]),
            Integers::U32(values) => u64::from(values[index]),
            Integers::U64(values) => values[index],
            Integers::Ranked {
                bits,
                ranks,
                nonzero,
                ..
            } => {
                let bits = bits[index / 64];
                if bits >> (row % 64) & 1 == 0 {
                    return 0;
                }
                let below = (bits & ((1 << (row % 64)) - 1)).count_ones();
                nonzero.get(ranks[index / 64] + below)
            }
            Integers::Listed { rows, nonzero, .. } => rows
                .binary_search(&row)
                .map_or(0, |at| nonzero.get(at as u32)),
        }
    }

    /// Writes the integers of some rows, in any order.
    ///
    /// The form is looked at once, so that one row's memory is asked for while another's is
    /// on its way.
    #[inline]
    pub(super) fn gather(&self, rows: &[u32], out: &mut [u64]) {
        #[inline]
        fn widen<T: Copy + Into<u64>>(values: &[T], rows: &[u32], out: &mut [u64]) {
            for (out, &row) in out.iter_mut().zip(rows) {
                *out = values[row as usize].into();
            }
        }
        match self {
            Integers::Constant(value, _) => out.fill(*value),
            Integers::U8(values) => widen(values, rows, out),
            Integers::U16(values) => widen(values, rows, out),
            Integers::U32(values) => widen(values, rows, out),
            Integers::U64(values) => widen(values, rows, out),
            Integers::Listed { rows: listed, .. } => {
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
            Integers::Ranked { .. } => {
                for (out, &row) in out.iter_mut().zip(rows) {
                    *out = self.get(row);
                }
            }
        }
    }

    /// Appends the integers of some rows.
    pub(super) fn append_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
        fn widen<T: Copy + Into<u64>>(values: &[T], out: &mut Vec<u64>) {
            out.extend(values.iter().map(|&value| value.into()));
        }
        let span = rows.start as usize..rows.end as usize;
        match self {
            Integers::Constant(value, _) => out.resize(out.len() + span.len(), *value),
            Integers::U8(values) => widen(&values[span], out),
            Integers::U16(values) => widen(&values[span], out),
            Integers::U32(values) => widen(&values[span], out),
            Integers::U64(values) => out.extend_from_slice(&values[span]),
            Integers::Ranked { .. } | Integers::Listed { .. } => {
                out.extend(rows.map(|row| self.get(row)));
            }
        }
    }

    /// Counts the integers of some ascending rows, each in the counter of its index.
    pub(super) fn tally(&self, rows: &[u32], counts: &mut [u32]) {
        fn count<T: Copy + Into<u64>>(values: &[T], rows: &[u32], counts: &mut [u32]) {
            for &row in rows {
                let value: u64 = values[row as usize].into();
                counts[value as usize] += 1;
            }
        }
        match self {
            Integers::Constant(value, _) => counts[*value as usize] += rows.len() as u32,
            Integers::U8(values) => count(values, rows, counts),
            Integers::U16(values) => count(values, rows, counts),
            Integers::U32(values) => count(values, rows, counts),
            Integers::U64(values) => count(values, rows, counts),
            Integers::Ranked { .. } => {
                for &row in rows {
                    counts[self.get(row) as usize] += 1;
                }
            }
            Integers::Listed {
                rows: listed,
                nonzero,
                ..
            } => {
                let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
                    return;
                };
                counts[0] += rows.len() as u32;
                let next = listed.partition_point(|&row| row < first);
                let among = listed[next..].iter().take_while(|&&row| row <= last);
                for (at, row) in (next as u32..).zip(among) {
                    if rows.binary_search(row).is_ok() {
                        counts[0] -= 1;
                        counts[nonzero.get(at) as usize] += 1;
                    }
                }
            }
        }
    }

    /// Counts the integers of all rows of a range likewise.
    pub(super) fn tally_range(&self, rows: Range<u32>, counts: &mut [u32]) {
        fn count<T: Copy + Into<u64>>(values: &[T], counts: &mut [u32]) {
            for &value in values {
                counts[value.into() as usize] += 1;
            }
        }
        let span = rows.start as usize..rows.end as usize;
        let held = match self {
            Integers::Constant(value, _) => {
                counts[*value as usize] += span.len() as u32;
                return;
            }
            Integers::U8(values) => return count(&values[span], counts),
            Integers::U16(values) => return count(&values[span], counts),
            Integers::U32(values) => return count(&values[span], counts),
            Integers::U64(values) => return count(&values[span], counts),
            Integers::Ranked { bits, ranks, .. } => {
                let rank = |row: u32| {
                    let Some(bits) = bits.get(row as usize / 64) else {
                        // Past the last row: all that are held come before.
                        let last = bits.last().map_or(0, |bits| bits.count_ones());
                        return ranks.last().map_or(0, |before| before + last);
                    };
                    let below = (bits & ((1 << (row % 64)) - 1)).count_ones();
                    ranks[row as usize / 64] + below
                };
                rank(rows.start)..rank(rows.end)
            }
            Integers::Listed { rows: listed, .. } => {
                let rank = |row: u32| listed.partition_point(|&own| own < row) as u32;
                rank(rows.start)..rank(rows.end)
            }
        };
        counts[0] += (span.len() - held.len()) as u32;
        if let Integers::Ranked { nonzero, .. } | Integers::Listed { nonzero, .. } = self {
            nonzero.tally_range(held, counts);
        }
    }

    /// Returns the bits of up to 64 rows, from a multiple of 64 on, whose integer is in a range.
    pub(super) fn bits_in(&self, rows: Range<u32>, within: &Range<u64>) -> u64 {
        let span = rows.start as usize..rows.end as usize;
        match self {
            Integers::U8(values) => range_bits(&values[span], within),
            Integers::U16(values) => range_bits(&values[span], within),
            Integers::U32(values) => range_bits(&values[span], within),
            Integers::U64(values) => range_bits(&values[span], within),
            _ => rows.enumerate().fold(0, |bits, (at, row)| {
                bits | u64::from(within.contains(&self.get(row))) << at
            }),
        }
    }

    /// Returns whether zeros are left out, so that visiting the others passes over no zero.
    pub(super) fn leaves_out_zeros(&self) -> bool {
        matches!(
            self,
            Integers::Constant(0, _) | Integers::Ranked { .. } | Integers::Listed { .. }
        )
    }

    /// Returns about how many steps [`for_each_nonzero`](Integers::for_each_nonzero) takes.
    pub(super) fn nonzero_cost(&self) -> u64 {
        match self {
            Integers::Constant(0, _) => 0,
            Integers::Ranked { bits, nonzero, .. } => {
                bits.len() as u64 + u64::from(nonzero.rows_count())
            }
            Integers::Listed { rows, .. } => rows.len() as u64,
            _ => self.rows_count().into(),
        }
    }

    /// Visits the rows whose integer is not zero, ascending, with the integer.
    ///
    /// Cost: a step for each of them, and one for each 64 rows unless they are listed.
    pub(super) fn for_each_nonzero(&self, mut visit: impl FnMut(u32, u64)) {
        let mut visit_bits = |start: u32, bits: u64, integer: &mut dyn FnMut(u32) -> u64| {
            let mut left = bits;
            while left != 0 {
                let row = start + left.trailing_zeros();
                visit(row, integer(row));
                left &= left - 1;
            }
        };
        match self {
            Integers::Constant(0, _) => {}
            Integers::Ranked { bits, nonzero, .. } => {
                let mut at = 0..;
                for (&bits, start) in bits.iter().zip((0..).step_by(64)) {
                    visit_bits(start, bits, &mut |_| {
                        at.next().map_or(0, |at| nonzero.get(at))
                    });
                }
            }
            Integers::Listed { rows, nonzero, .. } => {
                for (&row, at) in rows.iter().zip(0..) {
                    visit(row, nonzero.get(at));
                }
            }
            _ => {
                let rows_count = self.rows_count();
                for start in (0..rows_count).step_by(64) {
                    let rows = start..rows_count.min(start.saturating_add(64));
                    let bits = self.bits_in(rows, &(1..u64::MAX));
                    visit_bits(start, bits, &mut |row| self.get(row));
                }
            }
        }
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Integers::Constant(..) => 0,
            Integers::U8(values) => values.len(),
            Integers::U16(values) => values.len() * 2,
            Integers::U32(values) => values.len() * 4,
            Integers::U64(values) => values.len() * 8,
            Integers::Ranked {
                bits,
                ranks,
                nonzero,
                ..
            } => bits.len() * 8 + ranks.len() * 4 + size_of::<Integers>() + nonzero.bytes(),
            Integers::Listed { rows, nonzero, .. } => {
                rows.len() * 4 + size_of::<Integers>() + nonzero.bytes()
            }
        }
    }
}

/// The forms of [`Integers`] in an image.
#[cfg(feature = "durable")]
mod form {
    pub(super) const CONSTANT: u64 = 0;
    pub(super) const BITS_8: u64 = 1;
    pub(super) const BITS_16: u64 = 2;
    pub(super) const BITS_32: u64 = 3;
    pub(super) const BITS_64: u64 = 4;
    pub(super) const RANKED: u64 = 5;
    pub(super) const LISTED: u64 = 6;
}

#[cfg(feature = "durable")]
impl Integers {
    /// Reads integers; those of some rows, which are within others, are of a plain form.
    fn read_form(input: &mut StoredReader<'_>, is_within: bool) -> io::Result<Integers> {
        Ok(match input.number::<u64>()? {
            form::CONSTANT => Integers::Constant(input.number()?, input.number()?),
            form::BITS_8 => Integers::U8(input.boxed()?),
            form::BITS_16 => Integers::U16(input.boxed()?),
            form::BITS_32 => Integers::U32(input.boxed()?),
            form::BITS_64 => Integers::U64(input.boxed()?),
            form::RANKED if !is_within => Integers::Ranked {
                bits: input.boxed()?,
                ranks: input.boxed()?,
                nonzero: Box::new(Integers::read_form(input, true)?),
                rows_count: input.number()?,
            },
            form::LISTED if !is_within => Integers::Listed {
                rows: input.boxed()?,
                nonzero: Box::new(Integers::read_form(input, true)?),
                rows_count: input.number()?,
            },
            _ => return Err(malformed()),
        })
    }
}

#[cfg(feature = "durable")]
impl Stored for Integers {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match self {
            Integers::Constant(value, rows_count) => {
                out.number(form::CONSTANT)?;
                out.number(*value)?;
                out.number(*rows_count)
            }
            Integers::U8(values) => out.number(form::BITS_8).and_then(|()| out.slice(values)),
            Integers::U16(values) => out.number(form::BITS_16).and_then(|()| out.slice(values)),
            Integers::U32(values) => out.number(form::BITS_32).and_then(|()| out.slice(values)),
            Integers::U64(values) => out.number(form::BITS_64).and_then(|()| out.slice(values)),
            Integers::Ranked {
                bits,
                ranks,
                nonzero,
                rows_count,
            } => {
                out.number(form::RANKED)?;
                out.slice(bits)?;
                out.slice(ranks)?;
                nonzero.write_to(out)?;
                out.number(*rows_count)
            }
            Integers::Listed {
                rows,
                nonzero,
                rows_count,
            } => {
                out.number(form::LISTED)?;
                out.slice(rows)?;
                nonzero.write_to(out)?;
                out.number(*rows_count)
            }
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Integers> {
        Integers::read_form(input, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_back_in_every_form() {
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
                    let packed = Integers::pack(&values);
                    assert_eq!(packed.rows_count() as usize, rows_count);
                    let held = (0u32..).zip(&values).filter(|&(_, &value)| value != 0);
                    let (rows, nonzero): (Vec<u32>, Vec<u64>) = held.unzip();
                    let listed = Integers::pack_listed(rows, &nonzero, rows_count as u32);
                    assert_eq!(format!("{listed:?}"), format!("{packed:?}"));
                    if let Integers::Ranked {
                        bits,
                        ranks,
                        nonzero: inner,
                        ..
                    } = &packed
                    {
                        let lists = size_of_val(&bits[..]) + size_of_val(&ranks[..]);
                        assert_eq!(
                            packed.bytes() - inner.bytes(),
                            lists + size_of::<Integers>()
                        );
                    }
                    for (row, &value) in values.iter().enumerate() {
                        assert_eq!(packed.get(row as u32), value);
                    }
                    let mut visited = Vec::new();
                    packed.for_each_nonzero(|row, integer| visited.push((row, integer)));
                    let held = (0..).zip(values.iter().copied());
                    assert!(visited.iter().copied().eq(held.filter(|held| held.1 != 0)));
                    let steps = visited.len() as u64;
                    assert!((steps..=rows_count as u64 * 2).contains(&packed.nonzero_cost()));
                    for start in (0..rows_count).step_by(64) {
                        let end = rows_count.min(start + 64);
                        let bits = packed.bits_in(start as u32..end as u32, &(1..scale * 2 + 1));
                        for (bit, value) in values[start..end].iter().enumerate() {
                            let expected = (1..scale * 2 + 1).contains(value);
                            assert_eq!(bits >> bit & 1 == 1, expected);
                        }
                    }
                }
            }
        }
    }
}
