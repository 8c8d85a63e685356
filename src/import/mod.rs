//! Reading tickets in: XML, JSON and delimited responses, JSON Lines, and CSV.
//!
//! [`Import`] joins a reader, a format and the caller's choices, and yields tickets in
//! the order of the input: one by one ([`Import::into_iter`]), or in blocks
//! ([`Import::for_each_block`]), where other threads may parse while the caller works.
//! Decompression and files are the caller's.
//!
//! # Invariants
//!
//! * Every ticket that leaves here passes [`Ticket::check`].
//! * No thread is started unless [`Import::threads`] asked for it, and none outlives
//!   the call. The reader and every closure stay on the caller's thread.
//!
//! # Cost
//!
//! Linear in the input. Memory is, for each thread, two blocks of about 256 KiB with their
//! tickets, or the longest records where those are longer.

mod blocks;
mod change;
#[cfg(feature = "csv")]
mod csv;
mod form;
mod markup;
mod object;
mod record;
mod room;
mod source;
mod start;
mod workers;
mod xml;

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;

use crate::model::Ticket;
use crate::model::error::{Error, Position};
use blocks::{Blocks, Parsed, Parser};
#[cfg(feature = "csv")]
pub use csv::{CsvOptions, CsvOthers};
pub use form::ImportFormat;
use source::{Block, Framer, Framing};
use start::Started;
use workers::run_workers;
use xml::XmlTickets;

/// The most tickets of a block.
const RECORDS_MAX: usize = 4096;

/// How far an import has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The tickets handed out.
    pub tickets: u64,
    /// The records skipped.
    pub skipped: u64,
    /// The bytes read.
    pub bytes: u64,
}

/// What a whole import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The tickets handed out.
    pub tickets: u64,
    /// The records skipped.
    pub skipped: u64,
    /// The bytes read.
    pub bytes: u64,
}

/// Whose fault an error is.
#[derive(Debug)]
enum Fault {
    /// One record's; the next can be read.
    Record(Error),
    /// The input's; nothing after it can be read.
    Input(Error),
}

impl Fault {
    fn into_error(self) -> Error {
        match self {
            Fault::Record(error) | Fault::Input(error) => error,
        }
    }
}

/// An input of tickets: the reader, its format and the choices of the caller.
///
/// The first error ends the import, unless [`skip_bad`](Import::skip_bad) is set. A bad
/// record is then skipped and counted, also one whose syntax is broken: reading goes on at the next
/// line (in CSV, the one after that on which the record ends), at the next `<ticket>`, or in a JSON
/// response at the next `{` where a ticket may stand. An input without such a place ends with an
/// error, as do a failing reader, a record past the bound on its bytes, a bad header of CSV, and an
/// input that is of another form, an HTML page or an error response.
///
/// An error tells the line, column and record at which it was found, and the ticket, as far as these
/// are known ([`Error::position`], [`Error::tid`]).
///
/// # Examples
///
/// ```
/// use ticketdex::{Import, ImportFormat};
///
/// let input = "{\"tid\": 1, \"status\": \"Open\"}\n{\"tid\": -2}\n";
/// let import = Import::new(ImportFormat::JsonLines, input.as_bytes()).skip_bad(true);
/// let imported = import.for_each_block(|tickets| {
///     assert_eq!(tickets[0].status, "Open");
///     Ok(())
/// })?;
/// assert_eq!((imported.tickets, imported.skipped), (1, 1));
///
/// let strict = Import::new(ImportFormat::JsonLines, input.as_bytes());
/// let error = strict.into_iter().nth(1).unwrap().unwrap_err();
/// assert_eq!((error.code(), error.position().unwrap().line), ("invalid_value", Some(2)));
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub struct Import<R> {
    format: ImportFormat,
    reader: R,
    threads: usize,
    record_bytes_max: usize,
    #[cfg(feature = "csv")]
    csv_options: CsvOptions,
    listener: Listener,
}

type HearProgress = Box<dyn FnMut(Progress) + Send>;
type HearSkip = Box<dyn FnMut(&Error) + Send>;
#[cfg(feature = "csv")]
type HearColumns = Box<dyn FnMut(&[String]) + Send>;

/// What the caller hears, and what is counted.
#[derive(Default)]
struct Listener {
    skips_bad: bool,
    imported: Imported,
    on_progress: Option<HearProgress>,
    on_skip: Option<HearSkip>,
    #[cfg(feature = "csv")]
    on_skipped_columns: Option<HearColumns>,
}

/// Prints the choices of the caller; a reader may print all that it reads.
impl<R> fmt::Debug for Import<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("format", &self.format)
            .field("threads", &self.threads)
            .field("record_bytes_max", &self.record_bytes_max)
            .field("skip_bad", &self.listener.skips_bad)
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> Import<R> {
    /// Makes an import that stops at the first error, on the caller's thread.
    pub fn new(format: ImportFormat, reader: R) -> Import<R> {
        Import {
            format,
            reader,
            threads: 1,
            record_bytes_max: 1 << 30,
            #[cfg(feature = "csv")]
            csv_options: CsvOptions::default(),
            listener: Listener::default(),
        }
    }

    /// Sets whether bad records are skipped and counted.
    #[must_use]
    pub fn skip_bad(mut self, skips: bool) -> Import<R> {
        self.listener.skips_bad = skips;
        self
    }

    /// Sets what hears how far the import has come, after each block.
    #[must_use]
    pub fn on_progress(mut self, hear: impl FnMut(Progress) + Send + 'static) -> Import<R> {
        self.listener.on_progress = Some(Box::new(hear));
        self
    }

    /// Sets what hears the error of each record that is skipped, in order.
    #[must_use]
    pub fn on_skip(mut self, hear: impl FnMut(&Error) + Send + 'static) -> Import<R> {
        self.listener.on_skip = Some(Box::new(hear));
        self
    }

    /// Sets what hears, once the header of CSV is read, the columns that [`CsvOthers::Skip`] leaves out.
    ///
    /// They come in the order of the header. Where there are none, nothing is told.
    #[cfg(feature = "csv")]
    #[must_use]
    pub fn on_skipped_columns(mut self, hear: impl FnMut(&[String]) + Send + 'static) -> Import<R> {
        self.listener.on_skipped_columns = Some(Box::new(hear));
        self
    }

    /// Sets how many threads [`for_each_block`](Import::for_each_block) may use, with the
    /// caller's own; 0 and 1 start none. XML is always read on the caller's.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Import<R> {
        self.threads = count;
        self
    }

    /// Sets the most bytes of one record; 1 GiB unless set.
    ///
    /// A record is a line without its end, a record of CSV, a JSON ticket, or an XML ticket with what stands
    /// between the one before and it.
    ///
    /// A longer one ends the import in either mode, before it is held in memory.
    #[must_use]
    pub fn record_bytes_max(mut self, bytes: usize) -> Import<R> {
        // Past half the address space no record can be held anyway.
        self.record_bytes_max = bytes.clamp(1, usize::MAX / 2);
        self
    }

    /// Sets how CSV is read; of no effect on the other formats.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{CsvOptions, CsvOthers, Import, ImportFormat};
    ///
    /// let export = "Issue id;Summary;Votes\n7;Printer;3\n";
    /// let options = CsvOptions::new()
    ///     .delimiter(';')?
    ///     .map("Issue id", "tid")?
    ///     .map("Summary", "subject")?
    ///     .others(CsvOthers::Skip);
    /// let import = Import::new(ImportFormat::Csv, export.as_bytes()).csv_options(options);
    /// let ticket = import.into_iter().next().unwrap()?;
    /// assert_eq!((ticket.tid, &*ticket.subject), (7, "Printer"));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[cfg(feature = "csv")]
    #[must_use]
    pub fn csv_options(mut self, options: CsvOptions) -> Import<R> {
        self.csv_options = options;
        self
    }

    /// Hands all tickets to `sink`, in order, at most 4,096 at a time.
    ///
    /// With more than one thread the next blocks are parsed while the sink works. The sink
    /// may drain the vector or leave its tickets in it; either way it is reused.
    ///
    /// # Errors
    ///
    /// The error of the first bad record, with its [`Position`]; that of the reader; that
    /// of the sink. Blocks may have been handed out before: a load that is all or nothing
    /// keeps them apart until this returns.
    pub fn for_each_block(
        self,
        mut sink: impl FnMut(&mut Vec<Ticket>) -> Result<(), Error>,
    ) -> Result<Imported, Error> {
        self.for_each_located(|block| sink(block.tickets))
    }

    /// Hands all tickets to `take`, in order, one at a time.
    ///
    /// An error that `take` returns is treated as one of the record if the tickets are at fault
    /// ([`Error::is_request`]): it gets the record's [`Position`], and bad records that are skipped
    /// count it as one of them. Any other error ends the import.
    ///
    /// # Errors
    ///
    /// As for [`for_each_block`](Import::for_each_block).
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Import, ImportFormat, Patch, Field};
    ///
    /// let lines = "{\"tid\": 1}\n{\"tid\": 2}\n";
    /// let import = Import::new(ImportFormat::JsonLines, lines.as_bytes()).skip_bad(true);
    /// let imported = import.for_each_ticket(|mut ticket| {
    ///     // A rule of the caller's own, by an error of the crate.
    ///     let due = if ticket.tid == 2 { "tomorrow" } else { "2014-02-01" };
    ///     Patch::new().set(Field::DueDate, due).apply(&mut ticket)
    /// })?;
    /// assert_eq!((imported.tickets, imported.skipped), (1, 1));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn for_each_ticket(
        self,
        mut take: impl FnMut(Ticket) -> Result<(), Error>,
    ) -> Result<Imported, Error> {
        let skips_bad = self.skips_bad();
        self.for_each_located(|block| {
            for (ticket, position) in block.tickets.drain(..).zip(block.positions) {
                match take(ticket) {
                    Err(error) if !error.is_request() => return Err(error),
                    Err(error) if skips_bad => block.refused.push(error.at(*position)),
                    outcome => outcome.map_err(|error| error.at(*position))?,
                }
            }
            Ok(())
        })
    }

    /// Hands all tickets to `sink` with the positions of their records.
    pub(crate) fn for_each_located(
        self,
        mut sink: impl FnMut(ImportBlock<'_>) -> Result<(), Error>,
    ) -> Result<Imported, Error> {
        let workers_count = self.threads.saturating_sub(1);
        let (mut blocks, mut listener) = self.open();
        let skips_bad = listener.skips_bad;
        if let (Blocks::Framed(parser, framer, _), 1..) = (&mut blocks, workers_count) {
            let outcome = run_workers(workers_count, parser, framer, &mut listener, &mut sink);
            if let Some(outcome) = outcome {
                return outcome.map(|()| listener.imported);
            }
        }
        let mut parsed = Parsed::default();
        while blocks.next(skips_bad, &mut parsed) {
            listener.deliver(&mut parsed, &mut sink)?;
        }
        Ok(listener.imported)
    }

    /// Returns how many threads may be used, the caller's own too.
    pub(crate) fn threads_count(&self) -> usize {
        self.threads
    }

    /// Returns whether bad records are skipped.
    pub(crate) fn skips_bad(&self) -> bool {
        self.listener.skips_bad
    }

    #[cfg_attr(
        not(feature = "csv"),
        expect(unused_mut, reason = "the header of CSV is told of")
    )]
    fn open(mut self) -> (Blocks<R>, Listener) {
        let (skips_bad, bytes_max) = (self.listener.skips_bad, self.record_bytes_max);
        let mut reader = Started::new(self.reader);
        if let Some(error) = reader.fault(self.format, skips_bad) {
            return (Blocks::Refused(Some(error)), self.listener);
        }
        let framing = match self.format {
            ImportFormat::JsonLines | ImportFormat::Delimited => Framing::Lines,
            #[cfg(feature = "csv")]
            ImportFormat::Csv => {
                let framing = self.csv_options.framing();
                let mut framer = Framer::new(reader, framing, skips_bad, bytes_max);
                let blocks = match framer.read_header(&self.csv_options) {
                    Ok(columns) => {
                        self.listener.hear_columns(&columns);
                        let parser = Parser::Csv(columns);
                        Blocks::Framed(parser, Box::new(framer), Block::default())
                    }
                    Err(error) => Blocks::Refused(Some(error)),
                };
                return (blocks, self.listener);
            }
            ImportFormat::Json => Framing::Document,
            ImportFormat::Xml => {
                let tickets = XmlTickets::new(reader, skips_bad, bytes_max);
                return (Blocks::Xml(Box::new(tickets)), self.listener);
            }
        };
        let framer = Framer::new(reader, framing, skips_bad, bytes_max);
        let blocks = Blocks::Framed(
            Parser::Alone(self.format),
            Box::new(framer),
            Block::default(),
        );
        (blocks, self.listener)
    }
}

/// Tickets on their way from an import to who takes them.
pub(crate) struct ImportBlock<'a> {
    pub(crate) tickets: &'a mut Vec<Ticket>,
    /// Where the record of each ticket starts.
    pub(crate) positions: &'a [Position],
    /// The errors of tickets that the taker refuses and that are skipped.
    pub(crate) refused: &'a mut Vec<Error>,
}

impl Listener {
    /// Counts a block, tells of it and hands its tickets on.
    fn deliver(
        &mut self,
        parsed: &mut Parsed,
        sink: &mut impl FnMut(ImportBlock<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let count = parsed.tickets.len() as u64;
        if count > 0 {
            let heard = parsed.skipped.len();
            let outcome = sink(ImportBlock {
                tickets: &mut parsed.tickets,
                positions: &parsed.positions,
                refused: &mut parsed.skipped,
            });
            let refused = parsed.skipped.len() - heard;
            self.imported.tickets += count - refused as u64;
            parsed
                .skipped
                .sort_by_key(|error| error.position().map(|it| it.record));
            if outcome.is_err() {
                self.hear(parsed);
                return outcome;
            }
        }
        self.hear(parsed);
        match parsed.end.take() {
            Some(error) => Err(self.ended(error)),
            None => Ok(()),
        }
    }

    #[cfg(feature = "csv")]
    fn hear_columns(&mut self, columns: &csv::Columns) {
        if let Some(hear) = &mut self.on_skipped_columns
            && !columns.skipped().is_empty()
        {
            hear(columns.skipped());
        }
    }

    /// Adds to the error that ends an import how far it came, where bad records are skipped.
    fn ended(&self, error: Error) -> Error {
        if self.skips_bad && error.is_request() {
            let Imported {
                tickets, skipped, ..
            } = self.imported;
            error.after_records(tickets + skipped)
        } else {
            error
        }
    }

    fn hear(&mut self, parsed: &Parsed) {
        self.imported.skipped += parsed.skipped.len() as u64;
        self.imported.bytes = parsed.bytes_read;
        if let Some(hear) = &mut self.on_skip {
            parsed.skipped.iter().for_each(hear);
        }
        if let Some(hear) = &mut self.on_progress {
            let Imported {
                tickets,
                skipped,
                bytes,
            } = self.imported;
            hear(Progress {
                tickets,
                skipped,
                bytes,
            });
        }
    }
}

/// The tickets of an [`Import`] one by one, in order, on the caller's thread.
///
/// An error is the last item. Bad records that are skipped do not show.
pub struct Tickets<R> {
    blocks: Blocks<R>,
    listener: Listener,
    parsed: Parsed,
    ready: VecDeque<Ticket>,
    is_ended: bool,
}

impl<R> Tickets<R> {
    /// Returns what has been read so far; it runs ahead of the iterator by up to a block.
    pub fn imported(&self) -> Imported {
        self.listener.imported
    }
}

impl<R> fmt::Debug for Tickets<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("imported", &self.imported())
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> IntoIterator for Import<R> {
    type Item = Result<Ticket, Error>;
    type IntoIter = Tickets<R>;

    fn into_iter(self) -> Tickets<R> {
        let (blocks, listener) = self.open();
        Tickets {
            blocks,
            listener,
            parsed: Parsed::default(),
            ready: VecDeque::new(),
            is_ended: false,
        }
    }
}

impl<R: BufRead> Iterator for Tickets<R> {
    type Item = Result<Ticket, Error>;

    fn next(&mut self) -> Option<Result<Ticket, Error>> {
        loop {
            if let Some(ticket) = self.ready.pop_front() {
                return Some(Ok(ticket));
            }
            if let Some(error) = self.parsed.end.take() {
                self.is_ended = true;
                return Some(Err(self.listener.ended(error)));
            }
            if self.is_ended {
                return None;
            }
            let skips_bad = self.listener.skips_bad;
            if self.blocks.next(skips_bad, &mut self.parsed) {
                self.listener.imported.tickets += self.parsed.tickets.len() as u64;
                self.listener.hear(&self.parsed);
                self.ready.extend(self.parsed.tickets.drain(..));
            } else {
                self.is_ended = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn threads_keep_the_order_and_the_counts() {
        let mut input = String::new();
        for tid in 0..20_000 {
            let subject = "x".repeat(tid % 300);
            writeln!(input, r#"{{"tid":{tid},"subject":"{subject}"}}"#).unwrap();
        }
        for threads in [0, 1, 2, 4] {
            let mut next = 1;
            let imported = Import::new(ImportFormat::JsonLines, input.as_bytes())
                .skip_bad(true)
                .threads(threads)
                .for_each_block(|tickets| {
                    assert!(tickets.len() <= RECORDS_MAX);
                    for ticket in tickets.drain(..) {
                        assert_eq!(ticket.tid, next);
                        next += 1;
                    }
                    Ok(())
                })
                .unwrap();
            let bytes = input.len() as u64;
            let expected = Imported {
                tickets: 19_999,
                skipped: 1,
                bytes,
            };
            assert_eq!(imported, expected, "{threads} threads");
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_import_with_threads_too() {
        let input = "{\"tid\":1}\n".repeat(50_000);
        for threads in [1, 3] {
            let outcome = Import::new(ImportFormat::JsonLines, input.as_bytes())
                .threads(threads)
                .for_each_block(|_| Err(source::syntax("another sink")));
            assert_eq!(outcome.unwrap_err().code(), "invalid_syntax");
        }
    }

    #[test]
    fn an_import_shows_its_settings_and_what_is_read() {
        let import = Import::new(ImportFormat::JsonLines, &b"{\"tid\":1}"[..]).threads(2);
        let shown = "Import { format: JsonLines, threads: 2, \
                     record_bytes_max: 1073741824, skip_bad: false, .. }";
        assert_eq!(format!("{import:?}"), shown);
        let mut tickets = import.into_iter();
        assert!(tickets.next().is_some_and(|ticket| ticket.is_ok()));
        let shown = format!("{tickets:?}");
        assert!(
            shown.starts_with("Tickets { imported: Imported { tickets: 1"),
            "{shown}"
        );
    }
}
