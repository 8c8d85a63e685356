//! A killed command loses nothing that it acknowledged, and leaves no half batch.
//!
//! Children that import and that write are killed at random moments; after each, the store is
//! opened and compared with the reference, and mirrors that follow it with it. `TICKETDEX_KILLS` is how many are killed in each
//! test, `TICKETDEX_SEED` the seed of the moments and of the writes. A last test lets the
//! disk run full under a child.
#![cfg(unix)]

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::folder::folder;
use common::nasty::{Random, make_ticket, make_tickets};
use common::{environment, everything};
use ticketdex::reference::Reference;
use ticketdex::{Batch, Format, Patch, Query, Snapshot, Ticket, durable};

fn seed() -> u64 {
    let seed = environment("TICKETDEX_SEED", 1);
    println!("TICKETDEX_SEED={seed}");
    seed
}

fn kills_count() -> u64 {
    environment("TICKETDEX_KILLS", 12)
}

fn found(path: &Path) -> Snapshot {
    let snapshot = durable::open(path).unwrap().snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    snapshot
}

/// Makes a store where none is.
fn make(path: &Path) {
    let options = durable::Options::new().create(true);
    drop(options.open(path).unwrap());
}

/// The tickets as of a version.
#[derive(Clone)]
struct Mirror {
    version: u64,
    tickets: BTreeMap<u64, Ticket>,
}

impl Mirror {
    /// Becomes a copy as of a snapshot, by what was removed and what changed since.
    fn follow(&mut self, now: &Snapshot) {
        for removal in now.removed_since(self.version).unwrap() {
            self.tickets.remove(&removal.tid);
        }
        let changed = Query::builder().changed_since(self.version).build();
        let answer = now.answer(&changed.unwrap());
        let changed = answer.records();
        self.tickets
            .extend(changed.map(|record| (record.tid(), record.into())));
        self.version = now.version();
    }

    fn is(&self, snapshot: &Snapshot) -> bool {
        let answer = snapshot.answer(&Query::default());
        let all = answer.records();
        let all: BTreeMap<u64, Ticket> = all.map(|it| (it.tid(), it.into())).collect();
        self.version == snapshot.version() && self.tickets == all
    }
}

/// Checks that the numbers are the reference's: that of the last commit, which was never given
/// before, those of the tickets, and those of the removals.
fn check_numbers(snapshot: &Snapshot, reference: &Reference, since: u64) {
    assert_eq!(snapshot.version(), reference.version());
    for ticket in reference.tickets() {
        let version = reference.version_of(ticket.tid);
        assert_eq!(snapshot.version_of(ticket.tid), version);
    }
    let removed = snapshot.removed_since(since).unwrap();
    let removed: Vec<_> = removed.map(|it| (it.tid, it.version)).collect();
    assert_eq!(removed, reference.removed_since(since));
}

fn is(snapshot: &Snapshot, reference: &Reference) -> bool {
    snapshot.custom_names() == reference.custom_names()
        && everything(snapshot) == reference.respond(&Query::default(), Format::Json)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketdex"));
    command.args(arguments);
    command
}

/// A write line, and the batch that it is.
fn make_line(random: &mut Random) -> (String, Batch) {
    let tid = random.below(20) as u64 + 1;
    let mut batch = Batch::new();
    let line = match random.below(4) {
        0 => {
            batch.remove(tid);
            format!("del {tid}\n")
        }
        1 => {
            let status = random.pick(&["Open", "ß\u{2028}", ""]);
            let value = serde_json::to_string(status).unwrap();
            let json = format!(
                "{{\"tid\":{tid},\"status\":{value},\"custom_fields\":{{\"P\":\"{tid}\"}}}}"
            );
            batch.patch(tid, Patch::from_json(&json).unwrap().1);
            format!("patch {json}\n")
        }
        _ => {
            let ticket = make_ticket(random, tid);
            let json = serde_json::to_string(&ticket).unwrap();
            batch.put(Ticket::from_json(&json).unwrap());
            format!("put {json}\n")
        }
    };
    (line, batch)
}

/// Reads the header and the body of a reply; none where the child is gone.
fn read_reply(output: &mut impl BufRead) -> Option<String> {
    let mut header = String::new();
    output.read_line(&mut header).unwrap();
    let header = header.strip_suffix('\n')?.to_owned();
    let bytes: u64 = header.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = Vec::new();
    output.take(bytes).read_to_end(&mut body).unwrap();
    (body.len() as u64 == bytes).then_some(header)
}

/// Starts `pipe` over a store, and kills it some time later.
fn start_pipe(store: &str, time: Duration) -> (ChildStdin, ChildStdout, JoinHandle<()>) {
    let mut child = command(&["pipe", "--store", store])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let killer = thread::spawn(move || {
        thread::sleep(time);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    (stdin, stdout, killer)
}

#[test]
fn a_killed_writer_loses_no_line_that_it_answered() {
    const LINES_AHEAD: usize = 4;
    let path = folder("crash_write").join("tickets.redb");
    make(&path);
    let mut random = Random::new(seed());
    let mut reference = Reference::new();
    let mut answered = 0;
    // As of each kill before, and one that has followed from kill to kill.
    let mut copies = vec![Mirror {
        version: 0,
        tickets: BTreeMap::new(),
    }];
    let mut followed = copies[0].clone();
    let mut from_image = 0;
    for kill in 0..kills_count() {
        if kill % 3 == 1 {
            // One that ends by itself leaves an image, which the next ones open.
            let ended = command(&["pipe", "--store", path.to_str().unwrap()])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
        let time = Duration::from_millis(random.below(400) as u64);
        let (mut stdin, stdout, killer) = start_pipe(path.to_str().unwrap(), time);
        let mut stdout = BufReader::new(stdout);
        let mut waiting = VecDeque::new();
        loop {
            while waiting.len() < LINES_AHEAD {
                let (line, batch) = make_line(&mut random);
                // Once the child is gone it reads nothing, and what is answered still is.
                let _ = stdin.write_all(line.as_bytes());
                waiting.push_back(batch);
            }
            let Some(header) = read_reply(&mut stdout) else {
                break;
            };
            let outcome = reference.commit(&waiting.pop_front().unwrap());
            assert_eq!(header.starts_with("ok 0 "), outcome.is_ok(), "{header}");
            answered += 1;
        }
        killer.join().unwrap();
        // Lines may have been committed whose answers did not come through.
        let (store, opened) = durable::Options::new().open_told(&path).unwrap();
        from_image += u64::from(opened.from_image);
        let snapshot = store.snapshot();
        assert_eq!(snapshot.check_invariants(), Ok(()));
        drop(store);
        while !is(&snapshot, &reference) || snapshot.version() != reference.version() {
            let batch = waiting.pop_front();
            let batch = batch.unwrap_or_else(|| panic!("kill {kill}: another state"));
            let _ = reference.commit(&batch);
        }
        let since = random.below(reference.version() as usize + 1) as u64;
        check_numbers(&snapshot, &reference, since);
        followed.follow(&snapshot);
        assert!(followed.is(&snapshot), "kill {kill}: another mirror");
        let from = copies.len().saturating_sub(20);
        for copy in copies[from..].iter().chain(&copies[..1]) {
            let mut copy = copy.clone();
            copy.follow(&snapshot);
            assert!(copy.is(&snapshot), "kill {kill}: another mirror");
        }
        copies.push(followed.clone());
    }
    let kills = kills_count();
    println!("{kills} kills, {answered} lines answered, {from_image} openings from an image");
    assert!(answered > kills && from_image > kills / 2);
}

#[test]
fn a_killed_import_leaves_whole_batches_and_goes_on_where_it_was() {
    const BATCH: usize = 25;
    const TICKETS: usize = 1000;
    let folder = folder("crash_import");
    let path = folder.join("tickets.redb");
    let lines = folder.join("tickets.jsonl");
    let mut random = Random::new(seed());
    let mut kills = 0;
    let mut killed_within = 0;
    // How long a run takes that is not disturbed.
    let mut whole = Duration::ZERO;
    while kills < kills_count() {
        // Another store, and in it the same tids again: a later ticket replaces an earlier.
        let _ = fs::remove_file(&path);
        let mut tickets = make_tickets(&mut random, TICKETS);
        for ticket in &mut tickets {
            ticket.tid = ticket.tid % 700 + 1;
        }
        let json = tickets
            .iter()
            .map(|ticket| serde_json::to_string(ticket).unwrap() + "\n");
        fs::write(&lines, json.collect::<String>()).unwrap();
        // The states after each batch of one run that is not disturbed.
        let mut reference = Reference::new();
        let mut states = vec![(
            Vec::new(),
            reference.respond(&Query::default(), Format::Json),
        )];
        for part in tickets.chunks(BATCH) {
            let mut batch = Batch::new();
            for ticket in part {
                batch.put(ticket.clone());
            }
            reference.commit(&batch).unwrap();
            let body = reference.respond(&Query::default(), Format::Json);
            states.push((reference.custom_names().to_vec(), body));
        }
        let (path_text, lines_text) = (path.to_str().unwrap(), lines.to_str().unwrap());
        let batch = BATCH.to_string();
        let import = [
            "import", lines_text, "--store", path_text, "--batch", &batch,
        ];
        if kills == 0 {
            let start = Instant::now();
            assert!(command(&import).output().unwrap().status.success());
            whole = start.elapsed();
            fs::remove_file(&path).unwrap();
        }
        let mut child = command(&import).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(whole / 1000 * random.below(1000) as u32);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        kills += 1;
        // A run that is killed while it makes the store leaves none.
        let state = if fs::exists(&path).unwrap() {
            let snapshot = found(&path);
            (snapshot.custom_names().to_vec(), everything(&snapshot))
        } else {
            states[0].clone()
        };
        let at = states.iter().position(|other| *other == state);
        let at = at.unwrap_or_else(|| panic!("kill {kills}: half a batch"));
        killed_within += u64::from(at > 0 && at + 1 < states.len());
        assert!(!ended.success() || at + 1 == states.len());
        let output = command(&import).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let snapshot = found(&path);
        let state = (snapshot.custom_names().to_vec(), everything(&snapshot));
        assert!(Some(&state) == states.last(), "kill {kills}: another end");
    }
    println!("{kills} kills, {killed_within} of them between the first batch and the last");
    assert!(killed_within > 0);
}

/// Runs the command where no file may grow past so many units of the shell's.
fn limited(units: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    // The signal is ignored, so that the write fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {units}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_ticketdex")]);
    command.args(arguments);
    command
}

#[test]
fn a_full_disk_fails_the_commit_and_keeps_the_store_readable() {
    let path = folder("crash_full").join("tickets.redb");
    make(&path);
    let mut random = Random::new(seed());
    let mut reference = Reference::new();
    let mut child = limited(1024, &["pipe", "--store", path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut put = |tid: u64| {
        let mut ticket = make_ticket(&mut random, tid);
        ticket.custom_fields.clear();
        // Long records are packed, so only what cannot be packed fills a disk.
        let noise = (0..1250).map(|_| format!("{:016x}", random.number()));
        ticket.summary = noise.collect();
        let mut line = serde_json::to_string(&ticket).unwrap();
        line.insert_str(0, "put ");
        line.push('\n');
        (line, ticket)
    };
    let mut written = 0;
    let header = loop {
        let (line, ticket) = put(written + 1);
        stdin.write_all(line.as_bytes()).unwrap();
        let header = read_reply(&mut stdout).unwrap();
        if !header.starts_with("ok ") {
            break header;
        }
        written += 1;
        let mut batch = Batch::new();
        batch.put(ticket);
        reference.commit(&batch).unwrap();
        assert!(written < 1000, "the disk does not run full");
    };
    assert!(written > 5 && header.ends_with(" storage"), "{header}");
    // It answers as before, and takes no more.
    stdin.write_all(b"format=json\n").unwrap();
    let header = read_reply(&mut stdout).unwrap();
    let expected = reference.respond(&Query::default(), Format::Json);
    let start = format!("ok {} {written} ", expected.len());
    assert!(header.starts_with(&start), "{header}");
    stdin.write_all(b"del 1\n").unwrap();
    assert!(read_reply(&mut stdout).unwrap().ends_with(" storage"));
    drop(stdin);
    assert!(child.wait().unwrap().success());

    assert!(is(&found(&path), &reference));
    let mut store = durable::open(&path).unwrap();
    let (_, ticket) = put(9999);
    let mut batch = Batch::new();
    batch.put(ticket);
    store.commit(batch).unwrap();
}

#[test]
fn a_full_disk_ends_an_import_which_says_how_much_is_in() {
    let folder = folder("crash_full_import");
    let (path, lines) = (folder.join("tickets.redb"), folder.join("tickets.jsonl"));
    // Long records are packed, so only what cannot be packed fills a disk.
    let mut random = Random::new(7);
    let line = |tid: u64| {
        let words: Vec<String> = (0..320)
            .map(|_| format!("{:016x}", random.number()))
            .collect();
        let summary = words.concat();
        format!("{{\"tid\":{tid},\"summary\":\"{summary}\"}}\n")
    };
    fs::write(&lines, (1..=400).map(line).collect::<String>()).unwrap();
    let (path_text, lines_text) = (path.to_str().unwrap(), lines.to_str().unwrap());
    let import = ["import", lines_text, "--store", path_text, "--batch", "10"];
    let output = limited(1024, &import).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    let count = found(&path).tickets_count();
    assert!(count > 0 && count.is_multiple_of(10));
    let expected = format!("of which the first {count} good records are in the store: storage: ");
    assert!(message.contains(&expected), "{message}");
    assert!(command(&import).status().unwrap().success());
    assert_eq!(found(&path).tickets_count(), 400);
}
