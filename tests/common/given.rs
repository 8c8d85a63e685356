//! An allocator that counts for the whole process: what is given and not got back, the most of it at
//! once, and how often something was given.
//!
//! A test crate or a bench makes it its own by `#[global_allocator]`. `allocations.rs` counts for each
//! thread instead.
#![allow(unsafe_code, reason = "a global allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, with counts.
pub(crate) struct Counting;

/// The bytes that are given and not got back.
pub(crate) static GIVEN: AtomicUsize = AtomicUsize::new(0);
/// The most bytes that were given at once since it was set.
pub(crate) static PEAK: AtomicUsize = AtomicUsize::new(0);
/// How often something was given.
pub(crate) static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    let given = GIVEN.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(given, Relaxed);
    CALLS.fetch_add(1, Relaxed);
}

// SAFETY: every call is passed to the system's allocator as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        GIVEN.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    // Without this one a vector that grows would be copied, which is not what programs do.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        GIVEN.fetch_sub(layout.size(), Relaxed);
        count(bytes);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}
