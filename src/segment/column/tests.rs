//! Columns of numbers.

use super::*;

#[test]
fn numbers_read_back_and_ranges_hold() {
    let extremes = vec![Some(0), None, Some(u64::MAX), Some(5), Some(u64::MAX - 1)];
    let close: Vec<_> = (0..500)
        .map(|n| (n % 7 != 0).then_some(1_000_000 + n * 3))
        .collect();
    let few: Vec<_> = (0..500)
        .map(|n| Some(if n % 2 == 0 { 1 } else { 1 << 60 }))
        .collect();
    for numbers in [extremes, close, few, vec![None; 3], vec![]] {
        let column = Column::of_numbers(&numbers, true);
        for (row, &number) in numbers.iter().enumerate() {
            assert_eq!(column.number(row as u32), number);
        }
        let bounds = [
            0,
            1,
            4,
            5,
            6,
            999_999,
            1_000_003,
            1_001_497,
            1 << 60,
            u64::MAX - 1,
            u64::MAX,
        ];
        for first in bounds {
            for last in bounds {
                let classes = column.number_classes(first, last);
                for (row, &number) in numbers.iter().enumerate() {
                    let expected = number.is_some_and(|n| first <= n && n <= last);
                    assert_eq!(classes.contains(&column.class(row as u32)), expected);
                }
            }
        }
    }
}
