//! What a store promises, one sentence of its documentation at a time.

use super::*;
use crate::import::{Import, ImportFormat};
use crate::model::batch::Patch;
use crate::model::{Field, Ticket};

fn ticket(tid: u64, status: &str) -> Ticket {
    let custom_fields = vec![(format!("c_{status}"), status.to_owned())];
    Ticket {
        tid,
        status: status.into(),
        custom_fields,
        ..Ticket::default()
    }
}

fn put(tickets: impl IntoIterator<Item = Ticket>) -> Batch {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket);
    }
    batch
}

fn removal(tids: impl IntoIterator<Item = u64>) -> Batch {
    let mut batch = Batch::new();
    for tid in tids {
        batch.remove(tid);
    }
    batch
}

fn status(snapshot: &Snapshot, tid: u64) -> Option<String> {
    snapshot
        .get(tid)
        .map(|record| record.text(Field::Status).into_owned())
}

#[test]
fn a_held_snapshot_answers_as_it_did() {
    let mut store = Store::new(Options::default());
    store.commit(put([ticket(1, "a"), ticket(2, "b")])).unwrap();
    let held = store.snapshot();
    let mut batch = put([ticket(1, "c")]);
    batch.remove(2);
    store.commit(batch).unwrap();
    assert_eq!(
        (held.tickets_count(), status(&held, 1).unwrap()),
        (2, "a".into())
    );
    let after = store.snapshot();
    assert_eq!(
        (after.tickets_count(), status(&after, 1).unwrap()),
        (1, "c".into())
    );
    assert_eq!(status(&after, 2), None);
    assert_eq!(held.check_invariants(), Ok(()));
    assert_eq!(after.check_invariants(), Ok(()));
}

#[test]
fn a_refused_batch_changes_nothing() {
    let mut store = Store::new(Options::default());
    store.commit(put([ticket(1, "a")])).unwrap();
    let mut unknown = put([ticket(9, "x")]);
    unknown.patch(5, Patch::new());
    let mut removed = put([ticket(9, "x")]);
    removed.remove(9).patch(9, Patch::new());
    let mut bad_patch = put([ticket(9, "x")]);
    bad_patch.patch(9, Patch::new().set(Field::Locked, "maybe"));
    let names = (0..4096)
        .map(|n| (format!("n{n}"), String::new()))
        .collect();
    let many = put([Ticket {
        tid: 3,
        custom_fields: names,
        ..Ticket::default()
    }]);
    let invalid = put([ticket(9, "x"), Ticket::default()]);
    for batch in [unknown, removed, bad_patch, many, invalid] {
        assert!(store.commit(batch).is_err());
        let snapshot = store.snapshot();
        assert_eq!((snapshot.version(), snapshot.tickets_count()), (1, 1));
        assert_eq!(snapshot.custom_names(), ["c_a"]);
    }
}

#[test]
fn a_batch_sees_its_own_earlier_lines() {
    let mut store = Store::new(Options::default());
    let mut batch = put([ticket(1, "a"), ticket(1, "b")]);
    batch.patch(
        1,
        Patch::new().set(Field::Subject, "s").set_custom("C_B", "B"),
    );
    batch.put(ticket(2, "gone")).remove(2);
    let commit = store.commit(batch).unwrap();
    assert_eq!(commit.tickets_count, 1);
    let snapshot = store.snapshot();
    let record = snapshot.get(1).unwrap();
    assert_eq!(
        (&*record.text(Field::Subject), record.custom("c_b")),
        ("s", "B")
    );
    // The names of tickets that were replaced or removed in the same batch stay too.
    assert_eq!(snapshot.custom_names(), ["c_a", "c_b", "c_gone"]);
}

#[test]
fn a_load_is_one_segment_or_nothing() {
    let mut store = Store::new(Options::default());
    store.commit(put([ticket(1, "a"), ticket(2, "b")])).unwrap();
    let lines =
        "{\"tid\":2,\"status\":\"x\"}\n{\"tid\":3}\n{\"tid\":0}\n{\"tid\":3,\"status\":\"y\"}";
    let import = || Import::new(ImportFormat::JsonLines, lines.as_bytes());
    assert!(store.load(import()).is_err());
    assert_eq!(store.snapshot().version(), 1);
    let loaded = store.load(import().skip_bad(true)).unwrap();
    assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (3, 1));
    let snapshot = store.snapshot();
    assert_eq!(
        (snapshot.segments().len(), snapshot.tickets_count()),
        (2, 3)
    );
    assert_eq!(status(&snapshot, 2).unwrap(), "x");
    assert_eq!(status(&snapshot, 3).unwrap(), "y");
    assert_eq!(snapshot.check_invariants(), Ok(()));
    store.replace(import().skip_bad(true)).unwrap();
    let replaced = store.snapshot();
    assert_eq!(
        (replaced.segments().len(), replaced.tickets_count()),
        (1, 2)
    );
    assert_eq!(replaced.custom_names(), ["c_a", "c_b"]);
}

#[test]
fn a_skipped_ticket_adds_no_names() {
    let names: Vec<String> = (0..4095).map(|n| format!("\"n{n}\":\"\"")).collect();
    let lines = format!(
        "{{\"tid\":1,\"custom_fields\":{{{}}}}}\n{{\"tid\":2,\"custom_fields\":{{\"x\":\"\",\"y\":\"\"}}}}\n\
         {{\"tid\":3,\"custom_fields\":{{\"z\":\"\"}}}}",
        names.join(",")
    );
    let import = || Import::new(ImportFormat::JsonLines, lines.as_bytes());
    let mut store = Store::new(Options::default());
    assert_eq!(
        store.load(import()).unwrap_err().code(),
        "too_many_custom_fields"
    );
    let loaded = store.load(import().skip_bad(true)).unwrap();
    assert_eq!((loaded.imported.tickets, loaded.imported.skipped), (2, 1));
    assert_eq!(store.snapshot().custom_names().last().unwrap(), "z");
}

#[test]
fn segments_without_live_rows_go() {
    let mut store = Store::new(Options::default());
    store.commit(put([ticket(1, "a")])).unwrap();
    store.commit(put([ticket(1, "b")])).unwrap();
    assert_eq!(store.snapshot().segments().len(), 1);
    let mut batch = Batch::new();
    batch.remove(1).remove(77);
    assert_eq!(store.commit(batch).unwrap().tickets_count, 0);
    assert!(store.snapshot().segments().is_empty());
}

/// A store whose commits merge up to sixteen rows.
fn small_tiers() -> Store {
    Store::new(Options::default().commit_rows_max(16))
}

#[test]
fn commits_keep_segments_few() {
    let mut store = small_tiers();
    for tid in 1..=200 {
        store.commit(put([ticket(tid, "a")])).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(snapshot.check_invariants(), Ok(()));
        assert_eq!(snapshot.tickets_count(), tid);
        let sizes = snapshot.segments().iter().map(|it| it.segment.rows_count());
        let small = sizes.clone().filter(|&rows| rows <= 8).count();
        assert!(small <= 7 && sizes.max() <= Some(16), "{tid}");
        // Every other segment is large, with nine rows at least.
        assert!(snapshot.segments().len() - small <= tid as usize / 9);
    }
}

#[test]
fn jobs_come_to_an_end_and_change_no_answer() {
    let mut store = small_tiers();
    for tid in 1..=300 {
        store.commit(put([ticket(tid % 90 + 1, "a")])).unwrap();
    }
    let before = store.snapshot();
    while let Some(job) = store.merge_job() {
        let held = store.snapshot();
        store.install(job.run());
        let snapshot = store.snapshot();
        assert_eq!(snapshot.check_invariants(), Ok(()));
        let dead = |it: &Snapshot| it.segments().iter().map(|it| it.dead.count()).sum::<u32>();
        let work = |it: &Snapshot| (it.segments().len(), dead(it));
        assert!(work(&snapshot) < work(&held));
        assert_eq!(snapshot.version(), before.version());
    }
    let count = store.merge_all().tickets_count;
    let merged = store.snapshot();
    assert_eq!((merged.segments_count(), count), (1, 90));
    assert_eq!(merged.segments()[0].segment.rows_count(), 90);
    assert!(store.snapshot().version() == 300 && before.tickets_count() == 90);
    assert_eq!(store.merge_all().version, 300);
}

#[test]
fn what_changes_while_a_job_runs_stays_changed() {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    for first in [1, 11, 21, 31] {
        let tickets = (first..first + 10).map(|tid| ticket(tid, "old"));
        store.commit(put(tickets)).unwrap();
    }
    store.commit(put([ticket(1, "older")])).unwrap();
    let merged = store.merge_job().unwrap().run();
    let mut batch = put([ticket(5, "new"), ticket(41, "new")]);
    batch.remove(22).remove(2);
    store.commit(batch).unwrap();
    assert_eq!(store.install(merged).tickets_count, 39);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(snapshot.segments_count(), 2);
    assert_eq!((status(&snapshot, 2), status(&snapshot, 22)), (None, None));
    for (tid, expected) in [
        (1, "older"),
        (5, "new"),
        (41, "new"),
        (6, "old"),
        (40, "old"),
    ] {
        assert_eq!(status(&snapshot, tid).unwrap(), expected);
    }
}

#[test]
fn a_merge_whose_inputs_are_gone_is_dropped() {
    let make = || {
        let mut store = Store::new(Options::default().commit_rows_max(0));
        for tid in 1..=4 {
            store.commit(put([ticket(tid, "a")])).unwrap();
        }
        store
    };
    // The inputs were merged already.
    let mut store = make();
    let (first, second) = (store.merge_job().unwrap(), store.merge_job().unwrap());
    store.install(first.run());
    assert_eq!(store.install(second.run()).tickets_count, 4);
    assert_eq!(store.snapshot().segments_count(), 1);
    // Tickets of the inputs were removed: some, then all.
    for removed in [1..2, 1..5] {
        let mut store = make();
        let merged = store.merge_job().unwrap().run();
        let mut batch = Batch::new();
        for tid in removed {
            batch.remove(tid);
        }
        let left = store.commit(batch).unwrap();
        assert_eq!(store.install(merged), left);
        assert_eq!(store.snapshot().check_invariants(), Ok(()));
    }
    // They were replaced by tickets with the same tids.
    let mut store = make();
    let merged = store.merge_job().unwrap().run();
    let import = Import::new(ImportFormat::JsonLines, "{\"tid\":1}\n".as_bytes());
    let replaced = store.replace(import).unwrap().commit;
    assert_eq!(store.install(merged), replaced);
    // Every row of an input died, and the input is still in the snapshot.
    let mut store = make();
    store.commit(put([ticket(5, "a")])).unwrap();
    store.merge_all();
    let merged = MergeJob::new(
        store.snapshot().segments().to_vec(),
        store.publisher.budget(),
    )
    .run();
    for tid in 1..=4 {
        store.commit(put([ticket(tid, "b")])).unwrap();
    }
    store.install(merged);
    let snapshot = store.snapshot();
    assert_eq!(
        (snapshot.check_invariants(), snapshot.tickets_count()),
        (Ok(()), 5)
    );
}

#[test]
fn segments_of_dead_rows_are_merged() {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    store
        .commit(put((1..=100).map(|tid| ticket(tid, "a"))))
        .unwrap();
    let mut batch = Batch::new();
    for tid in 1..=50 {
        batch.remove(tid);
    }
    store.commit(batch).unwrap();
    assert!(store.merge_job().is_none());
    store.commit(Batch::new().remove(51).clone()).unwrap();
    let job = store.merge_job().unwrap();
    assert_eq!(job.tickets_count(), 49);
    store.install(job.run());
    assert_eq!(store.snapshot().segments()[0].segment.rows_count(), 49);
    assert!(store.merge_job().is_none());
}

fn patch(tid: u64, status: &str) -> Batch {
    let mut batch = Batch::new();
    batch.patch(tid, Patch::new().set(Field::Status, status));
    batch
}

/// A job may leave a small segment that others revise: a commit must not merge it, or it would lose the
/// revisions.
#[test]
fn what_is_revised_is_no_commits_to_merge() {
    let mut store = Store::new(Options::default().commit_rows_max(8));
    store
        .commit(put((1..=10).map(|tid| ticket(tid, "a"))))
        .unwrap();
    store.commit(patch(1, "b")).unwrap();
    let mut removals = Batch::new();
    for tid in 2..=8 {
        removals.remove(tid);
    }
    store.commit(removals).unwrap();
    let job = store.merge_job().unwrap();
    store.commit(patch(9, "c")).unwrap();
    store.install(job.run());
    for tid in 11..=14 {
        store.commit(put([ticket(tid, "d")])).unwrap();
        assert_eq!(store.snapshot().check_invariants(), Ok(()));
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.tickets_count(), 7);
    assert_eq!(
        [1, 9, 10].map(|tid| status(&snapshot, tid).unwrap()),
        ["b", "c", "a"]
    );
}

/// A commit merges revisions while a job merges their base: the rows live on in the commit's revision.
#[test]
fn what_is_revised_again_while_a_job_runs_is_there_once() {
    let mut store = Store::new(Options::default().commit_rows_max(8));
    store
        .commit(put((1..=10).map(|tid| ticket(tid, "a"))))
        .unwrap();
    for tid in 1..=3 {
        store.commit(patch(tid, "b")).unwrap();
    }
    let inputs = store.snapshot().segments().to_vec();
    let merged = MergeJob::new(inputs, store.publisher.budget()).run();
    store.commit(patch(4, "c")).unwrap();
    assert_eq!(store.snapshot().segments_count(), 2);
    store.commit(patch(1, "c")).unwrap();
    store.install(merged);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(
        (snapshot.tickets_count(), snapshot.segments_count()),
        (10, 3)
    );
    let statuses = [1, 2, 3, 4, 5].map(|tid| status(&snapshot, tid).unwrap());
    assert_eq!(statuses, ["c", "b", "b", "c", "a"]);
}

#[test]
fn a_patch_of_no_text_indexes_nothing() {
    let mut store = Store::new(Options::default());
    let before = put((1..=9_000).map(|tid| ticket(tid, "a")));
    store.commit(before).unwrap();
    let words = store.snapshot().memory().words;
    store.commit(patch(7, "b")).unwrap();
    store.commit(patch(7, "c")).unwrap();
    let snapshot = store.snapshot();
    let memory = snapshot.memory();
    assert_eq!((memory.words, memory.revisions > 0), (words, true));
    assert_eq!(
        (snapshot.segments_count(), status(&snapshot, 7)),
        (2, Some("c".into()))
    );
    let of_word: crate::Query = "keyword=a&status=c".parse().unwrap();
    assert_eq!(snapshot.answer(&of_word).total(), 1);
    // A patch of a text puts the whole ticket, as a row that revises nothing.
    let mut with_text = Batch::new();
    with_text.patch(7, Patch::new().set(Field::Subject, "Printer"));
    store.commit(with_text).unwrap();
    let of_text: crate::Query = "keyword=printer&status=C".parse().unwrap();
    assert_eq!(store.snapshot().answer(&of_text).total(), 1);
    // With a memory limit no row is revised.
    let mut store = Store::new(Options::default().memory_bytes_max(1 << 30));
    store
        .commit(put((1..=9_000).map(|tid| ticket(tid, "a"))))
        .unwrap();
    store.commit(patch(7, "b")).unwrap();
    assert_eq!(store.snapshot().memory().revisions, 0);
}

#[test]
fn what_readers_keep_gives_way_to_a_commit() {
    let printers = |tids: std::ops::RangeInclusive<u64>| {
        put(tids.map(|tid| {
            let subject = if tid % 2 == 0 {
                format!("printer{tid}")
            } else {
                String::new()
            };
            let ticket = ticket(tid, "a");
            Ticket { subject, ..ticket }
        }))
    };
    // Readers keep a union of this many words, and the positions of dead rows in an order.
    let ask = |snapshot: &Snapshot| {
        for request in ["keyword=printer", "tid=*&order=subject&count=200&page=2"] {
            let query: crate::Query = request.parse().unwrap();
            assert!(snapshot.warm(&query));
            assert!(snapshot.answer(&query).total() > 3_900);
        }
        snapshot.memory()
    };
    let filled = |bytes_max: usize| {
        let mut store = Store::new(Options::default().memory_bytes_max(bytes_max));
        store.commit(printers(1..=8_000)).unwrap();
        store.commit(removal([1])).unwrap();
        store
    };
    let warm = ask(&filled(1 << 30).snapshot());
    let mut store = filled(warm.total());
    assert_eq!(ask(&store.snapshot()), warm);
    assert!(warm.terms > 0);
    store.commit(removal([7_000])).unwrap();
    let memory = store.snapshot().memory();
    assert_eq!(memory.terms, 0);
    assert!(memory.total() < warm.total() && memory.orders < warm.orders);
    let warm = ask(&store.snapshot());
    assert!(warm.terms > 0);
    // A commit that has no room without the kept data either does not drop it.
    let error = store.commit(printers(9_000..=16_000)).unwrap_err();
    assert_eq!(error.code(), "too_much_memory");
    assert_eq!(store.snapshot().memory(), warm);
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
    // A commit that has room only without the kept data drops it.
    let mut ample = filled(1 << 30);
    ask(&ample.snapshot());
    ample.commit(printers(8_001..=12_000)).unwrap();
    let bytes_max = ample.snapshot().parts().bytes() - ample.snapshot().parts().kept_bytes();
    let mut store = filled(bytes_max);
    assert!(ask(&store.snapshot()).terms > 0);
    store.commit(printers(8_001..=12_000)).unwrap();
    assert_eq!(store.snapshot().parts().bytes(), bytes_max);
}

#[test]
fn what_is_cheap_to_find_is_not_kept() {
    let ask = |tickets_count: u64| {
        let mut store = Store::new(Options::default());
        let printers = (1..=tickets_count).map(|tid| Ticket {
            subject: format!("printer{tid}"),
            ..ticket(tid, "a")
        });
        store.commit(put(printers)).unwrap();
        let query: crate::Query = "keyword=printer".parse().unwrap();
        for mode in crate::PlanMode::all() {
            let snapshot = store.snapshot();
            assert_eq!(snapshot.answer_with(&query, mode).total(), tickets_count);
        }
        store.snapshot().memory().terms
    };
    assert_eq!(ask(60), 0);
    assert!(ask(600) > 0);
}

#[test]
fn jobs_leave_small_segments_to_commits() {
    let mut store = Store::new(Options::default().commit_rows_max(40));
    let mut first = 1;
    for rows_count in [30, 30, 30, 20, 20] {
        let tids = first..first + rows_count;
        first = tids.end;
        store.commit(put(tids.map(|tid| ticket(tid, "a")))).unwrap();
    }
    assert_eq!(store.snapshot().segments_count(), 5);
    // Together with the two small ones, the others would add up to four times the greatest.
    assert!(store.merge_job().is_none());
    store
        .commit(put((first..first + 30).map(|tid| ticket(tid, "a"))))
        .unwrap();
    let job = store.merge_job().unwrap();
    assert_eq!(job.tickets_count(), 120);
}

#[test]
fn a_merge_makes_no_order_that_has_no_room() {
    let filled = |options: Options| {
        let mut store = Store::new(options.commit_rows_max(0));
        store
            .commit(put((1..=9).map(|tid| ticket(tid, "a"))))
            .unwrap();
        store
            .commit(put((10..=4_000).map(|tid| ticket(tid, "b"))))
            .unwrap();
        let snapshot = store.snapshot();
        let small = snapshot
            .segments()
            .iter()
            .find(|it| it.segment.rows_count() == 9);
        let slot = crate::segment::Slot::Field(Field::Contact);
        assert!(small.unwrap().segment.order(slot).is_some());
        store
    };
    let mut ample = filled(Options::default());
    let before = ample.snapshot().memory();
    ample.merge_all();
    let after = ample.snapshot().memory();
    assert!(after.orders > before.orders + 8_000);
    let bytes_max = before.total().max(after.total() - 8_000);
    let mut store = filled(Options::default().memory_bytes_max(bytes_max));
    store.merge_all();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.segments_count(), 1);
    assert!(snapshot.memory().orders < after.orders);
    assert!(snapshot.memory().total() <= bytes_max);
}

#[test]
fn a_commit_merges_no_more_rows_than_it_may() {
    for size in 1..=9 {
        let mut store = Store::new(Options::default().commit_rows_max(16));
        let mut tids = 1..;
        let mut merges_count = 0;
        for round in 1..=20 {
            let tickets = tids.by_ref().take(size).map(|tid| ticket(tid, "a"));
            store.commit(put(tickets)).unwrap();
            let snapshot = store.snapshot();
            for live in snapshot.segments() {
                let rows_count = live.segment.rows_count();
                assert!(rows_count <= 16, "{rows_count} rows by batches of {size}");
            }
            merges_count += usize::from(snapshot.segments().len() < round);
        }
        assert!(
            merges_count > 0 || size > 8,
            "batches of {size} never merge"
        );
    }
}
