//! The world `giants`: three customers with a tenth of all tickets each, and tiny ones.
//!
//! Shares are those that [`World::Giants`](super::World::Giants) states.

use super::desk;
use super::random::Random;
use crate::model::Ticket;

/// The number of the first tiny customer; those below are the giants.
const FIRST_TINY: u64 = 3;

/// The tickets in a row that share [`BLOCK_CUSTOMERS`] tiny customers, with one or two each.
const BLOCK_TICKETS: u64 = 3_072;

const BLOCK_CUSTOMERS: u64 = BLOCK_TICKETS / 3 * 2;

/// Spreads the second tickets of a block over its customers; it has no factor in common with
/// their number.
const STRIDE: u64 = 1_237;

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0x6147_0003, place);
    let customer = match random.below(10) {
        giant @ 0..FIRST_TINY => giant,
        _ => FIRST_TINY + tiny_customer(place),
    };
    desk::ticket_by(seed, place, customer)
}

/// Each customer of a block writes at one place of it or at two.
fn tiny_customer(place: u64) -> u64 {
    let (block, at) = (place / BLOCK_TICKETS, place % BLOCK_TICKETS);
    let within = if at < BLOCK_CUSTOMERS {
        at
    } else {
        at * STRIDE % BLOCK_CUSTOMERS
    };
    block * BLOCK_CUSTOMERS + within
}
