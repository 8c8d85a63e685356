//! The room of tickets that are done with, for the next ones of an import.
//!
//! A ticket has some twenty texts, each with an allocation of its own. Where the taker leaves the
//! tickets of a block in their vector, as a load does, the next block is read into them, and a
//! long import hardly allocates.

use super::source::BLOCK_BYTES;
use crate::model::Ticket;

/// The most bytes that are kept of all texts together, as their capacities have it.
const KEPT_BYTES_MAX: usize = 4 * BLOCK_BYTES;

/// Tickets to be overwritten, and a text for whoever decodes one.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// They hold no values; each with the bytes that it keeps.
    tickets: Vec<(Ticket, usize)>,
    kept_bytes: usize,
    pub(super) scratch: String,
}

impl Room {
    /// Returns a ticket without values.
    pub(super) fn ticket(&mut self) -> Ticket {
        let (ticket, bytes) = self.tickets.pop().unwrap_or_default();
        self.kept_bytes -= bytes;
        ticket
    }

    /// Takes tickets that nobody wants any more, and leaves their vector empty.
    pub(super) fn take(&mut self, tickets: &mut Vec<Ticket>) {
        for mut ticket in tickets.drain(..) {
            let bytes = ticket.clear();
            if self.kept_bytes + bytes <= KEPT_BYTES_MAX {
                self.kept_bytes += bytes;
                self.tickets.push((ticket, bytes));
            }
        }
        self.scratch.clear();
        self.scratch.shrink_to(BLOCK_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_kept_without_values_and_within_the_bound() {
        let ticket = |bytes: usize| Ticket {
            tid: 7,
            summary: "x".repeat(bytes),
            merged_to: Some(3),
            custom_fields: vec![("a".into(), "b".into())],
            ..Ticket::default()
        };
        let mut room = Room::default();
        let mut tickets = vec![ticket(10), ticket(KEPT_BYTES_MAX), ticket(20)];
        room.take(&mut tickets);
        assert!(tickets.is_empty());
        let (last, first, other) = (room.ticket(), room.ticket(), room.ticket());
        assert!(last.summary.capacity() >= 20 && first.summary.capacity() >= 10);
        assert!(first.summary.capacity() < KEPT_BYTES_MAX);
        assert_eq!([last, first, other], [(); 3].map(|()| Ticket::default()));
        assert_eq!(room.kept_bytes, 0);
    }
}
