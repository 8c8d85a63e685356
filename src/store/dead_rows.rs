//! Tests of dead rows: when merges that free them are due, and how many stay.

use std::collections::BTreeSet;

use super::*;
use crate::model::batch::Patch;
use crate::model::{Field, Ticket};
use crate::segment::LONG_FIELDS;

fn ticket(tid: u64, summary_bytes: usize) -> Ticket {
    Ticket {
        tid,
        summary: "s".repeat(summary_bytes),
        ..Ticket::default()
    }
}

fn put(store: &mut Store, tids: impl Iterator<Item = u64>, summary_bytes: usize) {
    let mut batch = Batch::new();
    for tid in tids {
        batch.put(ticket(tid, summary_bytes));
    }
    store.commit(batch).unwrap();
}

fn remove(store: &mut Store, tids: impl Iterator<Item = u64>) {
    let mut batch = Batch::new();
    for tid in tids {
        batch.remove(tid);
    }
    store.commit(batch).unwrap();
}

fn patch(store: &mut Store, tids: impl Iterator<Item = u64>) {
    let mut batch = Batch::new();
    for tid in tids {
        batch.patch(tid, Patch::new().set(Field::Status, "Patched"));
    }
    store.commit(batch).unwrap();
}

/// Runs the jobs that are due until none is, and returns how many there were.
fn run_jobs(store: &mut Store) -> usize {
    let mut count = 0;
    while let Some(job) = store.merge_job() {
        store.install(job.run());
        count += 1;
        assert!(count < 100, "jobs come to no end");
    }
    count
}

/// Returns the number of rows and the bytes of long texts in memory, dead ones included.
fn held(store: &Store) -> (u32, u64) {
    let snapshot = store.snapshot();
    let whole = snapshot
        .segments()
        .iter()
        .filter(|live| live.segment.revision().is_none());
    whole.fold((0, 0), |(rows, bytes), live| {
        let own = live.segment.text_bytes();
        (rows + live.segment.rows_count(), bytes + own)
    })
}

#[test]
fn a_few_long_texts_go_when_they_are_most_of_a_segment() {
    let mut store = Store::new(Options::default().commit_rows_max(16));
    put(&mut store, 1..=97, 10);
    put(&mut store, 98..=100, 60_000);
    store.merge_all();
    assert_eq!(held(&store), (100, 970 + 180_000));
    // With one of the three long texts dead, no merge is due; with two, one is.
    remove(&mut store, 98..=98);
    assert_eq!((run_jobs(&mut store), held(&store)), (0, (100, 180_970)));
    remove(&mut store, 99..=99);
    assert_eq!((run_jobs(&mut store), held(&store)), (1, (98, 60_970)));
    // The text of a revised row is not dead, although the row is.
    patch(&mut store, 100..=100);
    assert_eq!((run_jobs(&mut store), held(&store)), (0, (98, 60_970)));
    remove(&mut store, 100..=100);
    // The base is large, so a job merges it and not a commit.
    assert_eq!((run_jobs(&mut store), held(&store)), (1, (97, 970)));
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
}

#[test]
fn commits_merge_small_segments_that_are_mostly_dead() {
    let mut store = Store::new(Options::default());
    put(&mut store, 1..=100, 10);
    remove(&mut store, 1..=50);
    assert_eq!(held(&store), (100, 1_000));
    remove(&mut store, 51..=51);
    assert_eq!(held(&store), (49, 490));
    put(&mut store, 101..=101, 10_000);
    put(&mut store, 102..=102, 10_000);
    store.merge_all();
    assert_eq!(held(&store), (51, 20_490));
    remove(&mut store, 102..=102);
    assert_eq!(held(&store), (51, 20_490));
    remove(&mut store, 101..=101);
    assert_eq!(held(&store), (49, 490));
    assert!(store.merge_job().is_none());
}

#[test]
fn a_large_revision_that_is_mostly_dead_is_due() {
    let mut store = Store::new(Options::default().commit_rows_max(16));
    put(&mut store, 1..=1_000, 10);
    patch(&mut store, 1..=100);
    remove(&mut store, 1..=50);
    assert_eq!(run_jobs(&mut store), 0);
    remove(&mut store, 51..=51);
    assert_eq!(run_jobs(&mut store), 1);
    let snapshot = store.snapshot();
    let revisions = snapshot.segments().iter().map(|live| &live.segment);
    let mut revisions = revisions.filter(|segment| segment.revision().is_some());
    assert_eq!(revisions.next().unwrap().rows_count(), 49);
    assert_eq!(snapshot.check_invariants(), Ok(()));
}

/// Returns the next pseudorandom number.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Makes a batch of puts, patches or removals; half of the batches remove tickets.
fn random_batch(state: &mut u64, tids: &mut BTreeSet<u64>) -> Batch {
    let mut batch = Batch::new();
    let kind = next(state) % 4;
    if kind == 0 {
        for _ in 0..=next(state) % 200 {
            let tid = 1 + next(state) % 1_000;
            let summary_bytes = [0, 10, 300, 5_000][(next(state) % 4) as usize];
            batch.put(ticket(tid, summary_bytes));
            tids.insert(tid);
        }
        return batch;
    }
    let share = next(state) % 100;
    for tid in tids.clone() {
        match kind {
            _ if next(state) % 100 >= share => {}
            1 => {
                batch.patch(tid, Patch::new().set(Field::Status, "Patched"));
            }
            _ => {
                batch.remove(tid);
                tids.remove(&tid);
            }
        }
    }
    batch
}

#[test]
fn as_much_is_live_as_is_dead_whatever_the_batches_are() {
    const ROW_BYTES: u64 = 256;
    for seed in 1..=40 {
        let mut state = seed;
        let mut store = Store::new(Options::default().commit_rows_max(64));
        let mut tids = BTreeSet::new();
        for step in 0..60 {
            store.commit(random_batch(&mut state, &mut tids)).unwrap();
            run_jobs(&mut store);
            // Where there are more small segments than one commit may merge, the next commits merge the rest.
            for _ in 0..3 {
                store.commit(Batch::new()).unwrap();
                run_jobs(&mut store);
            }
            let snapshot = store.snapshot();
            let text_bytes = |&tid: &u64| {
                let record = snapshot.get(tid).unwrap();
                let bytes = LONG_FIELDS.map(|field| record.text(field).len() as u64);
                bytes.iter().sum::<u64>()
            };
            let (live, live_bytes) = (tids.len() as u64, tids.iter().map(text_bytes).sum::<u64>());
            let (rows, bytes) = held(&store);
            let context = format!("seed {seed}, step {step}: {rows} rows for {live} tickets");
            assert!(u64::from(rows) <= 2 * live, "{context}");
            let live_weight = live * ROW_BYTES + live_bytes;
            let weight = u64::from(rows) * ROW_BYTES + bytes;
            assert!(
                weight <= 2 * live_weight,
                "{context}, {bytes} bytes for {live_bytes}"
            );
            assert_eq!(snapshot.check_invariants(), Ok(()), "{context}");
        }
    }
}
