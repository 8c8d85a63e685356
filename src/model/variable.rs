//! The words of a request: its actions, its variables that are no filters on a field, and the operators
//! of filters.
//!
//! They stand below the requests because errors explain a name that is wrong by them. How names are
//! found is the `query`'s.

use super::named::named;
use super::{Field, FieldKind};

named! {
    /// What a request asks for, which says what variables it knows.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) enum ActionName {
        #[default]
        GetTickets = "get_tickets",
        CountTickets = "count_tickets",
    }
    /// Both actions.
    ALL;
    /// Returns the value of `action`, which has no other spelling.
    name;
}

named! {
    /// A variable that may stand once, and is no filter on a field.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Single {
        Action = "action",
        Key = "key",
        Format = "format",
        Tid = "tid",
        Keyword = "keyword",
        ChangedSince = "changed_since",
        Count = "count",
        Page = "page",
        CountOnly = "count_only",
        Order = "order",
        OrderDirection = "order_direction",
        Fields = "fields",
        After = "after",
        Before = "before",
        By = "by",
        Top = "top",
        ExcludeOwn = "exclude_own",
    }
    /// All of them, in the order in which an error lists them.
    ALL;
    /// Returns the name of the variable.
    name;
}

named! {
    /// What stands between a field and its value.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Operator {
        Equal = "=",
        Unequal = "!=",
        AtLeast = ">=",
        AtMost = "<=",
    }
    /// Every operator.
    ALL;
    /// Returns the operator as it is written.
    name;
}

impl ActionName {
    /// Returns the action of a value, read as it stands.
    pub(crate) fn from_name(name: &str) -> Option<ActionName> {
        let mut all = ActionName::ALL.into_iter();
        all.find(|action| action.name() == name)
    }
}

impl Single {
    /// Returns the only action that knows the variable; none where both do.
    pub(crate) const fn only_action(self) -> Option<ActionName> {
        match self {
            Single::Count
            | Single::Page
            | Single::CountOnly
            | Single::Order
            | Single::OrderDirection
            | Single::Fields
            | Single::After
            | Single::Before => Some(ActionName::GetTickets),
            Single::By | Single::Top | Single::ExcludeOwn => Some(ActionName::CountTickets),
            Single::Action
            | Single::Key
            | Single::Format
            | Single::Tid
            | Single::Keyword
            | Single::ChangedSince => None,
        }
    }
}

impl Operator {
    /// Splits the decoded name of a pair into the field's name and the operator.
    pub(crate) fn split(name: &str) -> (&str, Operator) {
        let operator = match name.as_bytes().last() {
            Some(b'!') => Operator::Unequal,
            Some(b'>') => Operator::AtLeast,
            Some(b'<') => Operator::AtMost,
            _ => return (name, Operator::Equal),
        };
        (&name[..name.len() - 1], operator)
    }

    /// Returns the name of a variable with the operator as it is written, but for `=`.
    pub(crate) fn name_after(self, field: String) -> String {
        match self {
            Operator::Equal => field,
            _ => field + self.name(),
        }
    }

    /// Returns whether a filter by the operator exists for a field.
    ///
    /// A customer's ID has bounds too, by names of their own: `start_cid` and `end_cid`.
    pub(crate) fn suits(self, field: Field) -> bool {
        match (field, field.kind()) {
            (Field::CustomFields | Field::Subject | Field::Summary, _) => false,
            (Field::Tid, _) => self != Operator::Unequal,
            (_, FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date) => true,
            _ => self.suits_texts(),
        }
    }

    /// Returns whether a filter by the operator exists for texts, such as custom fields hold.
    pub(crate) fn suits_texts(self) -> bool {
        matches!(self, Operator::Equal | Operator::Unequal)
    }
}

impl Field {
    /// Returns whether tickets can be counted by the field's values; dates are counted by their parts.
    pub(crate) fn is_counted(self) -> bool {
        self != Field::Tid && self.kind() != FieldKind::Date && Operator::Equal.suits(self)
    }
}
