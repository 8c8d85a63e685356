//! The starts and ends of texts that lie end to end.

#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};

/// The ends of texts by index, each of which starts where the one before ends.
///
/// Each is a u32 above a u64 base for 64 texts, so that all texts together may exceed 4 GiB: 64 encoded
/// texts of 16 MiB are at most 3 GiB.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    bases: Vec<u64>,
    ends: Vec<u32>,
}

/// The texts that share one base.
const BASE_TEXTS: usize = 64;

impl Ends {
    /// Adds a text that lies between two offsets.
    pub(super) fn push(&mut self, start: usize, end: usize) {
        if self.ends.len().is_multiple_of(BASE_TEXTS) {
            self.bases.push(start as u64);
        }
        let base = self.bases[self.ends.len() / BASE_TEXTS];
        self.ends.push((end as u64 - base) as u32);
    }

    /// Takes all texts away and keeps the room.
    pub(super) fn clear(&mut self) {
        self.bases.clear();
        self.ends.clear();
    }

    /// Returns how many texts there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Returns where the text of an index lies.
    ///
    /// No branch depends on the index, so that many can be looked up at a time.
    #[inline]
    pub(super) fn range(&self, index: usize) -> Range<usize> {
        let base = self.bases[index / BASE_TEXTS];
        let before = self.ends[index.saturating_sub(1)];
        let is_first = index.is_multiple_of(BASE_TEXTS);
        let start = if is_first { 0 } else { before };
        (base + u64::from(start)) as usize..(base + u64::from(self.ends[index])) as usize
    }

    /// Returns where the texts of some indexes lie.
    pub(super) fn span(&self, indexes: &Range<usize>) -> Range<usize> {
        if indexes.is_empty() {
            return 0..0;
        }
        self.range(indexes.start).start..self.range(indexes.end - 1).end
    }

    /// Makes room for more texts.
    pub(super) fn reserve(&mut self, texts_count: usize) {
        self.ends.reserve_exact(texts_count);
        let bases_count = (self.ends.len() + texts_count).div_ceil(BASE_TEXTS);
        self.bases.reserve_exact(bases_count - self.bases.len());
    }

    /// Gives back what growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.bases.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bases.capacity() * 8 + self.ends.capacity() * 4
    }
}

#[cfg(feature = "durable")]
impl Stored for Ends {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.slice(&self.bases)?;
        out.slice(&self.ends)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Ends> {
        Ok(Ends {
            bases: input.vec()?,
            ends: input.vec()?,
        })
    }
}
