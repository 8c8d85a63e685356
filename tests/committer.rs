//! Batches that are committed together: each is whole or refused alone, and on disk when its call returns.
//!
//! `TICKETDEX_KILLS` is how many processes are killed, `TICKETDEX_SEED` the seed of what is committed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::folder::folder;
use common::nasty::{Random, make_batch, make_tickets};
use common::{environment, everything};
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, BatchChange, Change, Committer, Error, ErrorKind, Field, Format, Journal, Options,
    Patch, Query, Snapshot, Store, Ticket, durable,
};

fn seed() -> u64 {
    let seed = environment("TICKETDEX_SEED", 1);
    println!("TICKETDEX_SEED={seed}");
    seed
}

fn tids(snapshot: &Snapshot) -> BTreeSet<u64> {
    let answer = snapshot.answer(&Query::default());
    answer.records().map(|record| record.tid()).collect()
}

/// The tickets that batches put or patch.
fn written(batches: &[&Batch]) -> BTreeSet<u64> {
    let changes = batches.iter().flat_map(|batch| batch.changes());
    let tids = changes.filter_map(|change| match change {
        BatchChange::Put(ticket) => Some(ticket.tid),
        BatchChange::Patch(tid, _) => Some(*tid),
        _ => None,
    });
    tids.collect()
}

/// The last line of each ticket counts.
fn is_removed_last(batches: &[&Batch], tid: u64) -> bool {
    let changes = batches.iter().flat_map(|batch| batch.changes());
    let mut own = changes.filter(|change| match change {
        BatchChange::Put(ticket) => ticket.tid == tid,
        BatchChange::Patch(own, _) | BatchChange::Remove(own) => *own == tid,
        _ => false,
    });
    matches!(own.next_back(), Some(BatchChange::Remove(_)))
}

/// One commit of several batches comes to what commits of each come to, but for the number.
#[test]
fn batches_together_come_to_what_they_come_to_one_by_one() {
    let (mut refused_count, mut applied_count) = (0, 0);
    let first = seed();
    for seed in first..first + 300 {
        let mut random = Random::new(seed);
        // Small segments merge and large ones are revised, by turns.
        let rows = random.choose(&[0, 4, 1 << 14]);
        let mut store = Store::new(Options::default().commit_rows_max(rows));
        let mut reference = Reference::new();
        let known: Vec<u64> = make_tickets(&mut random, 20)
            .iter()
            .map(|it| it.tid)
            .collect();
        for _ in 0..6 {
            let batches: Vec<Batch> = (0..random.below(7))
                .map(|_| make_batch(&mut random, &known))
                .collect();
            let before = store.snapshot();
            let outcomes = store.commit_together(batches.clone());
            assert_eq!(outcomes.len(), batches.len());
            let mut applied = Vec::new();
            for (batch, outcome) in batches.iter().zip(&outcomes) {
                let expected = reference.commit(batch).map_err(|error| error.code());
                let got = outcome.as_ref().map_err(Error::code);
                assert_eq!(got.as_ref().err(), expected.as_ref().err(), "seed {seed}");
                if let Ok(commit) = got {
                    assert_eq!(commit.version, before.version() + 1);
                    assert_eq!(commit.tickets_count, store.snapshot().tickets_count());
                    applied.push(batch);
                }
            }
            refused_count += outcomes.len() - applied.len();
            applied_count += applied.len();
            let after = store.snapshot();
            assert_eq!(after.check_invariants(), Ok(()), "seed {seed}");
            assert_eq!(
                after.custom_names(),
                reference.custom_names(),
                "seed {seed}"
            );
            let expected = reference.respond(&Query::default(), Format::Json);
            assert!(everything(&after) == expected, "seed {seed}: other tickets");
            let number = before.version() + u64::from(!applied.is_empty());
            assert_eq!(after.version(), number);
            // What the commit wrote bears its number, and what it removed is told once.
            let (was, is) = (tids(&before), tids(&after));
            let wrote = written(&applied);
            for &tid in &is {
                let version = after.version_of(tid);
                if wrote.contains(&tid) {
                    assert_eq!(version, Some(number), "seed {seed}, ticket {tid}");
                } else {
                    assert_eq!(version, before.version_of(tid), "seed {seed}, ticket {tid}");
                }
            }
            let removed = after.removed_since(before.version()).unwrap();
            let removed: BTreeSet<u64> = removed.map(|it| it.tid).collect();
            let gone = was.iter().filter(|&&tid| is_removed_last(&applied, tid));
            assert_eq!(removed, gone.copied().collect(), "seed {seed}");
        }
    }
    println!("{applied_count} batches applied, {refused_count} refused");
    assert!(applied_count > 500 && refused_count > 100);
}

/// Counts its commits, which take as long as a disk, and fails where it is told to.
#[derive(Clone, Debug, Default)]
struct Slow {
    commits: Arc<AtomicUsize>,
    fails_from: Option<usize>,
    time: Duration,
}

impl Journal for Slow {
    fn replay(&mut self, _: &mut dyn FnMut(Change<'_>) -> Result<(), Error>) -> Result<(), Error> {
        Ok(())
    }

    fn append(&mut self, _: Change<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        thread::sleep(self.time);
        let count = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fails_from.is_some_and(|first| count >= first) {
            let storage = ErrorKind::Storage {
                path: None,
                reason: "the disk is gone",
                source: "planted".into(),
            };
            return Err(storage.into());
        }
        Ok(())
    }

    fn rollback(&mut self) {}
}

fn numbered(tid: u64, number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(Ticket {
        tid,
        cid: number.to_string(),
        ..Ticket::default()
    });
    batch
}

fn number_of(snapshot: &Snapshot, tid: u64) -> u64 {
    let record = snapshot.get(tid);
    record.map_or(0, |it| it.text(Field::Cid).parse().unwrap())
}

/// A batch that puts a ticket, and is refused for another that is not there.
fn refused(tid: u64) -> Batch {
    let mut batch = numbered(tid, u64::MAX);
    batch.patch(1 << 50, Patch::new().set(Field::Status, "Open"));
    batch
}

#[test]
fn threads_share_the_wait_and_each_has_its_own_outcome() {
    const THREADS: u64 = 32;
    const COMMITS: u64 = 40;
    let journal = Slow {
        time: Duration::from_millis(1),
        ..Slow::default()
    };
    let commits = Arc::clone(&journal.commits);
    let store = Store::open(Options::default(), journal).unwrap();
    let reader = store.reader();
    let committer = Committer::new(Arc::new(Mutex::new(store)));
    thread::scope(|scope| {
        for tid in 1..=THREADS {
            let (committer, reader) = (committer.clone(), reader.clone());
            scope.spawn(move || {
                for number in 1..=COMMITS {
                    if (tid + number) % 5 == 0 {
                        let error = committer.commit(refused(tid)).unwrap_err();
                        assert_eq!(error.code(), "unknown_ticket");
                    }
                    let commit = committer.commit(numbered(tid, number)).unwrap();
                    let snapshot = reader.snapshot();
                    // It is visible from now on, and nobody else writes this ticket.
                    assert!(snapshot.version() >= commit.version);
                    assert_eq!(number_of(&snapshot, tid), number);
                    assert_eq!(snapshot.version_of(tid), Some(commit.version));
                }
            });
        }
    });
    let all = usize::try_from(THREADS * COMMITS).unwrap();
    let commits = commits.load(Ordering::SeqCst);
    println!("{all} batches in {commits} commits of the journal");
    assert!(commits < all / 4, "{commits} commits of {all}");
    let store = committer.store().lock().unwrap();
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
    assert_eq!(store.snapshot().tickets_count(), THREADS);
}

#[test]
fn a_journal_that_fails_fails_all_who_wait_and_nothing_is_seen() {
    let journal = Slow {
        time: Duration::from_millis(1),
        fails_from: Some(4),
        ..Slow::default()
    };
    let store = Store::open(Options::default(), journal).unwrap();
    let reader = store.reader();
    let committer = Committer::new(Arc::new(Mutex::new(store)));
    let outcomes: Vec<(u64, Vec<Result<u64, Error>>)> = thread::scope(|scope| {
        let threads = (1..=16).map(|tid| {
            let committer = &committer;
            let commit = move |number| committer.commit(numbered(tid, number)).map(|_| number);
            (tid, scope.spawn(move || (1..=9).map(commit).collect()))
        });
        let threads: Vec<_> = threads.collect();
        let joined = threads
            .into_iter()
            .map(|(tid, it)| (tid, it.join().unwrap()));
        joined.collect()
    });
    let snapshot = reader.snapshot();
    assert_eq!(snapshot.version(), 3);
    for (tid, outcomes) in outcomes {
        let last = outcomes.iter().flatten().last();
        assert_eq!(number_of(&snapshot, tid), last.copied().unwrap_or(0));
        let failed = outcomes.iter().filter_map(|it| it.as_ref().err());
        failed.for_each(|error| assert_eq!(error.code(), "storage"));
    }
}

#[test]
fn what_is_too_much_together_is_committed_one_by_one() {
    let large = |tid| {
        let mut batch = numbered(tid, 1);
        batch.put(Ticket {
            tid: tid + 100,
            summary: "word ".repeat(1 << 13),
            ..Ticket::default()
        });
        batch
    };
    let mut store = Store::new(Options::default().memory_bytes_max(170_000));
    let batches = vec![
        numbered(1, 1),
        large(2),
        large(3),
        large(4),
        large(5),
        numbered(6, 1),
    ];
    let outcomes = store.commit_together(batches);
    let codes: Vec<_> = outcomes
        .iter()
        .map(|it| it.as_ref().map_or_else(Error::code, |_| "ok"))
        .collect();
    assert_eq!(
        (codes[0], codes[1], codes[5]),
        ("ok", "ok", "ok"),
        "{codes:?}"
    );
    assert!(codes.contains(&"too_much_memory"), "{codes:?}");
    for (tid, code) in (1..).zip(codes) {
        assert_eq!(store.snapshot().get(tid).is_some(), code == "ok");
    }
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
}

#[test]
fn no_batch_or_none_that_is_applied_makes_no_version() {
    let mut store = Store::default();
    assert!(store.commit_together(Vec::new()).is_empty());
    let outcomes = store.commit_together(vec![refused(1), refused(2)]);
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(
        (store.snapshot().version(), store.snapshot().tickets_count()),
        (0, 0)
    );
    // An empty one is a commit, as it is alone.
    let outcomes = store.commit_together(vec![Batch::new(), refused(2)]);
    assert_eq!(outcomes[0].as_ref().unwrap().version, 1);
}

#[test]
fn a_commit_that_returned_is_in_the_file() {
    let path = folder("committer_file").join("tickets.redb");
    let store = durable::Options::new().create(true).open(&path).unwrap();
    let committer = Committer::new(Arc::new(Mutex::new(store)));
    thread::scope(|scope| {
        for tid in 1..=8 {
            let committer = &committer;
            scope.spawn(move || {
                for number in 1..=20 {
                    committer.commit(numbered(tid, number)).unwrap();
                    assert!(committer.commit(refused(tid)).is_err());
                }
            });
        }
    });
    let expected = committer.store().lock().unwrap().snapshot();
    drop(committer);
    let found = durable::open_read_only(&path).unwrap();
    assert!(everything(&found) == everything(&expected));
    assert_eq!(found.version(), expected.version());
    for tid in 1..=8 {
        assert_eq!(found.version_of(tid), expected.version_of(tid));
        assert_eq!(number_of(&found, tid), 20);
    }
}

/// The process that is killed: its threads commit to a store, and print what has returned.
///
/// `cargo test --all-features --test committer a_kill_loses_no_commit_that_returned` starts it, with the
/// store's path in `TICKETDEX_COMMITTER`. It never ends by itself.
#[test]
#[ignore = "it runs until it is killed; to run: cargo test --all-features --test committer a_kill_loses"]
fn threads_that_commit_until_they_are_killed() {
    let Some(path) = std::env::var_os("TICKETDEX_COMMITTER") else {
        return;
    };
    let committer = Committer::new(Arc::new(Mutex::new(durable::open(path).unwrap())));
    let snapshot = committer.store().lock().unwrap().snapshot();
    thread::scope(|scope| {
        for tid in 1..=8 {
            let (committer, first) = (&committer, number_of(&snapshot, tid) + 1);
            scope.spawn(move || {
                for number in first.. {
                    committer.commit(numbered(tid, number)).unwrap();
                    // In one write, so that lines do not mix.
                    let line = format!("\n{tid} {number}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_kill_loses_no_commit_that_returned() {
    let path = folder("committer_killed").join("tickets.redb");
    drop(durable::Options::new().create(true).open(&path).unwrap());
    let mut random = Random::new(seed());
    let mut returned: BTreeMap<u64, u64> = BTreeMap::new();
    let kills = environment("TICKETDEX_KILLS", 12);
    let mut commits = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "threads_that_commit_until_they_are_killed",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env("TICKETDEX_COMMITTER", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            let pair = |line: String| {
                let (tid, number) = line.split_once(' ')?;
                Some((tid.parse().ok()?, number.parse().ok()?))
            };
            lines.filter_map(pair).collect::<Vec<(u64, u64)>>()
        });
        thread::sleep(Duration::from_millis(100 + random.below(300) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        for (tid, number) in lines.join().unwrap() {
            let before = returned.insert(tid, number).unwrap_or(0);
            assert!(number > before, "ticket {tid}: {number} after {before}");
            commits += 1;
        }
        let found = durable::open_read_only(&path).unwrap();
        assert_eq!(found.check_invariants(), Ok(()));
        for tid in 1..=8 {
            let there = number_of(&found, tid);
            let known = returned.get(&tid).copied().unwrap_or(0);
            // One more may be there, whose call did not return in time.
            assert!(
                (known..=known + 1).contains(&there),
                "kill {kill}: {there} of ticket {tid}, where {known} returned"
            );
            // The next one goes on after it.
            returned.insert(tid, there);
        }
    }
    println!("{kills} kills, {commits} commits returned");
    assert!(commits > kills);
}
