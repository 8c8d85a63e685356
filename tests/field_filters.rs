//! Filters on every field over several blocks of rows, in every plan, against the reference.
//!
//! Random requests seldom meet a segment of more than one block; these are asked by hand of stores
//! whose values are few in some fields, many in others, and missing in most rows of others, in one
//! segment and in several with dead rows.

use chrono::{NaiveDate, TimeDelta};
use ticketdex::reference::Reference;
use ticketdex::{Batch, Options, PlanMode, Query, Snapshot, Store, Ticket};

const TICKETS_COUNT: u64 = 9_000;

/// What each form of filter can be bound to: postings, their complements, ranges of a column,
/// several of them, rows that are asked, row sets that are kept, and mixtures.
const REQUESTS: [&str; 72] = [
    "status!=Closed",
    "status!=closed&status!=OPEN",
    "status!=nothing has this",
    "status=Open&status!=open",
    "status!=Open&priority=High",
    "status!=Open&priority!=High&source!=Web",
    "status=Open&status=Closed&status=Waiting&status!=Waiting",
    "present=status",
    "empty=status",
    "empty=priority&status!=Open",
    "present=priority,source&status=Closed",
    "cid!=c7",
    "cid!=c7&cid!=C11&cid=c11&cid=c12",
    "empty=cid",
    "present=cid&start_cid=c5&end_cid=c6",
    "uid!=few",
    "assigned_tech=few&uid=many&status!=Open",
    "contact=person 17",
    "contact!=PERSON 17",
    "contact=person 17&contact=Person 18&contact=person 400&contact=nobody",
    "contact!=person 17&contact!=Person 18&contact!=person 400",
    "contact=person 1&contact=person 2&contact=person 3&contact=person 4&contact=person 11&contact=person 6&contact=person 8",
    "contact!=person 1&contact!=person 2&contact!=person 3&contact!=person 4&contact!=person 11&contact!=person 6&contact!=person 8",
    "contact=person 17&status!=Closed&order=contact,status&count=5",
    "phone=rare",
    "phone!=rare",
    "empty=phone",
    "present=phone&status=Open",
    "email=nobody",
    "email!=nobody",
    "locked=y",
    "locked!=y",
    "locked=n&merged!=N",
    "empty=locked",
    "company_id=0",
    "company_id!=0",
    "company_id=3&company_id=0&company_id=99",
    "company_id!=3&company_id!=0",
    "company_id>=3",
    "company_id<=3&company_id>=1",
    "company_id>=0",
    "company_id<=0",
    "company_id>=5&company_id<=4",
    "empty=company_id",
    "present=company_id&company_id!=2",
    "merged_to=0",
    "merged_to!=0",
    "merged_to>=0",
    "merged_to<=5&status!=Open",
    "empty=merged_to&present=contact",
    "date_closed=2014-03-01",
    "date_closed!=2014-03-01&date_closed!=2014-03-02",
    "date_closed>=2014-02-01&date_closed<=2014-02-10",
    "date_closed>=2014-02-01&status!=Closed&start_tid=4000&end_tid=8500",
    "date_opened!=2014-03-01",
    "date_opened=2014-03-01&status!=Closed",
    "due_date!=2014-03-01&due_date>=2014-02-01",
    "empty=date_closed",
    "present=date_closed,due_date",
    "linked_asset=a-1",
    "linked_asset!=A-1",
    "linked_asset=b&linked_asset=C&status!=Closed",
    "empty=linked_asset",
    "present=linked_asset&tid=*7*",
    "children_tickets=12",
    "empty=subject&status!=Open",
    "present=summary,subject",
    "empty=custom_fields",
    "present=custom_fields&contact!=person 3",
    "custom_fields.Room=b 2&custom_fields.floor!=1",
    "custom_fields.room!=B 2&present=custom_fields.ROOM",
    "keyword!=printer&keyword!=vpn rare&status!=Closed",
];

fn make_ticket(tid: u64) -> Ticket {
    let at = usize::try_from(tid).expect("it is small");
    let start = NaiveDate::from_ymd_opt(2014, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    let hours = |hours: u64| {
        let step = TimeDelta::hours(i64::try_from(hours).expect("it is small"));
        start.map(|start| start + step)
    };
    let some = |is_some: bool, text: &str| {
        if is_some {
            text.to_owned()
        } else {
            String::new()
        }
    };
    Ticket {
        tid,
        cid: some(at % 5 > 0, &format!("C{}", at % 800)),
        company_id: tid % 7,
        company_name: "Demo".into(),
        contact: some(at % 3 > 0, &format!("Person {}", at % 501)),
        phone: some(at % 1_500 == 7, "Rare"),
        date_opened: hours(tid / 2),
        date_closed: hours(tid * 7 % 2_400).filter(|_| tid % 4 == 1),
        due_date: hours(tid * 11 % 3_000).filter(|_| tid % 3 != 1),
        status: ["Open", "Closed", "OPEN", "Waiting", ""][at * 7919 % 5].into(),
        priority: ["High", "Low", "", "low"][at / 3 % 4].into(),
        source: ["Web", "Email"][at % 2].into(),
        assigned_tech: if at % 1_000 == 1 { "few" } else { "many" }.into(),
        locked: ["", "N", "Y"][at % 3].into(),
        merged: some(at % 2 > 0, "Y"),
        merged_to: (tid % 10 == 3).then_some(tid % 9),
        linked_asset: ["", "A-1,b", " a-1 ", ",,", "c", "a-1b"][at / 7 % 6].into(),
        children_tickets: some(at % 100 == 0, "12,13"),
        subject: ["", "printer", "vpn down"][at / 2 % 3].into(),
        summary: ["rare word", "", "common"][at / 4 % 3].into(),
        custom_fields: vec![
            ("Room".into(), ["", "B 2", "b 2", "C"][at / 5 % 4].into()),
            ("Floor".into(), some(at % 300 == 2, "1")),
        ],
        ..Ticket::default()
    }
}

/// Makes a store in some segments, and the reference of the same batches; where there are more
/// than one each later batch also replaces and removes tickets of the first.
fn build(segments_count: u64) -> (Store, Reference) {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut reference = Reference::new();
    let share = TICKETS_COUNT.div_ceil(segments_count);
    for part in 0..segments_count {
        let mut batch = Batch::new();
        for tid in part * share + 1..=((part + 1) * share).min(TICKETS_COUNT) {
            batch.put(make_ticket(tid));
        }
        if part > 0 {
            for tid in (part..share).step_by(37) {
                let ticket = make_ticket(tid + 1);
                batch.put(Ticket { tid, ..ticket });
            }
            for tid in (part + 11..share).step_by(101) {
                batch.remove(tid);
            }
        }
        reference.commit(&batch).unwrap();
        store.commit(batch).unwrap();
    }
    assert_eq!(store.snapshot().check_invariants(), Ok(()));
    (store, reference)
}

fn tids(snapshot: &Snapshot, query: &Query, mode: PlanMode) -> (u64, Vec<u64>) {
    let answer = snapshot.answer_with(query, mode);
    let tids = answer.records().map(|record| record.tid()).collect();
    (answer.total(), tids)
}

#[test]
fn every_plan_finds_what_the_reference_does() {
    for segments_count in [1, 4] {
        let (store, reference) = build(segments_count);
        let snapshot = store.snapshot();
        for request in REQUESTS {
            let query: Query = request.parse().unwrap();
            let expected = (reference.total(&query), reference.tids(&query));
            // Twice, so that what the first kept is used.
            for mode in [PlanMode::default(); 2].into_iter().chain(PlanMode::all()) {
                let got = tids(&snapshot, &query, mode);
                assert!(
                    got == expected,
                    "{request} in {segments_count} under {mode:?}"
                );
            }
            let counted: Query = format!("{request}&count_only=Y").parse().unwrap();
            for mode in PlanMode::all().step_by(12) {
                let total = snapshot.answer_with(&counted, mode).total();
                assert_eq!(total, expected.0, "{request} counted under {mode:?}");
            }
        }
    }
}

#[test]
fn explain_names_each_filter() {
    let (store, _) = build(1);
    let snapshot = store.snapshot();
    let cases = [
        ("status!=Closed", "status!=", "all but a bitmap"),
        ("status!=nothing", "status!=", "all rows"),
        ("assigned_tech!=few", "uid!=", "all but a list of rows"),
        (
            "priority!=High&priority!=Low",
            "priority!=",
            "all but a union of postings",
        ),
        ("cid!=c7", "cid!=", "all but a sorted vector"),
        ("present=group", "present group", "all but a range of rows"),
        ("empty=group", "empty group", "a range of rows"),
        ("contact=person 17", "contact", "a sorted vector"),
        (
            "contact!=person 17&contact!=person 19",
            "contact!=",
            "all but a sorted vector",
        ),
        ("company_id>=3", "company_id", "a sorted vector"),
        ("linked_asset=b", "linked_asset", "a bitmap"),
        (
            "empty=linked_asset",
            "empty linked_asset",
            "all but a bitmap",
        ),
        ("empty=subject", "empty subject", "all but a bitmap"),
        ("present=custom_fields", "present custom_fields", "a bitmap"),
        (
            "custom_fields.Room=c",
            "custom_fields.Room",
            "a sorted vector",
        ),
        (
            "present=custom_fields.nowhere",
            "present custom_fields.nowhere",
            "no rows",
        ),
        ("keyword!=rare", "keyword!= \"rare\"", "all but a bitmap"),
    ];
    for (request, name, kind) in cases {
        let query: Query = request.parse().unwrap();
        // An order is made once answers without it have taken as long as making it.
        for _ in 0..100 {
            snapshot.answer(&query);
        }
        let explain = snapshot.explain(&query);
        let filter = &explain.segments[0].filters[0];
        assert_eq!((&*filter.name, filter.kind), (name, kind), "{request}");
        let (shown, end) = (explain.to_string(), format!(" rows by {kind}\n"));
        assert!(shown.contains(&format!("  filter {name}: ")) && shown.contains(&end));
    }
}

#[test]
fn one_row_is_asked_rather_than_all_of_them() {
    let (store, _) = build(1);
    let snapshot = store.snapshot();
    for request in ["linked_asset=b", "empty=summary", "present=custom_fields"] {
        let query: Query = format!("tid=4242&{request}").parse().unwrap();
        let explain = snapshot.explain(&query);
        let kind = explain.segments[0].filters[0].kind;
        assert!(kind.contains("asking each row"), "{request} by {kind}");
        assert!(
            explain.work.rows_touched < 10,
            "{request}: {}",
            explain.work.rows_touched
        );
    }
}

#[test]
fn what_was_asked_is_kept_within_the_budget() {
    let (store, _) = build(1);
    let snapshot = store.snapshot();
    let before = snapshot.memory().total();
    let query: Query = "linked_asset=b&empty=subject".parse().unwrap();
    let total = snapshot.answer(&query).total();
    let kept = snapshot.memory().total() - before;
    assert!((1_000..100_000).contains(&kept), "{kept} bytes kept");
    assert_eq!(snapshot.answer(&query).total(), total);
    assert_eq!(snapshot.memory().total() - before, kept);
}
