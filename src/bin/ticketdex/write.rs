//! The write lines of `pipe`: one change each, committed alone or with the others of a batch.
//!
//! # Invariants
//!
//! * The lines of a batch are committed as one, or none of them is.
//! * A line that is answered with `ok` is visible to the lines after it and, in a durable store,
//!   on disk.
//! * Merges that are too long for a commit run on a thread of their own, one at a time. It
//!   installs each as soon as it is done, so that what was merged is let go without a next line.
//! * The image of a durable store is written by the same thread, once enough has changed, and when the
//!   command ends.
//! * The store is closed by the thread that owns the [`Writer`]: the other one may be in the
//!   middle of a merge when the command ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ticketdex::durable::ImageJob;
use ticketdex::{Batch, Error, ErrorKind, MergeJob, Patch, Reader, Store, Ticket};

use crate::image;

/// A store with the one right to change it.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    reader: Reader,
    open: Option<OpenBatch>,
}

/// A batch that is begun and not committed.
#[derive(Default)]
struct OpenBatch {
    batch: Batch,
    /// The line of each change of the batch.
    lines: Vec<u64>,
    /// The first line that was refused, and why: then the batch is refused as a whole.
    refused: Option<(u64, Error)>,
}

/// What the writer and its merges meet through.
struct Shared(Mutex<State>);

struct State {
    /// None once the writer is gone.
    store: Option<Store>,
    /// Whether some thread runs a job, and will look for the next one after it.
    is_busy: bool,
    /// Whether an image could be written, as far as has been tried.
    takes_images: bool,
}

/// What is done beside the writing.
enum Job {
    Merge(MergeJob),
    Image(ImageJob),
}

impl Writer {
    /// Takes a store, and begins a merge if one is due: loads may have left dead rows.
    pub(crate) fn new(store: Store) -> Writer {
        let reader = store.reader();
        let state = State {
            store: Some(store),
            is_busy: false,
            takes_images: true,
        };
        let shared = Arc::new(Shared(Mutex::new(state)));
        let writer = Writer {
            shared,
            reader,
            open: None,
        };
        writer.work();
        writer
    }

    /// Returns a handle that takes snapshots: one that is held would keep what was merged.
    pub(crate) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Returns how many changes have been taken into a batch that is not committed; none without one.
    pub(crate) fn gathered(&self) -> Option<usize> {
        let open = self.open.as_ref()?;
        Some(open.batch.changes().len())
    }

    /// Does what a line of the input says, which has a number; none where it is no write line.
    pub(crate) fn write(&mut self, number: u64, line: &[u8]) -> Option<Result<(), Error>> {
        let (word, rest) = split_word(line);
        if matches!(word, b"put" | b"patch" | b"del") {
            return Some(self.change(number, word, rest));
        }
        // These stand alone in their line, with blanks around them and in any case.
        let line = line.trim_ascii().to_ascii_lowercase();
        let at = line.iter().position(u8::is_ascii_whitespace);
        let (word, has_more) = (&line[..at.unwrap_or(line.len())], at.is_some());
        match word {
            b"begin" | b"commit" | b"rollback" if has_more => {
                // The lines after it are meant as one batch, which is refused as a whole.
                if word == b"begin" {
                    self.open.get_or_insert_default();
                }
                let error = expected("begin, commit or rollback alone in its line");
                Some(Err(self.refuse(number, error)))
            }
            b"begin" => Some(self.begin(number)),
            b"commit" => Some(self.commit()),
            b"rollback" => Some(self.end().map(drop)),
            _ => None,
        }
    }

    fn begin(&mut self, number: u64) -> Result<(), Error> {
        if self.open.is_some() {
            let error = expected("commit or rollback before the next begin");
            return Err(self.refuse(number, error));
        }
        self.open = Some(OpenBatch::default());
        Ok(())
    }

    /// Refuses the batch that is open, if there is one, for the error of a line.
    pub(crate) fn refuse(&mut self, number: u64, error: Error) -> Error {
        if let Some(open) = &mut self.open {
            open.refused.get_or_insert_with(|| (number, error.clone()));
            open.batch = Batch::new();
        }
        error
    }

    /// Commits the batch that is open.
    fn commit(&mut self) -> Result<(), Error> {
        let open = self.end()?;
        if let Some((line, cause)) = open.refused {
            return Err(ErrorKind::RefusedBatch { line, cause }.into());
        }
        self.apply(open.batch).map_err(|error| {
            let line = error.change().and_then(|index| open.lines.get(index));
            match line {
                Some(&line) => error.at_line(line),
                None => error,
            }
        })
    }

    /// Takes the batch that is open away.
    fn end(&mut self) -> Result<OpenBatch, Error> {
        let open = self.open.take();
        open.ok_or_else(|| expected("begin before commit or rollback"))
    }

    fn change(&mut self, number: u64, word: &[u8], rest: &[u8]) -> Result<(), Error> {
        let Some(open) = &mut self.open else {
            let mut batch = Batch::new();
            add(&mut batch, word, rest)?;
            return self.apply(batch);
        };
        // The lines after one that was refused are looked at, and not kept.
        let mut unkept = Batch::new();
        let batch = match &open.refused {
            None => &mut open.batch,
            Some(_) => &mut unkept,
        };
        let added = add(batch, word, rest);
        match &added {
            Ok(()) if open.refused.is_none() => open.lines.push(number),
            Ok(()) => {}
            Err(error) => {
                open.refused.get_or_insert_with(|| (number, error.clone()));
                open.batch = Batch::new();
            }
        }
        added
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Error> {
        self.shared.commit(batch)?;
        self.work();
        Ok(())
    }

    /// Begins a job that is due, unless one is running.
    ///
    /// Where no thread can be started, the caller runs it.
    fn work(&self) {
        let Some(job) = self.shared.begin() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let spawned = thread::Builder::new().spawn(move || shared.run(job));
        if spawned.is_err() {
            self.shared.lock().is_busy = false;
            if let Some(job) = self.shared.begin() {
                self.shared.run(job);
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let store = self.shared.lock().store.take();
        if let Some(store) = &store {
            image::write(store);
        }
        // Closed without the lock, which a merge that ends meanwhile may want.
        drop(store);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, batch: Batch) -> Result<(), Error> {
        let mut state = self.lock();
        // The writer calls this, so it has not gone.
        let store = state.store.as_mut().expect("the writer is there");
        store.commit(batch).map(drop)
    }

    /// Returns the next job, for the caller to run, unless one is running.
    fn begin(&self) -> Option<Job> {
        let mut state = self.lock();
        if state.is_busy {
            return None;
        }
        let job = state.due();
        state.is_busy = job.is_some();
        job
    }

    /// Runs a job, and those that are due after it.
    fn run(&self, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            next = match job {
                Job::Merge(job) => self.run_merge(job),
                Job::Image(job) => {
                    let is_written = image::run(job);
                    let mut state = self.lock();
                    // A disk that is full would only be tried in vain.
                    state.takes_images &= is_written;
                    state.go_on()
                }
            };
        }
    }

    fn run_merge(&self, job: MergeJob) -> Option<Job> {
        let merged = job.run();
        let mut state = self.lock();
        let store = state.store.as_mut()?;
        let before = store.snapshot();
        store.install(merged);
        let next = state.go_on();
        drop(state);
        // Letting large segments go takes some milliseconds, for which no line needs to wait.
        drop(before);
        next
    }
}

impl State {
    /// Returns the job that is due, if one is.
    fn due(&self) -> Option<Job> {
        let store = self.store.as_ref()?;
        if let Some(job) = store.merge_job() {
            return Some(Job::Merge(job));
        }
        let job = self.takes_images.then(|| image::due(store))?;
        job.map(Job::Image)
    }

    /// Returns the next job for the thread that has ended one.
    fn go_on(&mut self) -> Option<Job> {
        let next = self.due();
        self.is_busy = next.is_some();
        next
    }
}

/// Parts a line at its first blank; a word alone has nothing after it.
pub(crate) fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(|&byte| byte == b' ');
    at.map_or((line, b""), |at| (&line[..at], &line[at + 1..]))
}

/// Adds the change of a line to a batch.
fn add(batch: &mut Batch, word: &[u8], rest: &[u8]) -> Result<(), Error> {
    // Unlike a request, what is stored must be what was sent.
    let text = str::from_utf8(rest).map_err(|error| ErrorKind::InvalidEncoding {
        found: format!("the byte 0x{:02X}", rest[error.valid_up_to()]),
    })?;
    match word {
        b"put" => batch.put(Ticket::from_json(text)?),
        b"patch" => {
            let (tid, patch) = Patch::from_json(text)?;
            batch.patch(tid, patch)
        }
        _ => batch.remove(parse_tid(text)?),
    };
    Ok(())
}

pub(crate) fn expected(expected: &'static str) -> Error {
    let detail = String::new();
    ErrorKind::InvalidSyntax { expected, detail }.into()
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
