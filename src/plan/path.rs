//! Paths: the ways to the rows of a segment in order, each priced as it is then carried out.
//!
//! The choice is one ladder. Once the filters are bound and the matches are counted, each strategy
//! says by which [`Path`] it would serve the order, and at what cost; the cheapest is taken, carried
//! out by [`PathRows`](super::path_rows::PathRows) as it was priced, and shown by
//! [`explain`](super::explain). What a strategy decides within itself (whether the rows of one
//! filter are listed, how a walk knows its matches) is a part of its path, and is not decided again.
//! Two paths leave a choice for later, since it depends on what is not known yet: a nested path chooses a
//! path for the rows of each value when it comes to them, and a walk whose length is a guess is given up
//! for another path once it has passed too many positions.
//!
//! # Invariants
//!
//! * Choosing makes no order, except in a revision those that other segments have from their seal on.
//!   [`Choice::settle`] notes what an order would have saved, and makes the order that the path needs.

use std::sync::Arc;

use super::Strategy;
use super::blocks;
use super::bucket;
use super::cost::PRICING_COST;
use super::due::order_cost;
use super::explain::SegmentPlan;
use super::found::Found;
use super::nested_price::{self, NestedPath};
use super::order::Key;
use super::sketch::{Filtering, SegmentSketch, counting_plan};
use super::task::Task;
use super::top;
use super::walk_price::{self, WalkPath};
use crate::segment::{Segment, Slot};

/// Up to this many matches are sorted if that is cheap: other ways could hardly save as much as pricing them
/// takes.
const SORTED_MATCHES_MAX: u64 = 48;

/// A way to the rows of a segment in order, decided and not begun.
#[derive(Clone, Debug)]
pub(super) enum Path {
    /// Lists the rows of one filter, in row order.
    Listed,
    /// Takes the rows of block after block, in row order.
    Blocks,
    /// Walks along the order of the first key.
    Walk(WalkPath),
    /// Takes the rows of value after value of the first key.
    Bucket(Key),
    /// Takes the rows of value after value of the first key, those of each by a path of their own.
    Nested(NestedPath),
    /// Selects the best of all matches.
    TopK,
    /// Selects the best of the matches of the blocks that can have them.
    Zones(Key),
    /// Sorts all matches.
    Sort,
}

/// A path with what it is estimated to cost, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Priced {
    pub(super) path: Path,
    pub(super) cost: u64,
}

impl Path {
    fn strategy(&self) -> Strategy {
        match self {
            Path::Listed | Path::Blocks => Strategy::RowOrder,
            Path::Walk(_) => Strategy::Walk,
            Path::Bucket(_) => Strategy::Bucket,
            Path::Nested(_) => Strategy::Nested,
            Path::TopK => Strategy::TopK,
            Path::Zones(_) => Strategy::Zones,
            Path::Sort => Strategy::Sort,
        }
    }

    /// Returns the slot whose order the path walks along or counts on, if that order is not there yet.
    fn lacking_order(&self) -> Option<Slot> {
        match self {
            Path::Walk(walk) if walk.span.is_none() => Some(walk.key.slot),
            Path::Nested(nested) => nested.lacking,
            _ => None,
        }
    }
}

/// Returns the path by which a strategy serves the order; none where it cannot.
pub(super) fn price(strategy: Strategy, found: &Found, task: Task<'_>) -> Option<Priced> {
    let (path, cost) = match (strategy, task.order.keys.first()) {
        (Strategy::RowOrder, None) => {
            let (cost, is_listed) = blocks::cost(found, task.need);
            let path = if is_listed {
                Path::Listed
            } else {
                Path::Blocks
            };
            (path, cost)
        }
        (Strategy::RowOrder, Some(_))
        | (Strategy::Walk | Strategy::Bucket | Strategy::Nested | Strategy::Zones, None) => {
            return None;
        }
        (Strategy::Walk, Some(&key)) => {
            let (walk, cost) = walk_price::price(found, task, key)?;
            (Path::Walk(walk), cost)
        }
        (Strategy::Bucket, Some(&key)) => (Path::Bucket(key), bucket::cost(found, task, key)?),
        (Strategy::Nested, Some(&key)) => {
            let (nested, cost) = nested_price::price(found, task, key)?;
            (Path::Nested(nested), cost)
        }
        (Strategy::TopK, first) => (Path::TopK, top::top_cost(found, task, first)),
        (Strategy::Zones, Some(&key)) => (Path::Zones(key), top::zones_cost(found, task, key)?),
        (Strategy::Sort, first) => (Path::Sort, top::sort_all_cost(found, task, first)),
    };
    Some(Priced { path, cost })
}

/// Returns the cheapest path that needs no order to be made, by one of some strategies.
fn least_ready(
    strategies: impl IntoIterator<Item = Strategy>,
    found: &Found,
    task: Task<'_>,
) -> Option<Priced> {
    strategies
        .into_iter()
        .filter_map(|strategy| price(strategy, found, task))
        .filter(|priced| priced.path.lacking_order().is_none())
        .min_by_key(|priced| priced.cost)
}

/// Returns the path to take in place of a walk that is given up.
pub(super) fn without_walk(found: &Found, task: Task<'_>) -> Path {
    let others = Strategy::ALL.into_iter();
    let others = others.filter(|&strategy| strategy != Strategy::Walk);
    least_ready(others, found, task).map_or(Path::Sort, |priced| priced.path)
}

impl Priced {
    /// Returns a path that is not worth comparing with others, if there is one: row order, which is the
    /// least work where it serves, a sort of a few matches, or a walk that ends soon.
    fn at_once(found: &Found, task: Task<'_>) -> Option<Priced> {
        if task.order.keys.is_empty() {
            return price(Strategy::RowOrder, found, task);
        }
        let (strategy, cost_max) = if found.count() <= SORTED_MATCHES_MAX {
            (Strategy::Sort, 2 * PRICING_COST)
        } else {
            (Strategy::Walk, PRICING_COST)
        };
        let priced = price(strategy, found, task)?;
        let is_ready = priced.path.lacking_order().is_none();
        (is_ready && priced.cost <= cost_max).then_some(priced)
    }
}

/// The path that was chosen for a segment.
#[derive(Debug)]
pub(super) struct Choice {
    chosen: Priced,
    /// The path to take in place of one whose order cannot be made.
    otherwise: Option<Priced>,
    /// The order that would have saved time, and how many nanoseconds.
    missed: Option<(Slot, u64)>,
    fell_back_from: Option<Strategy>,
}

impl Choice {
    /// The choice where no row is asked for.
    pub(super) const NOTHING: Choice = Choice::of(Priced {
        path: Path::Blocks,
        cost: 0,
    });

    /// Chooses the path with the least cost of those that serve the order, or a demanded one.
    pub(super) fn new(found: &Found, task: Task<'_>) -> Choice {
        let demanded = task.mode.strategy;
        if demanded.is_none() && task.live.segment.is_scanned() {
            return Choice::unpriced(found, task);
        }
        if demanded.is_none()
            && let Some(chosen) = Priced::at_once(found, task)
        {
            return Choice::of(chosen);
        }
        let mut least: Option<Priced> = None;
        let mut least_ready: Option<Priced> = None;
        for strategy in Strategy::ALL {
            let Some(priced) = price(strategy, found, task) else {
                continue;
            };
            let is_demanded = demanded == Some(strategy);
            let is_least = |least: &Option<Priced>| {
                least.as_ref().is_none_or(|least| priced.cost < least.cost)
            };
            if priced.path.lacking_order().is_none() && is_least(&least_ready) {
                least_ready = Some(priced.clone());
            }
            if is_demanded {
                return Choice::demanded(priced, found, task);
            }
            if is_least(&least) {
                least = Some(priced);
            }
        }
        // A sort serves every order, so there is always a least.
        let chosen = least.unwrap_or(Choice::NOTHING.chosen);
        let lacking = chosen.path.lacking_order().zip(least_ready);
        let mut choice = Choice {
            fell_back_from: demanded,
            ..Choice::of(chosen)
        };
        if let Some((slot, second)) = lacking {
            // The order is worth making once answers without it have lost enough.
            let segment = &task.live.segment;
            let saved = second.cost - choice.chosen.cost;
            let missed = segment.missed_order(slot) + saved;
            choice.missed = Some((slot, saved));
            if order_cost(segment, slot).is_some_and(|cost| missed >= cost) {
                choice.otherwise = Some(second);
            } else {
                choice.chosen = second;
            }
        }
        choice
    }

    /// Puts the matches of a few rows in order: pricing other ways takes longer.
    fn unpriced(found: &Found, task: Task<'_>) -> Choice {
        let first = task.order.keys.first();
        let has_order = first.is_some_and(|first| task.live.segment.has_order(first.slot));
        let is_walked = has_order && found.count() > SORTED_MATCHES_MAX;
        let walk = is_walked.then(|| price(Strategy::Walk, found, task));
        let others = match first {
            None => Strategy::RowOrder,
            Some(_) => Strategy::Sort,
        };
        let chosen = walk.flatten().or_else(|| price(others, found, task));
        chosen.map_or(Choice::NOTHING, Choice::of)
    }

    /// Takes a path that needs no other.
    const fn of(chosen: Priced) -> Choice {
        Choice {
            chosen,
            otherwise: None,
            missed: None,
            fell_back_from: None,
        }
    }

    /// Takes a demanded path, unless an order that it needs may turn out to have no room.
    fn demanded(chosen: Priced, found: &Found, task: Task<'_>) -> Choice {
        let others = || {
            let mut mode = task.mode;
            mode.strategy = None;
            least_ready(Strategy::ALL, found, Task { mode, ..task })
        };
        Choice {
            otherwise: chosen.path.lacking_order().and_then(|_| others()),
            ..Choice::of(chosen)
        }
    }

    /// Notes what was missed, and makes the order that the path walks along; without room for one
    /// the other path is taken.
    pub(super) fn settle(mut self, task: Task<'_>) -> Choice {
        let segment = &task.live.segment;
        if let Some((slot, nanoseconds)) = self.missed {
            segment.miss_order(slot, nanoseconds);
        }
        if let Some(slot) = self.chosen.path.lacking_order()
            && segment.order(slot).is_none()
            && let Some(otherwise) = self.otherwise.take()
        {
            self.chosen = otherwise;
            self.fell_back_from = task.mode.strategy;
        }
        self
    }

    /// Returns the plan of a segment as `explain` needs it.
    pub(super) fn sketch(&self, found: &Found, segment: &Segment) -> SegmentSketch {
        let path = &self.chosen.path;
        let walk = match path {
            Path::Walk(walk) => Some(walk),
            _ => None,
        };
        let counted = (found.count(), found.counted);
        SegmentSketch {
            filtering: Filtering::Compiled(Arc::clone(&found.conjunction)),
            plan: SegmentPlan {
                strategy: path.strategy(),
                is_listed: matches!(path, Path::Listed),
                matching: walk.map(|walk| walk.matching),
                positions_max: walk.and_then(|walk| walk.positions_max),
                cost: self.chosen.cost,
                fell_back_from: self.fell_back_from,
                ..counting_plan(&found.conjunction, segment, counted)
            },
        }
    }

    /// Returns the path.
    pub(super) fn path(self) -> Path {
        self.chosen.path
    }
}
