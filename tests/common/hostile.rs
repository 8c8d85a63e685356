//! Requests and inputs of a megabyte or a hundred thousand parts, in quarters of their size.
//!
//! The test `hostile` holds what the whole of each allocates to its length, the bench of that
//! name the time of the whole to that of a quarter.

use super::nasty::{Random, make_tickets};
use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{Batch, Error, Import, ImportFormat, Options, Snapshot, Store};

/// The tickets of the store that is asked.
pub const TICKETS_COUNT: usize = 2_000;

/// Returns that store, which nobody has asked yet.
pub fn snapshot() -> Snapshot {
    let mut batch = Batch::new();
    for ticket in make_tickets(&mut Random::new(1), TICKETS_COUNT) {
        batch.put(ticket);
    }
    let mut store = Store::new(Options::default());
    store.commit(batch).unwrap();
    store.snapshot()
}

/// Joins so many parts that differ by their number.
pub fn numbered(count: usize, start: &str, between: &str) -> String {
    let parts: Vec<String> = (0..count).map(|n| format!("{start}{n}")).collect();
    parts.join(between)
}

/// A name, the code of the error if there is one, and a request.
pub type Long = (&'static str, &'static str, String);

/// Requests of so many quarters of a megabyte, or of 100,000 or 10,000 parts.
pub fn long_requests(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let (hundred, ten) = (quarters * 25_000, quarters * 2_500);
    vec![
        ("a key of 1 MB", "", format!("key={}", "x".repeat(mega))),
        ("1 MB of ampersands", "", "&".repeat(mega)),
        ("1 MB of empty repeats", "", "tid=&".repeat(mega / 5)),
        ("1 MB of bare names", "", "tid&".repeat(mega / 4)),
        (
            "a value of 1 MB",
            "",
            format!("status={}", "İ".repeat(mega / 2)),
        ),
        (
            "a value of percent signs",
            "",
            format!("cid={}", "%".repeat(mega)),
        ),
        (
            "a value of escapes",
            "",
            format!("cid={}", "%FF".repeat(mega / 3)),
        ),
        ("a name of 1 MB", "unknown_variable", "x".repeat(mega)),
        (
            "digits of 1 MB",
            "invalid_value",
            format!("count={}", "0".repeat(mega)),
        ),
        (
            "zeros before a number",
            "",
            format!("start_tid={}7", "0".repeat(mega)),
        ),
        (
            "a date of 1 MB",
            "invalid_value",
            format!("due_date={}", "1/".repeat(mega / 2)),
        ),
        (
            "a cid range of 1 MB",
            "",
            format!("start_cid={0}&end_cid={0}", "É".repeat(mega / 4)),
        ),
        (
            "an order of commas",
            "invalid_value",
            format!("order={}", ",".repeat(mega)),
        ),
        (
            "an order of spaces",
            "invalid_value",
            format!("order={}", "+".repeat(mega)),
        ),
        (
            "a key of an order of 1 MB",
            "invalid_value",
            format!("order={}", "x".repeat(mega)),
        ),
        (
            "equal order keys",
            "",
            format!("order={}", vec!["cid"; hundred].join(",")),
        ),
        (
            "order keys and a bad one",
            "invalid_value",
            format!("order={}x", "cid,".repeat(hundred)),
        ),
        (
            "100,000 order keys",
            "",
            format!("order={}", numbered(hundred, "custom_fields.a", ",")),
        ),
        ("10,000 filters", "", numbered(ten, "status=", "&")),
        (
            "10,000 equal filters",
            "",
            vec!["status=Open"; ten].join("&"),
        ),
        ("10,000 customers", "", numbered(ten, "cid=j", "&")),
        ("10,000 lone stars", "", vec!["uid=*"; ten].join("&")),
        (
            "10,000 times tid",
            "duplicate_variable",
            vec!["tid=1"; ten].join("&"),
        ),
    ]
    .into_iter()
    .chain(long_tests(hundred, ten))
    .collect()
}

/// Tests of this many fields.
fn long_tests(hundred: usize, ten: usize) -> Vec<Long> {
    let custom = |at: usize| format!("custom_fields.a{at}!=x&");
    vec![
        (
            "10,000 contacts to leave out",
            "",
            numbered(ten, "contact!=c", "&"),
        ),
        (
            "filters of two fields in turn",
            "",
            "uid=many&cid!=b&".repeat(ten),
        ),
        (
            "10,000 elements of a list",
            "",
            numbered(ten, "linked_asset!=a", "&"),
        ),
        ("10,000 custom fields", "", (0..ten).map(custom).collect()),
        (
            "100,000 equal names in a list",
            "",
            format!("empty={}", vec!["merged_to"; hundred].join(",")),
        ),
        (
            "a list of commas",
            "invalid_value",
            format!("present={}", ",".repeat(hundred)),
        ),
        (
            "100,000 custom fields to show",
            "",
            format!("fields={}", numbered(hundred, "custom_fields.a", ",")),
        ),
        (
            "10,000 terms to leave out",
            "",
            format!("keyword!={}", numbered(ten, "zzq", "+")),
        ),
        (
            "10,000 bounds",
            "duplicate_variable",
            vec!["company_id>=1"; ten].join("&"),
        ),
    ]
}

/// Patterns of so many quarters of a megabyte, or of 10,000 stars.
pub fn long_tid_patterns(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let patterns = [
        ("10,000 stars", "", "*".repeat(quarters * 2_500)),
        ("stars and digits", "", "*1".repeat(mega / 2)),
        ("a million digits", "", format!("*{}*", "1".repeat(mega))),
        ("a million zeros", "", format!("{}*", "0".repeat(mega))),
        ("a long tid", "invalid_value", "1".repeat(mega)),
    ];
    patterns
        .map(|(name, code, pattern)| (name, code, format!("tid={pattern}")))
        .into()
}

/// Keywords of so many quarters of a megabyte, or of 100,000 terms; the last three are as they are.
pub fn long_keywords(quarters: usize) -> Vec<Long> {
    let mega = quarters << 18;
    let hundred = quarters * 25_000;
    let letters = || 'a'..='z';
    let pairs: Vec<String> = letters()
        .flat_map(|a| letters().map(move |b| format!("{a}{b}")))
        .collect();
    let triples: Vec<String> = pairs
        .iter()
        .flat_map(|pair| letters().map(move |c| format!("{pair}{c}")))
        .collect();
    // Terms that texts hold, a hundred thousand ways to write a few of them.
    let held = [
        "printer",
        "error",
        "john@example.com",
        "0x80070005",
        "istanbul",
    ];
    let spelled: Vec<String> = (0..hundred)
        .map(|n| {
            let word = held[n % held.len()];
            let spelled = word.bytes().enumerate().map(|(at, byte)| {
                let upper = (n / held.len()) >> at & 1 == 1;
                char::from(if upper {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                })
            });
            spelled.collect()
        })
        .collect();
    let keywords = [
        ("a term of 1 MB", "e".repeat(mega)),
        ("a term that folds to 1 MB", "İ".repeat(mega / 4)),
        ("1 MB of white space", "+".repeat(mega)),
        ("100,000 equal terms", vec!["error"; hundred].join("+")),
        ("100,000 distinct terms", numbered(hundred, "w", "+")),
        ("100,000 numbers", numbered(hundred, "", "+")),
        ("100,000 spellings", spelled.join("+")),
        (
            "every letter",
            letters().map(String::from).collect::<Vec<_>>().join("+"),
        ),
        ("every pair of letters", pairs.join("+")),
        ("every triple of letters", triples.join("+")),
    ];
    keywords
        .map(|(name, keyword)| (name, "", format!("keyword={keyword}")))
        .into()
}

/// Reads all tickets and drops them; returns how many, or the error's code.
pub fn read(format: ImportFormat, reader: impl std::io::BufRead) -> Result<u64, &'static str> {
    let mut count = 0;
    for ticket in Import::new(format, reader) {
        ticket.map_err(|error: Error| error.code())?;
        count += 1;
    }
    Ok(count)
}

/// A format, what reading comes to, and an input of so many quarters of what it is about.
pub type Huge = (ImportFormat, Result<u64, &'static str>, String);

/// Documents of one format as a whole.
pub fn huge_documents(quarters: usize) -> Vec<Huge> {
    let many = |count: usize, part: &str| part.repeat(count / 4 * quarters);
    let (ok, syntax) = (Ok(1), Err("invalid_syntax"));
    let xml = |inside: &str| format!("<tickets><ticket><tid>1</tid>{inside}</ticket></tickets>");
    let json = |record: &str| format!("{{\"tickets\":[{record}]}}");
    let nested = many(200_000, "<a>") + &many(200_000, "</a>");
    let long = format!("<subject>{}</subject>", many(50 << 20, "x"));
    let encoded = format!("{{\"tid\":1,\"cid\":\"{}\"}}", many(6 << 20, "%41%42%43"));
    vec![
        (Xml, Err("invalid_ticket"), xml(&long)),
        (
            Xml,
            ok,
            xml(&format!("<subject>{}</subject>", many(1 << 20, "&amp;"))),
        ),
        (Xml, ok, xml(&many(100_000, "<!-- x -->"))),
        (Xml, ok, xml(&many(100_000, "<cid/>"))),
        (Xml, Err("unknown_variable"), xml(&nested)),
        (Xml, syntax, xml(&many(200_000, "<a>"))),
        (
            Xml,
            syntax,
            format!("<tickets {}/>", many(100_000, "a='b' ")),
        ),
        (
            Xml,
            syntax,
            xml(&format!("<cid>{}</cid>", many(1 << 20, "&"))),
        ),
        (Json, Err("invalid_ticket"), json(&encoded)),
        (Json, syntax, json(&many(1 << 20, "{\"tid\":"))),
        (
            Json,
            ok,
            json(&format!("{}{{\"tid\":1}}", many(1 << 20, " "))),
        ),
    ]
}

/// Inputs whose records are lines.
pub fn huge_lines(quarters: usize) -> Vec<Huge> {
    let many = |count: usize, part: &str| part.repeat(count / 4 * quarters);
    let ok = Ok(1);
    let deep = many(1 << 20, "[") + "1" + &many(1 << 20, "]");
    let custom = format!(
        "{{\"tid\":1,\"custom_fields\":{}",
        many(1 << 20, "[{\"a\":")
    );
    let long = format!("{{\"tid\":1,\"summary\":\"{}\"}}", many(50 << 20, "x"));
    #[cfg_attr(not(feature = "csv"), expect(unused_mut))]
    let mut inputs = vec![
        (
            JsonLines,
            Err("invalid_value"),
            format!("{{\"tid\":{deep}}}"),
        ),
        (JsonLines, Err("invalid_value"), custom),
        (
            JsonLines,
            ok,
            format!("{{\"tid\":1,\"cid\":\"\",\"cid\":{deep}}}"),
        ),
        (
            JsonLines,
            ok,
            format!("{{{}\"tid\":1}}", many(100_000, "\"cid\":\"\",")),
        ),
        (JsonLines, Err("invalid_ticket"), long),
        (Delimited, ok, format!("tid=1{}", many(200_000, "&cid="))),
        (Delimited, ok, format!("tid=1{}", many(1 << 20, "&"))),
        (
            Delimited,
            Err("unknown_variable"),
            format!("tid=1{}", many(200_000, "&x=1")),
        ),
    ];
    #[cfg(feature = "csv")]
    inputs.extend(huge_csv(quarters));
    inputs
}

/// CSV, whose records may be of any number of lines.
#[cfg(feature = "csv")]
fn huge_csv(quarters: usize) -> [Huge; 7] {
    let many = |count: usize, part: &str| part.repeat(count / 4 * quarters);
    let (ok, syntax) = (Ok(1), Err("invalid_syntax"));
    let csv = |outcome, input: String| (ImportFormat::Csv, outcome, input);
    let long = format!("tid,summary\n1,\"{}\"", many(50 << 20, "x"));
    let quotes = format!("tid,summary\n1,\"{}\"", many(1 << 20, "\"\""));
    let names = format!("tid{}", many(1 << 20, ","));
    [
        csv(Err("invalid_ticket"), long),
        csv(ok, quotes),
        csv(ok, format!("tid\n{}1", many(1 << 20, "\n"))),
        csv(ok, format!("tid,cid\n1,\"{}\"", many(1 << 20, "\n"))),
        csv(syntax, format!("tid\n1{}", many(1 << 20, ","))),
        csv(syntax, format!("tid\n\"{}", many(1 << 20, "\n"))),
        csv(Err("unknown_variable"), names),
    ]
}
