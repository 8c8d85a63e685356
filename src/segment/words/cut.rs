//! Where long words are cut into pieces.
//!
//! Prose has few distinct words, which occur again and again. Logs, keys, and scripts without blanks have
//! any number of words that hardly ever occur twice, but their pieces do.
//!
//! There are three rules, since what is best for one kind of word is bad for the others. The
//! [`Coarse`](Rule::Coarse) rule leaves the parts of prose, names and paths together. It cuts where such
//! parts rarely go on: before digits, between some digits, and between two letters that hardly any language
//! has next to each other. Whether it cuts between two characters depends on these two only, so a term is
//! cut at the same places by itself as inside a word. The [`Fine`](Rule::Fine) rule is for keys, digests and
//! encoded bytes: any character may follow any other there, so only the shortest pieces occur again. Each
//! piece is three bytes and starts two bytes after the one before; a term may start with a piece or one byte
//! after. The [`Pairs`](Rule::Pairs) rule is for scripts without blanks, where no place tells where a part
//! ends: each pair of adjacent characters is a piece. So a term of two characters is one piece, and of a
//! longer one every second pair tells where it is.
//!
//! The whole word decides which rule cuts it, if any. A term is searched for as each rule would cut it.

use std::ops::Range;

use smallvec::SmallVec;

/// Longer words are cut: the most bytes of a whole word that is ASCII, and of one that is not. In scripts
/// without blanks a word of more than a few characters rarely occurs again.
const WHOLE_ASCII_BYTES_MAX: usize = 40;
const WHOLE_BYTES_MAX: usize = 24;
const WHOLE_WITHOUT_BLANKS_BYTES_MAX: usize = 12;

/// Words of fewer bytes are kept whole even if they look random: numbers, times, short identifiers.
pub(super) const CUT_BYTES_MIN: usize = 8;

/// The least share of odd pairs of bytes, in quarters, at which a word is taken for random: for a word
/// that is cut in any case, and for one that may be kept whole.
const ODD_QUARTERS_OF_LONG: usize = 2;
const ODD_QUARTERS: usize = 3;

/// The share of pairs of characters that the coarse rule cuts, in thousandths: of two digits, or a letter
/// and a digit; of characters beyond ASCII.
const CUT_DIGITS: u64 = 333;
const CUT_OTHERS: u64 = 250;

/// The length of a piece of the fine rule, and the distance from its start to the next, in bytes: any two
/// adjacent bytes of a word are together in some piece.
const FINE_BYTES: usize = 3;
const FINE_STEP: usize = 2;

/// For each letter, the letters that hardly ever follow it within a word.
const UNLIKELY: [&[u8]; 26] = [
    b"ejoq",
    b"bdfghkmnpqvwxz",
    b"gjnqwxz",
    b"jkqwz",
    b"jz",
    b"bhjkpqvwxz",
    b"bcdfjkpqvwxz",
    b"cdfghjkpqvwxz",
    b"hjquwy",
    b"bcdfghijklmnpqrtvwxyz",
    b"bcdfghjklmopqrtuvwxyz",
    b"ghjkmqxz",
    b"cfhjkqrvwxyz",
    b"hjqx",
    b"hqyz",
    b"bgjkmnqwxz",
    b"abcdefghijkmnopqrstvwxyz",
    b"jqxz",
    b"jxz",
    b"gjkqv",
    b"hjkqvwyz",
    b"bcdfghjklmnpqrstuvwxyz",
    b"bcdfgjkmpquvxyz",
    b"bdgjklnoqrsvwyz",
    b"acdfghjkquvwxyz",
    b"bcdfghjklmnpqruvxyz",
];

/// [`UNLIKELY`], with a bit for each letter.
const UNLIKELY_BITS: [u32; 26] = {
    let mut bits = [0; 26];
    let mut first = 0;
    while first < 26 {
        let mut at = 0;
        while at < UNLIKELY[first].len() {
            bits[first] |= 1 << (UNLIKELY[first][at] - b'a');
            at += 1;
        }
        first += 1;
    }
    bits
};

/// How a word is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Coarse,
    Fine,
    Pairs,
}

impl Rule {
    pub(super) const ALL: [Rule; 3] = [Rule::Coarse, Rule::Fine, Rule::Pairs];

    /// Returns the rule that cuts a word; none where it is kept whole.
    pub(super) fn of(word: &str) -> Option<Rule> {
        if word.len() < CUT_BYTES_MIN {
            return None;
        }
        if !word.is_ascii() {
            let is_paired =
                word.len() > WHOLE_WITHOUT_BLANKS_BYTES_MAX && word.chars().any(is_without_blanks);
            if is_paired {
                return Some(Rule::Pairs);
            }
            return (word.len() > WHOLE_BYTES_MAX).then_some(Rule::Coarse);
        }
        let is_long = word.len() > WHOLE_ASCII_BYTES_MAX;
        let quarters = if is_long {
            ODD_QUARTERS_OF_LONG
        } else {
            ODD_QUARTERS
        };
        if has_odd_pairs(word.as_bytes(), quarters) {
            Some(Rule::Fine)
        } else {
            is_long.then_some(Rule::Coarse)
        }
    }

    /// Visits the pieces of a folded word that the rule cuts, in their order.
    #[inline]
    pub(super) fn for_each_piece(self, word: &str, visit: impl FnMut(Range<usize>)) {
        match self {
            Rule::Coarse => for_each_coarse(word, visit),
            Rule::Fine => for_each_fine(word, visit),
            Rule::Pairs => for_each_pair(word, visit),
        }
    }

    /// Returns how many spots are left out after a word, so that no term is found across two of them.
    pub(super) fn spots_between_words(self) -> usize {
        match self {
            Rule::Coarse | Rule::Fine => 1,
            // The pairs of a term that are looked for are up to two spots apart.
            Rule::Pairs => 2,
        }
    }

    /// Visits each way in which a word that the rule cuts may hold a non-empty term.
    #[inline]
    pub(super) fn for_each_way(self, term: &str, visit: impl FnMut(Way<'_>)) {
        match self {
            Rule::Coarse => for_each_coarse_way(term, visit),
            Rule::Fine => for_each_fine_way(term, visit),
            Rule::Pairs => for_each_way_in_pairs(term, visit),
        }
    }
}

/// A way in which a word that is cut may hold a term.
#[derive(Debug)]
pub(super) enum Way<'a> {
    /// Inside a piece.
    Inside,
    /// As parts, two or more, each with how many pieces after the first it is. Where pieces overlap, those
    /// between parts that hold all characters are left out.
    Parts(&'a [(u32, Part<'a>)]),
}

/// The parts of a term, of which most are cut into few, each with its place.
type Parts<'a> = SmallVec<[(u32, Part<'a>); 8]>;

/// A part of a term, which is the whole, the start or the end of the piece that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Whole(&'a str),
    Start(&'a str),
    End(&'a str),
}

impl<'a> Part<'a> {
    fn text(self) -> &'a str {
        match self {
            Part::Whole(text) | Part::Start(text) | Part::End(text) => text,
        }
    }
}

/// Visits the pieces of a word, or of a term, as the coarse rule cuts it.
#[inline]
fn for_each_coarse(word: &str, mut visit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    let mut before = None;
    for (at, char) in word.char_indices() {
        if before.is_some_and(|before| is_cut(before, char)) {
            visit(start..at);
            start = at;
        }
        before = Some(char);
    }
    if start < word.len() {
        visit(start..word.len());
    }
}

fn for_each_coarse_way(term: &str, mut visit: impl FnMut(Way<'_>)) {
    let mut parts = Parts::new();
    for_each_coarse(term, |piece| {
        parts.push((parts.len() as u32, Part::Whole(&term[piece])));
    });
    match &mut parts[..] {
        [] => {}
        [_] => visit(Way::Inside),
        [(_, first), .., (_, last)] => {
            *first = Part::End(first.text());
            *last = Part::Start(last.text());
            visit(Way::Parts(&parts));
        }
    }
}

/// Visits the pieces of a word of ASCII as the fine rule cuts it.
#[inline]
fn for_each_fine(word: &str, mut visit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    loop {
        let end = (start + FINE_BYTES).min(word.len());
        if start < end {
            visit(start..end);
        }
        if end == word.len() {
            return;
        }
        start += FINE_STEP;
    }
}

fn for_each_fine_way(term: &str, mut visit: impl FnMut(Way<'_>)) {
    if !term.is_ascii() {
        return;
    }
    if term.len() <= FINE_BYTES {
        visit(Way::Inside);
    }
    for before in 0..FINE_STEP {
        let parts = fine_parts(term, before);
        if parts.len() > 1 {
            visit(Way::Parts(&parts));
        }
    }
}

/// Returns the parts of a term of ASCII that starts `before` bytes after the start of a piece, 0 or 1.
fn fine_parts(term: &str, before: usize) -> Parts<'_> {
    let mut parts = Parts::new();
    let mut start = 0;
    if before > 0 {
        let end = FINE_BYTES - before;
        if term.len() <= end {
            return parts;
        }
        parts.push((0, Part::End(&term[..end])));
        start = FINE_STEP - before;
    }
    for_each_fine(&term[start..], |piece| {
        let text = &term[start..][piece];
        let is_whole = text.len() == FINE_BYTES;
        let part = if is_whole {
            Part::Whole(text)
        } else {
            Part::Start(text)
        };
        parts.push((parts.len() as u32, part));
    });
    parts
}

/// Visits each pair of adjacent characters of a word.
#[inline]
fn for_each_pair(word: &str, mut visit: impl FnMut(Range<usize>)) {
    let mut starts = word.char_indices().map(|(at, _)| at);
    let Some(mut start) = starts.next() else {
        return;
    };
    let mut middle = starts.next();
    while let Some(at) = middle {
        let next = starts.next();
        visit(start..next.unwrap_or(word.len()));
        start = at;
        middle = next;
    }
}

fn for_each_way_in_pairs(term: &str, mut visit: impl FnMut(Way<'_>)) {
    let mut parts = Parts::new();
    for_each_pair(term, |pair| {
        parts.push((parts.len() as u32, Part::Whole(&term[pair])));
    });
    if let [] | [_] = parts[..] {
        return visit(Way::Inside);
    }
    // Every second pair and the last hold all characters.
    let last = parts.len() as u32 - 1;
    parts.retain(|(place, _)| *place % 2 == 0 || *place == last);
    visit(Way::Parts(&parts));
}

/// Returns whether the coarse rule cuts between two characters.
#[inline]
fn is_cut(a: char, b: char) -> bool {
    if !(a.is_ascii() && b.is_ascii()) {
        return is_within(a, b, CUT_OTHERS);
    }
    if !a.is_ascii_alphanumeric() {
        return b.is_ascii_digit();
    }
    if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() {
        return is_unlikely(a as u8, b as u8);
    }
    b.is_ascii_alphanumeric() && is_within(a, b, CUT_DIGITS)
}

/// Returns whether at least a share of the pairs of a word's adjacent bytes, in quarters, is odd.
///
/// Cost: a look at the first pairs, where most are not odd.
fn has_odd_pairs(word: &[u8], quarters: usize) -> bool {
    let pairs_count = word.len() - 1;
    // The number of pairs that may still be not odd.
    let mut left = pairs_count - (pairs_count * quarters).div_ceil(4);
    for &[a, b] in word.array_windows::<2>() {
        if !is_odd(a, b) {
            let Some(less) = left.checked_sub(1) else {
                return false;
            };
            left = less;
        }
    }
    true
}

/// Returns whether two adjacent ASCII characters are typical of random text: a digit with a digit or a
/// letter, or two letters of which the second hardly ever follows the first.
#[inline]
fn is_odd(a: u8, b: u8) -> bool {
    match (a.is_ascii_digit(), b.is_ascii_digit()) {
        (true, _) => b.is_ascii_alphanumeric(),
        (_, true) => a.is_ascii_alphanumeric(),
        _ => is_unlikely(a, b),
    }
}

/// Returns whether both are letters and the second hardly ever follows the first.
#[inline]
fn is_unlikely(a: u8, b: u8) -> bool {
    let bits = UNLIKELY_BITS.get(usize::from(a.wrapping_sub(b'a')));
    b.is_ascii_lowercase() && bits.is_some_and(|bits| bits >> (b - b'a') & 1 == 1)
}

/// Returns whether the hash of a pair of characters is within a share, in thousandths, of all hashes.
#[inline]
fn is_within(a: char, b: char, share: u64) -> bool {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let pair = (u64::from(u32::from(a)) << 32 | u64::from(u32::from(b))).wrapping_mul(SPREAD) >> 32;
    (pair ^ pair >> 15).wrapping_mul(SPREAD) >> 40 & 0xFFFF < share * 0x1_0000 / 1000
}

/// Returns whether a character is of a script that is written with few blanks or none.
fn is_without_blanks(char: char) -> bool {
    matches!(
        u32::from(char),
        // Thai, Lao, Tibetan, Burmese; Jamo; Khmer; Han, Kana, Hangul, Yi and their
        // compatible forms; the planes of rarer Han.
        0x0E00..=0x109F
            | 0x1100..=0x11FF
            | 0x1780..=0x17FF
            | 0x2E80..=0xD7AF
            | 0xF900..=0xFAFF
            | 0xFF00..=0xFFEF
            | 0x2_0000..=0x3_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of every kind that is cut.
    const WORDS: [&str; 8] = [
        "https://api.example.com/v2/light/3922132?session=9fa9257b71bb6edd&page=47",
        "com.example.baseline.jobrunner.read(jobrunner.java:908)",
        "mh/yroiksggwmkaj0ztkijibvnnk6a9x8anbxut6eekkbhcmwgbabgaxklzwlsvcqerqtcxfvgiui7bv",
        "733988a9577e6de9903743eb475ca6dbf0f4a8debc5d3ea8a9f93b405237bd11",
        "的过期处理登录声音请我们电脑之后错误财务服务器的系统系统显示许可证",
        "は回線ログインがパスワードプリンターｕｓｂ。e-0168eエラー",
        "ไฟล์โฟลเดอร์ด่วนหลังจากระบบเชื่อมต่อได้",
        "aaaaaaaaaa.aaaaaaaaaa1111111111aaaaaaaaaae\u{301}e\u{301}ßßßßß",
    ];

    fn pieces(rule: Rule, word: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        rule.for_each_piece(word, |piece| pieces.push(&word[piece]));
        pieces
    }

    /// Returns whether parts match pieces, from the first piece on.
    fn fits(parts: &[(u32, Part<'_>)], pieces: &[&str]) -> bool {
        parts.iter().all(|&(place, part)| {
            let piece = pieces.get(place as usize);
            piece.is_some_and(|piece| match part {
                Part::Whole(text) => *piece == text,
                Part::Start(text) => piece.starts_with(text),
                Part::End(text) => piece.ends_with(text),
            })
        })
    }

    /// Every part of a word is found as a term, and nothing else is.
    #[test]
    fn a_term_is_in_a_word_where_its_parts_are_in_the_pieces() {
        for (rule, word) in Rule::ALL
            .into_iter()
            .flat_map(|rule| WORDS.map(|it| (rule, it)))
        {
            if rule == Rule::Fine && !word.is_ascii() {
                continue;
            }
            let pieces = pieces(rule, word);
            let ends: Vec<usize> = (0..=word.len())
                .filter(|&at| word.is_char_boundary(at))
                .collect();
            for (index, &start) in ends.iter().enumerate() {
                for &end in &ends[index + 1..] {
                    let own = word[start..end].to_owned();
                    // The term with its last character twice is hardly in the word.
                    let other: String = own.chars().chain(own.chars().last()).collect();
                    for term in [own, other] {
                        let mut is_found = false;
                        rule.for_each_way(&term, |way| {
                            is_found |= match way {
                                Way::Inside => pieces.iter().any(|it| it.contains(&term)),
                                Way::Parts(parts) => {
                                    (0..pieces.len()).any(|from| fits(parts, &pieces[from..]))
                                }
                            };
                        });
                        assert_eq!(
                            is_found,
                            word.contains(&term),
                            "{rule:?}: {term:?} in {word:?}"
                        );
                    }
                }
            }
        }
    }

    /// Returns the ways of a term as text: its parts, or none where it may be inside a piece.
    fn ways(rule: Rule, term: &str) -> Vec<String> {
        let mut ways = Vec::new();
        rule.for_each_way(term, |way| {
            ways.push(match way {
                Way::Inside => String::new(),
                Way::Parts(parts) => format!("{parts:?}"),
            });
        });
        ways
    }

    #[test]
    fn the_fine_rule_cuts_a_term_in_two_ways() {
        let even = r#"[(0, Whole("abc")), (1, Whole("cde")), (2, Start("ef"))]"#;
        let odd = r#"[(0, End("ab")), (1, Whole("bcd")), (2, Whole("def"))]"#;
        assert_eq!(ways(Rule::Fine, "abcdef"), [even, odd]);
        // One of the ways leaves one piece.
        let own = ["", r#"[(0, End("ab")), (1, Start("bc"))]"#];
        assert_eq!(ways(Rule::Fine, "abc"), own);
        for short in ["a", "ab"] {
            assert_eq!(ways(Rule::Fine, short), [""], "{short:?}");
        }
        assert!(ways(Rule::Fine, "größer").is_empty() && ways(Rule::Fine, "é").is_empty());
        assert!(ways(Rule::Coarse, "").is_empty());
    }

    #[test]
    fn the_rule_is_told_by_the_word() {
        let cases = [
            ("documentation", None),
            ("ivan.andersson@alpine-timber748.example", None),
            ("[16:59:18]", None),
            ("10.0.50.233", None),
            ("1234567", None),
            (WORDS[0], Some(Rule::Coarse)),
            (WORDS[1], Some(Rule::Coarse)),
            (WORDS[2], Some(Rule::Fine)),
            (WORDS[3], Some(Rule::Fine)),
            ("9fa9257b", Some(Rule::Fine)),
            (WORDS[4], Some(Rule::Pairs)),
            ("系统系统显示", Some(Rule::Pairs)),
            ("系统系统", None),
            ("größer", None),
            ("grundstücksverkehrsgenehmigung", Some(Rule::Coarse)),
        ];
        for (word, rule) in cases {
            assert_eq!(Rule::of(word), rule, "{word}");
        }
    }

    #[test]
    fn prose_and_paths_stay_together() {
        for whole in [
            "https://api.example.com/",
            "com.example.invoicemapper.read(",
        ] {
            assert_eq!(pieces(Rule::Coarse, whole), [whole]);
        }
    }

    #[test]
    fn every_second_pair_and_the_last_tell_where_a_term_is() {
        assert_eq!(pieces(Rule::Pairs, "无法登录"), ["无法", "法登", "登录"]);
        let even = r#"[(0, Whole("无法")), (2, Whole("登录"))]"#;
        assert_eq!(ways(Rule::Pairs, "无法登录"), [even]);
        let odd = r#"[(0, Whole("无法")), (1, Whole("法登"))]"#;
        assert_eq!(ways(Rule::Pairs, "无法登"), [odd]);
        for short in ["无法", "无", "a"] {
            assert_eq!(ways(Rule::Pairs, short), [""], "{short:?}");
        }
    }
}
