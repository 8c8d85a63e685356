//! What fuzzes another implementation of `get_tickets`, or a program that uses this one.
//!
//! [`find_difference`] holds a closure from tickets and a request to tids to the
//! [`reference`](crate::reference), on random [`Case`]s, and hands back the smallest case that it
//! finds on which they differ. [`cases`], [`tickets`] and [`requests`] are the proptest strategies
//! behind it; [`Ticket`], [`Query`] and [`Batch`] are [`Arbitrary`]. All of them draw through
//! [`nasty`], which serves seeds and fuzzers too. [`world_cases`] and [`worlds`] draw what looks like
//! a help desk's tickets rather than like a tester's, from each [`World`] of
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
//!     if !query.order().is_empty() || query.is_count_only() {
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
//! let difference = find_difference(1, 20_000, answer).expect("a page far past the end");
//! println!("{difference}");
//! assert!(difference.expected.is_empty());
//! ```

pub mod nasty;
pub mod worlds;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use proptest::arbitrary::{Arbitrary, any};
use proptest::collection::vec;
use proptest::strategy::{BoxedStrategy, Strategy};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::reference::Reference;
use crate::synth::World;
use crate::{Batch, Query, Ticket};
use nasty::{Random, make_batch, make_request, make_ticket, make_tid};
use worlds::Sample;

/// The bytes that are drawn for a ticket or a batch; the first choices come after them.
const BYTES_MAX: usize = 192;

/// The tickets of a case, at most.
const TICKETS_MAX: usize = 12;

/// Tickets, and a request about them.
///
/// Prints as JSON Lines and then the request, to be pasted into a file and behind
/// `ticketdex get`.
#[derive(Clone, PartialEq, Eq)]
pub struct Case {
    /// The tickets, by ascending tid, each valid.
    pub tickets: Vec<Ticket>,
    /// The request, which is valid.
    pub request: String,
}

impl Case {
    /// Returns the case with its request as a [`Query`] prints it; none if it is not valid.
    fn canonical(&self) -> Option<Case> {
        let query: Query = self.request.parse().ok()?;
        Some(Case {
            tickets: self.tickets.clone(),
            request: query.to_string(),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ticket in &self.tickets {
            let line = serde_json::to_string(ticket).map_err(|_| fmt::Error)?;
            writeln!(f, "{line}")?;
        }
        f.write_str(&self.request)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A case on which an implementation does not answer as the reference does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The smallest such case that was found; its request is in canonical form, unless it is
    /// the spelling that they differ on.
    pub case: Case,
    /// The tids of the page, in order, as the reference has them.
    pub expected: Vec<u64>,
    /// What the implementation answered.
    pub got: Vec<u64>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            case,
            expected,
            got,
        } = self;
        write!(f, "{case}\nexpected {expected:?}\ngot      {got:?}")
    }
}

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
    drawn.prop_map(|bytes| {
        let mut random = Random::chosen(&bytes);
        let world = random.choose(&World::ALL);
        let count = random.below(TICKETS_MAX);
        let sample = Sample::draw(&mut random, world, count);
        let request = sample.request(&mut random);
        let mut tickets = sample.tickets().to_vec();
        tickets.sort_by_key(|ticket| ticket.tid);
        Case { tickets, request }
    })
}

/// Asks an implementation and the [`Reference`] about random cases; returns the first that
/// they differ on, made small.
///
/// `answer` is given tickets by ascending tid and a request, and returns the tids of the page
/// in order, or none for what it does not claim to know. It is called `cases_count` times, and
/// some thousand more to make a difference small. The same seed gives the same cases. Where it
/// answers differently when it is asked again, the last difference that was seen is returned.
///
/// # Examples
///
/// The engine itself:
///
/// ```
/// use ticketdex::testing::find_difference;
/// use ticketdex::{Batch, Options, Query, Store};
///
/// let difference = find_difference(1, 200, |tickets, request| {
///     let mut batch = Batch::new();
///     for ticket in tickets {
///         batch.put(ticket.clone());
///     }
///     let mut store = Store::new(Options::default());
///     store.commit(batch).unwrap();
///     let query: Query = request.parse().unwrap();
///     let answer = store.snapshot().answer(&query);
///     Some(answer.records().map(|record| record.tid()).collect())
/// });
/// assert_eq!(difference, None);
/// ```
pub fn find_difference(
    seed: u64,
    cases_count: u32,
    answer: impl Fn(&[Ticket], &str) -> Option<Vec<u64>>,
) -> Option<Difference> {
    let compare = |case: &Case| {
        let got = answer(&case.tickets, &case.request)?;
        let query: Query = case.request.parse().ok()?;
        let expected = Reference::from_tickets(case.tickets.iter().cloned());
        let expected = expected.ok()?.tids(&query);
        (expected != got).then(|| Difference {
            case: case.clone(),
            expected,
            got,
        })
    };
    let config = Config {
        cases: cases_count,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let numbers = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let last = RefCell::new(None);
    let outcome = TestRunner::new_with_rng(config, numbers).run(&cases(), |case| {
        let difference = compare(&case);
        let is_equal = difference.is_none();
        if !is_equal {
            last.replace(difference);
        }
        proptest::prop_assert!(is_equal);
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(_, case)) => {
            let canonical = case.canonical();
            canonical
                .and_then(|case| compare(&case))
                .or_else(|| compare(&case))
                .or_else(|| last.take())
        }
        Ok(()) | Err(TestError::Abort(_)) => None,
    }
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

    #[test]
    fn a_difference_is_told_in_canonical_form() {
        let difference = find_difference(7, 10_000, |tickets, request| {
            // Knows neither pages nor orders nor filters, and no spelling matters to it.
            let _: Query = request.parse().ok()?;
            Some(tickets.iter().map(|ticket| ticket.tid).collect())
        });
        let Difference { case, .. } = difference.expect("most requests have filters");
        let query: Query = case.request.parse().expect("it is valid");
        assert_eq!(case.request, query.to_string());
    }

    #[test]
    fn as_many_cases_are_drawn_as_were_asked_for() {
        let cases_count = std::cell::Cell::new(0);
        let difference = find_difference(7, 37, |tickets, request| {
            cases_count.set(cases_count.get() + 1);
            let query: Query = request.parse().ok()?;
            let rules = Reference::from_tickets(tickets.iter().cloned()).ok()?;
            Some(rules.tids(&query))
        });
        assert_eq!((difference, cases_count.get()), (None, 37));
    }

    #[test]
    fn a_difference_in_spelling_keeps_the_spelling() {
        // Knows everything, but takes the name of a variable by its letters.
        let difference = find_difference(7, 10_000, |tickets, request| {
            if request.contains("STATUS=") {
                return Some(vec![0]);
            }
            let query: Query = request.parse().ok()?;
            let rules = Reference::from_tickets(tickets.iter().cloned()).ok()?;
            Some(rules.tids(&query))
        });
        let Difference { case, .. } = difference.expect("one in eight names is in capitals");
        assert!(case.request.contains("STATUS="), "{case}");
    }

    #[test]
    fn an_implementation_that_changes_its_mind_is_told_of() {
        let has_erred = std::cell::Cell::new(false);
        let difference = find_difference(7, 100, |tickets, request| {
            let query: Query = request.parse().ok()?;
            let rules = Reference::from_tickets(tickets.iter().cloned()).ok()?;
            let wrong = !has_erred.replace(true);
            Some(if wrong { vec![0] } else { rules.tids(&query) })
        });
        assert_eq!(difference.expect("it erred once").got, [0]);
    }

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

    #[test]
    fn a_difference_prints_as_a_file_a_request_and_both_answers() {
        let ticket = Ticket {
            tid: 7,
            subject: "a\nb".into(),
            ..Ticket::default()
        };
        let difference = Difference {
            case: Case {
                tickets: vec![ticket.clone()],
                request: "tid=7".to_owned(),
            },
            expected: vec![7],
            got: Vec::new(),
        };
        let shown = difference.to_string();
        let [line, rest] = shown.splitn(2, '\n').collect::<Vec<_>>()[..] else {
            panic!("{shown}");
        };
        assert_eq!(serde_json::from_str::<Ticket>(line).ok(), Some(ticket));
        assert_eq!(rest, "tid=7\nexpected [7]\ngot      []");
        assert_eq!(
            format!("{:?}", difference.case),
            difference.case.to_string()
        );
    }
}
