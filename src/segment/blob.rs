//! Texts end to end, which is how dictionaries and long texts keep them.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use crate::model::value::encode_into;

/// Texts end to end, found by index.
///
/// Offsets are a u64 base for each 64 texts and a u32 inside, so that a blob may
/// exceed 4 GiB: 64 encoded texts of 16 MiB are at most 3 GiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blob {
    text: String,
    bases: Vec<u64>,
    ends: Vec<u32>,
}

/// The texts that share one base.
const BASE_TEXTS: usize = 64;

impl Blob {
    /// Appends a text; its index is the count before.
    pub(crate) fn push(&mut self, text: &str) {
        self.push_with(|out| out.push_str(text));
    }

    /// Appends the text that `write` appends to the blob's own.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        if self.ends.len().is_multiple_of(BASE_TEXTS) {
            self.bases.push(self.text.len() as u64);
        }
        write(&mut self.text);
        let base = self.bases[self.ends.len() / BASE_TEXTS];
        self.ends.push((self.text.len() as u64 - base) as u32);
    }

    /// Appends a text URL-encoded; `scratch` is overwritten.
    pub(super) fn push_encoded(&mut self, text: &str, scratch: &mut Vec<u8>) {
        scratch.clear();
        encode_into(text, scratch);
        // Encoding writes ASCII only, so this never falls back.
        self.push(str::from_utf8(scratch).unwrap_or_default());
    }

    /// Returns how many texts there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
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
        let base = self.bases[index / BASE_TEXTS];
        let before = self.ends[index.saturating_sub(1)];
        let is_first = index.is_multiple_of(BASE_TEXTS);
        let start = if is_first { 0 } else { before };
        (base + u64::from(start)) as usize..(base + u64::from(self.ends[index])) as usize
    }

    /// Makes room for `texts_count` more texts of `bytes` bytes in all.
    pub(super) fn reserve(&mut self, texts_count: usize, bytes: usize) {
        self.text.reserve_exact(bytes);
        self.ends.reserve_exact(texts_count);
        let bases_count = (self.ends.len() + texts_count).div_ceil(BASE_TEXTS);
        self.bases.reserve_exact(bases_count - self.bases.len());
    }

    /// Returns where the texts of some indexes lie.
    pub(super) fn span(&self, indexes: &Range<usize>) -> Range<usize> {
        if indexes.is_empty() {
            return 0..0;
        }
        self.range(indexes.start).start..self.range(indexes.end - 1).end
    }

    /// Appends the texts of some indexes of another blob.
    pub(super) fn append(&mut self, other: &Blob, indexes: Range<usize>) {
        let span = other.span(&indexes);
        let moved = self.text.len() as u64;
        self.text.push_str(&other.text[span.clone()]);
        let mut start = moved;
        for index in indexes {
            if self.ends.len().is_multiple_of(BASE_TEXTS) {
                self.bases.push(start);
            }
            start = moved + (other.range(index).end - span.start) as u64;
            let base = self.bases[self.ends.len() / BASE_TEXTS];
            self.ends.push((start - base) as u32);
        }
    }

    /// Returns the texts of some indexes, in their order.
    pub(super) fn reordered(&self, indexes: &[u32]) -> Blob {
        let mut blob = Blob::default();
        for &index in indexes {
            blob.push(self.get(index as usize));
        }
        blob
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
        self.bases.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Returns the bytes of the texts alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity() + self.bases.capacity() * 8 + self.ends.capacity() * 4
    }
}

#[cfg(feature = "durable")]
impl Stored for Blob {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(self.text.as_bytes())?;
        out.slice(&self.bases)?;
        out.slice(&self.ends)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Blob> {
        Ok(Blob {
            text: input.text()?,
            bases: input.vec()?,
            ends: input.vec()?,
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
