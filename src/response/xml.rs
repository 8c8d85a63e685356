//! Responses as XML: one element a line, as on the vendor's page.
//!
//! Its own file because this is all that XML is here: the glue around the values, three
//! escapes, and the two bodies without records.

use super::columns::Columns;
use super::counts::CountsStyle;
use super::template::Layout;
use super::{Escapes, Style, escape, make_escapes};
use crate::model::Field;
use crate::segment::Slot;

pub(super) static STYLE: Style = Style {
    head: |_, _| "<?xml version=\"1.0\"?>\n<tickets>\n".to_owned(),
    between: "",
    foot: "</tickets>\n",
    escapes: &ESCAPES,
    quoting: None,
    record,
    count,
    counts: CountsStyle {
        head: |total| format!("<?xml version=\"1.0\"?>\n<counts>\n\t<count>{total}</count>\n"),
        key: |name, distinct| {
            format!("\t<by>\n\t\t<field>{name}</field>\n\t\t<distinct>{distinct}</distinct>\n")
        },
        group: |_, value, count| {
            format!(
                "\t\t<group>\n\t\t\t<value>{value}</value>\n\t\t\t<count>{count}</count>\n\t\t</group>\n"
            )
        },
        between: "",
        last: "",
        key_end: "\t</by>\n",
        foot: "</counts>\n",
    },
    error,
};

static ESCAPES: Escapes = make_escapes(&[(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;")]);

fn record(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    layout.glue("\t<ticket>\n");
    for field in columns.fields() {
        if field == Field::CustomFields {
            custom_fields(layout, columns, names);
        } else {
            element(layout, "\t\t", field.name(), Slot::Field(field));
        }
    }
    layout.glue("\t</ticket>\n");
}

fn custom_fields(layout: &mut Layout<'_>, columns: &Columns, names: &[String]) {
    let (indent, name) = ("\t\t", Field::CustomFields.name());
    layout.glues(&[indent, "<", name, ">"]);
    let mut custom = columns.custom(names).peekable();
    if custom.peek().is_some() {
        layout.glue("\n");
        for (index, name) in custom {
            element(layout, "\t\t\t", name, Slot::Custom(index));
        }
        layout.glue(indent);
    }
    layout.glues(&["</", name, ">\n"]);
}

fn element(layout: &mut Layout<'_>, indent: &str, name: &str, slot: Slot) {
    layout.glues(&[indent, "<", name, ">"]);
    layout.value(slot);
    layout.glues(&["</", name, ">\n"]);
}

fn count(count: u64) -> String {
    format!("<?xml version=\"1.0\"?>\n<tickets>\n\t<count>{count}</count>\n</tickets>\n")
}

fn error(code: &str, message: &str) -> String {
    let message = escape(message, &ESCAPES);
    format!(
        "<?xml version=\"1.0\"?>\n<error>\n\t<code>{code}</code>\n\t<message>{message}</message>\n</error>\n"
    )
}
