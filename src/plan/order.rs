//! What an order compares, in one segment and across segments.
//!
//! Ordinals of two segments cannot be compared, so rows of different segments are compared by their
//! values: numbers, and texts as they fold.
//!
//! # Invariants
//!
//! * Keys, then tid: every order is total.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::Field;
use crate::model::compare::{cmp_folds, folded_head};
use crate::query::{Direction, OrderKey, Query, SortKey};
use crate::segment::{Column, KeptText, Segment, Slot, SlotColumn};
use crate::snapshot::{RowId, Snapshot};

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: Slot,
    pub(super) descends: bool,
}

/// For each key of an order before tid the text that all matches have in it, if they do, and
/// whether it descends.
pub(super) type Constants<'a> = SmallVec<[(Option<&'a str>, bool); 2]>;

/// The keys of an order, resolved for one snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// The keys before tid, without those in which all matches tie.
    pub(super) keys: Arc<[Key]>,
    /// Whether what ties in every key goes to the greater tid.
    pub(super) tid_descends: bool,
}

impl Order {
    /// Resolves an order, turned around where `is_reversed` says so, given the text that a field
    /// has in all that matches.
    pub(super) fn resolve<'a>(
        order: &[OrderKey],
        is_reversed: bool,
        snapshot: &Snapshot,
        filtered: impl Fn(Field) -> Option<&'a str>,
    ) -> (Order, Constants<'a>) {
        let mut keys: SmallVec<[Key; 2]> = SmallVec::new();
        let mut constants = SmallVec::new();
        let mut tid_descends = is_reversed;
        for OrderKey { key, direction } in order {
            let descends = (*direction == Direction::Descending) != is_reversed;
            let (slot, constant) = match key {
                SortKey::Field(Field::Tid) => {
                    tid_descends = descends;
                    break;
                }
                SortKey::Field(field) => (Some(Slot::Field(*field)), filtered(*field)),
                SortKey::Custom(name) => match snapshot.names().find(name) {
                    Some(index) => (Some(Slot::Custom(index)), None),
                    // A custom field that no ticket has is empty in all of them.
                    None => (None, Some("")),
                },
            };
            constants.push((constant, descends));
            let slot = slot.filter(|_| constant.is_none());
            keys.extend(slot.map(|slot| Key { slot, descends }));
        }
        // By tid alone is what most requests ask for, so that it is worth no allocation.
        let keys = if keys.is_empty() {
            Arc::default()
        } else {
            keys.as_slice().into()
        };
        (Order { keys, tid_descends }, constants)
    }

    /// Returns the order of a segment's rows: without the keys in which all of them tie.
    ///
    /// The segment notes that its rows are compared by the keys.
    pub(super) fn within(&self, segment: &Segment) -> Order {
        self.keys.iter().for_each(|key| segment.note_key(key.slot));
        let decides = |key: &&Key| !is_constant(segment, key.slot);
        if self.keys.iter().all(|key| decides(&key)) {
            return self.clone();
        }
        Order {
            keys: self.keys.iter().filter(decides).copied().collect(),
            tid_descends: self.tid_descends,
        }
    }

    /// Returns whether rows that tie in the first key come by tid.
    pub(super) fn is_plain(&self) -> bool {
        self.keys.len() == 1
    }

    /// Returns the order of rows that tie in the first key.
    pub(super) fn within_ties(&self) -> Order {
        Order {
            keys: self.keys.iter().skip(1).copied().collect(),
            tid_descends: self.tid_descends,
        }
    }

    /// Returns an integer that orders rows as the first key does, or tid where there is no key,
    /// as far as it decides.
    pub(super) fn leading(&self, snapshot: &Snapshot, id: RowId) -> u64 {
        let segment = segment_of(snapshot, id);
        let (leading, descends) = match self.keys.first() {
            None => (segment.tid(id.row), self.tid_descends),
            Some(key) => (Value::of(segment, key.slot, id.row).leading(), key.descends),
        };
        if descends { !leading } else { leading }
    }

    /// Returns whether the first key has the same values in some segments of a snapshot, given their
    /// indexes: then the classes of rows, whatever segments they are of, come in the order of their values.
    pub(super) fn has_common_classes(
        &self,
        snapshot: &Snapshot,
        mut segments: impl Iterator<Item = u32>,
    ) -> bool {
        let Some(key) = self.keys.first() else {
            return false;
        };
        let column = |index: u32| {
            let segment = &snapshot.segments()[index as usize].segment;
            segment.column(key.slot)
        };
        let first = segments.next().and_then(column);
        first.is_some_and(|first| {
            segments.all(|index| column(index).is_some_and(|own| own.has_values_of(first)))
        })
    }

    /// Returns an integer that orders rows as the first key does, where segments have common classes.
    pub(super) fn leading_class(&self, snapshot: &Snapshot, id: RowId) -> u64 {
        let Some(key) = self.keys.first() else {
            return 0;
        };
        let column = segment_of(snapshot, id).column(key.slot);
        let class = column.map_or(0, |column| column.class(id.row));
        if key.descends { !class } else { class }
    }

    /// Compares two rows of a snapshot by the keys, then by tid.
    pub(super) fn compare(&self, snapshot: &Snapshot, a: RowId, b: RowId) -> Ordering {
        self.compare_from(0, snapshot, a, b)
    }

    /// Compares two rows that tie in the first keys, as many as are given.
    pub(super) fn compare_from(
        &self,
        tied_keys: usize,
        snapshot: &Snapshot,
        a: RowId,
        b: RowId,
    ) -> Ordering {
        let (own, other) = (segment_of(snapshot, a), segment_of(snapshot, b));
        for key in self.keys.iter().skip(tied_keys) {
            let by_key = compare_slot((own, a.row), (other, b.row), key.slot);
            if by_key != Ordering::Equal {
                return directed(by_key, key.descends);
            }
        }
        directed(own.tid(a.row).cmp(&other.tid(b.row)), self.tid_descends)
    }
}

/// Returns a function that gives the only text that a query's filters allow in a field, if there is only
/// one.
///
/// A list may have more elements than the one that is asked for.
pub(super) fn filtered_by<'a>(query: &'a Query) -> impl Fn(Field) -> Option<&'a str> {
    |field| match query.values(field) {
        [value] if !field.is_list() => Some(value),
        _ => None,
    }
}

/// Turns an ordering around where a direction descends.
pub(super) fn directed(ordering: Ordering, descends: bool) -> Ordering {
    if descends {
        ordering.reverse()
    } else {
        ordering
    }
}

fn segment_of(snapshot: &Snapshot, id: RowId) -> &Segment {
    &snapshot.segments()[id.segment as usize].segment
}

/// Compares what two rows, each of its segment, have in a slot.
///
/// A revision mostly has the values of its base, so that classes tell without a look at texts.
fn compare_slot(own: (&Segment, u32), other: (&Segment, u32), slot: Slot) -> Ordering {
    let columns = (own.0.slot_column(slot), other.0.slot_column(slot));
    if let (SlotColumn::Ordinals(column), SlotColumn::Ordinals(of_other)) = columns
        && column.has_values_of(of_other)
    {
        return column.class(own.1).cmp(&of_other.class(other.1));
    }
    let value = |(segment, row)| Value::of(segment, slot, row);
    value(own).cmp(&value(other))
}

/// Returns whether all rows of a segment tie in a slot.
pub(super) fn is_constant(segment: &Segment, slot: Slot) -> bool {
    segment.rows_count() <= 1
        || match segment.slot_column(slot) {
            SlotColumn::Ordinals(column) => column.is_constant(),
            SlotColumn::Long(_) => false,
            SlotColumn::Absent => true,
        }
}

/// What a row has in one key.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Number(Option<u64>),
    Text(&'a str),
    /// A long text as its column keeps it.
    Long(KeptText<'a>),
}

impl<'a> Value<'a> {
    /// Returns the value of a row; that of a custom name that the segment lacks is empty.
    pub(super) fn of(segment: &'a Segment, slot: Slot, row: u32) -> Value<'a> {
        match segment.slot_column(slot) {
            SlotColumn::Ordinals(column) if column.dictionary().is_none() => {
                Value::Number(column.number(row))
            }
            SlotColumn::Ordinals(column) => Value::Text(column.text(row)),
            SlotColumn::Long(column) => Value::Long(column.kept(row)),
            SlotColumn::Absent => Value::Text(""),
        }
    }

    /// Returns an integer that orders values as they do, as far as it decides.
    pub(super) fn leading(&self) -> u64 {
        match self {
            Value::Number(number) => number.map_or(0, |number| number.saturating_add(1)),
            Value::Text(text) => folded_head(text),
            Value::Long(text) => text.prefix(),
        }
    }

    /// Compares two values of one slot.
    pub(super) fn cmp(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Value::Number(own), Value::Number(other)) => own.cmp(other),
            (Value::Text(own), Value::Text(other)) => cmp_folds(own, other),
            (Value::Long(own), Value::Long(other)) => own.cmp_folded(other),
            // A slot is of one kind in every segment.
            _ => Ordering::Equal,
        }
    }

    /// Returns the classes of a column that the value is: one, or none at its place among them.
    pub(super) fn classes(&self, column: &Column) -> Range<u64> {
        self.classes_within(column, &(0..column.classes_count()))
    }

    /// Returns the same, where it is known to be among some classes or right after them.
    pub(super) fn classes_within(&self, column: &Column, within: &Range<u64>) -> Range<u64> {
        match (self, column.dictionary()) {
            (Value::Text(text), Some(dictionary)) => {
                let within = within.start as u32..within.end as u32;
                let classes = dictionary.classes_of(text, &within);
                classes.start.into()..classes.end.into()
            }
            (Value::Number(Some(number)), _) => column.number_classes(*number, *number),
            _ => 0..1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_sorts_as_the_values_do() {
        let ascending = [
            "", "\0", " ", "a", "AB", "abcdefgg", "ABCDEFGH", "b", "st", "ß", "é",
        ];
        let values = ascending.map(Value::Text);
        for pair in values.windows(2) {
            assert_eq!(pair[0].cmp(&pair[1]), Ordering::Less, "{pair:?}");
            assert!(pair[0].leading() <= pair[1].leading(), "{pair:?}");
        }
        let leading = |text: &str| Value::Text(text).leading();
        assert!(leading("a") < leading("ab") && leading("abcdefgg") < leading("ABCDEFGH"));
        assert_eq!(leading("abcdefgh"), leading("ABCDEFGHI"));
        assert_eq!(leading("Éa"), leading("éA"));
        let number = |number| Value::Number(number).leading();
        assert!(number(None) < number(Some(0)) && number(Some(0)) < number(Some(1)));
        assert_eq!(number(Some(u64::MAX)), u64::MAX);
    }
}
