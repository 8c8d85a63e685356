//! `ticketdex serve`: the call of the page over HTTP, until a signal ends it.
//!
//! # Invariants
//!
//! * It listens once it can answer, so whoever can connect is answered.
//! * No key is printed: not the ones of its arguments, nor what clients send.

mod keys;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use axum::routing::get;
use clap::Args;
use http::StatusCode;
use ticketdex::chrono::DateTime;
use ticketdex::http::{Api, DEFAULT_PATH, Served, Server};
use ticketdex::{Error, Reader};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::input::Input;
use crate::{Failure, say};

/// Answers get_tickets over HTTP, at /API/default.aspx
///
/// It listens once the tickets are loaded, and ends on SIGTERM and Ctrl-C: what runs is finished,
/// for at most ten seconds. /healthz is 200 while it runs, /readyz until it is told to end. Standard
/// error has a line a request, without its key.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    keys: keys::Keys,

    /// The address and port to listen on; port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Where the requests go
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    path: String,

    /// The most records of one answer; none is no limit
    #[arg(long, value_name = "COUNT")]
    records_max: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.input.reads_stdin() && arguments.keys.reads_stdin() {
        return Err(Failure::Usage("- may stand once".to_owned()));
    }
    // Before a long load, not after it.
    let keys = arguments.keys.read()?;
    let has_keys = !keys.is_empty();
    arguments.input.must_exist()?;
    let loaded = arguments.input.load()?;
    say(&loaded.describe());
    let api = build(arguments, keys, loaded.store.reader())?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime: Runtime = runtime.map_err(|error| Failure::bad("the executor", error))?;
    let served = runtime.block_on(serve(arguments, &api, has_keys));
    // What a client has given up may still be searched for; nobody waits for that.
    runtime.shutdown_background();
    served
}

/// Makes the service of these arguments.
fn build(
    arguments: &Arguments,
    keys: Vec<ticketdex::http::Key>,
    reader: Reader,
) -> Result<Api, Failure> {
    let mut builder = Api::builder(reader).path(&arguments.path).on_answer(log);
    if let Some(count) = arguments.records_max {
        builder = builder.records_max(count);
    }
    builder = keys
        .into_iter()
        .fold(builder, ticketdex::http::Builder::key);
    if arguments.keys.no_key {
        builder = builder.without_keys();
    }
    builder
        .build()
        .map_err(|error| Failure::Usage(error.to_string()))
}

async fn serve(arguments: &Arguments, api: &Api, has_keys: bool) -> Result<(), Failure> {
    let about = |error: io::Error| {
        Failure::bad(format!("--listen {}", arguments.listen), Error::from(error))
    };
    let ended = ended().map_err(|error| Failure::bad("signals", error))?;
    let listener = TcpListener::bind(arguments.listen).await.map_err(about)?;
    let address = listener.local_addr().map_err(about)?;
    let is_ready = Arc::new(AtomicBool::new(true));
    let router = api
        .router()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get({
                let is_ready = Arc::clone(&is_ready);
                move || async move { ready(&is_ready) }
            }),
        )
        .fallback_service(api.not_found());
    say(&format!("listening on http://{address}{}", arguments.path));
    say(&format!(
        "try: {}",
        curl_line(address, &arguments.path, has_keys)
    ));
    let shutdown = async {
        ended.await;
        is_ready.store(false, Ordering::Relaxed);
        say("ending: requests that run have 10 seconds");
    };
    Server::new().serve(listener, router, shutdown).await;
    Ok(())
}

fn ready(is_ready: &AtomicBool) -> (StatusCode, &'static str) {
    if is_ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "ending\n")
    }
}

/// Returns the line that tries the service; the key is a variable, as it must not be shown.
fn curl_line(address: SocketAddr, path: &str, has_keys: bool) -> String {
    let key = if has_keys {
        "--get --data-urlencode \"key=$KEY\" "
    } else {
        ""
    };
    let request = "action=get_tickets&tid=*&count=3";
    format!("curl {key}'http://{address}{path}?{request}'")
}

/// Returns what is ready when a signal asks the process to end.
#[cfg(unix)]
fn ended() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Returns what is ready when Ctrl-C asks the process to end.
#[cfg(not(unix))]
fn ended() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// Writes a line about a request to standard error.
///
/// Whether anyone hears it is no concern of the command's.
fn log(served: &Served) {
    let mut line = now();
    let mut add = |text: &str| {
        line.push(' ');
        for c in text.chars() {
            if c.is_control() {
                line.extend(c.escape_default());
            } else {
                line.push(c);
            }
        }
    };
    add(served.method.as_str());
    add(&served.path);
    add(served.status.as_str());
    if let Some(code) = served.code {
        add(&format!("code={code}"));
    }
    if let Some(key) = &served.key {
        add(&format!("key_name={key:?}"));
    }
    if let Some(total) = served.total {
        add(&format!("total={total}"));
    }
    add(&format!("bytes={}", served.bytes));
    if !served.is_whole {
        add("broken_off");
    }
    let first_byte = served.first_byte.as_micros();
    add(&format!(
        "first_byte_us={first_byte} time_us={}",
        served.time.as_micros()
    ));
    if let Some(address) = served.address {
        add(&format!("from={address}"));
    }
    if let Some(request) = &served.request {
        add(&format!("request={request}"));
    }
    line.push('\n');
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Returns the time, as RFC 3339 in UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let milliseconds = since.subsec_millis() * 1_000_000;
    let time = DateTime::from_timestamp(seconds, milliseconds).unwrap_or_default();
    format!("{:?}Z", time.naive_utc())
}
