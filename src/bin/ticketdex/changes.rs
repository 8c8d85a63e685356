//! `ticketdex changes`: what a copy elsewhere needs to follow a store, as JSON Lines.
//!
//! The lines are in the order in which a copy applies them: tickets that were removed, tickets that changed
//! and do not match the request, tickets that changed and match it, and at the end the version that the
//! copy then has. A copy that is cut off in their midst lacks the last line, and asks again.
//!
//! # Invariants
//!
//! * What is told is all of one snapshot: a copy of the matching tickets as of version N that applies
//!   the lines is the copy as of the last line's version. What cannot be told in full is an error.
//! * A copy that begins at 0 has nothing, so it is told of no removal, and always told all there is.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use ticketdex::{Action, Answer, AnyField, Error, ErrorKind, Query, Removed, Request, Snapshot};

use crate::input::{Keeping, load_store};
use crate::lines::Line;
use crate::{Failure, counted, parse_number, say, shown};

/// What is written to the output at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Tells what changed in a store since a version, as JSON Lines
///
/// Each line is an object with the number of its commit:
///
///   {"version":12,"removed":7}    ticket 7 was removed; it may have been put again since
///   {"version":13,"unmatched":8}  ticket 8 changed, and does not match REQUEST now
///   {"version":14,"ticket":{...}} this ticket changed, and matches REQUEST
///   {"version":15}                the last line: all is told up to this version
///
/// A copy that applies them in their order, taking out what it has of the first two kinds and
/// putting the third, follows the store; the next time it asks --since the version of the last
/// line. It begins empty, at 0. Where removals since N are forgotten, the error is
/// version_too_old, and the copy must start over: empty, at 0.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Which tickets are followed, a get_tickets request like 'status=Open&fields=tid,subject'; without
    /// it, all
    #[arg(value_name = "REQUEST", default_value = "")]
    request: OsString,

    /// The store, a file
    #[arg(long, value_name = "PATH")]
    store: PathBuf,

    /// The version up to which all is known, 0 where nothing is
    #[arg(long, value_name = "N", value_parser = parse_number)]
    since: u64,

    #[command(flatten)]
    keeping: Keeping,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let request = arguments.request.to_string_lossy();
    // Before a long load, not after it.
    parse(&request, arguments.since).map_err(|error| Failure::bad("the request", error))?;
    let loaded = load_store(&arguments.store, &arguments.keeping)?;
    let snapshot = &loaded.tickets;
    let changes = Changes::of(snapshot, arguments.since, &request);
    let changes = changes.map_err(|error| Failure::bad("--since", error))?;
    let mut stdout = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    changes
        .write_to(&mut stdout)
        .and_then(|()| stdout.flush())
        .map_err(Failure::output)?;
    say(&format!(
        "{}; {} since version {}, now {}",
        loaded.describe(snapshot.tickets_count()),
        counted(changes.count(), "change"),
        arguments.since,
        snapshot.version()
    ));
    Ok(())
}

/// Reads a request for the tickets to follow, as one for those that changed.
fn parse(request: &str, since: u64) -> Result<Query, Error> {
    let request = request.strip_prefix('?').unwrap_or(request);
    let has_own: Request = request.parse()?;
    let refused = |variable: &str, value: String, expected| {
        let variable = variable.to_owned();
        Err(ErrorKind::InvalidValue {
            variable,
            value,
            expected,
        }
        .into())
    };
    let Action::GetTickets(query) = &has_own.action else {
        return refused("action", "count_tickets".to_owned(), "get_tickets");
    };
    let whole = "left out, as all that changed is told";
    if let Some(count) = query.count() {
        return refused("count", count.to_string(), whole);
    }
    for (variable, place) in [("after", query.after()), ("before", query.before())] {
        if let Some(place) = place {
            return refused(variable, place.to_string(), whole);
        }
    }
    if query.is_count_only() {
        return refused("count_only", "Y".to_owned(), whole);
    }
    if let Some(own) = query.changed_since() {
        return refused(
            "changed_since",
            own.to_string(),
            "the number before the request",
        );
    }
    if let Some(format) = has_own.format {
        return refused(
            "format",
            format.to_string(),
            "left out, as changes are JSON Lines",
        );
    }
    let with_since = format!("changed_since={since}&{request}");
    let with_since: Request = with_since.parse()?;
    Ok(with_since.query().cloned().unwrap_or_default())
}

/// All that changed since a version.
pub(crate) struct Changes {
    snapshot: Snapshot,
    answer: Answer,
    columns: Vec<AnyField>,
    removed: Option<Removed>,
    /// Tickets with the numbers of their commits.
    unmatched: Vec<(u64, u64)>,
    is_all: bool,
}

impl Changes {
    /// Finds what changed in the tickets that a request is for, up to a snapshot.
    pub(crate) fn of(snapshot: &Snapshot, since: u64, request: &str) -> Result<Changes, Error> {
        let query = parse(request, since)?;
        if since > snapshot.version() {
            return Err(ErrorKind::InvalidValue {
                variable: "since".to_owned(),
                value: since.to_string(),
                expected: "at most the version of the store; a copy of a store that was restored \
                           from a backup starts over, at 0",
            }
            .into());
        }
        let is_all = since == 0;
        let removed = (!is_all)
            .then(|| snapshot.removed_since(since))
            .transpose()?;
        let answer = snapshot.answer(&query);
        let mut unmatched = Vec::new();
        let changed = Query::builder().changed_since(since).build()?;
        let changed = snapshot.answer(&changed);
        if !is_all && changed.total() > answer.total() {
            let others = changed.tids() - answer.tids();
            let with_version = |tid| Some((snapshot.version_of(tid)?, tid));
            unmatched.extend(others.iter().filter_map(with_version));
        }
        let names = snapshot.custom_names();
        let columns = match query.fields() {
            Some(fields) => shown::chosen(fields, names),
            None => shown::all(names),
        };
        Ok(Changes {
            snapshot: snapshot.clone(),
            answer,
            columns,
            removed,
            unmatched,
            is_all,
        })
    }

    /// Returns how many lines tell of a change.
    pub(crate) fn count(&self) -> u64 {
        let removed = self.removed.as_ref().map_or(0, ExactSizeIterator::len);
        (removed + self.unmatched.len()) as u64 + self.answer.total()
    }

    /// Writes the lines.
    pub(crate) fn write_to(&self, mut writer: impl Write) -> io::Result<()> {
        for removal in self.removed.clone().into_iter().flatten() {
            let (version, removed) = (removal.version, removal.tid);
            write_line(&mut writer, &Removal { version, removed })?;
        }
        for &(version, unmatched) in &self.unmatched {
            write_line(&mut writer, &Unmatched { version, unmatched })?;
        }
        for (at, record) in self.answer.records().enumerate() {
            let version = record.version();
            // A copy that begins has the names of the store too.
            let shows_empty = self.is_all && at == 0;
            let ticket = Line::new(record, &self.columns, shows_empty);
            write_line(&mut writer, &Changed { version, ticket })?;
        }
        let version = self.snapshot.version();
        write_line(&mut writer, &End { version })
    }
}

fn write_line(mut writer: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut writer, line)?;
    writer.write_all(b"\n")
}

#[derive(Serialize)]
struct Removal {
    version: u64,
    removed: u64,
}

#[derive(Serialize)]
struct Unmatched {
    version: u64,
    unmatched: u64,
}

#[derive(Serialize)]
struct Changed<'a> {
    version: u64,
    ticket: Line<'a>,
}

#[derive(Serialize)]
struct End {
    version: u64,
}
