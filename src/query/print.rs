//! The canonical text of a request, which parses back to an equal one.
//!
//! What the page's variables say is printed by their names; what they cannot say follows, by a
//! field, an operator and a value. Names are printed as a URL may hold them: `!` stands in one as it is,
//! `>` and `<` are escaped.
//!
//! # Invariants
//!
//! * A key stands in nothing that is printed: no `Display`, no `Debug`.

use std::fmt;

use form_urlencoded::byte_serialize;
use serde::{Serialize, Serializer};

use super::filter::{AnyField, FieldFilter, FieldTest, FilterValue, Operator};
use super::variable::{ActionName, Named, Single};
use super::{
    Action, CountKey, CountQuery, Direction, OrderKey, Query, Request, SortKey, TidFilter,
};
use crate::model::value::{Moment, write_date};
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

    /// Prints a filter by the name that the page has for it.
    fn page_filter(
        &mut self,
        field: Field,
        operator: Operator,
        value: Option<impl fmt::Display>,
    ) -> fmt::Result {
        let Some(value) = value else {
            return Ok(());
        };
        let name = Named::Filter(field, operator).name();
        debug_assert!(name.is_some(), "the page has a name for it");
        self.pair(name.unwrap_or_default(), &value.to_string())
    }

    fn query(&mut self, query: &Query) -> fmt::Result {
        self.single(Single::Tid, query.tid.as_ref())?;
        for field in Field::FILTERS {
            let mut values = query.values(field).iter();
            values.try_for_each(|value| self.pair(field.request_name(), value))?;
        }
        self.page_filter(Field::DueDate, Operator::Equal, query.due())?;
        self.single(Single::Keyword, joined(&query.terms, " "))?;
        let (start, end) = query.tid_range();
        self.page_filter(Field::Tid, Operator::AtLeast, start)?;
        self.page_filter(Field::Tid, Operator::AtMost, end)?;
        let (start, end) = query.cid_range();
        self.page_filter(Field::Cid, Operator::AtLeast, start)?;
        self.page_filter(Field::Cid, Operator::AtMost, end)?;
        let (start, end) = query.date_range();
        self.page_filter(
            Field::DateOpened,
            Operator::AtLeast,
            start.map(Moment::Second),
        )?;
        self.page_filter(Field::DateOpened, Operator::AtMost, end.map(Moment::Second))?;
        self.single(Single::ChangedSince, query.changed_since)?;
        let others = query.filters.iter().filter(|filter| !filter.is_of_page());
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
        self.single(Single::Action, Some(ActionName::CountTickets.value()))?;
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
        let (operator, values) = match &filter.test {
            FieldTest::AnyOf(values) => ("", values.iter().collect()),
            FieldTest::NoneOf(values) => ("!", values.iter().collect()),
            FieldTest::AtLeast(least) => ("%3E", vec![least.clone()]),
            FieldTest::AtMost(most) => ("%3C", vec![most.clone()]),
            FieldTest::Empty | FieldTest::Present => ("", Vec::<FilterValue>::new()),
        };
        let name = field + operator;
        let mut values = values.iter();
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
