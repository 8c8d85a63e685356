//! Small stores of the worlds of `synth`, and requests about them.
//!
//! [`nasty`](super::nasty) draws values that collide; these have the lengths, scripts and shapes
//! of real desks, which no list of pieces has: texts of 200 KB, sentences without blanks, numbers
//! over all of 64 bits, custom fields by the dozen.

use super::nasty::{Random, make_request};
use crate::Ticket;
use crate::synth::World;

/// The first requests of a world's sequence, of which one is drawn.
const REQUESTS_COUNT: usize = 32;

/// The first tickets of one seed of a [`World`], with the requests that suit them.
///
/// Cost: linear in the bytes of the tickets, which are held. One in a thousand of
/// [`World::Logs`] has up to 200 KB.
///
/// # Examples
///
/// ```
/// use ticketdex::reference::Reference;
/// use ticketdex::synth::World;
/// use ticketdex::testing::nasty::Random;
/// use ticketdex::testing::worlds::Sample;
///
/// let mut random = Random::new(7);
/// let sample = Sample::draw(&mut random, World::Tongues, 12);
/// let reference = Reference::from_tickets(sample.tickets().to_vec())?;
/// let request = sample.request(&mut random);
/// assert!(reference.total(&request.parse()?) <= 12);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    world: World,
    seed: u64,
    tickets: Vec<Ticket>,
}

impl Sample {
    /// Draws a seed, and makes the first tickets of it.
    pub fn draw(random: &mut Random, world: World, tickets_count: usize) -> Sample {
        // One byte of a fuzzer's, so that its changes change little.
        let seed = random.below(256) as u64;
        Sample {
            world,
            seed,
            tickets: world.tickets(seed).take(tickets_count).collect(),
        }
    }

    /// Returns the world that the tickets are of.
    pub fn world(&self) -> World {
        self.world
    }

    /// Returns the tickets, each valid, with different tids.
    pub fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    /// Draws a valid request: one of the world's, or a difficult one with the tickets' values.
    pub fn request(&self, random: &mut Random) -> String {
        if random.is_one_in(2) {
            return make_request(random, &self.tickets);
        }
        let at = random.below(REQUESTS_COUNT);
        let mut requests = self.world.requests(self.seed, self.tickets.len() as u64);
        requests.nth(at).unwrap_or_default()
    }
}
