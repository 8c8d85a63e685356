//! Requests of any bytes: none panics, and what parses prints and parses again.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(
    init: common::unwind_before_abort(),
    |input: &[u8]| {
        common::checks::parse_request(input);
    }
);
