//! What the rows of a column of long texts are compared by before their texts are read.
//!
//! That are the integers that the column [keeps](super::prefixes) or, until it does, the first bytes of the texts.
//! Both order as the texts do but are not to be compared with each other, so a request takes [`Leads`] once and goes
//! on with them while another one makes the column keep its integers.

use super::folded::head;
use super::kept_text::KeptText;
use super::prefixes::TextKeys;
use super::text_column::TextColumn;

/// The integers by which a request compares the rows of a column, which order as the texts do as far as they
/// decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leads<'a> {
    column: &'a TextColumn,
    kept: Option<&'a TextKeys>,
}

impl<'a> Leads<'a> {
    /// Takes what the column has at this moment.
    pub(crate) fn of(column: &'a TextColumn) -> Leads<'a> {
        Leads {
            column,
            kept: column.text_keys(),
        }
    }

    /// Returns the integer of a row.
    #[inline]
    pub(crate) fn of_row(self, row: u32) -> u64 {
        match self.kept {
            Some(kept) => kept.keys[self.column.index(row)],
            None => self.column.prefix(row),
        }
    }

    /// Returns the integer that a row with a text would have.
    pub(crate) fn of_text(self, text: &KeptText<'_>) -> u64 {
        match self.kept {
            Some(kept) => kept.splitters.key(text),
            None => text.prefix(),
        }
    }

    /// Returns an integer of a row that is 0 where the text is empty, and nowhere else; it is to be compared only
    /// with its like.
    pub(crate) fn head(self, row: u32) -> u64 {
        match self.kept {
            Some(kept) => kept.keys[self.column.index(row)],
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
            .map(|at| format!("Dear all, {:03}", at * 7 % 300))
            .collect();
        let mut ready = ReadyTexts::default();
        for text in &texts {
            ready.push(text);
        }
        let column = TextColumn::seal(ready, usize::MAX);
        let before = Leads::of(&column);
        let first_bytes = u64::from_be_bytes(*b"dear all");
        column.expect_prefixes(300, &Budget::new(None));
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
