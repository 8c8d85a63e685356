//! The batches of `pipe`: lines from `begin` to `commit` are one commit, or change nothing.

mod common;

use std::fmt::Write as _;
use std::fs;

use common::command::{Reply, file, missing, pipe, run, run_well, stderr};

/// Returns the path of a store of tickets 1 to 5.
fn store(name: &str) -> String {
    let path = missing(name);
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
        "batch_refused",
        "ok 5 1",
        "ok 5 1",
        "ok 5 1",
        "unknown_ticket", // Which only the commit can know.
        "ok 5 1",
        "invalid_syntax", // A batch within a batch.
        "ok 5 1",
        "batch_refused",
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
}

/// Returns the messages of the errors that `pipe` replies to some lines, with their codes.
fn messages(path: &str, lines: &[&str]) -> Vec<(String, String)> {
    let input = lines.join("\n") + "\n";
    let replies = pipe(&["--store", path, "--format", "json"], input.as_bytes());
    let messages = replies.into_iter().filter_map(|reply| match reply {
        Reply::Error { code, body } => {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            Some((code, body["error"]["message"].as_str().unwrap().to_owned()))
        }
        Reply::Ok { .. } => None,
    });
    messages.collect()
}

#[test]
fn what_is_wrong_with_a_batch_is_told() {
    let path = store("batches_told.redb");
    let lines = [
        "commit", "begin", "begin", "commit", "begin x", "begin ", "del 1", "del x", "put {}",
        "commit", "del 2",
    ];
    let refused = "the batch is refused and nothing of it is stored, as line";
    let told = messages(&path, &lines);
    let told: Vec<(&str, &str)> = told.iter().map(|(code, told)| (&**code, &**told)).collect();
    let x = "tid is \"x\" but must be an integer";
    let again = "expected commit or rollback before the next begin";
    let alone = "expected begin, commit or rollback alone in its line";
    assert_eq!(
        told,
        [
            ("invalid_syntax", "expected begin before commit or rollback"),
            ("invalid_syntax", again),
            (
                "batch_refused",
                &*format!("{refused} 3 of the input was refused: invalid_syntax: {again}")
            ),
            // It begins a batch all the same, so that nothing of what it was meant for is stored.
            ("invalid_syntax", alone),
            ("invalid_syntax", again),
            ("invalid_value", x),
            (
                "invalid_ticket",
                "a ticket's tid must be given, and be 1 or more"
            ),
            (
                "batch_refused",
                &*format!("{refused} 5 of the input was refused: invalid_syntax: {alone}")
            ),
        ]
    );
    let found = ticketdex::durable::open_read_only(&path).unwrap();
    assert!(found.get(1).is_some() && found.get(2).is_none());
}

/// What only the commit can find is told with the line that asked for it.
#[test]
fn a_commit_names_the_line_that_it_refuses() {
    let path = store("batches_line.redb");
    let there = "ticket 1 is not there to be patched";
    for (lines, told) in [
        (
            &[
                "begin",
                "patch {\"tid\":1,\"cid\":\"x\"}",
                "status=Open",
                "del 1",
                "patch {\"tid\":1,\"cid\":\"y\"}",
                "commit",
            ][..],
            format!("line 5: {there}"),
        ),
        (
            &[
                "begin",
                "del 1",
                "rollback",
                "begin",
                "patch {\"tid\":2,\"locked\":\"maybe\"}",
                "commit",
            ],
            "line 5: ticket 2: locked is \"maybe\" but must be empty, N or Y".to_owned(),
        ),
        // A change that is alone is the line that is answered.
        (
            &["del 1", "patch {\"tid\":1,\"cid\":\"x\"}"],
            there.to_owned(),
        ),
    ] {
        let messages = messages(&path, lines);
        let messages: Vec<&str> = messages.iter().map(|(_, told)| &**told).collect();
        assert_eq!(messages, [told]);
    }
}

/// A line that cannot be a request is told the words that a line may begin with.
#[test]
fn an_unknown_verb_is_told_those_that_are_known() {
    const KNOWN: &str = "; known are put, patch, del, begin, commit, rollback, since, backup, and \
                         requests like status=Open";
    let path = store("batches_verbs.redb");
    for (line, verb, meant) in [
        ("statsu", "statsu", None),
        (
            "pach {\"tid\":1,\"subject\":\"a=b\"}",
            "pach",
            Some("patch"),
        ),
        ("PUT {\"tid\":1}", "PUT", Some("put")),
        ("put{\"tid\":1}", "put{\"tid\":1}", Some("put")),
        (" del 1", " del", Some("del")),
        ("begn", "begn", Some("begin")),
    ] {
        let meant = meant.map_or(String::new(), |verb| format!(" (did you mean \"{verb}\"?)"));
        let message = format!("unknown verb \"{verb}\"{meant}{KNOWN}");
        let expected = ("unknown_variable".to_owned(), message);
        assert_eq!(messages(&path, &[line]), [expected], "{line}");
    }
    // What may be a request keeps the error of one.
    for line in ["statsu=Open", "get status=Open", "?statsu", "status&statsu"] {
        let told = messages(&path, &[line]);
        assert!(told[0].1.starts_with("unknown variable \""), "{told:?}");
    }
}

/// A word that is mistyped may have been meant as a change, without which nothing is to be stored.
#[test]
fn an_unknown_verb_refuses_the_batch() {
    let path = store("batches_mistyped.redb");
    let (put, mistyped) = ("put {\"tid\":905}", "ptu {\"tid\":906}");
    let unknown = "unknown_variable";
    for (begin, refused, codes) in [
        ("begin", 3, &[unknown, "batch_refused"][..]),
        ("\t begin ", 3, &[unknown, "batch_refused"]),
        (" Begin", 3, &[unknown, "batch_refused"]),
        ("begin\tx", 1, &["invalid_syntax", unknown, "batch_refused"]),
    ] {
        let told = messages(&path, &[begin, put, mistyped, " commit"]);
        let own: Vec<&str> = told.iter().map(|(code, _)| &**code).collect();
        assert_eq!(own, codes, "{begin:?}");
        let last = &told[codes.len() - 1].1;
        assert!(last.contains(&format!("as line {refused} ")), "{last}");
    }
    let told = messages(&path, &["begin", put, "delete tid=906", "commit"]);
    assert_eq!(told[1].0, "batch_refused", "{told:?}");
    // A bad request is no change, and one that is forgotten keeps nothing back.
    let lines = [
        "begin",
        put,
        mistyped,
        " rollback",
        "begin",
        "put {\"tid\":907}",
        "statsu=Open",
        "commit",
    ];
    let told = messages(&path, &lines);
    let codes: Vec<&str> = told.iter().map(|(code, _)| &**code).collect();
    assert_eq!(codes, [unknown, unknown]);
    let found = ticketdex::durable::open_read_only(&path).unwrap();
    assert!(found.get(905).is_none() && found.get(907).is_some());
}

/// A copy that cannot be made is told the cause, as the command tells it.
#[test]
fn a_backup_that_fails_is_told_the_cause() {
    let path = store("batches_backup.redb");
    let cause = fs::read("no/such/x").unwrap_err();
    let message = format!("no/such/x: the store cannot be made: {cause}");
    let expected = ("storage".to_owned(), message);
    assert_eq!(messages(&path, &["backup no/such/x"]), [expected]);
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
    let kills = common::environment("TICKETDEX_KILLS", 8);
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

/// A line that means to end or begin a batch and says more is no reason to commit the rest.
#[test]
fn a_batch_word_with_more_in_its_line_refuses_the_batch() {
    let path = store("batches_words.redb");
    for word in ["begin", "commit", "rollback"] {
        let refused = format!("{word} x");
        let told = messages(&path, &["begin", "del 1", &refused, "del 2", "commit"]);
        let codes: Vec<&str> = told.iter().map(|(code, _)| &**code).collect();
        assert_eq!(codes, ["invalid_syntax", "batch_refused"], "{word}");
        assert!(told[1].1.contains("as line 3 "), "{}", told[1].1);
    }
    let found = ticketdex::durable::open_read_only(&path).unwrap();
    assert!(found.get(1).is_some() && found.get(2).is_some());
}
