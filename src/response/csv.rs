//! Responses as CSV: RFC 4180, a header, every record ended by CRLF.
//!
//! Its own file because this is all that CSV is here: which columns there are, when a text stands
//! in quotes, and the two bodies without records. Texts are plain, so a long one that is kept
//! URL-encoded or packed is decoded on its way out ([`decode_some`], [`unpack_some`]).
//!
//! # Invariants
//!
//! * The header and every record walk the same [`slots`].
//! * What frames a text is decided once, when its record is gathered: the end of a text may ask for
//!   quotes, and a text may be longer than a chunk.

use super::columns::Columns;
use super::counts::CountsStyle;
use super::template::Layout;
use super::{Escapes, Style, escape, make_escapes};
use crate::model::Field;
use crate::model::field_names::CUSTOM_PREFIX;
use crate::segment::{Slot, Symbols};

/// The bytes of a packed text that are looked at at once.
const PIECE_BYTES: usize = 256;

pub(super) static STYLE: Style = style(false);

/// The same, with texts that a spreadsheet would run made harmless.
pub(super) static SAFE_STYLE: Style = style(true);

const fn style(is_safe: bool) -> Style {
    Style {
        head,
        between: "",
        foot: "",
        escapes: &ESCAPES,
        quoting: Some(Quoting { is_safe }),
        record,
        count,
        counts: CountsStyle {
            head: |total| format!("field,value,count\r\n,,{total}\r\n"),
            key: |_, _| String::new(),
            group: |name, value, count| format!("{name},{value},{count}\r\n"),
            between: "",
            last: "",
            key_end: "",
            foot: "",
        },
        error,
    }
}

/// What makes a text stand in quotes; only the quote itself is written otherwise.
static ESCAPES: Escapes =
    make_escapes(&[(b'"', "\"\""), (b',', ","), (b'\r', "\r"), (b'\n', "\n")]);

/// Returns the slots of a record, in order.
fn slots<'a>(columns: &'a Columns, names: &'a [String]) -> impl Iterator<Item = Slot> + use<'a> {
    columns.fields().flat_map(move |field| {
        let is_custom = field == Field::CustomFields;
        let own = (!is_custom).then_some(Slot::Field(field));
        let custom = is_custom
            .then(|| columns.custom(names))
            .into_iter()
            .flatten();
        own.into_iter()
            .chain(custom.map(|(index, _)| Slot::Custom(index)))
    })
}

fn head(columns: &Columns, names: &[String]) -> String {
    let mut head = String::new();
    let mut before = "";
    for slot in slots(columns, names) {
        head.push_str(before);
        match slot {
            Slot::Field(field) => head.push_str(field.name()),
            Slot::Custom(index) => {
                head.push_str(CUSTOM_PREFIX);
                head.push_str(&names[index as usize]);
            }
            // No response shows it.
            Slot::Version => {}
        }
        before = ",";
    }
    head + RECORD_END
}

fn record(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    if slots(columns, names).count() == 1 {
        layout.note_lone_value();
    }
    let mut before = "";
    for slot in slots(columns, names) {
        layout.glue(before);
        layout.value(slot);
        before = ",";
    }
    layout.glue(RECORD_END);
}

fn count(count: u64) -> String {
    format!("count\r\n{count}\r\n")
}

fn error(code: &str, message: &str) -> String {
    let message = Quoting { is_safe: false }.quote(message);
    format!("error,message\r\n{code},{message}\r\n")
}

/// What ends a record.
pub(super) const RECORD_END: &str = "\r\n";

/// How texts are written that are not URL-encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoting {
    /// Whether a text that a spreadsheet would run gets an apostrophe before it.
    is_safe: bool,
}

/// What stands around a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    has_quotes: bool,
    has_apostrophe: bool,
}

impl Frame {
    pub(super) fn before(self) -> &'static str {
        match (self.has_quotes, self.has_apostrophe) {
            (false, false) => "",
            (true, false) => "\"",
            (false, true) => "'",
            (true, true) => "\"'",
        }
    }

    pub(super) fn after(self) -> &'static str {
        if self.has_quotes { "\"" } else { "" }
    }
}

impl Quoting {
    /// Returns what stands around a text.
    pub(super) fn frame(self, text: &[u8]) -> Frame {
        self.frame_of(text.first(), text.last(), has_special(text))
    }

    /// Returns what stands around a text that begins and ends with some bytes.
    fn frame_of(self, first: Option<&u8>, last: Option<&u8>, has_special: bool) -> Frame {
        let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let runs = matches!(first, Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        let has_apostrophe = self.is_safe && runs;
        let begins_blank = !has_apostrophe && is_blank(first);
        Frame {
            has_quotes: begins_blank || is_blank(last) || has_special,
            has_apostrophe,
        }
    }

    /// Returns what stands around a text that is packed, given the numbers of its symbols.
    pub(super) fn frame_packed(self, symbols: &Symbols, mut packed: &[u8]) -> Frame {
        let mut piece = [0; PIECE_BYTES];
        let (mut first, mut last, mut has_quoted) = (None, None, false);
        while !packed.is_empty() {
            let (read, written) = symbols.unpack(packed, &mut piece);
            let text = &piece[..written];
            first = first.or(text.first().copied());
            last = text.last().copied().or(last);
            has_quoted |= has_special(text);
            packed = &packed[read..];
        }
        self.frame_of(first.as_ref(), last.as_ref(), has_quoted)
    }

    /// Returns what stands around a text that is kept URL-encoded.
    ///
    /// The serializer writes each byte in one way, so the text need not be decoded for it.
    pub(super) fn frame_encoded(self, text: &[u8]) -> Frame {
        let runs = ["%3D", "%2B", "-", "%40", "%09", "%0D"];
        let runs = || runs.iter().any(|start| text.starts_with(start.as_bytes()));
        let has_apostrophe = self.is_safe && runs();
        let begins_blank = text.starts_with(b"+") || text.starts_with(b"%09");
        let ends_blank = text.ends_with(b"+") || text.ends_with(b"%09");
        let mut escapes = memchr::memchr_iter(b'%', text).filter_map(|at| text.get(at + 1..at + 3));
        let mut has_special =
            || escapes.any(|escape| matches!(escape, b"2C" | b"22" | b"0D" | b"0A"));
        Frame {
            has_quotes: (begins_blank && !has_apostrophe) || ends_blank || has_special(),
            has_apostrophe,
        }
    }

    /// Returns a text as it stands in a record.
    pub(super) fn quote(self, text: &str) -> String {
        let frame = self.frame(text.as_bytes());
        let text = escape(text, &ESCAPES);
        format!("{}{text}{}", frame.before(), frame.after())
    }
}

/// Returns whether a text has a byte that makes it stand in quotes.
fn has_special(text: &[u8]) -> bool {
    text.iter()
        .any(|&byte| !ESCAPES[usize::from(byte)].is_empty())
}

/// Unpacks a text with its quotes doubled, as far as there is room, likewise to [`decode_some`].
///
/// Nothing is written where fewer than sixteen bytes have room.
pub(super) fn unpack_some(symbols: &Symbols, packed: &[u8], out: &mut [u8]) -> (usize, usize) {
    let mut piece = [0; PIECE_BYTES];
    // Each byte may be a quote.
    let room = (out.len() / 2).min(PIECE_BYTES);
    let (read, count) = symbols.unpack(packed, &mut piece[..room]);
    let mut written = 0;
    for &byte in &piece[..count] {
        out[written..written + 2].copy_from_slice(&[byte, b'"']);
        written += 1 + usize::from(byte == b'"');
    }
    (read, written)
}

/// Decodes a URL-encoded text with its quotes doubled, as far as there is room.
///
/// Returns how many bytes were read, and how many were written; none where fewer than two have
/// room. No escape is cut.
pub(super) fn decode_some(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    while let Some(&first) = text.get(read)
        && let Some(room) = out.get_mut(written..written + 2)
    {
        let (byte, bytes) = match (first, text.get(read + 1..read + 3)) {
            (b'+', _) => (b' ', 1),
            (b'%', Some(&[high, low])) => (hex(high) << 4 | hex(low), 3),
            _ => (first, 1),
        };
        room[0] = byte;
        room[1] = b'"';
        written += 1 + usize::from(byte == b'"');
        read += bytes;
    }
    (read, written)
}

/// Returns the value of a digit or of a letter from `A` to `F`.
fn hex(digit: u8) -> u8 {
    (digit & 0xF) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::encode_into;

    const TEXTS: [&str; 24] = [
        "",
        "a",
        "a b",
        " a",
        "a ",
        "\ta",
        "a\t",
        "\t",
        " ",
        "a,b",
        "\"",
        "a\"\"b",
        "\r",
        "a\nb",
        "=1",
        "+1",
        "-1",
        "@a",
        "'=1",
        "=\"a\"",
        "-1 ",
        "é=😀",
        "%2C%22",
        "\u{a0}x\u{a0}",
    ];

    #[test]
    fn both_forms_of_a_text_get_the_same_frame() {
        for is_safe in [false, true] {
            let quoting = Quoting { is_safe };
            for text in TEXTS {
                let mut encoded = Vec::new();
                encode_into(text, &mut encoded);
                let frame = quoting.frame(text.as_bytes());
                assert_eq!(quoting.frame_encoded(&encoded), frame, "{text:?}");
                let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
                assert_eq!(frame.has_apostrophe, is_safe && runs, "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_decoded_in_pieces_is_the_text() {
        for text in TEXTS {
            let mut encoded = Vec::new();
            encode_into(text, &mut encoded);
            for room in 2..9 {
                let (mut at, mut decoded) = (0, Vec::new());
                while at < encoded.len() {
                    let mut out = vec![0; room];
                    let (read, written) = decode_some(&encoded[at..], &mut out);
                    assert!(read > 0);
                    at += read;
                    decoded.extend_from_slice(&out[..written]);
                }
                assert_eq!(decoded, text.replace('"', "\"\"").as_bytes());
            }
        }
        assert_eq!(decode_some(b"a", &mut [0; 1]), (0, 0));
    }

    #[test]
    fn texts_stand_in_quotes_where_they_must() {
        for (text, plain, safe) in [
            ("", "", ""),
            ("a b", "a b", "a b"),
            ("a,b", "\"a,b\"", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\"", "\"say \"\"a\"\"\""),
            (" a", "\" a\"", "\" a\""),
            ("a\t", "\"a\t\"", "\"a\t\""),
            ("\ta", "\"\ta\"", "'\ta"),
            ("\r", "\"\r\"", "\"'\r\""),
            ("=1", "=1", "'=1"),
            ("-1,5", "\"-1,5\"", "\"'-1,5\""),
        ] {
            assert_eq!(Quoting { is_safe: false }.quote(text), plain);
            assert_eq!(Quoting { is_safe: true }.quote(text), safe);
        }
    }
}
