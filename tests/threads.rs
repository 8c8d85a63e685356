//! Two writers that take turns, a merger, and four readers, all at once.
//!
//! Every answer must be the reference's for the state of its own snapshot: states are
//! numbered by commit, and the writers note each before they publish it. `TICKETDEX_SECONDS`
//! is how long at least, `TICKETDEX_SEED` the seed of the first thread: a slow build on a busy
//! machine goes on until it has done enough to show anything.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::environment;
use common::nasty::{Random, make_batch, make_request, make_ticket, make_tickets};
use ticketdex::reference::Reference;
use ticketdex::{Batch, Format, Options, Query, Reader, Store, Ticket};

/// A store that threads share, and what it must answer at each version that can be seen.
struct Shared {
    store: Mutex<(Store, Reference)>,
    states: Mutex<BTreeMap<u64, Arc<Reference>>>,
    is_over: AtomicBool,
    answers_count: AtomicU64,
    merges_count: AtomicU64,
}

/// A test whose threads have not done enough by then fails.
const ENOUGH_WITHIN: Duration = Duration::from_mins(3);

/// So many versions back a reader may be when it looks up what its snapshot must answer.
const STATES_MAX: u64 = 256;

impl Shared {
    fn new(options: Options) -> Shared {
        Shared {
            store: Mutex::new((Store::new(options), Reference::new())),
            states: Mutex::new(BTreeMap::from([(0, Arc::default())])),
            is_over: AtomicBool::new(false),
            answers_count: AtomicU64::new(0),
            merges_count: AtomicU64::new(0),
        }
    }

    fn reader(&self) -> Reader {
        self.store.lock().unwrap().0.reader()
    }

    /// Commits what `make` makes of the tids that are there, and notes the state before.
    fn commit(&self, make: impl FnOnce(&[u64]) -> Batch) {
        let mut guard = self.store.lock().unwrap();
        let (store, reference) = &mut *guard;
        let tids: Vec<u64> = reference.tickets().map(|ticket| ticket.tid).collect();
        let batch = make(&tids);
        let expected = reference.commit(&batch).map_err(|error| error.code());
        let version = store.snapshot().version() + 1;
        if expected.is_ok() {
            let mut states = self.states.lock().unwrap();
            states.insert(version, Arc::new(reference.clone()));
            states.remove(&version.saturating_sub(STATES_MAX));
        }
        let got = store.commit(batch).map_err(|error| error.code());
        assert_eq!(got.map(|_| ()), expected);
    }

    fn write(&self, random: &mut Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.commit(|tids| make_batch(random, tids));
            // The other one's turn, or the merger's.
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Merges outside of the lock, so that commits go on meanwhile.
    fn merge(&self, random: &mut Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            let job = self.store.lock().unwrap().0.merge_job();
            if let Some(job) = job {
                let merged = job.run();
                self.store.lock().unwrap().0.install(merged);
                self.merges_count.fetch_add(1, Ordering::Relaxed);
            }
            if random.is_one_in(200) {
                self.store.lock().unwrap().0.merge_all();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn read(&self, reader: &Reader, random: &mut Random) {
        let mut last_version = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let snapshot = reader.snapshot();
            assert!(last_version <= snapshot.version(), "versions went back");
            last_version = snapshot.version();
            let noted = self.states.lock().unwrap().get(&last_version).cloned();
            // A thread that was stopped for long may come too late.
            let Some(reference) = noted else {
                continue;
            };
            let tickets: Vec<Ticket> = reference.tickets().cloned().collect();
            for _ in 0..4 {
                let request = make_request(random, &tickets);
                let query: Query = request.parse().unwrap();
                let answer = snapshot.answer(&query);
                assert_eq!(answer.total(), reference.total(&query), "{request}");
                let format = random.choose(&Format::ALL);
                let mut body = Vec::new();
                answer.write_to(format, &mut body).unwrap();
                assert!(body == reference.respond(&query, format), "{request}");
                self.answers_count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Lets the threads run for `duration` and until `is_enough`, and says whether it was.
    fn end_after(&self, duration: Duration, is_enough: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        std::thread::sleep(duration);
        while !is_enough()
            && start.elapsed() < ENOUGH_WITHIN
            && !self.is_over.load(Ordering::Relaxed)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.is_over.store(true, Ordering::Relaxed);
        is_enough()
    }
}

/// Ends the others where one thread fails, so that the test does.
struct EndOnPanic<'a>(&'a Shared);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_over.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn answers_are_those_of_their_snapshot() {
    let seconds = environment("TICKETDEX_SECONDS", 3);
    let seed = environment("TICKETDEX_SEED", 1);
    let shared = Shared::new(Options::default().commit_rows_max(16));
    let reader = shared.reader();
    let start = Instant::now();
    let is_enough = std::thread::scope(|scope| {
        for at in 0..7 {
            let (shared, reader) = (&shared, reader.clone());
            scope.spawn(move || {
                let _ends = EndOnPanic(shared);
                let mut random = Random::new(seed + at);
                match at {
                    0 | 1 => shared.write(&mut random),
                    2 => shared.merge(&mut random),
                    _ => shared.read(&reader, &mut random),
                }
            });
        }
        shared.end_after(Duration::from_secs(seconds), || {
            shared.answers_count.load(Ordering::Relaxed) > 20
                && shared.merges_count.load(Ordering::Relaxed) > 0
                && reader.snapshot().version() > 20
        })
    });
    let seconds = start.elapsed().as_secs();
    let snapshot = reader.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    let answers_count = shared.answers_count.into_inner();
    let merges_count = shared.merges_count.into_inner();
    let commits_count = snapshot.version();
    println!(
        "{answers_count} answers over {commits_count} commits and {merges_count} merges beside \
         them in {seconds} s, seed {seed}"
    );
    assert!(is_enough);
}

#[test]
fn totals_never_go_back_while_tickets_are_added() {
    let shared = Shared::new(Options::default().commit_rows_max(16));
    let reader = shared.reader();
    let is_enough = std::thread::scope(|scope| {
        for at in 0..4 {
            let (shared, reader) = (&shared, reader.clone());
            scope.spawn(move || {
                let _ends = EndOnPanic(shared);
                let query: Query = "keyword=e".parse().unwrap();
                let (mut count, mut total) = (0, 0);
                while !shared.is_over.load(Ordering::Relaxed) {
                    let snapshot = reader.snapshot();
                    let answer = snapshot.answer(&query);
                    assert!(count <= snapshot.tickets_count() && total <= answer.total());
                    (count, total) = (snapshot.tickets_count(), answer.total());
                    if at == 0 {
                        let mut random = Random::new(count);
                        let ticket = make_ticket(&mut random, count + 1);
                        shared.commit(|_| Batch::new().put(ticket).clone());
                    }
                    if at == 1 {
                        let job = shared.store.lock().unwrap().0.merge_job();
                        let merged = job.map(ticketdex::MergeJob::run);
                        merged.map(|it| shared.store.lock().unwrap().0.install(it));
                    }
                }
            });
        }
        shared.end_after(Duration::from_secs(1), || {
            reader.snapshot().tickets_count() > 20
        })
    });
    assert!(is_enough);
}

/// The longest time that a reader needs for a snapshot and a ticket, while a merge runs.
#[test]
fn a_merge_does_not_stop_readers() {
    let mut store = Store::new(Options::default());
    for tickets in make_tickets(&mut Random::new(5), 12_000).chunks(4_000) {
        let mut batch = Batch::new();
        for ticket in tickets {
            batch.put(ticket.clone());
        }
        store.commit(batch).unwrap();
    }
    let reader = store.reader();
    let is_over = AtomicBool::new(false);
    let (mut pauses, merging) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut pauses = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                let snapshot = reader.snapshot();
                assert_eq!(snapshot.get(7).unwrap().tid(), 7);
                pauses.push(start.elapsed());
                std::thread::sleep(Duration::from_micros(100));
            }
            pauses
        });
        let start = Instant::now();
        store.merge_all();
        let merging = start.elapsed();
        is_over.store(true, Ordering::Relaxed);
        (reading.join().unwrap(), merging)
    });
    pauses.sort();
    println!(
        "merging took {merging:?}; of {} readings the slowest {:?}, the median {:?}",
        pauses.len(),
        pauses.last().unwrap(),
        pauses[pauses.len() / 2],
    );
    // None waited for the merge to end.
    assert!(pauses.len() > 3);
}
