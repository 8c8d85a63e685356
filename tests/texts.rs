//! How a store keeps long texts changes no byte of any answer.
//!
//! Every store here packs all texts, however few, unless a test is about how many it takes.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ticketdex::reference::Reference;
use ticketdex::synth::World;
use ticketdex::testing::{Case, cases, tickets, world_cases};
use ticketdex::{
    Batch, CountQuery, Field, Format, Options, Query, Snapshot, Store, TEXT_BYTES_MAX, Texts,
    Ticket, durable,
};

/// Options by which texts are kept fast, and by which all are packed.
fn both() -> [Options; 2] {
    let packed = Options::default().texts(Texts::Compact);
    [Options::default(), packed.packed_bytes_min(0)]
}

fn write(snapshot: &Snapshot, query: &Query, format: Format) -> Vec<u8> {
    let mut body = Vec::new();
    let answer = snapshot.answer(query);
    answer.write_to(format, &mut body).unwrap();
    body
}

/// Asks two snapshots the same in all formats, and checks that both say the same.
fn assert_same(a: &Snapshot, b: &Snapshot, query: &Query) {
    for format in Format::ALL {
        let (own, other) = (write(a, query, format), write(b, query, format));
        assert!(own == other, "{query} as {format:?}");
    }
    let [own, other] = [a, b].map(|it| it.answer(query).next().map(|cursor| cursor.to_string()));
    assert_eq!(own, other, "{query}");
}

/// Takes tickets into a store by several commits, changes some and removes some.
fn fill(store: &mut Store, tickets: &[Ticket], others: &[Ticket], merges: bool) {
    for part in tickets.chunks(5) {
        store.commit(part.iter().cloned().collect()).unwrap();
    }
    let mut batch = Batch::new();
    for (at, (ticket, other)) in tickets.iter().zip(others).enumerate() {
        match at % 3 {
            0 => batch.remove(ticket.tid),
            1 => batch.put(Ticket {
                tid: ticket.tid,
                ..other.clone()
            }),
            _ => {
                let patch = ticketdex::Patch::new().set(Field::Status, "Patched");
                batch.patch(ticket.tid, patch)
            }
        };
    }
    store.commit(batch).unwrap();
    while merges && let Some(job) = store.merge_job() {
        store.install(job.run());
    }
}

fn ask(case: &Case, others: &[Ticket], rows_max: u32, merges: bool) {
    let options = both().map(|options| options.commit_rows_max(rows_max));
    let mut snapshots = Vec::new();
    for options in options {
        let mut store = Store::new(options);
        fill(&mut store, &case.tickets, others, merges);
        snapshots.push(store.snapshot());
    }
    let [fast, packed] = &*snapshots else {
        unreachable!("there are two options");
    };
    packed.check_invariants().unwrap();
    let query: Query = case.request.parse().unwrap();
    let more = [
        "",
        "order=summary",
        "order=subject&order_direction=desc&fields=subject,tid",
    ];
    let more = more.map(|request| request.parse().unwrap());
    for query in std::iter::once(query).chain(more) {
        assert_same(fast, packed, &query);
    }
    for ticket in &case.tickets {
        let own = fast.get(ticket.tid).map(Ticket::from);
        assert_eq!(own, packed.get(ticket.tid).map(Ticket::from));
    }
    assert_eq!(fast.field_stats(), packed.field_stats());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_answer_depends_on_how_texts_are_kept(
        case in prop_oneof![cases(), world_cases()],
        others in tickets(0..9),
        rows_max in prop_oneof![Just(0), Just(4), Just(16_384)],
        merges in any::<bool>(),
    ) {
        ask(&case, &others, rows_max, merges);
    }
}

/// Texts that are hard to keep, to order or to write.
fn nasty_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "\0",
        "\0\0\0\0\0\0\0\0\0",
        "\r\n",
        "\t",
        "+",
        "%",
        "%41",
        "100%+",
        "&=;",
        "\"",
        "\"\"\"\"",
        ",\"",
        "<&>'\"",
        "=1+1",
        "-1",
        "@x",
        "'",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "É",
        "é",
        "e\u{301}",
        "ẞ",
        "ß",
        "SS",
        "İ",
        "i\u{307}",
        "ı",
        "K",
        "k",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "🎫",
        "👩‍👩‍👧",
        "\u{202e}abc",
        "東京",
        "москва",
        "Αθήνα",
        "ירושלים",
        "القاهرة",
        "กรุงเทพ",
        "서울",
        "ཇོ་ཁང",
        "ⵜⵉⴼⵉⵏⴰⵖ",
        "𐍈𐌰𐌹",
        "ÅÄÖ åäö",
        "naïve café",
    ]
    .map(str::to_owned)
    .to_vec();
    let all: String = ('\0'..'\u{3000}').step_by(7).collect();
    texts.push(all.clone());
    texts.extend((0..40).map(|n| format!("{}{n}", "the same start of many texts, ".repeat(n % 9))));
    texts.extend((1..=24).map(|n| "東".repeat(n)));
    texts.extend((1..=24).map(|n| format!("{}é", "x".repeat(n))));
    texts.extend((60..70).map(|n| "\"".repeat(n)));
    let bytes = |n: u32| char::from_u32(n * 37 % 0xd800).unwrap_or('x');
    texts.extend((0..50).map(|n| (n * 100..n * 100 + 80).map(bytes).collect()));
    texts
}

/// Tickets of nasty texts, each subject with another's summary.
fn nasty_tickets() -> Vec<Ticket> {
    let texts = nasty_texts();
    let ticket = |at: usize| Ticket {
        tid: at as u64 + 1,
        subject: texts[at * 7 % texts.len()].clone(),
        summary: texts[at].clone(),
        ..Ticket::default()
    };
    let all = (0..texts.len()).map(ticket);
    all.filter(|ticket| ticket.check().is_ok()).collect()
}

#[test]
fn nasty_texts_are_answered_as_the_reference_does() {
    let tickets = nasty_tickets();
    let reference = Reference::from_tickets(tickets.clone()).unwrap();
    for options in both() {
        for rows_max in [0, 16_384] {
            let mut store = Store::new(options.clone().commit_rows_max(rows_max));
            for part in tickets.chunks(tickets.len().div_ceil(3)) {
                store.commit(part.iter().cloned().collect()).unwrap();
            }
            let snapshot = store.snapshot();
            let mut requests = vec![
                String::new(),
                "order=summary,subject".to_owned(),
                "order=subject&order_direction=desc".to_owned(),
                "fields=summary".to_owned(),
                "summary=".to_owned(),
            ];
            for ticket in tickets.iter().step_by(5) {
                let encode = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                requests.push(format!("subject={}", encode(&ticket.subject)));
                requests.push(format!(
                    "summary!={}&order=summary",
                    encode(&ticket.summary)
                ));
            }
            for request in requests {
                let Ok(query) = request.parse::<Query>() else {
                    continue;
                };
                for format in Format::ALL {
                    let expected = reference.respond(&query, format);
                    assert!(
                        write(&snapshot, &query, format) == expected,
                        "{request} {format:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_longest_texts_are_written_whole() {
    let texts = ["a\"b ", "東京 ", "\u{1}~"].map(|text| text.repeat(TEXT_BYTES_MAX / text.len()));
    let ticket = |(at, text): (usize, &String)| Ticket {
        tid: at as u64 + 1,
        summary: text.clone(),
        ..Ticket::default()
    };
    let bodies = both().map(|options| {
        let mut store = Store::new(options);
        store
            .commit(texts.iter().enumerate().map(ticket).collect())
            .unwrap();
        let snapshot = store.snapshot();
        Format::ALL.map(|format| write(&snapshot, &Query::default(), format))
    });
    assert!(bodies[0] == bodies[1]);
    assert!(bodies[0].iter().all(|body| body.len() > TEXT_BYTES_MAX));
}

#[test]
fn many_texts_of_many_scripts_are_packed_small() {
    const TICKETS: usize = 13_000;
    let [fast, compact] = [Texts::Fast, Texts::Compact].map(|texts| {
        let mut store = Store::new(Options::default().texts(texts));
        let tickets = World::Tongues.tickets(5).take(TICKETS);
        store.commit(tickets.collect()).unwrap();
        store.snapshot()
    });
    let (own, other) = (compact.memory(), fast.memory());
    assert_eq!(other.unpacked(Field::Summary), 0);
    assert!(own.unpacked(Field::Summary) > 8 << 20);
    assert!(own.column(Field::Summary) * 2 < other.column(Field::Summary));
    // These are few, and stay as they are.
    assert_eq!(own.unpacked(Field::Subject), 0);
    assert_eq!(own.column(Field::Subject), other.column(Field::Subject));
    for request in [
        "",
        "tid=*&order=summary&count=50&page=9",
        "tid=*&count=20&page=300",
    ] {
        assert_same(&fast, &compact, &request.parse().unwrap());
    }
    let counts: CountQuery = "action=count_tickets&by=status&keyword=a".parse().unwrap();
    let [own, other] = [&fast, &compact].map(|it| it.count_by(&counts).total());
    assert_eq!(own, other);
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn an_image_serves_a_store_that_keeps_texts_otherwise() {
    let folder = folder("texts_image");
    let path = folder.join("tickets.redb");
    let tickets = nasty_tickets();
    let expected = Store::from_tickets(tickets.clone()).unwrap().snapshot();
    let open = |options: &Options| {
        let options = durable::Options::new().create(true).store(options.clone());
        options.open_told(&path).unwrap()
    };
    let [fast, packed] = both();
    let (mut store, _) = open(&packed);
    store.commit(tickets.into_iter().collect()).unwrap();
    durable::image_job(&store).unwrap().run().unwrap();
    let unpacked = store.snapshot().memory().unpacked(Field::Summary);
    assert!(unpacked > 0);
    drop(store);
    for (options, merged) in [(&fast, 0), (&packed, unpacked)] {
        let (store, opened) = open(options);
        assert!(opened.from_image);
        let snapshot = store.snapshot();
        // What was packed stays so until it is merged.
        assert_eq!(snapshot.memory().unpacked(Field::Summary), unpacked);
        for request in ["", "order=summary", "fields=subject,summary"] {
            assert_same(&snapshot, &expected, &request.parse().unwrap());
        }
        let mut options = options.clone();
        options = options.commit_rows_max(16_384);
        drop(store);
        let (mut store, _) = open(&options);
        let last = expected.tickets_count();
        for (tid, removes) in [(last + 1, false), (last + 1, true)] {
            let mut batch = Batch::new();
            if removes {
                batch.remove(tid);
            } else {
                batch.put(Ticket {
                    tid,
                    summary: "one more".into(),
                    ..Ticket::default()
                });
            }
            store.commit(batch).unwrap();
        }
        let snapshot = store.snapshot();
        assert_same(&snapshot, &expected, &Query::default());
        assert!([merged, unpacked].contains(&snapshot.memory().unpacked(Field::Summary)));
        drop(store);
    }
    fs::remove_dir_all(folder).unwrap();
}
