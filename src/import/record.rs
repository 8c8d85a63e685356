//! One record of a JSON Lines, JSON or delimited input, read into a ticket.
//!
//! A record is a slice of bytes that a framer has cut out; what it holds is found out
//! here. What the values mean is [`Draft`]'s to say.
//!
//! # Cost
//!
//! Linear in the record, whose bytes are checked for UTF-8 once.

use std::collections::HashMap;

use serde::de::{DeserializeSeed, IgnoredAny};

use super::{Fault, ImportFormat};
use crate::model::draft::{Draft, Encoding, invalid_value, unknown_variable};
use crate::model::error::{Error, ErrorKind};
use crate::model::json::TicketSeed;
use crate::model::value::{Plus, decode};
use crate::model::{Field, Ticket};

/// Reads one record of a framed input.
pub(super) fn read_record(format: ImportFormat, bytes: &[u8]) -> Result<Ticket, Fault> {
    match format {
        ImportFormat::Delimited => read_pairs(decode_utf8(bytes)?).map_err(Fault::Record),
        ImportFormat::JsonLines => {
            let text = decode_utf8(bytes)?;
            read_object(text, Encoding::Plain).map_err(Fault::Record)
        }
        ImportFormat::Json | ImportFormat::Xml => match decode_utf8(bytes) {
            Ok(text) => read_object(text, Encoding::Response).map_err(|error| blame(error, text)),
            Err(fault) => Err(blame(fault.into_error(), &String::from_utf8_lossy(bytes))),
        },
    }
}

/// Finds out whose fault the error of a JSON response's record is.
///
/// A document that is broken in one record is broken: what follows may belong to a string
/// that was never closed.
fn blame(error: Error, text: &str) -> Fault {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Fault::Record(error),
        Err(_) => Fault::Input(error),
    }
}

fn decode_utf8(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|_| Fault::Record(ErrorKind::InvalidEncoding.into()))
}

fn read_object(text: &str, encoding: Encoding) -> Result<Ticket, Error> {
    read_draft(text, encoding)?.finish()
}

/// Reads a JSON object, whatever of a ticket it holds.
pub(super) fn read_draft(text: &str, encoding: Encoding) -> Result<Draft, Error> {
    let mut draft = Draft::new(encoding);
    let mut failure = None;
    let seed = TicketSeed {
        draft: &mut draft,
        failure: &mut failure,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = seed.deserialize(&mut json).and_then(|()| json.end());
    match (outcome, failure) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(ErrorKind::InvalidSyntax {
            expected: "a JSON object",
            detail: error.to_string(),
        }
        .into()),
        (Ok(()), None) => Ok(draft),
    }
}

/// Reads a line of a delimited response.
fn read_pairs(line: &str) -> Result<Ticket, Error> {
    let mut draft = Draft::new(Encoding::Delimited);
    let mut others = Vec::new();
    let mut list = None;
    for pair in line.split('&').filter(|pair| !pair.is_empty()) {
        // A pair without `=` is a name with an empty value, as in a request.
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match Field::from_output_name(name) {
            Some(field) if !draft.name_field(field) => {}
            Some(Field::CustomFields) => list = Some(value),
            Some(field) => draft.set_text(field, value)?,
            None => others.push((name, value)),
        }
    }
    add_listed(&mut draft, list.unwrap_or(""), &others)?;
    draft.finish()
}

/// Adds the custom fields in the order of their list; every other pair must be listed.
fn add_listed(draft: &mut Draft, list: &str, others: &[(&str, &str)]) -> Result<(), Error> {
    let field = Field::CustomFields;
    let wrong = || invalid_value(field.name(), list, "custom names as URL-encoded UTF-8");
    let list = decode(list, Plus::Space).ok_or_else(wrong)?;
    // By lower-case name: the place in the draft, and the pair that counts.
    let mut listed = HashMap::new();
    for name in list.split(',').filter(|_| !list.is_empty()) {
        if let Some(place) = draft.add_custom(name)? {
            listed.insert(name.to_ascii_lowercase(), (place, false));
        }
    }
    for (name, value) in others {
        match listed.get_mut(&name.to_ascii_lowercase()) {
            None => return Err(unknown_variable(name)),
            Some((_, true)) => {}
            Some((place, is_set)) => {
                *is_set = true;
                draft.set_custom(*place, value)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_orders_the_pairs_around_it() {
        let line = "B=2&tid=1&custom_fields=A,b,C&a=1%2B+&b=3&&subject=a+b&opened_by=a+b%26";
        let ticket = read_pairs(line).unwrap();
        let pairs = [("A", "1+ "), ("b", "2"), ("C", "")];
        let expected = pairs.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(ticket.custom_fields, expected);
        assert_eq!((&*ticket.subject, &*ticket.opened_by), ("a b", "a+b&"));
    }

    #[test]
    fn broken_json_is_the_inputs_fault_only_in_a_document() {
        let read = |format, text: &str| match read_record(format, text.as_bytes()) {
            Ok(_) => "",
            Err(Fault::Record(_)) => "record",
            Err(Fault::Input(_)) => "input",
        };
        for (text, document) in [
            (r#"{"tid":1}"#, ""),
            (r#"{"tid":-1}"#, "record"),
            (r#"{"tid":-1,}"#, "input"),
            ("12", "record"),
        ] {
            assert_eq!(read(ImportFormat::Json, text), document, "{text}");
            let line = if document.is_empty() { "" } else { "record" };
            assert_eq!(read(ImportFormat::JsonLines, text), line, "{text}");
        }
    }
}
