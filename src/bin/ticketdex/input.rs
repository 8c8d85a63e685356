//! The tickets that a command works on: a durable store's, or those of files or of standard
//! input.
//!
//! Files load one after the other into one store, so a later ticket replaces an earlier
//! one of its tid. All arguments are looked at before the first byte is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use ticketdex::synth::Tickets;
use ticketdex::{Batch, Options, Store, durable};

use crate::source::{Reading, Source, is_stdin, threads};
use crate::{Failure, counted};

/// So many tickets are made where no data is named.
const SYNTHETIC_TICKETS: usize = 100_000;

/// The seed of made-up tickets where none is named.
pub(crate) const DEFAULT_SEED: u64 = 1;

/// Where the tickets come from.
#[derive(Args)]
pub(crate) struct Input {
    /// A file of tickets, or - for standard input; may stand several times
    ///
    /// .jsonl or .ndjson is JSON Lines; .xml, .json and .txt (delimited) are get_tickets
    /// responses; each may have .gz or .zst behind. The files load in turn, and a later ticket
    /// replaces an earlier one of the same tid. Without --data, 100,000 tickets are made up.
    #[arg(long = "data", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The store that holds the tickets, in place of --data
    ///
    /// It is a file that import makes and fills.
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    store: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,
}

impl Input {
    /// Returns whether standard input is one of the files.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.files.iter().any(|path| is_stdin(path))
    }

    /// Refuses a store that is not there, which loading would make.
    pub(crate) fn must_exist(&self) -> Result<(), Failure> {
        if let Some(path) = &self.store {
            fs::metadata(path).map_err(|error| Failure::bad(path.display().to_string(), error))?;
        }
        Ok(())
    }

    /// Loads everything, and says on standard error what was skipped.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let sources = self.reading.sources(&self.files)?;
        let start = Instant::now();
        let store = match &self.store {
            Some(path) => open_store(path)?,
            None if sources.is_empty() => make_tickets()?,
            None => self.read(&sources)?,
        };
        let time = start.elapsed();
        Ok(Loaded { store, time })
    }

    fn read(&self, sources: &[Source<'_>]) -> Result<Store, Failure> {
        let mut store = Store::new(Options::default());
        for source in sources {
            let load = |import| Ok(store.load(import)?.imported);
            self.reading
                .read(source, load)
                .map_err(|error| Failure::bad(source.name(), error))?;
        }
        Ok(store)
    }
}

/// Opens a durable store, which is made if it is not there.
pub(crate) fn open_store(path: &Path) -> Result<Store, Failure> {
    // One more than can work at once: the one that reads often waits for the others.
    let opened = durable::Options::new().threads(threads() + 1).open(path);
    opened.map_err(|error| Failure::bad("--store", error))
}

fn make_tickets() -> Result<Store, Failure> {
    let mut store = Store::new(Options::default());
    let mut batch = Batch::new();
    for ticket in Tickets::new(DEFAULT_SEED).take(SYNTHETIC_TICKETS) {
        batch.put(ticket);
    }
    let committed = store.commit(batch);
    committed.map_err(|error| Failure::bad("synthetic tickets", error))?;
    Ok(store)
}

/// A store of everything that was asked for.
pub(crate) struct Loaded {
    pub(crate) store: Store,
    pub(crate) time: Duration,
}

impl Loaded {
    /// Says how many tickets there are and how long they took.
    pub(crate) fn describe(&self) -> String {
        let tickets = counted(self.store.snapshot().tickets_count(), "ticket");
        format!("{tickets}, loaded in {:.2?}", self.time)
    }
}
