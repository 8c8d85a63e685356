//! Seeded tickets and requests that look like a help desk's, for benches, tests and fuzzers.
//!
//! [`Tickets`] makes one realistic ticket after another and [`Requests`] makes requests
//! that suit a store of them. Both are functions of a seed alone, in integers only: the
//! same bytes on every machine. What they are made to look like, at a million tickets:
//! 1.4 KB of JSON Lines and some 490 bytes of searchable text a ticket, 1.3 million
//! distinct words, ten years, twenty thousand customers of whom few write often, four in
//! five tickets closed. They are not made to be nasty: values that only just collide, the
//! limits and the characters that formats escape come from `testing` and from the tests.
//!
//! * `tickets`: a ticket from its number; customers and texts.
//! * `requests`: requests from the values of a ticket that a store has.
//! * `vocabulary`: the words.
//! * `random`: the numbers.
//!
//! # Cost
//!
//! A few microseconds a ticket, whichever it is: no ticket depends on another.

mod random;
mod requests;
mod tickets;
mod vocabulary;

pub use requests::Requests;
pub use tickets::{
    KEYWORD_COMMON, KEYWORD_MEDIUM, KEYWORD_RARE, KEYWORD_SHORT, RARE_TICKETS, Tickets,
};
