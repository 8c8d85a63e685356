//! Finds the tables by which long texts are packed, and packs.
//!
//! A table has 255 symbols, which is enough for texts of one language. If texts of several scripts share
//! them, hardly any symbol is longer than a letter. So where there is much text, a sample is divided
//! into texts that go together, each part with a table of its own, as long as that makes it smaller. A
//! text is packed by the table that packs a piece of it best.
//!
//! # Invariants
//!
//! * Tables and packed texts are a function of what is put in: the same texts, kept in the same forms.
//!
//! # Cost
//!
//! A table takes one or two milliseconds, parting up to some hundred. Packing takes a few nanoseconds
//! a byte, and one or two microseconds a text where there are several tables.

use std::borrow::Cow;

use fsst::Compressor;

use super::symbols::Symbols;

/// A sample takes at most this many bytes of one text.
const SAMPLE_TEXT_BYTES: usize = 512;

/// The bytes of a sample from which one table is found, which looks at a fourth of them.
const SAMPLE_BYTES: usize = 64 << 10;

/// Texts of more bytes in all may have several tables.
const PARTED_BYTES_MIN: usize = 8 << 20;
/// The bytes of a sample from which several tables are found.
const PARTED_SAMPLE_BYTES: usize = 128 << 10;

/// The most tables, each of which takes 9 KiB.
const TABLES_MAX: usize = 8;

/// One more table is worth it if it shrinks a sample at least to this many hundredths.
const PARTED_MOST: usize = 97;

/// The pieces of a sample are dealt out again this many times, each to the table that packs it best.
const DEALS: usize = 2;

/// Each table is tried on this many bytes of a text.
const TRIED_BYTES: usize = 64;

/// Texts are packed this many at a time, which is faster than one by one.
const BATCH_TEXTS: usize = 64;

/// Texts to be packed.
pub(super) trait Input {
    /// Returns how many there are.
    fn count(&self) -> usize;

    /// Returns about how much of all texts one is, without a look at it.
    fn kept_bytes(&self, index: usize) -> usize;

    /// Returns the bytes of a text.
    fn text(&self, index: usize) -> Cow<'_, [u8]>;
}

/// Packs by some tables.
pub(super) struct Packer {
    compressors: Vec<Compressor>,
    /// By table: packed texts and where each ends.
    packed: Vec<(Vec<u8>, Vec<u64>)>,
}

impl Packer {
    /// Finds the tables for texts that have a number of bytes in all.
    pub(super) fn find(input: &impl Input, bytes: usize) -> Packer {
        let is_parted = bytes >= PARTED_BYTES_MIN;
        let sample_bytes = if is_parted {
            PARTED_SAMPLE_BYTES
        } else {
            SAMPLE_BYTES
        };
        let sample = take_sample(input, sample_bytes);
        let mut parting = Parting::new(&sample);
        if is_parted {
            while parting.tables.len() < TABLES_MAX
                && let Some(finer) = parting.part()
            {
                parting = finer;
            }
        }
        Packer {
            packed: vec![Default::default(); parting.tables.len()],
            compressors: parting.tables,
        }
    }

    /// Returns the tables for unpacking.
    pub(super) fn tables(&self) -> Vec<Symbols> {
        self.compressors.iter().map(Symbols::of).collect()
    }

    /// Packs all texts and hands each over in turn: the number of its table and the numbers of its symbols, or none
    /// of the empty text.
    pub(super) fn pack(&mut self, input: &impl Input, mut each: impl FnMut(Option<(u8, &[u8])>)) {
        for start in (0..input.count()).step_by(BATCH_TEXTS) {
            let indexes = start..input.count().min(start + BATCH_TEXTS);
            let batch: Vec<_> = indexes.map(|index| input.text(index)).collect();
            let numbers: Vec<usize> = batch.iter().map(|text| self.choose(text)).collect();
            for (number, (bytes, ends)) in self.packed.iter_mut().enumerate() {
                bytes.clear();
                ends.clear();
                let own = batch
                    .iter()
                    .zip(&numbers)
                    .filter(|(_, own)| **own == number);
                let own: Vec<&[u8]> = own.map(|(text, _)| &**text).collect();
                let compressor = &self.compressors[number];
                compressor
                    .compress_bulk_into::<{ Compressor::DEFAULT_BULK_LANES }>(&own, bytes, ends);
            }
            let mut passed = vec![(0, 0); self.packed.len()];
            for (text, &number) in batch.iter().zip(&numbers) {
                let (bytes, ends) = &self.packed[number];
                let (at, start) = &mut passed[number];
                let end = ends[*at] as usize;
                let own = &bytes[*start..end];
                each((!text.is_empty()).then_some((number as u8, own)));
                (*at, *start) = (*at + 1, end);
            }
        }
    }

    /// Returns the number of the table that packs a piece of a text best.
    fn choose(&self, text: &[u8]) -> usize {
        if self.compressors.len() == 1 {
            return 0;
        }
        // The middle, as texts of any language may begin alike.
        let start = (text.len() / 2).saturating_sub(TRIED_BYTES / 2);
        let piece = &text[start..];
        best_of(&self.compressors, &piece[..piece.len().min(TRIED_BYTES)]).0
    }
}

/// Returns the number of the table that packs a text best, and the bytes that it takes.
fn best_of(tables: &[Compressor], text: &[u8]) -> (usize, usize) {
    let bytes = tables.iter().map(|table| table.compress(text).len());
    bytes
        .enumerate()
        .min_by_key(|(_, bytes)| *bytes)
        .unwrap_or_default()
}

fn train(pieces: &[&[u8]]) -> Compressor {
    Compressor::train(&pieces.to_vec())
}

/// A sample, dealt out to tables.
struct Parting<'a> {
    sample: &'a [Vec<u8>],
    tables: Vec<Compressor>,
    /// By piece: its table, and the bytes that it takes.
    dealt: Vec<(usize, usize)>,
}

impl<'a> Parting<'a> {
    fn new(sample: &'a [Vec<u8>]) -> Parting<'a> {
        let pieces: Vec<&[u8]> = sample.iter().map(Vec::as_slice).collect();
        let mut parting = Parting {
            sample,
            tables: vec![train(&pieces)],
            dealt: Vec::new(),
        };
        parting.deal();
        parting
    }

    fn deal(&mut self) {
        let best = |piece: &Vec<u8>| best_of(&self.tables, piece);
        self.dealt = self.sample.iter().map(best).collect();
    }

    /// Returns the pieces of a table, each with the bytes that it takes.
    fn pieces(&self, number: usize) -> impl Iterator<Item = (&'a [u8], usize)> {
        let pieces = self.sample.iter().zip(&self.dealt);
        let own = pieces.filter(move |(_, dealt)| dealt.0 == number);
        own.map(|(piece, dealt)| (&**piece, dealt.1))
    }

    fn bytes(&self) -> usize {
        self.dealt.iter().map(|dealt| dealt.1).sum()
    }

    /// Returns the sample with one more table, if that makes it much smaller.
    fn part(&self) -> Option<Parting<'a>> {
        let bytes = |number: &usize| self.pieces(*number).map(|it| it.1).sum::<usize>();
        let largest = (0..self.tables.len()).max_by_key(bytes)?;
        // What a table packs worst goes together, and not with the rest.
        let mut pieces: Vec<(&[u8], usize)> = self.pieces(largest).collect();
        let share = |&(piece, bytes): &(&[u8], usize)| (bytes << 16) / piece.len().max(1);
        pieces.sort_by_key(share);
        let worst = pieces.split_off(pieces.len() - pieces.len() / 4);
        if worst.is_empty() {
            return None;
        }
        let worst: Vec<&[u8]> = worst.into_iter().map(|it| it.0).collect();
        let mut finer = Parting {
            sample: self.sample,
            tables: self.tables.clone(),
            dealt: Vec::new(),
        };
        finer.tables.push(train(&worst));
        for _ in 0..DEALS {
            finer.deal();
            for number in [largest, self.tables.len()] {
                let own: Vec<&[u8]> = finer.pieces(number).map(|it| it.0).collect();
                finer.tables[number] = train(&own);
            }
        }
        finer.deal();
        (finer.bytes() * 100 < self.bytes() * PARTED_MOST).then_some(finer)
    }
}

/// Takes pieces of texts that lie evenly among the bytes of all.
fn take_sample(input: &impl Input, sample_bytes: usize) -> Vec<Vec<u8>> {
    let (mut kept_bytes, mut weighed) = (0, 0u64);
    for index in 0..input.count() {
        let own = input.kept_bytes(index);
        kept_bytes += own;
        weighed += (own as u64) * own.min(SAMPLE_TEXT_BYTES) as u64;
    }
    // Short texts give all that they have, and a text is chosen the more often the longer it is.
    let piece_bytes = weighed / (kept_bytes as u64).max(1);
    let piece_bytes = piece_bytes.clamp(1, SAMPLE_TEXT_BYTES as u64) as usize;
    let step = (kept_bytes / sample_bytes.div_ceil(piece_bytes)).max(1);
    let mut sample = Vec::new();
    let (mut passed, mut next) = (0, 0);
    for index in 0..input.count() {
        let own = input.kept_bytes(index);
        if next < passed + own {
            let text = input.text(index);
            while next < passed + own {
                // What is kept may be longer or shorter than the text.
                let place = text.len() * (next - passed) / own;
                let start = place.min(text.len().saturating_sub(SAMPLE_TEXT_BYTES));
                let end = text.len().min(start + SAMPLE_TEXT_BYTES);
                sample.push(text[start..end].to_vec());
                next += step.max(SAMPLE_TEXT_BYTES.min(own));
            }
        }
        passed += own;
    }
    sample
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Input for Vec<String> {
        fn count(&self) -> usize {
            self.len()
        }

        fn kept_bytes(&self, index: usize) -> usize {
            self[index].len()
        }

        fn text(&self, index: usize) -> Cow<'_, [u8]> {
            self[index].as_bytes().into()
        }
    }

    /// Makes texts of words in four scripts, a text in each.
    fn make(count: usize) -> Vec<String> {
        let hash = |number: usize| (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let word = |script: usize, number: usize| -> String {
            let first = [0x61, 0x3B1, 0x430, 0x4E00][script];
            let letter = |at: usize| hash(number * 10 + at) as u32 % 24;
            let letters = (0..3 + number % 4).map(|at| char::from_u32(first + letter(at)));
            letters.flatten().chain([' ']).collect()
        };
        let text = |index: usize| {
            let words = (0..index % 50).map(|at| hash(index * 100 + at) as usize % 300);
            words.map(|number| word(index % 4, number)).collect()
        };
        (0..count).map(text).collect()
    }

    #[test]
    fn a_sample_is_as_long_as_was_asked_for() {
        // Texts of which few are long or there at all, short ones, and long ones alone.
        let sparse = (0..100_000).map(|at| "x".repeat(if at % 100 == 0 { 1_600 } else { 0 }));
        let short = (0..100_000).map(|at| "y".repeat(at % 20));
        let long = (0..300).map(|_| "z".repeat(5_000));
        let mixed = (0..20_000).map(|at| "w".repeat([3, 3, 3, 3_000][at % 4]));
        for texts in [
            sparse.collect(),
            short.collect(),
            long.collect(),
            mixed.collect(),
        ] {
            let texts: Vec<String> = texts;
            let sample = take_sample(&texts, SAMPLE_BYTES);
            let bytes: usize = sample.iter().map(Vec::len).sum();
            let range = SAMPLE_BYTES / 2..SAMPLE_BYTES * 2;
            assert!(range.contains(&bytes), "{bytes} of {}", texts[0]);
        }
        assert!(take_sample(&vec![String::new(); 10], SAMPLE_BYTES).is_empty());
    }

    #[test]
    fn texts_of_several_scripts_have_tables_of_their_own() {
        let texts = make(1000);
        let bytes: usize = texts.iter().map(String::len).sum();
        let pack = |packer: &mut Packer| {
            let mut packed = Vec::new();
            packer.pack(&texts, |own| {
                packed.push(own.map(|(number, bytes)| (number, bytes.to_vec())));
            });
            packed
        };
        let mut one = Packer::find(&texts, bytes);
        assert_eq!(one.compressors.len(), 1);
        // They are said to be more than they are.
        let mut several = Packer::find(&texts, PARTED_BYTES_MIN);
        assert!((2..=TABLES_MAX).contains(&several.compressors.len()));
        let sum = |packed: &[Option<(u8, Vec<u8>)>]| -> usize {
            packed.iter().flatten().map(|(_, bytes)| bytes.len()).sum()
        };
        assert!(sum(&pack(&mut several)) * 10 < sum(&pack(&mut one)) * 9);
        for packer in [&mut one, &mut several] {
            let tables = packer.tables();
            for (own, text) in pack(packer).into_iter().zip(&texts) {
                let mut out = vec![0; text.len() + 8];
                let unpacked = own.map_or(0, |(number, bytes)| {
                    tables[usize::from(number)].unpack(&bytes, &mut out).1
                });
                assert_eq!(&out[..unpacked], text.as_bytes());
            }
        }
    }
}
