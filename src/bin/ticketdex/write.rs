//! The write lines of `pipe`: one change each, committed alone.
//!
//! # Invariants
//!
//! * A line that is answered with `ok` is visible to the lines after it and, in a durable store,
//!   on disk.
//! * Merges that are too long for a commit run on a thread of their own, one at a time.

use std::thread::{self, JoinHandle};

use ticketdex::{Batch, Commit, Error, ErrorKind, Merged, Patch, Store, Ticket};

/// A store with the one right to change it.
pub(crate) struct Writer {
    store: Store,
    merging: Option<JoinHandle<Merged>>,
}

impl Writer {
    pub(crate) fn new(store: Store) -> Writer {
        Writer {
            store,
            merging: None,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Commits what a line says; none where it is no write line.
    pub(crate) fn write(&mut self, line: &[u8]) -> Option<Result<Commit, Error>> {
        let at = line.iter().position(|&byte| byte == b' ')?;
        let (word, rest) = (&line[..at], &line[at + 1..]);
        if ![&b"put"[..], b"patch", b"del"].contains(&word) {
            return None;
        }
        Some(self.apply(word, rest))
    }

    fn apply(&mut self, word: &[u8], rest: &[u8]) -> Result<Commit, Error> {
        // Unlike a request, what is stored must be what was sent.
        let text = str::from_utf8(rest).map_err(|error| ErrorKind::InvalidEncoding {
            found: format!("the byte 0x{:02X}", rest[error.valid_up_to()]),
        })?;
        let mut batch = Batch::new();
        match word {
            b"put" => batch.put(Ticket::from_json(text)?),
            b"patch" => {
                let (tid, patch) = Patch::from_json(text)?;
                batch.patch(tid, patch)
            }
            _ => batch.remove(parse_tid(text)?),
        };
        let commit = self.store.commit(batch)?;
        self.merge();
        Ok(commit)
    }

    /// Installs a merge that is done, and begins one that is due.
    fn merge(&mut self) {
        if let Some(merging) = self.merging.take_if(|merging| merging.is_finished())
            && let Ok(merged) = merging.join()
        {
            self.store.install(merged);
        }
        if self.merging.is_none()
            && let Some(job) = self.store.merge_job()
        {
            let merging = thread::Builder::new().name("merge".to_owned());
            self.merging = merging.spawn(move || job.run()).ok();
            // Without a thread the merge takes its time here; it was given back with the job.
            if self.merging.is_none()
                && let Some(job) = self.store.merge_job()
            {
                let merged = job.run();
                self.store.install(merged);
            }
        }
    }
}

fn parse_tid(text: &str) -> Result<u64, Error> {
    let digits = text.trim_ascii();
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let tid = digits.parse().ok().filter(|_| is_plain);
    tid.ok_or_else(|| {
        ErrorKind::InvalidValue {
            variable: "tid".to_owned(),
            value: digits.chars().take(100).collect(),
            expected: "an integer",
        }
        .into()
    })
}
