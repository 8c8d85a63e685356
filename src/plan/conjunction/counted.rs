//! What cubes of values tell of the filters of a request: how many rows match, in all and by value.

use smallvec::SmallVec;

use super::Conjunction;
use crate::segment::Selected;
use crate::snapshot::LiveSegment;

/// Adding a cell of a cube, in nanoseconds. Not measured apart.
const CELL_COST: u64 = 1;

impl Conjunction {
    /// Returns the classes that every filter leaves of its field, where each is one by value and
    /// all rows of the segment are asked.
    pub(in crate::plan) fn selected(
        &self,
        live: &LiveSegment,
    ) -> Option<SmallVec<[Selected<'_>; 4]>> {
        if self.is_part(&live.segment) {
            return None;
        }
        let mut selected = SmallVec::with_capacity(self.active_count);
        for part in self.active() {
            selected.push(part.filter.selected()?);
        }
        Some(selected)
    }

    /// Returns the number of matching rows by a cube of the segment, if there is one and it is the
    /// cheapest way.
    pub(super) fn cube_count(&self, live: &LiveSegment) -> Option<u64> {
        let (segment, dead) = (&live.segment, &live.dead);
        let selected = self.selected(live)?;
        let (cells_count, cube) = segment.cube(&selected)?;
        let other_cost = self.blocks_cost.min(self.drive_cost.unwrap_or(u64::MAX));
        if cells_count * CELL_COST > other_cost {
            return None;
        }
        let count = cube.count(&selected);
        if dead.count() == 0 {
            return Some(count);
        }
        if self.mode.may_build()
            && let Some(dead_count) =
                segment.dead_in_cube(cube, &selected, dead, self.filters_hold(live))
        {
            return Some(count - dead_count);
        }
        let dead_cost = self.probes_cost(dead.count().into());
        if cells_count * CELL_COST + dead_cost > other_cost {
            return None;
        }
        let mut dead_count = 0;
        self.for_each_dead(live, |_| dead_count += 1);
        Some(count - dead_count)
    }

    /// Calls `each` with the dead rows that every filter lets through, of all rows of the segment.
    pub(in crate::plan) fn for_each_dead(&self, live: &LiveSegment, mut each: impl FnMut(u32)) {
        let holds = self.filters_hold(live);
        live.dead.for_each(|row| {
            if holds(row) {
                each(row);
            }
        });
    }

    /// Returns the question whether a row, dead or alive, satisfies every filter.
    fn filters_hold<'a>(&'a self, live: &'a LiveSegment) -> impl Fn(u32) -> bool + 'a {
        let filters = self.active().iter();
        let filters: SmallVec<[_; 4]> = filters
            .map(|part| part.filter.probe(&live.segment))
            .collect();
        move |row| filters.iter().all(|filter| filter.holds(row))
    }
}
