//! Stores that live: whatever is committed, merged and held, answers are the reference's.
//!
//! Each sequence is a store of its own and some steps of `common::model`: batches, single
//! tickets, removals, merges at sizes that small stores reach, merges that are installed
//! late, snapshots that are held. Answers are compared in every plan, bytes included.
//! `TICKETDEX_SEQUENCES` is how many, `TICKETDEX_SEED` the first one's seed; a failure
//! names the seed of its sequence.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

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

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
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
