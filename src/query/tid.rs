//! Which ticket numbers match: one, any, or those of a pattern over their decimal form.

use std::str::FromStr;

use super::TID_EXPECTED;
use crate::model::error::{Error, invalid_value};
use crate::model::value::parse_integer;

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
    /// Returns the pattern, runs of `*` made one.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TidFilter {
    /// Reads an integer below 2^64, or a pattern of digits and `*` of any length; none for anything
    /// else. Cost: linear in the text.
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
            return parse_integer(text).map(TidFilter::Exact);
        }
        let is_known = |byte: u8| byte.is_ascii_digit() || byte == b'*';
        if !text.bytes().all(is_known) {
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
        filter.ok_or_else(|| invalid_value("tid", text, TID_EXPECTED))
    }
}
