//! Responses as URL-delimited pairs, one ticket a line (spec section 4).
//!
//! Its own file because this is all that the delimited form is here: the glue around
//! the values, five escapes, and the two bodies without records. Control characters
//! would be escaped too; no identifier holds one.

use super::{Escapes, Style, Template, make_escapes};
use crate::model::Field;
use crate::model::value::encode_into;
use crate::segment::Slot;

pub(super) static STYLE: Style = Style {
    head: "",
    between: "",
    foot: "",
    escapes: &ESCAPES,
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

fn record(template: &mut Template<'_>, names: &[String]) {
    let mut before = "";
    for field in Field::ALL {
        if field == Field::CustomFields {
            custom_fields(template, names);
        } else {
            template.glues(&[before, field.name(), "="]);
            template.value(Slot::Field(field));
        }
        before = "&";
    }
    template.glue("\n");
}

/// The pairs of the names, then their list: no pair is without one before it.
fn custom_fields(template: &mut Template<'_>, names: &[String]) {
    for (index, name) in (0..).zip(names) {
        template.glues(&["&", name, "="]);
        template.value(Slot::Custom(index));
    }
    template.glues(&["&", Field::CustomFields.name(), "="]);
    let mut before = "";
    for name in names {
        template.glues(&[before, name]);
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
