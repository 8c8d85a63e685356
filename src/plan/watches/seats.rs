//! The seats of watches that are kept under one value.
//!
//! A seat is the index of a watch in the list of all; once a watch is removed, another takes its seat.

use smallvec::SmallVec;

/// Seats, in no order; most values have a few.
pub(super) type Seats = SmallVec<[u32; 4]>;

/// Removes a seat; returns whether none is left.
///
/// Cost: a look at each.
pub(super) fn remove_seat(seats: &mut Seats, seat: u32) -> bool {
    if let Some(at) = seats.iter().position(|&own| own == seat) {
        seats.swap_remove(at);
    }
    seats.is_empty()
}
