//! The tickets that a command works on: a durable store's, or those of files or of standard
//! input.
//!
//! Files load one after the other into one store, so a later ticket replaces an earlier
//! one of its tid. All arguments are looked at before the first byte is read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use ticketdex::synth::Tickets;
use ticketdex::{Batch, Error, ErrorKind, Options, Snapshot, Store, Texts, durable};

use crate::source::{Reading, Source, is_stdin, shown_opening, threads};
use crate::{Failure, counted, say};

/// The tickets that are made where no data is named.
const SYNTHETIC_TICKETS: usize = 100_000;

/// The seed of made-up tickets where none is named.
pub(crate) const DEFAULT_SEED: u64 = 1;

/// Where the tickets come from.
#[derive(Args)]
pub(crate) struct Input {
    /// A file of tickets, or - for standard input; may stand several times
    ///
    /// .jsonl or .ndjson is JSON Lines; .xml, .json and .txt (delimited) are get_tickets
    /// responses; .csv is CSV under a header; each may have .gz or .zst behind. Standard input needs
    /// --input. The files load in turn, and a later ticket replaces an earlier one of the same tid.
    /// Without --data and --store, get, count, pipe and serve make up 100,000 tickets, and say so.
    #[arg(long = "data", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The store that holds the tickets, in place of --data
    ///
    /// It is a file that import makes and fills.
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    store: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    keeping: Keeping,
}

/// How the tickets are kept in memory.
#[derive(Args)]
pub(crate) struct Keeping {
    /// Keep subjects and summaries packed in memory
    ///
    /// They take about half as much, and writing them takes up to twice as long. No answer depends
    /// on it. Subjects, and summaries, are packed from 1 MiB on. A store that has an image keeps them as
    /// the image does until it merges.
    #[arg(long)]
    compact: bool,
}

impl Keeping {
    fn options(&self) -> Options {
        Options::default().texts(if self.compact {
            Texts::Compact
        } else {
            Texts::Fast
        })
    }

    /// Returns the options by which a command opens a store.
    fn store_options(&self) -> durable::Options {
        store_options().store(self.options())
    }
}

impl Input {
    /// Returns whether standard input is one of the files.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.files.iter().any(|path| is_stdin(path))
    }

    /// Returns whether tickets are named, rather than made up.
    pub(crate) fn is_given(&self) -> bool {
        self.store.is_some() || !self.files.is_empty()
    }

    /// Returns the store, where the tickets are in one.
    pub(crate) fn store(&self) -> Option<&Path> {
        self.store.as_deref()
    }

    /// Loads everything to be read and changed, and says on standard error what was skipped.
    pub(crate) fn load(&self) -> Result<Loaded<Store>, Failure> {
        Loaded::by(|| match &self.store {
            Some(path) => open_store(path, false, &self.keeping),
            None => self.load_files(),
        })
    }

    /// Loads everything to be read, as [`load`](Input::load) does; a store stays as it is.
    pub(crate) fn load_snapshot(&self) -> Result<Loaded<Snapshot>, Failure> {
        Loaded::by(|| match &self.store {
            Some(path) => read_store(path, &self.keeping),
            None => Ok(self.load_files()?.snapshot()),
        })
    }

    fn load_files(&self) -> Result<Store, Failure> {
        let sources = self.reading.sources(&self.files)?;
        if sources.is_empty() {
            return self.make_tickets();
        }
        self.read(&sources)
    }

    fn make_tickets(&self) -> Result<Store, Failure> {
        say("neither --data nor --store names tickets, so they are made up");
        let mut store = Store::new(self.keeping.options());
        let mut batch = Batch::new();
        for ticket in Tickets::new(DEFAULT_SEED).take(SYNTHETIC_TICKETS) {
            batch.put(ticket);
        }
        let committed = store.commit(batch);
        committed.map_err(|error| Failure::bad("synthetic tickets", error))?;
        Ok(store)
    }

    fn read(&self, sources: &[Source<'_>]) -> Result<Store, Failure> {
        let mut store = Store::new(self.keeping.options());
        for source in sources {
            let load = |import| Ok(store.load(import)?.imported);
            self.reading
                .read(source, "loading", load)
                .map_err(|error| self.reading.failure(source, source.name(), error))?;
        }
        Ok(store)
    }
}

/// Opens a durable store; `creates` tells whether one is made where there is none.
pub(crate) fn open_store(path: &Path, creates: bool, keeping: &Keeping) -> Result<Store, Failure> {
    let bar = shown_opening(path);
    let opened = keeping.store_options().create(creates).open(path);
    bar.finish_and_clear();
    opened.map_err(|error| not_opened(path, error))
}

/// Loads a durable store to be read, which stays as it is.
pub(crate) fn load_store(path: &Path, keeping: &Keeping) -> Result<Loaded<Snapshot>, Failure> {
    Loaded::by(|| read_store(path, keeping))
}

fn read_store(path: &Path, keeping: &Keeping) -> Result<Snapshot, Failure> {
    let bar = shown_opening(path);
    let opened = keeping.store_options().open_read_only(path);
    bar.finish_and_clear();
    opened.map_err(|error| not_opened(path, error))
}

/// Returns why a store does not open, and tells what makes one where there is none.
pub(crate) fn not_opened(path: &Path, error: Error) -> Failure {
    let shown = path.display();
    let made = format!(
        "`ticketdex import FILE --store {shown}` makes a store and puts the tickets of a file into it"
    );
    let hint = match fs::metadata(path) {
        _ if !matches!(error.kind(), ErrorKind::InvalidStore { .. }) => String::new(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => made,
        // What is no store is never written to, so an import does not fill the file either.
        Ok(metadata) if metadata.is_file() && metadata.len() == 0 => {
            format!("remove the empty file {shown}; then {made}")
        }
        _ => String::new(),
    };
    Failure::bad("--store", error).hinted(hint)
}

/// Returns the options by which every command opens a store, whatever it keeps in memory.
pub(crate) fn store_options() -> durable::Options {
    // One more than can work at once: the one that reads often waits for the others.
    durable::Options::new().threads(threads())
}

/// Everything that was asked for, with the time that loading it took.
pub(crate) struct Loaded<T> {
    pub(crate) tickets: T,
    time: Duration,
}

impl<T> Loaded<T> {
    fn by(load: impl FnOnce() -> Result<T, Failure>) -> Result<Loaded<T>, Failure> {
        let start = Instant::now();
        let tickets = load()?;
        let time = start.elapsed();
        Ok(Loaded { tickets, time })
    }

    /// Says how many tickets there are in all and how long they took.
    pub(crate) fn describe(&self, count: u64) -> String {
        format!("{}, loaded in {:.2?}", counted(count, "ticket"), self.time)
    }
}
