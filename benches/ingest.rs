//! Taking tickets in: import, load, seal, commit and merge.
//!
//! *Structs* is the yardstick: what a program does that parses the lines into structs and indexes nothing.
//! *Import* reads JSON Lines to tickets; *load* adds the index; *seal* is a commit of many
//! tickets into an empty store, where nothing but the segment is made; *commit* replaces
//! tickets in a store that has the corpus, by batches; *merge* makes one segment of eight.
//! Left out: the other input formats, files, and a journal.

mod corpus;
mod scan;
mod structs;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ticketdex::{Batch, Import, ImportFormat, Options, Store, Ticket};

/// The tickets of a batch.
const BATCHES: [usize; 3] = [1, 100, 1_000];

/// The segments that a merge makes one of.
const SEGMENTS: usize = 8;

fn batch_of(tickets: &[Ticket]) -> Batch {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket.clone());
    }
    batch
}

fn commit(store: &mut Store, batch: Batch) -> u64 {
    let commit = store.commit(batch).expect("the tickets are valid");
    commit.tickets_count
}

fn read(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let lines = corpus::json_lines(&tickets);
    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.sample_size(10);
    group.bench_function("structs", |bencher| {
        bencher.iter_with_large_drop(|| {
            let parsed = structs::parse(&lines[..]).expect("the lines are valid");
            assert_eq!(parsed.len(), tickets.len());
            parsed
        });
    });
    for threads in [1, 2] {
        let import = || Import::new(ImportFormat::JsonLines, &lines[..]).threads(threads);
        group.bench_function(BenchmarkId::new("import", threads), |bencher| {
            bencher.iter(|| {
                let imported = import().for_each_block(|_| Ok(()));
                let imported = imported.expect("the lines are valid");
                assert_eq!(imported.tickets, tickets.len() as u64);
            });
        });
        group.bench_function(BenchmarkId::new("load", threads), |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut store = Store::new(Options::default());
                let loaded = store.load(import()).expect("the lines are valid");
                assert_eq!(loaded.commit.tickets_count, tickets.len() as u64);
                store
            });
        });
    }
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let mut group = criterion.benchmark_group("ingest");
    let some = &tickets[..tickets.len().min(10_000)];
    group.throughput(Throughput::Elements(some.len() as u64));
    group.bench_function("seal", |bencher| {
        bencher.iter_batched(
            || batch_of(some),
            |batch| commit(&mut Store::new(Options::default()), batch),
            BatchSize::LargeInput,
        );
    });
    let mut store = corpus::load(&corpus::json_lines(&tickets));
    for size in BATCHES {
        let mut chunks = tickets.chunks_exact(size).cycle();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("commit", size), |bencher| {
            bencher.iter_batched(
                || batch_of(chunks.next().expect("cycles")),
                |batch| assert_eq!(commit(&mut store, batch), tickets.len() as u64),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Elements(tickets.len() as u64));
    group.sample_size(10).bench_function("merge", |bencher| {
        bencher.iter_batched(
            || {
                let mut store = Store::new(Options::default().commit_rows_max(0));
                for part in tickets.chunks(tickets.len().div_ceil(SEGMENTS)) {
                    commit(&mut store, batch_of(part));
                }
                store
            },
            |mut store| {
                let merged = store.merge_all().tickets_count;
                assert_eq!(merged, tickets.len() as u64);
                store
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = read, write, merge
}
criterion_main!(benches);
