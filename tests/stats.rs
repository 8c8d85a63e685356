//! `Snapshot::field_stats` against a count of the reference's tickets, over lives of a store.

mod common;

use std::collections::BTreeSet;

use common::nasty::{Random, make_batch, make_tickets};
use ticketdex::reference::Reference;
use ticketdex::{AnyField, Cell, Field, Options, Query, Store, fold};

/// The values of a field as filters compare them; of a custom field the first of its name.
fn values(reference: &Reference, field: &AnyField) -> (u64, u64) {
    let all = AnyField::Field(Field::Tid);
    let request = match field {
        field if *field == all => String::new(),
        field => format!("present={field}"),
    };
    let query: Query = request.parse().unwrap();
    let present = reference
        .tickets()
        .filter(|ticket| reference.matches(&query, ticket));
    let mut filled = 0;
    let mut distinct = BTreeSet::new();
    for ticket in present {
        filled += 1;
        distinct.insert(match field {
            AnyField::Custom(name) => {
                let mut pairs = ticket.custom_fields.iter();
                let own = pairs.find(|(own, _)| own.eq_ignore_ascii_case(name));
                fold(&own.unwrap().1)
            }
            AnyField::Field(field) => match ticket.cell(*field) {
                Cell::Text(text) => fold(text),
                Cell::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            },
            _ => unreachable!("a field is one of the two"),
        });
    }
    (filled, distinct.len() as u64)
}

#[test]
fn fields_are_as_full_as_the_reference_has_them() {
    let mut seen_filled = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let count = random.below(40);
        let tickets = make_tickets(&mut random, count);
        let known: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        let mut store = Store::new(Options::default());
        let mut reference = Reference::new();
        let first = tickets
            .into_iter()
            .fold(ticketdex::Batch::new(), |mut batch, ticket| {
                batch.put(ticket);
                batch
            });
        let more: Vec<_> = (0..random.below(6))
            .map(|_| make_batch(&mut random, &known))
            .collect();
        for batch in [first].into_iter().chain(more) {
            let is_taken = reference.commit(&batch).is_ok();
            assert_eq!(store.commit(batch).is_ok(), is_taken, "seed {seed}");
        }
        let snapshot = store.snapshot();
        let stats = snapshot.field_stats();
        let names = snapshot.custom_names().len();
        assert_eq!(stats.len(), Field::ALL.len() - 1 + names);
        for it in stats {
            let expected = values(&reference, &it.field);
            assert_eq!(
                (it.filled, it.distinct),
                expected,
                "{} in seed {seed}",
                it.field
            );
            seen_filled += it.filled;
        }
        snapshot.check_invariants().unwrap();
    }
    assert!(seen_filled > 1000);
}
