//! The symbols that packed texts are made of.
//!
//! A packed text is a list of the numbers of symbols, a byte each, and a symbol is up to eight bytes of
//! UTF-8 that occur in many texts (FSST, "fast static symbol table"); a byte that no symbol has follows
//! the number [`ESCAPE`]. So a text is unpacked from any of its numbers on, without those before it.
//! A table has each symbol twice, plain and URL-encoded, so that unpacking for a response costs no
//! second pass.
//!
//! The crate `fsst` finds the symbols and packs; unpacking is done here, as it must be sound for any
//! bytes and stop where a chunk ends.
//!
//! # Invariants
//!
//! * Any bytes can be unpacked by any table that was read; a number without a symbol gives nothing.

#[cfg(feature = "durable")]
use std::io;

use fsst::Compressor;

#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use crate::model::value::encode_byte;

/// The number before a byte that no symbol has.
const ESCAPE: u8 = 255;

/// How many numbers a byte holds.
const NUMBERS_COUNT: usize = 256;

/// The most bytes of a symbol.
const SYMBOL_BYTES: usize = 8;

/// The most bytes of a symbol that is URL-encoded.
pub(super) const ENCODED_SYMBOL_BYTES: usize = 3 * SYMBOL_BYTES;

/// Symbols by number in one form, each followed by zeros, and how many bytes each has.
#[derive(Clone, Debug)]
struct Table<const N: usize> {
    symbols: [[u8; N]; NUMBERS_COUNT],
    lengths: [u8; NUMBERS_COUNT],
}

impl<const N: usize> Table<N> {
    fn new() -> Table<N> {
        Table {
            symbols: [[0; N]; NUMBERS_COUNT],
            lengths: [0; NUMBERS_COUNT],
        }
    }

    /// Unpacks as far as there is room; returns how many bytes were read, and how many were written.
    ///
    /// Nothing is written where fewer than `N` bytes have room. `literal` makes the form of a byte
    /// that no symbol has.
    #[inline]
    fn unpack(
        &self,
        packed: &[u8],
        out: &mut [u8],
        literal: impl Fn(u8, &mut [u8; N]) -> usize,
    ) -> (usize, usize) {
        let (mut read, mut written) = (0, 0);
        while let Some(&number) = packed.get(read)
            && let Some(room) = out[written..].first_chunk_mut()
        {
            if number == ESCAPE {
                // A packed text ends with no escape.
                written += packed.get(read + 1).map_or(0, |&byte| literal(byte, room));
                read = packed.len().min(read + 2);
            } else {
                *room = self.symbols[usize::from(number)];
                written += usize::from(self.lengths[usize::from(number)]);
                read += 1;
            }
        }
        (read, written)
    }
}

/// A table of the symbols that some packed texts are made of.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    plain: Box<Table<SYMBOL_BYTES>>,
    encoded: Box<Table<ENCODED_SYMBOL_BYTES>>,
}

impl Symbols {
    /// Makes the table of those that a compressor has found.
    pub(super) fn of(compressor: &Compressor) -> Symbols {
        let mut plain = Box::new(Table::new());
        let found = compressor.symbol_table().iter();
        let lengths = compressor.symbol_lengths();
        for (at, (symbol, &length)) in found.zip(lengths).enumerate().take(ESCAPE.into()) {
            plain.symbols[at] = symbol.to_u64().to_le_bytes();
            plain.lengths[at] = length.min(SYMBOL_BYTES as u8);
        }
        Symbols::of_plain(plain)
    }

    fn of_plain(plain: Box<Table<SYMBOL_BYTES>>) -> Symbols {
        let mut encoded = Box::new(Table::new());
        for number in 0..NUMBERS_COUNT {
            let mut length = 0;
            for &byte in &plain.symbols[number][..plain.lengths[number].into()] {
                let (unit, bytes) = encode_byte(byte);
                encoded.symbols[number][length..length + bytes].copy_from_slice(&unit[..bytes]);
                length += bytes;
            }
            encoded.lengths[number] = length as u8;
        }
        Symbols { plain, encoded }
    }

    /// Unpacks a text as far as there is room; returns how many bytes were read, and how many were
    /// written.
    ///
    /// No symbol is cut, and nothing is written where fewer than eight bytes have room.
    pub(crate) fn unpack(&self, packed: &[u8], out: &mut [u8]) -> (usize, usize) {
        self.plain.unpack(packed, out, |byte, room| {
            room[0] = byte;
            1
        })
    }

    /// Like [`unpack`](Symbols::unpack), but writes the text URL-encoded; 24 bytes must have room.
    pub(crate) fn unpack_encoded(&self, packed: &[u8], out: &mut [u8]) -> (usize, usize) {
        self.encoded.unpack(packed, out, |byte, room| {
            let (unit, bytes) = encode_byte(byte);
            room[..unit.len()].copy_from_slice(&unit);
            bytes
        })
    }

    /// Returns how many bytes a text has once it is unpacked.
    pub(super) fn unpacked_bytes(&self, packed: &[u8]) -> usize {
        let mut rest = packed.iter();
        let mut bytes = 0;
        while let Some(&number) = rest.next() {
            bytes += if number == ESCAPE {
                usize::from(rest.next().is_some())
            } else {
                usize::from(self.plain.lengths[usize::from(number)])
            };
        }
        bytes
    }

    /// Returns the heap bytes.
    pub(super) fn bytes() -> usize {
        size_of::<Table<SYMBOL_BYTES>>() + size_of::<Table<ENCODED_SYMBOL_BYTES>>()
    }
}

#[cfg(feature = "durable")]
impl Stored for Symbols {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.plain.lengths)?;
        out.slice(self.plain.symbols.as_flattened())
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Symbols> {
        let lengths: Vec<u8> = input.vec()?;
        let symbols: Vec<u8> = input.vec()?;
        let mut plain = Box::new(Table::new());
        let is_right = lengths.len() == NUMBERS_COUNT
            && symbols.len() == NUMBERS_COUNT * SYMBOL_BYTES
            && lengths
                .iter()
                .all(|&length| usize::from(length) <= SYMBOL_BYTES);
        if !is_right {
            return Err(malformed());
        }
        plain.lengths.copy_from_slice(&lengths);
        plain.symbols.as_flattened_mut().copy_from_slice(&symbols);
        Ok(Symbols::of_plain(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::encode_into;

    fn pack(compressor: &Compressor, text: &str) -> Vec<u8> {
        compressor.compress(text.as_bytes())
    }

    /// Unpacks in pieces of a number of bytes.
    fn unpack_all(
        packed: &[u8],
        room: usize,
        unpack: impl Fn(&[u8], &mut [u8]) -> (usize, usize),
    ) -> Vec<u8> {
        let (mut at, mut all) = (0, Vec::new());
        let mut out = vec![0; room];
        while at < packed.len() {
            let (read, written) = unpack(&packed[at..], &mut out);
            assert!(read > 0, "{room} bytes are room for a symbol");
            all.extend_from_slice(&out[..written]);
            at += read;
        }
        all
    }

    #[test]
    fn what_is_packed_unpacks_in_both_forms_and_in_pieces() {
        let sample = "the printer is on fire, \u{6771}\u{4eac} \u{e9}t\u{e9} 100%\r\n".repeat(200);
        let compressor = Compressor::train(&vec![sample.as_bytes()]);
        let symbols = Symbols::of(&compressor);
        let texts = [
            "",
            "a",
            "the printer is on fire",
            "\u{0}\u{1}~#\u{1f3ab}\u{10ffff} that no symbol has",
            "\u{6771}\u{4eac}\u{6771}",
            &sample,
        ];
        for text in texts {
            let packed = pack(&compressor, text);
            let mut encoded = Vec::new();
            encode_into(text, &mut encoded);
            assert_eq!(symbols.unpacked_bytes(&packed), text.len());
            for room in [24, 25, 64, 1000] {
                let unpack = |packed: &[u8], out: &mut [u8]| symbols.unpack(packed, out);
                assert_eq!(unpack_all(&packed, room, unpack), text.as_bytes());
                let unpack = |packed: &[u8], out: &mut [u8]| symbols.unpack_encoded(packed, out);
                assert_eq!(unpack_all(&packed, room, unpack), encoded);
            }
        }
        assert_eq!(symbols.unpack(&pack(&compressor, "a"), &mut [0; 7]), (0, 0));
        assert_eq!(symbols.unpack_encoded(&[1], &mut [0; 23]), (0, 0));
    }

    #[test]
    fn any_bytes_unpack_to_something() {
        let symbols = Symbols::of(&Compressor::train(&vec![&b"some text"[..]]));
        let packed: Vec<u8> = (0..=255).rev().chain([ESCAPE, ESCAPE, ESCAPE]).collect();
        for start in 0..packed.len() {
            let plain = unpack_all(&packed[start..], 64, |it, out| symbols.unpack(it, out));
            assert_eq!(symbols.unpacked_bytes(&packed[start..]), plain.len());
            unpack_all(&packed[start..], 64, |it, out| {
                symbols.unpack_encoded(it, out)
            });
        }
    }
}
