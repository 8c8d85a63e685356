//! How do I page through tickets while others change them?
//!
//! Pages of one snapshot never overlap and never miss a ticket, whatever is committed
//! between them: whoever pages holds the snapshot. A new snapshot shows what changed.
//!
//! ```text
//! cargo run --example paging
//! ```

use ticketdex::{Batch, Field, Options, Query, Snapshot, Store, Ticket};

/// Returns the tids of one page of three, the newest tickets first.
fn page(snapshot: &Snapshot, number: u64) -> Result<Vec<u64>, ticketdex::Error> {
    let request = format!("tid=*&status=Open&order=tid+DESC&count=3&page={number}");
    let query: Query = request.parse()?;
    let answer = snapshot.answer(&query);
    println!(
        "  page {number}: {} of {} open tickets",
        answer.count(),
        answer.total()
    );
    for record in answer.records() {
        println!("    {} {}", record.tid(), record.text(Field::Subject));
    }
    Ok(answer.records().map(|record| record.tid()).collect())
}

fn open_ticket(tid: u64) -> Ticket {
    Ticket {
        tid,
        status: "Open".into(),
        subject: format!("Ticket number {tid}"),
        ..Ticket::default()
    }
}

fn main() -> Result<(), ticketdex::Error> {
    let mut store = Store::new(Options::default());
    let mut batch = Batch::new();
    for tid in 1..=8 {
        batch.put(open_ticket(tid));
    }
    store.commit(batch)?;

    println!("Someone reads the first page, and holds its snapshot:");
    let held = store.snapshot();
    assert_eq!(page(&held, 1)?, [8, 7, 6]);

    println!("Meanwhile ticket 9 is opened and ticket 5 removed.");
    let mut batch = Batch::new();
    batch.put(open_ticket(9)).remove(5);
    store.commit(batch)?;

    println!("In the held snapshot the pages go on as if neither had happened:");
    assert_eq!(page(&held, 2)?, [5, 4, 3]);
    assert_eq!(page(&held, 3)?, [2, 1]);
    // A page past the end is empty, and no error.
    assert_eq!(page(&held, 4)?, [0; 0]);

    println!("Who starts again, with a new snapshot, sees both:");
    let now = store.snapshot();
    assert_eq!(page(&now, 1)?, [9, 8, 7]);
    assert_eq!(page(&now, 2)?, [6, 4, 3]);

    println!("Who holds no snapshot asks for what comes after the last ticket seen:");
    let query: Query = "status=Open&order=tid+DESC&count=3".parse()?;
    let next = store.snapshot().answer(&query).next();
    let mut batch = Batch::new();
    batch.put(open_ticket(10)).remove(7);
    store.commit(batch)?;
    // A service sends the token of the cursor to its client, and gets it back with the request.
    let token = next.expect("three more are open").to_string();
    let query: Query = format!("{query}&after={token}").parse()?;
    let answer = store.snapshot().answer(&query);
    assert_eq!(
        answer
            .records()
            .map(|record| record.tid())
            .collect::<Vec<_>>(),
        [6, 4, 3]
    );
    Ok(())
}
