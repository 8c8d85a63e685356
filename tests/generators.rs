//! What the generators draw: a bug that no input reaches is one that no test can find.
//!
//! `synth` must go on making the same bytes, since the figures of benches are of them, and
//! requests that suit its tickets. `testing::nasty` must make each of the difficult cases
//! often enough that a run of some thousands meets them together.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::nasty::{Random, VARIABLES, make_batch, make_request, make_tickets, more_variables};
use ticketdex::chrono::{NaiveTime, Timelike};
use ticketdex::reference::Reference;
use ticketdex::synth::{Requests, Tickets};
use ticketdex::{Batch, BatchChange, Field, Format, Options, Query, Store, Value, fold};

/// How often each case was drawn.
#[derive(Debug, Default)]
struct Cases(BTreeMap<String, usize>);

impl Cases {
    fn count(&mut self, name: impl Into<String>, is_case: bool) {
        *self.0.entry(name.into()).or_default() += usize::from(is_case);
    }

    /// Each of them at least so many times.
    fn check(&self, least: usize) {
        let rare: Vec<_> = self.0.iter().filter(|&(_, &count)| count < least).collect();
        assert!(rare.is_empty(), "fewer than {least} times: {rare:?}");
    }

    /// One of them so many times that what it is drawn by has not changed.
    fn check_within(&self, name: &str, range: std::ops::Range<usize>) {
        let count = self.0[name];
        assert!(
            range.contains(&count),
            "{name} {count} times, not {range:?}"
        );
    }
}

fn digest(bytes: &[u8]) -> u64 {
    // FNV-1a: the standard library's hashes may change with the compiler.
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn synth_makes_the_same_bytes_as_ever() -> Result<(), ticketdex::Error> {
    let mut batch = Batch::new();
    for ticket in Tickets::new(1).take(20_000) {
        batch.put(ticket);
    }
    let mut store = Store::new(Options::default());
    store.commit(batch)?;
    let mut tickets = Vec::new();
    let query: Query = "tid=*&order=tid".parse()?;
    let answer = store.snapshot().answer(&query);
    answer.write_to(Format::Json, &mut tickets).unwrap();
    let requests: Vec<String> = Requests::new(1, 20_000).take(20_000).collect();
    let requests = requests.join("\n");
    // Figures on record are of these bytes: who changes them has to measure anew.
    assert_eq!(
        (digest(&tickets), tickets.len()),
        (3_553_422_908_730_314_199, 34_388_696)
    );
    assert_eq!(
        (digest(requests.as_bytes()), requests.len()),
        (17_979_157_833_644_198_528, 1_557_659)
    );
    Ok(())
}

#[test]
fn tickets_that_are_skipped_are_the_same() {
    for place in [0, 1, 49, 50, 999] {
        let mut skipping = Tickets::new(1);
        let mut stepping = Tickets::new(1);
        let last = (0..=place).map(|_| stepping.next()).last();
        assert_eq!(Some(skipping.nth(place)), last);
        assert_eq!(skipping.next(), stepping.next());
    }
}

#[test]
fn most_requests_of_synth_have_an_answer() -> Result<(), ticketdex::Error> {
    const TICKETS: usize = 2_000;
    const REQUESTS: usize = 2_000;
    for seed in [1, 2] {
        let mut batch = Batch::new();
        for ticket in Tickets::new(seed).take(TICKETS) {
            batch.put(ticket);
        }
        let mut store = Store::new(Options::default());
        store.commit(batch)?;
        let snapshot = store.snapshot();
        let mut answered = 0;
        for request in Requests::new(seed, TICKETS as u64).take(REQUESTS) {
            let query: Query = request.parse()?;
            answered += usize::from(snapshot.answer(&query).total() > 0);
        }
        println!("seed {seed}: {answered} of {REQUESTS} requests have an answer");
        assert!(answered * 5 > REQUESTS * 4, "seed {seed}: only {answered}");
    }
    Ok(())
}

/// The first numbers of `SplitMix64` from the seed 1234567, which implementations publish.
#[test]
fn numbers_are_those_of_splitmix() {
    let mut random = Random::new(1_234_567);
    for number in [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ] {
        assert_eq!(random.number(), number);
    }
    let mut chosen = Random::chosen(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 200]);
    assert_eq!(chosen.number(), 0x0102_0304_0506_0708);
    assert_eq!((chosen.below(256), chosen.below(7)), (9, 200 % 7));
    assert_eq!((chosen.below(5), chosen.number()), (0, 0));
}

/// Where tids gain a digit, where 32 bits end, and where 64 do.
const LIMIT_TIDS: [u64; 11] = [
    1,
    9,
    10,
    99,
    100,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

#[test]
fn tickets_are_difficult() {
    let mut random = Random::new(1);
    let mut cases = Cases::default();
    for _ in 0..400 {
        let tickets = make_tickets(&mut random, 30);
        let mut statuses: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for ticket in &tickets {
            assert!(ticket.check().is_ok(), "{ticket:?}");
            statuses
                .entry(fold(&ticket.status))
                .or_default()
                .insert(&ticket.status);
            for tid in LIMIT_TIDS {
                cases.count(format!("tid {tid}"), ticket.tid == tid);
            }
            cases.count("tid small", ticket.tid <= 400);
            let times = ticket.date_opened.map(|date| date.time());
            cases.count("no date", ticket.date_opened.is_none());
            cases.count("midnight", times == Some(NaiveTime::MIN));
            cases.count(
                "before midnight",
                times.is_some_and(|it| it.num_seconds_from_midnight() == 86_399),
            );
            cases.count("empty status", ticket.status.is_empty());
            cases.count("folds", fold(&ticket.status) != ticket.status);
            cases.count("not ASCII", !ticket.subject.is_ascii());
            for escaped in ['<', '&', '"', '\\', '\n', '%', '+', '='] {
                cases.count(
                    format!("{escaped:?} in a subject"),
                    ticket.subject.contains(escaped),
                );
            }
            cases.count("no custom field", ticket.custom_fields.is_empty());
            cases.count(
                "empty custom field",
                ticket.custom_fields.iter().any(|(_, text)| text.is_empty()),
            );
            cases.count("several custom fields", ticket.custom_fields.len() > 1);
            for (name, _) in &ticket.custom_fields {
                cases.count(format!("custom {name}"), true);
            }
        }
        let mut tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        tids.sort_unstable();
        cases.count(
            "a tid twice",
            tids.windows(2).any(|pair| pair[0] == pair[1]),
        );
        cases.count(
            "equal when folded",
            statuses.values().any(|spellings| spellings.len() > 1),
        );
    }
    println!("{cases:#?}");
    cases.check(50);
}

/// What names a key of an order: a name, an alias or a custom field, in any direction.
fn key_names(order: &str) -> impl Iterator<Item = &str> {
    let keys = order.split(',');
    keys.filter_map(|key| key.split_whitespace().next())
}

#[test]
fn requests_are_difficult_and_most_have_an_answer() {
    let mut random = Random::new(2);
    let mut cases = Cases::default();
    let variables = VARIABLES.into_iter().chain(["count_only"]);
    for name in variables.map(str::to_owned).chain(more_variables()) {
        cases.count(format!("{name}="), false);
    }
    for field in Field::ALL {
        if field != Field::CustomFields {
            cases.count(format!("by {}", field.name()), false);
        }
        if let Some(alias) = field.alias() {
            cases.count(format!("by {alias}"), false);
        }
    }
    for _ in 0..300 {
        let tickets = make_tickets(&mut random, 20);
        let reference = Reference::from_tickets(tickets.clone()).unwrap();
        for _ in 0..20 {
            let request = make_request(&mut random, &tickets);
            let query: Query = request.parse().unwrap();
            let total = reference.total(&query);
            cases.count("requests", true);
            cases.count("answered", total > 0);
            let bytes = request.trim_start_matches('?').as_bytes();
            let mut values: BTreeMap<String, usize> = BTreeMap::new();
            for (name, value) in form_urlencoded::parse(bytes) {
                let mut name = name.to_lowercase();
                if name == "action" {
                    continue;
                }
                if name.starts_with("custom_fields.") {
                    let operator = if name.ends_with('!') { "!" } else { "" };
                    name = format!("custom_fields{operator}");
                }
                cases.count(format!("{name}="), true);
                *values.entry(name.clone()).or_default() += 1;
                if name == "order" {
                    for key in key_names(&value) {
                        match key.strip_prefix("custom_fields.") {
                            Some(_) => cases.count("by a custom field", true),
                            None => cases.count(format!("by {key}"), true),
                        }
                    }
                    cases.count("several keys", key_names(&value).count() > 1);
                    cases.count("descends", value.to_lowercase().contains("desc"));
                }
            }
            cases.count("several values", values.values().any(|&count| count > 1));
            cases.count("several filters", values.len() > 3);
            cases.count("name in capitals", request.contains("KEYWORD="));
            cases.count("+", request.contains('+'));
            cases.count("%0A", request.contains("%0A"));
            cases.count("%0a", request.contains("%0a"));
            cases.count("several terms", query.terms().len() > 1);
            cases.count("terms answered", !query.terms().is_empty() && total > 0);
            cases.count("two terms answered", query.terms().len() > 1 && total > 0);
            let is_folded = query.terms().iter().any(|term| !term.is_ascii());
            cases.count("term not ASCII", is_folded);
            cases.count(
                "page answered",
                query.page() > Some(1) && query.window().0 < total,
            );
            cases.count(
                "page too far",
                query.page() > Some(1) && query.window().0 >= total,
            );
        }
    }
    println!("{cases:#?}");
    cases.check(40);
    cases.check_within("answered", 3_600..4_200);
    cases.check_within("two terms answered", 200..600);
}

#[test]
fn batches_are_difficult() {
    let mut random = Random::new(3);
    let mut cases = Cases::default();
    let mut reference = Reference::new();
    for field in Field::ALL {
        if field != Field::Tid && field != Field::CustomFields {
            cases.count(format!("{} patched", field.name()), false);
        }
    }
    for _ in 0..4_000 {
        let known: Vec<u64> = reference.tickets().map(|ticket| ticket.tid).collect();
        let batch = make_batch(&mut random, &known);
        cases.count("batches", true);
        cases.count("bad", reference.commit(&batch).is_err());
        let mut changed = BTreeSet::new();
        for change in batch.changes() {
            let tid = match change {
                BatchChange::Put(ticket) => ticket.tid,
                BatchChange::Patch(tid, _) | BatchChange::Remove(tid) => *tid,
                _ => unreachable!("a fourth kind of change"),
            };
            cases.count("changes", true);
            cases.count("changes of known", known.contains(&tid));
            cases.count("changed again", !changed.insert(tid));
            cases.count("put", matches!(change, BatchChange::Put(_)));
            cases.count(
                "put anew",
                matches!(change, BatchChange::Put(_)) && known.contains(&tid),
            );
            cases.count(
                "removed",
                matches!(change, BatchChange::Remove(_)) && known.contains(&tid),
            );
            cases.count(
                "removed in vain",
                matches!(change, BatchChange::Remove(_)) && !known.contains(&tid),
            );
            if let BatchChange::Patch(_, patch) = change {
                let values: Vec<(Field, &Value)> = patch.values().collect();
                for (field, _) in &values {
                    cases.count(format!("{} patched", field.name()), true);
                }
                let is_searchable = values.iter().any(|(field, _)| field.is_searchable())
                    || patch.custom().next().is_some();
                cases.count("patched", true);
                cases.count("nothing patched", values.is_empty() && !is_searchable);
                cases.count("texts patched", is_searchable);
                let is_other = !values.is_empty() && !is_searchable;
                cases.count("patched but for texts", is_other);
                cases.count("custom patched", patch.custom().next().is_some());
                cases.count(
                    "date patched by text",
                    values.iter().any(|(field, value)| {
                        *field == Field::DueDate && matches!(value, Value::Text(_))
                    }),
                );
            }
        }
    }
    println!("{cases:#?}");
    cases.check(40);
    cases.check_within("changes of known", 17_000..21_000);
    cases.check_within("bad", 400..1_200);
    cases.check_within("patched but for texts", 2_000..3_500);
}
