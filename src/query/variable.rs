//! What the name of a pair says.
//!
//! Most names are those of fields, which the field table has. [`NAMES`] has all names that are no
//! field's, and those of the fields that the vendor's page filters by.

use super::filter::{AnyField, FILTER_NAMES};
use crate::model::Field;
use crate::model::field_names::NameLengths;
use crate::model::variable::{ActionName, Operator, Single};

/// A variable of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// One that may stand once, and is no filter on a field.
    Single(Single),
    /// A field and what stands before its value.
    Filter(AnyField, Operator),
    /// `empty`: a list of fields without a value.
    Empty,
    /// `present`: a list of fields with one.
    Present,
    /// `keyword!=`: terms that may not occur.
    ExcludedKeyword,
}

/// What a name of [`NAMES`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Single(Single),
    /// A filter by a name that says its operator too: `start_tid` is `tid` with `>=`.
    Filter(Field, Operator),
    Empty,
    Present,
}

const NAMES_COUNT: usize = Single::ALL.len() + FILTER_NAMES.len() + Field::FILTERS.len() + 2;

/// The names that are found before those of fields, in the order in which an error lists them.
static NAMES: [(&str, Named); NAMES_COUNT] = {
    let mut names = [("", Named::Empty); NAMES_COUNT];
    let (mut at, mut index) = (0, 0);
    while index < Single::ALL.len() {
        let single = Single::ALL[index];
        // The vendor's page has its other filters between `keyword` and what follows.
        let mut filter = 0;
        while matches!(single, Single::ChangedSince) && filter < FILTER_NAMES.len() {
            let (name, field, operator) = FILTER_NAMES[filter];
            names[at] = (name, Named::Filter(field, operator));
            at += 1;
            filter += 1;
        }
        names[at] = (single.name(), Named::Single(single));
        at += 1;
        index += 1;
    }
    index = 0;
    while index < Field::FILTERS.len() {
        let field = Field::FILTERS[index];
        names[at] = (field.request_name(), Named::Filter(field, Operator::Equal));
        at += 1;
        index += 1;
    }
    names[at] = ("empty", Named::Empty);
    names[at + 1] = ("present", Named::Present);
    names
};

/// The lengths of the names of [`NAMES`].
static LENGTHS: NameLengths = {
    let mut lengths = NameLengths::EMPTY;
    let mut index = 0;
    while index < NAMES.len() {
        lengths = lengths.with(index, NAMES[index].0);
        index += 1;
    }
    lengths
};

impl Variable {
    /// Returns the variable of a pair's decoded name.
    ///
    /// A `!`, `>` or `<` at the end of the name is an operator. None for what is no variable, and
    /// for an operator that the field before it does not have, and for what the action does not know.
    pub(super) fn from_name(name: &str, action: ActionName) -> Option<Variable> {
        let (base, operator) = Operator::split(name);
        if operator == Operator::Equal {
            // Most names are written in lower case, which is compared many bytes at a time.
            let is_name = |own: &str| own == base || own.eq_ignore_ascii_case(base);
            let mut named = LENGTHS.as_long_as(base).map(|index| NAMES[index]);
            if let Some((_, named)) = named.find(|(own, _)| is_name(own)) {
                return named.variable(action);
            }
        }
        if operator == Operator::Unequal && base.eq_ignore_ascii_case(Single::Keyword.name()) {
            return Some(Variable::ExcludedKeyword);
        }
        let field = AnyField::from_name(base).filter(|field| field.takes(operator))?;
        Some(Variable::Filter(field, operator))
    }
}

impl Named {
    /// Returns the variable of the name, where the action knows it.
    fn variable(self, action: ActionName) -> Option<Variable> {
        match self {
            Named::Single(single) => {
                let is_known = single.only_action().is_none_or(|own| own == action);
                is_known.then_some(Variable::Single(single))
            }
            Named::Filter(field, operator) => Some(Variable::Filter(field.into(), operator)),
            Named::Empty => Some(Variable::Empty),
            Named::Present => Some(Variable::Present),
        }
    }
}

/// Returns the documented spelling of a pair's name, where it names a filter and its operator.
fn filter_name(pair_name: &str) -> Option<&'static str> {
    let mut names = FILTER_NAMES.iter().map(|(name, ..)| *name);
    names.find(|own| own.eq_ignore_ascii_case(pair_name))
}

/// Returns the name of a field with an operator, in the documented spelling of a pair's name.
pub(super) fn shown_name(field: &AnyField, operator: Operator, pair_name: &str) -> String {
    if let Some(name) = filter_name(pair_name) {
        return name.to_owned();
    }
    let base = Operator::split(pair_name).0;
    let alias = field.field().and_then(Field::alias);
    let alias = alias.filter(|alias| alias.eq_ignore_ascii_case(base));
    operator.name_after(alias.map_or_else(|| field.to_string(), str::to_owned))
}

/// Returns the name of a field with an operator, as the page or the field spells it.
pub(super) fn operator_name(field: Field, operator: Operator, pair_name: &str) -> &'static str {
    static BOUNDS: std::sync::OnceLock<Vec<[String; 2]>> = std::sync::OnceLock::new();
    if let Some(name) = filter_name(pair_name) {
        return name;
    }
    let names = BOUNDS.get_or_init(|| {
        let names = Field::ALL.map(|field| {
            [Operator::AtLeast, Operator::AtMost]
                .map(|operator| operator.name_after(field.name().to_owned()))
        });
        names.into()
    });
    match operator {
        Operator::AtLeast => &names[field.index()][0],
        Operator::AtMost => &names[field.index()][1],
        Operator::Equal | Operator::Unequal => field.name(),
    }
}

/// Returns the name of a pair that is no variable as an error shows it.
///
/// Where only the operator is wrong, it is shown as it is written: `tid!=`, `subject=`.
pub(super) fn unknown_name(name: &str, action: ActionName) -> String {
    let (base, operator) = Operator::split(name);
    let is_name = Operator::split(base).1 == Operator::Equal;
    let is_field = AnyField::from_name(base).is_some();
    let is_other = operator != Operator::Equal && Variable::from_name(base, action).is_some();
    if is_name && (is_field || is_other) {
        return format!("{name}=");
    }
    name.to_owned()
}

/// Returns the names that a request may use, as a list.
pub(super) fn known_names(action: ActionName) -> &'static str {
    use std::sync::OnceLock;

    static KNOWN: [OnceLock<String>; ActionName::ALL.len()] =
        [const { OnceLock::new() }; ActionName::ALL.len()];
    KNOWN[action as usize].get_or_init(|| {
        let names = NAMES.iter().filter(|(_, named)| named.variable(action).is_some());
        let names = names.map(|(name, _)| *name);
        let is_listed = |field: Field| {
            [Field::Tid, Field::DueDate].contains(&field) || Field::FILTERS.contains(&field)
        };
        let others = Field::ALL.into_iter();
        let others = others.filter(|&field| Operator::Equal.suits(field) && !is_listed(field));
        let names = names.chain(others.map(Field::name));
        let names: Vec<&str> = names.chain(["custom_fields.NAME"]).collect();
        format!(
            "{}; the name of any field, and keyword, also with !=; that of an integer or a date with >= and <=",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, named) in NAMES {
            for action in ActionName::ALL {
                let found = Variable::from_name(&name.to_uppercase(), action);
                assert_eq!(found, named.variable(action), "{name}");
            }
        }
    }

    /// What a person is told of a variable of the other action holds its names too.
    #[test]
    fn a_variable_of_one_action_names_it_to_the_other() {
        for (name, named) in NAMES {
            for action in ActionName::ALL {
                let request = format!("action={}&{name}=", action.name());
                let Err(error) = request.parse::<crate::Request>() else {
                    continue;
                };
                assert_eq!(named.variable(action), None, "{error}");
                let message = error.to_string();
                assert!(message.contains("action=count_tickets"), "{message}");
            }
        }
    }
}
