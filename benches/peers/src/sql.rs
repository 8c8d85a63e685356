//! A request as SQL: spec section 3, said a second time and in another language.
//!
//! [`count`] and [`page`] translate a [`Query`] for the schema that [`schema`] makes. It
//! is the statement that the SQLite peer is timed with, and a second opinion on what a
//! request means: it shares the request type and the field table with the engine and the
//! reference, and nothing of how they evaluate. Folding is the function `fold`, which the
//! connection must have registered.
//!
//! # Invariants
//!
//! * Every value of a request is bound as a parameter, so that the text of a statement
//!   depends on the request's form alone and is prepared once.
//! * Ticket numbers up to 2^63 − 1 can be stored; bounds above that are understood.

use std::fmt;

use chrono::NaiveDateTime;
use rusqlite::types::Value;
use ticketdex::{Direction, Field, FieldKind, Query, SortKey, TidFilter};

/// The text fields that have a folded column of their own, since indexes are on them.
pub const FOLDED: [Field; 10] = [
    Field::Cid,
    Field::CompanyName,
    Field::Source,
    Field::Category,
    Field::SubCategory,
    Field::Status,
    Field::Priority,
    Field::EscalationLevel,
    Field::AssignedTech,
    Field::AssignedGroupName,
];

/// The indexes, made after the tickets are in: by what requests filter and order by.
pub const INDEXES: [&str; 15] = [
    "folded_status, date_opened",
    "folded_status, last_updated",
    "folded_status, folded_priority, folded_category, folded_assigned_group_name",
    "folded_priority, date_opened",
    "folded_category, folded_sub_category",
    "folded_sub_category",
    "folded_source",
    "folded_escalation_level",
    "folded_assigned_tech, folded_status",
    "folded_assigned_group_name, folded_status",
    "folded_cid, date_opened",
    "folded_company_name",
    "date_opened",
    "last_updated",
    "due_date",
];

/// The fewest characters of a term that the trigram index can look up.
const TRIGRAM_CHARS: usize = 3;

/// A statement and the values to bind, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The text, with a `?` for each value.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

/// Returns the statements that make the tables: tickets, and their searchable text.
///
/// A ticket is a row of `tickets`: a column a variable, dates as seconds, custom fields as
/// a JSON object whose names are in lower case. `texts` holds the folded searchable text
/// and `trigrams` is its index.
pub fn schema() -> String {
    let mut columns: Vec<String> = Field::ALL.into_iter().map(column).collect();
    let folded = FOLDED.iter().map(|field| {
        let name = field.name();
        format!("folded_{name} TEXT NOT NULL GENERATED ALWAYS AS (fold({name})) STORED")
    });
    columns.extend(folded);
    format!(
        "CREATE TABLE tickets ({});
        CREATE TABLE texts (tid INTEGER PRIMARY KEY, text TEXT NOT NULL);
        CREATE VIRTUAL TABLE trigrams USING fts5(
            text, content='texts', content_rowid='tid', tokenize='trigram case_sensitive 1');",
        columns.join(", ")
    )
}

/// Returns the statements that make the indexes and gather the planner's statistics.
pub fn indexes() -> String {
    let indexes = INDEXES
        .iter()
        .enumerate()
        .map(|(number, columns)| format!("CREATE INDEX by_{number} ON tickets ({columns});\n"));
    indexes.collect::<String>() + "ANALYZE;"
}

fn column(field: Field) -> String {
    let kind = match field.kind() {
        _ if field == Field::Tid => "INTEGER PRIMARY KEY",
        FieldKind::Integer => "INTEGER NOT NULL",
        FieldKind::OptionalInteger | FieldKind::Date => "INTEGER",
        _ => "TEXT NOT NULL",
    };
    format!("{} {kind}", field.name())
}

/// Returns the statement for the number of matching tickets.
pub fn count(query: &Query) -> Statement {
    let (mut source, values) = Filter::of(query).into_source();
    if source.is_searched {
        source.tables = "trigrams";
    }
    let text = format!("SELECT count(*) FROM {source}");
    Statement { text, values }
}

/// Returns the statement for the page, with the columns given.
pub fn page(query: &Query, columns: &str) -> Statement {
    let (source, mut values) = Filter::of(query).into_source();
    let keys = query.order().iter().map(|key| {
        let expression = match &key.key {
            SortKey::Field(field) => compared(*field),
            SortKey::Custom(name) => format!(
                "fold(coalesce(custom_fields ->> '$.\"{}\"', ''))",
                name.to_ascii_lowercase()
            ),
            other => unreachable!("{other:?} is no key of an order"),
        };
        match key.direction {
            Direction::Ascending => expression,
            Direction::Descending => format!("{expression} DESC"),
        }
    });
    let tid = if source.is_searched {
        "trigrams.rowid"
    } else {
        "tid"
    };
    let keys: Vec<String> = keys.chain([tid.to_owned()]).collect();
    let (skip, take) = query.window();
    values.extend([take, skip].map(|rows| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))));
    let keys = keys.join(", ");
    let text = format!("SELECT {columns} FROM {source} ORDER BY {keys} LIMIT ? OFFSET ?");
    Statement { text, values }
}

/// The tables that a statement reads and the conditions on their rows.
struct Source {
    tables: &'static str,
    conditions: Vec<String>,
    /// Whether the trigrams alone say which tickets match, so that they lead.
    is_searched: bool,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tables)?;
        if self.conditions.is_empty() {
            return Ok(());
        }
        write!(f, " WHERE {}", self.conditions.join(" AND "))
    }
}

/// Returns the expression that filters and orders compare a field by.
fn compared(field: Field) -> String {
    let name = field.name();
    match field.kind() {
        _ if FOLDED.contains(&field) => format!("folded_{name}"),
        FieldKind::Text | FieldKind::Identifier | FieldKind::Flag => format!("fold({name})"),
        _ => name.to_owned(),
    }
}

/// Returns a date/time as it is stored.
pub fn seconds(date: NaiveDateTime) -> i64 {
    date.and_utc().timestamp()
}

/// The conjunction of a request's filters.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<Value>,
    /// The terms that the trigram index can look up, as its query.
    phrases: Vec<String>,
}

impl Filter {
    fn of(query: &Query) -> Filter {
        let mut filter = Filter::default();
        filter.tid(query);
        for field in Field::FILTERS {
            let texts = query.values(field);
            if !texts.is_empty() {
                let column = compared(field);
                let condition = match texts.len() {
                    1 => format!("{column} = fold(?)"),
                    count => format!("{column} IN ({})", vec!["fold(?)"; count].join(", ")),
                };
                filter.all(&condition, texts.iter().cloned().map(Value::Text));
            }
        }
        if let Some(due) = query.due() {
            let bounds = [due.first_second(), due.last_second()].map(seconds);
            filter.all("due_date BETWEEN ? AND ?", bounds.map(Value::Integer));
        }
        filter.cids(query);
        let (start, end) = query.date_range();
        for (condition, date) in [("date_opened >= ?", start), ("date_opened <= ?", end)] {
            filter.all_some(condition, date.map(|date| Value::Integer(seconds(date))));
        }
        query.terms().iter().for_each(|term| filter.term(term));
        filter
    }

    fn all(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    fn all_some(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.all(condition, [value]);
        }
    }

    fn tid(&mut self, query: &Query) {
        let stored = |tid: u64| i64::try_from(tid).ok().map(Value::Integer);
        match query.tid() {
            None | Some(TidFilter::Any) => {}
            Some(TidFilter::Exact(tid)) => match stored(*tid) {
                Some(tid) => self.all("tid = ?", [tid]),
                None => self.all("false", []),
            },
            // A pattern is digits and stars, and GLOB gives a star the same meaning.
            Some(TidFilter::Pattern(pattern)) => self.all(
                "CAST(tid AS TEXT) GLOB ?",
                [Value::Text(pattern.as_str().to_owned())],
            ),
            Some(other) => unreachable!("{other:?} has no translation"),
        }
        let (start, end) = query.tid_range();
        match start.map(stored) {
            Some(None) => self.all("false", []),
            start => self.all_some("tid >= ?", start.flatten()),
        }
        // Above every tid that can be stored an end is no limit.
        self.all_some("tid <= ?", end.and_then(stored));
    }

    fn cids(&mut self, query: &Query) {
        let (start, end) = query.cid_range();
        let text = |text: &str| Value::Text(fold(text));
        self.all_some("folded_cid >= ?", start.map(text));
        let after = end.and_then(|end| after_prefix(&fold(end)));
        self.all_some("folded_cid < ?", after.map(Value::Text));
    }

    fn term(&mut self, term: &str) {
        let folded = fold(term);
        // The query language of the index ends at a NUL.
        if folded.chars().count() >= TRIGRAM_CHARS && !folded.contains('\0') {
            let phrase = format!("\"{}\"", folded.replace('"', "\"\""));
            self.phrases.push(phrase);
        } else {
            self.all(
                "tid IN (SELECT tid FROM texts WHERE instr(text, ?) > 0)",
                [Value::Text(folded)],
            );
        }
    }

    /// Returns what to read: the trigrams first where nothing else is asked for.
    fn into_source(mut self) -> (Source, Vec<Value>) {
        let is_searched = self.conditions.is_empty() && !self.phrases.is_empty();
        let phrases = Value::Text(self.phrases.join(" AND "));
        if is_searched {
            self.all("trigrams MATCH ?", [phrases]);
        } else if !self.phrases.is_empty() {
            self.all(
                "tid IN (SELECT rowid FROM trigrams WHERE trigrams MATCH ?)",
                [phrases],
            );
        }
        let tables = if is_searched {
            "trigrams JOIN tickets ON tickets.tid = trigrams.rowid"
        } else {
            "tickets"
        };
        let source = Source {
            tables,
            conditions: self.conditions,
            is_searched,
        };
        (source, self.values)
    }
}

/// Folds a text (spec section 2): each `char` lower-cased by itself.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Returns the least text above every text that starts with the prefix; none where all are.
///
/// A text is at most the prefix or starts with it exactly if it is below this one.
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range of chars steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_where_they_should() {
        assert_eq!(after_prefix("ab"), Some("ac".to_owned()));
        assert_eq!(after_prefix("\u{D7FF}"), Some("\u{E000}".to_owned()));
        assert_eq!(after_prefix("a\u{10FFFF}"), Some("b".to_owned()));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }

    #[test]
    fn a_statement_depends_on_the_form_of_a_request() {
        let statements = ["keyword=vpn&status=Open", "status=x&keyword=error"]
            .map(|request| page(&request.parse().unwrap(), "tid").text);
        assert_eq!(statements[0], statements[1]);
        assert_eq!(
            statements[0],
            "SELECT tid FROM tickets WHERE folded_status = fold(?) AND tid IN \
            (SELECT rowid FROM trigrams WHERE trigrams MATCH ?) ORDER BY tid LIMIT ? OFFSET ?"
        );
    }
}
