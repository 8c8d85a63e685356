//! What the command does where the system sets it a limit: says so and ends with status 1.
//!
//! Most limits show as errors of a call. Two would end the process by a signal instead: a file that
//! may not grow, and memory that is not there, since a Rust program that gets no memory says so and
//! aborts.

/// Makes the end of a file's room an error of the write, and an abort the end with status 1.
///
/// A signal that cannot be handled ends the process as it would have.
pub(crate) fn report_limits() {
    #[cfg(unix)]
    {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGABRT, SIGXFSZ};
        use signal_hook::flag;

        // The flag is of no use; that the signal is handled is.
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        let _ = flag::register_conditional_shutdown(SIGABRT, 1, Arc::new(AtomicBool::new(true)));
    }
}
