//! The requests that are measured, with what each aims for and what was published.
//!
//! Published are the medians of an earlier run of five peers over a million tickets on
//! two cores, in microseconds. DuckDB and Polars are not run here: their figures are the
//! published ones, all scaled by one factor, which is the geometric mean of how long the
//! linear scan takes for a row in this run against what it took in that one.

use std::collections::HashMap;

use ticketdex::synth::World;
use ticketdex::{Error, Field, Query, SortKey, Ticket};

use crate::values::values_of;

/// What an answer aims for at a million tickets on one core, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// The first time that anything needs what the answer needs.
    pub first: Option<f64>,
    /// Any later time.
    pub again: Option<f64>,
}

/// Figures that were published for peers, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// DuckDB on two threads.
    pub duckdb: f64,
    /// Polars on two threads.
    pub polars: f64,
    /// A linear scan.
    pub scan: f64,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is asked for, in words.
    pub name: &'static str,
    /// The request.
    pub request: String,
    /// What the request says.
    pub query: Query,
    /// What its answer aims for.
    pub aim: Aim,
    /// What peers took; none where they were not measured.
    pub published: Option<Published>,
    /// Which load of the engine is asked it for its first time, from 0: no row before it
    /// in that round makes the engine keep a thing that this one needs.
    pub round: usize,
}

/// What a row shares with others: words of a request stand for the values of one ticket.
type Line = (&'static str, &'static str, Aim, Option<Published>);

const fn again(us: f64) -> Aim {
    Aim {
        first: None,
        again: Some(us),
    }
}

const fn first(us: f64, again: Option<f64>) -> Aim {
    Aim {
        first: Some(us),
        again,
    }
}

const fn published(duckdb: f64, polars: f64, scan: f64) -> Option<Published> {
    Some(Published {
        duckdb,
        polars,
        scan,
    })
}

const LINES: [Line; 29] = [
    (
        "one ticket by tid",
        "tid={tid}",
        again(3.0),
        published(6_800.0, 1_330.0, 19_900.0),
    ),
    (
        "count, 1 filter",
        "status={status_few}&count_only=Y",
        again(0.5),
        published(1_950.0, 500.0, 23_700.0),
    ),
    (
        "count, 3 filters",
        "status={status_most}&priority={priority}&category={category}&count_only=Y",
        again(20.0),
        published(3_290.0, 840.0, 89_800.0),
    ),
    (
        "count, 5 filters",
        "status={status_most}&priority={priority_most}&source={source}&category={category_other}&category={category_third}\
        &escalation={escalation}&count_only=Y",
        again(40.0),
        published(5_860.0, 980.0, 115_700.0),
    ),
    (
        "page 1, 3 filters, by tid",
        "status={status_most}&priority={priority}&category={category}&count=50",
        again(60.0),
        published(7_490.0, 4_720.0, 82_300.0),
    ),
    (
        "page 1, 3 filters, by date_opened DESC",
        "status={status_most}&priority={priority}&category={category}&count=50&order=date_opened+DESC",
        again(60.0),
        published(7_090.0, 20_800.0, 139_800.0),
    ),
    (
        "page 1, 3 filters, by last_updated DESC",
        "status={status_most}&priority={priority}&category={category}&count=50&order=last_updated+DESC",
        again(60.0),
        published(7_690.0, 18_800.0, 100_100.0),
    ),
    (
        "page 1, 3 filters, by priority, date",
        "status={status_few}&category={category}&source={source}&count=50&order=priority,date_opened",
        again(80.0),
        published(22_500.0, 11_000.0, 29_400.0),
    ),
    (
        "page 1, 3 filters, by cid",
        "status={status_most}&priority={priority}&category={category}&count=50&order=cid",
        again(80.0),
        published(26_500.0, 15_200.0, 165_100.0),
    ),
    (
        "page 1 of all, by company_name DESC",
        "count=50&order=company_name+DESC",
        again(50.0),
        published(36_000.0, 16_500.0, 4_018_000.0),
    ),
    (
        "page 2,000 of all, by date_opened",
        "tid=*&count=50&page=2000&order=date_opened",
        again(50.0),
        published(233_500.0, 536_000.0, 2_105_500.0),
    ),
    (
        "page 2,000 of one status (80 %), by date_opened",
        "status={status_most}&tid=*&count=50&page=2000&order=date_opened",
        again(400.0),
        published(806_400.0, 583_000.0, 2_007_000.0),
    ),
    (
        "one customer's tickets, by date",
        "cid={cid}&count=50&order=date_opened",
        again(50.0),
        published(9_510.0, 15_200.0, 53_200.0),
    ),
    (
        "start_cid and end_cid narrow",
        "start_cid={cid_start}&end_cid={cid_start}&count=50",
        again(60.0),
        published(36_500.0, 9_870.0, 73_300.0),
    ),
    (
        "start_cid=j, page 1 by date",
        "start_cid={cid_letter}&count=50&order=date_opened",
        again(100.0),
        published(7_870.0, 44_300.0, 401_700.0),
    ),
    (
        "one month and one status",
        "start_date={month_first}&end_date={month_last}&status={status_few}&count=50",
        again(60.0),
        published(8_260.0, 4_930.0, 133_200.0),
    ),
    (
        "5 years and one status, page 1",
        "start_date={month_first}&end_date={five_years_last}&status={status_few}&count=50",
        again(60.0),
        published(10_800.0, 16_300.0, 83_500.0),
    ),
    (
        "due on a day",
        "due_date={due}&count=50",
        again(60.0),
        published(12_900.0, 6_350.0, 77_300.0),
    ),
    (
        "technician and status",
        "uid={uid}&status={status_few}&count=50",
        again(60.0),
        published(37_800.0, 11_700.0, 23_900.0),
    ),
    (
        "tid range of 50,000, by another field",
        "start_tid={tid}&end_tid={tid_end}&count=50&order=last_updated",
        again(200.0),
        published(9_500.0, 7_100.0, 117_800.0),
    ),
    (
        "keyword, rare (19 tickets), page 1",
        "keyword={rare}&count=50",
        again(60.0),
        published(610_000.0, 40_700.0, 77_400.0),
    ),
    (
        "keyword, no match",
        "keyword=qzxwvqj&count=50",
        again(5.0),
        published(591_000.0, 43_300.0, 80_500.0),
    ),
    (
        "keyword, medium, page 1",
        "keyword={medium}&count=50",
        again(150.0),
        published(18_100.0, 55_500.0, 105_800.0),
    ),
    (
        "keyword, medium, with 3 filters",
        "keyword={medium}&status={status_most}&priority={priority}&category={category}&count=50",
        again(150.0),
        published(65_900.0, 53_900.0, 37_300.0),
    ),
    (
        "keyword, 3 letters (97,000 tickets), count",
        "keyword={short}&count_only=Y",
        first(300.0, Some(1.0)),
        published(297_000.0, 43_300.0, 78_700.0),
    ),
    (
        "keyword, common (411,000 tickets), count",
        "keyword={common}&count_only=Y",
        first(2_000.0, Some(1.0)),
        published(441_600.0, 47_600.0, 110_900.0),
    ),
    (
        "keyword, common, page 1 by date DESC",
        "keyword={common}&count=50&order=date_opened+DESC",
        again(150.0),
        published(18_800.0, 112_300.0, 969_700.0),
    ),
    (
        "keyword, common, one status, page 1",
        "keyword={common}&status={status_few}&count=50",
        again(150.0),
        published(25_200.0, 63_400.0, 83_600.0),
    ),
    (
        "keyword of 2 letters, count",
        "keyword={two}&count_only=Y",
        first(5_000.0, None),
        None,
    ),
];

/// Returns the rows, with values of the tickets, which are of a world.
///
/// What was published was measured over the world `desk`, and is left out of the rows of others.
pub fn rows(tickets: &[Ticket], world: World) -> Result<Vec<Row>, Error> {
    let values = values_of(tickets, world);
    let mut rows = Vec::new();
    let mut rounds: HashMap<String, usize> = HashMap::new();
    for line in LINES {
        let mut row = row(line, &values)?;
        let kept = kept(&row.query);
        let round = kept.iter().filter_map(|thing| rounds.get(thing).copied());
        row.round = round.max().unwrap_or(0);
        row.published = row.published.filter(|_| world == World::Desk);
        rounds.extend(kept.into_iter().map(|thing| (thing, row.round + 1)));
        rows.push(row);
    }
    Ok(rows)
}

/// Returns deep pages in more orders, which many segments make harder.
pub fn more_pages() -> Result<Vec<Row>, Error> {
    let lines: [Line; 2] = [
        (
            "page 2,000 of all, by tid",
            "tid=*&count=50&page=2000",
            again(50.0),
            None,
        ),
        (
            "page 2,000 of all, by company_name DESC",
            "tid=*&order=company_name+DESC&count=50&page=2000",
            again(50.0),
            None,
        ),
    ];
    lines.into_iter().map(|line| row(line, &[])).collect()
}

fn row(
    (name, template, aim, published): Line,
    values: &[(&'static str, String)],
) -> Result<Row, Error> {
    let mut request = template.to_owned();
    for (word, value) in values {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        request = request.replace(word, &value);
    }
    Ok(Row {
        name,
        query: request.parse()?,
        request,
        aim,
        published,
        round: 0,
    })
}

/// Returns what an answer may leave behind for later ones: terms, and orders but by tid.
fn kept(query: &Query) -> Vec<String> {
    let terms = query.terms().iter().map(|term| format!("term {term}"));
    let orders = query.order().iter().filter_map(|key| match key.key {
        SortKey::Field(Field::Tid | Field::DateOpened) => None,
        SortKey::Field(field) => Some(format!("order {}", field.name())),
        _ => None,
    });
    terms.chain(orders).collect()
}
