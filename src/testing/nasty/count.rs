//! Requests that count tickets by value: every kind of key, often one that the filters are on.

use super::request::{push_filters, show_pairs};
use super::value::Pairs;
use super::{CUSTOM_NAMES, Random};
use crate::{CountKey, Field, FieldKind, Ticket};

/// Makes a request that counts the tickets of a store of these.
pub fn make_count_request(random: &mut Random, tickets: &[Ticket]) -> String {
    let mut pairs: Pairs = Vec::new();
    push_filters(random, tickets, &mut pairs);
    let keys_count = random.choose(&[1, 1, 2, 3, 3, 0, 6, 12]);
    let keys: Vec<String> = (0..keys_count).map(|_| make_key(random, &pairs)).collect();
    if !keys.is_empty() {
        let between = random.pick(&[",", " ,", ",\u{3000}"]);
        pairs.push(("by".into(), keys.join(between)));
    }
    if random.is_one_in(3) {
        let top = random.choose(&[1, 2, 3, 1000, u64::MAX]);
        pairs.push(("top".into(), top.to_string()));
    }
    if !random.is_one_in(3) {
        let flag = random.pick(&["Y", "y", "N"]);
        pairs.push(("exclude_own".into(), flag.to_owned()));
    }
    let at = random.below(pairs.len() + 1);
    pairs.insert(at, ("action".into(), "count_tickets".to_owned()));
    let start = random.pick(&["", "", "?", "&&"]);
    show_pairs(random, start, &pairs)
}

/// Makes a key: of a field that a filter is on, or of any.
fn make_key(random: &mut Random, pairs: &Pairs) -> String {
    if !pairs.is_empty() && random.is_one_in(2) {
        let (name, value) = &pairs[random.below(pairs.len())];
        let name = name.trim_end_matches(['!', '<', '>']);
        let listed = value.split(',').next().unwrap_or_default().trim();
        let named = match name {
            "empty" | "present" => listed,
            "start_cid" | "end_cid" => "cid",
            "start_date" | "end_date" => "date_opened",
            name => name,
        };
        let with_part = format!("{named}.{}", random.pick(&["year", "Month", "DAY"]));
        for own in [named.to_owned(), with_part] {
            if CountKey::from_name(&own).is_some() {
                return own;
            }
        }
    }
    let countable = |field: &Field| !matches!(field, Field::Tid | Field::Subject | Field::Summary);
    let fields: Vec<Field> = Field::ALL.into_iter().filter(countable).collect();
    let field = random.choose(&fields);
    let name = field.alias().filter(|_| random.is_one_in(2));
    let name = name.unwrap_or(field.name());
    let name = match field.kind() {
        FieldKind::Date => format!("{name}.{}", random.pick(&["year", "month", "Day"])),
        FieldKind::CustomFields if random.is_one_in(8) => format!("{name}.nowhere"),
        FieldKind::CustomFields => format!("{name}.{}", random.pick(&CUSTOM_NAMES)),
        _ => name.to_owned(),
    };
    if random.is_one_in(4) {
        name.to_uppercase()
    } else {
        name
    }
}
