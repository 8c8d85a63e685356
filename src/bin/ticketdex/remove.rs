//! `ticketdex remove`: the tickets that match a request, out of a durable store.
//!
//! # Invariants
//!
//! * Nothing is removed without a yes, by `--yes` or on a terminal.
//! * All of it is one commit: what matched is removed whole, or a failure leaves all of it.
//! * The store is open to be written from the count to the commit, so what is removed is what was told.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Read as _};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ticketdex::{Batch, Query};

use crate::found::tell_unknown_fields;
use crate::image;
use crate::input::{Keeping, open_store};
use crate::{Failure, counted, parse_request, say};

/// The most bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: u64 = 100;

/// Removes the tickets that match a request from a durable store
///
/// They are those that get lists for the same request, so count and page limit them. Tells how many
/// there are, and asks. What is removed does not come back.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A get_tickets request like 'status=Closed&end_date=2014-12-31'
    ///
    /// One without filters is refused; tid=* stands for every ticket.
    #[arg(value_name = "REQUEST")]
    request: OsString,

    /// The store, a file
    #[arg(long, value_name = "PATH")]
    store: PathBuf,

    /// Remove without asking; needed where standard input is no terminal
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    keeping: Keeping,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let request = parse_request(&arguments.request)?;
    let Some(query) = request.query() else {
        let message = "remove takes a request for tickets, not one that counts them";
        return Err(Failure::Usage(message.to_owned()));
    };
    check(query)?;
    let mut store = open_store(&arguments.store, false, &arguments.keeping)?;
    let snapshot = store.snapshot();
    let answer = snapshot.answer(query);
    let all = counted(snapshot.tickets_count(), "ticket");
    tell_unknown_fields(&request.action, &snapshot);
    if answer.count() == 0 {
        say(&match answer.total() {
            0 => format!("none of {all} matches, so none was removed"),
            total => format!(
                "the request matches {total} of {all}, but none of them is on its page, so none was \
                 removed"
            ),
        });
        return Ok(());
    }
    let told = match (answer.count(), answer.total()) {
        (count, total) if count == total => format!("{count} of {all}"),
        (count, total) => format!("{count} of the {total} that match, of {all},"),
    };
    if !arguments.yes && !ask(&told, &arguments.store.display().to_string())? {
        return Err(Failure::Refused("nothing was removed".to_owned()));
    }
    let start = Instant::now();
    let mut batch = Batch::new();
    for record in answer.records() {
        batch.remove(record.tid());
    }
    // Held to the end they would keep the memory of what is removed.
    drop((answer, snapshot));
    let committed = store.commit(batch);
    committed.map_err(|error| Failure::bad("--store, of which nothing was removed", error))?;
    say(&format!(
        "{told} removed in {:.2?}; the store has {}",
        start.elapsed(),
        counted(store.snapshot().tickets_count(), "ticket")
    ));
    image::settle(&mut store);
    Ok(())
}

/// Refuses a request that an empty variable of a shell may have made.
fn check(query: &Query) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    let has_filters = query.tid().is_some()
        || !query.filters().is_empty()
        || query.changed_since().is_some()
        || !query.terms().is_empty()
        || !query.excluded_terms().is_empty();
    if !has_filters {
        return usage("a request without filters is every ticket; tid=* says that it is meant");
    }
    if query.is_count_only() {
        return usage("count_only=Y has no place in a request of remove; get counts");
    }
    Ok(())
}

/// Asks for a yes; anything else is a no.
fn ask(told: &str, store: &str) -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Refused(format!(
            "{told} would be removed from {store}; standard input is no terminal to ask on, so \
             --yes is needed, and nothing was removed"
        )));
    }
    say(&format!("remove {told} from {store}? [y/N]"));
    let mut line = Vec::new();
    let read = stdin
        .lock()
        .take(ANSWER_BYTES_MAX)
        .read_until(b'\n', &mut line);
    read.map_err(|error| Failure::bad("standard input", error))?;
    let is_yes = ["y", "yes"]
        .iter()
        .any(|yes| line.trim_ascii().eq_ignore_ascii_case(yes.as_bytes()));
    Ok(is_yes)
}
