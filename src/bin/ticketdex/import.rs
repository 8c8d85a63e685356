//! `ticketdex import`: tickets from files or standard input into a durable store.
//!
//! Tickets go in by batches, and each batch that is in stays in, whatever ends the command.
//! So a second run may find some tickets there already; it leaves those alone, puts the rest
//! and comes to the same store as one run that was not disturbed.
//!
//! # Invariants
//!
//! * Without `--skip-bad`, nothing of any file is put before all files have been read to the
//!   end without an error. What can be read once only, such as standard input, is checked
//!   batch by batch.
//! * A run that fails before anything is in the store leaves no file that it made.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ticketdex::{
    Batch, CUSTOM_NAMES_MAX, Error, ErrorKind, Field, Import, Imported, Snapshot, Store, Ticket,
};

use crate::image;
use crate::input::{Keeping, open_store};
use crate::interrupt::Interrupt;
use crate::source::{Bytes, Reading, Source};
use crate::{Failure, counted, say};

/// Puts tickets into a durable store
///
/// The store is made if it is not there. Without --skip-bad, files are read twice: first to find
/// bad records, before anything is put. Tickets go in by batches, and a batch that is in stays
/// in, so that a run that was interrupted can be run again: what is there is not put twice. One that
/// reads files and gets a signal to end, such as Ctrl-C, says how many of their records are in.
/// Standard input is checked batch by batch, and an error says how many of its records are in.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A file of tickets, or - for standard input; named as for get --data
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The store, a file
    #[arg(long, value_name = "PATH")]
    store: PathBuf,

    /// How many tickets go in at once; they are held in memory
    #[arg(long, value_name = "N", default_value = "16384", value_parser = parse_batch)]
    batch: NonZeroUsize,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    keeping: Keeping,
}

fn parse_batch(text: &str) -> Result<NonZeroUsize, String> {
    let expected = |_| "it is a number of tickets, at least 1".to_owned();
    text.parse().map_err(expected)
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sources = arguments.reading.sources(&arguments.files)?;
    let start = Instant::now();
    // A link to nowhere is there already, and so may be what cannot be looked at.
    let is_new = fs::symlink_metadata(&arguments.store)
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let store = open_store(&arguments.store, true, &arguments.keeping)?;
    // Where a read waits for someone to write, a signal that is only noted would wait with it.
    let interrupt = if sources.iter().all(Source::is_lasting) {
        Interrupt::watch()
    } else {
        Interrupt::never()
    };
    let mut writer = Writer::new(store, arguments, interrupt);
    let filled = fill(&mut writer, &sources, &arguments.reading);
    if filled.is_err() && is_new && writer.is_store_empty() {
        // While the store is open, so that nobody else has begun to fill it. If the file cannot
        // be removed, what went wrong before is still what is to be told.
        let _ = fs::remove_file(&arguments.store);
    }
    let skipped = filled?;
    image::settle(&mut writer.store);
    let replaced = match writer.replaced {
        0 => String::new(),
        count => format!(" ({count} in the place of an earlier one of the same number)"),
    };
    say(&format!(
        "{} put{replaced}, {} there already, {} skipped, in {:.2?}; the store has {}",
        counted(writer.put, "ticket"),
        writer.there,
        counted(skipped, "bad record"),
        start.elapsed(),
        counted(writer.snapshot.tickets_count(), "ticket")
    ));
    Ok(())
}

/// Puts the tickets of all inputs, and returns how many records were skipped.
fn fill(writer: &mut Writer, sources: &[Source<'_>], reading: &Reading) -> Result<u64, Failure> {
    if !reading.skip_bad {
        let mut names = Names::of(&writer.snapshot);
        for source in sources.iter().filter(|source| source.is_lasting()) {
            reading
                .read(source, "checking", |import| {
                    check(import, &mut names, &writer.interrupt)
                })
                .map_err(|error| reading.failure(source, nothing_in(source), error))?;
        }
    }
    let mut skipped = 0;
    for source in sources {
        let imported = reading
            .read(source, "putting", |import| writer.take(import))
            .map_err(|error| reading.failure(source, writer.what_is_in(source), error))?;
        skipped += imported.skipped;
    }
    Ok(skipped)
}

fn nothing_in(source: &Source<'_>) -> String {
    format!("{}, of which nothing is in the store", source.name())
}

/// The custom names that a store has, or will have, in lower case.
struct Names(HashSet<String>);

impl Names {
    fn of(snapshot: &Snapshot) -> Names {
        let mut names = Names(HashSet::new());
        names.follow(snapshot);
        names
    }

    /// Takes in the names that a later snapshot has; they stand behind those that were there before.
    fn follow(&mut self, snapshot: &Snapshot) {
        let new = snapshot.custom_names().iter().skip(self.0.len());
        self.0.extend(new.map(|name| name.to_ascii_lowercase()));
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(&name.to_ascii_lowercase())
    }

    /// Takes the names of a ticket in: all of them or, past the limit, none.
    fn enter(&mut self, ticket: &Ticket) -> Result<(), Error> {
        let names = ticket.custom_fields.iter().map(|(name, _)| name);
        let lower = names.clone().map(|name| name.to_ascii_lowercase());
        let new: Vec<(String, &String)> = lower
            .zip(names)
            .filter(|(lower, _)| !self.0.contains(lower))
            .collect();
        let room = CUSTOM_NAMES_MAX - self.0.len();
        if let Some((_, name)) = new.get(room) {
            let (name, tid) = (name.chars().take(100).collect(), Some(ticket.tid));
            return Err(ErrorKind::TooManyCustomFields { name, tid }.into());
        }
        self.0.extend(new.into_iter().map(|(lower, _)| lower));
        Ok(())
    }
}

/// Reads an input for its errors alone.
fn check(
    import: Import<Bytes>,
    names: &mut Names,
    interrupt: &Interrupt,
) -> Result<Imported, Error> {
    import.for_each_ticket(|ticket| {
        interrupt.check()?;
        names.enter(&ticket)
    })
}

/// Puts tickets into a store, batch by batch.
struct Writer {
    interrupt: Interrupt,
    store: Store,
    batch_tickets: usize,
    names: Names,
    /// The store as of the last batch.
    snapshot: Snapshot,
    /// The names of the snapshot.
    listed: Names,
    batch: Batch,
    /// The tids of the batch.
    tids: HashSet<u64>,
    /// How many tickets of the batch take the place of others.
    batch_replaced: u64,
    /// How many records of the current input are in the store.
    source_in: u64,
    put: u64,
    /// How many of those that were put took the place of a ticket of the same number, of the store or of
    /// an input.
    replaced: u64,
    there: u64,
}

impl Writer {
    fn new(store: Store, arguments: &Arguments, interrupt: Interrupt) -> Writer {
        let snapshot = store.snapshot();
        Writer {
            interrupt,
            names: Names::of(&snapshot),
            listed: Names::of(&snapshot),
            snapshot,
            store,
            batch_tickets: arguments.batch.get(),
            batch: Batch::new(),
            tids: HashSet::new(),
            batch_replaced: 0,
            source_in: 0,
            put: 0,
            replaced: 0,
            there: 0,
        }
    }

    /// Puts all tickets of an input; the last batch goes in only where the input ends well.
    fn take(&mut self, import: Import<Bytes>) -> Result<Imported, Error> {
        self.source_in = 0;
        let mut records = 0;
        let imported = import.for_each_ticket(|ticket| {
            self.interrupt.check()?;
            self.names.enter(&ticket)?;
            self.add(ticket);
            records += 1;
            if self.batch.changes().len() >= self.batch_tickets {
                self.commit()?;
                self.source_in = records;
            }
            Ok(())
        })?;
        self.commit()?;
        Ok(imported)
    }

    /// Adds a ticket to the batch, unless the store has it as it is.
    fn add(&mut self, ticket: Ticket) {
        // An earlier record of the batch may be about to replace what is there.
        let is_of_batch = !self.tids.insert(ticket.tid);
        if !is_of_batch && is_there(&self.snapshot, &self.listed, &ticket) {
            self.tids.remove(&ticket.tid);
            self.there += 1;
            return;
        }
        if is_of_batch || self.snapshot.get(ticket.tid).is_some() {
            self.batch_replaced += 1;
        }
        self.batch.put(ticket);
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.tids.clear();
        let batch = std::mem::take(&mut self.batch);
        let count = batch.changes().len() as u64;
        if count > 0 {
            self.store.commit(batch)?;
            self.snapshot = self.store.snapshot();
            self.listed.follow(&self.snapshot);
        }
        self.put += count;
        self.replaced += std::mem::take(&mut self.batch_replaced);
        Ok(())
    }

    /// Returns whether nothing is in the store, nor has been.
    fn is_store_empty(&self) -> bool {
        self.snapshot.tickets_count() == 0 && self.snapshot.custom_names().is_empty()
    }

    fn what_is_in(&self, source: &Source<'_>) -> String {
        match self.source_in {
            0 => nothing_in(source),
            1 => format!(
                "{}, of which the first good record is in the store",
                source.name()
            ),
            count => format!(
                "{}, of which the first {count} good records are in the store",
                source.name()
            ),
        }
    }
}

/// Returns whether putting a ticket would change nothing; `listed` are the names of the snapshot.
fn is_there(snapshot: &Snapshot, listed: &Names, ticket: &Ticket) -> bool {
    let Some(record) = snapshot.get(ticket.tid) else {
        return false;
    };
    let held = Ticket::from(record);
    let is_same = |field| field == Field::CustomFields || held.cell(field) == ticket.cell(field);
    // An empty text is not held, and yet its name must be in the list.
    let is_held = |(name, text): &(String, String)| match text.as_str() {
        "" => record.custom(name).is_empty() && listed.has(name),
        text => record.custom(name) == text,
    };
    let pairs = &ticket.custom_fields;
    let texts_count = pairs.iter().filter(|(_, text)| !text.is_empty()).count();
    Field::ALL.into_iter().all(is_same)
        && held.custom_fields.len() == texts_count
        && pairs.iter().all(is_held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(name: &str) -> Ticket {
        Ticket {
            tid: 1,
            custom_fields: vec![(name.to_owned(), String::new())],
            ..Ticket::default()
        }
    }

    #[test]
    fn an_empty_value_is_there_where_its_name_is_listed() {
        let mut store = Store::from_tickets([ticket("Room")]).unwrap();
        let mut snapshot = store.snapshot();
        let mut listed = Names::of(&snapshot);
        assert!(is_there(&snapshot, &listed, &ticket("ROOM")));
        assert!(!is_there(&snapshot, &listed, &ticket("Floor")));
        let mut batch = Batch::new();
        batch.put(ticket("Floor"));
        store.commit(batch).unwrap();
        snapshot = store.snapshot();
        listed.follow(&snapshot);
        for name in ["room", "floor"] {
            assert!(is_there(&snapshot, &listed, &ticket(name)), "{name}");
        }
    }
}
