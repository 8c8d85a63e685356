//! What changed in an answer between two snapshots, held to a comparison of two references, and what
//! standing queries are told, held to asking each again after every commit.
//!
//! `TICKETDEX_SEQUENCES` is how many random lives of a store are led, `TICKETDEX_SEED` the seed of the
//! first.

mod common;

use common::allocations::Counting;
use common::changes::{Held, Told, compare_changes, without_window};
use common::environment;
use common::nasty::{Random, make_batch, make_patch, make_request, make_ticket, make_tickets};
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, ChangeKind, Field, Import, ImportFormat, MergeJob, Merged, Options, Patch, Query, Store,
    Ticket, WatchId, Watches,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A store beside the reference, through whatever can happen to a store.
struct Life {
    store: Store,
    reference: Reference,
    merged: Vec<Merged>,
    /// The tickets that were removed, most of them to be put again.
    removed: Vec<u64>,
}

impl Life {
    fn new(random: &mut Random) -> Life {
        let options = Options::default()
            .commit_rows_max(random.choose(&[0, 4, 16, 16_384]))
            .removals_max(random.choose(&[1_000_000, 1_000_000, 20, 3, 0]));
        Life {
            store: Store::new(options),
            reference: Reference::new(),
            merged: Vec::new(),
            removed: Vec::new(),
        }
    }

    fn held(&self) -> Held {
        Held {
            snapshot: self.store.snapshot(),
            reference: self.reference.clone(),
        }
    }

    fn commit(&mut self, batch: Batch) {
        let expected = self.reference.commit(&batch).map_err(|it| it.code());
        let got = self.store.commit(batch).map_err(|it| it.code());
        assert_eq!(got.map(|_| ()), expected);
    }

    /// Loads tickets, in the place of all others or beside them; a bad line is skipped.
    fn load(&mut self, random: &mut Random, tickets: &[Ticket]) {
        let line = |ticket: &Ticket| serde_json::to_string(ticket).unwrap() + "\n";
        let mut lines: String = tickets.iter().map(line).collect();
        lines.push_str("{\"tid\":0}\n");
        let import = || Import::new(ImportFormat::JsonLines, lines.as_bytes()).skip_bad(true);
        let mut batch = Batch::new();
        let loaded = if random.is_one_in(3) {
            for ticket in self.reference.tickets() {
                batch.remove(ticket.tid);
            }
            self.store.replace(import())
        } else {
            self.store.load(import())
        };
        assert_eq!(loaded.unwrap().imported.skipped, 1);
        for ticket in tickets {
            batch.put(ticket.clone());
        }
        self.reference.commit(&batch).unwrap();
    }

    fn step(&mut self, random: &mut Random) {
        let tids: Vec<u64> = self.reference.tickets().map(|it| it.tid).collect();
        let mut batch = Batch::new();
        match random.below(14) {
            0..4 => batch = make_batch(random, &tids),
            4 | 5 if !tids.is_empty() => {
                for _ in 0..random.below(5) {
                    let tid = random.choose(&tids);
                    batch.remove(tid);
                    self.removed.push(tid);
                }
            }
            6..9 if !tids.is_empty() => {
                for _ in 0..=random.below(4) {
                    batch.patch(random.choose(&tids), make_patch(random));
                }
            }
            9 if !self.removed.is_empty() => {
                batch.put(make_ticket(random, random.clone().choose(&self.removed)));
            }
            10 => {
                let tickets = make_tickets(random, 8);
                return self.load(random, &tickets);
            }
            // As it is, so nothing changes.
            11 if !tids.is_empty() => {
                let tid = random.choose(&tids);
                let mut tickets = self.reference.tickets();
                batch.put(tickets.find(|it| it.tid == tid).unwrap().clone());
            }
            12 => {
                self.merged
                    .extend(self.store.merge_job().map(MergeJob::run));
                if random.is_one_in(2) && !self.merged.is_empty() {
                    let at = random.below(self.merged.len());
                    self.store.install(self.merged.swap_remove(at));
                }
                return;
            }
            13 if random.is_one_in(2) => {
                self.store.merge_all();
                return;
            }
            _ => {}
        }
        self.commit(batch);
    }

    /// Makes a request about what is there now or was there then.
    fn request(random: &mut Random, references: [&Reference; 2]) -> String {
        let tickets = random.choose(&references).tickets();
        let tickets: Vec<Ticket> = tickets.cloned().collect();
        make_request(random, &tickets)
    }
}

#[test]
fn any_two_snapshots_of_a_life_compare_as_their_references_do() {
    let first = environment("TICKETDEX_SEED", 1);
    let (mut pairs_count, mut told_count) = (0, 0);
    for seed in first..first + environment("TICKETDEX_SEQUENCES", 60) {
        println!("TICKETDEX_SEED={seed}");
        let mut random = Random::new(seed);
        let mut life = Life::new(&mut random);
        let mut held = vec![life.held()];
        for _ in 0..30 {
            life.step(&mut random);
            if random.is_one_in(3) {
                held.push(life.held());
            }
        }
        held.push(life.held());
        for (at, newer) in held.iter().enumerate() {
            assert_eq!(newer.snapshot.check_invariants(), Ok(()));
            for older in &held[..=at] {
                for _ in 0..3 {
                    let references = [&older.reference, &newer.reference];
                    let request = Life::request(&mut random, references);
                    pairs_count += 1;
                    told_count += usize::from(compare_changes(older, newer, &request) > 0);
                }
                let backwards = older
                    .snapshot
                    .changes_since(&newer.snapshot, &Query::default());
                let is_same = older.snapshot.version() == newer.snapshot.version();
                let error = backwards.map(|it| it.count()).map_err(|it| it.code());
                let expected = if is_same {
                    Ok(0)
                } else {
                    Err("version_too_new")
                };
                assert_eq!(error, expected);
            }
        }
    }
    println!("{pairs_count} pairs and requests, {told_count} of which tell of a ticket");
    assert!(told_count * 4 > pairs_count);
}

#[test]
fn watches_are_told_what_asking_each_again_tells() {
    const WATCHES_COUNT: usize = 60;
    let first = environment("TICKETDEX_SEED", 1);
    let (mut told_count, mut silent_count) = (0, 0);
    for seed in first..first + environment("TICKETDEX_SEQUENCES", 60) {
        println!("TICKETDEX_SEED={seed}");
        let mut random = Random::new(seed);
        let mut life = Life::new(&mut random);
        let mut watches = Watches::new();
        let mut queries: Vec<(WatchId, String)> = Vec::new();
        let mut older = life.held();
        for _ in 0..30 {
            // One commit, or several that nobody has looked at in between.
            for _ in 0..random.choose(&[1, 1, 1, 2, 5]) {
                life.step(&mut random);
            }
            let newer = life.held();
            while queries.len() < WATCHES_COUNT {
                let references = [&older.reference, &newer.reference];
                let request = Life::request(&mut random, references);
                let id = watches.insert(request.parse().unwrap());
                assert!(queries.last().is_none_or(|(last, _)| *last < id));
                queries.push((id, request));
            }
            let mut concerned = watches.changes(&older.snapshot, &newer.snapshot).unwrap();
            assert!(concerned.is_sorted_by_key(|(id, _)| *id));
            for (id, request) in &queries {
                let query = without_window(request);
                let expected = Told::expected(&older.reference, &newer.reference, &query);
                let at = concerned.iter().position(|(own, _)| own == id);
                let got = at.map(|at| Told::of(&concerned.swap_remove(at).1));
                assert_eq!(got.is_none(), expected.is_empty(), "{request}");
                told_count += usize::from(got.is_some());
                silent_count += usize::from(got.is_none());
                assert_eq!(got.unwrap_or_default(), expected, "{request}");
            }
            assert!(concerned.is_empty());
            for _ in 0..random.below(8) {
                let at = random.below(queries.len());
                let (id, request) = &mut queries[at];
                let query: Query = request.parse().unwrap();
                assert_eq!(watches.query(*id), Some(&query));
                if random.is_one_in(2) {
                    let references = [&newer.reference; 2];
                    *request = Life::request(&mut random, references);
                    let replaced = watches.replace(*id, request.parse().unwrap());
                    assert_eq!(replaced, Some(query));
                } else {
                    assert_eq!(watches.remove(*id), Some(query));
                    assert_eq!(watches.remove(*id), None);
                    assert_eq!(watches.replace(*id, Query::default()), None);
                    queries.remove(at);
                }
                assert_eq!(watches.count(), queries.len());
            }
            older = newer;
        }
        for (id, _) in queries {
            watches.remove(id).unwrap();
        }
        assert!(watches.count() == 0 && watches.iter().next().is_none());
    }
    println!("{told_count} times a watch was told of something, {silent_count} times of nothing");
    assert!(told_count * 20 > silent_count);
}

fn put(tids: impl IntoIterator<Item = u64>) -> Batch {
    let ticket = |tid| Ticket {
        tid,
        status: "Open".into(),
        ..Ticket::default()
    };
    tids.into_iter().map(ticket).collect()
}

fn patched(tid: u64, patch: Patch) -> Batch {
    let mut batch = Batch::new();
    batch.patch(tid, patch);
    batch
}

#[test]
fn snapshots_that_cannot_be_compared_are_typed_errors() {
    let (mut store, other) = (Store::default(), Store::default());
    let mut watches = Watches::new();
    watches.insert(Query::default());
    let empty = store.snapshot();
    store.commit(put(1..=3)).unwrap();
    let full = store.snapshot();
    let told = |older, newer: &ticketdex::Snapshot| {
        let (all, changes) = (Query::default(), watches.changes(older, newer));
        let alone = newer.changes_since(older, &all);
        let error = alone.as_ref().err().map(ToString::to_string);
        let again = changes.as_ref().err().map(ToString::to_string);
        assert_eq!(error, again);
        alone.map(|it| it.count())
    };
    assert_eq!(told(&empty, &full).unwrap(), 3);
    let error = told(&full, &empty).unwrap_err();
    assert_eq!((error.code(), error.status()), ("version_too_new", 500));
    assert!(!error.is_request());
    assert_eq!(
        error.to_string(),
        "the older snapshot is of version 1 but must be of 0 or before, as the newer one is of 0"
    );
    // Neither holds a ticket, and both are of version 0; still they are of two stores.
    let error = told(&empty, &other.snapshot()).unwrap_err();
    assert_eq!((error.code(), error.status()), ("other_store", 500));
    assert!(!error.is_request());
    assert_eq!(
        error.to_string(),
        "the snapshots of versions 0 and 0 are of different stores but must be of one"
    );
    assert_eq!(
        told(&other.snapshot(), &full).unwrap_err().code(),
        "other_store"
    );
}

#[test]
fn ids_that_are_gone_or_of_others_do_nothing() {
    let (mut watches, mut others) = (Watches::new(), Watches::new());
    let first = others.insert("status=open".parse().unwrap());
    assert_eq!(watches.query(first), None);
    assert_eq!(watches.remove(first), None);
    assert_eq!(watches.replace(first, Query::default()), None);
    assert_eq!(watches.count(), 0);
    // Places are used again, ids are not.
    let mut seen = Vec::new();
    for _ in 0..100 {
        let id = watches.insert("uid=lisa".parse().unwrap());
        assert!(seen.last().is_none_or(|last| *last < id));
        seen.push(id);
        watches.remove(id).unwrap();
    }
    let mut store = Store::default();
    let older = store.snapshot();
    store.commit(put(1..=3)).unwrap();
    assert!(
        watches
            .changes(&older, &store.snapshot())
            .unwrap()
            .is_empty()
    );
    assert_eq!(format!("{watches:?}"), "Watches { count: 0, .. }");
    assert_eq!(seen[99].to_string(), "100");
}

/// Each rule that the docs of `changes_since` give, by hand.
#[test]
fn what_counts_as_a_change() {
    use ChangeKind::{Changed, Entered, Left, Moved};

    let mut store = Store::default();
    store.commit(put(1..=20)).unwrap();
    let older = store.snapshot();
    let mut told = |batch: Batch, request: &str| {
        let before = store.snapshot();
        store.commit(batch).unwrap();
        let query: Query = request.parse().unwrap();
        let changes = store.snapshot().changes_since(&before, &query).unwrap();
        let told = changes
            .tickets()
            .map(|it| (it.tid(), it.kind(), it.is_moved()));
        told.collect::<Vec<_>>()
    };
    let set = |tid, field, text: &str| patched(tid, Patch::new().set(field, text));
    // As it was.
    assert_eq!(told(put([3]), ""), []);
    assert_eq!(told(patched(3, Patch::new()), "order=status"), []);
    assert_eq!(told(set(3, Field::Status, "Open"), ""), []);
    // Another spelling is another value, and no other place.
    let spelled = set(3, Field::Status, "OPEN");
    assert_eq!(
        told(spelled, "status=open&order=status"),
        [(3, Changed, false)]
    );
    assert_eq!(
        told(set(3, Field::Status, "Closed"), "order=status"),
        [(3, Changed, true)]
    );
    // Only what is shown counts.
    let custom = patched(4, Patch::new().set_custom("Room", "7"));
    assert_eq!(told(custom, "fields=status,custom_fields.Floor"), []);
    let custom = patched(4, Patch::new().set_custom("Room", "8"));
    assert_eq!(
        told(custom, "fields=custom_fields.ROOM"),
        [(4, Changed, false)]
    );
    let key = set(4, Field::Priority, "High");
    assert_eq!(told(key, "fields=tid&order=priority"), [(4, Moved, true)]);
    assert_eq!(told(set(4, Field::Priority, ""), "fields=tid,subject"), []);
    // A page is of what matches, and all of that is told of.
    let batch = put(21..=24);
    let page = told(batch, "tid=*&count=2&page=2");
    assert_eq!(page, [21, 22, 23, 24].map(|tid| (tid, Entered, false)));
    let mut batch = Batch::new();
    batch.remove(22).remove(21).remove(21);
    let count = told(batch, "count_only=Y&order=tid DESC");
    assert_eq!(count, [22, 21].map(|tid| (tid, Left, false)));
    // A place in the order is a filter.
    let at = |tid: u64| {
        let one: Query = format!("order=cid&start_tid={tid}&count=1")
            .parse()
            .unwrap();
        older.answer(&one).next().unwrap()
    };
    let after = format!("order=cid&after={}", at(10));
    assert_eq!(told(set(9, Field::Cid, "x"), &after), [(9, Entered, false)]);
    assert_eq!(told(set(9, Field::Cid, "y"), &after), [(9, Changed, true)]);
    let before = format!("order=cid&before={}", at(10));
    assert_eq!(told(set(9, Field::Cid, ""), &before), [(9, Entered, false)]);
    assert_eq!(told(set(8, Field::Cid, "z"), &before), [(8, Left, false)]);
    assert_eq!(told(set(8, Field::Cid, "y"), &before), []);
    // Numbers are those of each snapshot.
    let since = format!("changed_since={}", older.version());
    assert_eq!(told(put([15]), &since), [(15, Entered, false)]);
    assert_eq!(told(put([15]), &since), []);

    // What was undone was not done, and a merge is nothing.
    let all = Query::default();
    let before = store.snapshot();
    for tid in [1, 2] {
        let mut batch = Batch::new();
        batch.remove(tid);
        store.commit(batch).unwrap();
    }
    store.commit(put([1, 2])).unwrap();
    store.commit(set(5, Field::Status, "On hold")).unwrap();
    store.commit(set(5, Field::Status, "Open")).unwrap();
    store.merge_all();
    assert!(
        store
            .snapshot()
            .changes_since(&before, &all)
            .unwrap()
            .is_empty()
    );
    let now = store.snapshot();
    assert!(now.changes_since(&now, &all).unwrap().is_empty());
}

/// A large store of one segment, with the batch of a few patches, a put and a removal.
fn large() -> (Store, Batch) {
    const COUNT: u64 = 100_000;
    let mut store = Store::default();
    store.commit(put(1..=COUNT)).unwrap();
    let mut batch = put([777]);
    for tid in (1_000..=COUNT).step_by(20_000) {
        batch.patch(tid, Patch::new().set(Field::Status, "Closed"));
    }
    batch.remove(50);
    (store, batch)
}

/// Asking makes no column and no order, and takes memory for what changed alone.
#[test]
fn what_is_asked_of_a_large_store_costs_what_changed() {
    let (mut store, batch) = large();
    let older = store.snapshot();
    store.commit(batch).unwrap();
    let newer = store.snapshot();
    let memory = [older.memory(), newer.memory()];
    let query = "status=open&empty=uid&order=cid,status DESC&keyword!=x&present=status";
    let query: Query = query.parse().unwrap();
    let mut watches = Watches::new();
    for _ in 0..100 {
        watches.insert(query.clone());
    }
    let ((told, changes), bytes) = common::allocations::measure(|| {
        let changes = newer.changes_since(&older, &query).unwrap();
        (watches.changes(&older, &newer).unwrap(), changes)
    });
    assert_eq!(
        (told.len(), changes.left().count(), changes.count()),
        (100, 6, 6)
    );
    // An order or a column of the rows would take four bytes a ticket.
    assert!((1_000..350_000).contains(&bytes.allocated), "{bytes:?}");
    assert!(bytes.peak < 150_000, "{bytes:?}");
    assert_eq!([older.memory(), newer.memory()], memory);
}

/// Of 10,000 watches those are looked at that a ticket could concern.
#[test]
fn an_index_leads_to_the_watches_that_a_ticket_could_concern() {
    let (mut store, batch) = large();
    let (mut watches, mut ids) = (Watches::new(), Vec::new());
    let ((), bytes) = common::allocations::measure(|| {
        for at in 0..10_000_u64 {
            let request = match at % 5 {
                0 => format!("tid={at}"),
                1 => format!("uid=agent{at}&status=open"),
                2 => format!("company_id={at}&status=open&status=closed"),
                3 => format!("start_tid={}&end_tid={}", at * 10, at * 10 + 5),
                4 if at % 2 == 0 => format!("keyword=printer{at}&status=open"),
                _ => format!("due_date=2014-02-01&status=open&cid=customer{at}"),
            };
            ids.push(watches.insert(request.parse().unwrap()));
        }
    });
    println!("{} bytes a watch at most", bytes.peak / 10_000);
    assert!(bytes.peak < 10_000 * 2_000, "{bytes:?}");
    let older = store.snapshot();
    store.commit(batch).unwrap();
    let (told, compared) = watches.changes_counted(&older, &store.snapshot()).unwrap();
    // Numbers 50, 777 and five more, each in a range or asked for by itself.
    println!("{} are told, {compared} compared", told.len());
    assert!((1..20).contains(&told.len()), "{}", told.len());
    assert!(compared < 200, "{compared}");
    for id in ids {
        watches.remove(id).unwrap();
    }
    assert_eq!(
        watches
            .changes_counted(&older, &store.snapshot())
            .unwrap()
            .1,
        0
    );
}
