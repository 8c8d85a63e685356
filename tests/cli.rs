//! The command `ticketdex`, run as a program: its inputs, its protocol, its exit statuses.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use common::command::{Reply, file, pipe, read_reply, run, run_well, start, stderr};
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketdex::Format;

/// Four tickets, with a custom field, dates and text that every form must escape.
const TICKETS: &str = r#"{"tid":7,"cid":"demo","status":"Open","subject":"50% off & <more>"}
{"tid":12,"status":"Closed","date_opened":"2014-02-01T10:42:43","custom_fields":{"Serial":"X 1"}}

{"tid":30,"status":"Open","opened_by":"a&b","summary":"zweite Zeile\nÜber \"alles\""}
{"tid":31,"status":"Hold","company_id":4}
"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn every_form_reads_the_same_with_every_compression() {
    let lines = file("forms.jsonl", TICKETS);
    let expected = run_well(&["get", "--data", &lines], b"");
    assert!(expected.starts_with(b"<?xml") && expected.len() > 4000);
    let body = |format| run_well(&["get", "--data", &lines, "--format", format], b"");
    for (extension, form, bytes) in [
        ("jsonl", "jsonl", TICKETS.as_bytes().to_vec()),
        ("ndjson", "JSONL", TICKETS.as_bytes().to_vec()),
        ("xml", "xml", body("xml")),
        ("json", "json", body("json")),
        ("txt", "delimited", body("delimited")),
        ("csv", "csv", body("csv")),
    ] {
        let packed = [
            ("", bytes.clone()),
            (".gz", gzip(&bytes)),
            (".zst", zstd(&bytes)),
        ];
        for (suffix, bytes) in packed {
            let path = file(&format!("forms_read.{extension}{suffix}"), &bytes);
            let read = run_well(&["get", "--data", &path], b"");
            assert_eq!(read, expected, "{path}");
            let read = run_well(&["get", "--data", "-", "--input", form], &bytes);
            assert_eq!(read, expected, "{path} as standard input");
            // A name that tells nothing leaves form and compression to be told otherwise.
            let path = file(&format!("forms_{form}{suffix}_unnamed"), &bytes);
            let read = run_well(&["get", "--data", &path, "--input", form], b"");
            assert_eq!(read, expected, "{path}");
        }
    }
}

/// `{"tid":1}` and `{"tid":2}`, each with a line feed, as the `zstd` tool packs them.
const ZSTD_FRAMES: [&[u8]; 2] = [
    b"\x28\xb5\x2f\xfd\x24\x0a\x51\x00\x00{\"tid\":1}\n\x8f\x4f\x17\x23",
    b"\x28\xb5\x2f\xfd\x24\x0a\x51\x00\x00{\"tid\":2}\n\x04\xd6\x57\xf1",
];

/// The same as the `gzip` tool packs them.
const GZIP_MEMBERS: [&[u8]; 2] = [
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\x2a\xc9\x4c\x51\xb2\x32\xac\xe5\x02\0\x8f\x62\x0f\x9f\x0a\0\0\0",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\x2a\xc9\x4c\x51\xb2\x32\xaa\xe5\x02\0\xd6\xdc\x49\x9d\x0a\0\0\0",
];

fn count(path: &str) -> String {
    let arguments = ["get", "count_only=y&format=delimited", "--data", path];
    String::from_utf8(run_well(&arguments, b"")).unwrap()
}

#[test]
fn frames_and_members_of_other_tools_are_joined() {
    let skipped: &[u8] = b"\x51\x2a\x4d\x18\x03\0\0\0abc";
    let frames = [skipped, ZSTD_FRAMES[0], skipped, ZSTD_FRAMES[1], skipped].concat();
    for (name, bytes) in [
        ("joined.jsonl.zst", frames.clone()),
        ("joined_unnamed.jsonl", frames),
        ("joined.jsonl.gz", GZIP_MEMBERS.concat()),
        (
            "padded.jsonl.gz",
            [&GZIP_MEMBERS.concat()[..], &[0; 700]].concat(),
        ),
        (
            "padded.jsonl.zst",
            [&ZSTD_FRAMES.concat()[..], &[0; 700]].concat(),
        ),
        ("gzip_in_name_of_zstd.jsonl.gz", ZSTD_FRAMES.concat()),
        (
            "zeros_between.jsonl.gz",
            [GZIP_MEMBERS[0], &[0; 512], GZIP_MEMBERS[1]].concat(),
        ),
    ] {
        assert_eq!(count(&file(name, bytes)), "count=2\n", "{name}");
    }
}

#[test]
fn broken_compression_is_bad_data() {
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 2;
        bytes
    };
    let cases = [
        ("cut.jsonl.zst", ZSTD_FRAMES[0][..20].to_vec()),
        ("cut_frame.jsonl.zst", ZSTD_FRAMES.concat()[..30].to_vec()),
        (
            "cut_skipped.jsonl.zst",
            b"\x51\x2a\x4d\x18\x03\0\0\0ab".to_vec(),
        ),
        // In the content, whose checksum then differs.
        ("flipped.jsonl.zst", flipped(ZSTD_FRAMES[0], 16)),
        ("not.jsonl.zst", b"{\"tid\":1}\n".to_vec()),
        ("cut.jsonl.gz", GZIP_MEMBERS[0][..24].to_vec()),
        ("flipped.jsonl.gz", flipped(GZIP_MEMBERS[0], 23)),
        ("not.jsonl.gz", b"{\"tid\":1}\n".to_vec()),
        (
            "after.jsonl.gz",
            [GZIP_MEMBERS[0], b"{\"tid\":2}\n"].concat(),
        ),
        ("empty.jsonl.gz", Vec::new()),
        (
            "after_zeros.jsonl.gz",
            [GZIP_MEMBERS[0], &[0; 9], b"x"].concat(),
        ),
    ];
    for (name, bytes) in cases {
        let path = file(name, bytes);
        for mode in [&[][..], &["--skip-bad"]] {
            let output = run(&[&["get", "--data", &path], mode].concat(), b"");
            assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
            assert!(output.stdout.is_empty(), "{name}");
            let expected = format!("ticketdex: {path}: io: ");
            assert!(stderr(&output).starts_with(&expected), "{output:?}");
        }
    }
}

#[test]
fn files_load_in_turn_and_later_tickets_replace() {
    let first = file("turn_1.jsonl", TICKETS);
    let second = file(
        "turn_2.jsonl",
        "{\"tid\":12,\"status\":\"Open\"}\n{\"tid\":40}",
    );
    let ask = |request, files: [&str; 2]| {
        let arguments = ["get", request, "--data", files[0], "--data", files[1]];
        let output = run(&arguments, b"");
        assert!(output.status.success(), "{output:?}");
        let line = stderr(&output).to_owned();
        line.strip_prefix("ticketdex: 5 tickets, loaded in ")
            .and_then(|rest| {
                Some(
                    rest.split_once("; ")?
                        .1
                        .split_once(" matched")?
                        .0
                        .to_owned(),
                )
            })
            .unwrap_or_else(|| panic!("{line}"))
    };
    assert_eq!(ask("status=open", [&first, &second]), "3");
    assert_eq!(ask("status=open", [&second, &first]), "2");
    assert_eq!(ask("status=closed", [&second, &first]), "1");
}

#[test]
fn the_format_of_a_request_wins() {
    let path = file("wins.jsonl", TICKETS);
    for (arguments, request, start) in [
        (&[][..], "tid=7", "<?xml"),
        (&["--format", "json"], "tid=7", "{"),
        (&["--format", "JSON"], "tid=7&format=delimited", "tid=7&"),
        (&["--format", "delimited"], "?format=xml&tid=7", "<?xml"),
    ] {
        let tail = [&["--data", &path], arguments].concat();
        let body = run_well(&[&["get", request], &*tail].concat(), b"");
        assert!(body.starts_with(start.as_bytes()), "{request}");
        let replies = pipe(&tail, request.as_bytes());
        assert_eq!(replies, [Reply::Ok { total: 1, body }], "{request}");
    }
}

#[test]
fn pipe_answers_every_shared_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared_cases");
    let tickets = folder.join("tickets.jsonl").into_os_string();
    let tickets = tickets.into_string().unwrap();
    let cases = fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let cases: Vec<Value> = cases
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for format in Format::ALL.map(Format::name) {
        // A bad request has no format of its own here, so each is sent to every pipe.
        let cases: Vec<&Value> = cases
            .iter()
            .filter(|case| case["error"] == true || case["format"] == format)
            .collect();
        let mut input = String::new();
        for case in &cases {
            writeln!(input, "{}\r", case["request"].as_str().unwrap()).unwrap();
        }
        let replies = pipe(&["--data", &tickets, "--format", format], input.as_bytes());
        assert_eq!(replies.len(), cases.len());
        for (case, reply) in cases.into_iter().zip(replies) {
            check_case(case, &reply);
        }
    }
}

fn check_case(case: &Value, reply: &Reply) {
    match reply {
        Reply::Error { .. } => assert_eq!(case["error"], true, "{case}"),
        Reply::Ok { total, body } => {
            assert_eq!(case["total"], *total, "{case}");
            assert_eq!(case["bytes"], body.len(), "{case}");
            let mut digest = String::new();
            for byte in Sha256::digest(body) {
                write!(digest, "{byte:02x}").unwrap();
            }
            assert_eq!(case["sha256"], digest, "{case}");
        }
    }
}

#[test]
fn pipe_reads_lines_as_they_are() {
    let path = file("lines.jsonl", TICKETS);
    let long = format!("{}status=open", "&".repeat(3 << 20));
    let lines: [(&[u8], Result<u64, &str>); 10] = [
        (b"", Ok(4)),
        (b"\r", Ok(4)),
        (b"status=Open\r", Ok(2)),
        (b"status=Open\r\r", Ok(0)),
        (b"tid=*&count=1&page=3", Ok(4)),
        (b"count_only=Y&status=Hold", Ok(1)),
        (b"keyword=%FF\xFF", Ok(0)),
        (b"\xFF=1", Err("unknown_variable")),
        (b"count=0", Err("invalid_value")),
        (long.as_bytes(), Ok(2)),
    ];
    // The last line has no end.
    let input = lines.map(|(line, _)| line).join(&b'\n');
    let replies = pipe(&["--data", &path], &input);
    assert_eq!(replies.len(), lines.len());
    for ((line, expected), reply) in lines.into_iter().zip(&replies) {
        let outcome = match reply {
            Reply::Ok { total, .. } => Ok(*total),
            Reply::Error { code, .. } => Err(code.as_str()),
        };
        let line = String::from_utf8_lossy(&line[..line.len().min(40)]);
        assert_eq!(outcome, expected, "{line:?}");
    }
    let everything = run_well(&["get", "--data", &path], b"");
    for reply in &replies[..2] {
        assert!(matches!(reply, Reply::Ok { body, .. } if *body == everything));
    }
    let Reply::Error { body, .. } = &replies[7] else {
        panic!("{:?}", replies[7]);
    };
    let body = String::from_utf8_lossy(body);
    assert!(body.contains("unknown variable \"\u{FFFD}\""), "{body}");
}

#[test]
fn pipe_refuses_in_the_format_in_force() {
    let path = file("refuses.jsonl", TICKETS);
    for (line, start) in [
        ("count=x", "error=invalid_value&message=count+is+%22x%22"),
        (
            "count=x&format=json",
            "{\n\t\"error\" : {\n\t\t\"code\" : \"invalid_value\"",
        ),
        ("Format=XML&count=x", "<?xml version=\"1.0\"?>\n<error>\n"),
        (
            "format=xml&format=json",
            "<?xml version=\"1.0\"?>\n<error>\n",
        ),
        ("format=yaml", "error=invalid_value&message=format+is"),
        ("page=1", "error=page_needs_count&"),
    ] {
        let replies = pipe(&["--data", &path, "--format", "delimited"], line.as_bytes());
        let [Reply::Error { code, body }] = replies.as_slice() else {
            panic!("{line}: {replies:?}");
        };
        let body = String::from_utf8_lossy(body);
        assert!(
            body.starts_with(start) && body.contains(code),
            "{line}: {body}"
        );
        assert!(body.ends_with('\n'), "{line}: {body}");
    }
}

#[test]
fn pipe_answers_each_line_before_the_next_comes() {
    let path = file("flushes.jsonl", TICKETS);
    let mut child = start(&["pipe", "--data", &path, "--format", "delimited"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for line in ["tid=7\n", "bad\n", "status=none\n", "\n"] {
        stdin.write_all(line.as_bytes()).unwrap();
        let reply = read_reply(&mut stdout).unwrap();
        let (total, is_empty) = match reply {
            Reply::Ok { total, body } => (Some(total), body.is_empty()),
            Reply::Error { body, .. } => (None, body.is_empty()),
        };
        let expected = match line {
            "tid=7\n" => (Some(1), false),
            "bad\n" => (None, false),
            // No tickets are no bytes at all in this format.
            "status=none\n" => (Some(0), true),
            _ => (Some(4), false),
        };
        assert_eq!((total, is_empty), expected, "{line:?}");
    }
    drop(stdin);
    assert!(read_reply(&mut stdout).is_none());
    assert!(child.wait().unwrap().success());
}

/// Tickets whose responses have some 48 MiB, at half the size.
fn long_tickets() -> Vec<u8> {
    // Written as `%0A`, so a response is three times what the ticket holds.
    let summary = "\\n".repeat(1 << 20);
    let mut lines = String::new();
    for tid in 1..=16 {
        writeln!(lines, "{{\"tid\":{tid},\"summary\":\"{summary}\"}}").unwrap();
    }
    lines.into_bytes()
}

#[test]
fn a_long_body_is_whole() {
    let path = file("long.jsonl", long_tickets());
    let requests = b"tid=1\nformat=json\ncount=5\ncount=6\ntid=16";
    let replies = pipe(&["--data", &path], requests);
    let lengths: Vec<usize> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Ok { body, .. } => body.len() >> 20,
            Reply::Error { .. } => 0,
        })
        .collect();
    // On both sides of the 16 MiB that are held.
    assert_eq!(lengths, [3, 48, 15, 18, 3]);
    for (request, reply) in ["tid=1", "format=json", "count=5", "count=6"]
        .into_iter()
        .zip(replies)
    {
        let expected = run_well(&["get", request, "--data", &path], b"");
        assert!(
            matches!(reply, Reply::Ok { body, .. } if body == expected),
            "{request}"
        );
    }
    fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_long_body_is_not_held() {
    let path = file("not_held.jsonl", long_tickets());
    let mut child = start(&["pipe", "--data", &path]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let status = format!("/proc/{}/status", child.id());
    // The resident bytes now: the greatest ever would be those of the load.
    let mut resident_kib = |request: &str| {
        stdin.write_all(request.as_bytes()).unwrap();
        let mut header = String::new();
        stdout.read_line(&mut header).unwrap();
        let bytes: u64 = header.split(' ').nth(1).unwrap().parse().unwrap();
        // With the body under way and more than a pipe can hold still to come.
        io::copy(&mut stdout.by_ref().take(bytes / 2), &mut io::sink()).unwrap();
        let text = fs::read_to_string(&status).unwrap();
        io::copy(
            &mut stdout.by_ref().take(bytes - bytes / 2),
            &mut io::sink(),
        )
        .unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib = line.split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap()
    };
    let before = resident_kib("tid=1\n");
    let during = resident_kib("\n");
    assert!(
        during < before + (20 << 10),
        "{before} KiB before, {during} KiB during"
    );
    drop(stdin);
    assert!(child.wait().unwrap().success());
    fs::remove_file(path).unwrap();
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let path = file("goes.jsonl", long_tickets());
    for arguments in [
        &["get", "--data", &path][..],
        &["get", "--data", &path, "--explain"],
        &["pipe", "--data", &path],
        &["generate", "1000000000"],
    ] {
        let mut child = start(arguments);
        let mut stdout = child.stdout.take().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Only one of them reads it.
        let _ = stdin.write_all(b"tid=1\ntid=2\n");
        stdout.read_exact(&mut [0; 100]).unwrap();
        drop(stdout);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        let said: Vec<&str> = stderr(&output).lines().collect();
        let expected = usize::from(arguments[0] == "pipe");
        assert_eq!(said.len(), expected, "{arguments:?}: {said:?}");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn exit_statuses_tell_bad_data_from_wrong_usage() {
    let good = file("status.jsonl", TICKETS);
    let bad = file("status_bad.jsonl", "{\"tid\":1}\n{\"tid\":\"\\u001b\"}\n");
    let unnamed = file("status.dat", "a,b\n");
    for (arguments, status, message) in [
        (
            &["get", "tid=7", "--data", &good][..],
            0,
            "ticketdex: 4 tickets, loaded in ",
        ),
        (
            &["get", "count=x", "--data", &good],
            1,
            "ticketdex: the request: invalid_value: count is \"x\"",
        ),
        (
            &["get", "page=1", "--data", &good],
            1,
            "ticketdex: the request: page_needs_count: ",
        ),
        (
            &["get", "--data", &bad],
            1,
            "status_bad.jsonl: invalid_value: line 2, column 15, record 2: tid is \"\\u{1b}\" but",
        ),
        (
            &["pipe", "--data", &bad],
            1,
            "status_bad.jsonl: invalid_value: line 2, ",
        ),
        (
            &["get", "--data", "no/such.jsonl"],
            1,
            "ticketdex: no/such.jsonl is not there: io: ",
        ),
        (
            &["get", "--data", &good, "--data", &bad],
            1,
            "status_bad.jsonl: invalid_value: ",
        ),
        (&["get", "--data", &unnamed], 2, "--input"),
        (&["get", "--data", "-"], 2, "--input"),
        (
            &["get", "--data", "-", "--data", "-", "--input", "xml"],
            2,
            "once",
        ),
        (
            &["get", "--data", &good, "--input", "yaml"],
            2,
            "jsonl, xml, json, delimited and csv",
        ),
        (
            &["get", "--data", &good, "--format", "yaml"],
            2,
            "xml, json, delimited and csv",
        ),
        (&["get", "--no-such"], 2, "--no-such"),
        (&["get", "tid=7", "tid=8"], 2, "tid=8"),
        (
            &["pipe", "--data", "-", "--input", "xml"],
            2,
            "standard input",
        ),
        (&["pipe", "tid=7"], 2, "tid=7"),
        (&["count", "--top", "x"], 2, "it is a whole number"),
        (&["generate", "1", "--seed", "-"], 2, "it is a whole number"),
        (&["no-such"], 2, "no-such"),
        (&[], 2, "Usage"),
    ] {
        let output = run(arguments, b"");
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {output:?}"
        );
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {output:?}"
        );
        assert_eq!(output.stdout.is_empty(), status != 0, "{arguments:?}");
    }
}

#[test]
fn get_tells_how_to_ask_for_what_follows_and_precedes() {
    let path = file("follow.jsonl", TICKETS);
    let ask = |request: &str| {
        let request = format!("{request}&order=tid DESC&fields=tid&format=csv");
        let output = run(&["get", &request, "--data", &path], b"");
        assert!(output.status.success(), "{output:?}");
        let place = |told: &str| {
            let told = format!("ticketdex: more {told}: ");
            let mut lines = stderr(&output).lines();
            lines.find_map(|line| line.strip_prefix(&*told).map(str::to_owned))
        };
        let (next, previous) = (place("follow"), place("precede"));
        (String::from_utf8(output.stdout).unwrap(), next, previous)
    };
    let (all, next, previous) = ask("");
    assert_eq!((next, previous), (None, None));
    let (mut pages, mut next, previous) = ask("count=1");
    assert_eq!(previous, None);
    let mut lasts = vec![pages.clone()];
    while let Some(after) = next {
        let (page, later, previous) = ask(&format!("count=1&{after}"));
        // The page before is what precedes this one.
        let (before, ..) = ask(&format!("count=1&{}", previous.unwrap()));
        assert_eq!(Some(&before), lasts.last());
        pages += page.strip_prefix("tid\r\n").unwrap();
        lasts.push(page);
        next = later;
    }
    assert_eq!(pages, all);
    assert!(lasts.len() > 2);
}

#[test]
fn bad_records_are_skipped_and_counted_on_demand() {
    let path = file(
        "skip.jsonl",
        format!("{{\"tid\":0}}\n{TICKETS}[]\n{{\"tid\":9,\"x\":1}}\n"),
    );
    let output = run(&["get", "tid=*", "--data", &path, "--skip-bad"], b"");
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = stderr(&output).lines().collect();
    let [reasons @ .., skipped, summary] = &lines[..] else {
        panic!("{lines:?}");
    };
    for (reason, code) in [
        "invalid_ticket: line 1, column 1, record 1: ",
        "invalid_value: line 7, column 2, record 6: ",
        "unknown_variable: line 8, column 12, record 7, ticket 9: ",
    ]
    .iter()
    .zip(reasons)
    .map(|(code, reason)| (reason, code))
    {
        let start = format!("ticketdex: {path}: skipped: {code}");
        assert!(reason.starts_with(&start), "{reason}");
    }
    assert_eq!(reasons.len(), 3);
    assert_eq!(
        *skipped,
        format!("ticketdex: {path}: 3 bad records skipped")
    );
    assert!(
        summary.starts_with("ticketdex: 4 tickets, loaded in "),
        "{summary}"
    );
}

#[test]
fn one_of_a_thing_is_told_as_one() {
    let path = file("one.jsonl", "{\"tid\":1}\nno\n");
    let output = run(&["get", "--data", &path, "--skip-bad"], b"");
    let said = stderr(&output);
    let line = format!("\nticketdex: {path}: 1 bad record skipped\n");
    assert!(said.contains(&line), "{said}");
    assert!(said.contains("\nticketdex: 1 ticket, loaded in "), "{said}");
}

#[test]
fn explain_tells_the_plan_and_the_work() {
    let path = file("explain.jsonl", TICKETS);
    let arguments = ["get", "status=open&order=cid", "--data", &path, "--explain"];
    let output = run(&arguments, b"");
    let said = stderr(&output);
    let (summary, plan) = said.split_once('\n').unwrap();
    assert!(summary.contains("; 2 matched, answered in "), "{said}");
    assert!(plan.contains("filter status: "), "{said}");
    assert!(plan.contains("order by "), "{said}");
    let bytes = format!("{} bytes written\n", output.stdout.len());
    assert!(plan.ends_with(&bytes), "{said}");
}

#[test]
fn generated_tickets_load() {
    let lines = run_well(&["generate", "700"], b"");
    assert_eq!(run_well(&["generate", "700"], b""), lines);
    assert_ne!(run_well(&["generate", "700", "--seed", "9"], b""), lines);
    // Fewer tickets are the first of more.
    let fewer = run_well(&["generate", "300"], b"");
    assert!(lines.starts_with(&fewer));
    assert_eq!(run_well(&["generate", "0"], b""), b"");

    let ticket: Value = serde_json::from_slice(lines.split(|&byte| byte == b'\n').next().unwrap())
        .expect("a line is a JSON object");
    assert!(ticket["tid"].as_u64().is_some());
    let arguments = ["get", "count_only=y", "--data", "-", "--input", "jsonl"];
    let body = run_well(&arguments, &lines);
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("<count>700</count>")
    );
    assert_eq!(run(&["generate", "x"], b"").status.code(), Some(2));
    assert_eq!(run(&["generate"], b"").status.code(), Some(2));
}

#[test]
fn a_world_is_generated_by_its_name() {
    let desk = run_well(&["generate", "20"], b"");
    assert_eq!(run_well(&["generate", "20", "--world", "desk"], b""), desk);
    for world in ticketdex::synth::World::ALL {
        let lines = run_well(&["generate", "20", "--world", world.name()], b"");
        let mut expected = Vec::new();
        for ticket in world.tickets(1).take(20) {
            serde_json::to_writer(&mut expected, &ticket).unwrap();
            expected.push(b'\n');
        }
        assert!(lines == expected, "{world}");
    }
    let output = run(&["generate", "20", "--world", "moon"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("alarms or churn"), "{output:?}");
}

#[test]
fn without_data_there_are_100_000_tickets() {
    let output = run(&["get", "count=1&format=delimited"], b"");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"tid="), "{output:?}");
    let start = "ticketdex: neither --data nor --store names tickets, so they are made up\n\
                 ticketdex: 100000 tickets, loaded in ";
    assert!(stderr(&output).starts_with(start), "{output:?}");
}

/// A list is followed by the cursors of the headers, forth and back.
#[test]
fn pipe_gives_the_cursors_of_what_comes_next_and_before() {
    let path = file(
        "tickets.jsonl",
        b"{\"tid\":1}\n{\"tid\":2}\n{\"tid\":3}\n{\"tid\":4}\n",
    );
    let mut child = start(&["pipe", "--data", &path, "--format", "delimited"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |request: &str| {
        writeln!(input, "{request}").unwrap();
        let mut header = String::new();
        output.read_line(&mut header).unwrap();
        let words: Vec<String> = header.split_whitespace().map(str::to_owned).collect();
        let mut body = vec![0; words[1].parse().unwrap()];
        output.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        (
            words[5].clone(),
            words[6].clone(),
            words[7].clone(),
            body.lines().count(),
        )
    };
    let request = "fields=tid&order=tid DESC&count=2";
    let (version, next, previous, count) = ask(request);
    assert_eq!((version.as_str(), previous.as_str(), count), ("1", "-", 2));
    let (_, end, back, count) = ask(&format!("{request}&after={next}"));
    assert_eq!((end.as_str(), count), ("-", 2));
    let (_, again, start, _) = ask(&format!("{request}&before={back}"));
    assert_eq!((again, start.as_str()), (next, "-"));
    let (version, next, previous, _) = ask("del 4");
    assert_eq!([version, next, previous], ["2", "-", "-"]);
    let (version, ..) = ask(request);
    assert_eq!(version, "2");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn help_tells_the_protocol() {
    let help = run_well(&["pipe", "--help"], b"");
    let help = String::from_utf8(help).unwrap();
    for word in [
        "ok BYTES TOTAL ANSWER_NS WRITE_NS VERSION NEXT PREVIOUS",
        "error BYTES CODE",
        "16 MiB",
        "U+FFFD",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

/// What cannot be read is named, and the system's own words follow.
#[test]
fn a_file_that_is_not_there_is_told_in_the_words_of_the_system() {
    let path = file("not_there.jsonl", "");
    std::fs::remove_file(&path).unwrap();
    let output = run(&["get", "--data", &path], b"");
    let cause = std::fs::read(&path).unwrap_err();
    assert_eq!(output.status.code(), Some(1));
    let told = format!("ticketdex: {path} is not there: io: {cause}\n");
    assert_eq!(stderr(&output), told);
}
