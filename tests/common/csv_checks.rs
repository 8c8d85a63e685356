//! CSV as a reader takes it in that goes character by character, and the check that holds the
//! import to it.
//!
//! It shares the rules with the import, and neither a line nor a parser: too simple to be wrong.

use std::collections::BTreeSet;

use ticketdex::{
    CsvOptions, CsvOthers, Error, Field, FieldKind, Import, ImportFormat, Moment, Patch, Ticket,
    is_custom_name,
};

use super::allocations::measure;
use super::checks::OnFailure;

/// What a plain reader says to an input.
#[derive(Debug, Default, PartialEq)]
pub struct Plain {
    /// The tickets of the good records, in order.
    pub tickets: Vec<Ticket>,
    /// How many records before the end, or what cannot be read on, are bad.
    pub bad_count: u64,
    /// Whether there is a header and nothing that leaves no next record.
    pub is_whole: bool,
}

/// A record: its values, or none where its syntax is wrong.
type Record = Option<Vec<String>>;

/// Takes an input apart; the records, and whether the last quote was closed.
fn records(input: &[u8], delimiter: u8) -> (Vec<Record>, bool) {
    let input = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    let mut records = Vec::new();
    let mut at = 0;
    while at < input.len() {
        let start = at;
        let mut values = vec![Vec::new()];
        let (mut is_bad, mut is_quoted, mut was_quoted) = (false, false, false);
        loop {
            let Some(&byte) = input.get(at) else {
                if is_quoted {
                    return (records, false);
                }
                break;
            };
            at += 1;
            let next = input.get(at).copied();
            let is_start = values.last().is_some_and(Vec::is_empty);
            let value = values.last_mut().expect("there is a first");
            match byte {
                b'"' if is_quoted && next == Some(b'"') => {
                    value.push(b'"');
                    at += 1;
                }
                b'"' if is_quoted => (is_quoted, was_quoted) = (false, true),
                _ if is_quoted => value.push(byte),
                b'\n' => break,
                b'\r' if next == Some(b'\n') => {}
                _ if byte == delimiter => {
                    values.push(Vec::new());
                    was_quoted = false;
                }
                b'"' if is_start && !was_quoted => is_quoted = true,
                b'\r' | b'"' => {
                    is_bad = true;
                    // Not empty any more, so that no quote behind it opens anything.
                    value.push(byte);
                }
                _ => {
                    is_bad |= was_quoted;
                    value.push(byte);
                }
            }
        }
        let line = &input[start..at];
        if line == b"\n" || line == b"\r\n" {
            continue;
        }
        let texts = values.into_iter().map(String::from_utf8);
        let texts: Option<Vec<String>> = texts.collect::<Result<_, _>>().ok();
        records.push(texts.filter(|_| !is_bad));
    }
    (records, true)
}

/// What a column of a header stands for.
enum Target {
    Field(Field),
    Custom(String),
    Skipped,
}

/// Returns what a column is; none where it is an error.
fn target(name: &str, others: CsvOthers) -> Option<Target> {
    let lower = name.to_ascii_lowercase();
    let field = Field::ALL.into_iter().find(|field| field.name() == lower);
    if let Some(field) = field {
        let of_all = (others == CsvOthers::Skip).then_some(Target::Skipped);
        return match field {
            Field::CustomFields => of_all,
            _ => Some(Target::Field(field)),
        };
    }
    if lower.starts_with("custom_fields.") {
        let own = &name["custom_fields.".len()..];
        if is_custom_name(own) {
            return Some(Target::Custom(own.to_owned()));
        }
    }
    match others {
        CsvOthers::Skip => Some(Target::Skipped),
        CsvOthers::Custom if is_custom_name(name) => Some(Target::Custom(name.to_owned())),
        _ => None,
    }
}

/// Reads an input as the options with this delimiter, and other columns so, say.
pub fn read_plainly(input: &[u8], delimiter: u8, others: CsvOthers) -> Plain {
    let (records, is_closed) = records(input, delimiter);
    let mut plain = Plain::default();
    let mut records = records.into_iter();
    let Some(Some(header)) = records.next() else {
        return plain;
    };
    let columns = header.iter().map(|name| target(name, others));
    let Some(columns) = columns.collect::<Option<Vec<_>>>() else {
        return plain;
    };
    let mut seen = BTreeSet::new();
    let mut custom_count = 0;
    for column in &columns {
        let name = match column {
            Target::Field(field) => field.name().to_owned(),
            Target::Custom(name) => {
                custom_count += 1;
                format!("custom_fields.{}", name.to_ascii_lowercase())
            }
            Target::Skipped => continue,
        };
        if !seen.insert(name) || custom_count > 4096 {
            return plain;
        }
    }
    plain.is_whole = is_closed;
    for record in records {
        let values = record.filter(|values| values.len() == columns.len());
        match values.and_then(|values| ticket(&columns, &values)) {
            Some(ticket) => plain.tickets.push(ticket),
            None => plain.bad_count += 1,
        }
    }
    plain
}

fn ticket(columns: &[Target], values: &[String]) -> Option<Ticket> {
    let mut ticket = Ticket::default();
    let mut patch = Patch::new();
    for (column, value) in columns.iter().zip(values) {
        let field = match column {
            Target::Custom(name) => {
                ticket.custom_fields.push((name.clone(), value.clone()));
                continue;
            }
            Target::Field(field) if !value.is_empty() => *field,
            Target::Field(_) | Target::Skipped => continue,
        };
        patch = match field.kind() {
            _ if field == Field::Tid => {
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                ticket.tid = value.parse().ok().filter(|_| is_number)?;
                patch
            }
            FieldKind::Date => patch.set(field, Moment::parse(value)?.first_second()),
            _ => patch.set(field, value.as_str()),
        };
    }
    patch.apply(&mut ticket).ok()?;
    ticket.check().ok()?;
    (ticket.tid > 0).then_some(ticket)
}

const DELIMITERS: [char; 4] = [',', ';', '\t', ' '];
const OTHERS: [CsvOthers; 3] = [CsvOthers::Error, CsvOthers::Custom, CsvOthers::Skip];

/// Headers that come before an input where its first byte says so: few inputs begin with one.
const HEADERS: [&str; 4] = [
    "",
    "tid,cid,due_date,company_id,custom_fields.A,summary\n",
    "tid;locked;x;custom_fields.Serial\r\n",
    "\u{FEFF}\"tid\"\tsubject\tcustom_fields._x\tcustom_fields._X2\n",
];

/// An input reads as the plain reader has it, strictly and skipping, in one thread and in more.
///
/// The first byte says which options and which header there are. Returns how many tickets are read.
pub fn import_csv(input: &[u8]) -> usize {
    let Some((&first, rest)) = input.split_first() else {
        return 0;
    };
    let first = usize::from(first);
    let (delimiter, others) = (DELIMITERS[first % 4], OTHERS[first / 4 % 3]);
    let input = [HEADERS[first / 12 % 4].as_bytes(), rest].concat();
    let _shown = OnFailure(|| {
        let shown = String::from_utf8_lossy(&input);
        format!("{delimiter:?}, {others:?}: {shown:?}")
    });
    let options = CsvOptions::new().others(others).delimiter(delimiter);
    let options = options.expect("it is a delimiter");
    let import = || Import::new(ImportFormat::Csv, &*input).csv_options(options.clone());
    let plain = read_plainly(&input, delimiter as u8, others);
    let (strict, bytes) = measure(|| {
        let tickets: Result<Vec<Ticket>, Error> = import().into_iter().collect();
        tickets
    });
    let places = (input.len() / 2 + 2) * size_of::<Ticket>();
    let most = (32 << 10) + input.len() as u64 * 64 + places as u64 * 6;
    assert!(bytes.peak <= most, "{bytes:?} where {most} were allowed");
    for threads in [1, 3] {
        let mut kept = Vec::new();
        let skipping = import().skip_bad(true).threads(threads);
        let outcome = skipping.for_each_block(|tickets| {
            kept.append(tickets);
            Ok(())
        });
        match (&outcome, is_another_form(&outcome)) {
            // An input that looks like another form is not looked at as CSV.
            (_, true) => return 0,
            (Ok(imported), _) => {
                assert!(plain.is_whole);
                assert_eq!(imported.skipped, plain.bad_count);
            }
            (Err(error), _) => assert!(!plain.is_whole, "{error}"),
        }
        assert_eq!(kept, plain.tickets);
    }
    match strict {
        Ok(tickets) => {
            assert!(plain.is_whole && plain.bad_count == 0);
            assert_eq!(tickets, plain.tickets);
        }
        Err(error) => {
            assert!(!plain.is_whole || plain.bad_count > 0, "{error}");
            assert!(error.position().is_some(), "{error}");
        }
    }
    plain.tickets.len()
}

fn is_another_form<T>(outcome: &Result<T, Error>) -> bool {
    outcome.as_ref().is_err_and(|error| {
        let message = error.to_string();
        error.code() == "error_response"
            || message.contains("the input looks like")
            || message.contains("byte order mark")
    })
}
