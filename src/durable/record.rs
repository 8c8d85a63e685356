//! A ticket as the bytes of one record: postcard, and lz4 where that makes it shorter.
//!
//! A record has three parts: a byte that says whether the fields are packed; the number of the commit
//! that put the ticket, as a variable-length integer with 7 bits in each byte; and the ticket's fields
//! in response order, except for `tid`, which is the record's key. The form that serde gives a [`Ticket`]
//! elsewhere is for other programs: it repeats names and spells dates out. Long tickets pack well (6,686
//! bug reports of a public tracker, with pasted logs, from 2.4 KB to 0.9 KB on average); short ones do
//! not, and stay unpacked.
//!
//! # Invariants
//!
//! * What [`Encoder::encode`] writes, [`decode_into`] reads back as an equal ticket.
//! * A record of fewer fields leaves the last fields empty, so that fields can be added to the end; one
//!   of more fields is refused.
//! * A record of format 1 has no number and counts as of commit 1.
//! * Unpacking allocates memory in proportion to the packed bytes.
//!
//! # Cost
//!
//! One pass, and another one for packing. Decoding reuses the memory of the ticket that it fills.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::value::{date_to_seconds, seconds_to_date};
use crate::model::{Cell, CellMut, Field, Ticket};

/// The number of fields in a record.
const FIELDS_COUNT: usize = Field::ALL.len() - 1;

/// Returns the fields of a record, in order.
fn fields() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|&field| field != Field::Tid)
}

/// The first byte of a record whose fields follow unpacked, or packed behind their unpacked length.
const PLAIN: u8 = 2;
const PACKED: u8 = 3;

/// The same in format 1, which has no commit number between.
const PLAIN_UNNUMBERED: u8 = 0;
const PACKED_UNNUMBERED: u8 = 1;

/// The commit number of a record without one.
const FIRST_COMMIT: u64 = 1;

/// The sizes of fields, in bytes, at which packing is tried. Smaller ones have little to gain.
const PACKED_BYTES: RangeInclusive<usize> = 1024..=64 << 20;

/// The most bytes that unpacking makes of one packed byte, by the format of lz4.
const UNPACKED_RATIO_MAX: usize = 255;

/// Makes records of tickets.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    fields: Vec<u8>,
}

impl Encoder {
    /// Appends the record of a checked ticket that the commit of a number puts.
    pub(super) fn encode(&mut self, ticket: &Ticket, number: u64, record: &mut Vec<u8>) {
        self.fields.clear();
        // The room that a long ticket took is freed.
        self.fields.shrink_to(1 << 20);
        let bytes = std::mem::take(&mut self.fields);
        self.fields = postcard::to_extend(&Record(ticket), bytes)
            .expect("a vector takes any bytes, and the sequence tells its length");
        if PACKED_BYTES.contains(&self.fields.len()) {
            let packed = lz4_flex::compress_prepend_size(&self.fields);
            if packed.len() < self.fields.len() / 8 * 7 {
                record.push(PACKED);
                push_number(number, record);
                record.extend_from_slice(&packed);
                return;
            }
        }
        record.push(PLAIN);
        push_number(number, record);
        record.extend_from_slice(&self.fields);
    }
}

/// Appends a number, 7 bits a byte, the lowest first; each byte but the last has its highest bit set.
fn push_number(mut number: u64, record: &mut Vec<u8>) {
    while number >= 0x80 {
        record.push(number as u8 | 0x80);
        number >>= 7;
    }
    record.push(number as u8);
}

/// Reads a record into a ticket, whatever that held before; returns the number of its commit.
pub(super) fn decode_into(
    tid: u64,
    record: &[u8],
    ticket: &mut Ticket,
) -> Result<u64, postcard::Error> {
    let bad = postcard::Error::DeserializeBadEncoding;
    let unpacked;
    let (number, fields) = match record {
        [PLAIN | PACKED, rest @ ..] => postcard::take_from_bytes::<u64>(rest)?,
        [PLAIN_UNNUMBERED | PACKED_UNNUMBERED, rest @ ..] => (FIRST_COMMIT, rest),
        _ => return Err(bad),
    };
    let fields = match record[0] {
        PACKED | PACKED_UNNUMBERED => {
            unpacked = unpack(fields).ok_or_else(|| bad.clone())?;
            unpacked.as_slice()
        }
        _ => fields,
    };
    let mut deserializer = postcard::Deserializer::from_bytes(fields);
    RecordSeed(ticket).deserialize(&mut deserializer)?;
    ticket.tid = tid;
    match deserializer.finalize()? {
        [] if number > 0 => Ok(number),
        _ => Err(bad),
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, _) = lz4_flex::block::uncompressed_size(packed).ok()?;
    if length / UNPACKED_RATIO_MAX > packed.len() {
        return None;
    }
    lz4_flex::decompress_size_prepended(packed).ok()
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
                        return Err(A::Error::custom(
                            "the seconds are out of the range of dates",
                        ));
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

/// Reads a text into a string, to reuse the string's memory.
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

    fn encode(ticket: &Ticket) -> Vec<u8> {
        let mut record = Vec::new();
        Encoder::default().encode(ticket, 1, &mut record);
        record
    }

    #[test]
    fn a_record_bears_the_number_of_its_commit() {
        for number in [1, 127, 128, 1 << 40, u64::MAX] {
            for ticket in [Ticket::default(), full()] {
                let mut record = Vec::new();
                Encoder::default().encode(&ticket, number, &mut record);
                let mut read = Ticket::default();
                assert_eq!(decode_into(ticket.tid, &record, &mut read), Ok(number));
                assert_eq!(read, ticket);
            }
        }
        let long = Ticket {
            summary: "the same line again\n".repeat(200),
            ..full()
        };
        for ticket in [full(), long] {
            let mut record = encode(&ticket);
            let kind = record[0] - PLAIN;
            let unnumbered = [PLAIN_UNNUMBERED, PACKED_UNNUMBERED][usize::from(kind)];
            record.splice(0..2, [unnumbered]);
            let mut read = Ticket::default();
            assert_eq!(decode_into(ticket.tid, &record, &mut read), Ok(1));
            assert_eq!(read, ticket);
        }
        let mut none = encode(&full());
        none[1] = 0;
        assert!(decode_into(1, &none, &mut Ticket::default()).is_err());
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
        let long = Ticket {
            summary: "the same line again\n".repeat(200),
            ..full()
        };
        assert_eq!((encode(&full())[0], encode(&long)[0]), (PLAIN, PACKED));
        assert!(encode(&long).len() < long.summary.len() / 2);
        let tickets = [full(), empty, first_second, long];
        for before in &tickets {
            for ticket in &tickets {
                let record = encode(ticket);
                let mut read = before.clone();
                decode_into(ticket.tid, &record, &mut read).unwrap();
                assert_eq!(&read, ticket);
            }
        }
    }

    #[test]
    fn a_broken_record_is_refused() {
        let mut record = encode(&full());
        for length in 0..record.len() {
            assert!(decode_into(1, &record[..length], &mut Ticket::default()).is_err());
        }
        record.push(0);
        assert!(decode_into(1, &record, &mut Ticket::default()).is_err());
        record[2] += 1;
        assert!(decode_into(1, &record, &mut Ticket::default()).is_err());
        record[0] = 4;
        assert!(decode_into(1, &record, &mut Ticket::default()).is_err());
        // A length out of proportion to the packed bytes is refused.
        let huge = [&[PACKED, 1][..], &u32::MAX.to_le_bytes(), &[0; 100]].concat();
        assert!(decode_into(1, &huge, &mut Ticket::default()).is_err());
    }

    #[test]
    fn a_record_of_fewer_fields_leaves_the_last_ones_empty() {
        let mut record = encode(&full());
        let summary_bytes = full().summary.len() + 1;
        record.truncate(record.len() - summary_bytes);
        record[2] -= 1;
        let mut read = full();
        decode_into(full().tid, &record, &mut read).unwrap();
        let summary = String::new();
        assert_eq!(read, Ticket { summary, ..full() });
    }
}
