//! What every record of one segment has in common, as a format lays it out.
//!
//! A format says how a record looks, as *glue* and values in between ([`Style::record`]);
//! for each segment this becomes a [`Template`] in which runs of glue, and of values that
//! are the same in the whole segment, are one text.
//!
//! # Invariants
//!
//! * The glue of each piece begins where that of the one before it ends.
//! * The glue before a value has at most [`GLUE_BYTES_MAX`] bytes; a longer run is several
//!   pieces, and only the last of them has a value.

use std::borrow::Cow;

use super::columns::Columns;
use super::{Style, escape};
use crate::model::FieldKind;
use crate::model::digits::{
    DIGITS_BYTES, write_date_seconds, write_iso_date_seconds, write_number,
};
use crate::segment::{Column, Dictionary, Segment, Slot, SlotColumn};

/// The most bytes of glue in one piece.
pub(super) const GLUE_BYTES_MAX: usize = 64;

/// The longest value that becomes glue where a whole segment shares it.
const FUSED_BYTES_MAX: usize = 1 << 10;

/// How a value is made into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// A dictionary's URL-encoded text.
    Encoded,
    /// A dictionary's text, which needs no escape.
    Plain,
    /// A dictionary's text, escaped as the format does.
    Escaped,
    /// A dictionary's text, in quotes where it must be.
    Quoted,
    /// A number; none is 0.
    Integer,
    /// A number; none is empty.
    OptionalInteger,
    Date,
    /// The same in the form that sorts as text.
    IsoDate,
    /// A long text, URL-encoded.
    Long,
    /// The same as it is, in quotes where it must be.
    LongQuoted,
}

/// A run of glue, and the value behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) glue_start: usize,
    pub(super) glue_bytes: usize,
    pub(super) value: Option<(Slot, Writing)>,
}

/// The glue of every record of one segment in one format, and the places of its values.
pub(super) struct Template {
    /// The runs end to end, then [`GLUE_BYTES_MAX`] more.
    text: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
    /// Whether a record is one value, which stands in quotes where it is empty.
    pub(super) has_lone_value: bool,
}

impl Template {
    /// Makes the template of a segment's records that show some columns, for a store with these
    /// custom names.
    ///
    /// Cost: linear in the names of the fields and custom fields that are shown.
    pub(super) fn make(
        segment: &Segment,
        style: &'static Style,
        columns: &Columns,
        names: &[String],
    ) -> Template {
        let mut layout = Layout {
            segment,
            style,
            template: Template {
                text: Vec::new(),
                pieces: Vec::new(),
                has_lone_value: false,
            },
            run_start: 0,
        };
        layout.glue(style.between);
        (style.record)(&mut layout, columns, names);
        layout.end_run(None);
        let mut template = layout.template;
        template.text.extend_from_slice(&[0; GLUE_BYTES_MAX]);
        template
    }

    /// Returns the glue of a piece, and what follows up to a fixed length.
    #[inline]
    pub(super) fn glue(&self, piece: Piece) -> &[u8; GLUE_BYTES_MAX] {
        let text = self.text[piece.glue_start..].first_chunk();
        text.expect("as many bytes as the longest glue follow the last")
    }

    /// Returns the glue of all pieces, end to end.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.text.len() - GLUE_BYTES_MAX]
    }

    /// Returns how many values there are that are not of custom fields.
    pub(super) fn fixed_values_count(&self) -> usize {
        let slots = self.pieces.iter().filter_map(|piece| piece.value);
        slots
            .filter(|(slot, _)| !matches!(slot, Slot::Custom(_)))
            .count()
    }
}

/// A [`Template`] being made: what a format writes a record into, once a segment.
pub(super) struct Layout<'a> {
    segment: &'a Segment,
    style: &'static Style,
    template: Template,
    /// Where the run that is being written starts.
    run_start: usize,
}

impl Layout<'_> {
    /// Appends a text that every record has.
    pub(super) fn glue(&mut self, text: &str) {
        self.template.text.extend_from_slice(text.as_bytes());
    }

    /// Appends texts that every record has.
    pub(super) fn glues(&mut self, texts: &[&str]) {
        for text in texts {
            self.glue(text);
        }
    }

    /// Notes that a record is one value, which stands in quotes where it is empty.
    pub(super) fn note_lone_value(&mut self) {
        self.template.has_lone_value = true;
    }

    /// Appends the value of a slot.
    pub(super) fn value(&mut self, slot: Slot) {
        let column = match self.segment.slot_column(slot) {
            SlotColumn::Ordinals(column) => column,
            SlotColumn::Long(_) => {
                let writing = if self.style.is_csv() {
                    Writing::LongQuoted
                } else {
                    Writing::Long
                };
                return self.end_run(Some((slot, writing)));
            }
            SlotColumn::Absent => return,
        };
        let writing = writing_of(slot, column, self.style);
        if !column.is_constant() || !self.fuse(column, writing) {
            self.end_run(Some((slot, writing)));
        }
    }

    /// Makes the one value of a column a part of the glue, unless it is long.
    fn fuse(&mut self, column: &Column, writing: Writing) -> bool {
        let out = &mut self.template.text;
        let texts = match writing {
            Writing::Encoded => column.encoded_texts(),
            Writing::Plain | Writing::Escaped | Writing::Quoted => column.texts(),
            Writing::Date | Writing::IsoDate | Writing::Integer | Writing::OptionalInteger => {
                let mut text = [0; DIGITS_BYTES];
                let count = put_number(column.number(0), writing, &mut text);
                out.extend_from_slice(&text[..count]);
                return true;
            }
            // Long texts are in no column of ordinals.
            Writing::Long | Writing::LongQuoted => return true,
        };
        let text = texts.map_or("", |texts| texts.get(column.ordinal(0) as usize));
        if text.len() > FUSED_BYTES_MAX {
            return false;
        }
        let text = match writing {
            Writing::Escaped => escape(text, self.style.escapes).into(),
            Writing::Quoted => match self.style.quoting {
                Some(quoting) => quoting.quote(text).into(),
                None => Cow::from(text),
            },
            // Numbers and long texts are done with above.
            Writing::Encoded
            | Writing::Plain
            | Writing::Long
            | Writing::LongQuoted
            | Writing::Date
            | Writing::IsoDate
            | Writing::Integer
            | Writing::OptionalInteger => text.into(),
        };
        out.extend_from_slice(text.as_bytes());
        true
    }

    fn end_run(&mut self, value: Option<(Slot, Writing)>) {
        let end = self.template.text.len();
        loop {
            let glue_bytes = (end - self.run_start).min(GLUE_BYTES_MAX);
            let is_last = self.run_start + glue_bytes == end;
            self.template.pieces.push(Piece {
                glue_start: self.run_start,
                glue_bytes,
                value: value.filter(|_| is_last),
            });
            self.run_start += glue_bytes;
            if is_last {
                return;
            }
        }
    }
}

/// Writes a number or none; returns how many of the bytes that takes.
#[inline]
pub(super) fn put_number(
    number: Option<u64>,
    writing: Writing,
    out: &mut [u8; DIGITS_BYTES],
) -> usize {
    match writing {
        Writing::Date => number.map_or(0, |seconds| write_date_seconds(seconds, out)),
        Writing::IsoDate => number.map_or(0, |seconds| write_iso_date_seconds(seconds, out)),
        Writing::Integer => write_number(number.unwrap_or(0), out),
        Writing::OptionalInteger => number.map_or(0, |number| write_number(number, out)),
        // Texts are no numbers.
        Writing::Encoded
        | Writing::Plain
        | Writing::Escaped
        | Writing::Quoted
        | Writing::Long
        | Writing::LongQuoted => 0,
    }
}

fn writing_of(slot: Slot, column: &Column, style: &Style) -> Writing {
    let kind = match slot {
        Slot::Field(field) => field.kind(),
        Slot::Custom(_) => FieldKind::Text,
        Slot::Version => FieldKind::Integer,
    };
    match kind {
        FieldKind::Text | FieldKind::CustomFields | FieldKind::Identifier | FieldKind::Flag
            if style.is_csv() =>
        {
            Writing::Quoted
        }
        FieldKind::Text | FieldKind::CustomFields => Writing::Encoded,
        FieldKind::Identifier | FieldKind::Flag => {
            let is_plain = column.dictionary().is_some_and(Dictionary::is_plain);
            if is_plain {
                Writing::Plain
            } else {
                Writing::Escaped
            }
        }
        FieldKind::Integer => Writing::Integer,
        FieldKind::OptionalInteger => Writing::OptionalInteger,
        FieldKind::Date if style.is_csv() => Writing::IsoDate,
        FieldKind::Date => Writing::Date,
    }
}
