//! A request as SQL: what requests mean, said a second time and in another language.
//!
//! [`count`] and [`page`] translate a [`Query`] for the schema that [`schema`] makes, [`groups`] a
//! key of a [`CountQuery`](ticketdex::CountQuery). These are the statements that the SQLite peer is
//! timed with, and a second opinion on what a request means: they share the request types and the
//! field table with the engine and the reference, and nothing of how they evaluate. The connection
//! must have the functions [`fold`] and [`elements`] registered.
//!
//! # Invariants
//!
//! * Every value of a request is bound as a parameter, so that the text of a statement
//!   depends on the request's form alone and is prepared once.
//! * Ticket numbers up to 2^63 − 1 can be stored; bounds above that are understood.

mod counts;
mod filter;

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use rusqlite::types::Value;
use ticketdex::{Direction, Field, FieldKind, Query, SortKey};

pub use self::counts::groups;
use self::filter::Filter;
pub use self::filter::after_prefix;

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
    // The number of the commit that last wrote the ticket: a load is the first.
    columns.push("version INTEGER NOT NULL DEFAULT 1".to_owned());
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
    let keys = order_by(query, source.is_searched);
    let (skip, take) = query.window();
    values.extend([take, skip].map(|rows| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))));
    let text = format!("SELECT {columns} FROM {source} ORDER BY {keys} LIMIT ? OFFSET ?");
    Statement { text, values }
}

/// Returns the statement for the values that an order compares of a ticket, the tid last.
pub fn place_of(query: &Query, tid: u64) -> Statement {
    let keys = query.order().iter().map(|key| key_expression(&key.key));
    let keys: Vec<String> = keys.chain(["tid".to_owned()]).collect();
    let text = format!("SELECT {} FROM tickets WHERE tid = ?", keys.join(", "));
    let values = vec![Value::Integer(tid.cast_signed())];
    Statement { text, values }
}

/// Returns the statement for the page that follows a place, which has a value of every key: each
/// row is behind it in the first key, or equal in it and behind in the next, and so on.
pub fn page_after(query: &Query, columns: &str, place: Vec<Value>) -> Statement {
    let (source, mut values) = Filter::of(query).into_source();
    let tid = (tid_of(source.is_searched).to_owned(), Direction::Ascending);
    let keys = query.order().iter();
    let keys = keys.map(|key| (key_expression(&key.key), key.direction));
    let mut keys: Vec<(String, Direction)> = keys.chain([tid]).collect();
    // What is behind a place by tid has no other key.
    let end = keys.iter().position(|(expression, _)| expression == "tid");
    keys.truncate(end.map_or(keys.len(), |end| end + 1));
    let (mut behind, mut places) = (String::new(), Vec::new());
    for ((expression, direction), value) in keys.iter().zip(place).rev() {
        let sign = match direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        if behind.is_empty() {
            behind = format!("{expression} {sign} ?");
            places.push(value);
        } else {
            // The range comes first, so that an index is entered at the place.
            behind = format!("{expression} {sign}= ? AND ({expression} {sign} ? OR ({behind}))");
            places.splice(0..0, [value.clone(), value]);
        }
    }
    values.append(&mut places);
    let source = source.and(behind);
    let order = order_by(query, source.is_searched);
    values.push(Value::Integer(query.count().map_or(-1, u64::cast_signed)));
    let text = format!("SELECT {columns} FROM {source} ORDER BY {order} LIMIT ?");
    Statement { text, values }
}

fn order_by(query: &Query, is_searched: bool) -> String {
    let keys = query.order().iter().map(|key| {
        let expression = key_expression(&key.key);
        match key.direction {
            Direction::Ascending => expression,
            Direction::Descending => format!("{expression} DESC"),
        }
    });
    let keys: Vec<String> = keys.chain([tid_of(is_searched).to_owned()]).collect();
    keys.join(", ")
}

/// Returns the column of ticket numbers in the table that leads.
fn tid_of(is_searched: bool) -> &'static str {
    if is_searched { "trigrams.rowid" } else { "tid" }
}

fn key_expression(key: &SortKey) -> String {
    match key {
        SortKey::Field(field) => compared(*field),
        SortKey::Custom(name) => format!("fold({})", custom(name)),
        other => unreachable!("{other:?} is no key of an order"),
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

/// Returns the expression of a custom field's text.
fn custom(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    format!("coalesce(custom_fields ->> '$.\"{name}\"', '')")
}

/// Returns whether a field is a list of elements.
fn is_list(field: Field) -> bool {
    matches!(
        field,
        Field::LinkedAsset | Field::LinkedCalls | Field::LinkedDevices | Field::ChildrenTickets
    )
}

/// Folds a text: each `char` lower-cased by itself.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Returns the elements of a list as a JSON array: each folded value once, in the spelling that is
/// the least by code point; of no elements one empty text.
pub fn elements(list: &str) -> String {
    let elements = list
        .split(',')
        .map(|it| it.trim_matches(char::is_whitespace));
    let mut spellings = BTreeMap::new();
    for element in elements.filter(|element| !element.is_empty()) {
        let least = spellings.entry(fold(element)).or_insert(element);
        *least = element.min(least);
    }
    let mut spellings: Vec<&str> = spellings.into_values().collect();
    if spellings.is_empty() {
        spellings.push("");
    }
    serde_json::Value::from(spellings).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
