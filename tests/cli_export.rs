//! `ticketdex export`: what is written reads in again, and a path names a whole file or what it named.

mod common;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::command::{file, left_beside, missing, run, run_well, start, stderr};
use ticketdex::{Batch, Ticket};

/// Tickets with all that a form must escape, a name that none has a value of, and flags.
const TICKETS: &str = r#"{"tid":7,"cid":"demo","status":"Open","subject":"50% off & <more>","custom_fields":{"Empty":""}}
{"tid":12,"status":"Closed","date_opened":"2014-02-01T10:42:43","custom_fields":{"Serial":"X 1","a.b-c":"\u0000\u0085\r\n"}}
{"tid":18446744073709551615,"status":"Open","opened_by":"a&b","locked":"y","merged_to":0,"summary":"=1+1\n\"q\", 日本 \ufffe"}
"#;

const ENDS: [&str; 5] = ["csv", "jsonl", "xml", "json", "txt"];

fn store(name: &str, lines: &str) -> String {
    let path = missing(name);
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        lines.as_bytes(),
    );
    path
}

fn json_of(kind: &str, path: &str) -> Vec<u8> {
    run_well(&["get", kind, path, "--format", "json"], b"")
}

#[test]
fn what_is_exported_is_imported_to_the_same_tickets() {
    let own = store("export_own.redb", TICKETS);
    let expected = json_of("--store", &own);
    let before = fs::read(&own).unwrap();
    for end in ENDS {
        for packed in ["", ".gz", ".zst"] {
            let path = missing(&format!("export_round.{end}{packed}"));
            let output = run(&["export", "--store", &own, "--to", &path], b"");
            assert!(
                output.status.success() && output.stdout.is_empty(),
                "{output:?}"
            );
            let bytes = fs::metadata(&path).unwrap().len();
            let told = format!("; 3 written to {path}, {bytes} bytes in ");
            assert!(stderr(&output).contains(&told), "{}", stderr(&output));
            assert_eq!(left_beside(&path), [""; 0]);

            let again = missing("export_again.redb");
            run_well(&["import", &path, "--store", &again], b"");
            assert!(json_of("--store", &again) == expected, "{path}");
            // Names past the last dot are in any case.
            let upper = missing(&format!("export_upper.{}{packed}", end.to_uppercase()));
            run_well(&["export", "--data", &path, "--to", &upper], b"");
            assert!(json_of("--data", &upper) == expected, "{upper}");
        }
    }
    assert_eq!(fs::read(&own).unwrap(), before, "the store is only read");
}

#[test]
fn a_larger_export_is_the_same_in_every_form() {
    let lines = run_well(&["generate", "300", "--world", "wide"], b"");
    let path = file("export_wide.jsonl", &lines);
    let expected = json_of("--data", &path);
    for end in ENDS {
        for packed in ["", ".gz", ".zst"] {
            let to = missing(&format!("export_wide_to.{end}{packed}"));
            run_well(&["export", "--data", &path, "--to", &to], b"");
            assert!(json_of("--data", &to) == expected, "{to}");
            fs::remove_file(to).unwrap();
        }
    }
}

#[test]
fn nothing_that_matches_is_an_export_too() {
    let path = file("export_none.jsonl", TICKETS);
    for end in ENDS {
        for packed in ["", ".gz", ".zst"] {
            let to = missing(&format!("export_none_to.{end}{packed}"));
            run_well(&["export", "status=x", "--data", &path, "--to", &to], b"");
            let count = [
                "get",
                "count_only=Y",
                "--format",
                "delimited",
                "--data",
                &to,
            ];
            assert_eq!(run_well(&count, b""), b"count=0\n", "{to}");
        }
    }
}

#[test]
fn a_request_chooses_tickets_order_and_variables() {
    let path = file("export_request.jsonl", TICKETS);
    let export = |request: &str, end: &str| {
        let to = missing(&format!("export_request_to.{end}"));
        run_well(&["export", request, "--data", &path, "--to", &to], b"");
        fs::read_to_string(to).unwrap()
    };
    let request = "fields=subject,tid,custom_fields.serial,opened_by&order=tid DESC&count=2";
    assert_eq!(
        export(request, "jsonl"),
        "{\"tid\":18446744073709551615,\"opened_by\":\"a&b\",\"custom_fields\":{\"Serial\":\"\"},\"subject\":\"\"}\n\
         {\"tid\":12,\"opened_by\":\"\",\"custom_fields\":{\"Serial\":\"X 1\"},\"subject\":\"\"}\n"
    );
    assert_eq!(
        export("fields=tid,status&status=open&format=csv", "csv"),
        "tid,status\r\n7,Open\r\n18446744073709551615,Open\r\n"
    );
    // Every variable is written as a ticket is by serde, but for names without a value.
    let lines = export("tid=12", "jsonl");
    let ticket: Ticket = serde_json::from_str(&lines).unwrap();
    let mut batch = Batch::new();
    batch.put(ticket.clone());
    let mut store = ticketdex::Store::default();
    store.commit(batch).unwrap();
    let whole = format!("{}\n", serde_json::to_string(&ticket).unwrap());
    assert_eq!(lines, whole);
    let to = missing("export_safe.csv");
    let arguments = ["export", "--data", &path, "--to", &to, "--csv-safe"];
    run_well(&arguments, b"");
    assert!(fs::read_to_string(to).unwrap().contains("\"'=1+1\n"));
}

#[test]
fn a_custom_field_that_no_ticket_has_is_told() {
    let path = file("export_custom.jsonl", TICKETS);
    let to = missing("export_custom_to.csv");
    let request = "fields=tid,custom_fields.Nope";
    let output = run(&["export", request, "--data", &path, "--to", &to], b"");
    assert!(output.status.success(), "{output:?}");
    let told = "no ticket has the custom field Nope, so it is empty everywhere; `ticketdex stats` names \
                those that are there\n";
    assert!(stderr(&output).ends_with(told), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_there_is_replaced_only_on_demand() {
    let own = store("export_there.redb", TICKETS);
    let to = file("export_there.csv", "precious");
    let arguments = ["export", "--store", &own, "--to", &to];
    let output = run(&arguments, b"");
    assert_eq!(output.status.code(), Some(1));
    let told = "it is there already; --force replaces it\n";
    assert!(stderr(&output).ends_with(told), "{}", stderr(&output));
    assert_eq!(fs::read(&to).unwrap(), b"precious");
    let forced = [&arguments[..], &["--force"]].concat();
    run_well(&forced, b"");
    assert!(fs::read(&to).unwrap().starts_with(b"tid,cid,"));
    // A bad request and bad data leave the file as it is.
    fs::write(&to, "precious").unwrap();
    let bad = file("export_there_bad.jsonl", "{\"tid\":0}\n");
    for arguments in [
        &[
            "export", "statsu=x", "--store", &own, "--to", &to, "--force",
        ][..],
        &["export", "--data", &bad, "--to", &to, "--force"],
        &["export", "--store", "no/such", "--to", &to, "--force"],
    ] {
        assert_eq!(run(arguments, b"").status.code(), Some(1), "{arguments:?}");
        assert_eq!(fs::read(&to).unwrap(), b"precious");
    }
    assert_eq!(left_beside(&to), [""; 0]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};

        // A link stays one, and permissions stay what they were.
        let link = missing("export_link.csv");
        symlink(&to, &link).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        run_well(&["export", "--store", &own, "--to", &link, "--force"], b"");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read(&to).unwrap().starts_with(b"tid,cid,"));
        assert_eq!(
            fs::metadata(&to).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn what_makes_no_sense_is_told_before_anything_is_read() {
    let own = store("export_usage.redb", TICKETS);
    let to = missing("export_usage.csv");
    let data = file("export_usage.jsonl", TICKETS);
    let named = missing("export_store.csv");
    fs::copy(&own, &named).unwrap();
    for (arguments, told) in [
        (&["--store", &own][..], "--to <FILE>"),
        (&["--to", &to], "export needs tickets"),
        (
            &["--store", &own, "--data", &data, "--to", &to],
            "cannot be used with",
        ),
        (
            &["--store", &own, "--to", "-"],
            "get writes to standard output",
        ),
        (
            &["--store", &own, "--to", "x.redb"],
            "tells no form of tickets",
        ),
        (
            &["--store", &own, "--to", "x.gz"],
            "tells no form of tickets",
        ),
        (
            &["--store", &own, "--to", &to, "count_only=Y"],
            "count_only=Y has no place",
        ),
        (
            &["--store", &own, "--to", &to, "format=xml"],
            "names another format",
        ),
        (
            &["--store", &own, "--to", "x.xml", "--csv-safe"],
            "--csv-safe is for CSV",
        ),
        (
            &["--store", &named, "--to", &named, "--force"],
            "is the store itself",
        ),
    ] {
        let output = run(&[&["export"], arguments].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
    assert!(!fs::exists(&to).unwrap());
    assert_eq!(fs::read(&named).unwrap(), fs::read(&own).unwrap());
    let output = run(&["export", "--store", &own, "--to", "no/such/x.csv"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no/such/x.csv: io: "),
        "{output:?}"
    );
    // A folder is no file that could be replaced.
    let folder = missing("export_folder.csv");
    fs::create_dir_all(&folder).unwrap();
    let output = run(
        &["export", "--store", &own, "--to", &folder, "--force"],
        b"",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("it is no file"), "{output:?}");
    fs::remove_dir(folder).unwrap();
}

/// Sends a signal to an export while it writes; returns how it ended, and what is left beside the file.
#[cfg(unix)]
fn kill(signal: &str, child: std::process::Child, to: &str) -> (std::process::Output, Vec<String>) {
    while left_beside(to).is_empty() && !fs::exists(to).unwrap() {
        thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args([signal, &id])
        .status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    (output, left_beside(to))
}

#[cfg(unix)]
#[test]
fn an_export_that_is_killed_leaves_no_half_file() {
    let lines = run_well(&["generate", "20000"], b"");
    let data = file("export_killed.jsonl", lines);
    let to = missing("export_killed_to.xml.zst");
    let arguments = ["export", "--data", &data, "--to", &to];
    let (output, left) = kill("-TERM", start(&arguments), &to);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = "a signal asked the command to end\n";
    assert!(stderr(&output).ends_with(told), "{}", stderr(&output));
    assert_eq!((left, fs::exists(&to).unwrap()), (Vec::new(), false));

    let (output, left) = kill("-KILL", start(&arguments), &to);
    assert_eq!((output.status.code(), left.len()), (None, 1));
    assert!(!fs::exists(&to).unwrap());
    for name in left {
        fs::remove_file(Path::new(&to).with_file_name(name)).unwrap();
    }
    fs::remove_file(data).unwrap();
}

/// What `nohup` starts ignores SIGHUP from the start, and goes on to.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_from_the_start_ends_nothing() {
    use std::process::{Command, Stdio};

    let lines = run_well(&["generate", "20000"], b"");
    let data = file("export_ignored.jsonl", lines);
    let to = missing("export_ignored_to.xml.zst");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP && exec \"$0\" \"$@\""]);
    shell.arg(env!("CARGO_BIN_EXE_ticketdex"));
    shell.args(["export", "--data", &data, "--to", &to]);
    let child = shell.stderr(Stdio::piped()).spawn().unwrap();
    let (output, left) = kill("-HUP", child, &to);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((left, fs::exists(&to).unwrap()), (Vec::new(), true));
    fs::remove_file(data).unwrap();
}
