//! What each strategy is estimated to cost.
//!
//! Costs are nanoseconds of the machine that the strategies were measured on; only their
//! ratios matter. `benches/regret.rs` holds the choices made by them to the best ones.

pub(super) const VISIT_COST: u64 = 4;
/// Of a position of a walk, beside asking its row.
pub(super) const ASKED_COST: u64 = 3;
/// Positions that are counted by a bitmap in a nanosecond.
pub(super) const COUNTED_POSITIONS: u64 = 2;
/// Of a sample of the matches and their places in an order, most of it waiting for memory.
/// Measured: 2 to 11 µs with all of it in cache, the more the denser the matches.
pub(super) const SAMPLE_COST: u64 = 10_000;
/// Matches are few where less than one row in this many is one. Measured where one in five to
/// eight is: a sample takes 7 to 11 µs, a walk for a page of 50 along one set 1 to 3.
pub(super) const SPARSE: u64 = 8;
pub(super) const COMPARE_COST: u64 = 8;
/// Measured: 8 ns a row with one key, 14 with two, of which a visit takes some.
pub(super) const KEY_COST: u64 = 6;
/// The rows whose columns are mostly in cache; keys of more rows take longer in proportion.
/// Measured: 37 ns a row with two keys among ten million.
pub(super) const CACHED_ROWS: u64 = 4_000_000;
/// Measured: the first bytes of a long text take 50 to 90 ns a row, most of it waiting for memory.
pub(super) const TEXT_KEY_COST: u64 = 80;
/// Of putting the zone of a block where it belongs among the others.
pub(super) const ZONE_ORDERED_COST: u64 = 5;

/// The rows whose bits are cleared in a nanosecond. Measured: 900 in cache; memory that comes from
/// elsewhere is cleared at its own pace, and is then read for the first time.
pub(super) const CLEARED_ROWS: u64 = 256;

/// A bucket for each of more values than this is no longer cheaper than a walk.
pub(super) const BUCKETS_MAX: u64 = 256;

/// Returns the estimated cost of putting a number of rows in order.
pub(super) fn sort_cost(rows: u64) -> u64 {
    let levels = u64::from(rows.max(1).ilog2()) + 1;
    rows * COMPARE_COST * levels / 2
}
