//! Pages that follow a place, near the start and deep: the rows, and the record.

use std::fmt::Write;

use ticketdex::{Query, Snapshot};

use crate::engine;
use crate::measure;
use crate::peer::{Failure, Peer};
use crate::record::{head, micros, thousands};
use crate::sqlite::Sqlite;

/// How many records a page has.
const PAGE: u64 = 50;

/// Orders and filters, each with the parts of its matches behind which a page is asked for.
const ROWS: [(&str, &str); 7] = [
    ("all, by tid", "order=tid"),
    ("all, by date_opened DESC", "order=date_opened+DESC"),
    ("all, by last_updated", "order=last_updated"),
    (
        "one status, by date_opened",
        "status=Closed&order=date_opened",
    ),
    (
        "one status, by last_updated DESC",
        "status=Open&order=last_updated+DESC",
    ),
    (
        "all, by priority, date_opened",
        "order=priority,date_opened",
    ),
    ("all but one status, by cid", "status!=Closed&order=cid"),
];

/// What was found for one row, in microseconds.
#[derive(Clone, Debug)]
struct Measured {
    name: &'static str,
    page: u64,
    by_place: f64,
    by_number: f64,
    sqlite_place: f64,
    peers: Vec<Option<f64>>,
}

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Places {
    tickets_count: usize,
    peers: Vec<&'static str>,
    rows: Vec<Measured>,
}

impl Places {
    /// Asks for the same pages by place and by number, compares, and measures.
    pub fn measure(
        tickets_count: usize,
        snapshot: &Snapshot,
        sqlite: &Sqlite,
        peers: &[&dyn Peer],
    ) -> Result<Places, Failure> {
        let mut rows = Vec::new();
        for (name, request) in ROWS {
            let query: Query = request.parse()?;
            let pages = snapshot.answer(&query).total() / PAGE;
            for page in [2, pages / 20, pages / 2] {
                eprintln!("{name}, page {page} …");
                rows.push(measure_row(name, request, page, snapshot, sqlite, peers)?);
            }
        }
        Ok(Places {
            tickets_count,
            peers: peers.iter().map(|peer| peer.name()).collect(),
            rows,
        })
    }

    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        head(
            &mut out,
            "Places in an order",
            self.tickets_count,
            "--places --record",
        )?;
        writeln!(
            out,
            "\n\
            Medians in µs for pages of {PAGE} records; all pages were compared first. By place is \
            `after=TOKEN` here and `WHERE (a, b, tid) > (?, ?, ?)` in SQLite; all others skip by \
            number. The engine's figure parses the request and finds the page; peers read its rows.\n"
        )?;
        writeln!(
            out,
            "| page | number | ticketdex, by place | by number | SQLite, by place | {} |\n|---|{}",
            self.peers
                .iter()
                .map(|name| format!("{name}, by number"))
                .collect::<Vec<_>>()
                .join(" | "),
            "---:|".repeat(self.peers.len() + 4)
        )?;
        for row in &self.rows {
            let peers = row.peers.iter();
            let peers = peers.map(|figure| figure.map_or("–".to_owned(), micros));
            let peers: Vec<String> = peers.collect();
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                row.name,
                thousands(row.page as f64),
                micros(row.by_place),
                micros(row.by_number),
                micros(row.sqlite_place),
                peers.join(" | ")
            )?;
        }
        writeln!(out, "\nThe orders and filters:\n")?;
        for (name, request) in ROWS {
            writeln!(out, "- {name}: `{request}&count={PAGE}`")?;
        }
        Ok(out)
    }
}

fn measure_row(
    name: &'static str,
    request: &str,
    page: u64,
    snapshot: &Snapshot,
    sqlite: &Sqlite,
    peers: &[&dyn Peer],
) -> Result<Measured, Failure> {
    let numbered = |page: u64| format!("{request}&tid=*&count={PAGE}&page={page}");
    let tids = |request: &str| -> Result<Vec<u64>, Failure> {
        let answer = snapshot.answer(&request.parse()?);
        Ok(answer.records().map(|record| record.tid()).collect())
    };
    let before: Query = numbered(page - 1).parse()?;
    let place = snapshot.answer(&before).next();
    let place = place.ok_or_else(|| format!("{name} has no page {page}"))?;
    let last = *tids(&numbered(page - 1))?.last().ok_or("an empty page")?;
    let placed = format!("{request}&count={PAGE}&after={place}");
    let whole: Query = format!("{request}&count={PAGE}").parse()?;
    let by_number: Query = numbered(page).parse()?;

    let expected = tids(&numbered(page))?;
    let mut others = vec![tids(&placed)?, sqlite.tids_after(&whole, last)?];
    let mut figures = Vec::new();
    for peer in peers {
        others.extend(peer.tids(&by_number)?);
        figures.push(match peer.prepare(&by_number)? {
            Some(mut run) => Some(measure::median(&mut run)?),
            None => None,
        });
    }
    if others.iter().any(|other| *other != expected) {
        return Err(format!("page {page} of {name} differs: {expected:?}, {others:?}").into());
    }
    Ok(Measured {
        name,
        page,
        by_place: measure::median(|| engine::answer(snapshot, &placed))?,
        by_number: measure::median(|| engine::answer(snapshot, &numbered(page)))?,
        sqlite_place: measure::median(sqlite.prepare_after(&whole, last)?)?,
        peers: figures,
    })
}
