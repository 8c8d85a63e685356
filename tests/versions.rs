//! Numbers of commits: which each ticket bears, what changed since one, what was removed since, and
//! that a mirror which follows both is equal to what it mirrors.
//!
//! Each random life is a store with batches, merges and loads; `TICKETDEX_SEQUENCES` is how many,
//! `TICKETDEX_SEED` the seed of the first. One life for every 25 of these is of a store on disk, which is
//! closed, killed and opened again on the way.

mod common;

use std::collections::BTreeMap;

use common::allocations::Counting;
use common::environment;
use common::model::check_removals;
use common::nasty::{Random, make_batch, make_patch, make_tickets};
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, Field, Import, ImportFormat, MergeJob, Options, Patch, PlanMode, Query, Snapshot, Store,
    Ticket,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn put(tids: impl IntoIterator<Item = u64>) -> Batch {
    let ticket = |tid| Ticket {
        tid,
        ..Ticket::default()
    };
    tids.into_iter().map(ticket).collect()
}

fn changed_since(snapshot: &Snapshot, version: u64) -> Vec<u64> {
    let query = Query::builder().changed_since(version).build().unwrap();
    let answer = snapshot.answer(&query);
    answer.records().map(|record| record.tid()).collect()
}

fn removed_since(snapshot: &Snapshot, version: u64) -> Vec<(u64, u64)> {
    let removed = snapshot.removed_since(version).unwrap();
    removed.map(|it| (it.tid, it.version)).collect()
}

#[test]
fn each_ticket_bears_the_number_of_the_commit_that_put_or_patched_it() {
    let mut store = Store::default();
    assert_eq!(store.snapshot().version(), 0);
    store.commit(put(1..=4)).unwrap();
    // A load is one commit, whatever it replaces.
    let lines = "{\"tid\":2}\n{\"tid\":9}\n{\"tid\":9}";
    let load = || Import::new(ImportFormat::JsonLines, lines.as_bytes());
    assert_eq!(store.load(load()).unwrap().commit.version, 2);
    // A patch counts though it changes nothing; all lines of a batch bear one number.
    let mut batch = Batch::new();
    batch
        .patch(3, Patch::new())
        .put(Ticket {
            tid: 10,
            ..Ticket::default()
        })
        .remove(4)
        .remove(77);
    store.commit(batch).unwrap();
    let versions = |store: &Store| {
        let snapshot = store.snapshot();
        [1, 2, 3, 4, 9, 10].map(|tid| snapshot.version_of(tid).unwrap_or(0))
    };
    assert_eq!(versions(&store), [1, 2, 3, 0, 2, 3]);
    assert_eq!(store.merge_all().version, 3);
    assert_eq!(versions(&store), [1, 2, 3, 0, 2, 3]);
    assert_eq!(store.snapshot().get(3).unwrap().version(), 3);
    // A batch that is refused takes no number, one without lines does.
    let mut batch = put([5]);
    batch.patch(88, Patch::new());
    store.commit(batch).unwrap_err();
    assert_eq!(store.commit(Batch::new()).unwrap().version, 4);
    assert_eq!(changed_since(&store.snapshot(), 2), [3, 10]);
    assert!(changed_since(&store.snapshot(), 4).is_empty());
    // What a batch removes and puts again is put, what it adds and removes was never there.
    let mut batch = Batch::new();
    batch.remove(1).put(Ticket {
        tid: 1,
        ..Ticket::default()
    });
    batch.put(Ticket {
        tid: 50,
        ..Ticket::default()
    });
    batch.remove(50);
    store.commit(batch).unwrap();
    assert_eq!(changed_since(&store.snapshot(), 4), [1]);
    assert_eq!(removed_since(&store.snapshot(), 0), [(4, 3)]);
    // What a load puts in the place of all removes the others.
    assert_eq!(store.replace(load()).unwrap().commit.version, 6);
    let snapshot = store.snapshot();
    assert_eq!(removed_since(&snapshot, 3), [(1, 6), (3, 6), (10, 6)]);
    assert_eq!(changed_since(&snapshot, 5), [2, 9]);
    assert_eq!(snapshot.check_invariants(), Ok(()));
}

#[test]
fn requests_for_what_changed_join_other_filters_under_every_plan() {
    const COUNT: u64 = 20_000;
    let mut store = Store::new(Options::default());
    let (mut reference, mut random) = (Reference::new(), Random::new(7));
    let status = |tid: u64| ["Open", "Closed", "On hold"][tid as usize % 3].to_owned();
    let ticket = |tid| Ticket {
        tid,
        status: status(tid),
        company_id: tid % 50,
        summary: format!("word{}", tid % 9),
        ..Ticket::default()
    };
    let mut commit = |store: &mut Store, batch: Batch| {
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
        reference.clone()
    };
    commit(&mut store, (1..=COUNT).map(ticket).collect());
    for at in 0..40 {
        let mut batch = Batch::new();
        let tid = 1 + random.below(COUNT as usize) as u64;
        match at % 4 {
            0 => batch.put(ticket(tid)),
            1 => batch.patch(tid, Patch::new().set(Field::Summary, "word3 anew")),
            _ => batch.patch(tid, Patch::new().set(Field::Status, "Closed")),
        };
        commit(&mut store, batch);
    }
    let reference = commit(&mut store, (7_000..7_500).map(ticket).collect());
    for is_merged in [false, true] {
        if is_merged {
            store.merge_all();
            assert_eq!(store.snapshot().segments_count(), 1);
        }
        let snapshot = store.snapshot();
        for since in [0, 1, 5, 40, 41, 42, 99] {
            for others in [
                "count_only=Y",
                "status=closed&order=company_id DESC,tid DESC&count=7",
                "status!=closed&order=company_id&count=7",
                "keyword=word3&company_id=3&company_id=4&company_id=5",
                "tid=*7&order=tid DESC&start_tid=5000",
            ] {
                let query = format!("{others}&changed_since={since}");
                let query: Query = query.parse().unwrap();
                let expected = (reference.total(&query), reference.tids(&query));
                for mode in PlanMode::all() {
                    let answer = snapshot.answer_with(&query, mode);
                    let tids = answer.records().map(|record| record.tid());
                    let got = (answer.total(), tids.collect::<Vec<u64>>());
                    assert_eq!(got, expected, "{query} under {mode:?}");
                }
            }
        }
        assert_eq!(snapshot.check_invariants(), Ok(()));
    }
}

/// What a request looks at is what changed, not what is there.
#[test]
fn what_changed_is_found_without_a_look_at_what_did_not() {
    const COUNT: u64 = 100_000;
    let mut store = Store::default();
    store.commit(put(1..=COUNT)).unwrap();
    for tid in 60_001..=60_100 {
        let mut batch = Batch::new();
        batch.patch(tid, Patch::new().set(Field::Status, "Open"));
        store.commit(batch).unwrap();
    }
    for is_merged in [false, true] {
        if is_merged {
            store.merge_all();
        }
        let query: Query = "changed_since=1".parse().unwrap();
        let answer = store.snapshot().answer(&query);
        assert_eq!(answer.records().count(), 100);
        let explain = answer.explain();
        assert!(explain.work.rows_touched < 10_000, "{explain}");
        assert!(explain.work.blocks < 5, "{explain}");
        let names = explain.segments.iter().flat_map(|plan| &plan.filters);
        assert!(names.clone().count() > 0, "{explain}");
        assert!(names.into_iter().all(|plan| plan.name == "changed_since"));
    }
}

/// A copy of a store's tickets, as of one of its versions.
#[derive(Clone)]
struct Mirror {
    version: u64,
    tickets: BTreeMap<u64, Ticket>,
}

impl Mirror {
    fn empty() -> Mirror {
        Mirror {
            version: 0,
            tickets: BTreeMap::new(),
        }
    }

    /// Becomes a copy as of a snapshot, anew where some removals are forgotten; returns whether none
    /// were.
    fn follow(&mut self, now: &Snapshot) -> bool {
        let Ok(removed) = now.removed_since(self.version) else {
            *self = Mirror::empty();
            self.put_changed(now);
            return false;
        };
        for removal in removed {
            self.tickets.remove(&removal.tid);
        }
        self.put_changed(now);
        true
    }

    fn put_changed(&mut self, now: &Snapshot) {
        let query = Query::builder().changed_since(self.version).build();
        let answer = now.answer(&query.unwrap());
        let changed = answer.records();
        self.tickets
            .extend(changed.map(|record| (record.tid(), Ticket::from(record))));
        self.version = now.version();
    }

    fn of(snapshot: &Snapshot) -> Mirror {
        let mut all = Mirror::empty();
        let answer = snapshot.answer(&Query::default());
        let tickets = answer.records();
        all.tickets
            .extend(tickets.map(|record| (record.tid(), Ticket::from(record))));
        all.version = snapshot.version();
        all
    }
}

/// Takes one step of a life; the tickets of loads and batches are the same few.
fn step(random: &mut Random, store: &mut Store) {
    let tids: Vec<u64> = {
        let answer = store.snapshot().answer(&Query::default());
        answer.records().map(|record| record.tid()).collect()
    };
    let some = |random: &mut Random| random.choose(&tids);
    let mut batch = Batch::new();
    match random.below(10) {
        0..3 => batch = make_batch(random, &tids),
        3 | 4 if !tids.is_empty() => {
            for _ in 0..random.below(5) {
                batch.remove(some(random));
            }
        }
        5 | 6 if !tids.is_empty() => {
            batch.patch(some(random), make_patch(random));
        }
        7 => {
            let tickets = make_tickets(random, 8);
            let line = |ticket: &Ticket| serde_json::to_string(ticket).unwrap() + "\n";
            let lines: String = tickets.iter().map(line).collect();
            let import = Import::new(ImportFormat::JsonLines, lines.as_bytes());
            let loaded = match random.below(3) {
                0 => store.replace(import),
                _ => store.load(import),
            };
            loaded.unwrap();
            return;
        }
        8 => {
            if let Some(merged) = store.merge_job().map(MergeJob::run) {
                store.install(merged);
            }
            return;
        }
        9 if random.is_one_in(3) => {
            store.merge_all();
            return;
        }
        _ => {}
    }
    // One in sixteen batches breaks a rule, and then nothing has changed.
    let before = store.snapshot().version();
    let outcome = store.commit(batch);
    let added = u64::from(outcome.is_ok());
    assert_eq!(store.snapshot().version(), before + added);
}

/// Lets every copy that was made on the way follow to now; returns how many had to start anew.
fn check_mirrors(copies: &[Mirror], now: &Snapshot) -> usize {
    assert_eq!(now.check_invariants(), Ok(()));
    let expected = Mirror::of(now);
    let mut anew_count = 0;
    for copy in copies {
        let mut copy = copy.clone();
        anew_count += usize::from(!copy.follow(now));
        assert_eq!(copy.version, expected.version);
        assert!(copy.tickets == expected.tickets);
    }
    anew_count
}

#[test]
fn a_mirror_from_any_version_is_equal() {
    let first = environment("TICKETDEX_SEED", 1);
    let (mut followed, mut anew_count) = (0, 0);
    for seed in first..first + environment("TICKETDEX_SEQUENCES", 300) {
        println!("TICKETDEX_SEED={seed}");
        let mut random = Random::new(seed);
        let options = Options::default()
            .commit_rows_max(random.choose(&[0, 4, 16, 16_384]))
            .removals_max(random.choose(&[1_000_000, 1_000_000, 20, 3, 0]));
        let mut store = Store::new(options);
        let mut copies = vec![Mirror::empty()];
        for _ in 0..30 {
            step(&mut random, &mut store);
            if random.is_one_in(3) {
                copies.push(Mirror::of(&store.snapshot()));
            }
        }
        followed += copies.len();
        anew_count += check_mirrors(&copies, &store.snapshot());
    }
    println!("{followed} copies followed, {anew_count} of them started anew");
    assert!(anew_count * 2 < followed);
}

#[test]
fn a_log_of_removals_has_its_bound_and_says_how_far_back_it_goes() {
    let mut store = Store::new(Options::default().removals_max(10));
    let mut reference = Reference::new();
    let mut commit = |batch: Batch| {
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
        check_removals(&store.snapshot(), &reference, 10);
    };
    commit(put(1..=100));
    for (first, last) in [
        (1, 4),
        (5, 5),
        (6, 11),
        (12, 12),
        (13, 40),
        (41, 43),
        (44, 50),
    ] {
        let mut batch = Batch::new();
        for tid in first..=last {
            batch.remove(tid);
        }
        commit(batch);
    }
    let error = store.snapshot().removed_since(3).unwrap_err();
    assert_eq!((error.code(), error.status()), ("version_too_old", 410));
    assert_eq!(
        error.to_string(),
        "the removals since version 3 are forgotten in part; since 6 and later ones they are known"
    );
    assert!(error.is_request());
    assert_eq!(store.snapshot().removed_since(6).unwrap().len(), 10);
}

/// What a log takes and a commit adds to it is counted and little.
#[test]
fn a_removal_takes_sixteen_bytes() {
    let mut store = Store::default();
    store.commit(put(1..=100_000)).unwrap();
    let bytes = |store: &Store| store.snapshot().memory().removals;
    assert!(bytes(&store) < 100);
    let mut batch = Batch::new();
    for tid in 1..=50_000 {
        batch.remove(tid);
    }
    store.commit(batch).unwrap();
    let all = bytes(&store);
    assert!((50_000 * 16..50_000 * 16 + 70_000).contains(&all), "{all}");
    // Snapshots share the log: one removal more takes no other place.
    let held = store.snapshot();
    let mut batch = Batch::new();
    batch.remove(50_001);
    let (_, counted) = common::allocations::measure(|| store.commit(batch).unwrap());
    assert!(counted.peak < 20_000, "{counted:?}");
    assert_eq!(held.removed_since(0).unwrap().len(), 50_000);
    assert_eq!(store.snapshot().removed_since(0).unwrap().len(), 50_001);
}

#[cfg(feature = "durable")]
mod durable_stores {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use common::folder::folder;
    use redb::TableDefinition;
    use ticketdex::durable;

    use super::*;

    fn options() -> durable::Options {
        durable::Options::new().create(true)
    }

    /// A store on disk that is closed or killed again and again.
    struct Life {
        random: Random,
        path: PathBuf,
        memory: Options,
        may_lose: bool,
    }

    impl Life {
        fn new(seed: u64, folder: &Path) -> Life {
            let mut random = Random::new(seed);
            let removals_max = random.choose(&[1_000_000, 1_000_000, 1_000_000, 20, 0]);
            Life {
                path: folder.join("tickets.redb"),
                memory: Options::default().removals_max(removals_max),
                may_lose: random.is_one_in(5),
                random,
            }
        }

        fn open(&mut self) -> Store {
            let options = options().store(self.memory.clone());
            let options = options.threads(self.random.below(4));
            let options = if self.may_lose {
                options.may_lose(Duration::from_hours(1))
            } else {
                options
            };
            options.open(&self.path).unwrap()
        }

        /// Closes the store and opens it again; all that was known before is known after.
        fn close(&mut self, store: Store) -> Store {
            let before = store.snapshot();
            drop(store);
            let store = self.open();
            self.check_same(&before, &store.snapshot());
            store
        }

        /// Opens what a killed process leaves: the file as it lies there while the store is open.
        fn kill(&mut self, store: Store) -> Store {
            let before = store.snapshot();
            let left = self.path.with_extension("left");
            fs::copy(&self.path, &left).unwrap();
            drop(store);
            fs::rename(left, &self.path).unwrap();
            let store = self.open();
            let after = store.snapshot();
            if self.may_lose {
                assert!(after.version() >= before.version());
            } else {
                self.check_same(&before, &after);
            }
            store
        }

        fn check_same(&mut self, before: &Snapshot, after: &Snapshot) {
            assert_eq!(after.version(), before.version());
            let since = self.random.below(before.version() as usize + 1) as u64;
            let told = |snapshot: &Snapshot| {
                let removed = snapshot.removed_since(since);
                removed
                    .map(Iterator::collect::<Vec<_>>)
                    .map_err(|it| it.to_string())
            };
            assert_eq!(told(after), told(before));
            for record in before.answer(&Query::default()).records() {
                let version = after.version_of(record.tid());
                assert_eq!(version, Some(record.version()));
            }
        }
    }

    /// Each life has 96 steps and 12 ends, of which half are kills.
    #[test]
    fn a_mirror_is_equal_through_reopenings_and_kills() {
        let folder = folder("versions_reopened");
        let first = environment("TICKETDEX_SEED", 1);
        let (mut steps_count, mut closes_count, mut kills_count) = (0, 0, 0);
        let (mut followed, mut anew_count) = (0, 0);
        for seed in first..first + environment("TICKETDEX_SEQUENCES", 300) / 25 {
            println!("TICKETDEX_SEED={seed}");
            let folder = folder.join(seed.to_string());
            fs::create_dir(&folder).unwrap();
            let mut life = Life::new(seed, &folder);
            let mut store = life.open();
            let mut copies = vec![Mirror::empty()];
            for _ in 0..12 {
                for _ in 0..8 {
                    step(&mut life.random, &mut store);
                    steps_count += 1;
                    if life.random.is_one_in(3) {
                        copies.push(Mirror::of(&store.snapshot()));
                    }
                }
                if life.random.is_one_in(3) {
                    durable::image_job(&store).unwrap().run().unwrap();
                }
                store = if life.random.is_one_in(2) {
                    kills_count += 1;
                    life.kill(store)
                } else {
                    closes_count += 1;
                    life.close(store)
                };
                followed += copies.len();
                anew_count += check_mirrors(&copies, &store.snapshot());
            }
            drop(store);
            fs::remove_dir_all(folder).unwrap();
        }
        println!(
            "{steps_count} steps, {closes_count} closes, {kills_count} kills; {followed} times a copy \
             followed, {anew_count} of them from the start"
        );
        assert!(anew_count * 2 < followed);
    }

    #[test]
    fn a_store_goes_on_counting_whatever_its_commits_did() {
        let path = folder("versions_counting").join("tickets.redb");
        let mut expected = 0;
        let mut commit = |batch: Batch| {
            let mut store = options().open(&path).unwrap();
            assert_eq!(store.snapshot().version(), expected);
            expected += 1;
            assert_eq!(store.commit(batch).unwrap().version, expected);
        };
        commit(put([1, 2]));
        commit(Batch::new());
        let mut batch = Batch::new();
        batch.remove(9);
        commit(batch.clone());
        batch.remove(1).remove(2);
        commit(batch);
        commit(Batch::new());
        let snapshot = durable::open_read_only(&path).unwrap();
        assert_eq!((snapshot.version(), snapshot.tickets_count()), (5, 0));
        assert_eq!(removed_since(&snapshot, 3), [(1, 4), (2, 4)]);
    }

    #[test]
    fn a_bound_that_was_lower_is_kept_in_the_file() {
        let path = folder("versions_bound").join("tickets.redb");
        let open = |removals_max: usize| {
            let memory = Options::default().removals_max(removals_max);
            options().store(memory).open(&path).unwrap()
        };
        let remove = |store: &mut Store, tid: u64| {
            let mut batch = Batch::new();
            batch.remove(tid);
            store.commit(batch).unwrap();
        };
        let mut store = open(100);
        store.commit(put(1..=10)).unwrap();
        (1..=4).for_each(|tid| remove(&mut store, tid));
        drop(store);
        let mut store = open(2);
        assert_eq!(removed_since(&store.snapshot(), 3), [(3, 4), (4, 5)]);
        assert!(store.snapshot().removed_since(2).is_err());
        remove(&mut store, 5);
        drop(store);
        let store = open(100);
        assert_eq!(removed_since(&store.snapshot(), 4), [(4, 5), (5, 6)]);
        assert!(store.snapshot().removed_since(3).is_err());
    }

    /// Makes the file of a store as it was before commits had numbers, of two tickets.
    fn make_unnumbered(path: &Path) {
        const RECORDS: [(u64, &str); 2] = [
            (
                7,
                "0025000300000000000180e0f8d3ec0100000000044f70656e0000000000000000000000000000000\
                 00000000000010653657269616c025831075072696e74657200",
            ),
            (
                9,
                "01670600002f2500010010ff07c00c7468652073616d65206c696e6520616761696e201400ffffffff\
                 ffff1960616761696e20",
            ),
        ];
        let database = redb::Database::create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let store: TableDefinition<&str, u64> = TableDefinition::new("ticketdex");
            let names: TableDefinition<u64, &str> = TableDefinition::new("custom_names");
            let tickets: TableDefinition<u64, &[u8]> = TableDefinition::new("tickets");
            let mut store = transaction.open_table(store).unwrap();
            store.insert("format", 1).unwrap();
            let mut names = transaction.open_table(names).unwrap();
            names.insert(0, "Serial").unwrap();
            let mut tickets = transaction.open_table(tickets).unwrap();
            for (tid, record) in RECORDS {
                let digits = (0..record.len()).step_by(2);
                let byte = |at| u8::from_str_radix(&record[at..at + 2], 16).unwrap();
                let bytes: Vec<u8> = digits.map(byte).collect();
                tickets.insert(tid, &*bytes).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    #[test]
    fn a_file_without_numbers_opens_as_one_commit_and_counts_from_there() {
        let path = folder("versions_unnumbered").join("tickets.redb");
        make_unnumbered(&path);
        let before = fs::read(&path).unwrap();
        for snapshot in [
            durable::open_read_only(&path).unwrap(),
            durable::open(&path).unwrap().snapshot(),
        ] {
            assert_eq!(snapshot.check_invariants(), Ok(()));
            assert_eq!(snapshot.version(), 1);
            assert_eq!(changed_since(&snapshot, 0), [7, 9]);
            let record = snapshot.get(7).unwrap();
            assert_eq!((record.version(), record.custom("Serial")), (1, "X1"));
            assert!(snapshot.get(9).unwrap().text(Field::Summary).len() > 1_000);
        }
        assert!(fs::read(&path).unwrap() == before);
        let mut store = durable::open(&path).unwrap();
        let mut batch = Batch::new();
        batch.patch(9, Patch::new().set(Field::Status, "Closed"));
        assert_eq!(store.commit(batch).unwrap().version, 2);
        drop(store);
        let mut store = durable::open(&path).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(
            [7, 9].map(|tid| snapshot.version_of(tid)),
            [Some(1), Some(2)]
        );
        let mut batch = Batch::new();
        batch.remove(7);
        store.commit(batch).unwrap();
        drop(store);
        let snapshot = durable::open(&path).unwrap().snapshot();
        assert_eq!(removed_since(&snapshot, 0), [(7, 3)]);
        assert_eq!(changed_since(&snapshot, 1), [9]);
    }

    /// Numbers of commits that a crash has lost were told to others.
    #[test]
    fn lost_numbers_are_not_given_again() {
        let folder = folder("versions_lost");
        let (path, copy) = (folder.join("a.redb"), folder.join("b.redb"));
        let hour = Duration::from_hours(1);
        let mut store = options().may_lose(hour).open(&path).unwrap();
        for tid in 1..=9 {
            store.commit(put([tid])).unwrap();
        }
        let mut mirror = Mirror::of(&store.snapshot());
        // What a killed process leaves.
        fs::copy(&path, &copy).unwrap();
        drop(store);
        assert_eq!(durable::open(&path).unwrap().snapshot().version(), 9);

        let found = durable::open_read_only(&copy).unwrap();
        assert!(found.tickets_count() < 9 && found.version() > 9);
        for may_lose in [false, true] {
            let options = if may_lose {
                options().may_lose(hour)
            } else {
                options()
            };
            let mut store = options.open(&copy).unwrap();
            let mut batch = put([20]);
            batch.remove(1);
            let version = store.snapshot().version();
            assert!(store.commit(batch).unwrap().version == version + 1);
        }
        let now = durable::open(&copy).unwrap().snapshot();
        assert!(now.removed_since(9).is_err() && now.removed_since(found.version()).is_ok());
        assert_eq!(now.version(), found.version() + 2);
        assert!(!mirror.follow(&now) && mirror.tickets == Mirror::of(&now).tickets);
    }

    /// The image is older than the commits that a crash has lost, so only the database knows of them.
    #[test]
    fn lost_numbers_are_known_to_be_lost_after_an_opening_from_an_image() {
        let folder = folder("versions_lost_image");
        let (path, left) = (folder.join("a.redb"), folder.join("left"));
        let open = || {
            let options = options().may_lose(Duration::from_hours(1));
            options.open_told(&path).unwrap()
        };
        let (mut store, _) = open();
        store.commit(put(1..=9)).unwrap();
        store.sync().unwrap();
        durable::image_job(&store).unwrap().run().unwrap();
        let mut batch = Batch::new();
        batch.remove(1);
        let lost = store.commit(batch).unwrap().version;
        let mut mirror = Mirror::of(&store.snapshot());
        // What a killed process leaves.
        fs::copy(&path, &left).unwrap();
        drop(store);
        fs::rename(&left, &path).unwrap();
        for _ in 0..3 {
            let (mut store, opened) = open();
            assert!(opened.from_image, "{opened:?}");
            assert!(store.snapshot().removed_since(lost).is_err());
            store.commit(put([20])).unwrap();
        }
        let (store, _) = open();
        assert!(!mirror.follow(&store.snapshot()));
        assert!(mirror.tickets == Mirror::of(&store.snapshot()).tickets);
    }
}
