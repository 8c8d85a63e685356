//! The pointers, counters and locks through which threads meet at a commit, in one place so that a model
//! checker can replace them. What readers keep in a segment is swapped by pointers that are declared there.
//!
//! Under `--cfg loom` the unit tests of `store` run the steps around the swap in every order
//! that threads can take them. The pointer that is swapped is then behind a mutex, as loom
//! cannot look into the crate that swaps it; what is checked are our steps, not that crate.

#[cfg(not(all(test, loom)))]
pub(crate) use {
    arc_swap::ArcSwap,
    std::sync::atomic::{AtomicU64, AtomicUsize},
    std::sync::{Condvar, Mutex, MutexGuard},
};

#[cfg(all(test, loom))]
pub(crate) use {
    loom::sync::atomic::{AtomicU64, AtomicUsize},
    loom::sync::{Condvar, Mutex, MutexGuard},
    stand_in::ArcSwap,
};

#[cfg(all(test, loom))]
mod stand_in {
    use std::sync::Arc;

    use loom::sync::Mutex;

    /// A pointer behind a mutex.
    #[derive(Debug)]
    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn load_full(&self) -> Arc<T> {
            Arc::clone(&self.0.lock().expect("nothing panics in here"))
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            *self.0.lock().expect("nothing panics in here") = value;
        }
    }

    impl<T: Default> Default for ArcSwap<T> {
        fn default() -> ArcSwap<T> {
            ArcSwap(Mutex::default())
        }
    }
}
