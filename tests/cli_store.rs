//! The command on a durable store: `import`, and the write lines of `pipe`.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::command::{Reply, file, missing, pipe, run, run_well, start, stderr};

const TICKETS: &str = r#"{"tid":7,"cid":"demo","status":"Open","subject":"50% off & <more>"}
{"tid":12,"status":"Closed","date_opened":"2014-02-01T10:42:43","custom_fields":{"Serial":"X 1"}}
{"tid":30,"status":"Open","opened_by":"a&b","locked":"y","custom_fields":{"Empty":""}}
"#;

fn json_of(store: &str) -> Vec<u8> {
    run_well(&["get", "--store", store, "--format", "json"], b"")
}

/// Imports, and returns the exit status with what was said.
fn import(arguments: &[&str], input: &[u8]) -> (i32, String) {
    let output = run(&[&["import"], arguments].concat(), input);
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), stderr(&output).to_owned())
}

#[track_caller]
fn assert_counts(message: &str, put: u64, there: u64, skipped: u64, all: u64) {
    let counted = |count: u64, thing: &str| match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    };
    // What was replaced is told between them.
    let message = match (
        message.split_once(" put ("),
        message.split_once("number), "),
    ) {
        (Some((before, _)), Some((_, after))) => format!("{before} put, {after}"),
        _ => message.to_owned(),
    };
    let (put, skipped) = (counted(put, "ticket"), counted(skipped, "bad record"));
    let counts = format!("{put} put, {there} there already, {skipped} skipped, in ");
    assert!(message.contains(&counts), "{message}");
    let end = format!("; the store has {}\n", counted(all, "ticket"));
    assert!(message.ends_with(&end), "{message}");
}

#[test]
fn a_store_holds_what_any_form_brought() {
    let lines = file("store_forms.jsonl", TICKETS);
    let expected = run_well(&["get", "--data", &lines, "--format", "json"], b"");
    for (form, extension) in [("xml", "xml"), ("json", "json"), ("delimited", "txt")] {
        let body = run_well(&["get", "--data", &lines, "--format", form], b"");
        let path = file(&format!("store_form.{extension}"), body);
        let store = missing(&format!("store_form_{form}.redb"));
        assert_eq!(import(&[&path, "--store", &store], b"").0, 0);
        assert_eq!(json_of(&store), expected, "{form}");
    }
    let store = missing("store_form_stdin.redb");
    let arguments = ["-", "--input", "jsonl", "--store", &store];
    let (status, message) = import(&arguments, TICKETS.as_bytes());
    assert_eq!(status, 0);
    assert_counts(&message, 3, 0, 0, 3);
    assert_eq!(json_of(&store), expected);
    let output = run(&["get", "tid=7", "--store", &store], b"");
    assert!(stderr(&output).starts_with("ticketdex: 3 tickets, loaded in "));
}

#[test]
fn tickets_of_equal_numbers_are_told() {
    let store = missing("store_equal.redb");
    let lines = |status: &str| format!("{{\"tid\":7,\"status\":\"{status}\"}}\n");
    let twice = file("store_equal.jsonl", [lines("a"), lines("b")].concat());
    let (status, message) = import(&[&twice, "--store", &store], b"");
    let told =
        "2 tickets put (1 in the place of an earlier one of the same number), 0 there already, ";
    assert!(status == 0 && message.contains(told), "{message}");
    let other = file("store_equal_other.jsonl", lines("c"));
    let (status, message) = import(&[&other, "--store", &store, "--batch", "1"], b"");
    let told =
        "1 ticket put (1 in the place of an earlier one of the same number), 0 there already, ";
    assert!(status == 0 && message.contains(told), "{message}");
    // The same ticket again, and then another of its number.
    let (status, message) = import(&[&other, &twice, "--store", &store], b"");
    let told =
        "2 tickets put (2 in the place of an earlier one of the same number), 1 there already, ";
    assert!(status == 0 && message.contains(told), "{message}");
}

#[test]
fn a_second_run_puts_what_is_not_there() {
    let store = missing("store_again.redb");
    let lines = file("store_again.jsonl", TICKETS);
    assert_eq!(import(&[&lines, "--store", &store], b"").0, 0);
    let before = json_of(&store);
    assert_counts(&import(&[&lines, "--store", &store], b"").1, 0, 3, 0, 3);
    assert_eq!(json_of(&store), before);
    // A value, a custom value, an empty value whose name is new, and a ticket.
    let changes = TICKETS
        .replace("Open\",\"subject", "Held\",\"subject")
        .replace("X 1", "X 2")
        .replace("Empty", "Other");
    let more = format!("{changes}{{\"tid\":1}}\n");
    let more = file("store_again_more.jsonl", more);
    assert_counts(&import(&[&more, "--store", &store], b"").1, 4, 0, 0, 4);
    let expected = run_well(
        &["get", "--data", &lines, "--data", &more, "--format", "json"],
        b"",
    );
    assert_eq!(json_of(&store), expected);
}

/// What an earlier record of a batch put must not be taken for what the store has.
#[test]
fn records_of_one_tid_count_in_their_order() {
    let store = missing("store_order.redb");
    let line = |status: &str| format!("{{\"tid\":5,\"status\":\"{status}\"}}\n");
    let lines = file(
        "store_order.jsonl",
        [line("a"), line("b"), line("a")].concat(),
    );
    for batch in ["1", "2", "3"] {
        for _ in 0..2 {
            let (status, message) = import(&[&lines, "--store", &store, "--batch", batch], b"");
            assert_eq!(status, 0, "{message}");
            let body = run_well(&["get", "status=a", "--store", &store], b"");
            assert!(body.windows(8).any(|part| part == b"<tid>5</"));
        }
    }
}

#[test]
fn a_bad_record_of_any_file_leaves_the_store_as_it_was() {
    let store = missing("store_strict.redb");
    let good = file("store_strict_good.jsonl", "{\"tid\":1}\n");
    let bad = file("store_strict_bad.jsonl", "{\"tid\":2}\n{\"tid\":0}\n");
    let arguments = [&*good, &bad, "--store", &store, "--batch", "1"];
    let (status, message) = import(&arguments, b"");
    let expected = format!(
        "ticketdex: {bad}, of which nothing is in the store: invalid_ticket: line 2, column 1, \
         record 2: a ticket's tid must be given, and be 1 or more\n"
    );
    assert_eq!((status, message), (1, expected));
    assert!(!fs::exists(&store).unwrap());
    let (status, message) = import(&[&arguments[..], &["--skip-bad"]].concat(), b"");
    assert_eq!(status, 0);
    assert_counts(&message, 2, 0, 1, 2);
    let before = json_of(&store);
    let other = file("store_strict_other.jsonl", "{\"tid\":3}\n{\"tid\":0}\n");
    assert_eq!(import(&[&other, "--store", &store], b"").0, 1);
    assert_eq!(json_of(&store), before);
}

#[test]
fn a_failed_run_leaves_no_empty_store_that_it_made() {
    let path = missing("store_failed.redb");
    let bad = file("store_failed.jsonl", "{\"tid\":1}\nno\n");
    let stdin = ["-", "--input", "jsonl", "--store", &path];
    let absent = "no/such.jsonl is not there: io: ";
    for (arguments, told) in [
        (
            &[&*bad, "--store", &path][..],
            "of which nothing is in the store",
        ),
        (&["no/such.jsonl", "--store", &path], absent),
        (&["no/such.jsonl", "--skip-bad", "--store", &path], absent),
        (&stdin, "of which nothing is in the store"),
    ] {
        let (status, message) = import(arguments, b"{\"tid\":1}\nno\n");
        assert_eq!(status, 1, "{arguments:?}");
        assert!(message.contains(told), "{message}");
        assert!(!fs::exists(&path).unwrap(), "{arguments:?}");
    }
    // What is in stays, and says so.
    let (status, message) = import(
        &[&stdin[..], &["--batch", "1"]].concat(),
        b"{\"tid\":1}\nno\n",
    );
    assert_eq!(status, 1);
    assert!(message.contains("the first good record is in"), "{message}");
    let body = String::from_utf8(json_of(&path)).unwrap();
    assert!(body.contains("\"tid\" : \"1\""), "{body}");
    // A run that ends well makes a store of nothing, and a later one that fails keeps it.
    let empty = missing("store_failed_empty.redb");
    let nothing = file("store_failed_nothing.jsonl", "");
    assert_eq!(import(&[&nothing, "--store", &empty], b"").0, 0);
    assert_eq!(import(&[&bad, "--store", &empty], b"").0, 1);
    assert_eq!(json_of(&empty), b"{\n\t\"tickets\": [\n\t]\n}\n");
}

#[test]
fn standard_input_is_strict_by_batch() {
    let store = missing("store_stdin.redb");
    let input = "{\"tid\":1}\n{\"tid\":2}\n{\"tid\":3}\n{\"tid\":4}\n{\"tid\":5}\nno\n";
    let arguments = ["-", "--input", "jsonl", "--store", &store, "--batch", "2"];
    let (status, message) = import(&arguments, input.as_bytes());
    assert_eq!(status, 1);
    let start = "ticketdex: standard input, of which the first 4 good records are in the store: \
                 invalid_syntax: line 6, column 2, record 6: ";
    assert!(message.starts_with(start), "{message}");
    let count = run_well(
        &[
            "get",
            "count_only=Y",
            "--store",
            &store,
            "--format",
            "delimited",
        ],
        b"",
    );
    assert_eq!(count, b"count=4\n");
    let mended = input.replace("no", "{\"tid\":6}");
    assert_counts(&import(&arguments, mended.as_bytes()).1, 2, 4, 0, 6);
}

#[test]
fn names_past_the_limit_are_found_before_anything_is_put() {
    let store = missing("store_names.redb");
    let mut lines = String::new();
    for tid in 1..=41 {
        let names = (0..100).map(|n| format!("\"n{}\":\"\"", (tid - 1) * 100 + n));
        let names: Vec<String> = names.collect();
        writeln!(
            lines,
            "{{\"tid\":{tid},\"custom_fields\":{{{}}}}}",
            names.join(",")
        )
        .unwrap();
    }
    let lines = file("store_names.jsonl", lines);
    let (status, message) = import(&[&lines, "--store", &store], b"");
    let expected = "of which nothing is in the store: too_many_custom_fields: ";
    assert!(status == 1 && message.contains(expected), "{message}");
    let (status, message) = import(&[&lines, "--store", &store, "--skip-bad"], b"");
    assert_eq!(status, 0);
    assert_counts(&message, 40, 0, 1, 40);
}

fn ok(reply: &Reply) -> u64 {
    match reply {
        Reply::Ok { total, body } if body.is_empty() => *total,
        other => panic!("{other:?}"),
    }
}

fn code(reply: &Reply) -> &str {
    match reply {
        Reply::Error { code, .. } => code,
        Reply::Ok { .. } => panic!("{reply:?}"),
    }
}

fn body(reply: &Reply) -> String {
    let (Reply::Ok { body, .. } | Reply::Error { body, .. }) = reply;
    String::from_utf8(body.clone()).unwrap()
}

#[test]
fn write_lines_are_seen_by_the_lines_after_them() {
    let lines = file("store_writes.jsonl", TICKETS);
    let path = missing("store_writes.redb");
    assert_eq!(import(&[&lines, "--store", &path], b"").0, 0);
    let input = "count_only=Y\n\
                 put {\"tid\":31,\"status\":\"Neu\\u00fc\"}\r\n\
                 patch {\"tid\":7,\"status\":null,\"merged_to\":5,\"custom_fields\":{\"serial\":\"S\"}}\n\
                 del 12\n\
                 del  99 \n\
                 tid=*\n";
    for source in [["--data", &*lines], ["--store", &path]] {
        let replies = pipe(
            &[&source[..], &["--format", "delimited"]].concat(),
            input.as_bytes(),
        );
        let totals: Vec<u64> = replies[1..5].iter().map(ok).collect();
        assert_eq!(totals, [4, 4, 3, 3]);
        assert_eq!(body(&replies[0]), "count=3\n");
        let all = body(&replies[5]);
        let found: Vec<&str> = all.lines().collect();
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("tid=7&cid=demo&"), "{all}");
        assert!(found[0].contains("&status=&") && found[0].contains("&merged_to=5&"));
        assert!(found[0].contains("&Serial=S&"));
        assert!(found[2].contains("&status=Neu%C3%BC&"));
        assert_eq!(replies.len(), 6);
    }
    // Found again, and the file that was read is as it was.
    let again = pipe(
        &["--store", &path, "--format", "delimited"],
        b"count_only=Y\n",
    );
    assert_eq!(body(&again[0]), "count=3\n");
    let again = pipe(
        &["--data", &lines, "--format", "delimited"],
        b"count_only=Y\ndel 7\n",
    );
    assert_eq!(
        (body(&again[0]), ok(&again[1])),
        ("count=3\n".to_owned(), 2)
    );
}

#[test]
fn write_lines_that_are_wrong_change_nothing() {
    let path = missing("store_wrong.redb");
    assert_eq!(
        import(&["-", "--input", "jsonl", "--store", &path], b"").0,
        0
    );
    let cases: [(&[u8], &str); 14] = [
        (b"put {\"tid\":0}", "invalid_ticket"),
        (b"put {\"tid\":1,\"state\":\"x\"}", "unknown_variable"),
        (b"put {\"tid\":1,\"locked\":\"x\"}", "invalid_ticket"),
        (b"put {\"tid\":1} {}", "invalid_syntax"),
        (b"put ", "invalid_syntax"),
        (b"put {\"tid\":1,\"cid\":\"\xFF\"}", "invalid_encoding"),
        (b"patch {\"status\":\"x\"}", "invalid_ticket"),
        (b"patch {\"tid\":1,\"status\":\"x\"}", "unknown_ticket"),
        (b"patch {\"tid\":1,\"company_id\":-1}", "invalid_value"),
        (b"patch []", "invalid_value"),
        (b"del x", "invalid_value"),
        (b"del +1", "invalid_value"),
        (b"del ", "invalid_value"),
        // No write lines, so requests.
        (b"PUT {\"tid\":1}", "unknown_variable"),
    ];
    let mut input: Vec<u8> = Vec::new();
    for (line, _) in cases {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend_from_slice(b"count_only=Y\n");
    let replies = pipe(&["--store", &path, "--format", "delimited"], &input);
    for ((line, expected), reply) in cases.iter().zip(&replies) {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(code(reply), *expected, "{shown}");
        let start = format!("error={expected}&message=");
        assert!(body(reply).starts_with(&start), "{shown}");
    }
    assert_eq!(body(&replies[cases.len()]), "count=0\n");
    let reply = body(&pipe(&["--store", &path], b"del x\n")[0]);
    let expected = "\t<message>tid is \"x\" but must be an integer</message>\n";
    assert!(reply.contains(expected), "{reply}");
}

/// Beside a large segment, each commit leaves a small one, and some merge them.
#[test]
fn many_single_writes_do_not_show() {
    let mut lines = String::new();
    for tid in 1..=30_000 {
        writeln!(lines, "{{\"tid\":{tid}}}").unwrap();
    }
    let lines = file("store_many.jsonl", lines);
    let path = missing("store_many.redb");
    assert_eq!(import(&[&lines, "--store", &path], b"").0, 0);
    let mut input = String::new();
    for tid in 1..=300 {
        writeln!(input, "del {}", tid * 7).unwrap();
        writeln!(input, "put {{\"tid\":{},\"status\":\"new\"}}", 40_000 + tid).unwrap();
    }
    input.push_str("count_only=Y\ncount_only=Y&status=new\n");
    let replies = pipe(
        &["--store", &path, "--format", "delimited"],
        input.as_bytes(),
    );
    assert_eq!(replies.len(), 602);
    assert_eq!(body(&replies[600]), "count=30000\n");
    assert_eq!(body(&replies[601]), "count=300\n");
}

#[test]
fn a_store_is_asked_for_as_it_should_be() {
    let path = missing("store_usage.redb");
    let lines = file("store_usage.jsonl", TICKETS);
    let output = run(&["get", "--store", &path], b"");
    assert_eq!(output.status.code(), Some(1));
    let missing = format!("invalid_store: {path} is not there");
    assert!(stderr(&output).contains(&missing), "{}", stderr(&output));
    let makes = format!("`ticketdex import FILE --store {path}` makes a store");
    assert!(stderr(&output).contains(&makes), "{}", stderr(&output));
    // A file that is there and no store needs another word.
    let output = run(&["get", "--store", &lines], b"");
    assert!(!stderr(&output).contains("makes a store"), "{output:?}");
    let output = run(&["pipe", "--store", &path], b"put {\"tid\":1}\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&missing), "{}", stderr(&output));
    // Only an import makes a store, which a pipe may then fill.
    assert!(!fs::exists(&path).unwrap());
    assert_eq!(
        import(&["-", "--input", "jsonl", "--store", &path], b"").0,
        0
    );
    assert_eq!(ok(&pipe(&["--store", &path], b"put {\"tid\":1}\n")[0]), 1);
    for arguments in [
        &["get", "--store", &path, "--data", &lines][..],
        &["import", &lines],
        &["import", "--store", &path],
        &["import", "-", "--store", &path],
        &["import", &lines, "--store", &path, "--batch", "0"],
    ] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        // The library of arguments shows no usage beside a bad value.
        let said = stderr(&output);
        let usage = format!("Usage: ticketdex {} ", arguments[0]);
        assert!(
            said.contains("invalid value") || said.contains(&usage),
            "{said}"
        );
    }
    for (arguments, code) in [
        (&["get", "--store", &lines][..], "invalid_store"),
        (&["pipe", "--store", &lines], "invalid_store"),
        (&["import", &lines, "--store", &lines], "invalid_store"),
        (
            &["import", &path, "--input", "jsonl", "--store", "no/such/x"],
            "storage",
        ),
    ] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).contains(&format!("{code}: ")),
            "{}",
            stderr(&output)
        );
    }
    assert_eq!(fs::read_to_string(&lines).unwrap(), TICKETS);
    let store = ticketdex::durable::open(&path).unwrap();
    let output = run(&["get", "--store", &path], b"");
    assert!(
        stderr(&output).contains("store_in_use: "),
        "{}",
        stderr(&output)
    );
    drop(store);
}

/// Returns whether the tests ignore SIGINT, as what a shell starts in the background does, and with them what they
/// start. Where the system does not tell, they do not.
#[cfg(unix)]
fn is_interrupt_ignored() -> bool {
    const INTERRUPT: u64 = 1 << 1;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits & INTERRUPT != 0)
}

#[cfg(unix)]
#[test]
fn an_import_that_is_interrupted_says_what_is_in() {
    const TICKETS_COUNT: u64 = 20_000;
    let lines = run_well(&["generate", &TICKETS_COUNT.to_string()], b"");
    let lines = file("store_interrupted.jsonl", lines);
    let path = missing("store_interrupted.redb");
    let arguments = ["import", &lines, "--store", &path, "--batch", "20"];
    let child = start(&arguments);
    while !fs::exists(&path).unwrap() {
        thread::sleep(Duration::from_millis(1));
    }
    // A signal is heard once the store is open, and the commits take some seconds.
    thread::sleep(Duration::from_millis(500));
    let id = child.id().to_string();
    let signal = if is_interrupt_ignored() {
        "-TERM"
    } else {
        "-INT"
    };
    let killed = Command::new("kill").args([signal, &id]).status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said.ends_with(": a signal asked the command to end\n"),
        "{said}"
    );
    let words: Vec<&str> = said.split(' ').collect();
    let at = words.iter().position(|word| *word == "good");
    let there = at.map_or(0, |at| words[at - 1].parse::<u64>().unwrap());
    let output = run(&arguments[..4], b"");
    let put = TICKETS_COUNT - there;
    assert_counts(stderr(&output), put, there, 0, TICKETS_COUNT);
    fs::remove_file(lines).unwrap();
}
