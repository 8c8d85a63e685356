//! Texts compared as requests compare them, without a folded copy.
//!
//! A request folds its texts once ([`fold`](super::value::fold)); the texts of tickets are kept as
//! they were given and folded character by character while they are compared. Segments do this for
//! their dictionaries, plans for values of several segments and for tickets that just changed.
//!
//! # Invariants
//!
//! * Every function agrees with folding both texts and comparing the results by code point.

use std::cmp::Ordering;

use super::value::folded_chars;

/// Compares a text, folded, with a folded one, by code point.
pub(crate) fn cmp_folded(text: &str, folded: &str) -> Ordering {
    if text.is_ascii() {
        // Bytes order as code points do, also against a non-ASCII folded text.
        return text
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .cmp(folded.bytes());
    }
    folded_chars(text).cmp(folded.chars())
}

/// Compares the folds of two texts by code point.
pub(crate) fn cmp_folds(a: &str, b: &str) -> Ordering {
    for (own, other) in a.bytes().zip(b.bytes()) {
        if !own.is_ascii() || !other.is_ascii() {
            return folded_chars(a).cmp(folded_chars(b));
        }
        // What follows does not change how these fold.
        let ordering = own.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    // One is the start of the other, and no text folds to nothing.
    a.len().cmp(&b.len())
}

/// Returns the first eight bytes of a text, folded, as a number, NULs past its end.
///
/// Where the numbers of two texts differ, they compare as [`cmp_folds`] compares the texts.
pub(crate) fn folded_head(text: &str) -> u64 {
    let mut head = [0; size_of::<u64>()];
    let length = text.len().min(head.len());
    head[..length].copy_from_slice(&text.as_bytes()[..length]);
    if head.is_ascii() {
        head.make_ascii_lowercase();
        return u64::from_be_bytes(head);
    }
    let mut bytes = [0; 4];
    let mut head = 0;
    let mut left = size_of::<u64>();
    for char in folded_chars(text) {
        for &byte in char.encode_utf8(&mut bytes).as_bytes() {
            head = head << 8 | u64::from(byte);
            left -= 1;
            if left == 0 {
                return head;
            }
        }
    }
    head << (8 * left)
}

/// Returns whether a text, folded, starts with a folded one.
pub(crate) fn starts_with_folded(text: &str, folded: &str) -> bool {
    let mut chars = folded_chars(text);
    folded.chars().all(|c| chars.next() == Some(c))
}

/// Returns whether a text, folded, is one of some that are folded and ascend.
pub(crate) fn is_among(text: &str, folded: &[impl AsRef<str>]) -> bool {
    let found = folded.binary_search_by(|own| cmp_folded(text, own.as_ref()).reverse());
    found.is_ok()
}

/// Returns the elements of a list: what is between its commas, without white space around it.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let parts = list
        .split(',')
        .map(|part| part.trim_matches(char::is_whitespace));
    parts.filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_compare_as_the_texts_do_where_they_differ() {
        let texts = [
            "",
            "\0",
            "a",
            "A\0",
            "abcdefgh",
            "ABCDEFGHI",
            "abcdefgi",
            "abcdefg\u{e9}",
            "abcdefg\u{c9}x",
            "\u{130}",
            "i\u{307}x",
            "\u{10ffff}\u{10ffff}\u{10ffff}",
            "\u{212a}elvin",
            "kelvin",
            "ßtraße",
        ];
        for own in texts {
            for other in texts {
                let by_head = folded_head(own).cmp(&folded_head(other));
                assert!(
                    by_head == Ordering::Equal || by_head == cmp_folds(own, other),
                    "{own:?} and {other:?}"
                );
            }
        }
        assert_eq!(
            folded_head("ABé"),
            u64::from_be_bytes(*b"ab\xC3\xA9\0\0\0\0")
        );
    }
}
