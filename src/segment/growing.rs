//! Vectors of integers that grow, in the narrowest form that holds what has come so far.
//!
//! A load keeps one for each column until it seals the segment. Most columns have few values, so that a
//! byte or two a row are enough where the type of the values has eight, and of hundreds of custom fields
//! a ticket has a few. A sealed column has [`Integers`](super::integers::Integers), which are packed
//! once, with all rows known.
//!
//! # Cost
//!
//! An integer is read in constant time once the vector is [spread](GrowingIntegers::spread), before that
//! by a search among those that are not zero. Appending copies what is there at most four times: each
//! time that an integer needs a wider form, and once where zeros are no longer left out.

/// Zeros are left out while at most one row in this many has another integer.
const LISTED_SPARSITY: usize = 8;

/// Integers from row 0 on.
#[derive(Debug)]
pub(super) struct GrowingIntegers {
    count: usize,
    /// The rows whose integers are there; none where those of all rows are.
    listed: Option<Vec<u32>>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
}

impl Default for GrowingIntegers {
    fn default() -> GrowingIntegers {
        GrowingIntegers {
            count: 0,
            listed: Some(Vec::new()),
            form: Form::U8(Vec::new()),
        }
    }
}

impl GrowingIntegers {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the integer of a row, which is 0 past the end.
    #[inline]
    pub(super) fn get(&self, row: u32) -> u64 {
        match &self.listed {
            None => self.form.get(row as usize),
            Some(rows) => rows.binary_search(&row).map_or(0, |at| self.form.get(at)),
        }
    }

    /// Returns the rows whose integers are not zero, and these, while zeros are left out; none else.
    pub(super) fn listed(&self) -> Option<impl Iterator<Item = (u32, u64)>> {
        let rows = self.listed.as_deref()?;
        Some((0..).zip(rows).map(|(at, &row)| (row, self.form.get(at))))
    }

    /// Appends zeros up to a count, which is no less than that so far.
    pub(super) fn pad(&mut self, count: usize) {
        if self.listed.is_none() {
            self.form.pad(count);
        }
        self.count = count;
    }

    /// Appends integers.
    pub(super) fn extend<T: Copy + Into<u64>>(&mut self, integers: &[T]) {
        let first_row = self.count as u32;
        self.count += integers.len();
        let integers = integers.iter().map(|&integer| integer.into());
        let Some(rows) = &mut self.listed else {
            return self.form.extend(integers);
        };
        let held = (first_row..)
            .zip(integers)
            .filter(|&(_, integer)| integer > 0);
        rows.extend(held.clone().map(|(row, _)| row));
        self.form.extend(held.map(|(_, integer)| integer));
        if rows.len() * LISTED_SPARSITY > self.count {
            self.spread();
        }
    }

    /// Puts zeros where they were left out.
    pub(super) fn spread(&mut self) {
        if let Some(rows) = self.listed.take() {
            self.form.spread(&rows, self.count);
        }
    }
}

impl Form {
    fn get(&self, at: usize) -> u64 {
        fn integer<T: Copy + Into<u64>>(own: &[T], at: usize) -> u64 {
            own.get(at).map_or(0, |&integer| integer.into())
        }
        match self {
            Form::U8(own) => integer(own, at),
            Form::U16(own) => integer(own, at),
            Form::U32(own) => integer(own, at),
            Form::U64(own) => integer(own, at),
        }
    }

    fn count(&self) -> usize {
        match self {
            Form::U8(own) => own.len(),
            Form::U16(own) => own.len(),
            Form::U32(own) => own.len(),
            Form::U64(own) => own.len(),
        }
    }

    fn pad(&mut self, count: usize) {
        match self {
            Form::U8(own) => own.resize(count, 0),
            Form::U16(own) => own.resize(count, 0),
            Form::U32(own) => own.resize(count, 0),
            Form::U64(own) => own.resize(count, 0),
        }
    }

    fn extend(&mut self, integers: impl Iterator<Item = u64> + Clone) {
        self.widen(integers.clone().max().unwrap_or(0));
        // Each fits: the form holds the greatest.
        match self {
            Form::U8(own) => own.extend(integers.map(|integer| integer as u8)),
            Form::U16(own) => own.extend(integers.map(|integer| integer as u16)),
            Form::U32(own) => own.extend(integers.map(|integer| integer as u32)),
            Form::U64(own) => own.extend(integers),
        }
    }

    /// Takes a form that holds an integer.
    fn widen(&mut self, greatest: u64) {
        let bytes = match self {
            Form::U8(_) => 1,
            Form::U16(_) => 2,
            Form::U32(_) => 4,
            Form::U64(_) => 8,
        };
        let needed = match greatest {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        };
        if needed > bytes {
            let own = (0..self.count()).map(|at| self.get(at));
            *self = match needed {
                2 => Form::U16(own.map(|integer| integer as u16).collect()),
                4 => Form::U32(own.map(|integer| integer as u32).collect()),
                _ => Form::U64(own.collect()),
            };
        }
    }

    /// Moves each integer to its row; there are that many rows, and the others have 0.
    fn spread(&mut self, rows: &[u32], count: usize) {
        fn move_all<T: Copy + Default>(own: &mut Vec<T>, rows: &[u32], count: usize) {
            let mut all = vec![T::default(); count];
            for (&integer, &row) in own.iter().zip(rows) {
                all[row as usize] = integer;
            }
            *own = all;
        }
        match self {
            Form::U8(own) => move_all(own, rows, count),
            Form::U16(own) => move_all(own, rows, count),
            Form::U32(own) => move_all(own, rows, count),
            Form::U64(own) => move_all(own, rows, count),
        }
    }
}

/// Numbers take 32 bits while none is further than this below the least of the first ones, and each is less
/// than this above it.
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
        let greatest = held.max().unwrap_or(least);
        if self.base > 0 && (least < self.base || greatest - self.base >= 2 * NEAR) {
            self.drop_base();
        }
        self.integers.pad(first_row as usize);
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

    /// Puts what was left out where it belongs, so that reading takes constant time.
    pub(super) fn spread(&mut self) {
        self.integers.spread();
    }

    /// Keeps each number as it is.
    fn drop_base(&mut self) {
        self.spread();
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
            integers.pad(3 * at);
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
    fn zeros_are_left_out_while_most_are() {
        let integer = |row: u32| {
            if row.is_multiple_of(9) {
                u64::from(row) + 1
            } else {
                0
            }
        };
        let mut integers = GrowingIntegers::default();
        integers.pad(500);
        let rows: Vec<u64> = (500..1_000).map(integer).collect();
        rows.chunks(7).for_each(|rows| integers.extend(rows));
        let held = integers.listed.as_ref().unwrap().len();
        assert_eq!((held, integers.count()), (56, 1_000));
        let check = |integers: &GrowingIntegers| {
            for row in 0..1_000 {
                let expected = if row < 500 { 0 } else { integer(row) };
                assert_eq!(integers.get(row), expected, "row {row}");
            }
        };
        check(&integers);
        integers.spread();
        check(&integers);
        let mut integers = GrowingIntegers::default();
        integers.pad(10);
        integers.extend(&[0u8, 44, 1]);
        assert!(integers.listed.is_none());
        assert_eq!(
            [9, 10, 11, 12, 13].map(|row| integers.get(row)),
            [0, 0, 44, 1, 0]
        );
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
    fn numbers_are_moved_once() {
        let mut numbers = GrowingNumbers::default();
        numbers.extend(0, &[Some(7), Some(u64::MAX)]);
        numbers.extend(2, &[Some(u64::MAX)]);
        let place = |numbers: &GrowingNumbers| match &numbers.integers.form {
            Form::U64(own) => (own.as_ptr(), own.capacity()),
            other => panic!("{other:?}"),
        };
        let before = place(&numbers);
        assert!(before.1 > 3);
        numbers.extend(3, &[Some(u64::MAX)]);
        assert_eq!(place(&numbers), before);
    }

    #[test]
    fn dates_take_four_bytes() {
        const DATE: u64 = 63_000_000_000;
        let mut numbers = GrowingNumbers::default();
        numbers.extend(0, &[Some(DATE), Some(63_900_000_000)]);
        numbers.extend(2, &[Some(DATE + NEAR - 1)]);
        assert!(matches!(numbers.integers.form, Form::U32(_)) && numbers.base > 0);
        // One that is further away than 32 bits tell.
        numbers.extend(3, &[Some(DATE + NEAR)]);
        assert!(matches!(numbers.integers.form, Form::U64(_)) && numbers.base == 0);
    }
}
