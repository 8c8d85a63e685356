//! A damaged store is refused: opening it is an error, or finds what was committed.
//!
//! Never other tickets, and never a panic. The damage is done to a store that was closed,
//! and to what a killed process leaves. `TICKETDEX_SEED` is the seed of the places.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::folder::folder;
use common::nasty::{Random, make_tickets};
use common::{environment, everything};
use ticketdex::{Batch, durable};

/// The pieces that disks write whole.
const SECTOR_BYTES: usize = 512;

/// The file of a store in three states, and what it holds in the last two.
struct Files {
    /// As it was one commit earlier.
    earlier: Vec<u8>,
    /// As a process leaves it that is killed after the last commit.
    killed: Vec<u8>,
    closed: Vec<u8>,
    everything: Vec<u8>,
}

fn make_files(path: &Path) -> Files {
    let mut random = Random::new(7);
    let options = durable::Options::new().create(true);
    let mut store = options.open(path).unwrap();
    let mut earlier = Vec::new();
    // Most of the file is in use, since the texts cannot be packed, and the last commit is a small
    // part of it.
    let mut tickets = make_tickets(&mut random, 320);
    for ticket in &mut tickets {
        let noise = (0..100).map(|_| format!("{:016x}", random.number()));
        ticket.summary.extend(noise);
    }
    let (most, rest) = tickets.split_at(300);
    for part in [most].into_iter().chain(rest.chunks(10)) {
        earlier = fs::read(path).unwrap();
        let mut batch = Batch::new();
        for ticket in part {
            batch.put(ticket.clone());
        }
        store.commit(batch).unwrap();
    }
    let killed = fs::read(path).unwrap();
    let everything = everything(&store.snapshot());
    drop(store);
    let closed = fs::read(path).unwrap();
    Files {
        earlier,
        killed,
        closed,
        everything,
    }
}

/// What came of opening damaged files.
struct Tally<'a> {
    path: PathBuf,
    expected: &'a [u8],
    counts: BTreeMap<(String, &'static str), u32>,
}

impl<'a> Tally<'a> {
    fn new(name: &str, files: &'a Files) -> Tally<'a> {
        Tally {
            path: folder(name).join("damaged.redb"),
            expected: &files.everything,
            counts: BTreeMap::new(),
        }
    }

    /// Opens a damaged file; `how` says by its first word what kind of damage that is.
    fn check(&mut self, bytes: &[u8], how: &str) {
        fs::write(&self.path, bytes).unwrap();
        let outcome = match durable::open(&self.path) {
            Ok(store) => {
                assert!(
                    everything(&store.snapshot()) == self.expected,
                    "other tickets: {how}"
                );
                "unharmed"
            }
            Err(error) => {
                assert_eq!(error.code(), "invalid_store", "{how}: {error:?}");
                "refused"
            }
        };
        let kind = how.split(' ').next().unwrap_or_default().to_owned();
        *self.counts.entry((kind, outcome)).or_default() += 1;
    }

    /// Prints the counts, and returns how many files were refused.
    fn refused(&self) -> u32 {
        for (kind, count) in &self.counts {
            println!("{kind:?} {count}");
        }
        let refused = self
            .counts
            .iter()
            .filter(|((_, outcome), _)| *outcome != "unharmed");
        refused.map(|(_, count)| count).sum()
    }
}

/// Does each kind of damage to a file at a hundred places.
fn damage(name: &str, bytes: &[u8], files: &Files) {
    let seed = environment("TICKETDEX_SEED", 1);
    println!("TICKETDEX_SEED={seed}");
    let mut random = Random::new(seed);
    let mut tally = Tally::new(name, files);
    let sector_of = |number: usize| {
        let start = number * SECTOR_BYTES;
        start..(start + SECTOR_BYTES).min(bytes.len())
    };
    let is_written = |&number: &usize| {
        let sector = sector_of(number);
        files
            .earlier
            .get(sector.clone())
            .is_some_and(|old| old != &bytes[sector])
    };
    // The first sector is what makes a commit count: not to have written that is not to have
    // committed.
    let sectors = 1..bytes.len().div_ceil(SECTOR_BYTES);
    let written: Vec<usize> = sectors.filter(is_written).collect();
    println!(
        "{} bytes, {} sectors of the last commit",
        bytes.len(),
        written.len()
    );
    for _ in 0..100 {
        let at = random.below(bytes.len());
        let sector = sector_of(at / SECTOR_BYTES);

        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << random.below(8);
        tally.check(&flipped, &format!("flipped {at}"));

        tally.check(&bytes[..at], &format!("cut {at}"));

        let mut zeroed = bytes.to_vec();
        zeroed[sector].fill(0);
        tally.check(&zeroed, &format!("zeroed {at}"));

        // The disk said that it had written the sector, and had not.
        let number = random.choose(&written);
        let sector = sector_of(number);
        let mut stale = bytes.to_vec();
        stale[sector.clone()].copy_from_slice(&files.earlier[sector]);
        tally.check(&stale, &format!("stale {number}"));
    }
    assert!(tally.refused() > 200, "hardly anything was damaged");
}

#[test]
fn a_closed_store_that_is_damaged_is_refused() {
    let files = make_files(&folder("damage_closed").join("tickets.redb"));
    damage("damaged_closed", &files.closed, &files);
}

#[test]
fn a_killed_store_that_is_damaged_is_refused() {
    let files = make_files(&folder("damage_killed").join("tickets.redb"));
    damage("damaged_killed", &files.killed, &files);
}

/// The header decides which commit counts, so each of its bytes is tried.
#[test]
fn no_bit_of_the_header_takes_a_commit_back() {
    const HEADER_BYTES: usize = 320;
    const STATE_BYTE: usize = 9;
    let files = make_files(&folder("damage_header").join("tickets.redb"));
    let mut random = Random::new(3);
    let mut tally = Tally::new("damaged_header", &files);
    for (name, bytes) in [("closed", &files.closed), ("killed", &files.killed)] {
        let any = (0..HEADER_BYTES).map(|byte| byte * 8 + random.below(8));
        let state = STATE_BYTE * 8..STATE_BYTE * 8 + 8;
        for bit in any.chain(state) {
            // After a crash, this bit alone tells a finished commit from one that was not: the
            // file is as the crash would have left it between the two syncs of the commit.
            if name == "killed" && bit == STATE_BYTE * 8 {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let how = format!("{name} bit {bit}");
            tally.check(&flipped, &how);
        }
    }
    assert!(tally.refused() > 200, "hardly anything was damaged");
}
