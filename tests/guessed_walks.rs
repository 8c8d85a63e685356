//! Walks along an order whose length is a guess: matches that are few and lie at the order's far end do not
//! make an answer pass all other rows first. What is looked at is counted, which is the same on every
//! machine.

use ticketdex::{PlanMode, Query, Snapshot, Store, Strategy, Ticket};

const TICKETS: u64 = 12_000;

/// How many tickets at an end of an order a technician has every second of.
const RARE: u64 = 1_200;

/// Makes tickets in the order of their numbers by every field. Of three technicians with few tickets, one has some
/// of the first, one some of the last, and one some that are evenly spread.
fn snapshot() -> Snapshot {
    let ticket = |tid: u64| Ticket {
        tid,
        assigned_tech: match tid {
            ..=RARE if tid.is_multiple_of(2) => "first",
            _ if tid > TICKETS - RARE && tid.is_multiple_of(2) => "last",
            _ if tid.is_multiple_of(19) => "spread",
            _ => "others",
        }
        .to_owned(),
        company_name: format!("Company {:05}", tid / 7),
        status: ["Closed", "Open"][usize::from(tid > TICKETS / 2)].to_owned(),
        ..Ticket::default()
    };
    Store::from_tickets((1..=TICKETS).map(ticket))
        .unwrap()
        .snapshot()
}

fn tids(snapshot: &Snapshot, query: &Query, mode: PlanMode) -> Vec<u64> {
    let answer = snapshot.answer_with(query, mode);
    let records = answer.records();
    records.map(|record| record.tid()).collect()
}

#[test]
fn a_walk_that_turns_out_long_is_given_up() {
    let snapshot = snapshot();
    let sorted = PlanMode {
        strategy: Some(Strategy::Sort),
        ..PlanMode::default()
    };
    let mut guessed_count = 0;
    for tech in ["first", "last", "spread"] {
        for order in [
            "company_name",
            "company_name+DESC",
            "company_name,tid+DESC",
            "company_name+DESC,tid+DESC",
            "company_name,status",
            "company_name+DESC,status+DESC",
            "status,company_name",
            "status+DESC",
        ] {
            for page in ["count=1", "count=2&tid=*&page=2"] {
                let request = format!("uid={tech}&order={order}&{page}");
                let query: Query = request.parse().unwrap();
                snapshot.warm(&query);
                let answer = snapshot.answer(&query);
                let found = tids(&snapshot, &query, PlanMode::default());
                assert_eq!(found, tids(&snapshot, &query, sorted), "{request}");
                let explain = answer.explain();
                let is_guess = explain.segments[0].positions_max.is_some();
                guessed_count += u32::from(is_guess);
                if !order.starts_with("status") && page == "count=1" {
                    assert!(is_guess, "{request}: {explain}");
                    let touched = explain.work.rows_touched;
                    assert!(touched < TICKETS / 4, "{request}: {explain}");
                }
            }
        }
    }
    assert!(guessed_count >= 18, "{guessed_count}");
    // A walk that was asked for is not given up.
    let walked = PlanMode {
        strategy: Some(Strategy::Walk),
        ..PlanMode::default()
    };
    let query: Query = "uid=last&order=company_name&count=1".parse().unwrap();
    let explain = snapshot.answer_with(&query, walked).explain();
    assert_eq!(explain.segments[0].positions_max, None);
    assert!(explain.work.rows_touched > TICKETS / 2, "{explain}");
}

/// A walk finds what lies within the positions that were expected, whichever way it and its ties go.
#[test]
fn a_walk_that_turns_out_as_expected_is_not_given_up() {
    let snapshot = snapshot();
    for order in [
        "company_name",
        "company_name+DESC",
        "company_name,tid+DESC",
        "company_name+DESC,tid+DESC",
    ] {
        let query: Query = format!("uid=spread&order={order}&count=1").parse().unwrap();
        snapshot.warm(&query);
        let explain = snapshot.answer(&query).explain();
        assert!(
            explain.segments[0].positions_max.is_some(),
            "{order}: {explain}"
        );
        // Any other path looks at all matches.
        let touched = explain.work.rows_touched;
        assert!(touched < explain.total, "{order}: {explain}");
    }
}

/// The ties in which the positions that are tried end are tried from the side that the walk gives first.
#[test]
fn ties_that_are_cut_are_tried_as_they_are_given() {
    const TIED: u64 = 10_000;
    for (order, tied, end) in [
        ("subject+DESC", "late", "Z"),
        ("subject,tid+DESC", "early", " "),
    ] {
        let ticket = |tid: u64| Ticket {
            tid,
            assigned_tech: match tid {
                2..=1_001 if tid.is_multiple_of(2) => "early",
                9_001..=TIED if tid.is_multiple_of(2) => "late",
                _ => "others",
            }
            .to_owned(),
            subject: match tid {
                1 => end.to_owned(),
                ..=TIED => "Same".to_owned(),
                _ if end == "Z" => format!("A {tid}"),
                _ => format!("U {tid}"),
            },
            ..Ticket::default()
        };
        let store = Store::from_tickets((1..=TICKETS).map(ticket)).unwrap();
        let snapshot = store.snapshot();
        let query: Query = format!("uid={tied}&order={order}&count=1").parse().unwrap();
        snapshot.warm(&query);
        let explain = snapshot.answer(&query).explain();
        assert!(explain.segments[0].positions_max.is_some(), "{explain}");
        let touched = explain.work.rows_touched;
        assert!(touched < TICKETS / 4, "{order}: {explain}");
    }
}
