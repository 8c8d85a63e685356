//! What fuzzes another implementation of `get_tickets`, or a program that uses this one.
//!
//! [`find_difference`] holds an [`Implementation`] to the [`reference`](crate::reference) on random
//! [`Case`]s, by totals, tids, bodies and refusals as far as it has them, and hands back the least
//! case that it finds on which they differ; [`Case::difference`] does so for one case. [`cases`],
//! [`tickets`] and [`requests`] are proptest strategies of the same cases; [`Ticket`], [`Query`] and
//! [`Batch`] are [`Arbitrary`]. All of them draw through
//! [`nasty`], which serves seeds and fuzzers too. [`world_cases`] and [`worlds`] draw what looks like
//! a help desk's tickets rather than like a tester's, from each [`World`](crate::synth::World) of
//! [`synth`](crate::synth).
//!
//! # Examples
//!
//! Twenty lines that fuzz another implementation, which here pages as one is tempted to:
//!
//! ```
//! use ticketdex::reference::Reference;
//! use ticketdex::testing::find_difference;
//! use ticketdex::{Query, Ticket};
//!
//! fn answer(tickets: &[Ticket], request: &str) -> Option<Vec<u64>> {
//!     let query: Query = request.parse().ok()?;
//!     let is_at_place = query.after().or(query.before()).is_some();
//!     if !query.order().is_empty() || query.is_count_only() || is_at_place {
//!         return None; // This one does not claim to know these.
//!     }
//!     let rules = Reference::new();
//!     let found = tickets.iter().filter(|ticket| rules.matches(&query, ticket));
//!     let count = query.count().unwrap_or(u64::MAX);
//!     let skip = (query.page().unwrap_or(1) - 1).wrapping_mul(count);
//!     let page = found.skip(skip as usize).take(count as usize);
//!     Some(page.map(|ticket| ticket.tid).collect())
//! }
//!
//! let difference = find_difference(1, 20_000, &answer).expect("a page far past the end");
//! println!("{difference}");
//! assert_eq!(difference.expected.unwrap().tids, Some(vec![]));
//! ```
//!
//! The same as a target of `cargo fuzz`, in which a fuzzer chooses the bytes of a case; its file begins
//! with `#![no_main]`:
//!
//! ```
//! # mod libfuzzer_sys {
//! #     macro_rules! fuzz_target {
//! #         (|$bytes:ident: &[u8]| $body:block) => {
//! #             for seed in 0..100u8 { let $bytes: &[u8] = &[seed; 40]; $body }
//! #         };
//! #     }
//! #     pub(crate) use fuzz_target;
//! # }
//! use libfuzzer_sys::fuzz_target;
//! use ticketdex::testing::Case;
//! use ticketdex::{Query, Store, Ticket};
//!
//! // What is under test; here the engine.
//! fn answer(tickets: &[Ticket], request: &str) -> Option<Vec<u64>> {
//!     let query: Query = request.parse().ok()?;
//!     let mut store = Store::default();
//!     store.commit(tickets.iter().cloned().collect()).ok()?;
//!     let answer = store.snapshot().answer(&query);
//!     Some(answer.records().map(|record| record.tid()).collect())
//! }
//!
//! # fn main() {
//! fuzz_target!(|bytes: &[u8]| {
//!     if let Some(difference) = Case::from_bytes(bytes).difference(&answer) {
//!         panic!("{difference}");
//!     }
//! });
//! # }
//! ```

mod case;
mod difference;
pub mod nasty;
mod shrink;
pub mod worlds;

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::arbitrary::{Arbitrary, any};
use proptest::collection::vec;
use proptest::strategy::{BoxedStrategy, Strategy};

use crate::{Batch, Query, Ticket};
use case::TICKETS_MAX;
use nasty::{Random, make_batch, make_request, make_ticket, make_tid};

pub use case::Case;
pub use difference::{Difference, Implementation, Reply, find_difference};

/// The bytes that are drawn for a ticket or a batch; the first choices come after them.
const BYTES_MAX: usize = 192;

/// Returns valid tickets with different tids, ascending, about as many as asked for.
///
/// Cost: some hundred random bytes a ticket.
pub fn tickets(count: Range<usize>) -> impl Strategy<Value = Vec<Ticket>> {
    vec(vec(any::<u8>(), 0..BYTES_MAX), count).prop_map(|drawn| {
        let made = drawn.iter().map(|bytes| {
            let mut random = Random::chosen(bytes);
            let tid = make_tid(&mut random);
            (tid, make_ticket(&mut random, tid))
        });
        made.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

/// Returns valid requests about these tickets; most match some of them.
pub fn requests(tickets: Vec<Ticket>) -> impl Strategy<Value = String> {
    let drawn = vec(any::<u8>(), 0..BYTES_MAX);
    drawn.prop_map(move |bytes| make_request(&mut Random::chosen(&bytes), &tickets))
}

/// Returns tickets with a request about them.
pub fn cases() -> impl Strategy<Value = Case> {
    let drawn = (tickets(0..TICKETS_MAX), vec(any::<u8>(), 0..BYTES_MAX));
    drawn.prop_map(|(tickets, bytes)| {
        let request = make_request(&mut Random::chosen(&bytes), &tickets);
        Case { tickets, request }
    })
}

/// Returns tickets of one of the worlds, up to a dozen, with a request about them.
///
/// Cost: linear in the bytes of the tickets, of which a rare one has 200 KB.
///
/// # Examples
///
/// ```
/// use proptest::strategy::{Strategy, ValueTree};
/// use proptest::test_runner::TestRunner;
/// use ticketdex::Query;
/// use ticketdex::testing::world_cases;
///
/// let mut runner = TestRunner::deterministic();
/// let case = world_cases().new_tree(&mut runner)?.current();
/// assert!(case.request.parse::<Query>().is_ok());
/// assert!(case.tickets.iter().all(|ticket| ticket.check().is_ok()));
/// # Ok::<(), proptest::test_runner::Reason>(())
/// ```
pub fn world_cases() -> impl Strategy<Value = Case> {
    let drawn = vec(any::<u8>(), 0..BYTES_MAX);
    drawn.prop_map(|bytes| Case::of_world(&mut Random::chosen(&bytes)))
}

/// A valid ticket.
impl Arbitrary for Ticket {
    type Parameters = ();
    type Strategy = BoxedStrategy<Ticket>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Ticket> {
        let drawn = vec(any::<u8>(), 0..BYTES_MAX);
        let make = |bytes: Vec<u8>| {
            let mut random = Random::chosen(&bytes);
            let tid = make_tid(&mut random);
            make_ticket(&mut random, tid)
        };
        drawn.prop_map(make).boxed()
    }
}

/// A query whose values come from tickets that are drawn with it.
impl Arbitrary for Query {
    type Parameters = ();
    type Strategy = BoxedStrategy<Query>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Query> {
        let parse = |case: Case| {
            case.request
                .parse()
                .expect("the requests of cases are valid")
        };
        cases().prop_map(parse).boxed()
    }
}

/// A batch about a few tids, so that changes meet; one in sixteen breaks a rule.
impl Arbitrary for Batch {
    type Parameters = ();
    type Strategy = BoxedStrategy<Batch>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Batch> {
        let known: Vec<u64> = (1..=8).collect();
        let drawn = vec(any::<u8>(), 0..4 * BYTES_MAX);
        let make = move |bytes: Vec<u8>| make_batch(&mut Random::chosen(&bytes), &known);
        drawn.prop_map(make).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
        let tree = strategy.new_tree(runner);
        tree.expect("nothing is filtered out").current()
    }

    #[test]
    fn what_is_drawn_is_valid() {
        let mut runner = TestRunner::deterministic();
        let mut changed_count = 0;
        for _ in 0..200 {
            let ticket = draw(&any::<Ticket>(), &mut runner);
            assert!(ticket.check().is_ok(), "{ticket:?}");
            let query = draw(&any::<Query>(), &mut runner);
            assert_eq!(query.to_string().parse::<Query>().ok(), Some(query));
            let case = draw(&world_cases(), &mut runner);
            assert!(case.request.parse::<Query>().is_ok(), "{case}");
            assert!(case.tickets.is_sorted_by(|a, b| a.tid < b.tid));
            let request = draw(&requests(vec![ticket]), &mut runner);
            assert!(request.parse::<Query>().is_ok(), "{request}");
            changed_count += usize::from(!draw(&any::<Batch>(), &mut runner).is_empty());
        }
        assert!(changed_count > 100, "{changed_count}");
    }
}
