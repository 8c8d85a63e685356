//! The log of `ticketdex serve`: a line a request, on standard error.
//!
//! A thread of its own writes it, as a reader of standard error that has stopped reading would
//! otherwise hold up every request. What does not fit between the two is dropped, and counted.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ticketdex::chrono::DateTime;
use ticketdex::http::Served;

use crate::counted;

/// The lines that may wait to be written.
const LINES_MAX: usize = 4096;

/// The time that the last lines have when the command ends.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The time between two looks for a place among the lines that wait.
const END_PAUSE: Duration = Duration::from_millis(5);

/// The thread that writes, and the way to it.
pub(super) struct Log {
    /// None ends the thread.
    lines: SyncSender<Option<String>>,
    lost: Arc<AtomicU64>,
    ended: Receiver<()>,
}

impl Log {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Log> {
        let (lines, waiting) = sync_channel(LINES_MAX);
        let (ending, ended) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&lost);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                write(&waiting, &counts);
                let _ = ending.send(());
            })?;
        Ok(Log { lines, lost, ended })
    }

    /// Returns what takes a line for each request, and never waits.
    pub(super) fn writer(&self) -> impl Fn(&Served) + Send + Sync + 'static {
        let (lines, lost) = (self.lines.clone(), Arc::clone(&self.lost));
        move |served| {
            if lines.try_send(Some(line(served))).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Says a line after those that wait, as the commands say it, and never waits.
    pub(super) fn say(&self, line: &str) {
        let line = format!("ticketdex: {line}\n");
        if self.lines.try_send(Some(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was logged is written, for a moment.
    pub(super) fn end(self) {
        let deadline = Instant::now() + END_WITHIN;
        // Where lines wait in every place, one of them has to be written first.
        while let Err(TrySendError::Full(_)) = self.lines.try_send(None) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(END_PAUSE);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = self.ended.recv_timeout(left);
    }
}

/// Writes lines as they come. Whether anyone hears them is no concern of the command's.
fn write(waiting: &Receiver<Option<String>>, lost: &AtomicU64) {
    while let Ok(Some(line)) = waiting.recv() {
        let _ = io::stderr().write_all(line.as_bytes());
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            crate::say(&format!("{} of the log lost", counted(lost, "line")));
        }
    }
}

/// Makes the line about a request, control characters shown as escapes.
fn line(served: &Served) -> String {
    let mut line = now();
    let mut add = |text: &str| {
        line.push(' ');
        for c in text.chars() {
            if c.is_control() {
                line.extend(c.escape_default());
            } else {
                line.push(c);
            }
        }
    };
    add(served.method.as_str());
    add(&served.path);
    add(served.status.as_str());
    if let Some(code) = served.code {
        add(&format!("code={code}"));
    }
    if let Some(key) = &served.key {
        add(&format!("key_name={key:?}"));
    }
    if let Some(total) = served.total {
        add(&format!("total={total}"));
    }
    add(&format!("bytes={}", served.bytes));
    if !served.is_whole {
        add("broken_off");
    }
    let (first_byte, time) = (served.first_byte.as_micros(), served.time.as_micros());
    add(&format!("first_byte_us={first_byte} time_us={time}"));
    if let Some(address) = served.address {
        add(&format!("from={address}"));
    }
    if let Some(request) = &served.request {
        add(&format!("request={request}"));
    }
    line.push('\n');
    line
}

/// Returns the time, as RFC 3339 in UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let nanoseconds = since.subsec_millis() * 1_000_000;
    let time = DateTime::from_timestamp(seconds, nanoseconds).unwrap_or_default();
    format!("{:?}Z", time.naive_utc())
}
