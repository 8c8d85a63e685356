//! Which ticket numbers match: one, any, or those of a pattern over their decimal form.

use std::str::FromStr;

use super::{TID_EXPECTED, invalid};
use crate::model::error::Error;

/// Which ticket numbers match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TidFilter {
    /// `*`: every ticket; what makes paging possible.
    Any,
    /// That ticket.
    Exact(u64),
    /// A pattern of digits and at least one `*` that stands for any run of digits.
    Pattern(TidPattern),
}

/// A pattern over the decimal form of ticket numbers: `12*`, `*7`, `1*5`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TidPattern(String);

impl TidPattern {
    /// The bytes of the longest pattern that can match: the 20 digits of the greatest
    /// number, and a star before, between and after them.
    const BYTES_MAX: usize = 41;

    /// Returns the pattern, runs of `*` made one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the decimal form of a ticket number matches.
    ///
    /// Cost: linear in the digits of the number, whatever the pattern's length.
    pub(crate) fn matches(&self, tid: u64) -> bool {
        // A pattern of more digits than any number has would cost its length each time.
        if self.0.len() > TidPattern::BYTES_MAX {
            return false;
        }
        let mut digits = itoa::Buffer::new();
        let mut rest = digits.format(tid);
        let mut pieces = self.0.split('*');
        // A pattern holds a star, so there is a piece before the first and one after the last.
        let Some(tail) = rest.strip_prefix(pieces.next().unwrap_or("")) else {
            return false;
        };
        rest = tail;
        let mut last = "";
        let mut between = pieces.peekable();
        while let Some(piece) = between.next() {
            if between.peek().is_none() {
                last = piece;
                break;
            }
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl TidFilter {
    /// Reads an integer, or a pattern of digits and `*`; none for anything else.
    ///
    /// ```
    /// use ticketdex::TidFilter;
    ///
    /// assert_eq!(TidFilter::parse("007"), Some(TidFilter::Exact(7)));
    /// assert_eq!(TidFilter::parse("**"), Some(TidFilter::Any));
    /// assert!(matches!(TidFilter::parse("1*5"), Some(TidFilter::Pattern(_))));
    /// assert_eq!(TidFilter::parse("-1"), None);
    /// ```
    pub fn parse(text: &str) -> Option<TidFilter> {
        if !text.contains('*') {
            return crate::model::value::parse_integer(text).map(TidFilter::Exact);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'*')
        {
            return None;
        }
        let mut pattern = String::with_capacity(text.len());
        for c in text.chars() {
            if !(c == '*' && pattern.ends_with('*')) {
                pattern.push(c);
            }
        }
        Some(match pattern.as_str() {
            "*" => TidFilter::Any,
            _ => TidFilter::Pattern(TidPattern(pattern)),
        })
    }
}

/// That ticket alone.
impl From<u64> for TidFilter {
    fn from(tid: u64) -> TidFilter {
        TidFilter::Exact(tid)
    }
}

/// Reads what [`TidFilter::parse`] does; anything else is
/// [`InvalidValue`](crate::ErrorKind::InvalidValue).
///
/// ```
/// use ticketdex::TidFilter;
///
/// assert_eq!("34".parse::<TidFilter>()?, TidFilter::from(34));
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for TidFilter {
    type Err = Error;

    fn from_str(text: &str) -> Result<TidFilter, Error> {
        let filter = TidFilter::parse(text);
        filter.ok_or_else(|| invalid("tid", text, TID_EXPECTED).into())
    }
}
