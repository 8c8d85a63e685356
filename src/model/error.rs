//! The one error of the crate, and the position it may carry.
//!
//! An [`Error`] is one machine word over an [`ErrorKind`] with named fields: values
//! stand in fields, prose only in `Display`, and [`Error::code`] is the stable word
//! that an error response carries (spec section 4). Only `query`, `import`, `store`
//! and `response` make errors (and [`Ticket::check`](crate::Ticket::check)); a
//! programmer's mistake is an assertion instead.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// An error from reading a request, taking in tickets, or writing a response.
///
/// A request that was read without error runs without error: whatever could be
/// wrong with it is found before the first row is touched. What remains is the
/// reader or writer that the caller supplied.
///
/// # Examples
///
/// ```
/// use ticketdex::{ErrorKind, Query};
///
/// let error = "count=x".parse::<Query>().unwrap_err();
/// assert_eq!(error.code(), "invalid_value");
/// assert!(error.is_request());
/// assert!(matches!(error.kind(), ErrorKind::InvalidValue { variable, .. } if variable == "count"));
/// ```
///
/// A `main` that returns one shows what a person needs: the code, the message, and the causes.
///
/// ```
/// # use ticketdex::Query;
/// let error = "count_only=x".parse::<Query>().unwrap_err();
/// assert_eq!(
///     format!("{error:?}"),
///     "invalid_value: count_only is \"x\" but must be Y or N"
/// );
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    position: Option<Position>,
}

/// Where in an input an error was found; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line, where the format has lines that a reader would count.
    pub line: Option<u64>,
    /// The record: the ticket being read or just read; 0 before the first.
    pub record: u64,
}

/// What went wrong, with the values that a message to a user needs.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A request or a record names a variable that does not exist.
    UnknownVariable {
        /// The name as given, cut at 100 characters.
        variable: String,
        /// The value as given, decoded, cut at 100 characters; none where an import met the name.
        value: Option<String>,
        /// What would be valid, as a list.
        expected: &'static str,
    },
    /// A variable has a value that it cannot have.
    InvalidValue {
        /// The variable, in its documented spelling (custom fields: as given).
        variable: String,
        /// The value as given, decoded, cut at 100 characters.
        value: String,
        /// What would be valid, as a noun phrase: "Y or N".
        expected: &'static str,
    },
    /// A variable that may stand once stands again in a request.
    DuplicateVariable {
        /// The variable, in its documented spelling.
        variable: &'static str,
        /// The value that it has the second time, decoded, cut at 100 characters; empty for `key`,
        /// which is a secret.
        value: String,
    },
    /// A request has `page` without `count`.
    PageNeedsCount {
        /// The page as given, cut at 100 characters.
        page: String,
    },
    /// A request has `page` without a `tid` that holds `*`.
    PageNeedsWildcard {
        /// The page as given, cut at 100 characters.
        page: String,
    },
    /// A ticket breaks a rule of the model, and its batch was refused.
    InvalidTicket {
        /// The ticket, where its number is known.
        tid: Option<u64>,
        /// The field or custom field that breaks the rule, cut at 100 characters.
        field: String,
        /// The rule, as a clause: "must hold no control character".
        rule: &'static str,
    },
    /// A patch of a ticket that is not there; its batch was refused.
    UnknownTicket {
        /// The ticket.
        tid: u64,
    },
    /// A store would have more than [`CUSTOM_NAMES_MAX`](crate::CUSTOM_NAMES_MAX) names.
    TooManyCustomFields {
        /// The name that was one too many.
        name: String,
    },
    /// A store would have more rows than a segment can number.
    TooManyTickets {
        /// The most rows.
        rows_max: u64,
    },
    /// A store would take more heap than its
    /// [`memory_bytes_max`](crate::Options::memory_bytes_max).
    TooMuchMemory {
        /// The bytes that it would take, with what readers are about to keep.
        bytes: u64,
        /// The most bytes.
        bytes_max: u64,
    },
    /// An input is not of its format.
    InvalidSyntax {
        /// What was expected, as a noun phrase: "a JSON object".
        expected: &'static str,
        /// What the format's own parser said, where one did.
        detail: String,
    },
    /// An input is no UTF-8.
    InvalidEncoding,
    /// A durable store is open already, in this process or in another.
    StoreInUse {
        /// The file.
        path: PathBuf,
    },
    /// A file that shall be a durable store is none, is damaged, or is of an unknown version.
    InvalidStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as a clause: "is damaged".
        reason: &'static str,
        /// What the database said, where it did.
        detail: String,
    },
    /// The journal of a store failed; nothing of what it failed at was published.
    Storage {
        /// What failed, and what can be done about it, as a clause.
        reason: &'static str,
        /// The journal's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller's reader or writer failed.
    Io(io::Error),
}

impl Error {
    /// Returns what went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the stable word that names this kind of error in a response.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::UnknownVariable { .. } => "unknown_variable",
            ErrorKind::InvalidValue { .. } => "invalid_value",
            ErrorKind::DuplicateVariable { .. } => "duplicate_variable",
            ErrorKind::PageNeedsCount { .. } => "page_needs_count",
            ErrorKind::PageNeedsWildcard { .. } => "page_needs_wildcard",
            ErrorKind::InvalidTicket { .. } => "invalid_ticket",
            ErrorKind::UnknownTicket { .. } => "unknown_ticket",
            ErrorKind::TooManyCustomFields { .. } => "too_many_custom_fields",
            ErrorKind::TooManyTickets { .. } => "too_many_tickets",
            ErrorKind::TooMuchMemory { .. } => "too_much_memory",
            ErrorKind::InvalidSyntax { .. } => "invalid_syntax",
            ErrorKind::InvalidEncoding => "invalid_encoding",
            ErrorKind::StoreInUse { .. } => "store_in_use",
            ErrorKind::InvalidStore { .. } => "invalid_store",
            ErrorKind::Storage { .. } => "storage",
            ErrorKind::Io(_) => "io",
        }
    }

    /// Returns whether the one who sent the request or the tickets is at fault.
    ///
    /// False for a failing reader, writer or journal and for a store that is full.
    pub fn is_request(&self) -> bool {
        !matches!(
            self.kind(),
            ErrorKind::TooManyTickets { .. }
                | ErrorKind::TooMuchMemory { .. }
                | ErrorKind::StoreInUse { .. }
                | ErrorKind::InvalidStore { .. }
                | ErrorKind::Storage { .. }
                | ErrorKind::Io(_)
        )
    }

    /// Returns the status of an HTTP response that carries the error.
    ///
    /// 400 where the request or the tickets are at fault, 404 for a ticket that is not there,
    /// 503 where trying again later may help (a store that is full or in use, a journal that
    /// fails), 500 for what only an operator can mend.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let error = "count=x".parse::<Query>().unwrap_err();
    /// assert_eq!(error.status(), 400);
    /// ```
    pub fn status(&self) -> u16 {
        match self.kind() {
            ErrorKind::UnknownTicket { .. } => 404,
            ErrorKind::TooManyTickets { .. }
            | ErrorKind::TooMuchMemory { .. }
            | ErrorKind::StoreInUse { .. }
            | ErrorKind::Storage { .. } => 503,
            ErrorKind::InvalidStore { .. } | ErrorKind::Io(_) => 500,
            ErrorKind::UnknownVariable { .. }
            | ErrorKind::InvalidValue { .. }
            | ErrorKind::DuplicateVariable { .. }
            | ErrorKind::PageNeedsCount { .. }
            | ErrorKind::PageNeedsWildcard { .. }
            | ErrorKind::InvalidTicket { .. }
            | ErrorKind::TooManyCustomFields { .. }
            | ErrorKind::InvalidSyntax { .. }
            | ErrorKind::InvalidEncoding => 400,
        }
    }

    /// Returns where in an import the error was found.
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// Sets where in an import the error was found, unless that is known already.
    #[must_use]
    pub(crate) fn at(mut self, position: Position) -> Error {
        // An error that has been handed out bears its position already.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.position.get_or_insert(position);
        }
        self
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Error {
        Error(Arc::new(Inner {
            kind,
            position: None,
        }))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        ErrorKind::Io(error).into()
    }
}

/// The error as the cause of an [`io::Error`]: of the kind of its own cause where that is one,
/// `InvalidData` where the request or the tickets are at fault, `Other` elsewhere.
///
/// ```
/// use std::io;
/// use ticketdex::Query;
///
/// fn ask(text: &str) -> io::Result<Query> {
///     Ok(text.parse::<Query>()?)
/// }
/// assert_eq!(ask("count=x").unwrap_err().kind(), io::ErrorKind::InvalidData);
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.kind() {
            ErrorKind::Io(cause) => cause.kind(),
            _ if error.is_request() => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Io(error) => Some(error),
            ErrorKind::Storage { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position() {
            Some(Position {
                line: Some(line), ..
            }) => write!(f, "line {line}: ")?,
            Some(Position { line: None, record }) => write!(f, "record {record}: ")?,
            None => {}
        }
        self.kind().fmt_message(f)
    }
}

/// The code, the message and the causes, as `main` prints the error that it returns; the fields
/// are those of [`Error::kind`].
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.code())?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl ErrorKind {
    /// Writes what went wrong, without the place.
    fn fmt_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::UnknownVariable {
                variable,
                value,
                expected,
            } => {
                write!(f, "unknown variable \"{variable}\"")?;
                if let Some(value) = value {
                    write!(f, " with value \"{value}\"")?;
                }
                write!(f, "; known are {expected}")
            }
            ErrorKind::InvalidValue {
                variable,
                value,
                expected,
            } => {
                write!(f, "{variable} is \"{value}\" but must be {expected}")
            }
            ErrorKind::DuplicateVariable { variable, value } if value.is_empty() => {
                write!(f, "{variable} is given again but may stand once")
            }
            ErrorKind::DuplicateVariable { variable, value } => {
                write!(
                    f,
                    "{variable} is given again as \"{value}\" but may stand once"
                )
            }
            ErrorKind::PageNeedsCount { page } => {
                write!(f, "page is \"{page}\" but needs count, the tickets a page")
            }
            ErrorKind::PageNeedsWildcard { page } => {
                write!(
                    f,
                    "page is \"{page}\" but needs a tid that holds *, like tid=*"
                )
            }
            ErrorKind::InvalidTicket {
                tid: Some(tid),
                field,
                rule,
            } => {
                write!(f, "ticket {tid}: {field} {rule}")
            }
            ErrorKind::InvalidTicket {
                tid: None,
                field,
                rule,
            } => {
                write!(f, "a ticket's {field} {rule}")
            }
            ErrorKind::UnknownTicket { tid } => {
                write!(f, "ticket {tid} is not there to be patched")
            }
            ErrorKind::TooManyCustomFields { name } => {
                write!(
                    f,
                    "custom field \"{name}\" is past the 4096 names of a store"
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
                write!(f, "expected {expected}: {detail}")
            }
            ErrorKind::InvalidEncoding => write!(f, "the input is not UTF-8"),
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
                write!(f, ": {detail}")
            }
            ErrorKind::Storage { reason, .. } => write!(f, "{reason}"),
            ErrorKind::Io(_) => write!(f, "reading or writing failed"),
        }
    }
}

/// Cuts a value at 100 characters, so that an error is never out of proportion.
pub(crate) fn shorten(value: &str) -> String {
    const CHARS_MAX: usize = 100;
    value.chars().take(CHARS_MAX).collect()
}

// One word, so that a `Result<()>` stays as cheap to return as a pointer.
const _: () = assert!(size_of::<Error>() == size_of::<usize>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_code_place_message_and_causes() {
        let failed = io::Error::other("no such device");
        let position = Position {
            line: Some(3),
            record: 2,
        };
        let error = Error::from(failed).at(position);
        let expected = "io: line 3: reading or writing failed: no such device";
        assert_eq!(format!("{error:?}"), expected);
        assert_eq!(format!("{error:#?}"), expected);
        let error = Error::from(ErrorKind::UnknownTicket { tid: 7 });
        assert_eq!(
            format!("{error:?}"),
            "unknown_ticket: ticket 7 is not there to be patched"
        );
    }

    #[test]
    fn what_a_store_has_no_room_for_is_told_in_numbers() {
        let tickets = Error::from(ErrorKind::TooManyTickets { rows_max: 9 });
        assert_eq!(tickets.code(), "too_many_tickets");
        assert_eq!(tickets.to_string(), "a store holds at most 9 tickets");
        let memory = Error::from(ErrorKind::TooMuchMemory {
            bytes: 12,
            bytes_max: 10,
        });
        assert_eq!(memory.code(), "too_much_memory");
        let shown = "the store would take 12 bytes of memory but may take 10";
        assert_eq!(memory.to_string(), shown);
        assert!(!tickets.is_request() && !memory.is_request());
    }
}
