//! The command `ticketdex`: the engine for shells, and for programs in any language.
//!
//! `get` answers one request, `count` counts by value, `pipe` answers one request a line, `serve` those that come over HTTP, `import` fills a
//! durable store for all of them, `export` and `remove` take what matches a request out of one, into
//! a file or for good, `changes` tells what changed in it, `backup` copies it, `check` looks for what
//! is wrong with it, `stats` tells what it holds, and `generate` makes tickets to try them on. What a command does is
//! in the file of its name; here are the list of commands, the parsers that several share, and what
//! becomes of a command that ends early. It uses the public face of the crate alone.
//!
//! # Invariants
//!
//! * Standard output carries what was asked for and nothing else; all that is said about
//!   it goes to standard error.
//! * The exit status is 0, or 1 for bad data, bad requests and what was refused, or 2 for wrong usage. A
//!   reader of standard output that has gone is no error: the command ends quietly.
//! * No limit of the system ends the command without a word.
#![forbid(unsafe_code)]
#![expect(
    clippy::doc_markdown,
    reason = "the docs of arguments are help texts, which are shown as they stand"
)]

mod aside;
mod backup;
mod changes;
mod check;
mod compress;
mod count;
mod csv;
mod decompress;
mod export;
mod found;
mod generate;
mod get;
mod image;
mod import;
mod input;
mod interrupt;
mod limits;
mod lines;
mod people;
mod pipe;
mod remove;
#[cfg(feature = "http")]
mod serve;
mod shown;
mod source;
mod stats;
mod table;
mod write;

use std::error::Error as _;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use ticketdex::{Error, ErrorKind, Format, Request};

/// Answers get_tickets requests over help-desk tickets held in memory.
#[derive(Parser)]
#[command(version, after_help = EXIT_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_HELP: &str = "Exit status: 0; 1 for bad data or a bad request, with its error code and \
                         message on standard error, and for what was refused; 2 for wrong usage.";

#[cfg(not(feature = "http"))]
const SERVE_NEEDS: &str = "this command was built without the feature http, which serve needs: \
                           cargo install --path . --locked --features cli,http";

#[derive(Subcommand)]
enum Command {
    Get(get::Arguments),
    Count(count::Arguments),
    Pipe(pipe::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Changes(changes::Arguments),
    Backup(backup::Arguments),
    Check(check::Arguments),
    Remove(remove::Arguments),
    Stats(stats::Arguments),
    #[cfg(feature = "http")]
    Serve(serve::Arguments),
    /// Says how a command that serves over HTTP is built
    #[cfg(not(feature = "http"))]
    #[command(hide = true)]
    Serve {
        /// Whatever the other command takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _arguments: Vec<std::ffi::OsString>,
    },
    Generate(generate::Arguments),
}

/// Why a command ended early.
enum Failure {
    /// The arguments do not make sense together, in words.
    Usage(String),
    /// Bad data, a bad request, or a file that cannot be read or written.
    Bad {
        /// What it happened to: a file, a request.
        about: String,
        error: Error,
        /// What can be done about it, said behind it; empty where nothing is known.
        hint: String,
    },
    /// What was asked for is not done, for a reason in words that is no error of usage or data.
    Refused(String),
    /// Nobody reads standard output any more.
    ReaderGone,
}

impl Failure {
    fn bad(about: impl Into<String>, error: impl Into<Error>) -> Failure {
        Failure::Bad {
            about: about.into(),
            error: error.into(),
            hint: String::new(),
        }
    }

    /// Says what can be done about bad data; empty is nothing.
    fn hinted(mut self, text: String) -> Failure {
        if let Failure::Bad { hint, .. } = &mut self {
            *hint = text;
        }
        self
    }

    /// What came of writing to standard output.
    fn output(error: impl Into<Error>) -> Failure {
        let error = error.into();
        match error.kind() {
            ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                Failure::ReaderGone
            }
            _ => Failure::bad("standard output", error),
        }
    }

    /// Says why a command of this name ended early, and returns its exit status.
    fn report(&self, command: &str) -> ExitCode {
        match self {
            Failure::ReaderGone => ExitCode::SUCCESS,
            Failure::Usage(message) => usage_error(command, message).exit(),
            Failure::Refused(reason) => {
                say(reason);
                ExitCode::FAILURE
            }
            Failure::Bad { about, error, hint } => {
                say(&format!("{about}: {}", describe(error)));
                if !hint.is_empty() {
                    say(hint);
                }
                ExitCode::FAILURE
            }
        }
    }
}

/// An error that shows the usage of the command of this name.
fn usage_error(command: &str, message: &str) -> clap::Error {
    let kind = clap::error::ErrorKind::ValueValidation;
    let mut whole = Arguments::command();
    // A command learns its full name, which its usage shows, when all are built.
    whole.build();
    match whole.find_subcommand_mut(command) {
        Some(part) => part.error(kind, message),
        None => whole.error(kind, message),
    }
}

/// Says an error in a line: its code, its message and the causes behind it.
fn describe(error: &Error) -> String {
    let mut text = format!("{}: {error}", error.code());
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// Writes a line to standard error, control characters shown as escapes.
///
/// Whether anyone hears it is no concern of the command's.
fn say(line: &str) {
    let mut shown = String::from("ticketdex: ");
    for c in line.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('\n');
    let _ = io::stderr().write_all(shown.as_bytes());
}

/// Says how many there are of something: `1 ticket`, `2 tickets`.
fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// Writes a text as one word of a shell's line.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Reads the argument `REQUEST`.
fn parse_request(text: &OsStr) -> Result<Request, Failure> {
    let parsed = text.to_string_lossy().parse();
    parsed.map_err(|error: Error| Failure::bad("the request", error))
}

/// Reads an argument that is a number.
fn parse_number(text: &str) -> Result<u64, String> {
    let expected = |_| "it is a whole number below 2^64, such as 10".to_owned();
    text.parse().map_err(expected)
}

/// Reads the argument of `--format`.
fn parse_format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| "the formats are xml, json, delimited and csv".to_owned())
}

/// Prints what clap has to say: help on standard output, or wrong usage on standard error.
fn print_usage(usage: &clap::Error) -> ExitCode {
    let printed = usage.print().and_then(|()| io::stdout().flush());
    if let Err(error) = printed
        && !usage.use_stderr()
    {
        return Failure::output(error).report("");
    }
    u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn main() -> ExitCode {
    limits::report_limits();
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(usage) => return print_usage(&usage),
    };
    let (name, outcome) = match command {
        Command::Get(arguments) => ("get", get::run(&arguments)),
        Command::Count(arguments) => ("count", count::run(&arguments)),
        Command::Pipe(arguments) => ("pipe", pipe::run(&arguments)),
        Command::Import(arguments) => ("import", import::run(&arguments)),
        Command::Export(arguments) => ("export", export::run(&arguments)),
        Command::Changes(arguments) => ("changes", changes::run(&arguments)),
        Command::Backup(arguments) => ("backup", backup::run(&arguments)),
        Command::Check(arguments) => ("check", check::run(&arguments)),
        Command::Remove(arguments) => ("remove", remove::run(&arguments)),
        Command::Stats(arguments) => ("stats", stats::run(&arguments)),
        #[cfg(feature = "http")]
        Command::Serve(arguments) => ("serve", serve::run(&arguments)),
        #[cfg(not(feature = "http"))]
        Command::Serve { .. } => ("serve", Err(Failure::Usage(SERVE_NEEDS.to_owned()))),
        Command::Generate(arguments) => ("generate", generate::run(&arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(name),
    }
}
