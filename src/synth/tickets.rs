//! The sequence of a world's tickets.

use super::world::World;
use crate::model::Ticket;

/// An endless sequence of realistic tickets of one [`World`].
///
/// Nothing is held between two tickets, so that a sequence of any length takes no memory.
/// Each ticket is a function of the world, the seed and its place, and the same on every
/// machine; the first tickets of a longer sequence are those of a shorter one.
///
/// Cost: linear in the bytes of a ticket. Skipping with [`nth`](Iterator::nth) is free, except in
/// [`World::Churn`], where it makes what it skips, because tickets were removed.
///
/// # Examples
///
/// ```
/// use ticketdex::synth::Tickets;
///
/// let tickets: Vec<_> = Tickets::new(7).take(100).collect();
/// assert!(tickets.is_sorted_by_key(|ticket| ticket.tid));
/// assert!(tickets.iter().all(|ticket| ticket.check().is_ok()));
/// assert_eq!(Tickets::new(7).nth(42).as_ref(), Some(&tickets[42]));
/// ```
#[derive(Clone, Debug)]
pub struct Tickets {
    world: World,
    seed: u64,
    next: u64,
}

impl Tickets {
    /// Starts the sequence of a seed in [`World::Desk`], at its first ticket.
    ///
    /// [`World::tickets`] starts that of any world.
    pub fn new(seed: u64) -> Tickets {
        Tickets::of(World::Desk, seed)
    }

    fn of(world: World, seed: u64) -> Tickets {
        Tickets {
            world,
            seed,
            next: 0,
        }
    }
}

impl World {
    /// Starts the sequence of the world's tickets, as they stand in the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::World;
    ///
    /// let logs = World::Logs.tickets(7).take(500);
    /// let longest = logs.map(|ticket| ticket.summary.len()).max();
    /// assert!(longest > Some(10_000));
    /// ```
    pub fn tickets(self, seed: u64) -> Tickets {
        Tickets::of(self, seed)
    }

    /// Starts the sequence of the tickets that a store is first loaded with.
    ///
    /// They differ from [`tickets`](World::tickets) in [`World::Churn`] alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::World;
    ///
    /// assert!(World::Churn.loaded(7).take(50).eq(World::Desk.tickets(7).take(50)));
    /// assert!(World::Wide.loaded(7).take(50).eq(World::Wide.tickets(7).take(50)));
    /// ```
    pub fn loaded(self, seed: u64) -> Tickets {
        match self {
            World::Churn => World::Desk.tickets(seed),
            world => world.tickets(seed),
        }
    }

    /// Returns what is left of the first tickets of a seed after all changes, in their order.
    ///
    /// These are as many of [`tickets`](World::tickets) as were [`loaded`](World::loaded), and
    /// about 3 % fewer in [`World::Churn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::World;
    ///
    /// assert_eq!(World::Desk.remaining(7, 1_000).count(), 1_000);
    /// assert!(World::Churn.remaining(7, 1_000).count() < 1_000);
    /// ```
    pub fn remaining(self, seed: u64, loaded_count: u64) -> impl Iterator<Item = Ticket> {
        (0..loaded_count).filter_map(move |place| self.ticket(seed, place))
    }
}

impl Iterator for Tickets {
    type Item = Ticket;

    fn next(&mut self) -> Option<Ticket> {
        loop {
            let ticket = self.world.ticket(self.seed, self.next);
            self.next += 1;
            if ticket.is_some() {
                return ticket;
            }
        }
    }

    fn nth(&mut self, skipped: usize) -> Option<Ticket> {
        if self.world != World::Churn {
            self.next += skipped as u64;
            return self.next();
        }
        for _ in 0..skipped {
            self.next();
        }
        self.next()
    }
}
