//! Hostile sizes: requests and inputs of a megabyte or a hundred thousand parts answer or
//! err, and allocate no more than a stated multiple of their length.
//!
//! What is counted is bytes allocated, and the work that `explain` tells of: both are the same
//! on every machine. Time is only guarded against what takes minutes; `benches/hostile.rs`
//! compares that of a quarter of each input with that of the whole.

mod common;

use std::io::{BufReader, Read};
use std::time::{Duration, Instant};

use common::allocations::{self, Bytes, Counting};
use common::hostile::{
    TICKETS_COUNT, huge_documents, huge_lines, long_keywords, long_requests, long_tid_patterns,
    numbered, read, snapshot,
};
use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Action, Batch, Field, Patch, Request, Snapshot, Store, Ticket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tells what a run allocates, and guards against what is not linear at all.
fn measure<T>(name: &str, run: impl FnOnce() -> T) -> (T, Bytes) {
    let start = Instant::now();
    let measured = allocations::measure(run);
    assert!(
        start.elapsed() < Duration::from_mins(1),
        "{name} takes minutes"
    );
    measured
}

/// Bytes that parsing a request may allocate for each of its own.
const PARSE_MULTIPLE: u64 = 40;
/// Bytes that answering a request may allocate for each of its own.
const ANSWER_MULTIPLE: u64 = 400;
/// Bytes that either may allocate whatever the length.
const FIXED_BYTES: u64 = 1 << 20;

/// Parses and, if it can, answers; returns the error's code or nothing.
fn ask(snapshot: &Snapshot, name: &str, request: &str) -> &'static str {
    let length = request.len() as u64;
    let (parsed, bytes) = measure(name, || request.parse::<Request>());
    let most = length * PARSE_MULTIPLE + FIXED_BYTES;
    assert!(
        bytes.allocated < most,
        "{name}: {length} bytes parse with {bytes:?}"
    );
    let parsed = match parsed {
        Err(error) => {
            assert!(error.to_string().len() < 1_500, "{name}");
            return error.code();
        }
        Ok(parsed) => parsed,
    };
    // A key is not printed.
    let mut keyless = parsed.clone();
    keyless.key = None;
    let printed = parsed.to_string();
    assert_eq!(printed.parse::<Request>().unwrap(), keyless, "{name}");
    let (answer, bytes) = measure(name, || match &parsed.action {
        Action::GetTickets(query) => snapshot.answer(query),
        Action::CountTickets(query) => snapshot.answer(query.matching()),
    });
    let most = length * ANSWER_MULTIPLE + FIXED_BYTES;
    assert!(
        bytes.allocated < most,
        "{name}: {length} bytes answer with {bytes:?}"
    );
    let work = answer.explain().work;
    let rows = work.rows_touched + work.rows_probed;
    assert!(rows <= 4 * TICKETS_COUNT as u64, "{name}: {work:?}");
    ""
}

#[test]
fn long_requests_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_requests(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

#[test]
fn long_tid_patterns_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_tid_patterns(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

#[test]
fn long_keywords_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_keywords(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

#[test]
fn memory_does_not_grow_with_the_input() {
    const RECORDS_COUNT: u64 = 40_000;
    let text = "x".repeat(1_000);
    let parts = [
        (
            JsonLines,
            String::new(),
            format!("{{\"tid\":1,\"subject\":\"{text}\"}}\n"),
            "",
        ),
        (
            Json,
            "{\"tickets\":[{\"tid\":1}".to_owned(),
            format!(",\n{{\"tid\":1,\"subject\":\"{text}\"}}"),
            "]}",
        ),
        (
            Delimited,
            String::new(),
            format!("tid=1&subject={text}\n"),
            "",
        ),
        (
            Xml,
            "<tickets>".to_owned(),
            format!("<ticket><tid>1</tid><subject>{text}</subject></ticket>\n<!-- {text} -->"),
            "</tickets>",
        ),
    ];
    for (format, head, record, foot) in parts {
        let bytes_count = record.len() as u64 * RECORDS_COUNT;
        let records = Cycle {
            bytes: record.as_bytes(),
            at: 0,
        }
        .take(bytes_count);
        let input = BufReader::new(head.as_bytes().chain(records).chain(foot.as_bytes()));
        let (count, bytes) = measure("a stream", || read(format, input));
        assert!(count.unwrap() >= RECORDS_COUNT, "{format:?}");
        // Two blocks of a mebibyte, with their tickets and what a `Vec` holds in reserve.
        assert!(
            bytes.peak < 16 << 20,
            "{format:?}: {bytes:?} for {bytes_count} bytes"
        );
    }
}

/// The same bytes again and again.
struct Cycle<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Read for Cycle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = (&self.bytes[self.at..]).read(out)?;
        self.at = (self.at + count) % self.bytes.len();
        Ok(count)
    }
}

/// Bytes that reading a record may hold for each of its own: the record, its text as
/// decoded, and what growing either by doubling leaves behind.
const RECORD_MULTIPLE: u64 = 8;

/// The same for a delimited record, whose shortest pair of four bytes is held as two slices.
const PAIRS_MULTIPLE: u64 = 24;

/// The same for CSV, where a value may be one byte: its start and its end are held, and of a header
/// what each column stands for.
#[cfg(feature = "csv")]
const VALUES_MULTIPLE: u64 = 48;

#[test]
fn huge_records_cost_their_length() {
    for (format, expected, input) in huge_documents(4).into_iter().chain(huge_lines(4)) {
        let start: String = input.chars().take(60).collect();
        let (outcome, bytes) = measure(&start, || read(format, input.as_bytes()));
        assert_eq!(outcome, expected, "{start}");
        let multiple = match format {
            #[cfg(feature = "csv")]
            ticketdex::ImportFormat::Csv => VALUES_MULTIPLE,
            Delimited => PAIRS_MULTIPLE,
            _ => RECORD_MULTIPLE,
        };
        let most = input.len() as u64 * multiple + FIXED_BYTES;
        assert!(
            bytes.peak < most,
            "{start}: {bytes:?} for {} bytes",
            input.len()
        );
    }
}

#[test]
fn custom_names_past_the_limit_are_refused_early() {
    let members = numbered(100_000, "\"a", "\":\"x\",") + "\":\"x\"";
    let elements = numbered(100_000, "<a", "/>") + "/>";
    let pairs = numbered(100_000, "a", "=x&");
    let list = numbered(100_000, "a", ",");
    for (format, input) in [
        #[cfg(feature = "csv")]
        (
            ticketdex::ImportFormat::Csv,
            numbered(100_000, "custom_fields.a", ",") + "\n",
        ),
        (
            JsonLines,
            format!("{{\"tid\":1,\"custom_fields\":{{{members}}}}}"),
        ),
        (
            Json,
            format!("{{\"tickets\":[{{\"tid\":1,\"custom_fields\":[{{{members}}}]}}]}}"),
        ),
        (Delimited, format!("tid=1&{pairs}&custom_fields={list}")),
        (
            Xml,
            format!(
                "<tickets><ticket><custom_fields>{elements}</custom_fields></ticket></tickets>"
            ),
        ),
    ] {
        let (outcome, bytes) = measure("names", || read(format, input.as_bytes()));
        assert_eq!(outcome, Err("too_many_custom_fields"), "{format:?}");
        assert!(
            bytes.peak < input.len() as u64 * RECORD_MULTIPLE,
            "{format:?}: {bytes:?}"
        );
    }
}

#[test]
fn a_commit_holds_a_ticket_that_it_patches_often_once() {
    type Commits = fn(&mut Store, Vec<Batch>);
    const SUMMARY_BYTES: usize = 1 << 18;
    let batch = |patches_count: usize| {
        let ticket = Ticket {
            tid: 1,
            summary: "long ".repeat(SUMMARY_BYTES / 5),
            ..Ticket::default()
        };
        let mut batch = Batch::new();
        batch.put(ticket);
        for patch in 1..=patches_count {
            batch.patch(1, Patch::new().set(Field::Status, patch.to_string()));
        }
        batch
    };
    let alone: Commits = |store, batches| {
        for batch in batches {
            store.commit(batch).unwrap();
        }
    };
    let together: Commits = |store, batches| {
        for outcome in store.commit_together(batches) {
            outcome.unwrap();
        }
    };
    for (name, commit) in [("alone", alone), ("together", together)] {
        let [few, many] = [2, 200].map(|patches_count| {
            let (mut store, batches) = (Store::default(), vec![batch(patches_count); 2]);
            let ((), bytes) = measure(name, || commit(&mut store, batches));
            let snapshot = store.snapshot();
            let status = snapshot.get(1).unwrap().text(Field::Status);
            assert_eq!(status, patches_count.to_string());
            bytes.peak
        });
        assert!(many < few + FIXED_BYTES, "{name}: {few} and {many}");
    }
}
