//! Bad filters on fields and bad lists of them, by hand: each gets its code and a message that names
//! the variable with its operator, the value as decoded and what would be valid.

mod common;

use common::refusals::{assert_explained, assert_invalid, assert_unknown, refuse, shown, variable};
use ticketdex::{AnyField, Field, Query};

const INTEGER: &str = "an integer from 0 to 18446744073709551615";
const DATE: &str = "a date as M/D/YYYY or YYYY-MM-DD, or with a time as M/D/YYYY H:MM:SS, \
    M/D/YYYY H:MM:SS AM or YYYY-MM-DD HH:MM:SS, with or without :SS";
const UNEQUAL: &str = "a text other than *, which every ticket would equal";
const LIST: &str = "a list of output variables, uid, group, escalation or custom_fields.NAME, \
    parted by commas";
const LIST_BUT_TID: &str = "a list of output variables, uid, group, escalation or \
    custom_fields.NAME, parted by commas, without tid";

/// Values that a filter cannot have: request, variable, value as decoded, what is valid.
const INVALID: &[(&str, &str, &str, &str)] = &[
    // Integers have no wildcard and no other form than in a range of tids.
    ("company_id=*", "company_id", "*", INTEGER),
    ("company_id=x", "company_id", "x", INTEGER),
    ("company_id=-1", "company_id", "-1", INTEGER),
    ("company_id=+1", "company_id", " 1", INTEGER),
    ("company_id=1,2", "company_id", "1,2", INTEGER),
    ("company_id=1&company_id=*", "company_id", "*", INTEGER),
    ("company_id!=*", "company_id!=", "*", INTEGER),
    ("company_id!=none", "company_id!=", "none", INTEGER),
    ("company_id>=-1", "company_id>=", "-1", INTEGER),
    ("Company_ID%3E=1.0", "company_id>=", "1.0", INTEGER),
    ("company_id<==1", "company_id<=", "=1", INTEGER),
    (
        "merged_to<=18446744073709551616",
        "merged_to<=",
        "18446744073709551616",
        INTEGER,
    ),
    ("parent_ticket=%D9%A1", "parent_ticket", "١", INTEGER),
    ("assigned_group_id=2+", "assigned_group_id", "2 ", INTEGER),
    (
        "customer_group_id!=%00",
        "customer_group_id!=",
        "\0",
        INTEGER,
    ),
    ("tid>=*", "tid>=", "*", INTEGER),
    ("tid<=x", "tid<=", "x", INTEGER),
    ("TID%3C=1*", "tid<=", "1*", INTEGER),
    // Dates have none either.
    ("date_closed=*", "date_closed", "*", DATE),
    ("date_closed=2014", "date_closed", "2014", DATE),
    ("date_closed!=*", "date_closed!=", "*", DATE),
    ("due_date!=never", "due_date!=", "never", DATE),
    ("due_date>=2014-2-1", "due_date>=", "2014-2-1", DATE),
    ("due_date<=2/30/2014", "due_date<=", "2/30/2014", DATE),
    ("last_updated>=%20", "last_updated>=", " ", DATE),
    (
        "last_updated=2/1/2014+25:00",
        "last_updated",
        "2/1/2014 25:00",
        DATE,
    ),
    ("date_opened=today", "date_opened", "today", DATE),
    ("date_opened!=2/1/14", "date_opened!=", "2/1/14", DATE),
    ("date_opened>=2/1/14", "date_opened>=", "2/1/14", DATE),
    ("Date_Opened%3C=x", "date_opened<=", "x", DATE),
    // A star that leaves every ticket out.
    ("status!=*", "status!=", "*", UNEQUAL),
    ("status=*&status!=*", "status!=", "*", UNEQUAL),
    ("contact!=%2A", "contact!=", "*", UNEQUAL),
    ("uid!=*", "uid!=", "*", UNEQUAL),
    ("Assigned_Tech!=*", "assigned_tech!=", "*", UNEQUAL),
    ("GROUP%21=*", "group!=", "*", UNEQUAL),
    ("escalation!=*", "escalation!=", "*", UNEQUAL),
    ("locked!=*", "locked!=", "*", UNEQUAL),
    ("linked_asset!=*", "linked_asset!=", "*", UNEQUAL),
    (
        "custom_fields.Room!=*",
        "custom_fields.Room!=",
        "*",
        UNEQUAL,
    ),
    (
        "CUSTOM_FIELDS.nope!=*",
        "custom_fields.nope!=",
        "*",
        UNEQUAL,
    ),
    // Lists: every name must be one, and none may be empty.
    ("empty=tid", "empty", "tid", LIST_BUT_TID),
    ("present=TID", "present", "TID", LIST_BUT_TID),
    ("empty=cid,tid", "empty", "cid,tid", LIST_BUT_TID),
    ("empty=cid,", "empty", "cid,", LIST_BUT_TID),
    ("empty=,", "empty", ",", LIST_BUT_TID),
    ("EMPTY=%20", "empty", " ", LIST_BUT_TID),
    ("present=,cid", "present", ",cid", LIST_BUT_TID),
    ("present=cid,+,uid", "present", "cid, ,uid", LIST_BUT_TID),
    ("present=keyword", "present", "keyword", LIST_BUT_TID),
    ("present=nope", "present", "nope", LIST_BUT_TID),
    ("present=*", "present", "*", LIST_BUT_TID),
    ("present=cid+uid", "present", "cid uid", LIST_BUT_TID),
    ("present=cid;uid", "present", "cid;uid", LIST_BUT_TID),
    ("present=status!", "present", "status!", LIST_BUT_TID),
    (
        "empty=date_opened.year",
        "empty",
        "date_opened.year",
        LIST_BUT_TID,
    ),
    (
        "empty=custom_fields.",
        "empty",
        "custom_fields.",
        LIST_BUT_TID,
    ),
    (
        "empty=custom_fields.9",
        "empty",
        "custom_fields.9",
        LIST_BUT_TID,
    ),
    (
        "empty=custom_fields.tid",
        "empty",
        "custom_fields.tid",
        LIST_BUT_TID,
    ),
    ("empty=cid&empty=x", "empty", "x", LIST_BUT_TID),
    ("fields=tid,", "fields", "tid,", LIST),
    ("fields=,,", "fields", ",,", LIST),
    ("fields=+", "fields", " ", LIST),
    ("fields=nope", "fields", "nope", LIST),
    ("fields=tid;cid", "fields", "tid;cid", LIST),
    ("fields=*", "fields", "*", LIST),
    ("Fields=count", "fields", "count", LIST),
    (
        "fields=custom_fields.subject",
        "fields",
        "custom_fields.subject",
        LIST,
    ),
    ("fields=tid,%EF%BB%BFcid", "fields", "tid,\u{FEFF}cid", LIST),
    ("count_only=Y&fields=x", "fields", "x", LIST),
];

/// Names and operators that no request has: request, name as shown, value as decoded.
const UNKNOWN: &[(&str, &str, &str)] = &[
    ("cid>=j", "cid>=", "j"),
    ("cid%3C=j", "cid<=", "j"),
    ("subject=x", "subject=", "x"),
    ("subject!=x", "subject!=", "x"),
    ("summary=", "summary=", ""),
    ("summary!=", "summary!=", ""),
    ("custom_fields=x", "custom_fields=", "x"),
    ("custom_fields!=x", "custom_fields!=", "x"),
    ("custom_fields.tid=1", "custom_fields.tid", "1"),
    ("status!!=x", "status!!", "x"),
    ("status+!=x", "status !", "x"),
    ("statuss!=x", "statuss!", "x"),
    ("!=x", "!", "x"),
    ("due_date.year=2014", "due_date.year", "2014"),
];

/// The start of what is told where something has no bounds.
const BOUNDS: &str = "only integers and dates have the bounds >= and <=: valid are ";

const CUSTOM_NAME: &str = "the name of a custom field has only the letters A to Z, digits, _, . \
    and -, and begins with a letter or _";

/// Names that mean something elsewhere: request, name as shown, value as decoded, how what is told
/// begins and how it goes on.
const EXPLAINED: &[(&str, &str, &str, [&str; 2])] = &[
    (
        "tid!=1",
        "tid!=",
        "1",
        ["valid are ", "tid=, tid>= and tid<="],
    ),
    (
        "TID%21=",
        "TID!=",
        "",
        ["valid are ", "TID=, TID>= and TID<="],
    ),
    (
        "status>=a",
        "status>=",
        "a",
        [BOUNDS, "status= and status!="],
    ),
    (
        "Status<=a",
        "Status<=",
        "a",
        [BOUNDS, "Status= and Status!="],
    ),
    (
        "status>!=x",
        "status>!",
        "x",
        [BOUNDS, "status= and status!="],
    ),
    (
        "custom_fields.Room>=1",
        "custom_fields.Room>=",
        "1",
        [BOUNDS, "custom_fields.Room= and custom_fields.Room!="],
    ),
    (
        "linked_asset>=1",
        "linked_asset>=",
        "1",
        [BOUNDS, "linked_asset= and linked_asset!="],
    ),
    (
        "locked<=Y",
        "locked<=",
        "Y",
        [BOUNDS, "locked= and locked!="],
    ),
    (
        "due_date>2014-02-01",
        "due_date>2014-02-01",
        "",
        [
            "bounds are written >= and <=: ",
            "valid are due_date=, due_date!=, due_date>= and due_date<=",
        ],
    ),
    (
        "keyword>=x",
        "keyword>=",
        "x",
        ["valid are ", "keyword= and keyword!="],
    ),
    (
        "keyword<=",
        "keyword<=",
        "",
        ["valid are ", "keyword= and keyword!="],
    ),
    ("count!=5", "count!=", "5", ["valid is ", "count="]),
    (
        "start_tid>=1",
        "start_tid>=",
        "1",
        ["valid is ", "start_tid="],
    ),
    (
        "start_date!=2/1/2014",
        "start_date!=",
        "2/1/2014",
        ["valid is ", "start_date="],
    ),
    ("empty!=cid", "empty!=", "cid", ["valid is ", "empty="]),
    ("fields!=tid", "fields!=", "tid", ["valid is ", "fields="]),
    ("custom_fields.=1", "custom_fields.", "1", [CUSTOM_NAME, ""]),
    (
        "custom_fields.9!=1",
        "custom_fields.9!",
        "1",
        [CUSTOM_NAME, ", as in custom_fields._9"],
    ),
    (
        "custom_fields.Serial+Number=1",
        "custom_fields.Serial Number",
        "1",
        [CUSTOM_NAME, ", as in custom_fields.Serial_Number"],
    ),
    (
        "custom_fields.Room+=1",
        "custom_fields.Room ",
        "1",
        [CUSTOM_NAME, ", as in custom_fields.Room"],
    ),
    (
        "assigned=Tom",
        "assigned",
        "Tom",
        [
            "the names that begin so are ",
            "assigned_group_id, assigned_tech and assigned_group_name",
        ],
    ),
];

/// Variables that stand again: request, variable, second value as decoded.
const DUPLICATE: &[(&str, &str, &str)] = &[
    ("company_id>=2&company_id>=1", "company_id>=", "1"),
    ("merged_to<=1&MERGED_TO%3C=x", "merged_to<=", "x"),
    (
        "due_date>=2/1/2014&due_date>=2/1/2014",
        "due_date>=",
        "2/1/2014",
    ),
    ("date_closed=2/1/2014&date_closed=x", "date_closed", "x"),
    (
        "last_updated<=2/1/2014&last_updated=&last_updated<=2/2/2014",
        "last_updated<=",
        "2/2/2014",
    ),
    (
        "date_opened=2/1/2014&date_opened=2/2/2014",
        "date_opened",
        "2/2/2014",
    ),
    ("date_opened>=2/1/2014&start_date=x", "start_date", "x"),
    ("start_date=2/1/2014&date_opened>=x", "date_opened>=", "x"),
    ("end_date=2/1/2014&DATE_OPENED%3C=x", "date_opened<=", "x"),
    ("tid>=1&start_tid=1", "start_tid", "1"),
    ("end_tid=1&tid<=1", "tid<=", "1"),
    ("fields=tid&fields=cid", "fields", "cid"),
    ("fields=tid&FIELDS=,", "fields", ","),
];

/// The first of several errors counts: request, code, variable.
const FIRST: &[(&str, &str, &str)] = &[
    ("page=1&status!=*", "invalid_value", "status!="),
    ("tid!=1&company_id=x", "unknown_variable", "tid!="),
    ("company_id=x&tid!=1", "invalid_value", "company_id"),
    (
        "company_id=5&company_id=x&count=0",
        "invalid_value",
        "company_id",
    ),
    ("empty=x&fields=x", "invalid_value", "empty"),
    ("page=1&fields=tid,&count=x", "invalid_value", "fields"),
    ("due_date>=x&due_date>=x", "invalid_value", "due_date>="),
];

#[test]
fn whoever_filters_long_texts_is_told_of_keywords() {
    for (request, name, meant) in [
        ("subject=x", "subject=", "keyword"),
        ("summary!=x", "summary!=", "keyword!="),
        ("SUBJECT=", "SUBJECT=", "keyword"),
    ] {
        let error = request.parse::<Query>().unwrap_err().to_string();
        let start = format!("unknown variable \"{name}\" with");
        assert!(error.starts_with(&start), "{error}");
        let hint = format!("(did you mean \"{meant}\"?); known are action, key");
        assert!(error.contains(&hint), "{error}");
    }
}

#[test]
fn there_are_at_least_eighty() {
    let unknown_count = UNKNOWN.len() + EXPLAINED.len();
    let count = INVALID.len() + unknown_count + DUPLICATE.len() + FIRST.len();
    assert!(count >= 80, "only {count}");
}

#[test]
fn values_are_refused() {
    for &(request, variable, value, expected) in INVALID {
        let error = refuse(request);
        assert_invalid(&error, variable, value, expected);
    }
}

#[test]
fn operators_and_names_are_refused() {
    for &(request, name, value) in UNKNOWN {
        let error = refuse(request);
        assert_unknown(&error, name, value);
    }
}

#[test]
fn names_that_mean_something_elsewhere_are_explained() {
    for &(request, name, value, told) in EXPLAINED {
        assert_explained(&refuse(request), name, value, &told.concat());
    }
}

#[test]
fn repeats_are_refused() {
    for &(request, variable, value) in DUPLICATE {
        let error = refuse(request);
        let value = shown(value);
        let message = format!("{variable} is given again as \"{value}\" but may stand once");
        assert_eq!(
            (error.code(), error.to_string()),
            ("duplicate_variable", message),
            "{request}"
        );
    }
}

#[test]
fn the_first_error_is_reported() {
    for &(request, code, name) in FIRST {
        let error = refuse(request);
        assert_eq!((error.code(), variable(&error)), (code, name), "{request}");
    }
}

#[test]
fn a_variable_without_a_value_is_left_out() {
    let requests = [
        "company_id<=&status!=&tid>=1&tid>=",
        "empty=&present=&fields=&keyword!=",
        "date_opened>&due_date=&due_date!=&custom_fields.Room=&custom_fields.Room!",
        "tid>&fields=&fields=cid",
    ];
    for request in requests {
        let query: Query = request.parse().unwrap();
        assert_eq!(
            query.filters().len(),
            usize::from(request.contains("tid>=1"))
        );
    }
}

#[test]
fn long_names_and_values_are_cut() {
    let name = format!("custom_fields.{}", "x".repeat(255));
    let error = refuse(&format!("{name}!=*"));
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} is \"*\" but", &name[..100]))
    );
    let error = refuse(&format!("{name}x=1"));
    let start = format!("unknown variable \"{}\" with", &name[..100]);
    assert!(error.to_string().starts_with(&start), "{error}");
    let list = "nope,".repeat(1000);
    let error = refuse(&format!("fields={list}"));
    assert!(
        error
            .to_string()
            .starts_with(&format!("fields is \"{}\" but", &list[..100]))
    );
}

#[test]
fn a_builder_refuses_what_a_request_cannot_say() {
    let room = || AnyField::Custom("Room".to_owned());
    let bad = || AnyField::Custom("9".to_owned());
    let cases = [
        (Query::builder().none_of(Field::Tid, [1_u64]), "tid"),
        (Query::builder().any_of(Field::Subject, ["x"]), "subject"),
        (
            Query::builder().value(Field::CustomFields, "x"),
            "custom_fields",
        ),
        (Query::builder().any_of(bad(), ["x"]), "custom_fields.9"),
        (Query::builder().none_of(Field::Status, ["*"]), "status!="),
        (
            Query::builder().none_of(room(), ["*"]),
            "custom_fields.Room!=",
        ),
        (
            Query::builder().any_of(Field::CompanyId, ["x"]),
            "company_id",
        ),
        (
            Query::builder().any_of(Field::DueDate, ["soon"]),
            "due_date",
        ),
        (Query::builder().any_of(Field::DueDate, [7_u64]), "due_date"),
        (Query::builder().at_least(Field::Cid, "j"), "cid"),
        (Query::builder().at_most(Field::Status, "j"), "status"),
        (
            Query::builder().at_most(Field::MergedTo, "-1"),
            "merged_to<=",
        ),
        (Query::builder().is_empty(Field::Tid), "empty"),
        (Query::builder().is_present(bad()), "present"),
        (Query::builder().fields([bad()]), "fields"),
    ];
    for (builder, name) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(
            (error.code(), variable(&error)),
            ("invalid_value", name),
            "{error}"
        );
    }
    let days = ["2/1/2014", "2/2/2014"];
    let error = Query::builder().any_of(Field::DateClosed, days).build();
    let expected = "date_closed is given again as \"2/2/2014\" but may stand once";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

/// A name that is only near the part of another, or that begins it, is enough for a suggestion.
#[test]
fn keys_are_suggested() {
    for (request, told) in [
        (
            "order=datee",
            "; unknown is \"datee\" (did you mean \"date_opened\"?)",
        ),
        (
            "order=tid,stat+DESC",
            "; unknown is \"stat\" (did you mean \"status\"?)",
        ),
        (
            "order=status+dsc",
            "; unknown is \"dsc\" (did you mean \"DESC\"?)",
        ),
        (
            "order=custom_fields",
            "; \"custom_fields\" cannot stand there",
        ),
        ("order=tid+ASC+cid", "; \"cid\" cannot stand there"),
        (
            "fields=tid,opend",
            "; unknown is \"opend\" (did you mean \"date_opened\"?)",
        ),
        ("prio=1", "(did you mean \"priority\"?); known are action"),
    ] {
        let message = refuse(request).to_string();
        assert!(message.contains(told), "{message}");
    }
}

/// A typed date is one that a ticket can have: years 1 to 9999, whole seconds.
#[test]
fn typed_dates_are_checked() {
    use ticketdex::chrono::{NaiveDate, TimeDelta};

    let day = |year: i32| NaiveDate::from_ymd_opt(year, 2, 1).unwrap();
    let fraction = day(2014).and_hms_opt(10, 0, 0).unwrap() + TimeDelta::milliseconds(500);
    let builds = [
        ("due_date", Query::builder().due(day(10_000)).build()),
        ("due_date", Query::builder().due(fraction).build()),
        (
            "date_opened>=",
            Query::builder().start_date(day(-2000)).build(),
        ),
        (
            "date_opened>=",
            Query::builder().start_date(fraction).build(),
        ),
        ("date_opened<=", Query::builder().end_date(day(0)).build()),
        (
            "last_updated>=",
            Query::builder()
                .at_least(Field::LastUpdated, fraction)
                .build(),
        ),
        (
            "date_closed!=",
            Query::builder()
                .none_of(Field::DateClosed, [day(10_000)])
                .build(),
        ),
    ];
    for (named, built) in builds {
        let error = built.unwrap_err();
        assert_eq!(error.code(), "invalid_value");
        assert_eq!(variable(&error), named);
    }
    let error = Query::builder().due(fraction).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "due_date is \"2014-02-01 10:00:00.500\" but must be a date of the years 1 to 9999, in whole seconds"
    );
    for year in [1, 9999] {
        let query = Query::builder()
            .start_date(day(year))
            .due(day(year))
            .build()
            .unwrap();
        assert_eq!(query.to_string().parse::<Query>().unwrap(), query);
    }
    // An empty text is no value, and so not the first of a date.
    let values = ["", "2/1/2014", ""];
    let query = Query::builder().any_of(Field::LastUpdated, values).build();
    assert_eq!(query.unwrap().to_string(), "last_updated=2%2F1%2F2014");
}
