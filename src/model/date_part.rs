//! Parts of a date: the year, the month or the day that tickets are counted by.
//!
//! Dates are counted by day first, since seconds become days by one division; months and years are
//! made of the days that occur, which are few.

use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::named::named;

/// The seconds of a day.
pub(super) const DAY_SECONDS: u64 = 86_400;

named! {
    /// How much of a date makes a group of tickets.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::DatePart;
    ///
    /// assert_eq!(DatePart::from_name("MONTH"), Some(DatePart::Month));
    /// assert_eq!(DatePart::Day.name(), "day");
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum DatePart {
        /// The year: `2014`.
        Year = "year",
        /// The year and the month: `2014-02`.
        Month = "month",
        /// The whole date without its time: `2014-02-01`.
        Day = "day",
    }
    /// Every part, the largest first.
    ALL;
    /// Returns the word that a request and a response have for the part.
    name;
}

impl DatePart {
    /// Returns the part of a word in any ASCII case; none for any other word.
    pub fn from_name(name: &str) -> Option<DatePart> {
        let mut parts = DatePart::ALL.into_iter();
        parts.find(|part| part.name().eq_ignore_ascii_case(name))
    }

    /// Returns the number of the group that a day is in; numbers ascend with time.
    pub(crate) fn group_of(self, day: u64) -> u64 {
        if self == DatePart::Day {
            return day;
        }
        let date = date_of(day);
        // A ticket's date is of years 1 to 9999.
        let year = u64::from(date.year().unsigned_abs());
        match self {
            DatePart::Year => year,
            DatePart::Month | DatePart::Day => year * 12 + u64::from(date.month0()),
        }
    }

    /// Returns how a group is shown: `2014`, `2014-02` or `2014-02-01`.
    pub(crate) fn show(self, group: u64) -> String {
        match self {
            DatePart::Year => format!("{group:04}"),
            DatePart::Month => format!("{:04}-{:02}", group / 12, group % 12 + 1),
            DatePart::Day => {
                let date = date_of(group);
                let (year, month, day) = (date.year(), date.month(), date.day());
                format!("{year:04}-{month:02}-{day:02}")
            }
        }
    }
}

impl fmt::Display for DatePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Returns the day of a second, both counted from the start of year 1.
#[inline]
pub(crate) fn day_of(second: u64) -> u64 {
    second / DAY_SECONDS
}

/// Returns the last second of a day likewise.
pub(crate) fn last_second_of(day: u64) -> u64 {
    day * DAY_SECONDS + (DAY_SECONDS - 1)
}

/// Returns the last day of the group that a day is in.
pub(crate) fn last_day_of(part: DatePart, day: u64) -> u64 {
    let date = date_of(day);
    let next = match part {
        DatePart::Day => return day,
        DatePart::Month if date.month0() < 11 => (date.year(), date.month() + 1),
        DatePart::Month | DatePart::Year => (date.year() + 1, 1),
    };
    let next = NaiveDate::from_ymd_opt(next.0, next.1, 1).unwrap_or_default();
    // The first of a month after year 1 is not the first day of all.
    u64::from(next.num_days_from_ce().unsigned_abs()) - 2
}

/// Returns the date of a day.
fn date_of(day: u64) -> NaiveDate {
    let days = i32::try_from(day).unwrap_or(i32::MAX - 1);
    NaiveDate::from_num_days_from_ce_opt(days + 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::date_to_seconds;
    use chrono::NaiveTime;

    #[test]
    fn days_are_in_their_groups_and_show_as_dates() {
        for (year, month, day) in [
            (1, 1, 1),
            (1, 12, 31),
            (2014, 2, 1),
            (2024, 2, 29),
            (9999, 12, 31),
        ] {
            let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let number = day_of(date_to_seconds(date.and_time(NaiveTime::MIN)));
            let show = |part: DatePart| part.show(part.group_of(number));
            assert_eq!(show(DatePart::Year), format!("{year:04}"));
            assert_eq!(show(DatePart::Month), format!("{year:04}-{month:02}"));
            assert_eq!(
                show(DatePart::Day),
                format!("{year:04}-{month:02}-{day:02}")
            );
            for part in DatePart::ALL {
                let last = last_day_of(part, number);
                assert_eq!(part.group_of(last), part.group_of(number));
                assert_ne!(
                    part.group_of(last + 1),
                    part.group_of(number),
                    "{part} {date}"
                );
                assert_eq!(day_of(last_second_of(last)), last);
            }
        }
    }
}
