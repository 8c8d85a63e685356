//! The services of a load run, each in a process of its own: the engine's, the same with a writer
//! beside it, and SQLite behind the same router.
//!
//! A service prints its address when it can answer, and ends when its standard input does.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::routing::get;
use ticketdex::Request;
use ticketdex::http::{Api, DEFAULT_PATH, Key, Server};
use ticketdex::{Batch, Maintainer, Query, Reader, Store};
use tokio::net::TcpListener;

use crate::data::{Data, SEED};
use crate::peer::Failure;
use crate::sqlite::Sqlite;
use crate::writes::Changes;

/// What is asked, in this order.
pub const SERVICES: [&str; 3] = ["ticketdex", "ticketdex, 200 writes/s", "SQLite"];

/// The key that every request carries.
pub const KEY: &str = "your key here";

/// The writes of a second, each a commit that is on disk when it returns.
const WRITES_A_SECOND: u32 = 200;

/// The connections to SQLite, which each answer one request at a time.
const SQLITE_CONNECTIONS: usize = 4;

/// Serves until standard input ends.
pub fn serve(data: &Data, name: &str) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build()?;
    match name {
        "ticketdex" => {
            let store = data.store()?;
            runtime.block_on(listen(api(store.reader())?.router()))
        }
        "ticketdex, 200 writes/s" => {
            let store = data.durable()?;
            let router = api(store.reader())?.router();
            let store = Arc::new(Mutex::new(store));
            let maintainer = Maintainer::new(Arc::clone(&store));
            let merging = std::thread::spawn({
                let maintainer = maintainer.clone();
                move || maintainer.run()
            });
            let changes = Changes::new(SEED, (1..=data.tickets_count() as u64).collect());
            std::thread::spawn(move || write(&store, changes));
            let served = runtime.block_on(listen(router));
            maintainer.stop();
            merging.join().map_err(|_| "the maintainer panicked")?;
            served
        }
        "SQLite" => runtime.block_on(listen(sqlite(data)?)),
        other => Err(format!("nothing is called {other:?}").into()),
    }
}

fn api(reader: Reader) -> Result<Api, Failure> {
    Ok(Api::builder(reader).key(Key::new("load", KEY)).build()?)
}

/// Commits one ticket at a time, as many a second as it shall be, as long as the disk can follow.
fn write(store: &Mutex<Store>, mut changes: Changes) {
    let mut next = Instant::now();
    loop {
        let mut batch = Batch::new();
        batch.put(changes.ticket());
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.commit(batch).is_err() {
            return;
        }
        drop(store);
        next += Duration::from_secs(1) / WRITES_A_SECOND;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Makes the router that answers from SQLite: the key, the parse and the path of the engine's.
fn sqlite(data: &Data) -> Result<Router, Failure> {
    let connections = (0..SQLITE_CONNECTIONS).map(|_| data.sqlite_mapped());
    let connections: Vec<Sqlite> = connections.collect::<Result<_, _>>()?;
    let (free, taken) = (Arc::new(Mutex::new(connections)), SQLITE_CONNECTIONS);
    let places = Arc::new(tokio::sync::Semaphore::new(taken));
    Ok(Router::new().route(
        DEFAULT_PATH,
        get(move |RawQuery(query): RawQuery| {
            let (free, places) = (Arc::clone(&free), Arc::clone(&places));
            async move {
                let query = query.unwrap_or_default();
                if Request::find_key(&query).as_deref() != Some(KEY) {
                    return (StatusCode::UNAUTHORIZED, Vec::new());
                }
                let place = places.acquire_owned().await;
                let answered = tokio::task::spawn_blocking(move || {
                    let answered = answer(&free, &query);
                    drop(place);
                    answered
                });
                match answered.await {
                    Ok(Ok(body)) => (StatusCode::OK, body),
                    _ => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
                }
            }
        }),
    ))
}

fn answer(free: &Mutex<Vec<Sqlite>>, query: &str) -> Result<Vec<u8>, Failure> {
    let query: Query = query.parse()?;
    let lock = || free.lock().unwrap_or_else(PoisonError::into_inner);
    let connection = lock().pop().ok_or("more requests than places")?;
    let body = connection.respond_json(&query);
    lock().push(connection);
    body
}

async fn listen(router: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let shutdown = async { drop(ended.await) };
    let server = Server::new().drain_within(Duration::from_secs(1));
    server.serve(listener, router, shutdown).await;
    Ok(())
}
