//! Responses as URL-delimited pairs, one ticket a line (spec section 4).
//!
//! Its own file because this is all that the delimited form is here: the glue around
//! the values, five escapes, and the two bodies without records. Control characters
//! would be escaped too; no identifier holds one.

use super::template::Layout;
use super::{Escapes, Style, make_escapes};
use crate::model::Field;
use crate::model::value::encode_into;
use crate::segment::Slot;

pub(super) static STYLE: Style = Style {
    head: |_| String::new(),
    between: "",
    foot: "",
    escapes: &ESCAPES,
    quoting: None,
    record,
    count,
    error,
};

static ESCAPES: Escapes = make_escapes(&[
    (b'%', "%25"),
    (b'&', "%26"),
    (b'=', "%3D"),
    (b'+', "%2B"),
    (b'#', "%23"),
]);

fn record(layout: &mut Layout<'_>, names: &[String]) {
    let mut before = "";
    for field in Field::ALL {
        if field == Field::CustomFields {
            custom_fields(layout, names);
        } else {
            layout.glues(&[before, field.name(), "="]);
            layout.value(Slot::Field(field));
        }
        before = "&";
    }
    layout.glue("\n");
}

/// The pairs of the names, then their list: no pair is without one before it.
fn custom_fields(layout: &mut Layout<'_>, names: &[String]) {
    for (index, name) in (0..).zip(names) {
        layout.glues(&["&", name, "="]);
        layout.value(Slot::Custom(index));
    }
    layout.glues(&["&", Field::CustomFields.name(), "="]);
    let mut before = "";
    for name in names {
        layout.glues(&[before, name]);
        before = ",";
    }
}

fn count(count: u64) -> String {
    format!("count={count}\n")
}

fn error(code: &str, message: &str) -> String {
    let mut encoded = Vec::new();
    encode_into(message, &mut encoded);
    // Encoding writes ASCII only, so nothing is lost.
    let message = String::from_utf8_lossy(&encoded);
    format!("error={code}&message={message}\n")
}
