//! The worlds: kinds of help desk that differ in what is difficult about their tickets.
//!
//! This is the one file that knows all of them; each is made in a file of its own name. What
//! becomes of a world's tickets is in `tickets`, `changes` and `requests`, with the methods of
//! [`World`] that make it.

use std::fmt;
use std::str::FromStr;

use super::{alarms, churn, desk, enterprise, giants, logs, migrated, tongues, wide};
use crate::model::Ticket;
use crate::model::error::{Error, ErrorKind, shorten};

/// A kind of help desk, whose tickets have a shape of their own.
///
/// An engine that is measured on one help desk is tuned to it. Each world changes the ordinary
/// [`Desk`](World::Desk) in one way that occurs in life, and keeps the rest, so that a figure
/// that differs between two worlds has one cause. The shares and lengths that a variant states
/// are held by tests.
///
/// # Examples
///
/// A store of each world, and requests that suit it:
///
/// ```
/// use ticketdex::synth::World;
/// use ticketdex::{Query, Store};
///
/// for world in World::ALL {
///     let store = Store::from_tickets(world.tickets(7).take(50))?;
///     let mut found = 0;
///     for request in world.requests(7, 50).take(20) {
///         found += store.snapshot().answer(&request.parse::<Query>()?).total();
///     }
///     assert!(found > 0, "{world}");
/// }
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum World {
    /// An ordinary help desk that has run for some years.
    ///
    /// In life: the IT department of a company, or a small provider with its customers. Forty
    /// technicians in twelve groups work on the tickets of 20,000 customers, of whom a quarter
    /// write half of all tickets; 81 % are closed. Numbers and open dates ascend together, a
    /// ticket takes 1.4 KB of JSON, and its texts are sentences with a host name or an error
    /// code in between. Custom fields are few: a location, an asset, and two that are rare.
    ///
    /// Four keywords of known frequency ([`KEYWORD_COMMON`](super::KEYWORD_COMMON) and its like)
    /// occur here and in the worlds that keep these texts.
    Desk,
    /// A large company with many teams, categories, statuses and custom fields.
    ///
    /// In life: a bank or a public administration whose desks were united in one system, each
    /// of which brought its own process. 2,000 technicians work in 400 groups on 60 categories
    /// with 600 sub-categories, and a ticket goes through some of 25 statuses. The store has 40
    /// custom fields, of which a ticket has six: identifiers, choices, dates as text, remarks.
    ///
    /// Difficult about it: filters with hundreds of values, none of which holds a large share,
    /// and combinations of two or three of them that are too many to be counted in advance.
    Enterprise,
    /// A desk whose tickets were imported from an older system.
    ///
    /// In life: after a change of vendor or a merger of two companies, a script wrote the old
    /// tickets in the order of some table, and the new system numbered them as they came. Numbers
    /// ascend with the place of a ticket in that import, but say nothing of its dates: it was
    /// opened at any time from 2003 to 2023, or in 1999 (3 %, records of the first system), and
    /// last updated at any time since then. Runs of numbers are missing, where the import was
    /// interrupted or a range was reserved: 37 after every 40 tickets and 20,000 after every
    /// 2,500.
    ///
    /// Difficult about it: an order by date has nothing to do with the order of the rows, so that
    /// minima and maxima of blocks exclude nothing.
    Migrated,
    /// A provider with three huge customers and very many tiny ones.
    ///
    /// In life: a hosting or telephone company; three resellers or a monitoring system write a
    /// tenth of all tickets each, all under one customer ID, and everyone else has one problem
    /// or two ever. Of a million tickets, 300,000 belong to the three and the others to 540,000
    /// customers.
    ///
    /// Difficult about it: the customer is both a filter that selects next to nothing and one
    /// that selects a tenth, and there are nearly as many values as tickets.
    Giants,
    /// A software vendor's desk, where people paste logs.
    ///
    /// In life: every second ticket has a stack trace, an access log, a hex dump, or a file in
    /// base64 in its summary. A summary has 3 KB on average; half of them are as short as those
    /// of a desk, one in a hundred is longer than 20 KB, and the longest have 200 KB. Most
    /// words are hashes, addresses and URLs that occur in one ticket only.
    ///
    /// Difficult about it: an index of words has dozens of new ones for each ticket, nearly all of
    /// which it never meets again, and a word may be thousands of bytes long.
    Logs,
    /// An international desk, where a fifth of all tickets each is in one kind of script.
    ///
    /// In life: the one desk of a company with branches on four continents. The fifths are
    /// Chinese; Japanese; Thai; Arabic or Hebrew; and Latin with accents or Cyrillic, with
    /// emoji in between. Names, companies, categories, places, subjects and summaries are in
    /// the script of the ticket; statuses and sources, which are the software's, are in English.
    ///
    /// Difficult about it: Chinese, Japanese and Thai have no blanks between words, so that a
    /// run without white space is a whole sentence; a char takes three bytes, and nine when it
    /// is URL-encoded; and folding changes the length of texts.
    Tongues,
    /// A desk whose administrators added a field or a value whenever someone asked.
    ///
    /// In life: a system that was customized for fifteen years by changing teams. There are 500
    /// custom fields, of which a ticket has one to six. Every tenth ticket has a category of its
    /// own, because projects are entered as categories. 100,000 users may be assigned.
    /// Numbers are spread over all of 64 bits and come in any order, because they are hashes of
    /// another system's keys. Half of all tickets were opened on one day, that of an import
    /// without dates. A value is in capitals, in small letters, or as it should be, and half of
    /// the subjects, summaries, contacts and companies are empty.
    ///
    /// Difficult about it: nothing is dense; and whatever takes a constant for each field, each
    /// value or each day takes it very often.
    Wide,
    /// A desk where most tickets repeat a whole text.
    ///
    /// In life: monitoring opens six tickets of ten, and writes the same subject and summary
    /// each time that a check fails on a machine; one ticket in four was answered by a macro,
    /// whose text replaced the summary. There are 400 texts of alarms, from twelve customers, and
    /// 60 of macros; of either a few are far more frequent than the others. What is left, three
    /// tickets in twenty, is an ordinary desk's.
    ///
    /// Difficult about it: a word occurs in no ticket, or in thousands; orders by text consist
    /// of long ties; and whatever is proportional to tickets rather than to distinct texts wastes
    /// memory.
    Alarms,
    /// An ordinary desk after months of changes.
    ///
    /// In life: each desk, between one rebuild and the next. After the load of a million tickets
    /// come some 300,000 changes in seven rounds: four in five set a status, the time and who
    /// did it, others merge the ticket into an earlier one or remove it. For more or fewer
    /// tickets there are more or fewer changes, in proportion.
    ///
    /// [`loaded`](World::loaded) are the tickets before the changes, [`changes`](World::changes)
    /// are the seven batches, and [`tickets`](World::tickets) is what is left of it all. A store
    /// that takes in the first and then the second, without merges, has eight segments, seven of
    /// which are small, and dead rows everywhere.
    Churn,
}

impl World {
    /// All worlds, in the order in which they are documented.
    pub const ALL: [World; 9] = [
        World::Desk,
        World::Enterprise,
        World::Migrated,
        World::Giants,
        World::Logs,
        World::Tongues,
        World::Wide,
        World::Alarms,
        World::Churn,
    ];

    /// Returns the name of the world, as `ticketdex generate --world` takes it.
    ///
    /// ```
    /// use ticketdex::synth::World;
    ///
    /// assert_eq!(World::Giants.name(), "giants");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            World::Desk => "desk",
            World::Enterprise => "enterprise",
            World::Migrated => "migrated",
            World::Giants => "giants",
            World::Logs => "logs",
            World::Tongues => "tongues",
            World::Wide => "wide",
            World::Alarms => "alarms",
            World::Churn => "churn",
        }
    }

    /// Returns terms that tickets of the world hold, the frequent ones first.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::{KEYWORD_COMMON, World};
    ///
    /// assert_eq!(World::Desk.keywords()[0], KEYWORD_COMMON);
    /// assert!(World::Tongues.keywords().iter().all(|term| !term.is_ascii()));
    /// ```
    pub fn keywords(self) -> &'static [&'static str] {
        match self {
            World::Tongues => &tongues::KEYWORDS,
            World::Logs => &logs::KEYWORDS,
            World::Alarms => &alarms::KEYWORDS,
            _ => &desk::KEYWORDS,
        }
    }

    /// Returns the ticket of a place in the sequence, counted from 0; none if it was removed.
    pub(super) fn ticket(self, seed: u64, place: u64) -> Option<Ticket> {
        Some(match self {
            World::Desk => desk::ticket(seed, place),
            World::Enterprise => enterprise::ticket(seed, place),
            World::Migrated => migrated::ticket(seed, place),
            World::Giants => giants::ticket(seed, place),
            World::Logs => logs::ticket(seed, place),
            World::Tongues => tongues::ticket(seed, place),
            World::Wide => wide::ticket(seed, place),
            World::Alarms => alarms::ticket(seed, place),
            World::Churn => return churn::ticket(seed, place),
        })
    }
}

/// Prints the [name](World::name).
impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads a name in any ASCII case; anything else is
/// [`InvalidValue`](ErrorKind::InvalidValue).
///
/// ```
/// use ticketdex::synth::World;
///
/// assert_eq!("Wide".parse::<World>()?, World::Wide);
/// assert_eq!("flat".parse::<World>().unwrap_err().code(), "invalid_value");
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for World {
    type Err = Error;

    fn from_str(name: &str) -> Result<World, Error> {
        let named = |world: &World| world.name().eq_ignore_ascii_case(name);
        World::ALL.into_iter().find(named).ok_or_else(|| {
            ErrorKind::InvalidValue {
                variable: "world".to_owned(),
                value: shorten(name),
                expected: "desk, enterprise, migrated, giants, logs, tongues, wide, alarms or churn",
            }
            .into()
        })
    }
}
