//! Long texts compared as they fold, straight from the form in which they are kept.
//!
//! A column of long texts keeps them URL-encoded or plain. To decode and fold two of them whole in
//! order to compare their first words costs their length; here as much is read as tells them apart.
//! Equal bytes of one form fold to equal texts, so what two texts share is passed over at the pace of
//! comparing memory; texts of unlike forms are compared character by character.
//!
//! # Invariants
//!
//! * Every text is UTF-8, or what the serializer of `application/x-www-form-urlencoded` wrote for it,
//!   and every place in one is the start of a character, or its end.
//!
//! # Cost
//!
//! Linear in what two texts share, and a little for each character that folds to the same and is
//! another.

use std::cmp::Ordering;

use super::kept_text::{Form, KeptText};
use crate::model::value::is_uncased;

/// The bytes of a [`head`].
const HEAD_BYTES: usize = 7;

/// A text that is read, by its bytes and their form.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    form: Form,
}

impl<'a> Text<'a> {
    fn of(text: &'a KeptText<'_>) -> Text<'a> {
        Text {
            bytes: text.bytes(),
            form: text.form(),
        }
    }
}

/// Returns how many bytes the character has that a byte leads.
fn char_bytes(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// A character as UTF-8.
struct Utf8 {
    bytes: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn to_char(&self) -> char {
        let decoded = str::from_utf8(self.as_bytes()).ok();
        let c = decoded.and_then(|text| text.chars().next());
        c.unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

/// Returns the character that starts at a place of a text as UTF-8, and where the next starts; none at the end.
#[inline]
fn next_utf8(text: Text<'_>, at: usize) -> Option<(Utf8, usize)> {
    let first = *text.bytes.get(at)?;
    let (first, width) = match (text.form, first) {
        (Form::Encoded, b'+') => (b' ', 1),
        (Form::Encoded, b'%') => (escaped(text.bytes, at), 3),
        (_, byte) => (byte, 1),
    };
    let length = char_bytes(first);
    let mut bytes = [first, 0, 0, 0];
    for (index, byte) in bytes[..length].iter_mut().enumerate().skip(1) {
        let at = at + width * index;
        *byte = match text.form {
            Form::Encoded => escaped(text.bytes, at),
            Form::Plain => text.bytes.get(at).copied().unwrap_or(0),
        };
    }
    Some((Utf8 { bytes, length }, at + width * length))
}

/// Returns the character that starts at a place of a text, and where the next starts; none at the end.
fn next_char(text: Text<'_>, at: usize) -> Option<(char, usize)> {
    let (utf8, next) = next_utf8(text, at)?;
    Some((utf8.to_char(), next))
}

/// Returns the byte of the escape at a place.
fn escaped(text: &[u8], at: usize) -> u8 {
    let digit = |at: usize| match text.get(at) {
        Some(&byte @ b'0'..=b'9') => byte - b'0',
        Some(&byte @ b'A'..=b'F') => byte - b'A' + 10,
        _ => 0,
    };
    digit(at + 1) << 4 | digit(at + 2)
}

/// The characters of a folded text from a place on.
fn folded_from(text: Text<'_>, mut at: usize) -> impl Iterator<Item = char> + '_ {
    let chars = std::iter::from_fn(move || {
        let (c, next) = next_char(text, at)?;
        at = next;
        Some(c)
    });
    chars.flat_map(char::to_lowercase)
}

/// Returns the folded byte of a character of ASCII that is kept as one byte; any other byte is returned as it is.
fn fold_byte(byte: u8, form: Form) -> u8 {
    if byte == b'+' && form == Form::Encoded {
        b' '
    } else {
        byte.to_ascii_lowercase()
    }
}

/// Writes the folded bytes from a place on into `out` and returns how many there are.
#[inline]
fn fill(text: Text<'_>, mut at: usize, out: &mut [u8]) -> usize {
    let is_other = |&byte: &u8| match text.form {
        Form::Encoded => byte == b'%',
        Form::Plain => !is_uncased(byte),
    };
    // Most texts begin with characters that fold byte by byte, which need no branch each.
    let rest = text.bytes.get(at..).unwrap_or_default();
    let plain = &rest[..rest.len().min(out.len())];
    if !plain.iter().fold(false, |any, byte| any | is_other(byte)) {
        for (folded, &byte) in out.iter_mut().zip(plain) {
            *folded = fold_byte(byte, text.form);
        }
        return plain.len();
    }
    let mut length = 0;
    while length < out.len() {
        match text.bytes.get(at) {
            None => break,
            Some(byte) if is_other(byte) => {
                let Some((utf8, next)) = next_utf8(text, at) else {
                    break;
                };
                at = next;
                let mut write = |bytes: &[u8]| {
                    let count = bytes.len().min(out.len() - length);
                    out[length..length + count].copy_from_slice(&bytes[..count]);
                    length += count;
                };
                if utf8.length == 1 {
                    write(&[utf8.bytes[0].to_ascii_lowercase()]);
                } else if is_uncased(utf8.bytes[0]) {
                    write(utf8.as_bytes());
                } else {
                    for c in utf8.to_char().to_lowercase() {
                        write(c.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
            Some(&byte) => {
                out[length] = fold_byte(byte, text.form);
                length += 1;
                at += 1;
            }
        }
    }
    length
}

impl KeptText<'_> {
    /// Returns the first eight folded bytes of the text as an integer that orders as they do.
    pub(crate) fn prefix(&self) -> u64 {
        let mut bytes = [0; 8];
        fill(Text::of(self), 0, &mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Writes the first folded bytes of the text into `out` and returns how many there are.
    #[inline]
    pub(super) fn fold_start(&self, out: &mut [u8]) -> usize {
        self.fold_from(0, out)
    }

    /// Writes folded bytes of the text, from a place on, into `out` and returns how many there are.
    #[inline]
    pub(super) fn fold_from(&self, at: usize, out: &mut [u8]) -> usize {
        fill(Text::of(self), at, out)
    }

    /// Returns the place, at most `place_max`, behind the first characters that fold to at most a number of bytes, and
    /// to how many bytes they do.
    pub(super) fn place_of(&self, folded_bytes: usize, place_max: usize) -> (usize, usize) {
        let text = Text::of(self);
        let (mut at, mut count) = (0, 0);
        while let Some((c, next)) = next_char(text, at) {
            let folded = count + c.to_lowercase().map(char::len_utf8).sum::<usize>();
            if folded > folded_bytes || next > place_max.min(text.bytes.len()) {
                break;
            }
            (at, count) = (next, folded);
        }
        (at, count)
    }

    /// Compares two texts as they fold.
    pub(crate) fn cmp_folded(&self, other: &KeptText<'_>) -> Ordering {
        compare_from((self, 0), (other, 0))
    }
}

/// Returns an integer that orders texts as they fold from a place on, as far as it decides: 0 at
/// the end.
pub(super) fn head(text: &KeptText<'_>, at: usize) -> u64 {
    if at >= text.bytes().len() {
        return 0;
    }
    let mut bytes = [0; 8];
    bytes[0] = 1;
    fill(Text::of(text), at, &mut bytes[1..=HEAD_BYTES]);
    u64::from_be_bytes(bytes)
}

/// Returns a number that orders texts by the next two folded bytes from a place on: 0 at the end,
/// else one more than the bytes.
pub(super) fn next_two(text: &KeptText<'_>, at: usize) -> usize {
    if at >= text.bytes().len() {
        return 0;
    }
    let mut bytes = [0; 2];
    fill(Text::of(text), at, &mut bytes);
    1 + usize::from(u16::from_be_bytes(bytes))
}

/// Compares two texts from places on.
pub(super) fn compare_from(a: (&KeptText<'_>, usize), b: (&KeptText<'_>, usize)) -> Ordering {
    let (at_a, at_b) = skip_common(a, b, a.0.bytes().len());
    folded_from(Text::of(a.0), at_a).cmp(folded_from(Text::of(b.0), at_b))
}

/// Returns the places up to which two texts fold to the same, character by character, from places
/// on and up to a place in the first.
pub(super) fn skip_common(
    (a, mut at_a): (&KeptText<'_>, usize),
    (b, mut at_b): (&KeptText<'_>, usize),
    limit: usize,
) -> (usize, usize) {
    let (a, b) = (Text::of(a), Text::of(b));
    loop {
        let equal = if a.form == b.form {
            count_equal(&a.bytes[at_a..limit], &b.bytes[at_b..])
        } else {
            0
        };
        let start = start_of_char(a, at_a, at_a + equal);
        let is_over = at_a + equal >= limit;
        at_b += start - at_a;
        at_a = start;
        if is_over {
            return (at_a, at_b);
        }
        let (Some((own, next_a)), Some((other, next_b))) = (next_char(a, at_a), next_char(b, at_b))
        else {
            return (at_a, at_b);
        };
        if own != other && !own.to_lowercase().eq(other.to_lowercase()) {
            return (at_a, at_b);
        }
        at_a = next_a;
        at_b = next_b;
    }
}

/// Returns how many bytes two slices have in common at their starts.
pub(super) fn count_equal(a: &[u8], b: &[u8]) -> usize {
    const CHUNK_BYTES: usize = 32;
    let chunks = a.chunks_exact(CHUNK_BYTES).zip(b.chunks_exact(CHUNK_BYTES));
    let start = chunks.take_while(|(a, b)| a == b).count() * CHUNK_BYTES;
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

/// Returns the start of the character that a place is in, or the place between two; `from` is a
/// start before it.
fn start_of_char(text: Text<'_>, from: usize, mut at: usize) -> usize {
    // The second and later bytes of a character are 0x80 to 0xBF.
    let bytes = text.bytes;
    if text.form == Form::Plain {
        while at > from && matches!(bytes.get(at), Some(0x80..=0xBF)) {
            at -= 1;
        }
        return at;
    }
    let is_escape = |at: usize| at >= from && bytes.get(at) == Some(&b'%');
    let is_inner =
        |at: usize| is_escape(at) && matches!(bytes.get(at + 1), Some(b'8' | b'9' | b'A' | b'B'));
    for back in 1..=2 {
        if at >= from + back && is_escape(at - back) {
            at -= back;
            break;
        }
    }
    while is_inner(at) && at >= from + 3 {
        at -= 3;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::{encode_into, fold};

    const TEXTS: [&str; 24] = [
        "",
        "\0",
        "a",
        "A",
        "a\0",
        "a b",
        "A+B",
        "ab%C3",
        "Éa",
        "éb",
        "e\u{301}",
        "İ",
        "i\u{307}",
        "i",
        "ß",
        "SS",
        "K",
        "k",
        "東京",
        "東",
        "🎫a",
        "🎫B",
        "same start of both, é",
        "SAME START OF BOTH, É",
    ];

    /// Returns a text in both forms.
    fn forms(text: &str) -> [KeptText<'_>; 2] {
        let mut encoded = Vec::new();
        encode_into(text, &mut encoded);
        [KeptText::new(encoded, Form::Encoded), KeptText::plain(text)]
    }

    fn check(a: &str, own: &KeptText<'_>, b: &str, other: &KeptText<'_>) {
        let expected = fold(a).cmp(&fold(b));
        assert_eq!(own.cmp_folded(other), expected, "{a:?} {b:?}");
        assert_eq!(own.is_same(other), a == b, "{a:?} {b:?}");
        let heads = head(own, 0).cmp(&head(other, 0));
        assert!(heads == expected || heads == Ordering::Equal, "{a:?} {b:?}");
        let (at, other_at) = skip_common((own, 0), (other, 0), own.bytes().len());
        let shared = KeptText::new(&own.bytes()[..at], own.form());
        let others = KeptText::new(&other.bytes()[..other_at], other.form());
        assert_eq!(shared.cmp_folded(&others), Ordering::Equal, "{a:?} {b:?}");
    }

    #[test]
    fn texts_compare_as_they_fold() {
        let long = "word ".repeat(20);
        let mut texts: Vec<String> = TEXTS.map(str::to_owned).to_vec();
        texts.extend(TEXTS.map(|text| format!("{long}{text}")));
        texts.extend(TEXTS.map(|text| format!("{text}{long}")));
        for a in &texts {
            for own in forms(a) {
                let mut bytes = [0; 8];
                let length = fold(a).len().min(8);
                bytes[..length].copy_from_slice(&fold(a).as_bytes()[..length]);
                assert_eq!(own.prefix(), u64::from_be_bytes(bytes), "{a:?}");
                assert_eq!(own.clone().into_text(), *a);
                for b in &texts {
                    for other in forms(b) {
                        check(a, &own, b, &other);
                    }
                }
            }
        }
    }
}
