//! The variables of a request, and what the name of a pair says.
//!
//! Most names are those of fields, which the field table has. [`NAMES`] has all names that are no
//! field's, and those of the two fields that the page filters by in a way of their own.

use super::filter::{AnyField, Operator};
use crate::model::{Field, NameLengths};

/// What a request asks for, which says what variables it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ActionName {
    #[default]
    GetTickets,
    CountTickets,
}

impl ActionName {
    /// Returns the action of a value, which has no other spelling.
    pub(super) fn from_value(value: &str) -> Option<ActionName> {
        let mut all = [ActionName::GetTickets, ActionName::CountTickets].into_iter();
        all.find(|action| action.value() == value)
    }

    pub(super) const fn value(self) -> &'static str {
        match self {
            ActionName::GetTickets => "get_tickets",
            ActionName::CountTickets => "count_tickets",
        }
    }
}

/// A variable of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// One that may stand once, and is no filter by a field.
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

/// A variable that may stand once, and is no filter by a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Single {
    Action,
    Key,
    Format,
    Tid,
    Keyword,
    ChangedSince,
    Count,
    Page,
    CountOnly,
    Order,
    OrderDirection,
    Fields,
    After,
    Before,
    By,
    Top,
    ExcludeOwn,
}

/// What a name of [`NAMES`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Single(Single),
    /// A filter by a name that says its operator too: `start_tid` is `tid` with `>=`.
    Filter(Field, Operator),
}

/// The names that stand for something else than a field's value: the page's, and what came to them.
static NAMES: [(&str, Named); 24] = [
    ("action", Named::Single(Single::Action)),
    ("key", Named::Single(Single::Key)),
    ("format", Named::Single(Single::Format)),
    (Field::Tid.name(), Named::Single(Single::Tid)),
    ("keyword", Named::Single(Single::Keyword)),
    (
        Field::DueDate.name(),
        Named::Filter(Field::DueDate, Operator::Equal),
    ),
    ("start_tid", Named::Filter(Field::Tid, Operator::AtLeast)),
    ("end_tid", Named::Filter(Field::Tid, Operator::AtMost)),
    ("start_cid", Named::Filter(Field::Cid, Operator::AtLeast)),
    ("end_cid", Named::Filter(Field::Cid, Operator::AtMost)),
    (
        "start_date",
        Named::Filter(Field::DateOpened, Operator::AtLeast),
    ),
    (
        "end_date",
        Named::Filter(Field::DateOpened, Operator::AtMost),
    ),
    ("changed_since", Named::Single(Single::ChangedSince)),
    ("count", Named::Single(Single::Count)),
    ("page", Named::Single(Single::Page)),
    ("count_only", Named::Single(Single::CountOnly)),
    ("order", Named::Single(Single::Order)),
    ("order_direction", Named::Single(Single::OrderDirection)),
    ("fields", Named::Single(Single::Fields)),
    ("after", Named::Single(Single::After)),
    ("before", Named::Single(Single::Before)),
    ("by", Named::Single(Single::By)),
    ("top", Named::Single(Single::Top)),
    ("exclude_own", Named::Single(Single::ExcludeOwn)),
];

/// The lengths of the names of [`NAMES`] and, behind them, of the filters by any value of a field.
static LENGTHS: NameLengths = {
    let mut lengths = NameLengths::EMPTY;
    let mut index = 0;
    while index < NAMES.len() {
        lengths = lengths.with(index, NAMES[index].0);
        index += 1;
    }
    while index < NAMES.len() + Field::FILTERS.len() {
        lengths = lengths.with(index, Field::FILTERS[index - NAMES.len()].request_name());
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
            for index in LENGTHS.as_long_as(base) {
                if let Some(&(own, named)) = NAMES.get(index) {
                    if is_name(own) {
                        return named.variable(action);
                    }
                } else {
                    let field = Field::FILTERS[index - NAMES.len()];
                    if is_name(field.request_name()) {
                        return Some(Variable::Filter(field.into(), operator));
                    }
                }
            }
            for (own, variable) in [("empty", Variable::Empty), ("present", Variable::Present)] {
                if is_name(own) {
                    return Some(variable);
                }
            }
        }
        if operator == Operator::Unequal && base.eq_ignore_ascii_case("keyword") {
            return Some(Variable::ExcludedKeyword);
        }
        let field = AnyField::from_name(base).filter(|field| operator.suits(field))?;
        Some(Variable::Filter(field, operator))
    }
}

impl Named {
    /// Returns the variable of the name, where the action knows it.
    fn variable(self, action: ActionName) -> Option<Variable> {
        match self {
            Named::Single(single) => single.is_of(action).then_some(Variable::Single(single)),
            Named::Filter(field, operator) => Some(Variable::Filter(field.into(), operator)),
        }
    }

    /// Returns the name; none of a filter that is no entry of [`NAMES`].
    pub(super) fn name(self) -> Option<&'static str> {
        let own = NAMES.iter().find(|(_, named)| *named == self);
        own.map(|(name, _)| *name)
    }
}

impl Single {
    /// Returns whether an action knows the variable.
    fn is_of(self, action: ActionName) -> bool {
        match self {
            Single::Count
            | Single::Page
            | Single::CountOnly
            | Single::Order
            | Single::OrderDirection
            | Single::Fields
            | Single::After
            | Single::Before => action == ActionName::GetTickets,
            Single::By | Single::Top | Single::ExcludeOwn => action == ActionName::CountTickets,
            Single::Action
            | Single::Key
            | Single::Format
            | Single::Tid
            | Single::Keyword
            | Single::ChangedSince => true,
        }
    }

    /// Returns the name of the variable.
    pub(super) fn name(self) -> &'static str {
        // A test holds that each has one.
        Named::Single(self).name().unwrap_or_default()
    }
}

/// Returns the documented spelling of a pair's name, where it names a filter and its operator.
fn filter_name(pair_name: &str) -> Option<&'static str> {
    let is_own = |&&(own, named): &&(&str, Named)| {
        matches!(named, Named::Filter(..)) && own.eq_ignore_ascii_case(pair_name)
    };
    NAMES.iter().find(is_own).map(|(name, _)| *name)
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

    static KNOWN: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    KNOWN[action as usize].get_or_init(|| {
        let filters = Field::FILTERS.into_iter().map(Field::request_name);
        let is_other = |field: &Field| {
            let field = AnyField::Field(*field);
            Operator::Equal.suits(&field) && field != AnyField::Field(Field::Tid)
        };
        let is_named = |field: &Field| Field::FILTERS.contains(field) || *field == Field::DueDate;
        let others = Field::ALL.into_iter().filter(is_other);
        let others = others.filter(|field| !is_named(field)).map(Field::name);
        let names = NAMES.iter().filter(|(_, named)| named.variable(action).is_some());
        let names = names.map(|(name, _)| *name).chain(filters);
        let names = names.chain(["empty", "present"]).chain(others);
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
    fn every_variable_that_may_stand_once_has_one_name() {
        let mut of_single = [0; Single::ExcludeOwn as usize + 1];
        for (name, named) in NAMES {
            assert_eq!(named.name(), Some(name));
            if let Named::Single(single) = named {
                of_single[single as usize] += 1;
            }
        }
        assert!(of_single.iter().all(|&names| names == 1));
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        let actions = [ActionName::GetTickets, ActionName::CountTickets];
        for (action, (name, named)) in actions
            .into_iter()
            .flat_map(|it| NAMES.map(|name| (it, name)))
        {
            let found = Variable::from_name(&name.to_uppercase(), action);
            assert_eq!(found, named.variable(action), "{name}");
        }
        for field in Field::FILTERS {
            let name = field.request_name().to_uppercase();
            let found = Variable::from_name(&name, ActionName::GetTickets);
            assert_eq!(found, Some(Variable::Filter(field.into(), Operator::Equal)));
        }
    }

    /// What a person is told of a variable of the other action holds its names too.
    #[test]
    fn a_variable_of_one_action_names_it_to_the_other() {
        for (name, named) in NAMES {
            for action in [ActionName::GetTickets, ActionName::CountTickets] {
                let request = format!("action={}&{name}=", action.value());
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
