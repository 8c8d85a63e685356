//! The world `desk`: an ordinary help desk, which the other worlds change in one way each.
//!
//! # Invariants
//!
//! * Every ticket keeps the rules of [`Ticket::check`], and tids ascend.
//! * The bytes of a seed never change, because the figures on record are of them.

use std::fmt::Write;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::random::Random;
use super::vocabulary as words;
use crate::model::Ticket;

/// A keyword that about 411,000 of a million tickets hold.
pub const KEYWORD_COMMON: &str = "error";

/// A keyword that about 18,000 of a million tickets hold.
pub const KEYWORD_MEDIUM: &str = "timeout";

/// A keyword of three letters that about 97,000 of a million tickets hold.
pub const KEYWORD_SHORT: &str = "vpn";

/// A keyword that one ticket in [`RARE_TICKETS`] holds: 19 of the first million.
pub const KEYWORD_RARE: &str = "quarantine";

/// The tickets of which one holds [`KEYWORD_RARE`].
pub const RARE_TICKETS: u64 = 52_000;

/// Terms that tickets hold, the frequent ones first.
pub(super) const KEYWORDS: [&str; 4] =
    [KEYWORD_COMMON, KEYWORD_SHORT, KEYWORD_MEDIUM, KEYWORD_RARE];

/// Customers, of whom a few write often: half of all tickets come from a quarter of them.
const CUSTOMERS: u64 = 20_000;

const COMPANIES: u64 = 4_000;

const TECHNICIANS: u64 = 40;

/// The seconds between two tickets, about: a million come in ten years.
const SECONDS_APART: i64 = 315;

/// The tickets after which a number is skipped, as in any store that had tickets removed.
const GAP: u64 = 50;

/// Returns the ticket of a place in the sequence, counted from 0.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    draw(seed, place, None)
}

/// Returns the same ticket as [`ticket`], but written by the customer of this number.
pub(super) fn ticket_by(seed: u64, place: u64, customer: u64) -> Ticket {
    draw(seed, place, Some(customer))
}

fn draw(seed: u64, place: u64, customer: Option<u64>) -> Ticket {
    let mut draw = Draw {
        random: Random::new(seed, place),
        seed,
        place,
    };
    draw.ticket(customer)
}

/// Appends a sentence of six to twelve English words.
pub(super) fn write_sentence(random: &mut Random, text: &mut String) {
    for at in 0..6 + random.below(7) {
        let word = random.pick_skewed(&words::WORDS);
        if at == 0 {
            text.extend(word.chars().take(1).map(|c| c.to_ascii_uppercase()));
            text.push_str(&word[1..]);
            continue;
        }
        text.push(' ');
        text.push_str(word);
    }
    text.push(if random.below(6) == 0 { '!' } else { '.' });
}

/// Renumbers a ticket, and draws the tickets that it names from those of the same numbering.
pub(super) fn renumber(
    ticket: &mut Ticket,
    random: &mut Random,
    place: u64,
    tid_of: impl Fn(u64) -> u64,
) {
    ticket.tid = tid_of(place);
    let mut earlier = || tid_of(random.below(place + 1));
    if ticket.merged_to.is_some() {
        ticket.merged_to = Some(earlier());
    }
    if ticket.parent_ticket != 0 {
        ticket.parent_ticket = earlier();
    }
    if !ticket.children_tickets.is_empty() {
        ticket.children_tickets = format!("{},{}", tid_of(place + 1), tid_of(place + 2));
    }
}

/// Returns the tid of a place in the sequence.
pub(super) fn tid_of(place: u64) -> u64 {
    place + place / GAP + 1
}

/// Who writes: the same for every ticket of the customer.
struct Customer {
    cid: String,
    contact: String,
    email: String,
    phone: String,
    company_id: u64,
    company: String,
    domain: String,
    group: usize,
}

impl Customer {
    fn new(seed: u64, number: u64) -> Customer {
        let mut random = Random::new(!seed, number);
        let (given, family) = (
            random.pick(&words::GIVEN_NAMES),
            random.pick(&words::FAMILY_NAMES),
        );
        let company_id = random.below(COMPANIES) + 1;
        let mut of_company = Random::new(!seed, company_id << 32);
        let stem = of_company.pick(&words::COMPANY_STEMS);
        let kind = of_company.pick(&words::COMPANY_KINDS);
        let form = of_company.pick(&words::COMPANY_FORMS);
        let ascii = |text: &str| text.chars().filter(char::is_ascii).collect::<String>();
        let domain = format!(
            "{}-{}{company_id}.example",
            ascii(stem).to_lowercase(),
            kind.to_lowercase()
        );
        let (given_ascii, family_ascii) = (ascii(given), ascii(family));
        let phone = random.below(10_000_000);
        Customer {
            cid: format!("{}{number:05}", family_ascii.to_lowercase()),
            contact: format!("{given} {family}"),
            email: format!("{given_ascii}.{family_ascii}@{domain}"),
            phone: format!(
                "+49 30 {:03}-{:04} ext. {}",
                phone / 10_000,
                phone % 10_000,
                100 + phone % 900
            ),
            company_id,
            company: format!("{stem} {kind} {company_id} {form}"),
            domain,
            group: random.below(words::CUSTOMER_GROUPS.len() as u64) as usize,
        }
    }
}

/// One ticket being drawn.
struct Draw {
    random: Random,
    seed: u64,
    place: u64,
}

impl Draw {
    fn ticket(&mut self, customer: Option<u64>) -> Ticket {
        // Drawn in any case, so that all else is the same whoever writes.
        let number = self.random.below_skewed(CUSTOMERS);
        let customer = Customer::new(self.seed, customer.unwrap_or(number));
        let tid = tid_of(self.place);
        let mut ticket = Ticket {
            tid,
            cid: customer.cid.clone(),
            company_id: customer.company_id,
            company_name: customer.company.clone(),
            contact: customer.contact.clone(),
            phone: customer.phone.clone(),
            email: customer.email.clone(),
            source: self.random.weigh(&words::SOURCES).into(),
            status: self.random.weigh(&words::STATUSES).into(),
            priority: self.random.weigh(&words::PRIORITIES).into(),
            escalation_level: self.random.weigh(&words::ESCALATIONS).into(),
            customer_group_id: customer.group as u64,
            customer_group_name: words::CUSTOMER_GROUPS[customer.group].into(),
            locked: "N".into(),
            ..Ticket::default()
        };
        ticket.cc_addresses = self.copies(&customer.domain);
        let (category, sub_categories) = self.random.pick_skewed(&words::CATEGORIES);
        ticket.category = category.into();
        ticket.sub_category = self.random.pick_skewed(&sub_categories).into();
        self.date(&mut ticket);
        self.assign(&mut ticket);
        self.link(&mut ticket);
        self.customize(&mut ticket);
        ticket.subject = self.subject(&ticket);
        ticket.summary = self.summary(&customer);
        ticket
    }

    /// Who else reads: no one, or up to four addresses of the company.
    fn copies(&mut self, domain: &str) -> String {
        let count = self.random.below(9).saturating_sub(4);
        let address = |_| {
            let name = self.random.pick(&words::FAMILY_NAMES).to_lowercase();
            format!("{name}@{domain}")
        };
        (0..count).map(address).collect::<Vec<_>>().join("; ")
    }

    /// Open dates nearly follow tid; the other dates follow from them.
    fn date(&mut self, ticket: &mut Ticket) {
        let start = NaiveDate::from_ymd_opt(2014, 1, 1).unwrap_or_default();
        let start = start.and_time(chrono::NaiveTime::MIN);
        // A store of billions would run past the last year that a ticket may have.
        let place = i64::try_from(self.place % 500_000_000).unwrap_or_default();
        let jitter = self.random.below(8 * 3600).cast_signed();
        let opened = start + TimeDelta::seconds(place * SECONDS_APART + jitter);
        let after = |from: NaiveDateTime, seconds: u64| {
            from + TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default())
        };
        ticket.date_opened = Some(opened);
        let is_done = matches!(&*ticket.status, "Closed" | "Resolved");
        let worked = after(opened, 60 + self.random.below_skewed(40 * 86_400));
        ticket.last_updated = Some(worked);
        if is_done {
            ticket.date_closed = Some(worked);
            ticket.last_updated = Some(after(worked, self.random.below_skewed(3 * 86_400)));
        }
        if self.random.below(10) < 4 {
            let due = after(opened, (1 + self.random.below_skewed(30)) * 86_400);
            let midnight = due.date().and_time(chrono::NaiveTime::MIN);
            let at_noon = midnight.with_hour(12).unwrap_or(midnight);
            let at_hour = self.random.below(8) == 0;
            ticket.due_date = Some(if at_hour { at_noon } else { midnight });
        }
    }

    fn assign(&mut self, ticket: &mut Ticket) {
        let technician = |number: u64| format!("tech{number:02}");
        ticket.opened_by = if ticket.source.starts_with("Phone") {
            technician(self.random.below(TECHNICIANS))
        } else {
            "WEBSITE".into()
        };
        let is_assigned = self.random.below(20) > 0;
        let assigned = technician(self.random.below_skewed(TECHNICIANS));
        let updater = self.random.weigh(&words::UPDATERS);
        ticket.updater_type = updater.into();
        ticket.updated_by = match updater {
            "CUSTOMER" => ticket.cid.clone(),
            "ADMIN" => "admin".into(),
            _ => assigned.clone(),
        };
        if is_assigned {
            ticket.assigned_tech = assigned;
            let group = self.random.below_skewed(words::GROUPS.len() as u64);
            ticket.assigned_group_id = group + 1;
            ticket.assigned_group_name = words::GROUPS[group as usize].into();
        }
        if self.random.below(200) == 0 {
            ticket.locked = "Y".into();
            ticket.locked_by.clone_from(&ticket.assigned_tech);
        }
    }

    /// Merges, parents and assets.
    fn link(&mut self, ticket: &mut Ticket) {
        let earlier = |random: &mut Random, place: u64| tid_of(random.below(place + 1));
        match self.random.below(100) {
            0 | 1 => {
                ticket.merged = "Y".into();
                ticket.merged_to = Some(earlier(&mut self.random, self.place));
            }
            2..=4 => ticket.parent_ticket = earlier(&mut self.random, self.place),
            5..=9 => ticket.merged = "N".into(),
            10 => {
                let first = tid_of(self.place + 1);
                ticket.children_tickets = format!("{first},{}", first + 1);
            }
            _ => {}
        }
        let mut list = |first: u64, span: u64| {
            let count = self.random.below(7).saturating_sub(3);
            let numbers = (0..count).map(|_| (first + self.random.below(span)).to_string());
            numbers.collect::<Vec<_>>().join(",")
        };
        ticket.linked_asset = list(10_000, 60_000);
        ticket.linked_calls = list(1_000_000, 900_000);
        if self.random.below(20) == 0 {
            ticket.linked_devices = (500 + self.random.below(4_000)).to_string();
        }
    }

    /// Custom fields: one that most tickets have, one that half have, two that few have.
    fn customize(&mut self, ticket: &mut Ticket) {
        let mut put = |name: &str, text: String| ticket.custom_fields.push((name.into(), text));
        if self.random.below(10) < 8 {
            put("Location", self.random.pick(&words::LOCATIONS).into());
        }
        if self.random.below(10) < 5 {
            put("Asset_Tag", format!("AT{:06}", self.random.below(200_000)));
        }
        if self.random.below(50) == 0 {
            put("Contract", self.random.pick(&words::CONTRACTS).into());
        }
        if self.random.below(300) == 0 {
            put(
                "Serial_Number",
                format!("SN{:010X}", self.random.next() >> 24),
            );
        }
    }

    fn subject(&mut self, ticket: &Ticket) -> String {
        let complaint = self.random.pick_skewed(&words::COMPLAINTS);
        let topic = if ticket.sub_category.is_empty() {
            &ticket.category
        } else {
            &ticket.sub_category
        };
        let mut subject = format!("{complaint} {topic}");
        if self.random.below(3) == 0 {
            let _ = write!(subject, " {}", self.random.pick(&words::WORDS));
        }
        if self.random.below(4) == 0 {
            let _ = write!(subject, " #{}", 100_000 + self.random.below(900_000));
        }
        subject
    }

    /// Sentences, and in between what people paste.
    fn summary(&mut self, customer: &Customer) -> String {
        let mut text = String::with_capacity(512);
        let sentences = 4 + self.random.below(5);
        for sentence in 0..sentences {
            if sentence > 0 {
                text.push_str(if self.random.below(3) == 0 {
                    "\r\n"
                } else {
                    " "
                });
            }
            write_sentence(&mut self.random, &mut text);
        }
        self.keywords(&mut text);
        for _ in 0..self.random.below(3) {
            self.paste(&mut text);
        }
        if self.random.below(25) == 0 {
            let _ = write!(text, "\r\n{}", self.random.pick(&words::FOREIGN));
        }
        if self.random.below(3) == 0 {
            let _ = write!(text, "\r\n-- \r\n{}", customer.contact);
        }
        text
    }

    /// The keywords whose frequency is known, each in a sentence of its own.
    fn keywords(&mut self, text: &mut String) {
        if self.random.is_one_of_million(411_000) {
            let told = ["The error stays.", "It says ERROR:", "An Error is shown,"];
            let _ = write!(text, " {}", self.random.pick(&told));
        }
        if self.random.is_one_of_million(97_000) {
            let told = [
                "VPN is up.",
                "Over VPN only.",
                "no vpn-client",
                "OpenVPN log below.",
            ];
            let _ = write!(text, " {}", self.random.pick(&told));
        }
        if self.random.is_one_of_million(18_000) {
            let _ = write!(
                text,
                " Connection timeout after {} s.",
                self.random.below(99)
            );
        }
        if self.place % RARE_TICKETS == RARE_TICKETS / 2 {
            text.push_str(" Moved to quarantine.");
        }
    }

    /// An error code, an address, a host, a path, a time: mostly words that no one else has.
    fn paste(&mut self, text: &mut String) {
        let bits = self.random.next();
        let (low, high) = (bits & 0xFFFF_FFFF, bits >> 32);
        let _ = match self.random.below(7) {
            0 => write!(
                text,
                " {}{:05X}",
                words::CODE_STEMS[(low % 6) as usize],
                high % 0xF_FFFF
            ),
            1 => write!(
                text,
                " IP 10.{}.{}.{}",
                high % 4,
                (high >> 8) % 64,
                low % 256
            ),
            2 => write!(text, " host ws-{:05x}", low % 40_000),
            3 => write!(
                text,
                " {}{}_{}.log",
                words::PATHS[(high % 6) as usize],
                self.random.pick(&words::WORDS),
                low % 20
            ),
            4 => write!(
                text,
                "\r\n{:02}:{:02}:{:02}.{:03} [{:08x}] {}",
                low % 24,
                high % 60,
                (high >> 8) % 60,
                (low >> 8) % 1000,
                (bits >> 16) & 0xFFFF_FFFF,
                self.random.pick(&words::WORDS)
            ),
            5 => write!(text, " ref <{:010X}>", bits >> 24),
            _ => write!(
                text,
                " \"{}={}&n={}%\"",
                self.random.pick(&words::WORDS),
                low,
                high % 101
            ),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::Field;
    use crate::model::value::fold;

    fn searchable(ticket: &Ticket) -> String {
        let custom = ticket.custom_fields.iter().map(|(_, text)| text.as_str());
        let fields = Field::ALL.into_iter().filter(|field| field.is_searchable());
        let texts = fields.filter_map(|field| match ticket.cell(field) {
            crate::model::Cell::Text(text) => Some(text),
            _ => None,
        });
        fold(&texts.chain(custom).collect::<Vec<_>>().join(" "))
    }

    /// The figures of the module, at a fiftieth of their size.
    #[test]
    fn tickets_are_as_promised() {
        const COUNT: usize = 20_000;
        let tickets: Vec<Ticket> = (0..COUNT as u64).map(|place| ticket(1, place)).collect();
        let (mut json_bytes, mut text_bytes) = (0, 0);
        let mut distinct = HashSet::new();
        let mut held = [0; 3];
        for ticket in &tickets {
            assert!(ticket.check().is_ok());
            json_bytes += serde_json::to_string(ticket).unwrap().len() + 1;
            let text = searchable(ticket);
            text_bytes += text.len();
            for (count, word) in
                held.iter_mut()
                    .zip([KEYWORD_COMMON, KEYWORD_SHORT, KEYWORD_MEDIUM])
            {
                *count += usize::from(text.contains(word));
            }
            distinct.extend(text.split_whitespace().map(str::to_owned));
        }
        let within = |value: usize, low: usize, high: usize| (low..=high).contains(&value);
        assert!(
            within(json_bytes / COUNT, 1_330, 1_470),
            "{} bytes of JSON",
            json_bytes / COUNT
        );
        assert!(
            within(text_bytes / COUNT, 430, 500),
            "{} bytes of text",
            text_bytes / COUNT
        );
        assert!(
            within(distinct.len(), 40_000, 60_000),
            "{} words",
            distinct.len()
        );
        assert!(within(held[0], 7_900, 8_550), "{} common", held[0]);
        assert!(within(held[1], 1_780, 2_100), "{} short", held[1]);
        assert!(within(held[2], 300, 420), "{} medium", held[2]);
        let with = |status: &str| tickets.iter().filter(|t| t.status == status).count();
        assert!(
            within(with("Closed"), 16_000, 16_500),
            "{} closed",
            with("Closed")
        );
        assert!(within(with("Open"), 680, 820), "{} open", with("Open"));
    }

    #[test]
    fn a_rare_keyword_is_in_nineteen_of_a_million() {
        let rare = |place: &u64| ticket(3, *place).summary.contains(KEYWORD_RARE);
        let places = (RARE_TICKETS / 2..1_000_000).step_by(RARE_TICKETS as usize);
        assert_eq!(places.filter(rare).count(), 19);
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let json = |seed| {
            let tickets = (0..50).map(|place| ticket(seed, place));
            let lines = tickets.map(|ticket| serde_json::to_string(&ticket).unwrap());
            lines.collect::<Vec<_>>().join("\n")
        };
        // FNV-1a, so that another machine or another compiler is held to the same bytes.
        let hash = json(1)
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        assert_eq!(hash, 0x5d4c_c3ec_5806_9d02, "{hash:#x}");
        assert_ne!(json(1), json(2));
    }
}
