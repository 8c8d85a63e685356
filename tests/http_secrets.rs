//! Who asks without a key gets nothing, and no key is in anything that goes out: not in a response,
//! a log entry, a `Debug` or an error, whatever the request looks like.

mod common;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use common::http::{Reply, build, example, get, make, post, run, send};
use http::{Method, Request};
use ticketdex::http::{Api, Key, Served};

/// The one key that is known; no request and no ticket holds a part of it by chance.
const KEY: &str = "s3cr3t Schlüssel/+&=";
/// The same, as a value of a request.
const ESCAPED: &str = "s3cr3t+Schl%C3%BCssel%2F%2B%26%3D";
/// What stands in every spelling of the key and nowhere else.
const TRACE: &str = "s3cr3t";

fn api(heard: &Arc<Mutex<Vec<Served>>>) -> Api {
    let heard = Arc::clone(heard);
    let builder = Api::builder(example().reader()).key(Key::new("desk", KEY));
    build(builder.on_answer(move |served| heard.lock().unwrap().push(served.clone())))
}

fn silent() -> Api {
    api(&Arc::default())
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn only_the_key_opens() {
    let long = "x".repeat(60_000);
    let known_and_more = format!("{ESCAPED}x");
    let cases: &[(&str, u16, &str)] = &[
        ("", 401, "missing_key"),
        ("key", 401, "missing_key"),
        ("key=", 401, "missing_key"),
        ("key=&key=", 401, "missing_key"),
        ("key=%00", 401, "unknown_key"),
        ("key=wrong", 401, "unknown_key"),
        ("key=S3CR3T+Schl%C3%BCssel%2F%2B%26%3D", 401, "unknown_key"),
        ("key=+s3cr3t+Schl%C3%BCssel%2F%2B%26%3D", 401, "unknown_key"),
        ("key=s3cr3t+Schl%C3%BCssel%2F%2B%26%3D+", 401, "unknown_key"),
        (
            "key=s3cr3t+Schl%C3%BCssel%2F%2B%26%3D%00",
            401,
            "unknown_key",
        ),
        ("key=s3cr3t+Schlu%CC%88ssel%2F%2B%26%3D", 401, "unknown_key"),
        ("key=s3cr3t+Schl%FCssel%2F%2B%26%3D", 401, "unknown_key"),
        ("key=s3cr3t", 401, "unknown_key"),
        ("key=*", 401, "unknown_key"),
        ("key=%", 401, "unknown_key"),
    ];
    let api = silent();
    let ask = |query: &str| run(send(&api, get(query, &[])));
    for &(query, status, code) in cases {
        let reply = ask(query);
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (status, code),
            "{query}"
        );
        assert_eq!(
            reply.header("www-authenticate"),
            "Key realm=\"get_tickets\""
        );
        assert_eq!(reply.header("x-total-count"), "", "{query}");
    }
    for key in [&long, &known_and_more] {
        assert_eq!(ask(&format!("key={key}")).code(), "unknown_key");
    }
    let open = [
        format!("key={ESCAPED}"),
        format!("KEY={ESCAPED}&tid=34"),
        format!("%6B%65%79={ESCAPED}"),
        format!("key=&tid=34&Key={ESCAPED}&"),
        format!("?key={ESCAPED}"),
        "key=%73%33%63%72%33%74%20%53%63%68%6c%c3%bc%73%73%65%6c%2f%2b%26%3d".to_owned(),
    ];
    for query in open {
        assert_eq!(ask(&query).status, 200, "{query}");
    }
}

#[test]
fn nothing_smuggles_a_second_variable_or_key() {
    let cases = [
        // Of several keys the first is compared, and none of them is answered.
        ("key=wrong&key=KEY", 401, "unknown_key"),
        ("key=KEY&key=wrong", 400, "duplicate_variable"),
        ("key=KEY&key=KEY", 400, "duplicate_variable"),
        ("key=KEY&%6bey=KEY", 400, "duplicate_variable"),
        ("Key=KEY&kEy=wrong", 400, "duplicate_variable"),
        // A key inside of another name or value is none.
        ("key%3DKEY", 401, "missing_key"),
        ("tid=34%26key%3DKEY", 401, "missing_key"),
        ("tid=34;key=KEY", 401, "missing_key"),
        ("tid=34%00&monkey=KEY", 401, "missing_key"),
        ("key[]=KEY", 401, "missing_key"),
        ("+key=KEY", 401, "missing_key"),
        ("key+=KEY", 401, "missing_key"),
        ("%EF%BB%BFkey=KEY", 401, "missing_key"),
        ("%EF%BD%8Bey=KEY", 401, "missing_key"),
        ("%C1%ABey=KEY", 401, "missing_key"),
        ("%256Bey=KEY", 401, "missing_key"),
        // What follows the key belongs to it until an & that is one.
        ("key=KEY;tid=34", 401, "unknown_key"),
        ("key=KEY%26tid%3D34", 401, "unknown_key"),
        ("key=KEY%0D%0Atid:34", 401, "unknown_key"),
        ("key=KEY?tid=34", 401, "unknown_key"),
        // A variable is what it is decoded to, once.
        ("key=KEY&t%69d=34&tid=34", 400, "duplicate_variable"),
        ("key=KEY&tid%3D34", 400, "unknown_variable"),
        ("key=KEY&%2574id=34", 400, "unknown_variable"),
        ("key=KEY&tid=34%26cid=x", 400, "invalid_value"),
        ("key=KEY&action=get_tickets%00", 400, "invalid_value"),
        ("key=KEY&action=delete_tickets", 400, "invalid_value"),
    ];
    let api = silent();
    for (query, status, code) in cases {
        let query = query.replace("KEY", ESCAPED);
        let form = run(send(&api, post("", query.clone())));
        for reply in [run(send(&api, get(&query, &[]))), form] {
            let got = (reply.status.as_u16(), reply.code());
            assert_eq!(got, (status, code), "{query}");
        }
    }
}

#[test]
fn a_key_elsewhere_than_in_the_request_is_none() {
    let api = silent();
    let value = "s3cr3t";
    for name in [
        "key",
        "x-key",
        "x-api-key",
        "authorization",
        "cookie",
        "referer",
    ] {
        let reply = run(send(&api, get("tid=34", &[(name, value)])));
        assert_eq!(reply.code(), "missing_key", "{name}");
    }
}

/// Every way that was thought of in which a request holds the key, a part of it, or another.
fn requests() -> Vec<Request<Body>> {
    let queries = [
        "key=KEY&tid=34",
        "key=KEY&statuss=Open",
        "key=KEY&kye=KEY",
        "key=KEY&KEY=Open",
        "key=KEY&count=KEY",
        "key=KEY&tid=1KEY",
        "key=KEY&order=KEY",
        "key=KEY&cid=KEY",
        "key=KEY&keyword=before+KEY+after",
        "key=KEY&format=KEY",
        "key=KEY&action=KEY",
        "key=KEY&key=KEY",
        "key=KEY&key=KEYx",
        "key=KEY&count=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
         xxxxxxxxxxxxxxxxKEY",
        "key=KEY%00&tid=34",
        "key=KEY;tid=34",
        "Key%3DKEY",
        "kye=KEY",
        "tid=KEY",
        "key=wrong&tid=KEY",
    ];
    let mut all = Vec::new();
    for query in queries {
        for format in ["", "&format=json", "&format=delimited"] {
            let query = query.replace("KEY", ESCAPED) + format;
            all.push(get(&query, &[]));
            all.push(get(
                &query,
                &[("accept-encoding", "gzip"), ("accept", TRACE)],
            ));
            all.push(post("", query.clone()));
            all.push(post(&query, format!("key={ESCAPED}")));
            all.push(make(
                Method::HEAD,
                &query,
                &[("referer", TRACE)],
                Body::empty(),
            ));
            all.push(make(Method::PUT, &query, &[], Body::empty()));
        }
    }
    let paths = [
        "/API/default.aspx&key=s3cr3t",
        "/API/default.aspx%3Fkey=s3cr3t",
        "/key=s3cr3t",
        "/nothing?key=s3cr3t&format=json",
        "/a;key=s3cr3t",
        "//s3cr3t",
        "/s3cr3t/tickets",
    ];
    for path in paths {
        all.push(Request::builder().uri(path).body(Body::empty()).unwrap());
    }
    all
}

#[test]
fn no_key_goes_out_in_anything() {
    let heard = Arc::default();
    let builder = Api::builder(example().reader()).key(Key::new("desk", KEY));
    let key = Key::new("path", TRACE).network("::1").unwrap();
    assert!(!shown(&key).contains(TRACE) && !shown(&builder).contains(TRACE));
    let log = {
        let heard: Arc<Mutex<Vec<Served>>> = Arc::clone(&heard);
        move |served: &Served| heard.lock().unwrap().push(served.clone())
    };
    let api = build(builder.key(key).on_answer(log));
    assert!(!shown(&api).contains(TRACE));
    let app: Router = api.router().fallback_service(api.not_found());
    let (mut ok, mut refused) = (0, 0);
    for request in requests() {
        let asked = format!("{} {}", request.method(), request.uri());
        let reply: Reply = run(send(&app, request));
        let is_ok = reply.status.is_success();
        ok += u32::from(is_ok);
        refused += u32::from(!is_ok);
        let entries = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(entries.len(), 1, "{asked}");
        let out = [
            shown(&reply.headers),
            String::from_utf8_lossy(&reply.body).into_owned(),
            shown(&entries[0]),
        ];
        for out in out {
            assert!(!out.contains(TRACE), "{asked}: {out}");
        }
    }
    assert!(ok > 30 && refused > 100, "{ok} answered, {refused} refused");
}

#[test]
fn the_library_shows_no_key_either() {
    for text in [
        "key=s3cr3t&status=Open",
        "KEY=s3cr3t",
        "format=json&k%65y=s3cr3t",
    ] {
        let request: ticketdex::Request = text.parse().unwrap();
        assert_eq!(request.key.as_deref(), Some(TRACE));
        assert!(!shown(&request).contains(TRACE), "{}", shown(&request));
        let printed = request.to_string();
        assert!(!printed.contains(TRACE), "{printed}");
        let key = None;
        let again: ticketdex::Request = printed.parse().unwrap();
        assert_eq!(again, ticketdex::Request { key, ..request });
    }
    let error = "key=a&key=s3cr3t"
        .parse::<ticketdex::Request>()
        .unwrap_err();
    assert_eq!(error.to_string(), "key is given again but may stand once");
    assert!(!shown(&error).contains(TRACE) && !shown(error.kind()).contains(TRACE));
}
