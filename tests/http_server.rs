//! The server on a socket of this machine: clients that are slow, idle, broken or many.

mod common;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use common::http::{build, example};
use ticketdex::http::{Api, Server};
use ticketdex::{Store, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longer than anything here takes, on a machine that is busy.
const LONG: Duration = Duration::from_mins(1);

/// Serves a store while a test runs, then tells the server to end and waits until it has.
fn with_server<T, F>(server: Server, store: &Store, test: impl FnOnce(SocketAddr) -> F) -> T
where
    F: Future<Output = T>,
{
    let api = build(Api::builder(store.reader()).without_keys());
    common::http::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = api.router().fallback_service(api.not_found());
        let serving = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            server.serve(listener, router, shutdown).await;
        });
        let outcome = timeout(LONG, test(address)).await.expect("the test ends");
        drop(stop);
        timeout(LONG, serving)
            .await
            .expect("the server ends")
            .unwrap();
        outcome
    })
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes and returns all that comes back until the connection ends, however it does.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // A server that has answered already may have closed its end.
    let _ = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

fn head(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

fn large() -> Store {
    let tickets = (1..=20_000).map(|tid| Ticket {
        tid,
        summary: "It is on fire. ".repeat(20),
        ..Ticket::default()
    });
    Store::from_tickets(tickets).unwrap()
}

const PATH: &str = "/API/default.aspx";

#[test]
fn one_connection_carries_many_requests() {
    with_server(Server::new(), &example(), |address| async move {
        let mut stream = connect(address).await;
        let mut buffer = vec![0; 64 << 10];
        for _ in 0..100 {
            let request = head(&format!("{PATH}?count_only=Y&format=delimited"), "");
            stream.write_all(request.as_bytes()).await.unwrap();
            let length = stream.read(&mut buffer).await.unwrap();
            let response = str::from_utf8(&buffer[..length]).unwrap();
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
            assert!(response.ends_with("\r\n\r\ncount=1\n"), "{response}");
        }
    });
}

#[test]
fn head_tells_a_length_only_where_get_does() {
    with_server(Server::new(), &large(), |address| async move {
        let mut stream = connect(address).await;
        let mut buffer = vec![0; 64 << 10];
        for (query, length) in [
            ("count_only=Y", Some(65)),
            ("", None),
            ("tid=0&format=json", Some(21)),
        ] {
            let request = head(&format!("{PATH}?{query}"), "").replace("GET ", "HEAD ");
            stream.write_all(request.as_bytes()).await.unwrap();
            let read = stream.read(&mut buffer).await.unwrap();
            let response = str::from_utf8(&buffer[..read]).unwrap();
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
            assert!(response.ends_with("\r\n\r\n"), "{response}");
            let told = response
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            assert_eq!(told.map(|told| told.parse().unwrap()), length, "{response}");
        }
    });
}

#[test]
fn a_head_that_comes_slowly_is_cut_off() {
    let server = Server::new().head_within(Duration::from_millis(100));
    with_server(server, &example(), |address| async move {
        let mut stream = connect(address).await;
        let request = head(&format!("{PATH}?tid=34"), "");
        let mut sent = 0;
        // A byte every ten milliseconds never lets a read wait long, and is still too slow.
        for byte in request.as_bytes() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sent += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(sent < request.len(), "all of the head was waited for");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    });
}

#[test]
fn connections_that_are_idle_are_closed() {
    let server = Server::new().head_within(Duration::from_millis(100));
    with_server(server, &example(), |address| async move {
        // One that sends nothing.
        let mut silent = connect(address).await;
        // One that has been answered and sends nothing more.
        let mut answered = connect(address).await;
        let request = head(&format!("{PATH}?count_only=Y"), "");
        answered.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        answered.read_to_end(&mut response).await.unwrap();
        assert!(response.starts_with(b"HTTP/1.1 200 OK"));
        let _ = silent.read_to_end(&mut response).await;
    });
}

#[test]
fn what_is_no_request_is_refused() {
    with_server(Server::new(), &example(), |address| async move {
        let close = "Connection: close\r\n";
        let too_long = "x".repeat(70_000);
        let header = |value: &str| head(PATH, &format!("X-Junk: {value}\r\n{close}"));
        let post = |headers: &str, body: &str| {
            let form = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
            format!("POST {PATH} HTTP/1.1\r\nHost: a\r\n{form}{headers}\r\n{body}")
        };
        let cases: [(String, &str); 17] = [
            (head(&format!("{PATH}?tid=34"), close), "200"),
            (
                head(&format!("http://elsewhere{PATH}?tid=34"), close),
                "200",
            ),
            (head(&format!("{PATH}?tid=34#key=x"), close), "200"),
            ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
            ("GET  / HTTP/1.1\r\n\r\n".to_owned(), "400"),
            (
                format!("GET {PATH}?key=your key here HTTP/1.1\r\n\r\n"),
                "400",
            ),
            ("\u{16}\u{3}\u{1}\0\u{1}\r\n\r\n".to_owned(), "400"),
            (head(&format!("/{too_long}"), close), "414"),
            (header(&"y".repeat(500_000)), "431"),
            (header("a\0b"), "400"),
            (head("/../../etc/passwd", close), "404"),
            (head("/API/../API/default.aspx", close), "404"),
            (head("/API/default.aspx/../..", close), "404"),
            (head("/API\\default.aspx", close), "404"),
            (post("Content-Length: 9999999999\r\n", ""), "413"),
            (
                post(
                    "Transfer-Encoding: chunked\r\n",
                    &format!("{:x}\r\n{too_long}", 70_000),
                ),
                "413",
            ),
            (
                post("Content-Length: 3\r\nContent-Length: 4\r\n", "a=b&"),
                "400",
            ),
        ];
        for (request, status) in cases {
            let response = exchange(address, request.as_bytes()).await;
            let line = response.lines().next().unwrap_or_default();
            let shown: String = request.chars().take(80).collect();
            assert_eq!(line.split(' ').nth(1), Some(status), "{shown:?}: {line}");
        }
        // And it goes on.
        let request = head(&format!("{PATH}?count_only=Y"), close);
        assert!(
            exchange(address, request.as_bytes())
                .await
                .starts_with("HTTP/1.1 200")
        );
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let server = Server::new().write_within(Duration::from_millis(200));
    with_server(server, &large(), |address| async move {
        let mut stream = connect(address).await;
        stream.write_all(head(PATH, "").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        // What lay in the buffers of the connection, which is not the whole.
        assert!(response.starts_with(b"HTTP/1.1 200 OK"));
        assert!(!response.ends_with(b"0\r\n\r\n"));
    });
}

#[test]
fn many_clients_that_do_nothing_keep_none_from_being_answered() {
    with_server(Server::new(), &example(), |address| async move {
        let mut idle = Vec::new();
        for _ in 0..300 {
            idle.push(connect(address).await);
        }
        let request = head(&format!("{PATH}?count_only=Y"), "Connection: close\r\n");
        assert!(
            exchange(address, request.as_bytes())
                .await
                .starts_with("HTTP/1.1 200")
        );
    });
}

#[test]
fn connections_past_the_limit_wait_for_a_place() {
    with_server(
        Server::new().connections_max(1),
        &example(),
        |address| async move {
            let first = connect(address).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let request = head(&format!("{PATH}?count_only=Y"), "Connection: close\r\n");
            let second = tokio::spawn(async move { exchange(address, request.as_bytes()).await });
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!second.is_finished());
            drop(first);
            assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
        },
    );
}

#[test]
fn what_runs_when_the_server_ends_is_finished() {
    let store = large();
    let api = build(Api::builder(store.reader()).without_keys());
    common::http::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            Server::new().serve(listener, api.router(), shutdown).await;
        });
        let idle = connect(address).await;
        let mut stream = connect(address).await;
        stream.write_all(head(PATH, "").as_bytes()).await.unwrap();
        let mut response = vec![0; 1000];
        stream.read_exact(&mut response).await.unwrap();
        stop.send(()).unwrap();
        // Nobody new is accepted, and the answer comes to its end.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.read_to_end(&mut response).await.unwrap();
        let mut whole = Vec::new();
        let answer = store.snapshot().answer(&ticketdex::Query::default());
        answer.write_to(ticketdex::Format::Xml, &mut whole).unwrap();
        assert!(response.len() > whole.len() && response.ends_with(b"</tickets>\n\r\n0\r\n\r\n"));
        timeout(LONG, serving)
            .await
            .expect("the server ends")
            .unwrap();
        drop(idle);
    });
}

#[test]
fn what_does_not_end_in_time_is_given_up() {
    let store = large();
    let server = Server::new().drain_within(Duration::from_millis(100));
    // The response is never read, so the server cannot finish it; it ends all the same.
    let stream = with_server(server, &store, |address| async move {
        let mut stream = connect(address).await;
        stream.write_all(head(PATH, "").as_bytes()).await.unwrap();
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        stream
    });
    drop(stream);
}
