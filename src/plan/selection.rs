//! Selection: where a deep page begins in each of several segments.
//!
//! Merging all rows before a page would cost its depth. Instead the place is searched for:
//! a row near the middle of what is undecided is taken as the *pivot*, each segment is asked
//! how many of its matches come before the pivot, and by the sum the undecided part is cut.
//! First only the values of the first key are compared, so that ties need not be told apart;
//! then, if the page begins among many ties, their tids or their other keys. Where the ties of a segment
//! have a path of their own, the search goes on in that path, by the other keys.
//!
//! # Invariants
//!
//! * The windows of all sequences together hold the nth row, which is sought: at most n matches lie
//!   before the windows, and more than n before their ends.
//!
//! # Cost
//!
//! Some ten pivots as a rule, each a search in every segment that has anything undecided.

use std::cmp::Ordering;
use std::ops::Range;

use super::keys::{KeyedRow, RowKeys};
use super::order::{Key, Order, Value, directed, is_constant};
use super::path_rows::{PathRows, ToPass};
use super::steps::{Steps, Ties, partition_window};
use crate::segment::{Column, Segment};
use crate::snapshot::{LiveSegment, RowId, Snapshot};

/// Rows in order, of which it can be told how many come before a pivot.
trait Sequence {
    type Pivot;

    /// Makes a pivot of the nth row.
    fn pivot(&mut self, nth: u64) -> Self::Pivot;

    /// Returns how many rows come before the pivot, and how many through its ties; both are
    /// within the window.
    fn split(&mut self, pivot: &Self::Pivot, window: &Range<u64>) -> Range<u64>;
}

/// Cuts the windows down to the ties of the nth of all rows, or to the few rows that are cheaper to
/// merge.
fn locate<S: Sequence>(sequences: &mut [S], windows: &mut [Range<u64>], nth: u64, few: u64) {
    let mut pivots_count = 0;
    loop {
        let lengths = windows.iter().map(|window| window.end - window.start);
        let undecided: u64 = lengths.clone().sum();
        if undecided <= few.max(1) {
            return;
        }
        let before: u64 = windows.iter().map(|window| window.start).sum();
        let (widest, length) = lengths
            .enumerate()
            .max_by_key(|&(_, length)| length)
            .unwrap_or((0, 0));
        let share = |rows: u64| {
            let share = u128::from(rows) * u128::from(length) / u128::from(undecided);
            (share as u64).min(length - 1)
        };
        let (ahead, behind) = (nth - before, undecided - 1 - (nth - before));
        // Steps by proportion land close to the nth row where segments are spread alike. The step after
        // the first goes as far again beyond it, to close in from the other side. Every fourth halves, in
        // case they are not spread alike.
        let step = match pivots_count % 4 {
            1 if ahead <= behind => share(2 * ahead + few),
            1 => length - 1 - share(2 * behind + few),
            3 => length / 2,
            _ => share(ahead),
        };
        let pivot = sequences[widest].pivot(windows[widest].start + step);
        pivots_count += 1;
        let mut splits = Vec::with_capacity(windows.len());
        for (sequence, window) in sequences.iter_mut().zip(&*windows) {
            splits.push(if window.is_empty() {
                window.clone()
            } else {
                sequence.split(&pivot, window)
            });
        }
        let start: u64 = splits.iter().map(|split| split.start).sum();
        let end: u64 = splits.iter().map(|split| split.end).sum();
        if start <= nth && nth < end {
            windows.clone_from_slice(&splits);
            return;
        }
        for (window, split) in windows.iter_mut().zip(&splits) {
            if nth < start {
                window.end = split.start;
            } else {
                window.start = split.end;
            }
        }
    }
}

/// One segment's part in an answer of several.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) segment: u32,
    pub(super) path_rows: PathRows,
    /// How many matches there are to give.
    pub(super) count: u64,
}

/// Passes over the first `nth` rows of all members, but for a few that are left to be merged; returns how
/// many these are.
pub(super) fn pass(
    snapshot: &Snapshot,
    order: &Order,
    members: &mut [Member],
    nth: u64,
    few: u64,
) -> u64 {
    let mut windows: Vec<Range<u64>> = members.iter().map(|member| 0..member.count).collect();
    let left =
        |windows: &[Range<u64>]| nth - windows.iter().map(|window| window.start).sum::<u64>();
    if !order.keys.is_empty() {
        let mut by_value: Vec<_> = members
            .iter_mut()
            .map(|member| ByValue::new(snapshot, order, member))
            .collect();
        locate(&mut by_value, &mut windows, nth, few);
    }
    if left(&windows) > few {
        if order.keys.len() > 1 || order.tid_descends && !order.keys.is_empty() {
            let depth = (left(&windows), few);
            let is_nested = |(member, ties): (&Member, &Range<u64>)| {
                member.path_rows.is_nested() && !ties.is_empty()
            };
            return if members.iter().zip(&windows).any(is_nested) {
                pass_nested(snapshot, order, members, &windows, depth)
            } else {
                pass_by_keys(snapshot, order, members, &windows, depth)
            };
        }
        let mut by_tid: Vec<_> = members
            .iter_mut()
            .zip(&windows)
            .map(|(member, window)| ByTid::new(snapshot, order, member, window))
            .collect();
        locate(&mut by_tid, &mut windows, nth, few);
    }
    for (member, window) in members.iter_mut().zip(&windows) {
        let live = &snapshot.segments()[member.segment as usize];
        member.path_rows.skip(live, window.start);
    }
    left(&windows)
}

/// Passes over rows by the keys after the first, as [`pass`] does by all keys: all members are within
/// the ties of one first key.
fn pass_nested(
    snapshot: &Snapshot,
    order: &Order,
    members: &mut [Member],
    ties: &[Range<u64>],
    (nth, few): (u64, u64),
) -> u64 {
    let rest = order.within_ties();
    let live_of = |member: &Member| &snapshot.segments()[member.segment as usize];
    // A segment in which all rows tie in the first key has the order by the others already.
    let is_constant = |live: &LiveSegment| is_constant(&live.segment, order.keys[0].slot);
    let ties_count: u64 = ties.iter().map(|ties| ties.end - ties.start).sum();
    let with_ties = |(_, ties): &(&mut Member, &Range<u64>)| !ties.is_empty();
    let mut within = Vec::with_capacity(members.len());
    for (member, ties) in members.iter_mut().zip(ties).filter(with_ties) {
        let live = live_of(member);
        let (path_rows, count) = if is_constant(live) {
            let all = std::mem::take(&mut member.path_rows);
            (all, member.count)
        } else {
            let length = u128::from(ties.end - ties.start);
            let share = u128::from(nth) * length / u128::from(ties_count);
            let passed = ToPass {
                about: share as u64,
                most: nth,
                is_shared: true,
            };
            let order = rest.within(&live.segment);
            let path_rows = &mut member.path_rows;
            path_rows.take_out_ties(live, &order, ties, passed)
        };
        within.push(Member {
            segment: member.segment,
            path_rows,
            count,
        });
    }
    let left = pass(snapshot, &rest, &mut within, nth, few);
    let mut within = within.into_iter().peekable();
    for (member, ties) in members.iter_mut().zip(ties) {
        let live = live_of(member);
        match within.next_if(|_| !ties.is_empty()) {
            None => member.path_rows.enter(live, ties.end, Vec::new()),
            Some(within) if is_constant(live) => member.path_rows = within.path_rows,
            Some(within) => {
                let path_rows = &mut member.path_rows;
                path_rows.put_back_ties(live, ties.end, within.path_rows);
            }
        }
    }
    left
}

/// Passes over rows by all keys: all members are within the ties of one first key.
fn pass_by_keys(
    snapshot: &Snapshot,
    order: &Order,
    members: &mut [Member],
    ties: &[Range<u64>],
    (nth, few): (u64, u64),
) -> u64 {
    let mut by_keys: Vec<_> = members
        .iter_mut()
        .zip(ties)
        .map(|(member, ties)| ByKeys::new(snapshot, order, member, ties))
        .collect();
    let mut windows: Vec<Range<u64>> = by_keys
        .iter()
        .map(|ties| 0..ties.keyed.len() as u64)
        .collect();
    locate(&mut by_keys, &mut windows, nth, few);
    for (ties, window) in by_keys.iter_mut().zip(&windows) {
        let window = window.start..window.start.saturating_add(ties.needed);
        ties.keys.select(&mut ties.keyed, window);
    }
    let keyed: Vec<Vec<KeyedRow>> = by_keys.into_iter().map(|ties| ties.keyed).collect();
    for ((member, ties), keyed) in members.iter_mut().zip(ties).zip(keyed) {
        let live = &snapshot.segments()[member.segment as usize];
        let rows = keyed.into_iter().map(|(_, row)| row).collect();
        member.path_rows.enter(live, ties.end, rows);
    }
    nth - windows.iter().map(|window| window.start).sum::<u64>()
}

/// A member's matches by the value of the order's first key.
struct ByValue<'a> {
    live: &'a LiveSegment,
    path_rows: &'a mut PathRows,
    key: Key,
    /// The value, where all rows of the segment have the same.
    constant: Option<Value<'a>>,
    keys: RowKeys<'a>,
    /// The classes that pivots to come are among, or right after.
    classes: Range<u64>,
    /// The classes of the last pivot, and how it split the matches.
    last: (Range<u64>, Range<u64>),
}

impl<'a> ByValue<'a> {
    fn new(snapshot: &'a Snapshot, order: &Order, member: &'a mut Member) -> ByValue<'a> {
        let live = &snapshot.segments()[member.segment as usize];
        let segment: &Segment = &live.segment;
        let key = order.keys[0];
        ByValue {
            live,
            key,
            constant: is_constant(segment, key.slot).then(|| Value::of(segment, key.slot, 0)),
            keys: RowKeys::new(segment, &member.path_rows.order),
            path_rows: &mut member.path_rows,
            classes: 0..segment.column(key.slot).map_or(0, Column::classes_count),
            last: (0..0, 0..0),
        }
    }

    /// Returns the classes of a pivot: pivots come from windows, so each is on that side of the
    /// last on which the windows are now.
    fn classes_of(&mut self, pivot: &Value<'_>, window: &Range<u64>) -> Range<u64> {
        let Some(column) = self.live.segment.column(self.key.slot) else {
            return 0..0;
        };
        let (classes, split) = &self.last;
        if *split != (0..0) {
            let comes_before = window.end <= split.start;
            if comes_before == self.key.descends {
                self.classes.start = classes.end;
            } else {
                self.classes.end = classes.start;
            }
        }
        pivot.classes_within(column, &self.classes)
    }
}

impl<'a> Sequence for ByValue<'a> {
    type Pivot = Value<'a>;

    fn pivot(&mut self, nth: u64) -> Value<'a> {
        let segment: &'a Segment = &self.live.segment;
        let slot = self.key.slot;
        let row = self.path_rows.with_steps(self.live, |steps, scope, work| {
            steps.row_at(scope, nth, work)
        });
        Value::of(segment, slot, row.unwrap_or(0))
    }

    fn split(&mut self, pivot: &Value<'a>, window: &Range<u64>) -> Range<u64> {
        if let Some(constant) = &self.constant {
            return match directed(constant.cmp(pivot), self.key.descends) {
                Ordering::Less => window.end..window.end,
                Ordering::Equal => window.clone(),
                Ordering::Greater => window.start..window.start,
            };
        }
        let classes = if self.path_rows.is_walk() {
            self.classes_of(pivot, window)
        } else {
            0..0
        };
        let (keys, key) = (&self.keys, self.key);
        let split = self.path_rows.with_steps(self.live, |steps, scope, work| {
            steps.ranks(scope, (keys, key), (pivot, &classes), window, work)
        });
        let split = split.unwrap_or_else(|| window.clone());
        let start = split.start.clamp(window.start, window.end);
        let end = split.end.clamp(window.start, window.end);
        self.last = (classes, start..end);
        start..end
    }
}

/// A member's matches, or those with one value of the only key, by tid.
struct ByTid<'a> {
    live: &'a LiveSegment,
    path_rows: &'a mut PathRows,
    descends: bool,
    /// How many matches there are in all.
    count: u64,
    ties: Ties,
}

impl<'a> ByTid<'a> {
    fn new(
        snapshot: &'a Snapshot,
        order: &Order,
        member: &'a mut Member,
        window: &Range<u64>,
    ) -> ByTid<'a> {
        let live = &snapshot.segments()[member.segment as usize];
        let path_rows = &mut member.path_rows;
        let slot = order.keys.first().map(|key| key.slot);
        let ties = path_rows.with_steps(live, |steps, scope, work| match slot {
            Some(slot) if !window.is_empty() => steps.ties_of(scope, slot, window.start, work),
            _ => Ties::All,
        });
        ByTid {
            live,
            path_rows,
            descends: order.tid_descends,
            count: member.count,
            ties: ties.unwrap_or(Ties::All),
        }
    }
}

impl Sequence for ByTid<'_> {
    type Pivot = u64;

    fn pivot(&mut self, nth: u64) -> u64 {
        let ByTid {
            live,
            path_rows,
            ties,
            ..
        } = self;
        let found = path_rows.found_rows().get(nth as usize).copied();
        let ascending = if self.descends {
            self.count - 1 - nth
        } else {
            nth
        };
        let row = path_rows.with_steps(live, |steps, scope, work| {
            steps.row_in(scope, ties, (nth, ascending), work).or(found)
        });
        // A sequence has as many matches as it says.
        live.segment.tid(row.flatten().unwrap_or(0))
    }

    fn split(&mut self, pivot: &u64, window: &Range<u64>) -> Range<u64> {
        let ByTid {
            live,
            path_rows,
            ties,
            descends,
            count,
        } = self;
        let rows = live.segment.tid_rows(*pivot, *pivot);
        let compare = |row: u32| {
            let ordering = if row < rows.start {
                Ordering::Less
            } else if row < rows.end {
                Ordering::Equal
            } else {
                Ordering::Greater
            };
            directed(ordering, *descends)
        };
        let found = {
            let all = path_rows.found_rows();
            let start = all.partition_point(|&row| compare(row) == Ordering::Less);
            let ties = &all[start..];
            let end = start + ties.partition_point(|&row| compare(row) == Ordering::Equal);
            start as u64..end as u64
        };
        let split = path_rows.with_steps(live, |steps, scope, work| {
            let reversed = descends.then_some(*count);
            let within = steps.ranks_in(scope, ties, (&rows, reversed), work);
            within.unwrap_or_else(|| match steps {
                Steps::Keyed(keyed) => partition_window(keyed, window, |row| compare(row.1)),
                Steps::Walk(_) | Steps::Bucket(_) | Steps::Blocks(_) | Steps::Done => found,
            })
        });
        let split = split.unwrap_or_else(|| window.clone());
        split.start.clamp(window.start, window.end)..split.end.clamp(window.start, window.end)
    }
}

/// A member's matches with one value in the first key, by all keys.
struct ByKeys<'a> {
    snapshot: &'a Snapshot,
    order: &'a Order,
    segment: u32,
    keys: RowKeys<'a>,
    keyed: Vec<KeyedRow>,
    needed: u64,
}

/// A row with what it has in the keys of an order.
struct RowPivot<'a> {
    id: RowId,
    tid: u64,
    values: Vec<Value<'a>>,
}

impl<'a> ByKeys<'a> {
    fn new(
        snapshot: &'a Snapshot,
        order: &'a Order,
        member: &mut Member,
        ties: &Range<u64>,
    ) -> ByKeys<'a> {
        let live = &snapshot.segments()[member.segment as usize];
        let segment: &'a Segment = &live.segment;
        let needed = member.path_rows.needed();
        let rows = if ties.is_empty() {
            Vec::new()
        } else if is_constant(segment, order.keys[0].slot) {
            member.path_rows.drain(live)
        } else {
            let listed = member.path_rows.with_steps(live, |steps, scope, work| {
                steps.take_ties(scope, ties, work)
            });
            listed.unwrap_or_default()
        };
        let keys = RowKeys::new(segment, &member.path_rows.order);
        ByKeys {
            snapshot,
            order,
            segment: member.segment,
            keyed: keys.keyed(rows.into_iter()),
            keys,
            needed,
        }
    }
}

impl<'a> Sequence for ByKeys<'a> {
    type Pivot = RowPivot<'a>;

    fn pivot(&mut self, nth: u64) -> RowPivot<'a> {
        let row = self.keyed[nth as usize].1;
        let segment: &'a Segment = &self.snapshot.segments()[self.segment as usize].segment;
        let keys = self.order.keys.iter();
        RowPivot {
            id: RowId {
                segment: self.segment,
                row,
            },
            tid: segment.tid(row),
            values: keys.map(|key| Value::of(segment, key.slot, row)).collect(),
        }
    }

    fn split(&mut self, pivot: &RowPivot<'a>, window: &Range<u64>) -> Range<u64> {
        let segment = &self.snapshot.segments()[self.segment as usize].segment;
        let bound = self.keys.bound_of_row(segment, self.order, &pivot.values);
        let (snapshot, order, segment_index) = (self.snapshot, self.order, self.segment);
        partition_window(&mut self.keyed, window, |(packed, row)| {
            let id = RowId {
                segment: segment_index,
                row,
            };
            bound.compare(packed).then_with(|| {
                if bound.is_open {
                    order.compare(snapshot, id, pivot.id)
                } else {
                    directed(segment.tid(row).cmp(&pivot.tid), order.tid_descends)
                }
            })
        })
    }
}
