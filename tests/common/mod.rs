//! What several property tests share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses a part of it"
)]

pub mod checks;
pub mod nasty;
