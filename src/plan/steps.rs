//! A path under way: what it has passed, and the same few operations whatever path it is.
//!
//! Each path has a file with its own type; most of what asks which of them it is stands here.
//! Matches are counted, found by their rank among all, and passed by these operations, so that
//! [`selection`](super::selection) is a search and nothing else.

use std::cmp::Ordering;
use std::ops::Range;

use super::blocks::Blocks;
use super::bucket::Bucket;
use super::conjunction::Scope;
use super::explain::Work;
use super::keys::{KeyedRow, RowKeys};
use super::order::{Key, Value, directed};
use super::place::Place;
use super::walk::Walk;
use crate::segment::Slot;

/// Where more rows are found.
#[derive(Clone, Debug, Default)]
pub(super) enum Steps {
    /// Nowhere: all are found.
    #[default]
    Done,
    /// In the blocks of all matches.
    Blocks(Blocks),
    /// In the first key's order.
    Walk(Walk),
    /// In the postings of the first key's values.
    Bucket(Bucket),
    /// Among all matches, or the best of them, that are not sorted yet.
    Keyed(Vec<KeyedRow>),
}

/// Where the ties of a first key are.
pub(super) enum Ties {
    /// Everywhere: there is no key.
    All,
    /// At positions of the key's order.
    Group(Range<usize>),
    /// In the blocks of a class, with how many matches come before.
    Class(Blocks, u64),
}

impl Steps {
    /// Returns a row that ties with the nth match in the first key.
    pub(super) fn row_at(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> u32 {
        match self {
            Steps::Walk(walk) => walk.row_at(scope, nth, work),
            Steps::Bucket(bucket) => {
                let (mut blocks, before) = bucket.group_of(scope, nth, work);
                blocks.nth(scope, nth - before, work).unwrap_or(0)
            }
            Steps::Keyed(keyed) => keyed[nth as usize].1,
            Steps::Blocks(_) | Steps::Done => 0,
        }
    }

    /// Returns how many matches come before those with a value in the first key, and how many
    /// through them; `window` is what is undecided, and `classes` what the value is in the column.
    pub(super) fn ranks(
        &mut self,
        scope: Scope<'_>,
        (keys, key): (&RowKeys<'_>, Key),
        (value, classes): (&Value<'_>, &Range<u64>),
        window: &Range<u64>,
        work: &mut Work,
    ) -> Range<u64> {
        match self {
            Steps::Walk(walk) => {
                let group = walk.group_of_classes(scope, value, classes);
                walk.ranks(scope, &group, work)
            }
            Steps::Bucket(bucket) => bucket.ranks(scope, value, work),
            Steps::Keyed(keyed) => match keys.bound_of_first(value) {
                Some(bound) => partition_window(keyed, window, |row| bound.compare(row.0)),
                None => partition_window(keyed, window, |row| {
                    let own = Value::of(&scope.live.segment, key.slot, row.1);
                    directed(own.cmp(value), key.descends)
                }),
            },
            Steps::Blocks(_) | Steps::Done => window.clone(),
        }
    }

    /// Returns where the matches are that tie with the nth in the first key, one of a slot.
    pub(super) fn ties_of(
        &mut self,
        scope: Scope<'_>,
        slot: Slot,
        nth: u64,
        work: &mut Work,
    ) -> Ties {
        match self {
            Steps::Walk(walk) => {
                let row = walk.row_at(scope, nth, work);
                let value = Value::of(&scope.live.segment, slot, row);
                Ties::Group(walk.group_of(scope, &value))
            }
            Steps::Bucket(bucket) => {
                let (blocks, before) = bucket.group_of(scope, nth, work);
                Ties::Class(blocks, before)
            }
            Steps::Blocks(_) | Steps::Keyed(_) | Steps::Done => Ties::All,
        }
    }

    /// Returns the nth match, which is one of some ties; `ascending` is how many matches have a
    /// lower row where all tie. None where all matches are found already.
    pub(super) fn row_in(
        &mut self,
        scope: Scope<'_>,
        ties: &mut Ties,
        (nth, ascending): (u64, u64),
        work: &mut Work,
    ) -> Option<u32> {
        match (self, ties) {
            (Steps::Walk(walk), Ties::Group(group)) => Some(walk.row_in(scope, group, nth, work)),
            (_, Ties::Class(blocks, before)) => blocks.nth(scope, nth - *before, work),
            (Steps::Blocks(blocks), _) => blocks.nth(scope, ascending, work),
            (Steps::Keyed(keyed), _) => Some(keyed[nth as usize].1),
            (Steps::Walk(_) | Steps::Bucket(_) | Steps::Done, _) => None,
        }
    }

    /// Returns how many matches come before some rows of the ties, and how many through them.
    ///
    /// `reversed` is how many matches there are in all, where all tie and come by descending row.
    /// None where the matches are not in row order, or are all found already.
    pub(super) fn ranks_in(
        &mut self,
        scope: Scope<'_>,
        ties: &mut Ties,
        (rows, reversed): (&Range<u32>, Option<u64>),
        work: &mut Work,
    ) -> Option<Range<u64>> {
        match (self, ties) {
            (Steps::Walk(walk), Ties::Group(group)) => {
                let start = walk.rank_in(scope, group, rows.start, work);
                Some(start..walk.rank_in(scope, group, rows.end, work))
            }
            (_, Ties::Class(blocks, before)) => {
                let start = *before + blocks.rank(scope, rows.start, work);
                Some(start..*before + blocks.rank(scope, rows.end, work))
            }
            (Steps::Blocks(blocks), _) => {
                let start = blocks.rank(scope, rows.start, work);
                let end = blocks.rank(scope, rows.end, work);
                Some(match reversed {
                    Some(count) => count - end..count - start,
                    None => start..end,
                })
            }
            (Steps::Walk(_) | Steps::Bucket(_) | Steps::Keyed(_) | Steps::Done, _) => None,
        }
    }

    /// Returns the matches of a range of ranks, all that have one value in the first key.
    pub(super) fn take_ties(
        &mut self,
        scope: Scope<'_>,
        ranks: &Range<u64>,
        work: &mut Work,
    ) -> Vec<u32> {
        let mut rows = Vec::new();
        match self {
            Steps::Walk(walk) => {
                walk.skip_groups(scope, ranks.start, work);
                walk.take_group(scope, &mut rows, work);
            }
            Steps::Bucket(bucket) => {
                bucket.skip_groups(scope, ranks.start, work);
                bucket.take_group(scope, &mut rows, work);
            }
            Steps::Keyed(keyed) => {
                let group = &keyed[ranks.start as usize..ranks.end as usize];
                rows.extend(group.iter().map(|&(_, row)| row));
            }
            Steps::Blocks(_) | Steps::Done => {}
        }
        rows
    }

    /// Passes over all matches that come before a place.
    ///
    /// Of the rows that tie with the place in the first key, those in `after` stay to be found if ties
    /// come by row (`is_plain`); otherwise all of them are appended. Keyed rows are already those after
    /// the place.
    pub(super) fn seek(
        &mut self,
        scope: Scope<'_>,
        place: &Place,
        (after, is_plain): (Range<u32>, bool),
        out: &mut Vec<u32>,
        work: &mut Work,
    ) {
        match self {
            Steps::Done | Steps::Keyed(_) => {}
            Steps::Blocks(blocks) => blocks.seek(after),
            Steps::Walk(walk) => {
                if !walk.seek(scope, place) {
                } else if is_plain {
                    walk.seek_rows(scope, &after);
                } else {
                    walk.take_sought(scope, out, work);
                }
            }
            Steps::Bucket(bucket) => {
                if !bucket.seek(scope, place) {
                } else if is_plain {
                    bucket.seek_rows(scope, after);
                } else {
                    bucket.take_group(scope, out, work);
                }
            }
        }
    }

    /// Passes over a number of matches, which are all that have the first values of the first key.
    pub(super) fn enter(&mut self, scope: Scope<'_>, count: u64, work: &mut Work) {
        match self {
            Steps::Walk(walk) => {
                walk.skip_groups(scope, count, work);
            }
            Steps::Bucket(bucket) => {
                bucket.skip_groups(scope, count, work);
            }
            Steps::Keyed(_) => {}
            // All matches tie in the order's first key.
            Steps::Blocks(_) | Steps::Done => *self = Steps::Done,
        }
    }
}

/// Divides rows into those before a pivot, its ties, and those after.
fn partition(rows: &mut [KeyedRow], compare: impl Fn(KeyedRow) -> Ordering) -> Range<u64> {
    let (mut less, mut next, mut greater) = (0, 0, rows.len());
    while next < greater {
        match compare(rows[next]) {
            Ordering::Less => {
                rows.swap(less, next);
                less += 1;
                next += 1;
            }
            Ordering::Equal => next += 1,
            Ordering::Greater => {
                greater -= 1;
                rows.swap(next, greater);
            }
        }
    }
    less as u64..greater as u64
}

/// Divides a window of rows as [`partition`] divides all rows.
pub(super) fn partition_window(
    keyed: &mut [KeyedRow],
    window: &Range<u64>,
    compare: impl Fn(KeyedRow) -> Ordering,
) -> Range<u64> {
    let (start, end) = (window.start as usize, window.end as usize);
    let split = partition(&mut keyed[start..end], compare);
    window.start + split.start..window.start + split.end
}
