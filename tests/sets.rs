//! Answers within a set of tickets, and what matches as such a set: in every plan, those of a store
//! that holds the tickets of the set alone.

mod common;

use common::halves::make;
use proptest::prelude::*;
use ticketdex::roaring::RoaringTreemap;
use ticketdex::testing::{Case, cases};
use ticketdex::{PlanMode, Query, Ticket};

/// Makes a set of every ticket whose bit of `chosen` is set, and of numbers that no ticket has.
fn set_of(tickets: &[Ticket], chosen: u64) -> RoaringTreemap {
    let is_chosen = |at: &usize| chosen >> (at % 64) & 1 == 1;
    let at = (0..tickets.len()).filter(is_chosen);
    let mut set: RoaringTreemap = at.map(|at| tickets[at].tid).collect();
    set.extend([0, u64::MAX].map(|tid| tid ^ (chosen & 1)));
    set
}

fn check(case: &Case, chosen: u64) {
    let query: Query = case.request.parse().unwrap();
    let tids = set_of(&case.tickets, chosen);
    for segments_count in [1, 3] {
        let (snapshot, reference) = make(&case.tickets, segments_count, &tids);
        let expected = reference.tids(&query);
        for mode in PlanMode::all() {
            let answer = snapshot.answer_within_with(&query, &tids, mode);
            let shown: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            let context = format!("{} in {mode:?}", case.request);
            assert_eq!(answer.total(), reference.total(&query), "{context}");
            assert_eq!(shown, expected, "{context}");
        }
        let whole = snapshot.answer(&query).tids();
        let within = snapshot.answer_within(&query, &tids).tids();
        assert_eq!(within, &whole & &tids, "{}", case.request);
        // A set and its complement part the matches.
        let others = &whole - &tids;
        let rest = snapshot.answer_within(&query, &others);
        assert_eq!(rest.total() + within.len(), whole.len());
        assert_eq!(rest.tids(), others);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn answers_stay_within_a_set(case in cases(), chosen in any::<u64>()) {
        check(&case, chosen);
    }
}

#[test]
fn rows_are_found_however_numbers_lie() {
    let tickets = |tids: &[u64]| -> Vec<Ticket> {
        let ticket = |&tid: &u64| Ticket {
            tid,
            ..Ticket::default()
        };
        tids.iter().map(ticket).collect()
    };
    let close: Vec<u64> = (5..9000).collect();
    let gaps: Vec<u64> = (1..9000).map(|n| n * 7).collect();
    let wide: Vec<u64> = (0..64).map(|n| u64::MAX >> n).collect();
    for own in [close, gaps, wide, vec![3]] {
        let (snapshot, _) = make(&tickets(&own), 1, &RoaringTreemap::new());
        let few = RoaringTreemap::from([0, 5, 8999, 21, 62_993, u64::MAX, u64::MAX >> 1]);
        let many: RoaringTreemap = (0..70_000).collect();
        let ends: RoaringTreemap = [own[0], own[own.len() - 1]].into_iter().collect();
        for set in [few, many, ends, RoaringTreemap::new()] {
            let answer = snapshot.answer_within(&Query::default(), &set);
            let expected: RoaringTreemap = own
                .iter()
                .copied()
                .filter(|&tid| set.contains(tid))
                .collect();
            assert_eq!(answer.total(), expected.len());
            assert_eq!(answer.tids(), expected);
        }
    }
}

/// A set of very many numbers is asked for the few tickets, and not stepped through.
#[test]
fn few_tickets_are_looked_for_in_a_large_set() {
    const LAST: u64 = 3_000_000;
    let ticket = |tid: u64| Ticket {
        tid,
        ..Ticket::default()
    };
    let tids = [1, 2, LAST - 1, LAST];
    let snapshot = ticketdex::Store::from_tickets(tids.map(ticket))
        .unwrap()
        .snapshot();
    let mut set = RoaringTreemap::new();
    set.insert_range(2..LAST);
    let query: Query = "tid=*".parse().unwrap();
    let answer = snapshot.answer_within(&query, &set);
    let shown: Vec<u64> = answer.records().map(|record| record.tid()).collect();
    assert_eq!(shown, [2, LAST - 1]);
}
