//! What several tests share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses a part of it"
)]

#[cfg(feature = "reference")]
pub mod checks;
#[cfg(feature = "cli")]
pub mod command;
#[cfg(feature = "reference")]
pub mod model;
pub mod nasty;
