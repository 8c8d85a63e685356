//! The journal of a durable store: its changes as transactions of the database.
//!
//! Changes are gathered into blocks, so that a load opens the tables once for each block and holds one
//! block in memory. The database writes what does not fit into its cache to free pages of the file,
//! which become valid only by the commit.
//!
//! # Invariants
//!
//! * Every transaction commits in two phases, so that after a crash the newest commit is either whole or
//!   was never acknowledged, and damage to it is distinguished from a write that was cut off.
//! * The database is shared with the thread that syncs it, and with nothing else.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, WriteTransaction,
};

use super::Options;
use super::fault::{
    DAMAGED, Made, NO_STORE, NOT_OPENED, NOT_READ, NOT_WRITTEN, OTHER_FORMAT, explain, invalid,
    refuse,
};
use super::file::{self, Backend, NotOpened, StoreFile};
use super::image::{self, Images};
use super::log::{ChangeLog, Marks};
use super::numbers::{self, FORMAT, Numbers};
use super::record::{Encoder, decode_into};
use super::syncer::{Syncer, sync};
use crate::journal::{Change, Journal};
use crate::model::Ticket;
use crate::model::error::{Error, ErrorKind};

/// The names of custom fields, by their index in the list.
pub(super) const NAMES: TableDefinition<u64, &str> = TableDefinition::new("custom_names");

/// The tickets, by tid, as records.
pub(super) const TICKETS: TableDefinition<u64, &[u8]> = TableDefinition::new("tickets");

/// The numbers of bytes and of changes at which a block is written to the transaction.
const BLOCK_BYTES: usize = 1 << 20;
const BLOCK_CHANGES: usize = 1 << 16;

/// The most tickets in one replayed change.
pub(super) const BLOCK_TICKETS: usize = 1024;

/// The database of a store, with the changes that are not committed yet.
pub(super) struct FileJournal {
    path: PathBuf,
    threads: usize,
    encoder: Encoder,
    /// The commit numbers, as of the last commit or of opening.
    numbers: Numbers,
    /// The number of the current transaction.
    number: u64,
    log: ChangeLog,
    images: Images,
    block: Block,
    transaction: Option<WriteTransaction>,
    syncer: Option<Syncer>,
    /// The file, which the first change releases for writing.
    file: Arc<StoreFile>,
    database: Arc<Database>,
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// An opened file, the database in it, its commit numbers, and the log of its changes.
type Opened = (Arc<StoreFile>, Database, Numbers, ChangeLog);

/// Changes that are not yet written to the transaction.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    changes: Vec<BlockChange>,
}

/// A change of a [`Block`]; the record of a put is a range of the block's bytes.
#[derive(Clone, Debug)]
enum BlockChange {
    Commit(u64),
    Name(String),
    Put(u64, Range<usize>),
    Remove(u64),
    Forget(u64),
}

impl Block {
    fn clear(&mut self) {
        self.bytes.clear();
        // The room that a long ticket took is freed.
        self.bytes.shrink_to(2 * BLOCK_BYTES);
        self.changes.clear();
    }
}

impl FileJournal {
    /// Opens the store in a file; makes the file first where there is none and the options ask for that.
    pub(super) fn open(path: &Path, options: &Options) -> Result<FileJournal, Error> {
        let opened = match FileJournal::open_file(path, options, true) {
            Err(NotOpened::Missing) if options.creates => {
                file::create(path, |aside| make_store(aside).map_err(Made::Failed))
                    .map_err(|error| error.explain(path))?;
                FileJournal::open_file(path, options, true)
            }
            opened => opened,
        };
        let opened = opened.map_err(|reason| refuse(path, reason))??;
        FileJournal::of(path, options, opened).synced(options)
    }

    /// Opens the store in a file that is locked already, with the marks and images known from it.
    pub(super) fn open_locked(
        path: &Path,
        options: &Options,
        file: Arc<StoreFile>,
        marks: Marks,
        images: Images,
    ) -> Result<FileJournal, Error> {
        file.hand_lock_over();
        let opened = FileJournal::open_database(path, options, file, marks)?;
        let mut journal = FileJournal::of(path, options, opened);
        journal.images = images;
        journal.synced(options)
    }

    /// Starts the thread that syncs, where commits do not wait for the disk.
    fn synced(mut self, options: &Options) -> Result<FileJournal, Error> {
        let syncer = options
            .at_risk
            .map(|time| Syncer::start(&self.path, &self.database, time))
            .transpose()?;
        self.syncer = syncer;
        Ok(self)
    }

    /// Opens the store in a file that stays as it is; nothing may be committed to it.
    pub(super) fn open_read_only(path: &Path, options: &Options) -> Result<FileJournal, Error> {
        let opened = FileJournal::open_file(path, options, false);
        let opened = opened.map_err(|reason| refuse(path, reason))??;
        Ok(FileJournal::of(path, options, opened))
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Opens a file and checks all of it, without changing it.
    fn open_file(
        path: &Path,
        options: &Options,
        writes: bool,
    ) -> Result<Result<Opened, Error>, NotOpened> {
        let file = StoreFile::open(path, writes)?;
        Ok(FileJournal::open_database(
            path,
            options,
            file,
            Marks::default(),
        ))
    }

    /// Opens the database in a file and checks all of it, without changing the file.
    fn open_database(
        path: &Path,
        options: &Options,
        file: Arc<StoreFile>,
        marks: Marks,
    ) -> Result<Opened, Error> {
        let opened = Builder::new()
            .set_cache_size(options.cache_bytes)
            .set_check_integrity_on_open(true)
            .create_with_backend(Backend(Arc::clone(&file)));
        let database = match opened {
            Ok(database) => database,
            Err(error) => return Err(explain(path, NOT_OPENED, error.into())),
        };
        let numbers = check_format(path, &database)?;
        let log = ChangeLog::of(&database, numbers.commit(), marks);
        let log = log.map_err(|error| explain(path, NOT_OPENED, error))?;
        Ok((file, database, numbers, log))
    }

    fn of(path: &Path, options: &Options, (file, database, numbers, log): Opened) -> FileJournal {
        FileJournal {
            file,
            path: path.to_owned(),
            threads: options.threads,
            encoder: Encoder::default(),
            numbers,
            number: numbers.last(),
            images: Images::new(image::folder(path), log.marks().clone()),
            log,
            block: Block::default(),
            transaction: None,
            syncer: None,
            database: Arc::new(database),
        }
    }

    /// Writes the block to the transaction; begins one if there is none.
    fn flush(&mut self) -> Result<(), redb::Error> {
        let transaction = match self.transaction.take() {
            Some(transaction) => transaction,
            None => self.begin()?,
        };
        // Kept in case of an error too, so that `rollback` can end it.
        let transaction = self.transaction.insert(transaction);
        let mut names = transaction.open_table(NAMES)?;
        let mut tickets = transaction.open_table(TICKETS)?;
        let mut forgotten = None;
        for change in &self.block.changes {
            match change {
                BlockChange::Commit(number) => self.numbers.write_commit(transaction, *number)?,
                BlockChange::Name(name) => {
                    names.insert(names.len()?, name.as_str())?;
                }
                BlockChange::Put(tid, range) => {
                    tickets.insert(tid, &self.block.bytes[range.clone()])?;
                }
                BlockChange::Remove(tid) => {
                    tickets.remove(tid)?;
                }
                BlockChange::Forget(number) => forgotten = Some(*number),
            }
        }
        let removed = self.block.changes.iter().filter_map(|change| match change {
            BlockChange::Remove(tid) => Some(*tid),
            _ => None,
        });
        numbers::remember(transaction, self.number, removed)?;
        if let Some(number) = forgotten {
            numbers::forget(transaction, number)?;
        }
        self.block.clear();
        Ok(())
    }

    fn append_tickets(&mut self, tickets: &[Ticket]) -> Result<(), Error> {
        for ticket in tickets {
            let Block { bytes, changes } = &mut self.block;
            let start = bytes.len();
            self.encoder.encode(ticket, self.number, bytes);
            self.log.put(ticket.tid, &bytes[start..]);
            changes.push(BlockChange::Put(ticket.tid, start..bytes.len()));
            self.flush_full()?;
        }
        Ok(())
    }

    fn flush_full(&mut self) -> Result<(), Error> {
        let Block { bytes, changes } = &self.block;
        if bytes.len() >= BLOCK_BYTES || changes.len() >= BLOCK_CHANGES {
            self.sync_earlier()?;
            self.flush()
                .map_err(|error| self.explain(NOT_WRITTEN, error))?;
        }
        Ok(())
    }

    /// Waits until earlier commits are on disk, unless a transaction has begun.
    ///
    /// A load, and a commit of more than a block, begin theirs before all changes are there. A load's lasts as
    /// long as its input, and no other thread can sync until it ends.
    fn sync_earlier(&mut self) -> Result<(), Error> {
        if self.transaction.is_some() {
            return Ok(());
        }
        self.sync()
    }

    fn begin(&self) -> Result<WriteTransaction, redb::Error> {
        // The held writes go to the file only here, so that the file of a store without commits stays as
        // it is.
        self.file.release()?;
        let mut transaction = self.database.begin_write()?;
        transaction.set_two_phase_commit(true);
        if self.syncer.is_some() {
            transaction.set_durability(Durability::None)?;
        }
        Ok(transaction)
    }

    fn remove_all(&mut self) -> Result<(), redb::Error> {
        self.flush()?;
        if let Some(transaction) = &self.transaction {
            transaction.delete_table(TICKETS)?;
            transaction.open_table(TICKETS)?;
        }
        Ok(())
    }

    fn explain(&self, reason: &'static str, error: impl Into<redb::Error>) -> Error {
        explain(&self.path, reason, error.into())
    }

    /// Hands over the number of the last commit, the last one whose removals are forgotten, and the
    /// removals after that.
    fn replay_removals(
        &self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.numbers.is_numbered() || self.numbers.last() == 0 {
            return Ok(());
        }
        take(Change::Commit(self.numbers.last()))?;
        take(Change::Forget(self.numbers.forgotten()))?;
        let explain = |error: redb::Error| self.explain(NOT_READ, error);
        let removals = numbers::removals(&self.database).map_err(explain)?;
        for entry in removals {
            let (number, tid) = entry.map_err(|error| explain(error.into()))?.0.value();
            take(Change::Commit(number))?;
            take(Change::Remove(tid))?;
        }
        Ok(())
    }

    /// Hands over every ticket of the file, in blocks that reuse the same memory.
    fn replay_tickets(
        &self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut blocks = TicketBlocks::open(&self.path, &self.database)?;
        let mut tickets = Vec::new();
        let mut numbers = Vec::new();
        while blocks.fill(&mut tickets, &mut numbers)? {
            hand_over(&tickets, &numbers, take)?;
        }
        Ok(())
    }

    /// Does the same as [`replay_tickets`](Self::replay_tickets), and reads and decodes on a second thread.
    fn replay_tickets_ahead(
        &self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        thread::scope(|scope| {
            let (full_sender, full) = sync_channel(1);
            let (empty, empty_receiver) = sync_channel(2);
            let reader = thread::Builder::new().name("ticketdex-read".to_owned());
            let reader = reader.spawn_scoped(scope, move || {
                let mut blocks = TicketBlocks::open(&self.path, &self.database)?;
                let (mut tickets, mut numbers) = (Vec::new(), Vec::new());
                while blocks.fill(&mut tickets, &mut numbers)? {
                    // The receiver is gone where a ticket was refused.
                    if full_sender.send((tickets, numbers)).is_err() {
                        break;
                    }
                    (tickets, numbers) = empty_receiver.try_recv().unwrap_or_default();
                }
                Ok(())
            });
            let Ok(reader) = reader else {
                return self.replay_tickets(take);
            };
            for (tickets, numbers) in full {
                hand_over(&tickets, &numbers, take)?;
                // Where the channel is full or closed, the reader allocates new ones.
                let _ = empty.try_send((tickets, numbers));
            }
            reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Journal for FileJournal {
    fn replay(
        &mut self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.replay_removals(take)?;
        for name in read_names(&self.database).map_err(|error| self.explain(NOT_READ, error))? {
            take(Change::Name(&name))?;
        }
        // The second thread indexes words, so a third can read ahead.
        if self.threads > 2 {
            self.replay_tickets_ahead(take)
        } else {
            self.replay_tickets(take)
        }
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), Error> {
        let changes = &mut self.block.changes;
        match change {
            Change::Commit(number) => {
                self.number = number;
                changes.push(BlockChange::Commit(number));
            }
            Change::Name(name) => {
                self.log.name(name);
                changes.push(BlockChange::Name(name.to_owned()));
            }
            Change::Forget(number) => {
                self.log.forget(number);
                changes.push(BlockChange::Forget(number));
            }
            Change::Put(tickets) => return self.append_tickets(tickets),
            Change::Remove(tid) => {
                self.log.remove(tid);
                changes.push(BlockChange::Remove(tid));
            }
            Change::RemoveAll => {
                self.log.remove_all();
                self.sync_earlier()?;
                return self
                    .remove_all()
                    .map_err(|error| self.explain(NOT_WRITTEN, error));
            }
        }
        self.flush_full()
    }

    fn commit(&mut self) -> Result<(), Error> {
        if let Some(syncer) = &self.syncer {
            syncer.check(&self.path)?;
        }
        if !self.block.changes.is_empty() {
            self.flush()
                .map_err(|error| self.explain(NOT_WRITTEN, error))?;
        }
        let Some(mut transaction) = self.transaction.take() else {
            return Ok(());
        };
        self.log
            .write(&transaction, self.number)
            .map_err(|error| self.explain(NOT_WRITTEN, error))?;
        let numbers = self
            .numbers
            .after(&mut transaction, self.number, self.syncer.is_some())
            .map_err(|error| self.explain(NOT_WRITTEN, error))?;
        transaction
            .commit()
            .map_err(|error| self.explain(NOT_WRITTEN, error))?;
        self.numbers = numbers;
        self.log.committed();
        if let Some(syncer) = &self.syncer {
            syncer.note_commit();
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.block.clear();
        self.log.clear();
        if let Some(transaction) = self.transaction.take() {
            // Where the file has failed, the next commit fails too.
            let _ = transaction.abort();
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        let Some(syncer) = &self.syncer else {
            return Ok(());
        };
        syncer.check(&self.path)?;
        sync(&self.database).map_err(|error| self.explain(NOT_WRITTEN, error))
    }

    fn part(&self) -> Option<&dyn Any> {
        Some(&self.images)
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        // A transaction that is left open would block the syncer's last sync.
        self.rollback();
        if self.syncer.take().is_some() {
            // Where that fails, the next opening takes the store for one that has crashed.
            let _ = self.numbers.give_back(&self.database);
        }
    }
}

/// Hands over tickets, given the number of each one's commit.
pub(super) fn hand_over(
    tickets: &[Ticket],
    mut numbers: &[u64],
    take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = tickets;
    while let Some(&number) = numbers.first() {
        let alike = numbers.iter().take_while(|&&other| other == number);
        let (own, others) = left.split_at(alike.count());
        take(Change::Commit(number))?;
        take(Change::Put(own))?;
        (left, numbers) = (others, &numbers[own.len()..]);
    }
    Ok(())
}

/// Reads the format and the numbers of a file; an error where the format is not known.
fn check_format(path: &Path, database: &Database) -> Result<Numbers, Error> {
    match Numbers::read(database).map_err(|error| explain(path, NOT_OPENED, error))? {
        Some(numbers) if numbers.is_known() => Ok(numbers),
        Some(numbers) if numbers.is_newer() => Err(ErrorKind::NewerStore {
            path: path.to_owned(),
            format: numbers.format,
            format_max: FORMAT,
        }
        .into()),
        Some(Numbers { format, .. }) => {
            Err(invalid(path, OTHER_FORMAT, &format!("format {format}")))
        }
        None => Err(invalid(path, NO_STORE, "it is a database without a table")),
    }
}

/// Makes a new file with an empty store.
fn make_store(path: &Path) -> Result<(), redb::Error> {
    let database = Builder::new().create(path)?;
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Numbers::make(&transaction)?;
    transaction.open_table(NAMES)?;
    transaction.open_table(TICKETS)?;
    transaction.commit()?;
    Ok(database.close()?)
}

pub(super) fn read_names(database: &Database) -> Result<Vec<String>, redb::Error> {
    let table = database.begin_read()?.open_table(NAMES)?;
    let names = table.iter()?;
    names.map(|entry| Ok(entry?.1.value().to_owned())).collect()
}

/// The tickets of a file, a block at a time.
struct TicketBlocks<'a> {
    path: &'a Path,
    records: redb::Range<'static, u64, &'static [u8]>,
}

impl TicketBlocks<'_> {
    fn open<'a>(path: &'a Path, database: &Database) -> Result<TicketBlocks<'a>, Error> {
        let records = || -> Result<_, redb::Error> {
            let table = database.begin_read()?.open_table(TICKETS)?;
            Ok(table.range::<u64>(..)?)
        };
        let records = records().map_err(|error| explain(path, NOT_READ, error))?;
        Ok(TicketBlocks { path, records })
    }

    /// Fills a block, reusing the tickets in it; false where no ticket is left.
    fn fill(&mut self, tickets: &mut Vec<Ticket>, numbers: &mut Vec<u64>) -> Result<bool, Error> {
        let mut count = 0;
        numbers.clear();
        while count < BLOCK_TICKETS {
            let Some(entry) = self.records.next() else {
                break;
            };
            let (tid, record) =
                entry.map_err(|error| explain(self.path, NOT_READ, error.into()))?;
            if tickets.len() == count {
                tickets.push(Ticket::default());
            }
            let number = decode_into(tid.value(), record.value(), &mut tickets[count])
                .map_err(|error| invalid(self.path, DAMAGED, &error.to_string()))?;
            numbers.push(number);
            count += 1;
        }
        tickets.truncate(count);
        Ok(count > 0)
    }
}
