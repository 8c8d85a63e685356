//! The proof of `testing`: bugs planted in a naive evaluator, one at a time, each found and told
//! shortly.
//!
//! The evaluator asks the reference about filters, then about the order, and takes the page itself;
//! a bug is an edit of one of these steps. What is asserted is a number of pairs and a size, no time.

use std::cell::Cell as Counter;

use ticketdex::reference::Reference;
use ticketdex::testing::{Implementation, Reply, find_difference};
use ticketdex::{
    AnyField, Cell, Field, FieldTest, FilterValue, Format, Query, Request, Ticket, fold,
};

/// The pairs within which each bug is found and made small.
const PAIRS_MAX: u32 = 20_000;

/// The bytes of the longest report.
const REPORT_BYTES_MAX: usize = 300;

type Pairs = Vec<(String, String)>;

/// Where an evaluator goes wrong.
#[derive(Clone, Copy)]
enum Bug {
    /// Reads filters otherwise.
    Pairs(fn(&mut Pairs)),
    /// Sees tickets otherwise when it filters.
    Seen(fn(&mut Ticket)),
    /// Passes fewer tickets: those for which this holds as well.
    Fewer(fn(&Query, &Ticket) -> bool),
    /// Sees tickets otherwise when it sorts.
    Sorted(fn(&mut Ticket)),
    /// Reads the order otherwise.
    Order(fn(&str) -> String),
    /// Takes another page of the tids, of a size and a number.
    Page(fn(&[u64], u64, u64) -> Vec<u64>),
    /// Counts otherwise, with the tids of the page.
    Total(fn(&Query, u64, &[u64]) -> u64),
    /// Writes another body.
    Body(fn(&Query, Format, Vec<u8>) -> Vec<u8>),
    /// Answers what is refused with this code.
    Accepts(&'static str),
    /// Refuses with another code.
    Renames(&'static str),
}

use Bug::{Accepts, Body, Fewer, Order, Page, Pairs as Reads, Renames, Seen, Sorted, Total};

const BUGS: [(&str, Bug); 42] = [
    (
        "end_tid=0 is no bound",
        Reads(|pairs| {
            pairs.retain(|(name, value)| name != "end_tid" || value != "0");
        }),
    ),
    (
        "start_tid is exclusive",
        Reads(|pairs| {
            edit(pairs, "start_tid", |value| {
                number(value).saturating_add(1).to_string()
            });
        }),
    ),
    (
        "end_tid is exclusive",
        Reads(|pairs| {
            edit(pairs, "end_tid", |value| {
                number(value).saturating_sub(1).to_string()
            });
        }),
    ),
    (
        "tid patterns are prefixes",
        Reads(|pairs| {
            edit(pairs, "tid", |value| match value.find('*') {
                Some(at) => value[..=at].to_owned(),
                None => value.to_owned(),
            });
        }),
    ),
    (
        "the last of several values counts",
        Reads(|pairs| {
            let names: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let mut at = 0;
            pairs.retain(|(name, _)| {
                at += 1;
                !names[at..].contains(name) || name.ends_with('!')
            });
        }),
    ),
    (
        "keywords are one word",
        Reads(|pairs| edit(pairs, "keyword", first_word)),
    ),
    (
        "keyword! is one word",
        Reads(|pairs| edit(pairs, "keyword!", first_word)),
    ),
    (
        "present looks at one field",
        Reads(|pairs| edit(pairs, "present", first_listed)),
    ),
    (
        "empty looks at one field",
        Reads(|pairs| edit(pairs, "empty", first_listed)),
    ),
    (
        "priority is not looked at beside status",
        Reads(|pairs| {
            let has_status = pairs.iter().any(|(name, _)| name == "status");
            pairs.retain(|(name, _)| name != "priority" || !has_status);
        }),
    ),
    (
        "no merged_to is 0",
        Seen(|ticket| {
            ticket.merged_to.get_or_insert(0);
        }),
    ),
    (
        "the last custom field of a name counts",
        Seen(|ticket| ticket.custom_fields.reverse()),
    ),
    (
        "summaries are cut for keywords",
        Seen(|ticket| {
            ticket.summary = ticket.summary.chars().take(10).collect();
        }),
    ),
    (
        "end_cid takes no prefix",
        Fewer(|query, ticket| {
            query
                .cid_range()
                .1
                .is_none_or(|end| fold(&ticket.cid) <= fold(end))
        }),
    ),
    (
        "start_cid is exclusive",
        Fewer(|query, ticket| {
            query
                .cid_range()
                .0
                .is_none_or(|start| fold(&ticket.cid) != fold(start))
        }),
    ),
    (
        "start_date is exclusive",
        Fewer(|query, ticket| {
            query
                .date_range()
                .0
                .is_none_or(|start| ticket.date_opened != Some(start))
        }),
    ),
    (
        "end_date is exclusive",
        Fewer(|query, ticket| {
            query
                .date_range()
                .1
                .is_none_or(|end| ticket.date_opened != Some(end))
        }),
    ),
    (
        "due_date is midnight",
        Fewer(|query, ticket| {
            query
                .due()
                .is_none_or(|due| ticket.due_date == Some(due.first_second()))
        }),
    ),
    (
        "status is compared letter by letter",
        Fewer(|query, ticket| {
            let values = query.values(Field::Status);
            values.is_empty() || values.contains(&ticket.status)
        }),
    ),
    (
        "texts are not folded for keywords",
        Fewer(|query, ticket| {
            query
                .terms()
                .iter()
                .all(|term| holds(ticket, |text| text.contains(&**term)))
        }),
    ),
    (
        "keywords are no part of a word",
        Fewer(|query, ticket| {
            let is_word =
                |text: &str, term: &str| text.split_whitespace().any(|it| fold(it) == *term);
            query
                .terms()
                .iter()
                .all(|term| holds(ticket, |text| is_word(text, term)))
        }),
    ),
    (
        "!= is not for tickets without a value",
        Fewer(|query, ticket| {
            each(query, |field, test| match test {
                FieldTest::NoneOf(_) => !text(ticket, field).is_empty(),
                _ => true,
            })
        }),
    ),
    (
        "a list of commas is not empty",
        Fewer(|query, ticket| {
            each(query, |field, test| match test {
                FieldTest::Empty if is_list(field) => text(ticket, field).is_empty(),
                _ => true,
            })
        }),
    ),
    (
        "a list equals as a whole",
        Fewer(|query, ticket| {
            each(query, |field, test| match test {
                FieldTest::AnyOf(values) if is_list(field) => {
                    let own = fold(&text(ticket, field));
                    values.iter().any(|value| fold(&value.to_string()) == own)
                }
                _ => true,
            })
        }),
    ),
    (
        "elements are not trimmed",
        Fewer(|query, ticket| {
            each(query, |field, test| match test {
                FieldTest::AnyOf(values) if is_list(field) => {
                    let own = fold(&text(ticket, field));
                    let mut elements = own.split(',');
                    elements.any(|own| values.iter().any(|value| fold(&value.to_string()) == own))
                }
                _ => true,
            })
        }),
    ),
    (
        "custom names are compared letter by letter",
        Fewer(|query, ticket| {
            each(query, |field, test| match (field, test) {
                (AnyField::Custom(name), FieldTest::AnyOf(_)) => {
                    ticket.custom_fields.iter().any(|(own, _)| own == name)
                }
                _ => true,
            })
        }),
    ),
    (
        ">= is exclusive for integers",
        Fewer(|query, ticket| {
            each(query, |field, test| match (field, test) {
                (AnyField::Field(Field::Tid), _) => true,
                (_, FieldTest::AtLeast(FilterValue::Integer(least))) => {
                    text(ticket, field) != least.to_string()
                }
                _ => true,
            })
        }),
    ),
    (
        "<= is exclusive for dates",
        Fewer(|query, ticket| {
            each(query, |field, test| match (field, test) {
                (AnyField::Field(field), FieldTest::AtMost(FilterValue::Date(most))) => {
                    match ticket.cell(*field) {
                        Cell::Date(Some(own)) => own < most.last_second(),
                        _ => true,
                    }
                }
                _ => true,
            })
        }),
    ),
    (
        "texts are not folded for the order",
        Sorted(|ticket| {
            // Folded, these come in the order of the letters as they are.
            let shown = |text: &str| -> String {
                let codes: Vec<String> = text
                    .chars()
                    .map(|c| format!("{:06x}", u32::from(c)))
                    .collect();
                codes.concat()
            };
            ticket.status = shown(&ticket.status);
            ticket.subject = shown(&ticket.subject);
        }),
    ),
    (
        "no date comes last",
        Sorted(|ticket| {
            let last = ticketdex::chrono::NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
            ticket.due_date = ticket.due_date.or(last.and_hms_opt(23, 59, 59));
        }),
    ),
    (
        "ties go to the higher tid",
        Order(|order| format!("{order},tid DESC")),
    ),
    ("one key orders", Order(first_listed)),
    (
        "directions are not looked at",
        Order(|order| order.replace(" DESC", "")),
    ),
    (
        "pages count from 0",
        Page(|tids, count, page| window(tids, count, Some(page))),
    ),
    (
        "past the end is the last page",
        Page(|tids, count, page| {
            let last = (tids.len() as u64).saturating_sub(1) / count;
            window(tids, count, Some((page - 1).min(last)))
        }),
    ),
    (
        "the rows before a page overflow",
        Page(|tids, count, page| {
            let skip = usize::try_from((page - 1).wrapping_mul(count)).unwrap();
            let left = tids.iter().copied().skip(skip);
            left.take(usize::try_from(count).unwrap()).collect()
        }),
    ),
    (
        "the total is that of the page",
        Total(|query, total, tids| {
            if query.is_count_only() {
                total
            } else {
                tids.len() as u64
            }
        }),
    ),
    (
        "count limits count_only",
        Total(|query, total, _| match query.count() {
            Some(count) if query.is_count_only() => total.min(count),
            _ => total,
        }),
    ),
    (
        "blanks are %20",
        Body(|_, format, body| match format {
            Format::Csv => body,
            _ => String::from_utf8(body)
                .unwrap()
                .replace('+', "%20")
                .into_bytes(),
        }),
    ),
    (
        "CSV ends its lines by LF",
        Body(|_, format, body| match format {
            Format::Csv => String::from_utf8(body)
                .unwrap()
                .replace("\r\n", "\n")
                .into_bytes(),
            _ => body,
        }),
    ),
    ("pages need no count", Accepts("page_needs_count")),
    ("an invalid value is a bad value", Renames("invalid_value")),
];

fn edit(pairs: &mut Pairs, name: &str, change: impl Fn(&str) -> String) {
    for (own, value) in pairs {
        if own == name {
            *value = change(value);
        }
    }
}

fn number(value: &str) -> u64 {
    value.parse().unwrap()
}

fn first_word(value: &str) -> String {
    value.split(' ').next().unwrap_or_default().to_owned()
}

fn first_listed(value: &str) -> String {
    value.split(',').next().unwrap_or_default().to_owned()
}

/// Whether something holds of a searchable text.
fn holds(ticket: &Ticket, test: impl Fn(&str) -> bool) -> bool {
    let fields = Field::ALL.into_iter().filter(|field| field.is_searchable());
    let mut texts = fields.map(|field| text(ticket, &field.into()));
    let custom = AnyField::Custom;
    let mut own = ticket.custom_fields.iter();
    texts.any(|text| test(&text)) || own.any(|(name, _)| test(&text(ticket, &custom(name.clone()))))
}

fn each(query: &Query, test: impl Fn(&AnyField, &FieldTest) -> bool) -> bool {
    query
        .filters()
        .iter()
        .all(|filter| test(&filter.field, &filter.test))
}

fn is_list(field: &AnyField) -> bool {
    field.field().is_some_and(Field::is_list)
}

/// A value as text, empty where there is none.
fn text(ticket: &Ticket, field: &AnyField) -> String {
    match field {
        AnyField::Field(field) => match ticket.cell(*field) {
            Cell::Text(text) => text.to_owned(),
            Cell::Integer(number) => number.to_string(),
            Cell::OptionalInteger(number) => number.map(|it| it.to_string()).unwrap_or_default(),
            Cell::Date(date) => date.map(|it| it.to_string()).unwrap_or_default(),
            _ => String::new(),
        },
        AnyField::Custom(name) => {
            let mut pairs = ticket.custom_fields.iter();
            let own = pairs.find(|(own, _)| own.eq_ignore_ascii_case(name));
            own.map(|(_, text)| text.clone()).unwrap_or_default()
        }
        _ => unreachable!("a field is one of the two"),
    }
}

/// The tids of a page, which counts from 0 here; without one all up to a number.
fn window(tids: &[u64], count: u64, page: Option<u64>) -> Vec<u64> {
    let skip = u128::from(page.unwrap_or(0)) * u128::from(count);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let count = usize::try_from(count).unwrap();
    tids.iter().copied().skip(skip).take(count).collect()
}

/// A naive evaluator with one bug, or with none.
struct Evaluator<'a> {
    bug: Option<Bug>,
    pairs_count: &'a Counter<u32>,
}

impl Evaluator<'_> {
    /// The tickets that match, as they came.
    fn matching<'t>(&self, tickets: &'t [Ticket], query: &Query) -> Option<Vec<&'t Ticket>> {
        let canonical = query.to_string();
        let pairs = form_urlencoded::parse(canonical.as_bytes()).into_owned();
        let others = ["count", "page", "count_only", "order", "fields"];
        let mut pairs: Pairs = pairs
            .filter(|(name, _)| !others.contains(&&**name))
            .collect();
        if let Some(Reads(change)) = self.bug {
            change(&mut pairs);
        }
        let mut filters = form_urlencoded::Serializer::new(String::new());
        let filters: Query = filters.extend_pairs(pairs).finish().parse().ok()?;
        let mut seen = tickets.to_vec();
        if let Some(Seen(change)) = self.bug {
            seen.iter_mut().for_each(change);
        }
        let tids = Reference::from_tickets(seen).ok()?.tids(&filters);
        let mut found: Vec<&Ticket> = tickets.iter().filter(|it| tids.contains(&it.tid)).collect();
        if let Some(Fewer(holds)) = self.bug {
            found.retain(|ticket| holds(query, ticket));
        }
        Some(found)
    }

    /// The tids of tickets in the order of a request.
    fn in_order(&self, tickets: Vec<&Ticket>, query: &Query) -> Option<Vec<u64>> {
        let mut tickets: Vec<Ticket> = tickets.into_iter().cloned().collect();
        if let Some(Sorted(change)) = self.bug {
            tickets.iter_mut().for_each(change);
        }
        let keys: Vec<String> = query.order().iter().map(ToString::to_string).collect();
        let mut order = keys.join(",");
        if let Some(Order(change)) = self.bug
            && !order.is_empty()
        {
            order = change(&order);
        }
        let mut pair = form_urlencoded::Serializer::new(String::new());
        let order: Query = pair.append_pair("order", &order).finish().parse().ok()?;
        Some(Reference::from_tickets(tickets).ok()?.tids(&order))
    }

    fn reply(&self, tickets: &[Ticket], request: &Request) -> Option<Reply> {
        let query = request.query()?;
        if query.after().is_some() || query.before().is_some() {
            return None; // It does not claim to know places.
        }
        let tids = self.in_order(self.matching(tickets, query)?, query)?;
        let mut total = tids.len() as u64;
        let page = match (query.count(), query.page(), self.bug) {
            _ if query.is_count_only() => Vec::new(),
            (None, ..) => tids,
            (Some(count), Some(page), Some(Page(take))) => take(&tids, count, page),
            (Some(count), page, _) => window(&tids, count, page.map(|page| page - 1)),
        };
        if let Some(Total(change)) = self.bug {
            total = change(query, total, &page);
        }
        let body = match self.bug {
            Some(Body(change)) => {
                let reference = Reference::from_tickets(tickets.iter().cloned()).ok()?;
                let format = request.format.unwrap_or(Format::Xml);
                Some(change(query, format, reference.respond(query, format)))
            }
            _ => None,
        };
        Some(Reply {
            total: Some(total),
            tids: Some(page),
            body,
        })
    }
}

impl Implementation for Evaluator<'_> {
    fn answer(&self, tickets: &[Ticket], request: &str) -> Option<Result<Reply, String>> {
        self.pairs_count.set(self.pairs_count.get() + 1);
        let refused = match request.parse::<Request>() {
            Ok(request) => return self.reply(tickets, &request).map(Ok),
            Err(error) => error.code().to_owned(),
        };
        Some(match self.bug {
            Some(Accepts(code)) if refused == code => Ok(Reply::default()),
            Some(Renames(code)) if refused == code => Err("bad_value".to_owned()),
            _ => Err(refused),
        })
    }
}

#[test]
fn each_planted_bug_is_found_and_told_shortly() {
    let mut longest = 0;
    for (name, bug) in BUGS {
        let pairs_count = Counter::new(0);
        let evaluator = Evaluator {
            bug: Some(bug),
            pairs_count: &pairs_count,
        };
        let difference = find_difference(1, PAIRS_MAX, &evaluator);
        let Some(difference) = difference else {
            panic!("not found in {PAIRS_MAX} pairs: {name}");
        };
        let report = difference.to_string();
        println!(
            "--- {name}: {} pairs, {} bytes\n{report}",
            pairs_count.get(),
            report.len()
        );
        assert!(report.len() <= REPORT_BYTES_MAX, "{name}: {report}");
        assert!(pairs_count.get() <= PAIRS_MAX, "{name}");
        // It is the bug that is told: the case shows it again, and the reference is right there.
        assert!(difference.case.difference(&evaluator).is_some(), "{name}");
        longest = longest.max(pairs_count.get());
    }
    println!("at most {longest} pairs, those that make a difference small included");
}

#[test]
fn an_evaluator_without_a_bug_differs_nowhere() {
    let evaluator = Evaluator {
        bug: None,
        pairs_count: &Counter::new(0),
    };
    if let Some(difference) = find_difference(2, 5_000, &evaluator) {
        panic!("{difference}");
    }
}

/// Nothing can be left out of what is told.
#[test]
fn a_report_holds_nothing_that_its_bug_does_not_need() {
    for (name, bug) in BUGS {
        let pairs_count = Counter::new(0);
        let evaluator = Evaluator {
            bug: Some(bug),
            pairs_count: &pairs_count,
        };
        let case = find_difference(3, PAIRS_MAX, &evaluator).map(|it| it.case);
        let case = case.unwrap_or_else(|| panic!("not found: {name}"));
        for at in 0..case.tickets.len() {
            let mut shorter = case.clone();
            shorter.tickets.remove(at);
            assert!(shorter.difference(&evaluator).is_none(), "{name}: {case}");
        }
        let pairs: Vec<&str> = case.request.split('&').collect();
        for at in 0..pairs.len() {
            let mut shorter = case.clone();
            shorter.request = [&pairs[..at], &pairs[at + 1..]].concat().join("&");
            let is_lost =
                shorter.request == case.request || shorter.difference(&evaluator).is_none();
            assert!(is_lost, "{name}: {case}");
        }
    }
}
