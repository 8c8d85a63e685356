//! The limits of the HTTP adapter: what is too long, too slow, too much or too many is refused with
//! an error document, and keeps nothing else from being answered.

mod common;

use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use common::http::{ask, build, get, numbered, open, post, run, send};
use http_body_util::BodyExt;
use ticketdex::http::{Api, Key};

#[test]
fn long_requests_are_refused_at_the_byte() {
    const BYTES: usize = 100;
    let builder = Api::builder(numbered(1).reader()).without_keys();
    let api = build(builder.request_bytes_max(BYTES));
    let of = |bytes: usize| format!("keyword={}", "x".repeat(bytes - 8));
    for (bytes, status, code) in [(BYTES, 200, ""), (BYTES + 1, 414, "request_too_long")] {
        let reply = ask(&api, &of(bytes), &[]);
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code));
    }
    for (bytes, status, code) in [(BYTES, 200, ""), (BYTES + 1, 413, "request_too_long")] {
        let reply = run(send(&api, post("", of(bytes))));
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code));
        // Without a length that tells it before.
        let chunks = Body::new(http_body_util::Full::from(of(bytes)).map_err(axum::Error::new));
        let reply = run(send(&api, post("", chunks)));
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code));
        // Query and body count together.
        let (query, form) = ("cid=a".to_owned(), of(bytes - 5));
        let reply = run(send(&api, post(&query, form)));
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code));
    }
    // The limit is 64 KiB unless set.
    for (bytes, status) in [(65_000, 200), (64 << 10, 200), ((64 << 10) + 1, 413)] {
        assert_eq!(
            run(send(&open(1), post("", of(bytes)))).status,
            status,
            "{bytes}"
        );
    }
}

#[test]
fn answers_of_too_many_records_are_refused() {
    let api = build(
        Api::builder(numbered(30).reader())
            .without_keys()
            .records_max(10),
    );
    for (query, status) in [
        ("", 400),
        ("count=11", 400),
        ("count=10", 200),
        ("tid=*&count=10&page=3", 200),
        ("count_only=Y", 200),
        ("start_tid=21", 200),
        ("start_tid=20", 400),
        ("tid=*&count=20&page=3", 200),
        ("action=count_tickets", 200),
        (
            "action=count_tickets&by=cid,phone,uid,custom_fields.Room",
            200,
        ),
        // Each of eleven keys has one group, of tickets without a value.
        (
            "action=count_tickets&by=cid,phone,uid,group,source,status,locked,merged,email,contact,category",
            400,
        ),
    ] {
        let reply = ask(&api, query, &[]);
        let code = if status == 400 {
            "too_many_records"
        } else {
            ""
        };
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (status, code),
            "{query}"
        );
    }
}

/// A runtime whose one thread for blocking work is busy until something is sent.
fn with_busy_pool<T>(test: impl AsyncFnOnce(mpsc::Sender<()>) -> T) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (free, busy) = mpsc::channel();
    runtime.block_on(async {
        tokio::task::spawn_blocking(move || busy.recv());
        test(free).await
    })
}

#[test]
fn requests_past_the_limit_are_told_to_come_again() {
    let key = |name: &str| Key::new(name, name);
    let builder = Api::builder(numbered(9).reader())
        .key(key("a").requests_max(1))
        .key(key("b"));
    let api = build(builder.requests_max(2));
    with_busy_pool(async |free| {
        let slow = |key: &str| {
            let api = api.clone();
            let query = format!("key={key}&keyword=printer");
            tokio::spawn(async move { send(&api, get(&query, &[])).await })
        };
        let first = slow("a");
        tokio::task::yield_now().await;
        let refused = send(&api, get("key=a&keyword=fire", &[])).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (429, "too_many_requests")
        );
        assert_eq!(refused.header("retry-after"), "1");
        let second = slow("b");
        tokio::task::yield_now().await;
        let refused = send(&api, get("key=b&keyword=fire", &[])).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (503, "overloaded")
        );
        assert_eq!(refused.header("retry-after"), "1");
        free.send(()).unwrap();
        for slow in [first, second] {
            assert_eq!(slow.await.unwrap().status, 200);
        }
        // Their places are free again.
        assert_eq!(slow("a").await.unwrap().status, 200);
    });
}

#[test]
fn what_is_long_holds_up_nothing_that_is_short() {
    let api = open(9);
    with_busy_pool(async |free| {
        for query in ["keyword=printer", "order=subject&count=1", "tid=1*"] {
            let asked = api.clone();
            let slow = tokio::spawn(async move { send(&asked, get(query, &[])).await });
            tokio::task::yield_now().await;
            for query in ["tid=7", "count_only=Y", "start_tid=3&count=2", "tid=x"] {
                assert!(send(&api, get(query, &[])).await.status != 503);
            }
            assert!(!slow.is_finished(), "{query}");
        }
        free.send(()).unwrap();
    });
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let builder = Api::builder(numbered(9).reader()).without_keys();
    let api = build(
        builder
            .first_byte_within(Duration::from_millis(20))
            .requests_max(1),
    );
    with_busy_pool(async |free| {
        let reply = send(&api, get("keyword=printer&format=json", &[])).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (503, "timeout"));
        assert_eq!(reply.header("retry-after"), "5");
        // It is still searched for, so it still counts.
        let reply = send(&api, get("keyword=printer", &[])).await;
        assert_eq!(reply.code(), "overloaded");
        free.send(()).unwrap();
        while send(&api, get("keyword=printer", &[])).await.status != 200 {
            tokio::task::yield_now().await;
        }
    });
}

/// A body that never ends and never has anything.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, axum::Error>>> {
        Poll::Pending
    }
}

#[test]
fn a_form_that_does_not_come_is_given_up() {
    let builder = Api::builder(numbered(9).reader()).without_keys();
    let api = build(builder.first_byte_within(Duration::from_millis(20)));
    let reply = run(send(&api, post("", Body::new(Stalled))));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (408, "request_timeout")
    );
}
