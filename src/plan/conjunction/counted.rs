//! What counting by value asks of the filters of a request.

use smallvec::SmallVec;

use super::Conjunction;
use crate::plan::part::Part;
use crate::segment::Selected;
use crate::snapshot::LiveSegment;

/// Returns the classes that each of some filters leaves of its field; none where one is not by value.
pub(super) fn selected_of(parts: &[Part]) -> Option<SmallVec<[Selected<'_>; 4]>> {
    let mut selected = SmallVec::with_capacity(parts.len());
    for part in parts {
        selected.push(part.filter.selected()?);
    }
    Some(selected)
}

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
        selected_of(self.active())
    }

    /// Calls `each` with the dead rows that every filter lets through, of all rows of the segment.
    pub(in crate::plan) fn for_each_dead(&self, live: &LiveSegment, mut each: impl FnMut(u32)) {
        let filters = self.active().iter();
        let filters: SmallVec<[_; 4]> = filters
            .map(|part| part.filter.probe(&live.segment))
            .collect();
        live.dead.for_each(|row| {
            if filters.iter().all(|filter| filter.holds(row)) {
                each(row);
            }
        });
    }
}
