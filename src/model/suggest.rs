//! What was probably meant by a name that does not exist.

use std::sync::LazyLock;

use chrono::format::{Item, StrftimeItems};

use super::field_names::split_custom;
use super::{DatePart, Field, FieldKind, is_custom_name};

/// The letters that a word has for each edit by which a suggestion may differ from it.
const LETTERS_AN_EDIT: usize = 3;

/// The same for a part of a name, which is shorter.
const PART_LETTERS_AN_EDIT: usize = 4;

/// The most bytes of a word for which a suggestion is looked for.
const WORD_BYTES_MAX: usize = 40;

/// The fewest bytes of a word that is looked for in the parts of names.
const PART_BYTES_MIN: usize = 3;

const DIRECTIONS: [&str; 2] = ["DESC", "ASC"];

/// The parts of dates that tickets are counted by, each date's together.
static DATE_PARTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let part_names = |date: Field| DatePart::ALL.map(|part| format!("{date}.{part}"));
    dates().flat_map(part_names).collect()
});

fn dates() -> impl Iterator<Item = Field> {
    let fields = Field::ALL.into_iter();
    fields.filter(|field| field.kind() == FieldKind::Date)
}

/// Returns the candidate that a word is closest to, letter case aside, if it is close to any.
///
/// A word with a dot is meant for the name of a custom field, and those are not known here.
///
/// Cost: the lengths of the word and of each candidate multiplied.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_BYTES_MAX || word.contains('.') {
        return None;
    }
    let edits_max = (word.len() / LETTERS_AN_EDIT).max(1);
    let edits = candidates.into_iter().map(|it| (edits(word, it), it));
    let (edits, candidate) = edits.min_by_key(|(edits, _)| *edits)?;
    (edits <= edits_max && edits < candidate.len()).then_some(candidate)
}

/// Returns the candidate with a part that the word equals, begins or nearly equals.
///
/// The parts of a name are its words between underscores: `date` and `opened` of `date_opened`. Of
/// several candidates that are as close it is the first.
fn closest_part<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if !(PART_BYTES_MIN..=WORD_BYTES_MAX).contains(&word.len()) || word.contains('.') {
        return None;
    }
    let edits = candidates.into_iter().map(|it| (part_edits(word, it), it));
    let (edits, candidate) = edits.min_by_key(|(edits, _)| *edits)?;
    (edits <= word.len() / PART_LETTERS_AN_EDIT).then_some(candidate)
}

/// Counts the edits between a word and the closest part of a name; 0 where it begins one.
fn part_edits(word: &str, name: &str) -> usize {
    let behind = name.match_indices('_').map(|(at, _)| at + 1);
    let parts = std::iter::once(0).chain(behind).map(|at| {
        let rest = &name[at..];
        let part = rest.split('_').next().unwrap_or(rest);
        if begins(rest, word) {
            0
        } else {
            edits(word, part)
        }
    });
    parts.min().unwrap_or(word.len())
}

/// Returns the candidates that begin with a word, each once; none where the word is too short to tell.
pub(super) fn completions<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let mut found = Vec::new();
    if word.len() < PART_BYTES_MIN {
        return found;
    }
    for candidate in candidates.into_iter().filter(|it| begins(it, word)) {
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found
}

/// Returns the one candidate that begins with a word, if there is one and no other.
fn only_completion<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    match completions(word, candidates)[..] {
        [candidate] => Some(candidate),
        _ => None,
    }
}

/// Returns whether a name begins with a word, in any case.
fn begins(name: &str, word: &str) -> bool {
    let start = name.get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word))
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

/// Returns the names of the fields that the list of a variable may have, which are not all that it may
/// have: custom fields and parts of dates are others.
fn field_names(variable: &str) -> impl Iterator<Item = &'static str> + Clone {
    let names = |field: Field| [Some(field.name()), field.alias()].into_iter().flatten();
    let fields = Field::ALL.into_iter();
    let fields = fields.filter(move |&field| can_list(variable, field));
    fields.flat_map(names)
}

/// Returns the output variable that a name of a record probably means.
pub(super) fn output_name(word: &str) -> Option<&'static str> {
    let named = Field::from_name(word).map(Field::name);
    named.or_else(|| closest(word, Field::ALL.map(Field::name)))
}

/// A word that cannot stand where it does in a list of fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongWord<'a> {
    pub(super) word: &'a str,
    /// Whether it stands where an order has a direction.
    is_direction: bool,
}

impl<'a> WrongWord<'a> {
    /// Returns the first such word of the list that is the value of a variable.
    ///
    /// Of the patterns of `dates` it is the first part that is unknown.
    pub(super) fn find(list: &'a str, variable: &str) -> Option<WrongWord<'a>> {
        if variable == "dates" {
            let (word, is_direction) = (unknown_part(list)?, false);
            return Some(WrongWord { word, is_direction });
        }
        list.split(',').find_map(|item| {
            if variable != "order" {
                return wrong_name(item.trim(), variable);
            }
            let mut words = item.split_whitespace();
            let name = wrong_name(words.next().unwrap_or(""), variable);
            name.or_else(|| {
                let direction = words.next().filter(|word| !is_direction(word));
                let word = direction.or_else(|| words.next())?;
                let is_direction = true;
                Some(WrongWord { word, is_direction })
            })
        })
    }

    /// Returns whether it has a meaning elsewhere.
    pub(super) fn is_known(&self) -> bool {
        Field::from_name(self.word).is_some() || is_direction(self.word)
    }

    /// Returns what was probably meant.
    pub(super) fn suggestion(&self, variable: &str) -> Option<&'static str> {
        if variable == "dates" {
            return None;
        }
        if self.is_direction {
            let direction = closest(self.word, DIRECTIONS);
            return direction.filter(|_| !self.is_known());
        }
        // Of a date without its part, the month is probably meant.
        let parts = DATE_PARTS.iter().map(String::as_str);
        let is_month = |name: &&str| name.rsplit('.').next() == Some(DatePart::Month.name());
        let parts = parts.filter(|name| variable == "by" && is_month(name));
        let names = field_names(variable).chain(parts);
        if self.is_known() {
            return only_completion(self.word, names);
        }
        let part = date_part(self.word).filter(|_| variable == "by");
        part.or_else(|| nearest(self.word, names))
    }
}

/// Returns what was probably meant by a name that the list of a variable may have.
pub(super) fn listed_name(word: &str, variable: &str) -> Option<&'static str> {
    nearest(word, field_names(variable))
}

fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    closest(word, names.clone()).or_else(|| closest_part(word, names))
}

/// Returns the part of a date whose two names a word nearly has.
fn date_part(word: &str) -> Option<&'static str> {
    let (date, part) = word.rsplit_once('.')?;
    let date = closest(date, dates().map(Field::name))?;
    let part = closest(part, DatePart::ALL.map(DatePart::name))?;
    let mut names = DATE_PARTS.iter().map(String::as_str);
    names.find(|name| name.split_once('.') == Some((date, part)))
}

/// Returns the first part of a pattern of dates that means nothing.
fn unknown_part(pattern: &str) -> Option<&str> {
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        let part = &rest[at..];
        // Behind the sign stand letters and figures that say how, and then the one that says what.
        let is_how = |c: char| c.is_ascii_digit() || "-_.:#".contains(c);
        let what = part[1..].char_indices().find(|&(_, c)| !is_how(c));
        let end = what.map_or(part.len(), |(at, c)| 1 + at + c.len_utf8());
        let (part, behind) = part.split_at(end);
        if StrftimeItems::new(part).any(|item| matches!(item, Item::Error)) {
            return Some(part);
        }
        rest = behind;
    }
    None
}

fn wrong_name<'a>(word: &'a str, variable: &str) -> Option<WrongWord<'a>> {
    let is_part = || {
        let parts = word.rsplit_once('.').filter(|_| variable == "by");
        parts.is_some_and(|(date, part)| {
            let field = Field::from_name(date);
            field.is_some_and(|it| it.kind() == FieldKind::Date)
                && DatePart::from_name(part).is_some()
        })
    };
    let is_right = split_custom(word).map_or_else(
        || Field::from_name(word).is_some_and(|it| can_list(variable, it)) || is_part(),
        is_custom_name,
    );
    let is_direction = false;
    (!is_right).then_some(WrongWord { word, is_direction })
}

/// Returns whether the list that is the value of a variable can name a field.
fn can_list(variable: &str, field: Field) -> bool {
    match variable {
        "order" => field != Field::CustomFields,
        "empty" | "present" => field != Field::Tid,
        "by" => field.is_counted(),
        _ => true,
    }
}

fn is_direction(word: &str) -> bool {
    DIRECTIONS.iter().any(|it| it.eq_ignore_ascii_case(word))
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
            assert_eq!(closest(word, field_names("fields")), meant, "{word}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_enough() {
        for (variable, word, meant) in [
            ("order", "datee", Some("date_opened")),
            ("order", "date", Some("date_opened")),
            ("order", "Opened", Some("date_opened")),
            ("fields", "stat", Some("status")),
            ("fields", "tech", Some("assigned_tech")),
            ("fields", "addresss", Some("cc_addresses")),
            ("by", "stat", Some("status")),
            ("by", "date_opened", Some("date_opened.month")),
            ("by", "datee", Some("date_opened.month")),
            ("by", "date_opened.yaer", Some("date_opened.year")),
            ("by", "Duedate.DAYS", Some("due_date.day")),
            ("by", "status.month", None),
            ("by", "due_date.hour", None),
            ("fields", "date_opened.yaer", None),
            ("by", "summ", None),
            ("by", "tid", None),
            ("empty", "tid", None),
            ("order", "DESC", None),
            ("fields", "st", None),
            ("fields", "nothing", None),
            ("fields", "st\u{e4}", None),
        ] {
            let wrong = WrongWord::find(word, variable).unwrap();
            assert_eq!(wrong.suggestion(variable), meant, "{variable}={word}");
        }
        let names = ["start_tid", "status", "start_date"];
        assert_eq!(only_completion("stat", names), Some("status"));
        assert_eq!(only_completion("start", names), None);
        assert_eq!(only_completion("st", ["status"]), None);
    }

    #[test]
    fn every_part_of_a_date_can_be_suggested() {
        for name in DATE_PARTS.iter() {
            assert_eq!(wrong_name(name, "by"), None, "{name}");
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
    fn the_word_that_is_wrong_is_found() {
        for (variable, list, word) in [
            ("order", "status,priorty ASC,tid", Some("priorty")),
            ("order", " status  dsc", Some("dsc")),
            ("order", "status DESC tid", Some("tid")),
            ("order", "status DESC DESC", Some("DESC")),
            ("order", "custom_fields.9", Some("custom_fields.9")),
            ("order", "tid,custom_fields", Some("custom_fields")),
            ("order", "UID,Custom_Fields.Serial desc", None),
            ("order", "tid, ", Some("")),
            ("fields", " uid, cid ,custom_fields.a", None),
            ("fields", "uid,,cid", Some("")),
            ("fields", "cid uid", Some("cid uid")),
            ("fields", "cid, stats desc", Some("stats desc")),
            ("empty", "cid,TID", Some("TID")),
            ("by", "status,stat", Some("stat")),
            ("by", "status,tid", Some("tid")),
            ("by", "status,due_date", Some("due_date")),
            ("by", "due_date.year,uid", None),
            ("dates", "%d.%m.%Q %Q", Some("%Q")),
            ("dates", "%%Q %-d%:z%.3f %", Some("%")),
            ("dates", "%d %\u{e4}", Some("%\u{e4}")),
            ("dates", "%%Q%-d/%:z%.3f", None),
        ] {
            let wrong = WrongWord::find(list, variable);
            assert_eq!(wrong.map(|it| it.word), word, "{variable}={list}");
        }
        let suggested = |list| WrongWord::find(list, "order").unwrap().suggestion("order");
        assert_eq!(suggested("tid dsc"), Some("DESC"));
        assert_eq!(suggested("tid DESC cid"), None);
    }
}
