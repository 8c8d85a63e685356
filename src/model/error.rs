//! The one error of the crate, and the position it may carry.
//!
//! An [`Error`] is one machine word over an [`ErrorKind`] with named fields: values
//! stand in fields, prose only in `Display`, and [`Error::code`] is the stable word
//! that an error response carries. A programmer's mistake is an assertion instead. What a person reads of a kind is in [`message`].

mod message;
mod place;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use place::Position;

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

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    position: Option<Position>,
    /// Line and column within the record, until the place of the record is known.
    within: Option<(u64, u64)>,
    tid: Option<u64>,
    records_read: Option<u64>,
    /// The index of the change in its batch.
    change: Option<usize>,
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
    /// Two columns of a CSV header are the same variable or custom field.
    DuplicateColumn {
        /// The variable, or `custom_fields.NAME`, cut at 100 characters.
        variable: String,
        /// The first of the two: its number, from 1, and its name, cut at 100 characters.
        first: (u64, String),
        /// The second, likewise.
        second: (u64, String),
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
    /// A request has a place in the order and a page, or two places.
    CursorConflict {
        /// The variable of the place: `after` or `before`.
        variable: &'static str,
        /// The place as given, cut at 100 characters.
        value: String,
        /// The variable that may not stand beside it: `before` or `page`.
        other: &'static str,
    },
    /// A ticket breaks a rule of the model, and its batch was refused.
    InvalidTicket {
        /// The ticket, where its number is known.
        tid: Option<u64>,
        /// The field or custom field that breaks the rule, cut at 100 characters.
        field: String,
        /// The value that it has, cut at 100 characters; empty where the name alone breaks the rule.
        value: String,
        /// The rule, as a clause: "must hold no control character".
        rule: &'static str,
    },
    /// A patch of a ticket that is not there; its batch was refused.
    UnknownTicket {
        /// The ticket.
        tid: u64,
    },
    /// A line of `ticketdex pipe` is no request, and begins with none of the words that it knows.
    UnknownVerb {
        /// The word, cut at 100 characters.
        verb: String,
        /// The words that it knows, as a list.
        expected: &'static str,
    },
    /// A batch of `ticketdex pipe` is to be committed, and one of its lines was refused.
    RefusedBatch {
        /// The line of the input.
        line: u64,
        /// Why that was refused.
        cause: Error,
    },
    /// The removals after a commit are asked for, and some of them are forgotten.
    VersionTooOld {
        /// The number that was asked for.
        version: u64,
        /// The least number that can be asked for.
        oldest: u64,
    },
    /// Two snapshots are compared that are of different stores.
    OtherStore {
        /// The version of the snapshot that was given as the older one, in its own store.
        older: u64,
        /// The version of the other, in its own.
        newer: u64,
    },
    /// Two snapshots are compared, and the one that was given as the older one is newer.
    VersionTooNew {
        /// The version of the snapshot that was given as the older one.
        version: u64,
        /// The version of the other, which is the greatest that can be compared with it.
        newest: u64,
    },
    /// A store would have more than [`CUSTOM_NAMES_MAX`](super::CUSTOM_NAMES_MAX) names.
    TooManyCustomFields {
        /// The name that was one too many, as written, cut at 100 characters.
        name: String,
        /// The ticket that has it, where its number is known.
        tid: Option<u64>,
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
        /// What stands there instead, or what the format's parser said; empty where neither is known.
        detail: String,
    },
    /// An input is not UTF-8.
    InvalidEncoding {
        /// What stands there instead: "the byte 0xE9", "the declared encoding latin-1".
        found: String,
    },
    /// An input is the error response of another service in place of tickets.
    ErrorResponse {
        /// The code in the response, cut at 100 characters.
        code: String,
        /// The message in the response, cut at 1,000 characters.
        message: String,
    },
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
    /// A durable store was written by a later version of the crate, in a format that this one does not
    /// know.
    NewerStore {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        format: u64,
        /// The last format that this version knows.
        format_max: u64,
    },
    /// The journal of a store failed; nothing of what it failed at was published.
    Storage {
        /// The file that failed, where the journal keeps one.
        path: Option<PathBuf>,
        /// What failed, and what can be done about it, as a clause.
        reason: &'static str,
        /// The journal's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller's reader or writer failed; the message is its own.
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
            ErrorKind::UnknownVariable { .. } | ErrorKind::UnknownVerb { .. } => "unknown_variable",
            ErrorKind::InvalidValue { .. } => "invalid_value",
            ErrorKind::DuplicateVariable { .. } | ErrorKind::DuplicateColumn { .. } => {
                "duplicate_variable"
            }
            ErrorKind::PageNeedsCount { .. } => "page_needs_count",
            ErrorKind::PageNeedsWildcard { .. } => "page_needs_wildcard",
            ErrorKind::CursorConflict { .. } => "cursor_conflict",
            ErrorKind::InvalidTicket { .. } => "invalid_ticket",
            ErrorKind::UnknownTicket { .. } => "unknown_ticket",
            ErrorKind::RefusedBatch { .. } => "batch_refused",
            ErrorKind::VersionTooOld { .. } => "version_too_old",
            ErrorKind::OtherStore { .. } => "other_store",
            ErrorKind::VersionTooNew { .. } => "version_too_new",
            ErrorKind::TooManyCustomFields { .. } => "too_many_custom_fields",
            ErrorKind::TooManyTickets { .. } => "too_many_tickets",
            ErrorKind::TooMuchMemory { .. } => "too_much_memory",
            ErrorKind::InvalidSyntax { .. } => "invalid_syntax",
            ErrorKind::InvalidEncoding { .. } => "invalid_encoding",
            ErrorKind::ErrorResponse { .. } => "error_response",
            ErrorKind::StoreInUse { .. } => "store_in_use",
            ErrorKind::InvalidStore { .. } => "invalid_store",
            ErrorKind::NewerStore { .. } => "newer_store",
            ErrorKind::Storage { .. } => "storage",
            ErrorKind::Io(_) => "io",
        }
    }

    /// Returns whether the one who sent the request or the tickets is at fault.
    ///
    /// False for a failing reader, writer or journal, for a store that is full, and for snapshots
    /// that cannot be compared.
    pub fn is_request(&self) -> bool {
        if let ErrorKind::RefusedBatch { cause, .. } = self.kind() {
            return cause.is_request();
        }
        !matches!(
            self.kind(),
            ErrorKind::OtherStore { .. }
                | ErrorKind::VersionTooNew { .. }
                | ErrorKind::TooManyTickets { .. }
                | ErrorKind::TooMuchMemory { .. }
                | ErrorKind::StoreInUse { .. }
                | ErrorKind::InvalidStore { .. }
                | ErrorKind::NewerStore { .. }
                | ErrorKind::Storage { .. }
                | ErrorKind::Io(_)
        )
    }

    /// Returns the status of an HTTP response that carries the error.
    ///
    /// 400 where the request or the tickets are at fault, 404 for a ticket that is not there, 410
    /// for removals that are forgotten,
    /// 503 where trying again later may help (a store that is full or in use, a journal that
    /// fails), 500 for what only an operator or a programmer can mend.
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
            ErrorKind::RefusedBatch { cause, .. } => cause.status(),
            ErrorKind::UnknownTicket { .. } => 404,
            ErrorKind::VersionTooOld { .. } => 410,
            ErrorKind::TooManyTickets { .. }
            | ErrorKind::TooMuchMemory { .. }
            | ErrorKind::StoreInUse { .. }
            | ErrorKind::Storage { .. } => 503,
            ErrorKind::OtherStore { .. }
            | ErrorKind::VersionTooNew { .. }
            | ErrorKind::InvalidStore { .. }
            | ErrorKind::NewerStore { .. }
            | ErrorKind::Io(_) => 500,
            ErrorKind::UnknownVariable { .. }
            | ErrorKind::InvalidValue { .. }
            | ErrorKind::UnknownVerb { .. }
            | ErrorKind::DuplicateVariable { .. }
            | ErrorKind::DuplicateColumn { .. }
            | ErrorKind::PageNeedsCount { .. }
            | ErrorKind::PageNeedsWildcard { .. }
            | ErrorKind::CursorConflict { .. }
            | ErrorKind::InvalidTicket { .. }
            | ErrorKind::TooManyCustomFields { .. }
            | ErrorKind::InvalidSyntax { .. }
            | ErrorKind::InvalidEncoding { .. }
            | ErrorKind::ErrorResponse { .. } => 400,
        }
    }

    /// Returns the name or the word that was probably meant, where one is close to what stands there.
    ///
    /// Variables, fields, keys of an order and the words of the API have suggestions; texts that tickets
    /// hold have none. Cost: the length of what stands there times that of what is known.
    ///
    /// ```
    /// use ticketdex::Query;
    ///
    /// let suggestion = |request: &str| {
    ///     let error = request.parse::<Query>().unwrap_err();
    ///     error.suggestion().map(str::to_owned)
    /// };
    /// assert_eq!(suggestion("statsu=Open").as_deref(), Some("status"));
    /// assert_eq!(suggestion("order=tid,priorty+desc").as_deref(), Some("priority"));
    /// assert_eq!(suggestion("colour=red"), None);
    /// ```
    pub fn suggestion(&self) -> Option<&str> {
        self.kind().suggestion()
    }

    /// Returns the number of the ticket at fault, where it is known.
    ///
    /// ```
    /// use ticketdex::{Import, ImportFormat};
    ///
    /// let import = Import::new(ImportFormat::Delimited, &b"tid=7&due_date=soon"[..]);
    /// let error = import.into_iter().next().unwrap().unwrap_err();
    /// assert_eq!(error.tid(), Some(7));
    /// ```
    pub fn tid(&self) -> Option<u64> {
        match *self.kind() {
            ErrorKind::InvalidTicket { tid, .. } | ErrorKind::TooManyCustomFields { tid, .. } => {
                tid
            }
            ErrorKind::UnknownTicket { tid } => Some(tid),
            ErrorKind::RefusedBatch { ref cause, .. } => cause.tid(),
            _ => self.0.tid,
        }
    }

    /// Replaces the value that an [`InvalidValue`](ErrorKind::InvalidValue) shows.
    pub(crate) fn with_value(self, shown: &str) -> Error {
        self.with(|inner| {
            if let ErrorKind::InvalidValue { value, .. } = &mut inner.kind {
                *value = shorten(shown);
            }
        })
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Error {
        Error(Arc::new(Inner {
            kind,
            position: None,
            within: None,
            tid: None,
            records_read: None,
            change: None,
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
            // The message is the cause's own.
            ErrorKind::Io(error) => error.source(),
            ErrorKind::Storage { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position {
            line,
            column,
            record,
        } = self.position().unwrap_or_default();
        // A kind that names the ticket itself need not have it named twice.
        let tid = self.0.tid.filter(|_| !self.kind().names_ticket());
        let places = [
            ("line", line),
            ("column", column),
            ("record", Some(record).filter(|&record| record > 0)),
            ("ticket", tid),
        ];
        let places = places
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?)));
        let mut between = "";
        for (name, at) in places {
            write!(f, "{between}{name} {at}")?;
            between = ", ";
        }
        if !between.is_empty() {
            f.write_str(": ")?;
        }
        self.kind().fmt_message(f)?;
        match self.records_read() {
            Some(1) => write!(f, "; 1 record was read before"),
            Some(count) => write!(f, "; {count} records were read before"),
            None => Ok(()),
        }
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

/// Makes the error of a value that a variable cannot have.
pub(crate) fn invalid_value(variable: &str, value: &str, expected: &'static str) -> Error {
    ErrorKind::InvalidValue {
        variable: shorten(variable),
        value: shorten(value),
        expected,
    }
    .into()
}

/// Makes the error of a name that stands for nothing where it stands.
pub(crate) fn unknown_variable(name: &str, expected: &'static str) -> Error {
    ErrorKind::UnknownVariable {
        variable: shorten(name),
        value: None,
        expected,
    }
    .into()
}

/// Cuts a value at 100 characters, so that an error is never out of proportion.
pub(crate) fn shorten(value: &str) -> String {
    value.chars().take(message::SHOWN_CHARS_MAX).collect()
}

// One word, so that a `Result<()>` stays as cheap to return as a pointer.
const _: () = assert!(size_of::<Error>() == size_of::<usize>());

#[cfg(test)]
mod tests;
