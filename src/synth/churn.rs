//! The world `churn`: an ordinary desk after seven rounds of changes.
//!
//! Whether and how a round changes a ticket is a function of the seed, the place of the ticket
//! and the round. So the last state of one ticket is known without a store, and the changes of
//! a round without the rounds before it.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::desk;
use super::random::Random;
use super::vocabulary as words;
use crate::model::batch::{BatchChange, Patch};
use crate::model::{Field, Ticket};

/// The rounds of changes, one batch each.
pub(super) const ROUNDS: u64 = 7;

/// The tickets of a million that one round changes: 300,000 in all rounds.
const CHANGES_OF_MILLION: u64 = 300_000 / ROUNDS;

/// What a round does to one ticket.
#[derive(Debug)]
enum Event {
    Patch(Patch),
    Removal,
}

/// Returns the ticket of a place after all rounds; none if it was removed.
pub(super) fn ticket(seed: u64, place: u64) -> Option<Ticket> {
    let mut ticket = desk::ticket(seed, place);
    for round in 0..ROUNDS {
        match event(seed, place, round) {
            Some(Event::Removal) => return None,
            Some(Event::Patch(patch)) => {
                let applied = patch.apply(&mut ticket);
                debug_assert!(applied.is_ok(), "each value suits its field");
            }
            None => {}
        }
    }
    Some(ticket)
}

/// Returns what a round changes about a place; none if nothing, or if the ticket is gone.
pub(super) fn change(seed: u64, place: u64, round: u64) -> Option<BatchChange> {
    let event = event(seed, place, round)?;
    let is_removal = |round| matches!(self::event(seed, place, round), Some(Event::Removal));
    if (0..round).any(is_removal) {
        return None;
    }
    let tid = desk::tid_of(place);
    Some(match event {
        Event::Patch(patch) => BatchChange::Patch(tid, patch),
        Event::Removal => BatchChange::Remove(tid),
    })
}

fn event(seed: u64, place: u64, round: u64) -> Option<Event> {
    let mut random = Random::new(seed ^ (0xC4B2_0006 + round), place);
    if !random.is_one_of_million(CHANGES_OF_MILLION) {
        return None;
    }
    let now = time_of(round, &mut random);
    let patch = Patch::new()
        .set(Field::LastUpdated, now)
        .set(Field::UpdatedBy, format!("tech{:02}", random.below(40)))
        .set(Field::UpdaterType, "TECH");
    Some(match random.below(20) {
        0 | 1 => Event::Removal,
        2 | 3 => Event::Patch(
            patch
                .set(Field::Status, "Closed")
                .set(Field::DateClosed, now)
                .set(Field::Merged, "Y")
                .set(Field::MergedTo, desk::tid_of(random.below(place + 1))),
        ),
        _ => Event::Patch(patch.set(Field::Status, random.weigh(&words::STATUSES))),
    })
}

/// A second of the day of a round, after all dates of the first two million tickets.
fn time_of(round: u64, random: &mut Random) -> NaiveDateTime {
    let first = NaiveDate::from_ymd_opt(2034, 6, 1).unwrap_or_default();
    let day = first + TimeDelta::days(round.cast_signed());
    day.and_time(chrono::NaiveTime::MIN) + TimeDelta::seconds(random.below(86_400).cast_signed())
}
