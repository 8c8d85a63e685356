//! What durable commits of many threads come to, as Markdown.

use std::fmt::Write;

use crate::commits::{self, Rate};
use crate::record::head;

/// Returns the record of a run as Markdown.
pub fn to_markdown(
    tickets_count: usize,
    rates: &[(&'static str, Vec<Rate>)],
) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    head(
        &mut out,
        "Durable commits of one ticket",
        tickets_count,
        "--commits --record",
    )?;
    writeln!(
        out,
        "\nEach thread commits a ticket, waits until it is on disk, and commits the next, into a store that \
        is empty at first. The engine indexes the tickets, twice: with a committer, and with threads that \
        take turns. The others keep them as JSON under their numbers: redb with two phases, as the engine \
        uses it, SQLite with `synchronous=FULL`, fjall synced after each.\n"
    )?;
    out += &commits::to_markdown(rates);
    Ok(out)
}
