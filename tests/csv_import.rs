//! CSV as desks and spreadsheets export it, read in; and CSV that is wrong, with the message of each.
//!
//! `tests/csv/` holds exports in the shapes that four systems give them, made by hand.

use std::path::Path;

use ticketdex::{CsvOptions, CsvOthers, Error, Import, ImportFormat, Imported, Ticket};

fn options() -> CsvOptions {
    CsvOptions::new()
}

fn import<'a>(options: &CsvOptions, input: &'a [u8]) -> Import<&'a [u8]> {
    Import::new(ImportFormat::Csv, input).csv_options(options.clone())
}

fn read(options: &CsvOptions, input: &[u8]) -> Result<Vec<Ticket>, Error> {
    import(options, input).into_iter().collect()
}

/// Skips what is bad; returns the tids, and how many records were skipped.
fn skip(options: &CsvOptions, input: &[u8]) -> Result<(Vec<u64>, u64), Error> {
    let mut tids = Vec::new();
    let import = import(options, input).skip_bad(true);
    let imported: Imported = import.for_each_ticket(|ticket| {
        tids.push(ticket.tid);
        Ok(())
    })?;
    Ok((tids, imported.skipped))
}

fn export(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/csv");
    std::fs::read(folder.join(name)).unwrap()
}

const PATTERN: &str = "a pattern like %d/%m/%Y %H:%M, where %d is the day, %m the month, %b its \
    name, %Y the year, %y its last two digits, %H the hour, %I the hour of a half day, %p AM or PM, %M \
    the minute, %S the second, and %z the offset from UTC";

/// Inputs with a bad record between others, with its message, and the tids that are read where it
/// is skipped.
#[rustfmt::skip] // One case a line.
const BAD_RECORDS: &[(&[u8], &str, &[u64])] = &[
    (b"tid,cid\n1,a\"b\n2,\n", "line 2, column 4, record 1: expected a value in quotes, with each quote in it doubled: found \"\"b\"", &[2]),
    (b"tid,cid\n1,a \"b\"\n2,\n", "line 2, column 5, record 1: expected a value in quotes, with each quote in it doubled: found \"\"b\"\"", &[2]),
    (b"tid,cid\n1, \"b\"\n2,\n", "line 2, column 4, record 1: expected a value in quotes, with each quote in it doubled: found \"\"b\"\"", &[2]),
    (b"tid,cid\n1,a\"\n2,\n", "line 2, column 4, record 1: expected a value in quotes, with each quote in it doubled: found \"\"\"", &[2]),
    (b"tid,cid\n\"1\"x,a\n2,\n", "line 2, column 4, record 1: expected the end of the value behind its closing quote: found \"x,a\"", &[2]),
    (b"tid,cid\n1,\"a\" \n2,\n", "line 2, column 6, record 1: expected the end of the value behind its closing quote: found \" \"", &[2]),
    (b"tid,cid\n1,\"a\nb\"c,\"d\n2,\n\n\"3\",\n", "line 3, column 3, record 1: expected the end of the value behind its closing quote: found \"c,\"d\\n2,\\n\\n\"3\",\"", &[]),
    (b"tid,cid\n1,\"a\"\"\"b\n2,\n", "line 2, column 8, record 1: expected the end of the value behind its closing quote: found \"b\"", &[2]),
    (b"tid,cid\n1,a\rb\n2,\n", "line 2, column 4, record 1: expected LF behind CR outside of quotes: found \"\\rb\"", &[2]),
    (b"tid,cid\n1,\r\r\n2,\n", "line 2, column 3, record 1: expected LF behind CR outside of quotes: found \"\\r\"", &[2]),
    (b"tid,cid\n2,\n1,a\r", "line 3, column 4, record 2: expected LF behind CR outside of quotes: found \"\\r\"", &[2]),
    (b"tid,cid\n1,\"a\"\r,\n2,\n", "line 2, column 6, record 1: expected the end of the value behind its closing quote: found \"\\r,\"", &[2]),
    (b"tid,cid\n1\n2,\n", "line 2, column 2, record 1: expected as many values as the header has names: the header has 2, the record 1", &[2]),
    (b"tid,cid\n \n2,\n", "line 2, column 2, record 1: expected as many values as the header has names: the header has 2, the record 1", &[2]),
    (b"tid,cid,subject\n1,\"a\nb\"\n2,,\n", "line 3, column 3, record 1: expected as many values as the header has names: the header has 3, the record 2", &[2]),
    (b"tid,cid\n1,a,\n2,\n", "line 2, column 5, record 1: expected as many values as the header has names: the header has 2, the record more", &[2]),
    (b"tid,cid\n1,a,b,c\n2,\n", "line 2, column 5, record 1: expected as many values as the header has names: the header has 2, the record more", &[2]),
    (b"tid,cid\n1;a\n2,\n", "line 2, column 4, record 1: expected as many values as the header has names: the header has 2, the record 1", &[2]),
    (b"tid,cid\n1,\"a\",b\"\n2,\n", "line 2, column 7, record 1: expected as many values as the header has names: the header has 2, the record more", &[2]),
    (b"tid,cid\n1,\xE9\n2,\n", "line 2, column 3, record 1: expected UTF-8 but found the byte 0xE9", &[2]),
    (b"cid,tid\n\xC3\xA9,\"\n\xFF\"\n,2\n", "line 3, column 1, record 1: expected UTF-8 but found the byte 0xFF", &[2]),
    (b"tid,cid\n,a\n2,\n", "line 2, column 1, record 1: a ticket's tid must be given, and be 1 or more", &[2]),
    (b"tid,cid\n0,a\n2,\n", "line 2, column 1, record 1: a ticket's tid must be given, and be 1 or more", &[2]),
    (b"cid\na\n\"\"\n", "line 2, column 1, record 1: a ticket's tid must be given, and be 1 or more", &[]),
    (b"tid,cid\n-1,a\n2,\n", "line 2, column 1, record 1: tid is \"-1\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
    (b"tid,cid\n 1,a\n2,\n", "line 2, column 1, record 1: tid is \" 1\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
    (b"tid,company_id\n1,1.0\n2,\n", "line 2, column 3, record 1, ticket 1: company_id is \"1.0\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
    (b"tid,company_id\n1,\"1,000\"\n2,\n", "line 2, column 3, record 1, ticket 1: company_id is \"1,000\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
    (b"tid,merged_to\n1,null\n2,\n", "line 2, column 3, record 1, ticket 1: merged_to is \"null\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
    (b"summary,tid,due_date\n\"a\nb\",1,24.04.2014\n,2,\n", "line 3, column 6, record 1, ticket 1: due_date is \"24.04.2014\" but must be a date like 2014-04-24T10:42:43 or 4/24/2014 10:42:43 AM", &[2]),
    (b"tid,due_date\n1,2014-02-01 10:00:00.5\n2,\n", "line 2, column 3, record 1, ticket 1: due_date is \"2014-02-01 10:00:00.5\" but must be a date like 2014-04-24T10:42:43 or 4/24/2014 10:42:43 AM", &[2]),
    (b"tid,locked\n1,yes\n2,\n", "line 2, column 1, record 1: ticket 1: locked is \"yes\" but must be empty, N or Y", &[2]),
    (b"tid,opened_by\n1,\"a\nb\"\n2,\n", "line 2, column 1, record 1: ticket 1: opened_by is \"a\\nb\" but must hold no control character", &[2]),
    (b"tid,cid\ntid,cid\n2,\n", "line 2, column 1, record 1: tid is \"tid\" but must be an integer below 2^64 without sign, fraction or exponent", &[2]),
];

/// Inputs that nothing of is read, with the message and the tids before the fault.
#[rustfmt::skip] // One case a line.
const BAD_INPUTS: &[(&[u8], &str, &[u64])] = &[
    (b"", "line 1, column 1: expected a header, a record of the names of the columns: found its end", &[]),
    (b"\xEF\xBB\xBF\r\n\n", "line 3, column 1: expected a header, a record of the names of the columns: found its end", &[]),
    (b"tid,tid\n1,1\n", "line 1, column 5: both column 1, \"tid\", and column 2, \"tid\", are tid, which may have one column", &[]),
    (b"\ntid,cid,CID\n1,1\n", "line 2, column 9: both column 2, \"cid\", and column 3, \"CID\", are cid, which may have one column", &[]),
    (b"tid,custom_fields.A,Custom_Fields.a\n1,,\n", "line 1, column 21: both column 2, \"custom_fields.A\", and column 3, \"Custom_Fields.a\", are custom_fields.a, which may have one column", &[]),
    (b"tid,Severity\n1,\n", "line 1, column 5: unknown variable \"Severity\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,\"a\nb\",x\n1,,\n", "line 1, column 5: unknown variable \"a\\nb\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,uid\n1,\n", "line 1, column 5: unknown variable \"uid\" (did you mean \"assigned_tech\"?); expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,\n1,\n", "line 1, column 5: unknown variable \"\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid, cid\n1,\n", "line 1, column 5: unknown variable \" cid\" (did you mean \"cid\"?); expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid;cid\n1;\n", "line 1, column 1: unknown variable \"tid;cid\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,custom_fields.a b\n1,\n", "line 1, column 5: unknown variable \"custom_fields.a b\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,custom_fields.cid\n1,\n", "line 1, column 5: unknown variable \"custom_fields.cid\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"tid,custom_fields\n1,\n", "line 1, column 5: unknown variable \"custom_fields\"; expected a column for each custom field, named custom_fields.NAME", &[]),
    (b"tid,c\"id\n1,\n", "line 1, column 6: expected a value in quotes, with each quote in it doubled: found \"\"id\"", &[]),
    (b"tid,\"cid\"x\n1,\n", "line 1, column 10: expected the end of the value behind its closing quote: found \"x\"", &[]),
    (b"tid\rcid\n1\n", "line 1, column 4: expected LF behind CR outside of quotes: found \"\\rcid\"", &[]),
    (b"tid,\"cid\n1,\n", "line 1, column 5: expected the closing quote of the value that begins here", &[]),
    (b"tid,c\xFFd\n1,\n", "line 1, column 6: expected UTF-8 but found the byte 0xFF", &[]),
    (b"tid,cid\n1,a\n2,\"b\nc\n3,d\n", "line 3, column 3, record 2: expected the closing quote of the value that begins here", &[1]),
    (b"tid,cid\n1,a\n2,\"b\n3,\"\"\n", "line 3, column 3, record 2: expected the closing quote of the value that begins here", &[1]),
    (b"tid,cid\n1,a\n\"", "line 3, column 1, record 2: expected the closing quote of the value that begins here", &[1]),
    (b"count\r\n34\r\n", "line 1, column 1: unknown variable \"count\"; expected an output variable of a ticket, custom_fields.NAME, or a column that is mapped to one", &[]),
    (b"error,message\r\ninvalid_value,\"count is \"\"x\"\"\"\r\n", "line 1, column 1, record 1: expected tickets but found an error response: invalid_value: count is \"x\"", &[]),
    (b"{\"tid\": 1}\n", "line 1, column 1, record 1: expected CSV under a header: the input looks like JSON Lines", &[]),
    (b"tid=1&cid=a\n", "line 1, column 1, record 1: expected CSV under a header: the input looks like a delimited response", &[]),
    (b"<!DOCTYPE html>\n<html>", "line 1, column 1, record 1: expected CSV under a header: the input looks like an HTML page", &[]),
    (b"PK\x03\x04\x14\0", "line 1, column 1, record 1: expected CSV under a header: the input looks like a zip file", &[]),
    (b"\xFD7zXZ\0", "line 1, column 1, record 1: expected CSV under a header: the input looks like an xz file", &[]),
    (b"BZh91AY", "line 1, column 1, record 1: expected CSV under a header: the input looks like a bzip2 file", &[]),
    (b"\xD0\xCF\x11\xE0\xA1\xB1", "line 1, column 1, record 1: expected CSV under a header: the input looks like a workbook of an older Excel", &[]),
    (b"\xFF\xFEt\0i\0d\0", "line 1, column 1, record 1: expected UTF-8 but found UTF-16 with a byte order mark", &[]),
    (b"t\0i\0d\0", "line 1, column 1, record 1: expected UTF-8 but found UTF-16LE without a byte order mark", &[]),
    (b"\0t\0i\0d", "line 1, column 1, record 1: expected UTF-8 but found UTF-16BE without a byte order mark", &[]),
];

#[test]
fn a_bad_record_is_told_exactly_and_can_be_skipped() {
    for &(input, message, tids) in BAD_RECORDS {
        let shown = String::from_utf8_lossy(input);
        let error = read(&options(), input).unwrap_err();
        assert_eq!(error.to_string(), message, "{shown}");
        match skip(&options(), input) {
            Ok((kept, skipped)) => assert_eq!((&*kept, skipped > 0), (tids, true), "{shown}"),
            Err(error) => panic!("{shown}: {error}"),
        }
    }
}

#[test]
fn a_bad_input_is_told_exactly_and_ends_the_import() {
    for &(input, message, tids) in BAD_INPUTS {
        let shown = String::from_utf8_lossy(input);
        let error = read(&options(), input).unwrap_err();
        assert_eq!(error.to_string(), message, "{shown}");
        let error = skip(&options(), input).unwrap_err();
        let records = match tids.len() {
            1 => "; 1 record was read before".to_owned(),
            count => format!("; {count} records were read before"),
        };
        assert_eq!(error.to_string(), message.to_owned() + &records, "{shown}");
        let read = import(&options(), input).into_iter().map_while(Result::ok);
        assert_eq!(read.map(|it| it.tid).collect::<Vec<_>>(), tids, "{shown}");
    }
    assert!(BAD_RECORDS.len() + BAD_INPUTS.len() > 40);
}

#[test]
fn too_many_custom_columns_are_told_at_the_first_past_the_limit() {
    use std::fmt::Write as _;
    let mut header = "tid".to_owned();
    for number in 0..4096 {
        write!(header, ",custom_fields.a{number}").unwrap();
    }
    let full = header.clone() + "\n1" + &",".repeat(4096) + "\n";
    assert_eq!(
        read(&options(), full.as_bytes()).unwrap()[0]
            .custom_fields
            .len(),
        4096
    );
    header += ",custom_fields.last";
    let error = read(&options(), header.as_bytes()).unwrap_err();
    assert_eq!(
        (error.code(), error.tid()),
        ("too_many_custom_fields", None)
    );
    assert!(
        error.to_string().contains("\"custom_fields.last\""),
        "{error}"
    );
}

#[test]
fn options_refuse_what_they_cannot_mean() {
    let map = |column: &str, variable: &str| options().map(column, variable);
    for (outcome, message) in [
        (
            options().delimiter('"'),
            "delimiter is \"\"\" but must be one ASCII character other than a quote, CR and LF",
        ),
        (
            options().delimiter('\n'),
            "delimiter is \"\\n\" but must be one ASCII character other than a quote, CR and LF",
        ),
        (
            options().delimiter('\u{e9}'),
            "delimiter is \"\u{e9}\" but must be one ASCII character other than a quote, CR and LF",
        ),
        (
            map("a", "number"),
            "map is \"number\" but must be an output variable other than custom_fields, or custom_fields.NAME",
        ),
        (
            map("a", "custom_fields"),
            "map is \"custom_fields\" but must be an output variable other than custom_fields, or custom_fields.NAME",
        ),
        (
            map("a", "custom_fields.9"),
            "map is \"custom_fields.9\" but must be an output variable other than custom_fields, or custom_fields.NAME",
        ),
        (
            map("a", ""),
            "map is \"\" but must be an output variable other than custom_fields, or custom_fields.NAME",
        ),
        (
            map("a", "tid").unwrap().map("A", "cid"),
            "map is \"A\" but must be a column that is mapped once",
        ),
        (
            options().dates(""),
            &*format!("dates is \"\" but must be {PATTERN}"),
        ),
        (
            options().dates("dd/mm/yyyy"),
            &*format!("dates is \"dd/mm/yyyy\" but must be {PATTERN}"),
        ),
        (
            options().dates("%d/%!"),
            &*format!("dates is \"%d/%!\" but must be {PATTERN}; unknown is \"%!\""),
        ),
        (
            map("a", "sumary"),
            "map is \"sumary\" but must be an output variable other than custom_fields, or \
             custom_fields.NAME (did you mean \"summary\"?)",
        ),
    ] {
        assert_eq!(outcome.unwrap_err().to_string(), message);
    }
}

#[test]
fn columns_are_what_the_caller_says() {
    let input = b"No,cid,Floor,UID,custom_fields.Room\n1,a,3,x,R\n";
    let told = |options: CsvOptions| read(&options, input).map_err(|error| error.to_string());
    let mapped = || options().map("no", "tid").unwrap();
    let error = told(mapped()).unwrap_err();
    assert!(
        error.starts_with("line 1, column 8: unknown variable \"Floor\""),
        "{error}"
    );

    let ticket = &told(mapped().others(CsvOthers::Skip)).unwrap()[0];
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(
        (ticket.tid, &*ticket.cid, &*ticket.assigned_tech),
        (1, "a", "")
    );
    assert_eq!(ticket.custom_fields, [pair("Room", "R")]);

    let ticket = &told(mapped().others(CsvOthers::Custom)).unwrap()[0];
    let pairs = [pair("Floor", "3"), pair("UID", "x"), pair("Room", "R")];
    assert_eq!(ticket.custom_fields, pairs);

    // A mapping comes before the column's own name.
    let moved = mapped()
        .map("CID", "contact")
        .unwrap()
        .map("UID", "uid")
        .unwrap();
    let ticket = &told(moved.others(CsvOthers::Skip)).unwrap()[0];
    assert_eq!(
        (&*ticket.cid, &*ticket.contact, &*ticket.assigned_tech),
        ("", "a", "x")
    );

    for (options, message) in [
        (
            mapped()
                .map("Floor", "custom_fields.ROOM")
                .unwrap()
                .others(CsvOthers::Skip),
            "line 1, column 18: both column 3, \"Floor\", and column 5, \"custom_fields.Room\", are \
         custom_fields.Room, which may have one column",
        ),
        (
            mapped()
                .map("Flor", "subject")
                .unwrap()
                .others(CsvOthers::Skip),
            "line 1, column 1: expected a header with every column that is mapped: no column is named \"Flor\" (did you mean \"Floor\"?)",
        ),
    ] {
        assert_eq!(told(options).unwrap_err(), message);
    }
    let error = read(&options().others(CsvOthers::Custom), b"tid,Issue Type\n").unwrap_err();
    let message = "line 1, column 5: unknown variable \"Issue Type\"; expected a name that a custom \
                   field can have: letters, digits, _ . and -, a letter or _ first";
    assert_eq!(error.to_string(), message);
    // Columns that are not read may share a name, and hold anything that is CSV.
    let repeated = b"tid,Comment,Comment\n1,\"a,\n\",b\n";
    assert_eq!(
        skip(&options().others(CsvOthers::Skip), repeated).unwrap(),
        (vec![1], 0)
    );
    let error = read(&options().others(CsvOthers::Custom), repeated).unwrap_err();
    assert_eq!(error.code(), "duplicate_variable");
}

#[test]
fn columns_that_are_left_out_are_told() {
    use std::sync::{Arc, Mutex};

    for (others, told) in [
        (CsvOthers::Skip, &["Floor", "", "Floor"][..]),
        (CsvOthers::Custom, &[]),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let input = match others {
            CsvOthers::Skip => &b"Floor,tid,,Floor\n1,2,3,4\n"[..],
            _ => b"Floor,tid\n1,2\n",
        };
        let imported = import(&options().others(others), input)
            .on_skipped_columns(move |names| hearing.lock().unwrap().extend(names.to_vec()))
            .for_each_block(|_| Ok(()));
        assert_eq!(imported.unwrap().tickets, 1);
        assert_eq!(*heard.lock().unwrap(), told);
    }
}

#[test]
fn dates_are_read_by_the_patterns_alone() {
    let input = b"tid,due_date\n1,03/02/2014\n2,2014-02-03 10:00\n3,\n";
    let date = |ticket: &Ticket| ticket.due_date.map(|it| it.to_string());
    let days = options().dates("%d/%m/%Y").unwrap();
    let both = days.clone().dates("%Y-%m-%d %H:%M").unwrap();
    let read_dates: Vec<_> = read(&both, input).unwrap().iter().map(date).collect();
    let expected = [
        Some("2014-02-03 00:00:00"),
        Some("2014-02-03 10:00:00"),
        None,
    ];
    assert_eq!(read_dates, expected.map(|it| it.map(str::to_owned)));
    let without: Vec<_> = read(&options(), input).unwrap().iter().map(date).collect();
    assert_eq!(without[0].as_deref(), Some("2014-03-02 00:00:00"));
    let error = read(&days, input).unwrap_err().to_string();
    let message = "line 3, column 3, record 2, ticket 2: due_date is \"2014-02-03 10:00\" but must \
                   be a date in a pattern that was given";
    assert_eq!(error, message);
    // Two digits are the end of a year, which the next pattern reads, and no year of antiquity.
    let short = b"tid,due_date\n1,03/02/14\n2,03/02/0014\n";
    let both = days.clone().dates("%d/%m/%y").unwrap();
    let read_dates: Vec<_> = read(&both, short).unwrap().iter().map(date).collect();
    let expected = ["2014-02-03 00:00:00", "0014-02-03 00:00:00"];
    assert_eq!(read_dates, expected.map(|it| Some(it.to_owned())));
    let error = read(&days, short).unwrap_err();
    assert_eq!((error.code(), error.tid()), ("invalid_value", Some(1)));
    let far = options().dates("%d/%m/%Y").unwrap();
    let error = read(&far, b"tid,due_date\n1,01/01/12014\n").unwrap_err();
    assert_eq!(error.tid(), Some(1));
}

#[test]
fn lines_without_anything_are_skipped_and_ends_of_lines_may_differ() {
    let input = b"\xEF\xBB\xBF\r\n\nTID,Subject\r\n\r\n\n1,\"a\r\n\r\nb\"\n\r\n2,\"\"\r\n3,";
    let tickets = read(&options(), input).unwrap();
    let subjects: Vec<_> = tickets.iter().map(|it| (it.tid, &*it.subject)).collect();
    assert_eq!(subjects, [(1, "a\r\n\r\nb"), (2, ""), (3, "")]);
    assert_eq!(read(&options(), b"tid").unwrap(), []);
    assert_eq!(read(&options(), b"tid\r\n").unwrap(), []);
}

#[test]
fn threads_and_records_over_several_blocks_come_to_the_same() {
    use std::fmt::Write as _;
    let mut input = "tid,summary,custom_fields.A\n".to_owned();
    for tid in 1..20_000 {
        let text = ["a,b\n", "\"\"", "\r\n", "xyz"][tid % 4].repeat(tid % 70);
        let bad = if tid % 1000 == 0 { "x" } else { "" };
        writeln!(input, "{tid},\"{text}\"{bad},").unwrap();
    }
    let mut expected = None;
    for threads in [1, 2, 4] {
        let mut tickets: Vec<Ticket> = Vec::new();
        let mut places = Vec::new();
        let import = import(&options(), input.as_bytes())
            .skip_bad(true)
            .threads(threads);
        let (sent, heard) = std::sync::mpsc::channel();
        let import = import.on_skip(move |error| sent.send(error.position()).unwrap());
        let imported = import.for_each_block(|block| {
            tickets.append(block);
            Ok(())
        });
        places.extend(heard);
        assert_eq!((tickets.len(), imported.unwrap().skipped), (19_980, 19));
        let first = expected.get_or_insert_with(|| (tickets.clone(), places.clone()));
        assert!(*first == (tickets, places));
    }
}

fn date(text: &str) -> Option<chrono::NaiveDateTime> {
    text.parse().ok().map(ticketdex::Moment::first_second)
}

#[test]
fn a_jira_export_reads_in() {
    let options = options()
        .map("Issue id", "tid")
        .unwrap()
        .map("Summary", "subject")
        .unwrap()
        .map("Description", "summary")
        .unwrap()
        .map("Assignee", "assigned_tech")
        .unwrap()
        .map("Reporter", "contact")
        .unwrap()
        .map("Created", "date_opened")
        .unwrap()
        .map("Due date", "due_date")
        .unwrap()
        .map("Issue Type", "category")
        .unwrap()
        .map("Custom field (Team, EMEA)", "custom_fields.Team")
        .unwrap()
        .dates("%d/%b/%y %I:%M %p")
        .unwrap()
        .others(CsvOthers::Skip);
    let tickets = read(&options, &export("jira.csv")).unwrap();
    assert_eq!(tickets.len(), 3);
    let first = &tickets[0];
    assert_eq!(
        (first.tid, &*first.status, &*first.priority),
        (10_234, "In Progress", "High")
    );
    assert_eq!(first.subject, "Printer says \"PC LOAD LETTER\", again");
    assert_eq!(
        first.summary,
        "*Steps*\r\n# print\r\n# wait\r\n\r\n{code}\r\na,b\r\n{code}"
    );
    assert_eq!(
        (&*first.assigned_tech, first.custom("Team")),
        ("jdoe", "Hardware")
    );
    assert_eq!(first.date_opened, date("2014-04-24 10:42"));
    assert_eq!(
        (first.due_date, tickets[1].due_date),
        (None, date("2014-05-01"))
    );
    assert_eq!(tickets[2].subject, "=SUM(A1)");
}

#[test]
fn a_zendesk_export_reads_in() {
    let options = options()
        .map("Id", "tid")
        .unwrap()
        .map("Requester", "contact")
        .unwrap()
        .map("Requester email", "email")
        .unwrap()
        .map("Group", "group")
        .unwrap()
        .map("Assignee", "uid")
        .unwrap()
        .map("Created at", "date_opened")
        .unwrap()
        .map("Updated at", "last_updated")
        .unwrap()
        .map("Type", "category")
        .unwrap()
        .map("Product line [list]", "custom_fields.Product")
        .unwrap()
        .dates("%Y-%m-%d %H:%M")
        .unwrap()
        .others(CsvOthers::Skip);
    let tickets = read(&options, &export("zendesk.csv")).unwrap();
    assert_eq!(
        tickets.iter().map(|it| it.tid).collect::<Vec<_>>(),
        [35_436, 35_437]
    );
    assert_eq!(tickets[0].subject, "Help, I need somebody!");
    assert_eq!(tickets[0].custom("Product"), "Office;Home");
    assert_eq!(tickets[1].contact, "Zo\u{eb} \u{201c}Z\u{201d} M\u{fc}ller");
    assert_eq!(tickets[1].assigned_group_name, "");
    assert_eq!(tickets[1].last_updated, date("2014-02-03 23:59"));
}

#[test]
fn a_servicenow_export_reads_in_with_its_sixty_columns() {
    let options = options()
        .map("number", "custom_fields.number")
        .unwrap()
        .map("task_no", "tid")
        .unwrap()
        .map("short_description", "subject")
        .unwrap()
        .map("description", "summary")
        .unwrap()
        .map("opened_at", "date_opened")
        .unwrap()
        .map("closed_at", "date_closed")
        .unwrap()
        .map("state", "status")
        .unwrap()
        .map("caller_id", "contact")
        .unwrap()
        .map("assignment_group", "group")
        .unwrap()
        .dates("%Y-%m-%d %H:%M:%S")
        .unwrap()
        .others(CsvOthers::Custom);
    let tickets = read(&options, &export("servicenow.csv")).unwrap();
    assert_eq!(tickets.len(), 2);
    for ticket in &tickets {
        assert_eq!(ticket.custom_fields.len(), 61);
    }
    assert_eq!(tickets[0].custom("number"), "INC0010023");
    assert_eq!(tickets[0].custom("u_field_1"), "value 1, of 60");
    assert_eq!(tickets[0].custom("u_field_60"), "last");
    assert_eq!(tickets[1].custom("u_field_30"), "");
    assert_eq!(tickets[1].summary, "line one\nline \"two\"\n\nline four");
    assert_eq!(
        (tickets[1].date_closed, tickets[0].date_closed),
        (date("2014-02-03 10:00:01"), None)
    );
}

#[test]
fn an_osticket_export_reads_in_with_its_semicolons() {
    let options = options()
        .delimiter(';')
        .unwrap()
        .map("Ticket Number", "tid")
        .unwrap()
        .map("Date Created", "date_opened")
        .unwrap()
        .map("From", "contact")
        .unwrap()
        .map("From Email", "email")
        .unwrap()
        .map("Department", "assigned_group_name")
        .unwrap()
        .map("Help Topic", "category")
        .unwrap()
        .map("Current Status", "status")
        .unwrap()
        .map("Last Updated", "last_updated")
        .unwrap()
        .map("Agent Assigned", "assigned_tech")
        .unwrap()
        .map("Merged", "merged")
        .unwrap()
        .dates("%d.%m.%Y %H:%M")
        .unwrap()
        .others(CsvOthers::Skip);
    let input = export("osticket.csv");
    let error = read(&options, &input).unwrap_err();
    let message =
        "line 5, column 1, record 3: ticket 100003: merged is \"nein\" but must be empty, N or Y";
    assert_eq!(error.to_string(), message);
    assert_eq!(
        skip(&options, &input).unwrap(),
        (vec![100_001, 100_002, 100_004], 1)
    );
    let tickets: Vec<Ticket> = import(&options, &input)
        .skip_bad(true)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(tickets[0].subject, "Drucker; Papierstau, \"Fach 2\"");
    assert_eq!(tickets[1].subject, "Zwei\nZeilen");
    assert_eq!(
        (&*tickets[0].priority, &*tickets[2].priority),
        ("Normal", "")
    );
    assert_eq!(tickets[2].date_opened, date("2014-12-24 08:05"));
}

#[test]
fn a_column_of_custom_fields_as_a_whole_is_left_out_where_others_are() {
    let input = b"tid,custom_fields,cid\n1,{},a\n";
    let outcome = |others| read(&options().others(others), input);
    let ticket = &outcome(CsvOthers::Skip).unwrap()[0];
    assert_eq!((ticket.tid, &*ticket.cid), (1, "a"));
    assert!(ticket.custom_fields.is_empty());
    for others in [CsvOthers::Error, CsvOthers::Custom] {
        assert_eq!(outcome(others).unwrap_err().code(), "unknown_variable");
    }
}
