//! Placeholder while this file is being written.
use crate::model::Format;
/// A request: a query, with what the caller handles itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// The tickets asked for.
    pub query: super::Query,
    /// The form of the response, where the request names one.
    pub format: Option<Format>,
    /// The API key, where the request has one.
    pub key: Option<String>,
}
