//! The world `migrated`: numbers in the order of an import, dates in any order.
//!
//! Shares are those that [`World::Migrated`](super::World::Migrated) states.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::desk;
use super::random::Random;
use crate::model::Ticket;

const YEAR_SECONDS: u64 = 365 * 86_400;

/// The tickets of a hundred that are records of the first system.
const OLDEST_PERCENT: u64 = 3;

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0x3162_0002, place);
    let mut ticket = desk::ticket(seed, place);
    desk::renumber(&mut ticket, &mut random, place, tid_of);
    date(&mut ticket, &mut random);
    ticket
}

/// Numbers with short gaps and long ones.
fn tid_of(place: u64) -> u64 {
    4_000_001 + place + place / 40 * 37 + place / 2_500 * 20_000
}

/// The first second of a year.
fn start_of(year: i32) -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    day.and_time(chrono::NaiveTime::MIN)
}

fn date(ticket: &mut Ticket, random: &mut Random) {
    let opened = if random.below(100) < OLDEST_PERCENT {
        later(start_of(1999), random.below(YEAR_SECONDS))
    } else {
        later(start_of(2003), random.below(21 * YEAR_SECONDS))
    };
    let end = start_of(2024);
    let open_seconds = (end - opened).num_seconds().unsigned_abs();
    let updated = later(opened, random.below(open_seconds + 1));
    let worked_seconds = (updated - opened).num_seconds().unsigned_abs();
    ticket.date_opened = Some(opened);
    ticket.last_updated = Some(updated);
    if ticket.date_closed.is_some() {
        ticket.date_closed = Some(later(opened, random.below(worked_seconds + 1)));
    }
    if ticket.due_date.is_some() {
        let due = opened.date() + TimeDelta::days(random.below_skewed(60).cast_signed());
        ticket.due_date = Some(due.and_time(chrono::NaiveTime::MIN));
    }
}

fn later(date: NaiveDateTime, seconds: u64) -> NaiveDateTime {
    date + TimeDelta::seconds(seconds.cast_signed())
}
