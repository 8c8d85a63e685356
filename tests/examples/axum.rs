//! How do I put the call of the page into my axum application?
//!
//! A store that is written while it is served, the service beside a route of the application's own, the
//! merges on a thread for blocking work, and an end that leaves nothing running, also where the writer
//! fails:
//!
//! ```text
//! cargo run --example axum --features http
//! ```

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ticketdex::http::{Api, Key, Server};
use ticketdex::{Maintainer, Store, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::interval;

/// Writes a ticket every hundredth of a second, as if they came from elsewhere, until that fails.
///
/// A commit may wait for a disk, so it is not for the executor's threads.
async fn write(store: Arc<Mutex<Store>>) -> Box<dyn Error> {
    let mut ticks = interval(Duration::from_millis(10));
    for tid in 1.. {
        ticks.tick().await;
        let ticket = Ticket {
            tid,
            subject: format!("Printer {tid} on fire"),
            ..Ticket::default()
        };
        let store = Arc::clone(&store);
        let committed = task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.commit([ticket].into_iter().collect())
        });
        match committed.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(error) => return error.into(),
        }
    }
    "the numbers ran out".into()
}

async fn serve(
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let store = Store::default(); // or `durable::open`
    let api = Api::builder(store.reader())
        .key(Key::new("desk", "your key here"))
        .on_answer(|it| println!("{} {} {:?} {:?}", it.method, it.status, it.request, it.time))
        .build()?;
    let app = Router::new()
        .route("/", get(|| async { "Tickets are at /API/default.aspx.\n" }))
        .merge(api.router());

    let store = Arc::new(Mutex::new(store));
    let maintainer = Maintainer::new(Arc::clone(&store));
    let merging = maintainer.clone();
    let merging = task::spawn_blocking(move || merging.run());

    let mut failure = None;
    let end = async {
        tokio::select! {
            () = shutdown => {}
            error = write(Arc::clone(&store)) => failure = Some(error),
        }
    };
    Server::new().serve(listener, app, end).await;
    // Whatever ended the service, nothing is left running.
    maintainer.stop();
    merging.await?;
    failure.map_or(Ok(()), Err)
}

/// What `curl` would do.
async fn ask(listener: std::net::SocketAddr, target: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(listener).await?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // This example ends when its client has asked; a service ends with
    // `async { drop(tokio::signal::ctrl_c().await) }`.
    let (stop, stopped) = oneshot::channel::<()>();
    let client = async {
        let request = "/API/default.aspx?key=your+key+here&keyword=fire&end_tid=3&count_only=Y";
        loop {
            let response = ask(address, request).await?;
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
            if response.ends_with("\t<count>3</count>\n</tickets>\n") {
                break;
            }
        }
        let refused = ask(address, "/API/default.aspx?key=mine&tid=*").await?;
        assert!(refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
        assert!(ask(address, "/").await?.ends_with("/API/default.aspx.\n"));
        drop(stop);
        Ok::<(), Box<dyn Error>>(())
    };
    let service = serve(listener, async { drop(stopped.await) });
    let (served, asked) = tokio::join!(service, client);
    served.and(asked)
}
