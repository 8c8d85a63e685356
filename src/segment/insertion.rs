//! Where rows that a commit revises come among those of a revision.
//!
//! The smallest revision of a base takes up the rows of one commit after the other. Everything that is
//! kept a row, in it and in the segment around it, is then copied with some rows more, and without those
//! that have died. An [`Insertion`] is found once, from the rows, and says for all of it what to copy. A
//! merge of revisions likewise is an insertion into the largest.
//!
//! # Invariants
//!
//! * The steps together give every row of the result once, ascending, and every row that is kept.
//!
//! # Cost
//!
//! Finding one takes a search for each row that comes, and applying it a copy of the rows that stay.

use std::ops::Range;

use smallvec::SmallVec;

use super::marks::Tombstones;
use super::words::MOVE_DROPPED;

/// What gives the next rows of the result.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Rows that stay, by their numbers before.
    Keep(Range<u32>),
    /// A row that comes, by its index among those.
    Insert(usize),
}

/// How rows that come and rows that stay make up the rows of a new revision.
#[derive(Clone, Debug)]
pub(super) struct Insertion {
    steps: SmallVec<[Step; 4]>,
    rows_count: u32,
}

/// What an insertion makes of rows.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    /// By row: the row of the result, [`MOVE_DROPPED`] where it does not stay.
    pub(super) kept: Vec<u32>,
    /// The rows of the result that come, ascending.
    pub(super) inserted: SmallVec<[u32; 4]>,
}

impl Insertion {
    /// Finds where rows come among others. Both ascend; one that comes may replace a dead one.
    pub(super) fn new(
        rows: &[u32],
        dead: &Tombstones,
        inserted: impl Iterator<Item = u32>,
    ) -> Insertion {
        let mut insertion = Insertion {
            steps: SmallVec::new(),
            rows_count: 0,
        };
        let mut start = 0;
        for (nth, row) in inserted.enumerate() {
            let place = start + rows[start..].partition_point(|&own| own < row);
            insertion.keep(start as u32..place as u32, dead);
            insertion.push(Step::Insert(nth), 1);
            start = place;
        }
        insertion.keep(start as u32..rows.len() as u32, dead);
        insertion
    }

    /// Finds how rows stay and others come, given the row of the result that each row becomes,
    /// [`MOVE_DROPPED`] where it does not stay.
    pub(super) fn of_moves(moves: &[u32], rows_count: u32) -> Insertion {
        let mut insertion = Insertion {
            steps: SmallVec::new(),
            rows_count: 0,
        };
        let (mut kept, mut inserted) = (0..0, 0);
        for (row, &to) in (0..).zip(moves) {
            if to == MOVE_DROPPED {
                continue;
            }
            let before = insertion.rows_count + (kept.end - kept.start);
            if row != kept.end || to != before {
                insertion.push(Step::Keep(kept.clone()), kept.end - kept.start);
                for _ in before..to {
                    insertion.push(Step::Insert(inserted), 1);
                    inserted += 1;
                }
                kept = row..row;
            }
            kept.end += 1;
        }
        let count = kept.end - kept.start;
        insertion.push(Step::Keep(kept), count);
        for _ in insertion.rows_count..rows_count {
            insertion.push(Step::Insert(inserted), 1);
            inserted += 1;
        }
        insertion
    }

    /// Keeps the live ones of some rows.
    fn keep(&mut self, mut rows: Range<u32>, dead: &Tombstones) {
        if dead.count() > 0 {
            let all = rows.clone();
            for row in all.filter(|&row| dead.contains(row)) {
                self.push(Step::Keep(rows.start..row), row - rows.start);
                rows.start = row + 1;
            }
        }
        let count = rows.end - rows.start;
        self.push(Step::Keep(rows), count);
    }

    fn push(&mut self, step: Step, rows_count: u32) {
        if rows_count > 0 {
            self.steps.push(step);
            self.rows_count += rows_count;
        }
    }

    /// Returns the steps that give the rows of the result, in order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how many rows the result has.
    pub(super) fn rows_count(&self) -> u32 {
        self.rows_count
    }

    /// Returns whether every row stays.
    pub(super) fn keeps_all(&self, rows_count: usize) -> bool {
        let kept = self.steps.iter().map(|step| match step {
            Step::Keep(rows) => rows.len(),
            Step::Insert(_) => 0,
        });
        kept.sum::<usize>() == rows_count
    }

    /// Returns where each row is in the result.
    pub(super) fn moves(&self, rows_count: usize) -> Moves {
        let (mut kept, mut inserted) = (Vec::with_capacity(rows_count), SmallVec::new());
        let mut to = 0;
        for step in &self.steps {
            match step {
                Step::Keep(rows) => {
                    kept.resize(rows.start as usize, MOVE_DROPPED);
                    kept.extend(to..to + (rows.end - rows.start));
                    to += rows.end - rows.start;
                }
                Step::Insert(_) => {
                    inserted.push(to);
                    to += 1;
                }
            }
        }
        kept.resize(rows_count, MOVE_DROPPED);
        Moves { kept, inserted }
    }

    /// Copies what rows have, given what each row that comes has, by its index.
    pub(super) fn apply<T: Copy>(&self, own: &[T], inserted: impl Fn(usize) -> T) -> Vec<T> {
        let mut all = Vec::with_capacity(self.rows_count as usize);
        for step in &self.steps {
            match step {
                Step::Keep(rows) => {
                    all.extend_from_slice(&own[rows.start as usize..rows.end as usize]);
                }
                Step::Insert(nth) => all.push(inserted(*nth)),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rows of a revision after some have died and others came.
    fn insert(rows: &[u32], died: &[u32], inserted: &[u32]) -> Vec<u32> {
        let mut dead = Tombstones::default();
        for row in died {
            let at = rows.binary_search(row).unwrap();
            dead.insert(at as u32);
        }
        let insertion = Insertion::new(rows, &dead, inserted.iter().copied());
        let all = insertion.apply(rows, |nth| inserted[nth]);
        assert_eq!(all.len() as u32, insertion.rows_count());
        assert_eq!(insertion.keeps_all(rows.len()), died.is_empty());
        let moves = insertion.moves(rows.len());
        let again = Insertion::of_moves(&moves.kept, insertion.rows_count());
        assert_eq!(again.apply(rows, |nth| inserted[nth]), all);
        for (row, to) in rows.iter().zip(moves.kept) {
            assert_eq!(to == MOVE_DROPPED, died.contains(row));
            assert!(to == MOVE_DROPPED || all[to as usize] == *row);
        }
        assert!(
            moves
                .inserted
                .iter()
                .map(|&to| all[to as usize])
                .eq(inserted.iter().copied())
        );
        all
    }

    #[test]
    fn rows_come_before_between_and_after_others() {
        assert_eq!(insert(&[], &[], &[3]), [3]);
        assert_eq!(insert(&[4, 6], &[], &[3, 5, 7]), [3, 4, 5, 6, 7]);
        assert_eq!(insert(&[1, 2], &[], &[8, 9]), [1, 2, 8, 9]);
    }

    #[test]
    fn a_row_that_died_is_left_out_and_may_come_again() {
        assert_eq!(insert(&[1, 2, 3], &[2], &[2]), [1, 2, 3]);
        assert_eq!(insert(&[1, 2, 3], &[1, 3], &[3]), [2, 3]);
        assert_eq!(insert(&[1, 2, 3], &[1, 2, 3], &[7]), [7]);
        assert_eq!(insert(&[1, 2, 3, 4], &[1, 2, 4], &[0, 4]), [0, 3, 4]);
    }
}
