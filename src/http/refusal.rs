//! Why a request is not answered: status, code, message and the headers that go with them.

use std::borrow::Cow;

use http::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::model::error::Error;

/// An error of the service, to be answered as an error document.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Refusal {
        Refusal {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Refusal {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    pub(super) fn missing_key() -> Refusal {
        let message = "a key must be given, as key=...";
        Refusal::new(StatusCode::UNAUTHORIZED, "missing_key", message)
            .with(WWW_AUTHENTICATE, "Key realm=\"get_tickets\"")
    }

    pub(super) fn unknown_key() -> Refusal {
        let message = "the key that was given is not known here";
        Refusal::new(StatusCode::UNAUTHORIZED, "unknown_key", message)
            .with(WWW_AUTHENTICATE, "Key realm=\"get_tickets\"")
    }

    pub(super) fn network() -> Refusal {
        let message = "the key may not be used from this address";
        Refusal::new(StatusCode::FORBIDDEN, "address_not_allowed", message)
    }

    pub(super) fn not_found() -> Refusal {
        let message = "nothing is at this path";
        Refusal::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn method() -> Refusal {
        let message = "the method must be GET, HEAD or POST";
        let code = "method_not_allowed";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, code, message).with(ALLOW, "GET, HEAD, POST")
    }

    pub(super) fn media_type() -> Refusal {
        let message = "the body of a POST must be application/x-www-form-urlencoded, \
                       without a Content-Encoding";
        let code = "unsupported_media_type";
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message)
    }

    pub(super) fn uri_too_long(bytes_max: usize) -> Refusal {
        Refusal {
            message: format!("the request must have at most {bytes_max} bytes").into(),
            ..Refusal::new(StatusCode::URI_TOO_LONG, "request_too_long", "")
        }
    }

    pub(super) fn body_too_long(bytes_max: usize) -> Refusal {
        Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Refusal::uri_too_long(bytes_max)
        }
    }

    pub(super) fn body_too_slow() -> Refusal {
        let message = "the body of the request did not arrive in time";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    }

    pub(super) fn body_broken() -> Refusal {
        let message = "the body of the request could not be read";
        Refusal::new(StatusCode::BAD_REQUEST, "incomplete_request", message)
    }

    pub(super) fn too_many_records(count: u64, count_max: u64) -> Refusal {
        let message = format!(
            "the answer would have {count} records but may have {count_max}; \
             count gives fewer, and page the next ones"
        );
        Refusal {
            message: message.into(),
            ..Refusal::new(StatusCode::BAD_REQUEST, "too_many_records", "")
        }
    }

    pub(super) fn too_many_groups(count: u64, count_max: u64) -> Refusal {
        let message = format!(
            "the counts would have {count} groups but may have {count_max}; \
             top gives fewer of each key"
        );
        Refusal {
            message: message.into(),
            ..Refusal::new(StatusCode::BAD_REQUEST, "too_many_records", "")
        }
    }

    pub(super) fn overloaded() -> Refusal {
        let message = "too many requests are being answered; try again later";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).with(RETRY_AFTER, "1")
    }

    pub(super) fn too_many_requests() -> Refusal {
        let message = "too many requests with this key are being answered; try again later";
        let code = "too_many_requests";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message).with(RETRY_AFTER, "1")
    }

    pub(super) fn too_slow() -> Refusal {
        let message = "the answer was not found in time; narrow the request or try again later";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message).with(RETRY_AFTER, "5")
    }

    pub(super) fn internal() -> Refusal {
        let message = "the request could not be answered";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    }

    /// What became of a request that cannot be parsed; `message` overrides what the error says.
    pub(super) fn of(error: &Error, message: Option<&'static str>) -> Refusal {
        let status = StatusCode::from_u16(error.status());
        Refusal {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: error.code(),
            message: message.map_or_else(|| error.to_string().into(), Cow::Borrowed),
            header: None,
        }
    }
}
