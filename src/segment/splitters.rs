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
//! A lead takes some nanoseconds where there are no splitters, and up to 300 where there are. The splitters of a
//! column take at most [`SPLITTERS_BYTES_MAX`].

use std::ops::Range;

use super::kept_text::KeptText;
use super::spread;

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
const HEAD_BYTES: usize = 8 + REST_BYTES;

/// There are splitters if, of a sample, more than one text in this many begin with the same eight bytes and are not
/// the same.
const ALIKE_SHARE: usize = 8;

/// The bytes that the splitters of a column may take.
pub(super) const SPLITTERS_BYTES_MAX: usize =
    SPLITTERS_MAX * (size_of::<Splitter>() + SAMPLE_TEXT_BYTES);

/// A text at which an interval starts.
#[derive(Debug)]
struct Splitter {
    /// The first eight bytes.
    head: u64,
    /// As much of the text as tells it from its neighbours, folded.
    text: Box<[u8]>,
    /// The bytes that it has in common with the next, and so with every text between them.
    shared: usize,
}

/// The splitters of the texts of a column, ascending; none where the first eight bytes are enough.
#[derive(Debug, Default)]
pub(super) struct Splitters {
    splitters: Box<[Splitter]>,
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
        let folded = |index: usize| {
            let mut bytes = [0; SAMPLE_TEXT_BYTES];
            let length = start(index, SAMPLE_TEXT_BYTES).fold_start(&mut bytes);
            bytes[..length].to_vec()
        };
        let mut sample: Vec<Vec<u8>> = sampled(texts_count).map(folded).collect();
        let alike_max = (sample.len() / ALIKE_SHARE).max(1);
        sample.sort_unstable();
        sample.dedup();
        sample.retain(|text| !text.is_empty());
        let alike = sample.chunk_by(|a, b| head_of(a) == head_of(b));
        if alike.map(<[Vec<u8>]>::len).max().unwrap_or(0) <= alike_max {
            return Splitters::default();
        }
        let count = sample.len().min(SPLITTERS_MAX);
        let chosen = (0..count).map(|at| &*sample[at * sample.len() / count]);
        let chosen: Vec<&[u8]> = chosen.collect();
        let shared = |index: usize| match (chosen.get(index), chosen.get(index + 1)) {
            (Some(own), Some(next)) => own.iter().zip(*next).take_while(|(a, b)| a == b).count(),
            _ => 0,
        };
        let splitter = |index: usize| {
            let with_before = index.checked_sub(1).map_or(0, shared);
            let length = with_before.max(shared(index)) + 1;
            let text = chosen[index];
            Splitter {
                head: head_of(text),
                text: text[..text.len().min(length)].into(),
                shared: shared(index),
            }
        };
        let splitters: Box<[Splitter]> = (0..chosen.len()).map(splitter).collect();
        let longest = splitters.iter().map(|it| it.text.len()).max();
        Splitters {
            text_bytes: HEAD_BYTES.max(longest.unwrap_or(0) + REST_BYTES),
            splitters,
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
        if self.splitters.is_empty() {
            return text.prefix().max(1);
        }
        let mut bytes = [0; SAMPLE_TEXT_BYTES + REST_BYTES];
        let mut length = text.fold_start(&mut bytes[..HEAD_BYTES]);
        let alike = self.beginning_with(head_of(&bytes[..length]));
        if !alike.is_empty() {
            length = text.fold_start(&mut bytes[..self.text_bytes]);
        }
        let own = &bytes[..length];
        let passed = self.splitters[alike.clone()].partition_point(|it| *it.text <= *own);
        let interval = alike.start + passed;
        let before = interval.checked_sub(1).map(|index| &self.splitters[index]);
        let shared = before.map_or(0, |splitter| splitter.shared);
        let rest = bytes[shared..].iter().take(REST_BYTES);
        let rest = rest.fold(0, |rest, &byte| rest << 8 | u64::from(byte));
        ((interval as u64) << (8 * REST_BYTES) | rest).max(1)
    }

    /// Returns the splitters whose first eight bytes are these.
    fn beginning_with(&self, head: u64) -> Range<usize> {
        let start = self.splitters.partition_point(|it| it.head < head);
        let count = self.splitters[start..].partition_point(|it| it.head == head);
        start..start + count
    }

    /// Returns the heap bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.splitters.iter().map(|it| it.text.len());
        size_of_val(&*self.splitters) + texts.sum::<usize>()
    }
}

/// Returns the indexes of the texts of a sample: one of each of [`SAMPLE_TEXTS`] parts of all texts.
///
/// Its place in the part changes from part to part: where kinds of texts take turns, the sample has all kinds.
fn sampled(texts_count: usize) -> impl Iterator<Item = usize> {
    let count = texts_count.min(SAMPLE_TEXTS);
    (0..count).map(move |at| {
        let (start, end) = (at * texts_count / count, (at + 1) * texts_count / count);
        start + (spread(at as u32) >> 32) as usize % (end - start)
    })
}

/// Returns the first eight bytes of a text as an integer that orders as they do, NULs past its end.
fn head_of(text: &[u8]) -> u64 {
    let mut head = [0; size_of::<u64>()];
    let length = text.len().min(head.len());
    head[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::fold;

    /// Finds the splitters of texts, and checks that the leads order them; returns how many different leads they have,
    /// and how many splitters there are.
    fn check(texts: &[String]) -> (usize, usize) {
        let splitters = Splitters::find(texts.len(), |index, _| KeptText::plain(&texts[index]));
        assert!(splitters.bytes() <= SPLITTERS_BYTES_MAX);
        let mut with_leads: Vec<(String, u64)> = texts
            .iter()
            .map(|text| (fold(text), splitters.lead(&KeptText::plain(text))))
            .collect();
        with_leads.sort();
        for pair in with_leads.windows(2) {
            assert!(pair[0].1 <= pair[1].1, "{pair:?}");
        }
        for (text, lead) in &with_leads {
            assert_eq!(text.is_empty(), *lead == 0, "{text:?}");
        }
        let mut leads: Vec<u64> = with_leads.into_iter().map(|(_, lead)| lead).collect();
        leads.dedup();
        (leads.len(), splitters.splitters.len())
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
        // Nor do those that are the same.
        let same = (0..3_000).map(|at| format!("Your call is important to us {}", at % 3));
        assert_eq!(check(&same.collect::<Vec<_>>()).1, 0);
        assert_eq!(check(&[]), (0, 0));
        assert_eq!(check(&["a".to_owned()]).1, 0);
    }
}
