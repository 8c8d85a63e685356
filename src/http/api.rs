//! The service: from an HTTP request to a response, whatever was sent.
//!
//! The order of its steps is the order of what a stranger may make it do: a request is read up to a
//! limit, its key is looked at before anything else of it, and only what a known sender asks is
//! parsed, searched for and written.
//!
//! # Invariants
//!
//! * A key leaves this file in nothing: not in a response, nor in what is logged, nor in an error.
//! * Every request gets a response, and every response that is an error is an error document.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

use super::body::Body;
use super::keys::{Keys, KnownKey};
use super::negotiate;
use super::prepare::{Prepared, Task};
use super::refusal::Refusal;
use super::served::{Log, Report, Served, repeats_key, without_keys};
use crate::model::Format;
use crate::model::error::{Error, ErrorKind};
use crate::query::{Action, Request};
use crate::response::error_response;
use crate::store::Reader;

/// The total of an answer, before `count` and `page`.
const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// The cursor after which the next records come.
const X_NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// The cursor before which the previous records come.
const X_PREVIOUS_CURSOR: HeaderName = HeaderName::from_static("x-previous-cursor");
/// The version of the snapshot that was asked: what `changed_since` is to be the next time.
const X_SNAPSHOT_VERSION: HeaderName = HeaderName::from_static("x-snapshot-version");

/// `get_tickets` and `count_tickets` over HTTP: a [`tower_service::Service`] that answers every request that it gets.
///
/// A clone is another handle to the same. It answers whatever path it is called with; where it is
/// mounted is the router's to say. It must be called within a tokio runtime.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use ticketdex::Store;
/// use ticketdex::http::{Api, Key};
///
/// let store = Store::default();
/// let api = Api::builder(store.reader()).key(Key::new("desk", "your key here")).build()?;
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).merge(api.router());
/// # drop(app);
/// # Ok::<(), ticketdex::http::SetupError>(())
/// ```
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    /// Whether there is something where the service is mounted.
    is_found: bool,
}

/// What the handles of a service share.
pub(super) struct Shared {
    pub(super) reader: Reader,
    pub(super) keys: Keys,
    pub(super) path: String,
    /// Where a trusted proxy tells the address of the client.
    pub(super) address_header: Option<HeaderName>,
    pub(super) log: Option<Log>,
    /// Whether texts of CSV are made harmless.
    pub(super) csv_safe: bool,
    pub(super) limits: Limits,
    /// The requests that may still begin.
    pub(super) requests: Arc<Semaphore>,
}

/// How much of what a service does at most.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) request_bytes_max: usize,
    pub(super) records_max: Option<u64>,
    pub(super) requests_max: usize,
    /// Until a response begins, and for the body of a request.
    pub(super) first_byte: Duration,
}

impl Api {
    pub(super) fn new(shared: Shared) -> Api {
        Api {
            shared: Arc::new(shared),
            is_found: true,
        }
    }

    /// Returns a router that mounts the service at its [path](crate::http::Builder::path), to be merged with
    /// others.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new().route_service(&self.shared.path, self.clone())
    }

    /// Returns the service that answers with 404 whatever it is asked, and logs it: the
    /// fallback of a router that has nothing else.
    #[must_use]
    pub fn not_found(&self) -> Api {
        Api {
            shared: Arc::clone(&self.shared),
            is_found: false,
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("reader", &self.shared.reader)
            .field("path", &self.shared.path)
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

impl<B> Service<http::Request<B>> for Api
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Api { shared, is_found } = self.clone();
        Box::pin(async move { Ok(shared.respond(request, is_found).await) })
    }
}

/// One request on its way to its answer.
struct Exchange {
    parts: Parts,
    /// Of the response, an error document too.
    format: Format,
    served: Served,
}

impl Shared {
    async fn respond<B>(
        self: Arc<Self>,
        request: http::Request<B>,
        is_found: bool,
    ) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let mut exchange = Exchange {
            format: negotiate::format(&parts.headers),
            served: Served::new(parts.method.clone(), parts.uri.path()),
            parts,
        };
        exchange.served.address = self.address(&exchange.parts);
        let outcome = if is_found {
            self.answer(&mut exchange, body).await
        } else {
            let query = exchange.parts.uri.query().unwrap_or_default().to_owned();
            exchange.find_format(&query);
            self.hide_key_of_path(&mut exchange.served);
            Err(Refusal::not_found())
        };
        exchange.served.first_byte = started.elapsed();
        let Exchange {
            parts,
            format,
            served,
        } = exchange;
        let report = Report {
            served,
            started,
            log: self.log.clone(),
        };
        let mut response = match outcome {
            Ok(prepared) => success(prepared, format, report),
            Err(refusal) => failure(refusal, format, report),
        };
        if let Some(length) = response.body().length() {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        if parts.method == Method::HEAD {
            response.body_mut().clear();
        }
        response
    }

    /// Takes the path out of a log where a part of it is a key.
    fn hide_key_of_path(&self, served: &mut Served) {
        let mut parts = served.path.split('/').filter(|part| !part.is_empty());
        let is_key = |part: &str| self.keys.find(part).is_some();
        if parts.any(|part| is_key(part) || is_key(&part.replace('+', " "))) {
            "/...".clone_into(&mut served.path);
        }
    }

    /// Returns the address of the client, as far as it can be trusted.
    fn address(&self, parts: &Parts) -> Option<IpAddr> {
        let Some(name) = &self.address_header else {
            let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            return info.map(|ConnectInfo(address)| address.ip());
        };
        let last = parts.headers.get_all(name).iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    }

    async fn answer<B>(&self, exchange: &mut Exchange, body: B) -> Result<Prepared, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let text = self.read(exchange, body).await?;
        let shown = String::from_utf8_lossy(&text);
        exchange.find_format(&shown);
        let given = Request::find_key(&shown);
        let known = self.keys.check(given.as_deref(), exchange.served.address)?;
        exchange.served.key = known.map(KnownKey::name);
        let permits = self.admit(known.and_then(|key| key.requests.as_ref()))?;
        let parsed = match str::from_utf8(&text) {
            Ok(text) => text.parse::<Request>(),
            Err(error) => Err(ErrorKind::InvalidEncoding {
                found: format!("the byte 0x{:02X}", text[error.valid_up_to()]),
            }
            .into()),
        };
        let repeats = given.as_deref().is_some_and(|key| repeats_key(&shown, key));
        let request = exchange.note(parsed, &shown, repeats)?;
        let task = Task {
            reader: self.reader.clone(),
            action: request.action,
            format: exchange.format,
            csv_safe: self.csv_safe,
            coding: negotiate::coding(&exchange.parts.headers),
            records_max: self.limits.records_max,
        };
        let prepared = self.run(task, permits).await?;
        exchange.served.total = Some(prepared.total);
        Ok(prepared)
    }

    /// Reads the text of the request: the query, and behind it the body of a `POST`.
    async fn read<B>(&self, exchange: &mut Exchange, body: B) -> Result<Vec<u8>, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let bytes_max = self.limits.request_bytes_max;
        let parts = &exchange.parts;
        let query = parts.uri.query().unwrap_or_default();
        if query.len() > bytes_max {
            return Err(Refusal::uri_too_long(bytes_max));
        }
        let query = query.to_owned();
        exchange.find_format(&query);
        let parts = &exchange.parts;
        match parts.method {
            Method::GET | Method::HEAD => return Ok(query.into_bytes()),
            Method::POST => {}
            _ => return Err(Refusal::method()),
        }
        if !body.is_end_stream() && !is_form(parts) {
            return Err(Refusal::media_type());
        }
        let left = bytes_max - query.len();
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > left as u64) {
            return Err(Refusal::body_too_long(bytes_max));
        }
        let collected = Limited::new(body, left).collect();
        let collected = tokio::time::timeout(self.limits.first_byte, Box::pin(collected)).await;
        let body = match collected {
            Err(_) => return Err(Refusal::body_too_slow()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Refusal::body_too_long(bytes_max));
            }
            Ok(Err(_)) => return Err(Refusal::body_broken()),
            Ok(Ok(body)) => body.to_bytes(),
        };
        let mut text = query.into_bytes();
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(&body);
        Ok(text)
    }

    /// Takes a place among the requests that are searched for, of the key's first.
    fn admit(&self, of_key: Option<&Arc<Semaphore>>) -> Result<Permits, Refusal> {
        let take = |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).try_acquire_owned();
        let of_key = of_key.map(take).transpose();
        Ok(Permits {
            _of_key: of_key.map_err(|_| Refusal::too_many_requests())?,
            _of_all: take(&self.requests).map_err(|_| Refusal::overloaded())?,
        })
    }

    /// Runs a task where it keeps no other request waiting.
    async fn run(&self, task: Task, permits: Permits) -> Result<Prepared, Refusal> {
        if task.is_short() {
            return task.run();
        }
        let running = tokio::task::spawn_blocking(move || {
            let prepared = task.run();
            drop(permits);
            prepared
        });
        match tokio::time::timeout(self.limits.first_byte, running).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(_)) => Err(Refusal::internal()),
            Err(_) => Err(Refusal::too_slow()),
        }
    }
}

/// Places among the requests that are searched for, given back when dropped.
struct Permits {
    _of_key: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

impl Exchange {
    /// Takes the format that a request names, where it names one.
    fn find_format(&mut self, text: &str) {
        self.format = Request::find_format(text).unwrap_or(self.format);
    }

    /// Notes for the log what was asked, without the key, and returns it or what is wrong with it.
    fn note(
        &mut self,
        parsed: Result<Request, Error>,
        text: &str,
        repeats_key: bool,
    ) -> Result<Request, Refusal> {
        const MESSAGE: &str = "the request is not valid; its error is not shown, as it holds the \
                               key in another variable too";
        match parsed {
            Ok(request) => {
                if !repeats_key {
                    self.served.set_request(&match &request.action {
                        Action::GetTickets(query) => query.to_string(),
                        Action::CountTickets(query) => query.to_string(),
                    });
                }
                Ok(request)
            }
            Err(error) if repeats_key => Err(Refusal::of(&error, Some(MESSAGE))),
            Err(error) => {
                self.served.set_request(&without_keys(text));
                Err(Refusal::of(&error, None))
            }
        }
    }
}

/// Returns whether the body of a request is a form, as it stands.
fn is_form(parts: &Parts) -> bool {
    const FORM: &str = "application/x-www-form-urlencoded";
    let content_type = parts.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    let coding = parts.headers.get(CONTENT_ENCODING);
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(FORM))
        && coding.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn success(prepared: Prepared, format: Format, mut report: Report) -> Response<Body> {
    report.served.status = StatusCode::OK;
    let body = Body::new(prepared.ready, prepared.rest, report);
    let mut response = respond_with(body, StatusCode::OK, format);
    let headers = response.headers_mut();
    headers.insert(X_TOTAL_COUNT, prepared.total.into());
    headers.insert(X_SNAPSHOT_VERSION, prepared.version.into());
    let cursors = [
        (X_NEXT_CURSOR, prepared.next),
        (X_PREVIOUS_CURSOR, prepared.previous),
    ];
    for (name, cursor) in cursors {
        // A token is letters, digits, - and _, as a header may hold them.
        let value = cursor.and_then(|it| HeaderValue::try_from(it.to_string()).ok());
        value.map(|value| headers.insert(name, value));
    }
    if let Some(coding) = prepared.coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    response
}

fn failure(refusal: Refusal, format: Format, mut report: Report) -> Response<Body> {
    report.served.status = refusal.status;
    report.served.code = Some(refusal.code);
    let document = error_response(refusal.code, &refusal.message, format);
    let body = Body::new(vec![document.into()], None, report);
    let mut response = respond_with(body, refusal.status, format);
    response.headers_mut().extend(refusal.header);
    response
}

/// Makes a response with the headers that all have.
fn respond_with(body: Body, status: StatusCode, format: Format) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(format.media_type());
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    // The address of a response holds the key of its reader.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
