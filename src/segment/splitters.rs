//! Leads: integers that order long texts, also where many of them begin alike.
//!
//! The first eight bytes tell most texts apart, but hardly any where texts are letters, forms or pages of
//! HTML. There some texts of a sample, the splitters, divide all texts into intervals. A text between two
//! splitters begins with what both of them begin with, so its lead is the number of its interval and the bytes that
//! follow what is shared.
//!
//! # Invariants
//!
//! * Of two texts, as they fold, the greater has no smaller lead. The lead of the empty text, and of no other, is 0.
//!
//! # Cost
//!
//! A lead takes some nanoseconds where there are no splitters, and from 40 to 300 where there are, the more of the text
//! has to be folded. The splitters of a column take at most [`splitters_bytes_max`].

use std::ops::Range;

use super::folded::count_equal;
use super::kept_text::{Form, KeptText};
use super::spread;
use super::text_order::head_at;

/// The texts of a sample.
const SAMPLE_TEXTS: usize = 512;

/// The folded bytes that a sample takes of a text, and so the most that a splitter has.
const SAMPLE_TEXT_BYTES: usize = 256;

/// The most splitters, so that the number of an interval fits into a byte.
const SPLITTERS_MAX: usize = 255;

/// The bytes of a lead behind the number of the interval.
const REST_BYTES: usize = 7;

/// The bytes of a text that are read first. They are enough where no splitter begins with the same eight bytes: then
/// less than these is shared, and the rest of the lead follows.
const FIRST_BYTES: usize = 16;

/// There are splitters if, of a sample, more than one text in this many begin with the same eight bytes, unless all of
/// them are the same.
const ALIKE_SHARE: usize = 8;

/// The most bytes in which a group keeps what its splitters share: that of a sample, each byte escaped.
const KEPT_BYTES_MAX: usize = 3 * SAMPLE_TEXT_BYTES;

/// Returns the most bytes that the splitters of a number of texts take.
pub(super) fn splitters_bytes_max(texts_count: usize) -> usize {
    let frames = size_of::<Splitter>() + size_of::<Group>() + 2 * size_of::<u64>();
    texts_count.min(SPLITTERS_MAX) * (frames + SAMPLE_TEXT_BYTES + KEPT_BYTES_MAX)
}

/// A text of the sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sampled {
    /// The first bytes, folded.
    folded: Vec<u8>,
    /// The index of the text.
    index: usize,
}

/// A text at which an interval starts.
#[derive(Debug)]
struct Splitter {
    /// As much of the text as tells it from its neighbours, folded.
    text: Box<[u8]>,
    /// The bytes that it has in common with the next, and so with every text between them.
    shared: usize,
}

/// Splitters that begin with the same eight bytes.
///
/// What they share is kept as one of their texts has it. Most texts that belong between them begin with the very same
/// bytes, and the few bytes that follow tell the interval.
#[derive(Debug)]
struct Group {
    /// The indexes of the splitters.
    splitters: Range<usize>,
    /// The folded bytes that all of them share.
    shared: usize,
    /// These bytes in the form of a kept text.
    kept: Box<[u8]>,
    form: Form,
}

/// The splitters of the texts of a column, ascending; none where the first eight bytes are enough.
#[derive(Debug, Default)]
pub(super) struct Splitters {
    starts: Box<[Splitter]>,
    /// For each splitter the eight bytes that follow what its group shares.
    keys: Box<[u64]>,
    /// The first eight bytes of the splitters of each group, ascending.
    heads: Box<[u64]>,
    groups: Box<[Group]>,
    /// The bytes of a text that decide about its lead.
    text_bytes: usize,
}

impl Splitters {
    /// Finds the splitters of texts; `start` returns the start of one, with at least as many folded bytes as are
    /// asked for, if it has them.
    ///
    /// Cost: a look at [`SAMPLE_TEXTS`] texts.
    pub(super) fn find<'a>(
        texts_count: usize,
        start: impl Fn(usize, usize) -> KeptText<'a>,
    ) -> Splitters {
        let sampled = |index: usize| {
            let mut bytes = [0; SAMPLE_TEXT_BYTES];
            let length = start(index, SAMPLE_TEXT_BYTES).fold_start(&mut bytes);
            Sampled {
                folded: bytes[..length].to_vec(),
                index,
            }
        };
        let mut sample: Vec<Sampled> = sampled_indexes(texts_count).map(sampled).collect();
        sample.sort_unstable();
        let alike_max = (sample.len() / ALIKE_SHARE).max(1);
        let is_alike = |a: &Sampled, b: &Sampled| head_of(&a.folded) == head_of(&b.folded);
        let are_many = |alike: &[Sampled]| {
            let is_same = alike.iter().all(|text| text.folded == alike[0].folded);
            alike.len() > alike_max && !is_same
        };
        if !sample.chunk_by(is_alike).any(are_many) {
            return Splitters::default();
        }
        sample.dedup_by(|a, b| a.folded == b.folded);
        sample.retain(|text| !text.folded.is_empty());
        let count = sample.len().min(SPLITTERS_MAX);
        let chosen = (0..count).map(|at| &sample[at * sample.len() / count]);
        Splitters::of(&chosen.collect::<Vec<_>>(), start)
    }

    /// Makes splitters of texts that ascend.
    fn of<'a>(chosen: &[&Sampled], start: impl Fn(usize, usize) -> KeptText<'a>) -> Splitters {
        let shared = |index: usize| match (chosen.get(index), chosen.get(index + 1)) {
            (Some(own), Some(next)) => count_equal(&own.folded, &next.folded),
            _ => 0,
        };
        let splitter = |index: usize| {
            let with_before = index.checked_sub(1).map_or(0, shared);
            let length = with_before.max(shared(index)) + 1;
            let text = &chosen[index].folded;
            Splitter {
                text: text[..text.len().min(length)].into(),
                shared: shared(index),
            }
        };
        let splitters: Box<[Splitter]> = (0..chosen.len()).map(splitter).collect();
        let (mut heads, mut groups, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for alike in chosen.chunk_by(|a, b| head_of(&a.folded) == head_of(&b.folded)) {
            let own = keys.len()..keys.len() + alike.len();
            let (first, last) = (&splitters[own.start].text, &splitters[own.end - 1].text);
            let text = start(alike[0].index, SAMPLE_TEXT_BYTES);
            let (place, shared) = text.place_of(count_equal(first, last), KEPT_BYTES_MAX);
            keys.extend(
                splitters[own.clone()]
                    .iter()
                    .map(|it| head_at(&it.text, shared)),
            );
            heads.push(head_of(&alike[0].folded));
            groups.push(Group {
                splitters: own,
                shared,
                kept: text.bytes()[..place].into(),
                form: text.form(),
            });
        }
        let longest = splitters.iter().map(|it| it.text.len()).max();
        Splitters {
            text_bytes: FIRST_BYTES.max(longest.unwrap_or(0) + REST_BYTES),
            starts: splitters,
            keys: keys.into(),
            heads: heads.into(),
            groups: groups.into(),
        }
    }

    /// Returns how many folded bytes of a text decide about its lead.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes.max(size_of::<u64>())
    }

    /// Returns the lead of a text, given all of it or as much of its start as decides.
    ///
    /// Cost: a binary search among the splitters.
    pub(super) fn lead(&self, text: &KeptText<'_>) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if self.starts.is_empty() {
            return text.prefix().max(1);
        }
        let mut first = [0; FIRST_BYTES];
        text.fold_start(&mut first);
        let head = head_of(&first);
        match self.heads.binary_search(&head) {
            Ok(group) => {
                let group = &self.groups[group];
                let is_kept = text.form() == group.form && text.bytes().starts_with(&group.kept);
                if is_kept {
                    self.lead_behind(group, text, &first)
                } else {
                    self.lead_by_texts(group, text)
                }
            }
            Err(group) => {
                let interval = self.groups.get(group).map(|group| group.splitters.start);
                self.join(interval.unwrap_or(self.starts.len()), &first, 0)
            }
        }
    }

    /// Returns the lead of a text that begins with what a group keeps; `first` are the text's first bytes.
    fn lead_behind(&self, group: &Group, text: &KeptText<'_>, first: &[u8]) -> u64 {
        let mut behind = [0; FIRST_BYTES];
        text.fold_from(group.kept.len(), &mut behind);
        let key = head_of(&behind);
        let keys = &self.keys[group.splitters.clone()];
        let passed = keys.partition_point(|&own| own < key);
        let tied = keys[passed..].iter().take_while(|&&own| own == key).count();
        let interval = group.splitters.start + passed;
        if tied == 0 {
            // Two splitters of this group that the text is between share less than eight bytes more.
            return self.join_behind(interval, group, first, &behind);
        }
        let tied = &self.starts[interval..][..tied];
        let longest = tied.iter().map(|it| it.text.len()).max().unwrap_or(0);
        let mut behind = [0; SAMPLE_TEXT_BYTES + REST_BYTES];
        let length = longest - group.shared + REST_BYTES;
        let length = text.fold_from(group.kept.len(), &mut behind[..length]);
        // Each splitter has at least the bytes that its group shares.
        let is_passed = |it: &Splitter| it.text[group.shared..] <= behind[..length];
        let interval = interval + tied.partition_point(is_passed);
        self.join_behind(interval, group, first, &behind)
    }

    /// Returns the lead of a text that begins with the eight bytes of a group.
    fn lead_by_texts(&self, group: &Group, text: &KeptText<'_>) -> u64 {
        let mut bytes = [0; SAMPLE_TEXT_BYTES + REST_BYTES];
        let length = text.fold_start(&mut bytes[..self.text_bytes]);
        let own = &bytes[..length];
        let splitters = &self.starts[group.splitters.clone()];
        let passed = splitters.partition_point(|it| *it.text <= *own);
        self.join(group.splitters.start + passed, &bytes, 0)
    }

    /// Returns the bytes that all texts of an interval share.
    fn shared_in(&self, interval: usize) -> usize {
        let before = interval.checked_sub(1).map(|index| &self.starts[index]);
        before.map_or(0, |splitter| splitter.shared)
    }

    /// Returns the lead of a text of an interval inside a group or beside it, given the text's first bytes and those
    /// behind what the group shares.
    fn join_behind(&self, interval: usize, group: &Group, first: &[u8], behind: &[u8]) -> u64 {
        // Beside a splitter of another group, which begins with other bytes, less than eight are shared.
        if self.shared_in(interval) < group.shared {
            self.join(interval, first, 0)
        } else {
            self.join(interval, behind, group.shared)
        }
    }

    /// Returns the lead of a text of an interval, given its folded bytes from a place on, NULs past its end.
    fn join(&self, interval: usize, bytes: &[u8], from: usize) -> u64 {
        let rest = head_at(bytes, self.shared_in(interval) - from) >> u8::BITS;
        ((interval as u64) << (8 * REST_BYTES) | rest).max(1)
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.starts.iter().map(|it| it.text.len());
        let kept = self.groups.iter().map(|it| it.kept.len());
        size_of_val(&*self.starts)
            + size_of_val(&*self.keys)
            + size_of_val(&*self.heads)
            + size_of_val(&*self.groups)
            + texts.chain(kept).sum::<usize>()
    }
}

/// Returns the indexes of the texts of a sample: one of each of [`SAMPLE_TEXTS`] parts of all texts.
///
/// Its place in the part changes from part to part: where kinds of texts take turns, the sample has all kinds.
fn sampled_indexes(texts_count: usize) -> impl Iterator<Item = usize> {
    let count = texts_count.min(SAMPLE_TEXTS);
    (0..count).map(move |at| {
        let (start, end) = (at * texts_count / count, (at + 1) * texts_count / count);
        start + (spread(at as u32) >> 32) as usize % (end - start)
    })
}

/// Returns the first eight bytes of a text as an integer that orders as they do, NULs past its end.
fn head_of(text: &[u8]) -> u64 {
    head_at(text, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::{encode_into, fold};

    /// Finds the splitters of texts, and checks that the leads order them; returns how many different leads they have,
    /// and how many splitters there are.
    fn check(texts: &[String]) -> (usize, usize) {
        let splitters = Splitters::find(texts.len(), |index, _| KeptText::plain(&texts[index]));
        assert!(splitters.bytes() <= splitters_bytes_max(texts.len()));
        let lead = |text: &String| {
            let lead = splitters.lead(&KeptText::plain(text));
            // In the other form no text begins as a group keeps it.
            let mut encoded = Vec::new();
            encode_into(text, &mut encoded);
            let encoded = KeptText::new(encoded, Form::Encoded);
            assert_eq!(splitters.lead(&encoded), lead, "{text:?}");
            (fold(text), lead)
        };
        let mut with_leads: Vec<(String, u64)> = texts.iter().map(lead).collect();
        with_leads.sort();
        for pair in with_leads.windows(2) {
            assert!(pair[0].1 <= pair[1].1, "{pair:?}");
        }
        for (text, lead) in &with_leads {
            assert_eq!(text.is_empty(), *lead == 0, "{text:?}");
        }
        let mut leads: Vec<u64> = with_leads.into_iter().map(|(_, lead)| lead).collect();
        leads.dedup();
        (leads.len(), splitters.starts.len())
    }

    #[test]
    fn texts_that_begin_alike_are_told_apart() {
        let number = |at: usize| at.wrapping_mul(0x9E37_79B9) % 1_000_003;
        let page = |at: usize| {
            let class = ["Note", "mail", "\u{c9}t\u{e9}", "form"][number(at) % 4];
            format!("<html><body><p class=\"{class}\">{:06}", number(at))
        };
        let pages: Vec<String> = (0..5_000).map(page).collect();
        let (leads, splitters) = check(&pages);
        assert!(leads > 4_500 && splitters > 200, "{leads} of {splitters}");
        // One text in ten begins otherwise, is empty, ends where others go on, or is of NULs.
        let odd = [
            "",
            "\0",
            "\0\0\0\0\0\0\0\0\0x",
            "<html>",
            "a",
            "\u{10ffff}",
            "<HTML><body>",
        ];
        let mixed = (0..5_000).map(|at| match at % 10 {
            0 => odd[at / 10 % odd.len()].to_owned(),
            _ => page(at),
        });
        let (leads, splitters) = check(&mixed.collect::<Vec<_>>());
        assert!(leads > 4_000 && splitters > 200, "{leads} of {splitters}");
        // Words that repeat behind what all share, so that eight bytes more do not decide.
        let word = |at: usize| ["printer", "Printers", "\u{e9}cran", "on fire", "p"][at % 5];
        let repeats = (0..5_000).map(|at| {
            let (a, b, c) = (number(at), number(at + 1), number(at + 2));
            format!(
                "Dear Madam, {} {} {} {}",
                word(a),
                word(b / 7),
                word(c / 35),
                a % 100
            )
        });
        let (leads, _) = check(&repeats.collect::<Vec<_>>());
        assert!(leads > 500, "{leads}");
        // Longer than what a sample takes.
        let long = (0..3_000).map(|at| format!("{}{at:05}", "same ".repeat(60 - at % 7)));
        check(&long.collect::<Vec<_>>());
    }

    #[test]
    fn texts_that_differ_at_once_need_no_splitters() {
        let words =
            (0..3_000).map(|at: u32| format!("{:08x} again", 0x9E37_79B9_u32.wrapping_mul(at)));
        let (leads, splitters) = check(&words.collect::<Vec<_>>());
        assert_eq!((leads, splitters), (3_000, 0));
        // Nor does one text that repeats, but a few do.
        let same = |count| move |at| format!("Your call is important to us {}", at % count);
        let repeated = |count| (0..3_000).map(same(count)).collect::<Vec<_>>();
        assert_eq!(check(&repeated(1)), (1, 0));
        assert_eq!(check(&repeated(3)), (3, 3));
        assert_eq!(check(&[]), (0, 0));
        assert_eq!(check(&["a".to_owned()]).1, 0);
    }
}
