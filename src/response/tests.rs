//! Responses byte for byte, read back by foreign parsers, and cut at every place.

mod readers;

use std::io;
use std::sync::Arc;

use chrono::{Datelike, Timelike};

use readers::read_back;

use super::*;
use crate::model::error::ErrorKind;
use crate::model::names::CustomNames;
use crate::model::value::Moment;
use crate::model::{CellMut, Field, FieldKind, Ticket};
use crate::query::Query;
use crate::segment::{Budget, SegmentBuilder};
use crate::snapshot::{LiveSegment, Parts, Removals, Snapshot, StoreMark};

/// Makes a snapshot of tickets dealt in turn to some segments.
fn snapshot(tickets: &[Ticket], segments_count: usize) -> Snapshot {
    let mut names = CustomNames::default();
    let mut builders: Vec<_> = (0..segments_count).map(|_| SegmentBuilder::new()).collect();
    for (index, ticket) in tickets.iter().enumerate() {
        let entering = ticket.custom_fields.iter().map(|pair| pair.0.as_str());
        names.enter(None, entering).unwrap();
        builders[index % segments_count].insert(std::slice::from_ref(ticket), &names);
    }
    let segments = builders
        .into_iter()
        .map(|builder| LiveSegment::new(builder.seal(&Budget::new(None))));
    Snapshot::new(Arc::new(Parts {
        store: StoreMark::default(),
        version: 1,
        segments: segments.collect(),
        names: Arc::new(names),
        removals: Removals::default(),
    }))
}

fn body(tickets: &[Ticket], segments_count: usize, format: Format) -> Vec<u8> {
    let answer = snapshot(tickets, segments_count).answer(&Query::default());
    let mut body = Vec::new();
    let written = answer.write_to(format, &mut body).unwrap();
    assert_eq!(written, body.len() as u64);
    assert_eq!(answer.explain().work.bytes_written, written);
    body
}

/// The golden files of a subject, by format.
macro_rules! golden {
    ($name:literal) => {
        [
            (
                Format::Xml,
                include_str!(concat!("../../tests/golden/", $name, ".xml")),
            ),
            (
                Format::Json,
                include_str!(concat!("../../tests/golden/", $name, ".json")),
            ),
            (
                Format::Delimited,
                include_str!(concat!("../../tests/golden/", $name, ".txt")),
            ),
            (
                Format::Csv,
                include_str!(concat!("../../tests/golden/", $name, ".csv")),
            ),
        ]
    };
}

fn date(text: &str) -> chrono::NaiveDateTime {
    Moment::parse(text).unwrap().first_second()
}

fn page_example() -> Ticket {
    let names = (1..=4).map(|n| (format!("Custom_field_{n}"), String::new()));
    Ticket {
        tid: 34,
        cid: "demo".into(),
        company_id: 1,
        company_name: "Demo Company".into(),
        contact: "John Smith".into(),
        phone: "404-000-0000".into(),
        email: "john.Smith@company.com".into(),
        date_opened: Some(date("4/24/2014 10:42:43 AM")),
        source: "Web Ticketing System".into(),
        category: "Other".into(),
        status: "Open".into(),
        opened_by: "WEBSITE".into(),
        last_updated: Some(date("4/30/2014 3:47:57 PM")),
        updated_by: "guest".into(),
        updater_type: "TECH".into(),
        assigned_tech: "guest".into(),
        locked: "n".into(),
        custom_fields: names.collect(),
        subject: "Example subject".into(),
        summary: "Example summary".into(),
        ..Ticket::default()
    }
}

fn without_custom_names() -> Vec<Ticket> {
    let first = Ticket {
        tid: 1,
        merged_to: Some(0),
        locked: "Y".into(),
        ..Ticket::default()
    };
    let last = Ticket {
        tid: u64::MAX,
        merged_to: Some(u64::MAX),
        date_opened: Some(date("0001-01-01")),
        date_closed: Some(date("9999-12-31 23:59:59")),
        due_date: Some(date("2024-02-29 12:00")),
        ..Ticket::default()
    };
    vec![first, last]
}

fn escapes() -> Vec<Ticket> {
    let raw = "&<>\"'\\%=+#/ ~*-._é😀";
    let text = format!("{raw}\0\t\r\n\u{7f}\u{85}\u{fffe}\u{ffff}");
    let first = Ticket {
        tid: 7,
        cid: text.clone(),
        contact: text.clone(),
        opened_by: raw.into(),
        updater_type: "a&amp;b".into(),
        assigned_tech: "<root>".into(),
        locked_by: "r&d".into(),
        linked_asset: "\"q\" \\ back".into(),
        linked_devices: "a&b,c=d".into(),
        children_tickets: "1,2".into(),
        custom_fields: vec![("A.b-c".into(), text.clone())],
        subject: text.clone(),
        summary: text,
        ..Ticket::default()
    };
    let last = Ticket {
        tid: 8,
        opened_by: "plain".into(),
        custom_fields: vec![("_z".into(), " ".into())],
        ..Ticket::default()
    };
    vec![first, last]
}

/// Checks the golden files of a subject, in one segment and in several, and reads them back.
fn check_golden(tickets: &[Ticket], golden: [(Format, &str); 4]) {
    for (format, expected) in golden {
        for segments_count in [1, 2, 3] {
            let body = String::from_utf8(body(tickets, segments_count, format)).unwrap();
            assert_eq!(body, expected, "{format:?} of {segments_count} segments");
        }
        assert_eq!(read_back(format, expected), expected_cells(tickets));
    }
}

/// Name and decoded text of every value of every ticket.
type Cells = Vec<Vec<(String, String)>>;

/// Returns a date as XML, JSON and delimited form show it.
fn show_date(date: chrono::NaiveDateTime) -> String {
    let (day, (after_noon, hour)) = (date.date(), date.hour12());
    let half = if after_noon { "PM" } else { "AM" };
    let (month, day, year) = (day.month(), day.day(), day.year());
    let (minute, second) = (date.minute(), date.second());
    format!("{month}/{day}/{year:04} {hour}:{minute:02}:{second:02} {half}")
}

fn expected_cells(tickets: &[Ticket]) -> Cells {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in tickets.iter().flat_map(|ticket| &ticket.custom_fields) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let cells = |ticket: &Ticket| {
        let mut cells = Vec::new();
        for field in Field::ALL {
            let text = match ticket.clone().cell_mut(field) {
                CellMut::Text(text) if field.kind() == FieldKind::Flag => text.to_uppercase(),
                CellMut::Text(text) => text.clone(),
                CellMut::Integer(integer) => integer.to_string(),
                CellMut::OptionalInteger(integer) => {
                    integer.map_or(String::new(), |integer| integer.to_string())
                }
                CellMut::Date(date) => date.map(show_date).unwrap_or_default(),
                CellMut::CustomFields(pairs) => {
                    for name in &names {
                        let pair = pairs.iter().find(|pair| pair.0 == **name);
                        let text = pair.map_or(String::new(), |pair| pair.1.clone());
                        cells.push(((*name).clone(), text));
                    }
                    continue;
                }
            };
            cells.push((field.name().to_owned(), text));
        }
        cells
    };
    tickets.iter().map(cells).collect()
}

#[test]
fn the_page_example() {
    check_golden(&[page_example()], golden!("page_example"));
}

#[test]
fn no_tickets() {
    check_golden(&[], golden!("no_tickets"));
}

#[test]
fn no_custom_names() {
    check_golden(&without_custom_names(), golden!("no_custom_names"));
}

#[test]
fn escapes_of_each_format() {
    check_golden(&escapes(), golden!("escapes"));
}

#[test]
fn count_only() {
    let tickets: Vec<Ticket> = (1..=34)
        .map(|tid| Ticket {
            tid,
            ..page_example()
        })
        .collect();
    let query = Query::builder().count_only(true).build().unwrap();
    let answer = snapshot(&tickets, 1).answer(&query);
    for (format, expected) in golden!("count") {
        let mut body = Vec::new();
        answer.write_to(format, &mut body).unwrap();
        assert_eq!(body, expected.as_bytes());
    }
}

#[test]
fn errors() {
    for (format, expected) in golden!("error") {
        let error = Error::from(ErrorKind::InvalidValue {
            variable: "count".into(),
            value: "a<b>&\"\\é\0\n\u{fffe}\u{85}".into(),
            expected: "an integer",
        });
        let body = String::from_utf8(error.to_response(format)).unwrap();
        assert_eq!(body, expected);
    }
}

/// A writer that fails once it has taken a number of bytes, which it keeps.
struct FailingWriter {
    bytes_max: usize,
    taken: Vec<u8>,
}

impl FailingWriter {
    fn of(bytes_max: usize) -> FailingWriter {
        FailingWriter {
            bytes_max,
            taken: Vec::new(),
        }
    }
}

impl io::Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max - self.taken.len();
        if room == 0 {
            return Err(io::Error::other("full"));
        }
        let count = bytes.len().min(room);
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_may_fail_at_every_byte() {
    let answer = snapshot(&escapes(), 2).answer(&Query::default());
    for format in Format::ALL {
        let mut body = Vec::new();
        answer.write_to(format, &mut body).unwrap();
        for bytes in 0..=body.len() {
            fails_after(&answer, format, &body, bytes);
        }
    }
}

/// Writes to what fails after a number of bytes; it must have had the first of the body, in order.
fn fails_after(answer: &Answer, format: Format, body: &[u8], bytes: usize) {
    let mut writer = FailingWriter::of(bytes);
    match answer.write_to(format, &mut writer) {
        Ok(written) => assert_eq!((written, bytes), (body.len() as u64, body.len())),
        Err(error) => assert!(matches!(error.kind(), ErrorKind::Io(_)) && bytes < body.len()),
    }
    assert!(writer.taken == body[..bytes]);
}

#[test]
fn a_writer_may_fail_around_every_chunk() {
    let tickets: Vec<Ticket> = (1..=4)
        .map(|tid| Ticket {
            tid,
            summary: "é&".repeat(40_000),
            ..Ticket::default()
        })
        .collect();
    let answer = snapshot(&tickets, 2).answer(&Query::default());
    for format in Format::ALL {
        let mut body = Vec::new();
        answer.write_to(format, &mut body).unwrap();
        let ends = answer.clone().into_chunks(format).scan(0, |end, chunk| {
            *end += chunk.len();
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        assert!(ends.len() > 4);
        for end in ends {
            for bytes in [end - 1, end, end + 1] {
                fails_after(&answer, format, &body, bytes.min(body.len()));
            }
        }
    }
}

/// Pulls a response through chunks of a size.
fn in_chunks_of(answer: &Answer, format: Format, bytes: usize) -> Vec<u8> {
    let mut chunks = answer.clone().into_chunks(format);
    let mut body = Vec::new();
    loop {
        chunks.chunk_bytes = bytes;
        let mut chunk = Vec::new();
        if !chunks.fill(&mut chunk) {
            assert!(chunk.is_empty());
            assert!(!chunks.fill(&mut chunk));
            return body;
        }
        assert!(chunk.len() <= bytes);
        body.extend_from_slice(&chunk);
    }
}

#[test]
fn chunks_may_end_anywhere() {
    let mut tickets = escapes();
    tickets.push(page_example());
    tickets.extend(without_custom_names());
    for segments_count in [1, 3] {
        let answer = snapshot(&tickets, segments_count).answer(&Query::default());
        for format in Format::ALL {
            let mut whole = Vec::new();
            answer.write_to(format, &mut whole).unwrap();
            // An escape is never cut, so a chunk has room for the longest.
            for bytes in (5..200).chain([1000, 4096]) {
                assert_eq!(in_chunks_of(&answer, format, bytes), whole, "{bytes} bytes");
            }
        }
    }
}

#[test]
fn a_safe_response_is_the_plain_one_with_apostrophes() {
    let texts = [
        "=1", "+1,2", "-\"", "@\r\n", "\t=1", "\r=1", "1=", " =1", "'=1", "", "- ",
    ];
    let ticket = |tid: u64, summary: &str| Ticket {
        tid,
        cid: summary.into(),
        opened_by: if summary.contains(['\t', '\r']) {
            "=".into()
        } else {
            summary.into()
        },
        custom_fields: vec![("A".into(), summary.into())],
        subject: summary.repeat(20_000),
        summary: summary.into(),
        ..Ticket::default()
    };
    let harmless = |text: &str| match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    // All of a segment may be one text, or each another.
    let same = (1..=3).map(|tid| ticket(tid, "=1,\"")).collect();
    let different = (1..).zip(texts).map(|(tid, text)| ticket(tid, text));
    for mut tickets in [same, different.collect::<Vec<Ticket>>()] {
        let answer = snapshot(&tickets, 1).answer(&Query::default());
        let mut body = Vec::new();
        let mut chunks = answer.clone().into_chunks(Format::Csv).csv_safe(true);
        chunks.write_to(&mut body).unwrap();
        for ticket in &mut tickets {
            for field in Field::ALL {
                match ticket.cell_mut(field) {
                    CellMut::Text(text) => *text = harmless(text),
                    CellMut::CustomFields(pairs) => pairs[0].1 = harmless(&pairs[0].1),
                    _ => {}
                }
            }
        }
        let cells = read_back(Format::Csv, str::from_utf8(&body).unwrap());
        assert_eq!(cells, expected_cells(&tickets));
        for format in [Format::Xml, Format::Json, Format::Delimited] {
            let others = answer.clone().into_chunks(format).csv_safe(true);
            assert!(others.eq(answer.clone().into_chunks(format)));
        }
    }
}

#[test]
fn huge_texts_are_split_over_chunks() {
    let huge = "é&".repeat(300_000);
    let tickets: Vec<Ticket> = (1..=3)
        .map(|tid| Ticket {
            tid,
            company_name: huge.clone(),
            opened_by: format!("{tid}{}", "&\"".repeat(200_000)),
            summary: huge.clone(),
            custom_fields: vec![("A".into(), format!("{huge}{tid}"))],
            ..Ticket::default()
        })
        .collect();
    let answer = snapshot(&tickets, 2).answer(&Query::default());
    for format in Format::ALL {
        let mut whole = Vec::new();
        answer.write_to(format, &mut whole).unwrap();
        assert_eq!(
            read_back(format, str::from_utf8(&whole).unwrap()),
            expected_cells(&tickets)
        );
        let chunks: Vec<Vec<u8>> = answer.clone().into_chunks(format).collect();
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.capacity() <= CHUNK_BYTES_MAX)
        );
        assert_eq!(chunks.concat(), whole);
    }
}

#[test]
fn a_record_is_the_same_whatever_is_beside_it() {
    let bytes = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200];
    let tickets: Vec<Ticket> = (0..100usize)
        .map(|index| {
            let text = |step: usize| "x".repeat(bytes[(index * step + index / 12) % bytes.len()]);
            let number = |step: usize| u64::MAX.checked_shr((index * step % 70) as u32);
            Ticket {
                tid: 1 + index as u64,
                cid: text(1),
                contact: text(5),
                merged_to: number(3),
                due_date: (index % 3 > 0).then(|| date("12/31/2024 9:05:07 PM")),
                opened_by: text(7) + ["", "&", "\"", "%"][index % 4],
                linked_asset: if index == 50 { text(1) } else { String::new() },
                subject: text(7),
                summary: text(11),
                ..Ticket::default()
            }
        })
        .collect();
    for format in [Format::Xml, Format::Delimited, Format::Csv] {
        let records = |tickets: &[Ticket]| {
            let body = String::from_utf8(body(tickets, 1, format)).unwrap();
            let style = Style::of(format);
            let head = (style.head)(&Columns::of(None, &CustomNames::default()), &[]);
            body[head.len()..body.len() - style.foot.len()].to_owned()
        };
        let alone = tickets
            .iter()
            .map(|ticket| records(std::slice::from_ref(ticket)));
        assert_eq!(records(&tickets), alone.collect::<String>());
    }
}

/// Reads a ticket of the shared cases; their values need nothing of an import's care.
fn ticket_of_case(line: &str) -> Ticket {
    let object: serde_json::Value = serde_json::from_str(line).unwrap();
    let mut ticket = Ticket::default();
    for field in Field::ALL {
        let value = &object[field.name()];
        let text = value.as_str().unwrap_or_default();
        match ticket.cell_mut(field) {
            CellMut::Text(own) => text.clone_into(own),
            CellMut::Integer(own) => *own = value.as_u64().unwrap_or(0),
            CellMut::OptionalInteger(own) => *own = value.as_u64(),
            CellMut::Date(own) => *own = Moment::parse(text).map(Moment::first_second),
            CellMut::CustomFields(own) => {
                let pairs = value.as_object().into_iter().flatten();
                let text = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
                *own = pairs
                    .map(|(name, value)| (name.clone(), text(value)))
                    .collect();
            }
        }
    }
    ticket
}

#[test]
fn the_shared_cases_have_the_stated_bytes() {
    let lines = include_str!("../../tests/shared_cases/tickets.jsonl");
    let tickets: Vec<Ticket> = lines.lines().map(ticket_of_case).collect();
    // The stated lengths for the whole store; the cases themselves are run elsewhere.
    let stated = [
        (Format::Xml, 61_762),
        (Format::Json, 51_319),
        (Format::Delimited, 34_829),
    ];
    for (format, bytes) in stated {
        assert_eq!(body(&tickets, 3, format).len(), bytes);
    }
}

#[test]
fn a_buffer_is_reused_whatever_it_held() {
    let answer = snapshot(&[page_example()], 1).answer(&Query::default());
    let mut chunk = vec![7; 100_000];
    let mut chunks = answer.into_chunks(Format::Xml);
    assert!(chunks.fill(&mut chunk));
    assert_eq!(chunk, include_bytes!("../../tests/golden/page_example.xml"));
    assert!(!chunks.fill(&mut chunk));
    assert!(chunk.is_empty());
}

#[test]
fn a_table_of_escapes_has_those_it_is_given() {
    // Made here once more: the formats' own are made by the compiler.
    let escapes = make_escapes(&[(b'<', "&lt;"), (0, "?")]);
    for (byte, escape) in (0..=255u8).zip(escapes) {
        let expected = match byte {
            b'<' => "&lt;",
            0 => "?",
            _ => "",
        };
        assert_eq!(escape, expected);
    }
}

#[test]
fn chunks_show_their_answer_and_how_far_they_are() {
    let snapshot = snapshot(&[], 1);
    let mut chunks = snapshot.answer(&Query::default()).into_chunks(Format::Xml);
    let before = format!("{chunks:?}");
    assert!(before.starts_with("Chunks { answer: Answer { "), "{before}");
    while chunks.next().is_some() {}
    assert_ne!(format!("{chunks:?}"), before);
}
