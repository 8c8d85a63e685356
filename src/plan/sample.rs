//! A sample of the matches: how filters correlate with an order.
//!
//! Estimates take filters to be independent of one another and of the order. Often they are not: a
//! sub-category has one category, a range of tids was opened in one month. Then a walk may pass half
//! the rows before its first match. Some matches, taken evenly, tell where in the order the others
//! lie, for some microseconds.
//!
//! # Invariants
//!
//! * A sample is taken of rows at fixed steps, never by chance: the same request on the same segment
//!   has the same plan.

use super::conjunction::Scope;
use super::explain::Work;
use super::order::Key;
use crate::segment::{block_count, for_each_row};
use crate::snapshot::LiveSegment;

/// The most blocks that are looked into.
const BLOCKS_MAX: usize = 8;
/// The most matches that are taken from one block.
const BLOCK_ROWS_MAX: u32 = 4;

/// Fewer matches than this tell too little.
const ROWS_MIN: usize = 8;

/// A sample of evenly spread matches divides an order into shares of about one size. In one of 400 samples, the
/// first match is further from the start of the order than this many shares.
const EMPTY_SHARES: u64 = 6;

/// Where matches lie in the order of a field: the classes of some, in the order's direction.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    classes: Vec<u64>,
    matches: u64,
}

/// How far a walk along an order goes, by a sample.
pub(super) struct Walked {
    /// The positions passed until the match that was asked for.
    pub(super) positions: u64,
    /// The positions that share its class.
    pub(super) ties: u64,
    /// Whether it rests on matches being spread evenly, which the sample leaves likely but not certain.
    pub(super) is_guess: bool,
}

/// Where one of the matches is likely to lie, by a sample.
pub(super) struct Guess {
    /// The class, in the column's own order.
    pub(super) class: u64,
    /// The share of the class's matches that come before it, in parts of 1,024.
    pub(super) share: u64,
    /// Whether it comes before the whole sample.
    is_first: bool,
}

impl Sample {
    /// Takes a sample of the matches in the order of a key; none where that would be
    /// expensive, or where they are too few to tell anything.
    ///
    /// `rows` are the matches where they are listed, `matches` is how many there are.
    pub(super) fn of(
        rows: Option<&[u32]>,
        matches: u64,
        scope: Scope<'_>,
        key: Key,
    ) -> Option<Sample> {
        let column = scope.live.segment.column(key.slot)?;
        let mut classes: Vec<u64> = Vec::with_capacity(BLOCKS_MAX * BLOCK_ROWS_MAX as usize);
        if let Some(rows) = rows {
            let step = rows.len().div_ceil(classes.capacity()).max(1);
            classes.extend(rows.iter().step_by(step).map(|&row| column.class(row)));
        } else if !scope.conjunction.is_asked() {
            let indexes = scope.conjunction.block_indexes();
            let step = indexes.len().div_ceil(BLOCKS_MAX).max(1);
            // Estimating is no work on the answer.
            let mut work = Work::default();
            for index in indexes.skip(step / 2).step_by(step) {
                let block = scope.block(index, &mut work);
                let every = block_count(&block).div_ceil(BLOCK_ROWS_MAX).max(1);
                let mut nth = 0;
                for_each_row(&block, index, |row| {
                    if nth % every == 0 {
                        classes.push(column.class(row));
                    }
                    nth += 1;
                });
            }
        }
        if classes.len() < ROWS_MIN {
            return None;
        }
        classes.sort_unstable();
        if key.descends {
            classes.reverse();
        }
        Some(Sample {
            classes,
            matches: matches.max(1),
        })
    }

    /// Returns where the nth match is likely to lie.
    pub(super) fn guess(&self, nth: u64) -> Guess {
        let count = self.classes.len() as u64;
        let scaled = u128::from(nth.min(self.matches)) * u128::from(count) * 1024;
        let at = (scaled / u128::from(self.matches)) as u64;
        let index = (at / 1024).min(count - 1) as usize;
        let class = self.classes[index];
        let before = self.classes[..index].iter().rev();
        let before = index - before.take_while(|&&other| other == class).count();
        let after = self.classes[index..].iter();
        let after = index + after.take_while(|&&other| other == class).count();
        let share = at.saturating_sub(before as u64 * 1024) / (after - before) as u64;
        Guess {
            class,
            share: share.min(1024),
            is_first: before == 0,
        }
    }

    /// Returns how far along an order a walk has given `nth` matches.
    ///
    /// `even` is what it would be if matches were spread evenly over the span.
    pub(super) fn walked(
        &self,
        live: &LiveSegment,
        key: Key,
        span: &std::ops::Range<usize>,
        (nth, even): (u64, u64),
    ) -> Option<Walked> {
        let segment = &live.segment;
        let (sorted, column) = segment.order(key.slot).zip(segment.column(key.slot))?;
        let guess = self.guess(nth);
        let group = sorted.positions(column, &(guess.class..guess.class + 1));
        let start = if key.descends {
            span.end.saturating_sub(group.end)
        } else {
            group.start.saturating_sub(span.start)
        };
        let (start, ties) = (start as u64, group.len() as u64);
        // Where the order follows rows, the first sampled block lies up to this far from where the order
        // begins.
        let near = (span.len() / BLOCKS_MAX) as u64;
        let far = span.len() as u64 * EMPTY_SHARES / self.classes.len() as u64;
        // As far as can be told, matches are everywhere.
        let is_even = guess.is_first && start > 0 && start <= near.max(far);
        Some(Walked {
            positions: if is_even {
                even
            } else {
                start + ties * guess.share / 1024
            },
            ties,
            is_guess: is_even && start > near,
        })
    }

    /// Returns how many of a field's classes come before that of the nth match, and
    /// how large a part of that one's matches, of 1,024.
    pub(super) fn classes_passed(&self, classes_count: u64, key: Key, nth: u64) -> (u64, u64) {
        let guess = self.guess(nth);
        let passed = if key.descends {
            classes_count.saturating_sub(guess.class + 1)
        } else {
            guess.class
        };
        (passed, guess.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Ticket};
    use crate::plan::tests::live_of;
    use crate::segment::Slot;

    #[test]
    fn a_place_is_as_far_into_the_sample_as_into_the_matches() {
        let sample = Sample {
            classes: vec![0, 0, 0, 5, 5, 5, 5, 9],
            matches: 80,
        };
        let told = |nth| {
            let guess = sample.guess(nth);
            (guess.class, guess.share, guess.is_first)
        };
        assert_eq!(told(0), (0, 0, true));
        // One of the first three.
        assert_eq!(told(10), (0, 1024 / 3, true));
        assert_eq!(told(30), (5, 0, false));
        // One of the four after three.
        assert_eq!(told(40), (5, 1024 / 4, false));
        assert_eq!(told(45), (5, 1536 / 4, false));
        assert_eq!(told(80), (9, 1024, false));
        assert_eq!(told(u64::MAX), (9, 1024, false));
        let key = |descends| Key {
            slot: Slot::Field(Field::Status),
            descends,
        };
        assert_eq!(sample.classes_passed(12, key(false), 40), (5, 256));
        assert_eq!(sample.classes_passed(12, key(true), 40), (6, 256));
    }

    #[test]
    fn a_walk_to_the_first_of_a_sample_is_as_long_as_it_is_likely() {
        let tickets: Vec<Ticket> = (0..1_000)
            .map(|tid| Ticket {
                tid: tid + 1,
                cid: format!("{tid:03}"),
                ..Ticket::default()
            })
            .collect();
        let live = live_of(&tickets);
        let key = Key {
            slot: Slot::Field(Field::Cid),
            descends: false,
        };
        assert!(live.segment.ensure_sealed_order(key.slot));
        let walked = |first: u64| {
            let sample = Sample {
                // The class 0 is that of no cid.
                classes: (0..32).map(|at| 1 + first + at * 25).collect(),
                matches: 320,
            };
            let walked = sample.walked(&live, key, &(0..1_000), (5, 15)).unwrap();
            (walked.positions, walked.ties, walked.is_guess)
        };
        // Half of the first of the sample is passed where it is the first of all.
        assert_eq!(walked(0), (0, 1, false));
        assert_eq!(walked(125), (15, 1, false));
        assert_eq!(walked(126), (15, 1, true));
        assert_eq!(walked(187), (15, 1, true));
        assert_eq!(walked(188), (188, 1, false));
    }
}
