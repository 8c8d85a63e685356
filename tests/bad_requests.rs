//! Bad requests, by hand: each gets its code and a message that names the variable, the value as
//! decoded and what would be valid; every format carries it.

mod common;

use common::refusals::{assert_invalid, assert_unknown, refuse, shown, variable};

const INTEGER: &str = "an integer from 0 to 18446744073709551615";
const POSITIVE: &str = "an integer from 1 to 18446744073709551615";
const TID: &str = "a ticket number, or a pattern of digits and *";
const DATE: &str = "a date as M/D/YYYY or YYYY-MM-DD, or with a time as M/D/YYYY H:MM:SS, \
    M/D/YYYY H:MM:SS AM or YYYY-MM-DD HH:MM:SS, with or without :SS";
const ORDER: &str = "a list of output variables, uid, group, escalation or custom_fields.NAME, each \
    with an optional ASC or DESC, parted by commas";
const DIRECTION: &str = "ASC or DESC";
const FLAG: &str = "Y or N";
const FORMAT: &str = "xml, json, delimited or csv";
const ACTION: &str = "get_tickets or count_tickets";
const CURSOR: &str = "the token of a cursor, as an answer gives it";

/// Values that a variable cannot have: request, variable, value as decoded, what is valid.
const INVALID: &[(&str, &str, &str, &str)] = &[
    // Cursors: tokens that an answer gave.
    ("after=x", "after", "x", CURSOR),
    ("After=*", "after", "*", CURSOR),
    ("before=AAAA", "before", "AAAA", CURSOR),
    (
        "before=WzEsW10sW10sN10",
        "before",
        "WzEsW10sW10sN10",
        CURSOR,
    ),
    ("after=+&order=x", "after", " ", CURSOR),
    ("count=5&page=1&after=7", "after", "7", CURSOR),
    ("before=7&after=8", "before", "7", CURSOR),
    // Integers: one or more ASCII digits below 2^64, and nothing around them.
    ("start_tid=x", "start_tid", "x", INTEGER),
    ("start_tid=-1", "start_tid", "-1", INTEGER),
    ("start_tid=%2B1", "start_tid", "+1", INTEGER),
    ("start_tid=+1", "start_tid", " 1", INTEGER),
    ("start_tid=1+", "start_tid", "1 ", INTEGER),
    ("start_tid=%091", "start_tid", "\t1", INTEGER),
    ("start_tid=1%0A", "start_tid", "1\n", INTEGER),
    ("start_tid=1.0", "start_tid", "1.0", INTEGER),
    ("start_tid=1e3", "start_tid", "1e3", INTEGER),
    ("start_tid=0x10", "start_tid", "0x10", INTEGER),
    ("start_tid=1_000", "start_tid", "1_000", INTEGER),
    ("start_tid=1,000", "start_tid", "1,000", INTEGER),
    (
        "start_tid=18446744073709551616",
        "start_tid",
        "18446744073709551616",
        INTEGER,
    ),
    (
        "start_tid=99999999999999999999999",
        "start_tid",
        "99999999999999999999999",
        INTEGER,
    ),
    ("start_tid=*", "start_tid", "*", INTEGER),
    ("start_tid=1*", "start_tid", "1*", INTEGER),
    ("start_tid=%D9%A1", "start_tid", "١", INTEGER),
    ("start_tid=%EF%BC%91", "start_tid", "１", INTEGER),
    ("start_tid=%C2%B2", "start_tid", "²", INTEGER),
    ("start_tid=%00", "start_tid", "\0", INTEGER),
    ("start_tid=1%00", "start_tid", "1\0", INTEGER),
    ("start_tid=%EF%BB%BF1", "start_tid", "\u{FEFF}1", INTEGER),
    ("start_tid=%FF", "start_tid", "\u{FFFD}", INTEGER),
    ("start_tid=1=2", "start_tid", "1=2", INTEGER),
    ("start_tid==1", "start_tid", "=1", INTEGER),
    ("START_TID=one", "start_tid", "one", INTEGER),
    ("start_tid=null", "start_tid", "null", INTEGER),
    ("start_tid=%20", "start_tid", " ", INTEGER),
    ("end_tid=-0", "end_tid", "-0", INTEGER),
    ("changed_since=*", "changed_since", "*", INTEGER),
    ("Changed_Since=-1", "changed_since", "-1", INTEGER),
    (
        "changed_since=2014-02-01",
        "changed_since",
        "2014-02-01",
        INTEGER,
    ),
    (
        "changed_since=18446744073709551616",
        "changed_since",
        "18446744073709551616",
        INTEGER,
    ),
    (
        "end_tid=18446744073709551616",
        "end_tid",
        "18446744073709551616",
        INTEGER,
    ),
    ("end_tid=1;2", "end_tid", "1;2", INTEGER),
    ("end_tid=true", "end_tid", "true", INTEGER),
    ("End_Tid=%31%32%33x", "end_tid", "123x", INTEGER),
    ("end_tid=1%", "end_tid", "1%", INTEGER),
    ("end_tid=%zz", "end_tid", "%zz", INTEGER),
    ("end_tid=%2531", "end_tid", "%31", INTEGER),
    // count and page: 1 or more.
    ("count=0", "count", "0", POSITIVE),
    ("count=000", "count", "000", POSITIVE),
    ("count=-1", "count", "-1", POSITIVE),
    ("count=x", "count", "x", POSITIVE),
    ("count=1.5", "count", "1.5", POSITIVE),
    ("count=*", "count", "*", POSITIVE),
    ("count=all", "count", "all", POSITIVE),
    (
        "count=18446744073709551616",
        "count",
        "18446744073709551616",
        POSITIVE,
    ),
    ("count=+10", "count", " 10", POSITIVE),
    ("COUNT=10+", "count", "10 ", POSITIVE),
    ("tid=*&count=10&page=0", "page", "0", POSITIVE),
    ("tid=*&count=10&page=-1", "page", "-1", POSITIVE),
    ("tid=*&count=10&page=first", "page", "first", POSITIVE),
    (
        "tid=*&count=10&page=18446744073709551616",
        "page",
        "18446744073709551616",
        POSITIVE,
    ),
    ("tid=*&count=10&page=1,2", "page", "1,2", POSITIVE),
    ("tid=*&count=10&Page=%30", "page", "0", POSITIVE),
    // tid: digits and stars.
    ("tid=x", "tid", "x", TID),
    ("tid=-1", "tid", "-1", TID),
    ("tid=+7", "tid", " 7", TID),
    ("tid=7+", "tid", "7 ", TID),
    ("tid=%2B7", "tid", "+7", TID),
    ("tid=1.0", "tid", "1.0", TID),
    ("tid=1,2", "tid", "1,2", TID),
    ("tid=1-9", "tid", "1-9", TID),
    (
        "tid=18446744073709551616",
        "tid",
        "18446744073709551616",
        TID,
    ),
    (
        "tid=99999999999999999999",
        "tid",
        "99999999999999999999",
        TID,
    ),
    ("tid=12?", "tid", "12?", TID),
    ("tid=%25", "tid", "%", TID),
    ("tid=12%", "tid", "12%", TID),
    ("tid=*x", "tid", "*x", TID),
    ("tid=*+", "tid", "* ", TID),
    ("tid=+*", "tid", " *", TID),
    ("tid=1*2*a", "tid", "1*2*a", TID),
    ("tid=*%D9%A1", "tid", "*١", TID),
    ("tid=*.*", "tid", "*.*", TID),
    ("tid=%EF%BC%8A", "tid", "＊", TID),
    ("tid=*%00", "tid", "*\0", TID),
    ("TID=#34", "tid", "#34", TID),
    ("tid=1;status=Open", "tid", "1;status=Open", TID),
    ("tid=%2A%FF", "tid", "*\u{FFFD}", TID),
    // Dates: the forms of section 3 and no other.
    ("due_date=yesterday", "due_date", "yesterday", DATE),
    ("due_date=2014", "due_date", "2014", DATE),
    ("due_date=2/1/14", "due_date", "2/1/14", DATE),
    ("due_date=2/1/02014", "due_date", "2/1/02014", DATE),
    ("due_date=002/1/2014", "due_date", "002/1/2014", DATE),
    ("due_date=2/001/2014", "due_date", "2/001/2014", DATE),
    ("due_date=/1/2014", "due_date", "/1/2014", DATE),
    ("due_date=2//2014", "due_date", "2//2014", DATE),
    ("due_date=0/1/2014", "due_date", "0/1/2014", DATE),
    ("due_date=13/1/2014", "due_date", "13/1/2014", DATE),
    ("due_date=2/0/2014", "due_date", "2/0/2014", DATE),
    ("due_date=2/30/2014", "due_date", "2/30/2014", DATE),
    ("due_date=2/29/2014", "due_date", "2/29/2014", DATE),
    ("due_date=2/29/1900", "due_date", "2/29/1900", DATE),
    ("due_date=4/31/2014", "due_date", "4/31/2014", DATE),
    ("due_date=1/1/0000", "due_date", "1/1/0000", DATE),
    ("due_date=1/1/10000", "due_date", "1/1/10000", DATE),
    ("due_date=2-1-2014", "due_date", "2-1-2014", DATE),
    ("due_date=2.1.2014", "due_date", "2.1.2014", DATE),
    ("due_date=2014/02/01", "due_date", "2014/02/01", DATE),
    ("due_date=+2/1/2014", "due_date", " 2/1/2014", DATE),
    ("due_date=2/1/2014+", "due_date", "2/1/2014 ", DATE),
    ("due_date=2/+1/2014", "due_date", "2/ 1/2014", DATE),
    ("due_date=%2B2/1/2014", "due_date", "+2/1/2014", DATE),
    ("due_date=-2/1/2014", "due_date", "-2/1/2014", DATE),
    ("due_date=%D9%A2/1/2014", "due_date", "٢/1/2014", DATE),
    ("due_date=*", "due_date", "*", DATE),
    ("due_date=2/*/2014", "due_date", "2/*/2014", DATE),
    (
        "start_date=2/1/2014++1:00",
        "start_date",
        "2/1/2014  1:00",
        DATE,
    ),
    (
        "start_date=2/1/2014%091:00",
        "start_date",
        "2/1/2014\t1:00",
        DATE,
    ),
    (
        "start_date=2/1/2014%C2%A01:00",
        "start_date",
        "2/1/2014\u{A0}1:00",
        DATE,
    ),
    (
        "start_date=2/1/2014t1:00",
        "start_date",
        "2/1/2014t1:00",
        DATE,
    ),
    ("start_date=2/1/2014+1", "start_date", "2/1/2014 1", DATE),
    (
        "start_date=2/1/2014+1AM",
        "start_date",
        "2/1/2014 1AM",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:0",
        "start_date",
        "2/1/2014 1:0",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:000",
        "start_date",
        "2/1/2014 1:000",
        DATE,
    ),
    (
        "start_date=2/1/2014+:30",
        "start_date",
        "2/1/2014 :30",
        DATE,
    ),
    (
        "start_date=2/1/2014+001:30",
        "start_date",
        "2/1/2014 001:30",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30:",
        "start_date",
        "2/1/2014 1:30:",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30:5",
        "start_date",
        "2/1/2014 1:30:5",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30:60",
        "start_date",
        "2/1/2014 1:30:60",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:60",
        "start_date",
        "2/1/2014 1:60",
        DATE,
    ),
    (
        "start_date=2/1/2014+24:00",
        "start_date",
        "2/1/2014 24:00",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30:05.5",
        "start_date",
        "2/1/2014 1:30:05.5",
        DATE,
    ),
    (
        "start_date=2/1/2014+0:30+AM",
        "start_date",
        "2/1/2014 0:30 AM",
        DATE,
    ),
    (
        "start_date=2/1/2014+13:30+PM",
        "start_date",
        "2/1/2014 13:30 PM",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30++AM",
        "start_date",
        "2/1/2014 1:30  AM",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30+AM+",
        "start_date",
        "2/1/2014 1:30 AM ",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30+A",
        "start_date",
        "2/1/2014 1:30 A",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30+XM",
        "start_date",
        "2/1/2014 1:30 XM",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30+a.m.",
        "start_date",
        "2/1/2014 1:30 a.m.",
        DATE,
    ),
    (
        "start_date=2/1/2014+1:30+AMPM",
        "start_date",
        "2/1/2014 1:30 AMPM",
        DATE,
    ),
    ("start_date=2/1/2014+AM", "start_date", "2/1/2014 AM", DATE),
    (
        "start_date=2/1/2014+1:30Z",
        "start_date",
        "2/1/2014 1:30Z",
        DATE,
    ),
    ("end_date=2014-2-1", "end_date", "2014-2-1", DATE),
    ("end_date=2014-02-1", "end_date", "2014-02-1", DATE),
    ("end_date=14-02-01", "end_date", "14-02-01", DATE),
    ("end_date=02014-02-01", "end_date", "02014-02-01", DATE),
    ("end_date=20140201", "end_date", "20140201", DATE),
    ("end_date=2014-13-01", "end_date", "2014-13-01", DATE),
    ("end_date=2014-00-01", "end_date", "2014-00-01", DATE),
    ("end_date=2014-02-30", "end_date", "2014-02-30", DATE),
    ("end_date=0000-02-01", "end_date", "0000-02-01", DATE),
    (
        "end_date=2014-02-01t00:00",
        "end_date",
        "2014-02-01t00:00",
        DATE,
    ),
    (
        "end_date=2014-02-01T1:00",
        "end_date",
        "2014-02-01T1:00",
        DATE,
    ),
    ("end_date=2014-02-01T", "end_date", "2014-02-01T", DATE),
    ("end_date=2014-02-01T01", "end_date", "2014-02-01T01", DATE),
    (
        "end_date=2014-02-01T01:00:00Z",
        "end_date",
        "2014-02-01T01:00:00Z",
        DATE,
    ),
    (
        "end_date=2014-02-01T01:00:00%2B01:00",
        "end_date",
        "2014-02-01T01:00:00+01:00",
        DATE,
    ),
    (
        "end_date=2014-02-01T01:00:00.000",
        "end_date",
        "2014-02-01T01:00:00.000",
        DATE,
    ),
    (
        "end_date=2014-02-01T24:00",
        "end_date",
        "2014-02-01T24:00",
        DATE,
    ),
    (
        "end_date=2014-02-01+01:00+AM",
        "end_date",
        "2014-02-01 01:00 AM",
        DATE,
    ),
    (
        "end_date=2014-02-01+T01:00",
        "end_date",
        "2014-02-01 T01:00",
        DATE,
    ),
    ("end_date=2014-W05-6", "end_date", "2014-W05-6", DATE),
    ("end_date=2014-032", "end_date", "2014-032", DATE),
    ("end_date=1391212800", "end_date", "1391212800", DATE),
    ("end_date=-2014-02-01", "end_date", "-2014-02-01", DATE),
    ("end_date=%00", "end_date", "\0", DATE),
    // order: each key a variable or custom_fields.NAME, with at most a direction behind it.
    ("order=nothing", "order", "nothing", ORDER),
    ("order=keyword", "order", "keyword", ORDER),
    ("order=start_tid", "order", "start_tid", ORDER),
    ("order=count", "order", "count", ORDER),
    ("order=custom_fields", "order", "custom_fields", ORDER),
    (
        "order=Custom_Fields+DESC",
        "order",
        "Custom_Fields DESC",
        ORDER,
    ),
    ("order=custom_fields.", "order", "custom_fields.", ORDER),
    ("order=custom_fields.9a", "order", "custom_fields.9a", ORDER),
    (
        "order=custom_fields.a%C3%A9",
        "order",
        "custom_fields.aé",
        ORDER,
    ),
    (
        "order=custom_fields.status",
        "order",
        "custom_fields.status",
        ORDER,
    ),
    (
        "order=custom_fields.TID",
        "order",
        "custom_fields.TID",
        ORDER,
    ),
    ("order=custom_fields+.A", "order", "custom_fields .A", ORDER),
    (
        "order=custom_fields.A+B",
        "order",
        "custom_fields.A B",
        ORDER,
    ),
    ("order=custom_field.A", "order", "custom_field.A", ORDER),
    ("order=,", "order", ",", ORDER),
    ("order=+", "order", " ", ORDER),
    ("order=tid,", "order", "tid,", ORDER),
    ("order=,tid", "order", ",tid", ORDER),
    ("order=tid,,cid", "order", "tid,,cid", ORDER),
    ("order=tid,+,cid", "order", "tid, ,cid", ORDER),
    ("order=tid,nothing", "order", "tid,nothing", ORDER),
    ("order=tid+up", "order", "tid up", ORDER),
    ("order=tid+DESC+DESC", "order", "tid DESC DESC", ORDER),
    ("order=tid+ASC+cid", "order", "tid ASC cid", ORDER),
    ("order=DESC", "order", "DESC", ORDER),
    ("order=DESC+tid", "order", "DESC tid", ORDER),
    ("order=tidDESC", "order", "tidDESC", ORDER),
    ("order=tid:DESC", "order", "tid:DESC", ORDER),
    ("order=-tid", "order", "-tid", ORDER),
    ("order=tid;cid", "order", "tid;cid", ORDER),
    ("order=tid+cid", "order", "tid cid", ORDER),
    ("order=t%C4%B1d", "order", "tıd", ORDER),
    ("order=*", "order", "*", ORDER),
    ("order=tid%00", "order", "tid\0", ORDER),
    ("order=%EF%BB%BFtid", "order", "\u{FEFF}tid", ORDER),
    ("order=sub-category", "order", "sub-category", ORDER),
    // The words.
    ("order_direction=up", "order_direction", "up", DIRECTION),
    (
        "order_direction=DESCENDING",
        "order_direction",
        "DESCENDING",
        DIRECTION,
    ),
    (
        "order_direction=+DESC",
        "order_direction",
        " DESC",
        DIRECTION,
    ),
    (
        "order_direction=DESC,ASC",
        "order_direction",
        "DESC,ASC",
        DIRECTION,
    ),
    ("order_direction=*", "order_direction", "*", DIRECTION),
    ("count_only=Yes", "count_only", "Yes", FLAG),
    ("count_only=1", "count_only", "1", FLAG),
    ("count_only=true", "count_only", "true", FLAG),
    ("count_only=+Y", "count_only", " Y", FLAG),
    ("Count_Only=%EF%BC%B9", "count_only", "Ｙ", FLAG),
    ("format=html", "format", "html", FORMAT),
    ("format=xml+", "format", "xml ", FORMAT),
    ("format=txt", "format", "txt", FORMAT),
    ("format=jsonl", "format", "jsonl", FORMAT),
    ("format=*", "format", "*", FORMAT),
    ("action=add_ticket", "action", "add_ticket", ACTION),
    ("action=Get_Tickets", "action", "Get_Tickets", ACTION),
    ("action=get_tickets+", "action", "get_tickets ", ACTION),
    ("ACTION=GET_TICKETS", "action", "GET_TICKETS", ACTION),
];

/// Names that no request has: request, name and value as decoded.
const UNKNOWN: &[(&str, &str, &str)] = &[
    ("statuss=Open", "statuss", "Open"),
    ("statuss=", "statuss", ""),
    ("statuss", "statuss", ""),
    ("=", "", ""),
    ("=x", "", "x"),
    ("==", "", "="),
    ("+=x", " ", "x"),
    ("+status=x", " status", "x"),
    ("status+=x", "status ", "x"),
    ("%20tid=1", " tid", "1"),
    ("?tid=1", "?tid", "1"),
    ("%3Ftid=1", "?tid", "1"),
    ("subject=x", "subject=", "x"),
    ("status[]=Open", "status[]", "Open"),
    ("status%00=Open", "status\0", "Open"),
    ("%EF%BB%BFtid=1", "\u{FEFF}tid", "1"),
    ("%FFtid=1", "\u{FFFD}tid", "1"),
    ("t%C4%B1d=1", "tıd", "1"),
    ("STATU%C5%BF=x", "STATUſ", "x"),
    ("amp;status=Open", "amp;status", "Open"),
    ("limit=10", "limit", "10"),
    ("sort=tid", "sort", "tid"),
    ("{\"tid\":1}", "{\"tid\":1}", ""),
    (
        "http://localhost/API/default.aspx?tid=1",
        "http://localhost/API/default.aspx?tid",
        "1",
    ),
];

/// Variables that stand again: request, variable, second value as decoded.
const DUPLICATE: &[(&str, &str, &str)] = &[
    ("tid=1&tid=1", "tid", "1"),
    ("tid=1&TID=2", "tid", "2"),
    ("tid=*&tid=*", "tid", "*"),
    ("tid=1&tid=x", "tid", "x"),
    ("keyword=a&keyword=a", "keyword", "a"),
    ("keyword=+&keyword=b", "keyword", "b"),
    (
        "due_date=2/1/2014&due_date=2/1/2014",
        "due_date",
        "2/1/2014",
    ),
    ("due_date=2/1/2014&due_date=never", "due_date", "never"),
    ("start_tid=1&start_tid=2", "start_tid", "2"),
    ("end_tid=1&end_tid=2", "end_tid", "2"),
    ("start_cid=a&start_cid=b", "start_cid", "b"),
    ("end_cid=a&end_cid=%FF", "end_cid", "\u{FFFD}"),
    (
        "start_date=2/1/2014&start_date=2/2/2014",
        "start_date",
        "2/2/2014",
    ),
    (
        "end_date=2/1/2014&end_date=2/2/2014",
        "end_date",
        "2/2/2014",
    ),
    ("count=1&count=0", "count", "0"),
    ("count=1&page=1&page=2", "page", "2"),
    ("count_only=N&count_only=Y", "count_only", "Y"),
    ("order=tid&order=cid", "order", "cid"),
    (
        "order_direction=ASC&order_direction=DESC",
        "order_direction",
        "DESC",
    ),
    (
        "action=get_tickets&action=get_tickets",
        "action",
        "get_tickets",
    ),
    ("key=a&key=b", "key", ""),
    ("format=xml&format=json", "format", "json"),
    ("format=xml&format=html", "format", "html"),
    ("tid=1&tid=&tid=2", "tid", "2"),
    ("tid=&tid=1&tid=2", "tid", "2"),
];

/// Variables that need one another: request, code, page as given.
const JOINED: &[(&str, &str, &str)] = &[
    ("page=1", "page_needs_count", "1"),
    ("page=007", "page_needs_count", "007"),
    ("tid=*&page=1", "page_needs_count", "1"),
    ("tid=7&page=1", "page_needs_count", "1"),
    ("count=&tid=*&page=1", "page_needs_count", "1"),
    ("page=3&count_only=Y", "page_needs_count", "3"),
    ("page=3&count=2", "page_needs_wildcard", "3"),
    ("page=03&count=2&tid=7", "page_needs_wildcard", "03"),
    ("page=3&count=2&tid=", "page_needs_wildcard", "3"),
    (
        "page=3&count=2&count_only=y&tid=7",
        "page_needs_wildcard",
        "3",
    ),
    (
        "page=3&count=2&start_tid=1&status=*",
        "page_needs_wildcard",
        "3",
    ),
];

/// The first of several errors counts: request, code, variable.
const FIRST: &[(&str, &str, &str)] = &[
    ("count=x&statuss=1", "invalid_value", "count"),
    ("statuss=&count=x", "unknown_variable", "statuss"),
    ("page=1&count=x", "invalid_value", "count"),
    ("page=1&nothing=", "unknown_variable", "nothing"),
    ("page=1&tid=7&tid=8", "duplicate_variable", "tid"),
    ("tid=1&tid=x&order=,", "duplicate_variable", "tid"),
    (
        "changed_since=1&changed_since=&CHANGED_SINCE=x",
        "duplicate_variable",
        "changed_since",
    ),
    (
        "changed_since!=1&tid=x",
        "unknown_variable",
        "changed_since!=",
    ),
    (
        "changed_since>=1&tid=x",
        "unknown_variable",
        "changed_since>=",
    ),
    ("order=,&tid=1&tid=2", "invalid_value", "order"),
    ("count=0&page=0", "invalid_value", "count"),
    ("page=0&count=0", "invalid_value", "page"),
    ("format=html&action=x", "invalid_value", "format"),
    ("action=x&format=html", "invalid_value", "action"),
    (
        "order_direction=x&order=x",
        "invalid_value",
        "order_direction",
    ),
];

#[test]
fn there_are_at_least_two_hundred() {
    let count = INVALID.len() + UNKNOWN.len() + DUPLICATE.len() + JOINED.len() + FIRST.len();
    assert!(count >= 200, "only {count}");
}

#[test]
fn values_are_refused() {
    for &(request, variable, value, expected) in INVALID {
        let error = refuse(request);
        assert_invalid(&error, variable, value, expected);
    }
}

#[test]
fn names_are_refused() {
    for &(request, name, value) in UNKNOWN {
        let request = if request.starts_with('?') {
            format!("?{request}")
        } else {
            request.into()
        };
        let error = refuse(&request);
        assert_unknown(&error, name, value);
    }
}

#[test]
fn repeats_are_refused() {
    for &(request, variable, value) in DUPLICATE {
        let error = refuse(request);
        let again = match value {
            "" => String::new(), // a key is not repeated
            value => format!(" as \"{}\"", shown(value)),
        };
        let message = format!("{variable} is given again{again} but may stand once");
        assert_eq!(
            (error.code(), error.to_string()),
            ("duplicate_variable", message),
            "{request}"
        );
    }
}

#[test]
fn pages_need_their_company() {
    for &(request, code, page) in JOINED {
        let error = refuse(request);
        let message = match code {
            "page_needs_count" => format!("page is \"{page}\" but needs count, the tickets a page"),
            _ => format!("page is \"{page}\" but needs a tid that holds *, like tid=*"),
        };
        assert_eq!(
            (error.code(), error.to_string()),
            (code, message),
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
fn a_long_value_is_cut_at_100_characters_before_it_is_escaped() {
    let long = "é\0".repeat(5000);
    let encoded: String = form_urlencoded::byte_serialize(long.as_bytes()).collect();
    let cut = "é\\u{0}".repeat(50);
    for (request, start) in [
        (
            format!("count={encoded}"),
            format!("count is \"{cut}\" but"),
        ),
        (
            format!("{encoded}={encoded}"),
            format!("unknown variable \"{cut}\" with value \"{cut}\";"),
        ),
        (
            format!("action=get_tickets&action={encoded}"),
            format!("action is given again as \"{cut}\" but"),
        ),
    ] {
        let error = refuse(&request);
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(error.to_string().len() < 1500);
    }
    let error = refuse(&format!("page={}1", "0".repeat(200)));
    assert!(
        error
            .to_string()
            .starts_with(&format!("page is \"{}\" but", "0".repeat(100)))
    );
}
