//! The rows of the table, and requests at random, over the tickets of every world.
//!
//! A table of speed over one kind of help desk says little of another. Here each world's rows ask for values
//! of its own tickets, and a mix of requests stands for what no row thinks of. Answers are compared first,
//! as everywhere.

use std::fmt::Write;
use std::path::Path;

use ticketdex::synth::World;
use ticketdex::{Query, Snapshot};

use crate::compare::{ask_first, measure_row};
use crate::data::{COMPACT, Data, Load, SEED};
use crate::engine;
use crate::measure::{geometric_mean, once};
use crate::peer::{Failure, Peer};
use crate::record::{Measured, head, micros, thousands};
use crate::table::rows;

/// The requests of a mix.
const MIX_COUNT: usize = 500;

/// How often each is answered; the fastest counts.
const MIX_RUNS: usize = 3;

/// What is loaded of each world. The scan is left out, which is the structs with their dates read.
const LOADS: [&str; 5] = ["structs", "ticketdex", COMPACT, "SQLite", "Tantivy"];

/// A world with what was found in it.
#[derive(Clone, Debug)]
struct Run {
    world: World,
    json_bytes: u64,
    loads: [Load; LOADS.len()],
    rows: Vec<Measured>,
    /// What each request of the mix took here and where it was fastest among the peers, in microseconds.
    mix: Vec<(String, f64, f64)>,
}

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Worlds {
    tickets_count: usize,
    runs: Vec<Run>,
}

impl Worlds {
    /// Asks the engine and its peers in some worlds.
    pub fn measure(
        folder: &Path,
        worlds: &[World],
        tickets_count: usize,
    ) -> Result<Worlds, Failure> {
        let runs = worlds.iter().map(|&world| {
            eprintln!("{world} …");
            measure_world(&Data::open(folder, world, tickets_count)?)
        });
        Ok(Worlds {
            tickets_count,
            runs: runs.collect::<Result<_, Failure>>()?,
        })
    }

    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        let title = "`ticketdex` and its peers in every world";
        head(&mut out, title, self.tickets_count, "--worlds --record")?;
        writeln!(
            out,
            "\nAs in the table of the world `desk`, with values of each world's own tickets; peers are \
            SQLite (not in `wide`, whose numbers it cannot hold), Tantivy and a linear scan. *Ratio* is the fastest peer to the answer; *over aim* are \
            rows whose aim, which is for a million tickets of `desk`, is missed; a page may take a nanosecond more for \
            each byte that its XML has over 80 KB. The mix are {MIX_COUNT} \
            requests at random, each answered {MIX_RUNS} times here and once by each peer.\n"
        )?;
        writeln!(
            out,
            "| world | ratio: mean | worst | over aim | mix: ratio, mean | worst | slowest, µs |\n|---|{}",
            "---:|".repeat(6)
        )?;
        for run in &self.runs {
            run.summarize(&mut out)?;
        }
        self.list_loads(&mut out)?;
        for run in &self.runs {
            run.list(&mut out)?;
        }
        Ok(out)
    }
}

impl Worlds {
    /// Writes what the loads of each world took and left.
    fn list_loads(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## Loads\n\n\
            From JSON Lines to every index, each in a process of its own; *structs* parses the lines and indexes \
            nothing. *Resident* is what the process has more than at its start, of Tantivy the bytes of its index, \
            which is mapped; *at most* is the peak until then. *Held* is what the store accounts for, and its part \
            of the JSON Lines. `churn` is loaded and then changed, which no peer does: they load what is left.\n\n\
            | world | JSON, MiB | what loads | s | CPU s | resident, MiB | at most | held | of the JSON | \
            XML out, GB/s | JSON out |\n|---|---:|---|{}",
            "---:|".repeat(8)
        )?;
        for run in &self.runs {
            let json_mib = run.json_bytes as f64 / 1_048_576.0;
            for (name, load) in LOADS.into_iter().zip(&run.loads) {
                write!(
                    out,
                    "| {} | {} | {name} | {:.1} | {:.1} | {} | {} |",
                    run.world,
                    thousands(json_mib),
                    load.seconds,
                    load.cpu_seconds,
                    thousands(load.mib),
                    thousands(load.peak_mib),
                )?;
                match load.held {
                    Some(held) => writeln!(
                        out,
                        " {} | {:.2} | {:.2} | {:.2} |",
                        thousands(held.memory_mib),
                        held.memory_mib / json_mib,
                        held.exports[0],
                        held.exports[1],
                    )?,
                    None => writeln!(out, " – | – | – | – |")?,
                }
            }
        }
        Ok(())
    }
}

fn measure_world(data: &Data) -> Result<Run, Failure> {
    let mut loads = Vec::new();
    for name in LOADS {
        eprintln!("  loading {name} …");
        loads.push(data.load(name)?);
    }
    let scan = data.scan()?;
    let rows = rows(scan.tickets(), data.world())?;
    let (snapshot, firsts) = ask_first(data, &rows)?;
    let (sqlite, tantivy) = (data.sqlite()?, data.tantivy()?);
    let all: [&dyn Peer; 3] = [&sqlite, &tantivy, &scan];
    // The integers of SQLite end at 2^63 - 1, and this world has numbers past that.
    let peers = &all[usize::from(data.world() == World::Wide)..];
    let measured = rows.into_iter().zip(firsts).map(|(row, first)| {
        eprintln!("  {} …", row.name);
        let mut measured = measure_row(row, first, &snapshot, peers)?;
        // Only what was run here is compared.
        measured.row.published = None;
        Ok(measured)
    });
    let rows = measured.collect::<Result<_, Failure>>()?;
    let requests = data.world().requests(SEED, data.tickets_count() as u64);
    let mix = requests.take(MIX_COUNT);
    let mix = mix.map(|request| measure_mixed(request, &snapshot, peers));
    Ok(Run {
        world: data.world(),
        json_bytes: std::fs::metadata(data.jsonl())?.len(),
        loads: loads.try_into().map_err(|_| "a load is missing")?,
        rows,
        mix: mix.collect::<Result<_, Failure>>()?,
    })
}

fn measure_mixed(
    request: String,
    snapshot: &Snapshot,
    peers: &[&dyn Peer],
) -> Result<(String, f64, f64), Failure> {
    let query: Query = request.parse()?;
    let answer = snapshot.answer(&query);
    let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
    let mut best = f64::INFINITY;
    for peer in peers {
        let is_other = |total: u64| total != answer.total();
        let has_others = |other: &Vec<u64>| !query.is_count_only() && *other != tids;
        if peer.total(&query)?.is_some_and(is_other)
            || peer.tids(&query)?.as_ref().is_some_and(has_others)
        {
            return Err(format!("{} answers otherwise: {request}", peer.name()).into());
        }
        if let Some(mut run) = peer.prepare(&query)? {
            best = best.min(once(&mut run)?.0);
        }
    }
    let mut own = f64::INFINITY;
    for _ in 0..MIX_RUNS {
        own = own.min(once(|| engine::answer(snapshot, &request))?.0);
    }
    Ok((request, own, best))
}

impl Run {
    /// Returns each row's ratio to the fastest peer, with its name.
    fn ratios(&self) -> Vec<(f64, &'static str)> {
        let ratio = |measured: &Measured| {
            let best = measured.best_peer()?;
            Some((best / measured.engine.again, measured.row.name))
        };
        self.rows.iter().filter_map(ratio).collect()
    }

    fn summarize(&self, out: &mut String) -> std::fmt::Result {
        let ratios: Vec<f64> = self.ratios().iter().map(|(ratio, _)| *ratio).collect();
        let mixed: Vec<f64> = self.mix.iter().map(|(_, own, best)| best / own).collect();
        let least = |figures: &[f64]| figures.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = |figures: &[f64]| geometric_mean(figures).map_or("–".to_owned(), micros);
        let slowest = self.mix.iter().map(|(_, own, _)| *own).fold(0.0, f64::max);
        let missed = self.rows.iter().filter(|row| !row.misses().is_empty());
        writeln!(
            out,
            "| {} | {} | {} | {} of {} | {} | {} | {} |",
            self.world,
            mean(&ratios),
            micros(least(&ratios)),
            missed.count(),
            self.rows.len(),
            mean(&mixed),
            micros(least(&mixed)),
            micros(slowest),
        )
    }

    /// Writes the rows that miss an aim or are slow beside a peer, and the worst of the mix.
    fn list(&self, out: &mut String) -> std::fmt::Result {
        const MIXED_LISTED: usize = 5;
        const RATIO_LISTED: f64 = 2.0;
        writeln!(out, "\n## {}\n", self.world)?;
        writeln!(
            out,
            "| request | matches | first | answer | best peer | |\n|---|---:|---:|---:|---:|---|"
        )?;
        for measured in &self.rows {
            let misses = measured.misses().join("; ");
            let best = measured.best_peer();
            writeln!(
                out,
                "| {}: `{}` | {} | {} | {} | {} | {misses} |",
                measured.row.name,
                measured.row.request.replace('|', "%7C"),
                thousands(measured.total as f64),
                micros(measured.engine.first),
                micros(measured.engine.again),
                best.map_or("–".to_owned(), micros),
            )?;
        }
        let mut slow: Vec<&(String, f64, f64)> = self.mix.iter().collect();
        slow.retain(|(_, own, best)| best / own < RATIO_LISTED);
        slow.sort_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)));
        writeln!(
            out,
            "\nOf the mix, {} are less than {RATIO_LISTED} times as fast as the fastest peer:\n",
            slow.len()
        )?;
        for (request, own, best) in slow.into_iter().take(MIXED_LISTED) {
            writeln!(
                out,
                "- {} µs, a peer {}: `{request}`",
                micros(*own),
                micros(*best)
            )?;
        }
        Ok(())
    }
}
