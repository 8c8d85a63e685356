//! Places in an order: the cursor of a ticket, and on which side of one a ticket is.

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::{SortValue, compare, sort_values};
use crate::model::{Field, FieldKind, Ticket};
use crate::query::{Cursor, CursorValue, OrderKey, SortKey};

/// Returns the cursor of a ticket in an order; none where the text of a key is too long for one.
///
/// ```
/// use ticketdex::reference::{Reference, cursor_of};
/// use ticketdex::{Query, Ticket};
///
/// let query: Query = "order=cid&count=1".parse()?;
/// let ticket = |tid: u64| Ticket { tid, cid: "lisa".into(), ..Ticket::default() };
/// let reference = Reference::from_tickets([ticket(1), ticket(2)])?;
/// assert_eq!(reference.next(&query), cursor_of(query.order(), &ticket(1)));
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn cursor_of(order: &[OrderKey], ticket: &Ticket) -> Option<Cursor> {
    let is_tid = |key: &&OrderKey| key.key == SortKey::Field(Field::Tid);
    let keys_count = order.iter().take_while(|key| !is_tid(key)).count();
    let values = sort_values(&order[..keys_count], ticket).into_iter();
    let values = values.zip(order).map(|(value, key)| match value {
        SortValue::Text(text) => CursorValue::Text(text),
        SortValue::Integer(Some(0)) if is_zero_none(&key.key) => CursorValue::Number(None),
        SortValue::Integer(integer) => CursorValue::Number(integer),
        SortValue::Date(date) => CursorValue::Number(date.map(|date| {
            let seconds = (date - first_second()).num_seconds();
            seconds.unsigned_abs()
        })),
    });
    Cursor::new(order, values.collect(), ticket.tid)
}

/// Returns on which side of a cursor's place a ticket is, given what it has in the order's keys.
pub(super) fn side(
    order: &[OrderKey],
    own: &[SortValue],
    ticket: &Ticket,
    cursor: &Cursor,
) -> Ordering {
    let mut values = cursor.values().iter();
    let place: Vec<SortValue> = order
        .iter()
        .map(|OrderKey { key, .. }| match values.next() {
            // The ticket number is the last key, where it is one.
            None => SortValue::Integer(Some(cursor.tid())),
            Some(CursorValue::Text(text)) => SortValue::Text(text.clone()),
            Some(CursorValue::Number(number)) => match key {
                SortKey::Field(field) if field.kind() == FieldKind::Date => {
                    SortValue::Date(number.map(date_of))
                }
                _ if is_zero_none(key) => SortValue::Integer(Some(number.unwrap_or(0))),
                _ => SortValue::Integer(*number),
            },
        })
        .collect();
    compare(order, own, &place).then(ticket.tid.cmp(&cursor.tid()))
}

fn is_zero_none(key: &SortKey) -> bool {
    matches!(key, SortKey::Field(field) if field.kind() == FieldKind::Integer)
}

fn first_second() -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default();
    day.and_time(chrono::NaiveTime::MIN)
}

/// The date of a number of seconds from the first second of year 1; a token that was made up can
/// have any number.
fn date_of(seconds: u64) -> NaiveDateTime {
    let seconds = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
    let date = seconds.and_then(|seconds| first_second().checked_add_signed(seconds));
    date.unwrap_or(NaiveDateTime::MAX)
}
