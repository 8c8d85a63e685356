//! Changes to tickets as plain data, before a store has seen them.
//!
//! A [`Batch`] says what shall happen and checks nothing; the store checks all of
//! it when it commits, and applies it as a whole or not at all (spec section 6).

use chrono::NaiveDateTime;

use super::{Field, Ticket};

/// Changes that a store applies in order and as a whole.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Field, Patch, Ticket};
///
/// let mut batch = Batch::new();
/// batch
///     .put(Ticket { tid: 7, ..Ticket::default() })
///     .patch(7, Patch::new().set(Field::Status, "Open"))
///     .remove(9);
/// assert_eq!(batch.changes().len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<BatchChange>,
}

/// One change of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchChange {
    /// Adds the ticket, or replaces the one of its tid whole.
    Put(Box<Ticket>),
    /// Changes some values of the ticket of this tid, which must be there.
    Patch(u64, Patch),
    /// Removes the ticket of this tid, if it is there.
    Remove(u64),
}

impl Batch {
    /// Makes an empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds a ticket, or replaces the one of its tid whole.
    pub fn put(&mut self, ticket: Ticket) -> &mut Batch {
        self.changes.push(BatchChange::Put(Box::new(ticket)));
        self
    }

    /// Changes some values of a ticket; the commit fails if it is not there.
    pub fn patch(&mut self, tid: u64, patch: Patch) -> &mut Batch {
        self.changes.push(BatchChange::Patch(tid, patch));
        self
    }

    /// Removes a ticket; nothing happens if it is not there.
    pub fn remove(&mut self, tid: u64) -> &mut Batch {
        self.changes.push(BatchChange::Remove(tid));
        self
    }

    /// Returns the changes in the order that they will be applied.
    pub fn changes(&self) -> &[BatchChange] {
        &self.changes
    }

    /// Returns the changes by value.
    pub fn into_changes(self) -> Vec<BatchChange> {
        self.changes
    }

    /// Returns whether nothing shall change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A value that a [`Patch`] gives to a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// None or empty; 0 where 0 stands for none.
    None,
    /// A number, for an integer field.
    Integer(u64),
    /// A date/time, for a date field.
    Date(NaiveDateTime),
    /// A text; integer and date fields read it as JSON Lines would (spec section 5).
    Text(String),
}

impl From<u64> for Value {
    fn from(integer: u64) -> Value {
        Value::Integer(integer)
    }
}

impl From<NaiveDateTime> for Value {
    fn from(date: NaiveDateTime) -> Value {
        Value::Date(date)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

/// New values for some fields of one ticket; the others stay (spec section 6).
///
/// Custom fields are set by name. A later value for the same field wins.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, Patch, Value};
///
/// let patch = Patch::new()
///     .set(Field::Status, "Closed")
///     .set(Field::MergedTo, Value::None)
///     .set_custom("Serial", "X1");
/// assert_eq!(patch.values().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    values: Vec<(Field, Value)>,
    custom: Vec<(String, String)>,
}

impl Patch {
    /// Makes a patch that changes nothing.
    pub fn new() -> Patch {
        Patch::default()
    }

    /// Gives a field a value. `tid` and `custom_fields` are refused on commit.
    #[must_use]
    pub fn set(mut self, field: Field, value: impl Into<Value>) -> Patch {
        self.values.push((field, value.into()));
        self
    }

    /// Gives a custom field a text; an empty one clears it.
    #[must_use]
    pub fn set_custom(mut self, name: impl Into<String>, text: impl Into<String>) -> Patch {
        self.custom.push((name.into(), text.into()));
        self
    }

    /// Returns the fields with their new values, in the order given.
    pub fn values(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.values.iter().map(|(field, value)| (*field, value))
    }

    /// Returns the custom fields with their new texts, in the order given.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.custom
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }
}
