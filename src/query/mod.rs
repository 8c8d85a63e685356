//! A request as typed data: filters, ranges, keyword, order, page.
//!
//! A [`Query`] can only be made valid, by [`QueryBuilder`] or by parsing, so whatever
//! takes one need not check it again and cannot fail. What its parts mean stands on [`Query`];
//! reading and printing the form-urlencoded text is [`parse`]'s part.
//! Nothing here knows how tickets are stored.
//!
//! # Invariants
//!
//! * `page` is there only with `count` and a `tid` that holds `*`.
//! * No list of values holds a value twice, a lone `*`, or an empty text; an order
//!   names no key twice, and nothing after `tid`, which decides alone.

mod parse;

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroU64;
use std::str::FromStr;

use chrono::NaiveDateTime;

use crate::model::error::{Error, ErrorKind, shorten};
use crate::model::value::Moment;
use crate::model::{Field, FieldKind, is_custom_name};

pub use parse::Request;

/// Which ticket numbers match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TidFilter {
    /// `*`: every ticket; what makes paging possible.
    Any,
    /// That ticket.
    Exact(u64),
    /// A pattern of digits and at least one `*` that stands for any run of digits.
    Pattern(TidPattern),
}

/// A pattern over the decimal form of ticket numbers: `12*`, `*7`, `1*5`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TidPattern(String);

impl TidPattern {
    /// The bytes of the longest pattern that can match: the 20 digits of the greatest
    /// number, and a star before, between and after them.
    const BYTES_MAX: usize = 41;

    /// Returns the pattern, runs of `*` made one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the decimal form of a ticket number matches.
    ///
    /// Cost: linear in the digits of the number, whatever the pattern's length.
    pub(crate) fn matches(&self, tid: u64) -> bool {
        // A pattern of more digits than any number has would cost its length each time.
        if self.0.len() > TidPattern::BYTES_MAX {
            return false;
        }
        let mut digits = itoa::Buffer::new();
        let mut rest = digits.format(tid);
        let mut pieces = self.0.split('*');
        // A pattern holds a star, so there is a piece before the first and one after the last.
        let Some(tail) = rest.strip_prefix(pieces.next().unwrap_or("")) else {
            return false;
        };
        rest = tail;
        let mut last = "";
        let mut between = pieces.peekable();
        while let Some(piece) = between.next() {
            if between.peek().is_none() {
                last = piece;
                break;
            }
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl TidFilter {
    /// Reads an integer, or a pattern of digits and `*`; none for anything else.
    ///
    /// ```
    /// use ticketdex::TidFilter;
    ///
    /// assert_eq!(TidFilter::parse("007"), Some(TidFilter::Exact(7)));
    /// assert_eq!(TidFilter::parse("**"), Some(TidFilter::Any));
    /// assert!(matches!(TidFilter::parse("1*5"), Some(TidFilter::Pattern(_))));
    /// assert_eq!(TidFilter::parse("-1"), None);
    /// ```
    pub fn parse(text: &str) -> Option<TidFilter> {
        if !text.contains('*') {
            return crate::model::value::parse_integer(text).map(TidFilter::Exact);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'*')
        {
            return None;
        }
        let mut pattern = String::with_capacity(text.len());
        for c in text.chars() {
            if !(c == '*' && pattern.ends_with('*')) {
                pattern.push(c);
            }
        }
        Some(match pattern.as_str() {
            "*" => TidFilter::Any,
            _ => TidFilter::Pattern(TidPattern(pattern)),
        })
    }
}

/// That ticket alone.
impl From<u64> for TidFilter {
    fn from(tid: u64) -> TidFilter {
        TidFilter::Exact(tid)
    }
}

/// Reads what [`TidFilter::parse`] does; anything else is
/// [`InvalidValue`](ErrorKind::InvalidValue).
///
/// ```
/// use ticketdex::TidFilter;
///
/// assert_eq!("34".parse::<TidFilter>()?, TidFilter::from(34));
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for TidFilter {
    type Err = Error;

    fn from_str(text: &str) -> Result<TidFilter, Error> {
        let filter = TidFilter::parse(text);
        filter.ok_or_else(|| invalid("tid", text, TID_EXPECTED).into())
    }
}

/// What an order compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SortKey {
    /// An output variable; never [`Field::CustomFields`].
    Field(Field),
    /// A custom field, by name in any ASCII case.
    Custom(String),
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
    values: [Vec<String>; Field::FILTERS.len()],
    due: Option<Moment>,
    terms: Vec<String>,
    start_tid: Option<u64>,
    end_tid: Option<u64>,
    start_cid: Option<String>,
    end_cid: Option<String>,
    start_date: Option<NaiveDateTime>,
    end_date: Option<NaiveDateTime>,
    count: Option<NonZeroU64>,
    page: Option<NonZeroU64>,
    count_only: bool,
    order: Vec<OrderKey>,
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

    /// Returns the values of which a field must equal one, folded; empty is any.
    ///
    /// Only the fields of [`Field::FILTERS`] can have some.
    pub fn values(&self, field: Field) -> &[String] {
        Field::FILTERS
            .iter()
            .position(|&filter| filter == field)
            .map_or(&[], |index| &self.values[index])
    }

    /// Returns the day or the second at which a ticket must be due.
    pub fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Returns the keyword's terms as given; each must occur, folded, in a searchable field.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// Returns the first and the last ticket number of the range, both inclusive.
    pub fn tid_range(&self) -> (Option<u64>, Option<u64>) {
        (self.start_tid, self.end_tid)
    }

    /// Returns the bounds of `start_cid` and `end_cid` as given.
    pub fn cid_range(&self) -> (Option<&str>, Option<&str>) {
        (self.start_cid.as_deref(), self.end_cid.as_deref())
    }

    /// Returns the first and the last open date/time of the range, both inclusive.
    pub fn date_range(&self) -> (Option<NaiveDateTime>, Option<NaiveDateTime>) {
        (self.start_date, self.end_date)
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

/// Makes a [`Query`] from typed parts.
///
/// A part set again replaces what was set before, but for [`value`](Self::value) and
/// [`order`](Self::order), which add. What cannot be asked for is an error of
/// [`build`](Self::build), the same as when the request is parsed.
///
/// # Examples
///
/// ```
/// use ticketdex::{Direction, Field, Query, TidFilter};
///
/// let query = Query::builder()
///     .tid(TidFilter::Any)
///     .value(Field::Status, "Open")
///     .value(Field::Status, "On hold")
///     .order(Field::DateOpened, Direction::Descending)
///     .count(50)
///     .page(2)
///     .build()?;
/// assert_eq!(
///     query.to_string(),
///     "tid=*&status=Open&status=On+hold&count=50&page=2&order=date_opened+DESC"
/// );
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct QueryBuilder {
    query: Query,
    any_value: [bool; Field::FILTERS.len()],
    first_error: Option<Error>,
    count: Option<u64>,
    page: Option<u64>,
    /// The page as the request writes it.
    page_shown: Option<String>,
}

impl QueryBuilder {
    /// Limits to ticket numbers.
    #[must_use]
    pub fn tid(mut self, filter: impl Into<TidFilter>) -> QueryBuilder {
        self.query.tid = Some(filter.into());
        self
    }

    /// Adds a value that the field may equal; a lone `*` is any value, an empty one changes nothing.
    ///
    /// A field that is not of [`Field::FILTERS`] is an error of `build`.
    #[must_use]
    pub fn value(mut self, field: Field, value: impl Into<String>) -> QueryBuilder {
        let value = value.into();
        match Field::FILTERS.iter().position(|&filter| filter == field) {
            Some(index) => self.add_value(index, value),
            None => self.fail(
                field.name(),
                &value,
                "left out: no filter by value exists for it",
            ),
        }
        self
    }

    /// Adds a value by the index of its field in [`Field::FILTERS`].
    fn add_value(&mut self, index: usize, value: String) {
        if value == "*" {
            self.any_value[index] = true;
        } else if !value.is_empty() {
            self.query.values[index].push(value);
        }
    }

    /// Limits to tickets due on a day or at a second.
    #[must_use]
    pub fn due(mut self, due: impl Into<Moment>) -> QueryBuilder {
        self.query.due = Some(due.into());
        self
    }

    /// Limits to tickets that hold every white-space-separated term of the keyword.
    #[must_use]
    pub fn keyword(mut self, keyword: &str) -> QueryBuilder {
        self.query.terms = terms_of(keyword);
        self
    }

    /// Limits to ticket numbers from here on.
    #[must_use]
    pub fn start_tid(mut self, tid: u64) -> QueryBuilder {
        self.query.start_tid = Some(tid);
        self
    }

    /// Limits to ticket numbers up to here, inclusive.
    #[must_use]
    pub fn end_tid(mut self, tid: u64) -> QueryBuilder {
        self.query.end_tid = Some(tid);
        self
    }

    /// Limits to customer IDs at or after this one; an empty one is no limit.
    #[must_use]
    pub fn start_cid(mut self, cid: impl Into<String>) -> QueryBuilder {
        self.query.start_cid = Some(cid.into()).filter(|cid| !cid.is_empty());
        self
    }

    /// Limits to customer IDs before this one or starting with it; an empty one is no limit.
    #[must_use]
    pub fn end_cid(mut self, cid: impl Into<String>) -> QueryBuilder {
        self.query.end_cid = Some(cid.into()).filter(|cid| !cid.is_empty());
        self
    }

    /// Limits to tickets opened at or after the first second of this moment.
    #[must_use]
    pub fn start_date(mut self, date: impl Into<Moment>) -> QueryBuilder {
        self.query.start_date = Some(date.into().first_second());
        self
    }

    /// Limits to tickets opened at or before the last second of this moment.
    #[must_use]
    pub fn end_date(mut self, date: impl Into<Moment>) -> QueryBuilder {
        self.query.end_date = Some(date.into().last_second());
        self
    }

    /// Limits the records returned; 1 or more.
    #[must_use]
    pub fn count(mut self, count: u64) -> QueryBuilder {
        self.count = Some(count);
        self
    }

    /// Asks for one page of `count` records; 1 or more.
    #[must_use]
    pub fn page(mut self, page: u64) -> QueryBuilder {
        self.page = Some(page);
        self.page_shown = None;
        self
    }

    /// Asks for the number of matching tickets only.
    #[must_use]
    pub fn count_only(mut self, count_only: bool) -> QueryBuilder {
        self.query.count_only = count_only;
        self
    }

    /// Adds a key to the order; one that is named already changes nothing.
    #[must_use]
    pub fn order(mut self, key: impl Into<SortKey>, direction: Direction) -> QueryBuilder {
        self.add_key(key.into(), direction);
        self
    }

    fn add_key(&mut self, key: SortKey, direction: Direction) {
        match &key {
            SortKey::Custom(name) if !is_custom_name(name) => {
                let name = format!("custom_fields.{name}");
                self.fail("order", &name, ORDER_EXPECTED);
            }
            SortKey::Field(field) if field.kind() == FieldKind::CustomFields => {
                self.fail("order", field.name(), ORDER_EXPECTED);
            }
            _ => self.query.order.push(OrderKey { key, direction }),
        }
    }

    /// Returns the query, or the first error in the order of the calls.
    ///
    /// The errors are [`ErrorKind::InvalidValue`], then [`ErrorKind::PageNeedsCount`] and
    /// [`ErrorKind::PageNeedsWildcard`].
    pub fn build(mut self) -> Result<Query, Error> {
        self.finish()?;
        Ok(self.query)
    }

    /// Makes the query what [`build`](Self::build) returns, where it is: it is long to move.
    fn finish(&mut self) -> Result<(), Error> {
        if let Some(error) = self.first_error.take() {
            return Err(error);
        }
        for (values, any) in self.query.values.iter_mut().zip(self.any_value) {
            if any {
                values.clear();
            }
            retain_first(values, String::clone);
        }
        retain_first(&mut self.query.terms, String::clone);
        // Tid decides, so what comes after it orders nothing.
        let mut keys = self.query.order.iter();
        if let Some(tid_at) = keys.position(|it| it.key == SortKey::Field(Field::Tid)) {
            self.query.order.truncate(tid_at + 1);
        }
        retain_first(&mut self.query.order, |it| match &it.key {
            SortKey::Custom(name) => SortKey::Custom(name.to_ascii_lowercase()),
            SortKey::Field(_) => it.key.clone(),
        });
        // Ascending tid is what no order means; one spelling keeps equal queries equal.
        if self.query.order.first().is_some_and(|first| {
            first.key == SortKey::Field(Field::Tid) && first.direction == Direction::Ascending
        }) {
            self.query.order.clear();
        }
        self.query.count = positive("count", self.count)?;
        self.query.page = positive("page", self.page)?;
        if let Some(page) = self.query.page() {
            let page = self.page_shown.take().unwrap_or_else(|| page.to_string());
            if self.query.count.is_none() {
                return Err(ErrorKind::PageNeedsCount { page }.into());
            }
            if matches!(self.query.tid, None | Some(TidFilter::Exact(_))) {
                return Err(ErrorKind::PageNeedsWildcard { page }.into());
            }
        }
        Ok(())
    }

    fn fail(&mut self, variable: &str, value: &str, expected: &'static str) {
        self.first_error
            .get_or_insert_with(|| invalid(variable, value, expected).into());
    }
}

/// Returns the terms of a keyword: what is between its white space.
fn terms_of(keyword: &str) -> Vec<String> {
    let terms = keyword.split(char::is_whitespace);
    let terms = terms.filter(|term| !term.is_empty());
    terms.map(str::to_owned).collect()
}

/// Removes what has the key of one before.
fn retain_first<T, K: Eq + Hash>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    if items.len() > 1 {
        let mut seen = HashSet::new();
        items.retain(|item| seen.insert(key(item)));
    }
}

const ORDER_EXPECTED: &str = "a list of output variables or custom_fields.NAME, each with an \
    optional ASC or DESC, parted by commas";
const TID_EXPECTED: &str = "a ticket number, or a pattern of digits and *";
const POSITIVE_EXPECTED: &str = "an integer from 1 to 18446744073709551615";

fn invalid(variable: &str, value: &str, expected: &'static str) -> ErrorKind {
    ErrorKind::InvalidValue {
        variable: variable.to_owned(),
        value: shorten(value),
        expected,
    }
}

fn positive(variable: &str, value: Option<u64>) -> Result<Option<NonZeroU64>, Error> {
    value
        .map(|value| {
            NonZeroU64::new(value)
                .ok_or_else(|| invalid(variable, &value.to_string(), POSITIVE_EXPECTED).into())
        })
        .transpose()
}
