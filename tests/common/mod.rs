//! What several tests share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses a part of it"
)]

pub mod allocations;
#[cfg(feature = "testing")]
pub mod changes;
#[cfg(feature = "testing")]
pub mod checks;
#[cfg(feature = "cli")]
pub mod command;
#[cfg(all(feature = "csv", feature = "testing"))]
pub mod csv_checks;
#[cfg(feature = "durable")]
pub mod folder;
#[cfg(feature = "testing")]
pub mod foreign;
#[cfg(feature = "testing")]
pub mod halves;
#[cfg(feature = "testing")]
pub mod hostile;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "testing")]
pub mod model;
pub mod refusals;
#[cfg(feature = "testing")]
pub use ticketdex::testing::{nasty, worlds};
use ticketdex::{Format, Query, Snapshot};

/// Returns the number in a variable of the environment, which makes a test longer or another.
pub fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Returns all tickets of a snapshot as JSON.
pub fn everything(snapshot: &Snapshot) -> Vec<u8> {
    let mut body = Vec::new();
    let answer = snapshot.answer(&Query::default());
    answer.write_to(Format::Json, &mut body).unwrap();
    body
}

/// Lets a panic of a fuzz target unwind, so that the check prints what it failed on.
///
/// The fuzzer's own hook aborts first; it aborts after the unwinding too.
pub fn unwind_before_abort() {
    drop(std::panic::take_hook());
}
