//! What merges of revisions take over, and what is kept of dead rows: the same as what is made from scratch.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use ticketdex::{
    Batch, BatchChange, Field, FilterMode, Options, Patch, PlanMode, Query, Snapshot, Store, Ticket,
};

const TICKETS_COUNT: u64 = 3_000;

const REQUESTS: [&str; 9] = [
    "status=open&count_only=Y",
    "status=open&uid=t3&count_only=Y",
    "status=closed&status=open&priority=high&count=20&order=last_updated+DESC",
    "tid=*&count=20&page=60&order=last_updated",
    "tid=*&count=20&page=70&order=date_opened+DESC,status",
    "status!=open&count=30&order=assigned_tech",
    "keyword=needle&count=30&order=cid",
    "start_date=1/1/2020&end_date=1/20/2020&status=open&count=30",
    "changed_since=900&tid=*&count=20&page=2&order=status",
];

fn ticket(tid: u64) -> Ticket {
    let mut ticket = Ticket {
        tid,
        status: ["Open", "Closed"][tid as usize % 2].to_owned(),
        priority: ["High", "Low", "Normal"][tid as usize % 3].to_owned(),
        assigned_tech: format!("t{}", tid % 7),
        cid: format!("customer{}", tid * 7_919 % 97),
        summary: if tid.is_multiple_of(4) {
            "a needle"
        } else {
            "hay"
        }
        .to_owned(),
        ..Ticket::default()
    };
    let minutes = |tid: u64| TimeDelta::minutes(tid.cast_signed() * 20);
    let start = NaiveDate::from_ymd_opt(2020, 1, 1).and_then(|it| it.and_hms_opt(0, 0, 0));
    ticket.date_opened = start.map(|it| it + minutes(tid));
    ticket.last_updated = start.map(|it| it + minutes(tid * 2_347 % TICKETS_COUNT));
    ticket
}

/// Compares answers that use what is kept with those that use nothing of it.
fn compare(snapshot: &Snapshot) {
    let from_scratch = PlanMode {
        filters: FilterMode::Scan,
        strategy: None,
        is_cold: true,
    };
    for request in REQUESTS {
        let query: Query = request.parse().unwrap();
        let tids = |mode: PlanMode| {
            let answer = snapshot.answer_with(&query, mode);
            let tids = answer.records().map(|record| record.tid());
            (answer.total(), tids.collect::<Vec<u64>>())
        };
        let expected = tids(from_scratch);
        assert_eq!(tids(PlanMode::default()), expected, "{request}");
        // What was made for that answer is there for the next.
        assert_eq!(tids(PlanMode::default()), expected, "{request} again");
    }
}

#[test]
fn what_is_carried_is_what_is_made_from_scratch() {
    let mut store = Store::new(Options::default().commit_rows_max(2_048));
    store
        .commit((1..=TICKETS_COUNT).map(ticket).collect())
        .unwrap();
    let mut statuses: BTreeMap<u64, String> = (1..=TICKETS_COUNT)
        .map(|tid| (tid, ticket(tid).status))
        .collect();
    let mut held = store.snapshot();
    let (mut most, mut jobs_count) = (0, 0);
    for round in 0..2_600_u64 {
        let tid = 1 + round * 7_919 % TICKETS_COUNT;
        let status = match round % 50 {
            // Now and then one that the base does not know.
            49 => format!("New {}", round % 3),
            at => ["Open", "closed", "OPEN", "Closed"][at as usize % 4].to_owned(),
        };
        // After all of the base, among them, and before them.
        let year = [2021, 2020, 2021, 2019][round as usize / 7 % 4];
        let updated = format!("{year}-01-01T{:02}:{:02}:00", round / 60 % 24, round % 60);
        let patch = Patch::new()
            .set(Field::Status, &*status)
            .set(Field::LastUpdated, updated);
        let mut batch = Batch::new();
        batch.patch(tid, patch.clone());
        // One that the smallest revision has already.
        let again = 1 + round.saturating_sub(3) * 7_919 % TICKETS_COUNT;
        let patched_again = round % 3 == 0 && statuses.contains_key(&again);
        if patched_again {
            batch.patch(again, patch);
        }
        if round % 40 == 39 {
            batch.remove(1 + (round * 7_919 + 5) % TICKETS_COUNT);
        }
        if round % 40 == 0 && round > 0 {
            batch.put(ticket(1 + ((round - 1) * 7_919 + 5) % TICKETS_COUNT));
        }
        for line in batch.changes() {
            match line {
                BatchChange::Put(ticket) => {
                    statuses.insert(ticket.tid, ticket.status.clone());
                }
                BatchChange::Remove(tid) => {
                    statuses.remove(tid);
                }
                // A patch; the batch has no other lines.
                _ => {
                    let patched = [Some(tid), patched_again.then_some(again)];
                    for tid in patched.into_iter().flatten() {
                        if let Some(own) = statuses.get_mut(&tid) {
                            own.clone_from(&status);
                        }
                    }
                }
            }
        }
        store.commit(batch).unwrap();
        let snapshot = store.snapshot();
        most = most.max(snapshot.segments_count());
        if round % 13 == 0 {
            compare(&snapshot);
            let query: Query = "status=open&count_only=Y".parse().unwrap();
            let open = statuses
                .values()
                .filter(|it| it.eq_ignore_ascii_case("open"));
            assert_eq!(snapshot.answer(&query).total(), open.count() as u64);
        }
        if round % 260 == 0 {
            // Of what is kept for the newest snapshot, and of what is far from it.
            compare(&held);
            snapshot.check_invariants().unwrap();
            held = snapshot;
        }
        while let Some(job) = store.merge_job() {
            store.install(job.run());
            jobs_count += 1;
        }
    }
    assert!(jobs_count > 0, "no job ran");
    // The base, what was put one by one since, nine at most, and four of revisions.
    assert!(most <= 14, "{most} segments");
}
