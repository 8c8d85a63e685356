//! What a person reads of an error: the message of each kind, and what was probably meant.
//!
//! Values come from outside, so whatever would not be seen in them is shown as an escape. The place
//! in the input is the error's, which prints it before the message.

use std::fmt;

use super::ErrorKind;
use crate::model::CUSTOM_NAMES_MAX;
use crate::model::suggest::{self, WrongWord};
use crate::model::unknown::Unknown;

/// The variables whose values are lists of fields, or of the parts of dates.
const LISTS: [&str; 6] = ["order", "fields", "empty", "present", "by", "dates"];

/// The characters of a value that an error shows.
pub(super) const SHOWN_CHARS_MAX: usize = 100;

impl ErrorKind {
    /// Returns whether the message names the ticket at fault.
    pub(super) fn names_ticket(&self) -> bool {
        matches!(
            self,
            ErrorKind::InvalidTicket { tid: Some(_), .. }
                | ErrorKind::TooManyCustomFields { tid: Some(_), .. }
                | ErrorKind::UnknownTicket { .. }
        )
    }

    /// Returns the word of a list that makes it invalid, if it is one word.
    fn wrong_word(&self) -> Option<WrongWord<'_>> {
        match self {
            ErrorKind::InvalidValue {
                variable, value, ..
            } if LISTS.contains(&&**variable) => {
                // The last word of a value that was cut may be a part of one.
                let is_cut = value.chars().count() == SHOWN_CHARS_MAX;
                let whole = value.rsplit_once(',').filter(|_| is_cut);
                WrongWord::find(whole.map_or(value, |(words, _)| words), variable)
            }
            _ => None,
        }
    }

    /// Returns the name or word that was probably meant.
    pub(super) fn suggestion(&self) -> Option<&str> {
        match self {
            ErrorKind::UnknownVariable {
                variable,
                value: Some(_),
                expected,
            } => match Unknown::of(variable, expected) {
                Unknown::Meant(name) => Some(name),
                Unknown::Explained(_) | Unknown::Stranger => None,
            },
            ErrorKind::UnknownVariable { variable, .. } => {
                suggest::output_name(variable).filter(|name| !name.eq_ignore_ascii_case(variable))
            }
            ErrorKind::InvalidValue {
                variable,
                value,
                expected,
            } => {
                if let Some(wrong) = self.wrong_word() {
                    return wrong.suggestion(variable);
                }
                if variable == "map" {
                    return suggest::listed_name(value, "order");
                }
                // Only a list of words says how each is written: "Y or N".
                let words = expected.split(", ").flat_map(|it| it.split(" or "));
                let is_list = words.clone().all(|word| !word.contains(' '));
                suggest::closest(value, words.filter(|_| is_list))
            }
            ErrorKind::UnknownVerb { verb, expected } => {
                let mut letters = verb.trim_start().split(|c: char| !c.is_ascii_alphabetic());
                suggest::closest(letters.next()?, expected.split(", "))
            }
            _ => None,
        }
    }

    /// Writes what went wrong, without the place.
    #[expect(clippy::too_many_lines, reason = "one message a kind")]
    pub(super) fn fmt_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::UnknownVariable {
                variable,
                value: None,
                expected,
            } => {
                write!(f, "unknown variable \"{}\"", Shown(variable))?;
                fmt_meant(f, self.suggestion())?;
                write!(f, "; expected {expected}")
            }
            ErrorKind::UnknownVariable {
                variable,
                value: Some(value),
                expected,
            } => {
                let shown = (Shown(variable), Shown(value));
                write!(
                    f,
                    "unknown variable \"{}\" with value \"{}\"",
                    shown.0, shown.1
                )?;
                let meant = match Unknown::of(variable, expected) {
                    Unknown::Meant(name) => Some(name),
                    Unknown::Stranger => None,
                    Unknown::Explained(reason) => {
                        return write!(f, "; {}", Shown(&reason.to_string()));
                    }
                };
                fmt_meant(f, meant)?;
                write!(f, "; known are {expected}")
            }
            ErrorKind::InvalidValue {
                variable,
                value,
                expected,
            } => {
                let shown = (Shown(variable), Shown(value));
                write!(f, "{} is \"{}\" but must be {expected}", shown.0, shown.1)?;
                match self.wrong_word() {
                    Some(wrong) if wrong.is_known() => {
                        write!(f, "; \"{}\" cannot stand there", Shown(wrong.word))?;
                    }
                    Some(wrong) => write!(f, "; unknown is \"{}\"", Shown(wrong.word))?,
                    None => {}
                }
                fmt_meant(f, self.suggestion())
            }
            ErrorKind::DuplicateVariable { variable, value } if value.is_empty() => {
                write!(f, "{variable} is given again but may stand once")
            }
            ErrorKind::DuplicateVariable { variable, value } => {
                let value = Shown(value);
                write!(
                    f,
                    "{variable} is given again as \"{value}\" but may stand once"
                )
            }
            ErrorKind::DuplicateColumn {
                variable,
                first: (first, first_name),
                second: (second, second_name),
            } => {
                let (first_name, second_name) = (Shown(first_name), Shown(second_name));
                write!(
                    f,
                    "both column {first}, \"{first_name}\", and column {second}, \"{second_name}\", \
                     are {}, which may have one column",
                    Shown(variable)
                )
            }
            ErrorKind::PageNeedsCount { page } => {
                let page = Shown(page);
                write!(f, "page is \"{page}\" but needs count, the tickets a page")
            }
            ErrorKind::PageNeedsWildcard { page } => {
                let page = Shown(page);
                write!(
                    f,
                    "page is \"{page}\" but needs a tid that holds *, like tid=*"
                )
            }
            ErrorKind::CursorConflict {
                variable,
                value,
                other,
            } => {
                let value = Shown(value);
                write!(
                    f,
                    "{variable} is \"{value}\" but must be the only place in the order, and {other} \
                     stands beside it"
                )
            }
            ErrorKind::InvalidTicket {
                tid,
                field,
                value,
                rule,
            } => {
                match tid {
                    Some(tid) => write!(f, "ticket {tid}: {} ", Shown(field))?,
                    None => write!(f, "a ticket's {} ", Shown(field))?,
                }
                if !value.is_empty() {
                    write!(f, "is \"{}\" but ", Shown(value))?;
                }
                f.write_str(rule)
            }
            ErrorKind::UnknownTicket { tid } => {
                write!(f, "ticket {tid} is not there to be patched")
            }
            ErrorKind::UnknownVerb { verb, expected } => {
                write!(f, "unknown verb \"{}\"", Shown(verb))?;
                fmt_meant(f, self.suggestion())?;
                write!(f, "; known are {expected}, and requests like status=Open")
            }
            ErrorKind::RefusedBatch { line, cause } => {
                write!(
                    f,
                    "the batch is refused and nothing of it is stored, as line {line} of the input was \
                     refused: {}: {cause}",
                    cause.code()
                )
            }
            ErrorKind::TooManyCustomFields { name, tid } => {
                if let Some(tid) = tid {
                    write!(f, "ticket {tid}: ")?;
                }
                let name = Shown(name);
                write!(
                    f,
                    "custom field \"{name}\" is past the {CUSTOM_NAMES_MAX} names that a store \
                     can have"
                )
            }
            ErrorKind::VersionTooOld { version, oldest } => {
                write!(
                    f,
                    "the removals since version {version} are forgotten in part; since {oldest} and \
                     later ones they are known"
                )
            }
            ErrorKind::OtherStore { older, newer } => {
                write!(
                    f,
                    "the snapshots of versions {older} and {newer} are of different stores but must \
                     be of one"
                )
            }
            ErrorKind::VersionTooNew { version, newest } => {
                write!(
                    f,
                    "the older snapshot is of version {version} but must be of {newest} or before, \
                     as the newer one is of {newest}"
                )
            }
            ErrorKind::TooManyTickets { rows_max } => {
                write!(f, "a store holds at most {rows_max} tickets")
            }
            ErrorKind::TooMuchMemory { bytes, bytes_max } => {
                write!(
                    f,
                    "the store would take {bytes} bytes of memory but may take {bytes_max}"
                )
            }
            ErrorKind::InvalidSyntax { expected, detail } if detail.is_empty() => {
                write!(f, "expected {expected}")
            }
            ErrorKind::InvalidSyntax { expected, detail } => {
                write!(f, "expected {expected}: {}", Shown(detail))
            }
            ErrorKind::InvalidEncoding { found } => {
                write!(f, "expected UTF-8 but found {}", Shown(found))
            }
            ErrorKind::ErrorResponse { code, message } => {
                let (code, message) = (Shown(code), Shown(message));
                write!(
                    f,
                    "expected tickets but found an error response: {code}: {message}"
                )
            }
            ErrorKind::StoreInUse { path } => {
                write!(
                    f,
                    "the store {} is open elsewhere and must be closed there first",
                    path.display()
                )
            }
            ErrorKind::InvalidStore {
                path,
                reason,
                detail,
            } => {
                write!(f, "{} {reason}", path.display())?;
                if detail.is_empty() {
                    return Ok(());
                }
                write!(f, ": {}", Shown(detail))
            }
            ErrorKind::NewerStore {
                path,
                format,
                format_max,
            } => {
                write!(
                    f,
                    "{} is a store of format {format}, which a later version of ticketdex has \
                     written; this one knows formats up to {format_max}, and leaves it as it is",
                    path.display()
                )
            }
            ErrorKind::Storage { path, reason, .. } => {
                if let Some(path) = path {
                    write!(f, "{}: ", path.display())?;
                }
                write!(f, "{reason}")
            }
            ErrorKind::Io(cause) => write!(f, "{}", Shown(&cause.to_string())),
        }
    }
}

/// Writes the name or word that was probably meant, if there is one.
fn fmt_meant(f: &mut fmt::Formatter<'_>, meant: Option<&str>) -> fmt::Result {
    meant.map_or(Ok(()), |name| write!(f, " (did you mean \"{name}\"?)"))
}

/// A text in a message: as it stands, but what nobody would see is an escape.
///
/// Those are control characters, blanks other than the common one, marks of direction and of byte
/// order, and code points without a character.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_invisible) {
            let (seen, from) = rest.split_at(at);
            let mut chars = from.chars();
            f.write_str(seen)?;
            match chars.next() {
                Some(c) if c.is_control() => write!(f, "{}", c.escape_default())?,
                Some(c) => write!(f, "{}", c.escape_unicode())?,
                None => {}
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

fn is_invisible(c: char) -> bool {
    // A mark that joins the character before it shows only there.
    !matches!(c, ' '..='~') && ['a', c].iter().collect::<String>().escape_debug().count() > 2
}
