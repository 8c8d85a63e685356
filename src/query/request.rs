//! A request: what is asked for, with what the caller handles itself.
//!
//! Its text is read by [`parse`](super::parse) and printed by [`print`](super::print). What a service
//! needs of a text before it is read, or where it is none, is found here.

use std::borrow::Cow;
use std::iter;

use memchr::{memchr, memchr2};

use super::Query;
use super::count::CountQuery;
use crate::model::Format;
use crate::model::variable::{ActionName, Single};

/// What a request asks for.
///
/// # Examples
///
/// ```
/// use ticketdex::{Action, Request};
///
/// let request: Request = "by=status&action=count_tickets".parse()?;
/// let Action::CountTickets(query) = request.action else { panic!("it counts") };
/// assert_eq!(query.keys().len(), 1);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `get_tickets`, also where there is no `action`: the tickets that match, or their number.
    GetTickets(Query),
    /// `count_tickets`: how many tickets match, and how many have each value.
    CountTickets(CountQuery),
}

impl Default for Action {
    fn default() -> Action {
        Action::GetTickets(Query::default())
    }
}

/// A request: what is asked for, with what the caller handles itself.
///
/// The text of a request, its variables and their values are described on [`Query`], and on
/// [`CountQuery`] what `count_tickets` has of its own.
///
/// [`Display`](std::fmt::Display) prints the canonical text without the key, so that a request
/// can stand in a log: what it prints parses back to an equal request that has no key. `Debug`
/// says that there is a key and not which.
///
/// # Examples
///
/// ```
/// use ticketdex::{Format, Request};
///
/// let request: Request = "?action=get_tickets&key=secret&format=JSON&tid=7".parse()?;
/// assert_eq!(request.key.as_deref(), Some("secret"));
/// assert_eq!(request.format, Some(Format::Json));
/// assert_eq!(request.to_string(), "format=json&tid=7");
/// assert!(!format!("{request:?}").contains("secret"));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// What is asked for.
    pub action: Action,
    /// The form of the response, where the request names one.
    pub format: Option<Format>,
    /// The API key, where the request has one.
    pub key: Option<String>,
}

impl Request {
    /// Returns the query of a request for tickets; none of one that counts them by value.
    ///
    /// ```
    /// use ticketdex::Request;
    ///
    /// let request: Request = "status=Open".parse()?;
    /// assert_eq!(request.query().unwrap().to_string(), "status=Open");
    /// let request: Request = "action=count_tickets&by=status".parse()?;
    /// assert_eq!(request.query(), None);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn query(&self) -> Option<&Query> {
        match &self.action {
            Action::GetTickets(query) => Some(query),
            Action::CountTickets(_) => None,
        }
    }

    /// Returns the format that a request names, also where the request has errors.
    ///
    /// So the response to a bad request comes in the format that its sender reads. None
    /// where there is no `format`, or a first one that is no format. Cost: linear in the
    /// request.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Format, Request};
    ///
    /// assert_eq!(Request::find_format("count=x&Format=JSON"), Some(Format::Json));
    /// assert_eq!(Request::find_format("format=yaml&format=json"), None);
    /// ```
    pub fn find_format(text: &str) -> Option<Format> {
        find_first(text, Single::Format).and_then(|value| Format::from_name(&value))
    }

    /// Returns the key that a request holds, also where the request has errors.
    ///
    /// So a service can turn away a sender before it looks at what was sent. The key is found and
    /// decoded as parsing does it: its name in any case and escaped or not, an empty one as none.
    /// Of several the first is returned; a request that has several is refused when it is parsed,
    /// so no other reading of it can be answered. Cost: linear in the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Request;
    ///
    /// assert_eq!(Request::find_key("count=x&%6Bey=your%20key+here").unwrap(), "your key here");
    /// assert_eq!(Request::find_key("key=&subkey=a&status=key%3Db"), None);
    /// ```
    pub fn find_key(text: &str) -> Option<Cow<'_, str>> {
        find_first(text, Single::Key)
    }
}

/// Returns the first value of a variable that is not empty.
pub(super) fn find_first(text: &str, variable: Single) -> Option<Cow<'_, str>> {
    let own = variable.name();
    pairs(text)
        .find(|(name, value)| name.eq_ignore_ascii_case(own) && !value.is_empty())
        .map(|(_, value)| value)
}

/// Returns what a request asks for: what its first `action` says that is not empty.
pub(super) fn find_action(text: &str) -> ActionName {
    let value = find_first(text, Single::Action);
    let action = value.and_then(|value| ActionName::from_name(&value));
    action.unwrap_or_default()
}

/// Returns the decoded pairs of a request.
///
/// Most need no decoding, and are told by a look at their bytes.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    raw_pairs(text).filter_map(|pair| {
        if memchr2(b'%', b'+', pair.as_bytes()).is_some() {
            return form_urlencoded::parse(pair.as_bytes()).next();
        }
        let (name, value) = split_at_byte(pair, b'=');
        Some((name.into(), value.unwrap_or_default().into()))
    })
}

/// Returns the pairs of a request as they are written, but for empty ones.
fn raw_pairs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text.strip_prefix('?').unwrap_or(text));
    let pairs = iter::from_fn(move || {
        let (pair, after) = split_at_byte(rest?, b'&');
        rest = after;
        Some(pair)
    });
    pairs.filter(|pair| !pair.is_empty())
}

/// Splits a text at the first of an ASCII byte: what is before, and what is after, if it is there.
fn split_at_byte(text: &str, byte: u8) -> (&str, Option<&str>) {
    match memchr(byte, text.as_bytes()) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_of_the_standard() {
        for text in [
            "",
            "&&",
            "a",
            "=b",
            "a=b=c",
            "=",
            "a&&b=&",
            "a+b=%41%2b",
            "%=+&é=ü",
            "a=%C3%BC&x=%ff",
        ] {
            let expected = form_urlencoded::parse(text.as_bytes());
            assert!(pairs(text).eq(expected), "{text}");
        }
        assert!(pairs("?a=1&?b").eq(form_urlencoded::parse(b"a=1&?b")));
    }
}
