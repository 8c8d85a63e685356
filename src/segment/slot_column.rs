//! The column of a slot, whichever of its forms a request meets.

use super::column::Column;
use super::text_column::TextColumn;

/// The column of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SlotColumn<'a> {
    /// Ordinals and what they stand for.
    Ordinals(&'a Column),
    /// Long texts.
    Long(&'a TextColumn),
    /// No row has a value, as no ticket of the segment has a custom field of that name.
    Absent,
}
