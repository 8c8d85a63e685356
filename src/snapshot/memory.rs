//! What the parts of a snapshot take, as numbers for whoever plans memory.

use serde::{Serialize, Serializer};

use crate::model::Field;

/// Heap bytes by part, of a snapshot.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, Options, Store};
///
/// let memory = Store::new(Options::default()).reader().snapshot().memory();
/// assert!(memory.total() < 1000 && memory.column(Field::Summary) == 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Memory {
    #[serde(serialize_with = "serialize_columns")]
    columns: [usize; Field::ALL.len()],
    #[serde(serialize_with = "serialize_unpacked")]
    unpacked: [usize; Field::ALL.len()],
    /// The row sets of the filtered fields' values, and how many rows have several at once.
    pub postings: usize,
    /// Rows in the order of a field: made at seal or on first use.
    pub orders: usize,
    /// The words of the searchable texts, with their rows.
    pub words: usize,
    /// The row sets of terms that were asked for.
    pub terms: usize,
    /// How many rows have each value, of fields that tickets were counted by.
    pub counts: usize,
    /// For tickets that were patched: the row that each revises, the values that differ, and the number of
    /// the commit.
    pub revisions: usize,
    /// The numbers of the commits that put the rows, where they are of several.
    pub versions: usize,
    /// The marks of replaced and removed rows.
    pub tombstones: usize,
    /// The log of removed tickets.
    pub removals: usize,
    /// The names of custom fields.
    pub names: usize,
    /// What holds the other parts together.
    pub frame: usize,
}

/// Writes the bytes of each column under the name of its field.
fn serialize_columns<S: Serializer>(
    columns: &[usize; Field::ALL.len()],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Field::ALL.map(Field::name).into_iter().zip(columns))
}

/// Writes the unpacked bytes of the columns that are packed under the name of their field.
fn serialize_unpacked<S: Serializer>(
    columns: &[usize; Field::ALL.len()],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let columns = Field::ALL.map(Field::name).into_iter().zip(columns);
    serializer.collect_map(columns.filter(|(_, bytes)| **bytes > 0))
}

impl Default for Memory {
    fn default() -> Memory {
        let columns = [0; Field::ALL.len()];
        Memory {
            columns,
            unpacked: columns,
            postings: 0,
            orders: 0,
            words: 0,
            terms: 0,
            counts: 0,
            revisions: 0,
            versions: 0,
            tombstones: 0,
            removals: 0,
            names: 0,
            frame: 0,
        }
    }
}

impl Memory {
    /// Returns the bytes of a field's column: ordinals, distinct values, long texts.
    pub fn column(&self, field: Field) -> usize {
        self.columns[field.index()]
    }

    /// Returns how many bytes of UTF-8 are packed in a field's column, as
    /// [`Texts::Compact`](crate::Texts::Compact) has it; 0 where none are.
    ///
    /// They are no part of the total.
    pub fn unpacked(&self, field: Field) -> usize {
        self.unpacked[field.index()]
    }

    pub(super) fn add_column(&mut self, field: Field, bytes: usize) {
        self.columns[field.index()] += bytes;
    }

    pub(super) fn add_unpacked(&mut self, field: Field, unpacked: usize) {
        self.unpacked[field.index()] += unpacked;
    }

    /// Returns the bytes of all parts.
    pub fn total(&self) -> usize {
        let columns: usize = self.columns.iter().sum();
        columns
            + self.postings
            + self.orders
            + self.words
            + self.terms
            + self.counts
            + self.revisions
            + self.versions
            + self.tombstones
            + self.removals
            + self.names
            + self.frame
    }
}
