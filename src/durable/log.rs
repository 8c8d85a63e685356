//! What each commit changed, so that an image of an earlier commit can be brought up to date.
//!
//! An image holds the tickets as of one commit. The changes of later commits must be found without a
//! look at every ticket, and it must be certain that the image is of an earlier state of the same
//! database. So every commit leaves an entry in a table: the tickets that it put, each with the hash of
//! its record, those that it removed, the custom names that it added, and the *chain*, a hash of all this
//! and of the chain before it. Two stores have the same chain only after the same commits, so an
//! image with the chain of an entry is of that commit, even if files were copied and put back.
//!
//! Entries are kept only while an image needs them: those after the commit of the last image, up to
//! [`LISTED_MAX`] entries and tickets in all. A store without an image has only the entry of its last
//! commit, and this lists no tickets.
//!
//! # Invariants
//!
//! * The last commit has an entry, and so has every commit after the first entry that lists its tickets.
//! * An entry is used only if its content has the hash that its chain says, and a record only if it has
//!   the hash that the entry lists.
//!
//! # Cost
//!
//! A commit hashes its records and writes one entry of 16 bytes for each ticket; old entries are removed.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use twox_hash::XxHash3_64;

/// The entries, by the numbers of their commits.
const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");

/// The most entries after an image, together with the tickets that they list: these take a second or two to
/// index. Where there are more before the next image is written, opening indexes all tickets again. The
/// entries count themselves, as a commit may change nothing and leaves one all the same.
const LISTED_MAX: usize = 1 << 18;

/// The hash of a ticket that was removed.
const REMOVED: u64 = 0;

/// Stands for the removal of every ticket.
const ALL: Listed = Listed {
    tid: 0,
    hash: REMOVED,
};

/// A ticket that a commit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) tid: u64,
    hash: u64,
}

impl Listed {
    fn put(tid: u64, record: &[u8]) -> Listed {
        // The tid is part of the hash, so that the record of another ticket is not taken for it.
        let hash = XxHash3_64::oneshot(record) ^ tid.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Listed {
            tid,
            hash: if hash == REMOVED { !REMOVED } else { hash },
        }
    }

    /// Returns whether the ticket was removed.
    pub(super) fn is_removed(self) -> bool {
        self.hash == REMOVED
    }

    /// Returns whether a record is the one that was put.
    pub(super) fn is_of(self, record: &[u8]) -> bool {
        Listed::put(self.tid, record) == self
    }
}

/// What a commit changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The chain before the commit.
    pub(super) before: u64,
    /// The chain after the commit.
    pub(super) chain: u64,
    /// The last commit whose removals this one made the log forget; 0 where it forgot none.
    pub(super) forgotten: u64,
    /// The custom names that the commit added.
    pub(super) names: Vec<String>,
    /// The tickets that the commit changed; none where they are not listed.
    pub(super) tickets: Option<Vec<Listed>>,
}

/// The hash of what a commit changes, fed with one ticket after the other.
struct Chained(XxHash3_64);

impl Chained {
    fn new() -> Chained {
        Chained(XxHash3_64::new())
    }

    fn ticket(&mut self, ticket: Listed) {
        self.0.write_u64(ticket.tid.to_le());
        self.0.write_u64(ticket.hash.to_le());
    }

    fn finish(&self, before: u64, number: u64, names: &[String], forgotten: u64) -> u64 {
        let mut whole = XxHash3_64::new();
        for part in [before, number, self.0.finish(), forgotten] {
            whole.write_u64(part.to_le());
        }
        for name in names {
            whole.write_u64((name.len() as u64).to_le());
            whole.write(name.as_bytes());
        }
        whole.finish()
    }
}

impl Entry {
    /// Returns whether the entry lists tickets and its content has the hash that its chain says.
    pub(super) fn is_whole(&self, number: u64) -> bool {
        let mut hash = Chained::new();
        let Some(tickets) = &self.tickets else {
            return false;
        };
        for &ticket in tickets {
            hash.ticket(ticket);
        }
        hash.finish(self.before, number, &self.names, self.forgotten) == self.chain
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut number = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
        number(self.before);
        number(self.chain);
        let Some(tickets) = &self.tickets else {
            return bytes;
        };
        number(self.forgotten);
        number(tickets.len() as u64);
        for ticket in tickets {
            number(ticket.tid);
            number(ticket.hash);
        }
        for name in &self.names {
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// Reads an entry; none where the bytes are no entry.
    fn from_bytes(mut bytes: &[u8]) -> Option<Entry> {
        let mut entry = Entry {
            before: take_number(&mut bytes)?,
            chain: take_number(&mut bytes)?,
            ..Entry::default()
        };
        if bytes.is_empty() {
            return Some(entry);
        }
        entry.forgotten = take_number(&mut bytes)?;
        let count = usize::try_from(take_number(&mut bytes)?).ok()?;
        let (tickets, mut names) = bytes.split_at_checked(count.checked_mul(16)?)?;
        let ticket = |mut pair: &[u8]| {
            Some(Listed {
                tid: take_number(&mut pair)?,
                hash: take_number(&mut pair)?,
            })
        };
        entry.tickets = Some(tickets.chunks_exact(16).filter_map(ticket).collect());
        while !names.is_empty() {
            let length = usize::try_from(take_number(&mut names)?).ok()?;
            let (name, rest) = names.split_at_checked(length)?;
            entry.names.push(str::from_utf8(name).ok()?.to_owned());
            names = rest;
        }
        Some(entry)
    }
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

/// The state of the chain and of the image, which a store's journal shares with its image jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Arc<Mutex<Mark>>);

/// The values of [`Marks`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// The number of the last commit that left an entry.
    pub(super) number: u64,
    /// The chain after that commit; none where no commit has left an entry.
    pub(super) chain: Option<u64>,
    /// The commit after which commits list their tickets; none where no image needs the lists.
    pub(super) listed_after: Option<u64>,
    /// The number of tickets that the entries list.
    pub(super) listed: usize,
    /// The number of tickets that entries have listed so far, those that are gone included.
    pub(super) listed_ever: usize,
    /// That number as of the image.
    pub(super) listed_before: usize,
    /// The version of the image; none where there is no image that this store could be opened from.
    pub(super) image: Option<u64>,
}

impl Marks {
    pub(super) fn lock(&self) -> MutexGuard<'_, Mark> {
        // A panic leaves it whole, since no code that may panic runs between its changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of the commit that is being made, and the entries before it that are kept.
pub(super) struct ChangeLog {
    marks: Marks,
    hash: Chained,
    /// The changed tickets, up to [`LISTED_MAX`] of them.
    tickets: Vec<Listed>,
    /// The number of changed tickets, also above the limit.
    count: usize,
    removes_all: bool,
    names: Vec<String>,
    forgotten: u64,
    /// The commit numbers of the entries in the table, and how many tickets each lists; none before the
    /// first commit after an opening without an image.
    kept: Option<VecDeque<(u64, usize)>>,
    /// What to note once the transaction has committed.
    next: Option<Next>,
}

/// What a written entry changes once its transaction has committed.
struct Next {
    chain: u64,
    /// How many of the kept entries are removed, the oldest first.
    gone: usize,
    /// The number of the commit.
    number: u64,
    /// How many tickets the entry lists; none where it lists none.
    listed: Option<usize>,
}

impl std::fmt::Debug for ChangeLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeLog")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl ChangeLog {
    /// Continues the chain of a database whose last commit has the given number.
    pub(super) fn of(
        database: &impl ReadableDatabase,
        number: u64,
        marks: Marks,
    ) -> Result<ChangeLog, redb::Error> {
        let last = last(database)?;
        let last = last.filter(|(own, _)| *own == number);
        let mut mark = marks.lock();
        let chain = last.map(|(_, entry)| entry.chain);
        // Marks that come from an image are valid where the chain is still the one that they name.
        let is_known = mark.listed_after.is_some() && mark.chain == chain;
        let listed_after = mark.listed_after.filter(|_| is_known);
        *mark = Mark {
            number,
            chain,
            listed_after,
            image: mark.image.filter(|_| is_known),
            ..Mark::default()
        };
        let kept = listed_after.map(|_| counts(database));
        let kept = kept.transpose()?;
        let counts = kept.iter().flatten();
        mark.listed = counts.clone().map(|(_, count)| count).sum();
        // What the image holds already is left out.
        let is_later = |own: u64| listed_after.is_some_and(|after| own > after);
        let later = counts.filter(|(own, _)| is_later(*own));
        mark.listed_ever = later.map(|(_, count)| count).sum();
        drop(mark);
        Ok(ChangeLog {
            marks,
            hash: Chained::new(),
            tickets: Vec::new(),
            count: 0,
            removes_all: false,
            names: Vec::new(),
            forgotten: 0,
            kept,
            next: None,
        })
    }

    /// Returns the marks, which the images of the store share.
    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(super) fn put(&mut self, tid: u64, record: &[u8]) {
        self.add(Listed::put(tid, record));
    }

    pub(super) fn remove(&mut self, tid: u64) {
        self.add(Listed { tid, hash: REMOVED });
    }

    pub(super) fn remove_all(&mut self) {
        self.removes_all = true;
        self.add(ALL);
    }

    pub(super) fn name(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    pub(super) fn forget(&mut self, number: u64) {
        self.forgotten = number;
    }

    fn add(&mut self, ticket: Listed) {
        self.hash.ticket(ticket);
        self.count += 1;
        if self.count <= LISTED_MAX {
            self.tickets.push(ticket);
        }
    }

    /// Forgets the commit that is being made.
    pub(super) fn clear(&mut self) {
        self.hash = Chained::new();
        self.tickets = Vec::new();
        self.count = 0;
        self.removes_all = false;
        self.names.clear();
        self.forgotten = 0;
        self.next = None;
    }

    /// Writes the entry of a commit to its transaction, and removes those that no image needs.
    pub(super) fn write(
        &mut self,
        transaction: &WriteTransaction,
        number: u64,
    ) -> Result<(), redb::Error> {
        let mark = *self.marks.lock();
        // A store without a chain begins one at a random value.
        let before = mark.chain.unwrap_or_else(|| RandomState::new().hash_one(0));
        let no_entries = VecDeque::new();
        let kept = self.kept.as_ref().unwrap_or(&no_entries);
        let is_needed = |own: u64| mark.listed_after.is_some_and(|after| own > after);
        let mut gone = kept.iter().take_while(|(own, _)| !is_needed(*own)).count();
        let gone_listed: usize = kept.iter().take(gone).map(|(_, count)| count).sum();
        let entries_count = kept.len() - gone + 1;
        let is_listed = mark.listed_after.is_some()
            && !self.removes_all
            && mark.listed - gone_listed + self.count + entries_count <= LISTED_MAX;
        if !is_listed {
            gone = kept.len();
        }
        let entry = Entry {
            before,
            chain: self
                .hash
                .finish(before, number, &self.names, self.forgotten),
            forgotten: self.forgotten,
            names: std::mem::take(&mut self.names),
            tickets: is_listed.then(|| std::mem::take(&mut self.tickets)),
        };
        if self.kept.is_none() {
            transaction.delete_table(CHANGES)?;
        }
        let mut table = transaction.open_table(CHANGES)?;
        match gone.checked_sub(1).map(|last| kept[last].0) {
            Some(last) if gone > 1 => table.retain_in(..=last, |_, _| false)?,
            Some(last) => drop(table.remove(last)?),
            None => {}
        }
        table.insert(number, &*entry.to_bytes())?;
        self.next = Some(Next {
            chain: entry.chain,
            gone,
            number,
            listed: is_listed.then_some(self.count),
        });
        Ok(())
    }

    /// Takes note that the transaction has committed.
    pub(super) fn committed(&mut self) {
        if let Some(next) = self.next.take() {
            let kept = self.kept.get_or_insert_default();
            let gone: usize = kept.drain(..next.gone).map(|(_, count)| count).sum();
            let listed = next.listed.unwrap_or(0);
            kept.push_back((next.number, listed));
            let mut mark = self.marks.lock();
            mark.number = next.number;
            mark.chain = Some(next.chain);
            mark.listed = mark.listed - gone + listed;
            mark.listed_ever += listed;
            if next.listed.is_none() {
                mark.listed_after = None;
                mark.image = None;
            }
        }
        self.clear();
    }
}

/// Returns the entry of the last commit that left one.
pub(super) fn last(database: &impl ReadableDatabase) -> Result<Option<(u64, Entry)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(CHANGES) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    let Some((number, bytes)) = table.last()? else {
        return Ok(None);
    };
    let entry = Entry::from_bytes(bytes.value());
    Ok(entry.map(|entry| (number.value(), entry)))
}

/// Returns the entries after a commit, ascending; none where one of them is no entry.
pub(super) fn after(
    database: &impl ReadableDatabase,
    number: u64,
) -> Result<Option<Vec<(u64, Entry)>>, redb::Error> {
    let table = database.begin_read()?.open_table(CHANGES)?;
    let mut entries = Vec::new();
    for entry in table.range(number.saturating_add(1)..)? {
        let (number, bytes) = entry?;
        let Some(entry) = Entry::from_bytes(bytes.value()) else {
            return Ok(None);
        };
        entries.push((number.value(), entry));
    }
    Ok(Some(entries))
}

/// Returns the numbers of the entries, and how many tickets each lists.
fn counts(database: &impl ReadableDatabase) -> Result<VecDeque<(u64, usize)>, redb::Error> {
    let table = database.begin_read()?.open_table(CHANGES)?;
    let mut counts = VecDeque::new();
    for entry in table.iter()? {
        let (own, bytes) = entry?;
        let tickets = Entry::from_bytes(bytes.value()).and_then(|entry| entry.tickets);
        let count = tickets.map_or(0, |tickets| tickets.len());
        counts.push_back((own.value(), count));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use redb::Builder;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn an_entry_reads_back_and_no_change_of_it_is_believed() {
        let tickets: Vec<Listed> = (1..=20u64)
            .map(|tid| Listed::put(tid, &tid.to_le_bytes()))
            .chain([Listed { tid: 3, hash: 0 }])
            .collect();
        let names = vec!["Serial".to_owned(), "ß".to_owned()];
        let mut hash = Chained::new();
        for &ticket in &tickets {
            hash.ticket(ticket);
        }
        let entry = Entry {
            before: 77,
            chain: hash.finish(77, 9, &names, 4),
            forgotten: 4,
            names,
            tickets: Some(tickets),
        };
        assert!(entry.is_whole(9) && !entry.is_whole(10));
        let bytes = entry.to_bytes();
        assert_eq!(Entry::from_bytes(&bytes).as_ref(), Some(&entry));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let read = Entry::from_bytes(&flipped);
            assert!(read.is_none_or(|read| !read.is_whole(9)), "byte {at}");
            let cut = Entry::from_bytes(&bytes[..at]);
            assert!(cut.is_none_or(|cut| !cut.is_whole(9)), "{at} bytes");
        }
    }

    #[test]
    fn commits_that_change_nothing_do_not_leave_entries_without_end() {
        let database = Builder::new().create_with_backend(InMemoryBackend::new());
        let database = database.unwrap();
        let marks = Marks::default();
        let mut log = ChangeLog::of(&database, 0, marks.clone()).unwrap();
        // The image is of the state before the first commit.
        marks.lock().listed_after = Some(0);
        let last = LISTED_MAX as u64;
        log.kept = Some((1..last).map(|number| (number, 0)).collect());
        for (number, is_listed) in [(last, true), (last + 1, false)] {
            let transaction = database.begin_write().unwrap();
            log.write(&transaction, number).unwrap();
            transaction.commit().unwrap();
            log.committed();
            assert_eq!(marks.lock().listed_after.is_some(), is_listed, "{number}");
        }
        assert_eq!(log.kept.unwrap(), [(last + 1, 0)]);
    }

    #[test]
    fn a_record_is_of_its_ticket_alone() {
        let listed = Listed::put(7, b"record");
        assert!(listed.is_of(b"record") && !listed.is_of(b"recorc"));
        assert_ne!(Listed::put(8, b"record").hash, listed.hash);
    }
}
