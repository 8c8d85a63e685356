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

use super::PathRows;
use crate::plan::PlanMode;
use crate::plan::Strategy;
use crate::plan::conjunction::Scope;
use crate::plan::explain::Work;
use crate::plan::found::Found;
use crate::plan::order::Order;
use crate::plan::path::Choice;
use crate::plan::place::Place;
use crate::plan::steps::Steps;
use crate::plan::task::{Need, Task};

/// What puts the rows of each value of the first key in order.
#[derive(Clone, Debug)]
pub(super) struct Nested {
    /// The order by the other keys.
    order: Order,
    mode: PlanMode,
    /// The rows of the value that was begun last.
    rows: Option<PathRows>,
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
        }
    }

    /// Finds the rows of one value, given its matches, and passes over the first `skip` of them or over
    /// those that do not come after a place.
    fn begin(
        &mut self,
        scope: Scope<'_>,
        found: Found,
        (skip, take): (u64, u64),
        place: Option<&Place>,
        work: &mut Work,
    ) {
        let live = scope.live;
        let take = take.min(found.count());
        let task = Task {
            live,
            order: &self.order,
            need: Need {
                skip,
                take,
                share: take,
                most: found.count().min(skip.saturating_add(take)),
                is_shared: false,
            },
            place,
            mode: self.mode,
        };
        let choice = Choice::new(&found, task).settle(task);
        let mut rows = PathRows::new(choice.path(), found, task, work);
        rows.skip(live, skip);
        self.rows = Some(rows);
    }
}

impl PathRows {
    /// Begins the rows of the next value of the first key, behind `skip` of them or behind a place;
    /// false where no value is left.
    fn begin_nested(&mut self, scope: Scope<'_>, skip: u64, place: Option<&Place>) -> bool {
        let (Steps::Bucket(bucket), Some(nested)) = (&mut self.steps, &mut self.nested) else {
            return false;
        };
        let Some(class) = bucket.next_class() else {
            return false;
        };
        let segment = &scope.live.segment;
        let conjunction = scope.conjunction.and_class(class, segment, nested.mode);
        let found = Found::new(conjunction, scope.live, nested.mode, &mut self.work);
        if found.count() > skip {
            let take = self.needed.saturating_sub(self.rows.len() as u64);
            nested.begin(scope, found, (skip, take), place, &mut self.work);
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
            if !self.begin_nested(scope, 0, None) {
                return false;
            }
        }
    }

    /// Passes over the first `count` matches.
    pub(super) fn skip_nested(&mut self, scope: Scope<'_>, count: u64) {
        if let Steps::Bucket(bucket) = &mut self.steps {
            let before = bucket.skip_groups(scope, count, &mut self.work);
            self.begin_nested(scope, count - before, None);
        }
    }

    /// Passes over all matches that do not come after a place.
    pub(super) fn seek_nested(&mut self, scope: Scope<'_>, place: &Place) {
        if let Steps::Bucket(bucket) = &mut self.steps
            && bucket.seek(scope, place)
        {
            self.begin_nested(scope, 0, Some(&place.within_ties()));
        }
    }
}
