//! The world `alarms`: tickets that repeat whole texts.
//!
//! Shares are those that [`World::Alarms`](super::World::Alarms) states.

use super::desk;
use super::random::Random;
use super::vocabulary as words;
use crate::model::Ticket;

/// Terms that tickets of this world hold, the frequent ones first.
pub(super) const KEYWORDS: [&str; 4] = ["CRITICAL", "host", desk::KEYWORD_COMMON, "srv-017"];

const ALARMS: u64 = 400;

const MACROS: u64 = 60;

/// The customers whose machines are monitored.
const MONITORED_CUSTOMERS: u64 = 12;

const CHECKS: [&str; 8] = [
    "Disk usage",
    "CPU load",
    "Memory",
    "Ping",
    "Backup age",
    "Service",
    "Queue length",
    "Certificate",
];

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0xA1A2_0005, place);
    match random.below(20) {
        0..12 => {
            let alarm = random.below_skewed(ALARMS);
            let customer = alarm % MONITORED_CUSTOMERS;
            let mut ticket = desk::ticket_by(seed, place, customer);
            ticket.source = "Monitoring".into();
            ticket.opened_by = "monitor".into();
            (ticket.subject, ticket.summary) = write_alarm(seed, alarm);
            ticket
        }
        12..17 => {
            let mut ticket = desk::ticket(seed, place);
            ticket.summary = write_macro(seed, random.below_skewed(MACROS));
            ticket
        }
        _ => desk::ticket(seed, place),
    }
}

/// Writes the subject and the summary of an alarm, which are the same each time.
fn write_alarm(seed: u64, alarm: u64) -> (String, String) {
    let mut random = Random::new(seed ^ 0xA1A2_1005, alarm);
    let check = random.pick(&CHECKS);
    let state = random.pick(&["CRITICAL", "WARNING", "UNKNOWN"]);
    let host = format!("srv-{:03}", alarm % 97);
    let subject = format!("[{state}] {check} on {host} ({alarm})");
    let mut summary = format!(
        "Notification: {state}\r\nhost {host} 10.0.{}.{}\r\n{check}: {} % for {} min\r\n",
        alarm / 97,
        alarm % 97,
        70 + random.below(30),
        5 * (1 + random.below(12))
    );
    for _ in 0..4 {
        desk::write_sentence(&mut random, &mut summary);
        summary.push_str("\r\n");
    }
    (subject, summary)
}

/// Writes the answer that a macro puts into a ticket, which is the same each time.
fn write_macro(seed: u64, number: u64) -> String {
    let mut random = Random::new(seed ^ 0xA1A2_2005, number);
    let topic = random.pick(&words::COMPLAINTS).to_lowercase();
    let mut summary = format!("Hello,\r\n\r\nthank you for your message ({topic}). ");
    for _ in 0..5 + random.below(4) {
        desk::write_sentence(&mut random, &mut summary);
        summary.push(' ');
    }
    summary.push_str("\r\n\r\nKind regards\r\nyour service desk");
    summary
}
