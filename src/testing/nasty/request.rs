//! Requests about tickets: the documented variables, and whatever else [`filter`](super::filter) draws.

use std::fmt::Write;

use super::filter::{make_fields, push_test};
use super::value::{Name, Pairs, cut, make_keyword, show_date, swap_case};
use super::{CUSTOM_NAMES, NAMES, Random};
use crate::reference::cursor_of;
use crate::{Cell, Field, Query, Ticket};

/// Percent-encodes a value, in one of the ways that decode to it.
fn encode(random: &mut Random, text: &str) -> String {
    let mut out = String::new();
    let is_heavy = random.is_one_in(8);
    for byte in text.bytes() {
        if !is_heavy && (byte.is_ascii_alphanumeric() || b"*-._/:,".contains(&byte)) {
            out.push(char::from(byte));
        } else if byte == b' ' && random.is_one_in(2) {
            out.push('+');
        } else if random.is_one_in(2) {
            write!(out, "%{byte:02X}").expect("a string takes it");
        } else {
            write!(out, "%{byte:02x}").expect("a string takes it");
        }
    }
    out
}

/// The variables that a request can have beside `action`, `key` and `format`.
pub const VARIABLES: [&str; 24] = [
    "tid",
    "keyword",
    "status",
    "source",
    "category",
    "sub_category",
    "priority",
    "escalation",
    "due_date",
    "uid",
    "group",
    "cid",
    "start_tid",
    "end_tid",
    "start_cid",
    "end_cid",
    "start_date",
    "end_date",
    "count",
    "page",
    "order",
    "order_direction",
    "after",
    "before",
];

/// Makes a request for a store of these tickets.
pub fn make_request(random: &mut Random, tickets: &[Ticket]) -> String {
    let mut pairs: Pairs = Vec::new();
    push_filters(random, tickets, &mut pairs);
    if random.is_one_in(4) {
        pairs.push(("fields".into(), make_fields(random)));
    }
    push_window(random, &mut pairs);
    if !random.is_one_in(3) {
        pairs.push(("order".into(), make_order(random)));
    }
    if random.is_one_in(5) {
        pairs.push((
            "order_direction".into(),
            random.pick(&["asc", "DESC", "Desc"]).to_owned(),
        ));
    }
    if random.is_one_in(12) {
        pairs.push((
            "count_only".into(),
            random.pick(&["Y", "y", "N"]).to_owned(),
        ));
    }
    let start = random.pick(&["", "", "?", "action=get_tickets&", "&&"]);
    let mut request = show_pairs(random, start, &pairs);
    if random.below(5) == 4
        && let Some(place) = make_place(random, &request, tickets)
    {
        request.push_str(&place);
    }
    request
}

/// Writes pairs behind the start of a request, in one of the ways that read back to them.
pub(super) fn show_pairs(random: &mut Random, start: &str, pairs: &Pairs) -> String {
    let mut request = start.to_owned();
    for (at, (name, value)) in pairs.iter().enumerate() {
        let name = if random.is_one_in(8) {
            name.to_uppercase()
        } else {
            name.to_string()
        };
        let name = if random.is_one_in(8) {
            encode(random, &name)
        } else {
            name
        };
        let mark = if at == 0 { "" } else { "&" };
        request.extend([mark, &name, "=", &encode(random, value)]);
    }
    request
}

/// Makes a place in the order of a request: that of one of the tickets, whether or not it matches.
fn make_place(random: &mut Random, request: &str, tickets: &[Ticket]) -> Option<String> {
    let query: Query = request.parse().ok()?;
    if query.page().is_some() || tickets.is_empty() {
        return None;
    }
    let cursor = cursor_of(query.order(), &tickets[random.below(tickets.len())])?;
    Some(format!("&{}={cursor}", random.pick(&["after", "before"])))
}

/// Adds filters, of which most agree with one another.
pub(super) fn push_filters(random: &mut Random, tickets: &[Ticket], pairs: &mut Pairs) {
    // Most filters are taken from one ticket, so that they agree with one another.
    let nobody = Ticket {
        tid: 1,
        ..Ticket::default()
    };
    let target = if tickets.is_empty() {
        &nobody
    } else {
        &tickets[random.below(tickets.len())]
    };
    let filters_count = random.choose(&[0, 1, 1, 2, 2, 3]);
    for _ in 0..filters_count {
        push_filter(random, target, tickets, pairs);
    }
    let more_count = random.choose(&[0, 1, 2, 2, 3, 3, 4]);
    for _ in 0..more_count {
        push_test(random, target, tickets, pairs);
    }
}

fn push_window(random: &mut Random, pairs: &mut Pairs) {
    if random.is_one_in(3) {
        return;
    }
    pairs.push((
        "count".into(),
        random.choose(&[1, 2, 3, 7, 50, u64::MAX]).to_string(),
    ));
    let has_wildcard = |value: &str| value.contains('*');
    if random.is_one_in(2) {
        match pairs.iter().find(|(name, _)| *name == "tid") {
            Some((_, value)) if !has_wildcard(value) => return,
            Some(_) => {}
            None => pairs.push(("tid".into(), "*".to_owned())),
        }
        pairs.push((
            "page".into(),
            random
                .choose(&[1, 1, 1, 1, 2, 3, 1_000_000, u64::MAX])
                .to_string(),
        ));
    }
}

fn push_filter(random: &mut Random, target: &Ticket, tickets: &[Ticket], pairs: &mut Pairs) {
    let is_given = |name: &str, pairs: &[(Name, String)]| pairs.iter().any(|(own, _)| own == name);
    let name = random.pick(&VARIABLES[..18]);
    let name = if random.is_one_in(6) { "keyword" } else { name };
    if is_given(name, pairs) {
        return;
    }
    let some = |random: &mut Random, tickets: &[Ticket]| {
        if tickets.is_empty() {
            7
        } else {
            tickets[random.below(tickets.len())].tid
        }
    };
    let value = match name {
        "tid" => make_tid_filter(random, target.tid),
        "keyword" => make_keyword(random, target),
        "start_tid" | "end_tid" if random.is_one_in(3) => some(random, tickets).to_string(),
        "start_tid" => around(random, target.tid, |tid| tid - 1).to_string(),
        "end_tid" => format!(
            "0{}",
            around(random, target.tid, |tid| tid.saturating_add(1))
        ),
        "start_cid" | "end_cid" => cut(random, &target.cid),
        "start_date" => show_date(random, target.date_opened, -1),
        "end_date" => show_date(random, target.date_opened, 1),
        "due_date" => show_date(random, target.due_date, 0),
        _ => {
            let Some(field) = Field::from_name(name) else {
                return;
            };
            for _ in 0..random.choose(&[0, 0, 1, 3]) {
                let other = random.pick(&NAMES).to_owned();
                pairs.push((name.into(), other));
            }
            let Cell::Text(text) = target.cell(field) else {
                return;
            };
            if random.is_one_in(2) {
                swap_case(text)
            } else {
                text.to_owned()
            }
        }
    };
    pairs.push((name.into(), value));
}

/// The bound of a range of tids: mostly one that holds the target's, which is not 0, just so or with one
/// to spare by `widen`; now and then the last that does not hold it, or an end of all numbers.
fn around(random: &mut Random, tid: u64, widen: impl Fn(u64) -> u64) -> u64 {
    match random.below(12) {
        0..5 => tid,
        5..9 => widen(tid),
        9 => tid.saturating_add(1),
        10 => tid - 1,
        _ => random.choose(&[0, u64::MAX]),
    }
}

/// Makes of a valid request one that is refused, as a rule: by a variable, a value, a repeat, or what
/// does not go together.
pub fn make_refusable(random: &mut Random, request: &str) -> String {
    let bad = random.pick(&[
        "statsu=x",
        "subject=x",
        "tid%21=4",
        "custom_fields.1x=a",
        "=x",
        "count=0",
        "count=1x",
        "page=0",
        "page=2",
        "start_tid=-1",
        "end_tid=18446744073709551616",
        "tid=1x",
        "due_date=2/30/2014",
        "start_date=2014-2-1",
        "status%21=*",
        "company_id=",
        "order=nothing",
        "order=tid,",
        "order_direction=up",
        "fields=statsu",
        "empty=tid",
        "count_only=maybe",
        "format=pdf",
        "action=get",
        "keyword=a&keyword=b",
        "count=1&COUNT=1",
        "key=a&key=a",
    ]);
    let request = request.trim_start_matches('?');
    if random.is_one_in(2) {
        format!("{bad}&{request}")
    } else {
        format!("{request}&{bad}")
    }
}

fn make_tid_filter(random: &mut Random, tid: u64) -> String {
    let digits = tid.to_string();
    let (head, tail) = digits.split_at(random.below(digits.len() + 1));
    match random.below(8) {
        0 | 1 => "*".to_owned(),
        2 => digits,
        3 => format!("{head}*"),
        4 => format!("*{tail}"),
        5 => format!("{head}*{tail}"),
        6 => format!("*{}*", &tail[..tail.len().min(1)]),
        _ => random
            .pick(&[
                "0*",
                "**",
                "1*1",
                "*00000000000000000000000000*",
                "0",
                "*1*2*",
            ])
            .to_owned(),
    }
}

/// Makes an order of one to three keys; every output variable, alias and custom name occurs.
fn make_order(random: &mut Random) -> String {
    let mut keys = Vec::new();
    for _ in 0..random.choose(&[1, 1, 2, 3]) {
        let field = random.choose(&Field::ALL);
        let key = match field.alias() {
            _ if field == Field::CustomFields || random.is_one_in(16) => {
                let name = random.pick(&CUSTOM_NAMES);
                let name = if random.is_one_in(8) { "nowhere" } else { name };
                format!("custom_fields.{name}")
            }
            Some(alias) if random.is_one_in(2) => alias.to_owned(),
            _ => field.name().to_owned(),
        };
        let direction = random.pick(&["", "", " ASC", " DESC", "\u{3000}desc", "  Asc "]);
        keys.push(format!("{key}{direction}"));
    }
    keys.join(random.pick(&[",", " , "]))
}
