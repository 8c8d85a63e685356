//! Responses as URL-delimited pairs, one ticket a line.
//!
//! Its own file because this is all that the delimited form is here: the glue around
//! the values, five escapes, and the two bodies without records. Control characters
//! would be escaped too; no identifier holds one.

use super::columns::Columns;
use super::counts::CountsStyle;
use super::template::Layout;
use super::{Escapes, Style, make_escapes};
use crate::model::Field;
use crate::model::value::encode_into;
use crate::segment::Slot;

pub(super) static STYLE: Style = Style {
    head: |_, _| String::new(),
    between: "",
    foot: "",
    escapes: &ESCAPES,
    quoting: None,
    record,
    count,
    counts: CountsStyle {
        head: count,
        key: |name, distinct| format!("field={name}&distinct={distinct}\n"),
        group: |name, value, count| format!("field={name}&value={value}&count={count}\n"),
        between: "",
        last: "",
        key_end: "",
        foot: "",
    },
    error,
};

static ESCAPES: Escapes = make_escapes(&[
    (b'%', "%25"),
    (b'&', "%26"),
    (b'=', "%3D"),
    (b'+', "%2B"),
    (b'#', "%23"),
]);

fn record(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    let mut before = "";
    for field in columns.fields() {
        if field == Field::CustomFields {
            custom_fields(layout, before, columns, names);
        } else {
            layout.glues(&[before, field.name(), "="]);
            layout.value(Slot::Field(field));
        }
        before = "&";
    }
    layout.glue("\n");
}

/// The pairs of the names, then their list; `before` stands before the first pair.
fn custom_fields<'a>(
    layout: &mut Layout<'_>,
    mut before: &'a str,
    columns: &'a Columns,
    names: &'a [String],
) {
    for (index, name) in columns.custom(names) {
        layout.glues(&[before, name, "="]);
        layout.value(Slot::Custom(index));
        before = "&";
    }
    layout.glues(&[before, Field::CustomFields.name(), "="]);
    let mut before = "";
    for (_, name) in columns.custom(names) {
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
