//! An embedded, in-memory query engine for help-desk tickets.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "durable")]
pub mod durable;
mod import;
mod journal;
mod model;
mod plan;
mod query;
#[cfg(feature = "reference")]
pub mod reference;
mod response;
mod segment;
mod snapshot;
mod store;
#[cfg(feature = "synth")]
pub mod synth;

pub use import::{Import, ImportFormat, Imported, Progress, Tickets};
pub use journal::{Change, Journal};
pub use model::batch::{Batch, BatchChange, Patch, Value};
pub use model::error::{Error, ErrorKind, Position};
pub use model::value::{Moment, fold};
pub use model::{
    CUSTOM_NAME_BYTES_MAX, CUSTOM_NAMES_MAX, Cell, Field, FieldKind, Format, TEXT_BYTES_MAX,
    Ticket, is_custom_name,
};
pub use plan::{Answer, Explain, FilterPlan, Records, SegmentPlan, Strategy, Work};
#[doc(hidden)]
pub use plan::{FilterMode, PlanMode};
pub use query::{
    Direction, OrderKey, Query, QueryBuilder, Request, SortKey, TidFilter, TidPattern,
};
pub use response::Chunks;
pub use snapshot::{Memory, Record, Snapshot};
pub use store::{Commit, Loaded, MergeJob, Merged, Options, Reader, Store};
