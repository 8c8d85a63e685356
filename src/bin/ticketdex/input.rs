//! The tickets that a command works on: from files, standard input, or made up.
//!
//! Files load one after the other into one store, so a later ticket replaces an earlier
//! one of its tid. All arguments are looked at before the first byte is read.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ticketdex::synth::Tickets;
use ticketdex::{Batch, Error, Import, ImportFormat, Imported, Options, Progress, Store};

use crate::decompress::{self, Compression};
use crate::{Failure, describe, say};

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

    /// The form of -, and of files whose names do not tell: jsonl, xml, json or delimited
    #[arg(long = "input", value_name = "FORMAT", value_parser = parse_import_format)]
    form: Option<ImportFormat>,

    /// Skip and count bad records; otherwise the first one ends the command
    #[arg(long)]
    skip_bad: bool,
}

fn parse_import_format(name: &str) -> Result<ImportFormat, String> {
    ImportFormat::from_name(name)
        .ok_or_else(|| "the forms are jsonl, xml, json and delimited".to_owned())
}

/// One input, as the arguments describe it.
struct Source<'a> {
    /// None is standard input.
    path: Option<&'a Path>,
    format: ImportFormat,
    /// As the name tells; none where the first bytes tell.
    compression: Option<Compression>,
}

impl Input {
    /// Returns whether standard input is one of the files.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.files.iter().any(|path| is_stdin(path))
    }

    /// Loads everything, and says on standard error what was skipped.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let sources = self.sources()?;
        let start = Instant::now();
        let mut store = Store::new(Options::default());
        if sources.is_empty() {
            let mut batch = Batch::new();
            for ticket in Tickets::new(DEFAULT_SEED).take(SYNTHETIC_TICKETS) {
                batch.put(ticket);
            }
            let committed = store.commit(batch);
            committed.map_err(|error| Failure::bad("synthetic tickets", error))?;
        }
        for source in &sources {
            self.load_source(&mut store, source)
                .map_err(|error| Failure::bad(source.name(), error))?;
        }
        let time = start.elapsed();
        Ok(Loaded { store, time })
    }

    fn sources(&self) -> Result<Vec<Source<'_>>, Failure> {
        let stdin_count = self.files.iter().filter(|path| is_stdin(path)).count();
        if stdin_count > 1 {
            return Err(Failure::Usage("--data - may stand once".to_owned()));
        }
        self.files.iter().map(|path| self.source(path)).collect()
    }

    fn source<'a>(&self, path: &'a Path) -> Result<Source<'a>, Failure> {
        let extension = |path: &Path| Some(path.extension()?.to_str()?.to_owned());
        let mut name = path.to_owned();
        let compression = extension(&name).and_then(|end| Compression::from_extension(&end));
        if compression.is_some() {
            name.set_extension("");
        }
        let format = extension(&name)
            .and_then(|end| ImportFormat::from_extension(&end))
            .or(self.form);
        let path = (!is_stdin(path)).then_some(path);
        match format {
            Some(format) => Ok(Source {
                path,
                format,
                compression,
            }),
            None if path.is_none() => Err(Failure::Usage(
                "--data - needs --input FORMAT, the form of the tickets".to_owned(),
            )),
            None => Err(Failure::Usage(format!(
                "the name of {} tells no form of tickets: name it .jsonl, .ndjson, .xml, .json \
                 or .txt, or give --input FORMAT",
                name.display()
            ))),
        }
    }

    fn load_source(&self, store: &mut Store, source: &Source<'_>) -> Result<(), Error> {
        let bar = progress_bar(source)?;
        let input = bar.wrap_read(source.open()?);
        let input = decompress::open(input, source.compression)?;
        let start = Instant::now();
        let shown = bar.clone();
        let first_skip = Arc::new(Mutex::new(None));
        let skip = Arc::clone(&first_skip);
        let import = Import::new(source.format, input)
            .threads(thread::available_parallelism().map_or(1, usize::from))
            .skip_bad(self.skip_bad)
            .on_progress(move |progress| shown.set_message(rate(&progress, start.elapsed())))
            .on_skip(move |error| {
                if let Ok(mut first) = skip.lock() {
                    first.get_or_insert_with(|| describe(error));
                }
            });
        let loaded = store.load(import);
        bar.finish_and_clear();
        let Imported { skipped, .. } = loaded?.imported;
        if skipped > 0 {
            let first = first_skip.lock().ok().and_then(|mut first| first.take());
            say(&format!(
                "{}: {skipped} bad records skipped, the first: {}",
                source.name(),
                first.unwrap_or_default()
            ));
        }
        Ok(())
    }
}

impl Source<'_> {
    fn name(&self) -> String {
        self.path.map_or_else(
            || "standard input".to_owned(),
            |path| path.display().to_string(),
        )
    }

    fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin().lock()),
        })
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Makes a bar of the bytes of a file, or of nothing where no terminal would show it.
fn progress_bar(source: &Source<'_>) -> io::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let metadata = source.path.map(fs::metadata).transpose()?;
    let (bar, template) = match metadata.filter(fs::Metadata::is_file) {
        Some(metadata) => (
            ProgressBar::new(metadata.len()),
            "{prefix}: {percent}%, {msg}",
        ),
        None => (ProgressBar::new_spinner(), "{prefix}: {msg}"),
    };
    // Both templates are constant and valid.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    Ok(bar.with_style(style).with_prefix(source.name()))
}

/// Says how far a load has come: rows, bytes, rows a second.
fn rate(progress: &Progress, time: Duration) -> String {
    let rows = progress.tickets;
    let rows_a_second = u128::from(rows) * 1000 / time.as_millis().max(1);
    let megabytes = progress.bytes / 1_000_000;
    format!("{rows} rows, {megabytes} MB, {rows_a_second} rows/s")
}

/// A store of everything that was asked for.
pub(crate) struct Loaded {
    pub(crate) store: Store,
    pub(crate) time: Duration,
}

impl Loaded {
    /// Says how many tickets there are and how long they took.
    pub(crate) fn describe(&self) -> String {
        let count = self.store.snapshot().tickets_count();
        format!("{count} tickets, loaded in {:.2?}", self.time)
    }
}
