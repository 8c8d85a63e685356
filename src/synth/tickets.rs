//! The sequence of a world's tickets.

use super::world::World;
use crate::model::Ticket;

/// An endless sequence of realistic tickets of one [`World`].
///
/// Nothing is held between two tickets, so that a sequence of any length takes no memory.
/// Each ticket is a function of the world, the seed and its place, and the same on every
/// machine; the first tickets of a longer sequence are those of a shorter one.
///
/// Cost: a few microseconds a ticket, up to a millisecond for a pasted log of 200 KB. Skipping
/// with [`nth`](Iterator::nth) is free, except in [`World::Churn`], where tickets were removed.
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

    pub(super) fn of(world: World, seed: u64) -> Tickets {
        Tickets {
            world,
            seed,
            next: 0,
        }
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
