//! A store publishes what its journal has committed and nothing else, whatever call fails.
//!
//! The journal here keeps tickets in memory and fails at a call of the test's choice.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::slice;
use std::sync::{Arc, Mutex};

use common::everything;
use common::model::check_removals;
use common::nasty::{Random, make_batch, make_tickets, split};
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, Change, Error, Format, Import, ImportFormat, Journal, Options, Patch, PlanMode, Query,
    Reader, Snapshot, Store, Ticket,
};

#[derive(Clone, Debug, Default)]
struct State {
    number: u64,
    forgotten: u64,
    names: Vec<String>,
    tickets: BTreeMap<u64, (u64, Ticket)>,
    removed: BTreeSet<(u64, u64)>,
}

/// Keeps what is committed, and fails once when its calls have run out.
#[derive(Clone, Debug, Default)]
struct Fake {
    committed: Arc<Mutex<State>>,
    calls_left: Arc<Mutex<Option<usize>>>,
    current: State,
}

impl Fake {
    fn fail_after(&self, calls_count: Option<usize>) {
        *self.calls_left.lock().unwrap() = calls_count;
    }

    fn call(&mut self) -> Result<(), Error> {
        let mut left = self.calls_left.lock().unwrap();
        if *left == Some(0) {
            *left = None;
            return Err(io::Error::other("no more calls").into());
        }
        *left = left.map(|count| count - 1);
        Ok(())
    }
}

impl Journal for Fake {
    fn replay(
        &mut self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.rollback();
        take(Change::Commit(self.current.number))?;
        for name in &self.current.names {
            take(Change::Name(name))?;
        }
        // Each where it stands: tickets by tid, then removals of others, the latest first.
        for (number, ticket) in self.current.tickets.values() {
            take(Change::Commit(*number))?;
            take(Change::Put(slice::from_ref(ticket)))?;
        }
        let is_gone = |(_, tid): &&(u64, u64)| !self.current.tickets.contains_key(tid);
        for (number, tid) in self.current.removed.iter().rev().filter(is_gone) {
            take(Change::Commit(*number))?;
            take(Change::Remove(*tid))?;
        }
        let is_back = |(_, tid): &&(u64, u64)| self.current.tickets.contains_key(tid);
        for (number, tid) in self.current.removed.iter().filter(is_back) {
            let (put_by, ticket) = &self.current.tickets[tid];
            take(Change::Commit(*number))?;
            take(Change::Remove(*tid))?;
            take(Change::Commit(*put_by))?;
            take(Change::Put(slice::from_ref(ticket)))?;
        }
        take(Change::Forget(self.current.forgotten))
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), Error> {
        self.call()?;
        let State {
            number,
            forgotten,
            names,
            tickets,
            removed,
        } = &mut self.current;
        match change {
            Change::Commit(next) => {
                assert!(next > *number);
                *number = next;
            }
            Change::Name(name) => names.push(name.to_owned()),
            Change::Put(put) => {
                tickets.extend(put.iter().map(|it| (it.tid, (*number, it.clone()))));
            }
            Change::Remove(tid) => {
                tickets.remove(&tid);
                removed.insert((*number, tid));
            }
            Change::RemoveAll => tickets.clear(),
            Change::Forget(last) => {
                *forgotten = last;
                removed.retain(|(number, _)| *number > last);
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.call()?;
        *self.committed.lock().unwrap() = self.current.clone();
        Ok(())
    }

    fn rollback(&mut self) {
        self.current = self.committed.lock().unwrap().clone();
    }
}

fn reopened(fake: &Fake) -> Snapshot {
    let store = Store::open(Options::default(), fake.clone()).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    snapshot
}

#[test]
fn a_reopened_store_is_the_reference() {
    for seed in 1..=60 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let fake = Fake::default();
        let mut store = Store::open(Options::default(), fake.clone()).unwrap();
        let mut reference = Reference::new();
        let tickets = make_tickets(&mut random, 40);
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        let mut batches = split(&mut random, &tickets, 3);
        batches.extend((0..6).map(|_| make_batch(&mut random, &tids)));
        for batch in batches {
            let expected = reference.commit(&batch).map_err(|error| error.code());
            let got = store.commit(batch).map_err(|error| error.code());
            assert_eq!(got.map(|_| ()), expected);
            let snapshot = reopened(&fake);
            assert_eq!(snapshot.custom_names(), reference.custom_names());
            let expected = reference.respond(&Query::default(), Format::Json);
            assert_eq!(snapshot.version(), reference.version());
            check_removals(&snapshot, &reference, usize::MAX);
            for ticket in reference.tickets() {
                let version = reference.version_of(ticket.tid);
                assert_eq!(snapshot.version_of(ticket.tid), version);
            }
            assert!(everything(&snapshot) == expected);
            assert!(everything(&store.snapshot()) == expected);
        }
    }
}

/// Fails each call of what `write` does in turn, until it passes.
fn fail_at_every_call(calls_expected: usize, write: impl Fn(&mut Store) -> Result<(), Error>) {
    let fake = Fake::default();
    let mut store = Store::open(Options::default(), fake.clone()).unwrap();
    let mut first = Batch::new();
    first.put(Ticket {
        tid: 1,
        custom_fields: vec![("first".into(), "1".into())],
        ..Ticket::default()
    });
    first.put(Ticket {
        tid: 2,
        ..Ticket::default()
    });
    store.commit(first).unwrap();
    let before = store.snapshot();
    for calls_count in 0.. {
        fake.fail_after(Some(calls_count));
        let outcome = write(&mut store);
        fake.fail_after(None);
        if outcome.is_ok() {
            assert_eq!(calls_count, calls_expected);
            break;
        }
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.is_request()), ("io", false));
        let after = store.snapshot();
        assert_eq!(after.version(), before.version());
        assert!(everything(&after) == everything(&before));
        assert!(everything(&reopened(&fake)) == everything(&before));
    }
    assert_eq!(store.snapshot().version(), before.version() + 1);
    assert!(everything(&store.snapshot()) != everything(&before));
    assert!(everything(&reopened(&fake)) == everything(&store.snapshot()));
}

#[test]
fn a_commit_that_the_journal_refuses_changes_nothing() {
    // The number, a name, two tickets, a removal, the commit itself.
    fail_at_every_call(6, |store| {
        let mut batch = Batch::new();
        batch
            .put(Ticket {
                tid: 7,
                ..Ticket::default()
            })
            .patch(1, Patch::new().set_custom("second", "2"))
            .remove(2);
        store.commit(batch).map(|_| ())
    });
}

const LINES: &str = "{\"tid\":2,\"custom_fields\":{\"second\":\"2\"}}\n{\"tid\":9}\n{\"tid\":9}";

#[test]
fn a_load_that_the_journal_refuses_changes_nothing() {
    // The number, a name, a block of tickets, the commit itself; and a call that removes all, and
    // tells of one ticket that is not put again.
    let import = || Import::new(ImportFormat::JsonLines, LINES.as_bytes());
    fail_at_every_call(4, |store| store.load(import()).map(|_| ()));
    fail_at_every_call(6, |store| store.replace(import()).map(|_| ()));
}

#[test]
fn a_refused_batch_and_a_broken_load_leave_nothing_in_the_journal() {
    let fake = Fake::default();
    let mut store = Store::open(Options::default(), fake.clone()).unwrap();
    let broken = format!("{LINES}\n{{\"tid\":0}}");
    let import = Import::new(ImportFormat::JsonLines, broken.as_bytes());
    assert_eq!(store.load(import).unwrap_err().code(), "invalid_ticket");
    let mut batch = Batch::new();
    batch.put(Ticket {
        tid: 3,
        ..Ticket::default()
    });
    store.commit(batch.clone()).unwrap();
    batch.patch(8, Patch::new());
    assert_eq!(store.commit(batch).unwrap_err().code(), "unknown_ticket");
    let snapshot = reopened(&fake);
    assert_eq!(snapshot.tickets_count(), 1);
    assert!(snapshot.get(3).is_some() && snapshot.custom_names().is_empty());
}

/// A journal may hand over its changes as they came, rather than what they came to.
#[test]
fn a_replay_may_repeat_and_remove() {
    #[derive(Debug)]
    struct Log;
    impl Journal for Log {
        fn replay(
            &mut self,
            take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
        ) -> Result<(), Error> {
            let ticket = |tid, status: &str| Ticket {
                tid,
                status: status.into(),
                ..Ticket::default()
            };
            take(Change::Put(&[ticket(9, "gone")]))?;
            take(Change::RemoveAll)?;
            take(Change::Name("only"))?;
            for (tid, status) in [(3, "a"), (1, "b"), (2, "c"), (3, "d")] {
                take(Change::Put(&[ticket(tid, status)]))?;
            }
            take(Change::Remove(1))?;
            take(Change::Remove(2))?;
            take(Change::Remove(8))?;
            take(Change::Put(&[ticket(2, "e"), ticket(2, "e")]))
        }
        fn append(&mut self, _: Change<'_>) -> Result<(), Error> {
            Ok(())
        }
        fn commit(&mut self) -> Result<(), Error> {
            Ok(())
        }
        fn rollback(&mut self) {}
    }
    let mut store = Store::open(Options::default(), Log).unwrap();
    // A journal that says nothing of syncing has nothing to sync.
    store.sync().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    let answer = snapshot.answer(&Query::default());
    let got: Vec<(u64, String)> = answer
        .records()
        .map(|record| (record.tid(), Ticket::from(record).status))
        .collect();
    assert_eq!(got, [(2, "e".to_owned()), (3, "d".to_owned())]);
    assert_eq!(snapshot.custom_names(), ["only"]);
    // Without a number everything is of the first commit.
    let versions = [1, 2, 3].map(|tid| snapshot.version_of(tid));
    assert_eq!(
        (versions, snapshot.version()),
        ([None, Some(1), Some(1)], 1)
    );
    let removed = snapshot.removed_since(0).unwrap().map(|it| it.tid);
    assert_eq!(removed.collect::<Vec<u64>>(), [1, 2, 8]);
}

/// While it commits, a reader asks for what it would keep.
#[derive(Clone, Debug, Default)]
struct Meanwhile {
    reader: Arc<Mutex<Option<Reader>>>,
    /// What the published snapshot came to then, commit by commit.
    bytes: Arc<Mutex<Vec<usize>>>,
    fails: bool,
}

impl Journal for Meanwhile {
    fn replay(
        &mut self,
        _take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn append(&mut self, _change: Change<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        let Some(reader) = &*self.reader.lock().unwrap() else {
            return Ok(());
        };
        let snapshot = reader.snapshot();
        let query: Query = "order=subject&tid=*&count=5&page=2".parse().unwrap();
        for mode in PlanMode::all() {
            snapshot.answer_with(&query, mode);
        }
        self.bytes.lock().unwrap().push(snapshot.memory().total());
        if self.fails {
            return Err(io::Error::other("no").into());
        }
        Ok(())
    }

    fn rollback(&mut self) {}
}

#[test]
fn a_reader_beside_a_commit_is_within_the_budget() {
    let lines = |tids: std::ops::Range<u64>| {
        let lines = tids.map(|tid| format!("{{\"tid\":{tid},\"subject\":\"s{tid}\"}}"));
        lines.collect::<Vec<String>>().join("\n")
    };
    let load = |store: &mut Store, lines: &str| {
        let import = Import::new(ImportFormat::JsonLines, lines.as_bytes());
        store.replace(import).map(|_| ())
    };
    let many = lines(1..4_000);
    let mut ample = Store::new(Options::default());
    load(&mut ample, &many).unwrap();
    // An order of so many rows takes 16 KB.
    let bytes_max = ample.snapshot().memory().total() + 8_000;
    for fails in [false, true] {
        let journal = Meanwhile {
            fails,
            ..Meanwhile::default()
        };
        // Those that are replaced by nothing are not told of.
        let options = Options::default()
            .memory_bytes_max(bytes_max)
            .removals_max(0);
        let mut store = Store::open(options, journal.clone()).unwrap();
        load(&mut store, &many).unwrap();
        *journal.reader.lock().unwrap() = Some(store.reader());
        // What replaces it is small, but nobody sees that yet.
        let outcome = load(&mut store, &lines(1..2));
        assert_eq!(outcome.is_err(), fails);
        let bytes = journal.bytes.lock().unwrap().clone();
        assert!(bytes.len() == 1 && bytes[0] <= bytes_max, "{bytes:?}");
        let expected = if fails { 3_999 } else { 1 };
        assert_eq!(store.snapshot().tickets_count(), expected);
        *journal.reader.lock().unwrap() = None;
        load(&mut store, &lines(1..3_000)).unwrap();
        let before = store.snapshot().memory().orders;
        if fails {
            *journal.reader.lock().unwrap() = Some(store.reader());
            assert!(load(&mut store, &many).is_err());
            *journal.reader.lock().unwrap() = None;
            assert_eq!(store.snapshot().memory().orders, before);
        }
        // What was published before, or was not to be, counts no longer: there is room for an order.
        let query: Query = "order=subject&tid=*&count=5&page=2".parse().unwrap();
        for mode in PlanMode::all() {
            store.snapshot().answer_with(&query, mode);
        }
        assert!(store.snapshot().memory().orders > before + 11_000);
    }
}
