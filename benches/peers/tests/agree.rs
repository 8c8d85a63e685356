//! A second opinion: SQLite, Tantivy, a linear scan and the reference against the engine.
//!
//! Seeded stores are asked seeded requests; totals and tids of the page must be equal.
//! What a request means was written down once for the engine, once for the reference,
//! and here once more as SQL, which shares nothing with either but the parsed request.
//! `TICKETDEX_PAIRS` is how many (store, request) pairs to compare, `TICKETDEX_SEED` the
//! first store's seed; a failure names the seed of its store.

use ticketdex::reference::Reference;
use ticketdex::synth::{Requests, Tickets};
use ticketdex::{Batch, Options, Query, Store, Ticket};
use ticketdex_peers::peer::{Failure, Peer};
use ticketdex_peers::scan::Scan;
use ticketdex_peers::sqlite::Sqlite;
use ticketdex_peers::tantivy::Tantivy;

const TICKETS_A_STORE: u64 = 1_000;
const REQUESTS_A_STORE: u64 = 1_000;

/// One request in so many is asked of the reference too, which is slow.
const REFERENCE_SHARE: u64 = 20;

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn store(tickets: &[Ticket]) -> Store {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket.clone());
    }
    let mut store = Store::new(Options::default());
    store.commit(batch).unwrap();
    store
}

fn assert_agrees(peer: &dyn Peer, query: &Query, total: u64, tids: &[u64], what: &str) {
    if let Some(other) = peer.total(query).unwrap() {
        assert_eq!(other, total, "{} total of {what}", peer.name());
    }
    if query.is_count_only() {
        return;
    }
    if let Some(other) = peer.tids(query).unwrap() {
        assert_eq!(other, tids, "{} tids of {what}", peer.name());
    }
}

#[test]
fn everyone_agrees() -> Result<(), Failure> {
    let pairs = environment("TICKETDEX_PAIRS", 4_000);
    let first_seed = environment("TICKETDEX_SEED", 1);
    let folder = std::env::temp_dir().join(format!("ticketdex-agree-{}", std::process::id()));
    let mut answered = 0;
    for seed in first_seed..first_seed + pairs.div_ceil(REQUESTS_A_STORE) {
        let tickets: Vec<Ticket> = Tickets::new(seed).take(TICKETS_A_STORE as usize).collect();
        let snapshot = store(&tickets).snapshot();
        let sqlite = Sqlite::build(tickets.iter().cloned().map(Ok))?;
        let index = folder.join(seed.to_string());
        let tantivy = Tantivy::build(&index, tickets.iter().cloned().map(Ok))?;
        let reference = Reference::from_tickets(tickets.clone())?;
        let scan = Scan::new(tickets);
        let peers: [&dyn Peer; 3] = [&sqlite, &tantivy, &scan];
        let requests = Requests::new(seed, TICKETS_A_STORE);
        for (number, request) in (0..REQUESTS_A_STORE).zip(requests) {
            let what = format!("{request} in the store of seed {seed}");
            let query: Query = request.parse()?;
            let answer = snapshot.answer(&query);
            let total = answer.total();
            let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            for peer in peers {
                assert_agrees(peer, &query, total, &tids, &what);
            }
            if number % REFERENCE_SHARE == 0 {
                assert_eq!(reference.total(&query), total, "total of {what}");
                assert_eq!(reference.tids(&query), tids, "tids of {what}");
            }
            answered += u64::from(total > 0);
        }
    }
    std::fs::remove_dir_all(folder)?;
    println!("{answered} of {pairs} pairs have an answer");
    assert!(
        answered * 2 > pairs,
        "only {answered} of {pairs} have an answer"
    );
    Ok(())
}
