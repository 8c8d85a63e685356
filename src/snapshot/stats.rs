//! How well the fields of a snapshot are filled: tickets with a value, and different values.
//!
//! It stands apart from the snapshot itself, as no request needs it: it is for whoever wants to know
//! what a store holds before asking, such as `ticketdex stats`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Serialize, Serializer};

use super::{LiveSegment, Snapshot};
use crate::model::value::fold;
use crate::model::{Field, FieldKind};
use crate::query::AnyField;
use crate::segment::{Column, Slot, SlotColumn};

/// How many tickets have a value of a field, and how many different values there are.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Store, Ticket};
///
/// let mut batch = Batch::new();
/// for (tid, status) in [(1, "Open"), (2, "OPEN"), (3, "")] {
///     batch.put(Ticket { tid, status: status.into(), ..Ticket::default() });
/// }
/// let mut store = Store::default();
/// store.commit(batch)?;
/// let stats = store.snapshot().field_stats();
/// let status = stats.iter().find(|it| it.field == Field::Status.into()).unwrap();
/// assert_eq!((status.filled, status.distinct), (2, 1));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldStats {
    /// An output variable but `custom_fields`, or one custom field.
    #[serde(serialize_with = "serialize_name")]
    pub field: AnyField,
    /// The tickets that have a value, which are those that `present` matches.
    pub filled: u64,
    /// The different values among them, as filters compare them: letter case aside, and a list of
    /// several elements as one value.
    pub distinct: u64,
}

fn serialize_name<S: Serializer>(field: &AnyField, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(field)
}

impl Snapshot {
    /// Returns how well each field is filled: the output variables in their order, and where
    /// `custom_fields` stands the custom fields of the store in theirs.
    ///
    /// Two texts are taken for one where 128 bits of a keyed hash of them are equal, which in any store
    /// is less likely than a fault of the machine.
    ///
    /// # Cost
    ///
    /// Linear in tickets times fields, and in the bytes of the texts. Memory is some 40 bytes for each
    /// different value of one field.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Store};
    ///
    /// let stats = Store::default().snapshot().field_stats();
    /// assert_eq!(stats.len(), Field::ALL.len() - 1);
    /// assert!(stats.iter().all(|it| (it.filled, it.distinct) == (0, 0)));
    /// ```
    pub fn field_stats(&self) -> Vec<FieldStats> {
        let mut stats = Vec::new();
        for field in Field::ALL {
            if field == Field::CustomFields {
                let names = (0..).zip(self.custom_names());
                stats.extend(names.map(|(index, name)| {
                    let field = AnyField::Custom(name.clone());
                    self.stats_of(Slot::Custom(index), field)
                }));
            } else {
                stats.push(self.stats_of(Slot::Field(field), field.into()));
            }
        }
        stats
    }

    fn stats_of(&self, slot: Slot, field: AnyField) -> FieldStats {
        let mut tally = Tally::default();
        for live in self.segments() {
            match live.segment.slot_column(slot) {
                SlotColumn::Ordinals(column) => tally.add_column(live, column, &field),
                SlotColumn::Long(texts) => {
                    for row in live_rows(live) {
                        tally.add_text(&texts.text(row), 1);
                    }
                }
                SlotColumn::Absent => {}
            }
        }
        FieldStats {
            field,
            filled: tally.filled,
            distinct: tally.values.len() as u64,
        }
    }
}

fn live_rows(live: &LiveSegment) -> impl Iterator<Item = u32> {
    let rows = 0..live.segment.rows_count();
    rows.filter(|&row| !live.dead.contains(row))
}

/// The values of one field that have been counted.
#[derive(Default)]
struct Tally {
    filled: u64,
    /// Numbers, or hashes of folded texts.
    values: HashSet<u128>,
    hashes: RandomState,
}

impl Tally {
    /// Adds the values of live rows; each ordinal is looked up once.
    fn add_column(&mut self, live: &LiveSegment, column: &Column, field: &AnyField) {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for row in live_rows(live) {
            *counts.entry(column.ordinal(row)).or_default() += 1;
        }
        let own = field.field();
        let is_list = own.is_some_and(Field::is_list);
        let has_zero = own.is_some_and(|field| field.kind() != FieldKind::Integer);
        for (ordinal, count) in counts {
            match column.dictionary() {
                Some(dictionary) => {
                    let text = dictionary.text(ordinal as u32);
                    if !is_list || text.split(',').any(|part| !part.trim().is_empty()) {
                        self.add_text(text, count);
                    }
                }
                None => match column.number_of(ordinal) {
                    Some(number) if number > 0 || has_zero => {
                        self.filled += count;
                        self.values.insert(number.into());
                    }
                    _ => {}
                },
            }
        }
    }

    fn add_text(&mut self, text: &str, count: u64) {
        if text.is_empty() {
            return;
        }
        self.filled += count;
        let mut hasher = self.hashes.build_hasher();
        hasher.write(fold(text).as_bytes());
        let high = hasher.finish();
        // More input makes the rest of the hasher's state tell.
        hasher.write_u8(0);
        self.values
            .insert(u128::from(high) << 64 | u128::from(hasher.finish()));
    }
}
