//! `ticketdex backup`, `ticketdex check`, and the line `backup` of `pipe`.

mod common;

use std::fs;
use std::io::{BufReader, Write};
use std::path::Path;

use common::command::{
    Reply, file, left_beside, missing, pipe, read_reply, run, run_well, start, stderr,
};
use ticketdex::durable;

fn store(name: &str, tickets: &str) -> String {
    let path = missing(name);
    let lines = run_well(&["generate", tickets], b"");
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        &lines,
    );
    path
}

fn everything(store: &str) -> Vec<u8> {
    run_well(&["get", "--store", store, "--format", "json"], b"")
}

#[test]
fn a_backup_is_an_equal_store_and_the_store_stays_as_it_is() {
    let (own, copy) = (store("backup_own.redb", "300"), missing("backup_copy.redb"));
    pipe(
        &["--store", &own],
        b"del 7\npatch {\"tid\":8,\"status\":\"Gone\"}\n",
    );
    let before = fs::read(&own).unwrap();
    let output = run(&["backup", "--store", &own, "--to", &copy], b"");
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let bytes = fs::metadata(&copy).unwrap().len();
    let version = durable::open_read_only(&own).unwrap().version();
    let told = format!(" of version {version} written to {copy}, {bytes} bytes in ");
    assert!(stderr(&output).contains(&told), "{}", stderr(&output));
    assert!(everything(&copy) == everything(&own));
    for since in ["0", "1"] {
        let changes = |store: &str| run_well(&["changes", "--store", store, "--since", since], b"");
        assert!(changes(&copy) == changes(&own));
    }
    assert!(fs::read(&own).unwrap() == before);
    assert_eq!(left_beside(&copy), [""; 0]);

    let written = fs::read(&copy).unwrap();
    for there in [&copy, &own, env!("CARGO_TARGET_TMPDIR")] {
        let output = run(&["backup", "--store", &own, "--to", there], b"");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = " is there already, and a backup replaces nothing\n";
        assert!(stderr(&output).ends_with(told), "{output:?}");
    }
    assert!(fs::read(&copy).unwrap() == written && fs::read(&own).unwrap() == before);
    let output = run(&["backup", "--store", "no/such", "--to", "x"], b"");
    assert!(stderr(&output).contains("invalid_store: "), "{output:?}");
    let output = run(&["backup", "--store", &own, "--to", "no/such/x"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--to, which is not made: storage: "),
        "{output:?}"
    );
    for arguments in [&["backup", "--store", &own][..], &["backup", "--to", &copy]] {
        assert_eq!(run(arguments, b"").status.code(), Some(2));
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_backup_and_leaves_nothing() {
    use std::process::Command;
    use std::thread;
    use std::time::Duration;

    let own = store("backup_signal.redb", "30000");
    for (signal, left_count) in [("-TERM", 0), ("-KILL", 1)] {
        let copy = missing("backup_signal_copy.redb");
        let child = start(&["backup", "--store", &own, "--to", &copy]);
        while left_beside(&copy).is_empty() && !Path::new(&copy).exists() {
            thread::sleep(Duration::from_millis(1));
        }
        let killed = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert!(!Path::new(&copy).exists());
        assert_eq!(left_beside(&copy).len(), left_count, "{signal}");
        if signal == "-TERM" {
            let told = ": a signal asked the command to end\n";
            assert!(stderr(&output).ends_with(told), "{output:?}");
        }
        // What was left is in nobody's way.
        run_well(&["backup", "--store", &own, "--to", &copy], b"");
        run_well(&["check", "--store", &copy], b"");
        for name in left_beside(&copy) {
            fs::remove_file(Path::new(&copy).with_file_name(name)).unwrap();
        }
    }
}

/// Who cannot read a store because `pipe` writes it, asks `pipe` for a copy.
#[test]
fn pipe_copies_the_store_that_it_writes() {
    let (own, copy) = (
        store("backup_pipe.redb", "100"),
        missing("backup_pipe_copy.redb"),
    );
    let mut child = start(&["pipe", "--store", &own]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |line: &str| {
        stdin.write_all(line.as_bytes()).unwrap();
        read_reply(&mut stdout).unwrap()
    };
    assert!(matches!(ask("del 1\n"), Reply::Ok { .. }));
    let output = run(&["backup", "--store", &own, "--to", &copy], b"");
    assert!(stderr(&output).contains("store_in_use: "), "{output:?}");
    let line = format!("backup {copy}\n");
    assert!(matches!(ask(&line), Reply::Ok { body, .. } if body.is_empty()));
    assert!(matches!(ask("del 2\n"), Reply::Ok { .. }));
    // While pipe goes on, the copy is read, as of its moment.
    let changes = run_well(&["changes", "--store", &copy, "--since", "1"], b"");
    assert_eq!(changes, b"{\"version\":2,\"removed\":1}\n{\"version\":2}\n");
    assert!(matches!(ask(&line), Reply::Error { code, .. } if code == "storage"));
    assert!(matches!(ask("backup no/such/x\n"), Reply::Error { code, .. } if code == "storage"));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// Gives a ticket another record, by a record of ticket 8, where the store does not look.
fn put_record(path: &str, tid: u64, record: impl FnOnce(&[u8]) -> Vec<u8>) {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let table: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("tickets");
        let mut table = transaction.open_table(table).unwrap();
        let other = redb::ReadableTable::get(&table, 8).unwrap().unwrap();
        let record = record(other.value());
        drop(other);
        table.insert(tid, &*record).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_check_compares_the_image_with_the_database() {
    let own = store("check_image.redb", "50");
    let image = format!("{own}.image");
    let told = |path: &str| {
        let output = run(&["check", "--store", path], b"");
        let told = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.code(), told)
    };
    put_record(&own, 9, <[u8]>::to_vec);
    let (code, found) = told(&own);
    assert_eq!(code, Some(1), "{found}");
    let fault = "fault          ticket 9: it is another one in the image\n";
    assert!(found.ends_with(fault), "{found}");

    for entry in fs::read_dir(&image).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let (code, found) = told(&own);
    assert_eq!(code, Some(0), "{found}");
    assert!(
        found.ends_with("image          not used: it is damaged\n"),
        "{found}"
    );
    fs::remove_dir_all(&image).unwrap();
    let (_, found) = told(&own);
    assert!(
        found.ends_with("image          not used: there is none\n"),
        "{found}"
    );
}

#[test]
fn a_check_of_a_damaged_store_tells_how_its_image_saves_it() {
    let own = store("check_saved.redb", "3000");
    let expected = everything(&own);
    let mut bytes = fs::read(&own).unwrap();
    // Within the records, which no opening from the image reads.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&own, &bytes).unwrap();
    let output = run(&["check", "--store", &own], b"");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines: Vec<&str> = stderr(&output).lines().collect();
    let [damage, saved] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(damage.contains("invalid_store: ") && damage.contains("is damaged"));
    let told = format!(
        "is whole, with 3000 tickets of version 1: `ticketdex backup --store {own} --to FILE` makes"
    );
    assert!(saved.contains(&told), "{saved}");
    let copy = missing("check_saved_copy.redb");
    run_well(&["backup", "--store", &own, "--to", &copy], b"");
    assert!(everything(&copy) == expected);
    run_well(&["check", "--store", &copy], b"");

    fs::remove_dir_all(format!("{own}.image")).unwrap();
    let output = run(&["check", "--store", &own], b"");
    assert_eq!(stderr(&output).lines().count(), 1, "{output:?}");
}

#[test]
fn a_check_tells_what_a_store_holds_or_what_is_wrong() {
    let own = store("check_own.redb", "50");
    pipe(&["--store", &own], b"del 7\n");
    let before = fs::read(&own).unwrap();
    let output = run(&["check", "--store", &own], b"");
    assert!(output.status.success(), "{output:?}");
    let held = durable::open_read_only(&own).unwrap();
    let removed = held.removed_since(1).unwrap().len();
    let expected = format!(
        "format         2\nversion        2\ntickets        {}\ncustom fields  {}\nremovals       {removed}\nimage          used, with 0 changes since\n",
        held.tickets_count(),
        held.custom_names().len(),
    );
    assert_eq!(str::from_utf8(&output.stdout).unwrap(), expected);
    assert!(
        stderr(&output).contains(": nothing wrong found in "),
        "{output:?}"
    );
    assert!(fs::read(&own).unwrap() == before, "it is only read");

    let broken = missing("check_broken.redb");
    fs::write(&broken, &before).unwrap();
    put_record(&broken, 9, |_| b"\x09no record".to_vec());
    let output = run(&["check", "--store", &broken], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = str::from_utf8(&output.stdout).unwrap();
    let fault = told.lines().last().unwrap();
    assert!(
        fault.starts_with("fault          ticket 9: its record does not decode: "),
        "{told}"
    );
    assert!(
        stderr(&output).contains(": 1 fault found in "),
        "{output:?}"
    );

    // Files that do not open say why.
    let mut damaged = before.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4096].fill(0xA5);
    let cases = [
        (damaged, "invalid_store: "),
        (b"a text".to_vec(), "is not a ticketdex store"),
        (before[..before.len() / 2].to_vec(), "invalid_store: "),
    ];
    for (at, (bytes, told)) in cases.iter().enumerate() {
        let path = file(&format!("check_damaged_{at}.redb"), bytes);
        let output = run(&["check", "--store", &path], b"");
        assert_eq!(output.status.code(), Some(1), "case {at}: {output:?}");
        assert!(stderr(&output).contains(told), "case {at}: {output:?}");
        assert_eq!(&fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(
        run(&["check", "--store", "no/such"], b"").status.code(),
        Some(1)
    );
    assert_eq!(run(&["check"], b"").status.code(), Some(2));
}
