//! The same writes to the engine and to SQLite, both with every index kept.
//!
//! Each kind of change is committed one ticket at a time and a thousand at a time, first
//! by the one and then by the other, so that both meet the same machine. The engine's time
//! holds the merges that its commits bring on, and the merge jobs that come due, which run
//! here on the writer's thread. SQLite is in memory and keeps no journal, so unlike the
//! engine it could not undo a batch: its figures are the best that it can do.

use std::time::Instant;

use ticketdex::synth::Tickets;
use ticketdex::{Batch, BatchChange, Field, Patch, Snapshot, Store, Ticket};

use crate::peer::Failure;
use crate::sqlite::Sqlite;

/// The tickets of a large batch.
const BATCH: usize = 1_000;

/// How many commits of one ticket are timed, and how many of a batch.
const SINGLES: usize = 4_000;
const BATCHES: usize = 20;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// New tickets, and as many that replace one.
    Put,
    /// A status, a technician and a date.
    Patch,
    /// A subject and a date: searchable text changes.
    PatchText,
    Remove,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Put, "put, half new and half replaced"),
    (
        Kind::Patch,
        "partial update: status, technician, last_updated",
    ),
    (
        Kind::PatchText,
        "partial update: subject, status, last_updated",
    ),
    (Kind::Remove, "removal"),
];

/// What one writer took for its commits.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tickets a second, merges and all.
    pub tickets: f64,
    /// The median commit, in microseconds.
    pub median: f64,
    /// The slowest commit, in milliseconds.
    pub worst: f64,
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was written.
    pub name: &'static str,
    /// How many tickets a commit.
    pub batch: usize,
    /// The engine.
    pub engine: Rate,
    /// SQLite.
    pub sqlite: Rate,
}

/// Makes changes, spread over all tickets that were loaded.
pub struct Changes {
    fresh: Tickets,
    next_tid: u64,
    state: u64,
    tids: Vec<u64>,
}

impl Changes {
    /// Makes changes of a store with these tids, all below 2^40.
    pub fn new(seed: u64, tids: Vec<u64>) -> Changes {
        // Other tickets than the store's own, so that a replaced one differs.
        let fresh = Tickets::new(seed + 1);
        Changes {
            fresh,
            next_tid: 1 << 40,
            state: seed,
            tids,
        }
    }

    /// Returns a tid that was loaded, by chance; it may have been removed since.
    fn tid(&mut self) -> u64 {
        // A full period of 2^64: no tid comes again soon, and all come alike.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.tids[(self.state >> 33) as usize % self.tids.len()]
    }

    /// Returns a ticket that is new or replaces another, by turns.
    pub fn ticket(&mut self) -> Ticket {
        let mut ticket = self.fresh.next().expect("tickets never end");
        ticket.tid = if ticket.tid.is_multiple_of(2) {
            self.next_tid += 1;
            self.next_tid
        } else {
            self.tid()
        };
        ticket
    }

    fn change(&mut self, kind: Kind, snapshot: &Snapshot) -> (BatchChange, Option<Ticket>) {
        if kind == Kind::Put {
            let ticket = self.ticket();
            return (BatchChange::Put(Box::new(ticket)), None);
        }
        let before = loop {
            if let Some(record) = snapshot.get(self.tid()) {
                break Ticket::from(record);
            }
        };
        let like = self.fresh.next().expect("tickets never end");
        let patch = Patch::new()
            .set(Field::Status, like.status)
            .set(Field::LastUpdated, like.date_opened.unwrap_or_default());
        let patch = match kind {
            Kind::Put | Kind::Remove => return (BatchChange::Remove(before.tid), None),
            Kind::Patch => patch.set(Field::AssignedTech, like.assigned_tech),
            Kind::PatchText => patch.set(Field::Subject, like.subject),
        };
        let mut after = before;
        patch.apply(&mut after).expect("the values are of tickets");
        (BatchChange::Patch(after.tid, patch), Some(after))
    }
}

/// Writes to both, and checks that both hold as many tickets after each kind.
pub fn compare(
    store: &mut Store,
    sqlite: &Sqlite,
    changes: &mut Changes,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (batch, commits) in [(1, SINGLES), (BATCH, BATCHES)] {
        for (kind, name) in KINDS {
            let snapshot = store.snapshot();
            let commits: Vec<Vec<_>> = (0..commits)
                .map(|_| {
                    (0..batch)
                        .map(|_| changes.change(kind, &snapshot))
                        .collect()
                })
                .collect();
            drop(snapshot);
            let engine = time(&commits, batch, |changes| {
                let mut batch = Batch::new();
                for (change, _) in changes {
                    push(&mut batch, change.clone());
                }
                let start = Instant::now();
                store.commit(batch)?;
                let took = start.elapsed().as_secs_f64();
                let start = Instant::now();
                run_jobs(store);
                Ok((took, start.elapsed().as_secs_f64()))
            })?;
            let sqlite_rate = time(&commits, batch, |changes| {
                let start = Instant::now();
                sqlite.write(changes)?;
                Ok((start.elapsed().as_secs_f64(), 0.0))
            })?;
            let counts = (store.snapshot().tickets_count(), sqlite.tickets_count()?);
            if counts.0 != counts.1 {
                return Err(format!("after {name}: {} and {} tickets", counts.0, counts.1).into());
            }
            lines.push(Line {
                name,
                batch,
                engine,
                sqlite: sqlite_rate,
            });
        }
    }
    Ok(lines)
}

/// Runs the merges that wait, as a program without a thread to spare does.
pub fn run_jobs(store: &mut Store) {
    while let Some(job) = store.merge_job() {
        store.install(job.run());
    }
}

fn push(batch: &mut Batch, change: BatchChange) {
    match change {
        BatchChange::Put(ticket) => batch.put(*ticket),
        BatchChange::Patch(tid, patch) => batch.patch(tid, patch),
        BatchChange::Remove(tid) => batch.remove(tid),
        other => unreachable!("{other:?} is not made here"),
    };
}

/// Runs commits, which tell their own seconds and those of what they put off.
fn time<T>(
    commits: &[Vec<T>],
    batch: usize,
    mut commit: impl FnMut(&[T]) -> Result<(f64, f64), Failure>,
) -> Result<Rate, Failure> {
    let mut seconds = Vec::with_capacity(commits.len());
    let mut put_off = 0.0;
    for changes in commits {
        let (own, later) = commit(changes)?;
        seconds.push(own);
        put_off += later;
    }
    let all: f64 = seconds.iter().sum();
    seconds.sort_by(f64::total_cmp);
    Ok(Rate {
        tickets: (commits.len() * batch) as f64 / (all + put_off),
        median: seconds[seconds.len() / 2] * 1e6,
        worst: seconds[seconds.len() - 1] * 1e3,
    })
}
