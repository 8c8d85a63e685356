//! The variables of a request, and what the name of a pair says.
//!
//! The names of fields come from the field table; [`NAMES`] holds only what is no field.

use super::filter::{AnyField, Operator};
use crate::model::Field;

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
    /// One that may stand once.
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

/// A variable that may stand once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Single {
    Action,
    Key,
    Format,
    Tid,
    Keyword,
    DueDate,
    StartTid,
    EndTid,
    StartCid,
    EndCid,
    StartDate,
    EndDate,
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

/// The names of the variables that may stand once, by their discriminants.
pub(super) const NAMES: [(&str, Single); 24] = [
    ("action", Single::Action),
    ("key", Single::Key),
    ("format", Single::Format),
    (Field::Tid.name(), Single::Tid),
    ("keyword", Single::Keyword),
    (Field::DueDate.name(), Single::DueDate),
    ("start_tid", Single::StartTid),
    ("end_tid", Single::EndTid),
    ("start_cid", Single::StartCid),
    ("end_cid", Single::EndCid),
    ("start_date", Single::StartDate),
    ("end_date", Single::EndDate),
    ("changed_since", Single::ChangedSince),
    ("count", Single::Count),
    ("page", Single::Page),
    ("count_only", Single::CountOnly),
    ("order", Single::Order),
    ("order_direction", Single::OrderDirection),
    ("fields", Single::Fields),
    ("after", Single::After),
    ("before", Single::Before),
    ("by", Single::By),
    ("top", Single::Top),
    ("exclude_own", Single::ExcludeOwn),
];

impl Variable {
    /// Returns the variable of a pair's decoded name.
    ///
    /// A `!`, `>` or `<` at the end of the name is an operator. None for what is no variable, and
    /// for an operator that the field before it does not have, and for what the action does not know.
    pub(super) fn from_name(name: &str, action: ActionName) -> Option<Variable> {
        let (base, operator) = Operator::split(name);
        if operator == Operator::Equal {
            // What is asked for most comes first.
            let is_own = |field: &Field| field.request_name().eq_ignore_ascii_case(base);
            if let Some(field) = Field::FILTERS.into_iter().find(is_own) {
                return Some(Variable::Filter(field.into(), operator));
            }
            let single = NAMES.iter().find(|(own, _)| own.eq_ignore_ascii_case(base));
            if let Some(&(_, single)) = single {
                return single.is_of(action).then_some(Variable::Single(single));
            }
            for (own, variable) in [("empty", Variable::Empty), ("present", Variable::Present)] {
                if own.eq_ignore_ascii_case(base) {
                    return Some(variable);
                }
            }
        }
        if operator == Operator::Unequal && base.eq_ignore_ascii_case("keyword") {
            return Some(Variable::ExcludedKeyword);
        }
        let field = AnyField::from_name(base).filter(|field| operator.suits(field))?;
        let single = match (&field, operator) {
            (AnyField::Field(Field::Tid), Operator::AtLeast) => Single::StartTid,
            (AnyField::Field(Field::Tid), Operator::AtMost) => Single::EndTid,
            (AnyField::Field(Field::DateOpened), Operator::AtLeast) => Single::StartDate,
            (AnyField::Field(Field::DateOpened), Operator::AtMost) => Single::EndDate,
            _ => return Some(Variable::Filter(field, operator)),
        };
        Some(Variable::Single(single))
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
            _ => true,
        }
    }

    /// Returns the name of the variable.
    pub(super) fn name(self) -> &'static str {
        NAMES[self as usize].0
    }

    /// Returns the name of the variable as a pair spells it, where its range is a field's too.
    pub(super) fn name_of_pair(self, pair_name: &str) -> &'static str {
        match (self, pair_name.ends_with(['>', '<'])) {
            (Single::StartTid, true) => "tid>=",
            (Single::EndTid, true) => "tid<=",
            (Single::StartDate, true) => "date_opened>=",
            (Single::EndDate, true) => "date_opened<=",
            _ => self.name(),
        }
    }
}

/// Returns the name of a field with an operator, in the documented spelling of a pair's name.
pub(super) fn shown_name(field: &AnyField, operator: Operator, pair_name: &str) -> String {
    let base = Operator::split(pair_name).0;
    let alias = field.field().and_then(Field::alias);
    let alias = alias.filter(|alias| alias.eq_ignore_ascii_case(base));
    operator.name_after(alias.map_or_else(|| field.to_string(), str::to_owned))
}

/// Returns the name of a field with an operator, as it is written.
pub(super) fn operator_name(field: Field, operator: Operator) -> &'static str {
    static NAMES: std::sync::OnceLock<Vec<[String; 2]>> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| {
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
/// Where only the operator is wrong, it is shown as it is written: `tid!=`.
pub(super) fn unknown_name(name: &str, action: ActionName) -> String {
    let (base, operator) = Operator::split(name);
    let is_name = Operator::split(base).1 == Operator::Equal;
    let is_known =
        Variable::from_name(base, action).is_some() || AnyField::from_name(base).is_some();
    if is_name && is_known && operator != Operator::Equal {
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
        let names = NAMES.iter().filter(|(_, single)| single.is_of(action));
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
    fn names_stand_at_their_discriminants() {
        for (index, (_, single)) in NAMES.into_iter().enumerate() {
            assert_eq!(single as usize, index);
        }
    }

    /// What a person is told of a variable of the other action holds its names too.
    #[test]
    fn a_variable_of_one_action_names_it_to_the_other() {
        for (name, single) in NAMES {
            for action in [ActionName::GetTickets, ActionName::CountTickets] {
                let request = format!("action={}&{name}=", action.value());
                let Err(error) = request.parse::<crate::Request>() else {
                    continue;
                };
                assert!(!single.is_of(action), "{error}");
                let message = error.to_string();
                assert!(message.contains("action=count_tickets"), "{message}");
            }
        }
    }
}
