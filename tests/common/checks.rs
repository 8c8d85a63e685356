//! What must hold of any bytes: the fuzz targets' checks, one function a target.
//!
//! A target hands its input to one of these, and so does `regressions`, which replays the
//! seeds and every input that a check has ever failed on, on stable Rust. Each compares an
//! answer, rather than only waiting for a crash.

use std::collections::BTreeMap;

use ticketdex::reference::Reference;
use ticketdex::synth::World;
use ticketdex::{
    Batch, CountMode, CountQuery, Error, Field, Format, Import, ImportFormat, Options, Patch,
    PlanMode, Query, Request, Snapshot, Store, Texts, Ticket,
};

use super::allocations::measure;
use super::foreign;
use super::model::Model;
use super::nasty::{Random, make_count_request, make_request, make_tickets, split};
use super::worlds::Sample;

/// Prints what a check failed on, as text to paste, while its panic unwinds.
pub struct OnFailure<F: Fn() -> String>(pub F);

impl<F: Fn() -> String> Drop for OnFailure<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0());
        }
    }
}

/// Returns tickets as JSON Lines, to be pasted into a file.
pub fn show_tickets<'a>(tickets: impl IntoIterator<Item = &'a Ticket>) -> String {
    let lines = tickets.into_iter().map(|ticket| {
        let line = serde_json::to_string(ticket);
        line.unwrap_or_else(|error| error.to_string()) + "\n"
    });
    lines.collect()
}

/// A request that parses prints as one that parses to an equal request; an error shows.
pub fn parse_request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _shown = OnFailure(|| format!("request: {text}"));
    match text.parse::<Request>() {
        Ok(request) => {
            let printed = request.to_string();
            let again: Request = printed.parse().expect("what is printed parses");
            // A key is not printed.
            let key = None;
            assert_eq!(again, Request { key, ..request }, "{printed}");
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => {
            for format in Format::ALL {
                let body = error.to_response(format);
                assert!(body.len() < 16_384, "an error out of proportion");
                let expected = ticketdex::reference::error_response(&error, format);
                assert_eq!(body, expected);
            }
        }
    }
}

const IMPORTS: [ImportFormat; 4] = [
    ImportFormat::JsonLines,
    ImportFormat::Xml,
    ImportFormat::Json,
    ImportFormat::Delimited,
];

/// The formats of responses, with the imports that read them.
const READABLE: &[(Format, ImportFormat)] = &[
    (Format::Xml, ImportFormat::Xml),
    (Format::Json, ImportFormat::Json),
    (Format::Delimited, ImportFormat::Delimited),
    #[cfg(feature = "csv")]
    (Format::Csv, ImportFormat::Csv),
];

fn read(format: ImportFormat, input: &[u8]) -> Result<Vec<Ticket>, Error> {
    Import::new(format, input).into_iter().collect()
}

/// Bytes that reading may hold for each of its input's, beside the tickets themselves: the
/// shortest custom field is four bytes of input and two texts with their places in a list.
const READ_MULTIPLE: u64 = 64;

/// Bytes that reading may hold whatever the input is.
const READ_BYTES: u64 = 16 << 10;

/// Places of tickets that are held for each that is read: a list that grows by doubling is there
/// twice for a moment, and so is the block that a ticket comes from.
const TICKET_PLACES: u64 = 6;

/// What imports, exports and imports again to the same; the first byte is the format.
///
/// What reading holds is bounded by the input and the tickets that are in it.
pub fn import_bytes(input: &[u8]) {
    let Some((&first, input)) = input.split_first() else {
        return;
    };
    let format = IMPORTS[usize::from(first) % IMPORTS.len()];
    let _shown = OnFailure(|| format!("{format:?}: {}", String::from_utf8_lossy(input)));
    let (_held, counted) = measure(|| input.to_vec());
    assert_eq!(counted.peak, input.len() as u64, "no allocator counts");
    let (read_strictly, bytes) = measure(|| read(format, input));
    // Skipping finds at least as many, and all of them where nothing is wrong.
    let mut kept = Vec::new();
    let skipping = Import::new(format, input).skip_bad(true);
    let skipped = skipping.for_each_block(|tickets| {
        kept.append(tickets);
        Ok(())
    });
    let places = (kept.len() + 1) * size_of::<Ticket>();
    let most = READ_BYTES + input.len() as u64 * READ_MULTIPLE + places as u64 * TICKET_PLACES;
    assert!(bytes.peak <= most, "{bytes:?} where {most} were allowed");
    let Ok(tickets) = read_strictly else {
        assert!(kept.iter().all(|ticket| ticket.check().is_ok()));
        return;
    };
    assert_eq!(skipped.expect("nothing is wrong").skipped, 0);
    assert_eq!(kept, tickets);
    let Ok(reference) = Reference::from_tickets(tickets) else {
        // More custom names than a store may have.
        return;
    };
    let mut store = Store::new(Options::default());
    store
        .load(Import::new(format, input))
        .expect("it has loaded before");
    for &(format, import) in READABLE {
        let body = write(&store.snapshot(), &Query::default(), format);
        assert_eq!(body, reference.respond(&Query::default(), format));
        let mut again = Store::new(Options::default());
        again
            .load(Import::new(import, &*body))
            .expect("what is written reads");
        assert_eq!(write(&again.snapshot(), &Query::default(), format), body);
    }
}

/// Any cells come back from each format, by a parser of others and by the engine's own import.
///
/// Texts are the input's own, cut at the byte FF, which no UTF-8 has; the first byte of each
/// says where it goes. A ticket that breaks a rule is left out. Returns how many are not.
pub fn response_roundtrip(input: &[u8]) -> usize {
    let mut tickets: BTreeMap<u64, Ticket> = BTreeMap::new();
    let mut ticket = Ticket::default();
    let mut keep = |ticket: &Ticket| {
        let number = u64::try_from(tickets.len()).expect("a count") + 1;
        let ticket = Ticket {
            tid: number,
            ..ticket.clone()
        };
        if ticket.check().is_ok() {
            tickets.insert(number, ticket);
        }
    };
    for piece in input.split(|&byte| byte == 0xFF) {
        let Some((&place, text)) = piece.split_first() else {
            keep(&std::mem::take(&mut ticket));
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let place = usize::from(place);
        match Field::ALL.get(place) {
            Some(Field::Tid | Field::CustomFields) | None => {
                let name = ["Serial", "_x", "a.b-c", "Z9", "Rare"][place % 5];
                ticket.custom_fields.push((name.into(), text.into()));
            }
            // A value that the field cannot have leaves it as it is.
            Some(&field) => drop(Patch::new().set(field, &*text).apply(&mut ticket)),
        }
    }
    keep(&ticket);
    let Ok(reference) = Reference::from_tickets(tickets.into_values()) else {
        return 0;
    };
    let _shown = OnFailure(|| show_tickets(reference.tickets()));
    let mut batch = Batch::new();
    for ticket in reference.tickets() {
        batch.put(ticket.clone());
    }
    let mut store = Store::new(packed(Options::default()));
    store.commit(batch).expect("the tickets are valid");
    let names = reference.custom_names();
    let tickets: Vec<&Ticket> = reference.tickets().collect();
    for &(format, import) in READABLE {
        let body = write(&store.snapshot(), &Query::default(), format);
        let mut again = Store::new(Options::default());
        again
            .load(Import::new(import, &*body))
            .expect("what is written reads");
        assert_eq!(write(&again.snapshot(), &Query::default(), format), body);
        foreign::check(format, body, tickets.iter().copied(), names);
    }
    tickets.len()
}

fn write(snapshot: &Snapshot, query: &Query, format: Format) -> Vec<u8> {
    let mut body = Vec::new();
    snapshot
        .answer(query)
        .write_to(format, &mut body)
        .expect("a vector takes any bytes");
    body
}

/// Totals, tids and bytes are those of the reference, under every plan; returns how many records
/// the answer has.
///
/// A plan writes one of the formats, another one for another request.
pub fn compare(snapshot: &Snapshot, reference: &Reference, request: &str) -> usize {
    let _shown = OnFailure(|| {
        let tickets = show_tickets(reference.tickets());
        format!("tickets, as JSON Lines:\n{tickets}request: {request}")
    });
    let query: Query = request.parse().expect("generated requests are valid");
    let total = reference.total(&query);
    let tids = reference.tids(&query);
    let bodies = Format::ALL.map(|format| reference.respond(&query, format));
    // Modes differ in filters last, of which there are three as well.
    let filters_modes = PlanMode::all().count() / 3;
    for (at, mode) in PlanMode::all().enumerate() {
        let answer = snapshot.answer_with(&query, mode);
        assert_eq!(answer.total(), total, "total under {mode:?}");
        let got: Vec<u64> = answer.records().map(|record| record.tid()).collect();
        assert_eq!(got, tids, "tids under {mode:?}");
        let index = (at + at / filters_modes + request.len()) % Format::ALL.len();
        let mut body = Vec::new();
        let written = answer.write_to(Format::ALL[index], &mut body);
        written.expect("a vector takes any bytes");
        assert!(body == bodies[index], "bytes under {mode:?}");
    }
    tids.len()
}

/// Counts are those of the reference, in every way, and keep the laws of counts; returns how many
/// groups they have.
pub fn compare_counts(snapshot: &Snapshot, reference: &Reference, request: &str) -> usize {
    let _shown = OnFailure(|| {
        let tickets = show_tickets(reference.tickets());
        format!("tickets, as JSON Lines:\n{tickets}request: {request}")
    });
    let query: CountQuery = request.parse().expect("generated requests are valid");
    assert_eq!(
        query.to_string().parse::<CountQuery>().as_ref().ok(),
        Some(&query)
    );
    let bodies = Format::ALL.map(|format| reference.respond_counts(&query, format));
    let counts = snapshot.count_by(&query);
    assert_eq!(counts.total(), reference.total(query.matching()));
    for (at, mode) in CountMode::all().enumerate() {
        let own = snapshot.count_by_with(&query, mode);
        assert!(own == counts, "counts under {mode:?}");
        let index = (at + request.len()) % Format::ALL.len();
        let mut body = Vec::new();
        let written = own.write_to(Format::ALL[index], &mut body);
        written.expect("a vector takes any bytes");
        assert!(
            body == bodies[index],
            "{mode:?}: {}\ninstead of {}",
            String::from_utf8_lossy(&body),
            String::from_utf8_lossy(&bodies[index])
        );
    }
    counts.by().iter().map(|key| key.groups().len()).sum()
}

/// Returns whether all of an input has been drawn, after which each choice is the first.
fn is_spent(random: &Random) -> bool {
    matches!(random, Random::Chosen(bytes) if bytes.len() == 0)
}

/// Returns options of a store that packs all texts, however few.
fn packed(options: Options) -> Options {
    options.texts(Texts::Compact).packed_bytes_min(0)
}

/// Draws the options of a store, which packs its texts one time in two, and one time in seven a world that its tickets come from.
fn draw_kind(random: &mut Random) -> (Options, Option<World>) {
    const FIRST_OF_WORLDS: usize = 256 - 4 * World::ALL.len();
    let kind = random.below(256);
    let mut options = match kind % 4 {
        0 => Options::default(),
        at => Options::default().commit_rows_max([0, 4, 16][at - 1]),
    };
    if kind / 4 % 2 == 1 {
        options = packed(options);
    }
    let world = kind.checked_sub(FIRST_OF_WORLDS);
    (options, world.map(|at| World::ALL[at / 4]))
}

/// A store of any tickets, from one segment to one of each ticket, answers any request as the
/// reference does; returns how many records the answers have.
///
/// Requests have a part of the input to themselves, since a store would take all of it.
pub fn query_vs_reference(input: &[u8]) -> usize {
    let (asked, stored) = input.split_at(input.len() / 4);
    let (store, reference, sample) = draw_store(&mut Random::chosen(stored));
    let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
    let mut random = Random::chosen(asked);
    let mut records_count = 0;
    for _ in 0..4 {
        let request = match &sample {
            Some(sample) => sample.request(&mut random),
            None => make_request(&mut random, &tickets),
        };
        records_count += compare(&store.snapshot(), &reference, &request);
        if is_spent(&random) {
            break;
        }
    }
    records_count
}

/// Draws a store and the reference of the same tickets, which may be a sample of a world.
fn draw_store(random: &mut Random) -> (Store, Reference, Option<Sample>) {
    let (options, world) = draw_kind(random);
    let mut store = Store::new(options);
    let commits_count = random.choose(&[1, 2, 64]);
    let is_merged = random.is_one_in(4);
    let tickets_max = random.below(24);
    let sample = world.map(|world| Sample::draw(random, world, tickets_max));
    let mut tickets = sample
        .as_ref()
        .map_or(Vec::new(), |sample| sample.tickets().to_vec());
    while tickets.len() < tickets_max && !is_spent(random) {
        tickets.append(&mut make_tickets(random, 1));
    }
    let mut reference = Reference::new();
    for batch in split(random, &tickets, commits_count) {
        commit(&mut store, &mut reference, batch);
    }
    if is_merged {
        store.merge_all();
    }
    (store, reference, sample)
}

/// The same store counts by value as the reference does; returns how many groups there are.
pub fn count_vs_reference(input: &[u8]) -> usize {
    let (asked, stored) = input.split_at(input.len() / 4);
    let (store, reference, _) = draw_store(&mut Random::chosen(stored));
    let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
    let mut random = Random::chosen(asked);
    let mut groups_count = 0;
    for _ in 0..4 {
        let request = make_count_request(&mut random, &tickets);
        groups_count += compare_counts(&store.snapshot(), &reference, &request);
        if is_spent(&random) {
            break;
        }
    }
    groups_count
}

fn commit(store: &mut Store, reference: &mut Reference, batch: Batch) {
    let expected = reference.commit(&batch).map_err(|error| error.code());
    let got = store
        .commit(batch)
        .map(|_| ())
        .map_err(|error| error.code());
    assert_eq!(got, expected);
}

/// Batches, merges and held snapshots: every state answers as the reference of its version;
/// returns how many records the answers have.
pub fn store_ops(input: &[u8]) -> usize {
    let mut random = Random::chosen(input);
    let mut model = Model::new(&mut random);
    let mut records_count = 0;
    for _ in 0..=random.below(12) {
        model.step(&mut random);
        records_count += model.ask(&mut random);
    }
    records_count
}
