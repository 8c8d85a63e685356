//! The filters of a query, read once: texts folded, dates as seconds, the two bounds of a field as a range.
//!
//! An answer binds them to each segment ([`bind`](super::bind)), which pays where many rows are tested.
//! Where few tickets are tested, each is compared with the filters as they are here
//! ([`changes`](super::changes)).

use std::borrow::Cow;
use std::sync::Arc;

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::model::names::CustomNames;
use crate::model::value::{Moment, date_to_seconds, fold, fold_short};
use crate::model::{Field, FieldKind};
use crate::query::{AnyField, FieldFilter, FieldTest, FilterValue, FilterValues};
use crate::query::{Query, TidFilter};
use crate::segment::{DigitPattern, RowSet, Slot};

/// One filter of a request.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// The field equals this folded text.
    Value(Field, CompactString),
    /// The field equals one of these folded texts.
    Values(Field, Vec<CompactString>),
    /// The folded cid is at or after the first text, and at or before the second or begins with it.
    Cids(Box<(Option<String>, Option<String>)>),
    /// The number of the field is between two, both inclusive; none is not.
    Numbers(Field, u64, u64),
    /// The number of the commit that put the ticket is above this one.
    ChangedSince(u64),
    /// The decimal form of the tid matches.
    Pattern(Arc<DigitPattern>),
    /// A searchable text holds this folded term.
    Term(CompactString),
    /// No searchable text holds this folded term.
    ExcludedTerm(CompactString),
    /// Any other test of a field's value.
    Test(Box<Condition>),
}

/// The test of one field's value, or the complement of it.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) field: AnyField,
    /// Where the snapshot has the field; none for a custom field that none of its tickets has.
    pub(super) slot: Option<Slot>,
    pub(super) test: ValueTest,
    pub(super) is_complement: bool,
}

/// What a value must satisfy.
#[derive(Clone, Debug)]
pub(super) enum ValueTest {
    /// Is one of these folded texts; of a list, has an element that is.
    Texts(Vec<String>),
    /// Is a number between two of one of these pairs, both inclusive; none is not.
    Numbers(Vec<(u64, u64)>),
    /// Is empty or none; of a list, has no element.
    Empty,
}

/// Filters, of which most requests have one or two.
pub(super) type FilterList = SmallVec<[Filter; 2]>;

/// All filters of a request, read once.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    /// The least and the greatest tid that can match; none where nothing can.
    pub(super) tids: Option<(u64, u64)>,
    /// All others, in the order in which they are bound: the documented ones by value, then the documented ranges and
    /// `changed_since`, then all other tests of fields, then tid patterns and terms.
    pub(super) all: FilterList,
    /// The rows of each segment that are in the set of tickets that the caller gave; none where
    /// no set was given.
    pub(super) within: Vec<Arc<RowSet>>,
}

impl Filters {
    /// The index of the set of tickets among the filters.
    pub(super) const WITHIN: usize = usize::MAX;
    /// The index of a filter that no request has: it is added for a part of the order.
    pub(super) const ADDED: usize = usize::MAX - 1;

    /// Reads the filters of a query, for a snapshot with these custom names.
    pub(super) fn of(query: &Query, names: &CustomNames) -> Filters {
        let mut all = FilterList::new();
        for filter in query.filters() {
            let (AnyField::Field(field), FieldTest::AnyOf(FilterValues::Texts(values))) =
                (&filter.field, &filter.test)
            else {
                continue;
            };
            match &values[..] {
                _ if !filter.is_documented() => {}
                [value] => all.push(Filter::Value(*field, fold_short(value))),
                values => {
                    let values = values.iter().map(|value| fold_short(value));
                    all.push(Filter::Values(*field, values.collect()));
                }
            }
        }
        let (start, end) = query.cid_range();
        if start.is_some() || end.is_some() {
            all.push(Filter::Cids(Box::new((start.map(fold), end.map(fold)))));
        }
        let (start, end) = query.date_range();
        if start.is_some() || end.is_some() {
            let first = start.map_or(0, date_to_seconds);
            let last = end.map_or(u64::MAX, date_to_seconds);
            all.push(Filter::Numbers(Field::DateOpened, first, last));
        }
        if let Some(due) = query.due() {
            let (first, last) = seconds_of(due);
            all.push(Filter::Numbers(Field::DueDate, first, last));
        }
        // Every ticket is of a commit, and these are numbered from 1.
        if let Some(number) = query.changed_since().filter(|&number| number > 0) {
            all.push(Filter::ChangedSince(number));
        }
        add_tests(query.filters(), names, &mut all);
        if let Some(TidFilter::Pattern(pattern)) = query.tid() {
            let pattern = DigitPattern::new(pattern.as_str());
            all.push(Filter::Pattern(pattern.into()));
        }
        for term in query.terms() {
            all.push(Filter::Term(fold_short(term)));
        }
        for term in query.excluded_terms() {
            all.push(Filter::ExcludedTerm(fold_short(term)));
        }
        let (start, end) = query.tid_range();
        let (mut first, mut last) = (start.unwrap_or(0), end.unwrap_or(u64::MAX));
        if let Some(TidFilter::Exact(tid)) = query.tid() {
            first = first.max(*tid);
            last = last.min(*tid);
        }
        Filters {
            tids: (first <= last).then_some((first, last)),
            all,
            within: Vec::new(),
        }
    }

    /// Returns how `explain` calls a filter.
    pub(super) fn name(&self, index: usize) -> Cow<'static, str> {
        let Some(filter) = self.all.get(index) else {
            return "tickets given".into();
        };
        let name = match filter {
            Filter::Value(field, _) | Filter::Values(field, _) => field.request_name(),
            Filter::Cids(..) => Field::Cid.name(),
            Filter::Numbers(field, ..) => field.name(),
            Filter::ChangedSince(_) => "changed_since",
            Filter::Pattern(_) => Field::Tid.name(),
            Filter::Term(term) => return format!("keyword {term:?}").into(),
            Filter::ExcludedTerm(term) => return format!("keyword!= {term:?}").into(),
            Filter::Test(condition) => return condition.name(),
        };
        name.into()
    }
}

impl Condition {
    /// Returns how `explain` calls the condition.
    fn name(&self) -> Cow<'static, str> {
        let name: Cow<'static, str> = match &self.field {
            AnyField::Field(field) => field.request_name().into(),
            custom @ AnyField::Custom(_) => custom.to_string().into(),
        };
        match (&self.test, self.is_complement) {
            (ValueTest::Texts(_) | ValueTest::Numbers(_), false) => name,
            (ValueTest::Texts(_) | ValueTest::Numbers(_), true) => format!("{name}!=").into(),
            (ValueTest::Empty, false) => format!("empty {name}").into(),
            (ValueTest::Empty, true) => format!("present {name}").into(),
        }
    }
}

/// Adds the filters that no other kind of [`Filter`] says; bounds of one field become one range.
fn add_tests(filters: &[FieldFilter], names: &CustomNames, all: &mut FilterList) {
    let mut left = filters.iter().peekable();
    while let Some(filter) = left.next() {
        // Those of the vendor's page were read before.
        if filter.is_documented() {
            continue;
        }
        let (test, is_complement) = match &filter.test {
            FieldTest::AnyOf(values) => (values_test(values), false),
            FieldTest::NoneOf(values) => (values_test(values), true),
            FieldTest::AtLeast(least) => {
                let is_end = |next: &&FieldFilter| {
                    next.field == filter.field && matches!(next.test, FieldTest::AtMost(_))
                };
                let end = left.next_if(is_end).map(|next| &next.test);
                let most = match end {
                    Some(FieldTest::AtMost(most)) => number_of(most),
                    _ => u64::MAX,
                };
                (ValueTest::Numbers(vec![(number_of(least), most)]), false)
            }
            FieldTest::AtMost(most) => (ValueTest::Numbers(vec![(0, number_of(most))]), false),
            FieldTest::Empty => (ValueTest::Empty, false),
            FieldTest::Present => (ValueTest::Empty, true),
        };
        let slot = match &filter.field {
            AnyField::Field(field) => Some(Slot::Field(*field)),
            AnyField::Custom(name) => names.find(name).map(Slot::Custom),
        };
        all.push(Filter::Test(Box::new(Condition {
            field: filter.field.clone(),
            slot,
            test,
            is_complement,
        })));
    }
}

fn values_test(values: &FilterValues) -> ValueTest {
    match values {
        FilterValues::Texts(texts) => ValueTest::Texts(texts.iter().map(|it| fold(it)).collect()),
        FilterValues::Integers(integers) => {
            ValueTest::Numbers(integers.iter().map(|&integer| (integer, integer)).collect())
        }
        FilterValues::Dates(moments) => {
            ValueTest::Numbers(moments.iter().map(|&moment| seconds_of(moment)).collect())
        }
    }
}

/// Returns the first and the last second of a moment, as a column of dates has them.
fn seconds_of(moment: Moment) -> (u64, u64) {
    let first = date_to_seconds(moment.first_second());
    (first, date_to_seconds(moment.last_second()))
}

/// Returns a bound as a column has it; a date that bounds is a second already.
fn number_of(bound: &FilterValue) -> u64 {
    match bound {
        FilterValue::Integer(integer) => *integer,
        FilterValue::Date(moment) => seconds_of(*moment).0,
        FilterValue::Text(_) => 0,
    }
}

/// Returns whether a 0 stands for none in a slot's column, where a 0 in a range means it too.
pub(super) fn has_zero_for_none(slot: Slot) -> bool {
    matches!(slot, Slot::Field(field) if field.kind() == FieldKind::Integer)
}
