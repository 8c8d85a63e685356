//! Filters: how many tickets match one, two or five, from half of all down to a few.
//!
//! Measured is the count alone, without parsing: as planned, with every row asked
//! everything (`probes`), and by a linear scan. Left out: orders, pages and keywords,
//! which have benches of their own.

mod corpus;
mod scan;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::{FilterMode, PlanMode};

/// The filters, their count and about which share of all tickets they let through.
const REQUESTS: [(&str, &str, &str); 9] = [
    ("1", "50 %", "priority=Normal"),
    ("1", "1 %", "status=Reopened"),
    ("1", "0.01 %", "cid=CID"),
    (
        "2",
        "50 %",
        "status=Closed&source=Email&source=Phone&source=Chat",
    ),
    ("2", "1 %", "status=Open&source=Email"),
    ("2", "0.01 %", "status=New&escalation=Level+3"),
    (
        "5",
        "50 %",
        "status=Closed&status=Resolved&source=Email&source=Phone&source=Web+Ticketing+System\
        &priority=Normal&priority=Low&priority=High&start_date=2014-01-02&start_tid=100",
    ),
    (
        "5",
        "1 %",
        "status=Closed&priority=Normal&source=Email&category=Hardware&group=Service+Desk",
    ),
    (
        "5",
        "0.01 %",
        "status=Open&priority=High&source=Phone&category=Hardware&group=Service+Desk",
    ),
];

fn filter(criterion: &mut Criterion) {
    let corpus = corpus::Corpus::new();
    let some_cid = &corpus.scan.tickets()[corpus.scan.tickets().len() / 2].cid;
    let probes = PlanMode {
        filters: FilterMode::Scan,
        ..PlanMode::default()
    };
    for (filters, share, request) in REQUESTS {
        let request = format!("{}&count_only=Y", request.replace("CID", some_cid));
        let query = corpus.checked(&request);
        let mut group = criterion.benchmark_group(format!("filter/{filters}"));
        group.bench_function(BenchmarkId::new("planned", share), |bencher| {
            bencher.iter(|| corpus.snapshot.answer(&query).total());
        });
        group.bench_function(BenchmarkId::new("probes", share), |bencher| {
            bencher.iter(|| corpus.snapshot.answer_with(&query, probes).total());
        });
        group.bench_function(BenchmarkId::new("scan", share), |bencher| {
            bencher.iter(|| corpus.scan.total(&query));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = filter
}
criterion_main!(benches);
