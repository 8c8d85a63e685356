//! The rows that hold a keyword's term, found by the words of the texts and kept if that was expensive.
//!
//! A revision has no words of its own: it takes the rows that its base has for the term, as far as it
//! revises them.

use std::sync::Arc;

use super::block::Bitmap;
use super::rowset::RowSet;
use super::words::{Matches, TermRows, Words};
use super::{FieldColumn, Origin, Segment, terms};
use crate::model::Field;
use crate::model::value::fold;

/// The cost of asking a row of short texts for a term, in steps of a list of postings, of a nanosecond or
/// two. Long texts cost about a step for each byte.
const TERM_COST_MIN: u64 = 500;

/// The cost of asking a custom field of a row, in the same steps.
const CUSTOM_COST: u64 = 10;

impl Segment {
    /// The most that [`word_stretches`](Segment::word_stretches) of a merged segment may come to.
    pub(crate) const WORD_STRETCHES_MAX: u64 = Words::STRETCHES_MAX;

    /// Returns the words of the searchable texts; none for a revision.
    pub(super) fn words(&self) -> Option<&Words> {
        match &self.origin {
            Origin::Own(words, _) => Some(words),
            Origin::Base(_) => None,
        }
    }

    /// Returns how much of the room for words that are cut is taken, out of
    /// [`WORD_STRETCHES_MAX`](Segment::WORD_STRETCHES_MAX).
    pub(crate) fn word_stretches(&self) -> u64 {
        self.words().map_or(0, Words::stretches_count)
    }

    /// Returns whether a searchable text of a row holds a folded term.
    ///
    /// Cost: folds the row's texts, so it is for few rows, and for checking the words.
    pub(crate) fn holds_term(&self, row: u32, term: &str) -> bool {
        if let Some(revision) = self.revision() {
            return revision
                .base()
                .holds_term(revision.rows()[row as usize], term);
        }
        let holds = |text: &str| fold(text).contains(term);
        let in_field = |field: Field| match self.field(field) {
            FieldColumn::Ordinals(column) => holds(column.text(row)),
            FieldColumn::Long(column) => holds(&column.text(row)),
            FieldColumn::Custom => false,
        };
        Field::ALL
            .into_iter()
            .filter(|field| field.is_searchable())
            .any(in_field)
            || self
                .custom
                .iter()
                .any(|custom| holds(custom.column.text(row)))
    }

    /// Returns the estimated cost of [`holds_term`](Segment::holds_term), in steps of a list of postings.
    pub(crate) fn holds_term_cost(&self) -> u64 {
        if let Some(revision) = self.revision() {
            return revision.base().holds_term_cost();
        }
        let bytes = self.text_bytes() / u64::from(self.rows_count.max(1));
        TERM_COST_MIN.max(bytes + self.custom.len() as u64 * CUSTOM_COST)
    }

    /// Returns about what [`find_term`](Segment::find_term) costs, in steps of a list of postings.
    pub(crate) fn find_term_cost(&self, term: &str) -> u64 {
        match &self.origin {
            Origin::Own(words, _) => words.find_cost(term),
            Origin::Base(revision) => revision.base().find_term_cost(term),
        }
    }

    /// Returns the words that hold a folded, non-empty term without white space.
    ///
    /// A revision returns those of its base, with the estimates of the base.
    pub(crate) fn find_term(&self, term: &str) -> Matches {
        match &self.origin {
            Origin::Own(words, _) => words.find(term),
            Origin::Base(revision) => revision.base().find_term(term),
        }
    }

    /// Returns the rows of the words that were found for a term, and keeps them if they are
    /// worth it, there is room, and the caller wishes it.
    pub(crate) fn term_rows(&self, term: &str, matches: &Matches, keeps: bool) -> Arc<RowSet> {
        let rows_count = self.rows_count;
        let (rows, cost) = match &self.origin {
            Origin::Own(words, _) => {
                let holds = |row| self.holds_term(row, term);
                let rows = match words.rows(matches, &holds) {
                    TermRows::Sorted(rows) => RowSet::from_sorted(&rows, rows_count),
                    TermRows::Bitmap(bits, _) => {
                        let bits = Bitmap::from_bits(bits.into_owned(), rows_count);
                        RowSet::from_bitmap(bits, rows_count)
                    }
                };
                (rows, matches.rows_cost())
            }
            Origin::Base(revision) => {
                let of_base = revision.base().term_rows(term, matches, keeps);
                (revision.project(&of_base), rows_count.into())
            }
        };
        let rows = Arc::new(rows);
        if keeps {
            self.keep_term(term, &rows, cost);
        }
        rows
    }

    /// Keeps the rows of a term, which took `cost` steps from posting to posting to find, if
    /// they are worth it and there is room.
    fn keep_term(&self, term: &str, rows: &Arc<RowSet>, cost: u64) {
        if terms::is_expensive(cost) {
            self.findings.terms.insert(term, rows, cost, &self.budget);
        }
    }

    /// Returns the rows of a term that was asked for before, if they were kept.
    pub(crate) fn kept_term(&self, term: &str) -> Option<Arc<RowSet>> {
        if let Some(rows) = self.findings.terms.get(term) {
            return Some(rows);
        }
        let revision = self.revision()?;
        let rows = Arc::new(revision.project(&*revision.base().kept_term(term)?));
        if !self.is_scanned() {
            self.keep_term(term, &rows, self.rows_count.into());
        }
        Some(rows)
    }
}
