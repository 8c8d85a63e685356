//! Memory that goes: what a store holds once its tickets were removed, replaced or refused.
//!
//! One test, since the allocator counts for the whole process. Bytes that are given out are the
//! same on every machine; what an allocator keeps of those it got back is measured by
//! `cargo bench --bench memory`.

#[allow(dead_code, reason = "each crate counts what it needs")]
#[path = "common/given.rs"]
mod given;

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use given::{Counting, GIVEN};
use ticketdex::synth::{Requests, Tickets};
use ticketdex::{
    Batch, Field, Format, Import, ImportFormat, Options, Patch, Query, Snapshot, Store, Ticket,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TICKETS_COUNT: usize = 12_000;

/// What the list of the segments that were there last may have as room, until the next commit.
const LIST_BYTES: usize = 1 << 10;

fn tickets() -> impl Iterator<Item = Ticket> {
    Tickets::new(1).take(TICKETS_COUNT)
}

fn json_lines(tickets: impl Iterator<Item = Ticket>) -> Vec<u8> {
    let mut lines = Vec::new();
    for ticket in tickets {
        serde_json::to_writer(&mut lines, &ticket).unwrap();
        lines.push(b'\n');
    }
    lines
}

fn import(lines: &[u8]) -> Import<&[u8]> {
    Import::new(ImportFormat::JsonLines, lines).threads(2)
}

/// Loads tickets as one segment.
fn load(store: &mut Store, tickets: impl Iterator<Item = Ticket>) {
    store.load(import(&json_lines(tickets))).unwrap();
}

fn put(store: &mut Store, tickets: impl Iterator<Item = Ticket>, batch_tickets: usize) {
    let tickets: Vec<Ticket> = tickets.collect();
    for tickets in tickets.chunks(batch_tickets) {
        let mut batch = Batch::new();
        for ticket in tickets {
            batch.put(ticket.clone());
        }
        store.commit(batch).unwrap();
        run_merges(store);
    }
}

fn patch(store: &mut Store, tids: &[u64], batch_tickets: usize) {
    for tids in tids.chunks(batch_tickets) {
        let mut batch = Batch::new();
        for &tid in tids {
            let status = if tid % 3 == 0 { "Patched" } else { "Closed" };
            batch.patch(tid, Patch::new().set(Field::Status, status));
        }
        store.commit(batch).unwrap();
        run_merges(store);
    }
}

/// Removes tickets without a merge between.
fn remove(store: &mut Store, tids: &[u64], batch_tickets: usize) {
    for tids in tids.chunks(batch_tickets) {
        let mut batch = Batch::new();
        for &tid in tids {
            batch.remove(tid);
        }
        store.commit(batch).unwrap();
    }
}

fn run_merges(store: &mut Store) {
    while let Some(job) = store.merge_job() {
        store.install(job.run());
    }
}

/// Asks what makes readers keep something: every order, and keywords.
fn warm(snapshot: &Snapshot) {
    let fields = Field::ALL.iter().filter(|&&it| it != Field::CustomFields);
    let orders = fields.map(|field| format!("order={}&count=10", field.name()));
    let requests = Requests::new(1, snapshot.tickets_count()).take(200);
    for request in orders.chain(requests) {
        let query: Query = request.parse().unwrap();
        assert!(snapshot.answer(&query).count() <= snapshot.tickets_count());
    }
}

/// The tids, in an order that follows none of a field.
fn tids() -> Vec<u64> {
    let mut tids: Vec<u64> = tickets().map(|ticket| ticket.tid).collect();
    tids.sort_by_key(|tid| tid.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    tids
}

/// A life of a store after which no ticket is there.
type Life = fn(&mut Store, &[u64]);

const LIVES: [(&str, Life); 11] = [
    ("nothing was there", |_, _| {}),
    ("removed at once", |store, tids| {
        load(store, tickets());
        remove(store, tids, usize::MAX);
    }),
    ("removed by 1,000", |store, tids| {
        load(store, tickets());
        remove(store, tids, 1_000);
    }),
    ("removed one by one", |store, tids| {
        load(store, tickets());
        remove(store, tids, 1);
    }),
    ("put by 700, asked, removed", |store, tids| {
        put(store, tickets(), 700);
        warm(&store.snapshot());
        remove(store, tids, 1_000);
    }),
    ("patched, asked, removed", |store, tids| {
        load(store, tickets());
        warm(&store.snapshot());
        patch(store, tids, 900);
        patch(store, &tids[..1_000], 1);
        warm(&store.snapshot());
        remove(store, tids, 1_000);
    }),
    ("loaded upon loads, replaced by nothing", |store, _| {
        for _ in 0..3 {
            load(store, tickets());
        }
        load(store, tickets().step_by(3));
        store.replace(import(b"")).unwrap();
    }),
    (
        "removed while snapshot, answer and chunks are held",
        |store, tids| {
            load(store, tickets());
            let held = store.snapshot();
            let query: Query = "status=Open&order=subject".parse().unwrap();
            let answer = held.answer(&query);
            let mut chunks = answer.clone().into_chunks(Format::Json);
            remove(store, tids, 1_000);
            run_merges(store);
            drop(held);
            assert!(answer.count() > 0);
            let mut chunk = Vec::with_capacity(1 << 10);
            assert!(chunks.fill(&mut chunk));
        },
    ),
    (
        "a job is taken and its result comes too late",
        |store, tids| {
            load(store, tickets());
            remove(store, &tids[..=TICKETS_COUNT / 2], 1_000);
            let merged = store.merge_job().unwrap().run();
            remove(store, tids, usize::MAX);
            store.install(merged);
        },
    ),
    ("batches and loads are refused", |store, _| {
        let mut batch = Batch::new();
        for ticket in tickets() {
            batch.put(ticket);
        }
        batch.patch(u64::MAX, Patch::new());
        assert_eq!(store.commit(batch).unwrap_err().code(), "unknown_ticket");
        let mut lines = json_lines(tickets());
        lines.extend(b"{\"tid\":0}\n");
        assert!(store.load(import(&lines)).is_err());
        assert!(store.replace(import(&lines)).is_err());
    }),
    ("bad records are skipped", |store, tids| {
        let lines = json_lines(tickets());
        let bad = lines.split_inclusive(|&byte| byte == b'\n');
        let bad =
            bad.flat_map(|line| [b"{\"tid\":\"none\",".as_slice(), &line[1..], line].concat());
        let bad: Vec<u8> = bad.collect();
        let loaded = store.load(import(&bad).skip_bad(true)).unwrap();
        assert!(loaded.imported.skipped > 0);
        remove(store, tids, usize::MAX);
    }),
];

/// Returns the bytes that are given for a store after a life, but for the names, which stay, and the
/// log of removals.
fn bytes_after(options: Options, life: Life, tids: &[u64]) -> usize {
    let before = GIVEN.load(Relaxed);
    let mut store = Store::new(options);
    life(&mut store, tids);
    run_merges(&mut store);
    let given = GIVEN.load(Relaxed) - before;
    let snapshot = store.snapshot();
    assert_eq!(
        (snapshot.tickets_count(), snapshot.segments_count()),
        (0, 0)
    );
    given - snapshot.memory().names - snapshot.memory().removals
}

fn no_ticket_is_no_memory() {
    let tids = tids();
    for bytes_max in [None, Some(1 << 30)] {
        let options = || {
            bytes_max.map_or_else(Options::default, |bytes| {
                Options::default().memory_bytes_max(bytes)
            })
        };
        // The first store of a thread takes what the next ones share.
        bytes_after(options(), LIVES[0].1, &tids);
        let empty = bytes_after(options(), LIVES[0].1, &tids);
        for (name, life) in LIVES {
            let bytes = bytes_after(options(), life, &tids);
            println!("{name}: {bytes} bytes, {empty} when empty");
            assert!(
                bytes <= empty * 13 / 10 + LIST_BYTES,
                "{name}: {bytes} bytes"
            );
        }
    }
}

/// Whatever is left takes about what a store of it takes that never had more: twice at most, as
/// much may be dead as is live.
fn what_is_left_takes_its_own_size() {
    let long = |ticket: Ticket| Ticket {
        summary: ticket
            .summary
            .repeat(if ticket.tid % 16 == 1 { 60 } else { 1 }),
        ..ticket
    };
    let tids = tids();
    let (long_tids, short_tids): (Vec<u64>, Vec<u64>) = tids.iter().partition(|&tid| tid % 16 == 1);
    let lives: [(&str, Vec<u64>); 4] = [
        ("half", tids[..TICKETS_COUNT / 2].to_vec()),
        ("two thirds", tids[..TICKETS_COUNT / 3 * 2].to_vec()),
        ("99 of 100", tids[..TICKETS_COUNT / 100 * 99].to_vec()),
        ("the long ones", long_tids),
    ];
    assert!(short_tids.len() > TICKETS_COUNT / 2);
    for (name, removed) in lives {
        let before = GIVEN.load(Relaxed);
        let mut store = Store::new(Options::default());
        load(&mut store, tickets().map(long));
        let loaded = GIVEN.load(Relaxed) - before;
        for removed in removed.chunks(500) {
            remove(&mut store, removed, 500);
            run_merges(&mut store);
        }
        let bytes = GIVEN.load(Relaxed) - before;
        drop(store);
        let removed: HashSet<u64> = removed.into_iter().collect();
        let before = GIVEN.load(Relaxed);
        let mut fresh = Store::new(Options::default());
        let left = tickets().map(long).filter(|it| !removed.contains(&it.tid));
        load(&mut fresh, left);
        let fresh_bytes = GIVEN.load(Relaxed) - before;
        println!("{name} removed: {loaded} bytes, then {bytes}; {fresh_bytes} when made so");
        assert!(bytes <= fresh_bytes * 21 / 10, "{name}: {bytes} bytes");
    }
}

#[test]
fn memory_goes_with_the_tickets() {
    no_ticket_is_no_memory();
    what_is_left_takes_its_own_size();
}
