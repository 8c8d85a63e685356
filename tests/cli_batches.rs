//! The batches of `pipe`: lines from `begin` to `commit` are one commit, or change nothing.

mod common;

use std::fmt::Write as _;
use std::fs;

use common::command::{Reply, file, pipe, run, run_well, stderr};

/// Returns the path of a store of tickets 1 to 5.
fn store(name: &str) -> String {
    let path = file(name, b"");
    fs::remove_file(&path).unwrap();
    let lines = (1..=5).map(|tid| format!("{{\"tid\":{tid}}}\n"));
    let lines = lines.collect::<Vec<String>>().concat();
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        lines.as_bytes(),
    );
    path
}

/// The headers of what `pipe` replies, without the times.
fn headers(arguments: &[&str], input: &str) -> Vec<String> {
    let output = run(&[&["pipe"], arguments].concat(), input.as_bytes());
    assert!(output.status.success(), "{output:?}");
    let mut rest = output.stdout.as_slice();
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
        let header = str::from_utf8(&rest[..end]).unwrap();
        let words: Vec<&str> = header.split(' ').collect();
        let bytes: usize = words[1].parse().unwrap();
        headers.push(match *words.as_slice() {
            ["ok", _, total, _, _, version, _, _] => format!("ok {total} {version}"),
            ["error", _, code] => code.to_owned(),
            _ => panic!("{header}"),
        });
        rest = &rest[end + 1 + bytes..];
    }
    headers
}

#[test]
fn a_batch_is_seen_whole_and_as_one_version() {
    let path = store("batches_whole.redb");
    let input = "begin\n\
                 put {\"tid\":6,\"status\":\"Open\"}\n\
                 patch {\"tid\":6,\"status\":\"Closed\"}\n\
                 del 1\n\
                 count_only=Y\n\
                 commit\n\
                 count_only=Y\n\
                 status=Closed&count_only=Y\n\
                 begin\n\
                 del 2\n\
                 rollback\n\
                 begin\n\
                 commit\n\
                 del 3\n";
    let expected = [
        "ok 5 1", "ok 5 1", "ok 5 1", "ok 5 1", // Gathered, and seen by nobody.
        "ok 5 1", "ok 5 2", "ok 5 2", "ok 1 2", // Five again: one is new, one is gone.
        "ok 5 2", "ok 5 2", "ok 5 2", // Nothing of it is left.
        "ok 5 2", "ok 5 3", "ok 4 4",
    ];
    assert_eq!(headers(&["--store", &path], input), expected);
    let found = ticketdex::durable::open_read_only(&path).unwrap();
    assert_eq!((found.version(), found.tickets_count()), (4, 4));
    assert_eq!(found.version_of(6), Some(2));
    assert!(found.get(2).is_some() && found.get(1).is_none());
    // In memory too, where the lines end in CR LF.
    let data = file("batches_whole.jsonl", "{\"tid\":1}\n");
    let crlf = "begin\r\ndel 1\r\ncommit\r\n";
    assert_eq!(
        headers(&["--data", &data], crlf),
        ["ok 1 1", "ok 1 1", "ok 0 2"]
    );
}

#[test]
fn a_batch_with_a_line_that_is_refused_is_refused_whole() {
    let path = store("batches_refused.redb");
    let input = "begin\n\
                 del 1\n\
                 put {\"tid\":0}\n\
                 del x\n\
                 del 2\n\
                 commit\n\
                 begin\n\
                 del 1\n\
                 patch {\"tid\":77,\"status\":\"Open\"}\n\
                 commit\n\
                 begin\n\
                 begin\n\
                 del 1\n\
                 commit\n\
                 commit\n\
                 rollback\n\
                 begin\n\
                 put {}\n\
                 rollback\n\
                 begin\n\
                 del 5\n\
                 commit\n";
    let expected = [
        "ok 5 1",
        "ok 5 1",
        "invalid_ticket",
        "invalid_value",
        "ok 5 1",
        "invalid_ticket",
        "ok 5 1",
        "ok 5 1",
        "ok 5 1",
        "unknown_ticket", // Which only the commit can know.
        "ok 5 1",
        "invalid_syntax",
        "ok 5 1",
        "invalid_syntax", // A batch within a batch.
        "invalid_syntax",
        "invalid_syntax", // None is open.
        "ok 5 1",
        "invalid_ticket",
        "ok 5 1",
        "ok 5 1",
        "ok 5 1",
        "ok 4 2",
    ];
    assert_eq!(headers(&["--store", &path], input), expected);
    let replies = pipe(
        &["--store", &path, "--format", "delimited"],
        b"commit\nbegin\nbegin\nrollback\n",
    );
    for (at, told) in [
        (0, "expected begin before commit or rollback"),
        (2, "expected commit or rollback before the next begin"),
    ] {
        let Reply::Error { body, .. } = &replies[at] else {
            panic!("{replies:?}");
        };
        let told = format!("message={}\n", told.replace(' ', "+"));
        assert!(
            str::from_utf8(body).unwrap().ends_with(&told),
            "{replies:?}"
        );
    }
}

/// A word that lacks what follows it is not taken for a request.
#[test]
fn words_alone_are_told_what_they_lack() {
    let lines = [
        ("put", "line 1, column 1: expected a JSON object"),
        ("patch", "line 1, column 1: expected a JSON object"),
        ("del", "tid is \"\" but must be"),
        ("since", "since is \"\" but must be an integer"),
        ("backup", "expected backup and the path of a file"),
    ];
    let path = store("batches_words.redb");
    let input: String = lines.map(|(word, _)| format!("{word}\n")).concat();
    let replies = pipe(&["--store", &path, "--format", "json"], input.as_bytes());
    for (reply, (word, told)) in replies.iter().zip(lines) {
        let Reply::Error { body, .. } = reply else {
            panic!("{word}: {reply:?}");
        };
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(told), "{word}: {message}");
    }
    assert_eq!(replies.len(), lines.len());
}

#[test]
fn an_input_that_ends_within_a_batch_commits_nothing_of_it() {
    let path = store("batches_ended.redb");
    let before = fs::read(&path).unwrap();
    let output = run(&["pipe", "--store", &path], b"begin\ndel 1\ndel 2\n");
    assert_eq!(output.status.code(), Some(1));
    let told = "standard input ended within a batch, of which nothing was committed: 2 changes\n";
    assert!(stderr(&output).ends_with(told), "{output:?}");
    assert!(fs::read(&path).unwrap() == before);
}

/// A batch is on disk as a whole when its commit is answered, and is never found in part.
#[cfg(unix)]
#[test]
fn a_kill_leaves_whole_batches() {
    use std::io::{BufReader, Write as _};
    use std::thread;
    use std::time::Duration;

    use common::command::{read_reply, start};

    const TICKETS: u64 = 200;
    let path = store("batches_killed.redb");
    let kills = std::env::var("TICKETDEX_KILLS").map_or(8, |text| text.parse().unwrap());
    let mut answered = 0;
    let mut batches = 0;
    for kill in 0..kills {
        let mut child = start(&["pipe", "--store", &path]);
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(40 * (kill % 8) + 100));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let mut sent = answered;
        'batches: loop {
            sent += 1;
            let mut lines = String::from("begin\n");
            for tid in 1..=TICKETS {
                writeln!(lines, "put {{\"tid\":{tid},\"cid\":\"{sent}\"}}").unwrap();
            }
            lines += "commit\n";
            if stdin.write_all(lines.as_bytes()).is_err() {
                break;
            }
            for _ in 0..TICKETS + 2 {
                // A header that is cut off is none.
                let reply = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    read_reply(&mut stdout)
                }));
                match reply {
                    Ok(Some(Reply::Ok { .. })) => {}
                    Ok(Some(reply)) => panic!("{reply:?}"),
                    Ok(None) | Err(_) => break 'batches,
                }
            }
            answered = sent;
            batches += 1;
        }
        killer.join().unwrap();
        let found = ticketdex::durable::open_read_only(&path).unwrap();
        let numbers = (1..=TICKETS).map(|tid| {
            let record = found.get(tid)?;
            record.text(ticketdex::Field::Cid).parse::<u64>().ok()
        });
        let mut numbers: Vec<Option<u64>> = numbers.collect();
        numbers.dedup();
        let number = if found.tickets_count() == 5 {
            0
        } else {
            assert_eq!(numbers.len(), 1, "kill {kill}: half a batch");
            numbers[0].unwrap()
        };
        assert!(
            (answered..=answered + 1).contains(&number),
            "kill {kill}: {number}, {answered} answered"
        );
        answered = number;
    }
    println!("{kills} kills, {batches} batches answered");
    assert!(batches > 0);
}
