//! `ticketdex count`: how many tickets have each value, as bars for people.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use clap::Args;
use form_urlencoded::Serializer;
use ticketdex::{Action, Counts, KeyCounts, Request};

use crate::found::tell_unknown_fields;
use crate::input::Input;
use crate::table::{Screen, clean, width};
use crate::{Failure, counted, parse_number, parse_request, say};

/// The widest bar, and the least room that a bar is worth.
const BAR_MAX: usize = 40;
const BAR_MIN: usize = 4;

/// A value is cut to this part of the screen.
const VALUE_PART: usize = 2;

/// What stands for an empty value.
const NONE: &str = "(none)";

/// Counts the tickets that match, by the values of fields
///
/// Prints the number, and for each field its values with their numbers and bars. Standard output
/// that is no terminal gets the same, 80 columns wide. get with action=count_tickets gives the same
/// counts to programs.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Filters like 'status!=Closed&start_date=2/1/2014'; without any, every ticket is counted
    #[arg(value_name = "REQUEST", default_value = "")]
    request: OsString,

    #[command(flatten)]
    input: Input,

    /// Fields to count by, like status,date_opened.month,custom_fields.Room; may stand several times
    #[arg(long, value_name = "FIELD,...")]
    by: Vec<String>,

    /// Only so many values of each field: those that most tickets have
    #[arg(long, value_name = "NUMBER", value_parser = parse_number)]
    top: Option<u64>,

    /// Count each field without the filters on it
    #[arg(long)]
    exclude_own: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before a long load, not after it.
    let request = request(arguments)?;
    let Action::CountTickets(query) = &request.action else {
        return Err(Failure::Usage(
            "count takes no action of get_tickets".to_owned(),
        ));
    };
    let loaded = arguments.input.load_snapshot()?;
    let snapshot = &loaded.tickets;
    say(&loaded.describe(snapshot.tickets_count()));
    let text = arguments.request.to_string_lossy();
    if arguments.by.is_empty() && !text.is_empty() && !text.contains('=') {
        say(&format!(
            "{text} has no value, so it filters nothing; --by FIELD counts by the values of a field"
        ));
    }
    tell_unknown_fields(&request.action, snapshot);
    write(&snapshot.count_by(query)).map_err(Failure::output)
}

/// Joins the request and the options to a request that counts. A request with another action is returned
/// as it is.
fn request(arguments: &Arguments) -> Result<Request, Failure> {
    let text = arguments.request.to_string_lossy();
    let filters = text.strip_prefix('?').unwrap_or(&text);
    let own = |variable: &str| {
        let mut pairs = form_urlencoded::parse(filters.as_bytes());
        let pair =
            pairs.find(|(name, value)| name.eq_ignore_ascii_case(variable) && !value.is_empty());
        pair.map(|(_, value)| value)
    };
    let mut options = Serializer::new(String::new());
    match own("action").as_deref() {
        None => {
            options.append_pair("action", "count_tickets");
        }
        Some("count_tickets") => {}
        // The options are no variables of another action.
        Some(_) => return parse_request(filters.as_ref()),
    }
    let by = (!arguments.by.is_empty()).then(|| arguments.by.join(","));
    let top = arguments.top.map(|top| top.to_string());
    let exclude_own = arguments.exclude_own.then(|| "Y".to_owned());
    for (variable, value) in [("by", by), ("top", top), ("exclude_own", exclude_own)] {
        let Some(value) = value else {
            continue;
        };
        if own(variable).is_some() {
            let option = variable.replace('_', "-");
            return Err(Failure::Usage(format!(
                "the request has {variable}= already, so --{option} has no place beside it"
            )));
        }
        options.append_pair(variable, &value);
    }
    let whole = format!("{}&{filters}", options.finish());
    parse_request(whole.as_ref())
}

/// Writes counts to standard output, as wide as the terminal.
pub(crate) fn write(counts: &Counts) -> io::Result<()> {
    let screen = Screen::of_stdout();
    let mut stdout = BufWriter::new(io::stdout().lock());
    write_to(counts, screen.width, &mut stdout)?;
    stdout.flush()
}

fn write_to(counts: &Counts, screen_width: usize, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "{}", counted(counts.total(), "ticket"))?;
    for key in counts.by() {
        write_key(key, screen_width, writer)?;
    }
    Ok(())
}

fn write_key(key: &KeyCounts, screen_width: usize, writer: &mut impl Write) -> io::Result<()> {
    let name = clean(&key.key().to_string(), screen_width);
    let (shown_count, all_count) = (key.groups().len() as u64, key.distinct());
    let all = counted(all_count, "value");
    if shown_count == all_count {
        writeln!(writer, "\n{name}: {all}")?;
    } else {
        writeln!(writer, "\n{name}: {shown_count} of {all}")?;
    }
    let groups = key.groups().iter();
    let shown = groups.map(|group| match group.value() {
        "" => NONE.to_owned(),
        // Nothing would be seen of blanks alone.
        value if value.trim().is_empty() => clean(&format!("{value:?}"), screen_width / VALUE_PART),
        value => clean(value, screen_width / VALUE_PART),
    });
    let shown: Vec<String> = shown.collect();
    let most = key.groups().iter().map(ticketdex::Group::count).max();
    let most = most.unwrap_or(1);
    let number_width = most.to_string().len();
    let value_width = shown.iter().map(|value| width(value)).max().unwrap_or(0);
    // Two blanks before the value, before the number and before the bar.
    let taken = value_width + number_width + 6;
    let bar_max = screen_width.saturating_sub(taken).min(BAR_MAX);
    for (group, value) in key.groups().iter().zip(&shown) {
        let blanks = " ".repeat(value_width - width(value));
        write!(
            writer,
            "  {value}{blanks}  {:>number_width$}",
            group.count()
        )?;
        if bar_max >= BAR_MIN {
            let length = u128::from(group.count()) * bar_max as u128 / u128::from(most);
            // What is there at all has a bar.
            write!(writer, "  {}", "#".repeat(length.max(1) as usize))?;
        }
        writeln!(writer)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ticketdex::{CountQuery, Store, Ticket};

    use super::*;

    fn shown(request: &str, screen_width: usize) -> String {
        let statuses = ["Open", "Open", "Open", "", "Closed", "Open"];
        let tickets = (1..).zip(statuses).map(|(tid, status)| Ticket {
            tid,
            status: status.into(),
            category: "文字".into(),
            ..Ticket::default()
        });
        let snapshot = Store::from_tickets(tickets).unwrap().snapshot();
        let query: CountQuery = format!("action=count_tickets&{request}").parse().unwrap();
        let mut out = Vec::new();
        write_to(&snapshot.count_by(&query), screen_width, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bars_are_in_proportion_and_fit_the_screen() {
        assert_eq!(shown("", 80), "6 tickets\n");
        assert_eq!(
            shown("by=status", 23),
            "6 tickets\n\nstatus: 3 values\n  Open    4  ##########\n  (none)  1  ##\n  \
             Closed  1  ##\n"
        );
        let top = shown("by=status,category&top=1", 80);
        assert!(
            top.contains("status: 1 of 3 values\n  Open  4  ####"),
            "{top}"
        );
        assert!(
            top.contains(&format!("文字  6  {}\n", "#".repeat(BAR_MAX))),
            "{top}"
        );
        assert!(
            shown("by=status", 12).contains("  (none)  1\n"),
            "no room for a bar"
        );
    }
}
