//! What a run found, as Markdown.

use std::fmt::Write;
use std::process::Command;

use ticketdex::{Field, Format, Memory};

use crate::data::Load;
use crate::engine::Figures;
use crate::measure::geometric_mean;
use crate::table::Row;

/// What may be added to an answer's aim for writing the page in XML, in microseconds: this much, or a nanosecond
/// a byte where tickets are so long that it is more.
const XML_AIM: f64 = 80.0;
const XML_AIM_PER_BYTE: f64 = 0.001;

/// The columns of the peers, in order; the first three are run, the others scaled.
pub const PEERS: [&str; 5] = ["SQLite", "Tantivy", "linear scan", "DuckDB*", "Polars*"];

/// A row with its figures, in microseconds.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The row.
    pub row: Row,
    /// How many tickets match.
    pub total: u64,
    /// What the engine took.
    pub engine: Figures,
    /// What each of [`PEERS`] took.
    pub peers: [Option<f64>; PEERS.len()],
    /// The engine's plan, as text.
    pub plan: String,
}

impl Measured {
    /// Returns what the fastest peer took.
    pub(crate) fn best_peer(&self) -> Option<f64> {
        self.peers.iter().flatten().copied().min_by(f64::total_cmp)
    }

    /// Returns what misses its aim, in words.
    pub(crate) fn misses(&self) -> Vec<String> {
        let aim = self.row.aim;
        let xml_aim = XML_AIM.max(self.engine.xml_bytes as f64 * XML_AIM_PER_BYTE);
        let with_xml = aim.again.map(|aim| aim + xml_aim);
        let figures = [
            ("first", self.engine.first, aim.first),
            ("answer", self.engine.again, aim.again),
            ("answer + XML", self.engine.with_xml, with_xml),
        ];
        let missed = figures.into_iter().filter_map(|(what, took, aim)| {
            let aim = aim.filter(|aim| took > *aim)?;
            Some(format!("{what} {} > {}", micros(took), micros(aim)))
        });
        let slower = self.best_peer().filter(|best| self.engine.again >= *best);
        let slower = slower.map(|best| format!("a peer takes {}", micros(best)));
        missed.chain(slower).collect()
    }
}

/// An export of everything, in gigabytes a second.
#[derive(Clone, Debug)]
pub struct Export {
    /// The format.
    pub format: Format,
    /// The engine.
    pub engine: f64,
    /// Each peer that was measured.
    pub peers: Vec<(&'static str, f64)>,
}

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Record {
    /// How many tickets everyone held.
    pub tickets_count: usize,
    /// The rows.
    pub rows: Vec<Measured>,
    /// How long this run's linear scan takes against the published one.
    pub scale: f64,
    /// Exports of everything.
    pub exports: Vec<Export>,
    /// What each load cost.
    pub loads: Vec<(&'static str, Load)>,
    /// The engine's memory, by part.
    pub memory: Memory,
}

impl Record {
    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        self.head(&mut out)?;
        self.table(&mut out)?;
        self.means(&mut out)?;
        self.others(&mut out)?;
        self.missed(&mut out)?;
        Ok(out)
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        head(
            out,
            "`ticketdex` and its peers",
            self.tickets_count,
            "--record",
        )?;
        writeln!(
            out,
            "\nMicroseconds, medians of repeated runs in one process, after every total and \
            every tid of a page was compared. *Answer* is parse, plan and run until the rows \
            and the total are known; *+ XML* writes the page as well; *first* is the first time \
            that a fresh store needs a term or an order. A peer answers a parsed request, SQLite \
            by a prepared statement: the whole rows of the page read, without the total (the \
            scan finds it anyway), or the total alone. Of peers with a star the published \
            figures are shown times {:.2}, which is how long this linear scan takes for a row \
            against the published one, in the geometric mean. *Ratio* is the fastest peer to \
            the answer; ✗ marks an aim missed.\n",
            self.scale
        )
    }

    fn table(&self, out: &mut String) -> std::fmt::Result {
        let peers = PEERS.join(" | ");
        writeln!(
            out,
            "| request | matches | first | answer | + XML | aim | {peers} | ratio |"
        )?;
        writeln!(out, "|---|{}", "---:|".repeat(6 + PEERS.len()))?;
        for measured in &self.rows {
            let Measured {
                row,
                total,
                engine,
                peers,
                ..
            } = measured;
            let aim = match (row.aim.first, row.aim.again) {
                (Some(first), Some(again)) => format!("{} first, {}", micros(first), micros(again)),
                (Some(first), None) => format!("{} first", micros(first)),
                (None, again) => again.map_or(String::new(), micros),
            };
            let best = measured.best_peer();
            let peers = peers.map(|peer| match peer {
                Some(us) if Some(us) == best => format!("**{}**", micros(us)),
                Some(us) => micros(us),
                None => "–".to_owned(),
            });
            let mark = if measured.misses().is_empty() {
                ""
            } else {
                " ✗"
            };
            writeln!(
                out,
                "| {}{mark} | {} | {} | {} | {} | {aim} | {} | {} |",
                row.name,
                thousands(*total as f64),
                micros(engine.first),
                micros(engine.again),
                micros(engine.with_xml),
                peers.join(" | "),
                best.map_or("–".to_owned(), |best| micros(best / engine.again)),
            )?;
        }
        writeln!(out)
    }

    fn means(&self, out: &mut String) -> std::fmt::Result {
        let ratios = |peer: &dyn Fn(&Measured) -> Option<f64>| {
            let ratios = self.rows.iter();
            let ratios = ratios.filter_map(|row| Some(peer(row)? / row.engine.again));
            geometric_mean(&ratios.collect::<Vec<f64>>()).map_or("–".to_owned(), micros)
        };
        writeln!(
            out,
            "Geometric means of the ratios: {} to the best of all, row by row;",
            ratios(&Measured::best_peer)
        )?;
        let each = PEERS
            .iter()
            .enumerate()
            .map(|(at, name)| format!("{} to {name}", ratios(&|row: &Measured| row.peers[at])));
        writeln!(out, "{}.\n", each.collect::<Vec<_>>().join(", "))
    }

    fn others(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| everything exported | ticketdex | peers |\n|---|---:|---|"
        )?;
        for Export {
            format,
            engine,
            peers,
        } in &self.exports
        {
            let peers = peers.iter().map(|(name, rate)| format!("{name} {rate:.2}"));
            let peers: Vec<String> = peers.collect();
            writeln!(
                out,
                "| {}, GB/s | {engine:.2} | {} |",
                format.name(),
                peers.join(", ")
            )?;
        }
        writeln!(
            out,
            "\n| load of JSON Lines, all indexes | s | CPU s | MiB | at most, MiB |\n|---|---:|---:|---:|---:|"
        )?;
        for (name, load) in &self.loads {
            let Load {
                seconds,
                cpu_seconds,
                mib,
                peak_mib,
                held: _,
            } = load;
            writeln!(
                out,
                "| {name} | {seconds:.1} | {cpu_seconds:.1} | {mib:.0} | {peak_mib:.0} |"
            )?;
        }
        writeln!(
            out,
            "\nMemory is what a process that does nothing else has resident after the load; for \
            Tantivy the bytes of its index, which is mapped. *Structs* parses the lines and indexes nothing. \
            The engine's own account, after all of the above:\n"
        )?;
        self.parts(out)
    }

    /// Writes the engine's memory by part; the largest columns by name.
    fn parts(&self, out: &mut String) -> std::fmt::Result {
        const COLUMNS_NAMED: usize = 5;
        let memory = &self.memory;
        let mut columns = Field::ALL.map(|field| (memory.column(field), field.name()));
        columns.sort_unstable_by(|left, right| right.cmp(left));
        let (named, rest) = columns.split_at(COLUMNS_NAMED);
        let rest: usize = rest.iter().map(|(bytes, _)| bytes).sum();
        let parts = named.iter().copied().chain([
            (rest, "other columns"),
            (memory.postings, "postings"),
            (memory.orders, "orders"),
            (memory.words, "words"),
            (memory.terms, "terms kept"),
            (memory.total(), "all"),
        ]);
        writeln!(out, "| part | MiB |\n|---|---:|")?;
        for (bytes, name) in parts {
            writeln!(out, "| {name} | {:.1} |", bytes as f64 / 1_048_576.0)?;
        }
        writeln!(out)
    }

    fn missed(&self, out: &mut String) -> std::fmt::Result {
        let missed = self.rows.iter().filter(|row| !row.misses().is_empty());
        let missed: Vec<&Measured> = missed.collect();
        writeln!(
            out,
            "## Rows that miss their aim: {} of {}\n",
            missed.len(),
            self.rows.len()
        )?;
        for row in missed {
            let misses = row.misses().join("; ");
            writeln!(out, "**{}**: {misses}\n", row.row.name)?;
            writeln!(
                out,
                "`{}`\n\n```\n{}\n```\n",
                row.row.request,
                row.plan.trim_end()
            )?;
        }
        Ok(())
    }
}

/// Writes a title, and what was measured where and how.
pub(crate) fn head(
    out: &mut String,
    title: &str,
    tickets_count: usize,
    arguments: &str,
) -> std::fmt::Result {
    let tickets = thousands(tickets_count as f64);
    writeln!(out, "# {title}, {tickets} tickets\n")?;
    let dirty = !run("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    let commit = run("git", &["rev-parse", "--short=12", "HEAD"]);
    let dirty = if dirty { ", with changes" } else { "" };
    writeln!(out, "- machine: {}", machine())?;
    writeln!(out, "- compiler: {}", run("rustc", &["--version"]))?;
    writeln!(out, "- commit: {commit}{dirty}")?;
    writeln!(
        out,
        "- command, in `benches/peers`: \
        `TICKETDEX_TICKETS={tickets_count} cargo run --release -- {arguments}`"
    )
}

/// Returns a figure as short as it says something.
pub(crate) fn micros(us: f64) -> String {
    match us {
        us if us < 10.0 => format!("{us:.2}"),
        us if us < 100.0 => format!("{us:.1}"),
        us => thousands(us),
    }
}

pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns the processor's model and how many of it there are.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores")
}

/// Returns what a command prints, or nothing where it cannot be run.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
