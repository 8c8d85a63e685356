//! The filters of a query, read once to be asked of single tickets.
//!
//! A plan turns filters into ordinals and sets of each segment, which pays where many rows are asked.
//! Here few are, of segments that are there for one commit, so a filter is compared with the values
//! themselves. Conditions depend on no snapshot: custom fields go by name.
//!
//! # Cost
//!
//! A comparison a filter and value. Terms cost a search in the ticket's searchable texts, which are
//! folded once a ticket, however many ask.

use super::super::order::Value;
use super::row::Subject;
use crate::model::compare::{cmp_folded, elements, is_among, starts_with_folded};
use crate::model::value::{date_to_seconds, fold};
use crate::model::{Field, FieldKind};
use crate::query::{AnyField, FieldFilter, FieldTest, FilterValue, FilterValues};
use crate::query::{Query, TidFilter};
use crate::segment::{DigitPattern, Slot};

/// What a value must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Test {
    /// Is one of these folded texts, which ascend; of a list, has an element that is.
    Texts(Box<[String]>),
    /// Is a number between two of one of these pairs, both inclusive; none is not.
    Numbers(Box<[(u64, u64)]>),
    /// Is a folded text at or after this one.
    AtLeast(Box<str>),
    /// Is a folded text at or before this one, or begins with it.
    AtMost(Box<str>),
    /// Is empty or none; of a list, has no element.
    Empty,
}

/// A test of one field, or the complement of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Condition {
    /// A custom name is in lower case.
    pub(in super::super) field: AnyField,
    pub(in super::super) test: Test,
    pub(in super::super) is_complement: bool,
}

/// All filters of a query; a place in the order is none of them.
#[derive(Clone, Debug)]
pub(in super::super) struct Conditions {
    /// The least and the greatest tid that can match; none where nothing can.
    pub(in super::super) tids: Option<(u64, u64)>,
    pattern: Option<DigitPattern>,
    /// The number of the commit that put the ticket is above this one.
    version_above: u64,
    pub(in super::super) tests: Box<[Condition]>,
    /// Folded.
    pub(in super::super) terms: Box<[String]>,
    excluded_terms: Box<[String]>,
}

impl Conditions {
    /// Reads the filters of a query.
    pub(in super::super) fn of(query: &Query) -> Conditions {
        let (start, end) = query.tid_range();
        let (mut first, mut last) = (start.unwrap_or(0), end.unwrap_or(u64::MAX));
        let mut pattern = None;
        match query.tid() {
            Some(TidFilter::Exact(tid)) => {
                first = first.max(*tid);
                last = last.min(*tid);
            }
            Some(TidFilter::Pattern(own)) => pattern = Some(DigitPattern::new(own.as_str())),
            Some(TidFilter::Any) | None => {}
        }
        let folded = |terms: &[String]| terms.iter().map(|term| fold(term)).collect();
        Conditions {
            tids: (first <= last).then_some((first, last)),
            pattern,
            // Every ticket is of a commit, and these are numbered from 1.
            version_above: query.changed_since().unwrap_or(0),
            tests: conditions(query.filters()),
            terms: folded(query.terms()),
            excluded_terms: folded(query.excluded_terms()),
        }
    }

    /// Returns whether a ticket matches.
    pub(in super::super) fn hold(&self, subject: &Subject<'_>) -> bool {
        self.hold_by(subject, |term| subject.has_term(term))
    }

    /// Returns the same, given what says whether the ticket's texts hold a term.
    pub(in super::super) fn hold_by<'c>(
        &'c self,
        subject: &Subject<'_>,
        mut has_term: impl FnMut(&'c str) -> bool,
    ) -> bool {
        let tid = subject.row.tid();
        self.tids
            .is_some_and(|(first, last)| (first..=last).contains(&tid))
            && (self.version_above == 0 || subject.row.version() > self.version_above)
            && self.pattern.as_ref().is_none_or(|own| own.matches(tid))
            && self.tests.iter().all(|test| test.holds(subject))
            && self.terms.iter().all(|term| has_term(term))
            && !self.excluded_terms.iter().any(|term| has_term(term))
    }
}

/// Reads the filters on fields but tid; bounds of one field become one range.
fn conditions(filters: &[FieldFilter]) -> Box<[Condition]> {
    let mut read = Vec::with_capacity(filters.len());
    let mut left = filters.iter().peekable();
    while let Some(FieldFilter { field, test }) = left.next() {
        if *field == AnyField::Field(Field::Tid) {
            continue;
        }
        let (test, is_complement) = match test {
            FieldTest::AnyOf(values) => (values_test(values), false),
            FieldTest::NoneOf(values) => (values_test(values), true),
            FieldTest::AtLeast(FilterValue::Text(text)) => {
                (Test::AtLeast(fold(text).into()), false)
            }
            FieldTest::AtMost(FilterValue::Text(text)) => (Test::AtMost(fold(text).into()), false),
            FieldTest::AtLeast(least) => {
                let is_end = |next: &&FieldFilter| {
                    next.field == *field && matches!(next.test, FieldTest::AtMost(_))
                };
                let end = match left.next_if(is_end).map(|next| &next.test) {
                    Some(FieldTest::AtMost(most)) => last_number(most),
                    _ => u64::MAX,
                };
                (Test::Numbers([(first_number(least), end)].into()), false)
            }
            FieldTest::AtMost(most) => (Test::Numbers([(0, last_number(most))].into()), false),
            FieldTest::Empty => (Test::Empty, false),
            FieldTest::Present => (Test::Empty, true),
        };
        let field = match field {
            AnyField::Field(field) => AnyField::Field(*field),
            AnyField::Custom(name) => AnyField::Custom(name.to_ascii_lowercase()),
        };
        read.push(Condition {
            field,
            test,
            is_complement,
        });
    }
    read.into()
}

fn values_test(values: &FilterValues) -> Test {
    match values {
        FilterValues::Texts(texts) => {
            let mut folded: Vec<String> = texts.iter().map(|text| fold(text)).collect();
            folded.sort_unstable();
            folded.dedup();
            Test::Texts(folded.into())
        }
        FilterValues::Integers(integers) => {
            Test::Numbers(integers.iter().map(|&it| (it, it)).collect())
        }
        FilterValues::Dates(moments) => {
            let seconds = moments.iter().map(|&moment| {
                let moment = FilterValue::Date(moment);
                (first_number(&moment), last_number(&moment))
            });
            Test::Numbers(seconds.collect())
        }
    }
}

/// Returns a value as columns have it: of a date its first second.
fn first_number(value: &FilterValue) -> u64 {
    match value {
        FilterValue::Integer(integer) => *integer,
        FilterValue::Date(moment) => date_to_seconds(moment.first_second()),
        FilterValue::Text(_) => 0,
    }
}

/// Returns a value as columns have it: of a date its last second.
fn last_number(value: &FilterValue) -> u64 {
    match value {
        FilterValue::Date(moment) => date_to_seconds(moment.last_second()),
        other => first_number(other),
    }
}

impl Condition {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        self.passes(subject) != self.is_complement
    }

    fn passes(&self, subject: &Subject<'_>) -> bool {
        let text = || {
            let slot = subject.slot(&self.field);
            slot.map(|slot| subject.row.text(slot)).unwrap_or_default()
        };
        let field = self.field.field();
        match &self.test {
            Test::Texts(folded) if field.is_some_and(Field::is_list) => {
                elements(&text()).any(|element| is_among(element, folded))
            }
            Test::Texts(folded) => is_among(&text(), folded),
            Test::Numbers(ranges) => {
                let number = field.and_then(|field| subject.row.number(field));
                let is_in = |number| {
                    let mut ranges = ranges.iter();
                    ranges.any(|&(first, last)| (first..=last).contains(&number))
                };
                number.is_some_and(is_in)
            }
            Test::AtLeast(least) => cmp_folded(&text(), least).is_ge(),
            Test::AtMost(most) => {
                let text = text();
                cmp_folded(&text, most).is_le() || starts_with_folded(&text, most)
            }
            Test::Empty => match field {
                Some(Field::CustomFields) => !subject.row.has_custom(),
                Some(field) => is_empty(field, subject),
                None => text().is_empty(),
            },
        }
    }
}

/// Returns whether a field has no value: empty, none, a 0 that stands for none, no element.
pub(in super::super) fn is_empty(field: Field, subject: &Subject<'_>) -> bool {
    match (subject.row.value(Slot::Field(field)), field.kind()) {
        (Value::Number(number), FieldKind::Integer) => number.unwrap_or(0) == 0,
        (Value::Number(number), _) => number.is_none(),
        (Value::Text(list), _) if field.is_list() => elements(list).next().is_none(),
        (Value::Text(text), _) => text.is_empty(),
        (Value::Long(text), _) => text.is_empty(),
    }
}
