//! Costs held to their formula, and what a compiled term leaves behind.

use std::sync::Arc;

use super::*;
use crate::model::value::seconds_to_date;
use crate::model::{Field, Ticket};
use crate::plan::filter::{Filter, Filters};
use crate::plan::tests::live_of;
use crate::segment::DigitPattern;

const BLOCKS: u32 = 8;
const ROWS_COUNT: u32 = BLOCKS * BLOCK_ROWS;

/// Makes a segment of eight blocks: every second row is open, 16 are of one technician, each
/// has a cid and a date of its own, the dates ascending, and one in 64 the word "rare".
fn make_live() -> LiveSegment {
    let ticket = |row: u32| Ticket {
        tid: 1 + u64::from(row),
        status: ["Open", "Closed"][row as usize % 2].to_owned(),
        assigned_tech: if row % 2048 == 1 { "few" } else { "many" }.to_owned(),
        cid: format!("{row:05}"),
        date_opened: Some(seconds_to_date(1 + u64::from(row))),
        subject: if row.is_multiple_of(64) {
            "rare"
        } else {
            "other"
        }
        .to_owned(),
        ..Ticket::default()
    };
    let tickets: Vec<Ticket> = (0..ROWS_COUNT).map(ticket).collect();
    live_of(&tickets)
}

fn compile_in(live: &LiveSegment, tids: (u64, u64), all: &[Filter]) -> Arc<Conjunction> {
    let filters = Filters {
        tids: Some(tids),
        all: all.iter().cloned().collect(),
        within: Vec::new(),
    };
    Conjunction::compile(
        &filters,
        0,
        live,
        PlanMode::default(),
        &mut FoundTerms::default(),
    )
}

/// Filters, tids, blocks; what driving costs, in half nanoseconds, and what blocks cost.
type Case<'a> = (&'a [&'a Filter], (u64, u64), Range<u32>, Option<u64>, u64);

#[test]
fn costs_are_those_of_the_rows_and_blocks_to_be_read() {
    let live = make_live();
    let open = Filter::Value(Field::Status, "open".into());
    let few = Filter::Value(Field::AssignedTech, "few".into());
    let cid = Filter::Value(Field::Cid, "05000".into());
    let cids = Filter::Values(Field::Cid, vec!["00007".into(), "05000".into()]);
    let both = Filter::Values(Field::Status, vec!["closed".into(), "open".into()]);
    let dates = Filter::Numbers(Field::DateOpened, 5_001, 6_001);
    let block = Filter::Numbers(Field::DateOpened, 4_097, 8_192);
    let pattern = Filter::Pattern(DigitPattern::new("*7").into());
    let all = (0, u64::MAX);
    let cases: &[Case<'_>] = &[
        (&[], all, 0..8, None, 8 * 15),
        (&[&both], all, 0..8, None, 8 * 15),
        (&[&open], all, 0..8, Some(16_384 * 3), 8 * (15 + 8)),
        (&[&few], all, 0..8, Some(16 * 3), 8 * (15 + 40) + 16 / 2),
        (
            &[&open, &few],
            all,
            0..8,
            Some(16 * (3 + 3)),
            8 * (15 + 8 + 40) + 16 / 2,
        ),
        (
            &[&few],
            (1, 8_192),
            0..2,
            Some(16 * 3),
            2 * (15 + 40) + 4 / 2,
        ),
        (
            &[&open, &few],
            (1, 8_192),
            0..2,
            Some(16 * 3 + 4 * 3),
            2 * (15 + 8 + 40) + 2,
        ),
        (&[&open], (8_193, 8_200), 2..3, Some(16_384 * 3), 15 + 8),
        (&[&cid], all, 0..8, Some(3), 8 * (15 + 80) + 2),
        (
            &[&cids],
            all,
            0..8,
            Some(2 * 3 + 2 * 30),
            8 * (15 + 80 + 80) + 4,
        ),
        (&[&dates], all, 1..2, Some(1_001 * (3 + 30)), 15 + 8 + 600),
        (&[&block], all, 1..2, Some(4_096 * (3 + 30)), 15 + 8),
        // Rows are found before zones are looked at where that costs less than they do.
        (
            &[&cid, &dates],
            all,
            0..8,
            Some(3 + 10),
            8 * (15 + 80 + 8 + 600) + 2,
        ),
        (
            &[&cid, &dates, &open],
            all,
            1..2,
            Some(3 + 10 + 3),
            15 + 80 + 8 + 8 + 600,
        ),
        (
            &[&few, &pattern],
            all,
            0..8,
            Some(16 * (3 + 24)),
            8 * (15 + 40) + 8 + 16 * 24 / 2,
        ),
        (&[&pattern], all, 0..8, Some(3_277 * 3), 8 * (15 + 8)),
    ];
    for (filters, tids, blocks, drive_cost, blocks_cost) in cases {
        let filters: Vec<Filter> = filters.iter().copied().cloned().collect();
        let conjunction = compile_in(&live, *tids, &filters);
        let got = (
            conjunction.block_indexes(),
            conjunction.drive_cost(),
            conjunction.blocks_cost(),
        );
        assert_eq!(
            got,
            (blocks.clone(), drive_cost.map(|it| it / 2), *blocks_cost),
            "{filters:?}"
        );
    }
}

#[test]
fn terms_are_kept_and_taken_unless_the_plan_is_cold() {
    let live = make_live();
    let term = Filter::Term("rare".into());
    let filters = Filters {
        tids: Some((0, u64::MAX)),
        all: smallvec::smallvec![Filter::Value(Field::Cid, "05000".into()), term.clone()],
        within: Vec::new(),
    };
    let cold = PlanMode {
        is_cold: true,
        ..PlanMode::default()
    };
    // One row is asked for the term, as long as its rows are not at hand.
    let reads_texts = |mode| {
        let conjunction =
            Conjunction::compile(&filters, 0, &live, mode, &mut FoundTerms::default());
        conjunction
            .parts
            .iter()
            .any(|part| part.filter.reads_texts())
    };
    let only = Filters {
        tids: Some((0, u64::MAX)),
        all: smallvec::smallvec![term],
        within: Vec::new(),
    };
    Conjunction::compile(&only, 0, &live, cold, &mut FoundTerms::default());
    assert!(live.segment.kept_term("rare").is_none());
    assert!(reads_texts(PlanMode::default()));
    Conjunction::compile(
        &only,
        0,
        &live,
        PlanMode::default(),
        &mut FoundTerms::default(),
    );
    assert!(live.segment.kept_term("rare").is_some());
    assert!(!reads_texts(PlanMode::default()));
    assert!(reads_texts(cold));
}

#[test]
fn few_rows_are_asked_for_a_term_that_very_many_words_hold() {
    let ticket = |row: u32| Ticket {
        tid: 1 + u64::from(row),
        cid: format!("{row:05}"),
        email: format!("user{row:05}@mail.example"),
        ..Ticket::default()
    };
    let live = live_of(&(0..20_000).map(ticket).collect::<Vec<_>>());
    let cid = Filter::Value(Field::Cid, "05000".into());
    let sought = |term: &str, all: &[Filter]| {
        let mut found = FoundTerms::default();
        let filters = Filters {
            tids: Some((0, u64::MAX)),
            all: all
                .iter()
                .cloned()
                .chain([Filter::Term(term.into())])
                .collect(),
            within: Vec::new(),
        };
        Conjunction::compile(&filters, 0, &live, PlanMode::default(), &mut found);
        !found.is_empty()
    };
    assert!(!sought("mail.exam", std::slice::from_ref(&cid)));
    assert!(sought("05000@mail", &[cid]), "one word holds it");
    assert!(sought("mail.exam", &[]), "all rows would be asked");
}
