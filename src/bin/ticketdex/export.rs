//! `ticketdex export`: the tickets that match a request, in a file.
//!
//! # Invariants
//!
//! * The file is whole or not there; a file that was there is replaced only on demand, and whole.
//! * Memory does not grow with what is written.
//! * What is written is read again by `import` and `--data` to the same tickets, with the same names
//!   of custom fields, unless the request shows some variables only or texts are made harmless.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use ticketdex::{Answer, Format, ImportFormat, Query};

use crate::aside::{Aside, Target};
use crate::compress::Packer;
use crate::decompress::Compression;
use crate::found::tell_unknown_fields;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::source::{self, is_stdin};
use crate::{Failure, counted, lines, parse_request, say, shown};

/// The bytes that are written to the file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes the tickets that match a request into a file
///
/// The file is written under another name, beside it, and takes its own when it is whole. What is
/// exported can be imported again.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A get_tickets request like 'status=Open&order=date_opened DESC'; without it, every ticket
    #[arg(value_name = "REQUEST", default_value = "")]
    request: OsString,

    #[command(flatten)]
    input: Input,

    /// The file: .csv, .jsonl or .ndjson, .xml, .json or .txt (delimited), each also with .gz or .zst
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Replace the file if it is there
    #[arg(long)]
    force: bool,

    /// Put an apostrophe before texts of CSV that a spreadsheet would run
    ///
    /// These begin with =, +, -, @, a tab or CR; tickets come from strangers. Without it, texts are
    /// written as they are, and read back as they were.
    #[arg(long)]
    csv_safe: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let request = parse_request(&arguments.request)?;
    let Some(query) = request.query() else {
        let message = "export takes a request for tickets; get counts them";
        return Err(Failure::Usage(message.to_owned()));
    };
    let (form, compression) = form(arguments, query, request.format)?;
    let name = arguments.to.display().to_string();
    let failed = |error: io::Error| Failure::bad(&*name, error);
    let target = Target::look(&arguments.to, arguments.force).map_err(failed)?;
    check_input(&arguments.input, &target)?;
    let loaded = arguments.input.load_snapshot()?;
    let snapshot = &loaded.tickets;

    let start = Instant::now();
    let answer = snapshot.answer(query);
    let write = |writer: &mut dyn Write| match form {
        Form::Lines => {
            let names = snapshot.custom_names();
            let columns = match query.fields() {
                Some(fields) => shown::chosen(fields, names),
                None => shown::all(names),
            };
            lines::write(&answer, &columns, writer)
        }
        Form::Response(format) => write_response(&answer, format, arguments.csv_safe, writer),
    };
    let bytes = fill(target, compression, write).map_err(failed)?;
    say(&format!(
        "{}; {} written to {name}, {} in {:.2?}",
        loaded.describe(snapshot.tickets_count()),
        answer.count(),
        counted(bytes, "byte"),
        start.elapsed()
    ));
    tell_unknown_fields(&request.action, snapshot);
    Ok(())
}

/// Checks that tickets are named, and that their store is not what would be replaced.
fn check_input(input: &Input, target: &Target) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    if !input.is_given() {
        return usage("export needs tickets: --store PATH or --data FILE");
    }
    if input.store().is_some_and(|store| target.is(store)) {
        return usage("--to is the store itself, which an export must not replace");
    }
    Ok(())
}

/// Makes the file of what `write` writes, and returns how many bytes it has.
///
/// An error, or a signal that asks for the end, leaves what was there.
fn fill(
    target: Target,
    compression: Option<Compression>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    let unfinished = Unfinished {
        interrupt: Interrupt::watch(),
        stage: Stage::Named(Some(target)),
        bytes: 0,
    };
    let buffer = BufWriter::with_capacity(BUFFER_BYTES, unfinished);
    let mut packer = Packer::new(buffer, compression)?;
    write(&mut packer)?;
    let unfinished = packer.finish()?.into_inner();
    unfinished
        .map_err(io::IntoInnerError::into_error)?
        .publish()
}

/// What the file holds.
enum Form {
    /// JSON Lines, which is no response.
    Lines,
    Response(Format),
}

/// Returns what the name of the file tells, where the request can be written so.
fn form(
    arguments: &Arguments,
    query: &Query,
    asked: Option<Format>,
) -> Result<(Form, Option<Compression>), Failure> {
    let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
    if is_stdin(&arguments.to) {
        return usage("export writes a file; get writes to standard output");
    }
    let (form, compression) = source::form_of_name(&arguments.to);
    let form = match form {
        Some(ImportFormat::JsonLines) => Form::Lines,
        Some(ImportFormat::Csv) => Form::Response(Format::Csv),
        Some(ImportFormat::Xml) => Form::Response(Format::Xml),
        Some(ImportFormat::Json) => Form::Response(Format::Json),
        Some(ImportFormat::Delimited) => Form::Response(Format::Delimited),
        _ => {
            return usage(
                "the name of --to tells no form of tickets: it ends with .csv, .jsonl, .ndjson, \
                 .xml, .json or .txt, each also with .gz or .zst behind",
            );
        }
    };
    if query.is_count_only() {
        return usage("export writes tickets, so count_only=Y has no place in its request");
    }
    let is_same = |own: Format| matches!(form, Form::Response(format) if format == own);
    if asked.is_some_and(|own| !is_same(own)) {
        return usage("the request names another format than the name of --to");
    }
    let is_csv = matches!(form, Form::Response(Format::Csv));
    if arguments.csv_safe && !is_csv {
        return usage("--csv-safe is for CSV");
    }
    Ok((form, compression))
}

fn write_response(
    answer: &Answer,
    format: Format,
    csv_safe: bool,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut chunks = answer.clone().into_chunks(format).csv_safe(csv_safe);
    let mut chunk = Vec::new();
    while chunks.fill(&mut chunk) {
        writer.write_all(&chunk)?;
    }
    Ok(())
}

/// A file on its way, with the number of bytes that were written to it; a signal fails the next write.
///
/// It is made when the first bytes are written. What an export needs of memory is mostly there by then, and
/// a process that the allocator ends before leaves no file.
struct Unfinished {
    interrupt: Interrupt,
    stage: Stage,
    bytes: u64,
}

enum Stage {
    /// There is no file yet; nor is there a target once the file could not be made.
    Named(Option<Target>),
    Begun(Aside),
}

impl Unfinished {
    /// Returns the file, which is made first if need be.
    fn aside(&mut self) -> io::Result<&mut Aside> {
        if let Stage::Named(target) = &mut self.stage {
            let target = target.take().ok_or(io::ErrorKind::NotFound)?;
            self.stage = Stage::Begun(target.begin()?);
        }
        match &mut self.stage {
            Stage::Begun(aside) => Ok(aside),
            Stage::Named(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Puts the file in its place, and returns how many bytes it has.
    fn publish(mut self) -> io::Result<u64> {
        self.aside()?;
        match self.stage {
            Stage::Begun(aside) => aside.publish().map(|()| self.bytes),
            Stage::Named(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt.check()?;
        let count = self.aside()?.file.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Begun(aside) => aside.file.flush(),
            Stage::Named(_) => Ok(()),
        }
    }
}
