//! The shared cases, request by request, against the engine and the reference.
//!
//! `shared_cases/cases.jsonl` was computed by an evaluator written apart from both. The
//! tickets are read here by a reader of this file's own, so that a mistake in `import`
//! cannot hide one in the engine.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketdex::{
    Action, Batch, Error, Field, FieldKind, Format, Moment, Options, Request, Snapshot, Store,
};
use ticketdex::{Patch, Ticket};

/// Custom fields in the order in which a record holds them, which a `Value` does not keep.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Pairs::default();
                while let Some((name, text)) = map.next_entry::<String, Option<String>>()? {
                    pairs.0.push((name, text.unwrap_or_default()));
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// The custom fields of a record.
#[derive(Deserialize)]
struct Custom {
    #[serde(default)]
    custom_fields: Pairs,
}

/// What an evaluator says to a request.
struct Outcome {
    total: u64,
    tids: Vec<u64>,
    body: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn lines(name: &str) -> Vec<Value> {
    text(name)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file of tickets, and one of requests about them.
#[derive(Clone, Copy)]
struct Files {
    tickets: &'static str,
    cases: &'static str,
    cases_min: usize,
}

/// What the page can ask.
const PAGE: Files = Files {
    tickets: "shared_cases/tickets.jsonl",
    cases: "shared_cases/cases.jsonl",
    cases_min: 300,
};

/// What it cannot: filters on every field, and fewer variables.
const MORE: Files = Files {
    tickets: "shared_cases_more/more_tickets.jsonl",
    cases: "shared_cases_more/more.jsonl",
    cases_min: 444,
};

/// The batch that puts every ticket of a file.
fn tickets(files: Files) -> Batch {
    let mut batch = Batch::new();
    for (record, line) in lines(files.tickets).iter().zip(text(files.tickets).lines()) {
        let tid = record["tid"].as_u64().unwrap();
        let mut patch = Patch::new();
        let Custom { custom_fields } = serde_json::from_str(line).unwrap();
        for (name, value) in record.as_object().unwrap() {
            let field = Field::from_name(name).unwrap();
            match (field.kind(), value) {
                _ if field == Field::Tid => {}
                (_, Value::Null) | (FieldKind::CustomFields, Value::Object(_)) => {}
                (FieldKind::Date, Value::String(text)) if !text.is_empty() => {
                    let date = Moment::parse(text).unwrap().first_second();
                    patch = patch.set(field, date);
                }
                (_, Value::Number(number)) => patch = patch.set(field, number.as_u64().unwrap()),
                (_, Value::String(text)) => patch = patch.set(field, text.as_str()),
                other => panic!("{name}: {other:?}"),
            }
        }
        batch
            .put(Ticket {
                tid,
                custom_fields: custom_fields.0,
                ..Ticket::default()
            })
            .patch(tid, patch);
    }
    batch
}

/// Compares one evaluator with every case, and reports all that differ.
fn run(
    name: &str,
    files: Files,
    evaluate: impl Fn(&Request, Format) -> Outcome,
    refuse: impl Fn(&Error, Format) -> Vec<u8>,
) {
    let mut wrong = String::new();
    let cases = lines(files.cases);
    assert!(cases.len() >= files.cases_min, "only {} cases", cases.len());
    for case in &cases {
        let request = case["request"].as_str().unwrap();
        let difference = match request.parse::<Request>() {
            Err(error) => {
                for format in Format::ALL {
                    assert_eq!(
                        refuse(&error, format),
                        error.to_response(format),
                        "{request}"
                    );
                }
                let is_code = |code: &str| code == error.code();
                let code = case.get("code").and_then(Value::as_str);
                if case["error"] == true && code.is_none_or(is_code) {
                    None
                } else {
                    Some(format!("refused: {error}"))
                }
            }
            Ok(_) if case["error"] == true => Some("not refused".to_owned()),
            Ok(parsed) => {
                let name = case["format"].as_str().unwrap();
                let outcome = evaluate(&parsed, Format::from_name(name).unwrap());
                found_difference(case, &outcome).or_else(|| body_difference(case, &outcome))
            }
        };
        if let Some(difference) = difference {
            writeln!(wrong, "{request}: {difference}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{wrong}");
}

fn found_difference(case: &Value, outcome: &Outcome) -> Option<String> {
    if case["total"] != outcome.total {
        return Some(format!(
            "total {} instead of {}",
            outcome.total, case["total"]
        ));
    }
    if case["tids"] != Value::from(outcome.tids.as_slice()) {
        return Some(format!(
            "tids {:?} instead of {}",
            outcome.tids, case["tids"]
        ));
    }
    None
}

fn body_difference(case: &Value, outcome: &Outcome) -> Option<String> {
    let body = String::from_utf8_lossy(&outcome.body);
    if case.get("body").is_some_and(|expected| *expected != *body) {
        return Some(format!("body {body:?} instead of {}", case["body"]));
    }
    if case["bytes"] != outcome.body.len() {
        return Some(format!(
            "{} bytes instead of {}",
            outcome.body.len(),
            case["bytes"]
        ));
    }
    let mut digest = String::new();
    for byte in Sha256::digest(&outcome.body) {
        write!(digest, "{byte:02x}").unwrap();
    }
    (case["sha256"] != digest).then(|| format!("SHA-256 {digest} instead of {}", case["sha256"]))
}

fn answer(snapshot: &Snapshot, request: &Request, format: Format) -> Outcome {
    let mut body = Vec::new();
    let (total, tids) = match &request.action {
        Action::GetTickets(query) => {
            let answer = snapshot.answer(query);
            answer.write_to(format, &mut body).unwrap();
            let tids = answer.records().map(|record| record.tid()).collect();
            (answer.total(), tids)
        }
        Action::CountTickets(query) => {
            let counts = snapshot.count_by(query);
            counts.write_to(format, &mut body).unwrap();
            (counts.total(), Vec::new())
        }
    };
    Outcome { total, tids, body }
}

fn run_engine(files: Files) {
    let mut store = Store::new(Options::default());
    store.commit(tickets(files)).unwrap();
    let snapshot = store.snapshot();
    run(
        "engine",
        files,
        |request, format| answer(&snapshot, request, format),
        Error::to_response,
    );
}

#[test]
fn engine_answers_every_case() {
    run_engine(PAGE);
}

#[test]
fn engine_answers_every_case_beyond_the_page() {
    run_engine(MORE);
}

#[cfg(feature = "reference")]
fn run_reference(files: Files) {
    use ticketdex::reference::{Reference, error_response};

    let mut reference = Reference::new();
    reference.commit(&tickets(files)).unwrap();
    run(
        "reference",
        files,
        |request, format| match &request.action {
            Action::GetTickets(query) => Outcome {
                total: reference.total(query),
                tids: reference.tids(query),
                body: reference.respond(query, format),
            },
            Action::CountTickets(query) => Outcome {
                total: reference.total(query.matching()),
                tids: Vec::new(),
                body: reference.respond_counts(query, format),
            },
        },
        error_response,
    );
}

#[cfg(feature = "reference")]
#[test]
fn reference_answers_every_case() {
    run_reference(PAGE);
}

#[cfg(feature = "reference")]
#[test]
fn reference_answers_every_case_beyond_the_page() {
    run_reference(MORE);
}
