//! Memory that stays: what is resident when the tickets of a store were removed or replaced.
//!
//! Each life of a store runs in a process of its own, since what an allocator keeps depends on
//! all that went before. After each step a row of a table tells the heap bytes that are given
//! out and what is resident, in MiB: the difference is the program, 3 MiB, and what the allocator
//! keeps of what it got back. Merges run as soon as they are due. Left out: a journal, and
//! readers beside the writer.
//!
//! `TICKETDEX_TICKETS` is how many tickets (300,000 unless given), and a name runs one life, as in
//! `cargo bench --bench memory --features synth -- half`. Linux alone tells what is resident.

#[allow(dead_code, reason = "each crate counts what it needs")]
#[path = "../tests/common/given.rs"]
mod given;

use std::fs::{self, File};
use std::io::BufReader;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use given::{Counting, GIVEN};
use ticketdex::synth::Tickets;
use ticketdex::{Batch, Field, Import, ImportFormat, Options, Patch, Query, Snapshot, Store};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TICKETS_COUNT: usize = 300_000;
const TICKETS_COUNT_IN_TESTS: usize = 1_000;

/// What the name of a life follows, where a process is to run it.
const LIFE: &str = "--life=";

fn has_argument(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

fn is_test() -> bool {
    has_argument("--test") || !has_argument("--bench")
}

fn tickets_count() -> usize {
    if is_test() {
        return TICKETS_COUNT_IN_TESTS;
    }
    let given = std::env::var("TICKETDEX_TICKETS");
    given.map_or(TICKETS_COUNT, |text| {
        text.parse()
            .expect("TICKETDEX_TICKETS is a number of tickets")
    })
}

/// Returns the MiB of a line of the process's status; 0 where nobody tells.
fn status_mib(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    kib.and_then(|kib| kib.parse().ok()).unwrap_or(0) >> 10
}

fn show(step: &str, snapshot: &Snapshot) {
    let (tickets, segments) = (snapshot.tickets_count(), snapshot.segments_count());
    let (given, resident) = (GIVEN.load(Relaxed) >> 20, status_mib("VmRSS:"));
    println!("| {step} | {tickets} | {segments} | {given} | {resident} |");
}

/// Commits a change of every tid, in batches, and runs the merges that become due.
fn commit_each(store: &mut Store, tids: &[u64], batch_tickets: usize, change: fn(&mut Batch, u64)) {
    for tids in tids.chunks(batch_tickets) {
        let mut batch = Batch::new();
        for &tid in tids {
            change(&mut batch, tid);
        }
        store.commit(batch).expect("the changes are valid");
        run_merges(store);
    }
}

fn run_merges(store: &mut Store) {
    while let Some(job) = store.merge_job() {
        store.install(job.run());
    }
}

fn remove(batch: &mut Batch, tid: u64) {
    batch.remove(tid);
}

fn patch(batch: &mut Batch, tid: u64) {
    batch.patch(tid, Patch::new().set(Field::Status, "Patched"));
}

/// Puts the tickets that another seed makes of the tids from 1 on.
fn put_all(store: &mut Store, seed: u64, batch_tickets: usize) {
    let mut tickets = Tickets::new(seed).take(tickets_count()).peekable();
    while tickets.peek().is_some() {
        let mut batch = Batch::new();
        for ticket in tickets.by_ref().take(batch_tickets) {
            batch.put(ticket);
        }
        store.commit(batch).expect("the tickets are valid");
        run_merges(store);
    }
}

/// Loads the tickets from a file, and returns their tids in an order that follows no field.
fn load(store: &mut Store) -> Vec<u64> {
    let path = std::env::temp_dir().join(format!("ticketdex-memory-{}", std::process::id()));
    let mut tids = Vec::with_capacity(tickets_count());
    let mut lines = Vec::new();
    for ticket in Tickets::new(1).take(tickets_count()) {
        tids.push(ticket.tid);
        serde_json::to_writer(&mut lines, &ticket).expect("a ticket is JSON");
        lines.push(b'\n');
    }
    fs::write(&path, lines).expect("the directory of temporary files takes one");
    let file = BufReader::new(File::open(&path).expect("it was written"));
    let import = Import::new(ImportFormat::JsonLines, file).threads(2);
    store.load(import).expect("the lines are valid");
    fs::remove_file(&path).expect("it was written");
    tids.sort_by_key(|tid| tid.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    tids
}

/// What becomes of a store that has loaded tickets.
type Life = fn(&mut Store, &[u64]);

const LIVES: [(&str, Life); 7] = [
    ("removed", |store, tids| {
        commit_each(store, tids, 1_000, remove);
        show("all removed by 1,000", &store.snapshot());
    }),
    ("one-by-one", |store, tids| {
        commit_each(store, tids, 1, remove);
        show("all removed one by one", &store.snapshot());
    }),
    ("half", |store, tids| {
        commit_each(store, &tids[..=tids.len() / 2], 1_000, remove);
        show("half and one removed by 1,000", &store.snapshot());
    }),
    ("replaced", |store, tids| {
        put_all(store, 2, 20_000);
        show("all replaced by 20,000", &store.snapshot());
        store.merge_all();
        show("merged into one", &store.snapshot());
        commit_each(store, tids, 1_000, remove);
        show("all removed by 1,000", &store.snapshot());
    }),
    ("patched", |store, tids| {
        commit_each(store, tids, 1_000, patch);
        show("all patched by 1,000", &store.snapshot());
        commit_each(store, tids, 1_000, remove);
        show("all removed by 1,000", &store.snapshot());
    }),
    ("put", |store, tids| {
        commit_each(store, tids, usize::MAX, remove);
        show("all removed in one commit", &store.snapshot());
        put_all(store, 3, 1_000);
        show("as many put by 1,000", &store.snapshot());
        commit_each(store, tids, 1_000, remove);
        show("all removed by 1,000", &store.snapshot());
    }),
    ("held", |store, tids| {
        let query: Query = "status=Open&order=subject".parse().expect("it is valid");
        let answer = store.snapshot().answer(&query);
        commit_each(store, tids, 1_000, remove);
        show("all removed, an answer held", &store.snapshot());
        drop(answer);
        show("the answer dropped", &store.snapshot());
    }),
];

fn live(name: &str) {
    let found = LIVES.iter().find(|(own, _)| *own == name);
    let (name, life) = found.expect("the name is one of a life");
    let mut store = Store::new(Options::default());
    let tids = load(&mut store);
    println!("| {name} | tickets | segments | MiB given | MiB resident |");
    println!("|---|---:|---:|---:|---:|");
    show("loaded", &store.snapshot());
    life(&mut store, &tids);
    println!("| the most | | | | {} |\n", status_mib("VmHWM:"));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(name) = arguments.iter().find_map(|it| it.strip_prefix(LIFE)) {
        return live(name);
    }
    let wanted: Vec<&String> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let program = std::env::current_exe().expect("a program knows where it is");
    for (name, _) in LIVES {
        if wanted.is_empty() || wanted.iter().any(|it| *it == name) {
            let mut command = Command::new(&program);
            command.arg(format!("{LIFE}{name}"));
            command.args((!is_test()).then_some("--bench"));
            let status = command.status().expect("this very program starts again");
            assert!(status.success(), "{name}");
        }
    }
}
