//! One record of a JSON Lines, JSON or delimited input, read into a ticket.
//!
//! A record is a slice of bytes that a framer has cut out; what it holds is found out
//! here. What the values mean is [`Draft`]'s to say.
//!
//! # Cost
//!
//! Linear in the record, whose bytes are checked for UTF-8 once.

use std::collections::HashMap;

use memchr::memchr_iter;
use serde::de::DeserializeSeed;

use super::ImportFormat;
use super::object::read_common;
use super::room::Room;
use super::source::{decode_utf8, place_after, syntax_found};
use crate::model::draft::{Draft, Encoding};
use crate::model::error::{Error, ErrorKind, invalid_value, unknown_variable};
use crate::model::json::{TicketSeed, Trace};
use crate::model::value::{Plus, decode};
use crate::model::{Field, Ticket};

/// Reads one record of a framed input into a ticket of the room, and appends it to others.
pub(super) fn read_record(
    format: ImportFormat,
    bytes: &[u8],
    room: &mut Room,
    tickets: &mut Vec<Ticket>,
) -> Result<(), Error> {
    let text = decode_utf8(bytes)?;
    match format {
        ImportFormat::Delimited => read_pairs(text, room, tickets),
        ImportFormat::JsonLines => read_object(text, Encoding::Plain, room, tickets),
        // The other forms have readers of their own.
        _ => read_object(text, Encoding::Response, room, tickets),
    }
}

fn read_object(
    text: &str,
    encoding: Encoding,
    room: &mut Room,
    tickets: &mut Vec<Ticket>,
) -> Result<(), Error> {
    let mut draft = Draft::of(encoding, room.ticket());
    if read_common(text, &mut draft, &mut room.scratch).is_none() {
        draft = read_draft(text, encoding)?;
    }
    let tid = draft.tid();
    let outcome = draft.finish_into(tickets);
    outcome.map_err(|error| error.of_ticket(tid))
}

/// Reads a JSON object, whatever of a ticket it holds.
pub(super) fn read_draft(text: &str, encoding: Encoding) -> Result<Draft, Error> {
    let mut draft = Draft::new(encoding);
    let mut trace = Trace::default();
    let seed = TicketSeed {
        draft: &mut draft,
        trace: &mut trace,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    match seed.deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => Ok(draft),
        Err(stopped) => Err(explain(text, &draft, trace, &stopped).of_ticket(draft.tid())),
    }
}

/// Returns the error of a record at which the parser stopped, with its place.
fn explain(text: &str, draft: &Draft, trace: Trace, stopped: &serde_json::Error) -> Error {
    let (before, token) = split_at(text, stopped.line(), stopped.column());
    let found = |detail| syntax_found("a JSON object", detail, &text.as_bytes()[before.len()..]);
    let is_out_of_range = stopped.to_string().starts_with("number out of range");
    let error = match trace.failure {
        Some(error) if trace.is_number => error.with_value(token),
        Some(error) => error,
        // A number that no type of the parser holds is a number still.
        None if is_out_of_range => trace.target.wrong(draft, token),
        None => {
            let detail = stopped.to_string();
            let place = format!(" at line {} column {}", stopped.line(), stopped.column());
            match detail.strip_suffix(&place).unwrap_or(&detail) {
                _ if stopped.is_eof() => cut_short(text, &detail),
                // What begins with t, f or n.
                "expected ident" => found("neither true, false nor null"),
                detail => found(detail),
            }
        }
    };
    place_after(error, before.as_bytes())
}

/// Returns the error of a record that ends too early, of which a parser said what it was reading.
fn cut_short(text: &str, detail: &str) -> Error {
    let whole = if text.contains('\n') { "text" } else { "line" };
    let place = match detail.strip_prefix("EOF while parsing ") {
        Some(rest) if rest.starts_with("a string") => "in the middle of a string",
        Some(rest) if rest.starts_with("an object") => "before the } of its object",
        Some(rest) if rest.starts_with("a list") => "before the ] of its list",
        _ => "where a value should stand",
    };
    ErrorKind::InvalidSyntax {
        expected: "a JSON object",
        detail: format!("the {whole} ends {place}"),
    }
    .into()
}

/// Returns a text up to the character at which a parser stopped, by line and byte of the line,
/// and the number that stands around it, if one does.
fn split_at(text: &str, line: usize, column: usize) -> (&str, &str) {
    let mut lines = memchr_iter(b'\n', text.as_bytes());
    let line_start = match line {
        0 | 1 => 0,
        _ => lines.nth(line - 2).map_or(0, |at| at + 1),
    };
    let mut at = (line_start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let start = text[..at].trim_end_matches(is_part).len();
    let rest = &text[at..];
    let end = at + rest.len() - rest.trim_start_matches(is_part).len();
    (&text[..at], &text[start..end])
}

/// Reads a line of a delimited response.
fn read_pairs(line: &str, room: &mut Room, tickets: &mut Vec<Ticket>) -> Result<(), Error> {
    let mut draft = Draft::of(Encoding::Delimited, room.ticket());
    let outcome = read_fields(line, &mut draft);
    let tid = draft.tid();
    let outcome = outcome.and_then(|()| draft.finish_into(tickets));
    outcome.map_err(|error| error.of_ticket(tid))
}

fn read_fields(line: &str, draft: &mut Draft) -> Result<(), Error> {
    let mut others = Vec::new();
    let (mut list, mut list_at) = ("", 0);
    let mut at = 0;
    for pair in line.split('&') {
        let start = at;
        at += pair.len() + 1;
        if pair.is_empty() {
            continue;
        }
        // A pair without `=` is a name with an empty value, as in a request.
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match Field::from_output_name(name) {
            Some(field) if !draft.name_field(field) => {}
            Some(Field::CustomFields) => (list, list_at) = (value, start),
            Some(field) => {
                let outcome = draft.set_text(field, value);
                outcome.map_err(|error| place_after(error, &line.as_bytes()[..start]))?;
            }
            None => others.push((name, value, start)),
        }
    }
    let mut listed =
        list_names(draft, list).map_err(|error| place_after(error, &line.as_bytes()[..list_at]))?;
    for (name, value, start) in others {
        let outcome = set_listed(draft, &mut listed, name, value);
        outcome.map_err(|error| place_after(error, &line.as_bytes()[..start]))?;
    }
    Ok(())
}

/// The custom names of a record in lower case, each with its place in the draft and whether its
/// value was set.
type Listed = HashMap<String, (usize, bool)>;

/// Adds the custom fields in the order of their list.
fn list_names(draft: &mut Draft, list: &str) -> Result<Listed, Error> {
    let field = Field::CustomFields;
    let wrong = || invalid_value(field.name(), list, "custom names as URL-encoded UTF-8");
    let names = decode(list, Plus::Space).ok_or_else(wrong)?;
    let mut listed = HashMap::new();
    for name in names.split(',').filter(|_| !names.is_empty()) {
        if let Some(place) = draft.add_custom(name)? {
            listed.insert(name.to_ascii_lowercase(), (place, false));
        }
    }
    Ok(listed)
}

/// Sets a custom field, which must be listed; the first pair of a name counts.
fn set_listed(
    draft: &mut Draft,
    listed: &mut Listed,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    match listed.get_mut(&name.to_ascii_lowercase()) {
        None => Err(unknown_variable(name, PAIR_NAMES)),
        Some((_, true)) => Ok(()),
        Some((place, is_set)) => {
            *is_set = true;
            draft.set_custom(*place, value)
        }
    }
}

const PAIR_NAMES: &str = "one of the 38 output variables of a ticket, from tid to summary, or a name \
    that custom_fields lists";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_orders_the_pairs_around_it() {
        let line = "B=2&tid=1&custom_fields=A,b,C&a=1%2B+&b=3&&subject=a+b&opened_by=a+b%26";
        let mut tickets = Vec::new();
        read_pairs(line, &mut Room::default(), &mut tickets).unwrap();
        let ticket = &tickets[0];
        let pairs = [("A", "1+ "), ("b", "2"), ("C", "")];
        let expected = pairs.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(ticket.custom_fields, expected);
        assert_eq!((&*ticket.subject, &*ticket.opened_by), ("a b", "a+b&"));
    }

    #[test]
    fn numbers_show_as_they_stand() {
        for (record, shown, column) in [
            (r#"{"tid": 3e2}"#, "tid is \"3e2\"", 11),
            (
                r#"{"tid":18446744073709551616,"cid":""}"#,
                "tid is \"18446744073709551616\"",
                27,
            ),
            (r#"{"cid":1e999}"#, "cid is \"1e999\"", 12),
            (r#"{"tid":7,"é":-0}"#, "unknown variable \"é\"", 12),
            (r#"{"tid":7,"custom_fields":{"A":-0}}"#, "A is \"-0\"", 32),
        ] {
            let (format, bytes) = (ImportFormat::JsonLines, record.as_bytes());
            let mut tickets = Vec::new();
            let outcome = read_record(format, bytes, &mut Room::default(), &mut tickets);
            let error = outcome.unwrap_err();
            assert!(tickets.is_empty());
            assert!(error.to_string().contains(shown), "{record}: {error}");
            let position = error.position().unwrap();
            assert_eq!(
                (position.line, position.column),
                (Some(1), Some(column)),
                "{record}"
            );
        }
    }
}
