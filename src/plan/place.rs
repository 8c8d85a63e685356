//! Places: points in an order, between its rows.
//!
//! A [`Place`] is a cursor resolved against a snapshot and then against each of its segments. With a key
//! in which all rows tie, the place is compared once for all of them. If it ties too, the key is left out;
//! if not, all rows that tie in the keys before it are on one side of the place.
//!
//! # Invariants
//!
//! * A place has a value for each key of its order, or for only the first of them. Then it says on which
//!   side of it the rows are that tie in these.

use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

use smallvec::SmallVec;

use super::keys::{Bound, KeyedRow, RowKeys};
use super::order::{Order, Value, directed, is_constant};
use crate::model::value::fold;
use crate::model::{Field, FieldKind};
use crate::query::{Cursor, CursorValue, OrderKey, SortKey};
use crate::segment::{KeptText, LONG_FIELDS, Segment};
use crate::snapshot::{RowId, Snapshot};

/// A point in an order.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What the place has in the first keys of the order.
    values: SmallVec<[PlaceValue; 2]>,
    /// Where it is among the rows that have the same there.
    among: Among,
}

/// Where a place is among rows that tie with it in its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    /// Before all of them.
    Before,
    /// At a ticket number.
    Tid(u64),
    /// After all of them.
    After,
}

/// What a place has in one key.
#[derive(Clone, Debug)]
enum PlaceValue {
    Number(Option<u64>),
    /// A folded text.
    Text(String),
    /// The same of a field whose texts are long.
    Long(String),
}

impl PlaceValue {
    fn new(value: &CursorValue, key: &SortKey) -> PlaceValue {
        match (value, key) {
            (CursorValue::Number(Some(0)), SortKey::Field(field))
                if field.kind() == FieldKind::Integer =>
            {
                PlaceValue::Number(None)
            }
            (CursorValue::Number(number), _) => PlaceValue::Number(*number),
            (CursorValue::Text(text), SortKey::Field(field)) if LONG_FIELDS.contains(field) => {
                PlaceValue::Long(text.clone())
            }
            (CursorValue::Text(text), _) => PlaceValue::Text(text.clone()),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            PlaceValue::Number(number) => Value::Number(*number),
            PlaceValue::Text(text) => Value::Text(text),
            PlaceValue::Long(text) => Value::Long(KeptText::plain(text)),
        }
    }
}

impl Place {
    /// Resolves a cursor of an order, turned around where `is_reversed` says so.
    pub(super) fn resolve<'a>(
        cursor: &Cursor,
        order: &[OrderKey],
        is_reversed: bool,
        snapshot: &Snapshot,
        filtered: impl Fn(Field) -> Option<&'a str>,
    ) -> (Order, Place) {
        let place = Place {
            values: cursor
                .values()
                .iter()
                .zip(order)
                .map(|(value, key)| PlaceValue::new(value, &key.key))
                .collect(),
            among: Among::Tid(cursor.tid()),
        };
        let (order, constants) = Order::resolve(order, is_reversed, snapshot, filtered);
        let constants = constants.iter();
        let constants = constants.map(|&(text, descends)| (text.map(Value::Text), descends));
        (order, place.without_constants(constants))
    }

    /// Returns the place in the order of a segment's rows, which is `order` without the keys in
    /// which all of them tie.
    pub(super) fn within(&self, order: &Order, segment: &Segment) -> Place {
        let keys = order.keys.iter().map(|key| {
            let is_constant = is_constant(segment, key.slot);
            let constant = is_constant.then(|| Value::of(segment, key.slot, 0));
            (constant, key.descends)
        });
        self.without_constants(keys)
    }

    /// Leaves out the keys in which all rows have one value, given it and whether the key descends.
    fn without_constants<'v>(
        &self,
        keys: impl Iterator<Item = (Option<Value<'v>>, bool)>,
    ) -> Place {
        let mut values = SmallVec::new();
        for (own, (constant, descends)) in self.values.iter().zip(keys) {
            let Some(constant) = constant else {
                values.push(own.clone());
                continue;
            };
            let among = match directed(constant.cmp(&own.value()), descends) {
                Ordering::Less => Among::After,
                Ordering::Equal => continue,
                Ordering::Greater => Among::Before,
            };
            return Place { values, among };
        }
        Place {
            values,
            among: self.among,
        }
    }

    /// Returns the place among the rows that tie with it in the first key, in the order by the
    /// other keys.
    pub(super) fn within_ties(&self) -> Place {
        Place {
            values: self.values.iter().skip(1).cloned().collect(),
            among: self.among,
        }
    }

    /// Returns what the place has in the order's first key; none where it is before all rows or
    /// after all of them, or where there is no key.
    pub(super) fn first(&self) -> Option<Value<'_>> {
        self.values.first().map(PlaceValue::value)
    }

    /// Returns whether the place is after all rows.
    pub(super) fn is_behind_all(&self) -> bool {
        self.values.is_empty() && self.among == Among::After
    }

    /// Returns the rows of a segment that come after the place among those that tie with it.
    pub(super) fn rows_after(&self, segment: &Segment, tid_descends: bool) -> Range<u32> {
        let all = 0..segment.rows_count();
        match self.among {
            Among::Before => all,
            Among::After => all.end..all.end,
            Among::Tid(tid) => {
                let own = segment.tid_rows(tid, tid);
                if tid_descends {
                    all.start..own.start
                } else {
                    own.end..all.end
                }
            }
        }
    }

    /// Compares a row of a segment with the place, in the order within the segment.
    pub(super) fn compare(&self, segment: &Segment, order: &Order, row: u32) -> Ordering {
        let values = order.keys.iter();
        let values = values.map(|key| Value::of(segment, key.slot, row));
        self.compare_values(order, values, segment.tid(row))
    }

    /// Compares what a ticket has in an order's keys, and its number, with the place.
    pub(super) fn compare_values<'v>(
        &self,
        order: &Order,
        values: impl Iterator<Item = Value<'v>>,
        tid: u64,
    ) -> Ordering {
        // A place may have fewer values than there are keys; of the others none is looked up.
        for ((own, key), value) in self.values.iter().zip(&*order.keys).zip(values) {
            let by_key = value.cmp(&own.value());
            if by_key != Ordering::Equal {
                return directed(by_key, key.descends);
            }
        }
        match self.among {
            Among::Before => Ordering::Greater,
            Among::After => Ordering::Less,
            Among::Tid(own) => directed(tid.cmp(&own), order.tid_descends),
        }
    }
}

/// A place in the order of a segment, by what the keys of its rows pack to.
pub(super) struct PackedPlace<'a> {
    place: &'a Place,
    segment: &'a Segment,
    order: &'a Order,
    bound: Bound,
}

impl<'a> PackedPlace<'a> {
    /// Finds where the values of a place fall; `order` and `keys` are those within the segment.
    pub(super) fn new(
        place: &'a Place,
        segment: &'a Segment,
        order: &'a Order,
        keys: &RowKeys<'_>,
    ) -> PackedPlace<'a> {
        let values: SmallVec<[Value<'_>; 2]> = place.values.iter().map(PlaceValue::value).collect();
        PackedPlace {
            place,
            segment,
            order,
            bound: keys.bound_of_row(segment, order, &values),
        }
    }

    /// Compares a row, with what it packs to, with the place.
    pub(super) fn compare(&self, (packed, row): KeyedRow) -> Ordering {
        let by_keys = self.bound.compare(packed);
        by_keys.then_with(|| self.place.compare(self.segment, self.order, row))
    }

    /// Returns the least that a row after the place packs to, of those that pack to a range; none
    /// where no row of the range is after it.
    pub(super) fn least_after(&self, packed: &RangeInclusive<u64>) -> Option<u64> {
        let may_be_after = self.bound.compare(*packed.end()) != Ordering::Less;
        may_be_after.then(|| self.bound.start().max(*packed.start()))
    }
}

/// Returns the cursor of a row of an answer; none where a key's text is too long for one.
pub(super) fn cursor_of(snapshot: &Snapshot, order: &[OrderKey], id: RowId) -> Option<Cursor> {
    let record = snapshot.record(id);
    let value = |key: &OrderKey| match &key.key {
        SortKey::Field(Field::Tid) => None,
        SortKey::Custom(name) => Some(CursorValue::Text(fold(record.custom(name)))),
        SortKey::Field(field) => Some(match field.kind() {
            FieldKind::Integer | FieldKind::OptionalInteger | FieldKind::Date => {
                CursorValue::Number(record.number(*field))
            }
            _ => CursorValue::Text(fold(&record.text(*field))),
        }),
    };
    Cursor::new(order, order.iter().map_while(value).collect(), record.tid())
}
