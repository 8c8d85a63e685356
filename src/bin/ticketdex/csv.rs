//! How the command reads CSV: the library's options, as arguments.

use clap::Args;
use ticketdex::chrono::{Datelike, NaiveDate, NaiveDateTime};
use ticketdex::{CsvOptions, CsvOthers, Error, ErrorKind, Field, FieldKind};

use crate::shell_word;

/// What helps where a column is no variable.
const COLUMNS_HINT: &str = "--map says what a column is, --others skip or custom what becomes of \
                            columns that are no variable, and --delimiter what stands between columns";

/// What helps where a record has no number.
const TID_HINT: &str = "the column of the ticket's number is tid, or what --map 'COLUMN=tid' says";

/// What helps where two columns of one name are one variable.
const SAME_HINT: &str =
    "--map cannot tell columns of one name apart, so rename one of them in the header";

/// What helps where two columns of different names are one variable.
const OTHER_HINT: &str = "--map makes one of them another variable or a custom field, like --map \
                          'COLUMN=custom_fields.NAME'";

/// What helps too where `--others custom` has made one of the two a custom field.
const SKIP_HINT: &str =
    "; or --others skip leaves out all that are neither mapped nor named like a variable";

/// What helps where the first line tells a spreadsheet what stands between columns.
const SEPARATOR_HINT: &str =
    "the first line, which begins with sep=, is for Excel alone: it must go";

/// The characters at which an error cuts a name.
const NAME_CHARS_MAX: usize = 100;

/// What stands between the columns of exports, with the argument of `--delimiter`.
const DELIMITERS: [(char, &str); 3] = [(';', ";"), ('\t', "tab"), ('|', "|")];

/// The most columns that are named where they are left out.
const COLUMNS_SHOWN_MAX: usize = 100;

/// How exports write days and times of day, those first that are meant where several fit.
const DAYS: [&str; 13] = [
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%b/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
];
const TIMES: [&str; 10] = [
    "",
    " %H:%M",
    " %H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %I:%M %p",
    "T%H:%M:%S%z",
    "T%H:%M:%SZ",
    " %H:%M:%S UTC",
    " %H:%M:%S %z",
];

/// How CSV is read.
#[derive(Args)]
pub(crate) struct CsvReading {
    /// CSV: what columns are, like 'Issue id=tid,Summary=subject'; may stand several times
    ///
    /// Each column of a list is named as the header names it, in any case, and mapped to an output
    /// variable or to custom_fields.NAME. A column that is not mapped is the variable of its name, if
    /// there is one; else --others says what becomes of it. Every column that is mapped must be there.
    #[arg(long, value_name = "COLUMN=VARIABLE,...", value_parser = parse_map)]
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
    /// The first pattern that fits a date reads it, and no other form is tried. A year of two digits is
    /// %y, not %Y. Without a pattern dates are read as in a request, 2/1/2014 as the first of February.
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

    /// Returns which arguments may help where CSV is not read for an error; empty is none.
    pub(crate) fn hint(&self, error: &Error) -> String {
        match error.kind() {
            ErrorKind::UnknownVariable { variable, .. } => self.column_hint(variable),
            ErrorKind::InvalidTicket { tid: None, .. } => TID_HINT.to_owned(),
            ErrorKind::DuplicateColumn {
                variable,
                first: (_, first),
                second: (_, second),
            } => self.duplicate_hint(variable, first, second),
            // What is wrong before the first record is the header.
            ErrorKind::InvalidSyntax { detail, .. }
                if error.position().is_some_and(|it| it.record == 0) =>
            {
                let first_column = detail.split('"').find(|part| is_separator_line(part));
                let hint = first_column.map(|name| self.separator_hint(name));
                hint.or_else(|| self.delimiter_hint(detail))
                    .unwrap_or_default()
            }
            ErrorKind::InvalidValue {
                variable, value, ..
            } if is_date(variable) => dates_hint(&self.dates, value),
            _ => String::new(),
        }
    }

    /// Returns what helps where a column is no variable.
    fn column_hint(&self, name: &str) -> String {
        if is_separator_line(name) {
            return self.separator_hint(name);
        }
        if let Some(hint) = self.delimiter_hint(name) {
            return hint;
        }
        match self.others {
            Some(CsvOthers::Custom) if name.chars().count() >= NAME_CHARS_MAX => {
                "--map 'COLUMN=custom_fields.NAME', with the whole name of the column, gives it a name that \
                 it can have"
                    .to_owned()
            }
            Some(CsvOthers::Custom) => {
                let mapping = shell_word(&format!("{name}={}", variable_like(name)));
                format!("--map {mapping} gives it a name that it can have")
            }
            _ => COLUMNS_HINT.to_owned(),
        }
    }

    /// Returns what helps where two columns are one variable.
    fn duplicate_hint(&self, variable: &str, first: &str, second: &str) -> String {
        let is_same = first.eq_ignore_ascii_case(second);
        let hint = if is_same { SAME_HINT } else { OTHER_HINT };
        let is_custom = self.others == Some(CsvOthers::Custom) && is_of_custom_fields(variable);
        let is_other = |name: &str| {
            let mut mapped = self.map.iter().flat_map(|list| pairs(list));
            let is_mapped = mapped.any(|(own, _)| own.eq_ignore_ascii_case(name));
            !is_mapped && !is_of_custom_fields(name)
        };
        let can_skip = is_custom && (is_other(first) || is_other(second));
        let more = if can_skip { SKIP_HINT } else { "" };
        format!("{hint}{more}")
    }

    /// Returns how columns are told apart whose header may hold another delimiter.
    fn delimiter_hint(&self, header: &str) -> Option<String> {
        let (_, word) = DELIMITERS.iter().find(|(sign, _)| header.contains(*sign))?;
        let hint = format!("if columns are parted by {word}, it is --delimiter '{word}'");
        self.delimiter.is_none().then_some(hint)
    }

    /// Returns what becomes of the line in which a spreadsheet says what stands between columns.
    fn separator_hint(&self, name: &str) -> String {
        let other = DELIMITERS.iter().find(|(sign, _)| name.ends_with(*sign));
        match other.filter(|_| self.delimiter.is_none()) {
            Some((_, word)) => format!("{SEPARATOR_HINT}, and --delimiter '{word}' says the same"),
            None => SEPARATOR_HINT.to_owned(),
        }
    }

    /// Says which columns `--others skip` leaves out, and what helps where they are all in one.
    pub(crate) fn left_out(&self, columns: &[String]) -> String {
        let hint = match columns {
            [first, ..] if is_separator_line(first) => Some(self.separator_hint(first)),
            [only] => self.delimiter_hint(only),
            _ => None,
        };
        let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
        format!("{}{hint}", left_out(columns))
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

/// Returns the variable, or the custom field, whose name is like that of a column.
fn variable_like(column: &str) -> String {
    let is_letter = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let own: String = column
        .chars()
        .map(|c| if is_letter(&c) { c } else { '_' })
        .collect();
    let mut fields = Field::ALL.iter();
    if let Some(field) = fields.find(|field| field.name().eq_ignore_ascii_case(&own)) {
        return field.name().to_owned();
    }
    let needs_letter = own.is_empty() || own.starts_with(|c: char| c.is_ascii_digit());
    let letter = if needs_letter { "_" } else { "" };
    format!("custom_fields.{letter}{own}")
}

/// Returns whether the first column is the line in which a spreadsheet says what stands between columns.
fn is_separator_line(name: &str) -> bool {
    let start = name.get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case("sep=")) && name.chars().count() <= 5
}

/// Returns whether a name begins with the list of custom fields.
fn is_of_custom_fields(name: &str) -> bool {
    let list = name.split_once('.').map(|(list, _)| list);
    list.is_some_and(|list| list.eq_ignore_ascii_case(Field::CustomFields.name()))
}

/// Says which columns `--others skip` leaves out.
fn left_out(columns: &[String]) -> String {
    let named = columns.iter().take(COLUMNS_SHOWN_MAX);
    let named: Vec<String> = named.map(|name| format!("\"{name}\"")).collect();
    let more = match columns.len() - named.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let columns = if columns.len() == 1 {
        "column"
    } else {
        "columns"
    };
    format!(
        "--others skip leaves out the {columns} {}{more}",
        named.join(", ")
    )
}

/// Says how a date that is not CSV's, and which no argument reads, can be converted; empty where that is
/// not known.
pub(crate) fn conversion_hint(date: &str) -> String {
    let Some(pattern) = fitting(date) else {
        return String::new();
    };
    let Some(second) = read(&pattern, date) else {
        return String::new();
    };
    let as_read = if pattern.starts_with("%d/%m") {
        " where the day comes first".to_owned()
    } else {
        format!(" where it is written as '{pattern}'")
    };
    format!(
        "such a date must be converted first: this one is {second}{as_read}; --dates reads such dates \
         as they are, but only in CSV"
    )
}

pub(crate) fn is_date(variable: &str) -> bool {
    let is_it = |field: &Field| field.name() == variable && field.kind() == FieldKind::Date;
    Field::ALL.iter().any(is_it)
}

/// Says how a date that was not read could be.
fn dates_hint(patterns: &[String], date: &str) -> String {
    let given = patterns.iter().map(|pattern| format!(" '{pattern}'"));
    let given = match patterns {
        [] => "--dates says how dates are written".to_owned(),
        _ => format!("no pattern of --dates fits:{}", given.collect::<String>()),
    };
    match fitting(date) {
        Some(pattern) => {
            let other = pattern.replace("%d/%m", "%m/%d");
            let is_other = other != pattern && reads(&other, date);
            let month_first = if is_other {
                format!(", or '{other}' where the month comes first")
            } else {
                String::new()
            };
            format!("{given}; --dates '{pattern}' would read this one{month_first}")
        }
        None => format!("{given}; `ticketdex import --help` has an example"),
    }
}

/// Returns a pattern that reads a date.
fn fitting(date: &str) -> Option<String> {
    let times = |day| TIMES.into_iter().map(move |time| format!("{day}{time}"));
    let mut patterns = DAYS.into_iter().flat_map(times);
    patterns.find(|pattern| reads(pattern, date))
}

fn reads(pattern: &str, date: &str) -> bool {
    read(pattern, date).is_some()
}

fn read(pattern: &str, date: &str) -> Option<NaiveDateTime> {
    let second = NaiveDateTime::parse_from_str(date, pattern);
    let second = second.or_else(|_| {
        let day = NaiveDate::parse_from_str(date, pattern);
        day.map(NaiveDateTime::from)
    });
    // Two figures are the end of a year, not a year of antiquity.
    second.ok().filter(|second| second.year() >= 1000)
}

/// Reads the argument of `--map`, of which each column has its variable.
fn parse_map(list: &str) -> Result<String, String> {
    match pairs(list).iter().find(|(_, variable)| variable.is_empty()) {
        Some((column, _)) => Err(format!(
            "each is COLUMN=VARIABLE, and \"{column}\" has no variable"
        )),
        None => Ok(list.to_owned()),
    }
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

    #[test]
    fn a_pattern_is_found_for_the_dates_of_exports() {
        for (date, pattern) in [
            ("24.12.2014 10:00", Some("%d.%m.%Y %H:%M")),
            ("24.12.14", Some("%d.%m.%y")),
            ("03/04/2014 9:05", Some("%d/%m/%Y %H:%M")),
            ("12/24/2014 9:05 PM", Some("%m/%d/%Y %I:%M %p")),
            ("01/Feb/14 12:00 am", Some("%d/%b/%y %I:%M %p")),
            ("2014-02-01T10:00:00+0100", Some("%Y-%m-%dT%H:%M:%S%z")),
            ("2014-02-01T10:00:00Z", Some("%Y-%m-%dT%H:%M:%SZ")),
            ("2014-02-01 10:00:00 UTC", Some("%Y-%m-%d %H:%M:%S UTC")),
            ("Feb 1, 2014", Some("%b %d, %Y")),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(fitting(date).as_deref(), pattern, "{date}");
        }
        let hint = "--dates says how dates are written; --dates '%d/%m/%Y' would read this one";
        assert_eq!(dates_hint(&[], "24/12/2014"), hint);
        let both = format!("{hint}, or '%m/%d/%Y' where the month comes first");
        assert_eq!(dates_hint(&[], "03/04/2014"), both);
    }

    #[test]
    fn columns_are_named_as_variables_can_be() {
        for (column, variable) in [
            ("Issue key", "custom_fields.Issue_key"),
            ("2nd, floor", "custom_fields._2nd__floor"),
            ("Due Date", "due_date"),
            ("", "custom_fields._"),
        ] {
            assert_eq!(variable_like(column), variable);
        }
    }
}
