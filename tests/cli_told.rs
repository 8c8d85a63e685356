//! What the command tells those who give it another file than it needs, a line that is cut short, a
//! date of another form or a field that no ticket has.

mod common;

use std::fs;

use common::command::{file, missing, run, run_well, stderr};

/// Runs the command, which must end with this status, and returns what it tells.
fn told(arguments: &[&str], input: &str, status: i32) -> String {
    let output = run(arguments, input.as_bytes());
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    stderr(&output).to_owned()
}

/// Returns the path of a store of one ticket.
fn store(name: &str) -> String {
    let path = missing(name);
    let ticket = b"{\"tid\":1,\"custom_fields\":{\"Room\":\"9\"}}\n";
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        ticket,
    );
    path
}

#[test]
fn a_store_in_the_place_of_a_file_is_told_its_argument() {
    let path = store("told.redb");
    let renamed = file("told_renamed", fs::read(&path).unwrap());
    for path in [path, renamed] {
        for arguments in [
            &["get", "--data", &path][..],
            &["import", &path, "--store", "none.redb"],
        ] {
            let told = told(arguments, "", 2);
            let expected = format!(
                "{path} is a store and no file of tickets: --store {path} in its place reads it, \
                 and `ticketdex export --store {path} --to FILE.jsonl` makes a file of its tickets"
            );
            assert!(told.contains(&expected), "{told}");
        }
    }
}

#[test]
fn an_empty_file_in_the_place_of_a_store_is_told_what_to_do() {
    let path = file("told_empty.redb", "");
    let told = told(&["get", "--store", &path], "", 1);
    let expected = format!(
        "{path} is not a ticketdex store: it is empty\nticketdex: remove the empty file {path}; then \
         `ticketdex import FILE --store {path}` makes a store"
    );
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn a_line_that_is_cut_short_is_told_where_it_ends() {
    for (line, ending) in [
        ("{\"tid\":1,\"status\":\"Op", "in the middle of a string"),
        ("{\"tid\":1,\"status\":", "where a value should stand"),
        ("{\"tid\":1", "before the } of its object"),
        (
            "{\"tid\":1,\"custom_fields\":[{\"a\":\"b\"}",
            "before the ] of its list",
        ),
    ] {
        let arguments = ["get", "--data", "-", "--input", "jsonl"];
        let told = told(&arguments, &format!("{line}\n{{\"tid\":2}}\n"), 1);
        let expected = format!("expected a JSON object: the line ends {ending}\n");
        assert!(told.ends_with(&expected), "{told}");
    }
}

#[test]
fn a_date_with_the_day_first_is_told_how_it_is_written() {
    let hint = |date, second, place| {
        let line = format!("{{\"tid\":1,\"due_date\":\"{date}\"}}\n");
        let told = told(&["get", "--data", "-", "--input", "jsonl"], &line, 1);
        let expected = format!(
            "ticketdex: such a date must be converted first: this one is {second} where {place}; \
             --dates reads such dates as they are, but only in CSV\n"
        );
        assert!(told.ends_with(&expected), "{told}");
    };
    hint("31/12/2024", "2024-12-31 00:00:00", "the day comes first");
    hint(
        "31.12.2024 10:42",
        "2024-12-31 10:42:00",
        "it is written as '%d.%m.%Y %H:%M'",
    );
}

#[test]
fn an_encoding_that_is_known_is_told_how_it_is_converted() {
    let utf_16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let declaration = "its declaration of the encoding must say UTF-8, or go";
    for (name, bytes, hint) in [
        (
            "told_mark.csv",
            utf_16("\u{FEFF}tid\n1\n"),
            "`iconv -f UTF-16 -t UTF-8 FILE` makes it UTF-8".to_owned(),
        ),
        (
            "told_no_mark.csv",
            utf_16("tid\n1\n"),
            "`iconv -f UTF-16LE -t UTF-8 FILE` makes it UTF-8".to_owned(),
        ),
        (
            "told_mark.xml",
            utf_16("\u{FEFF}<tickets/>"),
            format!("`iconv -f UTF-16 -t UTF-8 FILE` makes it UTF-8, and then {declaration}"),
        ),
        (
            "told_latin.xml",
            b"<?xml version='1.0' encoding='latin1'?><tickets/>".to_vec(),
            format!("`iconv -f 'latin1' -t UTF-8 FILE` makes it UTF-8, and then {declaration}"),
        ),
        (
            "told_wide.xml",
            b"<?xml version='1.0' encoding='utf-16'?><tickets/>".to_vec(),
            declaration.to_owned(),
        ),
    ] {
        let path = file(name, bytes);
        let told = told(&["get", "--data", &path], "", 1);
        assert!(told.ends_with(&format!("\nticketdex: {hint}\n")), "{told}");
    }
}

#[test]
fn a_custom_field_that_no_ticket_has_is_told_once() {
    let path = store("told_custom.redb");
    let note = |name: &str| {
        format!(
            "ticketdex: no ticket has the custom field {name}, so it is empty everywhere; `ticketdex \
             stats` names those that are there\n"
        )
    };
    for (request, names) in [
        ("custom_fields.Floor=3", &["Floor"][..]),
        (
            "order=custom_fields.floor DESC,custom_fields.Desk&custom_fields.Floor!=3",
            &["Floor", "Desk"],
        ),
        ("action=count_tickets&by=custom_fields.Floor", &["Floor"]),
        ("custom_fields.ROOM=9&order=custom_fields.Room", &[]),
    ] {
        let told = told(&["get", request, "--store", &path], "", 0);
        let told: String = told
            .split_inclusive('\n')
            .filter(|line| line.contains("no ticket has"))
            .collect();
        let expected: String = names.iter().map(|name| note(name)).collect();
        assert_eq!(told, expected, "{request}");
    }
}
