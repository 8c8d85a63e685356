//! The keys of an order in one segment, packed for comparing rows.
//!
//! As many of the first keys as fit become the digits of one integer, which decides most
//! pairs of rows and all pairs of most orders. A row of another segment becomes a [`Bound`]
//! on that integer, so that rows are told apart by it without looking values up.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use smallvec::SmallVec;

use super::order::{Key, Order, Value, directed, is_constant};
use crate::segment::{
    Column, KeptText, KeyKind, Leads, Segment, SlotColumn, TextColumn, TieKeys, TiedRow, order_ties,
};

/// A row with what its first keys pack to.
pub(super) type KeyedRow = (u64, u32);

/// The keys of an order in one segment.
pub(super) struct RowKeys<'a> {
    segment: &'a Segment,
    /// None of the columns is absent.
    keys: Vec<(SlotColumn<'a>, Key)>,
    /// By what each key that is a long text is compared, taken when it first is.
    leads: SmallVec<[OnceCell<Leads<'a>>; 2]>,
    /// The bits of each packed key's classes.
    packed_bits: Vec<u32>,
    tid_descends: bool,
}

/// Where a row of any segment, or a value of the first key, falls among packed rows.
pub(super) struct Bound {
    /// What packs to one of these ties as far as packing tells; what is below comes before.
    ties: Range<u128>,
    /// Whether ties may yet differ in a key that is not packed.
    pub(super) is_open: bool,
}

impl Bound {
    /// Returns where a long text falls by its lead.
    fn of_lead(lead: u64, descends: bool) -> Bound {
        let leading = u128::from(if descends { !lead } else { lead });
        Bound {
            ties: leading..leading + 1,
            is_open: true,
        }
    }

    /// Returns the least that a row can pack to which does not come before the bound.
    pub(super) fn start(&self) -> u64 {
        u64::try_from(self.ties.start).unwrap_or(u64::MAX)
    }

    /// Compares what a row packs to with the bound.
    pub(super) fn compare(&self, packed: u64) -> Ordering {
        let packed = u128::from(packed);
        if packed < self.ties.start {
            Ordering::Less
        } else if packed < self.ties.end {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }
}

impl<'a> RowKeys<'a> {
    /// Packs the keys of an order, none of which is constant in the segment.
    pub(super) fn new(segment: &'a Segment, order: &Order) -> RowKeys<'a> {
        // A custom name that the segment lacks is empty in every row.
        let column = |key: &Key| match segment.slot_column(key.slot) {
            SlotColumn::Absent => None,
            column => Some((column, *key)),
        };
        let keys: Vec<_> = order.keys.iter().filter_map(column).collect();
        let mut left = u64::BITS;
        let mut packed_bits = Vec::new();
        for (key, _) in &keys {
            let SlotColumn::Ordinals(column) = key else {
                break;
            };
            let bits = u64::BITS - (column.classes_count().max(1) - 1).leading_zeros();
            let Some(rest) = left.checked_sub(bits) else {
                break;
            };
            left = rest;
            packed_bits.push(bits);
        }
        RowKeys {
            segment,
            leads: keys.iter().map(|_| OnceCell::new()).collect(),
            keys,
            packed_bits,
            tid_descends: order.tid_descends,
        }
    }

    /// Returns by what a key that is a long text is compared.
    fn leads(&self, index: usize, column: &'a TextColumn) -> Leads<'a> {
        *self.leads[index].get_or_init(|| Leads::of(column))
    }

    /// Returns an integer that sorts as the first keys do, as far as it decides.
    pub(super) fn packed(&self, row: u32) -> u64 {
        match self.keys.first() {
            None if self.tid_descends => !u64::from(row),
            None => u64::from(row),
            Some((SlotColumn::Long(column), key)) => {
                let lead = self.leads(0, column).of_row(row);
                if key.descends { !lead } else { lead }
            }
            Some(_) => {
                let mut packed = 0u64;
                for ((column, key), &bits) in self.keys.iter().zip(&self.packed_bits) {
                    let SlotColumn::Ordinals(column) = column else {
                        break;
                    };
                    let class = column.class(row);
                    let digit = if key.descends {
                        greatest_digit(bits) - class
                    } else {
                        class
                    };
                    packed = packed.checked_shl(bits).unwrap_or(0) | digit;
                }
                packed
            }
        }
    }

    /// Returns what rows can pack to that have a class in the first key, one of ordinals.
    pub(super) fn packed_of_class(&self, class: u64) -> RangeInclusive<u64> {
        let (Some((_, key)), Some(&bits)) = (self.keys.first(), self.packed_bits.first()) else {
            return 0..=u64::MAX;
        };
        let digit = if key.descends {
            greatest_digit(bits) - class
        } else {
            class
        };
        let rest: u32 = self.packed_bits[1..].iter().sum();
        let first = digit << rest;
        first..=first | greatest_digit(rest)
    }

    /// Notes that a number of rows is about to be packed, before any is.
    pub(super) fn expect(&self, rows_count: u64) {
        if let Some((SlotColumn::Long(_), key)) = self.keys.first() {
            self.segment.expect_leads(key.slot, rows_count);
        }
    }

    /// Asks for the texts of some rows at once, where they are read: each of them is elsewhere in memory,
    /// and one by one they would be waited for.
    pub(super) fn touch(&self, rows: &[u32]) {
        if let Some((SlotColumn::Long(column), _)) = self.keys.first()
            && !column.has_leads()
        {
            let first = |row: &u32| column.first_byte(*row);
            std::hint::black_box(rows.iter().fold(0, |all, row| all | first(row)));
        }
    }

    /// Returns the rows with what they pack to.
    pub(super) fn keyed(&self, rows: impl Iterator<Item = u32>) -> Vec<KeyedRow> {
        rows.map(|row| (self.packed(row), row)).collect()
    }

    /// Returns where rows with a value in the first key fall; none where packing does not tell.
    pub(super) fn bound_of_first(&self, value: &Value<'_>) -> Option<Bound> {
        let (SlotColumn::Ordinals(column), key) = self.keys.first()? else {
            return None;
        };
        let digits = digits(value, column, *key, *self.packed_bits.first()?);
        let rest: u32 = self.packed_bits[1..].iter().sum();
        Some(Bound {
            ties: digits.start << rest..digits.end << rest,
            is_open: false,
        })
    }

    /// Returns where a row with `values` in the first keys of `order` falls. `order` may also have keys
    /// that are constant in `segment`, the segment of these keys.
    pub(super) fn bound_of_row(
        &self,
        segment: &Segment,
        order: &Order,
        values: &[Value<'_>],
    ) -> Bound {
        let mut rest: u32 = self.packed_bits.iter().sum();
        let mut prefix = 0..1;
        let mut is_open = false;
        let mut columns = self.keys.iter().enumerate();
        for (key, value) in order.keys.iter().zip(values) {
            if is_constant(segment, key.slot) {
                let by_key = Value::of(segment, key.slot, 0).cmp(value);
                match directed(by_key, key.descends) {
                    Ordering::Less => prefix = prefix.end..prefix.end,
                    Ordering::Equal => continue,
                    Ordering::Greater => prefix = prefix.start..prefix.start,
                }
                break;
            }
            let Some((index, (column, _))) = columns.next() else {
                break;
            };
            let (SlotColumn::Ordinals(column), Some(&bits)) = (column, self.packed_bits.get(index))
            else {
                is_open = true;
                if let (0, SlotColumn::Long(column), Value::Long(text)) = (index, column, value) {
                    let lead = self.leads(index, column).of_text(text);
                    return Bound::of_lead(lead, key.descends);
                }
                break;
            };
            let digits = digits(value, column, *key, bits);
            rest -= bits;
            let base = prefix.start << bits;
            prefix = base + digits.start..base + digits.end;
            if digits.is_empty() {
                break;
            }
        }
        if self.packed_bits.is_empty() || values.is_empty() {
            // Nothing that is packed tells: all rows tie, or all are on one side.
            rest = u64::BITS;
        }
        Bound {
            ties: prefix.start << rest..prefix.end << rest,
            is_open,
        }
    }

    /// Puts the rows of a window of the order first, in order, and drops all others.
    ///
    /// Keys that are not packed are looked at only for rows that tie at a border of the window or
    /// inside it.
    ///
    /// Cost: linear in the rows, but for those of the window, which are sorted.
    pub(super) fn select(&self, keyed: &mut Vec<KeyedRow>, window: Range<u64>) {
        let most = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(keyed.len());
        let mut window = most(window.start)..most(window.end);
        if window.is_empty() {
            keyed.clear();
            return;
        }
        // The rows of one value of the first key may all pack to the same, and are many then.
        let is_tied = self.may_differ(keyed[0].0) && keyed.iter().all(|row| row.0 == keyed[0].0);
        if !is_tied {
            window = keep_ties(keyed, window);
            keyed.sort_unstable_by(|a, b| self.compare_packed(*a, *b));
        }
        if self.has_unpacked() {
            self.order_ties(keyed, &window);
        }
        keyed.truncate(window.end);
        keyed.drain(..window.start);
    }

    /// Drops the rows that are not among the first of the order; returns what the last of them packs
    /// to. Rows that pack to the same and may differ in other keys stay.
    pub(super) fn cut(&self, keyed: &mut Vec<KeyedRow>, count: usize) -> Option<u64> {
        if count == 0 || count > keyed.len() {
            return None;
        }
        let compare = |a: &KeyedRow, b: &KeyedRow| self.compare_packed(*a, *b);
        let (_, last, _) = keyed.select_nth_unstable_by(count - 1, compare);
        let last = last.0;
        if self.may_differ(last) {
            keyed.retain(|row| row.0 <= last);
        } else {
            keyed.truncate(count);
        }
        Some(last)
    }

    /// Returns whether rows that pack to the same may differ in a key.
    pub(super) fn has_unpacked(&self) -> bool {
        self.packed_bits.len() < self.keys.len()
    }

    /// Returns whether rows that pack to this may differ in a key.
    ///
    /// Where a long text is the only key they do not if it is empty, as it then is in many rows.
    fn may_differ(&self, packed: u64) -> bool {
        let is_empty_text = match &self.keys[..] {
            [(SlotColumn::Long(column), key)] => {
                let empty = if key.descends { u64::MAX } else { 0 };
                packed == empty && self.leads(0, column).tell_empty()
            }
            _ => false,
        };
        self.has_unpacked() && !is_empty_text
    }

    /// Compares two rows by what they pack to, then by tid.
    fn compare_packed(&self, a: KeyedRow, b: KeyedRow) -> Ordering {
        let by_row = || directed(a.1.cmp(&b.1), self.tid_descends);
        a.0.cmp(&b.0).then_with(by_row)
    }

    /// Orders the rows that pack to the same by the other keys, as far as the window has them.
    fn order_ties(&self, keyed: &mut [KeyedRow], window: &Range<usize>) {
        let mut at = 0;
        let mut tied = Vec::new();
        for run in keyed.chunk_by_mut(|a, b| a.0 == b.0) {
            let start = at;
            at += run.len();
            let within = window.start.max(start)..window.end.min(at);
            if run.len() < 2 || within.is_empty() || !self.may_differ(run[0].0) {
                continue;
            }
            if let Some((_, key)) = self.keys.get(self.packed_bits.len()) {
                self.segment.expect_leads(key.slot, run.len() as u64);
            }
            tied.clear();
            tied.extend(run.iter().map(|&(_, row)| TiedRow::new(row)));
            let within = within.start - start..within.end - start;
            order_ties(&mut tied, within, self.packed_bits.len(), self);
            for ((_, row), tied) in run.iter_mut().zip(&tied) {
                *row = tied.row;
            }
        }
    }

    /// Replaces ascending rows by those of a window of the order.
    pub(super) fn select_rows(&self, rows: &mut Vec<u32>, window: Range<u64>) {
        let most = usize::try_from(window.end).unwrap_or(usize::MAX);
        let mut keyed = self.best(rows.drain(..), most);
        self.select(&mut keyed, window);
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }

    /// Returns the best of some rows, and perhaps some more.
    ///
    /// Most rows of a large group of ties are looked at and not kept.
    fn best(&self, rows: impl Iterator<Item = u32>, count: usize) -> Vec<KeyedRow> {
        let mut room = room(count, 0);
        let mut keyed = Vec::with_capacity(rows.size_hint().0.min(room));
        let mut worst = u64::MAX;
        for row in rows {
            let packed = self.packed(row);
            if packed > worst {
                continue;
            }
            keyed.push((packed, row));
            if keyed.len() >= room {
                worst = self.cut(&mut keyed, count).unwrap_or(worst);
                room = self::room(count, keyed.len());
            }
        }
        keyed
    }
}

/// The buffer of the best rows has room for at least this many.
const ROOM_MIN: usize = 64;

/// Returns at how many rows a buffer of the best ones is cut again to the number that is needed, given how
/// many a cut has left: what ties is looked at a few times in all, however much of it there is.
pub(super) fn room(needed: usize, kept: usize) -> usize {
    needed.max(kept).saturating_mul(2).max(ROOM_MIN)
}

impl TieKeys for RowKeys<'_> {
    fn key(&self, index: usize) -> Option<KeyKind> {
        let (column, key) = self.keys.get(index)?;
        Some(KeyKind {
            is_text: matches!(column, SlotColumn::Long(_)),
            descends: key.descends,
        })
    }

    fn class(&self, index: usize, row: u32) -> u64 {
        match &self.keys[index].0 {
            SlotColumn::Ordinals(column) => column.class(row),
            SlotColumn::Long(_) | SlotColumn::Absent => 0,
        }
    }

    fn text(&self, index: usize, row: u32) -> KeptText<'_> {
        match &self.keys[index].0 {
            SlotColumn::Ordinals(_) | SlotColumn::Absent => KeptText::plain(""),
            SlotColumn::Long(column) => column.kept(row),
        }
    }

    fn head(&self, index: usize, row: u32) -> u64 {
        match &self.keys[index].0 {
            SlotColumn::Ordinals(_) | SlotColumn::Absent => 0,
            SlotColumn::Long(column) => self.leads(index, column).head(row),
        }
    }

    fn rows_descend(&self) -> bool {
        self.tid_descends
    }
}

/// Drops the rows that pack to less than the first of a window or to more than its last; returns
/// where the window is among the others.
fn keep_ties(keyed: &mut Vec<KeyedRow>, window: Range<usize>) -> Range<usize> {
    if window.end < keyed.len() {
        let (_, last, _) = keyed.select_nth_unstable_by_key(window.end - 1, |row| row.0);
        let last = last.0;
        keyed.retain(|row| row.0 <= last);
    }
    if window.start == 0 {
        return window;
    }
    let (_, first, _) = keyed.select_nth_unstable_by_key(window.start, |row| row.0);
    let first = first.0;
    let rows_before = keyed.len();
    keyed.retain(|row| row.0 >= first);
    let dropped = rows_before - keyed.len();
    window.start - dropped..window.end - dropped
}

/// Returns the greatest number that a number of bits can hold.
fn greatest_digit(bits: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0)
}

/// Returns the digit of a value in a key of a number of bits, or none at its place among them.
fn digits(value: &Value<'_>, column: &Column, key: Key, bits: u32) -> Range<u128> {
    let classes = value.classes(column);
    let past = u128::from(greatest_digit(bits)) + 1;
    let (start, end) = (u128::from(classes.start), u128::from(classes.end));
    // Classes past the greatest have no digit.
    let (start, end) = (start.min(past), end.min(past));
    if key.descends {
        past - end..past - start
    } else {
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::seconds_to_date;
    use crate::model::{Field, Ticket};
    use crate::plan::tests::live_of;
    use crate::segment::Slot;

    /// Makes tickets of few values each, of which `offset` chooses others.
    fn tickets(offset: u64) -> Vec<Ticket> {
        let ticket = |tid: u64| Ticket {
            tid,
            status: "all the same".to_owned(),
            priority: format!("P{}", (tid * 7 + offset) % 5 * 2 + offset % 2),
            cid: format!("c{:03}", (tid * 13 + offset) % 90),
            subject: format!("{}{}", ["a", "B", "é"][tid as usize % 3], tid % 4 + offset),
            last_updated: (!tid.is_multiple_of(3)).then(|| seconds_to_date(tid % 11)),
            ..Ticket::default()
        };
        (1..=60).map(ticket).collect()
    }

    /// Returns where a row falls among what has some values, as far as the first keys tell that
    /// are no long texts; of one that comes first, what its first bytes tell.
    fn expected(segment: &Segment, order: &Order, row: u32, values: &[Value<'_>]) -> Ordering {
        let mut is_first = true;
        for (key, value) in order.keys.iter().zip(values) {
            let own = Value::of(segment, key.slot, row);
            if segment.column(key.slot).is_none() && !is_constant(segment, key.slot) {
                let leading = own.leading().cmp(&value.leading());
                return directed(
                    if is_first { leading } else { Ordering::Equal },
                    key.descends,
                );
            }
            is_first &= is_constant(segment, key.slot);
            let by_key = own.cmp(value);
            if by_key != Ordering::Equal {
                return directed(by_key, key.descends);
            }
        }
        Ordering::Equal
    }

    #[test]
    fn bounds_fall_where_values_do() {
        let own = live_of(&tickets(0));
        let segment = &*own.segment;
        for offset in [0, 1, 2] {
            let other = live_of(&tickets(offset));
            for fields in [
                &[Field::Priority][..],
                &[Field::Priority, Field::Cid],
                &[Field::Cid, Field::LastUpdated, Field::Priority],
                &[Field::LastUpdated, Field::Subject, Field::Cid],
                &[Field::Subject, Field::Priority],
                &[Field::Status, Field::Priority, Field::Subject],
                &[Field::Status, Field::Subject],
                &[Field::Status],
            ] {
                for directions in 0..8 {
                    let key = |(index, field): (usize, &Field)| Key {
                        slot: Slot::Field(*field),
                        descends: directions >> index & 1 == 1,
                    };
                    let order = Order {
                        keys: fields.iter().enumerate().map(key).collect(),
                        tid_descends: false,
                    };
                    let within = order.within(segment);
                    let keys = RowKeys::new(segment, &within);
                    for row in 0..60 {
                        let values = order.keys.iter();
                        let values: Vec<_> = values
                            .map(|key| Value::of(&other.segment, key.slot, row))
                            .collect();
                        let bound = keys.bound_of_row(segment, &order, &values);
                        let first = within.keys.first().and_then(|key| {
                            let value = Value::of(&other.segment, key.slot, row);
                            Some((*key, keys.bound_of_first(&value)?, value))
                        });
                        let has_ordinals = |key: &Key| segment.column(key.slot).is_some();
                        assert_eq!(
                            first.is_some(),
                            within.keys.first().is_some_and(has_ordinals)
                        );
                        for tried in 0..60 {
                            let packed = keys.packed(tried);
                            assert_eq!(
                                bound.compare(packed),
                                expected(segment, &order, tried, &values),
                                "row {tried} and {values:?} by {order:?}"
                            );
                            if let Some((key, bound, value)) = &first {
                                let own = Value::of(segment, key.slot, tried);
                                let expected = directed(own.cmp(value), key.descends);
                                assert_eq!(bound.compare(packed), expected, "{value:?} {key:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}
