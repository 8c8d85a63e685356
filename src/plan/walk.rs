//! A walk: rows in the order of a first key, each asked whether it matches.
//!
//! What a page passes over is counted along the [`Course`], not given.
//!
//! # Cost
//!
//! Giving rows costs a step for each row that is visited: the page ÷ the selectivity.

use std::cmp::Ordering;
use std::ops::Range;

use super::conjunction::{Probes, Scope};
use super::course::{Course, RankMarks};
use super::explain::Work;
use super::matcher::{Asked, Matcher};
use super::order::{Key, Value};
use super::place::Place;
use crate::segment::{Column, SlotColumn, SortedRows};

/// A course, and how far it is passed.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    course: Course,
    /// The positions that are neither passed nor in `group`.
    left: Range<usize>,
    /// The positions left of the ties that were begun.
    group: Range<usize>,
    rank_marks: RankMarks,
}

/// What a walk looks at: found once for the many steps that it takes at a time.
struct View<'a> {
    scope: Scope<'a>,
    sorted: Option<&'a SortedRows>,
    column: Option<&'a Column>,
    /// The filters as questions to rows, where the walk asks them.
    probes: Option<Probes<'a>>,
}

/// A walk as groups of ties.
pub(super) struct Groups<'w, 'a> {
    walk: &'w mut Walk,
    view: View<'a>,
}

impl Groups<'_, '_> {
    /// Appends all matches of the next ties that have any; false where none has.
    pub(super) fn take(&mut self, out: &mut Vec<u32>, work: &mut Work) -> bool {
        let has_more = self.walk.begin_group(&self.view, work);
        let group = std::mem::replace(&mut self.walk.group, 0..0);
        if has_more && group.len() == 1 {
            // It is the match that was found.
            out.push(self.view.rows()[group.start]);
            work.rows_touched += 1;
        } else {
            self.walk.collect(&self.view, group, usize::MAX, out, work);
        }
        has_more
    }
}

impl<'a> View<'a> {
    /// Returns the rows of the whole order, by position.
    fn rows(&self) -> &'a [u32] {
        self.sorted.map_or(&[], SortedRows::rows)
    }

    /// Returns what answers whether a row matches, where the walk asks its rows.
    fn asked<'b>(&'b self, matcher: &'b mut Matcher) -> Option<(&'b mut Asked, &'b Probes<'a>)> {
        match (matcher, &self.probes) {
            (Matcher::Asked(asked), Some(probes)) => Some((asked, probes)),
            _ => None,
        }
    }
}

impl Walk {
    /// Starts at the front or at the back of the positions of a key's order.
    pub(super) fn new(key: Key, ties_descend: bool, span: Range<usize>, matcher: Matcher) -> Walk {
        Walk {
            left: span.clone(),
            course: Course {
                key,
                ties_descend,
                matcher,
                span,
            },
            group: 0..0,
            rank_marks: RankMarks::default(),
        }
    }

    /// Returns whether the rank of a match can be told without giving those before.
    pub(super) fn is_countable(&self) -> bool {
        !matches!(&self.course.matcher, Matcher::Asked(_))
    }

    /// Returns whether the positions that come first have at least `wanted` matches, or are all that there are.
    pub(super) fn is_short(
        &mut self,
        scope: Scope<'_>,
        wanted: usize,
        positions_max: usize,
        work: &mut Work,
    ) -> bool {
        let Range { start, end } = self.left;
        if end - start <= positions_max {
            return true;
        }
        let positions_max = positions_max.max(1);
        let group_at = |position: usize| {
            let group = self.group_at(scope, position);
            group.start.max(start)..group.end.min(end)
        };
        // The positions that are wholly among the first, and those of the ties that are cut there.
        let (whole, cut) = match (self.course.key.descends, self.course.ties_descend) {
            (false, false) => (start..start + positions_max, 0..0),
            (true, true) => (end - positions_max..end, 0..0),
            // Groups of ties come from the back, each from its front.
            (true, false) => {
                let from = end - positions_max;
                let group = group_at(from);
                let tried = group.start..group.start + (group.end - from);
                (group.end..end, tried)
            }
            // Groups of ties come from the front, each from its back.
            (false, true) => {
                let to = start + positions_max;
                let group = group_at(to - 1);
                let tried = group.end - (to - group.start)..group.end;
                (start..group.start, tried)
            }
        };
        let mut matches = Vec::new();
        for positions in [whole, cut] {
            if matches.len() < wanted {
                self.collect(&self.view(scope), positions, wanted, &mut matches, work);
            }
        }
        matches.len() >= wanted
    }

    /// Appends matches until there are `wanted` rows; false once none is left.
    ///
    /// Ties come by row, in the direction that the walk was made for.
    pub(super) fn take(
        &mut self,
        scope: Scope<'_>,
        wanted: usize,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) -> bool {
        let view = self.view(scope);
        let left = self.group.len() + self.left.len();
        out.reserve(left.min(wanted.saturating_sub(out.len())));
        while out.len() < wanted {
            if Range::is_empty(&self.group) {
                if self.course.turns_ties() {
                    if !self.begin_group(&view, work) {
                        return false;
                    }
                    if self.group.len() == 1 {
                        // It is the match that was found.
                        out.push(view.rows()[self.group.start]);
                        work.rows_touched += 1;
                        self.group = 0..0;
                        continue;
                    }
                } else if Range::is_empty(&self.left) {
                    return false;
                } else {
                    // Groups follow one another as they lie.
                    self.group = std::mem::replace(&mut self.left, 0..0);
                }
            }
            let passed = self.collect(&view, self.group.clone(), wanted, out, work);
            if self.course.ties_descend {
                self.group.end -= passed;
            } else {
                self.group.start += passed;
            }
        }
        true
    }

    /// Appends all matches of the next ties that have any; false where none has.
    pub(super) fn take_group(
        &mut self,
        scope: Scope<'_>,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) -> bool {
        self.groups(scope).take(out, work)
    }

    /// Returns the walk as groups of ties, to take many of them one after the other.
    pub(super) fn groups<'a>(&mut self, scope: Scope<'a>) -> Groups<'_, 'a> {
        Groups {
            view: self.view(scope),
            walk: self,
        }
    }

    /// Finds what the walk looks at.
    fn view<'a>(&self, scope: Scope<'a>) -> View<'a> {
        let is_asked = matches!(self.course.matcher, Matcher::Asked(_));
        View {
            scope,
            sorted: self.course.sorted(scope),
            column: self.course.column(scope),
            probes: is_asked.then(|| scope.conjunction.probes(scope.live)),
        }
    }

    /// Makes the next ties that have a match the group; false where none has.
    fn begin_group(&mut self, view: &View<'_>, work: &mut Work) -> bool {
        let Some(position) = self.next_match(view, work) else {
            self.left = 0..0;
            return false;
        };
        let (column, sorted) = (view.column, view.sorted);
        if self.course.key.descends {
            let start = sorted.map_or(0, |sorted| sorted.group_start(column, position));
            self.group = start.max(self.left.start)..position + 1;
            self.left.end = self.group.start;
        } else {
            let end = sorted.map_or(0, |sorted| sorted.group_end(column, position));
            self.group = position..end.min(self.left.end);
            self.left.start = self.group.end;
        }
        true
    }

    /// Returns the first position left whose row matches.
    fn next_match(&mut self, view: &View<'_>, work: &mut Work) -> Option<usize> {
        let rows = &view.rows()[self.left.clone()];
        let (dead, descends) = (&view.scope.live.dead, self.course.key.descends);
        let found = if let Some(bits) = self.course.bitmap(view.scope) {
            position_where(rows, descends, |row| bits.contains(row))
        } else if let Some((asked, probes)) = view.asked(&mut self.course.matcher) {
            position_where(rows, descends, |row| {
                asked.holds(view.scope, probes, row, work)
            })
        } else if dead.count() == 0 {
            position_where(rows, descends, |_| true)
        } else {
            position_where(rows, descends, |row| !dead.contains(row))
        };
        let passed = match found {
            Some(at) if descends => rows.len() - 1 - at,
            Some(at) => at,
            None => rows.len(),
        };
        work.rows_touched += passed as u64;
        found.map(|at| self.left.start + at)
    }

    /// Appends the matches at positions, from the side from which ties come, until there are `wanted`
    /// rows; returns how many positions it passed.
    fn collect(
        &mut self,
        view: &View<'_>,
        positions: Range<usize>,
        wanted: usize,
        out: &mut Vec<u32>,
        work: &mut Work,
    ) -> usize {
        let rows = (&view.rows()[positions], self.course.ties_descend);
        let dead = &view.scope.live.dead;
        let passed = if let Some(bits) = self.course.bitmap(view.scope) {
            collect_where(rows, wanted, out, |row| bits.contains(row))
        } else if let Some((asked, probes)) = view.asked(&mut self.course.matcher) {
            collect_where(rows, wanted, out, |row| {
                asked.holds(view.scope, probes, row, work)
            })
        } else if dead.count() == 0 {
            collect_where(rows, wanted, out, |_| true)
        } else {
            collect_where(rows, wanted, out, |row| !dead.contains(row))
        };
        work.rows_touched += passed as u64;
        passed
    }

    /// Passes over what comes before the ties of a place in the key; returns whether there are any.
    pub(super) fn seek(&mut self, scope: Scope<'_>, place: &Place) -> bool {
        let Some(value) = place.first() else {
            if place.is_behind_all() {
                self.left = 0..0;
            }
            return false;
        };
        let group = self.group_of(scope, &value);
        if self.course.key.descends {
            self.left.end = group.start;
        } else {
            self.left.start = group.end;
        }
        let has_ties = !group.is_empty();
        self.group = group;
        has_ties
    }

    /// Leaves only some rows of the ties that were sought.
    pub(super) fn seek_rows(&mut self, scope: Scope<'_>, rows: &Range<u32>) {
        let ties = &self.course.rows(scope)[self.group.clone()];
        let start = ties.partition_point(|&row| row < rows.start);
        let end = ties.partition_point(|&row| row < rows.end);
        self.group = self.group.start + start..self.group.start + end.max(start);
    }

    /// Appends all matches of the ties that were sought.
    pub(super) fn take_sought(&mut self, scope: Scope<'_>, out: &mut Vec<u32>, work: &mut Work) {
        let group = std::mem::replace(&mut self.group, 0..0);
        self.collect(&self.view(scope), group, usize::MAX, out, work);
    }

    /// Passes over the first `count` of all matches, in the order of [`take`](Self::take).
    pub(super) fn skip(&mut self, scope: Scope<'_>, count: u64, work: &mut Work) {
        let offset = self.offset_of(scope, count, work);
        if offset == self.course.span.len() {
            self.left = 0..0;
            return;
        }
        let position = self.course.position(offset);
        match (self.course.key.descends, self.course.ties_descend) {
            (false, false) => self.left.start = position,
            (true, true) => self.left.end = position + 1,
            (true, false) => {
                let group = self.group_at(scope, position);
                self.group = self.position_in(scope, &group, count, work)..group.end;
                self.left.end = group.start;
            }
            (false, true) => {
                let group = self.group_at(scope, position);
                self.group = group.start..self.position_in(scope, &group, count, work) + 1;
                self.left.start = group.end;
            }
        }
    }

    /// Passes over the groups of ties before that of the nth match; returns how many matches
    /// they have.
    pub(super) fn skip_groups(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> u64 {
        let offset = self.offset_of(scope, nth, work);
        if offset == self.course.span.len() {
            self.left = 0..0;
            return nth;
        }
        let group = self.group_at(scope, self.course.position(offset));
        if self.course.key.descends {
            self.left.end = group.end;
        } else {
            self.left.start = group.start;
        }
        self.ranks(scope, &group, work).start
    }

    /// Returns the positions of the ties that a position is of.
    pub(super) fn group_at(&self, scope: Scope<'_>, position: usize) -> Range<usize> {
        let column = self.course.column(scope);
        self.course.sorted(scope).map_or(0..0, |sorted| {
            let start = sorted
                .group_start(column, position)
                .max(self.course.span.start);
            start..sorted.group_end(column, position).min(self.course.span.end)
        })
    }

    /// Returns the positions of the rows with a value.
    pub(super) fn group_of(&self, scope: Scope<'_>, value: &Value<'_>) -> Range<usize> {
        let column = self.course.column(scope);
        let classes = column.map_or(0..0, |column| value.classes(column));
        self.group_of_classes(scope, value, &classes)
    }

    /// Returns the same, given the classes that the value has in a column of ordinals.
    pub(super) fn group_of_classes(
        &self,
        scope: Scope<'_>,
        value: &Value<'_>,
        classes: &Range<u64>,
    ) -> Range<usize> {
        let Some(sorted) = self.course.sorted(scope) else {
            return 0..0;
        };
        let column = scope.live.segment.slot_column(self.course.key.slot);
        let within = |position: usize| position.clamp(self.course.span.start, self.course.span.end);
        let group = match column {
            SlotColumn::Ordinals(column) => sorted.positions(column, classes),
            SlotColumn::Long(texts) => {
                let compare = |row: u32| Value::Long(texts.kept(row)).cmp(value);
                let rows = sorted.rows();
                let start = rows.partition_point(|&row| compare(row) == Ordering::Less);
                let ties = &rows[start..];
                start..start + ties.partition_point(|&row| compare(row) == Ordering::Equal)
            }
            SlotColumn::Absent => 0..0,
        };
        within(group.start)..within(group.end)
    }

    /// Returns how many matches come before a group of ties, and through it.
    pub(super) fn ranks(
        &mut self,
        scope: Scope<'_>,
        group: &Range<usize>,
        work: &mut Work,
    ) -> Range<u64> {
        let offsets = self.course.offsets(group);
        let start = self.passed(scope, offsets.start, work);
        // Most segments do not have the value that another was asked for.
        let is_empty = offsets.is_empty();
        start..if is_empty {
            start
        } else {
            self.passed(scope, offsets.end, work)
        }
    }

    /// Returns how many matches come before the rows of a group from `row` on, which ascend.
    pub(super) fn rank_in(
        &mut self,
        scope: Scope<'_>,
        group: &Range<usize>,
        row: u32,
        work: &mut Work,
    ) -> u64 {
        let ties = &self.course.rows(scope)[group.clone()];
        let position = group.start + ties.partition_point(|&other| other < row);
        if self.course.key.descends {
            let ranks = self.ranks(scope, group, work);
            let behind = self.passed(scope, self.course.span.end - position, work);
            ranks.start + ranks.end - behind
        } else {
            self.passed(scope, position - self.course.span.start, work)
        }
    }

    /// Returns the position of the nth match, which is one of a group.
    fn position_in(
        &mut self,
        scope: Scope<'_>,
        group: &Range<usize>,
        nth: u64,
        work: &mut Work,
    ) -> usize {
        let nth = if self.course.turns_ties() {
            // The walk passes ties from one side, but gives them from the other.
            let ranks = self.ranks(scope, group, work);
            ranks.start + ranks.end - 1 - nth
        } else {
            nth
        };
        let offset = self.offset_of(scope, nth, work);
        self.course.position(offset)
    }

    /// Returns the row of the nth match, which is one of a group.
    pub(super) fn row_in(
        &mut self,
        scope: Scope<'_>,
        group: &Range<usize>,
        nth: u64,
        work: &mut Work,
    ) -> u32 {
        let position = self.position_in(scope, group, nth, work);
        self.course.rows(scope)[position]
    }

    /// Returns a row that ties with the nth match.
    pub(super) fn row_at(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> u32 {
        let offset = self.offset_of(scope, nth, work);
        self.course.rows(scope)[self.course.position(offset)]
    }

    /// Returns how many matches are at the offsets before one.
    fn passed(&mut self, scope: Scope<'_>, offsets_count: usize, work: &mut Work) -> u64 {
        self.rank_marks
            .passed(&self.course, scope, offsets_count, work)
    }

    /// Returns the offset of the nth match; past the last match, the end of the span.
    fn offset_of(&mut self, scope: Scope<'_>, nth: u64, work: &mut Work) -> usize {
        self.rank_marks.offset_of(&self.course, scope, nth, work)
    }
}

/// Returns the index of the first row that matches, or of the last.
fn position_where(
    rows: &[u32],
    is_last: bool,
    mut is_match: impl FnMut(u32) -> bool,
) -> Option<usize> {
    if is_last {
        rows.iter().rposition(|&row| is_match(row))
    } else {
        rows.iter().position(|&row| is_match(row))
    }
}

/// Appends the rows that match until there are `wanted`, from the first on or from the last; returns
/// how many were asked.
fn collect_where(
    (rows, is_from_last): (&[u32], bool),
    wanted: usize,
    out: &mut Vec<u32>,
    mut is_match: impl FnMut(u32) -> bool,
) -> usize {
    let asked = if is_from_last {
        push_where(rows.iter().rev(), wanted, out, &mut is_match)
    } else {
        push_where(rows.iter(), wanted, out, &mut is_match)
    };
    asked.unwrap_or(rows.len())
}

/// Appends the rows that match until there are `wanted`; returns how many were asked, none if all.
fn push_where<'a>(
    rows: impl Iterator<Item = &'a u32>,
    wanted: usize,
    out: &mut Vec<u32>,
    is_match: &mut impl FnMut(u32) -> bool,
) -> Option<usize> {
    for (asked, &row) in rows.enumerate() {
        if out.len() >= wanted {
            return Some(asked);
        }
        if is_match(row) {
            out.push(row);
        }
    }
    None
}
