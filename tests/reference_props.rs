//! The engine and the reference give equal answers: totals, tids and bytes.
//!
//! Random stores, committed in one, two and many batches with replaced and removed
//! tickets, are asked random requests under every plan. `TICKETDEX_PAIRS` is how many
//! (store, request) pairs to compare, `TICKETDEX_SEED` the first store's seed; a failure
//! names the seed of its store.

mod common;

use std::collections::BTreeMap;

use common::nasty::{Random, make_request, make_tickets, split};
use ticketdex::reference::Reference;
use ticketdex::{Format, Options, PlanMode, Query, Request, Snapshot, SortKey, Store, Ticket};

const REQUESTS_A_STORE: u64 = 40;

/// How often each thing occurred, and among how many pairs.
#[derive(Default)]
struct Tally {
    pairs: u64,
    answered: u64,
    occurred: BTreeMap<String, u64>,
}

impl Tally {
    fn note(&mut self, kind: &str, names: impl IntoIterator<Item = String>) {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort();
        names.dedup();
        for name in names {
            *self.occurred.entry(format!("{kind} {name}")).or_default() += 1;
        }
    }

    fn note_request(&mut self, request: &str, query: &Query) {
        let variables = form_urlencoded::parse(request.trim_start_matches('?').as_bytes())
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, _)| name.to_lowercase());
        self.note("variable", variables.collect::<Vec<_>>());
        let keys = query.order().iter().map(|key| match &key.key {
            SortKey::Field(field) => field.name().to_owned(),
            _ => "custom_fields".to_owned(),
        });
        self.note("order", keys);
    }
}

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Commits the same batches to both; a batch is refused by both or by neither.
fn build(random: &mut Random, tickets: &[Ticket], commits_count: usize) -> (Store, Reference) {
    let mut store = Store::new(Options::default());
    let mut reference = Reference::new();
    for batch in split(random, tickets, commits_count) {
        let expected = reference.commit(&batch).map_err(|error| error.code());
        let got = store
            .commit(batch)
            .map(|_| ())
            .map_err(|error| error.code());
        assert_eq!(got, expected);
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(snapshot.custom_names(), reference.custom_names());
    (store, reference)
}

/// Compares one request under every plan; the bytes of the plan chosen in every format,
/// those of the others in one.
fn compare(snapshot: &Snapshot, reference: &Reference, query: &Query, tally: &mut Tally) {
    let total = reference.total(query);
    let tids = reference.tids(query);
    let bodies = Format::ALL.map(|format| reference.respond(query, format));
    let mut strategies = Vec::new();
    for (at, mode) in std::iter::once(PlanMode::default())
        .chain(PlanMode::all())
        .enumerate()
    {
        let answer = snapshot.answer_with(query, mode);
        assert_eq!(answer.total(), total, "total under {mode:?}");
        let got: Vec<u64> = answer.records().map(|record| record.tid()).collect();
        assert_eq!(got, tids, "tids under {mode:?}");
        assert_eq!(answer.count(), tids.len() as u64, "count under {mode:?}");
        for (index, format) in Format::ALL.into_iter().enumerate() {
            if at == 0 || at % 3 == index {
                let mut body = Vec::new();
                answer.write_to(format, &mut body).unwrap();
                assert!(body == bodies[index], "{} under {mode:?}", format.name());
            }
        }
        let segments = answer.explain().segments;
        strategies.extend(segments.iter().map(|plan| plan.strategy.to_string()));
    }
    tally.note("strategy", strategies);
    tally.pairs += 1;
    tally.answered += u64::from(if query.is_count_only() {
        total > 0
    } else {
        !tids.is_empty()
    });
}

/// Names what was compared when an assertion fails.
struct OnFailure<'a>(u64, &'a str);

impl Drop for OnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("TICKETDEX_SEED={} request {}", self.0, self.1);
        }
    }
}

fn run_store(seed: u64, tickets_count: usize, requests_count: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let tickets = make_tickets(&mut random, tickets_count);
    let commits_count = random.choose(&[1, 2, 7]);
    let while_building = OnFailure(seed, "(building)");
    let (store, reference) = build(&mut random, &tickets, commits_count);
    drop(while_building);
    let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
    for _ in 0..requests_count {
        let request = make_request(&mut random, &tickets);
        let _named = OnFailure(seed, &request);
        let parsed: Request = request.parse().unwrap();
        assert_eq!(
            parsed.query.to_string().parse::<Query>().unwrap(),
            parsed.query
        );
        tally.note_request(&request, &parsed.query);
        compare(&store.snapshot(), &reference, &parsed.query, tally);
    }
}

#[test]
fn engine_and_reference_agree() {
    let pairs = environment("TICKETDEX_PAIRS", 20_000);
    let first = environment("TICKETDEX_SEED", 1);
    let mut tally = Tally::default();
    for seed in first..first + pairs.div_ceil(REQUESTS_A_STORE) {
        let tickets_count = Random::new(!seed).below(121);
        run_store(seed, tickets_count, REQUESTS_A_STORE, &mut tally);
    }
    for (name, count) in &tally.occurred {
        println!("{name:30} {count:9}");
    }
    println!(
        "{} pairs, {} answers not empty",
        tally.pairs, tally.answered
    );
    if pairs < 1000 {
        return;
    }
    assert!(tally.answered * 2 >= tally.pairs, "most answers are empty");
    let expected = common::nasty::VARIABLES.into_iter().chain(["count_only"]);
    let mut expected: Vec<String> = expected.map(|name| format!("variable {name}")).collect();
    expected.extend(ticketdex::Field::ALL.map(|field| format!("order {}", field.name())));
    expected.extend(ticketdex::Strategy::ALL.map(|strategy| format!("strategy {strategy}")));
    for name in expected {
        let count = tally.occurred.get(&name).copied().unwrap_or_default();
        assert!(count * 100 >= tally.pairs, "{name} only {count} times");
    }
}

/// Blocks of 4,096 rows, and what differs once a store has more than one of them.
#[test]
fn engine_and_reference_agree_across_blocks() {
    let mut tally = Tally::default();
    for seed in 1..=2 {
        run_store(seed << 32, 5_000, 15, &mut tally);
    }
}
