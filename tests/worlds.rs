//! The worlds of `synth`: each has the shape that its documentation states, and the engine answers
//! in each of them as the reference does.
//!
//! Shares are of some thousand tickets, so that a few percent are allowed for chance.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::nasty::Random;
use common::worlds::Sample;
use ticketdex::chrono::{Datelike, NaiveDate};
use ticketdex::reference::Reference;
use ticketdex::synth::{Tickets, World};
use ticketdex::{Format, Options, Query, Snapshot, Store, Ticket};

const SEED: u64 = 7;

fn tickets(world: World, count: usize) -> Vec<Ticket> {
    world.tickets(SEED).take(count).collect()
}

/// Checks how many tickets of a thousand have a property.
fn check_share(
    tickets: &[Ticket],
    range: std::ops::RangeInclusive<usize>,
    name: &str,
    is_one: impl Fn(&Ticket) -> bool,
) {
    let count = tickets.iter().filter(|ticket| is_one(ticket)).count();
    let share = count * 1_000 / tickets.len();
    assert!(range.contains(&share), "{name}: {share} of a thousand");
}

fn distinct<'a>(
    tickets: &'a [Ticket],
    value: impl Fn(&'a Ticket) -> &'a str + 'a,
) -> BTreeSet<&'a str> {
    let values = tickets.iter().map(value);
    values.filter(|value| !value.is_empty()).collect()
}

fn digest(tickets: impl Iterator<Item = Ticket>) -> u64 {
    // FNV-1a: the standard library's hashes may change with the compiler.
    let bytes = tickets.flat_map(|ticket| serde_json::to_vec(&ticket).unwrap());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn worlds_make_the_same_bytes_as_ever() {
    // Figures on record are of these bytes: who changes them has to measure again.
    let expected = [
        (World::Desk, 16_230_691_197_980_858_271),
        (World::Enterprise, 16_004_212_027_040_222_184),
        (World::Migrated, 13_463_151_364_293_290_926),
        (World::Giants, 14_326_675_265_056_658_412),
        (World::Logs, 17_619_627_170_207_098_350),
        (World::Tongues, 17_684_388_538_624_752_945),
        (World::Wide, 15_771_411_844_352_707_889),
        (World::Alarms, 11_739_506_485_109_066_813),
        (World::Churn, 5_175_422_749_105_841_455),
    ];
    let found = expected.map(|(world, _)| (world, digest(world.tickets(1).take(1_000))));
    assert_eq!(found, expected);
    assert_eq!(expected.map(|(world, _)| world), World::ALL);
}

#[test]
fn a_seed_is_a_sequence_of_valid_tickets() {
    for world in World::ALL {
        let first: Vec<Ticket> = tickets(world, 300);
        assert_eq!(first, tickets(world, 300), "{world}");
        assert_ne!(first, world.tickets(8).take(300).collect::<Vec<_>>());
        assert_eq!(world.tickets(SEED).nth(299).as_ref(), first.last());
        let mut tids = BTreeSet::new();
        for ticket in &first {
            assert!(ticket.check().is_ok(), "{world}: {ticket:?}");
            assert!(tids.insert(ticket.tid), "{world}: {} twice", ticket.tid);
        }
    }
    let desk: Vec<Ticket> = Tickets::new(SEED).take(300).collect();
    assert_eq!(desk, tickets(World::Desk, 300));
}

#[test]
fn names_read_back() {
    for world in World::ALL {
        assert_eq!(world.to_string().parse::<World>().unwrap(), world);
        assert_eq!(world.name().to_uppercase().parse::<World>().unwrap(), world);
    }
    let error = "moon".parse::<World>().unwrap_err();
    for world in World::ALL {
        assert!(error.to_string().contains(world.name()), "{error}");
    }
}

#[test]
fn enterprise_has_many_values() {
    let tickets = tickets(World::Enterprise, 20_000);
    let technicians = distinct(&tickets, |it| &it.assigned_tech);
    assert!((1_950..=2_000).contains(&technicians.len()));
    let groups: BTreeSet<(u64, &str)> = tickets
        .iter()
        .filter(|ticket| ticket.assigned_group_id > 0)
        .map(|ticket| (ticket.assigned_group_id, &*ticket.assigned_group_name))
        .collect();
    assert_eq!(groups.len(), 400);
    let names: BTreeSet<&str> = groups.iter().map(|(_, name)| *name).collect();
    assert_eq!(names.len(), 400);
    assert_eq!(distinct(&tickets, |it| &it.category).len(), 60);
    let pairs = tickets.iter().map(|it| (&it.category, &it.sub_category));
    assert_eq!(pairs.collect::<BTreeSet<_>>().len(), 600);
    assert_eq!(distinct(&tickets, |it| &it.status).len(), 25);
    let custom = tickets.iter().flat_map(|ticket| &ticket.custom_fields);
    let custom: BTreeSet<&str> = custom.map(|(name, _)| name.as_str()).collect();
    assert_eq!(custom.len(), 40);
    for ticket in &tickets {
        assert_eq!(ticket.custom_fields.len(), 6);
        assert!(
            ticket
                .custom_fields
                .iter()
                .all(|(_, text)| !text.is_empty())
        );
    }
}

#[test]
fn migrated_dates_say_nothing_of_numbers() {
    let tickets = tickets(World::Migrated, 6_000);
    assert!(tickets.is_sorted_by(|a, b| a.tid < b.tid));
    let pairs = || tickets.windows(2);
    let later_count = pairs().filter(|it| it[0].date_opened < it[1].date_opened);
    assert!((2_850..3_150).contains(&later_count.count()));
    let later_count = pairs().filter(|it| it[0].last_updated < it[1].last_updated);
    assert!((2_850..3_150).contains(&later_count.count()));
    let gaps = pairs().map(|it| it[1].tid - it[0].tid);
    let gaps = gaps.fold(BTreeMap::<u64, usize>::new(), |mut counts, gap| {
        *counts.entry(gap).or_default() += 1;
        counts
    });
    let expected = [(1, 5_849), (38, 148), (20_001, 1), (20_038, 1)];
    for (gap, count) in expected {
        assert_eq!(gaps.get(&gap).copied().unwrap_or_default(), count, "{gap}");
    }
    let year = |ticket: &Ticket| ticket.date_opened.map(|date| date.year());
    check_share(&tickets, 20..=40, "from 1999", |it| year(it) == Some(1999));
    check_share(&tickets, 400..=560, "from 2003 to 2012", |it| {
        (Some(2003)..=Some(2012)).contains(&year(it))
    });
    for ticket in &tickets {
        assert!(ticket.date_opened <= ticket.last_updated);
        assert!(
            ticket
                .date_closed
                .is_none_or(|_| ticket.date_opened <= ticket.date_closed)
        );
        assert!(ticket.date_closed <= ticket.last_updated);
        assert!(ticket.merged_to.is_none_or(|tid| tid >= 4_000_001));
    }
}

#[test]
fn three_giants_have_a_tenth_each() {
    let tickets = tickets(World::Giants, 9_216);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for ticket in &tickets {
        *counts.entry(&ticket.cid).or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    for giant in &counts[..3] {
        assert!((840..1_010).contains(giant), "{giant}");
    }
    assert!(counts[3..].iter().all(|&count| count <= 2));
    let once_count = counts.iter().filter(|&&count| count == 1).count();
    let twice_count = counts.iter().filter(|&&count| count == 2).count();
    assert!(once_count > 2_500, "{once_count}");
    assert!(twice_count > 1_200, "{twice_count}");
}

#[test]
fn logs_are_long_and_mostly_of_their_own_words() {
    let tickets = tickets(World::Logs, 10_000);
    let bytes = |ticket: &Ticket| ticket.summary.len();
    let mean = tickets.iter().map(bytes).sum::<usize>() / tickets.len();
    assert!((2_700..3_400).contains(&mean), "{mean} bytes on average");
    let longest = tickets.iter().map(bytes).max().unwrap();
    assert!((100_000..203_000).contains(&longest), "{longest} at most");
    check_share(&tickets, 470..=560, "no log", |it| bytes(it) < 1_000);
    check_share(&tickets, 8..=15, "above 20 KB", |it| bytes(it) > 20_500);
    let mut words: HashMap<&str, usize> = HashMap::new();
    for ticket in &tickets {
        for word in ticket.summary.split_whitespace() {
            *words.entry(word).or_default() += 1;
        }
    }
    let once_count = words.values().filter(|&&count| count == 1).count();
    assert!(once_count * 10 > words.len() * 8, "{once_count} once");
    let longest = words.keys().map(|word| word.len()).max().unwrap();
    assert!(longest > 3_000, "{longest} bytes without a blank");
}

/// The script of a ticket, by the letters of its summary.
fn script(ticket: &Ticket) -> &'static str {
    let kinds = ticket.summary.chars().map(|c| match c {
        '\u{0E00}'..='\u{0E7F}' => "Thai",
        '\u{0590}'..='\u{06FF}' => "Arabic or Hebrew",
        '\u{3041}'..='\u{30FF}' | '\u{FF66}'..='\u{FF9F}' => "Japanese",
        '\u{4E00}'..='\u{9FFF}' => "Chinese",
        '\u{00C0}'..='\u{052F}' => "Latin or Cyrillic",
        _ => "",
    });
    let kinds: BTreeSet<&str> = kinds.filter(|kind| !kind.is_empty()).collect();
    // Japanese has the letters of Chinese among its own, and comes after it.
    kinds.into_iter().next_back().unwrap_or_default()
}

#[test]
fn tongues_are_a_fifth_each() {
    let tickets = tickets(World::Tongues, 5_000);
    for name in [
        "Chinese",
        "Japanese",
        "Thai",
        "Arabic or Hebrew",
        "Latin or Cyrillic",
    ] {
        check_share(&tickets, 180..=220, name, |it| script(it) == name);
    }
    let longest_run = |ticket: &Ticket| {
        let runs = ticket.summary.split_whitespace();
        runs.map(|run| run.chars().count())
            .max()
            .unwrap_or_default()
    };
    check_share(&tickets, 560..=640, "without blanks", |it| {
        longest_run(it) > 25
    });
    check_share(&tickets, 150..=220, "with emoji", |it| {
        it.summary
            .chars()
            .any(|c| c >= '\u{1F000}' || c == '❗' || c == '☎')
    });
    for ticket in &tickets {
        let texts = [&ticket.subject, &ticket.contact, &ticket.company_name];
        assert!(texts.iter().any(|text| !text.is_ascii()), "{ticket:?}");
        assert!(!ticket.custom("Location").is_empty());
    }
    for keyword in World::Tongues.keywords() {
        let holds = |it: &&Ticket| it.summary.to_lowercase().contains(&keyword.to_lowercase());
        let count = tickets.iter().filter(holds).count();
        assert!(count > 50, "{keyword} in {count}");
    }
}

#[test]
fn wide_is_sparse() {
    let tickets = tickets(World::Wide, 6_000);
    let later_count = tickets.windows(2).filter(|it| it[0].tid < it[1].tid);
    assert!((2_850..3_150).contains(&later_count.count()));
    for part in 0..4 {
        check_share(&tickets, 220..=280, "numbers of a quarter", |it| {
            it.tid >> 62 == part
        });
    }
    let custom = tickets.iter().flat_map(|ticket| &ticket.custom_fields);
    let custom: BTreeSet<&str> = custom.map(|(name, _)| name.as_str()).collect();
    assert_eq!(custom.len(), 500);
    for count in 1..=6 {
        check_share(&tickets, 145..=190, "custom fields", |it| {
            it.custom_fields.len() == count
        });
    }
    let mut categories: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in &tickets {
        *categories
            .entry(ticket.category.to_lowercase())
            .or_default() += 1;
    }
    let own_count = categories.values().filter(|&&count| count == 1).count();
    assert_eq!(own_count, 600);
    let technicians = distinct(&tickets, |it| &it.assigned_tech);
    assert!(technicians.len() > 5_300, "{}", technicians.len());
    let day = NaiveDate::from_ymd_opt(2016, 2, 29).unwrap();
    check_share(&tickets, 470..=530, "of one day", |it| {
        it.date_opened.is_some_and(|date| date.date() == day)
    });
    let statuses = distinct(&tickets, |it| &it.status);
    for status in ["Closed", "CLOSED", "closed"] {
        assert!(statuses.contains(status), "{statuses:?}");
    }
    check_share(&tickets, 470..=530, "no subject", |it| {
        it.subject.is_empty()
    });
    check_share(&tickets, 470..=530, "no summary", |it| {
        it.summary.is_empty()
    });
    check_share(&tickets, 470..=530, "no contact", |it| {
        it.contact.is_empty()
    });
    check_share(&tickets, 470..=530, "no company", |it| {
        it.company_name.is_empty()
    });
}

#[test]
fn alarms_repeat_whole_texts() {
    let tickets = tickets(World::Alarms, 30_000);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for ticket in &tickets {
        *counts.entry(&ticket.summary).or_default() += 1;
    }
    check_share(&tickets, 830..=870, "repeated", |it| {
        counts[&*it.summary] > 1
    });
    let texts_count = counts.values().filter(|&&count| count > 1).count();
    assert!((440..=460).contains(&texts_count), "{texts_count} texts");
    check_share(&tickets, 570..=630, "alarms", |it| {
        it.subject.starts_with('[')
    });
    let alarms = tickets
        .iter()
        .filter(|it| it.source == "Monitoring" && it.opened_by == "monitor");
    let alarms: Vec<Ticket> = alarms.cloned().collect();
    assert_eq!(distinct(&alarms, |it| &it.subject).len(), 400);
    assert_eq!(distinct(&alarms, |it| &it.summary).len(), 400);
    assert_eq!(distinct(&alarms, |it| &it.cid).len(), 12);
}

#[test]
fn churn_changes_three_tickets_of_ten() -> Result<(), ticketdex::Error> {
    const LOADED: u64 = 10_000;
    let world = World::Churn;
    let mut store = Store::new(Options::default().commit_rows_max(0));
    store.commit(world.loaded(SEED).take(LOADED as usize).collect())?;
    let mut changes_count = 0;
    for batch in world.changes(SEED, LOADED) {
        changes_count += batch.changes().len();
        store.commit(batch)?;
    }
    assert!((2_750..3_100).contains(&changes_count), "{changes_count}");
    assert_eq!(store.snapshot().segments_count(), 8);
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
    let remaining: Vec<Ticket> = world.remaining(SEED, LOADED).collect();
    assert!((9_650..9_780).contains(&remaining.len()));
    assert_eq!(remaining, tickets(world, remaining.len()));
    let changed = |it: &Ticket| it.last_updated.is_some_and(|date| date.year() == 2034);
    check_share(&remaining, 210..=260, "changed", changed);
    check_share(&remaining, 26..=44, "merged by a change", |it| {
        changed(it) && it.merged_to.is_some()
    });
    let reference = Reference::from_tickets(remaining)?;
    let all = Query::default();
    let mut body = Vec::new();
    store
        .snapshot()
        .answer(&all)
        .write_to(Format::Json, &mut body)?;
    assert!(body == reference.respond(&all, Format::Json));
    Ok(())
}

#[test]
fn other_worlds_have_no_changes() {
    for world in World::ALL {
        let expected = if world == World::Churn { 7 } else { 0 };
        assert_eq!(world.changes(SEED, 100).len(), expected);
        assert_eq!(world.changes(SEED, 100).count(), expected);
        assert_eq!(world.changes(SEED, 0).flatten().count(), 0);
        if world != World::Churn {
            assert!(world.loaded(SEED).take(50).eq(world.tickets(SEED).take(50)));
            assert!(world.remaining(SEED, 50).eq(world.tickets(SEED).take(50)));
        }
    }
}

/// A store that has lived as the world says, and the reference of what is left.
fn live(world: World, loaded_count: u64) -> Result<(Snapshot, Reference), ticketdex::Error> {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let loaded: Vec<Ticket> = world.loaded(SEED).take(loaded_count as usize).collect();
    for part in loaded.chunks(loaded.len().div_ceil(2)) {
        store.commit(part.iter().cloned().collect())?;
    }
    for batch in world.changes(SEED, loaded_count) {
        store.commit(batch)?;
    }
    // The names of custom fields stand in the order in which the tickets came.
    let mut reference = Reference::new();
    reference.commit(&loaded.into_iter().collect())?;
    for batch in world.changes(SEED, loaded_count) {
        reference.commit(&batch)?;
    }
    Ok((store.snapshot(), reference))
}

#[test]
fn engine_and_reference_agree_in_every_world() -> Result<(), ticketdex::Error> {
    const LOADED: u64 = 1_500;
    const REQUESTS: usize = 150;
    for world in World::ALL {
        let (snapshot, reference) = live(world, LOADED)?;
        assert_eq!(snapshot.check_invariants(), Ok(()), "{world}");
        let mut answered_count = 0;
        for (at, request) in world.requests(SEED, LOADED).take(REQUESTS).enumerate() {
            let query: Query = request.parse()?;
            let answer = snapshot.answer(&query);
            let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
            assert_eq!(
                answer.total(),
                reference.total(&query),
                "{world}: {request}"
            );
            assert_eq!(tids, reference.tids(&query), "{world}: {request}");
            answered_count += usize::from(answer.total() > 0);
            if at % 10 == 0 && tids.len() <= 50 {
                let format = Format::ALL[at / 10 % Format::ALL.len()];
                let mut body = Vec::new();
                answer.write_to(format, &mut body)?;
                assert!(
                    body == reference.respond(&query, format),
                    "{world}: {request}"
                );
            }
        }
        println!("{world}: {answered_count} of {REQUESTS} requests have an answer");
        assert!(answered_count * 4 > REQUESTS * 3, "{world}");
    }
    Ok(())
}

#[test]
fn requests_hold_values_of_their_world() {
    let texts = |world: World, count| {
        let requests = world.requests(SEED, 2_000).take(count);
        let pairs = requests.flat_map(|request| {
            let pairs = form_urlencoded::parse(request.as_bytes()).into_owned();
            pairs.collect::<Vec<_>>()
        });
        pairs.collect::<Vec<(String, String)>>()
    };
    let keywords = |world| -> Vec<String> {
        let pairs = texts(world, 3_000).into_iter();
        pairs
            .filter(|(name, _)| name == "keyword")
            .map(|(_, text)| text)
            .collect()
    };
    let tongues = keywords(World::Tongues);
    let foreign_count = tongues.iter().filter(|text| !text.is_ascii()).count();
    assert!(
        foreign_count * 10 > tongues.len() * 7,
        "{foreign_count} of {}",
        tongues.len()
    );
    let longest = tongues.iter().map(|text| text.chars().count()).max();
    assert!(longest < Some(140), "{longest:?}");
    let logs = keywords(World::Logs);
    let is_hash = |word: &str| word.len() >= 8 && word.bytes().all(|it| it.is_ascii_hexdigit());
    let hashes = logs.iter().filter(|text| text.split(' ').any(is_hash));
    assert!(hashes.count() > 15, "{logs:?}");
    let orders = texts(World::Wide, 3_000);
    let customs: BTreeSet<&str> = orders
        .iter()
        .filter(|(name, text)| name == "order" && text.contains("custom_fields.Field_"))
        .map(|(_, text)| text.as_str())
        .collect();
    assert!(customs.len() > 10, "{customs:?}");
    let giants = texts(World::Giants, 2_000);
    let cids: Vec<&str> = giants
        .iter()
        .filter(|(name, _)| name == "cid")
        .map(|(_, text)| text.as_str())
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for cid in cids {
        *counts.entry(cid).or_default() += 1;
    }
    assert!(counts.values().any(|&count| count > 5), "{counts:?}");
    assert!(counts.values().filter(|&&count| count == 1).count() > 20);
}

#[test]
fn samples_are_of_their_world() {
    let mut random = Random::new(3);
    for world in World::ALL {
        let sample = Sample::draw(&mut random, world, 20);
        assert_eq!((sample.world(), sample.tickets().len()), (world, 20));
        for _ in 0..50 {
            let request = sample.request(&mut random);
            assert!(request.parse::<Query>().is_ok(), "{request}");
        }
        let none = Sample::draw(&mut random, world, 0);
        assert!(none.request(&mut random).parse::<Query>().is_ok());
    }
}
