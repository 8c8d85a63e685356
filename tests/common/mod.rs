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

/// Lets a panic of a fuzz target unwind, so that the check prints what it failed on.
///
/// The fuzzer's own hook aborts first; it aborts after the unwinding too.
pub fn unwind_before_abort() {
    drop(std::panic::take_hook());
}
