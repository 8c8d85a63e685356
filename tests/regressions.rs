//! The fuzz targets' seeds and every input that one of them failed on, on stable Rust.
//!
//! `fuzz/seeds/TARGET/` is what fuzzing starts from, `fuzz/regressions/TARGET/` what it found;
//! the checks are those of the targets.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use common::allocations::Counting;
use common::checks;
use common::nasty::{Random, make_tickets};
use ticketdex::{Import, ImportFormat, Ticket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a check on every input of a target; returns how many there are and the sum of what the
/// check returns.
fn replay(target: &str, check: fn(&[u8]) -> usize) -> (usize, usize) {
    let (mut inputs_count, mut sum) = (0, 0);
    for kind in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz")
            .join(kind)
            .join(target);
        // A target that has never failed has no folder of what it failed on.
        if kind == "regressions" && !folder.exists() {
            continue;
        }
        for file in folder.read_dir().unwrap() {
            let path = file.unwrap().path();
            eprintln!("{}", path.display());
            sum += check(&std::fs::read(path).unwrap());
            inputs_count += 1;
        }
    }
    assert!(inputs_count > 5, "{target} has few seeds: {inputs_count}");
    (inputs_count, sum)
}

#[test]
fn requests_parse() {
    replay("parse_request", |input| {
        checks::parse_request(input);
        0
    });
}

#[test]
fn bytes_import() {
    replay("import_bytes", |input| {
        checks::import_bytes(input);
        0
    });
}

#[cfg(feature = "csv")]
#[test]
fn csv_imports() {
    let (inputs_count, tickets_count) = replay("import_csv", common::csv_checks::import_csv);
    // Inputs of which nothing is read would find nothing.
    assert!(tickets_count >= inputs_count, "{tickets_count} tickets");
}

#[test]
fn queries_answer() {
    let (inputs_count, records_count) = replay("query_vs_reference", checks::query_vs_reference);
    // Inputs that ask nothing would find nothing.
    assert!(records_count > 2 * inputs_count, "{records_count} records");
}

#[test]
fn counts_agree() {
    let (inputs_count, groups_count) = replay("count_vs_reference", checks::count_vs_reference);
    assert!(groups_count > 10 * inputs_count, "{groups_count} groups");
}

#[test]
fn stores_live() {
    let (inputs_count, records_count) = replay("store_ops", checks::store_ops);
    // Inputs that ask nothing would find nothing.
    assert!(records_count > inputs_count, "{records_count} records");
}

#[test]
fn responses_read_back() {
    let (inputs_count, tickets_count) = replay("response_roundtrip", checks::response_roundtrip);
    assert!(tickets_count >= inputs_count, "{tickets_count} tickets");
}

#[test]
fn what_a_failing_check_prints_reads_in_again() {
    let tickets: Vec<Ticket> = make_tickets(&mut Random::new(1), 50);
    let printed = checks::show_tickets(&tickets);
    let read: Result<Vec<Ticket>, _> = Import::new(ImportFormat::JsonLines, printed.as_bytes())
        .into_iter()
        .collect();
    let tids = |tickets: &[Ticket]| tickets.iter().map(|it| it.tid).collect::<Vec<_>>();
    assert_eq!(tids(&read.unwrap()), tids(&tickets));
    let told = Cell::new(false);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _shown = checks::OnFailure(|| {
            told.set(true);
            String::new()
        });
        assert_eq!(tids(&tickets), [0]);
    }));
    assert!(outcome.is_err() && told.get());
}
