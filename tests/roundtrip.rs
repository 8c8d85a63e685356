//! What the engine writes reads back: by its own import, and by parsers of others.
//!
//! Random stores are written in each format, imported into an empty store and written
//! again, which must give the same bytes; and every response is taken apart by `quick-xml`,
//! `serde_json` or `form_urlencoded` and compared with the tickets, value by value. The
//! seed of a store that fails is named.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::Path;

use common::foreign;
use common::nasty::{Random, make_request, make_tickets};
use ticketdex::{
    Batch, Error, Field, Format, Import, ImportFormat, Options, Query, Snapshot, Store, Ticket,
};

const STORES_COUNT: u64 = 60;

const READABLE: &[(Format, ImportFormat)] = &[
    (Format::Xml, ImportFormat::Xml),
    (Format::Json, ImportFormat::Json),
    (Format::Delimited, ImportFormat::Delimited),
    #[cfg(feature = "csv")]
    (Format::Csv, ImportFormat::Csv),
];

/// Names the store when an assertion fails.
struct OnFailure(u64);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the store of seed {}", self.0);
        }
    }
}

fn page_example(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared_cases");
    std::fs::read(folder.join(name)).unwrap()
}

/// Gives one byte each time it is asked.
struct OneByte<'a>(&'a [u8]);

impl Read for OneByte<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for OneByte<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(1)])
    }

    fn consume(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

fn read<R: BufRead>(format: ImportFormat, input: R) -> Result<Vec<Ticket>, Error> {
    Import::new(format, input).into_iter().collect()
}

fn load(format: ImportFormat, input: &[u8]) -> Snapshot {
    let mut store = Store::new(Options::default());
    store.load(Import::new(format, input)).unwrap();
    store.snapshot()
}

fn write(snapshot: &Snapshot, query: &Query, format: Format) -> Vec<u8> {
    let mut body = Vec::new();
    let answer = snapshot.answer(query);
    answer.write_to(format, &mut body).unwrap();
    body
}

/// A store, with the tickets that it must hold and its custom names.
struct Made {
    snapshot: Snapshot,
    tickets: BTreeMap<u64, Ticket>,
    names: Vec<String>,
}

fn make(seed: u64) -> Made {
    let mut random = Random::new(seed);
    let count = random.below(40);
    let mut tickets = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    let mut store = Store::new(Options::default());
    for ticket in make_tickets(&mut random, count) {
        for (name, _) in &ticket.custom_fields {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.clone());
            }
        }
        let mut batch = Batch::new();
        batch.put(ticket.clone());
        store.commit(batch).unwrap();
        tickets.insert(ticket.tid, ticket);
    }
    let snapshot = store.snapshot();
    Made {
        snapshot,
        tickets,
        names,
    }
}

#[test]
fn the_page_examples_read_in_and_the_xml_one_comes_out_again() {
    let xml = page_example("page_example.xml");
    let snapshot = load(ImportFormat::Xml, &xml);
    assert!(write(&snapshot, &Query::default(), Format::Xml) == xml);
    let mut tickets = Vec::new();
    for (format, name) in [
        (ImportFormat::Xml, "page_example.xml"),
        (ImportFormat::Json, "page_example.json"),
        (ImportFormat::Delimited, "page_example.txt"),
    ] {
        let mut read = read(format, &*page_example(name)).unwrap();
        assert_eq!(read.len(), 1, "{name}");
        tickets.append(&mut read);
    }
    let [xml, json, delimited] = &tickets[..] else {
        panic!("{tickets:?}");
    };
    assert_eq!(
        (&*xml.email, &*json.email),
        ("john.Smith@company.com", "John.Smith@company.com")
    );
    // The page's second `cid` stands where `cc_addresses` should; the first counts.
    assert_eq!([&json.cid, &delimited.cid], ["demo", "demo"]);
    assert_eq!([&json.cc_addresses, &delimited.cc_addresses], ["", ""]);
    assert_eq!(json.date_opened.unwrap().to_string(), "2012-04-24 10:42:43");
    assert_eq!(
        [&json.subject, &xml.subject],
        ["Example Subject", "Example subject"]
    );
    assert_eq!(
        (&*delimited.updater_type, &*delimited.assigned_tech),
        ("jCavataio", "")
    );
    for ticket in tickets {
        let names: Vec<&str> = ticket
            .custom_fields
            .iter()
            .map(|(name, _)| &**name)
            .collect();
        let expected = [1, 2, 3, 4].map(|n| format!("Custom_field_{n}"));
        assert_eq!(names, expected);
        assert_eq!(
            (ticket.tid, &*ticket.locked, ticket.merged_to),
            (34, "N", None)
        );
    }
}

#[test]
fn a_response_imports_to_the_store_it_came_from() {
    for seed in 0..STORES_COUNT {
        let _named = OnFailure(seed);
        let made = make(seed);
        let written = |&(format, _): &_| write(&made.snapshot, &Query::default(), format);
        let bodies: Vec<Vec<u8>> = READABLE.iter().map(written).collect();
        for (body, &(_, format)) in bodies.iter().zip(READABLE) {
            let again = load(format, body);
            for (expected, &(format, _)) in bodies.iter().zip(READABLE) {
                assert!(write(&again, &Query::default(), format) == *expected);
            }
            assert_eq!(
                read(format, OneByte(body)).unwrap(),
                read(format, &**body).unwrap()
            );
        }
    }
}

#[test]
fn an_imported_page_is_the_store_restricted_to_it() {
    let mut filled = 0;
    for seed in 0..STORES_COUNT {
        let _named = OnFailure(seed);
        let made = make(seed);
        let tickets: Vec<Ticket> = made.tickets.values().cloned().collect();
        let mut random = Random::new(seed);
        for _ in 0..12 {
            let query: Query = make_request(&mut random, &tickets).parse().unwrap();
            if query.is_count_only() || query.fields().is_some() {
                continue;
            }
            let answer = made.snapshot.answer(&query);
            let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            filled += usize::from(!tids.is_empty());
            for &(format, import) in READABLE {
                let read = read(import, &*write(&made.snapshot, &query, format)).unwrap();
                let read_tids: Vec<u64> = read.iter().map(|ticket| ticket.tid).collect();
                assert_eq!(read_tids, tids);
                for ticket in &read {
                    assert_same(&made.tickets[&ticket.tid], ticket, &made.names);
                }
            }
        }
    }
    assert!(filled > 200, "only {filled} pages");
}

#[test]
fn json_lines_give_the_same_tickets() {
    for seed in 0..STORES_COUNT {
        let _named = OnFailure(seed);
        let tickets: Vec<Ticket> = make(seed).tickets.into_values().collect();
        let lines: String = tickets
            .iter()
            .map(|ticket| serde_json::to_string(ticket).unwrap() + "\n")
            .collect();
        let read_back = read(ImportFormat::JsonLines, lines.as_bytes()).unwrap();
        assert_eq!(read_back.len(), tickets.len());
        for (read, ticket) in read_back.iter().zip(&tickets) {
            // Of a name that stands twice the first counts, so the second is not kept.
            let names = ticket.custom_fields.iter().map(|(name, _)| name.clone());
            assert_same(ticket, read, &names.collect::<Vec<_>>());
        }
        let crlf = lines.replace('\n', "\r\n\r\n");
        let marked = ["\u{FEFF}", &crlf].concat();
        assert_eq!(
            read(ImportFormat::JsonLines, marked.as_bytes()).unwrap(),
            read_back
        );
        assert_eq!(
            read(ImportFormat::JsonLines, OneByte(marked.as_bytes())).unwrap(),
            read_back
        );
    }
}

/// Compares two tickets field by field, their custom fields by these names.
fn assert_same(expected: &Ticket, got: &Ticket, names: &[String]) {
    for field in Field::ALL {
        if field != Field::CustomFields {
            assert_eq!(got.cell(field), expected.cell(field), "{}", field.name());
        }
    }
    for name in names {
        assert_eq!(got.custom(name), expected.custom(name), "{name}");
    }
}

#[test]
fn marks_at_the_start_and_line_ends_are_taken() {
    for seed in 0..10 {
        let _named = OnFailure(seed);
        let made = make(seed);
        for &(format, import) in READABLE {
            let body = String::from_utf8(write(&made.snapshot, &Query::default(), format)).unwrap();
            let expected = read(import, body.as_bytes()).unwrap();
            // Records of CSV end so already, and other line ends there are a part of their value.
            let crlf = match format {
                Format::Csv => body.clone(),
                _ => body.replace('\n', "\r\n"),
            };
            let crlf = ["\u{FEFF}", &crlf].concat();
            assert_eq!(
                read(import, crlf.as_bytes()).unwrap(),
                expected,
                "{}",
                format.name()
            );
            assert_eq!(read(import, OneByte(crlf.as_bytes())).unwrap(), expected);
            // Without the end of its last line, which is no part of a record.
            let unended = body.trim_end_matches(['\r', '\n']);
            assert_eq!(read(import, unended.as_bytes()).unwrap(), expected);
            if !body.is_empty() {
                let twice = ["\u{FEFF}\u{FEFF}", &body].concat();
                let error = read(import, twice.as_bytes()).unwrap_err();
                assert!(!error.code().is_empty(), "{}", format.name());
            }
        }
    }
}

/// Returns whether a record may be one of its form without its end.
fn is_whole_when_cut(format: ImportFormat) -> bool {
    use ImportFormat::{Json, JsonLines, Xml};
    !matches!(format, JsonLines | Json | Xml)
}

#[test]
fn a_cut_input_gives_an_error_or_fewer_tickets() {
    for seed in [3, 5] {
        let _named = OnFailure(seed);
        let made = make(seed);
        let tickets: Vec<Ticket> = made.tickets.values().take(4).cloned().collect();
        assert_eq!(tickets.len(), 4);
        let lines: Vec<String> = tickets
            .iter()
            .map(|ticket| serde_json::to_string(ticket).unwrap())
            .collect();
        let query: Query = "count=4".parse().unwrap();
        let mut inputs = vec![(ImportFormat::JsonLines, lines.join("\n").into_bytes())];
        let written = |&(format, import)| (import, write(&made.snapshot, &query, format));
        inputs.extend(READABLE.iter().map(written));
        for (format, input) in inputs {
            let whole = read(format, &*input).unwrap();
            let before = &whole[..whole.len() - 1];
            let mut end = input.len();
            while input[..end].ends_with(b"\n") {
                end -= 1;
            }
            for cut in 0..end {
                let outcome = read(format, &input[..cut]);
                let skipped = Import::new(format, &input[..cut]).skip_bad(true);
                let kept: Vec<Ticket> = skipped.into_iter().map_while(Result::ok).collect();
                match (format, outcome) {
                    (ImportFormat::Xml | ImportFormat::Json, Ok(_)) => panic!("{cut} of {end}"),
                    // A record that lost its last pairs, or the end of its last value, is one still.
                    (format, Ok(read)) if is_whole_when_cut(format) => {
                        let sure = read.len().saturating_sub(1);
                        assert_eq!(read[..sure], whole[..sure]);
                    }
                    (_, Ok(read)) => {
                        assert!(read.len() < whole.len());
                        assert_eq!(read, whole[..read.len()]);
                    }
                    (_, Err(error)) => assert!(error.position().is_some()),
                }
                let sure = kept.len().min(before.len());
                assert!(kept.len() <= whole.len());
                if !is_whole_when_cut(format) {
                    assert_eq!(kept, whole[..kept.len()]);
                } else if sure < kept.len() {
                    assert_eq!(kept[..sure], whole[..sure]);
                }
            }
        }
    }
}

#[test]
fn parsers_of_others_read_the_same_values() {
    for seed in 0..STORES_COUNT {
        let _named = OnFailure(seed);
        let made = make(seed);
        assert_eq!(made.snapshot.custom_names(), made.names);
        for format in Format::ALL {
            let body = write(&made.snapshot, &Query::default(), format);
            foreign::check(format, body, made.tickets.values(), &made.names);
        }
    }
}
