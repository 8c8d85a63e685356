//! What a person is told of a name that is no variable of a request.
//!
//! Many such names mean something elsewhere: an operator that another field has, a variable of the
//! other action, a custom field whose name has a blank. For these the answer is the rule and what
//! would be valid; for others it is the name that was probably meant.

use std::fmt;

use super::field_names::{CUSTOM_PREFIX, split_custom};
use super::suggest::{closest, completions};
use super::variable::{ActionName, Operator, Single};
use super::{Field, is_custom_name};

/// What is known of a name that is no variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown<'a> {
    /// The name that was probably meant.
    Meant(&'a str),
    /// Why it is no variable, and what would be valid.
    Explained(Reason<'a>),
    /// Nothing.
    Stranger,
}

/// Why a name is no variable where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reason<'a> {
    /// The name before the operator is a variable, which has other operators.
    Operator {
        base: &'a str,
        operators: Vec<Operator>,
        rule: &'static str,
    },
    /// It is a variable of counts, and the request lists tickets.
    OfCounts,
    /// It is a variable of lists of tickets, and the request counts.
    OfTickets { name: &'a str },
    /// It wants to be a custom field, and no custom field can have the name; a name like it that one
    /// can have, where there is one.
    CustomName { like: Option<String> },
    /// It begins the names of several variables.
    Beginning { names: Vec<&'a str> },
}

impl<'a> Unknown<'a> {
    /// Looks at a name that is not among those of `known`, a list.
    pub(super) fn of(variable: &'a str, known: &'static str) -> Unknown<'a> {
        let names = known.split(", ").filter(|name| !name.contains(' '));
        let is_known = |name: &str| names.clone().any(|own| own.eq_ignore_ascii_case(name));
        let mut singles = Single::ALL.into_iter();
        let single = singles.find(|single| single.name().eq_ignore_ascii_case(variable));
        match single.and_then(Single::only_action) {
            Some(ActionName::CountTickets) => return Unknown::Explained(Reason::OfCounts),
            Some(ActionName::GetTickets) => {
                return Unknown::Explained(Reason::OfTickets { name: variable });
            }
            None => {}
        }
        if let Some(name) = split_custom(variable)
            && let Some(unknown) = of_custom(name)
        {
            return unknown;
        }
        if let Some(unknown) = of_operator(variable, is_known) {
            return unknown;
        }
        let fields = Field::ALL.into_iter().filter(|&it| searched(it).is_none());
        let names = names.chain(fields.map(Field::name));
        if let Some(name) = closest(variable, names.clone()) {
            return Unknown::Meant(name);
        }
        match completions(variable, names)[..] {
            [] => Unknown::Stranger,
            [name] => Unknown::Meant(name),
            ref names => Unknown::Explained(Reason::Beginning {
                names: names.to_vec(),
            }),
        }
    }
}

/// Returns the variable that finds what a field holds, where that cannot be compared with a value.
fn searched(field: Field) -> Option<&'static str> {
    match field {
        Field::Subject | Field::Summary => Some("keyword"),
        Field::CustomFields => Some("custom_fields.NAME"),
        _ => None,
    }
}

/// Returns the names of the variables that only `action=count_tickets` has.
fn names_of_counts() -> Vec<&'static str> {
    let singles = Single::ALL.into_iter();
    let own = singles.filter(|it| it.only_action() == Some(ActionName::CountTickets));
    own.map(Single::name).collect()
}

/// Looks at a name behind `custom_fields.`; none where a custom field may have it.
fn of_custom(name: &str) -> Option<Unknown<'static>> {
    let name = name.trim_end_matches(['!', '<', '>', '=']);
    if is_custom_name(name) {
        return None;
    }
    let name = name.trim();
    if let Some(field) = Field::from_output_name(name) {
        let meant = searched(field).unwrap_or(field.name());
        return Some(Unknown::Meant(meant));
    }
    let letters = name.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || "_.-".contains(c) => c,
        _ => '_',
    });
    let mut like: String = letters.collect();
    if like.starts_with(|c: char| !c.is_ascii_alphabetic() && c != '_') {
        like.insert(0, '_');
    }
    // Letters of other scripts have no like.
    let like = Some(like).filter(|like| name.is_ascii() && is_custom_name(like));
    Some(Unknown::Explained(Reason::CustomName { like }))
}

/// Looks at a name with an operator in it, which what stands before it does not have.
fn of_operator(variable: &str, is_known: impl Fn(&str) -> bool) -> Option<Unknown<'_>> {
    let at = variable.find(['!', '<', '>', '=']);
    let (base, behind) = variable.split_at(at.unwrap_or(variable.len()));
    let field = Field::from_name(base);
    let meant = match (field, behind) {
        (Some(Field::Cid), ">=") => Some("start_cid"),
        (Some(Field::Cid), "<=") => Some("end_cid"),
        (Some(Field::Subject | Field::Summary), "!=") => Some("keyword!="),
        _ => field.and_then(searched),
    };
    if let Some(meant) = meant {
        return Some(Unknown::Meant(meant));
    }
    let is_custom = split_custom(base).is_some();
    let is_keyword = base.eq_ignore_ascii_case(Single::Keyword.name());
    if field.is_none() && !is_custom && !is_known(base) && !is_keyword {
        return None;
    }
    let suits = |operator: &Operator| match field {
        Some(field) => operator.suits(field),
        None if is_custom || is_keyword => operator.suits_texts(),
        None => *operator == Operator::Equal,
    };
    let operators: Vec<Operator> = Operator::ALL.into_iter().filter(suits).collect();
    let is_bound = behind.starts_with(['<', '>']) && (field.is_some() || is_custom);
    let rule = match is_bound {
        true if operators.contains(&Operator::AtLeast) => "bounds are written >= and <=: ",
        true => "only integers and dates have the bounds >= and <=: ",
        false => "",
    };
    // A mark that no operator begins with is part of the name.
    let is_operator = is_bound
        || (behind != Operator::Equal.name() && Operator::ALL.iter().any(|it| it.name() == behind));
    is_operator.then_some(Unknown::Explained(Reason::Operator {
        base,
        operators,
        rule,
    }))
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Operator {
                base,
                operators,
                rule,
            } => {
                f.write_str(rule)?;
                let names = operators.iter().map(|it| format!("{base}{}", it.name()));
                let names: Vec<String> = names.collect();
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(f, "valid {verb} {}", joined(&names))
            }
            Reason::OfCounts => {
                let names = joined(&names_of_counts());
                write!(f, "{names} need action=count_tickets in the same request")
            }
            Reason::OfTickets { name } => write!(
                f,
                "with action=count_tickets tickets are counted and not listed, so it has no \
                 {name}: valid are filters, {}, action, format and key",
                names_of_counts().join(", ")
            ),
            Reason::CustomName { like } => {
                f.write_str(
                    "the name of a custom field has only the letters A to Z, digits, _, . and -, \
                     and begins with a letter or _",
                )?;
                match like {
                    Some(like) => write!(f, ", as in {CUSTOM_PREFIX}{like}"),
                    None => Ok(()),
                }
            }
            Reason::Beginning { names } => {
                write!(f, "the names that begin so are {}", joined(names))
            }
        }
    }
}

/// Joins names to a list in words: `a, b and c`.
fn joined<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that a request may use, as a list.
    const KNOWN: &str = "action, tid, keyword, start_tid, start_cid, count, status, uid, group";

    #[test]
    fn what_means_something_elsewhere_is_explained() {
        let bounds = "only integers and dates have the bounds >= and <=: valid are";
        let custom = "the name of a custom field has only the letters A to Z, digits, _, . and -, \
                      and begins with a letter or _";
        for (variable, told) in [
            ("status>=", format!("{bounds} status= and status!=")),
            ("Status>Open", format!("{bounds} Status= and Status!=")),
            (
                "custom_fields.Room<=",
                format!("{bounds} custom_fields.Room= and custom_fields.Room!="),
            ),
            ("tid!=", "valid are tid=, tid>= and tid<=".to_owned()),
            ("count!=", "valid is count=".to_owned()),
            (
                "due_date>2014",
                "bounds are written >= and <=: valid are due_date=, due_date!=, due_date>= and \
                 due_date<="
                    .to_owned(),
            ),
            (
                "custom_fields.Serial Number",
                format!("{custom}, as in custom_fields.Serial_Number"),
            ),
            (
                "Custom_Fields.9!",
                format!("{custom}, as in custom_fields._9"),
            ),
            ("custom_fields.Größe", custom.to_owned()),
            ("custom_fields.", custom.to_owned()),
            (
                "assigned",
                "the names that begin so are assigned_tech, assigned_group_id and \
                 assigned_group_name"
                    .to_owned(),
            ),
        ] {
            match Unknown::of(variable, KNOWN) {
                Unknown::Explained(reason) => assert_eq!(reason.to_string(), told, "{variable}"),
                other => panic!("{variable}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_was_meant_is_suggested() {
        for (variable, meant) in [
            ("subject", "keyword"),
            ("Summary>=", "keyword"),
            ("subject=", "keyword"),
            ("summary!=", "keyword!="),
            ("custom_fields=", "custom_fields.NAME"),
            ("custom_fields.subject", "keyword"),
            ("custom_fields!=", "custom_fields.NAME"),
            ("cid>=", "start_cid"),
            ("CID<=", "end_cid"),
            ("custom_fields.TID", "tid"),
            ("assigned_to", "assigned_tech"),
            ("statsu", "status"),
        ] {
            assert_eq!(Unknown::of(variable, KNOWN), Unknown::Meant(meant));
        }
        for variable in ["colour", "", "!", "status!!", "status!x", "x>1", "start!"] {
            let unknown = Unknown::of(variable, KNOWN);
            assert!(!matches!(unknown, Unknown::Explained(_)), "{variable}");
        }
    }
}
