//! Requests that are refused: in every spelling alike, with a message that every format carries.

use ticketdex::{Error, ErrorKind, Format, Query, Request};

/// The names that a request may use, as a message lists them.
const KNOWN: &str = "action, key, format, tid, keyword, due_date, start_tid, end_tid, \
    start_cid, end_cid, start_date, end_date, changed_since, count, page, count_only, order, \
    order_direction, fields, after, before, status, source, category, sub_category, priority, \
    escalation, uid, group, cid, empty, present, company_id, company_name, contact, phone, email, \
    cc_addresses, date_opened, date_closed, opened_by, last_updated, updated_by, updater_type, \
    assigned_group_id, customer_group_id, customer_group_name, locked, locked_by, linked_asset, \
    linked_calls, linked_devices, merged, merged_to, parent_ticket, children_tickets, \
    custom_fields.NAME; the name of any field, and keyword, also with !=; that of an integer or a \
    date with >= and <=";

/// Returns the variable that an error names.
pub fn variable(error: &Error) -> &str {
    match error.kind() {
        ErrorKind::InvalidValue { variable, .. } | ErrorKind::UnknownVariable { variable, .. } => {
            variable
        }
        ErrorKind::DuplicateVariable { variable, .. }
        | ErrorKind::CursorConflict { variable, .. } => variable,
        ErrorKind::PageNeedsCount { .. } | ErrorKind::PageNeedsWildcard { .. } => "page",
        other => panic!("{other:?}"),
    }
}

/// Parses a bad request in every spelling that must not matter, and returns its error.
pub fn refuse(request: &str) -> Error {
    let error = request.parse::<Request>().expect_err(request);
    assert!(error.is_request(), "{request}");
    assert!(error.position().is_none(), "{request}");
    let message = error.to_string();
    for spelling in [format!("?{request}"), format!("&&{request}&&")] {
        // A request's own `?` would be the one that is dropped.
        if !request.starts_with('?') {
            let other = spelling.parse::<Request>().expect_err(&spelling);
            assert_eq!(other.to_string(), message, "{spelling}");
        }
    }
    let query = request.parse::<Query>().expect_err(request);
    assert_eq!(query.to_string(), message);
    check_bodies(&error);
    error
}

/// Returns how a message suggests what was meant.
fn hint(error: &Error) -> String {
    let meant = error.suggestion();
    meant.map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"))
}

/// Checks the message about a value; of a list it may name the word that is none.
pub fn assert_invalid(error: &Error, variable: &str, value: &str, expected: &str) {
    assert_eq!(error.code(), "invalid_value", "{error}");
    let message = error.to_string();
    let start = format!("{variable} is \"{}\" but must be {expected}", shown(value));
    let rest = message.strip_prefix(&start);
    let word = rest.and_then(|rest| rest.strip_suffix(&hint(error)));
    let is_right = word.is_some_and(|word| {
        let unknown = word.strip_prefix("; unknown is \"");
        let unknown = unknown.and_then(|word| word.strip_suffix('"'));
        let known = word.strip_prefix("; \"");
        let known = known.and_then(|word| word.strip_suffix("\" cannot stand there"));
        match unknown.or(known) {
            Some(word) => start.contains(word),
            None => word.is_empty(),
        }
    });
    assert!(is_right, "{message}\nshould begin {start}");
}

/// Checks the message about a name that does not exist.
pub fn assert_unknown(error: &Error, name: &str, value: &str) {
    assert_unknown_among(error, name, value, KNOWN);
}

/// Checks the message about a name that `count_tickets` does not know.
pub fn assert_unknown_to_counts(error: &Error, name: &str, value: &str) {
    let windows = "count, page, count_only, order, order_direction, fields, after, before";
    let known = KNOWN.replace(windows, "by, top, exclude_own");
    assert_unknown_among(error, name, value, &known);
}

/// Checks the message about a name that means something elsewhere.
pub fn assert_explained(error: &Error, name: &str, value: &str, told: &str) {
    let (name, value) = (shown(name), shown(value));
    let message = format!("unknown variable \"{name}\" with value \"{value}\"; {told}");
    assert_eq!(
        (error.code(), error.to_string(), error.suggestion()),
        ("unknown_variable", message, None)
    );
}

fn assert_unknown_among(error: &Error, name: &str, value: &str, known: &str) {
    let (name, value, hint) = (shown(name), shown(value), hint(error));
    let message =
        format!("unknown variable \"{name}\" with value \"{value}\"{hint}; known are {known}");
    assert_eq!(
        (error.code(), error.to_string()),
        ("unknown_variable", message)
    );
}

/// Returns a text as a message shows it: what nobody would see is an escape.
pub fn shown(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() => c.escape_default().to_string(),
            '\u{FFFE}'
            | '\u{FFFF}'
            | '\u{FEFF}'
            | '\u{A0}'
            | '\u{AD}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200F}'
            | '\u{2028}'..='\u{202F}'
            | '\u{205F}'..='\u{206F}'
            | '\u{3000}' => c.escape_unicode().to_string(),
            c => c.to_string(),
        })
        .collect()
}

/// Reads the error's three bodies with parsers of others.
fn check_bodies(error: &Error) {
    let message = error.to_string();
    assert_eq!(shown(&message), message);
    let body = |format| String::from_utf8(error.to_response(format)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&body(Format::Json)).unwrap();
    let expected = serde_json::json!({"error": {"code": error.code(), "message": message}});
    assert_eq!(json, expected);
    let delimited = body(Format::Delimited);
    let pairs: Vec<(String, String)> = form_urlencoded::parse(delimited.trim_end().as_bytes())
        .into_owned()
        .collect();
    let expected = [("error", error.code()), ("message", &message)];
    assert_eq!(
        pairs,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let xml = body(Format::Xml);
    let escaped = message
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    assert!(xml.contains(&format!("\t<code>{}</code>\n", error.code())));
    assert!(
        xml.contains(&format!("\t<message>{escaped}</message>\n")),
        "{xml}"
    );
}
