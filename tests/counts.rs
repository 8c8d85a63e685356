//! Counts by value: responses byte for byte, what groups are made of over segments, and laws that
//! counts keep whatever the tickets are.

mod common;

use common::checks::compare_counts;
use common::halves::make;
use common::nasty::{Random, make_count_request};
use proptest::prelude::*;
use ticketdex::reference::Reference;
use ticketdex::roaring::RoaringTreemap;
use ticketdex::testing::{Case, cases};
use ticketdex::{
    Batch, CountKey, CountMode, CountQuery, DatePart, Field, FieldKind, Format, Options, Patch,
    Query, Snapshot, Store, Ticket,
};

/// The golden files, by format.
const GOLDEN: [(Format, &str); 4] = [
    (Format::Xml, include_str!("golden/counts.xml")),
    (Format::Json, include_str!("golden/counts.json")),
    (Format::Delimited, include_str!("golden/counts.txt")),
    (Format::Csv, include_str!("golden/counts.csv")),
];

fn parse(request: &str) -> CountQuery {
    request.parse().unwrap()
}

fn body(snapshot: &Snapshot, request: &str, format: Format) -> String {
    let mut body = Vec::new();
    let counts = snapshot.count_by(&parse(request));
    let written = counts.write_to(format, &mut body).unwrap();
    assert_eq!(written, body.len() as u64);
    String::from_utf8(body).unwrap()
}

/// Makes a ticket of a status, a list, a date and a custom field.
fn ticket(tid: u64, status: &str, assets: &str, opened: &str, room: &str) -> Ticket {
    let mut ticket = Ticket {
        tid,
        status: status.into(),
        linked_asset: assets.into(),
        custom_fields: vec![("Room".into(), room.into())],
        ..Ticket::default()
    };
    let patch = Patch::new().set(Field::DateOpened, opened);
    patch.apply(&mut ticket).unwrap();
    ticket
}

#[test]
fn responses_are_these_bytes() {
    let tickets = [
        ticket(1, "On hold", "a<1,b", "2014-02-01 10:00", "=1, \"x\""),
        ticket(2, "on hold", " B , A<1 ,b", "2014-02-28 23:59:59", ""),
        ticket(3, "Öffen", "", "0987-12-31", "A&B"),
        ticket(4, "", ",,", "", "a&b"),
        ticket(5, "ON HOLD", "r=d", "2014-03-01", ""),
    ];
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for ticket in tickets {
        store.commit([ticket].into_iter().collect()).unwrap();
    }
    let request = "action=count_tickets&start_tid=1&exclude_own=Y&\
        by=status,linked_asset,date_opened.month,company_id,custom_fields.ROOM,custom_fields.Gone,\
        merged_to&top=3";
    let snapshot = store.snapshot();
    for (format, expected) in GOLDEN {
        if std::env::var_os("TICKETDEX_WRITE_COUNTS").is_some() {
            let ending = match format {
                Format::Delimited => "txt",
                format => format.name(),
            };
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let path = folder.join(format!("counts.{ending}"));
            std::fs::write(path, body(&snapshot, request, format)).unwrap();
            continue;
        }
        assert_eq!(body(&snapshot, request, format), expected);
    }
    for (format, expected) in [
        (
            Format::Xml,
            "<?xml version=\"1.0\"?>\n<counts>\n\t<count>5</count>\n</counts>\n",
        ),
        (
            Format::Json,
            "{\n\t\"count\" : \"5\",\n\t\"by\": [\n\t]\n}\n",
        ),
        (Format::Delimited, "count=5\n"),
        (Format::Csv, "field,value,count\r\n,,5\r\n"),
    ] {
        assert_eq!(body(&snapshot, "action=count_tickets", format), expected);
    }
    let nothing = "action=count_tickets&tid=0&by=status,due_date.day";
    assert_eq!(
        body(&snapshot, nothing, Format::Json),
        "{\n\t\"count\" : \"0\",\n\t\"by\": [\n\t\t{\n\t\t\t\"field\" : \"status\",\n\
         \t\t\t\"distinct\" : \"0\",\n\t\t\t\"groups\": [\n\t\t\t]\n\t\t},\n\t\t{\n\
         \t\t\t\"field\" : \"due_date.day\",\n\t\t\t\"distinct\" : \"0\",\n\
         \t\t\t\"groups\": [\n\t\t\t]\n\t\t}\n\t]\n}\n"
    );
    let csv = snapshot.count_by(&parse("action=count_tickets&by=custom_fields.room"));
    let mut safe = Vec::new();
    csv.into_chunks(Format::Csv)
        .csv_safe(true)
        .write_to(&mut safe)
        .unwrap();
    assert!(
        String::from_utf8(safe)
            .unwrap()
            .contains("Room,\"'=1, \"\"x\"\"\",1\r\n")
    );
}

#[test]
fn long_values_are_cut_where_chunks_end() {
    let ticket = |tid: u64| Ticket {
        tid,
        cid: "é".repeat(100_000 + tid as usize),
        ..Ticket::default()
    };
    let snapshot = Store::from_tickets((1..=3).map(ticket)).unwrap().snapshot();
    let counts = snapshot.count_by(&parse("action=count_tickets&by=cid"));
    for format in Format::ALL {
        let mut whole = Vec::new();
        counts.write_to(format, &mut whole).unwrap();
        let chunks: Vec<Vec<u8>> = counts.clone().into_chunks(format).collect();
        assert!(
            chunks
                .iter()
                .all(|chunk| (1..=64 << 10).contains(&chunk.len()))
        );
        assert_eq!(chunks.concat(), whole);
        assert!(whole.len() > 600_000);
    }
}

fn shown(snapshot: &Snapshot, request: &str) -> Vec<(String, u64)> {
    let counts = snapshot.count_by(&parse(request));
    let groups = counts.by()[0].groups().iter();
    groups
        .map(|it| (it.value().to_owned(), it.count()))
        .collect()
}

#[test]
fn the_least_spelling_that_a_counted_ticket_has_is_shown() {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let with_status = |tid: u64, status: &str| Ticket {
        tid,
        status: status.into(),
        ..Ticket::default()
    };
    for (tid, status) in [(1, "open"), (2, "Open"), (3, "OPEN"), (4, "closed")] {
        store
            .commit([with_status(tid, status)].into_iter().collect())
            .unwrap();
    }
    let by_status = "action=count_tickets&by=status";
    let pair = |value: &str, count| (value.to_owned(), count);
    let all = [pair("OPEN", 3), pair("closed", 1)];
    assert_eq!(shown(&store.snapshot(), by_status), all);
    let some = "action=count_tickets&by=status&end_tid=2";
    assert_eq!(shown(&store.snapshot(), some), [pair("Open", 2)]);
    // Dead rows and revised ones do not count for it, in one segment or several.
    for is_merged in [false, true] {
        let mut batch = Batch::new();
        batch.patch(3, Patch::new().set(Field::Status, "Closed"));
        store.commit(batch).unwrap();
        if is_merged {
            store.merge_all();
        }
        let expected = [pair("Closed", 2), pair("Open", 2)];
        assert_eq!(shown(&store.snapshot(), by_status), expected);
    }
    let mut batch = Batch::new();
    batch.remove(2);
    store.commit(batch).unwrap();
    let expected = [pair("Closed", 2), pair("open", 1)];
    assert_eq!(shown(&store.snapshot(), by_status), expected);
}

#[test]
fn every_way_counts_many_rows_alike() {
    let ticket = |tid: u64| Ticket {
        tid,
        status: ["Open", "Closed", "open", ""][(tid * 7 % 11 % 4) as usize].into(),
        priority: ["High", "Low", "LOW"][(tid / 5 % 3) as usize].into(),
        source: ["Email", "Phone"][(tid % 2) as usize].into(),
        cid: format!("c{}", tid * 31 % 700),
        company_id: tid % 90,
        linked_asset: format!("A{}, b{}", tid % 40, tid % 3),
        locked: if tid % 300 == 7 { "Y" } else { "" }.into(),
        date_opened: chrono_day(tid / 3),
        ..Ticket::default()
    };
    let mut store = Store::from_tickets((1..=9_000).map(ticket)).unwrap();
    let mut reference = Reference::from_tickets((1..=9_000).map(ticket)).unwrap();
    let requests = [
        "by=status,priority,source,locked,company_id,linked_asset,cid&top=4",
        "by=date_opened.year,date_opened.month,date_opened.day",
        "by=date_opened.month,status&start_date=2011-03-01&end_date=2013-02-10&exclude_own=Y",
        "by=date_opened.day,cid&status=open&start_date=2012-01-01&top=5",
        "by=status,priority,source&status=open&priority=low&exclude_own=Y",
        "by=status,priority,uid&status!=open&source=email",
        "by=priority,company_id&end_tid=4500",
        "by=cid&cid=c7&cid=C14&locked=y&exclude_own=Y",
    ];
    for is_changed in [false, true] {
        if is_changed {
            let mut batch = Batch::new();
            for tid in (1..=9_000).step_by(17) {
                batch.patch(tid, Patch::new().set(Field::Status, "OPEN"));
                batch.remove(tid + 3);
            }
            reference.commit(&batch).unwrap();
            store.commit(batch).unwrap();
        }
        for request in requests {
            let request = format!("action=count_tickets&{request}");
            assert!(compare_counts(&store.snapshot(), &reference, &request) > 0);
        }
    }
}

/// Returns a moment of a day after the start of 2010.
fn chrono_day(days: u64) -> Option<ticketdex::chrono::NaiveDateTime> {
    let first = ticketdex::chrono::NaiveDate::from_ymd_opt(2010, 1, 1)?;
    let day = first.checked_add_days(ticketdex::chrono::Days::new(days))?;
    (!days.is_multiple_of(50)).then(|| day.and_hms_opt(23, 59, 59))?
}

/// Returns the request for the tickets of a group, where one can say it.
fn of_group(key: &CountKey, value: &str) -> Option<String> {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let name = key.field().to_string();
    Some(match key {
        CountKey::Part(_, _) if value.is_empty() => format!("empty={name}"),
        CountKey::Part(_, DatePart::Day) => format!("{name}={value}"),
        CountKey::Part(_, DatePart::Year) => {
            format!("{name}%3E={value}-01-01&{name}%3C={value}-12-31")
        }
        CountKey::Field(field) if field.kind() == FieldKind::Integer && value == "0" => {
            format!("empty={name}")
        }
        CountKey::Field(_) | CountKey::Custom(_) if value.is_empty() => format!("empty={name}"),
        CountKey::Field(_) | CountKey::Custom(_) if value != "*" => {
            format!("{name}={}", encode(value))
        }
        _ => return None,
    })
}

fn check_laws(case: &Case, drawn: u64) {
    let request = make_count_request(&mut Random::new(drawn), &case.tickets);
    let query = parse(&request);
    for segments_count in [1, 3] {
        let tids: RoaringTreemap = case.tickets.iter().map(|it| it.tid).step_by(2).collect();
        let (snapshot, inside_store) = make(&case.tickets, segments_count, &tids);
        let counts = snapshot.count_by(&query);
        assert_eq!(counts.total(), snapshot.answer(query.matching()).total());
        for counted in counts.by() {
            let key = counted.key();
            // A key is counted as in the request without the filters on its own field.
            let among = if query.excludes_own() {
                let own = key.field().to_string();
                without_own(query.matching(), &own)
            } else {
                query.matching().clone()
            };
            let alone = CountQuery::builder()
                .matching(among.clone())
                .by(key.clone());
            let alone = snapshot.count_by(&alone.build().unwrap());
            let groups = alone.by()[0].groups();
            assert_eq!(counted.distinct(), groups.len() as u64, "{request}");
            if query.top().is_none() {
                assert_eq!(counted.groups(), groups, "{request}");
            }
            // The groups of a key with one value a ticket part what was counted.
            let sum: u64 = groups.iter().map(ticketdex::Group::count).sum();
            match key {
                CountKey::Field(field) if field.is_list() => assert!(sum >= alone.total()),
                _ => assert_eq!(sum, alone.total(), "{request}"),
            }
            // Each count is the total of the request by that value.
            let all: Query = Query::default();
            let alone = CountQuery::builder()
                .matching(all)
                .by(key.clone())
                .build()
                .unwrap();
            for group in snapshot.count_by(&alone).by()[0].groups() {
                if let Some(own) = of_group(key, group.value()) {
                    let total = snapshot.answer(&own.parse().unwrap()).total();
                    assert_eq!(total, group.count(), "{own}");
                }
            }
        }
        // The names of the store are those of all its tickets.
        if inside_store.custom_names() == snapshot.custom_names() {
            for mode in CountMode::all() {
                let mut body = Vec::new();
                let within = snapshot.count_by_within_with(&query, &tids, mode);
                within.write_to(Format::Csv, &mut body).unwrap();
                let expected = inside_store.respond_counts(&query, Format::Csv);
                assert_eq!(body, expected, "{request} {mode:?}");
            }
        }
    }
}

/// Returns a query without the variables on a field, by its text.
fn without_own(query: &Query, field: &str) -> Query {
    let printed = query.to_string();
    let canonical = |name: &str| -> String {
        let name = name.trim_end_matches(['!', '>', '<']).to_ascii_lowercase();
        match &*name {
            "start_cid" | "end_cid" => "cid".into(),
            "start_date" | "end_date" => "date_opened".into(),
            _ => Field::from_name(&name).map_or(name, |field| field.name().into()),
        }
    };
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(printed.as_bytes()) {
        let field = field.to_ascii_lowercase();
        if name == "empty" || name == "present" {
            let others = value.split(',').filter(|it| canonical(it) != field);
            let others: Vec<&str> = others.collect();
            if !others.is_empty() {
                kept.append_pair(&name, &others.join(","));
            }
        } else if canonical(&name) != field || name == "tid" {
            kept.append_pair(&name, &value);
        }
    }
    kept.finish().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn counts_keep_their_laws(case in cases(), drawn in any::<u64>()) {
        check_laws(&case, drawn);
    }
}

#[test]
fn a_built_query_is_the_request_that_it_spells() {
    let spelled = "action=count_tickets&status=Open&by=status,uid&top=2&exclude_own=Y";
    let request: ticketdex::Request = spelled.parse().unwrap();
    let built = CountQuery::builder()
        .matching("status=Open".parse().unwrap())
        .by(Field::Status)
        .by(Field::AssignedTech)
        .top(2)
        .exclude_own(true)
        .build()
        .unwrap();
    let ticketdex::Action::CountTickets(query) = request.action else {
        panic!("it counts");
    };
    assert_eq!(query, built);
}
