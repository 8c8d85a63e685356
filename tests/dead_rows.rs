//! Stores in which many rows are dead: what is counted in them, and long pages beside a place.

use std::fmt::Write as _;

use ticketdex::{Batch, Query, Snapshot, Store, Ticket};

const TICKETS_COUNT: u64 = 30_000;

const STATUSES: [&str; 5] = ["Closed", "Open", "Waiting", "Held", "Lost"];

/// Most tickets are closed or open, some are waiting or held, and a few are lost.
fn status(tid: u64) -> &'static str {
    match tid * 7919 % 1000 {
        0..450 => STATUSES[0],
        450..850 => STATUSES[1],
        850..950 => STATUSES[2],
        950..998 => STATUSES[3],
        _ => STATUSES[4],
    }
}

/// Each company has some three hundred tickets, all over the numbers.
fn company_id(tid: u64) -> u64 {
    tid * 31 % 97
}

fn ticket(tid: u64) -> Ticket {
    Ticket {
        tid,
        status: status(tid).into(),
        company_id: company_id(tid),
        ..Ticket::default()
    }
}

fn total(snapshot: &Snapshot, request: &str) -> u64 {
    let query: Query = request.parse().unwrap();
    snapshot.answer(&query).total()
}

type Holds = fn(u64) -> bool;

/// Requests that one filter decides, each with the tickets that it lets through.
const REQUESTS: [(&str, Holds); 9] = [
    ("status=Open", |tid| status(tid) == "Open"),
    ("status=Open&status=Closed", |tid| {
        ["Open", "Closed"].contains(&status(tid))
    }),
    ("status!=Open&status!=Closed", |tid| {
        !["Open", "Closed"].contains(&status(tid))
    }),
    ("status=Open&status=Lost&status=Closed", |tid| {
        ["Open", "Lost", "Closed"].contains(&status(tid))
    }),
    ("status!=Lost&status!=Held", |tid| {
        !["Lost", "Held"].contains(&status(tid))
    }),
    ("company_id>=20&company_id<=60", |tid| {
        (20..=60).contains(&company_id(tid))
    }),
    ("company_id>=96", |tid| company_id(tid) >= 96),
    ("company_id=3&company_id=50&company_id=51", |tid| {
        [3, 50, 51].contains(&company_id(tid))
    }),
    ("company_id!=3&company_id!=50", |tid| {
        ![3, 50].contains(&company_id(tid))
    }),
];

#[test]
fn what_is_removed_is_counted_nowhere() {
    let mut store = Store::from_tickets((1..=TICKETS_COUNT).map(ticket)).unwrap();
    let mut removed = vec![false; TICKETS_COUNT as usize + 1];
    // Orders are made for those who ask for them, and kept.
    let order: Query = "order=company_id&count=1".parse().unwrap();
    for removed_count in [1_u64, 100, 300, 3_000, 9_000] {
        let mut batch = Batch::new();
        for index in 0..removed_count {
            let tid = (index * 7 + removed_count * 13) % TICKETS_COUNT + 1;
            batch.remove(tid);
            removed[tid as usize] = true;
        }
        store.commit(batch).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(snapshot.answer(&order).count(), 1);
        for (request, holds) in REQUESTS {
            let live = (1..=TICKETS_COUNT).filter(|&tid| !removed[tid as usize] && holds(tid));
            let expected = live.count() as u64;
            for _ in 0..3 {
                assert_eq!(
                    total(&snapshot, request),
                    expected,
                    "{request} without {removed_count} more"
                );
            }
        }
    }
}

/// Returns the numbers of the tickets that a request lists.
fn tids(snapshot: &Snapshot, request: &str) -> Vec<u64> {
    let query: Query = request.parse().unwrap();
    let answer = snapshot.answer(&query);
    answer.records().map(|record| record.tid()).collect()
}

/// Pages of up to 65,536 records are found by a search from the place, and larger ones by counting.
#[test]
fn long_pages_beside_a_place_are_those_of_the_whole() {
    let mut store = Store::from_tickets((1..=67_000).map(ticket)).unwrap();
    let mut batch = Batch::new();
    for tid in (1..=67_000).step_by(67) {
        batch.remove(tid);
    }
    for tid in 67_001..=67_500 {
        batch.put(ticket(tid));
    }
    store.commit(batch).unwrap();
    let snapshot = store.snapshot();
    for order in ["", "order=status", "order=company_id DESC"] {
        let whole = tids(&snapshot, order);
        for at in [0, 300, 900, 61_963, whole.len() - 1] {
            let place: Query = format!("{order}&tid=*&count=1&page={}", at + 1)
                .parse()
                .unwrap();
            let place = snapshot.answer(&place);
            let cursor = place.next().or_else(|| place.previous()).unwrap();
            for count in [4_096, 4_097, 65_536, 65_537] {
                let mut request = String::new();
                write!(request, "{order}&count={count}&after={cursor}").unwrap();
                let after = &whole[at + 1..];
                let expected = &after[..after.len().min(count)];
                assert!(tids(&snapshot, &request) == expected, "{request}");
                let answer = snapshot.answer(&request.parse().unwrap());
                assert_eq!(answer.next().is_some(), after.len() > count, "{request}");

                let request = request.replace("&after=", "&before=");
                let before = &whole[..at];
                let expected = &before[before.len().saturating_sub(count)..];
                assert!(tids(&snapshot, &request) == expected, "{request}");
                let answer = snapshot.answer(&request.parse().unwrap());
                let has_previous = answer.previous().is_some();
                assert_eq!(has_previous, before.len() > count, "{request}");
            }
        }
    }
}
