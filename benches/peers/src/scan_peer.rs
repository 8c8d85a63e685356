//! The linear scan as a peer, writing with the crates that one would write with.

use std::io::Write;

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use ticketdex::{Cell, CountKey, CountQuery, Field, Query, Ticket};

use crate::peer::{Failure, Groups, Peer, Prepared};
use crate::scan::Scan;

impl Peer for Scan {
    fn name(&self) -> &'static str {
        "linear scan"
    }

    fn total(&self, query: &Query) -> Result<Option<u64>, Failure> {
        Ok(Some(Scan::total(self, query)))
    }

    fn tids(&self, query: &Query) -> Result<Option<Vec<u64>>, Failure> {
        let tickets = self.page(query).into_iter();
        Ok(Some(tickets.map(|ticket| ticket.tid).collect()))
    }

    fn prepare<'a>(&'a self, query: &Query) -> Result<Option<Prepared<'a>>, Failure> {
        let query = query.clone();
        Ok(Some(Box::new(move || {
            if query.is_count_only() {
                return Ok(Scan::total(self, &query));
            }
            let tickets = self.page(&query).into_iter();
            Ok(tickets.map(|ticket| ticket.summary.len() as u64).sum())
        })))
    }

    fn groups(&self, query: &CountQuery) -> Result<Option<Groups>, Failure> {
        let mut keys = query.keys().iter();
        let is_served = keys.all(|key| !matches!(key, CountKey::Field(field) if field.is_list()));
        let groups = || {
            query
                .keys()
                .iter()
                .map(|key| Scan::groups(self, query, key))
        };
        Ok(is_served.then(|| groups().collect()))
    }

    fn export_json(&self) -> Result<Option<u64>, Failure> {
        export(self.tickets(), |ticket, line| {
            serde_json::to_writer(&mut *line, ticket)?;
            line.push(b'\n');
            Ok(())
        })
    }

    fn export_xml(&self) -> Result<Option<u64>, Failure> {
        export(self.tickets(), |ticket, line| {
            write_xml(ticket, &mut quick_xml::Writer::new(line))
        })
    }
}

fn export(
    tickets: &[Ticket],
    write: impl Fn(&Ticket, &mut Vec<u8>) -> Result<(), Failure>,
) -> Result<Option<u64>, Failure> {
    let (mut bytes, mut line) = (0, Vec::new());
    for ticket in tickets {
        line.clear();
        write(ticket, &mut line)?;
        bytes += line.len() as u64;
    }
    Ok(Some(bytes))
}

/// Writes the elements of a response's record: what is URL-encoded there is here too.
fn write_xml<W: Write>(ticket: &Ticket, out: &mut quick_xml::Writer<W>) -> Result<(), Failure> {
    out.write_event(Event::Start(BytesStart::new("ticket")))?;
    for field in Field::ALL {
        match ticket.cell(field) {
            Cell::Text(text) => element(out, field.name(), text, field.is_url_encoded())?,
            Cell::Integer(integer) => element(out, field.name(), &integer.to_string(), false)?,
            Cell::OptionalInteger(integer) => {
                let text = integer.map(|integer| integer.to_string());
                element(out, field.name(), text.as_deref().unwrap_or(""), false)?;
            }
            Cell::Date(date) => {
                let text = date.map(|date| date.format("%-m/%-d/%Y %-I:%M:%S %p").to_string());
                element(out, field.name(), text.as_deref().unwrap_or(""), false)?;
            }
            Cell::CustomFields(pairs) => {
                out.write_event(Event::Start(BytesStart::new(field.name())))?;
                for (name, text) in pairs {
                    element(out, name, text, true)?;
                }
                out.write_event(Event::End(BytesEnd::new(field.name())))?;
            }
            other => unreachable!("{other:?} has no element"),
        }
    }
    Ok(out.write_event(Event::End(BytesEnd::new("ticket")))?)
}

fn element<W: Write>(
    out: &mut quick_xml::Writer<W>,
    name: &str,
    text: &str,
    is_encoded: bool,
) -> Result<(), Failure> {
    out.write_event(Event::Start(BytesStart::new(name)))?;
    if is_encoded {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        out.write_event(Event::Text(BytesText::from_escaped(encoded)))?;
    } else {
        out.write_event(Event::Text(BytesText::new(text)))?;
    }
    Ok(out.write_event(Event::End(BytesEnd::new(name)))?)
}
