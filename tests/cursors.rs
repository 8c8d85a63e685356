//! Cursors: tokens of places, the rules that join them with other variables, and lists that are
//! followed page by page while their tickets change.

mod common;

use common::nasty::{Random, make_ticket};
use ticketdex::reference::cursor_of;
use ticketdex::{Batch, Cursor, ErrorKind, Field, Options, Query, Store, Ticket};

fn store(count: u64) -> Store {
    let ticket = |tid: u64| Ticket {
        tid,
        status: ["Open", "Closed"][tid as usize % 2].to_owned(),
        subject: format!("Subject {}", tid % 7),
        custom_fields: vec![("Room".to_owned(), (tid % 5).to_string())],
        ..Ticket::default()
    };
    Store::from_tickets((1..=count).map(ticket)).unwrap()
}

/// Returns the token that follows the first two tickets of a request's answer.
fn token(store: &Store, request: &str) -> String {
    let query: Query = format!("{request}&count=2").parse().unwrap();
    store.snapshot().answer(&query).next().unwrap().to_string()
}

#[test]
fn a_token_is_of_its_order_alone() {
    let store = store(20);
    let orders = [
        "",
        "order_direction=DESC",
        "order=status",
        "order=status DESC",
        "order=status,tid DESC",
        "order=status,subject",
        "order=custom_fields.Room",
        "order=custom_fields.Elsewhere",
    ];
    for (own, order) in orders.iter().enumerate() {
        let token = token(&store, order);
        for (other, order) in orders.iter().enumerate() {
            let parsed = format!("{order}&after={token}&status=Open").parse::<Query>();
            if own == other {
                assert_eq!(parsed.unwrap().after().unwrap().to_string(), token);
                continue;
            }
            let error = parsed.unwrap_err();
            let ErrorKind::InvalidValue {
                variable, expected, ..
            } = error.kind()
            else {
                panic!("{error}");
            };
            assert_eq!(variable, "after");
            assert_eq!(*expected, "a cursor of the order that is asked for");
        }
    }
    // However it is written.
    let same = [
        ("", "order=tid"),
        ("", "order=TID ASC,status"),
        ("order_direction=DESC", "order=tid DESC"),
        ("order=status DESC", "order=STATUS&order_direction=desc"),
        ("order=status", "order=status,status DESC"),
        ("order=uid", "order=assigned_tech"),
        ("order=custom_fields.Room", "order=custom_fields.rOOM"),
    ];
    for (first, second) in same {
        for (own, other) in [(first, second), (second, first)] {
            let request = format!("{other}&before={}", token(&store, own));
            request
                .parse::<Query>()
                .unwrap_or_else(|error| panic!("{request}: {error}"));
        }
    }
}

#[test]
fn rules_that_join_variables_come_last_and_in_their_order() {
    let store = store(9);
    let (own, other) = (token(&store, ""), token(&store, "order=status"));
    let cases = [
        (
            format!("after={own}&before={own}"),
            "cursor_conflict",
            "after",
        ),
        (
            format!("before={own}&tid=*&count=2&page=1"),
            "cursor_conflict",
            "before",
        ),
        (
            format!("after={own}&tid=*&count=2&page=1"),
            "cursor_conflict",
            "after",
        ),
        (format!("after={own}&page=1"), "page_needs_count", "page"),
        (
            format!("after={own}&page=1&count=1"),
            "page_needs_wildcard",
            "page",
        ),
        (
            format!("after={other}&page=1&count=1"),
            "page_needs_wildcard",
            "page",
        ),
        (
            format!("after={other}&page=1&count=1&tid=*"),
            "invalid_value",
            "after",
        ),
        (
            format!("before={own}&after={other}"),
            "invalid_value",
            "after",
        ),
        (
            format!("before={other}&after={own}"),
            "invalid_value",
            "before",
        ),
        (
            format!("after={own}&AFTER={own}"),
            "duplicate_variable",
            "after",
        ),
        (
            format!("after={own}&after=x"),
            "duplicate_variable",
            "after",
        ),
        (format!("after={own}x"), "invalid_value", "after"),
        (
            format!("after={other}&count_only=Y"),
            "invalid_value",
            "after",
        ),
        (format!("after={own}&count=0"), "invalid_value", "count"),
    ];
    for (request, code, variable) in cases {
        let error = common::refusals::refuse(&request);
        assert_eq!(
            (error.code(), common::refusals::variable(&error)),
            (code, variable),
            "{request}"
        );
    }
    let whole: Query = format!("after={own}&count_only=Y").parse().unwrap();
    assert_eq!(store.snapshot().answer(&whole).total(), 9);
}

#[test]
fn queries_with_places_print_and_read_back() {
    let store = store(9);
    let request = format!(
        "order=status+DESC&count=2&before={}",
        token(&store, "order=status DESC")
    );
    let query: Query = request.parse().unwrap();
    assert_eq!(
        query.to_string(),
        format!("count=2&{}", request.replace("count=2&", ""))
    );
    assert_eq!(query.to_string().parse::<Query>().unwrap(), query);
    let cursor: Cursor = query.before().unwrap().clone();
    let built = Query::builder()
        .order(Field::Status, ticketdex::Direction::Descending)
        .count(2)
        .before(cursor);
    assert_eq!(built.build().unwrap(), query);
}

const ORDERS: [&str; 10] = [
    "tid",
    "tid DESC",
    "status",
    "status DESC",
    "priority,tid DESC",
    "date_opened DESC",
    "subject,status DESC",
    "status,summary",
    "custom_fields.serial DESC,company_id",
    "linked_asset,due_date,cid",
];

/// Whoever follows a list to its end, in either direction, sees each ticket that did not change
/// exactly once, whatever happens to the others and however the segments are merged meanwhile.
#[test]
fn what_does_not_change_comes_exactly_once() {
    for seed in 1..=100 {
        let mut random = Random::new(seed);
        let mut store = Store::new(Options::default().commit_rows_max(random.below(9) as u32));
        for tid in 1..=TIDS_COUNT {
            let mut batch = Batch::new();
            batch.put(make_ticket(&mut random, tid));
            store.commit(batch).unwrap();
        }
        for direction in ["after", "before"] {
            let order = random.pick(&ORDERS);
            let count = 1 + random.below(20);
            let mut seen = follow(&mut random, &mut store, order, direction, count);
            seen.retain(|tid| is_constant(*tid));
            seen.sort_unstable();
            let constant: Vec<u64> = (1..=TIDS_COUNT).filter(|tid| is_constant(*tid)).collect();
            assert_eq!(seen, constant, "seed {seed}, {order} {direction}");
        }
    }
}

const TIDS_COUNT: u64 = 80;

fn is_constant(tid: u64) -> bool {
    tid.is_multiple_of(3)
}

/// Returns the tickets of a list that is followed from one end to the other, with changes of others
/// between its pages.
fn follow(
    random: &mut Random,
    store: &mut Store,
    order: &str,
    direction: &str,
    count: usize,
) -> Vec<u64> {
    let (mut seen, mut place) = (Vec::new(), String::new());
    if direction == "before" {
        let whole = store
            .snapshot()
            .answer(&format!("order={order}").parse().unwrap());
        let last = Ticket::from(whole.records().last().unwrap());
        let order: Query = format!("order={order}").parse().unwrap();
        let cursor = cursor_of(order.order(), &last).expect("short texts");
        seen.push(last.tid);
        place = format!("&before={cursor}");
    }
    loop {
        let query: Query = format!("order={order}&count={count}{place}")
            .parse()
            .unwrap();
        let answer = store.snapshot().answer(&query);
        seen.extend(answer.records().map(|record| record.tid()));
        let cursor = match direction {
            "after" => answer.next(),
            _ => answer.previous(),
        };
        let Some(cursor) = cursor else {
            return seen;
        };
        place = format!("&{direction}={cursor}");
        change(random, store);
    }
}

/// Puts and removes some tickets that are not constant, and merges now and then.
fn change(random: &mut Random, store: &mut Store) {
    let mut batch = Batch::new();
    for _ in 0..random.below(4) {
        let tid = 1 + random.below(TIDS_COUNT as usize) as u64;
        if is_constant(tid) {
            continue;
        }
        if random.is_one_in(3) {
            batch.remove(tid);
        } else {
            batch.put(make_ticket(random, tid));
        }
    }
    store.commit(batch).unwrap();
    if random.is_one_in(4) {
        store.merge_all();
    }
}

/// A place that a filter puts wholly on one side of all matches, in an order whose next key is a
/// long text: all of them were taken to come after it.
#[test]
fn a_place_before_or_after_all_matches_is_one_in_an_order_by_text_too() {
    let ticket = |tid: u64, status: &str| Ticket {
        tid,
        status: status.to_owned(),
        subject: format!("Subject {tid}"),
        ..Ticket::default()
    };
    let tickets = [ticket(1, "Closed"), ticket(2, "Closed"), ticket(3, "Open")];
    let snapshot = Store::from_tickets(tickets.clone()).unwrap().snapshot();
    let order: Query = "order=status,subject".parse().unwrap();
    let cursor = |at: usize| cursor_of(order.order(), &tickets[at]).unwrap();
    let tids = |rest: &str, cursor: Cursor| -> Vec<u64> {
        let query: Query = format!("order=status,subject&{rest}={cursor}")
            .parse()
            .unwrap();
        snapshot
            .answer(&query)
            .records()
            .map(|record| record.tid())
            .collect()
    };
    for count in ["", "&count=9"] {
        assert_eq!(
            tids(&format!("status=Closed{count}&before"), cursor(2)),
            [1, 2]
        );
        assert_eq!(
            tids(&format!("status=Closed{count}&after"), cursor(2)),
            [0; 0]
        );
        assert_eq!(tids(&format!("status=Open{count}&after"), cursor(1)), [3]);
        assert_eq!(
            tids(&format!("status=Open{count}&before"), cursor(1)),
            [0; 0]
        );
    }
}

/// A text has a place whatever its characters are, up to 4 KiB of it folded.
#[test]
fn texts_of_any_characters_are_paged_by_place() {
    let texts = ["\u{1}", "\"", "\\", "\n", "\u{85}", "é", "印", "x"];
    let ticket = |(tid, text): (u64, &str)| Ticket {
        tid,
        subject: text.repeat(4_096 / text.len()),
        ..Ticket::default()
    };
    let store = Store::from_tickets((1..).zip(texts).map(ticket)).unwrap();
    let snapshot = store.snapshot();
    let mut followed = Vec::new();
    let mut after = String::new();
    loop {
        let query: Query = format!("order=subject&count=1{after}").parse().unwrap();
        let answer = snapshot.answer(&query);
        followed.extend(answer.records().map(|record| record.tid()));
        let Some(next) = answer.next() else {
            break;
        };
        after = format!("&after={next}");
    }
    let whole = snapshot.answer(&"order=subject".parse::<Query>().unwrap());
    let whole: Vec<u64> = whole.records().map(|record| record.tid()).collect();
    assert_eq!((followed.len(), followed), (texts.len(), whole));
}
