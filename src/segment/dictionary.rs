//! The distinct texts of a column, in (folded, raw) order.
//!
//! Sorting by the folded text first makes everything that a request compares one
//! contiguous run of ordinals: the texts that are equal without case, those that start
//! with a prefix, those in a range. Texts with the same folded form share a *class*;
//! filters and orders speak of classes, responses of ordinals.
//!
//! # Invariants
//!
//! * Ordinals ascend by (folded, raw), without duplicates; classes by folded.
//! * Every text is kept as given; where the field is URL-encoded the encoded form is
//!   kept beside it, unless all texts encode to themselves.
//!
//! # Cost
//!
//! Looking a text up is a binary search; each step folds one text as far as it agrees.

use std::cmp::Ordering;
#[cfg(feature = "durable")]
use std::io;
use std::ops::Range;

use super::blob::Blob;
use super::integers::Integers;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter};
use super::text_order::sort_texts;
use crate::model::compare::{cmp_folded, cmp_folds, starts_with_folded};
use crate::model::value::{fold, fold_into};

/// Distinct texts, numbered in (folded, raw) order.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    texts: Blob,
    /// The texts URL-encoded; none where all encode to themselves, or none is asked for.
    encoded: Option<Blob>,
    /// The first ordinal of each class; none where no two texts fold alike.
    class_starts: Option<Box<[u32]>>,
    /// Whether every text can be written into any format but CSV without escaping.
    is_plain: bool,
}

impl Dictionary {
    /// Makes a dictionary of the empty text alone.
    pub(super) fn empty() -> Dictionary {
        let mut texts = Blob::default();
        texts.push("");
        Dictionary::from_encoded(texts, None, vec![0])
    }

    /// Makes a dictionary of distinct texts; returns it and the ordinal of each text.
    ///
    /// Cost: a sort of the texts, each compared by its folded form.
    pub(crate) fn build(texts: &Blob, is_url_encoded: bool) -> (Dictionary, Vec<u32>) {
        let mut folded = Blob::default();
        for index in 0..texts.count() {
            folded.push_with(|out| fold_into(texts.get(index), out));
        }
        let folded_text = |index: u32| folded.get(index as usize).as_bytes();
        let mut order = sort_texts(texts.count() as u32, folded_text);
        for class in order.chunk_by_mut(|&a, &b| folded_text(a) == folded_text(b)) {
            class.sort_unstable_by_key(|&index| texts.get(index as usize));
        }
        let mut sorted = Blob::default();
        let mut class_starts: Vec<u32> = Vec::new();
        let mut ordinals = vec![0; order.len()];
        for (ordinal, &index) in order.iter().enumerate() {
            sorted.push(texts.get(index as usize));
            ordinals[index as usize] = ordinal as u32;
            let repeats = ordinal > 0
                && folded.get(order[ordinal - 1] as usize) == folded.get(index as usize);
            if !repeats {
                class_starts.push(ordinal as u32);
            }
        }
        (
            Dictionary::from_sorted(sorted, class_starts, is_url_encoded),
            ordinals,
        )
    }

    /// Makes a dictionary of texts that are in order already, with the first ordinal of each class.
    fn from_sorted(texts: Blob, class_starts: Vec<u32>, is_url_encoded: bool) -> Dictionary {
        let mut encoded = None;
        if is_url_encoded {
            let mut blob = Blob::default();
            let mut scratch = Vec::new();
            for index in 0..texts.count() {
                blob.push_encoded(texts.get(index), &mut scratch);
            }
            encoded = Some(blob);
        }
        Dictionary::from_encoded(texts, encoded, class_starts)
    }

    /// Makes a dictionary of texts in order and, where they are URL-encoded, their encoded forms.
    fn from_encoded(mut texts: Blob, encoded: Option<Blob>, class_starts: Vec<u32>) -> Dictionary {
        let has_repeats = class_starts.len() < texts.count();
        let is_plain = texts.bytes_from(0).iter().copied().all(is_plain_byte);
        let mut encoded = encoded.filter(|encoded| encoded.bytes_from(0) != texts.bytes_from(0));
        encoded.iter_mut().for_each(Blob::shrink);
        texts.shrink();
        Dictionary {
            texts,
            encoded,
            class_starts: has_repeats.then(|| class_starts.into()),
            is_plain,
        }
    }

    /// Merges dictionaries, of which only the used ordinals are taken; the empty text always is.
    ///
    /// Returns the dictionary and, for each input, the new ordinal of each taken text.
    /// Cost: a step an input for each text; nothing is sorted.
    pub(super) fn merge(
        inputs: &[(&Dictionary, Vec<bool>)],
        is_url_encoded: bool,
    ) -> (Dictionary, Vec<Vec<u32>>) {
        let mut heads: Vec<MergeHead> = inputs.iter().map(MergeHead::new).collect();
        let mut ordinals: Vec<Vec<u32>> = inputs
            .iter()
            .map(|(dictionary, _)| vec![0; dictionary.count() as usize])
            .collect();
        // Where no input has other encoded forms, the result has none.
        let is_encoded = is_url_encoded && inputs.iter().any(|(input, _)| input.encoded.is_some());
        let (mut texts, mut encoded) = (Blob::default(), Blob::default());
        let mut class_starts: Vec<u32> = Vec::new();
        let mut folded = String::new();
        while let Some(least) = heads.iter().filter_map(MergeHead::key).min() {
            let (least_folded, text) = least;
            let ordinal = texts.count() as u32;
            texts.push(text);
            if ordinal == 0 || folded != least_folded {
                class_starts.push(ordinal);
                least_folded.clone_into(&mut folded);
            }
            for (head, ordinals) in heads.iter_mut().zip(&mut ordinals) {
                if head.key().is_some_and(|(_, own)| own == text) {
                    if is_encoded && encoded.count() == ordinal as usize {
                        encoded.push(head.dictionary.encoded(head.ordinal));
                    }
                    ordinals[head.ordinal as usize] = ordinal;
                    head.advance(head.ordinal + 1);
                }
            }
        }
        let encoded = is_encoded.then_some(encoded);
        let dictionary = Dictionary::from_encoded(texts, encoded, class_starts);
        (dictionary, ordinals)
    }

    /// Returns how many texts there are.
    pub(crate) fn count(&self) -> u32 {
        self.texts.count() as u32
    }

    /// Returns the text of an ordinal.
    pub(crate) fn text(&self, ordinal: u32) -> &str {
        self.texts.get(ordinal as usize)
    }

    /// Returns the text of an ordinal as a URL-encoded field is written.
    pub(crate) fn encoded(&self, ordinal: u32) -> &str {
        self.encoded_texts().get(ordinal as usize)
    }

    /// Returns the texts by ordinal.
    pub(super) fn texts(&self) -> &Blob {
        &self.texts
    }

    /// Returns the texts by ordinal as a URL-encoded field is written.
    pub(super) fn encoded_texts(&self) -> &Blob {
        self.encoded.as_ref().unwrap_or(&self.texts)
    }

    /// Returns whether every text can be written into any format but CSV without escaping.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns how many classes there are.
    pub(crate) fn classes_count(&self) -> u32 {
        self.class_starts
            .as_ref()
            .map_or(self.count(), |starts| starts.len() as u32)
    }

    /// Returns the ordinals of a class.
    pub(crate) fn ordinals(&self, class: u32) -> Range<u32> {
        match &self.class_starts {
            None => class..class + 1,
            Some(starts) => {
                let end = starts.get(class as usize + 1).copied();
                starts[class as usize]..end.unwrap_or(self.count())
            }
        }
    }

    /// Returns the class of each ordinal, or none where they are the same numbers.
    pub(crate) fn classes(&self) -> Option<Integers> {
        let starts = self.class_starts.as_ref()?;
        let mut class = 0u32;
        let classes = (0..self.count()).map(|ordinal| {
            if starts.get(class as usize + 1) == Some(&ordinal) {
                class += 1;
            }
            u64::from(class)
        });
        Some(Integers::pack(&classes.collect::<Vec<_>>()))
    }

    /// Returns the folded text's class, if a text has it.
    pub(crate) fn find(&self, folded: &str) -> Option<u32> {
        self.find_classes(folded).next()
    }

    /// Returns the ordinal of a text, spelled as it is.
    pub(super) fn ordinal_of(&self, text: &str) -> Option<u32> {
        let class = self.find(&fold(text))?;
        self.ordinals(class).find(|&at| self.text(at) == text)
    }

    /// Returns the folded text's class as a range, which is empty where the class would be if no text
    /// has it.
    pub(super) fn find_classes(&self, folded: &str) -> Range<u32> {
        // The first class that is not less was compared, so it is known whether it is the one sought.
        let mut is_found = false;
        let class = self.first_class(|text| {
            let ordering = cmp_folded(text, folded);
            is_found |= ordering == Ordering::Equal;
            ordering != Ordering::Less
        });
        class..class + u32::from(is_found)
    }

    /// Returns the same for a text that is not folded yet, without a folded copy of it, given classes
    /// among which it is or right after which it would be.
    pub(crate) fn classes_of(&self, text: &str, within: &Range<u32>) -> Range<u32> {
        let is_after = |own: &str| cmp_folds(own, text) != Ordering::Less;
        let class = self.first_class_within(within, is_after);
        let is_found = class < self.classes_count()
            && cmp_folds(self.class_text(class), text) == Ordering::Equal;
        class..class + u32::from(is_found)
    }

    /// Returns the classes from the folded text `start` up to `end`, including all texts that start with
    /// `end`.
    pub(crate) fn find_range(&self, start: Option<&str>, end: Option<&str>) -> Range<u32> {
        let first = start.map_or(0, |start| {
            self.first_class(|text| cmp_folded(text, start) != Ordering::Less)
        });
        let last = end.map_or(self.classes_count(), |end| {
            self.first_class(|text| {
                cmp_folded(text, end) == Ordering::Greater && !starts_with_folded(text, end)
            })
        });
        first..last.max(first)
    }

    /// Returns a text of a class.
    pub(super) fn class_text(&self, class: u32) -> &str {
        self.text(self.ordinals(class).start)
    }

    /// Returns the first class whose text satisfies a condition that all later classes satisfy too.
    fn first_class(&self, holds: impl FnMut(&str) -> bool) -> u32 {
        self.first_class_within(&(0..self.classes_count()), holds)
    }

    /// Returns the same, where it is among some classes or right after them.
    fn first_class_within(&self, within: &Range<u32>, mut holds: impl FnMut(&str) -> bool) -> u32 {
        let (mut low, mut high) = (within.start, within.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.class_text(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.bytes()
            + self.encoded.as_ref().map_or(0, Blob::bytes)
            + self
                .class_starts
                .as_ref()
                .map_or(0, |starts| size_of_val::<[u32]>(starts))
    }
}

/// The next text of one input of a merge.
struct MergeHead<'a> {
    dictionary: &'a Dictionary,
    is_used: &'a [bool],
    /// The ordinal of the text; the count of texts at the end.
    ordinal: u32,
    folded: String,
}

impl<'a> MergeHead<'a> {
    fn new((dictionary, is_used): &'a (&'a Dictionary, Vec<bool>)) -> MergeHead<'a> {
        MergeHead {
            dictionary,
            is_used,
            ordinal: 0,
            folded: String::new(),
        }
    }

    /// Returns the folded text and the text; none at the end.
    fn key(&self) -> Option<(&str, &'a str)> {
        let is_open = self.ordinal < self.dictionary.count();
        is_open.then(|| (&*self.folded, self.dictionary.text(self.ordinal)))
    }

    /// Passes to the first used ordinal from one on.
    fn advance(&mut self, from: u32) {
        let left = self.is_used[from as usize..].iter();
        let passed = left.take_while(|&&is_used| !is_used).count();
        self.ordinal = from + passed as u32;
        self.folded.clear();
        if self.ordinal < self.dictionary.count() {
            fold_into(self.dictionary.text(self.ordinal), &mut self.folded);
        }
    }
}

/// Returns whether no format but CSV escapes a byte of an identifier.
const fn is_plain_byte(byte: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let escaped = b"&<>\"\\%=+#";
        let mut plain = [true; 256];
        let mut at = 0;
        while at < escaped.len() {
            plain[escaped[at] as usize] = false;
            at += 1;
        }
        let mut byte = 0u8;
        while byte < 0x80 {
            if byte.is_ascii_control() {
                plain[byte as usize] = false;
            }
            byte += 1;
        }
        plain
    };
    PLAIN[byte as usize]
}

#[cfg(feature = "durable")]
impl Stored for Dictionary {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        self.texts.write_to(out)?;
        out.option(self.encoded.as_ref())?;
        out.number(self.class_starts.is_some())?;
        if let Some(starts) = &self.class_starts {
            out.slice(starts)?;
        }
        out.number(self.is_plain)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Dictionary> {
        let texts = Blob::read_from(input)?;
        let encoded = input.option()?;
        let has_repeats = input.flag()?;
        Ok(Dictionary {
            texts,
            encoded,
            class_starts: has_repeats.then(|| input.boxed()).transpose()?,
            is_plain: input.flag()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::fold;

    fn build(texts: &[&str]) -> (Dictionary, Vec<u32>) {
        let mut blob = Blob::default();
        for text in texts {
            blob.push(text);
        }
        Dictionary::build(&blob, true)
    }

    #[test]
    fn texts_are_in_folded_then_raw_order() {
        let (dictionary, ordinals) =
            build(&["open", "", "Closed", "Open", "a b", "STRAẞE", "straße"]);
        let texts: Vec<&str> = (0..dictionary.count())
            .map(|at| dictionary.text(at))
            .collect();
        assert_eq!(
            texts,
            ["", "a b", "Closed", "Open", "open", "STRAẞE", "straße"]
        );
        assert_eq!(ordinals, [4, 0, 2, 3, 1, 5, 6]);
        assert_eq!(dictionary.classes_count(), 5);
        assert_eq!(dictionary.find("open"), Some(3));
        assert_eq!(dictionary.ordinals(3), 3..5);
        assert_eq!(dictionary.find("Open"), None);
        assert_eq!(dictionary.encoded(1), "a+b");
        let classes = dictionary.classes().unwrap();
        assert_eq!(
            (0..7).map(|at| classes.get(at)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 3, 4, 4]
        );
    }

    #[test]
    fn texts_compare_as_they_fold() {
        let texts = [
            "", "a", "A", "aB", "É", "é", "STRAẞE", "strasse", "z", "İ", "i\u{307}",
        ];
        let (dictionary, _) = build(&texts);
        for a in texts {
            for b in texts {
                assert_eq!(cmp_folds(a, b), fold(a).cmp(&fold(b)), "{a} {b}");
            }
            let found = dictionary.find_classes(&fold(a));
            assert_eq!(
                dictionary.classes_of(a, &(0..dictionary.classes_count())),
                found
            );
            assert_eq!(dictionary.classes_of(a, &(found.start..found.start)), found);
            assert_eq!(
                (found.len(), Some(found.start)),
                (1, dictionary.find(&fold(a)))
            );
        }
        let found = dictionary.find_classes("ac");
        assert!(found.is_empty() && dictionary.class_text(found.start) > "ac");
    }

    #[test]
    fn ranges_include_what_starts_with_the_end() {
        let (dictionary, _) = build(&["", "İb", "j", "Ja", "JZ", "k", "é", "j\u{10FFFF}"]);
        for (start, end) in [
            (None, Some("j")),
            (Some("J"), None),
            (Some("ja"), Some("j")),
            (Some("i"), Some("i")),
        ] {
            let (start, end) = (start.map(fold), end.map(fold));
            let classes = dictionary.find_range(start.as_deref(), end.as_deref());
            for class in 0..dictionary.classes_count() {
                let text = fold(dictionary.class_text(class));
                let expected = start.as_ref().is_none_or(|start| text >= *start)
                    && end
                        .as_ref()
                        .is_none_or(|end| text <= *end || text.starts_with(end));
                assert_eq!(
                    classes.contains(&class),
                    expected,
                    "{text} in {start:?} to {end:?}"
                );
            }
        }
    }
}
