//! `ticketdex generate`: made-up tickets as JSON Lines.

use std::io::{self, Write as _};

use clap::Args;
use ticketdex::synth::World;

use crate::input::DEFAULT_SEED;
use crate::{Failure, parse_number};

/// The bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Makes tickets and writes them to standard output as JSON Lines
///
/// The same number, world and seed give the same bytes, on every machine. No more than one ticket
/// is held at a time.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many tickets
    #[arg(value_name = "N", value_parser = parse_count)]
    count: u64,

    /// Which of the many possible sets of tickets
    #[arg(long, default_value_t = DEFAULT_SEED, value_parser = parse_number)]
    seed: u64,

    /// The kind of help desk: desk, enterprise, migrated, giants, logs, tongues, wide, alarms, churn
    ///
    /// desk is an ordinary one. enterprise has thousands of technicians and custom fields of every
    /// kind; migrated has numbers that say nothing of dates; giants has three customers with a
    /// tenth of all tickets each; logs has texts of up to 200 KB; tongues has scripts with and
    /// without blanks; wide has 500 custom fields and sparse numbers; alarms repeats whole
    /// texts; churn is a desk after many changes.
    #[arg(long, value_name = "NAME", default_value_t = World::Desk)]
    world: World,
}

fn parse_count(text: &str) -> Result<u64, String> {
    let expected = |_| "it is a number of tickets, such as 1000".to_owned();
    text.parse().map_err(expected)
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    for (_, ticket) in (0..arguments.count).zip(arguments.world.tickets(arguments.seed)) {
        serde_json::to_writer(&mut buffer, &ticket)
            .map_err(|error| Failure::output(io::Error::from(error)))?;
        buffer.push(b'\n');
        if buffer.len() >= BUFFER_BYTES {
            stdout.write_all(&buffer).map_err(Failure::output)?;
            buffer.clear();
        }
    }
    stdout.write_all(&buffer).map_err(Failure::output)?;
    stdout.flush().map_err(Failure::output)
}
