//! Inputs as other programs write them, and messages that lead to the fault: where it is, what stands
//! there as it stands, and what would be right. `tests/field/` holds small inputs made after reports
//! of people who run ticket systems; its README says what is right for each.

mod common;

use std::path::Path;

use common::command::{file, run, run_well, stderr};
use ticketdex::ImportFormat::{self, Delimited, Json, JsonLines, Xml};
use ticketdex::{
    Batch, Error, Import, Imported, Moment, Options, Patch, Query, Store, Ticket, durable,
};

fn read(format: ImportFormat, input: &[u8], skips: bool) -> (Vec<u64>, Result<Imported, Error>) {
    let mut tids = Vec::new();
    let import = Import::new(format, input).skip_bad(skips);
    let outcome = import.for_each_ticket(|ticket| {
        tids.push(ticket.tid);
        Ok(())
    });
    (tids, outcome)
}

fn read_file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field");
    std::fs::read(folder.join(name)).unwrap()
}

#[track_caller]
fn assert_tells(error: &Error, code: &str, parts: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// A file, its form, its error with what the message tells, and what is read with skipping: the
/// tickets and how many records are skipped, or nothing where that is the same error.
type Case = (
    &'static str,
    ImportFormat,
    &'static str,
    &'static [&'static str],
    Option<(&'static [u64], u64)>,
);

#[rustfmt::skip] // One case a line.
const FILES: &[Case] = &[
    ("jsonl_named_json.json", Json, "invalid_syntax", &["line 1", "looks like JSON Lines", "a JSON response"], None),
    ("control_character.xml", Xml, "invalid_syntax", &["line 4, column 31, record 2, ticket 2", "U+0001"], Some((&[1, 3], 1))),
    ("html_entity.xml", Xml, "invalid_syntax", &["line 4, column 31, record 2, ticket 2", "&nbsp;", "&amp;"], Some((&[1, 3], 1))),
    ("raw_tab.json", Json, "invalid_syntax", &["line 1, column 50, record 2, ticket 2", "control character", "found \"\\ttab"], Some((&[1, 3], 1))),
    ("error_response.xml", Xml, "error_response", &["invalid_key", "no such key", "expected tickets"], None),
    ("html_page.xml", Xml, "invalid_syntax", &["an HTML page", "an XML response"], None),
    ("big_integer.jsonl", JsonLines, "invalid_value", &["line 1", "\"18446744073709551616\"", "below 2^64"], Some((&[], 1))),
    ("cut_lines.jsonl", JsonLines, "invalid_syntax", &["line 2, column 1, record 2", "found \"aofa\": 1}\"", "a JSON object"], Some((&[1, 2], 2))),
];

#[test]
fn each_file_gives_what_is_right() {
    for &(name, format, code, parts, skipping) in FILES {
        let input = read_file(name);
        assert_tells(&read(format, &input, false).1.unwrap_err(), code, parts);
        let (tids, outcome) = read(format, &input, true);
        match skipping {
            Some((expected, skipped)) => {
                assert_eq!(
                    (&*tids, outcome.unwrap().skipped),
                    (expected, skipped),
                    "{name}"
                );
            }
            None => assert_tells(&outcome.unwrap_err(), code, parts),
        }
    }
    assert_eq!(
        read(JsonLines, &read_file("jsonl_named_json.json"), false).0,
        [1, 2]
    );
    let lines = read_file("narrow_space.jsonl");
    let store = Store::from_tickets(
        Import::new(JsonLines, &*lines)
            .into_iter()
            .map(Result::unwrap),
    );
    let opened = store
        .unwrap()
        .snapshot()
        .get(1)
        .unwrap()
        .date(ticketdex::Field::DateOpened);
    assert_eq!(
        opened,
        "4/24/2014 10:42:43 AM"
            .parse()
            .ok()
            .map(Moment::first_second)
    );
}

#[test]
fn every_reason_is_told_up_to_a_hundred() {
    let path = file(
        "reasons.jsonl",
        "{\"tid\":0}\n".repeat(120) + "{\"tid\":7}\n",
    );
    let output = run(&["get", "count_only=Y", "--data", &path, "--skip-bad"], b"");
    let reasons = stderr(&output)
        .lines()
        .filter(|line| line.contains("skipped: invalid_ticket"));
    assert_eq!(reasons.count(), 100);
    assert!(
        stderr(&output).contains("120 bad records skipped"),
        "{output:?}"
    );
}

#[test]
fn another_form_of_input_is_named_whatever_it_was_taken_for() {
    let inputs: [(&[u8], &str, &str); 15] = [
        (b"<?xml version=\"1.0\"?>\n<tickets>\n</tickets>\n", "invalid_syntax", "an XML response"),
        (b" <Tickets/>", "invalid_syntax", "an XML response"),
        (b"{ \"tickets\" : [] }", "invalid_syntax", "a JSON response"),
        (b"<!DOCTYPE html>\n<html><head>", "invalid_syntax", "an HTML page"),
        (b"\n<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\">", "invalid_syntax", "an HTML page"),
        (b"<!-- proxy -->\n<BODY>Bad gateway", "invalid_syntax", "an HTML page"),
        (b"{\n\t\"error\" : {\n\t\t\"code\" : \"a\",\n\t\t\"message\" : \"b \\\"c\\\"\"\n\t}\n}\n", "error_response", "a: b \"c\""),
        (b"error=a&message=b+%22c%22\n", "error_response", "a: b \"c\""),
        (b"error,message\r\na,\"b \"\"c\"\"\"\r\n", "error_response", "a: b \"c\""),
        (b"tid,cid,custom_fields.Room\r\n1,a,b\r\n", "invalid_syntax", "CSV under a header"),
        (b"\"TID\",\"Subject\"\n\"1\",\"a\"\n", "invalid_syntax", "CSV under a header"),
        (b"<error><code>a</code><message>b &quot;c&quot;</message></error>", "error_response", "a: b \"c\""),
        (b"\x1F\x8B\x08\0\0\0", "invalid_syntax", "a gzip file"),
        (b"PK\x03\x04rest", "invalid_syntax", "a zip file"),
        (b"\xFF\xFE{\0\"\0t\0i\0d\0\"\0:\0", "invalid_encoding", "UTF-16"),
    ];
    for (input, code, looks) in inputs {
        for format in [JsonLines, Xml, Json, Delimited] {
            let is_own = match looks {
                "an XML response" => format == Xml,
                "a JSON response" => format == Json,
                _ => false,
            };
            for skips in [false, true] {
                let outcome = read(format, input, skips).1;
                match outcome {
                    Ok(imported) => assert!(is_own && imported.tickets == 0, "{looks} {format:?}"),
                    Err(error) => {
                        assert!(!is_own, "{looks}: {error}");
                        assert_tells(&error, code, &["line 1, column 1", looks]);
                    }
                }
            }
        }
    }
    // Lines of another form are bad records where these are skipped.
    let error = read(JsonLines, b"tid=1\ntid=2\n", false).1.unwrap_err();
    assert_tells(
        &error,
        "invalid_syntax",
        &["a delimited response", "JSON Lines"],
    );
    assert_eq!(read(JsonLines, b"tid=1\n{\"tid\":2}\n", true).0, [2]);
    let error = read(Delimited, b"{\"tid\":1}\n", false).1.unwrap_err();
    assert_tells(
        &error,
        "invalid_syntax",
        &["JSON Lines", "a delimited response"],
    );
    assert_eq!(read(Delimited, b"{\"tid\":1}\ntid=2\n", true).0, [2]);
    let error = read(JsonLines, b"[{\"tid\":1},\n{\"tid\":2}]", false)
        .1
        .unwrap_err();
    assert_tells(&error, "invalid_syntax", &["a JSON array"]);
}

#[test]
fn xml_as_other_programs_write_it_is_read() {
    let ticket = "<ticket><tid>1</tid></ticket>";
    for (start, end) in [
        (" \n\t<?xml version=\"1.0\"?><tickets>", "</tickets>"),
        (
            "<?xml version=\"1.0\" encoding=\"utf8\"?><tickets>",
            "</tickets>",
        ),
        (
            "<?xml version=\"1.0\" encoding=\"US-ASCII\" standalone=\"yes\"?><tickets>",
            "</tickets>",
        ),
        (
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\"?><tickets>",
            "</tickets>",
        ),
        (
            "<tickets xmlns=\"urn:a\" xmlns:xsi=\"urn:b\">",
            "</tickets>",
        ),
        (
            "<tickets xsi:schemaLocation=\"a b\" x:noNamespaceSchemaLocation='c'>",
            "</tickets>",
        ),
        (
            "<tickets><ticket><tid xmlns:x='y'>2</tid><subject i:nil=\"true\"/></ticket>",
            "</tickets>",
        ),
        (
            "<tickets><ticket><tid>2</tid><custom_fields x:nil='true'></custom_fields></ticket>",
            "</tickets>",
        ),
    ] {
        let input = format!("{start}{ticket}{end}");
        let (tids, outcome) = read(Xml, input.as_bytes(), false);
        assert_eq!(
            outcome
                .map_err(|error| format!("{input}: {error}"))
                .map(|_| ()),
            Ok(())
        );
        assert_eq!(tids.last(), Some(&1), "{input}");
    }
    #[rustfmt::skip] // One case a line.
    let bad = [
        ("<?xml version='1.0' encoding='ISO-8859-1'?><tickets/>", "invalid_encoding", "the declared encoding ISO-8859-1"),
        ("<tickets><ticket id='7'><tid>1</tid></ticket></tickets>", "invalid_syntax", "ticket has the attribute id=\"7\""),
        ("<tickets><ticket><tid>1</tid><cid type='s'>x</cid></ticket></tickets>", "invalid_syntax", "cid has the attribute type=\"s\""),
        ("<tickets><ticket><tid>1</tid><cid nil='true'/></ticket></tickets>", "invalid_syntax", "cid has the attribute nil=\"true\""),
        ("<tickets><ticket><tid>1</tid><cid x:nil='false'/></ticket></tickets>", "invalid_syntax", "cid has the attribute x:nil=\"false\""),
        ("<tickets><ticket><tid>1</tid><cid x:nil='true'>x</cid></ticket></tickets>", "invalid_syntax", "cid has content"),
        ("<tickets><ticket x:nil='true'><tid>1</tid></ticket></tickets>", "invalid_syntax", "ticket has content"),
        ("<tickets x:nil='true'> <ticket><tid>1</tid></ticket></tickets>", "invalid_syntax", "tickets has content"),
        ("<tickets><ticket><tid>1</tid><cid a=b></cid></ticket></tickets>", "invalid_syntax", "cid has the attribute a: "),
        ("<tickets><ticket><tid>1</tid><custom_fields x:nil='true'><A/></custom_fields></ticket></tickets>", "invalid_syntax", "custom_fields has content"),
    ];
    for (input, code, part) in bad {
        assert_tells(
            &read(Xml, input.as_bytes(), false).1.unwrap_err(),
            code,
            &["line 1, column ", part],
        );
    }
}

#[test]
fn dates_have_one_space_of_three_kinds_before_the_half_of_the_day() {
    for (space, is_read) in [
        ("", true),
        (" ", true),
        ("\u{A0}", true),
        ("\u{202F}", true),
        ("  ", false),
        ("\t", false),
        ("\u{2009}", false),
        ("\u{202F} ", false),
        ("+", false),
    ] {
        let date = format!("12/24/2014 10:42:43{space}pm");
        assert_eq!(Moment::parse(&date).is_some(), is_read, "{date:?}");
        let line = format!("{{\"tid\":1,\"due_date\":\"{date}\"}}");
        assert_eq!(
            read(JsonLines, line.as_bytes(), false).1.is_ok(),
            is_read,
            "{date:?}"
        );
        let mut value = String::new();
        value.extend(form_urlencoded::byte_serialize(date.as_bytes()));
        assert_eq!(
            format!("due_date={value}").parse::<Query>().is_ok(),
            is_read,
            "{date:?}"
        );
    }
    let error = read(
        JsonLines,
        "{\"tid\":1,\"due_date\":\"1/2/2014\u{202F}1:00\"}".as_bytes(),
        false,
    );
    assert_tells(
        &error.1.unwrap_err(),
        "invalid_value",
        &["1/2/2014\\u{202f}1:00"],
    );
}

#[test]
fn what_nobody_would_see_in_a_message_is_an_escape() {
    for (text, shown) in [
        ("\u{FEFF}1", "\\u{feff}1"),
        ("\u{200B}", "\\u{200b}"),
        ("a\u{202E}b", "a\\u{202e}b"),
        ("\u{3000}", "\\u{3000}"),
        ("\u{AD}", "\\u{ad}"),
        ("\u{E000}", "\\u{e000}"),
        ("\t", "\\t"),
        ("\u{7F}", "\\u{7f}"),
        ("é e\u{301} 東京 🎫", "é e\u{301} 東京 🎫"),
    ] {
        let line = serde_json::json!({"tid": 1, "due_date": text}).to_string();
        let error = read(JsonLines, line.as_bytes(), false).1.unwrap_err();
        let part = format!("due_date is \"{shown}\" but");
        assert_tells(&error, "invalid_value", &[&part]);
    }
}

#[test]
fn the_content_counts_for_more_than_the_name() {
    let lines = read_file("jsonl_named_json.json");
    let named_xml = file("named.xml", &lines);
    let error = run(&["get", "--data", &named_xml], b"");
    assert!(
        stderr(&error).contains("looks like JSON Lines"),
        "{error:?}"
    );
    let body = run_well(
        &[
            "get",
            "count_only=Y",
            "--format",
            "delimited",
            "--data",
            &named_xml,
            "--input",
            "jsonl",
        ],
        b"",
    );
    assert_eq!(body, b"count=2\n");
    let named_gz = file("not.jsonl.gz", &lines);
    let output = run(&["get", "--data", &named_gz], b"");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("not.jsonl.gz: io: ") && said.contains("begins with \"{\\\"ti\""),
        "{said}"
    );
}

#[test]
fn a_mark_before_the_first_request_is_passed_over() {
    let path = file("marked.jsonl", "\u{FEFF}{\"tid\":1}\r\n");
    let output = run_well(
        &["pipe", "--data", &path],
        "\u{FEFF}count_only=Y&format=delimited\r\n".as_bytes(),
    );
    assert!(
        output.ends_with(b"count=1\n"),
        "{}",
        String::from_utf8_lossy(&output)
    );
}

/// Every kind of error with where it is, what stands there and what would be right.
#[test]
fn every_kind_of_error_tells_where_what_and_what_would_be_right() {
    let import = |format, input: &str| read(format, input.as_bytes(), false).1.unwrap_err();
    let request = |text: &str| text.parse::<Query>().unwrap_err();
    let names: Vec<String> = (0..4096).map(|n| format!("\"n{n}\":null")).collect();
    let names = names.join(",");
    let many = format!(
        "{{\"tid\":5,\"custom_fields\":{{{names}}}}}\n\n{{\"tid\":6,\"custom_fields\":{{\"Ünser\":1}}}}"
    );
    let load = |text: &str| {
        let mut store = Store::default();
        store
            .load(Import::new(JsonLines, text.as_bytes()))
            .unwrap_err()
    };
    let more = many.replace("\"Ünser\":1", "\"One.More\":\"x\"");
    let patch = {
        let mut batch = Batch::new();
        batch.patch(7, Patch::new());
        Store::default().commit(batch).unwrap_err()
    };
    let large = {
        let mut store = Store::new(Options::default().memory_bytes_max(1000));
        let summary = "x".repeat(5000);
        store.commit(
            [Ticket {
                tid: 1,
                summary,
                ..Ticket::default()
            }]
            .into_iter()
            .collect(),
        )
    };
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let foreign = file("kinds.redb", "tid=1\n");
    let missing = folder.join("no_such.jsonl").to_string_lossy().into_owned();
    let store_error = durable::open(&foreign).unwrap_err();
    let store_parts = [&*foreign, "not a ticketdex store"];
    let used = folder.join("kinds_in_use.redb");
    let _ = std::fs::remove_file(&used);
    let holder = durable::Options::default()
        .create(true)
        .open(&used)
        .unwrap();
    let in_use = durable::open(&used).unwrap_err();
    drop(holder);
    let used = used.to_string_lossy().into_owned();
    let no_folder = folder.join("no_such_folder/x.redb");
    let storage = durable::Options::default().create(true).open(&no_folder);
    let no_folder = no_folder.to_string_lossy().into_owned();
    let in_use_parts = [&*used, "open elsewhere", "closed there first"];
    let storage_parts = [&*no_folder, "cannot be made"];
    let io = Import::new(JsonLines, std::io::BufReader::new(Broken)).for_each_block(|_| Ok(()));
    #[rustfmt::skip] // One kind a line.
    let kinds: Vec<(Error, &str, &[&str])> = vec![
        (import(JsonLines, "{\"tid\":1}\n{\"tid\":2,\"state\":\"x\"}"), "unknown_variable", &["line 2, column 16, record 2, ticket 2", "\"state\"", "38 output variables"]),
        (import(Xml, "<tickets>\n<tid>1</tid></tickets>"), "unknown_variable", &["line 2, column 1", "\"tid\"", "the element ticket"]),
        (import(Delimited, "tid=1\ntid=2&B=3&custom_fields=A"), "unknown_variable", &["line 2, column 7, record 2, ticket 2", "\"B\"", "custom_fields lists"]),
        (import(Json, "{\"tickets\":[\n{\"tid\":3,\"company_id\":3e2}]}"), "invalid_value", &["line 2, column 25, record 1, ticket 3", "\"3e2\"", "an integer"]),
        (import(Xml, "<tickets>\n\n<ticket><tid>4</tid>\n <due_date>soon</due_date></ticket></tickets>"), "invalid_value", &["line 4, column 2, record 1, ticket 4", "\"soon\"", "a date like"]),
        (import(Delimited, "tid=5&locked=maybe"), "invalid_ticket", &["line 1", "record 1", "ticket 5: locked is \"maybe\"", "must be empty, N or Y"]),
        (import(JsonLines, "{\"tid\":1,\"subject\":\"x\"\"}"), "invalid_syntax", &["line 1, column 23, record 1, ticket 1", "found \"\"}\"", "a JSON object"]),
        (read(JsonLines, b"{\"tid\":1,\"cid\":\"\xE9\"}", false).1.unwrap_err(), "invalid_encoding", &["line 1, column 17, record 1", "0xE9", "UTF-8"]),
        (import(Xml, "<error><code>busy</code><message>later</message></error>"), "error_response", &["line 1", "busy: later", "expected tickets"]),
        (load(&more), "too_many_custom_fields", &["line 3", "record 2", "ticket 6", "\"One.More\"", "4096 names"]),
        (load(&many), "invalid_value", &["line 3", "record 2", "Ünser", "text or null"]),
        (request("status=a&keywords=b"), "unknown_variable", &["\"keywords\"", "\"b\"", "keyword"]),
        (request("tid=1&tid=2"), "duplicate_variable", &["tid", "\"2\"", "once"]),
        (request("tid=*&page=2"), "page_needs_count", &["\"2\"", "count"]),
        (request("count=9&page=2"), "page_needs_wildcard", &["\"2\"", "tid=*"]),
        (request(&format!("tid=*&count=1&page=1&after={}", cursor())), "cursor_conflict", &["after", "page", "only place"]),
        (patch, "unknown_ticket", &["ticket 7", "not there"]),
        (large.unwrap_err(), "too_much_memory", &["would take", "may take 1000"]),
        (store_error, "invalid_store", &store_parts),
        (in_use, "store_in_use", &in_use_parts),
        (storage.unwrap_err(), "storage", &storage_parts),
        (io.unwrap_err(), "io", &["line 1", "the line is dead"]),
    ];
    for (error, code, parts) in &kinds {
        assert_tells(error, code, parts);
    }
    let output = run(&["get", "--data", &missing], b"");
    assert!(
        stderr(&output).contains(&format!("{missing} is not there: io: ")),
        "{output:?}"
    );
}

/// The token of a cursor in the order by ticket number.
fn cursor() -> String {
    let tickets = (1..3).map(|tid| Ticket {
        tid,
        ..Ticket::default()
    });
    let answer = Store::from_tickets(tickets)
        .unwrap()
        .snapshot()
        .answer(&"count=1".parse().unwrap());
    answer.next().unwrap().to_string()
}

/// A reader that fails.
struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the line is dead"))
    }
}
