//! The values of a ticket: dates, folding and percent-encoding.
//!
//! These are the rules that a request, an import, a segment and a response must
//! agree on, so each has its one home here. Reading a date knows every form that requests
//! and imports take; writing knows the one form of responses. Folding lower-cases each `char`
//! by itself. Encoding, in a file of its own, is the `application/x-www-form-urlencoded` serializer;
//! reading requests goes through the `form_urlencoded` crate, in `query`.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use compact_str::CompactString;

pub(crate) use super::encode::{encode_byte, encode_into, encode_some};

/// A date as a request or an import gives it: with or without a time of day.
///
/// # Examples
///
/// ```
/// use ticketdex::Moment;
///
/// let day = Moment::parse("2/1/2014").unwrap();
/// assert_eq!(day.first_second().to_string(), "2014-02-01 00:00:00");
/// assert_eq!(day.last_second().to_string(), "2014-02-01 23:59:59");
/// assert_eq!(Moment::parse("2/1/2014 24:00"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A date without a time.
    Day(NaiveDate),
    /// A date and a time of whole seconds.
    Second(NaiveDateTime),
}

impl From<NaiveDate> for Moment {
    fn from(day: NaiveDate) -> Moment {
        Moment::Day(day)
    }
}

impl From<NaiveDateTime> for Moment {
    fn from(second: NaiveDateTime) -> Moment {
        Moment::Second(second)
    }
}

impl Moment {
    /// Returns whether a request and a ticket may have it: years 1 to 9999, whole seconds.
    pub(crate) fn is_valid(self) -> bool {
        is_valid_date(self.first_second())
    }

    /// Reads a date in any form that requests and imports know; none for any other text.
    ///
    /// Cost: constant, since a text longer than the longest form fails at once.
    pub fn parse(text: &str) -> Option<Moment> {
        const LONGEST: usize = "12/31/9999 12:59:59\u{202F}PM".len();
        if text.len() > LONGEST {
            return None;
        }
        let mut rest = Scanner(text.as_bytes());
        if text.contains('/') {
            rest.us()
        } else {
            rest.iso()
        }
    }

    /// Returns the first second that the moment covers.
    pub fn first_second(self) -> NaiveDateTime {
        match self {
            Moment::Day(day) => day.and_time(NaiveTime::MIN),
            Moment::Second(second) => second,
        }
    }

    /// Returns the last second that the moment covers.
    pub fn last_second(self) -> NaiveDateTime {
        match self {
            // Without fractions a day's last second is 86,399 after its first.
            Moment::Day(day) => day.and_time(NaiveTime::MIN) + chrono::TimeDelta::seconds(86_399),
            Moment::Second(second) => second,
        }
    }
}

/// What is left of a date being read.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    /// Reads `M/D/YYYY`, then optionally ` H:MM[:SS][AM|PM]`.
    fn us(&mut self) -> Option<Moment> {
        let month = self.number(1, 2)?;
        self.byte(b'/')?;
        let day = self.number(1, 2)?;
        self.byte(b'/')?;
        let date = make_date(self.number(4, 4)?, month, day)?;
        if self.0.is_empty() {
            return Some(Moment::Day(date));
        }
        self.byte(b' ')?;
        let hour = self.number(1, 2)?;
        let (minute, second) = self.minute_second()?;
        let hour = match self.half_day() {
            None => hour,
            Some(_) if !(1..=12).contains(&hour) => return None,
            Some(after_noon) => hour % 12 + if after_noon { 12 } else { 0 },
        };
        self.end(date, hour, minute, second)
    }

    /// Reads `YYYY-MM-DD`, then optionally a space or `T` and `HH:MM[:SS]`.
    fn iso(&mut self) -> Option<Moment> {
        let year = self.number(4, 4)?;
        self.byte(b'-')?;
        let month = self.number(2, 2)?;
        self.byte(b'-')?;
        let date = make_date(year, month, self.number(2, 2)?)?;
        if self.0.is_empty() {
            return Some(Moment::Day(date));
        }
        self.byte(b' ').or_else(|| self.byte(b'T'))?;
        let hour = self.number(2, 2)?;
        let (minute, second) = self.minute_second()?;
        self.end(date, hour, minute, second)
    }

    /// Reads `:MM`, then optionally `:SS`.
    fn minute_second(&mut self) -> Option<(u32, u32)> {
        self.byte(b':')?;
        let minute = self.number(2, 2)?;
        let second = match self.byte(b':') {
            Some(()) => self.number(2, 2)?,
            None => 0,
        };
        Some((minute, second))
    }

    /// Reads `AM` or `PM` with at most one space before; true for the afternoon.
    ///
    /// Newer runtimes write a narrow space there that does not break (U+202F), some U+00A0.
    fn half_day(&mut self) -> Option<bool> {
        let spaces = [" ", "\u{A0}", "\u{202F}"];
        let mut words = spaces
            .iter()
            .filter_map(|it| self.0.strip_prefix(it.as_bytes()));
        let word = words.next().unwrap_or(self.0);
        let after_noon = match word {
            [b'A' | b'a', b'M' | b'm'] => false,
            [b'P' | b'p', b'M' | b'm'] => true,
            _ => return None,
        };
        self.0 = &[];
        Some(after_noon)
    }

    fn end(&self, date: NaiveDate, hour: u32, minute: u32, second: u32) -> Option<Moment> {
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        self.0
            .is_empty()
            .then(|| Moment::Second(date.and_time(time)))
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        (first == expected).then(|| self.0 = rest)
    }

    /// Reads as many digits as there are, which must be between `least` and `most`.
    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(least..=most).contains(&digits) {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        Some(
            number
                .iter()
                .fold(0, |sum, &digit| sum * 10 + u32::from(digit - b'0')),
        )
    }
}

/// The seconds from the first second of year 1 to the Unix epoch.
const EPOCH_SECONDS: i64 = 62_135_596_800;

/// Returns a valid date/time as whole seconds since the first second of year 1.
pub(crate) fn date_to_seconds(date: NaiveDateTime) -> u64 {
    // A valid date is not before year 1, so the sum is not negative.
    (date.and_utc().timestamp() + EPOCH_SECONDS).unsigned_abs()
}

/// Returns the date/time of a number of seconds since the first second of year 1.
pub(crate) fn seconds_to_date(seconds: u64) -> NaiveDateTime {
    let timestamp = i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_sub(EPOCH_SECONDS);
    chrono::DateTime::from_timestamp(timestamp, 0)
        .unwrap_or_default()
        .naive_utc()
}

fn make_date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    if year == 0 {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Returns whether a ticket may hold a date/time: years 1 to 9999, whole seconds.
pub(crate) fn is_valid_date(date: NaiveDateTime) -> bool {
    (1..=9999).contains(&date.year()) && date.nanosecond() == 0
}

/// Appends a date/time as responses show it: `4/24/2014 10:42:43 AM`.
pub(crate) fn write_date(date: NaiveDateTime, out: &mut Vec<u8>) {
    let mut number = itoa::Buffer::new();
    let mut push = |n: u32, width: usize, after: u8| {
        let digits = number.format(n).as_bytes();
        out.extend(std::iter::repeat_n(
            b'0',
            width.saturating_sub(digits.len()),
        ));
        out.extend_from_slice(digits);
        out.push(after);
    };
    let (after_noon, hour) = date.hour12();
    push(date.month(), 1, b'/');
    push(date.day(), 1, b'/');
    push(date.year().unsigned_abs(), 4, b' ');
    push(hour, 1, b':');
    push(date.minute(), 2, b':');
    push(date.second(), 2, b' ');
    out.extend_from_slice(if after_noon { b"PM" } else { b"AM" });
}

/// Folds a text for comparison: each `char` lower-cased by itself, so that one may
/// become several.
///
/// # Examples
///
/// ```
/// assert_eq!(ticketdex::fold("STRAẞE Σ"), "straße σ");
/// ```
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Returns the folded form of a text that is probably short enough to need no allocation.
pub(crate) fn fold_short(text: &str) -> CompactString {
    if !text.is_ascii() {
        return folded_chars(text).collect();
    }
    let mut folded = CompactString::from(text);
    folded.make_ascii_lowercase();
    folded
}

/// Appends the folded text.
///
/// Cost: a look at each byte; one into the tables of Unicode for each char that a script with cases may
/// have.
pub(crate) fn fold_into(text: &str, out: &mut String) {
    let mut rest = text;
    loop {
        let run = uncased_run(rest.as_bytes());
        let (uncased, others) = rest.split_at(run);
        let start = out.len();
        out.push_str(uncased);
        out[start..].make_ascii_lowercase();
        let mut chars = others.chars();
        let Some(c) = chars.next() else { return };
        out.extend(c.to_lowercase());
        rest = chars.as_str();
    }
}

/// The first bytes of the chars beyond ASCII that are their own lower case, whatever bytes follow: Hebrew,
/// Arabic, and most scripts of India and East Asia.
const UNCASED_STARTS: [RangeInclusive<u8>; 4] =
    [0xD7..=0xDF, 0xE0..=0xE0, 0xE3..=0xE9, 0xEB..=0xEE];

/// Whether a byte is ASCII, or of a char that [`UNCASED_STARTS`] tells.
const IS_UNCASED: [bool; 256] = {
    let mut is_uncased = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        // All but the first byte of a char are from 0x80 to 0xBF.
        is_uncased[byte] = byte < 0xC0;
        let mut range = 0;
        while range < UNCASED_STARTS.len() {
            let starts = &UNCASED_STARTS[range];
            is_uncased[byte] |= byte >= *starts.start() as usize && byte <= *starts.end() as usize;
            range += 1;
        }
        byte += 1;
    }
    is_uncased
};

/// Returns whether a byte is ASCII, or may start a char beyond it only where that is its own lower case. The second
/// and later bytes of any char are among these.
#[inline]
pub(crate) fn is_uncased(byte: u8) -> bool {
    IS_UNCASED[usize::from(byte)]
}

/// Returns how many bytes of a text stand before the first char beyond ASCII that may have another lower
/// case.
fn uncased_run(bytes: &[u8]) -> usize {
    const HIGHS: u64 = (u64::MAX / 255) << 7;
    let is_uncased = |byte: &u8| is_uncased(*byte);
    let (chunks, _) = bytes.as_chunks::<8>();
    let is_run =
        |chunk: &&[u8; 8]| u64::from_le_bytes(**chunk) & HIGHS == 0 || chunk.iter().all(is_uncased);
    let start = chunks.iter().take_while(is_run).count() * 8;
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| is_uncased(byte))
            .count()
}

/// The chars of the folded text, one by one: for comparing without a copy.
pub(crate) fn folded_chars(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether `+` stands for a space when escapes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    Space,
    Itself,
}

/// Reads `%XX` escapes; none where the result is no UTF-8.
///
/// A `%` that starts no escape stands for itself. Borrows where nothing changes.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let changes = |byte: u8| byte == b'%' || (byte == b'+' && plus == Plus::Space);
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().position(|&byte| changes(byte)) else {
        return Some(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        let escape = match bytes.get(at..at + 3) {
            Some(&[b'%', high, low]) => hex_digit(high).zip(hex_digit(low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            decoded.push(high << 4 | low);
            at += 3;
        } else {
            let space = byte == b'+' && plus == Plus::Space;
            decoded.push(if space { b' ' } else { byte });
            at += 1;
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// Reads an integer: ASCII digits, leading zeros allowed, below 2^64.
pub(crate) fn parse_integer(text: &str) -> Option<u64> {
    // `parse` alone would take a sign too.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_form() {
        let good = [
            ("2/1/2014", "2014-02-01T00:00:00"),
            ("02/01/2014", "2014-02-01T00:00:00"),
            ("2/29/2024 0:00", "2024-02-29T00:00:00"),
            ("2/1/2014 23:59:59", "2014-02-01T23:59:59"),
            ("2/1/2014 12:00AM", "2014-02-01T00:00:00"),
            ("2/1/2014 12:00 pm", "2014-02-01T12:00:00"),
            ("2/1/2014 1:02:03 Pm", "2014-02-01T13:02:03"),
            ("2014-02-01", "2014-02-01T00:00:00"),
            ("2014-02-01 03:04", "2014-02-01T03:04:00"),
            ("2014-02-01T03:04:05", "2014-02-01T03:04:05"),
            ("12/31/9999 12:59:59 PM", "9999-12-31T12:59:59"),
            ("0001-01-01", "0001-01-01T00:00:00"),
        ];
        for (text, iso) in good {
            let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(format!("{:?}", moment.first_second()), iso, "{text}");
        }
        let bad = [
            "",
            " ",
            "2014",
            "2014-1-1",
            "2014-02-30",
            "2/30/2014",
            "0000-01-01",
            "1/1/0000",
            "1/1/14",
            "001/1/2014",
            "2/1/2014 ",
            " 2/1/2014",
            "2/1/2014  1:00",
            "2/1/2014T1:00",
            "2014-02-01t03:04",
            "2014-02-01T3:04",
            "2014-02-01 03:04 AM",
            "2/1/2014 24:00:00",
            "2/1/2014 0:00 AM",
            "2/1/2014 13:00 PM",
            "2/1/2014 1:00  AM",
            "2/1/2014 1:0",
            "2/1/2014 1:00:60",
            "2/1/2014 1:60",
            "2/1/2014 1",
            "2014-02-01T03:04:05.5",
            "2014-02-01T03:04:05Z",
            "+2/1/2014",
            "٢/1/2014",
            "2/1/10000",
        ];
        for text in bad {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_written_without_leading_zeros() {
        let cases = [
            ("2014-04-24T10:42:43", "4/24/2014 10:42:43 AM"),
            ("0001-01-01T00:00:00", "1/1/0001 12:00:00 AM"),
            ("9999-12-31T23:59:09", "12/31/9999 11:59:09 PM"),
            ("2014-02-01T12:00:00", "2/1/2014 12:00:00 PM"),
        ];
        for (iso, expected) in cases {
            let mut out = Vec::new();
            write_date(Moment::parse(iso).unwrap().first_second(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            assert_eq!(Moment::parse(expected), Moment::parse(iso));
        }
    }

    #[test]
    fn dates_are_seconds_and_back() {
        for iso in [
            "0001-01-01",
            "1969-12-31T23:59:59",
            "2024-02-29T12:34:56",
            "9999-12-31T23:59:59",
        ] {
            let date = Moment::parse(iso).unwrap().first_second();
            assert_eq!(seconds_to_date(date_to_seconds(date)), date);
        }
        assert_eq!(
            date_to_seconds(Moment::parse("0001-01-02").unwrap().first_second()),
            86_400
        );
    }

    #[test]
    fn folding_takes_each_char_by_itself() {
        for text in ["", "aBC", "É", "aÉ", "ÉA", "xÉÜy ΣΑΣ İz", "ß ẞ ǅ 日本 Ω"] {
            let expected: String = text.chars().flat_map(char::to_lowercase).collect();
            assert_eq!(fold(text), expected);
            assert_eq!(folded_chars(text).collect::<String>(), expected);
        }
    }

    #[test]
    fn encoding_is_that_of_the_url_standard() {
        let all: String = ('\0'..'\u{500}').chain(['\u{FFFF}', '😀']).collect();
        // Through every place of a char in a piece.
        for shift in 0..4 {
            let text = "x".repeat(shift) + &all;
            let mut encoded = b"kept".to_vec();
            encode_into(&text, &mut encoded);
            let expected: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            assert_eq!(str::from_utf8(&encoded[4..]), Ok(&*expected));
        }
    }

    #[test]
    fn uncased_chars_are_their_own_lower_case() {
        let mut uncased_count = 0;
        for c in '\u{80}'..=char::MAX {
            let mut bytes = [0; 4];
            let start = c.encode_utf8(&mut bytes).as_bytes()[0];
            if UNCASED_STARTS.iter().any(|it| it.contains(&start)) {
                assert!(c.to_lowercase().eq([c]), "{c:?}");
                uncased_count += 1;
            }
            let text = format!("Ab{c}C{c}{c}DEFGHIJKLM{c}N");
            let expected: String = folded_chars(&text).collect();
            assert_eq!(fold(&text), expected, "{c:?}");
        }
        assert!(uncased_count > 40_000);
    }

    #[test]
    fn folding_is_idempotent_and_keeps_white_space() {
        for c in '\0'..=char::MAX {
            let once: String = c.to_lowercase().collect();
            assert_eq!(fold(&once), once, "{c:?}");
            assert_eq!(
                once.chars().any(char::is_whitespace),
                c.is_whitespace(),
                "{c:?}"
            );
        }
    }

    #[test]
    fn encoding_reads_back() {
        let mut out = Vec::new();
        encode_into("a b+c%41*-._é\0", &mut out);
        let encoded = String::from_utf8(out).unwrap();
        assert_eq!(encoded, "a+b%2Bc%2541*-._%C3%A9%00");
        assert_eq!(decode(&encoded, Plus::Space).unwrap(), "a b+c%41*-._é\0");
        assert_eq!(decode("1+%2b%4%zz%", Plus::Itself).unwrap(), "1++%4%zz%");
        assert_eq!(decode("%FF", Plus::Space), None);
        assert!(matches!(
            decode("plain", Plus::Space),
            Some(Cow::Borrowed(_))
        ));
    }

    #[test]
    fn integers_are_digits_below_two_to_the_64() {
        assert_eq!(parse_integer("007"), Some(7));
        assert_eq!(parse_integer("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1e3", " 1", "18446744073709551616", "١"] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
    }
}
