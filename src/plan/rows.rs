//! The rows of an answer in order: one cursor a segment, merged by key, then tid.
//!
//! A [`Rows`] holds positions only and is handed the snapshot at each step, so an
//! answer can own both. Codes of two segments cannot be compared, so a merge compares
//! the values that they stand for.
//!
//! # Cost
//!
//! One comparison a segment for each row of a merge; none where one segment answers.

use std::cmp::Ordering;

use super::Order;
use super::explain::Work;
use super::order::Cursor;
use crate::model::value::fold;
use crate::segment::Slot;
use crate::segment::dictionary::cmp_folded;
use crate::snapshot::{RowId, Snapshot};

/// The most rows that one [`Rows::fill`] appends.
const FILL_ROWS_MAX: u64 = 256;

/// A cursor over the rows of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    source: Source,
    /// How many rows are still to come.
    left: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Listed {
        ids: std::sync::Arc<[RowId]>,
        next: usize,
    },
    Merged {
        cursors: Vec<Cursor>,
        order: Order,
    },
}

impl Rows {
    /// Makes a cursor that gives at most `count` rows after what is skipped.
    pub(super) fn new(cursors: Vec<Cursor>, order: Order, count: u64) -> Rows {
        Rows {
            source: Source::Merged { cursors, order },
            left: count,
        }
    }

    /// Passes over the first rows.
    pub(super) fn skip(&mut self, snapshot: &Snapshot, count: u64) {
        if let Source::Merged { cursors, order } = &mut self.source {
            if let ([cursor], [live]) = (&mut cursors[..], snapshot.segments()) {
                return cursor.skip(live, order, count);
            }
            for _ in 0..count {
                next_merged(cursors, order, snapshot);
            }
        }
    }

    /// Finds every row now; returns them and the work it took.
    pub(super) fn listed(mut self, snapshot: &Snapshot) -> (Rows, Work) {
        let left = self.left;
        let mut ids = Vec::with_capacity(usize::try_from(left).unwrap_or(0));
        while self.left > 0 {
            let before = ids.len();
            self.fill(snapshot, &mut ids);
            if ids.len() == before {
                break;
            }
        }
        debug_assert_eq!(
            ids.len() as u64,
            left,
            "an answer has as many rows as it says"
        );
        let work = self.work();
        (
            Rows {
                source: Source::Listed {
                    ids: ids.into(),
                    next: 0,
                },
                left,
            },
            work,
        )
    }

    /// Appends the next rows in order, some hundred at most; none once all are through.
    pub(crate) fn fill(&mut self, snapshot: &Snapshot, out: &mut Vec<RowId>) {
        let wanted = self.left.min(FILL_ROWS_MAX);
        let before = out.len();
        match &mut self.source {
            Source::Listed { ids, next } => {
                let end = *next + wanted as usize;
                out.extend_from_slice(&ids[*next..end.min(ids.len())]);
                *next = end;
            }
            Source::Merged { cursors, order } => {
                if let ([cursor], [live]) = (&mut cursors[..], snapshot.segments()) {
                    let next = || cursor.next(live, order);
                    let rows = std::iter::from_fn(next).take(wanted as usize);
                    out.extend(rows.map(|row| RowId { segment: 0, row }));
                } else {
                    let next = || next_merged(cursors, order, snapshot);
                    out.extend(std::iter::from_fn(next).take(wanted as usize));
                }
            }
        }
        self.left -= (out.len() - before) as u64;
    }

    /// Returns the work of the cursors so far.
    pub(super) fn work(&self) -> Work {
        let mut sum = Work::default();
        if let Source::Merged { cursors, .. } = &self.source {
            for cursor in cursors {
                sum.add(&cursor.work());
            }
        }
        sum
    }
}

/// Takes the least of the cursors' next rows.
fn next_merged(cursors: &mut [Cursor], order: &Order, snapshot: &Snapshot) -> Option<RowId> {
    let mut least: Option<RowId> = None;
    for (segment, (cursor, live)) in (0u32..).zip(cursors.iter_mut().zip(snapshot.segments())) {
        let Some(row) = cursor.peek(live, order) else {
            continue;
        };
        let id = RowId { segment, row };
        if least.is_none_or(|least| compare(snapshot, order, id, least) == Ordering::Less) {
            least = Some(id);
        }
    }
    let id = least?;
    let live = &snapshot.segments()[id.segment as usize];
    cursors[id.segment as usize].next(live, order);
    Some(id)
}

/// Compares two rows of a snapshot by an order's keys, then by tid.
fn compare(snapshot: &Snapshot, order: &Order, a: RowId, b: RowId) -> Ordering {
    for key in &order.keys {
        let by_key = compare_values(snapshot, key.slot, a, b);
        if by_key != Ordering::Equal {
            return if key.descends {
                by_key.reverse()
            } else {
                by_key
            };
        }
    }
    let tid = |id: RowId| snapshot.segments()[id.segment as usize].segment.tid(id.row);
    let by_tid = tid(a).cmp(&tid(b));
    if order.tid_descends {
        by_tid.reverse()
    } else {
        by_tid
    }
}

/// Compares the values of two rows in one column; a column that a segment lacks is empty.
fn compare_values(snapshot: &Snapshot, slot: Slot, a: RowId, b: RowId) -> Ordering {
    let segment = |id: RowId| &*snapshot.segments()[id.segment as usize].segment;
    let is_number = |id: RowId| {
        segment(id)
            .column(slot)
            .is_some_and(|it| it.dictionary().is_none())
    };
    if is_number(a) || is_number(b) {
        let number = |id: RowId| {
            segment(id)
                .column(slot)
                .and_then(|column| column.number(id.row))
        };
        return number(a).cmp(&number(b));
    }
    if let (Some(left), Some(right)) = (segment(a).text_column(slot), segment(b).text_column(slot))
    {
        return fold(&left.text(a.row)).cmp(&fold(&right.text(b.row)));
    }
    let text = |id: RowId| {
        segment(id)
            .column(slot)
            .map_or("", |column| column.text(id.row))
    };
    cmp_folded(text(a), &fold(text(b)))
}
