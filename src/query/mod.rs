//! A request as typed data: filters, ranges, keyword, order, page.
//!
//! A [`Query`] can only be made valid, by [`QueryBuilder`] or by parsing, so whatever
//! takes one need not check it again and cannot fail. What its parts mean stands on [`Query`];
//! [`filter`] is the algebra of its filters, and the form-urlencoded text is read by [`parse`] and
//! printed by [`mod@print`]. A [`CountQuery`] is such filters with what to count by. Nothing here knows how tickets are stored.
//!
//! # Invariants
//!
//! * `page` is there only with `count` and a `tid` that holds `*`.
//! * Of `page`, `after` and `before` one at most is there, and a cursor is one of the order.
//! * No list of values holds a value twice, a lone `*`, or an empty text; an order
//!   names no key twice, and nothing after `tid`, which decides alone.

mod builder;
mod count;
mod cursor;
mod fields;
mod filter;
mod parse;
mod print;
mod request;
mod tid;
mod variable;

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroU64;

use chrono::NaiveDateTime;
use smallvec::SmallVec;

use crate::model::error::{Error, invalid_value};
use crate::model::value::Moment;
use crate::model::{Field, is_custom_name};

pub use builder::QueryBuilder;
pub use count::{CountKey, CountQuery, CountQueryBuilder};
pub use cursor::Cursor;
pub use fields::Fields;
pub use filter::{AnyField, FieldFilter, FieldTest, FilterValue, FilterValues};
pub use request::{Action, Request};
pub use tid::{TidFilter, TidPattern};

pub(crate) use cursor::CursorValue;
use filter::FieldFilters;

/// What an order compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SortKey {
    /// An output variable; never [`Field::CustomFields`].
    Field(Field),
    /// A custom field, by name in any ASCII case.
    Custom(String),
}

impl SortKey {
    /// Returns the key of a name as a request's `order` has it, in any ASCII case; none for any other
    /// text.
    fn from_name(name: &str) -> Option<SortKey> {
        let key = match AnyField::from_name(name)? {
            AnyField::Field(field) => SortKey::Field(field),
            AnyField::Custom(name) => SortKey::Custom(name),
        };
        key.is_valid().then_some(key)
    }

    /// Returns whether an order can compare it.
    fn is_valid(&self) -> bool {
        match self {
            SortKey::Field(field) => *field != Field::CustomFields,
            SortKey::Custom(name) => is_custom_name(name),
        }
    }
}

impl From<Field> for SortKey {
    fn from(field: Field) -> SortKey {
        SortKey::Field(field)
    }
}

/// Up or down; none and empty come first ascending, last descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From the least value.
    #[default]
    Ascending,
    /// From the greatest value. Ties still go to the lower tid.
    Descending,
}

/// One key of an order, with its direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderKey {
    /// What is compared.
    pub key: SortKey,
    /// Up or down.
    pub direction: Direction,
}

/// The tickets that a request asks for, their order and the page of them.
///
/// Without any filter every ticket matches; all filters together are a conjunction.
/// [`Display`](std::fmt::Display) prints a canonical request that parses back to an
/// equal query.
///
#[doc = include_str!("grammar.md")]
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, Query};
///
/// let query: Query = "status=Open&order=tid+DESC".parse()?;
/// assert_eq!(query.values(Field::Status), ["Open"]);
/// assert_eq!(query.to_string().parse::<Query>()?, query);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    tid: Option<TidFilter>,
    /// In the order of their fields and tests.
    filters: FieldFilters,
    terms: Vec<String>,
    excluded_terms: Vec<String>,
    changed_since: Option<u64>,
    count: Option<NonZeroU64>,
    page: Option<NonZeroU64>,
    count_only: bool,
    order: Vec<OrderKey>,
    fields: Option<Fields>,
    after: Option<Box<Cursor>>,
    before: Option<Box<Cursor>>,
}

impl Query {
    /// Starts a query that matches every ticket.
    pub fn builder() -> QueryBuilder {
        QueryBuilder::default()
    }

    /// Returns which ticket numbers match; none is any.
    pub fn tid(&self) -> Option<&TidFilter> {
        self.tid.as_ref()
    }

    /// Returns the filters on fields, in the order of the fields; all of them must hold.
    ///
    /// The page's filters by value and its ranges are among them. The variable `tid` is not: see
    /// [`tid`](Self::tid); and neither are keywords: see [`terms`](Self::terms) and
    /// [`excluded_terms`](Self::excluded_terms); nor is [`changed_since`](Self::changed_since).
    ///
    /// ```
    /// use ticketdex::{Field, Query};
    ///
    /// let query: Query = "uid!=guest&start_date=2/1/2014&status=Open".parse()?;
    /// let fields: Vec<_> = query.filters().iter().filter_map(|it| it.field.field()).collect();
    /// assert_eq!(fields, [Field::DateOpened, Field::Status, Field::AssignedTech]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn filters(&self) -> &[FieldFilter] {
        &self.filters
    }

    /// Returns the query of the same tickets without an order, a window or a list of fields.
    fn into_filters(self) -> Query {
        Query {
            count: None,
            page: None,
            count_only: false,
            order: Vec::new(),
            fields: None,
            after: None,
            before: None,
            ..self
        }
    }

    /// Returns the query without the filters on a field.
    fn without(&self, field: &AnyField) -> Query {
        let mut query = self.clone();
        query.filters.retain(|filter| !filter.is_of(field));
        query
    }

    /// Returns the tests on one of the 38 fields.
    fn tests(&self, field: Field) -> impl Iterator<Item = &FieldTest> {
        let own = self.filters.iter();
        let own = own.filter(move |filter| filter.field == AnyField::Field(field));
        own.map(|filter| &filter.test)
    }

    /// Returns the bounds of a field, inclusive.
    fn range(&self, field: Field) -> (Option<&FilterValue>, Option<&FilterValue>) {
        let mut range = (None, None);
        for test in self.tests(field) {
            match test {
                FieldTest::AtLeast(least) => range.0 = Some(least),
                FieldTest::AtMost(most) => range.1 = Some(most),
                _ => {}
            }
        }
        range
    }

    /// Returns the texts of which a field must equal one, folded; empty is any.
    ///
    /// Of a list one of the elements must. A field of integers or dates has none here.
    pub fn values(&self, field: Field) -> &[String] {
        let mut texts = self.tests(field).filter_map(|test| match test {
            FieldTest::AnyOf(FilterValues::Texts(texts)) => Some(texts.as_slice()),
            _ => None,
        });
        texts.next().unwrap_or_default()
    }

    /// Returns the day or the second at which a ticket must be due.
    pub fn due(&self) -> Option<Moment> {
        let mut dates = self.tests(Field::DueDate).filter_map(|test| match test {
            FieldTest::AnyOf(FilterValues::Dates(dates)) => dates.first().copied(),
            _ => None,
        });
        dates.next()
    }

    /// Returns the keyword's terms as given; each must occur, folded, in a searchable field.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// Returns the terms as given of which none may occur, folded, in any searchable field.
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let query: Query = "keyword!=spam+test&keyword!=auto".parse()?;
    /// assert_eq!(query.excluded_terms(), ["spam", "test", "auto"]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn excluded_terms(&self) -> &[String] {
        &self.excluded_terms
    }

    /// Returns the number of a commit: a ticket must bear a greater one, that of the last commit that
    /// put or patched it.
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let query: Query = "changed_since=007".parse()?;
    /// assert_eq!(query.changed_since(), Some(7));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn changed_since(&self) -> Option<u64> {
        self.changed_since
    }

    /// Returns the first and the last ticket number of the range, both inclusive.
    pub fn tid_range(&self) -> (Option<u64>, Option<u64>) {
        let (least, most) = self.range(Field::Tid);
        let integer = |value: &FilterValue| match value {
            FilterValue::Integer(integer) => Some(*integer),
            _ => None,
        };
        (least.and_then(integer), most.and_then(integer))
    }

    /// Returns the bounds of `start_cid` and `end_cid` as given.
    pub fn cid_range(&self) -> (Option<&str>, Option<&str>) {
        let (least, most) = self.range(Field::Cid);
        (least.and_then(text_of), most.and_then(text_of))
    }

    /// Returns the first and the last open date/time of the range, both inclusive.
    pub fn date_range(&self) -> (Option<NaiveDateTime>, Option<NaiveDateTime>) {
        let (least, most) = self.range(Field::DateOpened);
        let second = |value: &FilterValue, is_last: bool| match value {
            FilterValue::Date(moment) if is_last => Some(moment.last_second()),
            FilterValue::Date(moment) => Some(moment.first_second()),
            _ => None,
        };
        let least = least.and_then(|value| second(value, false));
        (least, most.and_then(|value| second(value, true)))
    }

    /// Returns the variables that each record of a response shows; none is all of them.
    pub fn fields(&self) -> Option<&Fields> {
        self.fields.as_ref()
    }

    /// Returns the most records to return, or those of a page.
    pub fn count(&self) -> Option<u64> {
        self.count.map(NonZeroU64::get)
    }

    /// Returns the 1-based page.
    pub fn page(&self) -> Option<u64> {
        self.page.map(NonZeroU64::get)
    }

    /// Returns whether only the number of matching tickets is asked for.
    pub fn is_count_only(&self) -> bool {
        self.count_only
    }

    /// Returns the order's keys; empty is by tid. Ties go to the lower tid.
    pub fn order(&self) -> &[OrderKey] {
        &self.order
    }

    /// Returns the place in the order after which the records come.
    pub fn after(&self) -> Option<&Cursor> {
        self.after.as_deref()
    }

    /// Returns the place in the order before which the records come.
    pub fn before(&self) -> Option<&Cursor> {
        self.before.as_deref()
    }

    /// Returns the window on the order: how many records to skip and how many to take at most.
    ///
    /// Saturates, so that a page past every store's end is empty rather than wrong.
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let query: Query = "tid=*&count=50&page=3".parse()?;
    /// assert_eq!(query.window(), (100, 50));
    /// assert_eq!(Query::default().window(), (0, u64::MAX));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn window(&self) -> (u64, u64) {
        let count = self.count().unwrap_or(u64::MAX);
        let pages_before = self.page().map_or(0, |page| page - 1);
        (pages_before.saturating_mul(count), count)
    }
}

/// Returns the bound, if it is a text.
fn text_of(bound: &FilterValue) -> Option<&str> {
    match bound {
        FilterValue::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns the terms of a keyword: what is between its white space.
fn terms_of(keyword: &str) -> Vec<String> {
    let terms = keyword.split(char::is_whitespace);
    let terms = terms.filter(|term| !term.is_empty());
    terms.map(str::to_owned).collect()
}

/// Keeps the first item of each key.
fn retain_first<T, K: Eq + Hash>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    /// Up to this number of keys it is faster to compare them with each other than to hash them.
    const COMPARED_MAX: usize = 8;
    match items.len() {
        0 | 1 => {}
        2..=COMPARED_MAX => {
            let mut seen = SmallVec::<[K; COMPARED_MAX]>::new();
            items.retain(|item| {
                let key = key(item);
                let is_first = !seen.contains(&key);
                if is_first {
                    seen.push(key);
                }
                is_first
            });
        }
        _ => {
            let mut seen = HashSet::new();
            items.retain(|item| seen.insert(key(item)));
        }
    }
}

const ORDER_EXPECTED: &str = "a list of output variables, uid, group, escalation or \
    custom_fields.NAME, each with an optional ASC or DESC, parted by commas";
const INTEGER_EXPECTED: &str = "an integer from 0 to 18446744073709551615";
const DATE_EXPECTED: &str = "a date as M/D/YYYY or YYYY-MM-DD, or with a time as M/D/YYYY H:MM:SS, \
    M/D/YYYY H:MM:SS AM or YYYY-MM-DD HH:MM:SS, with or without :SS";
const UNEQUAL_EXPECTED: &str = "a text other than *, which every ticket would equal";
const FILTER_EXPECTED: &str = "left out: no filter by value exists for it";
const RANGE_EXPECTED: &str = "left out: only integers and dates have a range";
const LIST_EXPECTED: &str = "a list of output variables, uid, group, escalation or \
    custom_fields.NAME, parted by commas";
const LIST_BUT_TID_EXPECTED: &str = "a list of output variables, uid, group, escalation or \
    custom_fields.NAME, parted by commas, without tid";
const BY_EXPECTED: &str = "a list of at most 16 fields that have a filter by value, \
    custom_fields.NAME, or dates with .year, .month or .day, parted by commas";
const TID_EXPECTED: &str = "a ticket number, or a pattern of digits and *";
const POSITIVE_EXPECTED: &str = "an integer from 1 to 18446744073709551615";

fn positive(variable: &str, value: Option<u64>) -> Result<Option<NonZeroU64>, Error> {
    let checked = value.map(|value| {
        let positive = NonZeroU64::new(value);
        positive.ok_or_else(|| invalid_value(variable, &value.to_string(), POSITIVE_EXPECTED))
    });
    checked.transpose()
}
