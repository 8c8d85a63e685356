//! CSV, read record by record: a header of columns, then a ticket a record.
//!
//! Records are cut out of the input by `frame`, taken apart into values by `split`, and read by
//! the [`Columns`] that the header and the caller's [`CsvOptions`] come to.
//!
//! # Invariants
//!
//! * A quote opens a quoted value only where the value begins. Cutting records out and taking them
//!   apart both follow this rule, so they agree on where a record ends, even a broken one.
//! * No variable and no custom field has two columns.
//!
//! # Cost
//!
//! Linear in the input: a pass that finds the ends of records, one that checks the quotes, and one
//! that copies the values. Memory is a record, and 16 bytes for each of its values.

mod column;
mod columns;
mod date_pattern;
mod frame;
mod options;
mod split;

pub(super) use columns::Columns;
pub use options::{CsvOptions, CsvOthers};
