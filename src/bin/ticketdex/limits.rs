//! What the command does where the system sets it a limit: says so and ends with status 1.
//!
//! Most limits show as errors of a call. Two would end the process instead: a file that may not grow
//! (by a signal) and memory that is not there (by an abort).

use std::process::ExitCode;

/// Makes a write to a file that may not grow an error instead of the end of the process.
pub(crate) fn report_full_files() {
    #[cfg(unix)]
    {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::SIGXFSZ;

        // The flag is of no use; that the signal is handled is. If it cannot be, it ends the process.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }
}

/// Where memory is limited, runs the command in a process of its own and tells if that ran out of it.
///
/// A Rust program that gets no memory aborts, and only another process can say why and end with the
/// status of an error. Returns that status; none in that other process, and where there is no limit.
#[cfg(target_os = "linux")]
pub(crate) fn report_full_memory() -> Option<ExitCode> {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;
    use std::{env, fs};

    use signal_hook::consts::{SIGABRT, SIGTERM};

    use crate::say;

    /// Set in the environment of the process that does the work.
    const INNER: &str = "TICKETDEX_LIMITED";
    /// How often the outer process looks whether it shall end or the inner one has.
    const INTERVAL: Duration = Duration::from_millis(5);

    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits
        .lines()
        .find_map(|line| {
            line.strip_prefix("Max address space")?
                .split_whitespace()
                .next()
        })
        .filter(|&bytes| bytes != "unlimited")?;
    if env::var_os(INNER).is_some() {
        return None;
    }
    let is_terminated = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&is_terminated)).ok()?;
    let mut inner = Command::new(env::current_exe().ok()?);
    let mut inner = inner
        .args(env::args_os().skip(1))
        .env(INNER, "1")
        .spawn()
        .ok()?;
    let status = loop {
        if is_terminated.load(Ordering::Relaxed) {
            // What it has on disk is whole at any moment.
            let _ = inner.kill();
        }
        match inner.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => thread::sleep(INTERVAL),
            Err(_) => return Some(ExitCode::FAILURE),
        }
    };
    if status.signal() == Some(SIGABRT) {
        say(&format!(
            "memory: the process may have {limit} bytes of address space, which is too little; \
             raise the limit (ulimit -v) or load fewer tickets"
        ));
        return Some(ExitCode::FAILURE);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn report_full_memory() -> Option<ExitCode> {
    None
}
