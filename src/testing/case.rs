//! Tickets with a request about them, as drawn and as printed.

use std::collections::BTreeMap;
use std::fmt;

use crate::synth::World;
use crate::{Cell, Field, Format, Request, Ticket};

use super::nasty::{Random, make_refusable, make_request, make_ticket, make_tid};
use super::worlds::Sample;

/// The tickets of a case, at most.
pub(super) const TICKETS_MAX: usize = 12;

/// Tickets, and a request about them.
///
/// Prints as JSON Lines and then the request, to be pasted into a file and behind
/// `ticketdex get`. A line shows the variables that have a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Case {
    /// The tickets, by ascending tid, each valid.
    pub tickets: Vec<Ticket>,
    /// The request.
    pub request: String,
}

impl Case {
    /// Makes a case of what a fuzzer has chosen; any bytes make one, and so do none.
    ///
    /// One request in eight is probably refused, and one in two names a format.
    ///
    /// ```
    /// use ticketdex::testing::Case;
    ///
    /// let case = Case::from_bytes(&[3, 1, 4, 1, 5]);
    /// assert!(case.tickets.is_sorted_by(|a, b| a.tid < b.tid));
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Case {
        Case::draw(&mut Random::chosen(bytes))
    }

    /// Draws a case as [`from_bytes`](Case::from_bytes) does.
    pub(super) fn draw(random: &mut Random) -> Case {
        let count = random.below(TICKETS_MAX);
        let made = (0..count).map(|_| {
            let tid = make_tid(random);
            (tid, make_ticket(random, tid))
        });
        let tickets: BTreeMap<u64, Ticket> = made.collect();
        let tickets: Vec<Ticket> = tickets.into_values().collect();
        let mut request = make_request(random, &tickets);
        if random.is_one_in(8) {
            request = make_refusable(random, &request);
        }
        if random.is_one_in(2) {
            let format = random.choose(&Format::ALL);
            request = format!("format={format}&{}", request.trim_start_matches('?'));
        }
        Case { tickets, request }
    }

    /// Draws up to a dozen tickets of one of the worlds, with a valid request about them.
    pub(super) fn of_world(random: &mut Random) -> Case {
        let world = random.choose(&World::ALL);
        let count = random.below(TICKETS_MAX);
        let sample = Sample::draw(random, world, count);
        let request = sample.request(random);
        let mut tickets = sample.tickets().to_vec();
        tickets.sort_by_key(|ticket| ticket.tid);
        Case { tickets, request }
    }

    /// Returns the case with its request as a [`Request`] prints it; none if it is not valid.
    pub(super) fn canonical(&self) -> Option<Case> {
        let request: Request = self.request.parse().ok()?;
        Some(Case {
            tickets: self.tickets.clone(),
            request: request.to_string(),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ticket in &self.tickets {
            writeln!(f, "{}", Filled(ticket))?;
        }
        f.write_str(&self.request)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A ticket as a line of JSON, without the variables that have no value.
struct Filled<'a>(&'a Ticket);

impl fmt::Display for Filled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |value: &str| serde_json::to_string(value).map_err(|_| fmt::Error);
        let mut between = "{";
        for field in Field::ALL {
            let value = match self.0.cell(field) {
                Cell::Text("")
                | Cell::Integer(0)
                | Cell::OptionalInteger(None)
                | Cell::Date(None)
                | Cell::CustomFields([]) => continue,
                Cell::Text(text) => json(text)?,
                Cell::Integer(number) | Cell::OptionalInteger(Some(number)) => number.to_string(),
                Cell::Date(Some(date)) => json(&format!("{date:?}"))?,
                Cell::CustomFields(pairs) => {
                    let members = pairs.iter().map(|(name, text)| {
                        let (name, text) = (json(name)?, json(text)?);
                        Ok(format!("{name}:{text}"))
                    });
                    let members: Result<Vec<String>, fmt::Error> = members.collect();
                    format!("{{{}}}", members?.join(","))
                }
            };
            write!(f, "{between}\"{}\":{value}", field.name())?;
            between = ",";
        }
        f.write_str("}")
    }
}
