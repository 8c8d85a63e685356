//! Values of requests that are taken from a ticket: words, dates, other spellings.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDateTime, TimeDelta};

use super::{PIECES, Random, SPACES, make_date};
use crate::{Cell, Field, Ticket, fold};

/// The name of a variable.
pub(super) type Name = Cow<'static, str>;

/// The variables of a request, with their decoded values.
pub(super) type Pairs = Vec<(Name, String)>;

/// Another spelling that folds to the same, where there is one.
pub(super) fn swap_case(text: &str) -> String {
    let upper: String = text.chars().map(|c| c.to_ascii_uppercase()).collect();
    let full: String = text.to_uppercase();
    if fold(&full) == fold(text) {
        full
    } else {
        upper
    }
}

/// Terms from inside the ticket's texts, mostly; some that fold, some from nowhere.
pub(super) fn make_keyword(random: &mut Random, target: &Ticket) -> String {
    let fields = [
        Field::CompanyName,
        Field::Contact,
        Field::Email,
        Field::Subject,
        Field::Summary,
    ];
    let mut keyword = String::new();
    for _ in 0..random.choose(&[1, 1, 2, 3]) {
        let text = match random.below(7) {
            at @ 0..5 => match target.cell(fields[at]) {
                Cell::Text(text) => text.to_owned(),
                _ => String::new(),
            },
            5 => target
                .custom_fields
                .first()
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
            _ if random.is_one_in(3) => random.pick(&PIECES).to_owned(),
            _ => target.subject.clone(),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let word = words[random.below(words.len())];
        let part = cut(random, word);
        keyword += &if random.is_one_in(3) {
            swap_case(&part)
        } else {
            part
        };
        keyword += random.pick(&SPACES);
    }
    keyword
}

/// Some chars from inside a text; from the start half of the time.
pub(super) fn cut(random: &mut Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return String::new();
    }
    let start = if random.is_one_in(2) {
        0
    } else {
        random.below(chars.len())
    };
    let end = start + 1 + random.below(chars.len() - start);
    chars[start..end].iter().collect()
}

pub(super) fn show_date(random: &mut Random, date: Option<NaiveDateTime>, sign: i64) -> String {
    let date = date.unwrap_or_else(|| make_date(random));
    let off = sign * random.choose(&[0, 0, 1, -1, 86_400]);
    let moved = date + TimeDelta::seconds(off);
    // A second before year 1 or after 9999 is no date of a request.
    let date = if (1..=9999).contains(&moved.year()) {
        moved
    } else {
        date
    };
    let (year, month, day) = (date.year(), date.month(), date.day());
    let time = date.time();
    match random.below(5) {
        0 => format!("{year:04}-{month:02}-{day:02}T{time:?}"),
        1 => format!("{year:04}-{month:02}-{day:02}"),
        2 => format!("{month:02}/{day:02}/{year:04}"),
        3 => format!("{month:02}/{day:02}/{year:04} {time:?}"),
        _ => format!("{year:04}-{month:02}-{day:02} {time:?}"),
    }
}
