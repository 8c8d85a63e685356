//! A second opinion: SQLite, Tantivy, a linear scan and the reference against the engine.
//!
//! Seeded stores are asked seeded requests; totals and tids of the page must be equal.
//! What a request means was written down once for the engine, once for the reference,
//! and here once more as SQL, which shares nothing with either but the parsed request and
//! which rows of an order its page is. Stores look like a help desk's; SQLite is also asked
//! about those that are drawn to collide, in several segments with dead rows.
//! `TICKETDEX_PAIRS` is how many (store, request) pairs to compare, `TICKETDEX_SEED` the
//! first store's seed; a failure names the seed of its store.

use ticketdex::reference::Reference;
use ticketdex::synth::{Requests, Tickets};
use ticketdex::testing::nasty::{Random, make_request, make_tickets, split};
use ticketdex::{Batch, Cell, Field, Options, Query, Store, Ticket};
use ticketdex_peers::peer::{Failure, Peer};
use ticketdex_peers::scan::Scan;
use ticketdex_peers::sqlite::Sqlite;
use ticketdex_peers::tantivy::Tantivy;

const TICKETS_A_STORE: u64 = 1_000;
const REQUESTS_A_STORE: u64 = 1_000;

/// Requests to each store of tickets that collide.
const REQUESTS_OF_COLLISIONS: u64 = 100;

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

/// Returns whether SQLite, whose integers are below 2^63, can hold a ticket.
fn fits_sqlite(ticket: &Ticket) -> bool {
    Field::ALL.iter().all(|&field| match ticket.cell(field) {
        Cell::Integer(integer) | Cell::OptionalInteger(Some(integer)) => {
            i64::try_from(integer).is_ok()
        }
        _ => true,
    })
}

#[test]
fn sqlite_agrees_on_what_collides() -> Result<(), Failure> {
    let pairs = environment("TICKETDEX_PAIRS", 4_000);
    let first_seed = environment("TICKETDEX_SEED", 1);
    let mut answered = 0;
    for seed in first_seed..first_seed + pairs.div_ceil(REQUESTS_OF_COLLISIONS) {
        let mut random = Random::new(seed);
        let tickets_count = random.below(60);
        let tickets = make_tickets(&mut random, tickets_count);
        let mut store = Store::new(Options::default().commit_rows_max(8));
        let mut reference = Reference::new();
        for batch in split(&mut random, &tickets, 8) {
            if reference.commit(&batch).is_ok() {
                store.commit(batch)?;
            }
        }
        let mut removal = Batch::new();
        for ticket in reference.tickets() {
            if !fits_sqlite(ticket) {
                removal.remove(ticket.tid);
            }
        }
        reference.commit(&removal)?;
        store.commit(removal)?;
        let snapshot = store.snapshot();
        let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
        let sqlite = Sqlite::build(tickets.iter().cloned().map(Ok))?;
        for _ in 0..REQUESTS_OF_COLLISIONS {
            let request = make_request(&mut random, &tickets);
            let what = format!("{request} in the store of seed {seed}");
            let query: Query = request.parse()?;
            let answer = snapshot.answer(&query);
            let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            assert_agrees(&sqlite, &query, answer.total(), &tids, &what);
            answered += u64::from(answer.total() > 0);
        }
    }
    println!("{answered} of {pairs} pairs have an answer");
    assert!(answered * 2 > pairs);
    Ok(())
}
