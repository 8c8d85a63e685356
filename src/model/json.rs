//! A ticket as a JSON object: serde for [`Ticket`], and the visitor that import shares.
//!
//! Written are all 38 variables in response order: integers as numbers, dates as
//! `YYYY-MM-DDTHH:MM:SS` or null, custom fields as an object. Read is whatever an
//! import of JSON Lines takes in. Serde knows errors only as text, so the visitor leaves its own
//! error beside the draft ([`TicketSeed`]), where import finds it with its kind.
//!
//! # Cost
//!
//! One pass. Where the variables come in response order, each is found by one
//! comparison. Nothing recurses, so no depth of nesting can exhaust the stack.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cell::expected;
use super::draft::{Draft, Encoding, RECORD_NAMES};
use super::error::{Error, invalid_value, shorten, unknown_variable};
use super::{Cell, Field, Ticket};

/// Writes the form of JSON Lines, which reads back as an equal ticket. Of custom fields whose names
/// differ in letter case alone, reading keeps the first.
impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Ticket", Field::ALL.len())?;
        for field in Field::ALL {
            let name = field.name();
            match self.cell(field) {
                Cell::Text(text) => object.serialize_field(name, text)?,
                Cell::Integer(number) => object.serialize_field(name, &number)?,
                Cell::OptionalInteger(number) => object.serialize_field(name, &number)?,
                // Debug is the form with `T`, and shows a fraction, which reading refuses.
                Cell::Date(date) => {
                    object.serialize_field(name, &date.map(|date| format!("{date:?}")))?;
                }
                Cell::CustomFields(pairs) => object.serialize_field(name, &Pairs(pairs))?,
            }
        }
        object.end()
    }
}

/// Custom fields, written as an object.
struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, text) in self.0 {
            object.serialize_entry(name, text)?;
        }
        object.end()
    }
}

/// Reads what an import of JSON Lines reads, from a self-describing format.
///
/// A value of a wrong type and an unknown name are errors. The rules that
/// [`Ticket::check`] keeps are checked when the ticket is committed.
impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ticket, D::Error> {
        let mut draft = Draft::new(Encoding::Plain);
        let mut trace = Trace::default();
        let seed = TicketSeed {
            draft: &mut draft,
            trace: &mut trace,
        };
        match (seed.deserialize(deserializer), trace.failure) {
            (Err(_), Some(error)) => Err(D::Error::custom(error)),
            (Err(error), None) => Err(error),
            (Ok(()), _) => Ok(draft.into_unchecked()),
        }
    }
}

/// Reads one object into a draft; the trace tells why where the record is at fault.
pub(crate) struct TicketSeed<'a> {
    pub(crate) draft: &'a mut Draft,
    pub(crate) trace: &'a mut Trace,
}

/// What reading a record came to, beside the error that serde knows.
#[derive(Default)]
pub(crate) struct Trace {
    /// The typed error, where the record is at fault and its syntax is not.
    pub(crate) failure: Option<Error>,
    /// Whether the error shows a number, which the parser may have rounded.
    pub(crate) is_number: bool,
    /// What the last value that was begun is for.
    pub(crate) target: Target,
}

impl Trace {
    /// Leaves the typed error where import finds it, and stops serde with any error.
    fn stop<T, E: serde::de::Error>(&mut self, error: Error) -> Result<T, E> {
        self.failure = Some(error);
        Err(E::custom("the record is at fault"))
    }
}

impl<'de> DeserializeSeed<'de> for TicketSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(ValueVisitor {
            draft: self.draft,
            trace: self.trace,
            target: Target::Ticket,
        })
    }
}

/// What the value being read is for.
#[derive(Clone, Copy, Default)]
pub(crate) enum Target {
    #[default]
    Ticket,
    Field(Field),
    /// The value of `custom_fields`, or one object of its array.
    Custom {
        in_array: bool,
    },
    /// The text of the custom field at this place of the draft.
    CustomText(usize),
}

impl Target {
    /// Makes the error of a value that the target cannot have.
    pub(crate) fn wrong(self, draft: &Draft, value: &str) -> Error {
        match self {
            Target::Ticket => invalid_value("ticket", value, "a JSON object"),
            Target::Field(field) => invalid_value(field.name(), value, expected(field)),
            Target::Custom { .. } => {
                let field = Field::CustomFields;
                invalid_value(field.name(), value, expected(field))
            }
            Target::CustomText(place) => {
                invalid_value(draft.custom_name(place), value, "a text or null")
            }
        }
    }
}

/// Reads any one value for its target.
struct ValueVisitor<'a> {
    draft: &'a mut Draft,
    trace: &'a mut Trace,
    target: Target,
}

impl<'de> DeserializeSeed<'de> for ValueVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.trace.target = self.target;
        deserializer.deserialize_any(self)
    }
}

impl ValueVisitor<'_> {
    /// Refuses a value of a wrong type.
    fn refuse<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        let error = self.target.wrong(self.draft, value);
        self.trace.stop(error)
    }

    fn read_ticket<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut likely = 0;
        while let Some(key) = map.next_key_seed(KeySeed { likely })? {
            let field = match key {
                Key::Field(field) => field,
                Key::Unknown(name) => {
                    return self.trace.stop(unknown_variable(&name, RECORD_NAMES));
                }
            };
            likely = field.index() + 1;
            if !self.draft.name_field(field) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let target = match field {
                Field::CustomFields => Target::Custom { in_array: false },
                field => Target::Field(field),
            };
            map.next_value_seed(ValueVisitor {
                draft: self.draft,
                trace: self.trace,
                target,
            })?;
        }
        Ok(())
    }

    fn read_custom<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(added) = map.next_key_seed(CustomName {
            draft: self.draft,
            trace: self.trace,
        })? {
            let Some(place) = added else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            map.next_value_seed(ValueVisitor {
                draft: self.draft,
                trace: self.trace,
                target: Target::CustomText(place),
            })?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a ticket")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let outcome = match self.target {
            Target::Field(field) => self.draft.set_text(field, text),
            Target::CustomText(place) => self.draft.set_custom(place, text),
            // Empty is none, for the custom fields too.
            Target::Custom { in_array: false } if text.is_empty() => Ok(()),
            Target::Custom { .. } | Target::Ticket => return self.refuse(text),
        };
        outcome.or_else(|error| self.trace.stop(error))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match self.target {
            Target::Field(field) => self
                .draft
                .set_integer(field, number)
                .or_else(|error| self.trace.stop(error)),
            _ => self.refuse(&number.to_string()),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => self.refuse(&number.to_string()),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.trace.is_number = true;
        // Debug shows the fraction of 1.0, which is why it is refused.
        self.refuse(&format!("{number:?}"))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.refuse(&value.to_string())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        match self.target {
            Target::Ticket | Target::Custom { in_array: true } => self.refuse("null"),
            _ => Ok(()),
        }
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.target {
            Target::Ticket => self.read_ticket(map),
            Target::Custom { .. } => self.read_custom(map),
            _ => self.refuse("{…}"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Target::Custom { in_array: false } = self.target else {
            return self.refuse("[…]");
        };
        while array
            .next_element_seed(ValueVisitor {
                draft: self.draft,
                trace: self.trace,
                target: Target::Custom { in_array: true },
            })?
            .is_some()
        {}
        Ok(())
    }
}

/// A key of a ticket's object.
enum Key {
    Field(Field),
    Unknown(String),
}

/// Finds the field of a key; `likely` is the index of the one that usually comes now.
struct KeySeed {
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variable's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        let likely = Field::ALL.get(self.likely).copied();
        let field = likely
            .filter(|field| field.name() == name)
            .or_else(|| Field::from_output_name(name));
        Ok(field.map_or_else(|| Key::Unknown(shorten(name)), Key::Field))
    }
}

/// Adds the custom field of a key to the draft.
struct CustomName<'a> {
    draft: &'a mut Draft,
    trace: &'a mut Trace,
}

impl<'de> DeserializeSeed<'de> for CustomName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for CustomName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a custom name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        self.draft
            .add_custom(name)
            .or_else(|error| self.trace.stop(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_reads_back_and_has_all_names_in_order() {
        let date = crate::Moment::parse("1/2/0003 4:05 PM").map(crate::Moment::first_second);
        let ticket = Ticket {
            tid: u64::MAX,
            subject: "a\u{0}\"+%41\u{2028}".into(),
            date_opened: date,
            merged_to: Some(0),
            custom_fields: vec![("B".into(), String::new()), ("a".into(), "x".into())],
            ..Ticket::default()
        };
        let text = serde_json::to_string(&ticket).unwrap();
        assert!(text.contains(r#""date_opened":"0003-01-02T16:05:00","date_closed":null"#));
        assert_eq!(serde_json::from_str::<Ticket>(&text).unwrap(), ticket);
        let places: Vec<usize> = Field::ALL
            .iter()
            .map(|field| text.find(&format!("\"{}\":", field.name())).unwrap())
            .collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn the_first_of_a_repeated_name_counts_whatever_follows() {
        let text = r#"{"TID":1,"cid":null,"cid":7,"custom_fields":[{"A":null},{"a":[[1]],"b":"2"}],
            "Custom_Fields":5,"status":"","status":"Open"}"#;
        let ticket: Ticket = serde_json::from_str(text).unwrap();
        let custom = vec![("A".into(), String::new()), ("b".into(), "2".into())];
        let expected = Ticket {
            tid: 1,
            custom_fields: custom,
            ..Ticket::default()
        };
        assert_eq!(ticket, expected);
    }

    #[test]
    fn what_is_no_value_is_told_apart_from_what_is_expected() {
        use serde::de::value::{Error as ValueError, MapDeserializer};

        // Formats that give other things than JSON does.
        let name = MapDeserializer::<_, ValueError>::new([(1u8, 2u8)].into_iter());
        let error = Ticket::deserialize(name).unwrap_err().to_string();
        assert!(error.contains("a variable's name"), "{error}");
        let value = MapDeserializer::<_, ValueError>::new([("cid", b"x".as_slice())].into_iter());
        let error = Ticket::deserialize(value).unwrap_err().to_string();
        assert!(error.contains("a value of a ticket"), "{error}");
    }
}
