//! Finds a term that the rule of a word cuts, by its parts in pieces at consecutive spots.
//!
//! # Cost
//!
//! The spots of the rarest part are collected, and each other part, the rarer ones first, is read once to
//! drop the spots where it is missing. Where the parts have many spots, or the rarest is in many pieces whose
//! spots would have to be sorted, the rarest are read together, one window of spots after the other.
//! A part that is in most words of a log, as a single digit is, may be more expensive to read than the
//! texts of the few rows that are left by then, so these are read instead. So a line of a log that is looked for
//! as a whole is decided by a few of its parts.

use std::ops::Range;

use super::bits::{for_each_bit, set_bit, stride};
use super::cut;
use super::lexicon::{LIST_COST, Lexicon};
use super::packed::ListReader;
use super::spots::Spots;

/// The cost of searching the texts of a row for a term, in postings of a list. A row with a long log costs
/// more, one with prose far less.
const CHECK_COST: u64 = 32_768;

/// The number of bits in the sieve for each candidate. The sieve lets all candidates through, and at most
/// one in sixteen of the other spots, unless its size is limited.
const SIEVE_BITS: usize = 16;

/// The most bits in the sieve; a larger one would not fit into the processor's cache.
const SIEVE_BITS_MAX: usize = 1 << 22;

/// The most parts that are read together: what they leave is few, or the others will not make it much fewer.
const JOINED_PARTS_MAX: usize = 8;

/// The least number of spots of the rarest part at which windows are cheaper than sorting them, or than
/// looking for each among those of the other parts.
const JOINED_SPOTS_MIN: u64 = 4_096;

/// Parts with at least one posting in this many spots are read by windows: a window then costs about what
/// reading [`WINDOW_SPOTS_MIN`] / this many postings in it saves.
const SPOTS_PER_POSTING_MAX: u32 = 128;

/// The least number of spots in a window; their bitmap fits into the processor's first-level cache.
const WINDOW_SPOTS_MIN: u64 = 1 << 18;

/// The cost of coming to a list in a window, in postings.
const VISIT_COST: u64 = 4;

/// Tells whether the texts of a row hold the term.
pub(super) type Holds<'a> = &'a dyn Fn(u32) -> bool;

/// The parts that a term is cut into by one rule, and the pieces that match each; none is without pieces.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The rarest first.
    parts: Vec<Part>,
}

/// A part of a term, and the pieces that equal it, or start or end with it.
#[derive(Clone, Debug)]
struct Part {
    pieces: Vec<u32>,
    /// How many pieces of the term come before it.
    offset: u32,
    /// The spots of all its pieces.
    spots_count: u64,
}

impl Part {
    fn new(offset: u32, pieces: Vec<u32>, lexicon: &Lexicon) -> Part {
        let counts = pieces.iter().map(|&piece| lexicon.ids_count(piece));
        Part {
            spots_count: counts.map(u64::from).sum(),
            offset,
            pieces,
        }
    }

    /// Returns the cost of reading the spots, in postings.
    fn cost(&self) -> u64 {
        self.spots_count + LIST_COST * self.pieces.len() as u64
    }

    /// Returns a reader of the spots of all pieces.
    fn read<'a>(&self, lexicon: &'a Lexicon) -> PartReader<'a> {
        let pieces = self.pieces.iter();
        PartReader {
            offset: self.offset,
            lists: pieces.map(|&piece| lexicon.read_spots(piece)).collect(),
        }
    }

    /// Returns the spots at which the term would have to start for its part to be where it has to be, ascending.
    fn starts(&self, lexicon: &Lexicon) -> Vec<u32> {
        let mut starts = Vec::with_capacity(self.spots_count as usize);
        for &piece in &self.pieces {
            self.for_each_start(piece, lexicon, |start| starts.push(start));
        }
        starts.sort_unstable();
        starts
    }

    /// Visits the spots at which the term would have to start for its part to be at a spot of the piece.
    fn for_each_start(&self, piece: u32, lexicon: &Lexicon, mut visit: impl FnMut(u32)) {
        lexicon.for_each_id(piece, |spot| {
            // Too near to the first spot of the segment, the earlier parts have no room.
            if let Some(start) = spot.checked_sub(self.offset) {
                visit(start);
            }
        });
    }
}

impl Chain {
    /// Looks up the parts of a term; none if no piece matches one of them.
    pub(super) fn find(lexicon: &Lexicon, term: &[(u32, cut::Part<'_>)]) -> Option<Chain> {
        let mut parts = Vec::new();
        // Those that few pieces match are looked up first: where one is missing, the others do not matter.
        let is_whole = |(_, part): &&(u32, cut::Part<'_>)| matches!(part, cut::Part::Whole(_));
        let whole = term.iter().filter(is_whole);
        // In reverse: a part that ends a piece is the most expensive, and only the first can be one.
        let others = term.iter().rev().filter(|it| !is_whole(it));
        for &(offset, part) in whole.chain(others) {
            let pieces = match part {
                cut::Part::Whole(text) => lexicon.equal_to(text.as_bytes()),
                cut::Part::Start(text) => lexicon.starting_with(text.as_bytes()),
                cut::Part::End(text) => lexicon.ending_with(text.as_bytes()),
            };
            if pieces.is_empty() {
                return None;
            }
            parts.push(Part::new(offset, pieces, lexicon));
        }
        parts.sort_by_key(Part::cost);
        Some(Chain { parts })
    }

    /// Returns an upper bound of the spots at which the term is.
    pub(super) fn spots_count(&self) -> u64 {
        let counts = self.parts.iter().map(|part| part.spots_count);
        counts.min().unwrap_or(0)
    }

    /// Returns the estimated cost of finding the rows, in postings, where all words have `spots_count` spots.
    pub(super) fn cost(&self, spots_count: u32) -> u64 {
        self.expected(spots_count).1
    }

    /// Returns how many of the parts are expected to be read, the rarest first, before the texts of the rows that
    /// are left cost less than the next part, and the cost of all that.
    ///
    /// Parts that do not depend on each other would leave a share of the spots that is the product of their
    /// shares. In texts they do depend, so each is taken to leave the square root of its share, and half at most.
    fn expected(&self, spots_count: u32) -> (usize, u64) {
        let mut starts = self.spots_count();
        let mut cost = 0;
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                let checks_cost = starts.saturating_mul(CHECK_COST);
                if part.cost() > checks_cost {
                    return (index, cost + checks_cost);
                }
                let share = u64::from(spots_count) / part.spots_count.max(1);
                starts = starts.div_ceil(share.isqrt().max(2));
            }
            cost += part.cost();
        }
        (self.parts.len(), cost)
    }

    /// Returns the rarest parts, where they are to be read together, window by window, rather than one after the
    /// other.
    fn joined(&self, spots_count: u32) -> Option<&[Part]> {
        let [rarest, _, ..] = &self.parts[..] else {
            return None;
        };
        let joined = &self.parts[..self.expected(spots_count).0.min(JOINED_PARTS_MAX)];
        let postings: u64 = joined.iter().map(|part| part.spots_count).sum();
        let is_dense = postings >= u64::from(spots_count / SPOTS_PER_POSTING_MAX);
        let is_joined =
            rarest.spots_count >= JOINED_SPOTS_MIN && (rarest.pieces.len() > 1 || is_dense);
        is_joined.then_some(joined)
    }

    /// Visits the rows in which the parts are at the spots of one word, ascending; a row may come again.
    ///
    /// Where that is cheaper than reading another part, `holds` decides about the rows that are left.
    pub(super) fn for_each_row(
        &self,
        lexicon: &Lexicon,
        spots: &Spots,
        holds: Option<Holds<'_>>,
        mut visit: impl FnMut(u32),
    ) {
        let (mut starts, others) = if let Some(joined) = self.joined(spots.count()) {
            let others = &self.parts[joined.len()..];
            if others.is_empty() {
                return join(joined, lexicon, spots.count(), |window_start, bits| {
                    spots.for_each_row(window_start, bits, &mut visit);
                });
            }
            (joined_starts(joined, lexicon, spots.count()), others)
        } else if let Some((rarest, others)) = self.parts.split_first() {
            (rarest.starts(lexicon), others)
        } else {
            return;
        };
        let mut asks = None;
        for part in others {
            if starts.is_empty() {
                return;
            }
            asks = holds.filter(|_| part.cost() > starts.len() as u64 * CHECK_COST);
            if asks.is_some() {
                break;
            }
            retain_starts(&mut starts, part, lexicon);
        }
        let mut before = None;
        for start in starts {
            let row = spots.row(start);
            if before.replace(row) != Some(row) && asks.is_none_or(|holds| holds(row)) {
                visit(row);
            }
        }
    }
}

/// Returns the spots at which a term would start that has all parts, ascending.
fn joined_starts(parts: &[Part], lexicon: &Lexicon, spots_count: u32) -> Vec<u32> {
    let mut starts = Vec::new();
    join(parts, lexicon, spots_count, |window_start, bits| {
        let spots = 0..bits.len() as u32 * u64::BITS;
        for_each_bit(bits, spots, |bit| starts.push(window_start + bit));
    });
    starts
}

/// Visits the windows that have spots at which a term would start that has all parts: the first spot of each, and
/// a bit for each of its spots.
///
/// Cost: all spots of all parts, for each of which a bit is set in the bitmap of a window.
fn join(parts: &[Part], lexicon: &Lexicon, spots_count: u32, mut visit: impl FnMut(u32, &[u64])) {
    let window = window_spots(parts, spots_count);
    let mut readers: Vec<PartReader<'_>> = parts.iter().map(|part| part.read(lexicon)).collect();
    let Some((first, rest)) = readers.split_first_mut() else {
        return;
    };
    let [mut bits, mut others] = [0, 1].map(|_| vec![0; stride(window)]);
    for window_start in (0..spots_count).step_by(window as usize) {
        let within = window_start..window_start.saturating_add(window);
        bits.fill(0);
        let mut is_any = first.set_starts(within.clone(), &mut bits);
        for reader in &mut *rest {
            if !is_any {
                break;
            }
            others.fill(0);
            is_any = reader.set_starts(within.clone(), &mut others);
            let both = bits.iter_mut().zip(&others);
            both.for_each(|(own, other)| *own &= other);
        }
        if is_any {
            visit(window_start, &bits);
        }
    }
}

/// Returns how many spots a window has: enough that reading the lists costs more than coming to them.
fn window_spots(parts: &[Part], spots_count: u32) -> u32 {
    let lists: u64 = parts.iter().map(|part| part.pieces.len() as u64).sum();
    let postings: u64 = parts.iter().map(|part| part.spots_count).sum();
    let least = u64::from(spots_count) * lists * VISIT_COST / postings.max(1);
    let window = least.max(WINDOW_SPOTS_MIN).min(spots_count.into()) as u32;
    // A window begins and ends with a 64-bit integer of bits, and so with a stretch.
    window.next_multiple_of(64)
}

/// The pieces of a part, read window by window.
struct PartReader<'a> {
    offset: u32,
    lists: Vec<ListReader<'a>>,
}

impl PartReader<'_> {
    /// Sets the bits of the spots in a window at which a term would start that has the part; returns
    /// whether there is one.
    fn set_starts(&mut self, window: Range<u32>, bits: &mut [u64]) -> bool {
        let (offset, mut is_any) = (self.offset, false);
        for list in &mut self.lists {
            list.for_each_below(window.end.saturating_add(offset), |spot| {
                // A spot before the window, which an earlier window did not read, is skipped.
                if let Some(bit) = spot.checked_sub(window.start.saturating_add(offset)) {
                    set_bit(bits, bit);
                    is_any = true;
                }
            });
        }
        is_any
    }
}

/// Keeps the starts, which ascend, at which a part of the term is where it has to be.
fn retain_starts(starts: &mut Vec<u32>, part: &Part, lexicon: &Lexicon) {
    let sieve_bits = (starts.len() * SIEVE_BITS).next_power_of_two();
    let mask = sieve_bits.clamp(64, SIEVE_BITS_MAX) - 1;
    let mut sieve = vec![0u64; mask / 64 + 1];
    for &start in &*starts {
        let bit = start as usize & mask;
        sieve[bit / 64] |= 1 << (bit % 64);
    }
    let mut is_kept = vec![false; starts.len()];
    for &piece in &part.pieces {
        let mut from = 0;
        part.for_each_start(piece, lexicon, |start| {
            let bit = start as usize & mask;
            if sieve[bit / 64] >> (bit % 64) & 1 == 1 {
                from = gallop(starts, from, start);
                if starts.get(from) == Some(&start) {
                    is_kept[from] = true;
                }
            }
        });
    }
    let mut is_kept = is_kept.into_iter();
    starts.retain(|_| is_kept.next().unwrap_or(false));
}

/// Returns the first index of ascending values, not before `from`, whose value is at least `least`.
fn gallop(values: &[u32], from: usize, least: u32) -> usize {
    let rest = &values[from..];
    let mut step = 1;
    while rest.get(step - 1).is_some_and(|&value| value < least) {
        step *= 2;
    }
    let start = step / 2;
    let end = step.min(rest.len());
    from + start + rest[start..end].partition_point(|&value| value < least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOTS_COUNT: u32 = 45_000_000;

    #[test]
    fn frequent_parts_are_left_to_the_texts() {
        let chain = |spots: &[u64]| Chain {
            parts: (0..)
                .zip(spots)
                .map(|(offset, &spots_count)| Part {
                    pieces: vec![offset],
                    offset,
                    spots_count,
                })
                .collect(),
        };
        let rare = [10_000, 20_000, 30_000];
        let frequent = [2_000_000, 3_000_000];
        let both = chain(&[&rare[..], &frequent].concat());
        assert_eq!(both.expected(SPOTS_COUNT).0, 3);
        assert!(both.cost(SPOTS_COUNT) < frequent[0]);
        // Frequent parts alone are read, as the texts of very many rows would be asked.
        let alone = chain(&frequent);
        assert_eq!(alone.expected(SPOTS_COUNT).0, 2);
        assert!(alone.cost(SPOTS_COUNT) > frequent.iter().sum());
        // However long a term is, a few of its parts decide.
        let long = chain(&[100_000; 700]);
        assert!(long.cost(SPOTS_COUNT) < 1_000_000);
        assert!(
            long.joined(SPOTS_COUNT)
                .is_some_and(|parts| parts.len() <= JOINED_PARTS_MAX)
        );
    }
}
