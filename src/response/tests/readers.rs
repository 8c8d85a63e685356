//! Responses as parsers of others read them: `quick-xml`, `serde_json`, `form_urlencoded`, `csv`.

use super::{Cells, show_date};
use crate::model::{Field, FieldKind, Format};

fn decoded(name: &str, raw: String) -> (String, String) {
    let is_raw = Field::from_output_name(name).is_some_and(|field| !field.is_url_encoded());
    let text = if is_raw {
        raw
    } else {
        let pair = format!("v={raw}");
        let mut pairs = form_urlencoded::parse(pair.as_bytes());
        pairs.next().unwrap().1.into_owned()
    };
    (name.to_owned(), text)
}

pub(super) fn read_back(format: Format, body: &str) -> Cells {
    match format {
        Format::Xml => read_xml(body),
        Format::Json => read_json(body),
        Format::Delimited => body.lines().map(read_pairs).collect(),
        Format::Csv => read_csv(body),
    }
}

fn read_xml(body: &str) -> Cells {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(body);
    let (mut cells, mut text, mut is_leaf) = (Cells::new(), String::new(), false);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                if start.name().as_ref() == "ticket" {
                    cells.push(Vec::new());
                }
                text.clear();
                is_leaf = true;
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => text.push(match &*name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                other => panic!("entity {other:?}"),
            }),
            Event::End(end) => {
                let name = end.name().as_ref().to_owned();
                if is_leaf && name != "custom_fields" && name != "tickets" {
                    let cell = decoded(&name, std::mem::take(&mut text));
                    cells.last_mut().unwrap().push(cell);
                }
                is_leaf = false;
            }
            Event::Eof => return cells,
            _ => {}
        }
    }
}

fn read_json(body: &str) -> Cells {
    // `serde_json` sorts members, so cells are looked up in the order of the fields.
    let root: serde_json::Value = serde_json::from_str(body).unwrap();
    let members = |value: &serde_json::Value| -> Vec<(String, String)> {
        let order = |name: &str| body.find(&format!("\"{name}\" : ")).unwrap();
        let mut members: Vec<_> = value.as_object().unwrap().iter().collect();
        members.sort_by_key(|(name, _)| order(name));
        let mut cells = Vec::new();
        for (name, value) in members {
            if let Some(custom) = value.as_array() {
                for object in custom {
                    let mut pairs: Vec<_> = object.as_object().unwrap().iter().collect();
                    pairs.sort_by_key(|(name, _)| order(name));
                    let texts = pairs.into_iter();
                    cells.extend(
                        texts.map(|(name, text)| decoded(name, text.as_str().unwrap().to_owned())),
                    );
                }
            } else {
                cells.push(decoded(name, value.as_str().unwrap().to_owned()));
            }
        }
        cells
    };
    let tickets = root["tickets"].as_array().unwrap();
    tickets.iter().map(members).collect()
}

fn read_pairs(line: &str) -> Vec<(String, String)> {
    // A plus of a raw value is escaped, so the standard's parser reads raw values too.
    let pairs = form_urlencoded::parse(line.as_bytes()).into_owned();
    pairs.filter(|(name, _)| name != "custom_fields").collect()
}

fn read_csv(body: &str) -> Cells {
    let mut reader = ::csv::Reader::from_reader(body.as_bytes());
    let names = reader.headers().unwrap().clone();
    let cell = |(name, text): (&str, &str)| {
        let name = name.strip_prefix("custom_fields.").unwrap_or(name);
        let is_date = Field::from_output_name(name).is_some_and(|it| it.kind() == FieldKind::Date);
        let text = if is_date && !text.is_empty() {
            show_date(chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap())
        } else {
            text.to_owned()
        };
        (name.to_owned(), text)
    };
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| names.iter().zip(&record).map(cell).collect())
        .collect()
}
