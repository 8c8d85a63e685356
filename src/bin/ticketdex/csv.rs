//! How the command reads CSV: the library's options, as arguments.

use clap::Args;
use ticketdex::{CsvOptions, CsvOthers, Error};

/// How CSV is read.
#[derive(Args)]
pub(crate) struct CsvReading {
    /// CSV: what columns are, like 'Issue id=tid,Summary=subject'; may stand several times
    ///
    /// Each column of a list is named as the header names it, in any case, and mapped to an output
    /// variable or to custom_fields.NAME. A column that is not mapped is the variable of its name, if
    /// there is one; else --others says what becomes of it. Every column that is mapped must be there.
    #[arg(long, value_name = "COLUMN=VARIABLE,...")]
    map: Vec<String>,

    /// CSV: what becomes of columns that are neither mapped nor named like a variable: error (unless
    /// given), skip, or custom, which makes each the custom field of its name
    ///
    /// The name of a custom field has no blanks, so that a column such as Due Date needs --map
    /// 'Due Date=custom_fields.Due_Date'.
    #[arg(long, value_name = "WHAT", value_parser = parse_others)]
    others: Option<CsvOthers>,

    /// CSV: how dates are written, like '%d/%m/%Y %H:%M'; may stand several times
    ///
    /// The first pattern that fits a date reads it, and no other form is tried. Without a pattern
    /// dates are read as in a request, 2/1/2014 as the first of February.
    #[arg(long, value_name = "PATTERN")]
    dates: Vec<String>,

    /// CSV: what stands between two values, one character or the word tab; a comma unless given
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<char>,
}

impl CsvReading {
    /// Returns whether any argument says how CSV is read.
    pub(crate) fn is_given(&self) -> bool {
        !self.map.is_empty()
            || self.others.is_some()
            || !self.dates.is_empty()
            || self.delimiter.is_some()
    }

    /// Returns what the arguments say.
    pub(crate) fn options(&self) -> Result<CsvOptions, Error> {
        let mut options = CsvOptions::new();
        for list in &self.map {
            for (column, variable) in pairs(list) {
                options = options.map(column, variable)?;
            }
        }
        for pattern in &self.dates {
            options = options.dates(pattern)?;
        }
        if let Some(delimiter) = self.delimiter {
            options = options.delimiter(delimiter)?;
        }
        Ok(options.others(self.others.unwrap_or_default()))
    }
}

/// Returns the columns of a list with their variables.
///
/// A column may hold a comma, but no variable does: what has no `=` is the start of a column.
fn pairs(list: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut start = 0;
    let commas = list.match_indices(',').map(|(at, _)| at);
    for end in commas.chain([list.len()]) {
        let pair = &list[start..end];
        if let Some(pair) = pair.rsplit_once('=') {
            pairs.push(pair);
            start = end + 1;
        }
    }
    if start < list.len() {
        pairs.push((&list[start..], ""));
    }
    pairs
}

fn parse_others(word: &str) -> Result<CsvOthers, String> {
    match word.to_ascii_lowercase().as_str() {
        "custom" => Ok(CsvOthers::Custom),
        "skip" => Ok(CsvOthers::Skip),
        "error" => Ok(CsvOthers::Error),
        _ => Err("it is custom, skip or error".to_owned()),
    }
}

fn parse_delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        _ if text.eq_ignore_ascii_case("tab") => Ok('\t'),
        (Some(delimiter), None) => Ok(delimiter),
        _ => Err("it is one character or the word tab".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_hold_what_parts_them() {
        for (list, expected) in [
            ("a=tid", &[("a", "tid")][..]),
            ("a b=tid,c=d=cid", &[("a b", "tid"), ("c=d", "cid")]),
            (
                "Team, all=group,x=tid",
                &[("Team, all", "group"), ("x", "tid")],
            ),
            ("a=tid,b", &[("a", "tid"), ("b", "")]),
            ("a=tid,", &[("a", "tid")]),
            ("", &[]),
        ] {
            assert_eq!(pairs(list), expected, "{list}");
        }
    }
}
