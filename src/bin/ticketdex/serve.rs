//! `ticketdex serve`: the call of the page over HTTP, until a signal ends it.
//!
//! # Invariants
//!
//! * It listens once it can answer, so whoever can connect is answered.
//! * No key is printed: not the ones of its arguments, nor what clients send.
//! * Neither requests nor their end wait for the reader of standard error.

mod keys;
mod log;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use axum::routing::get;
use clap::Args;
use http::StatusCode;
use ticketdex::http::{Api, Builder as ApiBuilder, DEFAULT_PATH, Key, Server};
use ticketdex::{Error, Reader, Store};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use self::log::Log;
use crate::image;
use crate::input::Input;
use crate::{Failure, parse_number, say, shell_word};

/// The connections that may wait to be accepted.
const WAITING_MAX: u32 = 1024;

/// The time in which requests that are broken off at the end are dropped, and so logged.
const DROP_WITHIN: Duration = Duration::from_secs(1);

/// A second signal within this time is taken for the first one: shells and supervisors send some twice.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// Whether the process runs, and whether it takes requests.
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";

/// Answers get_tickets over HTTP, at /API/default.aspx
///
/// It listens once the tickets are loaded, and ends on SIGTERM and Ctrl-C: what runs is finished,
/// for at most ten seconds, or until a second signal that comes a second later or more. /healthz is 200 while it runs, /readyz until it
/// is told to end. Standard error has a line a request, without its key.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    keys: keys::Keys,

    /// The address and port to listen on; port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    listen: SocketAddr,

    /// Where the requests go
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    path: String,

    /// The most records of one answer; none is no limit
    #[arg(long, value_name = "COUNT", value_parser = parse_number)]
    records_max: Option<u64>,

    /// Put an apostrophe before texts of CSV that a spreadsheet would run, as get --csv-safe does
    #[arg(long)]
    csv_safe: bool,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let expected =
        |_| "it is an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned();
    text.parse().map_err(expected)
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.input.reads_stdin() && arguments.keys.reads_stdin() {
        return Err(Failure::Usage("- may stand once".to_owned()));
    }
    // What is wrong with the arguments is told before a long load, not after it.
    let keys = arguments.keys.read()?;
    build(arguments, &keys, Store::default().reader(), None)?;
    let socket = bind(arguments.listen).map_err(|error| about(arguments, error))?;
    let loaded = arguments.input.load()?;
    say(&loaded.describe(loaded.tickets.snapshot().tickets_count()));
    let log = Log::start().map_err(|error| Failure::bad("the log", error))?;
    let api = build(arguments, &keys, loaded.tickets.reader(), Some(&log))?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime: Runtime = runtime.map_err(|error| Failure::bad("the executor", error))?;
    // Nothing is written while it serves, so one image is enough.
    let imaging = image::due(&loaded.tickets).map(|job| thread::spawn(|| image::run(job)));
    let served = runtime.block_on(serve(arguments, &api, socket, !keys.is_empty(), &log));
    // What a client has given up may still be searched for; nobody waits long for that.
    runtime.shutdown_timeout(DROP_WITHIN);
    log.end();
    if let Some(imaging) = imaging {
        // What a panic left of it is no image.
        let _ = imaging.join();
    }
    served
}

/// Makes the service of these arguments.
fn build(
    arguments: &Arguments,
    keys: &[Key],
    reader: Reader,
    log: Option<&Log>,
) -> Result<Api, Failure> {
    if [HEALTHZ, READYZ].contains(&arguments.path.as_str()) {
        let message = format!("{} tells how the service is", arguments.path);
        return Err(Failure::Usage(message));
    }
    let mut builder = Api::builder(reader)
        .path(&arguments.path)
        .csv_safe(arguments.csv_safe);
    if let Some(log) = log {
        builder = builder.on_answer(log.writer());
    }
    if let Some(count) = arguments.records_max {
        builder = builder.records_max(count);
    }
    if arguments.keys.no_key {
        builder = builder.without_keys();
    }
    let builder = keys.iter().cloned().fold(builder, ApiBuilder::key);
    let built = builder.build();
    built.map_err(|error| Failure::Usage(error.to_string()))
}

/// Takes the port, on which nobody is heard until the tickets are there.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // So that a service can follow another on its port at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn about(arguments: &Arguments, error: io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens on this port: end that one, or give --listen another port; port 0 \
             takes one that is free"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have this address: 127.0.0.1 is heard by this machine alone, and \
             0.0.0.0 stands for all of its addresses"
        }
        io::ErrorKind::PermissionDenied => {
            "the system does not let this user take the port; those from 1024 on are usually free to take"
        }
        _ => "",
    };
    let about = format!("--listen {}", arguments.listen);
    Failure::bad(about, Error::from(error)).hinted(hint.to_owned())
}

async fn serve(
    arguments: &Arguments,
    api: &Api,
    socket: TcpSocket,
    has_keys: bool,
    log: &Log,
) -> Result<(), Failure> {
    let about = |error| about(arguments, error);
    let mut signals = Signals::hear().map_err(|error| Failure::bad("signals", error))?;
    let listener = socket.listen(WAITING_MAX).map_err(about)?;
    let address = listener.local_addr().map_err(about)?;
    let is_ready = Arc::new(AtomicBool::new(true));
    let router = api
        .router()
        .route(HEALTHZ, get(|| async { "ok\n" }))
        .route(
            READYZ,
            get({
                let is_ready = Arc::clone(&is_ready);
                move || async move { ready(&is_ready) }
            }),
        )
        .fallback_service(api.not_found());
    say(&format!("listening on http://{address}{}", arguments.path));
    let with_key = if has_keys {
        "with the key in KEY, "
    } else {
        ""
    };
    let curl = curl_line(address, &arguments.path, has_keys);
    say(&format!("{with_key}try: {curl}"));
    let (end, ending) = oneshot::channel();
    let hurried = async {
        signals.next().await;
        is_ready.store(false, Ordering::Relaxed);
        log.say("ending: requests that run have 10 seconds; a second signal breaks them off");
        // The server is there for as long as this is waited for.
        let _ = end.send(());
        tokio::time::sleep(REPEATED_WITHIN).await;
        // What has come meanwhile is not heard here.
        match Signals::hear() {
            Ok(mut later) => later.next().await,
            Err(_) => signals.next().await,
        }
    };
    let shutdown = async {
        let _ = ending.await;
    };
    tokio::select! {
        () = Server::new().serve(listener, router, shutdown) => {}
        () = hurried => {}
    }
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
    let url = format!("http://{address}{path}?action=get_tickets&tid=*&count=3");
    format!("curl {key}{}", shell_word(&url))
}

/// The signals that ask the process to end.
#[cfg(unix)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[cfg(unix)]
impl Signals {
    fn hear() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Ctrl-C, which asks the process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn hear() -> io::Result<Signals> {
        Ok(Signals)
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
