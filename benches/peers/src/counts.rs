//! Counts by value, here and by peers: the rows, how they are measured, and the record.

use std::fmt::Write;

use ticketdex::synth::KEYWORD_MEDIUM;
use ticketdex::{CountQuery, Snapshot, fold};

use crate::engine::groups_of;
use crate::measure;
use crate::peer::{Failure, Groups, Peer};
use crate::record::{head, micros, thousands};

/// The keys that a list shows beside its filters.
const EIGHT: &str = "status,source,category,sub_category,priority,escalation,uid,group";

/// What is counted, in words and as a request, and what it aims for at a million tickets, in
/// microseconds.
fn rows() -> [(&'static str, String, Option<f64>); 10] {
    let eight = format!("status=Closed&priority=Normal&source=Email&exclude_own=Y&by={EIGHT}");
    let row = |name, request: &str, aim| (name, request.to_owned(), aim);
    [
        row("status, of all", "by=status", Some(20.0)),
        row(
            "10 busiest customers, of all",
            "by=cid&top=10",
            Some(5_000.0),
        ),
        row("years, of all", "by=date_opened.year", None),
        row(
            "10 most linked assets, of all",
            "by=linked_asset&top=10",
            None,
        ),
        (
            "8 keys, 3 filters, without a key's own",
            eight,
            Some(2_000.0),
        ),
        row(
            "days of a year, 2 filters",
            "start_date=1/1/2014&end_date=12/31/2014&status=Closed&priority=Normal\
            &by=date_opened.day",
            Some(1_000.0),
        ),
        row(
            "technicians, but of one status",
            "status!=Closed&by=uid",
            None,
        ),
        row(
            "10 busiest customers, 3 filters",
            "status=Closed&priority=High&category=Network&by=cid&top=10",
            None,
        ),
        row(
            "2 keys, a keyword",
            &format!("keyword={KEYWORD_MEDIUM}&by=status,priority"),
            None,
        ),
        row(
            "custom field, one status",
            "status=Open&by=custom_fields.Location",
            None,
        ),
    ]
}

/// What was found for one row, in microseconds.
#[derive(Clone, Debug)]
struct Measured {
    name: &'static str,
    request: String,
    aim: Option<f64>,
    total: u64,
    groups_count: usize,
    engine: f64,
    peers: Vec<Option<f64>>,
}

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Counts {
    tickets_count: usize,
    peers: Vec<&'static str>,
    rows: Vec<Measured>,
}

impl Counts {
    /// Asks the engine and its peers to count the same, compares, and measures.
    pub fn measure(
        tickets_count: usize,
        snapshot: &Snapshot,
        peers: &[&dyn Peer],
    ) -> Result<Counts, Failure> {
        let rows = rows().into_iter().map(|(name, request, aim)| {
            eprintln!("{name} …");
            let request = format!("action=count_tickets&{request}");
            let query: CountQuery = request.parse()?;
            let counts = snapshot.count_by(&query);
            let groups = groups_of(&counts);
            let mut figures = Vec::new();
            for peer in peers {
                let Some(other) = peer.groups(&query)? else {
                    figures.push(None);
                    continue;
                };
                if !is_same(&query, &groups, &other) {
                    return Err(format!("{} counts otherwise: {request}", peer.name()).into());
                }
                figures.push(Some(measure::median(|| peer.groups(&query))?));
            }
            let again = || Ok(snapshot.count_by(&request.parse()?).by().len());
            Ok(Measured {
                name,
                aim,
                total: counts.total(),
                groups_count: groups.iter().map(Vec::len).sum(),
                engine: measure::median(again)?,
                request,
                peers: figures,
            })
        });
        Ok(Counts {
            tickets_count,
            peers: peers.iter().map(|peer| peer.name()).collect(),
            rows: rows.collect::<Result<_, Failure>>()?,
        })
    }

    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        head(
            &mut out,
            "Counts by value",
            self.tickets_count,
            "--counts --record",
        )?;
        writeln!(
            out,
            "\n\
            Medians in µs, with the parsing of the request; groups were compared first. A dash \
            stands for what a peer's index cannot count. ✗ marks what misses its aim.\n"
        )?;
        writeln!(
            out,
            "| counted by | matches | groups | ticketdex | aim | {} | best peer over ours |\n|---|{}",
            self.peers.join(" | "),
            "---:|".repeat(self.peers.len() + 5)
        )?;
        let mut ratios = Vec::new();
        for row in &self.rows {
            let peers = row.peers.iter().flatten().copied();
            let best = peers.reduce(f64::min);
            let ratio = best.map(|best| best / row.engine);
            ratios.extend(ratio);
            let dash = |figure: Option<f64>| figure.map_or("–".to_owned(), micros);
            let peers: Vec<String> = row.peers.iter().copied().map(dash).collect();
            let is_missed = row.aim.is_some_and(|aim| row.engine > aim);
            writeln!(
                out,
                "| {}{} | {} | {} | {} | {} | {} | {} |",
                row.name,
                if is_missed { " ✗" } else { "" },
                thousands(row.total as f64),
                thousands(row.groups_count as f64),
                micros(row.engine),
                dash(row.aim),
                peers.join(" | "),
                dash(ratio)
            )?;
        }
        if let Some(mean) = measure::geometric_mean(&ratios) {
            writeln!(out, "\nGeometric mean of the last column: {mean:.0}.\n")?;
        }
        writeln!(out, "The requests, in the order of the table:\n")?;
        for row in &self.rows {
            writeln!(out, "- `{}`", row.request)?;
        }
        Ok(out)
    }
}

/// Compares groups: folded, as not every peer keeps the spelling, and of `top` the counts alone, as
/// not every peer says which of equal groups comes first.
fn is_same(query: &CountQuery, ours: &Groups, theirs: &Groups) -> bool {
    let comparable = |groups: &Groups| -> Groups {
        let keys = groups.iter().map(|groups| {
            let groups = groups.iter().map(|(value, count)| {
                let value = query.top().map_or_else(|| fold(value), |_| String::new());
                (value, *count)
            });
            let mut groups: Vec<_> = groups.collect();
            groups.sort();
            groups
        });
        keys.collect()
    };
    comparable(ours) == comparable(theirs)
}
