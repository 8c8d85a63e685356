//! Blocks of records, parsed into tickets.
//!
//! A block is parsed on whatever thread has it, so what a parser knows of an input, such as the
//! columns of its header, is shared and never changes.

use std::io::BufRead;

#[cfg(feature = "csv")]
use super::csv::Columns;
use super::record::read_record;
use super::room::Room;
use super::source::{self, Block, Framer};
use super::xml::XmlTickets;
use super::{Fault, ImportFormat, RECORDS_MAX};
use crate::model::Ticket;
use crate::model::error::{Error, Position};

/// The tickets of one block and what befell the others.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) tickets: Vec<Ticket>,
    /// Where the record of each ticket starts.
    pub(super) positions: Vec<Position>,
    /// The errors of skipped records, in order.
    pub(super) skipped: Vec<Error>,
    /// What ended the import after these tickets.
    pub(super) end: Option<Error>,
    pub(super) bytes_read: u64,
    room: Room,
}

impl Parsed {
    pub(super) fn clear(&mut self) {
        self.room.take(&mut self.tickets);
        self.positions.clear();
        self.skipped.clear();
        self.end = None;
    }

    /// Takes in what a record came to; false where the import ends with it.
    fn take(
        &mut self,
        outcome: Result<Ticket, Fault>,
        position: Position,
        skips_bad: bool,
    ) -> bool {
        let outcome = outcome.map(|ticket| self.tickets.push(ticket));
        self.note(outcome, position, skips_bad)
    }

    /// Notes what a record came to, whose ticket is in already if it has one.
    fn note(&mut self, outcome: Result<(), Fault>, position: Position, skips_bad: bool) -> bool {
        match outcome {
            Ok(()) => self.positions.push(position),
            Err(Fault::Record(error)) if skips_bad => self.skipped.push(error.at(position)),
            Err(fault) => self.end = Some(fault.into_error().at(position)),
        }
        self.end.is_none()
    }

    pub(super) fn parse(&mut self, parser: &Parser, block: &mut Block, skips_bad: bool) {
        self.clear();
        self.bytes_read = block.bytes_read;
        let is_through = match parser {
            Parser::Alone(format) => self.parse_by(block, skips_bad, |bytes, room, tickets| {
                read_record(*format, bytes, room, tickets)
            }),
            #[cfg(feature = "csv")]
            Parser::Csv(columns) => {
                let mut splitter = columns.splitter();
                self.parse_by(block, skips_bad, |bytes, room, tickets| {
                    columns.read_record(&mut splitter, bytes, room, tickets)
                })
            }
        };
        if is_through {
            self.end = block.end.take();
        }
    }

    /// Parses the records of a block; false where the import ends with one of them.
    fn parse_by(
        &mut self,
        block: &Block,
        skips_bad: bool,
        mut read: impl FnMut(&[u8], &mut Room, &mut Vec<Ticket>) -> Result<(), Error>,
    ) -> bool {
        let mut records = block.records();
        records.all(|(bytes, position)| {
            let outcome = read(bytes, &mut self.room, &mut self.tickets);
            self.note(outcome.map_err(Fault::Record), position, skips_bad)
        })
    }
}

/// How the records of a framed input are read.
#[derive(Debug)]
pub(super) enum Parser {
    /// Each by itself.
    Alone(ImportFormat),
    /// By the columns of the header.
    #[cfg(feature = "csv")]
    Csv(Columns),
}

/// The tickets of an input, a block at a time, on one thread.
#[derive(Debug)]
pub(super) enum Blocks<R> {
    Framed(Parser, Box<Framer<R>>, Block),
    Xml(Box<XmlTickets<R>>),
    /// An input that is not of its format, with its error until that is told.
    Refused(Option<Error>),
}

impl<R: BufRead> Blocks<R> {
    /// Parses the next block; false at the end of the input.
    pub(super) fn next(&mut self, skips_bad: bool, parsed: &mut Parsed) -> bool {
        match self {
            Blocks::Framed(parser, framer, block) => {
                let has_more = framer.fill(block);
                if has_more {
                    parsed.parse(parser, block, skips_bad);
                }
                has_more
            }
            Blocks::Xml(tickets) => {
                parsed.clear();
                let bytes_max = tickets.bytes_read() + source::BLOCK_BYTES as u64;
                let mut records_count = 0;
                while records_count < RECORDS_MAX && tickets.bytes_read() < bytes_max {
                    let Some((position, outcome)) = tickets.next_ticket() else {
                        break;
                    };
                    records_count += 1;
                    if !parsed.take(outcome, position, skips_bad) {
                        break;
                    }
                }
                parsed.bytes_read = tickets.bytes_read();
                records_count > 0
            }
            Blocks::Refused(error) => {
                parsed.clear();
                parsed.end = error.take();
                parsed.end.is_some()
            }
        }
    }
}
