//! The specification, executable: an evaluator that is meant to be too simple to be wrong.
//!
//! A map of tickets, a filter, a sort, a skip and a take, straight from the specification.
//! Tests, fuzzers and benches hold the engine to it, so it shares with the engine the request type and the
//! reading of dates, the ticket type, the field table and the form of cursors, and not one line more: it
//! folds, matches, sorts, checks and applies patches itself; [`filter`](self) has the tests of
//! fields, and [`format`](self) the writers. It is not for use where an answer should be fast.
//!
//! # Invariants
//!
//! * Every ticket has kept the rules of [`Ticket::check`] and has its flags in upper case.
//! * A batch that is refused changes nothing.
//!
//! # Cost
//!
//! Every request looks at every ticket and folds whatever it compares.

mod count;
mod filter;
mod format;
mod place;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, NaiveDateTime, Timelike};

use crate::model::batch::{Batch, BatchChange, Patch, Value};
use crate::model::error::{Error, ErrorKind};
use crate::model::value::Moment;
use crate::model::{
    CUSTOM_NAME_BYTES_MAX, CUSTOM_NAMES_MAX, Cell, CellMut, Field, FieldKind, Format,
    TEXT_BYTES_MAX, Ticket,
};
use crate::query::{AnyField, CountQuery, Cursor, Direction, OrderKey, Query, SortKey, TidFilter};

pub use place::cursor_of;

/// Tickets, and the answer to every request by looking at all of them.
///
/// # Examples
///
/// ```
/// use ticketdex::reference::Reference;
/// use ticketdex::{Format, Query, Ticket};
///
/// let ticket = Ticket { tid: 7, status: "Open".into(), ..Ticket::default() };
/// let reference = Reference::from_tickets([ticket])?;
/// let query: Query = "status=OPEN&order=subject".parse()?;
/// assert_eq!((reference.total(&query), reference.tids(&query)), (1, vec![7]));
/// let query: Query = "count_only=Y".parse()?;
/// assert_eq!(reference.respond(&query, Format::Delimited), b"count=1\n");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Reference {
    tickets: BTreeMap<u64, Ticket>,
    custom_names: Vec<String>,
    /// The number of the last commit.
    version: u64,
    /// The number of the commit that put or patched each ticket last.
    versions: BTreeMap<u64, u64>,
    /// Every removal: the ticket, and the number of the commit.
    removals: Vec<(u64, u64)>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference")
            .field("tickets_count", &self.tickets.len())
            .field("custom_names_count", &self.custom_names.len())
            .finish_non_exhaustive()
    }
}

impl Reference {
    /// Makes a reference without tickets.
    pub fn new() -> Reference {
        Reference::default()
    }

    /// Makes a reference of these tickets; of a tid that stands twice the last counts.
    ///
    /// The errors are those of [`commit`](Reference::commit).
    pub fn from_tickets(tickets: impl IntoIterator<Item = Ticket>) -> Result<Reference, Error> {
        let mut batch = Batch::new();
        for ticket in tickets {
            batch.put(ticket);
        }
        let mut reference = Reference::new();
        reference.commit(&batch)?;
        Ok(reference)
    }

    /// Applies a batch in order and as a whole, as the commit of the next number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidTicket`] and [`ErrorKind::InvalidValue`] where a ticket or a patch
    /// breaks a rule, [`ErrorKind::UnknownTicket`], [`ErrorKind::TooManyCustomFields`]. After
    /// an error nothing has changed.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut changed = self.clone();
        changed.version += 1;
        for change in batch.changes() {
            match change {
                BatchChange::Put(ticket) => changed.take_in(Ticket::clone(ticket))?,
                BatchChange::Patch(tid, patch) => {
                    let Some(ticket) = changed.tickets.get(tid) else {
                        return Err(ErrorKind::UnknownTicket { tid: *tid }.into());
                    };
                    let patched = apply_patch(ticket.clone(), patch)?;
                    changed.take_in(patched)?;
                }
                BatchChange::Remove(tid) => {
                    changed.tickets.remove(tid);
                    changed.versions.remove(tid);
                }
            }
        }
        for tid in self.tickets.keys() {
            if !changed.tickets.contains_key(tid) {
                changed.removals.push((*tid, changed.version));
            }
        }
        *self = changed;
        Ok(())
    }

    fn take_in(&mut self, mut ticket: Ticket) -> Result<(), Error> {
        check(&ticket)?;
        for field in Field::ALL {
            if let (FieldKind::Flag, CellMut::Text(flag)) = (field.kind(), ticket.cell_mut(field)) {
                *flag = flag.to_ascii_uppercase();
            }
        }
        for (name, _) in &ticket.custom_fields {
            if self
                .custom_names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                continue;
            }
            if self.custom_names.len() == CUSTOM_NAMES_MAX {
                let (name, tid) = (name.clone(), Some(ticket.tid));
                return Err(ErrorKind::TooManyCustomFields { name, tid }.into());
            }
            self.custom_names.push(name.clone());
        }
        self.versions.insert(ticket.tid, self.version);
        self.tickets.insert(ticket.tid, ticket);
        Ok(())
    }

    /// Returns the number of the last commit; 0 before the first.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the number of the commit that put or patched a ticket last, if it is there.
    pub fn version_of(&self, tid: u64) -> Option<u64> {
        self.versions.get(&tid).copied()
    }

    /// Returns the tickets that were removed by commits after the one of a number, each with the
    /// number of its removal, in that order; none is ever forgotten.
    ///
    /// ```
    /// use ticketdex::reference::Reference;
    /// use ticketdex::{Batch, Ticket};
    ///
    /// let mut reference = Reference::from_tickets([Ticket { tid: 7, ..Ticket::default() }])?;
    /// let mut batch = Batch::new();
    /// batch.remove(7).remove(8);
    /// reference.commit(&batch)?;
    /// assert_eq!(reference.removed_since(1), [(7, 2)]);
    /// assert_eq!((reference.version(), reference.version_of(7)), (2, None));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn removed_since(&self, version: u64) -> Vec<(u64, u64)> {
        let removals = self.removals.iter().copied();
        removals.filter(|(_, number)| *number > version).collect()
    }

    /// Returns the tickets by ascending tid.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.values()
    }

    /// Returns the custom names in the order in which they came in.
    pub fn custom_names(&self) -> &[String] {
        &self.custom_names
    }

    /// Returns how many tickets match, before `count` and `page`.
    pub fn total(&self, query: &Query) -> u64 {
        self.tickets()
            .filter(|ticket| self.matches(query, ticket))
            .count() as u64
    }

    /// Returns the tids of the page in order; none where only the count is asked for.
    pub fn tids(&self, query: &Query) -> Vec<u64> {
        self.page(query).iter().map(|ticket| ticket.tid).collect()
    }

    /// Returns the body of the response in a format.
    pub fn respond(&self, query: &Query, format: Format) -> Vec<u8> {
        if query.is_count_only() {
            format::count(self.total(query), format).into_bytes()
        } else {
            let shown = format::Shown::of(query.fields(), &self.custom_names);
            format::tickets(&self.page(query), &shown, format).into_bytes()
        }
    }

    /// Returns the body of the response to counting by value in a format.
    ///
    /// ```
    /// use ticketdex::reference::Reference;
    /// use ticketdex::{CountQuery, Format, Ticket};
    ///
    /// let ticket = Ticket { tid: 7, status: "Open".into(), ..Ticket::default() };
    /// let reference = Reference::from_tickets([ticket])?;
    /// let query: CountQuery = "action=count_tickets&by=status".parse()?;
    /// let body = reference.respond_counts(&query, Format::Csv);
    /// assert_eq!(body, b"field,value,count\r\n,,1\r\nstatus,Open,1\r\n");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn respond_counts(&self, query: &CountQuery, format: Format) -> Vec<u8> {
        let total = self.total(query.matching());
        format::counts(total, &self.key_counts(query), format).into_bytes()
    }

    /// Returns the cursor of the page's last ticket, if another that matches comes after it.
    pub fn next(&self, query: &Query) -> Option<Cursor> {
        let page = self.page(query);
        let cursor = cursor_of(query.order(), page.last()?)?;
        let after = self
            .sorted(query)
            .into_iter()
            .any(|(own, ticket)| place::side(query.order(), &own, ticket, &cursor).is_gt());
        after.then_some(cursor)
    }

    /// Returns the cursor of the page's first ticket, if another that matches comes before it.
    pub fn previous(&self, query: &Query) -> Option<Cursor> {
        let page = self.page(query);
        let cursor = cursor_of(query.order(), page.first()?)?;
        let before = self
            .sorted(query)
            .into_iter()
            .any(|(own, ticket)| place::side(query.order(), &own, ticket, &cursor).is_lt());
        before.then_some(cursor)
    }

    /// Returns whether a ticket matches every filter of a query.
    ///
    /// A ticket that is not here, by its number, is of commit 1.
    pub fn matches(&self, query: &Query, ticket: &Ticket) -> bool {
        self.matches_but(query, ticket, |_| false)
    }

    /// Whether a ticket matches every filter of a query but those on some fields.
    pub(super) fn matches_but(
        &self,
        query: &Query,
        ticket: &Ticket,
        is_left_out: impl Fn(&AnyField) -> bool,
    ) -> bool {
        let version = self.version_of(ticket.tid).unwrap_or(1);
        let (terms, excluded) = (query.terms(), query.excluded_terms());
        let filters = query.filters().iter();
        let mut filters = filters.filter(|filter| !is_left_out(&filter.field));
        query.changed_since().is_none_or(|since| version > since)
            && matches_tid(query, ticket)
            && filters.all(|it| filter::matches(it, ticket))
            && terms.iter().all(|term| matches_term(ticket, term))
            && !excluded.iter().any(|term| matches_term(ticket, term))
    }

    /// Returns what matches, in order, with what it is ordered by.
    fn sorted(&self, query: &Query) -> Vec<(Vec<SortValue>, &Ticket)> {
        let matching = self.tickets().filter(|ticket| self.matches(query, ticket));
        let mut keyed: Vec<_> = matching
            .map(|ticket| (sort_values(query.order(), ticket), ticket))
            .collect();
        // Tickets come by ascending tid and the sort is stable, so ties stay so.
        keyed.sort_by(|(left, _), (right, _)| compare(query.order(), left, right));
        keyed
    }

    fn page(&self, query: &Query) -> Vec<&Ticket> {
        if query.is_count_only() {
            return Vec::new();
        }
        let mut keyed = self.sorted(query);
        if let Some(cursor) = query.after() {
            keyed.retain(|(own, ticket)| place::side(query.order(), own, ticket, cursor).is_gt());
        }
        if let Some(cursor) = query.before() {
            keyed.retain(|(own, ticket)| place::side(query.order(), own, ticket, cursor).is_lt());
            // The records nearest to the place are the last before it.
            let count = query.count().unwrap_or(u64::MAX);
            let others = (keyed.len() as u64).saturating_sub(count);
            keyed.drain(..others as usize);
        }
        let count = usize::try_from(query.count().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let page = usize::try_from(query.page().unwrap_or(1)).unwrap_or(usize::MAX);
        let skip = (page - 1).saturating_mul(count);
        keyed
            .into_iter()
            .map(|(_, ticket)| ticket)
            .skip(skip)
            .take(count)
            .collect()
    }
}

/// Returns the body of an error response in a format.
///
/// ```
/// use ticketdex::{Format, Query, reference};
///
/// let error = "page=1".parse::<Query>().unwrap_err();
/// for format in Format::ALL {
///     assert_eq!(reference::error_response(&error, format), error.to_response(format));
/// }
/// ```
pub fn error_response(error: &Error, format: Format) -> Vec<u8> {
    format::error(error.code(), &error.to_string(), format).into_bytes()
}

fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .collect::<String>()
}

fn matches_tid(query: &Query, ticket: &Ticket) -> bool {
    match query.tid() {
        None | Some(TidFilter::Any) => true,
        Some(TidFilter::Exact(tid)) => ticket.tid == *tid,
        Some(TidFilter::Pattern(pattern)) => matches_pattern(
            pattern.as_str().as_bytes(),
            ticket.tid.to_string().as_bytes(),
        ),
    }
}

/// Whether digits match a pattern: for each end of the pattern, which ends of the digits fit.
fn matches_pattern(pattern: &[u8], digits: &[u8]) -> bool {
    let mut fits = vec![false; digits.len() + 1];
    fits[0] = true;
    for &byte in pattern {
        let mut next = vec![false; digits.len() + 1];
        for at in 0..=digits.len() {
            next[at] = if byte == b'*' {
                fits[..=at].contains(&true)
            } else {
                at > 0 && fits[at - 1] && digits[at - 1] == byte
            };
        }
        fits = next;
    }
    fits[digits.len()]
}

fn matches_term(ticket: &Ticket, term: &str) -> bool {
    Field::ALL.iter().filter(|field| field.is_searchable()).any(
        |&field| matches!(ticket.cell(field), Cell::Text(text) if fold(text).contains(&fold(term))),
    ) || ticket
        .custom_fields
        .iter()
        .any(|(name, _)| fold(custom(ticket, name)).contains(&fold(term)))
}

/// The text of a custom field: the first of its name, in any ASCII case; empty where none is.
fn custom<'a>(ticket: &'a Ticket, name: &str) -> &'a str {
    let mut pairs = ticket.custom_fields.iter();
    pairs
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map_or("", |(_, text)| text)
}

/// What one key of an order compares; none, 0 and empty are the least by themselves.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Text(String),
    Integer(Option<u64>),
    Date(Option<NaiveDateTime>),
}

fn sort_values(order: &[OrderKey], ticket: &Ticket) -> Vec<SortValue> {
    let values = order.iter().map(|OrderKey { key, .. }| match key {
        SortKey::Custom(name) => SortValue::Text(fold(custom(ticket, name))),
        SortKey::Field(field) => match ticket.cell(*field) {
            Cell::Text(text) => SortValue::Text(fold(text)),
            Cell::Integer(integer) => SortValue::Integer(Some(integer)),
            Cell::OptionalInteger(integer) => SortValue::Integer(integer),
            Cell::Date(date) => SortValue::Date(date),
            Cell::CustomFields(_) => unreachable!("`custom_fields` alone is no key of a query"),
        },
    });
    values.collect()
}

fn compare(order: &[OrderKey], left: &[SortValue], right: &[SortValue]) -> Ordering {
    for ((key, left), right) in order.iter().zip(left).zip(right) {
        let ordering = match key.direction {
            Direction::Ascending => left.cmp(right),
            Direction::Descending => right.cmp(left),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

fn check(ticket: &Ticket) -> Result<(), Error> {
    let breaks = |field: &str, rule| {
        let (tid, field, value) = (Some(ticket.tid), field.to_owned(), String::new());
        let kind = ErrorKind::InvalidTicket {
            tid,
            field,
            value,
            rule,
        };
        Err(kind.into())
    };
    if ticket.tid == 0 {
        return breaks("tid", "must be 1 or more");
    }
    for field in Field::ALL {
        let name = field.name();
        let is_bad_char =
            |c| matches!(c, '\0'..='\x1F' | '\x7F'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}');
        match (field.kind(), ticket.cell(field)) {
            (_, Cell::Text(text)) if text.len() > TEXT_BYTES_MAX => {
                return breaks(name, "must be at most 16 MiB");
            }
            (FieldKind::Identifier, Cell::Text(text)) if text.contains(is_bad_char) => {
                return breaks(name, "must hold no control character");
            }
            (FieldKind::Flag, Cell::Text(text)) if !matches!(text, "" | "n" | "N" | "y" | "Y") => {
                return breaks(name, "must be empty, N or Y");
            }
            (_, Cell::Date(Some(date))) => {
                let is_whole = date.nanosecond() == 0;
                if !is_whole || date.year() < 1 || date.year() > 9999 {
                    return breaks(name, "must be of years 1 to 9999 in whole seconds");
                }
            }
            _ => {}
        }
    }
    for (name, text) in &ticket.custom_fields {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_good_char = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let is_taken = Field::ALL
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name));
        let is_long = name.len() > CUSTOM_NAME_BYTES_MAX;
        if !starts_well || !name.chars().all(is_good_char) || is_taken || is_long {
            return breaks(name, "must be a valid custom field name");
        }
        if text.len() > TEXT_BYTES_MAX {
            return breaks(name, "must be at most 16 MiB");
        }
    }
    Ok(())
}

fn apply_patch(mut ticket: Ticket, patch: &Patch) -> Result<Ticket, Error> {
    for (field, value) in patch.values() {
        let text = match value {
            Value::None => Some(""),
            Value::Text(text) => Some(text.as_str()),
            Value::Integer(_) | Value::Date(_) => None,
        };
        let integer = match (value, text) {
            (Value::Integer(integer), _) => Some(*integer),
            (_, Some(text)) => read_integer(text),
            _ => None,
        };
        let date = match (value, text) {
            (Value::Date(date), _) => Some(*date),
            (_, Some(text)) => Moment::parse(text).map(Moment::first_second),
            _ => None,
        };
        let is_none = text == Some("");
        match ticket.cell_mut(field) {
            _ if field == Field::Tid => return refuse(field),
            CellMut::Text(cell) if text.is_some() => text.unwrap_or_default().clone_into(cell),
            CellMut::Integer(cell) if is_none => *cell = 0,
            CellMut::Integer(cell) if integer.is_some() => *cell = integer.unwrap_or_default(),
            CellMut::OptionalInteger(cell) if is_none || integer.is_some() => *cell = integer,
            CellMut::Date(cell) if is_none || date.is_some() => *cell = date,
            _ => return refuse(field),
        }
    }
    for (name, text) in patch.custom() {
        let mut pairs = ticket.custom_fields.iter_mut();
        match pairs.find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some((_, own)) => text.clone_into(own),
            None => ticket
                .custom_fields
                .push((name.to_owned(), text.to_owned())),
        }
    }
    Ok(ticket)
}

fn refuse(field: Field) -> Result<Ticket, Error> {
    let (variable, value) = (field.name().to_owned(), String::new());
    let expected = "a value that a patch can give the field";
    Err(ErrorKind::InvalidValue {
        variable,
        value,
        expected,
    }
    .into())
}

fn read_integer(text: &str) -> Option<u64> {
    let is_integer = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if is_integer { text.parse().ok() } else { None }
}
