//! What a segment takes in memory, by its parts.
//!
//! Sizes are what was asked of the allocator. What is built at seal is counted once, what readers make and
//! keep at each call.

use std::sync::OnceLock;

use super::cube::Cube;
use super::revision::Revision;
use super::rowset::RowSet;
use super::sorted::{LazyRows, SortedRows};
use super::words::Words;
use super::{FieldColumn, Origin, Segment};
use crate::model::Field;

impl Segment {
    /// Returns the heap bytes of a field's column, as far as it is there.
    pub(crate) fn column_bytes(&self, field: Field) -> usize {
        let own = match self.columns[field.index()].get() {
            Some(FieldColumn::Ordinals(column)) => column.bytes(),
            Some(FieldColumn::Long(column)) => column.bytes(),
            Some(FieldColumn::Custom) | None => 0,
        };
        let is_custom = field == Field::CustomFields;
        let custom = if is_custom { self.custom_bytes() } else { 0 };
        own + custom + size_of::<OnceLock<FieldColumn>>()
    }

    /// Returns how many bytes of UTF-8 are packed in a field's column.
    pub(crate) fn unpacked_bytes(&self, field: Field) -> usize {
        match self.columns[field.index()].get() {
            Some(FieldColumn::Long(column)) => column.unpacked_bytes(),
            _ => 0,
        }
    }

    /// Returns the heap bytes of the postings and of the counts of several together.
    pub(crate) fn postings_bytes(&self) -> usize {
        let of_field = |sets: &Vec<RowSet>| {
            let own: usize = sets.iter().map(RowSet::bytes).sum();
            own + sets.capacity() * size_of::<RowSet>()
        };
        let there = self.postings.iter().filter_map(|sets| sets.get()?.as_ref());
        let own: usize = there.map(of_field).sum();
        let cubes: usize = self.cubes.iter().map(Cube::bytes).sum();
        let cubes = cubes + self.cubes.capacity() * size_of::<Cube>();
        own + cubes + self.postings.capacity() * size_of::<OnceLock<Option<Vec<RowSet>>>>()
    }

    /// Returns the orders that are there.
    pub(super) fn orders_there(&self) -> impl Iterator<Item = &SortedRows> {
        let custom = self.custom_there().map(|custom| &custom.order);
        let orders = self.orders.iter().chain(custom);
        let orders = orders.chain([&self.versions_order]);
        orders.filter_map(LazyRows::get)
    }

    /// Returns the heap bytes of the orders that are there, and of the first bytes of long texts.
    pub(crate) fn orders_bytes(&self) -> usize {
        let own: usize = self.orders_there().map(SortedRows::bytes).sum();
        let leads = self
            .columns
            .iter()
            .filter_map(|column| match column.get()? {
                FieldColumn::Long(column) => Some(column.leads_bytes()),
                FieldColumn::Ordinals(_) | FieldColumn::Custom => None,
            });
        own + leads.sum::<usize>() + self.orders.capacity() * size_of::<LazyRows>()
    }

    /// Returns the heap bytes that [`drop_kept`](Segment::drop_kept) gives back.
    pub(crate) fn kept_bytes(&self) -> usize {
        let dead: usize = self.orders_there().map(SortedRows::dead_bytes).sum();
        self.findings.terms.bytes() + self.counts_bytes() + dead
    }

    /// Drops what readers keep and can find again, all but orders and the first bytes of long texts, which
    /// answers borrow.
    ///
    /// Cost: a look at each order, and a set a kept term.
    pub(crate) fn drop_kept(&self) {
        self.findings.terms.clear();
        self.findings.counts.clear();
        self.findings.dead_counts.clear();
        self.orders_there()
            .for_each(SortedRows::drop_dead_positions);
    }

    /// Returns the heap bytes of columns and postings, as far as they are there.
    pub(super) fn columns_bytes(&self) -> usize {
        let columns = Field::ALL.map(|field| self.column_bytes(field));
        columns.iter().sum::<usize>() + self.postings_bytes()
    }

    /// Returns the heap bytes of the words; none where they are a base's.
    pub(crate) fn words_bytes(&self) -> usize {
        self.words()
            .map_or(0, |words| size_of::<Words>() + words.bytes())
    }

    /// Returns the heap bytes of the numbers of commits; a revision's count among its own.
    pub(crate) fn versions_bytes(&self) -> usize {
        match &self.origin {
            Origin::Own(_, versions) => versions.bytes(),
            Origin::Base(_) => 0,
        }
    }

    /// Returns the heap bytes of which rows of a base these are, what differs and since when.
    pub(crate) fn revision_bytes(&self) -> usize {
        self.revision().map_or(0, Revision::bytes)
    }

    /// Returns the heap bytes of all, with what readers keep.
    ///
    /// Cost: a look at each order.
    pub(crate) fn bytes(&self) -> usize {
        let made = self.revision().map_or(0, |_| self.columns_bytes());
        let kept = self.findings.terms.bytes() + self.counts_bytes();
        self.fixed_bytes + made + self.orders_bytes() + kept
    }

    /// Returns the heap bytes of the row sets of terms that were asked for.
    pub(crate) fn terms_bytes(&self) -> usize {
        self.findings.terms.bytes()
    }
}
