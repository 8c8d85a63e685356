//! What a durable store's file says of itself: its format, the numbers of commits, the removals.
//!
//! Every commit writes its number, in the same transaction as its tickets. Where commits return before
//! they are on disk, a crash may lose some of them and their numbers. So that no number is given twice,
//! a run of numbers is reserved on disk before the first of them is used, and the rest of the run is
//! given back when the store is closed. Where a file has a run that was not given back, its commits
//! continue after the run, and all removals up to there are forgotten: whoever has seen a lost commit
//! must start over. Whoever has seen the last number of the run is not told to, so the commit of that
//! number must not be lost: it reserves the next run, and waits for the disk.

use redb::{Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

use crate::snapshot::Removal;

/// The table by which a database is known as a store. It has the number of the file's format under
/// `format`, of the last commit under `commit`, the last reserved number under `reserved`, and under
/// `forgotten` the last commit whose removals are forgotten.
const STORE: TableDefinition<&str, u64> = TableDefinition::new("ticketdex");
const FORMAT_KEY: &str = "format";
const COMMIT_KEY: &str = "commit";
const RESERVED_KEY: &str = "reserved";
const FORGOTTEN_KEY: &str = "forgotten";

/// The format that is written.
pub(super) const FORMAT: u64 = 2;

/// A format that is read, and replaced by [`FORMAT`] with the first commit. It has no numbers: its
/// tickets count as of commit 1, and it has no log of removals.
const FORMAT_UNNUMBERED: u64 = 1;

/// The log of removals: the number of the commit, and the tid.
const REMOVALS: TableDefinition<(u64, u64), ()> = TableDefinition::new("removals");

/// How many numbers a run has.
const RESERVED_COUNT: u64 = 1 << 20;

/// The format of a file, and the numbers of its commits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) format: u64,
    /// The last commit in the file.
    commit: u64,
    /// The last reserved number; 0 where none is reserved.
    reserved: u64,
    /// The last commit whose removals are forgotten, according to the file.
    forgotten: u64,
    /// Whether something was committed since the store was opened.
    is_written: bool,
}

impl Numbers {
    /// Reads the numbers of a file; none for a database without tables. A table without a format has
    /// format 0.
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

    /// Writes the numbers of a new store.
    pub(super) fn make(transaction: &WriteTransaction) -> Result<(), redb::Error> {
        transaction.open_table(STORE)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.open_table(REMOVALS)?;
        Ok(())
    }

    /// Writes the numbers of a new store that continues another one: the number of its last commit, the
    /// last commit whose removals are forgotten, and the removals after that.
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

    /// Returns whether the file has commit numbers.
    pub(super) fn is_numbered(self) -> bool {
        self.format == FORMAT
    }

    /// Returns whether numbers may have been given to commits that a crash has lost.
    fn has_lost(self) -> bool {
        !self.is_written && self.reserved > self.commit
    }

    /// Returns the number of the last commit that is in the file.
    pub(super) fn commit(self) -> u64 {
        self.commit
    }

    /// Returns the last number that may have been given to a commit.
    pub(super) fn last(self) -> u64 {
        if self.has_lost() {
            self.reserved
        } else {
            self.commit
        }
    }

    /// Returns the last commit whose removals are forgotten.
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

    /// Returns the numbers as they are once the transaction of a commit has committed.
    ///
    /// Where commits may return before they are on disk, the last one of a run reserves the next run and is
    /// made to wait for the disk, as is the first one where no run is reserved.
    pub(super) fn after(
        self,
        transaction: &mut WriteTransaction,
        number: u64,
        may_lose: bool,
    ) -> Result<Numbers, redb::Error> {
        let mut reserved = self.reserved;
        if may_lose && number >= reserved {
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

    /// Gives back the rest of a run, by a transaction that is synced together with all commits before.
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

/// Adds tickets to the log of removals, as removed by a commit.
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

/// Removes the removals by a commit and by earlier ones from the log.
pub(super) fn forget(transaction: &WriteTransaction, number: u64) -> Result<(), redb::Error> {
    let mut removals = transaction.open_table(REMOVALS)?;
    removals.retain_in(..=(number, u64::MAX), |_, ()| false)?;
    transaction
        .open_table(STORE)?
        .insert(FORGOTTEN_KEY, number)?;
    Ok(())
}

/// Returns the log of removals, by commit number and tid. It may hold some that are forgotten.
pub(super) fn removals(
    database: &Database,
) -> Result<redb::Range<'static, (u64, u64), ()>, redb::Error> {
    let table = database.begin_read()?.open_table(REMOVALS)?;
    Ok(table.range::<(u64, u64)>(..)?)
}

#[cfg(test)]
mod tests {
    use redb::Builder;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn the_last_commit_of_a_run_reserves_the_next_one() {
        let database = Builder::new().create_with_backend(InMemoryBackend::new());
        let database = database.unwrap();
        let numbers = Numbers {
            format: FORMAT,
            commit: 8,
            reserved: 10,
            forgotten: 0,
            is_written: true,
        };
        let reserved_after = |number: u64, may_lose: bool| {
            let mut transaction = database.begin_write().unwrap();
            let after = numbers.after(&mut transaction, number, may_lose);
            transaction.abort().unwrap();
            after.unwrap().reserved
        };
        assert_eq!(reserved_after(9, true), 10);
        assert_eq!(reserved_after(10, true), 10 + RESERVED_COUNT);
        assert_eq!(reserved_after(11, true), 11 + RESERVED_COUNT);
        assert_eq!(reserved_after(10, false), 10);
    }
}
