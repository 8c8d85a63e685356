//! Counts by value on their way to chunks.
//!
//! A format says what stands around a total, a key and a group; here these pieces are made one after
//! another and cut where a chunk ends, so that what is held beside the counts is one chunk and one
//! group.

use std::borrow::Cow;

use super::{Style, Window, escape};
use crate::model::value::encode_into;
use crate::model::{Field, Format};
use crate::plan::{Counts, Group, KeyCounts};
use crate::query::AnyField;

/// How a format writes counts.
pub(super) struct CountsStyle {
    /// Makes the beginning, of the total.
    pub(super) head: fn(u64) -> String,
    /// Makes the beginning of a key, of its name and the number of its groups.
    pub(super) key: fn(&str, u64) -> String,
    /// Makes a group, of the name of its key, its value as it is written, and its count.
    pub(super) group: fn(&str, &str, u64) -> String,
    /// What stands between two groups, and between two keys.
    pub(super) between: &'static str,
    /// What stands after the last group, and after the last key.
    pub(super) last: &'static str,
    pub(super) key_end: &'static str,
    pub(super) foot: &'static str,
}

/// What is made next.
#[derive(Clone, Copy)]
enum Step {
    Head,
    Key(usize),
    /// Of a key.
    Group(usize, usize),
    Foot,
    Done,
}

/// Counts being written.
pub(super) struct CountsWalk {
    pub(super) counts: Counts,
    pub(super) style: &'static Style,
    /// The piece that is being written, and how much of it is.
    piece: String,
    written: usize,
    next: Step,
}

impl CountsWalk {
    pub(super) fn new(counts: Counts, format: Format) -> CountsWalk {
        CountsWalk {
            counts,
            style: Style::of(format),
            piece: String::new(),
            written: 0,
            next: Step::Head,
        }
    }

    /// Writes as much as a chunk has room for.
    pub(super) fn fill(&mut self, window: &mut Window<'_>) {
        while self.written < self.piece.len() || self.make() {
            match window.put(self.piece.as_bytes(), self.written) {
                Some(cut) => {
                    self.written = cut;
                    return;
                }
                None => self.written = self.piece.len(),
            }
        }
    }

    /// Makes the next piece; false after the last.
    fn make(&mut self) -> bool {
        let style = &self.style.counts;
        let keys = self.counts.by();
        let after_key = |at: usize| {
            if at < keys.len() {
                Step::Key(at)
            } else {
                Step::Foot
            }
        };
        let made = match self.next {
            Step::Head => ((style.head)(self.counts.total()), after_key(0)),
            Step::Key(at) => {
                let before = if at > 0 { style.between } else { "" };
                let key = (style.key)(&keys[at].key().to_string(), keys[at].distinct());
                (before.to_owned() + &key, Step::Group(at, 0))
            }
            Step::Group(at, group_at) => {
                if let Some(group) = keys[at].groups().get(group_at) {
                    let before = if group_at > 0 { style.between } else { "" };
                    let group = self.group(&keys[at], group);
                    (before.to_owned() + &group, Step::Group(at, group_at + 1))
                } else {
                    let last = if group_at > 0 { style.last } else { "" };
                    (last.to_owned() + style.key_end, after_key(at + 1))
                }
            }
            Step::Foot => {
                let last = if keys.is_empty() { "" } else { style.last };
                (last.to_owned() + style.foot, Step::Done)
            }
            Step::Done => return false,
        };
        (self.piece, self.next) = made;
        self.written = 0;
        true
    }

    fn group(&self, key: &KeyCounts, group: &Group) -> String {
        let field = key.key().field();
        let is_encoded = match field {
            AnyField::Field(field) => field.is_url_encoded(),
            AnyField::Custom(_) => Field::CustomFields.is_url_encoded(),
        };
        let value: Cow<'_, str> = if let Some(quoting) = self.style.quoting {
            quoting.quote(group.value()).into()
        } else if is_encoded {
            let mut encoded = Vec::new();
            encode_into(group.value(), &mut encoded);
            // Encoding writes ASCII only, so nothing is lost.
            String::from_utf8_lossy(&encoded).into_owned().into()
        } else {
            escape(group.value(), self.style.escapes).into()
        };
        let name = key.key().to_string();
        (self.style.counts.group)(&name, &value, group.count())
    }
}
