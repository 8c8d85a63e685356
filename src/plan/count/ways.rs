//! The ways to count the rows of a segment by one key.
//!
//! The plain way looks at the ordinal of each matching row. The other ways avoid that: the segment may
//! keep the counts of all rows, the order of a date has the rows of a year, month or day next to each
//! other, a cube has the counts of combinations of values, and where values are few, the row set of each
//! is intersected with the matches. Each way has an estimated cost, and the cheapest is taken.
//!
//! # Invariants
//!
//! * Every way gives the same counts; tests compare them by [`CountMode`].

use super::groups::Kind;
use super::matches::Matches;
use super::{CountMode, CountWay};
use crate::model::date_part::{day_of, last_day_of, last_second_of};
use crate::model::{DatePart, Field};
use crate::segment::{
    BLOCK_ROWS, Column, Counted, RowSet, Segment, Slot, Tally, Unit, blocks_count, by_class,
};

// Costs are in nanoseconds on the machine on which the ways were measured; only their ratios matter.
/// Counting a row by its ordinal.
const ROW_COST: u64 = 2;
/// Counting a row by the day of its date.
const DATED_ROW_COST: u64 = 6;
/// Finding where a year, month or day ends in an order: 800 to 1,600 were measured with a million rows.
const SEARCH_COST: u64 = 1_000;
/// Counting the rows of one block that are in both of two bitmaps.
const COMMON_BLOCK_COST: u64 = 12;
/// Adding up one cell of a cube.
const CELL_COST: u64 = 1;
/// Finding the cells of one class in a cube.
const CLASS_COST: u64 = 20;
/// Reading one kept count.
const COUNTER_COST: u64 = 1;

/// A key and its column in one segment.
#[derive(Clone, Copy)]
pub(super) struct KeyColumn<'a> {
    pub(super) slot: Slot,
    pub(super) kind: Kind,
    pub(super) column: &'a Column,
}

impl KeyColumn<'_> {
    pub(super) fn unit(self) -> Unit {
        match self.kind {
            Kind::Date(_) => Unit::Day,
            _ => Unit::Ordinal,
        }
    }

    /// Returns the cheapest way, or the demanded one where that can serve.
    pub(super) fn choose(self, matches: &Matches<'_, '_>, mode: CountMode) -> CountWay {
        let ways = [
            CountWay::Kept,
            CountWay::Order,
            CountWay::Cube,
            CountWay::Postings,
        ];
        let is_meant = |way: &CountWay| mode.way.is_none_or(|demanded| demanded == *way);
        let costs = ways.into_iter().filter(is_meant);
        let costs = costs.filter_map(|way| Some((self.cost(way, matches, mode)?, way)));
        let cheapest = costs.min_by_key(|(cost, _)| *cost);
        let is_worth = |cost: u64| mode.way.is_some() || cost < self.rows_cost(matches);
        let cheapest = cheapest.filter(|&(cost, _)| is_worth(cost));
        cheapest.map_or(CountWay::Rows, |(_, way)| way)
    }

    /// Counts by the way that [`choose`](KeyColumn::choose) gives; none where that is a look at each row,
    /// which the caller does.
    pub(super) fn count(
        self,
        matches: &Matches<'_, '_>,
        mode: CountMode,
    ) -> Option<Vec<Counted<u64>>> {
        match self.choose(matches, mode) {
            CountWay::Kept => self.count_kept(matches, mode),
            CountWay::Order => self.count_in_order(matches),
            CountWay::Cube => self.count_by_cube(matches),
            CountWay::Postings => self.count_postings(matches),
            CountWay::Rows => None,
        }
    }

    /// Returns the estimated cost of a look at each matching row.
    fn rows_cost(self, matches: &Matches<'_, '_>) -> u64 {
        let row_cost = match self.unit() {
            Unit::Ordinal => ROW_COST,
            Unit::Day => DATED_ROW_COST,
        };
        matches.found.count() * row_cost
    }

    /// Returns the estimated cost of a way; none where it cannot serve.
    fn cost(self, way: CountWay, matches: &Matches<'_, '_>, mode: CountMode) -> Option<u64> {
        let live = matches.live;
        let conjunction = &matches.found.conjunction;
        let dead_count = u64::from(live.dead.count());
        match way {
            CountWay::Kept => {
                let can_serve = self.unit() == Unit::Ordinal
                    && conjunction.is_everything(&live.segment)
                    && (!mode.is_cold || mode.way.is_some());
                let counters = self.column.ordinals_count().saturating_mul(COUNTER_COST);
                can_serve.then_some(counters.saturating_add(dead_count * ROW_COST))
            }
            CountWay::Order => {
                let Kind::Date(part) = self.kind else {
                    return None;
                };
                let can_serve = dead_count == 0
                    && conjunction.is_class_range(self.slot, &live.segment)
                    && live.segment.ensure_sealed_order(self.slot);
                can_serve.then(|| (self.groups_max(part, matches) + 1) * SEARCH_COST)
            }
            CountWay::Cube => {
                let selected = conjunction.selected(live)?;
                let cube = live.segment.cube_by(&selected, self.field()?);
                let cells = cube?.0 * CELL_COST + self.column.classes_count() * CLASS_COST;
                Some(cells + conjunction.probes_cost(dead_count))
            }
            CountWay::Postings => {
                let sets = self.posting_sets(&live.segment)?;
                let blocks = u64::from(blocks_count(live.segment.rows_count()));
                let cost = |set: &RowSet| match set.bitmap() {
                    Some(_) => blocks * COMMON_BLOCK_COST,
                    None => u64::from(set.count()) * ROW_COST,
                };
                let is_few = matches.are_listed() || conjunction.is_range();
                let is_worth = !is_few || mode.way.is_some();
                is_worth.then(|| sets.iter().map(cost).sum())
            }
            CountWay::Rows => None,
        }
    }

    /// Returns the field, where the key is a field whose values are texts and no lists.
    fn field(self) -> Option<Field> {
        match (self.kind, self.slot) {
            (Kind::Text, Slot::Field(field)) => Some(field),
            _ => None,
        }
    }

    fn posting_sets(self, segment: &Segment) -> Option<&[RowSet]> {
        segment.posting_sets(self.field()?)
    }

    /// Counts all live rows: the kept counts of all rows, less those of the dead rows.
    fn count_kept(self, matches: &Matches<'_, '_>, mode: CountMode) -> Option<Vec<Counted<u64>>> {
        let live = matches.live;
        let counts = live.segment.ordinal_counts(self.slot, !mode.is_cold)?;
        let mut counted: Vec<Counted<u64>> = Vec::with_capacity(counts.len());
        let mut dead = Tally::new(self.column, Unit::Ordinal, live.dead.count().into());
        let mut rows = Vec::with_capacity(BLOCK_ROWS as usize);
        live.dead.for_each(|row| {
            rows.push(row);
            if rows.len() == BLOCK_ROWS as usize {
                dead.add(&rows);
                rows.clear();
            }
        });
        dead.add(&rows);
        let mut dead = dead.finish().into_iter().peekable();
        for (ordinal, &count) in (0_u64..).zip(&*counts) {
            let dead_count = dead
                .next_if(|&(own, _)| own == ordinal)
                .map_or(0, |it| it.1);
            let live_count = u64::from(count) - dead_count;
            if live_count > 0 {
                counted.push((ordinal, live_count));
            }
        }
        Some(self.settle(counted))
    }

    /// Turns counts by ordinal into those that [`Kind::groups`] takes: of a text, one for each class.
    pub(super) fn settle(self, counted: Vec<Counted<u64>>) -> Vec<Counted<u64>> {
        match self.kind {
            Kind::Text => by_class(self.column, counted),
            _ => counted,
        }
    }

    /// Returns an upper bound of the years, months or days among the matches.
    fn groups_max(self, part: DatePart, matches: &Matches<'_, '_>) -> u64 {
        let days = match part {
            DatePart::Year => 365,
            DatePart::Month => 28,
            DatePart::Day => 1,
        };
        let classes = self.classes(matches);
        let second = |class: u64| self.column.number_of(class);
        let span = second(classes.start.max(1)).zip(second(classes.end - 1));
        let span = span.map_or(0, |(first, last)| day_of(last) - day_of(first.min(last)));
        span / days + 2
    }

    /// Returns the range of classes that matches can have; never empty.
    fn classes(self, matches: &Matches<'_, '_>) -> std::ops::Range<u64> {
        let range = matches.found.conjunction.class_range(self.slot);
        let end = self.column.classes_count();
        let range = range.unwrap_or(0..end);
        let start = range.start.min(end - 1);
        start..range.end.clamp(start + 1, end)
    }

    /// Counts by the positions in the date's order at which years, months or days end.
    fn count_in_order(self, matches: &Matches<'_, '_>) -> Option<Vec<Counted<u64>>> {
        let Kind::Date(part) = self.kind else {
            return None;
        };
        let order = matches.live.segment.order(self.slot)?;
        let classes = self.classes(matches);
        let positions = order.positions(self.column, &classes);
        let mut counted = Vec::new();
        let mut at = positions.start;
        while at < positions.end {
            let row = order.rows()[at];
            let (unit, classes) = match self.column.number(row) {
                None => (0, 0..1),
                Some(second) => {
                    let day = day_of(second);
                    let last = last_second_of(last_day_of(part, day));
                    (day + 1, self.column.number_classes(second, last))
                }
            };
            let end = order
                .positions(self.column, &classes)
                .end
                .min(positions.end);
            counted.push((unit, (end - at) as u64));
            at = end;
        }
        Some(counted)
    }

    /// Counts by the cells of a cube.
    fn count_by_cube(self, matches: &Matches<'_, '_>) -> Option<Vec<Counted<u64>>> {
        let (live, field) = (matches.live, self.field()?);
        let conjunction = &matches.found.conjunction;
        let selected = conjunction.selected(live)?;
        let (_, cube) = live.segment.cube_by(&selected, field)?;
        let mut counts = cube.counts_by(&selected, field);
        conjunction.for_each_dead(live, |row| counts[self.column.class(row) as usize] -= 1);
        Some(self.spell(matches, counts))
    }

    /// Counts the matches that are in the row set of each value.
    fn count_postings(self, matches: &Matches<'_, '_>) -> Option<Vec<Counted<u64>>> {
        let sets = self.posting_sets(&matches.live.segment)?;
        let counts = sets.iter().map(|set| matches.count_in(set)).collect();
        Some(self.spell(matches, counts))
    }

    /// Turns counts by class into counts by ordinal: the least one of the class that a match has.
    fn spell(self, matches: &Matches<'_, '_>, counts: Vec<u64>) -> Vec<Counted<u64>> {
        let sets = self.posting_sets(&matches.live.segment).unwrap_or_default();
        let ordinal = |class: u32| {
            let ordinals = self.column.dictionary()?.ordinals(class);
            let first = u64::from(ordinals.start);
            if ordinals.len() == 1 {
                return Some(first);
            }
            matches.least_ordinal(self.column, sets.get(class as usize)?, first)
        };
        let counted = (0..).zip(counts).filter(|&(_, count)| count > 0);
        counted
            .filter_map(|(class, count)| Some((ordinal(class)?, count)))
            .collect()
    }
}
