//! An implementation of `get_tickets` beside the reference: what it answers, and where they differ.

use std::fmt;

use crate::reference::Reference;
use crate::{Format, Request, Ticket};

use super::case::Case;
use super::nasty::Random;
use super::shrink::shrink;

/// The bytes of a body that are shown from where it differs on.
const SHOWN_BYTES: usize = 40;

/// An implementation that is held to the [`Reference`].
///
/// A closure from tickets and a request to the tids of the page, or none for what it does not
/// claim to know, is one that answers with these alone.
pub trait Implementation {
    /// Answers a request about tickets, which come by ascending tid.
    ///
    /// None is for what the implementation does not claim to know; an error is the stable word of
    /// a refusal, or an empty text where it has none. The request names the format of the body,
    /// XML unless it does.
    fn answer(&self, tickets: &[Ticket], request: &str) -> Option<Result<Reply, String>>;
}

impl<F: Fn(&[Ticket], &str) -> Option<Vec<u64>>> Implementation for F {
    fn answer(&self, tickets: &[Ticket], request: &str) -> Option<Result<Reply, String>> {
        let tids = self(tickets, request)?;
        Some(Ok(Reply {
            tids: Some(tids),
            ..Reply::default()
        }))
    }
}

/// What an implementation answers to a valid request; a part that is none is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// How many tickets match, before `count` and `page`.
    pub total: Option<u64>,
    /// The tids of the page, in order; none in it where only the count is asked for.
    pub tids: Option<Vec<u64>>,
    /// The body of the response.
    pub body: Option<Vec<u8>>,
}

/// A case on which an implementation does not answer as the reference does.
///
/// Prints the case and then what differs of both answers; where tids differ, no bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The least such case that was found; its request is in canonical form, unless it is
    /// the spelling that they differ on.
    pub case: Case,
    /// What the reference answers, in the parts that the implementation has.
    pub expected: Result<Reply, String>,
    /// What the implementation answered.
    pub got: Result<Reply, String>,
}

impl Difference {
    /// Returns which of the two refuses.
    fn kind(&self) -> (bool, bool) {
        (self.expected.is_err(), self.got.is_err())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.case)?;
        let (expected, got) = match (&self.expected, &self.got) {
            (Ok(expected), Ok(got)) => (expected, got),
            (expected, got) => {
                let show = |answer: &Result<Reply, String>| match answer {
                    Ok(_) => "an answer".to_owned(),
                    Err(code) => format!("the error {code:?}"),
                };
                let (expected, got) = (show(expected), show(got));
                return write!(f, "\nexpected {expected}\ngot      {got}");
            }
        };
        if expected.total != got.total {
            let (expected, got) = (expected.total.unwrap_or(0), got.total.unwrap_or(0));
            write!(f, "\nexpected total {expected}\ngot      total {got}")?;
        }
        if expected.tids != got.tids {
            let show = |reply: &Reply| reply.tids.clone().unwrap_or_default();
            let (expected, got) = (show(expected), show(got));
            return write!(f, "\nexpected tids {expected:?}\ngot      tids {got:?}");
        }
        if expected.body != got.body {
            let body = |reply: &Reply| reply.body.clone().unwrap_or_default();
            let (expected, got) = (body(expected), body(got));
            let pairs = expected.iter().zip(&got);
            let at = pairs.take_while(|(own, other)| own == other).count();
            let show = |bytes: &[u8]| {
                let end = bytes.len().min(at + SHOWN_BYTES);
                bytes[at..end].escape_ascii().to_string()
            };
            let (expected, got) = (show(&expected), show(&got));
            write!(
                f,
                "\nexpected from byte {at} \"{expected}\"\ngot      from byte {at} \"{got}\""
            )?;
        }
        Ok(())
    }
}

/// Asks an implementation and the [`Reference`] about random cases; returns the first that
/// they differ on, made small.
///
/// `cases_count` cases are drawn, and as a rule some hundred more are asked to make a difference
/// small: tickets, values and parts of the request are left out as long as the two still differ. Of
/// the cases, one request in eight is probably refused, and one in two names a format. The same
/// seed gives the same cases. Where the implementation answers differently when it is asked again,
/// the last difference that was seen is returned.
///
/// # Cost
///
/// Linear in the cases: each is drawn and answered by the reference, beside the implementation.
///
/// # Examples
///
/// The engine itself, with totals, tids, bodies and refusals:
///
/// ```
/// use ticketdex::testing::{Implementation, Reply, find_difference};
/// use ticketdex::{Batch, Format, Options, Request, Store, Ticket};
///
/// struct Engine;
///
/// impl Implementation for Engine {
///     fn answer(&self, tickets: &[Ticket], request: &str) -> Option<Result<Reply, String>> {
///         let batch: Batch = tickets.iter().cloned().collect();
///         let mut store = Store::new(Options::default());
///         store.commit(batch).unwrap();
///         let request: Request = match request.parse() {
///             Ok(request) => request,
///             Err(error) => return Some(Err(ticketdex::Error::code(&error).to_owned())),
///         };
///         let answer = store.snapshot().answer(request.query()?);
///         let mut body = Vec::new();
///         answer.write_to(request.format.unwrap_or(Format::Xml), &mut body).unwrap();
///         Some(Ok(Reply {
///             total: Some(answer.total()),
///             tids: Some(answer.records().map(|record| record.tid()).collect()),
///             body: Some(body),
///         }))
///     }
/// }
///
/// assert_eq!(find_difference(1, 200, &Engine), None);
/// ```
pub fn find_difference(
    seed: u64,
    cases_count: u32,
    implementation: &impl Implementation,
) -> Option<Difference> {
    let mut random = Random::new(seed);
    (0..cases_count).find_map(|_| {
        // Each case has a sequence of its own, so that one more choice in it moves no other.
        let case = Case::draw(&mut Random::new(random.number()));
        case.difference(implementation)
    })
}

impl Case {
    /// Returns how an implementation and the [`Reference`] differ on the case, made small; none where
    /// they do not. See [`find_difference`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::testing::Case;
    /// use ticketdex::{Batch, Ticket};
    ///
    /// let tickets = [1, 2, 3].map(|tid| Ticket { tid, status: "Open".into(), ..Ticket::default() });
    /// let case = Case { tickets: tickets.to_vec(), request: "status=OPEN&fields=tid".to_owned() };
    /// // It compares letter by letter.
    /// let difference = case.difference(&|tickets: &[Ticket], request: &str| {
    ///     let is_open = |ticket: &&Ticket| !request.contains("OPEN") || ticket.status == "OPEN";
    ///     Some(tickets.iter().filter(is_open).map(|ticket| ticket.tid).collect())
    /// });
    /// assert_eq!(
    ///     difference.unwrap().to_string(),
    ///     "{\"tid\":1,\"status\":\"Open\"}\nstatus=OPEN\nexpected tids [1]\ngot      tids []"
    /// );
    /// ```
    pub fn difference(&self, implementation: &impl Implementation) -> Option<Difference> {
        let mut told = compare(self, implementation)?;
        let kind = told.kind();
        // Only by the same kind of difference, so that what is told is what was found.
        let mut differs = |case: &Case| {
            let difference = compare(case, implementation).filter(|it| it.kind() == kind);
            difference.map(|difference| told = difference).is_some()
        };
        let canonical = self.canonical().filter(|case| differs(case));
        let least = shrink(canonical.unwrap_or_else(|| self.clone()), &mut differs);
        // What is left may be spelled at more length than it needs.
        if let Some(case) = least.canonical() {
            differs(&case);
        }
        Some(told)
    }
}

/// Compares the answers to a case as it is.
fn compare(case: &Case, implementation: &impl Implementation) -> Option<Difference> {
    let got = implementation.answer(&case.tickets, &case.request)?;
    let expected = match case.request.parse::<Request>() {
        Err(error) => Err(error.code().to_owned()),
        Ok(request) => Ok(expect(
            case,
            &request,
            got.as_ref().unwrap_or(&Reply::default()),
        )?),
    };
    let is_refused_by_both = expected.is_err() && got.as_ref().is_err_and(String::is_empty);
    let is_equal = is_refused_by_both || expected == got;
    (!is_equal).then(|| Difference {
        case: case.clone(),
        expected,
        got,
    })
}

/// Returns the reference's answer in the parts that another has.
fn expect(case: &Case, request: &Request, got: &Reply) -> Option<Reply> {
    let reference = Reference::from_tickets(case.tickets.iter().cloned()).ok()?;
    let query = request.query()?;
    let format = request.format.unwrap_or(Format::Xml);
    Some(Reply {
        total: got.total.map(|_| reference.total(query)),
        tids: got.tids.as_ref().map(|_| reference.tids(query)),
        body: got.body.as_ref().map(|_| reference.respond(query, format)),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Query;

    fn tids(tickets: &[Ticket], request: &str) -> Option<Vec<u64>> {
        let query: Query = request.parse().ok()?;
        let rules = Reference::from_tickets(tickets.iter().cloned()).ok()?;
        Some(rules.tids(&query))
    }

    #[test]
    fn a_difference_is_told_in_canonical_form() {
        // Knows neither pages nor orders nor filters, and no spelling matters to it.
        let subject = |tickets: &[Ticket], request: &str| {
            let _: Query = request.parse().ok()?;
            Some(tickets.iter().map(|ticket| ticket.tid).collect())
        };
        let difference = find_difference(7, 10_000, &subject);
        let Difference { case, .. } = difference.expect("most requests have filters");
        let query: Query = case.request.parse().expect("it is valid");
        assert_eq!(case.request, query.to_string());
    }

    #[test]
    fn as_many_cases_are_drawn_as_were_asked_for() {
        let cases_count = Cell::new(0);
        let subject = |tickets: &[Ticket], request: &str| {
            cases_count.set(cases_count.get() + 1);
            tids(tickets, request)
        };
        let difference = find_difference(7, 37, &subject);
        assert_eq!((difference, cases_count.get()), (None, 37));
    }

    #[test]
    fn a_difference_in_spelling_keeps_the_spelling() {
        // Knows everything, but takes the name of a variable by its letters.
        let subject = |tickets: &[Ticket], request: &str| {
            if request.contains("STATUS=") {
                return Some(vec![0]);
            }
            tids(tickets, request)
        };
        let difference = find_difference(7, 10_000, &subject);
        let Difference { case, .. } = difference.expect("one in eight names is in capitals");
        assert!(case.request.contains("STATUS="), "{case}");
    }

    #[test]
    fn an_implementation_that_changes_its_mind_is_told_of() {
        let has_erred = Cell::new(false);
        let subject = |tickets: &[Ticket], request: &str| {
            let own = tids(tickets, request)?;
            Some(if has_erred.replace(true) {
                own
            } else {
                vec![0]
            })
        };
        let difference = find_difference(7, 100, &subject).expect("it erred once");
        assert_eq!(difference.got.map(|reply| reply.tids), Ok(Some(vec![0])));
    }

    #[test]
    fn refusals_are_compared_by_their_code_where_they_have_one() {
        struct Refusing(&'static str);

        impl Implementation for Refusing {
            fn answer(&self, _: &[Ticket], _: &str) -> Option<Result<Reply, String>> {
                Some(Err(self.0.to_owned()))
            }
        }

        let case = |request: &str| Case {
            tickets: Vec::new(),
            request: request.to_owned(),
        };
        assert_eq!(case("count=0").difference(&Refusing("")), None);
        assert_eq!(case("count=0").difference(&Refusing("invalid_value")), None);
        let difference = case("count=0").difference(&Refusing("x")).expect("a code");
        assert_eq!(
            difference.to_string(),
            "count=0\nexpected the error \"invalid_value\"\ngot      the error \"x\""
        );
        let difference = case("count=1")
            .difference(&Refusing(""))
            .expect("it is valid");
        assert_eq!(
            difference.to_string(),
            "\nexpected an answer\ngot      the error \"\""
        );
    }

    #[test]
    fn a_difference_prints_as_a_file_a_request_and_both_answers() {
        let ticket = Ticket {
            tid: 7,
            subject: "a\nb".into(),
            custom_fields: vec![("Room".into(), "\"12\"".into())],
            ..Ticket::default()
        };
        let tids = |tids: &[u64]| Reply {
            tids: Some(tids.to_vec()),
            ..Reply::default()
        };
        let total = |total| Reply {
            total: Some(total),
            ..Reply::default()
        };
        let body = |body: &str| Reply {
            body: Some(body.into()),
            ..Reply::default()
        };
        for (expected, got, told) in [
            (tids(&[7]), tids(&[]), "expected tids [7]\ngot      tids []"),
            (total(1), total(0), "expected total 1\ngot      total 0"),
            (
                body("a\nb"),
                body("a"),
                "expected from byte 1 \"\\nb\"\ngot      from byte 1 \"\"",
            ),
        ] {
            let case = Case {
                tickets: vec![ticket.clone()],
                request: "tid=7".to_owned(),
            };
            assert_eq!(format!("{case:?}"), case.to_string());
            let (expected, got) = (Ok(expected), Ok(got));
            let difference = Difference {
                case,
                expected,
                got,
            };
            let shown = difference.to_string();
            let [line, rest] = shown.splitn(2, '\n').collect::<Vec<_>>()[..] else {
                panic!("{shown}");
            };
            assert_eq!(
                serde_json::from_str::<Ticket>(line).ok(),
                Some(ticket.clone())
            );
            let filled =
                "{\"tid\":7,\"custom_fields\":{\"Room\":\"\\\"12\\\"\"},\"subject\":\"a\\nb\"}";
            assert_eq!((line, rest), (filled, &*format!("tid=7\n{told}")));
        }
    }
}
