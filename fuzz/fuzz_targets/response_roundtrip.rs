//! Any cells through each format, read by parsers of others and by the engine's own import.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(
    init: common::unwind_before_abort(),
    |input: &[u8]| {
        let _ = common::checks::response_roundtrip(input);
    }
);
