//! Whether a ticket satisfies one filter: the tests of a field's value, one by one.
//!
//! # Cost
//!
//! Everything that is compared is folded first, each time.

use super::{custom, fold};
use crate::model::value::Moment;
use crate::model::{Cell, Field, Ticket};
use crate::query::{AnyField, FieldFilter, FieldTest, FilterValue, FilterValues};

/// Returns whether a ticket satisfies a filter.
pub(super) fn matches(filter: &FieldFilter, ticket: &Ticket) -> bool {
    let field = &filter.field;
    match &filter.test {
        FieldTest::AnyOf(values) => equals_any(ticket, field, values),
        FieldTest::NoneOf(values) => !equals_any(ticket, field, values),
        FieldTest::AtLeast(least) => is_at_least(ticket, field, least),
        FieldTest::AtMost(most) => is_at_most(ticket, field, most),
        FieldTest::Empty => is_empty(ticket, field),
        FieldTest::Present => !is_empty(ticket, field),
    }
}

/// One value of a ticket; a custom field's is a text.
fn cell<'a>(ticket: &'a Ticket, field: &AnyField) -> Cell<'a> {
    match field {
        AnyField::Field(field) => ticket.cell(*field),
        AnyField::Custom(name) => Cell::Text(custom(ticket, name)),
    }
}

/// The elements of a list: parted by commas, without white space around them.
pub(super) fn elements(list: &str) -> Vec<&str> {
    let parts = list
        .split(',')
        .map(|part| part.trim_matches(char::is_whitespace));
    parts.filter(|part| !part.is_empty()).collect()
}

pub(super) fn is_list(field: &AnyField) -> bool {
    let lists = [
        Field::LinkedAsset,
        Field::LinkedCalls,
        Field::LinkedDevices,
        Field::ChildrenTickets,
    ];
    matches!(field, AnyField::Field(field) if lists.contains(field))
}

fn equals_any(ticket: &Ticket, field: &AnyField, values: &FilterValues) -> bool {
    match (cell(ticket, field), values) {
        (Cell::Text(list), FilterValues::Texts(texts)) if is_list(field) => {
            let elements: Vec<String> = elements(list).into_iter().map(fold).collect();
            texts.iter().any(|text| elements.contains(&fold(text)))
        }
        (Cell::Text(own), FilterValues::Texts(texts)) => {
            texts.iter().any(|text| fold(text) == fold(own))
        }
        (Cell::Integer(own), FilterValues::Integers(integers)) => integers.contains(&own),
        (Cell::OptionalInteger(own), FilterValues::Integers(integers)) => {
            own.is_some_and(|own| integers.contains(&own))
        }
        (Cell::Date(own), FilterValues::Dates(moments)) => {
            moments.iter().any(|moment| match moment {
                Moment::Day(day) => own.is_some_and(|own| own.date() == *day),
                Moment::Second(second) => own == Some(*second),
            })
        }
        _ => false,
    }
}

fn is_at_least(ticket: &Ticket, field: &AnyField, least: &FilterValue) -> bool {
    match (cell(ticket, field), least) {
        (Cell::Text(own), FilterValue::Text(least)) => fold(own) >= fold(least),
        (Cell::Integer(own), FilterValue::Integer(least)) => own >= *least,
        (Cell::OptionalInteger(own), FilterValue::Integer(least)) => {
            own.is_some_and(|own| own >= *least)
        }
        (Cell::Date(own), FilterValue::Date(least)) => {
            own.is_some_and(|own| own >= least.first_second())
        }
        _ => false,
    }
}

/// A text is at most another also where it begins with it.
fn is_at_most(ticket: &Ticket, field: &AnyField, most: &FilterValue) -> bool {
    match (cell(ticket, field), most) {
        (Cell::Text(own), FilterValue::Text(most)) => {
            fold(own) <= fold(most) || fold(own).starts_with(&fold(most))
        }
        (Cell::Integer(own), FilterValue::Integer(most)) => own <= *most,
        (Cell::OptionalInteger(own), FilterValue::Integer(most)) => {
            own.is_some_and(|own| own <= *most)
        }
        (Cell::Date(own), FilterValue::Date(most)) => {
            own.is_some_and(|own| own <= most.last_second())
        }
        _ => false,
    }
}

fn is_empty(ticket: &Ticket, field: &AnyField) -> bool {
    match cell(ticket, field) {
        Cell::Text(list) if is_list(field) => elements(list).is_empty(),
        Cell::Text(text) => text.is_empty(),
        Cell::Integer(integer) => integer == 0,
        Cell::OptionalInteger(integer) => integer.is_none(),
        Cell::Date(date) => date.is_none(),
        Cell::CustomFields(pairs) => pairs
            .iter()
            .all(|(name, _)| custom(ticket, name).is_empty()),
    }
}
