//! Long texts ready to be written: URL-encoded, or plain where that takes much less.
//!
//! All formats but CSV write a long text URL-encoded, so writing a text that is kept encoded is a copy.
//! But encoding makes three bytes of each that is not a letter, digit or blank of ASCII or one of `*-._`,
//! and in most scripts other than Latin that is every byte: there the UTF-8 is kept, and encoded on its way
//! out. Each text has the
//! form that suits it, whatever form others in its column have, so merging columns copies.
//!
//! # Invariants
//!
//! * The form of a text is a function of the text.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::blob::Blob;
use super::kept_text::{Form, KeptText};
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use crate::model::value::encode_into;

/// A text is kept encoded if that takes at most this fraction of its plain bytes: half as much again.
///
/// Nearly all texts in Latin script take less (logs a sixth more than plain, French a quarter), nearly
/// all in other scripts take more (Cyrillic 2.6 times as much, Chinese 3 times).
const ENCODED_MOST: (usize, usize) = (3, 2);

/// Long texts by index, each in the form that suits it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadyTexts {
    texts: Blob,
    /// The bit of a text is set if it is plain; ends at any point after the last plain text.
    plain: Vec<u64>,
    /// For encoding.
    scratch: Vec<u8>,
}

impl ReadyTexts {
    /// Appends a text; its index is the count before.
    pub(super) fn push(&mut self, text: &str) {
        self.scratch.clear();
        encode_into(text, &mut self.scratch);
        if self.scratch.len() * ENCODED_MOST.1 > text.len() * ENCODED_MOST.0 {
            self.note_plain(self.count());
            self.texts.push(text);
        } else {
            // Encoding writes ASCII only, so this never falls back.
            let encoded = str::from_utf8(&self.scratch);
            self.texts.push(encoded.unwrap_or_default());
        }
    }

    /// Takes all texts away and keeps the room.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.plain.clear();
    }

    fn note_plain(&mut self, index: usize) {
        if self.plain.len() <= index / 64 {
            self.plain.resize(index / 64 + 1, 0);
        }
        self.plain[index / 64] |= 1 << (index % 64);
    }

    /// Returns how many texts there are.
    pub(crate) fn count(&self) -> usize {
        self.texts.count()
    }

    /// Returns the texts by index, as they are kept.
    pub(crate) fn texts(&self) -> &Blob {
        &self.texts
    }

    /// Returns whether any text is plain.
    #[inline]
    pub(crate) fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Returns the form of a text.
    #[inline]
    pub(crate) fn form(&self, index: usize) -> Form {
        let bits = self.plain.get(index / 64).copied().unwrap_or(0);
        if bits >> (index % 64) & 1 == 1 {
            Form::Plain
        } else {
            Form::Encoded
        }
    }

    /// Returns the text of an index.
    pub(super) fn get(&self, index: usize) -> KeptText<'_> {
        KeptText::new(self.texts.get(index).as_bytes(), self.form(index))
    }

    /// Makes room for `texts_count` more texts of `bytes` bytes in all.
    pub(super) fn reserve(&mut self, texts_count: usize, bytes: usize) {
        self.texts.reserve(texts_count, bytes);
    }

    /// Appends the texts of some indexes of others.
    pub(super) fn append(&mut self, other: &ReadyTexts, indexes: Range<usize>) {
        let start = self.count();
        self.texts.append(&other.texts, indexes.clone());
        if other.has_plain() {
            let plain = (start..).zip(indexes);
            for (at, _) in plain.filter(|&(_, index)| other.form(index) == Form::Plain) {
                self.note_plain(at);
            }
        }
    }

    /// Returns the texts of some indexes, in their order.
    pub(super) fn reordered(&self, indexes: &[u32]) -> ReadyTexts {
        let mut texts = ReadyTexts::default();
        for &index in indexes {
            texts.append(self, index as usize..index as usize + 1);
        }
        texts
    }

    /// Gives back what growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.texts.shrink();
        self.plain.shrink_to_fit();
        self.scratch = Vec::new();
    }

    /// Returns the bytes of the texts alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.text_bytes()
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes() + self.plain.capacity() * size_of::<u64>() + self.scratch.capacity()
    }
}

#[cfg(feature = "durable")]
impl Stored for ReadyTexts {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.texts.write_to(out)?;
        out.slice(&self.plain)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<ReadyTexts> {
        Ok(ReadyTexts {
            texts: Blob::read_from(input)?,
            plain: input.vec()?,
            scratch: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_the_form_that_suits_it() {
        let mut texts = ReadyTexts::default();
        let all = [
            ("", Form::Encoded, ""),
            ("a b", Form::Encoded, "a+b"),
            ("1%\r\n", Form::Plain, "1%\r\n"),
            (
                "d\u{e9}j\u{e0} vu par tous, un texte long",
                Form::Encoded,
                "d%C3%A9j%C3%A0+vu+par+tous%2C+un+texte+long",
            ),
            ("\u{6771}\u{4eac}", Form::Plain, "\u{6771}\u{4eac}"),
        ];
        for (text, ..) in all {
            texts.push(text);
        }
        for (index, (text, form, kept)) in all.into_iter().enumerate() {
            assert_eq!(texts.form(index), form, "{text}");
            assert_eq!(texts.get(index).bytes(), kept.as_bytes());
            assert_eq!(texts.get(index).into_text(), text);
        }
        let mut other = texts.reordered(&[4, 1]);
        other.append(&texts, 2..4);
        let found: Vec<_> = (0..4).map(|at| other.get(at).into_text()).collect();
        assert_eq!(found, [all[4].0, all[1].0, all[2].0, all[3].0]);
    }
}
