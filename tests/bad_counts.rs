//! Bad requests that count by value, by hand: each gets its code and a message that names the
//! variable, the value as decoded and what would be valid.

mod common;

use common::refusals::{
    assert_explained, assert_invalid, assert_unknown, assert_unknown_to_counts, refuse, shown,
    variable,
};
use ticketdex::{CountKey, CountQuery, DatePart, Field, Query};

const BY: &str = "a list of at most 16 fields that have a filter by value, custom_fields.NAME, or \
    dates with .year, .month or .day, parted by commas";
const POSITIVE: &str = "an integer from 1 to 18446744073709551615";
const FLAG: &str = "Y or N";
const ACTION: &str = "get_tickets or count_tickets";
const MANY: &str = "cid,company_name,contact,phone,email,cc_addresses,source,category,\
    sub_category,status,priority,escalation,opened_by,updated_by,uid,group,merged";

/// Values that a variable cannot have, behind `action=count_tickets&`: request, variable, value as
/// decoded, what is valid.
const INVALID: &[(&str, &str, &str, &str)] = &[
    ("by=tid", "by", "tid", BY),
    ("by=subject", "by", "subject", BY),
    ("BY=Summary", "by", "Summary", BY),
    ("by=custom_fields", "by", "custom_fields", BY),
    ("by=date_opened", "by", "date_opened", BY),
    ("by=due_date,status", "by", "due_date,status", BY),
    ("by=date_opened.week", "by", "date_opened.week", BY),
    ("by=date_opened.", "by", "date_opened.", BY),
    ("by=date_opened.year.", "by", "date_opened.year.", BY),
    ("by=date_opened+.year", "by", "date_opened .year", BY),
    ("by=.year", "by", ".year", BY),
    ("by=status.year", "by", "status.year", BY),
    ("by=company_id.day", "by", "company_id.day", BY),
    ("by=custom_fields.", "by", "custom_fields.", BY),
    ("by=custom_fields.9", "by", "custom_fields.9", BY),
    ("by=custom_fields.cid", "by", "custom_fields.cid", BY),
    ("by=custom_fields.a,+b", "by", "custom_fields.a, b", BY),
    ("by=status,", "by", "status,", BY),
    ("by=,", "by", ",", BY),
    ("by=%20", "by", " ", BY),
    ("by=status,,cid", "by", "status,,cid", BY),
    ("by=status+desc", "by", "status desc", BY),
    ("by=status;cid", "by", "status;cid", BY),
    ("by=nope", "by", "nope", BY),
    (
        "by=date_opened.year,nope",
        "by",
        "date_opened.year,nope",
        BY,
    ),
    ("by=*", "by", "*", BY),
    ("by=status!", "by", "status!", BY),
    ("by=keyword", "by", "keyword", BY),
    ("by=%EF%BB%BFstatus", "by", "\u{FEFF}status", BY),
    ("by=status%00", "by", "status\0", BY),
    ("top=0", "top", "0", POSITIVE),
    ("top=-1", "top", "-1", POSITIVE),
    ("top=x", "top", "x", POSITIVE),
    ("top=1.0", "top", "1.0", POSITIVE),
    ("TOP=+5", "top", " 5", POSITIVE),
    (
        "top=18446744073709551616",
        "top",
        "18446744073709551616",
        POSITIVE,
    ),
    ("exclude_own=maybe", "exclude_own", "maybe", FLAG),
    ("exclude_own=yes", "exclude_own", "yes", FLAG),
    ("Exclude_Own=1", "exclude_own", "1", FLAG),
    ("exclude_own=Y+", "exclude_own", "Y ", FLAG),
    (
        "by=status&status!=*",
        "status!=",
        "*",
        "a text other than *, which every ticket would equal",
    ),
];

#[test]
fn values_that_counting_cannot_have_are_named() {
    for (request, name, value, expected) in INVALID {
        let error = refuse(&format!("action=count_tickets&{request}"));
        assert_invalid(&error, name, value, expected);
        // Which variables are known does not depend on where the action stands.
        let behind = refuse(&format!("{request}&action=count_tickets"));
        assert_eq!(behind.to_string(), error.to_string());
    }
    let error = refuse(&format!("action=count_tickets&by={MANY}"));
    let shown = &MANY[..100];
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("by is \"{shown}")),
        "{message}"
    );
    assert!(message.ends_with(BY), "{message}");
    // The same name again does not count.
    let sixteen = MANY.replace(",merged", ",UID,assigned_tech,cid");
    let query: CountQuery = format!("action=count_tickets&by={sixteen}")
        .parse()
        .unwrap();
    assert_eq!(query.keys().len(), 16);
}

#[test]
fn an_unknown_word_of_a_list_is_named() {
    for (by, word) in [
        ("cid,nope", "nope"),
        ("date_opened.year,due_date.week", "due_date.week"),
        ("uid, custom_fields.9", "custom_fields.9"),
        ("uid,status.year", "status.year"),
    ] {
        let message = refuse(&format!("action=count_tickets&by={by}")).to_string();
        assert!(
            message.contains(&format!("; unknown is \"{word}\"")),
            "{message}"
        );
    }
    let error = refuse("action=count_tickets&by=statsu");
    assert_eq!(error.suggestion(), Some("status"));
    // What is known but cannot be counted by is no unknown word, and is named too.
    for (by, told) in [
        (
            "date_opened",
            "; \"date_opened\" cannot stand there (did you mean \"date_opened.month\"?)",
        ),
        ("status,tid", "; \"tid\" cannot stand there"),
        ("due_date.day,subject", "; \"subject\" cannot stand there"),
        ("stat", "; unknown is \"stat\" (did you mean \"status\"?)"),
    ] {
        let message = refuse(&format!("action=count_tickets&by={by}")).to_string();
        assert!(message.ends_with(&format!("{BY}{told}")), "{message}");
    }
}

/// Returns a request for counts with what stands in it, in several spellings and orders.
fn counting(rest: &str) -> [String; 3] {
    [
        format!("action=count_tickets&{rest}"),
        format!("{rest}&%61ction=%63ount_tickets"),
        format!("action=&{rest}&ACTION=count_tickets"),
    ]
}

#[test]
fn an_action_knows_its_own_variables() {
    let of_tickets = |name| {
        format!(
            "with action=count_tickets tickets are counted and not listed, so it has no {name}: \
             valid are filters, by, top, exclude_own, action, format and key"
        )
    };
    for (request, name, value) in [
        ("order=tid", "order", "tid"),
        ("order_direction=ASC", "order_direction", "ASC"),
        ("count=5", "count", "5"),
        ("count_only=", "count_only", ""),
        ("page=1", "page", "1"),
        ("fields=tid", "fields", "tid"),
        ("after=x", "after", "x"),
        ("before=x", "before", "x"),
    ] {
        for request in counting(request) {
            assert_explained(&refuse(&request), name, value, &of_tickets(name));
        }
    }
    let error = refuse("action=count_tickets&by!=status");
    assert_explained(&error, "by!=", "status", "valid is by=");
    for (request, name, value) in [
        ("count!=1", "count!", "1"),
        ("exclude_won=Y", "exclude_won", "Y"),
    ] {
        for request in counting(request) {
            assert_unknown_to_counts(&refuse(&request), name, value);
        }
    }
    let error = refuse("action=count_tickets&exclude_won=Y");
    assert_eq!(error.suggestion(), Some("exclude_own"));
    for (request, name, value) in [
        ("by=status", "by", "status"),
        ("by=", "by", ""),
        ("top=0&action=get_tickets", "top", "0"),
        ("exclude_own=Y", "exclude_own", "Y"),
        // The first action that is not empty says which, also where it is none.
        ("by=x&action=get_tickets&action=count_tickets", "by", "x"),
        ("by=x&action=COUNT_TICKETS&action=count_tickets", "by", "x"),
        ("by=x&action=counts", "by", "x"),
    ] {
        let told = "by, top and exclude_own need action=count_tickets in the same request";
        assert_explained(&refuse(request), name, value, told);
    }
    assert_unknown(&refuse("by!=x"), "by!", "x");
}

#[test]
fn an_action_has_one_spelling_and_stands_once() {
    for value in ["COUNT_TICKETS", "count_tickets ", "counts", "count"] {
        let request = format!("action={}", value.replace(' ', "+"));
        assert_invalid(&refuse(&request), "action", value, ACTION);
    }
    assert_eq!(
        refuse("action=count_ticket").suggestion(),
        Some("count_tickets")
    );
    for request in [
        "action=count_tickets&action=count_tickets",
        "action=count_tickets&by=status&action=get_tickets",
        "action=get_tickets&action=count_tickets",
        "action=count_tickets&by=status&by=nope",
        "action=count_tickets&top=1&top=0",
        "action=count_tickets&exclude_own=Y&Exclude_Own=N",
    ] {
        let error = refuse(request);
        assert_eq!(error.code(), "duplicate_variable", "{request}");
        let message = error.to_string();
        assert!(message.contains(variable(&error)) && message == shown(&message));
    }
    let error = refuse("foo=1&top=0&action=count_tickets");
    assert_unknown_to_counts(&error, "foo", "1");
    let error = refuse("top=0&foo=1&action=count_tickets");
    assert_invalid(&error, "top", "0", POSITIVE);
}

#[test]
fn each_kind_of_query_refuses_the_other() {
    let error = "action=count_tickets&by=uid".parse::<Query>().unwrap_err();
    assert_invalid(&error, "action", "count_tickets", "get_tickets");
    for (request, value) in [("status=x", ""), ("action=get_tickets", "get_tickets")] {
        let error = request.parse::<CountQuery>().unwrap_err();
        assert_invalid(&error, "action", value, "count_tickets");
    }
}

#[test]
fn what_is_built_is_checked_alike() {
    let bad = [
        CountKey::Field(Field::Tid),
        CountKey::Field(Field::CustomFields),
        CountKey::Field(Field::DueDate),
        CountKey::Part(Field::Status, DatePart::Day),
        CountKey::Custom("9".into()),
    ];
    for key in bad {
        let built = CountQuery::builder()
            .by(Field::Status)
            .by(key.clone())
            .build();
        assert_invalid(&built.unwrap_err(), "by", &format!("status,{key}"), BY);
    }
    let built = CountQuery::builder().top(0).build();
    assert_invalid(&built.unwrap_err(), "top", "0", POSITIVE);
    let many = MANY
        .split(',')
        .map(|name| CountKey::from_name(name).unwrap());
    let builder = many.fold(CountQuery::builder(), ticketdex::CountQueryBuilder::by);
    assert_eq!(builder.build().unwrap_err().code(), "invalid_value");
    // What a query has beside its filters is no part of it.
    let query: Query = "status=x&order=uid&count=3&fields=tid".parse().unwrap();
    let built = CountQuery::builder().matching(query).build().unwrap();
    assert_eq!(built.matching(), &"status=x".parse::<Query>().unwrap());
}
