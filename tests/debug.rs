//! No `{:?}` of a public type prints tickets: what stands in a log is short and holds no customer's
//! data. Types that are one ticket or a part of one, as plain data, print themselves.

use std::fmt::Debug;

use ticketdex::reference::Reference;
use ticketdex::{
    Batch, Change, Format, Import, ImportFormat, Options, Query, Store, Ticket, synth,
};

/// The text that stands in every ticket of these tests, and may stand in no output.
const SECRET: &str = "unlikely-secret";

const TICKETS: u64 = 100_000;

#[track_caller]
fn assert_short(name: &str, value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(shown.len() < 1024, "{name} prints {} bytes", shown.len());
        assert!(!shown.contains(SECRET), "{name} prints tickets: {shown}");
    }
}

fn tickets() -> impl Iterator<Item = Ticket> {
    (1..=TICKETS).map(|tid| Ticket {
        tid,
        status: SECRET.to_owned(),
        subject: format!("{SECRET} {tid}"),
        custom_fields: vec![("Serial".to_owned(), SECRET.to_owned())],
        ..Ticket::default()
    })
}

#[test]
fn a_large_store_and_what_it_hands_out_print_in_short() {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let tickets: Vec<Ticket> = tickets().collect();
    for tickets in tickets.chunks(TICKETS as usize / 10) {
        store.commit(tickets.iter().cloned().collect()).unwrap();
    }
    let reader = store.reader();
    let snapshot = reader.snapshot();
    assert_short("Store", &store);
    assert_short("Reader", &reader);
    assert_short("Snapshot", &snapshot);
    assert_short("Record", &snapshot.get(7).unwrap());
    for request in [
        "",
        "keyword=unlikely&order=subject&count=20",
        "count_only=Y",
    ] {
        let answer = snapshot.answer(&request.parse::<Query>().unwrap());
        assert_short("Answer", &answer);
        assert_short("Records", &answer.records());
        let mut chunks = answer.into_chunks(Format::Xml);
        assert_short("Chunks", &chunks);
        chunks.next();
        assert_short("Chunks", &chunks);
    }
    let job = store.merge_job().unwrap();
    assert_short("MergeJob", &job);
    assert_short("Merged", &job.run());
}

#[test]
fn what_tickets_come_in_by_prints_in_short() {
    let batch: Batch = tickets().collect();
    assert_short("Batch", &batch);
    let tickets: Vec<Ticket> = tickets().collect();
    assert_short("Change", &Change::Put(&tickets));
    let reference = Reference::from_tickets(tickets.iter().cloned()).unwrap();
    assert_short("Reference", &reference);
    let mut lines = Vec::new();
    for ticket in &tickets {
        serde_json::to_writer(&mut lines, ticket).unwrap();
        lines.push(b'\n');
    }
    let import = Import::new(ImportFormat::JsonLines, &lines[..]);
    assert_short("Import", &import);
    let mut read = import.into_iter();
    read.next();
    assert_short("Tickets", &read);
    assert_short("synth::Tickets", &synth::Tickets::new(1));
}

#[test]
fn records_tell_how_many_are_to_come() {
    let store = Store::from_tickets(tickets().take(1000)).unwrap();
    let answer = store.snapshot().answer(&"count=700".parse().unwrap());
    let mut records = answer.records();
    for left in (0..=700).rev() {
        assert_eq!(records.len(), left);
        assert_eq!(records.next().is_some(), left > 0);
    }
}
