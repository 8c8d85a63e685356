//! What several tests share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses a part of it"
)]

#[cfg(feature = "testing")]
pub mod checks;
#[cfg(feature = "cli")]
pub mod command;
#[cfg(feature = "testing")]
pub mod foreign;
#[cfg(feature = "testing")]
pub mod model;
#[cfg(feature = "testing")]
pub use ticketdex::testing::nasty;
