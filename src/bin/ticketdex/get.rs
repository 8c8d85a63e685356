//! `ticketdex get`: one request, answered on standard output.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::time::Instant;

use clap::Args;
use ticketdex::Format;

use crate::found::{Found, tell_unknown_fields};
use crate::input::Input;
use crate::{Failure, parse_format, parse_request, people, say};

/// Answers one request
///
/// The response goes to standard output. Standard error tells how many tickets there are, how
/// long they took to load, how many matched, and how long it took to find them. Where more tickets
/// follow those of the response, it tells what to add to the request for the next page, such as
/// after=TOKEN, and likewise for those that precede.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A get_tickets request like 'status=Open&order=date_opened DESC&count=5', or a count_tickets
    /// one like 'action=count_tickets&by=status'
    ///
    /// It is form-urlencoded, with or without a leading ?. Without filters every ticket matches.
    #[arg(value_name = "REQUEST", default_value = "")]
    request: OsString,

    #[command(flatten)]
    input: Input,

    /// The format of the response, unless the request names one: xml, json, delimited or csv
    #[arg(long, value_parser = parse_format, default_value = "xml")]
    format: Format,

    /// Put an apostrophe before texts of CSV that a spreadsheet would run
    ///
    /// These begin with =, +, -, @, a tab or CR; tickets come from strangers. Without it, texts are
    /// written as they are, and read back as they were.
    #[arg(long)]
    csv_safe: bool,

    /// Print a table for people instead, as wide as the terminal
    ///
    /// Its columns are those of fields=, or a few of all. Values are plain, not URL-encoded;
    /// control characters are not written, so a ticket cannot act on the terminal. Its width is
    /// the terminal's, or else that of COLUMNS, or 80; NO_COLOR=1 leaves colours out.
    #[arg(long, conflicts_with_all = ["format", "csv_safe"])]
    table: bool,

    /// Print the plan and the work that it took to standard error
    #[arg(long)]
    explain: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before a long load, not after it.
    let request = parse_request(&arguments.request)?;
    if arguments.table && request.format.is_some() {
        let message = "--table is for people, so its request names no format";
        return Err(Failure::Usage(message.to_owned()));
    }
    let loaded = arguments.input.load_snapshot()?;
    let snapshot = &loaded.tickets;

    let start = Instant::now();
    let found = Found::of(&request.action, snapshot);
    let time = start.elapsed();

    if arguments.table {
        people::write(&request.action, snapshot, &found).map_err(Failure::output)?;
    } else {
        let format = request.format.unwrap_or(arguments.format);
        let mut stdout = io::stdout().lock();
        let mut chunks = found.chunks(format).csv_safe(arguments.csv_safe);
        chunks.write_to(&mut stdout).map_err(Failure::output)?;
        stdout.flush().map_err(Failure::output)?;
    }
    say(&format!(
        "{}; {} matched, answered in {time:.2?}",
        loaded.describe(snapshot.tickets_count()),
        found.total()
    ));
    tell_unknown_fields(&request.action, snapshot);
    if let Some(next) = found.next() {
        say(&format!("more follow: after={next}"));
    }
    if let Some(previous) = found.previous() {
        say(&format!("more precede: before={previous}"));
    }
    if arguments.explain {
        match found.explain() {
            // Whether anyone hears it is no concern of the command's.
            Some(plan) => drop(writeln!(io::stderr(), "{plan}")),
            None => say("counts by value have no plan to print"),
        }
    }
    Ok(())
}
