//! Keywords: rare, medium and common ones, of one to three letters, and of no ticket; in another
//! world than `desk` those that the world names, and the short ones.
//!
//! Measured are the count and the first page by date, each *warm*, where the rows of a
//! term may be kept from the time before, and *cold*, where nothing is kept. The yardstick
//! is a linear scan over text that is folded already. Left out: parsing and writing.

mod corpus;
mod scan;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ticketdex::PlanMode;
use ticketdex::synth::{KEYWORD_COMMON, KEYWORD_MEDIUM, KEYWORD_RARE, KEYWORD_SHORT, World};

const KEYWORDS: [(&str, &str); 8] = [
    ("rare", KEYWORD_RARE),
    ("medium", KEYWORD_MEDIUM),
    ("common", KEYWORD_COMMON),
    ("1 letter", "q"),
    ("2 letters", "nt"),
    ("3 letters", KEYWORD_SHORT),
    ("no match", "qzxwvqj"),
    ("two terms", "timeout vpn"),
];

/// Returns the keywords of the world with what they are called.
fn keywords() -> Vec<(&'static str, &'static str)> {
    if corpus::world() == World::Desk {
        return KEYWORDS.to_vec();
    }
    let named = corpus::world().keywords().iter().map(|&term| (term, term));
    let short = KEYWORDS.into_iter().filter(|(_, term)| term.len() < 3);
    named.chain(short).collect()
}

fn keyword(criterion: &mut Criterion) {
    let corpus = corpus::Corpus::new();
    for (name, keyword) in keywords() {
        let keyword = keyword.replace(' ', "+");
        let requests = [
            ("count", format!("keyword={keyword}&count_only=Y")),
            (
                "page 1",
                format!("keyword={keyword}&count=50&order=date_opened+DESC"),
            ),
        ];
        for (what, request) in requests {
            let query = corpus.checked(&request);
            let mut group = criterion.benchmark_group(format!("keyword/{what}"));
            for (heat, is_cold) in [("warm", false), ("cold", true)] {
                let mode = PlanMode {
                    is_cold,
                    ..PlanMode::default()
                };
                group.bench_function(BenchmarkId::new(heat, name), |bencher| {
                    bencher.iter(|| corpus.snapshot.answer_with(&query, mode).total());
                });
            }
            group.bench_function(BenchmarkId::new("scan", name), |bencher| {
                bencher.iter(|| (corpus.scan.total(&query), corpus.scan.page(&query).len()));
            });
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = keyword
}
criterion_main!(benches);
