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
use ticketdex::testing::nasty::{Random, make_count_request, make_request, make_tickets, split};
use ticketdex::{Batch, Cell, CountQuery, Field, Options, Query, Snapshot, Store, Ticket};
use ticketdex_peers::engine::groups_of;
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
    // A place names its record in a form of the engine's own; what pages by places make of the
    // whole is compared in `walk_both_ways`.
    if query.is_count_only() || query.after().or(query.before()).is_some() {
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

/// Compares the groups of each key of a request.
fn assert_counts_agree(
    snapshot: &Snapshot,
    sqlite: &Sqlite,
    request: &str,
    seed: u64,
) -> Result<(), Failure> {
    let query: CountQuery = request.parse()?;
    let counts = snapshot.count_by(&query);
    let total = sqlite.total(query.matching())?;
    assert_eq!(total, Some(counts.total()), "{request}");
    let other = sqlite.groups(&query)?;
    assert_eq!(
        Some(groups_of(&counts)),
        other,
        "{request} in the store of seed {seed}"
    );
    Ok(())
}

/// Joins the pages that places lead to, forwards and backwards, and compares the whole.
fn walk_both_ways(
    snapshot: &Snapshot,
    sqlite: &Sqlite,
    query: &Query,
    what: &str,
) -> Result<(), Failure> {
    // A record without a place (its text is too long) ends a walk, and so does a request that has
    // one already.
    let is_plain = query.after().or(query.before()).is_none() && !query.is_count_only();
    let Some(whole) = sqlite
        .tids(query)?
        .filter(|whole| is_plain && !whole.is_empty())
    else {
        return Ok(());
    };
    let text = query.to_string();
    let page =
        |place: String| -> Result<Query, Failure> { Ok(format!("{text}&count=7{place}").parse()?) };
    let tids = |query: &Query| -> Vec<u64> {
        let answer = snapshot.answer(query);
        answer.records().map(|record| record.tid()).collect()
    };
    let (mut forwards, mut query) = (Vec::new(), page(String::new())?);
    loop {
        forwards.extend(tids(&query));
        let Some(next) = snapshot.answer(&query).next() else {
            break;
        };
        query = page(format!("&after={next}"))?;
    }
    assert_eq!(forwards, whole[..forwards.len()], "forwards {what}");
    let mut backwards = tids(&query);
    while let Some(previous) = snapshot.answer(&query).previous() {
        query = page(format!("&before={previous}"))?;
        backwards.splice(0..0, tids(&query));
    }
    let end = forwards.len();
    assert_eq!(
        backwards,
        whole[end - backwards.len()..end],
        "backwards {what}"
    );
    Ok(())
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
        for ticket in &tickets {
            let version = reference.version_of(ticket.tid);
            sqlite.set_version(ticket.tid, version.ok_or("every ticket has a version")?)?;
        }
        for _ in 0..REQUESTS_OF_COLLISIONS {
            let request = make_count_request(&mut random, &tickets);
            assert_counts_agree(&snapshot, &sqlite, &request, seed)?;
            let request = make_request(&mut random, &tickets);
            let what = format!("{request} in the store of seed {seed}");
            let query: Query = request.parse()?;
            let answer = snapshot.answer(&query);
            let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            assert_agrees(&sqlite, &query, answer.total(), &tids, &what);
            if query.page().or(query.count()).is_none() {
                walk_both_ways(&snapshot, &sqlite, &query, &what)?;
            }
            answered += u64::from(answer.total() > 0);
        }
    }
    println!("{answered} of {pairs} pairs have an answer");
    assert!(answered * 2 > pairs);
    Ok(())
}
