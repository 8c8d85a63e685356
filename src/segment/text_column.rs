//! Columns of long texts, which nobody filters by value.
//!
//! The texts (subject, summary) are kept URL-encoded, the form in which all formats but CSV write
//! them. Few are equal, so they have no dictionary.

use std::borrow::Cow;
#[cfg(feature = "durable")]
use std::io;
use std::sync::Arc;

use super::blob::Blob;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use crate::model::memory::ARC_BYTES;
use crate::model::value::{Plus, decode};

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

    /// Returns the bytes of all texts that rows may have.
    pub(super) fn texts_bytes(&self) -> usize {
        self.encoded.text_bytes()
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

/// Columns that share the texts of another are not in images.
#[cfg(feature = "durable")]
impl Stored for TextColumn {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.encoded.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<TextColumn> {
        Ok(TextColumn {
            encoded: Arc::new(Blob::read_from(input)?),
            rows: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
