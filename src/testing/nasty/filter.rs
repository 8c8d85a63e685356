//! Tests of every field, in every spelling: what a request may ask beyond the documented variables.
//!
//! Most are taken from one ticket, so that they agree with one another and with it.

use super::value::{Name, Pairs, make_keyword, show_date, swap_case};
use super::{CUSTOM_NAMES, IDENTIFIERS, NAMES, PIECES, Random};
use crate::{Cell, Field, FieldKind, Ticket};

/// Returns the names of the variables that are not documented by the vendor, with their operators.
///
/// Custom fields count as one, `custom_fields`.
pub fn more_variables() -> Vec<String> {
    let own = |field: Field| field.alias().unwrap_or(field.name());
    let equal = equal_fields().map(|field| field.name().to_owned());
    let unequal = tested_fields().map(|field| format!("{}!", own(field)));
    let ranges = ranged_fields().map(own);
    let ranges = ranges.flat_map(|name| ['<', '>'].map(|operator| format!("{name}{operator}")));
    let others = [
        "custom_fields",
        "custom_fields!",
        "empty",
        "present",
        "keyword!",
        "changed_since",
        "fields",
    ];
    let others = others.map(str::to_owned);
    equal.chain(unequal).chain(ranges).chain(others).collect()
}

/// The fields that can be tested by a value.
fn tested_fields() -> impl Iterator<Item = Field> {
    let others = [
        Field::Tid,
        Field::CustomFields,
        Field::Subject,
        Field::Summary,
    ];
    Field::ALL
        .into_iter()
        .filter(move |field| !others.contains(field))
}

/// Those of them that no documented variable filters.
fn equal_fields() -> impl Iterator<Item = Field> {
    let is_new = |field: &Field| *field != Field::DueDate && !Field::FILTERS.contains(field);
    tested_fields().filter(is_new)
}

/// The fields that have a range.
fn ranged_fields() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| {
        matches!(
            field.kind(),
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date
        )
    })
}

fn one_of(random: &mut Random, fields: impl Iterator<Item = Field>) -> Field {
    let fields: Vec<Field> = fields.collect();
    random.choose(&fields)
}

/// Adds a test of a field that the request does not have yet, mostly one that the target passes.
pub(super) fn push_test(
    random: &mut Random,
    target: &Ticket,
    tickets: &[Ticket],
    pairs: &mut Pairs,
) {
    match random.below(16) {
        0..4 if random.is_one_in(12) => push_custom(random, target, "", pairs),
        0..4 => {
            let field = one_of(random, equal_fields());
            push_values(random, field, "", target, pairs);
        }
        4..10 => match random.below(18) {
            0 => push_custom(random, target, "!", pairs),
            1 => {
                let others = if tickets.is_empty() {
                    target
                } else {
                    random.pick(&[target, &tickets[0]])
                };
                let keyword = make_keyword(random, others);
                let keyword = if random.is_one_in(4) {
                    keyword
                } else {
                    random.pick(&PIECES).to_owned()
                };
                pairs.push(("keyword!".into(), keyword));
            }
            _ => {
                let field = one_of(random, tested_fields());
                push_values(random, field, "!", target, pairs);
            }
        },
        13 if random.is_one_in(2) => push_changed_since(random, pairs),
        10..14 => push_bound(random, target, pairs),
        _ => push_presence(random, target, pairs),
    }
}

/// The name that a request has for a field: the documented one, or that of the output variable.
fn name_of(random: &mut Random, field: Field) -> &'static str {
    match field.alias() {
        Some(alias) if !random.is_one_in(3) => alias,
        _ => field.name(),
    }
}

fn is_given(name: &str, pairs: &Pairs) -> bool {
    pairs.iter().any(|(own, _)| own == name)
}

/// Adds values that the field shall equal, or shall not.
fn push_values(
    random: &mut Random,
    field: Field,
    operator: &'static str,
    target: &Ticket,
    pairs: &mut Pairs,
) {
    let name: Name = format!("{}{operator}", name_of(random, field)).into();
    let is_unequal = !operator.is_empty();
    let is_date = field.kind() == FieldKind::Date;
    if is_date && !is_unequal && is_given(&name, pairs) {
        return;
    }
    let more_count = if is_date && !is_unequal {
        0
    } else {
        random.choose(&[0, 0, 1, 3])
    };
    for _ in 0..more_count {
        let other = make_other(random, field, target);
        pairs.push((name.clone(), other));
    }
    let value = if is_unequal && !random.is_one_in(6) {
        make_other(random, field, target)
    } else {
        own_value(random, field, target)
    };
    let is_star = value == "*" && is_unequal;
    pairs.push((name, if is_star { "**".to_owned() } else { value }));
}

/// A value of the field that the target does not have, mostly; never one that it may not have.
fn make_other(random: &mut Random, field: Field, target: &Ticket) -> String {
    match field.kind() {
        FieldKind::Integer | FieldKind::OptionalInteger => {
            let integers = ["0", "00", "1", "002", "3", "18446744073709551615"];
            random.pick(&integers).to_owned()
        }
        FieldKind::Date => {
            let Cell::Date(date) = target.cell(field) else {
                return String::new();
            };
            let other = if random.is_one_in(3) { date } else { None };
            show_date(random, other, 1)
        }
        FieldKind::Identifier if field.is_list() => {
            let elements = [
                "12", "13", "A-1", "a-2", "ß", "σ", "x", "12,13", " 13", "1", "a=b",
            ];
            random.pick(&elements).to_owned()
        }
        FieldKind::Identifier => random.pick(&IDENTIFIERS).to_owned(),
        FieldKind::Flag => random.pick(&["n", "N", "Y", "y", "X"]).to_owned(),
        FieldKind::Text | FieldKind::CustomFields => {
            let other = random.pick(&NAMES);
            if other == "*" {
                String::new()
            } else {
                other.to_owned()
            }
        }
    }
}

/// The value of the target, mostly in another spelling; some value where it has none.
fn own_value(random: &mut Random, field: Field, target: &Ticket) -> String {
    let own = match target.cell(field) {
        Cell::Text(list) if field.is_list() => {
            let elements: Vec<&str> = list
                .split(',')
                .map(|element| element.trim_matches(char::is_whitespace))
                .filter(|element| !element.is_empty())
                .collect();
            if elements.is_empty() {
                return make_other(random, field, target);
            }
            elements[random.below(elements.len())].to_owned()
        }
        Cell::Text(text) => text.to_owned(),
        Cell::Integer(integer) | Cell::OptionalInteger(Some(integer)) => {
            return random.pick(&["", "0"]).to_owned() + &integer.to_string();
        }
        Cell::OptionalInteger(None) => return "0".to_owned(),
        Cell::Date(date) => return show_date(random, date, 0),
        Cell::CustomFields(_) => String::new(),
    };
    match random.below(12) {
        0 => "*".to_owned(),
        1..6 => swap_case(&own),
        _ => own,
    }
}

fn push_custom(random: &mut Random, target: &Ticket, operator: &str, pairs: &mut Pairs) {
    let own = target.custom_fields.first();
    let (name, text) = match own {
        Some((name, text)) if !random.is_one_in(4) => (name.as_str(), text.as_str()),
        _ if random.is_one_in(8) => ("nowhere", "x"),
        _ => (random.pick(&CUSTOM_NAMES), "Print"),
    };
    let name: Name = format!("custom_fields.{name}{operator}").into();
    if random.is_one_in(3) {
        pairs.push((name.clone(), random.pick(&PIECES).to_owned()));
    }
    let text = if random.is_one_in(2) {
        swap_case(text)
    } else {
        text.to_owned()
    };
    pairs.push((name, text));
}

/// Adds a bound around the target's value, unless there is one.
fn push_bound(random: &mut Random, target: &Ticket, pairs: &mut Pairs) {
    let field = one_of(random, ranged_fields());
    let operator = random.pick(&["<", ">"]);
    let name = format!("{}{operator}", field.name());
    let of_page = match (field, operator) {
        (Field::Tid, ">") => "start_tid",
        (Field::Tid, _) => "end_tid",
        (Field::DateOpened, ">") => "start_date",
        (Field::DateOpened, _) => "end_date",
        _ => "",
    };
    if is_given(&name, pairs) || is_given(of_page, pairs) {
        return;
    }
    let is_most = operator == "<";
    let value = match target.cell(field) {
        Cell::Integer(own) | Cell::OptionalInteger(Some(own)) => {
            // Mostly on the side where it holds, now and then on the other or at an end.
            let value = match (random.below(12), is_most) {
                (0..5, _) => own,
                (5..9, true) | (9, false) => own.saturating_add(1),
                (5..9, false) | (9, true) => own.saturating_sub(1),
                (10, _) => 0,
                _ => u64::MAX,
            };
            value.to_string()
        }
        Cell::OptionalInteger(None) => random.pick(&["0", "2", "18446744073709551615"]).to_owned(),
        Cell::Date(date) => show_date(random, date, if is_most { 1 } else { -1 }),
        _ => return,
    };
    pairs.push((name.into(), value));
}

/// Adds the number of one of a store's first commits, unless there is one.
fn push_changed_since(random: &mut Random, pairs: &mut Pairs) {
    if !is_given("changed_since", pairs) {
        // Most stores are of few commits, and above all of them there is nothing.
        let numbers = [
            "0",
            "0",
            "0",
            "00",
            "1",
            "01",
            "2",
            "3",
            "6",
            "18446744073709551615",
        ];
        pairs.push(("changed_since".into(), random.pick(&numbers).to_owned()));
    }
}

/// Adds a list of fields of which the target has no value, or has one.
fn push_presence(random: &mut Random, target: &Ticket, pairs: &mut Pairs) {
    let is_empty = |field: Field| match target.cell(field) {
        Cell::Text(text) => text.is_empty(),
        Cell::Integer(integer) => integer == 0,
        Cell::OptionalInteger(integer) => integer.is_none(),
        Cell::Date(date) => date.is_none(),
        Cell::CustomFields(pairs) => pairs.is_empty(),
    };
    let asks_empty = random.is_one_in(2);
    let mut listed = Vec::new();
    for _ in 0..random.choose(&[1, 1, 2, 3]) {
        let fields = Field::ALL.into_iter();
        let fields = fields.filter(|&field| field != Field::Tid);
        let agreeing: Vec<Field> = fields.filter(|&it| is_empty(it) == asks_empty).collect();
        let field = if agreeing.is_empty() || random.is_one_in(12) {
            Field::CustomFields
        } else {
            random.choose(&agreeing)
        };
        listed.push(show_field(random, field));
    }
    let name = if asks_empty { "empty" } else { "present" };
    pairs.push((
        name.into(),
        listed.join(random.pick(&[",", " , ", "\t,\u{a0}"])),
    ));
}

/// A field in one of its spellings; for `custom_fields` now and then one of them.
fn show_field(random: &mut Random, field: Field) -> String {
    let name = match field {
        Field::CustomFields if random.is_one_in(2) => {
            format!("custom_fields.{}", random.pick(&CUSTOM_NAMES))
        }
        field => name_of(random, field).to_owned(),
    };
    if random.is_one_in(4) {
        name.to_uppercase()
    } else {
        name
    }
}

/// Makes a list of variables to show.
pub(super) fn make_fields(random: &mut Random) -> String {
    let mut listed = Vec::new();
    for _ in 0..random.choose(&[1, 2, 3, 8]) {
        let field = random.choose(&Field::ALL);
        let field = if random.is_one_in(5) {
            Field::CustomFields
        } else {
            field
        };
        listed.push(show_field(random, field));
    }
    listed.join(random.pick(&[",", ", ", "\u{3000},"]))
}
