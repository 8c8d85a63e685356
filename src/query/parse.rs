//! Requests as text: form-urlencoded in, typed out, and the canonical text back.
//!
//! Reading goes through the `form_urlencoded` crate, whose decoding is the rule of spec
//! section 3, and then through [`QueryBuilder`], so that a parsed
//! query obeys the same rules as a built one. The names of request variables come from
//! the field table and from [`NAMES`], which holds only what is no field.
//!
//! # Invariants
//!
//! * Of several errors the first in the request is reported; rules that join variables
//!   come last.
//! * What [`Display`](std::fmt::Display) prints parses back to an equal value, but for the key.
//! * A key stands in nothing that is printed: no `Display`, no `Debug`, no error.
//!
//! # Cost
//!
//! Linear in the request's length.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use form_urlencoded::byte_serialize;
use serde::{Serialize, Serializer};

use super::{
    Direction, ORDER_EXPECTED, OrderKey, POSITIVE_EXPECTED, Query, QueryBuilder, SortKey,
    TID_EXPECTED, TidFilter, invalid, terms_of,
};
use crate::model::error::{Error, ErrorKind, shorten};
use crate::model::value::{Moment, parse_integer, write_date};
use crate::model::{Field, FieldKind, Format, is_custom_name};

/// A request: a query, with what the caller handles itself.
///
/// The text of a request, its variables and their values are described on [`Query`].
///
/// [`Display`](std::fmt::Display) prints the canonical text without the key, so that a request
/// can stand in a log: what it prints parses back to an equal request that has no key. `Debug`
/// says that there is a key and not which.
///
/// # Examples
///
/// ```
/// use ticketdex::{Format, Request};
///
/// let request: Request = "?action=get_tickets&key=secret&format=JSON&tid=7".parse()?;
/// assert_eq!(request.key.as_deref(), Some("secret"));
/// assert_eq!(request.format, Some(Format::Json));
/// assert_eq!(request.to_string(), "format=json&tid=7");
/// assert!(!format!("{request:?}").contains("secret"));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// The tickets asked for.
    pub query: Query,
    /// The form of the response, where the request names one.
    pub format: Option<Format>,
    /// The API key, where the request has one.
    pub key: Option<String>,
}

/// A variable of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// One of the nine filters by value, by its index in [`Field::FILTERS`].
    Filter(usize),
    /// Any other, by its index in [`NAMES`].
    Single(Single),
}

/// A variable that may stand once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Single {
    Action,
    Key,
    Format,
    Tid,
    Keyword,
    DueDate,
    StartTid,
    EndTid,
    StartCid,
    EndCid,
    StartDate,
    EndDate,
    Count,
    Page,
    CountOnly,
    Order,
    OrderDirection,
}

/// The names of the variables that may stand once, by their discriminants.
const NAMES: [(&str, Single); 17] = [
    ("action", Single::Action),
    ("key", Single::Key),
    ("format", Single::Format),
    (Field::Tid.name(), Single::Tid),
    ("keyword", Single::Keyword),
    (Field::DueDate.name(), Single::DueDate),
    ("start_tid", Single::StartTid),
    ("end_tid", Single::EndTid),
    ("start_cid", Single::StartCid),
    ("end_cid", Single::EndCid),
    ("start_date", Single::StartDate),
    ("end_date", Single::EndDate),
    ("count", Single::Count),
    ("page", Single::Page),
    ("count_only", Single::CountOnly),
    ("order", Single::Order),
    ("order_direction", Single::OrderDirection),
];

const INTEGER_EXPECTED: &str = "an integer from 0 to 18446744073709551615";
const DATE_EXPECTED: &str = "a date like 2/1/2014 or 2014-02-01, optionally with a time like \
    10:42:43 AM or 22:42:43";
const DIRECTION_EXPECTED: &str = "ASC or DESC";

impl Variable {
    fn from_name(name: &str) -> Option<Variable> {
        let is_filter = |field: &Field| field.request_name().eq_ignore_ascii_case(name);
        if let Some(index) = Field::FILTERS.iter().position(is_filter) {
            return Some(Variable::Filter(index));
        }
        let single = NAMES.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        single.map(|&(_, single)| Variable::Single(single))
    }
}

impl Single {
    fn name(self) -> &'static str {
        NAMES[self as usize].0
    }
}

/// Returns the names that a request may use, as a list.
fn known_names() -> &'static str {
    static KNOWN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    KNOWN.get_or_init(|| {
        let filters = Field::FILTERS.into_iter().map(Field::request_name);
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).chain(filters).collect();
        names.join(", ")
    })
}

/// A request being read.
#[derive(Default)]
struct Reading {
    builder: QueryBuilder,
    seen: [bool; NAMES.len()],
    format: Option<Format>,
    key: Option<String>,
    /// The order's keys with the directions that they state themselves.
    order: Vec<(SortKey, Option<Direction>)>,
    direction: Option<Direction>,
}

impl Reading {
    fn pair(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(variable) = Variable::from_name(name) else {
            return Err(ErrorKind::UnknownVariable {
                variable: shorten(name),
                value: Some(shorten(value)),
                expected: known_names(),
            }
            .into());
        };
        if value.is_empty() {
            return Ok(());
        }
        match variable {
            Variable::Filter(index) => self.builder.add_value(index, value.to_owned()),
            Variable::Single(single) => {
                if std::mem::replace(&mut self.seen[single as usize], true) {
                    // An error is shown and logged, where a key has no place.
                    let shown = if single == Single::Key { "" } else { value };
                    return Err(ErrorKind::DuplicateVariable {
                        variable: single.name(),
                        value: shorten(shown),
                    }
                    .into());
                }
                self.single(single, value)
                    .map_err(|kind| Error::from(*kind))?;
            }
        }
        Ok(())
    }

    fn single(&mut self, single: Single, value: &str) -> Result<(), Box<ErrorKind>> {
        let fail = |expected| Box::new(invalid(single.name(), value, expected));
        let date = || Moment::parse(value).ok_or_else(|| fail(DATE_EXPECTED));
        let integer = || parse_integer(value).ok_or_else(|| fail(INTEGER_EXPECTED));
        let positive = || {
            parse_integer(value)
                .filter(|&n| n > 0)
                .ok_or_else(|| fail(POSITIVE_EXPECTED))
        };
        // What concerns the query alone is written into it; a builder is a long thing to move.
        let query = &mut self.builder.query;
        match single {
            Single::Action if value == "get_tickets" => {}
            Single::Action => return Err(fail("get_tickets")),
            Single::Key => self.key = Some(value.to_owned()),
            Single::Format => {
                let format = Format::from_name(value);
                self.format = Some(format.ok_or_else(|| fail("xml, json, delimited or csv"))?);
            }
            Single::Tid => {
                let filter = TidFilter::parse(value);
                query.tid = Some(filter.ok_or_else(|| fail(TID_EXPECTED))?);
            }
            Single::Keyword => query.terms = terms_of(value),
            Single::DueDate => query.due = Some(date()?),
            Single::StartTid => query.start_tid = Some(integer()?),
            Single::EndTid => query.end_tid = Some(integer()?),
            Single::StartCid => query.start_cid = Some(value.to_owned()),
            Single::EndCid => query.end_cid = Some(value.to_owned()),
            Single::StartDate => query.start_date = Some(date()?.first_second()),
            Single::EndDate => query.end_date = Some(date()?.last_second()),
            Single::Count => self.builder.count = Some(positive()?),
            Single::Page => {
                self.builder.page = Some(positive()?);
                self.builder.page_shown = Some(shorten(value));
            }
            Single::CountOnly => {
                query.count_only = value.eq_ignore_ascii_case("Y");
                if !query.count_only && !value.eq_ignore_ascii_case("N") {
                    return Err(fail("Y or N"));
                }
            }
            Single::Order => {
                self.order = parse_order(value).ok_or_else(|| fail(ORDER_EXPECTED))?;
            }
            Single::OrderDirection => {
                let direction = parse_direction(value);
                self.direction = Some(direction.ok_or_else(|| fail(DIRECTION_EXPECTED))?);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Request, Error> {
        let default = self.direction.unwrap_or_default();
        // Ascending tid is what no order means.
        if self.order.is_empty() && default == Direction::Descending {
            self.builder.add_key(SortKey::Field(Field::Tid), default);
        }
        for (key, direction) in self.order {
            self.builder.add_key(key, direction.unwrap_or(default));
        }
        self.builder.finish()?;
        Ok(Request {
            query: self.builder.query,
            format: self.format,
            key: self.key,
        })
    }
}

fn parse_direction(word: &str) -> Option<Direction> {
    if word.eq_ignore_ascii_case("ASC") {
        Some(Direction::Ascending)
    } else if word.eq_ignore_ascii_case("DESC") {
        Some(Direction::Descending)
    } else {
        None
    }
}

/// Reads a list of order keys, each with the direction that it states; none where one is bad.
fn parse_order(list: &str) -> Option<Vec<(SortKey, Option<Direction>)>> {
    list.split(',')
        .map(|item| {
            let mut words = item
                .split(char::is_whitespace)
                .filter(|word| !word.is_empty());
            let key = parse_sort_key(words.next()?)?;
            let direction = words.next().map(parse_direction);
            match (direction, words.next()) {
                (None, _) => Some((key, None)),
                (Some(Some(direction)), None) => Some((key, Some(direction))),
                _ => None,
            }
        })
        .collect()
}

fn parse_sort_key(word: &str) -> Option<SortKey> {
    const PREFIX: &str = "custom_fields.";
    if let Some((prefix, name)) = word.split_at_checked(PREFIX.len())
        && prefix.eq_ignore_ascii_case(PREFIX)
    {
        return is_custom_name(name).then(|| SortKey::Custom(name.to_owned()));
    }
    let field = Field::from_name(word)?;
    (field.kind() != FieldKind::CustomFields).then_some(SortKey::Field(field))
}

impl Request {
    /// Returns the format that a request names, also where the request has errors.
    ///
    /// So the response to a bad request comes in the format that its sender reads. None
    /// where there is no `format`, or a first one that is no format. Cost: linear in the
    /// request.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Format, Request};
    ///
    /// assert_eq!(Request::find_format("count=x&Format=JSON"), Some(Format::Json));
    /// assert_eq!(Request::find_format("format=yaml&format=json"), None);
    /// ```
    pub fn find_format(text: &str) -> Option<Format> {
        find_first(text, Single::Format).and_then(|value| Format::from_name(&value))
    }

    /// Returns the key that a request holds, also where the request has errors.
    ///
    /// So a service can turn away a sender before it looks at what was sent. The key is found and
    /// decoded as parsing does it: its name in any case and escaped or not, an empty one as none.
    /// Of several the first is returned; a request that has several is refused when it is parsed,
    /// so no other reading of it can be answered. Cost: linear in the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Request;
    ///
    /// assert_eq!(Request::find_key("count=x&%6Bey=your%20key+here").unwrap(), "your key here");
    /// assert_eq!(Request::find_key("key=&subkey=a&status=key%3Db"), None);
    /// ```
    pub fn find_key(text: &str) -> Option<Cow<'_, str>> {
        find_first(text, Single::Key)
    }
}

/// Returns the first value of a variable that is not empty.
fn find_first(text: &str, variable: Single) -> Option<Cow<'_, str>> {
    pairs(text)
        .find(|(name, value)| name.eq_ignore_ascii_case(variable.name()) && !value.is_empty())
        .map(|(_, value)| value)
}

/// Returns the decoded pairs of a request.
fn pairs(text: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(text.strip_prefix('?').unwrap_or(text).as_bytes())
}

impl FromStr for Request {
    type Err = Error;

    /// Reads an `application/x-www-form-urlencoded` request, as [`Query`] describes it.
    ///
    /// # Errors
    ///
    /// The first in the request: [`ErrorKind::UnknownVariable`],
    /// [`ErrorKind::DuplicateVariable`] or [`ErrorKind::InvalidValue`]; then
    /// [`ErrorKind::PageNeedsCount`] and [`ErrorKind::PageNeedsWildcard`].
    fn from_str(text: &str) -> Result<Request, Error> {
        let mut reading = Reading::default();
        for (name, value) in pairs(text) {
            reading.pair(&name, &value)?;
        }
        reading.finish()
    }
}

impl FromStr for Query {
    type Err = Error;

    /// Reads a request and keeps its query: a `format` and a `key` are checked and dropped.
    fn from_str(text: &str) -> Result<Query, Error> {
        text.parse().map(|request: Request| request.query)
    }
}

/// Reads what [`Moment::parse`] does; anything else is [`ErrorKind::InvalidValue`].
///
/// ```
/// use ticketdex::Moment;
///
/// assert_eq!("2014-02-01".parse::<Moment>()?.to_string(), "2/1/2014");
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Moment, Error> {
        Moment::parse(text).ok_or_else(|| invalid("date", text, DATE_EXPECTED).into())
    }
}

/// A query as its canonical request, which [`Query`]'s `FromStr` reads back.
///
/// ```
/// use ticketdex::Query;
///
/// let query: Query = "count=5&status=Open".parse()?;
/// assert_eq!(serde_json::to_string(&query).unwrap(), "\"status=Open&count=5\"");
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Prints pairs, `&` between them.
struct Pairs<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    is_first: bool,
}

impl Pairs<'_, '_> {
    fn pair(&mut self, name: &str, value: &str) -> fmt::Result {
        if !std::mem::replace(&mut self.is_first, false) {
            self.f.write_str("&")?;
        }
        self.f.write_str(name)?;
        self.f.write_str("=")?;
        byte_serialize(value.as_bytes()).try_for_each(|piece| self.f.write_str(piece))
    }

    fn single(&mut self, single: Single, value: Option<impl fmt::Display>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.pair(single.name(), &value.to_string()))
    }

    fn query(&mut self, query: &Query) -> fmt::Result {
        self.single(Single::Tid, query.tid.as_ref())?;
        for (field, values) in Field::FILTERS.iter().zip(&query.values) {
            values
                .iter()
                .try_for_each(|value| self.pair(field.request_name(), value))?;
        }
        self.single(Single::DueDate, query.due)?;
        let keyword = Some(query.terms.join(" ")).filter(|keyword| !keyword.is_empty());
        self.single(Single::Keyword, keyword)?;
        self.single(Single::StartTid, query.start_tid)?;
        self.single(Single::EndTid, query.end_tid)?;
        self.single(Single::StartCid, query.start_cid.as_ref())?;
        self.single(Single::EndCid, query.end_cid.as_ref())?;
        self.single(Single::StartDate, query.start_date.map(Moment::Second))?;
        self.single(Single::EndDate, query.end_date.map(Moment::Second))?;
        self.single(Single::Count, query.count)?;
        self.single(Single::Page, query.page)?;
        self.single(Single::CountOnly, query.count_only.then_some("Y"))?;
        let keys: Vec<String> = query.order.iter().map(OrderKey::to_string).collect();
        self.single(
            Single::Order,
            Some(keys.join(",")).filter(|order| !order.is_empty()),
        )
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pairs { f, is_first: true }.query(self)
    }
}

/// The canonical text without the key.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs = Pairs { f, is_first: true };
        pairs.single(Single::Format, self.format.map(Format::name))?;
        pairs.query(&self.query)
    }
}

/// All but the key, of which it says whether there is one.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("query", &self.query)
            .field("format", &self.format)
            .field("has_key", &self.key.is_some())
            .finish()
    }
}

impl fmt::Display for TidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TidFilter::Any => f.write_str("*"),
            TidFilter::Exact(tid) => write!(f, "{tid}"),
            TidFilter::Pattern(pattern) => f.write_str(pattern.as_str()),
        }
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            SortKey::Field(field) => f.write_str(field.name())?,
            SortKey::Custom(name) => write!(f, "custom_fields.{name}")?,
        }
        match self.direction {
            Direction::Ascending => Ok(()),
            Direction::Descending => f.write_str(" DESC"),
        }
    }
}

impl fmt::Display for Moment {
    /// Prints a day as `M/D/YYYY`, a second as responses do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        write_date(self.first_second(), &mut text);
        if matches!(self, Moment::Day(_)) {
            let end = text
                .iter()
                .position(|&byte| byte == b' ')
                .unwrap_or(text.len());
            text.truncate(end);
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_discriminants() {
        for (index, (_, single)) in NAMES.into_iter().enumerate() {
            assert_eq!(single as usize, index);
        }
    }

    #[test]
    fn every_part_prints_and_parses_back() {
        let requests = [
            "",
            "tid=12**5&status=a&status=A&uid=x%26y&group=*&escalation=%2B+&cid=%41",
            "due_date=2/1/2014&keyword=+a++%C4%B0%E3%80%80b+a&start_tid=007&end_tid=0",
            "due_date=2014-02-01T00:00&start_cid=j&end_cid=%00&start_date=2/1/2014&end_date=2/1/2014",
            "tid=*&count=18446744073709551615&page=2&count_only=y",
            "order=+uid%20desc+,custom_fields.A-b,%E2%80%83TID,subject&order_direction=DESC",
            "order_direction=desc",
            "?&&=&".trim_end_matches("=&"),
        ];
        for text in requests {
            let request: Request = text
                .parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            let printed = request.to_string();
            assert_eq!(
                printed.parse::<Request>().unwrap(),
                request,
                "{text} as {printed}"
            );
        }
    }

    #[test]
    fn order_ends_where_tid_decides_but_is_read_to_its_end() {
        let query: Query = "order=tid+DESC,status".parse().unwrap();
        assert_eq!(query.to_string(), "order=tid+DESC");
        assert!("order=tid,nothing".parse::<Query>().is_err());
        assert_eq!("order=tid".parse::<Query>().unwrap(), Query::default());
    }

    #[test]
    fn the_first_error_in_the_request_is_reported() {
        let cases = [
            ("count=x&statuss=1", "invalid_value"),
            ("statuss=&count=x", "unknown_variable"),
            ("=x", "unknown_variable"),
            ("tid=1&tid=x", "duplicate_variable"),
            ("tid=1&tid=&page=1", "page_needs_count"),
            ("tid=1&page=1&count=2", "page_needs_wildcard"),
            ("page=1&count=2", "page_needs_wildcard"),
            ("page=1&order=nothing", "invalid_value"),
            ("keyword=+&keyword=a", "duplicate_variable"),
            ("action=Get_Tickets", "invalid_value"),
            ("order=status,,cid", "invalid_value"),
            ("order=status+up", "invalid_value"),
            ("order=custom_fields", "invalid_value"),
            ("order=custom_fields.status", "invalid_value"),
        ];
        for (text, code) in cases {
            assert_eq!(text.parse::<Request>().unwrap_err().code(), code, "{text}");
        }
    }
}
