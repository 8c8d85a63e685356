//! The values that the rows of the table ask for: those of the world's own tickets.
//!
//! In the world `desk` they are the ones that earlier records asked for. In any other each stands for one
//! that is about as frequent, so that a row asks for alike many tickets wherever it is asked.

use std::collections::HashMap;

use chrono::{Datelike, Months, NaiveDate};
use ticketdex::synth::{KEYWORD_COMMON, KEYWORD_MEDIUM, KEYWORD_RARE, KEYWORD_SHORT, World};
use ticketdex::{Cell, Field, Ticket};

/// What stands for a value in the rows of the table, and the value.
pub type Value = (&'static str, String);

/// A value that stands for itself in `desk`: its word, the field, the value, and the share of the tickets
/// that have it.
const SHARES: [(&str, Field, &str, f64); 9] = [
    ("{status_few}", Field::Status, "Open", 0.04),
    ("{status_most}", Field::Status, "Closed", 0.8),
    ("{priority}", Field::Priority, "High", 0.17),
    ("{priority_most}", Field::Priority, "Normal", 0.5),
    ("{category}", Field::Category, "Network", 0.1),
    ("{category_other}", Field::Category, "Hardware", 0.15),
    ("{category_third}", Field::Category, "Software", 0.2),
    ("{source}", Field::Source, "Email", 0.45),
    ("{escalation}", Field::EscalationLevel, "Level 1", 0.2),
];

/// Returns the values that rows ask for.
pub(crate) fn values_of(tickets: &[Ticket], world: World) -> Vec<Value> {
    let mut values = of_ticket(sample(tickets));
    values.extend(SHARES.map(|(word, field, value, share)| {
        let value = match world {
            World::Desk => value.to_owned(),
            _ => nearest(tickets, field, share),
        };
        (word, value)
    }));
    let terms = world.keywords();
    let [common, medium, short, rare, two] = if terms == World::Desk.keywords() {
        [
            KEYWORD_COMMON,
            KEYWORD_MEDIUM,
            KEYWORD_SHORT,
            KEYWORD_RARE,
            "nt",
        ]
        .map(str::to_owned)
    } else {
        let [common, medium, rare] = [0, terms.len() / 2, terms.len() - 1].map(|at| terms[at]);
        let first = |count: usize| common.chars().take(count).collect::<String>();
        [
            common.to_owned(),
            medium.to_owned(),
            first(3),
            rare.to_owned(),
            first(2),
        ]
    };
    values.extend([
        ("{common}", common),
        ("{medium}", medium),
        ("{short}", short),
        ("{rare}", rare),
        ("{two}", two),
    ]);
    values
}

/// Returns the value of a field whose share of the tickets is nearest to one; the empty one is none.
fn nearest(tickets: &[Ticket], field: Field, share: f64) -> String {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for ticket in tickets {
        if let Cell::Text(text) = ticket.cell(field) {
            *counts.entry(text).or_default() += 1;
        }
    }
    counts.remove("");
    let distance = |count: u64| (count as f64 / tickets.len() as f64 - share).abs();
    let nearest = counts.into_iter().min_by(|own, other| {
        let order = distance(own.1).total_cmp(&distance(other.1));
        order.then(own.0.cmp(other.0))
    });
    nearest.map_or(String::new(), |(text, _)| text.to_owned())
}

/// Returns the first ticket past the middle that has a value for every row.
fn sample(tickets: &[Ticket]) -> &Ticket {
    let after = tickets.iter().skip(tickets.len() / 2);
    let mut fit = after.filter(|ticket| {
        ticket.due_date.is_some()
            && ticket.date_opened.is_some()
            && !ticket.assigned_tech.is_empty()
    });
    fit.next()
        .expect("a corpus has such a ticket in its second half")
}

fn of_ticket(ticket: &Ticket) -> Vec<Value> {
    let day = |date: NaiveDate| date.format("%-m/%-d/%Y").to_string();
    let date_of = |date: Option<chrono::NaiveDateTime>| date.unwrap_or_default().date();
    let opened = date_of(ticket.date_opened);
    let month_first = opened.with_day(1).unwrap_or(opened);
    let after = |months: u32| {
        let next = month_first.checked_add_months(Months::new(months));
        next.and_then(|next| next.pred_opt()).unwrap_or(opened)
    };
    let cid_start: String = {
        let chars = ticket.cid.chars().count();
        ticket.cid.chars().take(chars.saturating_sub(2)).collect()
    };
    vec![
        ("{tid}", ticket.tid.to_string()),
        ("{tid_end}", ticket.tid.saturating_add(49_999).to_string()),
        ("{cid}", ticket.cid.clone()),
        ("{cid_start}", cid_start),
        ("{cid_letter}", "j".to_owned()),
        ("{uid}", ticket.assigned_tech.clone()),
        ("{due}", day(date_of(ticket.due_date))),
        ("{month_first}", day(month_first)),
        ("{month_last}", day(after(1))),
        ("{five_years_last}", day(after(60))),
    ]
}
