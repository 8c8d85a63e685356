//! Requests that suit a store of a world's tickets.
//!
//! Most filters take their values from one ticket that the store has, so that they agree
//! with one another and the answer is not empty.

use std::fmt::Write;

use chrono::{Datelike, NaiveDateTime};
use form_urlencoded::byte_serialize;

use super::random::Random;
use super::world::World;
use crate::model::{Cell, Field, Ticket};

/// A keyword that no ticket of any world holds.
const UNKNOWN_KEYWORD: &str = "nowhere-to-be-found";

/// The most chars of what people take for a word; a longer run is a URL or a dump.
const WORD_CHARS_MAX: usize = 64;

/// More chars than this without one of ASCII among them are a script without blanks.
const BLANKLESS_CHARS_MIN: usize = 12;

/// An endless sequence of requests, as form-urlencoded text.
///
/// Every documented variable but `key` and `format` occurs, and every order field.
/// Values are those of tickets that the store has, keywords parts of their texts.
///
/// # Examples
///
/// ```
/// use ticketdex::Query;
/// use ticketdex::synth::Requests;
///
/// for request in Requests::new(7, 1_000).take(100) {
///     assert!(request.parse::<Query>().is_ok());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Requests {
    random: Random,
    world: World,
    seed: u64,
    tickets_count: u64,
}

impl World {
    /// Starts a sequence of requests for a store of the first tickets of a seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::synth::World;
    ///
    /// let requests: Vec<String> = World::Wide.requests(7, 1_000).take(1_000).collect();
    /// assert!(requests.iter().any(|request| request.contains("custom_fields.Field_")));
    /// ```
    pub fn requests(self, seed: u64, tickets_count: u64) -> Requests {
        Requests::of(self, seed, tickets_count)
    }
}

impl Requests {
    /// Starts the sequence of a seed, for a store of the first tickets of the same seed in
    /// [`World::Desk`].
    ///
    /// [`World::requests`] starts that of any world.
    pub fn new(seed: u64, tickets_count: u64) -> Requests {
        Requests::of(World::Desk, seed, tickets_count)
    }

    fn of(world: World, seed: u64, tickets_count: u64) -> Requests {
        Requests {
            random: Random::new(seed, u64::MAX),
            world,
            seed,
            tickets_count: tickets_count.max(1),
        }
    }

    /// Returns a ticket that the store has; where all were removed, one that it had.
    fn target(&mut self) -> Ticket {
        const TRIES: u32 = 64;
        for _ in 0..TRIES {
            let place = self.random.below(self.tickets_count);
            if let Some(ticket) = self.world.ticket(self.seed, place) {
                return ticket;
            }
        }
        let mut loaded = self.world.loaded(self.seed);
        loaded.next().unwrap_or_default()
    }

    fn request(&mut self) -> String {
        let mut request = Making {
            world: self.world,
            target: self.target(),
            random: &mut self.random,
            pairs: Vec::new(),
        };
        request.filters();
        request.window();
        request.order();
        let mut text = String::new();
        for (name, value) in request.pairs {
            let mark = if text.is_empty() { "" } else { "&" };
            let _ = write!(text, "{mark}{name}=");
            text.extend(byte_serialize(value.as_bytes()));
        }
        text
    }
}

impl Iterator for Requests {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        Some(self.request())
    }
}

/// The ways to limit a request, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// A value of this filter, sometimes several.
    Value(Field),
    Keyword,
    Dates,
    Due,
    Cids,
    Tids,
    Tid,
}

/// One request being made.
struct Making<'a> {
    world: World,
    target: Ticket,
    random: &'a mut Random,
    pairs: Vec<(&'static str, String)>,
}

impl Making<'_> {
    fn filters(&mut self) {
        let others = [
            Limit::Keyword,
            Limit::Keyword,
            Limit::Dates,
            Limit::Due,
            Limit::Cids,
            Limit::Tids,
            Limit::Tid,
        ];
        let values = Field::FILTERS.map(Limit::Value);
        let mut limits: Vec<Limit> = values.into_iter().chain(others).collect();
        for _ in 0..self
            .random
            .weigh(&[(1, 3_500), (2, 2_500), (0, 1_000), (3, 2_000), (5, 1_000)])
        {
            let limit = self.random.pick(&limits);
            limits.retain(|other| *other != limit);
            self.limit(limit);
        }
    }

    fn limit(&mut self, limit: Limit) {
        match limit {
            Limit::Value(field) => self.value(field),
            Limit::Keyword => {
                let keyword = self.keyword();
                self.pairs.push(("keyword", keyword));
            }
            Limit::Dates => self.dates(),
            Limit::Due => {
                let due = self.target.due_date.map(show_day);
                self.pairs
                    .push(("due_date", due.unwrap_or_else(|| "1/1/2015".to_owned())));
            }
            Limit::Cids => {
                let cid = self.target.cid.clone();
                let letters = [1, 3, cid.len()];
                let (first, last) = (self.random.pick(&letters), self.random.pick(&letters));
                let start = |chars_count| cid.chars().take(chars_count).collect();
                if self.random.below(4) > 0 {
                    self.pairs.push(("start_cid", start(first)));
                }
                if self.random.below(4) > 0 {
                    self.pairs.push(("end_cid", start(last)));
                }
            }
            Limit::Tids => {
                let tid = self.target.tid;
                let span = self.random.pick(&[10, 1_000, 50_000]);
                let before = self.random.below(span);
                self.pairs
                    .push(("start_tid", tid.saturating_sub(before).to_string()));
                if self.random.below(3) > 0 {
                    let end = tid.saturating_add(span - before);
                    self.pairs.push(("end_tid", end.to_string()));
                }
            }
            Limit::Tid => {
                let digits = self.target.tid.to_string();
                let (head, tail) = digits.split_at(digits.len() / 2);
                let tid = match self.random.below(4) {
                    0 => digits,
                    1 => format!("{head}*"),
                    2 => format!("*{tail}"),
                    _ => "*".to_owned(),
                };
                self.pairs.push(("tid", tid));
            }
        }
    }

    fn value(&mut self, field: Field) {
        let name = field.alias().unwrap_or(field.name());
        let Cell::Text(text) = self.target.cell(field) else {
            return;
        };
        // A value cannot be asked for when it is empty.
        let text = if text.is_empty() { "*" } else { text };
        self.pairs.push((name, text.to_owned()));
        if field == Field::Status && self.random.below(3) == 0 {
            self.pairs.push((name, "on hold".to_owned()));
            self.pairs.push((name, "OPEN".to_owned()));
        }
    }

    fn dates(&mut self) {
        let Some(opened) = self.target.date_opened else {
            return;
        };
        let days = self.random.pick(&[0, 31, 365, 5 * 365]);
        let start = opened - chrono::TimeDelta::days(self.random.below(days + 1).cast_signed());
        let end = start + chrono::TimeDelta::days(days.cast_signed());
        let start_form = self.random.pick(&[show_day, show_second, show_iso]);
        if self.random.below(5) > 0 {
            self.pairs.push(("start_date", start_form(start)));
        }
        if self.random.below(4) > 0 {
            self.pairs.push(("end_date", show_day(end)));
        }
    }

    /// A known keyword, or a part of a word or two that the ticket has.
    fn keyword(&mut self) -> String {
        let known = self.world.keywords();
        if self.random.below(4) == 0 {
            let at = self.random.below_skewed(known.len() as u64 + 1) as usize;
            return (*known.get(at).unwrap_or(&UNKNOWN_KEYWORD)).to_owned();
        }
        let mut words: Vec<&str> = self.target.summary.split_whitespace().collect();
        if words.is_empty() {
            words = vec![&self.target.email];
        }
        let mut keyword = String::new();
        for _ in 0..self.random.weigh(&[(1, 7_000), (2, 3_000)]) {
            let word = self.random.pick(&words);
            let chars_count = word.chars().count();
            // Whoever looks for a hash or a name has copied all of it.
            let is_whole = self.world != World::Desk && self.random.below(4) == 0;
            let part = if is_whole && chars_count <= WORD_CHARS_MAX {
                word.to_owned()
            } else {
                part_of(word, self.random)
            };
            let _ = write!(keyword, "{part} ");
        }
        keyword.trim_end().to_owned()
    }

    fn window(&mut self) {
        if self.random.below(20) == 0 {
            self.pairs.push(("count_only", "Y".to_owned()));
            return;
        }
        if self.random.below(12) == 0 {
            return;
        }
        let count = self.random.pick(&[50, 50, 50, 10, 1, 500]);
        self.pairs.push(("count", count.to_string()));
        let tid = self.pairs.iter().find(|(name, _)| *name == "tid");
        match tid {
            None => self.pairs.push(("tid", "*".to_owned())),
            Some((_, tid)) if !tid.contains('*') => return,
            Some(_) => {}
        }
        let page = self
            .random
            .weigh(&[(1, 7_000), (2, 1_500), (3, 700), (40, 500), (2_000, 300)]);
        self.pairs.push(("page", page.to_string()));
    }

    /// A custom field that orders: the desk's most frequent one, elsewhere one of the ticket's.
    fn custom_key(&mut self) -> String {
        let names = &self.target.custom_fields;
        if self.world == World::Desk || names.is_empty() {
            return "custom_fields.Location".to_owned();
        }
        let at = self.random.below(names.len() as u64) as usize;
        format!("custom_fields.{}", names[at].0)
    }

    fn order(&mut self) {
        if self.random.below(4) == 0 {
            return;
        }
        let frequent = [
            Field::DateOpened,
            Field::LastUpdated,
            Field::Priority,
            Field::Cid,
            Field::CompanyName,
            Field::DueDate,
            Field::Tid,
        ];
        let mut keys = Vec::new();
        for _ in 0..self.random.weigh(&[(1, 7_500), (2, 2_500)]) {
            let field = if self.random.below(3) > 0 {
                self.random.pick_skewed(&frequent)
            } else {
                self.random.pick(&Field::ALL)
            };
            let name = match field {
                Field::CustomFields => self.custom_key(),
                field => field.name().to_owned(),
            };
            keys.push(format!(
                "{name}{}",
                self.random.pick(&["", " DESC", " ASC"])
            ));
        }
        self.pairs.push(("order", keys.join(",")));
        if self.random.below(4) == 0 {
            self.pairs.push(("order_direction", "DESC".to_owned()));
        }
    }
}

/// Returns a part of a word: its start, or any chars of it if it is as long as a sentence.
fn part_of(word: &str, random: &mut Random) -> String {
    let chars_count = word.chars().count();
    let is_blankless = chars_count > BLANKLESS_CHARS_MIN && !word.chars().any(|c| c.is_ascii());
    let (least, most) = match (is_blankless, chars_count > WORD_CHARS_MAX) {
        (true, _) => (2, 8),
        (_, true) => (2, WORD_CHARS_MAX),
        _ => (1, chars_count),
    };
    let taken = least + random.below((most - least) as u64 + 1) as usize;
    let skipped = if least == 1 {
        0
    } else {
        random.below((chars_count - taken) as u64 + 1) as usize
    };
    word.chars().skip(skipped).take(taken).collect()
}

fn show_day(date: NaiveDateTime) -> String {
    format!("{}/{}/{}", date.month(), date.day(), date.year())
}

fn show_second(date: NaiveDateTime) -> String {
    format!("{} {}", show_day(date), date.time())
}

fn show_iso(date: NaiveDateTime) -> String {
    format!("{date:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::query::Query;

    #[test]
    fn every_variable_and_order_occurs_and_all_parse() {
        let mut occurred: BTreeMap<String, u32> = BTreeMap::new();
        for request in Requests::new(1, 2_000).take(20_000) {
            request
                .parse::<Query>()
                .unwrap_or_else(|error| panic!("{request}: {error}"));
            for (name, value) in form_urlencoded::parse(request.as_bytes()) {
                *occurred.entry(name.clone().into_owned()).or_default() += 1;
                if name == "order" {
                    let first = value.split([' ', ',']).next().unwrap_or_default();
                    *occurred.entry(format!("by {first}")).or_default() += 1;
                }
            }
        }
        let filters = Field::FILTERS.map(|field| field.alias().unwrap_or(field.name()).to_owned());
        let others = "tid keyword due_date start_tid end_tid start_cid end_cid start_date end_date \
            count page count_only order order_direction";
        let orders = Field::ALL.map(|field| match field {
            Field::CustomFields => "by custom_fields.Location".to_owned(),
            field => format!("by {}", field.name()),
        });
        let others = others.split_whitespace().map(str::to_owned);
        for name in filters.into_iter().chain(others).chain(orders) {
            let count = occurred.get(&name).copied().unwrap_or_default();
            assert!(count >= 60, "{name} only {count} times");
        }
    }
}
