//! `ticketdex check`: whether a store is sound, and what is wrong with it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use ticketdex::durable::Checked;
use ticketdex::{Error, ErrorKind};

use crate::input::{not_opened, store_options};
use crate::source::shown_opening;
use crate::{Failure, counted, say};

/// Looks at everything in a store, and tells what it holds and what is wrong with it
///
/// Every page of the file is checked against its checksum and every ticket decoded and checked; the
/// indexes are made and held to what must be true of them. Where there is an image that an opening would
/// use, each ticket of it is compared with that of the database, for which all are in memory twice.
/// The store is only read. With a fault, or where the store does not open, the exit status is 1.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The store, a file
    #[arg(long, value_name = "PATH")]
    store: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let start = Instant::now();
    let bar = shown_opening(&arguments.store);
    let checked = store_options().check(&arguments.store);
    bar.finish_and_clear();
    let checked = checked.map_err(|error| not_sound(&arguments.store, error))?;
    write(&checked, io::stdout().lock()).map_err(Failure::output)?;
    let name = arguments.store.display();
    let time = start.elapsed();
    if checked.faults_count > 0 {
        let faults = counted(checked.faults_count, "fault");
        return Err(Failure::Refused(format!(
            "{name}: {faults} found in {time:.2?}"
        )));
    }
    say(&format!("{name}: nothing wrong found in {time:.2?}"));
    Ok(())
}

/// Returns why a store is not sound, and tells how its tickets can be saved where its image still has them.
fn not_sound(path: &Path, error: Error) -> Failure {
    let is_damaged = matches!(error.kind(), ErrorKind::InvalidStore { .. });
    // An opening to read takes the tickets from the image, where that is whole and of this store.
    let saved = is_damaged.then(|| store_options().open_read_only(path).ok());
    let failure = not_opened(path, error);
    let Some(snapshot) = saved.flatten() else {
        return failure;
    };
    failure.report("check");
    let name = path.display();
    let tickets = counted(snapshot.tickets_count(), "ticket");
    let version = snapshot.version();
    Failure::Refused(format!(
        "the image of {name} is whole, with {tickets} of version {version}: `ticketdex backup --store {name} --to \
         FILE` makes a store of them"
    ))
}

fn write(checked: &Checked, mut writer: impl Write) -> io::Result<()> {
    writeln!(writer, "format         {}", checked.format)?;
    writeln!(writer, "version        {}", checked.version)?;
    writeln!(writer, "tickets        {}", checked.tickets)?;
    writeln!(writer, "custom fields  {}", checked.custom_names)?;
    writeln!(writer, "removals       {}", checked.removals)?;
    if let Some(image) = checked.image {
        let changes = counted(image.replayed, "change");
        match image.refused {
            None => writeln!(writer, "image          used, with {changes} since")?,
            Some(reason) => writeln!(writer, "image          not used: {reason}")?,
        }
    }
    for fault in &checked.faults {
        writeln!(writer, "fault          {}", fault.escape_debug())?;
    }
    let untold = checked.faults_count - checked.faults.len() as u64;
    if untold > 0 {
        writeln!(writer, "fault          and {untold} more")?;
    }
    writer.flush()
}
