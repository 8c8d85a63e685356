//! Where an error was found, as far as is known: in an input, in a batch.
//!
//! Who finds an error knows a part of its place, and those who called add theirs on the way out.

use std::sync::Arc;

use super::{Error, Inner};

/// Where in an input an error was found; all of it counts from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line of the whole input.
    pub line: Option<u64>,
    /// The character of the line, where it is known.
    pub column: Option<u64>,
    /// The record: the ticket being read or just read; 0 before the first.
    pub record: u64,
}

impl Error {
    /// Returns where in an import the error was found.
    pub fn position(&self) -> Option<Position> {
        let alone = self.0.within.map(|(line, column)| Position {
            line: Some(line),
            column: Some(column),
            record: 0,
        });
        self.0.position.or(alone)
    }

    /// Returns the index in its batch of the change that was refused, where a commit refused one.
    ///
    /// ```
    /// use ticketdex::{Batch, Patch, Store};
    ///
    /// let mut batch = Batch::new();
    /// batch.remove(1).patch(7, Patch::new());
    /// let error = Store::default().commit(batch).unwrap_err();
    /// assert_eq!((error.code(), error.change()), ("unknown_ticket", Some(1)));
    /// ```
    pub fn change(&self) -> Option<usize> {
        self.0.change
    }

    /// Adds the line of an input that the error comes from, unless its place is known.
    ///
    /// This is for those who read lines of their own, and commit what these say. An error that was cloned
    /// stays as it is.
    ///
    /// ```
    /// use ticketdex::{Batch, Patch, Store};
    ///
    /// let mut batch = Batch::new();
    /// batch.patch(7, Patch::new());
    /// let error = Store::default().commit(batch).unwrap_err().at_line(3);
    /// assert_eq!(error.to_string(), "line 3: ticket 7 is not there to be patched");
    /// ```
    #[must_use]
    pub fn at_line(self, line: u64) -> Error {
        self.at(Position {
            line: Some(line),
            ..Position::default()
        })
    }

    /// Returns how many records were read before an input that could not be read on.
    ///
    /// Only an [`Import`](crate::Import) that skips bad records tells it.
    pub fn records_read(&self) -> Option<u64> {
        self.0.records_read
    }

    /// Sets which change of a batch was refused.
    pub(crate) fn of_change(self, index: usize) -> Error {
        self.with(|inner| inner.change = Some(index))
    }

    /// Changes what an error bears, before it is handed out.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Inner)) -> Error {
        // Only the caller's clones share an error, and these are complete.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Sets where in an input the record starts in which the error was found.
    ///
    /// A place [within](Error::within) the record is added to it; a position that is known stays.
    pub(crate) fn at(self, record: Position) -> Error {
        self.with(|inner| {
            let Some((line, column)) = inner.within.take() else {
                inner.position.get_or_insert(record);
                return;
            };
            let first_column = if line == 1 { record.column } else { Some(1) };
            inner.position.get_or_insert(Position {
                line: record.line.map(|start| start + line - 1),
                column: first_column.map(|start| start + column - 1),
                record: record.record,
            });
        })
    }

    /// Sets where in its record the error was found, by line and column of the record.
    pub(crate) fn within(self, line: u64, column: u64) -> Error {
        self.with(|inner| {
            inner.within.get_or_insert((line, column));
        })
    }

    /// Sets which ticket is at fault, unless that is known; 0 is none.
    pub(crate) fn of_ticket(self, tid: u64) -> Error {
        self.with(|inner| inner.tid = inner.tid.or((tid > 0).then_some(tid)))
    }

    /// Sets how many records were read before the input could not be read on.
    pub(crate) fn after_records(self, count: u64) -> Error {
        self.with(|inner| inner.records_read = Some(count))
    }
}
