//! Bad inputs: each gets its error, with field and position, in both modes; good ones
//! cut at any byte, and arbitrary bytes, never panic.

use std::io::BufReader;
use std::path::Path;

use proptest::prelude::*;
use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Error, ErrorKind, Import, ImportFormat, Imported, Ticket};

fn read(format: ImportFormat, input: &[u8], skips: bool) -> (Vec<Ticket>, Result<Imported, Error>) {
    read_with(1, format, input, skips)
}

fn read_with(
    threads: usize,
    format: ImportFormat,
    input: &[u8],
    skips: bool,
) -> (Vec<Ticket>, Result<Imported, Error>) {
    let mut read = Vec::new();
    let outcome = Import::new(format, input)
        .skip_bad(skips)
        .threads(threads)
        .for_each_block(|tickets| {
            read.append(tickets);
            Ok(())
        });
    (read, outcome)
}

/// Reads in the other ways that there are, which must come to the same.
fn check_ways(format: ImportFormat, input: &[u8]) {
    for skips in [false, true] {
        let (tickets, outcome) = read(format, input, skips);
        let shown = |outcome: Result<Imported, Error>| {
            outcome.map_err(|error| (error.to_string(), error.position()))
        };
        let outcome = shown(outcome);
        let (others, other) = read_with(3, format, input, skips);
        assert_eq!((&others, &shown(other)), (&tickets, &outcome));
        let reader = std::io::BufReader::with_capacity(1, input);
        let mut by_one = Import::new(format, reader).skip_bad(skips).into_iter();
        let mut others = Vec::new();
        let other = loop {
            match by_one.next() {
                Some(Ok(ticket)) => others.push(ticket),
                Some(Err(error)) => break Err((error.to_string(), error.position())),
                None => break Ok(by_one.imported()),
            }
        };
        assert!(by_one.next().is_none());
        assert_eq!((&others, &other), (&tickets, &outcome));
    }
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
#[rustfmt::skip] // One case a line.
const RECORDS: &[Case] = &[
    (JsonLines, b"{\"tid\":1", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1}}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1} {\"tid\":2}", "invalid_syntax", ""),
    (JsonLines, b"{tid:1}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":01}", "invalid_syntax", ""),
    (JsonLines, b"\0", "invalid_syntax", ""),
    (JsonLines, b"\xEF\xBB\xBF{\"tid\":1}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"a\0b\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\\ud800\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\xFF\"}", "invalid_encoding", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\xC3\"}", "invalid_encoding", ""),
    (JsonLines, b"1", "invalid_value", "ticket"),
    (JsonLines, b"null", "invalid_value", "ticket"),
    (JsonLines, b"[{\"tid\":1}]", "invalid_value", "ticket"),
    (JsonLines, b"{}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":0}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":null}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":\"\",\"tid\":1}", "invalid_ticket", "tid"),
    (JsonLines, b"{\"tid\":-1}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1.0}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1e3}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":18446744073709551616}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":\" 1\"}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":true}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1,\"subject\":5}", "invalid_value", "subject"),
    (JsonLines, b"{\"tid\":1,\"subject\":[]}", "invalid_value", "subject"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\"2014-02-30\"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\"2014-02-03T00:00:00.5\"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":20140203}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"uid\":\"x\"}", "unknown_variable", "uid"),
    (JsonLines, b"{\"tid\":1,\"\":\"x\"}", "unknown_variable", ""),
    (JsonLines, b"{\"tid\":1,\"locked\":\"X\"}", "invalid_ticket", "locked"),
    (JsonLines, b"{\"tid\":1,\"opened_by\":\"a\\u0000\"}", "invalid_ticket", "opened_by"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":5}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":[null]}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":[[]]}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"A\":1}}", "invalid_value", "A"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"Tid\":\"\"}}", "invalid_ticket", "Tid"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"a b\":\"\"}}", "invalid_ticket", "a b"),
    (Json, b"7", "invalid_value", "ticket"),
    (Json, b"{\"tid\":\"x\"}", "invalid_value", "tid"),
    (Json, b"{\"tid\":1,\"subject\":\"%FF\"}", "invalid_value", "subject"),
    (Json, b"{\"tid\":1,\"custom_fields\":[{\"A\":\"%C3\"}]}", "invalid_value", "A"),
    (Json, b"{\"tid\":1,\"count\":\"3\"}", "unknown_variable", "count"),
    (Delimited, b"tid=x", "invalid_value", "tid"),
    (Delimited, b"cid=x", "invalid_ticket", "tid"),
    (Delimited, b"count=34", "unknown_variable", "count"),
    (Delimited, b"error=x&message=y", "unknown_variable", "error"),
    (Delimited, b"tid=1&A=x", "unknown_variable", "A"),
    (Delimited, b"tid=1&=x", "unknown_variable", ""),
    (Delimited, b"tid=1&subject=%FF", "invalid_value", "subject"),
    (Delimited, b"tid=1&opened_by=%FF", "invalid_value", "opened_by"),
    (Delimited, b"tid=1&opened_by=%00", "invalid_ticket", "opened_by"),
    (Delimited, b"tid=1&custom_fields=A,,B", "invalid_ticket", ""),
    (Delimited, b"tid=1&custom_fields=cid", "invalid_ticket", "cid"),
    (Delimited, b"tid=1&subject=\xFF", "invalid_encoding", ""),
    (Xml, b"", "invalid_ticket", "tid"),
    (Xml, b"<tid>-1</tid>", "invalid_value", "tid"),
    (Xml, b"<tid>1 </tid>", "invalid_value", "tid"),
    (Xml, b"<tid>1</tid><count>1</count>", "unknown_variable", "count"),
    (Xml, b"<tid>1</tid>x", "invalid_syntax", ""),
    (Xml, b"<tid>1<b/></tid>", "invalid_syntax", ""),
    (Xml, b"<tid a='1'>1</tid>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><subject>%FF</subject>", "invalid_value", "subject"),
    (Xml, b"<tid>1</tid><opened_by>&#9;</opened_by>", "invalid_ticket", "opened_by"),
    (Xml, b"<tid>1</tid><custom_fields>x</custom_fields>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><custom_fields><cid/></custom_fields>", "invalid_ticket", "cid"),
    // Wrong types and values, in JSON Lines.
    (JsonLines, b"{\"tid\":1,\"subject\":true}", "invalid_value", "subject"),
    (JsonLines, b"{\"tid\":1,\"subject\":{}}", "invalid_value", "subject"),
    (JsonLines, b"{\"tid\":1,\"opened_by\":1}", "invalid_value", "opened_by"),
    (JsonLines, b"{\"tid\":1,\"locked\":true}", "invalid_value", "locked"),
    (JsonLines, b"{\"tid\":1,\"locked\":\"YES\"}", "invalid_ticket", "locked"),
    (JsonLines, b"{\"tid\":1,\"merged\":\" Y\"}", "invalid_ticket", "merged"),
    (JsonLines, b"{\"tid\":1,\"merged_to\":-1}", "invalid_value", "merged_to"),
    (JsonLines, b"{\"tid\":1,\"merged_to\":\"none\"}", "invalid_value", "merged_to"),
    (JsonLines, b"{\"tid\":1,\"company_id\":\"1.0\"}", "invalid_value", "company_id"),
    (JsonLines, b"{\"tid\":1,\"company_id\":\"+1\"}", "invalid_value", "company_id"),
    (JsonLines, b"{\"tid\":1,\"company_id\":\"\xD9\xA1\"}", "invalid_value", "company_id"),
    (JsonLines, b"{\"tid\":1,\"company_id\":{}}", "invalid_value", "company_id"),
    (JsonLines, b"{\"tid\":1,\"parent_ticket\":1.5}", "invalid_value", "parent_ticket"),
    (JsonLines, b"{\"tid\":1,\"parent_ticket\":1E1}", "invalid_value", "parent_ticket"),
    (JsonLines, b"{\"tid\":[1]}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":\"1*\"}", "invalid_value", "tid"),
    (JsonLines, b"{\"tid\":1,\"due_date\":false}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\"2014-02-01T00:00:00Z\"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\"0000-01-01\"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\"10000-01-01\"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"due_date\":\" \"}", "invalid_value", "due_date"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":\"x\"}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":true}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":[1]}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":[\"\"]}", "invalid_value", "custom_fields"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"A\":[]}}", "invalid_value", "A"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"A\":false}}", "invalid_value", "A"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"\":\"x\"}}", "invalid_ticket", ""),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"9\":\"x\"}}", "invalid_ticket", "9"),
    (JsonLines, b"{\"tid\":1,\"custom_fields\":{\"\xC3\xA9\":\"x\"}}", "invalid_ticket", "\u{e9}"),
    (JsonLines, b"{\"tid\":1,\"linked_asset\":\"1\\n2\"}", "invalid_ticket", "linked_asset"),
    (JsonLines, b"{\"tid\":1,\"locked_by\":\"\\uffff\"}", "invalid_ticket", "locked_by"),
    (JsonLines, b"{\"tid\":1,\"locked_by\":\"\\u009f\"}", "invalid_ticket", "locked_by"),
    (JsonLines, b"{\"tid\":1,\"order\":\"x\"}", "unknown_variable", "order"),
    (JsonLines, b"{\"tid\":1,\"escalation\":\"x\"}", "unknown_variable", "escalation"),
    (JsonLines, b"{\"tid\":1,\"\xEF\xBB\xBFcid\":\"x\"}", "unknown_variable", "\u{feff}cid"),
    // What is no JSON.
    (JsonLines, b"{\"tid\":NaN}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":+1}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":.5}", "invalid_syntax", ""),
    (JsonLines, b"{'tid':1}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1 \"cid\":\"x\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1}garbage", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1}\x1A", "invalid_syntax", ""),
    (JsonLines, b"// comment", "invalid_syntax", ""),
    (JsonLines, b"tid=1", "invalid_syntax", ""),
    (JsonLines, b"<tickets/>", "invalid_syntax", ""),
    (JsonLines, b"\xC2\xA0", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"a\tb\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\\x41\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\\udc00\"}", "invalid_syntax", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\\ud800\\u0041\"}", "invalid_syntax", ""),
    (JsonLines, b"{\0\"\0t\0i\0d\0\"\0", "invalid_syntax", ""),
    // What is no UTF-8: overlong forms, surrogates, Latin-1, compressed bytes.
    (JsonLines, b"{\"tid\":1,\"subject\":\"\xC0\x80\"}", "invalid_encoding", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"\xED\xA0\x80\"}", "invalid_encoding", ""),
    (JsonLines, b"{\"tid\":1,\"subject\":\"caf\xE9\"}", "invalid_encoding", ""),
    (JsonLines, b"\x1F\x8B\x08\0\0\0\0\0", "invalid_encoding", ""),
    (JsonLines, b"\x28\xB5\x2F\xFD\x04\x58", "invalid_encoding", ""),
    // Records of a JSON response whose document is whole.
    (Json, b"null", "invalid_value", "ticket"),
    (Json, b"[]", "invalid_value", "ticket"),
    (Json, b"\"x\"", "invalid_value", "ticket"),
    (Json, b"{}", "invalid_ticket", "tid"),
    (Json, b"{\"tid\":1.0}", "invalid_value", "tid"),
    (Json, b"{\"tid\":\"%31\"}", "invalid_value", "tid"),
    (Json, b"{\"tid\":\"1\",\"cid\":\"\xFF\"}", "invalid_encoding", ""),
    (Json, b"{\"tid\":\"1\",\"cid\":7}", "invalid_value", "cid"),
    (Json, b"{\"tid\":\"1\",\"due_date\":\"2/1/2014+1:00\"}", "invalid_value", "due_date"),
    (Json, b"{\"tid\":\"1\",\"custom_fields\":[[\"A\"]]}", "invalid_value", "custom_fields"),
    (Json, b"{\"tid\":\"1\",\"custom_fields\":[{\"A\":{}}]}", "invalid_value", "A"),
    (Json, b"{\"tid\":\"1\",\"custom_fields\":[{\"A b\":\"\"}]}", "invalid_ticket", "A b"),
    (Json, b"{\"tid\":\"1\",\"cid\":\"%C3%28\"}", "invalid_value", "cid"),
    (Json, b"{\"tid\":\"1\",\"locked\":\"maybe\"}", "invalid_ticket", "locked"),
    // Pairs.
    (Delimited, b"tid=", "invalid_ticket", "tid"),
    (Delimited, b"tid", "invalid_ticket", "tid"),
    (Delimited, b"tid=0", "invalid_ticket", "tid"),
    (Delimited, b"tid=+1", "invalid_value", "tid"),
    (Delimited, b"tid=1&company_id=x", "invalid_value", "company_id"),
    (Delimited, b"tid=1&due_date=2/30/2014", "invalid_value", "due_date"),
    (Delimited, b"tid=1&due_date=2/1/2014+1:00", "invalid_value", "due_date"),
    (Delimited, b"tid=1&locked=2", "invalid_ticket", "locked"),
    (Delimited, b"tid=1&uid=x", "unknown_variable", "uid"),
    (Delimited, b"?tid=1", "unknown_variable", "?tid"),
    (Delimited, b"tid=1&%63id=x", "unknown_variable", "%63id"),
    (Delimited, b"tid=1&custom_fields=A&B=1", "unknown_variable", "B"),
    (Delimited, b"tid=1&A=1&custom_fields=", "unknown_variable", "A"),
    (Delimited, b"tid=1&custom_fields=%FF", "invalid_value", "custom_fields"),
    (Delimited, b"tid=1&custom_fields=A&A=%FF", "invalid_value", "A"),
    (Delimited, b"tid=1&custom_fields=A+", "invalid_ticket", "A "),
    (Delimited, b"tid=1&custom_fields=,", "invalid_ticket", ""),
    (Delimited, b"tid=1&subject=%E2%82", "invalid_value", "subject"),
    (Delimited, b"tid=1&linked_calls=1%0A2", "invalid_ticket", "linked_calls"),
    (Delimited, b"tid=1&linked_calls=1\x012", "invalid_ticket", "linked_calls"),
    (Delimited, b"\0", "unknown_variable", "\0"),
    (Delimited, b"{\"tid\":1}", "unknown_variable", "{\"tid\":1}"),
    (Delimited, b"<tickets>", "unknown_variable", "<tickets>"),
    (Delimited, b"\x1F\x8B\x08\0\0\0\0\0", "invalid_encoding", ""),
    // Elements.
    (Xml, b"<tid>x</tid>", "invalid_value", "tid"),
    (Xml, b"<tid/>", "invalid_ticket", "tid"),
    (Xml, b"<tid></tid><tid>1</tid>", "invalid_ticket", "tid"),
    (Xml, b"<tid>\n1</tid>", "invalid_value", "tid"),
    (Xml, b"<tid>1</tid><company_id>1.0</company_id>", "invalid_value", "company_id"),
    (Xml, b"<tid>1</tid><due_date>tomorrow</due_date>", "invalid_value", "due_date"),
    (Xml, b"<tid>1</tid><due_date>2/1/2014 </due_date>", "invalid_value", "due_date"),
    (Xml, b"<tid>1</tid><due_date>2/1/2014+1:00</due_date>", "invalid_value", "due_date"),
    (Xml, b"<tid>1</tid><locked>yes</locked>", "invalid_ticket", "locked"),
    (Xml, b"<tid>1</tid><opened_by>a\nb</opened_by>", "invalid_ticket", "opened_by"),
    (Xml, b"<tid>1</tid><ticket><tid>2</tid></ticket>", "unknown_variable", "ticket"),
    (Xml, b"<tid>1</tid><x:cid/>", "unknown_variable", "x:cid"),
    (Xml, b"<tid>1</tid><uid>x</uid>", "unknown_variable", "uid"),
    (Xml, b"<tid>1</tid><subject a=''>x</subject>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><custom_fields a=''/>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><custom_fields><A><B/></A></custom_fields>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><custom_fields><x:A/></custom_fields>", "invalid_ticket", "x:A"),
    (Xml, b"<tid>1</tid><custom_fields><A>%FF</A></custom_fields>", "invalid_value", "A"),
    (Xml, b"<tid>1</tid><![CDATA[x]]>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid>< cid/>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid><subject>a < b</subject>", "invalid_syntax", ""),
    (Xml, b"<tid>1</tid>&#65;", "invalid_syntax", ""),
];

/// Records whose syntax is broken, with the tickets that are read where bad records are skipped:
/// those from the next place on where a record may start, and none where there is no such place.
#[rustfmt::skip] // One case a line.
const BROKEN: &[(ImportFormat, &[u8], &str, &[u64])] = &[
    (Json, b"{\"tid\":1,}", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":-1,}", "invalid_value", &[8, 9]),
    (Json, b"{\"tid\":1", "invalid_syntax", &[]),
    (Json, b"{\"tid\":1]", "invalid_syntax", &[8, 9]),
    (Json, b"", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":1} {\"tid\":2}", "invalid_syntax", &[8, 1, 2, 9]),
    (Xml, b"<tid>1</TID>", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>1", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>&nbsp;</tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>&#0;</tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>1 & 2</tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>\0</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>\xFF</cid>", "invalid_encoding", &[8, 9]),
    (Xml, b"<?php ?>", "invalid_syntax", &[8, 9]),
    (Xml, b"<!DOCTYPE x>", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":1,\"cid\":\"\xFF\",}", "invalid_encoding", &[8, 9]),
    (Json, b"{\"tid\":1,\"cid\":\"\\q\"}", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":1,\"cid\":\"\0\"}", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":1,\"cid\":\"", "invalid_syntax", &[]),
    (Json, b"{\"tid\":01}", "invalid_syntax", &[8, 9]),
    (Json, b"nothing", "invalid_syntax", &[8, 9]),
    (Json, b"{\"tid\":1}}", "invalid_syntax", &[8, 9]),
    (Json, b"/* */ {\"tid\":1}", "invalid_syntax", &[8, 1, 9]),
    (Xml, b"<tid>&#xD800;</tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>&#x110000;</tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&#xFFFE;</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&#8;</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&;</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&#;</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&amp</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>&AMP;</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>\x08</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>\xEF\xBF\xBF</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid>\xC0\x80</cid>", "invalid_encoding", &[8, 9]),
    (Xml, b"<cid>caf\xE9</cid>", "invalid_encoding", &[8, 9]),
    (Xml, b"</cid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<tid>1<tid>", "invalid_syntax", &[8, 9]),
    (Xml, b"<!-- a", "invalid_syntax", &[]),
    (Xml, b"<!-- a -- b -->", "invalid_syntax", &[8, 9]),
    (Xml, b"<cid><![CDATA[x</cid>", "invalid_syntax", &[]),
    (Xml, b"<!ENTITY a \"b\">", "invalid_syntax", &[8, 9]),
    (Xml, b"<?xml version=\"1.0\"?>", "invalid_syntax", &[8, 9]),
    (Xml, b"<>", "invalid_syntax", &[8, 9]),
    // A start tag without its end, and ends without a start.
    (Xml, b"<tid>1</tid><ticket><tid>2</tid></ticket><cid>x</cid>", "unknown_variable", &[8, 9]),
    (Xml, b"<tid>1</tid></ticket><ticket><tid>2</tid></subject>", "invalid_syntax", &[8, 1, 9]),
    (Xml, b"<tid>1</tid></ticket>x<ticket><tid>2</tid>", "invalid_syntax", &[8, 1, 2, 9]),
    (Xml, b"<tid>1</tid></ticket>\xFF<ticket><tid>2</tid>", "invalid_encoding", &[8, 1, 2, 9]),
    (Xml, b"<tid>1</tid></ticket>&x;<ticket><tid>2</tid>", "invalid_syntax", &[8, 1, 2, 9]),
    (Xml, b"<tid>1</tid></ticket><x/><ticket><tid>2</tid>", "unknown_variable", &[8, 1, 2, 9]),
    (Json, b"{\"tid\":1}; \"{\" [{\"tid\":7}] ,{\"tid\":2}", "invalid_syntax", &[8, 2, 9]),
    (Json, b"{\"tid\":NaN,\"cid\":\"},{\\\"\"}", "invalid_syntax", &[8, 9]),
];

/// Whole inputs that are no response, with how many records are skipped where that helps.
#[rustfmt::skip] // One case a line.
const INPUTS: &[(ImportFormat, &[u8], &str, Option<u64>)] = &[
    (Json, b"", "invalid_syntax", None),
    (Json, b"[]", "invalid_syntax", None),
    (Json, b"{}", "invalid_syntax", None),
    (Json, b"{\"count\":\"3\"}", "unknown_variable", None),
    (Json, b"{\"tickets\":{}}", "invalid_syntax", None),
    (Json, b"{\"tickets\":[]", "invalid_syntax", None),
    (Json, b"{\"tickets\":[]} x", "invalid_syntax", None),
    (Json, b"{\"tickets\":[],\"count\":1}", "unknown_variable", None),
    (Json, b"\xFF\xFE{\0", "invalid_encoding", None),
    (Xml, b"", "invalid_syntax", None),
    (Xml, b"x", "invalid_syntax", None),
    (Xml, b"<tickets>", "invalid_syntax", None),
    (Xml, b"<tickets><count>3</count></tickets>", "unknown_variable", Some(1)),
    (Xml, b"<error/>", "unknown_variable", None),
    (Xml, b"<tickets/><tickets/>", "invalid_syntax", None),
    (Xml, b"<!DOCTYPE t [<!ENTITY a \"b\">]><tickets/>", "invalid_syntax", None),
    (Xml, b"<?xml version=\"1.0\" encoding=\"latin1\"?><tickets/>", "invalid_encoding", None),
    (Xml, b"<tickets/><?xml version=\"1.0\"?>", "invalid_syntax", None),
    (Json, b" \n", "invalid_syntax", None),
    (Json, b"null", "invalid_syntax", None),
    (Json, b"\0", "invalid_syntax", None),
    (Json, b"\x1F\x8B\x08\0", "invalid_syntax", None),
    (Json, b"\xEF\xBB\xBF", "invalid_syntax", None),
    (Json, b"\xEF\xBB\xBF\xEF\xBB\xBF{\"tickets\":[]}", "invalid_syntax", None),
    (Json, b"{tickets:[]}", "invalid_syntax", None),
    (Json, b"{\"tickets\"", "invalid_syntax", None),
    (Json, b"{\"tickets\" []}", "invalid_syntax", None),
    (Json, b"{\"tickets\":", "invalid_syntax", None),
    (Json, b"{\"tickets\":null}", "invalid_syntax", None),
    (Json, b"{\"tickets\":[", "invalid_syntax", None),
    (Json, b"{\"tickets\":[,]}", "invalid_syntax", Some(2)),
    (Json, b"{\"tickets\":[{\"tid\":1}", "invalid_syntax", None),
    (Json, b"{\"tickets\":[{\"tid\":1},", "invalid_syntax", None),
    (Json, b"{\"tickets\":[{\"tid\":1},]}", "invalid_syntax", Some(1)),
    (Json, b"{\"tickets\":[{\"tid\":1},,{\"tid\":2}]}", "invalid_syntax", Some(1)),
    (Json, b"{\"tickets\":[{\"tid\":1};{\"tid\":2}]}", "invalid_syntax", Some(1)),
    (Json, b"{\"tickets\":[{\"tid\":1}],", "invalid_syntax", None),
    (Json, b"{\"tickets\":[{\"tid\":1}]]", "invalid_syntax", None),
    (Json, b"{\"tickets\":[]}{\"tickets\":[]}", "invalid_syntax", None),
    (Json, b"{\"tickets\":[]}\0", "invalid_syntax", None),
    (Json, b"{\"total\":0,\"tickets\":[]}", "unknown_variable", None),
    (Json, b"{\"tickets\":[],\"tickets\":[]}", "unknown_variable", None),
    (Json, b"{\"\xFF\":[]}", "invalid_encoding", None),
    (Json, b"{\"error\" : {\"code\" : \"x\"}}", "unknown_variable", None),
    (Xml, b" \n", "invalid_syntax", None),
    (Xml, b"\0", "invalid_syntax", None),
    (Xml, b"\xEF\xBB\xBF", "invalid_syntax", None),
    (Xml, b"\xEF\xBB\xBF\xEF\xBB\xBF<tickets/>", "invalid_syntax", None),
    (Xml, b"\xFF\xFE<\0t\0", "invalid_encoding", None),
    (Xml, b"\x1F\x8B\x08\0", "invalid_syntax", None),
    (Xml, b"{\"tickets\":[]}", "invalid_syntax", None),
    (Xml, b"<!-- nothing -->", "invalid_syntax", None),
    (Xml, b"<html></html>", "invalid_syntax", None),
    (Xml, b"<ticket><tid>1</tid></ticket>", "unknown_variable", None),
    (Xml, b"<tickets><tickets/></tickets>", "unknown_variable", Some(1)),
    (Xml, b"<tickets>x</tickets>", "invalid_syntax", Some(1)),
    (Xml, b"<tickets></tickets>x", "invalid_syntax", None),
    (Xml, b"<tickets/>\0", "invalid_syntax", None),
    (Xml, b"<tickets a='1'/>", "invalid_syntax", None),
    (Xml, b"<tickets></ticket>", "invalid_syntax", None),
    (Xml, b"<tickets><ticket></tickets>", "invalid_syntax", Some(1)),
    (Xml, b"<tickets", "invalid_syntax", None),
    (Xml, b"<tickets><ticket><tid>1</tid></ticket>", "invalid_syntax", None),
    (Xml, b"<?xml version=\"1.0\"?><?xml version=\"1.0\"?><tickets/>", "invalid_syntax", None),
    (Xml, b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><tickets/>", "invalid_encoding", None),
    (Xml, b"<?xml-stylesheet href=\"x\"?><tickets/>", "invalid_syntax", None),
    (Xml, b"<error>\n\t<code>x</code>\n</error>", "error_response", None),
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
        let line = if matches!(format, JsonLines | Delimited) {
            2
        } else {
            1
        };
        let lines = line..=line + shown.matches('\n').count() as u64;
        assert!(lines.contains(&position.line.unwrap()), "{shown}: {error}");
        assert!(
            position.column.unwrap() > 0 && position.record == 2,
            "{shown}: {error}"
        );
        let (tickets, outcome) = read(format, &input, true);
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        assert_eq!(tids, [8, 9], "{shown}");
        assert_eq!(outcome.unwrap().skipped, 1, "{shown}");
        check_ways(format, &input);
    }
}

#[test]
fn records_of_broken_syntax_cost_no_others_where_bad_ones_are_skipped() {
    for &(format, bad, code, expected) in BROKEN {
        let shown = String::from_utf8_lossy(bad);
        let input = wrap(format, bad);
        let error = read(format, &input, false).1.expect_err(&shown);
        assert_eq!(error.code(), code, "{shown}: {error}");
        assert_eq!(error.records_read(), None);
        let (tickets, outcome) = read(format, &input, true);
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        if expected.is_empty() {
            let error = outcome.expect_err(&shown);
            assert_eq!(
                (error.code(), error.records_read()),
                (code, Some(1)),
                "{shown}"
            );
            assert!(
                error.to_string().ends_with("; 1 record was read before"),
                "{error}"
            );
        } else {
            assert_eq!(tids, expected, "{shown}");
            // Between two whole tickets nothing but a comma may be missing.
            let skipped = u64::from(tids != [8, 1, 2, 9] || format == Xml);
            assert_eq!(outcome.expect(&shown).skipped, skipped, "{shown}");
        }
        check_ways(format, &input);
    }
}

#[test]
fn inputs_that_are_no_response_end_with_an_error() {
    for &(format, input, code, skipped) in INPUTS {
        let shown = String::from_utf8_lossy(input);
        let error = read(format, input, false).1.expect_err(&shown);
        assert_eq!(error.code(), code, "{shown}: {error}");
        let position = error.position().expect(&shown);
        let lines = 1..=1 + shown.matches('\n').count() as u64;
        assert!(lines.contains(&position.line.unwrap()), "{shown}: {error}");
        let columns = 1..=1 + shown.chars().count() as u64;
        assert!(
            columns.contains(&position.column.unwrap()),
            "{shown}: {error}"
        );
        let outcome = read(format, input, true).1;
        assert_eq!(outcome.map(|it| it.skipped).ok(), skipped, "{shown}");
        check_ways(format, input);
    }
}

#[test]
fn a_bad_tag_of_a_ticket_is_the_fault_of_that_ticket() {
    let input =
        b"<tickets><ticket a='1'><tid>1</tid></ticket><ticket><tid>2</tid></ticket></tickets>";
    let error = read(Xml, input, false).1.unwrap_err();
    assert_eq!(
        (error.code(), error.position().unwrap().record),
        ("invalid_syntax", 1)
    );
    let (tickets, outcome) = read(Xml, input, true);
    assert_eq!((tickets[0].tid, outcome.unwrap().skipped), (2, 1));
}

#[test]
fn the_first_fault_of_a_broken_ticket_is_told_at_its_place() {
    let names = "unknown variable \"ticket\"; expected one of the 38 output variables of a ticket, from tid \
                 to summary, or a custom field inside custom_fields";
    let nameless =
        "expected well-formed XML: no name follows the <, and a < in a text is written &lt;";
    for (input, message) in [
        // The end of the first ticket is missing, and then the end of the second as well.
        (
            "<ticket><tid>1</tid>\n<ticket><tid>2</tid></ticket>\n</tickets>",
            format!("line 2, column 1, record 1, ticket 1: {names}"),
        ),
        (
            "<ticket><tid>1</tid>\n<ticket><tid>2</tid>\n<ticket/></tickets>",
            format!("line 2, column 1, record 1, ticket 1: {names}"),
        ),
        (
            "<ticket><tid>1</tid>\n<ticket><tid>2</tid></ticket>\n",
            format!("line 2, column 1, record 1, ticket 1: {names}"),
        ),
        (
            "<ticket><tid>1</tid><cid>a < b</cid></ticket>\n</tickets>",
            format!("line 1, column 37, record 1, ticket 1: {nameless}"),
        ),
    ] {
        let input = format!("<tickets>{input}");
        let error = read(Xml, input.as_bytes(), false).1.unwrap_err();
        assert_eq!(error.to_string(), message, "{input}");
        check_ways(Xml, input.as_bytes());
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
fn a_record_may_be_as_long_as_the_bound_and_no_longer() {
    for (format, start, record, end) in [
        (JsonLines, "", r#"{"tid":1,"subject":"x"}"#, ""),
        (JsonLines, "\n", r#"{"tid":1,"subject":"x"}"#, "\r\n\n"),
        (Delimited, "", "tid=1&subject=x", ""),
        (Delimited, "", "tid=1&subject=x", "\r\ntid=2"),
        (Json, r#"{"tickets":["#, r#"{"tid":1}"#, "]}"),
        (
            Json,
            r#"{"tickets":[{"tid":2}, "#,
            r#"{"tid":1,"cid":""}"#,
            "]}",
        ),
        (
            Xml,
            "",
            "<tickets><ticket><tid>1</tid></ticket>",
            "</tickets>",
        ),
        #[cfg(feature = "csv")]
        (ImportFormat::Csv, "tid\n", "\"12345\"", ""),
        #[cfg(feature = "csv")]
        (ImportFormat::Csv, "tid\n\r\n", "\"12345\"", "\r\n\r\n2\r\n"),
    ] {
        let input = format!("{start}{record}{end}");
        // Whole, and in pieces: the bound holds wherever the reader stops.
        for piece in [1, 7, 1 << 16] {
            for (bound, is_read) in [
                (record.len() + 1, true),
                (record.len(), true),
                (record.len() - 1, false),
            ] {
                let reader = BufReader::with_capacity(piece, input.as_bytes());
                let import = Import::new(format, reader).record_bytes_max(bound);
                let outcome = import.for_each_block(|_| Ok(()));
                let code = outcome.map_err(|error| error.code());
                assert_eq!(code.is_ok(), is_read, "{input:?} {piece} {bound} {code:?}");
            }
        }
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
