//! What somebody probably meant who wrote a name that does not exist.

use super::{DatePart, Field, FieldKind, is_custom_name};

/// The most edits between a word and what is suggested for it, for each three of its letters.
const EDITS_A_LETTER: usize = 3;

/// The most bytes of a word for which a suggestion is looked for.
const WORD_BYTES_MAX: usize = 40;

/// Returns the candidate that a word is closest to, letter case aside, if it is close to any.
///
/// What holds a dot is a custom field's name or wants to be, and those are not known here.
///
/// Cost: the lengths of the word and of each candidate multiplied.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_BYTES_MAX || word.contains('.') {
        return None;
    }
    let edits_max = (word.len() / EDITS_A_LETTER).max(1);
    let edits = candidates.into_iter().map(|it| (edits(word, it), it));
    let (edits, candidate) = edits.min_by_key(|(edits, _)| *edits)?;
    (edits <= edits_max && edits < candidate.len()).then_some(candidate)
}

/// Counts the letters to insert, drop, replace or swap with the next to make one word of another.
fn edits(from: &str, to: &str) -> usize {
    let [from, to] = [from, to].map(|word| word.to_ascii_lowercase().into_bytes());
    let mut before = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.iter().enumerate() {
        let mut next = vec![at + 1];
        for (other_at, other) in to.iter().enumerate() {
            let replaced = last[other_at] + usize::from(letter != other);
            let mut fewest = replaced.min(last[other_at + 1] + 1).min(next[other_at] + 1);
            let is_swap =
                at > 0 && other_at > 0 && from[at - 1] == *other && to[other_at - 1] == *letter;
            if is_swap {
                fewest = fewest.min(before[other_at - 1] + 1);
            }
            next.push(fewest);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[to.len()]
}

/// Returns the names that a list of fields may have, but for those of custom fields.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    let names = |field: Field| [Some(field.name()), field.alias()].into_iter().flatten();
    Field::ALL.into_iter().flat_map(names)
}

/// Returns the output variable that a name of a record probably means.
pub(super) fn output_name(word: &str) -> Option<&'static str> {
    let named = Field::from_name(word).map(Field::name);
    named.or_else(|| closest(word, Field::ALL.map(Field::name)))
}

/// Returns the first word of a list of fields that is none, or of an order's that is no direction.
///
/// Where the list has keys to count by, a date may have a part.
pub(super) fn unknown_word<'a>(list: &'a str, variable: &str) -> Option<&'a str> {
    const PREFIX: &str = "custom_fields.";
    let is_known = |word: &str| {
        let custom = word.split_at_checked(PREFIX.len());
        let custom = custom.filter(|(prefix, _)| prefix.eq_ignore_ascii_case(PREFIX));
        let is_part = || {
            let parts = word.rsplit_once('.').filter(|_| variable == "by");
            parts.is_some_and(|(date, part)| {
                let field = Field::from_name(date);
                field.is_some_and(|it| it.kind() == FieldKind::Date)
                    && DatePart::from_name(part).is_some()
            })
        };
        custom.map_or_else(
            || Field::from_name(word).is_some() || is_part(),
            |(_, name)| is_custom_name(name),
        )
    };
    let is_direction = |word: &str| {
        ["asc", "desc"]
            .iter()
            .any(|it| it.eq_ignore_ascii_case(word))
    };
    list.split(',').find_map(|item| {
        if variable != "order" {
            let name = Some(item.trim());
            return name.filter(|name| !name.is_empty() && !is_known(name));
        }
        let mut words = item.split_whitespace();
        let field = words.next().filter(|word| !is_known(word));
        field.or_else(|| words.find(|word| !is_direction(word)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_close_is_suggested() {
        for (word, meant) in [
            ("statsu", Some("status")),
            ("STATU", Some("status")),
            ("prioritty", Some("priority")),
            ("subcategory", Some("sub_category")),
            ("dateopened", Some("date_opened")),
            ("guid", Some("uid")),
            ("colour", None),
            ("x", None),
            ("", None),
            (&*"status".repeat(1000), None),
        ] {
            assert_eq!(closest(word, field_names()), meant, "{word}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in [
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("abc", "adc", 1),
            ("a", "A", 0),
        ] {
            assert_eq!((edits(from, to), edits(to, from)), (expected, expected));
        }
    }

    #[test]
    fn the_word_that_is_none_is_found() {
        for (list, word) in [
            ("status,priorty ASC,tid", Some("priorty")),
            (" status  dsc", Some("dsc")),
            ("status DESC tid", Some("tid")),
            ("custom_fields.9", Some("custom_fields.9")),
            ("UID,Custom_Fields.Serial desc", None),
            ("", None),
        ] {
            assert_eq!(unknown_word(list, "order"), word, "{list}");
        }
        for (list, word) in [
            (" uid, cid ,,custom_fields.a", None),
            ("cid uid", Some("cid uid")),
            ("cid, stats desc", Some("stats desc")),
        ] {
            assert_eq!(unknown_word(list, "fields"), word, "{list}");
        }
    }
}
