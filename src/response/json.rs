//! Responses as JSON: one object, every value a string.
//!
//! Its own file because this is all that JSON is here: the glue around the values, two
//! escapes, and the two bodies without records. `serde_json` escapes control characters
//! below U+0020 too; no identifier and no shown message holds one.

use super::columns::Columns;
use super::counts::CountsStyle;
use super::template::Layout;
use super::{Escapes, Style, escape, make_escapes};
use crate::model::Field;
use crate::segment::Slot;

pub(super) static STYLE: Style = Style {
    head: |_, _| "{\n\t\"tickets\": [".to_owned(),
    between: ",",
    foot: "\n\t]\n}\n",
    escapes: &ESCAPES,
    quoting: None,
    record,
    count,
    counts: CountsStyle {
        head: |total| format!("{{\n\t\"count\" : \"{total}\",\n\t\"by\": [\n"),
        key: |name, distinct| {
            format!(
                "\t\t{{\n\t\t\t\"field\" : \"{name}\",\n\t\t\t\"distinct\" : \"{distinct}\",\n\t\t\t\"groups\": [\n"
            )
        },
        group: |_, value, count| {
            format!(
                "\t\t\t\t{{\n\t\t\t\t\t\"value\" : \"{value}\",\n\t\t\t\t\t\"count\" : \"{count}\"\n\t\t\t\t}}"
            )
        },
        between: ",\n",
        last: "\n",
        key_end: "\t\t\t]\n\t\t}",
        foot: "\t]\n}\n",
    },
    error,
};

static ESCAPES: Escapes = make_escapes(&[(b'"', "\\\""), (b'\\', "\\\\")]);

fn record(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    layout.glue("\n\t\t{");
    let mut before = "\n\t\t\t\"";
    for field in columns.fields() {
        if field == Field::CustomFields {
            layout.glues(&[before, field.name(), "\" : ["]);
            custom_fields(layout, columns, names);
            layout.glue("]");
        } else {
            member(layout, before, field.name(), Slot::Field(field));
        }
        before = ",\n\t\t\t\"";
    }
    layout.glue("\n\t\t}");
}

fn custom_fields(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    let mut custom = columns.custom(names).peekable();
    if custom.peek().is_none() {
        return;
    }
    layout.glue("\n\t\t\t\t{");
    let mut before = "\n\t\t\t\t\"";
    for (index, name) in custom {
        member(layout, before, name, Slot::Custom(index));
        before = ",\n\t\t\t\t\"";
    }
    layout.glue("\n\t\t\t\t}\n\t\t\t");
}

fn member(layout: &mut Layout<'_>, before: &str, name: &str, slot: Slot) {
    layout.glues(&[before, name, "\" : \""]);
    layout.value(slot);
    layout.glue("\"");
}

fn count(count: u64) -> String {
    format!("{{\n\t\"count\" : \"{count}\"\n}}\n")
}

fn error(code: &str, message: &str) -> String {
    let message = escape(message, &ESCAPES);
    format!(
        "{{\n\t\"error\" : {{\n\t\t\"code\" : \"{code}\",\n\t\t\"message\" : \"{message}\"\n\t}}\n}}\n"
    )
}
