//! A linear scan: what a program without an index does, and the yardstick of the benches.
//!
//! All tickets in a vector by tid; every request asks every ticket its filters one by one,
//! sorts what matched and cuts the page out. It is written as one would write it who cares
//! about time but builds no index: the searchable text is folded once, at the start, and
//! so are the values that a request compares with. Held to `reference` by
//! [`corpus`](crate::corpus), which both the crate's benches and the peers use it with. It knows the
//! filters of the page and `!=` of texts, and counts by texts and by parts of dates.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use chrono::{Datelike, NaiveDateTime};
use memchr::memmem::Finder;
use ticketdex::{
    Cell, CountKey, CountQuery, DatePart, Direction, Field, FieldTest, FilterValues, OrderKey,
    Query, SortKey, Ticket, TidFilter, TidPattern, fold,
};

/// Tickets by tid, each with its searchable text.
pub struct Scan {
    tickets: Vec<Ticket>,
    /// The folded searchable fields of each ticket, parted by a line end, which no term holds.
    texts: Vec<String>,
}

impl Scan {
    /// Takes tickets whose tids ascend.
    pub fn new(tickets: Vec<Ticket>) -> Scan {
        assert!(tickets.is_sorted_by(|left, right| left.tid < right.tid));
        let texts = tickets.iter().map(|it| searchable(it, fold)).collect();
        Scan { tickets, texts }
    }

    /// Returns the tickets by ascending tid.
    pub fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    /// Returns how many tickets match, before `count` and `page`.
    pub fn total(&self, query: &Query) -> u64 {
        self.matching(query).count() as u64
    }

    /// Returns the tickets of the page, in order; none where only the count is asked for.
    pub fn page(&self, query: &Query) -> Vec<&Ticket> {
        if query.is_count_only() {
            return Vec::new();
        }
        let (skip, take) = query.window();
        let window = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let (skip, take) = (window(skip), window(take));
        if query.order().is_empty() {
            // As a caller wants the total too, every ticket is looked at.
            let matching: Vec<&Ticket> = self.matching(query).collect();
            return matching.into_iter().skip(skip).take(take).collect();
        }
        let mut keyed: Vec<(Vec<Sorted>, &Ticket)> = self
            .matching(query)
            .map(|ticket| (sort_values(query.order(), ticket), ticket))
            .collect();
        keyed.sort_by(|(left, _), (right, _)| compare(query.order(), left, right));
        let tickets = keyed.into_iter().map(|(_, ticket)| ticket);
        tickets.skip(skip).take(take).collect()
    }

    /// Returns the groups of a key, in order, each with its value and its count.
    pub fn groups(&self, query: &CountQuery, key: &CountKey) -> Vec<(String, u64)> {
        let own = query.excludes_own().then(|| key.field().field()).flatten();
        let mut counts: HashMap<String, (Cow<'_, str>, u64)> = HashMap::new();
        for ticket in self.matching_without(query.matching(), own) {
            let value = group_value(key, ticket);
            if let Some((least, count)) = counts.get_mut(&fold(&value)) {
                *count += 1;
                if value < *least {
                    *least = value;
                }
            } else {
                counts.insert(fold(&value), (value, 1));
            }
        }
        let mut groups: Vec<_> = counts.into_iter().collect();
        groups.sort_by(|(left, (_, left_count)), (right, (_, right_count))| {
            right_count.cmp(left_count).then_with(|| left.cmp(right))
        });
        groups.truncate(query.top().map_or(usize::MAX, |top| top as usize));
        if let CountKey::Part(_, _) = key {
            groups.sort();
        }
        let groups = groups.into_iter();
        groups
            .map(|(_, (value, count))| (value.into_owned(), count))
            .collect()
    }

    fn matching(&self, query: &Query) -> impl Iterator<Item = &Ticket> {
        self.matching_without(query, None)
    }

    fn matching_without(&self, query: &Query, own: Option<Field>) -> impl Iterator<Item = &Ticket> {
        let conditions = Conditions::without(query, own);
        let tickets = self.tickets.iter().zip(&self.texts);
        let matching = tickets.filter(move |(ticket, text)| conditions.hold(ticket, text));
        matching.map(|(ticket, _)| ticket)
    }
}

/// Returns the searchable fields of a ticket, folded by a function, parted by a line end.
pub fn searchable(ticket: &Ticket, fold: fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut push = |part: &str| {
        text.push_str(&fold(part));
        text.push('\n');
    };
    for field in Field::ALL {
        match ticket.cell(field) {
            Cell::Text(part) if field.is_searchable() => push(part),
            Cell::CustomFields(pairs) => {
                for (at, (name, part)) in pairs.iter().enumerate() {
                    // Of a name that stands twice the first counts.
                    let is_again = |(other, _): &(String, String)| other.eq_ignore_ascii_case(name);
                    if !pairs[..at].iter().any(is_again) {
                        push(part);
                    }
                }
            }
            _ => {}
        }
    }
    text
}

/// The filters of a query, ready to be asked.
struct Conditions {
    tid: Option<TidFilter>,
    tids: (Option<u64>, Option<u64>),
    values: Vec<(Field, Vec<String>)>,
    excluded: Vec<(Field, Vec<String>)>,
    due: Option<(NaiveDateTime, NaiveDateTime)>,
    cids: (Option<String>, Option<String>),
    dates: (Option<NaiveDateTime>, Option<NaiveDateTime>),
    terms: Vec<Finder<'static>>,
}

impl Conditions {
    /// Makes the filters ready, but those on one field.
    fn without(query: &Query, own: Option<Field>) -> Conditions {
        let folded = |texts: &[String]| texts.iter().map(|text| fold(text)).collect();
        let (mut values, mut excluded) = (Vec::new(), Vec::new());
        for filter in query.filters() {
            match (filter.field.field(), &filter.test) {
                (field, _) if field.is_some() && field == own => {}
                (Some(field), FieldTest::AnyOf(FilterValues::Texts(texts))) => {
                    values.push((field, folded(texts)));
                }
                (Some(field), FieldTest::NoneOf(FilterValues::Texts(texts))) => {
                    excluded.push((field, folded(texts)));
                }
                // Ranges and days are read below.
                (Some(Field::Tid | Field::Cid | Field::DateOpened | Field::DueDate), _) => {}
                (field, test) => unreachable!("{field:?} has no test {test:?} here"),
            }
        }
        let is_own = |field: Field| own == Some(field);
        let (start_cid, end_cid) = query.cid_range();
        let cids = (start_cid.map(fold), end_cid.map(fold));
        let due = query.due();
        let due = due.map(|due| (due.first_second(), due.last_second()));
        let terms = query.terms().iter();
        Conditions {
            tid: query.tid().filter(|tid| **tid != TidFilter::Any).cloned(),
            tids: query.tid_range(),
            values,
            excluded,
            due: due.filter(|_| !is_own(Field::DueDate)),
            cids: if is_own(Field::Cid) {
                (None, None)
            } else {
                cids
            },
            dates: if is_own(Field::DateOpened) {
                (None, None)
            } else {
                query.date_range()
            },
            terms: terms
                .map(|term| Finder::new(&fold(term)).into_owned())
                .collect(),
        }
    }

    fn hold(&self, ticket: &Ticket, text: &str) -> bool {
        self.tid.as_ref().is_none_or(|tid| match tid {
            TidFilter::Any => true,
            TidFilter::Exact(exact) => ticket.tid == *exact,
            TidFilter::Pattern(pattern) => matches_pattern(pattern, ticket.tid),
            other => unreachable!("{other:?} has no meaning here"),
        }) && self.tids.0.is_none_or(|start| ticket.tid >= start)
            && self.tids.1.is_none_or(|end| ticket.tid <= end)
            && self.values.iter().all(|(field, values)| {
                let own = text_of(ticket, *field);
                values.iter().any(|value| is_equal_folded(own, value))
            })
            && !self.excluded.iter().any(|(field, values)| {
                let own = text_of(ticket, *field);
                values.iter().any(|value| is_equal_folded(own, value))
            })
            && self.due.is_none_or(|(first, last)| {
                ticket
                    .due_date
                    .is_some_and(|due| first <= due && due <= last)
            })
            && self.hold_cids(ticket)
            && self.hold_dates(ticket)
            && self
                .terms
                .iter()
                .all(|term| term.find(text.as_bytes()).is_some())
    }

    fn hold_cids(&self, ticket: &Ticket) -> bool {
        if self.cids == (None, None) {
            return true;
        }
        let cid = fold(&ticket.cid);
        let (start, end) = &self.cids;
        start.as_ref().is_none_or(|start| cid >= *start)
            && end
                .as_ref()
                .is_none_or(|end| cid <= *end || cid.starts_with(end.as_str()))
    }

    fn hold_dates(&self, ticket: &Ticket) -> bool {
        match (self.dates, ticket.date_opened) {
            ((None, None), _) => true,
            (_, None) => false,
            ((start, end), Some(opened)) => {
                start.is_none_or(|start| opened >= start) && end.is_none_or(|end| opened <= end)
            }
        }
    }
}

/// Returns the value of a ticket that a key counts.
fn group_value<'a>(key: &CountKey, ticket: &'a Ticket) -> Cow<'a, str> {
    match key {
        CountKey::Field(field) => Cow::Borrowed(text_of(ticket, *field)),
        CountKey::Custom(name) => Cow::Borrowed(ticket.custom(name)),
        CountKey::Part(field, part) => {
            let Cell::Date(Some(date)) = ticket.cell(*field) else {
                return Cow::Borrowed("");
            };
            let (year, month, day) = (date.year(), date.month(), date.day());
            Cow::Owned(match part {
                DatePart::Year => format!("{year:04}"),
                DatePart::Month => format!("{year:04}-{month:02}"),
                DatePart::Day => format!("{year:04}-{month:02}-{day:02}"),
            })
        }
        other => unreachable!("{other:?} is not counted here"),
    }
}

fn text_of(ticket: &Ticket, field: Field) -> &str {
    match ticket.cell(field) {
        Cell::Text(text) => text,
        _ => "",
    }
}

fn is_equal_folded(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        text.eq_ignore_ascii_case(folded)
    } else {
        fold(text) == folded
    }
}

/// Whether the decimal form of a tid is the pieces of a pattern with anything in between.
fn matches_pattern(pattern: &TidPattern, tid: u64) -> bool {
    let digits = tid.to_string();
    let pieces: Vec<&str> = pattern.as_str().split('*').collect();
    let [first, between @ .., last] = &pieces[..] else {
        return false;
    };
    let Some(mut rest) = digits.strip_prefix(first) else {
        return false;
    };
    for piece in between {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What one key of an order compares; none, 0 and empty are the least by themselves.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sorted {
    Text(String),
    Integer(Option<u64>),
    Date(Option<NaiveDateTime>),
}

fn sort_values(order: &[OrderKey], ticket: &Ticket) -> Vec<Sorted> {
    let values = order.iter().map(|key| match &key.key {
        SortKey::Custom(name) => Sorted::Text(fold(ticket.custom(name))),
        SortKey::Field(field) => match ticket.cell(*field) {
            Cell::Text(text) => Sorted::Text(fold(text)),
            Cell::Integer(integer) => Sorted::Integer(Some(integer)),
            Cell::OptionalInteger(integer) => Sorted::Integer(integer),
            Cell::Date(date) => Sorted::Date(date),
            other => unreachable!("{other:?} is no key of an order"),
        },
        other => unreachable!("{other:?} is no key of an order"),
    });
    values.collect()
}

fn compare(order: &[OrderKey], left: &[Sorted], right: &[Sorted]) -> Ordering {
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
