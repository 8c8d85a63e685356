//! One input of tickets: a file or standard input, its form, and how far reading it has come.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ticketdex::{Error, ErrorKind, Import, ImportFormat, Imported, Progress};

use crate::csv::{self, CsvReading};
use crate::decompress::{self, Compression};
use crate::{Failure, counted, describe, say, shell_word};

/// The most skipped records of an input whose reasons are told.
const REASONS_MAX: usize = 100;

/// What helps where an input is in an encoding that it does not tell, as those of older systems are.
const ENCODING_HINT: &str = "iconv makes it UTF-8, like `iconv -f WINDOWS-1252 -t UTF-8 FILE`, where that is \
                             its encoding";

/// How inputs are read.
#[derive(Args)]
pub(crate) struct Reading {
    /// The form of the tickets, whatever the names say: jsonl, xml, json, delimited or csv
    #[arg(long = "input", value_name = "FORMAT", value_parser = parse_import_format)]
    form: Option<ImportFormat>,

    /// Skip and count bad records, and say why; otherwise the first one ends the command
    #[arg(long)]
    pub(crate) skip_bad: bool,

    #[command(flatten)]
    csv: CsvReading,
}

fn parse_import_format(name: &str) -> Result<ImportFormat, String> {
    ImportFormat::from_name(name)
        .ok_or_else(|| "the forms are jsonl, xml, json, delimited and csv".to_owned())
}

/// One input, as the arguments describe it.
pub(crate) struct Source<'a> {
    /// None is standard input.
    path: Option<&'a Path>,
    format: ImportFormat,
    /// As the name tells; none where the first bytes tell.
    compression: Option<Compression>,
    /// Whether the columns that are left out have been told, as an input may be read twice.
    has_told_columns: Cell<bool>,
}

/// The bytes of an input, as they are read.
pub(crate) type Bytes = Box<dyn BufRead>;

impl Reading {
    /// Returns the inputs of these names, all of them looked at and none read.
    pub(crate) fn sources<'a>(&self, files: &'a [PathBuf]) -> Result<Vec<Source<'a>>, Failure> {
        let stdin_count = files.iter().filter(|path| is_stdin(path)).count();
        if stdin_count > 1 {
            return Err(Failure::Usage("- may stand once".to_owned()));
        }
        let sources: Result<Vec<_>, _> = files.iter().map(|path| self.source(path)).collect();
        let sources = sources?;
        let options = self.csv.options();
        options.map_err(|error| Failure::Usage(error.to_string()))?;
        let is_csv = |source: &Source<'_>| source.format == ImportFormat::Csv;
        if self.csv.is_given() && !sources.iter().any(is_csv) {
            let message = "--map, --others, --dates and --delimiter need tickets as CSV";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(sources)
    }

    fn source<'a>(&self, path: &'a Path) -> Result<Source<'a>, Failure> {
        let (named, compression) = form_of_name(path);
        let name = path;
        let path = (!is_stdin(path)).then_some(path);
        match self.form.or(named) {
            Some(format) => Ok(Source {
                path,
                format,
                compression,
                has_told_columns: Cell::new(false),
            }),
            None if path.is_none() => Err(Failure::Usage(
                "- needs --input FORMAT, the form of the tickets".to_owned(),
            )),
            None if is_store(name) => Err(Failure::Usage(format!(
                "{0} is a store and no file of tickets: --store {0} in its place reads it, and \
                 `ticketdex export --store {0} --to FILE.jsonl` makes a file of its tickets",
                name.display()
            ))),
            None => Err(Failure::Usage(format!(
                "the name of {} tells no form of tickets: name it .jsonl, .ndjson, .xml, .json, \
                 .txt or .csv, or give --input FORMAT",
                name.display()
            ))),
        }
    }

    /// Hands an input to `read` as an import that shows how far it has come with doing what.
    pub(crate) fn read(
        &self,
        source: &Source<'_>,
        doing: &str,
        read: impl FnOnce(Import<Bytes>) -> Result<Imported, Error>,
    ) -> Result<Imported, Error> {
        let bar = progress_bar(source, doing)?;
        let input = bar.wrap_read(source.open()?);
        let input = decompress::open(input, source.compression)?;
        let start = Instant::now();
        let shown = bar.clone();
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&reasons);
        let columns = Arc::new(Mutex::new(Vec::new()));
        let left_out = Arc::clone(&columns);
        let import = Import::new(source.format, input)
            .csv_options(self.csv.options()?)
            .threads(threads())
            .skip_bad(self.skip_bad)
            .on_skipped_columns(move |names| {
                if let Ok(mut columns) = left_out.lock() {
                    *columns = names.to_vec();
                }
            })
            .on_progress(move |progress| shown.set_message(rate(&progress, start.elapsed())))
            .on_skip(move |error| {
                if let Ok(mut reasons) = heard.lock()
                    && reasons.len() < REASONS_MAX
                {
                    reasons.push(describe(error));
                }
            });
        let imported = read(import);
        bar.finish_and_clear();
        let name = source.name();
        if let Ok(columns) = columns.lock()
            && !columns.is_empty()
            && !source.has_told_columns.replace(true)
        {
            say(&format!("{name}: {}", self.csv.left_out(&columns)));
        }
        let reasons = reasons
            .lock()
            .map(|mut reasons| std::mem::take(&mut *reasons));
        for reason in reasons.iter().flatten() {
            say(&format!("{name}: skipped: {reason}"));
        }
        let imported = imported?;
        if imported.skipped > 0 {
            let skipped = counted(imported.skipped, "bad record");
            say(&format!("{name}: {skipped} skipped"));
        }
        Ok(imported)
    }

    /// Returns why an input was not read, and tells which argument may help.
    pub(crate) fn failure(&self, source: &Source<'_>, about: String, error: Error) -> Failure {
        let hint = match (error.kind(), source.format) {
            (ErrorKind::Io(cause), _) if cause.kind() == io::ErrorKind::NotFound => {
                return Failure::bad(format!("{} is not there", source.name()), error);
            }
            (ErrorKind::InvalidEncoding { found }, format) => encoding_hint(found, format),
            (_, ImportFormat::Csv) => self.csv.hint(&error),
            (
                ErrorKind::InvalidValue {
                    variable, value, ..
                },
                _,
            ) if csv::is_date(variable) => csv::conversion_hint(value),
            _ => String::new(),
        };
        Failure::bad(about, error).hinted(hint)
    }
}

impl Source<'_> {
    pub(crate) fn name(&self) -> String {
        self.path.map_or_else(
            || "standard input".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// Returns whether the input can be read twice: it is a file, and no pipe.
    pub(crate) fn is_lasting(&self) -> bool {
        self.path
            .and_then(|path| fs::metadata(path).ok())
            .is_some_and(|metadata| metadata.is_file())
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        })
    }
}

/// Says how an input becomes UTF-8 in which this was found instead.
fn encoding_hint(found: &str, format: ImportFormat) -> String {
    const DECLARATION: &str = "its declaration of the encoding must say UTF-8, or go";
    if let Some(name) = found.strip_prefix("the declared encoding ") {
        // Where a character takes several bytes, the declaration would not have been read.
        if name.to_ascii_uppercase().starts_with("UTF-") {
            return DECLARATION.to_owned();
        }
        let name = shell_word(name);
        return format!("`iconv -f {name} -t UTF-8 FILE` makes it UTF-8, and then {DECLARATION}");
    }
    let utf_16 = found.split(' ').next();
    let Some(name) = utf_16.filter(|name| name.starts_with("UTF-16")) else {
        return ENCODING_HINT.to_owned();
    };
    let conversion = format!("`iconv -f {name} -t UTF-8 FILE` makes it UTF-8");
    match format {
        ImportFormat::Xml => format!("{conversion}, and then {DECLARATION}"),
        _ => conversion,
    }
}

/// Returns how many threads take tickets in: one more than work at once, as the one that makes
/// columns waits for those that parse.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from) + 1
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Returns whether a path is that of a store: by its name, or by the first bytes of a file.
fn is_store(path: &Path) -> bool {
    const MAGIC: &[u8] = b"redb";
    if path
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("redb"))
    {
        return true;
    }
    // What is no file may wait for a writer, or give its bytes once.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut start = [0; MAGIC.len()];
    let read = |mut file: File| file.read_exact(&mut start);
    is_file && File::open(path).and_then(read).is_ok() && start == MAGIC
}

/// Returns the form and the compression that the name of a file tells.
pub(crate) fn form_of_name(path: &Path) -> (Option<ImportFormat>, Option<Compression>) {
    let extension = |path: &Path| Some(path.extension()?.to_str()?.to_owned());
    let mut name = path.to_owned();
    let compression = extension(&name).and_then(|end| Compression::from_extension(&end));
    if compression.is_some() {
        name.set_extension("");
    }
    let form = extension(&name).and_then(|end| ImportFormat::from_extension(&end));
    (form, compression)
}

/// Shows on a terminal that a store is being opened, which may take a while.
pub(crate) fn shown_opening(path: &Path) -> ProgressBar {
    shown_phase(&format!("opening {}", path.display()))
}

/// Shows on a terminal what is being done, of which nothing tells how far it has come.
pub(crate) fn shown_phase(doing: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_style(style("{msg}"));
    bar.set_message(doing.to_owned());
    bar.tick();
    bar
}

/// Shows on a terminal how far a store has been copied.
pub(crate) fn shown_copying(to: &Path, is_terminal: bool) -> ProgressBar {
    if !is_terminal {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0).with_style(style("{prefix}: {percent}%, {pos} of {len} tickets"));
    bar.with_prefix(format!("writing {}", to.display()))
}

/// Makes a bar of the bytes of a file, or of nothing where no terminal would show it.
fn progress_bar(source: &Source<'_>, doing: &str) -> io::Result<ProgressBar> {
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
    let prefix = format!("{doing} {}", source.name());
    Ok(bar.with_style(style(template)).with_prefix(prefix))
}

/// Makes the style of a bar by one of the templates above, which are valid.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Says how far a load has come: tickets, bytes, tickets a second.
fn rate(progress: &Progress, time: Duration) -> String {
    let tickets = counted(progress.tickets, "ticket");
    let tickets_a_second = u128::from(progress.tickets) * 1000 / time.as_millis().max(1);
    let megabytes = progress.bytes / 1_000_000;
    format!("{tickets}, {megabytes} MB, {tickets_a_second} tickets/s")
}
