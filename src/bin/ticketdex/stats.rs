//! `ticketdex stats`: what a store or files hold, as tickets, memory and values of fields.

use std::io::{self, BufWriter, Write};

use clap::Args;
use serde::Serialize;
use ticketdex::{Field, FieldStats, Memory, Snapshot};

use crate::input::Input;
use crate::table::{Column, ColumnKind, Screen, Table};
use crate::{Failure, say};

/// Tells how many tickets there are, what memory they take, and how the fields are filled
///
/// For each field: the tickets that have a value of it, how many in a hundred that is, the different
/// values, letter case aside, and the memory of the field's column, of a packed one with the size of
/// what is packed in it. All custom fields are one column of memory.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,

    /// Print one JSON object instead of text; its memory is in bytes
    #[arg(long)]
    json: bool,
}

/// All that is told.
#[derive(Serialize)]
struct Stats {
    tickets: u64,
    segments: usize,
    custom_fields: usize,
    memory: Memory,
    memory_total: usize,
    fields: Vec<FieldStats>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.input.is_given() {
        let message = "stats needs tickets: --store PATH or --data FILE";
        return Err(Failure::Usage(message.to_owned()));
    }
    let loaded = arguments.input.load_snapshot()?;
    let stats = Stats::of(&loaded.tickets);
    let mut stdout = BufWriter::new(io::stdout().lock());
    let written = if arguments.json {
        serde_json::to_writer_pretty(&mut stdout, &stats)
            .map_err(io::Error::from)
            .and_then(|()| stdout.write_all(b"\n"))
    } else {
        stats.write(&mut stdout)
    };
    written
        .and_then(|()| stdout.flush())
        .map_err(Failure::output)?;
    say(&loaded.describe(stats.tickets));
    Ok(())
}

impl Stats {
    fn of(snapshot: &Snapshot) -> Stats {
        // Before anything is asked, which may make orders and lists that are kept.
        let memory = snapshot.memory();
        Stats {
            tickets: snapshot.tickets_count(),
            segments: snapshot.segments_count(),
            custom_fields: snapshot.custom_names().len(),
            memory_total: memory.total(),
            memory,
            fields: snapshot.field_stats(),
        }
    }

    fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        writeln!(writer, "tickets        {}", self.tickets)?;
        writeln!(writer, "segments       {}", self.segments)?;
        writeln!(writer, "custom fields  {}", self.custom_fields)?;
        writeln!(writer, "memory         {}\n", bytes(self.memory_total))?;
        let screen = Screen::of_stdout();
        let parts = self.parts();
        write_table(
            writer,
            &screen,
            &[("memory", ColumnKind::Text), ("", ColumnKind::Number)],
            &parts,
        )?;
        writeln!(writer)?;
        let heads = [
            ("field", ColumnKind::Text),
            ("with a value", ColumnKind::Number),
            ("in 100", ColumnKind::Number),
            ("distinct", ColumnKind::Number),
            ("memory", ColumnKind::Number),
        ];
        let rows: Vec<Vec<String>> = self.fields.iter().map(|it| self.row(it)).collect();
        write_table(writer, &screen, &heads, &rows)
    }

    /// The parts of the memory that take any, by their names in JSON.
    fn parts(&self) -> Vec<Vec<String>> {
        let memory = &self.memory;
        let columns: usize = Field::ALL.map(|field| memory.column(field)).iter().sum();
        let parts = [
            ("columns", columns),
            ("postings", memory.postings),
            ("orders", memory.orders),
            ("words", memory.words),
            ("terms", memory.terms),
            ("counts", memory.counts),
            ("revisions", memory.revisions),
            ("versions", memory.versions),
            ("tombstones", memory.tombstones),
            ("removals", memory.removals),
            ("names", memory.names),
            ("frame", memory.frame),
        ];
        let parts = parts.into_iter().filter(|(_, size)| *size > 0);
        parts
            .map(|(name, size)| vec![name.to_owned(), bytes(size)])
            .collect()
    }

    /// Says what a column takes, and how much is packed in it.
    fn column_memory(&self, field: Field) -> String {
        let own = bytes(self.memory.column(field));
        match self.memory.unpacked(field) {
            0 => own,
            unpacked => format!("{own} for {}", bytes(unpacked)),
        }
    }

    fn row(&self, stats: &FieldStats) -> Vec<String> {
        let memory = stats.field.field().map(|field| self.column_memory(field));
        vec![
            stats.field.to_string(),
            stats.filled.to_string(),
            share(stats.filled, self.tickets),
            stats.distinct.to_string(),
            memory.unwrap_or_default(),
        ]
    }
}

fn write_table(
    writer: &mut impl Write,
    screen: &Screen,
    heads: &[(&str, ColumnKind)],
    rows: &[Vec<String>],
) -> io::Result<()> {
    let columns = heads.iter().map(|&(title, kind)| Column {
        title: title.to_owned(),
        kind,
    });
    let table = Table::new(columns.collect(), rows, screen);
    table.write_head(&mut *writer)?;
    rows.iter()
        .try_for_each(|row| table.write_row(&mut *writer, row))
}

/// Says a share in hundredths with one decimal, rounded down, so that only all is `100.0`.
fn share(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole));
    tenths.map_or_else(String::new, |tenths| {
        format!("{}.{}", tenths / 10, tenths % 10)
    })
}

/// Says a size in the unit that suits it.
fn bytes(size: usize) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = (size, "B");
    let mut tenths = size * 10;
    for unit in units {
        if shown.0 < 1024 {
            break;
        }
        tenths /= 1024;
        shown = (tenths / 10, unit);
    }
    match shown {
        (size, "B") => format!("{size} B"),
        (size, unit) => format!("{size}.{} {unit}", tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_are_said_shortly() {
        for (size, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(bytes(size), expected);
        }
        for (part, whole, expected) in [
            (0, 0, ""),
            (0, 3, "0.0"),
            (2, 3, "66.6"),
            (u64::MAX - 1, u64::MAX, "99.9"),
            (7, 7, "100.0"),
        ] {
            assert_eq!(share(part, whole), expected);
        }
    }
}
