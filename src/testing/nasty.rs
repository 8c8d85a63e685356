//! Tickets, batches and requests whose values are drawn to collide.
//!
//! Texts that are equal only when folded, dates a second around midnight, tids at the
//! limits, bytes that each format escapes, keywords that cross an escape. Requests are
//! made as text, so that parsing is under test too, and draw most values from the store's
//! own tickets, so that most answers are not empty. Everything is drawn from a [`Random`]:
//! from a seed, or from bytes that a fuzzer or a shrinking test has chosen.

mod count;
mod filter;
mod request;
mod value;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::{Batch, Field, FieldKind, Patch, Ticket, Value};

pub use count::make_count_request;
pub use filter::more_variables;
pub use request::{VARIABLES, make_refusable, make_request};

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

    /// Returns true as often as one of `end` choices is made; `end` is not 0.
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

/// Lists: elements that are equal only when folded and trimmed, and commas without any.
const LISTS: [&str; 12] = [
    "12,13",
    "13",
    "12",
    " 13 ,x",
    ",,",
    "A-1 , a-2",
    "a-1",
    "ẞ,ß",
    "\u{3000}σ\u{a0},ς",
    "x,,X",
    "1",
    "<r>,a=b",
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
        FieldKind::Identifier if field.is_list() && !random.is_one_in(4) => {
            Value::from(random.pick(&LISTS))
        }
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

/// Returns the tickets as about that many batches, in order; where more than one is asked for, one random
/// batch about the same tids is put among them.
pub fn split(random: &mut Random, tickets: &[Ticket], commits_count: usize) -> Vec<Batch> {
    let share = tickets.len().div_ceil(commits_count.max(1)).max(1);
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
