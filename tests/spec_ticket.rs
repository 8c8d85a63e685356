//! Spec sections 1, 2 and 6, sentence by sentence: what a ticket may hold, how texts
//! compare, what a batch does.

use chrono::NaiveDate;
use ticketdex::{
    Batch, Cell, Commit, Error, ErrorKind, Field, FieldKind, Format, Import, ImportFormat, Options,
    Patch, Query, Snapshot, Store, Ticket, Value, fold, is_custom_name,
};

/// The table of section 1, copied by hand: name, kind, `e` where URL-encoded, `s` where
/// searchable, then the name of its filter where that differs.
const TABLE: &str = "
    tid Integer -
    cid Text e
    company_id Integer -
    company_name Text es
    contact Text es
    phone Text e
    email Text es
    cc_addresses Text e
    date_opened Date -
    date_closed Date -
    source Text e
    category Text e
    sub_category Text e
    status Text e
    priority Text e
    escalation_level Text e escalation
    due_date Date -
    opened_by Identifier -
    last_updated Date -
    updated_by Text e
    updater_type Identifier -
    assigned_tech Identifier - uid
    assigned_group_id Integer -
    assigned_group_name Text e group
    customer_group_id Integer -
    customer_group_name Text e
    locked Flag -
    locked_by Identifier -
    linked_asset Identifier -
    linked_calls Identifier -
    linked_devices Identifier -
    merged Flag -
    merged_to OptionalInteger -
    parent_ticket Integer -
    children_tickets Identifier -
    custom_fields CustomFields e
    subject Text es
    summary Text es
";

#[test]
fn the_table_of_fields_is_the_specs() {
    let rows: Vec<Vec<&str>> = TABLE
        .trim()
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 38);
    for (row, field) in rows.into_iter().zip(Field::ALL) {
        let marks = row[2];
        assert_eq!(field.name(), row[0]);
        assert_eq!(format!("{:?}", field.kind()), row[1], "{}", row[0]);
        assert_eq!(field.is_url_encoded(), marks.contains('e'), "{}", row[0]);
        assert_eq!(field.is_searchable(), marks.contains('s'), "{}", row[0]);
        assert_eq!(field.alias(), row.get(3).copied(), "{}", row[0]);
    }
}

fn ticket(tid: u64) -> Ticket {
    Ticket {
        tid,
        ..Ticket::default()
    }
}

fn commit(store: &mut Store, tickets: impl IntoIterator<Item = Ticket>) -> Result<Commit, Error> {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket);
    }
    store.commit(batch)
}

fn store(tickets: impl IntoIterator<Item = Ticket>) -> Store {
    let mut store = Store::new(Options::default());
    commit(&mut store, tickets).unwrap();
    store
}

/// Puts a good ticket and one with a value; returns what was refused of the latter.
fn refused(field: Field, value: impl Into<Value>) -> Option<(String, &'static str)> {
    let mut bad = ticket(7);
    Patch::new().set(field, value).apply(&mut bad).unwrap();
    refused_ticket(bad)
}

fn refused_ticket(bad: Ticket) -> Option<(String, &'static str)> {
    let tid = bad.tid;
    let mut store = Store::new(Options::default());
    let error = commit(&mut store, [ticket(1), bad]).err()?;
    // Nothing of its batch is applied.
    assert_eq!(store.snapshot().tickets_count(), 0);
    assert_eq!(store.snapshot().custom_names(), [""; 0]);
    match error.kind() {
        ErrorKind::InvalidTicket {
            tid: named,
            field,
            rule,
            ..
        } => {
            assert_eq!(*named, Some(tid));
            let message = error.to_string();
            assert!(message.starts_with(&format!("ticket {tid}: ")), "{message}");
            assert!(message.ends_with(rule), "{message}");
            Some((field.clone(), rule))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn tids_are_one_or_more() {
    assert_eq!(
        refused_ticket(ticket(0)),
        Some(("tid".into(), "must be 1 or more"))
    );
    assert_eq!(refused_ticket(ticket(u64::MAX)), None);
}

#[test]
fn texts_hold_anything_up_to_16_mib() {
    let all = "\0\u{7f}\u{85}\u{2028}\u{FEFF}\u{FFFE}\u{FFFF}\u{10FFFF} \r\n\t";
    for field in Field::ALL {
        if field.kind() == FieldKind::Text {
            assert_eq!(refused(field, all), None, "{}", field.name());
        }
    }
    // Bytes, not characters.
    let longest = "é".repeat(8 << 20);
    for field in [Field::Cid, Field::Summary] {
        assert_eq!(refused(field, &*longest), None);
        let longer = format!("{longest}x");
        let rule = "must be at most 16 MiB";
        assert_eq!(refused(field, longer), Some((field.name().into(), rule)));
    }
    let custom = |text: String| Ticket {
        custom_fields: vec![("A".into(), text)],
        ..ticket(7)
    };
    assert_eq!(refused_ticket(custom(longest.clone())), None);
    let rule = "must be at most 16 MiB";
    assert_eq!(
        refused_ticket(custom(longest + "x")),
        Some(("A".into(), rule))
    );
}

#[test]
fn identifiers_hold_no_control_characters() {
    let bad = ('\0'..='\u{1F}')
        .chain('\u{7F}'..='\u{9F}')
        .chain(['\u{FFFE}', '\u{FFFF}']);
    let rule = "must hold no control character";
    for c in bad {
        for field in Field::ALL {
            if field.kind() == FieldKind::Identifier {
                let found = refused(field, format!("a{c}"));
                assert_eq!(found, Some((field.name().into(), rule)), "{c:?}");
            }
        }
    }
    for good in [
        " ",
        "~",
        "\u{A0}",
        "\u{FFFD}",
        "\u{2028}",
        "\u{FEFF}",
        "a,b,c",
        "<&>",
        "\u{1FFFE}",
    ] {
        assert_eq!(refused(Field::LinkedAsset, good), None, "{good:?}");
    }
}

#[test]
fn flags_are_empty_or_n_or_y() {
    for field in [Field::Locked, Field::Merged] {
        for (given, kept) in [("", ""), ("n", "N"), ("Y", "Y"), ("y", "Y"), ("N", "N")] {
            let mut given_ticket = ticket(7);
            if field == Field::Locked {
                given_ticket.locked = given.into();
            } else {
                given_ticket.merged = given.into();
            }
            let store = store([given_ticket]);
            assert_eq!(store.snapshot().get(7).unwrap().text(field), kept);
        }
        for bad in ["X", "YES", " Y", "Y ", "0", "ｙ"] {
            let rule = "must be empty, N or Y";
            assert_eq!(
                refused(field, bad),
                Some((field.name().into(), rule)),
                "{bad}"
            );
        }
    }
}

#[test]
fn dates_are_whole_seconds_of_years_1_to_9999() {
    let date = |year, nano| {
        let day = NaiveDate::from_ymd_opt(year, 12, 31).unwrap();
        day.and_hms_nano_opt(23, 59, 59, nano).unwrap()
    };
    let rule = Some((
        "due_date".to_owned(),
        "must be of years 1 to 9999 in whole seconds",
    ));
    for (year, nano, is_good) in [
        (1, 0, true),
        (2, 0, true),
        (9998, 0, true),
        (9999, 0, true),
        (0, 0, false),
        (-1, 0, false),
        (10_000, 0, false),
        (2014, 1, false),
        (2014, 999_999_999, false),
        // A leap second is no second of its own.
        (2014, 1_000_000_000, false),
    ] {
        let expected = if is_good { None } else { rule.clone() };
        assert_eq!(
            refused(Field::DueDate, date(year, nano)),
            expected,
            "{year} {nano}"
        );
    }
}

#[test]
fn custom_names_are_words_of_at_most_255_bytes() {
    let [shorter, longest, longer] = [254, 255, 256].map(|bytes| "a".repeat(bytes));
    for good in [
        "a", "Z", "_", "_9", "a.b-c_D", "a--", "a..", "uid", "group", "tids", &shorter, &longest,
    ] {
        assert!(is_custom_name(good), "{good}");
        let custom_fields = vec![(good.to_owned(), String::new())];
        assert_eq!(
            refused_ticket(Ticket {
                custom_fields,
                ..ticket(7)
            }),
            None,
            "{good}"
        );
    }
    for bad in [
        "", "9", "-a", ".a", "a b", " a", "a\n", "é", "aé", "a:b", "a,b", "a=b", "*", &longer,
    ] {
        assert!(!is_custom_name(bad), "{bad}");
        let custom_fields = vec![("A".into(), String::new()), (bad.to_owned(), String::new())];
        let found = refused_ticket(Ticket {
            custom_fields,
            ..ticket(7)
        })
        .unwrap();
        let shown: String = bad.chars().take(100).collect();
        let rule = "must be a letter or _, then letters, digits, _ . or -, at most 255 bytes in all, \
                    and no output variable";
        assert_eq!(found, (shown, rule));
    }
    for field in Field::ALL {
        assert!(!is_custom_name(field.name()));
        assert!(!is_custom_name(&field.name().to_uppercase()));
    }
}

fn with_names(tid: u64, names: &[&str]) -> Ticket {
    let custom_fields = names
        .iter()
        .map(|name| ((*name).to_owned(), String::new()))
        .collect();
    Ticket {
        custom_fields,
        ..ticket(tid)
    }
}

#[test]
fn custom_names_enter_in_order_and_never_leave() {
    let mut store = store([with_names(1, &["B", "a"]), with_names(2, &["b", "C", "A"])]);
    assert_eq!(store.snapshot().custom_names(), ["B", "a", "C"]);
    // A refused batch adds none.
    assert!(commit(&mut store, [with_names(3, &["D"]), ticket(0)]).is_err());
    assert_eq!(store.snapshot().custom_names(), ["B", "a", "C"]);
    // Replaced in the same batch, or removed in it: the names stay.
    let mut batch = Batch::new();
    batch.put(with_names(4, &["E"])).put(with_names(4, &["F"]));
    batch
        .put(with_names(5, &["G"]))
        .remove(5)
        .remove(1)
        .remove(2);
    batch.patch(4, Patch::new().set_custom("H", "").set_custom("e", "x"));
    store.commit(batch).unwrap();
    assert_eq!(
        store.snapshot().custom_names(),
        ["B", "a", "C", "E", "F", "G", "H"]
    );
    // Every ticket shows every name, empty where it has no value.
    let mut body = Vec::new();
    store
        .snapshot()
        .answer(&Query::default())
        .write_to(Format::Delimited, &mut body)
        .unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.contains("&B=&a=&C=&E=x&F=&G=&H=&custom_fields=B,a,C,E,F,G,H&"),
        "{body}"
    );
}

#[test]
fn skipped_records_add_no_names() {
    let lines = "{\"tid\":1,\"custom_fields\":{\"A\":\"\"}}\n\
        {\"tid\":0,\"custom_fields\":{\"B\":\"\"}}\n\
        {\"tid\":2,\"custom_fields\":{\"C\":null,\"D\":7}}\n\
        {\"tid\":3,\"custom_fields\":{\"E\":null}}\n";
    let mut store = Store::new(Options::default());
    let import = Import::new(ImportFormat::JsonLines, lines.as_bytes());
    assert_eq!(
        store.load(import.skip_bad(true)).unwrap().imported.skipped,
        2
    );
    assert_eq!(store.snapshot().custom_names(), ["A", "E"]);
}

#[test]
fn a_store_has_at_most_4096_names() {
    let names: Vec<String> = (0..4096).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let mut store = store([with_names(1, &names[..4095])]);
    let error = commit(&mut store, [with_names(2, &["one", "more"])]).unwrap_err();
    assert_eq!(error.code(), "too_many_custom_fields");
    assert!(matches!(error.kind(), ErrorKind::TooManyCustomFields { name, .. } if name == "more"));
    assert_eq!(store.snapshot().custom_names().len(), 4095);
    commit(&mut store, [with_names(2, &["one", "N0"])]).unwrap();
    assert_eq!(store.snapshot().custom_names().len(), 4096);
    let mut batch = Batch::new();
    batch.patch(2, Patch::new().set_custom("more", "x"));
    assert_eq!(
        store.commit(batch).unwrap_err().code(),
        "too_many_custom_fields"
    );
}

#[test]
fn writing_a_tid_again_replaces_it_whole() {
    let full = Ticket {
        cid: "demo".into(),
        company_id: 4,
        merged_to: Some(0),
        locked: "Y".into(),
        custom_fields: vec![("A".into(), "x".into())],
        ..ticket(7)
    };
    let mut store = store([full, ticket(8)]);
    commit(
        &mut store,
        [Ticket {
            subject: "s".into(),
            ..ticket(7)
        }],
    )
    .unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.tickets_count(), 2);
    let expected = Ticket {
        subject: "s".into(),
        ..ticket(7)
    };
    assert_eq!(Ticket::from(snapshot.get(7).unwrap()), expected);
}

#[test]
fn texts_compare_char_by_char_in_lower_case() {
    for (text, folded) in [
        ("AbC", "abc"),
        ("ÄÉ", "äé"),
        ("İ", "i\u{307}"),
        ("I", "i"),
        ("ı", "ı"),
        ("ẞ", "ß"),
        ("SS", "ss"),
        // A final sigma is not seen as one: no char looks at its neighbours.
        ("ΣΑΣ", "σασ"),
        ("ς", "ς"),
        ("Ǆǅǆ", "ǆǆǆ"),
        ("ﬁ", "ﬁ"),
        ("K", "k"),
        ("Ⅷ", "ⅷ"),
        ("𐐀", "𐐨"),
        ("e\u{301}", "e\u{301}"),
        (" a ", " a "),
    ] {
        assert_eq!(fold(text), folded);
    }
    let cids = [
        "b", "B ", " b", "É", "e\u{301}", "z", "Z", "ß", "ẞ", "ss", "İ", "i",
    ];
    let store = store((1..).zip(cids).map(|(tid, cid)| Ticket {
        cid: cid.into(),
        ..ticket(tid)
    }));
    let count = |request: &str| answer(&store.snapshot(), request).len();
    for (request, expected) in [
        ("cid=B", 1),
        ("cid=b+", 1),
        ("cid=%20B", 1),
        ("cid=é", 1),
        ("cid=E\u{301}", 1),
        ("cid=z", 2),
        ("cid=ẞ", 2),
        ("cid=SS", 1),
        ("cid=i", 1),
        ("cid=I\u{307}", 1),
    ] {
        assert_eq!(count(request), expected, "{request}");
    }
    // By code point, so `z` comes before `ß`, and a space before both.
    let by_cid = [3, 1, 2, 5, 12, 11, 10, 6, 7, 8, 9, 4];
    assert_eq!(answer(&store.snapshot(), "order=cid"), by_cid);
}

fn answer(snapshot: &Snapshot, request: &str) -> Vec<u64> {
    let answer = snapshot.answer(&request.parse().unwrap());
    answer.records().map(|record| record.tid()).collect()
}

#[test]
fn a_patch_sets_what_it_names() {
    let full = Ticket {
        cid: "demo".into(),
        company_id: 4,
        merged_to: Some(3),
        custom_fields: vec![("A".into(), "x".into()), ("B".into(), "y".into())],
        ..ticket(7)
    };
    let mut store = store([full]);
    let mut batch = Batch::new();
    let patch = Patch::new()
        .set(Field::CompanyId, Value::None)
        .set(Field::MergedTo, "")
        .set(Field::DueDate, "2/1/2014 1:00 PM")
        .set(Field::Locked, "y")
        .set_custom("a", "");
    batch.patch(7, patch);
    store.commit(batch).unwrap();
    let patched = Ticket::from(store.snapshot().get(7).unwrap());
    assert_eq!(
        (&*patched.cid, patched.company_id, patched.merged_to),
        ("demo", 0, None)
    );
    assert_eq!(patched.due_date.unwrap().to_string(), "2014-02-01 13:00:00");
    assert_eq!(
        (&*patched.locked, patched.custom("A"), patched.custom("B")),
        ("Y", "", "y")
    );
    let snapshot = store.snapshot();
    for (patch, code) in [
        (Patch::new().set(Field::Tid, 8), "invalid_value"),
        (Patch::new().set(Field::Tid, 7), "invalid_value"),
        (Patch::new().set(Field::CustomFields, ""), "invalid_value"),
        (Patch::new().set(Field::CompanyId, "x"), "invalid_value"),
        (Patch::new().set(Field::DueDate, "never"), "invalid_value"),
        (Patch::new().set(Field::Merged, "maybe"), "invalid_ticket"),
        (Patch::new().set(Field::OpenedBy, "\0"), "invalid_ticket"),
        (Patch::new().set_custom("a b", "x"), "invalid_ticket"),
        (Patch::new().set_custom("STATUS", "x"), "invalid_ticket"),
    ] {
        let mut batch = Batch::new();
        batch.put(ticket(9)).patch(7, patch);
        assert_eq!(store.commit(batch).unwrap_err().code(), code);
        assert_eq!(store.snapshot().version(), snapshot.version());
        assert!(store.snapshot().get(9).is_none());
    }
}

#[test]
fn a_batch_is_applied_in_order_and_as_a_whole() {
    let mut store = store([ticket(1), ticket(2)]);
    let set = |text: &str| Patch::new().set(Field::Subject, text);
    let mut batch = Batch::new();
    // It sees its own earlier lines.
    batch
        .put(ticket(3))
        .patch(3, set("three"))
        .remove(3)
        .remove(3)
        .remove(77);
    batch.remove(1).put(ticket(1)).patch(1, set("one"));
    store.commit(batch).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(answer(&snapshot, ""), [1, 2]);
    assert_eq!(snapshot.get(1).unwrap().text(Field::Subject), "one");
    for (tid, is_removed) in [(77, false), (2, true)] {
        let mut batch = Batch::new();
        batch.put(ticket(5));
        if is_removed {
            batch.remove(tid);
        }
        batch.patch(tid, set("x"));
        let error = store.commit(batch).unwrap_err();
        assert_eq!(error.code(), "unknown_ticket");
        assert_eq!(
            error.to_string(),
            format!("ticket {tid} is not there to be patched")
        );
        assert_eq!(answer(&store.snapshot(), ""), [1, 2]);
    }
}

#[test]
fn a_missing_value_and_an_empty_one_are_the_same() {
    let missing = store([ticket(1), with_names(2, &["A"])]);
    let empty = Ticket {
        custom_fields: vec![("a".into(), String::new())],
        ..ticket(1)
    };
    let empty = store([empty, with_names(2, &["A"])]);
    for request in ["", "order=custom_fields.A", "keyword=a"] {
        assert_eq!(
            answer(&missing.snapshot(), request),
            answer(&empty.snapshot(), request)
        );
    }
    let snapshot = empty.snapshot();
    let record = snapshot.get(1).unwrap();
    assert_eq!(
        Ticket::from(record).cell(Field::CustomFields),
        Cell::CustomFields(&[])
    );
}
