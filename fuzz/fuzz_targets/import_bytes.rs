//! Imports of any bytes in each format: tickets or an error, and what imports exports.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| common::checks::import_bytes(input));
