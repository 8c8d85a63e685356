//! What a durable store's file says of itself: its format, the numbers of commits, the removals.
//!
//! The number of the last commit is written with every commit, so it survives whatever the tickets
//! do. Where commits return before they are on disk a crash may lose some, and with them their
//! numbers; so that none is given twice, a run of numbers is reserved on disk before the first of
//! them is given, and what is left of it is given back when the store is closed. Who opens a file
//! with a run that was not given back goes on behind it, and tells of no removal before: whoever
//! has followed the store up to a commit that was lost must start over.

use redb::{Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

use crate::snapshot::Removal;

/// What makes a database a store: under `format`, the number of the form of all the rest. Under
/// `commit`, the number of the last commit; under `reserved`, the last of the run; under `forgotten`,
/// the last commit whose removals are not told of.
const STORE: TableDefinition<&str, u64> = TableDefinition::new("ticketdex");
const FORMAT_KEY: &str = "format";
const COMMIT_KEY: &str = "commit";
const RESERVED_KEY: &str = "reserved";
const FORGOTTEN_KEY: &str = "forgotten";

pub(super) const FORMAT: u64 = 2;

/// A store of this format is read, and becomes one of [`FORMAT`] with the first commit to it. It
/// knows no numbers: its tickets are of commit 1, and no removal is told of.
const FORMAT_UNNUMBERED: u64 = 1;

/// The removals that are told of: the number of the commit, and the ticket.
const REMOVALS: TableDefinition<(u64, u64), ()> = TableDefinition::new("removals");

/// How many numbers are reserved at once.
const RESERVED_COUNT: u64 = 1 << 20;

/// The format of a file, and the numbers of its commits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) format: u64,
    commit: u64,
    reserved: u64,
    forgotten: u64,
    /// Whether the store was written since it was opened.
    is_written: bool,
}

impl Numbers {
    /// Reads them; none in a database without a table, format 0 in another's.
    pub(super) fn read(database: &impl ReadableDatabase) -> Result<Option<Numbers>, redb::Error> {
        let transaction = database.begin_read()?;
        let tables: Vec<_> = transaction.list_tables()?.collect();
        if tables.is_empty() && transaction.list_multimap_tables()?.next().is_none() {
            return Ok(None);
        }
        let table = transaction.open_table(STORE)?;
        let number = |key: &str| -> Result<u64, redb::Error> {
            Ok(table.get(key)?.map_or(0, |number| number.value()))
        };
        Ok(Some(Numbers {
            format: number(FORMAT_KEY)?,
            commit: number(COMMIT_KEY)?,
            reserved: number(RESERVED_KEY)?,
            forgotten: number(FORGOTTEN_KEY)?,
            is_written: false,
        }))
    }

    /// Writes those of a new store.
    pub(super) fn make(transaction: &WriteTransaction) -> Result<(), redb::Error> {
        transaction.open_table(STORE)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.open_table(REMOVALS)?;
        Ok(())
    }

    /// Writes those of a new store that continues another one: the number of its last commit, the last
    /// commit whose removals are not told of, and the removals after that.
    pub(super) fn make_as_of(
        transaction: &WriteTransaction,
        commit: u64,
        forgotten: u64,
        removed: impl Iterator<Item = Removal>,
    ) -> Result<(), redb::Error> {
        Numbers::make(transaction)?;
        let mut store = transaction.open_table(STORE)?;
        store.insert(COMMIT_KEY, commit)?;
        store.insert(FORGOTTEN_KEY, forgotten)?;
        let mut removals = transaction.open_table(REMOVALS)?;
        for Removal { tid, version } in removed {
            removals.insert((version, tid), ())?;
        }
        Ok(())
    }

    /// Returns whether the format is known.
    pub(super) fn is_known(self) -> bool {
        [FORMAT, FORMAT_UNNUMBERED].contains(&self.format)
    }

    /// Returns whether a later version of the crate has written the file.
    pub(super) fn is_newer(self) -> bool {
        self.format > FORMAT
    }

    /// Returns whether the file knows numbers of commits.
    pub(super) fn is_numbered(self) -> bool {
        self.format == FORMAT
    }

    /// Returns whether numbers may have been given that the file knows nothing of.
    fn has_lost(self) -> bool {
        !self.is_written && self.reserved > self.commit
    }

    /// Returns the number of the last commit that is in the file.
    pub(super) fn commit(self) -> u64 {
        self.commit
    }

    /// Returns the last number that was given, as far as is known.
    pub(super) fn last(self) -> u64 {
        if self.has_lost() {
            self.reserved
        } else {
            self.commit
        }
    }

    /// Returns the last commit whose removals are not told of.
    pub(super) fn forgotten(self) -> u64 {
        if self.has_lost() {
            self.reserved
        } else {
            self.forgotten
        }
    }

    /// Writes the number of a commit to its transaction.
    pub(super) fn write_commit(
        self,
        transaction: &WriteTransaction,
        number: u64,
    ) -> Result<(), redb::Error> {
        if self.has_lost() {
            forget(transaction, self.forgotten())?;
        }
        let mut store = transaction.open_table(STORE)?;
        store.insert(COMMIT_KEY, number)?;
        if !self.is_numbered() {
            store.insert(FORMAT_KEY, FORMAT)?;
            transaction.open_table(REMOVALS)?;
        }
        Ok(())
    }

    /// Returns what there is once a transaction has committed that bears a number.
    ///
    /// Where it may return before it is on disk, it is made to wait if it is the first of a run, which
    /// it then reserves.
    pub(super) fn after(
        self,
        transaction: &mut WriteTransaction,
        number: u64,
        may_lose: bool,
    ) -> Result<Numbers, redb::Error> {
        let mut reserved = self.reserved;
        if may_lose && number > reserved {
            reserved = number.saturating_add(RESERVED_COUNT);
            let mut store = transaction.open_table(STORE)?;
            store.insert(RESERVED_KEY, reserved)?;
            drop(store);
            transaction.set_durability(Durability::Immediate)?;
        }
        Ok(Numbers {
            format: FORMAT,
            commit: number,
            reserved,
            forgotten: self.forgotten,
            is_written: true,
        })
    }

    /// Gives back what is left of a run, if every commit is on disk.
    pub(super) fn give_back(self, database: &Database) -> Result<(), redb::Error> {
        if !self.is_written || self.reserved <= self.commit {
            return Ok(());
        }
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        transaction.open_table(STORE)?.remove(RESERVED_KEY)?;
        Ok(transaction.commit()?)
    }
}

/// Notes tickets as removed by the commit of a number.
pub(super) fn remember(
    transaction: &WriteTransaction,
    number: u64,
    tids: impl Iterator<Item = u64>,
) -> Result<(), redb::Error> {
    let mut tids = tids.peekable();
    if tids.peek().is_some() {
        let mut removals = transaction.open_table(REMOVALS)?;
        for tid in tids {
            removals.insert((number, tid), ())?;
        }
    }
    Ok(())
}

/// Forgets the removals by a commit and by those before it.
pub(super) fn forget(transaction: &WriteTransaction, number: u64) -> Result<(), redb::Error> {
    let mut removals = transaction.open_table(REMOVALS)?;
    removals.retain_in(..=(number, u64::MAX), |_, ()| false)?;
    transaction
        .open_table(STORE)?
        .insert(FORGOTTEN_KEY, number)?;
    Ok(())
}

/// Returns the removals that are told of, by number.
pub(super) fn removals(
    database: &Database,
) -> Result<redb::Range<'static, (u64, u64), ()>, redb::Error> {
    let table = database.begin_read()?.open_table(REMOVALS)?;
    Ok(table.range::<(u64, u64)>(..)?)
}
