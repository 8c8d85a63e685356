//! CSV through the command: the arguments that say how it is read, and `--csv-safe`.

mod common;

use common::command::{Reply, file, pipe, run, run_well, stderr};

const EXPORT: &str = "Issue id;Summary;Floor;Created;Team, all\n\
                      7;=1+1;3;03/02/2014 9:05;Web\n\
                      x;broken;;;\n\
                      8;\"a;\nb\";;;\n";

/// The arguments that read [`EXPORT`].
const READING: [&str; 9] = [
    "--map",
    "Issue id=tid,Summary=subject",
    "--map",
    "Team, all=assigned_group_name,Created=date_opened",
    "--dates",
    "%d/%m/%Y %H:%M",
    "--delimiter=;",
    "--others=custom",
    "--skip-bad",
];

fn with<'a>(first: &[&'a str], last: &[&'a str]) -> Vec<&'a str> {
    [first, &READING, last].concat()
}

#[test]
fn an_export_reads_in_by_the_arguments() {
    let path = file("export.csv", EXPORT);
    let arguments = with(&["get", "--data", &path, "--format", "csv"], &[]);
    let output = run(&arguments, b"");
    let body = str::from_utf8(&output.stdout).unwrap();
    let (header, records) = body.split_once("\r\n").unwrap();
    assert!(header.starts_with("tid,cid,company_id,") && header.contains(",custom_fields.Floor,"));
    let first = "7,,0,,,,,,2014-02-03 09:05:00,,,,,,,,,,,,,,0,Web,0,,,,,,,,,0,,3,=1+1,\r\n";
    let second = "8,,0,,,,,,,,,,,,,,,,,,,,0,,0,,,,,,,,,0,,,\"a;\nb\",\r\n";
    assert_eq!(records, [first, second].concat());
    let reason = "skipped: invalid_value: line 3, column 1, record 2: tid is \"x\"";
    assert!(stderr(&output).contains(reason), "{}", stderr(&output));

    let arguments = with(&["get", "--input", "csv", "--data", "-"], &["--format=csv"]);
    assert_eq!(run_well(&arguments, EXPORT.as_bytes()), output.stdout);
    // What is written reads in again without a word about it.
    let again = file("export_again.csv", &output.stdout);
    let read = run_well(&["get", "--data", &again, "--format", "CSV"], b"");
    assert_eq!(read, output.stdout);
}

#[test]
fn an_export_fills_a_store() {
    let path = file("fill.csv", EXPORT);
    let store = file("fill.redb", "");
    std::fs::remove_file(&store).unwrap();
    let arguments = with(&["import", &path, "--store", &store], &[]);
    let output = run(&arguments, b"");
    assert!(output.status.success(), "{}", stderr(&output));
    let count = [
        "get",
        "keyword=a;&count_only=Y",
        "--format=csv",
        "--store",
        &store,
    ];
    assert_eq!(run_well(&count, b""), b"count\r\n1\r\n");
    // A bad header leaves nothing, not even the file.
    let none = file("none.redb", "");
    std::fs::remove_file(&none).unwrap();
    let output = run(&["import", &path, "--store", &none], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("unknown_variable: line 1, column 1: "),
        "{}",
        stderr(&output)
    );
    assert!(!std::path::Path::new(&none).exists());
}

#[test]
fn csv_is_made_harmless_where_that_is_asked_for() {
    let path = file(
        "harmless.jsonl",
        "{\"tid\":7,\"cid\":\"@a\",\"summary\":\"-1,2\"}\n",
    );
    let get = |arguments: &[&str]| {
        let arguments = [&["get", "--data", &path, "--format"], arguments].concat();
        String::from_utf8(run_well(&arguments, b"")).unwrap()
    };
    assert!(get(&["csv"]).ends_with("\r\n7,@a,0,,,,,,,,,,,,,,,,,,,,0,,0,,,,,,,,,0,,,\"-1,2\"\r\n"));
    let safe = get(&["csv", "--csv-safe"]);
    assert!(
        safe.contains("\r\n7,'@a,0,") && safe.ends_with(",\"'-1,2\"\r\n"),
        "{safe}"
    );
    assert_eq!(get(&["xml", "--csv-safe"]), get(&["xml"]));
    let replies = pipe(
        &["--data", &path, "--csv-safe"],
        b"format=csv\nformat=csv&page=1\n",
    );
    let [
        Reply::Ok { total: 1, body },
        Reply::Error { code, body: error },
    ] = &replies[..]
    else {
        panic!("{replies:?}");
    };
    assert_eq!(
        (str::from_utf8(body).unwrap(), &**code),
        (&*safe, "page_needs_count")
    );
    assert!(error.starts_with(b"error,message\r\npage_needs_count,\"page is \"\"1\"\" but"));
}

#[test]
fn what_the_arguments_cannot_mean_is_wrong_usage() {
    let csv = file("usage.csv", "tid\n1\n");
    let lines = file("usage.jsonl", "{\"tid\":1}\n");
    for (path, arguments, told) in [
        (&csv, &["--map", "a=number"][..], "map is \"number\""),
        (&csv, &["--map", "tid"], "\"tid\" has no variable"),
        (
            &csv,
            &["--map", "a=tid,A=cid"],
            "a column that is mapped once",
        ),
        (&csv, &["--others", "drop"], "custom, skip or error"),
        (&csv, &["--dates", "%!"], "a pattern like"),
        (
            &csv,
            &["--delimiter", "ab"],
            "one character or the word tab",
        ),
        (&csv, &["--delimiter", "\""], "one ASCII character"),
        (&lines, &["--others", "skip"], "need tickets as CSV"),
    ] {
        let output = run(&[&["get", "--data", path], arguments].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(told),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let output = run(&["get", "--data", &csv, "--map", "Tids=tid"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no column is named \"Tids\" (did you mean \"tid\"?)"),
        "{}",
        stderr(&output)
    );
    let tabs = file("tabs.csv", "tid\tcid\n1\ta,b\n");
    let count = [
        "get",
        "cid=a,b&count_only=Y",
        "--format=csv",
        "--data",
        &tabs,
    ];
    let output = run_well(&[&count[..], &["--delimiter", "tab"]].concat(), b"");
    assert_eq!(output, b"count\r\n1\r\n");
}

/// Checks what the command tells where it does not read a file: the error, and what helps.
fn check_told(path: &str, arguments: &[&str], error: &str, hint: &str) {
    let output = run(&[&["get", "--data", path], arguments].concat(), b"");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let lines: Vec<&str> = stderr(&output).lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(error), "{lines:?}");
    assert_eq!(lines[1], format!("ticketdex: {hint}"));
}

#[test]
fn what_does_not_read_in_is_told_the_argument_that_helps() {
    let dates = file("hint_dates.csv", "tid,due_date\n1,24.12.2014 10:00\n");
    let same = file("hint_same.csv", "tid,Label,Label\n1,a,b\n");
    let other = file("hint_other.csv", "tid,Label,custom_fields.label\n1,a,b\n");
    let unknown = file("hint_unknown.csv", "tid,Label\n1,a\n");
    let blank = file("hint_blank.csv", "tid,\"2nd, floor\"\n1,a\n");
    let semicolons = file("hint_semicolons.csv", "tid;cid\n1;a\n");
    let latin = file("hint_latin.csv", b"tid,cid\n1,M\xFCller\n");
    let unnumbered = file("hint_unnumbered.csv", "cid,subject\na,b\n");
    for (path, arguments, error, hint) in [
        (
            &dates,
            &[][..],
            "due_date is \"24.12.2014 10:00\" but must be a date like",
            "--dates says how dates are written; --dates '%d.%m.%Y %H:%M' would read this one",
        ),
        (
            &dates,
            &["--dates=%d/%m/%Y", "--dates=%Y.%m.%d"],
            "due_date is \"24.12.2014 10:00\" but must be a date in a pattern that was given",
            "no pattern of --dates fits: '%d/%m/%Y' '%Y.%m.%d'; --dates '%d.%m.%Y %H:%M' would read this one",
        ),
        (
            &same,
            &["--others=custom"],
            "duplicate_variable: line 1, column 11: both column 2, \"Label\", and column 3, \"Label\", \
             are custom_fields.Label",
            "--map cannot tell columns of one name apart, so rename one of them in the header; or \
             --others skip leaves out all that are neither mapped nor named like a variable",
        ),
        (
            &other,
            &["--others=custom"],
            "both column 2, \"Label\", and column 3, \"custom_fields.label\", are custom_fields.label",
            "--map makes one of them another variable or a custom field, like --map \
             'COLUMN=custom_fields.NAME'; or --others skip leaves out all that are neither mapped nor named \
             like a variable",
        ),
        (
            &unknown,
            &[],
            "unknown variable \"Label\"",
            "--map says what a column is, --others skip or custom what becomes of columns that are no \
             variable, and --delimiter what stands between columns",
        ),
        (
            &blank,
            &["--others=custom"],
            "unknown variable \"2nd, floor\"",
            "--map '2nd, floor=custom_fields._2nd__floor' gives it a name that it can have",
        ),
        (
            &semicolons,
            &[],
            "unknown variable \"tid;cid\"",
            "if columns are parted by ;, it is --delimiter ';'",
        ),
        (
            &latin,
            &[],
            "expected UTF-8 but found the byte 0xFC",
            "iconv makes it UTF-8, like `iconv -f WINDOWS-1252 -t UTF-8 FILE`, where that is its encoding",
        ),
        (
            &unnumbered,
            &[],
            "a ticket's tid must be given",
            "the column of the ticket's number is tid, or what --map 'COLUMN=tid' says",
        ),
    ] {
        check_told(path, arguments, error, hint);
    }
}

#[test]
fn what_does_not_help_is_not_told() {
    let same = file("helps_same.csv", "tid,Label,Label\n1,a,b\n");
    let other = file("helps_other.csv", "tid,Label,custom_fields.label\n1,a,b\n");
    let short = file("helps_short.csv", "tid,due_date\n1,03/02/14\n");
    let apostrophe = file("helps_apostrophe.csv", "tid,It's due\n1,a\n");
    let long = file(
        "helps_long.csv",
        format!("tid,{}\n1,a\n", "Due ".repeat(30)),
    );
    let own = file(
        "helps_own.csv",
        "tid,custom_fields.a,custom_fields.A\n1,a,b\n",
    );
    for (path, arguments, error, hint) in [
        (
            &same,
            &["--map=Label=subject"][..],
            "both column 2, \"Label\", and column 3, \"Label\", are subject",
            "--map cannot tell columns of one name apart, so rename one of them in the header",
        ),
        (
            &own,
            &["--others=custom"],
            "both column 2, \"custom_fields.a\", and column 3, \"custom_fields.A\", are custom_fields.A",
            "--map cannot tell columns of one name apart, so rename one of them in the header",
        ),
        (
            &other,
            &["--map=Label=custom_fields.LABEL"],
            "both column 2, \"Label\", and column 3, \"custom_fields.label\", are custom_fields.label",
            "--map makes one of them another variable or a custom field, like --map \
             'COLUMN=custom_fields.NAME'",
        ),
        (
            &apostrophe,
            &["--others=custom"],
            "unknown variable \"It's due\"",
            "--map 'It'\\''s due=custom_fields.It_s_due' gives it a name that it can have",
        ),
        (
            &long,
            &["--others=custom"],
            "unknown variable \"Due Due ",
            "--map 'COLUMN=custom_fields.NAME', with the whole name of the column, gives it a name that it \
             can have",
        ),
        (
            &short,
            &["--dates=%d/%m/%Y"],
            "due_date is \"03/02/14\" but must be a date in a pattern that was given",
            "no pattern of --dates fits: '%d/%m/%Y'; --dates '%d/%m/%y' would read this one, or '%m/%d/%y' \
             where the month comes first",
        ),
    ] {
        check_told(path, arguments, error, hint);
    }
}

/// A header whose columns are parted by another sign than the one that is given.
#[test]
fn another_delimiter_is_told_its_argument() {
    let quoted = file("delimiter_quoted.csv", "\"Issue id\";\"Summary\"\n1;a\n");
    let bars = file("delimiter_bars.csv", "tid|cid\n1|a\n");
    let tabs = file("delimiter_tabs.csv", "tid\tcid\n1\ta\n");
    let excel = file("delimiter_excel.csv", "sep=;\ntid;cid\n1;a\n");
    let semicolons = "if columns are parted by ;, it is --delimiter ';'";
    let line = "the first line, which begins with sep=, is for Excel alone: it must go";
    let both = &*format!("{line}, and --delimiter ';' says the same");
    let map = "--map=Issue id=tid";
    for (path, arguments, hint) in [
        (&quoted, &[][..], semicolons),
        (&quoted, &[map, "--others=skip"], semicolons),
        (
            &bars,
            &["--others=skip"],
            "--others skip leaves out the column \"tid|cid\"; if columns are parted by |, it is \
             --delimiter '|'",
        ),
        (
            &tabs,
            &[map, "--others=skip"],
            "if columns are parted by tab, it is --delimiter 'tab'",
        ),
        (&excel, &[], both),
        (&excel, &[map], both),
        (&excel, &["--delimiter=;"], line),
        (
            &excel,
            &["--others=skip"],
            &*format!("--others skip leaves out the column \"sep=;\"; {both}"),
        ),
    ] {
        let output = run(&[&["get", "--data", path], arguments].concat(), b"");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = stderr(&output);
        let is_told = told
            .lines()
            .any(|line| line.ends_with(&format!(": {hint}")));
        assert!(is_told, "{arguments:?}: {told}");
    }
    // Only a header is looked at for it.
    let record = file("delimiter_record.csv", "tid,cid\n1,\"a\";\n");
    let output = run(&["get", "--data", &record], b"");
    assert!(!stderr(&output).contains("--delimiter"), "{output:?}");
}

/// An import reads a file twice, and names what it leaves out once.
#[test]
fn columns_that_are_left_out_are_named_once() {
    let path = file("left_out.csv", "tid,Floor,subject,\"Team, all\"\n7,3,a,b\n");
    let store = file("left_out.redb", "");
    std::fs::remove_file(&store).unwrap();
    let told = format!(
        "ticketdex: {path}: --others skip leaves out the columns \"Floor\", \"Team, all\"\n"
    );
    let arguments = ["import", &path, "--store", &store, "--others", "skip"];
    let output = run(&arguments, b"");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stderr(&output).matches(&told).count(), 1, "{output:?}");
    let none = file("left_out_none.csv", "tid\n7\n");
    let output = run(&["get", "--data", &none, "--others", "skip"], b"");
    assert!(!stderr(&output).contains("leaves out"), "{output:?}");
}
