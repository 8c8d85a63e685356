//! The record of a load run, as Markdown.

use std::fmt::Write;

use crate::http_client::{CONNECTIONS, IDLE, Run};
use crate::record::{head, micros, thousands};

/// What a load run of every service came to.
#[derive(Clone, Debug)]
pub struct Http {
    /// How many tickets there are.
    pub tickets_count: usize,
    /// A run a service.
    pub runs: Vec<Run>,
}

impl Http {
    /// Returns the record.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        head(
            &mut out,
            "get_tickets over HTTP",
            self.tickets_count,
            "--http --record",
        )?;
        writeln!(
            out,
            "\nThe requests of the table, each as often as another, by {CONNECTIONS} connections on \
            loopback that ask one after the other for {:.0} seconds. The client has the same cores. \
            ticketdex answers in XML with the total; SQLite, mapped from a file in memory and asked \
            through four connections, answers with the rows of the page as JSON and no total, \
            behind the same router and server. The writes are durable commits of one ticket, with \
            a maintainer.\n",
            self.runs.first().map_or(0.0, |run| run.seconds)
        )?;
        writeln!(
            out,
            "| service | requests/s | p50 ms | p99 ms | p99.9 ms | MB/s | errors | MiB before | \
            after | {IDLE} idle connections | a reader of 1 KB/s |\n\
            |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        )?;
        for run in &self.runs {
            let rate = run.latencies.len() as f64 / run.seconds;
            let megabytes = run.bytes as f64 / run.seconds / 1e6;
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| quantile(&run.latencies, share));
            let slow = match run.export {
                Some(_) => format!("{:+.1} MiB", run.slow),
                None => "–".to_owned(),
            };
            writeln!(
                out,
                "| {} | {} | {p50:.2} | {p99:.2} | {p999:.2} | {megabytes:.0} | {} | {:.0} | {:.0} \
                | {:+.1} MiB | {slow} |",
                run.name,
                thousands(rate),
                run.errors,
                run.before,
                run.after,
                run.idle,
            )?;
        }
        for run in &self.runs {
            if let Some((took, bytes)) = run.export {
                writeln!(
                    out,
                    "\n{}: an export of everything, {:.0} MB of XML, took {:.2} s ({:.2} GB/s).",
                    run.name,
                    bytes as f64 / 1e6,
                    took / 1e3,
                    bytes as f64 / took / 1e6
                )?;
            }
        }
        self.write_rows(&mut out)?;
        Ok(out)
    }

    fn write_rows(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## By request\n\nMedians in ms, waiting for the cores included.\n"
        )?;
        let names: Vec<&str> = self.runs.iter().map(|run| run.name).collect();
        writeln!(out, "| request | {} |", names.join(" | "))?;
        writeln!(out, "|---|{}", "---:|".repeat(names.len()))?;
        let rows_count = self.runs.first().map_or(0, |run| run.rows.len());
        for at in 0..rows_count {
            let medians = self.runs.iter().map(|run| {
                let (_, latencies) = &run.rows[at];
                if latencies.is_empty() {
                    return "–".to_owned();
                }
                micros(quantile(latencies, 0.5))
            });
            let medians: Vec<String> = medians.collect();
            writeln!(
                out,
                "| {} | {} |",
                self.runs[0].rows[at].0,
                medians.join(" | ")
            )?;
        }
        Ok(())
    }
}

/// Returns the value below which a share of the ascending values lies; 0 of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}
