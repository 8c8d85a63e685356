//! What `memory` says against what the allocator gave, and the budget against both.
//!
//! One test, since the allocator counts for the whole process. It also tells how much a
//! merge takes beside what it merges, and how often the shortest request allocates.

#[allow(dead_code, reason = "each crate counts what it needs")]
#[path = "common/given.rs"]
mod given;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use given::{CALLS, Counting, GIVEN, PEAK};
use ticketdex::synth::{Requests, Tickets};
use ticketdex::{Batch, Field, Options, Patch, Query, Reader, Snapshot, Store, Ticket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Checks what a store says of itself; `before` is what was given before there was one.
fn check(snapshot: &Snapshot, before: usize, context: &str) {
    let given = GIVEN.load(Relaxed) - before;
    let memory = snapshot.memory();
    println!(
        "{context:20} {:9} tickets, {:3} segments, {:11} bytes said, {given:11} given",
        snapshot.tickets_count(),
        snapshot.segments_count(),
        memory.total(),
    );
    let off = memory.total().abs_diff(given);
    // It is off by 0.05 % at most; a structure that is left out would be more.
    assert!(off <= given / 500, "{context}: {memory:?}");
}

fn put(tickets: impl Iterator<Item = Ticket>) -> Batch {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket);
    }
    batch
}

/// Changes what help desks change most: no text, so no ticket is indexed anew.
fn patch(tids: &[u64]) -> Batch {
    let mut batch = Batch::new();
    for &tid in tids {
        let status = if tid % 3 == 0 { "Patched" } else { "Closed" };
        let patch = Patch::new().set(Field::Status, status);
        batch.patch(tid, patch.set(Field::LastUpdated, "2026-01-02"));
    }
    batch
}

/// Asks what makes readers keep something: every order, and many keywords.
fn warm(snapshot: &Snapshot, seed: u64) {
    let orders = ticketdex::Field::ALL.map(|field| format!("order={}", field.name()));
    let requests = Requests::new(seed, snapshot.tickets_count()).take(400);
    let orders = orders.into_iter().filter(|it| it != "order=custom_fields");
    for request in orders.map(|it| it + "&count=10").chain(requests) {
        let query: Query = request.parse().unwrap();
        assert!(snapshot.answer(&query).count() <= snapshot.tickets_count());
    }
}

fn counts_are_right_throughout(tickets_count: usize) {
    let before = GIVEN.load(Relaxed);
    let mut tickets = Tickets::new(1);
    let mut store = Store::new(Options::default());
    store
        .commit(put(tickets.by_ref().take(tickets_count)))
        .unwrap();
    check(&store.snapshot(), before, "cold");
    warm(&store.snapshot(), 1);
    check(&store.snapshot(), before, "warm");
    for ticket in tickets.by_ref().take(300) {
        store.commit(put(std::iter::once(ticket))).unwrap();
    }
    for _ in 0..5 {
        store.commit(put(tickets.by_ref().take(9_000))).unwrap();
    }
    let updated = Tickets::new(1).step_by(7).take(tickets_count / 14);
    let updated = updated.map(|ticket| Ticket {
        status: "Updated".into(),
        ..ticket
    });
    store.commit(put(updated)).unwrap();
    check(&store.snapshot(), before, "after commits");
    warm(&store.snapshot(), 2);
    check(&store.snapshot(), before, "warm after commits");
    let tids: Vec<u64> = Tickets::new(1)
        .step_by(5)
        .take(tickets_count / 20)
        .map(|it| it.tid)
        .collect();
    let (singles, batched) = tids.split_at(300);
    for tids in singles.chunks(1).chain(batched.chunks(700)) {
        store.commit(patch(tids)).unwrap();
    }
    check(&store.snapshot(), before, "after patches");
    warm(&store.snapshot(), 3);
    check(&store.snapshot(), before, "warm after patches");
    let count = store.snapshot().segments_count();
    while let Some(job) = store.merge_job() {
        store.install(job.run());
    }
    assert!(store.snapshot().segments_count() < count);
    check(&store.snapshot(), before, "after jobs");
    let unmerged = GIVEN.load(Relaxed);
    PEAK.store(unmerged, Relaxed);
    store.merge_all();
    let peak = PEAK.load(Relaxed) - unmerged;
    println!("merging {unmerged} bytes took {peak} more at most");
    assert!(peak <= unmerged, "a merge takes its inputs' size again");
    check(&store.snapshot(), before, "merged");
    drop(store);
    let left = GIVEN.load(Relaxed) - before;
    assert!(left < 100_000, "{left} bytes are left of a dropped store");
}

/// What each segment has beside its values is lost in the size of a large store, so here are
/// many with one ticket each: 73 bytes of 15,200 are not told.
fn frames_are_counted(segments_count: u64) {
    let before = GIVEN.load(Relaxed);
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for tid in 1..=segments_count {
        let ticket = Ticket {
            tid,
            ..Ticket::default()
        };
        store.commit(put(std::iter::once(ticket))).unwrap();
    }
    let given = GIVEN.load(Relaxed) - before;
    let off = store.snapshot().memory().total().abs_diff(given);
    println!("{segments_count} segments of one ticket: {given} given, off by {off}");
    assert!(off <= segments_count as usize * 96);
}

/// Commits until the budget refuses, while a reader asks for what it would keep, and pauses.
///
/// A fast reader fills the room as it comes; a slow one leaves it to the commits at first.
fn a_budget_is_kept(bytes_max: usize, pause: Duration) {
    let mut store = Store::new(Options::default().memory_bytes_max(bytes_max));
    let mut tickets = Tickets::new(2);
    let is_within = |reader: &Reader| reader.snapshot().memory().total() <= bytes_max;
    let (error, after) = std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let reader = store.reader();
        scope.spawn(move || {
            let mut requests = Requests::new(1, 20_000);
            while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                let query: Query = requests.next().unwrap().parse().unwrap();
                reader.snapshot().answer(&query);
                assert!(is_within(&reader));
                std::thread::sleep(pause);
            }
        });
        let refused = loop {
            let before = store.snapshot();
            let batch = put(tickets.by_ref().take(500));
            match store.commit(batch) {
                Ok(_) => assert!(is_within(&store.reader())),
                Err(error) => {
                    let after = store.snapshot();
                    assert_eq!(after.version(), before.version());
                    break (error, after);
                }
            }
        };
        drop(done);
        refused
    });
    // Only now: what a reader keeps between two sums would be a difference of them.
    assert_eq!(after.check_invariants(), Ok(()));
    assert_eq!(
        (error.code(), error.is_request()),
        ("too_much_memory", false)
    );
    let snapshot = store.snapshot();
    let total = snapshot.memory().total();
    println!(
        "{total} of {bytes_max} bytes for {} tickets",
        snapshot.tickets_count()
    );
    assert!(total * 10 >= bytes_max * 8, "refused too early");
    warm(&snapshot, 3);
    assert!(is_within(&store.reader()));
    // A removal takes room, which readers give; what it removes makes some, once merged away.
    let mut removal = Batch::new();
    for ticket in Tickets::new(2).take(20_000) {
        removal.remove(ticket.tid);
    }
    store.commit(removal).unwrap();
    while let Some(job) = store.merge_job() {
        store.install(job.run());
    }
    assert!(store.snapshot().memory().total() < total / 2);
    store.commit(put(tickets.take(500))).unwrap();
}

/// An allocation, given back, is some 20 of the 470 ns of such a request: none may creep in.
fn counts_allocate_little() {
    let mut store = Store::new(Options::default());
    store.commit(put(Tickets::new(1).take(1_000))).unwrap();
    let snapshot = store.snapshot();
    let calls = |request: &str| {
        let before = CALLS.load(Relaxed);
        let query: Query = request.parse().unwrap();
        let answer = snapshot.answer(&query);
        let calls = CALLS.load(Relaxed) - before;
        assert!(answer.total() > 0 && answer.explain().segments.len() == 1);
        calls
    };
    // What clones of the answer share.
    assert_eq!(calls("count_only=Y"), 1);
    // The value that was read, and its list.
    assert_eq!(calls("status=Open&count_only=Y"), 1 + 2);
    assert_eq!(calls("status=Open&priority=High&count_only=Y"), 1 + 4);
}

#[test]
fn memory_is_what_the_allocator_says() {
    counts_allocate_little();
    frames_are_counted(64);
    frames_are_counted(200);
    counts_are_right_throughout(100_000);
    for milliseconds in [0, 3, 45] {
        a_budget_is_kept(30 << 20, Duration::from_millis(milliseconds));
    }
}
