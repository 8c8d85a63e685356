//! Some records at once: their values gathered column by column, then copied out row by row.
//!
//! The values of one row lie in forty places that are far from one another, and a value's
//! place is known only once its ordinal and the end of its text are read: row by row, each of
//! these is waited for. Column by column, the places of 32 rows are independent of
//! one another, so the machine asks for all of them at once; and what is the same for the
//! column (the glue before the value, the way to write it, the form of the ordinals) is looked up
//! once for all of them.
//!
//! So a [`Block`] has a *lane* for each of its rows, in which the record is put together:
//! all glue, and every value up to [`CELL_BYTES`]. The *rest* of a longer value is not
//! copied twice: the lane notes where it belongs, and writing takes it from the column.
//!
//! # Invariants
//!
//! * A lane has room for the glue and for [`CELL_BYTES`] of each value, and then for a copy of
//!   fixed length that starts at its end, so no text needs to be measured before it is put. Custom
//!   fields that are empty in every row of the block have no such room: the glue around them is one
//!   run.
//! * The rests of a lane are in the order of the record.
//!
//! # Cost
//!
//! Two copies of glue and short values, the first of fixed lengths, which are a few
//! instructions each; one copy of what is long, or what unpacking and encoding it takes. Memory is at most [`BLOCK_BYTES`], or one
//! record's glue and short values where these are more.

mod long;

use std::ops::Range;

use super::csv::{Frame, RECORD_END};
use super::template::{GLUE_BYTES_MAX, Piece, Template, Writing, put_number};
use super::{Escapes, Style, Window};
use crate::segment::{Blob, Column, Segment, Slot, SlotColumn};
use long::LongWriting;

/// The most rows of a block.
///
/// With fewer, less of the memory is asked for at once; more lanes would outgrow the caches.
pub(super) const BLOCK_ROWS_MAX: usize = 32;

/// The most bytes of lanes, unless one alone has more.
const BLOCK_BYTES: usize = 128 << 10;

/// The most bytes of a value that are put into a lane.
const CELL_BYTES: usize = 64;

/// The most bytes of a long text that are asked for ahead.
const TOUCHED_BYTES: usize = 1024;

/// How far a record has been written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Twice the rests that are through; one more where the lane's bytes before the next are.
    part_index: usize,
    /// Bytes of the part; of an escaped or decoded value, as it is kept.
    offset: usize,
}

impl Place {
    /// Makes the place after the first bytes of the first glue.
    pub(super) fn after(bytes: usize) -> Place {
        Place {
            part_index: 0,
            offset: bytes,
        }
    }
}

/// The rest of a value that a lane does not hold.
#[derive(Clone, Debug)]
struct Rest {
    /// Where the lane's bytes that come before end.
    lane_end: usize,
    slot: Slot,
    writing: RestWriting,
    /// What stands around it.
    frame: Frame,
    /// Where among the texts of the column it lies.
    range: Range<usize>,
}

/// How the rest of a value is made into bytes.
#[derive(Clone, Copy, Debug)]
enum RestWriting {
    /// A dictionary's URL-encoded text.
    Encoded,
    /// A dictionary's text, as it is.
    Plain,
    /// A dictionary's text, escaped as the format does.
    Escaped,
    /// A text of a column of long ones.
    Long(LongWriting),
}

/// Where the texts of a block's rows start, and the bytes of each.
type Places = [(usize, usize); BLOCK_ROWS_MAX];

/// The records of some rows of one segment, put together but for the rests of long values.
#[derive(Default)]
pub(super) struct Block {
    /// The lanes, each of as many bytes.
    bytes: Vec<u8>,
    lane_bytes: usize,
    rows: Vec<u32>,
    /// Where in `bytes` the lane of each row ends.
    ends: [usize; BLOCK_ROWS_MAX],
    /// By piece, whether nothing stands behind its glue in any of the records.
    are_empty: Vec<bool>,
    rests: [Vec<Rest>; BLOCK_ROWS_MAX],
}

impl Block {
    /// Returns how many records there are.
    pub(super) fn rows_count(&self) -> usize {
        self.rows.len()
    }

    /// Puts the records of the first rows together, as many as there is room for.
    pub(super) fn gather(
        &mut self,
        template: &Template,
        segment: &Segment,
        rows: &[u32],
        style: &Style,
    ) {
        // No more than there is room for if no custom field has a value.
        let rows = &rows[..rows
            .len()
            .min(rows_max(template, template.fixed_values_count()))];
        let values_count = self.find_empty(template, segment, rows);
        self.lane_bytes = lane_bytes(template, values_count);
        let rows = &rows[..rows.len().min(rows_max(template, values_count))];
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let bytes = self.lane_bytes * rows.len();
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
        self.ends = std::array::from_fn(|lane| lane * self.lane_bytes);
        self.rests.iter_mut().for_each(Vec::clear);
        let mut run_start = 0;
        for (index, &piece) in template.pieces.iter().enumerate() {
            if self.are_empty[index] {
                continue;
            }
            self.append_run(&template.text()[run_start..piece.glue_start]);
            run_start = piece.glue_start + piece.glue_bytes;
            let glue = template.glue(piece);
            match glue.first_chunk::<32>() {
                Some(short) if piece.glue_bytes <= 32 => {
                    self.gather_piece(short, piece, segment, style);
                }
                _ => self.gather_piece(glue, piece, segment, style),
            }
        }
        self.append_run(&template.text()[run_start..]);
        if template.has_lone_value {
            self.quote_empty(style);
        }
    }

    /// Finds the pieces whose values are empty in all of some rows; returns how many values there are
    /// in the others.
    ///
    /// A store may have hundreds of custom fields of which a ticket has a few. Only these are looked
    /// at, as the other fields have values as a rule.
    fn find_empty(&mut self, template: &Template, segment: &Segment, rows: &[u32]) -> usize {
        let mut ordinals = [0; BLOCK_ROWS_MAX];
        let is_empty = |piece: &Piece| match piece.value {
            None => true,
            Some((slot @ Slot::Custom(_), _)) => segment.column(slot).is_some_and(|column| {
                column.gather_ordinals(rows, &mut ordinals);
                // The ordinal of the empty text.
                ordinals[..rows.len()].iter().all(|&ordinal| ordinal == 0)
            }),
            Some(_) => false,
        };
        self.are_empty.clear();
        self.are_empty.extend(template.pieces.iter().map(is_empty));
        self.are_empty.iter().filter(|is_empty| !**is_empty).count()
    }

    /// Appends glue of any length to each lane.
    fn append_run(&mut self, glue: &[u8]) {
        if glue.is_empty() {
            return;
        }
        for end in &mut self.ends[..self.rows.len()] {
            self.bytes[*end..*end + glue.len()].copy_from_slice(glue);
            *end += glue.len();
        }
    }

    /// Puts quotes into the lanes of records whose only value is empty.
    fn quote_empty(&mut self, style: &Style) {
        const QUOTES: &[u8; 2] = b"\"\"";
        if !style.is_csv() {
            return;
        }
        let end = RECORD_END.as_bytes();
        for lane in 0..self.rows.len() {
            let start = lane * self.lane_bytes;
            if self.rests[lane].is_empty() && self.ends[lane] - start == end.len() {
                let quoted = start + QUOTES.len();
                self.bytes[start..quoted].copy_from_slice(QUOTES);
                self.bytes[quoted..quoted + end.len()].copy_from_slice(end);
                self.ends[lane] += QUOTES.len();
            }
        }
    }

    /// Appends a piece to each lane.
    fn gather_piece<const G: usize>(
        &mut self,
        glue: &[u8; G],
        piece: Piece,
        segment: &Segment,
        style: &Style,
    ) {
        let glue = (glue, piece.glue_bytes);
        let Some((slot, writing)) = piece.value else {
            return self.append(glue, |_, _| 0);
        };
        let mut ordinals = [0; BLOCK_ROWS_MAX];
        let column = match segment.slot_column(slot) {
            SlotColumn::Ordinals(column) => column,
            SlotColumn::Long(column) => return self.gather_long(glue, slot, column, style),
            SlotColumn::Absent => return,
        };
        column.gather_ordinals(&self.rows, &mut ordinals);
        match writing {
            Writing::Date => self.append_numbers(glue, Writing::Date, column, &ordinals),
            Writing::IsoDate => self.append_numbers(glue, Writing::IsoDate, column, &ordinals),
            Writing::Integer | Writing::OptionalInteger => {
                self.append_numbers(glue, writing, column, &ordinals);
            }
            Writing::Escaped | Writing::Quoted => {
                let Some(texts) = column.texts() else { return };
                let mut places = self.places(texts, &ordinals);
                let mut frames = [None; BLOCK_ROWS_MAX];
                for (place, frame) in places.iter_mut().zip(&mut frames) {
                    let text = &texts.bytes_from(place.0)[..place.1];
                    *frame = frame_of(text, style);
                    // Nothing of what is escaped is put into a lane.
                    place.1 *= usize::from(frame.is_none());
                }
                self.append_places(glue, (slot, RestWriting::Plain), texts, &places);
                for lane in 0..self.rows.len() {
                    if let Some(frame) = frames[lane] {
                        let range = texts.range(ordinals[lane] as usize);
                        self.push_rest(lane, (slot, RestWriting::Escaped), range, frame);
                    }
                }
            }
            Writing::Encoded => {
                let Some(texts) = column.encoded_texts() else {
                    return;
                };
                let value = (slot, RestWriting::Encoded);
                self.append_places(glue, value, texts, &self.places(texts, &ordinals));
            }
            // Long texts are in no column of ordinals.
            Writing::Plain | Writing::Long | Writing::LongQuoted => {
                let Some(texts) = column.texts() else { return };
                let value = (slot, RestWriting::Plain);
                self.append_places(glue, value, texts, &self.places(texts, &ordinals));
            }
        }
    }

    #[inline]
    fn append_numbers<const G: usize>(
        &mut self,
        glue: (&[u8; G], usize),
        writing: Writing,
        column: &Column,
        ordinals: &[u64; BLOCK_ROWS_MAX],
    ) {
        self.append(glue, |lane, out| {
            let number = column.number_of(ordinals[lane]);
            let out = out.first_chunk_mut();
            out.map_or(0, |out| put_number(number, writing, out))
        });
    }

    /// Returns where the texts of the rows' ordinals lie; nowhere past the last row.
    fn places(&self, texts: &Blob, ordinals: &[u64; BLOCK_ROWS_MAX]) -> Places {
        let mut places = [(0, 0); BLOCK_ROWS_MAX];
        for (place, &ordinal) in places.iter_mut().zip(ordinals).take(self.rows.len()) {
            let range = texts.range(ordinal as usize);
            *place = (range.start, range.len());
        }
        places
    }

    /// Appends glue and texts, of which what is too long stays where it is.
    fn append_places<const G: usize>(
        &mut self,
        glue: (&[u8; G], usize),
        value: (Slot, RestWriting),
        texts: &Blob,
        places: &Places,
    ) {
        let count_max = places.iter().map(|place| place.1).max().unwrap_or(0);
        match count_max {
            0 => self.append(glue, |_, _| 0),
            1..=16 => self.append(glue, |lane, out| put_text::<16>(texts, places[lane], out)),
            17..=32 => self.append(glue, |lane, out| put_text::<32>(texts, places[lane], out)),
            _ => self.append(glue, |lane, out| {
                put_text::<CELL_BYTES>(texts, places[lane], out)
            }),
        }
        if count_max > CELL_BYTES {
            for (lane, &(start, count)) in places.iter().enumerate() {
                let range = start + CELL_BYTES..start + count;
                self.push_rest(lane, value, range, Frame::default());
            }
            touch(texts.bytes_from(0), places);
        }
    }

    /// Notes what a lane does not hold of the value at its end, if there is such.
    fn push_rest(
        &mut self,
        lane: usize,
        (slot, writing): (Slot, RestWriting),
        range: Range<usize>,
        frame: Frame,
    ) {
        if !range.is_empty() {
            self.rests[lane].push(Rest {
                lane_end: self.ends[lane],
                slot,
                writing,
                frame,
                range,
            });
        }
    }

    /// Appends glue and what `cell` writes to each lane.
    ///
    /// `cell` is given the lane's index and the bytes at the value's place; it returns how
    /// many of them it has written.
    #[inline]
    fn append<const G: usize>(
        &mut self,
        (glue, glue_bytes): (&[u8; G], usize),
        mut cell: impl FnMut(usize, &mut [u8; CELL_BYTES]) -> usize,
    ) {
        let bytes = &mut self.bytes[..];
        for (lane, end) in self.ends.iter_mut().enumerate().take(self.rows.len()) {
            bytes[*end..*end + G].copy_from_slice(glue);
            let start = *end + glue_bytes;
            let out = bytes[start..].first_chunk_mut();
            *end = start + cell(lane, out.expect("a lane has room for a value"));
        }
    }

    /// Writes a record from a place on; returns the place where it goes on if it did not fit.
    pub(super) fn write(
        &self,
        (index, place): (usize, Place),
        segment: &Segment,
        style: &Style,
        window: &mut Window<'_>,
    ) -> Option<Place> {
        let rests = &self.rests[index];
        let mut offset = place.offset;
        for part_index in place.part_index..=rests.len() * 2 {
            let rest = rests.get(part_index / 2);
            let cut = if part_index % 2 == 0 {
                let before = (part_index / 2).checked_sub(1);
                let start = before.map_or(index * self.lane_bytes, |at| rests[at].lane_end);
                let end = rest.map_or(self.ends[index], |rest| rest.lane_end);
                window.put(&self.bytes[start..end], offset)
            } else {
                rest.and_then(|rest| rest.write(offset, segment, style, window))
            };
            if let Some(offset) = cut {
                return Some(Place { part_index, offset });
            }
            offset = 0;
        }
        None
    }
}

/// Returns the bytes of a lane with room for a number of values.
fn lane_bytes(template: &Template, values_count: usize) -> usize {
    let bytes = template.text().len() + values_count * CELL_BYTES + GLUE_BYTES_MAX;
    // An odd number of cache lines, so that lanes do not fall into the same sets.
    (bytes.div_ceil(64) | 1) * 64
}

/// Returns how many lanes of as many values a block has.
fn rows_max(template: &Template, values_count: usize) -> usize {
    (BLOCK_BYTES / lane_bytes(template, values_count)).clamp(1, BLOCK_ROWS_MAX)
}

/// Returns what a format writes around a text; none where the text is written as it is.
fn frame_of(text: &[u8], style: &Style) -> Option<Frame> {
    match style.quoting {
        Some(quoting) => Some(quoting.frame(text)).filter(|&frame| frame != Frame::default()),
        None => (!is_plain(text, style.escapes)).then(Frame::default),
    }
}

/// Returns whether a format writes a text without escapes.
fn is_plain(text: &[u8], escapes: &Escapes) -> bool {
    text.iter()
        .all(|&byte| escapes[usize::from(byte)].is_empty())
}

/// Copies a text up to `N` bytes, whatever follows it in memory; returns how many it has.
#[inline]
fn put_text<const N: usize>(
    texts: &Blob,
    (start, count): (usize, usize),
    out: &mut [u8; CELL_BYTES],
) -> usize {
    let text = texts.bytes_from(start);
    let count = count.min(N);
    match text.first_chunk::<N>() {
        Some(text) => out[..N].copy_from_slice(text),
        None => put_last_text(&text[..count], out),
    }
    count
}

/// Copies one of the last texts of all, with fewer bytes behind it than a copy of fixed length.
///
/// A function of its own, because the compiler merges this copy and the one of fixed length into one call
/// with a length where both stand together.
#[cold]
#[inline(never)]
fn put_last_text(text: &[u8], out: &mut [u8; CELL_BYTES]) {
    out[..text.len()].copy_from_slice(text);
}

/// Asks for the lines of texts that are read later.
fn touch(bytes: &[u8], places: &Places) {
    let mut all = 0;
    for &(start, count) in places {
        let text = &bytes[start..][..count.min(TOUCHED_BYTES)];
        for byte in text.iter().step_by(64).skip(1) {
            all |= byte;
        }
        all |= text.last().copied().unwrap_or(0);
    }
    std::hint::black_box(all);
}

impl Rest {
    /// Writes from an offset on, which counts the bytes before the text, of it, and behind it.
    fn write(
        &self,
        offset: usize,
        segment: &Segment,
        style: &Style,
        window: &mut Window<'_>,
    ) -> Option<usize> {
        let (before, after) = (
            self.frame.before().as_bytes(),
            self.frame.after().as_bytes(),
        );
        let text_end = before.len() + self.range.len();
        if offset < before.len()
            && let Some(cut) = window.put(before, offset)
        {
            return Some(cut);
        }
        let from = offset.max(before.len()) - before.len();
        if from < self.range.len()
            && let Some(cut) = self.write_text(from, segment, style, window)
        {
            return Some(before.len() + cut);
        }
        let cut = window.put(after, offset.max(text_end) - text_end);
        cut.map(|cut| text_end + cut)
    }

    /// Writes the text from a byte on.
    fn write_text(
        &self,
        offset: usize,
        segment: &Segment,
        style: &Style,
        window: &mut Window<'_>,
    ) -> Option<usize> {
        let texts = match (self.writing, segment.slot_column(self.slot)) {
            (RestWriting::Long(writing), SlotColumn::Long(column)) => {
                return writing.write(column.texts(), &self.range, offset, style, window);
            }
            (RestWriting::Encoded, SlotColumn::Ordinals(column)) => column.encoded_texts()?,
            (_, SlotColumn::Ordinals(column)) => column.texts()?,
            (_, SlotColumn::Long(_) | SlotColumn::Absent) => return None,
        };
        let text = &texts.bytes_from(self.range.start)[..self.range.len()];
        match self.writing {
            RestWriting::Escaped => window.put_escaped(text, offset, style.escapes),
            _ => window.put(text, offset),
        }
    }
}
