//! What is asked of a peer: to agree with the engine, and then to be timed.

use ticketdex::{CountQuery, Query};

/// Whatever a peer's library fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A parsed request made ready: each call answers it once and returns bytes or a total.
///
/// A statement is prepared before, as one would keep it; what depends on the values of a
/// request is the call's.
pub type Prepared<'a> = Box<dyn FnMut() -> Result<u64, Failure> + 'a>;

/// The groups of each key of a request, in order, each with its value and its count.
pub type Groups = Vec<Vec<(String, u64)>>;

/// Another engine with the same tickets. None stands for what its indexes cannot serve.
pub trait Peer {
    /// Returns the peer's name.
    fn name(&self) -> &'static str;

    /// Returns how many tickets match.
    fn total(&self, query: &Query) -> Result<Option<u64>, Failure>;

    /// Returns the tids of the page, in order.
    fn tids(&self, query: &Query) -> Result<Option<Vec<u64>>, Failure>;

    /// Makes a request ready to be timed: the total alone where it asks for that, and
    /// otherwise the whole rows of the page without the total.
    fn prepare<'a>(&'a self, query: &Query) -> Result<Option<Prepared<'a>>, Failure>;

    /// Counts what matches by the values of each key.
    fn groups(&self, query: &CountQuery) -> Result<Option<Groups>, Failure>;

    /// Writes all tickets as JSON into a buffer that is used again; returns the bytes.
    fn export_json(&self) -> Result<Option<u64>, Failure>;

    /// Writes all tickets as XML into a buffer that is used again; returns the bytes.
    fn export_xml(&self) -> Result<Option<u64>, Failure> {
        Ok(None)
    }
}
