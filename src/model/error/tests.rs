//! What an error says, by itself.

use super::*;

#[test]
fn debug_shows_code_place_message_and_causes() {
    let failed = io::Error::other("no such device");
    let position = Position {
        line: Some(3),
        column: None,
        record: 2,
    };
    let error = Error::from(failed).at(position);
    let expected = "io: line 3, record 2: no such device";
    assert_eq!(format!("{error:?}"), expected);
    assert_eq!(format!("{error:#?}"), expected);
    let error = Error::from(ErrorKind::UnknownTicket { tid: 7 });
    assert_eq!(
        format!("{error:?}"),
        "unknown_ticket: ticket 7 is not there to be patched"
    );
}

#[test]
fn what_a_store_has_no_room_for_is_told_in_numbers() {
    let tickets = Error::from(ErrorKind::TooManyTickets { rows_max: 9 });
    assert_eq!(tickets.code(), "too_many_tickets");
    assert_eq!(tickets.to_string(), "a store holds at most 9 tickets");
    let memory = Error::from(ErrorKind::TooMuchMemory {
        bytes: 12,
        bytes_max: 10,
    });
    assert_eq!(memory.code(), "too_much_memory");
    let shown = "the store would take 12 bytes of memory but may take 10";
    assert_eq!(memory.to_string(), shown);
    assert!(!tickets.is_request() && !memory.is_request());
}
