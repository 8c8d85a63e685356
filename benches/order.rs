//! Orders: page 1, page 1,000 and everything, by each strategy and by the one chosen.
//!
//! Measured is until every row of the page is known; nothing is written. A strategy that
//! cannot serve an order is left out there. A linear scan, which sorts all that matches,
//! is the yardstick; `chosen` beside the forced ones shows what the planner is worth.

mod corpus;
mod scan;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::{PlanMode, Snapshot, Strategy};

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

fn order(criterion: &mut Criterion) {
    let corpus = corpus::Corpus::new();
    for order in ORDERS {
        for (share, filters) in FILTERS {
            let mut group = criterion.benchmark_group(format!("order/{order}/{share}"));
            for (page, window) in PAGES {
                let order = order.replace(' ', "+");
                let query = corpus.checked(&format!("order={order}{filters}{window}"));
                let run = |snapshot: &Snapshot, mode| {
                    let answer = snapshot.answer_with(&query, mode);
                    answer.records().fold(0, |tids, record| tids ^ record.tid())
                };
                let expected = run(&corpus.snapshot, PlanMode::default());
                for strategy in Strategy::ALL.into_iter().map(Some).chain([None]) {
                    let mode = PlanMode {
                        strategy,
                        ..PlanMode::default()
                    };
                    let plan = corpus.snapshot.answer_with(&query, mode).explain();
                    let mut segments = plan.segments.iter();
                    if segments.any(|segment| segment.fell_back_from.is_some()) {
                        continue;
                    }
                    assert_eq!(run(&corpus.snapshot, mode), expected);
                    let name = strategy.map_or("chosen".to_owned(), |one| one.to_string());
                    group.bench_function(BenchmarkId::new(name, page), |bencher| {
                        bencher.iter(|| run(&corpus.snapshot, mode));
                    });
                }
                group.bench_function(BenchmarkId::new("scan", page), |bencher| {
                    bencher.iter(|| corpus.scan.page(&query).len());
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = order
}
criterion_main!(benches);
