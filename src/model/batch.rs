//! Changes to tickets as plain data, before a store has seen them.
//!
//! A [`Batch`] says what shall happen and checks nothing; the store checks all of
//! it when it commits, and applies it as a whole or not at all.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};

use super::cell::expected;
use super::error::{Error, invalid_value};
use super::{CellMut, Field, Ticket};

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
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<BatchChange>,
}

/// Prints how many changes there are; [`changes`](Batch::changes) shows them.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("changes_count", &self.changes.len())
            .finish_non_exhaustive()
    }
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
        self.changes.push(ticket.into());
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

impl FromIterator<BatchChange> for Batch {
    fn from_iter<I: IntoIterator<Item = BatchChange>>(changes: I) -> Batch {
        Batch {
            changes: changes.into_iter().collect(),
        }
    }
}

/// A batch that puts each ticket, in order.
///
/// ```
/// use ticketdex::{Batch, Ticket};
///
/// let tickets = (1..=3).map(|tid| Ticket { tid, ..Ticket::default() });
/// assert_eq!(tickets.collect::<Batch>().changes().len(), 3);
/// ```
impl FromIterator<Ticket> for Batch {
    fn from_iter<I: IntoIterator<Item = Ticket>>(tickets: I) -> Batch {
        tickets.into_iter().map(BatchChange::from).collect()
    }
}

impl Extend<BatchChange> for Batch {
    fn extend<I: IntoIterator<Item = BatchChange>>(&mut self, changes: I) {
        self.changes.extend(changes);
    }
}

impl Extend<Ticket> for Batch {
    fn extend<I: IntoIterator<Item = Ticket>>(&mut self, tickets: I) {
        self.extend(tickets.into_iter().map(BatchChange::from));
    }
}

impl IntoIterator for Batch {
    type Item = BatchChange;
    type IntoIter = std::vec::IntoIter<BatchChange>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

/// Puts the ticket.
impl From<Ticket> for BatchChange {
    fn from(ticket: Ticket) -> BatchChange {
        BatchChange::Put(Box::new(ticket))
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
    /// A text; integer and date fields read it as an import of JSON Lines does.
    Text(String),
}

/// The only integer type, so that a literal needs no suffix.
impl From<u64> for Value {
    fn from(integer: u64) -> Value {
        Value::Integer(integer)
    }
}

/// The midnight with which a day begins.
impl From<NaiveDate> for Value {
    fn from(day: NaiveDate) -> Value {
        Value::Date(NaiveDateTime::from(day))
    }
}

/// The value, or none.
///
/// ```
/// use ticketdex::Value;
///
/// assert_eq!(Value::from(Some(3_u64)), Value::Integer(3));
/// assert_eq!(Value::from(None::<&str>), Value::None);
/// ```
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::None, T::into)
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

/// New values for some fields of one ticket; the others stay.
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

    /// Sets the named values of a ticket; the others stay.
    ///
    /// A custom name that the ticket has, in any ASCII case, keeps its spelling and its
    /// place; another is added. The rules of [`Ticket::check`] are not checked here.
    /// Cost: the values times the ticket's custom fields.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) for `tid` and `custom_fields`, and
    /// for a value that the field cannot have. The ticket may then be changed in part.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Patch, Ticket, Value};
    ///
    /// let mut ticket = Ticket { tid: 7, merged_to: Some(3), ..Ticket::default() };
    /// let patch = Patch::new().set(Field::MergedTo, Value::None).set(Field::Status, "Open");
    /// patch.apply(&mut ticket)?;
    /// assert_eq!((ticket.merged_to, &*ticket.status), (None, "Open"));
    ///
    /// let error = Patch::new().set(Field::Tid, 8).apply(&mut ticket).unwrap_err();
    /// assert_eq!(error.code(), "invalid_value");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn apply(&self, ticket: &mut Ticket) -> Result<(), Error> {
        for (field, value) in self.values() {
            if field == Field::Tid {
                return Err(invalid_value(field.name(), &value.show(), "left as it is"));
            }
            if field == Field::CustomFields {
                return Err(invalid_value(field.name(), &value.show(), "set by name"));
            }
            value.put_into(ticket, field)?;
        }
        for (name, text) in self.custom() {
            let pairs = &mut ticket.custom_fields;
            match pairs
                .iter_mut()
                .find(|(own, _)| own.eq_ignore_ascii_case(name))
            {
                Some((_, own)) => text.clone_into(own),
                None => pairs.push((name.to_owned(), text.to_owned())),
            }
        }
        Ok(())
    }
}

impl Value {
    fn put_into(&self, ticket: &mut Ticket, field: Field) -> Result<(), Error> {
        match self {
            Value::None => ticket.set_text(field, ""),
            Value::Text(text) => ticket.set_text(field, text),
            Value::Integer(number) => ticket.set_integer(field, *number),
            Value::Date(date) => match ticket.cell_mut(field) {
                CellMut::Date(cell) => {
                    *cell = Some(*date);
                    Ok(())
                }
                _ => Err(invalid_value(field.name(), &self.show(), expected(field))),
            },
        }
    }

    /// Returns the value as an error shows it.
    fn show(&self) -> String {
        match self {
            Value::None => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Date(date) => format!("{date:?}"),
            Value::Text(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_sets_what_it_names() {
        let mut ticket = Ticket {
            tid: 1,
            company_id: 4,
            cid: "c".into(),
            custom_fields: vec![("Serial".into(), "X1".into())],
            ..Ticket::default()
        };
        Patch::new()
            .set(Field::CompanyId, Value::None)
            .set(Field::DueDate, "2/1/2014")
            .set(Field::Locked, "y")
            .set_custom("SERIAL", "")
            .set_custom("New", "n")
            .apply(&mut ticket)
            .unwrap();
        let expected = Ticket {
            tid: 1,
            cid: "c".into(),
            due_date: crate::Moment::parse("2014-02-01").map(crate::Moment::first_second),
            locked: "Y".into(),
            custom_fields: vec![("Serial".into(), String::new()), ("New".into(), "n".into())],
            ..Ticket::default()
        };
        assert_eq!(ticket, expected);
    }

    #[test]
    fn a_patch_refuses_what_a_field_cannot_have() {
        let date = crate::Moment::parse("2014-02-01").unwrap().first_second();
        let cases: [(Field, Value); 6] = [
            (Field::Tid, Value::Integer(2)),
            (Field::CustomFields, Value::None),
            (Field::Subject, Value::Integer(2)),
            (Field::CompanyId, Value::Text("-1".into())),
            (Field::DueDate, Value::Text("tomorrow".into())),
            (Field::ParentTicket, Value::Date(date)),
        ];
        for (field, value) in cases {
            let patch = Patch::new().set(field, value);
            let error = patch.apply(&mut Ticket::default()).unwrap_err();
            assert_eq!(error.code(), "invalid_value", "{field:?}");
        }
    }

    #[test]
    fn a_batch_without_a_change_is_empty() {
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        batch.remove(1);
        assert!(!batch.is_empty());
    }
}
