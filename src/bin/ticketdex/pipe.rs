//! `ticketdex pipe`: requests and changes in, responses out, for programs that drive the engine.
//!
//! # Invariants
//!
//! * Every line is answered, in order, by one header line and a body of as many bytes as
//!   the header says, before the next line is read.
//! * No body of more than [`HELD_BYTES_MAX`] is ever held; the changes of an open batch are.
//! * No snapshot is held between lines, so that a merge lets go of what it merged.

use std::error::Error as _;
use std::io::{self, BufRead, BufWriter, Write};
use std::iter;
use std::time::{Duration, Instant};

use clap::Args;
use ticketdex::{
    Chunks, Cursor, Error, ErrorKind, Format, Reader, Request, durable, error_response,
};

use crate::changes::Changes;
use crate::found::Found;
use crate::input::Input;
use crate::write::{Writer, expected, split_word};
use crate::{Failure, counted, parse_format, say};

/// A longer body is made twice, so that none of it needs to be held.
const HELD_BYTES_MAX: usize = 16 << 20;

/// What a chunk of a response is made in.
const CHUNK_BYTES: usize = 64 << 10;

/// The memory that is kept for the next line; what a longer one took is given back.
const LINE_BYTES_KEPT: usize = 64 << 10;

/// The words with which a line begins that is no request.
const VERBS: &str = "put, patch, del, begin, commit, rollback, since, backup";

/// Answers the requests on standard input, one a line, and makes the changes there
///
/// This is how other programs drive the engine: it ends when its input does.
#[derive(Args)]
#[command(after_long_help = PROTOCOL_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,

    /// The format of responses, unless a request names one: xml, json, delimited or csv
    #[arg(long, value_parser = parse_format, default_value = "xml")]
    format: Format,

    /// Put an apostrophe before texts of CSV that a spreadsheet would run
    ///
    /// These begin with =, +, -, @, a tab or CR; tickets come from strangers. Without it, texts are
    /// written as they are, and read back as they were.
    #[arg(long)]
    csv_safe: bool,
}

const PROTOCOL_HELP: &str = "\
Protocol:
  Each line of standard input is a request; an empty line is the empty request, which every ticket
  matches. A CR at the end of a line is dropped, and bytes that are no UTF-8 become U+FFFD. Each
  request is answered at once, in order, by one header line and a body:

    ok BYTES TOTAL ANSWER_NS WRITE_NS VERSION NEXT PREVIOUS
    error BYTES CODE

  BYTES       how many bytes of body follow the header's line feed; the next header comes right
              after them
  TOTAL       how many tickets match, before count and page
  ANSWER_NS   nanoseconds from the line to the rows of the page, or to the counts: parse, plan and
              run
  WRITE_NS    nanoseconds that making the body took, in chunks of 64 KiB
  VERSION     the version of the snapshot that was asked: the number of its last commit
  NEXT        the cursor after which the next records come, as after=NEXT asks for them, and - where
              none follow
  PREVIOUS    the cursor before which the previous records come, as before=PREVIOUS, and - where
              none precede
  CODE        the stable word of the error, such as invalid_value; the body is its error response

  A line may change a ticket instead:

    put JSON      adds a ticket, or replaces it whole: an object as in JSON Lines
    patch JSON    changes the variables that the object names, of the ticket of its tid; null makes
                  one none or empty, and custom fields are changed by name
    del TID       removes a ticket; one that is not there is no error

  It is answered once every later line sees the change and, with --store, once it is on disk:

    ok 0 LIVE_TICKETS COMMIT_NS 0 VERSION - -

  LIVE_TICKETS  how many tickets there are now
  COMMIT_NS     nanoseconds from the line to the end of its commit
  VERSION       the number of that commit

  Changes may be made together, as one commit that waits for the disk once:

    begin         begins a batch; the changes after it are gathered in memory, and no line sees them
    commit        makes all of them, or on an error none
    rollback      forgets them

  Each of these and each change is answered as above; VERSION is that of the last commit. Requests
  between them are answered from what is committed.

  A line that is wrong is answered with its error, and then nothing of the batch is made: commit is
  answered with batch_refused and the first such line. That is a bad change, a second begin, begin,
  commit or rollback with more in the line, and whatever has a first word that is not known and
  holds none of = & ? %. A bad request has one of these, and refuses no batch. What only the commit
  can find, such as a patch of a ticket that is not there, is its answer, with the line. Where the
  input ends before the commit, nothing of the batch is made, and the exit status is 1.

  A line may ask what changed, or for a copy of the tickets:

    since N REQUEST  what changed since version N in the tickets that REQUEST is for, as JSON Lines
                     that `ticketdex changes --help` explains; REQUEST may be left out. TOTAL is
                     how many changes there are, and the next such line asks since VERSION
    backup FILE      writes all tickets into a store in a file that is not there, whole or not at
                     all; answered as a change is, once it is on disk

  The format is the request's own, else that of --format; so it is for errors too. A body over
  16 MiB is made twice, once for its length and time and once to be sent, and never held whole.
  Without --store, changes are gone when the command ends. With it, what was answered is kept
  whatever ends the command. The store must be there; import makes one.
  Once the tickets are loaded, standard error says how many there are.";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.input.reads_stdin() {
        return Err(Failure::Usage(
            "pipe reads requests from standard input, so --data - cannot be tickets".to_owned(),
        ));
    }
    let loaded = arguments.input.load()?;
    say(&loaded.describe(loaded.tickets.snapshot().tickets_count()));
    let writer = Writer::new(loaded.tickets);
    let mut pipe = Pipe {
        reader: writer.reader(),
        writer,
        line: 0,
        format: arguments.format,
        csv_safe: arguments.csv_safe,
        stdout: BufWriter::with_capacity(CHUNK_BYTES, io::stdout().lock()),
        chunk: Vec::with_capacity(CHUNK_BYTES),
        body: Vec::new(),
    };
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    let mut is_first = true;
    while read_line(&mut stdin, &mut line)? {
        // An editor may have put a byte order mark before the first line.
        let mark = std::mem::take(&mut is_first).then_some(&b"\xEF\xBB\xBF"[..]);
        let line = mark
            .and_then(|mark| line.strip_prefix(mark))
            .unwrap_or(&line);
        pipe.line += 1;
        pipe.serve(line).map_err(Failure::output)?;
    }
    match pipe.writer.gathered() {
        None => Ok(()),
        Some(count) => {
            let changes = counted(count as u64, "change");
            Err(Failure::Refused(format!(
                "standard input ended within a batch, of which nothing was committed: {changes}"
            )))
        }
    }
}

/// Reads a line without its end; false where there is none.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Failure> {
    line.clear();
    line.shrink_to(LINE_BYTES_KEPT);
    let read = input.read_until(b'\n', line);
    let bytes = read.map_err(|error| Failure::bad("standard input", error))?;
    if line.ends_with(b"\n") {
        line.pop();
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    Ok(bytes > 0)
}

/// Returns a cursor as a header shows it.
fn shown(cursor: Option<Cursor>) -> String {
    cursor.map_or_else(|| "-".to_owned(), |cursor| cursor.to_string())
}

/// Returns the error of a line that is no request, for there is no variable before its JSON.
fn unknown_verb(line: &str) -> Option<Error> {
    let before_json = line.split('{').next().unwrap_or(line);
    if before_json.contains(['=', '&', '?']) {
        return None;
    }
    let blanks = line.len() - line.trim_start().len();
    let end = line[blanks..]
        .find(' ')
        .map_or(line.len(), |at| blanks + at);
    let verb = line[..end].chars().take(100).collect();
    let expected = VERBS;
    Some(ErrorKind::UnknownVerb { verb, expected }.into())
}

/// Returns whether a line that is no request may have been meant as a change: its first word is none of a
/// request's.
fn may_be_change(line: &str) -> bool {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    !word.contains(['=', '&', '?', '%'])
}

/// Returns the message of an error with the causes behind it.
fn message(error: &Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let causes = causes.map(ToString::to_string);
    let parts: Vec<String> = iter::once(error.to_string()).chain(causes).collect();
    parts.join(": ")
}

/// Reads the number of a commit.
fn parse_version(text: &str) -> Result<u64, Error> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let version = text.parse().ok().filter(|_| is_plain);
    version.ok_or_else(|| {
        ErrorKind::InvalidValue {
            variable: "since".to_owned(),
            value: text.chars().take(100).collect(),
            expected: "an integer",
        }
        .into()
    })
}

/// The length of a body, and the body where it is short enough to be held.
struct Held<'a> {
    body: &'a mut Vec<u8>,
    bytes: u64,
}

impl Write for Held<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.bytes <= HELD_BYTES_MAX as u64 {
            self.body.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The engine at one end, standard output at the other.
struct Pipe<W: Write> {
    reader: Reader,
    writer: Writer,
    /// The number of the line that is served, from 1.
    line: u64,
    /// Of the responses to requests that name none.
    format: Format,
    /// Whether texts of CSV are made harmless.
    csv_safe: bool,
    stdout: W,
    /// The one buffer in which every chunk is made.
    chunk: Vec<u8>,
    /// The body of the last response, where it is short enough to be held.
    body: Vec<u8>,
}

impl<W: Write> Pipe<W> {
    fn serve(&mut self, line: &[u8]) -> io::Result<()> {
        let start = Instant::now();
        if let Some(outcome) = self.write(line) {
            match outcome {
                Ok(()) => self.send_written(start)?,
                Err(error) => self.send_error(&error, self.format)?,
            }
        } else if let (b"since", rest) = split_word(line) {
            self.serve_changes(&String::from_utf8_lossy(rest), start)?;
        } else {
            self.serve_request(&String::from_utf8_lossy(line), start)?;
        }
        self.stdout.flush()
    }

    /// Changes the tickets, or copies them; none where a line asks for neither.
    fn write(&mut self, line: &[u8]) -> Option<Result<(), Error>> {
        let (b"backup", path) = split_word(line) else {
            return self.writer.write(self.line, line);
        };
        if path.is_empty() {
            return Some(Err(expected(
                "backup and the path of a file that is not there",
            )));
        }
        let path = match str::from_utf8(path) {
            Ok(path) => path,
            Err(error) => {
                let found = format!("the byte 0x{:02X}", path[error.valid_up_to()]);
                return Some(Err(ErrorKind::InvalidEncoding { found }.into()));
            }
        };
        Some(durable::backup(&self.reader.snapshot(), path).map(drop))
    }

    fn send_written(&mut self, start: Instant) -> io::Result<()> {
        let snapshot = self.reader.snapshot();
        let (count, version) = (snapshot.tickets_count(), snapshot.version());
        let time = start.elapsed().as_nanos();
        writeln!(self.stdout, "ok 0 {count} {time} 0 {version} - -")
    }

    fn serve_request(&mut self, text: &str, start: Instant) -> io::Result<()> {
        match text.parse::<Request>() {
            Ok(request) => {
                let snapshot = self.reader.snapshot();
                let found = Found::of(&request.action, &snapshot);
                let answer_time = start.elapsed();
                let format = request.format.unwrap_or(self.format);
                self.send(&found, format, (snapshot.version(), answer_time))
            }
            Err(error) => {
                let format = Request::find_format(text).unwrap_or(self.format);
                let error = unknown_verb(text).unwrap_or(error);
                let error = if may_be_change(text) {
                    self.writer.refuse(self.line, error)
                } else {
                    error
                };
                self.send_error(&error, format)
            }
        }
    }

    /// Answers what changed since a number, which a request may follow.
    fn serve_changes(&mut self, text: &str, start: Instant) -> io::Result<()> {
        let (number, request) = text.split_once(' ').unwrap_or((text, ""));
        let snapshot = self.reader.snapshot();
        let changes =
            parse_version(number).and_then(|since| Changes::of(&snapshot, since, request));
        let changes = match changes {
            Ok(changes) => changes,
            Err(error) => return self.send_error(&error, self.format),
        };
        let answer_time = start.elapsed();
        self.body.clear();
        let mut held = Held {
            body: &mut self.body,
            bytes: 0,
        };
        changes.write_to(&mut held)?;
        let bytes = held.bytes;
        writeln!(
            self.stdout,
            "ok {bytes} {} {} {} {} - -",
            changes.count(),
            answer_time.as_nanos(),
            start.elapsed().saturating_sub(answer_time).as_nanos(),
            snapshot.version()
        )?;
        if bytes <= HELD_BYTES_MAX as u64 {
            return self.stdout.write_all(&self.body);
        }
        changes.write_to(&mut self.stdout)
    }

    fn send(
        &mut self,
        found: &Found,
        format: Format,
        (version, answer_time): (u64, Duration),
    ) -> io::Result<()> {
        let (bytes, write_time) = self.make(found, format);
        writeln!(
            self.stdout,
            "ok {bytes} {} {} {} {version} {} {}",
            found.total(),
            answer_time.as_nanos(),
            write_time.as_nanos(),
            shown(found.next()),
            shown(found.previous())
        )?;
        if bytes <= HELD_BYTES_MAX as u64 {
            return self.stdout.write_all(&self.body);
        }
        let mut chunks = self.chunks(found, format);
        while chunks.fill(&mut self.chunk) {
            self.stdout.write_all(&self.chunk)?;
        }
        Ok(())
    }

    /// Makes the body and holds it if it is short; returns its length and the time it took.
    ///
    /// Holding is not in the time: making is what is measured, into a buffer that is reused.
    fn make(&mut self, found: &Found, format: Format) -> (u64, Duration) {
        self.body.clear();
        let mut bytes = 0;
        let mut start = Instant::now();
        let mut time = Duration::ZERO;
        let mut chunks = self.chunks(found, format);
        while chunks.fill(&mut self.chunk) {
            time += start.elapsed();
            bytes += self.chunk.len() as u64;
            if bytes <= HELD_BYTES_MAX as u64 {
                self.body.extend_from_slice(&self.chunk);
            }
            start = Instant::now();
        }
        (bytes, time + start.elapsed())
    }

    fn chunks(&self, found: &Found, format: Format) -> Chunks {
        found.chunks(format).csv_safe(self.csv_safe)
    }

    fn send_error(&mut self, error: &Error, format: Format) -> io::Result<()> {
        let body = error_response(error.code(), &message(error), format);
        writeln!(self.stdout, "error {} {}", body.len(), error.code())?;
        self.stdout.write_all(&body)
    }
}
