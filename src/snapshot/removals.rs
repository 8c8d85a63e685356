//! Which tickets were removed, and by which commit.
//!
//! A ticket that is gone cannot say when it went, so whoever follows a store by the numbers of its
//! commits needs a log beside the tickets. It has a bound, and forgets whole commits, the oldest
//! first; what it has forgotten it knows by the number of the last of them.
//!
//! The entries stand in chunks that all snapshots share. The writer fills the free places of the
//! last chunk, which no snapshot looks at: each knows where its own entries end. So a commit that
//! removes nothing copies two pointers, and one that does writes two words.
//!
//! # Invariants
//!
//! * Entries ascend by number, and by ticket within one.
//! * Only the one writer of a store appends, and always to what was published last: an entry that
//!   was appended for a commit that failed is past the end of every snapshot.
//!
//! # Cost
//!
//! 16 bytes an entry, and up to a chunk that is not full and one that is half forgotten. Forgetting
//! and finding a number are binary searches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::error::{Error, ErrorKind};
use crate::model::memory::ARC_BYTES;

/// The entries of the first chunk of a log, and of a large one.
const CHUNK_ENTRIES_MIN: u64 = 16;
const CHUNK_ENTRIES_MAX: u64 = 4096;

/// A ticket that was removed, with the commit that did it.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Removal, Store, Ticket};
///
/// let mut store = Store::from_tickets([Ticket { tid: 7, ..Ticket::default() }])?;
/// let mut batch = Batch::new();
/// batch.remove(7);
/// store.commit(batch)?;
/// let removed: Vec<Removal> = store.snapshot().removed_since(1)?.collect();
/// assert_eq!(removed, [Removal { tid: 7, version: 2 }]);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a removal is these two numbers")]
pub struct Removal {
    /// The ticket, which may have been put again since.
    pub tid: u64,
    /// The number of the commit.
    pub version: u64,
}

/// Places for entries: a ticket, and the number of a commit.
///
/// The values are read only by those who were handed the log after they were written, by way of
/// the pointer to the published snapshot, so no order among them is needed here.
#[derive(Debug)]
struct Chunk(Box<[(AtomicU64, AtomicU64)]>);

impl Chunk {
    fn new(entries: u64) -> Chunk {
        Chunk((0..entries).map(|_| Default::default()).collect())
    }

    fn get(&self, at: u64) -> Removal {
        let (tid, version) = &self.0[at as usize];
        Removal {
            tid: tid.load(Ordering::Relaxed),
            version: version.load(Ordering::Relaxed),
        }
    }

    fn set(&self, at: u64, removal: Removal) {
        let (tid, version) = &self.0[at as usize];
        tid.store(removal.tid, Ordering::Relaxed);
        version.store(removal.version, Ordering::Relaxed);
    }
}

/// A chunk, and the place of its first entry in the log.
#[derive(Clone, Debug)]
struct Link {
    first: u64,
    chunk: Arc<Chunk>,
}

impl Link {
    fn end(&self) -> u64 {
        self.first + self.chunk.0.len() as u64
    }
}

/// The log of removals, as of one snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    links: Arc<[Link]>,
    /// The places of the entries.
    start: u64,
    end: u64,
    /// The last commit whose removals are not told of, nor those of any before it.
    forgotten: u64,
}

impl Removals {
    /// Appends a removal, which is not before the last one.
    pub(crate) fn push(&mut self, removal: Removal) {
        if self.links.last().is_none_or(|link| link.end() == self.end) {
            let entries = (self.end - self.start).clamp(CHUNK_ENTRIES_MIN, CHUNK_ENTRIES_MAX);
            let link = Link {
                first: self.end,
                chunk: Arc::new(Chunk::new(entries)),
            };
            self.links = self.remembered().cloned().chain([link]).collect();
        }
        if let Some(last) = self.links.last() {
            last.chunk.set(self.end - last.first, removal);
            self.end += 1;
        }
    }

    /// Forgets the oldest commits until no more entries are left than a number; returns whether it
    /// has forgotten any.
    pub(crate) fn shorten(&mut self, entries_max: usize) -> bool {
        let excess = (self.end - self.start).saturating_sub(entries_max as u64);
        if excess > 0 {
            self.forget(self.get(self.start + excess - 1).version);
        }
        excess > 0
    }

    /// Forgets the removals by a commit and by those before it.
    pub(crate) fn forget(&mut self, version: u64) {
        self.forgotten = self.forgotten.max(version);
        self.start = self.position_after(version);
        if self.start == self.end {
            self.links = Arc::default();
        } else if self.links.first().is_some_and(|it| it.end() <= self.start) {
            self.links = self.remembered().cloned().collect();
        }
    }

    /// Returns the last commit whose removals are forgotten; 0 where none is.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the removals that are told of.
    #[cfg(feature = "durable")]
    pub(crate) fn all(&self) -> Removed {
        Removed {
            next: self.start,
            removals: self.clone(),
        }
    }

    /// Returns the chunks that are not wholly forgotten.
    fn remembered(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| link.end() > self.start)
    }

    fn get(&self, place: u64) -> Removal {
        let at = self.links.partition_point(|link| link.first <= place) - 1;
        let link = &self.links[at];
        link.chunk.get(place - link.first)
    }

    /// Returns the place of the first entry of a later commit.
    fn position_after(&self, version: u64) -> u64 {
        let (mut low, mut high) = (self.start, self.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).version <= version {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Returns the removals by commits after one.
    pub(super) fn since(&self, version: u64) -> Result<Removed, Error> {
        if version < self.forgotten {
            return Err(ErrorKind::VersionTooOld {
                version,
                oldest: self.forgotten,
            }
            .into());
        }
        Ok(Removed {
            next: self.position_after(version),
            removals: self.clone(),
        })
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        let chunk = |link: &Link| {
            let places = size_of_val::<[(AtomicU64, AtomicU64)]>(&link.chunk.0);
            ARC_BYTES + size_of::<Chunk>() + places
        };
        let chunks: usize = self.links.iter().map(chunk).sum();
        ARC_BYTES + size_of_val::<[Link]>(&self.links) + chunks
    }

    /// Checks what must always be true, and returns what is not.
    pub(super) fn check_invariants(&self, version: u64) -> Result<(), String> {
        let entries: Vec<Removal> = (self.start..self.end).map(|at| self.get(at)).collect();
        let key = |it: &Removal| (it.version, it.tid);
        if !entries.is_sorted_by(|a, b| key(a) < key(b)) {
            return Err("removals do not ascend".to_owned());
        }
        let is_within = |it: &Removal| self.forgotten < it.version && it.version <= version;
        if !entries.iter().all(is_within) || self.forgotten > version {
            return Err("a removal is of no commit that is told of".to_owned());
        }
        Ok(())
    }
}

/// The tickets that were removed after a commit, by the number of their removal, then by tid.
///
/// Holds the log as of its snapshot, of which nothing is copied.
///
/// # Examples
///
/// ```
/// use ticketdex::Store;
///
/// let removed = Store::default().snapshot().removed_since(0)?;
/// assert_eq!(removed.len(), 0);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone)]
pub struct Removed {
    removals: Removals,
    next: u64,
}

/// Prints how many removals are left.
impl std::fmt::Debug for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Removed")
            .field("count", &self.len())
            .finish_non_exhaustive()
    }
}

impl Iterator for Removed {
    type Item = Removal;

    fn next(&mut self) -> Option<Removal> {
        let is_left = self.next < self.removals.end;
        let removal = is_left.then(|| self.removals.get(self.next));
        self.next += u64::from(is_left);
        removal
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.removals.end - self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Removed {}

impl std::iter::FusedIterator for Removed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(tid: u64, version: u64) -> Removal {
        Removal { tid, version }
    }

    fn all(removals: &Removals, version: u64) -> Vec<Removal> {
        removals.since(version).unwrap().collect()
    }

    #[test]
    fn a_log_tells_of_its_last_commits_and_a_held_one_of_its_own() {
        let mut removals = Removals::default();
        let mut expected = Vec::new();
        let mut held = Vec::new();
        for version in 1..=3_000_u64 {
            for tid in 0..version % 4 {
                removals.push(removal(tid, version));
                expected.push(removal(tid, version));
            }
            if removals.shorten(500) {
                let excess = expected.len() - 500;
                let last = expected[excess - 1].version;
                expected.retain(|it| it.version > last);
                assert_eq!(removals.forgotten(), last);
            }
            assert_eq!(removals.check_invariants(version), Ok(()));
            if version % 500 == 0 {
                held.push((removals.clone(), removals.forgotten(), expected.clone()));
            }
        }
        for (removals, forgotten, expected) in &held {
            assert_eq!(all(removals, *forgotten), *expected);
            let later = expected.iter().filter(|it| it.version > forgotten + 7);
            let later: Vec<Removal> = later.copied().collect();
            assert_eq!(all(removals, forgotten + 7), later);
            assert_eq!(removals.since(u64::MAX).unwrap().len(), 0);
            let error = removals.since(forgotten - 1).unwrap_err();
            assert_eq!(error.code(), "version_too_old");
        }
        assert!(held.len() == 6 && removals.bytes() < 500 * 16 * 4);
    }

    #[test]
    fn what_a_failed_commit_appended_is_overwritten() {
        let mut published = Removals::default();
        published.push(removal(1, 1));
        let mut failed = published.clone();
        failed.push(removal(2, 2));
        let mut next = published.clone();
        next.push(removal(3, 2));
        assert_eq!(all(&next, 0), [removal(1, 1), removal(3, 2)]);
        assert_eq!(all(&published, 0), [removal(1, 1)]);
    }

    #[test]
    fn no_entries_at_all_are_a_bound_too() {
        let mut removals = Removals::default();
        for tid in 0..20_000 {
            removals.push(removal(tid, 9));
        }
        assert!(removals.shorten(0) && removals.bytes() < 100);
        assert_eq!(removals.since(9).unwrap().len(), 0);
        assert!(removals.since(8).is_err() && !removals.shorten(0));
    }
}
