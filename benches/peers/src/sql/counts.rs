//! Counts by value as `GROUP BY`.

use rusqlite::types::Value;
use ticketdex::{CountKey, CountQuery, DatePart, Field, FieldKind};

use super::filter::Filter;
use super::{Statement, compared, custom, is_list};

/// Returns the statement for the groups of one key, each with its value and its count, in order.
pub fn groups(query: &CountQuery, key: &CountKey) -> Statement {
    let own = query.excludes_own().then(|| key.field());
    let filter = Filter::without(query.matching(), own.as_ref());
    let (source, mut values) = filter.into_source();
    let (source, grouped, shown) = match key {
        // One row for each distinct element of a list, or for the empty value.
        CountKey::Field(field) if is_list(*field) => (
            source.join(&format!("json_each(elements({})) AS element", field.name())),
            "fold(element.value)".to_owned(),
            "min(element.value)".to_owned(),
        ),
        CountKey::Field(field) => {
            let shown = match field.kind() {
                FieldKind::Integer | FieldKind::OptionalInteger => field.name().to_owned(),
                _ => format!("min({})", field.name()),
            };
            (source.to_string(), compared(*field), shown)
        }
        CountKey::Part(field, part) => {
            let part = part_of(*field, *part);
            (source.to_string(), part.clone(), part)
        }
        CountKey::Custom(name) => {
            let text = custom(name);
            let shown = format!("min({text})");
            (source.to_string(), format!("fold({text})"), shown)
        }
        other => unreachable!("{other:?} has no translation"),
    };
    let by_value = is_by_value(key);
    let most = query.top().and_then(|top| i64::try_from(top).ok());
    values.extend(most.map(Value::Integer));
    let by_count = if by_value {
        "2 DESC, 3"
    } else {
        "2 DESC, 3 LIMIT ?"
    };
    let rows = format!("SELECT {shown}, count(*), {grouped} FROM {source} GROUP BY 3");
    let text = match (by_value, most) {
        (true, None) => format!("{rows} ORDER BY 3"),
        // The greatest counts, ties to the earlier value, and those by value.
        (true, Some(_)) => {
            format!("SELECT * FROM ({rows} ORDER BY {by_count} LIMIT ?) ORDER BY 3")
        }
        (false, None) => format!("{rows} ORDER BY 2 DESC, 3"),
        (false, Some(_)) => format!("{rows} ORDER BY {by_count}"),
    };
    Statement { text, values }
}

/// Groups of dates and integers come by value, all others by count.
fn is_by_value(key: &CountKey) -> bool {
    match key {
        CountKey::Field(field) => matches!(
            field.kind(),
            FieldKind::Integer | FieldKind::OptionalInteger
        ),
        CountKey::Part(_, _) => true,
        _ => false,
    }
}

fn part_of(field: Field, part: DatePart) -> String {
    let format = match part {
        DatePart::Year => "%Y",
        DatePart::Month => "%Y-%m",
        DatePart::Day => "%Y-%m-%d",
    };
    format!("strftime('{format}', {}, 'unixepoch')", field.name())
}
