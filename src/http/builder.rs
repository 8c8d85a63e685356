//! The settings of a service, each with a value that fits most of them but for the keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use tokio::sync::Semaphore;

use super::api::{Api, Limits, Shared};
use super::keys::{Key, Keys};
use super::served::{Log, Served};
use super::{DEFAULT_PATH, SetupError};
use crate::store::Reader;

/// Settings of an [`Api`] that is to be built. See [`Api::builder`].
#[must_use]
pub struct Builder {
    reader: Reader,
    keys: Vec<Key>,
    may_be_open: bool,
    path: String,
    address_header: Option<HeaderName>,
    log: Option<Log>,
    csv_safe: bool,
    limits: Limits,
}

impl Builder {
    /// Adds a key that may ask. Of two with the same secret the later one counts.
    pub fn key(mut self, key: Key) -> Builder {
        self.keys.push(key);
        self
    }

    /// Lets whoever reaches the service ask. Without keys and without this, building is an error.
    pub fn without_keys(mut self) -> Builder {
        self.may_be_open = true;
        self
    }

    /// Sets where [`Api::router`] mounts the service; `/API/default.aspx` unless set.
    ///
    /// It is compared with the path of a request as it was sent, so it is the path of a URL: blanks,
    /// control characters and what is not ASCII are percent-encoded, and no part is `.` or `..`, which
    /// clients resolve.
    pub fn path(mut self, path: impl Into<String>) -> Builder {
        self.path = path.into();
        self
    }

    /// Takes the client's address from the last item of a header, such as `x-forwarded-for`.
    ///
    /// Only for a service that nobody reaches but through a proxy that appends the address: anyone
    /// else can send such a header. Where it is missing or no address, the address is unknown, and
    /// keys with networks are refused. Unless set, the address is that of the connection.
    pub fn address_header(mut self, name: HeaderName) -> Builder {
        self.address_header = Some(name);
        self
    }

    /// Sets the longest request, of query and body together; 64 KiB unless set.
    ///
    /// Past it the status is 414 for a query and 413 for a body, `request_too_long`. HTTP libraries
    /// have limits of their own: hyper answers a target of 64 KiB or more with 414 itself.
    pub fn request_bytes_max(mut self, bytes: usize) -> Builder {
        self.limits.request_bytes_max = bytes;
        self
    }

    /// Sets the most records of one answer, or groups of counts; past it the status is 400,
    /// `too_many_records`. There is no limit unless set: an export of everything costs time and a chunk of memory.
    pub fn records_max(mut self, count: u64) -> Builder {
        self.limits.records_max = Some(count);
        self
    }

    /// Sets whether CSV is made harmless to spreadsheets, as
    /// [`Chunks::csv_safe`](crate::Chunks::csv_safe) does; it is not unless set.
    pub fn csv_safe(mut self, is_safe: bool) -> Builder {
        self.csv_safe = is_safe;
        self
    }

    /// Sets how many requests are searched for at once; 256 unless set.
    ///
    /// Past it the status is 503, `overloaded`, with `Retry-After`. A request counts until its
    /// response begins: a client that reads slowly keeps no other from being answered.
    pub fn requests_max(mut self, count: usize) -> Builder {
        self.limits.requests_max = count;
        self
    }

    /// Sets the time until a response begins; 30 seconds unless set.
    ///
    /// Past it the status is 503, `timeout`; the search goes on to its end, as nothing can stop
    /// it, and counts as a request until then. The body of a `POST` has the same time to arrive,
    /// and is else answered with 408, `request_timeout`.
    pub fn first_byte_within(mut self, time: Duration) -> Builder {
        self.limits.first_byte = time;
        self
    }

    /// Sets what is called with each request, once its response has gone or will never go.
    ///
    /// It is called on threads of the executor, and so must be quick.
    pub fn on_answer(mut self, log: impl Fn(&Served) + Send + Sync + 'static) -> Builder {
        self.log = Some(Arc::new(log));
        self
    }

    /// Returns the service.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoKey`] without keys, unless it was told to do without;
    /// [`SetupError::EmptyKey`]; [`SetupError::InvalidPath`].
    pub fn build(self) -> Result<Api, SetupError> {
        if self.keys.is_empty() && !self.may_be_open {
            return Err(SetupError::NoKey);
        }
        if !is_plain_path(&self.path) {
            return Err(SetupError::InvalidPath { path: self.path });
        }
        let requests_max = self.limits.requests_max.min(Semaphore::MAX_PERMITS);
        Ok(Api::new(Shared {
            reader: self.reader,
            keys: Keys::new(self.keys)?,
            path: self.path,
            address_header: self.address_header,
            log: self.log,
            csv_safe: self.csv_safe,
            limits: self.limits,
            requests: Arc::new(Semaphore::new(requests_max)),
        }))
    }
}

/// Returns whether a path is one that clients can send as it stands, and that a router reads as a path
/// and no more.
fn is_plain_path(path: &str) -> bool {
    // Those of RFC 3986 but `*` and `:`, which a router may read as more.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()+,;=@%".contains(&byte);
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_resolved = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == "." || part == ".."
    };
    path.starts_with('/')
        && path.bytes().all(is_plain)
        && path.split('%').skip(1).all(is_encoded)
        && !path.split('/').any(is_resolved)
}

/// All but the secrets.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("keys", &self.keys)
            .field("path", &self.path)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// Starts the settings of a service over the tickets of a store.
    pub fn builder(reader: Reader) -> Builder {
        Builder {
            reader,
            keys: Vec::new(),
            may_be_open: false,
            path: DEFAULT_PATH.to_owned(),
            address_header: None,
            log: None,
            csv_safe: false,
            limits: Limits {
                request_bytes_max: 64 << 10,
                records_max: None,
                requests_max: 256,
                first_byte: Duration::from_secs(30),
            },
        }
    }
}
