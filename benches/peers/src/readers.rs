//! What writes do to readers: beside a writer, and in a store that many commits left.
//!
//! [`beside_a_writer`] asks the same requests in seconds with a writer and in seconds
//! without, by turns, so that both meet the same machine. [`fragmented`] asks the rows of
//! the table of a store after many commits of one ticket, and again after all its
//! segments were merged into one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ticketdex::{Batch, Reader, Snapshot, Store};

use crate::peer::Failure;
use crate::table::Row;
use crate::writes::{Changes, run_jobs};
use crate::{engine, measure};

/// The seconds of each kind.
const WINDOWS: usize = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// The commits of one ticket that a fragmented store has seen, unless it is smaller.
pub const COMMITS: usize = 100_000;

/// A writer rests so long after a commit, as one that is fed by a network would.
const REST: Duration = Duration::from_micros(500);

/// What readers of one request saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The row's name.
    pub name: &'static str,
    /// The median answer without a writer and with one, in microseconds.
    pub medians: [f64; 2],
    /// The slowest answer without and with.
    pub worst: [f64; 2],
}

impl Seen {
    /// Sums up the answers without a writer and with one, of which there are some each.
    fn of(name: &'static str, samples: [Vec<f64>; 2]) -> Seen {
        let [(median, worst), (median_with, worst_with)] = samples.map(|mut samples| {
            samples.sort_by(f64::total_cmp);
            (samples[samples.len() / 2], samples[samples.len() - 1])
        });
        Seen {
            name,
            medians: [median, median_with],
            worst: [worst, worst_with],
        }
    }
}

/// What all readers saw, and how much was written meanwhile.
#[derive(Clone, Debug)]
pub struct Windows {
    /// All answers, of whatever request: as many of each, asked by turns.
    pub all: Seen,
    /// A line a request.
    pub seen: Vec<Seen>,
    /// Tickets a second that were committed in the seconds with a writer.
    pub written: f64,
}

/// Asks rows by turns while a writer, every other second, commits one ticket at a time.
pub fn beside_a_writer(
    store: &mut Store,
    rows: &[Row],
    changes: &mut Changes,
) -> Result<Windows, Failure> {
    let reader = store.reader();
    let mut samples = vec![[Vec::new(), Vec::new()]; rows.len()];
    let mut written = 0;
    for window in 0..2 * WINDOWS {
        let is_written = window % 2;
        let is_over = AtomicBool::new(is_written == 0);
        let read = thread::scope(|scope| {
            let writing = scope.spawn(|| write(store, changes, &is_over));
            let read = read(&reader, rows);
            is_over.store(true, Ordering::Relaxed);
            written += writing.join().map_err(|_| "the writer panicked")??;
            read
        })?;
        for (samples, read) in samples.iter_mut().zip(read) {
            samples[is_written].extend(read);
        }
    }
    let mut all = [Vec::new(), Vec::new()];
    for samples in &samples {
        for (all, samples) in all.iter_mut().zip(samples) {
            all.extend(samples);
        }
    }
    let seen = rows.iter().zip(samples);
    Ok(Windows {
        all: Seen::of("all requests, by turns", all),
        seen: seen
            .map(|(row, samples)| Seen::of(row.name, samples))
            .collect(),
        written: written as f64 / (WINDOWS as f64 * WINDOW.as_secs_f64()),
    })
}

fn write(store: &mut Store, changes: &mut Changes, is_over: &AtomicBool) -> Result<usize, Failure> {
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        commit_one(store, changes)?;
        run_jobs(store);
        count += 1;
        thread::sleep(REST);
    }
    Ok(count)
}

fn commit_one(store: &mut Store, changes: &mut Changes) -> Result<f64, Failure> {
    let mut batch = Batch::new();
    batch.put(changes.ticket());
    let start = Instant::now();
    store.commit(batch)?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
}

/// Asks the rows by turns for one window; returns microseconds by row.
fn read(reader: &Reader, rows: &[Row]) -> Result<Vec<Vec<f64>>, Failure> {
    let mut samples = vec![Vec::new(); rows.len()];
    let start = Instant::now();
    while start.elapsed() < WINDOW {
        for (row, samples) in rows.iter().zip(&mut samples) {
            let (took, _) = measure::once(|| engine::answer(&reader.snapshot(), &row.request))?;
            samples.push(took);
        }
    }
    Ok(samples)
}

/// What one row took in both states of a store, in microseconds.
#[derive(Clone, Debug)]
pub struct States {
    /// The row's name.
    pub name: &'static str,
    /// Over many segments.
    pub fragmented: f64,
    /// Over one.
    pub merged: f64,
}

impl States {
    /// Returns what the fragmented store may take: twice, and 3 µs a segment.
    pub fn bound(&self, segments_count: usize) -> f64 {
        2.0 * self.merged + 3.0 * segments_count as f64
    }
}

/// A store before and after a merge of everything.
#[derive(Clone, Debug)]
pub struct Fragmented {
    /// How many single commits.
    pub commits: usize,
    /// How many segments they left.
    pub segments_count: usize,
    /// The median and the slowest of them, in microseconds.
    pub commit: [f64; 2],
    /// How long the merge of everything took, in seconds.
    pub merge_seconds: f64,
    /// The segments' own memory after the merge, in MiB.
    pub memory_mib: f64,
    /// A line a row.
    pub states: Vec<States>,
}

/// Commits one ticket at a time without merging, asks, merges, and asks again.
pub fn fragmented(
    store: &mut Store,
    rows: &[Row],
    changes: &mut Changes,
    commits: usize,
) -> Result<Fragmented, Failure> {
    let mut took = Vec::with_capacity(commits);
    for _ in 0..commits {
        took.push(commit_one(store, changes)?);
    }
    took.sort_by(f64::total_cmp);
    let before = store.snapshot();
    let fragmented = ask(&before, rows)?;
    let segments_count = before.segments_count();
    drop(before);
    let start = Instant::now();
    store.merge_all();
    let merge_seconds = start.elapsed().as_secs_f64();
    let after = store.snapshot();
    let merged = ask(&after, rows)?;
    let mut states = Vec::new();
    for ((row, fragmented), merged) in rows.iter().zip(fragmented).zip(merged) {
        if fragmented.1 != merged.1 {
            return Err(format!("{} and {} for {}", fragmented.1, merged.1, row.name).into());
        }
        states.push(States {
            name: row.name,
            fragmented: fragmented.0,
            merged: merged.0,
        });
    }
    Ok(Fragmented {
        commits,
        segments_count,
        commit: [took[took.len() / 2], took[took.len() - 1]],
        merge_seconds,
        memory_mib: after.memory().total() as f64 / 1_048_576.0,
        states,
    })
}

/// Returns the median of each row's answer, and its total.
fn ask(snapshot: &Snapshot, rows: &[Row]) -> Result<Vec<(f64, u64)>, Failure> {
    let ask = |row: &Row| {
        let total = engine::answer(snapshot, &row.request)?;
        let took = measure::median(|| engine::answer(snapshot, &row.request))?;
        Ok((took, total))
    };
    rows.iter().map(ask).collect()
}
