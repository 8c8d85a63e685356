//! `ticketdex remove`: what matches goes in one commit, and nothing goes without a yes.

mod common;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::command::{file, missing, run, run_well, stderr};
use ticketdex::durable;

const TICKETS: &str = r#"{"tid":1,"status":"Open"}
{"tid":2,"status":"Closed","custom_fields":{"Serial":"X"}}
{"tid":3,"status":"closed"}
{"tid":4,"status":"CLOSED"}
"#;

fn store(name: &str) -> String {
    let path = missing(name);
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        TICKETS.as_bytes(),
    );
    path
}

/// Returns the tids of a store, in lines.
fn tids(store: &str) -> String {
    let request = "fields=tid";
    let body = run_well(&["get", request, "--store", store, "--format", "csv"], b"");
    let text = String::from_utf8(body).unwrap();
    text.replace("tid\r\n", "").replace("\r\n", " ")
}

fn remove(arguments: &[&str], input: &[u8]) -> Output {
    let output = run(&[&["remove"], arguments].concat(), input);
    assert!(output.stdout.is_empty(), "{output:?}");
    output
}

#[test]
fn what_matches_is_removed_and_nothing_else() {
    let store = store("remove.redb");
    let output = remove(&["status=closed", "--store", &store, "--yes"], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = stderr(&output);
    assert!(
        told.starts_with("ticketdex: 3 of 4 tickets removed in "),
        "{told}"
    );
    assert!(told.ends_with("; the store has 1 ticket\n"), "{told}");
    let opened = durable::Options::new().open_told(&store).unwrap().1;
    assert!(opened.from_image && opened.replayed == 0, "{opened:?}");
    assert_eq!(tids(&store), "1 ");
    let output = remove(&["status=closed", "--store", &store, "--yes"], b"");
    let expected = "ticketdex: none of 1 ticket matches, so none was removed\n";
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), expected));
    // A name of custom fields stays in the list.
    let body = run_well(&["get", "--store", &store, "--format", "csv"], b"");
    let head = String::from_utf8(body).unwrap();
    assert!(head.contains(",custom_fields.Serial,"), "{head}");
    let output = remove(&["tid=*", "--store", &store, "--yes"], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(tids(&store), "");
}

#[test]
fn count_and_page_limit_what_is_removed() {
    let store = store("remove_page.redb");
    let request = "status=closed&order=tid DESC&count=1&tid=*&page=2";
    let output = remove(&[request, "--store", &store, "--yes"], b"");
    let told = "ticketdex: 1 of the 3 that match, of 4 tickets, removed in ";
    assert!(stderr(&output).starts_with(told), "{}", stderr(&output));
    assert_eq!(tids(&store), "1 2 4 ");
}

/// A page past the last has no ticket, which says nothing of how many match.
#[test]
fn a_page_past_the_last_removes_nothing_and_tells_how_many_match() {
    let store = store("remove_past.redb");
    let request = "tid=*&custom_fields.Nope!=x&count=5&page=100";
    let output = remove(&[request, "--store", &store, "--yes"], b"");
    let expected = "ticketdex: no ticket has the custom field Nope, so it is empty everywhere; \
                    `ticketdex stats` names those that are there\n\
                    ticketdex: the request matches 4 of 4 tickets, but none of them is on its page, so \
                    none was removed\n";
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), expected));
    assert_eq!(tids(&store), "1 2 3 4 ");
}

#[test]
fn nothing_is_removed_without_a_terminal_or_yes() {
    let store = store("remove_refused.redb");
    for input in [&b""[..], b"y\n", b"yes\n"] {
        let output = remove(&["status=closed", "--store", &store], input);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!(
            "ticketdex: 3 of 4 tickets would be removed from {store}; standard input is no \
             terminal to ask on, so --yes is needed, and nothing was removed\n"
        );
        assert_eq!(stderr(&output), expected);
    }
    assert_eq!(tids(&store), "1 2 3 4 ");
}

#[test]
fn what_is_wrong_removes_nothing() {
    let store = store("remove_wrong.redb");
    let lines = file("remove_wrong.jsonl", TICKETS);
    let missing = missing("remove_missing.redb");
    for (arguments, status, told) in [
        (&["--store", &store, "--yes"][..], 2, "<REQUEST>"),
        (&["status=closed", "--yes"], 2, "--store <PATH>"),
        (
            &["", "--store", &store, "--yes"],
            2,
            "tid=* says that it is meant",
        ),
        (
            &["count=2&order=cid", "--store", &store, "--yes"],
            2,
            "tid=* says",
        ),
        (
            &["tid=1&count_only=Y", "--store", &store, "--yes"],
            2,
            "count_only=Y has no place",
        ),
        (
            &["tid=1", "--data", &lines, "--yes"],
            2,
            "unexpected argument '--data'",
        ),
        (
            &["statsu=x", "--store", &store, "--yes"],
            1,
            "unknown_variable: ",
        ),
        (&["tid=1", "--store", &lines, "--yes"], 1, "invalid_store: "),
        (
            &["tid=1", "--store", &missing, "--yes"],
            1,
            "invalid_store: ",
        ),
    ] {
        let output = remove(arguments, b"y\n");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
    let held = ticketdex::durable::open(&store).unwrap();
    let output = remove(&["tid=1", "--store", &store, "--yes"], b"");
    assert!(stderr(&output).contains("store_in_use: "), "{output:?}");
    drop(held);
    assert_eq!(tids(&store), "1 2 3 4 ");
    assert!(!fs::exists(&missing).unwrap());
    assert_eq!(fs::read_to_string(&lines).unwrap(), TICKETS);
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_that_cannot_be_written_stays_as_it_is() {
    let store = store("remove_full.redb");
    let mut limited = Command::new("prlimit");
    limited.args(["--fsize=0", env!("CARGO_BIN_EXE_ticketdex")]);
    let arguments = ["remove", "tid=1", "--store", &store, "--yes"];
    let Ok(output) = limited.args(arguments).output() else {
        println!("!!!!!! NOT RUN: a limit that needs prlimit, which is not there");
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("storage: "), "{output:?}");
    assert_eq!(tids(&store), "1 2 3 4 ");
}

/// Runs the command on a terminal, on which these keys are typed.
#[cfg(target_os = "linux")]
fn on_a_terminal(arguments: &str, keys: &[u8]) -> Option<(i32, String)> {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_ticketdex"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        println!("!!!!!! NOT RUN: a terminal, for which script is needed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(keys).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let said = String::from_utf8(output.stdout).unwrap();
    Some((output.status.code().unwrap(), said))
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_a_yes_removes_and_all_else_does_not() {
    let store = store("remove_asked.redb");
    let arguments = format!("remove status=closed --store {store}");
    for keys in ["\n", "n\n", "no\n", "yeah\n", "\u{4}"] {
        let Some((status, said)) = on_a_terminal(&arguments, keys.as_bytes()) else {
            return;
        };
        assert_eq!(status, 1, "{keys:?}: {said}");
        let question = format!("remove 3 of 4 tickets from {store}? [y/N]");
        assert!(said.contains(&question), "{said}");
        assert!(said.contains("ticketdex: nothing was removed"), "{said}");
        assert_eq!(tids(&store), "1 2 3 4 ");
    }
    let (status, said) = on_a_terminal(&arguments, b" YES\n").unwrap();
    assert_eq!(status, 0, "{said}");
    assert_eq!(tids(&store), "1 ");
}

#[test]
fn tickets_of_late_commits_are_removed() {
    let store = store("remove_changed.redb");
    let lines = b"{\"tid\":9}\n";
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &store],
        lines,
    );
    let output = remove(&["changed_since=1", "--store", &store, "--yes"], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(tids(&store), "1 2 3 4 ");
}
