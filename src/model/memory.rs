//! What the allocator is asked for, where a type does not say.

/// The heap bytes of an [`Arc`](std::sync::Arc) beside its value: two counts.
pub(crate) const ARC_BYTES: usize = 2 * size_of::<usize>();

/// Returns the heap bytes of a hash table that has room for a number of entries.
///
/// Tables have a power of two of places, are full at seven eighths, and keep a byte a place
/// with sixteen more of them at the end.
pub(crate) fn table_bytes(capacity: usize, entry_bytes: usize) -> usize {
    let places = match capacity {
        0 => return 0,
        1..=3 => 4,
        4..=7 => 8,
        _ => (capacity * 8 / 7).next_power_of_two(),
    };
    places * (entry_bytes + 1) + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_a_power_of_two_of_places() {
        let places = |capacity| match table_bytes(capacity, 9) {
            0 => 0,
            bytes => (bytes - 16) / 10,
        };
        let expected = [
            (0, 0),
            (1, 4),
            (3, 4),
            (4, 8),
            (7, 8),
            (14, 16),
            (28, 32),
            (56, 64),
        ];
        for (capacity, count) in expected {
            assert_eq!(places(capacity), count, "{capacity}");
        }
        assert_eq!(table_bytes(3, 9), 4 * 10 + 16);
    }
}
