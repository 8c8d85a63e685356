//! From a case that shows a bug to the least of it: without tickets, values and variables that the bug
//! does not need.
//!
//! # Invariants
//!
//! * Of what is returned no single ticket, value of a ticket, or variable of the request can be left
//!   out without the bug being lost.
//!
//! # Cost
//!
//! Each step asks once, and each that succeeds makes the case shorter; a case of twelve full tickets
//! takes some hundred steps, since values go by halves at first.

use super::case::Case;
use crate::model::CellMut;
use crate::{Field, Ticket};

/// What stands between the parts of a canonical request: pairs, elements of lists, words.
const SEPARATORS: [&str; 3] = ["&", "%2C", "+"];

/// The most rounds over a case, each of which has made it shorter.
const ROUNDS_MAX: usize = 100;

/// Returns the least case that `fails` as this one does.
pub(super) fn shrink(case: Case, fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut shrinking = Shrinking { case, fails };
    for _ in 0..ROUNDS_MAX {
        let mut is_shorter = shrinking.drop_tickets();
        is_shorter |= shrinking.drop_parts();
        is_shorter |= shrinking.clear_fields();
        is_shorter |= shrinking.shorten_values();
        if !is_shorter {
            break;
        }
    }
    shrinking.case
}

struct Shrinking<'a> {
    case: Case,
    fails: &'a mut dyn FnMut(&Case) -> bool,
}

impl Shrinking<'_> {
    /// Takes a shorter case where it fails as well.
    fn take(&mut self, shorter: Case) -> bool {
        let is_taken = shorter != self.case && (self.fails)(&shorter);
        if is_taken {
            self.case = shorter;
        }
        is_taken
    }

    fn drop_tickets(&mut self) -> bool {
        let mut is_shorter = false;
        for at in (0..self.case.tickets.len()).rev() {
            let mut shorter = self.case.clone();
            shorter.tickets.remove(at);
            is_shorter |= self.take(shorter);
        }
        is_shorter
    }

    /// Drops pairs of the request, elements of its lists, and words of its texts.
    fn drop_parts(&mut self) -> bool {
        let mut is_shorter = false;
        for separator in SEPARATORS {
            let count = self.case.request.split(separator).count();
            for at in (0..count).rev() {
                let parts = self.case.request.split(separator).enumerate();
                let left = parts.filter(|&(own, _)| own != at).map(|(_, part)| part);
                let left: Vec<&str> = left.collect();
                let mut shorter = self.case.clone();
                shorter.request = left.join(separator);
                is_shorter |= self.take(shorter);
            }
        }
        is_shorter
    }

    /// Clears all fields of a ticket, or else half of them and so on, down to each of them.
    fn clear_fields(&mut self) -> bool {
        let mut is_shorter = false;
        for at in 0..self.case.tickets.len() {
            is_shorter |= self.clear_some(at, &Field::ALL[1..]);
            for pair in (0..self.case.tickets[at].custom_fields.len()).rev() {
                let mut shorter = self.case.clone();
                shorter.tickets[at].custom_fields.remove(pair);
                is_shorter |= self.take(shorter);
            }
        }
        is_shorter
    }

    fn clear_some(&mut self, at: usize, fields: &[Field]) -> bool {
        let mut shorter = self.case.clone();
        for &field in fields {
            clear(&mut shorter.tickets[at], field);
        }
        if shorter == self.case {
            return false;
        }
        if self.take(shorter) {
            return true;
        }
        if fields.len() == 1 {
            return false;
        }
        let (left, right) = fields.split_at(fields.len() / 2);
        // Both are to be tried, whatever becomes of the first.
        self.clear_some(at, left) | self.clear_some(at, right)
    }

    /// Makes the texts of tickets and of their custom fields shorter.
    fn shorten_values(&mut self) -> bool {
        let mut is_shorter = false;
        for at in 0..self.case.tickets.len() {
            for field in Field::ALL {
                is_shorter |= self.shorten(at, |ticket| match ticket.cell_mut(field) {
                    CellMut::Text(text) => Some(text),
                    _ => None,
                });
            }
            for pair in 0..self.case.tickets[at].custom_fields.len() {
                is_shorter |= self.shorten(at, |ticket| Some(&mut ticket.custom_fields[pair].1));
            }
        }
        is_shorter
    }

    /// Shortens one text of a ticket: to parts of it first, then by a character at a time.
    fn shorten(&mut self, at: usize, text_of: impl Fn(&mut Ticket) -> Option<&mut String>) -> bool {
        let mut is_shorter = false;
        let mut chars: Vec<char> = match text_of(&mut self.case.tickets[at].clone()) {
            Some(text) => text.chars().collect(),
            None => return false,
        };
        let mut cut = chars.len() / 2;
        while cut > 0 {
            let mut start = 0;
            while start + cut <= chars.len() {
                let left = [&chars[..start], &chars[start + cut..]].concat();
                let mut shorter = self.case.clone();
                if let Some(text) = text_of(&mut shorter.tickets[at]) {
                    *text = left.iter().collect();
                }
                if self.take(shorter) {
                    chars = left;
                    is_shorter = true;
                } else {
                    start += cut;
                }
            }
            cut /= 2;
        }
        is_shorter
    }
}

/// Takes the value of a field away.
fn clear(ticket: &mut Ticket, field: Field) {
    match ticket.cell_mut(field) {
        CellMut::Text(text) => text.clear(),
        CellMut::Integer(number) => *number = 0,
        CellMut::OptionalInteger(number) => *number = None,
        CellMut::Date(date) => *date = None,
        CellMut::CustomFields(pairs) => pairs.clear(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(tid: u64) -> Ticket {
        let mut ticket = Ticket {
            tid,
            custom_fields: vec![
                ("A".into(), "what is needed".into()),
                ("B".into(), "and what is not".into()),
            ],
            ..Ticket::default()
        };
        for field in Field::ALL.into_iter().skip(1) {
            match ticket.cell_mut(field) {
                CellMut::Text(text) => *text = "a text of some words".to_owned(),
                CellMut::Integer(number) => *number = 7,
                CellMut::OptionalInteger(number) => *number = Some(7),
                CellMut::Date(_) | CellMut::CustomFields(_) => {}
            }
        }
        ticket
    }

    #[test]
    fn only_what_the_bug_needs_is_left() {
        let case = Case {
            tickets: (1..=5).map(full).collect(),
            request: "status=open%2Cclosed&keyword=some+words&order=tid".to_owned(),
        };
        let needed = |ticket: &Ticket| {
            let custom = ticket.custom_fields.iter();
            ticket.summary.contains('w')
                && ticket.company_id == 7
                && custom
                    .clone()
                    .any(|(name, text)| name == "A" && text.contains("ee"))
        };
        let mut asked = 0;
        let least = shrink(case, &mut |case| {
            asked += 1;
            case.tickets
                .iter()
                .any(|ticket| ticket.tid == 4 && needed(ticket))
                && case.request.contains("closed")
        });
        let ticket = Ticket {
            tid: 4,
            summary: "w".into(),
            company_id: 7,
            custom_fields: vec![("A".into(), "ee".into())],
            ..Ticket::default()
        };
        let expected = Case {
            tickets: vec![ticket],
            request: "closed".to_owned(),
        };
        assert_eq!(least, expected);
        assert!(asked < 300, "{asked}");
    }
}
