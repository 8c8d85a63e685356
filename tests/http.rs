//! `get_tickets` over HTTP, without a socket: every answer is the library's, and everything that is
//! no answer is an error document with its status.

mod common;

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get as route_get;
use common::http::{Reply, ask, build, example, get, make, numbered, open, post, run, send};
use flate2::read::MultiGzDecoder;
use form_urlencoded::byte_serialize;
use futures_core::Stream;
use http::{HeaderName, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use ticketdex::http::{Api, ChunkStream, Key, Served, SetupError};
use ticketdex::{Action, Format, Import, ImportFormat, Query, Snapshot, Store, Ticket};

const MEDIA_TYPES: [(Format, &str); 4] = [
    (Format::Xml, "application/xml"),
    (Format::Json, "application/json"),
    (Format::Delimited, "text/plain"),
    (Format::Csv, "text/csv"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared_cases")
}

/// Returns the status, the total and the body that the library has for a request.
fn expected(snapshot: &Snapshot, text: &str, default: Format) -> (u16, String, Vec<u8>) {
    match text.parse::<ticketdex::Request>() {
        Ok(request) => {
            let mut body = Vec::new();
            let format = request.format.unwrap_or(default);
            let total = match &request.action {
                Action::GetTickets(query) => {
                    let answer = snapshot.answer(query);
                    answer.write_to(format, &mut body).unwrap();
                    answer.total()
                }
                Action::CountTickets(query) => {
                    let counts = snapshot.count_by(query);
                    counts.write_to(format, &mut body).unwrap();
                    counts.total()
                }
            };
            (200, total.to_string(), body)
        }
        Err(error) => {
            let format = ticketdex::Request::find_format(text).unwrap_or(default);
            (error.status(), String::new(), error.to_response(format))
        }
    }
}

/// Escapes what a URI cannot hold, as clients do.
fn as_uri(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'!' | b'$'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[test]
fn every_shared_case_is_answered_as_by_the_library_in_every_format() {
    let tickets = fs::read(folder().join("tickets.jsonl")).unwrap();
    let mut store = Store::default();
    let import = Import::new(ImportFormat::JsonLines, tickets.as_slice());
    store.load(import).unwrap();
    let snapshot = store.snapshot();
    let key = Key::new("cases", "your key here");
    let api = build(Api::builder(store.reader()).key(key));
    let cases = fs::read_to_string(folder().join("cases.jsonl")).unwrap();
    let (mut count, mut errors) = (0, 0);
    run(async {
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let mut text = case["request"].as_str().unwrap().to_owned();
            if ticketdex::Request::find_key(&text).is_none() {
                text += "&key=your+key+here";
            }
            for (format, media_type) in MEDIA_TYPES {
                let (status, total, body) = expected(&snapshot, &text, format);
                assert_eq!(status != 200, case["error"] == true, "{text}");
                let accept = [("accept", media_type)];
                let mut form = post("", text.clone());
                form.headers_mut()
                    .insert("accept", media_type.parse().unwrap());
                for request in [get(&as_uri(&text), &accept), form] {
                    let reply = send(&api, request).await;
                    assert_eq!(reply.status, status, "{text}");
                    assert_eq!(reply.header("x-total-count"), total, "{text}");
                    assert_eq!(reply.body, body, "{text}");
                }
                let format = ticketdex::Request::find_format(&text).unwrap_or(format);
                let reply = send(&api, get(&as_uri(&text), &accept)).await;
                assert_eq!(reply.header("content-type"), format.media_type(), "{text}");
                count += 1;
                errors += u32::from(status != 200);
            }
        }
    });
    assert!(
        count >= 900 && errors >= 60,
        "{count} answers, {errors} errors"
    );
}

#[test]
fn the_page_is_answered_as_printed() {
    let page = fs::read(folder().join("page_example.xml")).unwrap();
    let api = build(Api::builder(example().reader()).key(Key::new("page", "your key here")));
    for key in ["your%20key%20here", "your+key+here", "%79our%20key+here"] {
        let reply = ask(&api, &format!("key={key}&action=get_tickets&tid=*"), &[]);
        assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, &page[..]));
        assert_eq!(
            reply.header("content-type"),
            "application/xml; charset=utf-8"
        );
        assert_eq!(reply.header("content-length"), page.len().to_string());
        assert_eq!(reply.header("x-total-count"), "1");
        assert_eq!(reply.header("x-snapshot-version"), "1");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let api = open(100);
    for (query, length) in [
        ("count=3", true),
        ("", false),
        ("count=x", true),
        ("action=count_tickets&by=status,custom_fields.a", true),
    ] {
        let got = ask(&api, query, &[]);
        let head = run(send(&api, make(Method::HEAD, query, &[], Body::empty())));
        assert_eq!(
            (head.status, &head.headers),
            (got.status, &got.headers),
            "{query}"
        );
        assert_eq!(head.body.len(), 0);
        let expected = if length {
            got.body.len().to_string()
        } else {
            String::new()
        };
        assert_eq!(head.header("content-length"), expected, "{query}");
    }
}

#[test]
fn a_form_continues_the_query() {
    let api = build(Api::builder(numbered(30).reader()).key(Key::new("a", "b")));
    let cases = [
        ("", "key=b&count_only=Y", 200, "count=30\n"),
        ("key=b", "count_only=Y", 200, "count=30\n"),
        (
            "key=b&tid=1*&count_only=Y",
            "start_tid=15",
            200,
            "count=5\n",
        ),
        ("key=b&count_only=Y", "", 200, "count=30\n"),
        (
            "key=b&by=locked",
            "action=count_tickets&start_tid=21",
            200,
            "count=10\nfield=locked&distinct=",
        ),
        (
            "key=b&action=count_tickets",
            "by=tid",
            400,
            "error=invalid_value&message=by+is+",
        ),
        ("key=b", "by=cid", 400, "error=unknown_variable&"),
        ("key=b&tid=7", "tid=8", 400, "error=duplicate_variable&"),
        ("key=b", "key=b", 400, "error=duplicate_variable&"),
        ("key=x", "key=b", 401, "error=unknown_key&"),
        ("", "", 401, "error=missing_key&"),
        (
            "key=b&count_only=Y",
            "?tid=7",
            400,
            "error=unknown_variable&",
        ),
    ];
    for (query, form, status, start) in cases {
        let query = format!("{query}&format=delimited");
        let reply = run(send(&api, post(&query, form)));
        assert_eq!(reply.status, status, "{query} {form}: {}", reply.text());
        assert!(
            reply.text().starts_with(start),
            "{query} {form}: {}",
            reply.text()
        );
    }
    let bytes = run(send(&api, post("key=b", &b"cid=\xFF"[..])));
    assert_eq!(
        (bytes.status.as_u16(), bytes.code()),
        (400, "invalid_encoding")
    );
}

#[test]
fn what_a_post_may_be() {
    /// Headers, a body, and the status.
    type Case = (&'static [(&'static str, &'static str)], &'static str, u16);
    const FORM: &str = "application/x-www-form-urlencoded";
    let api = open(3);
    let cases: [Case; 8] = [
        (&[("content-type", FORM)], "tid=1", 200),
        (
            &[(
                "content-type",
                "Application/X-WWW-Form-URLEncoded; charset=UTF-8",
            )],
            "tid=1",
            200,
        ),
        (
            &[("content-type", FORM), ("content-encoding", "identity")],
            "tid=1",
            200,
        ),
        (&[], "", 200),
        (&[], "tid=1", 415),
        (
            &[("content-type", "multipart/form-data; boundary=x")],
            "tid=1",
            415,
        ),
        (&[("content-type", "application/json")], "{}", 415),
        (
            &[("content-type", FORM), ("content-encoding", "gzip")],
            "tid=1",
            415,
        ),
    ];
    for (headers, body, status) in cases {
        let request = make(Method::POST, "", headers, body.to_owned().into());
        let reply = run(send(&api, request));
        assert_eq!(reply.status, status, "{headers:?}");
        let code = if status == 200 {
            ""
        } else {
            "unsupported_media_type"
        };
        assert_eq!(reply.code(), code, "{headers:?}");
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "QUERY"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = run(send(
            &open(1),
            make(method, "format=json", &[], Body::empty()),
        ));
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (405, "method_not_allowed")
        );
        assert_eq!(reply.header("allow"), "GET, HEAD, POST");
        assert_eq!(
            reply.header("content-type"),
            "application/json; charset=utf-8"
        );
    }
}

#[test]
fn the_format_is_the_requests_then_that_of_accept() {
    let api = open(1);
    let cases = [
        ("tid=1", "application/json", Format::Json),
        ("tid=1&format=xml", "application/json", Format::Xml),
        ("tid=1&format=", "application/json", Format::Json),
        (
            "tid=1",
            "text/html, application/xml;q=0.9, */*;q=0.8",
            Format::Xml,
        ),
        ("tid=x", "text/plain", Format::Delimited),
        ("tid=x&format=JSON", "text/plain", Format::Json),
        ("tid=1&format=yaml", "text/plain", Format::Delimited),
        ("tid=1", "image/png", Format::Xml),
    ];
    for (query, accept, format) in cases {
        let reply = ask(&api, query, &[("accept", accept)]);
        assert_eq!(
            reply.header("content-type"),
            format.media_type(),
            "{query} {accept}"
        );
        let (status, _, body) = expected(&numbered(1).snapshot(), query, format);
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (status, &body[..])
        );
    }
}

/// Returns a body without its coding.
fn decode(reply: &Reply) -> Vec<u8> {
    let mut body = Vec::new();
    match reply.header("content-encoding") {
        "gzip" => drop(
            MultiGzDecoder::new(&reply.body[..])
                .read_to_end(&mut body)
                .unwrap(),
        ),
        "zstd" => {
            let mut rest = &reply.body[..];
            // One frame after the other, which is what a reader of HTTP sees as one body.
            while !rest.is_empty() {
                let mut frame = ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap();
                frame.read_to_end(&mut body).unwrap();
            }
        }
        other => assert_eq!(other, ""),
    }
    body
}

#[test]
fn bodies_are_compressed_where_the_client_asks() {
    let api = open(1000);
    for query in [
        "",
        "count=1",
        "count=30",
        "keyword=printer&order=subject+DESC",
    ] {
        let plain = ask(&api, query, &[]).body;
        for (accepted, coding) in [("gzip", "gzip"), ("zstd, gzip", "zstd")] {
            let reply = ask(&api, query, &[("accept-encoding", accepted)]);
            assert_eq!(reply.header("content-encoding"), coding);
            assert!(reply.body.len() < plain.len() * 2 / 3, "{query} {coding}");
            assert_eq!(decode(&reply), plain, "{query} {coding}");
            let head = make(
                Method::HEAD,
                query,
                &[("accept-encoding", accepted)],
                Body::empty(),
            );
            assert_eq!(run(send(&api, head)).headers, reply.headers);
        }
    }
    for query in ["count_only=Y", "count=x", "tid=0"] {
        let reply = ask(&api, query, &[("accept-encoding", "gzip, zstd")]);
        assert_eq!(reply.header("content-encoding"), "", "{query}");
    }
}

#[test]
fn a_service_without_keys_must_be_asked_for() {
    let reader = numbered(1).reader();
    let refused = Api::builder(reader.clone()).build();
    assert_eq!(refused.unwrap_err(), SetupError::NoKey);
    let refused = Api::builder(reader.clone())
        .without_keys()
        .key(Key::new("a", ""))
        .build();
    let name = "a".to_owned();
    assert_eq!(refused.unwrap_err(), SetupError::EmptyKey { name });
    for path in [
        "", "API", "/{id}", "/a/*rest", "/:id", "/a?b", "/a#b", "/a b", "/a\tb", "/ä", "/a<b",
        "/a%2", "/a%zz", "/.", "/a/../b", "/a/%2E.",
    ] {
        let path = path.to_owned();
        let refused = Api::builder(reader.clone())
            .without_keys()
            .path(&path)
            .build();
        assert_eq!(refused.unwrap_err(), SetupError::InvalidPath { path });
    }
}

#[test]
fn a_key_is_bound_to_its_networks() {
    let key = || Key::new("near", "k").network("10.0.0.0/8").unwrap();
    let direct = build(Api::builder(numbered(1).reader()).key(key()));
    let name = HeaderName::from_static("x-forwarded-for");
    let proxied = build(
        Api::builder(numbered(1).reader())
            .key(key())
            .address_header(name),
    );
    let from = |address: &str, forwarded: &[&str]| {
        let mut request = get("key=k", &[]);
        for value in forwarded {
            request
                .headers_mut()
                .append("x-forwarded-for", value.parse().unwrap());
        }
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        request
    };
    let cases: [(&str, &[&str], u16, u16); 7] = [
        ("10.1.2.3:1", &[], 200, 403),
        ("[::ffff:10.1.2.3]:1", &[], 200, 403),
        ("192.0.2.1:1", &["10.1.2.3"], 403, 200),
        ("10.1.2.3:1", &["192.0.2.1"], 200, 403),
        // What the proxy appends is the last; the rest is what the client said.
        ("192.0.2.1:1", &["192.0.2.9, 10.1.2.3"], 403, 200),
        ("192.0.2.1:1", &["10.1.2.3", "192.0.2.9"], 403, 403),
        ("192.0.2.1:1", &["10.1.2.3, unknown"], 403, 403),
    ];
    for (address, forwarded, directly, by_proxy) in cases {
        for (api, status) in [(&direct, directly), (&proxied, by_proxy)] {
            let reply = run(send(api, from(address, forwarded)));
            assert_eq!(reply.status, status, "{address} {forwarded:?}");
            let code = if status == 200 {
                ""
            } else {
                "address_not_allowed"
            };
            assert_eq!(reply.code(), code);
        }
    }
    // Where no address is known, it is in no network.
    assert_eq!(ask(&direct, "key=k", &[]).code(), "address_not_allowed");
}

#[test]
fn a_router_has_the_path_and_leaves_the_others() {
    let store = example();
    let api = build(Api::builder(store.reader()).without_keys());
    let app: Router = Router::new()
        .route("/", route_get(|| async { "hello" }))
        .merge(api.router())
        .fallback_service(api.not_found());
    let ask = |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        run(send(&app, request))
    };
    assert_eq!(ask("/").text(), "hello");
    assert_eq!(
        ask("/API/default.aspx?tid=34&count_only=Y&format=delimited").text(),
        "count=1\n"
    );
    for path in [
        "/api/default.aspx",
        "/API/default.aspx/",
        "/API",
        "/API/default.aspx%20",
        "//",
    ] {
        let reply = ask(&format!("{path}?format=json&key=x"));
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (404, "not_found"),
            "{path}"
        );
        assert_eq!(
            reply.header("content-type"),
            "application/json; charset=utf-8"
        );
    }
    let path = "/-._~!$&'()+,;=@%20/.../tickets";
    let api = build(Api::builder(store.reader()).without_keys().path(path));
    let app: Router = api.router();
    let request = Request::builder()
        .uri(format!("{path}?count_only=Y"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(run(send(&app, request)).header("x-total-count"), "1");
}

#[test]
fn a_snapshot_is_asked_as_of_the_request() {
    let mut store = numbered(3);
    let api = build(Api::builder(store.reader()).without_keys());
    let first = run(async { common::http::start(&api, get("", &[])).await });
    let ticket = Ticket {
        tid: 4,
        ..Ticket::default()
    };
    store.commit([ticket].into_iter().collect()).unwrap();
    let second = ask(&api, "", &[]);
    assert_eq!(
        (
            second.header("x-total-count"),
            second.header("x-snapshot-version")
        ),
        ("4", "2")
    );
    let body = run(first.into_body().collect()).unwrap().to_bytes();
    assert_eq!(body, ask_body(&numbered(3)));
}

fn ask_body(store: &Store) -> Vec<u8> {
    expected(&store.snapshot(), "", Format::Xml).2
}

#[test]
fn chunks_are_made_as_they_are_taken() {
    let store = numbered(2000);
    let answer = store.snapshot().answer(&Query::default());
    let body = ask_body(&store);
    let mut stream = ChunkStream::new(answer.clone().into_chunks(Format::Xml));
    run(async {
        let mut taken = Vec::new();
        loop {
            // What was written when a chunk is taken is that chunk and no more.
            let next = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
            let Some(chunk) = next else { break };
            taken.extend_from_slice(&chunk.unwrap());
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(answer.explain().work.bytes_written, taken.len() as u64);
        }
        assert_eq!(taken, body);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(
            Pin::new(&mut stream).poll_next(&mut cx),
            Poll::Ready(None)
        ));
    });
    let stream = ChunkStream::new(answer.into_chunks(Format::Xml));
    assert_eq!(run(stream.collect()).unwrap().to_bytes(), body);
}

#[test]
fn a_log_hears_what_became_of_each_request() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = {
        let heard = Arc::clone(&heard);
        move |served: &Served| heard.lock().unwrap().push(served.clone())
    };
    let builder = Api::builder(numbered(2000).reader()).key(Key::new("desk", "secret"));
    let api = build(builder.on_answer(log));
    let last = || heard.lock().unwrap().pop().expect("an entry");

    let reply = ask(&api, "key=secret&TID=*&count=2&page=3&format=json", &[]);
    let served = last();
    assert_eq!(
        (served.method, served.path.as_str()),
        (Method::GET, "/API/default.aspx")
    );
    assert_eq!((served.status.as_u16(), served.code), (200, None));
    assert_eq!(served.key.as_deref(), Some("desk"));
    assert_eq!(served.request.as_deref(), Some("tid=*&count=2&page=3"));
    assert_eq!((served.total, served.is_whole), (Some(2000), true));
    assert_eq!(served.bytes, reply.body.len() as u64);
    assert!(served.first_byte <= served.time);

    ask(&api, "key=secret&statuss=a+b%0a&format=json", &[]);
    let served = last();
    assert_eq!(
        (served.status.as_u16(), served.code),
        (400, Some("unknown_variable"))
    );
    assert_eq!(
        served.request.as_deref(),
        Some("statuss=a+b%0A&format=json")
    );

    ask(&api, "key=wrong&status=Open", &[]);
    let served = last();
    assert_eq!(
        (served.status.as_u16(), served.code),
        (401, Some("unknown_key"))
    );
    assert_eq!(
        (served.request, served.key, served.total),
        (None, None, None)
    );

    // A long body that its client gives up.
    let response = run(common::http::start(&api, get("key=secret", &[])));
    assert_eq!(heard.lock().unwrap().len(), 0);
    drop(response);
    let served = last();
    assert_eq!(
        (served.status.as_u16(), served.bytes, served.is_whole),
        (200, 0, false)
    );
    let encoded: String = byte_serialize("ä".repeat(2000).as_bytes()).collect();
    ask(&api, &format!("key=secret&keyword={encoded}"), &[]);
    assert_eq!(last().request.unwrap().chars().count(), 1000);
}
