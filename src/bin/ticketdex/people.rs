//! `ticketdex get --table`: the records of an answer as a table for people.

use std::io::{self, BufWriter, Write};

use ticketdex::{Action, Answer, AnyField, Field, Query, Record, Snapshot};

use crate::found::Found;
use crate::table::{Column, ColumnKind, Screen, Table, clean};
use crate::{count, say, shown};

/// The rows by which the widths of texts are chosen.
const SAMPLE_ROWS: usize = 200;

/// What is shown where a request does not choose.
const DEFAULT_FIELDS: [Field; 6] = [
    Field::Tid,
    Field::DateOpened,
    Field::Status,
    Field::Priority,
    Field::AssignedTech,
    Field::Subject,
];

/// Writes the answer to a request to standard output; of one that counts only, the number, and of
/// one that counts by value, bars.
///
/// Memory is the rows by which widths are chosen, each no wider than the screen.
pub(crate) fn write(action: &Action, snapshot: &Snapshot, found: &Found) -> io::Result<()> {
    match (action, found) {
        (Action::GetTickets(query), Found::Tickets(answer)) => {
            write_records(snapshot, query, answer)
        }
        (_, Found::Counts(counts)) => count::write(counts),
        (Action::CountTickets(_), Found::Tickets(_)) => Ok(()),
    }
}

fn write_records(snapshot: &Snapshot, query: &Query, answer: &Answer) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    if query.is_count_only() {
        writeln!(stdout, "{}", answer.total())?;
        return stdout.flush();
    }
    let shown = query.fields().map_or_else(
        || DEFAULT_FIELDS.map(AnyField::from).to_vec(),
        |fields| shown::chosen(fields, snapshot.custom_names()),
    );
    let screen = Screen::of_stdout();
    let cells = |record: &Record<'_>| -> Vec<String> {
        let texts = shown.iter().map(|column| shown::text(record, column));
        texts.map(|text| clean(&text, screen.width)).collect()
    };
    let mut records = answer.records();
    let sample = records.by_ref().take(SAMPLE_ROWS);
    let mut sample: Vec<Vec<String>> = sample.map(|record| cells(&record)).collect();
    let columns = shown.iter().map(|column| Column {
        title: match column {
            // No custom field has the name of a variable.
            AnyField::Custom(name) => name.clone(),
            field => field.to_string(),
        },
        kind: shown::kind(column),
    });
    let rows_count = sample.len();
    let is_text = |column: &AnyField| shown::kind(column) == ColumnKind::Text;
    if !shown.iter().all(is_text) {
        // This row is none of the answer; it makes room for the numbers and dates past the sample.
        sample.push(longest(answer.records().skip(SAMPLE_ROWS), &shown));
    }
    let table = Table::new(columns.collect(), &sample, &screen);
    sample.truncate(rows_count);
    table.write_head(&mut stdout)?;
    for row in &sample {
        table.write_row(&mut stdout, row)?;
    }
    for record in records {
        table.write_row(&mut stdout, &cells(&record))?;
    }
    stdout.flush()?;
    let left_out: Vec<&str> = table.left_out().collect();
    if !left_out.is_empty() {
        let names = left_out.join(",");
        say(&format!("there is no room for {names}; fields= chooses"));
    }
    Ok(())
}

/// Returns a row that is as wide as any of some records in the columns of numbers and dates; columns of
/// texts have nothing.
fn longest<'a>(records: impl Iterator<Item = Record<'a>>, shown: &[AnyField]) -> Vec<String> {
    let mut row = vec![String::new(); shown.len()];
    for record in records {
        for (cell, column) in row.iter_mut().zip(shown) {
            let may_be_longer = match shown::kind(column) {
                ColumnKind::Text => false,
                // All dates are as long.
                ColumnKind::Date => cell.is_empty(),
                ColumnKind::Number => true,
            };
            if may_be_longer {
                let text = shown::text(&record, column);
                if text.len() > cell.len() {
                    *cell = text.into_owned();
                }
            }
        }
    }
    row
}
