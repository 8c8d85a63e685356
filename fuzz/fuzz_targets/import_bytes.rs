//! Imports of any bytes in each format: tickets or an error, and what imports exports.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

#[global_allocator]
static ALLOCATOR: common::allocations::Counting = common::allocations::Counting;

libfuzzer_sys::fuzz_target!(
    init: common::unwind_before_abort(),
    |input: &[u8]| {
        common::checks::import_bytes(input);
    }
);
