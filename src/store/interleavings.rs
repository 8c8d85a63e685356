//! Tests of the steps around the swap, in every order in which threads can take them.
//!
//! These are all orders with at most three preemptions; a switch because a thread waits or ends does not
//! count as one.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib interleavings`.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;
use crate::model::{Field, Ticket};
use crate::segment::{Budget, Slot};

/// The stack of each thread, in machine words; a commit needs more than loom's default.
const STACK_WORDS: usize = 1 << 15;

/// Starts a thread.
fn spawn<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(STACK_WORDS);
    builder.spawn(act).unwrap()
}

fn check_orders(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    let threads = Arc::new(threads);
    builder.check(move || {
        let threads = Arc::clone(&threads);
        spawn(move || threads()).join().unwrap();
    });
}

fn put(tids: impl IntoIterator<Item = u64>, status: &str) -> Batch {
    let mut batch = Batch::new();
    for tid in tids {
        batch.put(Ticket {
            tid,
            status: status.into(),
            ..Ticket::default()
        });
    }
    batch
}

fn statuses(snapshot: &Snapshot) -> Vec<String> {
    let status = |tid| snapshot.get(tid).map(|it| it.text(Field::Status).into());
    (1..=2).filter_map(status).collect()
}

/// Takes two snapshots; each must show a single commit, and the second none older than the first.
fn read_twice(reader: &Reader) {
    let first = reader.snapshot();
    let seen = statuses(&first);
    let second = reader.snapshot();
    assert!(first.version() <= second.version());
    for snapshot in [&first, &second] {
        let status = snapshot.version().to_string();
        let count = if snapshot.version() == 0 { 0 } else { 2 };
        assert_eq!(statuses(snapshot), vec![status; count]);
    }
    assert_eq!(statuses(&first), seen);
}

#[test]
fn readers_see_whole_commits_in_their_order() {
    check_orders(|| {
        let mut store = Store::new(Options::default());
        let readers = [store.reader(), store.reader()];
        let readers = readers.map(|reader| spawn(move || read_twice(&reader)));
        for version in 1..=2 {
            store.commit(put(1..=2, &format!("{version}"))).unwrap();
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn two_writers_and_a_merge_take_turns() {
    check_orders(|| {
        let mut store = Store::new(Options::default().commit_rows_max(0));
        for tid in 3..=6 {
            store.commit(put([tid], "old")).unwrap();
        }
        let reader = store.reader();
        let store = Arc::new(loom::sync::Mutex::new(store));
        let writer = spawn({
            let store = Arc::clone(&store);
            move || {
                let mut batch = put(1..=2, "new");
                batch.remove(3);
                store.lock().unwrap().commit(batch).unwrap()
            }
        });
        let merger = spawn({
            let store = Arc::clone(&store);
            move || {
                let job = store.lock().unwrap().merge_job();
                let merged = job.map(MergeJob::run);
                // The result is dropped where the writer was first and a segment had no live row left.
                merged.map(|merged| store.lock().unwrap().install(merged))
            }
        });
        let mut before = 4;
        for _ in 0..2 {
            let snapshot = reader.snapshot();
            let count = snapshot.tickets_count();
            assert!(before <= count && [4, 5].contains(&count));
            assert_eq!(snapshot.get(3).is_some(), count == 4);
            before = count;
        }
        writer.join().unwrap();
        merger.join().unwrap();
        let snapshot = reader.snapshot();
        assert_eq!((snapshot.tickets_count(), snapshot.version()), (5, 5));
        assert_eq!(snapshot.check_invariants(), Ok(()));
    });
}

/// What readers keep and what a writer publishes never exceed the budget together.
#[test]
fn a_budget_is_kept_in_every_order() {
    check_orders(|| {
        let budget = Budget::new(Some(100));
        let kept = Arc::new(AtomicUsize::new(0));
        budget.admit(|| 50).unwrap();
        let readers = [30, 25].map(|bytes| {
            let (budget, kept) = (Arc::clone(&budget), Arc::clone(&kept));
            spawn(move || {
                if let Some(reservation) = budget.reserve(bytes) {
                    kept.fetch_add(bytes, SeqCst);
                    reservation.keep();
                }
            })
        });
        let mut published = 50;
        if budget.admit(|| 70 + kept.load(SeqCst)).is_ok() {
            published = 70;
        }
        assert!(published + kept.load(SeqCst) <= 100);
        for reader in readers {
            reader.join().unwrap();
        }
        let total = published + kept.load(SeqCst);
        assert!(total <= 100);
        assert_eq!(budget.admit(|| total), Ok(()));
    });
}

/// A reader that returns room and takes as much again is noticed, although the sum is the same.
#[test]
fn a_budget_sees_what_changed_and_came_back() {
    check_orders(|| {
        let budget = Budget::new(Some(100));
        let kept = Arc::new(AtomicUsize::new(0));
        budget.admit(|| 50).unwrap();
        let reader = spawn({
            let (budget, kept) = (Arc::clone(&budget), Arc::clone(&kept));
            move || {
                drop(budget.reserve(30));
                if let Some(reservation) = budget.reserve(30) {
                    kept.fetch_add(30, SeqCst);
                    reservation.keep();
                }
            }
        });
        budget.settle(|| 50 + kept.load(SeqCst));
        reader.join().unwrap();
        // The room that is left is at most what nobody has taken.
        let rest = 100 - 50 - kept.load(SeqCst);
        assert!(budget.reserve(rest + 1).is_none());
    });
}

/// An order that a reader makes while the writer fills the budget is counted or not made.
#[test]
fn orders_and_commits_share_the_budget() {
    let slot = Slot::Field(Field::Subject);
    check_orders(move || {
        let mut store = Store::new(Options::default());
        store.commit(put(1..=2, "1")).unwrap();
        store.commit(put([3], "2")).unwrap();
        let cold = store.snapshot().memory().total();
        // There is room for the commit, or for an order before it, but not for both.
        let bytes_max = cold + 8;
        let mut store = Store::new(Options::default().memory_bytes_max(bytes_max));
        store.commit(put(1..=2, "1")).unwrap();
        let reader = store.reader();
        let reading = spawn(move || {
            let snapshot = reader.snapshot();
            let segment = &snapshot.segments()[0].segment;
            let is_made = segment.order(slot).is_some();
            assert_eq!(is_made, segment.has_order(slot));
            is_made
        });
        let is_committed = store.commit(put([3], "2")).is_ok();
        assert!(store.snapshot().memory().total() <= bytes_max);
        let is_made = reading.join().unwrap();
        assert!(is_committed != is_made);
        assert!(store.snapshot().memory().total() <= bytes_max);
    });
}

/// Each of three callers gets its own outcome, whoever leads, and none waits forever.
#[test]
fn callers_of_a_group_all_return() {
    check_orders(|| {
        let group = Arc::new(group::Group::default());
        let leaders = Arc::new(AtomicUsize::new(0));
        let call = |number: usize| {
            let (group, leaders) = (Arc::clone(&group), Arc::clone(&leaders));
            move || {
                let begin = || assert_eq!(leaders.fetch_add(1, SeqCst), 0, "two lead");
                let outcome = group.run(number, begin, |(), works: Vec<usize>| {
                    assert!(works.contains(&number));
                    assert_eq!(leaders.fetch_sub(1, SeqCst), 1);
                    works.into_iter().map(|work| work * 10).collect()
                });
                assert_eq!(outcome, Some(number * 10));
            }
        };
        let others = [1, 2].map(|number| spawn(call(number)));
        call(3)();
        for other in others {
            other.join().unwrap();
        }
        // The next one leads by itself.
        call(4)();
    });
}
