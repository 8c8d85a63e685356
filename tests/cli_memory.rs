//! What the command holds: memory of tickets that are gone goes while it waits for a line.
//!
//! What is resident is told by the system, so these tests say nothing elsewhere. They fix the
//! threshold up to which glibc keeps what was freed, since that is not what they are about.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::command::{Reply, file, read_reply, run_well};

const TICKETS_COUNT: usize = 40_000;

/// Starts `pipe` over files, with an allocator that keeps little.
fn start_pipe(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ticketdex"))
        .arg("pipe")
        .args(arguments)
        .env("MALLOC_TRIM_THRESHOLD_", "131072")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Returns a number of a process's status: `VmRSS` is what is resident, in KiB.
fn status(child: &Child, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Waits until a process has no thread but its first.
fn wait_for_threads(child: &Child) {
    let start = Instant::now();
    while status(child, "Threads:") > 1 {
        assert!(start.elapsed() < Duration::from_mins(1), "a thread runs on");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_merge_is_installed_while_pipe_waits_for_a_line() {
    let lines = run_well(&["generate", &TICKETS_COUNT.to_string()], b"");
    let path = file("memory.jsonl", &lines);
    let tids = lines.split(|&byte| byte == b'\n').filter_map(|line| {
        let ticket: serde_json::Value = serde_json::from_slice(line).ok()?;
        ticket["tid"].as_u64()
    });
    let tids: Vec<u64> = tids.collect();
    assert_eq!(tids.len(), TICKETS_COUNT);

    let mut child = start_pipe(&["--data", &path]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |lines: &[u8], count: usize| {
        thread::scope(|scope| {
            scope.spawn(|| stdin.write_all(lines).unwrap());
            let replies = (0..count).map(|_| read_reply(&mut stdout).unwrap());
            replies.last().unwrap()
        })
    };
    let count = |reply: &Reply| match reply {
        Reply::Ok { total, .. } => *total,
        Reply::Error { code, .. } => panic!("{code}"),
    };
    assert_eq!(
        count(&ask(b"count_only=Y\n", 1)),
        TICKETS_COUNT as u64,
        "loaded"
    );
    let loaded = status(&child, "VmRSS:");

    // Most are dead, so a merge is due; the lines after it are none that change anything.
    let removed = &tids[..=TICKETS_COUNT / 2];
    let removals: Vec<String> = removed.iter().map(|tid| format!("del {tid}\n")).collect();
    let left = count(&ask(removals.concat().as_bytes(), removals.len()));
    assert_eq!(left, (TICKETS_COUNT - removed.len()) as u64);
    // The thread of the merge was started before the reply, and ends with it.
    wait_for_threads(&child);
    let kib = status(&child, "VmRSS:");
    println!("{loaded} KiB are resident with all tickets, {kib} with half of them");
    assert!(
        kib < loaded,
        "{kib} KiB of {loaded} are resident though half of the tickets are gone"
    );
    assert_eq!(count(&ask(b"count_only=Y\n", 1)), left);

    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn packed_texts_change_the_memory_and_no_answer() {
    let lines = run_well(&["generate", "4000"], b"");
    let path = file("compact.jsonl", &lines);
    let ask = |command: &[&str]| {
        let plain = run_well(&[command, &["--data", &path]].concat(), b"");
        let compact = run_well(&[command, &["--data", &path, "--compact"]].concat(), b"");
        (plain, compact)
    };
    for request in ["status=open&order=summary", "fields=subject,summary"] {
        let (plain, compact) = ask(&["get", request]);
        assert!(plain.len() > 100_000 && plain == compact, "{request}");
    }
    let (plain, compact) = ask(&["stats"]);
    let row = |text: &[u8], name: &str| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let row = text.lines().find(|line| line.starts_with(name));
        row.unwrap().to_owned()
    };
    assert!(!row(&plain, "summary").contains(" for "));
    assert!(row(&compact, "summary").contains(" KiB for 1."));
    // Subjects are few, so they stay as they are.
    assert!(!row(&compact, "subject").contains(" for "));
}
