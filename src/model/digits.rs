//! Numbers and dates as the digits of a response, without a branch a digit.
//!
//! Responses write millions of both, so a text is put together in registers: digits of eight
//! at a time by multiplication, parts of a date from small tables, shifted behind one another.
//! The obvious twins are `u64`'s `Display` and [`write_date`](super::value::write_date).

use super::date_part::DAY_SECONDS;

/// Returns eight decimal digits of a number below 10^8 as bytes 0 to 9, the first lowest.
///
/// Halves are parted into quarters, and these into digits, all of a step at once.
#[inline]
fn split_digits(number: u32) -> u64 {
    let fours = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    // 10486 / 2^20 is 1 / 100 for what is below 10,000; 103 / 2^10 is 1 / 10 below 100.
    let hundreds = ((fours * 10_486) >> 20) & 0x7F_0000_007F;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (twos - tens * 10) << 8
}

/// The character zero in eight bytes.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The bytes that a number or a date has at most, and room to write them in whole words.
pub(crate) const DIGITS_BYTES: usize = 24;

/// Writes a number in decimal; returns how many bytes that is. The rest is of no meaning.
#[inline]
pub(crate) fn write_number(number: u64, out: &mut [u8; DIGITS_BYTES]) -> usize {
    if number < 100_000_000 {
        let digits = split_digits(number as u32);
        // A number has at least one digit, whatever it is.
        let skipped = (digits.trailing_zeros() / 8).min(7);
        let text = (digits | ZEROS) >> (skipped * 8);
        out[..8].copy_from_slice(&text.to_le_bytes());
        return 8 - skipped as usize;
    }
    write_long_number(number, out)
}

#[cold]
fn write_long_number(number: u64, out: &mut [u8; DIGITS_BYTES]) -> usize {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    out[..digits.len()].copy_from_slice(digits);
    digits.len()
}

/// A text of at most seven bytes: the first lowest, and the highest byte is their count.
const fn short_text(bytes: &[u8]) -> u64 {
    let mut text = (bytes.len() as u64) << 56;
    let mut at = 0;
    while at < bytes.len() {
        text |= (bytes[at] as u64) << (at * 8);
        at += 1;
    }
    text
}

/// Returns one digit or two, and a byte behind them.
const fn digits_text(number: usize, after: u8) -> u64 {
    let (tens, ones) = (b'0' + number as u8 / 10, b'0' + number as u8 % 10);
    if number < 10 {
        short_text(&[ones, after])
    } else {
        short_text(&[tens, ones, after])
    }
}

/// The texts of 1 to 31 and a slash; of 0 to 23 as an hour and a colon.
const fn make_texts<const N: usize>(is_hour: bool) -> [u64; N] {
    let mut texts = [0; N];
    let mut at = 0;
    while at < N {
        texts[at] = if is_hour {
            digits_text((at + 11) % 12 + 1, b':')
        } else {
            digits_text(at, b'/')
        };
        at += 1;
    }
    texts
}

static DAYS: [u64; 32] = make_texts(false);
static HOURS: [u64; 24] = make_texts(true);

const fn make_pairs() -> [u16; 100] {
    let mut pairs = [0; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = u16::from_le_bytes([b'0' + number as u8 / 10, b'0' + number as u8 % 10]);
        number += 1;
    }
    pairs
}

/// The two digits of each number below 100.
static PAIRS: [u16; 100] = make_pairs();

/// A text of at most 16 bytes being put together.
struct Joined {
    text: u128,
    bits: u32,
}

impl Joined {
    #[inline]
    fn push(&mut self, text: u64, bytes: u32) {
        self.text |= u128::from(text) << self.bits;
        self.bits += bytes * 8;
    }

    #[inline]
    fn push_short(&mut self, text: u64) {
        self.push(text & (u64::MAX >> 8), (text >> 56) as u32);
    }
}

/// Returns year, month and day of a number of days since the first of year 1.
///
/// By Neri and Schneider, "Euclidean affine functions and their application to calendar
/// algorithms" (2022): years that begin in March, so that the odd day comes last, and each
/// division by a number that need not be exact turned into a multiplication.
#[inline]
fn split_day(day: u32) -> (u32, u32, u32) {
    // From the first of March of year 0 to the first of January of year 1.
    let quarters = 4 * (day + 306) + 3;
    let (century, rest) = (quarters / 146_097, quarters % 146_097 / 4);
    let scaled = 2_939_745 * u64::from(4 * rest + 3);
    let year = 100 * century + (scaled >> 32) as u32;
    let day_of_year = scaled as u32 / 2_939_745 / 4;
    let months = 2141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xFFFF) / 2141 + 1);
    let is_after_december = day_of_year >= 306;
    (
        year + u32::from(is_after_december),
        month - if is_after_december { 12 } else { 0 },
        day,
    )
}

/// Returns year, month, day, and the second of the day, of a number of seconds since the first second
/// of year 1.
#[inline]
fn split_seconds(seconds: u64) -> ((u32, u32, u32), u32) {
    let (day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    // Years of more than four digits are none that a ticket can have.
    (split_day((day as u32).min(3_652_058)), second as u32)
}

/// Writes a date/time of a number of seconds since the first second of year 1 as responses show
/// it; returns how many bytes that is. The rest is of no meaning.
///
/// The years are 1 to 9999, as everywhere.
#[inline]
pub(crate) fn write_date_seconds(seconds: u64, out: &mut [u8; DIGITS_BYTES]) -> usize {
    let ((year, month, day), second) = split_seconds(seconds);
    let pair = |number: u32| u64::from(PAIRS[number as usize % 100]);
    let mut date = Joined { text: 0, bits: 0 };
    date.push_short(DAYS[month as usize % 32]);
    date.push_short(DAYS[day as usize % 32]);
    let year = pair(year / 100) | pair(year % 100) << 16 | u64::from(b' ') << 32;
    date.push(year, 5);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let half = if hour < 12 { b'A' } else { b'P' };
    let half = u64::from(half) | u64::from(b'M') << 8;
    let second = pair(second % 60) | u64::from(b' ') << 16 | half << 24;
    let mut time = Joined { text: 0, bits: 0 };
    time.push_short(HOURS[hour as usize % 24]);
    time.push(pair(minute) | u64::from(b':') << 16 | second << 24, 8);
    // The date has 9 to 11 bytes and the time as many, so that both ends are in reach.
    let low = date.text | time.text << date.bits;
    out[..16].copy_from_slice(&low.to_le_bytes());
    let high = (time.text >> (128 - date.bits)) as u64;
    out[16..].copy_from_slice(&high.to_le_bytes());
    ((date.bits + time.bits) / 8) as usize
}

/// Writes a date/time, given in seconds since the first second of year 1, as CSV shows it, like
/// `2014-04-24 10:42:43`; returns how many bytes that is. The rest is of no meaning.
#[inline]
pub(crate) fn write_iso_date_seconds(seconds: u64, out: &mut [u8; DIGITS_BYTES]) -> usize {
    let ((year, month, day), second) = split_seconds(seconds);
    let parts = [
        (year / 100, 0),
        (year, b'-'),
        (month, b'-'),
        (day, b' '),
        (second / 3600, b':'),
        (second / 60 % 60, b':'),
        (second % 60, 0),
    ];
    let mut count = 0;
    for (number, after) in parts {
        let pair = PAIRS[number as usize % 100].to_le_bytes();
        out[count..count + 2].copy_from_slice(&pair);
        out[count + 2] = after;
        count += 2 + usize::from(after > 0);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::{seconds_to_date, write_date};

    #[test]
    fn numbers_are_written_as_display_does() {
        let powers = (0..20).map(|power| 10u64.pow(power));
        let close = powers.flat_map(|power| [power - 1, power, power + 1]);
        let few = 0..20_000;
        let many = (0..100_000).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (n % 64));
        for number in close.chain(few).chain(many).chain([u64::MAX]) {
            let mut text = [0; DIGITS_BYTES];
            let count = write_number(number, &mut text);
            assert_eq!(str::from_utf8(&text[..count]), Ok(&*number.to_string()));
        }
    }

    #[test]
    fn every_day_and_every_second_of_a_day_is_written_as_its_twin_does() {
        let days = (0..3_652_059u64).map(|day| day * 86_400 + day * 7919 % 86_400);
        let seconds = (0..86_400).map(|second| 735_000 * 86_400 + second);
        let mut expected = Vec::new();
        for seconds in days.chain(seconds) {
            expected.clear();
            write_date(seconds_to_date(seconds), &mut expected);
            let mut text = [0; DIGITS_BYTES];
            let count = write_date_seconds(seconds, &mut text);
            assert_eq!(&text[..count], expected, "{seconds}");
            let count = write_iso_date_seconds(seconds, &mut text);
            let iso = seconds_to_date(seconds).to_string();
            assert_eq!(str::from_utf8(&text[..count]), Ok(&*iso));
        }
    }

    #[test]
    fn what_is_no_date_of_a_ticket_is_written_somehow() {
        for seconds in [u64::MAX, u64::MAX / 2, 3_652_059 * 86_400] {
            let count = write_date_seconds(seconds, &mut [0; DIGITS_BYTES]);
            assert!(count <= 22);
            assert_eq!(write_iso_date_seconds(seconds, &mut [0; DIGITS_BYTES]), 19);
        }
    }

    #[test]
    fn the_tables_are_what_display_writes() {
        let shown = |text: u64| {
            let bytes = text.to_le_bytes();
            String::from_utf8_lossy(&bytes[..usize::from(bytes[7])]).into_owned()
        };
        // Made here once more: the tables themselves are made by the compiler.
        for (day, text) in make_texts::<32>(false).into_iter().enumerate() {
            assert_eq!((shown(text), text), (format!("{day}/"), DAYS[day]));
        }
        for (hour, text) in make_texts::<24>(true).into_iter().enumerate() {
            let expected = if hour % 12 == 0 { 12 } else { hour % 12 };
            assert_eq!((shown(text), text), (format!("{expected}:"), HOURS[hour]));
        }
        for (number, pair) in make_pairs().into_iter().enumerate() {
            assert_eq!(pair.to_le_bytes(), format!("{number:02}").as_bytes());
            assert_eq!(pair, PAIRS[number]);
        }
    }
}
