//! What writes cost, as Markdown.

use std::fmt::Write;
use std::iter;

use crate::readers::{Fragmented, Seen, States, Windows};
use crate::record::{head, micros, thousands};
use crate::writes::{Line, Rate};

/// How much slower the median reader may be beside a writer.
const SLOWER_MAX: f64 = 1.5;

/// All that a run of writes found.
#[derive(Clone, Debug)]
pub struct Writes {
    /// How many tickets both held at first.
    pub tickets_count: usize,
    /// The same writes by both.
    pub lines: Vec<Line>,
    /// Readers with and without a writer beside them.
    pub windows: Windows,
    /// A store after many single commits.
    pub fragmented: Fragmented,
}

impl Writes {
    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        let tickets_count = self.tickets_count;
        head(&mut out, "Live tickets", tickets_count, "--writes --record")?;
        self.rates(&mut out)?;
        self.readers(&mut out)?;
        self.fragments(&mut out)?;
        Ok(out)
    }

    fn rates(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## The same writes, every index kept\n\n\
            Tickets a second, the median commit in µs and the slowest in ms. The engine's rate \
            counts every merge, also the jobs that came due, which the writer ran itself; SQLite \
            is in memory, without a journal.\n"
        )?;
        writeln!(
            out,
            "| change | a commit | ticketdex /s | median | slowest | SQLite /s | median | slowest \
            | ratio |\n|---|{}",
            "---:|".repeat(8)
        )?;
        for line in &self.lines {
            let rate = |rate: Rate| {
                let (tickets, median) = (thousands(rate.tickets), micros(rate.median));
                format!("{tickets} | {median} | {:.1}", rate.worst)
            };
            writeln!(
                out,
                "| {} | {} | {} | {} | {:.2} |",
                line.name,
                thousands(line.batch as f64),
                rate(line.engine),
                rate(line.sqlite),
                line.engine.tickets / line.sqlite.tickets
            )?;
        }
        Ok(())
    }

    fn readers(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## Readers beside a writer\n\n\
            Medians and the slowest, in µs, of answers in seconds without a writer and in \
            seconds with one, by turns; it committed {} tickets a second, one by one, and ran \
            its merges. ✗ marks a median over {SLOWER_MAX} times as long.\n",
            thousands(self.windows.written)
        )?;
        writeln!(
            out,
            "| request | without | with | ratio | slowest without | slowest with |\n|---|{}",
            "---:|".repeat(5)
        )?;
        for seen in iter::once(&self.windows.all).chain(&self.windows.seen) {
            let Seen {
                name,
                medians,
                worst,
            } = seen;
            let ratio = medians[1] / medians[0];
            let mark = if ratio > SLOWER_MAX { " ✗" } else { "" };
            let [without, with] = medians.map(micros);
            let [worst_without, worst_with] = worst.map(micros);
            writeln!(
                out,
                "| {name}{mark} | {without} | {with} | {ratio:.2} | {worst_without} | {worst_with} |"
            )?;
        }
        Ok(())
    }

    fn fragments(&self, out: &mut String) -> std::fmt::Result {
        let Fragmented {
            commits,
            segments_count,
            commit: [median, slowest],
            merge_seconds,
            memory_mib,
            states,
        } = &self.fragmented;
        writeln!(
            out,
            "\n## After {} commits of one ticket\n\n\
            {segments_count} segments, no merge but those of the commits: the median commit took \
            {} µs, the slowest {} µs. Merging all then took {merge_seconds:.1} s; the merged \
            store takes {memory_mib:.0} MiB. ✗ marks what takes more than twice as long as merged and 3 µs a segment.\n",
            thousands(*commits as f64),
            micros(*median),
            micros(*slowest),
        )?;
        writeln!(
            out,
            "| request | fragmented | merged | bound |\n|---|{}",
            "---:|".repeat(3)
        )?;
        for state in states {
            let bound = state.bound(*segments_count);
            let States {
                name,
                fragmented,
                merged,
            } = state;
            let mark = if *fragmented > bound { " ✗" } else { "" };
            let figures = [*fragmented, *merged, bound].map(micros).join(" | ");
            writeln!(out, "| {name}{mark} | {figures} |")?;
        }
        Ok(())
    }
}
