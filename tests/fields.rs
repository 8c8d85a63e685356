//! `fields`: which variables each record shows, byte for byte in every format.

use ticketdex::{Batch, Field, Format, Options, Query, Snapshot, Store, Ticket};

/// Two tickets, the second of which replaces another and has what each format escapes; custom
/// fields in the order Room, Floor, Serial.
fn make_snapshot(commits_count: usize) -> Snapshot {
    let custom = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|&(name, text)| (name.to_owned(), text.to_owned()))
            .collect()
    };
    let tickets = [
        Ticket {
            tid: 7,
            status: "On hold".into(),
            company_id: 12,
            subject: "printer".into(),
            custom_fields: custom(&[("Room", "A 1"), ("Floor", "")]),
            ..Ticket::default()
        },
        Ticket {
            tid: 9,
            status: "Old".into(),
            custom_fields: custom(&[("Serial", "x")]),
            ..Ticket::default()
        },
        Ticket {
            tid: 9,
            status: "<Open> & é".into(),
            assigned_tech: "r&d <\"1\">".into(),
            linked_asset: "a=b+c#d%,\\".into(),
            subject: "x".repeat(100),
            custom_fields: custom(&[("SERIAL", "100%"), ("room", "<B>")]),
            ..Ticket::default()
        },
    ];
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for part in tickets.chunks(tickets.len().div_ceil(commits_count)) {
        let mut batch = Batch::new();
        for ticket in part {
            batch.put(ticket.clone());
        }
        store.commit(batch).unwrap();
    }
    store.snapshot()
}

fn body(snapshot: &Snapshot, request: &str, format: Format) -> String {
    let query: Query = request.parse().unwrap();
    let mut body = Vec::new();
    let answer = snapshot.answer(&query);
    answer.write_to(format, &mut body).unwrap();
    let chunks: Vec<u8> = answer.into_chunks(format).flatten().collect();
    assert_eq!(chunks, body, "{request}");
    String::from_utf8(body).unwrap()
}

/// What is asked for, in the order of the golden files.
const LISTS: [&str; 10] = [
    "fields=tid",
    "fields=subject,TID,+tid%09,uid,linked_asset,status",
    "fields=status,custom_fields",
    "fields=custom_fields.serial,custom_fields.nowhere,custom_fields.ROOM",
    "fields=custom_fields.nowhere",
    "fields=custom_fields.nowhere,summary",
    "fields=custom_fields.floor,custom_fields,subject",
    "fields=date_opened,company_id,merged_to,locked,children_tickets",
    "fields=tid,subject&tid=8",
    "fields=tid,subject&count_only=Y",
];

#[test]
fn records_show_what_is_asked_for() {
    let files = [
        (Format::Xml, include_str!("golden/fields.xml.txt")),
        (Format::Json, include_str!("golden/fields.json.txt")),
        (Format::Delimited, include_str!("golden/fields.txt")),
    ];
    for commits_count in [1, 2, 3] {
        let snapshot = make_snapshot(commits_count);
        for (format, expected) in files {
            let bodies = LISTS.map(|list| {
                let body = body(&snapshot, list, format);
                format!("{list}\n{body}\n")
            });
            assert_eq!(bodies.concat(), expected, "{format}");
        }
    }
}

#[test]
fn all_variables_by_name_are_all_variables() {
    let names = Field::ALL.map(Field::name).join(",");
    for commits_count in [1, 3] {
        let snapshot = make_snapshot(commits_count);
        for format in Format::ALL {
            let all = body(&snapshot, "", format);
            assert_eq!(body(&snapshot, &format!("fields={names}"), format), all);
        }
    }
}

#[test]
fn each_variable_alone_is_its_part_of_the_record() {
    let snapshot = make_snapshot(2);
    for field in Field::ALL {
        let name = field.name();
        let own = body(&snapshot, &format!("fields={name}&tid=9"), Format::Xml);
        let (head, foot) = (
            "<?xml version=\"1.0\"?>\n<tickets>\n\t<ticket>\n",
            "\t</ticket>\n</tickets>\n",
        );
        let record = own
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(foot));
        let record = record.unwrap_or_else(|| panic!("{own}"));
        assert!(record.starts_with(&format!("\t\t<{name}>")), "{own}");
        assert!(record.ends_with(&format!("</{name}>\n")), "{own}");
        assert!(body(&snapshot, "tid=9", Format::Xml).contains(record));
    }
}

#[test]
fn the_work_is_in_proportion_to_what_is_shown() {
    let snapshot = make_snapshot(1);
    let query: Query = "fields=tid".parse().unwrap();
    let answer = snapshot.answer(&query);
    let written = answer.write_to(Format::Delimited, std::io::sink()).unwrap();
    assert_eq!(written, 12);
    assert_eq!(answer.explain().work.bytes_written, 12);
    // What records say as values is whole: only the response shows less.
    let ticket = Ticket::from(answer.records().next().unwrap());
    assert_eq!(ticket.status, "On hold");
}
