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
    /// A signal that cannot be handled ends the command as it would have. One that is ignored already, as
    /// `nohup` has it, stays so where the system tells it.
    pub(crate) fn watch() -> Interrupt {
        let flag = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
            use signal_hook::flag;

            // Only Linux has this file, whose first line may be in any encoding.
            let status = std::fs::read("/proc/self/status").unwrap_or_default();
            let ignored = ignored_signals(&String::from_utf8_lossy(&status));
            let heard = [SIGINT, SIGTERM, SIGHUP].into_iter();
            for signal in heard.filter(|signal| ignored >> (signal - 1) & 1 == 0) {
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

/// Returns the signals that a process ignores, by what Linux tells of its status: signal 1 is the lowest bit.
///
/// What is not told is none.
#[cfg(unix)]
fn ignored_signals(status: &str) -> u64 {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_those_of_the_mask() {
        for (status, expected) in [
            ("Name:\tx\nSigBlk:\tff\nSigIgn:\t0000000000001001\n", 0x1001),
            ("SigIgn:\t8000000000000000", 1 << 63),
            ("SigIgn:\t0000000000000000\n", 0),
            ("SigIgn:\tnone\n", 0),
            ("SigCgt:\t0000000000000001\n", 0),
            ("", 0),
        ] {
            assert_eq!(ignored_signals(status), expected, "{status:?}");
        }
    }
}
