//! Requests as text: form-urlencoded in, typed out.
//!
//! Reading goes through the `form_urlencoded` crate, which decodes as the WHATWG's URL standard
//! says, and then through [`QueryBuilder`], so that a parsed query obeys the same rules as a built
//! one. What the name of a pair says is [`variable`](super::variable)'s part.
//!
//! # Invariants
//!
//! * Of several errors the first in the request is reported; rules that join variables
//!   come last.
//! * A key stands in no error.
//!
//! # Cost
//!
//! Linear in the request's length, but for a sort of its filters. What is no request for tickets, or
//! has an error, is gone through up to three times.

use std::str::FromStr;

use super::count::{CountKey, CountQuery, CountQueryBuilder};
use super::cursor::{CURSOR_EXPECTED, Cursor};
use super::fields::Fields;
use super::filter::{AnyField, FieldFilter, FieldTest, read_value};
use super::request::{Action, Request, find_action, find_first, pairs};
use super::variable::{Variable, known_names, operator_name, shown_name, unknown_name};
use super::{
    BY_EXPECTED, DATE_EXPECTED, Direction, INTEGER_EXPECTED, LIST_BUT_TID_EXPECTED, LIST_EXPECTED,
    ORDER_EXPECTED, POSITIVE_EXPECTED, Query, QueryBuilder, SortKey, terms_of,
};
use crate::model::error::{Error, ErrorKind, invalid_value, shorten};
use crate::model::value::{Moment, parse_integer};
use crate::model::variable::{ActionName, Operator, Single};
use crate::model::{Field, FieldKind, Format};

const ACTION_EXPECTED: &str = "get_tickets or count_tickets";
const FLAG_EXPECTED: &str = "Y or N";
const DIRECTION_EXPECTED: &str = "ASC or DESC";

/// A request being read.
#[derive(Default)]
struct Reading {
    action: ActionName,
    builder: QueryBuilder,
    /// In a box, as most requests count nothing by value and a reading is long enough to move.
    counting: Option<Box<CountQueryBuilder>>,
    /// One bit a variable that has stood and may not again.
    seen: u32,
    /// By operator: one bit a field that has stood with it and may not again.
    seen_fields: [u64; 4],
    format: Option<Format>,
    key: Option<String>,
    /// The order's keys with the directions that they state themselves.
    order: Vec<(SortKey, Option<Direction>)>,
    direction: Option<Direction>,
}

impl Reading {
    /// Reads a request to its end, which leaves its query in the builder.
    ///
    /// What a pair means depends on the action, which may stand behind it. Most requests are for
    /// tickets: each is read as one first, and again where that fails and it has another action.
    fn read(&mut self, text: &str) -> Result<(), Error> {
        let read = self.read_pairs(text);
        if read.is_ok() {
            return read;
        }
        let action = find_action(text);
        if action == self.action {
            return read;
        }
        *self = Reading {
            action,
            ..Reading::default()
        };
        self.read_pairs(text)
    }

    /// Reads a request of the action; fails where it has another.
    fn read_pairs(&mut self, text: &str) -> Result<(), Error> {
        for (name, value) in pairs(text) {
            self.pair(&name, &value)?;
        }
        let default = self.direction.unwrap_or_default();
        // Ascending tid is what no order means.
        if self.order.is_empty() && default == Direction::Descending {
            self.builder.add_key(SortKey::Field(Field::Tid), default);
        }
        for (key, direction) in self.order.drain(..) {
            self.builder.add_key(key, direction.unwrap_or(default));
        }
        self.builder.finish()
    }

    fn pair(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(variable) = Variable::from_name(name, self.action) else {
            return Err(ErrorKind::UnknownVariable {
                variable: shorten(&unknown_name(name, self.action)),
                value: Some(shorten(value)),
                expected: known_names(self.action),
            }
            .into());
        };
        if value.is_empty() {
            return Ok(());
        }
        match variable {
            Variable::Filter(field, operator) => self.filter(field, operator, name, value),
            Variable::Empty => self.presence("empty", value, &FieldTest::Empty),
            Variable::Present => self.presence("present", value, &FieldTest::Present),
            Variable::ExcludedKeyword => {
                let excluded = &mut self.builder.query.excluded_terms;
                excluded.extend(terms_of(value));
                Ok(())
            }
            Variable::Single(single) => {
                let bit = 1 << single as usize;
                if self.seen & bit != 0 {
                    // An error is shown and logged, where a key has no place.
                    let shown = if single == Single::Key { "" } else { value };
                    return Err(duplicate(single.name(), shown));
                }
                self.seen |= bit;
                self.single(Given { single, value })
            }
        }
    }

    /// Adds a filter on a field, which may stand once where it is a date or a bound.
    fn filter(
        &mut self,
        field: AnyField,
        operator: Operator,
        name: &str,
        value: &str,
    ) -> Result<(), Error> {
        if let AnyField::Field(own) = field {
            let is_bound = matches!(operator, Operator::AtLeast | Operator::AtMost);
            let is_date = own.kind() == FieldKind::Date && operator == Operator::Equal;
            if is_bound || is_date {
                let seen = &mut self.seen_fields[operator as usize];
                let bit = 1 << own.index();
                if *seen & bit != 0 {
                    return Err(duplicate(operator_name(own, operator, name), value));
                }
                *seen |= bit;
            }
        }
        match read_value(&field, operator, value.into()) {
            Ok(value) => {
                self.builder.add(field, operator, value);
                Ok(())
            }
            Err(expected) => {
                let name = shown_name(&field, operator, name);
                Err(invalid_value(&name, value, expected))
            }
        }
    }

    /// Adds a test of a list of fields for a value.
    fn presence(&mut self, variable: &str, list: &str, test: &FieldTest) -> Result<(), Error> {
        let fields = parse_list(list);
        let has_tid = |fields: &Vec<AnyField>| fields.contains(&AnyField::Field(Field::Tid));
        let Some(fields) = fields.filter(|fields| !has_tid(fields)) else {
            return Err(invalid_value(variable, list, LIST_BUT_TID_EXPECTED));
        };
        let filters = fields.into_iter().map(|field| FieldFilter {
            field,
            test: test.clone(),
        });
        self.builder.query.filters.extend(filters);
        Ok(())
    }

    /// Takes in the value of a variable that may stand once.
    fn single(&mut self, given: Given<'_>) -> Result<(), Error> {
        let value = given.value;
        // What concerns the query alone is written into it; a builder is a long thing to move.
        let query = &mut self.builder.query;
        match given.single {
            Single::Action => {
                given.check(ActionName::from_name(value), ACTION_EXPECTED)?;
                let own = self.action.name();
                given.check((value == own).then_some(()), own)?;
            }
            Single::Key => self.key = Some(value.to_owned()),
            Single::Format => self.format = Some(value.parse()?),
            Single::Tid => query.tid = Some(value.parse()?),
            Single::Keyword => query.terms = terms_of(value),
            Single::ChangedSince => {
                query.changed_since = Some(given.check(parse_integer(value), INTEGER_EXPECTED)?);
            }
            Single::Count => self.builder.count = Some(given.positive()?),
            Single::Page => {
                self.builder.page = Some(given.positive()?);
                self.builder.page_shown = Some(shorten(value));
            }
            Single::CountOnly => query.count_only = given.flag()?,
            Single::Order => self.order = given.check(parse_order(value), ORDER_EXPECTED)?,
            Single::OrderDirection => {
                self.direction = Some(given.check(parse_direction(value), DIRECTION_EXPECTED)?);
            }
            Single::Fields => {
                let fields = given.check(parse_list(value), LIST_EXPECTED)?;
                query.fields = Some(Fields::new(fields));
            }
            Single::After => query.after = Some(given.cursor()?),
            Single::Before => query.before = Some(given.cursor()?),
            Single::By => {
                let keys = given.check(CountKey::parse_list(value), BY_EXPECTED)?;
                self.counting.get_or_insert_default().keys = keys;
            }
            Single::Top => self.counting.get_or_insert_default().top = Some(given.positive()?),
            Single::ExcludeOwn => {
                self.counting.get_or_insert_default().excludes_own = given.flag()?;
            }
        }
        Ok(())
    }

    /// Returns what a request that was read counts by value.
    fn into_counting(self) -> Result<CountQuery, Error> {
        let counting = self.counting.map_or_else(CountQuery::builder, |it| *it);
        counting.matching(self.builder.query).build()
    }
}

/// A variable that may stand once, with its value, which is not empty.
#[derive(Clone, Copy)]
struct Given<'a> {
    single: Single,
    value: &'a str,
}

impl Given<'_> {
    /// Returns what the value was read as; the error of the value where it is none.
    fn check<T>(self, read: Option<T>, expected: &'static str) -> Result<T, Error> {
        read.ok_or_else(|| invalid_value(self.single.name(), self.value, expected))
    }

    fn positive(self) -> Result<u64, Error> {
        let positive = parse_integer(self.value).filter(|&integer| integer > 0);
        self.check(positive, POSITIVE_EXPECTED)
    }

    fn flag(self) -> Result<bool, Error> {
        self.check(parse_flag(self.value), FLAG_EXPECTED)
    }

    fn cursor(self) -> Result<Box<Cursor>, Error> {
        self.check(Cursor::parse(self.value).map(Box::new), CURSOR_EXPECTED)
    }
}

fn parse_flag(word: &str) -> Option<bool> {
    let is_yes = word.eq_ignore_ascii_case("Y");
    (is_yes || word.eq_ignore_ascii_case("N")).then_some(is_yes)
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
            let mut words = item.split_whitespace();
            let key = SortKey::from_name(words.next()?)?;
            let direction = words.next().map(parse_direction);
            match (direction, words.next()) {
                (None, _) => Some((key, None)),
                (Some(Some(direction)), None) => Some((key, Some(direction))),
                _ => None,
            }
        })
        .collect()
}

/// Reads a list of fields, parted by commas; none where one is bad.
fn parse_list(list: &str) -> Option<Vec<AnyField>> {
    let mut seen = 0_u64;
    let mut fields = Vec::new();
    for name in list.split(',') {
        let field = AnyField::from_name(name.trim_matches(char::is_whitespace))?;
        if let AnyField::Field(own) = field {
            let bit = 1 << own.index();
            if seen & bit != 0 {
                continue;
            }
            seen |= bit;
        }
        fields.push(field);
    }
    Some(fields)
}

fn duplicate(variable: &'static str, value: &str) -> Error {
    let value = shorten(value);
    ErrorKind::DuplicateVariable { variable, value }.into()
}

impl FromStr for Request {
    type Err = Error;

    /// Reads an `application/x-www-form-urlencoded` request, as [`Query`] describes it.
    ///
    /// # Errors
    ///
    /// The first in the request: [`ErrorKind::UnknownVariable`],
    /// [`ErrorKind::DuplicateVariable`] or [`ErrorKind::InvalidValue`]; then
    /// [`ErrorKind::PageNeedsCount`], [`ErrorKind::PageNeedsWildcard`], [`ErrorKind::InvalidValue`]
    /// for a cursor of another order, and [`ErrorKind::CursorConflict`].
    fn from_str(text: &str) -> Result<Request, Error> {
        let mut reading = Reading::default();
        reading.read(text)?;
        let (format, key) = (reading.format, reading.key.take());
        let action = match reading.action {
            ActionName::GetTickets => Action::GetTickets(reading.builder.query),
            ActionName::CountTickets => Action::CountTickets(reading.into_counting()?),
        };
        Ok(Request {
            action,
            format,
            key,
        })
    }
}

impl FromStr for Query {
    type Err = Error;

    /// Reads a request and keeps its query: a `format` and a `key` are checked and dropped.
    ///
    /// # Errors
    ///
    /// Those of a [`Request`]; and that `action` is invalid, where it is not `get_tickets`.
    fn from_str(text: &str) -> Result<Query, Error> {
        let mut reading = Reading::default();
        reading.read(text)?;
        if reading.action == ActionName::GetTickets {
            return Ok(reading.builder.query);
        }
        reading.into_counting()?;
        let (other, own) = (ActionName::CountTickets, ActionName::GetTickets);
        Err(invalid_value("action", other.name(), own.name()))
    }
}

impl FromStr for CountQuery {
    type Err = Error;

    /// Reads a request and keeps what it counts: a `format` and a `key` are checked and dropped.
    ///
    /// # Errors
    ///
    /// Those of a [`Request`]; and that `action` is invalid, where it is not `count_tickets`.
    fn from_str(text: &str) -> Result<CountQuery, Error> {
        let mut reading = Reading::default();
        reading.read(text)?;
        if reading.action == ActionName::CountTickets {
            return reading.into_counting();
        }
        let action = find_first(text, Single::Action).unwrap_or_default();
        Err(invalid_value(
            "action",
            &action,
            ActionName::CountTickets.name(),
        ))
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
        Moment::parse(text).ok_or_else(|| invalid_value("date", text, DATE_EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "phone!=a%2Bb&contact=*&company_id%3E=007&merged_to<=1&CID!=j&uid!=x&assigned_tech!=X",
            "custom_fields.Room=a&custom_fields.ROOM=b&custom_fields.b!=*a&custom_fields.a!=x",
            "empty=uid,+custom_fields.Room,uid&present=subject&empty=custom_fields&keyword!=a+b&keyword!=a",
            "due_date!=2/1/2014&due_date!=2/1/2014+1:00&due_date%3E=2/1/2014&tid<=9&date_opened>=2/1/2014",
            "fields=tid,custom_fields.b,custom_fields.A,SUBJECT,custom_fields.B,escalation",
            "linked_asset=a%2Cb&linked_asset=+c&locked=n&date_opened=2014-02-01",
            "?&&=&".trim_end_matches("=&"),
            "action=count_tickets&by=uid,custom_fields.b.year,due_date.DAY&top=007&exclude_own=y&uid=x",
            "by=&exclude_own=n&%61CTION=&action=count_tickets&keyword=a&tid=1*&start_date=2/1/2014",
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
    fn a_long_name_is_cut_alike_where_it_is_read_and_where_it_is_built() {
        let name = "n".repeat(200);
        let read = format!("custom_fields.{name}!=*").parse::<Query>();
        let built = Query::builder()
            .none_of(AnyField::Custom(name), ["*"])
            .build();
        let shown = |query: Result<Query, Error>| query.unwrap_err().to_string();
        assert_eq!(shown(read), shown(built));
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
            ("empty=tid&x=", "invalid_value"),
            ("tid!=1&tid=x", "unknown_variable"),
            ("page=1&status!=*", "invalid_value"),
            ("date_opened>=2/1/2014&start_date=x", "duplicate_variable"),
            ("merged_to<=1&MERGED_TO<=x", "duplicate_variable"),
        ];
        for (text, code) in cases {
            assert_eq!(text.parse::<Request>().unwrap_err().code(), code, "{text}");
        }
    }
}
