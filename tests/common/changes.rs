//! What changed between two references: the answers to one request, compared.

use std::collections::{BTreeMap, BTreeSet};

use ticketdex::reference::Reference;
use ticketdex::{
    AnyField, Cell, ChangeKind, ChangedTicket, Changes, Field, OrderKey, Query, Record, Snapshot,
    SortKey, Ticket, fold,
};

/// A snapshot, and what it must answer.
#[derive(Clone)]
pub struct Held {
    pub snapshot: Snapshot,
    pub reference: Reference,
}

/// What is told of the answer to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    entered: Vec<u64>,
    left: Vec<u64>,
    /// With the names of the fields.
    changed: Vec<(u64, Vec<String>)>,
    moved: Vec<u64>,
}

impl Told {
    /// Returns what a comparison tells, and checks what must be true of it.
    pub fn of(changes: &Changes) -> Told {
        let tids = |tickets: &mut dyn Iterator<Item = ChangedTicket<'_>>| {
            tickets.map(|it| it.tid()).collect::<Vec<u64>>()
        };
        let with_fields = changes.changed().map(|ticket| {
            let fields = ticket.fields();
            (
                ticket.tid(),
                fields.iter().map(AnyField::to_string).collect(),
            )
        });
        let told = Told {
            entered: tids(&mut changes.entered()),
            left: tids(&mut changes.left()),
            changed: with_fields.collect(),
            moved: tids(&mut changes.moved()),
        };
        let all: BTreeSet<u64> = changes.tickets().map(|ticket| ticket.tid()).collect();
        assert_eq!(all.len(), changes.count());
        let lists = [&told.entered, &told.left, &told.moved];
        let with_fields = told.changed.iter().map(|(tid, _)| *tid);
        let listed: BTreeSet<u64> = lists
            .into_iter()
            .flatten()
            .copied()
            .chain(with_fields)
            .collect();
        assert_eq!(all, listed);
        assert_eq!(changes.is_empty(), all.is_empty());
        for ticket in changes.tickets() {
            check_sides(changes, ticket);
        }
        told
    }

    /// Returns what the answers of two references tell; the query has no window.
    pub fn expected(older: &Reference, newer: &Reference, query: &Query) -> Told {
        let (before, after) = (older.tids(query), newer.tids(query));
        let (old, new): (BTreeSet<u64>, BTreeSet<u64>) = (
            before.iter().copied().collect(),
            after.iter().copied().collect(),
        );
        let by_tid = |reference: &Reference| -> BTreeMap<u64, Ticket> {
            let tickets = reference.tickets();
            tickets.map(|ticket| (ticket.tid, ticket.clone())).collect()
        };
        let (old_tickets, new_tickets) = (by_tid(older), by_tid(newer));
        let mut told = Told {
            entered: after
                .iter()
                .copied()
                .filter(|it| !old.contains(it))
                .collect(),
            left: before
                .iter()
                .copied()
                .filter(|it| !new.contains(it))
                .collect(),
            ..Told::default()
        };
        for tid in after.into_iter().filter(|tid| old.contains(tid)) {
            let (own, other) = (&new_tickets[&tid], &old_tickets[&tid]);
            let fields = differing(own, other, newer.custom_names(), query);
            if !fields.is_empty() {
                told.changed.push((tid, fields));
            }
            if place(query.order(), own) != place(query.order(), other) {
                told.moved.push(tid);
            }
        }
        told
    }

    pub fn is_empty(&self) -> bool {
        *self == Told::default()
    }
}

/// Checks that the records of a ticket are those of the two snapshots.
fn check_sides(changes: &Changes, ticket: ChangedTicket<'_>) {
    let version = |record: Option<Record<'_>>| record.map(|it| (it.tid(), it.version()));
    let (older, newer) = (changes.older(), changes.newer());
    let tid = ticket.tid();
    assert_eq!(version(ticket.before()), version(older.get(tid)));
    assert_eq!(version(ticket.after()), version(newer.get(tid)));
    let (was_there, is_there) = (ticket.before().is_some(), ticket.after().is_some());
    let is_possible = match ticket.kind() {
        ChangeKind::Entered => is_there && !ticket.is_moved(),
        ChangeKind::Left => was_there && !ticket.is_moved(),
        ChangeKind::Changed => was_there && is_there && !ticket.fields().is_empty(),
        ChangeKind::Moved => was_there && is_there && ticket.fields().is_empty(),
        _ => false,
    };
    assert!(is_possible, "{ticket:?}");
    assert_eq!(ticket.kind() == ChangeKind::Moved, {
        ticket.is_moved() && ticket.fields().is_empty()
    });
}

/// What an order compares of a ticket.
fn place(order: &[OrderKey], ticket: &Ticket) -> Vec<String> {
    let value = |key: &OrderKey| match &key.key {
        SortKey::Custom(name) => fold(custom(ticket, name)),
        SortKey::Field(field) => match ticket.cell(*field) {
            Cell::Text(text) => fold(text),
            cell => format!("{cell:?}"),
        },
        _ => unreachable!("an order has keys of these kinds"),
    };
    order.iter().map(value).collect()
}

fn custom<'a>(ticket: &'a Ticket, name: &str) -> &'a str {
    let mut pairs = ticket.custom_fields.iter();
    pairs
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map_or("", |(_, text)| text)
}

/// The names of the fields that a query shows in which two tickets differ.
fn differing(own: &Ticket, other: &Ticket, names: &[String], query: &Query) -> Vec<String> {
    let shown = query.fields();
    let mut fields = Vec::new();
    for field in Field::ALL {
        if let Cell::CustomFields(_) = own.cell(field) {
            let is_shown = |name: &str| shown.is_none_or(|shown| shown.has_custom(name));
            let differs = |name: &&String| custom(own, name) != custom(other, name);
            let names = names.iter().filter(|name| is_shown(name)).filter(differs);
            fields.extend(names.map(|name| format!("custom_fields.{name}")));
        } else if own.cell(field) != other.cell(field)
            && shown.is_none_or(|shown| shown.contains(field))
        {
            fields.push(field.name().to_owned());
        }
    }
    fields
}

/// Reads a request without its window, which says nothing of what changed.
pub fn without_window(request: &str) -> Query {
    // A query prints its variables by their plain names, whatever the request was.
    let printed = request.parse::<Query>().unwrap().to_string();
    let is_window = |pair: &&str| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        ["count", "page", "count_only"].contains(&name)
    };
    let pairs: Vec<&str> = printed.split('&').filter(|it| !is_window(it)).collect();
    pairs.join("&").parse().unwrap()
}

/// Compares what changed in the answer to a request with what the references tell; returns how many
/// tickets are told of.
pub fn compare_changes(older: &Held, newer: &Held, request: &str) -> usize {
    let query: Query = request.parse().unwrap();
    let windowless = without_window(request);
    let expected = Told::expected(&older.reference, &newer.reference, &windowless);
    let changes = newer.snapshot.changes_since(&older.snapshot, &query);
    let changes = changes.unwrap();
    let versions = (older.snapshot.version(), newer.snapshot.version());
    assert_eq!(Told::of(&changes), expected, "{request} since {versions:?}");
    let again = newer.snapshot.changes_since(&older.snapshot, &windowless);
    assert_eq!(Told::of(&again.unwrap()), expected, "{windowless}");
    changes.count()
}
