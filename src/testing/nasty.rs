//! Tickets, batches and requests whose values are drawn to collide.
//!
//! Texts that are equal only when folded, dates a second around midnight, tids at the
//! limits, bytes that each format escapes, keywords that cross an escape. Requests are
//! made as text, so that parsing is under test too, and draw most values from the store's
//! own tickets, so that most answers are not empty. Everything is drawn from a [`Random`]:
//! from a seed, or from bytes that a fuzzer or a shrinking test has chosen.

use crate::{Batch, Cell, Field, FieldKind, Patch, Ticket, Value, fold};
use std::fmt::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// The numbers that the generators draw, one sequence a source, on every machine.
#[derive(Clone, Debug)]
pub enum Random {
    /// `SplitMix64`, from a seed.
    Seeded(u64),
    /// What a fuzzer has chosen, and nothing but 0 after its end.
    Chosen(std::vec::IntoIter<u8>),
}

impl Random {
    /// Draws by a seed.
    pub fn new(seed: u64) -> Random {
        Random::Seeded(seed)
    }

    /// Draws what the bytes say, and first choices after their end.
    pub fn chosen(bytes: &[u8]) -> Random {
        Random::Chosen(Vec::from(bytes).into_iter())
    }

    /// Returns any number.
    pub fn number(&mut self) -> u64 {
        match self {
            Random::Chosen(bytes) => bytes
                .take(8)
                .fold(0, |number, byte| number << 8 | u64::from(byte)),
            Random::Seeded(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                mixed ^ (mixed >> 31)
            }
        }
    }

    /// Returns a number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = match self {
            // A byte a choice, so that a fuzzer's small change is a small change.
            Random::Chosen(bytes) if end <= 256 => bytes.next().unwrap_or(0).into(),
            _ => self.number(),
        };
        (number % end as u64) as usize
    }

    /// Returns true as often as one of so many choices is made; `end` is not 0.
    pub fn is_one_in(&mut self, end: usize) -> bool {
        self.below(end) == 0
    }

    /// Returns one of some references, of which there is one at least.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// Returns a copy of one of some values, of which there is one at least.
    pub fn choose<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Values of filtered fields; many differ only until they are folded.
const NAMES: [&str; 28] = [
    "Open", "OPEN", "open", "opens", "ẞ", "ß", "ss", "SS", "İ", "i̇", "ı", "I", "ς", "σ", "Σ", "Ǆ",
    "ǅ", "ǆ", "ﬁ", "fi", "*", "a,b", "a b", " open", "\u{2028}", "J", "jo", "Jones",
];

/// Pieces of texts: what each format escapes, and what folds into something longer.
const PIECES: [&str; 36] = [
    "printer",
    "PRINTER",
    "Print",
    "error",
    "0x80070005",
    "a",
    "É",
    "é",
    "naïve",
    "STRAẞE",
    "straße",
    "İstanbul",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ﬁle",
    "ǅ",
    "\u{2028}",
    "\0",
    "\u{7}",
    "\u{7f}",
    "\u{85}",
    "%41",
    "%",
    "+",
    "<b>",
    "&amp;",
    "]]>",
    "\"",
    "\\",
    "\u{FFFE}",
    "🖨",
    "日本",
    "=",
    "#",
    "john@example.com",
    "x\u{301}",
];

const SPACES: [&str; 8] = [" ", " ", " ", "\t", "\n", "\u{a0}", "\u{2028}", "\u{3000}"];

const IDENTIFIERS: [&str; 16] = [
    "guest", "GUEST", "o'neil", "r&d", "#1", "a=b", "1+1", "50%", "%41", "<b>", "]]>", "\"q\"",
    "\\", "tech é", "İ", "12,13",
];

const CUSTOM_NAMES: [&str; 10] = [
    "Serial", "SERIAL", "serial", "Colour", "colour", "_x", "a.b-c", "Z9", "Rare", "count",
];

const TIDS: [u64; 14] = [
    1,
    2,
    9,
    10,
    11,
    99,
    100,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 1,
    1 << 63,
    u64::MAX - 2,
    u64::MAX - 1,
    u64::MAX,
];

fn make_text(random: &mut Random, pieces_max: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.below(pieces_max + 1) {
        text += random.pick(&PIECES);
        if !random.is_one_in(4) {
            text += random.pick(&SPACES);
        }
    }
    text
}

/// Makes a tid: small ones that come again, and those at the limits.
pub fn make_tid(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => random.choose(&TIDS),
        1 => random.number().max(1),
        _ => random.below(400) as u64 + 1,
    }
}

fn make_date(random: &mut Random) -> NaiveDateTime {
    let (year, month, day) = random.choose(&[
        (2014, 2, 1),
        (2014, 2, 2),
        (2014, 2, 1),
        (2024, 2, 29),
        (1, 1, 1),
        (9999, 12, 31),
        (1970, 1, 1),
    ]);
    let second = random.choose(&[0, 1, 59, 3_600, 43_199, 43_200, 86_398, 86_399]);
    let day = NaiveDate::from_ymd_opt(year, month, day).expect("the days above are days");
    day.and_time(NaiveTime::MIN) + TimeDelta::seconds(second)
}

fn make_value(random: &mut Random, field: Field) -> Value {
    if random.is_one_in(4) {
        return Value::None;
    }
    match field.kind() {
        FieldKind::Integer | FieldKind::OptionalInteger => Value::Integer(match random.below(4) {
            0 => random.choose(&TIDS),
            _ => random.below(4) as u64,
        }),
        FieldKind::Date => Value::Date(make_date(random)),
        FieldKind::Flag => Value::from(random.pick(&["N", "Y", "n", "y", ""])),
        FieldKind::Identifier => Value::from(random.pick(&IDENTIFIERS)),
        _ if field.is_searchable() => Value::from(make_text(random, 6)),
        _ if random.is_one_in(6) => Value::from(make_text(random, 2)),
        _ => Value::from(random.pick(&NAMES)),
    }
}

fn make_custom_fields(random: &mut Random) -> Vec<(String, String)> {
    let count = if random.is_one_in(2) {
        0
    } else {
        random.below(4)
    };
    let mut pairs = Vec::new();
    for _ in 0..count {
        let text = if random.is_one_in(3) {
            String::new()
        } else {
            make_text(random, 2)
        };
        pairs.push((random.pick(&CUSTOM_NAMES).to_owned(), text));
    }
    pairs
}

/// Makes a ticket that keeps every rule.
pub fn make_ticket(random: &mut Random, tid: u64) -> Ticket {
    let mut patch = Patch::new();
    for field in Field::ALL {
        if field != Field::Tid && field != Field::CustomFields {
            patch = patch.set(field, make_value(random, field));
        }
    }
    let custom_fields = make_custom_fields(random);
    let mut ticket = Ticket {
        tid,
        custom_fields,
        ..Ticket::default()
    };
    let applied = patch.apply(&mut ticket);
    debug_assert!(applied.is_ok(), "a value that is made suits its field");
    ticket
}

/// Makes the tickets of a store; a tid may stand more than once.
pub fn make_tickets(random: &mut Random, count: usize) -> Vec<Ticket> {
    (0..count)
        .map(|at| {
            let tid = if count > 400 {
                at as u64 + 1
            } else {
                make_tid(random)
            };
            make_ticket(random, tid)
        })
        .collect()
}

/// Makes a batch that changes some of a store's tickets; one in sixteen breaks a rule.
pub fn make_batch(random: &mut Random, known: &[u64]) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..=random.below(10) {
        let is_known = !known.is_empty() && !random.is_one_in(8);
        let tid = if is_known {
            random.choose(known)
        } else {
            make_tid(random)
        };
        match random.below(4) {
            0 => batch.remove(tid),
            1 if is_known => batch.patch(tid, make_patch(random)),
            _ => batch.put(make_ticket(random, tid)),
        };
    }
    if random.is_one_in(16) {
        let bad = match random.below(4) {
            0 => Ticket::default(),
            1 => Ticket {
                tid: 5,
                locked: "X".into(),
                ..Ticket::default()
            },
            2 => Ticket {
                tid: 5,
                opened_by: "\u{85}".into(),
                ..Ticket::default()
            },
            _ => Ticket {
                tid: 5,
                custom_fields: vec![
                    ("New".into(), String::new()),
                    ("STATUS".into(), String::new()),
                ],
                ..Ticket::default()
            },
        };
        batch.put(bad);
    }
    batch
}

/// Makes a patch of a few fields; half of them leave the searchable texts alone.
pub fn make_patch(random: &mut Random) -> Patch {
    let mut patch = Patch::new();
    let may_be_searchable = random.is_one_in(2);
    for _ in 0..random.below(5) {
        let field = random.choose(&Field::ALL);
        let is_searchable = field.is_searchable() || field == Field::CustomFields;
        if is_searchable && !may_be_searchable {
            continue;
        }
        if field == Field::CustomFields || field == Field::Tid {
            let name = random.pick(&CUSTOM_NAMES);
            patch = patch.set_custom(name, make_text(random, 2));
        } else if field.kind() == FieldKind::Date && random.is_one_in(2) {
            patch = patch.set(field, random.pick(&["2/1/2014", "2014-02-01T23:59:59", ""]));
        } else {
            patch = patch.set(field, make_value(random, field));
        }
    }
    patch
}

/// Returns the batches that make up the same tickets in about so many commits, each after
/// the first also replacing and removing some that later ones put back.
pub fn split(random: &mut Random, tickets: &[Ticket], commits_count: usize) -> Vec<Batch> {
    let share = tickets.len().div_ceil(commits_count).max(1);
    let mut batches: Vec<Batch> = Vec::new();
    for part in tickets.chunks(share) {
        let mut batch = Batch::new();
        for ticket in part {
            batch.put(ticket.clone());
        }
        batches.push(batch);
    }
    if commits_count > 1 {
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        let at = random.below(batches.len() + 1);
        batches.insert(at, make_batch(random, &tids));
    }
    batches
}

/// Percent-encodes a value, in one of the ways that decode to it.
fn encode(random: &mut Random, text: &str) -> String {
    let mut out = String::new();
    let is_heavy = random.is_one_in(8);
    for byte in text.bytes() {
        if !is_heavy && (byte.is_ascii_alphanumeric() || b"*-._/:,".contains(&byte)) {
            out.push(char::from(byte));
        } else if byte == b' ' && random.is_one_in(2) {
            out.push('+');
        } else if random.is_one_in(2) {
            write!(out, "%{byte:02X}").expect("a string takes it");
        } else {
            write!(out, "%{byte:02x}").expect("a string takes it");
        }
    }
    out
}

/// The variables that a request can have beside `action`, `key` and `format`.
pub const VARIABLES: [&str; 22] = [
    "tid",
    "keyword",
    "status",
    "source",
    "category",
    "sub_category",
    "priority",
    "escalation",
    "due_date",
    "uid",
    "group",
    "cid",
    "start_tid",
    "end_tid",
    "start_cid",
    "end_cid",
    "start_date",
    "end_date",
    "count",
    "page",
    "order",
    "order_direction",
];

/// Makes a request for a store of these tickets.
pub fn make_request(random: &mut Random, tickets: &[Ticket]) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    // Most filters are taken from one ticket, so that they agree with one another.
    let nobody = Ticket {
        tid: 1,
        ..Ticket::default()
    };
    let target = if tickets.is_empty() {
        &nobody
    } else {
        &tickets[random.below(tickets.len())]
    };
    let filters_count = random.choose(&[0, 1, 1, 2, 2, 3]);
    for _ in 0..filters_count {
        push_filter(random, target, tickets, &mut pairs);
    }
    push_window(random, &mut pairs);
    if !random.is_one_in(3) {
        pairs.push(("order", make_order(random)));
    }
    if random.is_one_in(5) {
        pairs.push((
            "order_direction",
            random.pick(&["asc", "DESC", "Desc"]).to_owned(),
        ));
    }
    if random.is_one_in(12) {
        pairs.push(("count_only", random.pick(&["Y", "y", "N"]).to_owned()));
    }
    let mut request = String::from(random.pick(&["", "", "?", "action=get_tickets&", "&&"]));
    for (at, (name, value)) in pairs.iter().enumerate() {
        let name = if random.is_one_in(8) {
            name.to_uppercase()
        } else {
            (*name).to_owned()
        };
        let mark = if at == 0 { "" } else { "&" };
        request.extend([mark, &name, "=", &encode(random, value)]);
    }
    request
}

fn push_window(random: &mut Random, pairs: &mut Vec<(&str, String)>) {
    if random.is_one_in(3) {
        return;
    }
    pairs.push((
        "count",
        random.choose(&[1, 2, 3, 7, 50, u64::MAX]).to_string(),
    ));
    let has_wildcard = |value: &str| value.contains('*');
    if random.is_one_in(2) {
        match pairs.iter().find(|(name, _)| *name == "tid") {
            Some((_, value)) if !has_wildcard(value) => return,
            Some(_) => {}
            None => pairs.push(("tid", "*".to_owned())),
        }
        pairs.push((
            "page",
            random
                .choose(&[1, 1, 1, 1, 2, 3, 1_000_000, u64::MAX])
                .to_string(),
        ));
    }
}

fn push_filter(
    random: &mut Random,
    target: &Ticket,
    tickets: &[Ticket],
    pairs: &mut Vec<(&str, String)>,
) {
    let is_given = |name: &str, pairs: &[(&str, String)]| pairs.iter().any(|(own, _)| *own == name);
    let name = random.pick(&VARIABLES[..18]);
    let name = if random.is_one_in(6) { "keyword" } else { name };
    if is_given(name, pairs) {
        return;
    }
    let some = |random: &mut Random, tickets: &[Ticket]| {
        if tickets.is_empty() {
            7
        } else {
            tickets[random.below(tickets.len())].tid
        }
    };
    let value = match name {
        "tid" => make_tid_filter(random, target.tid),
        "keyword" => make_keyword(random, target),
        "start_tid" | "end_tid" if random.is_one_in(3) => some(random, tickets).to_string(),
        "start_tid" => (target.tid - random.below(2) as u64).to_string(),
        "end_tid" => format!("0{}", target.tid),
        "start_cid" | "end_cid" => cut(random, &target.cid),
        "start_date" => show_date(random, target.date_opened, -1),
        "end_date" => show_date(random, target.date_opened, 1),
        "due_date" => show_date(random, target.due_date, 0),
        _ => {
            let Some(field) = Field::from_name(name) else {
                return;
            };
            for _ in 0..random.choose(&[0, 0, 1, 3]) {
                let other = random.pick(&NAMES).to_owned();
                pairs.push((name, other));
            }
            let Cell::Text(text) = target.cell(field) else {
                return;
            };
            if random.is_one_in(2) {
                swap_case(text)
            } else {
                text.to_owned()
            }
        }
    };
    pairs.push((name, value));
}

/// Another spelling that folds to the same, where there is one.
fn swap_case(text: &str) -> String {
    let upper: String = text.chars().map(|c| c.to_ascii_uppercase()).collect();
    let full: String = text.to_uppercase();
    if fold(&full) == fold(text) {
        full
    } else {
        upper
    }
}

fn make_tid_filter(random: &mut Random, tid: u64) -> String {
    let digits = tid.to_string();
    let (head, tail) = digits.split_at(random.below(digits.len() + 1));
    match random.below(8) {
        0 | 1 => "*".to_owned(),
        2 => digits,
        3 => format!("{head}*"),
        4 => format!("*{tail}"),
        5 => format!("{head}*{tail}"),
        6 => format!("*{}*", &tail[..tail.len().min(1)]),
        _ => random
            .pick(&[
                "0*",
                "**",
                "1*1",
                "*00000000000000000000000000*",
                "0",
                "*1*2*",
            ])
            .to_owned(),
    }
}

/// Terms from inside the ticket's texts, mostly; some that fold, some from nowhere.
fn make_keyword(random: &mut Random, target: &Ticket) -> String {
    let fields = [
        Field::CompanyName,
        Field::Contact,
        Field::Email,
        Field::Subject,
        Field::Summary,
    ];
    let mut keyword = String::new();
    for _ in 0..random.choose(&[1, 1, 2, 3]) {
        let text = match random.below(7) {
            at @ 0..5 => match target.cell(fields[at]) {
                Cell::Text(text) => text.to_owned(),
                _ => String::new(),
            },
            5 => target
                .custom_fields
                .first()
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
            _ if random.is_one_in(3) => random.pick(&PIECES).to_owned(),
            _ => target.subject.clone(),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let word = words[random.below(words.len())];
        let part = cut(random, word);
        keyword += &if random.is_one_in(3) {
            swap_case(&part)
        } else {
            part
        };
        keyword += random.pick(&SPACES);
    }
    keyword
}

/// Some chars from inside a text; from the start half of the time.
fn cut(random: &mut Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return String::new();
    }
    let start = if random.is_one_in(2) {
        0
    } else {
        random.below(chars.len())
    };
    let end = start + 1 + random.below(chars.len() - start);
    chars[start..end].iter().collect()
}

fn show_date(random: &mut Random, date: Option<NaiveDateTime>, sign: i64) -> String {
    let date = date.unwrap_or_else(|| make_date(random));
    let off = sign * random.choose(&[0, 0, 1, -1, 86_400]);
    let moved = date + TimeDelta::seconds(off);
    // A second before year 1 or after 9999 is no date of a request.
    let date = if (1..=9999).contains(&moved.year()) {
        moved
    } else {
        date
    };
    let (year, month, day) = (date.year(), date.month(), date.day());
    let time = date.time();
    match random.below(5) {
        0 => format!("{year:04}-{month:02}-{day:02}T{time:?}"),
        1 => format!("{year:04}-{month:02}-{day:02}"),
        2 => format!("{month:02}/{day:02}/{year:04}"),
        3 => format!("{month:02}/{day:02}/{year:04} {time:?}"),
        _ => format!("{year:04}-{month:02}-{day:02} {time:?}"),
    }
}

/// Makes an order of one to three keys; every output variable, alias and custom name occurs.
fn make_order(random: &mut Random) -> String {
    let mut keys = Vec::new();
    for _ in 0..random.choose(&[1, 1, 2, 3]) {
        let field = random.choose(&Field::ALL);
        let key = match field.alias() {
            _ if field == Field::CustomFields || random.is_one_in(16) => {
                let name = random.pick(&CUSTOM_NAMES);
                let name = if random.is_one_in(8) { "nowhere" } else { name };
                format!("custom_fields.{name}")
            }
            Some(alias) if random.is_one_in(2) => alias.to_owned(),
            _ => field.name().to_owned(),
        };
        let direction = random.pick(&["", "", " ASC", " DESC", "\u{3000}desc", "  Asc "]);
        keys.push(format!("{key}{direction}"));
    }
    keys.join(random.pick(&[",", " , "]))
}
