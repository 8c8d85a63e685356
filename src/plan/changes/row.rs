//! One row of a snapshot, and its values.
//!
//! A plan reads columns for many rows, and may make a column or an order to do so. Here few rows are
//! read, most of them just written, so nothing is made: the new values of a revised row are read from
//! the revision, and all its other values from the row that it revises.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use memchr::memmem;

use super::super::order::Value;
use crate::model::names::CustomNames;
use crate::model::value::fold_into;
use crate::model::{Field, FieldKind};
use crate::query::AnyField;
use crate::segment::{NewValueRef, Revision, Segment, Slot};
use crate::snapshot::{RowId, Snapshot};

/// A row, and where its values are.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Row<'a> {
    segment: &'a Segment,
    at: u32,
    /// Where the values are that the revision does not replace: the revised row's segment, or the row's
    /// own where it revises nothing.
    base: &'a Segment,
    base_at: u32,
}

impl<'a> Row<'a> {
    pub(in super::super) fn new(snapshot: &'a Snapshot, id: RowId) -> Row<'a> {
        let segment = &*snapshot.segments()[id.segment as usize].segment;
        let (base, base_at) = match segment.revision() {
            Some(revision) => (&**revision.base(), revision.rows()[id.row as usize]),
            None => (segment, id.row),
        };
        Row {
            segment,
            at: id.row,
            base,
            base_at,
        }
    }

    pub(in super::super) fn tid(self) -> u64 {
        self.base.tid(self.base_at)
    }

    /// Returns the number of the commit that last put or patched the ticket.
    pub(super) fn version(self) -> u64 {
        self.segment.version(self.at)
    }

    /// Returns the row's value in a slot; the empty text for a custom name that the segment does not have.
    pub(in super::super) fn value(self, slot: Slot) -> Value<'a> {
        if let (Slot::Field(field), Some(revision)) = (slot, self.segment.revision())
            && let Some(new) = revision.new_value(field, self.at)
        {
            return match new {
                NewValueRef::Number(number) => Value::Number(number),
                NewValueRef::Text(text) => Value::Text(text),
            };
        }
        Value::of(self.base, slot, self.base_at)
    }

    /// Returns a value that is kept as text; the empty text for a number or date.
    pub(in super::super) fn text(self, slot: Slot) -> Cow<'a, str> {
        match self.value(slot) {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Long(text) => text.into_text(),
            Value::Number(_) => Cow::Borrowed(""),
        }
    }

    /// Returns an integer, or a date in seconds; 0 in place of none for a field in which 0 stands for none.
    pub(in super::super) fn number(self, field: Field) -> Option<u64> {
        match (self.value(Slot::Field(field)), field.kind()) {
            (Value::Number(number), FieldKind::Integer) => Some(number.unwrap_or(0)),
            (Value::Number(number), _) => number,
            _ => None,
        }
    }

    /// Returns the row's text in each custom column of the segment, with the index of the column's name,
    /// ascending.
    fn custom_texts(self) -> impl Iterator<Item = (u32, &'a str)> {
        let columns = self.base.custom_columns();
        columns.map(move |(index, column)| (index, column.text(self.base_at)))
    }

    /// Returns whether a custom field has a value.
    pub(super) fn has_custom(self) -> bool {
        self.custom_texts().any(|(_, text)| !text.is_empty())
    }

    /// Returns whether both are the same row except for revised values. Then their searchable texts and
    /// custom fields are equal, since revisions change neither.
    pub(super) fn shares_texts(self, other: Row<'_>) -> bool {
        std::ptr::eq(self.base, other.base) && self.base_at == other.base_at
    }

    /// Returns the fields in which the row differs from another of the same ticket, even if only in letter
    /// case.
    ///
    /// Cost: a comparison of each field; where both revise the same row, of each revised field.
    pub(in super::super) fn differences(self, other: Row<'_>) -> Differences {
        let mut found = Differences::default();
        if self.shares_texts(other) {
            let revisions = [self.segment.revision(), other.segment.revision()];
            let fields = revisions
                .into_iter()
                .flatten()
                .flat_map(Revision::changed_fields);
            fields.for_each(|field| found.compare(field, self, other));
            return found;
        }
        let fields = Field::ALL.into_iter();
        let fields = fields.filter(|it| !matches!(it, Field::Tid | Field::CustomFields));
        fields.for_each(|field| found.compare(field, self, other));
        let (mut own, mut others) = (
            self.custom_texts().peekable(),
            other.custom_texts().peekable(),
        );
        loop {
            let next = [own.peek(), others.peek()].into_iter().flatten();
            let Some(index) = next.map(|(index, _)| *index).min() else {
                return found;
            };
            let is_next = |it: &(u32, &str)| it.0 == index;
            let texts = [own.next_if(is_next), others.next_if(is_next)];
            let [own, other] = texts.map(|it| it.map_or("", |(_, text)| text));
            if own != other {
                found.custom.push(index);
            }
        }
    }
}

/// The fields in which two rows of a ticket differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Differences {
    /// One bit for each field, by its index; the bit of the custom fields as a whole is never set.
    bits: u64,
    /// The indexes of the custom fields' names, ascending.
    custom: Vec<u32>,
}

impl Differences {
    fn compare(&mut self, field: Field, own: Row<'_>, other: Row<'_>) {
        let slot = Slot::Field(field);
        let is_equal = match (own.value(slot), other.value(slot)) {
            (Value::Number(own), Value::Number(other)) => own == other,
            (Value::Text(own), Value::Text(other)) => own == other,
            (Value::Long(own), Value::Long(other)) => own.is_same(&other),
            // Not reached: a field has the same kind in every segment.
            _ => false,
        };
        self.bits |= u64::from(!is_equal) << field.index();
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.bits == 0 && self.custom.is_empty()
    }

    /// Returns the fields in the order of the output variables, custom fields in that of the store's names.
    pub(in super::super) fn fields(&self, names: &CustomNames) -> impl Iterator<Item = AnyField> {
        Field::ALL.into_iter().flat_map(move |field| {
            let is_set = self.bits >> field.index() & 1 == 1;
            let own = is_set.then_some(AnyField::Field(field));
            let custom = match field {
                Field::CustomFields => &*self.custom,
                _ => &[],
            };
            let custom = custom
                .iter()
                .filter_map(|&index| names.as_slice().get(index as usize));
            own.into_iter().chain(custom.cloned().map(AnyField::Custom))
        })
    }
}

/// A row under test, with what all tests of it share.
pub(in super::super) struct Subject<'a> {
    pub(in super::super) row: Row<'a>,
    /// The names of the newer snapshot, which has every name of the older one at the same index.
    names: &'a CustomNames,
    /// The folded texts, shared by subjects whose texts are the same.
    searchable: Rc<OnceCell<String>>,
}

impl<'a> Subject<'a> {
    pub(in super::super) fn new(row: Row<'a>, names: &'a CustomNames) -> Subject<'a> {
        Subject {
            row,
            names,
            searchable: Rc::default(),
        }
    }

    /// Makes the subject of a row with the same searchable texts.
    pub(super) fn patched<'b>(&self, row: Row<'b>) -> Subject<'b>
    where
        'a: 'b,
    {
        Subject {
            row,
            names: self.names,
            searchable: Rc::clone(&self.searchable),
        }
    }

    /// Returns the slot of a field; none for a custom field that no ticket has.
    pub(in super::super) fn slot(&self, field: &AnyField) -> Option<Slot> {
        match field {
            AnyField::Field(field) => Some(Slot::Field(*field)),
            AnyField::Custom(name) => self.names.find(name).map(Slot::Custom),
        }
    }

    /// Returns whether a searchable text holds a folded term.
    pub(in super::super) fn has_term(&self, term: &str) -> bool {
        memmem::find(self.searchable().as_bytes(), term.as_bytes()).is_some()
    }

    /// Returns all searchable texts, folded, one in each line. No term spans two of them, since terms have
    /// no white space.
    pub(in super::super) fn searchable(&self) -> &str {
        self.searchable.get_or_init(|| {
            let mut all = String::new();
            let mut add = |text: &str| {
                fold_into(text, &mut all);
                all.push('\n');
            };
            let fields = Field::ALL.into_iter().filter(|field| field.is_searchable());
            for field in fields.filter(|field| *field != Field::CustomFields) {
                add(&self.row.text(Slot::Field(field)));
            }
            self.row.custom_texts().for_each(|(_, text)| add(text));
            all
        })
    }
}
