//! The places of watches that are kept under one value.

use smallvec::SmallVec;

/// Places, in no order; most values have a few.
pub(super) type Places = SmallVec<[u32; 4]>;

/// Removes a place; returns whether none is left.
///
/// Cost: a look at each.
pub(super) fn remove_place(places: &mut Places, place: u32) -> bool {
    if let Some(at) = places.iter().position(|&own| own == place) {
        places.swap_remove(at);
    }
    places.is_empty()
}
