//! Laws that answers keep whatever the tickets are; no other evaluator is asked.
//!
//! A twin could be wrong where the engine is; these hold by what a filter, an order and a
//! page are. Each is asked of random cases, over stores of one to four segments with dead rows.
//! What has no complement that a request can ask for is in no law of two parts: a pattern of
//! numbers, and a range of customers, whose end takes in what starts with it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ticketdex::testing::{Case, cases};
use ticketdex::{
    Batch, Cell, Field, Format, Import, ImportFormat, Options, PlanMode, Query, Snapshot, Store,
    Ticket, TidFilter, fold,
};

/// Puts tickets into some segments, half of whose rows are dead.
fn snapshot(tickets: &[Ticket], segments_count: usize) -> Snapshot {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for part in tickets.chunks(tickets.len().div_ceil(segments_count).max(1)) {
        let (mut old, mut new) = (Batch::new(), Batch::new());
        for ticket in part {
            old.put(Ticket {
                tid: ticket.tid,
                status: "Open".into(),
                ..Ticket::default()
            });
            new.put(ticket.clone());
        }
        store.commit(old).unwrap();
        store.commit(new).unwrap();
    }
    store.snapshot()
}

fn tids(snapshot: &Snapshot, request: &str) -> Vec<u64> {
    let query: Query = request.parse().unwrap();
    let answer = snapshot.answer(&query);
    answer.records().map(|record| record.tid()).collect()
}

/// Returns the variables of a request, as it prints, but for some.
fn without(request: &str, names: &[&str]) -> Vec<String> {
    let query: Query = request.parse().unwrap();
    let printed = query.to_string();
    let parts = printed.split('&').filter(|part| !part.is_empty());
    let name = |part: &str| part.split('=').next().map(str::to_owned);
    let kept = parts.filter(|part| name(part).is_none_or(|name| !names.contains(&&*name)));
    kept.map(str::to_owned).collect()
}

const WINDOW: [&str; 5] = ["count", "page", "count_only", "after", "before"];
const ALL_BUT_FILTERS: [&str; 7] = [
    "count",
    "page",
    "count_only",
    "after",
    "before",
    "order",
    "order_direction",
];

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn join(parts: &[String], more: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.iter().cloned().chain(more).collect();
    parts.join("&")
}

/// Asks a law of a case in several stores.
fn ask(case: &Case, law: impl Fn(&Snapshot, &Case)) {
    for segments_count in [1, 4] {
        law(&snapshot(&case.tickets, segments_count), case);
    }
}

/// Asks a law of a store without the tickets that `is_out` names.
fn ask_without(case: &Case, is_out: impl Fn(&Ticket) -> bool, law: impl Fn(&Snapshot, &[Ticket])) {
    let mut tickets = case.tickets.clone();
    tickets.retain(|ticket| !is_out(ticket));
    for segments_count in [1, 4] {
        law(&snapshot(&tickets, segments_count), &tickets);
    }
}

/// Checks that two requests share out what a third has, in the order of tids.
fn assert_parted(snapshot: &Snapshot, whole: &str, parts: &[Option<String>; 2]) {
    let mut joined = BTreeSet::new();
    let mut count = 0;
    for part in parts.iter().flatten() {
        let part = tids(snapshot, part);
        count += part.len();
        joined.extend(part);
    }
    assert_eq!(joined.len(), count, "{parts:?} overlap");
    let joined: Vec<u64> = joined.into_iter().collect();
    assert_eq!(joined, tids(snapshot, whole), "{whole} in {parts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn variables_come_in_any_order(case in cases(), turn in 0..8_usize) {
        ask(&case, |snapshot, case| {
            let mut parts = without(&case.request, &[]);
            let found = |parts: &[String]| {
                let query: Query = parts.join("&").parse().unwrap();
                (snapshot.answer(&query).total(), tids(snapshot, &parts.join("&")))
            };
            let expected = found(&parts);
            parts.reverse();
            assert_eq!(found(&parts), expected);
            let middle = turn.min(parts.len());
            parts.rotate_left(middle);
            assert_eq!(found(&parts), expected);
        });
    }

    #[test]
    fn pages_make_the_whole(case in cases(), count in 1..5_usize) {
        ask(&case, |snapshot, case| {
            let mut parts = without(&case.request, &WINDOW);
            let whole = tids(snapshot, &parts.join("&"));
            let query: Query = parts.join("&").parse().unwrap();
            match query.tid() {
                Some(TidFilter::Exact(_)) => return,
                Some(_) => {}
                None => parts.push("tid=*".into()),
            }
            let mut joined = Vec::new();
            for page in 1..=whole.len().div_ceil(count) + 1 {
                let page = join(&parts, [format!("count={count}&page={page}")]);
                joined.extend(tids(snapshot, &page));
            }
            assert_eq!(joined, whole);
        });
    }

    #[test]
    fn a_filter_and_its_complement_part_the_tickets(case in cases(), mask in any::<u32>()) {
        for field in Field::FILTERS {
            let value = |ticket: &Ticket| match ticket.cell(field) {
                Cell::Text(text) => text.to_owned(),
                other => unreachable!("{other:?} is filtered by value"),
            };
            // No request says that a value is empty, nor that it is a star.
            let is_out = |ticket: &Ticket| ["", "*"].contains(&&*value(ticket));
            ask_without(&case, is_out, |snapshot, tickets| {
                let name = field.alias().unwrap_or(field.name());
                let mut names = ALL_BUT_FILTERS.to_vec();
                names.extend([name, field.name()]);
                let parts = without(&case.request, &names);
                let values: BTreeSet<String> = tickets.iter().map(|it| fold(&value(it))).collect();
                let part = |is_in: bool| {
                    let chosen = values.iter().enumerate();
                    let chosen = chosen.filter(|(at, _)| (mask >> (at % 32) & 1 == 1) == is_in);
                    let chosen: Vec<String> =
                        chosen.map(|(_, value)| format!("{name}={}", encode(value))).collect();
                    (!chosen.is_empty()).then(|| join(&parts, chosen))
                };
                assert_parted(snapshot, &parts.join("&"), &[part(true), part(false)]);
            });
        }
    }

    #[test]
    fn a_value_and_all_but_it_part_the_tickets(
        case in cases(),
        field in 0..Field::ALL.len(),
        at in 0..12_usize,
    ) {
        let field = Field::ALL[field];
        let chosen = case.tickets.get(at);
        let (name, value) = match chosen.map(|ticket| ticket.cell(field)) {
            _ if matches!(field, Field::Tid | Field::Subject | Field::Summary) => return Ok(()),
            Some(Cell::Text(list)) if field.is_list() => {
                let element = list.split(',').next_back().unwrap_or_default();
                (field.name(), element.trim_matches(char::is_whitespace).to_owned())
            }
            Some(Cell::Text(text)) => (field.alias().unwrap_or(field.name()), text.to_owned()),
            Some(Cell::Integer(integer)) => (field.name(), integer.to_string()),
            Some(Cell::OptionalInteger(integer)) => {
                (field.name(), integer.unwrap_or_default().to_string())
            }
            Some(Cell::Date(date)) => {
                let date = date.unwrap_or_default();
                let day = || format!("{:?}", date.date());
                (field.name(), if at % 2 == 0 { format!("{date:?}") } else { day() })
            }
            _ => {
                let text = chosen.map(|ticket| ticket.custom("serial"));
                ("custom_fields.Serial", text.unwrap_or("x").to_owned())
            }
        };
        // An empty value asks for nothing, and a star for everything.
        if ["", "*"].contains(&&*value) {
            return Ok(());
        }
        ask(&case, |snapshot, case| {
            let mut names = ALL_BUT_FILTERS.to_vec();
            names.push(name);
            // A custom field is printed as the request spells it.
            names.extend(["custom_fields.SERIAL", "custom_fields.serial"]);
            let parts = without(&case.request, &names);
            let value = encode(&value);
            let own = join(&parts, [format!("{name}={value}")]);
            let others = join(&parts, [format!("{name}!={value}")]);
            assert_parted(snapshot, &parts.join("&"), &[Some(own), Some(others)]);
        });
    }

    #[test]
    fn empty_and_present_part_the_tickets(case in cases(), field in 0..Field::ALL.len()) {
        let field = Field::ALL[field];
        let name = match field {
            Field::Tid => "custom_fields.colour",
            field => field.name(),
        };
        ask(&case, |snapshot, case| {
            let parts = without(&case.request, &ALL_BUT_FILTERS);
            let empty = join(&parts, [format!("empty={name}")]);
            let present = join(&parts, [format!("present={name}")]);
            assert_parted(snapshot, &parts.join("&"), &[Some(empty), Some(present)]);
        });
    }

    #[test]
    fn a_keyword_of_one_term_and_all_but_it_part_the_tickets(case in cases(), at in 0..12_usize) {
        let subject = case.tickets.get(at).map_or("printer", |ticket| &ticket.subject);
        let Some(term) = subject.split_whitespace().next().map(str::to_owned) else {
            return Ok(());
        };
        ask(&case, |snapshot, case| {
            let mut names = ALL_BUT_FILTERS.to_vec();
            names.push("keyword");
            let parts = without(&case.request, &names);
            let term = encode(&term);
            let own = join(&parts, [format!("keyword={term}")]);
            let others = join(&parts, [format!("keyword!={term}")]);
            assert_parted(snapshot, &parts.join("&"), &[Some(own), Some(others)]);
        });
    }

    #[test]
    fn a_range_and_the_rest_part_the_tickets(case in cases(), at in 0..12_usize) {
        ask(&case, |snapshot, case| {
            let mut names = ALL_BUT_FILTERS.to_vec();
            names.extend(["start_tid", "end_tid"]);
            let parts = without(&case.request, &names);
            let middle = case.tickets.get(at).map_or(7, |ticket| ticket.tid);
            let below = join(&parts, [format!("end_tid={middle}")]);
            let above = middle.checked_add(1).map(|next| join(&parts, [format!("start_tid={next}")]));
            assert_parted(snapshot, &parts.join("&"), &[Some(below), above]);
        });
        // A ticket that was never opened is in no range.
        let is_out = |ticket: &Ticket| ticket.date_opened.is_none();
        ask_without(&case, is_out, |snapshot, tickets| {
            let mut names = ALL_BUT_FILTERS.to_vec();
            names.extend(["start_date", "end_date"]);
            let parts = without(&case.request, &names);
            let middle = tickets.get(at).and_then(|ticket| ticket.date_opened);
            let middle = middle.unwrap_or_default();
            let next = middle + chrono::TimeDelta::seconds(1);
            let below = join(&parts, [format!("end_date={middle:?}")]);
            let above = format!("start_date={next:?}");
            // The last second of the last year has none after it.
            let above = above.parse::<Query>().is_ok().then(|| join(&parts, [above]));
            assert_parted(snapshot, &parts.join("&"), &[Some(below), above]);
        });
    }

    #[test]
    fn descending_is_ascending_reversed(case in cases(), field in 0..Field::ALL.len()) {
        let field = Field::ALL[field];
        let key = match field {
            Field::CustomFields => "custom_fields.serial",
            _ => field.name(),
        };
        ask(&case, |snapshot, case| {
            let parts = without(&case.request, &ALL_BUT_FILTERS);
            let ordered = |order: &str| tids(snapshot, &join(&parts, [format!("order={order}")]));
            let mut reversed = ordered(&format!("{key} desc,tid desc"));
            reversed.reverse();
            assert_eq!(ordered(&format!("{key} asc,tid asc")), reversed);
            // Ties go to the lower tid, whatever the direction.
            assert_eq!(ordered(key), ordered(&format!("{key},tid")));
            assert_eq!(ordered(&format!("{key} desc")), ordered(&format!("{key} desc,tid")));
        });
    }

    #[test]
    fn a_response_reads_in_as_the_tickets_it_has(case in cases()) {
        ask(&case, |snapshot, case| {
            let parts = without(&case.request, &["count_only", "fields"]);
            let query: Query = parts.join("&").parse().unwrap();
            let answer = snapshot.answer(&query);
            let expected: Vec<Ticket> = answer.records().map(Ticket::from).collect();
            let formats = [
                (Format::Xml, ImportFormat::Xml),
                (Format::Json, ImportFormat::Json),
                (Format::Delimited, ImportFormat::Delimited),
                #[cfg(feature = "csv")]
                (Format::Csv, ImportFormat::Csv),
            ];
            for (written, read) in formats {
                let mut body = Vec::new();
                answer.write_to(written, &mut body).unwrap();
                let tickets: Result<Vec<Ticket>, _> = Import::new(read, &body[..]).into_iter().collect();
                let mut tickets = tickets.unwrap();
                for ticket in &mut tickets {
                    ticket.custom_fields.retain(|(_, text)| !text.is_empty());
                }
                assert_eq!(tickets, expected, "{written:?}");
            }
        });
    }

    #[test]
    fn a_count_is_the_number_of_records(case in cases()) {
        ask(&case, |snapshot, case| {
            let parts = without(&case.request, &WINDOW);
            let records = tids(snapshot, &parts.join("&")).len() as u64;
            let counted: Query = join(&parts, ["count_only=Y".into()]).parse().unwrap();
            let answer = snapshot.answer(&counted);
            assert_eq!((answer.total(), answer.count()), (records, 0));
        });
    }

    #[test]
    fn every_plan_gives_the_same(case in cases()) {
        let query: Query = case.request.parse().unwrap();
        ask(&case, |snapshot, _| {
            let body = |mode: PlanMode| Format::ALL.map(|format| {
                let mut body = Vec::new();
                snapshot.answer_with(&query, mode).write_to(format, &mut body).unwrap();
                body
            });
            let expected = body(PlanMode::default());
            for mode in PlanMode::all() {
                assert!(body(mode) == expected, "{mode:?}");
            }
        });
    }
}
