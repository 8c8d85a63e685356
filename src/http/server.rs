//! A server for a router: hyper with the timers that a service on a network needs.
//!
//! `axum::serve` waits for ever for a client that sends its request a byte a second, or that sends
//! nothing. Here a connection has a time to send the head of a request, which runs while it is idle
//! too, and a time in which it must take some of a response.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

/// The most bytes of a request's head; a longer one is answered with 431.
const HEAD_BYTES_MAX: usize = 128 << 10;

/// The wait after a connection could not be accepted, as where there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a router over HTTP/1.1 until it is told to end.
///
/// # Examples
///
/// ```
/// use ticketdex::Store;
/// use ticketdex::http::{Api, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let api = Api::builder(Store::default().reader()).without_keys().build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = async {}; // at once; a service waits for a signal
/// Server::new().serve(listener, api.router(), shutdown).await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Server {
    head_within: Duration,
    write_within: Duration,
    drain_within: Duration,
    connections_max: usize,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            head_within: Duration::from_secs(30),
            write_within: Duration::from_mins(10),
            drain_within: Duration::from_secs(10),
            connections_max: 10_000,
        }
    }
}

impl Server {
    /// Returns the settings of a server; each has a value that fits most services.
    pub fn new() -> Server {
        Server::default()
    }

    /// Sets the time in which a client must have sent the head of a request, from when the last
    /// was answered; 30 seconds unless set. So idle connections are closed by it too.
    pub fn head_within(mut self, time: Duration) -> Server {
        self.head_within = time;
        self
    }

    /// Sets the time in which a client must take some of a response that waits for it; ten
    /// minutes unless set, as a system wakes a writer only when much of its buffer is free again.
    pub fn write_within(mut self, time: Duration) -> Server {
        self.write_within = time;
        self
    }

    /// Sets the time that responses which are under way have to end in after the server was told
    /// to; 10 seconds unless set. Then [`serve`](Server::serve) ends, and what is left of their
    /// connections is closed with the runtime.
    pub fn drain_within(mut self, time: Duration) -> Server {
        self.drain_within = time;
        self
    }

    /// Sets the most connections at once; 10,000 unless set. Further ones wait until one ends.
    pub fn connections_max(mut self, count: usize) -> Server {
        self.connections_max = count;
        self
    }

    /// Serves until `shutdown` is ready, then ends: no connection is accepted any more, idle ones
    /// are closed, and requests that have begun are answered.
    ///
    /// A request bears the address of its client as axum's `ConnectInfo<SocketAddr>`. A connection
    /// that cannot be accepted, for want of file handles as a rule, is tried again.
    pub async fn serve(
        self,
        listener: TcpListener,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) {
        let places = self.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &places) => accepted,
            };
            match accepted {
                Ok((stream, address, place)) => {
                    self.start(stream, address, &router, &graceful, place);
                }
                // One that the client gave up is the client's affair.
                Err(error) if is_of_client(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(listener);
        // Past the time what is left is dropped with the runtime's tasks.
        let _ = tokio::time::timeout(self.drain_within, graceful.shutdown()).await;
    }

    /// Serves one connection, in a task of its own.
    fn start(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        router: &Router,
        graceful: &GracefulShutdown,
        place: OwnedSemaphorePermit,
    ) {
        // Small responses go out at once; a socket that cannot is served as it is.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_within));
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_within)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off, or is cut off, is nobody's error.
            let _ = connection.await;
            drop(place);
        });
    }
}

/// Accepts a connection once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}
