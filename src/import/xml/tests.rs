use std::io::Read;

use super::*;

#[test]
fn values_keep_their_white_space_and_lose_their_escapes() {
    let input = "<?xml version='1.0'?><!-- c --><TICKETS>\r\n<Ticket><tid>&#x37;</tid>\
        <subject> a\r\nb&amp;<!-- c --><![CDATA[<c>]]> </subject><cid/><CID>later</CID>\
        <custom_fields>\n<A>1+2</A><a>3</a></custom_fields></Ticket></TICKETS>\n";
    let mut tickets = XmlTickets::new(Started::new(input.as_bytes()), false, 1 << 20);
    let ticket = tickets.next_ticket().unwrap().1.unwrap();
    let expected = Ticket {
        tid: 7,
        subject: " a\nb&<c> ".into(),
        custom_fields: vec![("A".into(), "1 2".into())],
        ..Ticket::default()
    };
    assert_eq!(ticket, expected);
    assert!(tickets.next_ticket().is_none());
}

#[test]
fn the_bound_ends_the_input() {
    let mut metered = Metered::new(Started::new(&b"abcdef"[..]), 4);
    let mut read = Vec::new();
    metered.read_to_end(&mut read).unwrap();
    assert_eq!((&*read, metered.bytes_left), (&b"abcd"[..], 0));
    // So it does inside of a name, a text and a comment; what an encoding breaks is told too.
    for (input, expected) in [
        ("<tickets><ticket><tid>", "bound"),
        ("<tickets><ticket><tid>123456789", "bound"),
        ("<tickets><!-- comment comment ", "bound"),
        (
            "<?xml version='1.0' encoding='latin-1'?><tickets/>",
            "UTF-8",
        ),
        (
            "<?xml version='1.0' encoding=latin?><tickets/>",
            "declaration",
        ),
    ] {
        let bound = if expected == "bound" {
            input.len() - 1
        } else {
            1 << 10
        };
        let mut tickets = XmlTickets::new(Started::new(input.as_bytes()), false, bound);
        let Some((_, Err(Fault::Input(error)))) = tickets.next_ticket() else {
            panic!("{input}");
        };
        assert!(error.to_string().contains(expected), "{input}: {error}");
    }
}

/// A reader that fails behind some bytes.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("unplugged"));
        }
        self.0.read(out)
    }
}

#[test]
fn a_failure_of_the_reader_is_told_also_behind_a_bad_ticket() {
    for (bad, is_told) in [
        ("<ticket><tid>1</cid>", true),
        ("<ticket>&x;", true),
        // The reader fails before it is known where the ticket ends.
        ("<ticket><tid>1</tid><a b=c>", false),
    ] {
        let input = format!("<tickets>{bad}");
        let reader = io::BufReader::new(Failing(input.as_bytes()));
        let mut tickets = XmlTickets::new(Started::new(reader), true, 1 << 20);
        let outcomes = std::iter::from_fn(|| tickets.next_ticket());
        let mut faults: Vec<Fault> = outcomes.map(|(_, outcome)| outcome.unwrap_err()).collect();
        let last = faults.pop().unwrap();
        assert!(matches!(last, Fault::Input(_)), "{input}");
        assert_eq!(last.into_error().code(), "io", "{input}");
        let are_records = faults.iter().all(|it| matches!(it, Fault::Record(_)));
        assert!(
            are_records && faults.len() == usize::from(is_told),
            "{input}"
        );
    }
}
