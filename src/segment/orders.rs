//! The orders of a segment's rows: by a field, a custom field or the commits.
//!
//! Some are made at seal, since requests range over their fields; any other is made by the first reader
//! who needs it, if the store's budget has room. Plans decide whether an order is worth making: answers
//! that would have been faster with one note what they [missed](Segment::miss_order).

use std::sync::Arc;

use super::marks::{Marks, Tombstones};
use super::sorted::{LazyRows, SortedRows};
use super::{Origin, Segment, Slot, SlotColumn, has_postings};
use crate::model::Field;

impl Segment {
    /// Returns the rows in the order of a slot, made on first use.
    ///
    /// There is none where the segment has no column for the slot, so that all rows tie, and where the
    /// order is not there yet and the memory budget has no room for it.
    pub(crate) fn order(&self, slot: Slot) -> Option<&SortedRows> {
        let order = self.order_cell(slot)?;
        if order.get().is_none() {
            let Some(reservation) = self.budget.reserve(self.order_bytes(slot)) else {
                // Another reader may have made the order meanwhile and taken the room for it.
                return order.get();
            };
            // The first reader keeps the room; others give theirs back before they wait for the order.
            let reservation = order.claim().then_some(reservation);
            if self.make_order(slot)
                && let Some(reservation) = reservation
            {
                reservation.keep();
            }
        }
        order.get()
    }

    pub(super) fn order_cell(&self, slot: Slot) -> Option<&LazyRows> {
        match slot {
            Slot::Field(Field::CustomFields) => None,
            Slot::Field(field) => Some(&self.orders[field.index()]),
            Slot::Custom(name_index) => Some(&self.custom_column(name_index)?.order),
            Slot::Version => Some(&self.versions_order),
        }
    }

    /// Returns the order of a slot, if it is there.
    pub(super) fn order_there(&self, slot: Slot) -> Option<&SortedRows> {
        self.order_cell(slot)?.get()
    }

    /// Makes the order of a slot unless it is there; returns whether it is now.
    pub(super) fn make_order(&self, slot: Slot) -> bool {
        let Some(order) = self.order_cell(slot) else {
            return false;
        };
        if let (Origin::Base(revision), Slot::Field(field)) = (&self.origin, slot) {
            revision.base().findings.asked.orders.insert(field);
            revision.base().findings.asked.keys.insert(field);
        }
        match self.slot_column(slot) {
            SlotColumn::Ordinals(column) => order.make(|| SortedRows::by_class(column)),
            SlotColumn::Long(column) => order.make(|| SortedRows::by_text(column, self.rows_count)),
            SlotColumn::Absent => return false,
        }
        true
    }

    /// Returns the heap bytes that the order of a slot takes once it is there.
    fn order_bytes(&self, slot: Slot) -> usize {
        match self.column(slot) {
            Some(column) => SortedRows::bytes_by_class(column),
            None => SortedRows::bytes_by_text(self.rows_count),
        }
    }

    /// Returns the positions at which the order of a slot has the dead rows.
    pub(crate) fn dead_positions(
        &self,
        slot: Slot,
        order: &SortedRows,
        dead: &Arc<Tombstones>,
    ) -> Arc<Marks> {
        if let Slot::Field(field) = slot {
            // Orders by commit are always carried from commit to commit, those of custom fields never.
            self.findings.dead_orders.insert(field);
        }
        order.dead_positions(self.slot_column(slot), dead, &self.budget)
    }

    /// Returns whether the order of a slot is there.
    pub(crate) fn has_order(&self, slot: Slot) -> bool {
        self.order_there(slot).is_some()
    }

    /// Makes the order of a slot in a revision if other segments make it at seal; returns whether the
    /// order is there.
    ///
    /// Plans call this before they rely on such an order.
    pub(crate) fn ensure_sealed_order(&self, slot: Slot) -> bool {
        self.has_order(slot)
            || self.revision().is_some() && self.seals_order(slot) && self.make_order(slot)
    }

    /// Returns how many nanoseconds answers would have saved so far with the order of a slot.
    pub(crate) fn missed_order(&self, slot: Slot) -> u64 {
        self.order_cell(slot).map_or(0, LazyRows::missed)
    }

    /// Notes that an answer would have saved a number of nanoseconds with the order of a slot.
    pub(crate) fn miss_order(&self, slot: Slot, nanoseconds: u64) {
        if let Some(order) = self.order_cell(slot) {
            order.miss(nanoseconds);
        }
    }

    /// Notes that a request is about to compare some rows by a slot; where that is a long text and worth it,
    /// a lead is kept of each of its texts from now on.
    pub(crate) fn expect_leads(&self, slot: Slot, rows_count: u64) {
        if let SlotColumn::Long(column) = self.slot_column(slot) {
            column.expect_leads(rows_count, &self.budget);
        }
    }

    /// Notes that rows are compared by a slot, where they revise those of another segment.
    pub(crate) fn note_key(&self, slot: Slot) {
        if let (Origin::Base(revision), Slot::Field(field)) = (&self.origin, slot) {
            revision.base().findings.asked.keys.insert(field);
        }
    }

    /// Returns whether the order of a slot is made at seal: requests range over the field, or
    /// it is filtered and has too many values for a set each.
    pub(super) fn seals_order(&self, slot: Slot) -> bool {
        match slot {
            Slot::Field(Field::Cid | Field::DateOpened) => true,
            Slot::Field(field) => has_postings(field) && self.posting_sets(field).is_none(),
            Slot::Custom(_) | Slot::Version => false,
        }
    }
}
