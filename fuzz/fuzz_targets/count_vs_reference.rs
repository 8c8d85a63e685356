//! Any store and requests that count by value in every way, against the reference.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(
    init: common::unwind_before_abort(),
    |input: &[u8]| {
        let _ = common::checks::count_vs_reference(input);
    }
);
