//! Binary search over row numbers and the like, of which there is no slice.

use std::ops::Range;

/// Returns the first number of a range that is not below what is sought; its end if all are.
///
/// `is_below` holds for the numbers up to some number, and for none after it.
pub(super) fn partition_point(range: Range<u32>, is_below: impl Fn(u32) -> bool) -> u32 {
    let (mut start, mut end) = (range.start, range.end);
    while start < end {
        let middle = start + (end - start) / 2;
        if is_below(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}
