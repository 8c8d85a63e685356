//! Nested paths: the rows of each value of a first key in order by a path of their own.
//!
//! The rows that tie in the first key, in the order by the other keys, are the answer to a request with one
//! filter more and one key less. So they are counted, a path to them is chosen, and it is carried out
//! just as for a request, when the first of them is asked for. A page then costs what it would cost
//! among the tickets of one value alone: most often a walk along the order of the second key.
//!
//! # Invariants
//!
//! * Only one value's rows are under way at a time; those before it were passed by counting or given.

use std::ops::Range;

use super::PathRows;
use crate::plan::conjunction::Scope;
use crate::plan::explain::Work;
use crate::plan::found::Found;
use crate::plan::keys::RowKeys;
use crate::plan::order::Order;
use crate::plan::path::Choice;
use crate::plan::place::Place;
use crate::plan::steps::Steps;
use crate::plan::task::{Need, Task};
use crate::plan::{PlanMode, Strategy};
use crate::snapshot::LiveSegment;

/// What puts the rows of each value of the first key in order.
#[derive(Clone, Debug)]
pub(super) struct Nested {
    /// The order by the other keys.
    order: Order,
    mode: PlanMode,
    /// The rows of the value that was begun last.
    rows: Option<PathRows>,
    /// How many matches have that value.
    count: u64,
}

/// The rows of the value begun next that will be passed over.
#[derive(Clone, Copy)]
pub(in crate::plan) struct ToPass {
    /// About how many they are.
    pub(in crate::plan) about: u64,
    /// How many they are at most.
    pub(in crate::plan) most: u64,
    /// Whether they are to be found among those of several segments.
    pub(in crate::plan) is_shared: bool,
}

impl ToPass {
    /// Makes a number of rows of one segment.
    fn of(count: u64) -> ToPass {
        ToPass {
            about: count,
            most: count,
            is_shared: false,
        }
    }
}

impl Nested {
    /// Makes what orders the rows of a task by its keys after the first.
    pub(super) fn new(task: Task<'_>) -> Nested {
        let mut mode = task.mode;
        // A test that demands this path sees it walk where orders may be made, and choose elsewhere.
        let demanded = mode.strategy.filter(|_| mode.may_build());
        mode.strategy = demanded.map(|_| Strategy::Walk);
        Nested {
            order: task.order.within_ties(),
            mode,
            rows: None,
            count: 0,
        }
    }

    /// Finds the rows of one value, given its matches: those that come after a place, if there is one.
    fn begin(
        &mut self,
        live: &LiveSegment,
        found: Found,
        need: Need,
        place: Option<&Place>,
        work: &mut Work,
    ) {
        let task = Task {
            live,
            order: &self.order,
            need,
            place,
            mode: self.mode,
        };
        let choice = Choice::new(&found, task).settle(task);
        self.count = found.count();
        self.rows = Some(PathRows::new(choice.path(), found, task, work));
    }
}

impl PathRows {
    /// Begins the rows of the next value of the first key, or those of them that come after a place;
    /// false where no value is left.
    fn begin_nested(&mut self, scope: Scope<'_>, passed: ToPass, place: Option<&Place>) -> bool {
        let (Steps::Bucket(bucket), Some(nested)) = (&mut self.steps, &mut self.nested) else {
            return false;
        };
        let Some(class) = bucket.next_class() else {
            return false;
        };
        let live = scope.live;
        let conjunction = scope.conjunction.and_class(class, &live.segment);
        let found = Found::new(conjunction, live, &mut self.work);
        if found.count() > 0 {
            let take = self.needed.saturating_sub(self.rows.len() as u64);
            let take = take.min(found.count());
            let need = Need {
                skip: passed.about,
                take,
                share: take,
                most: found.count().min(passed.most.saturating_add(take)),
                is_shared: passed.is_shared,
            };
            nested.begin(live, found, need, place, &mut self.work);
        }
        true
    }

    /// Finds the next rows; false once none is left.
    pub(super) fn refill_nested(&mut self, scope: Scope<'_>, wanted: usize) -> bool {
        loop {
            let begun = self.nested.as_mut().and_then(|nested| nested.rows.as_mut());
            if let Some(begun) = begun {
                let left = wanted.saturating_sub(self.rows.len());
                let rows = std::iter::from_fn(|| begun.next(scope.live));
                self.rows.extend(rows.take(left));
                self.work.add(&std::mem::take(&mut begun.work));
            }
            if self.rows.len() >= wanted {
                return true;
            }
            if !self.begin_nested(scope, ToPass::of(0), None) {
                return false;
            }
        }
    }

    /// Passes over the first `count` matches.
    pub(super) fn skip_nested(&mut self, scope: Scope<'_>, count: u64) {
        if let Steps::Bucket(bucket) = &mut self.steps {
            let skip = count - bucket.skip_groups(scope, count, &mut self.work);
            self.begin_nested(scope, ToPass::of(skip), None);
            let begun = self.nested.as_mut().and_then(|nested| nested.rows.as_mut());
            if let Some(begun) = begun {
                begun.skip(scope.live, skip);
            }
        }
    }

    /// Passes over all matches that do not come after a place.
    pub(super) fn seek_nested(&mut self, scope: Scope<'_>, place: &Place) {
        if let Steps::Bucket(bucket) = &mut self.steps
            && bucket.seek(scope, place)
        {
            self.begin_nested(scope, ToPass::of(0), Some(&place.within_ties()));
        }
    }

    /// Returns whether the rows of each value of the first key have a path of their own.
    pub(in crate::plan) fn is_nested(&self) -> bool {
        self.nested.is_some()
    }

    /// Takes out the matches of a range of ranks, all that have one value in the first key, in the
    /// order by the other keys, `order`; returns them with their count.
    pub(in crate::plan) fn take_out_ties(
        &mut self,
        live: &LiveSegment,
        order: &Order,
        ranks: &Range<u64>,
        passed: ToPass,
    ) -> (PathRows, u64) {
        let Some(conjunction) = self.conjunction.clone() else {
            return (PathRows::default(), 0);
        };
        let scope = conjunction.scope(live);
        if let (Steps::Bucket(bucket), true) = (&mut self.steps, self.nested.is_some()) {
            bucket.skip_groups(scope, ranks.start, &mut self.work);
            self.begin_nested(scope, passed, None);
            let begun = self.nested.as_mut();
            let begun = begun.and_then(|nested| Some((nested.rows.take()?, nested.count)));
            return begun.map_or((PathRows::default(), 0), |(rows, matches_count)| {
                let count = rows.count(matches_count);
                (rows, count)
            });
        }
        let ties = self.steps.take_ties(scope, ranks, &mut self.work);
        let keyed = RowKeys::new(&live.segment, order).keyed(ties.into_iter());
        let count = keyed.len() as u64;
        let rows = PathRows {
            steps: Steps::Keyed(keyed),
            conjunction: self.conjunction.clone(),
            order: order.clone(),
            needed: self.needed,
            batch: self.batch,
            ..PathRows::default()
        };
        (rows, count)
    }

    /// Puts back the ties that were taken out, after some of them were passed over; all matches before
    /// `end` are those or come before them.
    pub(in crate::plan) fn put_back_ties(
        &mut self,
        live: &LiveSegment,
        end: u64,
        mut rows: PathRows,
    ) {
        if let Some(nested) = &mut self.nested {
            nested.rows = Some(rows);
            return;
        }
        let needed = usize::try_from(self.needed).unwrap_or(usize::MAX);
        let left = std::iter::from_fn(|| rows.next(live)).take(needed);
        let left = left.collect();
        self.work.add(&rows.work);
        self.enter(live, end, left);
    }
}
