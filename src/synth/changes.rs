//! The batches that follow the load of a world.

use super::churn;
use super::world::World;
use crate::model::batch::Batch;

/// A prime above any number of tickets of one load, so that its multiples reach every place.
const STRIDE: u128 = 4_294_967_311;

/// The batches that change the loaded tickets of a [`World`], in order.
///
/// [`World::changes`] makes it.
///
/// # Examples
///
/// ```
/// use ticketdex::synth::World;
///
/// let changes_count: usize = World::Churn
///     .changes(7, 10_000)
///     .map(|batch| batch.changes().len())
///     .sum();
/// assert!((2_700..3_100).contains(&changes_count));
/// assert_eq!(World::Desk.changes(7, 10_000).count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Changes {
    seed: u64,
    tickets_count: u64,
    next: u64,
    end: u64,
}

impl World {
    /// Returns the batches that follow the load of the first tickets of a seed.
    ///
    /// There are seven for [`World::Churn`], and none for the others. A batch holds one change
    /// for every 23 tickets that were loaded, all of which are made when the batch is asked for.
    ///
    /// Cost: a batch draws some numbers for every ticket that was loaded, and holds its changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::World;
    /// use ticketdex::{Options, Store};
    ///
    /// let mut store = Store::new(Options::default().commit_rows_max(0));
    /// store.commit(World::Churn.loaded(7).take(1_000).collect())?;
    /// for batch in World::Churn.changes(7, 1_000) {
    ///     store.commit(batch)?;
    /// }
    /// let expected = World::Churn.remaining(7, 1_000).count() as u64;
    /// assert_eq!(store.snapshot().tickets_count(), expected);
    /// assert_eq!(store.snapshot().segments_count(), 8);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn changes(self, seed: u64, loaded_count: u64) -> Changes {
        match self {
            World::Churn => Changes::new(seed, loaded_count),
            _ => Changes::none(),
        }
    }
}

impl Changes {
    fn new(seed: u64, tickets_count: u64) -> Changes {
        Changes {
            seed,
            tickets_count,
            next: 0,
            end: churn::ROUNDS,
        }
    }

    fn none() -> Changes {
        Changes {
            seed: 0,
            tickets_count: 0,
            next: 0,
            end: 0,
        }
    }
}

impl Iterator for Changes {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next == self.end {
            return None;
        }
        let round = self.next;
        self.next += 1;
        // Changes come from all over the store, not in the order of their tickets.
        let count = u128::from(self.tickets_count);
        let places = (0..count).map(|at| (at * STRIDE % count) as u64);
        let changes = places.filter_map(|place| churn::change(self.seed, place, round));
        Some(changes.collect())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Changes {}
