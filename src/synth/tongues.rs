//! The world `tongues`: seven scripts in five kinds, a fifth of all tickets each.
//!
//! Shares are those that [`World::Tongues`](super::World::Tongues) states.

use std::fmt::Write;

use super::desk;
use super::random::Random;
use super::scripts::{ARABIC, CHINESE, CYRILLIC, EMOJI, HEBREW, JAPANESE, LATIN, Script, THAI};
use super::vocabulary as words;
use crate::model::Ticket;

/// Terms that tickets of this world hold, one of each script and the frequent ones first.
pub(super) const KEYWORDS: [&str; 7] = [
    "无法",
    "エラー",
    "ข้อผิดพลาด",
    "خطأ",
    "ОШИБКА",
    "größer",
    "隔离",
];

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0x7049_0008, place);
    let mut ticket = desk::ticket(seed, place);
    let script = match random.below(5) {
        0 => &CHINESE,
        1 => &JAPANESE,
        2 => &THAI,
        3 => random.pick(&[&ARABIC, &HEBREW]),
        _ => random.pick(&[&LATIN, &CYRILLIC]),
    };
    ticket.contact = name(script, &mut random);
    ticket.company_name = format!(
        "{}{}{}",
        random.pick(script.companies),
        script.blank,
        ticket.company_id
    );
    random
        .pick_skewed(script.categories)
        .clone_into(&mut ticket.category);
    ticket.sub_category = random.pick_skewed(script.words).to_owned();
    ticket.custom_fields.retain(|(name, _)| name != "Location");
    let place_name = random.pick_skewed(script.places).to_owned();
    ticket.custom_fields.push(("Location".into(), place_name));
    ticket.subject.clear();
    write_words(
        script,
        2 + random.below(4),
        &mut random,
        &mut ticket.subject,
    );
    ticket.summary = summary(script, &mut random);
    ticket
}

/// A name from the list, or one in four a rare one.
fn name(script: &Script, random: &mut Random) -> String {
    let mut name = random.pick(script.names).to_owned();
    if random.below(4) == 0 {
        name.push_str(script.blank);
        write_rare(script, random, &mut name);
    }
    name
}

/// Appends two letters that few other texts have next to each other.
fn write_rare(script: &Script, random: &mut Random, text: &mut String) {
    let (first, last) = (u32::from(script.letters.0), u32::from(script.letters.1));
    let span = u64::from(last - first) + 1;
    for _ in 0..2 {
        let code = first + random.below(span) as u32;
        text.push(char::from_u32(code).unwrap_or(script.letters.0));
    }
}

fn write_words(script: &Script, count: u64, random: &mut Random, text: &mut String) {
    for at in 0..count {
        if at > 0 {
            text.push_str(script.blank);
        }
        text.push_str(random.pick_skewed(script.words));
    }
}

/// Sentences, some with a rare name or an error code in them.
fn summary(script: &Script, random: &mut Random) -> String {
    let mut text = String::with_capacity(1_024);
    for _ in 0..5 + random.below(6) {
        let words_count = 6 + random.below(9);
        write_words(script, words_count, random, &mut text);
        if random.below(6) == 0 {
            text.push_str(script.blank);
            write_rare(script, random, &mut text);
        }
        if random.below(10) == 0 {
            let _ = write!(
                text,
                "{}{}{:05X}",
                script.blank,
                random.pick(&words::CODE_STEMS),
                random.below(0xF_FFFF)
            );
        }
        text.push_str(script.end);
        if script.has_emoji && random.below(3) == 0 {
            text.push_str(random.pick(&EMOJI));
        }
        text.push_str(if random.below(4) == 0 {
            "\r\n"
        } else {
            script.blank
        });
    }
    text
}
