//! The rows of a column of long texts, sorted by the texts, in little memory.
//!
//! Sorting with the next bytes beside each row takes four times the memory of the order. So rows are
//! first dealt out by the next two bytes of their texts, within the list or a second one of its length,
//! until few enough tie to be sorted that way. Each deal reads the texts from their start, so rows that
//! still tie after [`DEALS_MAX`] deals are sorted that way however many they are.
//!
//! # Cost
//!
//! Linear in the bytes that texts share with others that tie, at most [`DEALS_MAX`] times. Beside the
//! rows themselves at most four bytes a row, or [`DIGITS`] counts; sixteen bytes a row for those that
//! still tie after all deals.

use std::ops::Range;

use super::folded::{next_two, skip_common};
use super::kept_text::KeptText;
use super::leads::Leads;
use super::text_column::TextColumn;
use super::ties::{KeyKind, TieKeys, TiedRow, order_ties};

/// What the next two bytes of a text can be: the end, or any two bytes.
const DIGITS: usize = 1 + (1 << 16);

/// Up to this many rows that tie so far are sorted in any case, which takes 64 KiB.
const FEW_ROWS: usize = 4096;

/// A row is dealt out at most this many times.
const DEALS_MAX: u32 = 4;

/// Returns the rows by their folded texts, ties by row.
pub(super) fn sort_rows(column: &TextColumn, rows_count: u32) -> Vec<u32> {
    let keys = ByText(column, Leads::of(column));
    let mut rows: Vec<u32> = (0..rows_count).collect();
    // Sixteen bytes each: together no more than the rows take.
    let sorted_rows_max = (rows.len() / 4).max(FEW_ROWS);
    let mut runs = vec![(0..rows.len(), 0)];
    let mut tied = Vec::new();
    while let Some((range, deals)) = runs.pop() {
        let run = &mut rows[range.clone()];
        if run.len() < 2 {
            continue;
        }
        if run.len() > sorted_rows_max && deals < DEALS_MAX {
            tied = Vec::new();
            if let Some(parts) = deal(run, column, deals > 0) {
                let within = |part: Range<usize>| range.start + part.start..range.start + part.end;
                runs.extend(parts.into_iter().map(|part| (within(part), deals + 1)));
                continue;
            }
        }
        tied.clear();
        tied.extend(run.iter().map(|&row| TiedRow::new(row)));
        order_ties(&mut tied, 0..run.len(), 0, &keys);
        run.iter_mut()
            .zip(&tied)
            .for_each(|(row, tied)| *row = tied.row);
    }
    rows
}

/// Deals ascending rows out by the two bytes after what all their texts share; returns the parts that
/// may still differ, or none where nothing tells them apart.
fn deal(run: &mut [u32], column: &TextColumn, is_begun: bool) -> Option<Vec<Range<usize>>> {
    let text = |row: u32| column.kept(row);
    let first = text(run[0]);
    let mut shared = if is_begun { first.bytes().len() } else { 0 };
    for &row in &run[1..] {
        if shared == 0 {
            break;
        }
        shared = skip_common((&first, 0), (&text(row), 0), shared).0;
    }
    let digit = |row: u32| {
        let own = text(row);
        next_two(&own, skip_common((&first, 0), (&own, 0), shared).1)
    };
    let mut ends = vec![0u32; DIGITS + 1];
    for &row in &*run {
        ends[digit(row) + 1] += 1;
    }
    let is_split = ends.iter().filter(|&&count| count > 0).count() > 1;
    let is_over = ends[1] as usize == run.len();
    if is_over {
        return Some(Vec::new());
    }
    if !is_split && is_begun {
        return None;
    }
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let parts = ends.windows(2).skip(1).filter(|pair| pair[1] - pair[0] > 1);
    let parts = parts
        .map(|pair| pair[0] as usize..pair[1] as usize)
        .collect();
    let mut dealt = vec![0; run.len()];
    for &row in &*run {
        let end = &mut ends[digit(row)];
        dealt[*end as usize] = row;
        *end += 1;
    }
    run.copy_from_slice(&dealt);
    Some(parts)
}

/// One key: the texts, ascending, ties by row.
struct ByText<'a>(&'a TextColumn, Leads<'a>);

impl TieKeys for ByText<'_> {
    fn key(&self, index: usize) -> Option<KeyKind> {
        (index == 0).then_some(KeyKind {
            is_text: true,
            descends: false,
        })
    }

    fn class(&self, _: usize, _: u32) -> u64 {
        0
    }

    fn text(&self, _: usize, row: u32) -> KeptText<'_> {
        self.0.kept(row)
    }

    fn head(&self, _: usize, row: u32) -> u64 {
        self.1.head(row)
    }

    fn rows_descend(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::ready_texts::ReadyTexts;
    use super::*;
    use crate::model::value::fold;

    #[test]
    fn rows_sort_as_their_folded_texts_do() {
        let common = "The same start of many texts, é, ".repeat(4);
        let text = |n: u32| match n % 7 {
            0 => String::new(),
            1 => format!("{common}{}", n * 7919 % 5003),
            2 => format!("{}{}", common.to_uppercase(), n * 7919 % 5003),
            3 => "always the same".to_owned(),
            4 => format!("\u{130}{}", n % 3),
            // Each is the start of the next, so that no step parts many from the others.
            5 if n < 6000 => "step".repeat(n as usize / 7),
            5 => format!("i\u{307}{}", n % 5),
            _ => "\0".repeat(n as usize % 40),
        };
        for count in [0, 1, 50, 3000, 30_000] {
            let texts: Vec<String> = (0..count).map(text).collect();
            let mut ready = ReadyTexts::default();
            for text in &texts {
                ready.push(text);
            }
            let column = TextColumn::seal(ready, usize::MAX);
            let mut expected: Vec<u32> = (0..count).collect();
            expected.sort_by_cached_key(|&row| fold(&texts[row as usize]));
            assert!(sort_rows(&column, count) == expected, "{count} rows");
        }
    }
}
