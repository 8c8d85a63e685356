//! `ticketdex changes` and the line `since` of `pipe`: a copy that applies what they tell is the store.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::command::{Reply, file, missing, pipe, run, run_well, stderr};
use common::nasty::{Random, make_batch, make_tickets};
use ticketdex::{Batch, Query, Ticket, durable};

/// A copy of the tickets that match a request, as of a version.
#[derive(Clone, Default)]
struct Copy {
    version: u64,
    tickets: BTreeMap<u64, Ticket>,
}

impl Copy {
    /// Applies lines in their order; returns how many tell of a change.
    fn apply(&mut self, lines: &[u8]) -> u64 {
        let mut count = 0;
        let mut is_ended = false;
        for line in str::from_utf8(lines).unwrap().lines() {
            assert!(!is_ended, "a line after the last one");
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let line = line.as_object().unwrap();
            let version = line["version"].as_u64().unwrap();
            assert!(version > self.version || line.len() == 1);
            let own = ["removed", "unmatched"];
            if let Some(tid) = own.iter().find_map(|name| line.get(*name)) {
                self.tickets.remove(&tid.as_u64().unwrap());
            } else if let Some(ticket) = line.get("ticket") {
                let ticket = Ticket::from_json(&ticket.to_string()).unwrap();
                self.tickets.insert(ticket.tid, ticket);
            } else {
                is_ended = true;
                self.version = version;
                continue;
            }
            assert_eq!(line.len(), 2);
            count += 1;
        }
        assert!(is_ended, "the last line is missing");
        count
    }

    #[track_caller]
    fn assert_is(&self, path: &str, request: &str) {
        let snapshot = durable::open_read_only(path).unwrap();
        let query: Query = request.parse().unwrap();
        let answer = snapshot.answer(&query);
        let expected: BTreeMap<u64, Ticket> =
            answer.records().map(|it| (it.tid(), it.into())).collect();
        assert_eq!(self.version, snapshot.version());
        let mut own = self.tickets.clone();
        // A record holds no custom field without a value.
        for ticket in own.values_mut() {
            ticket.custom_fields.retain(|(_, text)| !text.is_empty());
            ticket.custom_fields.sort();
        }
        let mut expected = expected;
        for ticket in expected.values_mut() {
            ticket.custom_fields.sort();
        }
        assert!(own == expected, "another copy of {request:?}");
    }
}

const REQUESTS: [&str; 3] = ["", "status=Open", "status!=Open&order=date_opened DESC"];

#[test]
fn a_copy_that_follows_any_request_from_any_version_is_the_store() {
    let path = missing("changes_lives.redb");
    let mut random = Random::new(5);
    let tickets = make_tickets(&mut random, 40);
    let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
    let mut store = durable::Options::new().create(true).open(&path).unwrap();
    store.commit(tickets.into_iter().collect()).unwrap();
    drop(store);
    let mut copies: [Vec<Copy>; 3] = Default::default();
    let mut told = 0;
    for _ in 0..5 {
        let mut store = durable::open(&path).unwrap();
        for _ in 0..3 {
            let _ = store.commit(make_batch(&mut random, &tids));
            let mut batch = Batch::new();
            batch.remove(random.choose(&tids));
            store.commit(batch).unwrap();
        }
        drop(store);
        for (request, copies) in REQUESTS.iter().zip(&mut copies) {
            copies.push(Copy::default());
            for copy in copies {
                let since = copy.version.to_string();
                let arguments = ["changes", request, "--store", &path, "--since", &since];
                let output = run(&arguments, b"");
                assert!(output.status.success(), "{output:?}");
                let before = copy.version;
                let count = copy.apply(&output.stdout);
                copy.assert_is(&path, request);
                let changes = if count == 1 { "change" } else { "changes" };
                let told_of = format!(
                    "; {count} {changes} since version {before}, now {}\n",
                    copy.version
                );
                assert!(stderr(&output).ends_with(&told_of), "{}", stderr(&output));
                // The same by a line of pipe.
                let line = format!("since {before} {request}\n");
                let replies = pipe(&["--store", &path], line.trim_end().as_bytes());
                let body = output.stdout;
                assert_eq!(replies, [Reply::Ok { total: count, body }]);
                told += count;
            }
        }
    }
    assert!(told > 300, "{told} changes");
}

#[test]
fn each_kind_of_line_tells_what_became_of_a_ticket() {
    let path = missing("changes_kinds.redb");
    let lines = "{\"tid\":1,\"status\":\"Open\"}\n{\"tid\":2,\"status\":\"Open\"}\n\
                 {\"tid\":3,\"status\":\"Open\",\"custom_fields\":{\"Serial\":\"X\",\"Empty\":\"\"}}\n";
    let import = ["import", "-", "--input", "jsonl", "--store", &path];
    run_well(&import, lines.as_bytes());
    let writes = b"del 1\nput {\"tid\":1,\"status\":\"Open\"}\ndel 2\npatch {\"tid\":3,\"status\":\"Closed\"}\n";
    assert_eq!(pipe(&["--store", &path], writes).len(), 4);
    let changes = |since: &str, request: &str| {
        let arguments = ["changes", request, "--store", &path, "--since", since];
        String::from_utf8(run_well(&arguments, b"")).unwrap()
    };
    assert_eq!(
        changes("1", "status=open&fields=tid,status"),
        "{\"version\":2,\"removed\":1}\n\
         {\"version\":4,\"removed\":2}\n\
         {\"version\":5,\"unmatched\":3}\n\
         {\"version\":3,\"ticket\":{\"tid\":1,\"status\":\"Open\"}}\n\
         {\"version\":5}\n"
    );
    assert_eq!(changes("5", ""), "{\"version\":5}\n");
    // A copy that begins has nothing that could be removed, and all names.
    let all = changes("0", "fields=tid,custom_fields");
    assert_eq!(
        all,
        "{\"version\":3,\"ticket\":{\"tid\":1,\"custom_fields\":{\"Serial\":\"\",\"Empty\":\"\"}}}\n\
         {\"version\":5,\"ticket\":{\"tid\":3,\"custom_fields\":{\"Serial\":\"X\"}}}\n\
         {\"version\":5}\n"
    );
    // What is there stays as it is.
    let before = fs::read(&path).unwrap();
    changes("1", "");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_cannot_be_told_in_full_is_an_error() {
    let path = missing("changes_old.redb");
    let options = ticketdex::Options::default().removals_max(1);
    let options = durable::Options::new().create(true).store(options);
    let mut store = options.open(&path).unwrap();
    let tickets = (1..=5).map(|tid| Ticket {
        tid,
        ..Ticket::default()
    });
    store.commit(tickets.collect()).unwrap();
    for tid in 1..=3 {
        let mut batch = Batch::new();
        batch.remove(tid);
        store.commit(batch).unwrap();
    }
    drop(store);
    let output = run(&["changes", "--store", &path, "--since", "2"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(
        stderr(&output).starts_with("ticketdex: --since: version_too_old: "),
        "{output:?}"
    );
    let again = run_well(&["changes", "--store", &path, "--since", "3"], b"");
    assert_eq!(again, b"{\"version\":4,\"removed\":3}\n{\"version\":4}\n");
    // From the beginning it can always be told.
    let mut copy = Copy::default();
    copy.apply(&run_well(
        &["changes", "--store", &path, "--since", "0"],
        b"",
    ));
    copy.assert_is(&path, "");
    let replies = pipe(
        &["--store", &path, "--format", "delimited"],
        b"since 2\nsince 3\n",
    );
    let Reply::Error { code, body } = &replies[0] else {
        panic!("{replies:?}");
    };
    assert_eq!(code, "version_too_old");
    assert!(body.starts_with(b"error=version_too_old&message="));
    assert!(matches!(&replies[1], Reply::Ok { total: 1, .. }));
}

#[test]
fn a_request_that_would_leave_changes_out_is_refused() {
    let path = missing("changes_refused.redb");
    run_well(
        &["import", "-", "--input", "jsonl", "--store", &path],
        b"{\"tid\":1}\n",
    );
    let cases = [
        (
            "count=5",
            "invalid_value",
            "count is \"5\" but must be left out",
        ),
        (
            "count_only=Y",
            "invalid_value",
            "count_only is \"Y\" but must be left out",
        ),
        (
            "changed_since=1",
            "invalid_value",
            "must be the number before the request",
        ),
        ("format=csv", "invalid_value", "changes are JSON Lines"),
        (
            "action=count_tickets&by=status",
            "invalid_value",
            "must be get_tickets",
        ),
        ("statsu=x", "unknown_variable", "did you mean \"status\""),
        ("page=2", "page_needs_count", "count"),
    ];
    for (request, code, told) in cases {
        let output = run(&["changes", request, "--store", &path, "--since", "0"], b"");
        assert_eq!(output.status.code(), Some(1), "{request}");
        let message = format!("ticketdex: the request: {code}: ");
        assert!(stderr(&output).starts_with(&message), "{output:?}");
        assert!(stderr(&output).contains(told), "{output:?}");
        let line = format!("since 0 {request}\n");
        let replies = pipe(&["--store", &path], line.as_bytes());
        assert!(
            matches!(&replies[0], Reply::Error { code: own, .. } if own == code),
            "{replies:?}"
        );
    }
    let ahead = run(&["changes", "--store", &path, "--since", "2"], b"");
    assert_eq!(ahead.status.code(), Some(1));
    assert!(
        stderr(&ahead).contains("--since: invalid_value: since is \"2\""),
        "{ahead:?}"
    );
    for line in [
        "since x\n",
        "since \n",
        "since -1\n",
        "since +1\n",
        "since 2\n",
    ] {
        let replies = pipe(&["--store", &path], line.as_bytes());
        assert!(
            matches!(&replies[0], Reply::Error { code, .. } if code == "invalid_value"),
            "{line}{replies:?}"
        );
    }
    for arguments in [
        &["changes", "--store", &path][..],
        &["changes", "--since", "1"],
        &["changes", "--store", &path, "--since", "x"],
    ] {
        assert_eq!(run(arguments, b"").status.code(), Some(2), "{arguments:?}");
    }
    let missing = missing("changes_missing.redb");
    let output = run(&["changes", "--store", &missing, "--since", "0"], b"");
    assert!(stderr(&output).contains("invalid_store: "), "{output:?}");
    assert!(!Path::new(&missing).exists());
}

/// A body that is too long to be held is made twice.
#[test]
fn a_long_body_is_as_long_as_its_header_says() {
    let lines = run_well(&["generate", "15000"], b"");
    assert!(lines.len() > 18 << 20);
    let path = file("changes_long.jsonl", &lines);
    let replies = pipe(
        &["--data", &path],
        b"since 0\nsince 1\nsince 0 fields=tid\n",
    );
    let Reply::Ok { total, body } = &replies[0] else {
        panic!("no answer");
    };
    assert_eq!((*total, replies.len()), (15_000, 3));
    assert_eq!(str::from_utf8(body).unwrap().lines().count(), 15_001);
    assert_eq!(
        replies[1],
        Reply::Ok {
            total: 0,
            body: b"{\"version\":1}\n".to_vec()
        }
    );
    fs::remove_file(path).unwrap();
}
