//! Pages are windows on the whole: whatever the plan, however deep, over any segments.
//!
//! A deep page is found by counting and searching, not by passing what is before it, and
//! over several segments by searching in all of them at once. Here random stores of one
//! segment and of many, with replaced and removed tickets, are paged through in many
//! orders; each page must be what the answer without a page has at its place.
//! `TICKETDEX_SEED` is the first store's seed.

mod common;

use common::nasty::{Random, make_tickets};
use ticketdex::{
    Batch, Cursor, FilterMode, Options, PlanMode, Query, Snapshot, Store, Strategy, Ticket,
};

const FILTERS: [&str; 9] = [
    "",
    // The rows of large segments begin past a block, and end within one.
    "start_tid=7000",
    "start_tid=7000&end_tid=13000&status=Open&status=Jones&status=i",
    "status=Open&status=Jones&status=i&status=",
    "start_date=2014-02-01&end_date=2030-01-01",
    "start_tid=3&end_tid=9000",
    "keyword=e",
    "priority=open&priority=ss&priority=J&tid=*1*",
    "start_cid=i",
];

const ORDERS: [&str; 14] = [
    "tid",
    "tid DESC",
    "date_opened",
    "date_opened DESC",
    "status",
    "status DESC",
    "status,tid DESC",
    "priority DESC,date_opened",
    "locked,merged DESC,status",
    "cid",
    "summary DESC",
    "status,subject",
    "custom_fields.serial,priority",
    "company_id DESC,contact",
];

/// Makes a store of segments of these sizes; each replaces some tickets of those before.
fn make_store(random: &mut Random, sizes: &[usize]) -> Store {
    let tids_count = sizes.iter().sum::<usize>() as u64 * 3 / 2;
    // Without merges, so that many segments stay.
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut known: Vec<u64> = Vec::new();
    for &size in sizes {
        let mut batch = Batch::new();
        for mut ticket in make_tickets(random, size) {
            // Close together, as the dates are: what ties in an order then lies in many segments.
            ticket.tid = 1 + ticket.tid % tids_count;
            known.push(ticket.tid);
            batch.put(ticket);
        }
        for _ in 0..size / 16 {
            batch.remove(random.choose(&known));
        }
        store.commit(batch).unwrap();
    }
    store
}

/// Returns so many sizes of segments, each a third of the one before.
fn falling(first: usize, count: usize) -> Vec<usize> {
    let sizes = std::iter::successors(Some(first), |size| Some((size / 3).max(1)));
    sizes.take(count).collect()
}

fn tids(snapshot: &Snapshot, query: &Query, mode: PlanMode) -> Vec<u64> {
    let answer = snapshot.answer_with(query, mode);
    answer.records().map(|record| record.tid()).collect()
}

/// Compares pages of one request with its whole answer, under every strategy.
fn compare(snapshot: &Snapshot, request: &str, pages: &[(u64, u64)]) {
    let whole: Query = request.parse().unwrap();
    let whole = tids(snapshot, &whole, PlanMode::default());
    let strategies = std::iter::once(None).chain(Strategy::ALL.map(Some));
    for &(count, page) in pages {
        let query: Query = format!("{request}&count={count}&page={page}")
            .parse()
            .unwrap();
        let start = ((page - 1) * count).min(whole.len() as u64) as usize;
        let end = (start + count as usize).min(whole.len());
        for strategy in strategies.clone() {
            let filters = [
                FilterMode::Planned,
                FilterMode::Planned,
                FilterMode::Reversed,
            ];
            for (filters, is_cold) in filters.into_iter().zip([false, true, false]) {
                let mode = PlanMode {
                    filters,
                    strategy,
                    is_cold,
                };
                let got = tids(snapshot, &query, mode);
                assert_eq!(
                    got,
                    whole[start..end],
                    "page {page} of {count} under {mode:?}"
                );
            }
        }
    }
}

/// Returns the cursor of one record of a request's whole answer; none where a text is too long.
fn cursor_at(snapshot: &Snapshot, request: &str, index: usize) -> Option<Cursor> {
    let query: Query = format!("{request}&count=1&page={}", index + 1)
        .parse()
        .unwrap();
    let answer = snapshot.answer(&query);
    answer.next().or_else(|| answer.previous())
}

/// Compares what lies beside places with the whole answer, under every strategy.
fn compare_places(snapshot: &Snapshot, request: &str, pages: &[(u64, u64)]) {
    let whole = tids(snapshot, &request.parse().unwrap(), PlanMode::default());
    let strategies = std::iter::once(None).chain(Strategy::ALL.map(Some));
    for &(count, page) in pages {
        let index = ((page - 1) * count) as usize;
        if index >= whole.len() {
            continue;
        }
        let Some(cursor) = cursor_at(snapshot, request, index) else {
            assert!(
                whole.len() == 1 || request.contains("su"),
                "{index} of {request}"
            );
            continue;
        };
        let after = &whole[index + 1..];
        let before = &whole[..index];
        let first = &after[..after.len().min(count as usize)];
        let last = &before[before.len().saturating_sub(count as usize)..];
        let asked = [
            (format!("{request}&count={count}&after={cursor}"), first),
            (format!("{request}&count={count}&before={cursor}"), last),
            (format!("{request}&after={cursor}"), after),
            (
                format!("{request}&count=5000&before={cursor}"),
                &before[before.len().saturating_sub(5000)..],
            ),
        ];
        for (request, expected) in asked {
            let query: Query = request.parse().unwrap();
            for strategy in strategies.clone() {
                for (filters, is_cold) in [(FilterMode::Planned, false), (FilterMode::Scan, true)] {
                    let mode = PlanMode {
                        filters,
                        strategy,
                        is_cold,
                    };
                    let answer = snapshot.answer_with(&query, mode);
                    let got: Vec<u64> = answer.records().map(|record| record.tid()).collect();
                    assert_eq!(got, expected, "{request} under {mode:?}");
                    assert_eq!(answer.count(), expected.len() as u64);
                    assert_eq!(answer.total(), whole.len() as u64);
                }
            }
            check_sides(snapshot, &query, &whole, expected);
        }
    }
}

/// Checks that an answer gives cursors on the sides on which there is more, and that these lead on.
fn check_sides(snapshot: &Snapshot, query: &Query, whole: &[u64], page: &[u64]) {
    let answer = snapshot.answer(query);
    let ([first, ..], [.., last]) = (page, page) else {
        assert_eq!((answer.next(), answer.previous()), (None, None));
        return;
    };
    let place = |tid: &u64| whole.iter().position(|other| other == tid).unwrap();
    let (first, last) = (place(first), place(last));
    if first == 0 {
        assert_eq!(answer.previous(), None, "before the first");
    }
    if last == whole.len() - 1 {
        assert_eq!(answer.next(), None, "after the last");
    }
    let has_text = query.to_string().contains("su");
    assert!(first == 0 || has_text || answer.previous().is_some());
    assert!(last == whole.len() - 1 || has_text || answer.next().is_some());
}

struct OnFailure<'a>(u64, &'a str);

impl Drop for OnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("TICKETDEX_SEED={} request {}", self.0, self.1);
        }
    }
}

fn compare_all(seed: u64, sizes: &[usize], pages: &[(u64, u64)]) {
    let mut random = Random::new(seed);
    let store = make_store(&mut random, sizes);
    let snapshot = store.snapshot();
    for filter in FILTERS {
        for order in ORDERS {
            let tid = if filter.contains("tid=*") {
                ""
            } else {
                "tid=*&"
            };
            let request = format!("{tid}{filter}&order={order}");
            let _named = OnFailure(seed, &request);
            compare(&snapshot, &request, pages);
            let some: Vec<_> = pages.iter().copied().step_by(5).collect();
            compare_places(&snapshot, &request, &some);
        }
    }
}

fn first_seed() -> u64 {
    common::environment("TICKETDEX_SEED", 1)
}

#[test]
fn every_page_of_small_stores() {
    let first = first_seed();
    for (seed, segments_count) in (first..).zip([1, 2, 3, 5, 8]) {
        let pages: Vec<(u64, u64)> = (1..=22).map(|page| (7, page)).collect();
        compare_all(seed, &falling(100, segments_count), &pages);
    }
    // Most segments have one ticket, in which every key is constant.
    let pages: Vec<(u64, u64)> = (1..=12).map(|page| (3, page)).collect();
    compare_all(first + 500, &[1; 50], &pages);
}

#[test]
fn deep_pages_across_blocks() {
    let first = first_seed() + 1000;
    let pages = [(1, 1), (10, 30), (100, 31), (50, 130), (1, 9001), (300, 7)];
    for (seed, segments_count) in (first..).zip([1, 4]) {
        compare_all(seed, &falling(9000, segments_count), &pages);
    }
}

/// A commit changes which rows are dead: what was kept of their places must follow.
#[test]
fn pages_follow_commits() {
    let mut random = Random::new(first_seed() + 2000);
    let mut store = make_store(&mut random, &falling(500, 2));
    let requests = ["tid=*&order=date_opened", "tid=*&order=cid DESC&keyword=e"];
    let mut held = Vec::new();
    for round in 0..30 {
        let mut batch = Batch::new();
        batch.put(Ticket {
            tid: 1 + random.below(1000) as u64,
            ..make_tickets(&mut random, 1).remove(0)
        });
        batch.remove(1 + random.below(1000) as u64);
        store.commit(batch).unwrap();
        if round % 10 == 0 {
            held.push(store.snapshot());
        }
        for snapshot in held.iter().chain([&store.snapshot()]) {
            for request in requests {
                compare(snapshot, request, &[(40, 3), (1, 333)]);
            }
        }
    }
}

/// A segment whose matches were listed and all come after the ties that a page begins among
/// lost them when that page was found by all its keys.
#[test]
fn matches_after_the_ties_that_a_page_begins_among_still_come() {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let put = |batch: &mut Batch, tid, status: &str, source: &str, tech: &str, priority: u64| {
        batch.put(Ticket {
            tid,
            status: status.into(),
            source: source.into(),
            assigned_tech: tech.into(),
            priority: priority.to_string(),
            ..Ticket::default()
        });
    };
    let mut later = Batch::new();
    for tid in 1..=3 {
        put(&mut later, tid, "z", "web", "x", 0);
    }
    // With two filters that both leave some out, the matches are listed.
    put(&mut later, 4, "z", "mail", "x", 0);
    put(&mut later, 5, "z", "web", "y", 0);
    store.commit(later).unwrap();
    let mut ties = Batch::new();
    for tid in 10..20 {
        put(&mut ties, tid, "a", "web", "x", tid % 3);
    }
    store.commit(ties).unwrap();
    let request = "tid=*&source=web&uid=x&order=status,priority";
    compare(
        &store.snapshot(),
        request,
        &[(3, 4), (2, 5), (4, 3), (1, 9)],
    );
}

#[test]
fn a_walk_ends_with_the_page() {
    // Fewer rows than a walk finds at once, by two keys: the first group has them.
    let mut store = Store::new(Options::default());
    let mut batch = Batch::new();
    for tid in 1..=10_000 {
        batch.put(Ticket {
            tid,
            cid: format!("{:04}", tid / 10),
            contact: format!("{:04}", tid * 7 % 1_000),
            ..Ticket::default()
        });
    }
    store.commit(batch).unwrap();
    let query: Query = "order=cid,contact&count=3".parse().unwrap();
    let mode = PlanMode {
        strategy: Some(Strategy::Walk),
        ..PlanMode::default()
    };
    let answer = store.snapshot().answer_with(&query, mode);
    assert_eq!(answer.count(), 3);
    let work = answer.explain().work;
    assert!(work.rows_touched <= 20, "{work:?}");
}

/// Rows that tie in a key that is constant in their segments, told apart by long texts.
#[test]
fn pages_among_the_ties_of_constants() {
    let mut random = Random::new(first_seed() + 3000);
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut tids = 1..;
    for size in [90, 70, 1] {
        let mut batch = Batch::new();
        for (ticket, tid) in make_tickets(&mut random, size).into_iter().zip(&mut tids) {
            batch.put(Ticket {
                tid,
                status: "Open".into(),
                ..ticket
            });
        }
        store.commit(batch).unwrap();
    }
    let pages = [(7, 2), (7, 9), (3, 40), (60, 2), (1, 161)];
    for order in [
        "status,subject",
        "status DESC,subject DESC",
        "status,summary,tid DESC",
    ] {
        let request = format!("tid=*&order={order}");
        compare(&store.snapshot(), &request, &pages);
    }
}
