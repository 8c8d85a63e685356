//! One algebra of filters: a field, and a test on its value.
//!
//! The page's filters by value and its ranges are spellings of it: `status=Open` is the field
//! `status` and one text to equal, `start_date` is the field `date_opened` and a least date. What
//! no field has (a pattern of ticket numbers, a keyword) is kept apart, by [`Query`](super::Query).
//!
//! # Invariants
//!
//! * A field has at most one test of each kind: repeated values are joined in one.
//! * No list of values is empty or holds a value twice, an empty text or a lone `*`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};
use smallvec::SmallVec;

use super::{DATE_EXPECTED, INTEGER_EXPECTED, UNEQUAL_EXPECTED, retain_first};
use crate::model::error::{Error, invalid_value};
use crate::model::field_names::{CUSTOM_PREFIX, split_custom};
use crate::model::value::{Moment, parse_integer};
use crate::model::variable::Operator;
use crate::model::{Field, FieldKind, is_custom_name};

/// A field of tickets: one of the 38, or one custom field by its name.
///
/// # Examples
///
/// ```
/// use ticketdex::{AnyField, Field};
///
/// assert_eq!("uid".parse::<AnyField>()?, AnyField::Field(Field::AssignedTech));
/// assert_eq!("Custom_Fields.Room".parse::<AnyField>()?, AnyField::Custom("Room".into()));
/// assert_eq!(AnyField::from(Field::AssignedTech).to_string(), "assigned_tech");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnyField {
    /// An output variable; [`Field::CustomFields`] stands for all custom fields together.
    Field(Field),
    /// A custom field, by name in any ASCII case; one that no ticket has is empty everywhere.
    Custom(String),
}

impl AnyField {
    /// Returns the field of an output variable's name, of a page's name (`uid`, `group`,
    /// `escalation`) or of `custom_fields.NAME`, in any ASCII case; none for any other text.
    ///
    /// ```
    /// use ticketdex::{AnyField, Field};
    ///
    /// assert_eq!(AnyField::from_name("GROUP"), Some(Field::AssignedGroupName.into()));
    /// assert_eq!(AnyField::from_name("custom_fields.status"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<AnyField> {
        match split_custom(name) {
            Some(name) => is_custom_name(name).then(|| AnyField::Custom(name.to_owned())),
            None => Field::from_name(name).map(AnyField::Field),
        }
    }

    /// Returns the field, where it is one of the 38.
    pub fn field(&self) -> Option<Field> {
        match self {
            AnyField::Field(field) => Some(*field),
            AnyField::Custom(_) => None,
        }
    }

    /// Returns whether a filter by an operator exists for the field.
    pub(super) fn takes(&self, operator: Operator) -> bool {
        match self {
            AnyField::Field(field) => operator.suits(*field),
            AnyField::Custom(name) => operator.suits_texts() && is_custom_name(name),
        }
    }

    /// Compares by the order of the output variables, then of custom names without ASCII case.
    fn compare(&self, other: &AnyField) -> Ordering {
        match (self, other) {
            (AnyField::Field(own), AnyField::Field(other)) => own.index().cmp(&other.index()),
            (AnyField::Field(_), AnyField::Custom(_)) => Ordering::Less,
            (AnyField::Custom(_), AnyField::Field(_)) => Ordering::Greater,
            (AnyField::Custom(own), AnyField::Custom(other)) => {
                let own = own.bytes().map(|byte| byte.to_ascii_lowercase());
                own.cmp(other.bytes().map(|byte| byte.to_ascii_lowercase()))
            }
        }
    }
}

impl From<Field> for AnyField {
    fn from(field: Field) -> AnyField {
        AnyField::Field(field)
    }
}

/// Prints the output variable's name, or `custom_fields.NAME`.
impl fmt::Display for AnyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnyField::Field(field) => f.write_str(field.name()),
            AnyField::Custom(name) => write!(f, "{CUSTOM_PREFIX}{name}"),
        }
    }
}

/// Reads what [`AnyField::from_name`] does; anything else is
/// [`InvalidValue`](crate::ErrorKind::InvalidValue).
impl FromStr for AnyField {
    type Err = Error;

    fn from_str(name: &str) -> Result<AnyField, Error> {
        const EXPECTED: &str = "an output variable, uid, group, escalation or custom_fields.NAME";
        AnyField::from_name(name).ok_or_else(|| invalid_value("field", name, EXPECTED))
    }
}

/// One value of a filter.
///
/// A text is read as a request's would be where the field holds integers or dates, so
/// `"2/1/2014"` is good for a date and `"7"` for an integer.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, Query};
///
/// let typed = Query::builder().any_of(Field::CompanyId, [7_u64]).build()?;
/// let read = Query::builder().any_of(Field::CompanyId, ["007"]).build()?;
/// assert_eq!(typed, read);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterValue {
    /// A text, an identifier or a flag.
    Text(String),
    /// An integer.
    Integer(u64),
    /// A day or a second.
    Date(Moment),
}

impl FilterValue {
    /// Returns whether it is an empty text, which filters nothing.
    pub(super) fn is_empty_text(&self) -> bool {
        matches!(self, FilterValue::Text(text) if text.is_empty())
    }
}

impl From<&str> for FilterValue {
    fn from(text: &str) -> FilterValue {
        FilterValue::Text(text.to_owned())
    }
}

impl From<String> for FilterValue {
    fn from(text: String) -> FilterValue {
        FilterValue::Text(text)
    }
}

impl From<u64> for FilterValue {
    fn from(integer: u64) -> FilterValue {
        FilterValue::Integer(integer)
    }
}

impl From<Moment> for FilterValue {
    fn from(moment: Moment) -> FilterValue {
        FilterValue::Date(moment)
    }
}

impl From<NaiveDate> for FilterValue {
    fn from(day: NaiveDate) -> FilterValue {
        FilterValue::Date(day.into())
    }
}

impl From<NaiveDateTime> for FilterValue {
    fn from(second: NaiveDateTime) -> FilterValue {
        FilterValue::Date(second.into())
    }
}

impl fmt::Display for FilterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterValue::Text(text) => f.write_str(text),
            FilterValue::Integer(integer) => write!(f, "{integer}"),
            FilterValue::Date(moment) => write!(f, "{moment}"),
        }
    }
}

/// The values of a filter, all of the field's kind, in the order in which they were given.
///
/// None comes twice, and there is at least one.
///
/// # Examples
///
/// ```
/// use ticketdex::{FieldTest, FilterValues, Query};
///
/// let query: Query = "phone!=1&phone!=2&phone!=1".parse()?;
/// let FieldTest::NoneOf(values) = &query.filters()[0].test else { panic!("a complement") };
/// assert_eq!(values, &FilterValues::Texts(vec!["1".into(), "2".into()]));
/// assert_eq!(values.count(), 2);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterValues {
    /// Texts, identifiers, flags, elements of lists; they compare folded.
    Texts(Vec<String>),
    /// Integers.
    Integers(Vec<u64>),
    /// Days and seconds.
    Dates(Vec<Moment>),
}

impl FilterValues {
    /// Makes the list of one value.
    fn of(value: FilterValue) -> FilterValues {
        match value {
            FilterValue::Text(text) => FilterValues::Texts(vec![text]),
            FilterValue::Integer(integer) => FilterValues::Integers(vec![integer]),
            FilterValue::Date(moment) => FilterValues::Dates(vec![moment]),
        }
    }

    /// Appends a value of the same kind.
    pub(super) fn push(&mut self, value: FilterValue) {
        match (self, value) {
            (FilterValues::Texts(texts), FilterValue::Text(text)) => texts.push(text),
            (FilterValues::Integers(integers), FilterValue::Integer(integer)) => {
                integers.push(integer);
            }
            (FilterValues::Dates(dates), FilterValue::Date(date)) => dates.push(date),
            // A field has values of one kind.
            _ => {}
        }
    }

    /// Returns how many values there are, 1 or more.
    pub fn count(&self) -> usize {
        match self {
            FilterValues::Texts(texts) => texts.len(),
            FilterValues::Integers(integers) => integers.len(),
            FilterValues::Dates(dates) => dates.len(),
        }
    }

    /// Returns the values, each as a copy.
    pub fn iter(&self) -> impl Iterator<Item = FilterValue> {
        let (texts, integers, dates): (&[String], &[u64], &[Moment]) = match self {
            FilterValues::Texts(texts) => (texts, &[], &[]),
            FilterValues::Integers(integers) => (&[], integers, &[]),
            FilterValues::Dates(dates) => (&[], &[], dates),
        };
        let texts = texts.iter().cloned().map(FilterValue::Text);
        let integers = integers.iter().copied().map(FilterValue::Integer);
        let dates = dates.iter().copied().map(FilterValue::Date);
        texts.chain(integers).chain(dates)
    }

    /// Appends the values of another list of the same kind.
    fn append(&mut self, other: FilterValues) {
        match (self, other) {
            (FilterValues::Texts(own), FilterValues::Texts(mut more)) => own.append(&mut more),
            (FilterValues::Integers(own), FilterValues::Integers(mut more)) => {
                own.append(&mut more);
            }
            (FilterValues::Dates(own), FilterValues::Dates(mut more)) => own.append(&mut more),
            // A field has values of one kind.
            _ => {}
        }
    }

    /// Keeps the first of equal values.
    fn dedup(&mut self) {
        match self {
            FilterValues::Texts(texts) => retain_first(texts, String::clone),
            FilterValues::Integers(integers) => retain_first(integers, |&own| own),
            FilterValues::Dates(dates) => retain_first(dates, |&own| own),
        }
    }
}

/// What the value of a field must satisfy.
///
/// Texts compare folded, by code point; integers by value; dates by time.
///
/// # Examples
///
/// ```
/// use ticketdex::{FieldTest, FilterValue, Query};
///
/// let query: Query = "merged_to>=7".parse()?;
/// assert_eq!(query.filters()[0].test, FieldTest::AtLeast(FilterValue::Integer(7)));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldTest {
    /// Equals one of the values: texts folded, a date on that day or at that second. Of a list one
    /// of the elements does.
    AnyOf(FilterValues),
    /// Does not satisfy [`AnyOf`](FieldTest::AnyOf), as a ticket without a value does not.
    NoneOf(FilterValues),
    /// Is at or after this integer or second. Of `cid`, the folded text is.
    AtLeast(FilterValue),
    /// Is at or before this integer or second. Of `cid`, the folded text is, or begins with it.
    AtMost(FilterValue),
    /// Has no value: empty, none, a 0 that stands for none, a list without elements.
    Empty,
    /// Has a value.
    Present,
}

impl FieldTest {
    /// Makes the test that an operator and a value say.
    pub(super) fn of(operator: Operator, value: FilterValue) -> FieldTest {
        match operator {
            Operator::Equal => FieldTest::AnyOf(FilterValues::of(value)),
            Operator::Unequal => FieldTest::NoneOf(FilterValues::of(value)),
            Operator::AtLeast => FieldTest::AtLeast(value),
            Operator::AtMost => FieldTest::AtMost(value),
        }
    }

    /// Returns the operator that says the test; none where it needs no value.
    pub(super) fn operator(&self) -> Option<Operator> {
        match self {
            FieldTest::AnyOf(_) => Some(Operator::Equal),
            FieldTest::NoneOf(_) => Some(Operator::Unequal),
            FieldTest::AtLeast(_) => Some(Operator::AtLeast),
            FieldTest::AtMost(_) => Some(Operator::AtMost),
            FieldTest::Empty | FieldTest::Present => None,
        }
    }

    /// Returns the values that the test compares with, each as a copy.
    pub(super) fn values(&self) -> Vec<FilterValue> {
        match self {
            FieldTest::AnyOf(values) | FieldTest::NoneOf(values) => values.iter().collect(),
            FieldTest::AtLeast(bound) | FieldTest::AtMost(bound) => vec![bound.clone()],
            FieldTest::Empty | FieldTest::Present => Vec::new(),
        }
    }

    /// Returns the place of the test among those of a field.
    fn rank(&self) -> u32 {
        match self {
            FieldTest::AnyOf(_) => 0,
            FieldTest::NoneOf(_) => 1,
            FieldTest::AtLeast(_) => 2,
            FieldTest::AtMost(_) => 3,
            FieldTest::Empty => 4,
            FieldTest::Present => 5,
        }
    }
}

/// The names of the vendor's page for filters that may stand once, with the field and the operator that
/// each says.
pub(super) const FILTER_NAMES: [(&str, Field, Operator); 7] = [
    (Field::DueDate.name(), Field::DueDate, Operator::Equal),
    ("start_tid", Field::Tid, Operator::AtLeast),
    ("end_tid", Field::Tid, Operator::AtMost),
    ("start_cid", Field::Cid, Operator::AtLeast),
    ("end_cid", Field::Cid, Operator::AtMost),
    ("start_date", Field::DateOpened, Operator::AtLeast),
    ("end_date", Field::DateOpened, Operator::AtMost),
];

/// One filter of a query: a field, and a test on its value.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, FieldTest, FilterValues, Query};
///
/// let query: Query = "company_id!=7&company_id!=007&present=group".parse()?;
/// let [first, second] = query.filters() else { panic!("two fields") };
/// assert_eq!(first.field, Field::CompanyId.into());
/// assert_eq!(first.test, FieldTest::NoneOf(FilterValues::Integers(vec![7])));
/// assert_eq!((&second.field, &second.test), (&Field::AssignedGroupName.into(), &FieldTest::Present));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldFilter {
    /// What is tested.
    pub field: AnyField,
    /// What its value must satisfy.
    pub test: FieldTest,
}

impl FieldFilter {
    /// Returns whether the filter is on a field, a custom one by its name in any ASCII case.
    pub(super) fn is_of(&self, field: &AnyField) -> bool {
        self.field.compare(field) == Ordering::Equal
    }

    /// Returns whether another filter makes the same kind of test on the same field.
    pub(super) fn is_alike(&self, other: &FieldFilter) -> bool {
        self.compare(other) == Ordering::Equal
    }

    fn compare(&self, other: &FieldFilter) -> Ordering {
        let by_field = self.field.compare(&other.field);
        by_field.then(self.test.rank().cmp(&other.test.rank()))
    }

    /// Returns the values, where the filter is one of this field by this operator.
    pub(super) fn values_of(
        &mut self,
        field: &AnyField,
        operator: Operator,
    ) -> Option<&mut FilterValues> {
        match (&mut self.test, operator) {
            (FieldTest::AnyOf(values), Operator::Equal)
            | (FieldTest::NoneOf(values), Operator::Unequal)
                if self.field == *field =>
            {
                Some(values)
            }
            _ => None,
        }
    }

    /// Joins a later filter of the same kind: its values are added, its bound replaces the own one.
    fn join(&mut self, later: FieldFilter) {
        match (&mut self.test, later.test) {
            (FieldTest::AnyOf(own), FieldTest::AnyOf(more))
            | (FieldTest::NoneOf(own), FieldTest::NoneOf(more)) => own.append(more),
            (own, later) => *own = later,
        }
    }

    /// Returns whether a variable of the vendor's page says the filter: one of [`Field::FILTERS`] that
    /// equals a value, or one of [`FILTER_NAMES`].
    pub(crate) fn is_documented(&self) -> bool {
        let (Some(field), Some(operator)) = (self.field.field(), self.test.operator()) else {
            return false;
        };
        let is_own = |&(_, own, by): &(&str, Field, Operator)| own == field && by == operator;
        (operator == Operator::Equal && Field::FILTERS.contains(&field))
            || FILTER_NAMES.iter().any(is_own)
    }

    /// Returns whether a lone `*` among its values makes it let everything through.
    fn is_any(&self) -> bool {
        let is_star = |text: &String| text == "*";
        matches!(&self.test, FieldTest::AnyOf(FilterValues::Texts(texts)) if texts.iter().any(is_star))
    }
}

/// The filters of a query: most requests have few, which need no memory of their own.
pub(super) type FieldFilters = SmallVec<[FieldFilter; 2]>;

/// Appends a filter. The first that needs memory makes room for several more, as a list that grows is moved.
pub(super) fn push(filters: &mut FieldFilters, filter: FieldFilter) {
    const ROOM: usize = 6;
    if filters.len() == filters.inline_size() {
        filters.reserve(ROOM);
    }
    filters.push(filter);
}

/// Puts filters in the order of their fields and tests, and joins those that are alike.
///
/// Cost: a sort, unless they are in order.
pub(super) fn settle(filters: &mut FieldFilters) {
    let ascends = |one: &FieldFilter, next: &FieldFilter| one.compare(next) == Ordering::Less;
    if !filters.is_sorted_by(ascends) {
        filters.sort_by(FieldFilter::compare);
    }
    if filters.windows(2).any(|pair| pair[0].is_alike(&pair[1])) {
        let mut joined = FieldFilters::new();
        for filter in filters.drain(..) {
            match joined.last_mut() {
                Some(last) if last.is_alike(&filter) => last.join(filter),
                _ => joined.push(filter),
            }
        }
        *filters = joined;
    }
    // A filter is long to move, and mostly none of them is.
    if filters.iter().any(FieldFilter::is_any) {
        filters.retain(|filter| !filter.is_any());
    }
    for filter in filters {
        if let FieldTest::AnyOf(values) | FieldTest::NoneOf(values) = &mut filter.test {
            values.dedup();
        }
    }
}

/// Makes of a value what a field holds, as a request's text is read; or says what would be valid.
pub(super) fn read_value(
    field: &AnyField,
    operator: Operator,
    value: FilterValue,
) -> Result<FilterValue, &'static str> {
    match field.field().map_or(FieldKind::Text, Field::kind) {
        FieldKind::Integer | FieldKind::OptionalInteger => {
            let integer = match value {
                FilterValue::Text(text) => parse_integer(&text),
                FilterValue::Integer(integer) => Some(integer),
                FilterValue::Date(_) => None,
            };
            integer.map(FilterValue::Integer).ok_or(INTEGER_EXPECTED)
        }
        FieldKind::Date => {
            let moment = match value {
                FilterValue::Text(text) => Moment::parse(&text),
                FilterValue::Integer(_) => None,
                FilterValue::Date(moment) => Some(moment),
            };
            let moment = moment.ok_or(DATE_EXPECTED)?;
            Ok(FilterValue::Date(bound_of(operator, moment)))
        }
        FieldKind::Text | FieldKind::Identifier | FieldKind::Flag | FieldKind::CustomFields => {
            match value {
                FilterValue::Text(text) if operator == Operator::Unequal && text == "*" => {
                    Err(UNEQUAL_EXPECTED)
                }
                FilterValue::Text(_) => Ok(value),
                FilterValue::Integer(integer) => Ok(FilterValue::Text(integer.to_string())),
                FilterValue::Date(_) => Err("a text"),
            }
        }
    }
}

/// Returns the second that a date bounds a range by; elsewhere the date as it is.
fn bound_of(operator: Operator, moment: Moment) -> Moment {
    match operator {
        Operator::AtLeast => Moment::Second(moment.first_second()),
        Operator::AtMost => Moment::Second(moment.last_second()),
        Operator::Equal | Operator::Unequal => moment,
    }
}
