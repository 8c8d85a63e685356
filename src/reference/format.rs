//! The four formats of a response, written the plain way.
//!
//! A value is made a `String`, a record a list of names with values, a body one `format!`
//! after another; nothing is shared with the writers of `response`, so that the two can
//! be compared.
//!
//! # Cost
//!
//! The whole body is in memory, and every value is copied a few times.

use std::fmt::Write;

use chrono::{Datelike, NaiveDateTime, Timelike};
use form_urlencoded::byte_serialize;

use super::count::KeyCounts;
use crate::model::{Cell, Field, Format, Ticket};
use crate::query::Fields;

/// What each record shows: variables in their order, and custom fields in the store's.
pub(super) struct Shown {
    fields: Vec<Field>,
    names: Vec<String>,
}

impl Shown {
    /// Chooses what `fields` names, or everything, of a store with these custom names.
    pub(super) fn of(fields: Option<&Fields>, names: &[String]) -> Shown {
        let Some(fields) = fields else {
            let (fields, names) = (Field::ALL.to_vec(), names.to_vec());
            return Shown { fields, names };
        };
        let is_named = |name: &&String| {
            let mut own_names = fields.custom_names().iter();
            fields.has_all_custom() || own_names.any(|own| own.eq_ignore_ascii_case(name))
        };
        Shown {
            fields: fields.iter().collect(),
            names: names.iter().filter(is_named).cloned().collect(),
        }
    }
}

/// Returns the body of a response with tickets.
pub(super) fn tickets(tickets: &[&Ticket], shown: &Shown, format: Format) -> String {
    match format {
        Format::Xml => {
            let records: String = tickets
                .iter()
                .map(|ticket| xml_ticket(ticket, shown))
                .collect();
            format!("<?xml version=\"1.0\"?>\n<tickets>\n{records}</tickets>\n")
        }
        Format::Json => {
            let records: Vec<String> = tickets
                .iter()
                .map(|ticket| json_ticket(ticket, shown))
                .collect();
            let mut parted = records.join(",\n");
            if !parted.is_empty() {
                parted.push('\n');
            }
            format!("{{\n\t\"tickets\": [\n{parted}\t]\n}}\n")
        }
        Format::Delimited => tickets
            .iter()
            .map(|ticket| delimited_ticket(ticket, shown))
            .collect(),
        Format::Csv => {
            let records = tickets.iter().map(|ticket| csv_ticket(ticket, shown));
            let lines = std::iter::once(csv_header(shown)).chain(records);
            lines.map(|values| csv_record(&values)).collect()
        }
    }
}

/// Returns the body of a response with a count only.
pub(super) fn count(total: u64, format: Format) -> String {
    match format {
        Format::Xml => {
            format!("<?xml version=\"1.0\"?>\n<tickets>\n\t<count>{total}</count>\n</tickets>\n")
        }
        Format::Json => format!("{{\n\t\"count\" : \"{total}\"\n}}\n"),
        Format::Delimited => format!("count={total}\n"),
        Format::Csv => csv_record(&["count".into()]) + &csv_record(&[total.to_string()]),
    }
}

/// Returns the body of a response with counts by value.
pub(super) fn counts(total: u64, keys: &[KeyCounts], format: Format) -> String {
    match format {
        Format::Xml => {
            let mut lines = vec!["<?xml version=\"1.0\"?>".to_owned(), "<counts>".to_owned()];
            lines.push(format!("\t<count>{total}</count>"));
            for key in keys {
                lines.push("\t<by>".to_owned());
                lines.push(format!("\t\t<field>{}</field>", key.field));
                lines.push(format!("\t\t<distinct>{}</distinct>", key.distinct));
                for (value, count) in &key.groups {
                    let value = escape_xml(&counted_value(key, value));
                    lines.push("\t\t<group>".to_owned());
                    lines.push(format!("\t\t\t<value>{value}</value>"));
                    lines.push(format!("\t\t\t<count>{count}</count>"));
                    lines.push("\t\t</group>".to_owned());
                }
                lines.push("\t</by>".to_owned());
            }
            lines.push("</counts>\n".to_owned());
            lines.join("\n")
        }
        Format::Json => {
            let shown: Vec<String> = keys.iter().map(json_key).collect();
            let end = if shown.is_empty() { "" } else { "\n" };
            let shown = shown.join(",\n");
            format!("{{\n\t\"count\" : \"{total}\",\n\t\"by\": [\n{shown}{end}\t]\n}}\n")
        }
        Format::Delimited => {
            let mut lines = vec![format!("count={total}\n")];
            for key in keys {
                let KeyCounts {
                    field, distinct, ..
                } = key;
                lines.push(format!("field={field}&distinct={distinct}\n"));
                for (value, count) in &key.groups {
                    let value = if key.is_url_encoded {
                        encode(value)
                    } else {
                        escape_delimited(value)
                    };
                    lines.push(format!("field={field}&value={value}&count={count}\n"));
                }
            }
            lines.concat()
        }
        Format::Csv => {
            let mut records = vec![vec!["field".into(), "value".into(), "count".into()]];
            records.push(vec![String::new(), String::new(), total.to_string()]);
            for key in keys {
                let groups = key.groups.iter();
                records.extend(groups.map(|(value, count)| {
                    vec![key.field.clone(), value.clone(), count.to_string()]
                }));
            }
            records.iter().map(|values| csv_record(values)).collect()
        }
    }
}

fn json_key(key: &KeyCounts) -> String {
    let groups = key.groups.iter().map(|(value, count)| {
        let value = quote_json(&counted_value(key, value));
        format!(
            "\t\t\t\t{{\n\t\t\t\t\t\"value\" : {value},\n\t\t\t\t\t\"count\" : \"{count}\"\n\t\t\t\t}}"
        )
    });
    let groups = groups.collect::<Vec<_>>().join(",\n");
    let end = if groups.is_empty() { "" } else { "\n" };
    let KeyCounts {
        field, distinct, ..
    } = key;
    format!(
        "\t\t{{\n\t\t\t\"field\" : \"{field}\",\n\t\t\t\"distinct\" : \"{distinct}\",\n\t\t\t\"groups\": [\n{groups}{end}\t\t\t]\n\t\t}}"
    )
}

/// The value of a group as XML and JSON show it, before the format's own escaping.
fn counted_value(key: &KeyCounts, value: &str) -> String {
    if key.is_url_encoded {
        encode(value)
    } else {
        value.to_owned()
    }
}

/// Returns the body of a response with an error.
pub(super) fn error(code: &str, message: &str, format: Format) -> String {
    let mut shown = String::new();
    for c in message.chars() {
        if c.is_control() || c == '\u{FFFE}' || c == '\u{FFFF}' {
            shown.push_str(&c.escape_default().to_string());
        } else {
            shown.push(c);
        }
    }
    match format {
        Format::Xml => format!(
            "<?xml version=\"1.0\"?>\n<error>\n\t<code>{code}</code>\n\t<message>{}</message>\n</error>\n",
            escape_xml(&shown)
        ),
        Format::Json => format!(
            "{{\n\t\"error\" : {{\n\t\t\"code\" : \"{code}\",\n\t\t\"message\" : {}\n\t}}\n}}\n",
            quote_json(&shown)
        ),
        Format::Delimited => format!("error={code}&message={}\n", encode(&shown)),
        Format::Csv => {
            let header = csv_record(&["error".into(), "message".into()]);
            header + &csv_record(&[code.to_owned(), shown])
        }
    }
}

fn xml_ticket(ticket: &Ticket, Shown { fields, names }: &Shown) -> String {
    let mut lines = vec!["\t<ticket>".to_owned()];
    for &field in fields {
        let name = field.name();
        if field != Field::CustomFields {
            let value = escape_xml(&value(ticket, field));
            lines.push(format!("\t\t<{name}>{value}</{name}>"));
        } else if names.is_empty() {
            lines.push(format!("\t\t<{name}></{name}>"));
        } else {
            lines.push(format!("\t\t<{name}>"));
            for own in names {
                let value = escape_xml(&encode(super::custom(ticket, own)));
                lines.push(format!("\t\t\t<{own}>{value}</{own}>"));
            }
            lines.push(format!("\t\t</{name}>"));
        }
    }
    lines.push("\t</ticket>\n".to_owned());
    lines.join("\n")
}

fn json_ticket(ticket: &Ticket, Shown { fields, names }: &Shown) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|&field| {
            let name = field.name();
            if field != Field::CustomFields {
                return format!("\t\t\t\"{name}\" : {}", quote_json(&value(ticket, field)));
            }
            if names.is_empty() {
                return format!("\t\t\t\"{name}\" : []");
            }
            let pairs: Vec<String> = names
                .iter()
                .map(|own| {
                    let value = quote_json(&encode(super::custom(ticket, own)));
                    format!("\t\t\t\t\"{own}\" : {value}")
                })
                .collect();
            let pairs = pairs.join(",\n");
            format!("\t\t\t\"{name}\" : [\n\t\t\t\t{{\n{pairs}\n\t\t\t\t}}\n\t\t\t]")
        })
        .collect();
    format!("\t\t{{\n{}\n\t\t}}", members.join(",\n"))
}

fn delimited_ticket(ticket: &Ticket, Shown { fields, names }: &Shown) -> String {
    let mut pairs = Vec::new();
    for &field in fields {
        let name = field.name();
        if field == Field::CustomFields {
            for own in names {
                pairs.push(format!("{own}={}", encode(super::custom(ticket, own))));
            }
            pairs.push(format!("{name}={}", names.join(",")));
        } else if field.is_url_encoded() {
            pairs.push(format!("{name}={}", value(ticket, field)));
        } else {
            pairs.push(format!(
                "{name}={}",
                escape_delimited(&value(ticket, field))
            ));
        }
    }
    pairs.join("&") + "\n"
}

/// The names of the columns.
fn csv_header(Shown { fields, names }: &Shown) -> Vec<String> {
    let mut columns = Vec::new();
    for &field in fields {
        if field == Field::CustomFields {
            columns.extend(names.iter().map(|own| format!("custom_fields.{own}")));
        } else {
            columns.push(field.name().to_owned());
        }
    }
    columns
}

/// The values of a ticket, one for each column.
fn csv_ticket(ticket: &Ticket, Shown { fields, names }: &Shown) -> Vec<String> {
    let mut values = Vec::new();
    for &field in fields {
        match ticket.cell(field) {
            Cell::Text(text) => values.push(text.to_owned()),
            Cell::Date(date) => {
                values.push(date.map(show_iso_date).unwrap_or_default());
            }
            Cell::CustomFields(_) => {
                let texts = names.iter().map(|own| super::custom(ticket, own));
                values.extend(texts.map(str::to_owned));
            }
            Cell::Integer(_) | Cell::OptionalInteger(_) => values.push(value(ticket, field)),
        }
    }
    values
}

/// A record with its end, each value in quotes where it must be.
fn csv_record(values: &[String]) -> String {
    let mut shown = Vec::new();
    for value in values {
        let is_alone = values.len() == 1 && value.is_empty();
        let is_padded = value.starts_with([' ', '\t']) || value.ends_with([' ', '\t']);
        if is_alone || is_padded || value.contains([',', '"', '\r', '\n']) {
            shown.push(format!("\"{}\"", value.replace('"', "\"\"")));
        } else {
            shown.push(value.clone());
        }
    }
    shown.join(",") + "\r\n"
}

/// A value as every format but CSV shows it, before the format's own escaping.
fn value(ticket: &Ticket, field: Field) -> String {
    match ticket.cell(field) {
        Cell::Text(text) if field.is_url_encoded() => encode(text),
        Cell::Text(text) => text.to_owned(),
        Cell::Integer(integer) => integer.to_string(),
        Cell::OptionalInteger(integer) => integer.map(|n| n.to_string()).unwrap_or_default(),
        Cell::Date(date) => date.map(show_date).unwrap_or_default(),
        // Its writers go through the store's names, not through the ticket's.
        Cell::CustomFields(_) => String::new(),
    }
}

fn show_date(date: NaiveDateTime) -> String {
    let (month, day, year) = (date.month(), date.day(), date.year());
    let (minute, second) = (date.minute(), date.second());
    let (is_after_noon, hour) = date.hour12();
    let half = if is_after_noon { "PM" } else { "AM" };
    format!("{month}/{day}/{year:04} {hour}:{minute:02}:{second:02} {half}")
}

fn show_iso_date(date: NaiveDateTime) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn quote_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn escape_delimited(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "%&=+#".contains(c) || c.is_control() {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}
