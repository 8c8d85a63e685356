//! Texts as `application/x-www-form-urlencoded`, which is how responses carry most of them.
//!
//! # Cost
//!
//! Eight bytes at a time where none is escaped; where one is, a few instructions for each of them.

/// Appends a text as `application/x-www-form-urlencoded`: a blank is `+`,
/// ASCII letters, digits and `*-._` are themselves, any other byte is `%XX`.
pub(crate) fn encode_into(text: &str, out: &mut Vec<u8>) {
    // In pieces, as each needs room for an escape of every byte.
    for piece in text.as_bytes().chunks(1 << 10) {
        let start = out.len();
        out.resize(start + 3 * piece.len() + 1, 0);
        let (_, written) = encode_some(piece, &mut out[start..]);
        out.truncate(start + written);
    }
}

/// What the form-urlencoded serializer writes for a byte, one or three bytes, and last how many.
type Unit = [u8; UNIT_BYTES];

/// The bytes of a [`Unit`], which are copied like one.
const UNIT_BYTES: usize = 4;

const fn make_units() -> [Unit; 256] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut units = [[0; UNIT_BYTES]; 256];
    let mut byte = 0;
    while byte < 256 {
        let own = byte as u8;
        units[byte] = if own.is_ascii_alphanumeric() || matches!(own, b'*' | b'-' | b'.' | b'_') {
            [own, 0, 0, 1]
        } else if own == b' ' {
            [b'+', 0, 0, 1]
        } else {
            [b'%', HEX[byte >> 4], HEX[byte & 15], 3]
        };
        byte += 1;
    }
    units
}

static UNITS: [Unit; 256] = make_units();

/// Returns what is written for a byte, and how many bytes of it count.
#[inline]
pub(crate) fn encode_byte(byte: u8) -> (Unit, usize) {
    let unit = UNITS[usize::from(byte)];
    (unit, usize::from(unit[UNIT_BYTES - 1]))
}

/// Encodes a text as [`encode_into`] does, as far as there is room.
///
/// Returns how many bytes were read, and how many were written; none where fewer than
/// [`UNIT_BYTES`] have room. No escape is cut.
pub(crate) fn encode_some(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    loop {
        // This many bytes have room even if each of them is escaped, and so has the end of the last
        // unit, which is written past what counts.
        let room = (out.len() - written).saturating_sub(1) / (UNIT_BYTES - 1);
        let piece = &text[read..text.len().min(read + room)];
        if piece.is_empty() {
            return (read, written);
        }
        let (chunks, rest) = piece.as_chunks::<8>();
        for chunk in chunks {
            if let Some(encoded) = encode_plain(*chunk) {
                out[written..written + 8].copy_from_slice(&encoded);
                written += 8;
            } else {
                written = encode_bytes(chunk, out, written);
            }
        }
        written = encode_bytes(rest, out, written);
        read += piece.len();
    }
}

/// Encodes bytes one by one to a place of what has room for them; returns where they end.
#[inline]
fn encode_bytes(bytes: &[u8], out: &mut [u8], mut written: usize) -> usize {
    for &byte in bytes {
        let (unit, length) = encode_byte(byte);
        out[written..written + UNIT_BYTES].copy_from_slice(&unit);
        written += length;
    }
    written
}

/// Encodes eight bytes, if none of them is escaped.
#[inline]
fn encode_plain(bytes: [u8; 8]) -> Option<[u8; 8]> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    // Each of these sets the high bits of those bytes for which it holds; all are below 128.
    let ascii = word & !HIGHS;
    let from = |word: u64, least: u8| word + ONES * u64::from(128 - least);
    let within = |word: u64, least: u8, end: u8| from(word, least) & !from(word, end);
    let is = |byte: u8| !from(ascii ^ (ONES * u64::from(byte)), 1);
    let letters = within(ascii | (ONES * 0x20), b'a', b'z' + 1);
    let digits = within(ascii, b'0', b'9' + 1);
    let blanks = is(b' ') & HIGHS;
    let others = within(ascii, b'-', b'.' + 1) | is(b'*') | is(b'_');
    let plain = (letters | digits | blanks | others) & !word;
    let encoded = word ^ ((blanks >> 7) * u64::from(b' ' ^ b'+'));
    (plain & HIGHS == HIGHS).then(|| encoded.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_encoded_as_the_web_does() {
        for byte in 0..=255u8 {
            let expected: String = form_urlencoded::byte_serialize(&[byte]).collect();
            let (unit, length) = encode_byte(byte);
            assert_eq!(&unit[..length], expected.as_bytes());
        }
        for room in 0..40 {
            let (text, mut out) = ("a \u{e9}\u{6771}+-z".as_bytes(), vec![0; room]);
            let (read, written) = encode_some(text, &mut out);
            let expected: String = form_urlencoded::byte_serialize(&text[..read]).collect();
            assert_eq!(&out[..written], expected.as_bytes());
            assert!(read == text.len() || room - written < UNIT_BYTES);
        }
    }

    #[test]
    fn bytes_are_encoded_alike_alone_and_among_others() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut chunk = *b"a Z9.-_*";
                chunk[at] = byte;
                let mut one_by_one = [0; 32];
                let length = encode_bytes(&chunk, &mut one_by_one, 0);
                let mut out = [0; 32];
                assert_eq!(encode_some(&chunk, &mut out), (8, length));
                assert_eq!(out[..length], one_by_one[..length], "{byte} at {at}");
                assert_eq!(encode_plain(chunk).is_some(), length == 8);
            }
        }
    }
}
