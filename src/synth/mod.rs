//! Seeded tickets and requests of several kinds of help desk, for benches, tests and fuzzers.
//!
//! A [`World`] is a kind of help desk. [`World::tickets`] makes one realistic ticket after
//! another, [`World::changes`] what happens to them afterwards, and [`World::requests`] makes
//! requests that suit a store of them; [`Tickets::new`] and [`Requests::new`] are those of
//! [`World::Desk`]. All are functions of a seed alone, in integers only: the same bytes on every
//! machine.
//!
//! What [`World::Desk`] is made to look like, at a million tickets: 1.4 KB of JSON Lines and
//! some 490 bytes of searchable text a ticket, 1.3 million distinct words, ten years, twenty
//! thousand customers of whom few write often, four in five tickets closed. The other worlds say
//! what they change about it. None is made to be nasty: values that only just collide, the limits
//! and the characters that formats escape come from `testing` and from the tests.
//!
//! * `world`: the worlds, each with what in life looks like it.
//! * `tickets`: the sequence of a world's tickets; `changes`: the batches that follow.
//! * `desk`, `enterprise`, `migrated`, `giants`, `logs`, `tongues`, `wide`, `alarms`, `churn`: a
//!   ticket of each world from its place in the sequence.
//! * `requests`: requests from the values of a ticket that a store has.
//! * `vocabulary`, `scripts`: the words.
//! * `random`: the numbers.
//!
//! # Cost
//!
//! A few microseconds a ticket of an ordinary length, whichever it is: no ticket depends on
//! another, and nothing is held between two of them.

mod alarms;
mod changes;
mod churn;
mod desk;
mod enterprise;
mod giants;
mod logs;
mod migrated;
mod random;
mod requests;
mod scripts;
mod tickets;
mod tongues;
mod vocabulary;
mod wide;
mod world;

pub use changes::Changes;
pub use desk::{KEYWORD_COMMON, KEYWORD_MEDIUM, KEYWORD_RARE, KEYWORD_SHORT, RARE_TICKETS};
pub use requests::Requests;
pub use tickets::Tickets;
pub use world::World;
