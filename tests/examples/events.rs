//! How do I tell a browser what changed in the list that it shows?
//!
//! Every open page lets its query stand. After each commit one call says which pages are concerned, and
//! what entered, left or changed in each; here that becomes the text of server-sent events, which a web
//! framework writes to the connection of the page (`text/event-stream`). A page that comes back says
//! which version it has seen last (`Last-Event-ID`): while the snapshot of that version is held, one
//! call tells what it missed.
//!
//! ```text
//! cargo run --example events
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use ticketdex::{
    Batch, ChangeKind, ChangedTicket, Changes, Error, Field, Patch, Query, Snapshot, Store, Ticket,
    WatchId, Watches,
};

/// The service: the store, and the pages that are open.
struct Desk {
    store: Store,
    watches: Watches,
    /// What is to be written to each page.
    outbox: BTreeMap<WatchId, String>,
}

impl Desk {
    /// Opens a page: its answer as of now, and from now on what changes in it.
    fn open(&mut self, request: &str) -> Result<(WatchId, Vec<u64>), Error> {
        let query: Query = request.parse()?;
        let answer = self.store.snapshot().answer(&query);
        let tids = answer.records().map(|record| record.tid()).collect();
        Ok((self.watches.insert(query), tids))
    }

    /// Commits a batch and writes to the pages that it concerns.
    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        let older = self.store.snapshot();
        self.store.commit(batch)?;
        for (id, changes) in self.watches.changes(&older, &self.store.snapshot())? {
            self.outbox
                .entry(id)
                .or_default()
                .push_str(&events(&changes));
        }
        Ok(())
    }
}

/// Returns an event a ticket; the last one bears the version, by which a page is whole.
fn events(changes: &Changes) -> String {
    let mut text = String::new();
    for ticket in changes.tickets() {
        let name = match ticket.kind() {
            ChangeKind::Entered => "entered",
            ChangeKind::Left => "left",
            _ => "changed",
        };
        // JSON has no line breaks, which would end the data.
        let _ = write!(text, "event: {name}\ndata: {}\n\n", data(ticket));
    }
    let version = changes.newer().version();
    let _ = write!(text, "id: {version}\nevent: seen\ndata: {version}\n\n");
    text
}

/// Returns what a page needs: of a ticket that left its number, of others what they show.
fn data(ticket: ChangedTicket<'_>) -> serde_json::Value {
    let tid = ticket.tid();
    let Some(record) = ticket.after().filter(|_| ticket.kind() != ChangeKind::Left) else {
        return serde_json::json!({ "tid": tid, "removed": ticket.after().is_none() });
    };
    let fields = ticket.fields().into_iter().map(|field| field.to_string());
    serde_json::json!({
        "tid": tid,
        "status": record.text(Field::Status),
        "subject": record.text(Field::Subject),
        "changed": fields.collect::<Vec<_>>(),
        "moved": ticket.is_moved(),
    })
}

/// Returns what a page missed that was away since a snapshot that is held.
fn missed(since: &Snapshot, now: &Snapshot, query: &Query) -> Result<String, Error> {
    Ok(events(&now.changes_since(since, query)?))
}

fn main() -> Result<(), Error> {
    let ticket = |tid| Ticket {
        tid,
        status: "Open".into(),
        subject: format!("Printer {tid}"),
        ..Ticket::default()
    };
    let mut desk = Desk {
        store: Store::from_tickets((1..=9).map(ticket))?,
        watches: Watches::new(),
        outbox: BTreeMap::new(),
    };
    let mine = "uid=lisa&status=open&order=priority DESC";
    let (page, tids) = desk.open(mine)?;
    let (other, _) = desk.open("status=closed")?;
    assert!(tids.is_empty());
    let away = desk.store.snapshot();

    let mut batch = Batch::new();
    for tid in [4, 7] {
        batch.patch(tid, Patch::new().set(Field::AssignedTech, "lisa"));
    }
    desk.commit(batch)?;
    let mut batch = Batch::new();
    batch
        .patch(7, Patch::new().set(Field::Priority, "High"))
        .remove(4);
    desk.commit(batch)?;

    let text = &desk.outbox[&page];
    print!("{text}");
    assert!(text.starts_with("event: entered\ndata: {"));
    assert!(text.contains("event: left\ndata: {\"removed\":true,\"tid\":4}\n\n"));
    assert!(text.contains("\"changed\":[\"priority\"],\"moved\":true"));
    assert!(text.ends_with("id: 3\nevent: seen\ndata: 3\n\n"));
    assert!(!desk.outbox.contains_key(&other), "nothing is closed yet");

    // Who was away hears of ticket 7 alone: 4 came and went.
    let text = missed(&away, &desk.store.snapshot(), &mine.parse()?)?;
    assert_eq!(text.matches("event: ").count(), 2);
    assert!(text.contains("event: entered") && text.contains("\"tid\":7"));

    // The page is closed.
    desk.watches.remove(page);
    assert_eq!(desk.watches.count(), 1);
    Ok(())
}
