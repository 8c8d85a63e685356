//! Orders made before the requests that use them come.

use super::bucket;
use super::order::{Order, filtered_by};
use crate::query::Query;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Makes the orders that answers to a query walk along, and returns whether all of them are there: that
    /// of the first key, and where each key before has few values, that of the first with many.
    ///
    /// Answers make an order themselves once those before them have lost enough time without it. The
    /// order of a long text (`subject` or `summary`) is the
    /// exception: among more than 100,000 rows no answer makes it, because that takes about a second
    /// among a million, and each answer selects its rows from all matches instead. At first that takes 0.1 µs
    /// a match; once answers have read as many texts as there are, their first bytes are kept, and it
    /// takes some nanoseconds.
    /// A service that is asked for such an order calls this once it has loaded its tickets, on a thread
    /// that nobody waits for.
    ///
    /// The orders belong to the segments of the snapshot, so later snapshots that share them have
    /// them too. A merge makes a new segment, which starts without. Where the store has a memory
    /// budget without room for an order, the order is left out and `false` is returned.
    ///
    /// # Cost
    ///
    /// About 50 ns a row for most fields, 1 µs a row for long texts; nothing for orders that are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Query, Store, Ticket};
    ///
    /// let ticket = |tid| Ticket { tid, summary: format!("Report {}", 9 - tid), ..Ticket::default() };
    /// let snapshot = Store::from_tickets((1..=9).map(ticket))?.snapshot();
    /// let query: Query = "order=summary&count=1".parse()?;
    /// assert!(snapshot.warm(&query));
    /// assert_eq!(snapshot.answer(&query).records().next().unwrap().tid(), 9);
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn warm(&self, query: &Query) -> bool {
        let order = Order::resolve(query.order(), false, self, filtered_by(query)).0;
        let segments = self.segments().iter().map(|live| &live.segment);
        let mut is_warm = true;
        for segment in segments {
            for (index, &key) in order.within(segment).keys.iter().enumerate() {
                // The rows of each of a few values are taken in the order of the keys that follow.
                let has_few = bucket::sets_count(segment, key).is_some();
                if index == 0 || !has_few {
                    is_warm &= segment.order(key.slot).is_some();
                }
                if !has_few {
                    break;
                }
            }
        }
        is_warm
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Field;
    use crate::segment::Slot;
    use crate::{Query, Store, Ticket};

    #[test]
    fn the_order_within_few_values_is_made_too() {
        let ticket = |tid: u64| Ticket {
            tid,
            status: ["Open", "Closed"][tid as usize % 2].into(),
            priority: ["Low", "High", ""][tid as usize % 3].into(),
            contact: format!("c{tid}"),
            summary: format!("Report {}", 1_000 - tid),
            ..Ticket::default()
        };
        let warmed = |request: &str| {
            let snapshot = Store::from_tickets((1..=999).map(ticket))
                .unwrap()
                .snapshot();
            let query: Query = request.parse().unwrap();
            assert!(snapshot.warm(&query));
            let segment = &snapshot.segments()[0].segment;
            let is_there = |field: &Field| segment.has_order(Slot::Field(*field));
            let fields = [
                Field::Status,
                Field::Priority,
                Field::Contact,
                Field::Summary,
            ];
            fields.into_iter().filter(is_there).collect::<Vec<_>>()
        };
        assert_eq!(
            warmed("order=status,summary"),
            [Field::Status, Field::Summary]
        );
        assert_eq!(
            warmed("order=status,priority,summary,contact"),
            [Field::Status, Field::Summary]
        );
        assert_eq!(warmed("order=status,priority"), [Field::Status]);
        assert_eq!(warmed("order=contact,summary"), [Field::Contact]);
        assert_eq!(warmed("order=summary,status"), [Field::Summary]);
    }
}
