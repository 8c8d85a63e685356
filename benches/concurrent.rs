//! Readers beside a writer: how long an answer takes while the store changes.
//!
//! One to sixteen threads take a snapshot and ask for a page, each as often as criterion
//! says; beside them, or not, a writer replaces a hundred tickets a commit without pause.
//! The time is until every reader is done, so on a machine with fewer cores than threads
//! it tells how the threads share it, and not what one answer takes. Left out: merges as
//! jobs, and the distribution of single answers.

mod corpus;
mod scan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ticketdex::{Batch, Query, Reader, Store, Ticket};

/// Tickets that the writer replaces at once.
const BATCH: usize = 100;

fn concurrent(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let mut store = corpus::load(&corpus::json_lines(&tickets));
    let query: Query = "status=Closed&priority=High&count=50&order=date_opened+DESC"
        .parse()
        .expect("the request is valid");
    let total = scan::Scan::new(tickets.clone()).total(&query);
    assert_eq!(store.snapshot().answer(&query).total(), total);
    for (beside, is_written) in [("alone", false), ("beside a writer", true)] {
        let mut group = criterion.benchmark_group(format!("concurrent/{beside}"));
        for readers in [1, 2, 4, 16] {
            group.throughput(Throughput::Elements(readers));
            group.bench_function(BenchmarkId::new("readers", readers), |bencher| {
                bencher.iter_custom(|times| {
                    let reader = store.reader();
                    let is_over = AtomicBool::new(!is_written);
                    thread::scope(|scope| {
                        scope.spawn(|| write(&mut store, &tickets, &is_over));
                        let took = read(&reader, &query, (readers, times), total);
                        is_over.store(true, Ordering::Relaxed);
                        took
                    })
                });
            });
        }
        group.finish();
    }
}

/// Replaces tickets by themselves until it is over, so every total stays as it is.
fn write(store: &mut Store, tickets: &[Ticket], is_over: &AtomicBool) {
    let mut chunks = tickets.chunks(BATCH).cycle();
    while !is_over.load(Ordering::Relaxed) {
        let mut batch = Batch::new();
        for ticket in chunks.next().into_iter().flatten() {
            batch.put(ticket.clone());
        }
        store.commit(batch).expect("the tickets are valid");
    }
}

/// Lets so many threads ask so many times each; returns how long it took.
fn read(reader: &Reader, query: &Query, (readers, times): (u64, u64), total: u64) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(|| {
                for _ in 0..times {
                    assert_eq!(reader.snapshot().answer(query).total(), total);
                }
            });
        }
    });
    start.elapsed()
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = concurrent
}
criterion_main!(benches);
