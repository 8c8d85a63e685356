//! A store beside the reference, through batches, merges and held snapshots.
//!
//! Each step changes both in the same way, or changes how the store keeps what it has;
//! whatever was held before answers as it did.

use std::fmt::Debug;

use ticketdex::reference::Reference;
use ticketdex::synth::World;
use ticketdex::{
    Batch, ErrorKind, MergeJob, Merged, Options, Patch, Snapshot, Store, Texts, Ticket,
};

use super::changes::{Held, compare_changes};
use super::checks::{compare, compare_counts};
use super::nasty::{
    Random, make_batch, make_count_request, make_patch, make_request, make_tickets,
};
use super::worlds::Sample;

/// More than the tombstones of a segment of a model take.
const TOMBSTONES_BYTES_MAX: usize = 256;

/// More than a removal takes, and what is free in a log beside those there were before.
const REMOVAL_BYTES_MAX: usize = 64;
const REMOVALS_BYTES_MAX: usize = 512;

/// More than a custom field's name of a model takes.
const NAME_BYTES_MAX: usize = 256;

/// Checks that a snapshot tells of the last removals, as many as it may, and says of what it does not
/// tell.
pub fn check_removals(snapshot: &Snapshot, reference: &Reference, removals_max: usize) {
    let all = reference.removed_since(0);
    let excess = all.len().saturating_sub(removals_max);
    let oldest = excess.checked_sub(1).map_or(0, |at| all[at].1);
    for since in 0..=snapshot.version() + 1 {
        match snapshot.removed_since(since) {
            Ok(removed) => {
                let removed: Vec<_> = removed.map(|it| (it.tid, it.version)).collect();
                assert_eq!(removed, reference.removed_since(since));
                assert!(since >= oldest);
            }
            Err(error) => {
                assert_eq!(error.code(), "version_too_old");
                assert!(since < oldest && error.to_string().contains(&oldest.to_string()));
            }
        }
    }
}

/// The most snapshots and merges that are held at a time.
const HELD_MAX: usize = 3;

/// A store, what it must answer, and what is held of it.
pub struct Model {
    store: Store,
    /// The options of the store, but for its bounds.
    keeping: Options,
    bytes_max: Option<usize>,
    removals_max: usize,
    reference: Reference,
    commits_count: u64,
    held: Vec<Held>,
    merged: Vec<Merged>,
    /// What was done, printed only if a check fails.
    steps: Vec<Box<dyn Debug>>,
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("steps:");
            self.steps.iter().for_each(|step| eprintln!("{step:?}"));
        }
    }
}

impl Model {
    /// Makes an empty store, which merges at sizes drawn from none to the ordinary.
    ///
    /// One in two packs its texts, and one in three has a budget, of what one ticket to some dozens take.
    pub fn new(random: &mut Random) -> Model {
        let kind = random.below(10);
        let mut options = match kind % 5 {
            0 => Options::default(),
            at => Options::default().commit_rows_max([0, 4, 12, 40][at - 1]),
        };
        if kind >= 5 {
            options = options.texts(Texts::Compact).packed_bytes_min(0);
        }
        let keeping = options.clone();
        let mut bytes_max = None;
        if random.is_one_in(3) {
            let bytes = 16_000 + random.below(256) * 1_000;
            options = options.memory_bytes_max(bytes);
            bytes_max = Some(bytes);
        }
        let removals_max = random.choose(&[1_000, 1_000, 12, 0]);
        options = options.removals_max(removals_max);
        let steps: Vec<Box<dyn Debug>> = vec![Box::new(options.clone())];
        Model {
            store: Store::new(options),
            keeping,
            bytes_max,
            removals_max,
            reference: Reference::new(),
            commits_count: 0,
            held: Vec::new(),
            merged: Vec::new(),
            steps,
        }
    }

    /// Takes one step, and checks what must be true after it.
    pub fn step(&mut self, random: &mut Random) {
        const STEPS: usize = 18;
        let drawn = random.below(256);
        if drawn >= 256 / STEPS * STEPS {
            self.commit_world(random);
            self.check();
            return;
        }
        match drawn % STEPS {
            0..=4 => {
                let batch = make_batch(random, &self.tids());
                self.commit(&batch);
            }
            5..=8 => self.commit_one_by_one(random),
            9 => self.remove(random),
            10 | 11 => {
                self.steps.push(Box::new("merge a job"));
                let merged = self.store.merge_job().map(MergeJob::run);
                self.merged.extend(merged);
                if self.merged.len() > HELD_MAX || random.is_one_in(2) {
                    self.install(random);
                }
            }
            12 => self.install(random),
            13 => {
                self.steps.push(Box::new("merge all"));
                self.store.merge_all();
                let is_one = self.store.snapshot().segments_count() <= 1;
                assert!(is_one || self.bytes_max.is_some());
            }
            14 => {
                self.steps.push(Box::new("merge every job"));
                while let Some(job) = self.store.merge_job() {
                    self.store.install(job.run());
                }
            }
            15 | 16 => self.patch_one_by_one(random),
            _ => self.hold(random),
        }
        self.check();
    }

    /// Compares the answers to a request with the reference's, now or as of what is held; returns
    /// how many records the answer has.
    pub fn ask(&self, random: &mut Random) -> usize {
        let (snapshot, reference) = match self.held.get(random.below(2 * HELD_MAX)) {
            Some(held) => (&held.snapshot, &held.reference),
            None => (&self.store.snapshot(), &self.reference),
        };
        let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
        let request = make_request(random, &tickets);
        let records_count = compare(snapshot, reference, &request);
        // One in some requests also tells what changed; another draw would make other lives of seeds.
        if let Some(held) = self.held.get(request.len() % (2 * HELD_MAX)) {
            compare_changes(held, &self.now(), &request);
        }
        if random.is_one_in(3) {
            compare_counts(snapshot, reference, &make_count_request(random, &tickets));
        }
        self.check_budget();
        records_count
    }

    /// Commits a few tickets of a world, some of them in the place of others.
    fn commit_world(&mut self, random: &mut Random) {
        let world = random.choose(&World::ALL);
        let count = 1 + random.below(6);
        let sample = Sample::draw(random, world, count);
        self.commit(&sample.tickets().iter().cloned().collect());
    }

    fn tids(&self) -> Vec<u64> {
        self.reference.tickets().map(|ticket| ticket.tid).collect()
    }

    fn commit(&mut self, batch: &Batch) {
        self.steps.push(Box::new(batch.clone()));
        let got = self.store.commit(batch.clone());
        if let Err(error) = &got
            && let ErrorKind::TooMuchMemory { bytes, bytes_max } = *error.kind()
        {
            assert_eq!(Some(bytes_max), self.bytes_max.map(|bytes| bytes as u64));
            assert!(bytes > bytes_max, "{bytes} bytes");
            self.check_refusal(batch, bytes);
            return;
        }
        let got = got.map_err(|error| error.code());
        let expected = self.reference.commit(batch).map_err(|error| error.code());
        assert_eq!(got.map(|_| ()), expected);
        if let Ok(commit) = got {
            self.commits_count += 1;
            assert_eq!(commit.version, self.commits_count);
        }
    }

    /// Checks that what was refused for want of so many bytes would not have taken much less: it
    /// tells of no more than what is there, with other tombstones, and all tickets put again.
    fn check_refusal(&self, batch: &Batch, bytes: u64) {
        let mut after = self.reference.clone();
        if after.commit(batch).is_err() {
            return;
        }
        let mut all = Batch::new();
        for ticket in after.tickets() {
            all.put(ticket.clone());
        }
        let mut rebuilt = Store::new(self.keeping.clone());
        rebuilt.commit(all).unwrap();
        let snapshot = self.store.snapshot();
        let tombstones = snapshot.segments_count() * TOMBSTONES_BYTES_MAX;
        // Names stay, also those of a ticket that the same batch replaces.
        let names = after.custom_names().len() * NAME_BYTES_MAX;
        let there = snapshot.memory().total() + rebuilt.snapshot().memory().total();
        let removals = self.reference.tickets().count() * REMOVAL_BYTES_MAX + REMOVALS_BYTES_MAX;
        let ample = there + tombstones + names + removals;
        assert!(bytes <= ample as u64, "{bytes} > {ample}");
    }

    /// Tickets as a help desk gets them: each its own commit.
    fn commit_one_by_one(&mut self, random: &mut Random) {
        let tickets_count = random.below(6);
        for ticket in make_tickets(random, tickets_count) {
            let mut batch = Batch::new();
            let tid = ticket.tid;
            batch.put(ticket);
            if random.is_one_in(4) {
                batch.patch(tid, Patch::new().set_custom("Serial", "patched"));
            }
            self.commit(&batch);
        }
    }

    /// Tickets as a help desk works on them: some values change, often of the same ticket.
    fn patch_one_by_one(&mut self, random: &mut Random) {
        let tids = self.tids();
        for _ in 0..random.below(12) {
            if !tids.is_empty() {
                let mut batch = Batch::new();
                batch.patch(random.choose(&tids), make_patch(random));
                self.commit(&batch);
            }
        }
    }

    /// Removes a run of tickets, or all of them.
    fn remove(&mut self, random: &mut Random) {
        let mut tids = self.tids();
        if !random.is_one_in(4) {
            tids.truncate(random.below(tids.len() + 1));
        }
        let mut batch = Batch::new();
        for tid in tids {
            batch.remove(tid);
        }
        self.commit(&batch);
    }

    /// Installs what was merged some time ago, in any order.
    fn install(&mut self, random: &mut Random) {
        if !self.merged.is_empty() {
            let at = random.below(self.merged.len());
            self.steps
                .push(Box::new(("install what was merged, at", at)));
            let commit = self.store.install(self.merged.swap_remove(at));
            assert_eq!(commit.version, self.commits_count);
        }
    }

    fn hold(&mut self, random: &mut Random) {
        self.steps.push(Box::new("hold a snapshot"));
        if self.held.len() == HELD_MAX {
            self.held.swap_remove(random.below(HELD_MAX));
        }
        self.held.push(self.now());
    }

    fn now(&self) -> Held {
        Held {
            snapshot: self.store.snapshot(),
            reference: self.reference.clone(),
        }
    }

    fn check(&self) {
        let snapshot = self.store.snapshot();
        assert_eq!(snapshot.check_invariants(), Ok(()));
        assert_eq!(snapshot.version(), self.commits_count);
        assert_eq!(snapshot.custom_names(), self.reference.custom_names());
        for ticket in self.reference.tickets() {
            let version = self.reference.version_of(ticket.tid);
            assert_eq!(snapshot.version_of(ticket.tid), version);
        }
        check_removals(&snapshot, &self.reference, self.removals_max);
        assert!(snapshot.tickets_count() == self.reference.tickets().count() as u64);
        self.check_budget();
    }

    fn check_budget(&self) {
        let bytes = self.store.snapshot().memory().total();
        assert!(self.bytes_max.is_none_or(|bytes_max| bytes <= bytes_max));
    }
}
