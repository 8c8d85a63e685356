//! The rows of an answer in order: one path's rows from each segment, merged by key, then tid.
//!
//! A [`Rows`] holds positions only and is handed the snapshot at each step, so an
//! answer can own both. The next row of each segment waits in a heap with an integer that
//! orders it by its first key; only where these are equal are the values compared.
//!
//! # Cost
//!
//! A comparison or two for each row and each doubling of the segments; none where one
//! segment answers.

use std::cmp::Ordering;
use std::sync::Arc;

use super::explain::Work;
use super::order::Order;
use super::selection::{self, Member};
use crate::snapshot::{RowId, Snapshot};

/// One [`Rows::fill`] appends at most this many rows.
const FILL_ROWS_MAX: u64 = 256;

/// The rows, as far as they are not given yet, of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    source: Source,
    /// How many rows are still to come.
    left: u64,
}

#[derive(Clone, Debug)]
enum Source {
    /// No row was asked for.
    Nothing,
    Listed {
        ids: Arc<[RowId]>,
        next: usize,
    },
    Merged(Merge),
}

/// The next row of a member, with what it is ordered by.
#[derive(Clone, Copy, Debug)]
struct Head {
    leading: u64,
    id: RowId,
    member: usize,
}

#[derive(Clone, Debug)]
struct Merge {
    members: Vec<Member>,
    order: Order,
    /// A heap whose first was given last; its member was not asked for another yet.
    heads: Vec<Head>,
    is_started: bool,
    /// Whether heads lead by the class of the first key, which all segments have in common, so that rows that
    /// lead alike tie in it.
    leads_by_class: bool,
}

impl Rows {
    /// Makes rows of which there are none.
    pub(super) fn none() -> Rows {
        Rows {
            source: Source::Nothing,
            left: 0,
        }
    }

    /// Gives at most `count` rows after what is skipped.
    pub(super) fn new(members: Vec<Member>, order: Order, count: u64) -> Rows {
        Rows {
            source: Source::Merged(Merge {
                members,
                order,
                heads: Vec::new(),
                is_started: false,
                leads_by_class: false,
            }),
            left: count,
        }
    }

    /// Passes over the first `count` rows; up to `few` of them are merged.
    pub(super) fn skip(&mut self, snapshot: &Snapshot, count: u64, few: u64) {
        let Source::Merged(merge) = &mut self.source else {
            return;
        };
        if let [only] = &mut merge.members[..] {
            let live = &snapshot.segments()[only.segment as usize];
            only.path_rows.skip(live, count);
            return;
        }
        let left = if count > few {
            selection::pass(snapshot, &merge.order, &mut merge.members, count, few)
        } else {
            count
        };
        for _ in 0..left {
            merge.next(snapshot);
        }
    }

    /// Returns the first row that is left.
    pub(super) fn first(&self, snapshot: &Snapshot) -> Option<RowId> {
        let (mut rows, mut ids) = (self.clone(), Vec::new());
        rows.left = rows.left.min(1);
        rows.fill(snapshot, &mut ids);
        ids.first().copied()
    }

    /// Returns the last row, for which those that are not listed are found.
    pub(super) fn last(&self, snapshot: &Snapshot) -> Option<RowId> {
        if let Source::Listed { ids, .. } = &self.source {
            return ids.last().copied();
        }
        let (mut rows, mut ids, mut last) = (self.clone(), Vec::new(), None);
        loop {
            rows.fill(snapshot, &mut ids);
            match ids.last() {
                Some(id) => last = Some(*id),
                None => return last,
            }
            ids.clear();
        }
    }

    /// Drops listed rows past a number of them; returns whether there were any.
    pub(super) fn truncate(&mut self, count: u64) -> bool {
        let Source::Listed { ids, .. } = &mut self.source else {
            return false;
        };
        let has_more = ids.len() as u64 > count;
        if has_more {
            *ids = ids[..count as usize].into();
            self.left = count;
        }
        has_more
    }

    /// Turns listed rows around.
    pub(super) fn reverse(&mut self) {
        if let Source::Listed { ids, .. } = &mut self.source {
            *ids = ids.iter().rev().copied().collect();
        }
    }

    /// Finds every row now; returns them and the work it took.
    pub(super) fn listed(mut self, snapshot: &Snapshot) -> (Rows, Work) {
        let mut ids = Vec::with_capacity(usize::try_from(self.left).unwrap_or(0));
        while self.left > 0 {
            let before = ids.len();
            self.fill(snapshot, &mut ids);
            if ids.len() == before {
                break;
            }
        }
        let left = ids.len() as u64;
        let work = self.work();
        let source = Source::Listed {
            ids: ids.into(),
            next: 0,
        };
        (Rows { source, left }, work)
    }

    /// Appends the next rows in order, some hundred at most; none once all are through.
    pub(crate) fn fill(&mut self, snapshot: &Snapshot, out: &mut Vec<RowId>) {
        let wanted = self.left.min(FILL_ROWS_MAX);
        let before = out.len();
        match &mut self.source {
            Source::Nothing => {}
            Source::Listed { ids, next } => {
                let end = *next + wanted as usize;
                out.extend_from_slice(&ids[*next..end.min(ids.len())]);
                *next = end;
            }
            Source::Merged(merge) => {
                if let [only] = &mut merge.members[..] {
                    let segment = only.segment;
                    let live = &snapshot.segments()[segment as usize];
                    let rows = std::iter::from_fn(|| only.path_rows.next(live));
                    out.extend(rows.take(wanted as usize).map(|row| RowId { segment, row }));
                } else {
                    let next = || merge.next(snapshot);
                    out.extend(std::iter::from_fn(next).take(wanted as usize));
                }
            }
        }
        self.left -= (out.len() - before) as u64;
    }

    /// Returns how many rows are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Returns the work of the paths so far.
    pub(super) fn work(&self) -> Work {
        let mut sum = Work::default();
        if let Source::Merged(merge) = &self.source {
            for member in &merge.members {
                sum.add(&member.path_rows.work);
            }
        }
        sum
    }
}

impl Merge {
    /// Takes the least of the members' next rows.
    fn next(&mut self, snapshot: &Snapshot) -> Option<RowId> {
        let mut heads = std::mem::take(&mut self.heads);
        if self.is_started {
            let given = heads.first().copied();
            match given.and_then(|given| self.head(snapshot, given.member)) {
                Some(head) => heads[0] = head,
                None if given.is_some() => {
                    heads.swap_remove(0);
                }
                None => {}
            }
            self.sink(snapshot, &mut heads);
        } else {
            let segments = self.members.iter().map(|member| member.segment);
            self.leads_by_class = self.order.has_common_classes(snapshot, segments);
            let members = 0..self.members.len();
            heads.extend(members.filter_map(|member| self.head(snapshot, member)));
            heads.sort_unstable_by(|a, b| self.compare(snapshot, a, b));
            self.is_started = true;
        }
        let first = heads.first().map(|first| first.id);
        self.heads = heads;
        first
    }

    /// Takes the next row of a member.
    fn head(&mut self, snapshot: &Snapshot, member: usize) -> Option<Head> {
        let Member {
            segment, path_rows, ..
        } = &mut self.members[member];
        let segment = *segment;
        let row = path_rows.next(&snapshot.segments()[segment as usize])?;
        let id = RowId { segment, row };
        let leading = if self.leads_by_class {
            self.order.leading_class(snapshot, id)
        } else {
            self.order.leading(snapshot, id)
        };
        Some(Head {
            leading,
            id,
            member,
        })
    }

    /// Lets the first of a heap down to where it belongs.
    fn sink(&self, snapshot: &Snapshot, heads: &mut [Head]) {
        let mut at = 0;
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < heads.len()
                    && self.compare(snapshot, &heads[child], &heads[least]) == Ordering::Less
                {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            heads.swap(at, least);
            at = least;
        }
    }

    fn compare(&self, snapshot: &Snapshot, a: &Head, b: &Head) -> Ordering {
        let by_leading = a.leading.cmp(&b.leading);
        let tied_keys = usize::from(self.leads_by_class);
        by_leading.then_with(|| self.order.compare_from(tied_keys, snapshot, a.id, b.id))
    }
}
