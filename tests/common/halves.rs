//! Stores whose segments are half dead, beside references of the same commits.

use ticketdex::reference::Reference;
use ticketdex::roaring::RoaringTreemap;
use ticketdex::{Batch, Options, Snapshot, Store, Ticket};

/// Puts tickets into some segments, half of whose rows are dead, and those of a set into a
/// reference by commits of the same numbers.
pub fn make(
    tickets: &[Ticket],
    segments_count: usize,
    tids: &RoaringTreemap,
) -> (Snapshot, Reference) {
    let mut store = Store::new(Options::default().commit_rows_max(0));
    let mut reference = Reference::new();
    for part in tickets.chunks(tickets.len().div_ceil(segments_count).max(1)) {
        let stale = part.iter().map(|ticket| Ticket {
            tid: ticket.tid,
            status: "OPEN".into(),
            ..Ticket::default()
        });
        reference.commit(&Batch::new()).unwrap();
        store.commit(stale.collect::<Batch>()).unwrap();
        let inside = part.iter().filter(|it| tids.contains(it.tid));
        reference.commit(&inside.cloned().collect()).unwrap();
        store
            .commit(part.iter().cloned().collect::<Batch>())
            .unwrap();
    }
    (store.snapshot(), reference)
}
