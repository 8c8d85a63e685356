//! A ticket as the bytes of one record, in the postcard format.
//!
//! A record is a sequence: the ticket's fields in response order without `tid`, which is
//! the record's key, each in the form of its kind. The form that serde gives a
//! [`Ticket`] elsewhere is for other programs: it repeats names and spells dates out.
//!
//! # Invariants
//!
//! * What [`encode`] writes, [`decode_into`] reads back as an equal ticket.
//! * A sequence of fewer fields was written before the last ones existed, and leaves them
//!   empty; one of more is refused.
//!
//! # Cost
//!
//! One pass. Decoding into a ticket that was used before allocates little.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::value::{date_to_seconds, seconds_to_date};
use crate::model::{Cell, CellMut, Field, Ticket};

/// The fields of a record, in order.
const FIELDS_COUNT: usize = Field::ALL.len() - 1;

fn fields() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|&field| field != Field::Tid)
}

/// Appends the record of a checked ticket.
pub(super) fn encode(ticket: &Ticket, record: &mut Vec<u8>) {
    let bytes = std::mem::take(record);
    *record = postcard::to_extend(&Record(ticket), bytes)
        .expect("a vector takes any bytes, and the sequence tells its length");
}

/// Reads a record into a ticket, whatever that held before.
pub(super) fn decode_into(
    tid: u64,
    record: &[u8],
    ticket: &mut Ticket,
) -> Result<(), postcard::Error> {
    let mut deserializer = postcard::Deserializer::from_bytes(record);
    RecordSeed(ticket).deserialize(&mut deserializer)?;
    ticket.tid = tid;
    match deserializer.finalize()? {
        [] => Ok(()),
        _ => Err(postcard::Error::DeserializeBadEncoding),
    }
}

struct Record<'a>(&'a Ticket);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_seq(Some(FIELDS_COUNT))?;
        for field in fields() {
            match self.0.cell(field) {
                Cell::Text(text) => record.serialize_element(text)?,
                Cell::Integer(integer) => record.serialize_element(&integer)?,
                Cell::OptionalInteger(integer) => record.serialize_element(&integer)?,
                Cell::Date(date) => record.serialize_element(&date.map(date_to_seconds))?,
                Cell::CustomFields(pairs) => record.serialize_element(pairs)?,
            }
        }
        record.end()
    }
}

/// Reads a record into a ticket.
struct RecordSeed<'a>(&'a mut Ticket);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {FIELDS_COUNT} fields of a ticket")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut record: A) -> Result<(), A::Error> {
        for field in fields() {
            match self.0.cell_mut(field) {
                CellMut::Text(text) => {
                    text.clear();
                    record.next_element_seed(TextSeed(text))?;
                }
                CellMut::Integer(integer) => *integer = record.next_element()?.unwrap_or(0),
                CellMut::OptionalInteger(integer) => {
                    *integer = record.next_element()?.flatten();
                }
                CellMut::Date(date) => {
                    let seconds: Option<u64> = record.next_element()?.flatten();
                    *date = seconds.map(seconds_to_date);
                    if date.map(date_to_seconds) != seconds {
                        return Err(A::Error::custom("no date/time has so many seconds"));
                    }
                }
                CellMut::CustomFields(pairs) => {
                    *pairs = record.next_element()?.unwrap_or_default();
                }
            }
        }
        match record.next_element::<IgnoredAny>() {
            Ok(None) => Ok(()),
            _ => Err(A::Error::custom("the record has more fields than a ticket")),
        }
    }
}

/// Reads a text into a string that may have room for it.
struct TextSeed<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.push_str(<&str>::deserialize(deserializer)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::Moment;

    fn full() -> Ticket {
        let mut ticket = Ticket::default();
        for (index, field) in (1..).zip(Field::ALL) {
            match ticket.cell_mut(field) {
                CellMut::Text(text) => *text = format!("{} ü\u{0}\u{2028}", field.name()),
                CellMut::Integer(integer) => *integer = u64::MAX - index,
                CellMut::OptionalInteger(integer) => *integer = Some(0),
                CellMut::Date(date) => {
                    *date = Moment::parse("9999-12-31T23:59:59").map(Moment::first_second);
                }
                CellMut::CustomFields(pairs) => {
                    *pairs = vec![("A".into(), String::new()), ("b".into(), "ß".into())];
                }
            }
        }
        ticket
    }

    #[test]
    fn a_record_reads_back_whatever_the_ticket_held() {
        let empty = Ticket {
            tid: 7,
            ..Ticket::default()
        };
        let first_second = Ticket {
            tid: 8,
            due_date: Moment::parse("0001-01-01").map(Moment::first_second),
            ..Ticket::default()
        };
        let tickets = [full(), empty, first_second];
        for before in &tickets {
            for ticket in &tickets {
                let mut record = Vec::new();
                encode(ticket, &mut record);
                let mut read = before.clone();
                decode_into(ticket.tid, &record, &mut read).unwrap();
                assert_eq!(&read, ticket);
            }
        }
    }

    #[test]
    fn a_broken_record_is_refused() {
        let mut record = Vec::new();
        encode(&full(), &mut record);
        for length in 0..record.len() {
            assert!(decode_into(1, &record[..length], &mut Ticket::default()).is_err());
        }
        record.push(0);
        assert!(decode_into(1, &record, &mut Ticket::default()).is_err());
        record[0] += 1;
        assert!(decode_into(1, &record, &mut Ticket::default()).is_err());
    }

    #[test]
    fn a_record_of_fewer_fields_leaves_the_last_ones_empty() {
        let mut record = Vec::new();
        encode(&full(), &mut record);
        let summary_bytes = full().summary.len() + 1;
        record.truncate(record.len() - summary_bytes);
        record[0] -= 1;
        let mut read = full();
        decode_into(full().tid, &record, &mut read).unwrap();
        let summary = String::new();
        assert_eq!(read, Ticket { summary, ..full() });
    }
}
