//! Counts by value: how many of the matching tickets have each value of a key.
//!
//! Filters are compiled as for any answer, but no ticket is read. The matching rows of a segment
//! ([`matches`](mod@matches)) are counted by ordinal in one of several [`ways`]; [`groups`] turns
//! ordinals into values and joins the segments, and [`data`] holds the result. A key that is counted
//! without the filters on its own field has another set of filters; keys with the same set share the
//! matching rows.
//!
//! # Cost
//!
//! At most a step for each match and key, and a comparison for each group and segment. Counts of all
//! tickets are kept with a segment, and where filters and key have few values, a cube of the segment
//! has the counts.

mod data;
mod groups;
mod matches;
mod ways;

use std::borrow::Cow;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::conjunction::{Conjunction, FoundTerms};
use super::explain::Work;
use super::filter::Filters;
use super::found::Found;
use super::{FilterMode, PlanMode};
use crate::query::{AnyField, CountKey, CountQuery, Query};
use crate::segment::{RowSet, Slot, Tally};
use crate::snapshot::{LiveSegment, Snapshot};
use groups::{Groups, Kind, join};
use matches::Matches;
use ways::KeyColumn;

pub use data::{Counts, Group, KeyCounts};

/// A way to count the rows of a segment.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CountWay {
    /// By the kept counts of all rows, less those of the dead rows.
    Kept,
    /// By the positions in a date's order at which its years, months or days end.
    Order,
    /// By the cells of a cube.
    Cube,
    /// By intersecting the row set of each value with the matches.
    Postings,
    /// By the ordinal of each row.
    Rows,
}

/// How to count, where tests override the choice by estimated costs to compare all ways.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct CountMode {
    /// How filters are applied.
    pub filters: FilterMode,
    /// The way to count wherever it can serve; where it cannot, each row is looked at.
    pub way: Option<CountWay>,
    /// Whether to count without the data that is kept between requests, and to keep none.
    pub is_cold: bool,
}

impl CountMode {
    /// Every mode.
    pub fn all() -> impl Iterator<Item = CountMode> {
        let filters = [FilterMode::Planned, FilterMode::Reversed, FilterMode::Scan];
        let ways = [
            None,
            Some(CountWay::Kept),
            Some(CountWay::Order),
            Some(CountWay::Cube),
            Some(CountWay::Postings),
            Some(CountWay::Rows),
        ];
        let with_ways = filters.into_iter().flat_map(move |filters| {
            ways.into_iter().map(move |way| CountMode {
                filters,
                way,
                is_cold: false,
            })
        });
        with_ways.flat_map(|mode| [false, true].map(|is_cold| CountMode { is_cold, ..mode }))
    }

    fn plan(self) -> PlanMode {
        PlanMode {
            filters: self.filters,
            strategy: None,
            is_cold: self.is_cold,
        }
    }
}

impl Snapshot {
    /// Counts the tickets that match, and how many of them have each value of each key.
    ///
    /// This cannot fail: whatever could be wrong with a request is found when the [`CountQuery`] is
    /// made.
    ///
    /// # Cost
    ///
    /// That of finding the matches, and at most a step for each match and key; a list costs one for
    /// each of its elements too. It is less where filters and key have few values, and where all
    /// tickets are counted: their counts are kept for the next time, within the store's budget. Memory
    /// is a few bytes for each distinct value.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{CountQuery, Store, Ticket};
    ///
    /// let ticket = |tid: u64| Ticket {
    ///     tid,
    ///     status: ["Open", "Closed"][tid as usize % 2].into(),
    ///     company_id: tid % 3,
    ///     ..Ticket::default()
    /// };
    /// let snapshot = Store::from_tickets((1..=9).map(ticket))?.snapshot();
    /// let query: CountQuery =
    ///     "action=count_tickets&status=Open&by=status,company_id&exclude_own=Y".parse()?;
    /// let counts = snapshot.count_by(&query);
    /// assert_eq!(counts.total(), 4);
    /// let shown = |at: usize| counts.by()[at].groups().iter().map(|it| (it.value(), it.count()));
    /// // Of each status, whatever status is asked for; of each company among the open ones.
    /// assert_eq!(shown(0).collect::<Vec<_>>(), [("Closed", 5), ("Open", 4)]);
    /// assert_eq!(shown(1).collect::<Vec<_>>(), [("0", 1), ("1", 1), ("2", 2)]);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn count_by(&self, query: &CountQuery) -> Counts {
        self.count_by_with(query, CountMode::default())
    }

    /// Counts as [`count_by`](Snapshot::count_by) does, but only tickets whose numbers are in a set.
    ///
    /// Numbers that no ticket has are no error. The counts are the same as those of a store that holds
    /// only the tickets of the set.
    ///
    /// # Cost
    ///
    /// That of [`count_by`](Snapshot::count_by), and for each segment the least of a search for each
    /// number of the set between its first ticket and its last, a look into the set for each of its
    /// rows, and a step through both.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::roaring::RoaringTreemap;
    /// use ticketdex::{CountQuery, Store, Ticket};
    ///
    /// let ticket = |tid: u64| Ticket { tid, company_id: tid % 3, ..Ticket::default() };
    /// let snapshot = Store::from_tickets((1..=9).map(ticket))?.snapshot();
    /// let query: CountQuery = "action=count_tickets&by=company_id".parse()?;
    /// let counts = snapshot.count_by_within(&query, &RoaringTreemap::from([1, 4, 5, 70]));
    /// assert_eq!((counts.total(), counts.by()[0].distinct()), (3, 2));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn count_by_within(&self, query: &CountQuery, tids: &RoaringTreemap) -> Counts {
        self.count_by_within_with(query, tids, CountMode::default())
    }

    /// Counts by a given way.
    #[doc(hidden)]
    pub fn count_by_with(&self, query: &CountQuery, mode: CountMode) -> Counts {
        self.count_of(query, &[], mode)
    }

    /// Counts within a set by a given way.
    #[doc(hidden)]
    pub fn count_by_within_with(
        &self,
        query: &CountQuery,
        tids: &RoaringTreemap,
        mode: CountMode,
    ) -> Counts {
        self.count_of(query, &self.rows_within(tids), mode)
    }

    fn count_of(&self, query: &CountQuery, within: &[Arc<RowSet>], mode: CountMode) -> Counts {
        let keys: Vec<Key> = query.keys().iter().map(|key| Key::of(key, self)).collect();
        let mut groups: Vec<Vec<Groups<'_>>> = keys.iter().map(|_| Vec::new()).collect();
        let mut total = 0;
        for (at, (matching, members)) in group_keys(query).into_iter().enumerate() {
            let mut filters = Filters::of(&matching, self.names());
            filters.within = within.to_vec();
            let (mode_of_plan, mut terms) = (mode.plan(), FoundTerms::default());
            for (index, live) in self.segments().iter().enumerate() {
                let conjunction =
                    Conjunction::compile(&filters, index, live, mode_of_plan, &mut terms);
                let found = Found::new(conjunction, live, &mut Work::default());
                if at == 0 {
                    total += found.count();
                }
                if found.count() > 0 && !members.is_empty() {
                    let own = members.iter().map(|&member| &keys[member]);
                    let counted = count_segment(own, &Matches::new(&found, live), mode);
                    for (&member, counted) in members.iter().zip(counted) {
                        groups[member].push(counted);
                    }
                }
            }
        }
        let by = keys.into_iter().zip(groups);
        let by = by.map(|(key, groups)| key.kind.finish(key.shown, &join(groups), query.top()));
        Counts {
            total,
            by: by.collect(),
        }
    }
}

/// Returns the distinct queries whose matches keys are counted among, and the indexes of the keys of
/// each; the first is the request's own query.
fn group_keys(query: &CountQuery) -> Vec<(Cow<'_, Query>, Vec<usize>)> {
    let mut grouped = vec![(Cow::Borrowed(query.matching()), Vec::new())];
    let mut fields: Vec<Option<AnyField>> = vec![None];
    for (at, key) in query.keys().iter().enumerate() {
        let Some(matching) = query.matching_for(key) else {
            grouped[0].1.push(at);
            continue;
        };
        let field = Some(key.field());
        if let Some(index) = fields.iter().position(|own| *own == field) {
            grouped[index].1.push(at);
        } else {
            fields.push(field);
            grouped.push((Cow::Owned(matching), vec![at]));
        }
    }
    grouped
}

/// A key of a request, resolved for a snapshot.
struct Key {
    /// The key as a response names it.
    shown: CountKey,
    /// The slot of its values; none where no ticket of the snapshot can have one.
    slot: Option<Slot>,
    kind: Kind,
}

impl Key {
    fn of(key: &CountKey, snapshot: &Snapshot) -> Key {
        let kind = Kind::of(key);
        let (shown, slot) = match key {
            CountKey::Field(field) | CountKey::Part(field, _) => {
                (key.clone(), Some(Slot::Field(*field)))
            }
            CountKey::Custom(name) => match snapshot.names().find(name) {
                Some(index) => {
                    let own = snapshot.custom_names()[index as usize].clone();
                    (CountKey::Custom(own), Some(Slot::Custom(index)))
                }
                None => (key.clone(), None),
            },
        };
        Key { shown, slot, kind }
    }

    /// Returns the column of the key in a segment; none where no row has a value.
    fn column<'a>(&self, live: &'a LiveSegment) -> Option<KeyColumn<'a>> {
        let slot = self.slot?;
        let column = live.segment.column(slot)?;
        let kind = self.kind;
        Some(KeyColumn { slot, kind, column })
    }
}

/// Counts the matches of a segment by several keys; one pass counts all keys that need a look at each row.
fn count_segment<'s, 'k>(
    keys: impl Iterator<Item = &'k Key>,
    matches: &Matches<'_, 's>,
    mode: CountMode,
) -> Vec<Groups<'s>> {
    let count = matches.found.count();
    let mut left = Vec::new();
    let mut tallies = Vec::new();
    let mut groups: Vec<Groups<'s>> = Vec::new();
    for (at, key) in keys.enumerate() {
        let column = key.column(matches.live);
        let known = column.map(|column| (column, column.count(matches, mode)));
        groups.push(match known {
            None => key.kind.empty_groups(count),
            Some((own, Some(counted))) => key.kind.groups(own.column, counted),
            Some((own, None)) => {
                left.push((at, own));
                tallies.push(Tally::new(own.column, own.unit(), count));
                // Replaced below, where all tallies are made in one pass.
                key.kind.empty_groups(0)
            }
        });
    }
    if !tallies.is_empty() {
        matches.count_into(&mut tallies);
    }
    for ((at, own), tally) in left.into_iter().zip(tallies) {
        groups[at] = own.kind.groups(own.column, own.settle(tally.finish()));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, Ticket};

    /// Three blocks of tickets opened hour by hour, with few statuses and priorities and many customers.
    fn store() -> Store {
        let ticket = |tid: u64| Ticket {
            tid,
            cid: format!("c{}", tid * 7 % 3_000),
            status: ["Open", "Closed", "open", "Pending"][tid as usize % 4].into(),
            priority: ["High", "Low"][tid as usize / 4 % 2].into(),
            subject: ["printer", "screen"][tid as usize % 2].into(),
            date_opened: Some(at(tid)),
            ..Ticket::default()
        };
        Store::from_tickets((1..=12_000).map(ticket)).unwrap()
    }

    fn at(tid: u64) -> chrono::NaiveDateTime {
        let first = chrono::NaiveDate::from_ymd_opt(2014, 1, 1).unwrap();
        first.and_hms_opt(0, 0, 0).unwrap() + chrono::TimeDelta::hours(tid.cast_signed())
    }

    /// Returns the way in which each key of a request is counted in each segment.
    fn ways(snapshot: &Snapshot, request: &str, mode: CountMode) -> Vec<CountWay> {
        let query: CountQuery = format!("action=count_tickets&{request}").parse().unwrap();
        let filters = Filters::of(query.matching(), snapshot.names());
        let mut terms = FoundTerms::default();
        let mut ways = Vec::new();
        for (index, live) in snapshot.segments().iter().enumerate() {
            let mode_of_plan = mode.plan();
            let conjunction = Conjunction::compile(&filters, index, live, mode_of_plan, &mut terms);
            let found = Found::new(conjunction, live, &mut Work::default());
            let matches = Matches::new(&found, live);
            for key in query.keys() {
                let column = Key::of(key, snapshot).column(live).unwrap();
                ways.push(column.choose(&matches, mode));
            }
        }
        ways
    }

    #[test]
    fn the_cheapest_way_is_taken() {
        let snapshot = store().snapshot();
        let dated = "date_opened%3E=2014-02-01&date_opened%3C=2014-12-31";
        let cases = [
            (
                "by=status,cid".to_owned(),
                vec![CountWay::Kept, CountWay::Kept],
            ),
            ("by=status&priority=High".to_owned(), vec![CountWay::Cube]),
            (
                "by=status,cid&keyword=print".to_owned(),
                vec![CountWay::Postings, CountWay::Rows],
            ),
            (
                format!("by=date_opened.year,date_opened.month&{dated}"),
                vec![CountWay::Order, CountWay::Order],
            ),
            // The order of a date tells nothing of a status, and days are too many to look each up.
            (
                "by=date_opened.month,date_opened.day&status=open".to_owned(),
                vec![CountWay::Rows, CountWay::Rows],
            ),
            ("by=date_opened.day".to_owned(), vec![CountWay::Rows]),
            // A few rows are looked at.
            ("by=status&cid=c7".to_owned(), vec![CountWay::Rows]),
        ];
        for (request, expected) in cases {
            let own = ways(&snapshot, &request, CountMode::default());
            assert_eq!(own, expected, "{request}");
        }
    }

    #[test]
    fn a_demanded_way_is_taken_where_it_can_serve() {
        let snapshot = store().snapshot();
        let demand = |way: CountWay| CountMode {
            way: Some(way),
            ..CountMode::default()
        };
        let request = "by=status,cid,date_opened.day";
        let expected = [
            (
                CountWay::Kept,
                [CountWay::Kept, CountWay::Kept, CountWay::Rows],
            ),
            (
                CountWay::Order,
                [CountWay::Rows, CountWay::Rows, CountWay::Order],
            ),
            (
                CountWay::Postings,
                [CountWay::Postings, CountWay::Rows, CountWay::Rows],
            ),
            (CountWay::Rows, [CountWay::Rows; 3]),
        ];
        for (way, expected) in expected {
            assert_eq!(ways(&snapshot, request, demand(way)), expected, "{way:?}");
        }
        // What is kept between requests serves no cold count, unless that is demanded.
        let cold = |way| CountMode {
            way,
            is_cold: true,
            ..CountMode::default()
        };
        assert_ne!(ways(&snapshot, "by=status", cold(None)), [CountWay::Kept]);
        assert_eq!(
            ways(&snapshot, "by=status", cold(Some(CountWay::Kept))),
            [CountWay::Kept]
        );
    }
}
