//! Spec section 3, sentence by sentence: what a request means, on a store small enough to
//! answer by hand. What is refused is in `bad_requests.rs`.

use ticketdex::{
    Action, Direction, Field, FieldTest, Format, Import, ImportFormat, Moment, Options, OrderKey,
    Query, Request, Snapshot, SortKey, Store, TidFilter,
};

/// The store of these tests: one ticket a line.
const TICKETS: &str = include_str!("spec_request.jsonl");

const LAST: u64 = u64::MAX;
const ALL: &[u64] = &[1, 2, 7, 12, 34, 120, LAST];

fn snapshot() -> Snapshot {
    let mut store = Store::new(Options::default());
    store
        .load(Import::new(ImportFormat::JsonLines, TICKETS.as_bytes()))
        .unwrap();
    store.snapshot()
}

fn tids(snapshot: &Snapshot, request: &str) -> Vec<u64> {
    let query: Query = request
        .parse()
        .unwrap_or_else(|error| panic!("{request}: {error}"));
    let answer = snapshot.answer(&query);
    let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
    assert_eq!(answer.count(), tids.len() as u64, "{request}");
    tids
}

fn answers(table: &[(&str, &[u64])]) {
    let snapshot = snapshot();
    for &(request, expected) in table {
        assert_eq!(tids(&snapshot, request), expected, "{request}");
    }
}

/// Requests that parse to one query, and to another than those of every other group.
const SPELLINGS: &[&[&str]] = &[
    &[
        "",
        "?",
        "&",
        "&&",
        "?&&",
        "tid=",
        "tid",
        "status=&status=",
        "status=*",
        "cid=*&cid=x",
        "keyword=+",
        "keyword=%E2%80%A8%09",
        "order=tid",
        "order=TID+asc",
        "order_direction=ASC",
        "order=&order_direction=",
        "count_only=N",
        "count_only=n",
        "action=get_tickets",
        "ACTION=get_tickets&KEY=*&FORMAT=Json",
        "key=",
        "start_cid=&end_date=&page=&count=",
        "order=tid,status",
        "order=tid+ASC,tid+DESC",
    ],
    &[
        "status=Open",
        "?status=Open",
        "&status=Open&&",
        "STATUS=Open",
        "st%61tus=%4fpen",
        "status=Open&status=Open",
        "status=&status=Open",
        "Status=Open&cid=&tid=",
    ],
    // Values keep their case and their white space.
    &["status=open"],
    &["status=+Open"],
    &["status=%3FOpen"],
    &["status=Open&status=open"],
    &["status=%FF", "status=%ef%bf%bd", "status=\u{FFFD}"],
    &[
        "status=%F0%9F%FF",
        "status=%F0%9F\u{FFFD}",
        "status=\u{FFFD}\u{FFFD}",
    ],
    &["status=%EF%BB%BFa", "status=\u{FEFF}a"],
    &["status=%", "status=%25"],
    &["status=%4", "status=%254"],
    &["status=%zz", "status=%25zz"],
    &["status=a+b", "status=a%20b", "status=a b"],
    &["status=a%2Bb"],
    &["status=a=b", "status=a%3Db"],
    &["status=a;b", "status=a%3bb"],
    &["tid=7", "tid=007", "tid=000000000000000000000000000000007"],
    &["tid=*", "tid=**", "tid=%2A", "tid=****&keyword="],
    &["tid=1*5", "tid=1***5"],
    &["tid=18446744073709551615", "tid=00018446744073709551615"],
    &[
        "start_date=2/1/2014",
        "start_date=2014-02-01",
        "start_date=02/01/2014+0:00",
        "start_date=2/1/2014+12:00AM",
        "start_date=2/1/2014+12:00:00+am",
        "start_date=2014-02-01T00:00",
        "start_date=2014-02-01+00:00:00",
    ],
    &[
        "end_date=2/1/2014",
        "end_date=2014-02-01T23:59:59",
        "end_date=2/1/2014+11:59:59pM",
    ],
    &[
        "end_date=2/1/2014+12:00+PM",
        "end_date=2014-02-01T12:00:00",
        "end_date=2/1/2014+12:00",
    ],
    &[
        "order=uid",
        "order=assigned_tech",
        "order=+UID++asc+",
        "order=uid,ASSIGNED_TECH+DESC",
        "order=uid&order_direction=asc",
        "order=%E3%80%80uid%C2%A0ASC",
    ],
    &[
        "order=group,escalation+DESC",
        "order=assigned_group_name+ASC,escalation_level+DESC",
        "order_direction=DESC&order=group+ASC,escalation",
    ],
    &[
        "order_direction=DESC",
        "order=tid+DESC",
        "order=tid&order_direction=desc",
        "order=tid,cid&order_direction=DESC",
    ],
    &["keyword=a+b", "keyword=+a++b+a", "keyword=a%E3%80%80b"],
    &["keyword=b+a"],
    &["keyword=A+b"],
];

#[test]
fn spellings_of_a_request_are_one_query() {
    let parsed: Vec<Vec<Query>> = SPELLINGS
        .iter()
        .map(|group| {
            group
                .iter()
                .map(|request| request.parse().expect(request))
                .collect()
        })
        .collect();
    for (at, group) in parsed.iter().enumerate() {
        for (query, request) in group.iter().zip(SPELLINGS[at]) {
            assert_eq!(*query, group[0], "{request}");
            assert_eq!(
                query.to_string().parse::<Query>().unwrap(),
                *query,
                "{request}"
            );
        }
        for (other, others) in parsed[..at].iter().zip(SPELLINGS) {
            assert_ne!(group[0], other[0], "{} and {}", SPELLINGS[at][0], others[0]);
        }
    }
}

#[test]
fn key_and_format_are_the_callers() {
    let request: Request = "KEY=+a%00&Format=DELIMITED&status=x".parse().unwrap();
    assert_eq!(request.key.as_deref(), Some(" a\0"));
    assert_eq!(request.format, Some(Format::Delimited));
    assert_eq!(
        request.action,
        Action::GetTickets("status=x".parse().unwrap())
    );
    let request: Request = "key=&format=".parse().unwrap();
    assert_eq!((request.key, request.format), (None, None));
}

#[test]
fn a_request_prints_as_it_reads() {
    for request in ["format=json&status=Open", "format=xml", ""] {
        let read: Request = request.parse().unwrap();
        assert_eq!(read.to_string(), request);
    }
}

#[test]
fn several_pairs_of_one_field_are_one_filter_with_all_values() {
    for (first, second) in [
        ("company_id=3", "company_id=7"),
        ("company_id!=3", "company_id!=7"),
        ("last_updated!=1/2/2015", "last_updated!=2/3/2016"),
        ("phone=1", "phone=2"),
        ("phone!=1", "phone!=2"),
        ("status=Open", "status=Closed"),
        ("custom_fields.Room=1", "custom_fields.Room=2"),
    ] {
        let both: Query = format!("{first}&{second}").parse().unwrap();
        let values = |query: &Query| match &query.filters() {
            [filter] => match &filter.test {
                FieldTest::AnyOf(values) | FieldTest::NoneOf(values) => {
                    values.iter().collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let each = [first, second].map(|pair| values(&pair.parse().unwrap()));
        assert_eq!(values(&both), each.concat(), "{first}&{second}");
    }
}

#[test]
fn a_bad_request_names_its_format_too() {
    for (request, format) in [
        ("count=x&Format=JSON", Some(Format::Json)),
        ("?format=delimited&status", Some(Format::Delimited)),
        ("format=&format=json", Some(Format::Json)),
        ("status=Open&formats=json&format=xml", Some(Format::Xml)),
        ("format=yaml&format=json", None),
        ("count=x", None),
        ("", None),
    ] {
        assert_eq!(Request::find_format(request), format, "{request}");
    }
}

#[test]
fn without_filters_every_ticket_matches() {
    answers(&[
        ("", ALL),
        ("tid=*", ALL),
        ("status=*&source=*&cid=*", ALL),
        ("keyword=+%09", ALL),
    ]);
}

#[test]
fn tid_is_a_number_or_a_pattern() {
    answers(&[
        ("tid=7", &[7]),
        ("tid=007", &[7]),
        ("tid=8", &[]),
        ("tid=0", &[]),
        ("tid=18446744073709551615", &[LAST]),
        ("tid=1*", &[1, 12, 120, LAST]),
        ("tid=12*", &[12, 120]),
        ("tid=*2", &[2, 12]),
        ("tid=*2*", &[2, 12, 120]),
        ("tid=1*0", &[120]),
        ("tid=1*1", &[]),
        ("tid=1*5", &[LAST]),
        ("tid=1*4*4*5", &[LAST]),
        ("tid=12*0", &[120]),
        // Each digit stands for one of the pattern: a 1 is not found twice.
        ("tid=*1*1*", &[LAST]),
        ("tid=*2*2*", &[]),
        ("tid=*4*4*4*4*", &[LAST]),
        ("tid=*4*4*4*4*4*", &[]),
        ("tid=120*0", &[]),
        ("tid=0*", &[]),
        ("tid=*0", &[120]),
        ("tid=34*", &[34]),
        ("tid=*34", &[34]),
        ("tid=*18446744073709551615*", &[LAST]),
        ("tid=18446744073709551616*", &[]),
        ("tid=*000000000000000000000000000", &[]),
        ("tid=*1*8*4*4*6*7*4*4*0*7*3*7*0*9*5*5*1*6*1*5*", &[LAST]),
        ("tid=*1*8*4*4*6*7*4*4*0*7*3*7*0*9*5*5*1*6*1*5*5*", &[]),
    ]);
}

#[test]
fn the_nine_filters_are_equal_when_folded() {
    answers(&[
        ("status=open", &[1, 2]),
        ("status=oPeN", &[1, 2]),
        ("status=+open", &[]),
        ("status=ope", &[]),
        ("status=op*", &[]),
        ("status=**", &[]),
        ("status=%EF%BC%8A", &[]),
        ("status=straße", &[34, 120]),
        ("status=STRAẞE", &[34, 120]),
        ("status=STRASSE", &[LAST]),
        ("status=nothing", &[]),
        ("status=nothing&status=OPEN", &[1, 2]),
        ("status=open&status=strasse&status=open", &[1, 2, LAST]),
        ("status=open&status=*", ALL),
        ("status=*&status=nothing", ALL),
        ("source=WEB", &[1]),
        ("source=web&source=email", &[1, 2]),
        ("priority=high&priority=low", &[1, 12]),
        ("escalation=LEVEL+1", &[2]),
        ("category=a,b", &[34]),
        ("category=a", &[]),
        ("sub_category=x", &[]),
        ("sub_category=+X", &[120]),
        ("uid=Guest", &[1, 2]),
        ("group=NETWORK", &[1]),
        ("cid=john", &[1]),
        ("cid=jo*", &[]),
        // `İ` folds to two characters, and no `i` alone is equal to it.
        ("cid=i%CC%87X", &[120]),
        ("cid=ix", &[]),
        // All filters together are a conjunction.
        ("status=open&uid=guest&source=web", &[1]),
        ("status=open&uid=guest&source=web&priority=low", &[]),
        ("status=open&tid=2", &[2]),
        ("status=open&tid=7", &[]),
    ]);
}

#[test]
fn dates_are_seconds_or_days() {
    answers(&[
        ("due_date=2/1/2014", &[1, 2]),
        ("due_date=2014-02-01", &[1, 2]),
        ("due_date=2/1/2014+0:00", &[1]),
        ("due_date=2/1/2014+12:00+AM", &[1]),
        ("due_date=2/1/2014+12:00+PM", &[]),
        ("due_date=2/1/2014+11:59:59PM", &[2]),
        ("due_date=2014-02-02T12:30", &[12]),
        ("due_date=2014-02-02T12:30:01", &[]),
        ("due_date=1/31/2014", &[]),
        ("due_date=12/31/9999", &[LAST]),
        // Inclusive, on date_opened; who has none is in no range.
        ("start_date=2/1/2014", &[1, 2, 12, LAST]),
        ("start_date=2/1/2014+0:00:01", &[2, 12, LAST]),
        ("end_date=2/1/2014", &[1, 2, 34, 120]),
        ("end_date=2/1/2014+0:00", &[1, 34, 120]),
        // A time without seconds means second 0, also in end_date.
        ("end_date=2/1/2014+23:59", &[1, 34, 120]),
        ("end_date=1/31/2014+12:30", &[120]),
        ("end_date=1/31/2014+12:30:45+PM", &[34, 120]),
        ("start_date=2/1/2014&end_date=2/1/2014", &[1, 2]),
        ("start_date=2/2/2014&end_date=2/1/2014", &[]),
        ("start_date=1/1/0001", &[1, 2, 12, 34, 120, LAST]),
        ("end_date=12/31/9999", &[1, 2, 12, 34, 120, LAST]),
        ("start_date=12/31/9999+23:59:59", &[LAST]),
        ("end_date=0001-01-01T00:00:00", &[120]),
    ]);
}

#[test]
fn every_term_occurs_in_some_searchable_field() {
    answers(&[
        ("keyword=printer", &[1, 2, 7, 34]),
        ("keyword=PRINTER", &[1, 2, 7, 34]),
        ("keyword=rinte", &[1, 2, 7, 34]),
        ("keyword=printer+", &[1, 2, 7, 34]),
        ("keyword=printers", &[7]),
        // Terms may occur in different fields, in any order, one inside another.
        ("keyword=company+printer", &[1]),
        ("keyword=fire+john", &[2]),
        ("keyword=print+printer+printers", &[7]),
        ("keyword=printer+nothing", &[]),
        // White space of any kind parts the terms of both.
        ("keyword=on%E3%80%80fire", &[2]),
        ("keyword=demo%C2%A0company", &[1]),
        ("keyword=the%C2%A0printer%E2%80%A8is", &[2]),
        // A wildcard is a letter here, and nothing is decoded twice.
        ("keyword=*", &[12]),
        ("keyword=print*", &[]),
        ("keyword=%2541", &[12]),
        ("keyword=%2B", &[12]),
        ("keyword=A", &[1, 2, 12, LAST]),
        // Values of custom fields are searchable, their names are not; nor cid, phone, status.
        ("keyword=x1", &[1]),
        ("keyword=x1+error", &[1]),
        ("keyword=colour", &[]),
        ("keyword=jsmith", &[]),
        ("keyword=straße", &[]),
        ("keyword=john", &[2, 12]),
        ("keyword=smith", &[2]),
        ("keyword=example.com", &[12]),
        ("keyword=0X8007", &[1]),
        // Folded char by char: a final sigma is a sigma like any other.
        ("keyword=σίσυφοσ", &[120]),
        ("keyword=σίσυφος", &[]),
        ("keyword=İSTANBUL", &[LAST]),
        ("keyword=istanbul", &[]),
    ]);
}

#[test]
fn ranges_are_inclusive() {
    answers(&[
        ("start_tid=34", &[34, 120, LAST]),
        ("start_tid=0", ALL),
        ("end_tid=12", &[1, 2, 7, 12]),
        ("end_tid=012", &[1, 2, 7, 12]),
        ("end_tid=0", &[]),
        ("start_tid=2&end_tid=12", &[2, 7, 12]),
        ("start_tid=7&end_tid=7", &[7]),
        ("start_tid=12&end_tid=2", &[]),
        ("start_tid=18446744073709551615", &[LAST]),
        ("end_tid=18446744073709551615", ALL),
        ("start_tid=8&tid=7", &[]),
        ("end_tid=45&count=2", &[1, 2]),
        // cid: at or after; before, or starting with. Empty comes before everything.
        ("start_cid=j", &[1, 2, 12, 34, LAST]),
        ("start_cid=J", &[1, 2, 12, 34, LAST]),
        ("start_cid=jo", &[1, 2, 12, 34, LAST]),
        ("start_cid=john", &[1, 2, 12, 34, LAST]),
        ("start_cid=john+", &[2, 12, 34, LAST]),
        ("end_cid=j", &[1, 2, 7, 34, 120]),
        ("end_cid=JS", &[1, 2, 7, 120]),
        ("end_cid=i", &[7, 120]),
        ("end_cid=i%CC%87", &[7, 120]),
        ("end_cid=%C4%B0", &[7, 120]),
        ("start_cid=j&end_cid=j", &[1, 2, 34]),
        ("start_cid=k&end_cid=j", &[]),
        ("start_cid=js&end_cid=k", &[2, 12, 34]),
        ("start_cid=*", &[1, 2, 12, 34, 120, LAST]),
        ("end_cid=*", &[7]),
    ]);
}

#[test]
fn orders_are_total() {
    answers(&[
        ("order=tid+DESC", &[LAST, 120, 34, 12, 7, 2, 1]),
        // Integers by value; 0 stands for none and comes first.
        ("order=company_id", &[7, 12, 34, 120, LAST, 1, 2]),
        ("order=company_id+DESC", &[2, 1, 7, 12, 34, 120, LAST]),
        // None comes before 0.
        ("order=merged_to", &[7, 12, 34, 120, LAST, 2, 1]),
        ("order=merged_to+desc", &[1, 2, 7, 12, 34, 120, LAST]),
        ("order=date_opened", &[7, 120, 34, 1, 2, 12, LAST]),
        ("order=date_opened+DESC", &[LAST, 12, 2, 1, 34, 120, 7]),
        // Folded text; ties by ascending tid in both directions.
        ("order=status", &[7, 12, 1, 2, LAST, 34, 120]),
        ("order=status+DESC", &[34, 120, LAST, 1, 2, 12, 7]),
        ("order=status+DESC,tid+DESC", &[120, 34, LAST, 2, 1, 12, 7]),
        ("order=uid+DESC,source", &[2, 1, 7, 12, 34, 120, LAST]),
        (
            "order=uid+DESC,source&order_direction=desc",
            &[1, 2, 7, 12, 34, 120, LAST],
        ),
        (
            "order=uid,source&order_direction=desc",
            &[1, 2, 7, 12, 34, 120, LAST],
        ),
        (
            "order=uid+ASC,source&order_direction=desc",
            &[7, 12, 34, 120, LAST, 1, 2],
        ),
        ("order_direction=DESC&count=2", &[LAST, 120]),
        // A key named again changes nothing, by whatever name.
        (
            "order=uid,assigned_tech+DESC",
            &[7, 12, 34, 120, LAST, 1, 2],
        ),
        // Custom fields in any case; one that no ticket has is empty everywhere.
        (
            "order=custom_fields.SERIAL+DESC",
            &[1, 2, 7, 12, 34, 120, LAST],
        ),
        ("order=Custom_Fields.Serial", &[7, 12, 34, 120, LAST, 2, 1]),
        ("order=custom_fields.nowhere+DESC", ALL),
        (
            "order=custom_fields.nowhere,tid+DESC",
            &[LAST, 120, 34, 12, 7, 2, 1],
        ),
    ]);
}

#[test]
fn every_output_variable_is_a_key_but_custom_fields() {
    for field in Field::ALL {
        for name in [Some(field.name()), field.alias()].into_iter().flatten() {
            let parsed = format!("order={name}+DESC").parse::<Query>();
            if field == Field::CustomFields {
                assert_eq!(parsed.unwrap_err().code(), "invalid_value");
                continue;
            }
            let key = OrderKey {
                key: SortKey::Field(field),
                direction: Direction::Descending,
            };
            assert_eq!(parsed.unwrap().order(), [key]);
        }
    }
}

#[test]
fn pages_are_windows_on_the_order() {
    answers(&[
        ("count=3", &[1, 2, 7]),
        ("count=18446744073709551615", ALL),
        ("tid=*&count=3&page=1", &[1, 2, 7]),
        ("tid=*&count=3&page=2", &[12, 34, 120]),
        ("tid=*&count=3&page=3", &[LAST]),
        ("tid=*&count=3&page=4", &[]),
        ("tid=*&count=3&page=18446744073709551615", &[]),
        (
            "tid=*&count=18446744073709551615&page=18446744073709551615",
            &[],
        ),
        ("tid=*&count=18446744073709551615&page=1", ALL),
        ("tid=1*&count=2&page=2", &[120, LAST]),
        ("tid=**&count=2&page=1&order=tid+DESC", &[LAST, 120]),
        ("tid=1*&count=02&page=01&status=open", &[1]),
    ]);
}

#[test]
fn count_only_counts_before_the_window() {
    let snapshot = snapshot();
    for (request, total) in [
        ("count_only=Y", 7),
        ("count_only=y&status=open", 2),
        ("count_only=Y&count=1", 7),
        ("count_only=Y&tid=*&count=1&page=9&order=cid", 7),
        ("count_only=Y&status=nothing", 0),
    ] {
        let answer = snapshot.answer(&request.parse().unwrap());
        assert_eq!((answer.total(), answer.count()), (total, 0), "{request}");
        let mut body = Vec::new();
        answer.write_to(Format::Delimited, &mut body).unwrap();
        assert_eq!(body, format!("count={total}\n").as_bytes());
    }
    let answer = snapshot.answer(&"count_only=N&status=open&count=1".parse().unwrap());
    assert_eq!((answer.total(), answer.count()), (2, 1));
}

#[test]
fn a_builder_keeps_the_same_rules() {
    let bad = [
        Query::builder().count(0),
        Query::builder().count(1).page(0).tid(TidFilter::Any),
        Query::builder().value(Field::Subject, "x"),
        Query::builder().order(SortKey::Field(Field::CustomFields), Direction::Ascending),
        Query::builder().order(SortKey::Custom("Status".into()), Direction::Ascending),
        Query::builder().order(SortKey::Custom("a b".into()), Direction::Ascending),
    ];
    for builder in bad {
        assert_eq!(builder.build().unwrap_err().code(), "invalid_value");
    }
    let page = || Query::builder().page(1);
    assert_eq!(page().build().unwrap_err().code(), "page_needs_count");
    let counted = page().count(1);
    assert_eq!(counted.build().unwrap_err().code(), "page_needs_wildcard");
    let exact = page().count(1).tid(TidFilter::Exact(7));
    assert_eq!(exact.build().unwrap_err().code(), "page_needs_wildcard");
    assert!(
        page()
            .count(1)
            .tid(TidFilter::parse("7*").unwrap())
            .build()
            .is_ok()
    );
    let built = Query::builder()
        .keyword(" a b ")
        .value(Field::Cid, "")
        .start_cid("")
        .build();
    assert_eq!(built.unwrap(), "keyword=a+b".parse().unwrap());
}

#[test]
fn typed_parts_are_the_request_that_they_spell() {
    let day = Moment::parse("2/1/2014").unwrap();
    let second = Moment::parse("2/1/2014 3:04:05 PM").unwrap();
    let empty = Query::builder;
    let tid = |text: &str| TidFilter::parse(text).unwrap();
    for (builder, request) in [
        (empty().due(day), "due_date=2/1/2014"),
        (empty().due(second), "due_date=2/1/2014 15:04:05"),
        (empty().start_tid(5).end_tid(9), "start_tid=5&end_tid=9"),
        (empty().start_cid("j").end_cid("K"), "start_cid=j&end_cid=K"),
        (empty().start_cid("j").start_cid(""), ""),
        (empty().end_cid("j").end_cid(""), ""),
        (empty().start_date(day), "start_date=2/1/2014"),
        (empty().start_date(day), "start_date=2014-02-01 00:00:00"),
        (empty().end_date(day), "end_date=2/1/2014"),
        (empty().end_date(day), "end_date=2014-02-01 23:59:59"),
        (empty().end_date(second), "end_date=2/1/2014 15:04:05"),
        (empty().tid(tid("7")), "tid=7"),
        (
            empty().tid(tid("7*")).count(2).page(3),
            "tid=7*&count=2&page=3",
        ),
        (empty().count_only(true), "count_only=Y"),
        (
            empty().order(SortKey::Field(Field::Cid), Direction::Descending),
            "order=cid DESC",
        ),
        (
            empty().value(Field::Status, "a").value(Field::Status, "b"),
            "status=a&status=b",
        ),
        (
            empty().value(Field::Status, "a").value(Field::Status, "*"),
            "",
        ),
    ] {
        assert_eq!(
            builder.build().unwrap(),
            request.parse().unwrap(),
            "{request}"
        );
    }
}
