//! The HTTP adapter, asked without a socket.

use std::convert::Infallible;
use std::future::Future;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use ticketdex::http::{Api, Builder};
use ticketdex::{Import, ImportFormat, Store, Ticket};
use tower_service::Service;

/// What came back, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// Returns a header's text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// Returns the code of the error document, in whatever format; empty where it is none.
    pub fn code(&self) -> &str {
        let text = self.text();
        let after = [("<code>", "<"), ("\"code\" : \"", "\""), ("error=", "&")];
        let code = after.into_iter().find_map(|(before, end)| {
            let (_, rest) = text.split_once(before)?;
            rest.split(end).next()
        });
        code.unwrap_or_default()
    }
}

/// Runs something asynchronous to its end, on this thread.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

/// Makes the service of a builder, which must be valid.
pub fn build(builder: Builder) -> Api {
    builder.build().unwrap()
}

/// A store of the file of the page's example.
pub fn example() -> Store {
    let bytes: &[u8] = include_bytes!("../shared_cases/page_example.xml");
    let mut store = Store::default();
    store.load(Import::new(ImportFormat::Xml, bytes)).unwrap();
    store
}

/// A service that whoever may ask, over the tickets 1 to `count`.
pub fn open(count: u64) -> Api {
    build(Api::builder(numbered(count).reader()).without_keys())
}

/// A store of the tickets 1 to `count`.
pub fn numbered(count: u64) -> Store {
    let tickets = (1..=count).map(|tid| Ticket {
        tid,
        subject: format!("Printer {tid} on fire"),
        ..Ticket::default()
    });
    Store::from_tickets(tickets).unwrap()
}

/// Sends a request to a service and collects what it answers.
pub async fn send<S, B>(service: &S, request: Request<Body>) -> Reply
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let response = service.clone().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// Sends a request and returns the response before its body was taken.
pub async fn start(api: &Api, request: Request<Body>) -> Response<ticketdex::http::Body> {
    api.clone().call(request).await.unwrap()
}

/// A `GET` of the page's path with a query, headers beside it.
pub fn get(query: &str, headers: &[(&str, &str)]) -> Request<Body> {
    make(Method::GET, query, headers, Body::empty())
}

/// A `POST` of a form.
pub fn post(query: &str, form: impl Into<Body>) -> Request<Body> {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    make(Method::POST, query, &headers, form.into())
}

pub fn make(method: Method, query: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method);
    request = request.uri(format!("http://localhost/API/default.aspx?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// Sends a `GET` and waits for its end.
pub fn ask(api: &Api, query: &str, headers: &[(&str, &str)]) -> Reply {
    run(send(api, get(query, headers)))
}
