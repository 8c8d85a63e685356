//! What a log tells of a request that was answered: all of it but the key.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use form_urlencoded::Serializer;
use http::{Method, StatusCode};

/// The characters of a path or a request that a log shows.
const CHARS_MAX: usize = 1000;

/// What became of one request, for a log.
///
/// The key stands in none of its fields. Texts are as the client sent them, cut at 1,000
/// characters: whoever prints them escapes what must not stand in a log.
///
/// # Examples
///
/// ```
/// use ticketdex::Store;
/// use ticketdex::http::{Api, Key};
///
/// let api = Api::builder(Store::default().reader())
///     .key(Key::new("desk", "your key here"))
///     .on_answer(|served| println!("{} {} {:?}", served.method, served.path, served.status))
///     .build()?;
/// # drop(api);
/// # Ok::<(), ticketdex::http::SetupError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Served {
    /// The method.
    pub method: Method,
    /// The path, cut before the first `&`, `;` or `=`, behind which a key may have slipped, and
    /// before a part that holds a `%`; `/...` where a part of it is a key.
    pub path: String,
    /// The address of the client, where it is known.
    pub address: Option<IpAddr>,
    /// The name of the key; none where there are no keys, or where the client was turned away.
    pub key: Option<Arc<str>>,
    /// The request without its key: the canonical text where it was understood, else what was
    /// sent; none of a client that was turned away, and where the key stands in another variable.
    pub request: Option<String>,
    /// The status of the response.
    pub status: StatusCode,
    /// The code of the error document, where the response is one.
    pub code: Option<&'static str>,
    /// The tickets that match, where they were counted.
    pub total: Option<u64>,
    /// The bytes of the body that were handed to the connection, compressed as they were.
    pub bytes: u64,
    /// Whether the body was handed over to its end.
    pub is_whole: bool,
    /// The time until the response began.
    pub first_byte: Duration,
    /// The time until its body was handed over, or given up.
    pub time: Duration,
}

impl Served {
    pub(super) fn new(method: Method, path: &str) -> Served {
        Served {
            method,
            path: cut(plain_path(path)),
            address: None,
            key: None,
            request: None,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: None,
            total: None,
            bytes: 0,
            is_whole: false,
            first_byte: Duration::ZERO,
            time: Duration::ZERO,
        }
    }

    pub(super) fn set_request(&mut self, text: &str) {
        self.request = Some(cut(text));
    }
}

/// Returns the part of a path that can hold no variable, and nothing escaped.
fn plain_path(path: &str) -> &str {
    let path = path.split(['&', ';', '=']).next().unwrap_or_default();
    match path.split_once('%') {
        Some((before, _)) => &path[..before.rfind('/').map_or(0, |slash| slash + 1)],
        None => path,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}

/// Returns the pairs of a request as they were sent, but for its keys.
pub(super) fn without_keys(text: &str) -> String {
    let mut out = Serializer::new(String::new());
    let pairs = form_urlencoded::parse(text.trim_start_matches('?').as_bytes());
    out.extend_pairs(pairs.filter(|(name, _)| !name.eq_ignore_ascii_case("key")));
    out.finish()
}

/// Returns whether the key of a request stands in another of its variables too, where an error
/// or a log would show it.
///
/// A key of under four characters, which is none, is looked for as a whole value only.
pub(super) fn repeats_key(text: &str, key: &str) -> bool {
    const CHARS_MIN: usize = 4;
    let is_long = key.chars().count() >= CHARS_MIN;
    let holds = |part: &str| part == key || is_long && part.contains(key);
    form_urlencoded::parse(text.trim_start_matches('?').as_bytes())
        .any(|(name, value)| holds(&name) || !name.eq_ignore_ascii_case("key") && holds(&value))
}

/// Calls the log when the last of the body has gone, or will never go.
pub(super) struct Report {
    pub(super) served: Served,
    pub(super) started: Instant,
    pub(super) log: Option<Log>,
}

/// What is called with each request that was answered.
pub(super) type Log = Arc<dyn Fn(&Served) + Send + Sync>;

impl Drop for Report {
    fn drop(&mut self) {
        self.served.time = self.started.elapsed();
        if let Some(log) = &self.log {
            log(&self.served);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_where_variables_may_begin() {
        for (path, shown) in [
            ("/API/default.aspx", "/API/default.aspx"),
            ("/API/default.aspx&key=secret", "/API/default.aspx"),
            ("/API/x%3Fkey%3Dsecret", "/API/"),
            ("/your%20key", "/"),
            ("%", ""),
            ("/API;key=secret", "/API"),
            ("/key=secret", "/key"),
        ] {
            assert_eq!(Served::new(Method::GET, path).path, shown);
        }
    }

    #[test]
    fn a_request_is_shown_without_its_keys() {
        let shown = without_keys("?a=b+c&%4Bey=x&key&KEY=y&monkey=z&d");
        assert_eq!(shown, "a=b+c&monkey=z&d=");
        assert!(repeats_key("key=secret&cid=a+secret", "secret"));
        assert!(repeats_key("key=secret&a%20%73ecret=1", "secret"));
        assert!(repeats_key("key=k&cid=k", "k"));
        assert!(!repeats_key("key=k&cid=kk&key=k", "k"));
        assert!(!repeats_key("key=secret&KEY=secret&cid=Secret", "secret"));
    }
}
