//! `ticketdex backup`: a store's copy in a file of its own.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ticketdex::{Error, durable};

use crate::input::{Keeping, load_store};
use crate::interrupt::Interrupt;
use crate::source::shown_copying;
use crate::{Failure, counted, say};

/// Copies a store into a file of its own, which is a store with the same tickets and versions
///
/// The copy is written under another name, beside it, and takes its own when it is whole; what is there is
/// never replaced. The store is only read. While another process has it open to write it, it cannot be
/// read; pipe, which may be that process, takes the line `backup FILE`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The store, a file
    #[arg(long, value_name = "PATH")]
    store: PathBuf,

    /// The copy, a file that is not there
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    #[command(flatten)]
    keeping: Keeping,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Ok(metadata) = arguments.to.symlink_metadata() {
        let what = if metadata.is_dir() {
            "a folder"
        } else {
            "a file"
        };
        return Err(Failure::Refused(format!(
            "{}: {what} is there already, and a backup replaces nothing",
            arguments.to.display()
        )));
    }
    let loaded = load_store(&arguments.store, &arguments.keeping)?;
    let interrupt = Interrupt::watch();
    let start = Instant::now();
    let bar = shown_copying(&arguments.to, io::stderr().is_terminal());
    let backup = durable::Backup::of(&loaded.tickets).on_progress(|progress| {
        bar.set_length(progress.tickets_all);
        bar.set_position(progress.tickets);
        interrupt.check().map_err(Error::from)
    });
    let written = backup.write(&arguments.to);
    bar.finish_and_clear();
    let written = written.map_err(|error| Failure::bad("--to, which is not made", error))?;
    say(&format!(
        "{}; {} of version {} written to {}, {} in {:.2?}",
        loaded.describe(loaded.tickets.tickets_count()),
        counted(written.tickets, "ticket"),
        written.version,
        arguments.to.display(),
        counted(written.bytes, "byte"),
        start.elapsed()
    ));
    Ok(())
}
