//! What must hold of any bytes: the fuzz targets' checks, one function a target.
//!
//! A target hands its input to one of these, and so does `regressions`, which replays the
//! seeds and every input that a check has ever failed on, on stable Rust. Each compares an
//! answer, rather than only waiting for a crash.

use std::collections::BTreeMap;
use std::fmt::Write;

use ticketdex::reference::Reference;
use ticketdex::{
    Batch, Error, Field, Format, Import, ImportFormat, Options, Patch, PlanMode, Query, Request,
    Snapshot, Store, Ticket,
};

use super::foreign;
use super::model::Model;
use super::nasty::{Random, make_request, make_tickets, split};

/// A request that parses prints as one that parses to an equal request; an error shows.
pub fn parse_request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.parse::<Request>() {
        Ok(request) => {
            let printed = request.to_string();
            let again: Request = printed.parse().expect("what is printed parses");
            // An empty key is the same as none.
            let key = request.key.clone().filter(|key| !key.is_empty());
            assert_eq!(again, Request { key, ..request }, "{printed}");
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => {
            for format in Format::ALL {
                let body = error.to_response(format);
                assert!(body.len() < 16_384, "an error out of proportion");
                let expected = ticketdex::reference::error_response(&error, format);
                assert_eq!(body, expected);
            }
        }
    }
}

const IMPORTS: [ImportFormat; 4] = [
    ImportFormat::JsonLines,
    ImportFormat::Xml,
    ImportFormat::Json,
    ImportFormat::Delimited,
];

fn read(format: ImportFormat, input: &[u8]) -> Result<Vec<Ticket>, Error> {
    Import::new(format, input).into_iter().collect()
}

/// What imports, exports and imports again to the same; the first byte is the format.
pub fn import_bytes(input: &[u8]) {
    let Some((&first, input)) = input.split_first() else {
        return;
    };
    let format = IMPORTS[usize::from(first) % IMPORTS.len()];
    let read_strictly = read(format, input);
    // Skipping finds at least as many, and all of them where nothing is wrong.
    let mut kept = Vec::new();
    let skipping = Import::new(format, input).skip_bad(true);
    let skipped = skipping.for_each_block(|tickets| {
        kept.append(tickets);
        Ok(())
    });
    let Ok(tickets) = read_strictly else {
        assert!(kept.iter().all(|ticket| ticket.check().is_ok()));
        return;
    };
    assert_eq!(skipped.expect("nothing is wrong").skipped, 0);
    assert_eq!(kept, tickets);
    let Ok(reference) = Reference::from_tickets(tickets) else {
        // More custom names than a store may have.
        return;
    };
    let mut store = Store::new(Options::default());
    store
        .load(Import::new(format, input))
        .expect("it has loaded before");
    for (format, import) in Format::ALL.into_iter().zip([
        ImportFormat::Xml,
        ImportFormat::Json,
        ImportFormat::Delimited,
    ]) {
        let body = write(&store.snapshot(), &Query::default(), format);
        assert_eq!(body, reference.respond(&Query::default(), format));
        let mut again = Store::new(Options::default());
        again
            .load(Import::new(import, &*body))
            .expect("what is written reads");
        assert_eq!(write(&again.snapshot(), &Query::default(), format), body);
    }
}

/// Any cells come back from each format, by a parser of others and by the engine's own import.
///
/// Texts are the input's own, cut at the byte FF, which no UTF-8 has; the first byte of each
/// says where it goes. A ticket that breaks a rule is left out.
pub fn response_roundtrip(input: &[u8]) {
    let mut tickets: BTreeMap<u64, Ticket> = BTreeMap::new();
    let mut ticket = Ticket::default();
    let mut keep = |ticket: &Ticket| {
        let number = u64::try_from(tickets.len()).expect("a count") + 1;
        let ticket = Ticket {
            tid: number,
            ..ticket.clone()
        };
        if ticket.check().is_ok() {
            tickets.insert(number, ticket);
        }
    };
    for piece in input.split(|&byte| byte == 0xFF) {
        let Some((&place, text)) = piece.split_first() else {
            keep(&std::mem::take(&mut ticket));
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let place = usize::from(place);
        match Field::ALL.get(place) {
            Some(Field::Tid | Field::CustomFields) | None => {
                let name = ["Serial", "_x", "a.b-c", "Z9", "Rare"][place % 5];
                ticket.custom_fields.push((name.into(), text.into()));
            }
            // A value that the field cannot have leaves it as it is.
            Some(&field) => drop(Patch::new().set(field, &*text).apply(&mut ticket)),
        }
    }
    keep(&ticket);
    let Ok(reference) = Reference::from_tickets(tickets.into_values()) else {
        return;
    };
    let mut batch = Batch::new();
    for ticket in reference.tickets() {
        batch.put(ticket.clone());
    }
    let mut store = Store::new(Options::default());
    store.commit(batch).expect("the tickets are valid");
    let names = reference.custom_names();
    let tickets: Vec<&Ticket> = reference.tickets().collect();
    for (format, import) in Format::ALL.into_iter().zip([
        ImportFormat::Xml,
        ImportFormat::Json,
        ImportFormat::Delimited,
    ]) {
        let body = write(&store.snapshot(), &Query::default(), format);
        let mut again = Store::new(Options::default());
        again
            .load(Import::new(import, &*body))
            .expect("what is written reads");
        assert_eq!(write(&again.snapshot(), &Query::default(), format), body);
        foreign::check(format, body, tickets.iter().copied(), names);
    }
}

fn write(snapshot: &Snapshot, query: &Query, format: Format) -> Vec<u8> {
    let mut body = Vec::new();
    snapshot
        .answer(query)
        .write_to(format, &mut body)
        .expect("a vector takes any bytes");
    body
}

/// Prints what a check failed on as text to paste.
struct OnFailure<'a> {
    reference: &'a Reference,
    request: &'a str,
}

impl Drop for OnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut lines = String::new();
            for ticket in self.reference.tickets() {
                let _ = writeln!(
                    lines,
                    "{}",
                    serde_json::to_string(ticket).unwrap_or_default()
                );
            }
            eprintln!("tickets, as JSON Lines:\n{lines}request: {}", self.request);
        }
    }
}

/// Totals, tids and bytes are those of the reference, under every plan.
pub fn compare(snapshot: &Snapshot, reference: &Reference, request: &str) {
    let _shown = OnFailure { reference, request };
    let query: Query = request.parse().expect("generated requests are valid");
    let total = reference.total(&query);
    let tids = reference.tids(&query);
    let bodies = Format::ALL.map(|format| reference.respond(&query, format));
    for (at, mode) in PlanMode::all().enumerate() {
        let answer = snapshot.answer_with(&query, mode);
        assert_eq!(answer.total(), total, "total under {mode:?}");
        let got: Vec<u64> = answer.records().map(|record| record.tid()).collect();
        assert_eq!(got, tids, "tids under {mode:?}");
        let index = at % Format::ALL.len();
        let mut body = Vec::new();
        let written = answer.write_to(Format::ALL[index], &mut body);
        written.expect("a vector takes any bytes");
        assert!(body == bodies[index], "bytes under {mode:?}");
    }
}

/// A store of any tickets, in any number of segments, answers any request as the reference does.
pub fn query_vs_reference(input: &[u8]) {
    let mut random = Random::chosen(input);
    let tickets_count = random.below(24);
    let commits_count = random.choose(&[1, 2, 64]);
    let tickets = make_tickets(&mut random, tickets_count);
    let mut store = Store::new(Options::default());
    let mut reference = Reference::new();
    for batch in split(&mut random, &tickets, commits_count) {
        commit(&mut store, &mut reference, batch);
    }
    let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
    for _ in 0..4 {
        let request = make_request(&mut random, &tickets);
        compare(&store.snapshot(), &reference, &request);
    }
}

fn commit(store: &mut Store, reference: &mut Reference, batch: Batch) {
    let expected = reference.commit(&batch).map_err(|error| error.code());
    let got = store
        .commit(batch)
        .map(|_| ())
        .map_err(|error| error.code());
    assert_eq!(got, expected);
}

/// Batches, merges and held snapshots: every state answers as the reference of its version.
pub fn store_ops(input: &[u8]) {
    let mut random = Random::chosen(input);
    let mut model = Model::new(&mut random);
    for _ in 0..=random.below(12) {
        model.step(&mut random);
        model.ask(&mut random);
    }
}
