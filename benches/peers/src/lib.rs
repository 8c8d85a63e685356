//! Other engines with the same tickets, and how `ticketdex` compares with them.
//!
//! A package of its own, so that the crate never depends on what it is measured against.
//! The program asks everyone the rows of [`table`] and checks that they agree; the
//! library is what it is made of, so that the translation to SQL can be tested too.

pub mod commits;
pub mod compare;
pub mod counts;
pub mod data;
pub mod engine;
pub mod http_client;
pub mod http_server;
pub mod measure;
pub mod openings;
pub mod peer;
pub mod places;
pub mod plot;
pub mod readers;
pub mod record;
pub mod record_commits;
pub mod record_http;
pub mod record_writes;
#[path = "../../scan.rs"]
pub mod scan;
pub mod scan_peer;
pub mod sql;
pub mod sqlite;
#[path = "../../structs.rs"]
pub mod structs;
pub mod table;
pub mod tantivy;
pub mod values;
pub mod worlds;
pub mod writes;
