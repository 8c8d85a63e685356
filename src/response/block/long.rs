//! Long texts in a block, in whichever form their column keeps them.
//!
//! Most are kept as three of the four formats write them and are copied. What is kept plain is
//! encoded on its way, what is packed is unpacked, and for CSV what is encoded is decoded: each by a
//! function that does as much as there is room for, so that a text may be longer than a chunk.
//!
//! Here too column by column: the lanes get as much of the texts as they hold, and the memory of the
//! rests is asked for at once.

use std::ops::Range;

use super::{BLOCK_ROWS_MAX, Block, CELL_BYTES, Places, RestWriting, put_text, touch};
use crate::model::value::encode_some;
use crate::response::csv::{Frame, Quoting, decode_some, unpack_some};
use crate::response::{Style, Window};
use crate::segment::{Form, PackedTexts, ReadyTexts, Slot, TextColumn, Texts};

/// How the rest of a long text is made into bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum LongWriting {
    /// As it is kept.
    Copied,
    /// Kept plain, URL-encoded.
    Encoded,
    /// Kept plain, with its quotes doubled.
    Doubled,
    /// Kept URL-encoded, decoded with its quotes doubled.
    Decoded,
    /// Packed by the table of a number, URL-encoded.
    Unpacked(u8),
    /// Packed by the table of a number, with its quotes doubled.
    UnpackedDoubled(u8),
}

impl LongWriting {
    /// Writes what lies in a range, from a byte of it on; returns the byte where it goes on if it did
    /// not fit.
    pub(super) fn write(
        self,
        texts: &Texts,
        range: &Range<usize>,
        offset: usize,
        style: &Style,
        window: &mut Window<'_>,
    ) -> Option<usize> {
        match texts {
            Texts::Ready(texts) => {
                let text = &texts.texts().bytes_from(range.start)[..range.len()];
                match self {
                    LongWriting::Encoded => window.put_converted(text, offset, encode_some),
                    LongWriting::Doubled => window.put_escaped(text, offset, style.escapes),
                    LongWriting::Decoded => window.put_converted(text, offset, decode_some),
                    _ => window.put(text, offset),
                }
            }
            Texts::Packed(texts) => {
                let rest = &texts.bytes_from(range.start)[..range.len()];
                match self {
                    LongWriting::Unpacked(number) => {
                        let symbols = texts.table(number)?;
                        let unpack =
                            |rest: &[u8], out: &mut [u8]| symbols.unpack_encoded(rest, out);
                        window.put_converted(rest, offset, unpack)
                    }
                    LongWriting::UnpackedDoubled(number) => {
                        let symbols = texts.table(number)?;
                        let unpack = |rest: &[u8], out: &mut [u8]| unpack_some(symbols, rest, out);
                        window.put_converted(rest, offset, unpack)
                    }
                    // Of what is packed nothing else is noted.
                    _ => None,
                }
            }
        }
    }
}

impl Block {
    /// Appends glue and a long text to each lane.
    pub(super) fn gather_long<const G: usize>(
        &mut self,
        glue: (&[u8; G], usize),
        slot: Slot,
        column: &TextColumn,
        style: &Style,
    ) {
        let mut indexes = [0; BLOCK_ROWS_MAX];
        for (index, &row) in indexes.iter_mut().zip(&self.rows) {
            *index = column.index(row) as u64;
        }
        match (column.texts(), style.quoting) {
            (texts, Some(quoting)) => {
                self.append(glue, |_, _| 0);
                for (lane, &index) in indexes.iter().enumerate().take(self.rows.len()) {
                    self.push_quoted((lane, slot), texts, index as usize, quoting);
                }
            }
            (Texts::Ready(texts), None) if texts.has_plain() => {
                self.append_mixed(glue, slot, texts, &indexes);
            }
            (Texts::Ready(texts), None) => {
                let value = (slot, RestWriting::Long(LongWriting::Copied));
                let places = self.places(texts.texts(), &indexes);
                self.append_places(glue, value, texts.texts(), &places);
            }
            (Texts::Packed(texts), None) => self.append_packed(glue, slot, texts, &indexes),
        }
    }

    /// Appends texts of which some are plain and are encoded.
    fn append_mixed<const G: usize>(
        &mut self,
        glue: (&[u8; G], usize),
        slot: Slot,
        texts: &ReadyTexts,
        indexes: &[u64; BLOCK_ROWS_MAX],
    ) {
        let kept = texts.texts();
        let mut places = self.places(kept, indexes);
        touch(kept.bytes_from(0), &places);
        let forms = indexes.map(|index| texts.form(index as usize));
        let starts = places;
        self.append(glue, |lane, out| {
            let (start, count) = starts[lane];
            let (read, written) = if forms[lane] == Form::Plain {
                encode_some(&kept.bytes_from(start)[..count], out)
            } else {
                let count = put_text::<CELL_BYTES>(kept, starts[lane], out);
                (count, count)
            };
            places[lane] = (start + read, count - read);
            written
        });
        let writings = forms.map(|form| match form {
            Form::Plain => LongWriting::Encoded,
            Form::Encoded => LongWriting::Copied,
        });
        self.push_rests(slot, &places, &writings);
    }

    /// Appends texts that are packed.
    fn append_packed<const G: usize>(
        &mut self,
        glue: (&[u8; G], usize),
        slot: Slot,
        texts: &PackedTexts,
        indexes: &[u64; BLOCK_ROWS_MAX],
    ) {
        let mut places = [(0, 0); BLOCK_ROWS_MAX];
        for (place, &index) in places.iter_mut().zip(indexes).take(self.rows.len()) {
            let range = texts.range(index as usize);
            *place = (range.start, range.len());
        }
        touch(texts.bytes_from(0), &places);
        let mut writings = [LongWriting::Copied; BLOCK_ROWS_MAX];
        self.append(glue, |lane, out| {
            let (start, count) = places[lane];
            let packed = &texts.bytes_from(start)[..count];
            let Some((number, symbols, rest)) = texts.split(packed) else {
                places[lane] = (start, 0);
                return 0;
            };
            let (read, written) = symbols.unpack_encoded(rest, out);
            places[lane] = (start + count - rest.len() + read, rest.len() - read);
            writings[lane] = LongWriting::Unpacked(number);
            written
        });
        self.push_rests(slot, &places, &writings);
    }

    /// Notes what the lanes do not hold of a long text each.
    fn push_rests(
        &mut self,
        slot: Slot,
        places: &Places,
        writings: &[LongWriting; BLOCK_ROWS_MAX],
    ) {
        for (lane, &(start, count)) in places.iter().enumerate().take(self.rows.len()) {
            let value = (slot, RestWriting::Long(writings[lane]));
            self.push_rest(lane, value, start..start + count, Frame::default());
        }
    }

    /// Notes a text that stands in quotes where it must.
    fn push_quoted(
        &mut self,
        (lane, slot): (usize, Slot),
        texts: &Texts,
        index: usize,
        quoting: Quoting,
    ) {
        let (writing, range, frame) = match texts {
            Texts::Ready(texts) => {
                let range = texts.texts().range(index);
                let text = &texts.texts().bytes_from(range.start)[..range.len()];
                match texts.form(index) {
                    Form::Plain => (LongWriting::Doubled, range, quoting.frame(text)),
                    Form::Encoded => (LongWriting::Decoded, range, quoting.frame_encoded(text)),
                }
            }
            Texts::Packed(texts) => {
                let range = texts.range(index);
                let packed = &texts.bytes_from(range.start)[..range.len()];
                let Some((number, symbols, rest)) = texts.split(packed) else {
                    return;
                };
                let writing = LongWriting::UnpackedDoubled(number);
                let frame = quoting.frame_packed(symbols, rest);
                (writing, range.end - rest.len()..range.end, frame)
            }
        };
        self.push_rest(lane, (slot, RestWriting::Long(writing)), range, frame);
    }
}
