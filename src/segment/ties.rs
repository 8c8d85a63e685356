//! Rows put in order key by key: each key is read only where those before it tie, and only for the rows
//! that are asked for.
//!
//! To find the best of many rows by two keys takes the second key only of the rows that tie at the
//! border of the page. A key is the class of a column or a long text. Where texts tie so far, the next
//! bytes stand beside each row, so that a comparison reads no text; what all of them share is skipped.
//!
//! # Cost
//!
//! Linear in the rows for each key that must be looked at, and in the bytes of a text that it shares
//! with others that tie; the rows asked for are sorted. Sixteen bytes a row while it lasts.

use std::cmp::Ordering;
use std::ops::Range;

use super::folded::{compare_from, head, skip_common};
use super::kept_text::KeptText;

/// What rows that tie are told apart by: keys in turn, then the row itself.
pub(crate) trait TieKeys {
    /// Returns what a key is; none after the last.
    fn key(&self, index: usize) -> Option<KeyKind>;

    /// Returns the class of a row in a key of that kind.
    fn class(&self, index: usize, row: u32) -> u64;

    /// Returns the text of a row in a key of that kind.
    fn text(&self, index: usize, row: u32) -> KeptText<'_>;

    /// Returns an integer that orders the texts of rows, as far as it decides: 0 of an empty one.
    fn head(&self, index: usize, row: u32) -> u64;

    /// Returns whether rows that tie in every key come by descending row.
    fn rows_descend(&self) -> bool;
}

/// What a key compares, and whether its greatest value comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyKind {
    pub(crate) is_text: bool,
    pub(crate) descends: bool,
}

/// A row with what it is ordered by next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TiedRow {
    /// The class, or the next bytes of the text; sorts as the rows do.
    digit: u64,
    pub(crate) row: u32,
    /// How far the text was read.
    at: u32,
}

impl TiedRow {
    pub(crate) fn new(row: u32) -> TiedRow {
        TiedRow {
            digit: 0,
            row,
            at: 0,
        }
    }
}

/// Up to this many rows that tie are sorted by comparing them.
const COMPARED_ROWS_MAX: usize = 16;

/// Rows that tie so far, and which of them are asked for.
struct Run {
    rows: Range<usize>,
    window: Range<usize>,
    /// The key to look at.
    key: usize,
    /// Whether the start of the key's texts was compared already.
    is_begun: bool,
}

/// Puts the rows of a window in order, given rows that tie in all keys before the first to look at.
///
/// The rows outside the window stand before and after it in any order.
pub(crate) fn order_ties(
    rows: &mut [TiedRow],
    window: Range<usize>,
    first_key: usize,
    keys: &impl TieKeys,
) {
    // Runs may nest as deep as there are rows, so they wait here and not on the stack.
    let mut runs = vec![Run {
        rows: 0..rows.len(),
        window,
        key: first_key,
        is_begun: false,
    }];
    while let Some(run) = runs.pop() {
        order_run(rows, &run, keys, &mut runs);
    }
}

/// Orders one run by the next key, and notes what still ties.
fn order_run(all: &mut [TiedRow], run: &Run, keys: &impl TieKeys, runs: &mut Vec<Run>) {
    let rows = &mut all[run.rows.clone()];
    let window = run.window.start - run.rows.start..run.window.end - run.rows.start;
    if rows.len() < 2 || window.is_empty() {
        return;
    }
    if rows.len() <= COMPARED_ROWS_MAX {
        sort_compared(rows, run, keys);
        return;
    }
    let Some(kind) = keys.key(run.key) else {
        for row in &mut *rows {
            let digit = u64::from(row.row);
            row.digit = if keys.rows_descend() { !digit } else { digit };
        }
        sort_window(rows, window);
        return;
    };
    if !read_digits(rows, run, kind, keys) {
        sort_compared(rows, run, keys);
        return;
    }
    // The end of a text comes before any more of it, and is 0 in either direction.
    let is_end = |digit: u64| kind.is_text && digit == 0;
    let middle = sort_window(rows, window);
    let start = run.rows.start;
    let mut at = middle.start;
    for tied in rows[middle].chunk_by(|a, b| a.digit == b.digit) {
        let tied_rows = start + at..start + at + tied.len();
        at += tied.len();
        let digit = if kind.descends {
            !tied[0].digit
        } else {
            tied[0].digit
        };
        let is_read = !kind.is_text || is_end(digit);
        let tied_window = run.window.start.max(tied_rows.start)..run.window.end.min(tied_rows.end);
        if tied.len() > 1 && !tied_window.is_empty() {
            runs.push(Run {
                rows: tied_rows,
                window: tied_window,
                key: if is_read { run.key + 1 } else { run.key },
                is_begun: !is_read,
            });
        }
    }
}

/// Puts beside each row of a run what its key says next of it; false where its texts share nothing
/// more than before.
fn read_digits(rows: &mut [TiedRow], run: &Run, kind: KeyKind, keys: &impl TieKeys) -> bool {
    if !kind.is_text {
        for row in &mut *rows {
            row.digit = keys.class(run.key, row.row);
        }
    } else if !run.is_begun {
        for row in &mut *rows {
            row.at = 0;
            row.digit = keys.head(run.key, row.row);
        }
    } else if !read_on(rows, &|row| keys.text(run.key, row)) {
        return false;
    }
    if kind.descends {
        for row in &mut *rows {
            row.digit = !row.digit;
        }
    }
    true
}

/// Skips what all texts share and puts the next bytes beside each row; false where the texts share
/// nothing more than before.
fn read_on<'a>(rows: &mut [TiedRow], text: &impl Fn(u32) -> KeptText<'a>) -> bool {
    let (first, start) = (text(rows[0].row), rows[0].at as usize);
    let mut shared = first.bytes().len();
    for row in &rows[1..] {
        let other = (&text(row.row), row.at as usize);
        shared = skip_common((&first, start), other, shared).0;
        if shared == start {
            return false;
        }
    }
    for row in &mut rows[1..] {
        let other = (&text(row.row), row.at as usize);
        row.at = skip_common((&first, start), other, shared).1 as u32;
    }
    rows[0].at = shared as u32;
    for row in rows {
        row.digit = head(&text(row.row), row.at as usize);
    }
    true
}

/// Sorts rows by comparing all that is left of their keys.
fn sort_compared(rows: &mut [TiedRow], run: &Run, keys: &impl TieKeys) {
    rows.sort_unstable_by(|a, b| {
        let mut index = run.key;
        while let Some(kind) = keys.key(index) {
            let by_key = if kind.is_text {
                let from = |row: &TiedRow| {
                    let is_begun = run.is_begun && index == run.key;
                    let at = if is_begun { row.at as usize } else { 0 };
                    (keys.text(index, row.row), at)
                };
                let (a, b) = (from(a), from(b));
                compare_from((&a.0, a.1), (&b.0, b.1))
            } else {
                keys.class(index, a.row).cmp(&keys.class(index, b.row))
            };
            if by_key != Ordering::Equal {
                return if kind.descends {
                    by_key.reverse()
                } else {
                    by_key
                };
            }
            index += 1;
        }
        let by_row = a.row.cmp(&b.row);
        if keys.rows_descend() {
            by_row.reverse()
        } else {
            by_row
        }
    });
}

/// Sorts by digit the rows of a window with all that tie with its first and its last; returns where
/// these stand.
fn sort_window(rows: &mut [TiedRow], window: Range<usize>) -> Range<usize> {
    let mut end = rows.len();
    if window.end < rows.len() {
        let (_, last, _) = rows.select_nth_unstable_by_key(window.end - 1, |row| row.digit);
        let last = last.digit;
        end = window.end;
        for at in window.end..rows.len() {
            if rows[at].digit == last {
                rows.swap(at, end);
                end += 1;
            }
        }
    }
    let mut start = 0;
    if window.start > 0 {
        let (_, first, _) = rows[..end].select_nth_unstable_by_key(window.start, |row| row.digit);
        let first = first.digit;
        start = window.start;
        for at in (0..window.start).rev() {
            if rows[at].digit == first {
                start -= 1;
                rows.swap(at, start);
            }
        }
    }
    rows[start..end].sort_unstable_by_key(|row| (row.digit, row.row));
    start..end
}
