//! Lists of watches, by seat, as the structures of the index keep them for one value.
//!
//! A seat is the index of a watch in the list of all. The seat of a removed watch is given to a later one.

use smallvec::SmallVec;

/// Seats in any order; most values have few.
pub(super) type Seats = SmallVec<[u32; 4]>;

/// Removes a seat, if it is there; returns whether none is left.
///
/// Cost: a look at each seat.
pub(super) fn remove_seat(seats: &mut Seats, seat: u32) -> bool {
    if let Some(at) = seats.iter().position(|&own| own == seat) {
        seats.swap_remove(at);
    }
    seats.is_empty()
}
