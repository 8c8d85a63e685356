//! Which plan is made of a request, at what estimated cost, and what carrying it out touches;
//! and what the plans that were not chosen would have cost.
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
use ticketdex::{Batch, FilterMode, Options, PlanMode, Query, Snapshot, Store, Strategy};

const TICKETS_COUNT: usize = 30_000;

/// Beside the seeded ones: what those seldom ask for.
const REQUESTS: [&str; 51] = [
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
    // Everything, or a range of the order's own values: counts are known.
    "tid=*&order=status&count=50&page=300",
    "tid=*&order=priority DESC,cid&count=50&page=100",
    "start_date=1/1/2014&tid=*&order=date_opened DESC&count=50&page=9",
    "end_cid=m&order=cid,tid DESC&count=20",
    // A value that no ticket has beside one, and beside another such.
    "status=Open&status=no such&order=cid&count=5",
    "status=no such&status=nor this&order=cid&count=5",
    // Of the last two segments alone, where there are three.
    "start_tid=29300&tid=*&order=date_opened&count=50&page=8",
    "start_tid=29300&tid=*&order=status&count=50&page=3",
    "start_tid=29300&tid=*&order=priority,cid DESC&count=30&page=2",
    // Of the first segment alone, along an order that has all.
    "end_date=3/1/2014&tid=*&order=last_updated&count=10&page=6",
    "end_date=3/1/2014&status=Closed&tid=*&order=cid DESC&count=10&page=6",
    "end_date=3/1/2014&tid=*&order=priority,last_updated&count=10&page=9",
    // What comes before the page is just what is merged, and one row more.
    "tid=*&order=date_opened&count=48&page=2",
    "tid=*&order=date_opened&count=49&page=2",
    "tid=*&order=status,date_opened DESC&count=48&page=2&priority=Low",
    // Ranges of rows that begin and end within blocks.
    "start_tid=5000&end_tid=13000&tid=*&order=tid DESC&count=50&page=60",
    "start_tid=5000&end_tid=13000&tid=*&order=tid DESC&status=Closed&count=50&page=60",
    "start_tid=8193&end_tid=12289&tid=*&order=tid&status=Open&count=9&page=9",
    "start_tid=5000&order=status,tid DESC&category=Network&count=20",
    "start_tid=5000&order=priority DESC&status=Closed&tid=*&count=40&page=100",
    // Few rows beside a range, a pattern and a term.
    "start_date=1/1/2014&end_date=6/1/2014&status=Open&order=cid&count=50",
    "start_date=3/25/2014&end_date=3/25/2014&end_cid=m&tid=*7&count_only=Y",
    "start_cid=a&end_cid=c&start_date=1/1/2013&end_date=1/1/2016&order=last_updated&count=20",
    "keyword=error&status=Open&category=Network&source=Email&order=summary",
    "keyword=error the&start_cid=b&order=subject DESC&count=7",
    "tid=*77&start_cid=m&order=date_opened&count=50",
    "tid=1*9&keyword=vpn&order=company_name,summary&count=50",
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

/// Tells the cost of each plan that can be demanded, by segment, and the work that it took.
fn compare(snapshot: &Snapshot, request: &str, out: &mut String) {
    let query: Query = request.parse().unwrap();
    let strategies = Strategy::ALL.map(|strategy| (FilterMode::Planned, Some(strategy)));
    let filters = [FilterMode::Reversed, FilterMode::Scan].map(|filters| (filters, None));
    writeln!(out, "{request}").unwrap();
    for (filters, strategy) in strategies.into_iter().chain(filters) {
        let answer = snapshot.answer_with(
            &query,
            PlanMode {
                filters,
                strategy,
                is_cold: false,
            },
        );
        answer.records().take(1000).for_each(drop);
        let explain = answer.explain();
        let segments = explain.segments.iter();
        let served = segments
            .filter(|plan| plan.fell_back_from.is_none())
            .map(|plan| plan.cost.to_string());
        let served: Vec<String> = served.collect();
        if !served.is_empty() {
            let strategy = strategy.map_or(format!("{filters:?}"), |it| it.to_string());
            let work = explain.work;
            writeln!(
                out,
                "  {strategy}: cost {}; {} touched, {} probed, {} blocks",
                served.join(" + "),
                work.rows_touched,
                work.rows_probed,
                work.blocks
            )
            .unwrap();
        }
    }
    out.push('\n');
}

#[test]
fn plans_are_those_on_record() {
    let mut got = String::new();
    for sizes in [&[TICKETS_COUNT][..], &[24_000, 5_000, 1_000]] {
        writeln!(got, "# segments of {sizes:?} rows\n").unwrap();
        let snapshot = store(sizes).snapshot();
        let seeded = Requests::new(1, TICKETS_COUNT as u64).take(100);
        let requests = REQUESTS.map(str::to_owned).into_iter().chain(seeded);
        let requests: Vec<String> = requests.collect();
        for request in &requests {
            describe(&snapshot, request, &mut got);
        }
        // Afterwards, since what is demanded makes orders that the planner had not made.
        writeln!(got, "# every plan, in segments of {sizes:?} rows\n").unwrap();
        for request in &requests[..REQUESTS.len() + 40] {
            compare(&snapshot, request, &mut got);
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
