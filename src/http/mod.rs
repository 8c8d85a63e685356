//! `get_tickets` over HTTP: a tower service, a router, and a server for them.
//!
//! The vendor's page describes a call, `GET
//! /API/default.aspx?key=...&action=get_tickets&tid=*`. An [`Api`] answers it over the tickets of a
//! store, for any framework that takes a tower service; it brings a router for axum, and a [`Server`]
//! for those who have none yet.
//!
//! # From nothing to a service
//!
//! The dependencies of a service that has a key, serves its tickets on a port and ends on Ctrl-C:
//!
//! ```toml
//! [dependencies]
//! ticketdex = { path = "../ticketdex", features = ["http"] }
//! tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "signal"] }
//! axum = "0.8" # for routes of its own beside it
//! ```
//!
//! ```no_run
//! use ticketdex::http::{Api, Key, Server};
//! use ticketdex::{Import, ImportFormat, Store};
//! use tokio::net::TcpListener;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let lines = "{\"tid\": 34, \"status\": \"Open\", \"subject\": \"Printer on fire\"}\n";
//!     let mut store = Store::default();
//!     store.load(Import::new(ImportFormat::JsonLines, lines.as_bytes()))?;
//!
//!     let api = Api::builder(store.reader()).key(Key::new("desk", "your key here")).build()?;
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     let shutdown = async { drop(tokio::signal::ctrl_c().await) };
//!     Server::new().serve(listener, api.router(), shutdown).await;
//!     Ok(())
//! }
//! ```
//!
//! Tickets of a file are loaded the same way, from
//! `std::io::BufReader::new(std::fs::File::open("tickets.jsonl")?)`. It runs, and this asks it:
//!
//! ```text
//! curl 'http://127.0.0.1:8080/API/default.aspx?key=your%20key%20here&action=get_tickets&tid=*'
//! ```
//!
//! In an axum application (axum 0.8) the router is merged with the application's own:
//! `Router::new().route("/", ...).merge(api.router())`; `.fallback_service(api.not_found())`
//! answers all other paths with an error document. While it serves, the store is written by
//! whoever owns it; where that is several, or where merges shall run beside, it stands in an
//! `Arc<Mutex<Store>>` with a [`Maintainer`](crate::Maintainer). `tests/examples/axum.rs` is such a
//! service: own routes, a writer, the maintainer, and an end. Without a program of one's own,
//! `ticketdex serve` is one (features `cli,http`).
//!
//! # Requests
//!
//! `GET`, `HEAD`, and `POST` of a form (`application/x-www-form-urlencoded`); the body of a `POST`
//! continues the query, as if `&` stood between them. The variables are those of [`Query`] with
//! `action`, `key` and `format`, or with `action=count_tickets` those of [`CountQuery`]. Any path is answered that the service is mounted on, in that letter
//! case. In a URL `>` and `<` must be escaped: `date_opened%3E=2014-02-01`; a raw one is no HTTP and is
//! refused before it comes here.
//!
//! * The **key** is looked for before anything is parsed, by the rules of parsing
//!   ([`Request::find_key`]). Keys are compared by their hashes, in a time that tells nothing of
//!   them. One may be limited to networks; the client's address is that of the connection, unless a
//!   proxy is [trusted](Builder::address_header) to tell it.
//! * The **format** is the request's `format`, else the one that the header `Accept` would rather
//!   have (`application/xml`, `application/json`, `text/plain`, `text/csv`, and what else these are
//!   called), else XML. An error document comes in it too.
//! * The **coding** is gzip or zstd where `Accept-Encoding` names it, of two alike the first.
//!
//! # Responses
//!
//! | header | holds |
//! |---|---|
//! | `x-total-count` | the tickets that match, before `count` and `page` |
//! | `x-snapshot-version` | the [version](crate::Snapshot::version) of the snapshot that was asked: the number of its last commit, to be asked for as `changed_since` the next time |
//! | `x-next-cursor` | the [cursor](crate::Cursor) after which the next records come, where any follow: `after=` |
//! | `x-previous-cursor` | that before which the previous records come, where any precede: `before=` |
//! | `content-type` | the [media type](crate::Format::media_type) of the format |
//! | `content-length` | the length, where the body was made before the response began: a count, an error, a page of up to 64 KiB, none of `HEAD`'s long ones |
//! | `retry-after` | seconds after which to try again, where a later answer may differ |
//!
//! Everything that is not an answer is an error document with a stable code:
//!
//! | status | codes |
//! |---|---|
//! | 400 | those of a request ([`ErrorKind`](crate::ErrorKind)), `invalid_encoding`, `too_many_records`, `incomplete_request` |
//! | 401 | `missing_key`, `unknown_key` |
//! | 403 | `address_not_allowed` |
//! | 404 | `not_found`, by [`Api::not_found`] |
//! | 405 | `method_not_allowed` |
//! | 408 | `request_timeout`: the body did not come in time |
//! | 413, 414 | `request_too_long` |
//! | 415 | `unsupported_media_type`: the body is no form |
//! | 429 | `too_many_requests`, of one key |
//! | 500 | `internal_error` |
//! | 503 | `overloaded`, `timeout` |
//!
//! What is no HTTP, or has a head beyond its limits, hyper answers itself, with 400, 414 or 431 and
//! no body.
//!
//! # What runs where, and what it holds
//!
//! What is found in microseconds is found on the executor's thread. Whatever may take longer (a
//! keyword, an order, a compressed body) runs by `spawn_blocking`, and so does each chunk of a long
//! body, when the client has taken the last. An answer that is being sent holds its snapshot and the
//! 84 KiB that were made before it began, 111 KiB where it is compressed, and then a third of a MiB for
//! the compressor; so a slow client costs that and the buffers of its connection, however long the
//! response is, and no client waits for another.
//!
//! # Bringing another framework
//!
//! The parts are there without the service: [`Request::find_key`] and
//! [`Request::find_format`](crate::Request::find_format), [`Format::media_type`], the
//! [status](crate::Error::status) of an [`Error`](crate::Error), [`error_response`] for errors of
//! the service's own, and [`ChunkStream`] for bodies; all but the last without this feature.
//!
//! [`Query`]: crate::Query
//! [`CountQuery`]: crate::CountQuery
//! [`Request::find_key`]: crate::Request::find_key
//! [`Format::media_type`]: crate::Format::media_type
//! [`error_response`]: crate::error_response
//!
//! # Invariants
//!
//! * A key is in no response, no log entry, no `Debug` and no panic.
//! * Nothing here changes tickets; it needs a [`Reader`](crate::Reader) and nothing else.

mod api;
mod body;
mod builder;
mod keys;
mod negotiate;
mod prepare;
mod refusal;
mod served;
mod server;
mod stream;

use std::fmt;

pub use api::Api;
pub use body::Body;
pub use builder::Builder;
pub use keys::Key;
pub use served::Served;
pub use server::Server;
pub use stream::ChunkStream;

/// Where a service is mounted unless it is told otherwise: the path on the vendor's page.
pub const DEFAULT_PATH: &str = "/API/default.aspx";

/// Why a service cannot be built.
///
/// # Examples
///
/// ```
/// use ticketdex::Store;
/// use ticketdex::http::{Api, SetupError};
///
/// let refused = Api::builder(Store::default().reader()).build();
/// assert!(matches!(refused, Err(SetupError::NoKey)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no key, and nobody said that none is needed.
    NoKey,
    /// A key is empty, which no request can carry.
    EmptyKey {
        /// The name of the key.
        name: String,
    },
    /// A network is neither CIDR nor an address.
    InvalidNetwork {
        /// The text that should be one.
        network: String,
    },
    /// A path does not begin with `/`, or has characters that a router reads as more than a path.
    InvalidPath {
        /// The path.
        path: String,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::NoKey => write!(
                f,
                "no key is given: add one, or say that whoever reaches the service may ask"
            ),
            SetupError::EmptyKey { name } => write!(f, "the key {name:?} is empty"),
            SetupError::InvalidNetwork { network } => write!(
                f,
                "{network:?} is no network: write 10.0.0.0/8, 2001:db8::/32 or an address"
            ),
            SetupError::InvalidPath { path } => write!(
                f,
                "{path:?} is no path: it must begin with / and stand as a URL has it, with letters, \
                 digits and /-._~!$&'()+,;=@ and all else percent-encoded, as %20 is a blank; and no \
                 part of it is . or .."
            ),
        }
    }
}

impl std::error::Error for SetupError {}
