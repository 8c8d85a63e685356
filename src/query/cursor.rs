//! Cursors: a place in an order, as a token that a caller hands back for what comes next.
//!
//! A place is what one record had in the keys of the order, with its ticket number. It names no
//! position, so it stays where it is while tickets come and go around it. `plan` makes cursors of
//! records and seeks the places of those that it is given.
//!
//! # Invariants
//!
//! * A cursor has one value for each key of its order but `tid`, of the key's kind; texts are
//!   folded.
//! * Its token has at most [`TOKEN_BYTES_MAX`] bytes, all of them letters, digits, `-` and `_`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Direction, OrderKey, SortKey};
use crate::model::error::{Error, invalid_value};
use crate::model::value::fold;
use crate::model::{Field, FieldKind};

/// The most bytes of a token; six bits of what it holds take one.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The most bytes of a key's folded text that a cursor holds.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The version of the form that tokens have.
const VERSION: u8 = 2;

/// The bytes of the checksum at the end of a token.
const CHECKSUM_BYTES: usize = 4;

/// The 64 digits of a token, each of which stands for six bits.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) const CURSOR_EXPECTED: &str = "the token of a cursor, as an answer gives it";
pub(super) const ORDER_OF_CURSOR_EXPECTED: &str = "a cursor of the order that is asked for";

/// A place in an order: what a record had in the order's keys, and its ticket number.
///
/// [`Answer::next`](crate::Answer::next) and [`Answer::previous`](crate::Answer::previous) give
/// cursors, and [`QueryBuilder::after`](super::QueryBuilder::after) and
/// [`before`](super::QueryBuilder::before) take them. A cursor belongs to the keys of its order and
/// their directions, not to filters, a page or a snapshot.
///
/// [`Display`](fmt::Display) prints the token that a request carries, at most 8 KiB of letters,
/// digits, `-` and `_`, and [`FromStr`] reads it back; so does serde. A token is not secret: whoever
/// has it can read the values in it. A checksum tells a damaged one from a whole one.
///
/// # Examples
///
/// ```
/// use ticketdex::{Cursor, Query, Store, Ticket};
///
/// let store = Store::from_tickets((1..=5).map(|tid| Ticket { tid, ..Ticket::default() }))?;
/// let first = store.snapshot().answer(&"order_direction=DESC&count=2".parse::<Query>()?);
/// let token = first.next().expect("three tickets are left").to_string();
///
/// let query: Query = format!("order_direction=DESC&count=2&after={token}").parse()?;
/// let second = store.snapshot().answer(&query);
/// assert_eq!(second.records().map(|record| record.tid()).collect::<Vec<_>>(), [3, 2]);
/// assert_eq!(token.parse::<Cursor>()?.to_string(), token);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    order: Vec<OrderKey>,
    values: Vec<CursorValue>,
    tid: u64,
}

/// What a record had in one key of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CursorValue {
    /// An integer, or a date as its seconds; none also for the 0 that stands for none.
    Number(Option<u64>),
    /// A folded text.
    Text(String),
}

/// The first line of what a token holds, as JSON: the version, the keys with whether they descend, a number
/// for the value of each, and the ticket number.
///
/// The number is the value itself, or the length of a text in bytes. The texts follow the line end to
/// end, so that a byte takes the same room whatever it is.
#[derive(Serialize, Deserialize)]
struct Header(u8, Vec<(String, bool)>, Vec<Option<u64>>, u64);

impl Cursor {
    /// Makes the cursor of a record; none where the texts of its keys are too long for one.
    pub(crate) fn new(order: &[OrderKey], values: Vec<CursorValue>, tid: u64) -> Option<Cursor> {
        let is_short = |value: &CursorValue| match value {
            CursorValue::Number(_) => true,
            CursorValue::Text(text) => text.len() <= TEXT_BYTES_MAX,
        };
        let cursor = Cursor {
            order: order.to_vec(),
            values,
            tid,
        };
        let is_whole = cursor.values.iter().all(is_short);
        (is_whole && cursor.token().len() <= TOKEN_BYTES_MAX).then_some(cursor)
    }

    /// Returns the values of the order's keys but `tid`, in their order.
    pub(crate) fn values(&self) -> &[CursorValue] {
        &self.values
    }

    /// Returns the ticket number, which decides where all keys tie.
    pub(crate) fn tid(&self) -> u64 {
        self.tid
    }

    /// Returns whether the place is one in an order, of which no key is named twice.
    pub(super) fn is_of(&self, order: &[OrderKey]) -> bool {
        let is_same = |(own, other): (&OrderKey, &OrderKey)| {
            own.direction == other.direction && is_same_key(&own.key, &other.key)
        };
        self.order.len() == order.len() && self.order.iter().zip(order).all(is_same)
    }

    fn token(&self) -> String {
        let key = |OrderKey { key, direction }: &OrderKey| {
            (key.to_string(), *direction == Direction::Descending)
        };
        let keys = self.order.iter().map(key).collect();
        let values = self.values.iter().map(|value| match value {
            CursorValue::Number(number) => *number,
            CursorValue::Text(text) => Some(text.len() as u64),
        });
        let header = Header(VERSION, keys, values.collect(), self.tid);
        // Names and numbers are always JSON.
        let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
        bytes.push(HEADER_END as u8);
        for value in &self.values {
            if let CursorValue::Text(text) = value {
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes.extend_from_slice(&checksum(&bytes));
        encode(&bytes)
    }

    /// Reads a token; returns none for any other text.
    pub(super) fn parse(token: &str) -> Option<Cursor> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = decode(token)?;
        let (payload, sum) = bytes.split_at(bytes.len().checked_sub(CHECKSUM_BYTES)?);
        if checksum(payload) != sum {
            return None;
        }
        let (header, mut texts) = str::from_utf8(payload).ok()?.split_once(HEADER_END)?;
        let Header(VERSION, keys, numbers, tid) = serde_json::from_str(header).ok()? else {
            return None;
        };
        let order: Vec<OrderKey> = keys.iter().map(read_key).collect::<Option<_>>()?;
        let is_tid = |key: &&OrderKey| key.key == SortKey::Field(Field::Tid);
        let decided = order.iter().take_while(|key| !is_tid(key)).count();
        // What comes after tid orders nothing, and no order of a query has it.
        if decided != numbers.len() || order.len() > decided + 1 || has_repeats(&order) {
            return None;
        }
        let mut values = Vec::with_capacity(numbers.len());
        for (key, number) in order.iter().zip(numbers) {
            values.push(if is_text(&key.key) {
                let length = usize::try_from(number?).ok()?;
                let (text, rest) = texts.split_at_checked(length)?;
                texts = rest;
                (fold(text) == text).then(|| CursorValue::Text(text.to_owned()))?
            } else {
                CursorValue::Number(number)
            });
        }
        let cursor = Cursor { order, values, tid };
        // JSON that says the same by other bytes is no token.
        (texts.is_empty() && cursor.token() == token).then_some(cursor)
    }
}

/// Ends the header of a token; no JSON of names and numbers has it.
const HEADER_END: char = '\n';

fn is_same_key(own: &SortKey, other: &SortKey) -> bool {
    match (own, other) {
        (SortKey::Custom(own), SortKey::Custom(other)) => own.eq_ignore_ascii_case(other),
        (own, other) => own == other,
    }
}

/// Returns whether an order names a key twice, which no order of a query does.
fn has_repeats(order: &[OrderKey]) -> bool {
    let is_before = |(at, own): (usize, &OrderKey)| {
        let mut before = order[..at].iter();
        before.any(|other| is_same_key(&own.key, &other.key))
    };
    order.iter().enumerate().any(is_before)
}

/// Reads a key of an order by its full name.
fn read_key((name, descends): &(String, bool)) -> Option<OrderKey> {
    let key = SortKey::from_name(name)?;
    let direction = if *descends {
        Direction::Descending
    } else {
        Direction::Ascending
    };
    Some(OrderKey { key, direction })
}

/// Returns whether a key compares texts.
fn is_text(key: &SortKey) -> bool {
    match key {
        SortKey::Custom(_) => true,
        SortKey::Field(field) => matches!(
            field.kind(),
            FieldKind::Text | FieldKind::Identifier | FieldKind::Flag
        ),
    }
}

/// Returns the checksum of some bytes: FNV-1a of 32 bits.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let add = |sum: u32, &byte: &u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, add).to_be_bytes()
}

/// Writes bytes in the URL-safe alphabet of base64, without padding.
fn encode(bytes: &[u8]) -> String {
    let mut token = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=group.len() {
            let digit = bits >> (18 - 6 * at) & 63;
            token.push(char::from(DIGITS[digit as usize]));
        }
    }
    token
}

/// Reads what [`encode`] wrote; none for anything else.
fn decode(token: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| DIGITS.iter().position(|own| own == byte);
    let mut bytes = Vec::with_capacity(token.len() / 4 * 3 + 2);
    for group in token.as_bytes().chunks(4) {
        let mut bits = 0;
        for byte in group {
            bits = bits << 6 | digit(byte)?;
        }
        bits <<= 6 * (4 - group.len());
        let group = (bits as u32).to_be_bytes();
        bytes.extend_from_slice(&group[1..]);
    }
    // A group of four digits holds three bytes, and a shorter one holds fewer.
    bytes.truncate(token.len() * 3 / 4);
    (encode(&bytes) == token).then_some(bytes)
}

/// Prints the token.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.token())
    }
}

/// Reads a token; anything else is [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue).
impl FromStr for Cursor {
    type Err = Error;

    fn from_str(token: &str) -> Result<Cursor, Error> {
        Cursor::parse(token).ok_or_else(|| invalid_value("cursor", token, CURSOR_EXPECTED))
    }
}

/// As its token.
impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From its token.
impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cursor, D::Error> {
        let token = String::deserialize(deserializer)?;
        token.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: impl Into<SortKey>, direction: Direction) -> OrderKey {
        OrderKey {
            key: key.into(),
            direction,
        }
    }

    fn sample() -> Cursor {
        let order = [
            key(Field::Status, Direction::Ascending),
            key(
                SortKey::Custom("Shoe.size-EU".to_owned()),
                Direction::Descending,
            ),
            key(Field::DueDate, Direction::Ascending),
            key(Field::Tid, Direction::Descending),
        ];
        let values = vec![
            CursorValue::Text("\"open\"\u{1f600}".to_owned()),
            CursorValue::Text(String::new()),
            CursorValue::Number(None),
        ];
        Cursor::new(&order, values, u64::MAX).unwrap()
    }

    #[test]
    fn tokens_read_back_and_no_other_text_does() {
        let cursor = sample();
        let token = cursor.to_string();
        assert!(token.bytes().all(|byte| DIGITS.contains(&byte)), "{token}");
        assert_eq!(token.parse::<Cursor>().unwrap(), cursor);
        let json = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        // Any one character replaced, dropped or doubled is noticed.
        for at in 0..token.len() {
            for other in ["", "A", "b", "-", "é", "==", &token[at..=at].repeat(2)] {
                let damaged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert!(
                    damaged == token || Cursor::parse(&damaged).is_none(),
                    "{damaged}"
                );
            }
        }
        for made_up in ["", "A", "AAAA", "abc", "*", &"A".repeat(9000)] {
            assert!(Cursor::parse(made_up).is_none(), "{made_up}");
        }
    }

    #[test]
    fn what_is_whole_and_cannot_be_a_place_is_no_token() {
        let sealed = |payload: &str| {
            let mut bytes = payload.as_bytes().to_vec();
            bytes.extend_from_slice(&checksum(payload.as_bytes()));
            Cursor::parse(&encode(&bytes))
        };
        assert!(sealed("[2,[[\"status\",false]],[4],7]\nopen").is_some());
        assert!(sealed("[2,[],[],7]\n").is_some());
        assert!(sealed("[2,[[\"due_date\",false]],[null],7]\n").is_some());
        for payload in [
            "[1,[[\"status\",false]],[4],7]\nopen",
            "[2,[[\"status\",false]],[4],7]\nOpen",
            "[2,[[\"status\",false]],[4],7]\nopens",
            "[2,[[\"status\",false]],[5],7]\nopen",
            "[2,[[\"status\",false]],[null],7]\n",
            "[2,[[\"status\",false]],[18446744073709551615],7]\nopen",
            "[2,[[\"status\",false]],[1],7]\n\u{e9}",
            "[2,[[\"status\",false]],[],7]\n",
            "[2,[[\"status\",false]],[4,1],7]\nopenx",
            "[2,[[\"status\",false],[\"status\",true]],[4,4],7]\nopenopen",
            "[2,[[\"custom_fields.a\",false],[\"custom_fields.A\",false]],[1,1],7]\nxx",
            "[2,[[\"due_date\",false]],[4],7]\nopen",
            "[2,[[\"custom_fields\",false]],[4],7]\nopen",
            "[2,[[\"custom_fields.\",false]],[4],7]\nopen",
            "[2,[[\"tid\",true]],[7],7]\n",
            "[2,[[\"tid\",true],[\"status\",false]],[],7]\n",
            "[2,[[\"status\",false]],[4],-7]\nopen",
            "[2, [],[],7]\n",
            "[2,[],[],7]",
            "7",
            "7\n",
        ] {
            assert!(sealed(payload).is_none(), "{payload}");
        }
    }

    #[test]
    fn only_long_texts_have_no_cursor() {
        let order = [key(Field::Subject, Direction::Ascending)];
        let cursor = |text: String| Cursor::new(&order, vec![CursorValue::Text(text)], 1);
        // What other forms escape takes no more room.
        for char in ["x", "\"", "\u{1}", "\n", "\u{e9}", "\u{4e00}"] {
            let longest = char.repeat(TEXT_BYTES_MAX / char.len());
            let token = cursor(longest.clone()).unwrap().to_string();
            assert!(token.len() <= TOKEN_BYTES_MAX);
            assert_eq!(Cursor::parse(&token), cursor(longest));
            assert!(cursor(char.repeat(TEXT_BYTES_MAX / char.len() + 1)).is_none());
        }
        let order = [
            key(Field::Subject, Direction::Ascending),
            key(Field::Summary, Direction::Ascending),
        ];
        let two = |length: usize| {
            let values = vec![CursorValue::Text("x".repeat(length)); 2];
            Cursor::new(&order, values, 1)
        };
        assert!(two(TEXT_BYTES_MAX / 2).is_some());
        assert!(two(TEXT_BYTES_MAX).is_none());
    }
}
