//! Which fields readers have asked for, so that merges and commits know what is worth carrying.
//!
//! What readers make on first use goes with the segment that it was made of. A base notes here what was
//! asked of its revisions, for those that take their place; see [`carry`](super::carry).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Field;

/// Fields that were noted, possibly by several readers at once.
#[derive(Debug, Default)]
pub(super) struct FieldSet(AtomicU64);

// A bit a field.
const _: () = assert!(Field::ALL.len() <= u64::BITS as usize);

impl FieldSet {
    /// Notes a field.
    pub(super) fn insert(&self, field: Field) {
        let bit = 1 << field.index();
        // Whether a merge meanwhile sees it is a matter of speed alone.
        if self.0.load(Ordering::Relaxed) & bit == 0 {
            self.0.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Returns the fields that were noted by now.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        let bits = self.0.load(Ordering::Relaxed);
        let fields = Field::ALL.into_iter();
        fields.filter(move |field| bits >> field.index() & 1 == 1)
    }
}

/// What readers have asked of the revisions of a base, by field.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// By anybody.
    pub(super) columns: FieldSet,
    /// By plans, for filters and orders.
    pub(super) keys: FieldSet,
    pub(super) postings: FieldSet,
    pub(super) orders: FieldSet,
}
