//! The result of counting by value, as plain data.
//!
//! The rest of the folder makes these types; they depend on no snapshot, so that a caller can keep them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::query::CountKey;

/// How many tickets match, and how many of them have each value of each key.
///
/// It owns its values, so it may outlive the snapshot. [`write_to`](Counts::write_to) writes it as a
/// response, and `serde` for other programs: `count`, and in `by`, for each key, `field`, `distinct` and
/// `groups` of `value` and `count`. Counts are numbers, and values are plain text.
///
/// # Examples
///
/// ```
/// use ticketdex::{CountQuery, Store, Ticket};
///
/// let ticket = |(tid, status): (u64, &str)| Ticket { tid, status: status.into(), ..Ticket::default() };
/// let tickets = [(1, "open"), (2, "Closed"), (3, "Open")].map(ticket);
/// let query: CountQuery = "action=count_tickets&by=status".parse()?;
/// let counts = Store::from_tickets(tickets)?.snapshot().count_by(&query);
/// assert_eq!(counts.total(), 3);
/// let groups = counts.by()[0].groups().iter();
/// let shown: Vec<(&str, u64)> = groups.map(|it| (it.value(), it.count())).collect();
/// assert_eq!(shown, [("Open", 2), ("Closed", 1)]);
/// assert_eq!(
///     serde_json::to_string(&counts).unwrap(),
///     r#"{"count":3,"by":[{"field":"status","distinct":2,"groups":[{"value":"Open","count":2},{"value":"Closed","count":1}]}]}"#
/// );
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Counts {
    #[serde(rename = "count")]
    pub(super) total: u64,
    pub(super) by: Vec<KeyCounts>,
}

impl Counts {
    /// Returns the number of tickets that match all filters, also where a key was counted without some.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the counts of each key, in the order in which they were asked for.
    pub fn by(&self) -> &[KeyCounts] {
        &self.by
    }
}

/// Prints the counts but no values, which may not belong in a log.
impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts")
            .field("total", &self.total)
            .field("by", &self.by)
            .finish()
    }
}

/// How many tickets have each value of one key.
///
/// # Examples
///
/// ```
/// use ticketdex::{CountQuery, Store, Ticket};
///
/// let ticket = |tid: u64| Ticket { tid, cid: format!("c{}", tid % 4), ..Ticket::default() };
/// let snapshot = Store::from_tickets((1..=10).map(ticket))?.snapshot();
/// let counts = snapshot.count_by(&"action=count_tickets&by=CID&top=1".parse::<CountQuery>()?);
/// let cids = &counts.by()[0];
/// assert_eq!((cids.key().to_string().as_str(), cids.distinct()), ("cid", 4));
/// assert_eq!((cids.groups()[0].value(), cids.groups()[0].count()), ("c1", 3));
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct KeyCounts {
    #[serde(rename = "field", serialize_with = "serialize_key")]
    pub(super) key: CountKey,
    pub(super) distinct: u64,
    pub(super) groups: Vec<Group>,
}

fn serialize_key<S: Serializer>(key: &CountKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

impl KeyCounts {
    /// Returns the key: a custom field in the store's spelling, or in the request's where the store has
    /// no such field. It prints as a response names it.
    pub fn key(&self) -> &CountKey {
        &self.key
    }

    /// Returns how many groups there are, including those that `top` leaves out.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Returns the groups. Those of dates and integers ascend, none first; all others are sorted by count,
    /// the highest first, and then by folded value.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// Prints the key and the numbers of groups.
impl fmt::Debug for KeyCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCounts")
            .field("key", &self.key)
            .field("distinct", &self.distinct)
            .field("groups_count", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// The tickets that have one value of a key.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    pub(super) value: String,
    pub(super) count: u64,
}

impl Group {
    /// Returns the value as plain text.
    ///
    /// A text is in the least of the spellings that counted tickets have, by code point. An integer is
    /// its digits, a date `2014`, `2014-02` or `2014-02-01`. No value is the empty text, or `0` where 0
    /// stands for none.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns how many tickets have the value, 1 or more.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Prints the count and not the value.
impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
