//! Signals that ask the command to end, heard between two steps so that nothing half is left.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal has asked the command to end.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Hears nothing: a signal ends the command at once.
    pub(crate) fn never() -> Interrupt {
        Interrupt(Arc::default())
    }

    /// Hears SIGINT, SIGTERM and SIGHUP from now on; a second signal, of any of the three, ends the command at
    /// once.
    ///
    /// A signal that cannot be handled ends the command as it would have.
    pub(crate) fn watch() -> Interrupt {
        let flag = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
            use signal_hook::flag;

            for signal in [SIGINT, SIGTERM, SIGHUP] {
                // Registered first, so that it sees what an earlier signal has set.
                let _ = flag::register_conditional_shutdown(signal, 1, Arc::clone(&flag));
                let _ = flag::register(signal, Arc::clone(&flag));
            }
        }
        Interrupt(flag)
    }

    /// Returns an error once a signal has come.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            // Not `ErrorKind::Interrupted`, upon which a write would be tried again.
            return Err(io::Error::other("a signal asked the command to end"));
        }
        Ok(())
    }
}
