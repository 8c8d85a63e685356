//! Hostile sizes: requests and inputs of a megabyte or a hundred thousand parts answer or
//! err, and allocate no more than a stated multiple of their length.
//!
//! What is counted is bytes allocated, and the work that `explain` tells of: both are the same
//! on every machine. Time is only guarded against what takes minutes; a test that is run by hand
//! compares that of a quarter with that of the whole.

mod common;

use std::io::{BufReader, Read};
use std::time::{Duration, Instant};

use common::allocations::{self, Bytes, Counting};
use common::nasty::{Random, make_tickets};
use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Batch, Error, Import, ImportFormat, Options, Request, Snapshot, Store};

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

const TICKETS_COUNT: usize = 2_000;

fn snapshot() -> Snapshot {
    let mut batch = Batch::new();
    for ticket in make_tickets(&mut Random::new(1), TICKETS_COUNT) {
        batch.put(ticket);
    }
    let mut store = Store::new(Options::default());
    store.commit(batch).unwrap();
    store.snapshot()
}

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
    let printed = parsed.to_string();
    assert_eq!(printed.parse::<Request>().unwrap(), parsed, "{name}");
    let (answer, bytes) = measure(name, || snapshot.answer(&parsed.query));
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

fn numbered(count: usize, start: &str, between: &str) -> String {
    let parts: Vec<String> = (0..count).map(|n| format!("{start}{n}")).collect();
    parts.join(between)
}

/// A name, the code of the error if there is one, and a request.
type Long = (&'static str, &'static str, String);

/// Requests of so many quarters of a megabyte, or of 100,000 or 10,000 parts.
fn long_requests(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let (hundred, ten) = (quarters * 25_000, quarters * 2_500);
    vec![
        ("a key of 1 MB", "", format!("key={}", "x".repeat(mega))),
        ("1 MB of ampersands", "", "&".repeat(mega)),
        ("1 MB of empty repeats", "", "tid=&".repeat(mega / 5)),
        ("1 MB of bare names", "", "tid&".repeat(mega / 4)),
        (
            "a value of 1 MB",
            "",
            format!("status={}", "İ".repeat(mega / 2)),
        ),
        (
            "a value of percent signs",
            "",
            format!("cid={}", "%".repeat(mega)),
        ),
        (
            "a value of escapes",
            "",
            format!("cid={}", "%FF".repeat(mega / 3)),
        ),
        ("a name of 1 MB", "unknown_variable", "x".repeat(mega)),
        (
            "digits of 1 MB",
            "invalid_value",
            format!("count={}", "0".repeat(mega)),
        ),
        (
            "zeros before a number",
            "",
            format!("start_tid={}7", "0".repeat(mega)),
        ),
        (
            "a date of 1 MB",
            "invalid_value",
            format!("due_date={}", "1/".repeat(mega / 2)),
        ),
        (
            "a cid range of 1 MB",
            "",
            format!("start_cid={0}&end_cid={0}", "É".repeat(mega / 4)),
        ),
        (
            "an order of commas",
            "invalid_value",
            format!("order={}", ",".repeat(mega)),
        ),
        (
            "an order of spaces",
            "invalid_value",
            format!("order={}", "+".repeat(mega)),
        ),
        (
            "a key of an order of 1 MB",
            "invalid_value",
            format!("order={}", "x".repeat(mega)),
        ),
        (
            "equal order keys",
            "",
            format!("order={}", vec!["cid"; hundred].join(",")),
        ),
        (
            "order keys and a bad one",
            "invalid_value",
            format!("order={}x", "cid,".repeat(hundred)),
        ),
        (
            "100,000 order keys",
            "",
            format!("order={}", numbered(hundred, "custom_fields.a", ",")),
        ),
        ("10,000 filters", "", numbered(ten, "status=", "&")),
        (
            "10,000 equal filters",
            "",
            vec!["status=Open"; ten].join("&"),
        ),
        ("10,000 customers", "", numbered(ten, "cid=j", "&")),
        ("10,000 lone stars", "", vec!["uid=*"; ten].join("&")),
        (
            "10,000 times tid",
            "duplicate_variable",
            vec!["tid=1"; ten].join("&"),
        ),
    ]
}

#[test]
fn long_requests_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_requests(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

fn long_tid_patterns(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let patterns = [
        ("10,000 stars", "", "*".repeat(quarters * 2_500)),
        ("stars and digits", "", "*1".repeat(mega / 2)),
        ("a million digits", "", format!("*{}*", "1".repeat(mega))),
        ("a million zeros", "", format!("{}*", "0".repeat(mega))),
        ("a long tid", "invalid_value", "1".repeat(mega)),
    ];
    patterns
        .map(|(name, code, pattern)| (name, code, format!("tid={pattern}")))
        .into()
}

#[test]
fn long_tid_patterns_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_tid_patterns(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

fn long_keywords(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let hundred = quarters * 25_000;
    let letters = || 'a'..='z';
    let pairs: Vec<String> = letters()
        .flat_map(|a| letters().map(move |b| format!("{a}{b}")))
        .collect();
    let triples: Vec<String> = pairs
        .iter()
        .flat_map(|pair| letters().map(move |c| format!("{pair}{c}")))
        .collect();
    // Terms that texts hold, a hundred thousand ways to write a few of them.
    let held = [
        "printer",
        "error",
        "john@example.com",
        "0x80070005",
        "istanbul",
    ];
    let spelled: Vec<String> = (0..hundred)
        .map(|n| {
            let word = held[n % held.len()];
            let spelled = word.bytes().enumerate().map(|(at, byte)| {
                let upper = (n / held.len()) >> at & 1 == 1;
                char::from(if upper {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                })
            });
            spelled.collect()
        })
        .collect();
    let keywords = [
        ("a term of 1 MB", "e".repeat(mega)),
        ("a term that folds to 1 MB", "İ".repeat(mega / 4)),
        ("1 MB of white space", "+".repeat(mega)),
        ("100,000 equal terms", vec!["error"; hundred].join("+")),
        ("100,000 distinct terms", numbered(hundred, "w", "+")),
        ("100,000 numbers", numbered(hundred, "", "+")),
        ("100,000 spellings", spelled.join("+")),
        (
            "every letter",
            letters().map(String::from).collect::<Vec<_>>().join("+"),
        ),
        ("every pair of letters", pairs.join("+")),
        ("every triple of letters", triples.join("+")),
    ];
    keywords
        .map(|(name, keyword)| (name, "", format!("keyword={keyword}")))
        .into()
}

#[test]
fn long_keywords_cost_their_length() {
    let snapshot = snapshot();
    for (name, code, request) in long_keywords(4) {
        assert_eq!(ask(&snapshot, name, &request), code, "{name}");
    }
}

/// Reads all tickets and drops them; returns how many, or the error's code.
fn read(format: ImportFormat, reader: impl std::io::BufRead) -> Result<u64, &'static str> {
    let mut count = 0;
    for ticket in Import::new(format, reader) {
        ticket.map_err(|error: Error| error.code())?;
        count += 1;
    }
    Ok(count)
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

/// A format, what reading comes to, and an input of so many quarters of what it is about.
type Huge = (ImportFormat, Result<u64, &'static str>, String);

fn huge_documents(quarters: usize) -> Vec<Huge> {
    let many = |count: usize, part: &str| part.repeat(count / 4 * quarters);
    let (ok, syntax) = (Ok(1), Err("invalid_syntax"));
    let xml = |inside: &str| format!("<tickets><ticket><tid>1</tid>{inside}</ticket></tickets>");
    let json = |record: &str| format!("{{\"tickets\":[{record}]}}");
    let nested = many(200_000, "<a>") + &many(200_000, "</a>");
    let long = format!("<subject>{}</subject>", many(50 << 20, "x"));
    let encoded = format!("{{\"tid\":1,\"cid\":\"{}\"}}", many(6 << 20, "%41%42%43"));
    vec![
        (Xml, Err("invalid_ticket"), xml(&long)),
        (
            Xml,
            ok,
            xml(&format!("<subject>{}</subject>", many(1 << 20, "&amp;"))),
        ),
        (Xml, ok, xml(&many(100_000, "<!-- x -->"))),
        (Xml, ok, xml(&many(100_000, "<cid/>"))),
        (Xml, Err("unknown_variable"), xml(&nested)),
        (Xml, syntax, xml(&many(200_000, "<a>"))),
        (
            Xml,
            syntax,
            format!("<tickets {}/>", many(100_000, "a='b' ")),
        ),
        (
            Xml,
            syntax,
            xml(&format!("<cid>{}</cid>", many(1 << 20, "&"))),
        ),
        (Json, Err("invalid_ticket"), json(&encoded)),
        (Json, syntax, json(&many(1 << 20, "{\"tid\":"))),
        (
            Json,
            ok,
            json(&format!("{}{{\"tid\":1}}", many(1 << 20, " "))),
        ),
    ]
}

fn huge_lines(quarters: usize) -> Vec<Huge> {
    let many = |count: usize, part: &str| part.repeat(count / 4 * quarters);
    let ok = Ok(1);
    let deep = many(1 << 20, "[") + "1" + &many(1 << 20, "]");
    let custom = format!(
        "{{\"tid\":1,\"custom_fields\":{}",
        many(1 << 20, "[{\"a\":")
    );
    let long = format!("{{\"tid\":1,\"summary\":\"{}\"}}", many(50 << 20, "x"));
    vec![
        (
            JsonLines,
            Err("invalid_value"),
            format!("{{\"tid\":{deep}}}"),
        ),
        (JsonLines, Err("invalid_value"), custom),
        (
            JsonLines,
            ok,
            format!("{{\"tid\":1,\"cid\":\"\",\"cid\":{deep}}}"),
        ),
        (
            JsonLines,
            ok,
            format!("{{{}\"tid\":1}}", many(100_000, "\"cid\":\"\",")),
        ),
        (JsonLines, Err("invalid_ticket"), long),
        (Delimited, ok, format!("tid=1{}", many(200_000, "&cid="))),
        (Delimited, ok, format!("tid=1{}", many(1 << 20, "&"))),
        (
            Delimited,
            Err("unknown_variable"),
            format!("tid=1{}", many(200_000, "&x=1")),
        ),
    ]
}

#[test]
fn huge_records_cost_their_length() {
    for (format, expected, input) in huge_documents(4).into_iter().chain(huge_lines(4)) {
        let start: String = input.chars().take(60).collect();
        let (outcome, bytes) = measure(&start, || read(format, input.as_bytes()));
        assert_eq!(outcome, expected, "{start}");
        let multiple = if format == Delimited {
            PAIRS_MULTIPLE
        } else {
            RECORD_MULTIPLE
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

/// The least time of some runs: what is left is not noise.
fn seconds(run: impl Fn()) -> f64 {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "timed: to be run alone, by hand"]
fn four_times_the_length_takes_four_times_as_long() {
    let snapshot = snapshot();
    let requests = |quarters| {
        let lists = [long_requests, long_tid_patterns, long_keywords];
        lists.into_iter().flat_map(move |list| list(quarters))
    };
    let answer = |request: &str| {
        if let Ok(parsed) = request.parse::<Request>() {
            assert!(snapshot.answer(&parsed.query).total() <= TICKETS_COUNT as u64);
        }
    };
    let mut measured = Vec::new();
    for ((name, _, short), (_, _, long)) in requests(1).zip(requests(4)) {
        let times = [&short, &long].map(|request| seconds(|| answer(request)));
        measured.push((name.to_owned(), times));
    }
    let inputs = |quarters| {
        let documents = huge_documents(quarters).into_iter();
        documents.chain(huge_lines(quarters))
    };
    for ((format, _, short), (_, _, long)) in inputs(1).zip(inputs(4)) {
        let outcomes = [&short, &long].map(|input| read(format, input.as_bytes()));
        let times = [&short, &long].map(|input| seconds(|| _ = read(format, input.as_bytes())));
        // A text past the limit is refused where a quarter of it is read.
        if outcomes[0] == outcomes[1] {
            let start: String = short.chars().take(40).collect();
            measured.push((start, times));
        }
    }
    let mut worst: f64 = 0.0;
    for (name, [short, long]) in measured {
        let ratio = long / short;
        println!("{:9.3} ms {ratio:5.1} times  {name}", long * 1e3);
        // What takes no time has no ratio.
        if long > 1e-3 {
            worst = worst.max(ratio);
        }
    }
    // What is quadratic takes sixteen times as long.
    assert!(worst < 8.0, "{worst} times");
}
