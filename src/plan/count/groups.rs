//! Groups of tickets by value, over all segments.
//!
//! The `ways` count how many rows of a segment have each ordinal. This module turns the ordinals into
//! values, splits lists into their elements, and joins the groups of all segments in the order of their
//! values. From the joined groups come their number, the most frequent ones, and the texts to show.
//!
//! # Cost
//!
//! A comparison for each group and each doubling of the number of segments. Each element of each distinct list is
//! looked up in a hash table, and the distinct elements are sorted.

use std::cmp::{Ordering, Reverse};
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::data::{Group, KeyCounts};
use crate::model::compare::{cmp_folds, elements, folded_head};
use crate::model::{DatePart, FieldKind};
use crate::query::CountKey;
use crate::segment::{Column, Counted};

/// Groups in the order of their values: texts folded, by code point; numbers by value, none first.
#[derive(Debug)]
pub(super) enum Groups<'a> {
    /// Texts, each in its least spelling.
    Texts(Vec<Counted<&'a str>>),
    Numbers(Vec<Counted<Option<u64>>>),
}

/// The kind of a key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    /// An integer. Where a ticket has none, either 0 stands for that or nothing does.
    Integer {
        has_zero_for_none: bool,
    },
    Date(DatePart),
}

impl Kind {
    pub(super) fn of(key: &CountKey) -> Kind {
        match key {
            CountKey::Part(_, part) => Kind::Date(*part),
            CountKey::Field(field) if field.is_list() => Kind::List,
            CountKey::Field(field) => match field.kind() {
                FieldKind::Integer | FieldKind::OptionalInteger => Kind::Integer {
                    has_zero_for_none: field.kind() == FieldKind::Integer,
                },
                _ => Kind::Text,
            },
            CountKey::Custom(_) => Kind::Text,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::List)
    }

    /// Makes the groups of rows that all have no value.
    pub(super) fn empty_groups<'a>(self, count: u64) -> Groups<'a> {
        if self.is_text() {
            Groups::Texts(vec![("", count)])
        } else {
            Groups::Numbers(vec![(None, count)])
        }
    }

    /// Makes groups from ascending counts by ordinal; for a date, by the number of its day plus 1, where
    /// 0 is no date.
    ///
    /// For a text there is one count for each class, by the least ordinal of the class that was counted.
    pub(super) fn groups(self, column: &Column, counted: Vec<Counted<u64>>) -> Groups<'_> {
        let counted = counted.into_iter();
        match self {
            Kind::Text => Groups::Texts(
                counted
                    .map(|(ordinal, count)| (column.text_of(ordinal), count))
                    .collect(),
            ),
            Kind::List => {
                elements_of(counted.map(|(ordinal, count)| (column.text_of(ordinal), count)))
            }
            Kind::Integer { .. } => Groups::Numbers(
                counted
                    .map(|(ordinal, count)| (column.number_of(ordinal), count))
                    .collect(),
            ),
            Kind::Date(part) => {
                let mut groups: Vec<Counted<Option<u64>>> = Vec::new();
                for (unit, count) in counted {
                    let group = unit.checked_sub(1).map(|day| part.group_of(day));
                    match groups.last_mut() {
                        Some((last, sum)) if *last == group => *sum += count,
                        _ => groups.push((group, count)),
                    }
                }
                Groups::Numbers(groups)
            }
        }
    }

    fn show(self, number: Option<u64>) -> String {
        match (self, number) {
            (Kind::Date(part), Some(group)) => part.show(group),
            (_, Some(integer)) => integer.to_string(),
            (
                Kind::Integer {
                    has_zero_for_none: true,
                },
                None,
            ) => "0".to_owned(),
            (_, None) => String::new(),
        }
    }

    /// Chooses the groups with the highest counts, and puts these in the order in which they are shown.
    pub(super) fn finish(self, key: CountKey, groups: &Groups<'_>, top: Option<u64>) -> KeyCounts {
        let value = |at: usize| match groups {
            Groups::Texts(texts) => texts[at].0.to_owned(),
            Groups::Numbers(numbers) => self.show(numbers[at].0),
        };
        let count = |at: usize| match groups {
            Groups::Texts(texts) => texts[at].1,
            Groups::Numbers(numbers) => numbers[at].1,
        };
        let groups_count = match groups {
            Groups::Texts(texts) => texts.len(),
            Groups::Numbers(numbers) => numbers.len(),
        };
        let mut ranked: Vec<(Reverse<u64>, usize)> = (0..groups_count)
            .map(|at| (Reverse(count(at)), at))
            .collect();
        let top = top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
        if top < groups_count {
            ranked.select_nth_unstable(top - 1);
            ranked.truncate(top);
        }
        if self.is_text() {
            ranked.sort_unstable();
        } else {
            ranked.sort_unstable_by_key(|&(_, at)| at);
        }
        let shown = ranked.into_iter().map(|(Reverse(count), at)| Group {
            value: value(at),
            count,
        });
        KeyCounts {
            key,
            distinct: groups_count as u64,
            groups: shown.collect(),
        }
    }
}

/// Joins the groups of several segments; without segments there are no groups.
pub(super) fn join(mut all: Vec<Groups<'_>>) -> Groups<'_> {
    while all.len() > 1 {
        let mut joined = Vec::with_capacity(all.len().div_ceil(2));
        let mut rest = all.into_iter();
        while let Some(own) = rest.next() {
            joined.push(match rest.next() {
                Some(other) => own.join(other),
                None => own,
            });
        }
        all = joined;
    }
    all.pop().unwrap_or(Groups::Numbers(Vec::new()))
}

impl<'a> Groups<'a> {
    fn join(self, other: Groups<'a>) -> Groups<'a> {
        match (self, other) {
            (Groups::Texts(own), Groups::Texts(other)) => {
                Groups::Texts(join_sorted(own, other, |a, b| cmp_folds(a, b)))
            }
            (Groups::Numbers(own), Groups::Numbers(other)) => {
                Groups::Numbers(join_sorted(own, other, Ord::cmp))
            }
            // Not reached: a key has values of one kind in every segment.
            (own, _) => own,
        }
    }
}

/// Joins ascending groups; two that compare equal become one group with the lesser value.
fn join_sorted<T: Copy + Ord>(
    own: Vec<Counted<T>>,
    other: Vec<Counted<T>>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Vec<Counted<T>> {
    let mut joined = Vec::with_capacity(own.len().max(other.len()));
    let (mut own, mut other) = (own.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let ordering = match (own.peek(), other.peek()) {
            (Some(left), Some(right)) => compare(&left.0, &right.0),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let next = match ordering {
            Ordering::Less => own.next(),
            Ordering::Greater => other.next(),
            Ordering::Equal => own
                .next()
                .zip(other.next())
                .map(|(left, right)| (left.0.min(right.0), left.1 + right.1)),
        };
        match next {
            Some(group) => joined.push(group),
            None => return joined,
        }
    }
}

/// Makes the groups of the elements of lists; an element that a list has in several spellings counts
/// once for that list.
fn elements_of<'a>(lists: impl Iterator<Item = Counted<&'a str>>) -> Groups<'a> {
    let by_fold = |a: &&str, b: &&str| cmp_folds(a, b).then_with(|| a.cmp(b));
    let is_same = |a: &str, b: &str| cmp_folds(a, b) == Ordering::Equal;
    // Each with its first bytes, so that few comparisons have to read the texts.
    let mut all: Vec<(u64, Counted<&str>)> = Vec::new();
    // Many lists share few elements, and only these are sorted.
    let mut table: HashTable<(u64, usize)> = HashTable::new();
    let hasher = DefaultHashBuilder::default();
    let mut own: Vec<&str> = Vec::new();
    for (list, count) in lists {
        own.clear();
        own.extend(elements(list));
        if own.len() > 1 {
            own.sort_unstable_by(by_fold);
            own.dedup_by(|next, kept| is_same(next, kept));
        } else if own.is_empty() {
            own.push("");
        }
        for &element in &own {
            let hash = hasher.hash_one(element);
            let is_it = |&(other, at): &(u64, usize)| other == hash && all[at].1.0 == element;
            if let Some(&(_, at)) = table.find(hash, is_it) {
                all[at].1.1 += count;
            } else {
                table.insert_unique(hash, (hash, all.len()), |&(hash, _)| hash);
                all.push((folded_head(element), (element, count)));
            }
        }
    }
    all.sort_unstable_by(|(head, (a, _)), (other, (b, _))| {
        head.cmp(other).then_with(|| by_fold(a, b))
    });
    let mut all: Vec<Counted<&str>> = all.into_iter().map(|(_, counted)| counted).collect();
    all.dedup_by(|next, kept| {
        let is_same = is_same(next.0, kept.0);
        kept.1 += if is_same { next.1 } else { 0 };
        is_same
    });
    Groups::Texts(all)
}
