//! An immutable, columnar, indexed run of tickets.
//!
//! A [`Segment`] is what a batch or a load becomes: rows in tid order, a column a
//! field, and beside the columns what makes requests cheap: postings of the filtered
//! fields, sorted vectors of cid and open date, the words of the searchable texts. It
//! offers these to a plan and knows nothing of requests; what a request means is
//! decided in `plan`.
//!
//! # Invariants
//!
//! * Rows ascend by tid, without duplicates; a row number is below 2^32 − 1.
//! * Nothing that a reader can see ever changes. What is built on first use (orders, the
//!   row sets of terms, of a [`Revision`] all columns and postings too) is a function of the
//!   rows and only saves doing it again.
//!
//! # Cost
//!
//! Memory is a few bytes a row and field, the distinct texts once, the long texts once,
//! and the words with their rows.

mod asked;
pub(crate) mod blob;
pub(crate) mod block;
pub(crate) mod budget;
pub(crate) mod builder;
mod carry;
mod codes;
pub(crate) mod column;
pub(crate) mod cube;
mod dead_counts;
pub(crate) mod dictionary;
pub(crate) mod digit_pattern;
mod distinct;
mod ends;
pub(crate) mod folded;
#[cfg(feature = "durable")]
pub(crate) mod image;
pub(crate) mod kept_text;
pub(crate) mod merge;
pub(crate) mod packed_texts;
mod packer;
mod parts;
pub(crate) mod ready_texts;
pub(crate) mod revision;
pub(crate) mod rowset;
pub(crate) mod scan;
pub(crate) mod sorted;
#[cfg(feature = "durable")]
pub(crate) mod stored;
pub(crate) mod symbols;
pub(crate) mod tally;
pub(crate) mod terms;
pub(crate) mod text_column;
mod text_order;
mod text_rows;
pub(crate) mod ties;
pub(crate) mod tombstones;
pub(crate) mod versions;
pub(crate) mod words;

use std::sync::{Arc, OnceLock};

use crate::model::Field;
use crate::model::memory::ARC_BYTES;
use crate::model::value::fold;
use asked::{Asked, FieldSet};
use budget::Budget;
use column::Column;
use cube::{Cube, Selected};
use dead_counts::KeptDead;
use parts::make_postings;
use revision::Revision;
use rowset::RowSet;
use sorted::{LazyRows, SortedRows};
use tally::KeptCounts;
use terms::TermSets;
use text_column::TextColumn;
use tombstones::Tombstones;
use versions::Versions;
use words::{Matches, TermRows, Words};

/// The most rows that one segment can have.
pub(crate) const ROWS_MAX: u32 = u32::MAX - 1;

/// The heap bytes of what holds the parts of a segment together.
pub(crate) const FRAME_BYTES: usize = ARC_BYTES + size_of::<Segment>();

/// The fields whose texts are kept a row each, however often one comes.
pub(crate) const LONG_FIELDS: [Field; 2] = [Field::Subject, Field::Summary];

/// The fields that have a posting for each class: all filters by value but cid, whose
/// values are so many that one sorted vector serves better.
pub(crate) fn has_postings(field: Field) -> bool {
    Field::FILTERS.contains(&field) && field != Field::Cid
}

/// Makes a hash for a table of half of one, which is what a table keeps beside an ordinal.
///
/// So it grows without a look at the texts, and looks at few that are not the right one.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The column of one field.
#[derive(Debug)]
pub(crate) enum FieldColumn {
    /// Codes and what they stand for.
    Coded(Column),
    /// Long texts.
    Text(TextColumn),
    /// The custom fields: a column for each name, kept apart.
    Custom,
}

/// A custom field's column, by the index of its name in the store's list.
#[derive(Debug)]
struct CustomColumn {
    name_index: u32,
    column: Column,
    order: LazyRows,
}

impl CustomColumn {
    fn new(name_index: u32, column: Column) -> CustomColumn {
        CustomColumn {
            name_index,
            column,
            order: LazyRows::default(),
        }
    }
}

/// Rows that ascend by tid, with their columns and indexes.
#[derive(Debug)]
pub(crate) struct Segment {
    rows_count: u32,
    /// By field; there from the start, but for a revision's.
    columns: Vec<OnceLock<FieldColumn>>,
    custom: OnceLock<Vec<CustomColumn>>,
    /// By field: the rows of each class, for the fields of [`has_postings`] with few classes.
    postings: Vec<OnceLock<Option<Vec<RowSet>>>>,
    /// Of fields with few classes; none of a revision and of few rows.
    cubes: Vec<Cube>,
    /// By field: rows in the field's order.
    orders: Vec<LazyRows>,
    /// Rows in the order of the commits that put them.
    versions_order: LazyRows,
    texts: Texts,
    terms: TermSets,
    counts: KeptCounts,
    /// What readers have asked of those that revise the rows.
    asked: Asked,
    dead_counts: KeptDead,
    /// The fields in whose order the dead rows are kept.
    dead_orders: FieldSet,
    /// Of the store: what readers keep here counts too.
    budget: Arc<Budget>,
    /// The heap bytes of what is there from the start.
    fixed_bytes: usize,
    /// The bytes of the rows' long texts; none of a revision, which shares its base's.
    text_bytes: u64,
}

/// Where the searchable texts of a segment's rows are indexed, and of which commits the rows are.
#[derive(Debug)]
enum Texts {
    Own(Box<Words>, Versions),
    /// In the base, whose rows these are but for some fields.
    Base(Revision),
}

/// What an order or a filter compares in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// A field's column.
    Field(Field),
    /// The custom column of a name's index in the store's list.
    Custom(u32),
    /// The numbers of the commits that put or patched the rows last.
    Version,
}

/// The rows of one class of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Posting<'a> {
    /// A set made at seal.
    Set(&'a RowSet),
    /// A part of a sorted vector; ascending.
    Rows(&'a [u32]),
}

impl Posting<'_> {
    /// Returns how many rows there are.
    pub(crate) fn count(self) -> u32 {
        match self {
            Posting::Set(set) => set.count(),
            Posting::Rows(rows) => rows.len() as u32,
        }
    }
}

impl Segment {
    /// Returns how many rows there are, dead ones too.
    pub(crate) fn rows_count(&self) -> u32 {
        self.rows_count
    }

    /// Makes the segment of a revision: of its columns that of the tids, of its indexes none.
    ///
    /// What readers have made of it asks no budget, so a store with one makes no revisions.
    pub(crate) fn of_revision(revision: Revision, budget: &Arc<Budget>) -> Segment {
        let mut columns: Vec<_> = Field::ALL.map(|_| OnceLock::new()).into();
        columns[Field::Tid.index()] = OnceLock::from(revision.column(Field::Tid));
        Segment {
            rows_count: revision.rows().len() as u32,
            columns,
            custom: OnceLock::new(),
            postings: Field::ALL.map(|_| OnceLock::new()).into(),
            cubes: Vec::new(),
            orders: Field::ALL.map(|_| LazyRows::default()).into(),
            versions_order: LazyRows::default(),
            terms: TermSets::default(),
            counts: KeptCounts::default(),
            asked: Asked::default(),
            dead_counts: KeptDead::default(),
            dead_orders: FieldSet::default(),
            budget: Arc::clone(budget),
            fixed_bytes: FRAME_BYTES + revision.bytes(),
            text_bytes: 0,
            texts: Texts::Base(revision),
        }
    }

    /// Returns the budget of the segment's store.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns what the rows revise, if they do.
    pub(crate) fn revision(&self) -> Option<&Revision> {
        match &self.texts {
            Texts::Base(revision) => Some(revision),
            Texts::Own(..) => None,
        }
    }

    /// Returns the numbers of the commits that put or patched the rows last.
    pub(crate) fn versions(&self) -> &Versions {
        match &self.texts {
            Texts::Base(revision) => revision.versions(),
            Texts::Own(_, versions) => versions,
        }
    }

    /// Returns the column of a field.
    pub(crate) fn field(&self, field: Field) -> &FieldColumn {
        let column = &self.columns[field.index()];
        match &self.texts {
            Texts::Base(revision) => column.get_or_init(|| {
                revision.base().asked.columns.insert(field);
                revision.column(field)
            }),
            Texts::Own(..) => column.get().unwrap_or(&FieldColumn::Custom),
        }
    }

    fn custom(&self) -> &[CustomColumn] {
        match &self.texts {
            Texts::Base(revision) => self.custom.get_or_init(|| revision.custom_columns()),
            Texts::Own(..) => self.custom.get().map_or(&[], Vec::as_slice),
        }
    }

    /// Returns the column of codes of a slot; none for long texts, and for custom
    /// names that no ticket of the segment has.
    pub(crate) fn column(&self, slot: Slot) -> Option<&Column> {
        match slot {
            Slot::Field(field) => match self.field(field) {
                FieldColumn::Coded(column) => Some(column),
                FieldColumn::Text(_) | FieldColumn::Custom => None,
            },
            Slot::Custom(name_index) => self.custom_column(name_index).map(|custom| &custom.column),
            Slot::Version => Some(self.versions().column()),
        }
    }

    fn custom_column(&self, name_index: u32) -> Option<&CustomColumn> {
        let custom = self.custom();
        let at = custom.binary_search_by_key(&name_index, |custom| custom.name_index);
        at.ok().map(|at| &custom[at])
    }

    /// Returns the column of long texts of a slot, if it is one.
    pub(crate) fn text_column(&self, slot: Slot) -> Option<&TextColumn> {
        match slot {
            Slot::Field(field) => match self.field(field) {
                FieldColumn::Text(column) => Some(column),
                FieldColumn::Coded(_) | FieldColumn::Custom => None,
            },
            Slot::Custom(_) | Slot::Version => None,
        }
    }

    /// Returns the bytes of a row's long texts as they are kept, without a look at them.
    pub(crate) fn row_text_bytes(&self, row: u32) -> u64 {
        let columns = LONG_FIELDS.map(|field| self.text_column(Slot::Field(field)));
        let columns = columns.iter().flatten();
        columns.map(|column| column.text_bytes(row) as u64).sum()
    }

    /// Returns the bytes of all rows' long texts, dead ones too; none of a revision.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Returns the custom columns with the index of their name, ascending by it.
    pub(crate) fn custom_columns(&self) -> impl Iterator<Item = (u32, &Column)> {
        self.custom()
            .iter()
            .map(|custom| (custom.name_index, &custom.column))
    }

    /// Returns the number of a row's ticket.
    pub(crate) fn tid(&self, row: u32) -> u64 {
        self.tids().number(row).unwrap_or(0)
    }

    /// Returns the column of ticket numbers, whose codes ascend.
    pub(crate) fn tids(&self) -> &Column {
        match self.field(Field::Tid) {
            FieldColumn::Coded(column) => column,
            FieldColumn::Text(_) | FieldColumn::Custom => unreachable!("tid is made of codes"),
        }
    }

    /// Returns the rows whose ticket numbers lie between two, both inclusive.
    ///
    /// Cost: two binary searches.
    pub(crate) fn tid_rows(&self, first: u64, last: u64) -> std::ops::Range<u32> {
        let tids = self.tids();
        let classes = tids.number_classes(first, last);
        let row_of = |class: u64| {
            let (mut low, mut high) = (0, self.rows_count);
            while low < high {
                let middle = low + (high - low) / 2;
                if tids.class(middle) < class {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        let start = row_of(classes.start);
        start..row_of(classes.end).max(start)
    }

    /// Returns the row of a ticket number, dead or live.
    pub(crate) fn row_of(&self, tid: u64) -> Option<u32> {
        let rows = self.tid_rows(tid, tid);
        (!rows.is_empty()).then_some(rows.start)
    }

    /// Returns the rows of a class of a filtered field.
    pub(crate) fn posting(&self, field: Field, class: u32) -> Posting<'_> {
        if let Some(sets) = self.posting_sets(field) {
            return Posting::Set(&sets[class as usize]);
        }
        let slot = Slot::Field(field);
        let (Some(order), Some(column)) = (self.order(slot), self.column(slot)) else {
            return Posting::Rows(&[]);
        };
        let class = u64::from(class);
        Posting::Rows(&order.rows()[order.positions(column, &(class..class + 1))])
    }

    /// Returns the sets of every class of a field, where it has them.
    pub(crate) fn posting_sets(&self, field: Field) -> Option<&[RowSet]> {
        let sets = &self.postings[field.index()];
        let sets = sets.get_or_init(|| {
            if let Texts::Base(revision) = &self.texts {
                revision.base().asked.postings.insert(field);
                revision.base().asked.keys.insert(field);
            }
            make_postings(field, self.field(field))
        });
        sets.as_deref()
    }

    /// Returns the cube that counts the rows of the selected classes by the fewest cells, and
    /// how many that are; none where there is no cube of all these fields.
    pub(crate) fn cube(&self, selected: &[Selected<'_>]) -> Option<(u64, &Cube)> {
        let cubes = self.cubes.iter();
        let fit = cubes.filter_map(|cube| Some((cube.cells_count(selected)?, cube)));
        fit.min_by_key(|(cells_count, _)| *cells_count)
    }

    /// Returns the rows in the order of a slot, made on first use; none where the
    /// segment has no column for it, so that all rows tie, and where there is no order yet
    /// and the memory budget has no room for one.
    pub(crate) fn order(&self, slot: Slot) -> Option<&SortedRows> {
        let order = self.order_cell(slot)?;
        if order.get().is_none() {
            let Some(reservation) = self.budget.reserve(self.order_bytes(slot)) else {
                // Another reader may have made it meanwhile, in what was the room.
                return order.get();
            };
            // Who asks first keeps the room; others give it back before they wait for the order.
            let reservation = order.claim().then_some(reservation);
            if self.make_order(slot)
                && let Some(reservation) = reservation
            {
                reservation.keep();
            }
        }
        order.get()
    }

    fn order_cell(&self, slot: Slot) -> Option<&LazyRows> {
        match slot {
            Slot::Field(Field::CustomFields) => None,
            Slot::Field(field) => Some(&self.orders[field.index()]),
            Slot::Custom(name_index) => Some(&self.custom_column(name_index)?.order),
            Slot::Version => Some(&self.versions_order),
        }
    }

    /// Returns the order of a slot, if it is there.
    fn order_there(&self, slot: Slot) -> Option<&SortedRows> {
        self.order_cell(slot)?.get()
    }

    /// Makes the order of a slot unless it is there; returns whether it is now.
    fn make_order(&self, slot: Slot) -> bool {
        let Some(order) = self.order_cell(slot) else {
            return false;
        };
        if let (Texts::Base(revision), Slot::Field(field)) = (&self.texts, slot) {
            revision.base().asked.orders.insert(field);
            revision.base().asked.keys.insert(field);
        }
        match (self.column(slot), self.text_column(slot)) {
            (Some(column), _) => order.make(|| SortedRows::by_class(column)),
            (None, Some(column)) => order.make(|| SortedRows::by_text(column, self.rows_count)),
            (None, None) => return false,
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
    ) -> Arc<Tombstones> {
        if let Slot::Field(field) = slot {
            // Those by the commits are carried in any case, those of custom fields in none.
            self.dead_orders.insert(field);
        }
        order.dead_positions(self.column(slot), dead, &self.budget)
    }

    /// Returns whether the order of a slot is there already.
    ///
    /// What other segments make at seal, a revision makes here.
    pub(crate) fn has_order(&self, slot: Slot) -> bool {
        let is_there = self.order_cell(slot).is_some_and(|it| it.get().is_some());
        is_there || self.revision().is_some() && self.seals_order(slot) && self.make_order(slot)
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

    /// Notes that rows are compared by a slot, where they revise those of another segment.
    pub(crate) fn note_key(&self, slot: Slot) {
        if let (Texts::Base(revision), Slot::Field(field)) = (&self.texts, slot) {
            revision.base().asked.keys.insert(field);
        }
    }

    /// Returns whether the order of a slot is made at seal: requests range over the field, or
    /// it is filtered and has too many values for a set each.
    fn seals_order(&self, slot: Slot) -> bool {
        match slot {
            Slot::Field(Field::Cid | Field::DateOpened) => true,
            Slot::Field(field) => has_postings(field) && self.posting_sets(field).is_none(),
            Slot::Custom(_) | Slot::Version => false,
        }
    }

    /// Checks what must always be true, and returns what is not.
    pub(crate) fn check_invariants(&self, names_count: usize) -> Result<(), String> {
        let rows = 0..self.rows_count;
        if !rows
            .clone()
            .is_sorted_by(|&a, &b| self.tid(a) < self.tid(b))
        {
            return Err("tids do not ascend".to_owned());
        }
        match &self.texts {
            Texts::Own(words, _) if words.rows_count() != self.rows_count => {
                return Err("the words have another number of rows".to_owned());
            }
            Texts::Own(..) => {}
            Texts::Base(revision) => revision.check_invariants()?,
        }
        if self.versions().column().rows_count() != self.rows_count {
            return Err("the versions have another number of rows".to_owned());
        }
        if !self.custom().is_sorted_by_key(|custom| custom.name_index)
            || self
                .custom()
                .iter()
                .any(|custom| custom.name_index as usize >= names_count)
        {
            return Err("custom columns are not of the list of names".to_owned());
        }
        for field in Field::ALL {
            let rows_count = match self.field(field) {
                FieldColumn::Coded(column) => column.rows_count(),
                FieldColumn::Text(column) => column.rows_count(),
                FieldColumn::Custom => self.rows_count,
            };
            if rows_count != self.rows_count {
                return Err(format!("{} has {rows_count} rows", field.name()));
            }
            self.check_indexes(field)?;
        }
        Ok(())
    }

    /// Checks that postings and orders of a field hold each row once, where it belongs.
    fn check_indexes(&self, field: Field) -> Result<(), String> {
        let Some(column) = self.column(Slot::Field(field)) else {
            return Ok(());
        };
        if let Some(sets) = self.posting_sets(field) {
            let mut posted = 0;
            for (class, set) in (0u64..).zip(sets) {
                let mut is_right = true;
                set.for_each(|row| is_right &= column.class(row) == class);
                posted += set.count();
                let selected = [(field, &[class as u32][..])];
                let count = self.cube(&selected).map(|(_, cube)| cube.count(&selected));
                if count.is_some_and(|count| count != u64::from(set.count())) {
                    return Err(format!("a cube miscounts a class of {}", field.name()));
                }
                if !is_right {
                    return Err(format!(
                        "a posting of {} has a row of another",
                        field.name()
                    ));
                }
            }
            if posted != self.rows_count {
                return Err(format!(
                    "the postings of {} have {posted} rows",
                    field.name()
                ));
            }
        }
        if let Some(order) = self.orders[field.index()].get() {
            let key = |row: &u32| (column.class(*row), *row);
            if !order.rows().is_sorted_by(|a, b| key(a) < key(b))
                || order.rows().len() != self.rows_count as usize
            {
                return Err(format!("the order of {} is wrong", field.name()));
            }
        }
        Ok(())
    }

    /// Returns the heap bytes of a field's column, as far as it is there.
    pub(crate) fn column_bytes(&self, field: Field) -> usize {
        let custom_bytes = |custom: &Vec<CustomColumn>| {
            let columns = custom.iter().map(|custom| custom.column.bytes());
            columns.sum::<usize>() + custom.capacity() * size_of::<CustomColumn>()
        };
        let own = match self.columns[field.index()].get() {
            Some(FieldColumn::Coded(column)) => column.bytes(),
            Some(FieldColumn::Text(column)) => column.bytes(),
            Some(FieldColumn::Custom) | None => 0,
        };
        let is_custom = field == Field::CustomFields;
        let custom = self.custom.get().filter(|_| is_custom);
        own + custom.map_or(0, custom_bytes) + size_of::<OnceLock<FieldColumn>>()
    }

    /// Returns how many bytes of UTF-8 are packed in a field's column.
    pub(crate) fn unpacked_bytes(&self, field: Field) -> usize {
        match self.columns[field.index()].get() {
            Some(FieldColumn::Text(column)) => column.unpacked_bytes(),
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
    fn orders_there(&self) -> impl Iterator<Item = &SortedRows> {
        let custom = self.custom.get().into_iter().flatten();
        let custom = custom.map(|custom| &custom.order);
        let orders = self.orders.iter().chain(custom);
        let orders = orders.chain([&self.versions_order]);
        orders.filter_map(LazyRows::get)
    }

    /// Returns the heap bytes of the orders that are there.
    pub(crate) fn orders_bytes(&self) -> usize {
        let own: usize = self.orders_there().map(SortedRows::bytes).sum();
        own + self.orders.capacity() * size_of::<LazyRows>()
    }

    /// Returns the heap bytes that [`drop_kept`](Segment::drop_kept) gives back.
    pub(crate) fn kept_bytes(&self) -> usize {
        let dead: usize = self.orders_there().map(SortedRows::dead_bytes).sum();
        self.terms.bytes() + self.counts_bytes() + dead
    }

    /// Drops what readers keep and can find again, all but orders, which answers borrow.
    ///
    /// Cost: a look at each order, and a set a kept term.
    pub(crate) fn drop_kept(&self) {
        self.terms.clear();
        self.counts.clear();
        self.dead_counts.clear();
        self.orders_there()
            .for_each(SortedRows::drop_dead_positions);
    }

    /// Returns the heap bytes of columns and postings, as far as they are there.
    fn columns_bytes(&self) -> usize {
        let columns = Field::ALL.map(|field| self.column_bytes(field));
        columns.iter().sum::<usize>() + self.postings_bytes()
    }

    /// Returns the words of the searchable texts; none where they are a base's.
    fn words(&self) -> Option<&Words> {
        match &self.texts {
            Texts::Own(words, _) => Some(words),
            Texts::Base(_) => None,
        }
    }

    /// Returns the heap bytes of the words; none where they are a base's.
    pub(crate) fn words_bytes(&self) -> usize {
        self.words()
            .map_or(0, |words| size_of::<Words>() + words.bytes())
    }

    /// Returns how much of the room for words that are cut is taken, of [`Words::BLOCKS_MAX`].
    pub(crate) fn word_blocks(&self) -> u64 {
        self.words().map_or(0, Words::blocks_count)
    }

    /// Returns the heap bytes of the numbers of commits; a revision's count among its own.
    pub(crate) fn versions_bytes(&self) -> usize {
        match &self.texts {
            Texts::Own(_, versions) => versions.bytes(),
            Texts::Base(_) => 0,
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
        let kept = self.terms.bytes() + self.counts_bytes();
        self.fixed_bytes + made + self.orders_bytes() + kept
    }

    /// Returns whether a searchable text of a row holds a folded term.
    ///
    /// Cost: folding the row's texts; for few rows, or to check what the words say.
    pub(crate) fn holds_term(&self, row: u32, term: &str) -> bool {
        if let Some(revision) = self.revision() {
            return revision
                .base()
                .holds_term(revision.rows()[row as usize], term);
        }
        let holds = |text: &str| fold(text).contains(term);
        let in_field = |field: Field| match self.field(field) {
            FieldColumn::Coded(column) => holds(column.text(row)),
            FieldColumn::Text(column) => holds(&column.text(row)),
            FieldColumn::Custom => false,
        };
        Field::ALL
            .into_iter()
            .filter(|field| field.is_searchable())
            .any(in_field)
            || self
                .custom()
                .iter()
                .any(|custom| holds(custom.column.text(row)))
    }

    /// Returns the words that hold a folded, non-empty term without white space.
    ///
    /// Of a revision they are the base's, and so are their estimates.
    pub(crate) fn find_term(&self, term: &str) -> Matches {
        match &self.texts {
            Texts::Own(words, _) => words.find(term),
            Texts::Base(revision) => revision.base().find_term(term),
        }
    }

    /// Returns the rows of the words that were found for a term, and keeps them if they are
    /// worth it, there is room, and the caller wishes it.
    pub(crate) fn term_rows(&self, term: &str, matches: &Matches, keeps: bool) -> Arc<RowSet> {
        let rows_count = self.rows_count;
        let (rows, cost) = match &self.texts {
            Texts::Own(words, _) => {
                let holds = |row| self.holds_term(row, term);
                let rows = match words.rows(matches, &holds) {
                    TermRows::Sorted(rows) => RowSet::from_sorted(&rows, rows_count),
                    TermRows::Bitmap(words, _) => {
                        RowSet::from_words(words.into_owned(), rows_count)
                    }
                };
                (rows, matches.rows_cost())
            }
            Texts::Base(revision) => {
                let of_base = revision.base().term_rows(term, matches, keeps);
                (revision.project(&of_base), rows_count.into())
            }
        };
        let rows = Arc::new(rows);
        if keeps {
            self.keep_term(term, &rows, cost);
        }
        rows
    }

    /// Keeps the rows of a term, which took `cost` steps from posting to posting to find, if
    /// they are worth it and there is room.
    fn keep_term(&self, term: &str, rows: &Arc<RowSet>, cost: u64) {
        if terms::is_expensive(cost) {
            self.terms.insert(term, rows, cost, &self.budget);
        }
    }

    /// Returns the rows of a term that was asked for before, if they were kept.
    pub(crate) fn kept_term(&self, term: &str) -> Option<Arc<RowSet>> {
        if let Some(rows) = self.terms.get(term) {
            return Some(rows);
        }
        let revision = self.revision()?;
        let rows = Arc::new(revision.project(&*revision.base().kept_term(term)?));
        self.keep_term(term, &rows, self.rows_count.into());
        Some(rows)
    }

    /// Returns the heap bytes of the row sets of terms that were asked for.
    pub(crate) fn terms_bytes(&self) -> usize {
        self.terms.bytes()
    }
}
