//! Vectors of small integers, one a row, in the narrowest form that holds them.
//!
//! The codes of a [`Column`](super::column::Column) and the classes of a
//! [`Dictionary`](super::dictionary::Dictionary) are such vectors.
//!
//! # Cost
//!
//! A code is found in constant time, but where fewer than one row in 256 has a code other than zero:
//! there by a binary search among those rows. A vector of one code throughout takes no memory a row.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};

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

/// Bits and ranks are kept where at most one row in this many has a code other than zero.
const RANKED_SPARSITY: usize = 8;

/// A list of rows is kept where at most one row in this many has a code other than zero.
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
    pub(super) fn gather(&self, rows: &[u32], out: &mut [u64]) {
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
    pub(super) fn append_to(&self, rows: Range<u32>, out: &mut Vec<u64>) {
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

    /// Counts the codes of some ascending rows, each in the counter of its number.
    pub(super) fn tally(&self, rows: &[u32], counts: &mut [u32]) {
        fn count<T: Copy + Into<u64>>(codes: &[T], rows: &[u32], counts: &mut [u32]) {
            for &row in rows {
                let code: u64 = codes[row as usize].into();
                counts[code as usize] += 1;
            }
        }
        match self {
            Codes::Constant(code, _) => counts[*code as usize] += rows.len() as u32,
            Codes::U8(codes) => count(codes, rows, counts),
            Codes::U16(codes) => count(codes, rows, counts),
            Codes::U32(codes) => count(codes, rows, counts),
            Codes::U64(codes) => count(codes, rows, counts),
            Codes::Ranked { .. } => {
                for &row in rows {
                    counts[self.get(row) as usize] += 1;
                }
            }
            Codes::Listed {
                rows: listed,
                codes,
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
                        counts[codes.get(at) as usize] += 1;
                    }
                }
            }
        }
    }

    /// Counts the codes of all rows of a range likewise.
    pub(super) fn tally_range(&self, rows: Range<u32>, counts: &mut [u32]) {
        fn count<T: Copy + Into<u64>>(codes: &[T], counts: &mut [u32]) {
            for &code in codes {
                counts[code.into() as usize] += 1;
            }
        }
        let span = rows.start as usize..rows.end as usize;
        let held = match self {
            Codes::Constant(code, _) => {
                counts[*code as usize] += span.len() as u32;
                return;
            }
            Codes::U8(codes) => return count(&codes[span], counts),
            Codes::U16(codes) => return count(&codes[span], counts),
            Codes::U32(codes) => return count(&codes[span], counts),
            Codes::U64(codes) => return count(&codes[span], counts),
            Codes::Ranked { bits, ranks, .. } => {
                let rank = |row: u32| {
                    let Some(word) = bits.get(row as usize / 64) else {
                        // Past the last row: all that are held come before.
                        let last = bits.last().map_or(0, |word| word.count_ones());
                        return ranks.last().map_or(0, |before| before + last);
                    };
                    let below = (word & ((1 << (row % 64)) - 1)).count_ones();
                    ranks[row as usize / 64] + below
                };
                rank(rows.start)..rank(rows.end)
            }
            Codes::Listed { rows: listed, .. } => {
                let rank = |row: u32| listed.partition_point(|&own| own < row) as u32;
                rank(rows.start)..rank(rows.end)
            }
        };
        counts[0] += (span.len() - held.len()) as u32;
        if let Codes::Ranked { codes, .. } | Codes::Listed { codes, .. } = self {
            codes.tally_range(held, counts);
        }
    }

    /// Sets in `out` the bits of the rows of `rows` whose code is in `codes`.
    ///
    /// `rows` is at most 64 rows from a multiple of 64 on. Written so that the
    /// compiler vectorises the narrow forms.
    pub(super) fn word_in(&self, rows: Range<u32>, codes: &Range<u64>) -> u64 {
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

/// The forms of [`Codes`] in an image.
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
impl Codes {
    /// Reads codes; those of some rows, which are within others, are of a plain form.
    fn read_form(input: &mut StoredReader<'_>, is_within: bool) -> io::Result<Codes> {
        Ok(match input.number::<u64>()? {
            form::CONSTANT => Codes::Constant(input.number()?, input.number()?),
            form::BITS_8 => Codes::U8(input.boxed()?),
            form::BITS_16 => Codes::U16(input.boxed()?),
            form::BITS_32 => Codes::U32(input.boxed()?),
            form::BITS_64 => Codes::U64(input.boxed()?),
            form::RANKED if !is_within => Codes::Ranked {
                bits: input.boxed()?,
                ranks: input.boxed()?,
                codes: Box::new(Codes::read_form(input, true)?),
                rows_count: input.number()?,
            },
            form::LISTED if !is_within => Codes::Listed {
                rows: input.boxed()?,
                codes: Box::new(Codes::read_form(input, true)?),
                rows_count: input.number()?,
            },
            _ => return Err(malformed()),
        })
    }
}

#[cfg(feature = "durable")]
impl Stored for Codes {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match self {
            Codes::Constant(code, rows_count) => {
                out.number(form::CONSTANT)?;
                out.number(*code)?;
                out.number(*rows_count)
            }
            Codes::U8(codes) => out.number(form::BITS_8).and_then(|()| out.slice(codes)),
            Codes::U16(codes) => out.number(form::BITS_16).and_then(|()| out.slice(codes)),
            Codes::U32(codes) => out.number(form::BITS_32).and_then(|()| out.slice(codes)),
            Codes::U64(codes) => out.number(form::BITS_64).and_then(|()| out.slice(codes)),
            Codes::Ranked {
                bits,
                ranks,
                codes,
                rows_count,
            } => {
                out.number(form::RANKED)?;
                out.slice(bits)?;
                out.slice(ranks)?;
                codes.write_to(out)?;
                out.number(*rows_count)
            }
            Codes::Listed {
                rows,
                codes,
                rows_count,
            } => {
                out.number(form::LISTED)?;
                out.slice(rows)?;
                codes.write_to(out)?;
                out.number(*rows_count)
            }
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Codes> {
        Codes::read_form(input, false)
    }
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
}
