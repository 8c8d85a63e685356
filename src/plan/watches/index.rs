//! The index of standing queries: which watches a ticket could concern, by its values.
//!
//! A watch is kept under one of its filters, its key. A ticket without the values that the key asks for
//! cannot match, so the values of a ticket lead to all the watches that it could concern. Of several
//! filters by value, the key is the one whose values have the fewest watches: watches that all ask for
//! `status=open` are told apart by their other filters. Finding terms takes a pass over the texts of
//! each ticket, so a term is the key only where every filter by value has many watches and the term has
//! fewer. Complements, patterns, bounds of texts, `changed_since` and terms of one or two bytes are never
//! keys; a watch that has nothing else is compared with every ticket.
//!
//! # Invariants
//!
//! * A watch is under every value of its key. One without a key is under `always`, unless no ticket can
//!   match it.
//!
//! # Cost
//!
//! Adding a watch: a look at its filters, and at the terms of others that have three bytes in common with
//! one of its own. Removing one: a look at the watches under the same values.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::super::changes::{Subject, is_empty};
use super::super::filter::{Filter, Filters, ValueTest};
use super::grams::Grams;
use super::ranges::Ranges;
use super::seats::{Seats, remove_seat};
use crate::model::Field;
use crate::model::compare::elements;
use crate::model::value::fold_short;
use crate::query::AnyField;

/// Where a filter by value leads to at most this many watches, a watch is not kept under a term.
const FEW_SEATS: usize = 16;

/// What a watch is kept under.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// Nothing, since no ticket can match.
    Nothing,
    /// A ticket number.
    Tid(u64),
    /// A range of ticket numbers, both ends inclusive.
    Tids(u64, u64),
    /// A filter by value, by its index.
    Filter(u32),
    /// A term, by the index of its filter, and the byte at which the run starts that it is kept under.
    Term(u32, u32),
    /// Nothing: the watch is compared with every ticket.
    Always,
}

/// The watches by the values of one field.
#[derive(Debug, Default)]
struct FieldIndex {
    texts: HashMap<Box<str>, Seats>,
    numbers: HashMap<u64, Seats>,
    ranges: Ranges,
    /// The watches that ask for tickets without a value.
    empty: Seats,
}

/// The watches by the values of all fields.
#[derive(Debug, Default)]
pub(super) struct Index {
    tids: HashMap<u64, Seats>,
    tid_ranges: Ranges,
    /// Custom names are in lower case.
    fields: HashMap<AnyField, FieldIndex>,
    terms: Grams,
    always: Seats,
}

/// A value that a key asks for.
enum KeyValue<'a> {
    Text(&'a str),
    Number(u64),
    Range(u64, u64),
    Empty,
}

impl<'a> KeyValue<'a> {
    fn of_range(&(first, last): &(u64, u64)) -> KeyValue<'a> {
        if first == last {
            KeyValue::Number(first)
        } else {
            KeyValue::Range(first, last)
        }
    }
}

/// Some values of a field.
type KeyValues<'a> = (AnyField, SmallVec<[KeyValue<'a>; 2]>);

/// Returns the field of a filter, and values of which every ticket that passes has at least one there; none
/// where there is no such list.
fn key_values(filter: &Filter) -> Option<KeyValues<'_>> {
    let of_field = |field: Field, value| Some((field.into(), [value].into_iter().collect()));
    match filter {
        Filter::Value(field, text) => of_field(*field, KeyValue::Text(text)),
        Filter::Values(field, texts) => {
            let values = texts.iter().map(|text| KeyValue::Text(text));
            Some(((*field).into(), values.collect()))
        }
        Filter::Numbers(field, first, last) => {
            of_field(*field, KeyValue::of_range(&(*first, *last)))
        }
        Filter::Test(condition) if !condition.is_complement => {
            let values = match &condition.test {
                ValueTest::Texts(texts) => texts.iter().map(|it| KeyValue::Text(it)).collect(),
                ValueTest::Numbers(ranges) => ranges.iter().map(KeyValue::of_range).collect(),
                ValueTest::Empty if condition.field == Field::CustomFields.into() => return None,
                ValueTest::Empty => [KeyValue::Empty].into_iter().collect(),
            };
            Some((condition.field.clone(), values))
        }
        Filter::Test(_)
        | Filter::Cids(_)
        | Filter::ChangedSince(_)
        | Filter::Pattern(_)
        | Filter::Term(_)
        | Filter::ExcludedTerm(_) => None,
    }
}

impl FieldIndex {
    fn is_unused(&self) -> bool {
        self.texts.is_empty()
            && self.numbers.is_empty()
            && self.ranges.is_empty()
            && self.empty.is_empty()
    }

    fn insert(&mut self, value: &KeyValue<'_>, seat: u32) {
        match *value {
            KeyValue::Text(text) => self.texts.entry(text.into()).or_default().push(seat),
            KeyValue::Number(number) => self.numbers.entry(number).or_default().push(seat),
            KeyValue::Range(first, last) => self.ranges.insert((first, last), seat),
            KeyValue::Empty => self.empty.push(seat),
        }
    }

    fn remove(&mut self, value: &KeyValue<'_>, seat: u32) {
        match *value {
            KeyValue::Text(text) => {
                if let Some(seats) = self.texts.get_mut(text)
                    && remove_seat(seats, seat)
                {
                    self.texts.remove(text);
                }
            }
            KeyValue::Number(number) => {
                if let Some(seats) = self.numbers.get_mut(&number)
                    && remove_seat(seats, seat)
                {
                    self.numbers.remove(&number);
                }
            }
            KeyValue::Range(first, last) => self.ranges.remove((first, last), seat),
            KeyValue::Empty => {
                remove_seat(&mut self.empty, seat);
            }
        }
    }

    /// Returns how many watches are under a value; none for a range, which ranges of others may overlap.
    fn count(index: Option<&FieldIndex>, value: &KeyValue<'_>) -> Option<usize> {
        let seats = match *value {
            KeyValue::Text(text) => index.and_then(|index| index.texts.get(text)),
            KeyValue::Number(number) => index.and_then(|index| index.numbers.get(&number)),
            KeyValue::Empty => index.map(|index| &index.empty),
            KeyValue::Range(..) => return None,
        };
        Some(seats.map_or(0, Seats::len))
    }

    /// Appends the watches that are under a value which the ticket has in the field.
    fn find(&self, field: &AnyField, subject: &Subject<'_>, out: &mut Vec<u32>) {
        let Some(slot) = subject.slot(field) else {
            // It is a custom field that no ticket has.
            out.extend(&self.empty);
            return;
        };
        let own = field.field();
        let has_no_value = match own {
            Some(field) => is_empty(field, subject),
            None => subject.row.text(slot).is_empty(),
        };
        if has_no_value {
            out.extend(&self.empty);
        }
        if let Some(number) = own.and_then(|field| subject.row.number(field)) {
            out.extend(self.numbers.get(&number).into_iter().flatten());
            self.ranges.find(number, out);
        }
        if self.texts.is_empty() {
            return;
        }
        let text = subject.row.text(slot);
        let mut find = |text: &str| {
            let own = self.texts.get(&*fold_short(text));
            out.extend(own.into_iter().flatten());
        };
        if own.is_some_and(Field::is_list) {
            elements(&text).for_each(find);
        } else {
            find(&text);
        }
    }
}

impl Index {
    /// Chooses the key of a watch.
    fn choose(&self, filters: &Filters) -> Key {
        let (first, last) = match filters.tids {
            None => return Key::Nothing,
            Some((first, last)) if first == last => return Key::Tid(first),
            Some(tids) => tids,
        };
        let filters = (0..).zip(&filters.all);
        let equalities = filters.clone().filter_map(|(at, filter)| {
            let (field, values) = key_values(filter)?;
            let index = self.fields.get(&field);
            // The 1 is for the watch itself, which each value adds a seat for.
            let counts = values.iter();
            let counts = counts.map(|value| Some(FieldIndex::count(index, value)? + 1));
            Some((counts.sum::<Option<usize>>()?, at))
        });
        let equality = equalities.min();
        let terms = filters.clone().filter_map(|(index, filter)| {
            let Filter::Term(term) = filter else {
                return None;
            };
            let (count, at) = self.terms.rarest(term)?;
            Some((count, index, at))
        });
        let fewest = equality.map_or(usize::MAX, |(count, _)| count);
        if fewest > FEW_SEATS
            && let Some((_, index, at)) = terms.min().filter(|(count, ..)| *count < fewest)
        {
            return Key::Term(index, at);
        }
        if let Some((_, at)) = equality {
            return Key::Filter(at);
        }
        let widths = filters.filter_map(|(at, filter)| {
            let (_, values) = key_values(filter)?;
            let widths = values.iter().map(|value| match *value {
                KeyValue::Range(first, last) => u128::from(last.saturating_sub(first)),
                _ => 0,
            });
            Some((widths.sum::<u128>(), at))
        });
        match widths.min() {
            Some((_, at)) => Key::Filter(at),
            None if (first, last) != (0, u64::MAX) => Key::Tids(first, last),
            None => Key::Always,
        }
    }

    /// Adds a watch; returns its key, which [`remove`](Index::remove) needs.
    pub(super) fn insert(&mut self, filters: &Filters, seat: u32) -> Key {
        let key = self.choose(filters);
        match key {
            Key::Nothing => {}
            Key::Tid(tid) => self.tids.entry(tid).or_default().push(seat),
            Key::Tids(first, last) => self.tid_ranges.insert((first, last), seat),
            Key::Term(index, at) => {
                if let Filter::Term(term) = &filters.all[index as usize] {
                    self.terms.insert(term, at, seat);
                }
            }
            Key::Always => self.always.push(seat),
            Key::Filter(at) => {
                if let Some((field, values)) = key_values(&filters.all[at as usize]) {
                    let index = self.fields.entry(field).or_default();
                    values.iter().for_each(|value| index.insert(value, seat));
                }
            }
        }
        key
    }

    /// Removes a watch.
    pub(super) fn remove(&mut self, filters: &Filters, key: &Key, seat: u32) {
        match *key {
            Key::Nothing => {}
            Key::Tid(tid) => {
                if let Some(seats) = self.tids.get_mut(&tid)
                    && remove_seat(seats, seat)
                {
                    self.tids.remove(&tid);
                }
            }
            Key::Tids(first, last) => self.tid_ranges.remove((first, last), seat),
            Key::Term(index, at) => {
                if let Filter::Term(term) = &filters.all[index as usize] {
                    self.terms.remove(term, at, seat);
                }
            }
            Key::Always => {
                remove_seat(&mut self.always, seat);
            }
            Key::Filter(at) => {
                if let Some((field, values)) = key_values(&filters.all[at as usize])
                    && let Some(index) = self.fields.get_mut(&field)
                {
                    values.iter().for_each(|value| index.remove(value, seat));
                    if index.is_unused() {
                        self.fields.remove(&field);
                    }
                }
            }
        }
    }

    /// Appends the watches that a ticket could concern by a term in its texts; a watch may be appended
    /// several times.
    ///
    /// This is apart from [`find`](Index::find) because a ticket often has the same texts before and
    /// after a patch.
    pub(super) fn find_by_texts(&self, subject: &Subject<'_>, out: &mut Vec<u32>) {
        if !self.terms.is_empty() {
            self.terms.find(subject.searchable(), out);
        }
    }

    /// Appends the watches that a ticket could concern by anything else, and those that are always
    /// compared; a watch may be appended several times.
    pub(super) fn find(&self, subject: &Subject<'_>, out: &mut Vec<u32>) {
        let tid = subject.row.tid();
        out.extend(self.tids.get(&tid).into_iter().flatten());
        self.tid_ranges.find(tid, out);
        for (field, index) in &self.fields {
            index.find(field, subject, out);
        }
        out.extend(&self.always);
    }

    /// Returns whether the index holds no watch.
    #[cfg(test)]
    pub(super) fn is_unused(&self) -> bool {
        self.tids.is_empty()
            && self.tid_ranges.is_empty()
            && self.fields.is_empty()
            && self.terms.is_empty()
            && self.always.is_empty()
    }
}
