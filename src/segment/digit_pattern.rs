//! Patterns over the decimal form of ticket numbers, as an automaton.
//!
//! A pattern like `1*77*` is compared with many numbers, so what it asks is worked out once: from
//! a state and two digits, a table gives the next state. Numbers are read from their last digit
//! on, since that is how division yields digits, so the automaton is that of the pattern
//! reversed. The digits before the first star are also ranges of numbers, of which there is one
//! for each count of digits; rows outside of them need not be asked. The digits after the last star
//! are the remainder of matching numbers by a power of ten.
//!
//! # Cost
//!
//! Making one: a step for each state and two digits, some microseconds. A number: a division by
//! a constant and a look into the table for two digits.

use std::fmt;

/// The digits of the greatest number: a pattern that asks for more matches none.
const DIGITS_MAX: usize = 20;

/// The state in which no digit can make a number match.
const DEAD: u8 = 0;
/// The state before the last digit of a number.
const START: u8 = 1;

/// A pattern of digits and stars, each of which stands for any run of digits, also none.
#[derive(Clone)]
pub(crate) struct DigitPattern {
    text: Box<str>,
    /// By state and digit, the next state.
    steps: Vec<[u8; 10]>,
    /// By state and two digits, the state after the lower one and then the higher one.
    pairs: Vec<[u8; 100]>,
    /// A bit each for the states in which a number that ends there matches.
    accepting: u64,
}

// There is a state for each digit beside the two.
const _: () = assert!(DIGITS_MAX + 2 <= u64::BITS as usize);

/// Prints the pattern alone.
impl fmt::Debug for DigitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigitPattern({})", self.text)
    }
}

impl PartialEq for DigitPattern {
    fn eq(&self, other: &DigitPattern) -> bool {
        self.text == other.text
    }
}

impl Eq for DigitPattern {}

impl DigitPattern {
    /// Reads a pattern of digits and stars without two stars in a row.
    pub(crate) fn new(text: &str) -> DigitPattern {
        let digits_count = text.bytes().filter(u8::is_ascii_digit).count();
        let mut pattern = DigitPattern {
            text: text.into(),
            steps: vec![[DEAD; 10]; 2],
            pairs: Vec::new(),
            accepting: 0,
        };
        if digits_count <= DIGITS_MAX {
            pattern.add_pieces();
        }
        let after = |state: u8, pair: usize| {
            let middle = pattern.steps[usize::from(state)][pair % 10];
            pattern.steps[usize::from(middle)][pair / 10]
        };
        let states = 0..pattern.steps.len() as u8;
        let pairs = states.map(|state| std::array::from_fn(|pair| after(state, pair)));
        pattern.pairs = pairs.collect();
        pattern
    }

    /// Adds the states of the pieces between stars, the last piece first.
    fn add_pieces(&mut self) {
        let reversed: Vec<u8> = self.text.bytes().rev().collect();
        let mut pieces = reversed.split(|&byte| byte == b'*').peekable();
        // What stands behind the last star must be the last digits.
        let mut state = START;
        for &digit in pieces.next().unwrap_or_default() {
            let next = self.add_state();
            self.steps[usize::from(state)][usize::from(digit - b'0')] = next;
            state = next;
        }
        while let Some(piece) = pieces.next() {
            let is_first_of_number = pieces.peek().is_none();
            state = self.add_sought(state, piece, is_first_of_number);
        }
        self.accepting |= 1 << state;
    }

    /// Makes a state that seeks a piece after any digits, and the states in which a part of it was
    /// found; returns the one in which all of it was.
    ///
    /// In that one any digits may follow, unless the piece holds the first digits of the number.
    fn add_sought(&mut self, start: u8, piece: &[u8], is_first_of_number: bool) -> u8 {
        // By how many digits of the piece were found last; the next piece is sought from where
        // the one before it was found.
        let mut states = vec![start];
        states.extend(piece.iter().map(|_| self.add_state()));
        for found in 0..=piece.len() {
            if found == piece.len() && !is_first_of_number && !piece.is_empty() {
                break;
            }
            for digit in b'0'..=b'9' {
                let mut read = piece[..found].to_vec();
                read.push(digit);
                let longest = (0..=read.len().min(piece.len()))
                    .rev()
                    .find(|&length| read.ends_with(&piece[..length]));
                let next = states[longest.unwrap_or(0)];
                self.steps[usize::from(states[found])][usize::from(digit - b'0')] = next;
            }
        }
        states[piece.len()]
    }

    fn add_state(&mut self) -> u8 {
        self.steps.push([DEAD; 10]);
        (self.steps.len() - 1) as u8
    }

    /// Returns whether the decimal form of a ticket number, which is 1 or more, matches.
    #[inline]
    pub(crate) fn matches(&self, tid: u64) -> bool {
        let (mut rest, mut state) = (tid, START);
        while rest >= 10 {
            state = self.pairs[usize::from(state)][(rest % 100) as usize];
            // Most numbers do not end as a pattern says that they must.
            if state == DEAD {
                return false;
            }
            rest /= 100;
        }
        if rest > 0 {
            state = self.steps[usize::from(state)][rest as usize];
        }
        self.accepting >> state & 1 == 1
    }

    /// Returns the ranges of numbers, both ends in, that begin with the digits before the first
    /// star, ascending; none where no number can match.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let prefix = self.text.split('*').next().unwrap_or_default();
        // No number begins with a zero.
        let can_begin = !prefix.starts_with('0') && self.accepting != 0;
        let number: u128 = prefix.parse().unwrap_or(0);
        let more_max = DIGITS_MAX.saturating_sub(prefix.len()) as u32;
        let all = (prefix.is_empty() && self.accepting != 0).then_some((0, u64::MAX));
        let some = (0..=more_max).filter(move |_| can_begin && number > 0);
        let some = some.map_while(move |more| {
            let scale = 10_u128.pow(more);
            let first = u64::try_from(number * scale).ok()?;
            let last = u64::try_from((number + 1) * scale - 1).unwrap_or(u64::MAX);
            Some((first, last))
        });
        all.into_iter().chain(some)
    }

    /// Returns the digits after the last star as a number, and the power of ten by which every matching number
    /// leaves it as remainder; none where no digits come last, or more than 19.
    pub(super) fn suffix(&self) -> Option<(u64, u64)> {
        let digits = self.text.rsplit('*').next().unwrap_or_default();
        let modulus = 10_u64.checked_pow(digits.len() as u32)?;
        Some((digits.parse().ok()?, modulus))
    }

    /// Returns whether the pattern is digits with one star behind them, so that every number of
    /// its ranges matches.
    pub(super) fn is_prefix(&self) -> bool {
        self.text.find('*') == Some(self.text.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares digit by digit, star by star.
    fn matches_slowly(pattern: &[u8], digits: &[u8]) -> bool {
        match pattern.split_first() {
            None => digits.is_empty(),
            Some((b'*', rest)) => {
                (0..=digits.len()).any(|skipped| matches_slowly(rest, &digits[skipped..]))
            }
            Some((digit, rest)) => {
                digits.first() == Some(digit) && matches_slowly(rest, &digits[1..])
            }
        }
    }

    fn numbers() -> impl Iterator<Item = u64> {
        let near = |center: u64| center.saturating_sub(150)..=center.saturating_add(150);
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let centers = powers.chain([1_212_121_212, 77_077_700_770, u64::MAX]);
        centers.flat_map(near).filter(|&number| number > 0)
    }

    #[test]
    fn numbers_match_as_their_digits_do() {
        let patterns = [
            "*7",
            "7*",
            "*77*",
            "1*5",
            "12*12",
            "*1*2*1*",
            "*0",
            "0*",
            "*00*",
            "1*0*1",
            "*121*21",
            "*12121*",
            "9*9",
            "18446744073709551615*",
            "*18446744073709551615",
            "*1*1*1*1*1*1*1*",
            "1*2*3*4*5*6*7*8*9*0*1*2*3*4*5*6*7*8*9*0",
            "*123456789012345678901*",
            "123456789012345678901*",
            "10*",
            "*7077*",
            "1844*16*",
        ];
        for text in patterns {
            let pattern = DigitPattern::new(text);
            let mut matching_count = 0;
            for number in numbers() {
                let digits = number.to_string();
                let expected = matches_slowly(text.as_bytes(), digits.as_bytes());
                assert_eq!(pattern.matches(number), expected, "{text} {number}");
                matching_count += u32::from(expected);
                let mut ranges = pattern.ranges();
                let is_inside = ranges.any(|(first, last)| (first..=last).contains(&number));
                let prefix = text.split('*').next().unwrap_or_default();
                let may_match = pattern.accepting != 0 && digits.starts_with(prefix);
                assert_eq!(is_inside, may_match, "{text} {number}");
                let has_suffix = |(rest, modulus)| number % modulus == rest;
                assert!(!expected || pattern.suffix().is_none_or(has_suffix));
                assert!(
                    !pattern.is_prefix() || is_inside == expected,
                    "{text} {number}"
                );
            }
            let is_in_reach = text.len() < 20 && text != "0*" && text != "*121*21";
            assert!(matching_count > 0 || !is_in_reach, "{text}");
        }
    }
}
