//! Columns of long texts, of which a request asks whether they are empty and what they hold, but not
//! for a value.
//!
//! The texts (subject, summary) are kept [ready](ReadyTexts) to be written. Where the store is to keep
//! texts small, a column with enough of them is [packed](PackedTexts) instead. Few texts are equal, so
//! they have no dictionary. Whoever reads asks for the [form](Texts), writes what is ready as it is and
//! unpacks the rest, or takes a single text as a [`KeptText`].
//!
//! # Invariants
//!
//! * The form is a function of the texts, their order and the bytes from which a store packs.

use std::borrow::Cow;
#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::budget::Budget;
use super::kept_leads::{KeptLeads, TextLeads};
use super::kept_text::{Form, KeptText};
use super::packed_texts::PackedTexts;
use super::packer::Input;
use super::ready_texts::ReadyTexts;
use super::splitters::Splitters;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::symbols::ENCODED_SYMBOL_BYTES;
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

    /// Returns a text, or as much of it as has a number of folded bytes.
    fn start(&self, index: usize, folded_bytes: usize) -> KeptText<'_> {
        match self {
            Texts::Ready(texts) => texts.get(index),
            // Each character folds to a byte or more, and has at most four.
            Texts::Packed(texts) => texts.start(index, 4 * folded_bytes),
        }
    }

    /// Makes the lead of each text.
    ///
    /// The memory of several texts is asked for at once, as each would be waited for.
    fn make_leads(&self) -> TextLeads {
        const TOUCHED_TEXTS: usize = 32;
        let splitters = Splitters::find(self.count(), |index, bytes| self.start(index, bytes));
        let mut leads = Vec::with_capacity(self.count());
        while leads.len() < self.count() {
            let end = self.count().min(leads.len() + TOUCHED_TEXTS);
            let touched = leads.len()..end;
            let first = |index: usize| self.first_byte(index);
            std::hint::black_box(touched.clone().fold(0, |all, index| all | first(index)));
            let start = |index| self.start(index, splitters.text_bytes());
            leads.extend(touched.map(|index| splitters.lead(&start(index))));
        }
        TextLeads {
            splitters,
            leads: leads.into(),
        }
    }

    /// Returns the first byte that is kept of a text, which only asks for its memory.
    fn first_byte(&self, index: usize) -> u8 {
        let start = self.range(index).start;
        let bytes = match self {
            Texts::Ready(texts) => texts.texts().bytes_from(start),
            Texts::Packed(texts) => texts.bytes_from(start),
        };
        bytes.first().copied().unwrap_or(0)
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

/// Packs texts if they have at least `packed_bytes_min` bytes as UTF-8 and packing makes them smaller.
///
/// `usize::MAX` means never, and nothing is counted; 0 means always, so that tests can pack anything.
fn pack(
    input: &impl Input,
    packed_bytes_min: usize,
    count_bytes: impl FnOnce() -> usize,
) -> Option<PackedTexts> {
    if packed_bytes_min == usize::MAX {
        return None;
    }
    let bytes = count_bytes();
    if bytes < packed_bytes_min {
        return None;
    }
    let packed = PackedTexts::pack(input, bytes);
    (packed_bytes_min == 0 || packed.text_bytes() < bytes).then_some(packed)
}

impl Input for ReadyTexts {
    fn count(&self) -> usize {
        ReadyTexts::count(self)
    }

    fn kept_bytes(&self, index: usize) -> usize {
        self.texts().range(index).len()
    }

    fn text(&self, index: usize) -> Cow<'_, [u8]> {
        self.get(index).into_plain()
    }
}

/// Rows of columns, one after the other.
struct Rows<'a> {
    runs: &'a [(&'a TextColumn, Range<u32>)],
    /// Where each run ends.
    ends: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn of(runs: &'a [(&'a TextColumn, Range<u32>)]) -> Rows<'a> {
        let mut end = 0;
        let ends = runs.iter().map(|(_, rows)| {
            end += rows.len();
            end
        });
        Rows {
            runs,
            ends: ends.collect(),
        }
    }

    fn find(&self, index: usize) -> (&'a TextColumn, u32) {
        let run = self.ends.partition_point(|&end| end <= index);
        let (column, rows) = &self.runs[run];
        (column, rows.end - (self.ends[run] - index) as u32)
    }
}

impl Input for Rows<'_> {
    fn count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn kept_bytes(&self, index: usize) -> usize {
        let (column, row) = self.find(index);
        column.text_bytes(row)
    }

    fn text(&self, index: usize) -> Cow<'_, [u8]> {
        let (column, row) = self.find(index);
        column.kept(row).into_plain()
    }
}

/// Long texts, one a row.
#[derive(Clone, Debug)]
pub(crate) struct TextColumn {
    own: Arc<OwnTexts>,
    /// Where the texts are another column's: the row there of each row here.
    rows: Option<Arc<[u32]>>,
}

/// The texts of a column, with what is kept of them beside.
#[derive(Debug)]
struct OwnTexts {
    texts: Texts,
    leads: KeptLeads,
}

impl TextColumn {
    fn new(texts: Texts) -> TextColumn {
        TextColumn {
            own: Arc::new(OwnTexts {
                texts,
                leads: KeptLeads::default(),
            }),
            rows: None,
        }
    }

    /// Returns the least bytes that texts of some bytes may take where columns pack from a number
    /// of bytes on.
    pub(super) fn least_bytes(bytes: usize, packed_bytes_min: usize) -> usize {
        if packed_bytes_min == usize::MAX {
            bytes
        } else {
            bytes / ENCODED_SYMBOL_BYTES
        }
    }

    /// Makes a column of texts, packed if they have a number of bytes as UTF-8.
    pub(super) fn seal(mut texts: ReadyTexts, packed_bytes_min: usize) -> TextColumn {
        if let Some(packed) = pack(&texts, packed_bytes_min, || {
            let all = 0..texts.count();
            all.map(|index| plain_bytes(&texts.get(index))).sum()
        }) {
            return TextColumn::new(Texts::Packed(packed));
        }
        texts.shrink();
        TextColumn::new(Texts::Ready(texts))
    }

    /// Makes a column of rows of others, packed if their texts have a number of bytes as UTF-8.
    ///
    /// `runs` are the rows of one column after the other. Cost: a copy where nothing is packed nor
    /// to be; else what unpacking and packing take.
    pub(super) fn merge(runs: &[(&TextColumn, Range<u32>)], packed_bytes_min: usize) -> TextColumn {
        let rows = Rows::of(runs);
        if let Some(packed) = pack(&rows, packed_bytes_min, || {
            let bytes = runs
                .iter()
                .map(|(column, rows)| column.plain_bytes_of(rows));
            bytes.sum()
        }) {
            return TextColumn::new(Texts::Packed(packed));
        }
        let mut merged = ReadyTexts::default();
        let is_ready = |column: &TextColumn| matches!(column.texts(), Texts::Ready(_));
        if runs.iter().all(|(column, _)| is_ready(column)) {
            let bytes = (0..rows.count()).map(|index| rows.kept_bytes(index)).sum();
            merged.reserve(rows.count(), bytes);
        }
        for (column, rows) in runs {
            match column.texts() {
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
            own: Arc::clone(&self.own),
            rows: Some(Arc::clone(rows)),
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn rows_count(&self) -> u32 {
        match &self.rows {
            Some(rows) => rows.len() as u32,
            None => self.own.texts.count() as u32,
        }
    }

    /// Returns the texts by [`index`](TextColumn::index), as they are kept.
    pub(crate) fn texts(&self) -> &Texts {
        &self.own.texts
    }

    /// Returns the bytes of all texts that rows may have, as they are kept.
    pub(super) fn texts_bytes(&self) -> usize {
        match self.texts() {
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
        self.own.texts.range(self.index(row)).len()
    }

    fn plain_bytes_of(&self, rows: &Range<u32>) -> usize {
        if self.rows.is_none() {
            let indexes = rows.start as usize..rows.end as usize;
            return self.own.texts.plain_bytes_of(indexes);
        }
        let indexes = rows.clone().map(|row| self.index(row));
        indexes
            .map(|it| self.own.texts.plain_bytes_of(it..it + 1))
            .sum()
    }

    /// Returns the first byte that is kept of a row's text, which only asks for its memory.
    pub(crate) fn first_byte(&self, row: u32) -> u8 {
        self.own.texts.first_byte(self.index(row))
    }

    /// Returns the text of a row, to be compared.
    pub(crate) fn kept(&self, row: u32) -> KeptText<'_> {
        self.own.texts.get(self.index(row))
    }

    /// Returns the first eight folded bytes of a row's text as an integer that orders as they do.
    pub(super) fn prefix(&self, row: u32) -> u64 {
        let start = self.own.texts.start(self.index(row), size_of::<u64>());
        start.prefix()
    }

    /// Returns the leads that are kept of the texts, by [`index`](TextColumn::index).
    pub(super) fn kept_leads(&self) -> Option<&TextLeads> {
        self.own.leads.get()
    }

    /// Notes that a request is about to read the first bytes of some rows; a lead is kept of each text once that is
    /// worth it.
    pub(super) fn expect_leads(&self, rows_count: u64, budget: &Budget) {
        let OwnTexts { texts, leads } = &*self.own;
        leads.expect(rows_count, texts.count(), budget, || texts.make_leads());
    }

    /// Returns whether a lead is kept of each text.
    pub(crate) fn has_leads(&self) -> bool {
        self.kept_leads().is_some()
    }

    /// Returns the heap bytes of the leads that are kept.
    pub(super) fn leads_bytes(&self) -> usize {
        match &self.rows {
            Some(_) => 0,
            None => self.own.leads.bytes(),
        }
    }

    /// Returns the text of a row.
    pub(crate) fn text(&self, row: u32) -> Cow<'_, str> {
        self.kept(row).into_text()
    }

    /// Returns how many bytes of UTF-8 are packed here; those of another column are not.
    pub(super) fn unpacked_bytes(&self) -> usize {
        match self.texts() {
            Texts::Packed(texts) if self.rows.is_none() => texts.plain_bytes_of(0..texts.count()),
            _ => 0,
        }
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = match self.texts() {
            Texts::Ready(texts) => texts.bytes(),
            Texts::Packed(texts) => texts.bytes(),
        };
        match &self.rows {
            // The texts and the list of rows are others'.
            Some(_) => 0,
            None => ARC_BYTES + size_of::<OwnTexts>() + texts,
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
        match self.texts() {
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
    use crate::model::value::fold;

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

    fn seal(texts: &[String], packed_bytes_min: usize) -> TextColumn {
        let mut ready = ReadyTexts::default();
        for text in texts {
            ready.push(text);
        }
        TextColumn::seal(ready, packed_bytes_min)
    }

    const NEVER: usize = usize::MAX;

    #[test]
    fn texts_are_packed_from_a_number_of_bytes_on() {
        let texts = make(20_000);
        let bytes: usize = texts.iter().map(String::len).sum();
        let is_packed = |column: &TextColumn| matches!(column.texts(), Texts::Packed(_));
        for (bytes_min, packs) in [(0, true), (bytes, true), (bytes + 1, false), (NEVER, false)] {
            let column = seal(&texts, bytes_min);
            assert_eq!(is_packed(&column), packs);
            let unpacked = if packs { bytes } else { 0 };
            assert_eq!(column.unpacked_bytes(), unpacked);
            assert_eq!(column.rows_count() as usize, texts.len());
            for (row, text) in (0..).zip(&texts) {
                assert_eq!(column.text(row), *text);
                assert_eq!(column.text_bytes(row) == 0, text.is_empty());
                let folded = fold(text);
                let plain = KeptText::plain(&folded);
                assert_eq!(column.prefix(row), plain.prefix());
            }
            let rows = column.with_rows(&Arc::from([3, 2]));
            assert_eq!((&*rows.text(0), &*rows.text(1)), (&*texts[3], &*texts[2]));
            assert_eq!((rows.rows_count(), rows.bytes()), (2, 0));
            assert_eq!(rows.unpacked_bytes(), 0);
        }
    }

    #[test]
    fn a_merge_is_the_column_of_the_rows_whatever_the_forms() {
        let texts = make(20_000);
        let half = texts.len() as u32 / 2;
        let columns = [NEVER, 0].map(|bytes_min| seal(&texts, bytes_min));
        for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for end in [10, texts.len() as u32] {
                let runs = [
                    (&columns[first], half..half + 9),
                    (&columns[second], 0..end),
                ];
                let rows = runs.iter().flat_map(|(_, rows)| rows.clone());
                let expected: Vec<String> = rows.map(|row| texts[row as usize].clone()).collect();
                for bytes_min in [NEVER, 10_000, 0] {
                    let merged = TextColumn::merge(&runs, bytes_min);
                    let sealed = seal(&expected, bytes_min);
                    let is_packed = |it: &TextColumn| matches!(it.texts(), Texts::Packed(_));
                    assert_eq!(is_packed(&merged), is_packed(&sealed));
                    if !is_packed(&merged) {
                        assert!(format!("{merged:?}") == format!("{sealed:?}"));
                    }
                    for (row, text) in (0..).zip(&expected) {
                        assert!(
                            merged.text(row) == *text,
                            "{first} {second} {end} {bytes_min}"
                        );
                    }
                }
            }
        }
    }

    #[cfg(feature = "durable")]
    #[test]
    fn any_damage_of_packed_texts_is_an_error_or_some_texts() {
        let texts = make(5_000);
        let column = seal(&texts, 0);
        let mut bytes = Vec::new();
        column.write_to(&mut StoredWriter::new(&mut bytes)).unwrap();
        let read = |bytes: &[u8]| {
            let mut input = bytes;
            TextColumn::read_from(&mut StoredReader::new(&mut input, bytes.len() as u64))
        };
        let same = read(&bytes).unwrap();
        assert!((0..).zip(&texts).all(|(row, text)| same.text(row) == *text));
        // The numbers of tables and of symbols, the symbols and their lengths; where texts end is for
        // the checksum of the image to guard.
        let packed_bytes = column.texts_bytes();
        let symbols = bytes.len() - 256 * 9..bytes.len();
        let places = (16..16 + packed_bytes).chain(symbols).step_by(7);
        for at in places {
            let kept = std::mem::replace(&mut bytes[at], 0xF1);
            if let Ok(damaged) = read(&bytes) {
                for row in 0..damaged.rows_count() {
                    damaged.text(row);
                    damaged.prefix(row);
                }
            }
            bytes[at] = kept;
        }
    }
}
