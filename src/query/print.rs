//! The canonical text of a request, which parses back to an equal one.
//!
//! What the documented variables say is printed by their names; what they cannot say follows, by a
//! field, an operator and a value. Names are printed as a URL may hold them: `!` stands in one as it is,
//! `>` and `<` are escaped.
//!
//! # Invariants
//!
//! * A key stands in nothing that is printed: no `Display`, no `Debug`.

use std::fmt;

use form_urlencoded::byte_serialize;
use serde::{Serialize, Serializer};

use super::filter::{AnyField, FILTER_NAMES, FieldFilter, FieldTest};
use super::{
    Action, CountKey, CountQuery, Direction, OrderKey, Query, Request, SortKey, TidFilter,
};
use crate::model::field_names::CUSTOM_PREFIX;
use crate::model::value::{Moment, write_date};
use crate::model::variable::{ActionName, Operator, Single};
use crate::model::{Field, Format};

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

    /// Prints the values of a field's filter by an operator, by a name of the vendor's page.
    fn documented(
        &mut self,
        query: &Query,
        (name, field, operator): (&str, Field, Operator),
    ) -> fmt::Result {
        let tests = query.tests(field);
        let own = tests.filter(|test| test.operator() == Some(operator));
        let mut values = own.flat_map(FieldTest::values);
        values.try_for_each(|value| self.pair(name, &value.to_string()))
    }

    fn query(&mut self, query: &Query) -> fmt::Result {
        self.single(Single::Tid, query.tid.as_ref())?;
        for field in Field::FILTERS {
            self.documented(query, (field.request_name(), field, Operator::Equal))?;
        }
        let [due, ranges @ ..] = FILTER_NAMES;
        self.documented(query, due)?;
        self.single(Single::Keyword, joined(&query.terms, " "))?;
        for range in ranges {
            self.documented(query, range)?;
        }
        self.single(Single::ChangedSince, query.changed_since)?;
        let others = query
            .filters
            .iter()
            .filter(|filter| !filter.is_documented());
        others.clone().try_for_each(|filter| self.filter(filter))?;
        for (name, test) in [("empty", FieldTest::Empty), ("present", FieldTest::Present)] {
            let listed = others.clone().filter(|filter| filter.test == test);
            let listed: Vec<String> = listed.map(|filter| filter.field.to_string()).collect();
            if !listed.is_empty() {
                self.pair(name, &listed.join(","))?;
            }
        }
        if let Some(excluded) = joined(&query.excluded_terms, " ") {
            self.pair("keyword!", &excluded)?;
        }
        self.single(Single::Count, query.count)?;
        self.single(Single::Page, query.page)?;
        self.single(Single::CountOnly, query.count_only.then_some("Y"))?;
        let keys: Vec<String> = query.order.iter().map(OrderKey::to_string).collect();
        self.single(Single::Order, joined(&keys, ","))?;
        self.single(Single::Fields, query.fields.as_ref())?;
        self.single(Single::After, query.after())?;
        self.single(Single::Before, query.before())
    }

    fn counting(&mut self, query: &CountQuery) -> fmt::Result {
        self.single(Single::Action, Some(ActionName::CountTickets.name()))?;
        self.query(query.matching())?;
        let keys: Vec<String> = query.keys().iter().map(CountKey::to_string).collect();
        self.single(Single::By, joined(&keys, ","))?;
        self.single(Single::Top, query.top())?;
        self.single(Single::ExcludeOwn, query.excludes_own().then_some("Y"))
    }

    /// Prints a filter by values or a bound, as a pair a value.
    fn filter(&mut self, filter: &FieldFilter) -> fmt::Result {
        let field = match &filter.field {
            AnyField::Field(field) => field.request_name().to_owned(),
            custom @ AnyField::Custom(_) => custom.to_string(),
        };
        let operator = match filter.test.operator() {
            Some(Operator::Equal) | None => "",
            Some(Operator::Unequal) => "!",
            Some(Operator::AtLeast) => "%3E",
            Some(Operator::AtMost) => "%3C",
        };
        let name = field + operator;
        let mut values = filter.test.values().into_iter();
        values.try_for_each(|value| self.pair(&name, &value.to_string()))
    }
}

/// Returns texts with something between them; none where there are none.
fn joined(texts: &[String], between: &str) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(between))
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pairs { f, is_first: true }.query(self)
    }
}

impl fmt::Display for CountQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pairs { f, is_first: true }.counting(self)
    }
}

/// A query as its canonical request, which [`CountQuery`]'s `FromStr` reads back.
impl Serialize for CountQuery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Prints the key as a response names it: `status`, `date_opened.month`, `custom_fields.NAME`.
impl fmt::Display for CountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountKey::Part(_, part) => write!(f, "{}.{part}", self.field()),
            _ => self.field().fmt(f),
        }
    }
}

/// The canonical text without the key.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs = Pairs { f, is_first: true };
        pairs.single(Single::Format, self.format.map(Format::name))?;
        match &self.action {
            Action::GetTickets(query) => pairs.query(query),
            Action::CountTickets(query) => pairs.counting(query),
        }
    }
}

/// All but the key, of which it says whether there is one.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("action", &self.action)
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

/// Prints the output variable's name, or `custom_fields.NAME`.
impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SortKey::Field(field) => f.write_str(field.name()),
            SortKey::Custom(name) => write!(f, "{CUSTOM_PREFIX}{name}"),
        }
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
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
            let end = text.iter().position(|&byte| byte == b' ');
            text.truncate(end.unwrap_or(text.len()));
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
