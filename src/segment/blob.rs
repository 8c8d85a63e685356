//! Texts end to end, which is how dictionaries and long texts keep them.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::ends::Ends;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use crate::model::value::encode_into;

/// Texts end to end, found by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blob {
    text: String,
    ends: Ends,
}

impl Blob {
    /// Appends a text; its index is the count before.
    pub(crate) fn push(&mut self, text: &str) {
        self.push_with(|out| out.push_str(text));
    }

    /// Appends the text that `write` appends to the blob's own.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        self.ends.push(start, self.text.len());
    }

    /// Appends a text URL-encoded; `scratch` is overwritten.
    pub(super) fn push_encoded(&mut self, text: &str, scratch: &mut Vec<u8>) {
        scratch.clear();
        encode_into(text, scratch);
        // Encoding writes ASCII only, so this never falls back.
        self.push(str::from_utf8(scratch).unwrap_or_default());
    }

    /// Takes all texts away and keeps the room.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Returns how many texts there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.count()
    }

    /// Returns the text of an index.
    pub(crate) fn get(&self, index: usize) -> &str {
        &self.text[self.range(index)]
    }

    /// Returns whether the text of an index is this one.
    #[inline]
    pub(super) fn holds(&self, index: usize, text: &str) -> bool {
        // The bytes alone: a slice of a text looks at the characters at its ends.
        self.text.as_bytes()[self.range(index)] == *text.as_bytes()
    }

    /// Returns where the text of an index lies.
    ///
    /// No branch depends on the index, so that many can be looked up at a time.
    #[inline]
    pub(crate) fn range(&self, index: usize) -> Range<usize> {
        self.ends.range(index)
    }

    /// Makes room for `texts_count` more texts of `bytes` bytes in all.
    pub(super) fn reserve(&mut self, texts_count: usize, bytes: usize) {
        self.text.reserve_exact(bytes);
        self.ends.reserve(texts_count);
    }

    /// Returns where the texts of some indexes lie.
    pub(super) fn span(&self, indexes: &Range<usize>) -> Range<usize> {
        self.ends.span(indexes)
    }

    /// Appends the texts of some indexes of another blob.
    pub(super) fn append(&mut self, other: &Blob, indexes: Range<usize>) {
        let span = other.span(&indexes);
        let mut start = self.text.len();
        let moved = start;
        self.text.push_str(&other.text[span.clone()]);
        for index in indexes {
            let end = moved + (other.range(index).end - span.start);
            self.ends.push(start, end);
            start = end;
        }
    }

    /// Returns the bytes from a place to the end of the blob.
    ///
    /// Whoever copies short texts can so copy a fixed length, which is faster.
    #[inline]
    pub(crate) fn bytes_from(&self, start: usize) -> &[u8] {
        &self.text.as_bytes()[start..]
    }

    /// Gives back what growing has reserved.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink();
    }

    /// Returns the bytes of the texts alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.bytes()
    }
}

#[cfg(feature = "durable")]
impl Stored for Blob {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(self.text.as_bytes())?;
        self.ends.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Blob> {
        Ok(Blob {
            text: input.text()?,
            ends: Ends::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_find_texts_across_bases() {
        let mut blob = Blob::default();
        (0..200).for_each(|n| blob.push(&"x".repeat(n % 7)));
        assert_eq!(blob.count(), 200);
        assert!((0..200).all(|n| blob.get(n).len() == n % 7));
    }
}
