//! CSV of any bytes, under any header and any options: what a plain reader of the same rules has.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

#[global_allocator]
static ALLOCATOR: common::allocations::Counting = common::allocations::Counting;

libfuzzer_sys::fuzz_target!(
    init: common::unwind_before_abort(),
    |input: &[u8]| {
        let _ = common::csv_checks::import_csv(input);
    }
);
