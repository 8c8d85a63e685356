//! A log of numbers, those of the texts of each row or of the grams of each word, in the order in which they
//! come. Sealing transposes it into postings.
//!
//! # Cost
//!
//! Two bytes for a number below 2^15, which texts that are met early have, and four for any other. A row takes
//! four bytes more.

use super::packed::Offsets;

/// The bit that marks the first of two parts of a number.
const NUMBER_MARK: u32 = 1 << 15;

/// The greatest number that two parts hold.
pub(super) const NUMBER_MAX: u32 = (1 << 31) - 1;

/// The numbers of each row.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Each number as 15 bits in one part, or 31 bits in two, of which the first is the upper and marked.
    parts: Vec<u16>,
    /// Where the parts of each row end.
    row_ends: Offsets,
}

impl Log {
    /// Appends a number to the current row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        // Both parts are always written and one may be cut off, since a branch would be mispredicted.
        let is_short = number < NUMBER_MARK;
        let first = if is_short {
            number
        } else {
            number >> 16 | NUMBER_MARK
        };
        let length = self.parts.len() + 2 - usize::from(is_short);
        self.parts.extend([first as u16, number as u16]);
        self.parts.truncate(length);
    }

    /// Ends the current row; the next number belongs to the next.
    pub(super) fn end_row(&mut self) {
        self.row_ends.push(self.parts.len());
    }

    /// Returns how many rows have ended.
    pub(super) fn rows_count(&self) -> usize {
        self.row_ends.count()
    }

    /// Visits the numbers of a row, in their order.
    #[inline]
    pub(super) fn for_each(&self, row: usize, mut visit: impl FnMut(u32)) {
        let mut parts = self.parts[self.row_ends.before(row)].iter();
        while let Some(&first) = parts.next() {
            let first = u32::from(first);
            let number = if first < NUMBER_MARK {
                first
            } else {
                // The second part is there, since both are always written.
                let second = parts.next().copied().unwrap_or(0);
                (first ^ NUMBER_MARK) << 16 | u32::from(second)
            };
            visit(number);
        }
    }
}
