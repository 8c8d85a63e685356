//! Counts by value: of all tickets, of some, without a key's own filters, by parts of a date.
//!
//! Measured is the counting alone, without parsing, beside a look at the code of each matching row
//! (`rows`), which uses neither what is kept nor a cube, an order or a set of rows.

mod corpus;
mod scan;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::{CountMode, CountQuery, CountWay};

const EIGHT: &str = "status,source,category,sub_category,priority,escalation,uid,group";

fn counts(criterion: &mut Criterion) {
    let corpus = corpus::Corpus::new();
    let eight = format!("by={EIGHT}&status=Closed&priority=Normal&source=Email&exclude_own=Y");
    let requests = [
        ("all", "by=status"),
        ("all", "by=cid&top=10"),
        ("all", "by=date_opened.year"),
        ("all", "by=linked_asset&top=10"),
        ("filtered", &*eight),
        ("filtered", "by=cid&status=Closed&top=10"),
        (
            "filtered",
            "by=date_opened.day&start_date=2014-01-01&end_date=2014-12-31&status=Closed",
        ),
    ];
    let by_rows = CountMode {
        way: Some(CountWay::Rows),
        ..CountMode::default()
    };
    for (tickets, request) in requests {
        let query: CountQuery = format!("action=count_tickets&{request}")
            .parse()
            .expect("the request is valid");
        let counts = corpus.snapshot.count_by(&query);
        assert!(counts == corpus.snapshot.count_by_with(&query, by_rows));
        assert_eq!(counts.total(), corpus.scan.total(query.matching()));
        let shown = &request[..request.len().min(40)];
        let mut group = criterion.benchmark_group(format!("counts/{tickets}"));
        group.bench_function(BenchmarkId::new("planned", shown), |bencher| {
            bencher.iter(|| corpus.snapshot.count_by(&query).total());
        });
        group.bench_function(BenchmarkId::new("rows", shown), |bencher| {
            bencher.iter(|| corpus.snapshot.count_by_with(&query, by_rows).total());
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = counts
}
criterion_main!(benches);
