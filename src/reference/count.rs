//! Counting by value, the plain way: a map of folded values, and every ticket put into it.
//!
//! # Cost
//!
//! Every key looks at every ticket, and folds what it finds.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::filter::{elements, is_list};
use super::{Reference, custom, fold};
use crate::model::{Cell, DatePart, Field, FieldKind, Ticket};
use crate::query::{AnyField, CountKey, CountQuery};

/// What one key comes to.
pub(super) struct KeyCounts {
    /// As a response names it.
    pub(super) field: String,
    pub(super) is_url_encoded: bool,
    pub(super) distinct: u64,
    /// Values in plain text, with their counts, in the order of the response.
    pub(super) groups: Vec<(String, u64)>,
}

/// What groups compare by: integers and dates by themselves, texts folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    None,
    Integer(u64),
    Date(i32, u32, u32),
    Text(String),
}

impl Reference {
    /// Counts what matches by each key.
    pub(super) fn key_counts(&self, query: &CountQuery) -> Vec<KeyCounts> {
        let keys = query.keys().iter();
        keys.map(|key| self.count_key(query, key)).collect()
    }

    fn count_key(&self, query: &CountQuery, key: &CountKey) -> KeyCounts {
        // Of each value the spellings, and how many tickets have it.
        let mut groups: BTreeMap<Value, (Vec<String>, u64)> = BTreeMap::new();
        let counted = self.tickets().filter(|ticket| {
            self.matches_but(query.matching(), ticket, |field| {
                query.excludes_own() && is_own(field, key)
            })
        });
        for ticket in counted {
            let mut had: BTreeMap<Value, Vec<String>> = BTreeMap::new();
            for (value, shown) in values(ticket, key) {
                had.entry(value).or_default().push(shown);
            }
            for (value, mut shown) in had {
                let (spellings, count) = groups.entry(value).or_default();
                spellings.append(&mut shown);
                *count += 1;
            }
        }
        let distinct = groups.len() as u64;
        let is_by_value = match key {
            CountKey::Part(..) => true,
            CountKey::Field(field) => is_integer(*field),
            CountKey::Custom(_) => false,
        };
        let by_value = groups.into_values().enumerate();
        let mut groups: Vec<(usize, String, u64)> = by_value
            .map(|(at, (spellings, count))| {
                (at, spellings.into_iter().min().unwrap_or_default(), count)
            })
            .collect();
        // The highest counts, ties to the earlier value.
        groups.sort_by_key(|(at, _, count)| (u64::MAX - count, *at));
        if let Some(top) = query.top() {
            groups.truncate(usize::try_from(top).unwrap_or(usize::MAX));
        }
        if is_by_value {
            groups.sort_by_key(|(at, ..)| *at);
        }
        let groups = groups.into_iter().map(|(_, shown, count)| (shown, count));
        KeyCounts {
            field: self.shown_name(key),
            is_url_encoded: match key {
                CountKey::Field(field) => field.is_url_encoded(),
                CountKey::Part(..) => false,
                CountKey::Custom(_) => true,
            },
            distinct,
            groups: groups.collect(),
        }
    }

    fn shown_name(&self, key: &CountKey) -> String {
        match key {
            CountKey::Field(field) => field.name().to_owned(),
            CountKey::Part(field, part) => {
                let part = match part {
                    DatePart::Year => "year",
                    DatePart::Month => "month",
                    DatePart::Day => "day",
                };
                format!("{}.{part}", field.name())
            }
            CountKey::Custom(name) => {
                let mut known = self.custom_names().iter();
                let own = known.find(|known| known.eq_ignore_ascii_case(name));
                format!("custom_fields.{}", own.unwrap_or(name))
            }
        }
    }
}

fn is_integer(field: Field) -> bool {
    matches!(
        field.kind(),
        FieldKind::Integer | FieldKind::OptionalInteger
    )
}

/// Whether a filter's field is the one that a key counts.
fn is_own(field: &AnyField, key: &CountKey) -> bool {
    match (field, key) {
        (AnyField::Field(own), CountKey::Field(field) | CountKey::Part(field, _)) => own == field,
        (AnyField::Custom(own), CountKey::Custom(name)) => own.eq_ignore_ascii_case(name),
        _ => false,
    }
}

/// The values that a ticket has of a key, each with what is shown of it.
fn values(ticket: &Ticket, key: &CountKey) -> Vec<(Value, String)> {
    let text = |text: &str| vec![(Value::Text(fold(text)), text.to_owned())];
    let (field, part) = match key {
        CountKey::Custom(name) => return text(custom(ticket, name)),
        CountKey::Field(field) => (*field, None),
        CountKey::Part(field, part) => (*field, Some(*part)),
    };
    match (ticket.cell(field), part) {
        (Cell::Text(list), _) if is_list(&AnyField::Field(field)) => {
            let elements = elements(list);
            if elements.is_empty() {
                return text("");
            }
            elements.into_iter().flat_map(text).collect()
        }
        (Cell::Text(own), _) => text(own),
        (Cell::Integer(own) | Cell::OptionalInteger(Some(own)), _) => {
            vec![(Value::Integer(own), own.to_string())]
        }
        (Cell::Date(Some(date)), Some(part)) => {
            let (year, month, day) = (date.year(), date.month(), date.day());
            vec![match part {
                DatePart::Year => (Value::Date(year, 0, 0), format!("{year:04}")),
                DatePart::Month => (Value::Date(year, month, 0), format!("{year:04}-{month:02}")),
                DatePart::Day => (
                    Value::Date(year, month, day),
                    format!("{year:04}-{month:02}-{day:02}"),
                ),
            }]
        }
        _ => vec![(Value::None, String::new())],
    }
}
