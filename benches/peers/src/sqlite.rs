//! SQLite with the tables and indexes of [`sql`]: the peer that most programs would take.
//!
//! In memory, without a journal, on one thread; searched through an FTS5 trigram index
//! that was merged into one tree, and with the planner's statistics gathered. Text is
//! folded by the function `fold` as it comes in, so no request folds a stored text but
//! for orders by a field without an index.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Statement, params_from_iter};
use serde::ser::{SerializeMap, Serializer};
use ticketdex::{BatchChange, Cell, CountKey, CountQuery, Field, Query, Ticket};

use crate::peer::{Failure, Groups, Peer, Prepared};
use crate::scan::searchable;
use crate::sql;

/// Bytes of pages that SQLite may keep, in KiB, for whatever is not in memory anyway.
const CACHE_KIB: i64 = 512 << 10;

/// Bytes of postings that FTS5 gathers before it writes them.
const POSTINGS_BYTES: i64 = 256 << 20;

/// The most bytes of a file that is mapped.
const MAPPED_BYTES: i64 = 64 << 30;

/// A database in memory.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Makes a database of tickets, with every index.
    pub fn build(
        tickets: impl Iterator<Item = Result<Ticket, ticketdex::Error>>,
    ) -> Result<Sqlite, Failure> {
        let sqlite = Sqlite::empty()?;
        let connection = &sqlite.connection;
        connection.execute_batch(&sql::schema())?;
        connection.execute_batch("BEGIN")?;
        {
            let mut insert = connection.prepare(&insert("INSERT"))?;
            let mut insert_text = connection.prepare("INSERT INTO texts VALUES (?, ?)")?;
            for ticket in tickets {
                let ticket = ticket?;
                insert.execute(params_from_iter(values(&ticket)))?;
                insert_text.execute((ticket.tid.cast_signed(), searchable(&ticket, sql::fold)))?;
            }
        }
        connection.execute(
            "INSERT INTO trigrams (trigrams, rank) VALUES ('hashsize', ?)",
            [POSTINGS_BYTES],
        )?;
        connection.execute_batch(
            "INSERT INTO trigrams (trigrams) VALUES ('rebuild');
            INSERT INTO trigrams (trigrams) VALUES ('optimize');
            COMMIT;",
        )?;
        connection.execute_batch(&sql::indexes())?;
        Ok(sqlite)
    }

    /// Reads a database into memory from the file that [`save`](Sqlite::save) wrote.
    pub fn open(path: &Path) -> Result<Sqlite, Failure> {
        let mut sqlite = Sqlite::empty()?;
        let file = Connection::open(path)?;
        copy(&file, &mut sqlite.connection)?;
        Ok(sqlite)
    }

    /// Opens the file that [`save`](Sqlite::save) wrote, to be read where it is: mapped, so that
    /// several connections share one copy of it.
    pub fn open_mapped(path: &Path) -> Result<Sqlite, Failure> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        with_fold(connection)
    }

    /// Answers a query as JSON: the number of matches, or the rows of the page one a line.
    pub fn respond_json(&self, query: &Query) -> Result<Vec<u8>, Failure> {
        if query.is_count_only() {
            return Ok(format!("{}\n", self.total(query)?.unwrap_or_default()).into_bytes());
        }
        let names = Field::ALL.map(Field::name);
        let statement = sql::page(query, &names.join(", "));
        let mut prepared = self.connection.prepare_cached(&statement.text)?;
        let mut rows = prepared.query(params_from_iter(&statement.values))?;
        let mut body = Vec::new();
        while let Some(row) = rows.next()? {
            write_row(row, &names, &mut body)?;
            body.push(b'\n');
        }
        Ok(body)
    }

    /// Writes the database to a file.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        copy(&self.connection, &mut Connection::open(path)?)
    }

    /// Returns how many tickets there are.
    pub fn tickets_count(&self) -> Result<u64, Failure> {
        let count = "SELECT count(*) FROM tickets";
        let count: i64 = self.connection.query_row(count, [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Applies changes as one transaction, all indexes kept; each change with the ticket as
    /// it is afterwards, or none where it is removed.
    pub fn write(&self, changes: &[(BatchChange, Option<Ticket>)]) -> Result<(), Failure> {
        self.connection.execute_batch("BEGIN")?;
        for (change, after) in changes {
            match (change, after) {
                (BatchChange::Put(ticket), _) => {
                    self.put_text(ticket.tid, Some(&searchable(ticket, sql::fold)))?;
                    let mut put = self.connection.prepare_cached(&insert("REPLACE"))?;
                    put.execute(params_from_iter(values(ticket)))?;
                }
                (BatchChange::Patch(tid, patch), Some(after)) => {
                    if patch.values().any(|(field, _)| field.is_searchable()) {
                        self.put_text(*tid, Some(&searchable(after, sql::fold)))?;
                    }
                    let names = patch.values().map(|(field, _)| field.name());
                    let sets: Vec<String> = names.map(|name| format!("{name} = ?")).collect();
                    let update = format!("UPDATE tickets SET {} WHERE tid = ?", sets.join(", "));
                    let new = patch.values().map(|(field, _)| value(after, field));
                    let tid = Value::Integer(tid.cast_signed());
                    let mut update = self.connection.prepare_cached(&update)?;
                    update.execute(params_from_iter(new.chain([tid])))?;
                }
                (BatchChange::Remove(tid), _) => {
                    self.put_text(*tid, None)?;
                    let delete = "DELETE FROM tickets WHERE tid = ?";
                    let mut delete = self.connection.prepare_cached(delete)?;
                    delete.execute([tid.cast_signed()])?;
                }
                (other, _) => return Err(format!("no statement for {other:?}").into()),
            }
        }
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Replaces the searchable text of a ticket, or removes it; the trigram index needs the
    /// old one to find what to take back.
    fn put_text(&self, tid: u64, text: Option<&str>) -> Result<(), Failure> {
        let (tid, connection) = (tid.cast_signed(), &self.connection);
        let mut old = connection.prepare_cached("SELECT text FROM texts WHERE tid = ?")?;
        let old: Option<String> = old.query_row([tid], |row| row.get(0)).optional()?;
        if let Some(old) = old {
            let take_back = "INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', ?, ?)";
            connection.prepare_cached(take_back)?.execute((tid, old))?;
            let delete = "DELETE FROM texts WHERE tid = ?";
            connection.prepare_cached(delete)?.execute([tid])?;
        }
        if let Some(text) = text {
            let insert = "INSERT INTO texts VALUES (?, ?)";
            connection.prepare_cached(insert)?.execute((tid, text))?;
            let index = "INSERT INTO trigrams (rowid, text) VALUES (?, ?)";
            connection.prepare_cached(index)?.execute((tid, text))?;
        }
        Ok(())
    }

    /// Sets the number of the commit that last wrote a ticket.
    pub fn set_version(&self, tid: u64, version: u64) -> Result<(), Failure> {
        let update = "UPDATE tickets SET version = ? WHERE tid = ?";
        let mut update = self.connection.prepare_cached(update)?;
        update.execute([version, tid].map(u64::cast_signed))?;
        Ok(())
    }

    /// Makes ready to be timed the page that follows a ticket in the order, found by the values of
    /// its keys.
    pub fn prepare_after<'a>(&'a self, query: &Query, tid: u64) -> Result<Prepared<'a>, Failure> {
        let columns = Field::ALL.map(Field::name).join(", ");
        self.timed(&sql::page_after(
            query,
            &columns,
            self.place_of(query, tid)?,
        ))
    }

    /// Returns the tids of that page.
    pub fn tids_after(&self, query: &Query, tid: u64) -> Result<Vec<u64>, Failure> {
        self.tids_of(&sql::page_after(query, "tid", self.place_of(query, tid)?))
    }

    /// Returns the values of the order's keys of a ticket, and its number.
    fn place_of(&self, query: &Query, tid: u64) -> Result<Vec<Value>, Failure> {
        let (mut statement, values) = self.prepare(&sql::place_of(query, tid))?;
        let columns_count = statement.column_count();
        Ok(statement.query_row(params_from_iter(values), |row| {
            (0..columns_count).map(|at| row.get(at)).collect()
        })?)
    }

    fn groups_of(&self, query: &CountQuery, key: &CountKey) -> Result<Vec<(String, u64)>, Failure> {
        let statement = sql::groups(query, key);
        let mut prepared = self.connection.prepare_cached(&statement.text)?;
        let groups = prepared.query_map(params_from_iter(statement.values), |row| {
            let value = match row.get_ref(0)? {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Integer(integer) => integer.to_string(),
                _ => String::new(),
            };
            Ok((value, row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
        Ok(groups.collect::<Result<_, _>>()?)
    }

    fn tids_of(&self, statement: &sql::Statement) -> Result<Vec<u64>, Failure> {
        let (mut statement, values) = self.prepare(statement)?;
        let tids = statement.query_map(params_from_iter(values), |row| row.get::<_, i64>(0))?;
        let tids: Result<Vec<u64>, _> = tids.map(|tid| tid.map(i64::cast_unsigned)).collect();
        Ok(tids?)
    }

    /// Makes a statement ready: each call reads every column of every row.
    fn timed<'a>(&'a self, statement: &sql::Statement) -> Result<Prepared<'a>, Failure> {
        let (mut statement, values) = self.prepare(statement)?;
        let columns = statement.column_count();
        Ok(Box::new(move || {
            let mut rows = statement.query(params_from_iter(&values))?;
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    bytes += match row.get_ref(column)? {
                        ValueRef::Text(text) => text.len() as u64,
                        _ => 8,
                    };
                }
            }
            Ok(bytes)
        }))
    }

    fn empty() -> Result<Sqlite, Failure> {
        let connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        with_fold(connection)
    }

    fn prepare(&self, statement: &sql::Statement) -> Result<(Statement<'_>, Vec<Value>), Failure> {
        let prepared = self.connection.prepare(&statement.text)?;
        Ok((prepared, statement.values.clone()))
    }
}

/// Gives a connection the functions of [`sql`].
fn with_fold(connection: Connection) -> Result<Sqlite, Failure> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, function) in [
        ("fold", sql::fold as fn(&str) -> String),
        ("elements", sql::elements),
    ] {
        connection.create_scalar_function(name, 1, flags, move |call| {
            Ok(function(call.get_raw(0).as_str()?))
        })?;
    }
    Ok(Sqlite { connection })
}

/// Writes a row as a JSON object.
fn write_row(row: &Row<'_>, names: &[&str], out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut json = serde_json::Serializer::new(out);
    let mut object = json.serialize_map(Some(names.len()))?;
    for (column, name) in names.iter().enumerate() {
        match row.get_ref(column)? {
            ValueRef::Integer(integer) => object.serialize_entry(name, &integer)?,
            ValueRef::Text(text) => object.serialize_entry(name, str::from_utf8(text)?)?,
            _ => object.serialize_entry(name, "")?,
        }
    }
    Ok(object.end()?)
}

fn copy(from: &Connection, to: &mut Connection) -> Result<(), Failure> {
    Ok(Backup::new(from, to)?.run_to_completion(i32::MAX, Duration::ZERO, None)?)
}

impl Peer for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn total(&self, query: &Query) -> Result<Option<u64>, Failure> {
        let (mut statement, values) = self.prepare(&sql::count(query))?;
        let total: i64 = statement.query_row(params_from_iter(values), |row| row.get(0))?;
        Ok(Some(total.cast_unsigned()))
    }

    fn tids(&self, query: &Query) -> Result<Option<Vec<u64>>, Failure> {
        Ok(Some(self.tids_of(&sql::page(query, "tid"))?))
    }

    fn prepare<'a>(&'a self, query: &Query) -> Result<Option<Prepared<'a>>, Failure> {
        let statement = if query.is_count_only() {
            sql::count(query)
        } else {
            sql::page(query, &Field::ALL.map(Field::name).join(", "))
        };
        Ok(Some(self.timed(&statement)?))
    }

    fn groups(&self, query: &CountQuery) -> Result<Option<Groups>, Failure> {
        let groups = query.keys().iter().map(|key| self.groups_of(query, key));
        Ok(Some(groups.collect::<Result<_, _>>()?))
    }

    fn export_json(&self) -> Result<Option<u64>, Failure> {
        let names = Field::ALL.map(Field::name);
        let columns = names.join(", ");
        let text = format!("SELECT {columns} FROM tickets ORDER BY tid");
        let mut statement = self.connection.prepare(&text)?;
        let mut rows = statement.query([])?;
        let (mut bytes, mut line) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            line.clear();
            write_row(row, &names, &mut line)?;
            bytes += line.len() as u64;
        }
        Ok(Some(bytes))
    }
}

/// Returns the statement that puts a ticket in, by `INSERT` or by `REPLACE`.
fn insert(verb: &str) -> String {
    let marks = vec!["?"; Field::ALL.len()].join(", ");
    let names = Field::ALL.map(Field::name).join(", ");
    format!("{verb} INTO tickets ({names}) VALUES ({marks})")
}

/// Returns the values of a ticket as columns of `tickets`.
fn values(ticket: &Ticket) -> impl Iterator<Item = Value> {
    Field::ALL.into_iter().map(|field| value(ticket, field))
}

fn value(ticket: &Ticket, field: Field) -> Value {
    match ticket.cell(field) {
        Cell::Text(text) => Value::Text(text.to_owned()),
        Cell::Integer(integer) => Value::Integer(integer.cast_signed()),
        Cell::OptionalInteger(integer) => {
            integer.map_or(Value::Null, |integer| Value::Integer(integer.cast_signed()))
        }
        Cell::Date(date) => date.map_or(Value::Null, |date| Value::Integer(sql::seconds(date))),
        Cell::CustomFields(pairs) => Value::Text(custom_object(pairs)),
        other => unreachable!("{other:?} has no column"),
    }
}

/// Returns custom fields as a JSON object, names in lower case; of two the first counts.
fn custom_object(pairs: &[(String, String)]) -> String {
    let mut object = serde_json::Map::new();
    for (name, text) in pairs {
        object
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| text.as_str().into());
    }
    serde_json::Value::Object(object).to_string()
}
