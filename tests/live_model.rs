//! Stores that live: whatever is committed, merged and held, answers are the reference's.
//!
//! Each sequence is a store of its own and some steps of `common::model`: batches, single
//! tickets, removals, merges at sizes that small stores reach, merges that are installed
//! late, snapshots that are held. Answers are compared in every plan, bytes included.
//! `TICKETDEX_SEQUENCES` is how many, `TICKETDEX_SEED` the first one's seed; a failure
//! names the seed of its sequence.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::environment;
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, CUSTOM_NAMES_MAX, Field, Options, Patch, Store, TEXT_BYTES_MAX, Ticket, Value,
};

use common::model::Model;
use common::nasty::Random;

/// Names a sequence when an assertion fails.
struct OnFailure(u64);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("TICKETDEX_SEQUENCES=1 TICKETDEX_SEED={}", self.0);
        }
    }
}

/// Runs one sequence; returns how many steps it has.
fn run(seed: u64) -> u64 {
    let _named = OnFailure(seed);
    let mut random = Random::new(seed);
    let mut model = Model::new(&mut random);
    let steps_count = 1 + random.below(16) as u64;
    for _ in 0..steps_count {
        model.step(&mut random);
        if random.is_one_in(8) {
            model.ask(&mut random);
        }
    }
    model.ask(&mut random);
    steps_count
}

#[test]
fn a_store_answers_as_the_reference_through_its_life() {
    let sequences = environment("TICKETDEX_SEQUENCES", 10_000);
    let first = environment("TICKETDEX_SEED", 1);
    let next = AtomicU64::new(first);
    let steps_count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + sequences {
                        break;
                    }
                    steps_count.fetch_add(run(seed), Ordering::Relaxed);
                }
            });
        }
    });
    println!("{sequences} sequences, {} steps", steps_count.into_inner());
}

/// Returns the code of the error of a batch, or none, which both must agree on.
fn code(changes: impl Fn(&mut Batch)) -> Option<&'static str> {
    let known = Ticket {
        tid: 7,
        ..Ticket::default()
    };
    let (mut store, mut reference) = (Store::new(Options::default()), Reference::new());
    let mut batch = Batch::new();
    batch.put(known);
    reference.commit(&batch).unwrap();
    store.commit(batch).unwrap();
    let mut batch = Batch::new();
    changes(&mut batch);
    let expected = reference.commit(&batch).err().map(|error| error.code());
    let got = store.commit(batch).err().map(|error| error.code());
    assert_eq!(got, expected);
    got
}

#[test]
fn what_the_store_refuses_the_reference_refuses() {
    for (field, value) in [
        (Field::Tid, Value::Integer(7)),
        (Field::CustomFields, Value::None),
        (Field::CompanyId, Value::Text("x".into())),
        (Field::Status, Value::Integer(1)),
        (Field::DueDate, Value::Integer(1)),
    ] {
        let patch = || Patch::new().set(field, value.clone());
        let code = code(|batch| {
            batch.patch(7, patch());
        });
        assert_eq!(code, Some("invalid_value"), "{field:?}");
    }
    let date = |year| chrono::NaiveDate::from_ymd_opt(year, 1, 1)?.and_hms_opt(0, 0, 0);
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let custom = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    for (ticket, expected) in [
        (
            Ticket {
                date_opened: date(9999),
                ..Ticket::default()
            },
            None,
        ),
        (
            Ticket {
                date_opened: date(10_000),
                ..Ticket::default()
            },
            Some("invalid_ticket"),
        ),
        (
            Ticket {
                due_date: date(0),
                ..Ticket::default()
            },
            Some("invalid_ticket"),
        ),
        (
            Ticket {
                subject: long.clone(),
                ..Ticket::default()
            },
            Some("invalid_ticket"),
        ),
        (
            Ticket {
                custom_fields: custom("a", &long),
                ..Ticket::default()
            },
            Some("invalid_ticket"),
        ),
        (
            Ticket {
                custom_fields: custom("1", ""),
                ..Ticket::default()
            },
            Some("invalid_ticket"),
        ),
    ] {
        let put = |batch: &mut Batch| {
            batch.put(Ticket {
                tid: 8,
                ..ticket.clone()
            });
        };
        assert_eq!(code(put), expected);
    }
    for (names_count, expected) in [
        (CUSTOM_NAMES_MAX, None),
        (CUSTOM_NAMES_MAX + 1, Some("too_many_custom_fields")),
    ] {
        let custom_fields: Vec<_> = (0..names_count)
            .map(|n| (format!("n{n}"), String::new()))
            .collect();
        let put = |batch: &mut Batch| {
            batch.put(Ticket {
                tid: 8,
                custom_fields: custom_fields.clone(),
                ..Ticket::default()
            });
        };
        assert_eq!(code(put), expected);
    }
}
