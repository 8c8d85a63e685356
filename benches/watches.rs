//! What changed: in one answer between two snapshots, and for 10,000 standing queries after a commit.
//!
//! Of every ten tickets of a commit, six are patched, three are replaced with another text, and one is
//! removed. *changes* is `changes_since` of one query, beside what it replaces: both answers whole, and a
//! comparison of their ticket numbers (`answers`). *watches* is one call after a commit of 100 tickets,
//! with 10,000 queries of a kind: `mine` is each technician's own open tickets, of as many technicians;
//! `mixed` has filters of tickets that there are, one in a hundred of them keywords; `keywords` has
//! nothing but keywords. *insert* lets one more query stand. Left out: the commit itself, and what a
//! program does with what it is told.

mod corpus;
mod scan;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::{
    Batch, Changes, Direction, Field, Patch, Query, Snapshot, Store, Ticket, WatchId, Watches,
};

const WATCHES_COUNT: usize = 10_000;
const COMMITS: [usize; 3] = [1, 100, 10_000];

fn technician(number: usize) -> String {
    format!("agent{:05}", number % WATCHES_COUNT)
}

/// Changes some tickets that stand apart by the same step.
fn batch_of(tickets: &[Ticket], count: usize) -> Batch {
    let step = (tickets.len() / count).max(1);
    let mut batch = Batch::new();
    for (at, ticket) in tickets.iter().step_by(step).take(count).enumerate() {
        match at % 10 {
            0..6 => {
                let patch = Patch::new()
                    .set(Field::Status, "Open")
                    .set(Field::AssignedTech, technician(at));
                batch.patch(ticket.tid, patch)
            }
            6..9 => batch.put(Ticket {
                summary: format!("{} and more", ticket.summary),
                status: "Closed".to_owned(),
                assigned_tech: technician(at),
                ..ticket.clone()
            }),
            _ => batch.remove(ticket.tid),
        };
    }
    batch
}

/// A store, and its snapshots around a commit of some tickets.
fn commit(store: &mut Store, tickets: &[Ticket], count: usize) -> (Snapshot, Snapshot) {
    let older = store.snapshot();
    let there = tickets.iter().filter(|it| older.get(it.tid).is_some());
    let there: Vec<Ticket> = there.cloned().collect();
    store.commit(batch_of(&there, count)).expect("valid");
    (older, store.snapshot())
}

/// How many tickets entered and left, by both answers whole.
fn by_answers(older: &Snapshot, newer: &Snapshot, query: &Query) -> (u64, u64) {
    let (before, after) = (older.answer(query).tids(), newer.answer(query).tids());
    ((&after - &before).len(), (&before - &after).len())
}

fn checked(older: &Snapshot, newer: &Snapshot, query: &Query) -> Changes {
    let changes = newer.changes_since(older, query).expect("of one store");
    let counts = (
        changes.entered().count() as u64,
        changes.left().count() as u64,
    );
    assert_eq!(counts, by_answers(older, newer, query), "{query}");
    changes
}

fn changes(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let mut store = corpus::lived();
    let mut group = criterion.benchmark_group("changes");
    for count in COMMITS {
        let (older, newer) = commit(&mut store, &tickets, count);
        for (name, request) in [
            ("all", ""),
            (
                "filtered",
                "status=Open&priority=High&priority=Normal&order=cid",
            ),
        ] {
            let query: Query = request.parse().expect("valid");
            checked(&older, &newer, &query);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| newer.changes_since(&older, &query).map(|it| it.count()));
            });
            if count == COMMITS[0] {
                group.bench_function(
                    BenchmarkId::new(format!("{name}/answers"), count),
                    |bencher| {
                        bencher.iter(|| by_answers(&older, &newer, &query));
                    },
                );
            }
        }
    }
    group.finish();
}

/// Makes the query of a watch, of the tickets that there are.
type Make = fn(usize, &[Ticket]) -> Query;

fn mine(at: usize, _: &[Ticket]) -> Query {
    let query = Query::builder().any_of(Field::AssignedTech, [technician(at)]);
    query
        .any_of(Field::Status, ["Open"])
        .build()
        .expect("valid")
}

fn mixed(at: usize, tickets: &[Ticket]) -> Query {
    let ticket = &tickets[at * 37 % tickets.len()];
    let query = Query::builder();
    let query = match at % 100 {
        0 => query.keyword("printer error"),
        1..20 => query
            .any_of(Field::Cid, [ticket.cid.as_str()])
            .order(Field::DateOpened, Direction::Descending),
        20..40 => query
            .any_of(Field::AssignedTech, [technician(at)])
            .any_of(Field::Status, ["Open", "In Progress"]),
        40..60 => query
            .any_of(
                Field::AssignedGroupName,
                [ticket.assigned_group_name.as_str()],
            )
            .any_of(Field::SubCategory, [ticket.sub_category.as_str()])
            .any_of(Field::CompanyId, [ticket.company_id])
            .order(Field::LastUpdated, Direction::Descending),
        60..80 => query.tid(ticket.tid),
        _ => match ticket.due_date {
            Some(due) => query
                .at_least(Field::DueDate, due - ticketdex::chrono::TimeDelta::hours(1))
                .at_most(Field::DueDate, due + ticketdex::chrono::TimeDelta::hours(1)),
            None => query
                .is_empty(Field::DueDate)
                .any_of(Field::Cid, [ticket.cid.as_str()]),
        },
    };
    query.build().expect("valid")
}

fn keywords(at: usize, _: &[Ticket]) -> Query {
    let query = Query::builder().keyword(&format!("printer{at}"));
    query.build().expect("valid")
}

fn watches(criterion: &mut Criterion) {
    let tickets = corpus::tickets();
    let mut store = corpus::lived();
    let (older, newer) = commit(&mut store, &tickets, 100);
    let mut group = criterion.benchmark_group("watches");
    let kinds: [(&str, Make); 3] = [("mine", mine), ("mixed", mixed), ("keywords", keywords)];
    for (name, make) in kinds {
        let mut watches = Watches::new();
        let queries = (0..WATCHES_COUNT).map(|at| make(at, &tickets));
        let ids: Vec<(WatchId, Query)> = queries
            .map(|query| (watches.insert(query.clone()), query))
            .collect();
        let concerned = watches.changes(&older, &newer).expect("of one store");
        println!("{name}: {} watches are concerned", concerned.len());
        for (id, query) in ids.iter().step_by(101) {
            let told = concerned.iter().find(|(own, _)| own == id);
            let told = told.map_or(0, |(_, changes)| changes.count());
            assert_eq!(told, checked(&older, &newer, query).count(), "{query}");
        }
        group.bench_function(BenchmarkId::new("changes", name), |bencher| {
            bencher.iter(|| watches.changes(&older, &newer).map(|it| it.len()));
        });
        group.bench_function(BenchmarkId::new("insert", name), |bencher| {
            bencher.iter_batched(
                || ids[ids.len() / 2].1.clone(),
                |query| watches.insert(query),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = changes, watches
}
criterion_main!(benches);
