//! Queries made of typed parts.
//!
//! Parsing goes through [`QueryBuilder`] too, so a parsed query obeys the same rules as a built
//! one.

use super::cursor::{Cursor, ORDER_OF_CURSOR_EXPECTED};
use super::fields::Fields;
use super::filter::{self, AnyField, FieldFilter, FieldTest, FilterValue, read_value};
use super::{
    Direction, FILTER_EXPECTED, LIST_BUT_TID_EXPECTED, ORDER_EXPECTED, OrderKey, Query,
    RANGE_EXPECTED, SortKey, TidFilter, positive, retain_first, terms_of,
};
use crate::model::error::{Error, ErrorKind, invalid_value, shorten};
use crate::model::value::Moment;
use crate::model::variable::Operator;
use crate::model::{Field, FieldKind, is_custom_name};

/// How many of the latest filters are searched for one that takes another value. Values whose filter is
/// not among them are joined at the end, so this limits the work of a long request and not what it says.
const LATEST_MAX: usize = 160;

const TYPED_DATE_EXPECTED: &str = "a date of the years 1 to 9999, in whole seconds";

/// Makes a [`Query`] from typed parts.
///
/// A part set again replaces what was set before, but for values of filters (of a date the later one
/// counts), tests of whether a field has a value, and keys of the [`order`](Self::order), which add. What cannot be asked for
/// is an error of [`build`](Self::build), the same as when the request is parsed.
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
    pub(super) query: Query,
    first_error: Option<Error>,
    pub(super) count: Option<u64>,
    pub(super) page: Option<u64>,
    /// The page as the request writes it.
    pub(super) page_shown: Option<String>,
}

impl QueryBuilder {
    /// Limits to ticket numbers: one, any, or those of a pattern.
    #[must_use]
    pub fn tid(mut self, filter: impl Into<TidFilter>) -> QueryBuilder {
        self.query.tid = Some(filter.into());
        self
    }

    /// Adds a value that the field may equal; a lone `*` is any value, an empty one changes nothing.
    ///
    /// The text is read as a request's is, so this serves every field that
    /// [`any_of`](Self::any_of) does; for any other it is an error of `build`.
    #[must_use]
    pub fn value(self, field: Field, value: impl Into<String>) -> QueryBuilder {
        self.any_of(field, [value.into()])
    }

    /// Adds values of which a field must equal one: texts folded, of a list one of its elements.
    ///
    /// A lone `*` is any value of a text, an identifier, a flag or a list; an empty text changes
    /// nothing. Not for `tid`, `custom_fields`, `subject` and `summary`, and of a date only one
    /// value can be asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{AnyField, Field, Query};
    ///
    /// let query = Query::builder()
    ///     .any_of(Field::CompanyId, [7_u64, 8])
    ///     .any_of(AnyField::Custom("Room".into()), ["A 1"])
    ///     .build()?;
    /// assert_eq!(query.to_string(), "company_id=7&company_id=8&custom_fields.Room=A+1");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn any_of<V: Into<FilterValue>>(
        self,
        field: impl Into<AnyField>,
        values: impl IntoIterator<Item = V>,
    ) -> QueryBuilder {
        self.values_of(&field.into(), Operator::Equal, values)
    }

    /// Adds values of which a field must equal none; a ticket without a value matches.
    ///
    /// It leaves out what [`any_of`](Self::any_of) with the same values finds. An empty text
    /// changes nothing, and a lone `*` is an error of `build`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Query};
    ///
    /// let query = Query::builder().none_of(Field::Status, ["Closed", "Solved"]).build()?;
    /// assert_eq!(query.to_string(), "status!=Closed&status!=Solved");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn none_of<V: Into<FilterValue>>(
        self,
        field: impl Into<AnyField>,
        values: impl IntoIterator<Item = V>,
    ) -> QueryBuilder {
        self.values_of(&field.into(), Operator::Unequal, values)
    }

    fn values_of<V: Into<FilterValue>>(
        mut self,
        field: &AnyField,
        operator: Operator,
        values: impl IntoIterator<Item = V>,
    ) -> QueryBuilder {
        let is_date = field
            .field()
            .is_some_and(|field| field.kind() == FieldKind::Date);
        let mut is_first = true;
        for value in values {
            let value = value.into();
            let is_single = is_date && operator == Operator::Equal;
            if !field.takes(operator) || *field == AnyField::Field(Field::Tid) {
                self.fail(&field.to_string(), &value.to_string(), FILTER_EXPECTED);
            } else if is_single
                && !value.is_empty_text()
                && !std::mem::replace(&mut is_first, false)
            {
                self.refuse_second(field, &value);
            } else {
                self.filter(field, operator, value);
            }
        }
        self
    }

    /// Refuses a second value of a date.
    fn refuse_second(&mut self, field: &AnyField, value: &FilterValue) {
        let variable = field.field().map_or("", Field::name);
        let value = shorten(&value.to_string());
        self.first_error
            .get_or_insert_with(|| ErrorKind::DuplicateVariable { variable, value }.into());
    }

    /// Adds a filter by a value that may not suit the field.
    fn filter(&mut self, field: &AnyField, operator: Operator, value: FilterValue) {
        if value.is_empty_text() {
            return;
        }
        let shown = value.to_string();
        match read_value(field, operator, value) {
            Ok(value) => self.add(field.clone(), operator, value),
            Err(expected) => self.fail(&operator.name_after(field.to_string()), &shown, expected),
        }
    }

    /// Adds a filter by a value that suits the field; of a date and a bound, in place of one before.
    pub(super) fn add(&mut self, field: AnyField, operator: Operator, value: FilterValue) {
        let is_date = matches!(value, FilterValue::Date(_));
        if let FilterValue::Date(moment) = value
            && !moment.is_valid()
        {
            let variable = operator.name_after(field.to_string());
            let shown = moment.first_second().to_string();
            return self.fail(&variable, &shown, TYPED_DATE_EXPECTED);
        }
        let is_single = is_date && operator == Operator::Equal;
        if !is_single {
            let latest = self.query.filters.iter_mut().rev().take(LATEST_MAX);
            let mut alike = latest.filter_map(|own| own.values_of(&field, operator));
            if let Some(values) = alike.next() {
                return values.push(value);
            }
        }
        let test = FieldTest::of(operator, value);
        let filter = FieldFilter { field, test };
        if is_single {
            self.query.filters.retain(|own| !own.is_alike(&filter));
        }
        filter::push(&mut self.query.filters, filter);
    }

    /// Limits to tickets whose field is this integer or second, or after it.
    ///
    /// A date without a time is its first second. A ticket without a value is not found, but a 0
    /// that stands for none is the integer 0. Only for fields of integers and dates; that of `tid`
    /// is [`start_tid`](Self::start_tid), that of `date_opened` [`start_date`](Self::start_date).
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Query};
    ///
    /// let query = Query::builder().at_least(Field::LastUpdated, "2014-02-01").build()?;
    /// assert_eq!(query, "last_updated>=2/1/2014".parse()?);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn at_least(self, field: Field, bound: impl Into<FilterValue>) -> QueryBuilder {
        self.bound(field, Operator::AtLeast, bound.into())
    }

    /// Limits to tickets whose field is this integer or second, or before it.
    ///
    /// A date without a time is its last second; otherwise as [`at_least`](Self::at_least).
    #[must_use]
    pub fn at_most(self, field: Field, bound: impl Into<FilterValue>) -> QueryBuilder {
        self.bound(field, Operator::AtMost, bound.into())
    }

    fn bound(mut self, field: Field, operator: Operator, bound: FilterValue) -> QueryBuilder {
        let field = AnyField::Field(field);
        if field.takes(operator) {
            self.filter(&field, operator, bound);
        } else {
            self.fail(&field.to_string(), &bound.to_string(), RANGE_EXPECTED);
        }
        self
    }

    /// Limits to tickets whose field has no value: it is empty, none, a 0 that stands for none, or
    /// a list without elements.
    ///
    /// [`Field::CustomFields`] is empty where no custom field has a value. Not for `tid`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Query};
    ///
    /// let query = Query::builder().is_empty(Field::AssignedTech).is_present(Field::DueDate);
    /// assert_eq!(query.build()?.to_string(), "empty=assigned_tech&present=due_date");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(self, field: impl Into<AnyField>) -> QueryBuilder {
        self.presence("empty", field.into(), FieldTest::Empty)
    }

    /// Limits to tickets whose field has a value; what [`is_empty`](Self::is_empty) leaves.
    #[must_use]
    pub fn is_present(self, field: impl Into<AnyField>) -> QueryBuilder {
        self.presence("present", field.into(), FieldTest::Present)
    }

    fn presence(mut self, variable: &str, field: AnyField, test: FieldTest) -> QueryBuilder {
        let is_bad = match &field {
            AnyField::Field(field) => *field == Field::Tid,
            AnyField::Custom(name) => !is_custom_name(name),
        };
        if is_bad {
            self.fail(variable, &field.to_string(), LIST_BUT_TID_EXPECTED);
        } else {
            self.query.filters.push(FieldFilter { field, test });
        }
        self
    }

    /// Limits to tickets that hold none of the white-space-separated terms in any searchable field.
    ///
    /// Called again, it adds terms.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let query = Query::builder().without_keyword("spam test").build()?;
    /// assert_eq!(query.to_string(), "keyword!=spam+test");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn without_keyword(mut self, keyword: &str) -> QueryBuilder {
        self.query.excluded_terms.extend(terms_of(keyword));
        self
    }

    /// Lets each record of a response show these variables only; without any, all of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Query};
    ///
    /// let query = Query::builder().fields([Field::Subject, Field::Tid]).build()?;
    /// assert_eq!(query.to_string(), "fields=tid%2Csubject");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn fields<F: Into<AnyField>>(
        mut self,
        fields: impl IntoIterator<Item = F>,
    ) -> QueryBuilder {
        let fields: Vec<AnyField> = fields.into_iter().map(Into::into).collect();
        for field in &fields {
            if matches!(field, AnyField::Custom(name) if !is_custom_name(name)) {
                self.fail("fields", &field.to_string(), super::LIST_EXPECTED);
            }
        }
        self.query.fields = (!fields.is_empty()).then(|| Fields::new(fields));
        self
    }

    /// Limits to tickets due on a day or at a second.
    #[must_use]
    pub fn due(mut self, due: impl Into<Moment>) -> QueryBuilder {
        self.add(Field::DueDate.into(), Operator::Equal, due.into().into());
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
        self.add(Field::Tid.into(), Operator::AtLeast, tid.into());
        self
    }

    /// Limits to ticket numbers up to here, inclusive.
    #[must_use]
    pub fn end_tid(mut self, tid: u64) -> QueryBuilder {
        self.add(Field::Tid.into(), Operator::AtMost, tid.into());
        self
    }

    /// Limits to customer IDs at or after this one; an empty one is no limit.
    #[must_use]
    pub fn start_cid(mut self, cid: impl Into<String>) -> QueryBuilder {
        self.set_cid(Operator::AtLeast, cid.into());
        self
    }

    /// Limits to customer IDs before this one or starting with it; an empty one is no limit.
    #[must_use]
    pub fn end_cid(mut self, cid: impl Into<String>) -> QueryBuilder {
        self.set_cid(Operator::AtMost, cid.into());
        self
    }

    /// Sets a bound of the customer IDs; an empty one removes the bound that was set before.
    fn set_cid(&mut self, operator: Operator, cid: String) {
        if cid.is_empty() {
            let is_own = |own: &FieldFilter| {
                own.field == Field::Cid.into() && own.test.operator() == Some(operator)
            };
            self.query.filters.retain(|own| !is_own(own));
        } else {
            self.add(Field::Cid.into(), operator, cid.into());
        }
    }

    /// Limits to tickets opened at or after the first second of this moment.
    #[must_use]
    pub fn start_date(mut self, date: impl Into<Moment>) -> QueryBuilder {
        let second = date.into().first_second();
        self.add(Field::DateOpened.into(), Operator::AtLeast, second.into());
        self
    }

    /// Limits to tickets opened at or before the last second of this moment.
    #[must_use]
    pub fn end_date(mut self, date: impl Into<Moment>) -> QueryBuilder {
        let second = date.into().last_second();
        self.add(Field::DateOpened.into(), Operator::AtMost, second.into());
        self
    }

    /// Limits to tickets that were put or patched by a commit after the one of this number; 0 is
    /// every ticket.
    ///
    /// What was removed since is told by [`Snapshot::removed_since`](crate::Snapshot::removed_since).
    /// Cost: where few tickets changed, the blocks of rows that they are in.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Patch, Query, Store, Ticket};
    ///
    /// let mut store = Store::from_tickets((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }))?;
    /// let before = store.snapshot().version();
    /// let mut batch = Batch::new();
    /// batch.patch(7, Patch::new());
    /// store.commit(batch)?;
    /// let changed = Query::builder().changed_since(before).build()?;
    /// assert_eq!(store.snapshot().answer(&changed).total(), 1);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn changed_since(mut self, version: u64) -> QueryBuilder {
        self.query.changed_since = Some(version);
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

    /// Asks for the records after a place in the order; `count` limits them to the nearest.
    ///
    /// The cursor must be one of the same order, and neither `page` nor [`before`](Self::before)
    /// goes with it. A cursor in place of a page neither repeats nor loses tickets where others
    /// come and go between two requests, and costs the same however far in the order it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Direction, Field, Query, Store, Ticket};
    ///
    /// let ticket = |tid: u64| Ticket { tid, cid: (9 - tid).to_string(), ..Ticket::default() };
    /// let snapshot = Store::from_tickets((1..=9).map(ticket))?.snapshot();
    /// let page = || Query::builder().order(Field::Cid, Direction::Ascending).count(4);
    /// let first = snapshot.answer(&page().build()?);
    /// let next = first.next().expect("five tickets are left");
    /// let second = snapshot.answer(&page().after(next).build()?);
    /// assert_eq!(second.records().map(|record| record.tid()).collect::<Vec<_>>(), [5, 4, 3, 2]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> QueryBuilder {
        self.query.after = Some(Box::new(cursor));
        self
    }

    /// Asks for the records before a place in the order; `count` limits them to the nearest.
    ///
    /// They come in the order's direction all the same. Else as [`after`](Self::after).
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Query, Store, Ticket};
    ///
    /// let tickets = (1..=9).map(|tid| Ticket { tid, ..Ticket::default() });
    /// let snapshot = Store::from_tickets(tickets)?.snapshot();
    /// let last = snapshot.answer(&"start_tid=8".parse()?);
    /// let previous = last.previous();
    /// assert!(previous.is_none(), "nothing that matches comes before");
    /// let page = snapshot.answer(&"tid=*&count=3&page=3".parse()?);
    /// let query = Query::builder().count(2).before(page.previous().unwrap()).build()?;
    /// let tids = snapshot.answer(&query).records().map(|record| record.tid()).collect::<Vec<_>>();
    /// assert_eq!(tids, [5, 6]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn before(mut self, cursor: Cursor) -> QueryBuilder {
        self.query.before = Some(Box::new(cursor));
        self
    }

    /// Adds a key to the order; one that is named already changes nothing.
    #[must_use]
    pub fn order(mut self, key: impl Into<SortKey>, direction: Direction) -> QueryBuilder {
        self.add_key(key.into(), direction);
        self
    }

    pub(super) fn add_key(&mut self, key: SortKey, direction: Direction) {
        if key.is_valid() {
            self.query.order.push(OrderKey { key, direction });
        } else {
            self.fail("order", &key.to_string(), ORDER_EXPECTED);
        }
    }

    /// Returns the query, or the first error in the order of the calls, where `count`, `page` and places come
    /// last.
    ///
    /// The errors are [`ErrorKind::InvalidValue`] and, of a second value of a date,
    /// [`ErrorKind::DuplicateVariable`]; then [`ErrorKind::PageNeedsCount`],
    /// [`ErrorKind::PageNeedsWildcard`], [`ErrorKind::InvalidValue`] for a cursor of another order,
    /// and [`ErrorKind::CursorConflict`].
    pub fn build(mut self) -> Result<Query, Error> {
        self.finish()?;
        Ok(self.query)
    }

    /// Completes the query in place, as it is long to move; [`build`](Self::build) returns it.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if let Some(error) = self.first_error.take() {
            return Err(error);
        }
        filter::settle(&mut self.query.filters);
        retain_first(&mut self.query.terms, String::clone);
        retain_first(&mut self.query.excluded_terms, String::clone);
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
        self.check_places()
    }

    /// Checks that a place is one in the order, and that no page or other place stands beside it.
    fn check_places(&self) -> Result<(), Error> {
        let Query {
            after,
            before,
            order,
            ..
        } = &self.query;
        for (variable, place) in [("after", after), ("before", before)] {
            if let Some(cursor) = place.as_deref().filter(|cursor| !cursor.is_of(order)) {
                let token = cursor.to_string();
                return Err(invalid_value(variable, &token, ORDER_OF_CURSOR_EXPECTED));
            }
        }
        let (variable, cursor, other) = match (after, before, self.query.page) {
            (Some(after), Some(_), _) => ("after", after, "before"),
            (Some(after), None, Some(_)) => ("after", after, "page"),
            (None, Some(before), Some(_)) => ("before", before, "page"),
            (None, None, _) | (_, _, None) => return Ok(()),
        };
        let value = shorten(&cursor.to_string());
        let conflict = ErrorKind::CursorConflict {
            variable,
            value,
            other,
        };
        Err(conflict.into())
    }

    fn fail(&mut self, variable: &str, value: &str, expected: &'static str) {
        self.first_error
            .get_or_insert_with(|| invalid_value(variable, value, expected));
    }
}
