//! Any sequence of batches, merges and held snapshots, against the reference.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| common::checks::store_ops(input));
