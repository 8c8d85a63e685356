//! Bad inputs: each gets its error, with field and position, in both modes; good ones
//! cut at any byte, and arbitrary bytes, never panic.

use std::path::Path;

use proptest::prelude::*;
use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Error, ErrorKind, Import, ImportFormat, Imported, Ticket};

fn read(format: ImportFormat, input: &[u8], skips: bool) -> (Vec<Ticket>, Result<Imported, Error>) {
    let mut read = Vec::new();
    let outcome = Import::new(format, input)
        .skip_bad(skips)
        .for_each_block(|tickets| {
            read.append(tickets);
            Ok(())
        });
    (read, outcome)
}

fn field(error: &Error) -> &str {
    match error.kind() {
        ErrorKind::UnknownVariable { variable, .. } | ErrorKind::InvalidValue { variable, .. } => {
            variable
        }
        ErrorKind::InvalidTicket { field, .. } => field,
        _ => "",
    }
}

const GOOD_XML: &str = "<ticket><tid>9</tid></ticket>";

/// Puts a bad record of each format between two good ones.
fn wrap(format: ImportFormat, bad: &[u8]) -> Vec<u8> {
    let (before, after) = match format {
        JsonLines => ("{\"tid\":8}\n", "\n{\"tid\":9}".to_owned()),
        Json => (
            "{\"tickets\":[{\"tid\":\"8\"},",
            ",{\"tid\":9}]}".to_owned(),
        ),
        Delimited => ("tid=8\n", "\ntid=9\n".to_owned()),
        _ => (
            "<tickets><ticket><tid>8</tid></ticket><ticket>",
            format!("</ticket>{GOOD_XML}</tickets>"),
        ),
    };
    [before.as_bytes(), bad, after.as_bytes()].concat()
}

type Case = (ImportFormat, &'static [u8], &'static str, &'static str);

/// Records at fault alone: format, record, code, field.
const RECORDS: &[Case] = &[
    (JsonLines, b"{\"tid\":1", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1}}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1} {\"tid\":2}", "invalid_syntax", ""),
    (JsonLines, b"{tid:1}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":01}", "invalid_syntax", ""),
    (JsonLines, b"\0", "invalid_syntax", ""),
    (JsonLines, b"\xEF\xBB\xBF{\"tid\":1}", "invalid_syntax", ""),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":\"a\0b\"}",
        "invalid_syntax",
        "",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":\"\\ud800\"}",
        "invalid_syntax",
        "",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":\"\xFF\"}",
        "invalid_encoding",
        "",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":\"\xC3\"}",
        "invalid_encoding",
        "",
    ),
    (JsonLines, b"1", "invalid_value", "ticket"),
    (JsonLines, b"null", "invalid_value", "ticket"),
    (JsonLines, b"[{\"tid\":1}]", "invalid_value", "ticket"),
    (JsonLines, b"{}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":0}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":null}", "invalid_ticket", "tid"),
    (
        JsonLines,
        b"{\"tid\":\"\",\"tid\":1}",
        "invalid_ticket",
        "tid",
    ),
    (JsonLines, b"{\"tid\":-1}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1.0}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1e3}", "invalid_value", "tid"),
    (
        JsonLines,
        b"{\"tid\":18446744073709551616}",
        "invalid_value",
        "tid",
    ),
    (JsonLines, b"{\"tid\":\" 1\"}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":true}", "invalid_value", "tid"),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":5}",
        "invalid_value",
        "subject",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"subject\":[]}",
        "invalid_value",
        "subject",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"due_date\":\"2014-02-30\"}",
        "invalid_value",
        "due_date",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"due_date\":\"2014-02-03T00:00:00.5\"}",
        "invalid_value",
        "due_date",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"due_date\":20140203}",
        "invalid_value",
        "due_date",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"uid\":\"x\"}",
        "unknown_variable",
        "uid",
    ),
    (JsonLines, b"{\"tid\":1,\"\":\"x\"}", "unknown_variable", ""),
    (
        JsonLines,
        b"{\"tid\":1,\"locked\":\"X\"}",
        "invalid_ticket",
        "locked",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"opened_by\":\"a\\u0000\"}",
        "invalid_ticket",
        "opened_by",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":5}",
        "invalid_value",
        "custom_fields",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":[null]}",
        "invalid_value",
        "custom_fields",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":[[]]}",
        "invalid_value",
        "custom_fields",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":{\"A\":1}}",
        "invalid_value",
        "A",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":{\"Tid\":\"\"}}",
        "invalid_ticket",
        "Tid",
    ),
    (
        JsonLines,
        b"{\"tid\":1,\"custom_fields\":{\"a b\":\"\"}}",
        "invalid_ticket",
        "a b",
    ),
    (Json, b"7", "invalid_value", "ticket"),
    (Json, b"{\"tid\":\"x\"}", "invalid_value", "tid"),
    (
        Json,
        b"{\"tid\":1,\"subject\":\"%FF\"}",
        "invalid_value",
        "subject",
    ),
    (
        Json,
        b"{\"tid\":1,\"custom_fields\":[{\"A\":\"%C3\"}]}",
        "invalid_value",
        "A",
    ),
    (
        Json,
        b"{\"tid\":1,\"count\":\"3\"}",
        "unknown_variable",
        "count",
    ),
    (Delimited, b"tid=x", "invalid_value", "tid"),
    (Delimited, b"cid=x", "invalid_ticket", "tid"),
    (Delimited, b"count=34", "unknown_variable", "count"),
    (Delimited, b"error=x&message=y", "unknown_variable", "error"),
    (Delimited, b"tid=1&A=x", "unknown_variable", "A"),
    (Delimited, b"tid=1&=x", "unknown_variable", ""),
    (Delimited, b"tid=1&subject=%FF", "invalid_value", "subject"),
    (
        Delimited,
        b"tid=1&opened_by=%FF",
        "invalid_value",
        "opened_by",
    ),
    (
        Delimited,
        b"tid=1&opened_by=%00",
        "invalid_ticket",
        "opened_by",
    ),
    (Delimited, b"tid=1&custom_fields=A,,B", "invalid_ticket", ""),
    (
        Delimited,
        b"tid=1&custom_fields=cid",
        "invalid_ticket",
        "cid",
    ),
    (Delimited, b"tid=1&subject=\xFF", "invalid_encoding", ""),
    (Xml, b"", "invalid_ticket", "tid"),
    (Xml, b"<tid>-1</tid>", "invalid_value", "tid"),
    (Xml, b"<tid>1 </tid>", "invalid_value", "tid"),
    (
        Xml,
        b"<tid>1</tid><count>1</count>",
        "unknown_variable",
        "count",
    ),
    (Xml, b"<tid>1</tid>x", "invalid_syntax", ""),
    (Xml, b"<tid>1<b/></tid>", "invalid_syntax", ""),
    (Xml, b"<tid a='1'>1</tid>", "invalid_syntax", ""),
    (
        Xml,
        b"<tid>1</tid><subject>%FF</subject>",
        "invalid_value",
        "subject",
    ),
    (
        Xml,
        b"<tid>1</tid><opened_by>&#9;</opened_by>",
        "invalid_ticket",
        "opened_by",
    ),
    (
        Xml,
        b"<tid>1</tid><custom_fields>x</custom_fields>",
        "invalid_syntax",
        "",
    ),
    (
        Xml,
        b"<tid>1</tid><custom_fields><cid/></custom_fields>",
        "invalid_ticket",
        "cid",
    ),
];

/// Records that break their document in either mode.
const BREAKING: &[(ImportFormat, &[u8], &str)] = &[
    (Json, b"{\"tid\":1,}", "invalid_syntax"),
    (Json, b"{\"tid\":-1,}", "invalid_value"),
    (Json, b"{\"tid\":1", "invalid_syntax"),
    (Json, b"{\"tid\":1]", "invalid_syntax"),
    (Json, b"", "invalid_syntax"),
    (Json, b"{\"tid\":1,\"cid\":\"\xFF\"}", "invalid_encoding"),
    (Json, b"{\"tid\":1} {\"tid\":2}", "invalid_syntax"),
    (Xml, b"<tid>1</TID>", "invalid_syntax"),
    (Xml, b"<tid>1", "invalid_syntax"),
    (Xml, b"<tid>&nbsp;</tid>", "invalid_syntax"),
    (Xml, b"<tid>&#0;</tid>", "invalid_syntax"),
    (Xml, b"<tid>1 & 2</tid>", "invalid_syntax"),
    (Xml, b"<cid>\0</cid>", "invalid_syntax"),
    (Xml, b"<cid>\xFF</cid>", "invalid_encoding"),
    (Xml, b"<?php ?>", "invalid_syntax"),
    (Xml, b"<!DOCTYPE x>", "invalid_syntax"),
];

/// Whole inputs that are no response.
const INPUTS: &[(ImportFormat, &[u8], &str)] = &[
    (Json, b"", "invalid_syntax"),
    (Json, b"[]", "invalid_syntax"),
    (Json, b"{}", "invalid_syntax"),
    (Json, b"{\"count\":\"3\"}", "unknown_variable"),
    (Json, b"{\"tickets\":{}}", "invalid_syntax"),
    (Json, b"{\"tickets\":[]", "invalid_syntax"),
    (Json, b"{\"tickets\":[]} x", "invalid_syntax"),
    (Json, b"{\"tickets\":[],\"count\":1}", "unknown_variable"),
    (Json, b"\xFF\xFE{\0", "invalid_syntax"),
    (Xml, b"", "invalid_syntax"),
    (Xml, b"x", "invalid_syntax"),
    (Xml, b"<tickets>", "invalid_syntax"),
    (
        Xml,
        b"<tickets><count>3</count></tickets>",
        "unknown_variable",
    ),
    (Xml, b"<error/>", "unknown_variable"),
    (Xml, b"<tickets/><tickets/>", "invalid_syntax"),
    (
        Xml,
        b"<!DOCTYPE t [<!ENTITY a \"b\">]><tickets/>",
        "invalid_syntax",
    ),
    (
        Xml,
        b"<?xml version=\"1.0\" encoding=\"latin1\"?><tickets/>",
        "invalid_encoding",
    ),
    (Xml, b"<tickets/><?xml version=\"1.0\"?>", "invalid_syntax"),
];

#[test]
fn bad_records_are_named_and_skipped() {
    for &(format, bad, code, name) in RECORDS {
        let shown = String::from_utf8_lossy(bad);
        let input = wrap(format, bad);
        let (_, outcome) = read(format, &input, false);
        let error = outcome.expect_err(&shown);
        assert_eq!(
            (error.code(), field(&error)),
            (code, name),
            "{shown}: {error}"
        );
        let position = error.position().unwrap();
        let line = matches!(format, JsonLines | Delimited).then_some(2);
        assert_eq!((position.line, position.record), (line, 2), "{shown}");
        let (tickets, outcome) = read(format, &input, true);
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        assert_eq!(tids, [8, 9], "{shown}");
        assert_eq!(outcome.unwrap().skipped, 1, "{shown}");
    }
}

#[test]
fn broken_inputs_end_in_either_mode() {
    let wrapped = BREAKING
        .iter()
        .map(|&(format, bad, code)| (format, wrap(format, bad), code));
    let whole = INPUTS
        .iter()
        .map(|&(format, bad, code)| (format, bad.to_vec(), code));
    for (format, input, code) in wrapped.chain(whole) {
        let shown = String::from_utf8_lossy(&input);
        for skips in [false, true] {
            let error = read(format, &input, skips).1.expect_err(&shown);
            assert_eq!(error.code(), code, "{shown}: {error}");
            assert!(error.position().is_some(), "{shown}");
        }
    }
}

#[test]
fn deep_and_huge_values_are_refused_in_proportion() {
    let deep = format!("{{\"tid\":{}", "[".repeat(1 << 20));
    assert_eq!(
        read(JsonLines, deep.as_bytes(), false)
            .1
            .unwrap_err()
            .code(),
        "invalid_value"
    );
    let deep = format!("<tickets><ticket>{}", "<a>".repeat(1 << 18));
    assert_eq!(
        read(Xml, deep.as_bytes(), true).1.unwrap_err().code(),
        "invalid_syntax"
    );
    let text = "x".repeat((16 << 20) + 1);
    for (format, input) in [
        (JsonLines, format!("{{\"tid\":1,\"subject\":\"{text}\"}}")),
        (
            Json,
            format!("{{\"tickets\":[{{\"tid\":1,\"subject\":\"{text}\"}}]}}"),
        ),
        (Delimited, format!("tid=1&subject={text}")),
        (
            Xml,
            format!("<tickets><ticket><tid>1</tid><subject>{text}</subject></ticket></tickets>"),
        ),
    ] {
        let error = read(format, input.as_bytes(), false).1.unwrap_err();
        assert_eq!((error.code(), field(&error)), ("invalid_ticket", "subject"));
        let bound = Import::new(format, input.as_bytes()).record_bytes_max(1 << 20);
        let error = bound.skip_bad(true).for_each_block(|_| Ok(())).unwrap_err();
        assert_eq!(error.code(), "invalid_syntax");
    }
}

#[test]
fn the_page_examples_and_the_difficult_tickets_read_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared_cases");
    let input = |name: &str| std::fs::read(folder.join(name)).unwrap();
    for (name, format) in [
        ("page_example.xml", Xml),
        ("page_example.json", Json),
        ("page_example.txt", Delimited),
    ] {
        let bytes = input(name);
        let (tickets, outcome) = read(format, &bytes, false);
        outcome.unwrap();
        assert_eq!(
            (tickets.len(), tickets[0].tid, &*tickets[0].cid),
            (1, 34, "demo")
        );
        assert_eq!(tickets[0].custom_fields.len(), 4);
        let marked = [b"\xEF\xBB\xBF", &*bytes].concat();
        assert_eq!(read(format, &marked, false).0, tickets, "{name}");
        let crlf = String::from_utf8(bytes.clone())
            .unwrap()
            .replace('\n', "\r\n");
        assert_eq!(read(format, crlf.as_bytes(), false).0, tickets, "{name}");
        for end in 0..bytes.len() {
            for skips in [false, true] {
                let _ = read(format, &bytes[..end], skips);
            }
        }
    }
    let (tickets, outcome) = read(JsonLines, &input("tickets.jsonl"), false);
    outcome.unwrap();
    assert_eq!(tickets.len(), 40);
    let lines: Vec<String> = tickets
        .iter()
        .map(|ticket| serde_json::to_string(ticket).unwrap())
        .collect();
    let lines = lines.join("\n");
    assert_eq!(read(JsonLines, lines.as_bytes(), false).0, tickets);
    for end in 0..3000 {
        let _ = read(JsonLines, &lines.as_bytes()[..end], true);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<tickets>", "<ticket>", "<tid>", "1", "</tid>", "</ticket>", "</tickets>", "{",
            "}", "[", "]", "\"tickets\"", "\"tid\"", ":", ",", "\n", "tid=1", "&", "%", "é",
            "custom_fields=", "\"custom_fields\"", "<custom_fields>", "<!--", "-->", "\\",
        ]), 0..40),
    ) {
        for format in [JsonLines, Xml, Json, Delimited] {
            for skips in [false, true] {
                let _ = read(format, &bytes, skips);
                let _ = read(format, pieces.concat().as_bytes(), skips);
            }
        }
    }
}
