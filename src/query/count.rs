//! Counting by value as typed data: the filters of a query, and the keys to count by.
//!
//! A [`CountQuery`] holds a [`Query`] of filters alone, so there is one algebra of filters and one
//! place that knows how they are read, printed and applied. What it adds are the keys, how many
//! groups of each are shown, and whether a key's own filters count for it.
//!
//! # Invariants
//!
//! * The query has neither an order nor a window nor a list of fields.
//! * No key comes twice, there are at most [`KEYS_MAX`], and each can be counted by.

use std::num::NonZeroU64;

use super::filter::AnyField;
use super::{BY_EXPECTED, Query, positive, retain_first};
use crate::model::error::{Error, invalid_value};
use crate::model::field_names::split_custom;
use crate::model::{DatePart, Field, FieldKind, is_custom_name};

/// The most keys that one request can count by.
pub(super) const KEYS_MAX: usize = 16;

/// What tickets are counted by: the value of a field, a part of a date, or a custom field.
///
/// # Examples
///
/// ```
/// use ticketdex::{CountKey, DatePart, Field};
///
/// let key = CountKey::Part(Field::DateOpened, DatePart::Month);
/// assert_eq!(CountKey::from_name("DATE_OPENED.month"), Some(key));
/// assert_eq!(CountKey::from_name("uid"), Some(Field::AssignedTech.into()));
/// // A date is counted by a part, and behind `custom_fields.` a dot belongs to the name.
/// assert_eq!(CountKey::from_name("date_opened"), None);
/// let custom = CountKey::Custom("Bought.year".into());
/// assert_eq!(CountKey::from_name("custom_fields.Bought.year"), Some(custom));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CountKey {
    /// The value of a text, an identifier, a flag or an integer, or each element of a list; not of
    /// `tid`, `subject`, `summary`, `custom_fields` or a date.
    Field(Field),
    /// A part of a date.
    Part(Field, DatePart),
    /// A custom field, by name in any ASCII case; one that no ticket has is empty everywhere.
    Custom(String),
}

impl CountKey {
    /// Returns the key of a name as a request's `by` has it, in any ASCII case; none for any other
    /// text.
    pub fn from_name(name: &str) -> Option<CountKey> {
        let key = if let Some(custom) = split_custom(name) {
            CountKey::Custom(custom.to_owned())
        } else if let Some((date, part)) = name.rsplit_once('.') {
            CountKey::Part(Field::from_name(date)?, DatePart::from_name(part)?)
        } else {
            CountKey::Field(Field::from_name(name)?)
        };
        key.is_valid().then_some(key)
    }

    /// Returns the field whose values are counted.
    pub fn field(&self) -> AnyField {
        match self {
            CountKey::Field(field) | CountKey::Part(field, _) => AnyField::Field(*field),
            CountKey::Custom(name) => AnyField::Custom(name.clone()),
        }
    }

    /// Returns whether tickets can be counted by the key.
    fn is_valid(&self) -> bool {
        match self {
            CountKey::Field(field) => field.is_counted(),
            CountKey::Part(field, _) => field.kind() == FieldKind::Date,
            CountKey::Custom(name) => is_custom_name(name),
        }
    }

    /// Reads a list of keys, parted by commas; none where one is bad or there are too many.
    ///
    /// A key that is named again changes nothing. Cost: linear in the list.
    pub(super) fn parse_list(list: &str) -> Option<Vec<CountKey>> {
        let names = list.split(',');
        let keys = names.map(|name| CountKey::from_name(name.trim_matches(char::is_whitespace)));
        distinct(keys.collect::<Option<Vec<CountKey>>>()?)
    }
}

/// Returns the keys without repeats; none where one is bad or there are too many.
fn distinct(mut keys: Vec<CountKey>) -> Option<Vec<CountKey>> {
    retain_first(&mut keys, |key| match key {
        CountKey::Custom(name) => CountKey::Custom(name.to_ascii_lowercase()),
        key => key.clone(),
    });
    let is_good = keys.len() <= KEYS_MAX && keys.iter().all(CountKey::is_valid);
    is_good.then_some(keys)
}

impl From<Field> for CountKey {
    fn from(field: Field) -> CountKey {
        CountKey::Field(field)
    }
}

impl From<(Field, DatePart)> for CountKey {
    fn from((field, part): (Field, DatePart)) -> CountKey {
        CountKey::Part(field, part)
    }
}

impl From<AnyField> for CountKey {
    fn from(field: AnyField) -> CountKey {
        match field {
            AnyField::Field(field) => CountKey::Field(field),
            AnyField::Custom(name) => CountKey::Custom(name),
        }
    }
}

/// The tickets that a request counts, and what it counts them by.
///
/// It is what `action=count_tickets` asks: of the tickets that match, how many there are, and how
/// many have each value of each key. [`Display`](std::fmt::Display) prints a canonical request that
/// parses back to an equal one.
///
#[doc = include_str!("counting.md")]
///
/// # Examples
///
/// ```
/// use ticketdex::{CountQuery, DatePart, Field, Query};
///
/// let parsed: CountQuery =
///     "action=count_tickets&status=Open&by=priority,date_opened.month&top=5".parse()?;
/// let built = CountQuery::builder()
///     .matching(Query::builder().value(Field::Status, "Open").build()?)
///     .by(Field::Priority)
///     .by((Field::DateOpened, DatePart::Month))
///     .top(5)
///     .build()?;
/// assert_eq!(parsed, built);
/// assert_eq!(parsed.to_string().parse::<CountQuery>()?, built);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CountQuery {
    matching: Query,
    keys: Vec<CountKey>,
    top: Option<NonZeroU64>,
    excludes_own: bool,
}

impl CountQuery {
    /// Starts a query that counts every ticket, by nothing.
    pub fn builder() -> CountQueryBuilder {
        CountQueryBuilder::default()
    }

    /// Returns the tickets that are counted: a query with filters and nothing else.
    pub fn matching(&self) -> &Query {
        &self.matching
    }

    /// Returns what is counted by, in the order in which it was asked for; at most 16 keys, none
    /// twice.
    pub fn keys(&self) -> &[CountKey] {
        &self.keys
    }

    /// Returns the most groups of each key to return, 1 or more; none is all.
    pub fn top(&self) -> Option<u64> {
        self.top.map(NonZeroU64::get)
    }

    /// Returns whether each key is counted without the filters on its own field.
    pub fn excludes_own(&self) -> bool {
        self.excludes_own
    }

    /// Returns the tickets that one key is counted among, where they are others than those that
    /// match.
    pub(crate) fn matching_for(&self, key: &CountKey) -> Option<Query> {
        let field = key.field();
        let has_own = || self.matching.filters().iter().any(|it| it.is_of(&field));
        (self.excludes_own && has_own()).then(|| self.matching.without(&field))
    }
}

/// Makes a [`CountQuery`] from typed parts.
///
/// A part set again replaces what was set before, but for keys, which add. What cannot be asked for
/// is an error of [`build`](Self::build), the same as when the request is parsed.
///
/// # Examples
///
/// ```
/// use ticketdex::{CountQuery, Field};
///
/// let query = CountQuery::builder().by(Field::Status).by(Field::AssignedTech).build()?;
/// assert_eq!(query.to_string(), "action=count_tickets&by=status%2Cassigned_tech");
/// assert!(CountQuery::builder().by(Field::Subject).build().is_err());
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CountQueryBuilder {
    pub(super) matching: Query,
    pub(super) keys: Vec<CountKey>,
    pub(super) top: Option<u64>,
    pub(super) excludes_own: bool,
}

impl CountQueryBuilder {
    /// Counts the tickets that match a query, whatever order, page or list of fields it has.
    #[must_use]
    pub fn matching(mut self, query: Query) -> CountQueryBuilder {
        self.matching = query;
        self
    }

    /// Adds a key to count by; one that is there already changes nothing.
    #[must_use]
    pub fn by(mut self, key: impl Into<CountKey>) -> CountQueryBuilder {
        self.keys.push(key.into());
        self
    }

    /// Limits each key to the groups with the highest counts; 1 or more.
    #[must_use]
    pub fn top(mut self, groups_count: u64) -> CountQueryBuilder {
        self.top = Some(groups_count);
        self
    }

    /// Sets whether each key is counted without the filters on its own field.
    #[must_use]
    pub fn exclude_own(mut self, excludes_own: bool) -> CountQueryBuilder {
        self.excludes_own = excludes_own;
        self
    }

    /// Returns the query, or an [`InvalidValue`](crate::ErrorKind::InvalidValue): of `by` where a
    /// key cannot be counted by or there are more than 16, then of `top` where it is 0.
    pub fn build(self) -> Result<CountQuery, Error> {
        let wrong = || {
            let keys: Vec<String> = self.keys.iter().map(CountKey::to_string).collect();
            invalid_value("by", &keys.join(","), BY_EXPECTED)
        };
        let keys = distinct(self.keys.clone()).ok_or_else(wrong)?;
        Ok(CountQuery {
            matching: self.matching.into_filters(),
            keys,
            top: positive("top", self.top)?,
            excludes_own: self.excludes_own,
        })
    }
}
