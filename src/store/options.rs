//! The options of a store: its limits, and how it keeps texts.

#[cfg(doc)]
use super::Store;
use super::tiers::COMMIT_ROWS_MAX;
#[cfg(doc)]
use crate::import::Import;
use crate::model::Texts;
use crate::segment::PACKED_BYTES_MIN;
#[cfg(doc)]
use crate::snapshot::Snapshot;

/// The options of a store.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Options, Store, Ticket};
///
/// let mut store = Store::new(Options::default().memory_bytes_max(1 << 20));
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 1, summary: "word ".repeat(1 << 20), ..Ticket::default() });
/// let error = store.commit(batch).unwrap_err();
/// assert_eq!((error.code(), error.is_request()), ("too_much_memory", false));
/// assert_eq!(store.snapshot().tickets_count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) memory_bytes_max: Option<usize>,
    texts: Texts,
    packed_bytes_min: usize,
    pub(super) threads: usize,
    pub(super) commit_rows_max: u32,
    pub(super) removals_max: usize,
}

/// The default of [`Options::removals_max`].
const REMOVALS_MAX: usize = 1_000_000;

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_bytes_max: None,
            texts: Texts::default(),
            packed_bytes_min: PACKED_BYTES_MIN,
            threads: 1,
            commit_rows_max: COMMIT_ROWS_MAX,
            removals_max: REMOVALS_MAX,
        }
    }
}

impl Options {
    /// Sets the maximum number of heap bytes that the published snapshot may take, as
    /// [`Snapshot::memory`] counts them; without this there is no limit.
    ///
    /// A commit or a load that would exceed it fails, and no ticket changes. What readers keep for later
    /// requests counts too: at the limit, the rows of a term are found, used and dropped, and no more
    /// orders are made, so that requests are answered in slower ways. A commit, a load or a merge that
    /// has room only without this kept data drops all of it except for the orders; later requests make
    /// it again. The limit does not cover a batch or a load until it is sealed, a merge until it is
    /// installed (at most the size of its inputs again), and what held snapshots keep in memory. With a
    /// limit, a patch costs as much as putting the whole ticket, since the commit makes and counts
    /// everything itself.
    #[must_use]
    pub fn memory_bytes_max(mut self, bytes: usize) -> Options {
        self.memory_bytes_max = Some(bytes);
        self
    }

    /// Sets the form in which subjects and summaries are kept; [`Texts::Fast`] unless set.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Options, Store, Texts};
    ///
    /// let store = Store::new(Options::default().texts(Texts::Compact));
    /// assert_eq!(store.snapshot().tickets_count(), 0);
    /// ```
    #[must_use]
    pub fn texts(mut self, texts: Texts) -> Options {
        self.texts = texts;
        self
    }

    /// Sets how many removals [`Snapshot::removed_since`] can list; a million unless set.
    ///
    /// When there are more, the removals of whole commits are forgotten, the oldest first. The removals
    /// of a commit that has more than this by itself are forgotten at once. Each takes 16 bytes of memory,
    /// which count as [`Memory::removals`](crate::Memory::removals), and about as many in the file of a
    /// durable store.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Batch, Options, Store, Ticket};
    ///
    /// let mut store = Store::new(Options::default().removals_max(1));
    /// store.commit((1..=9).map(|tid| Ticket { tid, ..Ticket::default() }).collect())?;
    /// for tid in [4, 7] {
    ///     let mut batch = Batch::new();
    ///     batch.remove(tid);
    ///     store.commit(batch)?;
    /// }
    /// let snapshot = store.snapshot();
    /// assert_eq!(snapshot.removed_since(2)?.next().unwrap().tid, 7);
    /// let error = snapshot.removed_since(1).unwrap_err();
    /// assert_eq!(error.code(), "version_too_old");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    #[must_use]
    pub fn removals_max(mut self, count: usize) -> Options {
        self.removals_max = count;
        self
    }

    /// Sets how many threads [`Store::open`] may use, including the caller's own; more than two are of no
    /// use.
    ///
    /// This does not apply to loads, which have [`Import::threads`]; commits start no thread.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Options {
        self.threads = count;
        self
    }

    /// Sets the least number of bytes at which a segment's subjects or summaries are packed. Tests lower
    /// it so that small stores pack too.
    #[doc(hidden)]
    #[must_use]
    pub fn packed_bytes_min(mut self, bytes: usize) -> Options {
        self.packed_bytes_min = bytes;
        self
    }

    /// Returns the least number of bytes at which long texts are packed; `usize::MAX` means never.
    pub(super) fn packed_from(&self) -> usize {
        match self.texts {
            Texts::Fast => usize::MAX,
            Texts::Compact => self.packed_bytes_min,
        }
    }

    /// Sets how many rows a commit may merge. Tests lower it so that small stores have large segments.
    #[doc(hidden)]
    #[must_use]
    pub fn commit_rows_max(mut self, rows: u32) -> Options {
        self.commit_rows_max = rows;
        self
    }
}
