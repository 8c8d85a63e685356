//! Which numbers each row has, in the order of the rows: what is transposed into postings.
//!
//! Rows have the numbers of their texts, and words those of their grams.
//!
//! # Cost
//!
//! Two bytes for a number below 2^15, which are those of what came first, and four for others. A row takes
//! four more.

use super::packed::Offsets;

/// Marks the first of two parts of a number.
const NUMBER_MARK: u32 = 1 << 15;

/// The greatest number that two parts hold.
pub(super) const NUMBER_MAX: u32 = (1 << 31) - 1;

/// The numbers of each row.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Of each number 15 bits, or 31 in two parts, of which the upper is marked.
    parts: Vec<u16>,
    /// Where the parts of each row end.
    row_ends: Offsets,
}

impl Log {
    /// Appends a number to the current row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        // Without a branch on the number, which nothing would foretell.
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
                // Whoever wrote the first part wrote the second.
                let second = parts.next().copied().unwrap_or(0);
                (first ^ NUMBER_MARK) << 16 | u32::from(second)
            };
            visit(number);
        }
    }
}
