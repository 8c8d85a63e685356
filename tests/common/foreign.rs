//! Responses read by parsers of others: `quick-xml`, `serde_json`, `form_urlencoded` and `csv`.
//!
//! What the engine writes and its own import reads could be wrong in both; these share
//! nothing with either.

use chrono::{Datelike, NaiveDateTime, Timelike};
use quick_xml::events::Event;
use ticketdex::{Cell, Field, FieldKind, Format, Ticket};

/// Checks that a response has the values of these tickets, and their custom fields by these
/// names.
pub fn check<'a>(
    format: Format,
    body: Vec<u8>,
    tickets: impl ExactSizeIterator<Item = &'a Ticket>,
    names: &[String],
) {
    let body = String::from_utf8(body).unwrap();
    let parsed = match format {
        Format::Xml => parse_xml(&body),
        Format::Json => parse_json(&body),
        Format::Csv => parse_csv(&body, names),
        _ => parse_delimited(&body),
    };
    assert_eq!(parsed.len(), tickets.len());
    for (foreign, ticket) in parsed.iter().zip(tickets) {
        compare(ticket, foreign, names, format);
    }
}

/// The values of one record as a foreign parser gives them: names with texts, decoded, and
/// custom names apart.
#[derive(Debug, Default)]
struct Foreign {
    fields: Vec<(String, String)>,
    custom: Vec<(String, String)>,
}

fn decode(text: &str) -> String {
    // A pair without `=` is a name, and no name is looked at.
    let pairs = format!("x={text}");
    let mut pairs = form_urlencoded::parse(pairs.as_bytes());
    let (_, value) = pairs.next().unwrap();
    assert!(pairs.next().is_none(), "{text} holds an &");
    value.into_owned()
}

fn parse_xml(body: &str) -> Vec<Foreign> {
    let mut reader = quick_xml::Reader::from_str(body);
    let mut records = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => {
                open.push(element.name().as_ref().to_owned());
                text.clear();
                if open == ["tickets", "ticket"] {
                    records.push(Foreign::default());
                }
            }
            Event::Text(part) => text += &part.xml10_content(),
            Event::GeneralRef(reference) => text.push(match reference.as_ref() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                other => panic!("&{other};"),
            }),
            Event::End(_) => {
                let name = open.pop().unwrap();
                let value = std::mem::take(&mut text);
                match (open.len(), records.last_mut()) {
                    (2, Some(record)) => record.fields.push((name, value)),
                    (3, Some(record)) => record.custom.push((name, decode(&value))),
                    _ => {}
                }
            }
            Event::Decl(_) => {}
            Event::Eof => return records,
            other => panic!("{other:?}"),
        }
    }
}

fn parse_json(body: &str) -> Vec<Foreign> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 1);
    let tickets = value["tickets"].as_array().unwrap();
    let pairs = |value: &serde_json::Value| -> Vec<(String, String)> {
        let members = value.as_object().unwrap().iter();
        members
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").to_owned()))
            .collect()
    };
    tickets
        .iter()
        .map(|ticket| {
            let objects = ticket["custom_fields"].as_array().unwrap();
            assert!(objects.len() <= 1);
            let custom = objects.first().map(pairs).unwrap_or_default();
            Foreign {
                fields: pairs(ticket),
                custom: custom
                    .into_iter()
                    .map(|(name, value)| (name, decode(&value)))
                    .collect(),
            }
        })
        .collect()
}

fn parse_delimited(body: &str) -> Vec<Foreign> {
    assert!(body.is_empty() || body.ends_with('\n'));
    body.lines()
        .map(|line| {
            let pairs = form_urlencoded::parse(line.as_bytes());
            let pairs: Vec<(String, String)> = pairs.into_owned().collect();
            let (fields, custom): (Vec<_>, Vec<_>) = pairs
                .into_iter()
                .partition(|(name, _)| Field::from_name(name).is_some());
            let list = fields.iter().find(|(name, _)| name == "custom_fields");
            let names: Vec<&str> = custom.iter().map(|(name, _)| &**name).collect();
            assert_eq!(list.unwrap().1, names.join(","));
            Foreign { fields, custom }
        })
        .collect()
}

fn parse_csv(body: &str, names: &[String]) -> Vec<Foreign> {
    assert!(body.ends_with("\r\n"));
    let mut reader = csv::Reader::from_reader(body.as_bytes());
    let columns = reader.headers().unwrap().clone();
    assert_eq!(columns.len(), Field::ALL.len() - 1 + names.len());
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| {
            let mut foreign = Foreign::default();
            for (column, value) in columns.iter().zip(&record) {
                match column.strip_prefix("custom_fields.") {
                    Some(name) => foreign.custom.push((name.to_owned(), value.to_owned())),
                    None => foreign.fields.push((column.to_owned(), value.to_owned())),
                }
            }
            // The columns stand where the others have a variable that holds them all.
            let place = Field::CustomFields.index();
            let own = (Field::CustomFields.name().to_owned(), String::new());
            foreign.fields.insert(place, own);
            foreign
        })
        .collect()
}

/// Reads `2014-04-24 10:42:43`.
fn is_iso_date(text: &str, date: NaiveDateTime) -> bool {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S") == Ok(date) && text.len() == 19
}

/// Reads `4/24/2014 10:42:43 AM`.
fn is_date(text: &str, date: NaiveDateTime) -> bool {
    let parts: Vec<&str> = text.split(['/', ' ', ':']).collect();
    let (is_after_noon, hour) = date.hour12();
    let expected = [
        date.month().to_string(),
        date.day().to_string(),
        format!("{:04}", date.year()),
        hour.to_string(),
        format!("{:02}", date.minute()),
        format!("{:02}", date.second()),
        if is_after_noon { "PM" } else { "AM" }.to_owned(),
    ];
    parts == expected
}

fn compare(ticket: &Ticket, foreign: &Foreign, names: &[String], format: Format) {
    // A JSON object as `serde_json` keeps it has its members in the order of their names.
    let mut fields: Vec<Field> = Field::ALL.to_vec();
    let mut names = names.to_vec();
    if format == Format::Json {
        fields.sort_by_key(|field| field.name());
        names.sort();
    }
    let got: Vec<&str> = foreign.fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        got,
        fields.iter().map(|field| field.name()).collect::<Vec<_>>()
    );
    for (field, (name, value)) in fields.into_iter().zip(&foreign.fields) {
        // The foreign parser of delimited pairs has decoded them already; those of CSV are plain.
        let is_encoded =
            field.kind() == FieldKind::Text && !matches!(format, Format::Delimited | Format::Csv);
        let value = if is_encoded {
            decode(value)
        } else {
            value.clone()
        };
        match ticket.cell(field) {
            Cell::Text(text) => assert_eq!(value, text, "{name}"),
            Cell::Integer(integer) => assert_eq!(value, integer.to_string(), "{name}"),
            Cell::OptionalInteger(None) | Cell::Date(None) => assert_eq!(value, "", "{name}"),
            Cell::OptionalInteger(Some(integer)) => assert_eq!(value, integer.to_string()),
            Cell::Date(Some(date)) if format == Format::Csv => {
                assert!(is_iso_date(&value, date), "{value} for {date}");
            }
            Cell::Date(Some(date)) => assert!(is_date(&value, date), "{value} for {date}"),
            _ => {}
        }
    }
    let custom: Vec<(&str, &str)> = foreign
        .custom
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (&**name, ticket.custom(name)))
        .collect();
    assert_eq!(custom, expected);
}
