//! When an order that is not there is worth making.

use crate::segment::{Segment, Slot};

/// Making an order of ordinals, in nanoseconds a row.
const MAKE_BY_ORDINALS_COST: u64 = 50;
/// Making an order of long texts likewise. Measured: 0.9 µs a row among a hundred thousand.
const MAKE_BY_TEXTS_COST: u64 = 1_000;
/// An order of ordinals is made once answers have lost one part in this many of its cost without it.
/// The order of a long text takes its maker up to a tenth of a second, so answers have to lose all of its
/// cost first.
const MISSES: u64 = 16;
/// No answer makes the order of a long text among more rows than this: it would take more than
/// a tenth of a second. [`Snapshot::warm`](crate::Snapshot::warm) makes it.
const TEXT_ORDER_ROWS_MAX: u32 = 100_000;

/// Returns the time that answers must have lost without an order before one of them makes it; none
/// where no answer does.
pub(super) fn order_cost(segment: &Segment, slot: Slot) -> Option<u64> {
    let row_cost = match segment.column(slot) {
        Some(_) => MAKE_BY_ORDINALS_COST / MISSES,
        None if segment.rows_count() > TEXT_ORDER_ROWS_MAX => return None,
        None => MAKE_BY_TEXTS_COST,
    };
    Some(u64::from(segment.rows_count()) * row_cost)
}
