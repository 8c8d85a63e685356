//! The engine and the reference give equal answers: totals, tids and bytes.
//!
//! Random stores of every shape (one segment, two, several, one a ticket, merged; with
//! replaced and removed tickets in all but the first) are asked random requests under every
//! plan; more than one store in four holds tickets of a world of `synth`, the others difficult
//! ones. `TICKETDEX_PAIRS` is how many (store, request) pairs to compare, `TICKETDEX_SEED` the
//! first store's seed, `TICKETDEX_THREADS` how many threads share the stores; a failure names
//! the seed of its store and the request. What occurred how often is printed, and what is rare
//! fails the test, so that no part of a request slips out of it unseen.

mod common;

use std::collections::BTreeMap;
use std::thread;

use common::checks::compare_counts;
use common::environment;
use common::nasty::{Random, make_count_request, make_request, make_tickets, split};
use common::worlds::Sample;
use ticketdex::reference::Reference;
use ticketdex::synth::World;
use ticketdex::{
    Batch, CountKey, CountQuery, Field, Format, Options, PlanMode, Query, Snapshot, SortKey, Store,
    Strategy, Texts, Ticket,
};

const REQUESTS_A_STORE: u64 = 40;

/// How often each thing occurred, and among how many pairs.
#[derive(Default)]
struct Tally {
    pairs: u64,
    answered: u64,
    occurred: BTreeMap<String, u64>,
}

impl Tally {
    fn note(&mut self, kind: &str, names: impl IntoIterator<Item = String>) {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort();
        names.dedup();
        for name in names {
            *self.occurred.entry(format!("{kind} {name}")).or_default() += 1;
        }
    }

    fn add(&mut self, other: Tally) {
        self.pairs += other.pairs;
        self.answered += other.answered;
        for (name, count) in other.occurred {
            *self.occurred.entry(name).or_default() += count;
        }
    }

    fn note_request(&mut self, request: &str, query: &Query) {
        let variables = form_urlencoded::parse(request.trim_start_matches('?').as_bytes())
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, _)| shown_name(&name));
        self.note("variable", variables.collect::<Vec<_>>());
        let keys = query.order().iter().map(|key| match &key.key {
            SortKey::Field(field) => field.name().to_owned(),
            _ => "custom_fields".to_owned(),
        });
        self.note("order", keys);
    }
}

/// The name of a variable as it is counted: that of the page where there are two, and of custom
/// fields one for all.
fn shown_name(name: &str) -> String {
    let name = name.to_lowercase();
    let base = name.trim_end_matches(['!', '<', '>']);
    let operator = &name[base.len()..];
    if base.starts_with("custom_fields.") {
        return format!("custom_fields{operator}");
    }
    let field = Field::from_name(base);
    let alias = field.and_then(Field::alias);
    format!("{}{operator}", alias.unwrap_or(base))
}

/// How the tickets of a store came to lie in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One batch, one segment, nothing dead.
    One,
    /// Two batches and one of changes, never merged.
    Two,
    /// Seven batches and one of changes, never merged.
    Several,
    /// A segment a ticket, never merged.
    EachTicket,
    /// Many batches, merged as they came in tiers of a few rows.
    Tiers,
    /// Several batches, then merged into one segment.
    Merged,
    /// Merged, of tickets with few values, so that cubes count; then some are replaced.
    FewValues,
}

impl Shape {
    const ALL: [Shape; 7] = [
        Shape::One,
        Shape::Two,
        Shape::Several,
        Shape::EachTicket,
        Shape::Tiers,
        Shape::Merged,
        Shape::FewValues,
    ];

    fn options(self) -> Options {
        let rows_max = if self == Shape::Tiers { 16 } else { 0 };
        let options = Options::default().commit_rows_max(rows_max);
        match self {
            Shape::Two | Shape::Tiers | Shape::Merged => {
                options.texts(Texts::Compact).packed_bytes_min(0)
            }
            _ => options,
        }
    }

    fn commits_count(self, tickets_count: usize) -> usize {
        match self {
            Shape::One => 1,
            Shape::Two => 2,
            Shape::Several | Shape::Merged | Shape::FewValues => 7,
            Shape::EachTicket => tickets_count,
            Shape::Tiers => tickets_count.div_ceil(3),
        }
    }

    /// A segment a ticket costs a plan a ticket, so there are few.
    fn tickets_max(self) -> usize {
        match self {
            Shape::EachTicket => 20,
            Shape::FewValues => 600,
            _ => 120,
        }
    }
}

/// Commits the same batches to both; a batch is refused by both or by neither.
fn build(random: &mut Random, tickets: &[Ticket], shape: Shape) -> (Store, Reference) {
    let mut store = Store::new(shape.options());
    let mut reference = Reference::new();
    let commits_count = shape.commits_count(tickets.len()).max(1);
    for batch in split(random, tickets, commits_count) {
        let expected = reference.commit(&batch).map_err(|error| error.code());
        let got = store
            .commit(batch)
            .map(|_| ())
            .map_err(|error| error.code());
        assert_eq!(got, expected);
    }
    if matches!(shape, Shape::Merged | Shape::FewValues) {
        store.merge_all();
    }
    if shape == Shape::FewValues {
        let mut batch = Batch::new();
        for ticket in tickets.iter().take(random.below(4)) {
            batch.put(ticket.clone());
        }
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(snapshot.custom_names(), reference.custom_names());
    (store, reference)
}

/// Compares one request under every plan; the bytes of the plan chosen in every format,
/// those of the others in one.
fn compare(snapshot: &Snapshot, reference: &Reference, query: &Query, tally: &mut Tally) {
    let total = reference.total(query);
    let tids = reference.tids(query);
    let (next, previous) = (reference.next(query), reference.previous(query));
    let bodies = Format::ALL.map(|format| reference.respond(query, format));
    let (mut occurred, mut counted) = (Vec::new(), Vec::new());
    for (at, mode) in std::iter::once(PlanMode::default())
        .chain(PlanMode::all())
        .enumerate()
    {
        let answer = snapshot.answer_with(query, mode);
        assert_eq!(answer.total(), total, "total under {mode:?}");
        let got: Vec<u64> = answer.records().map(|record| record.tid()).collect();
        assert_eq!(got, tids, "tids under {mode:?}");
        assert_eq!(answer.count(), tids.len() as u64, "count under {mode:?}");
        if at % 7 == 0 {
            assert_eq!(answer.next(), next, "next under {mode:?}");
            assert_eq!(answer.previous(), previous, "previous under {mode:?}");
        }
        for (index, format) in Format::ALL.into_iter().enumerate() {
            if at == 0 || at % 3 == index {
                let mut body = Vec::new();
                answer.write_to(format, &mut body).unwrap();
                assert!(body == bodies[index], "{} under {mode:?}", format.name());
            }
        }
        let segments = answer.explain().segments;
        occurred.extend(segments.iter().map(|plan| plan.strategy.to_string()));
        counted.extend(segments.iter().map(|plan| plan.counted.to_string()));
    }
    tally.note("strategy", occurred);
    tally.note("counted by", counted);
    tally.pairs += 1;
    tally.answered += u64::from(if query.is_count_only() {
        total > 0
    } else {
        !tids.is_empty()
    });
}

/// Names what was compared when an assertion fails.
struct OnFailure<'a>(u64, &'a str);

impl Drop for OnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("TICKETDEX_SEED={} request {}", self.0, self.1);
        }
    }
}

/// What four filtered fields of [`Shape::FewValues`] have: some fold alike.
const VALUES: [&str; 5] = ["Open", "OPEN", "open", "ß", ""];

/// Leaves four filtered fields few values.
fn with_few_values(random: &mut Random, mut tickets: Vec<Ticket>) -> Vec<Ticket> {
    for ticket in &mut tickets {
        for field in [
            &mut ticket.status,
            &mut ticket.source,
            &mut ticket.category,
            &mut ticket.priority,
        ] {
            random.choose(&VALUES).clone_into(field);
        }
    }
    tickets
}

/// Makes a request with filters of several fields by these values, and little else.
fn make_few_values_request(random: &mut Random) -> String {
    let variables = ["status", "source", "category", "priority"];
    let rests = [
        "count_only=Y",
        "count=5&tid=*&page=2",
        "order=priority,cid&count=9",
        "order=uid",
    ];
    let mut request = random.choose(&rests).to_owned();
    for _ in 0..2 + random.below(3) {
        let (variable, value) = (random.choose(&variables), random.choose(&VALUES));
        request = format!("{request}&{variable}={value}");
    }
    request
}

/// The most tickets of a store of a world, each of which has far more bytes than a difficult one.
const WORLD_TICKETS_MAX: usize = 30;

fn run_store(seed: u64, shape: Shape, tickets_count: usize, requests: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let may_be_of_world = shape != Shape::FewValues && tickets_count <= shape.tickets_max();
    let sample = (may_be_of_world && random.is_one_in(3)).then(|| {
        let world = random.choose(&World::ALL);
        Sample::draw(&mut random, world, tickets_count.min(WORLD_TICKETS_MAX))
    });
    let tickets = match &sample {
        Some(sample) => sample.tickets().to_vec(),
        None => make_tickets(&mut random, tickets_count),
    };
    let tickets = if shape == Shape::FewValues {
        with_few_values(&mut random, tickets)
    } else {
        tickets
    };
    let while_building = OnFailure(seed, "(building)");
    let (store, reference) = build(&mut random, &tickets, shape);
    drop(while_building);
    let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
    let snapshot = store.snapshot();
    let all = snapshot.explain(&Query::default()).segments;
    let has_dead = all.iter().any(|plan| plan.matches_count < plan.rows_count);
    for _ in 0..requests {
        let request = if shape == Shape::FewValues && !random.is_one_in(4) {
            make_few_values_request(&mut random)
        } else if let Some(sample) = &sample {
            tally.note("world", [sample.world().to_string()]);
            sample.request(&mut random)
        } else {
            make_request(&mut random, &tickets)
        };
        let _named = OnFailure(seed, &request);
        let query: Query = request.parse().unwrap();
        assert_eq!(query.to_string().parse::<Query>().unwrap(), query);
        tally.note_request(&request, &query);
        tally.note("store", [format!("{shape:?}")]);
        let segments = match all.len() {
            0 => "no segment",
            1 => "1 segment",
            2 => "2 segments",
            _ => "more segments",
        };
        tally.note("store", [segments.to_owned()]);
        if has_dead {
            tally.note("store", ["tombstones".to_owned()]);
        }
        compare(&snapshot, &reference, &query, tally);
    }
    for _ in 0..requests.div_ceil(4) {
        let request = if shape == Shape::FewValues && !random.is_one_in(4) {
            make_few_values_count(&mut random)
        } else {
            make_count_request(&mut random, &tickets)
        };
        let _named = OnFailure(seed, &request);
        let groups_count = compare_counts(&snapshot, &reference, &request);
        tally.note("counted", [counted_kind(groups_count).to_owned()]);
        let query: CountQuery = request.parse().unwrap();
        let keys = query.keys().iter().map(|key| match key {
            CountKey::Custom(_) => "custom_fields".to_owned(),
            key => key.to_string(),
        });
        tally.note("key", keys);
    }
}

fn counted_kind(groups_count: usize) -> &'static str {
    match groups_count {
        0 => "nothing",
        1 => "1 group",
        _ => "groups",
    }
}

/// Counts by fields of few values under filters on such fields.
fn make_few_values_count(random: &mut Random) -> String {
    let fields = ["status", "source", "category", "priority", "uid", "locked"];
    let mut by: Vec<&str> = (0..=random.below(3))
        .map(|_| random.choose(&fields))
        .collect();
    if random.is_one_in(3) {
        by.push(random.choose(&["date_opened.year", "due_date.day", "cid", "linked_asset"]));
    }
    let mut request = format!("action=count_tickets&by={}", by.join(","));
    for _ in 0..random.below(3) {
        let operator = random.choose(&["", "", "!"]);
        let (field, value) = (random.choose(&fields[..4]), random.choose(&VALUES));
        request = format!("{request}&{field}{operator}={value}");
    }
    let rests = [
        "",
        "&exclude_own=Y",
        "&exclude_own=Y",
        "&top=2",
        "&end_tid=300",
    ];
    request + random.choose(&rests)
}

/// Compares the stores of these seeds.
fn run_stores(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut random = Random::new(!seed);
        let shape = random.choose(&Shape::ALL);
        let tickets_count = random.below(shape.tickets_max() + 1);
        run_store(seed, shape, tickets_count, REQUESTS_A_STORE, &mut tally);
    }
    tally
}

/// The names of all keys, of custom fields one for all.
fn count_keys() -> Vec<String> {
    let with_parts = Field::ALL.into_iter().flat_map(|field| {
        let parts = ["", ".year", ".month", ".day"];
        parts.map(|part| format!("{}{part}", field.name()))
    });
    let is_key = |name: &String| {
        matches!(
            CountKey::from_name(name),
            Some(CountKey::Field(_) | CountKey::Part(..))
        )
    };
    let custom = std::iter::once("custom_fields".to_owned());
    with_parts.filter(is_key).chain(custom).collect()
}

#[test]
fn engine_and_reference_agree() {
    let pairs = environment("TICKETDEX_PAIRS", 20_000);
    let first = environment("TICKETDEX_SEED", 1);
    let cores = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let threads = environment("TICKETDEX_THREADS", cores).max(1);
    let seeds = first..first + pairs.div_ceil(REQUESTS_A_STORE);
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|share| seeds.clone().skip(share as usize).step_by(threads as usize))
            .map(|share| scope.spawn(|| run_stores(share)))
            .collect();
        for share in shares {
            tally.add(share.join().unwrap());
        }
    });
    for (name, count) in &tally.occurred {
        println!("{name:30} {count:9}");
    }
    println!(
        "{} pairs, {} answers not empty",
        tally.pairs, tally.answered
    );
    if pairs < 1000 {
        return;
    }
    assert!(tally.answered * 2 >= tally.pairs, "most answers are empty");
    let names = |kind: &str, names: Vec<String>| -> Vec<String> {
        names.iter().map(|name| format!("{kind} {name}")).collect()
    };
    let variables = common::nasty::VARIABLES.into_iter().chain(["count_only"]);
    let variables = variables
        .map(str::to_owned)
        .chain(common::nasty::more_variables());
    let stores = ["1 segment", "2 segments", "more segments", "tombstones"];
    let shapes = Shape::ALL.map(|shape| format!("{shape:?}"));
    let stores = stores.map(str::to_owned).into_iter().chain(shapes);
    let expected = [
        names("variable", variables.collect()),
        names(
            "order",
            Field::ALL.map(|field| field.name().to_owned()).to_vec(),
        ),
        names(
            "strategy",
            // Zones take more rows than these stores have.
            Strategy::ALL
                .into_iter()
                .filter(|&strategy| strategy != Strategy::Zones)
                .map(|strategy| strategy.to_string())
                .collect(),
        ),
        names("store", stores.collect()),
        names("world", World::ALL.map(|world| world.to_string()).to_vec()),
        names(
            "counted by",
            ["index", "cube", "drive", "blocks"]
                .map(str::to_owned)
                .to_vec(),
        ),
    ];
    for name in expected.concat() {
        let count = tally.occurred.get(&name).copied().unwrap_or_default();
        assert!(count * 100 >= tally.pairs, "{name} only {count} times");
    }
    // Counts are asked for a quarter as often, by some forty keys.
    for name in names("key", count_keys()) {
        let count = tally.occurred.get(&name).copied().unwrap_or_default();
        assert!(count * 1000 >= tally.pairs, "{name} only {count} times");
    }
    let counted = tally.occurred.get("counted groups").copied();
    let counted = counted.unwrap_or_default();
    assert!(counted * 8 >= tally.pairs, "most counts are of nothing");
}

/// Blocks of 4,096 rows, and what differs once a store has more than one of them.
#[test]
fn engine_and_reference_agree_across_blocks() {
    let mut tally = Tally::default();
    for (seed, shape) in [(1, Shape::One), (2, Shape::Several), (3, Shape::Merged)] {
        run_store(seed << 32, shape, 5_000, 10, &mut tally);
    }
    let by_zones = format!("strategy {}", Strategy::Zones);
    assert!(tally.occurred.contains_key(&by_zones), "no order by zones");
}
