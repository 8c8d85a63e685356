//! The world `wide`: sparse numbers, custom fields that are mostly empty, many single values.
//!
//! Shares are those that [`World::Wide`](super::World::Wide) states.

use chrono::{NaiveDate, TimeDelta};

use super::desk;
use super::random::{Random, mix};
use super::vocabulary as words;
use crate::model::Ticket;

const CUSTOM_FIELDS: u64 = 500;

/// The most custom fields that one ticket has; each has one at least.
const CUSTOM_FIELDS_MAX: u64 = 6;

const TECHNICIANS: u64 = 100_000;

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0x31DE_0004, place);
    let mut ticket = desk::ticket(seed, place);
    desk::renumber(&mut ticket, &mut random, place, |place| tid_of(seed, place));
    assign(&mut ticket, &mut random);
    date(&mut ticket, &mut random);
    if place.is_multiple_of(10) {
        ticket.category = format!("Project {:05} {}", place / 10, ticket.category);
    }
    for text in [
        &mut ticket.status,
        &mut ticket.priority,
        &mut ticket.source,
        &mut ticket.category,
        &mut ticket.sub_category,
        &mut ticket.assigned_group_name,
        &mut ticket.cid,
    ] {
        respell(text, &mut random);
    }
    customize(&mut ticket, &mut random);
    for text in [
        &mut ticket.subject,
        &mut ticket.summary,
        &mut ticket.contact,
        &mut ticket.company_name,
    ] {
        if random.below(2) == 0 {
            text.clear();
        }
    }
    ticket
}

/// Different numbers for different places, none of them 0, in no order.
fn tid_of(seed: u64, place: u64) -> u64 {
    // Mixing maps numbers one to one and 0 to 0. Of a key below 2^63 and above 0, no place
    // of the next 2^63 reaches 0.
    let key = (mix(seed) >> 1) | 1;
    mix(key + place)
}

fn assign(ticket: &mut Ticket, random: &mut Random) {
    let technician = |number: u64| format!("user.{number:06}");
    if ticket.opened_by != "WEBSITE" {
        ticket.opened_by = technician(random.below(TECHNICIANS));
    }
    if !ticket.assigned_tech.is_empty() {
        ticket.assigned_tech = technician(random.below(TECHNICIANS));
    }
    if ticket.updater_type == "TECH" {
        ticket.updated_by.clone_from(&ticket.assigned_tech);
    }
    if ticket.locked == "Y" {
        ticket.locked_by.clone_from(&ticket.assigned_tech);
    }
}

/// Moves all dates of the ticket by as much as its open date moves.
fn date(ticket: &mut Ticket, random: &mut Random) {
    let one_day = NaiveDate::from_ymd_opt(2016, 2, 29).unwrap_or_default();
    let first_day = NaiveDate::from_ymd_opt(2004, 1, 1).unwrap_or_default();
    let day = if random.below(2) == 0 {
        one_day
    } else {
        first_day + TimeDelta::days(random.below(20 * 365).cast_signed())
    };
    let second = TimeDelta::seconds(random.below(86_400).cast_signed());
    let opened = day.and_time(chrono::NaiveTime::MIN) + second;
    let moved = opened - ticket.date_opened.unwrap_or(opened);
    for date in [
        &mut ticket.date_opened,
        &mut ticket.date_closed,
        &mut ticket.last_updated,
    ] {
        *date = date.map(|date| date + moved);
    }
    let whole_days = TimeDelta::days(moved.num_days());
    ticket.due_date = ticket.due_date.map(|date| date + whole_days);
}

/// One spelling in three is in capitals, and one in small letters.
fn respell(text: &mut String, random: &mut Random) {
    match random.below(3) {
        0 => *text = text.to_uppercase(),
        1 => *text = text.to_lowercase(),
        _ => {}
    }
}

fn customize(ticket: &mut Ticket, random: &mut Random) {
    ticket.custom_fields.clear();
    let count = 1 + random.below(CUSTOM_FIELDS_MAX);
    while (ticket.custom_fields.len() as u64) < count {
        let field = random.below(CUSTOM_FIELDS);
        let name = format!("Field_{field:03}");
        if !ticket.custom(&name).is_empty() {
            continue;
        }
        let mut text = match field % 4 {
            0 => random.pick(&words::LOCATIONS).to_owned(),
            1 => random.below(1_000_000).to_string(),
            2 => random.pick(&["yes", "no", "n/a"]).to_owned(),
            _ => format!("{:016x}", random.next()),
        };
        respell(&mut text, random);
        ticket.custom_fields.push((name, text));
    }
}
