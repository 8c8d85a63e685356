//! Long texts packed: each by itself, so that any of them is read without the others.
//!
//! A packed text is the number of its [table](Symbols), then those of its symbols; the empty text is
//! nothing.
//! The tables are [found](Packer) on a sample of the texts, as the texts of a help desk have much in
//! common.
//!
//! # Invariants
//!
//! * What is packed unpacks to the same bytes, of any text.
//!
//! # Cost
//!
//! Packing takes a few nanoseconds a byte, unpacking half of one.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::ends::Ends;
use super::kept_text::{Form, KeptText};
use super::packer::{Input, Packer};
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use super::symbols::Symbols;

/// Texts of fewer bytes in all are not packed: finding a table would cost as much as indexing the
/// tickets, and the table would take a good part of what is saved.
pub(crate) const PACKED_BYTES_MIN: usize = 1 << 20;

/// Long texts by index, packed.
#[derive(Clone, Debug)]
pub(crate) struct PackedTexts {
    packed: Vec<u8>,
    ends: Ends,
    tables: Vec<Symbols>,
    /// The bytes of the texts as UTF-8.
    plain_bytes: u64,
}

impl PackedTexts {
    /// Packs texts that have a number of bytes in all.
    ///
    /// Cost: each text is asked for once, and those of the sample twice.
    pub(super) fn pack(input: &impl Input, plain_bytes: usize) -> PackedTexts {
        let mut packer = Packer::find(input, plain_bytes);
        let mut texts = PackedTexts {
            packed: Vec::new(),
            ends: Ends::default(),
            tables: packer.tables(),
            plain_bytes: plain_bytes as u64,
        };
        texts.ends.reserve(input.count());
        packer.pack(input, |packed| {
            let start = texts.packed.len();
            if let Some((number, rest)) = packed {
                texts.packed.push(number);
                texts.packed.extend_from_slice(rest);
            }
            texts.ends.push(start, texts.packed.len());
        });
        texts.packed.shrink_to_fit();
        texts
    }

    /// Returns how many texts there are.
    pub(super) fn count(&self) -> usize {
        self.ends.count()
    }

    /// Returns where the packed text of an index lies.
    #[inline]
    pub(crate) fn range(&self, index: usize) -> Range<usize> {
        self.ends.range(index)
    }

    /// Returns the packed bytes from a place on.
    #[inline]
    pub(crate) fn bytes_from(&self, start: usize) -> &[u8] {
        &self.packed[start..]
    }

    /// Returns the table of a number, if there is one.
    #[inline]
    pub(crate) fn table(&self, number: u8) -> Option<&Symbols> {
        self.tables.get(usize::from(number))
    }

    /// Returns the number of a packed text's table, the table, and the rest; none of the empty text.
    #[inline]
    pub(crate) fn split<'a>(&'a self, packed: &'a [u8]) -> Option<(u8, &'a Symbols, &'a [u8])> {
        let (&number, rest) = packed.split_first()?;
        Some((number, self.table(number)?, rest))
    }

    /// Returns the start of a text: at least this number of bytes, or all of a text that is shorter.
    pub(super) fn start(&self, index: usize, bytes: usize) -> KeptText<'static> {
        let mut out = Vec::new();
        if let Some((_, symbols, mut rest)) = self.split(&self.packed[self.range(index)]) {
            // A packed text is about half as long.
            let mut room = (rest.len() * 2).min(bytes).max(64);
            while !rest.is_empty() && out.len() < bytes {
                let start = out.len();
                out.resize(start + room, 0);
                let (read, written) = symbols.unpack(rest, &mut out[start..]);
                out.truncate(start + written);
                rest = &rest[read..];
                room = (rest.len() * 2).max(64);
            }
        }
        KeptText::new(out, Form::Plain)
    }

    /// Returns the text of an index.
    pub(super) fn get(&self, index: usize) -> KeptText<'static> {
        self.start(index, usize::MAX)
    }

    /// Returns how many bytes some texts have as UTF-8.
    pub(super) fn plain_bytes_of(&self, indexes: Range<usize>) -> usize {
        if indexes == (0..self.count()) {
            return self.plain_bytes as usize;
        }
        let texts = indexes.map(|index| {
            let split = self.split(&self.packed[self.range(index)]);
            split.map_or(0, |(_, symbols, rest)| symbols.unpacked_bytes(rest))
        });
        texts.sum()
    }

    /// Returns the bytes of the packed texts alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.packed.len()
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.tables.capacity() * size_of::<Symbols>();
        let symbols = self.tables.len() * Symbols::bytes();
        self.packed.capacity() + self.ends.bytes() + tables + symbols
    }
}

#[cfg(feature = "durable")]
impl Stored for PackedTexts {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.packed)?;
        self.ends.write_to(out)?;
        out.list(&self.tables)?;
        out.number(self.plain_bytes)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<PackedTexts> {
        Ok(PackedTexts {
            packed: input.vec()?,
            ends: Ends::read_from(input)?,
            tables: input.list()?,
            plain_bytes: input.number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_kinds_unpack_as_they_were() {
        let longest = "\u{6771}\u{4eac} and a line\r\n".repeat(1 << 16);
        let text = |index: usize| match index % 9 {
            0 => String::new(),
            1 => "\u{0}".repeat(index % 40),
            2 => char::from_u32(index as u32 * 37 % 0xd800).map_or_else(String::new, String::from),
            3 => format!("ticket {index} of the printer, \u{e9}t\u{e9}"),
            4 => format!("\u{437}\u{430}\u{44f}\u{432}\u{43a}\u{430} {index}"),
            5 => "word ".repeat(index % 300),
            6 => "\u{10ffff}\u{7f}%+\"<>&\r\n\t".to_owned(),
            7 if index == 7 => longest.clone(),
            7 => "7".to_owned(),
            _ => (0..index % 200)
                .map(|at| char::from((at * index % 96 + 32) as u8))
                .collect(),
        };
        let texts: Vec<String> = (0..2000).map(text).collect();
        let plain_bytes: usize = texts.iter().map(String::len).sum();
        let packed = PackedTexts::pack(&texts, plain_bytes);
        assert!(packed.text_bytes() < plain_bytes / 2);
        assert_eq!(packed.plain_bytes_of(0..texts.len()), plain_bytes);
        let some: usize = texts[5..900].iter().map(String::len).sum();
        assert_eq!(packed.plain_bytes_of(5..900), some);
        for (at, text) in texts.iter().enumerate() {
            assert!(packed.get(at).into_text() == *text, "text {at}");
            let start = packed.start(at, 32);
            assert!(text.as_bytes().starts_with(start.bytes()));
            assert!(start.bytes().len() >= text.len().min(32));
        }
        assert_eq!(PackedTexts::pack(&Vec::new(), 0).count(), 0);
    }
}
