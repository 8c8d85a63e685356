//! Which plan is made of a request, at what estimated cost, and what carrying it out touches.
//!
//! Every plan gives the same answer, so no other test sees a planner that chooses badly: a
//! request that takes ten times as long is still right. Here requests that look like a help
//! desk's are asked of seeded stores, and what `explain` tells is compared with
//! `golden/plans.txt`, to the number. Whoever changes an estimate sees there what it changes:
//! `TICKETDEX_WRITE_PLANS=1 cargo test --features synth --test plans` writes the file anew, and
//! `benches/regret.rs` tells whether it became better.

use std::fmt::Write;
use std::path::Path;

use ticketdex::synth::{Requests, Tickets};
use ticketdex::{Batch, Options, PlanMode, Query, Snapshot, Store};

const TICKETS_COUNT: usize = 30_000;

/// Beside the seeded ones: what those seldom ask for.
const REQUESTS: [&str; 24] = [
    "count_only=Y",
    "tid=*&count=50&page=200",
    "tid=*&count=50&page=200&order=date_opened",
    "tid=*&count=50&page=200&order=date_opened DESC&status=Closed",
    "tid=*&count=50&page=9&order=status,date_opened&priority=High",
    "tid=*&count=50&page=90&order=company_name DESC",
    "order=subject&count=5",
    "order=summary DESC&count=5&status=Open",
    "order=priority,date_opened&count=50&status=Open&category=Network&source=Email",
    "order=cid&count=50&status=Closed&priority=High&category=Network",
    "order=last_updated DESC&count=50&status=Closed&priority=High&category=Network",
    "order=custom_fields.Serial&count=20&status=Closed",
    "order=source,tid DESC&count=20&start_tid=10000&end_tid=12000",
    "start_tid=10000&end_tid=20000&order=last_updated&count=50",
    "start_cid=j&order=date_opened&count=50",
    "start_cid=j&end_cid=k&count_only=Y",
    "tid=*7*&count=50&order=date_opened",
    "tid=1*&status=Open&count_only=Y",
    "keyword=error&count=50&order=date_opened DESC",
    "keyword=error vpn&status=Closed&count=50",
    "keyword=e&count_only=Y",
    "keyword=nothing-has-this&status=Open",
    "status=Open&status=Closed&priority=High&priority=Low&count=50&order=priority,cid",
    "status=no such&order=cid&count=5",
];

/// Makes a store of batches that are never merged; the later ones also replace and remove.
fn store(sizes: &[usize]) -> Store {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut tickets = Tickets::new(1).take(TICKETS_COUNT);
    let mut known = Vec::new();
    for (index, &size) in sizes.iter().enumerate() {
        let mut batch = Batch::new();
        for (at, mut ticket) in tickets.by_ref().take(size).enumerate() {
            if index > 0 && at % 8 == 0 {
                ticket.tid = known[at * 7919 % known.len()];
            }
            known.push(ticket.tid);
            batch.put(ticket);
        }
        if index > 0 {
            for at in 0..size / 10 {
                batch.remove(known[at * 104_729 % known.len()]);
            }
        }
        store.commit(batch).unwrap();
    }
    store
}

fn describe(snapshot: &Snapshot, request: &str, out: &mut String) {
    let query: Query = request.parse().unwrap();
    let cold = PlanMode {
        is_cold: true,
        ..PlanMode::default()
    };
    let explain = |mode| {
        let answer = snapshot.answer_with(&query, mode);
        // An export's work is done as it is read.
        let read_count = answer.records().take(1000).count();
        format!("{}\n{read_count} read", answer.explain())
    };
    let cold = explain(cold);
    let warm = explain(PlanMode::default());
    writeln!(out, "{request}\n{cold}").unwrap();
    if warm != cold {
        writeln!(out, "warm:\n{warm}").unwrap();
    }
    out.push('\n');
}

#[test]
fn plans_are_those_on_record() {
    let mut got = String::new();
    for sizes in [&[TICKETS_COUNT][..], &[24_000, 5_000, 1_000]] {
        writeln!(got, "# segments of {sizes:?} rows\n").unwrap();
        let snapshot = store(sizes).snapshot();
        for request in REQUESTS {
            describe(&snapshot, request, &mut got);
        }
        for request in Requests::new(1, TICKETS_COUNT as u64).take(100) {
            describe(&snapshot, &request, &mut got);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plans.txt");
    if std::env::var_os("TICKETDEX_WRITE_PLANS").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (got, expected) in got.split("\n\n").zip(expected.split("\n\n")) {
        assert!(got == expected, "got\n{got}\n\nexpected\n{expected}");
    }
    assert_eq!(got.len(), expected.len());
}
