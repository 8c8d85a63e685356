//! Readers that fail, stutter or end at any byte, and limits at their last value and one on
//! either side of it.
//!
//! Writers that fail at any byte are tried beside the code that writes (`src/response`), limits
//! of a ticket in `spec_ticket.rs`, and inputs of a megabyte and more in `hostile.rs`.

use std::io::{self, BufRead, Read};

use ticketdex::ImportFormat::{Delimited, Json, JsonLines, Xml};
use ticketdex::{
    Batch, Error, ErrorKind, Format, Import, ImportFormat, Options, Query, Snapshot, Store, Ticket,
};

/// Gives so many of its bytes, `step` at a time, and then fails or ends; may be interrupted
/// before each of its answers.
struct Source<'a> {
    bytes: &'a [u8],
    step: usize,
    fails: bool,
    is_interrupted: bool,
    asked: u64,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a [u8], step: usize) -> Source<'a> {
        Source {
            bytes,
            step,
            fails: false,
            is_interrupted: false,
            asked: 0,
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.asked += 1;
        if self.is_interrupted && self.asked % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.fails && self.bytes.is_empty() {
            return Err(io::Error::other("the disk is gone"));
        }
        Ok(&self.bytes[..self.bytes.len().min(self.step)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes = &self.bytes[count..];
    }
}

fn ticket(tid: u64) -> Ticket {
    Ticket {
        tid,
        subject: format!("50% <off> {tid}"),
        custom_fields: vec![("Serial".to_owned(), "X & Y".to_owned())],
        ..Ticket::default()
    }
}

fn snapshot(tickets: impl IntoIterator<Item = Ticket>) -> Snapshot {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket);
    }
    let mut store = Store::new(Options::default());
    store.commit(batch).unwrap();
    store.snapshot()
}

/// Two tickets in each form.
fn inputs() -> Vec<(ImportFormat, Vec<u8>)> {
    let tickets = [ticket(7), ticket(30)];
    let lines = tickets
        .each_ref()
        .map(|ticket| serde_json::to_string(ticket).unwrap() + "\n");
    let answer = snapshot(tickets).answer(&Query::default());
    let body = |format| {
        let mut body = Vec::new();
        answer.write_to(format, &mut body).unwrap();
        body
    };
    vec![
        (JsonLines, lines.concat().into_bytes()),
        (Json, body(Format::Json)),
        (Delimited, body(Format::Delimited)),
        (Xml, body(Format::Xml)),
        #[cfg(feature = "csv")]
        (ImportFormat::Csv, body(Format::Csv)),
    ]
}

/// Reads up to the first error.
fn read<R: BufRead>(import: Import<R>) -> (Vec<Ticket>, Option<Error>) {
    let mut tickets = Vec::new();
    for ticket in import {
        match ticket {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => return (tickets, Some(error)),
        }
    }
    (tickets, None)
}

#[test]
fn a_reader_may_fail_at_every_byte() {
    for (format, input) in inputs() {
        let (all, error) = read(Import::new(format, &*input));
        assert!(error.is_none() && all.len() == 2, "{format:?}: {error:?}");
        for count in 0..=input.len() {
            for (skips, step) in [(false, usize::MAX), (true, 1)] {
                let reader = || Source {
                    fails: true,
                    ..Source::new(&input[..count], step)
                };
                let (tickets, error) = read(Import::new(format, reader()).skip_bad(skips));
                let error = error.unwrap_or_else(|| panic!("{format:?} ends well at {count}"));
                assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
                assert!(!error.is_request() && error.position().is_some());
                assert_eq!(tickets, all[..tickets.len()], "{format:?} at {count}");

                let mut store = Store::new(Options::default());
                let import = Import::new(format, reader()).skip_bad(skips);
                assert_eq!(store.load(import).unwrap_err().code(), "io");
                assert_eq!(store.snapshot().tickets_count(), 0);
            }
        }
    }
}

#[test]
fn a_reader_may_be_interrupted_before_every_byte() {
    for (format, input) in inputs() {
        let reader = Source {
            is_interrupted: true,
            ..Source::new(&input, 1)
        };
        let (tickets, error) = read(Import::new(format, reader));
        assert!(error.is_none(), "{format:?}: {error:?}");
        assert_eq!(tickets, [ticket(7), ticket(30)], "{format:?}");
    }
}

#[test]
fn pages_go_as_far_as_numbers() {
    let snapshot = snapshot([1, 2, u64::MAX - 1, u64::MAX].map(ticket));
    let ask = |request: &str| -> Option<Vec<u64>> {
        let query: Query = request.parse().ok()?;
        let answer = snapshot.answer(&query);
        assert_eq!(answer.count(), answer.records().count() as u64);
        Some(answer.records().map(|record| record.tid()).collect())
    };
    let (before, most) = (u64::MAX - 1, u64::MAX);
    let past = "18446744073709551616";
    for count in [before, most] {
        for page in [2, before, most] {
            let request = format!("tid=*&count={count}&page={page}");
            assert_eq!(ask(&request), Some(vec![]), "{request}");
            let request = format!("tid=*&count=1&page={page}&order=tid DESC");
            let expected = if page == 2 { vec![before] } else { vec![] };
            assert_eq!(ask(&request), Some(expected), "{request}");
        }
        let all = ask(&format!("count={count}")).unwrap();
        assert_eq!(all, [1, 2, before, most]);
    }
    assert_eq!(
        ask(&format!("start_tid={before}")),
        Some(vec![before, most])
    );
    assert_eq!(ask(&format!("start_tid={most}")), Some(vec![most]));
    assert_eq!(ask(&format!("end_tid={before}")), Some(vec![1, 2, before]));
    assert_eq!(ask(&format!("tid={most}")), Some(vec![most]));
    for variable in ["count", "tid", "start_tid", "end_tid", "tid=*&count=1&page"] {
        assert_eq!(ask(&format!("{variable}={past}")), None, "{variable}");
    }
}
