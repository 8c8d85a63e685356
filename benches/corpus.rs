//! The seeded tickets that benches share, and the checks that come before timing.
//!
//! `TICKETDEX_TICKETS` is how many tickets (100,000 unless given) and `TICKETDEX_WORLD` the name
//! of the [`World`] that they are of (`desk` unless given); as tests, by
//! `cargo bench --benches --all-features -- --test`, benches run once over 1,000. Before a
//! request is timed its answer is compared with a linear scan's, and over the tickets of a
//! test also with the reference's: a fast wrong answer is no figure.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::time::Duration;

use criterion::Criterion;
use ticketdex::reference::Reference;
use ticketdex::synth::World;
use ticketdex::{Answer, Import, ImportFormat, Options, PlanMode, Query, Snapshot, Store, Ticket};

use crate::scan::Scan;

/// The seed of the tickets.
pub const SEED: u64 = 1;

const TICKETS_COUNT: usize = 100_000;
const TICKETS_COUNT_IN_TESTS: usize = 1_000;

/// Returns whether the bench runs once, as a test: by `--test`, or by `cargo test`.
pub fn is_test() -> bool {
    let has = |name| std::env::args().any(|argument| argument == name);
    has("--test") || !has("--bench")
}

/// Returns how many tickets to measure with.
pub fn tickets_count() -> usize {
    if is_test() {
        return TICKETS_COUNT_IN_TESTS;
    }
    let given = std::env::var("TICKETDEX_TICKETS");
    given.map_or(TICKETS_COUNT, |text| {
        text.parse()
            .expect("TICKETDEX_TICKETS is a number of tickets")
    })
}

/// Returns the world that the tickets are of.
pub fn world() -> World {
    let given = std::env::var("TICKETDEX_WORLD");
    given.map_or(World::Desk, |name| {
        name.parse().expect("TICKETDEX_WORLD names a world")
    })
}

/// Returns the tickets as they stand after the changes of the world, by ascending tid.
///
/// In [`World::Churn`] they are fewer than were loaded.
pub fn tickets() -> Vec<Ticket> {
    let mut tickets: Vec<Ticket> = world().remaining(SEED, tickets_count() as u64).collect();
    tickets.sort_by_key(|ticket| ticket.tid);
    tickets
}

/// Returns a store that has lived as the world says: loaded as one segment, then changed.
///
/// [`World::Churn`] leaves eight segments; no other world has changes. The store holds what
/// [`tickets`] returns.
pub fn lived() -> Store {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let tickets: Vec<Ticket> = world().loaded(SEED).take(tickets_count()).collect();
    store
        .load(Import::new(ImportFormat::JsonLines, &*json_lines(&tickets)))
        .expect("the tickets of the generator are valid");
    drop(tickets);
    for batch in world().changes(SEED, tickets_count() as u64) {
        store.commit(batch).expect("the changes suit the tickets");
    }
    store
}

/// Returns tickets as JSON Lines.
pub fn json_lines(tickets: &[Ticket]) -> Vec<u8> {
    let mut lines = Vec::new();
    for ticket in tickets {
        serde_json::to_writer(&mut lines, ticket).expect("a ticket is JSON");
        lines.push(b'\n');
    }
    lines
}

/// Returns a store that has loaded JSON Lines, as one segment.
pub fn load(lines: &[u8]) -> Store {
    let mut store = Store::new(Options::default());
    store
        .load(Import::new(ImportFormat::JsonLines, lines))
        .expect("the tickets of the generator are valid");
    store
}

/// Returns a configuration that keeps a whole run in minutes.
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// The same tickets in the engine, in a scan and, if they are few, in the reference.
pub struct Corpus {
    /// The engine's.
    pub snapshot: Snapshot,
    /// The yardstick's.
    pub scan: Scan,
    reference: Option<Reference>,
}

impl Corpus {
    /// Makes the corpus.
    pub fn new() -> Corpus {
        let store = lived();
        let tickets = tickets();
        let reference = is_test().then(|| Reference::from_tickets(tickets.clone()));
        Corpus {
            snapshot: store.snapshot(),
            scan: Scan::new(tickets),
            reference: reference.map(|made| made.expect("the tickets are valid")),
        }
    }

    /// Reads a request and compares the answers to it.
    pub fn checked(&self, request: &str) -> Query {
        let query: Query = request.parse().expect("the request is valid");
        let total = self.scan.total(&query);
        let page = self.scan.page(&query).into_iter();
        let tids: Vec<u64> = page.map(|ticket| ticket.tid).collect();
        if let Some(reference) = &self.reference {
            assert_eq!(reference.total(&query), total, "{request}");
            assert_eq!(reference.tids(&query), tids, "{request}");
        }
        for is_cold in [true, false] {
            let mode = PlanMode {
                is_cold,
                ..PlanMode::default()
            };
            let answer = self.snapshot.answer_with(&query, mode);
            assert_eq!(answer.total(), total, "{request}");
            assert_eq!(self::tids(&answer), tids, "{request}");
        }
        query
    }
}

/// Returns the tids of an answer, in order.
pub fn tids(answer: &Answer) -> Vec<u64> {
    answer.records().map(|record| record.tid()).collect()
}
