//! Packed integers: offsets into long byte strings, and ascending lists.
//!
//! Most n-grams are in few words, and most words that have lists are in few rows, so what a list takes
//! beside its values decides the size of the index. A list is its bytes and one offset of four bytes,
//! nothing else.
//!
//! # Invariants
//!
//! * A list is strictly ascending and does not hold `u32::MAX`, so that a value plus one is a `u32` too.
//!
//! # Cost
//!
//! A value takes one byte where it is at most 128 greater than the one before, two bytes up to 16,512,
//! and five at most. A list can only be read from its start.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// Ascending offsets: four bytes each, and no limit at 4 GiB.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    lows: Vec<u32>,
    /// The index of the first offset past each multiple of 4 GiB.
    carries: Vec<u32>,
}

impl Offsets {
    /// Appends an offset that is no less than the last.
    pub(super) fn push(&mut self, offset: usize) {
        let (high, low) = split(offset);
        while self.carries.len() < high {
            self.carries.push(self.lows.len() as u32);
        }
        self.lows.push(low);
    }

    pub(super) fn count(&self) -> usize {
        self.lows.len()
    }

    /// Returns an offset by its index.
    pub(super) fn get(&self, index: usize) -> usize {
        let low = self.lows[index] as usize;
        if self.carries.is_empty() {
            return low;
        }
        let high = self
            .carries
            .partition_point(|&carry| carry as usize <= index);
        join(high, low)
    }

    /// Returns what lies between an offset and the one before it (0 before the first).
    pub(super) fn before(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.get(index - 1) };
        start..self.get(index)
    }

    pub(super) fn shrink(&mut self) {
        self.lows.shrink_to_fit();
    }

    pub(super) fn bytes(&self) -> usize {
        (self.lows.capacity() + self.carries.capacity()) * size_of::<u32>()
    }
}

fn split(offset: usize) -> (usize, u32) {
    let wide = offset as u64;
    ((wide >> 32) as usize, wide as u32)
}

fn join(high: usize, low: usize) -> usize {
    ((high as u64) << 32) as usize + low
}

/// Strictly ascending lists of `u32`, one after another in one byte string.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    bytes: Vec<u8>,
    ends: Offsets,
}

impl Lists {
    /// Makes room for lists of the given sizes in bytes, which cursors then write.
    pub(super) fn with_sizes(sizes: impl Iterator<Item = usize>) -> Lists {
        let mut ends = Offsets::default();
        let mut end = 0;
        for size in sizes {
            end += size;
            ends.push(end);
        }
        ends.shrink();
        Lists {
            bytes: vec![0; end],
            ends,
        }
    }

    /// Returns a cursor at the start of a list.
    pub(super) fn cursor(&self, index: usize) -> Cursor {
        let at = self.ends.before(index).start;
        Cursor { at, next: 0 }
    }

    /// Writes the next value of a list.
    #[inline]
    pub(super) fn write(&mut self, cursor: &mut Cursor, value: u32) {
        let mut gap = value - cursor.next;
        while gap >= 0x80 {
            self.bytes[cursor.at] = gap as u8 | 0x80;
            cursor.at += 1;
            gap = (gap >> 7) - 1;
        }
        self.bytes[cursor.at] = gap as u8;
        cursor.at += 1;
        cursor.next = value + 1;
    }

    /// Appends a whole list.
    pub(super) fn push(&mut self, values: &[u32]) {
        let mut next = 0;
        for &value in values {
            let mut gap = value - next;
            while gap >= 0x80 {
                self.bytes.push(gap as u8 | 0x80);
                gap = (gap >> 7) - 1;
            }
            self.bytes.push(gap as u8);
            next = value + 1;
        }
        self.ends.push(self.bytes.len());
    }

    /// Visits the values of a list.
    #[inline]
    pub(super) fn for_each(&self, index: usize, mut visit: impl FnMut(u32)) {
        let mut rest = &self.bytes[self.ends.before(index)];
        let mut next = 0;
        while let Some(gap) = take_varint(&mut rest) {
            let value = next + gap;
            visit(value);
            next = value + 1;
        }
    }

    /// Returns a reader of a list.
    pub(super) fn read(&self, index: usize) -> ListReader<'_> {
        let mut rest = &self.bytes[self.ends.before(index)];
        let value = take_varint(&mut rest);
        ListReader { value, rest }
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.bytes()
    }
}

/// A list that is read in several steps.
pub(super) struct ListReader<'a> {
    /// The next value; none at the end.
    value: Option<u32>,
    rest: &'a [u8],
}

impl ListReader<'_> {
    /// Makes the reader of a list of one value.
    pub(super) fn single(value: u32) -> ListReader<'static> {
        ListReader {
            value: Some(value),
            rest: &[],
        }
    }

    /// Visits the values below an end that were not visited yet.
    #[inline]
    pub(super) fn for_each_below(&mut self, end: u32, mut visit: impl FnMut(u32)) {
        while let Some(value) = self.value.filter(|&value| value < end) {
            visit(value);
            self.value = take_varint(&mut self.rest).map(|gap| value + 1 + gap);
        }
    }
}

/// The position at which the next value of a list is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    at: usize,
    /// The least value that may follow.
    next: u32,
}

/// The measure of a list before it is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauge {
    /// The number of values.
    pub(super) count: u32,
    /// The size in bytes. It fits, since no value takes more bytes than the distance from the one before.
    size: u32,
    /// The least value that may follow.
    next: u32,
}

impl Gauge {
    /// Adds a value, unless it is the last one again; returns whether it was added.
    #[inline]
    pub(super) fn add(&mut self, value: u32) -> bool {
        if self.next == value + 1 {
            return false;
        }
        let gap = value - self.next;
        self.size += 1 + u32::from(gap >= 0x80);
        if gap >= 0x4080 {
            let past = [0x4080, 0x20_4080, 0x1020_4080].map(|limit| u32::from(gap >= limit));
            self.size += past.iter().sum::<u32>();
        }
        self.count += 1;
        self.next = value + 1;
        true
    }

    /// Returns how many bytes the list takes.
    pub(super) fn bytes(self) -> usize {
        self.size as usize
    }
}

impl Cursor {
    /// Returns whether the value is the last one written.
    #[inline]
    pub(super) fn is_last(self, value: u32) -> bool {
        self.next == value + 1
    }
}

/// Reads the next number, seven bits a byte, the lowest first; none at the end.
#[inline]
fn take_varint(rest: &mut &[u8]) -> Option<u32> {
    let (&first, mut after) = rest.split_first()?;
    let mut number = u32::from(first);
    if first >= 0x80 {
        // The high bits of the bytes before are not masked out: they add what writing subtracted.
        let mut shift = 7;
        while let Some((&byte, later)) = after.split_first() {
            after = later;
            number = number.wrapping_add(u32::from(byte) << shift);
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
    }
    *rest = after;
    Some(number)
}

#[cfg(feature = "durable")]
impl Stored for Offsets {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.lows)?;
        out.slice(&self.carries)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Offsets> {
        Ok(Offsets {
            lows: input.vec()?,
            carries: input.vec()?,
        })
    }
}

#[cfg(feature = "durable")]
impl Stored for Lists {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.bytes)?;
        self.ends.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Lists> {
        Ok(Lists {
            bytes: input.vec()?,
            ends: Offsets::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_back_at_every_width() {
        let edges = [
            0u32,
            1,
            0x7F,
            0x80,
            0x81,
            0x407F,
            0x4080,
            0x4081,
            0x20_407F,
            0x20_4080,
            0x1020_407F,
            0x1020_4080,
            0x1020_4081,
            u32::MAX - 1,
        ];
        let mut lists = Lists::default();
        let mut expected: Vec<Vec<u32>> = vec![vec![], edges.to_vec()];
        expected.extend(edges.map(|edge| vec![edge]));
        expected.push((0..300).chain(400..410).collect());
        for list in &expected {
            lists.push(list);
        }
        let measured = expected.iter().map(|list| {
            let mut gauge = Gauge::default();
            for &value in list {
                assert!(gauge.add(value));
                assert!(!gauge.add(value));
            }
            assert_eq!(gauge.count as usize, list.len());
            gauge.bytes()
        });
        let mut written = Lists::with_sizes(measured);
        for (index, list) in expected.iter().enumerate() {
            let mut cursor = written.cursor(index);
            for &value in list {
                written.write(&mut cursor, value);
                assert!(cursor.is_last(value));
            }
        }
        assert_eq!(written.bytes, lists.bytes);
        for (index, list) in expected.iter().enumerate() {
            let mut read = Vec::new();
            lists.for_each(index, |value| read.push(value));
            assert_eq!(&read, list);
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn offsets_pass_4_gib() {
        let all = [
            0,
            5,
            (1 << 32) - 1,
            1 << 32,
            (1 << 32) + 7,
            5 << 32,
            5 << 32,
            (7 << 32) + 1,
        ];
        let mut offsets = Offsets::default();
        for offset in all {
            offsets.push(offset);
        }
        for (index, &offset) in all.iter().enumerate() {
            assert_eq!(offsets.get(index), offset);
        }
        assert_eq!(offsets.before(0), 0..0);
        assert_eq!(offsets.before(5), (1 << 32) + 7..5 << 32);
    }
}
