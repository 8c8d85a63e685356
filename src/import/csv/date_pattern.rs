//! A pattern of dates, as the exports of other systems write them.
//!
//! Whether a pattern reads what it should is tried once, on dates that it writes itself: only `chrono`,
//! which reads them, knows which parts together tell a day or a time.

use std::fmt::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// A pattern of dates that tells a day, and of the time of day at least hour and minute, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DatePattern {
    pattern: String,
    /// Whether it has a part of a time of day.
    has_time: bool,
}

impl DatePattern {
    /// Makes a pattern; none where it does not read back the dates that it writes.
    pub(super) fn new(pattern: &str) -> Option<DatePattern> {
        let samples = [(2014, 2, 3, 15, 4, 5, 678), (2031, 11, 27, 9, 58, 30, 0)];
        let samples = samples.map(|(year, month, day, hour, minute, second, milli)| {
            let day = NaiveDate::from_ymd_opt(year, month, day)?;
            day.and_hms_milli_opt(hour, minute, second, milli)
        });
        let mut own = DatePattern {
            pattern: pattern.to_owned(),
            has_time: false,
        };
        for sample in samples {
            let sample = sample?;
            let midnight = sample.date().and_time(NaiveTime::MIN);
            let written = own.write(sample)?;
            // What has no part of a time writes all times of a day alike.
            own.has_time = written != own.write(midnight)?;
            let expected = if own.has_time { sample } else { midnight };
            let to_minute = |date: NaiveDateTime| date.with_second(0)?.with_nanosecond(0);
            if own.read(&written).and_then(to_minute) != to_minute(expected) {
                return None;
            }
        }
        Some(own)
    }

    /// Reads a date: a second, or the first one of a day where the pattern has no part of a time of day.
    ///
    /// A year below 1000 must stand in the text with its four digits, as in `0014-02-03`: where a file has `14`,
    /// which `%Y` reads too, the year 2014 is meant.
    pub(super) fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let date = if self.has_time {
            let date = NaiveDateTime::parse_from_str(text, &self.pattern).ok()?;
            date.with_nanosecond(0)?
        } else {
            let day = NaiveDate::parse_from_str(text, &self.pattern).ok()?;
            day.and_time(NaiveTime::MIN)
        };
        let year = date.year();
        let is_whole = year >= 1000 || text.contains(&format!("{year:04}"));
        is_whole.then_some(date)
    }

    /// Writes a date of UTC; none by what is no pattern.
    fn write(&self, date: NaiveDateTime) -> Option<String> {
        // `%#z` can only be read, and reads what `%z` writes.
        let pattern = self.pattern.replace("%#z", "%z");
        let mut text = String::new();
        write!(text, "{}", date.and_utc().format(&pattern)).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_the_dates_of_exports() {
        for (pattern, text, expected) in [
            (
                "%d/%m/%Y %H:%M",
                "03/02/2014 9:05",
                Some("2014-02-03 09:05:00"),
            ),
            (
                "%d/%b/%y %I:%M %p",
                "01/Feb/14 12:00 am",
                Some("2014-02-01 00:00:00"),
            ),
            ("%d.%m.%Y", "24.12.2014", Some("2014-12-24 00:00:00")),
            (
                "%Y-%m-%dT%H:%M:%S%z",
                "2014-02-01T10:00:00+0100",
                Some("2014-02-01 10:00:00"),
            ),
            (
                "%Y-%m-%d %H:%M:%S UTC",
                "2014-02-01 10:00:07 UTC",
                Some("2014-02-01 10:00:07"),
            ),
            (
                "%Y-%m-%dT%H:%M:%S%.f%:z",
                "2014-02-01T10:00:07.25+01:00",
                Some("2014-02-01 10:00:07"),
            ),
            ("%Y-%m-%d%#z", "2014-02-01Z", Some("2014-02-01 00:00:00")),
            ("%d/%m/%Y", "03/02/14", None),
            ("%d/%m/%Y %H:%M", "03/02/014 20:14", None),
            ("%d/%m/%Y", "03/02/0014", Some("0014-02-03 00:00:00")),
            ("%d/%m/%y", "03/02/14", Some("2014-02-03 00:00:00")),
            ("%d/%m/%Y", "02/13/2014", None),
            ("%d/%m/%Y", "01/02/2014 ", None),
        ] {
            let read = DatePattern::new(pattern).unwrap().read(text);
            assert_eq!(
                read.map(|it| it.to_string()).as_deref(),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_pattern_tells_a_day_and_a_whole_time_or_none() {
        for pattern in [
            "%d/%m/%Y",
            "%d %B %y",
            "%A, %d %b %Y",
            "%Y-%j",
            "%G-W%V-%u",
            "%Y week %U, day %w",
            "%x",
            "%Y-%m-%d%#z",
            "%d/%m/%Y %H:%M",
            "%d/%b/%y %I:%M %p",
            "%F %T%z",
            "%F %T %Z",
            "%Y-%m-%dT%H:%M:%S%.3f%:z",
            "%c",
            "%s",
            "%+",
        ] {
            assert!(DatePattern::new(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "",
            "dd/mm/yyyy",
            "%Q",
            "%",
            "%d/%m",
            "%Y",
            "%m/%Y",
            "%H:%M",
            "%z",
            "%d/%m/%Y %H",
            "%d/%m/%Y %I:%M",
            "%d/%m/%Y %M",
            "%d/%m/%Y %p",
            // Years of weeks do not go with months, nor days of months with weeks.
            "%G-%m-%d",
            "%Y-W%V-%u",
            "%G-%j",
            "%Y-%m-%d %H:%M %f",
        ] {
            assert_eq!(DatePattern::new(pattern), None, "{pattern}");
        }
    }
}
