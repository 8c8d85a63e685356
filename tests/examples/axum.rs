//! How do I put the call of the page into my axum application?
//!
//! A store that one task writes, the service beside a route of the application's own, the merges on
//! a thread for blocking work, and an end that leaves nothing undone:
//!
//! ```text
//! cargo run --example axum --features http
//! ```

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use ticketdex::http::{Api, Key, Server};
use ticketdex::{Maintainer, Store, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task;

/// Writes tickets as they come from elsewhere; a commit may wait for a disk, so it is not for the
/// executor's threads.
async fn write(store: Arc<Mutex<Store>>) -> Result<(), ticketdex::Error> {
    for tid in 1..=3 {
        let subject = format!("Printer {tid} on fire");
        let ticket = Ticket {
            tid,
            subject,
            ..Ticket::default()
        };
        let store = Arc::clone(&store);
        let committed = task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.commit([ticket].into_iter().collect())
        });
        committed.await.expect("a commit does not panic")?;
    }
    Ok(())
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
    write(Arc::clone(&store)).await?;

    Server::new().serve(listener, app, shutdown).await;
    maintainer.stop();
    merging.await?;
    Ok(())
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
    // A service waits for `tokio::signal::ctrl_c` here.
    let (stop, stopped) = oneshot::channel::<()>();
    let client = async {
        let request = "/API/default.aspx?key=your+key+here&keyword=fire&count_only=Y";
        let response = ask(address, request).await?;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\t<count>3</count>\n</tickets>\n"));
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
