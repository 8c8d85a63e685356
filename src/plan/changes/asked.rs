//! The filters of a query, asked of single tickets.
//!
//! A plan binds filters to the ordinals and row sets of each segment, which pays where many rows are
//! tested. Here few rows are tested, most of them in segments of one commit, so a filter is compared
//! with the values themselves.
//!
//! # Cost
//!
//! A comparison for each filter and value. A term costs a search in the ticket's searchable texts, which
//! are folded once for each ticket, however many queries ask.

use super::super::filter::{Condition, Filter, Filters, ValueTest};
use super::super::order::Value;
use super::row::Subject;
use crate::model::compare::{cmp_folded, elements, is_among, starts_with_folded};
use crate::model::names::CustomNames;
use crate::model::{Field, FieldKind};
use crate::query::{AnyField, Query};
use crate::segment::Slot;

impl Filters {
    /// Reads the filters of a query to ask single tickets of any snapshot, except for `after` and
    /// `before`, which need a snapshot. Custom fields are found by their names, which are in lower case,
    /// and the texts of a list ascend.
    pub(in super::super) fn to_ask(query: &Query) -> Filters {
        let mut filters = Filters::of(query, &CustomNames::default());
        for filter in &mut filters.all {
            match filter {
                Filter::Values(_, texts) => put_in_order(texts),
                Filter::Test(condition) => {
                    if let ValueTest::Texts(texts) = &mut condition.test {
                        put_in_order(texts);
                    }
                    if let AnyField::Custom(name) = &mut condition.field {
                        name.make_ascii_lowercase();
                    }
                }
                Filter::Value(..)
                | Filter::Cids(_)
                | Filter::Numbers(..)
                | Filter::ChangedSince(_)
                | Filter::Pattern(_)
                | Filter::Term(_)
                | Filter::ExcludedTerm(_) => {}
            }
        }
        filters
    }

    /// Returns whether a ticket matches.
    pub(super) fn hold(&self, subject: &Subject<'_>) -> bool {
        self.hold_by(subject, |term| subject.has_term(term))
    }

    /// Returns whether a ticket matches, where `has_term` tells whether its texts hold a term.
    pub(in super::super) fn hold_by<'f>(
        &'f self,
        subject: &Subject<'_>,
        mut has_term: impl FnMut(&'f str) -> bool,
    ) -> bool {
        let tid = subject.row.tid();
        self.tids
            .is_some_and(|(first, last)| (first..=last).contains(&tid))
            && self.all.iter().all(|it| it.holds(subject, &mut has_term))
    }
}

fn put_in_order<T: Ord>(texts: &mut Vec<T>) {
    texts.sort_unstable();
    texts.dedup();
}

impl Filter {
    /// Returns whether a ticket passes, where `has_term` tells whether its texts hold a term.
    fn holds<'f>(
        &'f self,
        subject: &Subject<'_>,
        has_term: &mut impl FnMut(&'f str) -> bool,
    ) -> bool {
        let row = subject.row;
        let text = |field: Field| row.text(Slot::Field(field));
        match self {
            Filter::Value(field, value) => cmp_folded(&text(*field), value).is_eq(),
            Filter::Values(field, values) => is_among(&text(*field), values),
            Filter::Cids(bounds) => {
                let (cid, (start, end)) = (text(Field::Cid), &**bounds);
                let is_through =
                    |end: &String| cmp_folded(&cid, end).is_le() || starts_with_folded(&cid, end);
                start
                    .as_ref()
                    .is_none_or(|start| cmp_folded(&cid, start).is_ge())
                    && end.as_ref().is_none_or(is_through)
            }
            Filter::Numbers(field, first, last) => {
                let number = row.number(*field);
                number.is_some_and(|number| (*first..=*last).contains(&number))
            }
            Filter::ChangedSince(number) => row.version() > *number,
            Filter::Pattern(pattern) => pattern.matches(row.tid()),
            Filter::Term(term) => has_term(term),
            Filter::ExcludedTerm(term) => !has_term(term),
            Filter::Test(condition) => condition.passes(subject) != condition.is_complement,
        }
    }
}

impl Condition {
    /// Returns whether a ticket passes the test, of which the condition may be the complement.
    fn passes(&self, subject: &Subject<'_>) -> bool {
        let text = || {
            let slot = subject.slot(&self.field);
            slot.map(|slot| subject.row.text(slot)).unwrap_or_default()
        };
        let field = self.field.field();
        match &self.test {
            ValueTest::Texts(folded) if field.is_some_and(Field::is_list) => {
                elements(&text()).any(|element| is_among(element, folded))
            }
            ValueTest::Texts(folded) => is_among(&text(), folded),
            ValueTest::Numbers(ranges) => {
                let number = field.and_then(|field| subject.row.number(field));
                let mut ranges = ranges.iter();
                number.is_some_and(|it| ranges.any(|&(first, last)| (first..=last).contains(&it)))
            }
            ValueTest::Empty => match field {
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
