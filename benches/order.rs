//! Orders: page 1, page 1,000 and everything, by each strategy and by the one chosen.
//!
//! Measured is until every row of the page is known; nothing is written. A strategy that
//! cannot serve an order is left out there. A linear scan, which sorts all that matches,
//! is the yardstick; `chosen` beside the forced ones shows what the planner is worth. Where a first key
//! has few values, so that many tickets tie in it, pages are asked by place too: the scan knows none,
//! so each strategy's page is compared with the one of that number.

mod corpus;
mod scan;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::{PlanMode, Query, Snapshot, Strategy};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

const ORDERS: [&str; 5] = [
    "tid DESC",
    "date_opened DESC",
    "last_updated",
    "company_name DESC",
    "priority,date_opened DESC",
];

const FILTERS: [(&str, &str); 2] = [("all", ""), ("few", "&status=Closed&priority=High")];

const PAGES: [(&str, &str); 3] = [
    ("page 1", "&tid=*&count=50&page=1"),
    ("page 1,000", "&tid=*&count=50&page=1000"),
    ("everything", ""),
];

/// An order with two keys of which the first has few values.
const TIED: &str = "priority,date_opened";

const TIED_PAGES: [(&str, &str); 3] = [
    ("page 1", "&tid=*&count=50&page=1"),
    ("page 2", "&tid=*&count=50&page=2"),
    ("page 1,000", "&tid=*&count=50&page=1000"),
];

/// The row of the order that a place is behind, if there are as many.
const PLACE_AT: u64 = 50_000;

/// Returns what tells one page from another.
fn run(snapshot: &Snapshot, query: &Query, mode: PlanMode) -> u64 {
    let answer = snapshot.answer_with(query, mode);
    answer.records().fold(0, |tids, record| tids ^ record.tid())
}

/// Measures every strategy that serves a query, and the one chosen.
fn measure(group: &mut Group<'_>, snapshot: &Snapshot, page: &str, query: &Query, expected: u64) {
    for strategy in Strategy::ALL.into_iter().map(Some).chain([None]) {
        let mode = PlanMode {
            strategy,
            ..PlanMode::default()
        };
        let plan = snapshot.answer_with(query, mode).explain();
        let mut segments = plan.segments.iter();
        if segments.any(|segment| segment.fell_back_from.is_some()) {
            continue;
        }
        assert_eq!(run(snapshot, query, mode), expected);
        let name = strategy.map_or("chosen".to_owned(), |one| one.to_string());
        group.bench_function(BenchmarkId::new(name, page), |bencher| {
            bencher.iter(|| run(snapshot, query, mode));
        });
    }
}

fn order(criterion: &mut Criterion) {
    let corpus = corpus::Corpus::new();
    for order in ORDERS {
        for (share, filters) in FILTERS {
            let mut group = criterion.benchmark_group(format!("order/{order}/{share}"));
            for (page, window) in PAGES {
                let order = order.replace(' ', "+");
                let query = corpus.checked(&format!("order={order}{filters}{window}"));
                let expected = run(&corpus.snapshot, &query, PlanMode::default());
                measure(&mut group, &corpus.snapshot, page, &query, expected);
                group.bench_function(BenchmarkId::new("scan", page), |bencher| {
                    bencher.iter(|| corpus.scan.page(&query).len());
                });
            }
            group.finish();
        }
    }
    for (share, filters) in [("all", ""), ("closed", "&status=Closed")] {
        let mut group = criterion.benchmark_group(format!("order/{TIED}/{share}"));
        tied(&mut group, &corpus, &format!("order={TIED}{filters}"));
        group.finish();
    }
}

/// Measures pages of an order in which many tickets tie, by number and by place.
fn tied(group: &mut Group<'_>, corpus: &corpus::Corpus, request: &str) {
    let snapshot = &corpus.snapshot;
    for (page, window) in TIED_PAGES {
        let query = corpus.checked(&format!("{request}{window}"));
        let expected = run(snapshot, &query, PlanMode::default());
        measure(group, snapshot, page, &query, expected);
    }
    // In whole pages, so that the page behind the place is one of those by number.
    let total = snapshot.answer(&corpus.checked(request)).total();
    let pages_before = (PLACE_AT.min(total / 2) / 50).max(1);
    let by_number = |page| corpus.checked(&format!("{request}&tid=*&count=50&page={page}"));
    let before = snapshot.answer(&by_number(pages_before));
    let place = before.next().expect("half of the tickets follow");
    let query = format!("{request}&count=50&after={place}");
    let query: Query = query.parse().expect("the request is valid");
    let expected = run(snapshot, &by_number(pages_before + 1), PlanMode::default());
    measure(group, snapshot, "by place", &query, expected);
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = order
}
criterion_main!(benches);
