//! No limit of the system ends the command in a panic or without a word: a limit that is met is a
//! message and status 1, a store stays readable, and what can be done with less is done.
//!
//! Limits are set by `prlimit`, and the number of processes binds only a user who is not root, whom
//! `setpriv` makes. Where these tools or rights are missing, the test says so and tries the rest.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

const TICKETS: usize = 1000;

/// A folder with tickets and a store of them, in which any user may write.
struct Folder {
    path: PathBuf,
    program: PathBuf,
    lines: String,
    store: String,
}

impl Folder {
    fn new(name: &str) -> Folder {
        // A user who is not root may not see the folder of the build.
        let path = std::env::temp_dir().join(format!("ticketdex-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let program = path.join("ticketdex");
        // Copied by another process: a file that a process has open to write cannot be run, and each
        // process that is started meanwhile has it open for a moment.
        let mut copy = Command::new("cp");
        let copied = copy.arg(env!("CARGO_BIN_EXE_ticketdex")).arg(&program);
        assert!(copied.status().unwrap().success());
        let lines = path.join("tickets.jsonl").to_str().unwrap().to_owned();
        let line = |tid| {
            format!(
                "{{\"tid\":{tid},\"summary\":\"{}\"}}\n",
                "words and words ".repeat(40)
            )
        };
        fs::write(&lines, (1..=TICKETS).map(line).collect::<String>()).unwrap();
        let store = path.join("tickets.redb").to_str().unwrap().to_owned();
        let folder = Folder {
            path,
            program,
            lines,
            store,
        };
        let made = folder.run(
            &[],
            &["import", &folder.lines, "--store", &folder.store],
            "",
        );
        assert!(made.status.success(), "{made:?}");
        fs::set_permissions(&folder.store, fs::Permissions::from_mode(0o666)).unwrap();
        folder
    }

    /// Runs the command behind another that sets a limit.
    fn run(&self, limit: &[&str], arguments: &[&str], input: &str) -> Output {
        let program = self.program.to_str().unwrap();
        let whole: Vec<&str> = limit.iter().copied().chain([program]).collect();
        let mut child = Command::new(whole[0])
            .args(&whole[1..])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
        // A command that ends early closes its end, which is no concern here.
        let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    fn count(&self) -> String {
        let arguments = [
            "get",
            "count_only=Y",
            "--format",
            "delimited",
            "--store",
            &self.store,
        ];
        let output = self.run(&[], &arguments, "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn has(tool: &str) -> bool {
    let output = Command::new(tool).arg("--version").output();
    let has = output.is_ok_and(|output| output.status.success());
    if !has {
        println!("!!!!!! NOT RUN: limits that need {tool}, which is not there");
    }
    has
}

/// What a command shall come to under a limit.
enum Expected {
    Well,
    /// Status 1, and a message with this in it.
    Fails(&'static str),
    /// One or the other: how much is needed depends on the machine.
    Either,
}

use Expected::{Either, Fails, Well};

#[test]
fn a_limit_that_is_met_is_a_message_and_status_1() {
    if !has("prlimit") {
        return;
    }
    let folder = Folder::new("limits");
    let new = folder.path.join("new.redb").to_str().unwrap().to_owned();
    let get = ["get", "count_only=Y", "--store", &folder.store];
    let load = ["get", "count_only=Y", "--data", &folder.lines];
    let import = ["import", &folder.lines, "--store", &new];
    let pipe = ["pipe", "--store", &folder.store];
    let to = folder.path.join("out.csv.gz").to_str().unwrap().to_owned();
    let export = ["export", "--store", &folder.store, "--force", "--to", &to];
    let remove = ["remove", "tid=1", "--store", &folder.store, "--yes"];
    let stats = ["stats", "--store", &folder.store];
    let text = "long ".repeat(3 << 20);
    let large = folder.path.join("large.jsonl").to_str().unwrap().to_owned();
    fs::write(&large, format!("{{\"tid\":1,\"summary\":\"{text}\"}}\n")).unwrap();
    let large = ["get", "count_only=Y", "--data", &large];
    let change = |tid| format!("patch {{\"tid\":{tid},\"summary\":\"changed {tid}\"}}\n");
    let changes: String = (1..=TICKETS).map(change).collect();
    let mut users: Vec<Vec<&str>> = vec![vec![]];
    if has("setpriv") {
        let plain = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        let probe = Command::new(plain[0])
            .args(&plain[1..])
            .arg("true")
            .status();
        if probe.is_ok_and(|status| status.success()) {
            users.push(plain.to_vec());
        } else {
            println!("!!!!!! NOT RUN: a limit of processes, which binds no root");
        }
    }
    let rows: &[(&str, &[&str], &str, Expected)] = &[
        // No thread can be started: all is done on one.
        ("--nproc=1", &get, "", Well),
        ("--nproc=1", &load, "", Well),
        ("--nproc=1", &import, "", Well),
        ("--nproc=1", &pipe, &changes, Well),
        ("RUST_MIN_STACK=1000000000000000", &get, "", Well),
        ("RUST_MIN_STACK=1000000000000000", &load, "", Well),
        ("RUST_MIN_STACK=1000000000000000", &import, "", Well),
        ("RUST_MIN_STACK=1000000000000000", &pipe, &changes, Well),
        // No file may grow.
        ("--fsize=0", &get, "", Well),
        ("--fsize=0", &load, "", Well),
        (
            "--fsize=4096",
            &import,
            "",
            Fails("new.redb: the store cannot be made"),
        ),
        (
            "--fsize=200000",
            &import,
            "",
            Fails("new.redb: the commit cannot be written"),
        ),
        ("--fsize=0", &export, "", Fails("out.csv.gz: io: ")),
        (
            "--fsize=0",
            &remove,
            "",
            Fails("of which nothing was removed"),
        ),
        ("--nproc=1", &export, "", Well),
        // Few files may be open.
        ("--nofile=4", &export, "", Fails(": ")),
        ("--nofile=4", &load, "", Either),
        ("--nofile=4", &get, "", Fails("tickets.redb: ")),
        ("--nofile=4", &import, "", Fails("new.redb: ")),
        ("--nofile=5", &import, "", Either),
        // Little memory may be taken.
        ("--as=20000000", &load, "", Either),
        ("--as=40000000", &large, "", Fails("memory allocation of ")),
        ("--as=14000000", &get, "", Either),
        ("--as=25000000", &import, "", Either),
        ("--as=14000000", &export, "", Either),
        ("--as=14000000", &stats, "", Either),
        ("--as=100000000", &pipe, &changes, Either),
    ];
    for user in &users {
        for row in rows {
            let _ = fs::remove_file(&new);
            check_limit(&folder, user, row);
            if Path::new(&new).exists() {
                let output = folder.run(&[], &["get", "count_only=Y", "--store", &new], "");
                assert!(output.status.success(), "{}: {output:?}", row.0);
            }
        }
    }
}

/// Runs a command under a limit, as a user; the store is there afterwards, whole and alone.
fn check_limit(
    folder: &Folder,
    user: &[&str],
    (limit, arguments, input, expected): &(&str, &[&str], &str, Expected),
) {
    let tool = if limit.starts_with("--") {
        "prlimit"
    } else {
        "env"
    };
    let limited: Vec<&str> = user.iter().copied().chain([tool, limit]).collect();
    let output = folder.run(&limited, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    let about = format!("{limit} {arguments:?}: {:?}: {said}", output.status);
    assert!(!said.contains("panicked"), "{about}");
    match (output.status.code(), expected) {
        (Some(0), Well | Either) => {}
        (Some(1), Fails(message)) => assert!(said.contains(message), "{about}"),
        (Some(1), Either) => {
            let is_told = said.contains("ticketdex: ") || said.contains("memory allocation");
            assert!(is_told, "{about}");
        }
        _ => panic!("{about}"),
    }
    assert_eq!(folder.count(), format!("count={TICKETS}\n"), "{about}");
    let left = fs::read_dir(&folder.path).unwrap().flatten();
    let left = left.filter(|it| it.file_name().to_string_lossy().contains(".new-"));
    assert_eq!(left.count(), 0, "{about}");
}

#[test]
fn a_closed_stream_ends_nothing_in_a_panic() {
    let folder = Folder::new("streams");
    let shell = |script: &str| {
        let script = format!("exec \"$0\" \"$@\" {script}");
        ["sh".to_owned(), "-c".to_owned(), script]
    };
    for (script, arguments, status) in [
        (
            "2>&-",
            vec!["get", "count_only=Y", "--store", &folder.store],
            0,
        ),
        ("2>&-", vec!["get", "statsu=x", "--store", &folder.store], 1),
        ("2>&-", vec!["get", "--data", "no/such.jsonl"], 1),
        ("<&-", vec!["pipe", "--store", &folder.store], 0),
        ("<&-", vec!["get", "--data", "-", "--input", "jsonl"], 0),
        (">/dev/full", vec!["get", "--store", &folder.store], 1),
        (">/dev/full", vec!["get", "--help"], 1),
        (
            ">/dev/full",
            vec!["get", "--table", "--store", &folder.store],
            1,
        ),
        (">/dev/full", vec!["stats", "--store", &folder.store], 1),
        (
            "<&- 2>&-",
            vec!["remove", "tid=1", "--store", &folder.store],
            1,
        ),
        (">&-", vec!["--version"], 0),
        (
            "2>/dev/full",
            vec!["get", "count_only=Y", "--store", &folder.store],
            0,
        ),
        (
            ">&- 2>&-",
            vec!["get", "count_only=Y", "--store", &folder.store],
            0,
        ),
    ] {
        let [sh, c, script] = shell(script);
        let output = folder.run(&[&sh, &c, &script], &arguments, "");
        assert_eq!(
            output.status.code(),
            Some(status),
            "{script} {arguments:?}: {output:?}"
        );
    }
}

#[test]
fn a_store_that_may_only_be_read_is_shown_and_exported() {
    let folder = Folder::new("read-only");
    fs::set_permissions(&folder.store, fs::Permissions::from_mode(0o444)).unwrap();
    let user = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let probe = Command::new(user[0]).args(&user[1..]).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("!!!!!! NOT RUN: a store that may only be read, which binds no root");
        return;
    }
    let to = folder.path.join("out.jsonl").to_str().unwrap().to_owned();
    for (arguments, expected) in [
        (&["get", "--table", "--store", &folder.store][..], Some(0)),
        (&["stats", "--store", &folder.store], Some(0)),
        (&["export", "--store", &folder.store, "--to", &to], Some(0)),
        (
            &["remove", "tid=1", "--store", &folder.store, "--yes"],
            Some(1),
        ),
    ] {
        let output = folder.run(&user, arguments, "");
        assert_eq!(output.status.code(), expected, "{arguments:?}: {output:?}");
    }
    let exported = fs::read_to_string(&to).unwrap();
    assert_eq!(exported.lines().count(), TICKETS);
    assert_eq!(folder.count(), format!("count={TICKETS}\n"));
}

#[test]
fn a_disk_that_fills_up_keeps_what_was_answered() {
    let folder = Folder::new("full");
    let disk = folder.path.join("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m,mode=777", "tmpfs"])
        .arg(&disk)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("!!!!!! NOT RUN: a disk that fills up, which takes a right to mount one");
        return;
    }
    let store = disk.join("tickets.redb").to_str().unwrap().to_owned();
    let empty = folder.run(
        &[],
        &["import", "-", "--input", "jsonl", "--store", &store],
        "",
    );
    assert!(empty.status.success(), "{empty:?}");
    // More than there is room for, with merges on the way.
    let mut seed = 1_u64;
    let mut put = |tid| {
        let words = (0..150).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{seed:016x} ")
        });
        let summary: String = words.collect();
        format!("put {{\"tid\":{tid},\"summary\":\"{summary}\"}}\n")
    };
    let mut input: String = (1..=4000).map(&mut put).collect();
    input += "count_only=Y&format=delimited\n";
    let output = folder.run(&[], &["pipe", "--store", &store], &input);
    let said = String::from_utf8_lossy(&output.stdout);
    let written = said
        .lines()
        .filter(|line| line.starts_with("ok 0 "))
        .count();
    let refused = said
        .lines()
        .filter(|line| line.ends_with(" storage"))
        .count();
    let counted = said.trim_end().rsplit("count=").next().map(str::to_owned);
    let arguments = [
        "get",
        "count_only=Y",
        "--format",
        "delimited",
        "--store",
        &store,
    ];
    let found = folder.run(&[], &arguments, "");
    let _ = Command::new("umount").arg(&disk).status();
    assert!(
        output.status.success(),
        "{:?}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        written > 100 && refused > 100 && written + refused == 4000,
        "{written} {refused}"
    );
    assert_eq!(counted, Some(written.to_string()));
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        format!("count={written}\n"),
        "{found:?}"
    );
}
