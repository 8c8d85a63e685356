//! Tests of the word index against a search through every word of every row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::hashed::HashedRows;
use super::helper::Helper;
use super::lexicon::{DENSE_ROWS_SHARE, Ids, Kind};
use super::*;
use crate::model::value::fold;

mod long_words;

/// A seeded generator of numbers (xorshift*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// The simple twin of the index: the folded words of each row.
struct Naive(Vec<BTreeSet<String>>);

impl Naive {
    fn new(rows: &[Vec<String>]) -> Naive {
        let words = |texts: &Vec<String>| {
            let folded: Vec<String> = texts.iter().map(|text| fold(text)).collect();
            let split = folded.iter().flat_map(|text| text.split_whitespace());
            split.map(str::to_owned).collect()
        };
        Naive(rows.iter().map(words).collect())
    }

    fn rows(&self, term: &str) -> Vec<u32> {
        let holds = |row: &u32| self.0[*row as usize].iter().any(|word| word.contains(term));
        (0..self.0.len() as u32).filter(holds).collect()
    }

    fn words(&self) -> Vec<(String, Vec<u32>)> {
        let distinct: BTreeSet<&String> = self.0.iter().flatten().collect();
        let rows = |word: &String| {
            let holds = |row: &u32| self.0[*row as usize].contains(word);
            (0..self.0.len() as u32).filter(holds).collect()
        };
        distinct
            .into_iter()
            .map(|word| (word.clone(), rows(word)))
            .collect()
    }
}

fn build(rows: &[Vec<String>], order: Option<&[u32]>) -> Words {
    let mut builder = WordsBuilder::default();
    let mut hashed = HashedRows::default();
    // Portions of one row and of many rows.
    for rows in rows.chunks(rows.len().div_ceil(3).max(1)) {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for texts in rows {
            text.extend([&texts.join("\n"), " "]);
            ends.push(text.len());
        }
        hashed.read(&text, &ends, builder.hasher());
        builder.insert(&mut hashed);
    }
    assert_eq!(builder.rows_count() as usize, rows.len());
    builder.seal(order.map(Arc::from).as_ref(), &Helper::default())
}

/// What [`Words::rows`] finds without a look at texts, which these few spots never call for.
fn rows_of<'a>(words: &'a Words, matches: &Matches) -> TermRows<'a> {
    words.rows(matches, &|row| panic!("the texts of row {row}"))
}

fn found(words: &Words, term: &str) -> Vec<u32> {
    let matches = words.find(term);
    let rows = match rows_of(words, &matches) {
        TermRows::Sorted(rows) => {
            assert!(rows.is_sorted_by(|a, b| a < b), "{term:?}: each row once");
            assert!(rows.len() < words.rows_count().div_ceil(64).max(1) as usize);
            rows
        }
        TermRows::Bitmap(bits, count) => {
            assert_eq!(bits.len(), words.rows_count().div_ceil(64) as usize);
            let mut rows = Vec::new();
            // Reads up to the end of the last integer, so that a bit past the last row would show.
            for_each_bit(&bits, 0..bits.len() as u32 * 64, |row| rows.push(row));
            assert_eq!(rows.len(), count as usize, "{term:?}: the count");
            rows
        }
    };
    assert!(matches.postings_count() >= rows.len() as u64, "{term:?}");
    rows
}

/// The texts of a lexicon in byte order, each with its ids.
fn read_lexicon(lexicon: &Lexicon) -> Vec<(String, Vec<u32>)> {
    let read = |number| {
        let mut ids = Vec::new();
        lexicon.for_each_id(number, |id| ids.push(id));
        let text = std::str::from_utf8(lexicon.text_of(number)).unwrap();
        (text.to_owned(), ids)
    };
    let mut read: Vec<_> = (0..lexicon.count()).map(read).collect();
    read.sort();
    read
}

/// The words of an index in byte order, each with its rows: whole words, and words that are put together
/// from pieces at consecutive spots.
fn read_words(words: &Words) -> Vec<(String, Vec<u32>)> {
    let mut read = read_lexicon(&words.whole);
    let mut cut: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for (rule, own) in Rule::ALL.into_iter().zip(&words.cut) {
        let pieces = read_lexicon(&own.pieces);
        let mut spots: Vec<(u32, &str)> = pieces
            .iter()
            .flat_map(|(piece, spots)| spots.iter().map(|&spot| (spot, piece.as_str())))
            .collect();
        spots.sort_unstable();
        for word in spots.chunk_by(|a, b| a.0 + 1 == b.0) {
            let rows: BTreeSet<u32> = word.iter().map(|&(it, _)| own.spots.row(it)).collect();
            assert_eq!(rows.len(), 1, "a word is in one row");
            let mut text = String::new();
            for (_, piece) in word {
                let shared = match rule {
                    _ if text.is_empty() => 0,
                    Rule::Coarse => 0,
                    // A piece starts with the last byte of the one before.
                    Rule::Fine => 1,
                    // A piece starts with the last character of the one before.
                    Rule::Pairs => piece.chars().next().map_or(0, char::len_utf8),
                };
                text.push_str(&piece[shared..]);
            }
            cut.entry(text).or_default().extend(rows);
        }
    }
    let cut = cut.into_iter();
    read.extend(cut.map(|(word, rows)| (word, rows.into_iter().collect())));
    read.sort();
    read
}

/// Compares every part of the index with the twin; each piece of a word is a term.
fn check(rows: &[Vec<String>], words: &Words, others: &[&str], context: &str) {
    let naive = Naive::new(rows);
    assert_eq!(words.rows_count() as usize, rows.len(), "{context}");
    let expected = naive.words();
    assert_eq!(read_words(words), expected, "{context}");
    let mut terms: BTreeSet<String> = others.iter().map(|&term| term.to_owned()).collect();
    for (word, _) in &expected {
        let cuts: Vec<usize> = (0..=word.len())
            .filter(|&cut| word.is_char_boundary(cut))
            .collect();
        for (index, &start) in cuts.iter().enumerate() {
            // Pieces of up to twelve characters, since a long word would have too many longer ones.
            let ends = cuts[index + 1..].iter().take(12);
            terms.extend(ends.map(|&end| word[start..end].to_owned()));
        }
    }
    // Few words are scanned; grams must find the same.
    let mut indexed = words.clone();
    indexed.whole.index_grams();
    for cut in &mut indexed.cut {
        cut.pieces.index_grams();
    }
    for term in &terms {
        assert_eq!(found(words, term), naive.rows(term), "{context}, {term:?}");
        assert_eq!(
            found(&indexed, term),
            naive.rows(term),
            "{context}, {term:?}"
        );
        let holders = expected
            .iter()
            .filter(|(word, _)| word.contains(term.as_str()));
        let postings_count: usize = holders.map(|(_, rows)| rows.len()).sum();
        for words in [words, &indexed] {
            let count = words.find(term).postings_count();
            // The estimate for pieces is an upper bound, as it does not know where they are.
            let is_exact = words.cut.iter().any(|it| it.pieces.count() > 0)
                || count as usize == postings_count;
            assert!(is_exact, "{context}, {term:?}: {count}");
        }
    }
}

fn texts(all: &[&[&str]]) -> Vec<Vec<String>> {
    let row = |texts: &&[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    all.iter().map(row).collect()
}

const PIECES: &[&str] = &[
    "a", "b", "ab", "aba", "A", "B", "aa", "1", "-", "é", "É", "ß", "ẞ", "İ", "ς", "Σ", "𝒳", "\0",
    "\u{1c}", "\u{feff}", "e\u{301}",
];

const SPACES: &[&str] = &[
    " ", "\t", "\n", "\u{b}", "\u{c}", "\r\n", "\u{85}", "\u{a0}", "\u{1680}", "\u{2003}",
    "\u{2028}", "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}", "  ",
];

const STRANGERS: &[&str] = &[
    "z",
    "zz",
    "zzz",
    "abz",
    "ababababababab",
    "ü",
    "b1-é𝒳",
    "\0\0\0\0",
];

fn random_text(random: &mut Random) -> String {
    let mut text = String::new();
    // Half of the texts are all ASCII, which has code of its own.
    let (pieces, spaces) = match random.below(2) {
        0 => (&PIECES[..9], &SPACES[..6]),
        _ => (PIECES, SPACES),
    };
    for _ in 0..random.below(6) {
        for _ in 0..random.below(4) {
            text.push_str(random.pick(pieces));
        }
        text.push_str(random.pick(spaces));
    }
    text
}

fn random_rows(random: &mut Random, rows_count: usize) -> Vec<Vec<String>> {
    let row = |random: &mut Random| {
        let count = random.below(4);
        (0..count).map(|_| random_text(random)).collect()
    };
    (0..rows_count).map(|_| row(random)).collect()
}

#[test]
fn random_rows_match_the_twin() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let rows_count = [0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 129][seed as usize % 12];
        let rows = random_rows(&mut random, rows_count);
        let words = build(&rows, None);
        check(&rows, &words, STRANGERS, &format!("seed {seed}"));
    }
}

#[test]
fn an_order_moves_and_drops_rows() {
    for seed in 1..=60 {
        let mut random = Random(seed ^ 0xABCD);
        let rows_count = 1 + random.below(90);
        let rows = random_rows(&mut random, rows_count);
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        if seed % 3 != 0 {
            order.truncate(random.below(order.len() + 1));
        }
        let words = build(&rows, Some(&order));
        let moved: Vec<Vec<String>> = order
            .iter()
            .map(|&row| rows[row as usize].clone())
            .collect();
        check(&moved, &words, STRANGERS, &format!("seed {seed}"));
    }
}

/// Words that many rows have at the beginning, for a time, or throughout; in several orders of the rows.
#[test]
fn frequent_words_keep_their_rows() {
    const ROWS_COUNT: u32 = 14_000;
    const PART: u32 = ROWS_COUNT.div_ceil(3);
    let text_of = |row: u32| {
        let mut text = format!("w{} ", row % 60);
        let mut add = |word: &str, is_in: bool| text.push_str(if is_in { word } else { "" });
        add("early ", row < PART && row.is_multiple_of(20));
        add(
            "later ",
            (PART..2 * PART).contains(&row) && row.is_multiple_of(10),
        );
        add("often often ", row.is_multiple_of(3));
        text
    };
    let rows: Vec<Vec<String>> = (0..ROWS_COUNT).map(|row| vec![text_of(row)]).collect();
    let mut random = Random(5);
    let mut shuffled: Vec<u32> = (0..ROWS_COUNT).collect();
    for last in (1..shuffled.len()).rev() {
        shuffled.swap(last, random.below(last + 1));
    }
    let orders = [
        None,
        Some((0..ROWS_COUNT).rev().collect()),
        Some(shuffled[..9_001].to_vec()),
        Some(shuffled),
        // One row has the word of the first part, and then none has.
        Some((PART - 10..ROWS_COUNT).collect()),
        Some((PART..ROWS_COUNT).collect()),
        Some(vec![]),
    ];
    for order in orders {
        let words = build(&rows, order.as_deref());
        let moved: Vec<Vec<String>> = match &order {
            None => rows.clone(),
            Some(order) => order
                .iter()
                .map(|&row| rows[row as usize].clone())
                .collect(),
        };
        check(&moved, &words, &[], &format!("{} rows", moved.len()));
    }
}

#[test]
fn a_merge_is_the_index_of_all_rows() {
    for seed in 1..=60 {
        let mut random = Random(seed ^ 0x5EED);
        let inputs: Vec<(Vec<Vec<String>>, Words)> = (0..random.below(4))
            .map(|_| {
                let rows_count = random.below(70);
                let rows = random_rows(&mut random, rows_count);
                let words = build(&rows, None);
                (rows, words)
            })
            .collect();
        // The rows of all inputs are interleaved at random.
        let mut moves: Vec<Vec<u32>> = vec![Vec::new(); inputs.len()];
        let mut merged = Vec::new();
        while let Some(input) = (0..inputs.len()).find(|&i| moves[i].len() < inputs[i].0.len()) {
            let chosen = random.below(inputs.len());
            let open = moves[chosen].len() < inputs[chosen].0.len();
            let input = if open { chosen } else { input };
            let row = &inputs[input].0[moves[input].len()];
            if random.below(4) == 0 {
                moves[input].push(MOVE_DROPPED);
            } else {
                moves[input].push(merged.len() as u32);
                merged.push(row.clone());
            }
        }
        let parts: Vec<MergeInput> = inputs
            .iter()
            .zip(&moves)
            .map(|((_, words), moves)| MergeInput { words, moves })
            .collect();
        let words = Words::merge(&parts, merged.len() as u32);
        check(&merged, &words, STRANGERS, &format!("seed {seed}"));
    }
}

#[test]
fn words_are_whatever_white_space_parts() {
    for space in SPACES {
        let rows = texts(&[&[&format!("{space}one{space}{space}Two{space}")]]);
        let words = build(&rows, None);
        assert_eq!(words.whole.count(), 2, "{space:?}");
        check(&rows, &words, &["onetwo", "eT"], &format!("{space:?}"));
    }
    // No white space: the separators of files, and spaces without width.
    let rows = texts(&[&["a\u{1c}b\u{1f}c\u{200b}d\u{feff}e"], &["A\u{1C}b"]]);
    assert_eq!(build(&rows, None).whole.count(), 2);
}

#[test]
fn folding_may_change_the_length_of_a_word() {
    let rows = texts(&[
        &["İSTANBUL"],
        &["STRAẞE"],
        &["ΟΔΟΣ", "οδος"],
        &["istanbul strasse"],
    ]);
    let words = build(&rows, None);
    check(&rows, &words, STRANGERS, "folding");
    assert_eq!(found(&words, "i\u{307}s"), [0]);
    assert_eq!(found(&words, "straße"), [1]);
    assert_eq!(found(&words, "σ"), [2]);
    assert_eq!(found(&words, "ς"), [2]);
    assert_eq!(found(&words, "is"), [3]);
}

#[test]
fn words_that_differ_in_nuls_alone_are_distinct() {
    let rows = texts(&[
        &["ab\0 ab"],
        &["ab\0\0"],
        &["ab"],
        &["12345678\0"],
        &["12345678"],
    ]);
    check(&rows, &build(&rows, None), &["\0", "b\0\0\0"], "NULs");
}

#[test]
fn a_feed_gives_the_same_words_here_and_on_a_thread() {
    let mut random = Random(41);
    // Several portions of rows, and one row that is longer than a portion.
    let mut rows = random_rows(&mut random, 60_000);
    rows.insert(30_000, vec!["long ".repeat(70_000), "end".into()]);
    let expected = build(&rows, None);
    let order: Vec<u32> = (0..rows.len() as u32).rev().collect();
    let expected_reversed = build(&rows, Some(&order));
    for has_thread in [false, true] {
        let feed = || {
            let mut feed = WordsFeed::new(has_thread);
            for texts in &rows {
                for text in texts {
                    feed.insert_text(text);
                }
                feed.end_row();
            }
            feed
        };
        let words = feed().seal(None).finish();
        assert!(read_words(&words) == read_words(&expected));
        let words = feed().seal(Some(order.clone().into())).finish();
        assert!(read_words(&words) == read_words(&expected_reversed));
        // A load that fails does not seal, or does not wait for the index.
        drop(feed());
        drop(feed().seal(None));
    }
}

#[test]
fn a_text_does_not_join_the_next() {
    let rows = texts(&[&["ab", "cd"], &[], &["", " "], &["ef"], &["gh"]]);
    let words = build(&rows, None);
    check(&rows, &words, &["bc", "fg", "abc", "abcd", "efgh"], "texts");
}

/// Words with every number of rows around that at which a list becomes a bitmap.
#[test]
fn kinds_change_at_a_share_of_the_rows() {
    for rows_count in [31, 32, 33, 64, 65, 640] {
        let threshold = rows_count / DENSE_ROWS_SHARE;
        let mut rows = vec![vec![String::new()]; rows_count as usize];
        for count in 1..threshold + 3 {
            // The last rows, including the very last.
            for texts in rows.iter_mut().rev().take(count as usize) {
                write!(texts[0], "w{count}x ").unwrap();
            }
        }
        check(
            &rows,
            &build(&rows, None),
            &["x", "w", "w1"],
            &format!("{rows_count} rows"),
        );
    }
    assert_eq!(Kind::of(0, Ids::Rows(32)), None);
    assert_eq!(Kind::of(1, Ids::Rows(1)), Some(Kind::Single));
    assert_eq!(Kind::of(2, Ids::Rows(64)), Some(Kind::Several));
    assert_eq!(Kind::of(3, Ids::Rows(64)), Some(Kind::Dense));
}

/// Enough rows for every form of result: kept, borrowed, united and sorted.
#[test]
fn many_rows_match_in_every_form() {
    let seed = 77;
    let mut random = Random(seed);
    let rows: Vec<Vec<String>> = (0..20_000)
        .map(|row| {
            let mut text = format!("id{row} c{} ", row % 700);
            for _ in 0..12 {
                // The product of two random numbers makes a few words frequent and most of them rare.
                let word = random.below(60) * random.below(60) * random.below(60);
                write!(text, "v{word:x}é ").unwrap();
            }
            if row % 3 == 0 {
                text.push_str("third");
            }
            if row % 8 == 0 {
                write!(text, " q{row}").unwrap();
            }
            if row == 19_999 {
                // Enough words in one row that those of a term are a bitmap.
                text.extend((0..2_000).map(|word| format!(" y{word}")));
            }
            vec![text]
        })
        .collect();
    let words = build(&rows, None);
    let naive = Naive::new(&rows);
    let terms = [
        "i", "id", "id1", "id12", "id123", "id1234", "c", "c1", "c12", "c123", "v", "v0", "v0é",
        "é", "7", "77", "7é", "777", "777é", "third", "th", "t", "hird", "x", "vx", "0", "f0",
        "fé", "q", "y",
    ];
    let mut forms = BTreeSet::new();
    for term in terms {
        assert_eq!(
            found(&words, term),
            naive.rows(term),
            "seed {seed}, {term:?}"
        );
        let matches = words.find(term);
        let held_by = match matches.held_by {
            HeldBy::Words(Numbers::Sorted(_), _) => "sorted",
            HeldBy::Words(Numbers::Set(_), _) => "set",
            HeldBy::Kept(_) => "kept",
        };
        forms.insert((
            held_by,
            match rows_of(&words, &matches) {
                TermRows::Sorted(_) => "sorted",
                TermRows::Bitmap(Cow::Borrowed(_), _) => "borrowed",
                TermRows::Bitmap(Cow::Owned(_), _) => "owned",
            },
        ));
    }
    let expected = BTreeSet::from([
        ("kept", "borrowed"),
        ("set", "owned"),
        ("set", "sorted"),
        ("sorted", "borrowed"),
        ("sorted", "owned"),
        ("sorted", "sorted"),
    ]);
    assert_eq!(forms, expected);
    let kept = words.find("v");
    assert!(kept.rows_cost() < 100 && kept.postings_count() == 20_000);
    let single = words.find("id12345");
    assert_eq!((single.rows_cost(), single.postings_count()), (1, 1));
    assert!(words.bytes() > rows.len() * 4);
}

#[test]
fn long_words_and_long_terms_are_found() {
    let mut long = String::new();
    for number in 0..4_000 {
        write!(long, "{number:x}").unwrap();
    }
    let rows = texts(&[&[&long], &[&"a".repeat(100_000)], &["short"]]);
    let words = build(&rows, None);
    assert_eq!(found(&words, &long), [0]);
    assert_eq!(found(&words, &long[5_000..9_000]), [0]);
    assert_eq!(found(&words, &format!("{long}0")), [0; 0]);
    assert_eq!(found(&words, &"a".repeat(100_000)), [1]);
    assert_eq!(found(&words, &"a".repeat(100_001)), [0; 0]);
    assert_eq!(found(&words, "short"), [2]);
    assert_eq!(found(&words, "shortshort"), [0; 0]);
}
