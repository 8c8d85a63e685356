//! CSV, read record by record: a header of columns, then a ticket a record.
//!
//! Records are cut out of the input by `frame`, taken apart into values by `split`, and read by
//! the [`Columns`] that the header and the caller's [`CsvOptions`] come to.
//!
//! # Invariants
//!
//! * A quote opens a quoted value only where the value begins; all three files go by that, so a
//!   record that is cut out is one record to the others, also where its syntax is broken.
//! * No variable and no custom field has two columns.
//!
//! # Cost
//!
//! Linear in the input: one look for the ends of values, one for what is forbidden, one copy.

mod columns;
mod frame;
mod options;
mod split;

pub(super) use columns::Columns;
pub use options::{CsvOptions, CsvOthers};
