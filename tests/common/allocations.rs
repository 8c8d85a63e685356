//! An allocator that counts, for what must take no more than a multiple of its input.
//!
//! A test crate or a fuzz target makes it its own by `#[global_allocator]`. Bytes are the same on
//! every machine, where time is not. Each thread counts for itself, so that tests beside one
//! another do not meet.
#![allow(unsafe_code, reason = "a global allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with counts of what each thread allocates.
pub struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = layout.size();
        ALLOCATED.set(ALLOCATED.get() + bytes as u64);
        HELD.set(HELD.get() + bytes.cast_signed() as i64);
        PEAK.set(PEAK.get().max(HELD.get()));
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size().cast_signed() as i64);
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.dealloc(place, layout) }
    }
}

/// What a run allocated in all, and the most that it held at once.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub allocated: u64,
    pub peak: u64,
}

/// Runs something on this thread, and tells what it allocated.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, Bytes) {
    let (allocated, held) = (ALLOCATED.get(), HELD.get());
    PEAK.set(held);
    let outcome = run();
    let bytes = Bytes {
        allocated: ALLOCATED.get() - allocated,
        peak: (PEAK.get() - held).unsigned_abs(),
    };
    (outcome, bytes)
}
