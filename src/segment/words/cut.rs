//! Where long words are cut into pieces.
//!
//! The words of prose are few and come again; logs, keys, and scripts without blanks have words
//! without end that hardly ever do. Their pieces come again. A cut depends on the two characters
//! about it alone, so wherever a term occurs in a word, the word is cut inside of it at just the
//! places where the term itself is: its first piece ends a piece of the word, its last starts one,
//! and those between are whole pieces.
//!
//! Two rules tell where to cut, since what is best cut in one kind of word spoils the other. The
//! [`Coarse`](Rule::Coarse) one leaves together what prose, names and paths are made of, and cuts
//! where those rarely go on: before digits, between some of the digits, within pairs of letters
//! that hardly a language has, and at some pairs of characters of scripts without blanks. The
//! [`Fine`](Rule::Fine) one is for keys, digests and encoded bytes: any two of their characters
//! are followed by any third, so only pieces of a few characters come again. Which rule cuts a
//! word, if any, is told by the whole word; a term is sought as each would cut it.

use std::ops::Range;

/// Words of more bytes are cut, where all are ASCII and where not: characters beyond ASCII are
/// up to four bytes, and in scripts without blanks a word of ten is rarely met again.
const WHOLE_ASCII_BYTES_MAX: usize = 40;
const WHOLE_BYTES_MAX: usize = 24;

/// Words of fewer bytes are kept whole however random they look: numbers, times, short codes.
const RANDOM_BYTES_MIN: usize = 8;

/// The share of its pairs that are odd from which a word is taken for random, in quarters: a word
/// that is cut anyway, and one that might be kept whole.
const ODD_QUARTERS_OF_LONG: usize = 2;
const ODD_QUARTERS: usize = 3;

/// The share of the pairs that are cut, in thousandths: of digits or a letter and a digit; of
/// characters in scripts without blanks; of others beyond ASCII; by the fine rule of hexadecimal
/// digits, of which few make a piece that comes again, and of other letters and digits.
const CUT_DIGITS: u64 = 333;
const CUT_WITHOUT_BLANKS: u64 = 333;
const CUT_OTHERS: u64 = 250;
const CUT_FINE_HEX: u64 = 300;
const CUT_FINE: u64 = 480;

/// For each letter those that hardly follow it within a word.
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

/// [`UNLIKELY`], a bit a letter.
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
}

impl Rule {
    pub(super) const ALL: [Rule; 2] = [Rule::Coarse, Rule::Fine];

    /// Returns the rule that cuts a word; none where it is kept whole.
    pub(super) fn of(word: &str) -> Option<Rule> {
        if word.len() < RANDOM_BYTES_MIN {
            return None;
        }
        if !word.is_ascii() {
            return (word.len() > WHOLE_BYTES_MAX).then_some(Rule::Coarse);
        }
        let is_long = word.len() > WHOLE_ASCII_BYTES_MAX;
        let pairs = word.as_bytes().array_windows::<2>();
        let odd = pairs.filter(|&&[a, b]| is_odd(a, b)).count() * 4;
        let pairs_count = word.len() - 1;
        if is_long && odd < pairs_count * ODD_QUARTERS_OF_LONG {
            return Some(Rule::Coarse);
        }
        (is_long || odd >= pairs_count * ODD_QUARTERS).then_some(Rule::Fine)
    }

    /// Returns whether the rule cuts between two characters.
    #[inline]
    fn cuts(self, a: char, b: char) -> bool {
        if !(a.is_ascii() && b.is_ascii()) {
            let share = if is_without_blanks(a) || is_without_blanks(b) {
                CUT_WITHOUT_BLANKS
            } else {
                CUT_OTHERS
            };
            return is_within(a, b, share);
        }
        if !a.is_ascii_alphanumeric() {
            return b.is_ascii_digit();
        }
        if !b.is_ascii_alphanumeric() {
            return false;
        }
        match self {
            Rule::Fine if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                is_within(a, b, CUT_FINE_HEX)
            }
            Rule::Fine => is_within(a, b, CUT_FINE),
            Rule::Coarse if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                is_unlikely(a as u8, b as u8)
            }
            Rule::Coarse => is_within(a, b, CUT_DIGITS),
        }
    }

    /// Visits the pieces of a folded word, or of a term, in their order.
    #[inline]
    pub(super) fn for_each_piece(self, word: &str, mut visit: impl FnMut(Range<usize>)) {
        let mut start = 0;
        let mut before = None;
        for (at, char) in word.char_indices() {
            if before.is_some_and(|before| self.cuts(before, char)) {
                visit(start..at);
                start = at;
            }
            before = Some(char);
        }
        if start < word.len() {
            visit(start..word.len());
        }
    }

    /// Returns the pieces of a term.
    pub(super) fn pieces(self, term: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        self.for_each_piece(term, |piece| pieces.push(&term[piece]));
        pieces
    }
}

/// Returns whether two ASCII characters next to each other are a mark of random text: a digit and
/// another or a letter, or letters that hardly follow each other.
#[inline]
fn is_odd(a: u8, b: u8) -> bool {
    match (a.is_ascii_digit(), b.is_ascii_digit()) {
        (true, _) => b.is_ascii_alphanumeric(),
        (_, true) => a.is_ascii_alphanumeric(),
        _ => is_unlikely(a, b),
    }
}

/// Returns whether two letters hardly follow each other; no where they are not both letters.
#[inline]
fn is_unlikely(a: u8, b: u8) -> bool {
    let bits = UNLIKELY_BITS.get(usize::from(a.wrapping_sub(b'a')));
    b.is_ascii_lowercase() && bits.is_some_and(|bits| bits >> (b - b'a') & 1 == 1)
}

/// Returns whether a pair of characters is in a share of all pairs, in thousandths.
#[inline]
fn is_within(a: char, b: char, share: u64) -> bool {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let pair = (u64::from(u32::from(a)) << 32 | u64::from(u32::from(b))).wrapping_mul(SPREAD) >> 32;
    (pair ^ pair >> 15).wrapping_mul(SPREAD) >> 40 & 0xFFFF < share * 0x1_0000 / 1000
}

/// Returns whether a character is of a script that is written without blanks, or nearly.
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

    #[test]
    fn a_term_is_cut_where_the_word_about_it_is() {
        for (rule, word) in Rule::ALL
            .into_iter()
            .flat_map(|rule| WORDS.map(|it| (rule, it)))
        {
            let mut cuts = vec![0];
            rule.for_each_piece(word, |piece| {
                assert_eq!(cuts.last(), Some(&piece.start));
                cuts.push(piece.end);
            });
            assert_eq!(cuts.last(), Some(&word.len()));
            assert!(cuts.is_sorted_by(|a, b| a < b));
            let ends: Vec<usize> = (0..=word.len())
                .filter(|&at| word.is_char_boundary(at))
                .collect();
            for (index, &start) in ends.iter().enumerate() {
                for &end in &ends[index + 1..] {
                    let mut inside = Vec::new();
                    rule.for_each_piece(&word[start..end], |piece| inside.push(start + piece.end));
                    let of_word = cuts.iter().filter(|&&cut| start < cut && cut < end);
                    let expected: Vec<usize> = of_word.copied().chain([end]).collect();
                    assert_eq!(inside, expected, "{:?} of {word:?}", &word[start..end]);
                }
            }
        }
        assert!(Rule::Fine.pieces("").is_empty());
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
            (WORDS[4], Some(Rule::Coarse)),
            ("系统系统显示", None),
            ("größer", None),
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
            assert_eq!(Rule::Coarse.pieces(whole), [whole]);
        }
    }

    /// What a rule cuts is neither chopped to characters nor left in pieces too long to come again.
    #[test]
    fn pieces_are_a_few_characters_long() {
        for (rule, word, fewest, most) in [
            (Rule::Fine, WORDS[2], 2, 4),
            (Rule::Fine, WORDS[3], 2, 5),
            (Rule::Coarse, WORDS[4], 2, 5),
            (Rule::Coarse, WORDS[6], 2, 5),
        ] {
            let mean = word.chars().count() / rule.pieces(word).len();
            assert!((fewest..=most).contains(&mean), "{mean} in {word:?}");
        }
    }
}
