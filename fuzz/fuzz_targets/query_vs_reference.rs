//! Any store and requests under every plan, against the reference.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| common::checks::query_vs_reference(input));
