//! Columns of long texts, which nobody filters by value.
//!
//! The texts (subject, summary) are kept [ready](ReadyTexts) to be written, or [packed](PackedTexts)
//! where the store keeps them small and there are enough of them. Few are equal, so they have no
//! dictionary. Whoever reads asks for the [form](Texts), writes what is ready as it is and unpacks
//! the rest, or takes a single text as a [`KeptText`].
//!
//! # Invariants
//!
//! * The form is a function of the texts, their order and what the store says.

use std::borrow::Cow;
#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::folded;
use super::kept_text::{Form, KeptText};
use super::packed_texts::{PACKED_BYTES_MIN, PackedTexts};
use super::ready_texts::ReadyTexts;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::symbols::ENCODED_SYMBOL_BYTES;
use crate::model::Texts as Keeping;
use crate::model::memory::ARC_BYTES;

/// The texts of a column in the form in which they are kept.
#[derive(Clone, Debug)]
pub(crate) enum Texts {
    Ready(ReadyTexts),
    Packed(PackedTexts),
}

impl Texts {
    fn count(&self) -> usize {
        match self {
            Texts::Ready(texts) => texts.count(),
            Texts::Packed(texts) => texts.count(),
        }
    }

    fn get(&self, index: usize) -> KeptText<'_> {
        match self {
            Texts::Ready(texts) => texts.get(index),
            Texts::Packed(texts) => texts.get(index),
        }
    }

    fn range(&self, index: usize) -> Range<usize> {
        match self {
            Texts::Ready(texts) => texts.texts().range(index),
            Texts::Packed(texts) => texts.range(index),
        }
    }

    /// Returns how many bytes some texts have as UTF-8.
    fn plain_bytes_of(&self, indexes: Range<usize>) -> usize {
        match self {
            Texts::Ready(texts) => indexes.map(|index| plain_bytes(&texts.get(index))).sum(),
            Texts::Packed(texts) => texts.plain_bytes_of(indexes),
        }
    }
}

/// Returns how many bytes a text has as UTF-8.
fn plain_bytes(text: &KeptText<'_>) -> usize {
    let bytes = text.bytes();
    match text.form() {
        Form::Plain => bytes.len(),
        // Each byte that is escaped has three.
        Form::Encoded => bytes.len() - 2 * memchr::memchr_iter(b'%', bytes).count(),
    }
}

/// Long texts, one a row.
#[derive(Clone, Debug)]
pub(crate) struct TextColumn {
    texts: Arc<Texts>,
    /// Where the texts are another column's: the row there of each row here.
    rows: Option<Arc<[u32]>>,
}

impl TextColumn {
    fn new(texts: Texts) -> TextColumn {
        TextColumn {
            texts: Arc::new(texts),
            rows: None,
        }
    }

    /// Returns the least bytes that texts may take as a store keeps them.
    pub(super) fn least_bytes(texts: &ReadyTexts, keeping: Keeping) -> usize {
        match keeping {
            Keeping::Fast => texts.text_bytes(),
            Keeping::Compact => texts.text_bytes() / ENCODED_SYMBOL_BYTES,
        }
    }

    /// Makes a column of texts as a store keeps them.
    pub(super) fn seal(mut texts: ReadyTexts, keeping: Keeping) -> TextColumn {
        if keeping == Keeping::Compact {
            let all = 0..texts.count();
            let bytes = all.clone().map(|index| plain_bytes(&texts.get(index)));
            let bytes: usize = bytes.sum();
            if bytes >= PACKED_BYTES_MIN {
                let text = |index| texts.get(index).into_text();
                return TextColumn::new(Texts::Packed(PackedTexts::pack(all.end, bytes, text)));
            }
        }
        texts.shrink();
        TextColumn::new(Texts::Ready(texts))
    }

    /// Makes a column of rows of others, as a store keeps its texts.
    ///
    /// `runs` are the rows of one column after the other. Cost: a copy where nothing is packed nor
    /// to be; else what unpacking and packing take.
    pub(super) fn merge(runs: &[(&TextColumn, Range<u32>)], keeping: Keeping) -> TextColumn {
        let rows = runs.iter().flat_map(|(column, rows)| {
            let rows = rows.clone();
            rows.map(|row| (*column, row))
        });
        if keeping == Keeping::Compact {
            let bytes: usize = runs
                .iter()
                .map(|(column, rows)| column.plain_bytes_of(rows))
                .sum();
            if bytes >= PACKED_BYTES_MIN {
                let rows: Vec<_> = rows.collect();
                let text = |index: usize| rows[index].0.text(rows[index].1);
                return TextColumn::new(Texts::Packed(PackedTexts::pack(rows.len(), bytes, text)));
            }
        }
        let mut merged = ReadyTexts::default();
        let ready = |column: &TextColumn| matches!(&*column.texts, Texts::Ready(_));
        if runs.iter().all(|(column, _)| ready(column)) {
            let bytes = |(column, rows): &(&TextColumn, Range<u32>)| column.kept_bytes_of(rows);
            merged.reserve(rows.count(), runs.iter().map(bytes).sum());
        }
        for (column, rows) in runs {
            match &*column.texts {
                Texts::Ready(texts) if column.rows.is_none() => {
                    merged.append(texts, rows.start as usize..rows.end as usize);
                }
                _ => rows.clone().for_each(|row| merged.push(&column.text(row))),
            }
        }
        merged.shrink();
        TextColumn::new(Texts::Ready(merged))
    }

    /// Makes a column of some rows, which shares the texts.
    pub(super) fn with_rows(&self, rows: &Arc<[u32]>) -> TextColumn {
        debug_assert!(
            self.rows.is_none(),
            "only a column with own texts is shared"
        );
        TextColumn {
            texts: Arc::clone(&self.texts),
            rows: Some(Arc::clone(rows)),
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        match &self.rows {
            Some(rows) => rows.len() as u32,
            None => self.texts.count() as u32,
        }
    }

    /// Returns the texts by [`index`](TextColumn::index), as they are kept.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Returns the bytes of all texts that rows may have, as they are kept.
    pub(super) fn texts_bytes(&self) -> usize {
        match &*self.texts {
            Texts::Ready(texts) => texts.text_bytes(),
            Texts::Packed(texts) => texts.text_bytes(),
        }
    }

    /// Returns the index of a row's text.
    #[inline]
    pub(crate) fn index(&self, row: u32) -> usize {
        let own = self.rows.as_ref().map_or(row, |rows| rows[row as usize]);
        own as usize
    }

    /// Returns the bytes of a row's text as it is kept, without a look at it.
    pub(crate) fn text_bytes(&self, row: u32) -> usize {
        self.texts.range(self.index(row)).len()
    }

    fn kept_bytes_of(&self, rows: &Range<u32>) -> usize {
        rows.clone().map(|row| self.text_bytes(row)).sum()
    }

    fn plain_bytes_of(&self, rows: &Range<u32>) -> usize {
        match self.rows {
            None => {
                let indexes = rows.start as usize..rows.end as usize;
                self.texts.plain_bytes_of(indexes)
            }
            Some(_) => {
                let index = rows.clone().map(|row| self.index(row));
                index.map(|it| self.texts.plain_bytes_of(it..it + 1)).sum()
            }
        }
    }

    /// Returns the first byte that is kept of a row's text, which only asks for its memory.
    pub(crate) fn first_byte(&self, row: u32) -> u8 {
        let range = self.texts.range(self.index(row));
        let bytes = match &*self.texts {
            Texts::Ready(texts) => texts.texts().bytes_from(range.start),
            Texts::Packed(texts) => texts.bytes_from(range.start),
        };
        bytes.first().copied().unwrap_or(0)
    }

    /// Returns the text of a row, to be compared.
    pub(crate) fn kept(&self, row: u32) -> KeptText<'_> {
        self.texts.get(self.index(row))
    }

    /// Returns the first eight folded bytes of a row's text as an integer that orders as they do.
    pub(crate) fn prefix(&self, row: u32) -> u64 {
        /// Each character folds to a byte or more, and has at most four.
        const PREFIX_BYTES: usize = 4 * size_of::<u64>();
        let index = self.index(row);
        match &*self.texts {
            Texts::Ready(texts) => folded::prefix(&texts.get(index)),
            Texts::Packed(texts) => folded::prefix(&texts.start(index, PREFIX_BYTES)),
        }
    }

    /// Returns the text of a row.
    pub(crate) fn text(&self, row: u32) -> Cow<'_, str> {
        self.kept(row).into_text()
    }

    /// Returns how many bytes of UTF-8 are packed here; those of another column are not.
    pub(super) fn unpacked_bytes(&self) -> usize {
        match &*self.texts {
            Texts::Packed(texts) if self.rows.is_none() => texts.plain_bytes_of(0..texts.count()),
            _ => 0,
        }
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = match &*self.texts {
            Texts::Ready(texts) => texts.bytes(),
            Texts::Packed(texts) => texts.bytes(),
        };
        match &self.rows {
            // The texts and the list of rows are others'.
            Some(_) => 0,
            None => ARC_BYTES + size_of::<Texts>() + texts,
        }
    }
}

/// The forms of [`Texts`] in an image.
#[cfg(feature = "durable")]
const READY: u64 = 0;
#[cfg(feature = "durable")]
const PACKED: u64 = 1;

/// Columns that share the texts of another are not in images.
#[cfg(feature = "durable")]
impl Stored for TextColumn {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        match &*self.texts {
            Texts::Ready(texts) => out.number(READY).and_then(|()| texts.write_to(out)),
            Texts::Packed(texts) => out.number(PACKED).and_then(|()| texts.write_to(out)),
        }
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<TextColumn> {
        Ok(TextColumn::new(match input.number::<u64>()? {
            READY => Texts::Ready(ReadyTexts::read_from(input)?),
            PACKED => Texts::Packed(PackedTexts::read_from(input)?),
            _ => return Err(malformed()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of all forms, of a number of bytes or more.
    fn make(bytes_min: usize) -> Vec<String> {
        let text = |n: usize| match n % 4 {
            0 => String::new(),
            1 => format!("the printer is on fire for the {n}th time, 100%"),
            2 => format!("\u{6771}\u{4eac}\u{90fd}\u{306e}\u{30d7}\u{30ea}\u{30f3}\u{30bf}{n}"),
            _ => format!("\u{c9}t\u{e9} {n}, and then \"more\"\r\n"),
        };
        let mut texts: Vec<String> = Vec::new();
        let mut bytes = 0;
        while bytes < bytes_min {
            texts.push(text(texts.len()));
            bytes += texts.last().map_or(0, String::len);
        }
        texts
    }

    fn seal(texts: &[String], keeping: Keeping) -> TextColumn {
        let mut ready = ReadyTexts::default();
        texts.iter().for_each(|text| ready.push(text));
        TextColumn::seal(ready, keeping)
    }

    #[test]
    fn texts_are_packed_where_the_store_says_so_and_there_are_enough() {
        let few = make(PACKED_BYTES_MIN / 2);
        let many = make(PACKED_BYTES_MIN);
        let is_packed = |column: &TextColumn| matches!(column.texts(), Texts::Packed(_));
        for (texts, keeping, packs) in [
            (&few, Keeping::Fast, false),
            (&few, Keeping::Compact, false),
            (&many, Keeping::Fast, false),
            (&many, Keeping::Compact, true),
        ] {
            let column = seal(texts, keeping);
            assert_eq!(is_packed(&column), packs);
            assert_eq!(column.rows_count() as usize, texts.len());
            assert!(
                (0..)
                    .zip(texts)
                    .all(|(row, text)| column.text(row) == *text)
            );
            let rows = column.with_rows(&Arc::from([3, 2]));
            assert_eq!((&*rows.text(0), &*rows.text(1)), (&*texts[3], &*texts[2]));
            assert_eq!((rows.rows_count(), rows.bytes()), (2, 0));
        }
    }

    #[test]
    fn a_merge_is_the_column_of_the_rows_whatever_the_forms() {
        let texts = make(PACKED_BYTES_MIN);
        let half = texts.len() as u32 / 2;
        let columns = [Keeping::Fast, Keeping::Compact].map(|keeping| seal(&texts, keeping));
        for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for end in [10, texts.len() as u32] {
                let runs = [
                    (&columns[first], half..end.max(half)),
                    (&columns[second], 0..end),
                ];
                let rows = runs.iter().flat_map(|(_, rows)| rows.clone());
                let expected: Vec<String> = rows.map(|row| texts[row as usize].clone()).collect();
                for keeping in [Keeping::Fast, Keeping::Compact] {
                    let merged = TextColumn::merge(&runs, keeping);
                    let sealed = seal(&expected, keeping);
                    let same = format!("{merged:?}") == format!("{sealed:?}");
                    assert!(same, "{first} {second} {end} {keeping:?}");
                }
            }
        }
    }
}
