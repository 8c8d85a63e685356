//! Merges beside builds of what is live.

use std::collections::BTreeMap;

use super::*;
use crate::model::names::CustomNames;
use crate::model::value::seconds_to_date;
use crate::model::{CellMut, Ticket};
use crate::segment::builder::SegmentBuilder;
use crate::segment::{NewValue, RevisedRow, is_revisable};

/// A seeded generator of numbers (xorshift*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 10] = ["", "a", "A", "É", "é", "ẞ", "ß", "a b", "%", "open "];
        let count = self.below(3);
        (0..count).map(|_| PIECES[self.below(10)]).collect()
    }
}

const NAMES: [&str; 3] = ["Serial", "Colour", "Rare"];

fn make_ticket(random: &mut Random, tid: u64) -> Ticket {
    let mut ticket = Ticket::default();
    for field in Field::ALL {
        let is_empty = random.below(4) == 0;
        let number = [random.below(3) as u64, u64::MAX, 1 << 40][random.below(9) / 4];
        match ticket.cell_mut(field) {
            _ if is_empty => {}
            CellMut::Text(text) if field.kind() == FieldKind::Flag => "Y".clone_into(text),
            CellMut::Text(text) if field == Field::Summary => {
                *text = format!("{} word{tid}", random.text());
            }
            CellMut::Text(text) => *text = random.text(),
            CellMut::Integer(integer) => *integer = number,
            CellMut::OptionalInteger(integer) => *integer = Some(number),
            CellMut::Date(date) => *date = Some(seconds_to_date(number % (1 << 36))),
            CellMut::CustomFields(pairs) => {
                let names = NAMES.iter().take(random.below(4));
                *pairs = names.map(|&name| (name.into(), random.text())).collect();
            }
        }
    }
    ticket.tid = tid;
    ticket
}

/// Tickets by tid, with the numbers of their commits.
type Live = BTreeMap<u64, (u64, Ticket)>;

fn build(tickets: &Live, names: &CustomNames) -> Segment {
    let mut builder = SegmentBuilder::new();
    for (number, ticket) in tickets.values() {
        builder.enter_commit(*number);
        builder.insert(std::slice::from_ref(ticket), names);
    }
    builder.seal(&Budget::new(None))
}

type OwnSource = (Arc<Segment>, Tombstones);

/// Sources whose live tickets are those of the map, each in one of them.
fn make_sources(
    random: &mut Random,
    sources_count: usize,
    tids_count: u64,
    names: &CustomNames,
) -> (Vec<OwnSource>, Live) {
    let mut live = Live::new();
    let mut sources: Vec<OwnSource> = Vec::new();
    for _ in 0..sources_count {
        let mut own = Live::new();
        // Some sources are of one commit, and some of these of the same.
        let commits_count = 1 + random.below(3);
        for tid in 1..=tids_count {
            if random.below(sources_count + 1) == 0 {
                let number = random.below(commits_count) as u64 + 1;
                own.insert(tid, (number, make_ticket(random, tid)));
            }
        }
        for (segment, dead) in &mut sources {
            for row in own.keys().filter_map(|&tid| segment.row_of(tid)) {
                dead.insert(row);
            }
        }
        let segment = build(&own, names);
        let mut dead = Tombstones::default();
        live.extend(own);
        for row in 0..segment.rows_count() {
            if random.below(5) == 0 {
                dead.insert(row);
                live.remove(&segment.tid(row));
            }
        }
        sources.push((Arc::new(segment), dead));
    }
    for base in 0..sources_count {
        for _ in 0..random.below(3) {
            let revision = revise(random, &mut sources[base], &mut live);
            sources.push((Arc::new(revision), Tombstones::default()));
        }
    }
    (sources, live)
}

/// Takes some live rows of a source into a revision of it, with the values of other tickets.
fn revise(random: &mut Random, (base, dead): &mut OwnSource, live: &mut Live) -> Segment {
    let mut rows = Vec::new();
    let number = random.below(3) as u64 + 1;
    for base_row in (0..base.rows_count())
        .filter(|&row| !dead.contains(row))
        .collect::<Vec<_>>()
    {
        if random.below(4) > 0 {
            continue;
        }
        let tid = base.tid(base_row);
        let (other, (own, ticket)) = (make_ticket(random, tid), live.get_mut(&tid).unwrap());
        *own = number;
        let fields = Field::ALL.into_iter().filter(|&field| is_revisable(field));
        let mut values = Vec::new();
        for field in fields.filter(|field| field.index() % 3 == random.below(4)) {
            let value = NewValue::of(&other, field);
            value.put_into(ticket, field);
            values.push((field, value));
        }
        rows.push(RevisedRow { base_row, values });
        dead.insert(base_row);
    }
    Segment::of_revision(Revision::new(base, &rows, number), &Budget::new(None))
}

fn merge_all(sources: &[OwnSource]) -> Segment {
    let sources: Vec<Source> = sources.iter().map(|(it, dead)| (&**it, dead)).collect();
    Segment::merge(&sources, &Budget::new(None))
}

/// Everything of both segments, as text; but the kept terms, which are in no order.
fn assert_equal(merged: &Segment, built: &Segment, context: &str) {
    let show = |part: &dyn std::fmt::Debug| format!("{part:?}");
    assert_eq!(merged.rows_count, built.rows_count, "{context}");
    for field in Field::ALL {
        let index = field.index();
        let parts = |segment: &Segment| {
            [
                show(&segment.columns[index]),
                show(&segment.postings[index]),
                show(&segment.orders[index]),
            ]
        };
        assert_eq!(parts(merged), parts(built), "{} {context}", field.name());
    }
    assert_eq!(show(&merged.custom), show(&built.custom), "{context}");
    assert_eq!(show(merged.versions()), show(built.versions()), "{context}");
    assert_eq!(show(&merged.words()), show(&built.words()), "{context}");
}

#[test]
fn a_merge_is_the_segment_of_the_live_tickets() {
    let mut names = CustomNames::default();
    names.enter(None, NAMES).unwrap();
    for seed in 1..=150 {
        let mut random = Random(seed);
        let sources_count = 1 + random.below(5);
        let tids_count = [0, 1, 3, 20, 100, 200][random.below(6)];
        let (sources, live) = make_sources(&mut random, sources_count, tids_count, &names);
        let merged = merge_all(&sources);
        assert_eq!(merged.check_invariants(NAMES.len()), Ok(()), "seed {seed}");
        assert_equal(&merged, &build(&live, &names), &format!("seed {seed}"));
    }
}

/// Rows of several zones and words with kept rows.
#[test]
fn a_large_merge_is_the_segment_of_the_live_tickets() {
    let mut names = CustomNames::default();
    names.enter(None, NAMES).unwrap();
    let (sources, live) = make_sources(&mut Random(7), 2, 40_000, &names);
    assert!(live.len() > 16_384);
    let merged = merge_all(&sources);
    assert_eq!(merged.check_invariants(NAMES.len()), Ok(()));
    assert_equal(&merged, &build(&live, &names), "large");
}

#[test]
fn orders_and_terms_of_a_source_are_there_after_a_merge() {
    let mut names = CustomNames::default();
    names.enter(None, NAMES).unwrap();
    let (sources, _) = make_sources(&mut Random(9), 3, 12_000, &names);
    let slots = [
        Slot::Field(Field::Subject),
        Slot::Field(Field::Phone),
        Slot::Custom(1),
    ];
    for ((source, _), slot) in sources.iter().zip(slots) {
        source.order(slot);
    }
    let matches = sources[1].0.find_term("word");
    sources[1].0.term_rows("word", &matches, true);
    let merged = merge_all(&sources);
    assert!(slots.iter().all(|&slot| merged.has_order(slot)));
    assert!(!merged.has_order(Slot::Field(Field::Email)));
    let kept = merged.kept_term("word").unwrap();
    let holders = (0..merged.rows_count()).filter(|&row| merged.holds_term(row, "word"));
    assert_eq!(kept.count() as usize, holders.count());
}
