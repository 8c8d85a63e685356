//! Buckets: the rows of a first key with few values, value by value, each value's posting combined with
//! the filters.
//!
//! No order is built: within a value rows are in row order already. Values before a page are
//! passed by counting their matches.

use std::ops::Range;

use super::blocks::Blocks;
use super::conjunction::Scope;
use super::cost::{BUCKETS_MAX, COMPARE_COST};
use super::explain::Work;
use super::found::Found;
use super::order::{Key, Value};
use super::place::Place;
use super::task::Task;
use super::walk_price::is_worth_sampling;
use crate::model::Field;
use crate::segment::{Segment, Slot};

/// The classes of a key's field in the key's direction, and how far they are passed.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    field: Field,
    descends: bool,
    /// Whether the rows of a class descend.
    ties_descend: bool,
    classes_count: u32,
    /// How many of the classes are begun.
    begun: u32,
    /// The rows left of the class that was begun last.
    blocks: Option<Blocks>,
    /// How many matches there are through each class, as far as counted.
    through: Vec<u64>,
}

impl Bucket {
    /// Starts at the first class; none where the key's field has no set for each class.
    pub(super) fn new(scope: Scope<'_>, key: Key, ties_descend: bool) -> Option<Bucket> {
        let Slot::Field(field) = key.slot else {
            return None;
        };
        Some(Bucket {
            field,
            descends: key.descends,
            ties_descend,
            classes_count: scope.live.segment.posting_sets(field)?.len() as u32,
            begun: 0,
            blocks: None,
            through: Vec::new(),
        })
    }

    /// Appends the next rows, ties by row, or none; false where none is left.
    pub(super) fn take(&mut self, scope: Scope<'_>, out: &mut Vec<u32>, work: &mut Work) -> bool {
        if let Some(blocks) = &mut self.blocks
            && blocks.take(scope, out, work)
        {
            return true;
        }
        self.begin(scope)
    }

    /// Appends all matches of the next class, or none; false where no class is left.
    pub(super) fn take_group(
        &mut self,
        scope: Scope<'_>,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) -> bool {
        let has_more = self.begin(scope);
        if let Some(mut blocks) = self.blocks.take() {
            while blocks.take(scope, out, work) {}
        }
        has_more
    }

    /// Passes over the classes before a place, so that the class of the place comes first.
    ///
    /// Returns whether there is one; its matches are left as they are.
    pub(super) fn seek(&mut self, scope: Scope<'_>, place: &Place) -> bool {
        let Some(value) = place.first() else {
            if place.is_behind_all() {
                self.begun = self.classes_count;
            }
            return false;
        };
        let classes = self.classes_of(scope, &value);
        self.begun = classes.start;
        !classes.is_empty()
    }

    /// Leaves only the matches among some rows of the class that comes next.
    pub(super) fn seek_rows(&mut self, scope: Scope<'_>, rows: Range<u32>) {
        self.begin(scope);
        if let Some(blocks) = &mut self.blocks {
            blocks.seek(rows);
        }
    }

    /// Passes over the next class and returns it; none where no class is left.
    pub(super) fn next_class(&mut self) -> Option<(Field, u32)> {
        let index = (self.begun < self.classes_count).then_some(self.begun)?;
        self.begun += 1;
        Some((self.field, self.class(index)))
    }

    /// Begins the next class; false where none is left.
    fn begin(&mut self, scope: Scope<'_>) -> bool {
        self.blocks = None;
        if self.begun == self.classes_count {
            return false;
        }
        let blocks = self.blocks_of(scope, self.begun);
        self.blocks = Some(if self.ties_descend {
            blocks.descending()
        } else {
            blocks
        });
        self.begun += 1;
        true
    }

    /// Passes over the first `count` of all matches; appends the rest of the block then begun.
    pub(super) fn skip(
        &mut self,
        scope: Scope<'_>,
        count: u64,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) {
        let before = self.skip_groups(scope, count, work);
        if self.begin(scope)
            && let Some(blocks) = &mut self.blocks
        {
            blocks.skip(scope, count - before, out, work);
        }
    }

    /// Passes over the classes before that of the nth match; returns how many matches they have.
    pub(super) fn skip_groups(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> u64 {
        self.begun = self.index_of(scope, nth, work);
        self.blocks = None;
        self.passed(scope, self.begun, work)
    }

    /// Returns which class, in the key's direction, the nth match is of.
    fn index_of(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> u32 {
        while self.through.last().is_none_or(|&through| through <= nth) {
            if self.through.len() as u32 == self.classes_count {
                return self.classes_count;
            }
            self.count_class(scope, work);
        }
        self.through.partition_point(|&through| through <= nth) as u32
    }

    /// Returns how many matches are in the first classes.
    fn passed(&mut self, scope: Scope<'_>, classes_count: u32, work: &mut Work) -> u64 {
        while (self.through.len() as u32) < classes_count {
            self.count_class(scope, work);
        }
        match classes_count {
            0 => 0,
            count => self.through[count as usize - 1],
        }
    }

    /// Counts the matches of one class more.
    fn count_class(&mut self, scope: Scope<'_>, work: &mut Work) {
        let index = self.through.len() as u32;
        let before = self.through.last().copied().unwrap_or(0);
        let sets = scope.live.segment.posting_sets(self.field);
        let set = sets.and_then(|sets| sets.get(self.class(index) as usize));
        let count = match set {
            Some(set) if scope.conjunction.is_everything(&scope.live.segment) => {
                u64::from(set.count() - scope.live.dead.count_in(set))
            }
            _ => self.blocks_of(scope, index).count(scope, work),
        };
        self.through.push(before + count);
    }

    /// Returns how many matches come before those with a value, and through them.
    pub(super) fn ranks(
        &mut self,
        scope: Scope<'_>,
        value: &Value<'_>,
        work: &mut Work,
    ) -> Range<u64> {
        let classes = self.classes_of(scope, value);
        self.passed(scope, classes.start, work)..self.passed(scope, classes.end, work)
    }

    /// Returns the class of a value, or none at its place, as counted in the key's direction.
    fn classes_of(&self, scope: Scope<'_>, value: &Value<'_>) -> Range<u32> {
        let column = scope.live.segment.column(Slot::Field(self.field));
        let classes = column.map_or(0..0, |column| value.classes(column));
        let (start, end) = (classes.start as u32, classes.end as u32);
        if self.descends {
            self.classes_count - end..self.classes_count - start
        } else {
            start..end
        }
    }

    /// Returns the matches of the class that the nth match is of, and how many come before.
    pub(super) fn group_of(
        &mut self,
        scope: Scope<'_>,
        nth: u64,
        work: &mut Work,
    ) -> (Blocks, u64) {
        let index = self.index_of(scope, nth, work);
        (
            self.blocks_of(scope, index),
            self.passed(scope, index, work),
        )
    }

    fn class(&self, index: u32) -> u32 {
        if self.descends {
            self.classes_count - 1 - index
        } else {
            index
        }
    }

    fn blocks_of(&self, scope: Scope<'_>, index: u32) -> Blocks {
        Blocks::of_class(scope.conjunction, self.field, self.class(index))
    }
}

/// Returns the number of a key's values, if they are few and each has a set of rows.
pub(super) fn sets_count(segment: &Segment, key: Key) -> Option<u64> {
    let Slot::Field(field) = key.slot else {
        return None;
    };
    let sets_count = segment.posting_sets(field)?.len() as u64;
    (1..=BUCKETS_MAX)
        .contains(&sets_count)
        .then_some(sets_count)
}

/// Returns the estimated cost of buckets; none where the field has no set for each of few values.
pub(super) fn cost(found: &Found, task: Task<'_>, key: Key) -> Option<u64> {
    let sets = sets_count(&task.live.segment, key)?;
    let matches = found.count().max(1);
    let need = task.need;
    let blocks = found.conjunction.block_indexes().len() as u64;
    let last = need.skip + need.take;
    let even = (last * sets / matches, 1024);
    let sample = if task.place.is_none() && is_worth_sampling(found, task, key) {
        found.sample(task.live, key)
    } else {
        None
    };
    let (passed, share) = sample.map_or(even, |it| it.classes_passed(sets, key, last));
    let passed = passed.min(sets - 1);
    let is_plain = task.order.is_plain();
    let in_group = if is_plain { need.take } else { matches / sets };
    // The last class is given as far as it is needed, if nothing has to be counted or sorted.
    let share = if is_plain && need.skip == 0 {
        share.max(1024 / blocks.max(1))
    } else if need.skip == 0 {
        1024
    } else {
        // Counted, then listed.
        2048
    };
    let pass = found.conjunction.bits_cost();
    Some(pass * passed + pass * share / 1024 + in_group * COMPARE_COST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Ticket};
    use crate::plan::tests::{find_all, give_first, live_of, order_by};

    /// Returns whether buckets serve a segment with a number of categories, the empty one too.
    fn is_for_buckets(categories_count: u64) -> bool {
        let ticket = |tid: u64| Ticket {
            tid,
            category: match tid % categories_count {
                0 => String::new(),
                other => other.to_string(),
            },
            ..Ticket::default()
        };
        let tickets: Vec<Ticket> = (1..=40_000).map(ticket).collect();
        let live = live_of(&tickets);
        let found = find_all(&live);
        let order = order_by(Field::Category);
        let task = give_first(&live, &order, 50);
        let sets = live.segment.posting_sets(Field::Category).unwrap();
        assert_eq!(sets.len() as u64, categories_count);
        cost(&found, task, order.keys[0]).is_some()
    }

    #[test]
    fn buckets_are_for_few_values() {
        assert!(is_for_buckets(BUCKETS_MAX - 1));
        assert!(is_for_buckets(BUCKETS_MAX));
        assert!(!is_for_buckets(BUCKETS_MAX + 1));
    }
}
