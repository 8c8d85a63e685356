//! The constants by which paths are priced.
//!
//! A cost is in nanoseconds of the machine that the strategies were measured on, and only ratios matter;
//! rates and limits say what they are. `benches/regret.rs` compares the choices made by them with the best
//! ones, and its results are in `benches/record`.

/// Visiting a match.
pub(super) const VISIT_COST: u64 = 4;
/// Passing one position of a walk, without asking its row.
pub(super) const ASKED_COST: u64 = 3;
/// Positions counted per nanosecond through a bitmap.
pub(super) const COUNTED_POSITIONS: u64 = 2;
/// Taking a sample of the matches and finding it in an order; most of it is waiting for memory.
/// Measured with all of it in cache: 2 to 11 µs, more where matches are denser.
pub(super) const SAMPLE_COST: u64 = 10_000;
/// Matches are sparse, and worth a sample, where fewer than one row in this many matches. Measured
/// where one row in five to eight does: a sample takes 7 to 11 µs, a walk for a page of 50 along one
/// set 1 to 3.
pub(super) const SPARSE: u64 = 8;
/// A walk whose length is a guess is given up after this many times as many positions as were expected. Of
/// evenly spread matches, the first is further away in one walk of 3,000.
pub(super) const GUESSED_WALK_MAX: u64 = 8;
/// Comparing two rows.
pub(super) const COMPARE_COST: u64 = 8;
/// Packing one key of a row. Measured with the visit of the row: 8 ns with one key, 14 with two.
pub(super) const KEY_COST: u64 = 6;
/// Columns of up to this many rows are mostly in cache; in more rows a key takes longer in proportion.
/// Measured: 37 ns a row with two keys among ten million rows.
pub(super) const CACHED_ROWS: u64 = 4_000_000;
/// Reading the first bytes of a long text where they are not kept. Measured: 50 to 90 ns, most of it waiting for
/// memory.
pub(super) const TEXT_KEY_COST: u64 = 80;
/// Putting the zone of a block in its order among the others.
pub(super) const ZONE_ORDERED_COST: u64 = 5;

/// Bits of rows cleared per nanosecond. Measured: 900 in cache; fresh memory is slower to clear, and
/// then to read for the first time.
pub(super) const CLEARED_ROWS: u64 = 256;

/// With more values than this, a bucket for each is no cheaper than a walk.
pub(super) const BUCKETS_MAX: u64 = 256;

/// A walk of at most this cost, or a sort of twice that, is taken before the others are priced, as others could
/// hardly save what that takes. Measured: a first page of all tickets by `company_name` takes 0.84 µs so, and 0.90
/// where all paths are priced.
pub(super) const PRICING_COST: u64 = 1_000;

/// Counting the rows of one value of a first key, and choosing the path to their order. Measured: 3 µs
/// for a page of 50 of 5,000 tickets, 50 to 200 positions of a walk among it.
pub(super) const NESTED_COST: u64 = 3_000;

/// Returns the estimated cost of putting a number of rows in order, once their keys are packed. Measured with these:
/// 145 µs for 5,000 rows by two keys, 1.7 ms for 44,444.
pub(super) fn sort_cost(rows: u64) -> u64 {
    let levels = u64::from(rows.max(1).ilog2()) + 1;
    rows * COMPARE_COST * levels / 4
}
