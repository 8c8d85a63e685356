//! Orders with long texts, as a first key and behind others: exact, and at a cost of what tells the
//! texts apart. What is looked at and allocated is counted, which is the same on every machine.

mod common;

use common::allocations::{Bytes, Counting, measure};
use ticketdex::reference::Reference;
use ticketdex::{Batch, Format, Options, Query, Snapshot, Store, Ticket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TICKETS: u64 = 12_000;

/// Bytes that any answer may allocate, however long the texts are.
const SLACK: u64 = 512 << 10;

/// Makes tickets whose long texts differ late, in case only, or not at all.
fn ticket(tid: u64) -> Ticket {
    let start = "The same mail, quoted again and again. ".repeat(40);
    let subject = match tid % 5 {
        0 => String::new(),
        1 => "Alarm: disk full".to_owned(),
        2 => format!("RE: {}", tid % 97),
        3 => format!("re: {}", tid % 97),
        _ => format!("Ä\u{130} {tid}"),
    };
    let summary = match tid % 4 {
        0 => start,
        1 => format!("{start}{}", tid * 7919 % 6007),
        2 => format!("{}{}", start.to_uppercase(), tid * 7919 % 6007),
        _ => format!("{start}\u{1F3AB}{}", tid % 3),
    };
    Ticket {
        tid,
        status: ["Open", "open", "Closed", ""][tid as usize % 4].to_owned(),
        priority: format!("P{}", tid % 3),
        linked_asset: if tid.is_multiple_of(11) {
            format!("A{tid}")
        } else {
            String::new()
        },
        cc_addresses: format!("x{}@example.com", tid % 13),
        subject,
        summary,
        ..Ticket::default()
    }
}

fn requests() -> Vec<Query> {
    let orders = [
        "status,summary",
        "status DESC,summary DESC",
        "linked_asset,summary",
        "priority,subject,summary",
        "subject,summary",
        "summary,subject DESC",
        "subject DESC,status,cc_addresses,tid DESC",
        "status,summary,tid DESC",
        "cc_addresses,subject",
        "summary",
    ];
    let windows = [
        "count=10",
        "tid=*&count=50&page=3",
        "tid=*&count=7&page=900",
        "count=100000",
    ];
    let all = orders.iter().flat_map(|order| {
        windows
            .iter()
            .map(move |window| format!("order={}&{window}", order.replace(' ', "+")))
    });
    all.map(|request| request.parse().unwrap()).collect()
}

#[test]
fn orders_are_those_of_the_reference_over_segments_with_dead_rows() {
    let few = 900;
    let mut reference = Reference::new();
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut commit = |batch: Batch| {
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
    };
    for part in 0..3 {
        commit(
            (part * few / 3 + 1..=(part + 1) * few / 3)
                .map(ticket)
                .collect(),
        );
    }
    let mut batch = Batch::new();
    for tid in (1..=few).step_by(7) {
        batch.remove(tid);
        batch.put(Ticket {
            tid: tid + 1,
            ..ticket(tid + 5000)
        });
    }
    commit(batch);
    let single = Store::from_tickets((1..=few).map(ticket)).unwrap();
    let whole = Reference::from_tickets((1..=few).map(ticket)).unwrap();
    for query in requests() {
        for (snapshot, reference) in [(store.snapshot(), &reference), (single.snapshot(), &whole)] {
            // Asked again an order may be there that was not.
            for _ in 0..3 {
                let mut body = Vec::new();
                let answer = snapshot.answer(&query);
                answer.write_to(Format::Delimited, &mut body).unwrap();
                assert!(
                    body == reference.respond(&query, Format::Delimited),
                    "{query}"
                );
            }
        }
    }
}

/// A segment may have one value of each key before a text, and lie before or after the place of a deep page by that
/// value alone.
#[test]
fn pages_are_those_of_the_reference_where_a_segment_has_one_value_of_a_key() {
    let mut reference = Reference::new();
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for commit in 0..3 {
        let mut batch = Batch::new();
        for index in commit * 3_000..(commit + 1) * 3_000 {
            let (status, priority) = match commit {
                0 => ("Open", 2),
                _ => (["Open", "Closed", "Open"][index % 3], 1 + index % 3),
            };
            let ticket = Ticket {
                tid: index as u64 + 1,
                status: status.to_owned(),
                priority: format!("P{priority}"),
                summary: format!("{:06}", index * 7919 % 6007),
                ..Ticket::default()
            };
            batch.put(ticket);
        }
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
    }
    let snapshot = store.snapshot();
    for keys in [
        "status,priority",
        "status DESC,priority",
        "priority,status DESC",
    ] {
        for page in (30..900).step_by(30) {
            let request = format!("tid=*&count=10&page={page}&order={keys},summary");
            let query: Query = request.parse().unwrap();
            let own: Vec<u64> = snapshot
                .answer(&query)
                .records()
                .map(|it| it.tid())
                .collect();
            assert_eq!(own, reference.tids(&query), "{request}");
        }
    }
}

fn ask(snapshot: &Snapshot, request: &str) -> Bytes {
    let query: Query = request.parse().unwrap();
    let (answer, bytes) = measure(|| snapshot.answer(&query));
    assert_eq!(answer.count(), 10);
    assert!(answer.explain().work.rows_touched > 0, "{request}");
    bytes
}

#[test]
fn an_order_copies_no_text() {
    let store = Store::from_tickets((1..=TICKETS).map(ticket)).unwrap();
    let snapshot = store.snapshot();
    let texts = snapshot.memory().column(ticketdex::Field::Summary) as u64;
    assert!(texts > 15 << 20, "{texts} bytes of texts");
    // What is beside each row, a few times.
    let most = TICKETS * 64 + SLACK;
    for request in [
        "order=status,summary&count=10",
        "order=linked_asset,summary&count=10",
        "order=priority+DESC,summary+DESC,subject&count=10",
        "status=Open&order=summary&count=10",
    ] {
        for time in 0..3 {
            let bytes = ask(&snapshot, request);
            assert!(bytes.allocated < most, "{request}, time {time}: {bytes:?}");
        }
    }
    // A first order takes at most its own size more than itself.
    let order = TICKETS * 4;
    let before = snapshot.memory().orders;
    let mut times = 0;
    while snapshot.memory().orders == before {
        let bytes = ask(&snapshot, "order=summary&count=10");
        assert!(bytes.peak < 2 * order + SLACK, "{bytes:?}");
        times += 1;
        assert!(times < 100, "the order is never made");
    }
}

#[test]
fn explain_counts_what_was_compared() {
    let store = Store::from_tickets((1..=TICKETS).map(ticket)).unwrap();
    let explain = |request: &str| store.snapshot().explain(&request.parse().unwrap()).work;
    // All of the first status tie and are looked at; of the others nothing is.
    let touched = explain("order=status+DESC,summary&count=10").rows_touched;
    assert!((TICKETS / 2..TICKETS).contains(&touched), "{touched} rows");
}

/// Makes a ticket whose summary begins as those of all others do, but for a few.
fn page(tid: u64) -> Ticket {
    let class = ["note", "Mail", "\u{c9}t\u{e9}", "NOTE"][tid as usize % 4];
    let summary = match tid % 50 {
        0 => String::new(),
        1 => "\0".repeat(tid as usize % 12),
        2 => "<html>".to_owned(),
        _ => format!("<html><body><p class=\"{class}\">{:05}", tid * 7919 % 6007),
    };
    Ticket {
        tid,
        status: ["Open", "Closed"][tid as usize % 2].to_owned(),
        summary,
        ..Ticket::default()
    }
}

#[test]
fn texts_that_begin_alike_are_put_in_order() {
    let few = 1_500;
    let reference = Reference::from_tickets((1..=few).map(page)).unwrap();
    let single = Store::from_tickets((1..=few).map(page)).unwrap();
    let mut several = Store::new(Options::default().commit_rows_max(0));
    for part in 0..3 {
        let tids = (1..=few).filter(|tid| tid % 3 == part);
        several.commit(tids.map(page).collect()).unwrap();
    }
    for order in [
        "summary",
        "summary DESC",
        "status,summary",
        "summary DESC,status",
    ] {
        for snapshot in [single.snapshot(), several.snapshot()] {
            let all: Query = format!("order={order}").parse().unwrap();
            let expected = reference.tids(&all);
            // The second round finds what the first has kept.
            for _ in 0..2 {
                let mut tids: Vec<u64> = Vec::new();
                let mut request = format!("order={order}&count=40");
                loop {
                    let answer = snapshot.answer(&request.parse().unwrap());
                    tids.extend(answer.records().map(|record| record.tid()));
                    let Some(cursor) = answer.next() else {
                        break;
                    };
                    request = format!("order={order}&count=40&after={cursor}");
                }
                assert!(tids == expected, "by {order}");
            }
        }
    }
}

#[test]
fn few_texts_that_begin_alike_are_compared() {
    let store = Store::from_tickets((1..=TICKETS).map(page)).unwrap();
    let snapshot = store.snapshot();
    ask(&snapshot, "order=summary&count=10");
    // All that tie at the border of the page would have sixteen bytes each, twice.
    let bytes = ask(&snapshot, "order=summary&count=10");
    assert!(bytes.allocated < TICKETS * 16, "{bytes:?}");
}
