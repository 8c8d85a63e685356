//! What a query came to: the total, the rows of the page, and the plan.
//!
//! An [`Answer`] owns a snapshot, so that it can be read or written by another thread while the
//! store goes on. `response` writes it; the planner makes it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::explain::{Explain, Work};
use super::filter::Filters;
use super::place::cursor_of;
use super::rows::Rows;
use super::sketch::SegmentSketch;
use crate::query::{Cursor, Fields, OrderKey};
use crate::snapshot::{Record, RowId, Snapshot};

/// What a request matched: the total, and the rows of the page in order.
///
/// Owns its snapshot and is `Send + 'static`, so it can be written on another thread
/// while the store goes on. Total and count are known before the first byte is written.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Format, Options, Query, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 34, ..Ticket::default() });
/// store.commit(batch)?;
/// let answer = store.reader().snapshot().answer(&"count_only=Y".parse::<Query>()?);
/// let mut body = Vec::new();
/// answer.write_to(Format::Delimited, &mut body)?;
/// assert_eq!(body, b"count=1\n");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Answer {
    pub(super) snapshot: Snapshot,
    pub(super) body: Body,
    /// Shared by all clones, which add the bytes that they write.
    pub(super) explain: Arc<Explained>,
}

/// What an answer shows beside its total.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Nothing: only the number of matching tickets is asked for.
    Count,
    Records(Page),
}

/// The records of an answer.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) rows: Rows,
    pub(super) count: u64,
    pub(super) order: SmallVec<[OrderKey; 1]>,
    /// What each record shows in a response, where that is not all.
    pub(super) fields: Option<Arc<Fields>>,
    pub(super) sides: Sides,
}

/// Whether more matches come before the records and after them; none where it was not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub(super) has_before: Option<bool>,
    pub(super) has_after: Option<bool>,
}

/// The filters of an answer, the plans that found what matches, and how many bytes were written of it.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) filters: Filters,
    pub(super) total: u64,
    /// One of each segment.
    pub(super) plans: SmallVec<[SegmentSketch; 1]>,
    pub(super) work: Work,
    bytes_written: AtomicU64,
}

impl Explained {
    /// Starts without plans.
    pub(super) fn of(filters: Filters) -> Explained {
        Explained {
            filters,
            total: 0,
            plans: SmallVec::new(),
            work: Work::default(),
            bytes_written: AtomicU64::new(0),
        }
    }
}

/// Prints the figures of the answer and none of its tickets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("total", &self.total())
            .field("count", &self.count())
            .field("is_count_only", &self.is_count_only())
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns the number of matching tickets, before `count` and `page`.
    pub fn total(&self) -> u64 {
        self.explain.total
    }

    /// Returns the [version](Snapshot::version) of the snapshot that was asked.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Returns the number of records in the response; 0 where only the total is asked for.
    pub fn count(&self) -> u64 {
        self.page().map_or(0, |page| page.count)
    }

    /// Returns the records in order, as views.
    pub fn records(&self) -> Records<'_> {
        Records {
            snapshot: &self.snapshot,
            rows: self.rows(),
            ids: Vec::new().into_iter(),
        }
    }

    /// Returns the place of the last record, after which the next records come.
    ///
    /// None where no match follows, where the answer has no record, and where the texts that the
    /// record has in the order's keys are too long for a token: one of them over 4 KiB folded, or all
    /// together over about 6 KiB. A list that goes on by places is then ordered by another key, or
    /// goes on by pages. [`QueryBuilder::after`](crate::QueryBuilder::after) has an example.
    ///
    /// # Cost
    ///
    /// Making the token of one record. An answer of more than 4,096 records (65,536 beside a place) is
    /// read to its end for it, and one before a place is asked for one more row, which costs what an answer
    /// with `count=1` costs.
    #[allow(
        clippy::should_implement_trait,
        reason = "a page is followed by one, as in a book"
    )]
    pub fn next(&self) -> Option<Cursor> {
        let page = self.page()?;
        if page.sides.has_after == Some(false) {
            return None;
        }
        let last = page.rows.last(&self.snapshot)?;
        self.cursor(page, last, page.sides.has_after, false)
    }

    /// Returns the place of the first record, before which the previous records come.
    ///
    /// None where no match precedes, else as [`next`](Self::next).
    /// [`QueryBuilder::before`](crate::QueryBuilder::before) has an example.
    ///
    /// # Cost
    ///
    /// Making the token of one record. An answer after a place is asked for one row before it, which
    /// costs what an answer with `count=1` costs.
    pub fn previous(&self) -> Option<Cursor> {
        let page = self.page()?;
        if page.sides.has_before == Some(false) {
            return None;
        }
        let first = page.rows.first(&self.snapshot)?;
        self.cursor(page, first, page.sides.has_before, true)
    }

    /// Returns the cursor of a record, if matches are on a side of it.
    fn cursor(
        &self,
        page: &Page,
        id: RowId,
        has_more: Option<bool>,
        is_before: bool,
    ) -> Option<Cursor> {
        let cursor = cursor_of(&self.snapshot, &page.order, id)?;
        let order = &page.order;
        let has_match = || {
            self.snapshot
                .has_match(&self.explain.filters, order, &cursor, is_before)
        };
        has_more.unwrap_or_else(has_match).then_some(cursor)
    }

    fn page(&self) -> Option<&Page> {
        match &self.body {
            Body::Count => None,
            Body::Records(page) => Some(page),
        }
    }

    /// Returns the plan, with the work that it has taken and the bytes written so far.
    pub fn explain(&self) -> Explain {
        let own = &*self.explain;
        let plans = own.plans.iter().zip(self.snapshot.segments());
        Explain {
            total: own.total,
            segments: plans
                .map(|(plan, live)| plan.plan(&own.filters, &live.segment))
                .collect(),
            work: Work {
                bytes_written: own.bytes_written.load(Ordering::Relaxed),
                ..own.work
            },
        }
    }

    /// Returns the variables that each record shows in a response; none is all of them.
    pub(crate) fn fields(&self) -> Option<&Fields> {
        self.page()?.fields.as_deref()
    }

    pub(crate) fn is_count_only(&self) -> bool {
        matches!(self.body, Body::Count)
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns the rows, at their start.
    pub(crate) fn rows(&self) -> Rows {
        self.page()
            .map_or_else(Rows::none, |page| page.rows.clone())
    }

    /// Notes bytes of response that were written.
    pub(crate) fn add_bytes_written(&self, bytes: u64) {
        let written = &self.explain.bytes_written;
        written.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The records of an answer, in order.
pub struct Records<'a> {
    snapshot: &'a Snapshot,
    rows: Rows,
    ids: std::vec::IntoIter<RowId>,
}

/// Prints how many records are still to come.
impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

impl Records<'_> {
    fn left(&self) -> u64 {
        self.rows.left() + self.ids.len() as u64
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.ids.len() == 0 {
            let mut ids = Vec::new();
            self.rows.fill(self.snapshot, &mut ids);
            self.ids = ids.into_iter();
        }
        self.ids.next().map(|id| self.snapshot.record(id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left());
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

/// Exact where `usize` can count the tickets, which takes more than 2^32 of them to fail.
impl ExactSizeIterator for Records<'_> {}

impl std::iter::FusedIterator for Records<'_> {}

// An answer can travel to the thread that writes it.
const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Answer>();
};
