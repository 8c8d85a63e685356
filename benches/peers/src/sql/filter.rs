//! The filters of a request as conditions on rows of `tickets`.

use std::fmt;

use rusqlite::types::Value;
use ticketdex::{
    AnyField, FieldFilter, FieldKind, FieldTest, FilterValue, FilterValues, Query, TidFilter,
};

use super::{compared, custom, fold, is_list, seconds};

/// The fewest characters of a term that the trigram index can look up.
const TRIGRAM_CHARS: usize = 3;

/// The tables that a statement reads and the conditions on their rows.
pub(super) struct Source {
    pub(super) tables: &'static str,
    conditions: Vec<String>,
    /// Whether the trigrams alone say which tickets match, so that they lead.
    pub(super) is_searched: bool,
}

impl Source {
    /// Reads one more table, whose rows depend on the ticket's.
    pub(super) fn join(&self, table: &str) -> String {
        let clause = self.where_clause();
        format!("{}, {table}{clause}", self.tables)
    }

    /// Asks one more condition, whose values are bound behind the others.
    pub(super) fn and(mut self, condition: String) -> Source {
        self.conditions.push(condition);
        self
    }

    fn where_clause(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!(" WHERE {}", self.conditions.join(" AND "))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tables, self.where_clause())
    }
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

/// A condition, and the values to bind in it.
type Condition = (String, Vec<Value>);

/// The conjunction of a request's filters.
#[derive(Default)]
pub(super) struct Filter {
    conditions: Vec<String>,
    values: Vec<Value>,
    /// The terms that the trigram index can look up, as its query.
    phrases: Vec<String>,
}

impl Filter {
    pub(super) fn of(query: &Query) -> Filter {
        Filter::without(query, None)
    }

    /// Returns the conjunction of all filters but those on a field.
    pub(super) fn without(query: &Query, own: Option<&AnyField>) -> Filter {
        let mut filter = Filter::default();
        filter.tid(query.tid());
        let filters = query.filters().iter();
        for field_filter in filters.filter(|it| own.is_none_or(|own| !is_same(own, &it.field))) {
            let (condition, values) = test(field_filter);
            filter.all(&condition, values);
        }
        if let Some(version) = query.changed_since() {
            match stored(version) {
                Some(version) => filter.all("version > ?", [version]),
                None => filter.all("false", []),
            }
        }
        query.terms().iter().for_each(|term| filter.term(term));
        for term in query.excluded_terms() {
            let (tids, value) = match phrase(term) {
                Some(phrase) => (
                    "SELECT rowid FROM trigrams WHERE trigrams MATCH ?",
                    Value::Text(phrase),
                ),
                None => (
                    "SELECT tid FROM texts WHERE instr(text, ?) > 0",
                    Value::Text(fold(term)),
                ),
            };
            filter.all(&format!("tid NOT IN ({tids})"), [value]);
        }
        filter
    }

    fn all(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    fn tid(&mut self, tid: Option<&TidFilter>) {
        match tid {
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
    }

    fn term(&mut self, term: &str) {
        match phrase(term) {
            Some(phrase) => self.phrases.push(phrase),
            None => self.all(
                "tid IN (SELECT tid FROM texts WHERE instr(text, ?) > 0)",
                [Value::Text(fold(term))],
            ),
        }
    }

    /// Returns what to read: the trigrams first where nothing else is asked for.
    pub(super) fn into_source(mut self) -> (Source, Vec<Value>) {
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

/// Returns an integer as it is stored; none is above all that can be.
fn stored(integer: u64) -> Option<Value> {
    i64::try_from(integer).ok().map(Value::Integer)
}

/// Returns the query of the trigram index for a term; none where it cannot look it up: its terms
/// have three letters, and its query language ends at a NUL.
fn phrase(term: &str) -> Option<String> {
    let folded = fold(term);
    let is_served = folded.chars().count() >= TRIGRAM_CHARS && !folded.contains('\0');
    is_served.then(|| format!("\"{}\"", folded.replace('"', "\"\"")))
}

fn is_same(left: &AnyField, right: &AnyField) -> bool {
    match (left, right) {
        (AnyField::Custom(left), AnyField::Custom(right)) => left.eq_ignore_ascii_case(right),
        _ => left == right,
    }
}

/// Returns the expression that a field is compared by.
fn expression(field: &AnyField) -> String {
    match field {
        AnyField::Field(field) => compared(*field),
        AnyField::Custom(name) => format!("fold({})", custom(name)),
        other => unreachable!("{other:?} has no column"),
    }
}

fn test(filter: &FieldFilter) -> Condition {
    let field = &filter.field;
    match &filter.test {
        FieldTest::AnyOf(values) => equal(field, values),
        FieldTest::NoneOf(values) => {
            let (condition, values) = equal(field, values);
            (format!("({condition}) IS NOT TRUE"), values)
        }
        FieldTest::AtLeast(least) => at_least(&expression(field), least),
        FieldTest::AtMost(most) => at_most(&expression(field), most),
        FieldTest::Empty => (is_empty(field), Vec::new()),
        FieldTest::Present => (format!("NOT ({})", is_empty(field)), Vec::new()),
        other => unreachable!("{other:?} has no translation"),
    }
}

fn equal(field: &AnyField, values: &FilterValues) -> Condition {
    let name = expression(field);
    match values {
        FilterValues::Texts(texts) => {
            let texts_count = texts.len();
            let values = texts.iter().cloned().map(Value::Text).collect();
            let marks = vec!["fold(?)"; texts_count].join(", ");
            let condition = match field {
                AnyField::Field(list) if is_list(*list) => format!(
                    "EXISTS (SELECT 1 FROM json_each(elements({})) WHERE fold(value) IN ({marks}))",
                    list.name()
                ),
                _ if texts_count == 1 => format!("{name} = fold(?)"),
                _ => format!("{name} IN ({marks})"),
            };
            (condition, values)
        }
        FilterValues::Integers(integers) => {
            let values: Vec<Value> = integers.iter().copied().filter_map(stored).collect();
            let marks = vec!["?"; values.len()].join(", ");
            (format!("{name} IN ({marks})"), values)
        }
        FilterValues::Dates(moments) => {
            let days = vec![format!("{name} BETWEEN ? AND ?"); moments.len()].join(" OR ");
            let bounds = moments
                .iter()
                .flat_map(|moment| [moment.first_second(), moment.last_second()]);
            let bounds = bounds.map(|bound| Value::Integer(seconds(bound)));
            (format!("({days})"), bounds.collect())
        }
        other => unreachable!("{other:?} have no translation"),
    }
}

fn at_least(name: &str, least: &FilterValue) -> Condition {
    let value = match least {
        FilterValue::Text(text) => Some(Value::Text(fold(text))),
        FilterValue::Integer(integer) => stored(*integer),
        FilterValue::Date(moment) => Some(Value::Integer(seconds(moment.first_second()))),
        other => unreachable!("{other:?} has no translation"),
    };
    value.map_or_else(
        || ("false".to_owned(), Vec::new()),
        |value| (format!("{name} >= ?"), vec![value]),
    )
}

/// A text is at most another also where it begins with it.
fn at_most(name: &str, most: &FilterValue) -> Condition {
    let (operator, value) = match most {
        FilterValue::Text(text) => ("<", after_prefix(&fold(text)).map(Value::Text)),
        FilterValue::Integer(integer) => ("<=", stored(*integer)),
        FilterValue::Date(moment) => ("<=", Some(Value::Integer(seconds(moment.last_second())))),
        other => unreachable!("{other:?} has no translation"),
    };
    // Above all that can be stored an end is no limit, but no value is in no range.
    value.map_or_else(
        || (format!("{name} IS NOT NULL"), Vec::new()),
        |value| (format!("{name} {operator} ?"), vec![value]),
    )
}

fn is_empty(field: &AnyField) -> String {
    let AnyField::Field(field) = field else {
        return format!("{} = ''", expression(field));
    };
    let name = field.name();
    match field.kind() {
        FieldKind::CustomFields => {
            "NOT EXISTS (SELECT 1 FROM json_each(custom_fields) WHERE value <> '')".to_owned()
        }
        FieldKind::Integer => format!("{name} = 0"),
        FieldKind::OptionalInteger | FieldKind::Date => format!("{name} IS NULL"),
        _ if is_list(*field) => format!("elements({name}) = '[\"\"]'"),
        _ => format!("{name} = ''"),
    }
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
}
