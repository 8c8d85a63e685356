//! The shared cases, request by request, against the engine and the reference.
//!
//! `shared_cases/cases.jsonl` was computed by an evaluator written apart from both, and so was
//! `shared_cases_more/more.jsonl`, of which the cases in CSV are run whose variables are known. The
//! tickets are read here by a reader of this file's own, so that a mistake in `import`
//! cannot hide one in the engine.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketdex::{
    Batch, Error, Field, FieldKind, Format, Moment, Options, Request, Snapshot, Store,
};
use ticketdex::{Patch, Ticket};

/// What an evaluator says to a request.
struct Outcome {
    total: u64,
    tids: Vec<u64>,
    body: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const TICKETS: &str = "shared_cases/tickets.jsonl";
const MORE_TICKETS: &str = "shared_cases_more/more_tickets.jsonl";

/// The batch that puts every ticket of a file.
fn tickets(name: &str) -> Batch {
    let mut batch = Batch::new();
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let tid = record["tid"].as_u64().unwrap();
        let mut patch = Patch::new();
        let mut custom_fields = Vec::new();
        for (name, value) in record.as_object().unwrap() {
            let field = Field::from_name(name).unwrap();
            match (field.kind(), value) {
                _ if field == Field::Tid => {}
                (_, Value::Null) => {}
                (FieldKind::CustomFields, Value::Object(pairs)) => {
                    let pair = |(name, text): (&String, &Value)| {
                        (name.clone(), text.as_str().unwrap_or_default().to_owned())
                    };
                    custom_fields = pairs.iter().map(pair).collect();
                    // A parsed object has its members in the order of their names.
                    let place = |name: &str| line.find(&format!("\"{name}\":")).unwrap();
                    custom_fields.sort_by_key(|(name, _)| place(name));
                }
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
                custom_fields,
                ..Ticket::default()
            })
            .patch(tid, patch);
    }
    batch
}

/// Compares one evaluator with every case, and reports all that differ.
fn run(
    name: &str,
    cases: &[Value],
    evaluate: impl Fn(&Request, Format) -> Outcome,
    refuse: impl Fn(&Error, Format) -> Vec<u8>,
) {
    let mut wrong = String::new();
    for case in cases {
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
                if case["error"] == true {
                    None
                } else {
                    Some(format!("refused: {error}"))
                }
            }
            Ok(_) if case["error"] == true => Some("not refused".to_owned()),
            Ok(parsed) => {
                let format = Format::from_name(case["format"].as_str().unwrap()).unwrap();
                difference(case, &evaluate(&parsed, format))
            }
        };
        if let Some(difference) = difference {
            writeln!(wrong, "{request}: {difference}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{wrong}");
}

fn difference(case: &Value, outcome: &Outcome) -> Option<String> {
    let body = String::from_utf8_lossy(&outcome.body);
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
    let answer = snapshot.answer(&request.query);
    let mut body = Vec::new();
    answer.write_to(format, &mut body).unwrap();
    let tids = answer.records().map(|record| record.tid()).collect();
    Outcome {
        total: answer.total(),
        tids,
        body,
    }
}

fn cases() -> Vec<Value> {
    let cases = lines("shared_cases/cases.jsonl");
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    cases
}

/// The cases in CSV whose variables are known.
fn csv_cases() -> Vec<Value> {
    let mut cases = lines("shared_cases_more/more.jsonl");
    cases.retain(|case| {
        let parsed = case["request"].as_str().unwrap().parse::<Request>();
        let code = parsed.map_err(|error| error.code()).err();
        let expected = case["code"].as_str();
        case["format"] == "csv" && (code == expected || code != Some("unknown_variable"))
    });
    // Actions are told apart by a later grammar, which may know more of these.
    cases.retain(|case| !case["request"].as_str().unwrap().contains("count_tickets"));
    assert!(cases.len() >= 5, "only {} cases", cases.len());
    cases
}

#[test]
fn engine_answers_every_case_in_csv() {
    let mut store = Store::new(Options::default());
    store.commit(tickets(MORE_TICKETS)).unwrap();
    let snapshot = store.snapshot();
    run(
        "engine",
        &csv_cases(),
        |request, format| answer(&snapshot, request, format),
        Error::to_response,
    );
}

#[cfg(feature = "reference")]
#[test]
fn reference_answers_every_case_in_csv() {
    use ticketdex::reference::{Reference, error_response};

    let mut reference = Reference::new();
    reference.commit(&tickets(MORE_TICKETS)).unwrap();
    run(
        "reference",
        &csv_cases(),
        |request, format| Outcome {
            total: reference.total(&request.query),
            tids: reference.tids(&request.query),
            body: reference.respond(&request.query, format),
        },
        error_response,
    );
}

#[test]
fn engine_answers_every_case() {
    let mut store = Store::new(Options::default());
    store.commit(tickets(TICKETS)).unwrap();
    let snapshot = store.snapshot();
    run(
        "engine",
        &cases(),
        |request, format| answer(&snapshot, request, format),
        Error::to_response,
    );
}

#[cfg(feature = "reference")]
#[test]
fn reference_answers_every_case() {
    use ticketdex::reference::{Reference, error_response};

    let mut reference = Reference::new();
    reference.commit(&tickets(TICKETS)).unwrap();
    run(
        "reference",
        &cases(),
        |request, format| Outcome {
            total: reference.total(&request.query),
            tids: reference.tids(&request.query),
            body: reference.respond(&request.query, format),
        },
        error_response,
    );
}
