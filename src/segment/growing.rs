//! Vectors of integers that grow, in the narrowest form that holds what has come so far.
//!
//! A load keeps one for each column until it seals the segment. Most columns have few values, so that a
//! byte or two a row are enough where the type of the values has eight. A sealed column has
//! [`Integers`](super::integers::Integers), which are packed once, with all rows known.
//!
//! # Cost
//!
//! An integer is read in constant time. Appending copies what is there at most three times, each time
//! that an integer needs a wider form.

/// Integers from row 0 on.
#[derive(Debug)]
pub(super) enum GrowingIntegers {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

impl Default for GrowingIntegers {
    fn default() -> GrowingIntegers {
        GrowingIntegers::U8(Vec::new())
    }
}

impl GrowingIntegers {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            GrowingIntegers::U8(own) => own.len(),
            GrowingIntegers::U16(own) => own.len(),
            GrowingIntegers::U32(own) => own.len(),
            GrowingIntegers::U64(own) => own.len(),
        }
    }

    /// Returns the integer of a row, which is 0 past the end.
    #[inline]
    pub(super) fn get(&self, row: u32) -> u64 {
        fn at<T: Copy + Into<u64>>(own: &[T], row: u32) -> u64 {
            own.get(row as usize).map_or(0, |&integer| integer.into())
        }
        match self {
            GrowingIntegers::U8(own) => at(own, row),
            GrowingIntegers::U16(own) => at(own, row),
            GrowingIntegers::U32(own) => at(own, row),
            GrowingIntegers::U64(own) => at(own, row),
        }
    }

    /// Appends zeros up to a count, or drops what is past it.
    pub(super) fn resize(&mut self, count: usize) {
        match self {
            GrowingIntegers::U8(own) => own.resize(count, 0),
            GrowingIntegers::U16(own) => own.resize(count, 0),
            GrowingIntegers::U32(own) => own.resize(count, 0),
            GrowingIntegers::U64(own) => own.resize(count, 0),
        }
    }

    /// Appends integers.
    pub(super) fn extend<T: Copy + Into<u64>>(&mut self, integers: &[T]) {
        let integers = integers.iter().map(|&integer| integer.into());
        self.widen(integers.clone().max().unwrap_or(0));
        // Each fits: the form holds the greatest.
        match self {
            GrowingIntegers::U8(own) => own.extend(integers.map(|integer| integer as u8)),
            GrowingIntegers::U16(own) => own.extend(integers.map(|integer| integer as u16)),
            GrowingIntegers::U32(own) => own.extend(integers.map(|integer| integer as u32)),
            GrowingIntegers::U64(own) => own.extend(integers),
        }
    }

    /// Takes a form that holds an integer.
    fn widen(&mut self, greatest: u64) {
        let bytes = match self {
            GrowingIntegers::U8(_) => 1,
            GrowingIntegers::U16(_) => 2,
            GrowingIntegers::U32(_) => 4,
            GrowingIntegers::U64(_) => 8,
        };
        let needed = match greatest {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        };
        if needed > bytes {
            let own = (0..self.count() as u32).map(|row| self.get(row));
            *self = match needed {
                2 => GrowingIntegers::U16(own.map(|integer| integer as u16).collect()),
                4 => GrowingIntegers::U32(own.map(|integer| integer as u32).collect()),
                _ => GrowingIntegers::U64(own.collect()),
            };
        }
    }
}

/// The half of what numbers near the first one may differ by; twice that is 32 bits.
const NEAR: u64 = 1 << 31;

/// Numbers or none, from row 0 on.
///
/// Numbers of more than 32 bits that are near each other, as dates are, take 32 bits.
#[derive(Debug, Default)]
pub(super) struct GrowingNumbers {
    /// What is added to each integer.
    base: u64,
    integers: GrowingIntegers,
    /// A bit for each row that has a number.
    held: Vec<u64>,
}

impl GrowingNumbers {
    /// Gives rows from one on, which come after those before, a number or none each.
    pub(super) fn extend(&mut self, first_row: u32, numbers: &[Option<u64>]) {
        let held = numbers.iter().flatten().copied();
        let Some(least) = held.clone().min() else {
            return;
        };
        if self.held.is_empty() && least > u64::from(u32::MAX) {
            self.base = least - NEAR;
        }
        if least < self.base
            || held
                .max()
                .is_some_and(|greatest| greatest - self.base > 2 * NEAR)
        {
            self.drop_base();
        }
        self.integers.resize(first_row as usize);
        let integer = |number: &Option<u64>| number.map_or(0, |number| number - self.base);
        let integers: Vec<u64> = numbers.iter().map(integer).collect();
        self.integers.extend(&integers);
        self.held.resize(self.integers.count().div_ceil(64), 0);
        for (row, number) in (first_row..).zip(numbers) {
            self.held[(row / 64) as usize] |= u64::from(number.is_some()) << (row % 64);
        }
    }

    /// Returns the number of a row; none past the end.
    #[inline]
    pub(super) fn get(&self, row: u32) -> Option<u64> {
        let bits = self.held.get((row / 64) as usize)?;
        (bits >> (row % 64) & 1 == 1).then(|| self.base + self.integers.get(row))
    }

    /// Keeps each number as it is.
    fn drop_base(&mut self) {
        let rows = 0..self.integers.count() as u32;
        let own: Vec<u64> = rows.map(|row| self.get(row).unwrap_or(0)).collect();
        self.integers = GrowingIntegers::default();
        self.integers.extend(&own);
        self.base = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_back_from_every_form() {
        let edges = [
            0,
            0xFF,
            0x100,
            0xFFFF,
            0x1_0000,
            0xFFFF_FFFF,
            1 << 32,
            u64::MAX,
        ];
        let mut integers = GrowingIntegers::default();
        for (at, edge) in edges.into_iter().enumerate() {
            integers.resize(3 * at);
            integers.extend(&[edge, 1]);
            integers.extend::<u32>(&[]);
            assert_eq!(integers.count(), 3 * at + 2);
            for (at, edge) in edges.into_iter().enumerate().take(at + 1) {
                let row = 3 * at as u32;
                let own = [row, row + 1, row + 2].map(|row| integers.get(row));
                assert_eq!(own, [edge, 1, 0]);
            }
        }
    }

    #[test]
    fn numbers_read_back_wherever_they_are() {
        const DATE: u64 = 63_000_000_000;
        let none = || vec![None; 5];
        for numbers in [
            vec![vec![Some(DATE), None, Some(DATE + NEAR)], none()],
            vec![none(), vec![Some(DATE)], vec![Some(DATE - NEAR), None]],
            vec![vec![Some(DATE)], vec![Some(DATE - NEAR - 1)], vec![Some(0)]],
            vec![
                vec![Some(DATE)],
                vec![None, Some(DATE + NEAR)],
                vec![Some(DATE + 2 * NEAR)],
            ],
            vec![vec![Some(u64::MAX), None, Some(0), Some(u64::MAX)]],
            vec![
                vec![Some(0)],
                vec![Some(u64::from(u32::MAX))],
                vec![Some(1 << 32)],
            ],
        ] {
            let mut own = GrowingNumbers::default();
            let mut first_row = 70;
            for part in &numbers {
                own.extend(first_row, part);
                first_row += part.len() as u32;
            }
            let rows = (70..).zip(numbers.iter().flatten());
            rows.for_each(|(row, number)| assert_eq!(own.get(row), *number, "{numbers:?}"));
            assert_eq!((own.get(69), own.get(first_row)), (None, None));
        }
    }

    #[test]
    fn dates_take_four_bytes() {
        let mut numbers = GrowingNumbers::default();
        numbers.extend(0, &[Some(63_000_000_000), Some(63_900_000_000)]);
        assert!(matches!(numbers.integers, GrowingIntegers::U32(_)));
    }
}
