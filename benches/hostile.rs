//! Hostile sizes: how much longer four times the length takes.
//!
//! Each request and input of `tests/common/hostile.rs` and a quarter of it are parsed and answered,
//! or read, by turns, so that whatever slows the machine slows both; of each the least time counts.
//! Each answer is that of a store which nobody has asked, so that nothing kept hides a cost. What is
//! linear takes about four times as long, what is quadratic sixteen; over [`RATIO_MAX`] it fails.

#[path = "../tests/common/mod.rs"]
mod common;
mod corpus;
mod scan;

use std::time::{Duration, Instant};

use common::hostile::{
    TICKETS_COUNT, huge_documents, huge_lines, long_keywords, long_requests, long_tid_patterns,
    read, snapshot,
};
use ticketdex::{PlanMode, Query, Snapshot, Store, Strategy, Ticket};

/// The ratio that is good enough: larger caches are missed, and trees are deeper.
const RATIO_MAX: f64 = 8.0;

/// Below this the time of the whole is too short to be told from noise.
const WHOLE_MIN: Duration = Duration::from_millis(1);

const ROUNDS_COUNT: usize = 7;

/// Returns the least time of a quarter and of the whole, by turns.
fn least(rounds_count: usize, run: impl Fn(usize) -> Duration) -> [Duration; 2] {
    let mut least = [Duration::MAX; 2];
    for _ in 0..rounds_count {
        for (at, time) in least.iter_mut().enumerate() {
            *time = run(at).min(*time);
        }
    }
    least
}

/// Parses a request and answers it, if it can be; returns what that took.
fn answer(request: &str) -> Duration {
    let snapshot = snapshot();
    let start = Instant::now();
    if let Ok(query) = request.parse::<Query>() {
        assert!(snapshot.answer(&query).total() <= TICKETS_COUNT as u64);
    }
    start.elapsed()
}

/// Makes tickets whose summaries are each the start of the next, so that in their order they part from
/// the others one by one.
fn stepped_texts(step_bytes: usize) -> Snapshot {
    const STEPS: u64 = 5_000;
    let ticket = |tid: u64| Ticket {
        tid,
        summary: "x".repeat(step_bytes * tid as usize),
        ..Ticket::default()
    };
    let store = Store::from_tickets((1..=STEPS).map(ticket)).expect("the tickets are valid");
    store.reader().snapshot()
}

/// Makes the order of the summaries, and takes the first of it; returns what that took.
fn first_order(snapshot: &Snapshot) -> Duration {
    let query: Query = "order=summary&count=10".parse().expect("it is valid");
    let mode = PlanMode {
        strategy: Some(Strategy::Walk),
        ..PlanMode::default()
    };
    let start = Instant::now();
    assert_eq!(snapshot.answer_with(&query, mode).records().count(), 10);
    start.elapsed()
}

fn main() {
    let is_test = corpus::is_test();
    let rounds_count = if is_test { 1 } else { ROUNDS_COUNT };
    let mut worst: f64 = 0.0;
    let mut tell = |name: &str, [quarter, whole]: [Duration; 2]| {
        let ratio = whole.as_secs_f64() / quarter.as_secs_f64();
        println!("{whole:12.3?} {ratio:5.1} times as long as a quarter: {name}");
        if whole >= WHOLE_MIN {
            worst = worst.max(ratio);
        }
    };
    for list in [long_requests, long_tid_patterns, long_keywords] {
        for ((name, _, quarter), (_, _, whole)) in list(1).into_iter().zip(list(4)) {
            // What does not grow has nothing to compare.
            if quarter.len() < whole.len() {
                let requests = [quarter, whole];
                tell(name, least(rounds_count, |at| answer(&requests[at])));
            }
        }
    }
    for list in [huge_documents, huge_lines] {
        for ((format, _, quarter), (_, _, whole)) in list(1).into_iter().zip(list(4)) {
            let name: String = quarter.chars().take(40).collect();
            let inputs = [quarter, whole];
            let outcomes = [0, 1].map(|at| read(format, inputs[at].as_bytes()));
            // A text past the limit is refused where a quarter of it is read.
            if outcomes[0] != outcomes[1] {
                continue;
            }
            let times = least(rounds_count, |at| {
                let start = Instant::now();
                assert_eq!(read(format, inputs[at].as_bytes()), outcomes[at]);
                start.elapsed()
            });
            tell(&name, times);
        }
    }
    let times = least(rounds_count, |at| first_order(&stepped_texts([1, 4][at])));
    tell("an order of texts that part step by step", times);
    assert!(is_test || worst < RATIO_MAX, "{worst} times as long");
}
