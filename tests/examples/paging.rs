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
        "page {number}: {} of {} tickets",
        answer.count(),
        answer.total()
    );
    for record in answer.records() {
        println!("  {} {}", record.tid(), record.text(Field::Subject));
    }
    Ok(answer.records().map(|record| record.tid()).collect())
}

fn main() -> Result<(), ticketdex::Error> {
    let mut store = Store::new(Options::default());
    let mut batch = Batch::new();
    for tid in 1..=8 {
        let subject = format!("Ticket number {tid}");
        batch.put(Ticket {
            tid,
            status: "Open".into(),
            subject,
            ..Ticket::default()
        });
    }
    store.commit(batch)?;

    let held = store.snapshot();
    assert_eq!(page(&held, 1)?, [8, 7, 6]);

    // Meanwhile a ticket is opened and another one goes.
    let mut batch = Batch::new();
    batch
        .put(Ticket {
            tid: 9,
            status: "Open".into(),
            ..Ticket::default()
        })
        .remove(5);
    store.commit(batch)?;

    // The pages that follow are those of the first one.
    assert_eq!(page(&held, 2)?, [5, 4, 3]);
    assert_eq!(page(&held, 3)?, [2, 1]);
    // A page past the end is empty, and no error.
    assert_eq!(page(&held, 4)?, [0; 0]);

    // Who starts again sees the change.
    assert_eq!(page(&store.snapshot(), 1)?, [9, 8, 7]);
    Ok(())
}
