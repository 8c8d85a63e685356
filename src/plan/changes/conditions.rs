//! The filters of a query, prepared for tests of single tickets.
//!
//! A plan turns filters into ordinals and row sets of each segment, which pays where many rows are
//! tested. Here few rows are tested, most of them in segments of one commit, so a filter is compared
//! with the values themselves. Conditions depend on no snapshot: they find custom fields by name.
//!
//! # Cost
//!
//! A comparison for each filter and value. A term costs a search in the ticket's searchable texts, which
//! are folded once for each ticket, however many queries ask.

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
    /// The text, or an element of the list, is one of these folded texts, which ascend.
    Texts(Box<[String]>),
    /// The number is within one of these ranges, both ends inclusive; a row without a number fails.
    Numbers(Box<[(u64, u64)]>),
    /// The text, folded, is equal to this one or after it.
    AtLeast(Box<str>),
    /// The text, folded, is equal to this one, before it, or begins with it.
    AtMost(Box<str>),
    /// There is no value: an empty text, no number, or a list without elements.
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

/// All filters of a query, except for `after` and `before`, which need a snapshot.
#[derive(Clone, Debug)]
pub(in super::super) struct Conditions {
    /// The least and the greatest tid that can match; none where no ticket can match.
    pub(in super::super) tids: Option<(u64, u64)>,
    pattern: Option<DigitPattern>,
    /// The commit number that a ticket's version must exceed; 0 lets all through.
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
            // Every ticket is of some commit, and commits are numbered from 1, so 0 lets all through.
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

    /// Returns whether a ticket matches, where `has_term` tells whether its texts hold a term.
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

/// Reads the filters on all fields except `tid`; the two bounds of a field become one range.
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

/// Returns a value as columns hold it; for a date, which may be a year, month or day, its first second.
fn first_number(value: &FilterValue) -> u64 {
    match value {
        FilterValue::Integer(integer) => *integer,
        FilterValue::Date(moment) => date_to_seconds(moment.first_second()),
        FilterValue::Text(_) => 0,
    }
}

/// Returns a value as columns hold it; for a date its last second.
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

/// Returns whether a field has no value: an empty text, no number, a 0 that stands for none, or a list
/// without elements.
pub(in super::super) fn is_empty(field: Field, subject: &Subject<'_>) -> bool {
    match (subject.row.value(Slot::Field(field)), field.kind()) {
        (Value::Number(number), FieldKind::Integer) => number.unwrap_or(0) == 0,
        (Value::Number(number), _) => number.is_none(),
        (Value::Text(list), _) if field.is_list() => elements(list).next().is_none(),
        (Value::Text(text), _) => text.is_empty(),
        (Value::Long(text), _) => text.is_empty(),
    }
}
