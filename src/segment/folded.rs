//! Long texts compared as they fold, straight from the encoding in which they are kept.
//!
//! A column of long texts keeps them URL-encoded. To decode and fold two of them whole in order to
//! compare their first words costs their length; here as much is read as tells them apart. Equal
//! bytes of the encoding fold to equal texts, so what two texts share is passed over at the pace of
//! comparing memory.
//!
//! # Invariants
//!
//! * Every text is what the serializer of `application/x-www-form-urlencoded` wrote for a text of
//!   UTF-8, and every place in one is the start of an encoded character, or its end.
//!
//! # Cost
//!
//! Linear in what two texts share, and a little for each character that folds to the same and is
//! another.

use std::cmp::Ordering;

/// The bytes of a [`head`].
const HEAD_BYTES: usize = 7;

/// Returns the character that starts at a place of an encoded text, and where the next starts.
fn next_char(text: &[u8], at: usize) -> Option<(char, usize)> {
    match *text.get(at)? {
        b'+' => Some((' ', at + 1)),
        b'%' => {
            let lead = escaped(text, at);
            let length = match lead {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            let mut bytes = [0; 4];
            for (index, byte) in bytes[..length].iter_mut().enumerate() {
                *byte = escaped(text, at + 3 * index);
            }
            let c = str::from_utf8(&bytes[..length])
                .ok()
                .and_then(|it| it.chars().next());
            Some((c.unwrap_or(char::REPLACEMENT_CHARACTER), at + 3 * length))
        }
        byte => Some((char::from(byte), at + 1)),
    }
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
fn folded_from(text: &[u8], mut at: usize) -> impl Iterator<Item = char> + '_ {
    let chars = std::iter::from_fn(move || {
        let (c, next) = next_char(text, at)?;
        at = next;
        Some(c)
    });
    chars.flat_map(char::to_lowercase)
}

/// Writes the folded bytes from a place on into `out` and returns how many there are.
fn fill(text: &[u8], mut at: usize, out: &mut [u8]) -> usize {
    // Most texts begin with letters of ASCII, which need no branch each.
    if let Some(plain) = text.get(at..at + out.len())
        && !plain.contains(&b'%')
    {
        for (folded, &byte) in out.iter_mut().zip(plain) {
            *folded = if byte == b'+' {
                b' '
            } else {
                byte.to_ascii_lowercase()
            };
        }
        return out.len();
    }
    let mut length = 0;
    while length < out.len() {
        match text.get(at) {
            None => break,
            Some(b'%') => {
                let Some((c, next)) = next_char(text, at) else {
                    break;
                };
                at = next;
                let mut bytes = [0; 4];
                for c in c.to_lowercase() {
                    let bytes = c.encode_utf8(&mut bytes).as_bytes();
                    let count = bytes.len().min(out.len() - length);
                    out[length..length + count].copy_from_slice(&bytes[..count]);
                    length += count;
                }
            }
            Some(&byte) => {
                out[length] = if byte == b'+' {
                    b' '
                } else {
                    byte.to_ascii_lowercase()
                };
                length += 1;
                at += 1;
            }
        }
    }
    length
}

/// Returns the first eight folded bytes of an encoded text as an integer that orders as they do.
pub(crate) fn prefix(text: &str) -> u64 {
    let mut bytes = [0; 8];
    fill(text.as_bytes(), 0, &mut bytes);
    u64::from_be_bytes(bytes)
}

/// Returns an integer that orders texts as they fold from a place on, as far as it decides: 0 at
/// the end.
pub(super) fn head(text: &[u8], at: usize) -> u64 {
    if at >= text.len() {
        return 0;
    }
    let mut bytes = [0; 8];
    bytes[0] = 1;
    fill(text, at, &mut bytes[1..=HEAD_BYTES]);
    u64::from_be_bytes(bytes)
}

/// Returns a number that orders texts by the next two folded bytes from a place on: 0 at the end,
/// else one more than the bytes.
pub(super) fn next_two(text: &[u8], at: usize) -> usize {
    if at >= text.len() {
        return 0;
    }
    let mut bytes = [0; 2];
    fill(text, at, &mut bytes);
    1 + usize::from(u16::from_be_bytes(bytes))
}

/// Compares two encoded texts as they fold.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    compare_from((a.as_bytes(), 0), (b.as_bytes(), 0))
}

/// Compares two texts from places on.
pub(super) fn compare_from(a: (&[u8], usize), b: (&[u8], usize)) -> Ordering {
    let (at_a, at_b) = skip_common(a, b, a.0.len());
    folded_from(a.0, at_a).cmp(folded_from(b.0, at_b))
}

/// Returns the places up to which two texts fold to the same, character by character, from places
/// on and up to a place in the first.
pub(super) fn skip_common(
    (a, mut at_a): (&[u8], usize),
    (b, mut at_b): (&[u8], usize),
    limit: usize,
) -> (usize, usize) {
    loop {
        let equal = count_equal(&a[at_a..limit], &b[at_b..]);
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
fn count_equal(a: &[u8], b: &[u8]) -> usize {
    const CHUNK_BYTES: usize = 32;
    let chunks = a.chunks_exact(CHUNK_BYTES).zip(b.chunks_exact(CHUNK_BYTES));
    let start = chunks.take_while(|(a, b)| a == b).count() * CHUNK_BYTES;
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

/// Returns the start of the character that a place is in, or the place between two; `from` is a
/// start before it.
fn start_of_char(text: &[u8], from: usize, mut at: usize) -> usize {
    let is_escape = |at: usize| at >= from && text.get(at) == Some(&b'%');
    let is_inner = |at: usize| {
        // The second and later bytes of a character are 0x80 to 0xBF.
        is_escape(at) && matches!(text.get(at + 1), Some(b'8' | b'9' | b'A' | b'B'))
    };
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

    fn encoded(text: &str) -> String {
        let mut encoded = Vec::new();
        encode_into(text, &mut encoded);
        String::from_utf8(encoded).unwrap()
    }

    #[test]
    fn texts_compare_as_they_fold() {
        let long = "word ".repeat(20);
        let mut texts: Vec<String> = TEXTS.map(str::to_owned).to_vec();
        texts.extend(TEXTS.map(|text| format!("{long}{text}")));
        texts.extend(TEXTS.map(|text| format!("{text}{long}")));
        for a in &texts {
            let own = encoded(a);
            let mut bytes = [0; 8];
            let length = fold(a).len().min(8);
            bytes[..length].copy_from_slice(&fold(a).as_bytes()[..length]);
            assert_eq!(prefix(&own), u64::from_be_bytes(bytes), "{a:?}");
            for b in &texts {
                let other = encoded(b);
                let expected = fold(a).cmp(&fold(b));
                assert_eq!(compare(&own, &other), expected, "{a:?} {b:?}");
                let heads = head(own.as_bytes(), 0).cmp(&head(other.as_bytes(), 0));
                assert!(heads == expected || heads == Ordering::Equal, "{a:?} {b:?}");
                let (at, other_at) =
                    skip_common((own.as_bytes(), 0), (other.as_bytes(), 0), own.len());
                let (shared, others) = (&own[..at], &other[..other_at]);
                assert_eq!(compare(shared, others), Ordering::Equal, "{a:?} {b:?}");
            }
        }
    }
}
