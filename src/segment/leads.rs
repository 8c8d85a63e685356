//! The leads by which a request compares the rows of a column of long texts.
//!
//! These are the leads that the column [keeps](super::kept_leads) or, until it keeps any, the first bytes of the
//! texts. Both order as the texts do, but one must not be compared with the other. So a request takes [`Leads`] once,
//! and goes on with them even if another request makes the column keep its own meanwhile.

use super::folded::head;
use super::kept_leads::TextLeads;
use super::kept_text::KeptText;
use super::text_column::TextColumn;

/// The leads of the rows of a column, which order as the texts do, as far as they decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leads<'a> {
    column: &'a TextColumn,
    kept: Option<&'a TextLeads>,
}

impl<'a> Leads<'a> {
    /// Takes what the column has at this moment.
    pub(crate) fn of(column: &'a TextColumn) -> Leads<'a> {
        Leads {
            column,
            kept: column.kept_leads(),
        }
    }

    /// Returns the lead of a row.
    #[inline]
    pub(crate) fn of_row(self, row: u32) -> u64 {
        match self.kept {
            Some(kept) => kept.leads[self.column.index(row)],
            None => self.column.prefix(row),
        }
    }

    /// Returns whether a lead of 0 is that of the empty text alone, and not also that of a text of NULs.
    pub(crate) fn tell_empty(self) -> bool {
        self.kept.is_some()
    }

    /// Returns the lead that a row with a text would have.
    pub(crate) fn of_text(self, text: &KeptText<'_>) -> u64 {
        match self.kept {
            Some(kept) => kept.splitters.lead(text),
            None => text.prefix(),
        }
    }

    /// Returns an integer that orders rows by their texts, as far as it decides, and is 0 for the empty text alone.
    ///
    /// It may differ from the [lead](Leads::of_row), so the two must not be compared.
    pub(crate) fn head(self, row: u32) -> u64 {
        match self.kept {
            Some(kept) => kept.leads[self.column.index(row)],
            None => head(&self.column.kept(row), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::ready_texts::ReadyTexts;
    use super::*;

    #[test]
    fn they_go_on_with_what_they_began_with() {
        let texts: Vec<String> = (0..300)
            .map(|at| format!("Dear Sir, {:03}", at * 7 % 300))
            .collect();
        let mut ready = ReadyTexts::default();
        for text in &texts {
            ready.push(text);
        }
        let column = TextColumn::seal(ready, usize::MAX);
        let before = Leads::of(&column);
        let first_bytes = u64::from_be_bytes(*b"dear sir");
        column.expect_leads(300, &Budget::new(None));
        let after = Leads::of(&column);
        for row in 0..300 {
            let text = column.kept(row);
            assert_eq!(before.of_row(row), first_bytes);
            assert_eq!(before.of_text(&text), first_bytes);
            assert_eq!(after.of_row(row), after.of_text(&text));
            let is_before = texts[row as usize] < texts[0];
            assert_eq!(after.of_row(row) < after.of_row(0), is_before, "{row}");
            assert_eq!(after.head(row) < after.head(0), is_before, "{row}");
        }
    }
}
