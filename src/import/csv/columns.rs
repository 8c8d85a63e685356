//! What the columns of a CSV input stand for, and the tickets that its records are.

use std::collections::HashMap;

use memchr::memchr_iter;

use super::column::{Column, custom_name};
use super::date_pattern::DatePattern;
use super::options::{CsvOptions, CsvOthers};
use super::split::{Splitter, too_few};
use crate::import::room::Room;
use crate::import::source::place_after;
use crate::model::draft::{Draft, Encoding};
use crate::model::error::{Error, ErrorKind, invalid_value, shorten, unknown_variable};
use crate::model::field_names::CUSTOM_PREFIX;
use crate::model::suggest::closest;
use crate::model::{CUSTOM_NAMES_MAX, Field, FieldKind, Ticket, is_custom_name};

/// The columns of an input.
#[derive(Debug)]
pub(in crate::import) struct Columns {
    targets: Vec<Column>,
    /// The names of those that are not read.
    skipped: Vec<String>,
    delimiter: u8,
    date_patterns: Vec<DatePattern>,
}

impl Columns {
    /// Reads a header.
    pub(super) fn read(header: &[u8], options: &CsvOptions) -> Result<Columns, Error> {
        let delimiter = options.delimiter_byte();
        let mut splitter = Splitter::new(delimiter);
        let values_max = 1 + memchr_iter(delimiter, header).count();
        splitter.split(header, values_max)?;
        let mut reading = Reading {
            options,
            are_mapped: vec![false; options.mapped.len()],
            seen: HashMap::new(),
            read_count: 0,
            custom_count: 0,
        };
        let mut columns = Vec::with_capacity(splitter.values().len());
        let mut skipped = Vec::new();
        for (start, name) in splitter.values() {
            let column = reading.column(name);
            let column = column.map_err(|error| place_after(error, &header[..start]))?;
            if matches!(column, Column::Skipped) {
                skipped.push(name.to_owned());
            }
            columns.push(column);
        }
        reading.check_mapped(splitter.values().map(|(_, name)| name))?;
        Ok(Columns {
            targets: columns,
            skipped,
            delimiter,
            date_patterns: options.dates.clone(),
        })
    }

    /// Returns the names of the columns that are not read, in the order of the header.
    pub(in crate::import) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Makes what takes the records apart.
    pub(in crate::import) fn splitter(&self) -> Splitter {
        Splitter::new(self.delimiter)
    }

    /// Reads a record into a ticket of the room, and appends it to others.
    pub(in crate::import) fn read_record(
        &self,
        splitter: &mut Splitter,
        record: &[u8],
        room: &mut Room,
        tickets: &mut Vec<Ticket>,
    ) -> Result<(), Error> {
        splitter.split(record, self.targets.len())?;
        let values_count = splitter.values().len();
        if values_count < self.targets.len() {
            return Err(place_after(
                too_few(values_count, self.targets.len()),
                record,
            ));
        }
        let mut draft = Draft::of(Encoding::Plain, room.ticket());
        for ((start, text), column) in splitter.values().zip(&self.targets) {
            let outcome = self.set(&mut draft, column, text);
            let outcome = outcome.map_err(|error| place_after(error, &record[..start]));
            outcome.map_err(|error| error.of_ticket(draft.tid()))?;
        }
        let tid = draft.tid();
        let outcome = draft.finish_into(tickets);
        outcome.map_err(|error| error.of_ticket(tid))
    }

    fn set(&self, draft: &mut Draft, column: &Column, text: &str) -> Result<(), Error> {
        match column {
            Column::Skipped => {}
            Column::Custom(name) => {
                if let Some(place) = draft.add_custom(name)? {
                    draft.set_custom(place, text)?;
                }
            }
            &Column::Field(field) => {
                let is_date = field.kind() == FieldKind::Date && !text.is_empty();
                if !is_date || self.date_patterns.is_empty() {
                    return draft.set_text(field, text);
                }
                let date = self.date_patterns.iter().find_map(|it| it.read(text));
                let expected = "a date in a pattern that was given";
                let date = date.ok_or_else(|| invalid_value(field.name(), text, expected))?;
                draft.set_date(field, date);
            }
        }
        Ok(())
    }
}

/// A header being read.
struct Reading<'a> {
    options: &'a CsvOptions,
    /// By mapping, whether its column is there.
    are_mapped: Vec<bool>,
    /// The variables that have a column, in lower case, with its number and its name.
    seen: HashMap<String, (u64, &'a str)>,
    read_count: u64,
    custom_count: usize,
}

impl<'a> Reading<'a> {
    /// Returns what the next column stands for.
    fn column(&mut self, name: &'a str) -> Result<Column, Error> {
        self.read_count += 1;
        let mut mapped = self.options.mapped.iter();
        let column = match mapped.position(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some(at) => {
                self.are_mapped[at] = true;
                self.options.mapped[at].1.clone()
            }
            None => self.unmapped(name)?,
        };
        let (variable, key) = match &column {
            Column::Skipped => return Ok(column),
            Column::Field(field) => (field.name().to_owned(), field.name().to_owned()),
            Column::Custom(own) => {
                self.custom_count += 1;
                let variable = format!("{CUSTOM_PREFIX}{own}");
                let key = variable.to_ascii_lowercase();
                (variable, key)
            }
        };
        if self.custom_count > CUSTOM_NAMES_MAX {
            let name = shorten(name);
            return Err(ErrorKind::TooManyCustomFields { name, tid: None }.into());
        }
        if let Some((number, first)) = self.seen.insert(key, (self.read_count, name)) {
            return Err(ErrorKind::DuplicateColumn {
                variable: shorten(&variable),
                first: (number, shorten(first)),
                second: (self.read_count, shorten(name)),
            }
            .into());
        }
        Ok(column)
    }

    fn unmapped(&self, name: &str) -> Result<Column, Error> {
        match Field::from_output_name(name) {
            // It is no variable of a column, and so left out where others are.
            Some(Field::CustomFields) if self.options.others == CsvOthers::Skip => {
                return Ok(Column::Skipped);
            }
            Some(Field::CustomFields) => {
                let expected = "a column for each custom field, named custom_fields.NAME";
                return Err(unknown_variable(name, expected));
            }
            Some(field) => return Ok(Column::Field(field)),
            None => {}
        }
        if let Some(own) = custom_name(name) {
            return Ok(Column::Custom(own));
        }
        match self.options.others {
            CsvOthers::Skip => Ok(Column::Skipped),
            CsvOthers::Custom if is_custom_name(name) => Ok(Column::Custom(name.into())),
            CsvOthers::Custom => Err(unknown_variable(name, CUSTOM_EXPECTED)),
            CsvOthers::Error => Err(unknown_variable(name, COLUMNS_EXPECTED)),
        }
    }

    fn check_mapped(&self, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
        let Some(at) = self.are_mapped.iter().position(|is_there| !is_there) else {
            return Ok(());
        };
        let name = &*self.options.mapped[at].0;
        let names: Vec<&str> = names.collect();
        let meant = match (closest(name, names.iter().copied()), &*names) {
            (Some(meant), _) => format!(" (did you mean \"{meant}\"?)"),
            (None, [only]) => format!(", and the only one is \"{}\"", shorten(only)),
            (None, _) => String::new(),
        };
        let name = shorten(name);
        Err(ErrorKind::InvalidSyntax {
            expected: "a header with every column that is mapped",
            detail: format!("no column is named \"{name}\"{meant}"),
        }
        .into())
    }
}

const COLUMNS_EXPECTED: &str = "an output variable of a ticket, custom_fields.NAME, or a column that \
    is mapped to one";

const CUSTOM_EXPECTED: &str = "a name that a custom field can have: letters, digits, _ . and -, a \
    letter or _ first";
