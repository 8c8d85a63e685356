//! An embedded, in-memory query engine for help-desk tickets.
//!
//! One call takes a `get_tickets` request (filters on every field, ranges, a keyword, an order, a
//! page, the variables to show) and gives the tickets that match, as values or as the bytes of a
//! response in XML, JSON, delimited form or CSV.
//!
//! `get_tickets` is an HTTP call of a help desk, which its vendor documents on one page. Below, "the page" means
//! this documentation; the docs of `Query` and `Format` say exactly what each request and response means here.
//!
//! It is:
//!
//! * a library that a service links, with every index that the requests need, built as tickets
//!   come in;
//! * exact: every answer is what the docs of `Query` say, byte for byte, whatever plan was chosen;
//! * live: batches of changes are atomic, and readers on any thread never wait for them.
//!
//! It is not:
//!
//! * a database: it holds tickets only, in memory, and joins them with nothing;
//! * a search engine: a keyword is found as written, letter case aside, and nothing is ranked;
//! * a server, unless you want one: without the feature `http` it opens no socket, and it starts no thread
//!   that you did not ask for.
//!
//! # A program
//!
//! ```
//! use ticketdex::{Batch, Field, Format, Options, Patch, Query, Store, Ticket};
//!
//! let mut store = Store::new(Options::default());
//! let reader = store.reader(); // one for each thread that asks
//!
//! let mut batch = Batch::new();
//! for (tid, status) in [(34, "Open"), (35, "Closed"), (36, "Open")] {
//!     let subject = format!("Printer {tid} on fire");
//!     batch.put(Ticket { tid, status: status.into(), subject, ..Ticket::default() });
//! }
//! store.commit(batch)?; // now all of it is visible, or on an error nothing
//!
//! let query: Query = "status=open&keyword=print+FIRE&order=tid+DESC".parse()?;
//! let answer = reader.snapshot().answer(&query);
//! assert_eq!(answer.total(), 2);
//! let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
//! assert_eq!(tids, [36, 34]);
//!
//! let mut batch = Batch::new();
//! batch.patch(36, Patch::new().set(Field::Status, "Closed")).remove(34);
//! store.commit(batch)?;
//! assert_eq!(reader.snapshot().answer(&query).total(), 0);
//!
//! let mut body = Vec::new();
//! answer.write_to(Format::Xml, &mut body)?; // still the answer that it was
//! assert!(body.starts_with(b"<?xml version=\"1.0\"?>\n<tickets>\n\t<ticket>\n\t\t<tid>36</tid>"));
//! # Ok::<(), ticketdex::Error>(())
//! ```
//!
//! # The types, in the order met
//!
//! * [`Ticket`] is one ticket as plain data, a member for each of the 38 variables, dates as those
//!   of [`chrono`]; [`Field`] is the table of them, [`Cell`] one value.
//! * [`Batch`] says what shall change: tickets put whole, [`Patch`]es of some values, removals.
//! * [`Import`] reads tickets from a stream: JSON Lines, responses in any format, or the CSV of
//!   other programs (with the feature `csv`).
//! * [`Store`] owns the tickets and is the one who changes them; [`Reader`] takes snapshots of
//!   it from any thread. A [`Committer`] commits what several threads hand in together.
//! * [`Query`] is a request as data, parsed or [built](Query::builder), and always valid: a list of
//!   [`FieldFilter`]s, each a field and a [`FieldTest`] of its value, an order, a page and the
//!   [`Fields`] to show; [`Request`] is what is asked ([`Action`]) with the format and the key that
//!   came with it.
//! * [`Snapshot`] is the tickets as of one commit, and never changes.
//! * [`Removal`] is a ticket that a commit removed, of those that [`Snapshot::removed_since`] tells
//!   of; with `changed_since` in a query that is what a copy elsewhere needs to follow a store.
//! * [`Changes`] is what entered, left, changed and moved in the answer to a query between two snapshots
//!   ([`Snapshot::changes_since`]), each a [`ChangedTicket`] of a [`ChangeKind`]. [`Watches`] are queries
//!   that stand, thousands of them, each with a [`WatchId`]: one call after a commit tells those that it
//!   concerns.
//! * [`Answer`] is what a query matched: the total, the [`Record`]s in order, and the response
//!   in a [`Format`], written at once or pulled as [`Chunks`].
//! * [`CountQuery`] is what to count and by what, with the filters of a query; [`Counts`] is how many
//!   tickets have each value ([`Snapshot::count_by`]).
//! * [`Explain`] is the plan of an answer with the work that it took.
//! * [`Error`] is what can go wrong, with a stable code, the variable and what would be valid.
//!
//! # How a request runs
//!
//! A module knows those below it and no others, so this picture of the source is also the way
//! of a request: its text becomes a query (1), the plan (3) asks the segments (1) of a snapshot
//! (2) for sets of rows, smallest first, chooses the cheapest way to the order, and the response
//! (4) copies the rows' values between constant glue.
//!
//! ```text
//! rank
//!  6  bin, durable, http, testing   adapters, each behind its feature
//!  5  lib                           names all of it
//!  4  response                      rows in order -> bytes, chunk by chunk
//!  3  plan                 store    filters -> row sets -> rows in order; batches -> segments
//!  2  snapshot      synth, reference    segments and what of them is dead; the engine's twins
//!  1  query   import   journal   segment    requests; inputs; columns, postings, words
//!  0  model                         tickets, fields, values, errors
//! ```
//!
//! A segment is immutable. It holds each field as a column of numbers: ordinals into a dictionary
//! whose texts stand in folded order, so that a value, a prefix and an order are a range of
//! ordinals; the rows of every filtered value; rows sorted by date and, once asked for, by any
//! other field; and the words of the searchable texts with an index of their parts.
//! [`Snapshot::explain`] shows which of them a request uses, and how many rows it touched.
//!
//! # Concurrency
//!
//! The owner of the [`Store`] is its one writer. A [`Reader`] can be cloned for as many threads as
//! you like; [`Reader::snapshot`] is one atomic load, before, during and after a commit. A snapshot
//! sees all of a batch or nothing of it, and the commits before it, none after. An [`Answer`]
//! holds its snapshot and is `Send`: it can be written elsewhere, later, and still gives the
//! tickets that it found. What a held snapshot costs is the memory of the segments and tombstones
//! that only it still names.
//!
//! # Trade-offs
//!
//! **Everything is in memory**, tickets and indexes; [`Snapshot::memory`] tells how much, by part.
//! **Every index is kept**, asked for or not: none can be left out to load faster. **One writer**:
//! several share a mutex, or a [`Committer`]. **A commit indexes its tickets before it returns**, and
//! now and then merges small segments first. **Large merges are yours to run**, with [`Store::merge_job`], where and
//! when you like; until then more segments make reading slower. **The first request pays** for what
//! is built when asked for: the rows in the order of a field, the rows of a common term; both are
//! kept for the next. **What can be asked is fixed**: of each field some values, all but
//! some, a range, or whether it has one; all must hold, and there is no other language beside it.
//!
//! For that, answers come from indexes rather than from a look at every ticket, none is cached
//! by its request and so none is stale, and memory stays flat however long a response is.
//!
//! # The specification
//!
//! Where the docs name a section of the specification, they mean a page that is kept beside the
//! crate's sources and not shipped with them: it settles what the vendor's page of `get_tickets`
//! leaves open, the docs of each item repeat what of it they need, and the feature `reference`
//! is the same as a program.
//!
//! # Limits
//!
//! | what | limit |
//! |---|---|
//! | ticket number | 1 to 2^64 − 1 |
//! | text, identifier or custom value | 16 MiB of UTF-8, decoded |
//! | date/time | years 1 to 9999, whole seconds, no time zone |
//! | custom fields | 4,096 names a store, of 255 bytes each |
//! | tickets of one load | 2^32 − 4,096; a store may hold more, in several segments |
//! | record of an import | 1 GiB, unless set otherwise |
//! | request | none; time is linear in its length |
//! | response | none; a chunk of 64 KiB is held |
//! | removals that are told of | 1,000,000, unless set otherwise; of whole commits, the latest |
//! | dead rows, where merges are run | at most as many as tickets, and as many bytes of subjects and summaries |
//!
//! # Features
//!
//! None is on by default, and none changes an answer.
//!
//! | feature | brings |
//! |---|---|
//! | `cli` | the command `ticketdex`, with `csv`, `durable` and `synth`; clap, console, indicatif, ruzstd, flate2, signal-hook, unicode-width |
//! | `csv` | tickets from CSV, with a mapping of its columns; csv-core |
//! | `durable` | stores that outlive the process, in a file; redb, postcard, lz4_flex, bytemuck, twox-hash |
//! | `http` | `get_tickets` over HTTP, with `cli` the command `serve`; axum, hyper, tokio |
//! | `reference` | the specification, executable: the slow twin that tests compare with |
//! | `synth` | seeded tickets and requests that look like those of nine kinds of help desk |
//! | `testing` | what fuzzes another implementation, with `reference` and `synth`; proptest |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "durable")]
pub mod durable;
#[cfg(feature = "http")]
pub mod http;
mod import;
mod journal;
mod model;
mod plan;
mod query;
#[cfg(feature = "reference")]
pub mod reference;
mod response;
mod segment;
mod snapshot;
mod store;
#[cfg(feature = "synth")]
pub mod synth;
#[cfg(feature = "testing")]
pub mod testing;

/// The crate whose `NaiveDateTime` is the date/time of a ticket, in the version that fits.
///
/// # Examples
///
/// ```
/// use ticketdex::Ticket;
/// use ticketdex::chrono::NaiveDate;
///
/// let opened = NaiveDate::from_ymd_opt(2014, 2, 1).and_then(|day| day.and_hms_opt(10, 42, 43));
/// let ticket = Ticket { tid: 12, date_opened: opened, ..Ticket::default() };
/// assert!(ticket.check().is_ok());
/// ```
pub use chrono;
#[cfg(feature = "csv")]
pub use import::{CsvOptions, CsvOthers};
pub use import::{Import, ImportFormat, Imported, Progress, Tickets};
pub use journal::{Change, Journal};
pub use model::batch::{Batch, BatchChange, Patch, Value};
pub use model::error::{Error, ErrorKind, Position};
pub use model::value::{Moment, fold};
pub use model::{
    CUSTOM_NAME_BYTES_MAX, CUSTOM_NAMES_MAX, Cell, DatePart, Field, FieldKind, Format,
    TEXT_BYTES_MAX, Texts, Ticket, is_custom_name,
};
pub use plan::{
    Access, Answer, ChangeKind, ChangedTicket, Changes, Counted, Counts, Explain, FilterPlan,
    Group, KeyCounts, Records, SegmentPlan, Strategy, WalkMatching, WatchId, Watches, Work,
};
#[doc(hidden)]
pub use plan::{CountMode, CountWay, FilterMode, PlanMode};
pub use query::{
    Action, AnyField, CountKey, CountQuery, CountQueryBuilder, Cursor, Direction, FieldFilter,
    FieldTest, Fields, FilterValue, FilterValues, OrderKey, Query, QueryBuilder, Request, SortKey,
    TidFilter, TidPattern,
};
pub use response::{Chunks, error_response};
/// The crate whose `RoaringTreemap` is a set of ticket numbers, in the version that fits.
///
/// # Examples
///
/// ```
/// use ticketdex::roaring::RoaringTreemap;
/// use ticketdex::{Query, Store};
///
/// let nobody = RoaringTreemap::new();
/// let answer = Store::default().snapshot().answer_within(&Query::default(), &nobody);
/// assert_eq!(answer.total(), 0);
/// ```
pub use roaring;
pub use snapshot::{FieldStats, Memory, Record, Removal, Removed, Snapshot};
pub use store::{Commit, Committer, Loaded, Maintainer, MergeJob, Merged, Options, Reader, Store};

/// The README's programs run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
