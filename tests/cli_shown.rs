//! What the command shows to people: `get --table`, `count` and `stats`.

mod common;

use std::fs;
use std::io::Read;
use std::process::{Command, Output, Stdio};

use common::command::{file, run, run_well, start, stderr};
use serde_json::Value;

/// What a stranger may write into a ticket, beside what is plain.
const TICKETS: &str = r#"{"tid":7,"status":"Open","company_name":"東京電力","subject":"50% off & <more>","date_opened":"2014-02-01T10:42:43"}
{"tid":12,"status":"OPEN","subject":"\u001b[2J\u001b]0;owned\u0007\u202edetrevni","custom_fields":{"Serial":"X 1","Empty":""}}
{"tid":1000,"status":"Closed","subject":"first\n\tsecond\u2028third","linked_calls":" , ","merged_to":0,"company_id":4}
"#;

/// Returns the lines of tickets that have a number only.
fn plain(count: u64) -> String {
    let lines: Vec<String> = (1..=count)
        .map(|tid| format!("{{\"tid\":{tid}}}\n"))
        .collect();
    lines.concat()
}

/// Runs the command for a screen of so many columns that is no terminal.
fn run_in(columns: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketdex"));
    command.env("COLUMNS", columns).args(arguments);
    command.output().unwrap()
}

fn table(columns: &str, request: &str, data: &str) -> String {
    let output = run_in(columns, &["get", request, "--data", data, "--table"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_table_shows_the_fields_that_are_asked_for() {
    let data = file("table.jsonl", TICKETS);
    assert_eq!(
        table("80", "fields=subject,tid,company_name,status", &data),
        " tid  company_name  status  subject\n   \
           7  東京電力      Open    50% off & <more>\n  \
          12                OPEN    \u{FFFD}[2J\u{FFFD}]0;owned\u{FFFD}\u{FFFD}detrevni\n\
         1000                Closed  first second third\n"
    );
    assert_eq!(
        table(
            "80",
            "fields=custom_fields,tid,merged_to,company_id&order=tid DESC",
            &data
        ),
        " tid  company_id  merged_to  Serial  Empty\n\
         1000           4          0\n  \
          12                         X 1\n   \
           7\n"
    );
    assert_eq!(
        table("80", "tid=7", &data),
        "tid  date_opened          status  priority  assigned_tech  subject\n  \
           7  2014-02-01 10:42:43  Open                             50% off & <more>\n"
    );
    assert_eq!(table("80", "status=open&count_only=Y", &data), "2\n");
    assert_eq!(
        table("80", "status=none&fields=tid,status", &data),
        "tid  status\n"
    );
    assert_eq!(table("80", "fields=custom_fields.no", &data), "\n\n\n\n");
}

/// A name alone is a filter without a value, and not what is counted by.
#[test]
fn a_count_by_nothing_says_so() {
    let data = file("count_nothing.jsonl", TICKETS);
    let output = run_in("80", &["count", "status", "--data", &data]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.ends_with("ticketdex: status has no value, so it filters nothing; --by FIELD counts by the values of a field\n"), "{told}");
    assert_eq!(output.stdout, b"3 tickets\n");
    let by_field = run_in("80", &["count", "--by", "status", "--data", &data]);
    let told = String::from_utf8(by_field.stderr).unwrap();
    assert!(!told.contains("has no value"), "{told}");
}

/// A request that get takes counts here too, and what an option gives again is told.
#[test]
fn a_count_takes_a_request_with_its_own_action() {
    let data = file("count_action.jsonl", TICKETS);
    let count = |arguments: &[&str]| {
        let output = run_in("30", &[&["count", "--data", &data], arguments].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), shown, told)
    };
    let by_option = count(&["--by", "status"]).1;
    for request in [
        "action=count_tickets&by=status",
        "?by=status&Action=count_tickets",
        "action=&by=status",
    ] {
        let (status, shown, _) = count(&[request]);
        assert_eq!((status, &shown), (Some(0), &by_option), "{request}");
    }
    let no_action = "count takes no action of get_tickets";
    for (arguments, status, expected) in [
        (&["action=get_tickets"][..], 2, no_action),
        (
            &["action=get_tickets&status=Open", "--by=status"],
            2,
            no_action,
        ),
        (&["action=shut"], 1, "invalid_value: action is \"shut\""),
        (
            &["by=status", "--by=status"],
            2,
            "the request has by= already, so --by has no place beside it",
        ),
        (
            &["by=status&exclude_own=N", "--exclude-own"],
            2,
            "the request has exclude_own= already, so --exclude-own has no place beside it",
        ),
    ] {
        let (code, shown, told) = count(arguments);
        assert_eq!((code, &*shown), (Some(status), ""), "{arguments:?}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

/// A value of blanks is not the empty one, and is told from it.
#[test]
fn blanks_are_counted_between_quotes() {
    let lines = "{\"tid\":1,\"status\":\"  \"}\n{\"tid\":2}\n{\"tid\":3}\n";
    let data = file("count_blanks.jsonl", lines);
    let output = run_in("20", &["count", "--by", "status", "--data", &data]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "3 tickets\n\nstatus: 2 values\n  (none)  2  #######\n  \" \"     1  ###\n"
    );
}

/// Of a custom field that no ticket has CSV and tables show nothing, so that is told.
#[test]
fn a_custom_field_to_show_that_no_ticket_has_is_told() {
    let data = file("shown_custom.jsonl", TICKETS);
    let request = "fields=tid,custom_fields.Nope,custom_fields.serial";
    let told = "ticketdex: no ticket has the custom field Nope, so it is empty everywhere; `ticketdex \
                stats` names those that are there\n";
    for form in [&["--table"][..], &["--format", "csv"]] {
        let output = run(&[&["get", request, "--data", &data], form].concat(), b"");
        assert!(stderr(&output).ends_with(told), "{}", stderr(&output));
        assert_eq!(stderr(&output).matches("no ticket has").count(), 1);
    }
}

#[test]
fn counts_are_bars() {
    let data = file("bars.jsonl", TICKETS);
    let count = |arguments: &[&str]| {
        let output = run_in("30", &[&["count", "--data", &data], arguments].concat());
        let text = if output.status.success() {
            output.stdout
        } else {
            output.stderr
        };
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    assert_eq!(
        count(&[
            "--by",
            "status,linked_calls",
            "--by",
            "custom_fields.serial"
        ]),
        (
            Some(0),
            "3 tickets\n\nstatus: 2 values\n  OPEN    2  #################\n  \
             Closed  1  ########\n\nlinked_calls: 1 value\n  (none)  3  #################\n\n\
             custom_fields.Serial: 2 values\n  (none)  2  #################\n  X 1     1  \
             ########\n"
                .to_owned()
        )
    );
    let filtered = [
        "status=Open",
        "--by=status",
        "--by=subject",
        "--exclude-own",
    ];
    let own = [&filtered[..2], &filtered[3..], &["--top=1"]].concat();
    let (status, shown) = count(&own);
    assert!(
        shown.starts_with("2 tickets\n\nstatus: 1 of 2 values\n  OPEN  2  "),
        "{shown}"
    );
    assert_eq!(status, Some(0));
    // What cannot be counted by is told by name, before anything is loaded.
    let (status, shown) = count(&filtered);
    assert_eq!(status, Some(1));
    assert!(shown.contains("\"status,subject\""), "{shown}");
    let (status, shown) = count(&["order=tid"]);
    assert_eq!(status, Some(1));
    assert!(shown.contains("unknown variable \"order\""), "{shown}");
}

#[test]
fn a_table_is_no_wider_than_the_screen() {
    let lines = run_well(&["generate", "300", "--world", "tongues"], b"");
    let data = file("table_tongues.jsonl", lines);
    for columns in ["1", "7", "40", "80", "133"] {
        for request in ["", "fields=tid,contact,subject,summary,last_updated"] {
            let shown = table(columns, request, &data);
            assert_eq!(shown.lines().count(), 301);
            let width = |line: &str| -> usize {
                let widths = line.chars().map(unicode_width::UnicodeWidthChar::width);
                widths
                    .map(|width| width.expect("no control character"))
                    .sum()
            };
            let widest = shown.lines().map(width).max().unwrap();
            assert!(widest <= columns.parse().unwrap(), "{widest} in {columns}");
        }
    }
    // A width that is no number, or none, or that of no screen is not taken.
    for columns in ["", "x", "-1", "0", "18446744073709551616"] {
        assert_eq!(
            table(columns, "", &data),
            table("80", "", &data),
            "{columns:?}"
        );
    }
    let output = run_in("40", &["get", "--data", &data, "--table"]);
    let told = "ticketdex: there is no room for assigned_tech,subject; fields= chooses\n";
    assert!(stderr(&output).starts_with(told), "{}", stderr(&output));
    // Beyond the rows by which widths are chosen, values are cut.
    let mut lines = plain(300);
    lines += "{\"tid\":301,\"status\":\"a status that is long\"}\n";
    let data = file("table_late.jsonl", lines);
    let shown = table("80", "fields=tid,status", &data);
    assert!(shown.ends_with("\n301  a sta…\n"), "{shown}");
}

/// Widths of texts are those of the first rows; what makes no sense in part is shown whole in all.
#[test]
fn numbers_and_dates_are_whole_in_every_row() {
    let mut lines = plain(1000);
    lines += "{\"tid\":1001,\"merged_to\":123456,\"date_opened\":\"2014-02-01T10:42:43\"}\n";
    let data = file("table_whole.jsonl", lines);
    let shown = table("80", "fields=tid,merged_to,date_opened", &data);
    let head = " tid  date_opened          merged_to\n   1\n";
    assert!(shown.starts_with(head), "{shown}");
    let end = "\n1000\n1001  2014-02-01 10:42:43     123456\n";
    assert!(shown.ends_with(end), "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_width_is_its_own_and_the_head_is_bold() {
    let data = file("table_terminal.jsonl", TICKETS);
    let run = |variables: &str| {
        let program = env!("CARGO_BIN_EXE_ticketdex");
        let line = format!(
            "stty rows 24 cols 50; {variables} {program} get 'tid=12&fields=tid,status,subject,summary' \
             --data {data} --table 2>/dev/null"
        );
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null());
        let output = script.env("TERM", "xterm").env_remove("NO_COLOR").output();
        output
            .ok()
            .map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(shown) = run("COLUMNS=20") else {
        println!("!!!!!! NOT RUN: a terminal, for which script is needed");
        return;
    };
    let row = "\u{FFFD}[2J\u{FFFD}]0;owned\u{FFFD}\u{FFFD}d";
    assert!(
        shown.starts_with("\u{1b}[1mtid  status  subject"),
        "{shown:?}"
    );
    assert!(shown.contains("  summary\u{1b}[0m\r\n"), "{shown:?}");
    assert!(
        shown.contains(row) && shown.matches('\u{1b}').count() == 2,
        "{shown:?}"
    );
    for plain in ["NO_COLOR=1", "TERM=dumb"] {
        let shown = run(plain).unwrap();
        assert!(shown.starts_with("tid  status  subject"), "{shown:?}");
    }
}

#[test]
fn a_table_is_asked_for_as_it_should_be() {
    let data = file("table_usage.jsonl", TICKETS);
    for (arguments, status, told) in [
        (
            &["get", "--table", "--format", "csv"][..],
            2,
            "cannot be used with",
        ),
        (&["get", "--table", "--csv-safe"], 2, "cannot be used with"),
        (&["get", "format=csv", "--table"], 2, "names no format"),
        (&["get", "fields=statsu", "--table"], 1, "invalid_value: "),
        (&["stats"], 2, "stats needs tickets"),
        (
            &["stats", "status=x", "--data", "x"],
            2,
            "unexpected argument",
        ),
        (
            &["stats", "--data", "no/such.jsonl"],
            1,
            "no/such.jsonl is not there: io: ",
        ),
        (&["stats", "--store", &data], 1, "invalid_store: "),
    ] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let lines = plain(30_000);
    let data = file("table_goes.jsonl", lines);
    let arguments = ["get", "fields=tid,status", "--data", &data, "--table"];
    let mut child = start(&arguments);
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let mut child = start(&["stats", "--data", &data]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    fs::remove_file(data).unwrap();
}

#[test]
fn stats_tell_tickets_memory_and_fields() {
    let data = file("stats.jsonl", TICKETS);
    let store = file("stats.redb", b"");
    fs::remove_file(&store).unwrap();
    run_well(&["import", &data, "--store", &store], b"");
    let before = fs::read(&store).unwrap();
    let output = run_in("80", &["stats", "--store", &store]);
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let head = "tickets        3\nsegments       1\ncustom fields  2\nmemory         ";
    assert!(shown.starts_with(head), "{shown}");
    let line = |name: &str| -> Vec<String> {
        let mut lines = shown.lines().map(|line| line.split_whitespace());
        let line = lines.find(|words| words.clone().next() == Some(name));
        line.unwrap().skip(1).map(str::to_owned).collect()
    };
    for (name, expected) in [
        ("tid", ["3", "100.0", "3"]),
        ("company_id", ["1", "33.3", "1"]),
        ("status", ["3", "100.0", "2"]),
        ("linked_calls", ["0", "0.0", "0"]),
        ("merged_to", ["1", "33.3", "1"]),
        ("custom_fields.Serial", ["1", "33.3", "1"]),
        ("custom_fields.Empty", ["0", "0.0", "0"]),
        ("summary", ["0", "0.0", "0"]),
    ] {
        assert_eq!(line(name)[..3], expected, "{name}: {shown}");
    }
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");

    let json = run_well(&["stats", "--store", &store, "--json"], b"");
    let stats: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (&stats["tickets"], &stats["segments"]),
        (&3.into(), &1.into())
    );
    let memory = stats["memory"].as_object().unwrap();
    let columns = memory["columns"].as_object().unwrap();
    // What is unpacked is no part: it tells what the columns would take.
    let is_part = |name: &str| !["columns", "unpacked"].contains(&name);
    let others = memory.iter().filter(|(name, _)| is_part(name));
    let parts = columns.values().chain(others.map(|(_, bytes)| bytes));
    let sum: u64 = parts.map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(stats["memory_total"], sum);
    for part in ["columns", "postings", "words", "names"] {
        assert!(!line(part).is_empty(), "{part}: {shown}");
    }
    let fields = stats["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 39);
    let expected = serde_json::json!({"field": "status", "filled": 3, "distinct": 2});
    assert_eq!(fields[13], expected);
    assert_eq!(fs::read(&store).unwrap(), before);
}
